/* SPDX-License-Identifier: Apache-2.0 */

/* OpenFlow matches for a normalized expression.
 *
 * A term without dimensions is one match.  A term with dimensions is a
 * conjunctive match (ovs-fields(7)): for each comparison in each dimension, a
 * match whose flow gets the action conjunction(id, k/n), and one on
 * conj_id=id, whose flow gets the actions proper.  The term's plain
 * comparisons are in all of them.
 *
 * Every match is looked up before it is added, because the switch can have it
 * only once.  If two conjunctions share a clause, its flow belongs to both.
 * If a match is there as such and as a clause, the former wins: it says more,
 * and a packet that reaches it needs no conjunction. */

#include <config.h>
#include "expr-private.h"

#include <stdlib.h>
#include <string.h>

#include "byte-order.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/util.h"

struct builder {
    const struct expr_env *env;
    struct expr_matches *ms;

    /* Index of 'ms->matches': for each, the next one with the same slot, or
     * SIZE_MAX.  'slots' has 'mask' + 1 elements. */
    size_t *slots, *next;
    size_t mask;
    uint32_t *hashes;
};

/* Index. */

static void
index_rebuild(struct builder *b)
{
    b->mask = b->mask * 2 + 1;
    b->slots = xrealloc(b->slots, (b->mask + 1) * sizeof *b->slots);
    for (size_t i = 0; i <= b->mask; i++) {
        b->slots[i] = SIZE_MAX;
    }
    for (size_t i = 0; i < b->ms->n; i++) {
        size_t *slot = &b->slots[b->hashes[i] & b->mask];
        b->next[i] = *slot;
        *slot = i;
    }
}

static struct expr_match *
index_find(const struct builder *b, const struct match *match, uint32_t hash)
{
    for (size_t i = b->slots[hash & b->mask]; i != SIZE_MAX; i = b->next[i]) {
        if (b->hashes[i] == hash
            && match_equal(&b->ms->matches[i].match, match)) {
            return &b->ms->matches[i];
        }
    }
    return NULL;
}

static void
grow_matches(struct expr_matches *ms)
{
    bool was_stub = ms->matches == ms->stub;

    ms->matches = x2nrealloc(was_stub ? NULL : ms->matches, &ms->allocated,
                             sizeof *ms->matches);
    if (was_stub) {
        memcpy(ms->matches, ms->stub, sizeof ms->stub);
    }
}

/* Appends 'match', which must not be there yet. */
static struct expr_match *
index_add(struct builder *b, const struct match *match, uint32_t hash)
{
    struct expr_matches *ms = b->ms;

    if (ms->n >= ms->allocated) {
        grow_matches(ms);
        b->next = xrealloc(b->next, ms->allocated * sizeof *b->next);
        b->hashes = xrealloc(b->hashes, ms->allocated * sizeof *b->hashes);
    }

    ovs_assert(ms->matches);    /* At first the stub. */
    struct expr_match *m = &ms->matches[ms->n];
    m->match = *match;
    m->clauses = NULL;
    m->n_clauses = 0;
    b->hashes[ms->n] = hash;
    ms->n++;

    if (ms->n > b->mask) {
        index_rebuild(b);
    } else {
        size_t *slot = &b->slots[hash & b->mask];
        b->next[ms->n - 1] = *slot;
        *slot = ms->n - 1;
    }
    return m;
}

/* Adds 'match', as 'clause' of a conjunction if that is nonnull. */
static void
add_match(struct builder *b, const struct match *match,
          const struct expr_clause *clause)
{
    uint32_t hash = match_hash(match, 0);
    struct expr_match *m = index_find(b, match, hash);

    if (m) {
        if (!clause) {
            free(m->clauses);
            m->clauses = NULL;
            m->n_clauses = 0;
            return;
        } else if (!m->n_clauses) {
            return;
        }
    } else {
        m = index_add(b, match, hash);
    }
    if (clause) {
        m->clauses = xrealloc(m->clauses,
                              (m->n_clauses + 1) * sizeof *m->clauses);
        m->clauses[m->n_clauses++] = *clause;
    }
}

/* Constraining a match. */

/* ANDs 'cmp' into 'match'.  False if it is about a port that is unknown. */
static bool
constrain_string(const struct builder *b, const struct expr_cmp *cmp,
                 struct match *match)
{
    struct expr_field f = { .symbol = cmp->symbol };
    struct mf_subfield sf = expr_field_resolve(&f);
    union mf_subvalue value;
    unsigned int key;

    if (!b->env->port_key
        || !b->env->port_key(cmp->string, &key, b->env->aux)) {
        return false;
    }
    memset(&value, 0, sizeof value);
    value.integer = htonll(key);
    mf_write_subfield(&sf, &value, match);
    return true;
}

/* Writes the low-order 'n' bytes of 'x' to 'dst'. */
static void
put_bytes(ovs_u128 x, unsigned int n, uint8_t *dst)
{
    for (unsigned int i = 0; i < n; i++) {
        int shift = 8 * (n - 1 - i);
        dst[i] = (shift < 128
                  ? expr_u128_shift_right(x, shift).u64.lo & 0xff : 0);
    }
}

bool
expr_packet_can_have(const struct expr_symbol *symbol, ovs_u128 value)
{
    enum mf_field_id id = symbol->field->id;
    bool is_short = id == MFF_ARP_OP || id == MFF_CT_STATE;

    return !is_short || value.u64.lo <= UINT8_MAX;
}

/* ANDs 'cmp' into 'match'.  False if it is true for no packet. */
static bool
constrain_integer(const struct expr_cmp *cmp, struct match *match)
{
    const struct mf_field *field = cmp->symbol->field;
    union mf_value value, mask;

    if (!expr_packet_can_have(cmp->symbol, cmp->value)) {
        return false;
    }
    memset(&value, 0, sizeof value);
    memset(&mask, 0, sizeof mask);
    put_bytes(cmp->value, field->n_bytes, value.b);
    if (ovs_u128_equals(cmp->mask, expr_u128_ones(0, field->n_bits))) {
        mf_set_value(field, &value, match, NULL);
    } else {
        /* Some fields that OpenFlow cannot mask can be masked here, as a
         * result of "!" on a predicate: mf_set() then leaves them out. */
        put_bytes(cmp->mask, field->n_bytes, mask.b);
        mf_set(field, &value, &mask, match, NULL);
    }
    return true;
}

/* ANDs 'cmp' into 'match'.  False if it can never be true. */
static bool
constrain(const struct builder *b, const struct expr_cmp *cmp,
          struct match *match)
{
    return (cmp->string
            ? constrain_string(b, cmp, match)
            : constrain_integer(cmp, match));
}

/* Terms. */

static void
add_dimension(struct builder *b, const struct expr *or,
              const struct match *base, const struct expr_clause *clause)
{
    for (size_t i = 0; i < or->n; i++) {
        struct match match = *base;

        if (constrain(b, &or->subs[i]->cmp, &match)) {
            add_match(b, &match, clause);
        }
    }
}

/* Whether some comparison in 'or' can be true. */
static bool
is_satisfiable(const struct builder *b, const struct expr *or)
{
    for (size_t i = 0; i < or->n; i++) {
        struct match match = MATCH_CATCHALL_INITIALIZER;
        if (constrain(b, &or->subs[i]->cmp, &match)) {
            return true;
        }
    }
    return false;
}

/* Adds what 'term', a comparison or an AND, requires. */
static void
add_term(struct builder *b, const struct expr *term)
{
    struct expr *const *subs = (struct expr *const *) &term;
    struct match base = MATCH_CATCHALL_INITIALIZER;
    uint8_t n_dimensions = 0;
    size_t n = 1;

    if (term->type == EXPR_T_AND) {
        subs = term->subs;
        n = term->n;
    }
    for (size_t i = 0; i < n; i++) {
        if (subs[i]->type == EXPR_T_CMP) {
            if (!constrain(b, &subs[i]->cmp, &base)) {
                return;
            }
        } else if (is_satisfiable(b, subs[i])) {
            n_dimensions++;
        } else {
            return;
        }
    }

    if (n_dimensions) {
        struct expr_clause clause = { .id = ++b->ms->n_conjunctions,
                                      .n_clauses = n_dimensions };
        for (size_t i = 0; i < n; i++) {
            if (subs[i]->type == EXPR_T_OR) {
                add_dimension(b, subs[i], &base, &clause);
                clause.clause++;
            }
        }
        match_set_conj_id(&base, clause.id);
    }
    add_match(b, &base, NULL);
}

static void
matches_init(struct expr_matches *ms)
{
    ms->matches = ms->stub;
    ms->n = 0;
    ms->allocated = ARRAY_SIZE(ms->stub);
    ms->n_conjunctions = 0;
}

void
expr_to_matches(const struct expr *e, const struct expr_env *env,
                struct expr_matches *ms)
{
    struct builder b = { .env = env, .ms = ms };

    matches_init(ms);
    b.next = xmalloc(ms->allocated * sizeof *b.next);
    b.hashes = xmalloc(ms->allocated * sizeof *b.hashes);
    b.mask = 3;
    index_rebuild(&b);

    if (e->type == EXPR_T_OR) {
        for (size_t i = 0; i < e->n; i++) {
            add_term(&b, e->subs[i]);
        }
    } else if (e->type != EXPR_T_BOOLEAN) {
        add_term(&b, e);
    } else if (e->boolean) {
        struct match all = MATCH_CATCHALL_INITIALIZER;
        add_match(&b, &all, NULL);
    }

    free(b.slots);
    free(b.next);
    free(b.hashes);
}

void
expr_matches_destroy(struct expr_matches *ms)
{
    for (size_t i = 0; i < ms->n; i++) {
        free(ms->matches[i].clauses);
    }
    if (ms->matches != ms->stub) {
        free(ms->matches);
    }
    matches_init(ms);
}

void
expr_matches_format(const struct expr_matches *ms, struct ds *s)
{
    for (size_t i = 0; i < ms->n; i++) {
        const struct expr_match *m = &ms->matches[i];

        match_format(&m->match, NULL, s, OFP_DEFAULT_PRIORITY);
        for (size_t j = 0; j < m->n_clauses; j++) {
            const struct expr_clause *clause = &m->clauses[j];
            ds_put_format(s, "%s conjunction(%"PRIu32", %d/%d)",
                          j ? "," : ":",
                          clause->id, clause->clause, clause->n_clauses);
        }
        ds_put_char(s, '\n');
    }
}
