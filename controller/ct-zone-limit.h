/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_CT_ZONE_LIMIT_H
#define CONTROLLER_CT_ZONE_LIMIT_H 1

/* How many connections a conntrack zone may have
 * ==============================================
 *
 *     ct-zone-limit of a port or datapath --> set of limits
 *                                                  |
 *                               Datapath.ct_zones --> CT_Zone.limit
 *
 * OVN 24.09 and later let the limit be configured: of a logical port, or, for
 * ports that say nothing and for translations, of the whole logical switch or
 * router.  The switch's database has it, and ovs-vswitchd sees to it.
 *
 * A CT_Zone row may be somebody else's, too, who has a timeout policy there.
 * So a limit that is no longer wanted is taken away, and the row goes only if
 * nothing else is in it.  Which limits are ours says a mark, and that the zone
 * is. */

struct module;
extern const struct module ct_zone_limit_module;

#endif /* controller/ct-zone-limit.h */
