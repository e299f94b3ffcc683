/* SPDX-License-Identifier: Apache-2.0 */

/* Things that wait, in two lists each: that of their key, and that of all,
 * both in order of age.  All have the same lifetime, so the list of all is
 * also in the order in which they expire. */

#include <config.h>
#include "pinctrl/wait-queue.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "coverage.h"
#include "hash.h"
#include "util.h"

COVERAGE_DEFINE(pinctrl_wait);
COVERAGE_DEFINE(pinctrl_wait_drop);
COVERAGE_DEFINE(pinctrl_wait_expire);

struct wait_key {
    struct hmap_node hmap_node; /* In 'keys'. */
    struct ovs_list items;
    size_t n;
    size_t len;
    char data[];
};

struct waiting {
    struct ovs_list key_node;   /* In 'items' of the key. */
    struct ovs_list age_node;   /* In 'by_age'. */
    struct wait_key *key;
    long long int expires;
    void *item;
};

static struct wait_key *
find_key(const struct wait_queue *q, struct inc_key key, uint32_t hash)
{
    struct wait_key *k;

    HMAP_FOR_EACH_WITH_HASH (k, hmap_node, hash, &q->keys) {
        if (k->len == key.len && !memcmp(k->data, key.data, key.len)) {
            return k;
        }
    }
    return NULL;
}

static struct wait_key *
get_key(struct wait_queue *q, struct inc_key key)
{
    const uint32_t hash = hash_bytes(key.data, key.len, 0);
    struct wait_key *k = find_key(q, key, hash);

    if (!k) {
        k = xmalloc(sizeof *k + key.len);
        ovs_list_init(&k->items);
        k->n = 0;
        k->len = key.len;
        memcpy(k->data, key.data, key.len);
        hmap_insert(&q->keys, &k->hmap_node, hash);
    }
    return k;
}

/* Takes 'w' out; returns its item. */
static void *
unlink_waiting(struct wait_queue *q, struct waiting *w)
{
    struct wait_key *k = w->key;
    void *item = w->item;

    ovs_list_remove(&w->key_node);
    ovs_list_remove(&w->age_node);
    free(w);
    q->n--;
    if (!--k->n) {
        hmap_remove(&q->keys, &k->hmap_node);
        free(k);
    }
    return item;
}

static struct waiting *
oldest(const struct wait_queue *q)
{
    return (ovs_list_is_empty(&q->by_age) ? NULL
            : CONTAINER_OF(ovs_list_front(&q->by_age), struct waiting,
                           age_node));
}

static struct waiting *
oldest_of_key(const struct wait_key *k)
{
    return CONTAINER_OF(ovs_list_front(&k->items), struct waiting, key_node);
}

static void
drop(struct wait_queue *q, struct waiting *w)
{
    q->destroy(unlink_waiting(q, w));
}

void
wait_queue_destroy(struct wait_queue *q)
{
    while (q->n) {
        drop(q, oldest(q));
    }
    hmap_destroy(&q->keys);
    hmap_init(&q->keys);
}

void
wait_queue_put(struct wait_queue *q, struct inc_key key, void *item,
               long long int now)
{
    struct waiting *w = xmalloc(sizeof *w);
    struct wait_key *k = get_key(q, key);

    w->key = k;
    w->item = item;
    w->expires = now + q->lifetime;
    ovs_list_push_back(&k->items, &w->key_node);
    ovs_list_push_back(&q->by_age, &w->age_node);
    k->n++;
    q->n++;
    COVERAGE_INC(pinctrl_wait);

    /* The key stays, having got one. */
    if (k->n > q->max_per_key) {
        COVERAGE_INC(pinctrl_wait_drop);
        drop(q, oldest_of_key(k));
    }
    if (q->n > q->max) {
        COVERAGE_INC(pinctrl_wait_drop);
        drop(q, oldest(q));
    }
}

void *
wait_queue_take(struct wait_queue *q, struct inc_key key)
{
    struct wait_key *k = find_key(q, key, hash_bytes(key.data, key.len, 0));

    return k ? unlink_waiting(q, oldest_of_key(k)) : NULL;
}

long long int
wait_queue_expire(struct wait_queue *q, long long int now)
{
    struct waiting *w;

    while ((w = oldest(q)) && w->expires <= now) {
        COVERAGE_INC(pinctrl_wait_expire);
        drop(q, w);
    }
    return w ? w->expires : LLONG_MAX;
}
