/* SPDX-License-Identifier: Apache-2.0 */

/* Tables of the chassis' own that answer logical flows
 * ====================================================
 *
 * OVN 23.09 and later have a few tables behind the pipelines that do not stem
 * from any one row.  Their numbers, and the registers that they answer in, are
 * the dialect's:
 *
 *     ct_zone_lookup     a logical input port's zones, for packets that did
 *                        not come through that port, on to the ingress
 *                        pipeline
 *     ct_orig_nw_dst     ct_nw_dst, ct_ip6_dst, ct_tp_dst and ct_proto: what
 *     ...                the tracker knows of the packet's connection
 *     ct_state_save      ct_state_save: the same for its state
 *     get_fdb            get_fdb and get_remote_fdb: nothing is known
 *     get_remote_fdb
 *     flood_remote       flood_remote: a copy for each chassis of another
 *                        availability zone
 *
 * One unit for each VIF's zones, one for what never changes, and one for the
 * flood.  What is known of Ethernet addresses is in mac-bind.c. */

#include <config.h>
#include "physical-common.h"

#include "flow-table.h"
#include "inputs.h"
#include "local-datapath.h"
#include "ofctrl.h"
#include "openvswitch/match.h"
#include "packets.h"
#include "tunnel.h"
#include "util.h"

/* From 23.09 on. */
static bool
has_lookups(const struct ovn_dialect *d)
{
    return d->has_encap_id;
}

/* What never changes. */

static void
add_default(struct inc_unit *unit, uint8_t table, struct ofpbuf *ofpacts)
{
    struct match match = MATCH_CATCHALL_INITIALIZER;

    flow_output_add(unit, table, 0, 0, &match, ofpacts);
    ofpbuf_clear(ofpacts);
}

/* In 'table', tracked packets in 'ct_state' have 'src' put into the lowest
 * bits of 'dst'.  'eth_type' of 0 is any. */
static void
add_ct_orig(struct inc_unit *unit, uint8_t table, uint32_t ct_state,
            uint16_t eth_type, enum mf_field_id src, enum mf_field_id dst,
            struct ofpbuf *ofpacts)
{
    struct match match = MATCH_CATCHALL_INITIALIZER;

    match_set_ct_state_masked(&match, ct_state | CS_TRACKED,
                              ct_state | CS_TRACKED);
    if (eth_type) {
        match_set_dl_type(&match, htons(eth_type));
    }
    put_move(src, 0, dst, 0, mf_from_id(src)->n_bits, ofpacts);
    flow_output_add(unit, table, 100, 0, &match, ofpacts);
    ofpbuf_clear(ofpacts);
}

static void
add_all_ct_orig(struct inc_unit *unit, const struct ovn_dialect *d,
                uint32_t ct_state, struct ofpbuf *ofpacts)
{
    const struct ovn_tables *t = &d->tables;
    const struct ovn_registers *r = &d->regs;

    add_ct_orig(unit, t->ct_orig_nw_dst, ct_state, ETH_TYPE_IP,
                MFF_CT_NW_DST, r->ct_orig_nw_dst, ofpacts);
    add_ct_orig(unit, t->ct_orig_ip6_dst, ct_state, ETH_TYPE_IPV6,
                MFF_CT_IPV6_DST, r->ct_orig_ip6_dst, ofpacts);
    add_ct_orig(unit, t->ct_orig_tp_dst, ct_state, 0,
                MFF_CT_TP_DST, r->ct_orig_tp_dst, ofpacts);
    if (d->keeps_ct_orig) {
        add_ct_orig(unit, t->ct_orig_proto, ct_state, 0,
                    MFF_CT_NW_PROTO, r->ct_orig_proto, ofpacts);
    }
}

/* An untracked packet's state is zero, which is not what the field has. */
static void
add_ct_state_save(struct inc_unit *unit, const struct ovn_dialect *d,
                  struct ofpbuf *ofpacts)
{
    struct match match = MATCH_CATCHALL_INITIALIZER;

    put_move(MFF_CT_STATE, 0, d->regs.ct_saved_state, 0, 8, ofpacts);
    flow_output_add(unit, d->tables.ct_state_save, 65534, 0, &match, ofpacts);
    ofpbuf_clear(ofpacts);

    match_set_ct_state_masked(&match, 0, CS_TRACKED);
    put_load_bits(d->regs.ct_saved_state, 0, 8, 0, ofpacts);
    flow_output_add(unit, d->tables.ct_state_save, 65535, 0, &match, ofpacts);
    ofpbuf_clear(ofpacts);
}

static void
fixed_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct ovn_dialect *d = in_dialect(unit);
    uint64_t stub[256 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    flow_output_begin(unit);
    if (has_lookups(d)) {
        put_resubmit(d->tables.ingress, &ofpacts);
        add_default(unit, d->tables.ct_zone_lookup, &ofpacts);
        add_all_ct_orig(unit, d, CS_ESTABLISHED, &ofpacts);
        add_ct_state_save(unit, d, &ofpacts);
    }
    if (d->keeps_ct_orig) {
        add_all_ct_orig(unit, d, CS_NEW, &ofpacts);
        put_load(MFF_LOG_OUTPORT, 0, &ofpacts);
        add_default(unit, d->tables.get_fdb, &ofpacts);
        put_load(MFF_LOG_REMOTE_OUTPORT, 0, &ofpacts);
        add_default(unit, d->tables.get_remote_fdb, &ofpacts);
    }
    flow_output_end(unit);
    ofpbuf_uninit(&ofpacts);
}

static const struct inc_unit_class fixed_class = {
    .name = "physical-lookup",
    .stage = STAGE_FLOW,
    .run = fixed_run,
    .removed = flow_output_removed,
};

/* Zones. */

static void
add_zones(struct inc_unit *unit, const struct port_binding *pb,
          const struct local_datapath *ld)
{
    const struct ovn_tables *t = &in_dialect(unit)->tables;
    struct zone_ids zones = zone_ids_get(unit, pb->logical_port,
                                         &pb->datapath);
    struct match match = MATCH_CATCHALL_INITIALIZER;
    uint64_t stub[128 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    match_set_metadata(&match, htonll(ld->tunnel_key));
    match_set_reg(&match, MFF_LOG_INPORT - MFF_REG0, pb->tunnel_key);
    put_zones(&zones, in_dialect(unit), &ofpacts);
    put_resubmit(t->ingress, &ofpacts);
    flow_output_add(unit, t->ct_zone_lookup, 100, row_cookie(&pb->uuid),
                    &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
zones_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *lport = inc_unit_key(unit).data;
    const struct port_binding *pb = in_port_binding(unit, lport);

    flow_output_begin(unit);
    if (pb && pb->type == LP_VIF && has_lookups(in_dialect(unit))) {
        const struct local_datapath *ld = local_datapath(unit, &pb->datapath);

        if (ld) {
            add_zones(unit, pb, ld);
        }
    }
    flow_output_end(unit);
}

static const struct inc_unit_class zones_class = {
    .name = "physical-zones",
    .stage = STAGE_FLOW,
    .run = zones_run,
    .removed = flow_output_removed,
};

/* The flood. */

/* Appends output to tunnel 't', preceded by what the type of its tunnel
 * wants unless 'previous' has been of the same. */
static void
put_flood(struct inc_unit *unit, const struct tunnel *t,
          const struct tunnel *previous, enum mf_field_id geneve,
          struct ofpbuf *ofpacts)
{
    bool again = previous && previous->type == t->type;

    switch (t->type) {
    case ENCAP_GENEVE:
        if (!geneve) {
            return;
        }
        if (!again) {
            put_move(MFF_LOG_DATAPATH, 0, MFF_TUN_ID, 0, 24, ofpacts);
            put_load(geneve, 0, ofpacts);
            put_move(MFF_LOG_INPORT, 0, geneve, 16, 15, ofpacts);
        }
        break;

    case ENCAP_STT:
        if (!again) {
            put_move(MFF_LOG_INPORT, 0, MFF_TUN_ID, 40, 15, ofpacts);
            put_load_bits(MFF_TUN_ID, 24, 16, 0, ofpacts);
            put_move(MFF_LOG_DATAPATH, 0, MFF_TUN_ID, 0, 24, ofpacts);
        }
        break;

    case ENCAP_VXLAN:
        if (!again) {
            put_move(MFF_LOG_INPORT, 0, MFF_TUN_ID, 12, 12, ofpacts);
            put_move(MFF_LOG_DATAPATH, 0, MFF_TUN_ID, 0, 12, ofpacts);
        }
        break;

    case N_ENCAP_TYPES:
    default:
        OVS_NOT_REACHED();
    }
    put_to_tunnel(unit, t, ofpacts);
}

static int
compare_tunnels(const void *a_, const void *b_)
{
    const struct tunnel *const *a = a_;
    const struct tunnel *const *b = b_;

    if ((*a)->type != (*b)->type) {
        return (*a)->type < (*b)->type ? -1 : 1;
    }
    return strcmp((*a)->chassis_name, (*b)->chassis_name);
}

/* The tunnels to remote chassis, one each, so ordered that the actions do not
 * depend on the history.  The caller frees the array. */
static const struct tunnel **
remote_tunnels(struct inc_unit *unit, size_t *n)
{
    const struct inc_set *names = tunnels_to_remote(unit);
    const struct tunnel **tunnels
        = xmalloc((inc_set_count(names) + 1) * sizeof *tunnels);

    *n = 0;
    for (size_t i = 0; i < inc_set_count(names); i++) {
        const struct tunnel *t = tunnel_by_name(unit,
                                                inc_set_at(names, i).data);

        if (t && tunnel_find(unit, &t->chassis, NULL, 0) == t) {
            tunnels[(*n)++] = t;
        }
    }
    qsort(tunnels, *n, sizeof *tunnels, compare_tunnels);
    return tunnels;
}

static void
flood_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct ovn_dialect *d = in_dialect(unit);

    flow_output_begin(unit);
    if (has_lookups(d)) {
        enum mf_field_id geneve = ofctrl_geneve_field_read(unit);
        struct ofpbuf ofpacts;
        size_t n;
        const struct tunnel **tunnels = remote_tunnels(unit, &n);

        ofpbuf_init(&ofpacts, 0);
        for (size_t i = 0; i < n; i++) {
            put_flood(unit, tunnels[i], i ? tunnels[i - 1] : NULL, geneve,
                      &ofpacts);
        }
        if (ofpacts.size) {
            struct match match = MATCH_CATCHALL_INITIALIZER;

            /* What has come that way does not go back. */
            match_flags(&match, 0, MLF_BIT(RX_FROM_TUNNEL));
            if (d->regs.flood_remote) {
                match_set_reg(&match, d->regs.flood_remote - MFF_REG0,
                              OVN_FLOOD_REMOTE_KEY);
            }
            flow_output_add(unit, d->tables.flood_remote, 100, 0, &match,
                            &ofpacts);
        }
        ofpbuf_uninit(&ofpacts);
        free(tunnels);
    }
    flow_output_end(unit);
}

static const struct inc_unit_class flood_class = {
    .name = "physical-flood",
    .stage = STAGE_FLOW,
    .run = flood_run,
    .removed = flow_output_removed,
};

void
physical_lookup_init(struct inc_engine *engine)
{
    inc_unit_add(engine, &fixed_class, INC_KEY_ONLY, NULL);
    inc_unit_add(engine, &flood_class, INC_KEY_ONLY, NULL);
    inc_kind_spawn(in_kinds.port_binding, &zones_class, NULL);
}
