/* SPDX-License-Identifier: Apache-2.0 */

/* How it works
 * ============
 *
 * Dependencies
 * ------------
 *
 * Cells and units have 32-bit numbers.  A dependency is recorded twice: in
 * the unit, as (cell, place in the cell's array of readers), and in the cell,
 * as (unit, place in the unit's array of reads).  Either end can thus be
 * taken out by moving the array's last element into the hole, without a
 * search.
 *
 * A unit that runs again mostly reads the same cells in the same order.  So
 * its former reads are kept and compared with one by one, and only from the
 * first difference on are they dropped and recorded anew.
 *
 * Change
 * ------
 *
 * The cells of a stage are compared with what they were only when all of the
 * stage's units have run, because a cell (or a member of a set) may pass from
 * one unit to another.  Until then, a cell that has been touched is on its
 * stage's list of pending cells, together with its old value.  Only then are
 * readers marked, units spawned and removed, and watchers told.  All of those
 * belong to later stages, so that one pass over the stages is enough.
 *
 * Order
 * -----
 *
 * Units run in the order in which they became dirty, which follows from the
 * order of the inputs' changes, never from addresses or hash values. */

#include <config.h>

#include "inc-proc-eng-private.h"

#include <inttypes.h>
#include <stdlib.h>

#include "coverage.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(inc_proc_eng);

/* Until inc-engine/compute-log-timeout says otherwise. */
#define DEFAULT_LOG_MSEC 500

COVERAGE_DEFINE(inc_cell_changed);
COVERAGE_DEFINE(inc_cell_unchanged);
COVERAGE_DEFINE(inc_unit_run);
COVERAGE_DEFINE(inc_unit_update);

static const struct inc_set empty_set;
static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

/* Numbers. */

static uint32_t
id_table_add(struct id_table *t, void *item)
{
    uint32_t id;
    if (t->n_free) {
        id = t->free[--t->n_free];
    } else {
        if (t->n >= t->allocated) {
            t->items = x2nrealloc(t->items, &t->allocated, sizeof *t->items);
        }
        id = t->n++;
        ovs_assert(id < NONE);
    }
    t->items[id] = item;
    return id;
}

static void
id_table_remove(struct id_table *t, uint32_t id)
{
    t->items[id] = NULL;
    if (t->n_free >= t->allocated_free) {
        t->free = x2nrealloc(t->free, &t->allocated_free, sizeof *t->free);
    }
    t->free[t->n_free++] = id;
}

static void
id_table_destroy(struct id_table *t)
{
    free(t->items);
    free(t->free);
}

/* Cells. */

static struct inc_cell *
cell_find__(const struct inc_kind *kind, struct inc_key key, uint32_t hash)
{
    struct inc_cell *cell;

    HMAP_FOR_EACH_WITH_HASH (cell, node, hash, &kind->cells) {
        if (key_equals(key, cell->key, cell->key_len)) {
            return cell;
        }
    }
    return NULL;
}

static struct inc_cell *
cell_find(const struct inc_kind *kind, struct inc_key key)
{
    return cell_find__(kind, key, key_hash(key));
}

static struct inc_cell *
cell_find_or_create(struct inc_kind *kind, struct inc_key key)
{
    uint32_t hash = key_hash(key);
    struct inc_cell *cell = cell_find__(kind, key, hash);
    if (!cell) {
        cell = xzalloc(sizeof *cell + key.len);
        cell->kind = kind;
        cell->pending = NONE;
        cell->id = id_table_add(&kind->engine->cells, cell);
        cell->key_len = key.len;
        memcpy(cell->key, key.data, key.len);
        hmap_insert(&kind->cells, &cell->node, hash);
    }
    return cell;
}

static struct inc_key
cell_key(const struct inc_cell *cell)
{
    return (struct inc_key) { cell->key, cell->key_len };
}

/* The member 'm' of 'cell', a set, made if need be, then without a holder. */
static struct inc_member *
cell_member(struct inc_cell *cell, struct inc_key m)
{
    if (!cell->set) {
        cell->set = inc_set_create();
    }
    return inc_set_find_or_create(cell->set, m);
}

static struct stage *
cell_stage(const struct inc_cell *cell)
{
    return &cell->kind->engine->stages[cell->kind->class->stage];
}

static void
value_destroy(const struct inc_kind *kind, void *value)
{
    if (value && kind->class->destroy) {
        kind->class->destroy(value);
    }
}

/* Change. */

/* Remembers what 'cell' holds, to be called before it is changed. */
static void
cell_touch(struct inc_cell *cell)
{
    struct stage *stage = cell_stage(cell);

    if (cell->pending == NONE) {
        if (stage->n_pending >= stage->allocated_pending) {
            stage->pending = x2nrealloc(stage->pending,
                                        &stage->allocated_pending,
                                        sizeof *stage->pending);
        }
        cell->pending = stage->n_pending;
        stage->pending[stage->n_pending++] = (struct pending) {
            .cell = cell,
            .old = cell->kind->class->is_set ? NULL : cell->value,
        };
    }
}

static void
cell_free(struct inc_cell *cell)
{
    id_table_remove(&cell->kind->engine->cells, cell->id);
    hmap_remove(&cell->kind->cells, &cell->node);
    if (cell->kind->class->is_set) {
        inc_set_destroy(cell->set);
    }
    free(cell->writers);
    free(cell->readers);
    free(cell);
}

/* Frees 'cell' if it says nothing and nobody waits for it to say something. */
static void
cell_release(struct inc_cell *cell)
{
    bool has_value = (cell->kind->class->is_set
                      ? cell->set && (!hmap_is_empty(&cell->set->members)
                                      || cell->set->came)
                      : cell->value != NULL);
    if (!has_value && !cell->n_readers && !cell->n_writers
        && !cell->n_spawned && cell->pending == NONE) {
        cell_free(cell);
    }
}

static void
member_hold(struct inc_cell *cell, struct inc_member *member)
{
    if (!member->n_holders++) {
        inc_set_note_change(cell->set, member, true);
        cell_touch(cell);
    }
}

static void
member_unhold(struct inc_cell *cell, struct inc_member *member)
{
    ovs_assert(member->n_holders);
    if (!--member->n_holders) {
        inc_set_note_change(cell->set, member, false);
        cell_touch(cell);
    }
}

static struct writer *
cell_find_writer(const struct inc_cell *cell, uint32_t unit)
{
    for (size_t i = 0; i < cell->n_writers; i++) {
        if (cell->writers[i].unit == unit) {
            return &cell->writers[i];
        }
    }
    return NULL;
}

/* Drops a value that a unit had written.  The value that is in force is kept
 * until it has been compared with what takes its place. */
static void
writer_drop_value(struct inc_cell *cell, struct writer *w)
{
    cell_touch(cell);
    if (w->value != cell->value) {
        value_destroy(cell->kind, w->value);
    }
    w->value = NULL;
}

static void
cell_remove_writer(struct inc_cell *cell, struct writer *w)
{
    writer_drop_value(cell, w);
    *w = cell->writers[--cell->n_writers];
    if (!cell->n_writers) {
        free(cell->writers);
        cell->writers = NULL;
    }
}

/* Which value counts if several units write one cell, which is wrong but
 * should not take the daemon down: that of the unit with the smallest key,
 * so that it does not depend on who came first. */
static void *
cell_best_value(const struct inc_cell *cell)
{
    const struct id_table *units = &cell->kind->engine->units;
    const struct inc_unit *best = NULL;
    void *value = NULL;

    for (size_t i = 0; i < cell->n_writers; i++) {
        const struct inc_unit *u = units->items[cell->writers[i].unit];
        int cmp = best ? key_compare(u->key, u->key_len,
                                     best->key, best->key_len) : -1;
        if (!cmp) {
            cmp = strcmp(u->class->class->name, best->class->class->name);
        }
        if (cmp < 0) {
            best = u;
            value = cell->writers[i].value;
        }
    }
    if (cell->n_writers > 1 && !VLOG_DROP_WARN(&rl)) {
        struct ds s = DS_EMPTY_INITIALIZER;
        inc_cell_format(&s, cell);
        VLOG_WARN("%s is written by %"PRIu32" units of class %s",
                  ds_cstr(&s), cell->n_writers, best->class->class->name);
        ds_destroy(&s);
    }
    return value;
}

/* Units and what they read. */

static void
unit_enqueue(struct inc_unit *unit)
{
    struct stage *stage = &unit->engine->stages[unit->class->class->stage];
    if (unit->queue_pos == NONE) {
        if (stage->n_queue >= stage->allocated_queue) {
            stage->queue = x2nrealloc(stage->queue, &stage->allocated_queue,
                                      sizeof *stage->queue);
        }
        unit->queue_pos = stage->n_queue;
        stage->queue[stage->n_queue++] = unit->id;
        stage->n_dirty++;
    }
}

static void
unit_mark_dirty(struct inc_unit *unit)
{
    unit->full = true;
    unit_enqueue(unit);
}

static void
cell_remove_reader(struct inc_engine *engine, struct inc_cell *cell,
                   uint32_t i)
{
    struct reader_edge *readers = cell->readers;
    uint32_t n = --cell->n_readers;
    if (i != n) {
        struct inc_unit *moved = engine->units.items[readers[n].unit];
        readers[i] = readers[n];
        moved->reads[readers[i].read].reader = i;
    }
    if (!n) {
        free(readers);
        cell->readers = NULL;
        cell->allocated_readers = 0;
        cell_release(cell);
    } else if (n >= 8 && n < cell->allocated_readers / 4) {
        cell->allocated_readers /= 2;
        cell->readers = xrealloc(readers, (cell->allocated_readers
                                           * sizeof *readers));
    }
}

/* Drops all reads of 'unit' but the first 'n'. */
static void
unit_truncate_reads(struct inc_unit *unit, uint32_t n)
{
    struct inc_engine *engine = unit->engine;

    engine->n_reads -= unit->n_reads - n;
    while (unit->n_reads > n) {
        const struct read_edge *e = &unit->reads[--unit->n_reads];
        cell_remove_reader(engine, engine->cells.items[e->cell], e->reader);
    }
}

static void
unit_append_read(struct inc_unit *unit, struct inc_cell *cell)
{
    if (unit->n_reads >= unit->allocated_reads) {
        unit->allocated_reads = MAX(4, unit->allocated_reads * 2);
        unit->reads = xrealloc(unit->reads, (unit->allocated_reads
                                             * sizeof *unit->reads));
    }
    if (cell->n_readers >= cell->allocated_readers) {
        cell->allocated_readers = MAX(1, cell->n_readers
                                      + cell->n_readers / 2 + 1);
        cell->readers = xrealloc(cell->readers, (cell->allocated_readers
                                                 * sizeof *cell->readers));
    }
    unit->reads[unit->n_reads] = (struct read_edge) {
        .cell = cell->id, .reader = cell->n_readers,
    };
    cell->readers[cell->n_readers++] = (struct reader_edge) {
        .unit = unit->id, .read = unit->n_reads++,
    };
    unit->engine->n_reads++;
}

/* Gives back what 'reads' has too much. */
static void
unit_trim_reads(struct inc_unit *unit)
{
    if (!unit->n_reads) {
        free(unit->reads);
        unit->reads = NULL;
    } else if (unit->allocated_reads != unit->n_reads) {
        unit->reads = xrealloc(unit->reads,
                               unit->n_reads * sizeof *unit->reads);
    }
    unit->allocated_reads = unit->n_reads;
}

/* A unit mostly reads the same cells in the same order as it did before, or
 * the one that it has just read.  Returns cell 'key' of 'kind' if it is one of
 * those two, otherwise NULL.  This is cheaper than to look the cell up. */
static struct inc_cell *
unit_guess_read(const struct inc_unit *unit, const struct inc_kind *kind,
                struct inc_key key)
{
    const struct inc_engine *engine = unit->engine;
    uint32_t first = engine->n_kept ? engine->n_kept - 1 : 0;

    for (uint32_t i = first; i <= engine->n_kept && i < unit->n_reads; i++) {
        struct inc_cell *cell = engine->cells.items[unit->reads[i].cell];
        if (cell->kind == kind && key_equals(key, cell->key, cell->key_len)) {
            return cell;
        }
    }
    return NULL;
}

/* The cell that 'unit', which is running, wants to read. */
static struct inc_cell *
unit_subscribe(struct inc_unit *unit, struct inc_kind *kind,
               struct inc_key key)
{
    struct inc_engine *engine = unit->engine;
    ovs_assert(engine->running == unit);
    ovs_assert(kind->class->stage < unit->class->class->stage);

    struct inc_cell *cell = unit_guess_read(unit, kind, key);
    if (!cell) {
        cell = cell_find_or_create(kind, key);
    }
    if (cell->stamp == engine->stamp) {
        return cell;
    }
    if (engine->n_kept < unit->n_reads) {
        if (unit->reads[engine->n_kept].cell == cell->id) {
            engine->n_kept++;
            cell->stamp = engine->stamp;
            return cell;
        }
        /* This may free 'cell'. */
        unit_truncate_reads(unit, engine->n_kept);
        cell = cell_find_or_create(kind, key);
    }
    unit_append_read(unit, cell);
    engine->n_kept++;
    cell->stamp = engine->stamp;
    return cell;
}

/* Outputs. */

static void
unit_withdraw_output(struct inc_unit *unit, const struct output *o)
{
    if (o->member) {
        member_unhold(o->cell, o->member);
    } else {
        struct writer *w = cell_find_writer(o->cell, unit->id);
        cell_remove_writer(o->cell, w);
    }
}

/* Replaces the outputs of the run before by those of this one. */
static void
unit_replace_outputs(struct inc_unit *unit)
{
    struct inc_engine *engine = unit->engine;

    for (size_t i = 0; i < unit->n_outputs; i++) {
        const struct output *o = &unit->outputs[i];
        if (!o->member
            && cell_find_writer(o->cell, unit->id)->stamp == engine->stamp) {
            continue;
        }
        unit_withdraw_output(unit, o);
    }

    size_t n = engine->n_outputs;
    if (n != unit->n_outputs) {
        free(unit->outputs);
        unit->outputs = n ? xmalloc(n * sizeof *unit->outputs) : NULL;
        unit->n_outputs = n;
    }
    if (n) {
        memcpy(unit->outputs, engine->outputs, n * sizeof *unit->outputs);
    }
    engine->n_outputs = 0;
}

static void
unit_append_output(struct inc_unit *unit, struct inc_cell *cell,
                   struct inc_member *member)
{
    struct inc_engine *engine = unit->engine;

    if (engine->n_outputs >= engine->allocated_outputs) {
        engine->outputs = x2nrealloc(engine->outputs,
                                     &engine->allocated_outputs,
                                     sizeof *engine->outputs);
    }
    engine->outputs[engine->n_outputs++] = (struct output) { cell, member };
}

static struct inc_cell *
unit_output_cell(struct inc_unit *unit, struct inc_kind *kind,
                 struct inc_key key, bool is_set)
{
    ovs_assert(unit->engine->running == unit);
    ovs_assert(kind->class->stage == unit->class->class->stage);
    ovs_assert(kind->class->is_set == is_set);
    ovs_assert(is_set || !kind->has_input);

    kind->has_writer = true;
    return cell_find_or_create(kind, key);
}

/* Interface for run(). */

const void *
inc_read(struct inc_unit *unit, struct inc_kind *kind, struct inc_key key)
{
    ovs_assert(!kind->class->is_set);
    return unit_subscribe(unit, kind, key)->value;
}

const struct inc_set *
inc_read_set(struct inc_unit *unit, struct inc_kind *kind, struct inc_key key)
{
    ovs_assert(kind->class->is_set);

    const struct inc_cell *cell = unit_subscribe(unit, kind, key);
    return cell->set ? cell->set : &empty_set;
}

void
inc_write(struct inc_unit *unit, struct inc_kind *kind, struct inc_key key,
          void *value)
{
    struct inc_cell *cell = unit_output_cell(unit, kind, key, false);
    struct writer *w = cell_find_writer(cell, unit->id);

    ovs_assert(value);
    cell_touch(cell);
    if (!w) {
        cell->writers = xrealloc(cell->writers, ((cell->n_writers + 1)
                                                 * sizeof *cell->writers));
        w = &cell->writers[cell->n_writers++];
        *w = (struct writer) { .unit = unit->id };
    } else {
        writer_drop_value(cell, w);
    }
    if (w->stamp != unit->engine->stamp) {
        w->stamp = unit->engine->stamp;
        unit_append_output(unit, cell, NULL);
    }
    w->value = value;
}

void
inc_insert(struct inc_unit *unit, struct inc_kind *kind, struct inc_key key,
           struct inc_key m)
{
    struct inc_cell *cell = unit_output_cell(unit, kind, key, true);
    struct inc_member *member = cell_member(cell, m);

    if (member->stamp != unit->engine->stamp) {
        member->stamp = unit->engine->stamp;
        member_hold(cell, member);
        unit_append_output(unit, cell, member);
    }
}

/* Inputs. */

static void
assert_outside(const struct inc_engine *engine)
{
    ovs_assert(!engine->running && !engine->committing);
}

void
inc_set(struct inc_kind *kind, struct inc_key key, void *value)
{
    assert_outside(kind->engine);
    ovs_assert(!kind->class->is_set && !kind->has_writer);
    kind->has_input = true;

    struct inc_cell *cell = (value
                             ? cell_find_or_create(kind, key)
                             : cell_find(kind, key));
    if (!cell || cell->value == value) {
        return;
    }

    /* The value that readers know is kept until they run; one that was set
     * since then, nobody has seen. */
    cell_touch(cell);
    if (cell->value != cell_stage(cell)->pending[cell->pending].old) {
        value_destroy(kind, cell->value);
    }
    cell->value = value;
}

static struct inc_cell *
input_set_cell(struct inc_kind *kind, struct inc_key key)
{
    assert_outside(kind->engine);
    ovs_assert(kind->class->is_set);
    return cell_find_or_create(kind, key);
}

void
inc_set_insert(struct inc_kind *kind, struct inc_key key,
               struct inc_key m)
{
    struct inc_cell *cell = input_set_cell(kind, key);
    struct inc_member *member = cell_member(cell, m);

    if (!member->held_by_input) {
        member->held_by_input = true;
        member_hold(cell, member);
    }
}

void
inc_set_remove(struct inc_kind *kind, struct inc_key key,
               struct inc_key m)
{
    assert_outside(kind->engine);
    ovs_assert(kind->class->is_set);

    struct inc_cell *cell = cell_find(kind, key);
    struct inc_member *member = (cell && cell->set
                                 ? inc_set_find(cell->set, m) : NULL);
    if (member && member->held_by_input) {
        member->held_by_input = false;
        member_unhold(cell, member);
    }
}

/* Looking in from outside. */

const void *
inc_peek(const struct inc_kind *kind, struct inc_key key)
{
    ovs_assert(!kind->engine->running && !kind->class->is_set);

    const struct inc_cell *cell = cell_find(kind, key);
    return cell ? cell->value : NULL;
}

const struct inc_set *
inc_peek_set(const struct inc_kind *kind, struct inc_key key)
{
    ovs_assert(!kind->engine->running && kind->class->is_set);

    const struct inc_cell *cell = cell_find(kind, key);
    return cell && cell->set ? cell->set : &empty_set;
}

void
inc_kind_for_each(const struct inc_kind *kind,
                  void (*cb)(struct inc_key, const void *value, void *aux),
                  void *aux)
{
    ovs_assert(!kind->engine->running);

    const struct inc_cell *cell;
    HMAP_FOR_EACH (cell, node, &kind->cells) {
        if (!kind->class->is_set) {
            if (cell->value) {
                cb(cell_key(cell), cell->value, aux);
            }
        } else if (cell->set && cell->set->n) {
            cb(cell_key(cell), NULL, aux);
        }
    }
}

/* Units. */

static struct unit_class *
unit_class_get(struct inc_engine *engine, const struct inc_unit_class *class,
               void *aux)
{
    for (size_t i = 0; i < engine->n_classes; i++) {
        struct unit_class *uc = engine->classes[i];
        if (uc->class == class && uc->aux == aux) {
            return uc;
        }
    }

    ovs_assert(class->stage >= 0 && class->stage < engine->n_stages);
    struct unit_class *uc = xzalloc(sizeof *uc);
    uc->class = class;
    uc->aux = aux;
    hmap_init(&uc->units);
    engine->classes = xrealloc(engine->classes, ((engine->n_classes + 1)
                                                 * sizeof *engine->classes));
    engine->classes[engine->n_classes++] = uc;
    return uc;
}

/* The unit of 'uc' with 'key', if 'origin' has spawned it. */
static struct inc_unit *
unit_find(const struct unit_class *uc, struct inc_key key,
          const struct inc_cell *origin)
{
    struct inc_unit *unit;

    HMAP_FOR_EACH_WITH_HASH (unit, node, key_hash(key), &uc->units) {
        if (unit->origin == origin
            && key_equals(key, unit->key, unit->key_len)) {
            return unit;
        }
    }
    return NULL;
}

/* What units say. */

static struct speaker *
speaker_find(const struct inc_unit *unit)
{
    struct speaker *s;

    HMAP_FOR_EACH_WITH_HASH (s, node, hash_pointer(unit, 0),
                             &unit->engine->speakers) {
        if (s->unit == unit) {
            return s;
        }
    }
    OVS_NOT_REACHED();
}

static void
speaker_destroy(struct speaker *s)
{
    hmap_remove(&s->unit->engine->speakers, &s->node);
    free(s->said);
    free(s);
}

/* What has been said so far was in the run before. */
static void
unit_begin_speech(struct inc_unit *unit)
{
    struct speaker *s = speaker_find(unit);

    s->n -= s->n_before;
    if (s->n) {
        memmove(s->said, &s->said[s->n_before], s->n * sizeof *s->said);
        s->n_before = s->n;
    } else {
        speaker_destroy(s);
        unit->speaks = false;
    }
}

static struct inc_unit *
unit_create(struct inc_engine *engine, struct unit_class *uc,
            struct inc_cell *origin, struct inc_key key)
{
    struct inc_unit *unit = xzalloc(sizeof *unit);

    unit->engine = engine;
    unit->class = uc;
    unit->origin = origin;
    if (origin) {
        unit->key = origin->key;
        origin->n_spawned++;
    } else {
        unit->key = xmemdup(key.data, key.len);
    }
    unit->key_len = key.len;
    unit->queue_pos = NONE;
    unit->id = id_table_add(&engine->units, unit);
    hmap_insert(&uc->units, &unit->node, key_hash(key));
    unit_mark_dirty(unit);
    return unit;
}

static void
unit_destroy(struct inc_unit *unit)
{
    struct unit_class *uc = unit->class;

    if (unit->has_run && uc->class->removed) {
        uc->class->removed(unit, uc->aux);
    }
    for (size_t i = 0; i < unit->n_outputs; i++) {
        unit_withdraw_output(unit, &unit->outputs[i]);
    }
    unit_truncate_reads(unit, 0);
    if (unit->queue_pos != NONE) {
        struct stage *stage = &unit->engine->stages[uc->class->stage];
        stage->queue[unit->queue_pos] = NONE;
        stage->n_dirty--;
    }
    if (unit->speaks) {
        speaker_destroy(speaker_find(unit));
    }
    id_table_remove(&unit->engine->units, unit->id);
    hmap_remove(&uc->units, &unit->node);
    if (unit->origin) {
        unit->origin->n_spawned--;
        cell_release(unit->origin);
    } else {
        free(unit->key);
    }
    free(unit->reads);
    free(unit->outputs);
    free(unit);
}

struct inc_unit *
inc_unit_add(struct inc_engine *engine, const struct inc_unit_class *class,
             struct inc_key key, void *aux)
{
    assert_outside(engine);

    struct unit_class *uc = unit_class_get(engine, class, aux);
    ovs_assert(!unit_find(uc, key, NULL));
    return unit_create(engine, uc, NULL, key);
}

void
inc_unit_remove(struct inc_unit *unit)
{
    assert_outside(unit->engine);
    ovs_assert(!unit->origin);
    unit_destroy(unit);
}

struct inc_key
inc_unit_key(const struct inc_unit *unit)
{
    return (struct inc_key) { unit->key, unit->key_len };
}

void **
inc_unit_data(struct inc_unit *unit)
{
    return &unit->data;
}

bool
inc_unit_is_news(struct inc_unit *unit, uint32_t hash)
{
    struct speaker *s;
    bool is_news = true;

    ovs_assert(unit->engine->running == unit);
    if (unit->speaks) {
        s = speaker_find(unit);
    } else {
        s = xzalloc(sizeof *s);
        s->unit = unit;
        hmap_insert(&unit->engine->speakers, &s->node, hash_pointer(unit, 0));
        unit->speaks = true;
    }
    for (size_t i = 0; i < s->n; i++) {
        if (s->said[i] == hash) {
            is_news = false;
            if (i >= s->n_before) {
                return false;
            }
        }
    }
    if (s->n >= s->allocated) {
        s->said = x2nrealloc(s->said, &s->allocated, sizeof *s->said);
    }
    s->said[s->n++] = hash;
    return is_news;
}

/* Running. */

/* Starts a new number for "read in this run" and "put out in this run".  The
 * numbers of the past are forgotten when they wrap around. */
static void
advance_stamp(struct inc_engine *engine)
{
    if (++engine->stamp) {
        return;
    }
    for (size_t i = 0; i < engine->cells.n; i++) {
        struct inc_cell *cell = engine->cells.items[i];
        if (!cell) {
            continue;
        }
        cell->stamp = 0;
        for (size_t j = 0; j < cell->n_writers; j++) {
            cell->writers[j].stamp = 0;
        }
        if (cell->kind->class->is_set && cell->set) {
            struct inc_member *member;
            HMAP_FOR_EACH (member, node, &cell->set->members) {
                member->stamp = 0;
            }
        }
    }
    engine->stamp = 1;
}

/* Calls update() instead of run().  Returns whether that was enough. */
static bool
unit_update(struct inc_unit *unit)
{
    struct inc_engine *engine = unit->engine;
    struct unit_class *uc = unit->class;

    /* As if it had read and put out again, in this run, what it had before. */
    advance_stamp(engine);
    engine->n_kept = unit->n_reads;
    for (uint32_t i = 0; i < unit->n_reads; i++) {
        struct inc_cell *cell = engine->cells.items[unit->reads[i].cell];
        cell->stamp = engine->stamp;
    }
    for (size_t i = 0; i < unit->n_outputs; i++) {
        const struct output *o = &unit->outputs[i];
        if (o->member) {
            o->member->stamp = engine->stamp;
        } else {
            cell_find_writer(o->cell, unit->id)->stamp = engine->stamp;
        }
        unit_append_output(unit, o->cell, o->member);
    }

    engine->running = unit;
    bool ok = uc->class->update(unit, uc->aux);
    engine->running = NULL;

    size_t n = engine->n_outputs;
    if (!ok) {
        for (size_t i = unit->n_outputs; i < n; i++) {
            unit_withdraw_output(unit, &engine->outputs[i]);
        }
    } else if (n != unit->n_outputs) {
        free(unit->outputs);
        unit->outputs = xmemdup(engine->outputs, n * sizeof *unit->outputs);
        unit->n_outputs = n;
    }
    engine->n_outputs = 0;
    unit_trim_reads(unit);
    return ok;
}

static void
unit_run(struct inc_unit *unit)
{
    struct inc_engine *engine = unit->engine;
    struct unit_class *uc = unit->class;
    bool full = unit->full || !uc->class->update;

    COVERAGE_INC(inc_unit_run);
    if (unit->recompute) {
        uc->n_recompute++;
    } else {
        uc->n_compute++;
    }
    unit->recompute = unit->full = false;
    unit->has_run = true;
    if (!full && unit_update(unit)) {
        COVERAGE_INC(inc_unit_update);
        return;
    }

    if (unit->speaks) {
        unit_begin_speech(unit);
    }
    advance_stamp(engine);
    engine->running = unit;
    engine->n_kept = 0;
    uc->class->run(unit, uc->aux);
    engine->running = NULL;

    unit_truncate_reads(unit, engine->n_kept);
    unit_trim_reads(unit);
    unit_replace_outputs(unit);
}

static long long int
now_usec(void)
{
    struct timespec now;

    time_timespec(&now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* Says which classes' units have taken long in the run that ends. */
static void
log_slow_classes(struct inc_engine *engine)
{
    for (size_t i = 0; i < engine->n_classes; i++) {
        struct unit_class *uc = engine->classes[i];

        if (uc->n_run && uc->usec / 1000 >= engine->log_msec) {
            VLOG_INFO("node: %s, %"PRIuSIZE" unit%s took %lldms",
                      uc->class->name, uc->n_run, uc->n_run == 1 ? "" : "s",
                      uc->usec / 1000);
        }
        uc->n_run = 0;
        uc->usec = 0;
    }
}

static size_t
stage_run_units(struct inc_engine *engine, struct stage *stage)
{
    long long int before = stage->n_queue ? now_usec() : 0;
    size_t n = stage->n_dirty;

    /* Nothing that happens meanwhile makes a unit of this stage dirty. */
    for (size_t i = 0; i < stage->n_queue; i++) {
        if (stage->queue[i] != NONE) {
            struct inc_unit *unit = engine->units.items[stage->queue[i]];
            unit->queue_pos = NONE;
            unit_run(unit);

            long long int after = now_usec();
            unit->class->n_run++;
            unit->class->usec += after - before;
            before = after;
        }
    }
    stage->n_queue = stage->n_dirty = 0;
    return n;
}

/* Has 'cell', a set, forget how it has changed.  A reader that has not run
 * since then can no longer do with an update. */
static void
forget_changes(struct inc_cell *cell)
{
    struct inc_engine *engine = cell->kind->engine;

    for (uint32_t i = 0; i < cell->n_readers; i++) {
        struct inc_unit *unit = engine->units.items[cell->readers[i].unit];
        unit->full |= unit->queue_pos != NONE;
    }
    inc_set_forget_changes(cell->set);
}

/* 'cell', a set, remembers how it has changed, until all stages have run. */
static void
note_changed_set(struct inc_cell *cell)
{
    struct inc_engine *engine = cell->kind->engine;

    if (engine->n_changed_sets >= engine->allocated_changed_sets) {
        engine->changed_sets = x2nrealloc(engine->changed_sets,
                                          &engine->allocated_changed_sets,
                                          sizeof *engine->changed_sets);
    }
    engine->changed_sets[engine->n_changed_sets++] = cell;
}

static void
forget_changed_sets(struct inc_engine *engine)
{
    for (size_t i = 0; i < engine->n_changed_sets; i++) {
        struct inc_cell *cell = engine->changed_sets[i];

        forget_changes(cell);
        cell_release(cell);
    }
    engine->n_changed_sets = 0;
}

/* Readers of 'cell' must run; the units that it spawns come or go. */
static void
cell_announce(struct inc_cell *cell, const void *old, const void *new,
              bool was, bool is)
{
    struct inc_kind *kind = cell->kind;
    struct inc_engine *engine = kind->engine;

    COVERAGE_INC(inc_cell_changed);
    for (uint32_t i = 0; i < cell->n_readers; i++) {
        struct inc_unit *unit = engine->units.items[cell->readers[i].unit];

        if (kind->class->keeps_changes) {
            unit_enqueue(unit);
        } else {
            unit_mark_dirty(unit);
        }
    }
    if (was != is) {
        for (size_t i = 0; i < kind->n_spawns; i++) {
            if (is) {
                unit_create(engine, kind->spawns[i], cell, cell_key(cell));
            } else {
                unit_destroy(unit_find(kind->spawns[i], cell_key(cell),
                                       cell));
            }
        }
    }
    for (size_t i = 0; i < kind->n_watchers; i++) {
        kind->watchers[i].changed(cell_key(cell), old, new,
                                  kind->watchers[i].aux);
    }
}

static void
commit_value(struct inc_cell *cell, void *old)
{
    const struct inc_kind *kind = cell->kind;

    if (kind->has_writer) {
        cell->value = cell_best_value(cell);
    }

    void *new = cell->value;
    if (new == old) {
        return;
    }
    if (old && new && kind->class->equal && kind->class->equal(old, new)) {
        COVERAGE_INC(inc_cell_unchanged);
    } else {
        cell_announce(cell, old, new, old != NULL, new != NULL);
    }

    for (size_t i = 0; i < cell->n_writers; i++) {
        if (cell->writers[i].value == old) {
            return;             /* Is out of force but still there. */
        }
    }
    value_destroy(kind, old);
}

static void
commit_set(struct inc_cell *cell)
{
    bool keep_changes = cell->kind->class->keeps_changes;
    bool was = cell->set->n_was > 0;

    if (keep_changes && cell->set->came) {
        forget_changes(cell);
    } else if (keep_changes) {
        note_changed_set(cell);
    }
    if (inc_set_commit(cell->set, keep_changes)) {
        cell_announce(cell, NULL, NULL, was, cell->set->n > 0);
    } else {
        COVERAGE_INC(inc_cell_unchanged);
    }
}

static void
stage_commit(struct inc_engine *engine, struct stage *stage)
{
    /* Whatever this sets in motion belongs to later stages. */
    size_t n = stage->n_pending;

    engine->committing = true;
    for (size_t i = 0; i < n; i++) {
        struct inc_cell *cell = stage->pending[i].cell;
        if (cell->kind->class->is_set) {
            commit_set(cell);
        } else {
            commit_value(cell, stage->pending[i].old);
        }
    }
    ovs_assert(stage->n_pending == n);
    for (size_t i = 0; i < n; i++) {
        struct inc_cell *cell = stage->pending[i].cell;
        cell->pending = NONE;
        cell_release(cell);
    }
    stage->n_pending = 0;
    engine->committing = false;
}

size_t
inc_run(struct inc_engine *engine, int last_stage)
{
    size_t n = 0;

    assert_outside(engine);
    ovs_assert(last_stage < engine->n_stages);
    for (int i = 0; i <= last_stage; i++) {
        n += stage_run_units(engine, &engine->stages[i]);
        stage_commit(engine, &engine->stages[i]);
    }
    if (last_stage == engine->n_stages - 1) {
        forget_changed_sets(engine);
    }
    if (n) {
        log_slow_classes(engine);
    }
    return n;
}

bool
inc_is_dirty(const struct inc_engine *engine, int last_stage)
{
    for (int i = 0; i <= last_stage; i++) {
        if (engine->stages[i].n_dirty || engine->stages[i].n_pending) {
            return true;
        }
    }
    return false;
}

void
inc_recompute(struct inc_engine *engine)
{
    assert_outside(engine);
    for (size_t i = 0; i < engine->units.n; i++) {
        struct inc_unit *unit = engine->units.items[i];
        if (unit) {
            unit->recompute |= unit->queue_pos == NONE;
            unit_mark_dirty(unit);
        }
    }
}

/* Declaring, coming and going. */

struct inc_engine *
inc_engine_create(int n_stages)
{
    struct inc_engine *engine = xzalloc(sizeof *engine);

    engine->n_stages = n_stages;
    engine->stages = xcalloc(n_stages, sizeof *engine->stages);
    engine->log_msec = DEFAULT_LOG_MSEC;
    hmap_init(&engine->speakers);
    return engine;
}

static void
kind_destroy(struct inc_kind *kind)
{
    struct inc_cell *cell;

    HMAP_FOR_EACH_SAFE (cell, node, &kind->cells) {
        if (!kind->class->is_set) {
            value_destroy(kind, cell->value);
        }
        cell_free(cell);
    }
    hmap_destroy(&kind->cells);
    free(kind->spawns);
    free(kind->watchers);
    free(kind);
}

void
inc_engine_destroy(struct inc_engine *engine)
{
    if (!engine) {
        return;
    }

    assert_outside(engine);
    for (size_t i = 0; i < engine->units.n; i++) {
        if (engine->units.items[i]) {
            unit_destroy(engine->units.items[i]);
        }
    }
    for (int i = 0; i < engine->n_stages; i++) {
        struct stage *stage = &engine->stages[i];
        for (size_t j = 0; j < stage->n_pending; j++) {
            const struct pending *p = &stage->pending[j];
            if (!p->cell->kind->class->is_set && p->old != p->cell->value) {
                value_destroy(p->cell->kind, p->old);
            }
        }
        free(stage->queue);
        free(stage->pending);
    }
    for (size_t i = 0; i < engine->n_kinds; i++) {
        kind_destroy(engine->kinds[i]);
    }
    for (size_t i = 0; i < engine->n_classes; i++) {
        hmap_destroy(&engine->classes[i]->units);
        free(engine->classes[i]);
    }
    id_table_destroy(&engine->cells);
    id_table_destroy(&engine->units);
    hmap_destroy(&engine->speakers);
    free(engine->stages);
    free(engine->kinds);
    free(engine->classes);
    free(engine->outputs);
    free(engine->changed_sets);
    free(engine);
}

char inc_there[1];

bool
inc_strings_equal(const void *a, const void *b)
{
    return !strcmp(a, b);
}

bool
inc_uuids_equal(const void *a, const void *b)
{
    return uuid_equals(a, b);
}

bool
inc_smaps_equal(const void *a, const void *b)
{
    return smap_equal(a, b);
}

void
inc_smap_destroy(void *smap)
{
    smap_destroy(smap);
    free(smap);
}

struct inc_kind *
inc_kind_declare(struct inc_engine *engine, const struct inc_kind_class *class)
{
    ovs_assert(class->stage >= 0 && class->stage < engine->n_stages);
    ovs_assert(!class->is_set || (!class->equal && !class->destroy));
    /* Or whoever reads or follows it would take a recompute for a change. */
    ovs_assert(!class->destroy || class->equal);
    ovs_assert(class->is_set || !class->keeps_changes);

    struct inc_kind *kind = xzalloc(sizeof *kind);
    kind->class = class;
    kind->engine = engine;
    hmap_init(&kind->cells);
    engine->kinds = xrealloc(engine->kinds, ((engine->n_kinds + 1)
                                             * sizeof *engine->kinds));
    engine->kinds[engine->n_kinds++] = kind;
    return kind;
}

void
inc_kind_spawn(struct inc_kind *kind, const struct inc_unit_class *class,
               void *aux)
{
    ovs_assert(class->stage > kind->class->stage);
    ovs_assert(hmap_is_empty(&kind->cells));

    kind->spawns = xrealloc(kind->spawns, ((kind->n_spawns + 1)
                                           * sizeof *kind->spawns));
    kind->spawns[kind->n_spawns++] = unit_class_get(kind->engine, class, aux);
}

void
inc_kind_watch(struct inc_kind *kind,
               void (*changed)(struct inc_key, const void *old,
                               const void *new, void *aux), void *aux)
{
    kind->watchers = xrealloc(kind->watchers, ((kind->n_watchers + 1)
                                               * sizeof *kind->watchers));
    kind->watchers[kind->n_watchers++] = (struct watcher) { changed, aux };
}

