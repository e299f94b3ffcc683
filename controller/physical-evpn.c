/* SPDX-License-Identifier: Apache-2.0 */

/* EVPN: flows
 * ===========
 *
 * With the keys of evpn-vteps.h, a remote VTEP is to the logical pipelines
 * what a port is.  Around them:
 *
 *     phy_to_log          a packet from a VTEP: into the ingress pipeline
 *     remote_vtep_output  to a VTEP; what is flooded, a copy to each of them
 *     get_remote_fdb      get_remote_fdb(): the VTEP that has a MAC address
 *     learn_remote_fdb    what packets from a VTEP tell of that
 *
 * What the kernel has been told of a MAC address counts, and what packets say
 * is for addresses that it has not been told of.  Such a flow is forgotten
 * some minutes after the last packet, as any bridge does, and a VTEP can have
 * a limited number of them.
 *
 * Packets that come from another chassis never get to 'remote_vtep_output':
 * that chassis has sent copies to all VTEPs itself.  Nor does a copy go back
 * to where it came from, or to another VTEP of the same tunnel, as the switch
 * does not output a packet to its input port; but one that is addressed to
 * such a VTEP, by a router's reply, may.  What VTEPs flood is not passed on to
 * other chassis, see physical-mcast.c.
 *
 * Units: one for each VTEP, for what each switch floods, for each MAC address,
 * and for each neighbor. */

#include <config.h>

#include <string.h>

#include "binding.h"
#include "evpn-vteps.h"
#include "evpn.h"
#include "flow-table.h"
#include "inputs.h"
#include "local-datapath.h"
#include "mac-bind.h"
#include "neighbor.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "physical-common.h"
#include "smap.h"
#include "util.h"

/* Learned flows of a VTEP: how many there are at most, and for how long after
 * the last packet, in seconds. */
#define LEARNED_LIMIT 8192
#define LEARNED_TIMEOUT 300

enum {
    PRIORITY_FROM_VTEP = 1050,
    PRIORITY_TO_VTEP = 50,
    PRIORITY_BACK_TO_VTEP = 55,
    PRIORITY_MAC = 150,
    PRIORITY_LEARN = 100,
};

/* Keys of the groups of ports that ovn-northd floods to: all; those with
 * unknown addresses; all but those of routers. */
static const uint32_t flood_keys[] = { 0x8000, 0x8001, 0x8004 };

/* VTEPs. */

static void
add_from_vtep(struct inc_unit *unit, const struct evpn_vtep_key *key,
              const struct evpn_vtep *vtep)
{
    const struct ovn_tables *tables = &in_dialect(unit)->tables;
    const bool ipv4 = IN6_IS_ADDR_V4MAPPED(&key->ip);
    struct match match = MATCH_CATCHALL_INITIALIZER;
    struct ofpbuf ofpacts;

    match_set_tun_id(&match, htonll(vtep->vni));
    match_set_in_port(&match, vtep->ofport);
    if (ipv4) {
        match_set_tun_src(&match, in6_addr_get_mapped_ipv4(&key->ip));
        match_set_tun_dst(&match, in6_addr_get_mapped_ipv4(&vtep->local_ip));
    } else {
        match_set_tun_ipv6_src(&match, &key->ip);
        match_set_tun_ipv6_dst(&match, &vtep->local_ip);
    }

    ofpbuf_init(&ofpacts, 128);
    put_load_bits(MFF_LOG_DATAPATH, 0, 32, vtep->dp_key, &ofpacts);
    put_load(MFF_LOG_INPORT, vtep->key, &ofpacts);
    put_resubmit(tables->learn_remote_fdb, &ofpacts);
    put_resubmit(tables->ingress, &ofpacts);
    flow_output_add(unit, tables->phy_to_log, PRIORITY_FROM_VTEP,
                    row_cookie(&vtep->uuid), &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
put_vni(uint32_t vni, struct ofpbuf *ofpacts)
{
    put_load_bits(MFF_TUN_ID, 0, 24, vni, ofpacts);
}

static void
add_to_vtep(struct inc_unit *unit, const struct evpn_vtep_key *key,
            const struct evpn_vtep *vtep)
{
    const uint8_t table = in_dialect(unit)->tables.remote_vtep_output;
    const uint32_t cookie = row_cookie(&vtep->uuid);
    struct ofpbuf ofpacts;
    struct match match;

    ofpbuf_init(&ofpacts, 128);
    put_vtep_ends(unit, &vtep->local_ip, &key->ip, &ofpacts);
    put_vni(vtep->vni, &ofpacts);
    const size_t len = ofpacts.size;
    put_output(vtep->ofport, &ofpacts);
    match_outport(&match, vtep->dp_key, vtep->key);
    flow_output_add(unit, table, PRIORITY_TO_VTEP, cookie, &match, &ofpacts);

    ofpacts.size = len;
    put_forget_in_port(&ofpacts);
    put_output(vtep->ofport, &ofpacts);
    match_flags(&match, MLF_BIT(ALLOW_LOOPBACK), MLF_BIT(ALLOW_LOOPBACK));
    flow_output_add(unit, table, PRIORITY_BACK_TO_VTEP, cookie, &match,
                    &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
add_learn(struct inc_unit *unit, const struct evpn_vtep *vtep)
{
    const struct ovn_tables *tables = &in_dialect(unit)->tables;
    const uint32_t cookie = row_cookie(&vtep->uuid);
    struct match match = MATCH_CATCHALL_INITIALIZER;
    struct ofpbuf ofpacts;

    ofpbuf_init(&ofpacts, 256);
    struct ofpact_learn *learn = ofpact_put_LEARN(&ofpacts);
    learn->flags = NX_LEARN_F_DELETE_LEARNED;
    learn->priority = FLOW_PRIORITY_LEARNED_FDB;
    learn->hard_timeout = LEARNED_TIMEOUT;
    learn->limit = LEARNED_LIMIT;
    learn->table_id = tables->get_remote_fdb;
    learn->cookie = htonll(cookie);
    put_learn_field(NX_LEARN_DST_MATCH, MFF_LOG_DATAPATH, MFF_LOG_DATAPATH,
                    &ofpacts);
    put_learn_field(NX_LEARN_DST_MATCH, MFF_ETH_DST, MFF_ETH_SRC, &ofpacts);
    put_learn_field(NX_LEARN_DST_LOAD, MFF_LOG_REMOTE_OUTPORT, MFF_LOG_INPORT,
                    &ofpacts);
    learn = ofpacts.header;
    ofpact_finish_LEARN(&ofpacts, &learn);

    match_set_metadata(&match, htonll(vtep->dp_key));
    match_set_reg(&match, MFF_LOG_INPORT - MFF_REG0, vtep->key);
    flow_output_add(unit, tables->learn_remote_fdb, PRIORITY_LEARN, cookie,
                    &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
vtep_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct evpn_vtep_key key;

    memcpy(&key, inc_unit_key(unit).data, sizeof key);
    const struct evpn_vtep *vtep = evpn_vtep_reachable(unit, &key);

    flow_output_begin(unit);
    if (vtep) {
        add_from_vtep(unit, &key, vtep);
        add_to_vtep(unit, &key, vtep);
        add_learn(unit, vtep);
    }
    flow_output_end(unit);
}

/* What is flooded. */

/* What is flooded is in batches, for no OpenFlow message is longer than 65,535
 * bytes; this leaves room for what is around the copies.  A batch has a key of
 * its own, which no VTEP has. */
#define MAX_BATCH_BYTES 40000

static uint32_t
batch_key(size_t i)
{
    return EVPN_VTEP_FLAG | (i + 1);
}

/* The flow of what a switch floods to its VTEPs. */
struct flood {
    struct inc_unit *unit;
    const struct evpn_switch *sw;
    uint32_t cookie;
    struct ofpbuf ofpacts;      /* The last batch. */
    size_t n_batches;           /* Before that one. */
};

static void
flood_begin_batch(struct flood *flood)
{
    ofpbuf_clear(&flood->ofpacts);
    put_vni(flood->sw->vni, &flood->ofpacts);
}

static void
flood_end_batch(struct flood *flood)
{
    struct match match;

    match_outport(&match, flood->sw->dp_key, batch_key(flood->n_batches++));
    flow_output_add(flood->unit, in_dialect(flood->unit)->tables
                                 .remote_vtep_output,
                    PRIORITY_TO_VTEP, flood->cookie, &match, &flood->ofpacts);
    flood_begin_batch(flood);
}

/* Appends a copy for each of the VTEPs 'set' whose address is, or is not, an
 * IPv4 one.  Returns the number of copies. */
static size_t
put_copies(struct flood *flood, const struct inc_set *set, bool ipv4)
{
    bool has_ends = false;
    size_t n = 0;

    for (size_t i = 0; i < inc_set_count(set); i++) {
        struct evpn_vtep_key key;

        memcpy(&key, inc_set_at(set, i).data, sizeof key);
        const struct evpn_vtep *vtep = evpn_vtep_reachable(flood->unit, &key);

        if (!vtep || !!IN6_IS_ADDR_V4MAPPED(&key.ip) != ipv4) {
            continue;
        }
        if (flood->ofpacts.size > MAX_BATCH_BYTES) {
            flood_end_batch(flood);
            has_ends = false;
        }
        if (!has_ends) {
            put_vtep_ends(flood->unit, &vtep->local_ip, &key.ip,
                          &flood->ofpacts);
            has_ends = true;
        } else {
            put_vtep_destination(&key.ip, &flood->ofpacts);
        }
        put_output(vtep->ofport, &flood->ofpacts);
        n++;
    }
    return n;
}

/* Puts out the flow for what is flooded with 'key'.  With a single batch, it
 * has the copies itself. */
static void
add_flood(struct flood *flood, uint32_t key)
{
    const struct ovn_tables *tables = &in_dialect(flood->unit)->tables;
    struct ofpbuf ofpacts;
    struct match match;

    ofpbuf_init(&ofpacts, 512);
    for (size_t i = 0; i < flood->n_batches; i++) {
        put_load(MFF_LOG_OUTPORT, batch_key(i), &ofpacts);
        put_resubmit(tables->remote_vtep_output, &ofpacts);
    }
    if (flood->n_batches) {
        put_load(MFF_LOG_OUTPORT, key, &ofpacts);
    } else {
        ofpbuf_put(&ofpacts, flood->ofpacts.data, flood->ofpacts.size);
    }
    put_resubmit(tables->local_output, &ofpacts);
    match_outport(&match, flood->sw->dp_key, key);
    flow_output_add(flood->unit, tables->remote_vtep_output, PRIORITY_TO_VTEP,
                    flood->cookie, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
flood_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *dp = inc_unit_key(unit).data;
    const struct evpn_switch *sw = evpn_switch(unit, dp);
    const struct inc_set *set = evpn_vteps_of_switch(unit, dp);

    flow_output_begin(unit);
    if (sw) {
        const struct uuid uuid = evpn_uuid(dp, sizeof *dp, EVPN_UUID_FLOOD);
        struct flood flood = {
            .unit = unit,
            .sw = sw,
            .cookie = row_cookie(&uuid),
        };

        ofpbuf_init(&flood.ofpacts, 512);
        flood_begin_batch(&flood);
        const size_t n = (put_copies(&flood, set, true)
                          + put_copies(&flood, set, false));
        if (flood.n_batches) {
            flood_end_batch(&flood);
        }
        for (size_t i = 0; n && i < ARRAY_SIZE(flood_keys); i++) {
            add_flood(&flood, flood_keys[i]);
        }
        ofpbuf_uninit(&flood.ofpacts);
    }
    flow_output_end(unit);
}

/* MAC addresses. */

static void
add_mac(struct inc_unit *unit, const struct evpn_vtep_key *key,
        const struct evpn_vtep *vtep, struct eth_addr mac)
{
    const struct ovn_tables *tables = &in_dialect(unit)->tables;
    const struct evpn_mac_name name = { .vtep = *key, .mac = mac };
    const struct uuid uuid = evpn_uuid(&name, sizeof name, EVPN_UUID_MAC);
    struct match match = MATCH_CATCHALL_INITIALIZER;
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    match_set_metadata(&match, htonll(vtep->dp_key));
    match_set_dl_dst(&match, mac);
    put_load(MFF_LOG_REMOTE_OUTPORT, vtep->key, &ofpacts);
    flow_output_add(unit, tables->get_remote_fdb, PRIORITY_MAC,
                    row_cookie(&uuid), &match, &ofpacts);

    /* There is nothing to learn. */
    match_init_catchall(&match);
    ofpbuf_clear(&ofpacts);
    match_set_metadata(&match, htonll(vtep->dp_key));
    match_set_reg(&match, MFF_LOG_INPORT - MFF_REG0, vtep->key);
    match_set_dl_src(&match, mac);
    flow_output_add(unit, tables->learn_remote_fdb, PRIORITY_MAC,
                    row_cookie(&uuid), &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
mac_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct evpn_mac *mac = inc_read(unit, evpn_kind_mac,
                                          inc_unit_key(unit));
    struct evpn_mac_key key;

    memcpy(&key, inc_unit_key(unit).data, sizeof key);
    flow_output_begin(unit);

    const struct inc_set *dps = evpn_switches_of_device(unit, key.device);
    for (size_t i = 0; mac && i < inc_set_count(dps); i++) {
        struct evpn_vtep_key vtep_key = {
            .ip = mac->vtep,
            .port = evpn_vtep_port(unit, mac->port, mac->has_port),
        };

        memcpy(&vtep_key.datapath, inc_set_at(dps, i).data,
               sizeof vtep_key.datapath);
        const struct evpn_vtep *vtep = evpn_vtep_reachable(unit, &vtep_key);

        if (vtep && vtep->vni == key.vni) {
            add_mac(unit, &vtep_key, vtep, key.mac);
        }
    }
    flow_output_end(unit);
}

/* Neighbors: known to the routers that are connected to the switch. */

static void
add_neighbor(struct inc_unit *unit, const struct uuid *dp,
             const struct evpn_switch *sw, const struct neighbor *neighbor)
{
    const struct inc_set *names = binding_peer_ports(unit, dp);
    const struct evpn_neighbor_name name = { *dp, neighbor->ip };
    const struct uuid uuid = evpn_uuid(&name, sizeof name,
                                       EVPN_UUID_NEIGHBOR);

    for (size_t i = 0; i < inc_set_count(names); i++) {
        const struct port_binding *pb
            = in_port_binding(unit, inc_set_at(names, i).data);
        const char *peer = pb ? smap_get(&pb->options, "peer") : NULL;
        const struct lport *lrp = peer ? in_lport(unit, peer) : NULL;
        const struct local_datapath *router
            = lrp ? local_datapath(unit, &lrp->datapath) : NULL;

        if (router && !router->is_switch) {
            mac_bind_put_flows(unit, row_cookie(&uuid),
                               (sw->arp_prefer_local ? NEIGHBOR_EVPN_LAST
                                : NEIGHBOR_EVPN_FIRST),
                               router->tunnel_key, lrp->tunnel_key, neighbor);
        }
    }
}

static void
neighbor_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct eth_addr *mac = inc_read(unit, evpn_kind_neighbor,
                                          inc_unit_key(unit));
    struct evpn_neighbor_key key;

    memcpy(&key, inc_unit_key(unit).data, sizeof key);
    flow_output_begin(unit);

    const struct inc_set *dps = evpn_switches_of_device(unit, key.device);
    for (size_t i = 0; mac && i < inc_set_count(dps); i++) {
        struct uuid dp;

        memcpy(&dp, inc_set_at(dps, i).data, sizeof dp);
        const struct evpn_switch *sw = evpn_switch(unit, &dp);

        if (sw && sw->bridge && !strcmp(sw->bridge, key.device)) {
            const struct neighbor neighbor = { .ip = key.ip, .mac = *mac };

            add_neighbor(unit, &dp, sw, &neighbor);
        }
    }
    flow_output_end(unit);
}

/* Wiring. */

static const struct inc_unit_class vtep_class = {
    .name = "physical-vtep",
    .stage = STAGE_FLOW,
    .run = vtep_run,
    .removed = flow_output_removed,
};

static const struct inc_unit_class flood_class = {
    .name = "physical-evpn-flood",
    .stage = STAGE_FLOW,
    .run = flood_run,
    .removed = flow_output_removed,
};

static const struct inc_unit_class mac_class = {
    .name = "physical-evpn-mac",
    .stage = STAGE_FLOW,
    .run = mac_run,
    .removed = flow_output_removed,
};

static const struct inc_unit_class neighbor_class = {
    .name = "evpn-neighbor",
    .stage = STAGE_FLOW,
    .run = neighbor_run,
    .removed = flow_output_removed,
};

void
physical_evpn_init(void)
{
    inc_kind_spawn(evpn_vteps_kind, &vtep_class, NULL);
    inc_kind_spawn(evpn_vteps_kind_of_switch, &flood_class, NULL);
    inc_kind_spawn(evpn_kind_mac, &mac_class, NULL);
    inc_kind_spawn(evpn_kind_neighbor, &neighbor_class, NULL);
}
