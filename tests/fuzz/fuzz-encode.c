/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzer for the encoders.
 *
 * The bytes are choices: from them tests/test-ovn-generate.c makes actions
 * that are valid, so that no time is spent on texts that are not.  The first
 * byte says in what kind of datapath, pipeline and chassis. */

#include <config.h>
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "test-ovn.h"
#include "util.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct test_ovn_actions a;

    if (!size) {
        return 0;
    }
    if (!a.dhcp_opts) {
        test_ovn_actions_init(&a);
    }
    test_ovn_actions_set_kind(&a, data[0]);

    struct test_ovn_choices c = { .bytes = data + 1, .n = size - 1 };
    struct ds text = DS_EMPTY_INITIALIZER;
    bool parsed;

    test_ovn_generate_actions(&c, &text);
    char *error = test_ovn_check_actions(ds_cstr(&text), &a, &parsed);
    if (!error && !parsed) {
        error = xstrdup("generated actions are refused");
    }
    if (error) {
        /* As a line for "test-ovn fuzz-replay". */
        fprintf(stderr, "encode %d ", data[0]);
    }
    fuzz_check(ds_cstr(&text), error);
    ds_destroy(&text);
    return 0;
}
