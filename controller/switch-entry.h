/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_SWITCH_ENTRY_H
#define CONTROLLER_SWITCH_ENTRY_H 1

/* The life of a flow, group or meter
 * ==================================
 *
 * What the switch holds, and what it takes to keep it as it ought to be:
 *
 *     something changes -> pending -> popped as a message, in flight ->
 *     settled, or refused (and offered again some time), or reverted with the
 *     bundle that it was part of -> freed, when nothing speaks of it any more
 *
 * A change that is refused leaves what was there before, which nobody asks for
 * any longer.  A class that can withdraw it has it deleted.
 *
 * Flows, groups and meters differ in what their content is and in the messages
 * that change it.  They embed a "struct switch_entry" and say so in a "struct
 * switch_entry_class".
 *
 * There is one for each flow, so it is small: with it, a flow is one byte
 * larger than if its table did all of this by itself.  Nothing here walks a
 * table.
 *
 * Thread-safety: none. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/hmap.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/util.h"
#include "xid-queue.h"

struct ds;
struct ofpbuf;
struct ovs_list;

struct switch_entry {
    uint16_t n_in_flight;       /* Messages not yet settled. */
    bool pending : 1;           /* In struct switch_table's 'pending'. */
    bool refused : 1;           /* The switch did not take the last message. */
    bool on_retry_list : 1;     /* In struct switch_table's 'retry_list'. */
    bool retry : 1;             /* Is to be offered again... */
    bool again : 1;             /* ...and was: that has been said. */
    bool stale : 1;             /* Refused; a former version may be there. */
    bool withdrawn : 1;         /* Refused; and that has been deleted. */
    bool mark : 1;              /* The class's own. */
};
BUILD_ASSERT_DECL(sizeof(struct switch_entry) == 4);

/* A kind of message that an entry needs. */
enum switch_change {
    SWITCH_NONE = 0,
    SWITCH_ADD = 1 << 0,        /* To add or modify it. */
    SWITCH_DELETE = 1 << 1
};

struct switch_entry_class {
    /* Whether it ought to be in the switch. */
    bool (*wanted)(const struct switch_entry *);
    /* The message that brings 'entry' up to date, if its 'retry' is left
     * out of account. */
    enum switch_change (*need)(const struct switch_entry *);

    /* Makes a message of that kind, after which the entry counts as up to
     * date.  Returns NULL if there can be no message. */
    struct ofpbuf *(*make)(struct switch_entry *, enum switch_change);
    /* Makes a message that deletes what the switch may hold of an entry whose
     * last message it refused, and changes nothing of the entry.  NULL: that
     * stays, as it must if its deletion would delete flows, too. */
    struct ofpbuf *(*withdraw)(const struct switch_entry *);

    /* What the switch holds is not known any longer. */
    void (*forget)(struct switch_entry *);
    /* It has been found to need no message.  May be NULL. */
    void (*unneeded)(struct switch_entry *);

    /* The entry that frees this one, maybe itself.  NULL: itself. */
    struct switch_entry *(*owner)(struct switch_entry *);
    /* Whether there is a reason to keep an entry of which no message
     * speaks. */
    bool (*in_use)(const struct switch_entry *);
    void (*free)(struct switch_entry *);

    /* Append what kind of thing it is ("a flow", "group 17"), and what people
     * know it by. */
    void (*format_name)(const struct switch_entry *, struct ds *);
    void (*format)(const struct switch_entry *, struct ds *);
};

struct switch_table {
    const struct switch_entry_class *class;
    struct xid_queue in_flight;
    /* Those that have changed: [head] to [tail - 1]. */
    struct switch_entry **pending;
    size_t head, tail, allocated_pending;
    /* Those that are, or were, refused. */
    struct switch_entry **retry_list;
    size_t n_retry, allocated_retry;
};

/* Frees what the table holds, but not the entries, which are all about to be
 * freed. */
void switch_table_clear(struct switch_table *);

/* Something about 'entry' has changed. */
void switch_entry_changed(struct switch_table *, struct switch_entry *);
/* Frees 'entry', or its owner if it has one, if nothing speaks of that any
 * longer. */
void switch_entry_gc(struct switch_table *, struct switch_entry *);

/* A dump is to come: nothing is in flight, pending or to be retried any more.
 * The class is to call switch_entry_reset() for each entry. */
void switch_table_dump_begin(struct switch_table *);
void switch_entry_reset(struct switch_entry *);
/* It has come, and the class has called switch_entry_changed() for each entry:
 * only what differs is left pending, and what is not wanted, or not yet: how
 * that is to be judged may not be known before all else is. */
void switch_table_dump_end(struct switch_table *);

/* Takes up to 'max' pending changes of the given 'kinds' (SWITCH_ADD,
 * SWITCH_DELETE, or both) as messages onto 'msgs', in the order in which they
 * came to be pending, and drops those that are none.  Returns the number of
 * messages. */
size_t switch_table_pop(struct switch_table *, unsigned int kinds, size_t max,
                        struct ovs_list *msgs);
bool switch_table_has_changes(struct switch_table *);
bool switch_table_has_pending(const struct switch_table *);

/* What flow_table_settled(), _refused(), _retry() and _reverted() say. */
void switch_table_settled(struct switch_table *, uint32_t xid);
bool switch_table_refused(struct switch_table *, uint32_t xid, enum ofperr);
void switch_table_retry(struct switch_table *);
void switch_table_reverted(struct switch_table *);

size_t switch_table_memory(const struct switch_table *); /* In bytes. */

/* What has an id: groups and meters. */

struct switch_object {
    struct switch_entry entry;
    uint32_t id;
    struct hmap_node id_node;   /* In struct switch_objects's 'by_id'. */
    bool wanted;                /* Its unit has run. */
};

struct switch_objects {
    struct switch_table table;
    struct hmap by_id;
};
#define SWITCH_OBJECTS_INITIALIZER(OBJECTS, CLASS) \
    { .table = { .class = (CLASS) }, \
      .by_id = HMAP_INITIALIZER(&(OBJECTS)->by_id) }

/* Frees all objects. */
void switch_objects_destroy(struct switch_objects *);

static inline struct switch_object *
switch_object_cast(const struct switch_entry *e)
{
    return (CONST_CAST(struct switch_object *,
                       CONTAINER_OF(e, struct switch_object, entry)));
}

/* Ids have 31 bits, which is as many as all tools agree are positive.  The
 * lowest ones are left to the stock controller, which counts up from 1. */
#define SWITCH_OBJECT_MIN_ID 65536
uint32_t switch_object_first_id(uint32_t hash);
uint32_t switch_object_next_id(uint32_t id);

struct switch_object *switch_object_find(const struct switch_objects *,
                                         uint32_t id);
/* The caller has set 'object->id', which must not be there. */
void switch_object_insert(struct switch_objects *, struct switch_object *);
void switch_object_remove(struct switch_objects *, struct switch_object *);
#define SWITCH_OBJECT_FOR_EACH(OBJECT, OBJECTS) \
    HMAP_FOR_EACH (OBJECT, id_node, &(OBJECTS)->by_id)
#define SWITCH_OBJECT_FOR_EACH_SAFE(OBJECT, OBJECTS) \
    HMAP_FOR_EACH_SAFE (OBJECT, id_node, &(OBJECTS)->by_id)

/* For the class of objects. */
bool switch_object_wanted(const struct switch_entry *);

/* switch_table_dump_begin() with switch_entry_reset() for each, and
 * switch_table_dump_end() after switch_entry_changed() for each. */
void switch_objects_dump_begin(struct switch_objects *);
void switch_objects_dump_end(struct switch_objects *);

/* The body of group-table-list and meter-table-list, to be freed: a line for
 * each object for which 'list' is true. */
char *switch_objects_list(const struct switch_objects *,
                          bool (*list)(const struct switch_object *));

#endif /* controller/switch-entry.h */
