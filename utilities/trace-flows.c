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
#include "lb.h"
#include "openvswitch/hmap.h"
#include "ovn-sb-idl.h"
#include "ovn/expr.h"
#include "ovn/logical-fields.h"
#include "ovsdb-idl.h"
#include "trace-db.h"
#include "trace-lb.h"
#include "util.h"
#include "uuid.h"

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
    struct trace_rows *rows;
    struct hmap dps;            /* "struct dp_flows"s. */
    uint32_t mask;              /* For compare_flows(). */
};

static void
forget_actions(struct trace_flow *flow)
{
    expr_destroy(flow->prereqs);
    ovnacts_free(flow->ovnacts, flow->ovnacts_len);
    free(flow->ovnacts);
    flow->prereqs = NULL;
    flow->ovnacts = NULL;
    flow->ovnacts_len = 0;
    flow->bad_actions = flow->tried_actions = flow->is_localized = false;
}

static void
forget(struct trace_flow *flow)
{
    expr_destroy(flow->expr);
    flow->expr = NULL;
    flow->tried_match = false;
    forget_actions(flow);
}

static void
destroy_flows(struct trace_flow *flows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        forget(&flows[i]);
    }
    free(flows);
}

struct trace_flows *
trace_flows_create(struct trace_db *db, struct trace_rows *rows)
{
    struct trace_flows *tf = xzalloc(sizeof *tf);

    tf->db = db;
    tf->rows = rows;
    hmap_init(&tf->dps);
    return tf;
}

void
trace_flows_destroy(struct trace_flows *tf)
{
    struct dp_flows *df;

    if (tf) {
        HMAP_FOR_EACH_POP (df, node, &tf->dps) {
            destroy_flows(df->flows, df->n);
            free(df);
        }
        hmap_destroy(&tf->dps);
        free(tf);
    }
}

void
trace_flows_forget_views(struct trace_flows *tf)
{
    struct dp_flows *df;

    HMAP_FOR_EACH_SAFE (df, node, &tf->dps) {
        if (df->view) {
            hmap_remove(&tf->dps, &df->node);
            destroy_flows(df->flows, df->n);
            free(df);
        }
    }
}

void
trace_flows_forget(struct trace_flows *tf)
{
    struct dp_flows *df;

    HMAP_FOR_EACH (df, node, &tf->dps) {
        for (size_t i = 0; i < df->n; i++) {
            forget(&df->flows[i]);
        }
    }
}

void
trace_flows_forget_lbs(struct trace_flows *tf)
{
    struct dp_flows *df;

    HMAP_FOR_EACH (df, node, &tf->dps) {
        for (size_t i = 0; i < df->n; i++) {
            if (df->flows[i].is_localized) {
                forget_actions(&df->flows[i]);
            }
        }
    }
}

/* Order.
 *
 * Among flows of the same priority, any may come first.  OVN's ovn-trace takes
 * them as they come out of a hash table with all of the rows, by the lowest
 * bits of their UUIDs.  Where all rows are known, so is the size of that table,
 * and we do the same. */

static uint32_t
hash_mask(size_t n_rows)
{
    size_t mask = 0;

    while (n_rows / 2 > mask) {
        mask = mask * 2 + 1;
    }
    return mask == 1 ? 3 : mask;
}

static int
compare_flows(const void *a_, const void *b_, void *mask_)
{
    const struct trace_flow *a = a_;
    const struct trace_flow *b = b_;
    const uint32_t *mask = mask_;

    if (a->pipeline != b->pipeline) {
        return a->pipeline < b->pipeline ? -1 : 1;
    } else if (a->table != b->table) {
        return a->table < b->table ? -1 : 1;
    } else if (a->priority != b->priority) {
        return a->priority > b->priority ? -1 : 1;
    }

    uint32_t a_bucket = a->uuid.parts[0] & *mask;
    uint32_t b_bucket = b->uuid.parts[0] & *mask;
    return (a_bucket != b_bucket
            ? (a_bucket < b_bucket ? -1 : 1)
            : uuid_compare_3way(&a->uuid, &b->uuid));
}

static void
sort_flows(struct trace_flows *tf, struct dp_flows *df)
{
    if (df->n) {
        qsort_r(df->flows, df->n, sizeof *df->flows, compare_flows,
                &tf->mask);
    }
}

/* The flows of a datapath. */

static void
add_flows(struct dp_flows *df, const struct trace_owner *owner)
{
    if (!owner || !owner->n) {
        return;
    }
    df->flows = xrealloc(df->flows,
                         (df->n + owner->n) * sizeof *df->flows);
    for (size_t i = 0; i < owner->n; i++) {
        struct trace_row *row = &owner->rows[i];

        df->flows[df->n++] = (struct trace_flow) {
            .uuid = row->uuid,
            .pipeline = row->pipeline,
            .table = row->table,
            .priority = row->priority,
            .row = row,
        };
    }
}

static void
fill_dp_flows(struct trace_flows *tf, struct dp_flows *df)
{
    const struct sbrec_logical_dp_group *group;

    df->flows = NULL;
    df->n = 0;
    add_flows(df, trace_rows_of(tf->rows, &df->dp));
    SBREC_LOGICAL_DP_GROUP_FOR_EACH (group, tf->db->idl) {
        for (size_t i = 0; i < group->n_datapaths; i++) {
            if (uuid_equals(&group->datapaths[i]->header_.uuid, &df->dp)) {
                add_flows(df, trace_rows_of(tf->rows, &group->header_.uuid));
                break;
            }
        }
    }
    sort_flows(tf, df);
}

/* Moves what has been parsed from 'old' to the same flows of 'df', unless
 * their rows are in 'changed'. */
static void
move_parsed(const struct trace_flows *tf, struct dp_flows *df,
            const struct dp_flows *old, const struct hmap *changed)
{
    uint32_t mask = tf->mask;
    size_t i = 0, j = 0;

    while (i < df->n && j < old->n) {
        struct trace_flow *dst = &df->flows[i];
        struct trace_flow *src = &old->flows[j];
        int cmp = compare_flows(dst, src, &mask);

        if (!cmp && !trace_uuids_contain(changed, &src->uuid)) {
            struct trace_row *row = dst->row;
            *dst = *src;
            dst->row = row;
            *src = (struct trace_flow) { .row = NULL };
        }
        i += cmp <= 0;
        j += cmp >= 0;
    }
}

static uint32_t
current_mask(const struct trace_flows *tf)
{
    return (trace_db_has_all(tf->db)
            ? hash_mask(trace_rows_count(tf->rows)) : UINT32_MAX);
}

void
trace_flows_refresh(struct trace_flows *tf, const struct hmap *changed)
{
    uint32_t mask = current_mask(tf);
    bool is_other_order = mask != tf->mask;
    struct dp_flows *df;

    tf->mask = mask;
    HMAP_FOR_EACH_SAFE (df, node, &tf->dps) {
        struct dp_flows old = *df;

        if (is_other_order) {
            sort_flows(tf, &old);
        }
        fill_dp_flows(tf, df);
        move_parsed(tf, df, &old, changed);
        destroy_flows(old.flows, old.n);
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
    tf->mask = current_mask(tf);
    fill_dp_flows(tf, df);
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
    flow->expr = expr_parse_text(flow->row->match, &env->env, &error);
    if (flow->expr) {
        flow->expr = expr_annotate(flow->expr, env->env.symtab, &error);
    }
    if (!flow->expr) {
        trace_db_warn(env->db, "%s: parsing expression failed (%s)",
                      flow->row->match, error);
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
    char *error = ovnacts_parse_text(flow->row->actions, &pp, &ovnacts, &prereqs);
    if (!error && prereqs) {
        prereqs = expr_annotate(prereqs, env->env.symtab, &error);
    }
    if (error) {
        trace_db_warn(env->db, "%s: parsing actions failed (%s)",
                      flow->row->actions, error);
        free(error);
        flow->bad_actions = true;
        ovnacts_free(ovnacts.data, ovnacts.size);
        ofpbuf_uninit(&ovnacts);
        return;
    }
    flow->prereqs = prereqs;
    flow->ovnacts_len = ovnacts.size;
    flow->ovnacts = ofpbuf_steal_data(&ovnacts);
}

/* Which load balancer a flow is about is in its IDs. */
static void
localize(struct trace_flows *tf, struct trace_flow *flow)
{
    if (!flow->is_localized
        && lb_can_be_local(flow->ovnacts, flow->ovnacts_len)
        && trace_rows_has_ids(tf->rows, flow->row)) {
        trace_lb_localize(tf->db, flow);
        flow->is_localized = true;
    }
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
            localize(tf, flow);
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
                return (trace_rows_has_ids(tf->rows, flow->row)
                        ? flow->row->stage_name : NULL);
            }
        }
    }
    return NULL;
}

bool
trace_flows_has_ids(struct trace_flows *tf, const struct trace_flow *flow)
{
    return trace_rows_has_ids(tf->rows, flow->row);
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
