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

void
switch_table_destroy(struct switch_table *table)
{
    struct switch_entry *e;

    SWITCH_ENTRY_FOR_EACH_SAFE (e, table) {
        switch_entry_remove(table, e);
        table->class->free(e);
    }
    hmap_destroy(&table->by_id);
    hmap_init(&table->by_id);
    xid_queue_clear(&table->in_flight);
    free(table->pending);
    table->pending = NULL;
    table->n_pending = table->allocated_pending = 0;
}

uint32_t
switch_entry_first_id(uint32_t hash)
{
    return (hash & INT32_MAX) % INT32_MAX + 1;
}

uint32_t
switch_entry_next_id(uint32_t id)
{
    return id < INT32_MAX ? id + 1 : 1;
}

struct switch_entry *
switch_entry_find(const struct switch_table *table, uint32_t id)
{
    struct switch_entry *e;

    HMAP_FOR_EACH_WITH_HASH (e, id_node, hash_int(id, 0), &table->by_id) {
        if (e->id == id) {
            return e;
        }
    }
    return NULL;
}

void
switch_entry_insert(struct switch_table *table, struct switch_entry *e)
{
    hmap_insert(&table->by_id, &e->id_node, hash_int(e->id, 0));
}

void
switch_entry_remove(struct switch_table *table, struct switch_entry *e)
{
    hmap_remove(&table->by_id, &e->id_node);
}

void
switch_entry_changed(struct switch_table *table, struct switch_entry *e)
{
    if (!e->pending) {
        if (table->n_pending >= table->allocated_pending) {
            table->pending = x2nrealloc(table->pending,
                                        &table->allocated_pending,
                                        sizeof *table->pending);
        }
        e->pending = true;
        table->pending[table->n_pending++] = e;
    }
}

void
switch_entry_gc(struct switch_table *table, struct switch_entry *e)
{
    e = e->owner ? e->owner : e;
    if (!e->wanted && !e->pending && !e->n_in_flight
        && !table->class->in_use(e)) {
        switch_entry_remove(table, e);
        table->class->free(e);
    }
}

static struct switch_entry *
in_flight_pop(struct switch_table *table)
{
    struct switch_entry *e = xid_queue_pop(&table->in_flight);

    e->n_in_flight--;
    return e;
}

/* Dumps. */

void
switch_table_dump_begin(struct switch_table *table)
{
    struct switch_entry *e;

    while (!xid_queue_is_empty(&table->in_flight)) {
        in_flight_pop(table);
    }
    SWITCH_ENTRY_FOR_EACH (e, table) {
        e->refused = e->retry = e->again = false;
    }
}

void
switch_table_dump_end(struct switch_table *table)
{
    struct switch_entry *e;

    SWITCH_ENTRY_FOR_EACH (e, table) {
        switch_entry_changed(table, e);
    }
}

/* Changes. */

static enum switch_change
needs(const struct switch_table *table, const struct switch_entry *e)
{
    enum switch_change need = table->class->need(e);

    return need == SWITCH_NONE && e->retry ? SWITCH_ADD : need;
}

/* Makes a message of kind 'change' for 'e' and notes that it is in flight. */
static struct ofpbuf *
make_message(struct switch_table *table, struct switch_entry *e,
             enum switch_change change)
{
    bool again = e->retry && table->class->need(e) == SWITCH_NONE;
    struct ofpbuf *msg = table->class->make(e, change);

    e->retry = false;
    if (msg) {
        const struct ofp_header *oh = msg->data;

        e->again = again;
        e->refused = false;
        e->n_in_flight++;
        xid_queue_push(&table->in_flight, ntohl(oh->xid), e);
    }
    return msg;
}

/* Takes from the list of pending changes those of kind 'change', and drops
 * those that are none. */
size_t
switch_table_pop(struct switch_table *table, enum switch_change change,
                 struct ovs_list *msgs)
{
    size_t n = table->n_pending, n_msgs = 0;

    table->n_pending = 0;
    for (size_t i = 0; i < n; i++) {
        struct switch_entry *e = table->pending[i];
        enum switch_change need = needs(table, e);

        if (need != SWITCH_NONE && need != change) {
            table->pending[table->n_pending++] = e;
            continue;
        }
        e->pending = false;

        struct ofpbuf *msg = (need == SWITCH_NONE ? NULL
                              : make_message(table, e, need));
        if (msg) {
            ovs_list_push_back(msgs, &msg->list_node);
            n_msgs++;
        } else {
            switch_entry_gc(table, e);
        }
    }
    return n_msgs;
}

bool
switch_table_has_changes(struct switch_table *table)
{
    switch_table_pop(table, SWITCH_NONE, NULL);
    return table->n_pending > 0;
}

void
switch_table_settled(struct switch_table *table, uint32_t xid)
{
    while (xid_queue_is_settled(&table->in_flight, xid)) {
        struct switch_entry *e = in_flight_pop(table);

        if (e->again && !e->refused && !e->n_in_flight) {
            e->again = false;
            VLOG_INFO_RL(&rl, "the switch now takes %s %"PRIu32", which it "
                         "had refused", table->class->name, e->id);
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
    if (!e->again && !VLOG_DROP_WARN(&rl)) {
        struct ds s = DS_EMPTY_INITIALIZER;

        table->class->format(e, &s);
        VLOG_WARN("the switch refuses %s %"PRIu32" (%s), which will be "
                  "offered to it again: %s", table->class->name, e->id,
                  ofperr_to_string(error), ds_cstr(&s));
        ds_destroy(&s);
    }
    return true;
}

void
switch_table_retry(struct switch_table *table)
{
    struct switch_entry *e;

    SWITCH_ENTRY_FOR_EACH (e, table) {
        if (e->refused && e->wanted) {
            e->retry = true;
            switch_entry_changed(table, e);
        }
    }
}

void
switch_table_reverted(struct switch_table *table)
{
    while (!xid_queue_is_empty(&table->in_flight)) {
        struct switch_entry *e = in_flight_pop(table);

        if (!e->refused) {
            table->class->forget(e);
            switch_entry_changed(table, e);
        } else {
            switch_entry_gc(table, e);
        }
    }
}

/* Looking inside. */

char *
switch_table_list(const struct switch_table *table,
                  bool (*list)(const struct switch_entry *))
{
    struct svec lines = SVEC_EMPTY_INITIALIZER;
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct switch_entry *e;

    SWITCH_ENTRY_FOR_EACH (e, table) {
        if (list(e)) {
            ds_clear(&s);
            table->class->format(e, &s);
            ds_put_format(&s, ": %"PRIu32, e->id);
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
