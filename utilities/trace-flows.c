/* SPDX-License-Identifier: Apache-2.0 */

/* Logical flows by datapath; see trace-flows.h. */

#include <config.h>
#include "trace-flows.h"

#include <stdlib.h>
#include <string.h>

#include "actions-private.h"
#include "lb-flow.h"
#include "lb-match.h"
#include "lb-router.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "ovn/expr.h"
#include "ovn/logical-fields.h"
#include "trace-db.h"
#include "trace-lb.h"
#include "trace-served.h"
#include "util.h"
#include "uuid.h"

/* A row that is not in the database: 'row' has texts for people. */
struct derived {
    struct trace_row row;
    struct lb_router_flow flow;
    char *match, *actions;
};

/* The flows of one datapath, as seen by one chassis. */
struct dp_flows {
    struct hmap_node node;
    struct uuid dp;
    const struct sbrec_chassis *view;
    struct trace_flow *flows;   /* Sorted. */
    size_t n;

    /* Of load balancers on routers. */
    bool is_distributed;
    struct derived **derived;
    size_t n_derived;
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
    flow->lb = NULL;
    flow->bad_actions = flow->tried_actions = flow->is_localized = false;
}

static void
forget(struct trace_flow *flow)
{
    expr_destroy(flow->expr);
    free(flow->match);
    flow->expr = NULL;
    flow->match = NULL;
    flow->tried_match = flow->is_distributed = false;
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

static void
destroy_dp_flows(struct trace_flows *tf, struct dp_flows *df)
{
    hmap_remove(&tf->dps, &df->node);
    destroy_flows(df->flows, df->n);
    for (size_t i = 0; i < df->n_derived; i++) {
        struct derived *derived = df->derived[i];

        lb_router_flows_destroy(&derived->flow, 1);
        free(derived->match);
        free(derived->actions);
        free(derived);
    }
    free(df->derived);
    free(df);
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
trace_flows_clear(struct trace_flows *tf)
{
    struct dp_flows *df;

    HMAP_FOR_EACH_SAFE (df, node, &tf->dps) {
        destroy_dp_flows(tf, df);
    }
}

void
trace_flows_destroy(struct trace_flows *tf)
{
    if (tf) {
        trace_flows_clear(tf);
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
            destroy_dp_flows(tf, df);
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

    HMAP_FOR_EACH_SAFE (df, node, &tf->dps) {
        if (df->is_distributed) {
            destroy_dp_flows(tf, df);
            continue;
        }
        for (size_t i = 0; i < df->n; i++) {
            struct trace_flow *flow = &df->flows[i];

            if (flow->is_distributed) {
                forget(flow);
            } else if (flow->is_localized) {
                forget_actions(flow);
            }
        }
    }
}

/* Order.
 *
 * Among flows of the same priority, any may come first.  OVN's ovn-trace takes
 * them as they come out of a hash table with all of the rows, by the lowest
 * bits of their UUIDs.  Where all rows are known, so is the size of that
 * table, and we do the same. */

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

/* There must be room for it. */
static void
add_flow(struct dp_flows *df, struct trace_row *row)
{
    df->flows[df->n++] = (struct trace_flow) {
        .uuid = row->uuid,
        .pipeline = row->pipeline,
        .table = row->table,
        .priority = row->priority,
        .row = row,
    };
}

static void
add_flows(struct dp_flows *df, const struct trace_owner *owner)
{
    if (!owner || !owner->n) {
        return;
    }
    df->flows = xrealloc(df->flows,
                         (df->n + owner->n) * sizeof *df->flows);
    for (size_t i = 0; i < owner->n; i++) {
        add_flow(df, &owner->rows[i]);
    }
}

static void
fill_dp_flows(struct trace_flows *tf, struct dp_flows *df)
{
    size_t n_owners;
    struct uuid *owners = trace_db_owners(tf->db, &df->dp, &n_owners);

    df->flows = NULL;
    df->n = 0;
    for (size_t i = 0; i < n_owners; i++) {
        add_flows(df, trace_rows_of(tf->rows, &owners[i]));
    }
    free(owners);
    sort_flows(tf, df);
}

/* Moves what has been parsed from 'old' to the same flows of 'df', unless
 * their rows are in 'changed'. */
static void
move_parsed(const struct trace_flows *tf, struct dp_flows *df,
            const struct dp_flows *old, const struct uuidset *changed)
{
    uint32_t mask = tf->mask;
    size_t i = 0, j = 0;

    while (i < df->n && j < old->n) {
        struct trace_flow *dst = &df->flows[i];
        struct trace_flow *src = &old->flows[j];
        int cmp = compare_flows(dst, src, &mask);

        if (!cmp && !uuidset_contains(changed, &src->uuid)) {
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
trace_flows_refresh(struct trace_flows *tf, const struct uuidset *changed)
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

/* Distributed load balancers on routers. */

/* The first flow of 'stage', which all of the others share the table with. */
static const struct trace_flow *
find_stage(struct trace_flows *tf, const struct dp_flows *df,
           const char *stage)
{
    for (size_t i = 0; i < df->n; i++) {
        const struct trace_flow *flow = &df->flows[i];

        if (trace_rows_has_ids(tf->rows, flow->row)
            && flow->row->stage_name
            && !strcmp(flow->row->stage_name, stage)) {
            return flow;
        }
    }
    return NULL;
}

static const struct derived *
derived_cast(const struct trace_row *row)
{
    ovs_assert(row->is_derived);
    return CONTAINER_OF(row, struct derived, row);
}

/* Appends the actions of 'derived'. */
static void
put_derived_actions(const struct derived *derived, const struct shash *symtab,
                    struct ofpbuf *ovnacts)
{
    lb_router_flow_put_actions(&derived->flow, derived->row.table, symtab,
                               ovnacts);
}

static char *
format_actions(const struct derived *derived, const struct shash *symtab)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct ofpbuf ovnacts;

    ofpbuf_init(&ovnacts, 0);
    put_derived_actions(derived, symtab, &ovnacts);
    ovnacts_format(ovnacts.data, ovnacts.size, &s);
    ovnacts_free(ovnacts.data, ovnacts.size);
    ofpbuf_uninit(&ovnacts);
    return ds_steal_cstr(&s);
}

static char *
format_match(const struct expr *match)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    expr_format_plainly(match, &s);
    return ds_steal_cstr(&s);
}

/* Takes what is in 'lrf', if the datapath has its stage. */
static void
add_derived(struct trace_flows *tf, struct dp_flows *df,
            const struct trace_row *base, struct lb_router_flow *lrf,
            const struct shash *symtab)
{
    const struct trace_flow *stage = find_stage(tf, df, lrf->stage);

    if (stage) {
        struct derived *derived = xmalloc(sizeof *derived);

        df->derived = xrealloc(df->derived,
                               (df->n_derived + 1) * sizeof *df->derived);
        df->derived[df->n_derived++] = derived;
        derived->flow = *lrf;
        lrf->match = NULL;

        derived->row = *base;
        derived->row.pipeline = stage->pipeline;
        derived->row.table = stage->table;
        derived->row.priority = lrf->priority;
        derived->match = format_match(derived->flow.match);
        derived->row.match = derived->match;
        derived->actions = format_actions(derived, symtab);
        derived->row.actions = derived->actions;
        derived->row.stage_name = stage->row->stage_name;
        derived->row.is_derived = true;
    }
}

static void
derive_from_flow(struct trace_flows *tf, struct dp_flows *df,
                 const struct trace_dp *dp, struct trace_row *row)
{
    struct lb_router_row lrr = trace_served_row(tf->db->served, dp,
                                                df->view, row);
    struct lb_router_flow flows[LB_ROUTER_MAX_FLOWS];
    struct trace_gateway gateway;
    struct trace_env env;
    char *error = NULL;

    if (!lrr.balances && lb_router_balances(row->stage_name)) {
        return;
    }
    trace_env_init(&env, tf->db, dp, df->view);
    const struct lb_router_env lre = {
        env.env.symtab, trace_gateway, &gateway
    };
    struct expr *match = expr_parse_text(row->match, &env.env, &error);
    if (match) {
        trace_gateway_init(&gateway, tf->db->served, df->view);
        size_t n = lb_router_derive(match, &lrr, &lre, flows);
        for (size_t i = 0; i < n; i++) {
            add_derived(tf, df, row, &flows[i], env.env.symtab);
        }
        lb_router_flows_destroy(flows, n);
        trace_gateway_destroy(&gateway);
        expr_destroy(match);
    }
    free(error);
}

/* Adds the flows that come with load balancers that are served. */
static void
derive_flows(struct trace_flows *tf, struct dp_flows *df,
             const struct trace_dp *dp)
{
    df->is_distributed = true;
    for (size_t i = 0; i < df->n; i++) {
        struct trace_row *row = df->flows[i].row;

        if ((lb_flow_is_likely(row->actions)
             || strstr(row->actions, "outport = \"cr-"))
            && trace_rows_has_ids(tf->rows, row)
            && lb_router_has_more(row->stage_name)) {
            derive_from_flow(tf, df, dp, row);
        }
    }

    df->flows = xrealloc(df->flows,
                         (df->n + df->n_derived + 1) * sizeof *df->flows);
    for (size_t i = 0; i < df->n_derived; i++) {
        add_flow(df, &df->derived[i]->row);
    }
    sort_flows(tf, df);
}

/* Returns what is left of 'match' without "is_chassis_resident(...)", if that
 * is a text for what the parser makes 'formatted' of; otherwise NULL.  (People
 * know the text that they see in the database.) */
static char *
remove_residency(const char *match, const char *formatted,
                 struct trace_env *env)
{
    const char *start = strstr(match, " && is_chassis_resident(");
    const char *end = start ? strchr(start, ')') : NULL;
    if (!end) {
        return NULL;
    }

    struct ds s = DS_EMPTY_INITIALIZER;
    char *text = xasprintf("%.*s%s", (int) (start - match), match, end + 1);
    char *error;
    struct expr *e = expr_parse_text(text, &env->env, &error);
    if (e) {
        expr_format(e, &s);
    }
    if (strcmp(ds_cstr(&s), formatted)) {
        free(text);
        text = NULL;
    }
    ds_destroy(&s);
    expr_destroy(e);
    free(error);
    return text;
}

/* Applies the rules to 'match' (consumed) of 'flow'. */
static struct expr *
distribute_match(struct trace_flow *flow, struct trace_env *env,
                 struct expr *match)
{
    struct trace_db *db = env->db;
    struct trace_row *row = flow->row;

    if (!match || !env->dp || !strstr(row->match, "is_chassis_resident")
        || !db->any_local
        || !trace_rows_has_ids(db->rows, row)
        || !lb_router_concerns(row->stage_name, row->match)) {
        return match;
    }

    struct lb_router_row lrr = trace_served_row(db->served, env->dp,
                                                env->chassis, row);
    struct trace_gateway gateway;
    struct lb_router_env lre = { env->env.symtab, trace_gateway, &gateway };
    struct ds before = DS_EMPTY_INITIALIZER;
    struct ds after = DS_EMPTY_INITIALIZER;

    flow->is_distributed = true;
    expr_format(match, &before);
    trace_gateway_init(&gateway, db->served, env->chassis);
    match = lb_router_apply(match, &lrr, &lre);
    trace_gateway_destroy(&gateway);
    expr_format(match, &after);
    if (strcmp(ds_cstr(&before), ds_cstr(&after))) {
        flow->match = remove_residency(row->match, ds_cstr(&after), env);
        if (!flow->match) {
            flow->match = format_match(match);
        }
    }
    ds_destroy(&before);
    ds_destroy(&after);
    return match;
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
    if (dp->is_router && tf->db->any_local) {
        derive_flows(tf, df, dp);
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

    char *error = NULL;
    flow->expr = (flow->row->is_derived
                  ? expr_clone(derived_cast(flow->row)->flow.match)
                  : expr_parse_text(flow->row->match, &env->env, &error));
    flow->is_affinity = flow->expr && lb_match_is_affinity(flow->expr);
    flow->expr = distribute_match(flow, env, flow->expr);
    if (flow->expr) {
        flow->expr = expr_annotate(flow->expr, env->env.symtab, &error);
    }
    if (!flow->expr) {
        trace_db_warn(env->db, "%s: parsing expression failed (%s)",
                      flow->row->match, error);
        free(error);
    }
}

void
trace_flows_get_n_tables(const struct trace_db *db, enum ovn_pipeline pipeline,
                         uint8_t table, uint8_t n_tables[N_OVN_PIPELINES])
{
    n_tables[OVN_P_INGRESS] = db->dialect.tables.n_ingress;
    n_tables[OVN_P_EGRESS] = db->dialect.tables.n_egress;
    n_tables[pipeline] = MAX(n_tables[pipeline], table + 1);
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
        .cur_ltable = flow->table,
    };
    trace_flows_get_n_tables(env->db, flow->pipeline, flow->table,
                             pp.n_tables);
    struct ofpbuf ovnacts = OFPBUF_STUB_INITIALIZER(NULL);
    ofpbuf_init(&ovnacts, 0);
    struct expr *prereqs = NULL;
    char *error = NULL;
    if (flow->row->is_derived) {
        put_derived_actions(derived_cast(flow->row), env->env.symtab,
                            &ovnacts);
    } else {
        error = ovnacts_parse_text(flow->row->actions, &pp, &ovnacts,
                                   &prereqs);
    }
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
localize(struct trace_flows *tf, const struct sbrec_chassis *here,
         struct trace_flow *flow)
{
    if (!flow->is_localized
        && lb_can_be_local(flow->ovnacts, flow->ovnacts_len)
        && trace_rows_has_ids(tf->rows, flow->row)) {
        trace_lb_localize(tf->db, here, flow);
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
            localize(tf, chassis, flow);
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

const char *
trace_flow_match(const struct trace_flow *flow)
{
    return flow->match ? flow->match : flow->row->match;
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
