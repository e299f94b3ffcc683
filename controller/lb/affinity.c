/* SPDX-License-Identifier: Apache-2.0 */

/* Affinity of distributed load balancers; see lb/affinity.h. */

#include <config.h>
#include "lb/affinity.h"

#include "binding.h"
#include "inputs.h"
#include "lb/local.h"

/* Which of the flow's backends 'ep' is, or -1. */
static int
find_backend(const struct lb_local_flow *flow, const struct lb_endpoint *ep)
{
    for (size_t i = 0; i < flow->what.n_backends; i++) {
        if (lb_endpoint_equal(&flow->what.backends[i], ep)) {
            return i;
        }
    }
    return -1;
}

static bool
is_here(struct inc_unit *unit, const struct lb_local_flow *flow, size_t i)
{
    const char *lport = lb_local_backend_port(unit, flow, i);

    return lport && binding_is_here(unit, lport);
}

/* Whether connections go from here to backend 'which' of 'flow'. */
static bool
is_in_force(struct inc_unit *unit, const struct lb_local_flow *flow,
            size_t which)
{
    if (is_here(unit, flow, which)) {
        return true;
    }
    if (flow->locality != LB_LOCALITY_FALLBACK) {
        return false;
    }
    for (size_t i = 0; i < flow->what.n_backends; i++) {
        if (i != which && is_here(unit, flow, i)) {
            return false;
        }
    }
    return true;
}

bool
lb_affinity_is_wanted(struct inc_unit *unit, const struct logical_flow *lf,
                      const struct ovnact *ovnacts, size_t ovnacts_len)
{
    struct lb_endpoint vip, backend;
    struct lb_decision d;

    if (!lf->stage_hint
        || !lb_parse_affinity(ovnacts, ovnacts_len, &vip, &backend)) {
        return true;
    }
    lb_configs_decide(unit, lf->stage_hint, &backend, 1, &d);
    if (d.locality == LB_LOCALITY_NONE) {
        return true;
    }

    /* The flow that balances the VIP knows all of the backends. */
    const struct inc_set *flows = inc_read_set(unit, lb_local_flows_kind,
                                               inc_key_uuid(&d.lb));
    for (size_t i = 0; i < inc_set_count(flows); i++) {
        const struct lb_local_flow *flow
            = lb_local_flow(unit, inc_set_at(flows, i).data);
        int which = (flow && flow->what.has_vip
                     && lb_endpoint_equal(&flow->what.vip, &vip)
                     ? find_backend(flow, &backend) : -1);

        if (which >= 0) {
            return is_in_force(unit, flow, which);
        }
    }
    return true;
}
