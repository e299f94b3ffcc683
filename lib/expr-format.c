/* SPDX-License-Identifier: Apache-2.0 */

/* Trees as text.
 *
 * What comes out is valid input, and parsing it gives the same tree, with one
 * exception: a negated nominal field, which annotation can make but the
 * syntax does not allow.
 * The format is the one that OVN's own programs use in messages. */

#include <config.h>
#include "expr-private.h"

#include <string.h>

#include "openvswitch/dynamic-string.h"

static void
format_u128(ovs_u128 x, struct ds *s)
{
    if (x.u64.hi) {
        ds_put_format(s, "0x%"PRIx64"%016"PRIx64, x.u64.hi, x.u64.lo);
    } else if (x.u64.lo) {
        ds_put_format(s, "0x%"PRIx64, x.u64.lo);
    } else {
        ds_put_char(s, '0');
    }
}

static void
format_string_cmp(const struct expr_cmp *cmp, struct ds *s)
{
    ds_put_format(s, "%s %s ", cmp->symbol->name,
                  expr_relop_to_string(cmp->relop));
    lex_string_format(cmp->string, s);
}

/* Formats what 'cmp' compares a whole OpenFlow field with. */
static void
format_field_value(const struct expr_cmp *cmp, struct ds *s)
{
    const struct mf_field *field = cmp->symbol->field;
    const ovs_be64 value128[2] = { htonll(cmp->value.u64.hi),
                                   htonll(cmp->value.u64.lo) };
    const uint8_t *bytes = (const uint8_t *) value128;
    union mf_value value;

    memset(&value, 0, sizeof value);
    memcpy(&value, bytes + sizeof value128 - field->n_bytes, field->n_bytes);
    mf_format(field, &value, NULL, NULL, s);
}

static void
format_cmp(const struct expr_cmp *cmp, bool plainly, struct ds *s)
{
    struct expr_field f = { .symbol = cmp->symbol };
    bool equality = cmp->relop == EXPR_R_EQ || cmp->relop == EXPR_R_NE;

    if (cmp->string) {
        format_string_cmp(cmp, s);
        return;
    }
    if (!expr_u128_contiguous(cmp->mask, &f.ofs, &f.n_bits)) {
        ds_put_format(s, "%s %s ", cmp->symbol->name,
                      expr_relop_to_string(cmp->relop));
        format_u128(cmp->value, s);
        ds_put_char(s, '/');
        format_u128(cmp->mask, s);
        return;
    }

    if (f.n_bits == 1 && equality) {
        bool positive = expr_u128_bit(cmp->value, f.ofs);
        if (positive != (cmp->relop == EXPR_R_EQ)) {
            ds_put_char(s, '!');
        }
        expr_field_format(&f, s);
    } else {
        expr_field_format(&f, s);
        ds_put_format(s, " %s ", expr_relop_to_string(cmp->relop));
        if (plainly && cmp->symbol->field && f.n_bits == cmp->symbol->width
            && cmp->symbol->width == cmp->symbol->field->n_bits) {
            format_field_value(cmp, s);
        } else {
            format_u128(expr_u128_shift_right(cmp->value, f.ofs), s);
        }
    }
}

static void format(const struct expr *, bool plainly, struct ds *);

static void
format_andor(const struct expr *e, bool plainly, struct ds *s)
{
    for (size_t i = 0; i < e->n; i++) {
        const struct expr *sub = e->subs[i];

        if (i) {
            ds_put_cstr(s, e->type == EXPR_T_AND ? " && " : " || ");
        }
        if (expr_is_andor(sub)) {
            ds_put_char(s, '(');
            format(sub, plainly, s);
            ds_put_char(s, ')');
        } else {
            format(sub, plainly, s);
        }
    }
}

static void
format(const struct expr *e, bool plainly, struct ds *s)
{
    switch (e->type) {
    case EXPR_T_CMP:
        format_cmp(&e->cmp, plainly, s);
        break;
    case EXPR_T_AND:
    case EXPR_T_OR:
        format_andor(e, plainly, s);
        break;
    case EXPR_T_BOOLEAN:
        ds_put_char(s, e->boolean ? '1' : '0');
        break;
    case EXPR_T_RESIDENT:
        ds_put_format(s, "%sis_chassis_resident(",
                      e->resident.negated ? "!" : "");
        lex_string_format(e->resident.port, s);
        ds_put_char(s, ')');
        break;
    }
}

void
expr_format(const struct expr *e, struct ds *s)
{
    format(e, false, s);
}

void
expr_format_plainly(const struct expr *e, struct ds *s)
{
    format(e, true, s);
}
