/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_ND_RA_H
#define OVN_ND_RA_H 1

/* Router Advertisements
 * =====================
 *
 * What a Router Advertisement consists of, from ICMPv6's type on: a header,
 * and options, which are counted in units of 8 bytes (RFC 4861, 4.2 and 4.6;
 * RFC 4191 for preferences and routes; RFC 8106 for name servers).  Logical
 * flows have them as the userdata of put_nd_ra_opts, and routers send them
 * periodically.
 *
 *     nd_ra_put_header(&ra, flags);
 *     nd_ra_put_slla(&ra, mac);
 *     nd_ra_put_prefix(&ra, &prefix);
 *     ...
 *
 * And who asks for them: nd_rs_check().
 *
 * Thread-safety: no global state. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct ofpbuf;

#define ND_RA_FOREVER UINT32_MAX

/* The flags of a prefix: on-link, and for addresses that hosts make. */
#define ND_RA_PREFIX_ON_LINK 0x80
#define ND_RA_PREFIX_AUTONOMOUS 0x40

struct nd_ra_prefix {
    struct in6_addr prefix;
    uint8_t length;             /* 0...128 */
    uint8_t flags;              /* ND_RA_PREFIX_*. */
    uint32_t valid, preferred;  /* In seconds, or ND_RA_FOREVER. */
};

/* What "slaac", "dhcpv6_stateless" or "dhcpv6_stateful" means: flags of the
 * header, and of prefixes.  False for any other word. */
bool nd_ra_address_mode(const char *word, uint8_t *flags,
                        uint8_t *prefix_flags);
/* The flags of the header for the preference in the 'len' bytes at 'word':
 * MEDIUM, HIGH or LOW.  False for anything else. */
bool nd_ra_preference(const char *word, size_t len, uint8_t *flags);

void nd_ra_put_header(struct ofpbuf *, uint8_t flags);
void nd_ra_put_slla(struct ofpbuf *, struct eth_addr);
void nd_ra_put_mtu(struct ofpbuf *, uint32_t mtu);
void nd_ra_put_prefix(struct ofpbuf *, const struct nd_ra_prefix *);
void nd_ra_put_rdnss(struct ofpbuf *, const struct in6_addr *server);
/* 'names': separated by commas, and spaces.  nd_ra_dnssl_ok() must have said
 * that they fit. */
bool nd_ra_dnssl_ok(const char *names);
void nd_ra_put_dnssl(struct ofpbuf *, const char *names);
/* 'routes': "PREFERENCE-PREFIX/LENGTH", separated by commas.  One that makes
 * no sense is left out.  Returns how many. */
size_t nd_ra_put_routes(struct ofpbuf *, const char *routes);

/* Whether the 'size' bytes at 'rs', from ICMPv6's type on, are a Router
 * Solicitation that 'src' may send (RFC 4861, 6.1.1, but for the checksum and
 * the hop limit): NULL, or what is wrong, a constant. */
const char *nd_rs_check(const uint8_t *rs, size_t size,
                        const struct in6_addr *src);

#endif /* lib/nd-ra.h */
