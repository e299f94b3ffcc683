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

/* Which load balancers are local-only here, and where their backends are
 * ======================================================================
 *
 * The owner of a load balancer asks for local-only operation with
 * options:distributed=true in the northbound database.  The ovn-northd that
 * we live with does not know the option, but passes it on to the southbound
 * Load_Balancer row, at least for a load balancer that is attached to a
 * logical switch.  One unit for each such row derives
 *
 *   - (local-only-lb, row): the load balancer is local-only;
 *   - (lb-backend-port, row and address): the logical port of a backend.
 *
 * The port of a backend is the one that has its address (Port_Binding.mac)
 * among the local datapaths that are connected with those of the load
 * balancer.  An address that several ports have is nobody's.
 *
 * A logical flow finds its load balancer by its stage-hint, which is the start
 * of the northbound row's UUID, and reads the first kind of cell; whether
 * buckets are in force is decided by group units, which read the second kind
 * and where the port is bound.  So a backend that moves makes no logical flow
 * run. */

#include "inc-proc-eng.h"
#include "lb.h"
#include "ovn/actions.h"

struct local_only_lb {
    struct uuid uuid;           /* Of the southbound Load_Balancer. */
    bool fallback;              /* All backends if none is local. */
    struct lb_vip *vips;
    size_t n_vips;
};

void lb_local_init(struct inc_engine *);
/* The local-only load balancer that a logical flow with 'stage_hint' and
 * 'ovnacts' implements, or NULL. */
const struct local_only_lb *lb_local_wished(struct inc_unit *,
                                            const char *stage_hint,
                                            const struct ovnact *ovnacts,
                                            size_t ovnacts_len);
/* Whether a load balancer with 'stage_hint' is to be local-only: as early as
 * from STAGE_CONFIG on, when its backends are yet to be found. */
bool lb_local_is_wished(struct inc_unit *, const char *stage_hint);
/* Whether the primary binding of 'lport' is on this chassis: an additional
 * one, as there is during live migration, does not count. */
bool lb_local_is_here(struct inc_unit *, const char *lport);
/* The logical port of the backend at 'address' of load balancer 'lb', or NULL
 * (none, or ambiguous). */
const char *lb_local_backend_port(struct inc_unit *, const struct uuid *lb,
                                  const struct in6_addr *address);
/* For group_init(). */
bool lb_local_in_force(struct inc_unit *, const struct ovn_group *,
                       const struct ovn_group_bucket *);

#endif /* controller/lb-local.h */
