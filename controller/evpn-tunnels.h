/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_EVPN_TUNNELS_H
#define CONTROLLER_EVPN_TUNNELS_H 1

/* Tunnels to the VTEPs of EVPN
 * ============================
 *
 * One port of the integration bridge for each UDP port that the chassis'
 * configuration names (ovn-evpn-vxlan-ports).  It leads to whichever VTEP a
 * flow says, and takes what any VTEP sends.
 *
 * Which ports there should be is decided here.  encaps.c, which alone changes
 * tunnel ports, has evpn_tunnels_update() make them so. */

#include <stdbool.h>
#include <stdint.h>

#include "inc-proc-eng.h"
#include "openvswitch/ofp-port.h"

struct ovsdb_idl_txn;
struct ovsrec_bridge;
struct ovsrec_port;
struct sset;

/* The key in Port.external_ids that marks a port as one of them. */
#define EVPN_TUNNEL_MARK "ovn-evpn-tunnel"

/* (wanted-evpn-tunnel, UDP port as u64). */
extern struct inc_kind *evpn_tunnels_kind_wanted;

/* The port by which VTEPs with UDP port 'dst_port' are reached; 0 if there is
 * none (yet). */
ofp_port_t evpn_tunnel_find(struct inc_unit *, uint16_t dst_port);

/* Whether there should be one. */
bool evpn_tunnel_is_wanted(struct inc_unit *, uint16_t dst_port);

/* Whether 'port' is one of ours: it is marked, or, if somebody has removed the
 * mark, has the type and the name.  'index' is what stands in our names, to
 * tell them from those of other controllers of the switch: "" for the first
 * one. */
bool evpn_tunnels_own(const struct ovsrec_port *port, const char *index);
/* Creates, mends and removes ports of 'bridge'.  'names' are those that ports
 * have, to which those that are created are added.  Returns true if there was
 * something to do. */
bool evpn_tunnels_update(struct ovsdb_idl_txn *, const struct ovsrec_bridge *,
                         const char *index, struct sset *names);

struct module;
extern const struct module evpn_tunnels_module;

#endif /* controller/evpn-tunnels.h */
