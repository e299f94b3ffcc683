/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_TUNNEL_BFD_H
#define CONTROLLER_TUNNEL_BFD_H 1

/* Liveness of other chassis, as BFD sees it
 * =========================================
 *
 * The chassis of a gateway watch each other, and whoever may send packets to
 * it watches them, by BFD over the tunnels (ovn-architecture(7), "High
 * Availability for Distributed Gateway Ports").  ovs-vswitchd speaks BFD; here
 * it is decided which tunnels have it, and what follows for gateways. */

#include <stdbool.h>
#include <stddef.h>

#include "inc-proc-eng.h"
#include "smap.h"

struct ha_chassis_group;
struct module;

/* Adds what Interface.bfd should be for tunnels to 'chassis' to 'bfd': nothing
 * if they have no BFD. */
void tunnel_bfd_config(struct inc_unit *, const struct uuid *chassis,
                       struct smap *bfd);

/* Is 'chassis' a member of 'group'? */
bool tunnel_bfd_is_member(const struct ha_chassis_group *group,
                          const struct uuid *chassis);

/* How many members of 'group' (NULL: 0) have a Chassis row: not those that are
 * gone. */
size_t tunnel_bfd_count_members(const struct ha_chassis_group *group);

/* The chassis that is active for 'group' as far as 'us' can tell, or zero if
 * there is none.  Only whether that is 'us' is certain: see tunnel-bfd.c.
 * Sets '*hands_over' if it is not 'us' any more, but has been until a moment
 * ago. */
struct uuid tunnel_bfd_active(struct inc_unit *,
                              const struct ha_chassis_group *group,
                              const struct uuid *us, bool *hands_over);

extern const struct module tunnel_bfd_module;

#endif /* controller/tunnel-bfd.h */
