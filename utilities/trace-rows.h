/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRACE_ROWS_H
#define TRACE_ROWS_H 1

/* The rows of the Logical_Flow table
 * ==================================
 *
 * This is nearly all of a southbound database.  Nobody needs all of it to
 * trace a packet, and to monitor even parts of it is expensive, because a
 * server makes a copy of the whole table for each one who begins to.  There
 * are two ways to get the rows that are needed:
 *
 *   - A daemon lives long and has to see changes: it monitors, for the
 *     datapaths that it has been asked about.
 *
 *   - A single trace selects the rows of a datapath once, on a connection of
 *     its own, and without external_ids, which are a third of what there is.
 *     They are asked for later, for those few rows that a packet took.
 *
 * Rows belong to an owner, which is a datapath or a datapath group. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/hmap.h"
#include "openvswitch/uuid.h"
#include "ovn/actions.h"

struct ovsdb_idl;

struct trace_row {
    struct uuid uuid;
    enum ovn_pipeline pipeline;
    uint8_t table;
    uint16_t priority;
    const char *match;          /* Borrowed, as all strings here, from where
                                 * the row was read from. */
    const char *actions;

    bool is_derived;            /* Not in the database: of a distributed load
                                 * balancer on a router. */
    bool has_ids;               /* Whether these are known yet: */
    const char *stage_name;     /* NULL if it has none. */
    const char *source;
    const char *stage_hint;
};

/* The rows of one owner. */
struct trace_owner {
    struct hmap_node node;
    struct uuid uuid;
    struct trace_row *rows;
    size_t n, allocated;
    bool is_complete;           /* Its rows have been selected. */
};

struct trace_rows;

/* Rows that are in 'idl', whoever sets its conditions. */
struct trace_rows *trace_rows_create_monitor(struct ovsdb_idl *idl);
/* Rows that are selected from the database at 'remote'. */
struct trace_rows *trace_rows_create_select(const char *remote,
                                            bool leader_only);
void trace_rows_destroy(struct trace_rows *);

bool trace_rows_is_monitor(const struct trace_rows *);

/* Takes what the IDL has now.  All owners and rows from before are gone. */
void trace_rows_refresh(struct trace_rows *);

/* For rows that are selected.  What has been asked for is there once
 * trace_rows_is_waiting() is false. */
void trace_rows_run(struct trace_rows *);
void trace_rows_wait(struct trace_rows *);
char *trace_rows_error(const struct trace_rows *); /* The caller frees. */
void trace_rows_fetch_datapath(struct trace_rows *, const struct uuid *);
void trace_rows_fetch_groups(struct trace_rows *, const struct uuid *,
                             size_t n);
void trace_rows_fetch_all(struct trace_rows *);
/* From now on, external_ids are fetched along with the rest. */
void trace_rows_fetch_ids(struct trace_rows *);
bool trace_rows_is_waiting(const struct trace_rows *);

/* The rows of owner 'uuid', or NULL if there are none. */
const struct trace_owner *trace_rows_of(const struct trace_rows *,
                                        const struct uuid *);
/* How many rows there are, of all owners. */
size_t trace_rows_count(const struct trace_rows *);
/* Returns 'row->has_ids'.  If it is false, the IDs are to be fetched. */
bool trace_rows_has_ids(struct trace_rows *, struct trace_row *row);

#endif /* utilities/trace-rows.h */
