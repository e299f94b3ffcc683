/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_PINCTRL_WAIT_QUEUE_H
#define CONTROLLER_PINCTRL_WAIT_QUEUE_H 1

/* Things that wait for something
 * ==============================
 *
 * A bounded queue of things, such as packets, that wait for what is known by a
 * key, such as the next hop's address.  When it has come, wait_queue_take()
 * returns what has waited for it, in the order in which it was put in.
 *
 * There are limits on how many may wait, for one key and altogether, and on
 * how long.  The oldest goes first.
 *
 * Thread-safety: a queue belongs to one thread. */

#include <stdbool.h>
#include <stddef.h>

#include "inc-proc-eng.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"

struct wait_queue {
    size_t max;                 /* Altogether, at least 1. */
    size_t max_per_key;         /* At least 1. */
    int lifetime;               /* In ms. */
    void (*destroy)(void *item);

    struct hmap keys;
    struct ovs_list by_age;
    size_t n;
};

#define WAIT_QUEUE_INITIALIZER(QUEUE, MAX, MAX_PER_KEY, LIFETIME, DESTROY) {  \
        .max = MAX, .max_per_key = MAX_PER_KEY, .lifetime = LIFETIME,         \
        .destroy = DESTROY,                                                   \
        .keys = HMAP_INITIALIZER(&(QUEUE)->keys),                             \
        .by_age = OVS_LIST_INITIALIZER(&(QUEUE)->by_age),                     \
    }

void wait_queue_destroy(struct wait_queue *);

/* Takes ownership of 'item', which waits for 'key' from 'now' (in ms) on. */
void wait_queue_put(struct wait_queue *, struct inc_key key, void *item,
                    long long int now);
/* Returns the item that has waited longest for 'key', which is the caller's
 * then, or NULL if none does. */
void *wait_queue_take(struct wait_queue *, struct inc_key key);
/* Gives up what has waited for too long.  Returns when to be called next at
 * the latest, LLONG_MAX if nothing waits. */
long long int wait_queue_expire(struct wait_queue *, long long int now);

#endif /* controller/pinctrl/wait-queue.h */
