/* SPDX-License-Identifier: Apache-2.0 */

/* Building, copying and freeing expression trees. */

#include <config.h>
#include "expr-private.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/util.h"

const char *
expr_relop_to_string(enum expr_relop relop)
{
    static const char *const names[] = {
        [EXPR_R_EQ] = "==",
        [EXPR_R_NE] = "!=",
        [EXPR_R_LT] = "<",
        [EXPR_R_LE] = "<=",
        [EXPR_R_GT] = ">",
        [EXPR_R_GE] = ">=",
    };
    return names[relop];
}

bool
expr_relop_from_token(enum lex_type type, enum expr_relop *relop)
{
    switch ((int) type) {
    case LEX_EQ: *relop = EXPR_R_EQ; return true;
    case LEX_NE: *relop = EXPR_R_NE; return true;
    case LEX_LT: *relop = EXPR_R_LT; return true;
    case LEX_LE: *relop = EXPR_R_LE; return true;
    case LEX_GT: *relop = EXPR_R_GT; return true;
    case LEX_GE: *relop = EXPR_R_GE; return true;
    default: return false;
    }
}

enum expr_relop
expr_relop_turn(enum expr_relop relop)
{
    switch (relop) {
    case EXPR_R_LT: return EXPR_R_GT;
    case EXPR_R_LE: return EXPR_R_GE;
    case EXPR_R_GT: return EXPR_R_LT;
    case EXPR_R_GE: return EXPR_R_LE;
    case EXPR_R_EQ:
    case EXPR_R_NE:
    default:
        return relop;
    }
}

enum expr_relop
expr_relop_invert(enum expr_relop relop)
{
    switch (relop) {
    case EXPR_R_EQ: return EXPR_R_NE;
    case EXPR_R_NE: return EXPR_R_EQ;
    case EXPR_R_LT: return EXPR_R_GE;
    case EXPR_R_LE: return EXPR_R_GT;
    case EXPR_R_GT: return EXPR_R_LE;
    case EXPR_R_GE: return EXPR_R_LT;
    default: OVS_NOT_REACHED();
    }
}

bool
expr_u128_contiguous(ovs_u128 mask, int *ofs, int *n)
{
    if (ovs_u128_is_zero(mask)) {
        return false;
    }

    int width = expr_u128_width(mask);
    int low = mask.u64.lo ? ctz64(mask.u64.lo) : 64 + ctz64(mask.u64.hi);
    if (!ovs_u128_equals(mask, expr_u128_ones(low, width - low))) {
        return false;
    }
    *ofs = low;
    *n = width - low;
    return true;
}

/* Creation. */

static struct expr *
new_expr(enum expr_type type)
{
    struct expr *e = xzalloc(sizeof *e);
    e->type = type;
    return e;
}

struct expr *
expr_new_cmp(const struct expr_symbol *symbol, enum expr_relop relop)
{
    struct expr *e = new_expr(EXPR_T_CMP);
    e->cmp.symbol = symbol;
    e->cmp.relop = relop;
    return e;
}

struct expr *
expr_new_string_cmp(const struct expr_symbol *symbol, enum expr_relop relop,
                    const char *string)
{
    struct expr *e = expr_new_cmp(symbol, relop);
    e->cmp.string = xstrdup(string);
    return e;
}

struct expr *
expr_new_bare(const struct expr_symbol *symbol)
{
    struct expr *e = expr_new_cmp(symbol, EXPR_R_NE);

    ovs_assert(symbol->width == 1);
    e->cmp.mask = expr_u128_ones(0, 1);
    return e;
}

static bool
is_bare(const struct expr *e, const struct expr_symbol *symbol)
{
    return (e->type == EXPR_T_CMP && e->cmp.symbol == symbol
            && e->cmp.relop == EXPR_R_NE
            && ovs_u128_is_zero(e->cmp.value));
}

bool
expr_has_bare(const struct expr *e, const struct expr_symbol *symbol)
{
    if (!e || e->type != EXPR_T_AND) {
        return e && is_bare(e, symbol);
    }
    for (size_t i = 0; i < e->n; i++) {
        if (is_bare(e->subs[i], symbol)) {
            return true;
        }
    }
    return false;
}

struct expr *
expr_new_resident(const char *port, bool negated)
{
    struct expr *e = new_expr(EXPR_T_RESIDENT);
    e->resident.port = xstrdup(port);
    e->resident.negated = negated;
    return e;
}

struct expr *
expr_boolean(bool boolean)
{
    struct expr *e = new_expr(EXPR_T_BOOLEAN);
    e->boolean = boolean;
    return e;
}

bool
expr_is_boolean(const struct expr *e, bool value)
{
    return e->type == EXPR_T_BOOLEAN && e->boolean == value;
}

struct expr *
expr_new_andor(enum expr_type type)
{
    return new_expr(type);
}

void
expr_free_shell(struct expr *andor)
{
    free(andor->subs);
    free(andor);
}

void
expr_add_unmerged(struct expr *andor, struct expr *sub)
{
    if (andor->n >= andor->allocated) {
        if (!andor->allocated) {
            andor->allocated = 2; /* Doubled: few have more than four. */
        }
        andor->subs = x2nrealloc(andor->subs, &andor->allocated,
                                 sizeof *andor->subs);
    }
    andor->subs[andor->n++] = sub;
}

void
expr_add(struct expr *andor, struct expr *sub)
{
    if (sub->type != andor->type) {
        expr_add_unmerged(andor, sub);
        return;
    }
    for (size_t i = 0; i < sub->n; i++) {
        expr_add_unmerged(andor, sub->subs[i]);
    }
    expr_free_shell(sub);
}

struct expr *
expr_finish(struct expr *andor)
{
    struct expr *result = andor;

    if (andor->n < 2) {
        result = (andor->n ? andor->subs[0]
                  : expr_boolean(andor->type == EXPR_T_AND));
        expr_free_shell(andor);
    }
    return result;
}

struct expr *
expr_combine(enum expr_type type, struct expr *a, struct expr *b)
{
    if (!a || !b) {
        return a ? a : b;
    }
    if (a->type != type) {
        struct expr *andor = expr_new_andor(type);
        expr_add(andor, a);
        a = andor;
    }
    expr_add(a, b);
    return a;
}

struct expr *
expr_and(struct expr *a, struct expr *b)
{
    return expr_combine(EXPR_T_AND, a, b);
}

struct expr *
expr_or(struct expr *a, struct expr *b)
{
    return expr_combine(EXPR_T_OR, a, b);
}

/* Negates 'e' in place, by De Morgan's laws. */
struct expr *
expr_not(struct expr *e)
{
    switch (e->type) {
    case EXPR_T_CMP:
        e->cmp.relop = expr_relop_invert(e->cmp.relop);
        break;
    case EXPR_T_AND:
    case EXPR_T_OR:
        e->type = e->type == EXPR_T_AND ? EXPR_T_OR : EXPR_T_AND;
        for (size_t i = 0; i < e->n; i++) {
            e->subs[i] = expr_not(e->subs[i]);
        }
        break;
    case EXPR_T_BOOLEAN:
        e->boolean = !e->boolean;
        break;
    case EXPR_T_RESIDENT:
        e->resident.negated = !e->resident.negated;
        break;
    }
    return e;
}

/* Copying and freeing. */

struct expr *
expr_clone(const struct expr *e)
{
    struct expr *new = xmemdup(e, sizeof *e);

    switch (e->type) {
    case EXPR_T_CMP:
        new->cmp.string = nullable_xstrdup(e->cmp.string);
        break;
    case EXPR_T_AND:
    case EXPR_T_OR:
        new->allocated = e->n;
        new->subs = xmalloc(e->n * sizeof *new->subs);
        for (size_t i = 0; i < e->n; i++) {
            new->subs[i] = expr_clone(e->subs[i]);
        }
        break;
    case EXPR_T_BOOLEAN:
        break;
    case EXPR_T_RESIDENT:
        new->resident.port = xstrdup(e->resident.port);
        break;
    }
    return new;
}

void
expr_destroy(struct expr *e)
{
    if (!e) {
        return;
    }
    switch (e->type) {
    case EXPR_T_CMP:
        free(e->cmp.string);
        break;
    case EXPR_T_AND:
    case EXPR_T_OR:
        for (size_t i = 0; i < e->n; i++) {
            expr_destroy(e->subs[i]);
        }
        free(e->subs);
        break;
    case EXPR_T_BOOLEAN:
        break;
    case EXPR_T_RESIDENT:
        free(e->resident.port);
        break;
    }
    free(e);
}

/* Properties. */

size_t
expr_n_terms(const struct expr *e)
{
    size_t n = 0;

    if (!expr_is_andor(e)) {
        return 1;
    }
    for (size_t i = 0; i < e->n; i++) {
        n += expr_n_terms(e->subs[i]);
    }
    return n;
}

char *
expr_too_big_error(void)
{
    return xasprintf("Expression has more than %u terms when written out.",
                     EXPR_MAX_TERMS);
}

const struct expr_symbol *
expr_single_symbol(const struct expr *andor)
{
    const struct expr_symbol *symbol = NULL;

    for (size_t i = 0; i < andor->n; i++) {
        const struct expr *sub = andor->subs[i];
        if (sub->type != EXPR_T_CMP
            || (symbol && sub->cmp.symbol != symbol)) {
            return NULL;
        }
        symbol = sub->cmp.symbol;
    }
    return symbol;
}
