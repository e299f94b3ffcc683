/* SPDX-License-Identifier: Apache-2.0 */

/* Neighbor discovery on behalf of logical ports: arp, nd_ns, nd_na and
 * nd_na_router of ovn-sb(5).  Each makes a packet from the one at hand, on
 * which the inner actions are executed.
 *
 * The next hop of a packet may have an address of the other IP version: then
 * arp or nd_ns begins with zeros, and the inner actions know the addresses. */

#include <config.h>

#include "flow.h"
#include "ovs-compat.h"
#include "packets.h"
#include "pinctrl/service.h"
#include "util.h"

static void
execute_and_uninit(const struct pin *pin, struct dp_packet *packet)
{
    pin_copy_vlan(pin, packet);
    pin_execute(pin, packet);
    dp_packet_uninit(packet);
}

static void
handle_arp(const struct pin *pin)
{
    const struct flow *h = pin->headers;
    struct dp_packet packet;

    if (!is_ip_any(h)) {
        pin_malformed(pin, PIN_BAD_PROTOCOL, "arp is for IP packets");
        return;
    }
    dp_packet_init(&packet, 128);
    compose_arp(&packet, ARP_OP_REQUEST, h->dl_src, eth_addr_zero, false,
                h->nw_src, h->nw_dst);
    struct eth_header *eth = dp_packet_eth(&packet);
    eth->eth_dst = h->dl_dst;
    execute_and_uninit(pin, &packet);
}

static void
handle_nd_ns(const struct pin *pin)
{
    const struct flow *h = pin->headers;
    struct dp_packet packet;

    if (!is_ip_any(h)) {
        pin_malformed(pin, PIN_BAD_PROTOCOL, "nd_ns is for IP packets");
        return;
    }
    /* The question is the router's own, not the original sender's: with that
     * one's address as the source, the neighbor would learn it at the router's
     * Ethernet address. */
    struct in6_addr source;
    in6_generate_lla(h->dl_src, &source);

    dp_packet_init(&packet, 128);
    ovs_compose_nd_ns(&packet, h->dl_src, &source, &h->ipv6_dst);
    execute_and_uninit(pin, &packet);
}

static void
answer_solicitation(const struct pin *pin, uint32_t rso_flags)
{
    const struct flow *h = pin->headers;
    struct dp_packet packet;

    if (!is_nd(h, NULL) || h->tp_src != htons(ND_NEIGHBOR_SOLICIT)) {
        pin_malformed(pin, PIN_BAD_PROTOCOL,
                      "nd_na is for IPv6 neighbor solicitations");
        return;
    }
    dp_packet_init(&packet, 128);
    if (ipv6_addr_is_set(&h->ipv6_src)) {
        compose_nd_na(&packet, h->dl_dst, h->dl_src, &h->nd_target,
                      &h->ipv6_src, htonl(rso_flags | ND_RSO_SOLICITED));
    } else {
        /* Somebody wants to know whether the address is free: RFC 4861,
         * 7.2.4. */
        struct eth_addr all_hosts;

        ipv6_multicast_to_ethernet(&all_hosts, &in6addr_all_hosts);
        compose_nd_na(&packet, h->dl_dst, all_hosts, &h->nd_target,
                      &in6addr_all_hosts, htonl(rso_flags));
    }
    execute_and_uninit(pin, &packet);
}

static void
handle_nd_na(const struct pin *pin)
{
    answer_solicitation(pin, ND_RSO_OVERRIDE);
}

static void
handle_nd_na_router(const struct pin *pin)
{
    answer_solicitation(pin, ND_RSO_ROUTER | ND_RSO_OVERRIDE);
}

struct pin_service neighbor_pin_service = {
    .name = "neighbor",
    .opcodes = {
        { ACTION_OPCODE_ARP, handle_arp },
        { ACTION_OPCODE_ND_NS, handle_nd_ns },
        { ACTION_OPCODE_ND_NA, handle_nd_na },
        { ACTION_OPCODE_ND_NA_ROUTER, handle_nd_na_router },
    },
};
