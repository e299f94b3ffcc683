/* SPDX-License-Identifier: Apache-2.0 */

/* The rows of the Logical_Flow table; see trace-rows.h. */

#include <config.h>
#include "trace-rows.h"

#include <stdlib.h>
#include <string.h>

#include "jsonrpc.h"
#include "openvswitch/hmap.h"
#include "openvswitch/json.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "ovn-sb-idl.h"
#include "ovs-compat.h"
#include "ovsdb-cs.h"
#include "ovsdb-idl.h"
#include "util.h"
#include "uuid.h"

/* One of the operations of a transaction. */
struct operation {
    enum {
        SELECT_OWNER,           /* The rows of 'owner'. */
        SELECT_GROUPS,          /* Those of all datapath groups. */
        SELECT_ALL,             /* All rows, with their external_ids. */
        SELECT_IDS              /* The external_ids of 'row'. */
    } type;
    struct uuid owner;
    struct trace_row *row;
};

struct operations {
    struct operation *array;
    size_t n, allocated;
    struct json *json;          /* The parameters of the request, or NULL. */
};

struct trace_rows {
    struct ovsdb_idl *idl;      /* If they are monitored, otherwise: */
    struct ovsdb_cs *cs;
    bool fetch_ids;             /* Along with the rows. */

    struct hmap owners;         /* "struct trace_owner"s. */
    size_t n;

    struct operations next;     /* To be sent. */
    struct operations sent;     /* To be answered, if 'request' is nonnull. */
    struct json *request;       /* The ID of the request. */
    struct json **replies;      /* All of them: rows borrow from them. */
    size_t n_replies;
    char *error;
};

static struct trace_rows *
create(void)
{
    struct trace_rows *rows = xzalloc(sizeof *rows);

    hmap_init(&rows->owners);
    return rows;
}

struct trace_rows *
trace_rows_create_monitor(struct ovsdb_idl *idl)
{
    struct trace_rows *rows = create();

    rows->idl = idl;
    return rows;
}

/* Nothing is monitored on the connection for selections. */
static struct json *
monitor_nothing(const struct json *schema OVS_UNUSED, void *aux OVS_UNUSED)
{
    return json_object_create();
}

struct trace_rows *
trace_rows_create_select(const char *remote, bool leader_only)
{
    static const struct ovsdb_cs_ops ops = {
        .compose_monitor_requests = monitor_nothing,
    };
    struct trace_rows *rows = create();

    rows->cs = ovsdb_cs_create("OVN_Southbound", 3, &ops, NULL);
    ovsdb_cs_set_leader_only(rows->cs, leader_only);
    ovsdb_cs_set_remote(rows->cs, remote, false);
    return rows;
}

static void
clear_owners(struct trace_rows *rows)
{
    struct trace_owner *owner;

    HMAP_FOR_EACH_POP (owner, node, &rows->owners) {
        free(owner->rows);
        free(owner);
    }
    rows->n = 0;
}

static void
operations_clear(struct operations *ops)
{
    free(ops->array);
    json_destroy(ops->json);
    *ops = (struct operations) { .n = 0 };
}

void
trace_rows_destroy(struct trace_rows *rows)
{
    if (rows) {
        clear_owners(rows);
        hmap_destroy(&rows->owners);
        operations_clear(&rows->next);
        operations_clear(&rows->sent);
        json_destroy(rows->request);
        for (size_t i = 0; i < rows->n_replies; i++) {
            json_destroy(rows->replies[i]);
        }
        free(rows->replies);
        free(rows->error);
        ovsdb_cs_destroy(rows->cs);
        free(rows);
    }
}

bool
trace_rows_is_monitor(const struct trace_rows *rows)
{
    return !rows->cs;
}

/* Owners. */

static struct trace_owner *
find_owner(const struct trace_rows *rows, const struct uuid *uuid)
{
    struct trace_owner *owner;

    HMAP_FOR_EACH_WITH_HASH (owner, node, uuid_hash(uuid), &rows->owners) {
        if (uuid_equals(&owner->uuid, uuid)) {
            return owner;
        }
    }
    return NULL;
}

const struct trace_owner *
trace_rows_of(const struct trace_rows *rows, const struct uuid *uuid)
{
    return find_owner(rows, uuid);
}

size_t
trace_rows_count(const struct trace_rows *rows)
{
    return rows->n;
}

static struct trace_owner *
get_owner(struct trace_rows *rows, const struct uuid *uuid)
{
    struct trace_owner *owner = find_owner(rows, uuid);

    if (!owner) {
        owner = xzalloc(sizeof *owner);
        owner->uuid = *uuid;
        hmap_insert(&rows->owners, &owner->node, uuid_hash(uuid));
    }
    return owner;
}

static void
add_row(struct trace_rows *rows, const struct uuid *uuid,
        const struct trace_row *row)
{
    struct trace_owner *owner = get_owner(rows, uuid);

    if (owner->n >= owner->allocated) {
        owner->rows = x2nrealloc(owner->rows, &owner->allocated,
                                 sizeof *owner->rows);
    }
    owner->rows[owner->n++] = *row;
}

/* Rows that are monitored. */

void
trace_rows_refresh(struct trace_rows *rows)
{
    const struct sbrec_logical_flow *lf;

    clear_owners(rows);
    SBREC_LOGICAL_FLOW_FOR_EACH (lf, rows->idl) {
        const struct smap *ids = &lf->external_ids;
        const struct trace_row row = {
            .uuid = lf->header_.uuid,
            .pipeline = (!strcmp(lf->pipeline, "ingress")
                         ? OVN_P_INGRESS : OVN_P_EGRESS),
            .table = lf->table_id,
            .priority = lf->priority,
            .match = lf->match,
            .actions = lf->actions,
            .has_ids = true,
            .stage_name = smap_get(ids, "stage-name"),
            .source = smap_get(ids, "source"),
            .stage_hint = smap_get(ids, "stage-hint"),
        };

        rows->n++;
        /* One with both is the datapath's, as for the controller. */
        if (lf->logical_datapath) {
            add_row(rows, &lf->logical_datapath->header_.uuid, &row);
        } else if (lf->logical_dp_group) {
            add_row(rows, &lf->logical_dp_group->header_.uuid, &row);
        }
    }
}

/* Rows that are selected: asking. */

static struct json *
uuid_to_json(const struct uuid *uuid)
{
    return json_array_create_2(json_string_create("uuid"),
                               json_string_create_nocopy(
                                   xasprintf(UUID_FMT, UUID_ARGS(uuid))));
}

/* Adds 'op', which selects the 'n' 'columns' of the rows for which all of the
 * array of conditions 'where' (owned) are true. */
static void
add_operation(struct trace_rows *rows, const struct operation *op,
              struct json *where, const char *const columns[], size_t n)
{
    struct operations *ops = &rows->next;
    struct json *json = json_object_create();
    struct json *names = json_array_create_empty();

    for (size_t i = 0; i < n; i++) {
        json_array_add(names, json_string_create(columns[i]));
    }
    json_object_put_string(json, "op", "select");
    json_object_put_string(json, "table", "Logical_Flow");
    json_object_put(json, "where", where);
    json_object_put(json, "columns", names);

    if (!ops->json) {
        ops->json = json_array_create_1(json_string_create("OVN_Southbound"));
    }
    json_array_add(ops->json, json);
    if (ops->n >= ops->allocated) {
        ops->array = x2nrealloc(ops->array, &ops->allocated,
                                sizeof *ops->array);
    }
    ops->array[ops->n++] = *op;
}

/* Takes ownership of 'value'. */
static struct json *
condition(const char *column, const char *function, struct json *value)
{
    return json_array_create_3(json_string_create(column),
                               json_string_create(function), value);
}

static struct json *
empty_set(void)
{
    return json_array_create_2(json_string_create("set"),
                               json_array_create_empty());
}

/* Conditions for the rows that belong to a group.  'group' (owned) is what
 * logical_dp_group must compare to by 'function'. */
static struct json *
of_group(const char *function, struct json *group)
{
    /* A row with both is the datapath's. */
    return json_array_create_2(
        condition("logical_dp_group", function, group),
        condition("logical_datapath", "==", empty_set()));
}

/* Adds 'op', which selects the rows for which all of the array of conditions
 * 'where' (owned) are true. */
static void
select_rows(struct trace_rows *rows, const struct operation *op,
            struct json *where)
{
    const char *columns[16] = {
        "_uuid", "pipeline", "table_id", "priority", "match", "actions",
    };
    size_t n = 6;

    if (op->type != SELECT_OWNER) {
        columns[n++] = "logical_dp_group";
    }
    if (op->type == SELECT_ALL) {
        columns[n++] = "logical_datapath";
    }
    if (op->type == SELECT_ALL || rows->fetch_ids) {
        columns[n++] = "external_ids";
    }
    add_operation(rows, op, where, columns, n);
}

static void
fetch_owner(struct trace_rows *rows, const struct uuid *uuid,
            struct json *where)
{
    const struct operation op = { .type = SELECT_OWNER, .owner = *uuid };

    select_rows(rows, &op, where);
}

void
trace_rows_fetch_datapath(struct trace_rows *rows, const struct uuid *uuid)
{
    fetch_owner(rows, uuid,
                json_array_create_1(condition("logical_datapath", "==",
                                              uuid_to_json(uuid))));
}

/* The server goes through the whole table for each operation.  From about this
 * many on, it is less work to have it send the rows of all groups. */
#define MAX_GROUPS 20

void
trace_rows_fetch_groups(struct trace_rows *rows, const struct uuid *groups,
                        size_t n)
{
    size_t n_new = 0;

    for (size_t i = 0; i < n; i++) {
        n_new += !get_owner(rows, &groups[i])->is_complete;
    }
    if (n_new > MAX_GROUPS) {
        const struct operation op = { .type = SELECT_GROUPS };

        select_rows(rows, &op, of_group("!=", empty_set()));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct trace_owner *owner = get_owner(rows, &groups[i]);
        if (!owner->is_complete) {
            owner->is_complete = true;
            fetch_owner(rows, &groups[i],
                        of_group("==", uuid_to_json(&groups[i])));
        }
    }
}

void
trace_rows_fetch_all(struct trace_rows *rows)
{
    const struct operation op = { .type = SELECT_ALL };

    select_rows(rows, &op, json_array_create_empty());
}

void
trace_rows_fetch_ids(struct trace_rows *rows)
{
    rows->fetch_ids = true;
}

bool
trace_rows_has_ids(struct trace_rows *rows, struct trace_row *row)
{
    static const char *const columns[] = { "external_ids" };
    const struct operation op = { .type = SELECT_IDS, .row = row };

    if (row->has_ids) {
        return true;
    }
    for (size_t i = 0; i < rows->next.n; i++) {
        if (rows->next.array[i].row == row) {
            return false;
        }
    }
    add_operation(rows, &op,
                  json_array_create_1(condition("_uuid", "==",
                                                uuid_to_json(&row->uuid))),
                  columns, ARRAY_SIZE(columns));
    return false;
}

bool
trace_rows_is_waiting(const struct trace_rows *rows)
{
    return rows->cs && (rows->request || rows->next.n);
}

static bool
can_send(const struct trace_rows *rows)
{
    return (!rows->request && rows->next.n
            && ovsdb_cs_may_send_transaction(rows->cs));
}

static void
send_next(struct trace_rows *rows)
{
    if (can_send(rows)) {
        operations_clear(&rows->sent);
        rows->sent = rows->next;
        rows->next = (struct operations) { .n = 0 };

        struct json *json = rows->sent.json;
        rows->sent.json = NULL;
        rows->request = ovsdb_cs_send_transaction(rows->cs, json);
    }
}

/* Rows that are selected: answers. */

static const struct json *
get_member(const struct json *object, const char *name, enum json_type type)
{
    const struct json *json
        = (object->type == JSON_OBJECT
           ? shash_find_data(json_object(object), name) : NULL);

    return json && json->type == type ? json : NULL;
}

static const char *
get_string(const struct json *object, const char *name)
{
    const struct json *json = get_member(object, name, JSON_STRING);

    return json ? json_string(json) : NULL;
}

static long long int
get_integer(const struct json *object, const char *name)
{
    const struct json *json = get_member(object, name, JSON_INTEGER);

    return json ? json_integer(json) : 0;
}

/* ["uuid", "..."]; a reference that is empty is a set. */
static bool
get_uuid(const struct json *object, const char *name, struct uuid *uuid)
{
    const struct json *json = get_member(object, name, JSON_ARRAY);

    if (!json || ovs_json_array_size(json) != 2) {
        return false;
    }

    const struct json *id = ovs_json_array_at(json, 1);
    return (id->type == JSON_STRING
            && uuid_from_string(uuid, json_string(id)));
}

/* ["map", [["KEY", "VALUE"], ...]] */
static void
take_ids(const struct json *object, struct trace_row *row)
{
    const struct json *map = get_member(object, "external_ids", JSON_ARRAY);

    row->has_ids = true;
    if (!map || ovs_json_array_size(map) != 2
        || ovs_json_array_at(map, 1)->type != JSON_ARRAY) {
        return;
    }

    const struct json *pairs = ovs_json_array_at(map, 1);
    for (size_t i = 0; i < ovs_json_array_size(pairs); i++) {
        const struct json *pair = ovs_json_array_at(pairs, i);

        if (pair->type != JSON_ARRAY || ovs_json_array_size(pair) != 2
            || ovs_json_array_at(pair, 0)->type != JSON_STRING
            || ovs_json_array_at(pair, 1)->type != JSON_STRING) {
            continue;
        }
        const char *key = json_string(ovs_json_array_at(pair, 0));
        const char *value = json_string(ovs_json_array_at(pair, 1));
        if (!strcmp(key, "stage-name")) {
            row->stage_name = value;
        } else if (!strcmp(key, "source")) {
            row->source = value;
        } else if (!strcmp(key, "stage-hint")) {
            row->stage_hint = value;
        }
    }
}

static void
take_row(struct trace_rows *rows, const struct operation *op,
         const struct json *json)
{
    const char *pipeline = get_string(json, "pipeline");
    struct trace_row row = {
        .pipeline = (pipeline && !strcmp(pipeline, "ingress")
                     ? OVN_P_INGRESS : OVN_P_EGRESS),
        .table = get_integer(json, "table_id"),
        .priority = get_integer(json, "priority"),
        .match = get_string(json, "match"),
        .actions = get_string(json, "actions"),
    };
    struct uuid owner;

    if (!get_uuid(json, "_uuid", &row.uuid) || !row.match || !row.actions) {
        return;
    }
    if (shash_find(json_object(json), "external_ids")) {
        take_ids(json, &row);
    }
    rows->n++;
    switch (op->type) {
    case SELECT_OWNER:
        add_row(rows, &op->owner, &row);
        break;

    case SELECT_GROUPS:
        if (get_uuid(json, "logical_dp_group", &owner)
            && !get_owner(rows, &owner)->is_complete) {
            add_row(rows, &owner, &row);
        }
        break;

    case SELECT_ALL:
        if (get_uuid(json, "logical_datapath", &owner)
            || get_uuid(json, "logical_dp_group", &owner)) {
            add_row(rows, &owner, &row);
        }
        break;

    case SELECT_IDS:
    default:
        OVS_NOT_REACHED();
    }
}

static void
complete_groups(struct trace_rows *rows)
{
    struct trace_owner *owner;

    HMAP_FOR_EACH (owner, node, &rows->owners) {
        owner->is_complete = true;
    }
}

static void
take_result(struct trace_rows *rows, const struct operation *op,
            const struct json *result)
{
    const struct json *array = get_member(result, "rows", JSON_ARRAY);

    if (!array) {
        if (!rows->error) {
            const char *error = get_string(result, "error");
            rows->error = xasprintf("database refuses to be read (%s)",
                                    error ? error : "bad reply");
        }
    } else if (op->type == SELECT_IDS) {
        op->row->has_ids = true;
        if (ovs_json_array_size(array)) {
            take_ids(ovs_json_array_at(array, 0), op->row);
        }
    } else {
        for (size_t i = 0; i < ovs_json_array_size(array); i++) {
            take_row(rows, op, ovs_json_array_at(array, i));
        }
        if (op->type == SELECT_GROUPS) {
            complete_groups(rows);
        }
    }
}

static void
take_reply(struct trace_rows *rows, struct jsonrpc_msg *msg)
{
    struct json *result = msg->result;

    if (!rows->request || !msg->id || !json_equal(msg->id, rows->request)) {
        return;
    }
    json_destroy(rows->request);
    rows->request = NULL;
    if (msg->type != JSONRPC_REPLY || result->type != JSON_ARRAY
        || ovs_json_array_size(result) < rows->sent.n) {
        rows->error = xstrdup("database sends a bad reply");
        return;
    }

    msg->result = NULL;
    rows->replies = xrealloc(rows->replies, ((rows->n_replies + 1)
                                             * sizeof *rows->replies));
    rows->replies[rows->n_replies++] = result;
    for (size_t i = 0; i < rows->sent.n; i++) {
        take_result(rows, &rows->sent.array[i],
                    ovs_json_array_at(result, i));
    }
}

void
trace_rows_run(struct trace_rows *rows)
{
    struct ovs_list events = OVS_LIST_INITIALIZER(&events);
    struct ovsdb_cs_event *event;

    if (!rows->cs) {
        return;
    }
    ovsdb_cs_run(rows->cs, &events);
    LIST_FOR_EACH_POP (event, list_node, &events) {
        if (event->type == OVSDB_CS_EVENT_TYPE_TXN_REPLY) {
            take_reply(rows, event->txn_reply);
        }
        ovsdb_cs_event_destroy(event);
    }
    send_next(rows);
}

void
trace_rows_wait(struct trace_rows *rows)
{
    if (rows->cs) {
        ovsdb_cs_wait(rows->cs);
        if (can_send(rows)) {
            poll_immediate_wake();
        }
    }
}

char *
trace_rows_error(const struct trace_rows *rows)
{
    if (rows->error) {
        return xstrdup(rows->error);
    } else if (rows->cs && !ovsdb_cs_is_alive(rows->cs)) {
        return xasprintf("database connection failed (%s)",
                         ovs_retval_to_string(
                             ovsdb_cs_get_last_error(rows->cs)));
    }
    return NULL;
}
