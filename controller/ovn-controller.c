/* SPDX-License-Identifier: Apache-2.0 */

/* ovn-controller: the loop over the table of modules
 * ==================================================
 *
 * One thread, one loop.  A turn of it takes whatever has arrived as far as it
 * goes:
 *
 *     both databases --input()--> cells --inc_run()--> desired flows and rows
 *     --complete(), commit()--> transactions, OpenFlow messages
 *
 * Everything derived lives in the engine (lib/inc-proc-eng.h).  Which modules
 * there are, says the table below; what a module can do, module.h.  Effects
 * compare what is with what should be and write the difference.  They keep no
 * promises about transactions, so one that fails is simply tried again.
 *
 * What must not be done before the southbound snapshot is complete is a hook
 * of its own, complete(): the southbound database has answered for everything
 * that we asked it to monitor, our Chassis row is there, and the engine has
 * nothing left to do.  Until then no flow, tunnel or patch port that is in
 * place is removed. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "acl-id.h"
#include "allocator-release.h"
#include "allocator.h"
#include "binding.h"
#include "br-int.h"
#include "chassis.h"
#include "command-line.h"
#include "commands.h"
#include "ct-zone-limit.h"
#include "ct-zone.h"
#include "daemon.h"
#include "dirs.h"
#include "dump.h"
#include "dynamic-routing.h"
#include "ecmp-nexthop.h"
#include "egress-qos.h"
#include "encaps.h"
#include "evpn-advertise.h"
#include "evpn-show.h"
#include "evpn-tunnels.h"
#include "evpn-vteps.h"
#include "evpn.h"
#include "fatal-signal.h"
#include "flow-table.h"
#include "group-stats.h"
#include "group.h"
#include "guard.h"
#include "idl-columns.h"
#include "idl-start.h"
#include "if-status.h"
#include "inc-proc-eng.h"
#include "inject-pkt.h"
#include "inputs.h"
#include "lb/candidates.h"
#include "lb/config.h"
#include "lb/ct-flush.h"
#include "lb/hairpin.h"
#include "lb/local.h"
#include "lb/served-vips.h"
#include "lb/show.h"
#include "learned-routes.h"
#include "lflow-text.h"
#include "lflow.h"
#include "local-datapath.h"
#include "local-encaps.h"
#include "mac-age.h"
#include "mac-bind.h"
#include "memory.h"
#include "mirror.h"
#include "module.h"
#include "monitor.h"
#include "nb-cfg.h"
#include "ofctrl.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/util.h"
#include "openvswitch/vlog.h"
#include "ovn-dirs.h"
#include "ovn-sb-idl.h"
#include "ovn/dialect.h"
#include "ovn/version.h"
#include "ovs-compat.h"
#include "ovs-config.h"
#include "ovsdb-idl.h"
#include "patch.h"
#include "physical.h"
#include "pinctrl/pinctrl.h"
#include "port-sec-flows.h"
#include "simap.h"
#include "stopwatch.h"
#include "stream-ssl.h"
#include "stream.h"
#include "timeval.h"
#include "tunnel-bfd.h"
#include "tunnel.h"
#include "unixctl.h"
#include "unsupported.h"
#include "util.h"
#include "uuid.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(main);

/* How long the southbound server may take to answer before it counts as away,
 * in ms. */
#define SERVER_PATIENCE_MS 1000

/* How often clean_up() looks whether it is done, in ms. */
#define CLEAN_UP_RETRY_MS 200

/* How many transactions a database may refuse, and how long it may take
 * altogether, in ms, before clean_up() leaves there what is there. */
#define CLEAN_UP_MAX_FAILURES 20
#define CLEAN_UP_PATIENCE_MS 30000

#define STOPWATCH_ENGINE "flow-generation"

/* The releases of ovn_northd_is_known(), which is what
 * ovn-match-northd-version asks for. */
#define KNOWN_NORTHD "23.03 to 26.03"

/* From the command line. */
static struct {
    char *ovs_remote;
    char *chassis_name;         /* -n, or from the file. */
    struct ssl_options ssl;
} options;

/* The modules, those first whose cells others are made of: see module.h. */
static const struct module *const modules[] = {
    &ovs_config_module,
    &br_int_module,
    &inputs_module,
    &ofctrl_module,
    &chassis_module,
    &local_encaps_module,
    &tunnel_bfd_module,
    &binding_module,
    &binding_commit_module,
    &if_status_module,
    &lflow_text_module,
    &lb_configs_module,
    &lb_candidates_module,
    &local_datapath_module,
    &evpn_module,
    &ct_zone_module,
    &ct_zone_limit_module,
    &evpn_tunnels_module,
    &encaps_module,
    &tunnel_module,
    &evpn_vteps_module,
    &patch_module,
    &mirror_module,
    &egress_qos_module,
    &lb_local_module,
    &lb_served_module,
    &flow_table_module,
    &group_module,
    &group_stats_module,
    &guard_module,
    &lflow_module,
    &unsupported_module,
    &physical_module,
    &mac_bind_module,
    &mac_age_module,
    &lb_hairpin_module,
    &lb_ct_flush_module,
    &ecmp_nexthop_module,
    &acl_id_module,
    &dynamic_routing_module,
    &learned_routes_module,
    &evpn_advertise_module,
    &evpn_show_module,
    &port_sec_module,
    &pinctrl_module,
    &monitor_module,
    &nb_cfg_module,
    &inject_pkt_module,
    &lb_show_module,
    &commands_module,
    &dump_module,
    &allocator_release_module,
};

/* Calls HOOK of every module that has it. */
#define MODULES_CALL(HOOK, ...)                                 \
    for (size_t i_ = 0; i_ < ARRAY_SIZE(modules); i_++) {       \
        if (modules[i_]->HOOK) {                                \
            modules[i_]->HOOK(__VA_ARGS__);                     \
        }                                                       \
    }

/* The controller. */
static struct {
    struct inc_engine *engine;
    struct ovsdb_idl_loop ovs;
    struct ovsdb_idl_loop sb;
    struct idl_start ovs_start;
    struct idl_start sb_start;

    struct ovs_config config;   /* Read anew in each turn. */
    char *sb_remote;            /* That 'sb' was told to connect to. */
    struct uuid our_chassis;    /* Zero until our row is there. */
    bool ever_complete;         /* Has the snapshot ever been complete? */

    bool server_away;           /* The southbound server does not answer. */
    bool server_was_there;      /* It did the last time. */
    long long int asked_at;     /* When it was sent the transaction that it has
                                 * not answered, in ms; LLONG_MAX: none. */

    /* What the operator has asked for. */
    bool paused;
    bool exiting;
    bool restart;               /* exit --restart */
    struct unixctl_conn *exit_conn;
} ctl;

/* Wiring. */

static bool
all_modules(bool (*ask)(const struct module *, const struct turn *),
            const struct turn *turn)
{
    bool all = true;

    for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
        all &= ask(modules[i], turn);
    }
    return all;
}

static bool
is_settled(const struct module *module, const struct turn *turn)
{
    return !module->settled || module->settled(turn);
}

static bool
is_unchanged(const struct module *module, const struct turn *turn)
{
    return !module->settle || !module->settle(turn);
}

static bool
is_cleaned_up(const struct module *module, const struct turn *turn)
{
    return !module->cleanup || module->cleanup(turn);
}

static void
destroy_modules(void)
{
    /* First the engine, whose units let go of what they hold of the rest. */
    inc_engine_destroy(ctl.engine);
    for (size_t i = ARRAY_SIZE(modules); i-- > 0; ) {
        if (modules[i]->destroy) {
            modules[i]->destroy();
        }
    }
}

static void
exit_command(struct unixctl_conn *conn, int argc, const char *argv[],
             void *aux OVS_UNUSED)
{
    if (argc > 1 && strcmp(argv[1], "--restart")) {
        unixctl_command_reply_error(conn, "the only argument is --restart");
    } else if (ctl.exiting) {
        unixctl_command_reply_error(conn, "exiting already");
    } else {
        ctl.exiting = true;
        ctl.restart = argc > 1;
        ctl.exit_conn = conn;
    }
}

static void
pause_command(struct unixctl_conn *conn, int argc OVS_UNUSED,
              const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    VLOG_INFO("User triggered execution pause.");
    ctl.paused = true;
    unixctl_command_reply(conn, NULL);
}

static void
resume_command(struct unixctl_conn *conn, int argc OVS_UNUSED,
               const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    VLOG_INFO("User triggered execution resume.");
    ctl.paused = false;
    unixctl_command_reply(conn, NULL);
}

static void
status_command(struct unixctl_conn *conn, int argc OVS_UNUSED,
               const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    unixctl_command_reply(conn, ctl.paused ? "paused" : "running");
}

static void
connection_status_command(struct unixctl_conn *conn, int argc OVS_UNUSED,
                          const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    unixctl_command_reply(conn, (ovsdb_idl_is_connected(ctl.sb.idl)
                                 ? "connected" : "not connected"));
}

static void
sb_cluster_state_reset_command(struct unixctl_conn *conn, int argc OVS_UNUSED,
                               const char *argv[] OVS_UNUSED,
                               void *aux OVS_UNUSED)
{
    VLOG_INFO("Resetting southbound database cluster state");
    ovsdb_idl_reset_min_index(ctl.sb.idl);
    unixctl_command_reply(conn, NULL);
}

/* Those that measure the engine: here it is one. */
static void
list_stopwatches(struct unixctl_conn *conn, int argc OVS_UNUSED,
                 const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    unixctl_command_reply(conn, STOPWATCH_ENGINE"\n");
}

static void
register_commands(void)
{
    unixctl_command_register("exit", "[--restart]", 0, 1, exit_command, NULL);
    unixctl_command_register("debug/pause", "", 0, 0, pause_command, NULL);
    unixctl_command_register("debug/resume", "", 0, 0, resume_command, NULL);
    unixctl_command_register("debug/status", "", 0, 0, status_command, NULL);
    unixctl_command_register("inc-engine/list-stopwatches", "", 0, 0,
                             list_stopwatches, NULL);
    unixctl_command_register("connection-status", "", 0, 0,
                             connection_status_command, NULL);
    unixctl_command_register("sb-cluster-state-reset", "", 0, 0,
                             sb_cluster_state_reset_command, NULL);
    inc_engine_register_commands(ctl.engine);
    MODULES_CALL(commands);
}

/* The databases. */

static void
create_idls(void)
{
    struct ovsdb_idl *ovs = ovsdb_idl_create_unconnected(&ovsrec_idl_class,
                                                         false);
    struct ovsdb_idl *sb = ovsdb_idl_create_unconnected(&sbrec_idl_class,
                                                        false);
    struct idl_columns columns;

    idl_columns_init(&columns, ovs);
    MODULES_CALL(register_ovs, &columns);
    idl_columns_apply(&columns);
    idl_columns_destroy(&columns);

    idl_columns_init(&columns, sb);
    MODULES_CALL(register_sb, &columns);
    idl_columns_apply(&columns);
    idl_columns_destroy(&columns);

    /* Of a cluster, any member will do: all of it is for reading, but for
     * rows that are ours alone. */
    ovsdb_idl_set_leader_only(sb, false);
    idl_start_init(&ctl.ovs_start, ovs, &ovsrec_idl_class);
    idl_start_set_remote(&ctl.ovs_start, options.ovs_remote);
    idl_start_init(&ctl.sb_start, sb, &sbrec_idl_class);
    ctl.ovs = (struct ovsdb_idl_loop) OVSDB_IDL_LOOP_INITIALIZER(ovs);
    ctl.sb = (struct ovsdb_idl_loop) OVSDB_IDL_LOOP_INITIALIZER(sb);
}

static bool
ovs_is_ready(void)
{
    return ovsdb_idl_has_ever_connected(ctl.ovs.idl);
}

static bool
sb_is_ready(void)
{
    return ctl.sb_remote && ovsdb_idl_has_ever_connected(ctl.sb.idl);
}

/* Follows the configuration, where it is about the loop itself. */
static void
apply_config(void)
{
    ovs_config_destroy(&ctl.config);
    ovs_config_read(&ctl.config, ctl.ovs.idl, options.chassis_name);
    ovs_config_apply_ssl(ctl.ovs.idl, &options.ssl);

    const char *remote = ctl.config.sb_remote;
    if (!nullable_string_is_equal(remote, ctl.sb_remote)) {
        free(ctl.sb_remote);
        ctl.sb_remote = nullable_xstrdup(remote);
        idl_start_set_remote(&ctl.sb_start, remote);
    }
    idl_start_set_probe_interval(&ctl.sb_start, ctl.config.sb_probe_ms);
}

/* Whether to go on with the ovn-northd that there is. */
static bool
northd_matches(void)
{
    const struct sbrec_sb_global *sb = sbrec_sb_global_first(ctl.sb.idl);
    if (!ctl.config.match_northd || !sb) {
        return true;
    }

    if (!ovn_northd_is_known(&sb->options)) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
        VLOG_WARN_RL(&rl, "controller version - %s mismatch with northd "
                     "version - %s", KNOWN_NORTHD,
                     smap_get_def(&sb->options, "northd_internal_version",
                                  ""));
        return false;
    }
    return true;
}

/* The loop. */

static void
run_engine(struct turn *turn)
{
    stopwatch_start(STOPWATCH_ENGINE, time_msec());
    do {
        turn->n_units += inc_run(ctl.engine, STAGE_SERVED_VIPS);
    } while (!all_modules(is_unchanged, turn));
    if (ofctrl_has_dump()) {
        turn->n_units += inc_run(ctl.engine, N_STAGES - 1);
    }
    stopwatch_stop(STOPWATCH_ENGINE, time_msec());
}

/* Carries out what the engine has come to, which is all that there is if
 * 'complete'. */
static void
take_effect(struct turn *turn, bool complete, bool dirty)
{
    if (complete) {
        ctl.ever_complete = true;
        MODULES_CALL(complete, turn);
    } else if (ctl.ever_complete && turn->server_away && !dirty) {
        MODULES_CALL(away, turn);
    }

    /* A snapshot that has been complete stays good enough for the switch: one
     * that comes back empty while the southbound server is away gets it all
     * again. */
    turn->flows_known = ctl.ever_complete && !dirty;
    MODULES_CALL(commit, turn);
}

/* Writes our rows, and nothing else: see guard.h. */
static void
introduce_us(const struct turn *turn)
{
    for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
        if (modules[i]->introduces_us) {
            modules[i]->commit(turn);
        }
    }
}

/* How far a turn has come. */
enum progress {
    PROGRESS_SERVED,            /* It has called serve() only. */
    PROGRESS_RUN,               /* And run(). */
    PROGRESS_INTRODUCED,        /* And commit() of those who introduce us. */
    PROGRESS_COMMITTED,         /* And everybody's. */
};

static enum progress
run_once(struct turn *turn)
{
    MODULES_CALL(run, turn);
    if (!turn->br_int || !turn->config->chassis_name || !sb_is_ready()) {
        return PROGRESS_RUN;
    }

    MODULES_CALL(input, turn);
    run_engine(turn);

    bool dirty = inc_is_dirty(ctl.engine, N_STAGES - 1);
    bool complete = all_modules(is_settled, turn) && !dirty;
    bool understood = guard_check(turn);
    if (understood) {
        take_effect(turn, complete, dirty);
    } else {
        introduce_us(turn);
    }

    ovsdb_idl_track_clear(ctl.ovs.idl);
    ovsdb_idl_track_clear(ctl.sb.idl);
    return understood ? PROGRESS_COMMITTED : PROGRESS_INTRODUCED;
}

/* Has modules wait for what wakes them.  One that had no turn, because the
 * controller is paused, say, would find what it waits for still there the next
 * time, and the loop would go round without a pause. */
static void
wait_for_modules(enum progress progress)
{
    for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
        const struct module *m = modules[i];
        enum progress its = (m->serve ? PROGRESS_SERVED
                             : m->run ? PROGRESS_RUN
                             : m->introduces_us ? PROGRESS_INTRODUCED
                             : PROGRESS_COMMITTED);

        if (m->wait && progress >= its) {
            m->wait();
        }
    }
}

static void
report_memory(void)
{
    memory_run();
    if (memory_should_report()) {
        struct simap usage = SIMAP_INITIALIZER(&usage);

        ovsdb_idl_get_memory_usage(ctl.sb.idl, &usage);
        ovsdb_idl_get_memory_usage(ctl.ovs.idl, &usage);
        inc_engine_get_memory_usage(ctl.engine, &usage);
        MODULES_CALL(memory, &usage);
        memory_report(&usage);
        simap_destroy(&usage);
    }
}

/* Finds out whether the southbound server is away: there is no connection, or
 * it does not answer a transaction.  It is back once it could be told what has
 * happened meanwhile, which takes the one transaction after which there is
 * another. */
static void
watch_server(bool may_write)
{
    if (!sb_is_ready()) {
        return;
    }
    if (!ctl.sb.committing_txn) {
        ctl.asked_at = LLONG_MAX;
    } else if (ctl.asked_at == LLONG_MAX) {
        ctl.asked_at = time_msec();
    }

    bool late = (ctl.asked_at != LLONG_MAX
                 && time_msec() >= ctl.asked_at + SERVER_PATIENCE_MS);
    if (late || !ovsdb_idl_is_connected(ctl.sb.idl)) {
        ctl.server_away = true;
        ctl.server_was_there = false;
    } else if (may_write) {
        ctl.server_away &= !ctl.server_was_there;
        ctl.server_was_there = true;
    }
    if (ctl.asked_at != LLONG_MAX && !late) {
        poll_timer_wait_until(ctl.asked_at + SERVER_PATIENCE_MS);
    }
}

/* Runs both databases' clients.  Fills in 'turn', which is good until
 * end_turn(). */
static void
begin_turn(struct turn *turn)
{
    *turn = (struct turn) {
        .ovs_idl = ctl.ovs.idl,
        .sb_idl = ctl.sb.idl,
        .config = &ctl.config,
        .our_chassis = ctl.our_chassis,
    };
    turn->ovs_txn = ovsdb_idl_loop_run(&ctl.ovs);
    idl_start_run(&ctl.ovs_start);
    if (ovs_is_ready()) {
        apply_config();
    }
    turn->sb_txn = ovsdb_idl_loop_run(&ctl.sb);
    idl_start_run(&ctl.sb_start);
    if (!sb_is_ready() || !ovsdb_idl_is_connected(ctl.sb.idl)) {
        turn->sb_txn = NULL;
    }
    watch_server(turn->sb_txn != NULL);
    turn->server_away = ctl.server_away;
}

/* Commits what modules have written.  Counts in 'sb_failures' and
 * 'ovs_failures' the transactions that have come to nothing. */
static void
end_turn(struct turn *turn, int *sb_failures, int *ovs_failures)
{
    ctl.our_chassis = turn->our_chassis;
    free(turn->target);
    idl_start_wait(&ctl.ovs_start);
    idl_start_wait(&ctl.sb_start);
    *sb_failures += !ovsdb_idl_loop_commit_and_wait(&ctl.sb);
    *ovs_failures += !ovsdb_idl_loop_commit_and_wait(&ctl.ovs);
}

static void
run_loop(struct unixctl_server *unixctl)
{
    while (!ctl.exiting) {
        struct turn turn;
        enum progress progress = PROGRESS_SERVED;
        int unused = 0;

        report_memory();
        begin_turn(&turn);
        unixctl_server_run(unixctl);
        if (ovs_is_ready() && !ctl.paused && northd_matches()) {
            progress = run_once(&turn);
        }
        MODULES_CALL(serve);

        wait_for_modules(progress);
        memory_wait();
        unixctl_server_wait(unixctl);
        end_turn(&turn, &unused, &unused);
        if (ctl.exiting) {
            poll_immediate_wake();
        }
        poll_block();
    }
}

/* Hangs up on a database that refuses what clean_up() wants of it, or does
 * not get done with it.  From then on it counts as out of reach.  There are
 * states of a database in which no transaction can delete our rows, and an
 * exit has to end. */
static void
give_up_if_in_vain(struct ovsdb_idl *idl, const char *name, int failures,
                   long long int deadline)
{
    if (ovsdb_idl_is_connected(idl)
        && (failures >= CLEAN_UP_MAX_FAILURES || time_msec() >= deadline)) {
        VLOG_ERR("the %s database does not let go of this chassis' rows: "
                 "exiting without removing those that are left (%d "
                 "transactions failed)", name, failures);
        ovsdb_idl_set_remote(idl, NULL, false);
    }
}

/* Undoes what we have done in the databases, as far as they can be reached.
 * Flows, patch ports and conntrack zones stay: whoever comes next takes them
 * over or replaces them. */
static void
clean_up(struct unixctl_server *unixctl)
{
    const long long int deadline = time_msec() + CLEAN_UP_PATIENCE_MS;
    int sb_failures = 0, ovs_failures = 0;
    bool done = !ctl.config.chassis_name;

    while (!done) {
        struct turn turn;

        give_up_if_in_vain(ctl.sb.idl, "southbound", sb_failures, deadline);
        give_up_if_in_vain(ctl.ovs.idl, "Open vSwitch", ovs_failures,
                           deadline);
        begin_turn(&turn);
        done = all_modules(is_cleaned_up, &turn);
        ovsdb_idl_track_clear(ctl.ovs.idl);
        ovsdb_idl_track_clear(ctl.sb.idl);
        unixctl_server_run(unixctl);
        unixctl_server_wait(unixctl);
        end_turn(&turn, &sb_failures, &ovs_failures);
        if (!done) {
            /* Nothing wakes us when a transaction has failed, such as the last
             * one from before. */
            poll_timer_wait(CLEAN_UP_RETRY_MS);
            poll_block();
        }
    }
}

/* Starting up. */

OVS_NO_RETURN static void
usage(void)
{
    printf("%s: OVN controller\n"
           "usage %s [OPTIONS] [OVS-DATABASE]\n"
           "where OVS-DATABASE is a socket on which the OVS OVSDB server is "
           "listening.\n",
           program_name, program_name);
    stream_usage("OVS-DATABASE", true, false, true);
    daemon_usage();
    vlog_usage();
    printf("\nOther options:\n"
           "  -n                      custom chassis name\n"
           "  -h, --help              display this help message\n"
           "  -V, --version           display version information\n");
    exit(EXIT_SUCCESS);
}

OVS_NO_RETURN static void
print_version(void)
{
    ovs_print_version(OFP15_VERSION, OFP15_VERSION);
    printf("SB DB Schema %s\n", sbrec_get_db_version());
    allocator_print_version();
    exit(EXIT_SUCCESS);
}

static void
parse_options(int argc, char *argv[])
{
    enum {
        OPT_PEER_CA_CERT = UCHAR_MAX + 1,
        OPT_BOOTSTRAP_CA_CERT,
        VLOG_OPTION_ENUMS,
        DAEMON_OPTION_ENUMS,
        SSL_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        VLOG_LONG_OPTIONS,
        DAEMON_LONG_OPTIONS,
        STREAM_SSL_LONG_OPTIONS,
        { "peer-ca-cert", required_argument, NULL, OPT_PEER_CA_CERT },
        { "bootstrap-ca-cert", required_argument, NULL,
          OPT_BOOTSTRAP_CA_CERT },
        { NULL, 0, NULL, 0 },
    };
    char *short_of_long = ovs_cmdl_long_options_to_short_options(long_options);
    char *short_options = xasprintf("n:%s", short_of_long);

    free(short_of_long);

    for (;;) {
        int c = getopt_long(argc, argv, short_options, long_options, NULL);
        if (c == -1) {
            break;
        } else if (c == OPT_PIDFILE) {
            ovn_set_pidfile(optarg);
            continue;
        }
        switch (c) {
        case 'h':
            usage();
        case 'V':
            print_version();
        case 'n':
            options.chassis_name = optarg;
            break;

        VLOG_OPTION_HANDLERS
        DAEMON_OPTION_HANDLERS

        case 'p':
            options.ssl.private_key = optarg;
            break;
        case 'c':
            options.ssl.certificate = optarg;
            break;
        case 'C':
            options.ssl.ca_cert = optarg;
            options.ssl.bootstrap_ca_cert = false;
            break;
        case OPT_SSL_PROTOCOLS:
            stream_ssl_set_protocols(optarg);
            break;
        case OPT_SSL_CIPHERS:
            stream_ssl_set_ciphers(optarg);
            break;
        case OPT_PEER_CA_CERT:
            stream_ssl_set_peer_ca_cert_file(optarg);
            break;
        case OPT_BOOTSTRAP_CA_CERT:
            options.ssl.ca_cert = optarg;
            options.ssl.bootstrap_ca_cert = true;
            break;

        case '?':
            exit(EXIT_FAILURE);
        default:
            abort();
        }
    }
    free(short_options);

    argc -= optind;
    argv += optind;
    if (argc > 1) {
        VLOG_FATAL("exactly zero or one non-option argument required; "
                   "use --help for usage");
    }
    if (!options.chassis_name) {
        options.chassis_name = ovs_config_system_id_override();
    }
    options.ovs_remote = (argc ? xstrdup(argv[0])
                          : xasprintf("unix:%s/db.sock", ovs_rundir()));
}

static struct unixctl_server *
start_unixctl(void)
{
    struct unixctl_server *server;
    char *path = ovn_unixctl_path(NULL);
    int error = unixctl_server_create(path, &server);

    if (error) {
        VLOG_FATAL("%s: cannot listen for commands (%s)", path,
                   ovs_strerror(error));
    }
    free(path);
    return server;
}

int
main(int argc, char *argv[])
{
    ovs_cmdl_proctitle_init(argc, argv);
    ovs_set_program_name(argv[0], OVN_PROGRAM_VERSION);
    parse_options(argc, argv);
    fatal_ignore_sigpipe();
    ovs_daemonize_start(true);

    struct unixctl_server *unixctl = start_unixctl();
    stopwatch_create(STOPWATCH_ENGINE, SW_MS);
    ctl.engine = inc_engine_create(N_STAGES);
    MODULES_CALL(init, ctl.engine);
    create_idls();
    register_commands();
    daemonize_complete();
    VLOG_INFO("%s %s, compatible with ovn-northd %s", OVN_PACKAGE_NAME,
              OVN_PACKAGE_VERSION, KNOWN_NORTHD);

    run_loop(unixctl);
    if (!ctl.restart && ctl.config.cleanup_on_exit) {
        clean_up(unixctl);
    }

    /* Modules answer what operators still wait for. */
    destroy_modules();
    unixctl_command_reply(ctl.exit_conn, NULL);
    unixctl_server_destroy(unixctl);
    idl_start_destroy(&ctl.ovs_start);
    idl_start_destroy(&ctl.sb_start);
    ovsdb_idl_loop_destroy(&ctl.ovs);
    ovsdb_idl_loop_destroy(&ctl.sb);
    ovs_config_destroy(&ctl.config);
    free(ctl.sb_remote);
    free(options.ovs_remote);
    exit(EXIT_SUCCESS);
}
