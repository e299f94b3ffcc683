/* SPDX-License-Identifier: Apache-2.0 */

/* Multicast snooping: the action igmp of ovn-sb(5), and queries.
 *
 * Logical switches send a multicast packet to where somebody listens.  Hosts
 * say so by IGMP and MLD (mcast.h), which comes here.  It is learned
 * (mcast-table.h) and written to IGMP_Group (mcast-rows.h); ovn-northd makes
 * multicast groups and flows of the rows of all chassis.
 *
 *     igmp --> table of the datapath --(snapshot)--> rows
 *      |                                               |
 *      +--> packet goes on                 (start) <---+
 *
 * A packet that was handed to us goes on by our hand: reports to routers and
 * to whom reports are flooded, queries and what else there may be to everybody
 * (RFC 4541, 2.1.1).
 *
 * A datapath with a querier, in place of a router, asks all of its ports on
 * this chassis who listens to what.  Other chassis ask theirs.
 *
 * After a start, hosts would only be heard of when they are asked, and until
 * then miss what they listen to.  So we go on from what our rows say, as if it
 * had just been reported.
 *
 * A datapath's rows follow at once, but then not for a while that grows with
 * what there is to look through: whatever hosts do, we are busy for some per
 * cent of the time at most. */

#include <config.h>

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "coverage.h"
#include "dp-packet.h"
#include "hash.h"
#include "idl-columns.h"
#include "inputs.h"
#include "local-datapath.h"
#include "mcast-snooping.h"
#include "mcast.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "ovn/logical-fields.h"
#include "packets.h"
#include "pinctrl/fact.h"
#include "pinctrl/mcast-rows.h"
#include "pinctrl/mcast-table.h"
#include "pinctrl/service.h"
#include "timeval.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_mcast);

COVERAGE_DEFINE(pinctrl_mcast_query);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Ranges of configuration: ovn-nb(5), mcast_* of logical switches. */
#define MAX_GROUPS 32766
#define MIN_IDLE_S 15
#define MAX_IDLE_S 3600
#define MAX_INTERVAL_S 3600
#define MAX_RESPONSE_S 3600

/* Between two snapshots of a datapath: at least this, in ms, and one more for
 * as many ports of groups. */
#define SNAPSHOT_MS 50
#define PORTS_PER_SNAPSHOT_MS 20

/* How many queries there are, and the part of the interval that is between
 * them, at first: RFC 3376, 8.6 and 8.7. */
#define N_STARTUP_QUERIES 2
#define STARTUP_DIVISOR 4

struct pin_service mcast_pin_service;

/* Configuration, as facts. */

struct mcast_config {
    struct uuid dp;
    int64_t table_size, idle_s, seq_no;
    uint32_t flood_key;         /* Tunnel keys of multicast groups, 0 if there
                                 * is none: all ports, */
    uint32_t flood_l2_key;      /* all but those of routers of OVN, */
    uint32_t router_key;        /* all that have multicast routers. */
    size_t n_queriers;
    struct mcast_querier queriers[2]; /* Of IPv4, IPv6. */
};

static struct inc_kind *config_kind;

static bool
queriers_equal(const struct mcast_config *a, const struct mcast_config *b)
{
    for (size_t i = 0; i < a->n_queriers && i < b->n_queriers; i++) {
        const struct mcast_querier *p = &a->queriers[i];
        const struct mcast_querier *q = &b->queriers[i];

        if (!eth_addr_equals(p->eth_src, q->eth_src)
            || !ipv6_addr_equals(&p->ip_src, &q->ip_src)
            || p->interval != q->interval
            || p->max_response != q->max_response) {
            return false;
        }
    }
    return a->n_queriers == b->n_queriers;
}

static bool
config_equal(const void *a_, const void *b_)
{
    const struct mcast_config *a = a_;
    const struct mcast_config *b = b_;

    return (uuid_equals(&a->dp, &b->dp)
            && a->table_size == b->table_size
            && a->idle_s == b->idle_s
            && a->seq_no == b->seq_no
            && a->flood_key == b->flood_key
            && a->flood_l2_key == b->flood_l2_key
            && a->router_key == b->router_key
            && queriers_equal(a, b));
}

/* By the datapath's tunnel key. */
static const struct inc_kind_class config_kind_class = {
    .name = "mcast-config", .stage = STAGE_FLOW, .key_type = INC_KEY_U64,
    .equal = config_equal, .destroy = free,
};

/* A column's value, or what stands for it if it is not set, within range. */
static int64_t
within(int64_t value, int64_t default_value, int64_t min, int64_t max)
{
    return MIN(MAX(value < 0 ? default_value : value, min), max);
}

static void
add_querier(struct mcast_config *c, const struct ip_multicast *m,
            struct eth_addr eth_src, const struct in6_addr *ip_src)
{
    c->queriers[c->n_queriers++] = (struct mcast_querier) {
        .eth_src = eth_src,
        .ip_src = *ip_src,
        .interval = within(m->query_interval, c->idle_s / 2, 1,
                           MAX_INTERVAL_S),
        .max_response = within(m->query_max_resp, 1, 1, MAX_RESPONSE_S),
    };
}

static void
add_fault(struct ds *faults, const char *column, const char *value,
          const char *why)
{
    ds_put_cstr(faults, faults->length ? "; " : "");
    ds_put_format(faults, "with invalid %s \"%s\": %s", column, value, why);
}

/* Who asks on the datapath of 'm': nobody without an Ethernet address, and
 * with it by each IP version that there is an address of.  Appends what is
 * wrong to 'faults'. */
static void
set_queriers(struct mcast_config *c, const struct ip_multicast *m,
             struct ds *faults)
{
    struct eth_addr eth_src;
    struct in6_addr ip6;
    ovs_be32 ip4;

    if (!eth_addr_from_string(m->eth_src, &eth_src)
        || eth_addr_is_multicast(eth_src)) {
        add_fault(faults, "eth_src", m->eth_src, "no queries are sent");
        return;
    }
    if (!m->ip4_src[0] && !m->ip6_src[0]) {
        ds_put_cstr(faults,
                    "without ip4_src or ip6_src: no queries are sent");
    }
    if (m->ip4_src[0]) {
        if (ip_parse(m->ip4_src, &ip4) && !ip_is_multicast(ip4)) {
            const struct in6_addr mapped = in6_addr_mapped_ipv4(ip4);

            add_querier(c, m, eth_src, &mapped);
        } else {
            add_fault(faults, "ip4_src", m->ip4_src,
                      "no IGMP queries are sent");
        }
    }
    if (m->ip6_src[0]) {
        if (ipv6_parse(m->ip6_src, &ip6) && in6_is_lla(&ip6)) {
            add_querier(c, m, eth_src, &ip6);
        } else {
            add_fault(faults, "ip6_src", m->ip6_src,
                      "not a link-local address, hosts would ignore MLD "
                      "queries of it");
        }
    }
}

static void
warn_of_queriers(struct inc_unit *unit, const struct uuid *row,
                 struct ds *faults)
{
    if (faults->length) {
        UNIT_WARN(unit, &rl, "IP_Multicast row "UUID_FMT": IGMP "
                  "Querier enabled %s", UUID_ARGS(row), ds_cstr(faults));
    }
}

static void
config_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *row = inc_unit_key(unit).data;
    const struct ip_multicast *m = in_ip_multicast(unit, row);
    const struct local_datapath *dp
        = m && m->enabled ? local_datapath(unit, &m->datapath) : NULL;

    if (!dp) {
        return;
    }
    const uint64_t key = dp->tunnel_key;
    struct mcast_config *c = xzalloc(sizeof *c);

    c->dp = m->datapath;
    c->table_size = within(m->table_size, MCAST_DEFAULT_MAX_ENTRIES, 1,
                           MAX_GROUPS);
    c->idle_s = within(m->idle_timeout, MCAST_ENTRY_DEFAULT_IDLE_TIME,
                       MIN_IDLE_S, MAX_IDLE_S);
    c->seq_no = m->seq_no;
    c->flood_key = in_multicast_key(unit, &m->datapath, "_MC_flood");
    c->flood_l2_key = in_multicast_key(unit, &m->datapath, "_MC_flood_l2");
    c->router_key = in_multicast_key(unit, &m->datapath, "_MC_mrouter_flood");
    struct ds faults = DS_EMPTY_INITIALIZER;
    if (m->querier) {
        set_queriers(c, m, &faults);
    }
    warn_of_queriers(unit, row, &faults);
    ds_destroy(&faults);
    inc_write(unit, config_kind, inc_key_u64(&key), c);
}

static const struct inc_unit_class config_class = {
    .name = "mcast-config", .stage = STAGE_FLOW, .run = config_run,
};

static void *
copy_config(struct inc_key key OVS_UNUSED, const void *config)
{
    return xmemdup(config, sizeof(struct mcast_config));
}

static void config_changed(struct inc_key, const void *config);

static struct fact_table configs
    = FACT_TABLE_INITIALIZER("mcast-config", free, config_changed);

static void
init(struct inc_engine *engine)
{
    config_kind = inc_kind_declare(engine, &config_kind_class);
    inc_kind_spawn(in_kinds.ip_multicast, &config_class, NULL);
    fact_follow(&configs, config_kind, copy_config);
    mcast_rows_init(engine);
}

/* Datapaths that snoop: packet thread. */

struct snooper {
    struct hmap_node node;      /* In 'snoopers', by 'dp_key'. */
    uint32_t dp_key;
    struct mcast_config config;
    struct mcast_table table;

    bool is_dirty;              /* Has changed since the last snapshot... */
    long long int snapshot_at;  /* ...and when the next one may be. */

    size_t n_queries;
    long long int query_at;
};
static struct hmap snoopers = HMAP_INITIALIZER(&snoopers);

static bool has_started;

static struct pin_gauge groups_gauge = { .name = "groups" };
static struct pin_gauge ports_gauge = { .name = "ports" };
static struct pin_gauge *const gauges[] = {
    &groups_gauge, &ports_gauge, NULL,
};

static struct snooper *
find_snooper(uint32_t dp_key)
{
    struct snooper *s;

    HMAP_FOR_EACH_WITH_HASH (s, node, hash_int(dp_key, 0), &snoopers) {
        if (s->dp_key == dp_key) {
            return s;
        }
    }
    return NULL;
}

static void
note_change(struct snooper *s, bool changed)
{
    if (changed) {
        s->is_dirty = true;
        pin_timer_at(&mcast_pin_service, s->snapshot_at);
    }
}

/* Snapshots. */

static void
put_snapshot(struct mcast_snapshot *snapshot)
{
    pin_result_put(&mcast_pin_service,
                   (struct inc_key) { &snapshot->dp, sizeof snapshot->dp },
                   snapshot);
}

static int
compare_ports(const void *a_, const void *b_)
{
    const uint16_t *a = a_;
    const uint16_t *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* Appends a group with 'members' to 'snapshot', which has room for it, and
 * '*n_ports' ports so far.  Ports are sorted: in which order they were heard
 * of does not matter. */
static void
add_to_snapshot(struct mcast_snapshot *snapshot, const struct in6_addr *ip,
                enum mcast_protocol protocol, const struct ovs_list *members,
                size_t *n_ports)
{
    struct mcast_snapshot_group *g = &snapshot->groups[snapshot->n_groups++];
    const struct mcast_member *m;

    g->ip = *ip;
    g->protocol = protocol;
    g->first_port = *n_ports;
    LIST_FOR_EACH (m, list_node, members) {
        snapshot->ports[(*n_ports)++] = m->port_key;
    }
    g->n_ports = *n_ports - g->first_port;
    qsort(&snapshot->ports[g->first_port], g->n_ports,
          sizeof *snapshot->ports, compare_ports);
}

static void
take_snapshot(struct snooper *s, long long int now)
{
    const struct mcast_table *table = &s->table;
    struct mcast_snapshot *snapshot = xzalloc(sizeof *snapshot);
    const size_t max_ports = (table->n_members
                              + ovs_list_size(&table->routers));
    const struct mcast_entry *group;
    size_t n_ports = 0;

    snapshot->dp = s->config.dp;
    snapshot->dp_key = s->dp_key;
    snapshot->groups = xmalloc((hmap_count(&table->groups) + 1)
                               * sizeof *snapshot->groups);
    snapshot->ports = xmalloc(MAX(max_ports, 1) * sizeof *snapshot->ports);
    add_to_snapshot(snapshot, &in6addr_any, MCAST_N_PROTOCOLS,
                    &table->routers, &n_ports);
    HMAP_FOR_EACH (group, hmap_node, &table->groups) {
        add_to_snapshot(snapshot, &group->ip, group->protocol,
                        &group->members, &n_ports);
    }
    put_snapshot(snapshot);

    s->is_dirty = false;
    s->snapshot_at = now + SNAPSHOT_MS + max_ports / PORTS_PER_SNAPSHOT_MS;
}

static void
snooper_destroy(struct snooper *s)
{
    hmap_remove(&snoopers, &s->node);
    mcast_table_destroy(&s->table);
    free(s);
}

/* The tunnel key is not that of a datapath that snoops, or not of the
 * same one any more.  Its datapath may have got another key, of which we may
 * have heard before: then that one speaks for it. */
static void
end_snooper(struct snooper *s)
{
    const struct uuid dp = s->config.dp;
    const uint32_t dp_key = s->dp_key;
    struct snooper *other;

    snooper_destroy(s);
    HMAP_FOR_EACH (other, node, &snoopers) {
        if (uuid_equals(&other->config.dp, &dp)) {
            note_change(other, true);
            return;
        }
    }

    struct mcast_snapshot *snapshot = xzalloc(sizeof *snapshot);
    snapshot->dp = dp;
    snapshot->dp_key = dp_key;
    put_snapshot(snapshot);
}

static struct snooper *
begin_snooper(uint32_t dp_key, const struct mcast_config *config)
{
    struct snooper *s = xzalloc(sizeof *s);

    s->dp_key = dp_key;
    s->config = *config;
    mcast_table_init(&s->table);
    hmap_insert(&snoopers, &s->node, hash_int(dp_key, 0));
    /* That it snoops is to be said even if there is nobody. */
    note_change(s, true);
    return s;
}

static void
config_changed(struct inc_key key, const void *config_)
{
    const struct mcast_config *config = config_;
    uint64_t dp_key;

    memcpy(&dp_key, key.data, sizeof dp_key);
    struct snooper *s = find_snooper(dp_key);
    if (s && (!config || !uuid_equals(&s->config.dp, &config->dp))) {
        end_snooper(s);
        s = NULL;
    }
    if (!config) {
        return;
    }

    const bool is_new = !s;
    if (is_new) {
        s = begin_snooper(dp_key, config);
    }
    if (s->config.seq_no != config->seq_no) {
        note_change(s, mcast_table_flush(&s->table));
    }
    note_change(s, mcast_table_set_limits(&s->table, config->table_size,
                                          config->idle_s * 1000));
    if (is_new || !queriers_equal(&s->config, config)) {
        s->n_queries = 0;
        s->query_at = 0;
    }
    s->config = *config;
    pin_timer_at(&mcast_pin_service, 0);
}

/* What our rows said when we started: main thread, and, once facts are
 * complete, packet thread. */
static struct mcast_remembered *remembered;
static size_t n_remembered;

static void
start(const struct turn *turn)
{
    remembered = mcast_rows_remember(turn, &n_remembered);
}

static void
forget_remembered(void)
{
    free(remembered);
    remembered = NULL;
    n_remembered = 0;
}

static void
go_on_from_rows(long long int now)
{
    for (size_t i = 0; i < n_remembered; i++) {
        const struct mcast_remembered *r = &remembered[i];
        struct snooper *s = find_snooper(r->dp_key);

        if (s && ipv6_addr_is_set(&r->ip)) {
            mcast_table_join(&s->table, &r->ip, r->protocol, r->port_key, now);
        } else if (s) {
            mcast_table_add_router(&s->table, r->port_key, now);
        }
    }
    forget_remembered();
}

/* Queries. */

static void
send_query(const struct snooper *s, const struct mcast_querier *querier)
{
    /* As if it came from elsewhere: it does not leave by a tunnel, as each
     * chassis asks its own ports. */
    const struct pin_place place = {
        .entry = PIN_LOCAL_OUTPUT,
        .dp_key = s->dp_key,
        .outport_key = s->config.flood_key,
        .flags = MLF_BIT(RX_FROM_TUNNEL),
    };
    struct dp_packet packet;

    COVERAGE_INC(pinctrl_mcast_query);
    dp_packet_init(&packet, 128);
    mcast_put_query(&packet, querier);
    pin_inject(&place, &packet);
    dp_packet_uninit(&packet);
}

/* Asks, if it is time.  Returns when it is the next time. */
static long long int
run_queries(struct snooper *s, long long int now)
{
    const struct mcast_config *c = &s->config;

    if (!c->n_queriers || !c->flood_key) {
        return LLONG_MAX;
    }
    if (now >= s->query_at) {
        const long long int interval_ms = c->queriers[0].interval * 1000LL;

        for (size_t i = 0; i < c->n_queriers; i++) {
            send_query(s, &c->queriers[i]);
        }
        s->query_at = now + (++s->n_queries < N_STARTUP_QUERIES
                             ? interval_ms / STARTUP_DIVISOR : interval_ms);
    }
    return s->query_at;
}

/* The switch may have been away, and its ports, too. */
static void
connected(void)
{
    struct snooper *s;

    HMAP_FOR_EACH (s, node, &snoopers) {
        s->n_queries = 0;
        s->query_at = 0;
    }
    pin_timer_at(&mcast_pin_service, 0);
}

static long long int
run_snooper(struct snooper *s, long long int now)
{
    if (mcast_table_expire(&s->table, now)) {
        s->is_dirty = true;
    }
    if (s->is_dirty && now >= s->snapshot_at) {
        take_snapshot(s, now);
    }
    const long long int next = MIN(mcast_table_next_expiry(&s->table),
                                   run_queries(s, now));
    return s->is_dirty ? MIN(next, s->snapshot_at) : next;
}

static long long int
timer(long long int now)
{
    size_t n_groups = 0, n_ports = 0;
    long long int next = LLONG_MAX;
    struct snooper *s;

    if (!has_started) {
        go_on_from_rows(now);
    }
    HMAP_FOR_EACH (s, node, &snoopers) {
        next = MIN(next, run_snooper(s, now));
        n_groups += hmap_count(&s->table.groups);
        n_ports += s->table.n_members;
    }
    if (!has_started) {
        has_started = true;
        put_snapshot(xzalloc(sizeof(struct mcast_snapshot)));
    }
    pin_gauge_set(&groups_gauge, n_groups);
    pin_gauge_set(&ports_gauge, n_ports);
    return next;
}

/* Packets. */

/* Has the packet go on to multicast group 'group_key' of its datapath. */
static void
send_on(const struct pin *pin, uint32_t group_key)
{
    const struct pin_place place = {
        .entry = PIN_OUTPUT,
        .dp_key = pin->dp_key,
        .inport_key = pin->inport_key,
        .outport_key = group_key,
        .flags = MLF_BIT(IGMP_LOOPBACK),
    };

    if (group_key) {
        pin_inject(&place, pin->packet);
    }
}

static void
learn_report(const struct pin *pin, struct snooper *s,
             struct mcast_message *m)
{
    const long long int now = time_msec();
    struct in6_addr group;
    bool changed = false;
    bool joins;

    while (mcast_next(m, &group, &joins)) {
        changed |= (joins
                    ? mcast_table_join(&s->table, &group, m->protocol,
                                       pin->inport_key, now)
                    : mcast_table_leave(&s->table, &group, pin->inport_key));
    }
    note_change(s, changed);
    pin_timer_at(&mcast_pin_service, mcast_table_next_expiry(&s->table));
}

static void
learn_query(const struct pin *pin, struct snooper *s,
            const struct mcast_message *m)
{
    if (m->from_router) {
        note_change(s, mcast_table_add_router(&s->table, pin->inport_key,
                                              time_msec()));
        pin_timer_at(&mcast_pin_service, mcast_table_next_expiry(&s->table));
    }
}

static void
handle_igmp(const struct pin *pin)
{
    struct snooper *s = find_snooper(pin->dp_key);
    struct mcast_message m;

    if (!s) {
        return;
    }
    switch (mcast_parse(pin->packet, pin->headers, &m)) {
    case MCAST_REPORT:
        learn_report(pin, s, &m);
        send_on(pin, s->config.router_key);
        break;
    case MCAST_QUERY:
        learn_query(pin, s, &m);
        send_on(pin, s->config.flood_l2_key);
        break;
    case MCAST_OTHER:
        send_on(pin, s->config.flood_l2_key);
        break;
    case MCAST_BAD_PROTOCOL:
        pin_malformed(pin, PIN_BAD_PROTOCOL, "igmp: %s", m.why);
        break;
    case MCAST_BAD_LENGTH:
        pin_malformed(pin, PIN_BAD_LENGTH, "igmp: %s", m.why);
        break;
    case MCAST_BAD_CHECKSUM:
        pin_malformed(pin, PIN_BAD_CHECKSUM, "igmp: %s", m.why);
        break;
    case MCAST_BAD_CONTENT:
        pin_malformed(pin, PIN_BAD_CONTENT, "igmp: %s", m.why);
        break;
    }
}

/* mcast/show. */

static void
show_members(const struct ovs_list *members, long long int now,
             struct ds *reply)
{
    const struct mcast_member *m;

    LIST_FOR_EACH (m, list_node, members) {
        ds_put_format(reply, " %"PRIu16" (%lld s)", m->port_key,
                      (now - m->seen) / 1000);
    }
    ds_put_char(reply, '\n');
}

static void
show(int argc OVS_UNUSED, const char *argv[] OVS_UNUSED, struct ds *reply)
{
    const long long int now = time_msec();
    const struct snooper *s;

    HMAP_FOR_EACH (s, node, &snoopers) {
        const struct mcast_entry *e;

        ds_put_format(reply, "datapath "UUID_FMT" (tunnel key %"PRIu32"): "
                      "%"PRIuSIZE" of %"PRIuSIZE" groups, %"PRIuSIZE
                      " queries sent\n",
                      UUID_ARGS(&s->config.dp), s->dp_key,
                      hmap_count(&s->table.groups), s->table.max_groups,
                      s->n_queries);
        ds_put_cstr(reply, "    routers:");
        show_members(&s->table.routers, now, reply);
        LIST_FOR_EACH (e, report_node, &s->table.by_report) {
            ds_put_cstr(reply, "    ");
            ipv6_format_mapped(&e->ip, reply);
            ds_put_format(reply, " %s:",
                          e->protocol == MCAST_N_PROTOCOLS ? "?"
                          : mcast_protocol_name(e->protocol));
            show_members(&e->members, now, reply);
        }
    }
}

static const struct pin_command commands[] = {
    { "mcast/show", "", 0, 0, show },
    { .name = NULL },
};

/* Results: main thread. */

static enum pin_written
write_snapshot(void *snapshot, const struct turn *turn OVS_UNUSED,
               const struct sbrec_chassis *us OVS_UNUSED)
{
    mcast_rows_take(snapshot);
    return PIN_DONE;            /* commit() writes. */
}

static void
destroy(void)
{
    struct snooper *s;

    HMAP_FOR_EACH_SAFE (s, node, &snoopers) {
        snooper_destroy(s);
    }
    hmap_destroy(&snoopers);
    forget_remembered();
    mcast_rows_destroy();
    fact_table_destroy(&configs);
}

struct pin_service mcast_pin_service = {
    .name = "mcast",
    .needs_facts = true,
    .opcodes = {
        { ACTION_OPCODE_IGMP, handle_igmp, false },
    },
    .timer = timer,
    .connected = connected,
    .init = init,
    .register_sb = mcast_rows_register,
    .write = write_snapshot,
    .destroy_result = mcast_snapshot_destroy,
    .max_results = SIZE_MAX,    /* One a datapath. */
    .start = start,
    .commit = mcast_rows_commit,
    .commands = commands,
    .gauges = gauges,
    .destroy = destroy,
};
