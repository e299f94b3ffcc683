/* SPDX-License-Identifier: Apache-2.0 */

/* Logical flows -> OpenFlow flows
 * ===============================
 *
 * One unit for each row of the southbound Logical_Flow table.  It compiles
 * the row once, for all of the local datapaths that the row applies to, and
 * stamps the result with each datapath's key.  Only what turns out to depend
 * on the datapath, because it mentions one of its ports or port groups, is
 * compiled again for each of them.
 *
 * If all that has changed is that members of large address sets have come or
 * gone, only their flows are computed: see lflow-sample.h.
 *
 * Nothing is kept between runs but the flows themselves.  A unit runs again
 * only if something has changed that its own text mentions, so that a cache
 * of the parsed row would mostly sit there: at some kilobytes a row it would
 * be the largest thing in the process.  Within a run, a step's result is used
 * again for all datapaths for which it would be the same (struct lflow_memo),
 * and texts that have been parsed for others wait for it (lflow-text.h). */

#include <config.h>
#include "lflow.h"

#include "byte-order.h"
#include "flow-actions.h"
#include "flow-table.h"
#include "group.h"
#include "guard.h"
#include "inputs.h"
#include "lb-flow.h"
#include "lb-match.h"
#include "lb-router.h"
#include "lb.h"
#include "lb/affinity.h"
#include "lb/served-vips.h"
#include "lflow-conj-ids.h"
#include "lflow-env.h"
#include "lflow-sample.h"
#include "lflow-text.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "ovn/actions.h"
#include "ovn/expr.h"
#include "ovn/logical-fields.h"
#include "tunnel.h"
#include "unit-log.h"
#include "unixctl.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(lflow);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* The longest match or actions that are compiled, in bytes.  A match with an
 * inline set of 10,000 IPv6 addresses, or a load balancer of as many
 * backends, has half of this. */
#define MAX_TEXT_LEN (1024 * 1024)
/* How much of a text a message repeats. */
#define MAX_LOGGED_TEXT_LEN 256

/* One run of a unit: what is computed for a datapath, in steps, each with what
 * it depends on. */
struct lflow_run {
    struct inc_unit *unit;
    const struct ovn_dialect *dialect;
    const struct logical_flow *lflow;
    uint8_t table_id;           /* OpenFlow's. */
    bool is_derived;            /* The texts are not those of 'lflow'. */
    struct lflow_env env;

    /* The local datapaths that the flow applies to. */
    const struct lflow_dp **dps;
    size_t n_dps;

    /* The actions, parsed, and whether they are malformed or not to be put
     * out.  A match that is there is parsed, too, and is needed twice. */
    struct lflow_memo text_memo;
    struct lflow_text text;
    bool is_wanted;

    /* The match in normal form, or NULL if it is malformed. */
    struct lflow_memo expr_memo;
    struct expr *expr;
    bool is_affinity;           /* lb_match_is_affinity() */

    /* What OpenFlow makes of it.  If there is but one and it is a plain one,
     * it is stamped. */
    struct lflow_memo matches_memo;
    struct expr_matches matches;
    struct flow_key key;
    bool have_key;

    /* The actions' encoding, and the same interned: NULL if there is too much
     * of it for a message. */
    struct lflow_memo actions_memo;
    struct ofpbuf ofpacts;
    struct flow_actions *actions;

    /* Room for what most actions come to. */
    uint64_t ovnacts_stub[512 / 8];
    uint64_t ofpacts_stub[1024 / 8];
};

#define WARN(RUN, FORMAT, ...)                                          \
    UNIT_WARN((RUN)->unit, &rl,                                         \
              "logical flow "UUID_FMT": " FORMAT,                       \
              UUID_ARGS(&(RUN)->lflow->uuid), __VA_ARGS__)

static void
warn_text(struct lflow_run *run, const char *what, const char *text,
          const char *error)
{
    size_t len = strlen(text);

    guard_note_error(run->unit, run->lflow, error);
    WARN(run, "error parsing %s \"%.*s%s\": %s", what,
         (int) MIN(len, MAX_LOGGED_TEXT_LEN), text,
         len > MAX_LOGGED_TEXT_LEN ? "..." : "", error);
}

/* Drops what has been compiled of the match: the matches, or all of it. */

static void
drop_matches(struct lflow_run *run)
{
    if (run->matches_memo.dp) {
        expr_matches_destroy(&run->matches);
        run->matches_memo.dp = NULL;
    }
    if (run->have_key) {
        flow_key_uninit(&run->key);
        run->have_key = false;
    }
}

static void
drop_expr(struct lflow_run *run)
{
    expr_destroy(run->expr);
    run->expr = NULL;
    run->expr_memo.dp = NULL;
    drop_matches(run);
}

/* Which datapaths.
 *
 * A flow with tags:in_out_port is about that one port.  It is of no use on a
 * chassis where no packet can enter or leave through the port. */

static void
keep_dps_of_port(struct lflow_run *run, const char *lport)
{
    const struct lport *lp = in_lport(run->unit, lport);
    size_t n = 0;

    for (size_t i = 0; lp && i < run->n_dps; i++) {
        if (uuid_equals(&run->dps[i]->uuid, &lp->datapath)) {
            run->dps[n++] = run->dps[i];
        }
    }
    run->n_dps = n && lflow_env_takes_part(run->unit, lport) ? n : 0;
}

static void
find_dps(struct lflow_run *run)
{
    const struct logical_flow *lf = run->lflow;

    if (!uuid_is_zero(&lf->dp_group)) {
        lflow_env_group(run->unit, &lf->dp_group, &run->dps, &run->n_dps);
    } else if (!uuid_is_zero(&lf->datapath)) {
        const struct lflow_dp *dp = lflow_env_dp(run->unit, &lf->datapath);
        if (dp) {
            run->dps = xmalloc(sizeof *run->dps);
            run->dps[run->n_dps++] = dp;
        }
    }
    if (lf->in_out_port && run->n_dps) {
        keep_dps_of_port(run, lf->in_out_port);
    }
}

/* The actions. */

static bool
parse_actions(struct lflow_run *run)
{
    const struct logical_flow *lf = run->lflow;
    struct ovnact_parse_params pp = {
        .env = &run->env.env,
        .option = lflow_env_option,
        .pipeline = lf->ingress ? OVN_P_INGRESS : OVN_P_EGRESS,
        .n_tables = OVNACT_N_TABLES(&run->dialect->tables),
        .cur_ltable = lf->table_id,
    };

    lflow_text_clear(&run->text);
    if (lflow_text_take(run->unit, lf, &run->text)) {
        return true;
    }
    char *error = ovnacts_parse_text(lf->actions, &pp, &run->text.ovnacts,
                                     &run->text.prereqs);
    if (error) {
        warn_text(run, "actions", lf->actions, error);
        free(error);
        return false;
    }
    return true;
}

/* Makes 'run->text' that for the datapath at hand.  Returns false if the
 * actions are malformed, or not to be put out. */
static bool
compile_actions(struct lflow_run *run)
{
    if (!run->is_derived && !lflow_memo_is_good(&run->text_memo, &run->env)) {
        lflow_memo_begin(&run->env);
        run->is_wanted = (parse_actions(run)
                          && lb_affinity_is_wanted(run->unit, run->lflow,
                                                   run->text.ovnacts.data,
                                                   run->text.ovnacts.size));
        lflow_memo_end(&run->text_memo, &run->env);

        /* The prerequisites are part of it. */
        drop_expr(run);
        run->actions_memo.dp = NULL;
    }
    return run->is_wanted;
}

/* Callbacks of the encoder. */

static uint32_t
encode_group_id(const struct ovn_group *group, void *run_)
{
    struct lflow_run *run = run_;

    return group_want(run->unit, group);
}

static uint32_t
encode_meter_id(const char *name, void *run_)
{
    struct lflow_run *run = run_;

    return meter_want(run->unit, name);
}

static bool
encode_ct_zero_snat(void *run_)
{
    struct lflow_run *run = run_;

    return in_ovs_fact(run->unit, "ct-zero-snat") != NULL;
}

static bool
encode_has_collector_set(uint32_t id, void *run_)
{
    struct lflow_run *run = run_;

    return in_has_collector_set(run->unit, id);
}

static bool
encode_tunnel_ofport(const char *lport, ofp_port_t *ofport, void *run_)
{
    struct lflow_run *run = run_;
    const struct port_binding *pb = in_port_binding(run->unit, lport);
    const struct tunnel *tunnel = NULL;

    if (pb && !uuid_is_zero(&pb->chassis)) {
        tunnel = tunnel_find(run->unit, &pb->chassis, NULL, 0);
    }
    if (!tunnel) {
        return false;
    }
    *ofport = tunnel->ofport;
    return true;
}

static uint32_t
encode_dp_fact(enum ovnact_dp_fact fact, void *run_)
{
    struct lflow_run *run = run_;

    return lflow_env_dp_fact(&run->env, fact);
}

/* Makes 'run->ofpacts' the encoding for the datapath at hand. */
static void
encode_actions(struct lflow_run *run)
{
    const struct logical_flow *lf = run->lflow;

    if (lflow_memo_is_good(&run->actions_memo, &run->env)) {
        return;
    }

    const struct ofpbuf *ovnacts = &run->text.ovnacts;
    struct ovnact_encode_params ep = { .env = &run->env.env };
    ep.dialect = run->dialect;
    ep.tunnel_ofport = encode_tunnel_ofport;
    ep.dp_fact = encode_dp_fact;
    ep.ct_zero_snat = encode_ct_zero_snat;
    ep.group_id = encode_group_id;
    ep.meter_id = encode_meter_id;
    ep.has_collector_set = encode_has_collector_set;
    ep.aux = run;
    ep.lflow_uuid = lf->uuid;
    /* So that what has been learned of one flow can be told from what has been
     * learned of another. */
    ep.learn_cookie = lf->uuid.parts[0];
    ep.stage_hint = lf->stage_hint;
    ep.lb_affinity = run->is_affinity;
    ep.controller_meter = lf->controller_meter;
    ep.pipeline = lf->ingress ? OVN_P_INGRESS : OVN_P_EGRESS;

    lflow_memo_begin(&run->env);
    ofpbuf_clear(&run->ofpacts);
    if (!ovnacts_encode(ovnacts->data, ovnacts->size, &ep, &run->ofpacts)) {
        WARN(run, "%s", "actions whose OpenFlow encoding would be too long "
             "are left out");
    }
    flow_actions_unref(run->actions);
    run->actions = flow_actions_intern(run->ofpacts.data, run->ofpacts.size);
    lflow_memo_end(&run->actions_memo, &run->env);
}

/* The match. */

/* Returns the match as it comes from the parser, or NULL and an error. */
static struct expr *
parse_match(struct lflow_run *run, char **errorp)
{
    const struct logical_flow *lf = run->lflow;
    bool keep = run->is_derived || lb_router_has_more(lf->stage_name);
    struct expr *match = run->text.match;

    *errorp = NULL;
    if (!match) {
        match = expr_parse_text(lf->match, &run->env.env, errorp);
    }
    /* What depends on the datapath is parsed for each. */
    run->text.match = (match && keep && !run->env.asked
                       ? expr_clone(match) : NULL);
    run->is_affinity = match && lb_match_is_affinity(match);
    return match;
}

/* Returns what becomes of parsed 'match', which is consumed, on a router that
 * serves distributed load balancers here. */
static struct expr *
distribute_match(struct lflow_run *run, struct expr *match)
{
    const struct logical_flow *lf = run->lflow;

    if (match && !run->is_derived
        && lb_router_concerns(lf->stage_name, lf->match)) {
        struct lb_router_row row = lb_served_row(run->unit, lf);
        struct lb_served_gateway gateway;
        struct lb_router_env env = {
            lflow_text_symtab(), lb_served_gateway, &gateway
        };

        lb_served_gateway_init(&gateway, run->unit);
        match = lb_router_apply(match, &row, &env);
        lb_served_gateway_destroy(&gateway);
    }
    return match;
}

/* Returns the match in normal form, with samples of address sets, or NULL if
 * that is not enough. */
static struct expr *
compile_sample(struct lflow_run *run)
{
    size_t n_terms;
    struct expr *expr = expr_compile_sample(run->lflow->match,
                                            run->text.prereqs,
                                            &run->env.env, &n_terms);

    if (expr && (n_terms > EXPR_MAX_TERMS
                           / lflow_sample_scale(run->env.sample))) {
        /* It may be refused with all members. */
        expr_destroy(expr);
        return NULL;
    }
    return expr;
}

static struct expr *
compile_match(struct lflow_run *run)
{
    if (run->env.sample) {
        return compile_sample(run);
    }

    const struct logical_flow *lf = run->lflow;
    const struct expr *prereqs = run->text.prereqs;
    char *error = NULL;
    struct expr *expr = parse_match(run, &error);

    expr = distribute_match(run, expr);
    if (!error) {
        expr = expr_and(expr, prereqs ? expr_clone(prereqs) : NULL);
        expr = expr_annotate(expr, run->env.env.symtab, &error);
    }
    if (!error) {
        expr = expr_normalize(expr_simplify(expr, &run->env.env),
                              &run->env.env, &error);
    }
    if (error) {
        warn_text(run, "match", lf->match, error);
        free(error);
        return NULL;
    }
    return expr;
}

/* Makes 'run->expr' and 'run->matches' those for the datapath at hand.
 * Returns false if the match is malformed. */
static bool
compile_for_dp(struct lflow_run *run)
{
    if (!lflow_memo_is_good(&run->expr_memo, &run->env)) {
        drop_expr(run);
        lflow_memo_begin(&run->env);
        run->expr = compile_match(run);
        lflow_memo_end(&run->expr_memo, &run->env);
    }
    if (!run->expr) {
        return false;
    }
    if (!lflow_memo_is_good(&run->matches_memo, &run->env)) {
        drop_matches(run);
        lflow_memo_begin(&run->env);
        expr_to_matches(run->expr, &run->env.env, &run->matches);
        lflow_memo_end(&run->matches_memo, &run->env);
    }
    return true;
}

/* Output. */

/* Whether 'match' can be met on this chassis.  In the pipeline of a logical
 * switch, packets that enter (ingress pipeline) or leave (egress pipeline)
 * through a port are here only if the port takes part here. */
static bool
can_be_met(const struct lflow_run *run, const struct lflow_dp *dp,
           const struct match *match)
{
    if (!dp->is_switch) {
        return true;
    }

    enum mf_field_id port = run->lflow->ingress ? MFF_LOG_INPORT
                                                : MFF_LOG_OUTPORT;
    uint32_t key = match->flow.regs[port - MFF_REG0];
    return !key || lflow_env_key_takes_part(&run->env, key);
}

static void
put_clauses(struct lflow_run *run, const struct expr_match *m,
            uint32_t first_conj_id)
{
    struct flow_clause *clauses = xmalloc(m->n_clauses * sizeof *clauses);

    for (size_t i = 0; i < m->n_clauses; i++) {
        clauses[i] = (struct flow_clause) {
            .conj_id = first_conj_id + m->clauses[i].id - 1,
            .clause = m->clauses[i].clause,
            .n_clauses = m->clauses[i].n_clauses,
        };
    }
    flow_output_add_conj(run->unit, run->table_id, run->lflow->priority,
                         &m->match, clauses, m->n_clauses);
    free(clauses);
}

/* Puts out 'm', the only one of 'run->matches'. */
static void
put_only_match(struct lflow_run *run, const struct expr_match *m)
{
    if (!run->have_key) {
        flow_key_init(&run->key, run->table_id, run->lflow->priority,
                      &m->match);
        run->have_key = true;
    } else {
        flow_key_set_metadata(&run->key, m->match.flow.metadata);
    }
    flow_output_add_key(run->unit, &run->key, run->lflow->uuid.parts[0],
                        run->actions);
}

static void
put_match(struct lflow_run *run, struct expr_match *m, uint32_t first_conj_id)
{
    uint32_t conj_id = m->match.flow.conj_id;

    if (m->n_clauses) {
        put_clauses(run, m, first_conj_id);
        return;
    }
    if (conj_id) {
        match_set_conj_id(&m->match, first_conj_id + conj_id - 1);
    }
    flow_output_add_interned(run->unit, run->table_id, run->lflow->priority,
                             run->lflow->uuid.parts[0], &m->match,
                             run->actions);
    if (conj_id) {
        match_set_conj_id(&m->match, conj_id);
    }
}

/* Puts out the flows for 'dp'. */
static void
put_dp(struct lflow_run *run, const struct lflow_dp *dp)
{
    struct expr_matches *matches = &run->matches;
    uint32_t first_conj_id = 0;

    if (matches->n_conjunctions) {
        first_conj_id = conj_ids_alloc(&run->lflow->uuid, &dp->uuid,
                                       run->table_id, dp->tunnel_key,
                                       matches->n_conjunctions);
        if (!first_conj_id) {
            WARN(run, "%s", "out of conjunction ids");
            return;
        }
    }
    for (size_t i = 0; i < matches->n; i++) {
        struct expr_match *m = &matches->matches[i];

        if (can_be_met(run, dp, &m->match)) {
            match_set_metadata(&m->match, htonll(dp->tunnel_key));
            if (matches->n == 1 && !matches->n_conjunctions) {
                put_only_match(run, m);
            } else {
                put_match(run, m, first_conj_id);
            }
        }
    }
}

static bool
is_sane(struct lflow_run *run)
{
    const struct logical_flow *lf = run->lflow;
    const struct ovn_tables *tables = &run->dialect->tables;
    int n_tables = lf->ingress ? tables->n_ingress : tables->n_egress;

    if (lf->table_id >= n_tables) {
        guard_note_table(run->unit, lf);
        WARN(run, "table_id %"PRIu8" is beyond the last table of the %s "
             "pipeline, which is %d", lf->table_id,
             lf->ingress ? "ingress" : "egress", n_tables - 1);
        return false;
    }
    if (strnlen(lf->match, MAX_TEXT_LEN + 1) > MAX_TEXT_LEN) {
        WARN(run, "match is longer than %d bytes", MAX_TEXT_LEN);
        return false;
    }
    if (strnlen(lf->actions, MAX_TEXT_LEN + 1) > MAX_TEXT_LEN) {
        WARN(run, "actions are longer than %d bytes", MAX_TEXT_LEN);
        return false;
    }
    return true;
}

static void
put_all(struct lflow_run *run)
{
    for (size_t i = 0; i < run->n_dps; i++) {
        const struct lflow_dp *dp = run->dps[i];

        lflow_env_set_dp(&run->env, dp);
        if (compile_actions(run) && compile_for_dp(run) && run->matches.n) {
            encode_actions(run);
            put_dp(run, dp);
        }
    }
}

static void
run_destroy(struct lflow_run *run)
{
    free(run->dps);
    lflow_text_destroy(&run->text);
    ofpbuf_uninit(&run->ofpacts);
    flow_actions_unref(run->actions);
    drop_expr(run);
    lflow_env_finish(&run->env);
}

static void
run_init(struct lflow_run *run, struct inc_unit *unit,
         const struct logical_flow *lf)
{
    const struct ovn_dialect *dialect = in_dialect(unit);
    const struct ovn_tables *tables = &dialect->tables;

    *run = (struct lflow_run) {
        .unit = unit,
        .dialect = dialect,
        .lflow = lf,
        .table_id = lf->table_id + (lf->ingress ? tables->ingress
                                    : tables->egress),
    };
    ofpbuf_use_stub(&run->text.ovnacts, run->ovnacts_stub,
                    sizeof run->ovnacts_stub);
    ofpbuf_use_stub(&run->ofpacts, run->ofpacts_stub,
                    sizeof run->ofpacts_stub);
    lflow_env_start(&run->env, unit);
    run->env.env.symtab = lflow_text_symtab_of(lf);
}

/* Returns whether there is anything to be put out. */
static bool
put_flows(struct lflow_run *run)
{
    find_dps(run);
    if (!run->n_dps || !is_sane(run)) {
        return false;
    }
    put_all(run);
    return true;
}

/* Puts in 'flows' those that come with 'run->lflow', see lb-router.h. */
static size_t
derive_flows(struct lflow_run *run,
             struct lb_router_flow flows[LB_ROUTER_MAX_FLOWS])
{
    const struct logical_flow *lf = run->lflow;

    if (!run->text.match || !lb_router_has_more(lf->stage_name)) {
        return 0;
    }

    struct lb_router_row row = lb_served_row(run->unit, lf);
    if (!row.balances && lb_router_balances(lf->stage_name)) {
        return 0;
    }

    struct lb_served_gateway gateway;
    struct lb_router_env env = {
        lflow_text_symtab(), lb_served_gateway, &gateway
    };
    lb_served_gateway_init(&gateway, run->unit);
    size_t n = lb_router_derive(run->text.match, &row, &env, flows);
    lb_served_gateway_destroy(&gateway);
    return n;
}

/* Puts out 'flow' (whose match it takes), which comes with 'base'. */
static void
put_derived(struct inc_unit *unit, const struct logical_flow *base,
            struct lb_router_flow *flow)
{
    struct logical_flow lf = *base;
    struct lflow_run run;

    lf.ingress = flow->ingress;
    lf.priority = flow->priority;
    lf.stage_name = flow->stage;
    if (!in_stage(unit, flow->stage, &lf.table_id)) {
        return;
    }

    run_init(&run, unit, &lf);
    run.is_derived = run.is_wanted = true;
    run.text.match = flow->match;
    flow->match = NULL;
    lb_router_flow_put_actions(flow, lf.table_id, lflow_text_symtab(),
                               &run.text.ovnacts);
    put_flows(&run);
    run_destroy(&run);
}

static void
put_lflow(struct inc_unit *unit, const struct logical_flow *lf)
{
    struct lb_router_flow flows[LB_ROUTER_MAX_FLOWS];
    struct lflow_run run;

    run_init(&run, unit, lf);
    size_t n_flows = 0;
    if (put_flows(&run)) {
        n_flows = derive_flows(&run, flows);
    }
    run_destroy(&run);

    for (size_t i = 0; i < n_flows; i++) {
        put_derived(unit, lf, &flows[i]);
    }
    lb_router_flows_destroy(flows, n_flows);
}

/* Updates. */

/* Makes 'before' and 'after' those for the datapath at hand.  Returns false if
 * samples do not do. */
static bool
compile_samples(struct lflow_sample *sample, struct lflow_run *before,
                struct lflow_run *after)
{
    for (;;) {
        if (!compile_for_dp(before) || !compile_for_dp(after)
            || before->env.sample_fails || after->env.sample_fails) {
            return false;
        }

        /* Both, even if the first one is extended. */
        bool extended = lflow_sample_extend(sample, before->expr);
        extended |= lflow_sample_extend(sample, after->expr);
        if (!extended) {
            return true;
        }
        drop_expr(before);
        drop_expr(after);
        lflow_env_forget_address_sets(&before->env);
        lflow_env_forget_address_sets(&after->env);
    }
}

/* Withdraws the flows for 'dp' that only 'before' has, and puts out those that
 * 'after' has. */
static bool
update_dp(struct lflow_run *before, struct lflow_run *after,
          const struct lflow_dp *dp)
{
    uint32_t n_ids = after->matches.n_conjunctions;
    uint32_t first_conj_id = 0;

    if (before->matches.n_conjunctions != n_ids) {
        return false;
    }
    if (n_ids) {
        first_conj_id = conj_ids_find(&after->lflow->uuid, &dp->uuid,
                                      after->table_id, n_ids);
        if (!first_conj_id) {
            return false;
        }
    }
    for (size_t i = 0; i < before->matches.n; i++) {
        struct expr_match *m = &before->matches.matches[i];

        /* What is about the conjunction as a whole is no member's. */
        if (!m->match.flow.conj_id) {
            match_set_metadata(&m->match, htonll(dp->tunnel_key));
            flow_output_doubt(after->unit, after->table_id,
                              after->lflow->priority, &m->match,
                              m->n_clauses > 0);
        }
    }
    if (after->matches.n) {
        encode_actions(after);
    }
    for (size_t i = 0; i < after->matches.n; i++) {
        struct expr_match *m = &after->matches.matches[i];

        if (can_be_met(after, dp, &m->match)) {
            match_set_metadata(&m->match, htonll(dp->tunnel_key));
            put_match(after, m, first_conj_id);
        }
    }
    return true;
}

static bool
update_all(struct lflow_sample *sample, struct lflow_run *before,
           struct lflow_run *after)
{
    bool ok = true;

    for (size_t i = 0; ok && i < after->n_dps; i++) {
        const struct lflow_dp *dp = after->dps[i];

        lflow_env_set_dp(&before->env, dp);
        lflow_env_set_dp(&after->env, dp);
        ok = compile_actions(after);
        before->text.prereqs = after->text.prereqs;
        ok = (ok && compile_samples(sample, before, after)
              && update_dp(before, after, dp));
        before->text.prereqs = NULL;
    }
    return ok;
}

/* Members of address sets, or ports of port groups, have come or gone.
 * Returns false if all has to be computed. */
static bool
lflow_update(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct logical_flow *lf
        = in_logical_flow(unit, inc_unit_key(unit).data);
    struct lflow_run before, after;
    struct lflow_sample sample;

    if (!lf || lb_flow_is_likely(lf->actions)
        || lb_router_concerns(lf->stage_name, lf->match)
        || lb_router_has_more(lf->stage_name)
        || strlen(lf->match) > MAX_TEXT_LEN) {
        return false;
    }

    bool ok = lflow_sample_init(&sample, unit, lf->match);
    if (ok) {
        run_init(&before, unit, lf);
        run_init(&after, unit, lf);
        before.env.sample = after.env.sample = &sample;
        before.env.sample_before = true;

        flow_output_begin_update(unit);
        find_dps(&after);
        ok = after.n_dps && is_sane(&after)
             && update_all(&sample, &before, &after);
        flow_output_end_update(unit);
        run_destroy(&before);
        run_destroy(&after);
    }
    lflow_sample_destroy(&sample);
    return ok;
}

static void
lflow_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *uuid = inc_unit_key(unit).data;
    const struct logical_flow *lf = in_logical_flow(unit, uuid);

    conj_ids_free(uuid);
    flow_output_begin(unit);
    if (lf) {
        put_lflow(unit, lf);
    }
    flow_output_end(unit);
}

static void
lflow_removed(struct inc_unit *unit, void *aux)
{
    conj_ids_free(inc_unit_key(unit).data);
    flow_output_removed(unit, aux);
}

static const struct inc_unit_class lflow_unit_class = {
    .name = "lflow",
    .stage = STAGE_FLOW,
    .run = lflow_run,
    .update = lflow_update,
    .removed = lflow_removed,
};

static void
init(struct inc_engine *engine)
{
    lflow_env_init(engine);
    inc_kind_spawn(in_kinds.logical_flow, &lflow_unit_class, NULL);
}

static void
destroy(void)
{
    conj_ids_destroy();
}

static void
dump_conj_ids(struct unixctl_conn *conn, int argc OVS_UNUSED,
              const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    conj_ids_dump(&s);
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

static void
register_commands(void)
{
    unixctl_command_register("debug/dump-lflow-conj-ids", "", 0, 0,
                             dump_conj_ids, NULL);
}

const struct module lflow_module = {
    .name = "lflow",
    .init = init,
    .commands = register_commands,
    .destroy = destroy,
};
