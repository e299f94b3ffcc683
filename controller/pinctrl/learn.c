/* SPDX-License-Identifier: Apache-2.0 */

/* What is learned from packets goes into southbound tables: MAC_Binding
 * (put_arp, put_nd) and FDB (put_fdb).
 *
 * Several packets may say the same, or say different things about the same
 * address: the last one counts. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "idl-columns.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "ovn-sb-idl.h"
#include "ovn/logical-fields.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "pinctrl/service.h"
#include "timeval.h"
#include "util.h"

/* Something learned: (dp_key, port_key, ip) -> mac or (dp_key, mac) ->
 * port_key. */
struct learned {
    bool is_fdb;
    uint32_t dp_key;
    uint32_t port_key;
    struct in6_addr ip;         /* IPv4 as IPv4-mapped; zero for an FDB. */
    struct eth_addr mac;
};

static struct ovsdb_idl_index *mac_binding_by_lport_ip;
static struct ovsdb_idl_index *fdb_by_dp_mac;

static void
register_sb(struct idl_columns *columns)
{
    static const struct ovsdb_idl_column *const read[] = {
        &sbrec_port_binding_col_logical_port,
        &sbrec_port_binding_col_options,
        &sbrec_mac_binding_col_mac,
        &sbrec_mac_binding_col_datapath,
        &sbrec_fdb_col_port_key,
    };

    idl_columns_add_all(columns, read, ARRAY_SIZE(read), IDL_READ);
    idl_columns_add(columns, &sbrec_mac_binding_col_timestamp, IDL_WRITE);
    idl_columns_add_index(columns, &mac_binding_by_lport_ip,
                          &sbrec_mac_binding_col_logical_port,
                          &sbrec_mac_binding_col_ip);
    idl_columns_add_index(columns, &fdb_by_dp_mac, &sbrec_fdb_col_dp_key,
                          &sbrec_fdb_col_mac);
}

/* Writing. */

static enum pin_written
write_mac_binding(struct ovsdb_idl_txn *txn, const struct learned *e)
{
    const struct sbrec_port_binding *pb = pin_find_port(e->dp_key,
                                                        e->port_key);
    if (!pb) {
        return PIN_MOOT;        /* Gone in the meantime. */
    }

    char *mac = xasprintf(ETH_ADDR_FMT, ETH_ADDR_ARGS(e->mac));
    struct ds ip = DS_EMPTY_INITIALIZER;
    ipv6_format_mapped(&e->ip, &ip);

    struct sbrec_mac_binding *target
        = sbrec_mac_binding_index_init_row(mac_binding_by_lport_ip);
    sbrec_mac_binding_index_set_logical_port(target, pb->logical_port);
    sbrec_mac_binding_index_set_ip(target, ds_cstr(&ip));
    const struct sbrec_mac_binding *row
        = sbrec_mac_binding_index_find(mac_binding_by_lport_ip, target);
    sbrec_mac_binding_index_destroy_row(target);

    bool done = row && !strcmp(row->mac, mac) && row->datapath == pb->datapath;
    if (!done) {
        if (!row) {
            row = sbrec_mac_binding_insert(txn);
            sbrec_mac_binding_set_logical_port(row, pb->logical_port);
            sbrec_mac_binding_set_ip(row, ds_cstr(&ip));
        }
        sbrec_mac_binding_set_datapath(row, pb->datapath);
        sbrec_mac_binding_set_mac(row, mac);
        sbrec_mac_binding_set_timestamp(row, time_wall_msec());
    }
    free(mac);
    ds_destroy(&ip);
    return done ? PIN_DONE : PIN_WRITTEN;
}

static enum pin_written
write_fdb(struct ovsdb_idl_txn *txn, const struct learned *e)
{
    char *mac = xasprintf(ETH_ADDR_FMT, ETH_ADDR_ARGS(e->mac));
    struct sbrec_fdb *target = sbrec_fdb_index_init_row(fdb_by_dp_mac);
    sbrec_fdb_index_set_dp_key(target, e->dp_key);
    sbrec_fdb_index_set_mac(target, mac);
    const struct sbrec_fdb *row = sbrec_fdb_index_find(fdb_by_dp_mac, target);
    sbrec_fdb_index_destroy_row(target);

    bool done = row && row->port_key == e->port_key;
    if (!done) {
        if (!row) {
            row = sbrec_fdb_insert(txn);
            sbrec_fdb_set_dp_key(row, e->dp_key);
            sbrec_fdb_set_mac(row, mac);
        }
        sbrec_fdb_set_port_key(row, e->port_key);
    }
    free(mac);
    return done ? PIN_DONE : PIN_WRITTEN;
}

static enum pin_written
write_learned(void *learned, const struct turn *turn,
              const struct sbrec_chassis *us OVS_UNUSED)
{
    const struct learned *e = learned;

    return (e->is_fdb ? write_fdb(turn->sb_txn, e)
            : write_mac_binding(turn->sb_txn, e));
}

/* Packet-ins. */

struct pin_service learn_pin_service;

static void
learn(const struct learned *new)
{
    /* RFC 1812, 3.3.2: nobody is behind a group's address, whatever a packet
     * says. */
    if (eth_addr_is_multicast(new->mac) || eth_addr_is_zero(new->mac)) {
        return;
    }

    /* What it is about: the rest is what has been learned. */
    struct learned key;
    memset(&key, 0, sizeof key); /* Padding, too. */
    key.is_fdb = new->is_fdb;
    key.dp_key = new->dp_key;
    key.ip = new->ip;
    if (new->is_fdb) {
        key.mac = new->mac;
    } else {
        key.port_key = new->port_key;
    }
    pin_result_put(&learn_pin_service, (struct inc_key) { &key, sizeof key },
                   xmemdup(new, sizeof *new));
}

static void
handle_put_arp(const struct pin *pin)
{
    const struct learned new = {
        .dp_key = pin->dp_key,
        .port_key = pin->inport_key,
        .ip = in6_addr_mapped_ipv4(htonl(pin->md->regs[0])),
        .mac = pin->headers->dl_src,
    };

    learn(&new);
}

static void
handle_put_nd(const struct pin *pin)
{
    const ovs_u128 ip = flow_get_xxreg(pin->md, 0);
    const ovs_be128 be_ip = hton128(ip);
    struct learned new = {
        .dp_key = pin->dp_key,
        .port_key = pin->inport_key,
        .mac = pin->headers->dl_src,
    };

    memcpy(&new.ip, &be_ip, sizeof new.ip);
    learn(&new);
}

static void
handle_put_fdb(const struct pin *pin)
{
    const struct learned new = {
        .is_fdb = true,
        .dp_key = pin->dp_key,
        .port_key = pin->inport_key,
        .mac = pin->headers->dl_src,
    };

    learn(&new);
}

struct pin_service learn_pin_service = {
    .name = "learn",
    .opcodes = {
        { ACTION_OPCODE_PUT_ARP, handle_put_arp },
        { ACTION_OPCODE_PUT_ND, handle_put_nd },
        { ACTION_OPCODE_PUT_FDB, handle_put_fdb },
    },
    .register_sb = register_sb,
    .write = write_learned,
    .max_results = 1000,
};
