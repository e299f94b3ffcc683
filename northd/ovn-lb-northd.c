/* SPDX-License-Identifier: Apache-2.0 */

/* ovn-lb-northd: what ovn-northd does not pass on of load balancers
 * =================================================================
 *
 * Beside an ovn-northd that does not know options:distributed, this daemon
 * publishes what chassis have to know of each load balancer that has it,
 * whatever it says ("false" keeps a chassis' default from being applied): one
 * entry in SB_Global.external_ids, as lib/lb-config.h describes.  ovn-northd
 * leaves that column alone, and so does this daemon leave all in it that is
 * not such an entry.
 *
 * What ought to be there ("wanted") follows from the northbound database
 * alone; what is there is read from the southbound one.  Whenever either has
 * changed, the difference is written, and nothing else.  So it does not matter
 * who wrote what is there, this instance, one that ran before, or the one that
 * had the lock until now: what is right stays as it is.
 *
 * Beside an ovn-northd that does know options:distributed=true, there is
 * nothing to publish of load balancers that have it, but that ovn-northd needs
 * ip_port_mappings: see lb-mappings.h.
 *
 * Of several instances, the one that has the southbound database's lock
 * works.  OVSDB makes sure that a transaction fails if the lock is lost. */

#include <config.h>

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "command-line.h"
#include "daemon.h"
#include "fatal-signal.h"
#include "lb-config.h"
#include "lb-mappings.h"
#include "memory.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovn-dirs.h"
#include "ovn-nb-idl.h"
#include "ovn-sb-idl.h"
#include "ovn/dialect.h"
#include "ovn/version.h"
#include "ovs-compat.h"
#include "ovsdb-idl.h"
#include "simap.h"
#include "stream-ssl.h"
#include "stream.h"
#include "unixctl.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(ovn_lb_northd);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

static const char lock_name[] = "ovn_lb_northd";

/* From the command line. */
static struct {
    char *nb_remote;
    char *sb_remote;
    const char *unixctl_path;
} options;

static struct {
    struct ovsdb_idl_loop nb;
    struct ovsdb_idl_loop sb;
    struct shash wanted;        /* An entry's key -> its value (char *). */
    bool knows_distributed;     /* So does ovn-northd itself... */
    bool mappings_outdated;     /* ...and that may lack some of this. */
    bool had_lock;
    bool paused;
    bool exiting;
} ctl = { .wanted = SHASH_INITIALIZER(&ctl.wanted) };

/* What ought to be there. */

/* Returns the entry's value for 'lb', or NULL if it should have none. */
static char *
make_entry(const struct nbrec_load_balancer *lb)
{
    const char *distributed = smap_get(&lb->options, "distributed");
    const struct smap_node *node;
    enum lb_locality locality;

    if (!lb_locality_from_option(distributed, &locality)) {
        VLOG_WARN_RL(&rl, "load balancer %s ("UUID_FMT"): options:distributed "
                     "has unknown value \"%s\", the load balancer is not "
                     "distributed", lb->name, UUID_ARGS(&lb->header_.uuid),
                     distributed);
    }
    /* Also what is none of the known values: it is up to the chassis, which
     * would go by their default otherwise. */
    if (!distributed) {
        return NULL;
    }
    if (ctl.knows_distributed && smap_get_bool(&lb->options, "distributed",
                                               false)) {
        return NULL;            /* All is in the logical flows' actions. */
    }

    struct lb_entry entry;
    lb_entry_init(&entry);
    free(entry.name);
    entry.name = xstrdup(lb->name);
    smap_clone(&entry.options, &lb->options);
    smap_clone(&entry.ip_port_mappings, &lb->ip_port_mappings);
    SMAP_FOR_EACH (node, &lb->vips) {
        sset_add(&entry.vips, node->key);
    }

    char *value = lb_entry_format(&entry);
    if (strlen(value) > LB_ENTRY_MAX_LEN) {
        VLOG_WARN_RL(&rl, "load balancer %s ("UUID_FMT"): its options and "
                     "ip_port_mappings have more than %d bytes, the load "
                     "balancer is not distributed", lb->name,
                     UUID_ARGS(&lb->header_.uuid), LB_ENTRY_MAX_LEN);
        free(value);
        value = NULL;
    }
    lb_entry_destroy(&entry);
    return value;
}

static void
update_wanted_one(const struct uuid *uuid)
{
    const struct nbrec_load_balancer *lb
        = nbrec_load_balancer_get_for_uuid(ctl.nb.idl, uuid);
    char *key = lb_entry_key(uuid);
    char *value = lb ? make_entry(lb) : NULL;

    free(shash_find_and_delete(&ctl.wanted, key));
    if (value) {
        shash_add(&ctl.wanted, key, value);
    }
    free(key);
}

/* Follows the northbound database.  When its IDL connects anew and gets all
 * of it again, a row may be reported as gone and as new at once, so that what
 * counts is whether it is there now. */
static void
update_wanted(void)
{
    const struct sbrec_sb_global *sb = sbrec_sb_global_first(ctl.sb.idl);
    bool knows = sb && ovn_northd_knows_distributed(&sb->options);
    const struct nbrec_load_balancer *lb;

    ctl.mappings_outdated |= lb_mappings_changed(ctl.nb.idl);
    NBREC_LOAD_BALANCER_FOR_EACH_TRACKED (lb, ctl.nb.idl) {
        update_wanted_one(&lb->header_.uuid);
    }
    ovsdb_idl_track_clear(ctl.nb.idl);

    if (sb && knows != ctl.knows_distributed) {
        ctl.knows_distributed = knows;
        ctl.mappings_outdated = true;
        NBREC_LOAD_BALANCER_FOR_EACH (lb, ctl.nb.idl) {
            update_wanted_one(&lb->header_.uuid);
        }
    }
}

/* Making it so. */

/* Adds to the open transaction what has to change in 'sb'. */
static void
publish(const struct sbrec_sb_global *sb)
{
    const struct shash_node *wanted;
    const struct smap_node *node;
    struct uuid unused;

    SMAP_FOR_EACH (node, &sb->external_ids) {
        if (lb_entry_key_parse(node->key, &unused)
            && !shash_find(&ctl.wanted, node->key)) {
            VLOG_DBG("removing %s", node->key);
            sbrec_sb_global_update_external_ids_delkey(sb, node->key);
        }
    }
    SHASH_FOR_EACH (wanted, &ctl.wanted) {
        const char *published = smap_get(&sb->external_ids, wanted->name);

        if (!published || strcmp(published, wanted->data)) {
            VLOG_DBG("publishing %s: %s", wanted->name,
                     (const char *) wanted->data);
            sbrec_sb_global_update_external_ids_setkey(sb, wanted->name,
                                                       wanted->data);
        }
    }
}

static const char *
status_text(void)
{
    return (ctl.paused ? "paused"
            : ovsdb_idl_has_lock(ctl.sb.idl) ? "active" : "standby");
}

static void
log_lock(void)
{
    bool has_lock = !ctl.paused && ovsdb_idl_has_lock(ctl.sb.idl);

    if (has_lock != ctl.had_lock) {
        if (has_lock) {
            VLOG_INFO("lock acquired, this instance is now active");
        } else {
            VLOG_INFO("this instance is now %s", status_text());
        }
        ctl.had_lock = has_lock;
    }
}

static void
run_once(struct ovsdb_idl_txn *nb_txn, struct ovsdb_idl_txn *sb_txn)
{
    update_wanted();
    log_lock();

    const struct sbrec_sb_global *sb = sbrec_sb_global_first(ctl.sb.idl);
    if (sb_txn && sb && ctl.had_lock
        && ovsdb_idl_has_ever_connected(ctl.nb.idl)) {
        publish(sb);
    }
    if (nb_txn && sb && ctl.had_lock && ctl.mappings_outdated) {
        lb_mappings_update(ctl.nb.idl, ctl.knows_distributed);
        ctl.mappings_outdated = false;
    }
}

/* Commands. */

static void
set_paused(bool paused)
{
    ctl.paused = paused;
    ovsdb_idl_set_lock(ctl.sb.idl, paused ? NULL : lock_name);
}

static void
exit_command(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    ctl.exiting = true;
    unixctl_command_reply(conn, NULL);
}

static void
pause_command(struct unixctl_conn *conn, int argc OVS_UNUSED,
              const char *argv[] OVS_UNUSED, void *pause)
{
    set_paused(pause != NULL);
    unixctl_command_reply(conn, NULL);
}

static void
is_paused_command(struct unixctl_conn *conn, int argc OVS_UNUSED,
                  const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    unixctl_command_reply(conn, ctl.paused ? "true" : "false");
}

static void
status_command(struct unixctl_conn *conn, int argc OVS_UNUSED,
               const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    char *s = xasprintf("Status: %s\n", status_text());

    unixctl_command_reply(conn, s);
    free(s);
}

static void
connection_status_command(struct unixctl_conn *conn, int argc OVS_UNUSED,
                          const char *argv[] OVS_UNUSED, void *loop_)
{
    const struct ovsdb_idl_loop *loop = loop_;

    unixctl_command_reply(conn, (ovsdb_idl_is_connected(loop->idl)
                                 ? "connected" : "not connected"));
}

static void
cluster_state_reset_command(struct unixctl_conn *conn, int argc OVS_UNUSED,
                            const char *argv[] OVS_UNUSED, void *loop_)
{
    const struct ovsdb_idl_loop *loop = loop_;

    ovsdb_idl_reset_min_index(loop->idl);
    unixctl_command_reply(conn, NULL);
}

static void
register_commands(void)
{
    unixctl_command_register("exit", "", 0, 0, exit_command, NULL);
    unixctl_command_register("pause", "", 0, 0, pause_command, &ctl);
    unixctl_command_register("resume", "", 0, 0, pause_command, NULL);
    unixctl_command_register("is-paused", "", 0, 0, is_paused_command, NULL);
    unixctl_command_register("status", "", 0, 0, status_command, NULL);
    unixctl_command_register("nb-connection-status", "", 0, 0,
                             connection_status_command, &ctl.nb);
    unixctl_command_register("sb-connection-status", "", 0, 0,
                             connection_status_command, &ctl.sb);
    unixctl_command_register("nb-cluster-state-reset", "", 0, 0,
                             cluster_state_reset_command, &ctl.nb);
    unixctl_command_register("sb-cluster-state-reset", "", 0, 0,
                             cluster_state_reset_command, &ctl.sb);
}

/* Starting up. */

static void
create_idls(void)
{
    static struct ovsdb_idl_column *lb_columns[] = {
        &nbrec_load_balancer_col_name,
        &nbrec_load_balancer_col_vips,
        &nbrec_load_balancer_col_options,
        &nbrec_load_balancer_col_ip_port_mappings,
    };

    struct ovsdb_idl *nb = ovsdb_idl_create(options.nb_remote,
                                            &nbrec_idl_class, false, true);
    for (size_t i = 0; i < ARRAY_SIZE(lb_columns); i++) {
        ovsdb_idl_add_column(nb, lb_columns[i]);
        ovsdb_idl_track_add_column(nb, lb_columns[i]);
    }
    lb_mappings_register(nb);
    ctl.nb = (struct ovsdb_idl_loop) OVSDB_IDL_LOOP_INITIALIZER(nb);

    struct ovsdb_idl *sb = ovsdb_idl_create(options.sb_remote,
                                            &sbrec_idl_class, false, true);
    ovsdb_idl_add_column(sb, &sbrec_sb_global_col_external_ids);
    ovsdb_idl_add_column(sb, &sbrec_sb_global_col_options);
    ctl.sb = (struct ovsdb_idl_loop) OVSDB_IDL_LOOP_INITIALIZER(sb);
}

OVS_NO_RETURN static void
usage(void)
{
    printf("%s: publishes distributed load balancers to OVN's chassis\n"
           "usage: %s [OPTIONS]\n"
           "\nOptions:\n"
           "  --ovnnb-db=DATABASE       connect to the northbound database at "
           "DATABASE\n"
           "                            (default: %s)\n"
           "  --ovnsb-db=DATABASE       connect to the southbound database at "
           "DATABASE\n"
           "                            (default: %s)\n"
           "  --dry-run                 start paused (write nothing)\n"
           "  --unixctl=SOCKET          override default control socket name\n"
           "  -h, --help                display this help message\n"
           "  -o, --options             list available options\n"
           "  -V, --version             display version information\n",
           program_name, program_name, options.nb_remote, options.sb_remote);
    daemon_usage();
    vlog_usage();
    stream_usage("database", true, true, false);
    exit(EXIT_SUCCESS);
}

OVS_NO_RETURN static void
print_version(void)
{
    ovs_print_version(0, 0);
    printf("NB DB Schema %s\nSB DB Schema %s\n", nbrec_get_db_version(),
           sbrec_get_db_version());
    exit(EXIT_SUCCESS);
}

static void
parse_options(int argc, char *argv[])
{
    enum {
        OPT_NB = UCHAR_MAX + 1,
        OPT_SB,
        OPT_UNIXCTL,
        OPT_DRY_RUN,
        OPT_PEER_CA_CERT,
        OPT_BOOTSTRAP_CA_CERT,
        VLOG_OPTION_ENUMS,
        DAEMON_OPTION_ENUMS,
        SSL_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        { "ovnnb-db", required_argument, NULL, OPT_NB },
        { "ovnsb-db", required_argument, NULL, OPT_SB },
        { "unixctl", required_argument, NULL, OPT_UNIXCTL },
        { "dry-run", no_argument, NULL, OPT_DRY_RUN },
        { "help", no_argument, NULL, 'h' },
        { "options", no_argument, NULL, 'o' },
        { "version", no_argument, NULL, 'V' },
        VLOG_LONG_OPTIONS,
        DAEMON_LONG_OPTIONS,
        STREAM_SSL_LONG_OPTIONS,
        { "peer-ca-cert", required_argument, NULL, OPT_PEER_CA_CERT },
        { "bootstrap-ca-cert", required_argument, NULL,
          OPT_BOOTSTRAP_CA_CERT },
        { NULL, 0, NULL, 0 },
    };
    char *short_options = ovs_cmdl_long_options_to_short_options(long_options);

    options.nb_remote = ovn_default_remote("OVN_NB_DB", "ovnnb_db.sock");
    options.sb_remote = ovn_default_remote("OVN_SB_DB", "ovnsb_db.sock");

    for (;;) {
        int c = getopt_long(argc, argv, short_options, long_options, NULL);
        if (c == -1) {
            break;
        } else if (c == OPT_PIDFILE) {
            ovn_set_pidfile(optarg);
            continue;
        }
        switch (c) {
        case OPT_NB:
            free(options.nb_remote);
            options.nb_remote = xstrdup(optarg);
            break;
        case OPT_SB:
            free(options.sb_remote);
            options.sb_remote = xstrdup(optarg);
            break;
        case OPT_UNIXCTL:
            options.unixctl_path = optarg;
            break;
        case OPT_DRY_RUN:
            ctl.paused = true;
            break;
        case 'h':
            usage();
        case 'o':
            ovs_cmdl_print_options(long_options);
            exit(EXIT_SUCCESS);
        case 'V':
            print_version();

        VLOG_OPTION_HANDLERS
        DAEMON_OPTION_HANDLERS
        STREAM_SSL_OPTION_HANDLERS

        case OPT_PEER_CA_CERT:
            stream_ssl_set_peer_ca_cert_file(optarg);
            break;
        case OPT_BOOTSTRAP_CA_CERT:
            stream_ssl_set_ca_cert_file(optarg, true);
            break;

        case '?':
            exit(EXIT_FAILURE);
        default:
            abort();
        }
    }
    free(short_options);
    if (optind < argc) {
        VLOG_FATAL("no arguments are expected but options; "
                   "use --help for usage");
    }
}

static struct unixctl_server *
start_unixctl(void)
{
    struct unixctl_server *server;
    char *path = ovn_unixctl_path(options.unixctl_path);
    int error = unixctl_server_create(path, &server);

    if (error) {
        VLOG_FATAL("%s: cannot listen for commands (%s)", path,
                   ovs_strerror(error));
    }
    free(path);
    return server;
}

static void
report_memory(void)
{
    memory_run();
    if (memory_should_report()) {
        struct simap usage = SIMAP_INITIALIZER(&usage);

        ovsdb_idl_get_memory_usage(ctl.nb.idl, &usage);
        ovsdb_idl_get_memory_usage(ctl.sb.idl, &usage);
        simap_increase(&usage, "entries", shash_count(&ctl.wanted));
        memory_report(&usage);
        simap_destroy(&usage);
    }
}

int
main(int argc, char *argv[])
{
    ovs_cmdl_proctitle_init(argc, argv);
    ovs_set_program_name(argv[0], OVN_PACKAGE_VERSION);
    parse_options(argc, argv);
    fatal_ignore_sigpipe();
    ovs_daemonize_start(false);

    struct unixctl_server *unixctl = start_unixctl();
    register_commands();
    daemonize_complete();
    create_idls();
    set_paused(ctl.paused);

    while (!ctl.exiting) {
        report_memory();
        struct ovsdb_idl_txn *nb_txn = ovsdb_idl_loop_run(&ctl.nb);
        run_once(nb_txn, ovsdb_idl_loop_run(&ctl.sb));

        unixctl_server_run(unixctl);
        unixctl_server_wait(unixctl);
        memory_wait();
        /* What has not been written is to be tried again. */
        ctl.mappings_outdated |= !ovsdb_idl_loop_commit_and_wait(&ctl.nb);
        ovsdb_idl_loop_commit_and_wait(&ctl.sb);
        if (ctl.exiting) {
            poll_immediate_wake();
        }
        poll_block();
    }

    unixctl_server_destroy(unixctl);
    ovsdb_idl_loop_destroy(&ctl.nb);
    ovsdb_idl_loop_destroy(&ctl.sb);
    shash_destroy_free_data(&ctl.wanted);
    free(options.nb_remote);
    free(options.sb_remote);
    exit(EXIT_SUCCESS);
}
