/* SPDX-License-Identifier: Apache-2.0 */

/* Rows about neighbors; see neighbor.h. */

#include <config.h>
#include "neighbor.h"

#include "packets.h"

const char *
neighbor_parse(struct neighbor *neighbor, const char *ip, const char *mac)
{
    ovs_be32 ip4;

    if (ip_parse(ip, &ip4)) {
        in6_addr_set_mapped_ipv4(&neighbor->ip, ip4);
    } else if (!ipv6_parse(ip, &neighbor->ip)) {
        return "ip";
    }
    return eth_addr_from_string(mac, &neighbor->mac) ? NULL : "mac";
}

enum neighbor_rank
neighbor_rank(bool is_static, bool override_dynamic)
{
    return (!is_static ? NEIGHBOR_DYNAMIC
            : override_dynamic ? NEIGHBOR_OVERRIDE
            : NEIGHBOR_STATIC);
}
