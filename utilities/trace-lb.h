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

#ifndef TRACE_LB_H
#define TRACE_LB_H 1

/* Load balancers that keep to a chassis
 * =====================================
 *
 * With an ovn-northd that does not know ct_lb_mark_local, who wants it says so
 * in options that the controller finds in the southbound database (lib/lb.h,
 * lib/lb-wish.h).  Here the same is made of it. */

#include <stdbool.h>

struct ovnact_ct_lb_backend;
struct ovsdb_idl;
struct sbrec_chassis;
struct trace_db;
struct trace_flow;

/* Adds the columns that are needed here. */
void trace_lb_monitor(struct ovsdb_idl *);

/* Makes 'flow', whose actions have been parsed, local if its load balancer is
 * to be. */
void trace_lb_localize(struct trace_db *, struct trace_flow *flow);

/* Whether the port of 'backend' is on chassis 'here'. */
bool trace_lb_backend_is_here(const struct trace_db *,
                              const struct sbrec_chassis *here,
                              const struct ovnact_ct_lb_backend *backend);

#endif /* utilities/trace-lb.h */
