/* SPDX-License-Identifier: Apache-2.0 */

/* The symbol table of the logical-flow language: the symbols that ovn-sb(5)
 * lists, and those that it does not list but ovn-northd writes. */

#include <config.h>
#include "ovn/logical-fields.h"

#include <stdlib.h>

#include "openvswitch/util.h"
#include "ovn/expr.h"
#include "util.h"

/* A predicate if it has an expansion, else a subfield if it has bits, else an
 * OpenFlow field. */
struct symbol_def {
    const char *name;
    enum mf_field_id field;
    const char *subfield;       /* "FIELD[LOW..HIGH]", or NULL. */
    const char *predicate;      /* Expansion, or NULL. */
    const char *prereqs;        /* Or NULL. */
    bool must_crossproduct;
};

#define FIELD(NAME, ID, PREREQS) \
    { .name = NAME, .field = ID, .prereqs = PREREQS }

/* A field that is a prerequisite of others, in OpenFlow or in this language,
 * must be matched in the same flow as they. */
#define BASIC_FIELD(NAME, ID, PREREQS) \
    { .name = NAME, .field = ID, .prereqs = PREREQS, \
      .must_crossproduct = true }
#define SUBFIELD(NAME, BITS, PREREQS) \
    { .name = NAME, .subfield = BITS, .prereqs = PREREQS }
#define PREDICATE(NAME, EXPANSION) \
    { .name = NAME, .predicate = EXPANSION }

/* In an order in which everything comes before what refers to it. */
static const struct symbol_def symbols[] = {
    /* Flags that the pipeline sets for itself.  Those that only the
     * controller uses (see enum mff_log_flags_bits) have no name. */
    FIELD("flags", MFF_LOG_FLAGS, NULL),
    SUBFIELD("flags.loopback", "flags[0]", NULL),
    SUBFIELD("flags.force_snat_for_dnat", "flags[2]", NULL),
    SUBFIELD("flags.force_snat_for_lb", "flags[3]", NULL),
    SUBFIELD("flags.skip_snat_for_lb", "flags[9]", NULL),
    SUBFIELD("flags.use_snat_zone", "flags[11]", NULL),
    SUBFIELD("flags.localnet", "flags[15]", NULL),
    SUBFIELD("flags.tunnel_rx", "flags[16]", NULL),
    SUBFIELD("flags.icmp_snat", "flags[17]", NULL),
    SUBFIELD("flags.from_ctrl", "flags[19]", NULL),
    SUBFIELD("flags.unsnat_new", "flags[20]", NULL),
    SUBFIELD("flags.unsnat_not_tracked", "flags[21]", NULL),
    SUBFIELD("flags.igmp_loopback", "flags[22]", NULL),
    SUBFIELD("flags.pkt_sampled", "flags[23]", NULL),
    SUBFIELD("flags.network_id", "flags[28..31]", NULL),

    /* Connection tracking. */
    FIELD("ct_mark", MFF_CT_MARK, NULL),
    SUBFIELD("ct_mark.blocked", "ct_mark[0]", NULL),
    SUBFIELD("ct_mark.natted", "ct_mark[1]", NULL),
    SUBFIELD("ct_mark.skip_snat", "ct_mark[2]", NULL),
    SUBFIELD("ct_mark.force_snat", "ct_mark[3]", NULL),
    SUBFIELD("ct_mark.obs_stage", "ct_mark[4..5]", NULL),
    SUBFIELD("ct_mark.allow_established", "ct_mark[6]", NULL),
    SUBFIELD("ct_mark.obs_collector_id", "ct_mark[16..23]", NULL),
    SUBFIELD("ct_mark.ecmp_reply_port", "ct_mark[16..31]", NULL),

    FIELD("ct_label", MFF_CT_LABEL, NULL),
    SUBFIELD("ct_label.blocked", "ct_label[0]", NULL),
    SUBFIELD("ct_label.natted", "ct_label[1]", NULL),
    SUBFIELD("ct_label.skip_snat", "ct_label[2]", NULL),
    SUBFIELD("ct_label.force_snat", "ct_label[3]", NULL),
    SUBFIELD("ct_label.nf", "ct_label[7]", NULL),
    SUBFIELD("ct_label.tun_if", "ct_label[8]", NULL),
    SUBFIELD("ct_label.nf_id", "ct_label[17..24]", NULL),
    SUBFIELD("ct_label.ecmp_reply_eth", "ct_label[32..79]", NULL),
    SUBFIELD("ct_label.ecmp_reply_port", "ct_label[80..95]", NULL),
    SUBFIELD("ct_label.acl_id", "ct_label[80..95]", NULL),
    SUBFIELD("ct_label.tun_if_id", "ct_label[80..95]", NULL),
    SUBFIELD("ct_label.label", "ct_label[96..127]", NULL),
    SUBFIELD("ct_label.obs_point_id", "ct_label[96..127]", NULL),
    SUBFIELD("ct_label.obs_unused", "ct_label[0..95]", NULL),

    FIELD("ct_state", MFF_CT_STATE, NULL),
    SUBFIELD("ct.trk", "ct_state[5]", NULL),
    SUBFIELD("ct.new", "ct_state[0]", "ct.trk"),
    SUBFIELD("ct.est", "ct_state[1]", "ct.trk"),
    SUBFIELD("ct.rel", "ct_state[2]", "ct.trk"),
    SUBFIELD("ct.rpl", "ct_state[3]", "ct.trk"),
    SUBFIELD("ct.inv", "ct_state[4]", "ct.trk"),
    SUBFIELD("ct.snat", "ct_state[6]", "ct.trk"),
    SUBFIELD("ct.dnat", "ct_state[7]", "ct.trk"),

    FIELD("pkt.mark", MFF_PKT_MARK, NULL),

    /* Ethernet and VLAN. */
    FIELD("eth.src", MFF_ETH_SRC, NULL),
    FIELD("eth.dst", MFF_ETH_DST, NULL),
    BASIC_FIELD("eth.type", MFF_ETH_TYPE, NULL),
    PREDICATE("eth.bcast", "eth.dst == ff:ff:ff:ff:ff:ff"),
    PREDICATE("eth.mcast", "eth.dst[40]"),
    PREDICATE("eth.mcastv6", "eth.dst[32..47] == 0x3333"),

    FIELD("vlan.tci", MFF_VLAN_TCI, NULL),
    PREDICATE("vlan.present", "vlan.tci[12]"),
    SUBFIELD("vlan.pcp", "vlan.tci[13..15]", "vlan.present"),
    SUBFIELD("vlan.vid", "vlan.tci[0..11]", "vlan.present"),

    /* IP. */
    PREDICATE("ip4", "eth.type == 0x800"),
    PREDICATE("ip6", "eth.type == 0x86dd"),
    PREDICATE("ip", "ip4 || ip6"),
    BASIC_FIELD("ip.proto", MFF_IP_PROTO, "ip"),
    FIELD("ip.dscp", MFF_IP_DSCP_SHIFTED, "ip"),
    FIELD("ip.ecn", MFF_IP_ECN, "ip"),
    FIELD("ip.ttl", MFF_IP_TTL, "ip"),
    FIELD("ip.frag", MFF_IP_FRAG, "ip"),
    PREDICATE("ip.is_frag", "ip.frag[0]"),
    PREDICATE("ip.later_frag", "ip.frag[1]"),
    PREDICATE("ip.first_frag", "ip.is_frag && !ip.later_frag"),

    FIELD("ip4.src", MFF_IPV4_SRC, "ip4"),
    FIELD("ip4.dst", MFF_IPV4_DST, "ip4"),
    PREDICATE("ip4.src_mcast", "ip4.src[28..31] == 0xe"),
    PREDICATE("ip4.mcast", "eth.mcast && ip4.dst[28..31] == 0xe"),

    FIELD("ip6.src", MFF_IPV6_SRC, "ip6"),
    FIELD("ip6.dst", MFF_IPV6_DST, "ip6"),
    FIELD("ip6.label", MFF_IPV6_LABEL, "ip6"),
    PREDICATE("ip6.mcast", "eth.mcastv6 && ip6.dst[120..127] == 0xff"),

    /* Multicast groups that must be flooded (RFC 4291, section 2.7.1):
     * reserved ones, all nodes, all routers, solicited nodes.
     *
     * The reserved ones are written out, as Open vSwitch keeps no trie of a
     * mask with a hole: with one, every IPv6 destination beyond a router gets
     * a datapath flow of its own. */
    PREDICATE("ip6.mcast_rsvd",
              "ip6.dst == {ff00::, ff01::, ff02::, ff03::, "
              "ff04::, ff05::, ff06::, ff07::, ff08::, ff09::, ff0a::, "
              "ff0b::, ff0c::, ff0d::, ff0e::, ff0f::}"),
    PREDICATE("ip6.mcast_all_nodes", "ip6.dst == {ff01::1, ff02::1}"),
    PREDICATE("ip6.mcast_all_rtrs",
              "ip6.dst == {ff01::2, ff02::2, ff05::2}"),
    PREDICATE("ip6.mcast_sol_node", "ip6.dst == ff02::1:ff00:0000/104"),
    PREDICATE("ip6.mcast_flood",
              "eth.mcastv6 && (ip6.mcast_rsvd || ip6.mcast_all_nodes "
              "|| ip6.mcast_all_rtrs || ip6.mcast_sol_node)"),

    /* ICMP, IGMP, MLD. */
    PREDICATE("icmp4", "ip4 && ip.proto == 1"),
    PREDICATE("icmp6", "ip6 && ip.proto == 58"),
    PREDICATE("icmp", "icmp4 || icmp6"),
    FIELD("icmp4.type", MFF_ICMPV4_TYPE, "icmp4"),
    FIELD("icmp4.code", MFF_ICMPV4_CODE, "icmp4"),
    BASIC_FIELD("icmp6.type", MFF_ICMPV6_TYPE, "icmp6"),
    BASIC_FIELD("icmp6.code", MFF_ICMPV6_CODE, "icmp6"),

    /* All of these go to a group, and so to an Ethernet address of one: OVN
     * 23.03 does not ask for that, later releases do. */
    PREDICATE("igmp", "ip4.mcast && ip.proto == 2"),
    PREDICATE("mldv1", "eth.mcastv6 && ip6.src == fe80::/10 "
              "&& icmp6.type == {130, 131, 132}"),
    PREDICATE("mldv2", "eth.mcastv6 && ip6.dst == ff02::16 "
              "&& icmp6.type == 143"),

    /* ARP and RARP. */
    PREDICATE("arp", "eth.type == 0x806"),
    FIELD("arp.op", MFF_ARP_OP, "arp"),
    FIELD("arp.spa", MFF_ARP_SPA, "arp"),
    FIELD("arp.sha", MFF_ARP_SHA, "arp"),
    FIELD("arp.tpa", MFF_ARP_TPA, "arp"),
    FIELD("arp.tha", MFF_ARP_THA, "arp"),
    PREDICATE("rarp", "eth.type == 0x8035"),
    FIELD("rarp.op", MFF_ARP_OP, "rarp"),
    FIELD("rarp.spa", MFF_ARP_SPA, "rarp"),
    FIELD("rarp.sha", MFF_ARP_SHA, "rarp"),
    FIELD("rarp.tpa", MFF_ARP_TPA, "rarp"),
    FIELD("rarp.tha", MFF_ARP_THA, "rarp"),

    /* IPv6 neighbor discovery.  Only packets that no router has forwarded
     * are valid, therefore the hop limit. */
    PREDICATE("nd", "icmp6.type == {135, 136} "
              "&& icmp6.code == 0 && ip.ttl == 255"),
    PREDICATE("nd_ns", "icmp6.type == 135 "
              "&& icmp6.code == 0 && ip.ttl == 255"),
    PREDICATE("nd_ns_mcast", "ip6.mcast && icmp6.type == 135 "
              "&& icmp6.code == 0 && ip.ttl == 255"),
    PREDICATE("nd_na", "icmp6.type == 136 "
              "&& icmp6.code == 0 && ip.ttl == 255"),
    PREDICATE("nd_rs", "icmp6.type == 133 "
              "&& icmp6.code == 0 && ip.ttl == 255"),
    PREDICATE("nd_ra", "icmp6.type == 134 "
              "&& icmp6.code == 0 && ip.ttl == 255"),
    FIELD("nd.target", MFF_ND_TARGET, "nd"),
    FIELD("nd.sll", MFF_ND_SLL, "nd_ns"),
    FIELD("nd.tll", MFF_ND_TLL, "nd_na"),

    /* Ports of an EVPN have keys with the highest bit set.  As "inport" and
     * "outport" are strings, their numbers need a name of their own. */
    FIELD("_inport", MFF_LOG_INPORT, NULL),
    FIELD("_outport", MFF_LOG_OUTPORT, NULL),
    PREDICATE("from_evpn_vtep", "_inport[31]"),
    PREDICATE("to_evpn_vtep", "_outport[31]"),
};

/* Transport, as the packet has it. */
static const struct symbol_def transport_symbols[] = {
    PREDICATE("tcp", "ip.proto == 6"),
    FIELD("tcp.src", MFF_TCP_SRC, "tcp"),
    FIELD("tcp.dst", MFF_TCP_DST, "tcp"),
    FIELD("tcp.flags", MFF_TCP_FLAGS, "tcp"),
    PREDICATE("udp", "ip.proto == 17"),
    FIELD("udp.src", MFF_UDP_SRC, "udp"),
    FIELD("udp.dst", MFF_UDP_DST, "udp"),
    PREDICATE("sctp", "ip.proto == 132"),
    FIELD("sctp.src", MFF_SCTP_SRC, "sctp"),
    FIELD("sctp.dst", MFF_SCTP_DST, "sctp"),
};

/* The same, as conntrack knows it: a fragment other than the first has no
 * ports of its own.  Conntrack does not know a packet's flags. */
static const struct symbol_def ct_transport_symbols[] = {
    BASIC_FIELD("_ct_proto", MFF_CT_NW_PROTO, "ct.trk && !ct.inv"),
    PREDICATE("tcp", "_ct_proto == 6"),
    FIELD("tcp.src", MFF_CT_TP_SRC, "tcp"),
    FIELD("tcp.dst", MFF_CT_TP_DST, "tcp"),
    FIELD("tcp.flags", MFF_TCP_FLAGS, "tcp && ip.proto == 6"),
    PREDICATE("udp", "_ct_proto == 17"),
    FIELD("udp.src", MFF_CT_TP_SRC, "udp"),
    FIELD("udp.dst", MFF_CT_TP_DST, "udp"),
    PREDICATE("sctp", "_ct_proto == 132"),
    FIELD("sctp.src", MFF_CT_TP_SRC, "sctp"),
    FIELD("sctp.dst", MFF_CT_TP_DST, "sctp"),
};

static void
add_symbol(struct shash *symtab, const struct symbol_def *def)
{
    if (def->predicate) {
        expr_symtab_add_predicate(symtab, def->name, def->predicate);
    } else if (def->subfield) {
        expr_symtab_add_subfield(symtab, def->name, def->prereqs,
                                 def->subfield);
    } else {
        expr_symtab_add_field(symtab, def->name, def->field, def->prereqs,
                              def->must_crossproduct);
    }
}

/* The pipeline's registers: xxreg0 and xxreg1 overlay reg0...reg7, xreg0 to
 * xreg4 reg0...reg9.  All are bits of the widest that there is, so that the
 * language knows that they overlap. */
static void
add_registers(struct shash *symtab)
{
    expr_symtab_add_field(symtab, "xxreg0", MFF_XXREG0, NULL, false);
    expr_symtab_add_field(symtab, "xxreg1", MFF_XXREG1, NULL, false);
    expr_symtab_add_field(symtab, "xreg4", MFF_XREG4, NULL, false);

    for (int i = 0; i < MFF_N_LOG_REGS / 2 - 1; i++) {
        char *name = xasprintf("xreg%d", i);
        char *bits = xasprintf("xxreg%d[%d..%d]", i / 2,
                               i % 2 ? 0 : 64, i % 2 ? 63 : 127);
        expr_symtab_add_subfield(symtab, name, NULL, bits);
        free(bits);
        free(name);
    }
    for (int i = 0; i < MFF_N_LOG_REGS; i++) {
        char *name = xasprintf("reg%d", i);
        char *bits = xasprintf("xreg%d[%d..%d]", i / 2,
                               i % 2 ? 0 : 32, i % 2 ? 31 : 63);
        expr_symtab_add_subfield(symtab, name, NULL, bits);
        free(bits);
        free(name);
    }
}

static void
init_symtab(struct shash *symtab, const struct symbol_def *transport,
            size_t n_transport)
{
    shash_init(symtab);

    expr_symtab_add_string(symtab, "inport", MFF_LOG_INPORT, NULL);
    expr_symtab_add_string(symtab, "outport", MFF_LOG_OUTPORT, NULL);
    expr_symtab_add_string(symtab, "remote_outport", MFF_LOG_REMOTE_OUTPORT,
                           NULL);
    add_registers(symtab);
    for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
        add_symbol(symtab, &symbols[i]);
    }
    for (size_t i = 0; i < n_transport; i++) {
        add_symbol(symtab, &transport[i]);
    }

    /* For actions only. */
    expr_symtab_add_ovn_field(symtab, "icmp4.frag_mtu", OVN_ICMP4_FRAG_MTU);
    expr_symtab_add_ovn_field(symtab, "icmp6.frag_mtu", OVN_ICMP6_FRAG_MTU);
}

void
ovn_init_symtab(struct shash *symtab)
{
    init_symtab(symtab, transport_symbols, ARRAY_SIZE(transport_symbols));
}

void
ovn_init_symtab_ct(struct shash *symtab)
{
    init_symtab(symtab, ct_transport_symbols,
                ARRAY_SIZE(ct_transport_symbols));
}
