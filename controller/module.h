/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_MODULE_H
#define CONTROLLER_MODULE_H 1

/* Modules of the controller
 * =========================
 *
 * The main loop knows the rest of the controller as an array of modules (see
 * ovn-controller.c), and a module as the hooks below.  A hook that a module
 * does not need is NULL.  To add a module is to add one row to the array.
 *
 * The array's order is that in which modules declare their cells, so a module
 * stands behind those whose cells it spawns units from or watches.  That is
 * the only thing that depends on it, apart from who fills in 'struct turn':
 * what has to happen before something else has a hook of its own.
 *
 * Once, at the start:
 *
 *   - init(): declares cells and units.
 *   - register_ovs(), register_sb(): say which columns of the local and of the
 *     southbound database the module needs.  The needs of all add up.
 *   - commands(): registers ovs-appctl commands.
 *
 * In each turn of the main loop:
 *
 *   - serve(): brings operators the answers that they wait for.  Also while
 *     the controller is paused.
 *   - run(): what needs no southbound database: finds the integration bridge,
 *     keeps connections alive, answers packets.
 *   - input(): the rest only while there are an integration bridge, a name for
 *     this chassis and a southbound database.  Brings cells up to date.
 *   - [the engine runs]
 *   - settle(): returns true if it has changed an input.  Then the engine runs
 *     again.
 *   - settled(): returns false if the module is still waiting for something
 *     that can change the outcome.  If nobody is, the snapshot is complete.
 *   - complete(): only in that case: now what is not wanted can be removed,
 *     and what depends on everything can be marked in the stream of OpenFlow
 *     messages with ofctrl_fence().
 *   - away(): instead of complete() while the southbound server is away, if
 *     the snapshot has been complete before: what happens on this chassis
 *     meanwhile goes by that.
 *   - commit(): writes into both databases and the switch, if the central is
 *     understood.  Nobody else does, as long as input() is to come: it would
 *     take for granted what may fail, and give a new row a UUID that it will
 *     never have.
 *   - wait(): registers with the poll loop, if the turn has come as far as the
 *     module's serve(), or else its run(), or else commit().  A hook may do so
 *     itself, for what no other hook would do in the next turn.
 *
 * And:
 *
 *   - memory(): adds to memory/show.
 *   - cleanup(): at a graceful exit, undoes what the module has written into
 *     the databases.  It is called until it returns true.
 *   - destroy(): frees what is left.  In reverse order, after the engine. */

#include <stdbool.h>

#include "openvswitch/uuid.h"

struct idl_columns;
struct inc_engine;
struct ovs_config;
struct ovsdb_idl;
struct ovsdb_idl_txn;
struct ovsrec_bridge;
struct simap;

/* What hooks see of a turn of the main loop. */
struct turn {
    struct ovsdb_idl *ovs_idl;
    struct ovsdb_idl *sb_idl;
    /* NULL while nothing can be written: one is in flight, or the database is
     * out of reach. */
    struct ovsdb_idl_txn *ovs_txn;
    struct ovsdb_idl_txn *sb_txn;
    const struct ovs_config *config;

    /* Filled in by run() of the module "br-int": NULL while there is none. */
    const struct ovsrec_bridge *br_int;
    char *target;               /* Its OpenFlow management socket. */

    /* Our Chassis row.  Zero until it is there for the first time; one that
     * is gone for the moment keeps its UUID.  input() of the module "chassis"
     * updates it. */
    struct uuid our_chassis;
    bool registered;            /* It is there now. */

    /* The southbound server does not answer, or has yet to be told what has
     * happened while it did not. */
    bool server_away;

    size_t n_units;             /* From settle() on: of the engine, that have
                                 * run in this turn. */

    /* From commit() on: what should be in the switch has been known in full,
     * and the engine has nothing left to do. */
    bool flows_known;
};

struct module {
    const char *name;
    bool introduces_us;         /* Its commit() is called even if the central
                                 * is not understood, see guard.h. */
    void (*init)(struct inc_engine *);
    void (*register_ovs)(struct idl_columns *);
    void (*register_sb)(struct idl_columns *);
    void (*commands)(void);

    void (*serve)(void);
    void (*run)(struct turn *);
    void (*input)(struct turn *);
    bool (*settle)(const struct turn *);
    bool (*settled)(const struct turn *);
    void (*complete)(const struct turn *);
    void (*away)(const struct turn *);
    void (*commit)(const struct turn *);
    void (*wait)(void);

    void (*memory)(struct simap *);
    bool (*cleanup)(const struct turn *);
    void (*destroy)(void);
};

#endif /* controller/module.h */
