/* SPDX-License-Identifier: Apache-2.0 */

/* Router Advertisements; see nd-ra.h. */

#include <config.h>
#include "nd-ra.h"

#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"

#define UNIT 8

#define OPT_ROUTE_INFO 24
#define OPT_RDNSS 25
#define OPT_DNSSL 31

#define RS_LEN 8

#define MAX_LABEL 63            /* Bytes in a label, */
#define MAX_DOMAIN 255          /* and in a name (RFC 1035, 2.3.4). */
#define MAX_DNSSL 1024

static void
put_u8(struct ofpbuf *out, uint8_t value)
{
    ofpbuf_put(out, &value, sizeof value);
}

static void
put_be16(struct ofpbuf *out, uint16_t value)
{
    const ovs_be16 be = htons(value);
    ofpbuf_put(out, &be, sizeof be);
}

static void
put_be32(struct ofpbuf *out, uint32_t value)
{
    const ovs_be32 be = htonl(value);
    ofpbuf_put(out, &be, sizeof be);
}

/* Words. */

struct word {
    const char *word;
    uint8_t flags;
    uint8_t prefix_flags;
};
static const struct word address_modes[] = {
    { "slaac", 0, ND_RA_PREFIX_ON_LINK | ND_RA_PREFIX_AUTONOMOUS },
    { "dhcpv6_stateless", ND_RA_FLAG_OTHER,
      ND_RA_PREFIX_ON_LINK | ND_RA_PREFIX_AUTONOMOUS },
    { "dhcpv6_stateful", ND_RA_FLAG_MANAGED, ND_RA_PREFIX_ON_LINK },
};
static const struct word preferences[] = {
    { "MEDIUM", 0, 0 }, { "HIGH", 0x08, 0 }, { "LOW", 0x18, 0 },
};

static const struct word *
find_word(const struct word *words, size_t n, const char *s, size_t len)
{
    for (size_t i = 0; i < n; i++) {
        if (strlen(words[i].word) == len && !memcmp(words[i].word, s, len)) {
            return &words[i];
        }
    }
    return NULL;
}

bool
nd_ra_address_mode(const char *word, uint8_t *flags, uint8_t *prefix_flags)
{
    const struct word *w = find_word(address_modes, ARRAY_SIZE(address_modes),
                                     word, strlen(word));

    *flags = w ? w->flags : 0;
    *prefix_flags = w ? w->prefix_flags : 0;
    return w != NULL;
}

bool
nd_ra_preference(const char *word, size_t len, uint8_t *flags)
{
    const struct word *w = find_word(preferences, ARRAY_SIZE(preferences),
                                     word, len);

    *flags = w ? w->flags : 0;
    return w != NULL;
}

/* Options. */

void
nd_ra_put_header(struct ofpbuf *out, uint8_t flags)
{
    const struct ovs_ra_msg ra = {
        .icmph.icmp6_type = ND_ROUTER_ADVERT,
        .cur_hop_limit = UINT8_MAX,
        .mo_flags = flags,
        .router_lifetime = OVS_BE16_MAX,
    };

    ofpbuf_put(out, &ra, sizeof ra);
}

void
nd_ra_put_slla(struct ofpbuf *out, struct eth_addr mac)
{
    put_u8(out, ND_OPT_SOURCE_LINKADDR);
    put_u8(out, 1);
    ofpbuf_put(out, &mac, sizeof mac);
}

void
nd_ra_put_mtu(struct ofpbuf *out, uint32_t mtu)
{
    put_u8(out, ND_OPT_MTU);
    put_u8(out, 1);
    put_be16(out, 0);
    put_be32(out, mtu);
}

void
nd_ra_put_prefix(struct ofpbuf *out, const struct nd_ra_prefix *p)
{
    put_u8(out, ND_OPT_PREFIX_INFORMATION);
    put_u8(out, 4);
    put_u8(out, p->length);
    put_u8(out, p->flags);
    put_be32(out, p->valid);
    put_be32(out, p->preferred);
    put_be32(out, 0);
    ofpbuf_put(out, &p->prefix, sizeof p->prefix);
}

void
nd_ra_put_rdnss(struct ofpbuf *out, const struct in6_addr *server)
{
    put_u8(out, OPT_RDNSS);
    put_u8(out, 3);
    put_be16(out, 0);
    put_be32(out, ND_RA_FOREVER);
    ofpbuf_put(out, server, sizeof *server);
}

/* The name at '*p', behind which '*p' is then; its first byte and its length,
 * without spaces around it. */
static const char *
next_name(const char **p, size_t *len)
{
    const char *name = *p + strspn(*p, " ");

    *len = strcspn(name, ",");
    *p = name + *len + (name[*len] == ',');
    while (*len && name[*len - 1] == ' ') {
        --*len;
    }
    return name;
}

bool
nd_ra_dnssl_ok(const char *names)
{
    if (strlen(names) >= MAX_DNSSL) {
        return false;
    }
    while (*names) {
        size_t len;
        const char *name = next_name(&names, &len);

        if (len > MAX_DOMAIN - 2) {
            return false;       /* A length in front, a zero behind. */
        }
        for (const char *p = name; p < name + len; ) {
            const size_t label = strcspn(p, ".,");
            if (label > MAX_LABEL) {
                return false;
            }
            p += label + 1;
        }
    }
    return true;
}

/* A name as DNS has it: RFC 1035, 3.1. */
static void
put_name(struct ofpbuf *out, const char *name, size_t len)
{
    while (len) {
        const char *dot = memchr(name, '.', len);
        const size_t n = dot ? dot - name : len;

        if (n) {
            put_u8(out, n);
            ofpbuf_put(out, name, n);
        }
        name += n + (dot != NULL);
        len -= n + (dot != NULL);
    }
    put_u8(out, 0);
}

void
nd_ra_put_dnssl(struct ofpbuf *out, const char *names)
{
    const size_t start = out->size;

    put_u8(out, OPT_DNSSL);
    put_u8(out, 0);
    put_be16(out, 0);
    put_be32(out, ND_RA_FOREVER);
    while (*names) {
        size_t len;
        const char *name = next_name(&names, &len);

        if (len) {
            put_name(out, name, len);
        }
    }

    const size_t len = ROUND_UP(out->size - start, UNIT);
    ofpbuf_put_zeros(out, len - (out->size - start));
    *((uint8_t *) ofpbuf_at_assert(out, start + 1, 1)) = len / UNIT;
}

static bool
put_route(struct ofpbuf *out, const char *s, size_t len)
{
    const char *dash = memchr(s, '-', len);
    if (!dash) {
        return false;
    }
    uint8_t flags;
    nd_ra_preference(s, dash - s, &flags); /* Another word: MEDIUM. */

    char *text = xmemdup0(dash + 1, len - (dash + 1 - s));
    struct in6_addr prefix;
    unsigned int plen;
    char *error = ipv6_parse_cidr(text, &prefix, &plen);
    free(text);
    if (error) {
        free(error);
        return false;
    }

    const struct in6_addr mask = ipv6_create_mask(plen);
    prefix = ipv6_addr_bitand(&prefix, &mask);

    const size_t n_bytes = !plen ? 0 : plen <= 64 ? 8 : 16;
    put_u8(out, OPT_ROUTE_INFO);
    put_u8(out, 1 + n_bytes / UNIT);
    put_u8(out, plen);
    put_u8(out, flags);
    put_be32(out, ND_RA_FOREVER);
    ofpbuf_put(out, &prefix, n_bytes);
    return true;
}

size_t
nd_ra_put_routes(struct ofpbuf *out, const char *routes)
{
    size_t n = 0;

    while (*routes) {
        size_t len;
        const char *route = next_name(&routes, &len);

        n += put_route(out, route, len);
    }
    return n;
}

/* Solicitations. */

const char *
nd_rs_check(const uint8_t *rs, size_t size, const struct in6_addr *src)
{
    if (size < RS_LEN) {
        return "it is too short";
    }
    if (rs[0] != ND_ROUTER_SOLICIT || rs[1]) {
        return "it is no router solicitation";
    }
    for (size_t at = RS_LEN; at < size; ) {
        const size_t left = size - at;

        if (left < 2 || !rs[at + 1] || rs[at + 1] * UNIT > left) {
            return "an option's length is wrong";
        }
        if (rs[at] == ND_OPT_SOURCE_LINKADDR && !ipv6_addr_is_set(src)) {
            return "nobody has a link-layer address";
        }
        at += rs[at + 1] * UNIT;
    }
    return NULL;
}
