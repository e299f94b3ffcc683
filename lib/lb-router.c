/* SPDX-License-Identifier: Apache-2.0 */

/* Distributed load balancers on routers with a distributed gateway port; see
 * lb-router.h, which has the rules in words. */

#include <config.h>
#include "lb-router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actions-private.h"
#include "byte-order.h"
#include "expr-private.h"
#include "lb-flow.h"
#include "lb-match.h"
#include "openvswitch/shash.h"
#include "packets.h"
#include "util.h"

/* Addresses. */

enum lb_router_vip
lb_router_vip_decide(enum lb_locality locality, bool here, bool elsewhere)
{
    return (locality == LB_LOCALITY_NONE ? LB_ROUTER_VIP_GATEWAY
            : here ? LB_ROUTER_VIP_SERVED
            : elsewhere && locality == LB_LOCALITY_STRICT
            ? LB_ROUTER_VIP_REMOTE
            : LB_ROUTER_VIP_GATEWAY);
}

void
lb_router_addrs_add(struct lb_router_addrs *addrs, const struct in6_addr *ip)
{
    if (addrs->n >= addrs->allocated) {
        addrs->array = x2nrealloc(addrs->array, &addrs->allocated,
                                  sizeof *addrs->array);
    }
    addrs->array[addrs->n++] = *ip;
}

bool
lb_router_addrs_contain(const struct lb_router_addrs *addrs,
                        const struct in6_addr *ip)
{
    for (size_t i = 0; i < addrs->n; i++) {
        if (ipv6_addr_equals(&addrs->array[i], ip)) {
            return true;
        }
    }
    return false;
}

void
lb_router_addrs_destroy(struct lb_router_addrs *addrs)
{
    free(addrs->array);
    *addrs = (struct lb_router_addrs) { .n = 0 };
}

void
lb_router_gateway_clear(struct lb_router_gateway *gw)
{
    lb_router_addrs_destroy(&gw->own);
    lb_router_addrs_destroy(&gw->served);
    lb_router_addrs_destroy(&gw->remote);
}

void
lb_router_own_addresses(const char *mac, struct lb_router_addrs *own)
{
    char *copy = xstrdup(mac);
    char *save = NULL;
    struct eth_addr ea;

    for (char *token = strtok_r(copy, " ", &save); token;
         token = strtok_r(NULL, " ", &save)) {
        struct lb_endpoint ep;

        if (eth_addr_from_string(token, &ea)) {
            struct in6_addr lla;
            in6_generate_lla(ea, &lla);
            lb_router_addrs_add(own, &lla);
            continue;
        }
        token[strcspn(token, "/")] = '\0';
        if (lb_endpoint_parse(token, &ep)) {
            lb_router_addrs_add(own, &ep.ip);
        }
    }
    free(copy);
}

/* Looking at trees. */

static bool
has_port(const struct expr *match, const char *symbol, const char *port)
{
    const struct expr *e = lb_match_find(match, symbol);

    return e && e->type == EXPR_T_CMP && e->cmp.string
           && !strcmp(e->cmp.string, port);
}

/* Which of the outermost operands is the residency of a gateway port whose
 * router has distributed load balancers, or -1. */
static int
find_residency(const struct expr *match, const struct lb_router_env *env,
               const struct lb_router_gateway **gwp)
{
    for (size_t i = 0; i < lb_match_n_conjuncts(match); i++) {
        const struct expr *e = lb_match_conjunct(match, i);

        if (e->type == EXPR_T_RESIDENT && !e->resident.negated) {
            *gwp = env->gateway(e->resident.port, env->aux);
            if (*gwp) {
                return i;
            }
        }
    }
    return -1;
}

/* Rules. */

struct subject {
    const struct lb_router_row *row;
    const struct expr *match;
    const struct lb_router_gateway *gw;
};

static bool
is_for_router_mac(const struct subject *s)
{
    return lb_match_find(s->match, "eth.dst");
}

/* Other ports of the router may be resident on the gateway chassis, too
 * (reside-on-redirect-chassis). */
static bool
is_for_gateway_port_mac(const struct subject *s)
{
    const struct expr *e = lb_match_find(s->match, "eth.dst");
    struct eth_addr ea;
    struct in6_addr lla;

    if (!e || e->type != EXPR_T_CMP) {
        return false;
    }
    eth_addr_from_uint64(e->cmp.value.u64.lo, &ea);
    in6_generate_lla(ea, &lla);
    return lb_router_addrs_contain(&s->gw->own, &lla);
}

static bool
is_from_port(const struct subject *s)
{
    return has_port(s->match, "inport", s->gw->port);
}

static bool
is_for_router_mac_from_port(const struct subject *s)
{
    return is_for_router_mac(s) && is_from_port(s);
}

static bool
is_arp_request_from_port(const struct subject *s)
{
    return is_from_port(s) && lb_match_find(s->match, "arp.spa");
}

/* The operand that says which addresses are asked for. */
static const struct expr *
find_asked(const struct subject *s)
{
    const struct expr *e = NULL;

    if (is_from_port(s)) {
        e = lb_match_find(s->match, "arp.tpa");
        e = e ? e : lb_match_find(s->match, "nd.target");
    }
    return e;
}

static bool
asks_for_own_address(const struct subject *s)
{
    const struct expr *e = find_asked(s);
    struct in6_addr ip;

    return e && e->type == EXPR_T_CMP && lb_match_address(e, &ip)
           && lb_router_addrs_contain(&s->gw->own, &ip);
}

static bool
asks_for_vips(const struct subject *s)
{
    return !s->row->has_hint && find_asked(s);
}

static bool
is_served(const struct subject *s)
{
    return s->row->balances != NULL;
}

static struct expr *
put_true(const struct subject *s OVS_UNUSED)
{
    return NULL;
}

/* Returns those of the comparisons of 'e' whose address is in 'addrs',
 * inverted with 'invert' ("is in" becomes "is not in"). */
static struct expr *
pick(const struct expr *e, const struct lb_router_addrs *addrs, bool invert)
{
    struct expr *picked = expr_new_andor(EXPR_T_OR);
    size_t n = e->type == EXPR_T_OR ? e->n : 1;

    for (size_t i = 0; i < n; i++) {
        const struct expr *cmp = e->type == EXPR_T_OR ? e->subs[i] : e;
        struct in6_addr ip;

        if (lb_match_address(cmp, &ip)
            && lb_router_addrs_contain(addrs, &ip)) {
            expr_add(picked, expr_clone(cmp));
        }
    }
    picked = expr_finish(picked);
    return invert ? expr_not(picked) : picked;
}

static struct expr *
put_served_vips(const struct subject *s)
{
    const struct expr *asked = find_asked(s);
    struct expr *resident = NULL;

    for (size_t i = 0; i < lb_match_n_conjuncts(s->match); i++) {
        const struct expr *e = lb_match_conjunct(s->match, i);
        if (e->type == EXPR_T_RESIDENT) {
            resident = expr_clone(e);
            break;
        }
    }
    return expr_or(expr_and(resident, pick(asked, &s->gw->remote, true)),
                   pick(asked, &s->gw->served, false));
}

/* For flows of 'stage' with the residency of a gateway port for which
 * 'applies' is true, residency is replaced by what 'replacement' returns,
 * where NULL is true. */
struct rule {
    const char *stage;
    bool (*applies)(const struct subject *);
    struct expr *(*replacement)(const struct subject *);
    bool always;                /* Also where nothing is served. */
};
static const struct rule rules[] = {
    { "ls_in_l2_lkup", is_for_gateway_port_mac, put_true, false },
    { "lr_in_admission", is_for_router_mac_from_port, put_true, false },
    { "lr_in_lookup_neighbor", is_arp_request_from_port, put_true, false },
    { "lr_in_ip_input", asks_for_own_address, put_true, false },
    { "lr_in_ip_input", asks_for_vips, put_served_vips, true },
    { "lr_in_dnat", is_served, put_true, false },
};

bool
lb_router_concerns(const char *stage, const char *match)
{
    for (size_t i = 0; stage && i < ARRAY_SIZE(rules); i++) {
        if (!strcmp(stage, rules[i].stage)) {
            return strstr(match, "is_chassis_resident");
        }
    }
    return false;
}

bool
lb_router_balances(const char *stage)
{
    return stage && !strcmp(stage, "lr_in_dnat");
}

bool
lb_router_has_more(const char *stage)
{
    return (lb_router_balances(stage)
            || (stage && !strcmp(stage, "lr_in_gw_redirect")));
}

/* Returns 'match' (consumed) with 'e' (owned, or NULL) in the place of operand
 * 'i'. */
static struct expr *
replace_conjunct(struct expr *match, size_t i, struct expr *e)
{
    if (match->type != EXPR_T_AND) {
        expr_destroy(match);
        return e ? e : expr_boolean(true);
    }

    struct expr *new = expr_new_andor(EXPR_T_AND);
    for (size_t j = 0; j < match->n; j++) {
        if (j != i) {
            expr_add(new, match->subs[j]);
            continue;
        }
        expr_destroy(match->subs[j]);
        if (e) {
            expr_add(new, e);
        }
    }
    expr_free_shell(match);
    return expr_finish(new);
}

struct expr *
lb_router_apply(struct expr *match, const struct lb_router_row *row,
                const struct lb_router_env *env)
{
    struct subject s = { .row = row, .match = match };
    int residency = find_residency(match, env, &s.gw);

    for (size_t i = 0; residency >= 0 && i < ARRAY_SIZE(rules); i++) {
        if (!strcmp(row->stage, rules[i].stage)
            && (rules[i].always || s.gw->served.n)
            && rules[i].applies(&s)) {
            return replace_conjunct(match, residency,
                                    rules[i].replacement(&s));
        }
    }
    return match;
}

/* Added flows. */

/* A symbol that each symbol table has. */
static const struct expr_symbol *
find_symbol(const struct shash *symtab, const char *name)
{
    const struct expr_symbol *symbol = shash_find_data(symtab, name);

    ovs_assert(symbol);
    return symbol;
}

/* "NAME", and "NAME == VALUE" for all bits of a field. */
static struct expr *
make_bare(const struct lb_router_env *env, const char *name)
{
    return expr_new_bare(find_symbol(env->symtab, name));
}

static struct expr *
make_cmp(const struct lb_router_env *env, const char *name, ovs_u128 value)
{
    const struct expr_symbol *symbol = find_symbol(env->symtab, name);
    struct expr *cmp = expr_new_cmp(symbol, EXPR_R_EQ);

    cmp->cmp.value = value;
    cmp->cmp.mask = expr_u128_ones(0, symbol->width);
    return cmp;
}

static struct expr *
make_port_cmp(const struct lb_router_env *env, const char *name,
              const char *port)
{
    return expr_new_string_cmp(find_symbol(env->symtab, name), EXPR_R_EQ,
                               port);
}

static ovs_u128
address_value(const struct in6_addr *ip)
{
    ovs_be32 parts[4];

    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        return (ovs_u128) {
            .u64.lo = ntohl(in6_addr_get_mapped_ipv4(ip))
        };
    }
    memcpy(parts, ip, sizeof parts);
    return (ovs_u128) { .u64 = {
        .hi = (uint64_t) ntohl(parts[0]) << 32 | ntohl(parts[1]),
        .lo = (uint64_t) ntohl(parts[2]) << 32 | ntohl(parts[3]) } };
}

/* What comes from the backends of 'flow', whose match is 'match'. */
static struct expr *
make_answers(const struct expr *match, const struct lb_flow *flow,
             const struct lb_router_env *env)
{
    const char *protocol = lb_match_protocol(match);
    bool is_ip4 = lb_endpoint_is_ip4(&flow->backends[0]);
    struct expr *backends = expr_new_andor(EXPR_T_OR);

    for (size_t i = 0; i < flow->n_backends; i++) {
        const struct lb_endpoint *ep = &flow->backends[i];
        struct expr *e = make_cmp(env, is_ip4 ? "ip4.src" : "ip6.src",
                                  address_value(&ep->ip));

        if (protocol && ep->port) {
            char name[16];

            snprintf(name, sizeof name, "%s.src", protocol);
            e = expr_and(e, make_cmp(env, name,
                                     (ovs_u128) { .u64.lo = ep->port }));
        }
        expr_add(backends, e);
    }
    return expr_and(make_bare(env, is_ip4 ? "ip4" : "ip6"),
                    expr_finish(backends));
}

static bool
has_residency(const struct expr *match)
{
    for (size_t i = 0; i < lb_match_n_conjuncts(match); i++) {
        if (lb_match_conjunct(match, i)->type == EXPR_T_RESIDENT) {
            return true;
        }
    }
    return false;
}

/* The gateway port that is all that 'match' is about, as the one from which a
 * packet leaves the router, or NULL. */
static const struct lb_router_gateway *
find_outport(const struct expr *match, const struct lb_router_env *env)
{
    if (!lb_match_is_cmp(match, "outport") || !match->cmp.string) {
        return NULL;
    }

    char *cr_port = xasprintf("cr-%s", match->cmp.string);
    const struct lb_router_gateway *gw = env->gateway(cr_port, env->aux);
    free(cr_port);
    return gw && !strcmp(gw->port, match->cmp.string) ? gw : NULL;
}

/* What is not redirected: see lb-router.h. */
static size_t
derive_from_redirect(struct subject *s, const struct lb_router_env *env,
                     struct lb_router_flow flows[LB_ROUTER_MAX_FLOWS])
{
    size_t n = 0;

    s->gw = find_outport(s->match, env);
    if (!s->gw || !s->gw->served.n) {
        return 0;
    }
    struct expr *outport = make_port_cmp(env, "outport", s->gw->port);
    struct expr *answers
        = expr_and(make_bare(env, "ct.est"), make_bare(env, "ct.rpl"));
    answers = expr_and(answers, expr_or(make_bare(env, "ct_mark.natted"),
                                        make_bare(env, "ct_label.natted")));
    flows[n++] = (struct lb_router_flow) {
        .stage = "lr_in_gw_redirect",
        .ingress = true,
        .priority = 210,
        .match = expr_and(answers, expr_clone(outport)),
        .actions = LB_ROUTER_NEXT,
    };
    flows[n++] = (struct lb_router_flow) {
        .stage = "lr_in_gw_redirect",
        .ingress = true,
        .priority = 210,
        .match = expr_and(make_port_cmp(env, "inport", s->gw->port), outport),
        .actions = LB_ROUTER_NEXT,
    };
    return n;
}

/* The connections that are balanced here get their address back here. */
static size_t
derive_from_dnat(struct subject *s, const struct lb_router_env *env,
                 struct lb_router_flow flows[LB_ROUTER_MAX_FLOWS])
{
    const struct lb_router_row *row = s->row;
    const struct expr *match = s->match;
    size_t n = 0;

    if (!is_served(s)) {
        return 0;
    }
    if (!has_residency(match)) {
        flows[n++] = (struct lb_router_flow) {
            .stage = "lr_out_undnat",
            .priority = 40,
            .match = make_answers(match, row->balances, env),
            .actions = LB_ROUTER_CT_DNAT,
            .flag = row->balances->flag,
        };
    } else if (find_residency(match, env, &s->gw) >= 0) {
        flows[n++] = (struct lb_router_flow) {
            .stage = "lr_in_defrag",
            .ingress = true,
            .priority = 90,
            .match = make_answers(match, row->balances, env),
            .actions = LB_ROUTER_CT_NEXT,
        };
        flows[n++] = (struct lb_router_flow) {
            .stage = "lr_out_undnat",
            .priority = 130,
            .match = make_answers(match, row->balances, env),
            .actions = LB_ROUTER_CT_DNAT,
            .flag = row->balances->flag,
        };
    }
    return n;
}

size_t
lb_router_derive(const struct expr *match, const struct lb_router_row *row,
                 const struct lb_router_env *env,
                 struct lb_router_flow flows[LB_ROUTER_MAX_FLOWS])
{
    struct subject s = { .row = row, .match = match };

    return (lb_router_balances(row->stage)
            ? derive_from_dnat(&s, env, flows)
            : derive_from_redirect(&s, env, flows));
}

void
lb_router_flows_destroy(struct lb_router_flow *flows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        expr_destroy(flows[i].match);
    }
}

static void
put_flag(enum ovnact_ct_lb_flag flag, const struct shash *symtab,
         struct ofpbuf *ovnacts)
{
    if (flag == OVN_CT_LB_NO_SNAT) {
        return;
    }

    const char *name = (flag == OVN_CT_LB_SKIP_SNAT
                        ? "flags.skip_snat_for_lb"
                        : "flags.force_snat_for_lb");
    struct ovnact_load *load = ovnact_append(ovnacts, OVNACT_LOAD,
                                             sizeof *load);
    load->dst = (struct expr_field) {
        .symbol = find_symbol(symtab, name), .n_bits = 1,
    };
    load->imm.format = LEX_DECIMAL;
    load->imm.value.integer = htonll(1);
}

void
lb_router_flow_put_actions(const struct lb_router_flow *flow, uint8_t ltable,
                           const struct shash *symtab, struct ofpbuf *ovnacts)
{
    switch (flow->actions) {
    case LB_ROUTER_NEXT: {
        struct ovnact_next *next = ovnact_append(ovnacts, OVNACT_NEXT,
                                                 sizeof *next);
        next->pipeline = flow->ingress ? OVN_P_INGRESS : OVN_P_EGRESS;
        next->from_pipeline = next->pipeline;
        next->ltable = ltable + 1;
        next->from_ltable = ltable;
        break;
    }

    case LB_ROUTER_CT_NEXT: {
        struct ovnact_ct_next *next = ovnact_append(ovnacts, OVNACT_CT_NEXT,
                                                    sizeof *next);
        next->ltable = ltable + 1;
        break;
    }

    case LB_ROUTER_CT_DNAT: {
        put_flag(flow->flag, symtab, ovnacts);
        struct ovnact_ct_nat *nat = ovnact_append(ovnacts, OVNACT_CT_DNAT,
                                                  sizeof *nat);
        nat->family = AF_UNSPEC;
        nat->ltable = ltable + 1;
        break;
    }
    }
}
