/* SPDX-License-Identifier: Apache-2.0 */

/* Normalization: disjunctive normal form.
 *
 * A normalized tree is a disjunction of terms.  A term is a comparison or a
 * conjunction of
 *
 *   - comparisons, at most one for each field, and
 *
 *   - none, or two or more, disjunctions, each of comparisons of one field:
 *     the dimensions of a conjunctive match.  With dimensions of N and M
 *     comparisons, the switch then needs N + M + 1 flows instead of N * M.
 *
 * It is made in two passes.
 *
 * crush() goes through the tree from the bottom up and makes each AND and OR
 * as small as it can be by itself.  In an AND it intersects everything that
 * is about one field: "f == 1/1 && f == {2/2, 4/4}" becomes
 * "f == {3/3, 5/5}".  In an OR it removes comparisons that are there twice.
 *
 * distribute() goes from the top down and gets rid of every OR inside of an
 * AND that cannot be a dimension: one that is about more than one field, one
 * whose field must not be in a dimension (because other fields have it as
 * their prerequisite, and OpenFlow requires that such are matched in one
 * flow), and one that is alone. */

#include <config.h>
#include "expr-private.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "openvswitch/util.h"

/* Two disjunctions about one field are intersected only if this many
 * intersections of two comparisons are enough. */
#define MAX_INTERSECTIONS (1u << 26)

struct normalizer {
    const struct expr_env *env;
    struct expr_normalize_stats stats;
    char *error;                /* Set if the tree is too big. */
};

static struct expr *crush(struct normalizer *, struct expr *);
static struct expr *distribute(struct normalizer *, struct expr *);

/* Takes 'e' and returns something to put in its place, after an error. */
static struct expr *
give_up(struct normalizer *n, struct expr *e)
{
    if (!n->error) {
        n->error = expr_too_big_error();
    }
    expr_destroy(e);
    return expr_boolean(false);
}

/* Sets of comparisons. */

struct cmp_node {
    struct hmap_node hmap_node;
    const struct expr_cmp *cmp;
};

static uint32_t
hash_cmp(const struct expr_cmp *cmp)
{
    uint32_t hash = hash_pointer(cmp->symbol, 0);
    if (cmp->string) {
        return hash_string(cmp->string, hash);
    }
    hash = hash_bytes(&cmp->value, sizeof cmp->value, hash);
    return hash_bytes(&cmp->mask, sizeof cmp->mask, hash);
}

static bool
equal_cmps(const struct expr_cmp *a, const struct expr_cmp *b)
{
    return (a->symbol == b->symbol
            && (a->string
                ? !strcmp(a->string, b->string)
                : (ovs_u128_equals(a->value, b->value)
                   && ovs_u128_equals(a->mask, b->mask))));
}

static const struct cmp_node *
find_cmp(const struct hmap *set, const struct expr_cmp *cmp, uint32_t hash)
{
    const struct cmp_node *node;

    HMAP_FOR_EACH_WITH_HASH (node, hmap_node, hash, set) {
        if (equal_cmps(node->cmp, cmp)) {
            return node;
        }
    }
    return NULL;
}

/* Whether 'or' has as few operands as most have, all of them comparisons and
 * no two alike. */
static bool
is_small_and_unique(const struct expr *or)
{
    if (or->n > 4) {
        return false;
    }
    for (size_t i = 0; i < or->n; i++) {
        if (or->subs[i]->type != EXPR_T_CMP) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (equal_cmps(&or->subs[j]->cmp, &or->subs[i]->cmp)) {
                return false;
            }
        }
    }
    return true;
}

/* Removes comparisons that are there twice from 'or'. */
static void
remove_duplicates(struct expr *or)
{
    if (is_small_and_unique(or)) {
        return;
    }

    struct hmap seen = HMAP_INITIALIZER(&seen);
    struct cmp_node *nodes = xmalloc(or->n * sizeof *nodes);
    size_t kept = 0;

    hmap_reserve(&seen, or->n);
    for (size_t i = 0; i < or->n; i++) {
        struct expr *sub = or->subs[i];
        bool duplicate = false;

        if (sub->type == EXPR_T_CMP) {
            uint32_t hash = hash_cmp(&sub->cmp);

            duplicate = find_cmp(&seen, &sub->cmp, hash) != NULL;
            if (!duplicate) {
                nodes[i].cmp = &sub->cmp;
                hmap_insert(&seen, &nodes[i].hmap_node, hash);
            }
        }
        if (duplicate) {
            expr_destroy(sub);
        } else {
            or->subs[kept++] = sub;
        }
    }
    or->n = kept;
    hmap_destroy(&seen);
    free(nodes);
}

/* Comparisons that cover others.
 *
 * "f == 1/1" covers "f == 3/3": whatever the second matches, the first does.
 * When "f != {1, 2, 3}" is written out, most of the comparisons that come of
 * it are covered by another one. */

/* More look-ups than this are not worth the flows that they would save. */
#define MAX_LOOKUPS (1u << 24)

static int
compare_masks(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(ovs_u128));
}

/* Stores the masks of the 'n' comparisons in 'es' in 'masks', each once, and
 * returns how many there are. */
static size_t
get_masks(struct expr *const *es, size_t n, ovs_u128 *masks)
{
    size_t n_masks = 0;

    for (size_t i = 0; i < n; i++) {
        masks[i] = es[i]->cmp.mask;
    }
    qsort(masks, n, sizeof *masks, compare_masks);
    for (size_t i = 0; i < n; i++) {
        if (!n_masks || !ovs_u128_equals(masks[i], masks[n_masks - 1])) {
            masks[n_masks++] = masks[i];
        }
    }
    return n_masks;
}

/* Comparisons of one field with numbers, in which covers are looked up. */
struct cover {
    struct hmap set;
    struct cmp_node *nodes;
    ovs_u128 *masks;
    size_t n_masks;
};

static void
cover_init(struct cover *c, struct expr *const *es, size_t n)
{
    hmap_init(&c->set);
    hmap_reserve(&c->set, n);
    c->nodes = xmalloc(n * sizeof *c->nodes);
    for (size_t i = 0; i < n; i++) {
        c->nodes[i].cmp = &es[i]->cmp;
        hmap_insert(&c->set, &c->nodes[i].hmap_node, hash_cmp(&es[i]->cmp));
    }
    c->masks = xmalloc(n * sizeof *c->masks);
    c->n_masks = get_masks(es, n, c->masks);
}

static void
cover_uninit(struct cover *c)
{
    hmap_destroy(&c->set);
    free(c->nodes);
    free(c->masks);
}

/* Whether a comparison in 'c' covers 'cmp'; with 'strictly', another one. */
static bool
covers(const struct cover *c, const struct expr_cmp *cmp, bool strictly)
{
    for (size_t i = 0; i < c->n_masks; i++) {
        const struct expr_cmp wider = {
            .symbol = cmp->symbol,
            .value = ovs_u128_and(cmp->value, c->masks[i]),
            .mask = ovs_u128_and(cmp->mask, c->masks[i]),
        };

        if (ovs_u128_equals(wider.mask, c->masks[i])
            && !(strictly && ovs_u128_equals(wider.mask, cmp->mask))
            && find_cmp(&c->set, &wider, hash_cmp(&wider))) {
            return true;
        }
    }
    return false;
}

/* Removes what is covered from 'or', all of whose operands are comparisons of
 * one field with numbers, no two alike. */
static void
remove_covered(struct expr *or)
{
    struct cover c;

    cover_init(&c, or->subs, or->n);
    if (c.n_masks > 1 && c.n_masks <= MAX_LOOKUPS / or->n) {
        bool *covered = xmalloc(or->n * sizeof *covered);
        size_t kept = 0;

        for (size_t i = 0; i < or->n; i++) {
            covered[i] = covers(&c, &or->subs[i]->cmp, true);
        }
        for (size_t i = 0; i < or->n; i++) {
            if (covered[i]) {
                expr_destroy(or->subs[i]);
            } else {
                or->subs[kept++] = or->subs[i];
            }
        }
        or->n = kept;
        free(covered);
    }
    cover_uninit(&c);
}

/* Intersection. */

/* Returns "a && b", for comparisons of one symbol, or NULL if that is
 * false. */
static struct expr *
intersect_cmps(const struct expr *a, const struct expr *b)
{
    if (a->cmp.string) {
        return strcmp(a->cmp.string, b->cmp.string) ? NULL : expr_clone(a);
    }

    ovs_u128 common = ovs_u128_and(a->cmp.mask, b->cmp.mask);
    ovs_u128 differ = expr_u128_xor(a->cmp.value, b->cmp.value);
    if (!ovs_u128_is_zero(ovs_u128_and(common, differ))) {
        return NULL;
    }

    struct expr *e = expr_new_cmp(a->cmp.symbol, EXPR_R_EQ);
    e->cmp.value = expr_u128_or(a->cmp.value, b->cmp.value);
    e->cmp.mask = expr_u128_or(a->cmp.mask, b->cmp.mask);
    return e;
}

/* The symbol if 'e' is a comparison or a disjunction of comparisons of one
 * symbol, else NULL. */
static const struct expr_symbol *
get_symbol(const struct expr *e)
{
    return (e->type == EXPR_T_CMP ? e->cmp.symbol
            : e->type == EXPR_T_OR ? expr_single_symbol(e)
            : NULL);
}

/* Whether all comparisons in 'es', for one symbol, have the mask of 'cmp'. */
static bool
have_mask(struct expr *const *es, size_t n, const struct expr_cmp *cmp)
{
    for (size_t i = 0; i < n && !cmp->string; i++) {
        if (!ovs_u128_equals(es[i]->cmp.mask, cmp->mask)) {
            return false;
        }
    }
    return true;
}

/* Adds to 'or' what is in both 'as' and 'bs', whose masks are all the same,
 * so that two of them intersect only if they are equal. */
static void
intersect_equal(struct expr *or, struct expr *const *as, size_t n_as,
                struct expr *const *bs, size_t n_bs)
{
    struct hmap in_b = HMAP_INITIALIZER(&in_b);
    struct cmp_node *nodes = xmalloc(n_bs * sizeof *nodes);

    hmap_reserve(&in_b, n_bs);
    for (size_t i = 0; i < n_bs; i++) {
        nodes[i].cmp = &bs[i]->cmp;
        hmap_insert(&in_b, &nodes[i].hmap_node, hash_cmp(nodes[i].cmp));
    }
    for (size_t i = 0; i < n_as; i++) {
        if (find_cmp(&in_b, &as[i]->cmp, hash_cmp(&as[i]->cmp))) {
            expr_add(or, expr_clone(as[i]));
        }
    }
    hmap_destroy(&in_b);
    free(nodes);
}

/* Adds to 'or' the intersection of each of 'as' with each of 'bs'.  False if
 * that is too much. */
static bool
intersect_pairwise(struct expr *or, struct expr *const *as, size_t n_as,
                   struct expr *const *bs, size_t n_bs)
{
    if (n_as > MAX_INTERSECTIONS / n_bs) {
        return false;
    }
    for (size_t i = 0; i < n_as; i++) {
        for (size_t j = 0; j < n_bs; j++) {
            struct expr *e = intersect_cmps(as[i], bs[j]);
            if (e) {
                expr_add(or, e);
            }
        }
        if (or->n > EXPR_MAX_TERMS) {
            return false;
        }
    }
    return true;
}

/* Adds to 'or' those of the 'n' in 'es' that 'c' covers.  Returns how many
 * others there are, which it stores in 'others'. */
static size_t
take_covered(struct expr *or, struct expr *const *es, size_t n,
             const struct cover *c, struct expr **others)
{
    size_t n_others = 0;

    for (size_t i = 0; i < n; i++) {
        if (covers(c, &es[i]->cmp, false)) {
            expr_add(or, expr_clone(es[i]));
        } else {
            others[n_others++] = es[i];
        }
    }
    return n_others;
}

/* Adds to 'or' the intersection of 'as' and 'bs', but for some that others
 * cover.  One of 'as' that one of 'bs' covers is in it itself, and covers all
 * that comes of it otherwise; so only the rest of either is intersected, which
 * is little where two sets have much in common, as "f != 1" and "f != 2". */
static bool
intersect_rest(struct expr *or, struct expr *const *as, size_t n_as,
               struct expr *const *bs, size_t n_bs)
{
    struct expr **a_rest = xmalloc(n_as * sizeof *a_rest);
    struct expr **b_rest = xmalloc(n_bs * sizeof *b_rest);
    struct cover a_cover, b_cover;
    bool ok = true;

    cover_init(&a_cover, as, n_as);
    cover_init(&b_cover, bs, n_bs);
    if (b_cover.n_masks > MAX_LOOKUPS / n_as
        || a_cover.n_masks > MAX_LOOKUPS / n_bs) {
        ok = intersect_pairwise(or, as, n_as, bs, n_bs);
    } else {
        size_t n_a = take_covered(or, as, n_as, &b_cover, a_rest);
        size_t n_b = take_covered(or, bs, n_bs, &a_cover, b_rest);

        if (n_a && n_b) {
            ok = intersect_pairwise(or, a_rest, n_a, b_rest, n_b);
        }
    }
    cover_uninit(&a_cover);
    cover_uninit(&b_cover);
    free(a_rest);
    free(b_rest);
    return ok;
}

static bool
have_sample(struct expr *const *es, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (es[i]->cmp.sample) {
            return true;
        }
    }
    return false;
}

/* Returns "a && b", which it takes, for trees that get_symbol() finds to be
 * about one symbol. */
static struct expr *
intersect(struct normalizer *n, struct expr *a, struct expr *b)
{
    struct expr **as = a->type == EXPR_T_OR ? a->subs : &a;
    struct expr **bs = b->type == EXPR_T_OR ? b->subs : &b;
    size_t n_as = a->type == EXPR_T_OR ? a->n : 1;
    size_t n_bs = b->type == EXPR_T_OR ? b->n : 1;
    bool ok = true;

    n->stats.samples_met |= have_sample(as, n_as) || have_sample(bs, n_bs);
    if (a->type == EXPR_T_CMP && b->type == EXPR_T_CMP) {
        struct expr *e = intersect_cmps(a, b);

        expr_destroy(a);
        expr_destroy(b);
        return e ? e : expr_boolean(false);
    }

    const bool reduce = n->env->leaves_out_covered && !as[0]->cmp.string;
    struct expr *or = expr_new_andor(EXPR_T_OR);
    if (have_mask(as, n_as, &as[0]->cmp) && have_mask(bs, n_bs, &as[0]->cmp)) {
        intersect_equal(or, as, n_as, bs, n_bs);
    } else if (reduce) {
        ok = intersect_rest(or, as, n_as, bs, n_bs);
    } else {
        ok = intersect_pairwise(or, as, n_as, bs, n_bs);
    }
    expr_destroy(a);
    expr_destroy(b);
    if (!ok) {
        return give_up(n, or);
    }
    remove_duplicates(or);
    if (reduce && or->n) {
        remove_covered(or);
    }
    return expr_finish(or);
}

/* Crushing. */

/* Orders the operands of an AND: by symbol, comparisons before disjunctions
 * and small before big; at the end what is about several symbols.  What
 * remains equal is alike. */
static int
compare_operands(const void *a_, const void *b_)
{
    const struct expr *a = *(const struct expr *const *) a_;
    const struct expr *b = *(const struct expr *const *) b_;
    const struct expr_symbol *as = get_symbol(a);
    const struct expr_symbol *bs = get_symbol(b);

    if (!as || !bs) {
        return !as - !bs;
    }
    int cmp = strcmp(as->name, bs->name);
    if (cmp) {
        return cmp;
    } else if (a->type != b->type) {
        return a->type == EXPR_T_CMP ? -1 : 1;
    } else if (a->type == EXPR_T_OR) {
        return a->n < b->n ? -1 : a->n > b->n;
    } else {
        return 0;
    }
}

/* Crushes 'and', whose operands are crushed. */
static struct expr *
crush_and(struct normalizer *n, struct expr *and)
{
    struct expr *result = expr_new_andor(EXPR_T_AND);
    struct expr *last = NULL;   /* The last operand in 'result', not yet in. */
    bool false_ = false;

    qsort(and->subs, and->n, sizeof *and->subs, compare_operands);
    for (size_t i = 0; i < and->n; i++) {
        struct expr *sub = and->subs[i];

        if (false_) {
            expr_destroy(sub);
            continue;
        }
        if (sub->type == EXPR_T_BOOLEAN) {
            false_ = !sub->boolean;
            expr_destroy(sub);
        } else if (last && get_symbol(sub)
                   && get_symbol(sub) == get_symbol(last)) {
            last = intersect(n, last, sub);
            if (last->type == EXPR_T_BOOLEAN) {
                false_ = true;
            }
        } else {
            if (last) {
                expr_add(result, last);
            }
            last = sub;
        }
    }
    if (last) {
        expr_add(result, last);
    }
    expr_free_shell(and);

    if (false_) {
        expr_destroy(result);
        return expr_boolean(false);
    }
    return expr_finish(result);
}

/* Whether all of 'or', which may contain ORs, is about one symbol, which is
 * '*symbol' if that is nonnull. */
static bool
is_about_one_symbol(const struct expr *or, const struct expr_symbol **symbol)
{
    for (size_t i = 0; i < or->n; i++) {
        const struct expr *sub = or->subs[i];

        if (sub->type == EXPR_T_OR) {
            if (!is_about_one_symbol(sub, symbol)) {
                return false;
            }
        } else if (sub->type != EXPR_T_CMP
                   || (*symbol && sub->cmp.symbol != *symbol)) {
            return false;
        } else {
            *symbol = sub->cmp.symbol;
        }
    }
    return true;
}

/* Crushes 'or', whose operands are crushed.
 *
 * An operand may be an OR, too, if that is what an AND has been crushed to.
 * It is merged with 'or' if everything is about one field, because then the
 * whole is a dimension.  Otherwise it is left as it is, and distribute() can
 * still make it a dimension by itself. */
static struct expr *
crush_or(struct expr *or)
{
    const struct expr_symbol *symbol = NULL;
    bool merge = is_about_one_symbol(or, &symbol);
    struct expr *result = expr_new_andor(EXPR_T_OR);
    bool true_ = false;

    for (size_t i = 0; i < or->n; i++) {
        struct expr *sub = or->subs[i];

        if (true_ || sub->type == EXPR_T_BOOLEAN) {
            true_ = true_ || sub->boolean;
            expr_destroy(sub);
        } else if (merge) {
            expr_add(result, sub);
        } else {
            expr_add_unmerged(result, sub);
        }
    }
    expr_free_shell(or);

    if (true_) {
        expr_destroy(result);
        return expr_boolean(true);
    }
    remove_duplicates(result);
    return expr_finish(result);
}

static struct expr *
crush(struct normalizer *n, struct expr *e)
{
    if (!expr_is_andor(e)) {
        return e;
    }

    if (e->type == EXPR_T_OR) {
        for (size_t i = 0; i < e->n; i++) {
            e->subs[i] = crush(n, e->subs[i]);
        }
        return crush_or(e);
    }

    /* An operand may be crushed to an AND, with which expr_add() merges. */
    struct expr *and = expr_new_andor(EXPR_T_AND);
    for (size_t i = 0; i < e->n; i++) {
        expr_add(and, crush(n, e->subs[i]));
    }
    expr_free_shell(e);
    return crush_and(n, and);
}

/* Distribution. */

/* Finds an operand of 'and' that must be distributed.  Returns its index, or
 * SIZE_MAX if there is none. */
static size_t
find_undimensional(const struct expr *and)
{
    size_t n_dimensions = 0;
    size_t dimension = SIZE_MAX;

    for (size_t i = 0; i < and->n; i++) {
        const struct expr *sub = and->subs[i];

        if (sub->type == EXPR_T_OR) {
            const struct expr_symbol *symbol = expr_single_symbol(sub);
            if (!symbol || symbol->must_crossproduct) {
                return i;
            }
            n_dimensions++;
            dimension = i;
        }
    }
    return n_dimensions == 1 ? dimension : SIZE_MAX;
}

/* Returns the conjunction of 'd', which it takes, and copies of the operands
 * of 'and' other than the one at 'skip'. */
static struct expr *
make_term(struct normalizer *n, const struct expr *and, size_t skip,
          struct expr *d)
{
    struct expr *term = expr_new_andor(EXPR_T_AND);
    bool simple = d->type == EXPR_T_CMP;

    for (size_t i = 0; i < and->n; i++) {
        if (i != skip) {
            expr_add(term, expr_clone(and->subs[i]));
            if (simple && get_symbol(and->subs[i]) == d->cmp.symbol) {
                simple = false;
            }
        }
    }
    expr_add(term, d);

    n->stats.n_terms += expr_n_terms(term);
    if (n->stats.n_terms > EXPR_MAX_TERMS) {
        return give_up(n, term);
    }

    /* If 'd' brings in just one more field, there is nothing to crush. */
    return simple ? expr_finish(term) : crush_and(n, term);
}

static struct expr *
distribute_and(struct normalizer *n, struct expr *and)
{
    size_t index = find_undimensional(and);
    if (index == SIZE_MAX) {
        return and;
    }

    struct expr *or = and->subs[index];
    struct expr *result = expr_new_andor(EXPR_T_OR);
    for (size_t i = 0; i < or->n; i++) {
        struct expr *d = or->subs[i];

        or->subs[i] = NULL;
        if (n->error) {
            expr_destroy(d);
            continue;
        }
        struct expr *term = distribute(n, make_term(n, and, index, d));
        if (term->type == EXPR_T_BOOLEAN) {
            /* A conjunction with a disjunct can become false, not true. */
            expr_destroy(term);
        } else {
            expr_add(result, term);
        }
    }
    expr_destroy(and);
    return expr_finish(result);
}

static struct expr *
distribute(struct normalizer *n, struct expr *e)
{
    if (e->type == EXPR_T_AND) {
        return distribute_and(n, e);
    } else if (e->type != EXPR_T_OR) {
        return e;
    }

    struct expr *result = expr_new_andor(EXPR_T_OR);
    for (size_t i = 0; i < e->n; i++) {
        struct expr *sub = distribute(n, e->subs[i]);
        if (expr_is_boolean(sub, false)) {
            expr_destroy(sub);
        } else {
            expr_add(result, sub);
        }
    }
    expr_free_shell(e);
    return expr_finish(result);
}

struct expr *
expr_normalize(struct expr *e, const struct expr_env *env, char **errorp)
{
    return expr_normalize_with_stats(e, env, NULL, errorp);
}

struct expr *
expr_normalize_with_stats(struct expr *e, const struct expr_env *env,
                          struct expr_normalize_stats *stats, char **errorp)
{
    struct normalizer n = { .env = env };

    e = distribute(&n, crush(&n, e));
    *errorp = n.error;
    if (stats) {
        *stats = n.stats;
    }
    if (n.error) {
        expr_destroy(e);
        return NULL;
    }
    return e;
}

static bool
is_normalized_term(const struct expr *e)
{
    size_t n_dimensions = 0;

    if (e->type == EXPR_T_CMP) {
        return true;
    } else if (e->type != EXPR_T_AND) {
        return false;
    }
    for (size_t i = 0; i < e->n; i++) {
        const struct expr *sub = e->subs[i];
        const struct expr_symbol *symbol = get_symbol(sub);

        if (!symbol || (i && get_symbol(e->subs[i - 1]) == symbol)) {
            return false;
        }
        if (sub->type == EXPR_T_OR) {
            if (symbol->must_crossproduct) {
                return false;
            }
            n_dimensions++;
        }
    }
    return n_dimensions != 1;
}

bool
expr_is_normalized(const struct expr *e)
{
    if (e->type == EXPR_T_BOOLEAN) {
        return true;
    } else if (!expr_is_simplified(e)) {
        return false;
    } else if (e->type != EXPR_T_OR) {
        return is_normalized_term(e);
    }
    for (size_t i = 0; i < e->n; i++) {
        if (!is_normalized_term(e->subs[i])) {
            return false;
        }
    }
    return true;
}
