/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_STRING_ARRAY_H
#define OVN_STRING_ARRAY_H 1

/* Arrays of strings
 * =================
 *
 * An array whose owner also owns the strings in it, all from malloc().  An
 * array of 0 strings may be NULL.
 *
 * Thread-safety: no global state. */

#include <stdbool.h>
#include <stddef.h>

/* Returns a copy of 'strings' and of what is in it. */
char **string_array_clone(char *const strings[], size_t n);
void string_array_destroy(char **strings, size_t n);

/* The same strings in the same order? */
bool string_array_equal(char *const a[], size_t n_a,
                        char *const b[], size_t n_b);

/* By strcmp(). */
void string_array_sort(char **strings, size_t n);

#endif /* lib/string-array.h */
