/* SPDX-License-Identifier: Apache-2.0 */

/* Actions with actions inside: clone { ... }, and those for which the
 * controller makes another packet out of the one at hand and then executes
 * the inner actions on that.
 *
 * The inner actions of the latter travel through the switch in the packet-in:
 * their OpenFlow encoding is the userdata of the controller() action. */

#include <config.h>
#include "lib/actions-private.h"

#include "util.h"

/* WORD { action; ... } */

void
act_parse_nested(struct act_parser *p, enum ovnact_type type,
                 const struct expr_field *result OVS_UNUSED)
{
    struct ovnact_nest *nest = ovnact_put(p, type, sizeof *nest);

    /* What is inside is done to another packet: that it has fields of ARP,
     * say, asks nothing of the packet that matches the flow. */
    act_parse_block(p, false, false, &nest->nested, &nest->nested_len);
}

void
act_format_nested(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_nest *nest
        = CONTAINER_OF(a, struct ovnact_nest, ovnact);

    ds_put_format(s, "%s { ", ovnact_word(a));
    ovnacts_format(nest->nested, nest->nested_len, s);
    ds_put_cstr(s, " };");
}

void
act_free_nested(struct ovnact *a)
{
    struct ovnact_nest *nest = CONTAINER_OF(a, struct ovnact_nest, ovnact);

    ovnacts_free(nest->nested, nest->nested_len);
    free(nest->nested);
}

static enum action_opcode
nested_opcode(enum ovnact_type type)
{
    switch ((int) type) {
    case OVNACT_ARP: return ACTION_OPCODE_ARP;
    case OVNACT_ICMP4: return ACTION_OPCODE_ICMP;
    case OVNACT_ICMP6: return ACTION_OPCODE_ICMP;
    case OVNACT_ICMP4_ERROR: return ACTION_OPCODE_ICMP4_ERROR;
    case OVNACT_ICMP6_ERROR: return ACTION_OPCODE_ICMP6_ERROR;
    case OVNACT_TCP_RESET: return ACTION_OPCODE_TCP_RESET;
    case OVNACT_SCTP_ABORT: return ACTION_OPCODE_SCTP_ABORT;
    case OVNACT_REJECT: return ACTION_OPCODE_REJECT;
    case OVNACT_ND_NA: return ACTION_OPCODE_ND_NA;
    case OVNACT_ND_NA_ROUTER: return ACTION_OPCODE_ND_NA_ROUTER;
    case OVNACT_ND_NS: return ACTION_OPCODE_ND_NS;
    default: OVS_NOT_REACHED();
    }
}

/* Whether the packet waits while the controller makes the other one: what
 * follows in the logical flow is for when the neighbor is known. */
static bool
packet_waits(enum ovnact_type type, const struct ovn_dialect *d)
{
    return (d->arp_ns_explicit_output
            && (type == OVNACT_ARP || type == OVNACT_ND_NS));
}

bool
act_encode_nested(const struct ovnact *a,
                  const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    const struct ovnact_nest *nest
        = CONTAINER_OF(a, struct ovnact_nest, ovnact);
    struct ofpbuf inner;

    ofpbuf_init(&inner, 256);
    bool ok = ovnacts_encode(nest->nested, nest->nested_len, ep, &inner);
    if (ok) {
        size_t start = put_controller_start(nested_opcode(a->type),
                                            packet_waits(a->type,
                                                         ep->dialect),
                                            act_controller_meter(ep), out);
        ofpacts_put_openflow_actions(inner.data, inner.size, out,
                                     OFP15_VERSION);
        ok = put_controller_finish(start, out);
    }
    ofpbuf_uninit(&inner);
    return ok;
}

/* clone { action; ... } */

void
act_parse_clone(struct act_parser *p, enum ovnact_type type,
                const struct expr_field *result OVS_UNUSED)
{
    struct ovnact_nest *nest = ovnact_put(p, type, sizeof *nest);

    act_parse_block(p, true, false, &nest->nested, &nest->nested_len);
}

bool
act_encode_clone(const struct ovnact *a,
                 const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    const struct ovnact_nest *nest
        = CONTAINER_OF(a, struct ovnact_nest, ovnact);
    size_t start = out->size;

    ofpact_put_CLONE(out);
    if (!ovnacts_encode(nest->nested, nest->nested_len, ep, out)) {
        return false;
    }

    struct ofpact_nest *clone = ofpbuf_at_assert(out, start, sizeof *clone);
    out->header = clone;
    ofpact_finish_CLONE(out, &clone);
    return true;
}
