/* SPDX-License-Identifier: Apache-2.0 */

/* Samples of address sets do what the sets do.
 *
 *     ovstest test-lflow-sample SEED N
 *
 * makes N changes of address sets that random expressions mention.  Whenever
 * samples are said to do (see controller/lflow-sample.h), the matches that
 * they have come and go must be the difference between what becomes of the
 * whole sets before and after.  Prints how often that was. */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "binding.h"
#include "inputs.h"
#include "lflow-env.h"
#include "lflow-sample.h"
#include "lflow-text.h"
#include "local-datapath.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/shash.h"
#include "ovn/expr.h"
#include "ovstest.h"
#include "random.h"
#include "util.h"

/* Addresses: plain ones, and such as cover others.  The last ones are odd. */
static const char *const ip4[] = {
    "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6",
    "10.0.0.7", "10.0.0.8", "10.0.0.9", "10.0.0.10", "10.0.0.0/24",
    "10.0.0.0/29", "10.0.0.4/30", "10.0.0.0/8", "10.0.1.1", "10.0.1.2",
    "0.0.0.0/0", "10.0.0.5/255.0.0.255", "0.0.0.5/0.0.0.255", "7", "fd00::1",
};
static const char *const ip6[] = {
    "fd00::1", "fd00::2", "fd00::3", "fd00::4", "fd00::5", "fd00::6",
    "fd00::7", "fd00::8", "fd00::9", "fd00::a", "fd00::b", "fd00::/64",
    "fd00::/125", "fd00:1::1", "fd00:1::/64", "fd00:1::3",
    "::/0", "::5/::ff", "10.0.0.1", "5", "fd00::c",
};
static const char *const mac[] = {
    "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03",
    "02:00:00:00:00:04", "02:00:00:00:00:05", "02:00:00:00:00:06",
    "02:00:00:00:00:07", "02:00:00:00:00:08", "02:00:00:00:00:09",
    "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c",
    "02:00:00:00:00:00/ff:ff:ff:ff:ff:f8",
    "02:00:00:00:00:00/ff:00:00:00:00:00", "02:00:00:00:00:0d",
    "02:00:00:00:00:0e",
    "00:00:00:00:00:00/00:00:00:00:00:00",
    "00:00:00:00:00:05/00:00:00:00:00:ff", "5", "10.0.0.1",
    "02:00:00:00:00:0f",
};
enum { N_POOL = ARRAY_SIZE(ip4), N_PLAIN = N_POOL - 5 };
BUILD_ASSERT_DECL(ARRAY_SIZE(ip6) == N_POOL && ARRAY_SIZE(mac) == N_POOL);

static const struct kind {
    const char *const *pool;
    const char *fields[3];
    char letter;                /* Sets are called "4a", "4b", "4c", "4s". */
} kinds[] = {
    { ip4, { "ip4.src", "ip4.dst", "arp.spa" }, '4' },
    { ip6, { "ip6.src", "ip6.dst", "ip6.src" }, '6' },
    { mac, { "eth.src", "eth.dst", "arp.sha" }, 'm' },
};
#define SETS "abcs"
enum { SMALL = 3 };             /* Of SETS: for "!=", of which few do. */
static bool present[ARRAY_SIZE(kinds)][4][N_POOL];

static char *text;
static int n_updates, n_runs;
static struct shash table = SHASH_INITIALIZER(&table);

static bool
one_in(int n)
{
    return random_range(n) == 0;
}

/* Expressions. */

static void
put_set(const struct kind *k, struct ds *s)
{
    ds_put_format(s, "$s%c%c", k->letter, SETS[random_range(SMALL)]);
}

static void
put_comparison(struct ds *s)
{
    const struct kind *k = &kinds[one_in(2) ? 0
                                  : random_range(ARRAY_SIZE(kinds))];
    const char *field = k->fields[one_in(2) ? 0
                                  : random_range(ARRAY_SIZE(k->fields))];

    switch (random_range(10)) {
    case 0:
        ds_put_format(s, "%s == %s", field, k->pool[random_range(N_PLAIN)]);
        break;
    case 1:
        ds_put_format(s, "%s == {%s, ", field,
                      k->pool[random_range(N_PLAIN)]);
        put_set(k, s);
        ds_put_char(s, '}');
        break;
    case 2:
        ds_put_format(s, "%s == {", field);
        put_set(k, s);
        ds_put_cstr(s, ", ");
        put_set(k, s);
        ds_put_char(s, '}');
        break;
    case 3:
        ds_put_format(s, one_in(2) ? "%s != $s%cs" : "!(%s == $s%cs)", field,
                      k->letter);
        break;
    default:
        ds_put_format(s, "%s == ", field);
        put_set(k, s);
    }
}

static void
put_operand(struct ds *s, int depth)
{
    static const char *const others[] = {
        "tcp", "udp.dst == 53", "tcp.dst == {80, 443}", "reg1[0..3] == 5",
        "tcp.src == {1, 2, 3}", "icmp4", "ip.ttl == {1, 64}", "arp.op == 1",
        "eth.type == {0x800, 0x86dd}", "reg2 == {1, 2}",
    };
    int what = random_range(depth > 1 ? 7 : 10);

    if (what < 4) {
        put_comparison(s);
    } else if (what < 7) {
        ds_put_cstr(s, others[random_range(ARRAY_SIZE(others))]);
    } else {
        const char *op = one_in(2) ? " && " : " || ";

        ds_put_char(s, '(');
        put_operand(s, depth + 1);
        for (int i = random_range(2); i >= 0; i--) {
            ds_put_cstr(s, op);
            put_operand(s, depth + 1);
        }
        ds_put_char(s, ')');
    }
}

static char *
make_text(void)
{
    const char *op = one_in(3) ? " || " : " && ";
    struct ds s = DS_EMPTY_INITIALIZER;

    put_comparison(&s);
    for (int i = random_range(3); i >= 0; i--) {
        ds_put_cstr(&s, op);
        put_operand(&s, 0);
    }
    return ds_steal_cstr(&s);
}

/* Matches. */

static void
put_entry(struct shash *t, const struct expr_match *m)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    char *key = match_to_string(&m->match, NULL, 0);

    for (size_t i = 0; i < m->n_clauses; i++) {
        ds_put_format(&s, "%"PRIu32":%d/%d ", m->clauses[i].id,
                      m->clauses[i].clause, m->clauses[i].n_clauses);
    }
    free(shash_replace(t, key, ds_steal_cstr(&s)));
    free(key);
}

static void
compile_whole(struct inc_unit *unit, struct shash *t)
{
    struct lflow_env env;
    char *error = NULL;

    lflow_env_start(&env, unit);
    env.env.port_group = NULL;

    struct expr *e = expr_parse_text(text, &env.env, &error);
    if (e) {
        e = expr_annotate(e, lflow_text_symtab(), &error);
    }
    if (e) {
        e = expr_normalize(expr_simplify(e, &env.env), &env.env, &error);
    }
    if (e) {
        struct expr_matches ms;

        expr_to_matches(e, &env.env, &ms);
        for (size_t i = 0; i < ms.n; i++) {
            put_entry(t, &ms.matches[i]);
        }
        expr_matches_destroy(&ms);
    }
    expr_destroy(e);
    free(error);
    lflow_env_finish(&env);
}

static struct expr *
compile_sample(struct inc_unit *unit, const struct lflow_sample *sample,
               bool before, struct expr_matches *ms)
{
    struct lflow_env env;
    size_t n_terms;

    lflow_env_start(&env, unit);
    env.sample = sample;
    env.sample_before = before;

    struct expr *e = expr_compile_sample(text, NULL, &env.env, &n_terms);
    if (e && n_terms <= EXPR_MAX_TERMS / lflow_sample_scale(sample)) {
        expr_to_matches(e, &env.env, ms);
    } else {
        expr_destroy(e);
        e = NULL;
    }
    lflow_env_finish(&env);
    return e;
}

/* The unit. */

static void
test_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    n_runs++;
    shash_clear_free_data(&table);
    compile_whole(unit, &table);
}

/* Whether 'b' or 'a' has extended the sample: both are tried. */
static bool
extend_both(struct lflow_sample *sample, const struct expr *b,
            const struct expr *a)
{
    const bool extended = lflow_sample_extend(sample, b);

    return lflow_sample_extend(sample, a) || extended;
}

/* As controller/lflow.c does it. */
static bool
update(struct inc_unit *unit, struct lflow_sample *sample)
{
    struct expr_matches before, after;
    bool ok = false;

    struct expr *b = compile_sample(unit, sample, true, &before);
    struct expr *a = b ? compile_sample(unit, sample, false, &after) : NULL;
    if (!a) {
        if (b) {
            expr_matches_destroy(&before);
        }
    } else if (extend_both(sample, b, a)) {
        ok = update(unit, sample);
    } else if (before.n_conjunctions == after.n_conjunctions) {
        for (size_t i = 0; i < before.n; i++) {
            if (!before.matches[i].match.flow.conj_id) {
                char *key = match_to_string(&before.matches[i].match, NULL,
                                            0);
                free(shash_find_and_delete(&table, key));
                free(key);
            }
        }
        for (size_t i = 0; i < after.n; i++) {
            put_entry(&table, &after.matches[i]);
        }
        ok = true;
    }
    if (a) {
        expr_matches_destroy(&before);
        expr_matches_destroy(&after);
    }
    expr_destroy(b);
    expr_destroy(a);
    return ok;
}

static void
show_difference(const struct shash *a, const struct shash *b, char sign)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, a) {
        const char *other = shash_find_data(b, node->name);

        if (!other || strcmp(other, node->data)) {
            printf("%c %s %s\n", sign, node->name, (char *) node->data);
        }
    }
}

static bool
test_update(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct lflow_sample sample;
    bool ok = lflow_sample_init(&sample, unit, text)
              && update(unit, &sample);

    lflow_sample_destroy(&sample);
    if (ok) {
        struct shash whole = SHASH_INITIALIZER(&whole);
        const struct shash_node *node;
        bool equal;

        compile_whole(unit, &whole);
        equal = shash_count(&whole) == shash_count(&table);
        SHASH_FOR_EACH (node, &whole) {
            const char *ours = shash_find_data(&table, node->name);
            equal = equal && ours && !strcmp(ours, node->data);
        }
        if (!equal) {
            printf("%s\n", text);
            show_difference(&whole, &table, '-');
            show_difference(&table, &whole, '+');
            fflush(stdout);
            ovs_fatal(0, "a sample does not do what the set does");
        }
        shash_destroy_free_data(&whole);
        n_updates++;
    }
    return ok;
}

static const struct inc_unit_class test_class = {
    .name = "test",
    .stage = STAGE_FLOW,
    .run = test_run,
    .update = test_update,
};

/* Sets. */

static void
toggle(size_t kind, size_t set, size_t i)
{
    char name[] = { 's', kinds[kind].letter, SETS[set], '\0' };
    bool *p = &present[kind][set][i];
    uint8_t packed[EXPR_PACKED_MAX_LEN];
    struct expr_constant c;

    assert(!expr_constant_from_address(kinds[kind].pool[i], &c));
    struct inc_key member = { packed, expr_constant_pack(&c, packed) };
    if (*p) {
        inc_set_remove(in_kinds.address_constants, inc_key_string(name),
                       member);
    } else {
        inc_set_insert(in_kinds.address_constants, inc_key_string(name),
                       member);
    }
    *p = !*p;
}

static size_t
count(const bool *members)
{
    size_t n = 0;

    for (size_t i = 0; i < N_POOL; i++) {
        n += members[i];
    }
    return n;
}

static void
change_set(size_t kind, size_t set)
{
    size_t n = one_in(4) ? 1 + random_range(4) : 1;

    for (size_t j = 0; j < n; j++) {
        /* Odd ones go soon: samples do not do while they are there. */
        size_t i = random_range(one_in(8) ? N_POOL : N_PLAIN);
        size_t odd = N_PLAIN + random_range(N_POOL - N_PLAIN);

        if (set != SMALL || present[kind][set][i]
            || count(present[kind][set]) < 2) {
            toggle(kind, set, i);
        }
        if (present[kind][set][odd]) {
            toggle(kind, set, odd);
        }
    }
}

static void
test_lflow_sample(int argc, char *argv[])
{
    if (argc != 3) {
        ovs_fatal(0, "usage: %s SEED N", argv[0]);
    }
    random_set_seed(atoi(argv[1]));

    struct inc_engine *engine = inc_engine_create(N_STAGES);
    inputs_module.init(engine);
    binding_module.init(engine);
    local_datapath_module.init(engine);
    lflow_text_module.init(engine);
    lflow_env_init(engine);
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        for (size_t s = 0; s < strlen(SETS); s++) {
            char name[] = { 's', kinds[k].letter, SETS[s], '\0' };

            inc_set_insert(in_kinds.address_constants, inc_key_string(name),
                           INC_KEY_EXISTS);
            for (size_t i = 0; i < (s == SMALL ? 2 : N_PLAIN); i++) {
                if (s == SMALL || !one_in(4)) {
                    toggle(k, s, i);
                }
            }
        }
    }
    text = make_text();
    inc_unit_add(engine, &test_class, INC_KEY_ONLY, NULL);
    inc_run(engine, N_STAGES - 1);

    for (int i = 0; i < atoi(argv[2]); i++) {
        if (i % 8 == 0) {
            free(text);
            text = make_text();
            inc_recompute(engine);
            inc_run(engine, N_STAGES - 1);
        }
        change_set(random_range(ARRAY_SIZE(kinds)), random_range(4));
        if (one_in(4)) {
            change_set(0, random_range(SMALL));
        }
        inc_run(engine, N_STAGES - 1);
    }
    printf("%d updates, %d full runs\n", n_updates, n_runs);

    inc_engine_destroy(engine);
    lflow_text_module.destroy();
    inputs_module.destroy();
    shash_destroy_free_data(&table);
    free(text);
}

OVSTEST_REGISTER("test-lflow-sample", test_lflow_sample);
