/* SPDX-License-Identifier: Apache-2.0 */

/* Arrays of strings; see string-array.h. */

#include <config.h>
#include "string-array.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/util.h"
#include "util.h"

char **
string_array_clone(char *const strings[], size_t n)
{
    char **copy = n ? xmalloc(n * sizeof *copy) : NULL;

    for (size_t i = 0; i < n; i++) {
        copy[i] = xstrdup(strings[i]);
    }
    return copy;
}

void
string_array_destroy(char **strings, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(strings[i]);
    }
    free(strings);
}

bool
string_array_equal(char *const a[], size_t n_a, char *const b[], size_t n_b)
{
    if (n_a != n_b) {
        return false;
    }
    for (size_t i = 0; i < n_a; i++) {
        if (strcmp(a[i], b[i])) {
            return false;
        }
    }
    return true;
}

static int
compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

void
string_array_sort(char **strings, size_t n)
{
    size_t n_sorted = MIN(n, 1);

    while (n_sorted < n
           && strcmp(strings[n_sorted - 1], strings[n_sorted]) <= 0) {
        n_sorted++;
    }
    /* Those that come from a database mostly are. */
    if (n_sorted < n) {
        qsort(strings, n, sizeof *strings, compare_strings);
    }
}
