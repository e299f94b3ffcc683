/* SPDX-License-Identifier: Apache-2.0 */

/* See idl-start.h. */

#include <config.h>

#include "idl-start.h"

#include <stdlib.h>

#include "openvswitch/json.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "ovsdb-cs.h"
#include "ovsdb-idl-provider.h"
#include "ovsdb-idl.h"
#include "util.h"

/* The newest method to monitor: "monitor_cond_since". */
#define MONITOR_VERSION 3

/* Keeps what the server has, and monitors nothing. */
static struct json *
keep_schema(const struct json *schema, void *start_)
{
    struct idl_start *start = start_;

    json_destroy(start->schema);
    start->schema = json_clone(schema);
    return json_object_create();
}

static const struct ovsdb_cs_ops cs_ops = {
    .compose_monitor_requests = keep_schema,
};

void
idl_start_init(struct idl_start *start, struct ovsdb_idl *idl,
               const struct ovsdb_idl_class *class)
{
    *start = (struct idl_start) { .idl = idl, .class = class };
    start->cs = ovsdb_cs_create(class->database, MONITOR_VERSION, &cs_ops,
                                start);
    /* The schema is the same on all members of a cluster. */
    ovsdb_cs_set_leader_only(start->cs, false);
}

static void
stop_asking(struct idl_start *start)
{
    ovsdb_cs_destroy(start->cs);
    start->cs = NULL;
    json_destroy(start->schema);
    start->schema = NULL;
}

/* A schema is RFC 7047's <database-schema> (3.2), as the server has sent it:
 * the library has functions to parse one, which differ from release to
 * release. */
static const struct json *
find_member(const struct json *json, const char *name)
{
    return (json && json->type == JSON_OBJECT
            ? shash_find_data(json_object(json), name) : NULL);
}

/* Nothing is monitored of a table whose columns are all synthetic. */
static void
pretend(struct idl_start *start)
{
    const struct json *tables = find_member(start->schema, "tables");

    if (!tables) {
        return;
    }
    for (size_t i = 0; i < start->class->n_tables; i++) {
        const struct ovsdb_idl_table_class *tc = &start->class->tables[i];
        const struct json *has = find_member(find_member(tables, tc->name),
                                             "columns");

        for (size_t j = 0; j < tc->n_columns; j++) {
            CONST_CAST(struct ovsdb_idl_column *, &tc->columns[j])
                ->is_synthetic = !find_member(has, tc->columns[j].name);
        }
    }
    start->pretending = true;
}

/* Returns true if the server has a column after all, as it was converted or
 * is another one. */
static bool
stop_pretending(struct idl_start *start)
{
    bool surprised = false;

    for (size_t i = 0; i < start->class->n_tables; i++) {
        const struct ovsdb_idl_table_class *tc = &start->class->tables[i];

        for (size_t j = 0; j < tc->n_columns; j++) {
            struct ovsdb_idl_column *column
                = CONST_CAST(struct ovsdb_idl_column *, &tc->columns[j]);

            surprised |= (column->is_synthetic
                          && ovsdb_idl_server_has_column(start->idl, column));
            column->is_synthetic = false;
        }
    }
    start->pretending = false;
    return surprised;
}

void
idl_start_destroy(struct idl_start *start)
{
    stop_asking(start);
    if (start->pretending) {
        stop_pretending(start);
    }
    free(start->remote);
}

void
idl_start_set_remote(struct idl_start *start, const char *remote)
{
    free(start->remote);
    start->remote = nullable_xstrdup(remote);
    if (start->cs) {
        ovsdb_cs_set_remote(start->cs, remote, true);
    } else {
        ovsdb_idl_set_remote(start->idl, remote, true);
    }
}

void
idl_start_set_probe_interval(const struct idl_start *start, int probe_ms)
{
    if (start->cs) {
        ovsdb_cs_set_probe_interval(start->cs, probe_ms);
    }
    ovsdb_idl_set_probe_interval(start->idl, probe_ms);
}

/* Runs the connection that asks.  Returns true if it has been answered. */
static bool
ask(struct idl_start *start)
{
    struct ovsdb_cs_event *event;
    struct ovs_list events;

    ovsdb_cs_run(start->cs, &events);
    LIST_FOR_EACH_POP (event, list_node, &events) {
        ovsdb_cs_event_destroy(event);
    }

    /* Not before the server has nothing to say any more, or it would complain
     * that nobody listens. */
    return start->schema && ovsdb_cs_may_send_transaction(start->cs);
}

void
idl_start_run(struct idl_start *start)
{
    if (start->cs) {
        if (ask(start)) {
            pretend(start);
            stop_asking(start);
            ovsdb_idl_set_remote(start->idl, start->remote, true);
            poll_immediate_wake();
        }
    } else if (start->pretending && ovsdb_idl_has_ever_connected(start->idl)) {
        if (stop_pretending(start)) {
            ovsdb_idl_force_reconnect(start->idl);
        }
    }
}

void
idl_start_wait(const struct idl_start *start)
{
    if (start->cs) {
        ovsdb_cs_wait(start->cs);
    }
}
