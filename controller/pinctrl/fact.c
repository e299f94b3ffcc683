/* SPDX-License-Identifier: Apache-2.0 */

/* Facts: a cmap for each table, which one thread writes and another reads; see
 * fact.h.
 *
 * Which keys have changed is told in a queue that needs no lock either: one
 * for all tables, so that changes of different tables keep their order.  It
 * holds keys, not values.  Thus the packet thread sees what is there when it
 * gets to it, and nothing has to live longer because of the queue. */

#include <config.h>
#include "pinctrl/fact.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mpsc-queue.h"
#include "ofctrl.h"
#include "openvswitch/hmap.h"
#include "ovs-rcu.h"
#include "pinctrl/pinctrl-private.h"
#include "util.h"

struct change {
    struct mpsc_queue_node node;
    struct fact_table *table;
    size_t key_len;
    char key[];
};

static struct mpsc_queue changes = MPSC_QUEUE_INITIALIZER(&changes);

/* Main thread. */

static uint64_t n_changes;

uint64_t
fact_n_changes(void)
{
    return n_changes;
}

static void
note_change(struct fact_table *table, struct inc_key key)
{
    if (table->changed) {
        struct change *c = xmalloc(sizeof *c + key.len);

        c->table = table;
        c->key_len = key.len;
        memcpy(c->key, key.data, key.len);
        mpsc_queue_insert(&changes, &c->node);
        pin_wake_thread();
    }
}

static uint32_t
hash_key(struct inc_key key)
{
    return hash_bytes(key.data, key.len, 0);
}

static struct fact *
find(const struct fact_table *table, struct inc_key key, uint32_t hash)
{
    struct fact *fact;

    CMAP_FOR_EACH_WITH_HASH (fact, node, hash, &table->facts) {
        if (fact->key_len == key.len
            && !memcmp(fact->key, key.data, key.len)) {
            return fact;
        }
    }
    return NULL;
}

static void
free_fact(struct fact *fact)
{
    fact->table->destroy(fact->value);
    free(fact);
}

void
fact_publish(struct fact_table *table, struct inc_key key, void *value)
{
    const uint32_t hash = hash_key(key);
    struct fact *old = find(table, key, hash);
    struct fact *new = xmalloc(sizeof *new + key.len);

    n_changes++;
    new->table = table;
    new->value = value;
    new->key_len = key.len;
    memcpy(new->key, key.data, key.len);
    if (old) {
        cmap_replace(&table->facts, &old->node, &new->node, hash);
        ovsrcu_postpone(free_fact, old);
    } else {
        cmap_insert(&table->facts, &new->node, hash);
    }
    note_change(table, key);
}

void
fact_withdraw(struct fact_table *table, struct inc_key key)
{
    const uint32_t hash = hash_key(key);
    struct fact *old = find(table, key, hash);

    if (old) {
        n_changes++;
        cmap_remove(&table->facts, &old->node, hash);
        ovsrcu_postpone(free_fact, old);
        note_change(table, key);
    }
}

static void
followed_changed(struct inc_key key, const void *old OVS_UNUSED,
                 const void *new, void *table_)
{
    struct fact_table *table = table_;
    void *value = new ? table->copy(key, new) : NULL;

    if (value) {
        fact_publish(table, key, value);
    } else {
        fact_withdraw(table, key);
    }
}

void
fact_follow(struct fact_table *table, struct inc_kind *kind,
            void *(*copy)(struct inc_key, const void *value))
{
    ovs_assert(!table->copy);
    table->copy = copy;
    inc_kind_watch(kind, followed_changed, table);
}

/* Facts that wait for their flows. */

struct postponed {
    struct hmap_node node;      /* In 'postponed_facts', by 'key'. */
    struct fact_table *table;
    void *value;
    uint64_t fence;             /* 0: its flows have not been computed yet. */
    size_t key_len;
    char key[];
};
static struct hmap postponed_facts = HMAP_INITIALIZER(&postponed_facts);

static struct postponed *
find_postponed(const struct fact_table *table, struct inc_key key)
{
    struct postponed *p;

    HMAP_FOR_EACH_WITH_HASH (p, node, hash_key(key), &postponed_facts) {
        if (p->table == table && p->key_len == key.len
            && !memcmp(p->key, key.data, key.len)) {
            return p;
        }
    }
    return NULL;
}

/* Returns its value. */
static void *
end_postponement(struct postponed *p)
{
    void *value = p->value;

    hmap_remove(&postponed_facts, &p->node);
    free(p);
    return value;
}

static void
postpone(struct fact_table *table, struct inc_key key, void *value)
{
    struct postponed *p = xmalloc(sizeof *p + key.len);

    p->table = table;
    p->value = value;
    p->fence = 0;
    p->key_len = key.len;
    memcpy(p->key, key.data, key.len);
    hmap_insert(&postponed_facts, &p->node, hash_key(key));
}

static void
installed_changed(struct inc_key key, const void *old OVS_UNUSED,
                  const void *new, void *table_)
{
    struct fact_table *table = table_;
    void *value = new ? table->copy(key, new) : NULL;
    struct postponed *p = find_postponed(table, key);

    if (p) {
        table->destroy(end_postponement(p));
    }
    if (value) {
        postpone(table, key, value);
    } else {
        fact_withdraw(table, key);
    }
}

void
fact_follow_installed(struct fact_table *table, struct inc_kind *kind,
                      void *(*copy)(struct inc_key, const void *value))
{
    ovs_assert(!table->copy);
    table->copy = copy;
    inc_kind_watch(kind, installed_changed, table);
}

void
fact_take_fence(void)
{
    struct postponed *p;
    uint64_t fence = 0;

    HMAP_FOR_EACH (p, node, &postponed_facts) {
        if (!p->fence) {
            fence = fence ? fence : ofctrl_fence();
            p->fence = fence;
        }
    }
}

void
fact_publish_installed(void)
{
    struct postponed *p;

    HMAP_FOR_EACH_SAFE (p, node, &postponed_facts) {
        if (p->fence && ofctrl_reached(p->fence)) {
            const struct inc_key key = { p->key, p->key_len };

            fact_publish(p->table, key, p->value);
            end_postponement(p);
        }
    }
}

static void
drop_postponed(const struct fact_table *table)
{
    struct postponed *p;

    HMAP_FOR_EACH_SAFE (p, node, &postponed_facts) {
        if (p->table == table) {
            table->destroy(end_postponement(p));
        }
    }
}

void
fact_table_destroy(struct fact_table *table)
{
    struct fact *fact;

    drop_postponed(table);

    CMAP_FOR_EACH (fact, node, &table->facts) {
        ovsrcu_postpone(free_fact, fact);
    }
    cmap_destroy(&table->facts);
    cmap_init(&table->facts);
    table->copy = NULL;
}

/* Packet thread. */

const void *
fact_find(const struct fact_table *table, struct inc_key key)
{
    const struct fact *fact = find(table, key, hash_key(key));

    return fact ? fact->value : NULL;
}

size_t
fact_count(const struct fact_table *table)
{
    return cmap_count(&table->facts);
}

void
fact_run_changes(void)
{
    struct mpsc_queue_node *node;

    mpsc_queue_acquire(&changes);
    MPSC_QUEUE_FOR_EACH_POP (node, &changes) {
        struct change *c = CONTAINER_OF(node, struct change, node);
        const struct inc_key key = { c->key, c->key_len };

        c->table->changed(key, fact_find(c->table, key));
        free(c);
    }
    mpsc_queue_release(&changes);
}

void
fact_drop_changes(void)
{
    struct mpsc_queue_node *node;

    mpsc_queue_acquire(&changes);
    MPSC_QUEUE_FOR_EACH_POP (node, &changes) {
        free(CONTAINER_OF(node, struct change, node));
    }
    mpsc_queue_release(&changes);
}
