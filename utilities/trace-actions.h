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
