/* SPDX-License-Identifier: Apache-2.0 */

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
 * router without distributed load balancers has its flows as northd wrote
 * them.
 *
 *   stage                  what is matched, on the parsed match
 *     what becomes of it, and why
 *
 *   ls_in_l2_lkup          eth.dst == MAC of PORT && resident
 *     Without residency: frames for the router enter it from the chassis' own
 *     physical network.  Other ports of the router have residency if they have
 *     reside-on-redirect-chassis.  It stays: without, all that the chassis'
 *     machines send would take another way than what they are answered, past
 *     the connection tracking of their switch.
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
 *     (resident && none of the remote VIPs) || a VIP served here.  A
 *     fabric that asks for the VIP itself is answered by those who serve it.
 *     The gateway chassis answers for the rest, but for VIPs whose backends
 *     are all elsewhere: what it got, it could only drop.
 *
 *   lr_in_dnat             resident; the actions balance a VIP served here
 *     Without: it is translated here, whichever of the router's gateway ports
 *     that is the residency of (with several, northd names the first one).
 *     And besides, for what goes back, two more flows.  They are made of the
 *     actions' backends, so that load balancers have them whose lr_out_undnat
 *     flows northd gets wrong (those with templates, with skip_snat or
 *     force_snat, those of a router with several gateway ports):
 *
 *     lr_in_defrag, priority 90: from a backend's address and port;
 *     "ct_next;".  Now ct.rpl and ct_mark.natted (or ct_label.natted, if the
 *     action is ct_lb) tell answers of connections that have been translated
 *     here from all else, e.g. from those of connections that the gateway
 *     chassis has translated before the load balancer was distributed, and
 *     from those of a floating IP.  Addresses are still the backend's, so that
 *     routes and policies see what they always see.
 *
 *     lr_out_undnat, priority 130: from a backend's address and port;
 *     "ct_dnat;", after the flag of the actions, if any.  On the gateway
 *     chassis this comes before northd's own flow, and does more than that one
 *     only for what does not leave through PORT.
 *
 *   lr_in_gw_redirect      outport == PORT, and nothing else
 *     Stays, and besides, for each gateway port of the router its own,
 *     lr_in_gw_redirect, priority 210: answers of connections that have been
 *     translated here leave through PORT here instead of being redirected to
 *     the gateway chassis, which is what a flow of priority 200 does with them
 *     from OVN 25.03 on.  So does, in a flow of its own, what has entered
 *     through PORT: the router's answer to a ping, its ICMP errors.  The
 *     gateway chassis would drop it, since the permission to leave where it
 *     has entered does not travel in tunnels.
 *
 *   lr_in_dnat             no residency; the actions balance a VIP served here
 *     Stays, and besides, lr_out_undnat, priority 40, as above.  Such a router
 *     has no gateway port.  If it is a gateway router, a flow of priority 50
 *     does the same for all packets; if it is not, answers would not get their
 *     address back, and load balancers would be of no use there.
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
#include "lb-config.h"
#include "ovn/actions.h"

struct expr;
struct lb_flow;
struct ofpbuf;
struct shash;

/* Who serves a VIP. */
enum lb_router_vip {
    LB_ROUTER_VIP_GATEWAY,      /* As ovn-northd has it: the gateway chassis,
                                 * unless this one has to fall back. */
    LB_ROUTER_VIP_SERVED,       /* This chassis. */
    LB_ROUTER_VIP_REMOTE        /* Other chassis only. */
};
/* Decides about the VIP of a logical flow whose load balancer has 'locality',
 * by whether any backend is bound here, and any elsewhere. */
enum lb_router_vip lb_router_vip_decide(enum lb_locality locality, bool here,
                                        bool elsewhere);

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
    struct lb_router_addrs remote; /* VIPs that only others can serve. */
};
/* Frees and empties the addresses, for another port or for good. */
void lb_router_gateway_clear(struct lb_router_gateway *);
/* Adds the addresses in 'mac', which is a router port's Port_Binding.mac
 * ("MAC IP/LEN..."), and the link-local one, to 'own'. */
void lb_router_own_addresses(const char *mac, struct lb_router_addrs *own);

/* A logical flow. */
struct lb_router_row {
    const char *stage;          /* external_ids:stage-name; may be NULL. */
    bool has_hint;              /* Has external_ids:stage-hint. */

    /* What it balances, if it is of lr_in_dnat and the VIP is served here, or
     * else NULL. */
    const struct lb_flow *balances;
};

struct lb_router_env {
    const struct shash *symtab;
    /* The gateway port of chassisredirect port 'cr_port', or NULL if it is no
     * such port or no load balancer of its router is distributed.  Valid until
     * the next call. */
    const struct lb_router_gateway *(*gateway)(const char *cr_port, void *aux);
    void *aux;
};

/* Whether lb_router_apply() might change 'match' of a flow of 'stage'.
 * Cheap. */
bool lb_router_concerns(const char *stage, const char *match);
/* Whether flows of 'stage' may balance load.  Cheap. */
bool lb_router_balances(const char *stage);
/* Whether lb_router_derive() might add flows to one of 'stage'.  Cheap. */
bool lb_router_has_more(const char *stage);

/* Returns what the rules make of 'match', a tree as the parser returns it,
 * which is consumed. */
struct expr *lb_router_apply(struct expr *match, const struct lb_router_row *,
                             const struct lb_router_env *);

/* The flows that the rules add to the one with 'match', as it was before
 * lb_router_apply().  Their actions have no prerequisites beyond what the
 * match says. */
enum lb_router_actions {
    LB_ROUTER_NEXT,             /* next; */
    LB_ROUTER_CT_NEXT,          /* ct_next; */
    LB_ROUTER_CT_DNAT           /* flags.skip_snat_for_lb = 1; ct_dnat; */
};
struct lb_router_flow {
    const char *stage;          /* Its table is that of northd's own flows. */
    bool ingress;               /* The stage's pipeline. */
    uint16_t priority;
    struct expr *match;         /* As the parser would return it. */
    enum lb_router_actions actions;
    enum ovnact_ct_lb_flag flag; /* Of LB_ROUTER_CT_DNAT. */
};
#define LB_ROUTER_MAX_FLOWS 2
size_t lb_router_derive(const struct expr *match, const struct lb_router_row *,
                        const struct lb_router_env *,
                        struct lb_router_flow flows[LB_ROUTER_MAX_FLOWS]);
void lb_router_flows_destroy(struct lb_router_flow *, size_t n);
/* Appends the actions of the flow, which is in logical table 'ltable', to
 * 'ovnacts', as ovnacts_parse_text() would. */
void lb_router_flow_put_actions(const struct lb_router_flow *, uint8_t ltable,
                                const struct shash *symtab,
                                struct ofpbuf *ovnacts);

#endif /* lib/lb-router.h */
