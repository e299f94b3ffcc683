/* SPDX-License-Identifier: Apache-2.0 */

#ifndef INC_PROC_ENG_PRIVATE_H
#define INC_PROC_ENG_PRIVATE_H 1

/* What the files of the incremental engine share: inc-proc-eng.c (cells,
 * units, running), inc-proc-set.c (sets of keys), inc-proc-cmd.c (commands for
 * operators). */

#include "hash.h"
#include "inc-proc-eng.h"
#include "openvswitch/hmap.h"

struct ds;

#define NONE UINT32_MAX

/* A dependency, as seen from the unit and as seen from the cell. */
struct read_edge {
    uint32_t cell;
    uint32_t reader;            /* Index in the cell's 'readers'. */
};
struct reader_edge {
    uint32_t unit;
    uint32_t read;              /* Index in the unit's 'reads'. */
};

/* A value that a unit has written to a cell. */
struct writer {
    uint32_t unit;
    uint32_t stamp;             /* The run that wrote it. */
    void *value;
};

struct inc_member {
    struct hmap_node node;      /* In inc_set's 'members'. */
    uint32_t n_holders;
    uint32_t stamp;             /* The last run that inserted it. */
    uint32_t len;
    bool held_by_input;
    bool was_member;            /* As far as the set's readers know. */
    bool is_changed;            /* Is on inc_set's 'changed'. */
    char data[];
};

struct inc_set {
    struct hmap members;        /* Includes ones that have left, until the
                                 * readers know. */
    size_t n;                   /* Members that have a holder. */
    size_t n_was;               /* Members as far as the readers know. */

    struct inc_member **changed; /* Members that have come or gone. */
    size_t n_changed, allocated_changed;

    /* What the last commit has changed, until the end of the run, if the kind
     * keeps it.  Those that are gone are no longer in 'members'. */
    struct inc_member **came, **gone;
    size_t n_came, n_gone;

    struct inc_member **sorted; /* The 'n' members in order, or NULL. */
    size_t allocated_sorted;
    size_t n_patches;           /* Changes to 'sorted' since it was read. */
};

struct inc_cell {
    struct hmap_node node;      /* In inc_kind's 'cells'. */
    struct inc_kind *kind;
    union {
        void *value;
        struct inc_set *set;    /* NULL: has never had a member. */
    };
    struct writer *writers;     /* Normally one or, for inputs, none. */
    struct reader_edge *readers;
    uint32_t n_readers, allocated_readers;
    uint32_t id;
    uint32_t stamp;             /* The last run that read it. */
    uint32_t n_writers;
    uint32_t n_spawned;         /* Units that use 'key'. */
    uint32_t pending;           /* Index in the stage's 'pending' or NONE. */
    uint32_t key_len;
    char key[];
};

struct watcher {
    void (*changed)(struct inc_key, const void *old, const void *new,
                    void *aux);
    void *aux;
};

struct inc_kind {
    const struct inc_kind_class *class;
    struct inc_engine *engine;
    struct hmap cells;
    bool has_input, has_writer; /* Who writes its cells. */

    struct unit_class **spawns;
    size_t n_spawns;
    struct watcher *watchers;
    size_t n_watchers;
};

/* An inc_unit_class with the 'aux' that goes with it. */
struct unit_class {
    const struct inc_unit_class *class;
    void *aux;
    struct hmap units;
    unsigned long long n_compute, n_recompute;

    /* The run in progress. */
    size_t n_run;
    long long int usec;         /* That they have taken. */
};

/* What a unit has put out: the cell and, for a set, the member. */
struct output {
    struct inc_cell *cell;
    struct inc_member *member;
};

struct inc_unit {
    struct hmap_node node;      /* In unit_class's 'units'. */
    struct inc_engine *engine;
    struct unit_class *class;
    struct inc_cell *origin;    /* Which spawned it, or NULL. */
    void *key;                  /* Points into 'origin' if there is one. */
    void *data;                 /* inc_unit_data(). */
    struct read_edge *reads;
    struct output *outputs;
    uint32_t n_reads, allocated_reads;
    uint32_t n_outputs;
    uint32_t key_len;
    uint32_t id;
    uint32_t queue_pos;         /* In its stage's queue; NONE if clean. */
    bool has_run;
    bool full;                  /* Dirty for more than update() can do. */
    bool recompute;             /* Dirty because somebody asked for it. */
    bool speaks;                /* Has a "struct speaker". */
};

/* What a unit has said: hashes. */
struct speaker {
    struct hmap_node node;      /* In inc_engine's 'speakers', by 'unit'. */
    const struct inc_unit *unit;
    uint32_t *said;             /* In the run before, then in this one. */
    size_t n_before, n, allocated;
};

struct pending {
    struct inc_cell *cell;
    void *old;                  /* Not for sets. */
};

struct stage {
    uint32_t *queue;            /* Ids of dirty units; NONE for a removed
                                 * one. */
    size_t n_queue, allocated_queue;
    size_t n_dirty;             /* Without those removed. */
    struct pending *pending;
    size_t n_pending, allocated_pending;
};

/* Hands out the lowest numbers that are not in use, more or less. */
struct id_table {
    void **items;               /* NULL for a number that is free. */
    size_t n, allocated;
    uint32_t *free;
    size_t n_free, allocated_free;
};

struct inc_engine {
    struct stage *stages;
    int n_stages;
    struct inc_kind **kinds;
    size_t n_kinds;
    struct unit_class **classes;
    size_t n_classes;
    struct id_table cells, units;
    struct hmap speakers;       /* Of "struct speaker"s. */
    unsigned long long n_reads; /* Dependencies recorded. */
    unsigned int log_msec;      /* Units that take as long are worth a
                                 * message. */

    /* The run in progress. */
    struct inc_unit *running;
    bool committing;
    uint32_t stamp;             /* Number of the run. */
    uint32_t n_kept;            /* Reads that are those of this run. */
    struct output *outputs;     /* Of this run. */
    size_t n_outputs, allocated_outputs;
    struct inc_cell **changed_sets; /* Those that keep their changes. */
    size_t n_changed_sets, allocated_changed_sets;
};

static inline bool
key_equals(struct inc_key a, const void *data, size_t len)
{
    return a.len == len && !memcmp(a.data, data, len);
}

static inline uint32_t
key_hash(struct inc_key key)
{
    return hash_bytes(key.data, key.len, 0);
}

static inline int
key_compare(const void *a, size_t a_len, const void *b, size_t b_len)
{
    int cmp = memcmp(a, b, MIN(a_len, b_len));
    return cmp ? cmp : a_len < b_len ? -1 : a_len > b_len;
}

static inline struct inc_key
member_key(const struct inc_member *member)
{
    return (struct inc_key) { member->data, member->len };
}

/* inc-proc-set.c */
struct inc_set *inc_set_create(void);
void inc_set_destroy(struct inc_set *);
struct inc_member *inc_set_find(const struct inc_set *, struct inc_key);
struct inc_member *inc_set_find_or_create(struct inc_set *, struct inc_key);
void inc_set_note_change(struct inc_set *, struct inc_member *, bool come);
bool inc_set_commit(struct inc_set *, bool keep_changes);
void inc_set_forget_changes(struct inc_set *);

/* inc-proc-cmd.c */
void inc_cell_format(struct ds *, const struct inc_cell *);

#endif /* lib/inc-proc-eng-private.h */
