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

/* Logical flows by datapath; see trace-flows.h. */

#include <config.h>
#include "trace-flows.h"

#include <stdlib.h>
#include <string.h>

#include "actions-private.h"
#include "openvswitch/hmap.h"
#include "ovn-sb-idl.h"
#include "ovn/expr.h"
#include "ovn/logical-fields.h"
#include "ovsdb-idl.h"
#include "trace-db.h"
#include "trace-lb.h"
#include "util.h"
#include "uuid.h"

/* The rows of one datapath or datapath group. */
struct owner {
    struct hmap_node node;
    struct uuid uuid;
    const struct sbrec_logical_flow **rows;
    size_t n_rows, allocated_rows;
};

/* The flows of one datapath, as seen by one chassis. */
struct dp_flows {
    struct hmap_node node;
    struct uuid dp;
    const struct sbrec_chassis *view;
    struct trace_flow *flows;   /* Sorted. */
    size_t n;
};

struct trace_flows {
    struct trace_db *db;
    struct hmap owners;         /* "struct owner"s. */
    bool owners_are_fresh;
    struct hmap dps;            /* "struct dp_flows"s. */
};

static void
clear_owners(struct trace_flows *tf)
{
    struct owner *owner;

    HMAP_FOR_EACH_POP (owner, node, &tf->owners) {
        free(owner->rows);
        free(owner);
    }
    tf->owners_are_fresh = false;
}

static void
destroy_dp_flows(struct trace_flows *tf, struct dp_flows *df)
{
    for (size_t i = 0; i < df->n; i++) {
        struct trace_flow *flow = &df->flows[i];

        expr_destroy(flow->expr);
        expr_destroy(flow->prereqs);
        ovnacts_free(flow->ovnacts, flow->ovnacts_len);
        free(flow->ovnacts);
    }
    hmap_remove(&tf->dps, &df->node);
    free(df->flows);
    free(df);
}

static void
clear_dps(struct trace_flows *tf)
{
    struct dp_flows *df;

    HMAP_FOR_EACH_SAFE (df, node, &tf->dps) {
        destroy_dp_flows(tf, df);
    }
}

struct trace_flows *
trace_flows_create(struct trace_db *db)
{
    struct trace_flows *tf = xzalloc(sizeof *tf);

    tf->db = db;
    hmap_init(&tf->owners);
    hmap_init(&tf->dps);
    return tf;
}

void
trace_flows_destroy(struct trace_flows *tf)
{
    if (tf) {
        clear_owners(tf);
        hmap_destroy(&tf->owners);
        clear_dps(tf);
        hmap_destroy(&tf->dps);
        free(tf);
    }
}

void
trace_flows_refresh(struct trace_flows *tf)
{
    clear_owners(tf);
    clear_dps(tf);
}

/* Finding the rows. */

static struct owner *
find_owner(const struct trace_flows *tf, const struct uuid *uuid)
{
    struct owner *owner;

    HMAP_FOR_EACH_WITH_HASH (owner, node, uuid_hash(uuid), &tf->owners) {
        if (uuid_equals(&owner->uuid, uuid)) {
            return owner;
        }
    }
    return NULL;
}

static void
add_row(struct trace_flows *tf, const struct uuid *uuid,
        const struct sbrec_logical_flow *row)
{
    struct owner *owner = find_owner(tf, uuid);

    if (!owner) {
        owner = xzalloc(sizeof *owner);
        owner->uuid = *uuid;
        hmap_insert(&tf->owners, &owner->node, uuid_hash(uuid));
    }
    if (owner->n_rows >= owner->allocated_rows) {
        owner->rows = x2nrealloc(owner->rows, &owner->allocated_rows,
                                 sizeof *owner->rows);
    }
    owner->rows[owner->n_rows++] = row;
}

static void
find_owners(struct trace_flows *tf)
{
    const struct sbrec_logical_flow *row;

    if (tf->owners_are_fresh) {
        return;
    }
    SBREC_LOGICAL_FLOW_FOR_EACH (row, tf->db->idl) {
        if (row->logical_datapath) {
            add_row(tf, &row->logical_datapath->header_.uuid, row);
        }
        if (row->logical_dp_group) {
            add_row(tf, &row->logical_dp_group->header_.uuid, row);
        }
    }
    tf->owners_are_fresh = true;
}

/* In the order of look-ups.  Among flows of the same priority, it is as
 * arbitrary as it is in a switch. */
static int
compare_flows(const void *a_, const void *b_)
{
    const struct trace_flow *a = a_;
    const struct trace_flow *b = b_;

    if (a->pipeline != b->pipeline) {
        return a->pipeline < b->pipeline ? -1 : 1;
    } else if (a->table != b->table) {
        return a->table < b->table ? -1 : 1;
    } else if (a->priority != b->priority) {
        return a->priority > b->priority ? -1 : 1;
    } else {
        return uuid_compare_3way(&a->uuid, &b->uuid);
    }
}

static void
add_flows(struct dp_flows *df, const struct owner *owner)
{
    if (!owner) {
        return;
    }
    df->flows = xrealloc(df->flows,
                         (df->n + owner->n_rows) * sizeof *df->flows);
    for (size_t i = 0; i < owner->n_rows; i++) {
        const struct sbrec_logical_flow *row = owner->rows[i];
        const struct smap *ids = &row->external_ids;

        df->flows[df->n++] = (struct trace_flow) {
            .uuid = row->header_.uuid,
            .pipeline = (!strcmp(row->pipeline, "ingress")
                         ? OVN_P_INGRESS : OVN_P_EGRESS),
            .table = row->table_id,
            .priority = row->priority,
            .match = row->match,
            .actions = row->actions,
            .stage_name = smap_get(ids, "stage-name"),
            .source = smap_get(ids, "source"),
            .stage_hint = smap_get(ids, "stage-hint"),
        };
    }
}

static struct dp_flows *
get_dp_flows(struct trace_flows *tf, const struct trace_dp *dp,
             const struct sbrec_chassis *chassis)
{
    struct dp_flows *df;

    HMAP_FOR_EACH_WITH_HASH (df, node, uuid_hash(&dp->sb_uuid), &tf->dps) {
        if (uuid_equals(&df->dp, &dp->sb_uuid) && df->view == chassis) {
            return df;
        }
    }

    df = xzalloc(sizeof *df);
    df->dp = dp->sb_uuid;
    df->view = chassis;
    hmap_insert(&tf->dps, &df->node, uuid_hash(&dp->sb_uuid));

    find_owners(tf);
    add_flows(df, find_owner(tf, &dp->sb_uuid));
    const struct sbrec_logical_dp_group *group;
    SBREC_LOGICAL_DP_GROUP_FOR_EACH (group, tf->db->idl) {
        for (size_t i = 0; i < group->n_datapaths; i++) {
            if (uuid_equals(&group->datapaths[i]->header_.uuid,
                            &dp->sb_uuid)) {
                add_flows(df, find_owner(tf, &group->header_.uuid));
                break;
            }
        }
    }
    if (df->n) {
        qsort(df->flows, df->n, sizeof *df->flows, compare_flows);
    }
    return df;
}

/* Sets '*first' and '*last' to the flows of a table, 'last' excluded. */
static void
get_table(struct trace_flows *tf, const struct trace_dp *dp,
          const struct sbrec_chassis *chassis,
          enum ovn_pipeline pipeline, uint8_t table,
          struct trace_flow **first, struct trace_flow **last)
{
    struct dp_flows *df = get_dp_flows(tf, dp, chassis);
    size_t low = 0, high = df->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct trace_flow *flow = &df->flows[mid];

        if (flow->pipeline < pipeline
            || (flow->pipeline == pipeline && flow->table < table)) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    high = low;
    while (high < df->n && df->flows[high].pipeline == pipeline
           && df->flows[high].table == table) {
        high++;
    }
    *first = df->flows + low;
    *last = df->flows + high;
}

/* Parsing. */

static void
parse_match(struct trace_flow *flow, struct trace_env *env)
{
    if (flow->tried_match) {
        return;
    }
    flow->tried_match = true;

    char *error;
    flow->expr = expr_parse_text(flow->match, &env->env, &error);
    if (flow->expr) {
        flow->expr = expr_annotate(flow->expr, env->env.symtab, &error);
    }
    if (!flow->expr) {
        trace_db_warn(env->db, "%s: parsing expression failed (%s)",
                      flow->match, error);
        free(error);
    }
}

static void
parse_actions(struct trace_flow *flow, struct trace_env *env)
{
    if (flow->tried_actions) {
        return;
    }
    flow->tried_actions = true;

    struct ovnact_parse_params pp = {
        .env = &env->env,
        .dhcp_opts = env->db->dhcp_opts,
        .dhcpv6_opts = env->db->dhcpv6_opts,
        .pipeline = flow->pipeline,
        .n_tables = LOG_PIPELINE_INGRESS_LEN,
        .cur_ltable = flow->table,
    };
    struct ofpbuf ovnacts = OFPBUF_STUB_INITIALIZER(NULL);
    ofpbuf_init(&ovnacts, 0);
    struct expr *prereqs = NULL;
    char *error = ovnacts_parse_text(flow->actions, &pp, &ovnacts, &prereqs);
    if (!error && prereqs) {
        prereqs = expr_annotate(prereqs, env->env.symtab, &error);
    }
    if (error) {
        trace_db_warn(env->db, "%s: parsing actions failed (%s)",
                      flow->actions, error);
        free(error);
        flow->bad_actions = true;
        ovnacts_free(ovnacts.data, ovnacts.size);
        ofpbuf_uninit(&ovnacts);
        return;
    }
    flow->prereqs = prereqs;
    flow->ovnacts_len = ovnacts.size;
    flow->ovnacts = ofpbuf_steal_data(&ovnacts);
    trace_lb_localize(env->db, flow);
}

const struct trace_flow *
trace_flows_lookup(struct trace_flows *tf, const struct trace_dp *dp,
                   const struct sbrec_chassis *chassis,
                   enum ovn_pipeline pipeline, uint8_t table,
                   const struct flow *packet)
{
    struct trace_flow *first, *last;
    struct trace_env env;

    trace_env_init(&env, tf->db, dp, chassis);
    get_table(tf, dp, chassis, pipeline, table, &first, &last);
    for (struct trace_flow *flow = first; flow < last; flow++) {
        parse_match(flow, &env);
        if (!flow->expr || !expr_evaluate(flow->expr, packet, &env.env)) {
            continue;
        }
        parse_actions(flow, &env);
        if (!flow->bad_actions
            && (!flow->prereqs
                || expr_evaluate(flow->prereqs, packet, &env.env))) {
            return flow;
        }
    }
    return NULL;
}

const char *
trace_flows_stage_name(struct trace_flows *tf, const struct trace_dp *dp,
                       const struct sbrec_chassis *chassis,
                       enum ovn_pipeline pipeline, uint8_t table)
{
    struct trace_flow *first, *last;
    struct trace_env env;

    trace_env_init(&env, tf->db, dp, chassis);
    get_table(tf, dp, chassis, pipeline, table, &first, &last);
    for (struct trace_flow *flow = first; flow < last; flow++) {
        parse_match(flow, &env);
        if (flow->expr) {
            parse_actions(flow, &env);
            if (!flow->bad_actions) {
                return flow->stage_name;
            }
        }
    }
    return NULL;
}

bool
trace_flow_is_trivial(const struct trace_flow *flow, struct trace_db *db,
                      const struct trace_dp *dp,
                      const struct sbrec_chassis *chassis)
{
    const struct ovnact *a = flow->ovnacts;

    if (!flow->ovnacts_len || a->type != OVNACT_NEXT
        || (char *) ovnact_next(a) < (char *) a + flow->ovnacts_len) {
        return false;
    }
    const struct ovnact_next *next = (const struct ovnact_next *) a;
    if (next->pipeline != flow->pipeline || next->ltable != flow->table + 1) {
        return false;
    }

    struct trace_env env;
    trace_env_init(&env, db, dp, chassis);
    struct expr *e = expr_simplify(expr_clone(flow->expr), &env.env);
    bool trivial = expr_is_boolean(e, true);
    expr_destroy(e);
    return trivial;
}
