/* SPDX-License-Identifier: Apache-2.0 */

/* Which distributed load balancers of routers are served here; see
 * lb/served-vips.h. */

#include <config.h>
#include "lb/served-vips.h"

#include "binding.h"
#include "inputs.h"
#include "lb/local.h"
#include "lflow-env.h"
#include "module.h"
#include "util.h"
#include "uuid.h"

static struct inc_kind *kind_served_vip;
static struct inc_kind *kind_served_vips;
static struct inc_kind *kind_remote_vips;

/* (served-vip, Logical_Flow): the VIP of a flow of a distributed load balancer
 * (lb_local_flow()) is served here. */

static const struct inc_kind_class served_vip_kind_class = {
    .name = "served-vip",
    .stage = STAGE_SERVED_VIPS,
    .key_type = INC_KEY_UUID,
};

/* (served-vips, datapath), (remote-vips, datapath): struct in6_addrs. */
static const struct inc_kind_class served_vips_kind_class = {
    .name = "served-vips",
    .stage = STAGE_SERVED_VIPS,
    .key_type = INC_KEY_UUID,
    .is_set = true,
};
static const struct inc_kind_class remote_vips_kind_class = {
    .name = "remote-vips",
    .stage = STAGE_SERVED_VIPS,
    .key_type = INC_KEY_UUID,
    .is_set = true,
};

/* Where the backends are. */
static void
find_backends(struct inc_unit *unit, const struct lb_local_flow *flow,
              bool *here, bool *elsewhere)
{
    *here = *elsewhere = false;
    for (size_t i = 0; i < flow->what.n_backends; i++) {
        const char *lport = lb_local_backend_port(unit, flow, i);

        if (!lport) {
            continue;
        }
        if (binding_is_here(unit, lport)) {
            *here = true;
        } else if (!*elsewhere) {
            *elsewhere = binding_is_bound(unit, lport);
        }
    }
}

/* Puts the VIP into set 'kind' of each of the local datapaths of 'lf'. */
static void
insert_vip(struct inc_unit *unit, const struct logical_flow *lf,
           struct inc_kind *kind, const struct lb_local_flow *flow)
{
    struct inc_key member = { &flow->what.vip.ip, sizeof flow->what.vip.ip };
    const struct lflow_dp **dps = NULL;
    size_t n = 0;

    if (!uuid_is_zero(&lf->dp_group)) {
        lflow_env_group(unit, &lf->dp_group, &dps, &n);
        for (size_t i = 0; i < n; i++) {
            inc_insert(unit, kind, inc_key_uuid(&dps[i]->uuid), member);
        }
        free(dps);
    } else {
        inc_insert(unit, kind, inc_key_uuid(&lf->datapath), member);
    }
}

static void
served_vip_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct inc_key key = inc_unit_key(unit);
    const struct lb_local_flow *flow = lb_local_flow(unit, key.data);
    const struct logical_flow *lf = in_logical_flow(unit, key.data);
    bool here, elsewhere;

    /* What a newer ovn-northd distributes itself needs no help. */
    if (!flow || !lf || !flow->what.has_vip
        || flow->source == LB_SOURCE_ACTION) {
        return;
    }

    find_backends(unit, flow, &here, &elsewhere);
    switch (lb_router_vip_decide(flow->locality, here, elsewhere)) {
    case LB_ROUTER_VIP_SERVED:
        insert_vip(unit, lf, kind_served_vips, flow);
        inc_write(unit, kind_served_vip, key, inc_there);
        break;
    case LB_ROUTER_VIP_REMOTE:
        insert_vip(unit, lf, kind_remote_vips, flow);
        break;
    case LB_ROUTER_VIP_GATEWAY:
        break;
    }
}

static const struct inc_unit_class served_vip_unit_class = {
    .name = "served-vip",
    .stage = STAGE_SERVED_VIPS,
    .run = served_vip_run,
};

/* Flows. */

struct lb_router_row
lb_served_row(struct inc_unit *unit, const struct logical_flow *lf)
{
    struct lb_router_row row = {
        .stage = lf->stage_name,
        .has_hint = lf->stage_hint != NULL,
    };

    if (row.has_hint && lb_router_balances(row.stage)
        && inc_read(unit, kind_served_vip, inc_key_uuid(&lf->uuid))) {
        row.balances = &lb_local_flow(unit, &lf->uuid)->what;
    }
    return row;
}

/* Gateway ports. */

void
lb_served_gateway_init(struct lb_served_gateway *sg, struct inc_unit *unit)
{
    *sg = (struct lb_served_gateway) { .unit = unit };
}

void
lb_served_gateway_destroy(struct lb_served_gateway *sg)
{
    lb_router_gateway_clear(&sg->gw);
}

/* Adds the members of (kind, dp) to 'addrs', without those of 'except'. */
static void
add_vips(struct inc_unit *unit, struct inc_kind *kind, const struct uuid *dp,
         const struct lb_router_addrs *except, struct lb_router_addrs *addrs)
{
    const struct inc_set *vips = inc_read_set(unit, kind, inc_key_uuid(dp));

    for (size_t i = 0; i < inc_set_count(vips); i++) {
        struct in6_addr ip;

        memcpy(&ip, inc_set_at(vips, i).data, sizeof ip);
        if (!except || !lb_router_addrs_contain(except, &ip)) {
            lb_router_addrs_add(addrs, &ip);
        }
    }
}

const struct lb_router_gateway *
lb_served_gateway(const char *cr_port, void *sg_)
{
    struct lb_served_gateway *sg = sg_;
    const struct lport *cr = in_lport(sg->unit, cr_port);

    lb_router_gateway_clear(&sg->gw);
    if (!cr || cr->type != LP_CHASSISREDIRECT) {
        return NULL;
    }
    add_vips(sg->unit, kind_served_vips, &cr->datapath, NULL, &sg->gw.served);
    add_vips(sg->unit, kind_remote_vips, &cr->datapath, &sg->gw.served,
             &sg->gw.remote);
    if (!sg->gw.served.n && !sg->gw.remote.n) {
        return NULL;
    }

    const struct port_binding *pb = in_port_binding(sg->unit, cr_port);
    sg->gw.port = smap_get(&pb->options, "distributed-port");
    const struct port_binding *lrp
        = sg->gw.port ? in_port_binding(sg->unit, sg->gw.port) : NULL;
    if (!lrp) {
        return NULL;
    }
    for (size_t i = 0; i < lrp->n_mac; i++) {
        lb_router_own_addresses(lrp->mac[i], &sg->gw.own);
    }
    return &sg->gw;
}

static void
init(struct inc_engine *engine)
{
    kind_served_vip = inc_kind_declare(engine, &served_vip_kind_class);
    kind_served_vips = inc_kind_declare(engine, &served_vips_kind_class);
    kind_remote_vips = inc_kind_declare(engine, &remote_vips_kind_class);
    inc_kind_spawn(in_kinds.router_lb_flow, &served_vip_unit_class, NULL);
}

const struct module lb_served_module = {
    .name = "lb-served",
    .init = init,
};
