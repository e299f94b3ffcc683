/* SPDX-License-Identifier: Apache-2.0 */

/* What the connection tracker knows of the packet's connection, as a value:
 * where its first packet was sent to before it was translated, with which
 * protocol, and the state that the connection is in.
 *
 * OpenFlow can only match on these fields of a packet that is tracked, and
 * some of them only if it is of the right Ethernet type.  So a table that the
 * controller fills tells such packets from others, and leaves the answer, or
 * zero, in a register (struct ovn_registers). */

#include <config.h>
#include "lib/actions-private.h"

#include "util.h"

/* Which table answers what, and where. */
struct ct_orig {
    uint8_t table;
    enum mf_field_id reg;       /* In its lowest bits. */
    bool keep;                  /* Is the register otherwise in use? */
};

static int
n_bits(enum ovnact_type type)
{
    switch ((int) type) {
    case OVNACT_CT_ORIG_NW_DST: return 32;
    case OVNACT_CT_ORIG_IP6_DST: return 128;
    case OVNACT_CT_ORIG_TP_DST: return 16;
    case OVNACT_CT_ORIG_PROTO: return 8;
    case OVNACT_CT_STATE_SAVE: return 8;
    default: OVS_NOT_REACHED();
    }
}

static struct ct_orig
find_table(enum ovnact_type type, const struct ovn_dialect *d)
{
    const struct ovn_tables *t = &d->tables;
    const struct ovn_registers *r = &d->regs;

    switch ((int) type) {
    case OVNACT_CT_ORIG_NW_DST:
        return (struct ct_orig) { t->ct_orig_nw_dst, r->ct_orig_nw_dst,
                                  d->keeps_ct_orig };
    case OVNACT_CT_ORIG_IP6_DST:
        return (struct ct_orig) { t->ct_orig_ip6_dst, r->ct_orig_ip6_dst,
                                  d->keeps_ct_orig };
    case OVNACT_CT_ORIG_TP_DST:
        return (struct ct_orig) { t->ct_orig_tp_dst, r->ct_orig_tp_dst,
                                  d->keeps_ct_orig };
    case OVNACT_CT_ORIG_PROTO:
        return (struct ct_orig) { t->ct_orig_proto, r->ct_orig_proto,
                                  d->keeps_ct_orig };
    case OVNACT_CT_STATE_SAVE:
        return (struct ct_orig) { t->ct_state_save, r->ct_saved_state,
                                  false };
    default:
        OVS_NOT_REACHED();
    }
}

/* R = ct_nw_dst(); R = ct_ip6_dst(); R = ct_tp_dst(); R = ct_proto();
 * R = ct_state_save(); */

void
act_parse_ct_orig(struct act_parser *p, enum ovnact_type type,
                  const struct expr_field *result)
{
    act_parse_no_argument(p, type, result, n_bits(type));
}

/* Sets 'parts' to those bits of 'a' that 'b' does not have. */
static size_t
subtract(const struct mf_subfield *a, const struct mf_subfield *b,
         struct mf_subfield parts[2])
{
    unsigned int a_end = a->ofs + a->n_bits, b_end = b->ofs + b->n_bits;
    size_t n = 0;

    if (a->field != b->field || a_end <= b->ofs || b_end <= a->ofs) {
        parts[n++] = *a;
        return n;
    }
    if (a->ofs < b->ofs) {
        parts[n] = *a;
        parts[n++].n_bits = b->ofs - a->ofs;
    }
    if (b_end < a_end) {
        parts[n] = *a;
        parts[n].ofs = b_end;
        parts[n++].n_bits = a_end - b_end;
    }
    return n;
}

/* Zeros 'sf', in pieces that a load can be. */
static void
put_zero(struct mf_subfield sf, struct ofpbuf *out)
{
    unsigned int end = sf.ofs + sf.n_bits;

    while (sf.ofs < end) {
        sf.n_bits = MIN(end - sf.ofs, 64);
        put_load_subfield(&sf, 0, out);
        sf.ofs += sf.n_bits;
    }
}

bool
act_encode_ct_orig(const struct ovnact *a,
                   const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    const struct ovnact_result *r
        = CONTAINER_OF(a, struct ovnact_result, ovnact);
    struct ct_orig orig = find_table(a->type, ep->dialect);
    struct mf_subfield dst = expr_field_resolve(&r->dst);
    struct mf_subfield answer = put_whole_field(orig.reg);
    struct mf_subfield kept[2];
    size_t n_kept = 0;

    answer.n_bits = n_bits(a->type);
    if (orig.keep) {
        n_kept = subtract(&answer, &dst, kept);
    }
    for (size_t i = 0; i < n_kept; i++) {
        put_push(&kept[i], out);
    }
    put_zero(answer, out);
    put_resubmit(orig.table, out);
    put_move_subfield(&answer, &dst, out);
    for (size_t i = n_kept; i-- > 0; ) {
        put_pop(&kept[i], out);
    }
    return true;
}
