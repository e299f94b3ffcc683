/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_OVSTEST_H
#define TESTS_OVSTEST_H 1

/* The C tests are one program, "ovstest", with one subcommand for each file
 * of tests.  A file announces its own with
 *
 *     OVSTEST_REGISTER("test-thing", test_thing_main);
 *
 * and is then run by "ovstest test-thing [ARG]...", as if test_thing_main()
 * were main(): argv[0] is "test-thing".  It reports failure by a non-zero exit
 * status or by a failed assertion. */

#include "compiler.h"

typedef void ovstest_func(int argc, char *argv[]);

/* Makes 'func' the subcommand 'name', a string that must live as long as the
 * program does. */
void ovstest_register(const char *name, ovstest_func *);

/* Registration takes place before main(). */
#define OVSTEST_REGISTER(NAME, FUNC)                                    \
    static void __attribute__((constructor)) ovstest_register_##FUNC(void) \
    {                                                                   \
        ovstest_register(NAME, FUNC);                                   \
    }                                                                   \
    static void ovstest_register_##FUNC(void)

#endif /* tests/ovstest.h */
