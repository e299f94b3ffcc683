/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_DESIRED_ROWS_H
#define CONTROLLER_DESIRED_ROWS_H 1

/* What we write: desired rows
 * ===========================
 *
 * Columns and rows of both databases that are ours are not written when
 * something happens, but whenever they are not what they should be.  What they
 * should be is a desired value, which stands until it is replaced:
 *
 *     desired value ---+
 *                      +--> agree(): compares, and writes what differs
 *     row as it is ----+
 *
 * A row is doubted when its desired value changes or when the row does,
 * whoever has changed it.  As long as it is doubted, agree() looks at it each
 * time that a transaction can be made; only when it finds nothing to write,
 * the doubt is over.  Thus nothing has to be known about what became of a
 * transaction, and it does not matter who else has written in between.  A row
 * that nobody doubts costs nothing.
 *
 * One table of desired values belongs to one writer, which keys it by the
 * UUIDs of the rows.  What should be of a row is forgotten with the row. */

#include <stdbool.h>

#include "openvswitch/hmap.h"
#include "openvswitch/uuid.h"

struct ovsdb_idl;
struct ovsdb_idl_row;
struct ovsdb_idl_table_class;
struct ovsdb_idl_txn;

enum desired_state {
    DESIRED_DIFFERS,            /* Look again. */
    DESIRED_AGREES,             /* Until the row or the value changes. */
    DESIRED_DONE,               /* And from now on the row may change. */
};

struct desired_class {
    const struct ovsdb_idl_table_class *table;
    /* Writes whatever of 'row' differs from 'value'.  Must look only at
     * columns that are tracked.  May leave something for the next time. */
    enum desired_state (*agree)(const struct ovsdb_idl_row *row, void *value,
                                struct ovsdb_idl *);
    void (*destroy)(void *value);
};

struct desired_rows {
    const struct desired_class *class;
    struct hmap values;         /* Of "struct desired", by UUID. */
    struct hmap doubted;        /* The same, those in doubt. */
};

#define DESIRED_ROWS_INITIALIZER(ROWS, CLASS) {                 \
        .class = CLASS,                                         \
        .values = HMAP_INITIALIZER(&(ROWS)->values),            \
        .doubted = HMAP_INITIALIZER(&(ROWS)->doubted),          \
    }

void desired_rows_destroy(struct desired_rows *);

/* Takes ownership of 'value'; NULL: what the row says is not ours any more. */
void desired_rows_set(struct desired_rows *, const struct uuid *row,
                      void *value);
void *desired_rows_get(const struct desired_rows *, const struct uuid *row);
/* Something else that agree() looks at has changed. */
void desired_rows_doubt(struct desired_rows *, const struct uuid *row);

/* Doubts the rows that 'idl' reports as changed, and then has agree() look at
 * those in doubt, if there is a transaction.  To be called in each turn of the
 * loop, before the tracked changes are cleared. */
void desired_rows_commit(struct desired_rows *, struct ovsdb_idl *idl,
                         struct ovsdb_idl_txn *);

#endif /* controller/desired-rows.h */
