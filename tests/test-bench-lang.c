/* SPDX-License-Identifier: Apache-2.0 */

/* How fast logical flows are compiled.
 *
 * "ovstest bench-lang SECONDS" reads logical flows and what they mention from
 * standard input, a line each, fields separated by tabs:
 *
 *     port NAME KEY
 *     address-set NAME ADDRESS...
 *     port-group NAME PORT...
 *     flow ingress|egress TABLE MATCH ACTIONS
 *
 * It compiles all flows as the controller does for a chassis where every
 * datapath and every port is local, again and again for SECONDS seconds of
 * processor time, and throws the results away.  It does so four times, each
 * time going a step further, and prints for each step how many logical flows a
 * second of processor time are taken so far; everything is on one thread.  The
 * last figure is the one that counts, the others tell where the time goes.
 *
 * tests/bench/ovn-bench makes the input from a southbound database. */

#include <config.h>
#undef NDEBUG

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "ovn/actions.h"
#include "ovn/expr.h"
#include "ovn/group.h"
#include "ovn/lex.h"
#include "ovstest.h"
#include "svec.h"
#include "test-ovn.h"
#include "util.h"

/* How far a logical flow is taken. */
enum step {
    LEX,                        /* Tokens of both texts. */
    PARSE,                      /* Trees and actions, prerequisites added. */
    NORMALIZE,                  /* Disjunctive normal form. */
    ENCODE,                     /* OpenFlow matches and actions. */
    N_STEPS
};

static const char *const step_names[N_STEPS] = {
    "lex", "parse", "normalize", "encode",
};

struct bench_flow {
    bool ingress;
    uint8_t table;
    char *match, *actions;
};

struct bench {
    struct test_ovn_actions world;
    struct bench_flow *flows;
    size_t n, allocated;

    /* Results, so that no step can be left out as useless, and to show that
     * the input is what it should be. */
    size_t n_tokens, n_matches, n_refused;
    size_t n_bytes;             /* Of OpenFlow actions. */
};

/* Input. */

static void
add_flow(struct bench *b, const struct svec *fields)
{
    if (fields->n != 5) {
        ovs_fatal(0, "malformed flow");
    }
    if (b->n >= b->allocated) {
        b->flows = x2nrealloc(b->flows, &b->allocated, sizeof *b->flows);
    }
    b->flows[b->n++] = (struct bench_flow) {
        .ingress = !strcmp(fields->names[1], "ingress"),
        .table = atoi(fields->names[2]),
        .match = xstrdup(fields->names[3]),
        .actions = xstrdup(fields->names[4]),
    };
}

static void
add_line(struct bench *b, const struct svec *fields)
{
    struct test_ovn *world = &b->world.world;
    const char *kind = fields->n ? fields->names[0] : "";
    const char *name = fields->n > 1 ? fields->names[1] : "";
    const char *const *members = (const char *const *) &fields->names[2];
    size_t n_members = fields->n > 2 ? fields->n - 2 : 0;

    if (!strcmp(kind, "flow")) {
        add_flow(b, fields);
    } else if (!strcmp(kind, "port") && n_members == 1) {
        simap_put(&world->ports, name, atoi(members[0]));
    } else if (!strcmp(kind, "address-set")) {
        shash_add(&world->address_sets, name,
                  expr_constant_set_from_addresses(members, n_members, NULL));
    } else if (!strcmp(kind, "port-group")) {
        shash_add(&world->port_groups, name,
                  expr_constant_set_from_ports(members, n_members));
    } else {
        ovs_fatal(0, "malformed line \"%s\"", kind);
    }
}

static void
read_input(struct bench *b)
{
    struct ds line = DS_EMPTY_INITIALIZER;

    while (!ds_get_line(&line, stdin)) {
        struct svec fields = SVEC_EMPTY_INITIALIZER;
        char *rest = ds_cstr(&line);
        char *field;

        while ((field = strsep(&rest, "\t"))) {
            svec_add(&fields, field);
        }
        add_line(b, &fields);
        svec_destroy(&fields);
    }
    ds_destroy(&line);
}

/* Compiling. */

/* A group costs what it takes to tell it from others. */
static uint32_t
group_id(const struct ovn_group *group, void *aux OVS_UNUSED)
{
    return ovn_group_hash(group).u32[0] | 1;
}

static void
scan(struct bench *b, const char *text)
{
    struct lex_tokens tokens;

    lex_scan(text, &tokens);
    b->n_tokens += tokens.n;
    lex_tokens_destroy(&tokens);
}

static void
encode(struct bench *b, const struct bench_flow *f, const struct expr *e,
       const struct ofpbuf *ovnacts, struct ofpbuf *ofpacts)
{
    struct ovnact_encode_params *ep = &b->world.ep;
    struct expr_matches ms;

    expr_to_matches(e, ep->env, &ms);
    b->n_matches += ms.n;
    expr_matches_destroy(&ms);

    ep->pipeline = f->ingress ? OVN_P_INGRESS : OVN_P_EGRESS;
    ofpbuf_clear(ofpacts);
    ovnacts_encode(ovnacts->data, ovnacts->size, ep, ofpacts);
    b->n_bytes += ofpacts->size;
}

/* Takes 'f' through the steps up to 'last'.  Returns an error (caller frees)
 * or NULL. */
static char *
compile(struct bench *b, const struct bench_flow *f, enum step last,
        struct ofpbuf *ovnacts, struct ofpbuf *ofpacts)
{
    const struct expr_env *env = b->world.pp.env;
    struct expr *prereqs;
    char *error;

    if (last == LEX) {
        scan(b, f->match);
        scan(b, f->actions);
        return NULL;
    }

    b->world.pp.pipeline = f->ingress ? OVN_P_INGRESS : OVN_P_EGRESS;
    b->world.pp.cur_ltable = f->table;
    error = ovnacts_parse_text(f->actions, &b->world.pp, ovnacts, &prereqs);
    if (error) {
        return error;
    }

    struct expr *e = expr_parse_text(f->match, env, &error);
    if (e) {
        e = expr_annotate(expr_and(e, prereqs), env->symtab, &error);
    } else {
        expr_destroy(prereqs);
    }
    if (e && last > PARSE) {
        e = expr_normalize(expr_simplify(e, env), env, &error);
    }
    if (e && last > NORMALIZE) {
        encode(b, f, e, ovnacts, ofpacts);
    }
    expr_destroy(e);
    ovnacts_free(ovnacts->data, ovnacts->size);
    ofpbuf_clear(ovnacts);
    return error;
}

static double
processor_time(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Compiles all flows up to 'last' as often as it takes for 'seconds'.
 * Returns the number of flows a second. */
static double
measure(struct bench *b, enum step last, double seconds)
{
    struct ofpbuf ovnacts, ofpacts;
    const double start = processor_time();
    double elapsed;
    int rounds = 0;

    ofpbuf_init(&ovnacts, 4096);
    ofpbuf_init(&ofpacts, 4096);
    do {
        b->n_tokens = b->n_matches = b->n_refused = b->n_bytes = 0;
        for (size_t i = 0; i < b->n; i++) {
            char *error = compile(b, &b->flows[i], last, &ovnacts, &ofpacts);
            b->n_refused += error != NULL;
            free(error);
        }
        rounds++;
        elapsed = processor_time() - start;
    } while (elapsed < seconds);
    ofpbuf_uninit(&ovnacts);
    ofpbuf_uninit(&ofpacts);
    return rounds * b->n / elapsed;
}

static void
bench_destroy(struct bench *b)
{
    for (size_t i = 0; i < b->n; i++) {
        free(b->flows[i].match);
        free(b->flows[i].actions);
    }
    free(b->flows);
    test_ovn_actions_destroy(&b->world);
}

static void
bench_lang_main(int argc, char *argv[])
{
    struct bench b = { .n = 0 };

    if (argc != 2) {
        ovs_fatal(0, "usage: bench-lang SECONDS");
    }
    test_ovn_actions_init(&b.world);
    test_ovn_actions_as_controller(&b.world);
    b.world.ep.group_id = group_id;
    read_input(&b);
    if (!b.n) {
        ovs_fatal(0, "no logical flows");
    }

    printf("logical-flows %"PRIuSIZE"\n", b.n);
    for (enum step step = LEX; step < N_STEPS; step++) {
        double rate = measure(&b, step, atof(argv[1]));

        if (step == LEX) {
            printf("tokens %"PRIuSIZE"\n", b.n_tokens);
        }
        printf("%s %.0f\n", step_names[step], rate);
    }
    printf("refused %"PRIuSIZE"\n"
           "matches %"PRIuSIZE"\n"
           "action-bytes %"PRIuSIZE"\n", b.n_refused, b.n_matches, b.n_bytes);
    bench_destroy(&b);
}

OVSTEST_REGISTER("bench-lang", bench_lang_main);
