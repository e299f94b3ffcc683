/* SPDX-License-Identifier: Apache-2.0 */

/* Patch ports to physical networks
 * ================================
 *
 * A localnet port LPORT of a local datapath, or an l2gateway port that is
 * bound to this chassis, is implemented by a pair of patch ports:
 *
 *     br-int: patch-br-int-to-LPORT <---> patch-LPORT-to-br-int :bridge
 *
 * where br-int is the integration bridge, whatever its name, and
 * ovn-bridge-mappings says which bridge options:network_name is.  Both
 * carry LPORT in Port.external_ids:ovn-localnet-port (ovn-l2gateway-port),
 * which is how they are known as ours after a restart.  (Several controllers
 * may share a switch, each with an integration bridge of its own: the name of
 * a port says whose it is.  Those of a bridge that is no controller's any
 * more are ours, too, to be removed.)
 *
 * One unit for each Port_Binding says which pair should be there;
 * update_ports() makes it so.  Flows ask patch_ofport(), which looks at the
 * interface that is there. */

#include <config.h>

#include "patch.h"

#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "br-int.h"
#include "config-values.h"
#include "flow.h"
#include "inputs.h"
#include "local-datapath.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "ovs-config.h"
#include "ovs-port.h"
#include "smap.h"
#include "sset.h"
#include "unit-log.h"
#include "util.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(patch);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

#define LOCALNET_MARK "ovn-localnet-port"
#define L2GATEWAY_MARK "ovn-l2gateway-port"

/* Value of a cell of 'kind_wanted'. */
struct wanted_patch {
    const char *mark;           /* LOCALNET_MARK or L2GATEWAY_MARK. */
    char *bridge;               /* The other one than the integration one. */
};

/* (wanted-patch, lport). */
static struct inc_kind *kind_wanted;
/* (localnet-bridge, bridge): the localnet ports that connect to it. */
static struct inc_kind *kind_localnet_bridge;

/* Whether ports may differ from what is wanted. */
static bool ports_dirty = true;

/* Whether a name that one should have is another port's or interface's. */
static bool name_is_taken;

static bool
wanted_patch_equal(const void *a_, const void *b_)
{
    const struct wanted_patch *a = a_;
    const struct wanted_patch *b = b_;

    return !strcmp(a->mark, b->mark) && !strcmp(a->bridge, b->bridge);
}

static void
wanted_patch_destroy(void *w_)
{
    struct wanted_patch *w = w_;

    free(w->bridge);
    free(w);
}

/* Names. */

static char *
patch_name(const char *from, const char *to)
{
    return xasprintf("patch-%s-to-%s", from, to);
}

/* What should be. */

struct map_network_ctx {
    struct inc_unit *unit;
    const char *network;
    char *bridge;
};

static bool
map_network_cb(const char *network, const char *bridge, void *ctx_)
{
    struct map_network_ctx *ctx = ctx_;

    if (!bridge) {
        UNIT_ERR(ctx->unit, &rl, "Invalid ovn-bridge-mappings configuration: "
                 "'%s' is not NETWORK:BRIDGE", network);
    } else if (!ctx->bridge && !strcmp(network, ctx->network)) {
        ctx->bridge = xstrdup(bridge);
    }
    /* What comes behind it may be wrong, too. */
    return false;
}

/* The bridge that 'mappings' (ovn-bridge-mappings) has for 'network', NULL if
 * there is none.  Caller frees. */
static char *
map_network(struct inc_unit *unit, const char *mappings, const char *network)
{
    struct map_network_ctx ctx = { .unit = unit, .network = network };

    config_value_networks(mappings, map_network_cb, &ctx);
    return ctx.bridge;
}

/* The mark of the patch ports for 'pb', or NULL if this chassis needs none
 * for it. */
static const char *
mark_for_port(struct inc_unit *unit, const struct port_binding *pb)
{
    if (pb->type == LP_LOCALNET) {
        return local_datapath(unit, &pb->datapath) ? LOCALNET_MARK : NULL;
    }
    if (pb->type == LP_L2GATEWAY) {
        const struct uuid ours = in_our_chassis(unit);

        return !uuid_is_zero(&ours) && uuid_equals(&pb->chassis, &ours)
               ? L2GATEWAY_MARK : NULL;
    }
    return NULL;
}

static void
plan_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *lport = inc_unit_key(unit).data;
    const struct port_binding *pb = in_port_binding(unit, lport);
    const char *mark = pb ? mark_for_port(unit, pb) : NULL;
    if (!mark) {
        return;
    }

    const char *type = pb->type == LP_LOCALNET ? "localnet" : "l2gateway";
    const char *network = smap_get(&pb->options, "network_name");
    if (!network) {
        UNIT_WARN(unit, &rl, "%s port '%s' has no network_name in its options",
                  type, lport);
        return;
    }

    char *bridge = map_network(unit, in_config(unit, "ovn-bridge-mappings"),
                               network);
    if (!bridge) {
        UNIT_INFO(unit, &rl, "bridge not found for %s port '%s' with network "
                  "name '%s'; skipping (it is not in "
                  "ovn-bridge-mappings)", type, lport, network);
    } else if (!inc_set_contains(in_bridges(unit), inc_key_string(bridge))) {
        UNIT_WARN(unit, &rl, "Bridge '%s' not found for network '%s' (%s port "
                  "'%s')", bridge, network, type, lport);
        free(bridge);
    } else {
        struct wanted_patch *w = xmalloc(sizeof *w);

        if (pb->type == LP_LOCALNET) {
            inc_insert(unit, kind_localnet_bridge, inc_key_string(bridge),
                       inc_key_string(lport));
        }
        *w = (struct wanted_patch) { .mark = mark, .bridge = bridge };
        inc_write(unit, kind_wanted, inc_key_string(lport), w);
    }
}

ofp_port_t
patch_ofport(struct inc_unit *unit, const char *lport)
{
    const char *br_int = in_config(unit, "ovn-bridge");
    char *name = patch_name(br_int ? br_int : "br-int", lport);
    const struct ovs_iface *iface = in_iface(unit, name);
    ofp_port_t ofport = 0;

    if (iface && iface->ofport > 0 && iface->ofport < ofp_to_u16(OFPP_MAX)
        && !strcmp(iface->type, "patch")) {
        const char *mark = smap_get(&iface->port_external_ids, LOCALNET_MARK);

        if (!mark) {
            mark = smap_get(&iface->port_external_ids, L2GATEWAY_MARK);
        }
        if (mark && !strcmp(mark, lport)) {
            ofport = u16_to_ofp(iface->ofport);
        }
    }
    free(name);
    return ofport;
}

bool
patch_format_localnets(struct inc_unit *unit, const struct uuid *dp,
                       struct ds *ds)
{
    const struct inc_set *names = binding_localnet_ports(unit, dp);
    bool found = false;

    for (size_t i = 0; i < inc_set_count(names); i++) {
        const char *name = inc_set_at(names, i).data;
        const struct port_binding *ln = in_port_binding(unit, name);

        if (ln && patch_ofport(unit, name)) {
            ds_put_format(ds, "%s %s", found ? "," : "", name);
            if (ln->tag) {
                ds_put_format(ds, " (VLAN %d)", ln->tag);
            }
            found = true;
        }
    }
    return found;
}

bool
patch_is_localnet_bridge(struct inc_unit *unit, const char *bridge)
{
    return inc_set_count(inc_read_set(unit, kind_localnet_bridge,
                                      inc_key_string(bridge))) > 0;
}

/* Making ports what they should be. */

/* The logical port that 'ids' is marked with, or NULL. */
static const char *
get_mark(const struct smap *ids)
{
    const char *lport = smap_get(ids, LOCALNET_MARK);

    return lport ? lport : smap_get(ids, L2GATEWAY_MARK);
}

static void
wanted_changed(struct inc_key key OVS_UNUSED, const void *old OVS_UNUSED,
               const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    ports_dirty = true;
}

/* The integration bridge that 'port', in 'bridge', belongs to, to judge by its
 * name, or NULL if it is no patch port of ours. */
static const char *
integration_bridge_of(const struct ovsrec_bridge *bridge,
                      const struct ovsrec_port *port)
{
    const char *lport = get_mark(&port->external_ids);
    if (!lport) {
        return NULL;
    }

    char *inner = patch_name(bridge->name, lport);
    char *outer = patch_name(lport, "");
    const char *br_int = NULL;
    if (!strcmp(port->name, inner)) {
        br_int = bridge->name;
    } else if (!strncmp(port->name, outer, strlen(outer))) {
        br_int = port->name + strlen(outer);
    }
    free(inner);
    free(outer);
    return br_int;
}

static bool
is_patch_port(const struct ovs_iface *iface)
{
    return iface && get_mark(&iface->port_external_ids);
}

static void
iface_changed(struct inc_key key OVS_UNUSED, const void *old, const void *new,
              void *aux OVS_UNUSED)
{
    if (name_is_taken || is_patch_port(old) || is_patch_port(new)) {
        ports_dirty = true;
    }
}

/* State of one pass over the patch ports. */
struct commit_ctx {
    struct ovsdb_idl *idl;
    const struct ovsrec_open_vswitch *cfg;
    const char *chassis_name;
    struct ovsdb_idl_txn *txn;
    const struct ovsrec_bridge *br_int;
    struct sset adopted;        /* Names of ports. */
    struct sset names;          /* Of ports and interfaces that stay. */
    bool changed;
};

/* The patch port for 'lport' in the integration bridge or the other one, as
 * 'w' has it.  The caller must free_spec() the last three arguments, which
 * the result borrows. */
static struct ovs_port_spec
make_spec(const struct commit_ctx *ctx, const char *lport,
          const struct wanted_patch *w, bool in_br_int,
          char **name, char **peer, struct smap *options)
{
    char *inner = patch_name(ctx->br_int->name, lport);
    char *outer = patch_name(lport, ctx->br_int->name);

    *name = in_br_int ? inner : outer;
    *peer = in_br_int ? outer : inner;
    smap_init(options);
    smap_add(options, "peer", *peer);
    return (struct ovs_port_spec) {
        .name = *name,
        .type = "patch",
        .options = options,
        .mark = w->mark,
        .mark_value = lport,
    };
}

static void
free_spec(char *name, char *peer, struct smap *options)
{
    free(name);
    free(peer);
    smap_destroy(options);
}

static void
remove_port(struct commit_ctx *ctx, const struct ovsrec_bridge *bridge,
            const struct ovsrec_port *port)
{
    ovsdb_idl_txn_add_comment(ctx->txn,
                              "ovn-controller: removing patch port %s",
                              port->name);
    ovs_port_delete(bridge, port);
    ctx->changed = true;
}

/* If 'port' of 'bridge' is wanted, adopts and mends it. */
static bool
adopt_port(struct commit_ctx *ctx, const struct ovsrec_bridge *bridge,
           const struct ovsrec_port *port)
{
    const char *lport = get_mark(&port->external_ids);
    const struct wanted_patch *w = inc_peek(kind_wanted,
                                            inc_key_string(lport));
    bool in_br_int = bridge == ctx->br_int;
    if (!w || (!in_br_int && strcmp(bridge->name, w->bridge))
        || !smap_get(&port->external_ids, w->mark)) {
        return false;
    }

    struct smap options;
    char *name, *peer;
    const struct ovs_port_spec spec
        = make_spec(ctx, lport, w, in_br_int, &name, &peer, &options);
    bool adopted = !strcmp(name, port->name);
    if (adopted) {
        sset_add(&ctx->adopted, name);
        if (ovs_port_update(port, &spec)) {
            ctx->changed = true;
        }
    }
    free_spec(name, peer, &options);
    return adopted;
}

/* Makes the port 'spec' in 'bridge'.  If it is there, it is ours all the same:
 * it has lost its mark. */
static void
create_port(struct commit_ctx *ctx, const struct ovsrec_bridge *bridge,
            const struct ovs_port_spec *spec)
{
    const struct ovsrec_port *port = ovs_port_find(bridge, spec->name);

    if (port) {
        ctx->changed |= ovs_port_update(port, spec);
    } else if (sset_contains(&ctx->names, spec->name)) {
        VLOG_WARN_RL(&rl, "no patch port %s on bridge %s for port '%s': there "
                     "is a port or interface with that name elsewhere",
                     spec->name, bridge->name, spec->mark_value);
        name_is_taken = true;
    } else {
        ovs_port_insert(ctx->txn, bridge, spec);
        ovsdb_idl_txn_add_comment(ctx->txn,
                                  "ovn-controller: adding patch port %s",
                                  spec->name);
        ctx->changed = true;
    }
}

static void
create_pair(struct inc_key key, const void *w_, void *ctx_)
{
    const struct wanted_patch *w = w_;
    struct commit_ctx *ctx = ctx_;
    const char *lport = key.data;
    const struct ovsrec_bridge *other = ovs_bridge_find(ctx->idl, w->bridge);

    if (!other) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        struct smap options;
        char *name, *peer;
        const struct ovs_port_spec spec
            = make_spec(ctx, lport, w, !i, &name, &peer, &options);

        if (!sset_contains(&ctx->adopted, name)) {
            create_port(ctx, i ? other : ctx->br_int, &spec);
        }
        free_spec(name, peer, &options);
    }
}

/* Adopts, mends or removes 'port' of 'bridge', if it is ours. */
static void
check_port(struct commit_ctx *ctx, const struct ovsrec_bridge *bridge,
           const struct ovsrec_port *port)
{
    const char *name = ctx->br_int->name;
    const char *br_int = integration_bridge_of(bridge, port);

    if (!br_int && bridge == ctx->br_int && get_mark(&port->external_ids)) {
        br_int = name;          /* Whoever has renamed it. */
    }
    if (br_int
        && (!strcmp(br_int, name)
            ? !adopt_port(ctx, bridge, port)
            : br_int_may_have_been(ctx->cfg, ctx->chassis_name, name,
                                   br_int))) {
        remove_port(ctx, bridge, port);
    } else {
        ovs_port_add_names(port, &ctx->names);
    }
}

/* Creates, mends and removes patch ports.  What is not known to be wanted is
 * removed, so this is for complete southbound snapshots only. */
static void
update_ports(const struct turn *turn)
{
    static char *last_br_int;
    const char *br_int = turn->config->br_int;

    if (last_br_int && strcmp(last_br_int, br_int)) {
        ports_dirty = true;
    }
    if (!ports_dirty || !turn->ovs_txn) {
        return;
    }
    struct commit_ctx ctx = {
        .idl = turn->ovs_idl,
        .cfg = ovsrec_open_vswitch_first(turn->ovs_idl),
        .chassis_name = turn->config->chassis_name,
        .txn = turn->ovs_txn,
        .br_int = ovs_bridge_find(turn->ovs_idl, br_int),
        .adopted = SSET_INITIALIZER(&ctx.adopted),
        .names = SSET_INITIALIZER(&ctx.names),
    };
    if (!ctx.br_int || !ctx.cfg) {
        return;
    }

    const struct ovsrec_bridge *bridge;
    OVSREC_BRIDGE_FOR_EACH (bridge, turn->ovs_idl) {
        for (size_t i = 0; i < bridge->n_ports; i++) {
            check_port(&ctx, bridge, bridge->ports[i]);
        }
    }
    name_is_taken = false;
    inc_kind_for_each(kind_wanted, create_pair, &ctx);

    /* Only a pass that finds nothing to do proves that the last transaction
     * has gone through. */
    ports_dirty = ctx.changed;
    if (!ports_dirty) {
        free(last_br_int);
        last_br_int = xstrdup(br_int);
    }

    sset_destroy(&ctx.adopted);
    sset_destroy(&ctx.names);
}

/* Wiring. */

static const struct inc_kind_class wanted_class = {
    .name = "wanted-patch",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_STRING,
    .equal = wanted_patch_equal,
    .destroy = wanted_patch_destroy,
};

static const struct inc_kind_class localnet_bridge_class = {
    .name = "localnet-bridge",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_STRING,
    .is_set = true,
};

static const struct inc_unit_class plan_class = {
    .name = "patch-plan",
    .stage = STAGE_ZONE,
    .run = plan_run,
};

static void
init(struct inc_engine *engine)
{
    kind_wanted = inc_kind_declare(engine, &wanted_class);
    kind_localnet_bridge = inc_kind_declare(engine, &localnet_bridge_class);
    inc_kind_spawn(in_kinds.port_binding, &plan_class, NULL);
    inc_kind_watch(kind_wanted, wanted_changed, NULL);
    inc_kind_watch(in_kinds.iface, iface_changed, NULL);
}

const struct module patch_module = {
    .name = "patch",
    .init = init,
    .complete = update_ports,
    .away = update_ports,
};
