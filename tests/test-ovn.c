/* SPDX-License-Identifier: Apache-2.0 */

/* The language's test driver: see test-ovn.h. */

#include <config.h>
#include "test-ovn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dp-packet.h"
#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-port.h"
#include "ovn/logical-fields.h"
#include "ovs-compat.h"
#include "ovstest.h"
#include "util.h"

bool
test_ovn_next_line(struct ds *s)
{
    return !ds_get_test_line(s, stdin);
}

/* lex */

static void
test_lex(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct ds line = DS_EMPTY_INITIALIZER;
    struct ds out = DS_EMPTY_INITIALIZER;

    while (test_ovn_next_line(&line)) {
        struct lex_tokens tokens;

        ds_clear(&out);
        lex_scan(ds_cstr(&line), &tokens);
        for (size_t i = 0; i < tokens.n - 1; i++) {
            if (i) {
                ds_put_char(&out, ' ');
            }
            lex_token_format(&tokens.tokens[i], &out);
        }
        puts(ds_cstr(&out));
        lex_tokens_destroy(&tokens);
    }
    ds_destroy(&line);
    ds_destroy(&out);
}

/* parse-expr and the steps that follow. */

enum step { PARSE, ANNOTATE, SIMPLIFY, NORMALIZE, TO_FLOWS };

/* Takes 'e' through the steps up to 'last'.  Returns NULL on error. */
static struct expr *
run_steps(struct expr *e, enum step last, const struct expr_env *env,
          char **errorp)
{
    if (e && last >= ANNOTATE) {
        e = expr_annotate(e, env->symtab, errorp);
    }
    if (e && last >= SIMPLIFY) {
        e = expr_simplify(e, env);
        ovs_assert(expr_is_simplified(e));
    }
    if (e && last >= NORMALIZE) {
        e = expr_normalize(e, env, errorp);
        ovs_assert(!e || expr_is_normalized(e));
    }
    return e;
}

static void
print_flows(const struct expr *e, const struct expr_env *env)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct expr_matches matches;

    expr_to_matches(e, env, &matches);
    if (matches.n) {
        expr_matches_format(&matches, &s);
        fputs(ds_cstr(&s), stdout);
    } else {
        puts("(no flows)");
    }
    expr_matches_destroy(&matches);
    ds_destroy(&s);
}

/* Makes 'env' that of the release that the option "--release=VERSION" among
 * 'argc' arguments 'argv' names, if any. */
static void
set_release(int argc, char *argv[], struct expr_env *env)
{
    struct ovn_dialect dialect;

    if (argc == 2 && !strncmp(argv[1], "--release=", 10)) {
        test_ovn_release(argv[1] + 10, &dialect);
        env->leaves_out_covered = dialect.leaves_out_covered;
        env->negates_by_prefix = dialect.negates_by_prefix;
    }
}

static void
test_steps(enum step last, int argc, char *argv[])
{
    struct ds line = DS_EMPTY_INITIALIZER;
    struct test_ovn world;

    test_ovn_init(&world);
    set_release(argc, argv, &world.env);
    while (test_ovn_next_line(&line)) {
        char *error = NULL;
        struct expr *e = expr_parse_text(ds_cstr(&line), &world.env, &error);

        e = run_steps(e, last, &world.env, &error);
        if (!e) {
            puts(error);
            free(error);
        } else if (last == TO_FLOWS) {
            print_flows(e, &world.env);
        } else {
            struct ds s = DS_EMPTY_INITIALIZER;
            expr_format(e, &s);
            puts(ds_cstr(&s));
            ds_destroy(&s);
        }
        expr_destroy(e);
    }
    ds_destroy(&line);
    test_ovn_destroy(&world);
}

static void
test_parse_expr(int argc, char *argv[])
{
    test_steps(PARSE, argc, argv);
}

static void
test_annotate_expr(int argc, char *argv[])
{
    test_steps(ANNOTATE, argc, argv);
}

static void
test_simplify_expr(int argc, char *argv[])
{
    test_steps(SIMPLIFY, argc, argv);
}

static void
test_normalize_expr(int argc, char *argv[])
{
    test_steps(NORMALIZE, argc, argv);
}

static void
test_expr_to_flows(int argc, char *argv[])
{
    test_steps(TO_FLOWS, argc, argv);
}

/* evaluate-expr MICROFLOW */

static void
test_evaluate_expr(int argc OVS_UNUSED, char *argv[])
{
    struct ds line = DS_EMPTY_INITIALIZER;
    struct test_ovn world;
    struct flow microflow;

    test_ovn_init(&world);
    char *error = expr_parse_microflow(argv[1], &world.env, &microflow);
    if (error) {
        ovs_fatal(0, "%s", error);
    }

    while (test_ovn_next_line(&line)) {
        struct expr *e = expr_parse_text(ds_cstr(&line), &world.env, &error);

        e = run_steps(e, ANNOTATE, &world.env, &error);
        if (e) {
            printf("%d\n", expr_evaluate(e, &microflow, &world.env));
        } else {
            puts(error);
            free(error);
        }
        expr_destroy(e);
    }
    ds_destroy(&line);
    test_ovn_destroy(&world);
}

/* expr-to-packets */

static void
test_expr_to_packets(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct ds line = DS_EMPTY_INITIALIZER;
    struct test_ovn world;

    test_ovn_init(&world);
    while (test_ovn_next_line(&line)) {
        struct flow microflow;

        char *error = expr_parse_microflow(ds_cstr(&line), &world.env,
                                           &microflow);
        if (error) {
            puts(error);
            free(error);
            continue;
        }

        struct dp_packet packet;
        dp_packet_init(&packet, 0);
        ovs_flow_compose(&packet, &microflow, NULL, 64);
        const uint8_t *data = dp_packet_data(&packet);
        for (size_t i = 0; i < dp_packet_size(&packet); i++) {
            printf("%02"PRIx8, data[i]);
        }
        putchar('\n');
        dp_packet_uninit(&packet);
    }
    ds_destroy(&line);
    test_ovn_destroy(&world);
}

/* dump-symtab */

static void
test_dump_symtab(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct shash symtab;

    ovn_init_symtab(&symtab);
    const struct shash_node **nodes = shash_sort(&symtab);
    for (size_t i = 0; i < shash_count(&symtab); i++) {
        struct ds s = DS_EMPTY_INITIALIZER;
        expr_symbol_format(nodes[i]->data, &s);
        puts(ds_cstr(&s));
        ds_destroy(&s);
    }
    free(nodes);
    expr_symtab_destroy(&symtab);
    shash_destroy(&symtab);
}

/* Commands. */

struct command {
    const char *name;
    int min_args, max_args;
    test_ovn_func *func;
};
static struct command commands[64];
static size_t n_commands;

void
test_ovn_register(const char *name, int min_args, int max_args,
                  test_ovn_func *func)
{
    ovs_assert(n_commands < ARRAY_SIZE(commands));
    commands[n_commands++] = (struct command) { name, min_args, max_args,
                                                func };
}

TEST_OVN_COMMAND("lex", 0, 0, test_lex);
TEST_OVN_COMMAND("parse-expr", 0, 0, test_parse_expr);
TEST_OVN_COMMAND("annotate-expr", 0, 0, test_annotate_expr);
TEST_OVN_COMMAND("simplify-expr", 0, 0, test_simplify_expr);
TEST_OVN_COMMAND("normalize-expr", 0, 0, test_normalize_expr);
TEST_OVN_COMMAND("expr-to-flows", 0, 1, test_expr_to_flows);
TEST_OVN_COMMAND("expr-to-packets", 0, 0, test_expr_to_packets);
TEST_OVN_COMMAND("evaluate-expr", 1, 1, test_evaluate_expr);
TEST_OVN_COMMAND("dump-symtab", 0, 0, test_dump_symtab);

static void
test_ovn_main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    if (argc < 2) {
        ovs_fatal(0, "usage: test-ovn COMMAND [ARG]...");
    }
    for (size_t i = 0; i < n_commands; i++) {
        const struct command *c = &commands[i];

        if (!strcmp(c->name, argv[1])) {
            if (argc - 2 < c->min_args || argc - 2 > c->max_args) {
                ovs_fatal(0, "%s: wrong number of arguments", argv[1]);
            }
            c->func(argc - 1, argv + 1);
            return;
        }
    }
    ovs_fatal(0, "%s: unknown command", argv[1]);
}

OVSTEST_REGISTER("test-ovn", test_ovn_main);
