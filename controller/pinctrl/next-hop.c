/* SPDX-License-Identifier: Apache-2.0 */

/* Questions to the next hops of ECMP routes with symmetric reply.
 *
 * The reply to a connection that has come by way of a next hop goes back to
 * the Ethernet address that the next hop had, which the connection's label
 * has.  If the next hop gets another address, ovn-northd notes it in
 * ECMP_Nexthop.mac, and such connections are flushed (ecmp-nexthop.h).
 * For that, somebody has to notice: the chassis of the router asks each next
 * hop on a physical network for its Ethernet address, by ARP or by neighbor
 * solicitations, again and again, whether or not it is known.
 *
 *     ECMP_Nexthop --unit--> (next-hop-question, row) --fact--> schedule
 *
 * A question enters the logical switch as if the router had sent it; its
 * answer is learned as any is.  It becomes a fact once the flows are in the
 * switch that it goes by. */

#include <config.h>

#include <string.h>

#include "binding.h"
#include "coverage.h"
#include "dp-packet.h"
#include "inputs.h"
#include "ip-text.h"
#include "local-datapath.h"
#include "lport-source.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "ovs-compat.h"
#include "packets.h"
#include "patch.h"
#include "pinctrl/fact.h"
#include "pinctrl/repeater.h"
#include "pinctrl/service.h"
#include "smap.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_next_hop);

struct pin_service next_hop_pin_service;

COVERAGE_DEFINE(pinctrl_next_hop);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* In seconds: the first interval between questions to a next hop, and the
 * longest one if external_ids:arp-nd-max-timeout-sec does not say. */
#define FIRST_INTERVAL 1
#define DEFAULT_CAP 16

/* (next-hop-question, UUID of an ECMP_Nexthop): what is asked. */
struct question {
    struct in6_addr ip;         /* Of the next hop; IPv4-mapped. */
    struct in6_addr own_ip;     /* Of the router's port, */
    struct eth_addr mac;        /* and its Ethernet address. */
    uint32_t dp_key;            /* The switch, */
    uint32_t port_key;          /* and its port that the router is behind. */
    char *text;                 /* Who asks, and on which networks. */
};

static struct inc_kind *question_kind;

static bool
questions_equal(const void *a_, const void *b_)
{
    const struct question *a = a_;
    const struct question *b = b_;

    return (ipv6_addr_equals(&a->ip, &b->ip)
            && ipv6_addr_equals(&a->own_ip, &b->own_ip)
            && eth_addr_equals(a->mac, b->mac)
            && a->dp_key == b->dp_key && a->port_key == b->port_key
            && !strcmp(a->text, b->text));
}

static void
question_destroy(void *q_)
{
    struct question *q = q_;

    free(q->text);
    free(q);
}

static void *
question_copy(struct inc_key key OVS_UNUSED, const void *q_)
{
    struct question *q = xmemdup(q_, sizeof *q);

    q->text = xstrdup(q->text);
    return q;
}

static void question_changed(struct inc_key, const void *question);

static struct fact_table questions
    = FACT_TABLE_INITIALIZER("next-hop-questions", question_destroy,
                             question_changed);

static const struct inc_kind_class question_kind_class = {
    .name = "next-hop-question", .stage = STAGE_FLOW,
    .key_type = INC_KEY_UUID,
    .equal = questions_equal, .destroy = question_destroy,
};

/* Whether router's port 'lrp' has its packets leave from this chassis. */
static bool
leaves_here(struct inc_unit *unit, const char *name,
            const struct port_binding *lrp)
{
    const char *gateway = smap_get_def(&lrp->options, "chassis-redirect-port",
                                       name);

    return (binding_is_resident(unit, gateway)
            && !binding_hands_over(unit, gateway));
}

/* Fills in as whom 'lrp' asks for 'q->ip'. */
static bool
find_source(const struct port_binding *lrp, struct question *q)
{
    for (size_t i = 0; i < lrp->n_mac; i++) {
        if (lport_source_for(lrp->mac[i], &q->ip, &q->mac, &q->own_ip)) {
            return true;
        }
    }
    return false;
}

/* Fills in where the question enters, and 'networks': where it is heard.
 * Returns false if that is no physical network. */
static bool
find_networks(struct inc_unit *unit, const struct port_binding *lrp,
              struct question *q, struct ds *networks)
{
    const char *peer = smap_get(&lrp->options, "peer");
    const struct port_binding *lsp = peer ? in_port_binding(unit, peer) : NULL;
    const struct local_datapath *ld
        = lsp ? local_datapath(unit, &lsp->datapath) : NULL;

    if (!ld || !ld->is_switch) {
        return false;
    }
    q->dp_key = ld->tunnel_key;
    q->port_key = lsp->tunnel_key;
    return patch_format_localnets(unit, &ld->uuid, networks);
}

static void
run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct ecmp_nexthop *nexthop
        = in_ecmp_nexthop(unit, inc_unit_key(unit).data);
    const char *name = nexthop ? nexthop->port : NULL;
    const struct port_binding *lrp = name ? in_port_binding(unit, name) : NULL;
    struct question q = { .text = NULL };

    if (!lrp || !leaves_here(unit, name, lrp)) {
        return;
    }
    if (!ip_text_parse(nexthop->ip, &q.ip)) {
        UNIT_WARN(unit, &rl, "ECMP_Nexthop "UUID_FMT": \"%s\" "
                  "is no IP address", UUID_ARGS(&nexthop->uuid), nexthop->ip);
        return;
    }

    struct ds text = DS_EMPTY_INITIALIZER;
    ds_put_format(&text, "%s by", name);
    if (find_networks(unit, lrp, &q, &text) && find_source(lrp, &q)) {
        q.text = ds_steal_cstr(&text);
        inc_write(unit, question_kind, inc_unit_key(unit),
                  xmemdup(&q, sizeof q));
    }
    ds_destroy(&text);
}

static const struct inc_unit_class unit_class = {
    .name = "next-hop-question", .stage = STAGE_FLOW, .run = run,
};

/* The schedule: packet thread. */

static void
compose(struct dp_packet *packet, const struct question *q)
{
    if (IN6_IS_ADDR_V4MAPPED(&q->ip)) {
        compose_arp(packet, ARP_OP_REQUEST, q->mac, eth_addr_zero, true,
                    in6_addr_get_mapped_ipv4(&q->own_ip),
                    in6_addr_get_mapped_ipv4(&q->ip));
    } else {
        ovs_compose_nd_ns(packet, q->mac, &q->own_ip, &q->ip);
    }
}

static bool
ask(struct inc_key key)
{
    const struct question *q = fact_find(&questions, key);
    struct dp_packet packet;

    if (!q) {
        return true;            /* We are about to be told. */
    }
    const struct pin_place place = {
        .entry = PIN_INGRESS,
        .dp_key = q->dp_key,
        .inport_key = q->port_key,
    };
    dp_packet_init(&packet, 128);
    compose(&packet, q);
    bool ok = pin_inject(&place, &packet);
    dp_packet_uninit(&packet);
    if (ok) {
        COVERAGE_INC(pinctrl_next_hop);
    }
    return ok;
}

static int interval_after(struct inc_key, unsigned int n);

static struct pin_gauge asked_gauge = { .name = "asked" };
static struct pin_gauge *const gauges[] = { &asked_gauge, NULL };

static struct repeater schedule
    = REPEATER_INITIALIZER(&schedule, &next_hop_pin_service, &asked_gauge,
                           "arp-nd-max-timeout-sec", ask, interval_after);

static int
interval_after(struct inc_key key OVS_UNUSED, unsigned int n)
{
    const int cap = repeater_cap(&schedule);

    return repeater_doubled(FIRST_INTERVAL, n, cap ? cap : DEFAULT_CAP);
}

static void
question_changed(struct inc_key key, const void *question)
{
    repeater_set(&schedule, key, question != NULL);
}

static long long int
timer(long long int now)
{
    return repeater_run(&schedule, now);
}

static void
connected(void)
{
    pin_timer_at(&next_hop_pin_service, 0);
}

/* next-hop/list */

static void
list(int argc OVS_UNUSED, const char *argv[] OVS_UNUSED, struct ds *reply)
{
    const struct repeated *r;

    REPEATED_FOR_EACH (r, &schedule) {
        const struct question *q = fact_find(&questions, r->key);

        if (q) {
            ipv6_format_mapped(&q->ip, reply);
            ds_put_format(reply, " from %s: ", q->text);
            repeated_format(r, reply);
            ds_put_char(reply, '\n');
        }
    }
}

static const struct pin_command commands[] = {
    { "next-hop/list", "", 0, 0, list },
    { .name = NULL },
};

static void
init(struct inc_engine *engine)
{
    question_kind = inc_kind_declare(engine, &question_kind_class);
    inc_kind_spawn(in_kinds.ecmp_nexthop, &unit_class, NULL);
    fact_follow_installed(&questions, question_kind, question_copy);
    repeater_init(&schedule, engine);
}

static void
destroy(void)
{
    repeater_destroy(&schedule);
    fact_table_destroy(&questions);
}

struct pin_service next_hop_pin_service = {
    .name = "next-hop",
    .needs_facts = true,
    .timer = timer,
    .connected = connected,
    .init = init,
    .commands = commands,
    .gauges = gauges,
    .destroy = destroy,
};
