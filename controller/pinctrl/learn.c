/* SPDX-License-Identifier: Apache-2.0 */

/* What is learned from packets goes into southbound tables: MAC_Binding
 * (put_arp, put_nd) and FDB (put_fdb).
 *
 * A packet-in becomes a pending entry at once; learn_commit() writes it when
 * there is a transaction.  An entry stays until its row is there, since a
 * transaction may fail: another chassis may have learned the same at the same
 * time.  The number of pending entries, and how often each is tried, is
 * bounded, because anybody may send packets. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "coverage.h"
#include "flow.h"
#include "hash.h"
#include "idl-columns.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "ovn/logical-fields.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "pinctrl/pinctrl-private.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_learn);

COVERAGE_DEFINE(pinctrl_drop_learned);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

#define MAX_PENDING 1000
#define MAX_TRIES 5

/* Something learned: (dp_key, port_key, ip) -> mac or (dp_key, mac) ->
 * port_key. */
struct learned {
    struct hmap_node hmap_node; /* In 'pending'. */
    bool is_fdb;
    uint32_t dp_key;
    uint32_t port_key;
    struct in6_addr ip;         /* IPv4 as IPv4-mapped; zero for an FDB. */
    struct eth_addr mac;
    int n_tries;
};

static struct hmap pending = HMAP_INITIALIZER(&pending);

static struct ovsdb_idl_index *datapath_by_key;
static struct ovsdb_idl_index *port_by_key;
static struct ovsdb_idl_index *mac_binding_by_lport_ip;
static struct ovsdb_idl_index *fdb_by_dp_mac;

void
learn_register_sb(struct idl_columns *columns)
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
    idl_columns_add_index(columns, &datapath_by_key,
                          &sbrec_datapath_binding_col_tunnel_key, NULL);
    idl_columns_add_index(columns, &port_by_key,
                          &sbrec_port_binding_col_datapath,
                          &sbrec_port_binding_col_tunnel_key);
    idl_columns_add_index(columns, &mac_binding_by_lport_ip,
                          &sbrec_mac_binding_col_logical_port,
                          &sbrec_mac_binding_col_ip);
    idl_columns_add_index(columns, &fdb_by_dp_mac, &sbrec_fdb_col_dp_key,
                          &sbrec_fdb_col_mac);
}

static void
forget(struct learned *e)
{
    hmap_remove(&pending, &e->hmap_node);
    free(e);
}

void
learn_destroy(void)
{
    struct learned *e;

    HMAP_FOR_EACH_SAFE (e, hmap_node, &pending) {
        forget(e);
    }
    hmap_destroy(&pending);
    hmap_init(&pending);
}

/* Looking rows up. */

static const struct sbrec_datapath_binding *
find_datapath(uint32_t dp_key)
{
    struct sbrec_datapath_binding *target
        = sbrec_datapath_binding_index_init_row(datapath_by_key);
    sbrec_datapath_binding_index_set_tunnel_key(target, dp_key);

    const struct sbrec_datapath_binding *dp
        = sbrec_datapath_binding_index_find(datapath_by_key, target);
    sbrec_datapath_binding_index_destroy_row(target);
    return dp;
}

const struct sbrec_port_binding *
learn_find_port(uint32_t dp_key, uint32_t port_key)
{
    const struct sbrec_datapath_binding *dp = find_datapath(dp_key);
    if (!dp) {
        return NULL;
    }

    struct sbrec_port_binding *target
        = sbrec_port_binding_index_init_row(port_by_key);
    sbrec_port_binding_index_set_datapath(target, dp);
    sbrec_port_binding_index_set_tunnel_key(target, port_key);

    const struct sbrec_port_binding *pb
        = sbrec_port_binding_index_find(port_by_key, target);
    sbrec_port_binding_index_destroy_row(target);
    return pb;
}

/* Writing. */

/* Returns true if nothing is left to do. */
static bool
commit_mac_binding(struct ovsdb_idl_txn *txn, const struct learned *e)
{
    const struct sbrec_port_binding *pb = learn_find_port(e->dp_key,
                                                          e->port_key);
    if (!pb) {
        return true;            /* Gone in the meantime. */
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
    return done;
}

static bool
commit_fdb(struct ovsdb_idl_txn *txn, const struct learned *e)
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
    return done;
}

void
learn_commit(struct ovsdb_idl_txn *txn)
{
    struct learned *e;

    HMAP_FOR_EACH_SAFE (e, hmap_node, &pending) {
        bool done = (e->is_fdb ? commit_fdb(txn, e)
                     : commit_mac_binding(txn, e));

        if (done || ++e->n_tries >= MAX_TRIES) {
            forget(e);
        }
    }
}

/* Packet-ins. */

static void
learn(const struct learned *new)
{
    /* RFC 1812, 3.3.2: nobody is behind a group's address, whatever a packet
     * says. */
    if (eth_addr_is_multicast(new->mac) || eth_addr_is_zero(new->mac)) {
        return;
    }

    uint32_t hash = hash_int(new->dp_key, new->is_fdb);
    hash = hash_bytes(&new->ip, sizeof new->ip, hash);
    hash = (new->is_fdb ? hash_bytes(&new->mac, sizeof new->mac, hash)
            : hash_int(new->port_key, hash));

    struct learned *e;
    HMAP_FOR_EACH_WITH_HASH (e, hmap_node, hash, &pending) {
        if (e->is_fdb == new->is_fdb && e->dp_key == new->dp_key
            && ipv6_addr_equals(&e->ip, &new->ip)
            && (new->is_fdb ? eth_addr_equals(e->mac, new->mac)
                : e->port_key == new->port_key)) {
            e->mac = new->mac;
            e->port_key = new->port_key;
            e->n_tries = 0;
            return;
        }
    }

    if (hmap_count(&pending) >= MAX_PENDING) {
        COVERAGE_INC(pinctrl_drop_learned);
        VLOG_WARN_RL(&rl, "%d addresses are waiting to be written to the "
                     "southbound database: not learning more", MAX_PENDING);
        return;
    }
    e = xmemdup(new, sizeof *new);
    hmap_insert(&pending, &e->hmap_node, hash);
}

void
pin_handle_put_arp(const struct pin *pin)
{
    const struct learned new = {
        .dp_key = pin->dp_key,
        .port_key = pin->inport_key,
        .ip = in6_addr_mapped_ipv4(htonl(pin->md->regs[0])),
        .mac = pin->headers->dl_src,
    };

    learn(&new);
}

void
pin_handle_put_nd(const struct pin *pin)
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

void
pin_handle_put_fdb(const struct pin *pin)
{
    const struct learned new = {
        .is_fdb = true,
        .dp_key = pin->dp_key,
        .port_key = pin->inport_key,
        .mac = pin->headers->dl_src,
    };

    learn(&new);
}
