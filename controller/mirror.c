/* SPDX-License-Identifier: Apache-2.0 */

/* Mirrors
 * =======
 *
 * What a port sends or is sent can be copied to a collector: Mirror of
 * ovn-nb(5).  The switch does the copying; it has to be told by a row of its
 * own table Mirror, and, where the collector is somewhere else, by a port that
 * is a tunnel to it:
 *
 *     Port_Binding.mirror_rules, local ports --> (mirrored-interfaces, mirror)
 *                                                             |
 *     Mirror row ----------------------------> mirror-plan <--+
 *                                                  |
 *                                         (wanted-mirror, mirror)
 *                                                  v
 *     bridge's mirrors and ports <------------ update_mirrors()
 *
 * A mirror is there while a port of this chassis has it.  Rows of ours have
 * external_ids:ovn-owned=true, as the stock controller marks them, and the
 * tunnel's port external_ids:ovn-mirror, the mirror's name.  Whatever somebody
 * else changes in them is put right.
 *
 * A mirror of type "local" leads to an interface that says so in its
 * external_ids:mirror-id, whoever has made that.  Mirrors of type "lport" are
 * logical flows and none of the switch's business. */

#include <config.h>
#include "mirror.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "br-int.h"
#include "idl-columns.h"
#include "inputs.h"
#include "ip-text.h"
#include "lport-type.h"
#include "module.h"
#include "openvswitch/vlog.h"
#include "ovs-config.h"
#include "ovs-port.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "sset.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(mirror);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

#define OWNED "ovn-owned"       /* In Mirror.external_ids. */
#define PORT_MARK "ovn-mirror"  /* In Port.external_ids. */
#define SINK_MARK "mirror-id"   /* In Interface.external_ids. */

#define MAX_GRE_KEY INT64_C(0xffffffff)
#define MAX_ERSPAN_INDEX INT64_C(0xfffff)

/* Value of a cell of 'kind_wanted'. */
struct wanted_mirror {
    char *name;
    bool from_lport, to_lport;
    char *type;                 /* Of the tunnel, or NULL: 'options' is empty,
                                 * and 'sink' an interface's mark. */
    char *sink;
    struct smap options;        /* Of the tunnel. */
    struct sset ports;          /* Names of OVS Ports. */
};

/* (mirrored-interfaces, UUID of a Mirror): names of interfaces. */
static struct inc_kind *kind_mirrored;
/* (wanted-mirror, UUID of a Mirror). */
static struct inc_kind *kind_wanted;

/* Whether rows may differ from what is wanted. */
static bool dirty = true;
static size_t n_wanted;

static bool
wanted_mirror_equal(const void *a_, const void *b_)
{
    const struct wanted_mirror *a = a_;
    const struct wanted_mirror *b = b_;

    return (!strcmp(a->name, b->name)
            && a->from_lport == b->from_lport
            && a->to_lport == b->to_lport
            && nullable_string_is_equal(a->type, b->type)
            && !strcmp(a->sink, b->sink)
            && smap_equal(&a->options, &b->options)
            && sset_equals(&a->ports, &b->ports));
}

static void
wanted_mirror_destroy(void *w_)
{
    struct wanted_mirror *w = w_;

    free(w->name);
    free(w->type);
    free(w->sink);
    smap_destroy(&w->options);
    sset_destroy(&w->ports);
    free(w);
}

/* What should be: which interfaces a mirror is about. */

/* For each port that has mirrors. */
static void
mirrored_port_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *lport = inc_unit_key(unit).data;
    const struct port_binding *pb = in_port_binding(unit, lport);
    const struct local_port *lp = binding_local_port(unit, lport);

    /* A container has no interface of its own: its parent's carries what is
     * none of the collector's business. */
    if (pb && lp && lp->type == LP_VIF && lp->iface && !lp->parent) {
        for (size_t i = 0; i < pb->n_mirrors; i++) {
            inc_insert(unit, kind_mirrored, inc_key_uuid(&pb->mirrors[i]),
                       inc_key_string(lp->iface));
        }
    }
}

/* What should be: mirrors. */

/* What is wrong with 'row', or NULL.  Fills in the tunnel of 'w', if it has
 * one. */
static const char *
plan_tunnel(const struct mirror_row *row, struct wanted_mirror *w)
{
    const bool is_erspan = !strcmp(row->type, "erspan");

    if (!strcmp(row->type, "local")) {
        return NULL;
    } else if (!is_erspan && strcmp(row->type, "gre")) {
        return "its type is not known";
    } else if (row->index < 0
               || row->index > (is_erspan ? MAX_ERSPAN_INDEX : MAX_GRE_KEY)) {
        return "its index is out of range";
    }

    if (!ip_text_is_valid(row->sink)) {
        return "its sink is not an IP address";
    }
    w->type = xasprintf("%s%s", ip_text_is_ipv6(row->sink) ? "ip6" : "",
                        row->type);
    smap_add(&w->options, "remote_ip", row->sink);
    smap_add_format(&w->options, "key", "%"PRId64, row->index);
    if (is_erspan) {
        smap_add(&w->options, "erspan_ver", "1");
        smap_add_format(&w->options, "erspan_idx", "%"PRId64, row->index);
    }
    return NULL;
}

/* The same for its filter. */
static const char *
plan_filter(const struct mirror_row *row, struct wanted_mirror *w)
{
    const bool both = !strcmp(row->filter, "both");

    w->from_lport = both || !strcmp(row->filter, "from-lport");
    w->to_lport = both || !strcmp(row->filter, "to-lport");
    return w->from_lport || w->to_lport ? NULL : "its filter is not known";
}

static void
plan_ports(struct inc_unit *unit, const struct inc_set *ifaces,
           struct wanted_mirror *w)
{
    for (size_t i = 0; i < inc_set_count(ifaces); i++) {
        const struct ovs_iface *iface = in_iface(unit,
                                                 inc_set_at(ifaces, i).data);

        if (iface) {
            sset_add(&w->ports, iface->port);
        }
    }
}

static void
plan_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *uuid = inc_unit_key(unit).data;
    const struct mirror_row *row = in_mirror_row(unit, uuid);
    const struct inc_set *ifaces = inc_read_set(unit, kind_mirrored,
                                                inc_key_uuid(uuid));
    if (!row || !inc_set_count(ifaces) || !strcmp(row->type, "lport")) {
        return;
    }

    struct wanted_mirror *w = xzalloc(sizeof *w);
    w->name = xstrdup(row->name);
    w->sink = xstrdup(row->sink);
    smap_init(&w->options);
    sset_init(&w->ports);
    plan_ports(unit, ifaces, w);

    const char *fault = plan_tunnel(row, w);
    fault = fault ? fault : plan_filter(row, w);
    if (fault) {
        UNIT_WARN(unit, &rl,
                  "mirror %s (type=%s, filter=%s, sink=%s, index=%"PRId64") "
                  "is ignored: %s", row->name, row->type, row->filter,
                  row->sink, row->index, fault);
        wanted_mirror_destroy(w);
    } else {
        inc_write(unit, kind_wanted, inc_key_uuid(uuid), w);
    }
}

static void
wanted_changed(struct inc_key key OVS_UNUSED, const void *old, const void *new,
               void *aux OVS_UNUSED)
{
    n_wanted += (new != NULL) - (old != NULL);
    dirty = true;
}

/* Making rows what they should be. */

/* State of one pass. */
struct commit_ctx {
    const struct ovsrec_bridge *br_int;
    struct ovsdb_idl_txn *txn;
    struct sset names;          /* Of mirrors that are wanted. */
    bool changed;
};

static bool
is_ours(const struct ovsrec_mirror *m)
{
    return smap_get_bool(&m->external_ids, OWNED, false);
}

/* The port that a mirror of type "local" leads to, or NULL. */
static const struct ovsrec_port *
find_local_sink(const struct ovsrec_bridge *bridge, const char *sink)
{
    for (size_t i = 0; i < bridge->n_ports; i++) {
        const struct ovsrec_port *port = bridge->ports[i];

        for (size_t j = 0; j < port->n_interfaces; j++) {
            const char *id = smap_get(&port->interfaces[j]->external_ids,
                                      SINK_MARK);
            if (id && !strcmp(id, sink)) {
                return port;
            }
        }
    }
    return NULL;
}

static bool
is_mirror_tunnel(const struct ovsrec_port *port)
{
    return (port->n_interfaces == 1
            && (!strcmp(port->interfaces[0]->type, "gre")
                || !strcmp(port->interfaces[0]->type, "ip6gre")
                || !strcmp(port->interfaces[0]->type, "erspan")
                || !strcmp(port->interfaces[0]->type, "ip6erspan")));
}

/* The port of a tunnel, as it should be; NULL if it has yet to be made, or
 * cannot be. */
static const struct ovsrec_port *
put_tunnel(struct commit_ctx *ctx, const struct wanted_mirror *w)
{
    char *name = xasprintf("ovn-%s", w->name);
    const struct ovs_port_spec spec = {
        .name = name,
        .type = w->type,
        .options = &w->options,
        .mark = PORT_MARK,
        .mark_value = w->name,
    };
    const struct ovsrec_port *port = ovs_port_find(ctx->br_int, name);

    if (!port) {
        ovs_port_insert(ctx->txn, ctx->br_int, &spec);
        ctx->changed = true;
    } else if (is_mirror_tunnel(port)
               || smap_get(&port->external_ids, PORT_MARK)) {
        ctx->changed |= ovs_port_update(port, &spec);
    } else {
        VLOG_WARN_RL(&rl, "mirror %s is ignored: somebody else has a port %s",
                     w->name, name);
        port = NULL;
    }
    free(name);
    return port;
}

/* Whether the 'n' 'ports' of a mirror are 'wanted'. */
static bool
ports_are(struct ovsrec_port *const *ports, size_t n,
          struct ovsrec_port *const *wanted, size_t n_ports)
{
    bool equal = n == n_ports;

    for (size_t i = 0; equal && i < n_ports; i++) {
        bool found = false;

        for (size_t j = 0; !found && j < n; j++) {
            found = ports[j] == wanted[i];
        }
        equal = found;
    }
    return equal;
}

/* Writes what differs of the ports that 'm' selects. */
static bool
put_selection(const struct ovsrec_mirror *m, const struct wanted_mirror *w,
              struct ovsrec_port **ports, size_t n)
{
    const size_t n_src = w->from_lport ? n : 0;
    const size_t n_dst = w->to_lport ? n : 0;
    bool changed = false;

    if (!ports_are(m->select_src_port, m->n_select_src_port, ports, n_src)) {
        ovsrec_mirror_set_select_src_port(m, ports, n_src);
        changed = true;
    }
    if (!ports_are(m->select_dst_port, m->n_select_dst_port, ports, n_dst)) {
        ovsrec_mirror_set_select_dst_port(m, ports, n_dst);
        changed = true;
    }
    if (m->select_all) {
        ovsrec_mirror_set_select_all(m, false);
        changed = true;
    }
    if (m->n_select_vlan) {
        ovsrec_mirror_set_select_vlan(m, NULL, 0);
        changed = true;
    }
    return changed;
}

/* Writes whatever of 'm' differs from 'w' and 'output'. */
static bool
put_mirror(const struct commit_ctx *ctx, const struct ovsrec_mirror *m,
           const struct wanted_mirror *w, const struct ovsrec_port *output)
{
    struct ovsrec_port **ports;
    bool changed = false;
    size_t n = 0;

    ports = xmalloc(ctx->br_int->n_ports * sizeof *ports);
    for (size_t i = 0; i < ctx->br_int->n_ports; i++) {
        if (sset_contains(&w->ports, ctx->br_int->ports[i]->name)) {
            ports[n++] = ctx->br_int->ports[i];
        }
    }
    changed = put_selection(m, w, ports, n);
    free(ports);
    if (m->output_port != output) {
        ovsrec_mirror_set_output_port(m, output);
        changed = true;
    }
    if (m->n_output_vlan) {
        ovsrec_mirror_set_output_vlan(m, NULL, 0);
        changed = true;
    }
    return changed;
}

static const struct ovsrec_mirror *
find_mirror(const struct ovsrec_bridge *bridge, const char *name)
{
    for (size_t i = 0; i < bridge->n_mirrors; i++) {
        if (is_ours(bridge->mirrors[i])
            && !strcmp(bridge->mirrors[i]->name, name)) {
            return bridge->mirrors[i];
        }
    }
    return NULL;
}

static void
want_mirror(struct inc_key key OVS_UNUSED, const void *w_, void *ctx_)
{
    const struct wanted_mirror *w = w_;
    struct commit_ctx *ctx = ctx_;

    if (sset_contains(&ctx->names, w->name)) {
        VLOG_WARN_RL(&rl, "there are several mirrors called %s: one is there",
                     w->name);
        return;
    }

    const struct ovsrec_port *output
        = (w->type ? put_tunnel(ctx, w)
           : find_local_sink(ctx->br_int, w->sink));
    const struct ovsrec_mirror *m = find_mirror(ctx->br_int, w->name);
    if (!output && !m) {
        return;                 /* The tunnel's row comes first. */
    }
    sset_add(&ctx->names, w->name);
    if (!m) {
        const struct smap ids = SMAP_CONST1(&ids, OWNED, "true");

        m = ovsrec_mirror_insert(ctx->txn);
        ovsrec_mirror_set_name(m, w->name);
        ovsrec_mirror_set_external_ids(m, &ids);
        ovsrec_bridge_update_mirrors_addvalue(ctx->br_int, m);
        ovsdb_idl_txn_add_comment(ctx->txn, "ovn-controller: adding mirror "
                                  "%s", w->name);
        ctx->changed = true;
    }
    ctx->changed |= put_mirror(ctx, m, w, output);
}

/* Removes from 'bridge' the mirrors of ours that do not have one of 'names',
 * and the tunnels that are not for those in 'tunnels'. */
static bool
remove_mirrors(const struct ovsrec_bridge *bridge, const struct sset *names,
               const struct sset *tunnels)
{
    bool removed = false;

    /* Members of the row's own arrays stay until the transaction is over. */
    for (size_t i = 0; i < bridge->n_mirrors; i++) {
        const struct ovsrec_mirror *m = bridge->mirrors[i];
        char *port_name = xasprintf("ovn-%s", m->name);

        if (is_ours(m) && !sset_contains(names, m->name)) {
            ovsrec_bridge_update_mirrors_delvalue(bridge, m);
            removed = true;
            if (m->output_port && is_mirror_tunnel(m->output_port)
                && !strcmp(m->output_port->name, port_name)
                && !smap_get(&m->output_port->external_ids, PORT_MARK)) {
                ovs_port_delete(bridge, m->output_port);
            }
        }
        free(port_name);
    }
    for (size_t i = 0; i < bridge->n_ports; i++) {
        const char *mark = smap_get(&bridge->ports[i]->external_ids,
                                    PORT_MARK);

        if (mark && !sset_contains(tunnels, mark)) {
            ovs_port_delete(bridge, bridge->ports[i]);
            removed = true;
        }
    }
    return removed;
}

static void
add_names(struct inc_key key OVS_UNUSED, const void *w_, void *sets_)
{
    const struct wanted_mirror *w = w_;
    struct sset **sets = sets_;

    sset_add(sets[0], w->name);
    if (w->type) {
        sset_add(sets[1], w->name);
    }
}

/* From the integration bridge what is not wanted, from bridges that were it
 * everything. */
static bool
remove_unwanted(const struct turn *turn, const struct ovsrec_bridge *br_int)
{
    const struct ovsrec_open_vswitch *cfg
        = ovsrec_open_vswitch_first(turn->ovs_idl);
    struct sset names = SSET_INITIALIZER(&names);
    struct sset tunnels = SSET_INITIALIZER(&tunnels);
    struct sset none = SSET_INITIALIZER(&none);
    struct sset *sets[] = { &names, &tunnels };
    const struct ovsrec_bridge *bridge;
    bool removed;

    inc_kind_for_each(kind_wanted, add_names, sets);
    removed = remove_mirrors(br_int, &names, &tunnels);
    OVSREC_BRIDGE_FOR_EACH (bridge, turn->ovs_idl) {
        if (cfg && bridge != br_int
            && br_int_may_have_been(cfg, turn->config->chassis_name,
                                    br_int->name, bridge->name)) {
            removed |= remove_mirrors(bridge, &none, &none);
        }
    }
    sset_destroy(&names);
    sset_destroy(&tunnels);
    sset_destroy(&none);
    return removed;
}

/* Has anybody changed rows that this is about? */
static bool
rows_changed(struct ovsdb_idl *idl)
{
    return (ovsrec_mirror_track_get_first(idl)
            || ovsrec_bridge_track_get_first(idl)
            || ovsrec_port_track_get_first(idl)
            || ovsrec_interface_track_get_first(idl));
}

/* What is not known to be wanted is removed, so this is for complete
 * southbound snapshots only. */
static void
update_mirrors(const struct turn *turn)
{
    const struct ovsrec_bridge *br_int
        = ovs_bridge_find(turn->ovs_idl, turn->config->br_int);

    dirty |= ((n_wanted || (br_int && br_int->n_mirrors))
              && rows_changed(turn->ovs_idl));
    if (!dirty || !turn->ovs_txn || !br_int) {
        return;
    }

    struct commit_ctx ctx = {
        .br_int = br_int,
        .txn = turn->ovs_txn,
        .names = SSET_INITIALIZER(&ctx.names),
    };
    ctx.changed = remove_unwanted(turn, br_int);
    inc_kind_for_each(kind_wanted, want_mirror, &ctx);
    sset_destroy(&ctx.names);

    /* Only a pass that finds nothing to do proves that the last transaction
     * has gone through. */
    dirty = ctx.changed;
}

static bool
cleanup(const struct turn *turn)
{
    const struct ovsrec_bridge *br_int
        = ovs_bridge_find(turn->ovs_idl, turn->config->br_int);
    struct sset none = SSET_INITIALIZER(&none);
    bool is_there = false;

    if (!ovsdb_idl_is_connected(turn->ovs_idl) || !br_int) {
        return true;
    }
    for (size_t i = 0; i < br_int->n_mirrors; i++) {
        is_there |= is_ours(br_int->mirrors[i]);
    }
    if (is_there && turn->ovs_txn) {
        remove_mirrors(br_int, &none, &none);
    }
    sset_destroy(&none);
    return !is_there;
}

/* Wiring. */

static const struct inc_kind_class mirrored_class = {
    .name = "mirrored-interfaces",
    .stage = STAGE_DATAPATH,
    .key_type = INC_KEY_UUID,
    .is_set = true,
};

static const struct inc_kind_class wanted_class = {
    .name = "wanted-mirror",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_UUID,
    .equal = wanted_mirror_equal,
    .destroy = wanted_mirror_destroy,
};

static const struct inc_unit_class mirrored_port_class = {
    .name = "mirrored-port",
    .stage = STAGE_DATAPATH,
    .run = mirrored_port_run,
};

static const struct inc_unit_class plan_class = {
    .name = "mirror-plan",
    .stage = STAGE_ZONE,
    .run = plan_run,
};

static void
init(struct inc_engine *engine)
{
    kind_mirrored = inc_kind_declare(engine, &mirrored_class);
    kind_wanted = inc_kind_declare(engine, &wanted_class);
    inc_kind_spawn(in_kinds.mirrored_port, &mirrored_port_class, NULL);
    inc_kind_spawn(in_kinds.mirror_row, &plan_class, NULL);
    inc_kind_watch(kind_wanted, wanted_changed, NULL);
}

static void
register_ovs(struct idl_columns *all)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &ovsrec_bridge_col_mirrors,
        &ovsrec_mirror_col_name,
        &ovsrec_mirror_col_output_port,
        &ovsrec_mirror_col_output_vlan,
        &ovsrec_mirror_col_select_all,
        &ovsrec_mirror_col_select_src_port,
        &ovsrec_mirror_col_select_dst_port,
        &ovsrec_mirror_col_select_vlan,
        &ovsrec_mirror_col_external_ids,
    };

    idl_columns_add_all(all, columns, ARRAY_SIZE(columns), IDL_TRACK);
}

const struct module mirror_module = {
    .name = "mirror",
    .init = init,
    .register_ovs = register_ovs,
    .complete = update_mirrors,
    .away = update_mirrors,
    .cleanup = cleanup,
};
