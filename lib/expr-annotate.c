/* SPDX-License-Identifier: Apache-2.0 */

/* Annotation: writes out what symbols stand for and what they require.
 *
 *   - A subfield becomes bits of the field that it is a part of.
 *   - A predicate becomes its expansion.
 *   - The prerequisites of every symbol are ANDed in, and theirs, too.
 *
 * "field == {a, b, c}", which is "field == a || field == b || field == c",
 * gets its prerequisites once, outside of the disjunction.  This is not only
 * shorter.  A disjunction of comparisons of one field may become a dimension
 * of a conjunctive match, and it is one only if nothing else is in it. */

#include <config.h>
#include "expr-private.h"

#include <stdlib.h>

#include "openvswitch/util.h"

/* The symbols whose expansions surround the one at hand, to detect one that
 * needs itself. */
struct nesting {
    const struct nesting *outer;
    const struct expr_symbol *symbol;
};

struct annotator {
    const struct shash *symtab;
    char *error;                /* The first error, or NULL. */
};

static struct expr *annotate(struct annotator *, struct expr *,
                             const struct nesting *);

/* What symbols expand to is written out once and then copied.  It does not
 * depend on what surrounds the symbol but for the detection of recursion, and
 * an expansion that has succeeded once is not recursive.  Failures are not
 * remembered: every text gets its own message. */

static struct expr *
known_expansion(const struct expr_symbol *symbol)
{
    struct expr *e;

    atomic_read_explicit(&CONST_CAST(struct expr_symbol *, symbol)->expansion,
                         &e, memory_order_acquire);
    return e ? expr_clone(e) : NULL;
}

static void
learn_expansion(const struct expr_symbol *symbol_,
                const struct expr *expansion)
{
    struct expr_symbol *symbol = CONST_CAST(struct expr_symbol *, symbol_);
    struct expr *e = expr_clone(expansion);
    struct expr *none = NULL;

    if (!atomic_compare_exchange_strong_explicit(
            &symbol->expansion, &none, e,
            memory_order_acq_rel, memory_order_acquire)) {
        /* Another thread was faster. */
        expr_destroy(e);
    }
}

/* Returns annotated 'text', which is the prerequisite or expansion of the
 * innermost symbol of 'nesting', or NULL on error. */
static struct expr *
expand_text(struct annotator *a, const char *text,
            const struct nesting *nesting)
{
    const struct expr_env env = { .symtab = a->symtab };
    struct expr *e = known_expansion(nesting->symbol);

    if (e) {
        return e;
    }
    for (const struct nesting *n = nesting->outer; n; n = n->outer) {
        if (n->symbol == nesting->symbol) {
            a->error = xasprintf("Recursive expansion of symbol `%s'.",
                                 n->symbol->name);
            return NULL;
        }
    }

    char *error;
    e = expr_parse_text(text, &env, &error);
    if (!e) {
        a->error = xasprintf("Error parsing expression `%s' encountered as "
                             "prerequisite or predicate of initial "
                             "expression: %s", text, error);
        free(error);
        return NULL;
    }
    e = annotate(a, e, nesting);
    if (e) {
        learn_expansion(nesting->symbol, e);
    }
    return e;
}

/* ANDs the prerequisites of 'symbol' and of the symbols that it is a part of
 * to 'e', which it takes.  Returns NULL on error. */
static struct expr *
add_prereqs(struct annotator *a, struct expr *e,
            const struct expr_symbol *symbol, const struct nesting *outer)
{
    for (; symbol; symbol = symbol->parent) {
        if (symbol->prereqs) {
            struct nesting nesting = { outer, symbol };
            struct expr *prereq = expand_text(a, symbol->prereqs, &nesting);
            if (!prereq) {
                expr_destroy(e);
                return NULL;
            }
            e = expr_and(e, prereq);
        }
    }
    return e;
}

/* Turns 'cmp' from a comparison of a subfield into one of its field. */
static void
resolve_subfield(struct expr_cmp *cmp)
{
    while (cmp->symbol->parent) {
        int ofs = cmp->symbol->parent_ofs;

        cmp->value = expr_u128_shift_left(cmp->value, ofs);
        cmp->mask = expr_u128_shift_left(cmp->mask, ofs);
        cmp->symbol = cmp->symbol->parent;
    }
}

static bool
check_matchable(struct annotator *a, const struct expr_symbol *symbol)
{
    if (symbol->ovn_field) {
        a->error = xasprintf("Field %s cannot be matched.", symbol->name);
        return false;
    }
    return true;
}

static struct expr *
annotate_predicate(struct annotator *a, struct expr *e,
                   const struct nesting *outer)
{
    const struct expr_symbol *symbol = e->cmp.symbol;
    struct nesting nesting = { outer, symbol };
    bool positive = ((e->cmp.relop == EXPR_R_EQ)
                     == !ovs_u128_is_zero(e->cmp.value));

    expr_destroy(e);
    e = expand_text(a, symbol->predicate, &nesting);
    return e && !positive ? expr_not(e) : e;
}

static struct expr *
annotate_cmp(struct annotator *a, struct expr *e, const struct nesting *outer)
{
    const struct expr_symbol *symbol = e->cmp.symbol;

    if (symbol->predicate) {
        return annotate_predicate(a, e, outer);
    } else if (!check_matchable(a, symbol)) {
        expr_destroy(e);
        return NULL;
    }
    resolve_subfield(&e->cmp);
    return add_prereqs(a, e, symbol, outer);
}

/* For AND and OR.  The operands that are not annotated yet stay in 'e' while
 * the others move to the result, so that an error can free both. */
static struct expr *
annotate_andor(struct annotator *a, struct expr *e,
               const struct nesting *outer)
{
    const struct expr_symbol *symbol = expr_single_symbol(e);

    if (symbol && !symbol->predicate && check_matchable(a, symbol)) {
        for (size_t i = 0; i < e->n; i++) {
            resolve_subfield(&e->subs[i]->cmp);
        }
        return add_prereqs(a, e, symbol, outer);
    }

    struct expr *result = expr_new_andor(e->type);
    for (size_t i = 0; i < e->n && !a->error; i++) {
        struct expr *sub = e->subs[i];

        e->subs[i] = NULL;
        sub = annotate(a, sub, outer);
        if (sub) {
            expr_add(result, sub);
        }
    }
    expr_destroy(e);
    if (a->error) {
        expr_destroy(result);
        return NULL;
    }
    return expr_finish(result);
}

static struct expr *
annotate(struct annotator *a, struct expr *e, const struct nesting *outer)
{
    switch (e->type) {
    case EXPR_T_CMP:
        return annotate_cmp(a, e, outer);
    case EXPR_T_AND:
    case EXPR_T_OR:
        return annotate_andor(a, e, outer);
    case EXPR_T_BOOLEAN:
    case EXPR_T_RESIDENT:
    default:
        return e;
    }
}

struct expr *
expr_annotate(struct expr *e, const struct shash *symtab, char **errorp)
{
    struct annotator a = { .symtab = symtab };

    e = annotate(&a, e, NULL);
    *errorp = a.error;
    return e;
}

struct expr *
expr_symbol_parse_prereqs(const struct expr_symbol *symbol,
                          const struct shash *symtab, char **errorp)
{
    const struct expr_env env = { .symtab = symtab };
    struct expr *e = known_expansion(symbol);

    if (e) {
        *errorp = NULL;
        return e;
    }
    e = expr_parse_text(symbol->prereqs, &env, errorp);
    if (e) {
        e = expr_annotate(e, symtab, errorp);
    }
    if (e) {
        learn_expansion(symbol, e);
    }
    return e;
}
