/* SPDX-License-Identifier: Apache-2.0 */

/* The releases' layouts of OpenFlow tables, and which registers go with what
 * the central announces; see ovn/dialect.h.
 *
 * Between the two logical pipelines lie a few tables that send packets to
 * other chassis; in front of them, and behind the egress pipeline, there is
 * room for more logical tables.  What comes after that is a block whose order
 * never changed: newer releases appended to it, and the newest moved it.  So a
 * layout is told by a handful of numbers.  A release to which a table of the
 * block is not known has nothing at its number, hence it does no harm to have
 * it there. */

#include <config.h>
#include "ovn/dialect.h"

#include "openvswitch/util.h"
#include "ovs-thread.h"
#include "smap.h"
#include "util.h"

/* The block's tables, from its first one on, which is 'save_inport'. */
enum {
    B_SAVE_INPORT,
    B_LOG_TO_PHY,
    B_MAC_BINDING,
    B_MAC_LOOKUP,
    B_CHK_LB_HAIRPIN,
    B_CHK_LB_HAIRPIN_REPLY,
    B_CT_SNAT_HAIRPIN,
    B_GET_FDB,
    B_LOOKUP_FDB,
    B_IN_PORT_SEC,
    B_IN_PORT_SEC_ND,
    B_OUT_PORT_SEC,
    B_ECMP_NH_MAC,
    B_ECMP_NH,
    B_CHK_LB_AFFINITY,
    B_MAC_CACHE_USE,
    B_CT_ZONE_LOOKUP,
    B_CT_ORIG_NW_DST,
    B_CT_ORIG_IP6_DST,
    B_CT_ORIG_TP_DST,
    B_FLOOD_REMOTE,
    B_CT_STATE_SAVE,
    B_CT_ORIG_PROTO,
    B_GET_REMOTE_FDB,
    B_LEARN_REMOTE_FDB,
    N_BLOCK,
};

/* Where the logical ingress pipeline begins, in all of them. */
#define INGRESS 8

struct layout {
    const char *release;        /* The first that has it. */
    uint8_t detect;             /* 'large_pkt_detect'. */
    bool has_vtep;              /* Has 'remote_vtep_output'. */
    uint8_t egress;             /* First table of the egress pipeline. */
    uint8_t block;              /* First table of the block. */
};

/* From the oldest to the newest.  23.06 had tables of its own; its successor
 * returned to those of 23.03. */
static const struct layout layouts[] = {
    { "23.03", 37, false, 42, 64 },
    { "23.06", 38, false, 43, 64 },
    { "23.09", 37, false, 42, 64 },
    { "24.09", 40, false, 45, 64 },
    { "25.09", 41, true, 47, 64 },
    { "26.03", 42, true, 48, 64 },
    { "26.09", 52, true, 62, 88 },
};

static int
n_ingress(const struct layout *l)
{
    return l->detect - INGRESS;
}

static int
n_egress(const struct layout *l)
{
    return l->block - l->egress;
}

static struct ovn_tables
layout_tables(const struct layout *l)
{
    uint8_t remote = l->detect + 2;
    uint8_t local = remote + (l->has_vtep ? 2 : 1);

    return (struct ovn_tables) {
        .phy_to_log = 0,
        .ingress = INGRESS,
        .n_ingress = n_ingress(l),
        .large_pkt_detect = l->detect,
        .large_pkt_process = l->detect + 1,
        .remote_output = remote,
        .remote_vtep_output = l->has_vtep ? remote + 1 : 0,
        .local_output = local,
        .check_loopback = local + 1,
        .egress = l->egress,
        .n_egress = n_egress(l),
        .save_inport = l->block + B_SAVE_INPORT,
        .log_to_phy = l->block + B_LOG_TO_PHY,
        .mac_binding = l->block + B_MAC_BINDING,
        .mac_lookup = l->block + B_MAC_LOOKUP,
        .chk_lb_hairpin = l->block + B_CHK_LB_HAIRPIN,
        .chk_lb_hairpin_reply = l->block + B_CHK_LB_HAIRPIN_REPLY,
        .ct_snat_hairpin = l->block + B_CT_SNAT_HAIRPIN,
        .get_fdb = l->block + B_GET_FDB,
        .lookup_fdb = l->block + B_LOOKUP_FDB,
        .in_port_sec = l->block + B_IN_PORT_SEC,
        .in_port_sec_nd = l->block + B_IN_PORT_SEC_ND,
        .out_port_sec = l->block + B_OUT_PORT_SEC,
        .ecmp_nh_mac = l->block + B_ECMP_NH_MAC,
        .ecmp_nh = l->block + B_ECMP_NH,
        .chk_lb_affinity = l->block + B_CHK_LB_AFFINITY,
        .mac_cache_use = l->block + B_MAC_CACHE_USE,
        .ct_zone_lookup = l->block + B_CT_ZONE_LOOKUP,
        .ct_orig_nw_dst = l->block + B_CT_ORIG_NW_DST,
        .ct_orig_ip6_dst = l->block + B_CT_ORIG_IP6_DST,
        .ct_orig_tp_dst = l->block + B_CT_ORIG_TP_DST,
        .flood_remote = l->block + B_FLOOD_REMOTE,
        .ct_state_save = l->block + B_CT_STATE_SAVE,
        .ct_orig_proto = l->block + B_CT_ORIG_PROTO,
        .get_remote_fdb = l->block + B_GET_REMOTE_FDB,
        .learn_remote_fdb = l->block + B_LEARN_REMOTE_FDB,
        .n = l->block + N_BLOCK,
    };
}

/* Registers.  "register_consolidation" moved those in use apart, so that the
 * pipeline's stages agree about them.  A chassis' own tables answer in a
 * register that the logical flow does not name: at first one that the pipeline
 * did not use, and then, when there was none left, one whose content is put
 * back. */

static struct ovn_registers
registers(const struct layout *l, bool consolidated)
{
    bool keeps_ct_orig = l->has_vtep;

    return (struct ovn_registers) {
        .lb_dst_ip4 = consolidated ? MFF_REG4 : MFF_REG1,
        .lb_dst_ip6 = MFF_XXREG1,
        .lb_dst_port = MFF_REG2,
        .mac_binding_ip6 = consolidated ? MFF_XXREG1 : MFF_XXREG0,
        .affinity_ip4 = MFF_REG4,
        .affinity_ip6_switch = consolidated ? MFF_XXREG1 : MFF_XXREG0,
        .affinity_ip6_router = MFF_XXREG1,
        .affinity_port = consolidated ? MFF_REG2 : MFF_REG8,
        .ct_orig_nw_dst = keeps_ct_orig ? MFF_XXREG1 : MFF_REG1,
        .ct_orig_ip6_dst = MFF_XXREG1,
        .ct_orig_tp_dst = keeps_ct_orig ? MFF_XXREG1 : MFF_REG2,
        .ct_orig_proto = MFF_XXREG1,
        .ct_saved_state = MFF_REG4,
        .flood_remote = keeps_ct_orig ? 0 : MFF_REG6,
    };
}

static void
compose(const struct layout *l, const struct smap *options,
        struct ovn_dialect *d)
{
    bool consolidated = options && smap_get_bool(
        options, "register_consolidation", false);

    *d = (struct ovn_dialect) {
        .layout = l->release,
        .tables = layout_tables(l),
        .regs = registers(l, consolidated),
        .counts_nd_target = l - layouts < 5,
        .tunnel_ofport = l - layouts >= 5 ? MFF_REG5 : 0, /* 26.03 */
        .keeps_ct_orig = l->has_vtep,
        /* 26.03. */
        .negates_by_prefix = l - layouts >= 5,
        .has_narrow_nd = l - layouts >= 5,
        .learns_host_routes = l - layouts < 5,
        .loads_idle_zones = l - layouts < 5,
        /* These came with 25.03, or between 24.03 and that. */
        .frag_mtu_is_note = consolidated,
        .probes_neighbors = consolidated,
        .advertises_without_prefix = consolidated,
        .leaves_out_covered = consolidated,
        .remote_takes_part = consolidated,
        .shapes_by_network = consolidated,
        .tells_ramps_apart = consolidated,
        .has_nested_cookie = consolidated,
        /* 23.03 and 23.06 have none. */
        .has_encap_id = l - layouts >= 2,
        .tunnels_start_somewhere = l - layouts >= 3, /* 24.09 */
        .names_zones = l - layouts >= 1,
        .announce_interval = l - layouts >= 3 ? 1 : 2, /* 24.09 */
        .arp_ns_explicit_output = options && smap_get_bool(
            options, "arp_ns_explicit_output", false),
        .register_consolidation = consolidated,
    };
}

/* Sets what there is to know of the release in SB_Global's 'options', such as
 * "24.03.2-20.33.0-72.6".  Returns false if that is nothing. */
static bool
parse_version(const struct smap *options, int *year, int *month, int *micro)
{
    const char *version = options ? smap_get(options,
                                             "northd_internal_version") : NULL;

    return version && ovs_scan(version, "%d.%d.%d", year, month, micro);
}

/* Returns the layout of the release that has written SB_Global's 'options', or
 * that of the oldest one if there is no telling.  (What flows there are does
 * not matter: a chassis may not see all of them.) */
static const struct layout *
layout_of_release(const struct smap *options)
{
    int year, month, micro;
    size_t best = 0;

    if (!parse_version(options, &year, &month, &micro)) {
        return &layouts[0];
    }
    for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
        int y, m;

        ovs_assert(ovs_scan(layouts[i].release, "%d.%d", &y, &m));
        if (year > y || (year == y && month >= m)) {
            best = i;
        }
    }
    /* 24.03.90 and so on are on the way to the next release. */
    return &layouts[MIN(best + (micro >= 90), ARRAY_SIZE(layouts) - 1)];
}

bool
ovn_northd_is_known(const struct smap *options)
{
    int year, month, micro;

    return (parse_version(options, &year, &month, &micro)
            && (year > 23 || (year == 23 && month >= 3))
            && (year < 26 || (year == 26 && month <= 3)));
}

bool
ovn_northd_knows_distributed(const struct smap *options)
{
    int year, month, micro;

    return (parse_version(options, &year, &month, &micro)
            && (year > 26 || (year == 26 && month >= 3)));
}

/* The version of the schema follows that of the release: "26.03.1-21.8.0-...".
 * The first number has become 21 when STT went: what had been valid was not
 * any more. */
bool
ovn_northd_knows_stt(const struct smap *options)
{
    const char *version = options ? smap_get(options,
                                             "northd_internal_version") : NULL;
    int year, month, micro, schema;

    return !(version && ovs_scan(version, "%d.%d.%d-%d.", &year, &month,
                                 &micro, &schema)
             && schema >= 21);
}

void
ovn_dialect_choose(const struct smap *options, struct ovn_dialect *dialect)
{
    compose(layout_of_release(options), options, dialect);
}

const struct ovn_dialect *
ovn_dialect_default(void)
{
    static struct ovn_dialect dialect;
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        compose(&layouts[0], NULL, &dialect);
        ovsthread_once_done(&once);
    }
    return &dialect;
}

bool
ovn_dialect_equal(const struct ovn_dialect *a, const struct ovn_dialect *b)
{
    /* All else follows from these. */
    return (a->layout == b->layout
            && a->arp_ns_explicit_output == b->arp_ns_explicit_output
            && a->register_consolidation == b->register_consolidation);
}
