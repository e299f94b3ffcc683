/* SPDX-License-Identifier: Apache-2.0 */

/* Small stand-ins for large address sets; see lflow-sample.h. */

#include <config.h>
#include "lflow-sample.h"

#include "inputs.h"
#include "lflow-text.h"
#include "openvswitch/util.h"
#include "ovn/expr.h"
#include "util.h"

/* With more changes than this, or with more than a quarter of a set's members
 * among them, it is as well to start over. */
#define MAX_CHANGES 256

struct sampled_set {
    char *name;
    const struct inc_set *set;
    size_t n;                   /* Members. */
    bool whole;                 /* Too small for a sample. */
};

struct sampled_key {
    uint8_t packed[EXPR_PACKED_MAX_LEN];
    size_t len;
};

/* Which sets. */

struct collector {
    struct lflow_sample *sample;
    bool exist;                 /* All of the sets that were asked for. */
};

static bool
has_key(const struct inc_set *set, struct inc_key key)
{
    return inc_set_contains(set, key);
}

static const struct expr_constant_set *
collect_address_set(const char *name, void *collector_)
{
    static const struct expr_constant_set empty = { .in_curlies = true };
    struct collector *collector = collector_;
    struct lflow_sample *sample = collector->sample;

    for (size_t i = 0; i < sample->n_sets; i++) {
        if (!strcmp(sample->sets[i].name, name)) {
            return &empty;
        }
    }

    const struct inc_set *set = in_address_constants(sample->unit, name);
    if (!has_key(set, INC_KEY_EXISTS)) {
        collector->exist = false;
        return NULL;
    }
    if (sample->n_sets >= sample->allocated_sets) {
        sample->sets = x2nrealloc(sample->sets, &sample->allocated_sets,
                                  sizeof *sample->sets);
    }
    sample->sets[sample->n_sets++] = (struct sampled_set) {
        .name = xstrdup(name),
        .set = set,
        .n = inc_set_count(set) - 1,
    };
    return &empty;
}

static const struct expr_constant_set *
collect_port_group(const char *name OVS_UNUSED, void *collector OVS_UNUSED)
{
    static const struct expr_constant_set empty = {
        .in_curlies = true, .is_string = true
    };
    return &empty;
}

static const char *
collect_template_var(const char *name, void *collector_)
{
    struct collector *collector = collector_;

    return lflow_text_template_var(name, collector->sample->unit);
}

/* Finds out which sets 'match' mentions. */
static bool
collect_sets(struct lflow_sample *sample, const char *match)
{
    struct collector collector = { .sample = sample, .exist = true };
    const struct expr_env env = {
        .symtab = lflow_text_symtab(),
        .address_set = collect_address_set,
        .port_group = collect_port_group,
        .template_var = collect_template_var,
        .aux = &collector,
    };
    char *error;

    /* If there is an error, it is found, and reported, in another way. */
    expr_destroy(expr_parse_text(match, &env, &error));
    free(error);
    return collector.exist;
}

/* Which members. */

static bool
key_equals(struct inc_key a, struct inc_key b)
{
    return a.len == b.len && !memcmp(a.data, b.data, a.len);
}

static bool
has_come(const struct inc_set *set, struct inc_key key)
{
    for (size_t i = 0; i < inc_set_n_came(set); i++) {
        if (key_equals(inc_set_came_at(set, i), key)) {
            return true;
        }
    }
    return false;
}

static bool
has_gone(const struct inc_set *set, struct inc_key key)
{
    for (size_t i = 0; i < inc_set_n_gone(set); i++) {
        if (key_equals(inc_set_gone_at(set, i), key)) {
            return true;
        }
    }
    return false;
}

static bool
is_sampled(const struct lflow_sample *sample, struct inc_key key)
{
    for (size_t i = 0; i < sample->n_keys; i++) {
        const struct sampled_key *k = &sample->keys[i];

        if (key_equals(key, (struct inc_key) { k->packed, k->len })) {
            return true;
        }
    }
    return false;
}

/* Returns whether 'key' is new. */
static bool
add_key(struct lflow_sample *sample, struct inc_key key)
{
    if (is_sampled(sample, key)) {
        return false;
    }
    if (sample->n_keys >= sample->allocated_keys) {
        sample->keys = x2nrealloc(sample->keys, &sample->allocated_keys,
                                  sizeof *sample->keys);
    }
    struct sampled_key *k = &sample->keys[sample->n_keys++];
    memcpy(k->packed, key.data, key.len);
    k->len = key.len;
    return true;
}

/* The first byte of a packed constant is its format; then comes the mask. */
static bool
has_format(struct inc_key key, uint8_t format)
{
    const uint8_t *packed = key.data;

    return key.len && packed[0] == format;
}

static bool
matches_all(struct inc_key key)
{
    const uint8_t *packed = key.data;

    return key.len && is_all_zeros(packed + 1, (key.len - 1) / 2);
}

/* Whether members of 'set' all are addresses of one kind, before and after,
 * and none of them is all addresses.  Members come in order, so it is enough
 * to look at the first and the last. */
static bool
is_uniform(const struct inc_set *set)
{
    struct inc_key first = inc_set_at(set, 1);
    uint8_t format = *(const uint8_t *) first.data;

    if (format == LEX_DECIMAL || format == LEX_HEXADECIMAL
        || !has_format(inc_set_at(set, inc_set_count(set) - 1), format)
        || matches_all(first)) {
        return false;
    }
    for (size_t i = 0; i < inc_set_n_gone(set); i++) {
        struct inc_key gone = inc_set_gone_at(set, i);

        if (!has_format(gone, format) || matches_all(gone)) {
            return false;
        }
    }
    return true;
}

/* Adds what has come to 's' and gone from it, and two members that stay. */
static bool
sample_set(struct lflow_sample *sample, struct sampled_set *s)
{
    size_t n_came = inc_set_n_came(s->set);
    size_t n_gone = inc_set_n_gone(s->set);
    size_t n_stay = 0;

    if (s->n < 2) {
        s->whole = true;
        return !n_came && !n_gone;
    }
    if (n_came + n_gone > MIN(MAX_CHANGES, s->n / 4)
        || has_come(s->set, INC_KEY_EXISTS) || !is_uniform(s->set)) {
        return false;
    }
    for (size_t i = 0; i < n_came; i++) {
        add_key(sample, inc_set_came_at(s->set, i));
    }
    for (size_t i = 0; i < n_gone; i++) {
        add_key(sample, inc_set_gone_at(s->set, i));
    }
    for (size_t i = 1; i <= s->n && n_stay < 2; i++) {
        struct inc_key key = inc_set_at(s->set, i);

        if (!has_come(s->set, key)) {
            add_key(sample, key);
            n_stay++;
        }
    }
    return n_stay == 2;
}

bool
lflow_sample_init(struct lflow_sample *sample, struct inc_unit *unit,
                  const char *match)
{
    *sample = (struct lflow_sample) { .unit = unit };
    if (!collect_sets(sample, match)) {
        return false;
    }
    for (size_t i = 0; i < sample->n_sets; i++) {
        if (!sample_set(sample, &sample->sets[i])) {
            return false;
        }
    }
    return true;
}

void
lflow_sample_destroy(struct lflow_sample *sample)
{
    for (size_t i = 0; i < sample->n_sets; i++) {
        free(sample->sets[i].name);
    }
    free(sample->sets);
    free(sample->keys);
}

/* Samples. */

static bool
is_member(const struct sampled_set *s, struct inc_key key, bool before)
{
    return (before
            ? has_gone(s->set, key) || (has_key(s->set, key)
                                        && !has_come(s->set, key))
            : has_key(s->set, key));
}

static struct expr_constant_set *
whole_set(const struct sampled_set *s)
{
    struct expr_constant_set *set = expr_constant_set_create(s->n);

    for (size_t i = 0; i < s->n; i++) {
        struct inc_key key = inc_set_at(s->set, i + 1);
        expr_constant_unpack(key.data, key.len, &set->values[i]);
    }
    return set;
}

struct expr_constant_set *
lflow_sample_get(const struct lflow_sample *sample, const char *name,
                 bool before)
{
    const struct sampled_set *s = NULL;

    for (size_t i = 0; i < sample->n_sets && !s; i++) {
        if (!strcmp(sample->sets[i].name, name)) {
            s = &sample->sets[i];
        }
    }
    if (!s || s->whole) {
        return s ? whole_set(s) : NULL;
    }

    struct expr_constant_set *set = expr_constant_set_create(sample->n_keys);
    set->n = 0;
    for (size_t i = 0; i < sample->n_keys; i++) {
        const struct sampled_key *k = &sample->keys[i];

        if (is_member(s, (struct inc_key) { k->packed, k->len }, before)) {
            struct expr_constant *c = &set->values[set->n++];

            expr_constant_unpack(k->packed, k->len, c);
            c->sample = true;
        }
    }
    return set;
}

struct extension {
    struct lflow_sample *sample;
    bool extended;
};

static void
extend(const uint8_t *packed, size_t len, void *extension_)
{
    struct extension *extension = extension_;
    struct lflow_sample *sample = extension->sample;
    struct inc_key key = { packed, len };

    for (size_t i = 0; i < sample->n_sets; i++) {
        const struct sampled_set *s = &sample->sets[i];

        if (!s->whole && (is_member(s, key, true) || has_key(s->set, key))
            && add_key(sample, key)) {
            extension->extended = true;
        }
    }
}

bool
lflow_sample_extend(struct lflow_sample *sample, const struct expr *expr)
{
    struct extension extension = { .sample = sample };

    expr_for_each_beside_samples(expr, extend, &extension);
    return extension.extended;
}

size_t
lflow_sample_scale(const struct lflow_sample *sample)
{
    size_t scale = 1;

    for (size_t i = 0; i < sample->n_sets; i++) {
        const struct sampled_set *s = &sample->sets[i];

        if (!s->whole) {
            /* A sample has at least two members. */
            size_t n = s->n + inc_set_n_gone(s->set);
            scale = MAX(scale, DIV_ROUND_UP(n, 2));
        }
    }
    return scale;
}
