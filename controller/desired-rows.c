/* SPDX-License-Identifier: Apache-2.0 */

/* Rows that we write, as desired values; see desired-rows.h. */

#include <config.h>

#include "desired-rows.h"

#include "idl-row.h"
#include "ovsdb-idl-provider.h"
#include "ovsdb-idl.h"
#include "util.h"
#include "uuid.h"

struct desired {
    struct hmap_node value_node; /* In 'values'. */
    struct hmap_node doubt_node; /* In 'doubted', if 'is_doubted'. */
    struct uuid row;
    void *value;
    bool is_doubted;
};

static struct desired *
desired_find(const struct desired_rows *rows, const struct uuid *row)
{
    struct desired *d;

    HMAP_FOR_EACH_WITH_HASH (d, value_node, uuid_hash(row), &rows->values) {
        if (uuid_equals(&d->row, row)) {
            return d;
        }
    }
    return NULL;
}

static void
doubt(struct desired_rows *rows, struct desired *d)
{
    if (!d->is_doubted) {
        d->is_doubted = true;
        hmap_insert(&rows->doubted, &d->doubt_node, uuid_hash(&d->row));
    }
}

static void
believe(struct desired_rows *rows, struct desired *d)
{
    if (d->is_doubted) {
        d->is_doubted = false;
        hmap_remove(&rows->doubted, &d->doubt_node);
    }
}

static void
desired_destroy(struct desired_rows *rows, struct desired *d)
{
    believe(rows, d);
    hmap_remove(&rows->values, &d->value_node);
    rows->class->destroy(d->value);
    free(d);
}

void
desired_rows_destroy(struct desired_rows *rows)
{
    struct desired *d;

    HMAP_FOR_EACH_SAFE (d, value_node, &rows->values) {
        desired_destroy(rows, d);
    }
    hmap_destroy(&rows->values);
    hmap_destroy(&rows->doubted);
}

void
desired_rows_set(struct desired_rows *rows, const struct uuid *row,
                 void *value)
{
    struct desired *d = desired_find(rows, row);

    if (!value) {
        if (d) {
            desired_destroy(rows, d);
        }
        return;
    }
    if (d) {
        rows->class->destroy(d->value);
    } else {
        d = xzalloc(sizeof *d);
        d->row = *row;
        hmap_insert(&rows->values, &d->value_node, uuid_hash(row));
    }
    d->value = value;
    doubt(rows, d);
}

void *
desired_rows_get(const struct desired_rows *rows, const struct uuid *row)
{
    const struct desired *d = desired_find(rows, row);

    return d ? d->value : NULL;
}

void
desired_rows_doubt(struct desired_rows *rows, const struct uuid *row)
{
    struct desired *d = desired_find(rows, row);

    if (d) {
        doubt(rows, d);
    }
}

void
desired_rows_commit(struct desired_rows *rows, struct ovsdb_idl *idl,
                    struct ovsdb_idl_txn *txn)
{
    const struct ovsdb_idl_table_class *table = rows->class->table;
    const struct ovsdb_idl_row *row;
    struct desired *d;

    for (row = ovsdb_idl_track_get_first(idl, table); row;
         row = ovsdb_idl_track_get_next(row)) {
        desired_rows_doubt(rows, &row->uuid);
    }
    if (!txn) {
        return;
    }
    HMAP_FOR_EACH_SAFE (d, doubt_node, &rows->doubted) {
        row = ovsdb_idl_get_row_for_uuid(idl, table, &d->row);

        switch (row && idl_row_exists(row)
                ? rows->class->agree(row, d->value, idl) : DESIRED_DONE) {
        case DESIRED_DIFFERS:
            break;
        case DESIRED_AGREES:
            believe(rows, d);
            break;
        case DESIRED_DONE:
            desired_destroy(rows, d);
            break;
        }
    }
}
