/* SPDX-License-Identifier: Apache-2.0 */

/* Logical flows and where they apply as cells: Datapath_Binding,
 * Logical_DP_Group, Logical_Flow.  See inputs-sb.c. */

#include <config.h>

#include "inputs-private.h"

#include <stdlib.h>

#include "config-values.h"
#include "hash.h"
#include "lb-flow.h"
#include "lb-router.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "ovn/actions.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(inputs_sb_flow);

/* Datapath_Binding. */

static void *
datapath_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_datapath_binding *row
        = CONTAINER_OF(row_, struct sbrec_datapath_binding, header_);
    struct datapath_binding *dp = xzalloc(sizeof *dp);

    dp->uuid = row->header_.uuid;
    dp->tunnel_key = row->tunnel_key;
    smap_clone(&dp->external_ids, &row->external_ids);

    const char *nb = smap_get(&row->external_ids, "logical-switch");
    dp->is_switch = nb != NULL;
    if (!nb) {
        nb = smap_get_def(&row->external_ids, "logical-router", "");
    }
    uuid_from_string(&dp->nb_uuid, nb);
    return dp;
}

static void
datapath_destroy(void *dp_)
{
    struct datapath_binding *dp = dp_;
    smap_destroy(&dp->external_ids);
    free(dp);
}

static bool
datapath_equal(const void *a_, const void *b_)
{
    const struct datapath_binding *a = a_;
    const struct datapath_binding *b = b_;

    return (a->tunnel_key == b->tunnel_key
            && smap_equal(&a->external_ids, &b->external_ids));
}

static const struct ovsdb_idl_column *const datapath_columns[] = {
    &sbrec_datapath_binding_col_tunnel_key,
    &sbrec_datapath_binding_col_external_ids,
    NULL,
};

static const struct input_kind datapath_kinds[] = {
    INPUT_RECORD(datapath, "datapath", INC_KEY_UUID, datapath),
};
const struct input_table datapath_table = {
    INPUT_TABLE(datapath_binding, datapath),
};

/* Logical_DP_Group. */

static void
dp_group_destroy(void *group_)
{
    struct dp_group *group = group_;
    free(group->datapaths);
    free(group);
}

static bool
dp_group_equal(const void *a_, const void *b_)
{
    const struct dp_group *a = a_;
    const struct dp_group *b = b_;
    return datum_uuids_equal(a->datapaths, a->n, b->datapaths, b->n);
}

static void *
dp_group_create(const struct ovsdb_idl_row *row)
{
    struct dp_group *group = xmalloc(sizeof *group);

    group->datapaths = datum_uuids(
        sbrec_logical_dp_group_get_datapaths(
            CONTAINER_OF(row, struct sbrec_logical_dp_group, header_),
            OVSDB_TYPE_UUID), &group->n);
    return group;
}

static const struct ovsdb_idl_column *const dp_group_columns[] = {
    &sbrec_logical_dp_group_col_datapaths,
    NULL,
};

static const struct input_kind dp_group_kinds[] = {
    INPUT_RECORD(dp_group, "dp-group", INC_KEY_UUID, dp_group),
};
const struct input_table dp_group_table = {
    INPUT_TABLE(logical_dp_group, dp_group),
};

/* Logical_Flow.
 *
 * There are many, so their strings are not copied.  Tags and external IDs are
 * looked up in the columns' raw data, because the IDL builds the maps that it
 * makes of them anew whenever it feels like it, whereas raw data stay until
 * the column changes, which is reported.
 *
 * An old record's strings may be gone when it is compared with a new one, so
 * hashes are compared. */

static const char *
datum_map_get(const struct ovsdb_datum *map, const char *key)
{
    for (size_t i = 0; i < map->n; i++) {
        if (!strcmp(json_string(map->keys[i].s), key)) {
            return json_string(map->values[i].s);
        }
    }
    return NULL;
}

/* Adds 's' to the hash that has been computed so far. */
static uint64_t
hash_string64(const char *s, uint64_t hash)
{
    size_t len = s ? strlen(s) + 1 : 0;
    ovs_u128 h;

    hash_bytes128(s ? s : "", len, hash, &h);
    return (hash << 7 | hash >> 57) ^ h.u64.lo ^ len;
}

/* Stages whose tables are to be known.  Each stage has flows of priority 0,
 * one or more, which tell its table.  They are counted, because after an
 * upgrade of the central it may be another table, or no such stage. */

static const char *const stages[] = {
    "lr_in_defrag", "lr_in_gw_redirect", "lr_out_undnat", /* lb-router.h */
    "ls_out_qos", "ls_out_qos_mark", "lr_out_snat",       /* lb-empty.h */
};
static unsigned int n_stage_flows[ARRAY_SIZE(stages)][UINT8_MAX + 1];

/* Returns 1 plus the index in 'stages' that the flow 'lf' tells the table of,
 * or 0 if there is none. */
static uint8_t
find_stage(const struct logical_flow *lf)
{
    if (!lf->priority && lf->stage_name) {
        for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
            if (!strcmp(lf->stage_name, stages[i])) {
                return i + 1;
            }
        }
    }
    return 0;
}

/* Fills in where 'lf' applies.  A flow that is of a datapath is asked for only
 * if that is local, so what it says of a group besides cannot count: whether
 * we knew of it would depend on what we had asked for before. */
static void
set_owner(struct logical_flow *lf, const struct sbrec_logical_flow *row)
{
    lf->datapath = datum_uuid(
        sbrec_logical_flow_get_logical_datapath(row, OVSDB_TYPE_UUID));
    lf->dp_group = datum_uuid(
        sbrec_logical_flow_get_logical_dp_group(row, OVSDB_TYPE_UUID));
    if (!uuid_is_zero(&lf->datapath) && !uuid_is_zero(&lf->dp_group)) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

        VLOG_WARN_RL(&rl, "logical flow "UUID_FMT": logical_dp_group is "
                     "ignored, because there is a logical_datapath, too",
                     UUID_ARGS(&lf->uuid));
        lf->dp_group = UUID_ZERO;
    }
}

static void *
logical_flow_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_logical_flow *row
        = CONTAINER_OF(row_, struct sbrec_logical_flow, header_);
    const struct ovsdb_datum *tags
        = sbrec_logical_flow_get_tags(row, OVSDB_TYPE_STRING,
                                      OVSDB_TYPE_STRING);
    const struct ovsdb_datum *ids
        = sbrec_logical_flow_get_external_ids(row, OVSDB_TYPE_STRING,
                                              OVSDB_TYPE_STRING);
    struct logical_flow *lf = xzalloc(sizeof *lf);

    lf->uuid = row->header_.uuid;
    set_owner(lf, row);
    lf->ingress = !strcmp(row->pipeline, "ingress");
    lf->table_id = MIN((uint64_t) row->table_id, UINT8_MAX);
    lf->priority = row->priority;
    lf->match = row->match;
    lf->actions = row->actions;
    lf->in_out_port = datum_map_get(tags, "in_out_port");
    lf->ct_transport = config_value_bool(datum_map_get(tags,
                                                       "acl_ct_translation"),
                                         false);
    lf->controller_meter = row->controller_meter;
    lf->stage_hint = datum_map_get(ids, "stage-hint");
    lf->stage_name = datum_map_get(ids, "stage-name");
    lf->stage = find_stage(lf);

    uint64_t hash = hash_string64(lf->match, 0);
    hash = hash_string64(lf->actions, hash);
    hash = hash_string64(lf->in_out_port, hash);
    hash = hash_string64(lf->controller_meter, hash);
    hash = hash_string64(lf->stage_hint, hash);
    lf->hash = hash_string64(lf->stage_name, hash);
    return lf;
}

static bool
logical_flow_equal(const void *a_, const void *b_)
{
    const struct logical_flow *a = a_;
    const struct logical_flow *b = b_;

    return (a->hash == b->hash
            && uuid_equals(&a->datapath, &b->datapath)
            && uuid_equals(&a->dp_group, &b->dp_group)
            && a->ingress == b->ingress
            && a->ct_transport == b->ct_transport
            && a->table_id == b->table_id
            && a->priority == b->priority);
}

/* Whether a flow that balances load is of a router and lib/lb-router.h may be
 * about it. */
static bool
is_router_lb(const struct logical_flow *lf)
{
    return (lf->ingress && lf->stage_hint
            && lb_router_balances(lf->stage_name));
}

/* A stage's table is the one that most of its flows are in: a flow that is
 * malformed, or that only some chassis see, must not decide about it. */
static void
count_stage(const struct logical_flow *lf, bool add)
{
    if (!lf->stage) {
        return;
    }

    unsigned int *n = n_stage_flows[lf->stage - 1];
    n[lf->table_id] += add ? 1 : -1;

    uint8_t *table = NULL;
    int most = 0;
    for (int i = 1; i <= UINT8_MAX; i++) {
        most = n[i] > n[most] ? i : most;
    }
    if (n[most]) {
        table = xmalloc(sizeof *table);
        *table = most;
    }
    inc_set(in_kinds.stage, inc_key_string(stages[lf->stage - 1]), table);
}

static bool
stage_equal(const void *a_, const void *b_)
{
    const uint8_t *a = a_;
    const uint8_t *b = b_;

    return *a == *b;
}

/* Dialect. */

static bool
dialect_equal(const void *a, const void *b)
{
    return ovn_dialect_equal(a, b);
}

void
inputs_choose_dialect(void)
{
    struct ovn_dialect *dialect = xmalloc(sizeof *dialect);
    const struct ovn_dialect *old = inputs_dialect();

    ovn_dialect_choose(inc_peek(in_kinds.sb_options, INC_KEY_ONLY), dialect);
    if (!ovn_dialect_equal(dialect, old)) {
        VLOG_INFO("OpenFlow tables are those of OVN %s%s%s", dialect->layout,
                  (dialect->register_consolidation
                   ? ", registers are consolidated" : ""),
                  (dialect->arp_ns_explicit_output
                   ? ", arp and nd_ns say where they go" : ""));
    }
    inc_set(in_kinds.dialect, INC_KEY_ONLY, dialect);
}

void
inputs_destroy_stages(void)
{
    memset(n_stage_flows, 0, sizeof n_stage_flows);
}

/* If not 'add', the strings may be gone. */
static void
index_logical_flow(const void *lf_, bool add)
{
    const struct logical_flow *lf = lf_;
    struct inc_key key = inc_key_uuid(&lf->uuid);
    /* There are one or two for each VIP, so units that are only about these
     * are spared all others. */
    bool lb = add && lb_flow_is_likely(lf->actions);
    bool router_lb = lb && is_router_lb(lf);

    count_stage(lf, add);
    inc_set(in_kinds.lb_flow, key, lb ? inc_there : NULL);
    inc_set(in_kinds.router_lb_flow, key, router_lb ? inc_there : NULL);
}

static const struct ovsdb_idl_column *const logical_flow_columns[] = {
    &sbrec_logical_flow_col_logical_datapath,
    &sbrec_logical_flow_col_logical_dp_group,
    &sbrec_logical_flow_col_pipeline,
    &sbrec_logical_flow_col_table_id,
    &sbrec_logical_flow_col_priority,
    &sbrec_logical_flow_col_match,
    &sbrec_logical_flow_col_actions,
    &sbrec_logical_flow_col_tags,
    &sbrec_logical_flow_col_controller_meter,
    &sbrec_logical_flow_col_external_ids,
    NULL,
};

static const struct input_kind logical_flow_kinds[] = {
    INPUT_VALUE(logical_flow, "logical-flow", INC_KEY_UUID,
                logical_flow_equal),
    INPUT_VALUE(dialect, "dialect", INC_KEY_STRING, dialect_equal),
    INPUT_MARK(lb_flow, "lb-flow", INC_KEY_UUID),
    INPUT_MARK(router_lb_flow, "router-lb-flow", INC_KEY_UUID),
    INPUT_VALUE(stage, "stage", INC_KEY_STRING,
                stage_equal),
};
const struct input_table logical_flow_table = {
    INPUT_TABLE(logical_flow, logical_flow),
    .index = index_logical_flow,
};
