/* SPDX-License-Identifier: Apache-2.0 */

/* EVPN: what this chassis announces
 * =================================
 *
 * Of a switch that is part of a VNI (evpn.h), each chassis announces what
 * packets can be sent to it for, as dynamic-routing-redistribute asks:
 *
 *   - "fdb": the MAC addresses of ports that are bound here (VIFs, containers,
 *     virtual ports), and of router ports that are here and nowhere else:
 *     those of a gateway router, and gateway ports of a distributed one.
 *   - "ip": the rows of Advertised_MAC_Binding that are about such a port.
 *
 * A distributed router's other ports are on all chassis, and announced by
 * none.
 *
 * The kernel has the former as static entries of a port of its bridge, the
 * latter as neighbors of the bridge, and kernel-neighbors.h sees to it that it
 * does. */

#include <config.h>
#include "evpn-advertise.h"

#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "evpn.h"
#include "inputs.h"
#include "kernel-neighbors.h"
#include "module.h"
#include "neighbor.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "smap.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(evpn_advertise);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* (evpn-told-mac, key). */
struct told_mac {
    char device[EVPN_DEVICE_LEN];
    struct eth_addr mac;
    uint16_t pad;
    struct uuid port;           /* The Port_Binding that has it. */
};
BUILD_ASSERT_DECL(sizeof(struct told_mac) == 40);

/* (evpn-told-ip, UUID of an Advertised_MAC_Binding).  Without holes. */
struct told_ip {
    char device[EVPN_DEVICE_LEN];
    struct in6_addr ip;         /* IPv4 as IPv4-mapped. */
    struct eth_addr mac;
    uint16_t pad;
};
BUILD_ASSERT_DECL(sizeof(struct told_ip) == 40);

static struct inc_kind *told_mac_kind;
static struct inc_kind *told_ip_kind;

static bool
told_ip_equal(const void *a, const void *b)
{
    return !memcmp(a, b, sizeof(struct told_ip));
}

/* Which ports are here. */

static bool
is_workload(const struct local_port *lp)
{
    return (!lp->additional
            && (lp->type == LP_VIF || lp->type == LP_CONTAINER
                || lp->type == LP_VIRTUAL));
}

/* The router's port that 'pb', a switch's, is connected to, or NULL. */
static const struct port_binding *
peer_of(struct inc_unit *unit, const struct port_binding *pb)
{
    const char *peer = smap_get(&pb->options, "peer");

    return peer ? in_port_binding(unit, peer) : NULL;
}

/* Whether the router port that 'pb', a switch's, is connected to is here, and
 * nowhere else. */
static bool
is_router_here(struct inc_unit *unit, const struct port_binding *pb)
{
    const struct port_binding *peer = peer_of(unit, pb);
    const char *cr = peer ? smap_get(&peer->options, "chassis-redirect-port")
                     : NULL;

    return (pb->type == LP_L3GATEWAY
            ? binding_is_resident(unit, pb->logical_port)
            : cr && binding_is_resident(unit, cr));
}

static bool
is_router_port(const struct port_binding *pb)
{
    return pb->type == LP_PATCH || pb->type == LP_L3GATEWAY;
}

/* MAC addresses. */

static void
tell_macs(struct inc_unit *unit, const struct evpn_switch *sw,
          const struct uuid *port, const struct port_binding *owner)
{
    for (size_t i = 0; i < owner->n_mac; i++) {
        struct told_mac told = { .port = *port };

        if (ovs_scan(owner->mac[i], ETH_ADDR_SCAN_FMT,
                     ETH_ADDR_SCAN_ARGS(told.mac))) {
            ovs_strzcpy(told.device, sw->advertise, sizeof told.device);
            inc_write(unit, told_mac_kind,
                      (struct inc_key) { &told, sizeof told }, inc_there);
        }
    }
}

static const struct evpn_switch *
find_teller(struct inc_unit *unit, const struct uuid *dp)
{
    const struct evpn_switch *sw = evpn_switch(unit, dp);

    return sw && sw->tells_macs && sw->advertise ? sw : NULL;
}

/* One unit for each port that is bound here. */
static void
port_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *name = inc_unit_key(unit).data;
    const struct local_port *lp = binding_local_port(unit, name);
    const struct evpn_switch *sw
        = lp && is_workload(lp) ? find_teller(unit, &lp->datapath) : NULL;
    const struct port_binding *pb = sw ? in_port_binding(unit, name) : NULL;

    if (pb) {
        tell_macs(unit, sw, &pb->uuid, pb);
    }
}

/* One unit for all router ports of a switch. */
static void
routers_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *dp = inc_unit_key(unit).data;
    const struct evpn_switch *sw = find_teller(unit, dp);
    const struct inc_set *names = sw ? binding_peer_ports(unit, dp) : NULL;

    for (size_t i = 0; sw && i < inc_set_count(names); i++) {
        const struct port_binding *pb
            = in_port_binding(unit, inc_set_at(names, i).data);
        const struct port_binding *peer
            = pb && is_router_port(pb) && is_router_here(unit, pb)
              ? peer_of(unit, pb) : NULL;

        if (peer) {
            tell_macs(unit, sw, &pb->uuid, peer);
        }
    }
}

/* IP addresses. */

static void
row_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct advertised_mac *row
        = in_advertised_mac(unit, inc_unit_key(unit).data);
    const struct evpn_switch *sw
        = row && row->logical_port ? evpn_switch(unit, &row->datapath) : NULL;
    const struct port_binding *pb
        = (sw && sw->tells_ips && sw->bridge
           ? in_port_binding(unit, row->logical_port) : NULL);
    struct neighbor neighbor;

    if (!pb) {
        return;
    }
    if (is_router_port(pb)) {
        if (!is_router_here(unit, pb)) {
            return;
        }
    } else {
        const struct local_port *lp = binding_local_port(unit,
                                                         row->logical_port);

        if (!lp || !is_workload(lp)) {
            return;
        }
    }

    const char *bad = neighbor_parse(&neighbor, row->ip, row->mac);
    if (bad) {
        UNIT_WARN(unit, &rl, "Advertised_MAC_Binding "UUID_FMT" of switch %s: "
                  "bad '%s' %s", UUID_ARGS(&row->uuid), sw->name, bad,
                  !strcmp(bad, "ip") ? row->ip : row->mac);
        return;
    }

    struct told_ip *told = xzalloc(sizeof *told);
    ovs_strzcpy(told->device, sw->bridge, sizeof told->device);
    told->ip = neighbor.ip;
    told->mac = neighbor.mac;
    inc_write(unit, told_ip_kind, inc_unit_key(unit), told);
}

/* Into the kernel. */

static void
told_mac_changed(struct inc_key key, const void *old, const void *new,
                 void *aux OVS_UNUSED)
{
    struct told_mac told;

    memcpy(&told, key.data, sizeof told);
    if (new && !old) {
        kernel_mac_add(told.device, told.mac);
    } else if (old && !new) {
        kernel_mac_remove(told.device, told.mac);
    }
}

static void
told_ip_changed(struct inc_key key OVS_UNUSED, const void *old_,
                const void *new_, void *aux OVS_UNUSED)
{
    const struct told_ip *old = old_;
    const struct told_ip *new = new_;

    if (new) {
        kernel_ip_add(new->device, &new->ip, new->mac);
    }
    if (old) {
        kernel_ip_remove(old->device, &old->ip, old->mac);
    }
}

/* Wiring. */

static const struct inc_kind_class told_mac_class = {
    .name = "evpn-told-mac",
    .stage = STAGE_FLOW,
    .key_type = INC_KEY_OTHER,
};

static const struct inc_kind_class told_ip_class = {
    .name = "evpn-told-ip",
    .stage = STAGE_FLOW,
    .key_type = INC_KEY_UUID,
    .equal = told_ip_equal,
    .destroy = free,
};

static const struct inc_unit_class port_class = {
    .name = "evpn-port",
    .stage = STAGE_FLOW,
    .run = port_run,
};

static const struct inc_unit_class routers_class = {
    .name = "evpn-routers",
    .stage = STAGE_FLOW,
    .run = routers_run,
};

static const struct inc_unit_class row_class = {
    .name = "evpn-advertised-ip",
    .stage = STAGE_FLOW,
    .run = row_run,
};

static void
init(struct inc_engine *engine)
{
    told_mac_kind = inc_kind_declare(engine, &told_mac_class);
    told_ip_kind = inc_kind_declare(engine, &told_ip_class);
    inc_kind_spawn(binding_kind_local_port, &port_class, NULL);
    inc_kind_spawn(evpn_kind_switch, &routers_class, NULL);
    inc_kind_spawn(in_kinds.advertised_mac, &row_class, NULL);
    inc_kind_watch(told_mac_kind, told_mac_changed, NULL);
    inc_kind_watch(told_ip_kind, told_ip_changed, NULL);
}

const struct module evpn_advertise_module = {
    .name = "evpn-advertise",
    .init = init,
};
