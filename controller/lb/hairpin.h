/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LB_HAIRPIN_H
#define CONTROLLER_LB_HAIRPIN_H 1

/* Packets that a load balancer sends back to where they came from, as OpenFlow
 * flows; see hairpin.c. */

struct module;
extern const struct module lb_hairpin_module;

#endif /* controller/lb/hairpin.h */
