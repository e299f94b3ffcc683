/* SPDX-License-Identifier: Apache-2.0 */

/* Path MTUs of ports on several chassis
 * =====================================
 *
 * While a port is on several chassis, what it sends and what is sent to it
 * takes tunnels, even on a switch with a physical network, which had room for
 * longer packets a moment ago.  So whoever sends a packet that a tunnel has no
 * room for is told:
 *
 *     large_pkt_detect    is it from, or for, the port?  Is it too large?
 *     large_pkt_process   then the controller makes an ICMP error of it, which
 *                         goes through the ingress pipeline back to its
 *                         sender, and the packet is dropped.
 *
 * The room is what the port's own interface has, as the network under the
 * tunnels is taken to have the same, less the headers of whichever tunnel has
 * most of them: to which chassis a packet goes is not known before it goes. */

#include <config.h>

#include <string.h>

#include "binding.h"
#include "flow-table.h"
#include "flow.h"
#include "inputs.h"
#include "local-datapath.h"
#include "lport-way.h"
#include "openvswitch/ofp-actions.h"
#include "ovn/actions.h"
#include "packets.h"
#include "physical-common.h"
#include "tunnel.h"
#include "util.h"
#include "uuid.h"

/* Where 'large_pkt_detect' leaves the answer for 'large_pkt_process'.  No
 * logical flow comes in between. */
#define TOO_LARGE_REG MFF_REG9
#define TOO_LARGE_BIT 1

/* What a packet has in front of its IP header, at most. */
#define L2_HEADERS (ETH_HEADER_LEN + VLAN_HEADER_LEN)

/* RFC 791: what every network carries. */
#define IPV4_MIN_MTU 68

/* Bytes that a tunnel adds, apart from the outer IP header.  The Ethernet
 * header is the inner one. */
static int
encap_overhead(enum encap_type type)
{
    switch (type) {
    case ENCAP_GENEVE:
        /* With one option of 8 bytes. */
        return UDP_HEADER_LEN + 8 + 8 + ETH_HEADER_LEN;
    case ENCAP_VXLAN:
        return UDP_HEADER_LEN + 8 + ETH_HEADER_LEN;
    case ENCAP_STT:
        return 18;
    case N_ENCAP_TYPES:
        break;
    }
    return 0;
}

static int
tunnel_overhead(const struct tunnel_shape *shape)
{
    return (encap_overhead(shape->type)
            + (shape->is_ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN));
}

/* The largest frame that every tunnel from here takes if the network under
 * them carries packets of 'mtu' bytes; 0 if there is no limit. */
static int
largest_frame(struct inc_unit *unit, int64_t mtu)
{
    const struct inc_set *shapes = tunnel_shapes(unit);
    int overhead = 0;

    for (size_t i = 0; i < inc_set_count(shapes); i++) {
        struct tunnel_shape shape;

        memcpy(&shape, inc_set_at(shapes, i).data, sizeof shape);
        overhead = MAX(overhead, tunnel_overhead(&shape));
    }
    return overhead ? MAX(0, MIN(mtu, UINT16_MAX) - overhead) : 0;
}

static void
put_exchange(enum mf_field_id a_id, enum mf_field_id b_id,
             struct ofpbuf *ofpacts)
{
    const struct mf_subfield a = put_whole_field(a_id);
    const struct mf_subfield b = put_whole_field(b_id);

    put_push(&a, ofpacts);
    put_push(&b, ofpacts);
    put_pop(&a, ofpacts);
    put_pop(&b, ofpacts);
}

/* ICMP's "fragmentation needed", ICMPv6's "packet too big". */
static void
put_error_type(bool is_ipv4, struct ofpbuf *ofpacts)
{
    put_load(is_ipv4 ? MFF_ICMPV4_TYPE : MFF_ICMPV6_TYPE, is_ipv4 ? 3 : 2,
             ofpacts);
    put_load(is_ipv4 ? MFF_ICMPV4_CODE : MFF_ICMPV6_CODE, is_ipv4 ? 4 : 0,
             ofpacts);
}

/* What becomes of the error that the controller makes. */
static void
put_error(const struct ovn_dialect *d, bool is_ipv4, uint16_t mtu,
          struct ofpbuf *ofpacts)
{
    put_load_bits(TOO_LARGE_REG, TOO_LARGE_BIT, 1, 0, ofpacts);
    put_load_bits(MFF_LOG_FLAGS, MLF_ALLOW_LOOPBACK_BIT, 1, 1, ofpacts);
    put_exchange(MFF_ETH_DST, MFF_ETH_SRC, ofpacts);
    put_exchange(is_ipv4 ? MFF_IPV4_DST : MFF_IPV6_DST,
                 is_ipv4 ? MFF_IPV4_SRC : MFF_IPV6_SRC, ofpacts);
    ofpact_put_SET_IP_TTL(ofpacts)->ttl = 255;
    put_error_type(is_ipv4, ofpacts);
    put_frag_mtu(d, is_ipv4, mtu, NX_CTLR_NO_METER, ofpacts);
    put_resubmit(d->tables.ingress, ofpacts);
}

/* The two flows about the packets of 'match', IP packets of one version. */
static void
add_flows(struct inc_unit *unit, uint32_t cookie, const struct match *match,
          bool is_ipv4, uint16_t frame)
{
    const struct ovn_dialect *d = in_dialect(unit);
    struct match too_large = *match;
    struct ofpbuf ofpacts, inner;

    ofpbuf_init(&ofpacts, 512);
    ofpbuf_init(&inner, 512);

    struct ofpact_check_pkt_larger *check
        = ofpact_put_CHECK_PKT_LARGER(&ofpacts);
    check->pkt_len = frame;
    check->dst = put_whole_field(TOO_LARGE_REG);
    check->dst.ofs = TOO_LARGE_BIT;
    check->dst.n_bits = 1;
    put_resubmit(d->tables.large_pkt_process, &ofpacts);
    flow_output_add(unit, d->tables.large_pkt_detect, 100, cookie, match,
                    &ofpacts);
    ofpbuf_clear(&ofpacts);

    put_error(d, is_ipv4, frame - L2_HEADERS, &inner);
    size_t start = put_controller_start(ACTION_OPCODE_ICMP, true,
                                        NX_CTLR_NO_METER, &ofpacts);
    ofpacts_put_openflow_actions(inner.data, inner.size, &ofpacts,
                                 OFP15_VERSION);
    put_controller_finish(start, &ofpacts);
    match_set_reg_masked(&too_large, TOO_LARGE_REG - MFF_REG0,
                         1u << TOO_LARGE_BIT, 1u << TOO_LARGE_BIT);
    flow_output_add(unit, d->tables.large_pkt_process, 100, cookie,
                    &too_large, &ofpacts);

    ofpbuf_uninit(&inner);
    ofpbuf_uninit(&ofpacts);
}

void
physical_add_path_mtu(struct inc_unit *unit, const struct port_binding *pb,
                      const struct local_port *lp, uint32_t dp_key)
{
    const struct local_datapath *ld = local_datapath(unit, &pb->datapath);
    const struct ovs_iface *iface = lp->iface ? in_iface(unit, lp->iface)
                                    : NULL;
    if (!ld || !ld->localnet_port || !iface || !iface->mtu) {
        return;
    }

    const int frame = largest_frame(unit, iface->mtu);
    if (frame < IPV4_MIN_MTU + L2_HEADERS) {
        return;
    }
    for (int i = 0; i < 4; i++) {
        const bool is_ipv4 = i & 1;
        struct match match;

        match_init_catchall(&match);
        match_set_metadata(&match, htonll(dp_key));
        match_set_reg(&match, (i & 2 ? MFF_LOG_INPORT : MFF_LOG_OUTPORT)
                      - MFF_REG0, pb->tunnel_key);
        match_set_dl_type(&match, htons(is_ipv4 ? ETH_TYPE_IP
                                        : ETH_TYPE_IPV6));
        add_flows(unit, row_cookie(&pb->uuid), &match, is_ipv4, frame);
    }
}
