/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */


#ifndef OVN_LB_ROUTER_H
#define OVN_LB_ROUTER_H 1

/* Distributed load balancers on routers with a distributed gateway port
 * =====================================================================
 *
 * ovn-northd lets a router with a distributed gateway port (say, lr0-pub)
 * balance load on one chassis, the one where the port's chassisredirect port
 * (cr-lr0-pub) is: what has to do with the outside carries
 * is_chassis_resident("cr-lr0-pub").  A load balancer that is distributed is
 * to be served on each chassis that has one of its backends.  This module
 * makes of northd's logical flows those of such a router.
 *
 * The rules
 * ---------
 *
 * A chassis "serves" a VIP if one of the VIP's backends is there, and it
 * serves with the router if it serves one of the router's VIPs.  Where nothing
 * is served, the rules do not apply, except for the one about ARP and ND for
 * VIPs, and where no load balancer is distributed, that does not either: a
 * router without distributed load balancers has its flows as northd wrote them.
 *
 *   stage                  what is matched, on the parsed match
 *     what becomes of it, and why
 *
 *   ls_in_l2_lkup          eth.dst == MAC && resident
 *     Without residency: frames for the router enter it from the chassis' own
 *     physical network.
 *
 *   lr_in_admission        eth.dst == MAC && inport == PORT && resident
 *     Without: and the router takes them.
 *
 *   lr_in_lookup_neighbor  inport == PORT && arp.spa == NET && resident
 *     Without: neighbors that ask in this chassis' segment are heard by
 *     nobody else.
 *
 *   lr_in_ip_input         inport == PORT && arp.tpa or nd.target is an
 *                          address of PORT && resident
 *     Without: this is how a fabric finds its next hop.
 *
 *   lr_in_ip_input         the same for a set with VIPs in it, in a flow that
 *                          is no single northbound row's && resident
 *     (resident && none of the VIPs left to others) || a VIP served here.  A
 *     fabric that asks for the VIP itself is answered by those who serve it.
 *     The gateway chassis answers for the rest, but for VIPs whose backends
 *     are all elsewhere: what it got, it could only drop.
 *
 *   lr_in_dnat             resident; the actions balance a VIP served here
 *     Without: it is translated here.
 *
 *   lr_out_undnat          outport == PORT && resident; the backends are those
 *                          of a VIP served here
 *     Without; and besides, two more flows:
 *
 *     lr_in_defrag, priority 100: the same match without outport and
 *     residency, actions "ct_dnat;".  Replies of connections that have been
 *     translated here get their address back, and ct.rpl tells them from
 *     others.  (What is left for lr_out_undnat has not been translated here.)
 *
 *     lr_in_gw_redirect, priority 200: such replies leave through PORT here
 *     instead of being redirected to the gateway chassis.  Unless the load
 *     balancer falls back to backends of other chassis, this is so for
 *     everything from the backends' addresses and ports.  With fallback it
 *     must not be: the connection may be the gateway chassis'.
 *
 * Residency means is_chassis_resident() of a chassisredirect port, as an
 * operand of the match's outermost conjunction.  Flows that come from NAT
 * have other addresses in them, or the residency of another port, and stay as
 * they are.  So do the flows of a newer ovn-northd that distributes the load
 * balancer itself: there is no residency in them to be removed.
 *
 * Who answers
 * -----------
 *
 * A chassis that has no backend answers nothing, unless it is the gateway
 * chassis.  In a fabric that spreads by ECMP or BGP each chassis is a next hop
 * of its own, and one that answered without serving would only keep a route
 * alive that leads nowhere.  In a segment in which the VIP is asked for by ARP
 * or ND, all of those that answer do so with the gateway port's one address,
 * and whoever answered, or sent, last gets the packets, which is right for
 * any of them.
 *
 * Thread-safety: no global state. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct expr;
struct lb_endpoint;

/* How the load balancer that a logical flow implements is served here. */
enum lb_router_serving {
    LB_ROUTER_NOT,              /* Not here, or there is no such one. */
    LB_ROUTER_STRICT,           /* By local backends only. */
    LB_ROUTER_FALLBACK,         /* The same, but others may help out. */
};

struct lb_router_addrs {
    struct in6_addr *array;     /* IPv4 as IPv4-mapped. */
    size_t n, allocated;
};
void lb_router_addrs_add(struct lb_router_addrs *, const struct in6_addr *);
bool lb_router_addrs_contain(const struct lb_router_addrs *,
                             const struct in6_addr *);
void lb_router_addrs_destroy(struct lb_router_addrs *);

/* A distributed gateway port of a router that has distributed load
 * balancers. */
struct lb_router_gateway {
    const char *port;           /* The router port, not the chassisredirect. */
    struct lb_router_addrs own; /* The port's addresses. */
    struct lb_router_addrs served; /* VIPs served here. */
    struct lb_router_addrs left; /* VIPs that only others can serve. */
};
/* Adds the addresses in 'mac', which is a router port's Port_Binding.mac
 * ("MAC IP/LEN..."), and the link-local one, to 'own'. */
void lb_router_own_addresses(const char *mac, struct lb_router_addrs *own);

/* A logical flow. */
struct lb_router_row {
    const char *stage;          /* external_ids:stage-name; may be NULL. */
    bool has_hint;              /* Has external_ids:stage-hint. */
    enum lb_router_serving serving; /* Of the load balancer that it is for. */
};

struct lb_router_env {
    /* The gateway port of chassisredirect port 'cr_port', or NULL if it is no
     * such port or no load balancer of its router is distributed.  Valid until
     * the next call. */
    const struct lb_router_gateway *(*gateway)(const char *cr_port, void *aux);
    void *aux;
};

/* Whether any rule might apply to a flow of 'stage' with 'match'.  Cheap. */
bool lb_router_concerns(const char *stage, const char *match);

/* Returns what the rules make of 'match', a tree as the parser returns it,
 * which is consumed. */
struct expr *lb_router_apply(struct expr *match, const struct lb_router_row *,
                             const struct lb_router_env *);

/* The flows that the rules add to the one with 'match', as it was before
 * lb_router_apply(). */
struct lb_router_flow {
    const char *stage;          /* Its table is that of northd's own flows. */
    uint16_t priority;
    char *match;
    const char *actions;
};
#define LB_ROUTER_MAX_FLOWS 3
size_t lb_router_derive(const struct expr *match, const struct lb_router_row *,
                        const struct lb_router_env *,
                        struct lb_router_flow flows[LB_ROUTER_MAX_FLOWS]);
void lb_router_flows_destroy(struct lb_router_flow *, size_t n);

/* The backends of an lr_out_undnat flow, for the caller to free.  NULL if
 * 'match' is none of such a flow. */
struct lb_endpoint *lb_router_parse_backends(const struct expr *match,
                                             size_t *n);
/* The VIP of an lr_in_dnat flow. */
bool lb_router_parse_vip(const struct expr *match, struct lb_endpoint *vip);

#endif /* lib/lb-router.h */
