/* SPDX-License-Identifier: Apache-2.0 */

/* Making packets; see packet-build.h.
 *
 * A packet remembers where its layers are, and its IP header what the L4
 * protocol is (behind a hop-by-hop header, that one), so packet_finish() needs
 * nothing but the packet. */

#include <config.h>
#include "packet-build.h"

#include <netinet/ip6.h>
#include <string.h>

#include "crc32c.h"
#include "csum.h"
#include "dp-packet.h"
#include "flow.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"
#include "wire.h"

#ifndef IPPROTO_SCTP
#define IPPROTO_SCTP 132
#endif

#define IP4_DONT_FRAGMENT 0x4000

/* By the type in front of it.  What the IP header has for a version does not
 * matter to the switch, so it may be anything in a packet of others. */
static bool
is_ipv4(const struct dp_packet *packet)
{
    const uint8_t *l3 = dp_packet_l3(packet);

    return wire_u16(l3 - sizeof(ovs_be16)) == ETH_TYPE_IP;
}

static void
put_ipv4(struct dp_packet *packet, const struct packet_place *place,
         uint8_t proto)
{
    struct ip_header *ip = dp_packet_put_zeros(packet, sizeof *ip);

    dp_packet_set_l3(packet, ip);
    ip->ip_ihl_ver = IP_IHL_VER(5, 4);
    ip->ip_tos = place->tos;
    ip->ip_frag_off = htons(place->dont_fragment ? IP4_DONT_FRAGMENT : 0);
    ip->ip_ttl = place->ttl;
    ip->ip_proto = proto;
    put_16aligned_be32(&ip->ip_src, in6_addr_get_mapped_ipv4(&place->ip_src));
    put_16aligned_be32(&ip->ip_dst, in6_addr_get_mapped_ipv4(&place->ip_dst));
}

static void
put_ipv6(struct dp_packet *packet, const struct packet_place *place,
         uint8_t proto)
{
    struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_put_zeros(packet,
                                                            sizeof *ip6);

    dp_packet_set_l3(packet, ip6);
    put_16aligned_be32(&ip6->ip6_flow,
                       htonl(UINT32_C(6) << 28 | (uint32_t) place->tos << 20));
    ip6->ip6_nxt = proto;
    ip6->ip6_hlim = place->ttl;
    memcpy(&ip6->ip6_src, &place->ip_src, sizeof ip6->ip6_src);
    memcpy(&ip6->ip6_dst, &place->ip_dst, sizeof ip6->ip6_dst);
}

static void *
start_l4(struct dp_packet *packet, size_t size)
{
    void *l4 = dp_packet_put_zeros(packet, size);

    dp_packet_set_l4(packet, l4);
    return l4;
}

void *
packet_start_ip(struct dp_packet *packet, const struct packet_place *place,
                uint8_t proto, size_t size)
{
    const bool v4 = IN6_IS_ADDR_V4MAPPED(&place->ip_dst);

    eth_compose(packet, place->eth_dst, place->eth_src,
                v4 ? ETH_TYPE_IP : ETH_TYPE_IPV6, 0);
    if (v4) {
        put_ipv4(packet, place, proto);
    } else {
        put_ipv6(packet, place, proto);
    }
    return start_l4(packet, size);
}

void
packet_start_udp(struct dp_packet *packet, const struct packet_place *place,
                 ovs_be16 src_port, ovs_be16 dst_port)
{
    struct udp_header *udp = packet_start_ip(packet, place, IPPROTO_UDP,
                                             sizeof *udp);

    udp->udp_src = src_port;
    udp->udp_dst = dst_port;
}

void *
packet_put_ipv4_router_alert(struct dp_packet *packet, size_t size)
{
    static const uint8_t alert[] = { 148, 4, 0, 0 };

    dp_packet_put(packet, alert, sizeof alert);
    struct ip_header *ip = dp_packet_l3(packet);
    ip->ip_ihl_ver = IP_IHL_VER(6, 4);
    return start_l4(packet, size);
}

/* A hop-by-hop header with a router alert, RFC 2711, and padding. */
struct router_alert {
    uint8_t next;
    uint8_t length;             /* In units of 8 bytes, without the first. */
    uint8_t option, option_length;
    ovs_be16 value;             /* 0: MLD. */
    uint8_t padding[2];
};

void *
packet_put_ipv6_router_alert(struct dp_packet *packet, uint8_t proto,
                             size_t size)
{
    const struct router_alert alert = {
        .next = proto, .option = 5, .option_length = 2,
    };

    dp_packet_put(packet, &alert, sizeof alert);
    return start_l4(packet, size);
}

/* The protocol of the L4 part. */
static uint8_t
l4_proto(const struct dp_packet *packet)
{
    const uint8_t *l3 = dp_packet_l3(packet);

    if (is_ipv4(packet)) {
        return l3[offsetof(struct ip_header, ip_proto)];
    }
    uint8_t next = l3[offsetof(struct ovs_16aligned_ip6_hdr, ip6_nxt)];
    return next == IPPROTO_HOPOPTS ? l3[IPV6_HEADER_LEN] : next;
}

/* The sum over the pseudo-header of 'proto' with 'size' bytes. */
static uint32_t
pseudo_sum(const struct dp_packet *packet, uint8_t proto, size_t size)
{
    const void *l3 = dp_packet_l3(packet);
    uint32_t sum;

    if (is_ipv4(packet)) {
        const struct ip_header *ip = l3;

        sum = csum_add32(0, get_16aligned_be32(&ip->ip_src));
        sum = csum_add32(sum, get_16aligned_be32(&ip->ip_dst));
    } else {
        const struct ovs_16aligned_ip6_hdr *ip6 = l3;

        sum = csum_continue(0, &ip6->ip6_src, sizeof ip6->ip6_src);
        sum = csum_continue(sum, &ip6->ip6_dst, sizeof ip6->ip6_dst);
    }
    sum = csum_add16(sum, htons(proto));
    return csum_add32(sum, htonl(size));
}

/* The L4 checksum, over 'size' bytes, whose place there holds zero or, to
 * check it, what it is. */
static ovs_be16
l4_csum(const struct dp_packet *packet, uint8_t proto, size_t size)
{
    uint32_t sum = (proto == IPPROTO_ICMP || proto == IPPROTO_IGMP ? 0
                    : pseudo_sum(packet, proto, size));

    return csum_finish(csum_continue(sum, dp_packet_l4(packet), size));
}

static void
finish_l3(struct dp_packet *packet)
{
    const size_t size = (const char *) dp_packet_tail(packet)
                        - (const char *) dp_packet_l3(packet);

    if (is_ipv4(packet)) {
        struct ip_header *ip = dp_packet_l3(packet);
        size_t header_len = IP_IHL(ip->ip_ihl_ver) * 4;

        ip->ip_tot_len = htons(size);
        ip->ip_csum = 0;
        ip->ip_csum = csum(ip, header_len);
    } else {
        struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(packet);

        ip6->ip6_plen = htons(size - IPV6_HEADER_LEN);
    }
}

/* Where in the L4 part of 'proto' the checksum is, or NULL. */
static ovs_be16 *
csum_field(void *l4, size_t size, uint8_t proto)
{
    size_t ofs = (proto == IPPROTO_UDP ? offsetof(struct udp_header, udp_csum)
                  : proto == IPPROTO_TCP
                  ? offsetof(struct tcp_header, tcp_csum)
                  : proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6
                  ? offsetof(struct icmp_header, icmp_csum)
                  : proto == IPPROTO_IGMP
                  ? offsetof(struct igmp_header, igmp_csum) : SIZE_MAX);

    return (ofs != SIZE_MAX && size >= ofs + sizeof(ovs_be16)
            ? ALIGNED_CAST(ovs_be16 *, (char *) l4 + ofs) : NULL);
}

void
packet_finish(struct dp_packet *packet)
{
    const size_t size = (const char *) dp_packet_tail(packet)
                        - (const char *) dp_packet_l4(packet);
    const uint8_t proto = l4_proto(packet);
    ovs_be16 *field = csum_field(dp_packet_l4(packet), size, proto);

    finish_l3(packet);
    if (proto == IPPROTO_UDP) {
        struct udp_header *udp = dp_packet_l4(packet);

        udp->udp_len = htons(size);
    }
    if (field) {
        *field = 0;
        *field = l4_csum(packet, proto, size);
        if (proto == IPPROTO_UDP && !*field) {
            *field = htons(0xffff); /* Zero stands for none. */
        }
    } else if (proto == IPPROTO_SCTP && size >= SCTP_HEADER_LEN) {
        struct sctp_header *sctp = dp_packet_l4(packet);

        put_16aligned_be32(&sctp->sctp_csum, 0);
        put_16aligned_be32(&sctp->sctp_csum, crc32c((uint8_t *) sctp, size));
    }
}

size_t
packet_udp_payload_size(const struct dp_packet *packet,
                        const struct flow *headers)
{
    const struct udp_header *udp = dp_packet_l4(packet);
    const size_t l4_size = udp ? dp_packet_l4_size(packet) : 0;

    if (headers->nw_proto != IPPROTO_UDP
        || headers->nw_frag & FLOW_NW_FRAG_ANY || l4_size < UDP_HEADER_LEN) {
        return 0;
    }
    const size_t udp_len = ntohs(udp->udp_len);
    return (udp_len > UDP_HEADER_LEN && udp_len <= l4_size
            ? udp_len - UDP_HEADER_LEN : 0);
}

void
packet_start_udp_reply(struct dp_packet *reply,
                       const struct dp_packet *request, const void *payload,
                       size_t size)
{
    const size_t headers_len
        = ((const char *) dp_packet_get_udp_payload(request)
           - (const char *) dp_packet_data(request));

    dp_packet_init(reply, headers_len + size);
    dp_packet_put(reply, dp_packet_data(request), headers_len);
    dp_packet_put(reply, payload, size);
    reply->l2_5_ofs = request->l2_5_ofs;
    reply->l3_ofs = request->l3_ofs;
    reply->l4_ofs = request->l4_ofs;
}

void
packet_finish_udp_reply(struct dp_packet *reply)
{
    packet_finish(reply);
    if (is_ipv4(reply)) {
        struct udp_header *udp = dp_packet_l4(reply);

        udp->udp_csum = 0;
    }
}

void
packet_copy_vlan(struct dp_packet *packet, const struct flow *headers)
{
    const union flow_vlan_hdr *vlan = &headers->vlans[0];

    if (vlan->tci & htons(VLAN_CFI)) {
        eth_push_vlan(packet, vlan->tpid, vlan->tci);
    }
}

bool
packet_l4_csum_ok(const struct dp_packet *packet)
{
    void *l4 = dp_packet_l4(packet);

    if (!l4 || !dp_packet_l3(packet)) {
        return false;
    }
    const uint8_t proto = l4_proto(packet);
    const size_t size = dp_packet_l4_size(packet);
    const ovs_be16 *field = csum_field(l4, size, proto);
    if (!field) {
        return (proto != IPPROTO_UDP && proto != IPPROTO_TCP
                && proto != IPPROTO_ICMP && proto != IPPROTO_ICMPV6
                && proto != IPPROTO_IGMP);
    }
    return ((proto == IPPROTO_UDP && !*field && is_ipv4(packet))
            || !l4_csum(packet, proto, size));
}
