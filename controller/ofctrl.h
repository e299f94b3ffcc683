/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_OFCTRL_H
#define CONTROLLER_OFCTRL_H 1

/* The OpenFlow connection to the integration bridge
 * =================================================
 *
 *     connect -> negotiate (OpenFlow 1.5, Geneve option) -> dump flows,
 *     groups, meters -> wait until the desired state is complete -> send the
 *     difference in one atomic bundle -> send deltas, each followed by a
 *     barrier
 *
 * The switch is never emptied: what is installed and desired is not touched.
 * A switch that comes back empty is just a large difference.
 *
 * Atomicity
 * ---------
 *
 * A change of more than one message is an atomic bundle: packets see all of
 * it or nothing.  Meters cannot be part of one; they are added before and
 * deleted after.  If the switch refuses a flow or group and with it the
 * bundle, the rest is sent again without it; if that does not help, message by
 * message, so that one bad flow does not block the others.
 *
 * Fences
 * ------
 *
 * ofctrl_fence() returns a number that stands for "everything that has been
 * desired up to now"; ofctrl_reached() tells whether the switch has
 * acknowledged all of it (by barrier reply).  nb_cfg, "up" and ovn-installed
 * are reported by fence.
 *
 * Thread-safety: main thread only. */

#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-port.h"

struct dp_packet;
struct ofpbuf;

/* Has the first dump since start-up come in (so that ids can be adopted)?
 * The engine's flow stage must not run before. */
bool ofctrl_has_dump(void);
bool ofctrl_is_connected(void);

uint64_t ofctrl_fence(void);
bool ofctrl_reached(uint64_t fence);

/* The OXM of the Geneve option that carries logical ports: MFF_TUN_METADATA0
 * + n; MFF_TUN_METADATA0 once negotiated, 0 before or if refused.  Changes
 * are announced by the cell behind ofctrl_geneve_field_read(). */
struct inc_unit;
enum mf_field_id ofctrl_geneve_field_read(struct inc_unit *);

/* Somebody else who sends requests with ofctrl_send().  'reply' gets the
 * statistics that ofctrl has not asked for itself, also those that others
 * have; 'refused' is told of errors, and returns false if they are not about
 * its requests. */
struct ofctrl_client {
    void (*reply)(const struct ofp_header *);
    bool (*refused)(uint32_t xid, enum ofperr);
};
void ofctrl_add_client(const struct ofctrl_client *);

/* Sends 'msg' (owned) outside of the flow state, e.g. a packet-out.  Dropped
 * while there is no connection. */
void ofctrl_send(struct ofpbuf *msg);

/* Returns a message that has the switch do 'ofpacts' to 'packet', as if it had
 * come in through 'in_port'. */
struct ofpbuf *ofctrl_encode_packet_out(const struct dp_packet *packet,
                                        ofp_port_t in_port,
                                        const struct ofpbuf *ofpacts);

/* Has all connections of conntrack zone 'zone' forgotten, before any further
 * change of flows; as soon as there is a connection. */
void ofctrl_ct_flush_zone(uint16_t zone);

/* Has the connections of zone 'zone' forgotten whose ct_label is 'label' in
 * the bits of 'mask', and whose ct_mark has the bits of 'mark', if the switch
 * can find them; else, that it cannot is in the log.  Does nothing without a
 * connection. */
void ofctrl_ct_flush_label(uint16_t zone, ovs_u128 label, ovs_u128 mask,
                           uint32_t mark);

/* Sets '*can_flush' to whether it can.  Returns false if the switch has not
 * been asked yet. */
bool ofctrl_knows_labels(bool *can_flush);

struct module;
extern const struct module ofctrl_module;

#endif /* controller/ofctrl.h */
