/* SPDX-License-Identifier: Apache-2.0 */

/* Liveness of other chassis, as BFD sees it
 * =========================================
 *
 *     HA_Chassis_Group --> bfd-peers --> encaps.c --> Interface.bfd
 *                                                         |
 *                                                    ovs-vswitchd
 *                                                         v
 *     binding.c <-- tunnel_bfd_active() <-- live-tunnels <-- bfd_status
 *
 * Who watches whom
 * ----------------
 *
 * A group with several chassis has sessions between any two of its members,
 * and between each member and each chassis in ref_chassis: those with a port
 * somewhere behind the gateway.  Both ends come to the same conclusion, as
 * they read the same row.  A group of one needs nobody to watch it; one that
 * has lost a member, whose controller has been stopped, is still watched.
 *
 * Who is active
 * -------------
 *
 * The member with the highest priority that is alive.  A member sees others
 * alive if a tunnel to them is up.  It takes itself to be alive if a tunnel
 * to anybody is: a chassis that hears nobody has most probably lost its own
 * link, and must not go on to attract packets from a physical network in which
 * the others cannot hear it.  That is also why the last of two gateways gives
 * up if nobody else is there to see it.  A member without a Chassis row is
 * none: the only one that is left is active, whoever hears it.
 *
 * Handing over
 * ------------
 *
 * When a better member comes up, its sessions with the rest do so one after
 * the other, within a second or two.  Until then a chassis sends its packets
 * to the member that is active so far, and one that gave up at once would
 * drop them; and the better one may have to hear somebody yet.  So whoever is
 * active goes on while the tunnel to the better one is new (see inputs.h),
 * although it leaves the row to that one.  A member that has only begun to
 * hear others has nothing to hand over: that they come up does not mean that
 * they were down. */

#include <config.h>

#include "tunnel-bfd.h"

#include <string.h>

#include "binding.h"
#include "encaps.h"
#include "inputs.h"
#include "lport-way.h"
#include "module.h"
#include "openvswitch/vlog.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(tunnel_bfd);

/* (bfd-peers, UUID of a chassis): the groups for which we watch it. */
static struct inc_kind *peers_kind;

/* (live-tunnels, UUID of a chassis): interfaces whose BFD session is up. */
static struct inc_kind *live_tunnels_kind;

/* (settled-tunnels, UUID of a chassis): those that are not new, either. */
static struct inc_kind *settled_tunnels_kind;

/* (any-live-tunnel, only): not empty if there is one.  All have the same
 * member, so that nobody learns of more than the first and the last. */
static struct inc_kind *any_live_tunnel_kind;

/* Who watches whom. */

bool
tunnel_bfd_is_member(const struct ha_chassis_group *group,
                     const struct uuid *chassis)
{
    for (size_t i = 0; i < group->n; i++) {
        if (uuid_equals(&group->members[i].chassis, chassis)) {
            return true;
        }
    }
    return false;
}

size_t
tunnel_bfd_count_members(const struct ha_chassis_group *group)
{
    size_t n = 0;

    for (size_t i = 0; group && i < group->n; i++) {
        n += !uuid_is_zero(&group->members[i].chassis);
    }
    return n;
}

static bool
refers_to(const struct ha_chassis_group *group, const struct uuid *chassis)
{
    for (size_t i = 0; i < group->n_refs; i++) {
        if (uuid_equals(&group->refs[i], chassis)) {
            return true;
        }
    }
    return false;
}

static void
watch(struct inc_unit *unit, const struct uuid *chassis, const struct uuid *us)
{
    if (!uuid_is_zero(chassis) && !uuid_equals(chassis, us)) {
        inc_insert(unit, peers_kind, inc_key_uuid(chassis),
                   inc_unit_key(unit));
    }
}

static void
group_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct ha_chassis_group *group
        = in_ha_chassis_group(unit, inc_unit_key(unit).data);
    const struct uuid us = in_our_chassis(unit);

    if (!group || uuid_is_zero(&us) || group->n < 2) {
        return;
    }
    bool member = tunnel_bfd_is_member(group, &us);
    if (member || refers_to(group, &us)) {
        for (size_t i = 0; i < group->n; i++) {
            watch(unit, &group->members[i].chassis, &us);
        }
    }
    for (size_t i = 0; member && i < group->n_refs; i++) {
        watch(unit, &group->refs[i], &us);
    }
}

/* What NB_Global's options ask for: see "Options for configuring OVS BFD" in
 * ovn-nb(5). */
static void
add_parameter(struct inc_unit *unit, const char *option, const char *key,
              struct smap *bfd)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    const char *s = smap_get(in_sb_options(unit), option);
    unsigned int value;

    if (!s) {
        return;
    }
    if (str_to_uint(s, 10, &value) && value <= INT32_MAX) {
        smap_add(bfd, key, s);
    } else {
        UNIT_WARN(unit, &rl, "SB_Global: options:%s: \"%s\" is not a number",
                  option, s);
    }
}

void
tunnel_bfd_config(struct inc_unit *unit, const struct uuid *chassis,
                  struct smap *bfd)
{
    if (inc_set_count(inc_read_set(unit, peers_kind, inc_key_uuid(chassis)))) {
        smap_add(bfd, "enable", "true");
        /* Sessions of other users of the tunnel have keys of their own. */
        smap_add(bfd, "check_tnl_key", "true");
        add_parameter(unit, "bfd-min-rx", "min_rx", bfd);
        add_parameter(unit, "bfd-min-tx", "min_tx", bfd);
        add_parameter(unit, "bfd-decay-min-rx", "decay_min_rx", bfd);
        add_parameter(unit, "bfd-mult", "mult", bfd);
    }
}

/* Who is alive. */

static void
iface_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct inc_key name = inc_unit_key(unit);
    const struct ovs_iface *iface = in_iface(unit, name.data);

    if (!iface || !iface->bfd_up) {
        return;
    }

    struct encap_mark mark;
    if (encap_mark_parse(smap_get(&iface->port_external_ids, TUNNEL_MARK),
                         &mark)) {
        const struct uuid *chassis = in_chassis_by_name(unit,
                                                        mark.chassis_name);

        if (chassis) {
            inc_insert(unit, live_tunnels_kind, inc_key_uuid(chassis), name);
            inc_insert(unit, any_live_tunnel_kind, INC_KEY_ONLY, INC_KEY_ONLY);
            if (!in_tunnel_is_new(unit, name.data)) {
                inc_insert(unit, settled_tunnels_kind, inc_key_uuid(chassis),
                           name);
            }
        }
        encap_mark_destroy(&mark);
    }
}

static bool
is_alive(struct inc_unit *unit, const struct uuid *chassis,
         const struct uuid *us, bool settled)
{
    const struct inc_set *live
        = (uuid_equals(chassis, us)
           ? inc_read_set(unit, any_live_tunnel_kind, INC_KEY_ONLY)
           : inc_read_set(unit, settled ? settled_tunnels_kind
                          : live_tunnels_kind, inc_key_uuid(chassis)));

    return inc_set_count(live) > 0;
}

/* The best member that is alive, of others if 'settled' only one that is not
 * so for a moment only. */
static struct uuid
best_alive(struct inc_unit *unit, const struct ha_chassis_group *group,
           const struct uuid *us, bool settled)
{
    const struct ha_chassis *best = NULL;
    bool single = tunnel_bfd_count_members(group) == 1;

    for (size_t i = 0; i < group->n; i++) {
        const struct ha_chassis *m = &group->members[i];

        if (!uuid_is_zero(&m->chassis)
            && (!best || lport_gateway_is_first(m->priority, &m->chassis,
                                                best->priority,
                                                &best->chassis))
            && (single || is_alive(unit, &m->chassis, us, settled))) {
            best = m;
        }
    }
    return best ? best->chassis : UUID_ZERO;
}

struct uuid
tunnel_bfd_active(struct inc_unit *unit, const struct ha_chassis_group *group,
                  const struct uuid *us, bool *hands_over)
{
    const struct uuid active = best_alive(unit, group, us, false);
    const struct uuid settled = best_alive(unit, group, us, true);

    *hands_over = (uuid_equals(&settled, us) && !uuid_equals(&active, us));
    return active;
}

/* Wiring. */

static void
init(struct inc_engine *engine)
{
    static const struct inc_kind_class peers_class = {
        .name = "bfd-peers",
        .stage = STAGE_CONFIG,
        .key_type = INC_KEY_UUID,
        .is_set = true,
    };
    static const struct inc_kind_class live_tunnels_class = {
        .name = "live-tunnels",
        .stage = STAGE_CONFIG,
        .key_type = INC_KEY_UUID,
        .is_set = true,
    };
    static const struct inc_kind_class settled_tunnels_class = {
        .name = "settled-tunnels",
        .stage = STAGE_CONFIG,
        .key_type = INC_KEY_UUID,
        .is_set = true,
    };
    static const struct inc_kind_class any_live_tunnel_class = {
        .name = "any-live-tunnel",
        .stage = STAGE_CONFIG,
        .key_type = INC_KEY_STRING,
        .is_set = true,
    };
    static const struct inc_unit_class group_class = {
        .name = "bfd-group",
        .stage = STAGE_CONFIG,
        .run = group_run,
    };
    static const struct inc_unit_class iface_class = {
        .name = "bfd-iface",
        .stage = STAGE_CONFIG,
        .run = iface_run,
    };

    peers_kind = inc_kind_declare(engine, &peers_class);
    live_tunnels_kind = inc_kind_declare(engine, &live_tunnels_class);
    settled_tunnels_kind = inc_kind_declare(engine, &settled_tunnels_class);
    any_live_tunnel_kind = inc_kind_declare(engine, &any_live_tunnel_class);
    inc_kind_spawn(in_kinds.ha_chassis_group, &group_class, NULL);
    inc_kind_spawn(in_kinds.tunnel_iface, &iface_class, NULL);
}

const struct module tunnel_bfd_module = {
    .name = "tunnel-bfd",
    .init = init,
};
