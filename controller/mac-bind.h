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

struct module;
extern const struct module mac_bind_module;

#endif /* controller/mac-bind.h */
