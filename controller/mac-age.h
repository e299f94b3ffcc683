/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_MAC_AGE_H
#define CONTROLLER_MAC_AGE_H 1

/* What has been learned, and is in use
 * ====================================
 *
 * ovn-northd removes rows of MAC_Binding and FDB whose timestamp is older than
 * mac_binding_age_threshold of a logical router or fdb_age_threshold of a
 * logical switch (ovn-nb(5)).  So the timestamps of those that are in use are
 * renewed, by every chassis that has such packets:
 *
 *     Datapath_Binding --units--> thresholds --> how often the switch is asked
 *                                                          |
 *              timestamp <-- rows that were used <-- counters of flows
 *
 * A neighbor is in use if packets come from it, which flows of the table of
 * mac_cache_use count, and an Ethernet address if packets come from the port
 * that it is said to be behind (lookup_fdb).  Flows have the first 32 bits of
 * their row's UUID as their cookies.
 *
 * A neighbor to which packets go (flows of get_arp and get_nd), and from which
 * none come, is asked whether it is still there (mac-probe.h), so that one
 * does; with a central whose release does so, which the dialect tells.
 *
 * The switch is asked four times in the shortest threshold there is on this
 * chassis, and not at all if there is none.  A timestamp that is younger than
 * a quarter of its own threshold is left alone. */

#include <stdbool.h>

struct module;
struct uuid;

/* Whether neighbors of the logical router 'datapath', which is local, age.
 * Not for units. */
bool mac_age_peek_neighbors(const struct uuid *datapath);

extern const struct module mac_age_module;

#endif /* controller/mac-age.h */
