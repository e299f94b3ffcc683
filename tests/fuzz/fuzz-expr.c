/* SPDX-License-Identifier: Apache-2.0 */

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
