/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_PACKET_BUILD_H
#define OVN_PACKET_BUILD_H 1

/* Making packets
 * ==============
 *
 * Headers from the outside to the inside, then what they carry, and at last
 * everything that depends on the length:
 *
 *     struct dp_packet packet;
 *     dp_packet_init(&packet, 512);
 *     packet_start_udp(&packet, &place, htons(67), htons(68));
 *     dp_packet_put(&packet, data, size);
 *     packet_finish(&packet);
 *     packet_copy_vlan(&packet, headers_of_the_request);
 *     ...
 *     dp_packet_uninit(&packet);
 *
 * More can be had from lib/packets.h of Open vSwitch: compose_arp(),
 * compose_nd_ns(), compose_nd_na(), compose_nd_ra() and packet_put_ra_*().
 *
 * Thread-safety: no global state. */

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct dp_packet;
struct flow;

/* Who sends the packet, and to whom. */
struct packet_place {
    struct eth_addr eth_src, eth_dst;
    struct in6_addr ip_src, ip_dst; /* IPv4 as IPv4-mapped. */
    uint8_t ttl;                /* Or hop limit. */
    uint8_t tos;                /* Or traffic class. */
    bool dont_fragment;         /* IPv4 only. */
};

/* Appends Ethernet and IP headers, for protocol 'proto', to 'packet', which is
 * empty, and behind them 'size' zeroed bytes, the beginning of the L4 part.
 * Returns these; they may move when more is appended (dp_packet_l4()). */
void *packet_start_ip(struct dp_packet *packet, const struct packet_place *,
                      uint8_t proto, size_t size);
void packet_start_udp(struct dp_packet *, const struct packet_place *,
                      ovs_be16 src_port, ovs_be16 dst_port);

/* Gives an IPv4 packet with nothing behind its header a router alert (RFC
 * 2113), and appends 'size' zeroed bytes, which are the L4 part.  Returns
 * these. */
void *packet_put_ipv4_router_alert(struct dp_packet *, size_t size);

/* Appends an IPv6 hop-by-hop header with a router alert for 'proto', which
 * packet_start_ip() has been told is IPPROTO_HOPOPTS, and 'size' zeroed bytes,
 * which are the L4 part.  Returns these. */
void *packet_put_ipv6_router_alert(struct dp_packet *, uint8_t proto,
                                   size_t size);

/* Fills in lengths (IPv4, IPv6, UDP) and checksums (IPv4; UDP, TCP, ICMP,
 * ICMPv6, IGMP, SCTP) of a packet so begun, or of one that has been
 * changed. */
void packet_finish(struct dp_packet *);

/* The size of the UDP payload of 'packet', which has 'headers', or 0 if there
 * is none, if it is a fragment, or if lengths contradict. */
size_t packet_udp_payload_size(const struct dp_packet *packet,
                               const struct flow *headers);

/* Initializes 'reply' with the headers of 'request', a UDP packet, and with a
 * payload of its own.  For logical flows that turn the packet round.  What
 * depends on the content is up to packet_finish_udp_reply(), which leaves out
 * the UDP checksum where that is optional (IPv4), as the stock controller
 * does. */
void packet_start_udp_reply(struct dp_packet *reply,
                            const struct dp_packet *request,
                            const void *payload, size_t size);
void packet_finish_udp_reply(struct dp_packet *reply);

/* Puts the outer VLAN header that a packet with 'headers' has, if any, in
 * front of 'packet'. */
void packet_copy_vlan(struct dp_packet *packet, const struct flow *headers);

/* Whether the checksum of the L4 part of 'packet' (UDP, TCP, ICMP, ICMPv6,
 * IGMP; true for others) is right, as is a UDP checksum of zero over IPv4.
 * The layers' offsets must be set.  One that is not all there is not. */
bool packet_l4_csum_ok(const struct dp_packet *packet);

#endif /* lib/packet-build.h */
