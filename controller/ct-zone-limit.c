/* SPDX-License-Identifier: Apache-2.0 */

/* How many connections a conntrack zone may have; see ct-zone-limit.h. */

#include <config.h>
#include "ct-zone-limit.h"

#include <inttypes.h>

#include "ct-zone.h"
#include "idl-columns.h"
#include "inputs.h"
#include "module.h"
#include "openvswitch/vlog.h"
#include "ovs-config.h"
#include "ovs-port.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(ct_zone_limit);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* In SB's options and external_ids. */
#define OPTION "ct-zone-limit"

/* In CT_Zone.external_ids, with the name of the chassis whose limit it is. */
#define MARK "ovn-ct-zone-limit"

#define N_ZONES (UINT16_MAX + 1)
#define UNWANTED -1

/* (ct-zone-limits, only): "ZONE LIMIT". */
static struct inc_kind *limits_kind;

/* Whether the switch's database may differ from it. */
static bool dirty = true;

/* What is wanted. */

/* The limit that 'options' ask for, or 'def' if they do not.  If what they say
 * is no limit, '*bad' is set to it. */
static int64_t
parse_limit(const struct smap *options, int64_t def, const char **bad)
{
    const char *text = smap_get(options, OPTION);
    long long int limit;

    *bad = NULL;
    if (text && (!str_to_llong(text, 10, &limit)
                 || limit < 0 || limit > UINT32_MAX)) {
        *bad = text;
    }
    return text && !*bad ? limit : def;
}

/* Says so, once, if 'bad'. */
static void
report(struct inc_unit *unit, const char *table, const char *name,
       const char *bad)
{
    if (bad) {
        UNIT_WARN(unit, &rl, "%s %s: "OPTION"=\"%s\" is "
                  "ignored, it is not a number of 32 bits", table, name, bad);
    }
}

static void
want_limit(struct inc_unit *unit, int zone, int64_t limit)
{
    if (zone && limit != UNWANTED) {
        char *text = xasprintf("%d %"PRId64, zone, limit);
        inc_insert(unit, limits_kind, INC_KEY_ONLY, inc_key_string(text));
        free(text);
    }
}

static void
port_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *lport = inc_unit_key(unit).data;
    const struct port_binding *pb = in_port_binding(unit, lport);
    const struct datapath_binding *dp
        = pb ? in_datapath(unit, &pb->datapath) : NULL;
    const char *bad;

    if (dp) {
        int64_t limit = parse_limit(&dp->external_ids, UNWANTED, &bad);

        limit = parse_limit(&pb->options, limit, &bad);
        report(unit, "Port_Binding", lport, bad);
        want_limit(unit, ct_zone_of_port(unit, lport), limit);
    }
}

static void
datapath_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *uuid = inc_unit_key(unit).data;
    const struct datapath_binding *dp = in_datapath(unit, uuid);
    const char *bad;

    if (dp) {
        int64_t limit = parse_limit(&dp->external_ids, UNWANTED, &bad);

        report(unit, "Datapath_Binding",
               smap_get_def(&dp->external_ids, "name", ""), bad);
        want_limit(unit, ct_zone_dnat(unit, uuid), limit);
        want_limit(unit, ct_zone_snat(unit, uuid), limit);
    }
}

/* Fills in 'limits', one for each zone.  Of several for one, the strictest
 * counts; 0 is no limit at all. */
static void
fill_limits(int64_t limits[N_ZONES])
{
    const struct inc_set *set = inc_peek_set(limits_kind, INC_KEY_ONLY);

    for (size_t i = 0; i < N_ZONES; i++) {
        limits[i] = UNWANTED;
    }
    for (size_t i = 0; i < inc_set_count(set); i++) {
        int zone;
        int64_t limit;

        ovs_assert(ovs_scan(inc_set_at(set, i).data, "%d %"SCNd64, &zone,
                            &limit));
        if (limits[zone] <= 0 || (limit && limit < limits[zone])) {
            limits[zone] = limit;
        }
    }
}

/* Writing it. */

static const struct ovsrec_datapath *
find_datapath(const struct turn *turn)
{
    const struct ovsrec_open_vswitch *cfg
        = ovsrec_open_vswitch_first(turn->ovs_idl);
    const struct ovsrec_bridge *br_int
        = ovs_bridge_find(turn->ovs_idl, turn->config->br_int);
    const char *type = br_int ? ovs_bridge_datapath_type(br_int) : NULL;

    for (size_t i = 0; cfg && type && i < cfg->n_datapaths; i++) {
        if (!strcmp(cfg->key_datapaths[i], type)) {
            return cfg->value_datapaths[i];
        }
    }
    return NULL;
}

/* Whether the limit of 'ct_zone', which is that of 'zone', is from us, or from
 * a controller that was here before us. */
static bool
is_ours(const struct ovsrec_ct_zone *ct_zone, int64_t zone, const char *us)
{
    const char *mark = smap_get(&ct_zone->external_ids, MARK);

    return (mark ? !strcmp(mark, us)
            : ct_zone->n_limit && ct_zone_is_ours(zone));
}

static void
remove_limit(const struct ovsrec_datapath *dp,
             const struct ovsrec_ct_zone *ct_zone, int64_t zone)
{
    size_t n_marks = smap_get(&ct_zone->external_ids, MARK) != NULL;

    if (!ct_zone->timeout_policy
        && smap_count(&ct_zone->external_ids) == n_marks) {
        ovsrec_datapath_update_ct_zones_delkey(dp, zone);
        return;
    }
    ovsrec_ct_zone_set_limit(ct_zone, NULL, 0);
    if (n_marks) {
        ovsrec_ct_zone_update_external_ids_delkey(ct_zone, MARK);
    }
}

/* Returns true if 'ct_zone' was different. */
static bool
set_limit(const struct ovsrec_ct_zone *ct_zone, int64_t limit, const char *us)
{
    const char *mark = smap_get(&ct_zone->external_ids, MARK);
    bool agrees = ct_zone->n_limit && *ct_zone->limit == limit;
    bool marked = mark && !strcmp(mark, us);

    if (!agrees) {
        ovsrec_ct_zone_set_limit(ct_zone, &limit, 1);
    }
    if (!marked) {
        ovsrec_ct_zone_update_external_ids_setkey(ct_zone, MARK, us);
    }
    return !agrees || !marked;
}

/* Makes the rows that are there agree with 'limits', out of which those that
 * do are taken.  Returns true if any did not. */
static bool
update_rows(const struct ovsrec_datapath *dp, int64_t limits[N_ZONES],
            const char *us)
{
    bool changed = false;

    for (size_t i = 0; i < dp->n_ct_zones; i++) {
        const int64_t zone = dp->key_ct_zones[i];
        const struct ovsrec_ct_zone *ct_zone = dp->value_ct_zones[i];

        if (zone < 0 || zone >= N_ZONES) {
            continue;
        }
        if (limits[zone] != UNWANTED) {
            changed |= set_limit(ct_zone, limits[zone], us);
            limits[zone] = UNWANTED;
        } else if (is_ours(ct_zone, zone, us)) {
            remove_limit(dp, ct_zone, zone);
            changed = true;
        }
    }
    return changed;
}

static bool
insert_rows(struct ovsdb_idl_txn *txn, const struct ovsrec_datapath *dp,
            const int64_t limits[N_ZONES], const char *us)
{
    bool changed = false;

    for (size_t zone = 0; zone < N_ZONES; zone++) {
        if (limits[zone] != UNWANTED) {
            struct ovsrec_ct_zone *ct_zone = ovsrec_ct_zone_insert(txn);

            set_limit(ct_zone, limits[zone], us);
            ovsrec_datapath_update_ct_zones_setkey(dp, zone, ct_zone);
            changed = true;
        }
    }
    return changed;
}

/* An older Open vSwitch cannot do it.  Returns false in that case. */
static bool
can_limit(const struct ovsdb_idl *idl)
{
    static bool warned;

    if (ovsrec_server_has_ct_zone_table_col_limit(idl)) {
        return true;
    }
    if (!warned && inc_set_count(inc_peek_set(limits_kind, INC_KEY_ONLY))) {
        VLOG_WARN("limits of conntrack zones ("OPTION") are not set: this "
                  "Open vSwitch's CT_Zone has no column \"limit\"");
        warned = true;
    }
    return false;
}

static void
update(const struct turn *turn)
{
    const char *us = turn->config->chassis_name;

    dirty |= (ovsrec_datapath_track_get_first(turn->ovs_idl)
              || ovsrec_ct_zone_track_get_first(turn->ovs_idl)
              || ovsrec_bridge_track_get_first(turn->ovs_idl));
    if (!dirty || !turn->ovs_txn || !us) {
        return;
    }

    const struct ovsrec_datapath *dp = find_datapath(turn);
    if (!dp || !can_limit(turn->ovs_idl)
        || (!dp->n_ct_zones
            && !inc_set_count(inc_peek_set(limits_kind, INC_KEY_ONLY)))) {
        dirty = false;          /* Until something changes. */
        return;
    }

    int64_t *limits = xmalloc(N_ZONES * sizeof *limits);
    fill_limits(limits);
    /* Only a pass that finds nothing to do proves that the last transaction
     * has gone through. */
    dirty = update_rows(dp, limits, us);
    dirty |= insert_rows(turn->ovs_txn, dp, limits, us);
    free(limits);
}

static bool
cleanup(const struct turn *turn)
{
    const struct ovsrec_datapath *dp = find_datapath(turn);
    bool done = true;

    if (!ovsdb_idl_is_connected(turn->ovs_idl)
        || !ovsrec_server_has_ct_zone_table_col_limit(turn->ovs_idl)) {
        return true;
    }
    for (size_t i = 0; dp && i < dp->n_ct_zones; i++) {
        const struct ovsrec_ct_zone *ct_zone = dp->value_ct_zones[i];
        const char *mark = smap_get(&ct_zone->external_ids, MARK);

        if (mark && !strcmp(mark, turn->config->chassis_name)) {
            done = false;
            if (turn->ovs_txn) {
                remove_limit(dp, ct_zone, dp->key_ct_zones[i]);
            }
        }
    }
    return done;
}

/* Wiring. */

static void
limits_changed(struct inc_key key OVS_UNUSED, const void *old OVS_UNUSED,
               const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    dirty = true;
}

static void
init(struct inc_engine *engine)
{
    static const struct inc_kind_class limits_class = {
        .name = "ct-zone-limits",
        .stage = STAGE_FLOW,
        .key_type = INC_KEY_STRING,
        .is_set = true,
    };
    static const struct inc_unit_class port_class = {
        .name = "port-ct-zone-limit",
        .stage = STAGE_FLOW,
        .run = port_run,
    };
    static const struct inc_unit_class datapath_class = {
        .name = "datapath-ct-zone-limit",
        .stage = STAGE_FLOW,
        .run = datapath_run,
    };

    limits_kind = inc_kind_declare(engine, &limits_class);
    inc_kind_spawn(ct_zone_kind_of_port, &port_class, NULL);
    inc_kind_spawn(ct_zone_kind_of_datapath, &datapath_class, NULL);
    inc_kind_watch(limits_kind, limits_changed, NULL);
}

static void
register_ovs(struct idl_columns *all)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &ovsrec_bridge_col_datapath_type,
        &ovsrec_datapath_col_ct_zones,
        &ovsrec_ct_zone_col_external_ids,
        &ovsrec_ct_zone_col_limit,
        &ovsrec_ct_zone_col_timeout_policy,
    };

    idl_columns_add(all, &ovsrec_open_vswitch_col_datapaths, IDL_READ);
    /* Without its rows, columns that refer to them would look empty. */
    idl_columns_add(all, &ovsrec_ct_timeout_policy_col_external_ids,
                    IDL_READ);
    idl_columns_add_all(all, columns, ARRAY_SIZE(columns), IDL_TRACK);
}

const struct module ct_zone_limit_module = {
    .name = "ct-zone-limit",
    .init = init,
    .register_ovs = register_ovs,
    .complete = update,
    .away = update,
    .cleanup = cleanup,
};
