/* SPDX-License-Identifier: Apache-2.0 */

/* The packet thread: its connection to the switch, and its loop.
 *
 * A turn of the loop handles what has changed of facts, commands, a bounded
 * number of messages from the switch, and the timers that are due, so that
 * neither can keep the others waiting however much there is of it.
 *
 * The connection is a service connection to the integration bridge.  What is
 * sent is bounded: should the switch stop reading, packets are lost here
 * rather than kept. */

#include <config.h>

#include <string.h>

#include "coverage.h"
#include "latch.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-switch.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/rconn.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "pinctrl/pinctrl-private.h"
#include "seq.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_thread);

COVERAGE_DEFINE(pinctrl_drop_sent);

/* Messages to handle before timers have their turn. */
#define MAX_MESSAGES_PER_TURN 50

/* In ms: a bit more than coverage_try_clear()'s. */
#define COVERAGE_INTERVAL 1100

/* Messages on their way to the switch. */
#define MAX_SENT 10000

/* Both threads. */

static struct {
    pthread_t thread;           /* Main thread. */
    bool started;               /* Main thread. */
    struct latch exit;
    struct seq *seq;            /* Changes when there is something to do. */
    atomic_bool facts_complete;

    struct ovs_mutex mutex;
    char *target OVS_GUARDED;   /* NULL: none. */
    int probe_interval OVS_GUARDED;
} shared = { .mutex = OVS_MUTEX_INITIALIZER };

/* Packet thread. */

static struct rconn *swconn;
static struct rconn_packet_counter *in_flight;
static unsigned int conn_seq_no;
static bool has_facts;
static pthread_t packet_thread;
static struct pin_service *const *services;
static size_t n_services;

/* Not by ovsthread_id_self(): inlined here by gcc 12 with -O2 and
 * -fsanitize=null, it takes the address of its variable for NULL. */
void
pin_assert_thread(void)
{
    ovs_assert(pthread_equal(pthread_self(), packet_thread));
}

bool
pin_facts_complete(void)
{
    return has_facts;
}

bool
pin_send(struct ofpbuf *msg)
{
    pin_assert_thread();
    if (rconn_send_with_limit(swconn, msg, in_flight, MAX_SENT)) {
        COVERAGE_INC(pinctrl_drop_sent);
        return false;
    }
    return true;
}

/* What a new connection needs in order to get packet-ins: the format that
 * carries userdata, and, since it is a service connection, a nonzero
 * miss_send_len. */
static void
set_up_connection(void)
{
    const struct ofputil_switch_config config = {
        .frag = OFPUTIL_FRAG_NORMAL,
        .invalid_ttl_to_controller = -1,
        .miss_send_len = UINT16_MAX,
    };

    pin_send(ofputil_encode_set_config(&config, PIN_OF_VERSION));
    pin_send(ofputil_encode_set_packet_in_format(PIN_OF_VERSION,
                                                 OFPUTIL_PACKET_IN_NXT2));
    for (size_t i = 0; i < n_services; i++) {
        if (services[i]->connected) {
            services[i]->connected();
        }
    }
}

/* Follows what the main thread has said about the switch. */
static void
update_target(void)
{
    ovs_mutex_lock(&shared.mutex);
    char *target = nullable_xstrdup(shared.target);
    int probe_interval = shared.probe_interval;
    ovs_mutex_unlock(&shared.mutex);

    if (!target) {
        rconn_disconnect(swconn);
    } else {
        if (strcmp(target, rconn_get_target(swconn))) {
            VLOG_INFO("%s: connecting to switch", target);
            rconn_connect(swconn, target, target);
        }
        rconn_set_probe_interval(swconn, probe_interval);
    }
    free(target);
}

/* Handles messages; returns true if there may be more. */
static bool
run_messages(void)
{
    if (!rconn_is_connected(swconn)) {
        return false;
    }
    if (conn_seq_no != rconn_get_connection_seqno(swconn)) {
        conn_seq_no = rconn_get_connection_seqno(swconn);
        set_up_connection();
    }
    for (int i = 0; i < MAX_MESSAGES_PER_TURN; i++) {
        struct ofpbuf *msg = rconn_recv(swconn);

        if (!msg) {
            return false;
        }
        pin_handle_message(msg->data);
        ofpbuf_delete(msg);
    }
    return true;
}

/* Facts that were published before the snapshot was complete are known to be
 * there once it is. */
static void
run_facts(void)
{
    bool complete;

    atomic_read_explicit(&shared.facts_complete, &complete,
                         memory_order_acquire);
    fact_run_changes();
    if (complete && !has_facts) {
        has_facts = true;
        pin_release_held();
    }
}

static void
run_timers(void)
{
    for (size_t i = 0; i < n_services; i++) {
        struct pin_service *service = services[i];
        struct pin_service_state *state = service->state;

        if (service->timer && (has_facts || !service->needs_facts)) {
            const long long int now = time_msec();

            if (now >= state->deadline) {
                /* The hook may call pin_timer_at(). */
                state->deadline = LLONG_MAX;
                pin_timer_at(service, service->timer(now));
            }
        }
    }
}

static void
wait_for_timers(void)
{
    for (size_t i = 0; i < n_services; i++) {
        const struct pin_service *service = services[i];

        if (service->timer && (has_facts || !service->needs_facts)
            && service->state->deadline != LLONG_MAX) {
            poll_timer_wait_until(service->state->deadline);
        }
    }
}

void
pin_timer_at(struct pin_service *service, long long int when)
{
    pin_assert_thread();
    service->state->deadline = MIN(service->state->deadline, when);
}

/* poll_block() adds this thread's counts to everybody's, but not more often
 * than every second, and this thread may sleep for long: it wakes up once more
 * after it has done something. */
static void
wait_for_coverage(void)
{
    static unsigned long long int seen;
    static long long int when = LLONG_MAX;
    const unsigned long long int n = pin_n_packet_ins();

    if (time_msec() >= when) {
        when = LLONG_MAX;
    }
    if (n != seen) {
        seen = n;
        when = time_msec() + COVERAGE_INTERVAL;
    }
    if (when != LLONG_MAX) {
        poll_timer_wait_until(when);
    }
}

static void *
thread_main(void *aux OVS_UNUSED)
{
    packet_thread = pthread_self();
    swconn = rconn_create(0, 8, DSCP_DEFAULT, 1u << PIN_OF_VERSION);
    in_flight = rconn_packet_counter_create();

    while (!latch_is_set(&shared.exit)) {
        const uint64_t seq = seq_read(shared.seq);

        update_target();
        rconn_run(swconn);
        run_facts();
        pin_commands_run();
        const bool more = run_messages();
        run_timers();

        if (more) {
            poll_immediate_wake();
        }
        wait_for_coverage();
        wait_for_timers();
        rconn_run_wait(swconn);
        rconn_recv_wait(swconn);
        seq_wait(shared.seq, seq);
        latch_wait(&shared.exit);
        poll_block();
    }

    rconn_destroy(swconn);
    rconn_packet_counter_destroy(in_flight);
    swconn = NULL;
    return NULL;
}

/* Main thread. */

void
pin_wake_thread(void)
{
    if (shared.started) {
        seq_change(shared.seq);
    }
}

void
pin_thread_start(struct pin_service *const services_[], size_t n)
{
    if (!shared.started) {
        services = services_;
        n_services = n;
        latch_init(&shared.exit);
        shared.seq = seq_create();
        shared.started = true;
        shared.thread = ovs_thread_create("ovn_pinctrl", thread_main, NULL);
    }
}

void
pin_thread_stop(void)
{
    if (shared.started) {
        latch_set(&shared.exit);
        xpthread_join(shared.thread, NULL);
        shared.started = false;
        seq_destroy(shared.seq);
        latch_destroy(&shared.exit);
    }
    ovs_mutex_lock(&shared.mutex);
    free(shared.target);
    shared.target = NULL;
    ovs_mutex_unlock(&shared.mutex);
}

void
pin_thread_connect(const char *target, int probe_interval)
{
    ovs_mutex_lock(&shared.mutex);
    const bool changed = (!nullable_string_is_equal(target, shared.target)
                          || probe_interval != shared.probe_interval);
    if (changed) {
        free(shared.target);
        shared.target = nullable_xstrdup(target);
        shared.probe_interval = probe_interval;
    }
    ovs_mutex_unlock(&shared.mutex);
    if (changed) {
        pin_wake_thread();
    }
}

void
pin_thread_facts_complete(void)
{
    atomic_store_explicit(&shared.facts_complete, true, memory_order_release);
    pin_wake_thread();
}
