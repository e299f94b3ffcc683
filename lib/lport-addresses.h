/* SPDX-License-Identifier: Apache-2.0 */

#ifndef LPORT_ADDRESSES_H
#define LPORT_ADDRESSES_H 1

/* Addresses of a logical port
 * ===========================
 *
 * An element of Port_Binding.mac or Port_Binding.nat_addresses, see ovn-sb(5):
 *
 *     MAC [IP]... [is_chassis_resident("PORT")]
 *
 * Thread-safety: no global state. */

#include <netinet/in.h>
#include <stddef.h>

#include "openvswitch/types.h"

struct lport_addresses {
    struct eth_addr mac;
    struct in6_addr *ips;       /* IPv4 as IPv4-mapped. */
    size_t n_ips;
    char *resident;             /* On whose chassis the addresses are; NULL if
                                 * it does not say. */
};

/* Returns NULL, or what is wrong with 'text' (the caller frees it). */
char *lport_addresses_parse(struct lport_addresses *, const char *text);
void lport_addresses_destroy(struct lport_addresses *);

#endif /* lib/lport-addresses.h */
