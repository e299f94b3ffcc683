/* SPDX-License-Identifier: Apache-2.0 */

/* Asking neighbors whether they are still there; see mac-probe.h. */

#include <config.h>
#include "mac-probe.h"

#include <netinet/in.h>

#include "coverage.h"
#include "dp-packet.h"
#include "inputs.h"
#include "ip-text.h"
#include "lport-source.h"
#include "ofctrl.h"
#include "openvswitch/ofpbuf.h"
#include "ovn-sb-idl.h"
#include "ovn/logical-fields.h"
#include "ovs-compat.h"
#include "packets.h"
#include "put-actions.h"
#include "smap.h"

COVERAGE_DEFINE(mac_probe);

/* The port by which packets for 'pb' leave. */
static const struct port_binding *
way_out(const struct port_binding *pb)
{
    const char *name = smap_get(&pb->options, "chassis-redirect-port");
    const struct port_binding *cr
        = name ? inc_peek(in_kinds.port_binding, inc_key_string(name)) : NULL;

    return cr ? cr : pb;
}

static void
send_from(const struct port_binding *pb, const struct datapath_binding *dp,
          const struct dp_packet *packet)
{
    uint64_t stub[256 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    put_load_bits(MFF_METADATA, 0, 64, dp->tunnel_key, &ofpacts);
    put_load_bits(MFF_LOG_OUTPORT, 0, 32, way_out(pb)->tunnel_key, &ofpacts);
    put_resubmit(inputs_dialect()->tables.large_pkt_detect, &ofpacts);
    ofctrl_send(ofctrl_encode_packet_out(packet, OFPP_CONTROLLER, &ofpacts));
    ofpbuf_uninit(&ofpacts);
}

void
mac_probe(const struct sbrec_mac_binding *mb)
{
    const struct datapath_binding *dp;
    const struct port_binding *pb = inputs_peek_port(mb->logical_port, &dp);
    struct in6_addr ip, own_ip;
    struct eth_addr mac;

    if (!pb || !pb->n_mac || !ip_text_parse(mb->ip, &ip)
        || !lport_source_for(pb->mac[0], &ip, &mac, &own_ip)) {
        return;
    }

    struct dp_packet packet;
    dp_packet_init(&packet, 128);
    if (IN6_IS_ADDR_V4MAPPED(&ip)) {
        compose_arp(&packet, ARP_OP_REQUEST, mac, eth_addr_zero, true,
                    in6_addr_get_mapped_ipv4(&own_ip),
                    in6_addr_get_mapped_ipv4(&ip));
    } else {
        ovs_compose_nd_ns(&packet, mac, &own_ip, &ip);
    }
    COVERAGE_INC(mac_probe);
    send_from(pb, dp, &packet);
    dp_packet_uninit(&packet);
}
