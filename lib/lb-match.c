/* SPDX-License-Identifier: Apache-2.0 */

/* Looking at the parsed matches of load-balancing flows; see lb-match.h. */

#include <config.h>
#include "lb-match.h"

#include <stdio.h>
#include <string.h>

#include "expr-private.h"
#include "lb-empty.h"
#include "lb.h"
#include "packets.h"
#include "util.h"

const struct expr *
lb_match_conjunct(const struct expr *e, size_t i)
{
    return e->type == EXPR_T_AND ? e->subs[i] : e;
}

size_t
lb_match_n_conjuncts(const struct expr *e)
{
    return e->type == EXPR_T_AND ? e->n : 1;
}

bool
lb_match_is_cmp(const struct expr *e, const char *symbol)
{
    return (e->type == EXPR_T_CMP && e->cmp.relop == EXPR_R_EQ
            && !strcmp(e->cmp.symbol->name, symbol));
}

/* Whether 'e' compares 'symbol' for equality with a value, or with several
 * ("symbol == {a, b}"). */
static bool
is_cmps(const struct expr *e, const char *symbol)
{
    if (e->type != EXPR_T_OR) {
        return lb_match_is_cmp(e, symbol);
    }
    for (size_t i = 0; i < e->n; i++) {
        if (!lb_match_is_cmp(e->subs[i], symbol)) {
            return false;
        }
    }
    return true;
}

const struct expr *
lb_match_find(const struct expr *match, const char *symbol)
{
    for (size_t i = 0; i < lb_match_n_conjuncts(match); i++) {
        if (is_cmps(lb_match_conjunct(match, i), symbol)) {
            return lb_match_conjunct(match, i);
        }
    }
    return NULL;
}

bool
lb_match_address(const struct expr *e, struct in6_addr *ip)
{
    if (e->cmp.symbol->width == 32) {
        if (e->cmp.mask.u64.lo != UINT32_MAX) {
            return false;
        }
        in6_addr_set_mapped_ipv4(ip, htonl(e->cmp.value.u64.lo));
        return true;
    }
    if (e->cmp.symbol->width == 128
        && ovs_u128_equals(e->cmp.mask, OVS_U128_MAX)) {
        ovs_be64 parts[2] = { htonll(e->cmp.value.u64.hi),
                              htonll(e->cmp.value.u64.lo) };
        memcpy(ip, parts, sizeof *ip);
        return true;
    }
    return false;
}

/* Since 25.09, ovn-northd has conntrack's protocol and destination port put
 * into a register, and matches on that, so that fragments are balanced, too:
 *
 *     reg1[16..23] == 6 && reg1[0..15] == 80
 */
#define TUPLE_SYMBOL "reg1"
#define TUPLE_PROTO_OFS 16
#define TUPLE_PROTO_MASK UINT64_C(0xff0000)
#define TUPLE_PORT_MASK UINT64_C(0xffff)

/* The comparison with those bits of the register that are in 'mask', or
 * NULL. */
static const struct expr *
find_tuple(const struct expr *match, uint64_t mask)
{
    for (size_t i = 0; i < lb_match_n_conjuncts(match); i++) {
        const struct expr *e = lb_match_conjunct(match, i);

        if (lb_match_is_cmp(e, TUPLE_SYMBOL)
            && !e->cmp.mask.u64.hi && e->cmp.mask.u64.lo == mask) {
            return e;
        }
    }
    return NULL;
}

static const struct {
    const char *name;
    uint8_t number;
} protocols[] = {
    { "tcp", IPPROTO_TCP },
    { "udp", IPPROTO_UDP },
    { "sctp", IPPROTO_SCTP },
};

const char *
lb_match_protocol(const struct expr *match)
{
    const struct expr *tuple = find_tuple(match, TUPLE_PROTO_MASK);

    for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
        char name[16];

        snprintf(name, sizeof name, "%s.dst", protocols[i].name);
        if (lb_match_find(match, name)
            || (tuple && tuple->cmp.value.u64.lo >> TUPLE_PROTO_OFS
                         == protocols[i].number)) {
            return protocols[i].name;
        }
    }
    return NULL;
}

bool
lb_match_is_affinity(const struct expr *match)
{
    const struct mf_field *field = mf_from_id(LB_AFFINITY_FIELD);

    for (size_t i = 0; i < lb_match_n_conjuncts(match); i++) {
        const struct expr *e = lb_match_conjunct(match, i);

        /* With one bit, "!= 0" is "== 1". */
        if (e->type == EXPR_T_CMP && e->cmp.symbol->field == field
            && !e->cmp.mask.u64.hi
            && e->cmp.mask.u64.lo == LB_AFFINITY_BIT
            && (e->cmp.relop == EXPR_R_EQ ? e->cmp.value.u64.lo
                : e->cmp.relop == EXPR_R_NE && !e->cmp.value.u64.lo)) {
            return true;
        }
    }
    return false;
}

bool
lb_match_vip(const struct expr *match, struct lb_endpoint *vip)
{
    const char *protocol = lb_match_protocol(match);
    const struct expr *ip = lb_match_find(match, "ip4.dst");

    ip = ip ? ip : lb_match_find(match, "ip6.dst");
    if (!ip || ip->type != EXPR_T_CMP || !lb_match_address(ip, &vip->ip)) {
        return false;
    }

    vip->port = 0;
    if (protocol) {
        char name[16];

        snprintf(name, sizeof name, "%s.dst", protocol);
        const struct expr *port = lb_match_find(match, name);
        port = port ? port : find_tuple(match, TUPLE_PORT_MASK);
        if (port && port->type == EXPR_T_CMP) {
            vip->port = port->cmp.value.u64.lo;
        }
    }
    return true;
}
