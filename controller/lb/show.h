/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LB_SHOW_H
#define CONTROLLER_LB_SHOW_H 1

/* lb-local/list and lb-local/show
 * ===============================
 *
 * To look inside of the load balancers that keep to the chassis: who asked for
 * it, which backends are local and why, the groups in the switch that follow
 * from it, and what went through their buckets.
 *
 * What is shown is what the group units have decided from (lb/config.h,
 * lb/local.h); nothing is decided here.  Counters are the switch's, which
 * takes a moment to answer. */

struct module;
extern const struct module lb_show_module;

#endif /* controller/lb/show.h */
