/* SPDX-License-Identifier: Apache-2.0 */

/* How an entry lives: see switch-entry.h. */

#include <config.h>
#include "switch-entry.h"

#include <inttypes.h>

#include "hash.h"
#include "openflow/openflow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "svec.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(switch_entry);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* An empty list of pending changes that has been this long is given back. */
#define KEEP_ALLOCATED 1024

void
switch_table_clear(struct switch_table *table)
{
    xid_queue_clear(&table->in_flight);
    free(table->pending);
    table->pending = NULL;
    table->head = table->tail = table->allocated_pending = 0;
    free(table->retry_list);
    table->retry_list = NULL;
    table->n_retry = table->allocated_retry = 0;
}

/* Lists. */

static void
pending_push(struct switch_table *table, struct switch_entry *e)
{
    if (table->tail >= table->allocated_pending
        && table->head > table->tail / 2) {
        table->tail -= table->head;
        memmove(table->pending, &table->pending[table->head],
                table->tail * sizeof *table->pending);
        table->head = 0;
    }
    if (table->tail >= table->allocated_pending) {
        table->pending = x2nrealloc(table->pending, &table->allocated_pending,
                                    sizeof *table->pending);
    }
    table->pending[table->tail++] = e;
}

/* To be called after entries have been taken from the list. */
static void
pending_shrink(struct switch_table *table)
{
    if (table->head == table->tail) {
        table->head = table->tail = 0;
        if (table->allocated_pending > KEEP_ALLOCATED) {
            free(table->pending);
            table->pending = NULL;
            table->allocated_pending = 0;
        }
    }
}

void
switch_entry_changed(struct switch_table *table, struct switch_entry *e)
{
    if (!e->pending) {
        e->pending = true;
        pending_push(table, e);
    }
}

static void
retry_push(struct switch_table *table, struct switch_entry *e)
{
    if (!e->on_retry_list) {
        if (table->n_retry >= table->allocated_retry) {
            table->retry_list = x2nrealloc(table->retry_list,
                                           &table->allocated_retry,
                                           sizeof *table->retry_list);
        }
        e->on_retry_list = true;
        table->retry_list[table->n_retry++] = e;
    }
}

static struct switch_entry *
in_flight_pop(struct switch_table *table)
{
    struct switch_entry *e = xid_queue_pop(&table->in_flight);

    e->n_in_flight--;
    return e;
}

void
switch_entry_gc(struct switch_table *table, struct switch_entry *e)
{
    const struct switch_entry_class *class = table->class;

    e = class->owner ? class->owner(e) : e;
    if (!e->pending && !e->on_retry_list && !e->n_in_flight
        && !class->in_use(e)) {
        class->free(e);
    }
}

/* Dumps. */

void
switch_table_dump_begin(struct switch_table *table)
{
    while (!xid_queue_is_empty(&table->in_flight)) {
        in_flight_pop(table);
    }
    while (table->head < table->tail) {
        table->pending[table->head++]->pending = false;
    }
    while (table->n_retry) {
        table->retry_list[--table->n_retry]->on_retry_list = false;
    }
    switch_table_clear(table);
}

void
switch_entry_reset(struct switch_entry *e)
{
    e->refused = e->retry = e->again = e->stale = e->withdrawn = false;
}

/* Changes. */

static enum switch_change
needs(const struct switch_table *table, const struct switch_entry *e)
{
    enum switch_change need = table->class->need(e);

    return (need != SWITCH_NONE || !table->class->wanted(e) ? need
            : e->retry ? SWITCH_ADD
            : e->stale ? SWITCH_DELETE
            : SWITCH_NONE);
}

/* 'e', which has been taken from the list of pending changes, needs no
 * message. */
static void
drop(struct switch_table *table, struct switch_entry *e)
{
    e->pending = e->retry = e->stale = false;
    if (table->class->unneeded) {
        table->class->unneeded(e);
    }
    switch_entry_gc(table, e);
}

static void
note_in_flight(struct switch_table *table, struct switch_entry *e,
               const struct ofpbuf *msg)
{
    const struct ofp_header *oh = msg->data;

    e->n_in_flight++;
    xid_queue_push(&table->in_flight, ntohl(oh->xid), e);
}

/* Makes a message of kind 'change' for 'e' and notes that it is in flight. */
static struct ofpbuf *
make_message(struct switch_table *table, struct switch_entry *e,
             enum switch_change change)
{
    /* What the class needs takes time to find out, and is only in doubt if
     * the entry has been refused. */
    bool up_to_date = ((e->retry || e->stale)
                       && table->class->need(e) == SWITCH_NONE);
    struct ofpbuf *msg;

    if (up_to_date && !e->retry) {
        /* It stays refused. */
        msg = table->class->withdraw(e);
        e->withdrawn = true;
        note_in_flight(table, e, msg);
    } else {
        msg = table->class->make(e, change);
        if (msg) {
            /* What was withdrawn stays away only while all is refused. */
            e->withdrawn &= e->refused;
            e->again = e->retry && up_to_date;
            e->refused = false;
            note_in_flight(table, e, msg);
        }
    }
    e->retry = e->stale = false;
    return msg;
}

void
switch_table_dump_end(struct switch_table *table)
{
    size_t n = table->tail;

    table->tail = table->head;
    for (size_t i = table->head; i < n; i++) {
        struct switch_entry *e = table->pending[i];

        if (needs(table, e) != SWITCH_NONE
            || (table->class->in_use(e) && !table->class->wanted(e))) {
            table->pending[table->tail++] = e;
        } else {
            drop(table, e);
        }
    }
    pending_shrink(table);
}

size_t
switch_table_pop(struct switch_table *table, unsigned int kinds, size_t max,
                 struct ovs_list *msgs)
{
    size_t n_kept = 0, n_msgs = 0;
    size_t i = table->head;

    while (i < table->tail && n_msgs < max) {
        struct switch_entry *e = table->pending[i++];
        enum switch_change need = needs(table, e);

        if (need == SWITCH_NONE) {
            drop(table, e);
        } else if (!(need & kinds)) {
            /* Of another kind: it stays. */
            table->pending[table->head + n_kept++] = e;
        } else {
            struct ofpbuf *msg = make_message(table, e, need);

            e->pending = false;
            if (msg) {
                ovs_list_push_back(msgs, &msg->list_node);
                n_msgs++;
            } else {
                switch_entry_gc(table, e);
            }
        }
    }
    if (n_kept) {
        memmove(&table->pending[i - n_kept], &table->pending[table->head],
                n_kept * sizeof *table->pending);
    }
    table->head = i - n_kept;
    pending_shrink(table);
    return n_msgs;
}

bool
switch_table_has_pending(const struct switch_table *table)
{
    return table->head < table->tail;
}

bool
switch_table_has_changes(struct switch_table *table)
{
    while (table->head < table->tail) {
        struct switch_entry *e = table->pending[table->head];

        if (needs(table, e) != SWITCH_NONE) {
            return true;
        }
        table->head++;
        drop(table, e);
    }
    pending_shrink(table);
    return false;
}

/* What becomes of messages. */

static void
format_entry(const struct switch_table *table, const struct switch_entry *e,
             struct ds *name, struct ds *content)
{
    ds_init(name);
    ds_init(content);
    table->class->format_name(e, name);
    table->class->format(e, content);
}

void
switch_table_settled(struct switch_table *table, uint32_t xid)
{
    while (xid_queue_is_settled(&table->in_flight, xid)) {
        struct switch_entry *e = in_flight_pop(table);

        if (e->again && !e->refused && !e->n_in_flight) {
            e->again = false;
            if (!VLOG_DROP_INFO(&rl)) {
                struct ds name, content;

                format_entry(table, e, &name, &content);
                VLOG_INFO("the switch now takes %s, which it had refused: %s",
                          ds_cstr(&name), ds_cstr(&content));
                ds_destroy(&name);
                ds_destroy(&content);
            }
        }
        switch_entry_gc(table, e);
    }
}

bool
switch_table_refused(struct switch_table *table, uint32_t xid,
                     enum ofperr error)
{
    struct switch_entry *e = xid_queue_find(&table->in_flight, xid);
    if (!e) {
        return false;
    }

    e->refused = true;
    retry_push(table, e);
    if (table->class->withdraw && !e->withdrawn) {
        e->stale = true;
        switch_entry_changed(table, e);
    }
    if (!e->again && !VLOG_DROP_WARN(&rl)) {
        struct ds name, content;

        format_entry(table, e, &name, &content);
        VLOG_WARN("the switch refuses %s (%s), which will be offered to it "
                  "again: %s", ds_cstr(&name), ofperr_to_string(error),
                  ds_cstr(&content));
        ds_destroy(&name);
        ds_destroy(&content);
    }
    return true;
}

void
switch_table_retry(struct switch_table *table)
{
    while (table->n_retry) {
        struct switch_entry *e = table->retry_list[--table->n_retry];

        e->on_retry_list = false;
        if (e->refused && table->class->wanted(e)) {
            e->retry = true;
            switch_entry_changed(table, e);
        } else {
            switch_entry_gc(table, e);
        }
    }
    free(table->retry_list);
    table->retry_list = NULL;
    table->allocated_retry = 0;
}

void
switch_table_reverted(struct switch_table *table)
{
    while (!xid_queue_is_empty(&table->in_flight)) {
        struct switch_entry *e = in_flight_pop(table);

        if (!e->refused) {
            table->class->forget(e);
            switch_entry_changed(table, e);
        } else if (e->withdrawn) {
            /* The withdrawal may be part of what was reverted. */
            e->withdrawn = false;
            e->stale = true;
            switch_entry_changed(table, e);
        } else {
            switch_entry_gc(table, e);
        }
    }
}

size_t
switch_table_memory(const struct switch_table *table)
{
    return (table->allocated_pending * sizeof *table->pending
            + table->allocated_retry * sizeof *table->retry_list
            + table->in_flight.allocated * sizeof *table->in_flight.nodes);
}

/* What has an id. */

void
switch_objects_destroy(struct switch_objects *objects)
{
    struct switch_object *obj;

    SWITCH_OBJECT_FOR_EACH_SAFE (obj, objects) {
        objects->table.class->free(&obj->entry);
    }
    hmap_destroy(&objects->by_id);
    hmap_init(&objects->by_id);
    switch_table_clear(&objects->table);
}

uint32_t
switch_object_first_id(uint32_t hash)
{
    uint32_t id = (hash & INT32_MAX) % INT32_MAX + 1;

    return id < SWITCH_OBJECT_MIN_ID ? id + SWITCH_OBJECT_MIN_ID : id;
}

uint32_t
switch_object_next_id(uint32_t id)
{
    return id < INT32_MAX ? id + 1 : SWITCH_OBJECT_MIN_ID;
}

struct switch_object *
switch_object_find(const struct switch_objects *objects, uint32_t id)
{
    struct switch_object *obj;

    HMAP_FOR_EACH_WITH_HASH (obj, id_node, hash_int(id, 0), &objects->by_id) {
        if (obj->id == id) {
            return obj;
        }
    }
    return NULL;
}

void
switch_object_insert(struct switch_objects *objects, struct switch_object *obj)
{
    hmap_insert(&objects->by_id, &obj->id_node, hash_int(obj->id, 0));
}

void
switch_object_remove(struct switch_objects *objects, struct switch_object *obj)
{
    hmap_remove(&objects->by_id, &obj->id_node);
}

bool
switch_object_wanted(const struct switch_entry *e)
{
    return switch_object_cast(e)->wanted;
}

void
switch_objects_dump_begin(struct switch_objects *objects)
{
    struct switch_object *obj;

    switch_table_dump_begin(&objects->table);
    SWITCH_OBJECT_FOR_EACH (obj, objects) {
        switch_entry_reset(&obj->entry);
    }
}

static void
object_changed(struct switch_objects *objects, struct switch_object *obj)
{
    switch_entry_changed(&objects->table, &obj->entry);
}

void
switch_objects_dump_end(struct switch_objects *objects)
{
    struct switch_object *obj;

    SWITCH_OBJECT_FOR_EACH (obj, objects) {
        object_changed(objects, obj);
    }
    switch_table_dump_end(&objects->table);
}

char *
switch_objects_list(const struct switch_objects *objects,
                    bool (*list)(const struct switch_object *))
{
    struct svec lines = SVEC_EMPTY_INITIALIZER;
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct switch_object *obj;

    SWITCH_OBJECT_FOR_EACH (obj, objects) {
        if (list(obj)) {
            ds_clear(&s);
            objects->table.class->format(&obj->entry, &s);
            ds_put_format(&s, ": %"PRIu32, obj->id);
            svec_add(&lines, ds_cstr(&s));
        }
    }
    svec_sort(&lines);

    ds_clear(&s);
    for (size_t i = 0; i < lines.n; i++) {
        ds_put_format(&s, "%s\n", lines.names[i]);
    }
    svec_destroy(&lines);
    return ds_steal_cstr(&s);
}
