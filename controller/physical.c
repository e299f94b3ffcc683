/* SPDX-License-Identifier: Apache-2.0 */

/* From the physical to the logical world and back
 * ================================================
 *
 * The flows that do not stem from logical flows.  ovn-architecture(7),
 * "Architectural Physical Life Cycle of a Packet", is the map:
 *
 *     phy_to_log      physical port, tunnel -> logical input port
 *                                                           port, tunnel
 *     large_pkt_*     packets that may be too large for a tunnel    fixed
 *     remote_output   output to ports and groups elsewhere
 *                                                      port, mcast, fixed
 *     local_output    output to ports and groups here  port, mcast, fixed
 *     check_loopback  no packet goes back to its input port   port, fixed
 *     save_inport     ...unless it may                        port, fixed
 *     log_to_phy      logical output port -> physical port    port, fixed
 *
 * (Which numbers these tables have, the dialect says: ovn/dialect.h.)
 *
 * One unit for each logical port (physical-port.c), multicast group
 * (physical-mcast.c), tunnel interface or other chassis (physical-tunnel.c),
 * and datapath with network functions (physical-nf.c).  So binding a port
 * touches its own flows and those of the groups that it is in.  Flows that
 * depend on nothing are in here.
 *
 * The cookie of a flow is the start of the UUID of the row that it stems
 * from. */

#include <config.h>

#include "physical.h"

#include "flow-table.h"
#include "inc-proc-eng.h"
#include "module.h"
#include "openvswitch/ofp-actions.h"
#include "physical-common.h"

static void
add_fixed(struct inc_unit *unit, uint8_t table, uint16_t priority,
          const struct match *match, uint8_t next)
{
    struct ofpbuf ofpacts;
    uint64_t stub[64 / 8];

    ofpbuf_use_stub(&ofpacts, stub, sizeof stub);
    if (next) {
        put_resubmit(next, &ofpacts);
    } else {
        put_drop(unit, table, &ofpacts);
    }
    flow_output_add(unit, table, priority, 0, match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* The default of 'check_loopback'. */
static void
add_enter_egress(struct inc_unit *unit, const struct ovn_tables *t,
                 const struct match *all)
{
    struct ofpbuf ofpacts;

    ofpbuf_init(&ofpacts, 0);
    put_enter_egress(t, 0, &ofpacts);
    flow_output_add(unit, t->check_loopback, 0, 0, all, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
fixed_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct ovn_tables *t = &in_dialect(unit)->tables;
    struct match all, match;

    match_init_catchall(&all);
    flow_output_begin(unit);

    add_fixed(unit, t->phy_to_log, 0, &all, 0);

    add_fixed(unit, t->large_pkt_detect, 0, &all,
              t->remote_output);
    match = all;
    match_flags(&match, MLF_BIT(ALLOW_LOOPBACK),
                MLF_BIT(ALLOW_LOOPBACK));
    add_fixed(unit, t->large_pkt_process, 10, &match,
              t->local_output);
    add_fixed(unit, t->large_pkt_process, 0, &all,
              t->remote_output);

    /* What came from a ramp (a VXLAN gateway) has been everywhere else
     * already; so has, by definition, what is for this chassis only. */
    match = all;
    match_flags(&match, MLF_BIT(RCV_FROM_RAMP),
                MLF_BIT(RCV_FROM_RAMP) | MLF_BIT(ALLOW_LOOPBACK));
    add_fixed(unit, t->remote_output, 150, &match, t->local_output);
    match = all;
    match_flags(&match, MLF_BIT(LOCAL_ONLY), MLF_BIT(LOCAL_ONLY));
    add_fixed(unit, t->remote_output, 150, &match, t->local_output);
    add_fixed(unit, t->remote_output, 0, &all, table_after_remote(t));
    if (t->remote_vtep_output) {
        add_fixed(unit, t->remote_vtep_output, 0, &all, t->local_output);
    }

    add_fixed(unit, t->local_output, 0, &all, 0);
    add_enter_egress(unit, t, &all);
    add_fixed(unit, t->save_inport, 0, &all, t->log_to_phy);
    add_fixed(unit, t->log_to_phy, 0, &all, 0);

    flow_output_end(unit);
}

static const struct inc_unit_class fixed_class = {
    .name = "physical-fixed",
    .stage = STAGE_FLOW,
    .run = fixed_run,
    .removed = flow_output_removed,
};

static void
init(struct inc_engine *engine)
{
    physical_drop_init(engine);
    inc_unit_add(engine, &fixed_class, INC_KEY_ONLY, NULL);
    physical_port_init();
    physical_mcast_init();
    physical_tunnel_init();
    physical_lookup_init(engine);
    physical_nf_init(engine);
    physical_evpn_init();
}

const struct module physical_module = {
    .name = "physical",
    .init = init,
};
