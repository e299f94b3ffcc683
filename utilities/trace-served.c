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
struct served_flow {
    struct hmap_node node;
    struct uuid uuid;
    struct lb_flow what;
};

/* What 'here' serves of router 'dp'. */
struct router {
    struct hmap_node node;
    const struct trace_dp *dp;
    const struct sbrec_chassis *here;
    struct hmap flows;          /* "struct served_flow"s. */
    struct lb_router_addrs served, remote;
};

struct trace_served {
    struct trace_db *db;
    struct hmap routers;        /* By the UUID of the datapath. */
};

struct trace_served *
trace_served_create(struct trace_db *db)
{
    struct trace_served *cache = xmalloc(sizeof *cache);

    cache->db = db;
    hmap_init(&cache->routers);
    return cache;
}

void
trace_served_clear(struct trace_served *cache)
{
    struct router *router;
    struct served_flow *served;

    HMAP_FOR_EACH_POP (router, node, &cache->routers) {
        HMAP_FOR_EACH_POP (served, node, &router->flows) {
            lb_flow_destroy(&served->what);
            free(served);
        }
        hmap_destroy(&router->flows);
        lb_router_addrs_destroy(&router->served);
        lb_router_addrs_destroy(&router->remote);
        free(router);
    }
}

void
trace_served_destroy(struct trace_served *cache)
{
    if (cache) {
        trace_served_clear(cache);
        hmap_destroy(&cache->routers);
        free(cache);
    }
}

/* lb_flow_parse() for 'row'. */
static bool
parse_row(const struct trace_served *cache, const struct router *router,
          const struct trace_row *row, struct lb_flow *flow)
{
    struct trace_env env;
    trace_env_init(&env, cache->db, router->dp, router->here);

    struct ovnact_parse_params pp = {
        .env = &env.env,
        .pipeline = row->pipeline,
        .cur_ltable = row->table,
    };
    trace_flows_get_n_tables(cache->db, row->pipeline, row->table,
                             pp.n_tables);
    return lb_flow_parse(row->match, row->actions, &pp, flow);
}

static void
find_backends(const struct trace_served *cache,
              const struct router *router, const struct trace_lb *lb,
              const struct lb_flow *flow, bool *here, bool *elsewhere)
{
    *here = *elsewhere = false;
    for (size_t i = 0; i < flow->n_backends; i++) {
        const struct trace_port *port;

        if (trace_lb_backend_port(cache->db->lbs, lb, router->dp,
                                  router->here, NULL, &flow->backends[i].ip,
                                  &port)
            != TRACE_BACKEND_FOUND) {
            continue;
        }
        if (trace_lb_port_is_here(port, router->here)) {
            *here = true;
        } else if (trace_port_chassis(port)) {
            *elsewhere = true;
        }
    }
}

/* Takes ownership of what is in 'flow'. */
static void
add_served(struct router *router, const struct trace_row *row,
           struct lb_flow flow)
{
    struct served_flow *served = xmalloc(sizeof *served);

    *served = (struct served_flow) { .uuid = row->uuid, .what = flow };
    hmap_insert(&router->flows, &served->node, uuid_hash(&row->uuid));
    lb_router_addrs_add(&router->served, &flow.vip.ip);
}

static void
add_row(struct trace_served *cache, struct router *router,
        const struct trace_row *row)
{
    const struct trace_lb *lb;
    bool here, elsewhere;
    struct lb_flow flow;

    if (!parse_row(cache, router, row, &flow)) {
        return;
    }

    /* What a newer ovn-northd distributes itself needs no help. */
    enum lb_locality locality = (flow.has_vip && !flow.lports
                             ? trace_lb_decide(cache->db->lbs,
                                               router->here, row->stage_hint,
                                               flow.backends, flow.n_backends,
                                               &lb)
                             : LB_LOCALITY_NONE);
    if (locality != LB_LOCALITY_NONE) {
        find_backends(cache, router, lb, &flow, &here, &elsewhere);
        switch (lb_router_vip_decide(locality, here, elsewhere)) {
        case LB_ROUTER_VIP_SERVED:
            add_served(router, row, flow);
            return;
        case LB_ROUTER_VIP_REMOTE:
            lb_router_addrs_add(&router->remote, &flow.vip.ip);
            break;
        case LB_ROUTER_VIP_GATEWAY:
            break;
        }
    }
    lb_flow_destroy(&flow);
}

/* Adds those of the rows of 'owner' that balance load. */
static void
add_rows(struct trace_served *cache, struct router *router,
         const struct uuid *owner_uuid)
{
    const struct trace_owner *owner = trace_rows_of(cache->db->rows,
                                                    owner_uuid);

    for (size_t i = 0; owner && i < owner->n; i++) {
        struct trace_row *row = &owner->rows[i];

        if (lb_flow_is_likely(row->actions)
            && trace_rows_has_ids(cache->db->rows, row)
            && row->stage_hint && lb_router_balances(row->stage_name)) {
            add_row(cache, router, row);
        }
    }
}

static struct router *
get_router(struct trace_served *cache, const struct trace_dp *dp,
           const struct sbrec_chassis *here)
{
    uint32_t hash = uuid_hash(&dp->sb_uuid);
    struct router *router;

    HMAP_FOR_EACH_WITH_HASH (router, node, hash, &cache->routers) {
        if (router->dp == dp && router->here == here) {
            return router;
        }
    }
    if (!dp->is_router || !cache->db->any_local
        || !trace_db_has(cache->db, dp)) {
        return NULL;
    }

    size_t n_owners;
    struct uuid *owners = trace_db_owners(cache->db, &dp->sb_uuid, &n_owners);
    router = xzalloc(sizeof *router);
    router->dp = dp;
    router->here = here;
    hmap_init(&router->flows);
    hmap_insert(&cache->routers, &router->node, hash);
    for (size_t i = 0; i < n_owners; i++) {
        add_rows(cache, router, &owners[i]);
    }
    free(owners);
    return router;
}

struct lb_router_row
trace_served_row(struct trace_served *cache, const struct trace_dp *dp,
                 const struct sbrec_chassis *here,
                 const struct trace_row *row)
{
    struct router *router = get_router(cache, dp, here);
    const struct served_flow *served;
    struct lb_router_row lrr = {
        .stage = row->stage_name,
        .has_hint = row->stage_hint != NULL,
    };

    if (router) {
        HMAP_FOR_EACH_WITH_HASH (served, node, uuid_hash(&row->uuid),
                                 &router->flows) {
            if (uuid_equals(&served->uuid, &row->uuid)) {
                lrr.balances = &served->what;
            }
        }
    }
    return lrr;
}

/* Gateway ports. */

void
trace_gateway_init(struct trace_gateway *tg, struct trace_served *cache,
                   const struct sbrec_chassis *here)
{
    *tg = (struct trace_gateway) { .cache = cache, .here = here };
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
    const struct trace_port *cr = trace_db_port(tg->cache->db, cr_port);

    lb_router_gateway_clear(&tg->gw);
    if (!cr || !cr->distributed_port) {
        return NULL;
    }

    const struct router *router = get_router(tg->cache, cr->dp, tg->here);
    if (!router || (!router->served.n && !router->remote.n)) {
        return NULL;
    }
    copy_vips(&router->served, NULL, &tg->gw.served);
    copy_vips(&router->remote, &router->served, &tg->gw.remote);

    const struct trace_port *lrp = cr->distributed_port;
    tg->gw.port = lrp->name;
    for (size_t i = 0; i < lrp->row->n_mac; i++) {
        lb_router_own_addresses(lrp->row->mac[i], &tg->gw.own);
    }
    return &tg->gw;
}
