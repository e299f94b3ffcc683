/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_DIALECT_H
#define OVN_DIALECT_H 1

/* Dialects: what differs between OVN's releases
 * =============================================
 *
 * One program serves what ovn-northd of any release writes.  The language of
 * logical flows grew by addition, so that their union is understood.  What is
 * not in the text of a logical flow, and yet differs, is in a "struct
 * ovn_dialect": OpenFlow tables, and the registers through which tables of the
 * chassis' own talk to the logical pipeline.  (Which logical table a stage of
 * the pipeline is, its flows say themselves.)
 *
 * Tables
 * ------
 *
 * Table numbers are a chassis' own affair: no tunnel carries one.  A chassis
 * nevertheless numbers them as the release does that its central is of, since
 * operators read "ovs-ofctl dump-flows" with that release's manual, and since
 * taking over from the release's own controller then changes few flows.  The
 * release is a hint: a layout that is too small for the logical tables that
 * there are is not taken.
 *
 * Registers
 * ---------
 *
 * A wrong register is silent: flows are installed and do not match.  So these
 * follow what the central announces in SB_Global.options, such as
 * "register_consolidation", not its version.
 *
 * Thread-safety: values, and functions of their arguments. */

#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/meta-flow.h"

struct smap;

/* OpenFlow tables. */
struct ovn_tables {
    uint8_t phy_to_log;
    uint8_t ingress;            /* Logical ingress pipeline's first one... */
    uint8_t n_ingress;          /* ...and how many there is room for. */
    uint8_t large_pkt_detect;   /* "output;" of the ingress pipeline. */
    uint8_t large_pkt_process;
    uint8_t remote_output;
    uint8_t remote_vtep_output; /* 0: none, it is done in 'remote_output'. */
    uint8_t local_output;
    uint8_t check_loopback;
    uint8_t egress;             /* Logical egress pipeline's first one... */
    uint8_t n_egress;           /* ...and how many there is room for. */
    uint8_t save_inport;        /* "output;" of the egress pipeline. */
    uint8_t log_to_phy;
    uint8_t mac_binding;        /* get_arp, get_nd */
    uint8_t mac_lookup;         /* lookup_arp, lookup_nd */
    uint8_t chk_lb_hairpin;
    uint8_t chk_lb_hairpin_reply;
    uint8_t ct_snat_hairpin;    /* ct_snat_to_vip */
    uint8_t get_fdb;
    uint8_t lookup_fdb;
    uint8_t in_port_sec;
    uint8_t in_port_sec_nd;
    uint8_t out_port_sec;
    uint8_t ecmp_nh_mac;
    uint8_t ecmp_nh;
    uint8_t chk_lb_affinity;
    uint8_t mac_cache_use;
    uint8_t ct_zone_lookup;     /* ct_commit_to_zone and the like. */
    uint8_t ct_orig_nw_dst;     /* ct_nw_dst */
    uint8_t ct_orig_ip6_dst;    /* ct_ip6_dst */
    uint8_t ct_orig_tp_dst;     /* ct_tp_dst */
    uint8_t flood_remote;
    uint8_t ct_state_save;
    uint8_t ct_orig_proto;      /* ct_proto */
    uint8_t get_remote_fdb;
    uint8_t learn_remote_fdb;
    uint8_t n;                  /* All are less than this. */
};

/* Registers in which tables of the chassis' own find or leave something. */
struct ovn_registers {
    /* Where switches keep the destination of a connection that they balance,
     * for 'chk_lb_hairpin'. */
    enum mf_field_id lb_dst_ip4;
    enum mf_field_id lb_dst_ip6;
    enum mf_field_id lb_dst_port; /* Lowest 16 bits. */

    /* Where 'mac_binding' finds an IPv6 address.  (IPv4: reg0; 'mac_lookup':
     * reg0 and xxreg0.) */
    enum mf_field_id mac_binding_ip6;

    /* Where 'chk_lb_affinity' leaves the backend. */
    enum mf_field_id affinity_ip4;
    enum mf_field_id affinity_ip6_switch;
    enum mf_field_id affinity_ip6_router;
    enum mf_field_id affinity_port; /* Lowest 16 bits. */

    /* Where 'ct_orig_*' and 'ct_state_save' leave what conntrack knows. */
    enum mf_field_id ct_orig_nw_dst;
    enum mf_field_id ct_orig_ip6_dst;
    enum mf_field_id ct_orig_tp_dst; /* Lowest 16 bits. */
    enum mf_field_id ct_orig_proto;  /* Lowest 8 bits. */
    enum mf_field_id ct_saved_state; /* Lowest 8 bits. */

    /* Where 'flood_remote' wants OVN_FLOOD_REMOTE_KEY, or 0 if it does not. */
    enum mf_field_id flood_remote;
};

#define OVN_FLOOD_REMOTE_KEY 0x8000

struct ovn_dialect {
    const char *layout;         /* The first release that has these tables. */
    struct ovn_tables tables;
    struct ovn_registers regs;

    /* Conntrack zones take the lower half of MFF_LOG_CT_ZONE, and the upper
     * one has the number of the tunnel endpoint that a port asks for. */
    bool has_encap_id;

    /* Whether tunnels say which address of the chassis they start from, even
     * if there is but one.  (ovn-set-local-ip asks for it elsewhere.) */
    bool tunnels_start_somewhere;

    /* Whether a MAC binding is also in use when a neighbor advertisement has
     * it as its target, or only by what an IPv6 address sends. */
    bool counts_nd_target;

    /* Whether neighbors that are sent to are asked, before they age, whether
     * they are still there. */
    bool probes_neighbors;

    /* Whether a router port that has no IPv6 network to announce sends router
     * advertisements all the same. */
    bool advertises_without_prefix;

    /* Whether a router learns routes of the host's, too, which the kernel or
     * an administrator has made, rather than a routing daemon. */
    bool learns_host_routes;

    /* Whether a port's packets are shaped on the physical network that the
     * port names, and not at all if it names none, rather than on all. */
    bool shapes_by_network;

    /* Register into whose upper half goes by which tunnel a packet has come; 0
     * if nobody wants to know. */
    enum mf_field_id tunnel_ofport;

    /* Whether logical flows rely on it that asking 'ct_orig_*' leaves the
     * registers as they were. */
    bool keeps_ct_orig;

    /* Whether icmp4.frag_mtu and icmp6.frag_mtu are notes to the controller,
     * rather than packet-ins of their own. */
    bool frag_mtu_is_note;

    /* How expressions become flows: see "struct expr_env". */
    bool leaves_out_covered;
    bool negates_by_prefix;

    /* Whether all that port security says of neighbor discovery is about the
     * hop limit 255 and about one Ethernet address: see port-sec.h. */
    bool has_narrow_nd;

    /* Whether groups of a switch with a VTEP gateway tell what comes from that
     * from all else, without a table for it, see 'remote_vtep_output'. */
    bool tells_ramps_apart;

    /* Whether ports of other availability zones count as ports that packets
     * enter and leave through here. */
    bool remote_takes_part;

    /* Whether the flow by which containers' packets return to their parent has
     * the parent's cookie, rather than none. */
    bool has_nested_cookie;

    /* Whether the zones of members of a multicast group are loaded that get
     * their copy in another way, too. */
    bool loads_idle_zones;

    /* Conntrack zones of datapaths are kept by the datapath's name, in place
     * of its UUID. */
    bool names_zones;

    /* In seconds: the time between the first two announcements of an address.
     * It doubles after each. */
    int announce_interval;

    /* SB_Global.options:arp_ns_explicit_output: logical flows say where what
     * "arp" and "nd_ns" make goes; else it goes out by itself. */
    bool arp_ns_explicit_output;

    /* SB_Global.options:register_consolidation. */
    bool register_consolidation;
};

/* Chooses '*dialect' by what ovn-northd has written into SB_Global's 'options'
 * (NULL: none) of its release, and of what it speaks. */
void ovn_dialect_choose(const struct smap *options,
                        struct ovn_dialect *dialect);
/* Whether ovn-northd, which has written SB_Global's 'options' (NULL: none), is
 * of a release that we know, and whether it knows Load_Balancer
 * options:distributed=true, as 26.03's does. */
bool ovn_northd_is_known(const struct smap *options);
bool ovn_northd_knows_distributed(const struct smap *options);
/* Whether STT is among the types that rows of Encap may have in its southbound
 * database. */
bool ovn_northd_knows_stt(const struct smap *options);
/* That of OVN 23.03, which is spoken where nothing is known. */
const struct ovn_dialect *ovn_dialect_default(void);
bool ovn_dialect_equal(const struct ovn_dialect *, const struct ovn_dialect *);

#endif /* ovn/dialect.h */
