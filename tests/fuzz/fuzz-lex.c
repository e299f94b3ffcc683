/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzer for the lexer: any text, and its templates. */

#include <config.h>
#include "fuzz.h"

#include <stdlib.h>

#include "test-ovn.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size);

    fuzz_check(text, test_ovn_check_lex(text));
    free(text);
    return 0;
}
