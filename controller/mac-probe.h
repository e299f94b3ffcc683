/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_MAC_PROBE_H
#define CONTROLLER_MAC_PROBE_H 1

/* Asking neighbors whether they are still there
 * =============================================
 *
 * A neighbor that is only sent to, and never sends anything, looks as if
 * nobody used it: its MAC_Binding ages and is removed, and the next packet has
 * to wait until the neighbor is found again.  So, before it is too old, it is
 * asked, by ARP or neighbor discovery.  Its answer is a packet that comes from
 * it, which is what mac-age.h counts.
 *
 * The request leaves the router by the neighbor's port; if that is on a
 * gateway chassis, by way of the chassisredirect port. */

struct sbrec_mac_binding;

/* Sends a request to 'mb', from its router port, through the switch.  Does
 * nothing if the port is not known, or has no address from which it could
 * ask. */
void mac_probe(const struct sbrec_mac_binding *mb);

#endif /* controller/mac-probe.h */
