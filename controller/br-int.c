/* SPDX-License-Identifier: Apache-2.0 */

/* The integration bridge; see br-int.h. */

#include <config.h>
#include "br-int.h"

#include <string.h>

#include "dirs.h"
#include "idl-columns.h"
#include "inputs.h"
#include "module.h"
#include "openvswitch/vlog.h"
#include "ovs-config.h"
#include "ovs-port.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "smap.h"
#include "util.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(br_int);

/* The datapath type that is configured, or NULL. */
static const char *
configured_datapath_type(const struct ovsrec_open_vswitch *cfg,
                         const char *chassis_name)
{
    const char *type = ovs_config_get(cfg, chassis_name,
                                      "ovn-bridge-datapath-type");
    return type && type[0] ? type : NULL;
}

static void
create(const struct ovsrec_open_vswitch *cfg, struct ovsdb_idl_txn *txn,
       const char *name, const char *datapath_type)
{
    VLOG_INFO("creating integration bridge '%s'", name);
    ovsdb_idl_txn_add_comment(
        txn, "ovn-controller: creating integration bridge '%s'", name);

    struct ovsrec_interface *iface = ovsrec_interface_insert(txn);
    ovsrec_interface_set_name(iface, name);
    ovsrec_interface_set_type(iface, "internal");

    struct ovsrec_port *port = ovsrec_port_insert(txn);
    ovsrec_port_set_name(port, name);
    ovsrec_port_set_interfaces(port, &iface, 1);

    /* A fixed hardware address: otherwise the bridge's, and with it its
     * datapath id, would depend on the ports that come and go. */
    struct eth_addr mac;
    eth_addr_random(&mac);
    char mac_s[ETH_ADDR_STRLEN + 1];
    snprintf(mac_s, sizeof mac_s, ETH_ADDR_FMT, ETH_ADDR_ARGS(mac));
    struct smap other_config = SMAP_INITIALIZER(&other_config);
    smap_add(&other_config, "disable-in-band", "true");
    smap_add(&other_config, "hwaddr", mac_s);

    struct ovsrec_bridge *br = ovsrec_bridge_insert(txn);
    ovsrec_bridge_set_name(br, name);
    ovsrec_bridge_set_fail_mode(br, "secure");
    ovsrec_bridge_set_datapath_type(br,
                                    datapath_type ? datapath_type : "system");
    ovsrec_bridge_set_other_config(br, &other_config);
    ovsrec_bridge_set_ports(br, &port, 1);
    smap_destroy(&other_config);

    ovsrec_open_vswitch_update_bridges_addvalue(cfg, br);
}

static void
update(const struct ovsrec_bridge *br, const char *datapath_type)
{
    /* Whoever reads an empty type must not have to know what it means. */
    if (!datapath_type) {
        datapath_type = ovs_bridge_datapath_type(br);
    }
    if (strcmp(br->datapath_type, datapath_type)) {
        ovsrec_bridge_set_datapath_type(br, datapath_type);
    }
    /* In standalone mode, the switch would fall back to being an ordinary
     * one and join all logical networks, whenever we are away. */
    if (!br->fail_mode || strcmp(br->fail_mode, "secure")) {
        ovsrec_bridge_set_fail_mode(br, "secure");
        VLOG_WARN("Integration bridge fail-mode changed to 'secure'.");
    }
}

/* Lets the switch look behind as many VLAN tags as its datapath can, instead
 * of one: logical flows are about what is behind those of a tenant. */
static void
lift_vlan_limit(const struct ovsrec_open_vswitch *cfg)
{
    if (strcmp(smap_get_def(&cfg->other_config, "vlan-limit", ""), "0")) {
        ovsrec_open_vswitch_update_other_config_setkey(cfg, "vlan-limit", "0");
    }
}

/* ovs-vswitchd reports what a datapath can do in its Datapath row, if somebody
 * else has added that. */
static void
add_datapath(const struct ovsrec_open_vswitch *cfg, struct ovsdb_idl_txn *txn,
             const struct ovsrec_bridge *br)
{
    const char *type = ovs_bridge_datapath_type(br);

    for (size_t i = 0; i < cfg->n_datapaths; i++) {
        if (!strcmp(cfg->key_datapaths[i], type)) {
            return;
        }
    }
    ovsrec_open_vswitch_update_datapaths_setkey(
        cfg, type, ovsrec_datapath_insert(txn));
}

/* What ovs-vswitchd keeps tries of, so that a packet's datapath flow matches
 * only as many bits of an address as tell it from the addresses in the flow
 * table.  Left to itself, it has none for IPv6: every destination gets a
 * datapath flow of its own.  Open vSwitch 3.1 bears three. */
static const char *prefixes[] = { "ip_dst", "ip_src", "ipv6_dst" };

/* Says which Flow_Table row is for 'prefixes'. */
#define PREFIXES_ID "ovn-prefixes"

static struct ovsrec_flow_table *
find_prefixes_row(const struct ovsrec_bridge *br)
{
    for (size_t i = 0; i < br->n_flow_tables; i++) {
        struct ovsrec_flow_table *row = br->value_flow_tables[i];

        if (smap_get_bool(&row->external_ids, PREFIXES_ID, false)) {
            return row;
        }
    }
    return NULL;
}

static bool
has_prefixes(const struct ovsrec_flow_table *row)
{
    if (row->n_prefixes != ARRAY_SIZE(prefixes)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        if (strcmp(row->prefixes[i], prefixes[i])) {
            return false;
        }
    }
    return true;
}

/* Makes all tables of the pipeline keep tries of 'prefixes', by a row that
 * they share.  Tables that have a row of somebody else are left alone. */
static void
track_prefixes(const struct ovsrec_bridge *br, struct ovsdb_idl_txn *txn)
{
    struct ovsrec_flow_table *row = find_prefixes_row(br);
    const int n_tables = inputs_dialect()->tables.n;
    bool has_row[UINT8_MAX + 1] = { false };

    for (size_t i = 0; i < br->n_flow_tables; i++) {
        int64_t table = br->key_flow_tables[i];

        if (table < n_tables) {
            has_row[table] = true;
        } else if (br->value_flow_tables[i] == row) {
            /* Of another release's pipeline, which was longer. */
            ovsrec_bridge_update_flow_tables_delkey(br, table);
        }
    }
    for (int table = 0; table < n_tables; table++) {
        if (has_row[table]) {
            continue;
        }
        if (!row) {
            row = ovsrec_flow_table_insert(txn);
            ovsrec_flow_table_update_external_ids_setkey(row, PREFIXES_ID,
                                                         "true");
        }
        ovsrec_bridge_update_flow_tables_setkey(br, table, row);
    }
    if (row && !has_prefixes(row)) {
        ovsrec_flow_table_set_prefixes(row, prefixes, ARRAY_SIZE(prefixes));
    }
}

#define BRIDGE_KEY "ovn-bridge"

bool
br_int_may_have_been(const struct ovsrec_open_vswitch *cfg,
                     const char *chassis_name, const char *br_int,
                     const char *bridge)
{
    const char *all = smap_get_def(&cfg->external_ids, BRIDGE_KEY, "");
    char *own_key = xasprintf(BRIDGE_KEY"-%s", chassis_name);
    bool has_own_key = smap_get(&cfg->external_ids, own_key) != NULL;
    bool may_have = strcmp(bridge, br_int) != 0;
    const struct smap_node *node;

    /* Somebody else may go by the key for all. */
    if (has_own_key && !strcmp(bridge, all[0] ? all : DEFAULT_BRIDGE)) {
        may_have = false;
    }
    SMAP_FOR_EACH (node, &cfg->external_ids) {
        if (!strncmp(node->key, BRIDGE_KEY"-", strlen(BRIDGE_KEY"-"))
            && strcmp(node->key, own_key) && !strcmp(node->value, bridge)) {
            may_have = false;
        }
    }
    free(own_key);
    return may_have;
}

/* Returns the bridge called 'name', or NULL while there is none.  'ovs_txn'
 * may be NULL while one is in flight; then it only looks. */
static const struct ovsrec_bridge *
keep_bridge(struct ovsdb_idl *ovs_idl, struct ovsdb_idl_txn *ovs_txn,
            const char *name, const char *chassis_name)
{
    const struct ovsrec_open_vswitch *cfg = ovsrec_open_vswitch_first(ovs_idl);
    if (!cfg) {
        return NULL;
    }

    const struct ovsrec_bridge *br = ovs_bridge_find(ovs_idl, name);
    const char *type = configured_datapath_type(cfg, chassis_name);
    if (ovs_txn) {
        lift_vlan_limit(cfg);
        if (br) {
            update(br, type);
            add_datapath(cfg, ovs_txn, br);
            track_prefixes(br, ovs_txn);
        } else {
            create(cfg, ovs_txn, name, type);
        }
    }
    return br;
}

static void
register_ovs(struct idl_columns *all)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &ovsrec_open_vswitch_col_bridges,
        &ovsrec_open_vswitch_col_external_ids,
        &ovsrec_open_vswitch_col_other_config,
        &ovsrec_open_vswitch_col_datapaths,
        &ovsrec_open_vswitch_col_cur_cfg,
        &ovsrec_open_vswitch_col_next_cfg,
        &ovsrec_datapath_col_capabilities,
        &ovsrec_bridge_col_name,
        &ovsrec_bridge_col_ports,
        &ovsrec_bridge_col_fail_mode,
        &ovsrec_bridge_col_datapath_type,
        &ovsrec_bridge_col_other_config,
        &ovsrec_bridge_col_external_ids,
        &ovsrec_bridge_col_flow_tables,
        &ovsrec_flow_table_col_prefixes,
        &ovsrec_flow_table_col_external_ids,
        &ovsrec_port_col_name,
        &ovsrec_port_col_interfaces,
        &ovsrec_interface_col_name,
        &ovsrec_interface_col_type,
        &ovsrec_interface_col_external_ids,
    };

    idl_columns_add_all(all, columns, ARRAY_SIZE(columns), IDL_READ);
}

static void
run(struct turn *turn)
{
    turn->br_int = keep_bridge(turn->ovs_idl, turn->ovs_txn,
                               turn->config->br_int,
                               turn->config->chassis_name);
    turn->target = (!turn->br_int ? NULL
                    : turn->config->bridge_remote
                    ? xstrdup(turn->config->bridge_remote)
                    : xasprintf("unix:%s/%s.mgmt", ovs_rundir(),
                                turn->config->br_int));
}

const struct module br_int_module = {
    .name = "br-int",
    .register_ovs = register_ovs,
    .run = run,
};
