/* SPDX-License-Identifier: Apache-2.0 */

/* BFD sessions with the next hops of routes: rows of BFD, and handle_bfd_msg
 * of ovn-sb(5).
 *
 * A session belongs to the chassis that has its router port: that of a gateway
 * router, or that of the port's gateway.  lib/bfd-session.h is the protocol
 * (RFC 5880); here are the sessions, their clock, and where packets go: into
 * the router's pipeline, as if they had come by the port, which knows the next
 * hop's Ethernet address.
 *
 *     row, port --> unit --> fact --> session --> status --> row
 *
 * "status" goes both ways.  The central writes admin_down, for a session that
 * no route needs, and down as soon as one does; all else is ours.
 *
 * A session begins down, also when the controller is restarted or a gateway
 * moves, and the neighbor, that finds it so, needs a few packets to come up
 * again.  A row that says "up" from before keeps saying so for this time, or
 * else every restart would have its route withdrawn. */

#include <config.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "bfd-session.h"
#include "binding.h"
#include "coverage.h"
#include "flow.h"
#include "hash.h"
#include "idl-columns.h"
#include "inputs.h"
#include "ip-text.h"
#include "local-datapath.h"
#include "lport-source.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "packet-build.h"
#include "packets.h"
#include "pinctrl/agenda.h"
#include "pinctrl/fact.h"
#include "pinctrl/service.h"
#include "timeval.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_bfd);

COVERAGE_DEFINE(bfd_expired);
COVERAGE_DEFINE(bfd_late);
COVERAGE_DEFINE(bfd_received);
COVERAGE_DEFINE(bfd_sent);
COVERAGE_DEFINE(bfd_unknown_session);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* RFC 5881, sections 4 and 5. */
#define BFD_PORT 3784
#define BFD_TTL 255
#define BFD_MIN_SRC_PORT 49152

/* Packets that are sent later than this, in ms, are counted. */
#define LATE_MS 20

/* How long a session that begins may take to come up, in packets of the slow
 * pace at which sessions do, of one a second. */
#define STARTING_PACKETS 4
#define SLOW_MS 1000

struct pin_service bfd_pin_service;

/* Facts: what a session is to be, by the row's UUID. */

struct bfd_place {
    uint32_t dp_key, port_key;
    struct eth_addr mac;
    ovs_be16 src_port;
    struct in6_addr src, dst;   /* IPv4 as IPv4-mapped. */
};
struct bfd_fact {
    struct bfd_place place;
    struct bfd_session_config config;
    uint32_t owner_key;         /* Of the port whose chassis has it. */
    char status[16];            /* What the row says, or the start of it. */
    char lport[];
};

static void fact_changed(struct inc_key, const void *fact);

static struct fact_table facts
    = FACT_TABLE_INITIALIZER("bfd-sessions", free, fact_changed);

static struct inc_kind *fact_kind;

static bool
places_equal(const struct bfd_place *a, const struct bfd_place *b)
{
    return (a->dp_key == b->dp_key
            && a->port_key == b->port_key
            && eth_addr_equals(a->mac, b->mac)
            && a->src_port == b->src_port
            && ipv6_addr_equals(&a->src, &b->src)
            && ipv6_addr_equals(&a->dst, &b->dst));
}

static bool
configs_equal(const struct bfd_session_config *a,
              const struct bfd_session_config *b)
{
    return (a->disc == b->disc
            && a->min_tx == b->min_tx
            && a->min_rx == b->min_rx
            && a->detect_mult == b->detect_mult);
}

static bool
facts_equal(const void *a_, const void *b_)
{
    const struct bfd_fact *a = a_;
    const struct bfd_fact *b = b_;

    return (places_equal(&a->place, &b->place)
            && configs_equal(&a->config, &b->config)
            && a->owner_key == b->owner_key
            && !strcmp(a->status, b->status)
            && !strcmp(a->lport, b->lport));
}

static const struct inc_kind_class fact_kind_class = {
    .name = "bfd-session", .stage = STAGE_FLOW, .key_type = INC_KEY_UUID,
    .equal = facts_equal, .destroy = free,
};

static struct bfd_fact *
fact_clone(const struct bfd_fact *fact)
{
    return xmemdup(fact, sizeof *fact + strlen(fact->lport) + 1);
}

static bool
is_within(int64_t value, int64_t min, int64_t max)
{
    return value >= min && value <= max;
}

/* Returns what is wrong with 'row', or NULL. */
static const char *
find_fault(const struct bfd_row *row)
{
    const int64_t max_ms = UINT32_MAX / 1000;

    return (!is_within(row->disc, 1, UINT32_MAX) ? "disc"
            : !is_within(row->src_port, BFD_MIN_SRC_PORT, UINT16_MAX)
            ? "src_port"
            : !is_within(row->min_tx, 1, max_ms) ? "min_tx"
            : !is_within(row->min_rx, 0, max_ms) ? "min_rx"
            : !is_within(row->detect_mult, 1, UINT8_MAX) ? "detect_mult"
            : NULL);
}

/* The port whose chassis has the router port 'pb': itself, of a gateway
 * router, or its gateway.  NULL if it is on every chassis. */
static const struct port_binding *
find_owner(struct inc_unit *unit, const struct port_binding *pb)
{
    if (pb->type == LP_L3GATEWAY) {
        return pb;
    }

    const struct inc_set *names = binding_gateway_ports(unit, &pb->datapath);
    for (size_t i = 0; i < inc_set_count(names); i++) {
        const struct port_binding *cr
            = in_port_binding(unit, inc_set_at(names, i).data);
        const char *name = (cr ? smap_get(&cr->options, "distributed-port")
                            : NULL);

        if (name && !strcmp(name, pb->logical_port)) {
            return cr;
        }
    }
    return NULL;
}

/* Fills in the rest of 'place', or returns what is wrong. */
static const char *
find_place(const struct bfd_row *row, const struct port_binding *pb,
           struct bfd_place *place)
{
    if (!ip_text_parse(row->dst_ip, &place->dst)) {
        return "dst_ip";
    }
    for (size_t i = 0; i < pb->n_mac; i++) {
        if (lport_source_for(pb->mac[i], &place->dst, &place->mac,
                             &place->src)) {
            return NULL;
        }
    }
    return "logical_port, which has no address to send from";
}

static void
fact_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *uuid = inc_unit_key(unit).data;
    const struct bfd_row *row = in_bfd_row(unit, uuid);
    const struct port_binding *pb
        = row ? in_port_binding(unit, row->logical_port) : NULL;
    const struct local_datapath *dp
        = pb ? local_datapath(unit, &pb->datapath) : NULL;

    const struct port_binding *owner = dp ? find_owner(unit, pb) : NULL;

    if (!owner || !binding_is_resident(unit, owner->logical_port)) {
        return;
    }

    struct bfd_place place = {
        .dp_key = dp->tunnel_key,
        .port_key = pb->tunnel_key,
        .src_port = htons(row->src_port),
    };
    const char *fault = find_fault(row);
    if (!fault) {
        fault = find_place(row, pb, &place);
    }
    if (fault) {
        UNIT_WARN(unit, &rl, "BFD "UUID_FMT" (port %s): no "
                  "session because of its %s", UUID_ARGS(uuid),
                  row->logical_port, fault);
        return;
    }

    const size_t len = strlen(row->logical_port) + 1;
    struct bfd_fact *fact = xmalloc(sizeof *fact + len);
    fact->place = place;
    fact->config = (struct bfd_session_config) {
        .disc = row->disc,
        .min_tx = row->min_tx * 1000,
        .min_rx = row->min_rx * 1000,
        .detect_mult = row->detect_mult,
    };
    fact->owner_key = owner->tunnel_key;
    ovs_strlcpy(fact->status, row->status, sizeof fact->status);
    memcpy(fact->lport, row->logical_port, len);
    inc_write(unit, fact_kind, inc_key_uuid(uuid), fact);
}

static const struct inc_unit_class fact_class = {
    .name = "bfd-session", .stage = STAGE_FLOW, .run = fact_run,
};

static void *
copy_fact(struct inc_key key OVS_UNUSED, const void *fact)
{
    return fact_clone(fact);
}

static void
init(struct inc_engine *engine)
{
    fact_kind = inc_kind_declare(engine, &fact_kind_class);
    inc_kind_spawn(in_kinds.bfd_row, &fact_class, NULL);
    fact_follow(&facts, fact_kind, copy_fact);
}

/* Sessions: packet thread. */

struct session {
    struct hmap_node by_row_node; /* In 'by_row'. */
    struct hmap_node by_peer_node; /* In 'by_peer'. */
    struct heap_node heap_node; /* In 'by_wake', the next one first. */
    struct uuid row;
    struct bfd_fact *fact;      /* A copy. */
    struct bfd_session bfd;

    /* What its row has been told.  Until 'starting' it may say what it did. */
    enum bfd_session_state reported;
    long long int starting;     /* 0: not, any more. */

    unsigned long long int n_sent, n_received, n_downs;
    int max_late;               /* In ms. */
};
static struct hmap by_row = HMAP_INITIALIZER(&by_row);
static struct hmap by_peer = HMAP_INITIALIZER(&by_peer);
static struct heap by_wake;     /* All zeros is an empty one. */

static unsigned long long int n_periodic, n_late;
static int max_late;

static struct pin_gauge sessions_gauge = { .name = "sessions" };
static struct pin_gauge *const gauges[] = { &sessions_gauge, NULL };

static uint32_t
hash_peer(uint32_t dp_key, const struct in6_addr *ip)
{
    return hash_bytes(ip, sizeof *ip, dp_key);
}

static struct session *
find_session(const struct uuid *row)
{
    struct session *s;

    HMAP_FOR_EACH_WITH_HASH (s, by_row_node, uuid_hash(row), &by_row) {
        if (uuid_equals(&s->row, row)) {
            return s;
        }
    }
    return NULL;
}

static long long int
session_wake(const struct session *s)
{
    return MIN(bfd_session_wake(&s->bfd),
               s->starting ? s->starting : LLONG_MAX);
}

static void
session_format_name(const struct session *s, struct ds *ds)
{
    ds_put_format(ds, "%s: ", s->fact->lport);
    ipv6_format_mapped(&s->fact->place.src, ds);
    ds_put_cstr(ds, " - ");
    ipv6_format_mapped(&s->fact->place.dst, ds);
}

/* What the row should say; what main thread's write() gets. */
struct result {
    struct uuid row;
    enum bfd_session_state state;
    bool starting;
    uint32_t dp_key, owner_key;
};

static void
log_change(const struct session *s)
{
    if (VLOG_IS_INFO_ENABLED()) {
        struct ds name = DS_EMPTY_INITIALIZER;

        session_format_name(s, &name);
        VLOG_INFO("BFD session %s: %s%s", ds_cstr(&name),
                  bfd_state_name(s->bfd.state),
                  s->bfd.diag == BFD_DIAG_EXPIRED ? ", nothing comes"
                  : s->bfd.diag == BFD_DIAG_SIGNALED ? ", as the neighbor says"
                  : "");
        ds_destroy(&name);
    }
}

static void
session_put_status(const struct session *s)
{
    if (s->bfd.state != BFD_STATE_ADMIN_DOWN) {
        const struct result result = {
            s->row, s->bfd.state, s->starting != 0, s->fact->place.dp_key,
            s->fact->owner_key,
        };

        pin_result_put(&bfd_pin_service, inc_key_uuid(&s->row),
                       xmemdup(&result, sizeof result));
    }
}

static void
session_report(struct session *s, long long int now)
{
    const enum bfd_session_state state = s->bfd.state;
    const bool was_starting = s->starting != 0;

    if (s->starting && (state == BFD_STATE_UP || now >= s->starting)) {
        s->starting = 0;
    }
    if (state == s->reported && was_starting == (s->starting != 0)) {
        return;
    }
    if (state != s->reported) {
        log_change(s);
        s->n_downs += s->reported == BFD_STATE_UP;
        s->reported = state;
    }
    session_put_status(s);
}

static void
session_send(struct session *s, const struct bfd_packet *content)
{
    const struct bfd_place *place = &s->fact->place;
    const struct packet_place headers = {
        .eth_src = place->mac,
        .eth_dst = place->mac,
        .ip_src = place->src,
        .ip_dst = place->dst,
        .ttl = BFD_TTL,
        .dont_fragment = true,
    };
    const struct pin_place entry = {
        .entry = PIN_INGRESS,
        .dp_key = place->dp_key,
        .inport_key = place->port_key,
    };
    uint8_t payload[BFD_PACKET_SIZE];
    struct dp_packet packet;

    bfd_packet_put(content, payload);
    dp_packet_init(&packet, 128);
    packet_start_udp(&packet, &headers, place->src_port, htons(BFD_PORT));
    dp_packet_put(&packet, payload, sizeof payload);
    packet_finish_udp_reply(&packet);
    pin_inject(&entry, &packet);
    dp_packet_uninit(&packet);

    COVERAGE_INC(bfd_sent);
    s->n_sent++;
}

/* A periodic packet was due at 'due'. */
static void
note_lateness(struct session *s, long long int due, long long int now)
{
    const int late = MIN(now - due, INT_MAX);

    n_periodic++;
    max_late = MAX(max_late, late);
    s->max_late = MAX(s->max_late, late);
    if (late > LATE_MS) {
        COVERAGE_INC(bfd_late);
        n_late++;
    }
}

/* Does what is due of 's'. */
static void
session_run(struct session *s, long long int now)
{
    struct bfd_packet packet;

    if (bfd_session_expire(&s->bfd, now)) {
        COVERAGE_INC(bfd_expired);
    }
    for (;;) {
        const long long int due = s->bfd.next_tx;

        if (!bfd_session_transmit(&s->bfd, now, &packet)) {
            break;
        }
        if (!packet.final && s->n_sent) {
            note_lateness(s, due, now);
        }
        session_send(s, &packet);
    }
    session_report(s, now);
    heap_change(&by_wake, &s->heap_node, agenda_priority(session_wake(s)));
}

static long long int
timer(long long int now)
{
    while (agenda_next(&by_wake) <= now) {
        session_run(CONTAINER_OF(heap_max(&by_wake), struct session,
                                 heap_node), now);
    }
    return agenda_next(&by_wake);
}

static void
session_destroy(struct session *s)
{
    hmap_remove(&by_row, &s->by_row_node);
    hmap_remove(&by_peer, &s->by_peer_node);
    heap_remove(&by_wake, &s->heap_node);
    free(s->fact);
    free(s);
    pin_gauge_set(&sessions_gauge, hmap_count(&by_row));
}

static struct session *
session_create(const struct uuid *row, const struct bfd_fact *fact,
               long long int now)
{
    struct session *s = xzalloc(sizeof *s);
    const int pace = MAX(SLOW_MS, fact->config.min_tx / 1000);
    const int packets = MAX(STARTING_PACKETS, fact->config.detect_mult);

    s->row = *row;
    s->fact = fact_clone(fact);
    bfd_session_init(&s->bfd, &fact->config, now);
    s->reported = BFD_STATE_ADMIN_DOWN;
    s->starting = now + (long long int) pace * packets;
    hmap_insert(&by_row, &s->by_row_node, uuid_hash(row));
    hmap_insert(&by_peer, &s->by_peer_node,
                hash_peer(fact->place.dp_key, &fact->place.dst));
    heap_insert(&by_wake, &s->heap_node, 0);
    pin_gauge_set(&sessions_gauge, hmap_count(&by_row));
    return s;
}

/* Whether a session that 'a' describes can become the one of 'b'. */
static bool
is_same_session(const struct bfd_fact *a, const struct bfd_fact *b)
{
    return (a->place.dp_key == b->place.dp_key
            && a->place.port_key == b->place.port_key
            && ipv6_addr_equals(&a->place.dst, &b->place.dst)
            && a->config.disc == b->config.disc);
}

static void
fact_changed(struct inc_key key, const void *fact_)
{
    const struct uuid *row = key.data;
    const struct bfd_fact *fact = fact_;
    const long long int now = time_msec();
    struct session *s = find_session(row);

    if (s && !(fact && is_same_session(s->fact, fact))) {
        session_destroy(s);
        s = NULL;
    }
    if (!fact) {
        return;
    }
    if (!s) {
        s = session_create(row, fact, now);
    } else {
        free(s->fact);
        s->fact = fact_clone(fact);
        if (!configs_equal(&s->bfd.config, &fact->config)) {
            bfd_session_configure(&s->bfd, &fact->config, now);
        }
        /* A row that has been changed by hand, or come from a backup. */
        if (strcmp(fact->status, bfd_state_name(s->bfd.state))) {
            session_put_status(s);
        }
    }
    bfd_session_set_admin_down(&s->bfd, !strcmp(fact->status, "admin_down"),
                               now);
    heap_change(&by_wake, &s->heap_node, agenda_priority(session_wake(s)));
    pin_timer_at(&bfd_pin_service, now);
}

/* Packets: packet thread. */

static struct session *
find_session_of(const struct pin *pin, const struct bfd_packet *packet)
{
    const struct flow *h = pin->headers;
    const struct in6_addr ip = (h->dl_type == htons(ETH_TYPE_IP)
                                ? in6_addr_mapped_ipv4(h->nw_src)
                                : h->ipv6_src);
    struct session *s;

    HMAP_FOR_EACH_WITH_HASH (s, by_peer_node, hash_peer(pin->dp_key, &ip),
                             &by_peer) {
        const struct bfd_place *place = &s->fact->place;

        if (place->dp_key == pin->dp_key && place->port_key == pin->inport_key
            && ipv6_addr_equals(&place->dst, &ip)
            && (!packet->your_disc
                || packet->your_disc == s->bfd.config.disc)) {
            return s;
        }
    }
    return NULL;
}

static void
handle_bfd_msg(const struct pin *pin)
{
    const size_t size = packet_udp_payload_size(pin->packet, pin->headers);
    struct bfd_packet packet;
    const char *why;

    if (!size) {
        pin_malformed(pin, PIN_BAD_LENGTH, "not a whole UDP packet");
    } else if (pin->headers->nw_ttl != BFD_TTL) {
        pin_malformed(pin, PIN_BAD_CONTENT, "BFD packet from elsewhere: TTL "
                      "%"PRIu8, pin->headers->nw_ttl);
    } else if (!bfd_packet_parse(dp_packet_get_udp_payload(pin->packet), size,
                                 &packet, &why)) {
        pin_malformed(pin, PIN_BAD_CONTENT, "BFD packet: %s", why);
    } else {
        struct session *s = find_session_of(pin, &packet);

        if (!s) {
            COVERAGE_INC(bfd_unknown_session);
            return;
        }
        const long long int now = time_msec();

        COVERAGE_INC(bfd_received);
        s->n_received++;
        bfd_session_receive(&s->bfd, &packet, now);
        session_run(s, now);
        pin_timer_at(&bfd_pin_service, agenda_next(&by_wake));
    }
}

/* Status: main thread. */

static void
register_sb(struct idl_columns *columns)
{
    idl_columns_add(columns, &sbrec_bfd_col_status, IDL_READ);
    idl_columns_add(columns, &sbrec_port_binding_col_chassis, IDL_READ);
}

/* The central may say admin_down at the same time, which must not be lost: so
 * the transaction fails if the row is not what it was. */
static enum pin_written
write_status(void *result_, const struct turn *turn,
             const struct sbrec_chassis *us)
{
    const struct result *result = result_;
    const struct sbrec_bfd *row = sbrec_bfd_get_for_uuid(turn->sb_idl,
                                                         &result->row);
    const struct sbrec_port_binding *owner = pin_find_port(result->dp_key,
                                                           result->owner_key);

    if (!owner || (owner->chassis && owner->chassis != us)) {
        return PIN_MOOT;        /* Another chassis knows better. */
    }
    if (!row || !strcmp(row->status, "admin_down")
        || (result->starting && !strcmp(row->status, "up"))) {
        return PIN_MOOT;
    }
    if (!strcmp(row->status, bfd_state_name(result->state))) {
        return PIN_DONE;
    }
    sbrec_bfd_verify_status(row);
    sbrec_bfd_set_status(row, bfd_state_name(result->state));
    return PIN_WRITTEN;
}

/* bfd/show */

static void
show_session(const struct session *s, struct ds *reply)
{
    const struct bfd_session *b = &s->bfd;

    session_format_name(s, reply);
    ds_put_format(reply, ": %s\n", bfd_state_name(b->state));
    ds_put_format(reply, "    neighbor: %s, discriminator %"PRIu32
                  ", ours %"PRIu32"\n",
                  b->remote_disc ? bfd_state_name(b->remote_state) : "unknown",
                  b->remote_disc, b->config.disc);
    ds_put_format(reply, "    sends every %d ms, %d ms of silence are too "
                  "much\n", bfd_session_tx_interval(b),
                  bfd_session_detection_time(b));
    ds_put_format(reply, "    sent %llu, received %llu, went down %llu times, "
                  "at most %d ms late\n", s->n_sent, s->n_received,
                  s->n_downs, s->max_late);
}

static int
compare_sessions(const void *a_, const void *b_)
{
    const struct session *const *a = a_;
    const struct session *const *b = b_;
    const int cmp = strcmp((*a)->fact->lport, (*b)->fact->lport);

    return cmp ? cmp : memcmp(&(*a)->fact->place.dst, &(*b)->fact->place.dst,
                              sizeof (*a)->fact->place.dst);
}

static void
run_show(int argc, const char *argv[], struct ds *reply)
{
    const size_t n = hmap_count(&by_row);
    struct session **sessions = xmalloc(MAX(n, 1) * sizeof *sessions);
    struct session *s;
    size_t i = 0;

    HMAP_FOR_EACH (s, by_row_node, &by_row) {
        sessions[i++] = s;
    }
    qsort(sessions, n, sizeof *sessions, compare_sessions);
    for (i = 0; i < n; i++) {
        if (argc < 2 || !strcmp(argv[1], sessions[i]->fact->lport)) {
            show_session(sessions[i], reply);
        }
    }
    free(sessions);
    ds_put_format(reply, "%"PRIuSIZE" sessions, %llu packets on time, %llu "
                  "more than %d ms late, at most %d ms\n", n,
                  n_periodic - n_late, n_late, LATE_MS, max_late);
}

static const struct pin_command commands[] = {
    { "bfd/show", "[port]", 0, 1, run_show },
    { .name = NULL },
};

static void
destroy(void)
{
    struct session *s;

    HMAP_FOR_EACH_SAFE (s, by_row_node, &by_row) {
        session_destroy(s);
    }
    hmap_destroy(&by_row);
    hmap_destroy(&by_peer);
    heap_destroy(&by_wake);
    fact_table_destroy(&facts);
}

struct pin_service bfd_pin_service = {
    .name = "bfd",
    .needs_facts = true,
    .opcodes = { { ACTION_OPCODE_BFD_MSG, handle_bfd_msg, false } },
    .timer = timer,
    .init = init,
    .register_sb = register_sb,
    .write = write_status,
    .max_results = 10000,
    .commands = commands,
    .gauges = gauges,
    .destroy = destroy,
};
