/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_MCAST_H
#define OVN_MCAST_H 1

/* IGMP and MLD: messages taken apart, and queries made
 * ====================================================
 *
 * Hosts report which multicast groups they listen to, routers ask them: IGMP
 * for IPv4 (RFC 1112, 2236, 3376) and MLD for IPv6 (RFC 2710, 3810).  What is
 * here is what a switch makes of that (RFC 4541), as a pure function of bytes.
 *
 *     struct mcast_message m;
 *     switch (mcast_parse(packet, headers, &m)) {
 *     case MCAST_REPORT:
 *         while (mcast_next(&m, &group, &joins)) {
 *             ...
 *
 * IPv4 groups are IPv4-mapped addresses.  Whom a host listens to within a
 * group (its sources) is left out: logical switches forward by group.
 *
 * Thread-safety: functions of their arguments. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"
#include "wire.h"

struct dp_packet;
struct flow;

enum mcast_protocol {
    MCAST_IGMPV1,
    MCAST_IGMPV2,
    MCAST_IGMPV3,
    MCAST_MLDV1,
    MCAST_MLDV2,
    MCAST_N_PROTOCOLS
};
/* As in IGMP_Group.protocol: "IGMPv3". */
const char *mcast_protocol_name(enum mcast_protocol);
/* MCAST_N_PROTOCOLS if there is none of that name. */
enum mcast_protocol mcast_protocol_from_name(const char *);

enum mcast_kind {
    MCAST_REPORT,               /* Of a host: groups that it joins, leaves, or
                                 * still listens to. */
    MCAST_QUERY,                /* Of a router. */
    MCAST_OTHER,                /* A type that is none of our business. */

    /* Not valid: */
    MCAST_BAD_PROTOCOL,         /* Neither IGMP nor MLD. */
    MCAST_BAD_LENGTH,
    MCAST_BAD_CHECKSUM,
    MCAST_BAD_CONTENT,
};

struct mcast_message {
    enum mcast_protocol protocol;
    const char *why;            /* Not valid: what is wrong, a constant. */
    bool from_router;           /* A query of a router, not of a switch that
                                 * asks on behalf of one (RFC 4541, 2.1.1). */

    /* For mcast_next(). */
    struct wire_reader records; /* Borrowed from the packet. */
    uint16_t n_records;
    struct in6_addr group;      /* Of a report that has one group. */
    bool joins;
};

/* Takes apart 'packet', which has 'headers' and its layers' offsets set. */
enum mcast_kind mcast_parse(const struct dp_packet *, const struct flow *,
                            struct mcast_message *);

/* The next group of a report, and whether the host joins it (or still listens
 * to it) or leaves it.  False: there are no more. */
bool mcast_next(struct mcast_message *, struct in6_addr *group, bool *joins);

/* Who asks, and what it says about itself. */
struct mcast_querier {
    struct eth_addr eth_src;
    struct in6_addr ip_src;     /* IPv4 as IPv4-mapped: IGMP; else MLD. */
    int interval;               /* Seconds between queries, and... */
    int max_response;           /* ...in which hosts answer. */
};

/* Puts a general query, IGMPv3 or MLDv2, into 'packet', which is empty. */
void mcast_put_query(struct dp_packet *packet, const struct mcast_querier *);

#endif /* lib/mcast.h */
