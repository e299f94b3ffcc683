/* SPDX-License-Identifier: Apache-2.0 */

/* Flows of a logical port
 * =======================
 *
 * One unit for each Port_Binding.  For a port of a local datapath it finds
 * out which of these the port is, and puts out the flows of that one:
 *
 *   - here: an OpenFlow port of the integration bridge implements it (VIFs,
 *     containers in them, localports; localnet and l2gateway ports through
 *     their patch ports).
 *   - patch: it leads into another logical datapath; no packet leaves the
 *     switch.
 *   - chassisredirect: it stands for a router port on whatever chassis has
 *     the port.
 *   - elsewhere: behind the datapath's localnet port if this chassis has it,
 *     else behind a tunnel.
 *
 * A port that is being migrated is in several places at a time, and packets
 * for it go to all of them, by tunnel. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "byte-order.h"
#include "flow-table.h"
#include "flow.h"
#include "inputs.h"
#include "local-datapath.h"
#include "local-encaps.h"
#include "lport-addresses.h"
#include "lport-way.h"
#include "ofctrl.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/vlog.h"
#include "ovn/actions.h"
#include "packets.h"
#include "patch.h"
#include "physical-common.h"
#include "sset.h"
#include "tunnel-bfd.h"
#include "tunnel.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(physical_port);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* The port whose unit runs. */
struct port_ctx {
    struct inc_unit *unit;
    const struct ovn_tables *tables;
    const struct port_binding *pb;
    uint32_t dp_key;
    uint32_t cookie;
    struct zone_ids zones;
    struct uuid our_chassis;
    size_t encap_id;            /* Of packets from the port. */
    struct ofpbuf ofpacts;      /* To build actions in. */
};

static bool
is_bound_here(const struct port_ctx *ctx)
{
    return !uuid_is_zero(&ctx->our_chassis)
           && uuid_equals(&ctx->pb->chassis, &ctx->our_chassis);
}

/* Of a port that has gateways, whether we are the active one. */
static bool
is_gateway(const struct port_ctx *ctx)
{
    return binding_is_resident(ctx->unit, ctx->pb->logical_port);
}

/* Adds a flow with the actions in 'ctx', and clears them. */
static void
add_flow(struct port_ctx *ctx, uint8_t table, uint16_t priority,
         const struct match *match)
{
    flow_output_add(ctx->unit, table, priority, ctx->cookie, match,
                    &ctx->ofpacts);
    ofpbuf_clear(&ctx->ofpacts);
}

/* Ports that have an end here, real or patch. */

/* local_output, check_loopback and save_inport: output to the port, but not
 * back to where the packet came from unless that is allowed.  'nested': the
 * port shares its OpenFlow port with others, so that going back there is
 * nothing special. */
static void
add_local_output(struct port_ctx *ctx, bool nested)
{
    const uint16_t key = ctx->pb->tunnel_key;
    struct match match;

    match_outport(&match, ctx->dp_key, key);
    put_zones(&ctx->zones, in_dialect(ctx->unit), &ctx->ofpacts);
    put_resubmit(ctx->tables->check_loopback, &ctx->ofpacts);
    add_flow(ctx, ctx->tables->local_output, 100, &match);

    match_outport(&match, ctx->dp_key, key);
    match_flags(&match, 0, MLF_BIT(ALLOW_LOOPBACK));
    match_set_reg(&match, MFF_LOG_INPORT - MFF_REG0, key);
    put_drop(ctx->unit, ctx->tables->check_loopback, &ctx->ofpacts);
    add_flow(ctx, ctx->tables->check_loopback, 100, &match);

    match_outport(&match, ctx->dp_key, key);
    if (!nested) {
        match_flags(&match, MLF_BIT(ALLOW_LOOPBACK), MLF_BIT(ALLOW_LOOPBACK));
    }
    put_push_in_port(&ctx->ofpacts);
    put_forget_in_port(&ctx->ofpacts);
    put_resubmit(ctx->tables->log_to_phy, &ctx->ofpacts);
    put_pop_in_port(&ctx->ofpacts);
    add_flow(ctx, ctx->tables->save_inport, 100, &match);
}

/* Loads what a packet needs that enters at the port. */
static void
put_enter(const struct port_ctx *ctx, struct ofpbuf *ofpacts)
{
    put_zones(&ctx->zones, in_dialect(ctx->unit), ofpacts);
    put_load(MFF_LOG_DATAPATH, ctx->dp_key, ofpacts);
    put_load(MFF_LOG_INPORT, ctx->pb->tunnel_key, ofpacts);
    put_encap_id(in_dialect(ctx->unit), ctx->encap_id, ofpacts);
}

/* phy_to_log, and log_to_phy without the output action. */

/* How a port's packets look at its OpenFlow port. */
enum port_tagging {
    TAG_NONE,                   /* As they are. */
    TAG_VLAN,                   /* In a VLAN. */
    TAG_UNTAGGED,               /* Outside of VLANs. */
    TAG_ANY,                    /* Outside of VLANs or in any one: a flow of
                                 * its own counts the former. */
};

/* Matches packets of a VLAN, or those outside of all. */
static void
match_vlan(struct match *match, int tag)
{
    if (tag) {
        match_set_dl_vlan(match, htons(tag), 0);
    } else {
        match_set_dl_tci_masked(match, 0, htons(VLAN_CFI));
    }
}

static void
put_into_pipeline(struct port_ctx *ctx, bool nested, bool strip)
{
    struct ofpbuf *ofpacts = &ctx->ofpacts;

    if (nested) {
        put_load_bits(MFF_LOG_FLAGS, MLF_NESTED_CONTAINER_BIT, 1, 1, ofpacts);
    }
    if (strip) {
        ofpact_put_STRIP_VLAN(ofpacts);
    }
    put_enter(ctx, ofpacts);
    if (ctx->pb->type == LP_LOCALPORT) {
        put_load_bits(MFF_LOG_FLAGS, MLF_LOCALPORT_BIT, 1, 1, ofpacts);
    }
    put_resubmit(ctx->tables->ingress, ofpacts);
}

static void
add_input(struct port_ctx *ctx, ofp_port_t ofport, enum port_tagging tagging,
          int tag, bool nested)
{
    struct match match;

    match_init_catchall(&match);
    match_set_in_port(&match, ofport);
    if (tagging == TAG_NONE) {
        put_into_pipeline(ctx, nested, false);
        add_flow(ctx, ctx->tables->phy_to_log, 100, &match);
    } else if (tagging == TAG_VLAN) {
        match_vlan(&match, tag);
        put_into_pipeline(ctx, nested, true);
        add_flow(ctx, ctx->tables->phy_to_log, 150, &match);
    } else {
        struct match untagged = match;

        match_vlan(&untagged, 0);
        put_into_pipeline(ctx, nested, false);
        add_flow(ctx, ctx->tables->phy_to_log, 100, &untagged);

        /* A priority tag alone is as good as none. */
        if (tagging == TAG_UNTAGGED) {
            match_set_dl_vlan(&match, htons(0), 0);
        }
        put_into_pipeline(ctx, nested, tagging == TAG_UNTAGGED);
        add_flow(ctx, ctx->tables->phy_to_log, 100, &match);
    }
}

/* The type of the VLAN headers on the port's physical network.  OVN 23.03's
 * manual takes the standards for others, of wireless networks. */
static uint16_t
vlan_ethertype(struct inc_unit *unit, const struct port_binding *pb)
{
    const char *type = smap_get_def(&pb->options, "ethtype", "802.1q");

    if (!strcmp(type, "802.1ad") || !strcmp(type, "802.11ad")) {
        return ETH_TYPE_VLAN_8021AD;
    } else if (strcmp(type, "802.1q") && strcmp(type, "802.11q")) {
        UNIT_WARN(unit, &rl,
                  "port %s: options:ethtype \"%s\" is neither 802.1q "
                  "nor 802.1ad: 802.1q is used", pb->logical_port, type);
    }
    return ETH_TYPE_VLAN_8021Q;
}

static void
add_output(struct port_ctx *ctx, ofp_port_t ofport, int tag)
{
    struct match match;

    match_outport(&match, ctx->dp_key, ctx->pb->tunnel_key);
    if (tag) {
        put_push_vlan(vlan_ethertype(ctx->unit, ctx->pb), tag, &ctx->ofpacts);
    }
    put_output(ofport, &ctx->ofpacts);
    if (tag) {
        /* A group's packet goes on to the next port. */
        ofpact_put_STRIP_VLAN(&ctx->ofpacts);
    }
    add_flow(ctx, ctx->tables->log_to_phy, 100, &match);
}

/* A container's packet may also go back to its parent's OpenFlow port when
 * it is for the parent itself. */
static void
add_container_to_parent(struct port_ctx *ctx, const char *parent_name)
{
    const struct port_binding *parent = in_port_binding(ctx->unit,
                                                        parent_name);
    const uint32_t cookie = ctx->cookie;
    struct match match;

    if (!parent) {
        return;
    }
    match_outport(&match, ctx->dp_key, parent->tunnel_key);
    match_flags(&match, MLF_BIT(NESTED_CONTAINER), MLF_BIT(NESTED_CONTAINER));
    put_push_in_port(&ctx->ofpacts);
    put_forget_in_port(&ctx->ofpacts);
    put_resubmit(ctx->tables->log_to_phy, &ctx->ofpacts);
    put_pop_in_port(&ctx->ofpacts);
    /* All containers of the parent share it. */
    ctx->cookie = (in_dialect(ctx->unit)->has_nested_cookie
                   ? row_cookie(&parent->uuid) : 0);
    add_flow(ctx, ctx->tables->save_inport, 100, &match);
    ctx->cookie = cookie;
}

/* How the virtual machine behind a port that is migrating to this chassis may
 * announce itself. */
enum activation {
    ACTIVATE_BY_RARP = 1 << 0,
    ACTIVATE_BY_GARP = 1 << 1,
    ACTIVATE_BY_NA = 1 << 2,
};

/* Adds the flow for announcements that 'match' matches. */
static void
add_activator(struct port_ctx *ctx, const struct match *match)
{
    put_enter(ctx, &ctx->ofpacts);
    size_t start = put_controller_start(
        ACTION_OPCODE_ACTIVATION_STRATEGY_RARP, false, NX_CTLR_NO_METER,
        &ctx->ofpacts);
    put_controller_finish(start, &ctx->ofpacts);
    put_resubmit(ctx->tables->ingress, &ctx->ofpacts);
    add_flow(ctx, ctx->tables->phy_to_log, 1010, match);
}

/* Adds those for 'mac', which says that it has 'ip'. */
static void
add_activator_ip(struct port_ctx *ctx, ofp_port_t ofport, struct eth_addr mac,
                 const struct in6_addr *ip, unsigned int how)
{
    struct match match;

    match_init_catchall(&match);
    match_set_in_port(&match, ofport);
    if (IN6_IS_ADDR_V4MAPPED(ip) && how & ACTIVATE_BY_GARP) {
        match_set_dl_type(&match, htons(ETH_TYPE_ARP));
        match_set_dl_src(&match, mac);
        match_set_nw_src(&match, in6_addr_get_mapped_ipv4(ip));
        match_set_nw_dst(&match, in6_addr_get_mapped_ipv4(ip));
        match_set_arp_sha(&match, mac);
        add_activator(ctx, &match);
    } else if (!IN6_IS_ADDR_V4MAPPED(ip) && how & ACTIVATE_BY_NA) {
        match_set_dl_type(&match, htons(ETH_TYPE_IPV6));
        match_set_nw_proto(&match, IPPROTO_ICMPV6);
        match_set_icmp_type(&match, ND_NEIGHBOR_ADVERT);
        match_set_icmp_code(&match, 0);
        match_set_ipv6_src(&match, ip);
        match_set_nd_target(&match, ip);
        match_set_arp_tha(&match, mac);
        add_activator(ctx, &match);
    }
}

/* A port that is migrating to this chassis must neither send nor receive
 * before the virtual machine announces itself. */
static void
add_activation(struct port_ctx *ctx, ofp_port_t ofport, unsigned int how)
{
    const struct port_binding *pb = ctx->pb;
    struct match match;

    match_init_catchall(&match);
    match_set_in_port(&match, ofport);
    add_flow(ctx, ctx->tables->phy_to_log, 1000, &match);

    match_outport(&match, ctx->dp_key, pb->tunnel_key);
    add_flow(ctx, ctx->tables->log_to_phy, 1000, &match);

    if (how & ACTIVATE_BY_RARP) {
        match_init_catchall(&match);
        match_set_in_port(&match, ofport);
        match_set_dl_type(&match, htons(ETH_TYPE_RARP));
        add_activator(ctx, &match);
    }
    for (size_t i = 0; i < pb->n_mac; i++) {
        struct lport_addresses la;
        char *error = lport_addresses_parse(&la, pb->mac[i]);

        if (error) {
            free(error);        /* "unknown": somebody without addresses. */
            continue;
        }

        struct in6_addr link_local;
        bool has_ipv6 = false;
        in6_generate_lla(la.mac, &link_local);
        for (size_t j = 0; j < la.n_ips; j++) {
            has_ipv6 |= !IN6_IS_ADDR_V4MAPPED(&la.ips[j]);
            if (!ipv6_addr_equals(&la.ips[j], &link_local)) {
                add_activator_ip(ctx, ofport, la.mac, &la.ips[j], how);
            }
        }
        if (has_ipv6) {
            add_activator_ip(ctx, ofport, la.mac, &link_local, how);
        }
        lport_addresses_destroy(&la);
    }
}

/* What 'strategy', a list of words, says. */
static unsigned int
parse_activation(const struct port_ctx *ctx, const char *strategy)
{
    char *copy = xstrdup(strategy);
    char *save_ptr = NULL;
    unsigned int how = 0;

    for (char *word = strtok_r(copy, ", ", &save_ptr); word;
         word = strtok_r(NULL, ", ", &save_ptr)) {
        if (!strcmp(word, "rarp")) {
            how |= ACTIVATE_BY_RARP;
        } else if (!strcmp(word, "garp")) {
            how |= ACTIVATE_BY_GARP;
        } else if (!strcmp(word, "na")) {
            how |= ACTIVATE_BY_NA;
        } else {
            UNIT_WARN(ctx->unit, &rl,
                      "port %s: activation-strategy \"%s\" is not "
                      "known", ctx->pb->logical_port, word);
        }
    }
    if (!how) {
        UNIT_WARN(ctx->unit, &rl,
                  "port %s: no activation-strategy is known, so the "
                  "port is active from the start", ctx->pb->logical_port);
    }
    free(copy);
    return how;
}

/* Whether 'lp', which is migrating to this chassis, has to wait, and for what:
 * 0 if not. */
static unsigned int
must_activate(struct port_ctx *ctx, const struct local_port *lp)
{
    const char *strategy = smap_get(&ctx->pb->options, "activation-strategy");

    if (!lp->additional || !strategy || !strategy[0]) {
        return 0;
    }

    const struct chassis *us = in_chassis(ctx->unit, &ctx->our_chassis);
    const char *done = smap_get(&ctx->pb->options,
                                "additional-chassis-activated");
    struct sset activated;
    sset_from_delimited_string(&activated, done ? done : "", ",");
    bool is_activated = us && sset_contains(&activated, us->name);
    sset_destroy(&activated);
    return is_activated ? 0 : parse_activation(ctx, strategy);
}

/* Packets from a localport never leave the chassis. */
static void
add_localport(struct port_ctx *ctx)
{
    struct match match;

    match_init_catchall(&match);
    match_set_metadata(&match, htonll(ctx->dp_key));
    match_set_reg(&match, MFF_LOG_INPORT - MFF_REG0, ctx->pb->tunnel_key);
    put_resubmit(ctx->tables->local_output, &ctx->ofpacts);
    add_flow(ctx, ctx->tables->remote_output, 150, &match);
}

static void
add_vif(struct port_ctx *ctx, const struct local_port *lp)
{
    const bool nested = lp->parent != NULL;

    ctx->encap_id = local_encap_of_iface(ctx->unit, lp->iface);
    add_local_output(ctx, nested);
    add_input(ctx, lp->ofport, nested ? TAG_VLAN : TAG_NONE, lp->tag, nested);
    add_output(ctx, lp->ofport, lp->tag);
    if (nested) {
        add_container_to_parent(ctx, lp->parent);
    }
    if (lp->type == LP_LOCALPORT) {
        add_localport(ctx);
    }

    const unsigned int how = must_activate(ctx, lp);
    if (how) {
        add_activation(ctx, lp->ofport, how);
    }
}

/* Localnet and l2gateway ports. */

static void
add_physnet(struct port_ctx *ctx, ofp_port_t ofport)
{
    const int tag = ctx->pb->tag;
    const bool passthru = smap_get_bool(&ctx->pb->options, "vlan-passthru",
                                        false);

    add_local_output(ctx, false);
    add_input(ctx, ofport,
              tag ? TAG_VLAN : passthru ? TAG_ANY : TAG_UNTAGGED,
              tag, false);
    add_output(ctx, ofport, tag);
}

/* What is for this chassis only, or from a localport, must not get into the
 * physical network. */
static void
add_localnet(struct port_ctx *ctx, ofp_port_t ofport)
{
    static const uint32_t flags[] = {
        MLF_BIT(LOCAL_ONLY), MLF_BIT(LOCALPORT),
    };

    add_physnet(ctx, ofport);
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        struct match match;

        uint32_t mask = flags[i];
        if (mask == MLF_BIT(LOCAL_ONLY)
            && in_dialect(ctx->unit)->has_encap_id) {
            mask |= MLF_BIT(OVERRIDE_LOCAL_ONLY);
        }
        match_outport(&match, ctx->dp_key, ctx->pb->tunnel_key);
        match_flags(&match, flags[i], mask);
        put_drop(ctx->unit, ctx->tables->check_loopback, &ctx->ofpacts);
        add_flow(ctx, ctx->tables->check_loopback, 160, &match);
    }
}

/* Patch ports. */

/* The first Ethernet address of router port 'pb'. */
static bool
get_port_mac(const struct port_binding *pb, struct eth_addr *mac)
{
    return pb->n_mac && ovs_scan(pb->mac[0], ETH_ADDR_SCAN_FMT,
                                 ETH_ADDR_SCAN_ARGS(*mac));
}

struct find_mac_ctx {
    const char *network;
    struct eth_addr mac;
    bool found;
};

static void
find_mac_cb(const char *network, const struct eth_addr *mac, void *find_)
{
    struct find_mac_ctx *find = find_;

    if (!find->found && !strcmp(network, find->network)) {
        find->mac = *mac;
        find->found = true;
    }
}

/* Router port 'lrp', on the other side of our patch port, is here as on other
 * chassis.  Towards the physical network (localnet port 'ln'), which must not
 * see its address in several places, this chassis' own one stands in. */
static void
add_hide_router_mac(struct port_ctx *ctx, const struct port_binding *lrp,
                    const struct eth_addr *lrp_mac,
                    const struct port_binding *ln, ofp_port_t ofport)
{
    struct find_mac_ctx find = {
        .network = smap_get(&ln->options, "network_name"),
    };
    const char *cr = smap_get(&lrp->options, "chassis-redirect-port");
    if (!find.network
        || (cr && binding_is_resident(ctx->unit, cr))) {
        return;
    }
    chassis_macs_for_each(ctx->unit, in_config(ctx->unit,
                                               "ovn-chassis-mac-mappings"),
                          find_mac_cb, &find);
    if (!find.found) {
        return;
    }

    const uint32_t cookie = ctx->cookie;
    struct match match;
    match_outport(&match, ctx->dp_key, ln->tunnel_key);
    match_set_dl_src(&match, *lrp_mac);
    put_set_eth_src(&find.mac, &ctx->ofpacts);
    if (ln->tag) {
        put_push_vlan(vlan_ethertype(ctx->unit, ln), ln->tag, &ctx->ofpacts);
    }
    put_output(ofport, &ctx->ofpacts);
    put_set_eth_src(lrp_mac, &ctx->ofpacts);
    if (ln->tag) {
        ofpact_put_STRIP_VLAN(&ctx->ofpacts);
    }
    ctx->cookie = row_cookie(&ln->uuid);
    add_flow(ctx, ctx->tables->log_to_phy, 150, &match);
    ctx->cookie = cookie;
}

/* The reverse, for packets from another chassis' 'lrp'. */
static void
add_restore_router_mac(struct port_ctx *ctx, const struct port_binding *lrp,
                       const struct eth_addr *lrp_mac,
                       const struct port_binding *ln, ofp_port_t ofport)
{
    const uint32_t cookie = ctx->cookie;
    struct match match;

    ctx->cookie = row_cookie(&lrp->uuid);

    match_init_catchall(&match);
    if (in_dialect(ctx->unit)->has_encap_id) {
        match_set_in_port(&match, ofport);
    }
    match_vlan(&match, ln->tag);
    put_chassis_mac_clause(1, &ctx->ofpacts);
    add_flow(ctx, ctx->tables->phy_to_log, 180, &match);

    const struct zone_ids zones = zone_ids_get(ctx->unit, ln->logical_port,
                                               &ln->datapath);
    match_set_in_port(&match, ofport);
    match_set_conj_id(&match, CHASSIS_MAC_CONJ_ID);
    if (ln->tag) {
        ofpact_put_STRIP_VLAN(&ctx->ofpacts);
    }
    put_zones(&zones, in_dialect(ctx->unit), &ctx->ofpacts);
    put_load(MFF_LOG_DATAPATH, ctx->dp_key, &ctx->ofpacts);
    put_load(MFF_LOG_INPORT, ln->tunnel_key, &ctx->ofpacts);
    put_encap_id(in_dialect(ctx->unit), 0, &ctx->ofpacts);
    put_set_eth_src(lrp_mac, &ctx->ofpacts);
    put_resubmit(ctx->tables->ingress, &ctx->ofpacts);
    add_flow(ctx, ctx->tables->phy_to_log, 180, &match);

    ctx->cookie = cookie;
}

/* If the port is the switch's side of router port 'lrp': for each localnet
 * port of the switch that this chassis implements. */
static void
add_chassis_macs(struct port_ctx *ctx, const struct port_binding *lrp)
{
    const struct inc_set *names = binding_localnet_ports(ctx->unit,
                                                         &ctx->pb->datapath);
    const struct port_binding *ln;
    struct eth_addr mac;
    ofp_port_t ofport;
    size_t i = 0;

    if (!get_port_mac(lrp, &mac)) {
        return;
    }
    while ((ln = physical_next_localnet(ctx->unit, names, &i, &ofport))) {
        add_hide_router_mac(ctx, lrp, &mac, ln, ofport);
        add_restore_router_mac(ctx, lrp, &mac, ln, ofport);
    }
}

/* log_to_phy: into the pipeline of the peer's datapath, with nothing of this
 * one's metadata. */
static void
add_to_peer(struct port_ctx *ctx, const struct port_binding *peer)
{
    const struct datapath_binding *dp = in_datapath(ctx->unit,
                                                    &peer->datapath);
    if (!dp) {
        return;
    }

    const struct zone_ids zones = zone_ids_get(ctx->unit, peer->logical_port,
                                               &peer->datapath);
    struct ofpbuf *ofpacts = &ctx->ofpacts;
    struct match match;

    match_outport(&match, ctx->dp_key, ctx->pb->tunnel_key);
    ofpact_put_CLONE(ofpacts);
    ofpact_put_CT_CLEAR(ofpacts);
    put_load(MFF_LOG_DNAT_ZONE, 0, ofpacts);
    put_load(MFF_LOG_SNAT_ZONE, 0, ofpacts);
    put_port_zone(in_dialect(ctx->unit), 0, ofpacts);
    put_zones(&zones, in_dialect(ctx->unit), ofpacts);
    put_load(MFF_LOG_DATAPATH, dp->tunnel_key, ofpacts);
    put_load(MFF_LOG_INPORT, peer->tunnel_key, ofpacts);
    put_load(MFF_LOG_FLAGS, 0, ofpacts);
    put_load(MFF_LOG_OUTPORT, 0, ofpacts);
    for (int i = 0; i < MFF_N_LOG_REGS; i++) {
        put_load(MFF_REG0 + i, 0, ofpacts);
    }
    put_resubmit(ctx->tables->ingress, ofpacts);

    struct ofpact_nest *clone = ofpacts->data;
    ofpacts->header = clone;
    ofpact_finish_CLONE(ofpacts, &clone);
    add_flow(ctx, ctx->tables->log_to_phy, 100, &match);
}

/* The peer of the port (a "patch" Port_Binding on a local datapath, or
 * l3gateway here), or NULL. */
static const struct port_binding *
find_peer(struct port_ctx *ctx)
{
    const struct port_binding *pb = ctx->pb;
    const char *name = smap_get(&pb->options, "peer");

    if (!name || !local_datapath(ctx->unit, &pb->datapath)
        || !(pb->type == LP_PATCH
             || (pb->type == LP_L3GATEWAY
                 && binding_local_port(ctx->unit, pb->logical_port)))) {
        return NULL;
    }

    /* A peering that is not mutual is half a change of the northbound
     * database: wait for the other half. */
    const struct port_binding *peer = in_port_binding(ctx->unit, name);
    const char *back = (peer && peer->type == pb->type
                        ? smap_get(&peer->options, "peer") : NULL);
    return back && !strcmp(back, pb->logical_port) ? peer : NULL;
}

static void
add_patch(struct port_ctx *ctx)
{
    const struct port_binding *peer = find_peer(ctx);
    if (!peer) {
        return;
    }

    add_local_output(ctx, false);
    add_to_peer(ctx, peer);
    add_chassis_macs(ctx, peer);
}

/* Ports elsewhere. */

/* Encapsulates and outputs to 'chassis', to that of the 'n' 'encaps' that is
 * its own, if there is one, from our 'id'th address; false if there is no
 * tunnel. */
static bool
put_to_chassis(struct port_ctx *ctx, const struct uuid *chassis,
               const struct uuid *encaps, size_t n, size_t id)
{
    if (uuid_is_zero(chassis) || uuid_equals(chassis, &ctx->our_chassis)) {
        return false;
    }

    const struct tunnel *t
        = tunnel_find(ctx->unit, chassis,
                        physical_encap_ip(ctx->unit, chassis, encaps, n), id);

    /* A ramp knows the logical switch only. */
    const uint16_t key = (t && t->type == ENCAP_VXLAN
                          && ctx->pb->type == LP_VTEP
                          ? 0 : ctx->pb->tunnel_key);

    if (!t || !put_tunnel_metadata(t->type,
                                   ofctrl_geneve_field_read(ctx->unit),
                                   ctx->dp_key, key, &ctx->ofpacts)) {
        return false;
    }
    put_to_tunnel(ctx->unit, t, &ctx->ofpacts);
    return true;
}

/* By tunnel from our 'id'th address to every other chassis that has the port;
 * false, and nothing done, if there is no way to any. */
static bool
put_tunnels(struct port_ctx *ctx, size_t id)
{
    const struct port_binding *pb = ctx->pb;
    bool any;

    if (pb->type == LP_VTEP) {
        /* A ramp's packets may go back to it. */
        put_forget_in_port(&ctx->ofpacts);
    }
    any = put_to_chassis(ctx, &pb->chassis, &pb->encap,
                         !uuid_is_zero(&pb->encap), id);
    for (size_t i = 0; i < pb->n_additional_chassis; i++) {
        const struct uuid *chassis = &pb->additional_chassis[i];

        if (!uuid_equals(chassis, &pb->chassis)) {
            any |= put_to_chassis(ctx, chassis, pb->additional_encap,
                                  pb->n_additional_encap, id);
        }
    }
    if (!any) {
        ofpbuf_clear(&ctx->ofpacts);
    }
    return any;
}

/* remote_output: by tunnel, and to where it is here, if it is. */
static void
add_tunneled(struct port_ctx *ctx)
{
    const size_t n_ids = local_encap_count(ctx->unit);
    const bool is_nf = lport_is_nf(in_dialect(ctx->unit), &ctx->pb->options);

    for (size_t id = 0; id < n_ids; id++) {
        struct match match;

        if (is_nf) {
            /* What a network function is to see may have come from where that
             * is. */
            put_push_in_port(&ctx->ofpacts);
            put_forget_in_port(&ctx->ofpacts);
        }
        if (!put_tunnels(ctx, id)) {
            return;
        }
        match_outport(&match, ctx->dp_key, ctx->pb->tunnel_key);
        match_encap_id(in_dialect(ctx->unit), id, &match);
        put_resubmit(table_after_remote(ctx->tables), &ctx->ofpacts);
        if (is_nf) {
            put_pop_in_port(&ctx->ofpacts);
        }
        add_flow(ctx, ctx->tables->remote_output, 100, &match);
    }
}

/* remote_output, before a localnet port gets it: what a migrating port sends
 * goes by tunnel, so that the physical network does not see one address in two
 * places at a time. */
static void
add_from_migrating(struct port_ctx *ctx)
{
    const struct inc_set *names = in_migrating_ports(ctx->unit,
                                                     &ctx->pb->datapath);

    if (!inc_set_count(names) || !put_tunnels(ctx, 0)) {
        return;
    }
    for (size_t i = 0; i < inc_set_count(names); i++) {
        const struct lport *from = in_lport(ctx->unit,
                                            inc_set_at(names, i).data);
        struct match match;

        if (from) {
            match_outport(&match, ctx->dp_key, ctx->pb->tunnel_key);
            match_set_reg(&match, MFF_LOG_INPORT - MFF_REG0,
                          from->tunnel_key);
            flow_output_add(ctx->unit, ctx->tables->remote_output, 110,
                            ctx->cookie, &match, &ctx->ofpacts);
        }
    }
    ofpbuf_clear(&ctx->ofpacts);
}

/* What a ramp sends has no logical input port: it is the ramp's own. */
static void
add_vtep_input(struct port_ctx *ctx)
{
    const struct tunnel *t = tunnel_find(ctx->unit, &ctx->pb->chassis, NULL,
                                         0);
    struct match match;

    if (!t || t->type != ENCAP_VXLAN) {
        return;
    }
    match_init_catchall(&match);
    match_set_in_port(&match, t->ofport);
    if (t->by_flow) {
        match_tunnel_source(t, &match);
    }
    match_set_tun_id(&match, htonll(ctx->dp_key));
    put_move(MFF_TUN_ID, 0, MFF_LOG_DATAPATH, 0, 24, &ctx->ofpacts);
    put_load_bits(MFF_LOG_INPORT, 0, 15, ctx->pb->tunnel_key, &ctx->ofpacts);
    put_load_bits(MFF_LOG_FLAGS, MLF_RCV_FROM_RAMP_BIT, 1, 1, &ctx->ofpacts);
    put_resubmit(ctx->tables->ingress, &ctx->ofpacts);
    add_flow(ctx, ctx->tables->phy_to_log, 110, &match);
}

/* local_output: to wherever it is, by the physical network. */
static void
add_behind_localnet(struct port_ctx *ctx, const struct port_binding *ln)
{
    struct match match;

    match_outport(&match, ctx->dp_key, ctx->pb->tunnel_key);
    put_load(MFF_LOG_OUTPORT, ln->tunnel_key, &ctx->ofpacts);
    put_resubmit(ctx->tables->local_output, &ctx->ofpacts);
    add_flow(ctx, ctx->tables->local_output, 100, &match);
}

/* An external port that this chassis serves is behind localnet port 'ln',
 * perhaps.  What a localport (a DHCP or metadata server, say) sends it may go
 * there, in spite of add_localnet(). */
static void
add_external_behind(struct port_ctx *ctx, const struct port_binding *ln)
{
    const uint32_t cookie = ctx->cookie;

    ctx->cookie = row_cookie(&ln->uuid);
    for (size_t i = 0; i < ctx->pb->n_mac; i++) {
        struct match match;
        struct eth_addr mac;

        if (ovs_scan(ctx->pb->mac[i], ETH_ADDR_SCAN_FMT,
                     ETH_ADDR_SCAN_ARGS(mac))) {
            match_outport(&match, ctx->dp_key, ln->tunnel_key);
            match_flags(&match, MLF_BIT(LOCALPORT), MLF_BIT(LOCALPORT));
            match_set_dl_dst(&match, mac);
            put_enter_egress(ctx->tables, 0, &ctx->ofpacts);
            add_flow(ctx, ctx->tables->check_loopback, 170, &match);
        }
    }
    ctx->cookie = cookie;
}

static void
add_external(struct port_ctx *ctx)
{
    const struct inc_set *names = binding_localnet_ports(ctx->unit,
                                                         &ctx->pb->datapath);
    const struct port_binding *ln;
    ofp_port_t ofport;
    size_t i = 0;

    while ((ln = physical_next_localnet(ctx->unit, names, &i, &ofport))) {
        add_external_behind(ctx, ln);
    }
}

/* HA groups. */

static int
compare_ha_chassis(const void *a_, const void *b_)
{
    const struct ha_chassis *a = a_;
    const struct ha_chassis *b = b_;

    return (lport_gateway_is_first(a->priority, &a->chassis,
                                   b->priority, &b->chassis) ? -1
            : lport_gateway_is_first(b->priority, &b->chassis,
                                     a->priority, &a->chassis) ? 1
            : 0);
}

static const struct ha_chassis_group *
read_ha_group(const struct port_ctx *ctx)
{
    return (uuid_is_zero(&ctx->pb->ha_chassis_group) ? NULL
            : in_ha_chassis_group(ctx->unit, &ctx->pb->ha_chassis_group));
}

/* Elsewhere, on one of several gateways, not all of which have a tunnel with a
 * port that the switch could look at: this chassis is not among those that
 * watch them (tunnel-bfd.c), or has not been for long.  It takes the one that
 * says that it is active, or else the first, 'first'. */
static void
add_ha_by_flow(struct port_ctx *ctx, const struct tunnel *first)
{
    struct match match;

    if (put_to_chassis(ctx, &ctx->pb->chassis, NULL, 0, 0)
        || put_to_chassis(ctx, &first->chassis, NULL, 0, 0)) {
        match_outport(&match, ctx->dp_key, ctx->pb->tunnel_key);
        add_flow(ctx, ctx->tables->remote_output, 100, &match);
    }
}

/* Elsewhere, on one of several gateways: the switch picks the first one whose
 * tunnel is alive. */
static void
add_ha_group(struct port_ctx *ctx)
{
    const struct ha_chassis_group *group = read_ha_group(ctx);
    struct ha_chassis *members = xmemdup(group->members,
                                         group->n * sizeof *members);
    ofp_port_t *ofports = xmalloc(group->n * sizeof *ofports);
    const struct tunnel *first = NULL;
    bool mixed = false;
    bool by_flow = false;
    size_t n = 0;

    qsort(members, group->n, sizeof *members, compare_ha_chassis);
    for (size_t i = 0; i < group->n; i++) {
        const struct tunnel *t
            = (uuid_equals(&members[i].chassis, &ctx->our_chassis) ? NULL
               : tunnel_find(ctx->unit, &members[i].chassis, NULL, 0));

        if (t) {
            first = first ? first : t;
            mixed |= t->type != first->type;
            by_flow |= t->by_flow;
            ofports[n++] = t->ofport;
        }
    }
    free(members);

    if (by_flow) {
        add_ha_by_flow(ctx, first);
    } else if (mixed) {
        /* The metadata are in other places in tunnels of another type. */
        UNIT_ERR(ctx->unit, &rl,
                 "port %s: its gateways are reached by different "
                 "types of tunnels, so nothing is sent to any",
                 ctx->pb->logical_port);
    } else if (first
               && put_tunnel_metadata(first->type,
                                      ofctrl_geneve_field_read(ctx->unit),
                                      ctx->dp_key, ctx->pb->tunnel_key,
                                      &ctx->ofpacts)) {
        struct ofpact_bundle *bundle = ofpact_put_BUNDLE(&ctx->ofpacts);
        struct match match;

        bundle->algorithm = NX_BD_ALG_ACTIVE_BACKUP;
        bundle->fields = NX_HASH_FIELDS_ETH_SRC;
        bundle->n_members = n;
        ofpbuf_put(&ctx->ofpacts, ofports, n * sizeof *ofports);
        bundle = ctx->ofpacts.header;
        ofpact_finish_BUNDLE(&ctx->ofpacts, &bundle);

        match_outport(&match, ctx->dp_key, ctx->pb->tunnel_key);
        add_flow(ctx, ctx->tables->remote_output, 100, &match);
    }
    free(ofports);
}

/* Other ports that are not here. */

static void
add_elsewhere(struct port_ctx *ctx)
{
    const struct port_binding *ln
        = physical_localnet(ctx->unit, &ctx->pb->datapath);
    const struct lport_place place = {
        .type = ctx->pb->type,
        .has_localnet = ln != NULL,
        .is_on_several = ctx->pb->n_additional_chassis != 0,
        .is_nf = lport_is_nf(in_dialect(ctx->unit), &ctx->pb->options),
        .n_gateways = tunnel_bfd_count_members(read_ha_group(ctx)),
    };

    switch (lport_way(&place)) {
    case LPORT_WAY_LOCALNET:
        ovs_assert(ln);         /* As .has_localnet has said. */
        add_behind_localnet(ctx, ln);
        add_from_migrating(ctx);
        break;

    case LPORT_WAY_GATEWAYS:
        add_ha_group(ctx);
        break;

    case LPORT_WAY_TUNNEL:
        add_tunneled(ctx);
        break;

    case LPORT_WAY_BRIDGED:
    default:
        OVS_NOT_REACHED();
    }
    if (ctx->pb->type == LP_VTEP) {
        add_vtep_input(ctx);
    } else if (ctx->pb->type == LP_EXTERNAL && is_gateway(ctx)) {
        add_external(ctx);
    }
}

/* A port that is here, but perhaps elsewhere at the same time. */
static void
add_duplicates(struct port_ctx *ctx, const struct local_port *lp)
{
    if (ctx->pb->n_additional_chassis) {
        add_tunneled(ctx);
        physical_add_path_mtu(ctx->unit, ctx->pb, lp, ctx->dp_key);
    }
}

/* Chassisredirect ports. */

/* Here: it is the distributed port. */
static void
add_redirect_here(struct port_ctx *ctx, const struct port_binding *lrp)
{
    struct match match;

    match_outport(&match, ctx->dp_key, ctx->pb->tunnel_key);
    const struct zone_ids zones = {
        .dnat = ctx->zones.dnat,
        .snat = ctx->zones.snat,
    };
    put_load(MFF_LOG_OUTPORT, lrp->tunnel_key, &ctx->ofpacts);
    put_zones(&zones, in_dialect(ctx->unit), &ctx->ofpacts);
    if (in_dialect(ctx->unit)->register_consolidation) {
        put_forget_in_port(&ctx->ofpacts);
    }
    put_resubmit(ctx->tables->check_loopback, &ctx->ofpacts);
    add_flow(ctx, ctx->tables->local_output, 100, &match);
}

/* Elsewhere, with redirect-type "bridged": out of the localnet port of the
 * switch behind 'lrp', or not at all. */
static void
add_redirect_bridged(struct port_ctx *ctx, const struct port_binding *lrp)
{
    const char *peer_name = smap_get(&lrp->options, "peer");
    const struct port_binding *peer
        = peer_name ? in_port_binding(ctx->unit, peer_name) : NULL;
    struct eth_addr mac;
    if (!peer || !get_port_mac(lrp, &mac)) {
        return;
    }

    const struct local_datapath *ld = local_datapath(ctx->unit,
                                                     &peer->datapath);
    const struct port_binding *ln
        = ld ? physical_localnet(ctx->unit, &peer->datapath) : NULL;
    if (!ln) {
        return;
    }

    struct match match;
    match_outport(&match, ctx->dp_key, ctx->pb->tunnel_key);
    put_set_eth_src(&mac, &ctx->ofpacts);
    put_load(MFF_LOG_DATAPATH, ld->tunnel_key, &ctx->ofpacts);
    put_load(MFF_LOG_OUTPORT, ln->tunnel_key, &ctx->ofpacts);
    put_resubmit(ctx->tables->log_to_phy, &ctx->ofpacts);
    add_flow(ctx, ctx->tables->local_output, 100, &match);
}

static void
add_chassisredirect(struct port_ctx *ctx)
{
    const char *lrp_name = smap_get(&ctx->pb->options, "distributed-port");
    const struct port_binding *lrp
        = lrp_name ? in_port_binding(ctx->unit, lrp_name) : NULL;

    if (!lrp) {
        return;
    }
    if (is_gateway(ctx)) {
        add_redirect_here(ctx, lrp);
        return;
    }

    const struct lport_place place = {
        .type = ctx->pb->type,
        .is_on_several = ctx->pb->n_additional_chassis != 0,
        .n_gateways = tunnel_bfd_count_members(read_ha_group(ctx)),
        .redirect_type = smap_get(&ctx->pb->options, "redirect-type"),
    };

    switch (lport_way(&place)) {
    case LPORT_WAY_BRIDGED:
        add_redirect_bridged(ctx, lrp);
        break;

    case LPORT_WAY_GATEWAYS:
        add_ha_group(ctx);
        break;

    case LPORT_WAY_TUNNEL:
        add_tunneled(ctx);
        break;

    case LPORT_WAY_LOCALNET:
    default:
        OVS_NOT_REACHED();
    }
}

/* The unit. */

static void
add_port(struct port_ctx *ctx)
{
    const char *lport = ctx->pb->logical_port;
    const struct local_port *lp;
    ofp_port_t ofport;

    switch (ctx->pb->type) {
    case LP_PATCH:
        add_patch(ctx);
        return;

    case LP_L3GATEWAY:
        if (is_bound_here(ctx)) {
            add_patch(ctx);
            return;
        }
        break;

    case LP_LOCALNET:
        ofport = patch_ofport(ctx->unit, lport);
        if (ofport) {
            add_localnet(ctx, ofport);
            return;
        }
        break;

    case LP_L2GATEWAY:
        if (is_bound_here(ctx)) {
            ofport = patch_ofport(ctx->unit, lport);
            if (ofport) {
                add_physnet(ctx, ofport);
                return;
            }
        }
        break;

    case LP_CHASSISREDIRECT:
        add_chassisredirect(ctx);
        return;

    case LP_VIF:
    case LP_CONTAINER:
    case LP_LOCALPORT:
        lp = binding_local_port(ctx->unit, lport);
        if (lp && lp->ofport) {
            add_vif(ctx, lp);
            add_duplicates(ctx, lp);
            return;
        }
        break;

    case LP_MIRROR:
        lp = binding_local_port(ctx->unit, lport);
        if (lp && lp->ofport) {
            /* The other port that the interface is has what it sends, and gets
             * copies of that, too. */
            add_local_output(ctx, true);
            add_output(ctx, lp->ofport, 0);
            return;
        }
        break;

    case LP_VTEP:
    case LP_VIRTUAL:
    case LP_EXTERNAL:
    case LP_REMOTE:
    case LP_UNKNOWN:
        break;
    }
    add_elsewhere(ctx);
}

static void
port_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *lport = inc_unit_key(unit).data;
    const struct port_binding *pb = in_port_binding(unit, lport);
    const struct local_datapath *ld
        = pb ? local_datapath(unit, &pb->datapath) : NULL;

    flow_output_begin(unit);
    if (ld) {
        struct port_ctx ctx = {
            .unit = unit,
            .tables = &in_dialect(unit)->tables,
            .pb = pb,
            .dp_key = ld->tunnel_key,
            .cookie = row_cookie(&pb->uuid),
            .zones = zone_ids_get(unit, lport, &pb->datapath),
            .our_chassis = in_our_chassis(unit),
        };

        ofpbuf_init(&ctx.ofpacts, 256);
        add_port(&ctx);
        ofpbuf_uninit(&ctx.ofpacts);
    }
    flow_output_end(unit);
}

static const struct inc_unit_class port_class = {
    .name = "physical-port",
    .stage = STAGE_FLOW,
    .run = port_run,
    .removed = flow_output_removed,
};

void
physical_port_init(void)
{
    inc_kind_spawn(in_kinds.port_binding, &port_class, NULL);
}
