/* SPDX-License-Identifier: Apache-2.0 */

#ifndef NEIGHBOR_H
#define NEIGHBOR_H 1

/* Neighbors
 * =========
 *
 * What the rows of MAC_Binding and Static_MAC_Binding say, for the controller,
 * which makes flows of them, and for ovn-trace, which looks them up.
 *
 * A row names its logical port, and a datapath.  It is the port that packets
 * come by: the row is about the port, on the port's datapath.  Should the
 * row have another datapath, that is of no importance. */

#include <netinet/in.h>
#include <stdbool.h>

#include "openvswitch/types.h"

struct neighbor {
    struct in6_addr ip;         /* IPv4 as IPv4-mapped. */
    struct eth_addr mac;
};

/* Parses columns of a row.  Returns NULL, or the name of the column that is
 * bad.  Thread-safe. */
const char *neighbor_parse(struct neighbor *, const char *ip, const char *mac);

/* Of several rows about one address, the one with the highest rank counts.
 * Dynamic ones win over static ones, unless a static one says that it is to
 * override them.  What is known by EVPN comes before all, or after. */
enum neighbor_rank {
    NEIGHBOR_EVPN_LAST = 20,
    NEIGHBOR_STATIC = 50,
    NEIGHBOR_DYNAMIC = 100,
    NEIGHBOR_OVERRIDE = 150,
    NEIGHBOR_EVPN_FIRST = 200,
};

enum neighbor_rank neighbor_rank(bool is_static, bool override_dynamic);

#endif /* lib/neighbor.h */
