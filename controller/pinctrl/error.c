/* SPDX-License-Identifier: Apache-2.0 */

/* Packets that tell a sender that its packet gets nowhere: icmp4, icmp6,
 * icmp4_error, icmp6_error, tcp_reset, sctp_abort and reject of ovn-sb(5); and
 * which MTU it is to respect instead, icmp4.frag_mtu and icmp6.frag_mtu.
 *
 * For all but "reject", the inner actions exchange the addresses; "reject"
 * does that itself, as its inner actions cannot know what it makes.  Ports are
 * always exchanged here.
 *
 * Who is told nothing is lib/sender-error.h's. */

#include <config.h>

#include <netinet/ip6.h>
#include <string.h>

#include "csum.h"
#include "flow.h"
#include "openvswitch/ofp-actions.h"
#include "ovn/dialect.h"
#include "packet-build.h"
#include "packets.h"
#include "pinctrl/service.h"
#include "random.h"
#include "sender-error.h"
#include "unaligned.h"
#include "util.h"

/* RFC 4443: an ICMPv6 error is not longer than the minimal MTU; and RFC 1812,
 * 4.3.2.3: nor is an ICMPv4 error longer than 576 bytes.  OVN counts the
 * Ethernet header, too. */
#define ICMP6_ERROR_MAX (1280 - ETH_HEADER_LEN)
#define ICMP4_ERROR_MAX (576 - ETH_HEADER_LEN)

/* The TTL or hop limit of what is made here, as OVN's other controllers have
 * it. */
#define ICMP_TTL 255
#define RESET_TTL 63            /* tcp_reset, sctp_abort. */

#ifndef IPPROTO_SCTP
#define IPPROTO_SCTP 132
#endif
#define SCTP_CHUNK_INIT 1
#define SCTP_CHUNK_ABORT 6
#define SCTP_CHUNK_ERROR 9
#define SCTP_CHUNK_COOKIE_ACK 11
#define SCTP_CHUNK_SHUTDOWN_COMPLETE 14
#define SCTP_CAUSE_STALE_COOKIE 3
#define SCTP_INIT_LEN 20        /* Without optional parameters. */
#define SCTP_ABORT_TAG_REFLECTED 1

/* The L4 part of the packet as it has come, whatever the IP header says about
 * its length: enough may be there to know what to answer. */
static const uint8_t *
l4_as_received(const struct pin *pin, size_t *size)
{
    const uint8_t *l4 = dp_packet_l4(pin->packet);

    *size = l4 ? (const uint8_t *) dp_packet_tail(pin->packet) - l4 : 0;
    return l4;
}

/* Whether the packet is an ICMP error or redirect, or too short to tell. */
static bool
is_icmp_error(const struct pin *pin)
{
    const struct flow *h = pin->headers;

    if (h->nw_proto != (h->dl_type == htons(ETH_TYPE_IP)
                        ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
        return false;
    }

    size_t size;
    const uint8_t *l4 = l4_as_received(pin, &size);
    return !size || sender_error_is_icmp_error(h, l4[0]);
}

/* Whether the packet's sender is to be told by 'error'. */
static bool
may_send(const struct pin *pin, enum sender_error error)
{
    return !sender_error_refusal(error, pin->headers, is_icmp_error(pin));
}

/* The MTU that an error names.
 *
 * OpenFlow has no field for it.  Up to a certain release, the actions of an
 * error hand the packet to the controller once more, to have it written;
 * later, they have a note for who makes the error. */

/* Writes 'mtu' into 'packet', an ICMP or ICMPv6 error with these headers.
 * Returns false if it is none. */
static bool
set_frag_mtu(struct dp_packet *packet, const struct flow *headers,
             uint32_t mtu)
{
    const bool is_ipv4 = headers->dl_type == htons(ETH_TYPE_IP);
    void *l4 = dp_packet_l4(packet);

    if (headers->nw_frag & FLOW_NW_FRAG_LATER || !is_ip_any(headers)
        || headers->nw_proto != (is_ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)
        || !l4 || dp_packet_l4_size(packet) < ICMP_HEADER_LEN) {
        return false;
    }
    if (is_ipv4) {
        struct icmp_header *icmp = l4;
        const ovs_be16 new = htons(mtu);

        icmp->icmp_csum = recalc_csum16(icmp->icmp_csum,
                                        icmp->icmp_fields.frag.mtu, new);
        icmp->icmp_fields.frag.mtu = new;
    } else {
        struct icmp6_data_header *icmp6 = l4;
        const ovs_be32 old = get_16aligned_be32(icmp6->icmp6_data.be32);
        const ovs_be32 new = htonl(mtu);

        icmp6->icmp6_base.icmp6_cksum
            = recalc_csum32(icmp6->icmp6_base.icmp6_cksum, old, new);
        put_16aligned_be32(icmp6->icmp6_data.be32, new);
    }
    return true;
}

static uint32_t
pull_mtu(struct ofpbuf *userdata, bool is_ipv4)
{
    const void *mtu = ofpbuf_try_pull(userdata, is_ipv4 ? 2 : 4);

    return (!mtu ? 0
            : is_ipv4 ? ntohs(get_unaligned_be16(mtu))
            : ntohl(get_unaligned_be32(mtu)));
}

static void
handle_put_frag_mtu(const struct pin *pin, bool is_ipv4)
{
    const uint32_t mtu = pull_mtu(pin->userdata, is_ipv4);
    struct dp_packet packet;
    struct flow headers;

    if (!mtu) {
        pin_malformed(pin, PIN_BAD_USERDATA, "it names no MTU");
        return;
    }
    dp_packet_init(&packet, dp_packet_size(pin->packet));
    dp_packet_put(&packet, dp_packet_data(pin->packet),
                  dp_packet_size(pin->packet));
    flow_extract(&packet, &headers);
    if ((headers.dl_type == htons(ETH_TYPE_IP)) == is_ipv4
        && set_frag_mtu(&packet, &headers, mtu)) {
        pin_resume(pin, &packet, false);
    } else {
        pin_malformed(pin, PIN_BAD_PROTOCOL,
                      "an MTU is for an error of ICMP%s", is_ipv4 ? "" : "v6");
    }
    dp_packet_uninit(&packet);
}

static void
handle_put_icmp4_frag_mtu(const struct pin *pin)
{
    handle_put_frag_mtu(pin, true);
}

static void
handle_put_icmp6_frag_mtu(const struct pin *pin)
{
    handle_put_frag_mtu(pin, false);
}

/* The MTU that 'note' says, or 0 if it is about something else. */
static uint32_t
note_mtu(const struct ofpact_note *note, bool is_ipv4)
{
    struct ofpbuf data = ofpbuf_const_initializer(note->data, note->length);
    const struct action_note *n = ofpbuf_try_pull(&data, sizeof *n);
    const enum action_note_type type = (is_ipv4 ? ACTION_NOTE_ICMP4_FRAG_MTU
                                        : ACTION_NOTE_ICMP6_FRAG_MTU);

    return (n && !memcmp(n->magic, ACTION_NOTE_MAGIC, sizeof n->magic)
            && n->type == htons(type) ? pull_mtu(&data, is_ipv4) : 0);
}

/* The MTU that the actions in pin->userdata have a note of, or 0. */
static uint32_t
noted_mtu(const struct pin *pin)
{
    const bool is_ipv4 = pin->headers->dl_type == htons(ETH_TYPE_IP);
    uint64_t stub[512 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    const struct ofpact *a;
    uint32_t mtu = 0;

    if (pin_dialect()->frag_mtu_is_note && !pin_actions(pin, &ofpacts)) {
        OFPACT_FOR_EACH (a, ofpacts.data, ofpacts.size) {
            if (!mtu && a->type == OFPACT_NOTE) {
                mtu = note_mtu(ofpact_get_NOTE(a), is_ipv4);
            }
        }
    }
    ofpbuf_uninit(&ofpacts);
    return mtu;
}

/* Starts 'packet' with Ethernet and IP headers for 'proto' and zeroed room of
 * 'size' bytes behind them, which is returned.  'swap': to the sender of
 * pin->packet rather than as from it. */
static void *
start_packet(const struct pin *pin, bool swap, uint8_t proto, size_t size,
             struct dp_packet *packet)
{
    const struct flow *h = pin->headers;
    const bool is_icmp = proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
    const bool is_ipv4 = h->dl_type == htons(ETH_TYPE_IP);
    const struct in6_addr src = (is_ipv4 ? in6_addr_mapped_ipv4(h->nw_src)
                                 : h->ipv6_src);
    const struct in6_addr dst = (is_ipv4 ? in6_addr_mapped_ipv4(h->nw_dst)
                                 : h->ipv6_dst);
    const struct packet_place place = {
        .eth_src = swap ? h->dl_dst : h->dl_src,
        .eth_dst = swap ? h->dl_src : h->dl_dst,
        .ip_src = swap ? dst : src,
        .ip_dst = swap ? src : dst,
        .ttl = is_icmp ? ICMP_TTL : RESET_TTL,
        .dont_fragment = true,
    };

    dp_packet_init(packet, 128 + size);
    return packet_start_ip(packet, &place, proto, size);
}

static void
finish(const struct pin *pin, struct dp_packet *packet)
{
    packet_finish(packet);
    pin_copy_vlan(pin, packet);
    pin_execute(pin, packet);
    dp_packet_uninit(packet);
}

/* How much of pin->packet, from its IP header on, there is to be quoted. */
static size_t
quotable(const struct pin *pin, size_t max)
{
    return MIN(dp_packet_l3_size(pin->packet), max);
}

static void
send_icmp4(const struct pin *pin, bool swap)
{
    const size_t max = ICMP4_ERROR_MAX - IP_HEADER_LEN - ICMP_HEADER_LEN;
    const size_t n = quotable(pin, max);
    struct dp_packet packet;
    struct icmp_header *icmp = start_packet(pin, swap, IPPROTO_ICMP,
                                            ICMP_HEADER_LEN + n, &packet);

    icmp->icmp_type = ICMP4_DST_UNREACH;
    /* Port or host unreachable. */
    icmp->icmp_code = pin->headers->nw_proto == IPPROTO_UDP ? 3 : 1;
    icmp->icmp_fields.frag.mtu = htons(noted_mtu(pin));
    memcpy(icmp + 1, dp_packet_l3(pin->packet), n);
    finish(pin, &packet);
}

static void
send_icmp6(const struct pin *pin, bool swap)
{
    const size_t head = sizeof(struct icmp6_data_header);
    const size_t n = quotable(pin, ICMP6_ERROR_MAX - IPV6_HEADER_LEN - head);
    struct dp_packet packet;
    struct icmp6_data_header *icmp6 = start_packet(pin, swap, IPPROTO_ICMPV6,
                                                   head + n, &packet);

    icmp6->icmp6_base.icmp6_type = 1; /* Destination unreachable. */
    /* Port unreachable or administratively prohibited. */
    icmp6->icmp6_base.icmp6_code
        = pin->headers->nw_proto == IPPROTO_UDP ? 4 : 1;
    put_16aligned_be32(icmp6->icmp6_data.be32, htonl(noted_mtu(pin)));
    memcpy(icmp6 + 1, dp_packet_l3(pin->packet), n);
    finish(pin, &packet);
}

static void
send_icmp(const struct pin *pin, bool swap)
{
    if (!dp_packet_l3(pin->packet)) {
        return;
    }
    if (pin->headers->dl_type == htons(ETH_TYPE_IP)) {
        send_icmp4(pin, swap);
    } else {
        send_icmp6(pin, swap);
    }
}

/* Bytes of TCP payload in pin->packet, which has all of 'tcp'. */
static uint32_t
tcp_payload_length(const struct pin *pin, const struct tcp_header *tcp)
{
    return dp_packet_l4_size(pin->packet) - TCP_OFFSET(tcp->tcp_ctl) * 4;
}

static void
send_tcp_reset(const struct pin *pin, bool swap)
{
    const struct tcp_header *in = dp_packet_l4(pin->packet);

    if (!is_ip_any(pin->headers) || pin->headers->nw_proto != IPPROTO_TCP) {
        pin_malformed(pin, PIN_BAD_PROTOCOL, "tcp_reset is for TCP packets");
        return;
    }
    if (!in || dp_packet_l4_size(pin->packet) < TCP_HEADER_LEN) {
        return;
    }
    const uint16_t flags = TCP_FLAGS(in->tcp_ctl);
    const size_t header_len = TCP_OFFSET(in->tcp_ctl) * 4;
    if (!may_send(pin, SENDER_ERROR_TCP_RESET) || header_len < TCP_HEADER_LEN
        || header_len > dp_packet_l4_size(pin->packet)) {
        return;
    }

    struct dp_packet packet;
    struct tcp_header *tcp = start_packet(pin, swap, IPPROTO_TCP,
                                          TCP_HEADER_LEN, &packet);
    tcp->tcp_src = in->tcp_dst;
    tcp->tcp_dst = in->tcp_src;
    if (flags & TCP_ACK) {
        tcp->tcp_seq = in->tcp_ack;
        tcp->tcp_ctl = TCP_CTL(TCP_RST, 5);
    } else {
        uint32_t next = ntohl(get_16aligned_be32(&in->tcp_seq))
                        + tcp_payload_length(pin, in)
                        + (flags & TCP_SYN ? 1 : 0)
                        + (flags & TCP_FIN ? 1 : 0);

        put_16aligned_be32(&tcp->tcp_ack, htonl(next));
        tcp->tcp_ctl = TCP_CTL(TCP_RST | TCP_ACK, 5);
    }
    finish(pin, &packet);
}

/* A common SCTP header and an ABORT chunk. */
struct sctp_abort {
    struct sctp_header header;
    uint8_t type;
    uint8_t flags;
    ovs_be16 length;
};

/* Whether a packet with these chunks, 'size' bytes of them, is to be discarded
 * silently where there is no association: RFC 9260, 8.4. */
static bool
is_silent_sctp(const uint8_t *chunk, size_t size)
{
    while (size >= 4) {
        const uint16_t len = chunk[2] << 8 | chunk[3];
        const size_t whole = ROUND_UP(len, 4);

        if (chunk[0] == SCTP_CHUNK_ABORT
            || chunk[0] == SCTP_CHUNK_SHUTDOWN_COMPLETE
            || chunk[0] == SCTP_CHUNK_COOKIE_ACK
            || (chunk[0] == SCTP_CHUNK_ERROR && size >= 6
                && (chunk[4] << 8 | chunk[5]) == SCTP_CAUSE_STALE_COOKIE)) {
            return true;
        } else if (len < 4 || whole >= size) {
            break;
        }
        chunk += whole;
        size -= whole;
    }
    return false;
}

static void
send_sctp_abort(const struct pin *pin, bool swap)
{
    size_t size;
    const uint8_t *l4 = l4_as_received(pin, &size);

    if (!is_ip_any(pin->headers) || pin->headers->nw_proto != IPPROTO_SCTP) {
        pin_malformed(pin, PIN_BAD_PROTOCOL, "sctp_abort is for SCTP packets");
        return;
    }
    if (!l4 || dp_packet_l4_size(pin->packet) < SCTP_HEADER_LEN) {
        return;
    }

    const struct sctp_header *in
        = ALIGNED_CAST(const struct sctp_header *, l4);
    const uint8_t *chunk = l4 + SCTP_HEADER_LEN;
    const size_t chunks_size = size - SCTP_HEADER_LEN;
    const bool is_init = chunks_size && chunk[0] == SCTP_CHUNK_INIT;
    if (!may_send(pin, SENDER_ERROR_SCTP_ABORT)
        || is_silent_sctp(chunk, chunks_size)
        || (is_init && chunks_size < SCTP_INIT_LEN)) {
        return;
    }

    struct dp_packet packet;
    struct sctp_abort *abort_
        = start_packet(pin, swap, IPPROTO_SCTP, sizeof *abort_, &packet);
    abort_->header.sctp_src = in->sctp_dst;
    abort_->header.sctp_dst = in->sctp_src;
    abort_->type = SCTP_CHUNK_ABORT;
    abort_->length = htons(4);
    if (is_init) {
        /* The tag that the sender has just chosen. */
        memcpy(&abort_->header.sctp_vtag, chunk + 4,
               sizeof abort_->header.sctp_vtag);
    } else {
        abort_->header.sctp_vtag = in->sctp_vtag;
        abort_->flags = SCTP_ABORT_TAG_REFLECTED;
    }
    finish(pin, &packet);
}

/* Handlers. */

static void
handle_icmp(const struct pin *pin)
{
    if (may_send(pin, SENDER_ERROR_ICMP)) {
        send_icmp(pin, false);
    }
}

/* icmp4_error and icmp6_error. */
static void
handle_icmp_error(const struct pin *pin)
{
    if (may_send(pin, SENDER_ERROR_TOO_BIG)) {
        send_icmp(pin, false);
    }
}

static void
handle_tcp_reset(const struct pin *pin)
{
    send_tcp_reset(pin, false);
}

static void
handle_sctp_abort(const struct pin *pin)
{
    send_sctp_abort(pin, false);
}

static void
handle_reject(const struct pin *pin)
{
    switch (sender_error_of_rejection(pin->headers)) {
    case SENDER_ERROR_TCP_RESET:
        send_tcp_reset(pin, true);
        break;
    case SENDER_ERROR_SCTP_ABORT:
        send_sctp_abort(pin, true);
        break;
    case SENDER_ERROR_ICMP:
    case SENDER_ERROR_TOO_BIG:
        if (may_send(pin, SENDER_ERROR_ICMP)) {
            send_icmp(pin, true);
        }
        break;
    }
}

struct pin_service error_pin_service = {
    .name = "error",
    .opcodes = {
        { ACTION_OPCODE_ICMP, handle_icmp, false },
        { ACTION_OPCODE_ICMP4_ERROR, handle_icmp_error, false },
        { ACTION_OPCODE_ICMP6_ERROR, handle_icmp_error, false },
        { ACTION_OPCODE_PUT_ICMP4_FRAG_MTU, handle_put_icmp4_frag_mtu, false },
        { ACTION_OPCODE_PUT_ICMP6_FRAG_MTU, handle_put_icmp6_frag_mtu, false },
        { ACTION_OPCODE_TCP_RESET, handle_tcp_reset, false },
        { ACTION_OPCODE_SCTP_ABORT, handle_sctp_abort, false },
        { ACTION_OPCODE_REJECT, handle_reject, false },
    },
};
