/* SPDX-License-Identifier: Apache-2.0 */

/* Flows for what comes in from other chassis: by tunnel, and by the physical
 * network with the chassis' own MAC address as its source. */

#include <config.h>


#include <netinet/icmp6.h>

#include "binding.h"
#include "byte-order.h"
#include "encaps.h"
#include "flow.h"
#include "flow-table.h"
#include "inputs.h"
#include "ofctrl.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "physical-actions.h"
#include "uuid.h"

/* Tunnels. */

/* Fetches the metadata of a packet that has come by 't'.  Its place in each
 * type of tunnel is in ovn-architecture(7), "Tunnel Encapsulations". */
static void
put_receive(const struct tunnel *t, enum mf_field_id geneve,
            const struct ovn_dialect *d, struct ofpbuf *ofpacts)
{
    switch (t->type) {
    case ENCAP_GENEVE:
        put_move(MFF_TUN_ID, 0, MFF_LOG_DATAPATH, 0, 24, ofpacts);
        put_move(geneve, 16, MFF_LOG_INPORT, 0, 15, ofpacts);
        put_move(geneve, 0, MFF_LOG_OUTPORT, 0, 16, ofpacts);
        if (d->tunnel_ofport) {
            put_load_bits(d->tunnel_ofport, 16, 16,
                          ofp_to_u16(t->ofport), ofpacts);
        }
        break;

    case ENCAP_STT:
        put_move(MFF_TUN_ID, 40, MFF_LOG_INPORT, 0, 15, ofpacts);
        put_move(MFF_TUN_ID, 24, MFF_LOG_OUTPORT, 0, 16, ofpacts);
        put_move(MFF_TUN_ID, 0, MFF_LOG_DATAPATH, 0, 24, ofpacts);
        break;

    case ENCAP_VXLAN:
        put_move(MFF_TUN_ID, 12, MFF_LOG_OUTPORT, 0, 12, ofpacts);
        put_move(MFF_TUN_ID, 0, MFF_LOG_DATAPATH, 0, 12, ofpacts);
        break;

    case N_ENCAP_TYPES:
    default:
        OVS_NOT_REACHED();
    }
}

struct tunnel_ctx {
    struct inc_unit *unit;
    const struct ovn_dialect *dialect;
    const struct tunnel *tunnel;
    enum mf_field_id geneve;
    struct ofpbuf ofpacts;      /* Empty between the functions below. */
};

static void
add_from_tunnel(struct tunnel_ctx *ctx, uint16_t priority, uint32_t cookie,
                struct match *match)
{
    match_set_in_port(match, ctx->tunnel->ofport);
    flow_output_add(ctx->unit, ctx->dialect->tables.phy_to_log, priority,
                    cookie, match, &ctx->ofpacts);
    ofpbuf_clear(&ctx->ofpacts);
}

static void
add_receive(struct tunnel_ctx *ctx)
{
    struct match match = MATCH_CATCHALL_INITIALIZER;

    put_receive(ctx->tunnel, ctx->geneve, ctx->dialect, &ctx->ofpacts);
    put_resubmit(ctx->dialect->tables.local_output, &ctx->ofpacts);
    add_from_tunnel(ctx, 100, 0, &match);
}

/* A multicast key does not fit into VXLAN's 12 bits: the first bit stands for
 * its first one. */
static void
add_receive_vxlan_multicast(struct tunnel_ctx *ctx)
{
    struct match match = MATCH_CATCHALL_INITIALIZER;

    put_load_bits(MFF_LOG_OUTPORT, 15, 1, 1, &ctx->ofpacts);
    put_move(MFF_TUN_ID, 12, MFF_LOG_OUTPORT, 0, 11, &ctx->ofpacts);
    put_move(MFF_TUN_ID, 0, MFF_LOG_DATAPATH, 0, 12, &ctx->ofpacts);
    put_resubmit(ctx->dialect->tables.local_output, &ctx->ofpacts);
    match_set_tun_id_masked(&match, htonll(1 << 23), htonll(1 << 23));
    add_from_tunnel(ctx, 105, 0, &match);
}

#define ICMP4_CODE_FRAG_NEEDED 4
#define ICMP6_PACKET_TOO_LARGE 2

/* That a packet is too large may be said by the tunnel itself, in the name of
 * the packet's destination: then it enters the pipeline like one that its
 * logical input port has received, and is sent back. */
static void
add_receive_too_large(struct tunnel_ctx *ctx, bool ipv6)
{
    struct match match = MATCH_CATCHALL_INITIALIZER;

    match_set_dl_type(&match, htons(ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP));
    match_set_nw_proto(&match, ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
    match_set_icmp_type(&match, ipv6 ? ICMP6_PACKET_TOO_LARGE
                                     : ICMP4_DST_UNREACH);
    match_set_icmp_code(&match, ipv6 ? 0 : ICMP4_CODE_FRAG_NEEDED);
    put_receive(ctx->tunnel, ctx->geneve, ctx->dialect, &ctx->ofpacts);
    put_resubmit(ctx->dialect->tables.local_output, &ctx->ofpacts);
    put_load_bits(MFF_LOG_FLAGS, MLF_RX_FROM_TUNNEL_BIT, 1, 1, &ctx->ofpacts);
    put_resubmit(ctx->dialect->tables.ct_zone_lookup, &ctx->ofpacts);
    add_from_tunnel(ctx, 120, 0, &match);
}

/* The output port is in the lower half of the Geneve option 'geneve'. */
static void
match_no_outport(struct match *match, enum mf_field_id geneve)
{
    const struct mf_field *field = mf_from_id(geneve);
    union mf_value value, mask;

    memset(&value, 0, sizeof value);
    memset(&mask, 0, sizeof mask);
    memset(&mask.tun_metadata[field->n_bytes - sizeof(ovs_be16)], 0xff,
           sizeof(ovs_be16));
    mf_set(field, &value, &mask, match, NULL);
}

/* What another availability zone has heard of a neighbor, and has flooded
 * ("flood_remote"), is for no output port. */
static void
add_receive_flood(struct tunnel_ctx *ctx, bool ipv6)
{
    struct match match = MATCH_CATCHALL_INITIALIZER;

    if (ipv6) {
        match_set_dl_type(&match, htons(ETH_TYPE_IPV6));
        match_set_nw_proto(&match, IPPROTO_ICMPV6);
        match_set_icmp_type(&match, ND_NEIGHBOR_ADVERT);
        match_set_icmp_code(&match, 0);
    } else {
        match_set_dl_type(&match, htons(ETH_TYPE_ARP));
        match_set_nw_proto(&match, ARP_OP_REPLY);
    }
    put_load_bits(MFF_LOG_FLAGS, MLF_RX_FROM_TUNNEL_BIT, 1, 1, &ctx->ofpacts);
    put_receive(ctx->tunnel, ctx->geneve, ctx->dialect, &ctx->ofpacts);
    put_resubmit(ctx->dialect->tables.ingress, &ctx->ofpacts);
    if (ctx->tunnel->type == ENCAP_GENEVE) {
        match_no_outport(&match, ctx->geneve);
    } else {
        /* There is no telling such packets from others. */
        put_resubmit(ctx->dialect->tables.local_output, &ctx->ofpacts);
    }
    add_from_tunnel(ctx, 120, row_cookie(&ctx->tunnel->chassis), &match);
}

static void
add_tunnel(struct tunnel_ctx *ctx)
{
    add_receive(ctx);
    if (ctx->tunnel->type == ENCAP_VXLAN) {
        add_receive_vxlan_multicast(ctx);
    }
    if (ctx->dialect->has_encap_id) {
        add_receive_too_large(ctx, false);
        add_receive_too_large(ctx, true);
        if (physical_is_remote(ctx->unit, &ctx->tunnel->chassis)) {
            add_receive_flood(ctx, false);
            add_receive_flood(ctx, true);
        }
    }
}

static void
tunnel_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct tunnel_ctx ctx = {
        .unit = unit,
        .dialect = in_dialect(unit),
        .tunnel = encaps_tunnel_by_iface(unit, inc_unit_key(unit).data),
    };

    flow_output_begin(unit);
    if (ctx.tunnel) {
        if (ctx.tunnel->type == ENCAP_GENEVE) {
            ctx.geneve = ofctrl_geneve_field_read(unit);
        }
        if (ctx.tunnel->type != ENCAP_GENEVE || ctx.geneve) {
            ofpbuf_init(&ctx.ofpacts, 0);
            add_tunnel(&ctx);
            ofpbuf_uninit(&ctx.ofpacts);
        }
    }
    flow_output_end(unit);
}

/* Chassis MACs.
 *
 * A packet that a distributed router on another chassis sends through a
 * localnet port has that chassis' MAC address, not the router port's, so that
 * the physical switches do not see one address in many places.  Here the
 * router port's address is put back.  It is known from the VLAN alone which
 * router port it is: a conjunction of source address (here) and VLAN
 * (physical-port.c). */

struct source_clause_ctx {
    struct inc_unit *unit;
    uint32_t cookie;
};

static void
add_source_clause(const char *network OVS_UNUSED, const struct eth_addr *mac,
                  void *ctx_)
{
    const struct source_clause_ctx *ctx = ctx_;
    struct ofpbuf ofpacts;
    struct match match;

    ofpbuf_init(&ofpacts, 0);
    put_chassis_mac_clause(0, &ofpacts);
    match_init_catchall(&match);
    match_set_dl_src(&match, *mac);
    flow_output_add(ctx->unit, in_dialect(ctx->unit)->tables.phy_to_log, 180,
                    ctx->cookie, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
chassis_run_unit(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *uuid = inc_unit_key(unit).data;
    const struct uuid ours = binding_our_chassis(unit);
    const struct chassis *ch = in_chassis(unit, uuid);

    flow_output_begin(unit);
    if (ch && !uuid_equals(uuid, &ours)) {
        struct source_clause_ctx ctx = {
            .unit = unit,
            .cookie = row_cookie(uuid),
        };

        chassis_macs_for_each(smap_get(&ch->other_config,
                                       "ovn-chassis-mac-mappings"),
                              add_source_clause, &ctx);
    }
    flow_output_end(unit);
}

static const struct inc_unit_class tunnel_class = {
    .name = "physical-tunnel",
    .stage = STAGE_FLOW,
    .run = tunnel_run,
    .removed = flow_output_removed,
};

static const struct inc_unit_class chassis_class = {
    .name = "physical-chassis",
    .stage = STAGE_FLOW,
    .run = chassis_run_unit,
    .removed = flow_output_removed,
};

void
physical_tunnel_init(void)
{
    inc_kind_spawn(encaps_kind_tunnel_by_iface, &tunnel_class, NULL);
    inc_kind_spawn(in_kinds.chassis, &chassis_class, NULL);
}
