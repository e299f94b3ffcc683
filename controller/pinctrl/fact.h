/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_PINCTRL_FACT_H
#define CONTROLLER_PINCTRL_FACT_H 1

/* Facts: what the packet thread knows
 * ===================================
 *
 * A fact table is a lock-free copy of cells of the engine.  The main thread
 * publishes immutable values under keys, replaces and withdraws them; the
 * packet thread finds them.  A value that is no longer published is freed when
 * the packet thread cannot be using it any more (RCU).
 *
 *     static struct fact_table leases
 *         = FACT_TABLE_INITIALIZER("leases", free, lease_changed);
 *
 *     fact_follow(&leases, lease_kind, copy_lease);   // In init().
 *
 *     const struct lease *l = fact_find(&leases, key); // Packet thread.
 *
 * A value is a copy that has nothing to do with the cell's: cells are freed
 * when the engine says so.  What follows from several cells is made by units
 * of the engine first, as for flows, and written to a kind of the service's
 * own, which the table then follows.
 *
 * A table may have a function that the packet thread calls for each key under
 * which something was published or withdrawn, in the order in which it was. */

#include <stddef.h>

#include "cmap.h"
#include "inc-proc-eng.h"

struct fact_table {
    const char *name;
    void (*destroy)(void *value); /* Called on any thread. */
    /* Packet thread: what is published under 'key' has changed; 'value' is
     * what is there now, NULL for nothing.  Several changes may look like one.
     * May be NULL. */
    void (*changed)(struct inc_key key, const void *value);

    struct cmap facts;
    void *(*copy)(struct inc_key, const void *value);
};

#define FACT_TABLE_INITIALIZER(NAME, DESTROY, CHANGED) {        \
        .name = NAME, .destroy = DESTROY, .changed = CHANGED,   \
        .facts = CMAP_INITIALIZER,                              \
    }

struct fact {
    struct cmap_node node;
    struct fact_table *table;
    void *value;
    size_t key_len;
    char key[];
};

/* Main thread. */

/* From now on the table has a fact for each cell of 'kind' (not a set kind),
 * with its key, and as its value what 'copy' makes of the cell's; if that is
 * NULL, none.  Before the engine runs. */
void fact_follow(struct fact_table *, struct inc_kind *kind,
                 void *(*copy)(struct inc_key, const void *value));

/* The same, but what is published has flows, which must be in the switch
 * first: a packet that is sent on the strength of the fact goes their way.
 * What is withdrawn is withdrawn at once. */
void fact_follow_installed(struct fact_table *, struct inc_kind *kind,
                           void *(*copy)(struct inc_key, const void *value));

/* For those who follow a kind in another way: in watchers of their own.
 * Takes ownership of 'value', which replaces what there is. */
void fact_publish(struct fact_table *, struct inc_key, void *value);
void fact_withdraw(struct fact_table *, struct inc_key);

/* When the packet thread is no more. */
void fact_table_destroy(struct fact_table *);

/* Packet thread (and main thread). */

/* NULL if there is none.  Good until the calling hook returns. */
const void *fact_find(const struct fact_table *, struct inc_key);
size_t fact_count(const struct fact_table *);

/* Walks over all "struct fact"s.  One that comes or goes meanwhile may be
 * missed, or be seen twice, which changed() tells afterwards. */
#define FACT_FOR_EACH(FACT, TABLE) \
    CMAP_FOR_EACH (FACT, node, &(TABLE)->facts)

#endif /* controller/pinctrl/fact.h */
