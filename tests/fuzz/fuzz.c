/* SPDX-License-Identifier: Apache-2.0 */

/* What the fuzzers share. */

#include <config.h>
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "util.h"

char *
fuzz_string(const uint8_t *data, size_t size)
{
    char *s = xmalloc(size + 1);
    size_t n = 0;

    for (size_t i = 0; i < size; i++) {
        if (data[i]) {
            s[n++] = data[i];
        }
    }
    s[n] = '\0';
    return s;
}

void
fuzz_check(const char *text, char *error)
{
    if (error) {
        fprintf(stderr, "%s\n    %s\n", text, error);
        abort();
    }
}
