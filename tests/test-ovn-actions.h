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

#ifndef TEST_OVN_ACTIONS_H
#define TEST_OVN_ACTIONS_H 1

/* "parse-actions" of the language's test driver: see test-ovn-actions.c. */

struct shash;

/* argv[0] is "parse-actions"; 'symtab' is the driver's symbol table. */
void test_ovn_parse_actions(int argc, char *argv[],
                            const struct shash *symtab);

#endif /* tests/test-ovn-actions.h */
