/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PINCTRL_AGENDA_H
#define PINCTRL_AGENDA_H 1

/* What is due when
 * ================
 *
 * A service with much to do at times of their own keeps it in a heap, whose
 * first node is what is due next.  A heap has the largest priority first, so
 * an earlier time, in ms, is a higher priority.
 *
 * Thread-safety: packet thread only. */

#include <limits.h>
#include <stdint.h>

#include "heap.h"

/* The priority of what is due at 'when'. */
static inline uint64_t
agenda_priority(long long int when)
{
    return UINT64_MAX - when;
}

/* When what is due next is due; LLONG_MAX if there is nothing. */
static inline long long int
agenda_next(const struct heap *agenda)
{
    return (heap_is_empty(agenda) ? LLONG_MAX
            : UINT64_MAX - heap_max(agenda)->priority);
}

#endif /* controller/pinctrl/agenda.h */
