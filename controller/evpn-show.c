/* SPDX-License-Identifier: Apache-2.0 */

/* ovs-appctl commands about EVPN
 * ==============================
 *
 * What is known of remote VTEPs, a line for each, sorted by address:
 *
 *     evpn/remote-vtep-list            the kernel's VTEPs of our VNIs
 *     evpn/vtep-binding-list           those that there is a tunnel to
 *     evpn/vtep-fdb-list               MAC addresses behind them
 *     evpn/vtep-arp-list               neighbors
 *     evpn/vtep-multicast-group-list   who gets what is flooded
 *
 * The UUIDs are made of what the lines say; flows' cookies are their first 32
 * bits. */

#include <config.h>
#include "evpn-show.h"

#include <inttypes.h>
#include <string.h>

#include "evpn-vteps.h"
#include "evpn.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "svec.h"
#include "unixctl.h"
#include "util.h"
#include "uuid.h"

static const struct evpn_vtep *
peek_vtep(const struct evpn_vtep_key *key)
{
    return inc_peek(evpn_vteps_kind, (struct inc_key) { key, sizeof *key });
}

/* evpn/remote-vtep-list. */

static void
list_remotes_of_switch(struct inc_key key OVS_UNUSED, const void *sw_,
                       void *lines)
{
    const struct evpn_switch *sw = sw_;

    for (size_t i = 0; i < sw->n_vxlans; i++) {
        const struct inc_set *set
            = inc_peek_set(evpn_kind_device_vteps,
                           inc_key_string(sw->vxlans[i]));

        for (size_t j = 0; j < inc_set_count(set); j++) {
            struct ds s = DS_EMPTY_INITIALIZER;
            struct evpn_remote remote;

            memcpy(&remote, inc_set_at(set, j).data, sizeof remote);
            if (remote.vni == sw->vni) {
                ds_put_cstr(&s, "IP: ");
                ipv6_format_mapped(&remote.ip, &s);
                ds_put_format(&s, ", port: %"PRIu16", vni: %"PRIu32,
                              evpn_vtep_peek_port(remote.port,
                                                  remote.has_port),
                              remote.vni);
                svec_add(lines, ds_cstr(&s));
            }
            ds_destroy(&s);
        }
    }
}

/* evpn/vtep-binding-list. */

static void
list_vtep(struct inc_key key_, const void *vtep_, void *lines)
{
    const struct evpn_vtep *vtep = vtep_;
    struct ds s = DS_EMPTY_INITIALIZER;
    struct evpn_vtep_key key;

    memcpy(&key, key_.data, sizeof key);
    ds_put_format(&s, "UUID: "UUID_FMT", Remote IP: ", UUID_ARGS(&vtep->uuid));
    ipv6_format_mapped(&key.ip, &s);
    ds_put_format(&s, ", vni: %"PRIu32", binding_key: %#"PRIx32", "
                  "tunnel_ofport: %"PRIu32", dp_key: %"PRIu32,
                  vtep->vni, vtep->key, vtep->ofport, vtep->dp_key);
    svec_add_nocopy(lines, ds_steal_cstr(&s));
}

/* One thing that the kernel knows, for the switches that learn it. */
struct search {
    const void *key;
    const void *value;
    struct svec *lines;
};

/* evpn/vtep-fdb-list. */

static void
list_mac_of_switch(struct inc_key dp, const void *sw_, void *search_)
{
    const struct evpn_switch *sw = sw_;
    struct search *search = search_;
    const struct evpn_mac_key *key = search->key;
    const struct evpn_mac *mac = search->value;
    struct evpn_mac_name name = {
        .vtep = {
            .ip = mac->vtep,
            .port = evpn_vtep_peek_port(mac->port, mac->has_port),
        },
        .mac = key->mac,
    };

    memcpy(&name.vtep.datapath, dp.data, sizeof name.vtep.datapath);
    const struct evpn_vtep *vtep = peek_vtep(&name.vtep);
    for (size_t i = 0; vtep && key->vni == sw->vni && i < sw->n_vxlans; i++) {
        if (!strcmp(sw->vxlans[i], key->device)) {
            const struct uuid uuid = evpn_uuid(&name, sizeof name,
                                               EVPN_UUID_MAC);

            svec_add_nocopy(
                search->lines,
                xasprintf("UUID: "UUID_FMT", MAC: "ETH_ADDR_FMT", vni: "
                          "%"PRIu32", binding_key: %#"PRIx32", dp_key: "
                          "%"PRIu32, UUID_ARGS(&uuid),
                          ETH_ADDR_ARGS(key->mac), sw->vni, vtep->key,
                          sw->dp_key));
        }
    }
}

static void
list_mac(struct inc_key key_, const void *mac, void *lines)
{
    struct evpn_mac_key key;

    memcpy(&key, key_.data, sizeof key);
    struct search search = { .key = &key, .value = mac, .lines = lines };
    inc_kind_for_each(evpn_kind_switch, list_mac_of_switch, &search);
}

/* evpn/vtep-arp-list. */

static void
list_neighbor_of_switch(struct inc_key dp, const void *sw_, void *search_)
{
    const struct evpn_switch *sw = sw_;
    struct search *search = search_;
    const struct evpn_neighbor_key *key = search->key;
    const struct eth_addr *mac = search->value;

    if (sw->bridge && !strcmp(sw->bridge, key->device)) {
        struct evpn_neighbor_name name = { .ip = key->ip };
        struct ds s = DS_EMPTY_INITIALIZER;

        memcpy(&name.datapath, dp.data, sizeof name.datapath);
        const struct uuid uuid = evpn_uuid(&name, sizeof name,
                                           EVPN_UUID_NEIGHBOR);

        ds_put_format(&s, "UUID: "UUID_FMT", VNI: %"PRIu32", MAC: "
                      ETH_ADDR_FMT", IP: ", UUID_ARGS(&uuid), sw->vni,
                      ETH_ADDR_ARGS(*mac));
        ipv6_format_mapped(&key->ip, &s);
        ds_put_format(&s, ", dp_key: %"PRIu32, sw->dp_key);
        svec_add_nocopy(search->lines, ds_steal_cstr(&s));
    }
}

static void
list_neighbor(struct inc_key key_, const void *mac, void *lines)
{
    struct evpn_neighbor_key key;

    memcpy(&key, key_.data, sizeof key);
    struct search search = { .key = &key, .value = mac, .lines = lines };
    inc_kind_for_each(evpn_kind_switch, list_neighbor_of_switch, &search);
}

/* evpn/vtep-multicast-group-list. */

static void
list_flood(struct inc_key dp, const void *value OVS_UNUSED, void *lines)
{
    const struct inc_set *set = inc_peek_set(evpn_vteps_kind_of_switch, dp);
    const struct uuid uuid = evpn_uuid(dp.data, dp.len, EVPN_UUID_FLOOD);
    struct ds s = DS_EMPTY_INITIALIZER;
    uint32_t vni = 0;

    ds_put_format(&s, "UUID: "UUID_FMT", Remote IPs: ", UUID_ARGS(&uuid));
    for (size_t i = 0; i < inc_set_count(set); i++) {
        struct evpn_vtep_key key;

        memcpy(&key, inc_set_at(set, i).data, sizeof key);
        const struct evpn_vtep *vtep = peek_vtep(&key);
        vni = vtep ? vtep->vni : vni;
        if (i) {
            ds_put_cstr(&s, ", ");
        }
        ipv6_format_mapped(&key.ip, &s);
    }
    ds_put_format(&s, ", vni: %"PRIu32, vni);
    svec_add_nocopy(lines, ds_steal_cstr(&s));
}

/* Commands: the lines that 'list' makes of each value of '*kind'. */

static const struct command {
    const char *name;
    struct inc_kind **kind;
    void (*list)(struct inc_key, const void *value, void *lines);
} commands[] = {
    { "evpn/remote-vtep-list", &evpn_kind_switch, list_remotes_of_switch },
    { "evpn/vtep-arp-list", &evpn_kind_neighbor, list_neighbor },
    { "evpn/vtep-binding-list", &evpn_vteps_kind, list_vtep },
    { "evpn/vtep-fdb-list", &evpn_kind_mac, list_mac },
    { "evpn/vtep-multicast-group-list", &evpn_vteps_kind_of_switch,
      list_flood },
};

static void
cmd_list(struct unixctl_conn *conn, int argc OVS_UNUSED,
         const char *argv[] OVS_UNUSED, void *command_)
{
    const struct command *command = command_;
    struct svec lines = SVEC_EMPTY_INITIALIZER;

    inc_kind_for_each(*command->kind, command->list, &lines);
    svec_sort_unique(&lines);

    char *reply = svec_join(&lines, "\n", lines.n ? "\n" : "");
    unixctl_command_reply(conn, reply);
    free(reply);
    svec_destroy(&lines);
}

static void
register_commands(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        unixctl_command_register(commands[i].name, "", 0, 0, cmd_list,
                                 CONST_CAST(struct command *, &commands[i]));
    }
}

const struct module evpn_show_module = {
    .name = "evpn-show",
    .commands = register_commands,
};
