/* SPDX-License-Identifier: Apache-2.0 */

/* The local Open vSwitch database as cells
 * ========================================
 *
 * An Interface does not know its Port, nor a Port its Bridge.  Where an
 * Interface was found last is in its record, so one that changes is read again
 * by itself.  When a Port or a Bridge changes, all bridges are walked from the
 * top, and Interfaces read if they, or where they are, have changed.  A host
 * may have thousands, one for each tunnel. */

#include <config.h>

#include "inputs-private.h"

#include <stdlib.h>

#include "coverage.h"
#include "encaps.h"
#include "evpn-tunnels.h"
#include "idl-columns.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "ovs-port.h"
#include "ovsdb-idl-provider.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"
#include "vswitch-idl.h"

/* What there are cells of. */
static struct smap config = SMAP_INITIALIZER(&config);
static struct sset iface_names = SSET_INITIALIZER(&iface_names);
static struct sset bridge_names = SSET_INITIALIZER(&bridge_names);

static struct sset collector_sets = SSET_INITIALIZER(&collector_sets);

/* The fact that there is a collector set with an id, which is an int64_t. */
#define COLLECTOR_SET_FACT "collector-set-%"PRId64

/* The tunnels that are new, and until when each of them is. */
#define NEW_TUNNEL_MS 3000
static struct shash new_tunnels = SHASH_INITIALIZER(&new_tunnels);

/* How many tunnels' BFD sessions are up, and since when there has always been
 * one. */
static size_t n_tunnels_up;
static long long int tunnels_up_since;

/* What the last run was told. */
static char *last_chassis_name;
static char *last_br_int_name;
static struct uuid last_ovs_uuid;

/* Interfaces. */

/* Keys that this controller writes, which nothing may depend on: it would
 * wake itself up. */
static bool
is_own_key(const char *key)
{
    return !strcmp(key, "ovn-installed") || !strcmp(key, "ovn-installed-ts");
}

COVERAGE_DEFINE(inputs_read_iface);

/* Where an interface is. */
struct place {
    const char *port;
    const struct smap *port_external_ids;
    const char *bridge;
};

static struct ovs_iface *
iface_create(const struct ovsrec_interface *row, const struct place *place)
{
    struct ovs_iface *iface = xzalloc(sizeof *iface);
    const struct smap_node *node;

    COVERAGE_INC(inputs_read_iface);
    iface->uuid = row->header_.uuid;
    iface->name = xstrdup(row->name);
    iface->type = xstrdup(row->type);
    iface->port = xstrdup(place->port);
    iface->bridge = xstrdup(place->bridge);
    iface->ofport = row->n_ofport ? row->ofport[0] : 0;
    iface->mtu = row->n_mtu ? row->mtu[0] : 0;
    smap_init(&iface->external_ids);
    SMAP_FOR_EACH (node, &row->external_ids) {
        if (!is_own_key(node->key)) {
            smap_add(&iface->external_ids, node->key, node->value);
        }
    }
    smap_clone(&iface->options, &row->options);
    smap_clone(&iface->port_external_ids, place->port_external_ids);
    if (!strcmp(smap_get_def(&row->status, "tunnel_egress_iface_carrier", ""),
                "up")) {
        iface->egress_iface = nullable_xstrdup(
            smap_get(&row->status, "tunnel_egress_iface"));
    }
    smap_clone(&iface->bfd, &row->bfd);
    iface->bfd_up = !strcmp(smap_get_def(&row->bfd_status, "state", ""), "up");
    return iface;
}

static void
iface_destroy(void *iface_)
{
    struct ovs_iface *iface = iface_;

    free(iface->name);
    free(iface->type);
    free(iface->port);
    free(iface->bridge);
    smap_destroy(&iface->external_ids);
    smap_destroy(&iface->options);
    smap_destroy(&iface->port_external_ids);
    free(iface->egress_iface);
    smap_destroy(&iface->bfd);
    free(iface);
}

static bool
iface_equal(const void *a_, const void *b_)
{
    const struct ovs_iface *a = a_;
    const struct ovs_iface *b = b_;

    return (uuid_equals(&a->uuid, &b->uuid)
            && a->ofport == b->ofport
            && a->mtu == b->mtu
            && !strcmp(a->type, b->type)
            && !strcmp(a->port, b->port)
            && !strcmp(a->bridge, b->bridge)
            && smap_equal(&a->external_ids, &b->external_ids)
            && smap_equal(&a->options, &b->options)
            && smap_equal(&a->port_external_ids, &b->port_external_ids)
            && nullable_string_is_equal(a->egress_iface, b->egress_iface)
            && smap_equal(&a->bfd, &b->bfd)
            && a->bfd_up == b->bfd_up);
}

/* The mark of a tunnel port, or NULL if 'iface' is none. */
static const char *
tunnel_mark(const struct ovs_iface *iface)
{
    return smap_get(&iface->port_external_ids, TUNNEL_MARK);
}

/* Adds 'iface' to, or removes it from, the sets of the integration bridge's
 * interfaces that lead to it. */
static void
index_iface(const struct ovs_iface *iface, bool add)
{
    const char *iface_id = smap_get(&iface->external_ids, "iface-id");
    const char *mark = tunnel_mark(iface);
    struct inc_key name = inc_key_string(iface->name);

    if (iface_id) {
        input_put_member(in_kinds.ifaces_by_id, inc_key_string(iface_id),
                         name, add);
    }
    if (smap_get(&iface->port_external_ids, EVPN_TUNNEL_MARK)) {
        input_put_member(in_kinds.evpn_tunnel_ifaces, INC_KEY_ONLY, name,
                         add);
    }
    if (mark && !strcmp(mark, SHARED_MARK)) {
        input_put_member(in_kinds.shared_tunnel_ifaces, INC_KEY_ONLY, name,
                         add);
    }
}

/* Does 'iface' lead to one chassis? */
static bool
is_tunnel(const struct ovs_iface *iface)
{
    const char *mark = tunnel_mark(iface);

    return mark && strcmp(mark, SHARED_MARK);
}

static bool
is_br_int(const char *bridge)
{
    return last_br_int_name && !strcmp(bridge, last_br_int_name);
}

/* Puts down as new, or not, the tunnel that interface 'name' leads to. */
static void
note_tunnel(const char *name, bool was_up, bool is_up)
{
    long long int now = time_msec();

    if (was_up == is_up) {
        return;
    }
    if (!is_up) {
        n_tunnels_up--;
        free(shash_find_and_delete(&new_tunnels, name));
        inc_set(in_kinds.new_tunnel, inc_key_string(name), NULL);
    } else if (!n_tunnels_up++) {
        tunnels_up_since = now;
    } else if (now - tunnels_up_since >= NEW_TUNNEL_MS) {
        long long int until = now + NEW_TUNNEL_MS;

        free(shash_replace(&new_tunnels, name,
                           xmemdup(&until, sizeof until)));
        inc_set(in_kinds.new_tunnel, inc_key_string(name), inc_there);
    }
}

static void
age_new_tunnels(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, &new_tunnels) {
        const long long int *until = node->data;

        if (time_msec() >= *until) {
            inc_set(in_kinds.new_tunnel, inc_key_string(node->name), NULL);
            free(node->data);
            shash_delete(&new_tunnels, node);
        }
    }
}

void
inputs_wait_ovs(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &new_tunnels) {
        const long long int *until = node->data;

        poll_timer_wait_until(*until);
    }
}

/* Makes 'new' (NULL: none) the record of the interface 'name'.  'old_br_int'
 * is what the integration bridge was called when the current one was made. */
static void
put_iface(const char *name, struct ovs_iface *new, const char *old_br_int)
{
    struct inc_key key = inc_key_string(name);
    const struct ovs_iface *old = inc_peek(in_kinds.iface, key);

    if (old && old_br_int && !strcmp(old->bridge, old_br_int)) {
        index_iface(old, false);
    }
    bool is_ours = new && is_br_int(new->bridge);
    if (is_ours) {
        index_iface(new, true);
    }
    bool was_up = (old && old->bfd_up
                   && inc_peek(in_kinds.tunnel_iface, key));
    bool leads_to_one = is_ours && is_tunnel(new);
    bool is_up = new && new->bfd_up;
    note_tunnel(name, was_up, leads_to_one && is_up);
    inc_set(in_kinds.tunnel_iface, key, leads_to_one ? inc_there : NULL);
    inc_set(in_kinds.iface, key, new);
}

/* Has 'row' come or changed since the last run? */
static bool
has_changed(const struct ovsdb_idl_row *row)
{
    return (row->updated
            || ovsdb_idl_row_get_seqno(row, OVSDB_IDL_CHANGE_INSERT) > 0);
}

/* Has a row of 'table' come, gone or changed?  (A row is reported, too, if one
 * that it refers to has changed.) */
static bool
has_table_changed(struct ovsdb_idl *idl,
                  const struct ovsdb_idl_table_class *table)
{
    for (const struct ovsdb_idl_row *row
             = ovsdb_idl_track_get_first(idl, table);
         row; row = ovsdb_idl_track_get_next(row)) {
        if (has_changed(row)
            || ovsdb_idl_row_get_seqno(row, OVSDB_IDL_CHANGE_DELETE) > 0) {
            return true;
        }
    }
    return false;
}

static bool
is_at(const struct ovs_iface *iface, const struct place *place)
{
    return (!strcmp(iface->port, place->port)
            && !strcmp(iface->bridge, place->bridge));
}

/* A walk through all bridges. */
struct walk {
    const char *old_br_int;     /* See put_iface(). */
    bool all;                   /* Read everything? */
    struct sset gone;           /* Interfaces that it has not seen. */
};

static void
walk_port(struct walk *walk, const struct ovsrec_port *port,
          const struct ovsrec_bridge *bridge)
{
    const struct place place = {
        port->name, &port->external_ids, bridge->name
    };

    for (size_t i = 0; i < port->n_interfaces; i++) {
        const struct ovsrec_interface *row = port->interfaces[i];
        const struct ovs_iface *old = inc_peek(in_kinds.iface,
                                               inc_key_string(row->name));

        sset_find_and_delete(&walk->gone, row->name);
        if (walk->all || !old || !is_at(old, &place)
            || has_changed(&row->header_) || has_changed(&port->header_)) {
            sset_add(&iface_names, row->name);
            put_iface(row->name, iface_create(row, &place), walk->old_br_int);
        }
    }
}

static void
walk_bridges(struct ovsdb_idl *idl, const char *old_br_int, bool all)
{
    struct walk walk = { .old_br_int = old_br_int, .all = all };
    struct sset gone_bridges;
    sset_clone(&walk.gone, &iface_names);
    sset_clone(&gone_bridges, &bridge_names);

    const struct ovsrec_bridge *bridge;
    OVSREC_BRIDGE_FOR_EACH (bridge, idl) {
        inc_set_insert(in_kinds.bridges, INC_KEY_ONLY,
                       inc_key_string(bridge->name));
        sset_add(&bridge_names, bridge->name);
        sset_find_and_delete(&gone_bridges, bridge->name);
        for (size_t i = 0; i < bridge->n_ports; i++) {
            walk_port(&walk, bridge->ports[i], bridge);
        }
    }

    const char *name;
    SSET_FOR_EACH (name, &walk.gone) {
        put_iface(name, NULL, old_br_int);
        sset_find_and_delete(&iface_names, name);
    }
    SSET_FOR_EACH (name, &gone_bridges) {
        inc_set_remove(in_kinds.bridges, INC_KEY_ONLY, inc_key_string(name));
        sset_find_and_delete(&bridge_names, name);
    }
    sset_destroy(&walk.gone);
    sset_destroy(&gone_bridges);
}

/* Reads the Interfaces that have changed, all of which are where they were. */
static void
follow_ifaces(struct ovsdb_idl *idl)
{
    const struct ovsrec_interface *row;

    OVSREC_INTERFACE_FOR_EACH_TRACKED (row, idl) {
        const struct ovs_iface *old = inc_peek(in_kinds.iface,
                                               inc_key_string(row->name));

        if (old && has_changed(&row->header_)
            && uuid_equals(&old->uuid, &row->header_.uuid)) {
            const struct place place = {
                old->port, &old->port_external_ids, old->bridge
            };

            put_iface(row->name, iface_create(row, &place), last_br_int_name);
        }
    }
}

static void
set_fact(const char *name, const char *value)
{
    inc_set(in_kinds.ovs_fact, inc_key_string(name),
            value ? xstrdup(value) : NULL);
}

/* Configuration. */

/* Puts into 'effective' all of 'ids', where a key with our chassis' name at
 * its end comes before the one without it. */
static void
effective_config(const struct smap *ids, struct smap *effective)
{
    const struct smap_node *node;

    smap_clone(effective, ids);
    if (!last_chassis_name || !last_chassis_name[0]) {
        return;
    }

    size_t name_len = strlen(last_chassis_name);
    SMAP_FOR_EACH (node, ids) {
        size_t len = strlen(node->key);
        if (len > name_len + 1
            && node->key[len - name_len - 1] == '-'
            && !strcmp(&node->key[len - name_len], last_chassis_name)) {
            char *key = xmemdup0(node->key, len - name_len - 1);
            smap_replace(effective, key, node->value);
            free(key);
        }
    }
}

static void
put_config(const struct ovsrec_open_vswitch *ovs)
{
    struct smap new = SMAP_INITIALIZER(&new);
    const struct smap_node *node;

    if (ovs) {
        effective_config(&ovs->external_ids, &new);
    }
    SMAP_FOR_EACH (node, &config) {
        if (!smap_get(&new, node->key)) {
            inc_set(in_kinds.config, inc_key_string(node->key), NULL);
        }
    }
    SMAP_FOR_EACH (node, &new) {
        const char *old = smap_get(&config, node->key);
        if (!old || strcmp(old, node->value)) {
            inc_set(in_kinds.config, inc_key_string(node->key),
                    xstrdup(node->value));
        }
    }
    hmap_swap(&config.map, &new.map);
    smap_destroy(&new);
}

/* What the datapath of the integration bridge is capable of. */
static void
put_capabilities(struct ovsdb_idl *idl, const struct ovsrec_open_vswitch *ovs)
{
    const struct ovsrec_datapath *dp = NULL;
    const struct ovsrec_bridge *bridge;

    OVSREC_BRIDGE_FOR_EACH (bridge, idl) {
        if (ovs && is_br_int(bridge->name)) {
            const char *type = ovs_bridge_datapath_type(bridge);

            for (size_t i = 0; i < ovs->n_datapaths; i++) {
                if (!strcmp(ovs->key_datapaths[i], type)) {
                    dp = ovs->value_datapaths[i];
                }
            }
        }
    }
    set_fact("ct-zero-snat",
             dp && smap_get_bool(&dp->capabilities, "ct_zero_snat", false)
             ? "true" : NULL);
}

/* Collector sets of the integration bridge: a fact for each id. */
static void
put_collector_sets(struct ovsdb_idl *idl)
{
    struct sset gone;
    sset_clone(&gone, &collector_sets);

    const struct ovsrec_flow_sample_collector_set *row;
    OVSREC_FLOW_SAMPLE_COLLECTOR_SET_FOR_EACH (row, idl) {
        if (row->bridge && is_br_int(row->bridge->name)) {
            char *fact = xasprintf(COLLECTOR_SET_FACT, row->id);

            set_fact(fact, "true");
            sset_add(&collector_sets, fact);
            sset_find_and_delete(&gone, fact);
            free(fact);
        }
    }

    const char *fact;
    SSET_FOR_EACH (fact, &gone) {
        set_fact(fact, NULL);
        sset_find_and_delete(&collector_sets, fact);
    }
    sset_destroy(&gone);
}

bool
in_tunnel_is_new(struct inc_unit *unit, const char *iface)
{
    return inc_read(unit, in_kinds.new_tunnel, inc_key_string(iface)) != NULL;
}

bool
in_has_collector_set(struct inc_unit *unit, uint32_t id)
{
    char *fact = xasprintf(COLLECTOR_SET_FACT, (int64_t) id);
    bool has = in_ovs_fact(unit, fact) != NULL;

    free(fact);
    return has;
}

/* Following. */

static bool
remember(char **last, const char *now)
{
    if (nullable_string_is_equal(*last, now)) {
        return false;
    }
    free(*last);
    *last = nullable_xstrdup(now);
    return true;
}

/* Has the IDL started over?  See inputs.c. */
static bool
ovs_started_over(const struct ovsrec_open_vswitch *ovs)
{
    bool is_same = (ovs && uuid_equals(&ovs->header_.uuid, &last_ovs_uuid)
                    && !ovsrec_open_vswitch_is_new(ovs));

    last_ovs_uuid = ovs ? ovs->header_.uuid : UUID_ZERO;
    return !is_same;
}

void
inputs_run_ovs(struct ovsdb_idl *idl, const char *chassis_name,
               const char *br_int_name)
{
    const struct ovsrec_open_vswitch *ovs = ovsrec_open_vswitch_first(idl);
    bool all = ovs_started_over(ovs);

    if (remember(&last_chassis_name, chassis_name) || all
        || ovsrec_open_vswitch_track_get_first(idl)) {
        put_config(ovs);
        set_fact("chassis-name", last_chassis_name);
    }

    char *old_br_int = nullable_xstrdup(last_br_int_name);
    bool other_br_int = remember(&last_br_int_name, br_int_name);
    if (other_br_int || all || has_table_changed(idl, &ovsrec_table_bridge)
        || has_table_changed(idl, &ovsrec_table_port)) {
        walk_bridges(idl, old_br_int, other_br_int || all);
    } else {
        follow_ifaces(idl);
    }
    free(old_br_int);
    age_new_tunnels();

    if (other_br_int || all || ovsrec_open_vswitch_track_get_first(idl)
        || ovsrec_bridge_track_get_first(idl)
        || ovsrec_datapath_track_get_first(idl)) {
        put_capabilities(idl, ovs);
    }
    if (other_br_int || all || ovsrec_bridge_track_get_first(idl)
        || ovsrec_flow_sample_collector_set_track_get_first(idl)) {
        put_collector_sets(idl);
    }
}

static const struct inc_kind_class iface_kind_class = {
    .name = "iface", .stage = STAGE_INPUT, .key_type = INC_KEY_STRING,
    .equal = iface_equal, .destroy = iface_destroy,
};
static const struct inc_kind_class config_kind_class = {
    .name = "config", .stage = STAGE_INPUT, .key_type = INC_KEY_STRING,
    .equal = inc_strings_equal, .destroy = free,
};
static const struct inc_kind_class ovs_fact_kind_class = {
    .name = "ovs-fact", .stage = STAGE_INPUT, .key_type = INC_KEY_STRING,
    .equal = inc_strings_equal, .destroy = free,
};
static const struct inc_kind_class ifaces_by_id_kind_class = {
    .name = "ifaces-by-id", .stage = STAGE_INPUT, .key_type = INC_KEY_STRING,
    .is_set = true,
};
static const struct inc_kind_class tunnel_iface_kind_class = {
    .name = "tunnel-iface", .stage = STAGE_INPUT, .key_type = INC_KEY_STRING,
};
static const struct inc_kind_class new_tunnel_kind_class = {
    .name = "new-tunnel", .stage = STAGE_INPUT, .key_type = INC_KEY_STRING,
};
static const struct inc_kind_class shared_tunnel_ifaces_kind_class = {
    .name = "shared-tunnel-ifaces", .stage = STAGE_INPUT,
    .key_type = INC_KEY_STRING, .is_set = true,
};
static const struct inc_kind_class evpn_tunnel_ifaces_kind_class = {
    .name = "evpn-tunnel-ifaces", .stage = STAGE_INPUT,
    .key_type = INC_KEY_STRING, .is_set = true,
};
static const struct inc_kind_class bridges_kind_class = {
    .name = "bridges", .stage = STAGE_INPUT, .key_type = INC_KEY_STRING,
    .is_set = true,
};

void
inputs_declare_ovs(struct inc_engine *engine)
{
    in_kinds.iface = inc_kind_declare(engine, &iface_kind_class);
    in_kinds.config = inc_kind_declare(engine, &config_kind_class);
    in_kinds.ovs_fact = inc_kind_declare(engine, &ovs_fact_kind_class);
    in_kinds.ifaces_by_id = inc_kind_declare(engine,
                                             &ifaces_by_id_kind_class);
    in_kinds.tunnel_iface = inc_kind_declare(engine,
                                             &tunnel_iface_kind_class);
    in_kinds.new_tunnel = inc_kind_declare(engine, &new_tunnel_kind_class);
    in_kinds.shared_tunnel_ifaces
        = inc_kind_declare(engine, &shared_tunnel_ifaces_kind_class);
    in_kinds.evpn_tunnel_ifaces
        = inc_kind_declare(engine, &evpn_tunnel_ifaces_kind_class);
    in_kinds.bridges = inc_kind_declare(engine, &bridges_kind_class);
}

void
inputs_destroy_ovs(void)
{
    smap_clear(&config);
    sset_clear(&iface_names);
    sset_clear(&bridge_names);
    sset_clear(&collector_sets);
    shash_clear_free_data(&new_tunnels);
    n_tunnels_up = 0;
    remember(&last_chassis_name, NULL);
    remember(&last_br_int_name, NULL);
    last_ovs_uuid = UUID_ZERO;
}

void
inputs_register_ovs(struct idl_columns *all)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &ovsrec_open_vswitch_col_external_ids,
        &ovsrec_open_vswitch_col_bridges,
        &ovsrec_open_vswitch_col_datapaths,
        &ovsrec_datapath_col_capabilities,
        &ovsrec_flow_sample_collector_set_col_id,
        &ovsrec_flow_sample_collector_set_col_bridge,
        &ovsrec_bridge_col_name,
        &ovsrec_bridge_col_datapath_type,
        &ovsrec_bridge_col_ports,
        &ovsrec_port_col_name,
        &ovsrec_port_col_interfaces,
        &ovsrec_port_col_external_ids,
        &ovsrec_interface_col_name,
        &ovsrec_interface_col_type,
        &ovsrec_interface_col_ofport,
        &ovsrec_interface_col_mtu,
        &ovsrec_interface_col_options,
        &ovsrec_interface_col_external_ids,
        &ovsrec_interface_col_status,
        &ovsrec_interface_col_bfd,
        &ovsrec_interface_col_bfd_status,
    };
    idl_columns_add_all(all, columns, ARRAY_SIZE(columns), IDL_TRACK);
}
