/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzer for packets that services answer with others of their own making:
 * errors and resets (controller/pinctrl/error.c), and DHCP that is relayed
 * (dhcp-relay.c).  The first byte of the input says by which opcode a packet
 * comes, the second how much of the rest is the action's userdata.  The
 * services are compiled into this file; the frame around them is here, and
 * looks at what they make: it must be whole, with the right lengths and
 * checksums, and no longer than errors may be. */

#include <config.h>
#include "fuzz.h"

#include "../../controller/pinctrl/error.c"
#include "../../controller/pinctrl/dhcp-relay.c"

#define MAX_MADE 1280           /* RFC 4443; Ethernet header included. */

static struct ovn_dialect dialect;
static bool resumed;

const struct ovn_dialect *
pin_dialect(void)
{
    return &dialect;
}

void
pin_malformed(const struct pin *pin OVS_UNUSED,
              enum pin_fault fault OVS_UNUSED, const char *format OVS_UNUSED,
              ...)
{
}

enum ofperr
pin_actions(const struct pin *pin, struct ofpbuf *ofpacts)
{
    struct ofpbuf actions = *pin->userdata;

    return ofpacts_pull_openflow_actions(&actions, actions.size,
                                         OFP15_VERSION, NULL, NULL, ofpacts);
}

void
pin_copy_vlan(const struct pin *pin, struct dp_packet *packet)
{
    packet_copy_vlan(packet, pin->headers);
}

/* What a service has made. */
void
pin_execute(const struct pin *pin, const struct dp_packet *made)
{
    struct dp_packet packet;
    struct flow flow;

    dp_packet_use_const(&packet, dp_packet_data(made), dp_packet_size(made));
    flow_extract(&packet, &flow);
    ovs_assert(dp_packet_size(made) <= MAX_MADE + VLAN_HEADER_LEN);
    ovs_assert(flow.dl_type == pin->headers->dl_type);
    ovs_assert(flow.vlans[0].tci == pin->headers->vlans[0].tci);
    ovs_assert(dp_packet_l4(&packet) && !dp_packet_l2_pad_size(&packet));
    ovs_assert(packet_l4_csum_ok(&packet));
}

/* The pipeline goes on, with a packet of the same length. */
void
pin_resume(const struct pin *pin, const struct dp_packet *packet,
           bool result OVS_UNUSED)
{
    ovs_assert(!resumed);
    resumed = true;
    ovs_assert(!packet
               || dp_packet_size(packet) == dp_packet_size(pin->packet));
    if (packet && packet_l4_csum_ok(pin->packet)) {
        ovs_assert(packet_l4_csum_ok(packet));
    }
}

void
pin_drop(const struct pin *pin OVS_UNUSED)
{
}

static const struct pin_opcode *
choose(uint8_t byte)
{
    const struct pin_service *services[] = {
        &error_pin_service, &dhcp_relay_pin_service,
    };
    size_t n = 0;

    for (int i = 0; ; i = (i + 1) % 2) {
        for (size_t j = 0; j < PIN_MAX_OPCODES; j++) {
            if (services[i]->opcodes[j].handle && n++ == byte) {
                return &services[i]->opcodes[j];
            }
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    const size_t n = MIN(data[1], size - 2);
    /* Copies, so that the sanitizer sees what is read behind their ends. */
    uint64_t *actions = xmalloc(ROUND_UP(n, 8) + 8);
    uint8_t *frame = xmalloc(size - 2 - n);
    struct ofpbuf userdata = ofpbuf_const_initializer(actions, n);
    const struct pin_opcode *opcode = choose(data[0] & 0x0f);
    struct dp_packet packet;
    struct flow headers;

    memcpy(actions, &data[2], n);
    memcpy(frame, &data[2 + n], size - 2 - n);
    dialect.frag_mtu_is_note = data[0] & 0x10;
    resumed = false;
    dp_packet_use_const(&packet, frame, size - 2 - n);
    flow_extract(&packet, &headers);
    const struct pin pin = {
        .opcode = opcode->opcode,
        .packet = &packet,
        .headers = &headers,
        .md = &headers,
        .userdata = &userdata,
    };
    opcode->handle(&pin);
    free(actions);
    free(frame);
    return 0;
}
