/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRACE_SERVED_H
#define TRACE_SERVED_H 1

/* Distributed load balancers on routers
 * =====================================
 *
 * lib/lb-router.h has the rules by which logical flows of a router change on a
 * chassis that serves one of its VIPs; here are the answers to what they ask.
 * Without --chassis, all ports are local: what is shown is what a chassis
 * would do that has all of them.
 *
 * Logical flows of a router are looked at only if any load balancer is
 * distributed.  A datapath that is needed for that, and is not there, is
 * missed (trace_db_has()). */

#include <stdbool.h>
#include <stddef.h>
#include "lb-router.h"

struct expr;
struct sbrec_chassis;
struct trace_db;
struct trace_dp;
struct trace_row;
struct trace_served;

struct trace_served *trace_served_create(struct trace_db *);
void trace_served_destroy(struct trace_served *);
/* To be called when anything has changed. */
void trace_served_clear(struct trace_served *);

/* What the rules have to know of 'row', a logical flow of 'dp'. */
struct lb_router_row trace_served_row(struct trace_served *,
                                      const struct trace_dp *dp,
                                      const struct sbrec_chassis *here,
                                      const struct trace_row *row);

/* Gateway ports, as seen by 'here'. */
struct trace_gateway {
    struct trace_served *cache;
    const struct sbrec_chassis *here;
    struct lb_router_gateway gw;
};
void trace_gateway_init(struct trace_gateway *, struct trace_served *,
                        const struct sbrec_chassis *here);
void trace_gateway_destroy(struct trace_gateway *);
/* For struct lb_router_env; 'aux' is a "struct trace_gateway". */
const struct lb_router_gateway *trace_gateway(const char *cr_port, void *aux);

#endif /* utilities/trace-served.h */
