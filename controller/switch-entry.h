/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_SWITCH_ENTRY_H
#define CONTROLLER_SWITCH_ENTRY_H 1

/* The life of a group or meter
 * ============================
 *
 * What the switch holds under an id, and what it takes to keep it as it ought
 * to be:
 *
 *     something changes -> pending -> popped as a message, in flight ->
 *     settled, or refused (and offered again some time), or reverted with the
 *     bundle that it was part of -> freed, when nothing speaks of it any more
 *
 * Groups and meters differ in what their content is and in the messages that
 * change it.  They embed a "struct switch_entry" and say so in a "struct
 * switch_entry_class".
 *
 * Thread-safety: none. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/hmap.h"
#include "openvswitch/ofp-errors.h"
#include "xid-queue.h"

struct ds;
struct ofpbuf;
struct ovs_list;

struct switch_entry {
    struct hmap_node id_node;   /* In struct switch_table's 'by_id'. */
    struct switch_entry *owner; /* Nonnull if that frees it. */
    uint32_t id;
    uint32_t n_in_flight;       /* Messages not yet settled. */
    bool wanted;                /* Its unit has run. */
    bool pending;               /* In struct switch_table's 'pending'. */
    bool refused;               /* The switch did not take the last message. */
    bool retry;                 /* Is to be offered again... */
    bool again;                 /* ...and was: that has been said. */
};

/* A kind of message that an entry needs. */
enum switch_change {
    SWITCH_NONE,
    SWITCH_ADD,                 /* To add or modify it. */
    SWITCH_DELETE
};

struct switch_entry_class {
    const char *name;           /* "group" or "meter". */

    /* The message that brings 'entry' up to date, if its 'retry' is left
     * out of account. */
    enum switch_change (*need)(const struct switch_entry *);

    /* Makes a message of that kind, after which the entry counts as up to
     * date.  Returns NULL if there can be no message. */
    struct ofpbuf *(*make)(struct switch_entry *, enum switch_change);

    /* What the switch holds is not known any longer. */
    void (*forget)(struct switch_entry *);

    /* Whether the owner still needs an entry that the switch does not have. */
    bool (*in_use)(const struct switch_entry *);
    /* Frees it, after switch_entry_remove(). */
    void (*free)(struct switch_entry *);

    /* Appends what people know it by, without the id. */
    void (*format)(const struct switch_entry *, struct ds *);
};

struct switch_table {
    const struct switch_entry_class *class;
    struct hmap by_id;
    struct xid_queue in_flight;
    struct switch_entry **pending;
    size_t n_pending, allocated_pending;
};
#define SWITCH_TABLE_INITIALIZER(TABLE, CLASS) \
    { .class = (CLASS), .by_id = HMAP_INITIALIZER(&(TABLE)->by_id) }

/* Frees all entries. */
void switch_table_destroy(struct switch_table *);

/* Ids start at 1 and have 31 bits, which is as many as all tools agree are
 * positive. */
uint32_t switch_entry_first_id(uint32_t hash);
uint32_t switch_entry_next_id(uint32_t id);

struct switch_entry *switch_entry_find(const struct switch_table *,
                                       uint32_t id);
/* The caller has set 'entry->id', which must not be there. */
void switch_entry_insert(struct switch_table *, struct switch_entry *);
void switch_entry_remove(struct switch_table *, struct switch_entry *);
#define SWITCH_ENTRY_FOR_EACH(ENTRY, TABLE) \
    HMAP_FOR_EACH (ENTRY, id_node, &(TABLE)->by_id)
#define SWITCH_ENTRY_FOR_EACH_SAFE(ENTRY, TABLE) \
    HMAP_FOR_EACH_SAFE (ENTRY, id_node, &(TABLE)->by_id)

/* Something about 'entry' has changed. */
void switch_entry_changed(struct switch_table *, struct switch_entry *);
/* Frees 'entry', or its owner if it has one, if nothing speaks of that any
 * longer. */
void switch_entry_gc(struct switch_table *, struct switch_entry *);

/* A dump is to come: nothing is in flight, pending or refused any more. */
void switch_table_dump_begin(struct switch_table *);
/* It has come: whatever differs is pending. */
void switch_table_dump_end(struct switch_table *);

/* Takes pending changes of kind 'change' as messages onto 'msgs', and drops
 * those that are none.  Returns the number of messages. */
size_t switch_table_pop(struct switch_table *, enum switch_change,
                        struct ovs_list *msgs);
bool switch_table_has_changes(struct switch_table *);

/* What flow_table_settled(), _refused(), _retry() and _reverted() are for
 * flows. */
void switch_table_settled(struct switch_table *, uint32_t xid);
bool switch_table_refused(struct switch_table *, uint32_t xid, enum ofperr);
void switch_table_retry(struct switch_table *);
void switch_table_reverted(struct switch_table *);

/* The body of group-table-list and meter-table-list, to be freed: a line for
 * each entry for which 'list' is true. */
char *switch_table_list(const struct switch_table *,
                        bool (*list)(const struct switch_entry *));

#endif /* controller/switch-entry.h */
