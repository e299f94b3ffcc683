/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LB_CANDIDATES_H
#define CONTROLLER_LB_CANDIDATES_H 1

/* Which routers may have to serve load balancers here
 * ===================================================
 *
 * A router that serves a distributed load balancer on this chassis needs the
 * switches on the other side of its gateway ports here.  What is served is
 * known once it is known which datapaths are local (lb/served-vips.h), which
 * in turn depends on it: so before that, this module says what may come of it:
 *
 *   - (candidate-router, dp): the router has a distributed load balancer with
 *     a backend here.
 *
 * It goes by what is known as soon as ports are bound.  It may be true where
 * nothing is served, if a backend's address is that of several ports. */

#include <stdbool.h>

struct inc_unit;
struct uuid;

/* Whether the switches on the other side of the gateway ports of router 'dp'
 * are to be local for the sake of its load balancers.  From STAGE_DATAPATH
 * on. */
bool lb_candidates_contain(struct inc_unit *, const struct uuid *dp);

struct module;
extern const struct module lb_candidates_module;

#endif /* controller/lb/candidates.h */
