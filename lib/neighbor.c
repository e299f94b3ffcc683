/* SPDX-License-Identifier: Apache-2.0 */

/* Rows about neighbors; see neighbor.h. */

#include <config.h>
#include "neighbor.h"

#include "ip-text.h"
#include "packets.h"

const char *
neighbor_parse(struct neighbor *neighbor, const char *ip, const char *mac)
{
    if (!ip_text_parse(ip, &neighbor->ip)) {
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
