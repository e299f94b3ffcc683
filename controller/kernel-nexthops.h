/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KERNEL_NEXTHOPS_H
#define CONTROLLER_KERNEL_NEXTHOPS_H 1

/* Next hops of forwarding tables
 * ==============================
 *
 * For a MAC address that is behind several VTEPs, an Ethernet segment, an EVPN
 * daemon makes an entry that names no VTEP but a next hop object of the
 * kernel's: a group of others, each of which is a VTEP.  They are looked up
 * when somebody names one, and not kept. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/hmap.h"

struct in6_addr;
struct nl_sock;

/* Fills the empty 'nexthops' with those that are for forwarding tables.
 * Returns 0 or a positive errno value, EAGAIN as kernel_dump() does. */
int kernel_nexthops_dump(struct nl_sock *, struct hmap *nexthops);
/* Of the VTEPs of next hop 'id' the one with the lowest address.  False if
 * there is none. */
bool kernel_nexthops_find(const struct hmap *nexthops, uint32_t id,
                          struct in6_addr *vtep);
void kernel_nexthops_destroy(struct hmap *nexthops);

#endif /* controller/kernel-nexthops.h */
