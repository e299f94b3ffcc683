/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRACE_ACTIONS_H
#define TRACE_ACTIONS_H 1

/* The simulation of actions
 * =========================
 *
 * Every action of the language (ovn-sb(5)) is carried out on a packet, or, if
 * that takes a state that the southbound database does not have, on what
 * ovn-trace(8) says is assumed.
 *
 * The families:
 *
 *   - trace-actions.c: moving along, fields, and the dispatch;
 *   - trace-ct.c: connection tracking and load balancing;
 *   - trace-nested.c: packets that the controller makes;
 *   - trace-lookup.c: look-ups in tables and in what the controller knows. */

#include <stddef.h>

struct flow;
struct ovnact;
struct trace;
struct trace_dp;
struct trace_flow;
struct trace_node;

/* Carries out the actions of 'lflow', or some of them. */
void trace_actions(struct trace *, const struct trace_dp *, struct flow *,
                   const struct trace_flow *lflow,
                   const struct ovnact *, size_t ovnacts_len,
                   struct trace_node *parent);

#endif /* utilities/trace-actions.h */
