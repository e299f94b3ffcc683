/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PINCTRL_REPEATER_H
#define PINCTRL_REPEATER_H 1

/* What is sent again and again
 * ============================
 *
 * Announcements and questions to next hops are sent at intervals that double.
 * A repeater keeps what there is to send, by key, and when each is due; its
 * service says how one is sent and how long it is until the next time:
 *
 *     fact comes or goes --repeater_set()--> schedule --timer()--> send()
 *
 * What cannot be sent because the switch takes nothing stays due.
 *
 * The longest interval is configured; whoever changes it has all sent from the
 * beginning.
 *
 * Thread-safety: packet thread only, but for repeater_init() and
 * repeater_destroy(), which are for init() and destroy() of the service. */

#include <limits.h>

#include "heap.h"
#include "inc-proc-eng.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "pinctrl/service.h"

struct ds;

struct repeater {
    /* What the service says. */
    struct pin_service *service; /* Whose timer() calls repeater_run(). */
    struct pin_gauge *gauge;    /* How many are to be sent again. */
    const char *cap_name;       /* The key of external_ids that says, in
                                 * seconds, which interval is the longest. */
    bool (*send)(struct inc_key); /* Returns false if it could not. */
    /* The interval, in ms, that follows the 'n'th time, counting from 1; -1 if
     * that was the last one. */
    int (*interval)(struct inc_key, unsigned int n);

    struct hmap by_key;         /* Of "struct repeated"s. */
    struct heap due;            /* The one that is due first on top. */
    struct ovs_list list_node;
};

#define REPEATER_INITIALIZER(REPEATER, SERVICE, GAUGE, CAP_NAME, SEND,      \
                             INTERVAL) {                                    \
        .service = (SERVICE), .gauge = (GAUGE), .cap_name = (CAP_NAME),     \
        .send = (SEND), .interval = (INTERVAL),                             \
        .by_key = HMAP_INITIALIZER(&(REPEATER)->by_key),                    \
    }

struct repeated {
    struct hmap_node hmap_node; /* In 'by_key'. */
    struct heap_node heap_node; /* In 'due', unless 'when' is LLONG_MAX. */
    unsigned int n_sent;
    long long int when;         /* Next time; LLONG_MAX: that was all. */
    struct inc_key key;         /* Owned. */
};
#define REPEATED_FOR_EACH(REPEATED, REPEATER) \
    HMAP_FOR_EACH (REPEATED, hmap_node, &(REPEATER)->by_key)

void repeater_init(struct repeater *, struct inc_engine *);
void repeater_destroy(struct repeater *); /* Frees all. */

/* Sends 'key' from the beginning, whether or not it is there; if not 'wanted',
 * no longer. */
void repeater_set(struct repeater *, struct inc_key key, bool wanted);

/* Sends what is due at 'now', but not for long.  Returns when timer() is to be
 * called again. */
long long int repeater_run(struct repeater *, long long int now);

/* The longest interval that is configured, in seconds; 0 if there is none. */
int repeater_cap(const struct repeater *);
/* The interval, in ms, that follows the 'n'th time, counting from 1: 'first'
 * seconds, then twice as long each time, but no more than 'max' seconds. */
int repeater_doubled(int first, unsigned int n, int max);

/* Appends how often it was sent, and when it is next. */
void repeated_format(const struct repeated *, struct ds *);

#endif /* controller/pinctrl/repeater.h */
