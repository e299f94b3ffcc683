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


/* Port security
 * =============
 *
 * check_in_port_sec() and check_out_port_sec() ask three OpenFlow tables
 * whether a packet may enter or leave through a logical port, as far as its
 * Port_Binding's port_security says.  The answer is the flag
 * MLF_CHECK_PORT_SEC: set means "drop".
 *
 *   - 73: what may enter; sends ARP and neighbor discovery on to
 *   - 74: what ARP and neighbor discovery may claim.
 *   - 75: what may leave.
 *
 * One unit for each port that is bound to this chassis.  Each element of
 * port_security is an Ethernet address, optionally with IP addresses that go
 * with it.  What is said here about an address "with host bits" means: of
 * 10.0.0.11/24, the address 10.0.0.11 is meant; of 10.0.0.0/24, all of
 * them. */

#include <config.h>
#include "ltables.h"

#include <netinet/icmp6.h>

#include "binding.h"
#include "byte-order.h"
#include "flow-table.h"
#include "inputs.h"
#include "lflow-env.h"
#include "ltable.h"
#include "module.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "ovn/logical-fields.h"
#include "packets.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(port_sec);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* The elements. */

struct ps_ip4 { ovs_be32 addr, mask; };
struct ps_ip6 { struct in6_addr addr, mask; };
struct ps_element {
    struct eth_addr mac;
    struct in6_addr lla;        /* Link-local address that follows from it. */
    struct ps_ip4 *ip4s; size_t n_ip4s;
    struct ps_ip6 *ip6s; size_t n_ip6s;
};

static void
ps_element_destroy(struct ps_element *pse)
{
    free(pse->ip4s);
    free(pse->ip6s);
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

/* Parses 's' into '*pse'.  Returns false if it does not begin with an Ethernet
 * address, and then there is nothing to free.  Otherwise, whatever follows
 * counts up to the first word that is not an IP address, if any, which is
 * stored in '*bad' (the caller frees it). */
static bool
ps_element_parse(const char *s, struct ps_element *pse, char **bad)
{
    int n = 0;

    *bad = NULL;
    memset(pse, 0, sizeof *pse);
    s += strspn(s, PS_SEPARATORS);
    if (!ovs_scan_len(s, &n, ETH_ADDR_SCAN_FMT,
                      ETH_ADDR_SCAN_ARGS(pse->mac))) {
        return false;
    }
    in6_generate_lla(pse->mac, &pse->lla);

    char *copy = xstrdup(s + n);
    char *save_ptr = NULL;
    for (char *word = strtok_r(copy, PS_SEPARATORS, &save_ptr); word;
         word = strtok_r(NULL, PS_SEPARATORS, &save_ptr)) {
        if (!add_ip(word, pse)) {
            *bad = xstrdup(word);
            break;
        }
    }
    free(copy);
    return true;
}

/* Flows. */

enum verdict {
    ALLOW,                      /* Clear the flag. */
    DENY,                       /* Set the flag. */
    ASK_ND,                     /* Let table 74 decide. */
};

struct ps_port {
    struct inc_unit *unit;
    uint32_t cookie;
    uint32_t dp_key;
    uint16_t port_key;
};

/* Initializes 'match' for packets that enter through, or leave from, 'p'. */
static void
match_port(struct match *match, const struct ps_port *p, enum mf_field_id reg)
{
    match_init_catchall(match);
    match_set_metadata(match, htonll(p->dp_key));
    match_set_reg(match, reg - MFF_REG0, p->port_key);
}

static void
put(const struct ps_port *p, uint8_t table_id, uint16_t priority,
    const struct match *match, enum verdict verdict)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    if (verdict == ASK_ND) {
        ltable_resubmit(&ofpacts, OFTABLE_CHK_IN_PORT_SEC_ND);
    } else {
        ltable_set_bits(&ofpacts, MFF_LOG_FLAGS, MLF_CHECK_PORT_SEC_BIT, 1,
                        verdict == DENY);
    }
    flow_output_add(p->unit, table_id, priority, p->cookie, match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
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

static struct in6_addr
ip6_mask(const struct ps_ip6 *ip)
{
    struct in6_addr masked = ipv6_addr_bitand(&ip->addr, &ip->mask);

    return ipv6_addr_equals(&masked, &ip->addr) ? ip->mask : in6addr_exact;
}

static void
match_icmp6(struct match *match, uint8_t type, uint8_t code)
{
    match_set_dl_type(match, htons(ETH_TYPE_IPV6));
    match_set_nw_proto(match, IPPROTO_ICMPV6);
    match_set_icmp_type(match, type);
    match_set_icmp_code(match, code);
}

/* Table 73. */

static void
match_in(struct match *match, const struct ps_port *p,
         const struct ps_element *pse)
{
    match_port(match, p, MFF_LOG_INPORT);
    match_set_dl_src(match, pse->mac);
}

static void
put_in_default(const struct ps_port *p)
{
    struct match match;

    match_port(&match, p, MFF_LOG_INPORT);
    put(p, OFTABLE_CHK_IN_PORT_SEC, 80, &match, DENY);

    match_set_dl_type(&match, htons(ETH_TYPE_ARP));
    put(p, OFTABLE_CHK_IN_PORT_SEC, 95, &match, ASK_ND);
}

static void
put_in_ip4(const struct ps_port *p, const struct ps_element *pse)
{
    struct match match;

    if (!pse->n_ip4s) {
        return;
    }
    for (size_t i = 0; i < pse->n_ip4s; i++) {
        const struct ps_ip4 *ip = &pse->ip4s[i];

        match_in(&match, p, pse);
        match_set_dl_type(&match, htons(ETH_TYPE_IP));
        match_set_nw_src_masked(&match, ip->addr, ip4_mask(ip));
        put(p, OFTABLE_CHK_IN_PORT_SEC, 90, &match, ALLOW);
    }

    /* A DHCP client that has no address yet. */
    match_in(&match, p, pse);
    match_set_dl_type(&match, htons(ETH_TYPE_IP));
    match_set_nw_proto(&match, IPPROTO_UDP);
    match_set_nw_src(&match, 0);
    match_set_nw_dst(&match, OVS_BE32_MAX);
    match_set_tp_src(&match, htons(68));
    match_set_tp_dst(&match, htons(67));
    put(p, OFTABLE_CHK_IN_PORT_SEC, 90, &match, ALLOW);
}

static void
put_in_ip6_src(const struct ps_port *p, const struct ps_element *pse,
               const struct in6_addr *addr, const struct in6_addr *mask)
{
    struct match match;

    match_in(&match, p, pse);
    match_set_dl_type(&match, htons(ETH_TYPE_IPV6));
    match_set_ipv6_src_masked(&match, addr, mask);
    put(p, OFTABLE_CHK_IN_PORT_SEC, 90, &match, ASK_ND);
}

/* A host that has no IPv6 address yet: it joins groups and checks that its
 * address is its own. */
static void
put_in_unspecified(const struct ps_port *p, const struct ps_element *pse,
                   uint8_t icmp6_type, enum verdict verdict)
{
    struct in6_addr dst = { .s6_addr = { 0xff, 0x02 } };
    struct in6_addr dst_mask = { .s6_addr = { 0xff, 0xff } };
    struct match match;

    match_in(&match, p, pse);
    match_icmp6(&match, icmp6_type, 0);
    match_set_ipv6_src(&match, &in6addr_any);
    match_set_ipv6_dst_masked(&match, &dst, &dst_mask);
    put(p, OFTABLE_CHK_IN_PORT_SEC, 90, &match, verdict);
}

static void
put_in_ip6(const struct ps_port *p, const struct ps_element *pse)
{
    if (!pse->n_ip6s) {
        return;
    }
    put_in_ip6_src(p, pse, &pse->lla, &in6addr_exact);
    for (size_t i = 0; i < pse->n_ip6s; i++) {
        struct in6_addr mask = ip6_mask(&pse->ip6s[i]);
        put_in_ip6_src(p, pse, &pse->ip6s[i].addr, &mask);
    }
    put_in_unspecified(p, pse, MLD_REPORT, ALLOW);
    put_in_unspecified(p, pse, MLD2_REPORT, ALLOW);
    put_in_unspecified(p, pse, ND_NEIGHBOR_SOLICIT, ASK_ND);
}

static void
put_in(const struct ps_port *p, const struct ps_element *pse)
{
    if (!pse->n_ip4s && !pse->n_ip6s) {
        struct match match;

        match_in(&match, p, pse);
        put(p, OFTABLE_CHK_IN_PORT_SEC, 90, &match, ASK_ND);
    }
    put_in_ip4(p, pse);
    put_in_ip6(p, pse);
}

/* Table 74.
 *
 * The flows that allow neighbor discovery are for a TTL of 225, as they are
 * with the stock controller; for solicitations this makes no difference, as
 * those with the TTL of 255 that they must have are allowed by default. */

#define ND_TTL 255
#define ND_ALLOW_TTL 225

static void
put_nd_default(const struct ps_port *p)
{
    struct match match;

    match_port(&match, p, MFF_LOG_INPORT);
    match_set_dl_type(&match, htons(ETH_TYPE_ARP));
    put(p, OFTABLE_CHK_IN_PORT_SEC_ND, 80, &match, DENY);

    match_port(&match, p, MFF_LOG_INPORT);
    match_set_dl_type(&match, htons(ETH_TYPE_IPV6));
    match_set_nw_proto(&match, IPPROTO_ICMPV6);
    match_set_nw_ttl(&match, ND_TTL);
    match_set_icmp_type(&match, ND_NEIGHBOR_SOLICIT);
    put(p, OFTABLE_CHK_IN_PORT_SEC_ND, 80, &match, ALLOW);
    match_set_icmp_type(&match, ND_NEIGHBOR_ADVERT);
    put(p, OFTABLE_CHK_IN_PORT_SEC_ND, 80, &match, DENY);
}

static void
put_arp(const struct ps_port *p, const struct ps_element *pse)
{
    struct match match;

    match_in(&match, p, pse);
    match_set_dl_type(&match, htons(ETH_TYPE_ARP));
    match_set_arp_sha(&match, pse->mac);
    if (!pse->n_ip4s && !pse->n_ip6s) {
        put(p, OFTABLE_CHK_IN_PORT_SEC_ND, 90, &match, ALLOW);
    }
    for (size_t i = 0; i < pse->n_ip4s; i++) {
        const struct ps_ip4 *ip = &pse->ip4s[i];

        match_set_nw_src_masked(&match, ip->addr, ip4_mask(ip));
        put(p, OFTABLE_CHK_IN_PORT_SEC_ND, 90, &match, ALLOW);
    }
}

static void
put_solicit(const struct ps_port *p, const struct ps_element *pse)
{
    struct match match;

    match_port(&match, p, MFF_LOG_INPORT);
    match_icmp6(&match, ND_NEIGHBOR_SOLICIT, 0);
    match_set_nw_ttl(&match, ND_ALLOW_TTL);
    match_set_arp_sha(&match, eth_addr_zero); /* nd_sll */
    put(p, OFTABLE_CHK_IN_PORT_SEC_ND, 90, &match, ALLOW);
    match_set_arp_sha(&match, pse->mac);
    put(p, OFTABLE_CHK_IN_PORT_SEC_ND, 90, &match, ALLOW);
}

/* Allows what 'match' says of an advertisement, without a target's link-layer
 * address or with the right one. */
static void
put_advert_tll(const struct ps_port *p, const struct ps_element *pse,
               struct match *match)
{
    match_set_arp_tha(match, eth_addr_zero); /* nd_tll */
    put(p, OFTABLE_CHK_IN_PORT_SEC_ND, 90, match, ALLOW);
    match_set_arp_tha(match, pse->mac);
    put(p, OFTABLE_CHK_IN_PORT_SEC_ND, 90, match, ALLOW);
}

static void
put_advert(const struct ps_port *p, const struct ps_element *pse)
{
    struct match match;

    match_port(&match, p, MFF_LOG_INPORT);
    match_icmp6(&match, ND_NEIGHBOR_ADVERT, 0);
    match_set_nw_ttl(&match, ND_ALLOW_TTL);
    if (pse->n_ip6s) {
        match_set_nd_target(&match, &pse->lla);
    }
    put_advert_tll(p, pse, &match);

    for (size_t i = 0; i < pse->n_ip6s; i++) {
        struct in6_addr mask = ip6_mask(&pse->ip6s[i]);

        match_in(&match, p, pse);
        match_icmp6(&match, ND_NEIGHBOR_ADVERT, 0);
        match_set_nd_target_masked(&match, &pse->ip6s[i].addr, &mask);
        put_advert_tll(p, pse, &match);
    }
}

/* Table 75. */

static void
match_out(struct match *match, const struct ps_port *p,
          const struct ps_element *pse)
{
    match_port(match, p, MFF_LOG_OUTPORT);
    match_set_dl_dst(match, pse->mac);
}

static void
put_out_default(const struct ps_port *p)
{
    struct match match;

    match_port(&match, p, MFF_LOG_OUTPORT);
    put(p, OFTABLE_CHK_OUT_PORT_SEC, 80, &match, DENY);
}

static void
put_out_ip4_dst(const struct ps_port *p, const struct ps_element *pse,
                ovs_be32 addr, ovs_be32 mask)
{
    struct match match;

    match_out(&match, p, pse);
    match_set_dl_type(&match, htons(ETH_TYPE_IP));
    match_set_nw_dst_masked(&match, addr, mask);
    put(p, OFTABLE_CHK_OUT_PORT_SEC, 95, &match, ALLOW);
}

static void
put_out_ip4(const struct ps_port *p, const struct ps_element *pse)
{
    if (!pse->n_ip4s) {
        return;
    }
    for (size_t i = 0; i < pse->n_ip4s; i++) {
        const struct ps_ip4 *ip = &pse->ip4s[i];

        put_out_ip4_dst(p, pse, ip->addr, ip4_mask(ip));
        if (ip4_has_host_bits(ip) && ip->mask != OVS_BE32_MAX) {
            /* The subnet's broadcasts. */
            put_out_ip4_dst(p, pse, ip->addr | ~ip->mask, OVS_BE32_MAX);
        }
    }
    put_out_ip4_dst(p, pse, OVS_BE32_MAX, OVS_BE32_MAX);
    put_out_ip4_dst(p, pse, htonl(0xe0000000), htonl(0xf0000000));
}

static void
put_out_ip6_dst(const struct ps_port *p, const struct ps_element *pse,
                const struct in6_addr *addr, const struct in6_addr *mask)
{
    struct match match;

    match_out(&match, p, pse);
    match_set_dl_type(&match, htons(ETH_TYPE_IPV6));
    match_set_ipv6_dst_masked(&match, addr, mask);
    put(p, OFTABLE_CHK_OUT_PORT_SEC, 95, &match, ALLOW);
}

static void
put_out_ip6(const struct ps_port *p, const struct ps_element *pse)
{
    struct in6_addr multicast = { .s6_addr = { 0xff } };

    if (!pse->n_ip6s) {
        return;
    }
    put_out_ip6_dst(p, pse, &pse->lla, &in6addr_exact);
    put_out_ip6_dst(p, pse, &multicast, &multicast);
    for (size_t i = 0; i < pse->n_ip6s; i++) {
        struct in6_addr mask = ip6_mask(&pse->ip6s[i]);
        put_out_ip6_dst(p, pse, &pse->ip6s[i].addr, &mask);
    }
}

static void
put_out(const struct ps_port *p, const struct ps_element *pse)
{
    struct match match;

    match_out(&match, p, pse);
    put(p, OFTABLE_CHK_OUT_PORT_SEC, 85, &match, ALLOW);
    if (pse->n_ip4s || pse->n_ip6s) {
        match_set_dl_type(&match, htons(ETH_TYPE_IP));
        put(p, OFTABLE_CHK_OUT_PORT_SEC, 90, &match, DENY);
        match_set_dl_type(&match, htons(ETH_TYPE_IPV6));
        put(p, OFTABLE_CHK_OUT_PORT_SEC, 90, &match, DENY);
    }
    put_out_ip4(p, pse);
    put_out_ip6(p, pse);
}

/* The unit. */

/* Puts out all flows for 'pb'.  Returns a message if some of it is malformed
 * (the caller frees it), else NULL. */
static char *
put_port(const struct ps_port *p, const struct port_binding *pb)
{
    char *error = NULL;
    size_t n = 0;

    for (size_t i = 0; i < pb->n_port_security; i++) {
        const char *text = pb->port_security[i];
        struct ps_element pse;
        char *bad;

        if (!ps_element_parse(text, &pse, &bad)) {
            free(error);
            error = xasprintf("invalid syntax '%s' in port security. "
                              "No MAC address found", text);
            continue;
        }
        if (bad) {
            free(error);
            error = xasprintf("invalid syntax '%s' in port security. "
                              "Not an IP address: %s", text, bad);
            free(bad);
        }
        put_in(p, &pse);
        put_arp(p, &pse);
        put_solicit(p, &pse);
        put_advert(p, &pse);
        put_out(p, &pse);
        ps_element_destroy(&pse);
        n++;
    }
    if (n) {
        put_in_default(p);
        put_nd_default(p);
        put_out_default(p);
    }
    return error;
}

static void
port_sec_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *lport = inc_unit_key(unit).data;
    const struct port_binding *pb = in_port_binding(unit, lport);
    const struct lflow_dp *dp = pb ? lflow_env_dp(unit, &pb->datapath) : NULL;

    flow_output_begin(unit);
    if (dp) {
        struct ps_port p = {
            .unit = unit,
            .cookie = pb->uuid.parts[0],
            .dp_key = dp->tunnel_key,
            .port_key = pb->tunnel_key,
        };
        char *error = put_port(&p, pb);

        if (error) {
            unit_warn(unit, &this_module, &rl, "logical port %s: %s",
                      lport, error);
            free(error);
        } else {
            unit_no_warning(unit);
        }
    }
    flow_output_end(unit);
}

static const struct inc_unit_class port_sec_unit_class = {
    .name = "port-sec",
    .stage = STAGE_FLOW,
    .run = port_sec_run,
    .removed = flow_output_removed,
};

static void
init(struct inc_engine *engine OVS_UNUSED)
{
    inc_kind_spawn(binding_kind_local_port, &port_sec_unit_class, NULL);
}

const struct module port_sec_module = {
    .name = "port-sec",
    .init = init,
};
