/* SPDX-License-Identifier: Apache-2.0 */

/* Does a service work?  See svc-probe.h. */

#include <config.h>
#include "svc-probe.h"

#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <string.h>

#include "dp-packet.h"
#include "flow.h"
#include "packet-build.h"
#include "packets.h"
#include "random.h"
#include "unaligned.h"
#include "util.h"

/* As the stock controller has them. */
#define PROBE_TTL 63
#define PROBE_ICMP_TTL 255
#define PROBE_WINDOW 65160
#define PROBE_UDP_PAYLOAD 8

/* That a packet is too big. */
#define ICMP4_FRAG_NEEDED_CODE 4

/* RFC 6335: dynamic ports. */
#define FIRST_PORT 49152

static const char *const protocol_names[] = {
    [SVC_TCP] = "tcp", [SVC_UDP] = "udp", [SVC_ICMP] = "icmp",
};

bool
svc_protocol_from_name(const char *name, enum svc_protocol *protocol)
{
    for (size_t i = 0; i < ARRAY_SIZE(protocol_names); i++) {
        if (!strcmp(name, protocol_names[i])) {
            *protocol = i;
            return true;
        }
    }
    return false;
}

const char *
svc_protocol_name(enum svc_protocol protocol)
{
    return protocol_names[protocol];
}

/* Probes. */

struct svc_probe
svc_probe_choose(void)
{
    return (struct svc_probe) {
        .src_port = FIRST_PORT + random_range(UINT16_MAX + 1 - FIRST_PORT),
        .seq = random_uint32(),
    };
}

static struct packet_place
place_of(const struct svc_target *t)
{
    return (struct packet_place) {
        .eth_src = t->eth_src,
        .eth_dst = t->eth_dst,
        .ip_src = t->ip_src,
        .ip_dst = t->ip_dst,
        .ttl = t->protocol == SVC_ICMP ? PROBE_ICMP_TTL : PROBE_TTL,
        .dont_fragment = true,
    };
}

static bool
is_ipv4(const struct svc_target *t)
{
    return IN6_IS_ADDR_V4MAPPED(&t->ip_dst);
}

static void
compose_tcp(const struct svc_target *t, const struct svc_probe *probe,
            uint32_t seq, uint32_t ack, uint16_t flags,
            struct dp_packet *packet)
{
    const struct packet_place place = place_of(t);
    struct tcp_header *tcp = packet_start_ip(packet, &place, IPPROTO_TCP,
                                             sizeof *tcp);

    tcp->tcp_src = htons(probe->src_port);
    tcp->tcp_dst = htons(t->port);
    put_16aligned_be32(&tcp->tcp_seq, htonl(seq));
    put_16aligned_be32(&tcp->tcp_ack, htonl(ack));
    tcp->tcp_ctl = TCP_CTL(flags, 5);
    tcp->tcp_winsz = htons(PROBE_WINDOW);
    packet_finish(packet);
}

static void
compose_udp(const struct svc_target *t, const struct svc_probe *probe,
            struct dp_packet *packet)
{
    const struct packet_place place = place_of(t);

    packet_start_udp(packet, &place, htons(probe->src_port), htons(t->port));
    dp_packet_put_zeros(packet, PROBE_UDP_PAYLOAD);
    packet_finish_udp_reply(packet);
}

static void
compose_echo(const struct svc_target *t, const struct svc_probe *probe,
             struct dp_packet *packet)
{
    const struct packet_place place = place_of(t);
    const bool v4 = is_ipv4(t);
    struct icmp_header *icmp
        = packet_start_ip(packet, &place, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
                          sizeof *icmp);

    icmp->icmp_type = v4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST;
    icmp->icmp_fields.echo.id = htons(probe->src_port);
    icmp->icmp_fields.echo.seq = htons(probe->seq);
    packet_finish(packet);
}

void
svc_probe_compose(const struct svc_target *t, const struct svc_probe *probe,
                  struct dp_packet *packet)
{
    dp_packet_init(packet, 128);
    switch (t->protocol) {
    case SVC_TCP:
        compose_tcp(t, probe, probe->seq, 0, TCP_SYN, packet);
        break;
    case SVC_UDP:
        compose_udp(t, probe, packet);
        break;
    case SVC_ICMP:
        compose_echo(t, probe, packet);
        break;
    }
}

/* Answers. */

/* As the packet, which answers, has them the other way round. */
static void
set_addresses(struct svc_answer *a, const struct flow *h)
{
    if (h->dl_type == htons(ETH_TYPE_IP)) {
        a->ip_src = in6_addr_mapped_ipv4(h->nw_dst);
        a->ip_dst = in6_addr_mapped_ipv4(h->nw_src);
    } else {
        a->ip_src = h->ipv6_dst;
        a->ip_dst = h->ipv6_src;
    }
    a->src_port = ntohs(h->tp_dst);
    a->port = ntohs(h->tp_src);
}

static void
parse_tcp(const struct dp_packet *packet, struct svc_answer *a)
{
    const struct tcp_header *tcp = dp_packet_l4(packet);
    const uint16_t flags = TCP_FLAGS(tcp->tcp_ctl);

    a->protocol = SVC_TCP;
    if (flags & TCP_ACK && flags & (TCP_SYN | TCP_RST)) {
        a->kind = flags & TCP_RST ? SVC_ANSWER_FAILS : SVC_ANSWER_WORKS;
        a->has_seq = true;
        a->seq = ntohl(get_16aligned_be32(&tcp->tcp_ack)) - 1;
        a->their_seq = ntohl(get_16aligned_be32(&tcp->tcp_seq));
    }
}

/* The beginning of the L4 part of the probe that an ICMP error quotes. */
static bool
parse_quoted_l4(const uint8_t *l4, size_t size, uint8_t proto, bool v4,
                struct svc_answer *a)
{
    if (size < 8) {
        return false;
    }
    a->kind = SVC_ANSWER_FAILS;
    if (proto == IPPROTO_TCP || proto == IPPROTO_UDP) {
        a->protocol = proto == IPPROTO_TCP ? SVC_TCP : SVC_UDP;
        a->src_port = l4[0] << 8 | l4[1];
        a->port = l4[2] << 8 | l4[3];
        if (proto == IPPROTO_TCP) {
            a->has_seq = true;
            a->seq = ((uint32_t) l4[4] << 24 | l4[5] << 16 | l4[6] << 8
                      | l4[7]);
        }
    } else if (proto == (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)
               && l4[0] == (v4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST)) {
        a->protocol = SVC_ICMP;
        a->src_port = l4[4] << 8 | l4[5];
        a->has_seq = true;
        a->seq = l4[6] << 8 | l4[7];
    } else {
        a->kind = SVC_ANSWER_OTHER;
    }
    return true;
}

static bool
parse_quoted_ipv4(const uint8_t *data, size_t size, struct svc_answer *a)
{
    struct ip_header ip;

    if (size < sizeof ip) {
        return false;
    }
    memcpy(&ip, data, sizeof ip);
    const size_t len = IP_IHL(ip.ip_ihl_ver) * 4;
    if (IP_VER(ip.ip_ihl_ver) != 4 || len < sizeof ip || len > size) {
        return false;
    }
    a->ip_src = in6_addr_mapped_ipv4(get_16aligned_be32(&ip.ip_src));
    a->ip_dst = in6_addr_mapped_ipv4(get_16aligned_be32(&ip.ip_dst));
    return (ip.ip_frag_off & htons(IP_FRAG_OFF_MASK)
            || parse_quoted_l4(data + len, size - len, ip.ip_proto, true, a));
}

static bool
parse_quoted_ipv6(const uint8_t *data, size_t size, struct svc_answer *a)
{
    struct ovs_16aligned_ip6_hdr ip6;

    if (size < sizeof ip6 || data[0] >> 4 != 6) {
        return false;
    }
    memcpy(&ip6, data, sizeof ip6);
    memcpy(&a->ip_src, &ip6.ip6_src, sizeof a->ip_src);
    memcpy(&a->ip_dst, &ip6.ip6_dst, sizeof a->ip_dst);
    return parse_quoted_l4(data + sizeof ip6, size - sizeof ip6, ip6.ip6_nxt,
                           false, a);
}

/* That a packet is too big says nothing about the service. */
static bool
is_unreachable(const struct icmp_header *icmp, bool v4)
{
    return (v4
            ? (icmp->icmp_type == ICMP4_DST_UNREACH
               && icmp->icmp_code != ICMP4_FRAG_NEEDED_CODE)
            : icmp->icmp_type == ICMP6_DST_UNREACH);
}

static bool
parse_icmp(const struct dp_packet *packet, bool v4, struct svc_answer *a)
{
    const size_t size = dp_packet_l4_size(packet);
    const uint8_t *l4 = dp_packet_l4(packet);
    struct icmp_header icmp;

    if (size < sizeof icmp) {
        return false;
    }
    memcpy(&icmp, l4, sizeof icmp);
    a->protocol = SVC_ICMP;
    if (is_unreachable(&icmp, v4)) {
        return (v4 ? parse_quoted_ipv4(l4 + sizeof icmp, size - sizeof icmp, a)
                : parse_quoted_ipv6(l4 + sizeof icmp, size - sizeof icmp, a));
    }
    if (icmp.icmp_type == (v4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY)) {
        a->kind = SVC_ANSWER_WORKS;
    } else if (icmp.icmp_type == (v4 ? ICMP4_ECHO_REQUEST
                                  : ICMP6_ECHO_REQUEST)) {
        const struct in6_addr ip_src = a->ip_src;

        a->kind = SVC_ANSWER_PROBE;
        a->ip_src = a->ip_dst;
        a->ip_dst = ip_src;
    }
    a->src_port = ntohs(icmp.icmp_fields.echo.id);
    a->port = 0;
    a->has_seq = true;
    a->seq = ntohs(icmp.icmp_fields.echo.seq);
    return true;
}

bool
svc_answer_parse(const struct dp_packet *packet, const struct flow *h,
                 struct svc_answer *a, const char **whyp)
{
    *a = (struct svc_answer) { .kind = SVC_ANSWER_OTHER };
    *whyp = NULL;
    if (!is_ip_any(h)) {
        *whyp = "not an IP packet";
        return false;
    }
    if (h->nw_frag & FLOW_NW_FRAG_ANY) {
        *whyp = "a fragment";
        return false;
    }
    /* A header that is not whole has no place. */
    if (!dp_packet_l4(packet)) {
        *whyp = "truncated";
        return false;
    }
    set_addresses(a, h);
    if (h->nw_proto == IPPROTO_TCP
        && dp_packet_l4_size(packet) >= TCP_HEADER_LEN) {
        parse_tcp(packet, a);
        return true;
    } else if (h->nw_proto == IPPROTO_UDP
               && dp_packet_l4_size(packet) >= UDP_HEADER_LEN) {
        a->protocol = SVC_UDP;
        a->kind = SVC_ANSWER_WORKS;
        return true;
    } else if ((is_icmpv4(h, NULL) || is_icmpv6(h, NULL))
               && parse_icmp(packet, is_icmpv4(h, NULL), a)) {
        return true;
    }
    *whyp = "not a whole packet of TCP, UDP or ICMP";
    return false;
}

bool
svc_answer_is_to(const struct svc_answer *a, const struct svc_target *t,
                 const struct svc_probe *probe)
{
    const uint32_t mask = t->protocol == SVC_ICMP ? UINT16_MAX : UINT32_MAX;

    return (a->protocol == t->protocol
            && a->src_port == probe->src_port
            && (t->protocol == SVC_ICMP || a->port == t->port)
            && (!a->has_seq || !((a->seq ^ probe->seq) & mask))
            && ipv6_addr_equals(&a->ip_dst, &t->ip_dst)
            && ipv6_addr_equals(&a->ip_src, &t->ip_src));
}

/* RFC 9293, 3.10.7.1: its sequence number is what the other side expects. */
void
svc_answer_compose_reset(const struct svc_target *t,
                         const struct svc_probe *probe,
                         const struct svc_answer *a, struct dp_packet *packet)
{
    dp_packet_init(packet, 128);
    compose_tcp(t, probe, probe->seq + 1, a->their_seq + 1, TCP_RST | TCP_ACK,
                packet);
}

/* When to probe. */

void
svc_schedule_init(struct svc_schedule *s,
                  const struct svc_schedule_config *config, long long int at)
{
    *s = (struct svc_schedule) { .config = *config, .at = at };
}

bool
svc_schedule_begin(struct svc_schedule *s, long long int now)
{
    if (s->is_waiting || now < s->at) {
        return false;
    }
    s->is_waiting = true;
    s->at = now + s->config.timeout;
    return true;
}

bool
svc_schedule_is_up(const struct svc_schedule *s, long long int now)
{
    return s->is_waiting && now >= s->at;
}

static int
count(int n, int max)
{
    return n < max ? n + 1 : n;
}

void
svc_schedule_end(struct svc_schedule *s, bool success, long long int now)
{
    const struct svc_schedule_config *c = &s->config;

    s->is_waiting = false;
    s->at = now + c->interval;
    s->n_successes = success ? count(s->n_successes, c->success_count) : 0;
    s->n_failures = success ? 0 : count(s->n_failures, c->failure_count);
    if (s->n_successes >= c->success_count) {
        s->status = SVC_ONLINE;
    } else if (s->n_failures >= c->failure_count) {
        s->status = SVC_OFFLINE;
    }
}
