/* SPDX-License-Identifier: Apache-2.0 */

/* A controller without a database: ofctrl, the flow table, groups and meters,
 * driven through its control socket.
 *
 *     ovstest test-ofctrl TARGET [DAEMON OPTION]...
 *
 * connects to the switch whose management socket is at TARGET.  Commands:
 *
 *     unit NAME TEXT       has unit NAME put out what TEXT says, a line each:
 *         flow FLOW            as for ovs-ofctl add-flow
 *         conj ID CLAUSE/N FLOW  a flow that is part of a conjunctive match
 *         bucket [PORT|-] ACTIONS  a bucket for the group to come, in force
 *                              while PORT is local
 *         group [fallback]     wants a group; "%g" in later lines is its id
 *         meter NAME           wants a meter; "%m" in later lines is its id
 *     unit NAME @FILE      the same from a file
 *     unit NAME            removes it
 *     local PORT..., remote PORT...
 *     meter NAME [kbps|pktps {RATE BURST}...]
 *                          a row of the Meter table, or none
 *     complete             the desired state is complete from now on
 *     sync                 replies when all of this is in the switch
 *     compare              whether what is installed is what is desired
 *     recompute
 *     flush-zone ZONE
 *     geneve-field         the field of the Geneve option
 *     make-flows N         unit "many" puts out N flows
 *     time/stop, time/warp MSEC
 *     exit
 */

#include <config.h>

#include "ofctrl.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

#include "bitmap.h"
#include "byte-order.h"
#include "daemon.h"
#include "dummy.h"
#include "flow-table.h"
#include "group.h"
#include "inc-proc-eng.h"
#include "inputs.h"
#include "memory.h"
#include "meter.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-config.h"
#include "ovstest.h"
#include "packets.h"
#include "put-actions.h"
#include "simap.h"
#include "test-daemon.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(test_ofctrl);

static struct inc_engine *engine;
static struct inc_kind *unit_kind, *local_kind, *geneve_copy_kind;
static bool exiting, complete;

/* A "sync" command that waits for its reply. */
struct waiter {
    struct ovs_list list_node;
    struct unixctl_conn *conn;
    uint64_t fence;             /* 0 until the engine has run. */
};
static struct ovs_list waiters = OVS_LIST_INITIALIZER(&waiters);

static bool
string_equal(const void *a, const void *b)
{
    return !strcmp(a, b);
}

static const struct inc_kind_class unit_kind_class = {
    .name = "test-unit",
    .stage = STAGE_INPUT,
    .key_type = INC_KEY_STRING,
    .equal = string_equal,
    .destroy = free,
};
static const struct inc_kind_class local_kind_class = {
    .name = "test-local",
    .stage = STAGE_INPUT,
    .key_type = INC_KEY_STRING,
    .equal = string_equal,
    .destroy = free,
};
static const struct inc_kind_class geneve_copy_kind_class = {
    .name = "test-geneve-field",
    .stage = STAGE_FLOW,
    .key_type = INC_KEY_STRING,
    .equal = string_equal,
    .destroy = free,
};

/* Units. */

static void
put_out_flow(struct inc_unit *unit, const char *text, const char *conj)
{
    enum ofputil_protocol usable_protocols;
    struct ofputil_flow_mod fm;
    char *error = parse_ofp_flow_mod_str(&fm, text, NULL, NULL, OFPFC_ADD,
                                         &usable_protocols);
    if (error) {
        VLOG_FATAL("%s: %s", text, error);
    }

    if (fm.table_id == OFPTT_ALL) {
        fm.table_id = 0;        /* What a dump leaves out. */
    }

    struct match match;
    minimatch_expand(&fm.match, &match);
    if (conj) {
        struct flow_clause c = { .conj_id = 0 };
        int clause, n_clauses;

        if (sscanf(conj, "%"SCNu32" %d/%d", &c.conj_id, &clause,
                   &n_clauses) != 3) {
            VLOG_FATAL("%s: bad conjunction", conj);
        }
        c.clause = clause - 1;
        c.n_clauses = n_clauses;
        flow_output_add_conj(unit, fm.table_id, fm.priority, &match, &c, 1);
    } else {
        struct ofpbuf ofpacts = ofpbuf_const_initializer(fm.ofpacts,
                                                         fm.ofpacts_len);
        flow_output_add(unit, fm.table_id, fm.priority, ntohll(fm.new_cookie),
                        &match, &ofpacts);
    }
    free(fm.ofpacts);
    minimatch_destroy(&fm.match);
}

/* Replaces "%g" and "%m" in 'line'.  The caller frees the result. */
static char *
substitute(const char *line, uint32_t group_id, uint32_t meter_id)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (; *line; line++) {
        if (line[0] == '%' && (line[1] == 'g' || line[1] == 'm')) {
            ds_put_format(&s, "%"PRIu32, line[1] == 'g' ? group_id : meter_id);
            line++;
        } else {
            ds_put_char(&s, *line);
        }
    }
    return ds_steal_cstr(&s);
}

static void
add_bucket(struct ovn_group *group, const char *text)
{
    char *lport = xmemdup0(text, strcspn(text, " "));
    struct ovn_group_bucket *b;

    group->buckets = xrealloc(group->buckets, ((group->n_buckets + 1)
                                               * sizeof *group->buckets));
    b = &group->buckets[group->n_buckets++];
    memset(b, 0, sizeof *b);
    b->weight = 100;
    b->actions = xstrdup(text + strlen(lport) + 1);
    if (!strcmp(lport, "-")) {
        free(lport);
    } else {
        b->lport = lport;
        group->local = true;
    }
}

static struct ovn_group *
new_group(void)
{
    return ovn_group_create("dp_hash", 0);
}

static void
put_out_line(struct inc_unit *unit, const char *line, struct ovn_group **group,
             uint32_t *group_id, uint32_t *meter_id)
{
    const char *arg = strchr(line, ' ');
    arg = arg ? arg + 1 : "";

    if (!strncmp(line, "flow ", 5)) {
        put_out_flow(unit, arg, NULL);
    } else if (!strncmp(line, "conj ", 5)) {
        const char *flow = strchr(strchr(arg, ' ') + 1, ' ') + 1;
        char *with_actions = xasprintf("%s,actions=drop", flow);
        put_out_flow(unit, with_actions, arg);
        free(with_actions);
    } else if (!strncmp(line, "bucket ", 7)) {
        add_bucket(*group, arg);
    } else if (!strncmp(line, "group", 5)) {
        (*group)->fallback = !strcmp(arg, "fallback");
        *group_id = group_want(unit, *group);
        ovn_group_destroy(*group);
        *group = new_group();
    } else if (!strncmp(line, "meter ", 6)) {
        *meter_id = meter_want(unit, arg);
    } else if (*line) {
        VLOG_FATAL("%s: what?", line);
    }
}

static void
unit_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    char *text = xstrdup(inc_read(unit, unit_kind, inc_unit_key(unit)));
    struct ovn_group *group = new_group();
    uint32_t group_id = 0, meter_id = 0;
    char *save_ptr = NULL;

    flow_output_begin(unit);
    for (char *token = strtok_r(text, "\n", &save_ptr); token;
         token = strtok_r(NULL, "\n", &save_ptr)) {
        char *line = substitute(token, group_id, meter_id);
        put_out_line(unit, line, &group, &group_id, &meter_id);
        free(line);
    }
    flow_output_end(unit);
    ovn_group_destroy(group);
    free(text);
}

static const struct inc_unit_class unit_class = {
    .name = "test-unit",
    .stage = STAGE_FLOW,
    .run = unit_run,
    .removed = flow_output_removed,
};

/* Many flows without many lines: a unit a thousand. */
static struct inc_kind *many_kind;

static bool
number_equal(const void *a_, const void *b_)
{
    const uint64_t *a = a_;
    const uint64_t *b = b_;

    return *a == *b;
}

static const struct inc_kind_class many_kind_class = {
    .name = "test-many",
    .stage = STAGE_INPUT,
    .key_type = INC_KEY_U64,
    .equal = number_equal,
    .destroy = free,
};

static void
many_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    uint64_t ofpacts_stub[256 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(ofpacts_stub);
    const uint64_t *cell = inc_read(unit, many_kind, inc_unit_key(unit));
    uint64_t start;

    memcpy(&start, inc_unit_key(unit).data, sizeof start);
    flow_output_begin(unit);
    for (uint32_t i = start; i < start + *cell; i++) {
        struct match match = MATCH_CATCHALL_INITIALIZER;
        match_set_metadata(&match, htonll(i % 100));
        match_set_reg(&match, 15, i % 50);
        match_set_dl_type(&match, htons(ETH_TYPE_IP));
        match_set_nw_dst(&match, htonl(0x0a000000 + i));

        ofpbuf_clear(&ofpacts);
        ovs_be32 value = htonl(i % 200);
        ofpact_put_set_field(&ofpacts, mf_from_id(MFF_REG15), &value, NULL);
        put_resubmit(30, &ofpacts);
        flow_output_add(unit, 20, 100, i / 7 + 1, &match, &ofpacts);
    }
    flow_output_end(unit);
    ofpbuf_uninit(&ofpacts);
}

static const struct inc_unit_class many_class = {
    .name = "test-many",
    .stage = STAGE_FLOW,
    .run = many_run,
    .removed = flow_output_removed,
};

static void
get_content(struct inc_unit *unit, const struct ovn_group *group,
            unsigned long *in_force, char **empty)
{
    bool any = false;

    for (size_t i = 0; i < group->n_buckets; i++) {
        const char *lport = group->buckets[i].lport;
        bool local = !lport || inc_read(unit, local_kind,
                                        inc_key_string(lport));
        bitmap_set(in_force, i, local);
        any |= local;
    }
    *empty = NULL;
    if (!any && group->fallback) {
        bitmap_set_multiple(in_force, 0, group->n_buckets, true);
    }
}

/* The Geneve field, as a unit sees it. */
static void
geneve_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    enum mf_field_id id = ofctrl_geneve_field_read(unit);

    inc_write(unit, geneve_copy_kind, INC_KEY_ONLY,
              xstrdup(id ? mf_from_id(id)->name : "none"));
}
static const struct inc_unit_class geneve_class = {
    .name = "test-geneve-field",
    .stage = STAGE_FLOW,
    .run = geneve_run,
};

/* Commands. */

static char *
read_file(const char *name)
{
    struct ds contents = DS_EMPTY_INITIALIZER;
    struct ds line = DS_EMPTY_INITIALIZER;
    FILE *file = fopen(name, "r");

    if (!file) {
        VLOG_FATAL("%s: %s", name, ovs_strerror(errno));
    }
    while (!ds_get_line(&line, file)) {
        ds_put_format(&contents, "%s\n", ds_cstr(&line));
    }
    fclose(file);
    ds_destroy(&line);
    return ds_steal_cstr(&contents);
}

static void
cmd_unit(struct unixctl_conn *conn, int argc, const char *argv[],
         void *aux OVS_UNUSED)
{
    inc_set(unit_kind, inc_key_string(argv[1]),
            argc < 3 ? NULL
            : argv[2][0] == '@' ? read_file(argv[2] + 1)
            : xstrdup(argv[2]));
    unixctl_command_reply(conn, NULL);
}

static void
cmd_local(struct unixctl_conn *conn, int argc, const char *argv[],
          void *aux OVS_UNUSED)
{
    for (int i = 1; i < argc; i++) {
        inc_set(local_kind, inc_key_string(argv[i]),
                !strcmp(argv[0], "local") ? xstrdup("") : NULL);
    }
    unixctl_command_reply(conn, NULL);
}

static void
cmd_meter(struct unixctl_conn *conn, int argc, const char *argv[],
          void *aux OVS_UNUSED)
{
    struct meter *meter = NULL;

    if (argc > 4) {
        meter = xzalloc(sizeof *meter);
        meter->pktps = !strcmp(argv[2], "pktps");
        meter->n_bands = (argc - 3) / 2;
        meter->bands = xcalloc(meter->n_bands, sizeof *meter->bands);
        for (size_t i = 0; i < meter->n_bands; i++) {
            meter->bands[i] = (struct meter_band) {
                .drop = true,
                .rate = atoi(argv[3 + 2 * i]),
                .burst_size = atoi(argv[4 + 2 * i]),
            };
        }
    }
    inc_set(in_kinds.meter, inc_key_string(argv[1]), meter);
    unixctl_command_reply(conn, NULL);
}

static void
cmd_complete(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    complete = true;
    unixctl_command_reply(conn, NULL);
}

static void
cmd_sync(struct unixctl_conn *conn, int argc OVS_UNUSED,
         const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct waiter *w = xzalloc(sizeof *w);

    w->conn = conn;
    ovs_list_push_back(&waiters, &w->list_node);
}

static void
cmd_compare(struct unixctl_conn *conn, int argc OVS_UNUSED,
            const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    inc_run(engine, N_STAGES - 1);

    char *s = xasprintf("flows %s, groups %s, meters %s",
                        flow_table_has_changes() ? "differ" : "same",
                        group_has_changes() ? "differ" : "same",
                        meter_has_changes() ? "differ" : "same");
    unixctl_command_reply(conn, ofctrl_has_dump() ? s : "nothing known yet");
    free(s);
}

static void
cmd_recompute(struct unixctl_conn *conn, int argc OVS_UNUSED,
              const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    inc_recompute(engine);
    unixctl_command_reply(conn, NULL);
}

static void
cmd_flush_zone(struct unixctl_conn *conn, int argc OVS_UNUSED,
               const char *argv[], void *aux OVS_UNUSED)
{
    ofctrl_ct_flush_zone(atoi(argv[1]));
    unixctl_command_reply(conn, NULL);
}

static void
cmd_geneve_field(struct unixctl_conn *conn, int argc OVS_UNUSED,
                 const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    const char *name = inc_peek(geneve_copy_kind, INC_KEY_ONLY);
    unixctl_command_reply(conn, name ? name : "not known");
}

static void
cmd_make_flows(struct unixctl_conn *conn, int argc OVS_UNUSED,
               const char *argv[], void *aux OVS_UNUSED)
{
    uint64_t n = strtoull(argv[1], NULL, 10);

    for (uint64_t i = 0; i < n; i += 1000) {
        uint64_t n_here = MIN(n - i, 1000);
        inc_set(many_kind, inc_key_u64(&i), xmemdup(&n_here, sizeof n_here));
    }
    unixctl_command_reply(conn, NULL);
}

static void
cmd_exit(struct unixctl_conn *conn, int argc OVS_UNUSED,
         const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    exiting = true;
    unixctl_command_reply(conn, NULL);
}

static void
register_commands(void)
{
    unixctl_command_register("unit", "", 1, 2, cmd_unit, NULL);
    unixctl_command_register("local", "", 1, INT_MAX, cmd_local, NULL);
    unixctl_command_register("remote", "", 1, INT_MAX, cmd_local, NULL);
    unixctl_command_register("meter", "", 1, 6, cmd_meter, NULL);
    unixctl_command_register("complete", "", 0, 0, cmd_complete, NULL);
    unixctl_command_register("sync", "", 0, 0, cmd_sync, NULL);
    unixctl_command_register("compare", "", 0, 0, cmd_compare, NULL);
    unixctl_command_register("recompute", "", 0, 0, cmd_recompute, NULL);
    unixctl_command_register("flush-zone", "", 1, 1, cmd_flush_zone, NULL);
    unixctl_command_register("geneve-field", "", 0, 0, cmd_geneve_field, NULL);
    unixctl_command_register("make-flows", "", 1, 1, cmd_make_flows, NULL);
    unixctl_command_register("exit", "", 0, 0, cmd_exit, NULL);
    group_module.commands();
}

/* The main loop. */

static void
run_waiters(void)
{
    struct waiter *w;

    LIST_FOR_EACH_SAFE (w, list_node, &waiters) {
        if (!w->fence) {
            w->fence = ofctrl_fence();
        }
        if (ofctrl_is_connected() && ofctrl_reached(w->fence)) {
            unixctl_command_reply(w->conn, NULL);
            ovs_list_remove(&w->list_node);
            free(w);
        }
    }
}

static void
set_up_engine(void)
{
    engine = inc_engine_create(N_STAGES);
    inputs_module.init(engine);
    ofctrl_module.init(engine);
    flow_table_module.init(engine);
    group_set_content(get_content);
    group_module.init(engine);

    unit_kind = inc_kind_declare(engine, &unit_kind_class);
    local_kind = inc_kind_declare(engine, &local_kind_class);
    many_kind = inc_kind_declare(engine, &many_kind_class);
    geneve_copy_kind = inc_kind_declare(engine, &geneve_copy_kind_class);
    inc_kind_spawn(unit_kind, &unit_class, NULL);
    inc_kind_spawn(many_kind, &many_class, NULL);
    inc_unit_add(engine, &geneve_class, INC_KEY_ONLY, NULL);
}

static void
test_ofctrl_main(int argc, char *argv[])
{
    struct unixctl_server *unixctl = test_daemon_start(
        "test-ofctrl", argc, argv, 1,
        "usage: test-ofctrl TARGET [DAEMON OPTION]...");

    set_up_engine();
    register_commands();
    timeval_dummy_register();
    daemonize_complete();

    const struct ovs_config config = { .openflow_probe_s = 5 };
    struct turn turn = { .config = &config, .target = argv[optind] };

    while (!exiting) {
        memory_run();
        if (memory_should_report()) {
            struct simap usage = SIMAP_INITIALIZER(&usage);
            flow_table_module.memory(&usage);
            group_module.memory(&usage);
            memory_report(&usage);
            simap_destroy(&usage);
        }
        unixctl_server_run(unixctl);
        turn.flows_known = complete;
        ofctrl_module.run(&turn);
        if (ofctrl_has_dump()) {
            inc_run(engine, N_STAGES - 1);
            run_waiters();
            ofctrl_module.commit(&turn);
            run_waiters();
        }

        memory_wait();
        unixctl_server_wait(unixctl);
        ofctrl_module.wait();
        if (exiting || inc_is_dirty(engine, N_STAGES - 1)) {
            poll_immediate_wake();
        }
        poll_block();
    }
    ofctrl_module.destroy();
    inc_engine_destroy(engine);
    group_module.destroy();
    flow_table_module.destroy();
    unixctl_server_destroy(unixctl);
}

OVSTEST_REGISTER("test-ofctrl", test_ofctrl_main);
