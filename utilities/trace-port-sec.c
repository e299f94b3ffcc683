/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

/* What port security says of a packet; see trace-port-sec.h.
 *
 * "An address with host bits" means: of 10.0.0.11/24, the address 10.0.0.11 is
 * meant; of 10.0.0.0/24, all of them. */

#include <config.h>
#include "trace-port-sec.h"

#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "ovn-sb-idl.h"
#include "packets.h"
#include "trace-db.h"
#include "util.h"

/* An element of port_security while it is looked at. */
struct element {
    const struct flow *packet;
    struct eth_addr mac;
    struct in6_addr lla;        /* Link-local address that follows from it. */
    bool has_ip4, has_ip6;

    /* Whether these addresses of the packet are among the element's. */
    bool ip4_src, ip4_dst, arp_spa;
    bool ip6_src, ip6_dst, nd_target;
};

static bool
ip4_matches(ovs_be32 value, ovs_be32 addr, ovs_be32 mask)
{
    if (addr & ~mask) {
        mask = OVS_BE32_MAX;
    }
    return !((value ^ addr) & mask);
}

static bool
ip6_matches(const struct in6_addr *value, const struct in6_addr *addr,
            const struct in6_addr *mask)
{
    struct in6_addr masked = ipv6_addr_bitand(addr, mask);

    if (!ipv6_addr_equals(&masked, addr)) {
        return ipv6_addr_equals(value, addr);
    }
    struct in6_addr masked_value = ipv6_addr_bitand(value, mask);
    return ipv6_addr_equals(&masked_value, addr);
}

static void
look_at_ip4(struct element *e, ovs_be32 addr, ovs_be32 mask)
{
    const struct flow *packet = e->packet;

    e->has_ip4 = true;
    e->ip4_src |= ip4_matches(packet->nw_src, addr, mask);
    e->ip4_dst |= (ip4_matches(packet->nw_dst, addr, mask)
                   /* The subnet's broadcasts. */
                   || (addr & ~mask && packet->nw_dst == (addr | ~mask)));
    e->arp_spa = e->ip4_src;    /* The same field of the flow. */
}

static void
look_at_ip6(struct element *e, const struct in6_addr *addr,
            const struct in6_addr *mask)
{
    const struct flow *packet = e->packet;

    e->has_ip6 = true;
    e->ip6_src |= ip6_matches(&packet->ipv6_src, addr, mask);
    e->ip6_dst |= ip6_matches(&packet->ipv6_dst, addr, mask);
    e->nd_target |= ip6_matches(&packet->nd_target, addr, mask);
}

/* False if 'text' does not start with an Ethernet address.  What follows
 * counts up to the first word that is not an IP address. */
static bool
look_at(const char *text, const struct flow *packet, struct element *e)
{
    int n = 0;

    memset(e, 0, sizeof *e);
    e->packet = packet;
    text += strspn(text, " ");
    if (!ovs_scan_len(text, &n, ETH_ADDR_SCAN_FMT,
                      ETH_ADDR_SCAN_ARGS(e->mac))) {
        return false;
    }
    in6_generate_lla(e->mac, &e->lla);

    char *copy = xstrdup(text + n);
    char *save_ptr = NULL;
    for (char *word = strtok_r(copy, " ", &save_ptr); word;
         word = strtok_r(NULL, " ", &save_ptr)) {
        struct in6_addr addr6, mask6;
        ovs_be32 addr4, mask4;
        char *error = ip_parse_masked(word, &addr4, &mask4);

        if (!error) {
            look_at_ip4(e, addr4, mask4);
            continue;
        }
        free(error);
        error = ipv6_parse_masked(word, &addr6, &mask6);
        if (error) {
            free(error);
            break;
        }
        look_at_ip6(e, &addr6, &mask6);
    }
    free(copy);
    return true;
}

static bool
is_icmp6(const struct flow *packet, uint8_t type)
{
    return (packet->dl_type == htons(ETH_TYPE_IPV6)
            && packet->nw_proto == IPPROTO_ICMPV6
            && packet->tp_src == htons(type) && packet->tp_dst == htons(0));
}

/* Neighbor advertisements may be made only for one's own addresses. */
static bool
allows_nd(const struct element *e)
{
    const struct flow *packet = e->packet;

    if (!is_icmp6(packet, ND_NEIGHBOR_ADVERT) || packet->nw_ttl != 255) {
        return true;
    }
    return (e->nd_target && (eth_addr_is_zero(packet->arp_tha)
                             || eth_addr_equals(packet->arp_tha, e->mac)));
}

static bool
allows_ip4_in(const struct element *e)
{
    const struct flow *packet = e->packet;

    return (e->ip4_src
            /* A DHCP client that has no address yet. */
            || (e->has_ip4 && packet->nw_proto == IPPROTO_UDP
                && !packet->nw_src && packet->nw_dst == OVS_BE32_MAX
                && packet->tp_src == htons(68)
                && packet->tp_dst == htons(67)));
}

static bool
allows_ip6_in(const struct element *e)
{
    const struct flow *packet = e->packet;
    const uint8_t *dst = packet->ipv6_dst.s6_addr;

    if (!e->has_ip6) {
        return false;
    } else if (e->ip6_src || ipv6_addr_equals(&packet->ipv6_src, &e->lla)) {
        return allows_nd(e);
    }
    /* A host that has no IPv6 address yet. */
    return (ipv6_addr_equals(&packet->ipv6_src, &in6addr_any)
            && dst[0] == 0xff && dst[1] == 0x02
            && (is_icmp6(packet, MLD_REPORT)
                || is_icmp6(packet, MLD2_REPORT)
                || is_icmp6(packet, ND_NEIGHBOR_SOLICIT)));
}

static bool
allows_in(const struct element *e)
{
    const struct flow *packet = e->packet;
    bool any_ip = !e->has_ip4 && !e->has_ip6;

    if (!eth_addr_equals(packet->dl_src, e->mac)) {
        return false;
    } else if (packet->dl_type == htons(ETH_TYPE_ARP)) {
        return (eth_addr_equals(packet->arp_sha, e->mac)
                && (any_ip || e->arp_spa));
    } else if (any_ip) {
        return allows_nd(e);
    } else if (packet->dl_type == htons(ETH_TYPE_IP)) {
        return allows_ip4_in(e);
    } else if (packet->dl_type == htons(ETH_TYPE_IPV6)) {
        return allows_ip6_in(e);
    }
    return false;
}

static bool
allows_out(const struct element *e)
{
    const struct flow *packet = e->packet;

    if (!eth_addr_equals(packet->dl_dst, e->mac)) {
        return false;
    } else if (!e->has_ip4 && !e->has_ip6) {
        return true;
    } else if (packet->dl_type == htons(ETH_TYPE_IP)) {
        return e->has_ip4 && (e->ip4_dst || packet->nw_dst == OVS_BE32_MAX
                              || ip_is_multicast(packet->nw_dst));
    } else if (packet->dl_type == htons(ETH_TYPE_IPV6)) {
        return e->has_ip6 && (e->ip6_dst
                              || packet->ipv6_dst.s6_addr[0] == 0xff
                              || ipv6_addr_equals(&packet->ipv6_dst,
                                                  &e->lla));
    }
    return true;
}

bool
trace_port_sec_allows(const struct trace_port *port,
                      const struct flow *packet, bool is_in)
{
    const struct sbrec_port_binding *row = port->row;
    bool is_secured = false;

    for (size_t i = 0; i < row->n_port_security; i++) {
        struct element e;

        if (look_at(row->port_security[i], packet, &e)) {
            is_secured = true;
            if (is_in ? allows_in(&e) : allows_out(&e)) {
                return true;
            }
        }
    }
    return !is_secured;
}
