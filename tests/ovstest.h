/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

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
