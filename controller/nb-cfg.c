/* SPDX-License-Identifier: Apache-2.0 */

/* nb_cfg reporting; see nb-cfg.h. */

#include <config.h>
#include "nb-cfg.h"

#include <limits.h>
#include <stdbool.h>

#include "chassis.h"
#include "config-values.h"
#include "idl-columns.h"
#include "module.h"
#include "ofctrl.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "ovs-config.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(nb_cfg);

/* The value that is on its way into the switch.  A newer one waits until it
 * has got there: a fence that is taken again and again is never reached. */
static struct {
    bool valid;
    int64_t nb_cfg;
    uint64_t fence;
} in_flight;

/* When a value has got there (wall clock, ms), as one of the databases has it.
 * One that was reported before we were started keeps its time. */
struct report {
    bool is_adopted;            /* Has the database been asked? */
    long long int when;
};

/* The value that has got there. */
static struct {
    bool valid;
    int64_t nb_cfg;
    struct report sb, ovs;
} reached;

/* debug/delay-nb-cfg-report, in seconds, and when (monotonic clock, ms) the
 * report that is being delayed is due; 0 if none is. */
static unsigned int delay_s;
static long long int report_at;

/* The consequences of this snapshot are in the flow table: takes a fence if
 * nb_cfg has changed. */
static void
complete(const struct turn *turn)
{
    const struct sbrec_sb_global *sb = sbrec_sb_global_first(turn->sb_idl);

    if (sb && !in_flight.valid
        && !(reached.valid && reached.nb_cfg == sb->nb_cfg)) {
        in_flight.valid = true;
        in_flight.nb_cfg = sb->nb_cfg;
        in_flight.fence = ofctrl_fence();
    }
}

static void
reached_now(bool is_adopted)
{
    reached.sb = reached.ovs = (struct report) {
        .is_adopted = is_adopted,
        .when = time_wall_msec(),
    };
}

/* Brings 'reached' up to date. */
static void
check_fence(void)
{
    if (in_flight.valid && ofctrl_reached(in_flight.fence)) {
        in_flight.valid = false;
        reached_now(reached.valid);
        reached.valid = true;
        reached.nb_cfg = in_flight.nb_cfg;
        report_at = delay_s ? time_msec() + delay_s * 1000LL : 0;
        /* A newer value may have been waiting for this one, and nothing else
         * need happen any more: what is reported may be there already, from
         * before a restart. */
        poll_immediate_wake();
    }
    if (report_at && time_msec() >= report_at) {
        report_at = 0;
        reached_now(reached.sb.is_adopted);
    }
}

/* Compares what a database has with what 'report' says it should have.
 * Returns true if that is to be written. */
static bool
must_write(struct report *report, int64_t nb_cfg, long long int when)
{
    if (!report->is_adopted && nb_cfg == reached.nb_cfg && when) {
        report->when = when;
    }
    report->is_adopted = true;
    return nb_cfg != reached.nb_cfg || when != report->when;
}

/* Whether the southbound database is to be told.  In a large deployment all
 * those updates are a burden (ovn-nb(5)). */
static bool
sb_wants_report(struct ovsdb_idl *sb_idl)
{
    const struct sbrec_sb_global *sb = sbrec_sb_global_first(sb_idl);

    return !sb || config_value_bool(smap_get(&sb->options,
                                             "enable_chassis_nb_cfg_update"),
                                    true);
}

static void
commit_sb(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *txn,
          const char *chassis_name)
{
    const struct sbrec_chassis_private *cp
        = chassis_private_find(sb_idl, chassis_name);

    if (cp && sb_wants_report(sb_idl)
        && must_write(&reached.sb, cp->nb_cfg, cp->nb_cfg_timestamp) && txn) {
        sbrec_chassis_private_set_nb_cfg(cp, reached.nb_cfg);
        sbrec_chassis_private_set_nb_cfg_timestamp(cp, reached.sb.when);
    }
}

static void
set_key(const struct ovsrec_bridge *br, const char *key, long long int value)
{
    char *s = xasprintf("%lld", value);

    ovsrec_bridge_update_external_ids_setkey(br, key, s);
    free(s);
}

static void
commit_ovs(struct ovsdb_idl_txn *txn, const struct ovsrec_bridge *br)
{
    int64_t nb_cfg = smap_get_ullong(&br->external_ids, "ovn-nb-cfg", 0);
    long long int when = smap_get_ullong(&br->external_ids, "ovn-nb-cfg-ts",
                                         0);

    if (must_write(&reached.ovs, nb_cfg, when) && txn) {
        set_key(br, "ovn-nb-cfg", reached.nb_cfg);
        set_key(br, "ovn-nb-cfg-ts", reached.ovs.when);
    }
}

static void
commit(const struct turn *turn)
{
    static long long int startup_ts;
    const struct ovsrec_bridge *br = turn->br_int;

    if (!startup_ts) {
        startup_ts = time_wall_msec();
    }
    if (turn->ovs_txn
        && smap_get_ullong(&br->external_ids, "ovn-startup-ts", 0)
           != startup_ts) {
        set_key(br, "ovn-startup-ts", startup_ts);
    }

    check_fence();
    if (reached.valid && !report_at) {
        commit_sb(turn->sb_idl, turn->sb_txn, turn->config->chassis_name);
        commit_ovs(turn->ovs_txn, br);
    }
}

static void
wait_for_report(void)
{
    if (report_at) {
        poll_timer_wait_until(report_at);
    }
}

static void
delay_nb_cfg_report(struct unixctl_conn *conn, int argc OVS_UNUSED,
                    const char *argv[], void *aux OVS_UNUSED)
{
    unsigned int seconds;

    if (!str_to_uint(argv[1], 10, &seconds)) {
        unixctl_command_reply_error(conn, "unsigned integer required");
        return;
    }
    delay_s = seconds;

    char *msg = (seconds
                 ? xasprintf("delay nb_cfg report for %u seconds.", seconds)
                 : xstrdup("no delay for nb_cfg report."));
    unixctl_command_reply(conn, msg);
    free(msg);
}

static void
register_commands(void)
{
    unixctl_command_register("debug/delay-nb-cfg-report", "SECONDS", 1, 1,
                             delay_nb_cfg_report, NULL);
}

static void
register_sb(struct idl_columns *columns)
{
    idl_columns_add(columns, &sbrec_sb_global_col_nb_cfg, IDL_READ);
    idl_columns_add(columns, &sbrec_sb_global_col_options, IDL_READ);
    idl_columns_add(columns, &sbrec_chassis_private_col_name, IDL_READ);
    idl_columns_add(columns, &sbrec_chassis_private_col_nb_cfg, IDL_WRITE);
    idl_columns_add(columns, &sbrec_chassis_private_col_nb_cfg_timestamp,
                    IDL_WRITE);
}

const struct module nb_cfg_module = {
    .name = "nb-cfg",
    .register_sb = register_sb,
    .commands = register_commands,
    .complete = complete,
    .commit = commit,
    .wait = wait_for_report,
};
