/* SPDX-License-Identifier: Apache-2.0 */

/* Answers to DHCPv6 requests: put_dhcpv6_opts of ovn-sb(5).
 *
 * The logical flow has all that there is to say, so the service knows nothing:
 * see lib/dhcpv6.h.  What is not answered goes on, with a result of 0. */

#include <config.h>

#include "dhcpv6.h"
#include "dp-packet.h"
#include "openvswitch/ofpbuf.h"
#include "packet-build.h"
#include "packets.h"
#include "pinctrl/service.h"

static void
handle_put_dhcpv6_opts(const struct pin *pin)
{
    const size_t size = packet_udp_payload_size(pin->packet, pin->headers);
    struct dhcpv6_request rq;

    if (!size || pin->headers->dl_type != htons(ETH_TYPE_IPV6)) {
        pin_malformed(pin, PIN_BAD_LENGTH, "not a whole UDP packet");
        return;
    }
    const char *why = dhcpv6_parse(dp_packet_get_udp_payload(pin->packet),
                                   size, &rq);
    if (why) {
        pin_malformed(pin, PIN_BAD_CONTENT, "DHCPv6 request: %s", why);
        return;
    }

    struct ofpbuf reply;
    ofpbuf_init(&reply, 512);
    why = dhcpv6_answer(&rq, pin->userdata->data, pin->userdata->size,
                        &reply);
    if (why) {
        pin_malformed(pin, PIN_BAD_USERDATA, "put_dhcpv6_opts: %s", why);
    } else if (reply.size) {
        pin_resume_udp(pin, &reply, 0);
    }
    ofpbuf_uninit(&reply);
}

struct pin_service dhcpv6_pin_service = {
    .name = "dhcpv6",
    .opcodes = {
        { ACTION_OPCODE_PUT_DHCPV6_OPTS, handle_put_dhcpv6_opts,
          .has_result = true },
    },
};
