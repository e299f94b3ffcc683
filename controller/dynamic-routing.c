/* SPDX-License-Identifier: Apache-2.0 */

/* Dynamic routing
 * ===============
 *
 * A logical router can take part in the routing of the network that it is
 * connected to (options:dynamic-routing of ovn-nb(5)).  The protocols are
 * spoken by a daemon of the host's; what passes between it and the router are
 * routes in a table of the kernel's, the router's own:
 *
 *     Advertised_Route --> wanted-route --> kernel's table --> daemon
 *     Learned_Route    <-- learned-routes.c <-- kernel's table <-- daemon
 *
 * Here is decided, from rows, what should be:
 *
 *   - (dynamic-router, datapath): the router's table, and whether this chassis
 *     is the one that announces: a gateway port of the router is resident.
 *   - (wanted-route, row of Advertised_Route): the route that it becomes.  One
 *     of a port that is on another chassis is announced there.
 *   - (learning-port, router port): what it learns.
 *
 * Who announces may be known before the southbound database says it, as with
 * every failover that does not wait for it.  Who learns is a matter of rows,
 * so that goes by Port_Binding.chassis: two chassis never differ about it.
 *
 * Reconciling the kernel's tables is kernel-routes.h's.  Nothing there goes
 * away before the southbound snapshot is complete. */

#include <config.h>
#include "dynamic-routing.h"

#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "inputs.h"
#include "ip-text.h"
#include "kernel-routes.h"
#include "local-datapath.h"
#include "module.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "smap.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(dynamic_routing);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Metrics: a route is better where what it leads to is on this chassis. */
#define METRIC_LOCAL 100
#define METRIC_DEFAULT 1000

/* Value of a cell of 'router_kind'. */
struct router {
    uint32_t table;
    bool active;                /* Announces its routes here. */
    struct in6_addr nexthop4;   /* Of IPv4 routes, zero: blackholes. */
    struct in6_addr nexthop6;   /* The same for IPv6. */
    char *vrf;                  /* The VRF device that we maintain, or NULL. */
    char *name;
};

/* Value of a cell of 'wanted_kind'.  Without holes. */
struct wanted_route {
    uint32_t table;
    struct kernel_route route;
};

/* (dynamic-router, UUID of a Datapath_Binding): those that are local. */
static struct inc_kind *router_kind;
/* (wanted-route, UUID of an Advertised_Route). */
static struct inc_kind *wanted_kind;
struct inc_kind *learning_port_kind;

static bool routers_changed = true;

static bool
router_equal(const void *a_, const void *b_)
{
    const struct router *a = a_;
    const struct router *b = b_;

    return (a->table == b->table
            && a->active == b->active
            && ipv6_addr_equals(&a->nexthop4, &b->nexthop4)
            && ipv6_addr_equals(&a->nexthop6, &b->nexthop6)
            && nullable_string_is_equal(a->vrf, b->vrf)
            && !strcmp(a->name, b->name));
}

static void
router_destroy(void *router_)
{
    struct router *router = router_;

    free(router->vrf);
    free(router->name);
    free(router);
}

static bool
wanted_route_equal(const void *a, const void *b)
{
    return !memcmp(a, b, sizeof(struct wanted_route));
}

static bool
learning_port_equal(const void *a_, const void *b_)
{
    const struct learning_port *a = a_;
    const struct learning_port *b = b_;

    return (uuid_equals(&a->datapath, &b->datapath)
            && a->table == b->table
            && a->learns_host_routes == b->learns_host_routes
            && a->any_device == b->any_device
            && nullable_string_is_equal(a->device, b->device)
            && !strcmp(a->lport, b->lport));
}

static void
learning_port_destroy(void *port_)
{
    struct learning_port *port = port_;

    free(port->device);
    free(port->lport);
    free(port);
}

/* Routers. */

static void
parse_nexthop(struct inc_unit *unit, const struct datapath_binding *dp,
              const char *name, const char *key, bool may_be_ipv4,
              struct in6_addr *ip)
{
    const char *text = smap_get(&dp->external_ids, key);

    if (text && (!ip_text_parse(text, ip)
                 || (IN6_IS_ADDR_V4MAPPED(ip)
                     ? !may_be_ipv4 || !in6_addr_get_mapped_ipv4(ip)
                     : !ipv6_addr_is_set(ip)))) {
        UNIT_WARN(unit, &rl, "router %s: %s: \"%s\" is no such address: its "
                  "routes are blackholes", name, key, text);
        *ip = in6addr_any;
    }
}

/* The router's table: 0 if it cannot have one. */
static uint32_t
choose_table(struct inc_unit *unit, const struct datapath_binding *dp,
             const char *name)
{
    const char *text = smap_get(&dp->external_ids, "dynamic-routing-vrf-id");
    unsigned long long int id;
    uint32_t table = dp->tunnel_key;

    if (text) {
        if (str_to_ullong(text, 10, &id) && id > 0 && id <= UINT32_MAX) {
            table = id;
        } else {
            UNIT_WARN(unit, &rl, "router %s: dynamic-routing-vrf-id: \"%s\" "
                      "is no table: its tunnel key, %"PRIu32", is taken",
                      name, text, table);
        }
    }
    if (!kernel_table_is_ours(table)) {
        UNIT_WARN(unit, &rl, "router %s takes no part in dynamic routing: "
                  "routing table %"PRIu32" is the host's own", name, table);
        return 0;
    }
    return table;
}

/* Of a name with '%', the kernel makes another one, each time. */
static bool
is_device_name(const char *name)
{
    return (name[0] && strlen(name) < IFNAMSIZ && strcmp(name, ".")
            && strcmp(name, "..") && !strpbrk(name, "/:% \t\n\v\f\r"));
}

/* The name of the VRF device that port 'pb' asks for. */
static char *
choose_vrf(struct inc_unit *unit, const struct port_binding *pb,
           const struct router *router)
{
    const char *name = smap_get(&pb->options, "dynamic-routing-vrf-name");

    if (name && !is_device_name(name)) {
        UNIT_WARN(unit, &rl, "router %s: dynamic-routing-vrf-name: \"%s\" is "
                  "no name for a device: it is ovnvrf%"PRIu32, router->name,
                  name, router->table);
        name = NULL;
    }
    return (name ? xstrdup(name) : xasprintf("ovnvrf%"PRIu32, router->table));
}

/* The port that says where 'pb', a router's, is: itself, or that of a
 * distributed gateway port; NULL if it is on every chassis. */
static const struct port_binding *
gateway_of(struct inc_unit *unit, const struct port_binding *pb)
{
    const char *cr = smap_get(&pb->options, "chassis-redirect-port");

    return (pb->type == LP_L3GATEWAY || pb->type == LP_CHASSISREDIRECT ? pb
            : cr ? in_port_binding(unit, cr)
            : NULL);
}

/* The opposite: the router's port that 'gateway' is about.  NULL if it leads
 * nowhere. */
static const struct port_binding *
port_of_gateway(struct inc_unit *unit, const struct port_binding *gateway)
{
    const char *name = smap_get(&gateway->options, "distributed-port");
    const struct port_binding *pb
        = (gateway->type == LP_L3GATEWAY ? gateway
           : name ? in_port_binding(unit, name)
           : NULL);

    return pb && smap_get(&pb->options, "peer") ? pb : NULL;
}

/* The device that 'port_name' stands for: what the chassis' configuration
 * says, or the interface of that port.  NULL if it is not known. */
static char *
find_device(struct inc_unit *unit, const char *port_name)
{
    const char *mapping = in_config(unit, "dynamic-routing-port-mapping");
    char *copy = xstrdup(mapping ? mapping : "");
    char *save_ptr = NULL;
    char *device = NULL;

    for (char *pair = strtok_r(copy, ",", &save_ptr); pair;
         pair = strtok_r(NULL, ",", &save_ptr)) {
        char *value = strchr(pair, '=');

        if (value) {
            *value++ = '\0';
            if (!strcmp(pair, port_name)) {
                free(device);
                device = xstrdup(value);
            }
        }
    }
    free(copy);
    if (!device) {
        const struct local_port *lp = binding_local_port(unit, port_name);

        device = lp ? nullable_xstrdup(lp->iface) : NULL;
    }
    return device;
}

static void
write_learning_port(struct inc_unit *unit, const struct port_binding *pb,
                    const struct port_binding *gateway, uint32_t table)
{
    const char *name = smap_get(&gateway->options,
                                "dynamic-routing-port-name");
    const struct uuid us = in_our_chassis(unit);

    if (uuid_is_zero(&us) || !uuid_equals(&gateway->chassis, &us)
        || smap_get_bool(&gateway->options, "dynamic-routing-no-learning",
                         false)) {
        return;
    }

    struct learning_port *port = xmalloc(sizeof *port);
    *port = (struct learning_port) {
        .datapath = pb->datapath,
        .table = table,
        .learns_host_routes = in_dialect(unit)->learns_host_routes,
        .any_device = !name,
        .device = name ? find_device(unit, name) : NULL,
        .lport = xstrdup(pb->logical_port),
    };
    inc_write(unit, learning_port_kind, inc_key_uuid(&pb->uuid), port);
}

/* Takes what gateway port 'name' says into account. */
static void
add_gateway(struct inc_unit *unit, const char *name, struct router *router)
{
    const struct port_binding *gateway = in_port_binding(unit, name);
    const struct port_binding *pb
        = gateway ? port_of_gateway(unit, gateway) : NULL;

    if (!pb) {
        return;
    }
    if (binding_is_resident(unit, name)) {
        router->active = true;
        if (!router->vrf
            && smap_get_bool(&gateway->options,
                             "dynamic-routing-maintain-vrf", false)) {
            router->vrf = choose_vrf(unit, gateway, router);
        }
    }
    write_learning_port(unit, pb, gateway, router->table);
}

static void
router_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *uuid = inc_unit_key(unit).data;
    const struct inc_set *names = in_routing_ports(unit, uuid);
    const struct datapath_binding *dp = in_datapath(unit, uuid);

    if (!inc_set_count(names) || !dp || !local_datapath(unit, uuid)) {
        return;
    }

    const char *name = smap_get(&dp->external_ids, "name");
    struct router *router = xzalloc(sizeof *router);
    router->name = (name ? xstrdup(name)
                    : xasprintf(UUID_FMT, UUID_ARGS(uuid)));
    router->table = choose_table(unit, dp, router->name);
    if (!router->table) {
        router_destroy(router);
        return;
    }
    parse_nexthop(unit, dp, router->name, "dynamic-routing-v4-prefix-nexthop",
                  true, &router->nexthop4);
    parse_nexthop(unit, dp, router->name, "dynamic-routing-v6-prefix-nexthop",
                  false, &router->nexthop6);
    for (size_t i = 0; i < inc_set_count(names); i++) {
        add_gateway(unit, inc_set_at(names, i).data, router);
    }
    inc_write(unit, router_kind, inc_key_uuid(uuid), router);
}

/* Routes. */

/* Is what 'name', a tracked port, stands for on this chassis? */
static bool
is_local(struct inc_unit *unit, const char *name)
{
    const struct port_binding *pb = name ? in_port_binding(unit, name) : NULL;

    if (!pb) {
        return false;
    }

    const struct port_binding *gateway = gateway_of(unit, pb);
    return (gateway ? binding_is_resident(unit, gateway->logical_port)
            : pb->type == LP_PATCH
            ? local_datapath(unit, &pb->datapath) != NULL
            : binding_is_resident(unit, name));
}

/* Is the route of 'row', out of port 'pb', announced here? */
static bool
is_announced(struct inc_unit *unit, const struct advertised_route *row,
             const struct port_binding *pb, bool local)
{
    const struct port_binding *gateway = gateway_of(unit, pb);

    return ((!gateway || binding_is_resident(unit, gateway->logical_port))
            && (!row->is_tracked || local
                || !smap_get_bool(&pb->options,
                                  "dynamic-routing-redistribute-local-only",
                                  false)));
}

static bool
parse_prefix(const char *text, struct kernel_route *route)
{
    ovs_be32 ip4;
    unsigned int plen;

    if (!ip_text_is_ipv6(text)) {
        char *error = ip_parse_cidr(text, &ip4, &plen);

        if (error) {
            free(error);
            return false;
        }
        route->prefix = in6_addr_mapped_ipv4(ip4);
        route->plen = plen;
        return !(ip4 & ~be32_prefix_mask(plen));
    }

    char *error = ipv6_parse_cidr(text, &route->prefix, &plen);
    if (error) {
        free(error);
        return false;
    }

    const struct in6_addr mask = ipv6_create_mask(plen);
    const struct in6_addr masked = ipv6_addr_bitand(&route->prefix, &mask);
    route->plen = plen;
    return (ipv6_addr_equals(&masked, &route->prefix)
            && !IN6_IS_ADDR_V4MAPPED(&route->prefix));
}

static void
route_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct advertised_route *row
        = in_advertised_route(unit, inc_unit_key(unit).data);
    const struct router *router
        = row ? inc_read(unit, router_kind, inc_key_uuid(&row->datapath))
              : NULL;
    const struct port_binding *pb
        = (router && router->active && row->logical_port
           ? in_port_binding(unit, row->logical_port) : NULL);
    if (!pb) {
        return;
    }

    const bool local = row->is_tracked && is_local(unit, row->tracked_port);
    struct wanted_route wanted = {
        .table = router->table,
        .route = { .metric = local ? METRIC_LOCAL : METRIC_DEFAULT },
    };
    if (!parse_prefix(row->ip_prefix, &wanted.route)) {
        UNIT_WARN(unit, &rl, "Advertised_Route "UUID_FMT" of router %s: "
                  "\"%s\" is no IP prefix", UUID_ARGS(&row->uuid),
                  router->name, row->ip_prefix);
    } else if (is_announced(unit, row, pb, local)) {
        wanted.route.nexthop = (IN6_IS_ADDR_V4MAPPED(&wanted.route.prefix)
                                ? router->nexthop4 : router->nexthop6);
        inc_write(unit, wanted_kind, inc_unit_key(unit),
                  xmemdup(&wanted, sizeof wanted));
    }
}

/* Into the kernel. */

static void
wanted_changed(struct inc_key key OVS_UNUSED, const void *old_,
               const void *new_, void *aux OVS_UNUSED)
{
    const struct wanted_route *old = old_;
    const struct wanted_route *new = new_;

    if (new) {
        kernel_route_add(new->table, &new->route);
    }
    if (old) {
        kernel_route_remove(old->table, &old->route);
    }
}

static void
router_changed(struct inc_key key OVS_UNUSED, const void *old OVS_UNUSED,
               const void *new_, void *aux OVS_UNUSED)
{
    const struct router *new = new_;

    if (new && !new->active) {
        kernel_table_clean(new->table);
    }
    routers_changed = true;
}

static void
need_table(struct inc_key key OVS_UNUSED, const void *router_,
           void *aux OVS_UNUSED)
{
    const struct router *router = router_;

    if (router->active) {
        kernel_table_need(router->table, router->name, router->vrf);
    }
}

static void
complete(const struct turn *turn OVS_UNUSED)
{
    if (routers_changed) {
        kernel_tables_begin();
        inc_kind_for_each(router_kind, need_table, NULL);
        kernel_tables_end();
        routers_changed = false;
    }
    kernel_routes_reconcile();
}

static void
run(struct turn *turn OVS_UNUSED)
{
    kernel_routes_run();
}

static bool
cleanup(const struct turn *turn OVS_UNUSED)
{
    kernel_routes_clear();
    return true;
}

/* Wiring. */

static const struct inc_kind_class router_kind_class = {
    .name = "dynamic-router",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_UUID,
    .equal = router_equal,
    .destroy = router_destroy,
};

static const struct inc_kind_class learning_port_class = {
    .name = "learning-port",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_UUID,
    .equal = learning_port_equal,
    .destroy = learning_port_destroy,
};

static const struct inc_kind_class wanted_class = {
    .name = "wanted-route",
    .stage = STAGE_FLOW,
    .key_type = INC_KEY_UUID,
    .equal = wanted_route_equal,
    .destroy = free,
};

static const struct inc_unit_class router_class = {
    .name = "dynamic-router",
    .stage = STAGE_ZONE,
    .run = router_run,
};

static const struct inc_unit_class route_class = {
    .name = "advertised-route",
    .stage = STAGE_FLOW,
    .run = route_run,
};

static void
init(struct inc_engine *engine)
{
    router_kind = inc_kind_declare(engine, &router_kind_class);
    learning_port_kind = inc_kind_declare(engine, &learning_port_class);
    wanted_kind = inc_kind_declare(engine, &wanted_class);
    inc_kind_spawn(in_kinds.routing_ports, &router_class, NULL);
    inc_kind_spawn(in_kinds.advertised_route, &route_class, NULL);
    inc_kind_watch(router_kind, router_changed, NULL);
    inc_kind_watch(wanted_kind, wanted_changed, NULL);
}

const struct module dynamic_routing_module = {
    .name = "dynamic-routing",
    .init = init,
    .run = run,
    .complete = complete,
    .away = complete,
    .cleanup = cleanup,
    .destroy = kernel_routes_destroy,
};
