/* SPDX-License-Identifier: Apache-2.0 */

/* Prefix delegation: routers that ask for IPv6 prefixes.
 *
 * A router port with Port_Binding.options:ipv6_prefix is to have a prefix,
 * and one of the same router with ipv6_prefix_delegation, which must be a
 * gateway's, has the server behind it: the chassis that is the gateway at the
 * moment asks through that uplink.  Each port that is to have a prefix is a
 * DHCPv6 client of its own (RFC 8415), with a session here:
 *
 *                           CONFIRM --(10 s)--+
 *                              |              v
 *     (has a prefix) ----------+           SOLICIT <---- (has none)
 *                              |              | advertisement
 *                            reply            v
 *                              |           REQUEST
 *                              v              | reply
 *     RENEW <--(T1)-------- BOUND <-----------+
 *       |                    ^  ^
 *       +-------reply--------+  |            (no longer valid: SOLICIT)
 *     (T2)                      |
 *       +----> REBIND --reply---+
 *
 * The prefix is written to options:ipv6_ra_pd_list of the port, as
 * "IAID:PREFIX/LENGTH", and is gone from there when it is no longer valid.
 * After a restart, or on the chassis that has become the gateway, the session
 * begins with what is there: the server is asked whether it is still so.
 * Client and association are known to the server by the port's Ethernet
 * address and the IAID, whichever chassis asks.
 *
 * Lifetimes are only known here: router-advert.c asks for them. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "coverage.h"
#include "dhcpv6-pd.h"
#include "dp-packet.h"
#include "hash.h"
#include "idl-columns.h"
#include "inputs.h"
#include "local-datapath.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
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

VLOG_DEFINE_THIS_MODULE(pinctrl_prefix_delegation);

COVERAGE_DEFINE(pinctrl_pd_sent);
COVERAGE_DEFINE(pinctrl_pd_unexpected);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

#define CLIENT_PORT 546
#define SERVER_PORT 547

struct pin_service prefix_delegation_pin_service;

/* Facts: the ports that are to have a prefix, by 'port_id', while this chassis
 * is the one that asks.  Holes are zeros, so that two can be compared byte by
 * byte. */

struct pd_port {
    char name[64];              /* For people; cut if it is longer. */
    struct eth_addr mac;        /* Its own. */
    struct eth_addr uplink_mac;
    struct in6_addr uplink_ip;  /* Link-local: RFC 8415, 17. */
    uint32_t uplink_key;
    uint32_t iaid;
    struct pd_prefix written;   /* What ipv6_ra_pd_list says. */
    bool has_list;              /* It says something. */
    bool wanted;                /* If not, only the list is to go. */
};

/* An IAID of ours has six digits at least.  With up to four, what is written
 * would look like an IPv6 address from its first digit on. */
#define FIRST_IAID 0x1000000

static uint64_t
port_id(uint32_t dp_key, uint32_t port_key)
{
    return (uint64_t) dp_key << 32 | port_key;
}

static void port_changed(struct inc_key, const void *port);

static struct fact_table ports
    = FACT_TABLE_INITIALIZER("prefix-delegation", free, port_changed);

static struct inc_kind *port_kind;

static bool
port_equal(const void *a, const void *b)
{
    return !memcmp(a, b, sizeof(struct pd_port));
}

static const struct inc_kind_class port_kind_class = {
    .name = "prefix-delegation", .stage = STAGE_FLOW,
    .key_type = INC_KEY_U64, .equal = port_equal, .destroy = free,
};

static bool
get_mac(const struct port_binding *pb, struct eth_addr *mac)
{
    /* "MAC IP/LENGTH...". */
    return pb->n_mac && ovs_scan(pb->mac[0], ETH_ADDR_SCAN_FMT,
                                 ETH_ADDR_SCAN_ARGS(*mac));
}

/* Whether 'pb' has the server behind it, and is the gateway's here. */
static bool
is_uplink_here(struct inc_unit *unit, const struct port_binding *pb)
{
    const char *cr = smap_get(&pb->options, "chassis-redirect-port");

    return (smap_get_bool(&pb->options, "ipv6_prefix_delegation", false)
            && (cr ? binding_is_resident(unit, cr)
                : pb->type == LP_L3GATEWAY
                && binding_is_here(unit, pb->logical_port)));
}

/* Of several uplinks, the one with the lowest key. */
static const struct port_binding *
find_uplink(struct inc_unit *unit, const struct inc_set *names)
{
    const struct port_binding *uplink = NULL;

    for (size_t i = 0; i < inc_set_count(names); i++) {
        const struct port_binding *pb
            = in_port_binding(unit, inc_set_at(names, i).data);

        if (pb && is_uplink_here(unit, pb)
            && (!uplink || pb->tunnel_key < uplink->tunnel_key)) {
            uplink = pb;
        }
    }
    return uplink;
}

static struct pd_port *
pd_port_create(struct inc_unit *unit, const struct port_binding *pb,
               const struct port_binding *uplink)
{
    const char *list = smap_get(&pb->options, "ipv6_ra_pd_list");
    struct pd_port port;

    memset(&port, 0, sizeof port);
    port.wanted = smap_get_bool(&pb->options, "ipv6_prefix", false);
    port.has_list = list != NULL;
    if (!port.wanted && !list) {
        return NULL;
    }
    if (!get_mac(pb, &port.mac) || !get_mac(uplink, &port.uplink_mac)) {
        UNIT_WARN(unit, &rl,
                  "Port_Binding %s: without an Ethernet address, no "
                  "prefix is asked for", pb->logical_port);
        return NULL;
    }
    if (!list
        || !pd_prefix_from_string(list, &port.iaid, &port.written)) {
        port.written.length = 0;
        port.iaid = FIRST_IAID + pb->tunnel_key;
        if (list) {
            UNIT_WARN(unit, &rl, "Port_Binding %s: options:ipv6_ra_pd_list is "
                      "%s, which is no delegated prefix",
                      pb->logical_port, list);
        }
    }
    ovs_strlcpy(port.name, pb->logical_port, sizeof port.name);
    in6_generate_lla(port.uplink_mac, &port.uplink_ip);
    port.uplink_key = uplink->tunnel_key;
    return xmemdup(&port, sizeof port);
}

static void
delegation_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *dp = inc_unit_key(unit).data;
    const struct local_datapath *ld = local_datapath(unit, dp);
    if (!ld) {
        return;
    }

    const struct inc_set *names = in_delegation_ports(unit, dp);
    const struct port_binding *uplink = find_uplink(unit, names);
    for (size_t i = 0; uplink && i < inc_set_count(names); i++) {
        const struct port_binding *pb
            = in_port_binding(unit, inc_set_at(names, i).data);
        struct pd_port *port = pb ? pd_port_create(unit, pb, uplink) : NULL;

        if (port) {
            const uint64_t key = port_id(ld->tunnel_key, pb->tunnel_key);

            inc_write(unit, port_kind, inc_key_u64(&key), port);
        }
    }
}

static const struct inc_unit_class delegation_class = {
    .name = "prefix-delegation", .stage = STAGE_FLOW, .run = delegation_run,
};

static void *
copy_port(struct inc_key key OVS_UNUSED, const void *port)
{
    return xmemdup(port, sizeof(struct pd_port));
}

static void
init(struct inc_engine *engine)
{
    port_kind = inc_kind_declare(engine, &port_kind_class);
    inc_kind_spawn(in_kinds.delegation_ports, &delegation_class, NULL);
    fact_follow(&ports, port_kind, copy_port);
}

/* Sessions: packet thread. */

enum pd_state { CONFIRM, SOLICIT, REQUEST, BOUND, RENEW, REBIND };

static const char *const state_names[] = {
    [CONFIRM] = "confirm", [SOLICIT] = "solicit", [REQUEST] = "request",
    [BOUND] = "bound", [RENEW] = "renew", [REBIND] = "rebind",
};

/* What is sent in a state and, in ms, how often: RFC 8415, 7.6, and for
 * CONFIRM, which is a Rebind sent as if it were a Confirm, RFC 3633, 12.1. */
static const struct transmission {
    enum dhcpv6_type type;
    int first, max;             /* Between two. */
    int max_count;              /* 0: as often as there is time. */
    int max_duration;           /* 0: the lease says it. */
} transmissions[] = {
    [CONFIRM] = { DHCPV6_REBIND, 1000, 4000, 0, 10000 },
    [SOLICIT] = { DHCPV6_SOLICIT, 1000, 3600 * 1000, 0, 0 },
    [REQUEST] = { DHCPV6_REQUEST, 1000, 30 * 1000, 10, 0 },
    [RENEW] = { DHCPV6_RENEW, 10 * 1000, 600 * 1000, 0, 0 },
    [REBIND] = { DHCPV6_REBIND, 10 * 1000, 600 * 1000, 0, 0 },
};
#define MAX_SOLICIT_DELAY 1000

struct session {
    struct hmap_node node;      /* In 'sessions'. */
    uint64_t id;
    struct pd_port port;

    enum pd_state state;
    uint32_t iaid;
    uint8_t server[DHCPV6_MAX_DUID];
    size_t server_len;
    int max_solicit;            /* SOL_MAX_RT, in ms. */

    /* The exchange. */
    uint32_t xid;
    int n_sent;
    long long int began;        /* When the first message was sent. */
    int interval;               /* Until the next one, in ms, */
    long long int due;          /* and when. */
    int preference;             /* Of the best advertisement, -1 for none. */

    /* What it has, or would like. */
    struct pd_prefix prefix;
    bool has_lease;
    bool may_have_lease;        /* The list says so; nobody else yet. */
    long long int t1, t2, preferred, valid; /* Until when; or LLONG_MAX. */
};
static struct hmap sessions = HMAP_INITIALIZER(&sessions);

static struct pin_gauge sessions_gauge = { .name = "sessions" };
static struct pin_gauge *const gauges[] = { &sessions_gauge, NULL };

static struct session *
find_session(uint64_t id)
{
    struct session *s;

    HMAP_FOR_EACH_WITH_HASH (s, node, hash_uint64(id), &sessions) {
        if (s->id == id) {
            return s;
        }
    }
    return NULL;
}

static void
session_destroy(struct session *s)
{
    hmap_remove(&sessions, &s->node);
    free(s);
    pin_gauge_set(&sessions_gauge, hmap_count(&sessions));
}

/* Begins an exchange, after a random part of 'delay' ms. */
static void
begin(struct session *s, enum pd_state state, int delay)
{
    s->state = state;
    s->xid = random_uint32() & 0xffffff;
    s->n_sent = 0;
    s->preference = -1;
    s->due = time_msec() + (delay ? random_range(delay) : 0);
    pin_timer_at(&prefix_delegation_pin_service, s->due);
}

/* What the list of port 'id' is to be, "" for none. */
struct result {
    uint64_t id;
    char list[];
};

static void
put_result(uint64_t id, const char *list)
{
    const size_t size = strlen(list) + 1;
    struct result *r = xmalloc(sizeof *r + size);

    r->id = id;
    memcpy(r->list, list, size);
    pin_result_put(&prefix_delegation_pin_service, inc_key_u64(&id), r);
}

/* Has the list written, unless it says what it should. */
static void
write_list(const struct session *s)
{
    const struct pd_port *port = &s->port;
    const bool is_right
        = (s->has_lease
           ? (port->written.length == s->prefix.length
              && ipv6_addr_equals(&port->written.prefix, &s->prefix.prefix)
              && port->iaid == s->iaid)
           : s->may_have_lease || !port->has_list);

    if (!is_right) {
        struct ds list = DS_EMPTY_INITIALIZER;

        if (s->has_lease) {
            pd_prefix_format(s->iaid, &s->prefix, &list);
        }
        put_result(s->id, ds_cstr(&list));
        ds_destroy(&list);
    }
}

/* Messages that are sent. */

static struct dhcpv6_option
server_of(const struct session *s)
{
    const bool to_one = s->state == REQUEST || s->state == RENEW;

    return (struct dhcpv6_option) {
        .value = to_one ? s->server : NULL,
        .len = to_one ? s->server_len : 0,
    };
}

static void
send_message(const struct session *s, const struct ofpbuf *msg)
{
    const struct packet_place place = {
        .eth_src = s->port.uplink_mac,
        .eth_dst = ETH_ADDR_C(33, 33, 00, 01, 00, 02),
        .ip_src = s->port.uplink_ip,
        .ip_dst = { .s6_addr = { 0xff, 2, [13] = 1, [15] = 2 } },
        .ttl = 255,
    };
    const struct pin_place where = {
        .entry = PIN_LOCAL_OUTPUT,
        .dp_key = s->id >> 32,
        .outport_key = s->port.uplink_key,
    };
    struct dp_packet packet;

    dp_packet_init(&packet, 128 + msg->size);
    packet_start_udp(&packet, &place, htons(CLIENT_PORT),
                     htons(SERVER_PORT));
    dp_packet_put(&packet, msg->data, msg->size);
    packet_finish(&packet);
    COVERAGE_INC(pinctrl_pd_sent);
    pin_inject(&where, &packet);
    dp_packet_uninit(&packet);
}

/* Between 90% and 110% of 'interval': RFC 8415, 15. */
static int
jitter(int interval)
{
    const int tenth = interval / 10;

    return interval - tenth + random_range(2 * tenth + 1);
}

/* The time until the message is sent again: RFC 8415, 15. */
static void
set_interval(struct session *s)
{
    const struct transmission *t = &transmissions[s->state];
    const int max = s->state == SOLICIT ? s->max_solicit : t->max;

    if (s->n_sent > 1) {
        s->interval += jitter(s->interval);
        if (s->interval > max) {
            s->interval = jitter(max);
        }
    } else {
        s->interval = jitter(t->first);
        if (s->state == SOLICIT) {
            /* Advertisements are collected for so long: 18.2.1. */
            s->interval = MAX(s->interval, t->first + 1);
        }
    }
}

static void
transmit(struct session *s, long long int now)
{
    if (!s->n_sent++) {
        s->began = now;
    }

    const struct pd_request rq = {
        .type = transmissions[s->state].type,
        .xid = s->xid,
        .iaid = s->iaid,
        .mac = s->port.mac,
        .server_id = server_of(s),
        .elapsed = MIN((now - s->began) / 10, UINT16_MAX),
        .prefix = s->prefix,
    };
    struct ofpbuf msg;

    ofpbuf_init(&msg, 128);
    pd_compose(&rq, &msg);
    send_message(s, &msg);
    ofpbuf_uninit(&msg);
    set_interval(s);
    s->due = now + s->interval;
}

/* Leases. */

static void
lose_lease(struct session *s, const char *why)
{
    if (s->has_lease || s->may_have_lease) {
        VLOG_INFO("%s: the delegated prefix is lost: %s", s->port.name, why);
    }
    s->has_lease = s->may_have_lease = false;
    write_list(s);
}

static long long int
until(long long int now, uint32_t seconds)
{
    return (seconds == DHCPV6_FOREVER ? LLONG_MAX
            : now + (long long int) seconds * 1000);
}

/* 'part' tenths of what the lease lasts. */
static uint32_t
part_of(uint32_t seconds, int part)
{
    return (seconds == DHCPV6_FOREVER ? seconds
            : (uint64_t) seconds * part / 10);
}

/* When to renew is up to the client if the server does not say: RFC 8415,
 * 14.2 and 21.21.  T1 is the earlier one in any case. */
static void
set_times(struct session *s, const struct pd_answer *answer,
          const struct pd_lease *lease, long long int now)
{
    const uint32_t lasts = lease->preferred ? lease->preferred : lease->valid;
    const uint32_t t2 = answer->t2 ? answer->t2 : part_of(lasts, 8);
    const uint32_t t1 = answer->t1 ? answer->t1 : part_of(lasts, 5);

    s->preferred = until(now, lease->preferred);
    s->valid = until(now, lease->valid);
    s->t1 = until(now, MAX(MIN(t1, t2), 1));
    s->t2 = until(now, MAX(t2, 1));
}

static void
bind_lease(struct session *s, const struct pd_answer *answer,
           const struct pd_lease *lease)
{
    const long long int now = time_msec();
    const bool is_new = (!s->has_lease
                         || s->prefix.length != lease->prefix.length
                         || !ipv6_addr_equals(&s->prefix.prefix,
                                              &lease->prefix.prefix));

    s->prefix = lease->prefix;
    s->has_lease = true;
    s->may_have_lease = false;
    s->server_len = answer->server_id.len;
    memcpy(s->server, answer->server_id.value, s->server_len);
    set_times(s, answer, lease, now);
    s->state = BOUND;
    pin_timer_at(&prefix_delegation_pin_service, MIN(s->t1, s->valid));
    write_list(s);
    if (is_new) {
        struct ds text = DS_EMPTY_INITIALIZER;

        pd_prefix_format(s->iaid, &s->prefix, &text);
        VLOG_INFO("%s: a prefix has been delegated: %s", s->port.name,
                  ds_cstr(&text));
        ds_destroy(&text);
    }
}

/* Which lease to take: the one that there is, if it goes on, or else the one
 * that lasts longest.  'ended' becomes true if the one that there is has been
 * ended. */
static const struct pd_lease *
choose_lease(const struct session *s, const struct pd_answer *answer,
             bool *ended)
{
    const struct pd_lease *best = NULL;

    *ended = false;
    for (size_t i = 0; i < answer->n_leases; i++) {
        const struct pd_lease *l = &answer->leases[i];
        const bool is_ours = (l->prefix.length == s->prefix.length
                              && ipv6_addr_equals(&l->prefix.prefix,
                                                  &s->prefix.prefix));

        if (is_ours && l->valid) {
            return l;
        }
        *ended |= is_ours;
        if (l->valid && (!best || l->valid > best->valid)) {
            best = l;
        }
    }
    return best;
}

/* Messages that come. */

static void
handle_advertise(struct session *s, const struct pd_answer *answer)
{
    bool ended;
    const struct pd_lease *lease = choose_lease(s, answer, &ended);

    if (s->state != SOLICIT) {
        COVERAGE_INC(pinctrl_pd_unexpected);
        return;
    }
    if (answer->sol_max_rt) {
        s->max_solicit = answer->sol_max_rt * 1000;
    }
    if (answer->status || !lease) {
        VLOG_INFO_RL(&rl, "%s: a server has no prefix (status %u)",
                     s->port.name, answer->status);
        lose_lease(s, "no server gives it");
        return;
    }
    if (answer->preference <= s->preference) {
        return;
    }
    s->preference = answer->preference;
    s->server_len = answer->server_id.len;
    memcpy(s->server, answer->server_id.value, s->server_len);
    s->prefix = lease->prefix;

    /* Other servers have until the first message would be sent again: RFC
     * 8415, 18.2.1 and 18.2.9. */
    if (s->preference == UINT8_MAX || s->n_sent > 1) {
        begin(s, REQUEST, 0);
    }
}

/* What a server says that does not give what it was asked for. */
static void
handle_refusal(struct session *s, const struct pd_answer *answer)
{
    VLOG_INFO_RL(&rl, "%s: in state %s, a server says status %u",
                 s->port.name, state_names[s->state], answer->status);
    if (answer->status == DHCPV6_NO_BINDING && s->state != REQUEST) {
        /* It does not know of it, but may give it: RFC 8415, 18.2.10.1. */
        s->server_len = answer->server_id.len;
        memcpy(s->server, answer->server_id.value, s->server_len);
        begin(s, REQUEST, MAX_SOLICIT_DELAY);
    } else if (s->state == REQUEST
               && answer->status != DHCPV6_UNSPEC_FAIL) {
        lose_lease(s, "no server gives it");
        begin(s, SOLICIT, MAX_SOLICIT_DELAY);
    }
}

static void
handle_reply(struct session *s, const struct pd_answer *answer)
{
    if (s->state == SOLICIT || s->state == BOUND) {
        COVERAGE_INC(pinctrl_pd_unexpected);
        return;
    }

    bool ended;
    const struct pd_lease *lease = choose_lease(s, answer, &ended);
    if (answer->status) {
        handle_refusal(s, answer);
    } else if (lease) {
        bind_lease(s, answer, lease);
    } else if (ended) {
        lose_lease(s, "the server has ended it");
        begin(s, SOLICIT, MAX_SOLICIT_DELAY);
    } else if (s->state == REQUEST) {
        handle_refusal(s, answer);
    }
}

/* The session that has sent message 'xid' through the port that 'pin' came
 * in by. */
static struct session *
find_by_xid(const struct pin *pin, uint32_t xid)
{
    struct session *s;

    HMAP_FOR_EACH (s, node, &sessions) {
        if (s->xid == xid && s->id >> 32 == pin->dp_key
            && s->port.uplink_key == pin->inport_key && s->n_sent) {
            return s;
        }
    }
    return NULL;
}

static void
handle_dhcpv6_reply(const struct pin *pin)
{
    const size_t size = packet_udp_payload_size(pin->packet, pin->headers);
    uint32_t xid;

    if (!size || pin->headers->dl_type != htons(ETH_TYPE_IPV6)) {
        pin_malformed(pin, PIN_BAD_LENGTH, "not a whole UDP packet");
        return;
    }
    if (!packet_l4_csum_ok(pin->packet)) {
        pin_malformed(pin, PIN_BAD_CHECKSUM, "answer of a DHCPv6 server");
        return;
    }

    const uint8_t *msg = dp_packet_get_udp_payload(pin->packet);
    if (!pd_peek_xid(msg, size, &xid)) {
        pin_malformed(pin, PIN_BAD_CONTENT,
                      "what comes from a DHCPv6 server is no answer");
        return;
    }
    struct session *s = find_by_xid(pin, xid);
    if (!s) {
        COVERAGE_INC(pinctrl_pd_unexpected);
        return;
    }

    struct pd_answer answer;
    const char *why = pd_parse(msg, size, s->port.mac, s->iaid, &answer);
    if (why) {
        pin_malformed(pin, PIN_BAD_CONTENT, "answer of a DHCPv6 server: %s",
                      why);
    } else if (answer.type == DHCPV6_ADVERTISE) {
        handle_advertise(s, &answer);
    } else {
        handle_reply(s, &answer);
    }
}

/* Time. */

/* Goes on to what time has come for. */
static void
advance(struct session *s, long long int now)
{
    const struct transmission *t = &transmissions[s->state];

    if (s->has_lease && s->valid <= now) {
        lose_lease(s, "it is no longer valid");
        begin(s, SOLICIT, 0);
    } else if ((s->state == BOUND || s->state == RENEW) && s->t2 <= now) {
        begin(s, REBIND, 0);
    } else if (s->state == BOUND && s->t1 <= now) {
        begin(s, RENEW, 0);
    } else if (s->state == SOLICIT && s->preference >= 0 && s->due <= now) {
        begin(s, REQUEST, 0);
    } else if (s->n_sent
               && ((t->max_count && s->n_sent >= t->max_count
                    && s->due <= now)
                   || (t->max_duration
                       && now - s->began >= t->max_duration))) {
        begin(s, SOLICIT, 0);
    }
}

static long long int
next_event(const struct session *s)
{
    const struct transmission *t = &transmissions[s->state];
    long long int next = s->state == BOUND ? s->t1 : s->due;

    if (s->has_lease) {
        next = MIN(next, s->valid);
        if (s->state == BOUND || s->state == RENEW) {
            next = MIN(next, s->t2);
        }
    }
    if (t->max_duration && s->n_sent) {
        next = MIN(next, s->began + t->max_duration);
    }
    return next;
}

static long long int
timer(long long int now)
{
    long long int next = LLONG_MAX;
    struct session *s;

    HMAP_FOR_EACH (s, node, &sessions) {
        advance(s, now);
        if (s->state != BOUND && s->due <= now) {
            transmit(s, now);
        }
        next = MIN(next, next_event(s));
    }
    return next;
}

/* Configuration. */

static void
session_create(uint64_t id, const struct pd_port *port)
{
    struct session *s = xzalloc(sizeof *s);

    s->id = id;
    s->port = *port;
    s->iaid = port->iaid;
    s->prefix = port->written;
    s->may_have_lease = port->written.length > 0;
    s->max_solicit = transmissions[SOLICIT].max;
    hmap_insert(&sessions, &s->node, hash_uint64(id));
    pin_gauge_set(&sessions_gauge, hmap_count(&sessions));
    begin(s, s->may_have_lease ? CONFIRM : SOLICIT, MAX_SOLICIT_DELAY);
}

static void
port_changed(struct inc_key key, const void *port_)
{
    const struct pd_port *port = port_;
    uint64_t id;
    memcpy(&id, key.data, sizeof id);
    struct session *s = find_session(id);

    if (!port || !port->wanted) {
        if (s) {
            session_destroy(s);
        }
        if (port) {
            put_result(id, "");
        }
        return;
    }
    if (!s) {
        session_create(id, port);
        return;
    }

    const bool moved = (s->port.uplink_key != port->uplink_key
                        || !eth_addr_equals(s->port.uplink_mac,
                                            port->uplink_mac)
                        || !eth_addr_equals(s->port.mac, port->mac));
    s->port = *port;
    if (moved) {
        /* Another link, or another client: RFC 8415, 18.2.12. */
        s->may_have_lease |= s->has_lease;
        begin(s, s->may_have_lease ? CONFIRM : SOLICIT, MAX_SOLICIT_DELAY);
    }
    write_list(s);
}

/* There is a new connection to the switch: whoever waits for an answer may
 * have asked in vain. */
static void
connected(void)
{
    struct session *s;

    HMAP_FOR_EACH (s, node, &sessions) {
        if (s->state != BOUND && s->n_sent <= 1) {
            s->due = MIN(s->due, time_msec() + MAX_SOLICIT_DELAY);
            pin_timer_at(&prefix_delegation_pin_service, s->due);
        }
    }
}

/* For others. */

static uint32_t
seconds_until(long long int when, long long int now)
{
    return (when == LLONG_MAX ? DHCPV6_FOREVER
            : when <= now ? 0 : (when - now) / 1000);
}

bool
prefix_delegation_lifetimes(uint32_t dp_key, uint32_t port_key,
                            const struct pd_prefix *prefix,
                            uint32_t *valid, uint32_t *preferred)
{
    const struct session *s = find_session(port_id(dp_key, port_key));
    const long long int now = time_msec();

    if (!s || !s->has_lease || s->prefix.length != prefix->length
        || !ipv6_addr_equals(&s->prefix.prefix, &prefix->prefix)) {
        return false;
    }
    *valid = seconds_until(s->valid, now);
    *preferred = seconds_until(s->preferred, now);
    return true;
}

/* prefix-delegation/show */

static void
show_time(struct ds *reply, const char *what, long long int when)
{
    if (when == LLONG_MAX) {
        ds_put_format(reply, ", %s never", what);
    } else {
        ds_put_format(reply, ", %s in %lld s", what,
                      MAX(when - time_msec(), 0) / 1000);
    }
}

static void
show(int argc OVS_UNUSED, const char *argv[] OVS_UNUSED, struct ds *reply)
{
    const struct session *s;

    HMAP_FOR_EACH (s, node, &sessions) {
        ds_put_format(reply, "%s: %s", s->port.name, state_names[s->state]);
        if (s->state != BOUND) {
            ds_put_format(reply, ", asked %d times", s->n_sent);
        }
        if (s->has_lease || s->may_have_lease) {
            ds_put_cstr(reply, s->has_lease ? ", has " : ", may have ");
            pd_prefix_format(s->iaid, &s->prefix, reply);
        }
        if (s->has_lease) {
            show_time(reply, "renewed", s->t1);
            show_time(reply, "deprecated", s->preferred);
            show_time(reply, "invalid", s->valid);
        }
        ds_put_char(reply, '\n');
    }
}

static const struct pin_command commands[] = {
    { "prefix-delegation/show", "", 0, 0, show },
    { NULL, NULL, 0, 0, NULL },
};

/* Writing the list: main thread. */

static void
register_sb(struct idl_columns *columns)
{
    idl_columns_add(columns, &sbrec_port_binding_col_options, IDL_READ);
}

static enum pin_written
write_result(void *result, const struct turn *turn OVS_UNUSED,
             const struct sbrec_chassis *us OVS_UNUSED)
{
    const struct result *r = result;
    const struct sbrec_port_binding *pb = pin_find_port(r->id >> 32, r->id);
    if (!pb) {
        return PIN_MOOT;
    }

    const char *old = smap_get(&pb->options, "ipv6_ra_pd_list");
    if (r->list[0] ? nullable_string_is_equal(old, r->list) : !old) {
        return PIN_DONE;
    }
    if (r->list[0]) {
        sbrec_port_binding_update_options_setkey(pb, "ipv6_ra_pd_list",
                                                 r->list);
    } else {
        sbrec_port_binding_update_options_delkey(pb, "ipv6_ra_pd_list");
    }
    return PIN_WRITTEN;
}

static void
destroy(void)
{
    struct session *s;

    HMAP_FOR_EACH_SAFE (s, node, &sessions) {
        session_destroy(s);
    }
    hmap_destroy(&sessions);
    fact_table_destroy(&ports);
}

struct pin_service prefix_delegation_pin_service = {
    .name = "prefix_delegation",
    .needs_facts = true,
    .opcodes = {
        { ACTION_OPCODE_DHCP6_SERVER, handle_dhcpv6_reply, false },
    },
    .timer = timer,
    .connected = connected,
    .init = init,
    .register_sb = register_sb,
    .write = write_result,
    .max_results = 4096,
    .commands = commands,
    .gauges = gauges,
    .destroy = destroy,
};
