/* SPDX-License-Identifier: Apache-2.0 */

/* Announcements to physical networks: gratuitous ARP, RARP, and unsolicited
 * neighbor advertisements, by which switches and hosts learn where an address
 * is now.
 *
 * What is announced follows from rows of Port_Binding:
 *
 *   - the IPv4 addresses of a machine that is bound to this chassis, if its
 *     switch has a localnet port that is connected here.  A machine without
 *     any is announced by RARP, which tells switches where its Ethernet
 *     address is
 *   - nat_addresses of a router's port on such a switch, if the port that they
 *     name, or else this one itself, is on this chassis
 *
 * Each announcement is a cell of the engine.  It is there as long as this
 * chassis has the address, so that nothing here has to know of failovers,
 * migrations, or networks that come and go.  The packet thread announces what
 * has appeared, again and again at longer and longer intervals, and stops
 * after a while, or as soon as the cell is gone:
 *
 *     Port_Binding --units--> (announcement, what) --fact--> schedule
 *
 * It becomes a fact once the flows are in the switch that the announcement,
 * and what comes in answer to it, goes by.
 *
 * An announcement enters the logical switch as if its owner had sent it.  So
 * the other ports on this chassis hear it, and the localnet port's VLAN is
 * added as to any packet.  Routers on the switch do not hear all of it:
 * logical flows spare them what routers say of themselves, and a gateway port
 * hears nothing but on its own chassis.  So what is announced is written to
 * MAC_Binding for them, too.
 *
 * One that cannot be sent because there is no connection to the switch waits
 * until there is. */

#include <config.h>

#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "coverage.h"
#include "dp-packet.h"
#include "inputs.h"
#include "local-datapath.h"
#include "lport-addresses.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "patch.h"
#include "pinctrl/fact.h"
#include "pinctrl/mac-row.h"
#include "pinctrl/repeater.h"
#include "pinctrl/service.h"
#include "unit-log.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_announce);

COVERAGE_DEFINE(pinctrl_announce);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

struct pin_service announce_pin_service;

/* How many times an address is announced, if there is no cap: by ARP and RARP
 * as the stock controller does it; by neighbor advertisements
 * MAX_NEIGHBOR_ADVERTISEMENT of RFC 4861. */
#define MAX_ARP 5
#define MAX_NA 3

/* What is announced, and where it enters the pipeline: without holes, as it is
 * a key. */
struct announced {
    struct in6_addr ip;         /* IPv4-mapped; zero: only 'mac', by RARP. */
    uint32_t dp_key;
    uint32_t port_key;
    struct eth_addr mac;
    uint16_t is_router;         /* IPv6: it is the router's own address. */
};
BUILD_ASSERT_DECL(sizeof(struct announced) == 32);

static struct inc_key
announced_key(const struct announced *a)
{
    return (struct inc_key) { a, sizeof *a };
}

/* Facts: main thread.
 *
 * (announcement, struct announced): a text that names the port it is about and
 * the networks that it goes to.  When they change, the new ones have yet to
 * hear of it.
 *
 * (announce-learners, datapath's key): the routers that learn what is
 * announced on a switch. */

static void announcement_changed(struct inc_key, const void *text);

static struct fact_table announcements
    = FACT_TABLE_INITIALIZER("announcements", free, announcement_changed);
static struct fact_table learners
    = FACT_TABLE_INITIALIZER("announce-learners", free, NULL);

static struct inc_kind *announcement_kind;
static struct inc_kind *learners_kind;

static const struct inc_kind_class announcement_kind_class = {
    .name = "announcement", .stage = STAGE_FLOW, .key_type = INC_KEY_OTHER,
    .equal = inc_strings_equal, .destroy = free,
};

/* What a unit works on: a port on a switch that is connected to physical
 * networks here, and what it has announced so far.  Rows may name an address
 * twice. */
struct port {
    struct inc_unit *unit;
    const char *name;
    const struct port_binding *pb;
    uint32_t dp_key;
    struct ds text;             /* See above. */
    struct announced *items;
    size_t n, allocated;
};

/* Whether there is anything to announce. */
static bool
port_init(struct port *port, struct inc_unit *unit)
{
    *port = (struct port) {
        .unit = unit,
        .name = inc_unit_key(unit).data,
        .text = DS_EMPTY_INITIALIZER,
    };
    port->pb = in_port_binding(unit, port->name);
    if (!port->pb) {
        return false;
    }

    const struct local_datapath *ld = local_datapath(unit,
                                                     &port->pb->datapath);
    if (!ld || !ld->is_switch) {
        return false;
    }
    port->dp_key = ld->tunnel_key;

    ds_put_format(&port->text, "%s by", port->name);
    return patch_format_localnets(unit, &ld->uuid, &port->text);
}

static void
port_add(struct port *port, const struct announced *new)
{
    for (size_t i = 0; i < port->n; i++) {
        if (!memcmp(&port->items[i], new, sizeof *new)) {
            return;
        }
    }
    if (port->n >= port->allocated) {
        port->items = x2nrealloc(port->items, &port->allocated,
                                 sizeof *port->items);
    }
    port->items[port->n++] = *new;
}

/* Puts out what has been added. */
static void
port_finish(struct port *port)
{
    for (size_t i = 0; i < port->n; i++) {
        inc_write(port->unit, announcement_kind,
                  announced_key(&port->items[i]),
                  xstrdup(ds_cstr(&port->text)));
    }
    free(port->items);
    ds_destroy(&port->text);
}

static bool
parse(struct lport_addresses *la, const struct port *port,
      const char *column, const char *text)
{
    char *error = lport_addresses_parse(la, text);

    if (error) {
        UNIT_WARN(port->unit, &rl,
                  "Port_Binding %s: %s: \"%s\" is not announced: %s",
                  port->name, column, text, error);
        free(error);
        return false;
    }
    return true;
}

/* Whether somebody does not want the port to be announced.  (Rows of releases
 * that do not know the option do not have it.) */
static bool
is_disabled(const struct smap *options)
{
    return smap_get_bool(options, "disable_garp_rarp", false);
}

/* Machines.  What is announced is their Ethernet address, which IPv6 has no
 * need to know of otherwise than switches do. */

static void
add_machine(struct port *port, const struct lport_addresses *la)
{
    struct announced a = {
        .dp_key = port->dp_key,
        .port_key = port->pb->tunnel_key,
        .mac = la->mac,
    };
    bool has_ipv4 = false;

    for (size_t i = 0; i < la->n_ips; i++) {
        if (IN6_IS_ADDR_V4MAPPED(&la->ips[i])) {
            a.ip = la->ips[i];
            port_add(port, &a);
            has_ipv4 = true;
        }
    }
    if (!has_ipv4) {
        a.ip = in6addr_any;
        port_add(port, &a);
    }
}

static void
machine_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *name = inc_unit_key(unit).data;
    const struct local_port *lp = binding_local_port(unit, name);
    struct port port;

    if (!lp || lp->type != LP_VIF || !binding_is_here(unit, name)) {
        return;
    }
    if (port_init(&port, unit) && !is_disabled(&port.pb->options)) {
        for (size_t i = 0; i < port.pb->n_mac; i++) {
            const char *text = port.pb->mac[i];
            struct lport_addresses la;

            if (strcmp(text, "unknown") && parse(&la, &port, "mac", text)) {
                add_machine(&port, &la);
                lport_addresses_destroy(&la);
            }
        }
    }
    port_finish(&port);
}

static const struct inc_unit_class machine_class = {
    .name = "announced-machine", .stage = STAGE_FLOW, .run = machine_run,
};

/* Routers' ports, on the switch's side. */

/* The router's port that is connected to 'pb', or NULL. */
static const struct port_binding *
find_peer(struct inc_unit *unit, const struct port_binding *pb)
{
    const char *peer = smap_get(&pb->options, "peer");

    return peer ? in_port_binding(unit, peer) : NULL;
}

static bool
is_router_disabled(struct inc_unit *unit, const struct port_binding *pb)
{
    const struct port_binding *lrp = find_peer(unit, pb);
    const struct datapath_binding *dp
        = lrp ? in_datapath(unit, &lrp->datapath) : NULL;

    return dp && is_disabled(&dp->external_ids);
}

/* Whether the router's port that 'pb' is connected to has address 'ip'. */
static bool
is_router_address(struct inc_unit *unit, const struct port_binding *pb,
                  const struct in6_addr *ip)
{
    const struct port_binding *lrp = find_peer(unit, pb);
    bool found = false;

    for (size_t i = 0; lrp && i < lrp->n_mac && !found; i++) {
        char *copy = xstrdup(lrp->mac[i]);
        char *save_ptr = NULL;

        for (char *word = strtok_r(copy, " /", &save_ptr); word && !found;
             word = strtok_r(NULL, " /", &save_ptr)) {
            struct in6_addr address;

            found = (ipv6_parse(word, &address)
                     && ipv6_addr_equals(&address, ip));
        }
        free(copy);
    }
    return found;
}

static void
add_nat_addresses(struct port *port, const struct lport_addresses *la)
{
    for (size_t i = 0; i < la->n_ips; i++) {
        const bool is_ipv4 = IN6_IS_ADDR_V4MAPPED(&la->ips[i]);
        const struct announced a = {
            .ip = la->ips[i],
            .dp_key = port->dp_key,
            .port_key = port->pb->tunnel_key,
            .mac = la->mac,
            .is_router = !is_ipv4 && is_router_address(port->unit, port->pb,
                                                       &la->ips[i]),
        };

        port_add(port, &a);
    }
}

static void
nat_addresses_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct nat_addresses *na
        = in_nat_addresses(unit, inc_unit_key(unit).data);
    struct port port;

    if (!na) {
        return;
    }
    if (port_init(&port, unit) && !is_disabled(&port.pb->options)
        && !is_router_disabled(unit, port.pb)) {
        for (size_t i = 0; i < na->n; i++) {
            struct lport_addresses la;

            if (parse(&la, &port, "nat_addresses", na->words[i])) {
                const char *owner = la.resident ? la.resident : port.name;

                if (binding_is_resident(unit, owner)
                    && !binding_hands_over(unit, owner)) {
                    add_nat_addresses(&port, &la);
                }
                lport_addresses_destroy(&la);
            }
        }
    }
    port_finish(&port);
}

static const struct inc_unit_class nat_addresses_class = {
    .name = "announced-nat-addresses", .stage = STAGE_FLOW,
    .run = nat_addresses_run,
};

/* Who learns. */

struct learner {
    uint32_t dp_key;            /* Of the router, */
    uint32_t port_key;          /* and its port. */
    uint32_t switch_port_key;   /* Of the switch's port that it is behind. */
    bool only_update;           /* It learns only about whom it knows. */
};

struct learners {
    size_t n;
    struct learner items[];
};

static size_t
learners_size(size_t n)
{
    return sizeof(struct learners) + n * sizeof(struct learner);
}

static bool
learners_equal(const void *a_, const void *b_)
{
    const struct learners *a = a_;
    const struct learners *b = b_;

    return a->n == b->n && !memcmp(a, b, learners_size(a->n));
}

static const struct inc_kind_class learners_kind_class = {
    .name = "announce-learners", .stage = STAGE_FLOW,
    .key_type = INC_KEY_OTHER, .equal = learners_equal, .destroy = free,
};

/* Fills in '*learner', which is zeroed, if the switch's port 'name' has a
 * router behind it that is on this chassis. */
static bool
find_learner(struct inc_unit *unit, const char *name, struct learner *learner)
{
    const struct port_binding *pb = in_port_binding(unit, name);
    const struct port_binding *lrp = pb ? find_peer(unit, pb) : NULL;
    const struct local_datapath *ld
        = lrp ? local_datapath(unit, &lrp->datapath) : NULL;
    const struct datapath_binding *dp
        = ld && !ld->is_switch ? in_datapath(unit, &ld->uuid) : NULL;

    if (!dp) {
        return false;
    }
    learner->dp_key = dp->tunnel_key;
    learner->port_key = lrp->tunnel_key;
    learner->switch_port_key = pb->tunnel_key;
    learner->only_update = !smap_get_bool(&dp->external_ids,
                                          "always_learn_from_arp_request",
                                          true);
    return true;
}

static void
learners_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *dp = inc_unit_key(unit).data;
    const struct local_datapath *ld = local_datapath(unit, dp);

    if (!ld || !ld->is_switch || !ld->localnet_port) {
        return;
    }
    const struct inc_set *names = binding_peer_ports(unit, dp);
    struct learners *l = xzalloc(learners_size(inc_set_count(names)));
    for (size_t i = 0; i < inc_set_count(names); i++) {
        l->n += find_learner(unit, inc_set_at(names, i).data,
                             &l->items[l->n]);
    }
    inc_write(unit, learners_kind,
              (struct inc_key) { &ld->tunnel_key, sizeof ld->tunnel_key }, l);
}

static const struct inc_unit_class learners_class = {
    .name = "announce-learners", .stage = STAGE_FLOW, .run = learners_run,
};

static void *
copy_text(struct inc_key key OVS_UNUSED, const void *text)
{
    return xstrdup(text);
}

static void *
copy_learners(struct inc_key key OVS_UNUSED, const void *learners_)
{
    const struct learners *l = learners_;

    return xmemdup(l, learners_size(l->n));
}

/* The schedule: packet thread. */

static bool send_announcement(struct inc_key);
static int interval_after(struct inc_key, unsigned int n);

static struct pin_gauge scheduled_gauge = { .name = "scheduled" };
static struct pin_gauge *const gauges[] = { &scheduled_gauge, NULL };

static struct repeater schedule
    = REPEATER_INITIALIZER(&schedule, &announce_pin_service, &scheduled_gauge,
                           "garp-max-timeout-sec", send_announcement,
                           interval_after);

static void
announcement_changed(struct inc_key key, const void *text)
{
    repeater_set(&schedule, key, text != NULL);
}

static struct announced
to_announced(struct inc_key key)
{
    struct announced what;

    memcpy(&what, key.data, sizeof what);
    return what;
}

/* Only announcements by ARP and RARP have a longest interval, and no end. */
static int
interval_after(struct inc_key key, unsigned int n)
{
    const struct announced what = to_announced(key);
    const bool is_nd = (ipv6_addr_is_set(&what.ip)
                        && !IN6_IS_ADDR_V4MAPPED(&what.ip));
    const int cap = is_nd ? 0 : repeater_cap(&schedule);

    return (!cap && n >= (is_nd ? MAX_NA : MAX_ARP) ? -1
            : repeater_doubled(pin_dialect()->announce_interval, n,
                               cap ? cap : INT_MAX / 1000));
}

/* Sending. */

static void
compose(struct dp_packet *packet, const struct announced *what)
{
    if (!ipv6_addr_is_set(&what->ip)) {
        compose_rarp(packet, what->mac);
    } else if (IN6_IS_ADDR_V4MAPPED(&what->ip)) {
        const ovs_be32 ip = in6_addr_get_mapped_ipv4(&what->ip);

        compose_arp(packet, ARP_OP_REQUEST, what->mac, eth_addr_zero, true,
                    ip, ip);
    } else {
        struct eth_addr all_nodes;

        ipv6_multicast_to_ethernet(&all_nodes, &in6addr_all_hosts);
        compose_nd_na(packet, what->mac, all_nodes, &what->ip,
                      &in6addr_all_hosts,
                      htonl(ND_RSO_OVERRIDE
                            | (what->is_router ? ND_RSO_ROUTER : 0)));
    }
}

/* What main thread's write() gets. */
struct lesson {
    uint32_t dp_key;
    uint32_t port_key;
    struct in6_addr ip;
    struct eth_addr mac;
    bool only_update;
};

/* Tells the other routers on the switch. */
static void
teach(const struct announced *what)
{
    const struct learners *l
        = fact_find(&learners, (struct inc_key) { &what->dp_key,
                                                  sizeof what->dp_key });

    for (size_t i = 0; l && i < l->n; i++) {
        const struct learner *learner = &l->items[i];

        if (learner->switch_port_key != what->port_key) {
            const struct lesson lesson = {
                .dp_key = learner->dp_key,
                .port_key = learner->port_key,
                .ip = what->ip,
                .mac = what->mac,
                .only_update = learner->only_update,
            };

            pin_result_put(&announce_pin_service,
                           (struct inc_key) { &lesson,
                                              offsetof(struct lesson, mac) },
                           xmemdup(&lesson, sizeof lesson));
        }
    }
}

static enum pin_written
write_lesson(void *lesson_, const struct turn *turn,
             const struct sbrec_chassis *us OVS_UNUSED)
{
    const struct lesson *l = lesson_;

    return mac_row_write(l->dp_key, l->port_key, &l->ip, l->mac,
                         l->only_update, turn);
}

static bool
send_announcement(struct inc_key key)
{
    const struct announced what = to_announced(key);
    const struct pin_place place = {
        .entry = PIN_INGRESS,
        .dp_key = what.dp_key,
        .inport_key = what.port_key,
    };
    struct dp_packet packet;

    dp_packet_init(&packet, 128);
    compose(&packet, &what);
    bool ok = pin_inject(&place, &packet);
    dp_packet_uninit(&packet);
    if (ok) {
        COVERAGE_INC(pinctrl_announce);
        if (ipv6_addr_is_set(&what.ip)) {
            teach(&what);
        }
    }
    return ok;
}

static long long int
timer(long long int now)
{
    return repeater_run(&schedule, now);
}

static void
connected(void)
{
    pin_timer_at(&announce_pin_service, 0);
}

/* announce/list */

static void
list(int argc OVS_UNUSED, const char *argv[] OVS_UNUSED, struct ds *reply)
{
    const struct repeated *r;

    REPEATED_FOR_EACH (r, &schedule) {
        const struct announced what = to_announced(r->key);
        const char *text = fact_find(&announcements, r->key);

        ds_put_format(reply, ETH_ADDR_FMT" ", ETH_ADDR_ARGS(what.mac));
        if (ipv6_addr_is_set(&what.ip)) {
            ipv6_format_mapped(&what.ip, reply);
        } else {
            ds_put_cstr(reply, "(RARP)");
        }
        ds_put_format(reply, " of %s: ", text ? text : "?");
        repeated_format(r, reply);
        ds_put_char(reply, '\n');
    }
}

static const struct pin_command commands[] = {
    { "announce/list", "", 0, 0, list },
    { .name = NULL },
};

static void
init(struct inc_engine *engine)
{
    announcement_kind = inc_kind_declare(engine, &announcement_kind_class);
    learners_kind = inc_kind_declare(engine, &learners_kind_class);
    inc_kind_spawn(binding_kind_local_port, &machine_class, NULL);
    inc_kind_spawn(in_kinds.nat_addresses, &nat_addresses_class, NULL);
    inc_kind_spawn(local_datapath_kind, &learners_class, NULL);
    fact_follow_installed(&announcements, announcement_kind, copy_text);
    fact_follow(&learners, learners_kind, copy_learners);
    repeater_init(&schedule, engine);
}

static void
destroy(void)
{
    repeater_destroy(&schedule);
    fact_table_destroy(&announcements);
    fact_table_destroy(&learners);
}

struct pin_service announce_pin_service = {
    .name = "announce",
    .needs_facts = true,
    .timer = timer,
    .connected = connected,
    .init = init,
    .write = write_lesson,
    .max_results = 4096,
    .commands = commands,
    .gauges = gauges,
    .destroy = destroy,
};
