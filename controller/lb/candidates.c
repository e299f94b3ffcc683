/* SPDX-License-Identifier: Apache-2.0 */

/* Which routers may have to serve load balancers here; see
 * lb/candidates.h. */

#include <config.h>
#include "lb/candidates.h"

#include "binding.h"
#include "inputs.h"
#include "lb-flow.h"
#include "lb/config.h"
#include "lflow-text.h"
#include "module.h"
#include "uuid.h"

static struct inc_kind *kind_candidate_lb;
static struct inc_kind *kind_candidate_router;

/* (candidate-router-lb, datapath or group): a load balancer is there that may
 * be distributed and has a backend here, as far as that can be told before it
 * is known which datapaths are local: a port with its address. */

static const struct inc_kind_class candidate_lb_kind_class = {
    .name = "candidate-router-lb",
    .stage = STAGE_CANDIDATE,
    .key_type = INC_KEY_UUID,
    .is_set = true,
};

static bool
is_candidate(struct inc_unit *unit, const char *hint,
             const struct in6_addr *address)
{
    const char *mapped = lb_configs_mapped_port(unit, hint, address);
    if (mapped) {
        return binding_is_here(unit, mapped);
    }

    const struct inc_set *lports = in_lports_by_address(unit, address);
    for (size_t i = 0; i < inc_set_count(lports); i++) {
        if (binding_is_here(unit, inc_set_at(lports, i).data)) {
            return true;
        }
    }
    return false;
}

static void
candidate_lb_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct logical_flow *lf
        = in_logical_flow(unit, inc_unit_key(unit).data);

    if (!lf || !lf->stage_hint
        || !lb_configs_may_be_local(unit, lf->stage_hint)) {
        return;
    }

    struct lb_flow flow;
    if (!lflow_text_balances(unit, lf, &flow)) {
        return;
    }
    for (size_t i = 0; i < flow.n_backends; i++) {
        if (is_candidate(unit, lf->stage_hint, &flow.backends[i].ip)) {
            inc_insert(unit, kind_candidate_lb,
                       inc_key_uuid(uuid_is_zero(&lf->dp_group)
                                    ? &lf->datapath : &lf->dp_group),
                       INC_KEY_ONLY);
            break;
        }
    }
    lb_flow_destroy(&flow);
}

static const struct inc_unit_class candidate_lb_unit_class = {
    .name = "candidate-router-lb",
    .stage = STAGE_CANDIDATE,
    .run = candidate_lb_run,
};

/* (candidate-router, datapath).  Groups are resolved once for all of their
 * load balancers. */

static const struct inc_kind_class candidate_router_kind_class = {
    .name = "candidate-router",
    .stage = STAGE_ROUTER,
    .key_type = INC_KEY_UUID,
    .is_set = true,
};

static void
candidate_router_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct inc_key key = inc_unit_key(unit);
    const struct dp_group *group = in_dp_group(unit, key.data);

    if (!group) {
        inc_insert(unit, kind_candidate_router, key, INC_KEY_ONLY);
        return;
    }
    for (size_t i = 0; i < group->n; i++) {
        inc_insert(unit, kind_candidate_router,
                   inc_key_uuid(&group->datapaths[i]), INC_KEY_ONLY);
    }
}

static const struct inc_unit_class candidate_router_unit_class = {
    .name = "candidate-router",
    .stage = STAGE_ROUTER,
    .run = candidate_router_run,
};

bool
lb_candidates_contain(struct inc_unit *unit, const struct uuid *dp)
{
    return inc_set_count(inc_read_set(unit, kind_candidate_router,
                                      inc_key_uuid(dp))) > 0;
}

/* inputs_init() and the module "lb-config" come first. */
static void
init(struct inc_engine *engine)
{
    kind_candidate_lb = inc_kind_declare(engine, &candidate_lb_kind_class);
    inc_kind_spawn(in_kinds.router_lb_flow, &candidate_lb_unit_class, NULL);

    kind_candidate_router = inc_kind_declare(engine,
                                             &candidate_router_kind_class);
    inc_kind_spawn(kind_candidate_lb, &candidate_router_unit_class, NULL);
}

const struct module lb_candidates_module = {
    .name = "lb-candidates",
    .init = init,
};
