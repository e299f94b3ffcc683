/* SPDX-License-Identifier: Apache-2.0 */

/* Router Advertisements: answers to solicitations, put_nd_ra_opts of
 * ovn-sb(5), and those that a router port sends by itself if its
 * Port_Binding has options:ipv6_ra_send_periodic.
 *
 * What an answer says is in the logical flow.  What a port says by itself is
 * made of its options on the main thread, once; the packet thread only adds
 * the prefix that has been delegated to the port, if there is one, whose
 * lifetimes run out.  An advertisement enters the switch that the router port
 * is connected to, as if from there, and each chassis sends to its own
 * machines: nothing passes through tunnels or into physical networks.
 *
 * The times between advertisements are random, so that those of several
 * routers do not fall into step, and short at first (RFC 4861, 6.2.4). */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "coverage.h"
#include "dhcpv6-pd.h"
#include "dp-packet.h"
#include "hash.h"
#include "inputs.h"
#include "local-datapath.h"
#include "nd-ra.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/vlog.h"
#include "ovn/logical-fields.h"
#include "packet-build.h"
#include "packets.h"
#include "pinctrl/fact.h"
#include "pinctrl/prefix-delegation.h"
#include "pinctrl/service.h"
#include "random.h"
#include "smap.h"
#include "timeval.h"
#include "unit-log.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_router_advert);

COVERAGE_DEFINE(pinctrl_ra_periodic);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* RFC 4861, 10: the first advertisements, in ms. */
#define N_INITIAL 3
#define MAX_INITIAL_INTERVAL 16000
#define MIN_DELAY 3000
/* Before the very first one: flows are on their way to the switch. */
#define FIRST_DELAY 500

/* RFC 4861, 6.2.1, and RFC 8319, 4: what intervals may be, in seconds, and
 * what they are if nobody says. */
#define MIN_MAX_INTERVAL 4
#define MAX_MAX_INTERVAL 65535
#define DEFAULT_MAX_INTERVAL 600
#define MIN_MIN_INTERVAL 3

#define MIN_MTU 1280            /* RFC 8200, 5. */

struct pin_service router_advert_pin_service;

/* Facts: what a port says, by 'port_id'.  Holes are zeros, so that two can be
 * compared byte by byte. */

struct advert {
    uint32_t min_ms, max_ms;    /* Between two. */
    uint32_t dp_key, inport_key; /* Where it enters: the port's peer. */
    uint32_t unknown_lifetime;  /* Of a delegated prefix, in seconds. */
    struct eth_addr eth_src;
    struct in6_addr ip_src;
    uint8_t prefix_flags;
    struct pd_prefix delegated; /* 'length' is 0: there is none. */
    uint32_t head_size;         /* Up to the prefixes, */
    uint32_t size;              /* and all of it; see advert_body(). */
};

static uint64_t
port_id(uint32_t dp_key, uint32_t port_key)
{
    return (uint64_t) dp_key << 32 | port_key;
}

static void advert_changed(struct inc_key, const void *advert);

static struct fact_table adverts
    = FACT_TABLE_INITIALIZER("router-advertisements", free, advert_changed);

static struct inc_kind *advert_kind;

/* The message, behind 'a'. */
static uint8_t *
advert_body(const struct advert *a)
{
    return CONST_CAST(uint8_t *, (const uint8_t *) (a + 1));
}

static size_t
advert_size(const struct advert *a)
{
    return sizeof *a + a->size;
}

static bool
advert_equal(const void *a_, const void *b_)
{
    const struct advert *a = a_;
    const struct advert *b = b_;

    return a->size == b->size && !memcmp(a, b, advert_size(a));
}

static const struct inc_kind_class advert_kind_class = {
    .name = "router-advertisement", .stage = STAGE_FLOW,
    .key_type = INC_KEY_U64, .equal = advert_equal, .destroy = free,
};

/* An advertisement in the making. */
struct maker {
    struct inc_unit *unit;
    const struct port_binding *pb;
    struct advert advert;
    struct ofpbuf head, tail;
    uint8_t prefix_flags;
};

static const char *
option(const struct maker *m, const char *name)
{
    return smap_get(&m->pb->options, name);
}

static void
warn_of_option(const struct maker *m, const char *name)
{
    const char *value = option(m, name);

    UNIT_WARN(m->unit, &rl,
              "Port_Binding %s: options:%s is %s, which makes no "
              "sense in router advertisements",
              m->pb->logical_port, name, value ? value : "not there");
}

static void
make_intervals(struct maker *m)
{
    const int max = MIN(MAX(smap_get_int(&m->pb->options,
                                         "ipv6_ra_max_interval",
                                         DEFAULT_MAX_INTERVAL),
                            MIN_MAX_INTERVAL), MAX_MAX_INTERVAL);
    const int largest_min = MAX(max * 3 / 4, MIN_MIN_INTERVAL);
    const int min = smap_get_int(&m->pb->options, "ipv6_ra_min_interval",
                                 max >= 9 ? max / 3 : largest_min);

    m->advert.max_ms = max * 1000;
    m->advert.min_ms = MIN(MAX(min, MIN_MIN_INTERVAL), largest_min) * 1000;
    m->advert.unknown_lifetime = 3 * max;
}

static void
make_header(struct maker *m)
{
    const char *mode = option(m, "ipv6_ra_address_mode");
    const char *preference = option(m, "ipv6_ra_prf");
    uint8_t flags = 0, more = 0;

    if (!nd_ra_address_mode(mode ? mode : "slaac", &flags,
                            &m->advert.prefix_flags)) {
        nd_ra_address_mode("slaac", &flags, &m->advert.prefix_flags);
        warn_of_option(m, "ipv6_ra_address_mode");
    }
    if (preference
        && !nd_ra_preference(preference, strlen(preference), &more)) {
        warn_of_option(m, "ipv6_ra_prf");
    }
    nd_ra_put_header(&m->head, flags | more);
    nd_ra_put_slla(&m->head, m->advert.eth_src);

    const int mtu = smap_get_int(&m->pb->options, "ipv6_ra_mtu", 0);
    if (mtu >= MIN_MTU) {
        nd_ra_put_mtu(&m->head, mtu);
    }
}

static void
make_prefix(struct maker *m, const char *text)
{
    struct nd_ra_prefix p = {
        .flags = m->advert.prefix_flags,
        .valid = ND_RA_FOREVER,
        .preferred = ND_RA_FOREVER,
    };
    unsigned int length;
    char *error = ipv6_parse_cidr(text, &p.prefix, &length);

    if (error) {
        free(error);
        warn_of_option(m, "ipv6_ra_prefixes");
        return;
    }
    const struct in6_addr mask = ipv6_create_mask(length);
    p.prefix = ipv6_addr_bitand(&p.prefix, &mask);
    p.length = length;
    nd_ra_put_prefix(&m->head, &p);
}

/* Hosts make addresses in a prefix of 64 bits (RFC 4862, 5.5.3), so from a
 * shorter one the link gets the first of those that are in it. */
static void
make_delegated(struct maker *m, const char *text)
{
    struct pd_prefix *p = &m->advert.delegated;
    uint32_t iaid;

    if (!pd_prefix_from_string(text, &iaid, p)) {
        p->length = 0;
        warn_of_option(m, "ipv6_ra_pd_list");
    }
}

/* Whether 'text', among the prefixes, is there because ovn-northd repeats what
 * has been delegated, now or until recently: as it is in ipv6_ra_pd_list, with
 * the IAID in front. */
static bool
is_delegated(const char *text, const char *delegated)
{
    struct in6_addr prefix;
    struct pd_prefix p;
    unsigned int length;
    uint32_t iaid;

    if (delegated && !strcmp(text, delegated)) {
        return true;
    }
    char *error = ipv6_parse_cidr(text, &prefix, &length);
    const bool is_prefix = !error;
    free(error);
    return !is_prefix && pd_prefix_from_string(text, &iaid, &p);
}

/* Returns whether there is any. */
static bool
make_prefixes(struct maker *m)
{
    const char *delegated = option(m, "ipv6_ra_pd_list");
    const char *prefixes = option(m, "ipv6_ra_prefixes");
    const size_t start = m->head.size;
    char *copy = xstrdup(prefixes ? prefixes : "");
    char *save = NULL;

    for (char *word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        if (!is_delegated(word, delegated)) {
            make_prefix(m, word);
        }
    }
    free(copy);
    if (delegated && smap_get_bool(&m->pb->options, "ipv6_prefix", false)) {
        make_delegated(m, delegated);
    }
    return m->head.size > start || m->advert.delegated.length;
}

static void
make_tail(struct maker *m)
{
    const char *rdnss = option(m, "ipv6_ra_rdnss");
    const char *dnssl = option(m, "ipv6_ra_dnssl");
    const char *routes = option(m, "ipv6_ra_route_info");
    struct in6_addr server;

    if (rdnss && ipv6_parse(rdnss, &server)) {
        nd_ra_put_rdnss(&m->tail, &server);
    } else if (rdnss) {
        warn_of_option(m, "ipv6_ra_rdnss");
    }
    if (dnssl && nd_ra_dnssl_ok(dnssl)) {
        nd_ra_put_dnssl(&m->tail, dnssl);
    } else if (dnssl) {
        warn_of_option(m, "ipv6_ra_dnssl");
    }
    if (routes && !nd_ra_put_routes(&m->tail, routes)) {
        warn_of_option(m, "ipv6_ra_route_info");
    }
}

/* Returns what 'pb' says to those who are on 'peer', or NULL if it cannot say
 * anything. */
static struct advert *
advert_create(struct inc_unit *unit, const struct port_binding *pb,
              const struct lport *peer, uint32_t peer_dp_key)
{
    struct maker m = { .unit = unit, .pb = pb };
    const char *eth = option(&m, "ipv6_ra_src_eth");
    const char *ip = option(&m, "ipv6_ra_src_addr");
    struct advert *advert = NULL;

    memset(&m.advert, 0, sizeof m.advert);
    if (!eth || !eth_addr_from_string(eth, &m.advert.eth_src)) {
        warn_of_option(&m, "ipv6_ra_src_eth");
        return NULL;
    }
    if (!ip || !ipv6_parse(ip, &m.advert.ip_src)
        || !in6_is_lla(&m.advert.ip_src)) { /* RFC 4861, 4.2. */
        warn_of_option(&m, "ipv6_ra_src_addr");
        return NULL;
    }

    ofpbuf_init(&m.head, 128);
    ofpbuf_init(&m.tail, 128);
    m.advert.dp_key = peer_dp_key;
    m.advert.inport_key = peer->tunnel_key;
    make_intervals(&m);
    make_header(&m);
    /* To older releases, a port without an IPv6 network is no IPv6 router
     * there, whatever else it is to advertise. */
    if (make_prefixes(&m)
        || in_dialect(unit)->advertises_without_prefix) {
        make_tail(&m);
        m.advert.head_size = m.head.size;
        m.advert.size = m.head.size + m.tail.size;
        advert = xmalloc(advert_size(&m.advert));
        memcpy(advert, &m.advert, sizeof *advert);
        memcpy(advert_body(advert), m.head.data, m.head.size);
        if (m.tail.size) {
            memcpy(advert_body(advert) + m.head.size,
                   m.tail.data, m.tail.size);
        }
    }
    ofpbuf_uninit(&m.head);
    ofpbuf_uninit(&m.tail);
    return advert;
}

static void
advert_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct port_binding *pb
        = in_port_binding(unit, inc_unit_key(unit).data);
    const struct local_datapath *ld
        = pb ? local_datapath(unit, &pb->datapath) : NULL;
    const char *peer_name = pb ? smap_get(&pb->options, "peer") : NULL;
    const struct lport *peer
        = ld && peer_name ? in_lport(unit, peer_name) : NULL;
    const struct local_datapath *peer_ld
        = peer ? local_datapath(unit, &peer->datapath) : NULL;

    if (peer_ld
        && smap_get_bool(&pb->options, "ipv6_ra_send_periodic", false)) {
        const uint64_t key = port_id(ld->tunnel_key, pb->tunnel_key);
        struct advert *advert = advert_create(unit, pb, peer,
                                              peer_ld->tunnel_key);

        if (advert) {
            inc_write(unit, advert_kind, inc_key_u64(&key), advert);
        }
    }
}

static const struct inc_unit_class advert_class = {
    .name = "router-advertisement", .stage = STAGE_FLOW, .run = advert_run,
};

static void *
copy_advert(struct inc_key key OVS_UNUSED, const void *advert)
{
    return xmemdup(advert, advert_size(advert));
}

static void
init(struct inc_engine *engine)
{
    advert_kind = inc_kind_declare(engine, &advert_kind_class);
    inc_kind_spawn(in_kinds.advertising_port, &advert_class, NULL);
    fact_follow(&adverts, advert_kind, copy_advert);
}

/* What is said: packet thread. */

/* The prefix of the delegated one that the port's link has. */
static void
put_delegated(uint64_t id, const struct advert *a, struct ofpbuf *out)
{
    const uint32_t dp_key = id >> 32;
    const uint32_t port_key = id;
    struct nd_ra_prefix p = {
        .prefix = a->delegated.prefix,
        .length = MAX(a->delegated.length, 64),
        .flags = a->prefix_flags,
    };

    if (!a->delegated.length) {
        return;
    }
    if (!prefix_delegation_lifetimes(dp_key, port_key, &a->delegated,
                                     &p.valid, &p.preferred)) {
        p.valid = p.preferred = a->unknown_lifetime;
    }
    nd_ra_put_prefix(out, &p);
}

/* Advertisements that are sent periodically: packet thread. */

struct sender {
    struct hmap_node node;      /* In 'senders'. */
    uint64_t id;
    int n_sent;                 /* Since it last changed, up to N_INITIAL. */
    long long int sent;         /* When the last one was, or LLONG_MIN. */
    long long int due;
};
static struct hmap senders = HMAP_INITIALIZER(&senders);

static struct pin_gauge senders_gauge = { .name = "ports" };
static struct pin_gauge *const gauges[] = { &senders_gauge, NULL };

static struct sender *
find_sender(uint64_t id)
{
    struct sender *s;

    HMAP_FOR_EACH_WITH_HASH (s, node, hash_uint64(id), &senders) {
        if (s->id == id) {
            return s;
        }
    }
    return NULL;
}

static void
sender_destroy(struct sender *s)
{
    hmap_remove(&senders, &s->node);
    free(s);
    pin_gauge_set(&senders_gauge, hmap_count(&senders));
}

static struct sender *
sender_create(uint64_t id)
{
    struct sender *s = xzalloc(sizeof *s);

    s->id = id;
    s->sent = LLONG_MIN;
    hmap_insert(&senders, &s->node, hash_uint64(id));
    pin_gauge_set(&senders_gauge, hmap_count(&senders));
    return s;
}

static const struct advert *
find_advert(uint64_t id)
{
    return fact_find(&adverts, inc_key_u64(&id));
}

static void
send_advert(uint64_t id, const struct advert *a)
{
    const struct packet_place place = {
        .eth_src = a->eth_src,
        .eth_dst = ETH_ADDR_C(33, 33, 00, 00, 00, 01),
        .ip_src = a->ip_src,
        .ip_dst = in6addr_all_hosts,
        .ttl = 255,
    };
    const struct pin_place where = {
        .entry = PIN_INGRESS,
        .dp_key = a->dp_key,
        .inport_key = a->inport_key,
        .flags = MLF_BIT(LOCAL_ONLY),
    };
    struct ofpbuf ra;
    struct dp_packet packet;

    ofpbuf_init(&ra, a->size + 32);
    ofpbuf_put(&ra, advert_body(a), a->head_size);
    put_delegated(id, a, &ra);
    ofpbuf_put(&ra, advert_body(a) + a->head_size,
               a->size - a->head_size);

    dp_packet_init(&packet, 128 + ra.size);
    void *l4 = packet_start_ip(&packet, &place, IPPROTO_ICMPV6, ra.size);
    memcpy(l4, ra.data, ra.size);
    packet_finish(&packet);
    COVERAGE_INC(pinctrl_ra_periodic);
    pin_inject(&where, &packet);
    dp_packet_uninit(&packet);
    ofpbuf_uninit(&ra);
}

/* When the next one is due, in ms from now. */
static int
random_interval(const struct sender *s, const struct advert *a)
{
    const int interval = (a->min_ms
                          + random_range(a->max_ms - a->min_ms + 1));

    return (s->n_sent < N_INITIAL ? MIN(interval, MAX_INITIAL_INTERVAL)
            : interval);
}

static long long int
timer(long long int now)
{
    long long int next = LLONG_MAX;
    struct sender *s;

    HMAP_FOR_EACH (s, node, &senders) {
        if (s->due <= now) {
            const struct advert *a = find_advert(s->id);

            if (!a) {
                s->due = LLONG_MAX; /* advert_changed() is about to end it. */
                continue;
            }
            send_advert(s->id, a);
            s->n_sent = MIN(s->n_sent + 1, N_INITIAL);
            s->sent = now;
            s->due = now + random_interval(s, a);
        }
        next = MIN(next, s->due);
    }
    return next;
}

/* Hosts learn soon that there is a port, or that it says something else. */
static void
advert_changed(struct inc_key key, const void *advert)
{
    const long long int now = time_msec();
    uint64_t id;
    memcpy(&id, key.data, sizeof id);
    struct sender *s = find_sender(id);

    if (!advert) {
        if (s) {
            sender_destroy(s);
        }
        return;
    }
    if (!s) {
        s = sender_create(id);
    }
    s->n_sent = 0;
    s->due = (s->sent == LLONG_MIN ? now + FIRST_DELAY
              : MAX(now, s->sent + MIN_DELAY));
    pin_timer_at(&router_advert_pin_service, s->due);
}

/* The switch is new: so may be what is behind it. */
static void
connected(void)
{
    const long long int now = time_msec();
    struct sender *s;

    HMAP_FOR_EACH (s, node, &senders) {
        s->n_sent = 0;
        s->due = MIN(s->due, now + (long long int) random_range(MIN_DELAY));
    }
    pin_timer_at(&router_advert_pin_service, now);
}

/* Answers: packet thread. */

/* Makes 'reply', which says 'ra', of the solicitation.  The logical flow then
 * has it go to whom the packet comes from.  If that is nobody, hosts without
 * an address among them, the answer is for all: RFC 4861, 6.2.6. */
static void
make_reply(const struct pin *pin, const struct ofpbuf *ra,
           struct dp_packet *reply)
{
    const struct flow *h = pin->headers;
    struct packet_place place = {
        .eth_src = h->dl_src,
        .eth_dst = h->dl_dst,
        .ip_src = h->ipv6_src,
        .ip_dst = h->ipv6_dst,
        .ttl = 255,
    };

    if (!ipv6_addr_is_set(&h->ipv6_src)) {
        place.ip_src = in6addr_all_hosts;
        ipv6_multicast_to_ethernet(&place.eth_src, &place.ip_src);
    }
    dp_packet_init(reply, 128 + ra->size);
    void *l4 = packet_start_ip(reply, &place, IPPROTO_ICMPV6, ra->size);
    memcpy(l4, ra->data, ra->size);

    /* Traffic class and flow label are those of the question. */
    const struct ovs_16aligned_ip6_hdr *asked = dp_packet_l3(pin->packet);
    struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(reply);
    ip6->ip6_flow = asked->ip6_flow;
    packet_finish(reply);
    pin_copy_vlan(pin, reply);
}

static bool
check_solicitation(const struct pin *pin)
{
    const struct flow *h = pin->headers;
    const uint8_t *l4 = dp_packet_l4(pin->packet);

    if (h->dl_type != htons(ETH_TYPE_IPV6) || h->nw_proto != IPPROTO_ICMPV6
        || h->nw_ttl != 255 || h->nw_frag || !l4) {
        pin_malformed(pin, PIN_BAD_PROTOCOL,
                      "put_nd_ra_opts is for router solicitations");
        return false;
    }
    const char *why = nd_rs_check(l4, dp_packet_l4_size(pin->packet),
                                  &h->ipv6_src);
    if (why) {
        pin_malformed(pin, PIN_BAD_CONTENT, "router solicitation: %s", why);
        return false;
    }
    if (!packet_l4_csum_ok(pin->packet)) {
        pin_malformed(pin, PIN_BAD_CHECKSUM, "router solicitation");
        return false;
    }
    return true;
}

static void
handle_put_nd_ra_opts(const struct pin *pin)
{
    const uint64_t id = port_id(pin->dp_key, pin->inport_key);

    if (pin->userdata->size < sizeof(struct ovs_ra_msg)) {
        pin_malformed(pin, PIN_BAD_USERDATA,
                      "put_nd_ra_opts: there is no advertisement");
        return;
    }
    if (!check_solicitation(pin)) {
        return;
    }

    const struct advert *a = find_advert(id);
    struct ofpbuf ra;
    struct dp_packet reply;
    ofpbuf_init(&ra, pin->userdata->size + 32);
    ofpbuf_put(&ra, pin->userdata->data, pin->userdata->size);
    if (a) {
        put_delegated(id, a, &ra);
    }
    make_reply(pin, &ra, &reply);
    pin_resume(pin, &reply, true);
    dp_packet_uninit(&reply);
    ofpbuf_uninit(&ra);
}

/* router-advertisements/show */

static void
show(int argc OVS_UNUSED, const char *argv[] OVS_UNUSED, struct ds *reply)
{
    const long long int now = time_msec();
    const struct sender *s;

    HMAP_FOR_EACH (s, node, &senders) {
        const struct advert *a = find_advert(s->id);

        if (a) {
            ds_put_format(reply, "datapath %u, port %u: every %u to %u s, ",
                          (uint32_t) (s->id >> 32), (uint32_t) s->id,
                          a->min_ms / 1000, a->max_ms / 1000);
            if (s->sent != LLONG_MIN) {
                ds_put_format(reply, "last sent %lld ms ago, ",
                              now - s->sent);
            }
            ds_put_format(reply, "next due in %lld ms\n",
                          MAX(s->due - now, 0));
        }
    }
}

static const struct pin_command commands[] = {
    { "router-advertisements/show", "", 0, 0, show },
    { NULL, NULL, 0, 0, NULL },
};

static void
destroy(void)
{
    struct sender *s;

    HMAP_FOR_EACH_SAFE (s, node, &senders) {
        sender_destroy(s);
    }
    hmap_destroy(&senders);
    fact_table_destroy(&adverts);
}

struct pin_service router_advert_pin_service = {
    .name = "router_advert",
    .needs_facts = true,
    .opcodes = {
        { ACTION_OPCODE_PUT_ND_RA_OPTS, handle_put_nd_ra_opts,
          .has_result = true },
    },
    .timer = timer,
    .connected = connected,
    .init = init,
    .commands = commands,
    .gauges = gauges,
    .destroy = destroy,
};
