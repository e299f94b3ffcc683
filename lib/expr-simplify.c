/* SPDX-License-Identifier: Apache-2.0 */

/* Simplification: leaves only "field == constant" (perhaps masked), "&&" and
 * "||".
 *
 * An OpenFlow match can only say "these bits are this".  Other comparisons
 * become disjunctions of that:
 *
 *   - x != C: for each bit, "that bit is not as in C".  Or, for each bit,
 *     "that bit is not as in C, and the bits above it are", for switches that
 *     keep a trie of the field's values.
 *
 *   - x < C: for each 1-bit in C, "that bit is 0 and the bits above it are as
 *     in C".  Such an x is smaller than C, whatever its lower bits are, and
 *     every x < C differs from C first in such a bit.
 *
 *   - x > C: likewise, for each 0-bit.
 *
 *   - x <= C, x >= C: x < C or x > C, or x == C.
 *
 * x < C for the greatest C, and x > 0, are taken as x != C and x != 0: the
 * disjuncts overlap then, but each looks at one bit only. */

#include <config.h>
#include "expr-private.h"

#include "openvswitch/util.h"

/* Adds "symbol == value/mask" to 'or'. */
static void
add_equality(struct expr *or, const struct expr_symbol *symbol,
             ovs_u128 value, ovs_u128 mask)
{
    struct expr *e = expr_new_cmp(symbol, EXPR_R_EQ);
    e->cmp.value = value;
    e->cmp.mask = mask;
    expr_add(or, e);
}

/* Adds to 'or' the values that differ from that of 'cmp' first in bit 'i'. */
static void
add_first_difference(struct expr *or, const struct expr_cmp *cmp, int i)
{
    ovs_u128 above = expr_u128_ones(i, EXPR_MAX_WIDTH - i);
    ovs_u128 mask = ovs_u128_and(cmp->mask, above);
    ovs_u128 value = ovs_u128_and(cmp->value, mask);

    value = expr_u128_xor(value, expr_u128_ones(i, 1));
    add_equality(or, cmp->symbol, value, mask);
}

static void
add_inequality(struct expr *or, const struct expr_cmp *cmp,
               const struct expr_env *env)
{
    for (int i = 0; i < EXPR_MAX_WIDTH; i++) {
        if (!expr_u128_bit(cmp->mask, i)) {
            continue;
        }
        if (env->negates_by_prefix) {
            add_first_difference(or, cmp, i);
        } else {
            ovs_u128 bit = expr_u128_ones(i, 1);
            ovs_u128 value = ovs_u128_and(expr_u128_xor(cmp->value, bit), bit);
            add_equality(or, cmp->symbol, value, bit);
        }
    }
}

/* Adds to 'or' the values below ('less') or above that of 'cmp'. */
static void
add_order(struct expr *or, const struct expr_cmp *cmp, bool less,
          const struct expr_env *env)
{
    ovs_u128 limit = less ? cmp->mask : OVS_U128_ZERO;
    if (ovs_u128_equals(cmp->value, limit)) {
        add_inequality(or, cmp, env);
        return;
    }

    for (int i = 0; i < EXPR_MAX_WIDTH; i++) {
        if (expr_u128_bit(cmp->mask, i)
            && expr_u128_bit(cmp->value, i) == less) {
            add_first_difference(or, cmp, i);
        }
    }
}

static struct expr *
simplify_cmp(struct expr *e, const struct expr_env *env)
{
    const struct expr_cmp *cmp = &e->cmp;
    enum expr_relop relop = cmp->relop;

    if (cmp->string) {
        return e;
    } else if (ovs_u128_is_zero(cmp->mask)) {
        expr_destroy(e);
        return expr_boolean(relop == EXPR_R_EQ);
    } else if (relop == EXPR_R_EQ) {
        return e;
    }

    bool min = ovs_u128_is_zero(cmp->value);
    bool max = ovs_u128_equals(cmp->value, cmp->mask);
    bool always = ((relop == EXPR_R_LE && max) || (relop == EXPR_R_GE && min));
    bool never = ((relop == EXPR_R_LT && min) || (relop == EXPR_R_GT && max));
    if (always || never) {
        expr_destroy(e);
        return expr_boolean(always);
    }

    struct expr *or = expr_new_andor(EXPR_T_OR);
    if (relop == EXPR_R_NE) {
        add_inequality(or, cmp, env);
    } else {
        bool less = relop == EXPR_R_LT || relop == EXPR_R_LE;

        if (relop == EXPR_R_LE || relop == EXPR_R_GE) {
            add_equality(or, cmp->symbol, cmp->value, cmp->mask);
        }
        /* For "x <= 0" and "x >= MAX", the equality is all there is. */
        if (less ? !min : !max) {
            add_order(or, cmp, less, env);
        }
    }
    expr_destroy(e);
    return expr_finish(or);
}

static struct expr *
simplify_andor(struct expr *e, const struct expr_env *env)
{
    /* The operand that decides: "0 && x" is 0, "1 || x" is 1. */
    bool decisive = e->type == EXPR_T_OR;
    struct expr *result = expr_new_andor(e->type);
    bool decided = false;

    for (size_t i = 0; i < e->n; i++) {
        struct expr *sub = e->subs[i];

        if (decided) {
            expr_destroy(sub);
            continue;
        }
        sub = expr_simplify(sub, env);
        if (sub->type == EXPR_T_BOOLEAN) {
            decided = sub->boolean == decisive;
            expr_destroy(sub);
        } else {
            expr_add(result, sub);
        }
    }
    expr_free_shell(e);

    if (decided) {
        expr_destroy(result);
        return expr_boolean(decisive);
    }
    return expr_finish(result);
}

static struct expr *
simplify_resident(struct expr *e, const struct expr_env *env)
{
    bool resident = (env->is_chassis_resident
                     && env->is_chassis_resident(e->resident.port, env->aux));
    struct expr *result = expr_boolean(resident != e->resident.negated);

    expr_destroy(e);
    return result;
}

struct expr *
expr_simplify(struct expr *e, const struct expr_env *env)
{
    switch (e->type) {
    case EXPR_T_CMP:
        return simplify_cmp(e, env);
    case EXPR_T_AND:
    case EXPR_T_OR:
        return simplify_andor(e, env);
    case EXPR_T_RESIDENT:
        return simplify_resident(e, env);
    case EXPR_T_BOOLEAN:
    default:
        return e;
    }
}

/* Whether 'e' is as expr_simplify() returns it. */
static bool
is_simplified(const struct expr *e, bool top)
{
    if (e->type == EXPR_T_CMP) {
        return (e->cmp.relop == EXPR_R_EQ
                && (e->cmp.string || !ovs_u128_is_zero(e->cmp.mask)));
    } else if (!expr_is_andor(e)) {
        return top && e->type == EXPR_T_BOOLEAN;
    }

    if (e->n < 2) {
        return false;
    }
    for (size_t i = 0; i < e->n; i++) {
        if (e->subs[i]->type == e->type || !is_simplified(e->subs[i], false)) {
            return false;
        }
    }
    return true;
}

bool
expr_is_simplified(const struct expr *e)
{
    return is_simplified(e, true);
}
