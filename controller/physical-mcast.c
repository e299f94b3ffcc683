/* SPDX-License-Identifier: Apache-2.0 */

/* Flows of a multicast group
 * ==========================
 *
 * One unit for each Multicast_Group.  Table remote_output sends one copy to
 * each other chassis that has a member, local_output one to each member here.
 *
 * A packet that comes out of a tunnel enters at local_output.  Members that
 * every chassis has (patch ports, localports) are served in remote_output
 * therefore, by the chassis where the packet starts, or each chassis on its
 * way would serve its own.
 *
 * In a datapath that has a localnet port here, the physical network is the
 * way to other chassis, and no tunnel is.
 *
 * Many copies
 * -----------
 *
 * The switch gives up on a packet, all of it, after 4,096 resubmits, of which
 * a copy takes up to twenty, and an OpenFlow message has room for some
 * hundreds of copies only.  A long list is cut into batches therefore, each of
 * which is a flow with an output port of its own, beyond all keys of ports and
 * groups.  The group's own flow uses an OpenFlow group with a bucket for each
 * of them, which gives the packet to another OpenFlow group, whose only bucket
 * is chosen by the datapath's hash of the packet: to have that computed, the
 * switch recirculates the packet, and counts anew.
 *
 * (A packet whose hash is known already, because it has been to a load
 * balancer here, is not recirculated: one that is flooded after that gets no
 * further than without batches.) */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "ct-zone.h"
#include "evpn-vteps.h"
#include "flow-table.h"
#include "group.h"
#include "inputs.h"
#include "local-datapath.h"
#include "ofctrl.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/vlog.h"
#include "ovn/actions.h"
#include "patch.h"
#include "physical-common.h"
#include "sset.h"
#include "tunnel.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(physical_mcast);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* What a batch may have at most.  (No OpenFlow message is longer than 65,535
 * bytes; this leaves room for the match and for what ends the list.) */
#define MAX_COPIES 100
#define MAX_ACTIONS_BYTES 60000

/* The actions of one of the tables, in batches. */
struct batch {
    struct ofpbuf ofpacts;
    size_t n_copies;            /* That take resubmits. */
};
struct batches {
    struct batch *array;
    size_t n, allocated;
};

/* The group whose unit runs. */
struct group_ctx {
    struct inc_unit *unit;
    const struct ovn_tables *tables;
    const struct multicast_group *group;
    uint32_t dp_key;
    struct uuid our_chassis;
    enum mf_field_id geneve;
    bool from_ramp;             /* Is what a ramp sends to it told apart? */
    bool transit;               /* Is it a transit switch's group?  Then the
                                 * zone that a packet comes from has not
                                 * given it to our routers. */

    bool has_vteps;             /* Is it part of a VNI with remote VTEPs? */

    struct batches everywhere;  /* Those for ports that all chassis have... */
    struct batches patches;     /* ...and those for patch ports among... */
    struct batches remote;      /* ...the actions for remote_output... */
    struct batches local;       /* ...and for local_output. */
    struct sset chassis;        /* Names of those with members... */
    struct sset ramps;          /* ...and of VTEP gateways among them. */
};

/* Returns the batch that has room for one more copy. */
static struct batch *
get_room(struct batches *batches)
{
    struct batch *last = (batches->n ? &batches->array[batches->n - 1]
                          : NULL);

    if (!last || last->n_copies >= MAX_COPIES
        || last->ofpacts.size > MAX_ACTIONS_BYTES) {
        if (batches->n >= batches->allocated) {
            batches->array = x2nrealloc(batches->array, &batches->allocated,
                                        sizeof *batches->array);
        }
        ovs_assert(batches->array);
        last = &batches->array[batches->n++];
        ofpbuf_init(&last->ofpacts, 256);
        last->n_copies = 0;
    }
    return last;
}

static void
batches_destroy(struct batches *batches)
{
    for (size_t i = 0; i < batches->n; i++) {
        ofpbuf_uninit(&batches->array[i].ofpacts);
    }
    free(batches->array);
}

static void
put_member(struct group_ctx *ctx, uint16_t key, struct batches *batches)
{
    struct batch *batch = get_room(batches);

    put_load(MFF_LOG_OUTPORT, key, &batch->ofpacts);
    put_resubmit(ctx->tables->check_loopback, &batch->ofpacts);
    batch->n_copies++;
}

/* A port of another availability zone gets a copy of its own: the chassis
 * there does not know our groups. */
static void
put_remote_member(struct group_ctx *ctx, const struct port_binding *pb)
{
    const struct tunnel *t
        = tunnel_find(ctx->unit, &pb->chassis,
                        physical_encap_ip(ctx->unit, &pb->chassis, &pb->encap,
                                          !uuid_is_zero(&pb->encap)), 0);

    if (t) {
        struct ofpbuf *ofpacts = &get_room(&ctx->remote)->ofpacts;

        put_load(MFF_LOG_OUTPORT, pb->tunnel_key, ofpacts);
        if (put_tunnel_metadata(t->type, ctx->geneve, ctx->dp_key,
                                pb->tunnel_key, ofpacts)) {
            put_to_tunnel(ctx->unit, t, ofpacts);
        }
    }
}

static void
add_chassis(struct group_ctx *ctx, const struct uuid *uuid)
{
    if (!uuid_is_zero(uuid) && !uuid_equals(uuid, &ctx->our_chassis)) {
        const struct chassis *ch = in_chassis(ctx->unit, uuid);

        if (ch) {
            bool is_ramp = smap_get_bool(&ch->other_config, "is-vtep", false);

            sset_add(is_ramp ? &ctx->ramps : &ctx->chassis, ch->name);
        }
    }
}

/* Whether an OpenFlow or patch port here implements 'pb'. */
static bool
is_here(struct group_ctx *ctx, const struct port_binding *pb)
{
    const struct local_port *lp;

    switch (pb->type) {
    case LP_VIF:
    case LP_CONTAINER:
        lp = binding_local_port(ctx->unit, pb->logical_port);
        return lp && lp->ofport;

    case LP_LOCALNET:
        return patch_ofport(ctx->unit, pb->logical_port) != 0;

    case LP_L2GATEWAY:
        return (uuid_equals(&pb->chassis, &ctx->our_chassis)
                && patch_ofport(ctx->unit, pb->logical_port) != 0);

    case LP_CHASSISREDIRECT:
    case LP_L3GATEWAY:
        return uuid_equals(&pb->chassis, &ctx->our_chassis);

    case LP_EXTERNAL:
    case LP_LOCALPORT:
    case LP_MIRROR:
    case LP_PATCH:
    case LP_REMOTE:
    case LP_UNKNOWN:
    case LP_VIRTUAL:
    case LP_VTEP:
    default:
        return false;
    }
}

/* One copy to 'pb', which is here.  A chassisredirect port that is here is the
 * router port that it stands for elsewhere. */
static void
put_local_member(struct group_ctx *ctx, const struct port_binding *pb)
{
    uint16_t key = pb->tunnel_key;

    if (pb->type == LP_CHASSISREDIRECT) {
        const char *name = smap_get(&pb->options, "distributed-port");
        const struct lport *lrp = name ? in_lport(ctx->unit, name) : NULL;

        if (!lrp || !uuid_equals(&lrp->datapath, &pb->datapath)) {
            return;
        }
        key = lrp->tunnel_key;
    }
    put_member(ctx, key, &ctx->local);
}

/* Whether local_output has a copy for 'pb'. */
static bool
has_local_copy(struct group_ctx *ctx, const struct port_binding *pb)
{
    return (pb->type == LP_PATCH && ctx->transit) || is_here(ctx, pb);
}

static void
add_member(struct group_ctx *ctx, const struct port_binding *pb)
{
    const struct ovn_dialect *dialect = in_dialect(ctx->unit);
    int zone = ct_zone_of_port(ctx->unit, pb->logical_port);

    if (zone && (dialect->loads_idle_zones || has_local_copy(ctx, pb))) {
        put_port_zone(dialect, zone, &get_room(&ctx->local)->ofpacts);
    }

    if (pb->type == LP_PATCH && ctx->transit) {
        put_member(ctx, pb->tunnel_key, &ctx->local);
    } else if (pb->type == LP_PATCH || pb->type == LP_LOCALPORT) {
        put_member(ctx, pb->tunnel_key, &ctx->remote);
        if (ctx->has_vteps) {
            put_member(ctx, pb->tunnel_key, &ctx->everywhere);
        }
        if (pb->type == LP_PATCH && ctx->from_ramp) {
            put_member(ctx, pb->tunnel_key, &ctx->patches);
        }
    } else if (pb->type == LP_REMOTE) {
        if (!uuid_is_zero(&pb->chassis)) {
            put_remote_member(ctx, pb);
        }
    } else {
        bool here = is_here(ctx, pb);

        if (here) {
            put_local_member(ctx, pb);
        }
        /* A port that is on other chassis, too, is a member on all of them. */
        if (here && !pb->n_additional_chassis) {
            return;
        }
        add_chassis(ctx, &pb->chassis);
        for (size_t i = 0; i < pb->n_additional_chassis; i++) {
            add_chassis(ctx, &pb->additional_chassis[i]);
        }
    }
}

/* One copy, to output port 'key', for each of the chassis 'names', with the
 * metadata loaded once for each run of tunnels of one type. */
static void
put_fan_out(struct group_ctx *ctx, const struct sset *names, uint16_t key)
{
    const struct tunnel *previous = NULL;
    const struct batch *previous_batch = NULL;
    const char *name;

    SSET_FOR_EACH (name, names) {
        const struct uuid *uuid = in_chassis_by_name(ctx->unit, name);
        const struct tunnel *t = uuid ? tunnel_find(ctx->unit, uuid, NULL, 0)
                                      : NULL;

        if (!t) {
            continue;
        }

        struct batch *batch = get_room(&ctx->remote);
        if (!previous || previous->type != t->type
            || batch != previous_batch) {
            if (!put_tunnel_metadata(t->type, ctx->geneve, ctx->dp_key, key,
                                     &batch->ofpacts)) {
                continue;
            }
            previous = t;
            previous_batch = batch;
        }
        put_to_tunnel(ctx->unit, t, &batch->ofpacts);
    }
}

static int
compare_members(const void *a_, const void *b_)
{
    const struct port_binding *const *a = a_;
    const struct port_binding *const *b = b_;

    return uuid_compare_3way(&(*a)->uuid, &(*b)->uuid);
}

/* The group's members, in order of UUID, so that the actions do not depend on
 * the history.  The caller frees the array. */
static const struct port_binding **
get_members(struct group_ctx *ctx, size_t *n)
{
    const struct multicast_group *mg = ctx->group;
    const struct port_binding **members
        = xmalloc(mg->n_ports * sizeof *members);

    *n = 0;
    for (size_t i = 0; i < mg->n_ports; i++) {
        const struct port_binding *pb = in_port_binding(ctx->unit,
                                                        mg->ports[i]);

        if (pb && !uuid_equals(&pb->datapath, &mg->datapath)) {
            UNIT_WARN(ctx->unit, &rl,
                      "multicast group %s ("UUID_FMT") of datapath "
                      UUID_FMT" has port %s of another datapath; ignored",
                      mg->name, UUID_ARGS(&mg->uuid),
                      UUID_ARGS(&mg->datapath), mg->ports[i]);
        } else if (pb) {
            members[(*n)++] = pb;
        }
    }
    qsort(members, *n, sizeof *members, compare_members);
    return members;
}

/* The output port that batch 'i' goes by. */
static uint32_t
batch_outport(const struct multicast_group *group, size_t i)
{
    return (i + 1) << 16 | group->tunnel_key;
}

/* Returns the id of the OpenFlow group that gives each batch a packet, which
 * goes to table 'table_id' after it has been recirculated. */
static uint32_t
want_fan_out_group(struct group_ctx *ctx, uint8_t table_id, size_t n_batches)
{
    struct ovn_group *recirculate = ovn_group_create("dp_hash", 1);

    recirculate->buckets[0].weight = OVN_GROUP_DEFAULT_WEIGHT;
    recirculate->buckets[0].actions = xasprintf("resubmit(,%d)", table_id);
    uint32_t id = group_want(ctx->unit, recirculate);
    ovn_group_destroy(recirculate);

    struct ovn_group *all = ovn_group_create(NULL, n_batches);
    all->type = OFPGT11_ALL;
    for (size_t i = 0; i < n_batches; i++) {
        all->buckets[i].actions
            = xasprintf("set_field:%#"PRIx32"->%s,group:%"PRIu32,
                        batch_outport(ctx->group, i),
                        mf_from_id(MFF_LOG_OUTPORT)->name, id);
    }
    id = group_want(ctx->unit, all);
    ovn_group_destroy(all);
    return id;
}

/* Puts out the flows of 'batches' in table 'table_id', but for the group's own
 * flow there: appends to 'ofpacts' what that does. */
static void
add_batches(struct group_ctx *ctx, uint8_t table_id,
            const struct batches *batches, struct ofpbuf *ofpacts)
{
    if (batches->n == 1) {
        ofpbuf_put(ofpacts, batches->array[0].ofpacts.data,
                   batches->array[0].ofpacts.size);
    } else if (batches->n > 1) {
        for (size_t i = 0; i < batches->n; i++) {
            struct match match;

            match_outport(&match, ctx->dp_key, batch_outport(ctx->group, i));
            flow_output_add(ctx->unit, table_id, 100,
                            row_cookie(&ctx->group->uuid), &match,
                            &batches->array[i].ofpacts);
        }
        ofpact_put_GROUP(ofpacts)->group_id
            = want_fan_out_group(ctx, table_id, batches->n);
    }
}

/* With 25.03, what was put there for one of the tables behind the pipelines
 * must not be taken for something else in the egress pipeline. */
static bool
ends_flood(struct group_ctx *ctx)
{
    const struct ovn_dialect *dialect = in_dialect(ctx->unit);

    return dialect->register_consolidation && dialect->regs.flood_remote;
}

static void
put_no_flood(struct group_ctx *ctx, struct ofpbuf *ofpacts)
{
    if (ends_flood(ctx)) {
        put_load(in_dialect(ctx->unit)->regs.flood_remote, 0, ofpacts);
    }
}

/* With 25.03 on a switch with a ramp, and with a table for ramps on each: what
 * a ramp has sent and may go back to it, to the routers, which every chassis
 * has, and not to other chassis. */
static void
add_from_ramp(struct group_ctx *ctx, const struct ofpbuf *members)
{
    struct ofpbuf ofpacts;
    struct match match;

    ofpbuf_init(&ofpacts, 128);
    put_no_flood(ctx, &ofpacts);
    ofpbuf_put(&ofpacts, members->data, members->size);
    put_resubmit(table_after_remote(ctx->tables), &ofpacts);
    match_outport(&match, ctx->dp_key, ctx->group->tunnel_key);
    match_flags(&match, MLF_BIT(RCV_FROM_RAMP) | MLF_BIT(ALLOW_LOOPBACK),
                MLF_BIT(RCV_FROM_RAMP) | MLF_BIT(ALLOW_LOOPBACK));
    flow_output_add(ctx->unit, ctx->tables->remote_output, 120,
                    row_cookie(&ctx->group->uuid), &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* What a VTEP of EVPN's has sent, and floods, it sends to all chassis by
 * itself: none of them gets a copy from us, and no other VTEP does. */
static void
add_from_vtep(struct group_ctx *ctx)
{
    struct ofpbuf ofpacts;
    struct match match;

    ofpbuf_init(&ofpacts, 128);
    if (ctx->everywhere.n) {
        ofpbuf_put(&ofpacts, ctx->everywhere.array[0].ofpacts.data,
                   ctx->everywhere.array[0].ofpacts.size);
        put_load(MFF_LOG_OUTPORT, ctx->group->tunnel_key, &ofpacts);
    }
    put_resubmit(ctx->tables->local_output, &ofpacts);
    match_outport(&match, ctx->dp_key, ctx->group->tunnel_key);
    match_set_reg_masked(&match, MFF_LOG_INPORT - MFF_REG0, EVPN_VTEP_FLAG,
                         EVPN_VTEP_FLAG);
    flow_output_add(ctx->unit, ctx->tables->remote_output, 130,
                    row_cookie(&ctx->group->uuid), &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
add_flows(struct group_ctx *ctx)
{
    const uint16_t key = ctx->group->tunnel_key;
    const uint32_t cookie = row_cookie(&ctx->group->uuid);
    struct ofpbuf local, remote;
    struct match match;

    ofpbuf_init(&local, 256);
    ofpbuf_init(&remote, 256);
    match_outport(&match, ctx->dp_key, key);

    if (ctx->local.n || ends_flood(ctx)) {
        put_no_flood(ctx, &local);
    }
    add_batches(ctx, ctx->tables->local_output, &ctx->local, &local);
    if (local.size) {
        put_load(MFF_LOG_OUTPORT, key, &local);
        flow_output_add(ctx->unit, ctx->tables->local_output, 100, cookie,
                        &match, &local);
    }

    if (ctx->remote.n) {
        put_load(MFF_LOG_OUTPORT, key, &get_room(&ctx->remote)->ofpacts);
    }
    if (ctx->patches.n == 1) {
        put_load(MFF_LOG_OUTPORT, key, &ctx->patches.array[0].ofpacts);
        add_from_ramp(ctx, &ctx->patches.array[0].ofpacts);
    }
    if (!physical_localnet(ctx->unit, &ctx->group->datapath)) {
        put_fan_out(ctx, &ctx->chassis, key);
        /* A ramp knows the logical switch only. */
        put_fan_out(ctx, &ctx->ramps, 0);
        if (ctx->has_vteps && !sset_is_empty(&ctx->chassis)
            && ctx->everywhere.n <= 1) {
            add_from_vtep(ctx);
        }
    }
    if (ctx->remote.n) {
        put_no_flood(ctx, &remote);
    }
    add_batches(ctx, ctx->tables->remote_output, &ctx->remote, &remote);
    if (remote.size) {
        if (local.size || ctx->tables->remote_vtep_output) {
            put_resubmit(table_after_remote(ctx->tables), &remote);
        }
        if (ctx->from_ramp) {
            match_flags(&match, 0, MLF_BIT(RCV_FROM_RAMP));
        }
        flow_output_add(ctx->unit, ctx->tables->remote_output, 100, cookie,
                        &match, &remote);
    }
    ofpbuf_uninit(&local);
    ofpbuf_uninit(&remote);
}

static bool
tells_ramps_apart(struct inc_unit *unit, const struct uuid *datapath)
{
    const struct ovn_dialect *dialect = in_dialect(unit);

    return dialect->tables.remote_vtep_output
           || (dialect->tells_ramps_apart
               && binding_has_vtep_port(unit, datapath));
}

static bool
is_transit_switch(struct inc_unit *unit, const struct uuid *datapath)
{
    const struct datapath_binding *dp = in_datapath(unit, datapath);

    return dp && smap_get(&dp->external_ids, "interconn-ts");
}

static void
mcast_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct multicast_group *mg
        = in_multicast_group(unit, inc_unit_key(unit).data);
    const struct local_datapath *ld
        = mg ? local_datapath(unit, &mg->datapath) : NULL;

    flow_output_begin(unit);
    if (ld) {
        struct group_ctx ctx = {
            .unit = unit,
            .tables = &in_dialect(unit)->tables,
            .group = mg,
            .dp_key = ld->tunnel_key,
            .our_chassis = in_our_chassis(unit),
            .geneve = ofctrl_geneve_field_read(unit),
            .from_ramp = tells_ramps_apart(unit, &mg->datapath),
            .transit = is_transit_switch(unit, &mg->datapath),
            .has_vteps = inc_set_count(
                evpn_vteps_of_switch(unit, &mg->datapath)) > 0,
            .chassis = SSET_INITIALIZER(&ctx.chassis),
            .ramps = SSET_INITIALIZER(&ctx.ramps),
        };
        size_t n;
        const struct port_binding **members = get_members(&ctx, &n);

        for (size_t i = 0; i < n; i++) {
            add_member(&ctx, members[i]);
        }
        add_flows(&ctx);
        batches_destroy(&ctx.everywhere);
        batches_destroy(&ctx.patches);
        batches_destroy(&ctx.remote);
        batches_destroy(&ctx.local);
        sset_destroy(&ctx.chassis);
        sset_destroy(&ctx.ramps);
        free(members);
    }
    flow_output_end(unit);
}

static const struct inc_unit_class mcast_class = {
    .name = "physical-mcast",
    .stage = STAGE_FLOW,
    .run = mcast_run,
    .removed = flow_output_removed,
};

void
physical_mcast_init(void)
{
    inc_kind_spawn(in_kinds.multicast_group, &mcast_class, NULL);
}
