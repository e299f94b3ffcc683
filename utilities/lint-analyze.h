/* SPDX-License-Identifier: Apache-2.0 */

/* What clang's analyzer sees in front of every file (utilities/lint).
 *
 * The analyzer does not follow that what has been taken out of a map or list
 * cannot come out of it again, and takes each loop that empties one and frees
 * what was in it for a use of freed memory.  Here, these loops get their
 * elements from a function that it knows nothing about. */

#include <config.h>

#include "mpsc-queue.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "util.h"

/* It does not know, either, that what allocates memory never returns NULL, so
 * that an error message could be none. */
static inline char *
analyze_nonnull(char *s)
{
    if (!s) {
        __builtin_unreachable();
    }
    return s;
}

#define xstrdup(S) analyze_nonnull((xstrdup)(S))
#define xasprintf(...) analyze_nonnull((xasprintf)(__VA_ARGS__))

void *analyze_pop(const void *container);

/* The oldest, again and again, as those before it are freed. */
#define ovs_list_front(LIST) ((struct ovs_list *) analyze_pop(LIST))
#define ovs_list_pop_front(LIST) ((struct ovs_list *) analyze_pop(LIST))
#define hmap_first(HMAP) ((struct hmap_node *) analyze_pop(HMAP))

#undef HMAP_FOR_EACH_POP
#define HMAP_FOR_EACH_POP(NODE, MEMBER, HMAP) \
    while (((NODE) = analyze_pop(HMAP)))

#undef LIST_FOR_EACH_POP
#define LIST_FOR_EACH_POP(NODE, MEMBER, LIST) \
    while (((NODE) = analyze_pop(LIST)))

#undef MPSC_QUEUE_FOR_EACH_POP
#define MPSC_QUEUE_FOR_EACH_POP(NODE, QUEUE) \
    while (((NODE) = analyze_pop(QUEUE)))
