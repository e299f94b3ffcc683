/* SPDX-License-Identifier: Apache-2.0 */

/* Rows of MAC_Binding; see mac-row.h. */

#include <config.h>
#include "pinctrl/mac-row.h"

#include <string.h>

#include "idl-columns.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "ovn-sb-idl.h"
#include "ovs-compat.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"

static struct ovsdb_idl_index *mac_binding_by_lport_ip;

void
mac_row_register_sb(struct idl_columns *columns)
{
    static const struct ovsdb_idl_column *const read[] = {
        &sbrec_port_binding_col_logical_port,
        &sbrec_mac_binding_col_mac,
        &sbrec_mac_binding_col_datapath,
    };

    idl_columns_add_all(columns, read, ARRAY_SIZE(read), IDL_READ);
    idl_columns_add(columns, &sbrec_mac_binding_col_timestamp, IDL_WRITE);
    idl_columns_add_index(columns, &mac_binding_by_lport_ip,
                          &sbrec_mac_binding_col_logical_port,
                          &sbrec_mac_binding_col_ip);
}

static const struct sbrec_mac_binding *
find_row(const struct sbrec_port_binding *pb, const char *ip)
{
    struct sbrec_mac_binding *target
        = sbrec_mac_binding_index_init_row(mac_binding_by_lport_ip);

    sbrec_mac_binding_index_set_logical_port(target, pb->logical_port);
    sbrec_mac_binding_index_set_ip(target, ip);
    const struct sbrec_mac_binding *row
        = sbrec_mac_binding_index_find(mac_binding_by_lport_ip, target);
    sbrec_mac_binding_index_destroy_row(target);
    return row;
}

static void
write_row(const struct sbrec_mac_binding *row,
          const struct sbrec_port_binding *pb, const char *ip,
          const char *mac, struct ovsdb_idl_txn *txn)
{
    if (!row) {
        row = sbrec_mac_binding_insert(txn);
        sbrec_mac_binding_set_logical_port(row, pb->logical_port);
        sbrec_mac_binding_set_ip(row, ip);
    }
    sbrec_mac_binding_set_datapath(row, pb->datapath);
    sbrec_mac_binding_set_mac(row, mac);
    sbrec_mac_binding_set_timestamp(row, time_wall_msec());
}

enum pin_written
mac_row_write(uint32_t dp_key, uint32_t port_key, const struct in6_addr *ip_,
              struct eth_addr mac_, bool only_update, const struct turn *turn)
{
    const struct sbrec_port_binding *pb = pin_find_port(dp_key, port_key);
    if (!pb) {
        return PIN_MOOT;        /* Gone in the meantime. */
    }

    char mac[ETH_ADDR_STRLEN + 1];
    struct ds ip = DS_EMPTY_INITIALIZER;
    snprintf(mac, sizeof mac, ETH_ADDR_FMT, ETH_ADDR_ARGS(mac_));
    ipv6_format_mapped(ip_, &ip);

    enum pin_written written = PIN_WRITTEN;
    const struct sbrec_mac_binding *row = find_row(pb, ds_cstr(&ip));
    if (!row && only_update) {
        written = PIN_MOOT;
    } else if (row && !strcmp(row->mac, mac)
               && row->datapath == pb->datapath) {
        written = PIN_DONE;
    } else {
        write_row(row, pb, ds_cstr(&ip), mac, turn->sb_txn);
    }
    ds_destroy(&ip);
    return written;
}
