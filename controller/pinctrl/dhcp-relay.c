/* SPDX-License-Identifier: Apache-2.0 */

/* DHCP relay: dhcp_relay_req_chk and dhcp_relay_resp_chk of later releases'
 * ovn-sb(5).
 *
 * A router is the relay agent of the clients behind one of its ports.  Its
 * logical flows carry requests to the server, and replies back; here is what
 * they cannot say: the agent's address goes into the request, by which the
 * server finds it, and the client's out of the reply.  What is not to be
 * relayed goes on as it is, with a result of 0. */

#include <config.h>

#include "csum.h"
#include "dhcpv4.h"
#include "dp-packet.h"
#include "openvswitch/ofpbuf.h"
#include "packet-build.h"
#include "packets.h"
#include "pinctrl/service.h"
#include "unaligned.h"
#include "util.h"

/* What the action says. */
struct relay {
    ovs_be32 agent, server;
};

/* The size of the message in pin->packet; 0 if there is none, or the action
 * says nothing, which has been reported. */
static size_t
start(const struct pin *pin, struct relay *relay)
{
    const size_t size = packet_udp_payload_size(pin->packet, pin->headers);
    const struct relay *says = ofpbuf_try_pull(pin->userdata, sizeof *says);

    if (!says) {
        pin_malformed(pin, PIN_BAD_USERDATA, "it names no relay and server");
        return 0;
    }
    memcpy(relay, says, sizeof *relay);
    if (!size || pin->headers->dl_type != htons(ETH_TYPE_IP)) {
        pin_malformed(pin, PIN_BAD_LENGTH, "not a whole UDP packet");
        return 0;
    }
    return size;
}

/* Initializes 'packet' as a copy of pin->packet. */
static void
copy_packet(const struct pin *pin, struct dp_packet *packet)
{
    struct flow headers;

    dp_packet_init(packet, dp_packet_size(pin->packet));
    dp_packet_put(packet, dp_packet_data(pin->packet),
                  dp_packet_size(pin->packet));
    flow_extract(packet, &headers);
}

/* The sum of 'size' bytes of a message, as checksums have it. */
static uint32_t
message_sum(const void *msg, size_t size)
{
    return csum_continue(0, msg, size);
}

static void
handle_request(const struct pin *pin)
{
    struct dp_packet packet;
    struct relay relay;
    size_t size = start(pin, &relay);

    if (!size) {
        return;
    }
    copy_packet(pin, &packet);

    uint8_t *msg = CONST_CAST(uint8_t *, dp_packet_get_udp_payload(&packet));
    struct udp_header *udp = dp_packet_l4(&packet);
    const ovs_be16 old = csum_finish(message_sum(msg, size));
    const char *why = dhcpv4_relay_request(msg, size, relay.agent);
    if (why) {
        pin_malformed(pin, PIN_BAD_CONTENT, "DHCP request to relay: %s", why);
    } else {
        if (udp->udp_csum) {
            /* The sums' complements, which is as good. */
            const ovs_be16 new = csum_finish(message_sum(msg, size));

            udp->udp_csum = recalc_csum16(udp->udp_csum, ~old & 0xffff,
                                          ~new & 0xffff);
            if (!udp->udp_csum) {
                udp->udp_csum = htons(0xffff);
            }
        }
        pin_resume(pin, &packet, true);
    }
    dp_packet_uninit(&packet);
}

static void
handle_reply(const struct pin *pin)
{
    struct dhcpv4_client client;
    struct dp_packet packet;
    struct relay relay;
    size_t size = start(pin, &relay);

    if (!size) {
        return;
    }
    const char *why = dhcpv4_relay_reply(
        dp_packet_get_udp_payload(pin->packet), size, relay.agent,
        relay.server, &client);
    if (why) {
        pin_malformed(pin, PIN_BAD_CONTENT, "DHCP reply to relay: %s", why);
        return;
    }
    copy_packet(pin, &packet);

    struct eth_header *eth = dp_packet_eth(&packet);
    const struct ip_header *ip = dp_packet_l3(&packet);
    eth->eth_dst = client.mac;
    packet_set_ipv4(&packet, get_16aligned_be32(&ip->ip_src), client.ip,
                    ip->ip_tos, ip->ip_ttl);
    pin_resume(pin, &packet, true);
    dp_packet_uninit(&packet);
}

struct pin_service dhcp_relay_pin_service = {
    .name = "dhcp-relay",
    .opcodes = {
        { ACTION_OPCODE_DHCP_RELAY_REQUEST_CHK, handle_request,
          .has_result = true },
        { ACTION_OPCODE_DHCP_RELAY_RESPONSE_CHK, handle_reply,
          .has_result = true },
    },
};
