/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_ALLOCATOR_H
#define OVN_ALLOCATOR_H 1

/* The memory allocator
 * ====================
 *
 * What becomes of 100,000 logical flows takes millions of small allocations,
 * so that much of a start and of a recompute is spent in malloc() and free().
 * The allocator of the C library is not the fastest, so "configure" looks for
 * another one, with which ovn-controller and ovn-trace are linked (see
 * --with-allocator).  Then malloc() is the other one's: nothing has to be
 * called for it.  Here is what one wants to know of it besides.
 *
 * A program that uses any of these functions is one that is linked with it.
 *
 * Thread-safety: all of it. */

#include <stddef.h>

/* Its name, for people: "tcmalloc 2.10", "jemalloc 5.3.0-...", "libc".  The
 * caller frees it. */
char *allocator_name(void);
/* Prints that, in the style of ovs_print_version(). */
void allocator_print_version(void);

/* Bytes that the process has from the system for its heap, and how many of
 * them hold nothing; zeros if that cannot be known.  (With the C library's,
 * what has been given back from between other memory still counts as both.) */
void allocator_get_usage(size_t *heap, size_t *unused);

/* Gives memory that holds nothing back to the system, as far as it can be
 * done.  Worth while after something that has taken a lot for a moment; takes
 * milliseconds. */
void allocator_release(void);

#endif /* lib/allocator.h */
