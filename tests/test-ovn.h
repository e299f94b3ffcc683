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

#ifndef TESTS_TEST_OVN_H
#define TESTS_TEST_OVN_H 1

/* The language's test driver, "ovstest test-ovn COMMAND [ARG]...".
 *
 * tests/test-ovn.c has the commands about single steps of the language; other
 * files add theirs with TEST_OVN_COMMAND().  Most commands read test lines
 * from standard input and print what the library makes of each.  They all see
 * the same small world: the ports, address sets and port groups in
 * tests/test-ovn.c. */

#include "openvswitch/shash.h"
#include "ovn/expr.h"
#include "simap.h"

struct ds;

/* The world. */
struct test_ovn {
    struct shash symtab;        /* ovn_init_symtab() and negative tests. */
    struct simap ports;         /* Name -> key. */
    struct shash address_sets;  /* Name -> struct expr_constant_set. */
    struct shash port_groups;   /* Name -> struct expr_constant_set. */
    struct expr_env env;
};
void test_ovn_init(struct test_ovn *);
void test_ovn_destroy(struct test_ovn *);

/* Reads the next test line into 's', without its newline.  Skips blank lines
 * and comments.  False at the end of the input. */
bool test_ovn_next_line(struct ds *s);

/* A command: argv[0] is its name. */
typedef void test_ovn_func(int argc, char *argv[]);
void test_ovn_register(const char *name, int min_args, int max_args,
                       test_ovn_func *);

/* Makes FUNC the command NAME, which takes MIN to MAX arguments. */
#define TEST_OVN_COMMAND(NAME, MIN, MAX, FUNC)                          \
    static void __attribute__((constructor)) test_ovn_register_##FUNC(void) \
    {                                                                   \
        test_ovn_register(NAME, MIN, MAX, FUNC);                        \
    }                                                                   \
    static void test_ovn_register_##FUNC(void)

#endif /* tests/test-ovn.h */
