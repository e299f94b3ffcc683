/* SPDX-License-Identifier: Apache-2.0 */

/* May a sender be told that its packet gets nowhere?  See sender-error.h. */

#include <config.h>
#include "sender-error.h"

#include <netinet/ip6.h>

#include "flow.h"
#include "packets.h"
#include "util.h"

#ifndef IPPROTO_SCTP
#define IPPROTO_SCTP 132
#endif

/* Whether an IPv4 source address stands for one host (RFC 1122, 3.2.1.3): not
 * "this network", loopback, multicast, class E or broadcast. */
static bool
is_one_host(ovs_be32 ip)
{
    uint8_t net = ntohl(ip) >> 24;

    return net != 0 && net != 127 && net < 224;
}

/* IPv4-mapped addresses are nobody's on a network (RFC 4038, 4.2), and
 * packet-build.h takes them for IPv4. */
static bool
has_one_sender(const struct flow *h)
{
    if (eth_addr_is_multicast(h->dl_src)) {
        return false;
    }
    if (h->dl_type == htons(ETH_TYPE_IP)) {
        return is_one_host(h->nw_src);
    }
    return (!IN6_IS_ADDR_V4MAPPED(&h->ipv6_src)
            && !IN6_IS_ADDR_V4MAPPED(&h->ipv6_dst)
            && ipv6_addr_is_set(&h->ipv6_src)
            && !ipv6_addr_is_multicast(&h->ipv6_src)
            && !ipv6_addr_equals(&h->ipv6_src, &in6addr_loopback));
}

static bool
is_for_group(const struct flow *h)
{
    if (eth_addr_is_multicast(h->dl_dst)) {
        return true;
    }
    return (h->dl_type == htons(ETH_TYPE_IP)
            ? !h->nw_dst || h->nw_dst == OVS_BE32_MAX
              || ip_is_multicast(h->nw_dst)
            : ipv6_addr_is_multicast(&h->ipv6_dst));
}

bool
sender_error_is_icmp_error(const struct flow *h, uint8_t type)
{
    if (h->dl_type == htons(ETH_TYPE_IP)) {
        return (h->nw_proto == IPPROTO_ICMP
                && (type == ICMP4_DST_UNREACH || type == ICMP4_SOURCEQUENCH
                    || type == ICMP4_REDIRECT || type == ICMP4_TIME_EXCEEDED
                    || type == ICMP4_PARAM_PROB));
    }
    return (h->nw_proto == IPPROTO_ICMPV6
            && (type < 128 || type == ND_REDIRECT));
}

enum sender_error
sender_error_of_rejection(const struct flow *h)
{
    return (h->nw_proto == IPPROTO_TCP ? SENDER_ERROR_TCP_RESET
            : h->nw_proto == IPPROTO_SCTP ? SENDER_ERROR_SCTP_ABORT
            : SENDER_ERROR_ICMP);
}

const char *
sender_error_refusal(enum sender_error error, const struct flow *h,
                     bool is_icmp_error)
{
    if (!is_ip_any(h)) {
        return "it is not IP";
    } else if (h->nw_frag & FLOW_NW_FRAG_LATER) {
        return "it is not the first fragment";
    } else if (!has_one_sender(h)) {
        return "its sender is not one host";
    } else if (is_for_group(h)
               && (error != SENDER_ERROR_TOO_BIG
                   || h->dl_type == htons(ETH_TYPE_IP))) {
        /* IPv6 finds out about MTUs by multicast packets, too. */
        return "it is for a group";
    }
    switch (error) {
    case SENDER_ERROR_ICMP:
    case SENDER_ERROR_TOO_BIG:
        return is_icmp_error ? "it is an ICMP error" : NULL;
    case SENDER_ERROR_TCP_RESET:
        return (h->nw_proto != IPPROTO_TCP ? "it is not TCP"
                : ntohs(h->tcp_flags) & TCP_RST ? "it is a reset" : NULL);
    case SENDER_ERROR_SCTP_ABORT:
        return h->nw_proto != IPPROTO_SCTP ? "it is not SCTP" : NULL;
    }
    OVS_NOT_REACHED();
}
