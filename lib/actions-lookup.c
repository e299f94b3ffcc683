/* SPDX-License-Identifier: Apache-2.0 */

/* Look-ups without arguments: "R = WORD();", answered by a table of flows that
 * the controller installs; and the two actions that have the switch itself
 * learn such flows, commit_ecmp_nh and commit_lb_aff. */

#include <config.h>
#include "lib/actions-private.h"

#include <netinet/in.h>
#include <string.h>

#include "lb.h"
#include "ovn/logical-fields.h"
#include "packets.h"
#include "util.h"

/* R = WORD(); */

void
act_parse_no_argument(struct act_parser *p, enum ovnact_type type,
                      const struct expr_field *result, int n_bits)
{
    struct ovnact_result *r = ovnact_put(p, type, sizeof *r);

    r->dst = *result;
    if (!lex_accept(p->lex, LEX_RPAREN)) {
        lex_error(p->lex, "%s doesn't take any parameters",
                  ovnact_word(&r->ovnact));
        return;
    }
    act_check_field(p, result, n_bits, true);
}

void
act_parse_result(struct act_parser *p, enum ovnact_type type,
                 const struct expr_field *result)
{
    act_parse_no_argument(p, type, result, 1);
}

void
act_format_result_action(const struct ovnact *a, struct ds *s)
{
    act_format_result(&CONTAINER_OF(a, struct ovnact_result, ovnact)->dst, s);
    ds_put_format(s, "%s();", ovnact_word(a));
}

/* Which table answers, and in which bit of MFF_LOG_FLAGS. */
static uint8_t
lookup_table(enum ovnact_type type, const struct ovnact_encode_params *ep,
             unsigned int *bit)
{
    switch ((int) type) {
    case OVNACT_CHK_LB_HAIRPIN:
        *bit = MLF_LOOKUP_LB_HAIRPIN_BIT;
        return ep->dialect->tables.chk_lb_hairpin;
    case OVNACT_CHK_LB_HAIRPIN_REPLY:
        *bit = MLF_LOOKUP_LB_HAIRPIN_BIT;
        return ep->dialect->tables.chk_lb_hairpin_reply;
    case OVNACT_CHECK_IN_PORT_SEC:
        *bit = MLF_CHECK_PORT_SEC_BIT;
        return ep->dialect->tables.in_port_sec;
    case OVNACT_CHECK_OUT_PORT_SEC:
        *bit = MLF_CHECK_PORT_SEC_BIT;
        return ep->dialect->tables.out_port_sec;
    case OVNACT_CHK_ECMP_NH_MAC:
        *bit = MLF_LOOKUP_COMMIT_ECMP_NH_BIT;
        return ep->dialect->tables.ecmp_nh_mac;
    case OVNACT_CHK_ECMP_NH:
        *bit = MLF_LOOKUP_COMMIT_ECMP_NH_BIT;
        return ep->dialect->tables.ecmp_nh;
    case OVNACT_CHK_LB_AFF:
        *bit = MLF_USE_LB_AFF_SESSION_BIT;
        return ep->dialect->tables.chk_lb_affinity;
    default:
        OVS_NOT_REACHED();
    }
}

bool
act_encode_lookup(const struct ovnact *a,
                  const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    const struct ovnact_result *r
        = CONTAINER_OF(a, struct ovnact_result, ovnact);
    struct mf_subfield flag = put_whole_field(MFF_LOG_FLAGS);
    struct mf_subfield dst = expr_field_resolve(&r->dst);
    unsigned int bit;
    uint8_t table = lookup_table(a->type, ep, &bit);

    flag.ofs = bit;
    flag.n_bits = 1;
    put_load_bits(MFF_LOG_FLAGS, bit, 1, 0, out);
    put_resubmit(table, out);
    put_move_subfield(&flag, &dst, out);
    return true;
}

/* learn(). */

static size_t
start_learn(struct ofpbuf *out, const struct ovnact_encode_params *ep,
            uint8_t table, uint16_t idle_timeout, uint16_t hard_timeout)
{
    size_t start = out->size;
    struct ofpact_learn *learn = ofpact_put_LEARN(out);

    learn->flags = NX_LEARN_F_DELETE_LEARNED;
    learn->idle_timeout = idle_timeout;
    learn->hard_timeout = hard_timeout;
    learn->priority = OFP_DEFAULT_PRIORITY;
    learn->cookie = htonll(ep->learn_cookie);
    learn->table_id = table;
    return start;
}

static void
finish_learn(struct ofpbuf *out, size_t start)
{
    struct ofpact_learn *learn = ofpbuf_at_assert(out, start, sizeof *learn);

    out->header = learn;
    ofpact_finish_LEARN(out, &learn);
}

/* The learned flow matches 'dst' on what 'src' is in the packet at hand. */
static void
learn_match_field(struct ofpbuf *out, enum mf_field_id dst,
                  enum mf_field_id src)
{
    put_learn_field(NX_LEARN_DST_MATCH, dst, src, out);
}

static void
learn_value(struct ofpbuf *out, uint16_t dst_type,
            const struct mf_subfield *dst, const void *value, size_t n_bytes)
{
    struct ofpact_learn_spec *spec = ofpbuf_put_zeros(out, sizeof *spec);

    spec->dst = *dst;
    spec->n_bits = dst->n_bits;
    spec->src_type = NX_LEARN_SRC_IMMEDIATE;
    spec->dst_type = dst_type;

    size_t padded = ROUND_UP(n_bytes, OFPACT_ALIGNTO);
    uint8_t *data = ofpbuf_put_zeros(out, padded);
    memcpy(data, value, n_bytes);
}

/* The learned flow matches 'dst' on 'value' ('n_bytes' long, as the field). */
static void
learn_match_value(struct ofpbuf *out, enum mf_field_id id, const void *value)
{
    struct mf_subfield dst = put_whole_field(id);
    learn_value(out, NX_LEARN_DST_MATCH, &dst, value, dst.field->n_bytes);
}

/* The learned flow loads 'value' into 'dst'. */
static void
learn_load_value(struct ofpbuf *out, const struct mf_subfield *dst,
                 const void *value)
{
    learn_value(out, NX_LEARN_DST_LOAD, dst, value,
                DIV_ROUND_UP(dst->n_bits, 8));
}

static void
learn_load_flag(struct ofpbuf *out, unsigned int bit)
{
    struct mf_subfield flag = put_whole_field(MFF_LOG_FLAGS);
    uint8_t one = 1;

    flag.ofs = bit;
    flag.n_bits = 1;
    learn_load_value(out, &flag, &one);
}

static void
learn_match_eth_type(struct ofpbuf *out, bool ipv6)
{
    ovs_be16 eth_type = htons(ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
    learn_match_value(out, MFF_ETH_TYPE, &eth_type);
}

/* Protocols with ports. */

static const struct {
    const char *name;
    uint8_t proto;
    enum mf_field_id src, dst;
} l4_protos[] = {
    { "tcp", IPPROTO_TCP, MFF_TCP_SRC, MFF_TCP_DST },
    { "udp", IPPROTO_UDP, MFF_UDP_SRC, MFF_UDP_DST },
    { "sctp", IPPROTO_SCTP, MFF_SCTP_SRC, MFF_SCTP_DST },
};

static size_t
l4_index(uint8_t proto)
{
    for (size_t i = 0; i < ARRAY_SIZE(l4_protos); i++) {
        if (l4_protos[i].proto == proto) {
            return i;
        }
    }
    OVS_NOT_REACHED();
}

/* "proto = PROTO" */
static bool
parse_proto(struct act_parser *p, uint8_t *proto)
{
    if (!lex_accept_word(p->lex, "proto")) {
        lex_syntax_error(p->lex, "invalid parameter.");
        return false;
    }
    if (!lex_expect(p->lex, LEX_ASSIGN)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(l4_protos); i++) {
        if (lex_accept_word(p->lex, l4_protos[i].name)) {
            *proto = l4_protos[i].proto;
            return true;
        }
    }
    lex_syntax_error(p->lex, "invalid protocol.");
    return false;
}

/* commit_ecmp_nh(ipv6 = BOOL, proto = PROTO); */

/* The learned flows live as long as there is traffic, and not longer than
 * this: in seconds. */
#define ECMP_NH_IDLE_TIMEOUT 20
#define ECMP_NH_HARD_TIMEOUT 30

void
act_parse_commit_ecmp_nh(struct act_parser *p, enum ovnact_type type,
                         const struct expr_field *result OVS_UNUSED)
{
    bool ipv6 = false;
    uint8_t proto;

    if (!lex_expect(p->lex, LEX_LPAREN)) {
        return;
    }
    if (!lex_accept_word(p->lex, "ipv6")) {
        lex_syntax_error(p->lex, "invalid parameter.");
        return;
    }
    if (!lex_expect(p->lex, LEX_ASSIGN)) {
        return;
    }

    bool is_text = lex_is(p->lex, LEX_WORD) || lex_is(p->lex, LEX_STRING);
    const char *text = is_text ? lex_current(p->lex)->text : "";
    if (!strcmp(text, "true")) {
        ipv6 = true;
    } else if (strcmp(text, "false")) {
        lex_syntax_error(p->lex, "expecting true or false.");
        return;
    }
    lex_advance(p->lex);

    if (!lex_expect(p->lex, LEX_COMMA) || !parse_proto(p, &proto)
        || !lex_expect(p->lex, LEX_RPAREN)) {
        return;
    }

    struct ovnact_commit_ecmp_nh *nh = ovnact_put(p, type, sizeof *nh);
    nh->ipv6 = ipv6;
    nh->proto = proto;
}

void
act_format_commit_ecmp_nh(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_commit_ecmp_nh *nh
        = CONTAINER_OF(a, struct ovnact_commit_ecmp_nh, ovnact);

    ds_put_format(s, "commit_ecmp_nh(ipv6 = %s, proto = %s);",
                  nh->ipv6 ? "true" : "false",
                  l4_protos[l4_index(nh->proto)].name);
}

/* One of the two flows: 'reverse' for packets that go the other way, else for
 * this direction and, in that case, this sender. */
static void
encode_ecmp_nh(const struct ovnact_commit_ecmp_nh *nh,
               const struct ovnact_encode_params *ep, uint8_t table,
               bool reverse, struct ofpbuf *out)
{
    size_t l4 = l4_index(nh->proto);
    enum mf_field_id ends[2][2] = {
        { nh->ipv6 ? MFF_IPV6_SRC : MFF_IPV4_SRC,
          nh->ipv6 ? MFF_IPV6_DST : MFF_IPV4_DST },
        { l4_protos[l4].src, l4_protos[l4].dst },
    };
    size_t start = start_learn(out, ep, table, ECMP_NH_IDLE_TIMEOUT,
                               ECMP_NH_HARD_TIMEOUT);

    learn_match_field(out, MFF_LOG_DATAPATH, MFF_LOG_DATAPATH);
    if (!reverse) {
        learn_match_field(out, MFF_ETH_SRC, MFF_ETH_SRC);
    }
    learn_match_eth_type(out, nh->ipv6);
    learn_match_field(out, ends[0][0], ends[0][reverse]);
    learn_match_field(out, ends[0][1], ends[0][!reverse]);
    learn_match_value(out, MFF_IP_PROTO, &nh->proto);
    learn_match_field(out, ends[1][0], ends[1][reverse]);
    learn_match_field(out, ends[1][1], ends[1][!reverse]);
    learn_load_flag(out, MLF_LOOKUP_COMMIT_ECMP_NH_BIT);
    finish_learn(out, start);
}

bool
act_encode_commit_ecmp_nh(const struct ovnact *a,
                          const struct ovnact_encode_params *ep,
                          struct ofpbuf *out)
{
    const struct ovnact_commit_ecmp_nh *nh
        = CONTAINER_OF(a, struct ovnact_commit_ecmp_nh, ovnact);

    encode_ecmp_nh(nh, ep, ep->dialect->tables.ecmp_nh_mac, false, out);
    encode_ecmp_nh(nh, ep, ep->dialect->tables.ecmp_nh, true, out);
    return true;
}

/* commit_lb_aff(vip = "...", backend = "...", [proto = PROTO, ]timeout = N);*/

/* NAME = "ADDRESS[:PORT]" */
static bool
parse_aff_endpoint(struct act_parser *p, const char *name,
                   struct in6_addr *addr, uint16_t *port)
{
    struct lb_endpoint ep;

    if (!lex_accept_word(p->lex, name)) {
        lex_syntax_error(p->lex, "invalid parameter.");
        return false;
    }
    if (!lex_expect(p->lex, LEX_ASSIGN)) {
        return false;
    }
    if (!lex_is(p->lex, LEX_STRING)
        || !lb_endpoint_parse(lex_current(p->lex)->text, &ep)) {
        lex_syntax_error(p->lex, "invalid parameter.");
        return false;
    }
    *addr = ep.ip;
    *port = ep.port;
    return true;
}

void
act_parse_commit_lb_aff(struct act_parser *p, enum ovnact_type type,
                        const struct expr_field *result OVS_UNUSED)
{
    if (!lex_expect(p->lex, LEX_LPAREN)) {
        return;
    }

    struct ovnact_commit_lb_aff *aff = ovnact_put(p, type, sizeof *aff);
    if (!parse_aff_endpoint(p, "vip", &aff->vip, &aff->vip_port)) {
        return;
    }
    lex_advance(p->lex);
    if (!lex_expect(p->lex, LEX_COMMA)
        || !parse_aff_endpoint(p, "backend", &aff->backend,
                               &aff->backend_port)) {
        return;
    }
    if (IN6_IS_ADDR_V4MAPPED(&aff->vip)
        != IN6_IS_ADDR_V4MAPPED(&aff->backend)) {
        lex_syntax_error(p->lex, "invalid protocol family.");
        return;
    }
    lex_advance(p->lex);
    if (!lex_expect(p->lex, LEX_COMMA)) {
        return;
    }
    if (aff->vip_port
        && (!parse_proto(p, &aff->proto)
            || !lex_expect(p->lex, LEX_COMMA))) {
        return;
    }
    if (!lex_accept_word(p->lex, "timeout")) {
        lex_syntax_error(p->lex, "invalid parameter.");
        return;
    }
    if (lex_expect(p->lex, LEX_ASSIGN)
        && act_parse_u16(p, "affinity timeout", &aff->timeout)) {
        lex_expect(p->lex, LEX_RPAREN);
    }
}

static void
format_aff_endpoint(const struct in6_addr *addr, uint16_t port, struct ds *s)
{
    bool ipv6 = !IN6_IS_ADDR_V4MAPPED(addr);

    ds_put_cstr(s, ipv6 ? "\"[" : "\"");
    ipv6_format_mapped(addr, s);
    ds_put_cstr(s, ipv6 ? "]" : "");
    if (port) {
        ds_put_format(s, ":%"PRIu16, port);
    }
    ds_put_char(s, '"');
}

void
act_format_commit_lb_aff(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_commit_lb_aff *aff
        = CONTAINER_OF(a, struct ovnact_commit_lb_aff, ovnact);

    ds_put_cstr(s, "commit_lb_aff(vip = ");
    format_aff_endpoint(&aff->vip, aff->vip_port, s);
    ds_put_cstr(s, ", backend = ");
    format_aff_endpoint(&aff->backend, aff->backend_port, s);
    if (aff->proto) {
        ds_put_format(s, ", proto = %s",
                      l4_protos[l4_index(aff->proto)].name);
    }
    ds_put_format(s, ", timeout = %d);", aff->timeout);
}

/* Where the flow puts the backend: a register that the pipeline keeps free for
 * it. */
static struct mf_subfield
aff_backend_field(const struct ovnact_encode_params *ep, bool ipv6)
{
    const struct ovn_registers *regs = &ep->dialect->regs;

    return put_whole_field(!ipv6 ? regs->affinity_ip4
                           : act_dp_is_switch(ep) ? regs->affinity_ip6_switch
                           : regs->affinity_ip6_router);
}

bool
act_encode_commit_lb_aff(const struct ovnact *a,
                         const struct ovnact_encode_params *ep,
                         struct ofpbuf *out)
{
    const struct ovnact_commit_lb_aff *aff
        = CONTAINER_OF(a, struct ovnact_commit_lb_aff, ovnact);
    bool ipv6 = !IN6_IS_ADDR_V4MAPPED(&aff->vip);
    ovs_be32 vip4 = in6_addr_get_mapped_ipv4(&aff->vip);
    ovs_be32 backend4 = in6_addr_get_mapped_ipv4(&aff->backend);
    size_t start = start_learn(out, ep, ep->dialect->tables.chk_lb_affinity,
                               aff->timeout, 0);

    learn_match_field(out, MFF_LOG_DATAPATH, MFF_LOG_DATAPATH);
    learn_match_eth_type(out, ipv6);
    if (ipv6) {
        learn_match_field(out, MFF_IPV6_SRC, MFF_IPV6_SRC);
        learn_match_value(out, MFF_IPV6_DST, &aff->vip);
    } else {
        learn_match_field(out, MFF_IPV4_SRC, MFF_IPV4_SRC);
        learn_match_value(out, MFF_IPV4_DST, &vip4);
    }
    if (aff->proto) {
        ovs_be16 port = htons(aff->vip_port);
        learn_match_value(out, MFF_IP_PROTO, &aff->proto);
        learn_match_value(out, l4_protos[l4_index(aff->proto)].dst, &port);
    }

    struct mf_subfield dst = aff_backend_field(ep, ipv6);
    learn_load_flag(out, MLF_USE_LB_AFF_SESSION_BIT);
    learn_load_value(out, &dst, ipv6 ? (const void *) &aff->backend
                                     : &backend4);
    if (aff->backend_port) {
        struct mf_subfield port_dst
            = put_whole_field(ep->dialect->regs.affinity_port);
        ovs_be16 port = htons(aff->backend_port);

        port_dst.n_bits = 16;
        learn_load_value(out, &port_dst, &port);
    }
    finish_learn(out, start);
    return true;
}
