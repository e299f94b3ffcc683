/* SPDX-License-Identifier: Apache-2.0 */

/* Which rows of the southbound database we ask for; see monitor.h. */

#include <config.h>

#include "monitor.h"

#include <limits.h>
#include <stdlib.h>

#include "binding.h"
#include "config-values.h"
#include "idl-columns.h"
#include "inputs.h"
#include "local-datapath.h"
#include "module.h"
#include "openvswitch/poll-loop.h"
#include "ovn-sb-idl.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

/* The tables with a condition.  They let through what the stock controller's
 * do.
 *
 * Every clause is an equality, because the server looks those up in a hash
 * table, whereas a single clause of any other kind makes it try all clauses
 * for each row: with 400 local datapaths and 50,000 logical flows, 3 seconds.
 * Hence a logical flow of a datapath group is asked for by its lack of a
 * datapath of its own (a condition could not look into the group), and
 * gateways by their type rather than by their options. */
enum table {
    PORT_BINDING,
    LOGICAL_FLOW,
    MULTICAST_GROUP,
    MAC_BINDING,
    CHASSIS_PRIVATE,
    CONTROLLER_EVENT,
    IGMP_GROUP,
    IP_MULTICAST,
    TEMPLATE_VAR,
    ADVERTISED_ROUTE,
    LEARNED_ROUTE,
    ADVERTISED_MAC,
    N_TABLES
};

static const struct ovsdb_idl_table_class *const classes[N_TABLES] = {
    [PORT_BINDING] = &sbrec_table_port_binding,
    [LOGICAL_FLOW] = &sbrec_table_logical_flow,
    [MULTICAST_GROUP] = &sbrec_table_multicast_group,
    [MAC_BINDING] = &sbrec_table_mac_binding,
    [CHASSIS_PRIVATE] = &sbrec_table_chassis_private,
    [CONTROLLER_EVENT] = &sbrec_table_controller_event,
    [IGMP_GROUP] = &sbrec_table_igmp_group,
    [IP_MULTICAST] = &sbrec_table_ip_multicast,
    [TEMPLATE_VAR] = &sbrec_table_chassis_template_var,
    [ADVERTISED_ROUTE] = &sbrec_table_advertised_route,
    [LEARNED_ROUTE] = &sbrec_table_learned_route,
    [ADVERTISED_MAC] = &sbrec_table_advertised_mac_binding,
};

/* What conditions name that a server of another version may lack. */
enum {
    HAS_TEMPLATE_VAR = 1 << 0,              /* The table. */
    HAS_REQUESTED_CHASSIS = 1 << 1,         /* Columns of Port_Binding. */
    HAS_ADDITIONAL_CHASSIS = 1 << 2,
    HAS_REQUESTED_ADDITIONAL = 1 << 3,
    HAS_ADVERTISED_ROUTE = 1 << 4,          /* Tables. */
    HAS_LEARNED_ROUTE = 1 << 5,
    HAS_ADVERTISED_MAC = 1 << 6,
    HAS_ANY_TABLE = (HAS_TEMPLATE_VAR | HAS_ADVERTISED_ROUTE
                     | HAS_LEARNED_ROUTE | HAS_ADVERTISED_MAC),
};

/* The tables with a condition that a server may lack, and their flags. */
static const unsigned int table_flags[N_TABLES] = {
    [TEMPLATE_VAR] = HAS_TEMPLATE_VAR,
    [ADVERTISED_ROUTE] = HAS_ADVERTISED_ROUTE,
    [LEARNED_ROUTE] = HAS_LEARNED_ROUTE,
    [ADVERTISED_MAC] = HAS_ADVERTISED_MAC,
};

/* What the conditions in force were made of. */
static struct {
    unsigned int has;           /* Of HAS_*, what the server has... */
    unsigned int named;         /* ...what conditions name... */
    bool refused;               /* ...and that the server has refused them, so
                                 * that we get everything. */
    bool stale;                 /* Something else has changed... */
    long long int outdated_since; /* ...or something that has time, in ms. */
    bool was_settled;           /* Have they ever been in force? */
    struct uuid our_chassis;
    unsigned int seqno;         /* The IDL's, once all of them are in force. */
    long long int asked_at;     /* When they were last set, in ms. */
} monitor;

/* How long to wait for an answer before asking again, in ms. */
#define ASK_AGAIN_MS 200

/* How long a change that has time waits for others, in ms. */
#define GATHER_MS 1000

/* The datapaths (UUIDs, in words) that have become local since all conditions
 * were in force. */
static struct sset new_datapaths = SSET_INITIALIZER(&new_datapaths);

/* A chassis that is about to go, and what belongs to which we ask for, too;
 * zeros for none. */
static struct uuid other_chassis;

/* Port_Bindings. */

/* The iface-ids of the local interfaces. */
static struct sset iface_ids = SSET_INITIALIZER(&iface_ids);

/* Logical ports that we want to release.  Where we are one of several
 * additional chassis, nothing but its name finds the row once its interface is
 * gone; without it, what the row says of us would stay for ever. */
static struct sset releasing = SSET_INITIALIZER(&releasing);

/* The ports of the interfaces, and what hangs on them. */
static void
add_iface_clauses(struct ovsdb_idl_condition *cond)
{
    const char *name;

    SSET_FOR_EACH (name, &iface_ids) {
        sbrec_port_binding_add_clause_logical_port(cond, OVSDB_F_EQ, name);
        sbrec_port_binding_add_clause_parent_port(cond, OVSDB_F_EQ, name);
    }
    SSET_FOR_EACH (name, &releasing) {
        sbrec_port_binding_add_clause_logical_port(cond, OVSDB_F_EQ, name);
    }
}

/* The ports that are, might be, or are wanted on our chassis.  A port
 * with several additional chassis, us among them, comes in by its interface or
 * its datapath. */
static void
add_chassis_clauses(struct ovsdb_idl_condition *cond,
                    const struct uuid *our_chassis)
{
    struct uuid *us = CONST_CAST(struct uuid *, our_chassis);

    sbrec_port_binding_add_clause_type(cond, OVSDB_F_EQ, "l2gateway");
    sbrec_port_binding_add_clause_type(cond, OVSDB_F_EQ, "l3gateway");
    if (uuid_is_zero(our_chassis)) {
        return;
    }
    sbrec_port_binding_add_clause_chassis(cond, OVSDB_F_EQ, us);
    if (monitor.has & HAS_REQUESTED_CHASSIS) {
        sbrec_port_binding_add_clause_requested_chassis(cond, OVSDB_F_EQ, us);
    }
    if (monitor.has & HAS_ADDITIONAL_CHASSIS) {
        sbrec_port_binding_add_clause_additional_chassis(cond, OVSDB_F_EQ,
                                                         &us, 1);
    }
    if (monitor.has & HAS_REQUESTED_ADDITIONAL) {
        sbrec_port_binding_add_clause_requested_additional_chassis(
            cond, OVSDB_F_EQ, &us, 1);
    }
}

static void
add_port_clauses(struct ovsdb_idl_condition *cond,
                 const struct uuid *our_chassis)
{
    /* Patch ports connect datapaths; whether those are local cannot be said
     * without them. */
    sbrec_port_binding_add_clause_type(cond, OVSDB_F_EQ, "patch");
    sbrec_port_binding_add_clause_type(cond, OVSDB_F_EQ, "chassisredirect");
    sbrec_port_binding_add_clause_type(cond, OVSDB_F_EQ, "external");
    /* That of another switch's port, which is on this chassis, makes its own
     * switch local. */
    sbrec_port_binding_add_clause_type(cond, OVSDB_F_EQ, "mirror");
    add_chassis_clauses(cond, our_chassis);
    add_iface_clauses(cond);
}

/* What belongs to local datapath 'dp'. */
static void
add_datapath_clauses(struct ovsdb_idl_condition conds[N_TABLES],
                     const struct uuid *dp_)
{
    struct uuid *dp = CONST_CAST(struct uuid *, dp_);

    sbrec_port_binding_add_clause_datapath(&conds[PORT_BINDING],
                                           OVSDB_F_EQ, dp);
    sbrec_logical_flow_add_clause_logical_datapath(&conds[LOGICAL_FLOW],
                                                   OVSDB_F_EQ, dp);
    sbrec_multicast_group_add_clause_datapath(&conds[MULTICAST_GROUP],
                                              OVSDB_F_EQ, dp);
    sbrec_mac_binding_add_clause_datapath(&conds[MAC_BINDING],
                                          OVSDB_F_EQ, dp);
    sbrec_ip_multicast_add_clause_datapath(&conds[IP_MULTICAST],
                                           OVSDB_F_EQ, dp);
    sbrec_advertised_route_add_clause_datapath(&conds[ADVERTISED_ROUTE],
                                               OVSDB_F_EQ, dp);
    sbrec_learned_route_add_clause_datapath(&conds[LEARNED_ROUTE],
                                            OVSDB_F_EQ, dp);
    sbrec_advertised_mac_binding_add_clause_datapath(&conds[ADVERTISED_MAC],
                                                     OVSDB_F_EQ, dp);
}

static bool
monitor_all(void)
{
    const char *value = inc_peek(in_kinds.config,
                                 inc_key_string("ovn-monitor-all"));
    return config_value_bool(value, false);
}

/* What belongs to 'chassis' alone, which is there. */
static void
add_owner_clauses(struct ovsdb_idl_condition conds[N_TABLES],
                  const struct chassis *chassis)
{
    struct uuid *uuid = CONST_CAST(struct uuid *, &chassis->uuid);

    sbrec_chassis_private_add_clause_name(&conds[CHASSIS_PRIVATE],
                                          OVSDB_F_EQ, chassis->name);
    sbrec_igmp_group_add_clause_chassis(&conds[IGMP_GROUP], OVSDB_F_EQ, uuid);
}

static void
make_conditions(struct ovsdb_idl_condition conds[N_TABLES],
                const struct uuid *our_chassis)
{
    if (monitor_all()) {
        for (int i = 0; i < N_TABLES; i++) {
            ovsdb_idl_condition_add_clause_true(&conds[i]);
        }
        return;
    }

    const struct chassis *chassis = inc_peek(in_kinds.chassis,
                                             inc_key_uuid(our_chassis));
    const char *name = inc_peek(in_kinds.ovs_fact,
                                inc_key_string("chassis-name"));
    if (chassis) {
        add_owner_clauses(conds, chassis);
        /* Somebody may have renamed the one row and not the other. */
        if (name && strcmp(name, chassis->name)) {
            sbrec_chassis_private_add_clause_name(&conds[CHASSIS_PRIVATE],
                                                  OVSDB_F_EQ, name);
        }
        sbrec_controller_event_add_clause_chassis(
            &conds[CONTROLLER_EVENT], OVSDB_F_EQ,
            CONST_CAST(struct uuid *, our_chassis));
        sbrec_logical_flow_add_clause_logical_datapath(&conds[LOGICAL_FLOW],
                                                       OVSDB_F_EQ, NULL);
    } else {
        ovsdb_idl_condition_add_clause_true(&conds[CHASSIS_PRIVATE]);
    }

    const struct chassis *other = inc_peek(in_kinds.chassis,
                                           inc_key_uuid(&other_chassis));
    if (other) {
        add_owner_clauses(conds, other);
    }
    add_port_clauses(&conds[PORT_BINDING], our_chassis);

    /* Asked for by the name that our row is going to have, and at first for
     * all chassis: so they are there no later than the first port that makes a
     * datapath local, and nothing that mentions them is looked at without. */
    if (name) {
        sbrec_chassis_template_var_add_clause_chassis(&conds[TEMPLATE_VAR],
                                                      OVSDB_F_EQ, name);
    } else {
        ovsdb_idl_condition_add_clause_true(&conds[TEMPLATE_VAR]);
    }

    const struct inc_set *dps = local_datapath_peek_all();
    for (size_t i = 0; i < inc_set_count(dps); i++) {
        struct uuid dp;
        memcpy(&dp, inc_set_at(dps, i).data, sizeof dp);
        add_datapath_clauses(conds, &dp);
    }
}

/* What the server has
 * ===================
 *
 * A server refuses all that is asked for together with a table or a column
 * that it does not have.  Conditions name a few that are younger than the rest
 * of the database, so they name only what the server is known to have, which
 * is nothing before there is a connection.  (A table without a condition comes
 * as a whole.)
 *
 * While we are connected, somebody can take away what conditions name
 * already.  libopenvswitch then asks once more with these conditions, is
 * refused, and asks for everything, after which it sends no conditions on that
 * connection: there is nothing to wait for, all rows are there.  With new
 * conditions that do without a column, a new connection mends that; for a
 * table that conditions have once been for, it goes on asking with one. */

static unsigned int
server_has(const struct ovsdb_idl *idl)
{
    static const struct {
        unsigned int flag;
        const struct ovsdb_idl_column *column;
    } columns[] = {
        { HAS_REQUESTED_CHASSIS, &sbrec_port_binding_col_requested_chassis },
        { HAS_ADDITIONAL_CHASSIS, &sbrec_port_binding_col_additional_chassis },
        { HAS_REQUESTED_ADDITIONAL,
          &sbrec_port_binding_col_requested_additional_chassis },
    };
    unsigned int has = 0;

    for (int i = 0; i < N_TABLES; i++) {
        if (table_flags[i] && ovsdb_idl_server_has_table(idl, classes[i])) {
            has |= table_flags[i];
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        if (ovsdb_idl_server_has_column(idl, columns[i].column)) {
            has |= columns[i].flag;
        }
    }
    return has;
}

/* Follows the server's schema. */
static void
notice_schema(struct ovsdb_idl *idl)
{
    unsigned int has = server_has(idl);

    if (has == monitor.has) {
        return;
    }
    monitor.has = has;
    monitor.stale = true;

    unsigned int missing = monitor.named & ~has;
    if (missing) {
        monitor.refused = true;
        if (missing & ~HAS_ANY_TABLE) {
            ovsdb_idl_force_reconnect(idl);
        }
    }
}

static bool
may_have_condition(enum table table)
{
    return !table_flags[table] || monitor.has & table_flags[table];
}

static void
set_conditions(struct ovsdb_idl *idl, const struct uuid *our_chassis)
{
    struct ovsdb_idl_condition conds[N_TABLES];

    for (int i = 0; i < N_TABLES; i++) {
        ovsdb_idl_condition_init(&conds[i]);
    }
    make_conditions(conds, our_chassis);
    monitor.seqno = 0;
    for (int i = 0; i < N_TABLES; i++) {
        if (may_have_condition(i)) {
            unsigned int seqno = ovsdb_idl_set_condition(idl, classes[i],
                                                         &conds[i]);
            monitor.seqno = MAX(monitor.seqno, seqno);
        }
        ovsdb_idl_condition_destroy(&conds[i]);
    }
    monitor.named = (monitor.named & HAS_ANY_TABLE) | monitor.has;
    monitor.our_chassis = *our_chassis;
    monitor.stale = false;
    monitor.outdated_since = LLONG_MAX;
    monitor.asked_at = time_msec();
}

static char *
uuid_word(struct inc_key key)
{
    struct uuid uuid;

    memcpy(&uuid, key.data, sizeof uuid);
    return xasprintf(UUID_FMT, UUID_ARGS(&uuid));
}

static void
something_changed(struct inc_key key OVS_UNUSED, const void *old OVS_UNUSED,
                  const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    monitor.stale = true;
}

static void
datapath_changed(struct inc_key key, const void *old, const void *new,
                 void *aux OVS_UNUSED)
{
    monitor.stale = true;
    if (!old && new) {
        sset_add_and_free(&new_datapaths, uuid_word(key));
    }
}

/* Does the row of logical port 'key' come with its datapath anyway? */
static bool
is_visible(struct inc_key key)
{
    const struct lport *lport = inc_peek(in_kinds.lport, key);

    return lport && inc_peek(local_datapath_kind,
                             inc_key_uuid(&lport->datapath));
}

/* An interface that comes up on a datapath that is local already needs nothing
 * more for itself, and one that goes away leaves a clause that does no harm.
 * Only the containers that the port may be the parent of, on datapaths that
 * are not local, are still to be asked for.  That can wait until several such
 * changes can go in one: the server tries the conditions on every port
 * whenever they change, and to bind a port should not cost more the more ports
 * there are. */
static void
iface_changed(struct inc_key key, const void *old OVS_UNUSED,
              const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    const char *iface_id = key.data;
    bool there = inc_set_count(inc_peek_set(in_kinds.ifaces_by_id, key)) > 0;

    if (there
        ? sset_add(&iface_ids, iface_id) == NULL
        : !sset_find_and_delete(&iface_ids, iface_id)) {
        return;
    }
    if (monitor.was_settled && (!there || is_visible(key))) {
        monitor.outdated_since = MIN(monitor.outdated_since, time_msec());
    } else {
        monitor.stale = true;
    }
}

/* As long as such a row is there, it need not be asked for: this is for when
 * we ask for something else. */
static void
desired_changed(struct inc_key key, const void *old OVS_UNUSED,
                const void *new, void *aux OVS_UNUSED)
{
    const struct binding_desired *desired = new;

    if (desired && desired->want == BINDING_RELEASE) {
        sset_add(&releasing, key.data);
    } else {
        sset_find_and_delete(&releasing, key.data);
    }
}

static void
fact_changed(struct inc_key key, const void *old OVS_UNUSED,
             const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    monitor.stale |= !strcmp(key.data, "chassis-name");
}

static void
chassis_changed(struct inc_key key, const void *old OVS_UNUSED,
                const void *new, void *aux OVS_UNUSED)
{
    if (!new && key.len == sizeof other_chassis
        && !memcmp(key.data, &other_chassis, key.len)) {
        other_chassis = UUID_ZERO;
        monitor.stale = true;
    }
    if (key.len == sizeof monitor.our_chassis
        && !memcmp(key.data, &monitor.our_chassis, key.len)) {
        monitor.stale = true;
    }
}

static void
register_sb(struct idl_columns *columns)
{
    inc_kind_watch(in_kinds.config, something_changed, NULL);
    inc_kind_watch(in_kinds.ovs_fact, fact_changed, NULL);
    inc_kind_watch(in_kinds.ifaces_by_id, iface_changed, NULL);
    inc_kind_watch(in_kinds.chassis, chassis_changed, NULL);
    inc_kind_watch(local_datapath_kind, datapath_changed, NULL);
    inc_kind_watch(binding_kind_desired, desired_changed, NULL);

    const struct uuid zero = UUID_ZERO;
    set_conditions(columns->idl, &zero);
}

/* Has the server answered for all conditions? */
static bool
in_force(const struct ovsdb_idl *sb_idl)
{
    return ovsdb_idl_get_condition_seqno(sb_idl) >= monitor.seqno;
}

/* Has the server answered everything that was asked for? */
static bool
is_answered(const struct ovsdb_idl *sb_idl)
{
    return !monitor.stale && (monitor.refused || in_force(sb_idl));
}

/* Asks for what has turned out to be of interest.  Returns true if there is
 * nothing left to ask for, so that the rows that are there are complete. */
static bool
settled(const struct turn *turn)
{
    struct ovsdb_idl *sb_idl = turn->sb_idl;
    const struct uuid *our_chassis = &turn->our_chassis;

    notice_schema(sb_idl);

    /* What has not been answered is asked again, which costs no message if it
     * is on its way: the number to wait for is a different one if the
     * connection was lost in between and the conditions went out with the next
     * one. */
    long long int due = (!in_force(sb_idl)
                         ? monitor.asked_at + ASK_AGAIN_MS
                         : monitor.outdated_since != LLONG_MAX
                         ? monitor.outdated_since + GATHER_MS
                         : LLONG_MAX);

    if (monitor.stale || time_msec() >= due
        || !uuid_equals(our_chassis, &monitor.our_chassis)) {
        set_conditions(sb_idl, our_chassis);
        due = (in_force(sb_idl) ? LLONG_MAX
               : monitor.asked_at + ASK_AGAIN_MS);
    }
    if (due != LLONG_MAX) {
        poll_timer_wait_until(due);
    }
    if (in_force(sb_idl) && !(monitor.named & ~monitor.has)) {
        monitor.refused = false;
    }
    if (!is_answered(sb_idl)) {
        return false;
    }
    monitor.was_settled = true;
    sset_clear(&new_datapaths);
    return true;
}

bool
monitor_has_datapath(const struct uuid *dp)
{
    char *word = uuid_word(inc_key_uuid(dp));
    bool has = monitor_all() || !sset_contains(&new_datapaths, word);

    free(word);
    return has;
}

bool
monitor_has_chassis(const struct ovsdb_idl *sb_idl,
                    const struct uuid *chassis)
{
    if (!uuid_equals(&other_chassis, chassis)) {
        other_chassis = *chassis;
        monitor.stale = true;
        poll_immediate_wake();
    }
    return is_answered(sb_idl);
}

const struct module monitor_module = {
    .name = "monitor",
    .register_sb = register_sb,
    .settled = settled,
};
