/* SPDX-License-Identifier: Apache-2.0 */

/* Flows for what comes in from other chassis: by tunnel, and by the physical
 * network with the chassis' own MAC address as its source. */

#include <config.h>

#include <netinet/icmp6.h>

#include "binding.h"
#include "byte-order.h"
#include "flow-table.h"
#include "flow.h"
#include "inputs.h"
#include "ofctrl.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "physical-common.h"
#include "tunnel.h"
#include "uuid.h"

/* Tunnels. */

struct tunnel_ctx {
    struct inc_unit *unit;
    const struct ovn_dialect *dialect;
    enum encap_type type;
    enum mf_field_id geneve;
    struct match from;          /* Matches what comes by the tunnel... */
    ofp_port_t ofport;          /* ...through this port; 0: through any. */
    uint16_t demotion;          /* How much less priority its flows have. */
    struct ofpbuf ofpacts;      /* Empty between the functions below. */
};

/* Fetches the metadata of a packet.  Its place in each type of tunnel is in
 * ovn-architecture(7), "Tunnel Encapsulations". */
static void
put_receive(struct tunnel_ctx *ctx)
{
    const enum mf_field_id ofport_reg = ctx->dialect->tunnel_ofport;
    struct ofpbuf *ofpacts = &ctx->ofpacts;

    switch (ctx->type) {
    case ENCAP_GENEVE:
        put_move(MFF_TUN_ID, 0, MFF_LOG_DATAPATH, 0, 24, ofpacts);
        put_move(ctx->geneve, 16, MFF_LOG_INPORT, 0, 15, ofpacts);
        put_move(ctx->geneve, 0, MFF_LOG_OUTPORT, 0, 16, ofpacts);
        if (ofport_reg && ctx->ofport) {
            put_load_bits(ofport_reg, 16, 16, ofp_to_u16(ctx->ofport),
                          ofpacts);
        } else if (ofport_reg) {
            put_move(MFF_IN_PORT, 0, ofport_reg, 16, 16, ofpacts);
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

static void
add_from_tunnel(struct tunnel_ctx *ctx, uint16_t priority, uint32_t cookie,
                const struct match *match)
{
    flow_output_add(ctx->unit, ctx->dialect->tables.phy_to_log,
                    priority - ctx->demotion, cookie, match, &ctx->ofpacts);
    ofpbuf_clear(&ctx->ofpacts);
}

static void
add_receive(struct tunnel_ctx *ctx)
{
    struct match match = ctx->from;

    put_receive(ctx);
    put_resubmit(ctx->dialect->tables.local_output, &ctx->ofpacts);
    add_from_tunnel(ctx, 100, 0, &match);
}

/* A multicast key does not fit into VXLAN's 12 bits: the first bit stands for
 * its first one. */
static void
add_receive_vxlan_multicast(struct tunnel_ctx *ctx)
{
    struct match match = ctx->from;

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
    struct match match = ctx->from;

    match_set_dl_type(&match, htons(ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP));
    match_set_nw_proto(&match, ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
    match_set_icmp_type(&match, ipv6 ? ICMP6_PACKET_TOO_LARGE
                                     : ICMP4_DST_UNREACH);
    match_set_icmp_code(&match, ipv6 ? 0 : ICMP4_CODE_FRAG_NEEDED);
    put_receive(ctx);
    put_resubmit(ctx->dialect->tables.local_output, &ctx->ofpacts);
    put_load_bits(MFF_LOG_FLAGS, MLF_RX_FROM_TUNNEL_BIT, 1, 1, &ctx->ofpacts);
    put_resubmit(ctx->dialect->tables.ct_zone_lookup, &ctx->ofpacts);
    add_from_tunnel(ctx, 120, 0, &match);
}

/* STT has the output port in these bits of its key. */
#define STT_OUTPORT_MASK UINT64_C(0xffff000000)

/* Geneve has it in the lower half of the option 'geneve'. */
static void
match_no_outport_geneve(struct match *match, enum mf_field_id geneve)
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
add_receive_flood(struct tunnel_ctx *ctx, uint32_t cookie, bool ipv6)
{
    struct match match = ctx->from;

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
    put_receive(ctx);
    put_resubmit(ctx->dialect->tables.ingress, &ctx->ofpacts);
    if (ctx->type == ENCAP_GENEVE) {
        match_no_outport_geneve(&match, ctx->geneve);
    } else if (ctx->type == ENCAP_STT) {
        match_set_tun_id_masked(&match, 0, htonll(STT_OUTPORT_MASK));
    } else {
        /* There is no telling such packets from others. */
        put_resubmit(ctx->dialect->tables.local_output, &ctx->ofpacts);
    }
    add_from_tunnel(ctx, 120, cookie, &match);
}

/* What any chassis sends. */
static void
add_from_any(struct tunnel_ctx *ctx)
{
    add_receive(ctx);
    if (ctx->type == ENCAP_VXLAN) {
        add_receive_vxlan_multicast(ctx);
    }
    if (ctx->dialect->has_encap_id) {
        add_receive_too_large(ctx, false);
        add_receive_too_large(ctx, true);
    }
}

/* What only those of other availability zones send. */
static void
add_from_remote(struct tunnel_ctx *ctx, const struct uuid *chassis)
{
    if (ctx->dialect->has_encap_id) {
        add_receive_flood(ctx, row_cookie(chassis), false);
        add_receive_flood(ctx, row_cookie(chassis), true);
    }
}

static bool
ctx_init(struct tunnel_ctx *ctx, struct inc_unit *unit, enum encap_type type,
         ofp_port_t ofport)
{
    *ctx = (struct tunnel_ctx) {
        .unit = unit,
        .dialect = in_dialect(unit),
        .type = type,
        .geneve = (type == ENCAP_GENEVE ? ofctrl_geneve_field_read(unit) : 0),
        .from = MATCH_CATCHALL_INITIALIZER,
        .ofport = ofport,
    };
    if (type == ENCAP_GENEVE && !ctx->geneve) {
        return false;
    }
    match_set_in_port(&ctx->from, ofport);
    ofpbuf_init(&ctx->ofpacts, 0);
    return true;
}

/* As long as a port leads to the chassis, the switch says that packets from
 * the chassis have come through it: they are known by their source before
 * there is a flow for the port, and when there is none any more.  (They always
 * are while the tunnel has a port: it may get another number.) */
static void
add_by_source(struct inc_unit *unit, const struct tunnel *t)
{
    struct tunnel_ctx ctx;

    if (ctx_init(&ctx, unit, t->type, 0)) {
        match_init_catchall(&ctx.from);
        match_tunnel_source(t, &ctx.from);
        ctx.demotion = 50;
        add_from_any(&ctx);
        ofpbuf_uninit(&ctx.ofpacts);
    }
}

static void
tunnel_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct tunnel *t = tunnel_by_name(unit, inc_unit_key(unit).data);
    struct tunnel_ctx ctx;

    flow_output_begin(unit);
    if (t && ctx_init(&ctx, unit, t->type, t->ofport)) {
        if (!t->by_flow) {
            add_from_any(&ctx);
        } else {
            /* What comes through the port is the same for all. */
            match_tunnel_source(t, &ctx.from);
        }
        if (!t->by_flow) {
            physical_add_nf_return(unit, t);
        }
        if (t->is_remote) {
            add_from_remote(&ctx, &t->chassis);
        }
        ofpbuf_uninit(&ctx.ofpacts);
        if (t->any_port) {
            add_by_source(unit, t);
        }
    }
    flow_output_end(unit);
}

static void
shared_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct shared_port *p = inc_read(unit, tunnel_kind_shared_port,
                                           inc_unit_key(unit));
    struct tunnel_ctx ctx;

    flow_output_begin(unit);
    if (p && ctx_init(&ctx, unit, p->type, p->ofport)) {
        add_from_any(&ctx);
        ofpbuf_uninit(&ctx.ofpacts);
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
    const struct uuid ours = in_our_chassis(unit);
    const struct chassis *ch = in_chassis(unit, uuid);

    flow_output_begin(unit);
    if (ch && !uuid_equals(uuid, &ours)) {
        struct source_clause_ctx ctx = {
            .unit = unit,
            .cookie = row_cookie(uuid),
        };

        chassis_macs_for_each(unit,
                              smap_get(&ch->other_config,
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

static const struct inc_unit_class shared_class = {
    .name = "physical-shared-tunnel",
    .stage = STAGE_FLOW,
    .run = shared_run,
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
    inc_kind_spawn(tunnel_kind, &tunnel_class, NULL);
    inc_kind_spawn(tunnel_kind_shared_port, &shared_class, NULL);
    inc_kind_spawn(in_kinds.chassis, &chassis_class, NULL);
}
