/* SPDX-License-Identifier: Apache-2.0 */

#ifndef LPORT_SOURCE_H
#define LPORT_SOURCE_H 1

/* Whom a logical port talks as
 * ============================
 *
 * An element of Port_Binding.mac, see ovn-sb(5), is
 *
 *     MAC [IP[/PREFIX]]...
 *
 * with the prefix of the network for ports of routers.  Which of the addresses
 * is meant when packets are sent through the port, or to it?
 *
 * Thread-safety: no global state. */

#include <netinet/in.h>
#include <stdbool.h>

#include "openvswitch/types.h"

/* Addresses that 'mac' has: stores what packets to neighbor 'peer' come from.
 * That is the address on the peer's network, or else the first one of its IP
 * version.  Returns false if there is none. */
bool lport_source_for(const char *mac, const struct in6_addr *peer,
                      struct eth_addr *, struct in6_addr *ip);

/* Stores the Ethernet address if 'ip' is among those that 'mac' has.  Returns
 * false if it is not. */
bool lport_source_has(const char *mac, const struct in6_addr *ip,
                      struct eth_addr *);

#endif /* lib/lport-source.h */
