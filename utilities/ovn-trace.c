/* SPDX-License-Identifier: Apache-2.0 */

/* ovn-trace: what happens to a packet in a logical network
 * ========================================================
 *
 * Reads the southbound database and simulates what the logical flows do with
 * a packet; see ovn-trace(8).  Either once, or, with --detach, as a daemon
 * that is asked through its control socket.
 *
 *     microflow --trace_run()--> tree of what happened --> text
 *
 * The loop that fetches what a trace misses, and repeats it, is here. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "command-line.h"
#include "daemon.h"
#include "fatal-signal.h"
#include "flow.h"
#include "lb.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vconn.h"
#include "openvswitch/vlog.h"
#include "ovn-dirs.h"
#include "ovn-sb-idl.h"
#include "ovn/version.h"
#include "ovs-compat.h"
#include "packets.h"
#include "random.h"
#include "stream-ssl.h"
#include "stream.h"
#include "trace-db.h"
#include "trace-node.h"
#include "trace-ovs.h"
#include "trace-pipeline.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ovn_trace);

/* From the command line. */
static struct {
    char *db;
    char *unixctl_path;
    bool leader_only;
    struct trace_options trace;
} options;

/* What "trace" commands wait for, in order of arrival. */
struct request {
    struct ovs_list node;
    struct unixctl_conn *conn;
    char **argv;                /* Of the command; options point into it. */
    struct trace_options trace;
    uint32_t seed;              /* So that a trace that is repeated makes the
                                 * same random choices. */
    unsigned int condition_seqno;
    bool is_fetching;
};

static struct {
    struct trace_db *db;
    struct ovs_list requests;
    bool exiting;
    struct unixctl_conn *exit_conn;
} app = { .requests = OVS_LIST_INITIALIZER(&app.requests) };

/* Options of a trace, on the command line and in commands. */

enum {
    OPT_DB = UCHAR_MAX + 1,
    OPT_UNIXCTL,
    OPT_DETAILED,
    OPT_SUMMARY,
    OPT_MINIMAL,
    OPT_ALL,
    OPT_OVS,
    OPT_CT,
    OPT_FRIENDLY_NAMES,
    OPT_NO_FRIENDLY_NAMES,
    OPT_LB_DST,
    OPT_SELECT_ID,
    OPT_CHASSIS,
    OPT_LEADER_ONLY,
    OPT_NO_LEADER_ONLY,
    DAEMON_OPTION_ENUMS,
    SSL_OPTION_ENUMS,
    VLOG_OPTION_ENUMS,
};

#define TRACE_LONG_OPTIONS                                              \
    {"detailed", no_argument, NULL, OPT_DETAILED},                      \
    {"summary", no_argument, NULL, OPT_SUMMARY},                        \
    {"minimal", no_argument, NULL, OPT_MINIMAL},                        \
    {"all", no_argument, NULL, OPT_ALL},                                \
    {"ovs", optional_argument, NULL, OPT_OVS},                          \
    {"ct", required_argument, NULL, OPT_CT},                            \
    {"friendly-names", no_argument, NULL, OPT_FRIENDLY_NAMES},          \
    {"no-friendly-names", no_argument, NULL, OPT_NO_FRIENDLY_NAMES},    \
    {"lb-dst", required_argument, NULL, OPT_LB_DST},                    \
    {"select-id", required_argument, NULL, OPT_SELECT_ID},              \
    {"chassis", required_argument, NULL, OPT_CHASSIS}

/* A trace that a daemon is asked for starts out with the daemon's own options,
 * but for the forms of output. */
static void
trace_options_clone(struct trace_options *dst,
                    const struct trace_options *src)
{
    *dst = *src;
    dst->forms = 0;
    dst->ct_states = (src->n_ct_states
                      ? xmemdup(src->ct_states,
                                src->n_ct_states * sizeof *src->ct_states)
                      : NULL);
    dst->ovs = nullable_xstrdup(src->ovs);
}

static void
trace_options_destroy(struct trace_options *to)
{
    free(to->ct_states);
    free(to->ovs);
}

static char *
parse_ct_option(const char *arg, struct trace_options *to)
{
    struct ds error = DS_EMPTY_INITIALIZER;
    uint32_t state;

    if (!parse_ct_state(arg, CS_TRACKED, &state, &error)) {
        return ds_steal_cstr(&error);
    }
    if (!validate_ct_state(state, &error)) {
        VLOG_WARN("%s", ds_cstr(&error));
    }
    ds_destroy(&error);
    to->ct_states = xrealloc(to->ct_states, ((to->n_ct_states + 1)
                                             * sizeof *to->ct_states));
    to->ct_states[to->n_ct_states++] = state;
    return NULL;
}

/* Applies option 'c'.  Returns an error (caller frees) or NULL. */
static char *
parse_trace_option(int c, const char *arg, struct trace_options *to)
{
    int id;

    switch (c) {
    case OPT_DETAILED:
        to->forms |= TRACE_DETAILED;
        return NULL;
    case OPT_SUMMARY:
        to->forms |= TRACE_SUMMARY;
        return NULL;
    case OPT_MINIMAL:
        to->forms |= TRACE_MINIMAL;
        return NULL;
    case OPT_ALL:
        to->forms |= TRACE_ALL;
        return NULL;
    case OPT_CT:
        return parse_ct_option(arg, to);
    case OPT_FRIENDLY_NAMES:
        to->friendly_names = true;
        return NULL;
    case OPT_NO_FRIENDLY_NAMES:
        to->friendly_names = false;
        return NULL;
    case OPT_LB_DST:
        to->has_lb_dst = lb_endpoint_parse(arg, &to->lb_dst);
        return to->has_lb_dst ? NULL : xasprintf("%s: bad address", arg);
    case OPT_SELECT_ID:
        to->has_select_id = (str_to_int(arg, 10, &id)
                             && id >= 0 && id <= UINT16_MAX);
        to->select_id = id;
        return to->has_select_id ? NULL : xasprintf("%s: bad select-id", arg);
    case OPT_CHASSIS:
        to->chassis = arg;
        return NULL;
    case OPT_OVS:
        free(to->ovs);
        to->ovs = arg ? xstrdup(arg) : trace_ovs_default_remote();
        return NULL;
    default:
        OVS_NOT_REACHED();
    }
}

/* The loop. */

static void
request_destroy(struct request *request)
{
    for (size_t i = 0; request->argv && request->argv[i]; i++) {
        free(request->argv[i]);
    }
    free(request->argv);
    trace_options_destroy(&request->trace);
    free(request);
}

/* The trace of 'request', once all that it needs is there. */
static char *
run_trace(const struct request *request, struct trace_ovs *ovs, struct ds *s)
{
    ds_clear(s);
    random_set_seed(request->seed);
    return trace_run(app.db, &request->trace, ovs, s);
}

/* Does what can be done for 'request'.  If that was all, returns true and
 * either the trace in 's' or '*error' (caller frees). */
static bool
run_request(struct request *request, struct ds *s, char **error)
{
    *error = NULL;
    if (!trace_db_is_ready(app.db)
        || (request->is_fetching
            && !trace_db_has_fetched(app.db, request->condition_seqno))) {
        return false;
    }
    request->is_fetching = false;

    trace_db_refresh(app.db);
    *error = run_trace(request, NULL, s);
    if (trace_db_fetch(app.db, &request->condition_seqno)) {
        request->is_fetching = true;
        ds_clear(s);
        free(*error);
        *error = NULL;
        return false;
    }

    /* The switch is not asked before. */
    struct trace_ovs *ovs = (request->trace.ovs && !*error
                             ? trace_ovs_open(request->trace.ovs) : NULL);
    if (ovs) {
        *error = run_trace(request, ovs, s);
        trace_ovs_close(ovs);
    }
    trace_db_forget_warnings(app.db);
    return true;
}

static uint32_t
make_seed(void)
{
    uint32_t seed = random_uint32();

    return seed ? seed : 1;
}

/* One-shot. */
static void
trace_once(void)
{
    struct request request = { .trace = options.trace, .seed = make_seed() };
    struct ds s = DS_EMPTY_INITIALIZER;
    char *error;

    app.db = trace_db_create(options.db, false, options.leader_only);
    for (;;) {
        trace_db_run(app.db);
        error = trace_db_error(app.db);
        if (error) {
            ovs_fatal(0, "%s: %s", options.db, error);
        }
        if (run_request(&request, &s, &error)) {
            break;
        }
        trace_db_wait(app.db);
        poll_block();
    }
    if (error) {
        ovs_fatal(0, "%s", error);
    }
    fputs(ds_cstr(&s), stdout);
    ds_destroy(&s);
    trace_db_destroy(app.db);
}

/* The daemon. */

static void
exit_command(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    app.exiting = true;
    unixctl_command_reply(conn, NULL);
}

/* Parses the arguments of "trace".  Returns an error (caller frees) or
 * NULL. */
static char *
parse_trace_command(int argc, char *argv[], struct trace_options *to)
{
    static const struct option long_options[] = {
        TRACE_LONG_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    bool has_ct = false;
    char *error = NULL;

    optind = 0;
    opterr = 0;
    for (;;) {
        int c = getopt_long(argc, argv, "+", long_options, NULL);
        if (c == -1) {
            break;
        } else if (c == '?') {
            return xasprintf("%s: bad option", argv[optind - 1]);
        } else if (c == OPT_CT && !has_ct) {
            has_ct = true;
            to->n_ct_states = 0; /* Instead of the daemon's. */
        }
        error = parse_trace_option(c, optarg, to);
        if (error) {
            return error;
        }
    }
    if (argc - optind != 1 && argc - optind != 2) {
        return xstrdup("one or two non-option arguments are required");
    }
    to->microflow = argv[argc - 1];
    to->datapath = argc - optind == 2 ? argv[optind] : NULL;
    if (!to->forms) {
        to->forms = TRACE_DETAILED;
    }
    return NULL;
}

static void
trace_command(struct unixctl_conn *conn, int argc, const char *argv[],
              void *aux OVS_UNUSED)
{
    struct request *request = xzalloc(sizeof *request);

    request->conn = conn;
    request->seed = make_seed();
    trace_options_clone(&request->trace, &options.trace);
    request->argv = xcalloc(argc + 1, sizeof *request->argv);
    for (int i = 0; i < argc; i++) {
        request->argv[i] = xstrdup(argv[i]);
    }

    char *error = parse_trace_command(argc, request->argv, &request->trace);
    if (error) {
        unixctl_command_reply_error(conn, error);
        free(error);
        request_destroy(request);
    } else {
        ovs_list_push_back(&app.requests, &request->node);
    }
}

static void
run_requests(void)
{
    struct request *request;

    LIST_FOR_EACH_SAFE (request, node, &app.requests) {
        struct ds s = DS_EMPTY_INITIALIZER;
        char *error;

        if (run_request(request, &s, &error)) {
            if (error) {
                unixctl_command_reply_error(request->conn, error);
                free(error);
            } else {
                unixctl_command_reply(request->conn, ds_cstr(&s));
            }
            ovs_list_remove(&request->node);
            request_destroy(request);
        }
        ds_destroy(&s);
    }
}

static struct unixctl_server *
start_unixctl(void)
{
    struct unixctl_server *server;
    char *path = ovn_unixctl_path(options.unixctl_path);

    if (unixctl_server_create(path, &server)) {
        /* The reason has been logged. */
        exit(EXIT_FAILURE);
    }
    free(path);
    return server;
}

/* Until the database has been there for the first time, an error is the end of
 * the program.  Later it may come and go. */
static void
await_database(bool *detached)
{
    if (*detached) {
        return;
    }

    char *error = trace_db_error(app.db);
    if (error) {
        ovs_fatal(0, "%s: %s", options.db, error);
    } else if (trace_db_is_ready(app.db)) {
        trace_db_enable_reconnect(app.db);
        daemonize_complete();
        *detached = true;
    }
}

static void
run_daemon(void)
{
    bool detached = false;

    ovs_daemonize_start(false);
    struct unixctl_server *server = start_unixctl();
    unixctl_command_register("exit", "", 0, 0, exit_command, NULL);
    unixctl_command_register("trace", "[OPTIONS] [DATAPATH] MICROFLOW",
                             1, INT_MAX, trace_command, NULL);

    app.db = trace_db_create(options.db, true, options.leader_only);
    while (!app.exiting) {
        trace_db_run(app.db);
        await_database(&detached);
        unixctl_server_run(server);
        run_requests();

        trace_db_wait(app.db);
        unixctl_server_wait(server);
        if (app.exiting) {
            poll_immediate_wake();
        }
        poll_block();
    }

    struct request *request;
    LIST_FOR_EACH_POP (request, node, &app.requests) {
        unixctl_command_reply_error(request->conn, "exiting");
        request_destroy(request);
    }
    trace_db_destroy(app.db);
    unixctl_server_destroy(server);
}

/* The command line. */

OVS_NO_RETURN static void
usage(void)
{
    char *ovs = trace_ovs_default_remote();

    printf("\
%s: OVN trace utility\n\
usage: %s [OPTIONS] [DATAPATH] MICROFLOW\n\
       %s [OPTIONS] --detach\n\
\n\
Output format options:\n\
  --detailed              table-by-table \"backtrace\" (default)\n\
  --summary               less detailed, more parseable\n\
  --minimal               minimum to explain externally visible behavior\n\
  --all                   provide all forms of output\n\
Output style options:\n\
  --no-friendly-names     do not substitute human friendly names for UUIDs\n\
\n\
Simulation options:\n\
  --ct=FLAGS              what connection tracking says (repeatable)\n\
  --lb-dst=IP[:PORT]      the load balancer's backend to choose\n\
  --select-id=ID          the id for \"select\" to choose\n\
  --chassis=NAME          what the packet meets on chassis NAME\n",
           program_name, program_name, program_name);
    daemon_usage();
    vlog_usage();
    printf("\n\
Other options:\n\
  --db=DATABASE           connect to DATABASE\n\
                          (default: %s)\n\
  --no-leader-only        accept any cluster member, not just the leader\n\
  --ovs[=REMOTE]          obtain corresponding OpenFlow flows from REMOTE\n\
                          (default: %s)\n\
  --unixctl=SOCKET        set control socket name\n\
  -h, --help              display this help message\n\
  -V, --version           display version information\n",
           options.db, ovs);
    free(ovs);
    stream_usage("database", true, true, true);
    vconn_usage(true, false, false);
    exit(EXIT_SUCCESS);
}

static void
parse_command_line(int argc, char *argv[])
{
    static const struct option long_options[] = {
        TRACE_LONG_OPTIONS,
        {"db", required_argument, NULL, OPT_DB},
        {"leader-only", no_argument, NULL, OPT_LEADER_ONLY},
        {"no-leader-only", no_argument, NULL, OPT_NO_LEADER_ONLY},
        {"unixctl", required_argument, NULL, OPT_UNIXCTL},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        STREAM_SSL_LONG_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    char *short_options = ovs_cmdl_long_options_to_short_options(long_options);

    for (;;) {
        int c = getopt_long(argc, argv, short_options, long_options, NULL);
        if (c == -1) {
            break;
        } else if (c == OPT_PIDFILE) {
            ovn_set_pidfile(optarg);
            continue;
        }
        switch (c) {
        case OPT_DB:
            free(options.db);
            options.db = xstrdup(optarg);
            break;
        case OPT_LEADER_ONLY:
            options.leader_only = true;
            break;
        case OPT_NO_LEADER_ONLY:
            options.leader_only = false;
            break;
        case OPT_UNIXCTL:
            options.unixctl_path = optarg;
            break;
        case 'h':
            usage();
        case 'V':
            ovs_print_version(0, 0);
            printf("DB Schema %s\n", sbrec_get_db_version());
            allocator_print_version();
            exit(EXIT_SUCCESS);

        DAEMON_OPTION_HANDLERS
        VLOG_OPTION_HANDLERS
        STREAM_SSL_OPTION_HANDLERS

        case '?':
            exit(EXIT_FAILURE);

        case OPT_DETAILED:
        case OPT_SUMMARY:
        case OPT_MINIMAL:
        case OPT_ALL:
        case OPT_OVS:
        case OPT_CT:
        case OPT_FRIENDLY_NAMES:
        case OPT_NO_FRIENDLY_NAMES:
        case OPT_LB_DST:
        case OPT_SELECT_ID:
        case OPT_CHASSIS: {
            char *error = parse_trace_option(c, optarg, &options.trace);
            if (error) {
                ovs_fatal(0, "%s", error);
            }
            break;
        }

        default:
            abort();
        }
    }
    free(short_options);
    if (!options.trace.forms) {
        options.trace.forms = TRACE_DETAILED;
    }
}

int
main(int argc, char *argv[])
{
    ovs_cmdl_proctitle_init(argc, argv);
    ovs_set_program_name(argv[0], OVN_PROGRAM_VERSION);
    fatal_ignore_sigpipe();
    vlog_set_levels_from_string_assert("reconnect:warn");

    options.db = ovn_default_remote("OVN_SB_DB", "ovnsb_db.sock");
    options.leader_only = true;
    options.trace.friendly_names = true;
    parse_command_line(argc, argv);
    argc -= optind;
    argv += optind;

    if (get_detach()) {
        if (argc) {
            ovs_fatal(0, "non-option arguments not supported with --detach "
                      "(use --help for help)");
        }
        run_daemon();
    } else {
        if (argc != 1 && argc != 2) {
            ovs_fatal(0, "one or two non-option arguments are required "
                      "(use --help for help)");
        }
        options.trace.microflow = argv[argc - 1];
        options.trace.datapath = argc == 2 ? argv[0] : NULL;
        trace_once();
    }
    trace_options_destroy(&options.trace);
    free(options.db);
    return 0;
}
