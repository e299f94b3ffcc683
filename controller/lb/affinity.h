/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LB_AFFINITY_H
#define CONTROLLER_LB_AFFINITY_H 1

/* Affinity of clients to backends that may leave the chassis
 * ==========================================================
 *
 * With affinity, a logical flow for each backend (commit_lb_aff) has the
 * switch learn which clients the backend has.  What it has learned stays until
 * the client has been silent for the load balancer's timeout.  For a load
 * balancer that keeps to the chassis, that is too long: a client of a backend
 * that has left would be sent to an empty group until then, with other
 * backends beside it.
 *
 * So such a logical flow is in the switch only as long as connections go to
 * its backend from here, and takes what it has taught the switch with it when
 * it goes (see flow-lesson.h).  This is the one thing in which a
 * backend that comes or goes changes flows of a load balancer that is not on a
 * router with a gateway port, one flow a datapath. */

#include <stdbool.h>
#include <stddef.h>

struct inc_unit;
struct logical_flow;
struct ovnact;

/* Whether a logical flow with 'ovnacts' is to be in the switch.  From
 * STAGE_FLOW on. */
bool lb_affinity_is_wanted(struct inc_unit *, const struct logical_flow *,
                           const struct ovnact *ovnacts, size_t ovnacts_len);

#endif /* controller/lb/affinity.h */
