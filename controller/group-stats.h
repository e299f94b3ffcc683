/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_GROUP_STATS_H
#define CONTROLLER_GROUP_STATS_H 1

/* What the switch has counted in its groups
 * =========================================
 *
 * Someone asks, the switch is asked, and some time later the answer comes in,
 * unless there is no switch, it is lost, refuses or takes too long.  Whoever
 * asked is told exactly once in any case.
 *
 * Counters are the switch's: they start at zero whenever a group is modified.
 *
 * Thread-safety: main thread only. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/ofp-group.h"

struct group_stats {
    struct ofputil_group_stats *groups; /* Sorted by id. */
    size_t n;
};
/* The counters of group 'id', or NULL.  'stats' may be NULL. */
const struct ofputil_group_stats *group_stats_find(const struct group_stats *,
                                                   uint32_t id);

/* 'stats', borrowed, is NULL if there is no answer, and then 'error' says
 * why. */
typedef void group_stats_func(const struct group_stats *stats,
                              const char *error, void *aux);

/* Asks for the counters of all groups.  May call 'func' before it returns. */
void group_stats_request(group_stats_func *, void *aux);

struct module;
extern const struct module group_stats_module;

#endif /* controller/group-stats.h */
