/* SPDX-License-Identifier: Apache-2.0 */

/* Tests of the incremental engine.
 *
 *     ovstest test-inc-proc-eng basic
 *     ovstest test-inc-proc-eng random SEED N_CHANGES
 *     ovstest test-inc-proc-eng benchmark N_UNITS N_READS
 *
 * "basic" tries each promise of inc-proc-eng.h by itself.  "random" is the
 * property test: see below. */

#include <config.h>

#include "inc-proc-eng.h"

#undef NDEBUG
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "ovstest.h"
#include "random.h"
#include "simap.h"
#include "timeval.h"
#include "util.h"

/* Values are uint64_t on the heap.  How many there are tells of leaks and of
 * values that are freed twice. */
static int n_values;

static void *
value_new(uint64_t x)
{
    n_values++;
    return xmemdup(&x, sizeof x);
}

static void
value_free(void *value)
{
    n_values--;
    free(value);
}

static bool
value_equal(const void *a, const void *b)
{
    return *(const uint64_t *) a == *(const uint64_t *) b;
}

static uint64_t
value_get(const void *value)
{
    return value ? *(const uint64_t *) value : 0;
}

#define VALUE_KIND(NAME, STAGE)                                     \
    { .name = NAME, .stage = STAGE, .key_type = INC_KEY_STRING,     \
      .equal = value_equal, .destroy = value_free }
#define SET_KIND(NAME, STAGE)                                       \
    { .name = NAME, .stage = STAGE, .key_type = INC_KEY_STRING,     \
      .is_set = true }

/* "basic": one small engine for all tests.
 *
 * Inputs "in" (values) and "names" (sets) at stage 0.  For each "in" a unit of
 * class "double" at stage 1, which writes twice its value to "doubled" and
 * inserts its key into the set ("parity", "even" or "odd").  A unit "sum" at
 * stage 2, added by hand, adds up what the members of ("names", "sum")
 * are. */
static const struct inc_kind_class in_class = VALUE_KIND("in", 0);
static const struct inc_kind_class names_class = SET_KIND("names", 0);
static const struct inc_kind_class doubled_class = VALUE_KIND("doubled", 1);
static const struct inc_kind_class parity_class = SET_KIND("parity", 1);
static const struct inc_kind_class sum_class = VALUE_KIND("sum", 2);

struct basic {
    struct inc_engine *engine;
    struct inc_kind *in, *names, *doubled, *parity, *sum;
    struct ds log;              /* What has happened. */
};

static struct inc_key
key(const char *s)
{
    return inc_key_string(s);
}

static const char *
key_string(struct inc_key k)
{
    return k.data;
}

static void
double_run(struct inc_unit *unit, void *b_)
{
    struct basic *b = b_;
    struct inc_key k = inc_unit_key(unit);
    uint64_t x = value_get(inc_read(unit, b->in, k));

    /* To read a cell again is no other dependency. */
    assert(x == value_get(inc_read(unit, b->in, k)));

    ds_put_format(&b->log, " run(%s)", key_string(k));
    if (x != 13) {
        inc_write(unit, b->doubled, k, value_new(2 * x));
    } else {
        /* Hands its cell over to another one. */
        inc_write(unit, b->doubled, key("thirteen"), value_new(26));
    }
    inc_insert(unit, b->parity, key(x % 2 ? "odd" : "even"), k);
    inc_insert(unit, b->parity, key(x % 2 ? "odd" : "even"), k);
}

static void
double_removed(struct inc_unit *unit, void *b_)
{
    struct basic *b = b_;
    ds_put_format(&b->log, " removed(%s)", key_string(inc_unit_key(unit)));
}

static void
sum_run(struct inc_unit *unit, void *b_)
{
    struct basic *b = b_;
    const struct inc_set *names = inc_read_set(unit, b->names, key("sum"));
    uint64_t sum = 0;

    for (size_t i = 0; i < inc_set_count(names); i++) {
        sum += value_get(inc_read(unit, b->doubled, inc_set_at(names, i)));
    }
    ds_put_cstr(&b->log, " run(sum)");
    inc_write(unit, b->sum, INC_KEY_ONLY, value_new(sum));
}

static const struct inc_unit_class double_class = {
    .name = "double", .stage = 1, .run = double_run,
    .removed = double_removed,
};
static const struct inc_unit_class sum_unit_class = {
    .name = "sum", .stage = 2, .run = sum_run,
};

static void
sum_changed(struct inc_key k OVS_UNUSED, const void *old, const void *new,
            void *b_)
{
    struct basic *b = b_;
    ds_put_format(&b->log, " sum(%"PRIu64"->%"PRIu64")",
                  value_get(old), value_get(new));
}

static void
parity_changed(struct inc_key k, const void *old, const void *new, void *b_)
{
    struct basic *b = b_;
    const struct inc_set *set = inc_peek_set(b->parity, k);

    assert(!old && !new);
    ds_put_format(&b->log, " %s(", key_string(k));
    for (size_t i = 0; i < inc_set_count(set); i++) {
        ds_put_format(&b->log, "%s%s", i ? "," : "",
                      key_string(inc_set_at(set, i)));
    }
    ds_put_char(&b->log, ')');
}

static void
basic_init(struct basic *b)
{
    ds_init(&b->log);
    b->engine = inc_engine_create(3);
    b->in = inc_kind_declare(b->engine, &in_class);
    b->names = inc_kind_declare(b->engine, &names_class);
    b->doubled = inc_kind_declare(b->engine, &doubled_class);
    b->parity = inc_kind_declare(b->engine, &parity_class);
    b->sum = inc_kind_declare(b->engine, &sum_class);
    inc_kind_spawn(b->in, &double_class, b);
    inc_kind_watch(b->sum, sum_changed, b);
    inc_kind_watch(b->parity, parity_changed, b);
}

/* Runs all stages and expects 'log' to happen. */
static void
basic_expect__(struct basic *b, int last_stage, const char *log, int line)
{
    inc_run(b->engine, last_stage);
    assert(!inc_is_dirty(b->engine, last_stage));
    if (strcmp(ds_cstr(&b->log), log)) {
        ovs_fatal(0, "line %d: expected \"%s\", got \"%s\"",
                  line, log, ds_cstr(&b->log));
    }
    ds_clear(&b->log);
}
#define basic_expect(B, LOG) basic_expect__(B, 2, LOG, __LINE__)

static void
set_in(struct basic *b, const char *name, uint64_t x)
{
    inc_set(b->in, key(name), value_new(x));
}

static unsigned int
n_dependencies(const struct basic *b)
{
    struct simap usage = SIMAP_INITIALIZER(&usage);

    inc_engine_get_memory_usage(b->engine, &usage);
    unsigned int n = simap_get(&usage, "inc_engine_dependencies");
    simap_destroy(&usage);
    return n;
}

static void
test_values(struct basic *b)
{
    struct inc_unit *sum = inc_unit_add(b->engine, &sum_unit_class,
                                        key("sum"), b);
    assert(inc_is_dirty(b->engine, 2) && !inc_is_dirty(b->engine, 1));
    basic_expect(b, " run(sum) sum(0->0)");

    /* A set may be there before the cells that it names, and the sum must
     * follow when they appear. */
    inc_set_insert(b->names, key("sum"), key("a"));
    inc_set_insert(b->names, key("sum"), key("b"));
    basic_expect(b, " run(sum)");
    set_in(b, "a", 1);
    basic_expect(b, " run(a) odd(a) run(sum) sum(0->2)");
    set_in(b, "b", 10);
    set_in(b, "c", 100);
    basic_expect(b, " run(b) run(c) even(b,c) run(sum) sum(2->22)");

    /* What equals the old value is no change, even if it was another one
     * meanwhile.  The readers of an output that did not change do not run. */
    set_in(b, "b", 10);
    set_in(b, "a", 7);
    set_in(b, "a", 8);
    set_in(b, "a", 1);
    basic_expect(b, "");
    set_in(b, "c", 102);
    basic_expect(b, " run(c)");

    /* A cell goes, and goes and comes back. */
    inc_set(b->in, key("a"), NULL);
    basic_expect(b, " removed(a) odd() run(sum) sum(22->20)");
    inc_set(b->in, key("b"), NULL);
    set_in(b, "b", 10);
    basic_expect(b, "");
    inc_set(b->in, key("none"), NULL);
    basic_expect(b, "");

    /* A unit that is dirty goes, in the run in which it became so, and one
     * that has never run. */
    set_in(b, "b", 11);
    inc_run(b->engine, 0);
    inc_set(b->in, key("b"), NULL);
    basic_expect(b, " removed(b) even(c) run(sum) sum(20->0)");
    set_in(b, "d", 1);
    basic_expect__(b, 0, "", __LINE__);
    assert(inc_is_dirty(b->engine, 1));
    inc_set(b->in, key("d"), NULL);
    basic_expect(b, "");

    /* What a unit has read once and does not read any more, does not make it
     * run: it depends on its own cell, the set, and the set's members. */
    inc_set_insert(b->names, key("sum"), key("c"));
    basic_expect(b, " run(sum) sum(0->204)");
    assert(n_dependencies(b) == 1 + 1 + 3);
    inc_set_remove(b->names, key("sum"), key("a"));
    inc_set_remove(b->names, key("sum"), key("c"));
    basic_expect(b, " run(sum) sum(204->0)");
    assert(n_dependencies(b) == 1 + 1 + 1);
    set_in(b, "c", 104);
    basic_expect(b, " run(c)");

    inc_unit_remove(sum);
    basic_expect(b, " sum(0->0)");
    assert(!inc_peek(b->sum, INC_KEY_ONLY));
    inc_set_remove(b->names, key("sum"), key("b"));
    inc_set(b->in, key("c"), NULL);
    basic_expect(b, " removed(c) even()");
}

static void
test_sets(struct basic *b)
{
    const struct inc_set *even = inc_peek_set(b->parity, key("even"));
    assert(!inc_set_count(even) && !inc_set_contains(even, key("a")));

    /* The last of several holders counts; an input holds but once. */
    inc_set_insert(b->names, key("x"), key("m"));
    inc_set_insert(b->names, key("x"), key("m"));
    inc_set_remove(b->names, key("x"), key("none"));
    inc_set_remove(b->names, key("y"), key("m"));
    assert(inc_set_count(inc_peek_set(b->names, key("x"))) == 1);
    inc_set_remove(b->names, key("x"), key("m"));
    assert(!inc_set_count(inc_peek_set(b->names, key("x"))));
    basic_expect(b, "");

    /* Order, with the sorted list both made anew and patched. */
    for (int i = 0; i < 200; i++) {
        uint64_t x = (i * 37) % 200;
        inc_set_insert(b->names, key("x"), inc_key_u64(&x));
        const struct inc_set *set = inc_peek_set(b->names, key("x"));
        assert(inc_set_count(set) == i + 1);
        assert(inc_set_contains(set, inc_key_u64(&x)));
        for (int j = 1; i % 50 < 30 && j <= i; j++) {
            assert(memcmp(inc_set_at(set, j - 1).data,
                          inc_set_at(set, j).data, sizeof x) < 0);
        }
    }
    for (int i = 0; i < 200; i++) {
        uint64_t x = (i * 59) % 200;
        const struct inc_set *set = inc_peek_set(b->names, key("x"));
        inc_set_remove(b->names, key("x"), inc_key_u64(&x));
        assert(inc_set_count(set) == 199 - i);
        assert(!inc_set_contains(set, inc_key_u64(&x)));
        for (int j = 1; i % 50 < 30 && j < 199 - i; j++) {
            assert(memcmp(inc_set_at(set, j - 1).data,
                          inc_set_at(set, j).data, sizeof x) < 0);
        }
    }
    basic_expect(b, "");

    /* Two set changes that cancel each other out. */
    set_in(b, "a", 1);
    set_in(b, "b", 2);
    basic_expect(b, " run(a) run(b) odd(a) even(b)");
    set_in(b, "a", 2);
    set_in(b, "b", 1);
    basic_expect(b, " run(a) run(b) even(a) odd(b)");
    inc_recompute(b->engine);
    assert(inc_run(b->engine, 2) == 2);
    assert(!strstr(ds_cstr(&b->log), "even")
           && !strstr(ds_cstr(&b->log), "odd"));
    ds_clear(&b->log);
    inc_set(b->in, key("a"), NULL);
    inc_set(b->in, key("b"), NULL);
    basic_expect(b, " removed(a) removed(b) even() odd()");
}

/* A cell passes from one unit to another, and two units claim one cell. */
static void
test_writers(struct basic *b)
{
    static const char *orders[][2] = { { "a", "b" }, { "b", "a" } };
    struct inc_key thirteen = key("thirteen");

    for (int i = 0; i < 2; i++) {
        const char *first = orders[i][0], *second = orders[i][1];

        set_in(b, first, 13);
        inc_run(b->engine, 2);
        const void *value = inc_peek(b->doubled, thirteen);
        assert(value_get(value) == 26);
        set_in(b, second, 13);
        set_in(b, first, 1);
        inc_run(b->engine, 2);
        assert(value_get(inc_peek(b->doubled, thirteen)) == 26);
        assert(value_get(inc_peek(b->doubled, key(first))) == 2);

        set_in(b, first, 13);
        inc_run(b->engine, 2);
        assert(value_get(inc_peek(b->doubled, thirteen)) == 26);
        inc_recompute(b->engine);
        inc_run(b->engine, 2);
        inc_set(b->in, key(first), NULL);
        inc_run(b->engine, 2);
        assert(value_get(inc_peek(b->doubled, thirteen)) == 26);
        inc_set(b->in, key(second), NULL);
        inc_run(b->engine, 2);
        assert(!inc_peek(b->doubled, thirteen));
    }
    ds_clear(&b->log);
}

static void
count_cb(struct inc_key k OVS_UNUSED, const void *value OVS_UNUSED, void *n)
{
    ++*(int *) n;
}

static void
test_peek(struct basic *b)
{
    int n = 0;

    set_in(b, "a", 1);
    set_in(b, "b", 1);
    inc_set_insert(b->names, key("sum"), key("nobody"));
    struct inc_unit *sum = inc_unit_add(b->engine, &sum_unit_class,
                                        key("sum"), b);
    inc_run(b->engine, 2);
    inc_kind_for_each(b->in, count_cb, &n);
    assert(n == 2);
    inc_kind_for_each(b->parity, count_cb, &n);
    assert(n == 3);
    /* The cell that "sum" waits for has no value. */
    inc_kind_for_each(b->doubled, count_cb, &n);
    assert(n == 5);
    assert(!inc_peek(b->doubled, key("nobody")));

    assert(!*inc_unit_data(sum));
    *inc_unit_data(sum) = b;
    inc_recompute(b->engine);
    inc_run(b->engine, 2);
    assert(*inc_unit_data(sum) == b);
    ds_clear(&b->log);
}

/* Updates: a unit that reads ("names", "x") of a kind that keeps changes and
 * the value ("in", "x"), and puts out what it is told. */

struct updates {
    struct inc_engine *engine;
    struct inc_kind *in, *names, *out;
    struct ds log;
    bool refuse;                /* Updates. */
};

static void
updates_run(struct inc_unit *unit, void *u_)
{
    struct updates *u = u_;
    const struct inc_set *set = inc_read_set(unit, u->names, key("x"));

    inc_read(unit, u->in, key("x"));
    ds_put_cstr(&u->log, " run");
    for (size_t i = 0; i < inc_set_count(set); i++) {
        inc_insert(unit, u->out, key("all"), inc_set_at(set, i));
    }
}

static bool
updates_update(struct inc_unit *unit, void *u_)
{
    struct updates *u = u_;
    const struct inc_set *set = inc_read_set(unit, u->names, key("x"));

    ds_put_cstr(&u->log, " update");
    for (size_t i = 0; i < inc_set_n_came(set); i++) {
        struct inc_key came = inc_set_came_at(set, i);
        ds_put_format(&u->log, " +%s", key_string(came));
        inc_insert(unit, u->out, key("all"), came);
    }
    for (size_t i = 0; i < inc_set_n_gone(set); i++) {
        ds_put_format(&u->log, " -%s", key_string(inc_set_gone_at(set, i)));
    }
    inc_insert(unit, u->out, key("all"), key("updated"));
    return !u->refuse;
}

static void
updates_expect(struct updates *u, int last_stage, const char *log,
               const char *out)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    inc_run(u->engine, last_stage);
    const struct inc_set *set = inc_peek_set(u->out, key("all"));
    for (size_t i = 0; i < inc_set_count(set); i++) {
        ds_put_format(&s, " %s", key_string(inc_set_at(set, i)));
    }
    if (strcmp(ds_cstr(&u->log), log) || strcmp(ds_cstr(&s), out)) {
        ovs_fatal(0, "\"%s\" and \"%s\" instead of \"%s\" and \"%s\"",
                  ds_cstr(&u->log), ds_cstr(&s), log, out);
    }
    ds_clear(&u->log);
    ds_destroy(&s);
}

static void
test_updates(void)
{
    static const struct inc_kind_class changing_class = {
        .name = "names", .stage = 0, .key_type = INC_KEY_STRING,
        .is_set = true, .keeps_changes = true,
    };
    static const struct inc_kind_class out_class = SET_KIND("out", 1);
    static const struct inc_unit_class unit_class = {
        .name = "updates", .stage = 1, .run = updates_run,
        .update = updates_update,
    };
    struct updates u = { .log = DS_EMPTY_INITIALIZER };

    u.engine = inc_engine_create(2);
    u.in = inc_kind_declare(u.engine, &in_class);
    u.names = inc_kind_declare(u.engine, &changing_class);
    u.out = inc_kind_declare(u.engine, &out_class);
    inc_unit_add(u.engine, &unit_class, key("u"), &u);
    updates_expect(&u, 1, " run", "");

    inc_set_insert(u.names, key("x"), key("a"));
    updates_expect(&u, 1, " update +a", " a updated");
    /* What was put out before stays. */
    inc_set_insert(u.names, key("x"), key("b"));
    inc_set_remove(u.names, key("x"), key("a"));
    updates_expect(&u, 1, " update +b -a", " a b updated");
    updates_expect(&u, 1, "", " a b updated");

    /* Something else has changed, too, or everything is asked for. */
    inc_set_insert(u.names, key("x"), key("c"));
    inc_set(u.in, key("x"), value_new(1));
    updates_expect(&u, 1, " run", " b c");
    inc_set_insert(u.names, key("x"), key("d"));
    inc_recompute(u.engine);
    updates_expect(&u, 1, " run", " b c d");

    /* A member that has left and is back has not changed. */
    inc_set_remove(u.names, key("x"), key("d"));
    inc_set_insert(u.names, key("x"), key("d"));
    updates_expect(&u, 1, "", " b c d");

    /* Changes are remembered until they have been made use of, but not two of
     * them. */
    inc_set_insert(u.names, key("x"), key("e"));
    updates_expect(&u, 0, "", " b c d");
    updates_expect(&u, 1, " update +e", " b c d e updated");
    inc_set_insert(u.names, key("x"), key("f"));
    updates_expect(&u, 0, "", " b c d e updated");
    inc_set_remove(u.names, key("x"), key("e"));
    updates_expect(&u, 0, "", " b c d e updated");
    updates_expect(&u, 1, " run", " b c d f");

    /* A refused update leaves nothing behind. */
    u.refuse = true;
    inc_set_remove(u.names, key("x"), key("f"));
    updates_expect(&u, 1, " update -f run", " b c d");
    u.refuse = false;

    /* All of them go, and the set with them. */
    inc_set_remove(u.names, key("x"), key("b"));
    inc_set_remove(u.names, key("x"), key("c"));
    updates_expect(&u, 1, " update -b -c", " b c d updated");
    inc_set_remove(u.names, key("x"), key("d"));
    updates_expect(&u, 0, "", " b c d updated");
    inc_engine_destroy(u.engine);
    ds_destroy(&u.log);
}

/* What units say: a unit says each bit of its input, in this order: of 8, it
 * comes to update() first. */

static bool
news_update(struct inc_unit *unit, void *u_)
{
    struct updates *u = u_;

    if (inc_unit_is_news(unit, 8)) {
        ds_put_cstr(&u->log, " 8");
    }
    return !inc_set_n_gone(inc_read_set(unit, u->names, key("x")));
}

static void
news_run(struct inc_unit *unit, void *u_)
{
    struct updates *u = u_;
    uint64_t x = value_get(inc_read(unit, u->in, key("x")));

    inc_read_set(unit, u->names, key("x"));
    for (int i = 0; i < 2; i++) {
        for (uint32_t bit = 1; bit <= 8; bit *= 2) {
            if (x & bit && inc_unit_is_news(unit, bit)) {
                ds_put_format(&u->log, " %"PRIu32, bit);
            }
        }
    }
}

static const struct inc_unit_class news_unit_class = {
    .name = "news", .stage = 1, .run = news_run, .update = news_update,
};

static void
news_expect(struct updates *u, uint64_t x, const char *log)
{
    inc_set(u->in, key("x"), x ? value_new(x) : NULL);
    inc_recompute(u->engine);
    inc_run(u->engine, 1);
    if (strcmp(ds_cstr(&u->log), log)) {
        ovs_fatal(0, "said:%s, expected:%s", ds_cstr(&u->log), log);
    }
    ds_clear(&u->log);
}

static void
test_news(void)
{
    static const struct inc_kind_class set_class = {
        .name = "names", .stage = 0, .key_type = INC_KEY_STRING,
        .is_set = true, .keeps_changes = true,
    };
    struct updates u = {
        .engine = inc_engine_create(2), .log = DS_EMPTY_INITIALIZER,
    };

    u.in = inc_kind_declare(u.engine, &in_class);
    u.names = inc_kind_declare(u.engine, &set_class);
    struct inc_unit *unit = inc_unit_add(u.engine, &news_unit_class,
                                         key("x"), &u);
    news_expect(&u, 0, "");
    news_expect(&u, 3, " 1 2");
    news_expect(&u, 3, "");
    news_expect(&u, 7, " 4");
    news_expect(&u, 6, "");
    news_expect(&u, 7, " 1");
    news_expect(&u, 0, "");
    news_expect(&u, 7, " 1 2 4");

    /* An update adds to what the run has said. */
    inc_set_insert(u.names, key("x"), key("a"));
    inc_run(u.engine, 1);
    inc_set_insert(u.names, key("x"), key("b"));
    inc_run(u.engine, 1);
    assert(!strcmp(ds_cstr(&u.log), " 8"));
    ds_clear(&u.log);
    news_expect(&u, 15, "");

    /* One that is not enough is a part of the run that follows. */
    news_expect(&u, 7, "");
    news_expect(&u, 7, "");
    inc_set_remove(u.names, key("x"), key("a"));
    inc_run(u.engine, 1);
    assert(!strcmp(ds_cstr(&u.log), " 8"));
    ds_clear(&u.log);

    /* Another unit has said nothing yet. */
    inc_unit_remove(unit);
    inc_unit_add(u.engine, &news_unit_class, key("x"), &u);
    news_expect(&u, 7, " 1 2 4");

    inc_engine_destroy(u.engine);
    ds_destroy(&u.log);
    assert(!n_values);
}

static void
test_basic(void)
{
    test_news();
    test_updates();

    struct basic b;

    basic_init(&b);
    test_values(&b);
    test_sets(&b);
    test_writers(&b);
    test_peek(&b);
    set_in(&b, "pending", 5);   /* Destroy must cope with what is pending. */
    set_in(&b, "a", 5);
    inc_engine_destroy(b.engine);
    assert(!n_values);
    ds_destroy(&b.log);
}

/* "random": the property test
 * ===========================
 *
 * At each of several stages, one unit for each cell of the stage before.
 * What a unit reads and writes is decided by a pseudo-random program, from
 * its stage, its key and whatever it has read so far; reads may hit cells of
 * all earlier stages, whether there or not; writes may collide with other
 * units' ones.  After each random change of the inputs, the engine's state
 * must equal an evaluation of the same programs from scratch on plain arrays,
 * what the watchers have been told must lead to the same state, and a
 * recompute must tell them nothing. */

#define N_RSTAGES 5
#define N_RKEYS 48              /* At most 64: sets are bitmaps. */

struct rstate {                 /* A complete state, as plain arrays. */
    uint64_t values[N_RSTAGES][N_RKEYS]; /* 0: no value. */
    uint64_t sets[N_RSTAGES][N_RKEYS];
};

struct rtest {
    struct inc_engine *engine;
    struct inc_kind *values[N_RSTAGES], *sets[N_RSTAGES];
    struct rstate inputs;       /* Stage 0 only. */
    struct rstate watched;      /* What the watchers have been told. */
    int n_told;
    int n_live;                 /* Units that have run and are there. */
};

/* How a program gets at its surroundings: the engine's if 'unit' is not NULL,
 * else 'state'. */
struct rcontext {
    struct rtest *test;
    struct inc_unit *unit;
    struct rstate *state;
    int stage;
    uint64_t key;
    /* Smallest key that has written a cell, for 'state'. */
    uint64_t *writers;
};

static uint64_t
mix(uint64_t a, uint64_t b)
{
    return hash_uint64_basis(b, a) | (uint64_t) hash_uint64_basis(a, b) << 32;
}

static uint64_t
program_read(struct rcontext *c, int stage, uint64_t k)
{
    return (c->unit
            ? value_get(inc_read(c->unit, c->test->values[stage],
                                 inc_key_u64(&k)))
            : c->state->values[stage][k]);
}

/* Returns the set as a bitmap. */
static uint64_t
set_bitmap(const struct inc_set *set)
{
    uint64_t bitmap = 0, prev = 0;

    for (size_t i = 0; i < inc_set_count(set); i++) {
        uint64_t m;
        struct inc_key mk = inc_set_at(set, i);
        assert(mk.len == sizeof m);
        memcpy(&m, mk.data, sizeof m);
        assert(inc_set_contains(set, mk));
        assert(!i || memcmp(&prev, &m, sizeof m) < 0);
        bitmap |= UINT64_C(1) << m;
        prev = m;
    }
    return bitmap;
}

static uint64_t
program_read_set(struct rcontext *c, int stage, uint64_t k)
{
    return (c->unit
            ? set_bitmap(inc_read_set(c->unit, c->test->sets[stage],
                                      inc_key_u64(&k)))
            : c->state->sets[stage][k]);
}

static void
program_write(struct rcontext *c, uint64_t k, uint64_t value)
{
    if (c->unit) {
        inc_write(c->unit, c->test->values[c->stage], inc_key_u64(&k),
                  value_new(value));
    } else if (memcmp(&c->key, &c->writers[k], sizeof c->key) <= 0) {
        c->state->values[c->stage][k] = value;
        c->writers[k] = c->key;
    }
}

static void
program_insert(struct rcontext *c, uint64_t k, uint64_t member)
{
    if (c->unit) {
        inc_insert(c->unit, c->test->sets[c->stage], inc_key_u64(&k),
                   inc_key_u64(&member));
    } else {
        c->state->sets[c->stage][k] |= UINT64_C(1) << member;
    }
}

static void
program_run(struct rcontext *c)
{
    uint64_t acc = mix(c->stage, c->key);
    int n_reads = acc % 7;

    for (int i = 0; i < n_reads; i++) {
        int stage = (acc >> 8) % c->stage;
        uint64_t k = (acc >> 16) % N_RKEYS;

        /* Few distinct values, so that outputs often stay the same. */
        acc = mix(acc, ((acc >> 32) & 1
                        ? program_read(c, stage, k) % 3
                        : program_read_set(c, stage, k)));
    }

    /* Mostly a cell of its own; sometimes, one for which others compete. */
    if (acc % 8) {
        program_write(c, acc % 4 ? c->key : (acc >> 40) % 4, 1 + acc % 5);
    }
    int n_inserts = (acc >> 24) % 4;
    for (int i = 0; i < n_inserts; i++) {
        program_insert(c, (acc >> (8 * i)) % 8, (acc >> (6 * i)) % N_RKEYS);
    }
}

struct rstage {
    struct rtest *test;
    int stage;
};

static void
random_unit_run(struct inc_unit *unit, void *rstage_)
{
    struct rstage *rstage = rstage_;
    struct inc_key k = inc_unit_key(unit);
    struct rcontext c = {
        .test = rstage->test, .unit = unit, .stage = rstage->stage,
    };

    memcpy(&c.key, k.data, sizeof c.key);
    if (!*inc_unit_data(unit)) {
        *inc_unit_data(unit) = rstage;
        rstage->test->n_live++;
    }
    program_run(&c);
}

static void
random_unit_removed(struct inc_unit *unit, void *rstage_)
{
    struct rstage *rstage = rstage_;

    assert(*inc_unit_data(unit) == rstage);
    rstage->test->n_live--;
}

/* Evaluates everything from scratch.  Returns the number of units. */
static int
evaluate(struct rtest *test, struct rstate *state)
{
    int n_units = 0;

    *state = test->inputs;
    for (int stage = 1; stage < N_RSTAGES; stage++) {
        uint64_t writers[N_RKEYS];

        memset(writers, 0xff, sizeof writers);
        for (uint64_t k = 0; k < N_RKEYS; k++) {
            struct rcontext c = {
                .test = test, .state = state, .stage = stage, .key = k,
                .writers = writers,
            };
            if (state->values[stage - 1][k]) {
                program_run(&c);
                n_units++;
            }
        }
    }
    return n_units;
}

static void
random_check(struct rtest *test)
{
    struct rstate state;

    int n_units = evaluate(test, &state);
    assert(n_units == test->n_live);
    for (int stage = 0; stage < N_RSTAGES; stage++) {
        for (uint64_t k = 0; k < N_RKEYS; k++) {
            struct inc_key ik = inc_key_u64(&k);
            uint64_t value = value_get(inc_peek(test->values[stage], ik));
            uint64_t set = set_bitmap(inc_peek_set(test->sets[stage], ik));

            assert(value == state.values[stage][k]);
            assert(value == test->watched.values[stage][k]);
            assert(set == state.sets[stage][k]);
            assert(set == test->watched.sets[stage][k]);
        }
    }
}

static void
random_value_changed(struct inc_key ik, const void *old, const void *new,
                     void *rstage_)
{
    struct rstage *rstage = rstage_;
    struct rtest *test = rstage->test;
    uint64_t k;

    memcpy(&k, ik.data, sizeof k);
    uint64_t *watched = &test->watched.values[rstage->stage][k];
    assert(value_get(old) == *watched && value_get(new) != *watched);
    *watched = value_get(new);
    test->n_told++;
}

static void
random_set_changed(struct inc_key ik, const void *old OVS_UNUSED,
                   const void *new OVS_UNUSED, void *rstage_)
{
    struct rstage *rstage = rstage_;
    struct rtest *test = rstage->test;
    uint64_t k;

    memcpy(&k, ik.data, sizeof k);
    uint64_t *watched = &test->watched.sets[rstage->stage][k];
    uint64_t set = set_bitmap(inc_peek_set(test->sets[rstage->stage], ik));
    assert(set != *watched);
    *watched = set;
    test->n_told++;
}

static void
random_change(struct rtest *test)
{
    uint64_t k = random_range(N_RKEYS);
    uint64_t m = random_range(N_RKEYS);
    struct inc_key ik = inc_key_u64(&k);
    uint64_t *value = &test->inputs.values[0][k];
    uint64_t *set = &test->inputs.sets[0][k];

    switch (random_range(5)) {
    case 0:
        *value = 0;
        inc_set(test->values[0], ik, NULL);
        break;
    case 1: case 2:
        *value = 1 + random_range(5);
        inc_set(test->values[0], ik, value_new(*value));
        break;
    case 3:
        *set |= UINT64_C(1) << m;
        inc_set_insert(test->sets[0], ik, inc_key_u64(&m));
        break;
    case 4:
        *set &= ~(UINT64_C(1) << m);
        inc_set_remove(test->sets[0], ik, inc_key_u64(&m));
        break;
    }
}

static const struct inc_kind_class random_value_classes[] = {
    VALUE_KIND("value0", 0), VALUE_KIND("value1", 1), VALUE_KIND("value2", 2),
    VALUE_KIND("value3", 3), VALUE_KIND("value4", 4),
};
static const struct inc_kind_class random_set_classes[] = {
    SET_KIND("set0", 0), SET_KIND("set1", 1), SET_KIND("set2", 2),
    SET_KIND("set3", 3), SET_KIND("set4", 4),
};
#define RANDOM_UNIT_CLASS(NAME, STAGE)                          \
    { .name = NAME, .stage = STAGE, .run = random_unit_run,     \
      .removed = random_unit_removed }
static const struct inc_unit_class random_unit_classes[] = {
    RANDOM_UNIT_CLASS("unit0", 0), RANDOM_UNIT_CLASS("unit1", 1),
    RANDOM_UNIT_CLASS("unit2", 2), RANDOM_UNIT_CLASS("unit3", 3),
    RANDOM_UNIT_CLASS("unit4", 4),
};

static void
test_random(uint32_t seed, int n_changes)
{
    struct rtest test = { .n_told = 0 };
    struct rstage stages[N_RSTAGES];

    random_set_seed(seed);
    test.engine = inc_engine_create(N_RSTAGES);
    for (int i = 0; i < N_RSTAGES; i++) {
        stages[i] = (struct rstage) { &test, i };
        test.values[i] = inc_kind_declare(test.engine,
                                          &random_value_classes[i]);
        test.sets[i] = inc_kind_declare(test.engine, &random_set_classes[i]);
        inc_kind_watch(test.values[i], random_value_changed, &stages[i]);
        inc_kind_watch(test.sets[i], random_set_changed, &stages[i]);
        if (i) {
            inc_kind_spawn(test.values[i - 1], &random_unit_classes[i],
                           &stages[i]);
        }
    }

    for (int i = 0; i < n_changes; i++) {
        for (int n = random_range(4); n >= 0; n--) {
            random_change(&test);
            if (!random_range(4)) {
                inc_run(test.engine, random_range(N_RSTAGES));
            }
        }
        inc_run(test.engine, N_RSTAGES - 1);
        random_check(&test);

        test.n_told = 0;
        inc_recompute(test.engine);
        size_t n_run = inc_run(test.engine, N_RSTAGES - 1);
        assert(!test.n_told && n_run == test.n_live);
        random_check(&test);
    }

    /* A change that meets a unit that is dirty for another reason. */
    inc_recompute(test.engine);
    random_change(&test);
    inc_run(test.engine, N_RSTAGES - 1);
    random_check(&test);

    inc_engine_destroy(test.engine);
    assert(!test.n_live && !n_values);
}

/* "benchmark": for a person to look at. */

static const struct inc_kind_class bench_out_class = VALUE_KIND("out", 1);
static struct inc_kind *bench_in, *bench_out;
static int bench_n_reads, bench_n_cells;

static void
bench_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    uint64_t k, sum = 0;

    memcpy(&k, inc_unit_key(unit).data, sizeof k);
    for (int i = 0; i < bench_n_reads; i++) {
        uint64_t c = (k + i * UINT64_C(7919)) % bench_n_cells;
        sum += value_get(inc_read(unit, bench_in, inc_key_u64(&c)));
    }
    inc_write(unit, bench_out, inc_unit_key(unit), value_new(sum));
}

static const struct inc_unit_class bench_unit_class = {
    .name = "bench", .stage = 1, .run = bench_run,
};

static void
bench_measure(struct inc_engine *engine, const char *what)
{
    long long int start = time_usec();
    size_t n = inc_run(engine, 1);
    long long int elapsed = time_usec() - start;

    printf("%-20s %8"PRIuSIZE" units %8lld us %8.0f ns/read\n",
           what, n, elapsed,
           n ? 1000.0 * elapsed / ((double) n * bench_n_reads) : 0.0);
}

static void
test_benchmark(int n_units, int n_reads)
{
    struct inc_engine *engine = inc_engine_create(2);

    bench_n_reads = n_reads;
    bench_n_cells = n_units;
    bench_in = inc_kind_declare(engine, &in_class);
    bench_out = inc_kind_declare(engine, &bench_out_class);
    inc_kind_spawn(bench_in, &bench_unit_class, NULL);
    for (uint64_t i = 0; i < n_units; i++) {
        inc_set(bench_in, inc_key_u64(&i), value_new(i));
    }
    bench_measure(engine, "first run");
    inc_recompute(engine);
    bench_measure(engine, "recompute");
    uint64_t k = 1;
    inc_set(bench_in, inc_key_u64(&k), value_new(12345));
    bench_measure(engine, "one change");
    for (uint64_t i = 0; i < n_units; i++) {
        inc_set(bench_in, inc_key_u64(&i), value_new(i + 1));
    }
    bench_measure(engine, "everything changes");
    inc_engine_destroy(engine);
}

static void
test_inc_proc_eng(int argc, char *argv[])
{
    if (argc == 2 && !strcmp(argv[1], "basic")) {
        test_basic();
    } else if (argc == 4 && !strcmp(argv[1], "random")) {
        test_random(atoi(argv[2]), atoi(argv[3]));
    } else if (argc == 4 && !strcmp(argv[1], "benchmark")) {
        test_benchmark(atoi(argv[2]), atoi(argv[3]));
    } else {
        ovs_fatal(0, "usage: %s basic | random SEED N_CHANGES | "
                  "benchmark N_UNITS N_READS", argv[0]);
    }
}

OVSTEST_REGISTER("test-inc-proc-eng", test_inc_proc_eng);
