/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_MAC_BIND_H
#define CONTROLLER_MAC_BIND_H 1

/* Neighbors that are known, for whoever does more with them than have flows:
 * a kind of cells with an Ethernet address each ("struct eth_addr"), on
 * datapaths that are local. */

#include <netinet/in.h>
#include <stdint.h>

/* Without holes. */
struct mac_bind_key {
    uint32_t dp_key;
    uint32_t port_key;
    struct in6_addr ip;         /* IPv4 as IPv4-mapped. */
    uint32_t is_static;         /* 1: Static_MAC_Binding. */
};

extern struct inc_kind *mac_bind_kind;

/* Puts out the flows by which get_arp and so on, asked for a neighbor at
 * router port 'port_key', answer with 'neighbor', and lookup_arp and so on
 * know it. */
struct inc_unit;
struct neighbor;
void mac_bind_put_flows(struct inc_unit *, uint32_t cookie, uint16_t priority,
                        uint32_t dp_key, uint16_t port_key,
                        const struct neighbor *neighbor);

struct module;
extern const struct module mac_bind_module;

#endif /* controller/mac-bind.h */
