/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzer for IGMP and MLD: any bytes, the first of which says whether they are
 * an Ethernet frame or what is in one, IGMP or MLD, with headers and a
 * checksum that are right.  Whatever a report says must be about groups, and
 * no more than it counts; and a query that we make of the bytes is one. */

#include <config.h>
#include "fuzz.h"

#include <netinet/ip6.h>
#include <stdlib.h>
#include <string.h>

#include "dp-packet.h"
#include "flow.h"
#include "mcast.h"
#include "packet-build.h"
#include "packets.h"
#include "util.h"

static void
check_report(struct mcast_message *m)
{
    const size_t max = m->records.data ? m->n_records : 1;
    struct in6_addr group;
    size_t n = 0;
    bool joins;

    while (mcast_next(m, &group, &joins)) {
        n++;
        ovs_assert(IN6_IS_ADDR_V4MAPPED(&group)
                   ? ip_is_multicast(in6_addr_get_mapped_ipv4(&group))
                   : group.s6_addr[0] == 0xff);
        ovs_assert(IN6_IS_ADDR_V4MAPPED(&group)
                   == (m->protocol <= MCAST_IGMPV3));
    }
    ovs_assert(n <= max);
}

static enum mcast_kind
check(struct dp_packet *packet)
{
    struct mcast_message m;
    struct flow headers;

    flow_extract(packet, &headers);
    const enum mcast_kind kind = mcast_parse(packet, &headers, &m);
    ovs_assert((kind >= MCAST_BAD_PROTOCOL) == (m.why != NULL));
    if (kind == MCAST_REPORT) {
        check_report(&m);
    }
    return kind;
}

/* A packet of 'version' with 'size' bytes of IGMP or MLD. */
static void
wrap(struct dp_packet *packet, int version, const uint8_t *data, size_t size)
{
    struct packet_place place = { .ttl = 1 };

    if (version == 4) {
        place.ip_src = in6_addr_mapped_ipv4(htonl(0x0a000001));
        place.ip_dst = in6_addr_mapped_ipv4(htonl(0xe0000016));
        packet_start_ip(packet, &place, IPPROTO_IGMP, 0);
        packet_put_ipv4_router_alert(packet, 0);
    } else {
        place.ip_src.s6_addr[0] = 0xfe;
        place.ip_src.s6_addr[1] = 0x80;
        place.ip_dst.s6_addr[0] = 0xff;
        packet_start_ip(packet, &place, IPPROTO_HOPOPTS, 0);
        packet_put_ipv6_router_alert(packet, IPPROTO_ICMPV6, 0);
    }
    dp_packet_put(packet, data, size);
    packet_finish(packet);
}

static void
check_query(const uint8_t *data, size_t size)
{
    struct mcast_querier q = { .interval = 1, .max_response = 1 };
    struct dp_packet packet;

    q.ip_src = in6_addr_mapped_ipv4(htonl(1));
    if (size >= 5) {
        q.interval = data[1] << 8 | data[2];
        q.max_response = data[3] << 8 | data[4];
        if (data[0] & 1) {
            q.ip_src = (struct in6_addr) { .s6_addr = { 0xfe, 0x80 } };
        }
    }
    dp_packet_init(&packet, 0);
    mcast_put_query(&packet, &q);
    ovs_assert(check(&packet) == MCAST_QUERY);
    dp_packet_uninit(&packet);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dp_packet packet;

    if (!size) {
        return 0;
    }
    if (data[0] % 4 == 3) {
        check_query(data + 1, size - 1);
        return 0;
    }
    dp_packet_init(&packet, 0);
    if (data[0] % 4 == 0) {
        dp_packet_put(&packet, data + 1, size - 1);
    } else {
        wrap(&packet, data[0] % 4 == 1 ? 4 : 6, data + 1, size - 1);
    }
    /* A copy of its size, so that the sanitizer sees what is read behind its
     * end. */
    struct dp_packet copy;
    const size_t n = dp_packet_size(&packet);
    uint8_t *bytes = xmemdup(dp_packet_data(&packet), n);
    dp_packet_use_const(&copy, bytes, n);
    check(&copy);
    free(bytes);
    dp_packet_uninit(&packet);
    return 0;
}
