/* SPDX-License-Identifier: Apache-2.0 */

/* Network functions
 * =================
 *
 * A network function (ovn-nb(5) of 25.09 and later) is a machine with two
 * ports: what an ACL redirects into one of them comes out of the other one
 * unchanged, and goes on to where it is addressed.  Where that is, logical
 * flows say.  What they cannot say is here, for packets that have come from
 * another chassis by tunnel, to be redirected where the function is:
 *
 *   - Which tunnel that was.  It is in half a register, and stays there
 *     between the pipelines.  Logical flows commit it to conntrack, in
 *     ct_label.tun_if_id of the zone of the port that the packet goes to.
 *
 *   - On a switch with a localnet port, what comes out of the function is not
 *     sent through that, although it may be addressed to a machine elsewhere:
 *     physical switches would learn the sender's address in a second place.
 *     It goes back by the tunnel that it came by.  The zone of the function's
 *     other port has the connection, and it says by which one.
 *
 * That a function's port which is elsewhere is reached by tunnel in spite of
 * localnet ports, and by the very tunnel that a packet has come by, too, is
 * said in physical-port.c.
 *
 * The other port is the one in "nf-linked-port", if both ports say so of each
 * other and are here. */

#include <config.h>

#include <string.h>

#include "binding.h"
#include "byte-order.h"
#include "flow-table.h"
#include "flow.h"
#include "inputs.h"
#include "local-datapath.h"
#include "ofctrl.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "physical-common.h"
#include "smap.h"
#include "tunnel.h"
#include "util.h"

/* Where ct_label has the number of the tunnel's port: see "tun_if_id" in
 * lib/logical-fields.c. */
#define TUN_IF_ID_SHIFT (80 - 64)

/* (nf-returning-ports, only): set of names of the ports, on switches with
 * localnet ports, whose packets may have to go back by tunnel. */
static struct inc_kind *returning_kind;

static bool
is_here(struct inc_unit *unit, const char *lport)
{
    const struct local_port *lp = binding_local_port(unit, lport);

    return lp && lp->ofport;
}

/* The other port of the function that 'pb' is a port of, or NULL. */
static const struct port_binding *
find_linked(struct inc_unit *unit, const struct port_binding *pb)
{
    const char *name = smap_get(&pb->options, "nf-linked-port");
    const struct port_binding *linked = (name ? in_port_binding(unit, name)
                                         : NULL);
    const char *back = linked ? smap_get(&linked->options, "nf-linked-port")
                       : NULL;

    return (back && !strcmp(back, pb->logical_port) && is_here(unit, name)
            ? linked : NULL);
}

/* Finds the ports of a datapath for 'returning_kind'. */
static void
returning_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *dp = inc_unit_key(unit).data;
    const struct inc_set *names = in_nf_ports(unit, dp);

    if (!in_dialect(unit)->tunnel_ofport || !physical_localnet(unit, dp)) {
        return;
    }
    for (size_t i = 0; i < inc_set_count(names); i++) {
        const struct inc_key name = inc_set_at(names, i);
        const struct port_binding *pb = in_port_binding(unit, name.data);
        const struct port_binding *linked
            = pb && is_here(unit, name.data) ? find_linked(unit, pb) : NULL;

        if (linked) {
            inc_insert(unit, returning_kind, INC_KEY_ONLY, name);
            inc_insert(unit, returning_kind, INC_KEY_ONLY,
                       inc_key_string(linked->logical_port));
        }
    }
}

/* Flows. */

/* A match on packets from 'pb', which have or have not been looked up. */
static void
match_sent(const struct port_binding *pb, uint32_t dp_key, bool looked_up,
           struct match *match)
{
    match_init_catchall(match);
    match_set_metadata(match, htonll(dp_key));
    match_set_reg(match, MFF_LOG_INPORT - MFF_REG0, pb->tunnel_key);
    match_flags(match, looked_up ? MLF_BIT(RECIRCULATED) : 0,
                MLF_BIT(RECIRCULATED));
}

/* Asks the zone of the other port by which tunnel the packet has come. */
static void
add_lookup(struct inc_unit *unit, const struct port_binding *pb,
           uint32_t dp_key, const struct port_binding *linked)
{
    const struct ovn_dialect *dialect = in_dialect(unit);
    const int zone = zone_ids_get(unit, linked->logical_port,
                                  &linked->datapath).port;
    static const ovs_be16 types[] = {
        CONSTANT_HTONS(ETH_TYPE_IP), CONSTANT_HTONS(ETH_TYPE_IPV6),
    };

    for (size_t i = 0; zone && i < ARRAY_SIZE(types); i++) {
        struct ofpbuf ofpacts;
        struct match match;

        ofpbuf_init(&ofpacts, 128);
        put_load_bits(MFF_LOG_FLAGS, MLF_RECIRCULATED_BIT, 1, 1, &ofpacts);
        put_port_zone(dialect, zone, &ofpacts);

        struct ofpact_conntrack *ct = ofpact_put_CT(&ofpacts);
        ct->recirc_table = dialect->tables.local_output;
        ct->zone_src.field = mf_from_id(MFF_LOG_CT_ZONE);
        ct->zone_src.ofs = 0;
        ct->zone_src.n_bits = 16;
        ofpact_finish(&ofpacts, &ct->ofpact);

        match_sent(pb, dp_key, false, &match);
        match_set_dl_type(&match, types[i]);
        flow_output_add(unit, dialect->tables.local_output, 110,
                        row_cookie(&pb->uuid), &match, &ofpacts);
        ofpbuf_uninit(&ofpacts);
    }
}

/* Calls 'cb' for each member of 'returning_kind'. */
static void
for_each_returning(struct inc_unit *unit,
                   void (*cb)(struct inc_unit *, const struct port_binding *,
                              uint32_t dp_key, const void *aux),
                   const void *aux)
{
    const struct inc_set *names = inc_read_set(unit, returning_kind,
                                               INC_KEY_ONLY);

    for (size_t i = 0; i < inc_set_count(names); i++) {
        const struct port_binding *pb
            = in_port_binding(unit, inc_set_at(names, i).data);
        const struct local_datapath *ld
            = pb ? local_datapath(unit, &pb->datapath) : NULL;

        if (ld) {
            cb(unit, pb, ld->tunnel_key, aux);
        }
    }
}

static void
lookup_cb(struct inc_unit *unit, const struct port_binding *pb,
          uint32_t dp_key, const void *aux OVS_UNUSED)
{
    const struct port_binding *linked = find_linked(unit, pb);

    if (linked) {
        add_lookup(unit, pb, dp_key, linked);
    }
}

static void
lookup_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    flow_output_begin(unit);
    for_each_returning(unit, lookup_cb, NULL);
    flow_output_end(unit);
}

/* By 't', if the packet has come by that: as conntrack has it or, if it cannot
 * tell, the register. */
static void
return_cb(struct inc_unit *unit, const struct port_binding *pb,
          uint32_t dp_key, const void *t_)
{
    const struct tunnel *t = t_;
    const struct ovn_dialect *dialect = in_dialect(unit);
    const enum mf_field_id geneve = ofctrl_geneve_field_read(unit);
    const uint64_t ofport = ofp_to_u16(t->ofport);
    const ovs_u128 id = { .u64.hi = ofport << TUN_IF_ID_SHIFT };
    const ovs_u128 mask = { .u64.hi = UINT64_C(0xffff) << TUN_IF_ID_SHIFT };
    struct ofpbuf ofpacts;
    struct match match;

    if (!geneve) {
        return;
    }
    ofpbuf_init(&ofpacts, 128);
    put_load_bits(MFF_TUN_ID, 0, 24, dp_key, &ofpacts);
    put_move(MFF_LOG_OUTPORT, 0, geneve, 0, 32, &ofpacts);
    put_load_bits(geneve, 16, 15, pb->tunnel_key, &ofpacts);
    put_output(t->ofport, &ofpacts);

    match_sent(pb, dp_key, true, &match);
    match_set_ct_label_masked(&match, id, mask);
    flow_output_add(unit, dialect->tables.local_output, 109,
                    row_cookie(&pb->uuid), &match, &ofpacts);

    match_sent(pb, dp_key, true, &match);
    match_set_ct_state_masked(&match, CS_INVALID, CS_INVALID);
    match_set_reg_masked(&match, dialect->tunnel_ofport - MFF_REG0,
                         ofport << 16, UINT32_C(0xffff) << 16);
    flow_output_add(unit, dialect->tables.local_output, 110,
                    row_cookie(&pb->uuid), &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

void
physical_add_nf_return(struct inc_unit *unit, const struct tunnel *t)
{
    /* Others do not bring the register. */
    if (t->type == ENCAP_GENEVE && in_dialect(unit)->tunnel_ofport) {
        for_each_returning(unit, return_cb, t);
    }
}

/* One unit for each datapath that has ports of network functions. */
static void
nf_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *dp = inc_unit_key(unit).data;
    const struct ovn_dialect *dialect = in_dialect(unit);
    const struct inc_set *names = in_nf_ports(unit, dp);
    const struct local_datapath *ld = local_datapath(unit, dp);
    bool any_here = false;

    for (size_t i = 0; i < inc_set_count(names); i++) {
        any_here |= is_here(unit, inc_set_at(names, i).data);
    }
    flow_output_begin(unit);
    if (dialect->tunnel_ofport && ld && any_here) {
        struct ofpbuf ofpacts;
        struct match match;

        ofpbuf_init(&ofpacts, 256);
        match_init_catchall(&match);
        match_set_metadata(&match, htonll(ld->tunnel_key));
        put_enter_egress(&dialect->tables, dialect->tunnel_ofport, &ofpacts);
        flow_output_add(unit, dialect->tables.check_loopback, 1,
                        row_cookie(dp), &match, &ofpacts);
        ofpbuf_uninit(&ofpacts);
    }
    flow_output_end(unit);
}

static const struct inc_kind_class returning_class = {
    .name = "nf-returning-ports",
    .stage = STAGE_LB,
    .key_type = INC_KEY_STRING,
    .is_set = true,
};

static const struct inc_unit_class returning_unit_class = {
    .name = "nf-returning",
    .stage = STAGE_LB,
    .run = returning_run,
};

static const struct inc_unit_class lookup_class = {
    .name = "physical-nf-lookup",
    .stage = STAGE_FLOW,
    .run = lookup_run,
    .removed = flow_output_removed,
};

static const struct inc_unit_class nf_class = {
    .name = "physical-nf",
    .stage = STAGE_FLOW,
    .run = nf_run,
    .removed = flow_output_removed,
};

void
physical_nf_init(struct inc_engine *engine)
{
    returning_kind = inc_kind_declare(engine, &returning_class);
    inc_kind_spawn(in_kinds.nf_ports, &returning_unit_class, NULL);
    inc_kind_spawn(in_kinds.nf_ports, &nf_class, NULL);
    inc_unit_add(engine, &lookup_class, INC_KEY_ONLY, NULL);
}
