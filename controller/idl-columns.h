/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_IDL_COLUMNS_H
#define CONTROLLER_IDL_COLUMNS_H 1

/* What all modules need of a database, put together
 * =================================================
 *
 * A database client registers each column that it uses.  The IDL's own
 * functions for that overwrite what was registered before: a module that
 * registers a column for reading ends the tracking that another module relies
 * on.  Here each module says what it needs, needs only add up, and
 * idl_columns_apply() registers the sum.  So the order cannot matter. */

#include <stddef.h>

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"

struct ovsdb_idl;
struct ovsdb_idl_column;
struct ovsdb_idl_index;

enum idl_use {
    IDL_WRITE = 0,              /* Known, but no reason to wake up. */
    IDL_READ = 1 << 0,          /* The client wakes up when it changes. */
    IDL_TRACK = 1 << 1 | IDL_READ, /* And its changes are tracked. */
};

struct idl_columns {
    struct ovsdb_idl *idl;      /* For indexes and conditions. */
    struct hmap uses;           /* Contains "struct column_use"s. */
    struct ovs_list indexes;    /* Contains "struct index_request"s. */
};

void idl_columns_init(struct idl_columns *, struct ovsdb_idl *);
void idl_columns_destroy(struct idl_columns *);

/* 'column' is needed for 'use'. */
void idl_columns_add(struct idl_columns *, const struct ovsdb_idl_column *,
                     enum idl_use use);
/* The same for 'n' columns. */
void idl_columns_add_all(struct idl_columns *,
                         const struct ovsdb_idl_column *const columns[],
                         size_t n, enum idl_use use);

/* An index over 'a', and 'b' if that is not NULL, is needed, and so are the
 * columns.  idl_columns_apply() sets '*indexp'. */
void idl_columns_add_index(struct idl_columns *,
                           struct ovsdb_idl_index **indexp,
                           const struct ovsdb_idl_column *a,
                           const struct ovsdb_idl_column *b);

/* Registers the sum of all needs.  Before the IDL runs for the first time. */
void idl_columns_apply(const struct idl_columns *);

#endif /* controller/idl-columns.h */
