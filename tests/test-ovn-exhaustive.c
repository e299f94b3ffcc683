/* SPDX-License-Identifier: Apache-2.0 */

/* Exhaustive proofs about expressions.
 *
 * "test-ovn exhaustive N" builds every Boolean expression with N terminals
 * over a few variables, has the library do something with it, and checks for
 * every assignment of values to the variables that the meaning is the same.
 *
 * An expression is a tree shape, "&&" or "||" at the root (levels alternate),
 * and a terminal at each leaf.  Each shape with N leaves is a way to write N
 * as a sum of two or more numbers, and a shape for each of them.
 *
 * A terminal is
 *
 *   - "0" or "1";
 *   - a numeric variable "==" or "!=" a constant, with every mask;
 *   - a numeric variable, or some adjacent bits of it, "<", "<=", ">" or ">="
 *     a constant;
 *   - a string variable "==" one of two strings.
 *
 * With "--later", negation and intersection are those for later releases.
 *
 * With "--complete", every expression is tried.  Without, those that differ in
 * the first terminal alone count as one, and all but the very first of them
 * are tried with one first terminal each, in turn: these are as many as OVN's
 * own driver tries, so that the same command prints the same number.
 *
 * What an expression means is computed here, from tables of what its terminals
 * mean, and not by the library's evaluation of the whole: that is tested, too.
 */

#include <config.h>
#include "test-ovn.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bitmap.h"
#include "flow.h"
#include "lib/expr-private.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

#define MAX_TERMINALS 8
#define MAX_VARS 4
#define N_STRINGS 2             /* Constants for string variables. */

/* Compositions. */

/* Sets 'parts' to the composition of 'n' that 'bits' selects: bit i says
 * whether a new part starts after i + 1.  Returns the number of parts. */
static size_t
get_composition(unsigned int n, unsigned int bits, unsigned int parts[])
{
    size_t n_parts = 0;

    parts[n_parts++] = 1;
    for (unsigned int i = 0; i + 1 < n; i++) {
        if (bits & (1u << i)) {
            parts[n_parts++] = 1;
        } else {
            parts[n_parts - 1]++;
        }
    }
    return n_parts;
}

static unsigned int
parse_number(const char *s, unsigned int max)
{
    unsigned int n;

    if (!str_to_uint(s, 10, &n) || n < 1 || n > max) {
        ovs_fatal(0, "%s: must be a number from 1 to %u", s, max);
    }
    return n;
}

static void
test_composition(int argc OVS_UNUSED, char *argv[])
{
    unsigned int n = parse_number(argv[1], 16);
    unsigned int parts[16];

    for (unsigned int bits = 0; bits < 1u << (n - 1); bits++) {
        size_t n_parts = get_composition(n, bits, parts);
        for (size_t i = 0; i < n_parts; i++) {
            printf("%s%u", i ? " " : "", parts[i]);
        }
        putchar('\n');
    }
}

/* Tree shapes. */

struct shape {
    size_t n;                   /* Number of children; 0 for a leaf. */
    const struct shape *children[MAX_TERMINALS];
};
struct shapes {
    struct shape *shapes;
    size_t n, allocated;
};

/* The shapes with 1, 2, ... leaves, as far as make_shapes() has been. */
static struct shapes all_shapes[MAX_TERMINALS + 1];

static struct shape *
add_shape(struct shapes *s)
{
    if (s->n >= s->allocated) {
        s->shapes = x2nrealloc(s->shapes, &s->allocated, sizeof *s->shapes);
    }
    return &s->shapes[s->n++];
}

/* Adds to 's' all shapes whose children have 'parts' leaves. */
static void
add_shapes_for(struct shapes *s, const unsigned int parts[], size_t n_parts)
{
    size_t index[MAX_TERMINALS] = { 0 };
    size_t i;

    do {
        struct shape shape = { .n = n_parts };
        for (i = 0; i < n_parts; i++) {
            shape.children[i] = &all_shapes[parts[i]].shapes[index[i]];
        }
        *add_shape(s) = shape;

        for (i = 0; i < n_parts; i++) {
            if (++index[i] < all_shapes[parts[i]].n) {
                break;
            }
            index[i] = 0;
        }
    } while (i < n_parts);
}

static void
make_shapes(unsigned int n)
{
    all_shapes[1].n = 0;
    add_shape(&all_shapes[1])->n = 0;
    for (unsigned int i = 2; i <= n; i++) {
        for (unsigned int bits = 1; bits < 1u << (i - 1); bits++) {
            unsigned int parts[MAX_TERMINALS];
            size_t n_parts = get_composition(i, bits, parts);
            add_shapes_for(&all_shapes[i], parts, n_parts);
        }
    }
}

static void
free_shapes(void)
{
    for (size_t i = 0; i <= MAX_TERMINALS; i++) {
        free(all_shapes[i].shapes);
    }
}

static void
print_shape(const struct shape *shape, bool parentheses)
{
    if (!shape->n) {
        putchar('x');
        return;
    }
    if (parentheses) {
        putchar('(');
    }
    for (size_t i = 0; i < shape->n; i++) {
        print_shape(shape->children[i], true);
    }
    if (parentheses) {
        putchar(')');
    }
}

static void
test_tree_shape(int argc OVS_UNUSED, char *argv[])
{
    unsigned int n = parse_number(argv[1], MAX_TERMINALS);

    make_shapes(n);
    for (size_t i = 0; i < all_shapes[n].n; i++) {
        print_shape(&all_shapes[n].shapes[i], false);
        putchar('\n');
    }
    free_shapes();
}

/* Exhaustive tests. */

enum operation { OP_CONVERT, OP_SIMPLIFY, OP_NORMALIZE, OP_FLOW };
static const char *const op_names[] = {
    [OP_CONVERT] = "convert",
    [OP_SIMPLIFY] = "simplify",
    [OP_NORMALIZE] = "normalize",
    [OP_FLOW] = "flow",
};
static const char *const op_verbs[] = {
    [OP_CONVERT] = "converting",
    [OP_SIMPLIFY] = "simplifying",
    [OP_NORMALIZE] = "normalizing",
    [OP_FLOW] = "converting to flows",
};

struct exhaustive {
    enum operation op;
    unsigned int n_terminals, n_nvars, n_svars, n_bits, parallel;
    bool complete;
    bool later;                 /* As for later releases. */
    bool relops[EXPR_R_GE + 1];

    struct shash symtab;
    const struct expr_symbol *nvars[MAX_VARS], *svars[MAX_VARS];
    struct expr_env env;

    struct flow *flows;         /* Every assignment. */
    size_t n_flows;

    struct expr **terminals;    /* Every possible one. */
    size_t n_all, allocated_all;
    unsigned long **truths;     /* Of each, a bit for each of 'flows'. */
};

static bool
string_key(const char *name, unsigned int *key, void *aux OVS_UNUSED)
{
    *key = name[0] - 'a' + 1;
    return true;
}

static void
add_terminal(struct exhaustive *x, struct expr *e)
{
    if (x->n_all >= x->allocated_all) {
        x->terminals = x2nrealloc(x->terminals, &x->allocated_all,
                                  sizeof *x->terminals);
    }
    x->terminals[x->n_all++] = e;
}

static void
add_cmp(struct exhaustive *x, const struct expr_symbol *var,
        enum expr_relop relop, uint64_t value, uint64_t mask)
{
    struct expr *e = expr_new_cmp(var, relop);

    e->cmp.value.u64.lo = value;
    e->cmp.mask.u64.lo = mask;
    add_terminal(x, e);
}

static void
add_equalities(struct exhaustive *x, const struct expr_symbol *var,
               enum expr_relop relop)
{
    for (uint64_t mask = 0; mask < UINT64_C(1) << x->n_bits; mask++) {
        for (uint64_t value = 0; value <= mask; value++) {
            if (!(value & ~mask)) {
                add_cmp(x, var, relop, value, mask);
            }
        }
    }
}

static void
add_inequalities(struct exhaustive *x, const struct expr_symbol *var,
                 enum expr_relop relop)
{
    for (unsigned int ofs = 0; ofs < x->n_bits; ofs++) {
        for (unsigned int n = 1; n <= x->n_bits - ofs; n++) {
            for (uint64_t value = 0; value < UINT64_C(1) << n; value++) {
                add_cmp(x, var, relop, value << ofs,
                        ((UINT64_C(1) << n) - 1) << ofs);
            }
        }
    }
}

static void
make_terminals(struct exhaustive *x)
{
    for (unsigned int i = 0; i < x->n_nvars; i++) {
        for (enum expr_relop relop = EXPR_R_EQ; relop <= EXPR_R_GE; relop++) {
            if (!x->relops[relop]) {
                continue;
            }
            if (relop == EXPR_R_EQ || relop == EXPR_R_NE) {
                add_equalities(x, x->nvars[i], relop);
            } else {
                add_inequalities(x, x->nvars[i], relop);
            }
        }
    }
    for (unsigned int i = 0; i < x->n_svars; i++) {
        for (int j = 0; j < N_STRINGS; j++) {
            char string[2] = { 'a' + j, '\0' };
            add_terminal(x, expr_new_string_cmp(x->svars[i], EXPR_R_EQ,
                                                string));
        }
    }
    add_terminal(x, expr_boolean(false));
    add_terminal(x, expr_boolean(true));
}

static void
make_truths(struct exhaustive *x)
{
    x->truths = xcalloc(x->n_all, sizeof *x->truths);
    for (size_t i = 0; i < x->n_all; i++) {
        x->truths[i] = bitmap_allocate(x->n_flows);
        for (size_t j = 0; j < x->n_flows; j++) {
            bitmap_set(x->truths[i], j,
                       expr_evaluate(x->terminals[i], &x->flows[j], &x->env));
        }
    }
}

/* A string variable can also have a value that no terminal names. */
static void
make_flows(struct exhaustive *x)
{
    size_t n_values = 1u << x->n_bits;
    size_t n_strings = N_STRINGS + 1;

    x->n_flows = 1;
    for (unsigned int i = 0; i < x->n_nvars; i++) {
        x->n_flows *= n_values;
    }
    for (unsigned int i = 0; i < x->n_svars; i++) {
        x->n_flows *= n_strings;
    }
    x->flows = xcalloc(x->n_flows, sizeof *x->flows);
    for (size_t f = 0; f < x->n_flows; f++) {
        size_t rest = f;
        for (unsigned int i = 0; i < x->n_nvars; i++) {
            x->flows[f].regs[i] = rest % n_values;
            rest /= n_values;
        }
        for (unsigned int i = 0; i < x->n_svars; i++) {
            x->flows[f].regs[MAX_VARS + i] = rest % n_strings;
            rest /= n_strings;
        }
    }
}

static void
exhaustive_init(struct exhaustive *x)
{
    shash_init(&x->symtab);
    for (unsigned int i = 0; i < x->n_nvars; i++) {
        char *name = xasprintf("n%u", i);
        x->nvars[i] = expr_symtab_add_field(&x->symtab, name, MFF_REG0 + i,
                                            NULL, false);
        free(name);
    }
    for (unsigned int i = 0; i < x->n_svars; i++) {
        char *name = xasprintf("s%u", i);
        x->svars[i] = expr_symtab_add_string(&x->symtab, name,
                                             MFF_REG0 + MAX_VARS + i, NULL);
        free(name);
    }
    x->env = (struct expr_env) { .symtab = &x->symtab,
                                 .port_key = string_key,
                                 .leaves_out_covered = x->later,
                                 .negates_by_prefix = x->later };
    make_flows(x);
    make_terminals(x);
    make_truths(x);
}

static void
exhaustive_destroy(struct exhaustive *x)
{
    for (size_t i = 0; i < x->n_all; i++) {
        expr_destroy(x->terminals[i]);
        free(x->truths[i]);
    }
    free(x->truths);
    free(x->terminals);
    free(x->flows);
    expr_symtab_destroy(&x->symtab);
    shash_destroy(&x->symtab);
}

static struct expr *
build(const struct exhaustive *x, const struct shape *shape,
      enum expr_type type, const size_t leaves[], size_t *leaf)
{
    if (!shape->n) {
        return expr_clone(x->terminals[leaves[(*leaf)++]]);
    }

    struct expr *e = expr_new_andor(type);
    for (size_t i = 0; i < shape->n; i++) {
        expr_add(e, build(x, shape->children[i],
                          type == EXPR_T_AND ? EXPR_T_OR : EXPR_T_AND,
                          leaves, leaf));
    }
    return e;
}

/* Sets 'truth' to what the expression that build() makes means: the bits of
 * the flows for which it is true.  'truth' has room for one more bitmap for
 * each level of the tree. */
static void
find_truth(const struct exhaustive *x, const struct shape *shape,
           enum expr_type type, const size_t leaves[], size_t *leaf,
           unsigned long *truth)
{
    size_t n_longs = bitmap_n_longs(x->n_flows);

    if (!shape->n) {
        memcpy(truth, x->truths[leaves[(*leaf)++]], n_longs * sizeof *truth);
        return;
    }
    for (size_t i = 0; i < shape->n; i++) {
        unsigned long *sub = i ? truth + n_longs : truth;

        find_truth(x, shape->children[i],
                   type == EXPR_T_AND ? EXPR_T_OR : EXPR_T_AND,
                   leaves, leaf, sub);
        for (size_t j = 0; i && j < n_longs; j++) {
            truth[j] = (type == EXPR_T_AND
                        ? truth[j] & sub[j]
                        : truth[j] | sub[j]);
        }
    }
}

/* Whether 'flow' matches 'match', if its conj_id were 'conj_id'. */
static bool
match_flow(const struct match *match, const struct flow *flow,
           uint32_t conj_id)
{
    const struct flow *f = &match->flow;
    const struct flow *m = &match->wc.masks;

    if (m->conj_id && f->conj_id != conj_id) {
        return false;
    }
    for (int i = 0; i < FLOW_N_REGS; i++) {
        if ((f->regs[i] ^ flow->regs[i]) & m->regs[i]) {
            return false;
        }
    }
    return true;
}

OVS_NO_RETURN static void
fail(const struct expr *original, const struct expr *modified,
     const char *what)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&s, "original: ");
    expr_format(original, &s);
    if (modified) {
        ds_put_cstr(&s, "\nmodified: ");
        expr_format(modified, &s);
    }
    ovs_fatal(0, "%s\n%s", what, ds_cstr(&s));
}

static struct expr *
convert(const struct exhaustive *x, const struct expr *original)
{
    struct ds s1 = DS_EMPTY_INITIALIZER;
    struct ds s2 = DS_EMPTY_INITIALIZER;
    char *error;

    expr_format(original, &s1);
    struct expr *e = expr_parse_text(ds_cstr(&s1), &x->env, &error);
    if (!e) {
        fail(original, NULL, error);
    }
    expr_format(e, &s2);
    if (strcmp(ds_cstr(&s1), ds_cstr(&s2))) {
        fail(original, e, "parsing and formatting changed the text");
    }
    ds_destroy(&s1);
    ds_destroy(&s2);
    return e;
}

static void
check_meaning(const struct exhaustive *x, const struct expr *original,
              const unsigned long *truth, const struct expr *modified,
              const struct expr_matches *ms)
{
    for (size_t i = 0; i < x->n_flows; i++) {
        const struct flow *flow = &x->flows[i];
        bool actual = (ms ? test_ovn_classify(ms, flow, match_flow)
                       : expr_evaluate(modified, flow, &x->env));
        if (bitmap_is_set(truth, i) != actual) {
            fail(original, modified, "the meaning has changed");
        }
    }
}

/* Checks the operation on 'original', which it takes, and whose meaning is
 * 'truth'. */
static void
check_expr(const struct exhaustive *x, struct expr *original,
           const unsigned long *truth)
{
    struct expr_matches ms;
    char *error = NULL;

    struct expr *e = (x->op == OP_CONVERT ? convert(x, original)
                      : expr_simplify(expr_clone(original), &x->env));
    if (x->op >= OP_NORMALIZE) {
        e = expr_normalize(e, &x->env, &error);
        if (!e) {
            fail(original, NULL, error);
        }
    }
    if (x->op >= OP_SIMPLIFY && !expr_is_simplified(e)) {
        fail(original, e, "not simplified");
    } else if (x->op >= OP_NORMALIZE && !expr_is_normalized(e)) {
        fail(original, e, "not normalized");
    }
    if (x->op == OP_FLOW) {
        expr_to_matches(e, &x->env, &ms);
        check_meaning(x, original, truth, e, &ms);
        expr_matches_destroy(&ms);
    } else {
        check_meaning(x, original, truth, e, NULL);
    }
    expr_destroy(e);
    expr_destroy(original);
}

/* Goes on to the next combination of the terminals from number 'first' on.
 * False if there is none. */
static bool
next_leaves(const struct exhaustive *x, size_t leaves[], size_t first)
{
    for (size_t i = first; i < x->n_terminals; i++) {
        if (++leaves[i] < x->n_all) {
            return true;
        }
        leaves[i] = 0;
    }
    return false;
}

/* Checks the expressions with 'shape', except that of 'parallel' processes
 * each does only the share that 'process' says.  Returns the number of
 * expressions for all processes. */
static unsigned long long int
check_shape(const struct exhaustive *x, const struct shape *shape,
            enum expr_type type, unsigned int process)
{
    unsigned long *truth = xcalloc(bitmap_n_longs(x->n_flows) * MAX_TERMINALS,
                                   sizeof *truth);
    const bool complete = x->complete || x->n_terminals == 1;
    size_t leaves[MAX_TERMINALS] = { 0 };
    unsigned long long int n = 0;

    ovs_assert(x->n_all);
    bool more = complete || next_leaves(x, leaves, 1);
    while (more) {
        if (!complete) {
            leaves[0] = n % x->n_all;
        }
        if (n++ % x->parallel == process) {
            size_t leaf = 0;
            find_truth(x, shape, type, leaves, &leaf, truth);
            leaf = 0;
            check_expr(x, build(x, shape, type, leaves, &leaf), truth);
        }
        more = next_leaves(x, leaves, complete ? 0 : 1);
    }
    free(truth);
    return n;
}

static unsigned long long int
check_share(const struct exhaustive *x, unsigned int process)
{
    const struct shapes *shapes = &all_shapes[x->n_terminals];
    unsigned long long int n = 0;

    for (size_t i = 0; i < shapes->n; i++) {
        n += check_shape(x, &shapes->shapes[i], EXPR_T_AND, process);
        if (x->n_terminals > 1) {
            n += check_shape(x, &shapes->shapes[i], EXPR_T_OR, process);
        }
    }
    return n;
}

static unsigned long long int
check_all(const struct exhaustive *x)
{
    for (unsigned int i = 1; i < x->parallel; i++) {
        pid_t pid = fork();
        if (pid < 0) {
            ovs_fatal(errno, "fork failed");
        } else if (!pid) {
            check_share(x, i);
            _exit(EXIT_SUCCESS);
        }
    }
    unsigned long long int n = check_share(x, 0);
    for (unsigned int i = 1; i < x->parallel; i++) {
        int status;
        if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) {
            ovs_fatal(0, "a process has failed");
        }
    }
    return n;
}

static void
parse_relops(const char *text, bool relops[])
{
    struct lex_tokens tokens;

    memset(relops, 0, (EXPR_R_GE + 1) * sizeof *relops);
    lex_scan(text, &tokens);
    for (size_t i = 0; i < tokens.n - 1; i++) {
        enum expr_relop relop;

        if (expr_relop_from_token(tokens.tokens[i].type, &relop)) {
            relops[relop] = true;
        } else if (tokens.tokens[i].type != LEX_COMMA) {
            ovs_fatal(0, "%s: not a list of relational operators", text);
        }
    }
    lex_tokens_destroy(&tokens);
}

static enum operation
parse_operation(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(op_names); i++) {
        if (!strcmp(name, op_names[i])) {
            return i;
        }
    }
    ovs_fatal(0, "%s: unknown operation", name);
}

static void
parse_options(struct exhaustive *x, int argc, char *argv[])
{
    static const struct option options[] = {
        { "operation", required_argument, NULL, 'o' },
        { "nvars", required_argument, NULL, 'n' },
        { "svars", required_argument, NULL, 's' },
        { "bits", required_argument, NULL, 'b' },
        { "relops", required_argument, NULL, 'r' },
        { "parallel", required_argument, NULL, 'p' },
        { "complete", no_argument, NULL, 'c' },
        { "later", no_argument, NULL, 'l' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'o':
            x->op = parse_operation(optarg);
            break;
        case 'n':
            x->n_nvars = atoi(optarg);
            break;
        case 's':
            x->n_svars = atoi(optarg);
            break;
        case 'b':
            x->n_bits = parse_number(optarg, 8);
            break;
        case 'r':
            parse_relops(optarg, x->relops);
            break;
        case 'p':
            x->parallel = parse_number(optarg, 64);
            break;
        case 'c':
            x->complete = true;
            break;
        case 'l':
            x->later = true;
            break;
        default:
            exit(EXIT_FAILURE);
        }
    }
    if (optind + 1 != argc) {
        ovs_fatal(0, "usage: exhaustive [OPTION]... N");
    }
    x->n_terminals = parse_number(argv[optind], MAX_TERMINALS);
    if (x->n_nvars > MAX_VARS || x->n_svars > MAX_VARS
        || x->n_nvars + x->n_svars < 1) {
        ovs_fatal(0, "at most %d variables of a kind are supported",
                  MAX_VARS);
    }
}

static void
print_summary(const struct exhaustive *x, unsigned long long int n)
{
    printf("Tested %s ", op_verbs[x->op]);
    if (x->n_terminals == 1) {
        printf("all 1-terminal expressions");
    } else {
        printf("%s%llu expressions of %u terminals",
               x->complete ? "all " : "", n, x->n_terminals);
    }
    if (x->n_nvars) {
        printf(" with %u numeric vars (each %u bits) in terms of operators",
               x->n_nvars, x->n_bits);
        for (enum expr_relop r = EXPR_R_EQ; r <= EXPR_R_GE; r++) {
            if (x->relops[r]) {
                printf(" %s", expr_relop_to_string(r));
            }
        }
    }
    if (x->n_svars) {
        printf("%s %u string vars", x->n_nvars ? " and" : " with", x->n_svars);
    }
    puts(".");
}

static void
test_exhaustive(int argc, char *argv[])
{
    struct exhaustive x = {
        .op = OP_FLOW,
        .n_nvars = 2, .n_svars = 2, .n_bits = 3, .parallel = 1,
        .relops = { true, true, true, true, true, true },
    };

    parse_options(&x, argc, argv);
    exhaustive_init(&x);
    make_shapes(x.n_terminals);
    print_summary(&x, check_all(&x));

    free_shapes();
    exhaustive_destroy(&x);
}

TEST_OVN_COMMAND("composition", 1, 1, test_composition);
TEST_OVN_COMMAND("tree-shape", 1, 1, test_tree_shape);
TEST_OVN_COMMAND("exhaustive", 1, 16, test_exhaustive);
