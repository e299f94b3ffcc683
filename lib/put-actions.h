/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_PUT_ACTIONS_H
#define OVN_PUT_ACTIONS_H 1

/* OpenFlow actions of which OVN's flows are made
 * ==============================================
 *
 * libopenvswitch has a function for each kind of action, and leaves its
 * members to the caller.  These are the few forms that OVN's pipeline needs
 * again and again, whoever builds the flow.  Each appends one action to the
 * ofpbuf, which comes last, as is usual for the controller's own helpers.
 *
 * Thread-safety: no global state. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/meta-flow.h"
#include "ovn/actions.h"

struct ofpbuf;
struct ovn_dialect;

/* All bits of a field. */
struct mf_subfield put_whole_field(enum mf_field_id);

/* One of the specs of a learn() action: in the learned flow, the whole field
 * 'dst' is matched (NX_LEARN_DST_MATCH), or loaded (NX_LEARN_DST_LOAD), with
 * what 'src', which is as wide, has in the packet at hand. */
void put_learn_field(uint16_t dst_type, enum mf_field_id dst,
                     enum mf_field_id src, struct ofpbuf *);

/* Loads 'value', which is right-justified, into a whole field, into the
 * 'n_bits' bits from bit 'ofs' on, or into 'dst'.  What is wider than 64 bits
 * is filled up with zeros. */
void put_load(enum mf_field_id, uint64_t value, struct ofpbuf *);
void put_load_bits(enum mf_field_id, int ofs, int n_bits, uint64_t value,
                   struct ofpbuf *);
void put_load_subfield(const struct mf_subfield *dst, uint64_t value,
                       struct ofpbuf *);

void put_move(enum mf_field_id src, int src_ofs, enum mf_field_id dst,
              int dst_ofs, int n_bits, struct ofpbuf *);
void put_move_subfield(const struct mf_subfield *src,
                       const struct mf_subfield *dst, struct ofpbuf *);
void put_push(const struct mf_subfield *, struct ofpbuf *);
void put_pop(const struct mf_subfield *, struct ofpbuf *);

/* Goes on in 'table' with the same input port. */
void put_resubmit(uint8_t table, struct ofpbuf *);

/* A controller() action, whose userdata starts with a "struct action_header":
 * start, append the rest of the userdata to 'ofpacts', finish.  The latter
 * returns false, and the action is not to be used, if the userdata has become
 * longer than an action can be. */
size_t put_controller_start(enum action_opcode, bool pause, uint32_t meter_id,
                            struct ofpbuf *ofpacts);
bool put_controller_finish(size_t start, struct ofpbuf *ofpacts);

/* Has the controller write 'mtu' into the ICMP (or ICMPv6) error that it
 * makes and sends with these actions. */
bool put_frag_mtu(const struct ovn_dialect *, bool is_icmp4, uint32_t mtu,
                  uint32_t meter_id, struct ofpbuf *ofpacts);

#endif /* lib/put-actions.h */
