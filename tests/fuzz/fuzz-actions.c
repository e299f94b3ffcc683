/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzer for actions: any text. */

#include <config.h>
#include "fuzz.h"

#include <stdlib.h>

#include "test-ovn.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct test_ovn_actions a;
    char *text = fuzz_string(data, size);
    bool parsed;

    if (!a.dhcp_opts) {
        test_ovn_actions_init(&a);
    }
    test_ovn_actions_forget(&a);
    fuzz_check(text, test_ovn_check_actions(text, &a, &parsed));
    free(text);
    return 0;
}
