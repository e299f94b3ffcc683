/* SPDX-License-Identifier: Apache-2.0 */

/* Parser for expressions: text -> tree.
 *
 * The grammar, with the rules that ovn-sb(5) has on parentheses:
 *
 *     expr     := operand | operand {"&&" operand} | operand {"||" operand}
 *     operand  := primary | "!" primary-without-bare-comparison
 *     primary  := "(" expr ")" | comparison | "0" | "1"
 *               | "is_chassis_resident" "(" STRING ")"
 *     comparison := field | field relop constants | constants relop field
 *                 | constant relop field relop constant
 *
 * Negation does not become part of the tree.  The parser knows whether it is
 * inside an odd number of "!"s and then inverts what it builds, so that the
 * check that nominal fields are only tested for equality can be made, and its
 * message refer to the text as it is written. */

#include <config.h>
#include "expr-private.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/util.h"

struct parser {
    struct lex_cursor *c;
    const struct expr_env *env;
    bool negate;                /* Inside an odd number of "!"s? */
    unsigned int depth;         /* Of parentheses. */
    size_t n_terms;             /* Size so far, see EXPR_MAX_TERMS. */
};

static struct expr *parse_expr(struct parser *);

/* Comparisons. */

/* Checks that 'k' has no mask, or none that matters, if 'symbol' is nominal.
 * OpenFlow matches such a field as a whole or not at all: a mask would be left
 * out, and the flow match too much. */
static bool
check_mask(struct parser *p, const struct expr_symbol *symbol,
           const struct expr_constant *k)
{
    if (symbol->level != EXPR_L_NOMINAL || symbol->predicate || !k->masked) {
        return true;
    }

    ovs_u128 ones = expr_u128_ones(0, symbol->width);
    ovs_u128 mask = ovs_u128_and(expr_u128_from_subvalue(&k->mask), ones);
    if (ovs_u128_is_zero(mask) || ovs_u128_equals(mask, ones)) {
        return true;
    }
    lex_error(p->c, "Nominal field %s may not be used with masked constants.",
              symbol->name);
    return false;
}

/* Checks whether "f 'relop' k" makes sense for a nominal or Boolean symbol.
 * 'relop' is as written. */
static bool
check_level(struct parser *p, const struct expr_field *f,
            enum expr_relop relop, const struct expr_constant *k)
{
    const struct expr_symbol *symbol = f->symbol;

    if (symbol->level != EXPR_L_NOMINAL) {
        return true;
    }

    bool positive = (relop == EXPR_R_EQ) != p->negate;
    if (symbol->predicate) {
        if (!(k->value.u8[sizeof k->value - 1] & 1)) {
            positive = !positive;
        }
        if (!positive) {
            lex_error(p->c, "Nominal predicate %s may only be tested "
                      "positively, e.g. `%s' or `%s == 1' but not `!%s' or "
                      "`%s == 0'.", symbol->name, symbol->name, symbol->name,
                      symbol->name, symbol->name);
            return false;
        }
    } else if (!positive) {
        lex_error(p->c, "Nominal field %s may only be tested for equality "
                  "(taking enclosing `!' operators into account).",
                  symbol->name);
        return false;
    }
    return true;
}

static bool
check_order(struct parser *p, const struct expr_field *f,
            const struct expr_constant_set *set)
{
    const struct expr_symbol *symbol = f->symbol;

    if (set->in_curlies) {
        lex_error(p->c, "Only == and != operators may be used with value "
                  "sets.");
        return false;
    } else if (!set->n) {
        lex_error(p->c, "Only == and != operators may be used to compare a "
                  "field against an empty value set.");
        return false;
    } else if (symbol->level != EXPR_L_ORDINAL) {
        lex_error(p->c, "Only == and != operators may be used with %s field "
                  "%s.", expr_level_to_string(symbol->level), symbol->name);
        return false;
    }
    for (size_t i = 0; i < set->n; i++) {
        if (set->values[i].masked) {
            lex_error(p->c, "Only == and != operators may be used with masked "
                      "constants.  Consider using subfields instead (e.g. "
                      "eth.src[0..15] > 0x1111 in place of "
                      "eth.src > 00:00:00:00:11:11/00:00:00:00:ff:ff).");
            return false;
        }
    }
    return true;
}

/* Counts 'cmp', and returns it, or destroys it and returns NULL if there are
 * too many.
 *
 * Simplification takes a comparison other than == into as many as there are
 * bits that it compares.  These, not the bits of the field that the text
 * names, lest the tree be refused in one spelling and not in another. */
static struct expr *
count_cmp(struct parser *p, struct expr *cmp)
{
    size_t n_bits = (cmp->cmp.symbol->width
                     ? count_1bits(cmp->cmp.mask.u64.lo)
                       + count_1bits(cmp->cmp.mask.u64.hi)
                     : 0);

    p->n_terms += cmp->cmp.relop == EXPR_R_EQ ? 1 : MAX(n_bits, 1);
    if (p->n_terms > EXPR_MAX_TERMS) {
        char *error = expr_too_big_error();
        lex_error(p->c, "%s", error);
        free(error);
        expr_destroy(cmp);
        return NULL;
    }
    return cmp;
}

/* Whether "f 'relop' k" is about a sample.  The fields that are like their
 * constants are those that hold addresses, but for registers, which overlap
 * each other. */
static enum expr_sample
get_sample(const struct expr_field *f, enum expr_relop relop,
           const struct expr_constant *k)
{
    const struct expr_symbol *symbol = f->symbol;

    if (!k->sample) {
        return EXPR_S_NONE;
    }
    return (relop == EXPR_R_EQ
            && symbol->field
            && symbol->level == EXPR_L_ORDINAL
            && !mf_is_register(symbol->field->id)
            && f->n_bits == symbol->width
            && symbol->width == expr_format_width(k->format)
            ? EXPR_S_PLAIN : EXPR_S_ODD);
}

/* Returns "f 'relop' k", inverted if the parser is inside of "!". */
static struct expr *
make_cmp(struct parser *p, const struct expr_field *f, enum expr_relop relop,
         const struct expr_constant *k)
{
    if (!check_level(p, f, relop, k) || !check_mask(p, f->symbol, k)) {
        return NULL;
    }
    if (p->negate) {
        relop = expr_relop_invert(relop);
    }
    if (!f->symbol->width) {
        struct expr *e = expr_new_string_cmp(f->symbol, relop, k->string);

        if (k->sample) {
            e->cmp.sample = relop == EXPR_R_EQ ? EXPR_S_PLAIN : EXPR_S_ODD;
        }
        return count_cmp(p, e);
    }

    struct expr *e = expr_new_cmp(f->symbol, relop);
    e->cmp.sample = get_sample(f, relop, k);
    ovs_u128 field_mask = expr_u128_ones(f->ofs, f->n_bits);
    ovs_u128 value = expr_u128_from_subvalue(&k->value);
    ovs_u128 mask = field_mask;
    if (k->masked && !f->symbol->predicate) {
        mask = expr_u128_shift_left(expr_u128_from_subvalue(&k->mask), f->ofs);
        mask = ovs_u128_and(mask, field_mask);
    }
    e->cmp.mask = mask;
    e->cmp.value = ovs_u128_and(expr_u128_shift_left(value, f->ofs), mask);
    return count_cmp(p, e);
}

/* Returns the comparison of 'f' to every constant in 'set', after checking
 * that it makes sense. */
static struct expr *
make_comparison(struct parser *p, const struct expr_field *f,
                enum expr_relop relop, const struct expr_constant_set *set)
{
    bool equality = relop == EXPR_R_EQ || relop == EXPR_R_NE;

    if (!expr_check_constants(p->c, f->symbol, set)
        || (!equality && !check_order(p, f, set))) {
        return NULL;
    }
    if (set->n == 1) {
        return make_cmp(p, f, relop, &set->values[0]);
    }

    struct expr *andor = expr_new_andor((relop == EXPR_R_EQ) != p->negate
                                        ? EXPR_T_OR : EXPR_T_AND);
    for (size_t i = 0; i < set->n; i++) {
        struct expr *e = make_cmp(p, f, relop, &set->values[i]);
        if (!e) {
            expr_destroy(andor);
            return NULL;
        }
        expr_add(andor, e);
    }
    return expr_finish(andor);
}

static bool
parse_relop(struct parser *p, enum expr_relop *relop)
{
    if (!expr_relop_from_token(lex_current(p->c)->type, relop)) {
        lex_syntax_error(p->c, "expecting relational operator.");
        return false;
    }
    lex_advance(p->c);
    return true;
}

static bool
is_relop(struct parser *p)
{
    enum expr_relop relop;

    /* "=" is no operator, but who writes it means one. */
    return (lex_is(p->c, LEX_ASSIGN)
            || expr_relop_from_token(lex_current(p->c)->type, &relop));
}

/* A field that stands alone means "field != 0". */
static struct expr *
make_bare_field(struct parser *p, const struct expr_field *f)
{
    static const struct expr_constant zero;

    if (!f->symbol->width) {
        lex_syntax_error(p->c, "expecting relational operator.");
        return NULL;
    } else if (f->n_bits > 1 && !p->negate) {
        lex_error(p->c, "Explicit `!= 0' is required for inequality test of "
                  "multibit field against 0.");
        return NULL;
    }
    return make_cmp(p, f, EXPR_R_NE, &zero);
}

/* Parses what starts with a field's name. */
static struct expr *
parse_field_first(struct parser *p, bool *comparison)
{
    struct expr_constant_set set;
    struct expr *e = NULL;
    enum expr_relop relop;
    struct expr_field f;

    if (!expr_parse_field_name(p->c, p->env->symtab, &f)) {
        return NULL;
    }
    if (!is_relop(p)) {
        return make_bare_field(p, &f);
    }
    *comparison = true;
    if (parse_relop(p, &relop)
        && expr_parse_constant_set(p->c, p->env, &set)) {
        e = make_comparison(p, &f, relop, &set);
        expr_constant_set_clear(&set);
    }
    return e;
}

static bool
is_range(enum expr_relop r1, enum expr_relop r2)
{
    bool less1 = r1 == EXPR_R_LT || r1 == EXPR_R_LE;
    bool less2 = r2 == EXPR_R_LT || r2 == EXPR_R_LE;
    bool greater1 = r1 == EXPR_R_GT || r1 == EXPR_R_GE;
    bool greater2 = r2 == EXPR_R_GT || r2 == EXPR_R_GE;
    return (less1 && less2) || (greater1 && greater2);
}

/* Parses the rest of a range: 'e1', which it takes, is "constant r1 f", and
 * the current token is another relational operator. */
static struct expr *
parse_range_end(struct parser *p, const struct expr_field *f,
                struct expr *e1, enum expr_relop r1)
{
    struct expr_constant_set set;
    struct expr *e2 = NULL;
    enum expr_relop r2;

    if (parse_relop(p, &r2) && expr_parse_constant_set(p->c, p->env, &set)) {
        if (is_range(r1, r2)) {
            e2 = make_comparison(p, f, r2, &set);
        } else {
            lex_error(p->c, "Range expressions must have the form "
                      "`x < field < y' or `x > field > y', with each `<' "
                      "optionally replaced by `<=' or `>' by `>=').");
        }
        expr_constant_set_clear(&set);
    }
    if (!e2) {
        expr_destroy(e1);
        return NULL;
    }
    return expr_combine(p->negate ? EXPR_T_OR : EXPR_T_AND, e1, e2);
}

/* Whether 'set', which the parser has just passed, is the "0" or "1" of a
 * Boolean constant. */
static bool
is_boolean_constant(const struct expr_constant_set *set)
{
    return (set->n == 1 && !set->in_curlies && !set->is_string
            && !set->values[0].masked
            && set->values[0].format == LEX_DECIMAL
            && lex_value_width(&set->values[0].value) <= 1);
}

/* Parses what starts with a constant. */
static struct expr *
parse_constant_first(struct parser *p, bool *comparison)
{
    struct expr_constant_set set;
    struct expr *e = NULL;
    enum expr_relop relop;
    struct expr_field f;

    if (!expr_parse_constant_set(p->c, p->env, &set)) {
        return NULL;
    }

    if (!is_relop(p) && is_boolean_constant(&set)) {
        e = expr_boolean(lex_value_width(&set.values[0].value) != p->negate);
    } else if (parse_relop(p, &relop)
               && expr_parse_field_name(p->c, p->env->symtab, &f)) {
        *comparison = true;
        e = make_comparison(p, &f, expr_relop_turn(relop), &set);
        if (e && is_relop(p)) {
            e = parse_range_end(p, &f, e, relop);
        }
    }
    expr_constant_set_clear(&set);
    return e;
}

/* The rest. */

static struct expr *
parse_function(struct parser *p)
{
    if (!lex_accept_word(p->c, "is_chassis_resident")) {
        lex_error(p->c, "parsing function name");
        return NULL;
    }
    lex_advance(p->c);          /* "(" */
    if (!lex_is(p->c, LEX_STRING)) {
        lex_syntax_error(p->c, "expecting string.");
        return NULL;
    }
    struct expr *e = expr_new_resident(lex_current(p->c)->text, p->negate);
    lex_advance(p->c);
    if (!lex_expect(p->c, LEX_RPAREN)) {
        expr_destroy(e);
        return NULL;
    }
    return e;
}

static struct expr *
parse_parentheses(struct parser *p)
{
    if (p->depth >= EXPR_MAX_NESTING) {
        lex_error(p->c, "Parentheses nested too deeply.");
        return NULL;
    }

    p->depth++;
    struct expr *e = parse_expr(p);
    p->depth--;

    if (e && !lex_expect(p->c, LEX_RPAREN)) {
        expr_destroy(e);
        return NULL;
    }
    return e;
}

/* Parses a primary.  Sets '*comparison' to true if it is a comparison with an
 * operator and not in parentheses, otherwise leaves it alone. */
static struct expr *
parse_primary(struct parser *p, bool *comparison)
{
    if (lex_accept(p->c, LEX_LPAREN)) {
        return parse_parentheses(p);
    } else if (lex_is(p->c, LEX_WORD)) {
        return (lex_next(p->c)->type == LEX_LPAREN
                ? parse_function(p)
                : parse_field_first(p, comparison));
    } else {
        return parse_constant_first(p, comparison);
    }
}

static struct expr *
parse_operand(struct parser *p)
{
    bool comparison = false;

    if (!lex_accept(p->c, LEX_NOT)) {
        return parse_primary(p, &comparison);
    }

    p->negate = !p->negate;
    struct expr *e = parse_primary(p, &comparison);
    p->negate = !p->negate;

    if (e && comparison) {
        lex_error(p->c, "Missing parentheses around operand of !.");
        expr_destroy(e);
        return NULL;
    }
    return e;
}

static struct expr *
parse_expr(struct parser *p)
{
    struct expr *e = parse_operand(p);
    enum lex_type operator = lex_current(p->c)->type;

    if (!e || (operator != LEX_AND && operator != LEX_OR)) {
        return e;
    }

    enum expr_type type = ((operator == LEX_AND) != p->negate
                           ? EXPR_T_AND : EXPR_T_OR);
    while (lex_accept(p->c, operator)) {
        struct expr *e2 = parse_operand(p);
        if (!e2) {
            expr_destroy(e);
            return NULL;
        }
        e = expr_combine(type, e, e2);
    }
    if (lex_is(p->c, LEX_AND) || lex_is(p->c, LEX_OR)) {
        lex_error(p->c,
                  "&& and || must be parenthesized when used together.");
        expr_destroy(e);
        return NULL;
    }
    return e;
}

/* expr_parse_text() from tokens on; stops after the expression.  On error,
 * which is then in the cursor, returns NULL. */
static struct expr *
parse_tokens(struct lex_cursor *c, const struct expr_env *env)
{
    struct parser p = { .c = c, .env = env };

    struct expr *e = parse_expr(&p);
    if (e && c->error) {
        expr_destroy(e);
        e = NULL;
    }
    return e;
}

struct expr *
expr_parse_text(const char *text, const struct expr_env *env, char **errorp)
{
    struct lex_tokens tokens;
    struct lex_cursor c;

    char *expanded = (env->template_var
                      ? lex_expand_templates(text, env->template_var, env->aux)
                      : NULL);
    lex_scan(expanded ? expanded : text, &tokens);
    lex_cursor_init(&c, &tokens);

    struct expr *e = parse_tokens(&c, env);
    if (e && !lex_expect_end(&c)) {
        expr_destroy(e);
        e = NULL;
    }
    *errorp = lex_steal_error(&c);

    lex_cursor_destroy(&c);
    lex_tokens_destroy(&tokens);
    free(expanded);
    return e;
}
