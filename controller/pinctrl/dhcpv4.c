/* SPDX-License-Identifier: Apache-2.0 */

/* Answers to DHCPv4 requests: put_dhcp_opts of ovn-sb(5).
 *
 * The logical flow has all that there is to say, so the service knows nothing:
 * see lib/dhcpv4.h.  What is not answered goes on, with a result of 0. */

#include <config.h>

#include "dhcpv4.h"
#include "dp-packet.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packet-build.h"
#include "packets.h"
#include "pinctrl/service.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_dhcpv4);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* What is an operator's to know, since nobody answers it. */
static void
log_unanswered(const struct pin *pin, const struct dhcpv4_request *rq)
{
    const char *what = (rq->type == DHCPV4_DECLINE ? "DHCPDECLINE"
                        : rq->type == DHCPV4_RELEASE ? "DHCPRELEASE" : NULL);

    if (what) {
        const ovs_be32 ip = rq->ciaddr ? rq->ciaddr : rq->requested;

        VLOG_INFO_RL(&rl, "%s of "IP_FMT" by "ETH_ADDR_FMT, what,
                     IP_ARGS(ip), ETH_ADDR_ARGS(pin->headers->dl_src));
    }
}

static void
handle_put_dhcp_opts(const struct pin *pin)
{
    struct dhcpv4_config config;
    struct dhcpv4_request rq;

    const char *why = dhcpv4_config_parse(pin->userdata->data,
                                          pin->userdata->size, &config);
    if (why) {
        pin_malformed(pin, PIN_BAD_USERDATA, "put_dhcp_opts: %s", why);
        return;
    }

    const size_t size = packet_udp_payload_size(pin->packet, pin->headers);
    if (!size || pin->headers->dl_type != htons(ETH_TYPE_IP)) {
        pin_malformed(pin, PIN_BAD_LENGTH, "not a whole UDP packet");
        return;
    }
    why = dhcpv4_parse(dp_packet_get_udp_payload(pin->packet), size, &rq);
    if (why) {
        pin_malformed(pin, PIN_BAD_CONTENT, "DHCP request: %s", why);
        return;
    }

    const uint8_t type = dhcpv4_reply_type(&rq, &config);
    if (!type) {
        log_unanswered(pin, &rq);
        return;
    }

    struct ofpbuf reply;
    ofpbuf_init(&reply, 1024);
    const ovs_be32 dst = dhcpv4_compose(&rq, &config, type, &reply);
    VLOG_DBG("%s for "ETH_ADDR_FMT": "IP_FMT,
             type == DHCPV4_OFFER ? "DHCPOFFER"
             : type == DHCPV4_ACK ? "DHCPACK" : "DHCPNAK",
             ETH_ADDR_ARGS(pin->headers->dl_src), IP_ARGS(config.offer));
    pin_resume_udp(pin, &reply, dst);
    ofpbuf_uninit(&reply);
}

struct pin_service dhcpv4_pin_service = {
    .name = "dhcpv4",
    .opcodes = {
        { ACTION_OPCODE_PUT_DHCP_OPTS, handle_put_dhcp_opts,
          .has_result = true },
    },
};
