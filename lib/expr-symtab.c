/* SPDX-License-Identifier: Apache-2.0 */

/* Symbols of the logical-flow language: see ovn/expr.h.
 *
 * The functions here trust their callers, which pass constants (the symbol
 * tables of lib/logical-fields.c and of the test driver): a wrong definition
 * is a bug and fails an assertion. */

#include <config.h>
#include "expr-private.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/util.h"

const char *
expr_level_to_string(enum expr_level level)
{
    switch (level) {
    case EXPR_L_NOMINAL: return "nominal";
    case EXPR_L_BOOLEAN: return "Boolean";
    case EXPR_L_ORDINAL: return "ordinal";
    default: OVS_NOT_REACHED();
    }
}

static const struct ovn_field ovn_fields[OVN_FIELD_N_IDS] = {
    { OVN_ICMP4_FRAG_MTU, "icmp4.frag_mtu", 2, 16 },
    { OVN_ICMP6_FRAG_MTU, "icmp6.frag_mtu", 4, 32 },
};

static struct expr_symbol *
add_symbol(struct shash *symtab, const char *name, int width,
           const char *prereqs, enum expr_level level)
{
    ovs_assert(lex_is_valid_word(name));
    ovs_assert(width <= EXPR_MAX_WIDTH);

    struct expr_symbol *symbol = xzalloc(sizeof *symbol);
    symbol->name = xstrdup(name);
    symbol->width = width;
    symbol->prereqs = nullable_xstrdup(prereqs && *prereqs ? prereqs : NULL);
    symbol->level = level;
    atomic_init(&symbol->expansion, NULL);
    shash_add_assert(symtab, symbol->name, symbol);
    return symbol;
}

struct expr_symbol *
expr_symtab_add_field(struct shash *symtab, const char *name,
                      enum mf_field_id id, const char *prereqs,
                      bool must_crossproduct)
{
    const struct mf_field *field = mf_from_id(id);
    struct expr_symbol *symbol;

    symbol = add_symbol(symtab, name, field->n_bits, prereqs,
                        (field->maskable == MFM_FULLY
                         ? EXPR_L_ORDINAL : EXPR_L_NOMINAL));
    symbol->field = field;
    symbol->must_crossproduct = must_crossproduct;
    symbol->rw = field->writable;
    return symbol;
}

struct expr_symbol *
expr_symtab_add_string(struct shash *symtab, const char *name,
                       enum mf_field_id id, const char *prereqs)
{
    const struct mf_field *field = mf_from_id(id);
    struct expr_symbol *symbol;

    symbol = add_symbol(symtab, name, 0, prereqs, EXPR_L_NOMINAL);
    symbol->field = field;
    symbol->rw = field->writable;
    return symbol;
}

struct expr_symbol *
expr_symtab_add_ovn_field(struct shash *symtab, const char *name,
                          enum ovn_field_id id)
{
    const struct ovn_field *ovn_field = &ovn_fields[id];
    struct expr_symbol *symbol;

    symbol = add_symbol(symtab, name, ovn_field->n_bits, NULL,
                        EXPR_L_NOMINAL);
    symbol->ovn_field = ovn_field;
    symbol->rw = true;
    return symbol;
}

struct expr_symbol *
expr_symtab_add_subfield(struct shash *symtab, const char *name,
                         const char *prereqs, const char *subfield)
{
    struct lex_tokens tokens;
    struct lex_cursor cursor;
    struct expr_field f;

    lex_scan(subfield, &tokens);
    lex_cursor_init(&cursor, &tokens);
    bool ok = (expr_parse_field_name(&cursor, symtab, &f)
               && lex_expect_end(&cursor));
    ovs_assert(ok && f.symbol->level == EXPR_L_ORDINAL);
    lex_cursor_destroy(&cursor);
    lex_tokens_destroy(&tokens);

    struct expr_symbol *symbol;
    symbol = add_symbol(symtab, name, f.n_bits, prereqs, EXPR_L_ORDINAL);
    symbol->parent = f.symbol;
    symbol->parent_ofs = f.ofs;
    symbol->must_crossproduct = f.symbol->must_crossproduct;
    symbol->rw = f.symbol->rw;
    return symbol;
}

static bool
refers_to_nominal(const struct expr *e)
{
    if (e->type == EXPR_T_CMP) {
        return e->cmp.symbol->level == EXPR_L_NOMINAL;
    } else if (expr_is_andor(e)) {
        for (size_t i = 0; i < e->n; i++) {
            if (refers_to_nominal(e->subs[i])) {
                return true;
            }
        }
    }
    return false;
}

struct expr_symbol *
expr_symtab_add_predicate(struct shash *symtab, const char *name,
                          const char *expansion)
{
    const struct expr_env env = { .symtab = symtab };
    struct expr_symbol *symbol;
    char *error;

    struct expr *e = expr_parse_text(expansion, &env, &error);
    ovs_assert(e != NULL);
    enum expr_level level = (refers_to_nominal(e)
                             ? EXPR_L_NOMINAL : EXPR_L_BOOLEAN);
    expr_destroy(e);

    symbol = add_symbol(symtab, name, 1, NULL, level);
    symbol->predicate = xstrdup(expansion);
    return symbol;
}

void
expr_symbol_format(const struct expr_symbol *symbol, struct ds *s)
{
    ds_put_format(s, "%s = ", symbol->name);
    if (symbol->parent) {
        struct expr_field f = { symbol->parent, symbol->parent_ofs,
                                symbol->width };
        expr_field_format(&f, s);
    } else if (symbol->predicate) {
        ds_put_cstr(s, symbol->predicate);
    } else {
        ds_put_cstr(s, (symbol->field
                        ? symbol->field->name : symbol->ovn_field->name));
    }
}

void
expr_symtab_destroy(struct shash *symtab)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, symtab) {
        struct expr_symbol *symbol = node->data;
        struct expr *expansion;

        shash_delete(symtab, node);
        atomic_read_relaxed(&symbol->expansion, &expansion);
        expr_destroy(expansion);
        free(symbol->name);
        free(symbol->predicate);
        free(symbol->prereqs);
        free(symbol);
    }
}
