/* SPDX-License-Identifier: Apache-2.0 */

/* Neighbors of logical routers: arp, nd_ns, nd_na, nd_na_router, put_arp and
 * put_nd of ovn-sb(5).
 *
 * Questions and answers are packets made from the one at hand, on which the
 * inner actions are executed.  The next hop of a packet may have an address of
 * the other IP version: then arp or nd_ns begins with zeros, and the inner
 * actions know the addresses.
 *
 * A packet for a next hop whose Ethernet address is not known is the one at
 * hand when the question is made.  It waits, and goes out, in order with
 * others, as soon as the answer is known: by a packet that came here, or by a
 * row of MAC_Binding, if it came to another chassis.
 *
 * What is learned is written to MAC_Binding.  An announcement may have come to
 * all chassis of a physical network at once.  So each waits for a random time,
 * in which one of them will have written it, and the others see that there is
 * nothing left to do.
 *
 *     put_arp --> learned --(random time)--> result --> row --> fact
 *        |           |                                           |
 *        +-----------+---------> packets that wait <-------------+
 *
 * From put_arp until the row has come back as a fact, what has been learned is
 * known here already: packets that come in between do not wait. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "byte-order.h"
#include "coverage.h"
#include "flow.h"
#include "hash.h"
#include "idl-columns.h"
#include "inputs.h"
#include "local-datapath.h"
#include "mac-bind.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "ovn-sb-idl.h"
#include "ovs-compat.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "pinctrl/fact.h"
#include "pinctrl/mac-row.h"
#include "pinctrl/service.h"
#include "pinctrl/wait-queue.h"
#include "random.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"

COVERAGE_DEFINE(pinctrl_drop_learned);
COVERAGE_DEFINE(pinctrl_learned_elsewhere);

/* Packets that wait: altogether, for one next hop, and how long, in ms. */
#define MAX_WAITING 4096
#define MAX_WAITING_PER_HOP 1024
#define WAITING_MS 10000

/* What has been learned and is not a fact yet: how much of it, and how long it
 * is remembered, in ms. */
#define MAX_LEARNED 4096
#define LEARNED_MS 10000

/* The longest that it takes before what was learned is written, in ms. */
#define MAX_DELAY_MS 50

struct pin_service neighbor_pin_service;

/* Who a neighbor is: without holes, as it is a key. */
struct hop {
    uint32_t dp_key;
    uint32_t port_key;          /* Of the router port that it is behind. */
    struct in6_addr ip;         /* IPv4 as IPv4-mapped. */
};

/* Facts.
 *
 * A packet that has been redirected to a gateway has the chassisredirect port
 * as its output port, while the neighbor is behind the port that this one
 * stands for: the two are each other's twin. */

struct port_key {
    uint32_t dp_key;
    uint32_t port_key;
};

static void neighbor_changed(struct inc_key, const void *mac);
static void twin_changed(struct inc_key, const void *twin);

static struct fact_table neighbors
    = FACT_TABLE_INITIALIZER("neighbors", free, neighbor_changed);
static struct fact_table twins
    = FACT_TABLE_INITIALIZER("gateway-ports", free, twin_changed);

static struct inc_kind *twin_kind;

static bool
keys_equal(const void *a_, const void *b_)
{
    const uint32_t *a = a_;
    const uint32_t *b = b_;

    return *a == *b;
}

static const struct inc_kind_class twin_kind_class = {
    .name = "gateway-port-twin", .stage = STAGE_FLOW,
    .key_type = INC_KEY_OTHER, .equal = keys_equal, .destroy = free,
};

static void
write_twin(struct inc_unit *unit, uint32_t dp_key, uint32_t port_key,
           uint32_t twin)
{
    const struct port_key key = { dp_key, port_key };

    inc_write(unit, twin_kind, (struct inc_key) { &key, sizeof key },
              xmemdup(&twin, sizeof twin));
}

static void
twins_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *dp = inc_unit_key(unit).data;
    const struct local_datapath *ld = local_datapath(unit, dp);
    if (!ld) {
        return;
    }

    const struct inc_set *names = binding_gateway_ports(unit, dp);
    for (size_t i = 0; i < inc_set_count(names); i++) {
        const struct port_binding *cr
            = in_port_binding(unit, inc_set_at(names, i).data);
        const char *name = (cr ? smap_get(&cr->options, "distributed-port")
                            : NULL);
        const struct lport *lrp = name ? in_lport(unit, name) : NULL;

        if (lrp) {
            write_twin(unit, ld->tunnel_key, cr->tunnel_key, lrp->tunnel_key);
            write_twin(unit, ld->tunnel_key, lrp->tunnel_key, cr->tunnel_key);
        }
    }
}

static const struct inc_unit_class twins_class = {
    .name = "gateway-port-twins", .stage = STAGE_FLOW, .run = twins_run,
};

static void *
copy_mac(struct inc_key key OVS_UNUSED, const void *mac)
{
    return xmemdup(mac, sizeof(struct eth_addr));
}

static void *
copy_twin(struct inc_key key OVS_UNUSED, const void *twin)
{
    return xmemdup(twin, sizeof(uint32_t));
}

static void
init(struct inc_engine *engine)
{
    twin_kind = inc_kind_declare(engine, &twin_kind_class);
    inc_kind_spawn(local_datapath_kind, &twins_class, NULL);
    fact_follow(&neighbors, mac_bind_kind, copy_mac);
    fact_follow(&twins, twin_kind, copy_twin);
}

/* The hop's twin, if it has one. */
static bool
find_twin(const struct hop *hop, struct hop *twin)
{
    const struct port_key key = { hop->dp_key, hop->port_key };
    const uint32_t *port_key
        = fact_find(&twins, (struct inc_key) { &key, sizeof key });

    if (port_key) {
        *twin = *hop;
        twin->port_key = *port_key;
    }
    return port_key != NULL;
}

static const struct eth_addr *
find_fact(const struct hop *hop, bool is_static)
{
    const struct mac_bind_key key = {
        .dp_key = hop->dp_key,
        .port_key = hop->port_key,
        .ip = hop->ip,
        .is_static = is_static,
    };

    return fact_find(&neighbors, (struct inc_key) { &key, sizeof key });
}

/* What has been learned here: packet thread. */

struct learned {
    struct hmap_node hmap_node; /* In 'learned', by 'hop'. */
    struct ovs_list age_node;   /* In 'by_age'. */
    struct hop hop;
    struct eth_addr mac;
    long long int write_at;     /* LLONG_MAX: it has been handed over. */
    long long int expires;
};
static struct hmap learned = HMAP_INITIALIZER(&learned);
static struct ovs_list by_age = OVS_LIST_INITIALIZER(&by_age);

static struct pin_gauge waiting_gauge = { .name = "waiting" };
static struct pin_gauge learned_gauge = { .name = "learned" };
static struct pin_gauge *const gauges[] = {
    &waiting_gauge, &learned_gauge, NULL,
};

static struct learned *
find_learned(const struct hop *hop)
{
    struct learned *l;

    HMAP_FOR_EACH_WITH_HASH (l, hmap_node, hash_bytes(hop, sizeof *hop, 0),
                             &learned) {
        if (!memcmp(&l->hop, hop, sizeof *hop)) {
            return l;
        }
    }
    return NULL;
}

static void
forget(struct learned *l)
{
    hmap_remove(&learned, &l->hmap_node);
    ovs_list_remove(&l->age_node);
    free(l);
    pin_gauge_set(&learned_gauge, hmap_count(&learned));
}

static struct learned *
oldest_learned(void)
{
    return (ovs_list_is_empty(&by_age) ? NULL
            : CONTAINER_OF(ovs_list_front(&by_age), struct learned,
                           age_node));
}

/* What main thread's write() gets. */
struct result {
    struct hop hop;
    struct eth_addr mac;
};

/* Has 'l' written, unless another chassis has done it. */
static void
hand_over(struct learned *l)
{
    const struct eth_addr *known = find_fact(&l->hop, false);

    l->write_at = LLONG_MAX;
    if (known && eth_addr_equals(*known, l->mac)) {
        COVERAGE_INC(pinctrl_learned_elsewhere);
        return;
    }

    const struct result result = { l->hop, l->mac };
    pin_result_put(&neighbor_pin_service,
                   (struct inc_key) { &l->hop, sizeof l->hop },
                   xmemdup(&result, sizeof result));
}

static void
remember(const struct hop *hop, struct eth_addr mac)
{
    const long long int now = time_msec();
    struct learned *l = find_learned(hop);

    if (l && eth_addr_equals(l->mac, mac)) {
        return;
    }
    if (l) {
        forget(l);
    } else if (hmap_count(&learned) >= MAX_LEARNED) {
        struct learned *oldest = oldest_learned();

        COVERAGE_INC(pinctrl_drop_learned);
        if (oldest->write_at != LLONG_MAX) {
            hand_over(oldest);
        }
        forget(oldest);
    }

    l = xmalloc(sizeof *l);
    l->hop = *hop;
    l->mac = mac;
    l->write_at = now + 1 + random_range(MAX_DELAY_MS);
    l->expires = now + LEARNED_MS;
    hmap_insert(&learned, &l->hmap_node, hash_bytes(hop, sizeof *hop, 0));
    ovs_list_push_back(&by_age, &l->age_node);
    pin_gauge_set(&learned_gauge, hmap_count(&learned));
    pin_timer_at(&neighbor_pin_service, l->write_at);
}

/* Hands over what is due.  Returns when to be called next. */
static long long int
run_learned(long long int now)
{
    long long int next = LLONG_MAX;
    struct learned *l;

    LIST_FOR_EACH_SAFE (l, age_node, &by_age) {
        if (l->write_at <= now) {
            hand_over(l);
        }
        if (l->expires <= now) {
            forget(l);
        } else {
            next = MIN(next, MIN(l->write_at, l->expires));
        }
    }
    return next;
}

/* The Ethernet address of 'hop', if it is known. */
static const struct eth_addr *
find_mac_of(const struct hop *hop)
{
    const struct learned *l = find_learned(hop);
    const struct eth_addr *mac = l ? &l->mac : find_fact(hop, false);

    return mac ? mac : find_fact(hop, true);
}

static const struct eth_addr *
find_mac(const struct hop *hop)
{
    const struct eth_addr *mac = find_mac_of(hop);
    struct hop twin;

    return (mac ? mac : find_twin(hop, &twin) ? find_mac_of(&twin) : NULL);
}

/* Packets that wait: packet thread. */

struct waiting_packet {
    struct dp_packet *packet;
    struct flow md;
};

static void
waiting_packet_destroy(void *packet)
{
    struct waiting_packet *p = packet;

    dp_packet_delete(p->packet);
    free(p);
}

static struct wait_queue waiting
    = WAIT_QUEUE_INITIALIZER(&waiting, MAX_WAITING, MAX_WAITING_PER_HOP,
                             WAITING_MS, waiting_packet_destroy);

/* Sends 'packet' on to its next hop, as the logical pipeline would have. */
static void
send_to(struct eth_addr mac, struct dp_packet *packet, const struct flow *md)
{
    const struct pin_place place = { .entry = PIN_OUTPUT, .md = md };
    struct eth_header *eth = dp_packet_eth(packet);

    eth->eth_dst = mac;
    pin_inject(&place, packet);
}

static void
send_waiting_for(const struct hop *hop, struct eth_addr mac)
{
    struct waiting_packet *p;

    while ((p = wait_queue_take(&waiting,
                                (struct inc_key) { hop, sizeof *hop }))) {
        send_to(mac, p->packet, &p->md);
        waiting_packet_destroy(p);
    }
}

/* Sends what waits for 'hop', which has 'mac'. */
static void
send_waiting(const struct hop *hop, struct eth_addr mac)
{
    struct hop twin;

    send_waiting_for(hop, mac);
    if (find_twin(hop, &twin)) {
        send_waiting_for(&twin, mac);
    }
    pin_gauge_set(&waiting_gauge, waiting.n);
}

static void
neighbor_changed(struct inc_key key_, const void *mac)
{
    const struct mac_bind_key *key = key_.data;
    const struct hop hop = { key->dp_key, key->port_key, key->ip };
    struct learned *l = key->is_static ? NULL : find_learned(&hop);

    /* What counts from now on is what the database says, whoever has written
     * it or taken it away. */
    if (l && l->write_at == LLONG_MAX) {
        forget(l);
    }
    if (mac) {
        const struct eth_addr *eth = mac;

        send_waiting(&hop, *eth);
    }
}

/* A port may come to be known as a gateway's after the packet. */
static void
twin_changed(struct inc_key key_, const void *twin_)
{
    const struct port_key *key = key_.data;
    const uint32_t *twin = twin_;
    const struct fact *fact;

    if (!twin || !waiting.n) {
        return;
    }
    FACT_FOR_EACH (fact, &neighbors) {
        const struct mac_bind_key *nk
            = ALIGNED_CAST(const struct mac_bind_key *, fact->key);

        if (nk->dp_key == key->dp_key && nk->port_key == *twin) {
            const struct hop hop = { nk->dp_key, key->port_key, nk->ip };
            const struct eth_addr *mac = fact->value;

            send_waiting_for(&hop, *mac);
        }
    }
}

/* The address in reg0 or xxreg0. */
static struct in6_addr
register_address(const struct pin *pin, bool is_ipv4)
{
    struct in6_addr ip;

    if (is_ipv4) {
        return in6_addr_mapped_ipv4(htonl(pin->md->regs[0]));
    }
    const ovs_be128 value = hton128(flow_get_xxreg(pin->md, 0));
    memcpy(&ip, &value, sizeof ip);
    return ip;
}

/* The packet at hand is for a next hop that the router asks for, whose address
 * is in reg0 or, if not 'is_ipv4', in xxreg0. */
static void
keep_or_send(const struct pin *pin, bool is_ipv4)
{
    const struct hop hop = {
        .dp_key = pin->dp_key,
        .port_key = pin->outport_key,
        .ip = register_address(pin, is_ipv4),
    };
    const struct eth_addr *mac = find_mac(&hop);
    struct dp_packet *packet = dp_packet_clone(pin->packet);

    if (mac) {
        send_to(*mac, packet, pin->md);
        dp_packet_delete(packet);
        return;
    }

    struct waiting_packet *p = xmalloc(sizeof *p);
    p->packet = packet;
    p->md = *pin->md;
    wait_queue_put(&waiting, (struct inc_key) { &hop, sizeof hop }, p,
                   time_msec());
    pin_gauge_set(&waiting_gauge, waiting.n);
    pin_timer_at(&neighbor_pin_service, time_msec() + WAITING_MS);
}

static long long int
timer(long long int now)
{
    long long int next = MIN(run_learned(now),
                             wait_queue_expire(&waiting, now));

    pin_gauge_set(&waiting_gauge, waiting.n);
    return next;
}

/* Questions and answers. */

static void
execute_and_uninit(const struct pin *pin, struct dp_packet *packet)
{
    pin_copy_vlan(pin, packet);
    pin_execute(pin, packet);
    dp_packet_uninit(packet);
}

static void
handle_arp(const struct pin *pin)
{
    const struct flow *h = pin->headers;
    struct dp_packet packet;

    if (!is_ip_any(h)) {
        pin_malformed(pin, PIN_BAD_PROTOCOL, "arp is for IP packets");
        return;
    }
    dp_packet_init(&packet, 128);
    compose_arp(&packet, ARP_OP_REQUEST, h->dl_src, eth_addr_zero, false,
                h->nw_src, h->nw_dst);
    struct eth_header *eth = dp_packet_eth(&packet);
    eth->eth_dst = h->dl_dst;
    execute_and_uninit(pin, &packet);
    keep_or_send(pin, true);
}

static void
handle_nd_ns(const struct pin *pin)
{
    const struct flow *h = pin->headers;
    struct dp_packet packet;

    if (!is_ip_any(h)) {
        pin_malformed(pin, PIN_BAD_PROTOCOL, "nd_ns is for IP packets");
        return;
    }
    /* The question is the router's own, not the original sender's: with that
     * one's address as the source, the neighbor would learn it at the router's
     * Ethernet address. */
    struct in6_addr source;
    in6_generate_lla(h->dl_src, &source);

    dp_packet_init(&packet, 128);
    ovs_compose_nd_ns(&packet, h->dl_src, &source, &h->ipv6_dst);
    execute_and_uninit(pin, &packet);
    keep_or_send(pin, false);
}

static void
answer_solicitation(const struct pin *pin, uint32_t rso_flags)
{
    const struct flow *h = pin->headers;
    struct dp_packet packet;

    if (!is_nd(h, NULL) || h->tp_src != htons(ND_NEIGHBOR_SOLICIT)) {
        pin_malformed(pin, PIN_BAD_PROTOCOL,
                      "nd_na is for IPv6 neighbor solicitations");
        return;
    }
    dp_packet_init(&packet, 128);
    if (ipv6_addr_is_set(&h->ipv6_src)) {
        compose_nd_na(&packet, h->dl_dst, h->dl_src, &h->nd_target,
                      &h->ipv6_src, htonl(rso_flags | ND_RSO_SOLICITED));
    } else {
        /* Somebody wants to know whether the address is free: RFC 4861,
         * 7.2.4. */
        struct eth_addr all_hosts;

        ipv6_multicast_to_ethernet(&all_hosts, &in6addr_all_hosts);
        compose_nd_na(&packet, h->dl_dst, all_hosts, &h->nd_target,
                      &in6addr_all_hosts, htonl(rso_flags));
    }
    execute_and_uninit(pin, &packet);
}

static void
handle_nd_na(const struct pin *pin)
{
    answer_solicitation(pin, ND_RSO_OVERRIDE);
}

static void
handle_nd_na_router(const struct pin *pin)
{
    answer_solicitation(pin, ND_RSO_ROUTER | ND_RSO_OVERRIDE);
}

/* What a packet has taught: packet thread. */

static void
learn(const struct pin *pin, bool is_ipv4)
{
    const struct eth_addr mac = pin->headers->dl_src;
    const struct hop hop = {
        .dp_key = pin->dp_key,
        .port_key = pin->inport_key,
        .ip = register_address(pin, is_ipv4),
    };

    /* RFC 1812, 3.3.2: nobody is behind a group's address, whatever a packet
     * says. */
    if (eth_addr_is_multicast(mac) || eth_addr_is_zero(mac)) {
        return;
    }
    remember(&hop, mac);
    send_waiting(&hop, mac);
}

static void
handle_put_arp(const struct pin *pin)
{
    learn(pin, true);
}

static void
handle_put_nd(const struct pin *pin)
{
    learn(pin, false);
}

/* Writing it: main thread. */

static enum pin_written
write_learned(void *result_, const struct turn *turn,
              const struct sbrec_chassis *us OVS_UNUSED)
{
    const struct result *result = result_;

    return mac_row_write(result->hop.dp_key, result->hop.port_key,
                         &result->hop.ip, result->mac, false, turn);
}

static void
destroy(void)
{
    struct learned *l;

    LIST_FOR_EACH_SAFE (l, age_node, &by_age) {
        forget(l);
    }
    hmap_destroy(&learned);
    wait_queue_destroy(&waiting);
    fact_table_destroy(&neighbors);
    fact_table_destroy(&twins);
}

struct pin_service neighbor_pin_service = {
    .name = "neighbor",
    .opcodes = {
        { ACTION_OPCODE_ARP, handle_arp, false },
        { ACTION_OPCODE_ND_NS, handle_nd_ns, false },
        { ACTION_OPCODE_ND_NA, handle_nd_na, false },
        { ACTION_OPCODE_ND_NA_ROUTER, handle_nd_na_router, false },
        { ACTION_OPCODE_PUT_ARP, handle_put_arp, false },
        { ACTION_OPCODE_PUT_ND, handle_put_nd, false },
    },
    .timer = timer,
    .init = init,
    .register_sb = mac_row_register_sb,
    .write = write_learned,
    .max_results = 4096,
    .gauges = gauges,
    .destroy = destroy,
};
