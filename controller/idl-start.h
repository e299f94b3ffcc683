/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_IDL_START_H
#define CONTROLLER_IDL_START_H 1

/* The start of a database client
 * ==============================
 *
 * Our schemas have the tables and columns of all releases.  The IDL warns of
 * each that it is to monitor and that the server lacks, which is most useful
 * in a program that needs them, and only noise in one that does not.  It
 * cannot be told what a server has once it has asked the server.
 *
 * So something else asks first: a connection without an IDL, which is closed
 * as soon as it has brought the schema.  Columns that the server lacks are
 * "synthetic", the IDL's word for a column that only its client has, until the
 * IDL has its first snapshot.  From then on they are ordinary again, so that
 * they are monitored at once if the server's schema is converted to one that
 * has them.  A connection that is lost and comes back goes by the IDL alone:
 * what an older server lacks, it says then.
 *
 * Tables keep their columns in the IDL's class, which a program has once: it
 * may have one client of a class that starts like this. */

#include <stdbool.h>

struct json;
struct ovsdb_cs;
struct ovsdb_idl;
struct ovsdb_idl_class;

struct idl_start {
    struct ovsdb_idl *idl;
    const struct ovsdb_idl_class *class;
    struct ovsdb_cs *cs;        /* Asks; NULL from when it knows. */
    struct json *schema;        /* The answer. */
    char *remote;               /* What to connect to; NULL: to nothing. */
    bool pretending;            /* What the server lacks is synthetic. */
};

/* Initializes 'start' for 'idl', which is of 'class' and not connected to
 * anything.  It is to outlive 'start'. */
void idl_start_init(struct idl_start *, struct ovsdb_idl *idl,
                    const struct ovsdb_idl_class *class);
void idl_start_destroy(struct idl_start *);

/* Connects the IDL to 'remote', as ovsdb_idl_set_remote() does with retries,
 * if need be as soon as it is known what there is. */
void idl_start_set_remote(struct idl_start *, const char *remote);

/* The same as ovsdb_idl_set_probe_interval(), for both connections. */
void idl_start_set_probe_interval(const struct idl_start *, int probe_ms);

/* To be called whenever ovsdb_idl_run() has been, before anything reads from
 * the IDL, and before poll_block(). */
void idl_start_run(struct idl_start *);
void idl_start_wait(const struct idl_start *);

#endif /* controller/idl-start.h */
