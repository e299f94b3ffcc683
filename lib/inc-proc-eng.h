/* SPDX-License-Identifier: Apache-2.0 */

#ifndef INC_PROC_ENG_H
#define INC_PROC_ENG_H 1

/* Incremental processing engine
 * =============================
 *
 * What?
 * -----
 *
 * Recomputes what has changed, and nothing else, without anybody having to
 * list what depends on what.
 *
 * A "cell" is one named input or derived fact.  A cell belongs to a "kind",
 * e.g. "port-binding", and has a key within it, e.g. "lsp1".  Its value lives
 * in the engine and is immutable; it is replaced, never modified.
 *
 * A "unit" is one derived computation, e.g. one logical flow.  While its
 * run() function runs, it reads cells with inc_read(), and the engine records
 * each read.  When a cell that it has read changes, appears or disappears,
 * the unit is dirty.
 *
 * A "stage" orders them.  A unit reads cells of earlier stages only, and
 * writes cells of its own stage only; the engine asserts both.  inc_run()
 * drains the dirty units stage by stage, hence runs each at most once.
 *
 * The one unusual goal is that a computation cannot depend on an input
 * without being subscribed to it.  This is why values live in the engine: a
 * run() function gets nothing but its unit, and only inc_read(unit, ...)
 * turns a name into a value.
 *
 * Outputs
 * -------
 *
 * A unit's outputs are what it passes to inc_write() and inc_insert() during
 * one run.  What it had put out the run before, and does not again, is
 * withdrawn.  A cell whose new value equals its old one (the kind's equal())
 * has not changed: its readers stay clean ("early cut-off").
 *
 * A kind's cells hold either a value, with at most one writer a cell (should
 * there be several, that with the smallest key wins, and a warning says so),
 * or a set of keys ("set kind"), into which any number of units and inputs
 * insert members; a member is in the set as long as at least one of them holds
 * it there.  All inputs together count as one holder.
 *
 * Updates
 * -------
 *
 * A unit that reads a large set need not start over when a member comes or
 * goes.  If the set's kind keeps its changes, and the unit's class has an
 * update() function, then that is called in place of run() as long as nothing
 * else has changed of what the unit has read.  It learns which members came
 * and went.  What the unit has read and put out before stays; what update()
 * reads and puts out is added to it.
 *
 * Effects on the world outside (a database row, a message to the switch)
 * are not made by units.  A kind may have a "watcher", which the engine tells
 * of each cell that changed.
 *
 * Units come into being by themselves: inc_kind_spawn() says that there is
 * one unit of a class for each cell of a kind, with the same key.  Such a unit
 * belongs to a later stage than its cell.
 *
 * Recompute
 * ---------
 *
 * inc_recompute() marks every unit dirty and does nothing else.  It must
 * change no output.
 *
 * Cost
 * ----
 *
 * 16 bytes a dependency; O(1) to record or drop one; a change costs as many
 * runs as there are readers.
 *
 * Thread-safety: an engine belongs to one thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "openvswitch/uuid.h"

struct ds;
struct inc_engine;
struct inc_kind;
struct inc_unit;
struct simap;

/* Keys: any bytes.  Borrowed wherever they are passed; copied if kept. */
struct inc_key {
    const void *data;
    size_t len;
};
static inline struct inc_key
inc_key_string(const char *s)
{
    return (struct inc_key) { s, strlen(s) + 1 }; /* Includes the null. */
}
static inline struct inc_key
inc_key_uuid(const struct uuid *uuid)
{
    return (struct inc_key) { uuid, sizeof *uuid };
}
static inline struct inc_key
inc_key_u64(const uint64_t *u64)
{
    return (struct inc_key) { u64, sizeof *u64 };
}
/* The key of a kind that has a single cell. */
#define INC_KEY_ONLY ((struct inc_key) { "", 1 })

enum inc_key_type { INC_KEY_STRING, INC_KEY_UUID, INC_KEY_U64, INC_KEY_OTHER };

struct inc_kind_class {
    const char *name;           /* "port-binding" */
    int stage;
    enum inc_key_type key_type; /* For printing. */
    bool is_set;                /* 'equal' and 'destroy' are NULL then. */
    bool keeps_changes;         /* For a set: for update(). */
    /* NULL: equal only if they are one, for values that are not owned. */
    bool (*equal)(const void *a, const void *b);
    void (*destroy)(void *value); /* NULL: values are not owned. */
};

/* The value of a cell that says no more than that it is there.  Its kind needs
 * neither 'equal' nor 'destroy'. */
extern char inc_there[];

/* For 'equal', if values are null-terminated strings, or UUIDs. */
bool inc_strings_equal(const void *a, const void *b);
bool inc_uuids_equal(const void *a, const void *b);
/* For 'equal' and 'destroy', if they are of type "struct smap". */
bool inc_smaps_equal(const void *a, const void *b);
void inc_smap_destroy(void *smap);

struct inc_unit_class {
    const char *name;           /* "lflow" */
    int stage;
    void (*run)(struct inc_unit *, void *aux);
    /* Does what run() would, knowing that nothing has changed since then but
     * members of sets whose kinds keep their changes.  Or returns false,
     * whatever it has done, and run() is called.  May be NULL. */
    bool (*update)(struct inc_unit *, void *aux);
    /* The unit goes away; withdraws what run() did outside of the engine's
     * cells (flows, for a unit of the flow stage).  Not called for a unit that
     * has never run.  It may use the unit's key and data, and inc_peek*(), but
     * not read cells.  May be NULL. */
    void (*removed)(struct inc_unit *, void *aux);
};

struct inc_engine *inc_engine_create(int n_stages);
/* Removes all units and cells. */
void inc_engine_destroy(struct inc_engine *);

/* Declaring.  The class structs must outlive the engine. */
struct inc_kind *inc_kind_declare(struct inc_engine *,
                                  const struct inc_kind_class *);
/* For each cell of 'kind' that has a value (a nonempty set), one unit of
 * 'class' with its key.  A kind may spawn several classes. */
void inc_kind_spawn(struct inc_kind *kind, const struct inc_unit_class *class,
                    void *aux);
/* 'changed' is told of each change of a cell's value, once it is final for
 * the current inc_run() ('old' or 'new' is NULL if the cell appears or
 * disappears; for a set kind both are NULL, read it with inc_peek_set()).
 * It must not call back into the engine except for inc_peek*().  A kind may
 * have several watchers. */
void inc_kind_watch(struct inc_kind *kind,
                    void (*changed)(struct inc_key, const void *old,
                                    const void *new, void *aux), void *aux);

/* Inputs: between runs only, for kinds that no unit writes.
 *
 * inc_set() takes ownership of 'value'; NULL removes the cell. */
void inc_set(struct inc_kind *, struct inc_key, void *value);
void inc_set_insert(struct inc_kind *, struct inc_key, struct inc_key member);
void inc_set_remove(struct inc_kind *, struct inc_key, struct inc_key member);

/* Units.  Normally spawned; by hand for units of which there is but one. */
struct inc_unit *inc_unit_add(struct inc_engine *,
                              const struct inc_unit_class *, struct inc_key,
                              void *aux);
void inc_unit_remove(struct inc_unit *);
struct inc_key inc_unit_key(const struct inc_unit *);
/* A pointer for the owner of the unit's class, initially NULL. */
void **inc_unit_data(struct inc_unit *);

/* From within run(): notes that the unit says something, of which 'hash' is a
 * hash.  Returns false if this run or the one before has said it. */
bool inc_unit_is_news(struct inc_unit *, uint32_t hash);

/* From within run().
 *
 * inc_read() returns the cell's value or NULL.  It stays valid until the
 * unit's run() returns. */
const void *inc_read(struct inc_unit *, struct inc_kind *, struct inc_key);
void inc_write(struct inc_unit *, struct inc_kind *, struct inc_key,
               void *value);    /* Takes ownership. */

/* Sets.  Members come in the order of their bytes. */
struct inc_set;
const struct inc_set *inc_read_set(struct inc_unit *, struct inc_kind *,
                                   struct inc_key); /* Never NULL. */
void inc_insert(struct inc_unit *, struct inc_kind *, struct inc_key,
                struct inc_key member);
size_t inc_set_count(const struct inc_set *);
struct inc_key inc_set_at(const struct inc_set *, size_t i);
bool inc_set_contains(const struct inc_set *, struct inc_key member);
/* From within update(): which members came and went, in no order. */
size_t inc_set_n_came(const struct inc_set *);
struct inc_key inc_set_came_at(const struct inc_set *, size_t i);
size_t inc_set_n_gone(const struct inc_set *);
struct inc_key inc_set_gone_at(const struct inc_set *, size_t i);

/* Looking in from outside of units: effects, appctl commands, tests.  Not to
 * be called from within run(), which is asserted. */
const void *inc_peek(const struct inc_kind *, struct inc_key);
const struct inc_set *inc_peek_set(const struct inc_kind *, struct inc_key);
void inc_kind_for_each(const struct inc_kind *,
                       void (*cb)(struct inc_key, const void *value,
                                  void *aux), void *aux);

/* Running.  Drains stages 0...'last_stage' (inclusive); units of later stages
 * stay dirty.  Returns the number of units that ran. */
size_t inc_run(struct inc_engine *, int last_stage);
bool inc_is_dirty(const struct inc_engine *, int last_stage);
void inc_recompute(struct inc_engine *);

/* inc-engine/show-stats, /clear-stats, /recompute, and /why CLASS KEY, which
 * lists the cells that a unit has read. */
void inc_engine_register_commands(struct inc_engine *);
/* Adds the numbers of cells, units and dependencies, for memory/show. */
void inc_engine_get_memory_usage(const struct inc_engine *, struct simap *);

#endif /* lib/inc-proc-eng.h */
