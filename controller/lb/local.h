/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LB_LOCAL_H
#define CONTROLLER_LB_LOCAL_H 1

/* Load balancers that keep to the chassis, and where their backends are
 * ====================================================================
 *
 * lb/config.h says how the load balancer of a logical flow spreads connections
 * here.  For those that keep to the chassis, or would as long as they can,
 * the rest is found out here:
 *
 *   - (lb-local-flow, Logical_Flow): what the flow balances;
 *   - (lb-local-flows, load balancer): its flows;
 *   - (lb-backend, load balancer and address): which logical port a backend
 *     is.
 *
 * What is balanced, and among which backends, is taken from the logical flows,
 * which ovn-northd writes for every load balancer and leaves backends out of
 * that are down.
 *
 * The port of a backend is the one that ip_port_mappings name, if they do.
 * Otherwise it is the one that has its address (Port_Binding.mac) among the
 * local datapaths that are connected with those of the load balancer's flows.
 * An address that several ports have is nobody's.  A backend that is nobody's,
 * or a port's that is not there, is on no chassis, hence not on this one.
 *
 * Which buckets of a group are in force is decided from this by the unit of
 * the group.  So whatever is asked of a load balancer, and wherever its
 * backends move, no logical flow runs for it (but for those on routers, see
 * lb/served-vips.h, and those that learn affinity, see lb/affinity.h), and
 * nothing changes in the switch but groups. */

#include <netinet/in.h>
#include "inc-proc-eng.h"
#include "lb-flow.h"
#include "lb/config.h"

/* A logical flow. */
struct lb_local_flow {
    struct uuid lb;             /* As in struct lb_decision. */
    enum lb_locality locality;      /* Not LB_LOCALITY_NONE. */
    enum lb_source source; /* LB_SOURCE_ACTION if 'what.lports'. */
    struct lb_flow what;
};

enum lb_backend_state {
    LB_BACKEND_FOUND,           /* 'lport' is the port. */
    LB_BACKEND_AMBIGUOUS,       /* Several ports have the address. */
    LB_BACKEND_NO_PORT,         /* 'lport' is mapped, but does not exist. */
};
struct lb_backend {
    enum lb_backend_state state;
    char *lport;                /* NULL if ambiguous. */
};

/* NULL for a flow that is not of such a load balancer.  From STAGE_BACKEND
 * on. */
const struct lb_local_flow *lb_local_flow(struct inc_unit *,
                                          const struct uuid *lflow);
/* The logical port of backend 'i' of a flow; NULL if it is nobody's.  From
 * STAGE_SERVED_VIPS on. */
const char *lb_local_backend_port(struct inc_unit *,
                                  const struct lb_local_flow *, size_t i);

/* To look in from outside of units.  Kinds: "struct lb_local_flow"s by the
 * UUID of the Logical_Flow, and sets of such by load balancer. */
extern struct inc_kind *lb_local_flow_kind;
extern struct inc_kind *lb_local_flows_kind;
const struct lb_backend *lb_local_peek_backend(const struct uuid *lb,
                                               const struct in6_addr *);

struct module;
extern const struct module lb_local_module;

#endif /* controller/lb/local.h */
