/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LB_SERVED_VIPS_H
#define CONTROLLER_LB_SERVED_VIPS_H 1

/* Which distributed load balancers of routers are served here
 * ===========================================================
 *
 * lib/lb-router.h says what becomes of the logical flows of a router with a
 * distributed gateway port on a chassis that serves one of its VIPs.  Here
 * the questions that it asks are answered from cells:
 *
 *   - (served-vip, row): the VIP of a logical flow that balances load on a
 *     router, if it is distributed, and whether it is served here.
 *   - (served-vips, dp) and (remote-vips, dp): the addresses of those VIPs of
 *     a router that are served here, and of those that only others can
 *     serve.
 *
 * What VIPs there are, and what their backends, is taken from the logical
 * flows, which ovn-northd writes for every load balancer and leaves backends
 * out of that are down.  Thus a backend that comes or goes runs one small unit
 * for each VIP that has it, and logical flows only if the chassis begins or
 * ceases to serve. */

#include "inc-proc-eng.h"
#include "lb-router.h"
#include "openvswitch/uuid.h"

struct logical_flow;

/* 'lf' as lib/lb-router.h sees it. */
struct lb_router_row lb_served_row(struct inc_unit *,
                                    const struct logical_flow *lf);

/* A gateway port, for struct lb_router_env.  Between init and destroy it is to
 * be asked any number of times. */
struct lb_served_gateway {
    struct inc_unit *unit;
    struct lb_router_gateway gw;
};
void lb_served_gateway_init(struct lb_served_gateway *, struct inc_unit *);
void lb_served_gateway_destroy(struct lb_served_gateway *);
/* 'aux' is a "struct lb_served_gateway". */
const struct lb_router_gateway *lb_served_gateway(const char *cr_port,
                                                   void *aux);

struct module;
extern const struct module lb_served_module;

#endif /* controller/lb/served-vips.h */
