/* SPDX-License-Identifier: Apache-2.0 */

/* Constants and sets of constants: see ovn/expr.h. */

#include <config.h>
#include "expr-private.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/util.h"
#include "util.h"

/* Constants. */

void
expr_constant_destroy(struct expr_constant *c)
{
    if (c) {
        free(c->string);
        c->string = NULL;
    }
}

static void
format_constant(const struct expr_constant *c, struct ds *s)
{
    if (c->string) {
        lex_string_format(c->string, s);
    } else {
        lex_constant_format(&c->value, c->masked ? &c->mask : NULL, c->format,
                            s);
    }
}

/* 'f' is not needed to format a constant, because the constant knows how it
 * was written; it says whose constant this is. */
void
expr_constant_format(const struct expr_constant *c,
                     const struct expr_field *f OVS_UNUSED, struct ds *s)
{
    format_constant(c, s);
}

static void
constant_from_token(const struct lex_token *token, struct expr_constant *c)
{
    if (token->type == LEX_STRING) {
        memset(c, 0, sizeof *c);
        c->string = xstrdup(token->text);
    } else {
        c->string = NULL;
        c->sample = false;
        c->format = token->format;
        c->masked = token->type == LEX_MASKED;
        c->value = token->value;
        if (c->masked) {
            c->mask = token->mask;
        } else {
            memset(&c->mask, 0, sizeof c->mask);
        }
    }
}

/* Packed constants: the format, the mask (all ones if there is none) and the
 * value, as many bytes of them as the format has. */

int
expr_format_width(enum lex_format format)
{
    switch (format) {
    case LEX_IPV4:
        return 32;
    case LEX_ETHERNET:
        return 48;
    case LEX_IPV6:
        return 128;
    case LEX_DECIMAL:
    case LEX_HEXADECIMAL:
    default:
        return 0;
    }
}

static size_t
packed_bytes(enum lex_format format)
{
    int width = expr_format_width(format);
    return width ? width / 8 : 16;
}

size_t
expr_constant_pack(const struct expr_constant *c,
                   uint8_t packed[EXPR_PACKED_MAX_LEN])
{
    size_t n = packed_bytes(c->format);
    uint8_t *mask = packed + 1;
    uint8_t *value = mask + n;

    packed[0] = c->format;
    if (c->masked) {
        memcpy(mask, &c->mask.u8[sizeof c->mask - n], n);
    } else {
        memset(mask, 0xff, n);
    }
    memcpy(value, &c->value.u8[sizeof c->value - n], n);
    for (size_t i = 0; i < n && expr_format_width(c->format); i++) {
        value[i] &= mask[i];
    }
    return 1 + 2 * n;
}

void
expr_constant_unpack(const uint8_t *packed, size_t len,
                     struct expr_constant *c)
{
    size_t n = packed_bytes(packed[0]);
    const uint8_t *mask = packed + 1;

    ovs_assert(len == 1 + 2 * n);
    memset(c, 0, sizeof *c);
    c->format = packed[0];
    c->masked = !is_all_ones(mask, n);
    if (c->masked) {
        memcpy(&c->mask.u8[sizeof c->mask - n], mask, n);
    }
    memcpy(&c->value.u8[sizeof c->value - n], mask + n, n);
}

/* Sets. */

void
expr_constant_set_clear(struct expr_constant_set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        free(set->values[i].string);
    }
    free(set->values);
    set->values = NULL;
    set->n = 0;
}

void
expr_constant_set_destroy(struct expr_constant_set *set)
{
    if (set) {
        expr_constant_set_clear(set);
        free(set);
    }
}

void
expr_constant_set_format(const struct expr_constant_set *set, struct ds *s)
{
    bool curlies = set->in_curlies || set->n != 1;

    if (curlies) {
        ds_put_char(s, '{');
    }
    for (size_t i = 0; i < set->n; i++) {
        if (i) {
            ds_put_cstr(s, ", ");
        }
        format_constant(&set->values[i], s);
    }
    if (curlies) {
        ds_put_char(s, '}');
    }
}

/* Appends an uninitialized constant to 'set', whose 'values' always have
 * room for the next power of 2. */
static struct expr_constant *
append_constant(struct expr_constant_set *set)
{
    if (!(set->n & (set->n - 1))) {
        set->values = xrealloc(set->values, ((set->n ? set->n * 2 : 1)
                                             * sizeof *set->values));
    }
    return &set->values[set->n++];
}

struct expr_constant_set *
expr_constant_set_create(size_t n)
{
    struct expr_constant_set *set = xzalloc(sizeof *set);

    set->in_curlies = true;
    set->values = xcalloc(MAX(n, 1), sizeof *set->values);
    set->n = n;
    return set;
}

struct expr_constant_set *
expr_constant_set_from_ports(const char *const *names, size_t n)
{
    struct expr_constant_set *set = xzalloc(sizeof *set);

    set->in_curlies = true;
    set->is_string = true;
    for (size_t i = 0; i < n; i++) {
        struct expr_constant *c = append_constant(set);
        memset(c, 0, sizeof *c);
        c->string = xstrdup(names[i]);
    }
    return set;
}

/* Returns NULL and sets '*c', or an error (caller frees). */
char *
expr_constant_from_address(const char *address, struct expr_constant *c)
{
    struct lex_tokens tokens;
    char *error = NULL;

    lex_scan(address, &tokens);
    const struct lex_token *token = &tokens.tokens[0];
    if (token->type == LEX_INTEGER || token->type == LEX_MASKED) {
        constant_from_token(token, c);
    } else {
        error = xasprintf("Invalid constant set entry: '%s'%s%s",
                          address, token->type == LEX_BAD ? ": " : "",
                          token->type == LEX_BAD ? token->text : "");
    }
    lex_tokens_destroy(&tokens);
    return error;
}

struct expr_constant_set *
expr_constant_set_from_addresses(const char *const *addresses, size_t n,
                                 char **errors)
{
    struct expr_constant_set *set = xzalloc(sizeof *set);
    struct ds s = DS_EMPTY_INITIALIZER;

    set->in_curlies = true;
    for (size_t i = 0; i < n; i++) {
        struct expr_constant c;
        char *error = expr_constant_from_address(addresses[i], &c);

        if (!error) {
            *append_constant(set) = c;
        } else {
            ds_put_format(&s, "%s\n", error);
            free(error);
        }
    }

    if (errors) {
        *errors = s.length ? ds_steal_cstr(&s) : NULL;
    }
    ds_destroy(&s);
    return set;
}

/* Parsing. */

/* Checks that a constant of the kind 'is_string' may be added to 'set', whose
 * first constant decides what the others must be. */
static bool
check_kind(struct lex_cursor *c, struct expr_constant_set *set, bool is_string)
{
    if (!set->n) {
        set->is_string = is_string;
    } else if (set->is_string != is_string) {
        lex_syntax_error(c, "expecting %s.",
                         set->is_string ? "string" : "integer");
        return false;
    }
    return true;
}

/* Adds the constants of an address set or port group to 'set'.  An empty one
 * says nothing about the kind of the others; alone, an empty port group is one
 * of strings all the same. */
static bool
add_named_set(struct lex_cursor *c, const struct expr_env *env,
              struct expr_constant_set *set)
{
    const struct lex_token *token = lex_current(c);
    bool is_string = token->type == LEX_PORT_GROUP;
    const struct expr_constant_set *named = NULL;

    if (set->n && set->is_string != is_string) {
        return check_kind(c, set, is_string);
    }
    if (is_string && env->port_group) {
        named = env->port_group(token->text, env->aux);
    } else if (!is_string && env->address_set) {
        named = env->address_set(token->text, env->aux);
    }
    if (!named) {
        lex_syntax_error(c, "expecting %s name.",
                         is_string ? "port group" : "address set");
        return false;
    }
    if (named->n || (is_string && !set->n)) {
        check_kind(c, set, is_string);
    }
    for (size_t i = 0; i < named->n; i++) {
        struct expr_constant *new = append_constant(set);
        *new = named->values[i];
        new->string = nullable_xstrdup(new->string);
    }
    lex_advance(c);
    return true;
}

static bool
parse_constant(struct lex_cursor *c, const struct expr_env *env,
               struct expr_constant_set *set)
{
    const struct lex_token *token = lex_current(c);

    switch ((int) token->type) {
    case LEX_STRING:
    case LEX_INTEGER:
    case LEX_MASKED:
        if (!check_kind(c, set, token->type == LEX_STRING)) {
            return false;
        }
        constant_from_token(token, append_constant(set));
        lex_advance(c);
        return true;

    case LEX_ADDRESS_SET:
    case LEX_PORT_GROUP:
        return add_named_set(c, env, set);

    case LEX_TEMPLATE:
        lex_error(c, "Unexpanded template.");
        return false;

    default:
        lex_syntax_error(c, "expecting constant.");
        return false;
    }
}

/* Parses CONSTANT or {CONSTANT[,]...} into '*set', which it initializes.  On
 * error '*set' is empty. */
bool
expr_parse_constant_set(struct lex_cursor *c, const struct expr_env *env,
                        struct expr_constant_set *set)
{
    bool ok = true;

    memset(set, 0, sizeof *set);
    if (lex_accept(c, LEX_LCURLY)) {
        set->in_curlies = true;
        do {
            ok = parse_constant(c, env, set);
            lex_accept(c, LEX_COMMA);
        } while (ok && !lex_accept(c, LEX_RCURLY));
    } else {
        ok = parse_constant(c, env, set);
    }

    if (!ok) {
        expr_constant_set_clear(set);
    }
    return ok;
}

bool
expr_constant_set_parse(struct lex_cursor *c, struct expr_constant_set *set)
{
    const struct expr_env env = { .symtab = NULL };
    return expr_parse_constant_set(c, &env, set);
}

/* The number of bits that 'k' needs.  An address needs those of its kind, no
 * matter its value. */
static int
constant_width(const struct expr_constant *k)
{
    int width = expr_format_width(k->format);

    if (!width) {
        int mask_width = k->masked ? lex_value_width(&k->mask) : 0;

        width = lex_value_width(&k->value);
        width = MAX(width, mask_width);
    }
    return width;
}

bool
expr_check_constants(struct lex_cursor *c, const struct expr_symbol *symbol,
                     const struct expr_constant_set *set)
{
    bool is_string = !symbol->width;

    if (is_string != set->is_string) {
        lex_error(c, "%s field %s is not compatible with %s constant.",
                  is_string ? "String" : "Integer", symbol->name,
                  set->is_string ? "string" : "integer");
        return false;
    }
    if (!is_string) {
        for (size_t i = 0; i < set->n; i++) {
            int width = constant_width(&set->values[i]);
            if (width > symbol->width) {
                lex_error(c, "%d-bit constant is not compatible with %d-bit "
                          "field %s.", width, symbol->width, symbol->name);
                return false;
            }
        }
    }
    return true;
}

bool
expr_constant_parse(struct lex_cursor *c, const struct expr_field *f,
                    struct expr_constant *k)
{
    const struct expr_env env = { .symtab = NULL };
    struct expr_constant_set set = { .n = 0 };

    memset(k, 0, sizeof *k);
    if (!parse_constant(c, &env, &set)
        || !expr_check_constants(c, f->symbol, &set)) {
        expr_constant_set_clear(&set);
        return false;
    }
    *k = set.values[0];
    free(set.values);
    return true;
}
