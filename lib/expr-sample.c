/* SPDX-License-Identifier: Apache-2.0 */

/* What becomes of some members of a set: see "Samples" in ovn/expr.h. */

#include <config.h>
#include "expr-private.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/util.h"

/* Whether all comparisons with samples in parsed 'e' are plain.  Adds to
 * '*n_terms' what 'e' counts against EXPR_MAX_TERMS. */
static bool
are_plain(const struct expr *e, size_t *n_terms)
{
    if (e->type == EXPR_T_CMP) {
        *n_terms += (e->cmp.relop == EXPR_R_EQ ? 1
                     : 1 + count_1bits(e->cmp.mask.u64.lo)
                     + count_1bits(e->cmp.mask.u64.hi));
        return e->cmp.sample != EXPR_S_ODD;
    } else if (!expr_is_andor(e)) {
        return true;
    }
    for (size_t i = 0; i < e->n; i++) {
        if (!are_plain(e->subs[i], n_terms)) {
            return false;
        }
    }
    return true;
}

/* Whether no two members of sets meet in 'term' of a normalized tree, but as
 * alternatives in dimensions. */
static bool
is_additive_term(const struct expr *term)
{
    size_t n_samples = 0, n_dimensions = 0;

    if (term->type != EXPR_T_AND) {
        return true;
    }
    for (size_t i = 0; i < term->n; i++) {
        const struct expr *sub = term->subs[i];

        n_dimensions += sub->type == EXPR_T_OR;
        n_samples += sub->type == EXPR_T_CMP && sub->cmp.sample;
    }
    return !n_samples || (n_samples == 1 && !n_dimensions);
}

static bool
is_additive(const struct expr *e)
{
    if (e->type != EXPR_T_OR) {
        return is_additive_term(e);
    }
    for (size_t i = 0; i < e->n; i++) {
        if (!is_additive_term(e->subs[i])) {
            return false;
        }
    }
    return true;
}

struct expr *
expr_compile_sample(const char *text, const struct expr *prereqs,
                    const struct expr_env *env, size_t *n_terms)
{
    struct expr_normalize_stats stats = { .n_terms = 0 };
    char *error = NULL;
    struct expr *e = expr_parse_text(text, env, &error);

    *n_terms = 0;
    if (e && !are_plain(e, n_terms)) {
        expr_destroy(e);
        return NULL;
    }
    if (e) {
        e = expr_and(e, prereqs ? expr_clone(prereqs) : NULL);
        e = expr_annotate(e, env->symtab, &error);
    }
    if (e) {
        e = expr_normalize_with_stats(expr_simplify(e, env), env, &stats,
                                      &error);
    }
    *n_terms = MAX(*n_terms, stats.n_terms);
    free(error);
    if (e && (stats.samples_met || !is_additive(e))) {
        expr_destroy(e);
        return NULL;
    }
    return e;
}

/* What else there is. */

static void
for_each_cmp(const struct expr *e,
             void (*cb)(const struct expr_cmp *, void *aux), void *aux)
{
    if (e->type == EXPR_T_CMP) {
        cb(&e->cmp, aux);
    } else if (expr_is_andor(e)) {
        for (size_t i = 0; i < e->n; i++) {
            for_each_cmp(e->subs[i], cb, aux);
        }
    }
}

struct beside {
    const struct expr_symbol **symbols; /* Compared with samples. */
    size_t n, allocated;
    void (*cb)(const uint8_t *packed, size_t len, void *aux);
    void *aux;
};

static bool
has_samples(const struct beside *b, const struct expr_symbol *symbol)
{
    for (size_t i = 0; i < b->n; i++) {
        if (b->symbols[i] == symbol) {
            return true;
        }
    }
    return false;
}

static void
note_symbol(const struct expr_cmp *cmp, void *b_)
{
    struct beside *b = b_;

    if (cmp->sample && !has_samples(b, cmp->symbol)) {
        if (b->n >= b->allocated) {
            b->symbols = x2nrealloc(b->symbols, &b->allocated,
                                    sizeof *b->symbols);
        }
        b->symbols[b->n++] = cmp->symbol;
    }
}

/* Writes the low-order 'n' bytes of 'x' to 'bytes'. */
static void
put_u128(ovs_u128 x, size_t n, uint8_t *bytes)
{
    for (size_t i = 0; i < n; i++) {
        bytes[n - 1 - i] = expr_u128_shift_right(x, 8 * i).u64.lo & 0xff;
    }
}

static void
report_other(const struct expr_cmp *cmp, void *b_)
{
    static const enum lex_format formats[] = {
        LEX_IPV4, LEX_ETHERNET, LEX_IPV6
    };
    struct beside *b = b_;

    if (cmp->sample || !has_samples(b, cmp->symbol)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        if (expr_format_width(formats[i]) == cmp->symbol->width) {
            uint8_t packed[EXPR_PACKED_MAX_LEN];
            size_t n = cmp->symbol->width / 8;

            packed[0] = formats[i];
            put_u128(cmp->mask, n, packed + 1);
            put_u128(cmp->value, n, packed + 1 + n);
            b->cb(packed, 1 + 2 * n, b->aux);
        }
    }
}

void
expr_for_each_beside_samples(const struct expr *e,
                             void (*cb)(const uint8_t *packed, size_t len,
                                        void *aux), void *aux)
{
    struct beside b = { .cb = cb, .aux = aux };

    for_each_cmp(e, note_symbol, &b);
    if (b.n) {
        for_each_cmp(e, report_other, &b);
    }
    free(b.symbols);
}
