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


/* ovn-controller: the loop and the wiring
 * =======================================
 *
 * One thread, one loop.  An iteration takes whatever has arrived as far as it
 * goes:
 *
 *     both databases --inputs_run()--> cells --inc_run()--> desired flows,
 *     wishes --effects--> transactions, OpenFlow messages
 *
 * Everything derived lives in the engine (lib/inc-proc-eng.h), and which
 * module derives what can be read from init_modules().  Effects compare what
 * is with what should be and write the difference; they keep no promises
 * about transactions, so one that fails is simply tried again.
 *
 * What must not be done on half a picture waits for "complete": the southbound
 * database has answered for everything that we asked it to monitor, our
 * Chassis row is there, and the engine has nothing left to do.  Until then no
 * flow, tunnel or patch port that is in place is removed. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "br-int.h"
#include "chassis.h"
#include "command-line.h"
#include "commands.h"
#include "ct-zone.h"
#include "daemon.h"
#include "dirs.h"
#include "egress-qos.h"
#include "encaps.h"
#include "fatal-signal.h"
#include "flow-table.h"
#include "group.h"
#include "group-stats.h"
#include "if-status.h"
#include "inc-proc-eng.h"
#include "inputs.h"
#include "inject-pkt.h"
#include "lb-known.h"
#include "lb-local.h"
#include "lb-serving.h"
#include "lb-show.h"
#include "lflow.h"
#include "local-datapath.h"
#include "ltables.h"
#include "memory.h"
#include "monitor.h"
#include "nb-cfg.h"
#include "ofctrl.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/util.h"
#include "openvswitch/vlog.h"
#include "ovn-dirs.h"
#include "ovn-sb-idl.h"
#include "ovn/version.h"
#include "ovs-config.h"
#include "ovsdb-idl.h"
#include "patch.h"
#include "physical.h"
#include "pinctrl/pinctrl.h"
#include "simap.h"
#include "stopwatch.h"
#include "stream-ssl.h"
#include "stream.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"
#include "uuid.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(main);

#define STOPWATCH_ENGINE "flow-generation"
#define STOPWATCH_OFCTRL "flow-installation"

/* What ovn-northd writes to SB_Global.options:northd_internal_version if it
 * speaks what this controller understands.  ovn-match-northd-version asks for
 * exactly this. */
static const char compatible_northd[]
    = OVN_COMPATIBLE_VERSION "-20.27.0-70.6";

/* From the command line. */
static struct {
    char *ovs_remote;
    char *chassis_name;         /* -n */
    struct ssl_options ssl;
} options;

/* The controller. */
static struct {
    struct inc_engine *engine;
    struct ovsdb_idl_loop ovs;
    struct ovsdb_idl_loop sb;

    struct ovs_config config;   /* Read anew in each iteration. */
    char *sb_remote;            /* That 'sb' was told to connect to. */
    struct uuid our_chassis;    /* Zero until our row is there. */
    bool zones_restored;
    bool ever_complete;         /* Has the picture ever been complete? */

    /* What the operator has asked for. */
    bool paused;
    bool exiting;
    bool restart;               /* exit --restart */
    struct unixctl_conn *exit_conn;
} ctl;

/* Wiring. */

static void
init_modules(struct inc_engine *engine)
{
    /* The order is that of the stages: a module's kinds must be there before
     * others spawn units from them. */
    inputs_init(engine);
    ofctrl_declare(engine);
    binding_init(engine);
    if_status_init();
    local_datapath_init(engine);
    ct_zone_init(engine);
    encaps_init(engine);
    patch_init(engine);
    egress_qos_init(engine);
    lb_known_init(engine);
    lb_local_init(engine);
    lb_serving_init(engine);
    flow_table_init();
    group_init(engine, lb_local_content);
    lflow_init(engine);
    physical_init(engine);
    mac_bind_init();
    lb_hairpin_init();
    port_sec_init();
    ofctrl_init();
}

static void
destroy_modules(void)
{
    /* First the engine, whose units let go of what they hold of the rest. */
    inc_engine_destroy(ctl.engine);
    inputs_destroy();
    lb_local_destroy();
    lflow_destroy();
    group_destroy();
    ofctrl_destroy();           /* And the flow table with it. */
    pinctrl_destroy();
    ct_zone_destroy();
    egress_qos_destroy();
    if_status_destroy();
    binding_destroy();
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

static void
register_commands(void)
{
    unixctl_command_register("exit", "[--restart]", 0, 1, exit_command, NULL);
    unixctl_command_register("debug/pause", "", 0, 0, pause_command, NULL);
    unixctl_command_register("debug/resume", "", 0, 0, resume_command, NULL);
    unixctl_command_register("debug/status", "", 0, 0, status_command, NULL);
    unixctl_command_register("connection-status", "", 0, 0,
                             connection_status_command, NULL);
    unixctl_command_register("sb-cluster-state-reset", "", 0, 0,
                             sb_cluster_state_reset_command, NULL);
    inc_engine_register_commands(ctl.engine);
    binding_register_commands();
    ct_zone_register_commands();
    ofctrl_register_commands();
    inject_pkt_register_commands();
    lb_show_register_commands();
    lflow_register_commands();
    nb_cfg_register_commands();
    commands_register(&ctl.config.chassis_name);
}

/* The databases. */

static void
create_idls(void)
{
    struct ovsdb_idl *ovs = ovsdb_idl_create(options.ovs_remote,
                                             &ovsrec_idl_class, false, true);
    ovs_config_register(ovs);
    br_int_register(ovs);
    egress_qos_register(ovs);
    inputs_register_ovs(ovs);
    ctl.ovs = (struct ovsdb_idl_loop) OVSDB_IDL_LOOP_INITIALIZER(ovs);

    struct ovsdb_idl *sb = ovsdb_idl_create_unconnected(&sbrec_idl_class,
                                                        false);
    pinctrl_init(sb);
    /* After the others: to register a column is to end its tracking. */
    inputs_register_sb(sb);
    monitor_init(sb);
    /* Of a cluster, any member will do: all of it is for reading, but for
     * rows that are ours alone. */
    ovsdb_idl_set_leader_only(sb, false);
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
        ovsdb_idl_set_remote(ctl.sb.idl, remote, true);
    }
    ovsdb_idl_set_probe_interval(ctl.sb.idl, ctl.config.sb_probe_ms);
}

/* Whether to go on with the ovn-northd that there is. */
static bool
northd_matches(void)
{
    const struct sbrec_sb_global *sb = sbrec_sb_global_first(ctl.sb.idl);
    if (!ctl.config.match_northd || !sb) {
        return true;
    }

    const char *version = smap_get_def(&sb->options,
                                       "northd_internal_version", "");
    if (strcmp(version, compatible_northd)) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
        VLOG_WARN_RL(&rl, "controller version - %s mismatch with northd "
                     "version - %s", compatible_northd, version);
        return false;
    }
    return true;
}

/* The loop. */

/* Finds out about our Chassis row.  A row that is gone for the moment keeps
 * its UUID, so that its disappearance does not take the ports with it before
 * a new one is there. */
static bool
find_our_chassis(void)
{
    bool found = sb_is_ready() && chassis_run(ctl.sb.idl, NULL, ctl.ovs.idl,
                                              ctl.config.chassis_name,
                                              ctl.config.br_int,
                                              &ctl.our_chassis);
    if (found) {
        binding_set_our_chassis(&ctl.our_chassis);
    }
    return found;
}

static void
run_engine(void)
{
    stopwatch_start(STOPWATCH_ENGINE, time_msec());
    do {
        inc_run(ctl.engine, STAGE_SERVING);
    } while (ct_zone_settle());
    if (ofctrl_has_dump()) {
        inc_run(ctl.engine, N_STAGES - 1);
    }
    stopwatch_stop(STOPWATCH_ENGINE, time_msec());
}

static void
commit_effects(bool complete, struct ovsdb_idl_txn *sb_txn,
               struct ovsdb_idl_txn *ovs_txn,
               const struct ovsrec_bridge *br_int)
{
    const char *br_name = ctl.config.br_int;
    struct uuid unused;

    if (sb_txn) {
        chassis_run(ctl.sb.idl, sb_txn, ctl.ovs.idl, ctl.config.chassis_name,
                    br_name, &unused);
    }
    binding_commit(ctl.sb.idl, sb_txn);
    ct_zone_flush();
    if (complete) {
        encaps_commit(ctl.ovs.idl, ovs_txn, br_name,
                      ctl.config.chassis_name);
        patch_commit(ctl.ovs.idl, ovs_txn, br_name);
        egress_qos_commit(ctl.ovs.idl, ovs_txn);
        ct_zone_prune();
        lb_local_complain();
        if_status_fence();
        nb_cfg_fence(ctl.sb.idl);
    }

    /* After the fences, which it passes on to the switch.  A picture that has
     * been complete stays good enough for the switch: one that comes back
     * empty while the southbound server is away gets it all again. */
    ctl.ever_complete |= complete;
    stopwatch_start(STOPWATCH_OFCTRL, time_msec());
    ofctrl_put(ctl.ever_complete && !inc_is_dirty(ctl.engine, N_STAGES - 1));
    stopwatch_stop(STOPWATCH_OFCTRL, time_msec());

    ct_zone_commit(ctl.ovs.idl, ovs_txn, br_name);
    if_status_commit(ctl.sb.idl, sb_txn, ctl.ovs.idl, ovs_txn);
    nb_cfg_commit(ctl.sb.idl, sb_txn, ovs_txn, ctl.config.chassis_name,
                  br_int);
}

static void
run_once(struct ovsdb_idl_txn *sb_txn, struct ovsdb_idl_txn *ovs_txn)
{
    const struct ovsrec_bridge *br_int
        = br_int_run(ctl.ovs.idl, ovs_txn, ctl.config.br_int,
                     ctl.config.chassis_name);

    char *target = (br_int
                    ? xasprintf("unix:%s/%s.mgmt", ovs_rundir(),
                                ctl.config.br_int)
                    : NULL);
    ofctrl_run(target, ctl.config.openflow_probe_s);
    pinctrl_run(ctl.sb.idl, sb_is_ready() ? sb_txn : NULL, target,
                ctl.config.openflow_probe_s, &ctl.our_chassis);
    free(target);

    if (!br_int || !ctl.config.chassis_name || !sb_is_ready()) {
        return;
    }
    if (!ctl.zones_restored) {
        ct_zone_restore(ctl.ovs.idl, ctl.config.br_int);
        ctl.zones_restored = true;
    }

    bool registered = find_our_chassis();
    inputs_run(ctl.sb.idl, ctl.ovs.idl, ctl.config.chassis_name,
               ctl.config.br_int);
    run_engine();
    monitor_run(ctl.sb.idl, &ctl.our_chassis);

    bool complete = (registered && monitor_settled(ctl.sb.idl)
                     && !inc_is_dirty(ctl.engine, N_STAGES - 1));
    commit_effects(complete, sb_txn, ovs_txn, br_int);

    ovsdb_idl_track_clear(ctl.ovs.idl);
    ovsdb_idl_track_clear(ctl.sb.idl);
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
        ofctrl_get_memory_usage(&usage);
        memory_report(&usage);
        simap_destroy(&usage);
    }
}

static void
run_loop(struct unixctl_server *unixctl)
{
    while (!ctl.exiting) {
        report_memory();

        struct ovsdb_idl_txn *ovs_txn = ovsdb_idl_loop_run(&ctl.ovs);
        if (ovs_is_ready()) {
            apply_config();
        }
        struct ovsdb_idl_txn *sb_txn = ovsdb_idl_loop_run(&ctl.sb);

        unixctl_server_run(unixctl);
        if (ovs_is_ready() && !ctl.paused && northd_matches()) {
            bool connected = ovsdb_idl_is_connected(ctl.sb.idl);
            run_once(connected && sb_is_ready() ? sb_txn : NULL, ovs_txn);
        }
        /* Also while paused: somebody waits for an answer. */
        group_stats_run(ofctrl_is_connected());

        ofctrl_wait();
        group_stats_wait();
        pinctrl_wait();
        binding_wait();
        egress_qos_wait();
        nb_cfg_wait();
        memory_wait();
        unixctl_server_wait(unixctl);
        ovsdb_idl_loop_commit_and_wait(&ctl.sb);
        ovsdb_idl_loop_commit_and_wait(&ctl.ovs);
        if (ctl.exiting) {
            poll_immediate_wake();
        }
        poll_block();
    }
}

/* Undoes what we have done in the databases, as far as they can be reached.
 * Flows, patch ports and conntrack zones stay: whoever comes next takes them
 * over or replaces them. */
static void
clean_up(struct unixctl_server *unixctl)
{
    bool done = !ctl.config.chassis_name;

    while (!done) {
        struct ovsdb_idl_txn *ovs_txn = ovsdb_idl_loop_run(&ctl.ovs);
        struct ovsdb_idl_txn *sb_txn = ovsdb_idl_loop_run(&ctl.sb);

        done = true;
        if (sb_is_ready() && ovsdb_idl_is_connected(ctl.sb.idl)) {
            done &= binding_cleanup(ctl.sb.idl, sb_txn, &ctl.our_chassis);
            done &= chassis_cleanup(ctl.sb.idl, sb_txn,
                                    ctl.config.chassis_name);
        }
        if (ovsdb_idl_is_connected(ctl.ovs.idl)) {
            done &= encaps_cleanup(ctl.ovs.idl, ovs_txn, ctl.config.br_int);
            done &= encaps_release_index(ctl.ovs.idl, ovs_txn,
                                         ctl.config.chassis_name);
        }

        unixctl_server_run(unixctl);
        unixctl_server_wait(unixctl);
        ovsdb_idl_loop_commit_and_wait(&ctl.sb);
        ovsdb_idl_loop_commit_and_wait(&ctl.ovs);
        if (!done) {
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
    service_start(&argc, &argv);
    parse_options(argc, argv);
    fatal_ignore_sigpipe();
    daemonize_start(true);

    struct unixctl_server *unixctl = start_unixctl();
    stopwatch_create(STOPWATCH_ENGINE, SW_MS);
    stopwatch_create(STOPWATCH_OFCTRL, SW_MS);
    ctl.engine = inc_engine_create(N_STAGES);
    init_modules(ctl.engine);
    create_idls();
    register_commands();
    daemonize_complete();
    VLOG_INFO("%s %s, compatible with ovn-northd %s", OVN_PACKAGE_NAME,
              OVN_PACKAGE_VERSION, compatible_northd);

    run_loop(unixctl);
    group_stats_run(false);
    if (!ctl.restart) {
        clean_up(unixctl);
    }

    unixctl_command_reply(ctl.exit_conn, NULL);
    unixctl_server_destroy(unixctl);
    destroy_modules();
    ovsdb_idl_loop_destroy(&ctl.ovs);
    ovsdb_idl_loop_destroy(&ctl.sb);
    ovs_config_destroy(&ctl.config);
    free(ctl.sb_remote);
    free(options.ovs_remote);
    service_stop();
    exit(EXIT_SUCCESS);
}
