/* SPDX-License-Identifier: Apache-2.0 */

/* Expressions and particular packets: evaluation, and microflows. */

#include <config.h>
#include "expr-private.h"

#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/util.h"

/* Evaluation. */

static ovs_u128
get_field(const struct mf_field *field, const struct flow *flow)
{
    ovs_u128 x = OVS_U128_ZERO;
    union mf_value value;

    mf_get_value(field, flow, &value);
    for (unsigned int i = 0; i < field->n_bytes; i++) {
        x = expr_u128_shift_left(x, 8);
        x.u64.lo |= value.b[i];
    }
    return x;
}

static int
compare_u128(ovs_u128 a, ovs_u128 b)
{
    return (a.u64.hi != b.u64.hi
            ? (a.u64.hi < b.u64.hi ? -1 : 1)
            : (a.u64.lo < b.u64.lo ? -1 : a.u64.lo > b.u64.lo));
}

/* Whether there is a port called 'port'; '*number' is what stands for it. */
static bool
port_number(const char *port, const struct expr_env *env, ovs_u128 *number)
{
    unsigned int key;

    if (!env->port_key || !env->port_key(port, &key, env->aux)) {
        return false;
    }
    *number = (ovs_u128) { .u64.lo = key };
    return true;
}

static bool
evaluate_cmp(const struct expr_cmp *cmp, const struct flow *flow,
             const struct expr_env *env)
{
    ovs_u128 x = get_field(cmp->symbol->field, flow);
    int diff;

    if (cmp->string) {
        ovs_u128 key;
        if (!port_number(cmp->string, env, &key)) {
            return cmp->relop == EXPR_R_NE;
        }
        diff = compare_u128(x, key);
    } else {
        diff = compare_u128(ovs_u128_and(x, cmp->mask), cmp->value);
    }

    switch (cmp->relop) {
    case EXPR_R_EQ: return diff == 0;
    case EXPR_R_NE: return diff != 0;
    case EXPR_R_LT: return diff < 0;
    case EXPR_R_LE: return diff <= 0;
    case EXPR_R_GT: return diff > 0;
    case EXPR_R_GE: return diff >= 0;
    default: OVS_NOT_REACHED();
    }
}

bool
expr_evaluate(const struct expr *e, const struct flow *flow,
              const struct expr_env *env)
{
    switch (e->type) {
    case EXPR_T_CMP:
        return evaluate_cmp(&e->cmp, flow, env);

    case EXPR_T_AND:
    case EXPR_T_OR:
        for (size_t i = 0; i < e->n; i++) {
            if (expr_evaluate(e->subs[i], flow, env)
                == (e->type == EXPR_T_OR)) {
                return e->type == EXPR_T_OR;
            }
        }
        return e->type == EXPR_T_AND;

    case EXPR_T_BOOLEAN:
        return e->boolean;

    case EXPR_T_RESIDENT:
        return (env->is_chassis_resident
                && (env->is_chassis_resident(e->resident.port, env->aux)
                    != e->resident.negated));

    default:
        OVS_NOT_REACHED();
    }
}

/* Microflows.
 *
 * A microflow is solved by propagation.  What is known is a set of fields
 * with the bits that are known of each.  A comparison adds to it; a
 * disjunction adds to it once all but one of its operands contradict what is
 * known.  "tcp && ip4" is unambiguous, because the "ip4 || ip6" that "tcp"
 * requires is decided by the "ip4" that follows. */

struct known_field {
    const struct expr_symbol *symbol;
    ovs_u128 value, mask;
};

struct knowledge {
    struct known_field *fields;
    size_t n, allocated;
    const struct expr_env *env;
};

enum verdict { TRUE, FALSE, UNKNOWN };

/* Gets the value and mask of an equality, for strings also. */
static void
get_equality(const struct expr_cmp *cmp, const struct expr_env *env,
             ovs_u128 *value, ovs_u128 *mask)
{
    if (cmp->string) {
        if (!port_number(cmp->string, env, value)) {
            *value = OVS_U128_ZERO;
        }
        *mask = expr_u128_ones(0, cmp->symbol->field->n_bits);
    } else {
        *value = cmp->value;
        *mask = cmp->mask;
    }
}

static struct known_field *
find_field(const struct knowledge *k, const struct expr_symbol *symbol)
{
    for (size_t i = 0; i < k->n; i++) {
        if (k->fields[i].symbol == symbol) {
            return &k->fields[i];
        }
    }
    return NULL;
}

/* What is known of 'e', which is simplified. */
static enum verdict
judge(const struct knowledge *k, const struct expr *e)
{
    if (e->type == EXPR_T_CMP) {
        const struct known_field *f = find_field(k, e->cmp.symbol);
        ovs_u128 value, mask;

        if (!f) {
            return UNKNOWN;
        }
        get_equality(&e->cmp, k->env, &value, &mask);
        ovs_u128 common = ovs_u128_and(mask, f->mask);
        ovs_u128 differ = expr_u128_xor(value, f->value);
        if (!ovs_u128_is_zero(ovs_u128_and(common, differ))) {
            return FALSE;
        }
        return ovs_u128_equals(common, mask) ? TRUE : UNKNOWN;
    } else if (e->type == EXPR_T_BOOLEAN) {
        return e->boolean ? TRUE : FALSE;
    }

    enum verdict decisive = e->type == EXPR_T_OR ? TRUE : FALSE;
    enum verdict result = e->type == EXPR_T_OR ? FALSE : TRUE;
    for (size_t i = 0; i < e->n; i++) {
        enum verdict v = judge(k, e->subs[i]);
        if (v == decisive) {
            return v;
        } else if (v == UNKNOWN) {
            result = UNKNOWN;
        }
    }
    return result;
}

static void
learn_cmp(struct knowledge *k, const struct expr_cmp *cmp)
{
    struct known_field *f = find_field(k, cmp->symbol);
    ovs_u128 value, mask;

    if (!f) {
        if (k->n >= k->allocated) {
            k->fields = x2nrealloc(k->fields, &k->allocated,
                                   sizeof *k->fields);
        }
        f = &k->fields[k->n++];
        memset(f, 0, sizeof *f);
        f->symbol = cmp->symbol;
    }
    get_equality(cmp, k->env, &value, &mask);
    f->value = expr_u128_or(f->value, value);
    f->mask = expr_u128_or(f->mask, mask);
}

/* Learns what follows from 'e'.  Returns true if that was anything new. */
static bool
learn(struct knowledge *k, const struct expr *e)
{
    const struct expr *only = NULL;
    bool learned = false;

    if (judge(k, e) != UNKNOWN) {
        return false;
    }
    switch (e->type) {
    case EXPR_T_CMP:
        learn_cmp(k, &e->cmp);
        return true;

    case EXPR_T_AND:
        for (size_t i = 0; i < e->n; i++) {
            learned = learn(k, e->subs[i]) || learned;
        }
        return learned;

    case EXPR_T_OR:
        for (size_t i = 0; i < e->n; i++) {
            if (judge(k, e->subs[i]) == UNKNOWN) {
                if (only) {
                    return false;
                }
                only = e->subs[i];
            }
        }
        ovs_assert(only);       /* Or 'e' would have been judged. */
        return learn(k, only);

    case EXPR_T_BOOLEAN:
    case EXPR_T_RESIDENT:
    default:
        return false;
    }
}

/* Returns an error message if no packet can be so. */
static char *
known_to_flow(const struct knowledge *k, struct flow *flow)
{
    memset(flow, 0, sizeof *flow);
    for (size_t i = 0; i < k->n; i++) {
        const struct known_field *f = &k->fields[i];

        if (!expr_packet_can_have(f->symbol, f->value)) {
            return xasprintf("No packet can have this value of %s.",
                             f->symbol->name);
        }
    }

    /* Some fields can only be set in the right kind of packet. */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < k->n; i++) {
            const struct known_field *f = &k->fields[i];
            const struct mf_field *field = f->symbol->field;
            union mf_value value;

            if ((pass == 0) == f->symbol->must_crossproduct) {
                memset(&value, 0, sizeof value);
                for (unsigned int j = 0; j < field->n_bytes; j++) {
                    int shift = 8 * (field->n_bytes - 1 - j);
                    value.b[j] = expr_u128_shift_right(f->value,
                                                       shift).u64.lo & 0xff;
                }
                mf_set_flow_value(field, &value, flow);
            }
        }
    }
    return NULL;
}

/* Takes annotated 'e'. */
static char *
solve(struct expr *e, const struct expr_env *env, struct flow *flow)
{
    struct knowledge k = { .env = env };
    char *error = NULL;

    struct ds s = DS_EMPTY_INITIALIZER;
    expr_format(e, &s);

    e = expr_simplify(e, env);
    while (learn(&k, e)) {
        continue;
    }
    switch (judge(&k, e)) {
    case TRUE:
        error = known_to_flow(&k, flow);
        break;
    case FALSE:
        error = xstrdup("Constraints are contradictory.");
        break;
    case UNKNOWN:
        error = xasprintf("Constraints are ambiguous: %s.", ds_cstr(&s));
        break;
    }
    expr_destroy(e);
    ds_destroy(&s);
    free(k.fields);
    return error;
}

const char *
expr_find_string(const struct expr *e, const char *symbol, const char *except)
{
    const char *string = NULL;

    if (e->type == EXPR_T_CMP) {
        if (e->cmp.string && e->cmp.relop == EXPR_R_EQ
            && !strcmp(e->cmp.symbol->name, symbol)
            && (!except || strcmp(e->cmp.string, except))) {
            string = e->cmp.string;
        }
    } else if (e->type == EXPR_T_AND || e->type == EXPR_T_OR) {
        for (size_t i = 0; !string && i < e->n; i++) {
            string = expr_find_string(e->subs[i], symbol, except);
        }
    }
    return string;
}

char *
expr_parse_microflow(const char *text, const struct expr_env *env,
                     struct flow *flow)
{
    char *error;

    memset(flow, 0, sizeof *flow);
    struct expr *e = expr_parse_text(text, env, &error);
    if (e) {
        e = expr_annotate(e, env->symtab, &error);
    }
    return e ? solve(e, env, flow) : error;
}
