/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_ECMP_NEXTHOP_H
#define CONTROLLER_ECMP_NEXTHOP_H 1

/* Connections by way of next hops that are no more
 * ================================================
 *
 * Where an ECMP route has symmetric reply, a connection's replies go back to
 * the next hop that it has come from: a router's conntrack zone has that one's
 * Ethernet address in ct_label.  If the next hop goes (ECMP_Nexthop, which
 * OVN 25.03 and later fill in if NB_Global's options:
 * ecmp_nexthop_monitor_enable is true), they would go on being sent there.  So
 * conntrack forgets those connections, once the flows are gone that knew the
 * next hop.
 *
 * A next hop with another Ethernet address than before is another one.  As
 * long as a row of the same router has the address, as that of a host's other
 * IP address does, nothing is flushed.  What changes while the controller does
 * not run is not. */

struct module;
extern const struct module ecmp_nexthop_module;

#endif /* controller/ecmp-nexthop.h */
