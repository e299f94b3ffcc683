/* SPDX-License-Identifier: Apache-2.0 */

/* Fields and subfields as operands: see ovn/expr.h. */

#include <config.h>
#include "expr-private.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/util.h"

static bool
parse_subfield(struct lex_cursor *c, struct expr_field *f)
{
    const struct expr_symbol *symbol = f->symbol;
    int low, high;

    if (!symbol->width) {
        lex_error(c, "Cannot select subfield of string field %s.",
                  symbol->name);
        return false;
    }
    if (!lex_expect_int(c, &low)) {
        return false;
    }
    if (lex_accept(c, LEX_ELLIPSIS)) {
        if (!lex_expect_int(c, &high)) {
            return false;
        }
    } else {
        high = low;
    }
    if (!lex_expect(c, LEX_RSQUARE)) {
        return false;
    }

    if (low > high) {
        lex_error(c, "Invalid bit range %d to %d.", low, high);
        return false;
    } else if (high >= symbol->width) {
        lex_error(c, "Cannot select bits %d to %d of %d-bit field %s.",
                  low, high, symbol->width, symbol->name);
        return false;
    } else if (symbol->level == EXPR_L_NOMINAL
               && (low || high + 1 < symbol->width)) {
        lex_error(c, "Cannot select subfield of nominal field %s.",
                  symbol->name);
        return false;
    }
    f->ofs = low;
    f->n_bits = high - low + 1;
    return true;
}

/* Parses a field without its prerequisites into '*f'. */
bool
expr_parse_field_name(struct lex_cursor *c, const struct shash *symtab,
                      struct expr_field *f)
{
    memset(f, 0, sizeof *f);
    if (lex_is(c, LEX_TEMPLATE)) {
        lex_error(c, "Unexpanded template.");
        return false;
    }
    if (lex_is(c, LEX_WORD)) {
        f->symbol = shash_find_data(symtab, lex_current(c)->text);
    }
    if (!f->symbol) {
        lex_syntax_error(c, LEX_NO_FIELD);
        return false;
    }
    lex_advance(c);

    if (lex_accept(c, LEX_LSQUARE)) {
        return parse_subfield(c, f);
    }
    f->n_bits = f->symbol->width;
    return true;
}

/* ANDs what 'symbol' and the symbols that it is a part of require into
 * '*prereqs'. */
static char *
add_prereqs(const struct expr_symbol *symbol, const struct shash *symtab,
            struct expr **prereqs)
{
    for (; symbol; symbol = symbol->parent) {
        if (symbol->prereqs) {
            char *error;
            struct expr *e = expr_symbol_parse_prereqs(symbol, symtab,
                                                       &error);
            if (!e) {
                return error;
            }
            *prereqs = expr_and(*prereqs, e);
        }
    }
    return NULL;
}

bool
expr_field_parse(struct lex_cursor *c, const struct shash *symtab,
                 struct expr_field *f, struct expr **prereqs)
{
    if (!expr_parse_field_name(c, symtab, f)) {
        return false;
    }
    if (prereqs) {
        char *error = add_prereqs(f->symbol, symtab, prereqs);
        if (error) {
            lex_error(c, "%s", error);
            free(error);
            return false;
        }
    }
    return true;
}

void
expr_field_format(const struct expr_field *f, struct ds *s)
{
    ds_put_cstr(s, f->symbol->name);
    if (f->ofs || f->n_bits != f->symbol->width) {
        if (f->n_bits > 1) {
            ds_put_format(s, "[%d..%d]", f->ofs, f->ofs + f->n_bits - 1);
        } else {
            ds_put_format(s, "[%d]", f->ofs);
        }
    }
}

struct mf_subfield
expr_field_resolve(const struct expr_field *f)
{
    const struct expr_symbol *symbol = f->symbol;
    int ofs = f->ofs;

    while (symbol->parent) {
        ofs += symbol->parent_ofs;
        symbol = symbol->parent;
    }

    /* A string's whole field holds the key that stands for it. */
    int n_bits = symbol->width ? f->n_bits : symbol->field->n_bits;
    return (struct mf_subfield) { symbol->field, ofs, n_bits };
}

char *
expr_field_check(const struct expr_field *f, int n_bits, bool rw)
{
    const struct expr_symbol *symbol = f->symbol;

    if (n_bits != f->n_bits) {
        if (n_bits && f->n_bits) {
            return xasprintf("Cannot use %d-bit field %s[%d..%d] "
                             "where %d-bit field is required.",
                             f->n_bits, symbol->name, f->ofs,
                             f->ofs + f->n_bits - 1, n_bits);
        } else if (n_bits) {
            return xasprintf("Cannot use string field %s where numeric "
                             "field is required.", symbol->name);
        } else {
            return xasprintf("Cannot use numeric field %s where string "
                             "field is required.", symbol->name);
        }
    }

    if (symbol->predicate) {
        return xasprintf("Predicate symbol %s used where lvalue required.",
                         symbol->name);
    }

    if (rw) {
        const struct expr_symbol *s = symbol;
        while (s->parent) {
            s = s->parent;
        }
        if (!symbol->rw || !s->rw) {
            return xasprintf("Field %s is not modifiable.", symbol->name);
        }
    }
    return NULL;
}
