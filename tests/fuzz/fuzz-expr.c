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


/* Fuzzer for expressions, through all their steps. */

#include <config.h>
#include "fuzz.h"

#include <stdlib.h>

#include "test-ovn.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct test_ovn world;
    char *text = fuzz_string(data, size);
    bool parsed;

    if (!world.env.symtab) {
        test_ovn_init(&world);
    }
    fuzz_check(text, test_ovn_check_expr(text, &world.env, &parsed));
    free(text);
    return 0;
}
