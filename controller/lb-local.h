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

#ifndef CONTROLLER_LB_LOCAL_H
#define CONTROLLER_LB_LOCAL_H 1

/* Which load balancers are local-only here, and where their backends are. */

#include "inc-proc-eng.h"
#include "ovn/actions.h"

void lb_local_init(struct inc_engine *);
/* If the logical flow with 'stage_hint' implements a load balancer with
 * options:distributed=true, sets '*lb_uuid' to its southbound UUID. */
bool lb_local_wished(struct inc_unit *, const char *stage_hint,
                     const struct uuid *datapath, struct uuid *lb_uuid,
                     bool *fallback);
/* The logical port of the backend at 'address' of load balancer 'lb', or NULL
 * (none, or ambiguous). */
const char *lb_local_backend_port(struct inc_unit *, const struct uuid *lb,
                                  const struct in6_addr *address);
/* For group_init(). */
bool lb_local_in_force(struct inc_unit *, const struct ovn_group *,
                       const struct ovn_group_bucket *);

#endif /* controller/lb-local.h */
