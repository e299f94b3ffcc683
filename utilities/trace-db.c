/* SPDX-License-Identifier: Apache-2.0 */

/* Look-ups over the southbound database; see trace-db.h. */

#include <config.h>
#include "trace-db.h"

#include <stdlib.h>
#include <string.h>

#include "lport-way.h"
#include "neighbor.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "ovn/gen-opts.h"
#include "ovn/logical-fields.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "sset.h"
#include "trace-chassis.h"
#include "trace-flows.h"
#include "trace-lb.h"
#include "trace-rows.h"
#include "trace-served.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(ovntrace);

/* The connection. */

static void
monitor_tables(struct ovsdb_idl *idl, bool logical_flows)
{
    struct ovsdb_idl_column *const flow_columns[] = {
        &sbrec_logical_flow_col_logical_datapath,
        &sbrec_logical_flow_col_logical_dp_group,
        &sbrec_logical_flow_col_pipeline,
        &sbrec_logical_flow_col_table_id,
        &sbrec_logical_flow_col_priority,
        &sbrec_logical_flow_col_match,
        &sbrec_logical_flow_col_actions,
        &sbrec_logical_flow_col_external_ids,
    };
    struct ovsdb_idl_column *const columns[] = {
        &sbrec_datapath_binding_col_tunnel_key,
        &sbrec_datapath_binding_col_external_ids,
        &sbrec_port_binding_col_logical_port,
        &sbrec_port_binding_col_datapath,
        &sbrec_port_binding_col_tunnel_key,
        &sbrec_port_binding_col_type,
        &sbrec_port_binding_col_options,
        &sbrec_port_binding_col_port_security,
        &sbrec_port_binding_col_external_ids,
        &sbrec_multicast_group_col_datapath,
        &sbrec_multicast_group_col_name,
        &sbrec_multicast_group_col_tunnel_key,
        &sbrec_multicast_group_col_ports,
        &sbrec_address_set_col_name,
        &sbrec_address_set_col_addresses,
        &sbrec_port_group_col_name,
        &sbrec_port_group_col_ports,
        &sbrec_dhcp_options_col_name,
        &sbrec_dhcp_options_col_code,
        &sbrec_dhcp_options_col_type,
        &sbrec_dhcpv6_options_col_name,
        &sbrec_dhcpv6_options_col_code,
        &sbrec_dhcpv6_options_col_type,
        &sbrec_logical_dp_group_col_datapaths,
        &sbrec_mac_binding_col_datapath,
        &sbrec_mac_binding_col_logical_port,
        &sbrec_mac_binding_col_ip,
        &sbrec_mac_binding_col_mac,
        &sbrec_static_mac_binding_col_logical_port,
        &sbrec_static_mac_binding_col_ip,
        &sbrec_static_mac_binding_col_mac,
        &sbrec_static_mac_binding_col_override_dynamic_mac,
        &sbrec_fdb_col_dp_key,
        &sbrec_fdb_col_mac,
        &sbrec_fdb_col_port_key,
    };

    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        ovsdb_idl_track_add_column(idl, columns[i]);
    }
    for (size_t i = 0; logical_flows && i < ARRAY_SIZE(flow_columns); i++) {
        ovsdb_idl_track_add_column(idl, flow_columns[i]);
    }
    trace_chassis_monitor(idl);
    trace_lb_monitor(idl);
}

/* Whether 'group' has a datapath that is in 'set'. */
static bool
group_is_wanted(const struct sbrec_logical_dp_group *group,
                const struct uuidset *set)
{
    for (size_t i = 0; i < group->n_datapaths; i++) {
        if (uuidset_contains(set, &group->datapaths[i]->header_.uuid)) {
            return true;
        }
    }
    return false;
}

static struct trace_dp *
dp_by_uuid(const struct trace_db *db, const struct uuid *uuid)
{
    struct trace_dp *dp;

    HMAP_FOR_EACH_WITH_HASH (dp, uuid_node, uuid_hash(uuid), &db->dps) {
        if (uuid_equals(&dp->sb_uuid, uuid)) {
            return dp;
        }
    }
    return NULL;
}

/* The conditions for tables that are monitored by datapath. */
struct conditions {
    struct ovsdb_idl_condition lflows, neighbors, fdbs;
};

static void
add_clauses(const struct trace_db *db, struct conditions *c)
{
    const struct sbrec_logical_dp_group *group;
    const struct uuidset_node *elem;

    if (db->wants_all) {
        ovsdb_idl_condition_add_clause_true(&c->lflows);
        ovsdb_idl_condition_add_clause_true(&c->neighbors);
        ovsdb_idl_condition_add_clause_true(&c->fdbs);
        return;
    }
    UUIDSET_FOR_EACH (elem, &db->wanted) {
        const struct trace_dp *dp = dp_by_uuid(db, &elem->uuid);

        sbrec_logical_flow_add_clause_logical_datapath(
            &c->lflows, OVSDB_F_EQ, &elem->uuid);
        sbrec_mac_binding_add_clause_datapath(&c->neighbors, OVSDB_F_EQ,
                                              &elem->uuid);
        if (dp) {
            sbrec_fdb_add_clause_dp_key(&c->fdbs, OVSDB_F_EQ, dp->key);
        }
    }
    SBREC_LOGICAL_DP_GROUP_FOR_EACH (group, db->idl) {
        if (group_is_wanted(group, &db->wanted)) {
            sbrec_logical_flow_add_clause_logical_dp_group(
                &c->lflows, OVSDB_F_EQ, &group->header_.uuid);
        }
    }
}

/* Asks for the rows of the datapaths in 'db->wanted'.  Returns what to wait
 * for. */
static unsigned int
set_conditions(struct trace_db *db)
{
    struct conditions c;

    ovsdb_idl_condition_init(&c.lflows);
    ovsdb_idl_condition_init(&c.neighbors);
    ovsdb_idl_condition_init(&c.fdbs);
    add_clauses(db, &c);

    unsigned int seqno = sbrec_mac_binding_set_condition(db->idl,
                                                         &c.neighbors);
    seqno = MAX(seqno, sbrec_fdb_set_condition(db->idl, &c.fdbs));
    if (trace_rows_is_monitor(db->rows)) {
        seqno = MAX(seqno, sbrec_logical_flow_set_condition(db->idl,
                                                            &c.lflows));
    }
    ovsdb_idl_condition_destroy(&c.lflows);
    ovsdb_idl_condition_destroy(&c.neighbors);
    ovsdb_idl_condition_destroy(&c.fdbs);
    return seqno;
}

/* Databases with at most this many ports are read as a whole: that takes
 * less time than to find out what is needed. */
#define SMALL_DB 1000

struct trace_db *
trace_db_create(const char *remote, bool is_daemon, bool leader_only)
{
    struct trace_db *db = xzalloc(sizeof *db);

    hmap_init(&db->dps);
    shash_init(&db->ports);
    shash_init(&db->address_sets);
    shash_init(&db->parsed_sets);
    shash_init(&db->port_groups);
    shash_init(&db->symtab);
    ovn_init_symtab(&db->symtab);
    db->dialect = *ovn_dialect_default();
    uuidset_init(&db->wanted);
    uuidset_init(&db->missed);
    uuidset_init(&db->changed_flows);
    db->warned = xmalloc(sizeof *db->warned);
    sset_init(db->warned);

    db->idl = ovsdb_idl_create(remote, &sbrec_idl_class, false, false);
    ovsdb_idl_set_leader_only(db->idl, leader_only);
    monitor_tables(db->idl, is_daemon);
    db->rows = (is_daemon
                ? trace_rows_create_monitor(db->idl)
                : trace_rows_create_select(remote, leader_only));
    set_conditions(db);
    db->flows = trace_flows_create(db, db->rows);
    db->lbs = trace_lbs_create(db);
    db->served = trace_served_create(db);
    return db;
}

/* The look-ups. */

static void
clear_dps(struct trace_db *db)
{
    struct trace_mcgroup *mcgroup;
    struct trace_port *port;
    struct trace_dp *dp;

    HMAP_FOR_EACH_POP (dp, uuid_node, &db->dps) {
        HMAP_FOR_EACH_POP (port, key_node, &dp->ports) {
            free(port);
        }
        HMAP_FOR_EACH_POP (mcgroup, key_node, &dp->mcgroups) {
            free(mcgroup);
        }
        hmap_destroy(&dp->ports);
        hmap_destroy(&dp->mcgroups);
        free(dp);
    }
    shash_clear(&db->ports);
}

static void
clear_sets(struct trace_db *db)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &db->parsed_sets) {
        expr_constant_set_destroy(node->data);
    }
    shash_clear(&db->parsed_sets);
    shash_clear(&db->address_sets);
    shash_clear(&db->port_groups);
    gen_opts_destroy(db->dhcp_opts);
    gen_opts_destroy(db->dhcpv6_opts);
    db->dhcp_opts = db->dhcpv6_opts = NULL;
}

static void
read_dps(struct trace_db *db)
{
    const struct sbrec_datapath_binding *row;

    SBREC_DATAPATH_BINDING_FOR_EACH (row, db->idl) {
        struct trace_dp *dp = xzalloc(sizeof *dp);
        const struct smap *ids = &row->external_ids;
        const char *nb_uuid = smap_get(ids, "logical-switch");

        if (!nb_uuid) {
            nb_uuid = smap_get(ids, "logical-router");
            dp->is_router = nb_uuid != NULL;
        }
        if (!nb_uuid || !uuid_from_string(&dp->nb_uuid, nb_uuid)) {
            dp->nb_uuid = UUID_ZERO;
        }
        dp->sb_uuid = row->header_.uuid;
        dp->key = row->tunnel_key;
        dp->name = smap_get_def(ids, "name", "");
        dp->friendly_name = smap_get_def(ids, "name2", dp->name);
        dp->unfriendly_name = nb_uuid ? nb_uuid : dp->name;
        hmap_init(&dp->ports);
        hmap_init(&dp->mcgroups);
        hmap_insert(&db->dps, &dp->uuid_node, uuid_hash(&dp->sb_uuid));
    }
}

static void
read_ports(struct trace_db *db)
{
    const struct sbrec_port_binding *row;

    SBREC_PORT_BINDING_FOR_EACH (row, db->idl) {
        struct trace_dp *dp
            = dp_by_uuid(db, &row->datapath->header_.uuid);
        struct trace_port *port = xzalloc(sizeof *port);

        port->row = row;
        port->dp = dp;
        port->name = row->logical_port;
        port->friendly_name = smap_get_def(&row->external_ids, "name",
                                           port->name);
        port->type = row->type;
        port->key = row->tunnel_key;
        port->is_nf = lport_is_nf(&db->dialect, &row->options);
        if (!strcmp(port->type, "l3gateway")) {
            dp->has_l3gateway = true;
        }
        hmap_insert(&dp->ports, &port->key_node, hash_int(port->key, 0));
        shash_add(&db->ports, port->name, port);
    }
}

/* Finds the ports that ports are connected to. */
static void
connect_ports(struct trace_db *db)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &db->ports) {
        struct trace_port *port = node->data;
        const struct smap *options = &port->row->options;
        const char *other = smap_get(options, "peer");

        if (other && (!strcmp(port->type, "patch")
                      || !strcmp(port->type, "l3gateway"))) {
            port->peer = trace_db_port(db, other);
        }
        other = smap_get(options, "distributed-port");
        if (other && !strcmp(port->type, "chassisredirect")) {
            struct trace_port *distributed = trace_db_port(db, other);
            if (distributed && distributed->dp == port->dp) {
                port->distributed_port = distributed;
            }
        }
    }
}

static void
read_mcgroups(struct trace_db *db)
{
    const struct sbrec_multicast_group *row;

    SBREC_MULTICAST_GROUP_FOR_EACH (row, db->idl) {
        struct trace_mcgroup *mcgroup = xzalloc(sizeof *mcgroup);
        struct trace_dp *dp
            = dp_by_uuid(db, &row->datapath->header_.uuid);

        mcgroup->row = row;
        mcgroup->name = row->name;
        mcgroup->key = row->tunnel_key;
        hmap_insert(&dp->mcgroups, &mcgroup->key_node,
                    hash_int(mcgroup->key, 0));
    }
}

static void
read_sets(struct trace_db *db)
{
    const struct sbrec_address_set *as;
    SBREC_ADDRESS_SET_FOR_EACH (as, db->idl) {
        shash_add(&db->address_sets, as->name, as);
    }

    const struct sbrec_port_group *pg;
    SBREC_PORT_GROUP_FOR_EACH (pg, db->idl) {
        shash_add(&db->port_groups, pg->name, pg);
    }

    const struct sbrec_dhcp_options *v4;
    db->dhcp_opts = gen_opts_create();
    SBREC_DHCP_OPTIONS_FOR_EACH (v4, db->idl) {
        gen_opts_add(db->dhcp_opts, v4->name, v4->code, v4->type);
    }

    const struct sbrec_dhcpv6_options *v6;
    db->dhcpv6_opts = gen_opts_create();
    SBREC_DHCPV6_OPTIONS_FOR_EACH (v6, db->idl) {
        gen_opts_add(db->dhcpv6_opts, v6->name, v6->code, v6->type);
    }
}

/* Notes what has changed. */
static void
track_changes(struct trace_db *db)
{
    const struct sbrec_logical_flow *flow;

    db->ports_changed |= (sbrec_datapath_binding_track_get_first(db->idl)
                          || sbrec_port_binding_track_get_first(db->idl)
                          || sbrec_multicast_group_track_get_first(db->idl));
    db->sets_changed |= (sbrec_address_set_track_get_first(db->idl)
                         || sbrec_port_group_track_get_first(db->idl)
                         || sbrec_dhcp_options_track_get_first(db->idl)
                         || sbrec_dhcpv6_options_track_get_first(db->idl));
    db->lbs_changed |= (sbrec_load_balancer_track_get_first(db->idl)
                        || sbrec_sb_global_track_get_first(db->idl));
    db->chassis_changed |=
        (sbrec_chassis_track_get_first(db->idl)
         || sbrec_chassis_template_var_track_get_first(db->idl));
    db->flows_changed |= (sbrec_logical_dp_group_track_get_first(db->idl)
                          != NULL);
    SBREC_LOGICAL_FLOW_FOR_EACH_TRACKED (flow, db->idl) {
        uuidset_insert(&db->changed_flows, &flow->header_.uuid);
        db->flows_changed = true;
    }
    ovsdb_idl_track_clear(db->idl);
}

/* What the central speaks may change while we run. */
static void
refresh_dialect(struct trace_db *db)
{
    const struct sbrec_sb_global *global = sbrec_sb_global_first(db->idl);
    struct ovn_dialect dialect;

    ovn_dialect_choose(global ? &global->options : NULL, &dialect);
    if (!ovn_dialect_equal(&dialect, &db->dialect)) {
        db->dialect = dialect;
        db->ports_changed = true;
        trace_flows_clear(db->flows);
        trace_served_clear(db->served);
    }
}

/* What load balancers come to depends on everything. */
static void
refresh_lbs(struct trace_db *db)
{
    trace_served_clear(db->served);
    trace_lbs_forget_ports(db->lbs);
    if (db->lbs_changed || db->chassis_changed) {
        trace_lbs_refresh(db->lbs);
    }

    bool any_local = trace_lbs_any_local(db->lbs);
    if (any_local != db->any_local) {
        db->any_local = any_local;
        trace_flows_clear(db->flows);
    } else if (any_local || db->lbs_changed) {
        trace_flows_forget_lbs(db->flows);
    }
}

void
trace_db_refresh(struct trace_db *db)
{
    refresh_dialect(db);
    if (db->ports_changed) {
        clear_dps(db);
        read_dps(db);
        read_ports(db);
        connect_ports(db);
        read_mcgroups(db);
    }
    if (db->chassis_changed) {
        trace_flows_forget_views(db->flows);
    }
    if (db->sets_changed) {
        clear_sets(db);
        read_sets(db);
        trace_flows_forget(db->flows);
    }
    if (db->ports_changed || db->flows_changed || db->lbs_changed
        || db->chassis_changed) {
        refresh_lbs(db);
    }
    if (db->flows_changed && trace_rows_is_monitor(db->rows)) {
        trace_rows_refresh(db->rows);
        trace_flows_refresh(db->flows, &db->changed_flows);
        uuidset_clear(&db->changed_flows);
    }
    db->ports_changed = db->sets_changed = db->flows_changed = false;
    db->lbs_changed = db->chassis_changed = false;
}

void
trace_db_run(struct trace_db *db)
{
    ovsdb_idl_run(db->idl);
    track_changes(db);
    trace_rows_run(db->rows);
}

void
trace_db_wait(struct trace_db *db)
{
    ovsdb_idl_wait(db->idl);
    trace_rows_wait(db->rows);
}

char *
trace_db_error(const struct trace_db *db)
{
    if (ovsdb_idl_is_alive(db->idl)) {
        return trace_rows_error(db->rows);
    }

    int error = ovsdb_idl_get_last_error(db->idl);
    return xasprintf("database connection failed (%s)",
                     ovs_retval_to_string(error));
}

void
trace_db_enable_reconnect(struct trace_db *db)
{
    ovsdb_idl_enable_reconnect(db->idl);
}

bool
trace_db_is_ready(const struct trace_db *db)
{
    return ovsdb_idl_has_ever_connected(db->idl);
}

void
trace_db_destroy(struct trace_db *db)
{
    if (db) {
        trace_flows_destroy(db->flows);
        trace_served_destroy(db->served);
        trace_lbs_destroy(db->lbs);
        trace_rows_destroy(db->rows);
        clear_dps(db);
        clear_sets(db);
        hmap_destroy(&db->dps);
        shash_destroy(&db->ports);
        shash_destroy(&db->address_sets);
        shash_destroy(&db->parsed_sets);
        shash_destroy(&db->port_groups);
        expr_symtab_destroy(&db->symtab);
        shash_destroy(&db->symtab);
        uuidset_destroy(&db->wanted);
        uuidset_destroy(&db->missed);
        uuidset_destroy(&db->changed_flows);
        sset_destroy(db->warned);
        free(db->warned);
        ovsdb_idl_destroy(db->idl);
        free(db);
    }
}

bool
trace_db_has(struct trace_db *db, const struct trace_dp *dp)
{
    if (db->wants_all || uuidset_contains(&db->wanted, &dp->sb_uuid)) {
        return true;
    }
    uuidset_insert(&db->missed, &dp->sb_uuid);
    return false;
}

bool
trace_db_has_all(const struct trace_db *db)
{
    return db->wants_all;
}

/* Starts to select the logical flows of datapath 'uuid'. */
static void
fetch_flows(struct trace_db *db, const struct uuid *uuid)
{
    size_t n;
    struct uuid *owners = trace_db_owners(db, uuid, &n);

    trace_rows_fetch_datapath(db->rows, uuid);
    trace_rows_fetch_groups(db->rows, owners + 1, n - 1);
    free(owners);
}

bool
trace_db_fetch(struct trace_db *db, unsigned int *condition_seqno)
{
    bool is_monitor = trace_rows_is_monitor(db->rows);
    const struct uuidset_node *elem;

    if (uuidset_is_empty(&db->missed)) {
        return trace_rows_is_waiting(db->rows);
    }
    db->wants_all = shash_count(&db->ports) <= SMALL_DB;
    if (!is_monitor && db->any_local) {
        trace_rows_fetch_ids(db->rows);
    }
    if (db->wants_all && !is_monitor) {
        trace_rows_fetch_all(db->rows);
    }
    UUIDSET_FOR_EACH (elem, &db->missed) {
        uuidset_insert(&db->wanted, &elem->uuid);
        if (!db->wants_all && !is_monitor) {
            fetch_flows(db, &elem->uuid);
        }
    }
    uuidset_clear(&db->missed);
    if (db->any_local) {
        /* What has been parsed without the datapath is to be parsed again. */
        db->lbs_changed = true;
    }
    *condition_seqno = set_conditions(db);
    return true;
}

bool
trace_db_has_fetched(const struct trace_db *db, unsigned int condition_seqno)
{
    return (ovsdb_idl_get_condition_seqno(db->idl) >= condition_seqno
            && !trace_rows_is_waiting(db->rows));
}

/* Whether 'text' is 'uuid' or the start of it, with 4 digits or more. */
static bool
is_uuid(const struct uuid *uuid, const char *text)
{
    return uuid_is_partial_match(uuid, text) >= 4;
}

struct trace_dp *
trace_db_dp_by_name(const struct trace_db *db, const char *name)
{
    struct trace_dp *dp, *found = NULL;

    HMAP_FOR_EACH (dp, uuid_node, &db->dps) {
        if (!strcmp(name, dp->name) || !strcmp(name, dp->friendly_name)) {
            return dp;
        }
    }
    HMAP_FOR_EACH (dp, uuid_node, &db->dps) {
        if (is_uuid(&dp->sb_uuid, name) || is_uuid(&dp->nb_uuid, name)) {
            if (found) {
                /* The start of two. */
                return NULL;
            }
            found = dp;
        }
    }
    return found;
}

struct trace_port *
trace_db_port(const struct trace_db *db, const char *name)
{
    return shash_find_data(&db->ports, name);
}

struct trace_port *
trace_dp_port(const struct trace_dp *dp, uint32_t key)
{
    struct trace_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, key_node, hash_int(key, 0), &dp->ports) {
        if (port->key == key) {
            return port;
        }
    }
    return NULL;
}

struct trace_mcgroup *
trace_dp_mcgroup(const struct trace_dp *dp, uint32_t key)
{
    struct trace_mcgroup *mcgroup;

    HMAP_FOR_EACH_WITH_HASH (mcgroup, key_node, hash_int(key, 0),
                             &dp->mcgroups) {
        if (mcgroup->key == key) {
            return mcgroup;
        }
    }
    return NULL;
}

static bool
group_has(const struct sbrec_logical_dp_group *group, const struct uuid *dp)
{
    for (size_t i = 0; i < group->n_datapaths; i++) {
        if (uuid_equals(&group->datapaths[i]->header_.uuid, dp)) {
            return true;
        }
    }
    return false;
}

struct uuid *
trace_db_owners(const struct trace_db *db, const struct uuid *dp, size_t *n)
{
    const struct sbrec_logical_dp_group *group;
    struct uuid *owners = xmalloc(sizeof *owners);
    size_t allocated = 1;

    owners[0] = *dp;
    *n = 1;
    SBREC_LOGICAL_DP_GROUP_FOR_EACH (group, db->idl) {
        if (group_has(group, dp)) {
            if (*n >= allocated) {
                owners = x2nrealloc(owners, &allocated, sizeof *owners);
            }
            owners[(*n)++] = group->header_.uuid;
        }
    }
    return owners;
}

static int
compare_ports(const void *a_, const void *b_)
{
    const struct trace_port *const *a = a_;
    const struct trace_port *const *b = b_;

    return strcmp((*a)->name, (*b)->name);
}

struct trace_port **
trace_mcgroup_ports(const struct trace_db *db,
                    const struct trace_mcgroup *mcgroup, size_t *n)
{
    const struct sbrec_multicast_group *row = mcgroup->row;
    struct trace_port **ports = xmalloc(MAX(row->n_ports, 1) * sizeof *ports);

    *n = 0;
    for (size_t i = 0; i < row->n_ports; i++) {
        struct trace_port *port = trace_db_port(db,
                                                row->ports[i]->logical_port);
        if (port) {
            ports[(*n)++] = port;
        }
    }
    qsort(ports, *n, sizeof *ports, compare_ports);
    return ports;
}

/* A look-up of a neighbor. */
struct neighbor_query {
    const struct trace_port *port;
    struct in6_addr ip;
    const struct eth_addr *mac; /* Only rows with this one; NULL: any. */
    struct eth_addr found;      /* The MAC of the best row. */
    int rank;                   /* Of that; -1 if there is none. */
};

static void
consider_neighbor(struct neighbor_query *query, const char *logical_port,
                  const char *ip, const char *mac, enum neighbor_rank rank)
{
    struct neighbor neighbor;

    if (!strcmp(logical_port, query->port->name)
        && !neighbor_parse(&neighbor, ip, mac)
        && ipv6_addr_equals(&neighbor.ip, &query->ip)
        && (!query->mac || eth_addr_equals(neighbor.mac, *query->mac))
        && (int) rank > query->rank) {
        query->rank = rank;
        query->found = neighbor.mac;
    }
}

static bool
find_neighbor(const struct trace_db *db, struct neighbor_query *query)
{
    const struct sbrec_static_mac_binding *fixed;
    const struct sbrec_mac_binding *row;

    query->rank = -1;
    if (query->port) {
        SBREC_MAC_BINDING_FOR_EACH (row, db->idl) {
            consider_neighbor(query, row->logical_port, row->ip, row->mac,
                              neighbor_rank(false, false));
        }
        SBREC_STATIC_MAC_BINDING_FOR_EACH (fixed, db->idl) {
            consider_neighbor(query, fixed->logical_port, fixed->ip,
                              fixed->mac,
                              neighbor_rank(true,
                                            fixed->override_dynamic_mac));
        }
    }
    return query->rank >= 0;
}

bool
trace_db_neighbor(const struct trace_db *db, const struct trace_dp *dp,
                  uint32_t port_key, const struct in6_addr *ip,
                  struct eth_addr *mac)
{
    struct neighbor_query query = {
        .port = trace_dp_port(dp, port_key), .ip = *ip,
    };

    if (!find_neighbor(db, &query)) {
        return false;
    }
    *mac = query.found;
    return true;
}

bool
trace_db_has_neighbor(const struct trace_db *db, const struct trace_dp *dp,
                      uint32_t port_key, const struct in6_addr *ip,
                      struct eth_addr mac)
{
    struct neighbor_query query = {
        .port = trace_dp_port(dp, port_key), .ip = *ip, .mac = &mac,
    };

    return find_neighbor(db, &query);
}

uint32_t
trace_db_fdb(const struct trace_db *db, const struct trace_dp *dp,
             struct eth_addr mac)
{
    const struct sbrec_fdb *row;

    SBREC_FDB_FOR_EACH (row, db->idl) {
        struct eth_addr row_mac;

        if (row->dp_key == dp->key
            && eth_addr_from_string(row->mac, &row_mac)
            && eth_addr_equals(row_mac, mac)) {
            return row->port_key;
        }
    }
    return 0;
}

void
trace_db_warn(struct trace_db *db, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *text = xvasprintf(format, args);
    va_end(args);
    if (sset_add(db->warned, text)) {
        VLOG_WARN("%s", text);
    }
    free(text);
}

void
trace_db_forget_warnings(struct trace_db *db)
{
    sset_clear(db->warned);
}

/* What the language library asks. */

static const struct expr_constant_set *
env_address_set(const char *name, void *env_)
{
    struct trace_env *env = env_;
    struct trace_db *db = env->db;
    struct expr_constant_set *set = shash_find_data(&db->parsed_sets, name);
    const struct sbrec_address_set *as = shash_find_data(&db->address_sets,
                                                         name);

    if (!set && as) {
        char *errors;

        set = expr_constant_set_from_addresses(
            (const char *const *) as->addresses, as->n_addresses,
            &errors);
        if (errors) {
            trace_db_warn(db, "address set %s: %s", name, errors);
            free(errors);
        }
        shash_add(&db->parsed_sets, name, set);
    }
    return set;
}

/* A port group's row is about one datapath, whose key its name starts
 * with. */
static const struct expr_constant_set *
env_port_group(const char *name, void *env_)
{
    struct trace_env *env = env_;
    struct trace_db *db = env->db;
    uint32_t key = env->dp ? env->dp->key : 0;
    char *full_name = xasprintf("%"PRIu32"_%s", key, name);
    const struct sbrec_port_group *pg = shash_find_data(&db->port_groups,
                                                        full_name);
    struct expr_constant_set *set = shash_find_data(&db->parsed_sets,
                                                    full_name);

    if (!set && pg) {
        set = expr_constant_set_from_ports(
            (const char *const *) pg->ports, pg->n_ports);
        shash_add(&db->parsed_sets, full_name, set);
    }
    free(full_name);
    return set;
}

static const char *
env_template_var(const char *name, void *env_)
{
    const struct trace_env *env = env_;

    return trace_chassis_template_var(env->db->idl, env->chassis, name);
}

static const struct trace_mcgroup *
mcgroup_by_name(const struct trace_dp *dp, const char *name)
{
    const struct trace_mcgroup *mcgroup;

    HMAP_FOR_EACH (mcgroup, key_node, &dp->mcgroups) {
        if (!strcmp(mcgroup->name, name)) {
            return mcgroup;
        }
    }
    return NULL;
}

static bool
env_port_key(const char *name, unsigned int *key, void *env_)
{
    struct trace_env *env = env_;
    const struct trace_port *port = trace_db_port(env->db, name);

    if (port) {
        *key = port->key;
        return !env->dp || port->dp == env->dp;
    }
    if (!strcmp(name, "none")) {
        /* What get_fdb() finds where it finds nothing. */
        *key = 0;
        return true;
    }

    const struct trace_mcgroup *mcgroup
        = env->dp ? mcgroup_by_name(env->dp, name) : NULL;
    if (mcgroup) {
        *key = mcgroup->key;
        return true;
    }

    if (name[0] && !env->is_microflow) {
        trace_db_warn(env->db, "%s: unknown logical port", name);
    } else if (name[0] && !env->unknown_port) {
        env->unknown_port = xstrdup(name);
    }
    return false;
}

static bool
env_is_chassis_resident(const char *name, void *env_)
{
    struct trace_env *env = env_;
    const struct trace_port *port = trace_db_port(env->db, name);

    if (!port) {
        trace_db_warn(env->db, "%s: unknown logical port", name);
        return false;
    }
    return trace_chassis_is_resident(env->chassis, port);
}

void
trace_env_init(struct trace_env *env, struct trace_db *db,
               const struct trace_dp *dp, const struct sbrec_chassis *chassis)
{
    *env = (struct trace_env) {
        .env = {
            .symtab = &db->symtab,
            .address_set = env_address_set,
            .port_group = env_port_group,
            .template_var = chassis ? env_template_var : NULL,
            .port_key = env_port_key,
            .is_chassis_resident = env_is_chassis_resident,
            .aux = env,
        },
        .db = db,
        .dp = dp,
        .chassis = chassis,
    };
}
