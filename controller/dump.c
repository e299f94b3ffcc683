/* SPDX-License-Identifier: Apache-2.0 */

/* Commands of later releases that show what is local:
 *
 *   - debug/dump-local-datapaths
 *   - debug/dump-peer-ports: pairs of ports that connect two of them
 *   - debug/dump-related-ports: their ports that are on this chassis, or on
 *     every one, or that it is a gateway of
 *   - debug/dump-mac-bindings: neighbors that have been learned and age in
 *     local routers
 *
 * In the form that those releases' controllers have, but sorted. */

#include <config.h>
#include "dump.h"

#include <inttypes.h>
#include <string.h>

#include "binding.h"
#include "inputs.h"
#include "local-datapath.h"
#include "mac-age.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "smap.h"
#include "svec.h"
#include "unixctl.h"
#include "util.h"

static bool
is_local(const struct uuid *dp)
{
    return inc_peek(local_datapath_kind, inc_key_uuid(dp)) != NULL;
}

static const char *
datapath_name(const struct uuid *uuid)
{
    const struct datapath_binding *dp = inc_peek(in_kinds.datapath,
                                                 inc_key_uuid(uuid));

    return dp ? smap_get_def(&dp->external_ids, "name", "") : "";
}

static void
add_datapath(struct inc_key key OVS_UNUSED, const void *ld_, void *lines)
{
    const struct local_datapath *ld = ld_;

    svec_add_nocopy(lines, xasprintf("Datapath: %s, type: %s",
                                     datapath_name(&ld->uuid),
                                     ld->is_switch ? "switch" : "router"));
}

static void
add_peers(struct inc_key key OVS_UNUSED, const void *pb_, void *lines)
{
    const struct port_binding *pb = pb_;
    const char *name = smap_get(&pb->options, "peer");
    const struct port_binding *peer
        = name ? inc_peek(in_kinds.port_binding, inc_key_string(name)) : NULL;

    if (peer && is_local(&pb->datapath) && is_local(&peer->datapath)) {
        svec_add_nocopy(lines, xasprintf("dp %s : local = %s, remote = %s",
                                         datapath_name(&pb->datapath),
                                         pb->logical_port, name));
    }
}

static void
add_related(struct inc_key key, const void *pb_, void *lines)
{
    const struct port_binding *pb = pb_;

    if (is_local(&pb->datapath)
        && (pb->type == LP_PATCH || pb->type == LP_LOCALNET
            || binding_peek_resident(key.data)
            || binding_peek_gateway(key.data)
            || inc_peek(binding_kind_local_port, key))) {
        svec_add(lines, pb->logical_port);
    }
}

static void
add_mac_binding(struct inc_key key OVS_UNUSED, const void *mb_, void *lines)
{
    const struct mac_binding *mb = mb_;
    const struct datapath_binding *dp;
    const struct port_binding *pb = inputs_peek_port(mb->logical_port, &dp);
    struct eth_addr mac;

    if (pb && is_local(&dp->uuid) && mac_age_peek_neighbors(&dp->uuid)
        && eth_addr_from_string(mb->mac, &mac)) {
        svec_add_nocopy(lines, xasprintf(
            "cookie: 0x%08"PRIx32", datapath-key: %"PRIu32", port-key: %"
            PRIu32", ip: %s, mac: "ETH_ADDR_FMT,
            mb->uuid.parts[0], dp->tunnel_key, pb->tunnel_key, mb->ip,
            ETH_ADDR_ARGS(mac)));
    }
}

struct dump {
    const char *command;
    const char *title;          /* The first line, or NULL. */
    struct inc_kind **kind;
    void (*add)(struct inc_key, const void *value, void *lines);
};

static const struct dump dumps[] = {
    { "debug/dump-local-datapaths", "Local datapaths:", &local_datapath_kind,
      add_datapath },
    { "debug/dump-mac-bindings", "Local MAC bindings:", &in_kinds.mac_binding,
      add_mac_binding },
    { "debug/dump-peer-ports", NULL, &in_kinds.port_binding, add_peers },
    { "debug/dump-related-ports", NULL, &in_kinds.port_binding, add_related },
};

static void
run(struct unixctl_conn *conn, int argc OVS_UNUSED,
    const char *argv[] OVS_UNUSED, void *dump_)
{
    const struct dump *dump = dump_;
    struct svec lines = SVEC_EMPTY_INITIALIZER;
    struct ds s = DS_EMPTY_INITIALIZER;
    const char *line;
    size_t i;

    if (dump->title) {
        ds_put_format(&s, "%s\n", dump->title);
    }
    inc_kind_for_each(*dump->kind, dump->add, &lines);
    svec_sort(&lines);
    SVEC_FOR_EACH (i, line, &lines) {
        ds_put_format(&s, "%s\n", line);
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
    svec_destroy(&lines);
}

static void
register_commands(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(dumps); i++) {
        unixctl_command_register(dumps[i].command, "", 0, 0, run,
                                 CONST_CAST(struct dump *, &dumps[i]));
    }
}

const struct module dump_module = {
    .name = "dump",
    .commands = register_commands,
};
