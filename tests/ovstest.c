/* SPDX-License-Identifier: Apache-2.0 */

/* The one program that runs every C test: see ovstest.h. */

#include <config.h>

#include "ovstest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

struct test {
    const char *name;
    ovstest_func *func;
};

/* Filled by constructors, hence no initialization at run time may be needed
 * before use. */
static struct test *tests;
static size_t n_tests, allocated_tests;

void
ovstest_register(const char *name, ovstest_func *func)
{
    if (n_tests >= allocated_tests) {
        tests = x2nrealloc(tests, &allocated_tests, sizeof *tests);
    }
    tests[n_tests++] = (struct test) { .name = name, .func = func };
}

static int
compare_tests(const void *a_, const void *b_)
{
    const struct test *a = a_;
    const struct test *b = b_;
    return strcmp(a->name, b->name);
}

static void
usage(void)
{
    printf("usage: ovstest TEST [ARG]...\nwhere TEST is one of:\n");
    qsort(tests, n_tests, sizeof *tests, compare_tests);
    for (size_t i = 0; i < n_tests; i++) {
        printf("    %s\n", tests[i].name);
    }
}

int
main(int argc, char *argv[])
{
    if (argc < 2 || !strcmp(argv[1], "--help")) {
        usage();
        return argc < 2 ? EXIT_FAILURE : EXIT_SUCCESS;
    }

    set_program_name(argv[0]);
    for (size_t i = 0; i < n_tests; i++) {
        if (!strcmp(tests[i].name, argv[1])) {
            tests[i].func(argc - 1, argv + 1);
            free(tests);
            return EXIT_SUCCESS;
        }
    }
    fprintf(stderr, "ovstest: unknown command \"%s\"; "
            "\"ovstest --help\" lists them\n", argv[1]);
    return EXIT_FAILURE;
}
