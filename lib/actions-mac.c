/* SPDX-License-Identifier: Apache-2.0 */

/* MAC bindings and the FDB: looking up and learning which Ethernet address,
 * or which port, is where.
 *
 * The tables that answer are flows that the controller installs.  They, and
 * the controller itself, find an action's arguments in fixed fields, so the
 * encoders put the arguments there and, afterward, the fields' old contents
 * back.  Arguments that are in their place already are left alone. */

#include <config.h>
#include "lib/actions-private.h"

#include <string.h>

#include "ovn/logical-fields.h"
#include "util.h"

/* One argument and the field that it is passed in. */
struct arg {
    const struct expr_field *field;
    enum mf_field_id dst;
};

static bool
arg_in_place(const struct arg *arg)
{
    return expr_field_resolve(arg->field).field->id == arg->dst;
}

/* All the old contents are saved and all the arguments fetched before the
 * first field changes: an argument may be where another has to go. */
static void
begin_args(const struct arg args[], size_t n, struct ofpbuf *out)
{
    for (size_t i = 0; i < n; i++) {
        if (!arg_in_place(&args[i])) {
            struct mf_subfield dst = put_whole_field(args[i].dst);
            put_push(&dst, out);
        }
    }
    for (size_t i = n; i-- > 0; ) {
        if (!arg_in_place(&args[i])) {
            struct mf_subfield src = expr_field_resolve(args[i].field);
            put_push(&src, out);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!arg_in_place(&args[i])) {
            struct mf_subfield dst = put_whole_field(args[i].dst);
            put_pop(&dst, out);
        }
    }
}

static void
end_args(const struct arg args[], size_t n, struct ofpbuf *out)
{
    for (size_t i = n; i-- > 0; ) {
        if (!arg_in_place(&args[i])) {
            struct mf_subfield dst = put_whole_field(args[i].dst);
            put_pop(&dst, out);
        }
    }
}

/* Has 'table' answer in flag 'bit' of MFF_LOG_FLAGS. */
static void
put_lookup(struct ofpbuf *out, unsigned int bit, uint8_t table)
{
    put_load_bits(MFF_LOG_FLAGS, bit, 1, 0, out);
    put_resubmit(table, out);
}

static void
put_lookup_result(struct ofpbuf *out, unsigned int bit,
                  const struct expr_field *field)
{
    struct mf_subfield dst = expr_field_resolve(field);
    struct mf_subfield flag = {
        .field = mf_from_id(MFF_LOG_FLAGS), .ofs = bit, .n_bits = 1,
    };

    put_move_subfield(&flag, &dst, out);
}

/* IPv4 and IPv6. */

static bool
is_nd(enum ovnact_type type)
{
    return (type == OVNACT_GET_ND || type == OVNACT_PUT_ND
            || type == OVNACT_LOOKUP_ND || type == OVNACT_LOOKUP_ND_IP);
}

static int
ip_bits(enum ovnact_type type)
{
    return is_nd(type) ? 128 : 32;
}

/* Where the table that answers 'type', or the controller, finds the IP
 * address. */
static enum mf_field_id
ip_register(enum ovnact_type type, const struct ovn_dialect *d)
{
    if (!is_nd(type)) {
        return MFF_REG0;
    }
    return (type == OVNACT_GET_ND || type == OVNACT_LOOKUP_ND_IP
            ? d->regs.mac_binding_ip6
            : MFF_XXREG0);
}

/* Is an Ethernet address the last argument? */
static bool
has_mac(enum ovnact_type type)
{
    return (type == OVNACT_PUT_ARP || type == OVNACT_PUT_ND
            || type == OVNACT_LOOKUP_ARP || type == OVNACT_LOOKUP_ND);
}

/* Parses "PORT, IP" or "PORT, IP, MAC" and the parenthesis after it. */
static void
parse_mac_args(struct act_parser *p, enum ovnact_type type,
               const struct expr_field *result)
{
    struct ovnact_mac mac;

    memset(&mac, 0, sizeof mac);
    if (result) {
        mac.dst = *result;
    }
    if (!act_parse_field(p, 0, &mac.port)
        || !lex_expect(p->lex, LEX_COMMA)
        || !act_parse_field(p, ip_bits(type), &mac.ip)
        || (has_mac(type)
            && (!lex_expect(p->lex, LEX_COMMA)
                || !act_parse_field(p, 48, &mac.mac)))
        || !lex_expect(p->lex, LEX_RPAREN)) {
        return;
    }

    struct ovnact_mac *a = ovnact_put(p, type, sizeof *a);
    mac.ovnact = a->ovnact;
    *a = mac;
}

static void
format_mac_args(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_mac *mac = CONTAINER_OF(a, struct ovnact_mac, ovnact);

    ds_put_format(s, "%s(", ovnact_word(a));
    expr_field_format(&mac->port, s);
    ds_put_cstr(s, ", ");
    expr_field_format(&mac->ip, s);
    if (has_mac(a->type)) {
        ds_put_cstr(s, ", ");
        expr_field_format(&mac->mac, s);
    }
    ds_put_cstr(s, ");");
}

/* get_arp(P, IP); get_nd(P, IP); put_arp(P, IP, MAC); put_nd(P, IP, MAC); */

void
act_parse_mac_verb(struct act_parser *p, enum ovnact_type type,
                   const struct expr_field *result)
{
    if (lex_expect(p->lex, LEX_LPAREN)) {
        parse_mac_args(p, type, result);
    }
}

void
act_format_mac_verb(const struct ovnact *a, struct ds *s)
{
    format_mac_args(a, s);
}

bool
act_encode_get_mac(const struct ovnact *a,
                   const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    const struct ovnact_mac *mac = CONTAINER_OF(a, struct ovnact_mac, ovnact);
    struct arg args[] = {
        { &mac->port, MFF_LOG_OUTPORT },
        { &mac->ip, ip_register(a->type, ep->dialect) },
    };

    begin_args(args, ARRAY_SIZE(args), out);
    put_load(MFF_ETH_DST, 0, out);
    put_resubmit(ep->dialect->tables.mac_binding, out);
    end_args(args, ARRAY_SIZE(args), out);
    return true;
}

bool
act_encode_put_mac(const struct ovnact *a,
                   const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    const struct ovnact_mac *mac = CONTAINER_OF(a, struct ovnact_mac, ovnact);
    struct arg args[] = {
        { &mac->port, MFF_LOG_INPORT },
        { &mac->ip, ip_register(a->type, ep->dialect) },
        { &mac->mac, MFF_ETH_SRC },
    };

    begin_args(args, ARRAY_SIZE(args), out);
    if (!act_put_controller(out, (is_nd(a->type)
                                  ? ACTION_OPCODE_PUT_ND
                                  : ACTION_OPCODE_PUT_ARP), false, ep)) {
        return false;
    }
    end_args(args, ARRAY_SIZE(args), out);
    return true;
}

/* R = lookup_arp(P, IP, MAC); R = lookup_nd(P, IP, MAC);
 * R = lookup_arp_ip(P, IP); R = lookup_nd_ip(P, IP); */

void
act_parse_lookup_mac(struct act_parser *p, enum ovnact_type type,
                     const struct expr_field *result)
{
    if (act_check_field(p, result, 1, true)) {
        parse_mac_args(p, type, result);
    }
}

void
act_format_lookup_mac(const struct ovnact *a, struct ds *s)
{
    act_format_result(&CONTAINER_OF(a, struct ovnact_mac, ovnact)->dst, s);
    format_mac_args(a, s);
}

bool
act_encode_lookup_mac(const struct ovnact *a,
                      const struct ovnact_encode_params *ep,
                      struct ofpbuf *out)
{
    const struct ovnact_mac *mac = CONTAINER_OF(a, struct ovnact_mac, ovnact);
    struct arg args[] = {
        { &mac->port, MFF_LOG_INPORT },
        { &mac->ip, ip_register(a->type, ep->dialect) },
        { &mac->mac, MFF_ETH_SRC },
    };

    begin_args(args, ARRAY_SIZE(args), out);
    put_lookup(out, MLF_LOOKUP_MAC_BIT, ep->dialect->tables.mac_lookup);
    put_lookup_result(out, MLF_LOOKUP_MAC_BIT, &mac->dst);
    end_args(args, ARRAY_SIZE(args), out);
    return true;
}

bool
act_encode_lookup_mac_ip(const struct ovnact *a,
                         const struct ovnact_encode_params *ep,
                         struct ofpbuf *out)
{
    const struct ovnact_mac *mac = CONTAINER_OF(a, struct ovnact_mac, ovnact);
    struct arg args[] = {
        { &mac->port, MFF_LOG_OUTPORT },
        { &mac->ip, ip_register(a->type, ep->dialect) },
    };
    struct mf_subfield eth_dst = put_whole_field(MFF_ETH_DST);

    /* The table is get_arp's, which sets the Ethernet destination. */
    begin_args(args, ARRAY_SIZE(args), out);
    put_push(&eth_dst, out);
    put_lookup(out, MLF_LOOKUP_MAC_BIT, ep->dialect->tables.mac_binding);
    put_lookup_result(out, MLF_LOOKUP_MAC_BIT, &mac->dst);
    put_pop(&eth_dst, out);
    end_args(args, ARRAY_SIZE(args), out);
    return true;
}

/* put_fdb(P, MAC); R = lookup_fdb(P, MAC); */

static void
parse_fdb_args(struct act_parser *p, enum ovnact_type type,
               const struct expr_field *result)
{
    struct expr_field port, eth;

    if (!act_parse_field(p, 0, &port) || !lex_expect(p->lex, LEX_COMMA)
        || !act_parse_field(p, 48, &eth) || !lex_expect(p->lex, LEX_RPAREN)) {
        return;
    }

    struct ovnact_mac *mac = ovnact_put(p, type, sizeof *mac);
    if (result) {
        mac->dst = *result;
    }
    mac->port = port;
    mac->mac = eth;
}

static void
format_fdb_args(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_mac *mac = CONTAINER_OF(a, struct ovnact_mac, ovnact);

    ds_put_format(s, "%s(", ovnact_word(a));
    expr_field_format(&mac->port, s);
    ds_put_cstr(s, ", ");
    expr_field_format(&mac->mac, s);
    ds_put_cstr(s, ");");
}

void
act_parse_put_fdb(struct act_parser *p, enum ovnact_type type,
                  const struct expr_field *result)
{
    if (lex_expect(p->lex, LEX_LPAREN)) {
        parse_fdb_args(p, type, result);
    }
}

void
act_format_put_fdb(const struct ovnact *a, struct ds *s)
{
    format_fdb_args(a, s);
}

bool
act_encode_put_fdb(const struct ovnact *a,
                   const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    const struct ovnact_mac *mac = CONTAINER_OF(a, struct ovnact_mac, ovnact);
    struct arg args[] = {
        { &mac->port, MFF_LOG_INPORT },
        { &mac->mac, MFF_ETH_SRC },
    };

    begin_args(args, ARRAY_SIZE(args), out);
    if (!act_put_controller(out, ACTION_OPCODE_PUT_FDB, false, ep)) {
        return false;
    }
    end_args(args, ARRAY_SIZE(args), out);
    return true;
}

void
act_parse_lookup_fdb(struct act_parser *p, enum ovnact_type type,
                     const struct expr_field *result)
{
    if (act_check_field(p, result, 1, true)) {
        parse_fdb_args(p, type, result);
    }
}

void
act_format_lookup_fdb(const struct ovnact *a, struct ds *s)
{
    act_format_result(&CONTAINER_OF(a, struct ovnact_mac, ovnact)->dst, s);
    format_fdb_args(a, s);
}

bool
act_encode_lookup_fdb(const struct ovnact *a,
                      const struct ovnact_encode_params *ep,
                      struct ofpbuf *out)
{
    const struct ovnact_mac *mac = CONTAINER_OF(a, struct ovnact_mac, ovnact);
    struct arg args[] = {
        { &mac->port, MFF_LOG_INPORT },
        { &mac->mac, MFF_ETH_SRC },
    };

    begin_args(args, ARRAY_SIZE(args), out);
    put_lookup(out, MLF_LOOKUP_FDB_BIT, ep->dialect->tables.lookup_fdb);
    end_args(args, ARRAY_SIZE(args), out);
    put_lookup_result(out, MLF_LOOKUP_FDB_BIT, &mac->dst);
    return true;
}

/* P = get_fdb(MAC); P = get_remote_fdb(MAC); */

void
act_parse_get_fdb(struct act_parser *p, enum ovnact_type type,
                  const struct expr_field *result)
{
    struct expr_field eth;

    if (!act_check_field(p, result, result->n_bits ? 32 : 0, true)
        || !act_parse_field(p, 48, &eth)
        || !lex_expect(p->lex, LEX_RPAREN)) {
        return;
    }

    struct ovnact_mac *mac = ovnact_put(p, type, sizeof *mac);
    mac->dst = *result;
    mac->mac = eth;
}

void
act_format_get_fdb(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_mac *mac = CONTAINER_OF(a, struct ovnact_mac, ovnact);

    act_format_result(&mac->dst, s);
    ds_put_format(s, "%s(", ovnact_word(a));
    expr_field_format(&mac->mac, s);
    ds_put_cstr(s, ");");
}

/* Has 'table' answer in register 'answer'. */
static bool
encode_get_fdb(const struct ovnact *a, enum mf_field_id answer, uint8_t table,
               struct ofpbuf *out)
{
    const struct ovnact_mac *mac = CONTAINER_OF(a, struct ovnact_mac, ovnact);
    struct mf_subfield port = put_whole_field(answer);
    struct mf_subfield dst = expr_field_resolve(&mac->dst);
    struct arg args[] = { { &mac->mac, MFF_ETH_DST } };

    begin_args(args, ARRAY_SIZE(args), out);
    put_load(answer, 0, out);
    put_resubmit(table, out);
    end_args(args, ARRAY_SIZE(args), out);
    if (dst.field->id != answer) {
        put_move_subfield(&port, &dst, out);
    }
    return true;
}

bool
act_encode_get_fdb(const struct ovnact *a,
                   const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    return encode_get_fdb(a, MFF_LOG_OUTPORT, ep->dialect->tables.get_fdb,
                          out);
}

bool
act_encode_get_remote_fdb(const struct ovnact *a,
                          const struct ovnact_encode_params *ep,
                          struct ofpbuf *out)
{
    return encode_get_fdb(a, MFF_LOG_REMOTE_OUTPORT,
                          ep->dialect->tables.get_remote_fdb, out);
}

/* mac_cache_use;
 *
 * The flows of the table that it goes through do nothing; how much goes
 * through each tells which MAC bindings are in use. */

bool
act_encode_mac_cache_use(const struct ovnact *a OVS_UNUSED,
                         const struct ovnact_encode_params *ep,
                         struct ofpbuf *out)
{
    put_resubmit(ep->dialect->tables.mac_cache_use, out);
    return true;
}
