/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H 1

/* Fuzzers for the logical-flow language, and for packets
 * ======================================================
 *
 * Each file fuzz-PART.c here is a program for libFuzzer, which calls its
 * LLVMFuzzerTestOneInput() with bytes that it mutates so as to reach new
 * code.  What must hold for them is in tests/test-ovn-check.c, for the
 * sanitizers to see, or both.  "make fuzz" runs them: see
 * Documentation/testing.rst. */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of the 'size' bytes in 'data' as a string, without the null bytes
 * that are among them.  The caller frees it. */
char *fuzz_string(const uint8_t *data, size_t size);

/* Ends the program if 'error' is nonnull: that is what libFuzzer takes for a
 * failure.  Prints 'text' and 'error', which it frees. */
void fuzz_check(const char *text, char *error);

#endif /* tests/fuzz/fuzz.h */
