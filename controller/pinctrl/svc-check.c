/* SPDX-License-Identifier: Apache-2.0 */

/* Health checks: rows of Service_Monitor, and handle_svc_check of ovn-sb(5).
 *
 * A service is checked by the chassis that its logical port is bound to, from
 * an address that no machine has: the logical switch answers ARP for it, and
 * hands what is sent to its Ethernet address to this controller.  Probes are
 * put out at the port, through the egress pipeline.
 *
 * What is a probe, what answers it, and how often there are probes, is
 * lib/svc-probe.h's.  Here are the services, and what becomes of the outcome:
 * "status" of the row, which ovn-northd goes by when it writes the logical
 * flows of load balancers.
 *
 * A network function is checked by a packet that is put in at one of its ports
 * and has to come out of the other one. */

#include <config.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "coverage.h"
#include "dp-packet.h"
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
#include "packets.h"
#include "pinctrl/agenda.h"
#include "pinctrl/fact.h"
#include "pinctrl/service.h"
#include "random.h"
#include "svc-probe.h"
#include "timeval.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_svc_check);

COVERAGE_DEFINE(svc_check_failed);
COVERAGE_DEFINE(svc_check_probe);
COVERAGE_DEFINE(svc_check_succeeded);
COVERAGE_DEFINE(svc_check_unknown);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Before the first probe: a port that has just been bound gets its flows, and
 * not all services are checked at the same time.  In ms. */
#define FIRST_PROBE_MS 50
#define FIRST_PROBE_RANGE_MS 200

struct pin_service svc_check_pin_service;

/* Facts: what is checked, by the row's UUID. */

struct svc_fact {
    struct svc_target target;
    struct svc_schedule_config schedule;
    uint32_t dp_key;
    uint32_t port_key;          /* Where probes go... */
    uint32_t answer_port_key;   /* ...and answers come from. */
    bool comes_through;         /* The answer is the probe itself. */
    char status[16];            /* What the row says, or the start of it. */
    char lport[];
};

static void fact_changed(struct inc_key, const void *fact);

static struct fact_table facts
    = FACT_TABLE_INITIALIZER("service-monitors", free, fact_changed);

static struct inc_kind *fact_kind;

static bool
targets_equal(const struct svc_target *a, const struct svc_target *b)
{
    return (eth_addr_equals(a->eth_src, b->eth_src)
            && eth_addr_equals(a->eth_dst, b->eth_dst)
            && ipv6_addr_equals(&a->ip_src, &b->ip_src)
            && ipv6_addr_equals(&a->ip_dst, &b->ip_dst)
            && a->protocol == b->protocol
            && a->port == b->port);
}

/* Whether the service of 'a' is that of 'b'. */
static bool
is_same_service(const struct svc_fact *a, const struct svc_fact *b)
{
    return (targets_equal(&a->target, &b->target)
            && a->dp_key == b->dp_key
            && a->port_key == b->port_key
            && a->answer_port_key == b->answer_port_key
            && a->comes_through == b->comes_through);
}

static bool
facts_equal(const void *a_, const void *b_)
{
    const struct svc_fact *a = a_;
    const struct svc_fact *b = b_;

    return (is_same_service(a, b)
            && a->schedule.interval == b->schedule.interval
            && a->schedule.timeout == b->schedule.timeout
            && a->schedule.success_count == b->schedule.success_count
            && a->schedule.failure_count == b->schedule.failure_count
            && !strcmp(a->status, b->status)
            && !strcmp(a->lport, b->lport));
}

static const struct inc_kind_class fact_kind_class = {
    .name = "service-check", .stage = STAGE_FLOW, .key_type = INC_KEY_UUID,
    .equal = facts_equal, .destroy = free,
};

static struct svc_fact *
fact_clone(const struct svc_fact *fact)
{
    return xmemdup(fact, sizeof *fact + strlen(fact->lport) + 1);
}

/* The port's Ethernet address that goes with the service's address. */
static bool
find_mac(const struct port_binding *pb, const struct in6_addr *ip,
         struct eth_addr *mac)
{
    for (size_t i = 0; i < pb->n_mac; i++) {
        if (lport_source_has(pb->mac[i], ip, mac)) {
            return true;
        }
    }
    return false;
}

/* Fills in 'fact' but for its schedule and name.  Returns what is wrong, or
 * NULL. */
static const char *
fill_in(struct inc_unit *unit, const struct service_monitor *sm,
        const struct port_binding *pb, struct svc_fact *fact)
{
    struct svc_target *t = &fact->target;

    fact->port_key = fact->answer_port_key = pb->tunnel_key;
    fact->comes_through = !strcmp(sm->type, "network-function");
    if (!svc_protocol_from_name(sm->protocol, &t->protocol)) {
        return "its protocol";
    } else if (!ip_text_parse(sm->ip, &t->ip_dst)) {
        return "its ip";
    } else if (!ip_text_parse(sm->src_ip, &t->ip_src)
               || (IN6_IS_ADDR_V4MAPPED(&t->ip_src)
                   != IN6_IS_ADDR_V4MAPPED(&t->ip_dst))) {
        return "its src_ip";
    } else if (!eth_addr_from_string(sm->src_mac, &t->eth_src)) {
        return "its src_mac";
    } else if (t->protocol != SVC_ICMP
               && (sm->port < 1 || sm->port > UINT16_MAX)) {
        return "its port";
    }
    t->port = t->protocol != SVC_ICMP ? sm->port : 0;
    if (!fact->comes_through) {
        return (find_mac(pb, &t->ip_dst, &t->eth_dst) ? NULL
                : "its ip, which is not an address of the port");
    }

    const struct lport *input = in_lport(unit, sm->logical_input_port);
    if (!input || !uuid_equals(&input->datapath, &pb->datapath)) {
        return "its logical_input_port";
    }
    fact->port_key = input->tunnel_key;
    return (t->protocol != SVC_ICMP ? "its protocol"
            : !eth_addr_from_string(sm->mac, &t->eth_dst) ? "its mac" : NULL);
}

static void
fact_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *uuid = inc_unit_key(unit).data;
    const struct service_monitor *sm = in_service_monitor(unit, uuid);
    const struct port_binding *pb
        = (sm && !sm->remote ? in_port_binding(unit, sm->logical_port)
           : NULL);
    const struct local_datapath *dp
        = (pb && binding_is_here(unit, sm->logical_port)
           ? local_datapath(unit, &pb->datapath) : NULL);
    if (!dp) {
        return;
    }

    const size_t len = strlen(sm->logical_port) + 1;
    struct svc_fact *fact = xzalloc(sizeof *fact + len);
    const char *fault = fill_in(unit, sm, pb, fact);
    if (fault) {
        UNIT_WARN(unit, &rl, "Service_Monitor "UUID_FMT" (port "
                  "%s): not checked because of %s", UUID_ARGS(uuid),
                  sm->logical_port, fault);
        free(fact);
        return;
    }
    fact->schedule = (struct svc_schedule_config) {
        .interval = sm->interval,
        .timeout = sm->timeout,
        .success_count = sm->success_count,
        .failure_count = sm->failure_count,
    };
    fact->dp_key = dp->tunnel_key;
    ovs_strlcpy(fact->status, sm->status, sizeof fact->status);
    memcpy(fact->lport, sm->logical_port, len);
    inc_write(unit, fact_kind, inc_key_uuid(uuid), fact);
}

static const struct inc_unit_class fact_class = {
    .name = "service-check", .stage = STAGE_FLOW, .run = fact_run,
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
    inc_kind_spawn(in_kinds.service_monitor, &fact_class, NULL);
    fact_follow(&facts, fact_kind, copy_fact);
}

/* Services: packet thread. */

struct service {
    struct hmap_node by_row_node; /* In 'by_row'. */
    struct hmap_node by_port_node; /* In 'by_port'. */
    struct heap_node heap_node; /* In 'by_wake', the next one first. */
    struct uuid row;
    struct svc_fact *fact;      /* A copy. */
    struct svc_schedule schedule;
    struct svc_probe probe;     /* The last one, if 'n_probes' is nonzero. */
    unsigned long long int n_probes, n_successes, n_failures;
};
static struct hmap by_row = HMAP_INITIALIZER(&by_row);
static struct hmap by_port = HMAP_INITIALIZER(&by_port);
static struct heap by_wake;     /* All zeros is an empty one. */

static struct pin_gauge services_gauge = { .name = "services" };
static struct pin_gauge *const gauges[] = { &services_gauge, NULL };

static uint32_t
hash_port(uint32_t dp_key, uint32_t port_key)
{
    return hash_2words(dp_key, port_key);
}

static struct service *
find_service(const struct uuid *row)
{
    struct service *s;

    HMAP_FOR_EACH_WITH_HASH (s, by_row_node, uuid_hash(row), &by_row) {
        if (uuid_equals(&s->row, row)) {
            return s;
        }
    }
    return NULL;
}

/* What the row should say; what main thread's write() gets. */
struct result {
    struct uuid row;
    enum svc_status status;
    uint32_t dp_key, port_key;
};

static const char *
status_name(enum svc_status status)
{
    return (status == SVC_ONLINE ? "online" : status == SVC_OFFLINE ? "offline"
            : "not known yet");
}

static void
service_format_name(const struct service *s, struct ds *ds)
{
    const struct svc_target *t = &s->fact->target;
    const bool v6 = !IN6_IS_ADDR_V4MAPPED(&t->ip_dst);

    ds_put_format(ds, "%s: %s ", s->fact->lport,
                  svc_protocol_name(t->protocol));
    ds_put_cstr(ds, v6 ? "[" : "");
    ipv6_format_mapped(&t->ip_dst, ds);
    ds_put_cstr(ds, v6 ? "]" : "");
    if (t->protocol != SVC_ICMP) {
        ds_put_format(ds, ":%"PRIu16, t->port);
    }
}

static void
service_put_status(const struct service *s)
{
    const struct result result = {
        s->row, s->schedule.status, s->fact->dp_key, s->fact->answer_port_key,
    };

    pin_result_put(&svc_check_pin_service, inc_key_uuid(&s->row),
                   xmemdup(&result, sizeof result));
}

static void
service_report(const struct service *s)
{
    if (VLOG_IS_INFO_ENABLED()) {
        struct ds name = DS_EMPTY_INITIALIZER;

        service_format_name(s, &name);
        VLOG_INFO("service %s is %s", ds_cstr(&name),
                  status_name(s->schedule.status));
        ds_destroy(&name);
    }
    service_put_status(s);
}

static void
service_schedule(struct service *s)
{
    heap_change(&by_wake, &s->heap_node, agenda_priority(s->schedule.at));
}

/* What is waited for has come out so. */
static void
service_end_probe(struct service *s, bool success, long long int now)
{
    const enum svc_status before = s->schedule.status;

    if (success) {
        COVERAGE_INC(svc_check_succeeded);
        s->n_successes++;
    } else {
        COVERAGE_INC(svc_check_failed);
        s->n_failures++;
    }
    svc_schedule_end(&s->schedule, success, now);
    if (s->schedule.status != before) {
        service_report(s);
    }
    service_schedule(s);
}

static void
service_send(const struct service *s, struct dp_packet *packet)
{
    const struct pin_place place = {
        .entry = PIN_LOCAL_OUTPUT,
        .dp_key = s->fact->dp_key,
        .outport_key = s->fact->port_key,
    };

    pin_inject(&place, packet);
    dp_packet_uninit(packet);
}

/* That nothing comes is good news of UDP. */
static void
service_run(struct service *s, long long int now)
{
    if (svc_schedule_is_up(&s->schedule, now)) {
        service_end_probe(s, s->fact->target.protocol == SVC_UDP, now);
    }
    if (svc_schedule_begin(&s->schedule, now)) {
        struct dp_packet packet;

        COVERAGE_INC(svc_check_probe);
        s->n_probes++;
        s->probe = svc_probe_choose();
        svc_probe_compose(&s->fact->target, &s->probe, &packet);
        service_send(s, &packet);
    }
    service_schedule(s);
}

/* A bounded number in a turn: others wait. */
#define MAX_RUNS 50

static long long int
timer(long long int now)
{
    for (int i = 0; i < MAX_RUNS && agenda_next(&by_wake) <= now; i++) {
        service_run(CONTAINER_OF(heap_max(&by_wake), struct service,
                                 heap_node), now);
    }
    return agenda_next(&by_wake);
}

static void
service_destroy(struct service *s)
{
    hmap_remove(&by_row, &s->by_row_node);
    hmap_remove(&by_port, &s->by_port_node);
    heap_remove(&by_wake, &s->heap_node);
    free(s->fact);
    free(s);
    pin_gauge_set(&services_gauge, hmap_count(&by_row));
}

static void
service_create(const struct uuid *row, const struct svc_fact *fact)
{
    struct service *s = xzalloc(sizeof *s);

    s->row = *row;
    s->fact = fact_clone(fact);
    svc_schedule_init(&s->schedule, &fact->schedule,
                      time_msec() + FIRST_PROBE_MS
                      + random_range(FIRST_PROBE_RANGE_MS));
    hmap_insert(&by_row, &s->by_row_node, uuid_hash(row));
    hmap_insert(&by_port, &s->by_port_node,
                hash_port(fact->dp_key, fact->answer_port_key));
    heap_insert(&by_wake, &s->heap_node, agenda_priority(s->schedule.at));
    pin_gauge_set(&services_gauge, hmap_count(&by_row));
    pin_timer_at(&svc_check_pin_service, s->schedule.at);
}

static void
fact_changed(struct inc_key key, const void *fact_)
{
    const struct uuid *row = key.data;
    const struct svc_fact *fact = fact_;
    struct service *s = find_service(row);

    if (s && fact && is_same_service(s->fact, fact)) {
        free(s->fact);
        s->fact = fact_clone(fact);
        s->schedule.config = fact->schedule;
        /* A row that has been changed by hand, or come from a backup. */
        if (s->schedule.status != SVC_UNKNOWN
            && strcmp(fact->status, status_name(s->schedule.status))) {
            service_put_status(s);
        }
        return;
    }
    if (s) {
        service_destroy(s);
    }
    if (fact) {
        service_create(row, fact);
    }
}

/* Answers: packet thread. */

static struct service *
find_service_of(const struct pin *pin, const struct svc_answer *answer)
{
    struct service *s;

    HMAP_FOR_EACH_WITH_HASH (s, by_port_node,
                             hash_port(pin->dp_key, pin->inport_key),
                             &by_port) {
        if (s->fact->dp_key == pin->dp_key
            && s->fact->answer_port_key == pin->inport_key && s->n_probes
            && svc_answer_is_to(answer, &s->fact->target, &s->probe)
            && s->fact->comes_through == (answer->kind
                                          == SVC_ANSWER_PROBE)) {
            return s;
        }
    }
    return NULL;
}

static void
handle_svc_check(const struct pin *pin)
{
    struct svc_answer answer;
    const char *why;

    if (!svc_answer_parse(pin->packet, pin->headers, &answer, &why)) {
        pin_malformed(pin, PIN_BAD_CONTENT, "answer to a health check: %s",
                      why);
        return;
    }

    struct service *s = (answer.kind == SVC_ANSWER_OTHER ? NULL
                         : find_service_of(pin, &answer));
    if (!s) {
        COVERAGE_INC(svc_check_unknown);
        return;
    }
    if (answer.protocol == SVC_TCP && answer.kind == SVC_ANSWER_WORKS) {
        struct dp_packet reset;

        svc_answer_compose_reset(&s->fact->target, &s->probe, &answer,
                                 &reset);
        service_send(s, &reset);
    }
    if (s->schedule.is_waiting) {
        service_end_probe(s, answer.kind != SVC_ANSWER_FAILS, time_msec());
        pin_timer_at(&svc_check_pin_service, s->schedule.at);
    }
}

/* Status: main thread. */

static void
register_sb(struct idl_columns *columns)
{
    idl_columns_add(columns, &sbrec_port_binding_col_chassis, IDL_READ);
}

static enum pin_written
write_status(void *result_, const struct turn *turn,
             const struct sbrec_chassis *us)
{
    const struct result *result = result_;
    const char *status = status_name(result->status);
    const struct sbrec_service_monitor *row
        = sbrec_service_monitor_get_for_uuid(turn->sb_idl, &result->row);
    const struct sbrec_port_binding *pb = pin_find_port(result->dp_key,
                                                        result->port_key);

    /* Of a port that has moved, the other chassis knows better. */
    if (!row || !pb || (pb->chassis && pb->chassis != us)) {
        return PIN_MOOT;
    }
    if (row->status && !strcmp(row->status, status)) {
        return PIN_DONE;
    }
    sbrec_service_monitor_set_status(row, status);
    return PIN_WRITTEN;
}

/* service-monitor/show */

static void
show_service(const struct service *s, struct ds *reply)
{
    const struct svc_schedule *sc = &s->schedule;

    service_format_name(s, reply);
    ds_put_format(reply, ": %s\n", status_name(sc->status));
    ds_put_format(reply, "    probes=%llu succeeded=%llu failed=%llu, in a "
                  "row %d of %d, %d of %d\n", s->n_probes, s->n_successes,
                  s->n_failures, sc->n_successes, sc->config.success_count,
                  sc->n_failures, sc->config.failure_count);
}

static int
compare_services(const void *a_, const void *b_)
{
    const struct service *const *ap = a_;
    const struct service *const *bp = b_;
    const struct svc_fact *a = (*ap)->fact;
    const struct svc_fact *b = (*bp)->fact;
    int cmp = strcmp(a->lport, b->lport);

    cmp = cmp ? cmp : memcmp(&a->target.ip_dst, &b->target.ip_dst,
                             sizeof a->target.ip_dst);
    return (cmp ? cmp
            : a->target.protocol != b->target.protocol
            ? (int) a->target.protocol - (int) b->target.protocol
            : a->target.port - b->target.port);
}

static void
run_show(int argc, const char *argv[], struct ds *reply)
{
    const size_t n = hmap_count(&by_row);
    struct service **services = xmalloc(MAX(n, 1) * sizeof *services);
    struct service *s;
    size_t i = 0;

    HMAP_FOR_EACH (s, by_row_node, &by_row) {
        services[i++] = s;
    }
    qsort(services, n, sizeof *services, compare_services);
    for (i = 0; i < n; i++) {
        if (argc < 2 || !strcmp(argv[1], services[i]->fact->lport)) {
            show_service(services[i], reply);
        }
    }
    free(services);
}

static const struct pin_command commands[] = {
    { "service-monitor/show", "[port]", 0, 1, run_show },
    { .name = NULL },
};

static void
destroy(void)
{
    struct service *s;

    HMAP_FOR_EACH_SAFE (s, by_row_node, &by_row) {
        service_destroy(s);
    }
    hmap_destroy(&by_row);
    hmap_destroy(&by_port);
    heap_destroy(&by_wake);
    fact_table_destroy(&facts);
}

struct pin_service svc_check_pin_service = {
    .name = "svc-check",
    .needs_facts = true,
    .opcodes = { { ACTION_OPCODE_HANDLE_SVC_CHECK, handle_svc_check, false } },
    .timer = timer,
    .init = init,
    .register_sb = register_sb,
    .write = write_status,
    .max_results = 10000,
    .commands = commands,
    .gauges = gauges,
    .destroy = destroy,
};
