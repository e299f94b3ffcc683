/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_PINCTRL_PRIVATE_H
#define CONTROLLER_PINCTRL_PRIVATE_H 1

/* Between the files of the frame that services are put into: pinctrl.c (the
 * module, on the main thread, which alone knows all services), thread.c (the
 * packet thread and its connection to the switch), packet-in.c (what happens
 * to a packet), fact.c, result.c and command.c (what passes between the
 * threads), and rows.c.  Services include service.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/thread.h"
#include "ovs-atomic.h"
#include "pinctrl/service.h"

struct idl_columns;
struct ofp_header;
struct ofpbuf;
struct simap;

#define PIN_OF_VERSION OFP15_VERSION

/* Results on their way from one thread to the other, or waiting there: at most
 * 'max', the oldest first. */
struct result_list {
    struct hmap by_key;
    struct ovs_list in_order;
};

/* What the frame keeps of a service. */
struct pin_service_state {
    /* Packet thread. */
    long long int deadline;     /* Of its timer. */

    /* From the packet thread to the main thread. */
    struct ovs_mutex mutex;
    struct result_list incoming OVS_GUARDED;

    /* Main thread. */
    struct result_list pending;

    /* Counted on either thread, shown on the main thread. */
    atomic_uint64_t n_packets, n_malformed, n_results, n_dropped;
};

static inline void
pin_count(atomic_uint64_t *counter)
{
    uint64_t old;

    atomic_add_relaxed(counter, 1, &old);
}
static inline uint64_t
pin_counted(const atomic_uint64_t *counter_)
{
    atomic_uint64_t *counter = CONST_CAST(atomic_uint64_t *, counter_);
    uint64_t value;

    atomic_read_relaxed(counter, &value);
    return value;
}

/* thread.c.  The main thread starts and stops it, and tells it what to connect
 * to ('target' NULL: to nothing; 'probe_interval' in seconds). */
void pin_thread_start(struct pin_service *const services[], size_t n);
void pin_thread_stop(void);
void pin_thread_connect(const char *target, int probe_interval);
void pin_thread_facts_complete(void);

/* Makes the packet thread go round once more. */
void pin_wake_thread(void);

/* Packet thread: sends 'msg', which it takes ownership of.  Returns false if
 * it is lost. */
bool pin_send(struct ofpbuf *msg);

/* packet-in.c: packet thread, but for init and destroy. */
void pin_packets_init(struct pin_service *const services[], size_t n);
void pin_packets_destroy(void);
void pin_handle_message(const struct ofp_header *);
void pin_release_held(void);    /* The snapshot is complete now. */
/* Any thread: how many packet-ins there have been. */
uint64_t pin_n_packet_ins(void);

/* fact.c: packet thread, and at the end. */
void fact_run_changes(void);
/* Main thread: the flows of all facts so far have been handed to ofctrl; and,
 * from time to time: publishes those whose flows are in the switch. */
void fact_take_fence(void);
void fact_publish_installed(void);
void fact_drop_changes(void);
/* How often something was published or withdrawn.  Main thread. */
uint64_t fact_n_changes(void);

/* result.c: main thread, but for pin_result_put().  The main thread looks
 * whether there are results, and waits until there are more. */
void pin_results_start(void);
void pin_results_end(void);
void pin_results_look(void);
void pin_results_wait(void);
void pin_results_init(struct pin_service *);
void pin_results_destroy(struct pin_service *);
/* 'us' is NULL while nothing can be written. */
void pin_results_run(struct pin_service *, const struct turn *,
                     const struct sbrec_chassis *us);
/* Those that are not written yet. */
size_t pin_results_count(const struct pin_service *);

/* command.c */
void pin_commands_init(void);                           /* At the start. */
void pin_commands_register(const struct pin_service *); /* Main thread. */
void pin_commands_reply(void);                          /* Main thread. */
void pin_commands_wait(void);                           /* Main thread. */
void pin_commands_run(void);                            /* Packet thread. */
void pin_commands_destroy(void);                        /* At the end. */

/* rows.c: main thread. */
void pin_rows_register_sb(struct idl_columns *);

#endif /* controller/pinctrl/pinctrl-private.h */
