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
