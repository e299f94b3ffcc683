/* SPDX-License-Identifier: Apache-2.0 */

/* IGMP and MLD messages; see mcast.h.
 *
 * The two are one protocol with different numbers: reports and queries of
 * IGMPv3 and MLDv2 have the same layout but for the size of addresses, so one
 * function reads both. */

#include <config.h>
#include "mcast.h"

#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

#include "dp-packet.h"
#include "flow.h"
#include "packet-build.h"
#include "packets.h"
#include "util.h"

/* Message types. */
enum igmp_message {
    IGMP_QUERY = 0x11,
    IGMP_V1_REPORT = 0x12,
    IGMP_V2_REPORT = 0x16,
    IGMP_V2_LEAVE = 0x17,
    IGMP_V3_REPORT = 0x22,
};
enum mld_message {
    MLD_TYPE_QUERY = 130,
    MLD_V1_REPORT = 131,
    MLD_V1_DONE = 132,
    MLD_V2_REPORT = 143,
};

/* Record types of IGMPv3 and MLDv2: RFC 3376, 4.2.12. */
enum record_type {
    MODE_IS_INCLUDE = 1,
    MODE_IS_EXCLUDE,
    CHANGE_TO_INCLUDE,
    CHANGE_TO_EXCLUDE,
    ALLOW_NEW_SOURCES,
    BLOCK_OLD_SOURCES,
};

/* Sizes of what is always there. */
#define IGMP_SIZE 8             /* All of IGMPv1 and v2, and the beginning of
                                 * a report of v3. */
#define IGMP_V3_QUERY_SIZE 12
#define MLD_SIZE 24
#define MLD_V2_QUERY_SIZE 28
#define MLD_V2_REPORT_SIZE 8

/* How many queries may be lost: RFC 3376, 8.1. */
#define ROBUSTNESS 2

static const char *const protocol_names[MCAST_N_PROTOCOLS] = {
    [MCAST_IGMPV1] = "IGMPv1",
    [MCAST_IGMPV2] = "IGMPv2",
    [MCAST_IGMPV3] = "IGMPv3",
    [MCAST_MLDV1] = "MLDv1",
    [MCAST_MLDV2] = "MLDv2",
};

const char *
mcast_protocol_name(enum mcast_protocol protocol)
{
    return protocol_names[protocol];
}

enum mcast_protocol
mcast_protocol_from_name(const char *name)
{
    enum mcast_protocol p = 0;

    while (p < MCAST_N_PROTOCOLS && strcmp(protocol_names[p], name)) {
        p++;
    }
    return p;
}

static enum mcast_kind
bad(struct mcast_message *m, enum mcast_kind kind, const char *why)
{
    m->why = why;
    return kind;
}

static bool
is_ipv4(const struct mcast_message *m)
{
    return m->protocol <= MCAST_IGMPV3;
}

static struct in6_addr
read_address(const uint8_t *p, bool v4)
{
    struct in6_addr address;

    if (v4) {
        ovs_be32 ip4;

        memcpy(&ip4, p, sizeof ip4);
        return in6_addr_mapped_ipv4(ip4);
    }
    memcpy(&address, p, sizeof address);
    return address;
}

static bool
is_group(const struct in6_addr *address)
{
    return (IN6_IS_ADDR_V4MAPPED(address)
            ? ip_is_multicast(in6_addr_get_mapped_ipv4(address))
            : address->s6_addr[0] == 0xff);
}

/* Reports. */

struct record {
    uint8_t type;
    uint16_t n_sources;
    struct in6_addr group;
};

/* Reads a record of IGMPv3 or MLDv2.  Returns false if it is not all there. */
static bool
read_record(struct wire_reader *r, bool v4, struct record *record)
{
    const size_t address_size = v4 ? 4 : 16;
    const uint8_t *p = wire_take(r, 4 + address_size);

    if (!p) {
        return false;
    }
    record->type = p[0];
    record->n_sources = wire_u16(&p[2]);
    record->group = read_address(&p[4], v4);
    /* Behind the sources: auxiliary data, p[1] words of 32 bits. */
    return wire_take(r, record->n_sources * address_size + p[1] * 4) != NULL;
}

/* What a record says about the group as a whole. */
enum record_meaning {
    NOTHING,
    JOINS,
    LEAVES,
};

static enum record_meaning
meaning_of(const struct record *r)
{
    switch ((enum record_type) r->type) {
    case MODE_IS_INCLUDE:
    case CHANGE_TO_INCLUDE:
        /* From nobody: that is to leave. */
        return r->n_sources ? JOINS : LEAVES;
    case MODE_IS_EXCLUDE:
    case CHANGE_TO_EXCLUDE:
        return JOINS;
    case ALLOW_NEW_SOURCES:
        return r->n_sources ? JOINS : NOTHING;
    case BLOCK_OLD_SOURCES:
        /* Somebody who listened to others, too, still does; somebody who did
         * not listens to no more than before. */
        return NOTHING;
    }
    return NOTHING;             /* RFC 3376, 4.2.12: ignored. */
}

/* All records of 'm' are there, and make sense. */
static enum mcast_kind
check_records(struct mcast_message *m)
{
    struct wire_reader r = m->records;

    for (int i = 0; i < m->n_records; i++) {
        struct record record;

        if (!read_record(&r, is_ipv4(m), &record)) {
            return bad(m, MCAST_BAD_LENGTH, "a record is not all there");
        }
        if (meaning_of(&record) != NOTHING && !is_group(&record.group)) {
            return bad(m, MCAST_BAD_CONTENT,
                       "a record is not about a multicast address");
        }
    }
    return MCAST_REPORT;
}

static enum mcast_kind
parse_records(const uint8_t *l4, size_t size, enum mcast_protocol protocol,
              struct mcast_message *m)
{
    m->protocol = protocol;
    m->n_records = wire_u16(&l4[6]);
    m->records = (struct wire_reader) { .data = l4, .size = size, .at = 8 };
    return check_records(m);
}

/* A report about the one group at 'address'. */
static enum mcast_kind
parse_single(const uint8_t *address, enum mcast_protocol protocol, bool joins,
             struct mcast_message *m)
{
    m->protocol = protocol;
    m->joins = joins;
    m->group = read_address(address, is_ipv4(m));
    return (is_group(&m->group) ? MCAST_REPORT
            : bad(m, MCAST_BAD_CONTENT, "not about a multicast address"));
}

bool
mcast_next(struct mcast_message *m, struct in6_addr *group, bool *joins)
{
    if (!m->records.data) {
        *group = m->group;
        *joins = m->joins;
        return m->n_records++ == 0;
    }
    while (m->n_records) {
        struct record record;

        m->n_records--;
        if (!read_record(&m->records, is_ipv4(m), &record)) {
            break;              /* Not after check_records(). */
        }
        const enum record_meaning meaning = meaning_of(&record);
        if (meaning != NOTHING) {
            *group = record.group;
            *joins = meaning == JOINS;
            return true;
        }
    }
    return false;
}

/* Queries. */

/* The group that is asked about, at 'address', is one, or none. */
static enum mcast_kind
check_query(const uint8_t *address, struct mcast_message *m)
{
    const struct in6_addr group = read_address(address, is_ipv4(m));
    const bool is_general = (is_ipv4(m)
                             ? !in6_addr_get_mapped_ipv4(&group)
                             : !ipv6_addr_is_set(&group));

    return (is_general || is_group(&group) ? MCAST_QUERY
            : bad(m, MCAST_BAD_CONTENT, "not about a multicast address"));
}

/* RFC 3376, 7.1: versions differ by their length. */
static enum mcast_kind
parse_igmp_query(const uint8_t *l4, size_t size, const struct flow *headers,
                 struct mcast_message *m)
{
    if (size > IGMP_SIZE && size < IGMP_V3_QUERY_SIZE) {
        return bad(m, MCAST_BAD_LENGTH, "an IGMP query of no version");
    }
    m->protocol = (size >= IGMP_V3_QUERY_SIZE ? MCAST_IGMPV3
                   : l4[1] ? MCAST_IGMPV2 : MCAST_IGMPV1);
    m->from_router = headers->nw_src != 0;
    return check_query(&l4[4], m);
}

/* RFC 3810, 8.1. */
static enum mcast_kind
parse_mld_query(const uint8_t *l4, size_t size, const struct flow *headers,
                struct mcast_message *m)
{
    if (size > MLD_SIZE && size < MLD_V2_QUERY_SIZE) {
        return bad(m, MCAST_BAD_LENGTH, "an MLD query of no version");
    }
    if (!in6_is_lla(CONST_CAST(struct in6_addr *, &headers->ipv6_src))) {
        return bad(m, MCAST_BAD_CONTENT,
                   "an MLD query not of a link-local address");
    }
    m->protocol = size == MLD_SIZE ? MCAST_MLDV1 : MCAST_MLDV2;
    m->from_router = true;
    return check_query(&l4[8], m);
}

/* Messages. */

static enum mcast_kind
parse_igmp(const uint8_t *l4, size_t size, const struct flow *headers,
           struct mcast_message *m)
{
    if (size < IGMP_SIZE) {
        return bad(m, MCAST_BAD_LENGTH, "too short for IGMP");
    }
    switch ((enum igmp_message) l4[0]) {
    case IGMP_QUERY:
        return parse_igmp_query(l4, size, headers, m);
    case IGMP_V1_REPORT:
        return parse_single(&l4[4], MCAST_IGMPV1, true, m);
    case IGMP_V2_REPORT:
        return parse_single(&l4[4], MCAST_IGMPV2, true, m);
    case IGMP_V2_LEAVE:
        return parse_single(&l4[4], MCAST_IGMPV2, false, m);
    case IGMP_V3_REPORT:
        return parse_records(l4, size, MCAST_IGMPV3, m);
    }
    return MCAST_OTHER;
}

/* Whether the IPv6 packet has a hop-by-hop header with a router alert for MLD
 * (RFC 2711). */
static bool
has_router_alert(const struct dp_packet *packet)
{
    const uint8_t *l3 = dp_packet_l3(packet);
    struct wire_reader r = {
        .data = l3, .at = IPV6_HEADER_LEN,
        .size = (const uint8_t *) dp_packet_l4(packet) - l3,
    };
    const struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(packet);
    const uint8_t *start = (ip6->ip6_nxt == IPPROTO_HOPOPTS
                            ? wire_take(&r, 2) : NULL);

    /* Nothing but MLD behind it: there the checksum has been looked at. */
    if (!start || start[0] != IPPROTO_ICMPV6) {
        return false;
    }
    r.size = MIN(r.size, r.at + 6 + start[1] * 8);
    while (wire_left(&r)) {
        const uint8_t *type = wire_take(&r, 1);
        const uint8_t *size = *type ? wire_take(&r, 1) : NULL;
        const uint8_t *value = size ? wire_take(&r, *size) : NULL;

        if (*type && !value) {
            break;
        }
        if (*type == 5 && *size == 2 && !wire_u16(value)) {
            return true;
        }
    }
    return false;
}

/* RFC 3810, 6.2 and 7.4, and RFC 2710, 3.  An address that a host has not made
 * sure of yet is unspecified in its reports, which are for switches (RFC 3590;
 * RFC 3810, 5.2.13). */
static enum mcast_kind
check_mld_headers(const struct dp_packet *packet, const struct flow *headers,
                  struct mcast_message *m)
{
    if (headers->nw_ttl != 1 || !has_router_alert(packet)) {
        return bad(m, MCAST_BAD_CONTENT,
                   "MLD without hop limit 1 and router alert");
    }
    if (ipv6_addr_is_set(&headers->ipv6_src)
        && !in6_is_lla(CONST_CAST(struct in6_addr *, &headers->ipv6_src))) {
        return bad(m, MCAST_BAD_CONTENT,
                   "MLD not of a link-local address");
    }
    return MCAST_REPORT;
}

static enum mcast_kind
parse_mld(const uint8_t *l4, size_t size, const struct dp_packet *packet,
          const struct flow *headers, struct mcast_message *m)
{
    const uint8_t type = l4[0];
    const bool is_v2_report = type == MLD_V2_REPORT;

    if (type != MLD_TYPE_QUERY && type != MLD_V1_REPORT && type != MLD_V1_DONE
        && !is_v2_report) {
        return bad(m, MCAST_BAD_PROTOCOL, "neither IGMP nor MLD");
    }
    if (size < (is_v2_report ? MLD_V2_REPORT_SIZE : MLD_SIZE)) {
        return bad(m, MCAST_BAD_LENGTH, "too short for MLD");
    }
    const enum mcast_kind kind = check_mld_headers(packet, headers, m);
    return (kind != MCAST_REPORT ? kind
            : type == MLD_TYPE_QUERY ? parse_mld_query(l4, size, headers, m)
            : is_v2_report ? parse_records(l4, size, MCAST_MLDV2, m)
            : parse_single(&l4[8], MCAST_MLDV1, type == MLD_V1_REPORT, m));
}

enum mcast_kind
mcast_parse(const struct dp_packet *packet, const struct flow *headers,
            struct mcast_message *m)
{
    const uint8_t *l4 = dp_packet_l4(packet);
    const size_t size = l4 ? dp_packet_l4_size(packet) : 0;
    const bool is_igmp = (headers->dl_type == htons(ETH_TYPE_IP)
                          && headers->nw_proto == IPPROTO_IGMP);

    memset(m, 0, sizeof *m);
    if (!is_igmp && !(headers->dl_type == htons(ETH_TYPE_IPV6)
                      && headers->nw_proto == IPPROTO_ICMPV6)) {
        return bad(m, MCAST_BAD_PROTOCOL, "neither IGMP nor MLD");
    }
    if (!size || headers->nw_frag & FLOW_NW_FRAG_ANY) {
        return bad(m, MCAST_BAD_LENGTH, "not a whole packet");
    }
    if (size >= 4 && !packet_l4_csum_ok(packet)) {
        return bad(m, MCAST_BAD_CHECKSUM, "the checksum is wrong");
    }
    return (is_igmp ? parse_igmp(l4, size, headers, m)
            : parse_mld(l4, size, packet, headers, m));
}

/* Making queries. */

/* A number as a code that has 'bits' bits: as it is up to half of them, above
 * as a floating-point number (RFC 3376, 4.1.1; RFC 3810, 5.1.3). */
static uint16_t
encode(uint32_t value, int bits)
{
    const int mant_bits = bits - 4;
    const uint32_t limit = UINT32_C(1) << (bits - 1);
    const uint32_t max = ((UINT32_C(2) << mant_bits) - 1) << 10;
    int exp = 0;

    if (value < limit) {
        return value;
    }
    for (value = MIN(value, max) >> 3; value >= UINT32_C(2) << mant_bits;
         value >>= 1) {
        exp++;
    }
    return limit | exp << mant_bits | (value & ((1 << mant_bits) - 1));
}

/* What queries of both protocols end in: flags, interval, no sources. */
static void
put_query_tail(uint8_t *p, const struct mcast_querier *q)
{
    p[0] = ROBUSTNESS;
    p[1] = encode(q->interval, 8);
}

static void
put_igmp_query(struct dp_packet *packet, const struct mcast_querier *q)
{
    const struct packet_place place = {
        .eth_src = q->eth_src,
        .eth_dst = ETH_ADDR_C(01,00,5e,00,00,01),
        .ip_src = q->ip_src,
        .ip_dst = in6_addr_mapped_ipv4(htonl(0xe0000001)),
        .ttl = 1,
        .tos = IPTOS_PREC_INTERNETCONTROL,
        .dont_fragment = true,
    };

    packet_start_ip(packet, &place, IPPROTO_IGMP, 0);
    uint8_t *p = packet_put_ipv4_router_alert(packet, IGMP_V3_QUERY_SIZE);
    p[0] = IGMP_QUERY;
    p[1] = encode(q->max_response * 10, 8);
    put_query_tail(&p[8], q);
}

static void
put_mld_query(struct dp_packet *packet, const struct mcast_querier *q)
{
    struct packet_place place = {
        .eth_src = q->eth_src,
        .ip_src = q->ip_src,
        .ip_dst = in6addr_all_hosts,
        .ttl = 1,
    };
    const uint16_t code = encode(q->max_response * 1000, 16);

    ipv6_multicast_to_ethernet(&place.eth_dst, &place.ip_dst);
    packet_start_ip(packet, &place, IPPROTO_HOPOPTS, 0);
    uint8_t *p = packet_put_ipv6_router_alert(packet, IPPROTO_ICMPV6,
                                              MLD_V2_QUERY_SIZE);
    p[0] = MLD_TYPE_QUERY;
    p[4] = code >> 8;
    p[5] = code & 0xff;
    put_query_tail(&p[24], q);
}

void
mcast_put_query(struct dp_packet *packet, const struct mcast_querier *q)
{
    if (IN6_IS_ADDR_V4MAPPED(&q->ip_src)) {
        put_igmp_query(packet, q);
    } else {
        put_mld_query(packet, q);
    }
    packet_finish(packet);
}
