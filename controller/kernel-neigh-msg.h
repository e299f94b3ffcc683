/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KERNEL_NEIGH_MSG_H
#define CONTROLLER_KERNEL_NEIGH_MSG_H 1

/* Messages about forwarding and neighbor tables
 * =============================================
 *
 * The kernel has one kind of message, struct ndmsg, for the forwarding tables
 * of bridges and of VXLAN devices, and for ARP's and IPv6's neighbors.  Here
 * they are read and made; what should be in a table kernel-neighbors.c
 * knows. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct ofpbuf;

/* An entry of either kind of table as the kernel has it. */
struct kernel_neigh {
    uint8_t family;             /* AF_BRIDGE: of a forwarding table. */
    uint8_t flags;              /* NTF_*. */
    uint16_t state;             /* NUD_*. */
    uint32_t ifindex;
    uint32_t master;            /* Of the bridge whose it is, or 0. */
    uint8_t protocol;
    bool has_ip;
    bool has_mac;
    struct eth_addr mac;
    struct in6_addr ip;         /* In a forwarding table, the VTEP's. */
    uint16_t vlan;
    uint16_t port;              /* 0: the device's. */
    uint32_t vni;               /* 0: the device's. */
    uint32_t nexthop;           /* ID, instead of 'ip', or 0. */
};

/* What identifies an entry that is wanted or ours.  Without holes. */
struct kernel_entry {
    struct in6_addr ip;         /* Zero in a forwarding table. */
    struct eth_addr mac;
    uint16_t vlan;              /* 0 in a neighbor table. */
};

/* False if 'msg' is not about an entry. */
bool kernel_neigh_parse(const struct ofpbuf *msg, struct kernel_neigh *);

/* Requests: to be freed by the caller.  'type' is RTM_NEWNEIGH, for an entry
 * like ours, or RTM_DELNEIGH.  The first one is for the forwarding table of
 * the bridge that 'ifindex' is a port of, the second one for the neighbor
 * table of 'ifindex'. */
struct ofpbuf *kernel_mac_request(uint16_t type, uint32_t flags,
                                  uint32_t ifindex,
                                  const struct kernel_entry *);
struct ofpbuf *kernel_ip_request(uint16_t type, uint32_t flags,
                                 uint32_t ifindex,
                                 const struct kernel_entry *);

/* For a dump of the entries of 'ifindex' that are of AF_BRIDGE, AF_INET or
 * AF_INET6. */
struct ofpbuf *kernel_neigh_dump_request(uint8_t family, uint32_t ifindex);

/* Looks for the entry of a MAC address in the forwarding table of the bridge
 * that 'ifindex' is a port of; it may be another port's.  Returns 0 or a
 * positive errno value. */
int kernel_mac_get(uint32_t ifindex, const struct kernel_entry *,
                   struct kernel_neigh *);

#endif /* controller/kernel-neigh-msg.h */
