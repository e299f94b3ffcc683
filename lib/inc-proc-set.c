/* SPDX-License-Identifier: Apache-2.0 */

/* The engine's sets of keys.
 *
 * A set changes while its stage's units run, and its readers are told once,
 * when they all have run.  So it knows, of each member, how many hold it there
 * and whether the readers think that it is there; a member that has left stays
 * in memory until they know. */

#include <config.h>

#include "inc-proc-eng-private.h"

#include <stdlib.h>

#include "util.h"

struct inc_set *
inc_set_create(void)
{
    struct inc_set *set = xzalloc(sizeof *set);
    hmap_init(&set->members);
    return set;
}

void
inc_set_destroy(struct inc_set *set)
{
    if (set) {
        struct inc_member *member;
        HMAP_FOR_EACH_POP (member, node, &set->members) {
            free(member);
        }
        hmap_destroy(&set->members);
        inc_set_forget_changes(set);
        free(set->changed);
        free(set->sorted);
        free(set);
    }
}

static struct inc_member *
set_find(const struct inc_set *set, struct inc_key key, uint32_t hash)
{
    struct inc_member *member;

    HMAP_FOR_EACH_WITH_HASH (member, node, hash, &set->members) {
        if (key_equals(key, member->data, member->len)) {
            return member;
        }
    }
    return NULL;
}

/* Returns the member 'key' of 'set', even if it has no holder at the moment,
 * or NULL. */
struct inc_member *
inc_set_find(const struct inc_set *set, struct inc_key key)
{
    return set_find(set, key, key_hash(key));
}

struct inc_member *
inc_set_find_or_create(struct inc_set *set, struct inc_key key)
{
    uint32_t hash = key_hash(key);
    struct inc_member *member = set_find(set, key, hash);
    if (!member) {
        member = xzalloc(sizeof *member + key.len);
        member->len = key.len;
        memcpy(member->data, key.data, key.len);
        hmap_insert(&set->members, &member->node, hash);
    }
    return member;
}

static int
member_compare(const struct inc_member *a, const struct inc_member *b)
{
    return key_compare(a->data, a->len, b->data, b->len);
}

static int
member_compare_cb(const void *a, const void *b)
{
    return member_compare(*(struct inc_member *const *) a,
                          *(struct inc_member *const *) b);
}

static void
set_sort(struct inc_set *set)
{
    if (!set->sorted) {
        set->sorted = xmalloc(set->n * sizeof *set->sorted);
        set->allocated_sorted = set->n;

        struct inc_member *member;
        size_t i = 0;
        HMAP_FOR_EACH (member, node, &set->members) {
            if (member->n_holders) {
                set->sorted[i++] = member;
            }
        }
        ovs_assert(i == set->n);
        qsort(set->sorted, i, sizeof *set->sorted, member_compare_cb);
    }
    set->n_patches = 0;
}

/* Brings 'sorted', if it is there, up to date with 'member', which has just
 * come (so that 'set->n' counts it already) or gone.  When nobody reads it
 * between many changes, it is cheaper to sort again. */
static void
set_patch_sorted(struct inc_set *set, struct inc_member *member, bool come)
{
    if (!set->sorted) {
        return;
    }
    if (++set->n_patches > 32) {
        free(set->sorted);
        set->sorted = NULL;
        return;
    }

    size_t old_n = come ? set->n - 1 : set->n + 1;
    size_t lo = 0, hi = old_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (member_compare(set->sorted[mid], member) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    struct inc_member **p = set->sorted;
    if (come) {
        if (old_n >= set->allocated_sorted) {
            p = set->sorted = x2nrealloc(p, &set->allocated_sorted, sizeof *p);
        }
        memmove(&p[lo + 1], &p[lo], (old_n - lo) * sizeof *p);
        p[lo] = member;
    } else {
        ovs_assert(p[lo] == member);
        memmove(&p[lo], &p[lo + 1], (set->n - lo) * sizeof *p);
    }
}

/* 'member' has just got its first holder (if 'come') or lost its last one. */
void
inc_set_note_change(struct inc_set *set, struct inc_member *member, bool come)
{
    set->n += come ? 1 : -1;
    set_patch_sorted(set, member, come);
    if (!member->is_changed) {
        if (set->n_changed >= set->allocated_changed) {
            set->changed = x2nrealloc(set->changed, &set->allocated_changed,
                                      sizeof *set->changed);
        }
        set->changed[set->n_changed++] = member;
        member->is_changed = true;
    }
}

/* Forgets what inc_set_commit() has kept. */
void
inc_set_forget_changes(struct inc_set *set)
{
    for (size_t i = 0; i < set->n_gone; i++) {
        free(set->gone[i]);
    }
    free(set->gone);
    free(set->came);
    set->came = set->gone = NULL;
    set->n_came = set->n_gone = 0;
}

/* The readers of 'set' are about to be told how it is now.  Returns false if
 * it is as they know it.  With 'keep_changes', they can ask what has
 * changed. */
bool
inc_set_commit(struct inc_set *set, bool keep_changes)
{
    bool changed = false;

    if (keep_changes) {
        set->came = xmalloc(set->n_changed * sizeof *set->came);
        set->gone = xmalloc(set->n_changed * sizeof *set->gone);
    }
    for (size_t i = 0; i < set->n_changed; i++) {
        struct inc_member *member = set->changed[i];
        bool is_member = member->n_holders > 0;
        bool was_member = member->was_member;

        changed |= was_member != is_member;
        member->was_member = is_member;
        member->is_changed = false;
        if (keep_changes && is_member && !was_member) {
            set->came[set->n_came++] = member;
        }
        if (!is_member) {
            hmap_remove(&set->members, &member->node);
            if (keep_changes && was_member) {
                set->gone[set->n_gone++] = member;
            } else {
                free(member);
            }
        }
    }
    free(set->changed);
    set->changed = NULL;
    set->n_changed = set->allocated_changed = 0;
    set->n_was = set->n;
    return changed;
}

/* Reading sets. */

size_t
inc_set_count(const struct inc_set *set)
{
    return set->n;
}

struct inc_key
inc_set_at(const struct inc_set *set, size_t i)
{
    ovs_assert(i < set->n);
    set_sort(CONST_CAST(struct inc_set *, set));
    return member_key(set->sorted[i]);
}

bool
inc_set_contains(const struct inc_set *set, struct inc_key key)
{
    if (!set->n) {
        return false;
    }
    const struct inc_member *member = inc_set_find(set, key);
    return member && member->n_holders;
}

size_t
inc_set_n_came(const struct inc_set *set)
{
    return set->n_came;
}

struct inc_key
inc_set_came_at(const struct inc_set *set, size_t i)
{
    ovs_assert(i < set->n_came);
    return member_key(set->came[i]);
}

size_t
inc_set_n_gone(const struct inc_set *set)
{
    return set->n_gone;
}

struct inc_key
inc_set_gone_at(const struct inc_set *set, size_t i)
{
    ovs_assert(i < set->n_gone);
    return member_key(set->gone[i]);
}
