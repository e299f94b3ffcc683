/* SPDX-License-Identifier: Apache-2.0 */

/* Which port an Ethernet address is behind: put_fdb of ovn-sb(5), rows of
 * FDB.  Several packets may say different things about an address: the last
 * one counts. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "idl-columns.h"
#include "module.h"
#include "ovn-sb-idl.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "pinctrl/service.h"
#include "timeval.h"
#include "util.h"

struct learned {
    uint32_t dp_key;
    uint32_t port_key;
    struct eth_addr mac;
};

struct pin_service fdb_pin_service;

/* Main thread. */

static struct ovsdb_idl_index *fdb_by_dp_mac;

static void
register_sb(struct idl_columns *columns)
{
    idl_columns_add(columns, &sbrec_fdb_col_port_key, IDL_READ);
    idl_columns_add(columns, &sbrec_fdb_col_timestamp, IDL_WRITE);
    idl_columns_add_index(columns, &fdb_by_dp_mac, &sbrec_fdb_col_dp_key,
                          &sbrec_fdb_col_mac);
}

static enum pin_written
write_fdb(void *learned, const struct turn *turn,
          const struct sbrec_chassis *us OVS_UNUSED)
{
    const struct learned *l = learned;
    char mac[ETH_ADDR_STRLEN + 1];

    snprintf(mac, sizeof mac, ETH_ADDR_FMT, ETH_ADDR_ARGS(l->mac));
    struct sbrec_fdb *target = sbrec_fdb_index_init_row(fdb_by_dp_mac);
    sbrec_fdb_index_set_dp_key(target, l->dp_key);
    sbrec_fdb_index_set_mac(target, mac);
    const struct sbrec_fdb *row = sbrec_fdb_index_find(fdb_by_dp_mac, target);
    sbrec_fdb_index_destroy_row(target);

    if (row && row->port_key == l->port_key) {
        return PIN_DONE;
    }
    if (!row) {
        row = sbrec_fdb_insert(turn->sb_txn);
        sbrec_fdb_set_dp_key(row, l->dp_key);
        sbrec_fdb_set_mac(row, mac);
    }
    sbrec_fdb_set_port_key(row, l->port_key);
    if (sbrec_server_has_fdb_table_col_timestamp(turn->sb_idl)) {
        sbrec_fdb_set_timestamp(row, time_wall_msec());
    }
    return PIN_WRITTEN;
}

/* Packet thread. */

static void
handle_put_fdb(const struct pin *pin)
{
    const struct eth_addr mac = pin->headers->dl_src;
    uint8_t key[sizeof pin->dp_key + sizeof mac];

    /* No port is where a group's address is. */
    if (eth_addr_is_multicast(mac) || eth_addr_is_zero(mac)) {
        return;
    }
    const struct learned new = {
        .dp_key = pin->dp_key,
        .port_key = pin->inport_key,
        .mac = mac,
    };
    memcpy(key, &new.dp_key, sizeof new.dp_key);
    memcpy(&key[sizeof new.dp_key], &mac, sizeof mac);
    pin_result_put(&fdb_pin_service, (struct inc_key) { key, sizeof key },
                   xmemdup(&new, sizeof new));
}

struct pin_service fdb_pin_service = {
    .name = "fdb",
    .opcodes = { { ACTION_OPCODE_PUT_FDB, handle_put_fdb, false } },
    .register_sb = register_sb,
    .write = write_fdb,
    .max_results = 1000,
};
