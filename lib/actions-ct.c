/* SPDX-License-Identifier: Apache-2.0 */

/* Connection tracking: ct_next, ct_commit, ct_dnat, ct_snat and relatives.
 *
 * A switch tracks a port's connections in the zone that MFF_LOG_CT_ZONE
 * names, a router all of its own in those of MFF_LOG_DNAT_ZONE and
 * MFF_LOG_SNAT_ZONE. */

#include <config.h>
#include "lib/actions-private.h"

#include <string.h>

#include "ovn/logical-fields.h"
#include "packets.h"
#include "util.h"

/* Starts a ct() action.  What is appended until finish_ct() is inside of it.*/
static size_t
start_ct(struct ofpbuf *out, enum mf_field_id zone, uint16_t flags,
         uint8_t recirc_table)
{
    size_t start = out->size;
    struct ofpact_conntrack *ct = ofpact_put_CT(out);

    ct->flags = flags;
    ct->recirc_table = recirc_table;
    ct->zone_src.field = mf_from_id(zone);
    ct->zone_src.ofs = 0;
    ct->zone_src.n_bits = 16;
    return start;
}

static void
finish_ct(struct ofpbuf *out, size_t start)
{
    struct ofpact_conntrack *ct = ofpbuf_at_assert(out, start, sizeof *ct);

    out->header = ct;
    ofpact_finish_CT(out, &ct);
}

/* ct_next[(dnat|snat)]; ct_commit_nat[(dnat|snat)];
 * ct_commit_to_zone(dnat|snat);
 *
 * Only a router has zones to choose from. */

static void
parse_zone(struct act_parser *p, struct ovnact_ct_next *next)
{
    if (lex_accept_word(p->lex, "dnat")) {
        next->zone = OVN_CT_ZONE_DNAT;
    } else if (lex_accept_word(p->lex, "snat")) {
        next->zone = OVN_CT_ZONE_SNAT;
    } else {
        lex_error(p->lex, "\"%s\" action accepts only \"dnat\" or \"snat\" "
                  "parameter.", ovnact_word(&next->ovnact));
        return;
    }
    lex_expect(p->lex, LEX_RPAREN);
}

void
act_parse_ct_next(struct act_parser *p, enum ovnact_type type,
                  const struct expr_field *result OVS_UNUSED)
{
    struct ovnact_ct_next *next = ovnact_put(p, type, sizeof *next);

    next->ltable = p->pp->cur_ltable + 1;
    if (lex_accept(p->lex, LEX_LPAREN)) {
        parse_zone(p, next);
    }
}

void
act_parse_ct_commit_to_zone(struct act_parser *p, enum ovnact_type type,
                            const struct expr_field *result OVS_UNUSED)
{
    struct ovnact_ct_next *next = ovnact_put(p, type, sizeof *next);

    next->ltable = p->pp->cur_ltable + 1;
    if (lex_expect(p->lex, LEX_LPAREN)) {
        parse_zone(p, next);
    }
}

void
act_format_ct_next(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_ct_next *next
        = CONTAINER_OF(a, struct ovnact_ct_next, ovnact);

    ds_put_cstr(s, ovnact_word(a));
    switch (next->zone) {
    case OVN_CT_ZONE_DEFAULT:
        break;
    case OVN_CT_ZONE_DNAT:
        ds_put_cstr(s, "(dnat)");
        break;
    case OVN_CT_ZONE_SNAT:
        ds_put_cstr(s, "(snat)");
        break;
    }
    ds_put_char(s, ';');
}

static size_t
start_ct_next(const struct ovnact_ct_next *next, uint16_t flags,
              const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    bool snat = next->zone == OVN_CT_ZONE_SNAT && !act_dp_is_switch(ep);

    return start_ct(out, snat ? MFF_LOG_SNAT_ZONE : act_zone_field(ep), flags,
                    act_ptable(ep, next->ltable));
}

bool
act_encode_ct_next(const struct ovnact *a,
                   const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    const struct ovnact_ct_next *next
        = CONTAINER_OF(a, struct ovnact_ct_next, ovnact);

    finish_ct(out, start_ct_next(next, 0, ep, out));
    return true;
}

bool
act_encode_ct_commit_nat(const struct ovnact *a,
                         const struct ovnact_encode_params *ep,
                         struct ofpbuf *out)
{
    const struct ovnact_ct_next *next
        = CONTAINER_OF(a, struct ovnact_ct_next, ovnact);
    size_t start = start_ct_next(next, NX_CT_F_COMMIT, ep, out);

    ofpact_put_NAT(out)->range_af = AF_UNSPEC;
    finish_ct(out, start);
    return true;
}

bool
act_encode_ct_commit_to_zone(const struct ovnact *a,
                             const struct ovnact_encode_params *ep,
                             struct ofpbuf *out)
{
    const struct ovnact_ct_next *next
        = CONTAINER_OF(a, struct ovnact_ct_next, ovnact);

    finish_ct(out, start_ct_next(next, NX_CT_F_COMMIT, ep, out));
    return true;
}

/* ct_commit; ct_commit { ... }; ct_commit(ct_mark=..., ct_label=...);
 *
 * The form with parentheses is what releases before 20.12 wrote. */

static bool
parse_v1_constant(struct act_parser *p, union mf_subvalue *value,
                  union mf_subvalue *mask)
{
    if (!lex_expect(p->lex, LEX_ASSIGN)) {
        return false;
    }

    const struct lex_token *token = lex_current(p->lex);
    if (token->type == LEX_INTEGER) {
        memset(mask, 0xff, sizeof *mask);
    } else if (token->type == LEX_MASKED) {
        *mask = token->mask;
    } else {
        lex_syntax_error(p->lex, "expecting integer.");
        return false;
    }
    *value = token->value;
    lex_advance(p->lex);
    return true;
}

static void
parse_v1_argument(struct act_parser *p, struct ovnact_ct_commit_v1 *cc)
{
    union mf_subvalue value, mask;

    if (lex_accept_word(p->lex, "ct_mark")) {
        if (parse_v1_constant(p, &value, &mask)) {
            cc->mark = ntohll(value.integer);
            cc->mark_mask = ntohll(mask.integer);
        }
    } else if (lex_accept_word(p->lex, "ct_label")) {
        if (parse_v1_constant(p, &value, &mask)) {
            cc->label = value.be128[7];
            cc->label_mask = mask.be128[7];
        }
    } else {
        act_syntax_error(p);
    }
}

void
act_parse_ct_commit(struct act_parser *p, enum ovnact_type type,
                    const struct expr_field *result OVS_UNUSED)
{
    if (lex_accept(p->lex, LEX_LPAREN)) {
        struct ovnact_ct_commit_v1 *cc
            = ovnact_put(p, OVNACT_CT_COMMIT_V1, sizeof *cc);

        while (!p->lex->error && !lex_accept(p->lex, LEX_RPAREN)) {
            parse_v1_argument(p, cc);
            lex_accept(p->lex, LEX_COMMA);
        }
        return;
    }

    struct ovnact_nest *nest = ovnact_put(p, type, sizeof *nest);
    if (lex_is(p->lex, LEX_LCURLY)) {
        act_parse_block(p, false, true, &nest->nested, &nest->nested_len);
    }
}

static void
format_v1_constant(const void *value, const void *mask, size_t n_bytes,
                   struct ds *s)
{
    ds_put_hex(s, value, n_bytes);
    if (!is_all_ones(mask, n_bytes)) {
        ds_put_char(s, '/');
        ds_put_hex(s, mask, n_bytes);
    }
}

void
act_format_ct_commit_v1(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_ct_commit_v1 *cc
        = CONTAINER_OF(a, struct ovnact_ct_commit_v1, ovnact);

    ds_put_cstr(s, "ct_commit(");
    if (cc->mark_mask) {
        ovs_be32 mark = htonl(cc->mark), mask = htonl(cc->mark_mask);
        ds_put_cstr(s, "ct_mark=");
        format_v1_constant(&mark, &mask, sizeof mark, s);
    }
    if (!is_all_zeros(&cc->label_mask, sizeof cc->label_mask)) {
        ds_put_format(s, "%sct_label=", cc->mark_mask ? ", " : "");
        format_v1_constant(&cc->label, &cc->label_mask, sizeof cc->label, s);
    }
    if (!ds_chomp(s, '(')) {
        ds_put_char(s, ')');
    }
    ds_put_char(s, ';');
}

void
act_format_ct_commit_v2(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_nest *nest
        = CONTAINER_OF(a, struct ovnact_nest, ovnact);

    if (nest->nested_len) {
        act_format_nested(a, s);
    } else {
        ds_put_cstr(s, "ct_commit;");
    }
}

static size_t
start_ct_commit(const struct ovnact_encode_params *ep, enum mf_field_id zone,
                struct ofpbuf *out)
{
    size_t start = start_ct(out, zone, NX_CT_F_COMMIT, NX_CT_RECIRC_NONE);

    /* Another connection, of a load balancer for example, may have come to
     * the same tuple: source NAT to "all zeros" changes nothing except for
     * the source port in that case. */
    if (ep->ct_zero_snat && ep->ct_zero_snat(ep->aux)) {
        struct ofpact_nat *nat = ofpact_put_NAT(out);
        nat->flags = NX_NAT_F_SRC;
        nat->range_af = AF_UNSPEC;
    }
    return start;
}

static void
put_v1_field(struct ofpbuf *out, enum mf_field_id id, const void *value,
             const void *mask, size_t n_bytes)
{
    if (!is_all_zeros(mask, n_bytes)) {
        struct ofpact_set_field *sf
            = ofpact_put_set_field(out, mf_from_id(id), NULL, NULL);

        memcpy(sf->value, value, n_bytes);
        memcpy(ofpact_set_field_mask(sf), mask, n_bytes);
    }
}

bool
act_encode_ct_commit_v1(const struct ovnact *a,
                        const struct ovnact_encode_params *ep,
                        struct ofpbuf *out)
{
    const struct ovnact_ct_commit_v1 *cc
        = CONTAINER_OF(a, struct ovnact_ct_commit_v1, ovnact);
    ovs_be32 mark = htonl(cc->mark & cc->mark_mask);
    ovs_be32 mark_mask = htonl(cc->mark_mask);
    /* Only switches ever had this form. */
    size_t start = start_ct_commit(ep, MFF_LOG_CT_ZONE, out);

    put_v1_field(out, MFF_CT_MARK, &mark, &mark_mask, sizeof mark);
    put_v1_field(out, MFF_CT_LABEL, &cc->label, &cc->label_mask,
                 sizeof cc->label);
    finish_ct(out, start);
    return true;
}

bool
act_encode_ct_commit_v2(const struct ovnact *a,
                        const struct ovnact_encode_params *ep,
                        struct ofpbuf *out)
{
    const struct ovnact_nest *nest
        = CONTAINER_OF(a, struct ovnact_nest, ovnact);
    size_t start = start_ct_commit(ep, act_zone_field(ep), out);

    if (!ovnacts_encode(nest->nested, nest->nested_len, ep, out)) {
        return false;
    }
    finish_ct(out, start);
    return true;
}

/* ct_dnat; ct_dnat(IP); ct_dnat(IP, PORT[-PORT]); and so on. */

static void
parse_nat_ports(struct act_parser *p, struct ovnact_ct_nat *nat)
{
    uint16_t port;

    if (!lex_is_int(p->lex)) {
        lex_syntax_error(p->lex, "expecting Integer for port range.");
        return;
    }
    if (!ntohll(lex_current(p->lex)->value.integer)) {
        lex_syntax_error(p->lex, "range can't be 0.");
        return;
    }
    if (!act_parse_u16(p, "Integer for port range", &port)) {
        return;
    }
    nat->port_lo = port;

    if (!lex_accept(p->lex, LEX_HYPHEN)) {
        return;
    }
    if (!lex_is_int(p->lex)) {
        lex_syntax_error(p->lex, "expecting Integer for port range.");
        return;
    }
    if (ntohll(lex_current(p->lex)->value.integer) <= nat->port_lo) {
        lex_syntax_error(p->lex,
                         "range high should be greater than range low.");
        return;
    }
    if (act_parse_u16(p, "Integer for port range", &port)) {
        nat->port_hi = port;
    }
}

void
act_parse_ct_nat(struct act_parser *p, enum ovnact_type type,
                 const struct expr_field *result OVS_UNUSED)
{
    struct ovnact_ct_nat *nat = ovnact_put(p, type, sizeof *nat);
    const struct lex_token *token;

    nat->ltable = p->pp->cur_ltable + 1;
    nat->family = AF_UNSPEC;
    if (!lex_accept(p->lex, LEX_LPAREN)) {
        return;
    }

    token = lex_current(p->lex);
    if (token->type == LEX_INTEGER && token->format == LEX_IPV4) {
        nat->family = AF_INET;
        nat->ipv4 = token->value.ipv4;
    } else if (token->type == LEX_INTEGER && token->format == LEX_IPV6) {
        nat->family = AF_INET6;
        nat->ipv6 = token->value.ipv6;
    } else {
        lex_syntax_error(p->lex, "expecting IPv4 or IPv6 address.");
        return;
    }
    lex_advance(p->lex);

    if (lex_accept(p->lex, LEX_COMMA)
        && act_check_nat_address(p, nat->family, &nat->ipv6)) {
        parse_nat_ports(p, nat);
    }
    if (!p->lex->error) {
        lex_expect(p->lex, LEX_RPAREN);
    }
}

void
act_format_ct_nat(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_ct_nat *nat
        = CONTAINER_OF(a, struct ovnact_ct_nat, ovnact);

    ds_put_cstr(s, ovnact_word(a));
    if (nat->family != AF_UNSPEC) {
        ds_put_char(s, '(');
        if (nat->family == AF_INET) {
            ds_put_format(s, IP_FMT, IP_ARGS(nat->ipv4));
        } else {
            ipv6_format_addr(&nat->ipv6, s);
        }
        if (nat->port_lo) {
            ds_put_format(s, ",%d", nat->port_lo);
        }
        if (nat->port_hi) {
            ds_put_format(s, "-%d", nat->port_hi);
        }
        ds_put_char(s, ')');
    }
    ds_put_char(s, ';');
}

static enum mf_field_id
nat_zone(enum ovnact_type type, const struct ovnact_encode_params *ep)
{
    bool snat_zone = (type == OVNACT_CT_SNAT
                      || (type != OVNACT_CT_DNAT
                          && ep->dp_fact(OVN_DP_CZONE_IS_SNAT, ep->aux)));
    return snat_zone ? MFF_LOG_SNAT_ZONE : MFF_LOG_DNAT_ZONE;
}

bool
act_encode_ct_nat(const struct ovnact *a,
                  const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    const struct ovnact_ct_nat *cn
        = CONTAINER_OF(a, struct ovnact_ct_nat, ovnact);
    bool snat = (a->type == OVNACT_CT_SNAT
                 || a->type == OVNACT_CT_SNAT_IN_CZONE);
    size_t start = start_ct(out, nat_zone(a->type, ep),
                            cn->family == AF_UNSPEC ? 0 : NX_CT_F_COMMIT,
                            act_ptable(ep, cn->ltable));
    struct ofpact_nat *nat = ofpact_put_NAT(out);

    nat->range_af = cn->family;
    if (cn->family == AF_INET) {
        nat->range.addr.ipv4.min = cn->ipv4;
    } else if (cn->family == AF_INET6) {
        nat->range.addr.ipv6.min = cn->ipv6;
    }
    if (cn->family != AF_UNSPEC) {
        nat->flags = snat ? NX_NAT_F_SRC : NX_NAT_F_DST;
        nat->range.proto.min = cn->port_lo;
        nat->range.proto.max = cn->port_hi;
        if (cn->port_hi) {
            /* Of its own accord the datapath may take them in turn, so that
             * the next one can be foretold (RFC 6056). */
            nat->flags |= NX_NAT_F_PROTO_RANDOM;
        }
    }
    finish_ct(out, start);
    return true;
}

/* ct_clear; ct_snat_to_vip; */

bool
act_encode_ct_clear(const struct ovnact *a OVS_UNUSED,
                    const struct ovnact_encode_params *ep OVS_UNUSED,
                    struct ofpbuf *out)
{
    ofpact_put_CT_CLEAR(out);
    return true;
}

bool
act_encode_ct_snat_to_vip(const struct ovnact *a OVS_UNUSED,
                          const struct ovnact_encode_params *ep,
                          struct ofpbuf *out)
{
    put_resubmit(ep->dialect->tables.ct_snat_hairpin, out);
    return true;
}
