/* SPDX-License-Identifier: Apache-2.0 */

/* Port security; see port-sec.h.
 *
 * Each element of port_security is an Ethernet address, optionally with IP
 * addresses that go with it.  What is said here about an address "with host
 * bits" means: of 10.0.0.11/24, the address 10.0.0.11 is meant; of
 * 10.0.0.0/24, all of them.
 *
 * An element of a virtual router, "VRRPv3 ...", begins with the Ethernet
 * address of the machine, which sends ARP and neighbor discovery about the
 * virtual router's, those of IPv4 and of IPv6.  Any other element is about one
 * that is all of these. */

#include <config.h>
#include "port-sec.h"

#include <netinet/icmp6.h>

#include "flow.h"
#include "packets.h"
#include "util.h"

/* The elements. */

struct ps_ip4 { ovs_be32 addr, mask; };
struct ps_ip6 { struct in6_addr addr, mask; };

/* An Ethernet address that packets have, those of which IP version. */
struct ps_mac {
    struct eth_addr addr, mask;
    bool is_ip4, is_ip6;
};

struct ps_element {
    bool is_only;               /* Has the port no other? */
    bool narrow_nd;             /* As for port_sec_for_each_rule(). */
    bool is_vrrp;
    struct eth_addr mac;        /* Of ARP and neighbor discovery. */
    struct in6_addr lla;        /* Link-local address that follows from it. */
    struct ps_mac *macs; size_t n_macs;
    struct ps_ip4 *ip4s; size_t n_ip4s;
    struct ps_ip6 *ip6s; size_t n_ip6s;
};

static void
ps_element_destroy(struct ps_element *pse)
{
    free(pse->macs);
    free(pse->ip4s);
    free(pse->ip6s);
}

static void
add_mac(struct ps_element *pse, struct eth_addr addr, struct eth_addr mask,
        bool is_ip4, bool is_ip6)
{
    pse->macs = xrealloc(pse->macs, (pse->n_macs + 1) * sizeof *pse->macs);
    pse->macs[pse->n_macs++] = (struct ps_mac) {
        .addr = addr, .mask = mask, .is_ip4 = is_ip4, .is_ip6 = is_ip6,
    };
}

static bool
add_ip(const char *s, struct ps_element *pse)
{
    struct ps_ip4 ip4;
    struct ps_ip6 ip6;
    char *error = ip_parse_masked(s, &ip4.addr, &ip4.mask);

    if (!error) {
        pse->ip4s = xrealloc(pse->ip4s,
                             (pse->n_ip4s + 1) * sizeof *pse->ip4s);
        pse->ip4s[pse->n_ip4s++] = ip4;
        return true;
    }
    free(error);

    error = ipv6_parse_masked(s, &ip6.addr, &ip6.mask);
    if (!error) {
        pse->ip6s = xrealloc(pse->ip6s,
                             (pse->n_ip6s + 1) * sizeof *pse->ip6s);
        pse->ip6s[pse->n_ip6s++] = ip6;
        return true;
    }
    free(error);
    return false;
}

/* What may be between addresses, as ovn-nb(5) has it. */
#define PS_SEPARATORS " ,\t"

/* Virtual routers. */

#define VRRP_KEYWORD "VRRPv3"
#define VRRP_PREFIX_LEN 40
/* Of the virtual routers' addresses (RFC 9568, 7.3). */
static const struct eth_addr vrrp_ip4 = ETH_ADDR_C(00,00,5e,00,01,00);
static const struct eth_addr vrrp_ip6 = ETH_ADDR_C(00,00,5e,00,02,00);

static struct eth_addr
eth_prefix(unsigned int len)
{
    struct eth_addr mask;

    eth_addr_from_uint64(len ? UINT64_MAX << (48 - len) : 0, &mask);
    return mask;
}

/* Adds 's', which is a virtual router's Ethernet address or a range of them:
 * ADDRESS or ADDRESS/PREFIX-LENGTH.  Returns false if it is none. */
static bool
add_vrrp_mac(const char *s, struct ps_element *pse)
{
    const struct eth_addr vrrp_mask = eth_prefix(VRRP_PREFIX_LEN);
    struct eth_addr addr;
    unsigned int len = 48;
    int n = 0;

    if (!ovs_scan_len(s, &n, ETH_ADDR_SCAN_FMT, ETH_ADDR_SCAN_ARGS(addr))
        || (s[n] && (s[n] != '/' || !str_to_uint(s + n + 1, 10, &len)))
        || len < VRRP_PREFIX_LEN || len > 48) {
        return false;
    }

    struct eth_addr mask = eth_prefix(len);
    bool is_ip4 = eth_addr_equal_except(addr, vrrp_ip4, vrrp_mask);
    bool is_ip6 = eth_addr_equal_except(addr, vrrp_ip6, vrrp_mask);

    if (eth_addr_to_uint64(addr) & ~eth_addr_to_uint64(mask)
        || (!is_ip4 && !is_ip6)) {
        return false;
    }
    add_mac(pse, addr, mask, is_ip4, is_ip6);
    return true;
}

/* What may be between addresses, as ovn-nb(5) has it. */
#define PS_SEPARATORS " ,\t"

/* Parses 's' into '*pse'.  Returns false if it does not begin with an Ethernet
 * address.  Otherwise, whatever follows counts up to the first word that is no
 * address, if any, which is stored in '*bad' (the caller frees it). */
static bool
ps_element_parse(const char *s, struct ps_element *pse, char **bad)
{
    int n = 0;

    *bad = NULL;
    memset(pse, 0, sizeof *pse);
    s += strspn(s, PS_SEPARATORS);
    if (!strncmp(s, VRRP_KEYWORD, strlen(VRRP_KEYWORD))) {
        pse->is_vrrp = true;
        s += strlen(VRRP_KEYWORD);
        s += strspn(s, PS_SEPARATORS);
    }
    if (!ovs_scan_len(s, &n, ETH_ADDR_SCAN_FMT,
                      ETH_ADDR_SCAN_ARGS(pse->mac))) {
        return false;
    }
    in6_generate_lla(pse->mac, &pse->lla);

    char *copy = xstrdup(s + n);
    char *save_ptr = NULL;
    for (char *word = strtok_r(copy, PS_SEPARATORS, &save_ptr); word;
         word = strtok_r(NULL, PS_SEPARATORS, &save_ptr)) {
        if (!(pse->is_vrrp && add_vrrp_mac(word, pse)) && !add_ip(word, pse)) {
            *bad = xstrdup(word);
            break;
        }
    }
    free(copy);

    if (!pse->is_vrrp) {
        add_mac(pse, pse->mac, eth_addr_exact, true, true);
    } else if (!pse->n_macs) {
        add_mac(pse, vrrp_ip4, eth_prefix(VRRP_PREFIX_LEN), true, false);
        add_mac(pse, vrrp_ip6, eth_prefix(VRRP_PREFIX_LEN), false, true);
    }
    return true;
}

static bool
ps_element_has_ips(const struct ps_element *pse)
{
    return pse->n_ip4s || pse->n_ip6s;
}

/* Rules. */

/* Where the rules go to. */
struct ps_sink {
    port_sec_rule_func *add;
    void *aux;
};

static void
put(const struct ps_sink *sink, enum port_sec_table table, uint16_t priority,
    const struct match *match, enum port_sec_verdict verdict)
{
    const struct port_sec_rule rule = {
        .table = table,
        .verdict = verdict,
        .priority = priority,
        .match = *match,
    };

    sink->add(&rule, sink->aux);
}

static bool
ip4_has_host_bits(const struct ps_ip4 *ip)
{
    return ip->mask == OVS_BE32_MAX || ip->addr & ~ip->mask;
}

/* The mask with which 'ip' is to be matched. */
static ovs_be32
ip4_mask(const struct ps_ip4 *ip)
{
    return ip4_has_host_bits(ip) ? OVS_BE32_MAX : ip->mask;
}

/* What is meant by 'ip', and what is to be matched. */
static struct ps_ip6
ip6_meant(const struct ps_ip6 *ip)
{
    struct in6_addr masked = ipv6_addr_bitand(&ip->addr, &ip->mask);
    bool is_range = ipv6_addr_equals(&masked, &ip->addr);

    return (struct ps_ip6) { ip->addr, is_range ? ip->mask : in6addr_exact };
}

/* The link-local addresses that follow from 'mac'. */
static struct ps_ip6
mac_lla(const struct ps_mac *mac)
{
    int n_free = 48 - count_1bits(eth_addr_to_uint64(mac->mask));
    struct ps_ip6 lla = { .mask = ipv6_create_mask(128 - n_free) };

    in6_generate_lla(mac->addr, &lla.addr);
    return lla;
}

/* Neighbor discovery with another hop limit is ignored by all receivers
 * (RFC 4861). */
#define ND_TTL 255

static void
match_icmp6(struct match *match, uint8_t type, uint8_t code)
{
    match_set_dl_type(match, htons(ETH_TYPE_IPV6));
    match_set_nw_proto(match, IPPROTO_ICMPV6);
    match_set_icmp_type(match, type);
    match_set_icmp_code(match, code);
}

/* PORT_SEC_IN. */

static void
match_in(struct match *match, const struct ps_mac *mac)
{
    match_init_catchall(match);
    match_set_dl_src_masked(match, mac->addr, mac->mask);
}

static void
put_in_default(const struct ps_sink *sink)
{
    struct match match;

    match_init_catchall(&match);
    put(sink, PORT_SEC_IN, 80, &match, PORT_SEC_DENY);

    match_set_dl_type(&match, htons(ETH_TYPE_ARP));
    put(sink, PORT_SEC_IN, 95, &match, PORT_SEC_ASK_ND);
}

static void
put_in_ip4(const struct ps_sink *sink, const struct ps_element *pse,
           const struct ps_mac *mac)
{
    struct match match;

    if (!pse->n_ip4s || !mac->is_ip4) {
        return;
    }
    for (size_t i = 0; i < pse->n_ip4s; i++) {
        const struct ps_ip4 *ip = &pse->ip4s[i];

        match_in(&match, mac);
        match_set_dl_type(&match, htons(ETH_TYPE_IP));
        match_set_nw_src_masked(&match, ip->addr, ip4_mask(ip));
        put(sink, PORT_SEC_IN, 90, &match, PORT_SEC_ALLOW);
    }

    /* A DHCP client that has no address yet. */
    match_in(&match, mac);
    match_set_dl_type(&match, htons(ETH_TYPE_IP));
    match_set_nw_proto(&match, IPPROTO_UDP);
    match_set_nw_src(&match, 0);
    match_set_nw_dst(&match, OVS_BE32_MAX);
    match_set_tp_src(&match, htons(68));
    match_set_tp_dst(&match, htons(67));
    put(sink, PORT_SEC_IN, 90, &match, PORT_SEC_ALLOW);
}

static void
put_in_ip6_src(const struct ps_sink *sink, const struct ps_mac *mac,
               const struct ps_ip6 *ip)
{
    struct match match;

    match_in(&match, mac);
    match_set_dl_type(&match, htons(ETH_TYPE_IPV6));
    match_set_ipv6_src_masked(&match, &ip->addr, &ip->mask);
    put(sink, PORT_SEC_IN, 90, &match, PORT_SEC_ASK_ND);
}

/* A host that has no IPv6 address yet: it joins groups and checks that its
 * address is its own. */
static void
put_in_unspecified(const struct ps_sink *sink, const struct ps_mac *mac,
                   uint8_t icmp6_type, enum port_sec_verdict verdict)
{
    struct in6_addr dst = { .s6_addr = { 0xff, 0x02 } };
    struct in6_addr dst_mask = { .s6_addr = { 0xff, 0xff } };
    struct match match;

    match_in(&match, mac);
    match_icmp6(&match, icmp6_type, 0);
    match_set_ipv6_src(&match, &in6addr_any);
    match_set_ipv6_dst_masked(&match, &dst, &dst_mask);
    put(sink, PORT_SEC_IN, 90, &match, verdict);
}

static void
put_in_ip6(const struct ps_sink *sink, const struct ps_element *pse,
           const struct ps_mac *mac)
{
    if (!pse->n_ip6s || !mac->is_ip6) {
        return;
    }

    struct ps_ip6 lla = mac_lla(mac);
    put_in_ip6_src(sink, mac, &lla);
    for (size_t i = 0; i < pse->n_ip6s; i++) {
        struct ps_ip6 ip = ip6_meant(&pse->ip6s[i]);
        put_in_ip6_src(sink, mac, &ip);
    }
    put_in_unspecified(sink, mac, MLD_REPORT, PORT_SEC_ALLOW);
    put_in_unspecified(sink, mac, MLD2_REPORT, PORT_SEC_ALLOW);
    put_in_unspecified(sink, mac, ND_NEIGHBOR_SOLICIT, PORT_SEC_ASK_ND);
}

/* "RARP is not restricted": machines announce with it that they have moved. */
static void
put_in_rarp(const struct ps_sink *sink, const struct ps_mac *mac)
{
    struct match match;

    match_in(&match, mac);
    match_set_dl_type(&match, htons(ETH_TYPE_RARP));
    put(sink, PORT_SEC_IN, 90, &match, PORT_SEC_ALLOW);
}

/* A virtual router's neighbor discovery comes from the machine. */
static void
put_in_vrrp_nd(const struct ps_sink *sink, const struct ps_element *pse,
               uint8_t icmp6_type)
{
    struct match match;

    match_init_catchall(&match);
    match_set_dl_src(&match, pse->mac);
    match_icmp6(&match, icmp6_type, 0);
    match_set_nw_ttl(&match, ND_TTL);
    put(sink, PORT_SEC_IN, 90, &match, PORT_SEC_ASK_ND);
}

static void
put_in(const struct ps_sink *sink, const struct ps_element *pse)
{
    bool has_ip6 = false;

    for (size_t i = 0; i < pse->n_macs; i++) {
        const struct ps_mac *mac = &pse->macs[i];

        if (!ps_element_has_ips(pse)) {
            struct match match;

            match_in(&match, mac);
            put(sink, PORT_SEC_IN, 90, &match, PORT_SEC_ASK_ND);
        } else {
            put_in_rarp(sink, mac);
        }
        put_in_ip4(sink, pse, mac);
        put_in_ip6(sink, pse, mac);
        has_ip6 |= mac->is_ip6;
    }
    if (pse->is_vrrp && has_ip6) {
        put_in_vrrp_nd(sink, pse, ND_NEIGHBOR_SOLICIT);
        put_in_vrrp_nd(sink, pse, ND_NEIGHBOR_ADVERT);
    }
}

/* PORT_SEC_ND. */

static void
put_nd_default(const struct ps_sink *sink)
{
    struct match match;

    match_init_catchall(&match);
    match_set_dl_type(&match, htons(ETH_TYPE_ARP));
    put(sink, PORT_SEC_ND, 80, &match, PORT_SEC_DENY);

    match_init_catchall(&match);
    match_set_dl_type(&match, htons(ETH_TYPE_IPV6));
    match_set_nw_proto(&match, IPPROTO_ICMPV6);
    match_set_nw_ttl(&match, ND_TTL);
    match_set_icmp_type(&match, ND_NEIGHBOR_SOLICIT);
    put(sink, PORT_SEC_ND, 80, &match, PORT_SEC_DENY);
    match_set_icmp_type(&match, ND_NEIGHBOR_ADVERT);
    put(sink, PORT_SEC_ND, 80, &match, PORT_SEC_DENY);
}

/* Initializes 'match' for what 'pse' sends. */
static void
match_sender(struct match *match, const struct ps_element *pse)
{
    match_init_catchall(match);
    match_set_dl_src(match, pse->mac);
}

static void
put_arp(const struct ps_sink *sink, const struct ps_element *pse,
        const struct ps_mac *mac)
{
    struct match match;

    match_sender(&match, pse);
    match_set_dl_type(&match, htons(ETH_TYPE_ARP));
    match_set_arp_sha_masked(&match, mac->addr, mac->mask);
    if (!ps_element_has_ips(pse)) {
        put(sink, PORT_SEC_ND, 90, &match, PORT_SEC_ALLOW);
    }
    for (size_t i = 0; i < pse->n_ip4s; i++) {
        const struct ps_ip4 *ip = &pse->ip4s[i];

        match_set_nw_src_masked(&match, ip->addr, ip4_mask(ip));
        put(sink, PORT_SEC_ND, 90, &match, PORT_SEC_ALLOW);
    }
}

/* Initializes 'match' for neighbor discovery of 'type'.  A port's only
 * element need not be told from others: PORT_SEC_IN has checked the packet's
 * Ethernet source. */
static void
match_nd(struct match *match, const struct ps_element *pse, uint8_t type)
{
    if (pse->is_only && !pse->narrow_nd) {
        match_init_catchall(match);
    } else {
        match_sender(match, pse);
    }
    match_icmp6(match, type, 0);
    match_set_nw_ttl(match, ND_TTL);
}

static void
put_solicit(const struct ps_sink *sink, const struct ps_element *pse)
{
    struct match match;

    match_nd(&match, pse, ND_NEIGHBOR_SOLICIT);
    match_set_arp_sha(&match, eth_addr_zero); /* nd_sll */
    put(sink, PORT_SEC_ND, 90, &match, PORT_SEC_ALLOW);
    for (size_t i = 0; i < pse->n_macs; i++) {
        const struct ps_mac *mac = &pse->macs[i];

        if (mac->is_ip6) {
            match_set_arp_sha_masked(&match, mac->addr, mac->mask);
            put(sink, PORT_SEC_ND, 90, &match, PORT_SEC_ALLOW);
        }
    }
}

/* Allows what 'match' says of an advertisement, without a target's link-layer
 * address or with the right one. */
static void
put_advert_tll(const struct ps_sink *sink, const struct ps_element *pse,
               struct match *match)
{
    match_set_arp_tha(match, eth_addr_zero); /* nd_tll */
    put(sink, PORT_SEC_ND, 90, match, PORT_SEC_ALLOW);
    for (size_t i = 0; i < pse->n_macs; i++) {
        const struct ps_mac *mac = &pse->macs[i];

        if (mac->is_ip6) {
            match_set_arp_tha_masked(match, mac->addr, mac->mask);
            put(sink, PORT_SEC_ND, 90, match, PORT_SEC_ALLOW);
        }
    }
}

static void
put_advert(const struct ps_sink *sink, const struct ps_element *pse)
{
    struct match match;

    match_nd(&match, pse, ND_NEIGHBOR_ADVERT);
    if (pse->n_ip6s) {
        match_set_nd_target(&match, &pse->lla);
    }
    put_advert_tll(sink, pse, &match);

    for (size_t i = 0; i < pse->n_ip6s; i++) {
        struct ps_ip6 ip = ip6_meant(&pse->ip6s[i]);

        match_sender(&match, pse);
        match_icmp6(&match, ND_NEIGHBOR_ADVERT, 0);
        if (pse->narrow_nd) {
            match_set_nw_ttl(&match, ND_TTL);
        }
        match_set_nd_target_masked(&match, &ip.addr, &ip.mask);
        put_advert_tll(sink, pse, &match);
    }
}

/* PORT_SEC_OUT. */

static void
match_out(struct match *match, const struct ps_mac *mac)
{
    match_init_catchall(match);
    match_set_dl_dst_masked(match, mac->addr, mac->mask);
}

static void
put_out_default(const struct ps_sink *sink)
{
    struct match match;

    match_init_catchall(&match);
    put(sink, PORT_SEC_OUT, 80, &match, PORT_SEC_DENY);
}

static void
put_out_ip4_dst(const struct ps_sink *sink, const struct ps_mac *mac,
                ovs_be32 addr, ovs_be32 mask)
{
    struct match match;

    match_out(&match, mac);
    match_set_dl_type(&match, htons(ETH_TYPE_IP));
    match_set_nw_dst_masked(&match, addr, mask);
    put(sink, PORT_SEC_OUT, 95, &match, PORT_SEC_ALLOW);
}

static void
put_out_ip4(const struct ps_sink *sink, const struct ps_element *pse,
            const struct ps_mac *mac)
{
    if (!pse->n_ip4s || !mac->is_ip4) {
        return;
    }
    for (size_t i = 0; i < pse->n_ip4s; i++) {
        const struct ps_ip4 *ip = &pse->ip4s[i];

        put_out_ip4_dst(sink, mac, ip->addr, ip4_mask(ip));
        if (ip4_has_host_bits(ip) && ip->mask != OVS_BE32_MAX) {
            /* The subnet's broadcasts. */
            put_out_ip4_dst(sink, mac, ip->addr | ~ip->mask, OVS_BE32_MAX);
        }
    }
    put_out_ip4_dst(sink, mac, OVS_BE32_MAX, OVS_BE32_MAX);
    put_out_ip4_dst(sink, mac, htonl(0xe0000000), htonl(0xf0000000));
}

static void
put_out_ip6_dst(const struct ps_sink *sink, const struct ps_mac *mac,
                const struct ps_ip6 *ip)
{
    struct match match;

    match_out(&match, mac);
    match_set_dl_type(&match, htons(ETH_TYPE_IPV6));
    match_set_ipv6_dst_masked(&match, &ip->addr, &ip->mask);
    put(sink, PORT_SEC_OUT, 95, &match, PORT_SEC_ALLOW);
}

static void
put_out_ip6(const struct ps_sink *sink, const struct ps_element *pse,
            const struct ps_mac *mac)
{
    const struct ps_ip6 multicast = {
        .addr = { .s6_addr = { 0xff } },
        .mask = { .s6_addr = { 0xff } },
    };

    if (!pse->n_ip6s || !mac->is_ip6) {
        return;
    }

    struct ps_ip6 lla = mac_lla(mac);
    put_out_ip6_dst(sink, mac, &lla);
    put_out_ip6_dst(sink, mac, &multicast);
    for (size_t i = 0; i < pse->n_ip6s; i++) {
        struct ps_ip6 ip = ip6_meant(&pse->ip6s[i]);
        put_out_ip6_dst(sink, mac, &ip);
    }
}

static void
put_out_type(const struct ps_sink *sink, const struct ps_mac *mac,
             uint16_t dl_type)
{
    struct match match;

    match_out(&match, mac);
    match_set_dl_type(&match, htons(dl_type));
    put(sink, PORT_SEC_OUT, 90, &match, PORT_SEC_DENY);
}

static void
put_out(const struct ps_sink *sink, const struct ps_element *pse,
        const struct ps_mac *mac)
{
    struct match match;

    match_out(&match, mac);
    put(sink, PORT_SEC_OUT, 85, &match, PORT_SEC_ALLOW);
    if (ps_element_has_ips(pse) && mac->is_ip4) {
        put_out_type(sink, mac, ETH_TYPE_IP);
    }
    if (ps_element_has_ips(pse) && mac->is_ip6) {
        put_out_type(sink, mac, ETH_TYPE_IPV6);
    }
    put_out_ip4(sink, pse, mac);
    put_out_ip6(sink, pse, mac);
}

/* All of them. */

static void
put_element(const struct ps_sink *sink, const struct ps_element *pse)
{
    put_in(sink, pse);
    for (size_t i = 0; i < pse->n_macs; i++) {
        if (pse->macs[i].is_ip4) {
            put_arp(sink, pse, &pse->macs[i]);
        }
        put_out(sink, pse, &pse->macs[i]);
    }
    if (pse->is_only || !pse->n_ip4s || pse->n_ip6s || pse->narrow_nd) {
        /* With IPv4 addresses only, there is no neighbor discovery that this
         * element could allow to others, and its own is not asked about. */
        put_solicit(sink, pse);
        put_advert(sink, pse);
    }
}

/* Parses 'texts' into 'elements', which has room for 'n' of them.  Returns how
 * many there are.  Stores in '*error' what is wrong with them, or NULL. */
static size_t
parse_elements(char *const *texts, size_t n, struct ps_element *elements,
               char **error)
{
    size_t n_elements = 0;

    *error = NULL;
    for (size_t i = 0; i < n; i++) {
        char *bad;

        struct ps_element *pse = &elements[n_elements];

        if (!ps_element_parse(texts[i], pse, &bad)) {
            free(*error);
            *error = xasprintf("invalid syntax '%s' in port security. "
                               "No MAC address found", texts[i]);
            continue;
        }
        if (bad) {
            free(*error);
            *error = xasprintf("invalid syntax '%s' in port security. "
                               "Not an %s address: %s", texts[i],
                               pse->is_vrrp ? "IP or VRRPv3" : "IP", bad);
            free(bad);
            if (pse->is_vrrp) {
                /* Without that word it may mean all virtual routers. */
                ps_element_destroy(pse);
                continue;
            }
        }
        n_elements++;
    }
    return n_elements;
}

char *
port_sec_for_each_rule(char *const *texts, size_t n, bool narrow_nd,
                       port_sec_rule_func *add, void *aux)
{
    const struct ps_sink sink = { .add = add, .aux = aux };
    struct ps_element *elements = xmalloc(n * sizeof *elements);
    char *error;
    size_t n_elements = parse_elements(texts, n, elements, &error);

    for (size_t i = 0; i < n_elements; i++) {
        elements[i].is_only = n_elements == 1;
        elements[i].narrow_nd = narrow_nd || elements[i].is_vrrp;
        put_element(&sink, &elements[i]);
        ps_element_destroy(&elements[i]);
    }
    if (n_elements) {
        put_in_default(&sink);
        put_nd_default(&sink);
        put_out_default(&sink);
    }
    free(elements);
    return error;
}

/* The rules that are tried on a packet. */
struct ps_trial {
    const struct flow *packet;
    enum port_sec_table table;
    bool matched;
    uint16_t priority;          /* Of the one that counts so far, */
    enum port_sec_verdict verdict; /* and what it says. */
};

static void
try_rule(const struct port_sec_rule *rule, void *trial_)
{
    struct ps_trial *t = trial_;

    if (rule->table == t->table
        && (!t->matched || rule->priority > t->priority)
        && flow_equal_except(t->packet, &rule->match.flow, &rule->match.wc)) {
        t->matched = true;
        t->priority = rule->priority;
        t->verdict = rule->verdict;
    }
}

static enum port_sec_verdict
try_rules(char *const *texts, size_t n, const struct flow *packet,
          enum port_sec_table table)
{
    struct ps_trial trial = {
        .packet = packet,
        .table = table,
        .verdict = PORT_SEC_ALLOW,
    };

    /* It comes to the same. */
    free(port_sec_for_each_rule(texts, n, false, try_rule, &trial));
    return trial.verdict;
}

bool
port_sec_allows(char *const *texts, size_t n, const struct flow *packet,
                bool is_in)
{
    enum port_sec_verdict verdict
        = try_rules(texts, n, packet, is_in ? PORT_SEC_IN : PORT_SEC_OUT);

    if (verdict == PORT_SEC_ASK_ND) {
        verdict = try_rules(texts, n, packet, PORT_SEC_ND);
    }
    return verdict == PORT_SEC_ALLOW;
}
