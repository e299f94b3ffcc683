/* SPDX-License-Identifier: Apache-2.0 */

/* Flows for what comes in from other chassis: by tunnel, and by the physical
 * network with the chassis' own MAC address as its source. */

#include <config.h>

#include "binding.h"
#include "byte-order.h"
#include "encaps.h"
#include "flow-table.h"
#include "inputs.h"
#include "ofctrl.h"
#include "openvswitch/ofp-actions.h"
#include "physical-actions.h"
#include "uuid.h"

/* Tunnels. */

/* The metadata's place in each type of tunnel is in ovn-architecture(7),
 * "Tunnel Encapsulations". */
static void
add_receive(struct inc_unit *unit, const struct tunnel *t,
            enum mf_field_id geneve)
{
    struct ofpbuf ofpacts;
    struct match match;

    ofpbuf_init(&ofpacts, 0);
    switch (t->type) {
    case ENCAP_GENEVE:
        put_move(MFF_TUN_ID, 0, MFF_LOG_DATAPATH, 0, 24, &ofpacts);
        put_move(geneve, 16, MFF_LOG_INPORT, 0, 15, &ofpacts);
        put_move(geneve, 0, MFF_LOG_OUTPORT, 0, 16, &ofpacts);
        break;

    case ENCAP_STT:
        put_move(MFF_TUN_ID, 40, MFF_LOG_INPORT, 0, 15, &ofpacts);
        put_move(MFF_TUN_ID, 24, MFF_LOG_OUTPORT, 0, 16, &ofpacts);
        put_move(MFF_TUN_ID, 0, MFF_LOG_DATAPATH, 0, 24, &ofpacts);
        break;

    case ENCAP_VXLAN:
        put_move(MFF_TUN_ID, 12, MFF_LOG_OUTPORT, 0, 12, &ofpacts);
        put_move(MFF_TUN_ID, 0, MFF_LOG_DATAPATH, 0, 12, &ofpacts);
        break;

    case N_ENCAP_TYPES:
    default:
        OVS_NOT_REACHED();
    }
    put_resubmit(in_dialect(unit)->tables.local_output, &ofpacts);

    match_init_catchall(&match);
    match_set_in_port(&match, t->ofport);
    flow_output_add(unit, in_dialect(unit)->tables.phy_to_log, 100, 0, &match,
                    &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* A multicast key does not fit into VXLAN's 12 bits: the first bit stands for
 * its first one. */
static void
add_receive_vxlan_multicast(struct inc_unit *unit, const struct tunnel *t)
{
    struct ofpbuf ofpacts;
    struct match match;

    ofpbuf_init(&ofpacts, 0);
    put_load_bits(MFF_LOG_OUTPORT, 15, 1, 1, &ofpacts);
    put_move(MFF_TUN_ID, 12, MFF_LOG_OUTPORT, 0, 11, &ofpacts);
    put_move(MFF_TUN_ID, 0, MFF_LOG_DATAPATH, 0, 12, &ofpacts);
    put_resubmit(in_dialect(unit)->tables.local_output, &ofpacts);

    match_init_catchall(&match);
    match_set_in_port(&match, t->ofport);
    match_set_tun_id_masked(&match, htonll(1 << 23), htonll(1 << 23));
    flow_output_add(unit, in_dialect(unit)->tables.phy_to_log, 105, 0, &match,
                    &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
tunnel_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct tunnel *t
        = encaps_tunnel_by_iface(unit, inc_unit_key(unit).data);

    flow_output_begin(unit);
    if (t && t->type == ENCAP_GENEVE) {
        enum mf_field_id geneve = ofctrl_geneve_field_read(unit);

        if (geneve) {
            add_receive(unit, t, geneve);
        }
    } else if (t) {
        add_receive(unit, t, 0);
        if (t->type == ENCAP_VXLAN) {
            add_receive_vxlan_multicast(unit, t);
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
