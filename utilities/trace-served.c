/* SPDX-License-Identifier: Apache-2.0 */

/* Distributed load balancers on routers; see trace-served.h. */

#include <config.h>
#include "trace-served.h"

#include <stdlib.h>
#include <string.h>

#include "lb-flow.h"
#include "openvswitch/hmap.h"
#include "ovn-sb-idl.h"
#include "ovn/actions.h"
#include "ovn/logical-fields.h"
#include "packets.h"
#include "smap.h"
#include "trace-chassis.h"
#include "trace-db.h"
#include "trace-flows.h"
#include "trace-lb.h"
#include "trace-rows.h"
#include "util.h"
#include "uuid.h"

/* A logical flow whose VIP is served. */
struct served {
    struct hmap_node node;
    struct uuid uuid;
    struct lb_flow what;
};

/* What 'here' serves of router 'dp'. */
struct serving {
    struct hmap_node node;
    const struct trace_dp *dp;
    const struct sbrec_chassis *here;
    struct hmap flows;          /* "struct served"s. */
    struct lb_router_addrs served, remote;
};

struct trace_servings {
    struct trace_db *db;
    struct hmap servings;       /* By the UUID of the datapath. */
};

struct trace_servings *
trace_servings_create(struct trace_db *db)
{
    struct trace_servings *servings = xmalloc(sizeof *servings);

    servings->db = db;
    hmap_init(&servings->servings);
    return servings;
}

void
trace_servings_clear(struct trace_servings *servings)
{
    struct serving *serving;
    struct served *served;

    HMAP_FOR_EACH_POP (serving, node, &servings->servings) {
        HMAP_FOR_EACH_POP (served, node, &serving->flows) {
            lb_flow_destroy(&served->what);
            free(served);
        }
        hmap_destroy(&serving->flows);
        lb_router_addrs_destroy(&serving->served);
        lb_router_addrs_destroy(&serving->remote);
        free(serving);
    }
}

void
trace_servings_destroy(struct trace_servings *servings)
{
    if (servings) {
        trace_servings_clear(servings);
        hmap_destroy(&servings->servings);
        free(servings);
    }
}

/* lb_flow_parse() for 'row'. */
static bool
parse_row(const struct trace_servings *servings, const struct serving *serving,
          const struct trace_row *row, struct lb_flow *flow)
{
    struct trace_env env;
    trace_env_init(&env, servings->db, serving->dp, serving->here);

    struct ovnact_parse_params pp = {
        .env = &env.env,
        .pipeline = row->pipeline,
        .cur_ltable = row->table,
    };
    trace_flows_get_n_tables(servings->db, row->pipeline, row->table,
                             pp.n_tables);
    return lb_flow_parse(row->match, row->actions, &pp, flow);
}

static void
find_backends(const struct trace_servings *servings,
              const struct serving *serving, const struct trace_lb *lb,
              const struct lb_flow *flow, bool *here, bool *elsewhere)
{
    *here = *elsewhere = false;
    for (size_t i = 0; i < flow->n_backends; i++) {
        const struct trace_port *port;

        if (trace_lb_backend_port(servings->db->lbs, lb, serving->dp,
                                  serving->here, NULL, &flow->backends[i].ip,
                                  &port)
            != TRACE_BACKEND_FOUND) {
            continue;
        }
        if (trace_lb_port_is_here(port, serving->here)) {
            *here = true;
        } else if (trace_port_chassis(port)) {
            *elsewhere = true;
        }
    }
}

/* Takes ownership of what is in 'flow'. */
static void
add_served(struct serving *serving, const struct trace_row *row,
           struct lb_flow flow)
{
    struct served *served = xmalloc(sizeof *served);

    *served = (struct served) { .uuid = row->uuid, .what = flow };
    hmap_insert(&serving->flows, &served->node, uuid_hash(&row->uuid));
    lb_router_addrs_add(&serving->served, &flow.vip.ip);
}

static void
add_row(struct trace_servings *servings, struct serving *serving,
        const struct trace_row *row)
{
    const struct trace_lb *lb;
    bool here, elsewhere;
    struct lb_flow flow;

    if (!parse_row(servings, serving, row, &flow)) {
        return;
    }

    /* What a newer ovn-northd distributes itself needs no help. */
    enum lb_locality locality = (flow.has_vip && !flow.lports
                             ? trace_lb_decide(servings->db->lbs,
                                               serving->here, row->stage_hint,
                                               flow.backends, flow.n_backends,
                                               &lb)
                             : LB_LOCALITY_NONE);
    if (locality != LB_LOCALITY_NONE) {
        find_backends(servings, serving, lb, &flow, &here, &elsewhere);
        switch (lb_router_vip_decide(locality, here, elsewhere)) {
        case LB_ROUTER_VIP_SERVED:
            add_served(serving, row, flow);
            return;
        case LB_ROUTER_VIP_REMOTE:
            lb_router_addrs_add(&serving->remote, &flow.vip.ip);
            break;
        case LB_ROUTER_VIP_GATEWAY:
            break;
        }
    }
    lb_flow_destroy(&flow);
}

/* Adds those of the rows of 'owner' that balance load. */
static void
add_rows(struct trace_servings *servings, struct serving *serving,
         const struct uuid *owner_uuid)
{
    const struct trace_owner *owner = trace_rows_of(servings->db->rows,
                                                    owner_uuid);

    for (size_t i = 0; owner && i < owner->n; i++) {
        struct trace_row *row = &owner->rows[i];

        if (lb_flow_is_likely(row->actions)
            && trace_rows_has_ids(servings->db->rows, row)
            && row->stage_hint && lb_router_balances(row->stage_name)) {
            add_row(servings, serving, row);
        }
    }
}

static struct serving *
get_serving(struct trace_servings *servings, const struct trace_dp *dp,
            const struct sbrec_chassis *here)
{
    uint32_t hash = uuid_hash(&dp->sb_uuid);
    struct serving *serving;

    HMAP_FOR_EACH_WITH_HASH (serving, node, hash, &servings->servings) {
        if (serving->dp == dp && serving->here == here) {
            return serving;
        }
    }
    if (!dp->is_router || !servings->db->any_local
        || !trace_db_has(servings->db, dp)) {
        return NULL;
    }

    size_t n_owners;
    struct uuid *owners = trace_db_owners(servings->db, &dp->sb_uuid,
                                          &n_owners);
    serving = xzalloc(sizeof *serving);
    serving->dp = dp;
    serving->here = here;
    hmap_init(&serving->flows);
    hmap_insert(&servings->servings, &serving->node, hash);
    for (size_t i = 0; i < n_owners; i++) {
        add_rows(servings, serving, &owners[i]);
    }
    free(owners);
    return serving;
}

struct lb_router_row
trace_serving_row(struct trace_servings *servings, const struct trace_dp *dp,
                  const struct sbrec_chassis *here,
                  const struct trace_row *row)
{
    struct serving *serving = get_serving(servings, dp, here);
    const struct served *served;
    struct lb_router_row lrr = {
        .stage = row->stage_name,
        .has_hint = row->stage_hint != NULL,
    };

    if (serving) {
        HMAP_FOR_EACH_WITH_HASH (served, node, uuid_hash(&row->uuid),
                                 &serving->flows) {
            if (uuid_equals(&served->uuid, &row->uuid)) {
                lrr.balances = &served->what;
            }
        }
    }
    return lrr;
}

/* Gateway ports. */

void
trace_gateway_init(struct trace_gateway *tg, struct trace_servings *servings,
                   const struct sbrec_chassis *here)
{
    *tg = (struct trace_gateway) { .servings = servings, .here = here };
}

void
trace_gateway_destroy(struct trace_gateway *tg)
{
    lb_router_gateway_clear(&tg->gw);
}

static void
copy_vips(const struct lb_router_addrs *src,
          const struct lb_router_addrs *except, struct lb_router_addrs *dst)
{
    for (size_t i = 0; i < src->n; i++) {
        if (!except || !lb_router_addrs_contain(except, &src->array[i])) {
            lb_router_addrs_add(dst, &src->array[i]);
        }
    }
}

const struct lb_router_gateway *
trace_gateway(const char *cr_port, void *tg_)
{
    struct trace_gateway *tg = tg_;
    const struct trace_port *cr = trace_db_port(tg->servings->db, cr_port);

    lb_router_gateway_clear(&tg->gw);
    if (!cr || !cr->distributed_port) {
        return NULL;
    }

    const struct serving *serving = get_serving(tg->servings, cr->dp,
                                                tg->here);
    if (!serving || (!serving->served.n && !serving->remote.n)) {
        return NULL;
    }
    copy_vips(&serving->served, NULL, &tg->gw.served);
    copy_vips(&serving->remote, &serving->served, &tg->gw.remote);

    const struct trace_port *lrp = cr->distributed_port;
    tg->gw.port = lrp->name;
    for (size_t i = 0; i < lrp->row->n_mac; i++) {
        lb_router_own_addresses(lrp->row->mac[i], &tg->gw.own);
    }
    return &tg->gw;
}
