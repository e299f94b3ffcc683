/* SPDX-License-Identifier: Apache-2.0 */

/* Following a database
 * ====================
 *
 * Normally the IDL's change tracking says which rows have changed.  First
 * the cells of those that are gone or are called otherwise now are removed,
 * and what follows from the other changed rows' old records is taken out of
 * other cells.  Then the cells of those others are renewed.  So a name, or
 * whatever else rows are looked up by, may pass from one row to another, and
 * two rows may swap it.
 *
 * Tracking has one gap: when the server cannot tell what has changed while we
 * were disconnected, the IDL drops everything and starts over, and what it
 * dropped is never reported.  That shows in the single row of SB_Global (of
 * Open_vSwitch, in the other database), which is inserted anew, or another
 * one, or none.  Then, and in the first run, all rows are compared with all
 * cells. */

#include <config.h>

#include "inputs-private.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "idl-columns.h"
#include "idl-row.h"
#include "module.h"
#include "ovn-sb-idl.h"
#include "ovs-config.h"
#include "ovsdb-idl-provider.h"
#include "util.h"
#include "uuid.h"

struct inputs_kinds in_kinds;
bool input_ports_named;

/* The SB_Global row that was there at the last run, or zero. */
static struct uuid sb_global_uuid;

/* Helpers for records. */

static const char *
row_name_find(const struct hmap *names, const struct uuid *uuid)
{
    const struct row_name *rn;

    HMAP_FOR_EACH_WITH_HASH (rn, node, uuid_hash(uuid), names) {
        if (uuid_equals(&rn->uuid, uuid)) {
            return rn->name;
        }
    }
    return NULL;
}

static void
row_name_remove(struct hmap *names, const struct uuid *uuid)
{
    struct row_name *rn;

    HMAP_FOR_EACH_WITH_HASH (rn, node, uuid_hash(uuid), names) {
        if (uuid_equals(&rn->uuid, uuid)) {
            hmap_remove(names, &rn->node);
            free(rn);
            return;
        }
    }
}

/* 'uuid' must not be in 'names'. */
static void
row_name_set(struct hmap *names, const struct uuid *uuid, const char *name)
{
    struct row_name *rn = xmalloc(sizeof *rn + strlen(name) + 1);

    rn->uuid = *uuid;
    strcpy(rn->name, name);
    hmap_insert(names, &rn->node, uuid_hash(uuid));
}

void
row_names_destroy(struct hmap *names)
{
    struct row_name *rn;

    HMAP_FOR_EACH_POP (rn, node, names) {
        free(rn);
    }
    hmap_destroy(names);
    hmap_init(names);
}

/* The reference that 'datum', a set of at most one, holds; zero if none. */
struct uuid
datum_uuid(const struct ovsdb_datum *datum)
{
    return datum->n ? datum->keys[0].uuid : UUID_ZERO;
}

/* The references that 'datum' holds, in order (as all OVSDB sets), in an array
 * to be freed. */
struct uuid *
datum_uuids(const struct ovsdb_datum *datum, size_t *n)
{
    struct uuid *uuids = datum->n ? xmalloc(datum->n * sizeof *uuids) : NULL;

    for (size_t i = 0; i < datum->n; i++) {
        uuids[i] = datum->keys[i].uuid;
    }
    *n = datum->n;
    return uuids;
}

/* The southbound database. */

static bool
row_has(const struct ovsdb_idl_row *row, enum ovsdb_idl_change change)
{
    return ovsdb_idl_row_get_seqno(row, change) > 0;
}

/* Is 'row' called otherwise than the cells that were made of it? */
static bool
is_renamed(const struct input_table *t, const struct ovsdb_idl_row *row)
{
    const char *old = t->names ? row_name_find(t->names, &row->uuid) : NULL;
    return old && strcmp(old, t->get_name(row));
}

/* The key of the cell of 'row', which is still called as it was. */
static struct inc_key
row_key(const struct input_table *t, const struct ovsdb_idl_row *row)
{
    return (t->names
            ? inc_key_string(t->get_name(row)) : inc_key_uuid(&row->uuid));
}

/* Takes what follows from the record of the cell with 'key', if there is one,
 * out of other cells. */
static void
take_out(const struct input_table *t, struct inc_key key)
{
    const void *old = t->index ? inc_peek(*t->kind, key) : NULL;

    if (old) {
        t->index(old, false);
    }
}

/* Prepares for upsert_row() of 'row', which is still called as it was.  To be
 * done for all rows of 't' before the first is renewed, because the new record
 * of one may lead to the same cells as the old one of another. */
static void
take_out_row(const struct input_table *t, const struct ovsdb_idl_row *row)
{
    if (!t->names || row_name_find(t->names, &row->uuid)) {
        take_out(t, row_key(t, row));
    }
}

/* Makes 'record' (NULL: none) the value of the cell with 'key', whose old one
 * take_out() has dealt with. */
static void
put_record(const struct input_table *t, struct inc_key key, void *record)
{
    const void *old = t->diff ? inc_peek(*t->kind, key) : NULL;

    if (t->index && record) {
        t->index(record, true);
    }
    if (t->diff) {
        t->diff(key, old, record);
    }
    inc_set(*t->kind, key, record);
}

static void
note_name_change(const struct input_table *t)
{
    if (t->names_changed) {
        *t->names_changed = true;
    }
}

/* Makes cells of 'row', replacing those that it had.  It is still called as it
 * was then. */
static void
upsert_row(const struct input_table *t, const struct ovsdb_idl_row *row)
{
    if (t->names && !row_name_find(t->names, &row->uuid)) {
        row_name_set(t->names, &row->uuid, t->get_name(row));
        note_name_change(t);
    }
    put_record(t, row_key(t, row), t->create(row));
    if (t->note) {
        t->note(row);
    }
}

/* Removes the cells of the row that had 'uuid', if there are any. */
static void
remove_row(const struct input_table *t, const struct uuid *uuid)
{
    if (t->names) {
        const char *name = row_name_find(t->names, uuid);

        if (name) {
            take_out(t, inc_key_string(name));
            put_record(t, inc_key_string(name), NULL);
            row_name_remove(t->names, uuid);
            note_name_change(t);
        }
    } else {
        take_out(t, inc_key_uuid(uuid));
        put_record(t, inc_key_uuid(uuid), NULL);
    }
    if (t->note) {
        t->note(NULL);
    }
}

/* Has 'row', which is tracked and there, to be read again? */
static bool
must_upsert(const struct input_table *t, const struct ovsdb_idl_row *row)
{
    return (row_has(row, OVSDB_IDL_CHANGE_INSERT) || row->updated
            || (t->refs_matter && *t->refs_matter));
}

/* Renews the cells of those rows that have changed. */
static void
follow_table(const struct input_table *t, struct ovsdb_idl *idl)
{
    const struct ovsdb_idl_row *row;

    for (row = ovsdb_idl_track_get_first(idl, t->class); row;
         row = ovsdb_idl_track_get_next(row)) {
        if (row_has(row, OVSDB_IDL_CHANGE_DELETE) || is_renamed(t, row)) {
            remove_row(t, &row->uuid);
        } else if (must_upsert(t, row)) {
            take_out_row(t, row);
        }
    }
    for (row = ovsdb_idl_track_get_first(idl, t->class); row;
         row = ovsdb_idl_track_get_next(row)) {
        if (!row_has(row, OVSDB_IDL_CHANGE_DELETE) && must_upsert(t, row)) {
            upsert_row(t, row);
        }
    }
}

struct uuid_list {
    struct uuid *uuids;
    size_t n, allocated;
};

static void
uuid_list_add(struct inc_key key, const void *value OVS_UNUSED, void *list_)
{
    struct uuid_list *list = list_;

    if (list->n >= list->allocated) {
        list->uuids = x2nrealloc(list->uuids, &list->allocated,
                                 sizeof *list->uuids);
    }
    memcpy(&list->uuids[list->n++], key.data, sizeof *list->uuids);
}

/* Compares all rows with all cells. */
static void
compare_table(const struct input_table *t, struct ovsdb_idl *idl)
{
    struct uuid_list list = { .n = 0 };
    if (t->names) {
        const struct row_name *rn;
        HMAP_FOR_EACH (rn, node, t->names) {
            uuid_list_add(inc_key_uuid(&rn->uuid), NULL, &list);
        }
    } else {
        inc_kind_for_each(*t->kind, uuid_list_add, &list);
    }
    for (size_t i = 0; i < list.n; i++) {
        const struct ovsdb_idl_row *old
            = ovsdb_idl_get_row_for_uuid(idl, t->class, &list.uuids[i]);
        if (!old || !idl_row_exists(old) || is_renamed(t, old)) {
            remove_row(t, &list.uuids[i]);
        } else {
            take_out_row(t, old);
        }
    }
    free(list.uuids);

    const struct ovsdb_idl_row *row;
    for (row = ovsdb_idl_first_row(idl, t->class); row;
         row = ovsdb_idl_next_row(row)) {
        upsert_row(t, row);
    }
}

/* Has the IDL started over?  (True in the first run, too.) */
static bool
sb_started_over(struct ovsdb_idl *idl)
{
    const struct sbrec_sb_global *sb = sbrec_sb_global_first(idl);
    bool is_same = (sb && uuid_equals(&sb->header_.uuid, &sb_global_uuid)
                    && !sbrec_sb_global_is_new(sb));

    sb_global_uuid = sb ? sb->header_.uuid : UUID_ZERO;
    return !is_same;
}

static void
inputs_run_sb(struct ovsdb_idl *idl)
{
    bool all = sb_started_over(idl);

    input_ports_named = all;
    for (size_t i = 0; i < n_sb_tables; i++) {
        if (all) {
            compare_table(sb_tables[i], idl);
        } else {
            follow_table(sb_tables[i], idl);
        }
    }
    inputs_choose_dialect();
}

static void
init(struct inc_engine *engine)
{
    static const struct inc_kind_class our_chassis_class = {
        .name = "our-chassis",
        .stage = STAGE_INPUT,
        .key_type = INC_KEY_STRING,
        .equal = inc_uuids_equal,
        .destroy = free,
    };

    in_kinds.our_chassis = inc_kind_declare(engine, &our_chassis_class);
    inputs_declare_sb(engine);
    inputs_declare_ovs(engine);
}

static void
destroy(void)
{
    inputs_destroy_sb();
    inputs_destroy_ovs();
    sb_global_uuid = UUID_ZERO;
}

static void
register_sb(struct idl_columns *columns)
{
    for (size_t i = 0; i < n_sb_tables; i++) {
        for (const struct ovsdb_idl_column *const *c = sb_tables[i]->columns;
             *c; c++) {
            idl_columns_add(columns, *c, IDL_TRACK);
        }
    }
}

/* Accessors. */

#define IN_BY_NAME(KIND, TYPE)                                          \
    const struct TYPE *                                                 \
    in_##KIND(struct inc_unit *unit, const char *name)                  \
    {                                                                   \
        return inc_read(unit, in_kinds.KIND, inc_key_string(name));     \
    }
#define IN_BY_UUID(KIND, TYPE)                                          \
    const struct TYPE *                                                 \
    in_##KIND(struct inc_unit *unit, const struct uuid *uuid)           \
    {                                                                   \
        return inc_read(unit, in_kinds.KIND, inc_key_uuid(uuid));       \
    }
#define IN_SET_BY_NAME(KIND)                                            \
    const struct inc_set *                                              \
    in_##KIND(struct inc_unit *unit, const char *name)                  \
    {                                                                   \
        return inc_read_set(unit, in_kinds.KIND, inc_key_string(name)); \
    }
#define IN_SET_BY_UUID(KIND)                                            \
    const struct inc_set *                                              \
    in_##KIND(struct inc_unit *unit, const struct uuid *uuid)           \
    {                                                                   \
        return inc_read_set(unit, in_kinds.KIND, inc_key_uuid(uuid));   \
    }
#define IN_ONLY_SET(FUNC, KIND)                                         \
    const struct inc_set *                                              \
    in_##FUNC(struct inc_unit *unit)                                    \
    {                                                                   \
        return inc_read_set(unit, in_kinds.KIND, INC_KEY_ONLY);         \
    }

IN_BY_NAME(port_binding, port_binding)
IN_BY_NAME(lport, lport)
IN_BY_NAME(nat_addresses, nat_addresses)
IN_SET_BY_NAME(address_constants)
IN_SET_BY_NAME(groups_by_port)
IN_BY_NAME(meter, meter)
IN_BY_NAME(template_vars, smap)
IN_BY_NAME(iface, ovs_iface)
IN_BY_NAME(chassis_by_name, uuid)
IN_BY_UUID(datapath, datapath_binding)
IN_BY_UUID(logical_flow, logical_flow)
IN_BY_UUID(dp_group, dp_group)
IN_BY_UUID(multicast_group, multicast_group)
IN_BY_UUID(chassis, chassis)
IN_BY_UUID(ha_chassis_group, ha_chassis_group)
IN_BY_UUID(gateway_chassis, ha_chassis)
IN_BY_UUID(load_balancer, load_balancer)
IN_BY_UUID(lb_entry, lb_entry)
IN_BY_UUID(mac_binding, mac_binding)
IN_BY_UUID(static_mac_binding, mac_binding)
IN_BY_UUID(ecmp_nexthop, ecmp_nexthop)
IN_BY_UUID(fdb, fdb)
IN_BY_UUID(advertised_route, advertised_route)
IN_BY_UUID(learned_route, learned_route)
IN_BY_UUID(advertised_mac, advertised_mac)
IN_BY_UUID(dns_row, dns_row)
IN_BY_UUID(ip_multicast, ip_multicast)
IN_BY_UUID(bfd_row, bfd_row)
IN_BY_UUID(service_monitor, service_monitor)
IN_BY_UUID(mirror_row, mirror_row)
IN_SET_BY_NAME(ifaces_by_id)
IN_SET_BY_UUID(lbs_by_nb)
IN_SET_BY_UUID(delegation_ports)
IN_SET_BY_UUID(routing_ports)
IN_SET_BY_UUID(nf_ports)
IN_SET_BY_UUID(dns_rows)
IN_ONLY_SET(shared_tunnel_ifaces, shared_tunnel_ifaces)
IN_ONLY_SET(evpn_tunnel_ifaces, evpn_tunnel_ifaces)
IN_ONLY_SET(bridges, bridges)

const struct inc_set *
in_migrating_ports(struct inc_unit *unit, const struct uuid *dp)
{
    return inc_read_set(unit, in_kinds.migrating_ports, inc_key_uuid(dp));
}

bool
in_is_vif(struct inc_unit *unit, const struct uuid *dp, uint32_t tunnel_key)
{
    struct vif_key key = { *dp, tunnel_key };

    return inc_set_count(inc_read_set(
        unit, in_kinds.vifs_by_key,
        (struct inc_key) { &key, sizeof key })) > 0;
}

const struct inc_set *
in_lports_by_address(struct inc_unit *unit, const struct in6_addr *address)
{
    return inc_read_set(unit, in_kinds.lports_by_address,
                        (struct inc_key) { address, sizeof *address });
}

bool
in_has_port_group(struct inc_unit *unit, const char *name)
{
    return inc_read(unit, in_kinds.port_group_exists,
                    inc_key_string(name)) != NULL;
}

const struct smap *
in_sb_options(struct inc_unit *unit)
{
    static const struct smap empty = SMAP_INITIALIZER(&empty);
    const struct smap *options = inc_read(unit, in_kinds.sb_options,
                                          INC_KEY_ONLY);
    return options ? options : &empty;
}

bool
in_ipsec(struct inc_unit *unit)
{
    return inc_read(unit, in_kinds.ipsec, INC_KEY_ONLY) != NULL;
}

const struct ovn_dialect *
in_dialect(struct inc_unit *unit)
{
    const struct ovn_dialect *d = inc_read(unit, in_kinds.dialect,
                                           INC_KEY_ONLY);
    return d ? d : ovn_dialect_default();
}

const struct ovn_dialect *
inputs_dialect(void)
{
    const struct ovn_dialect *d = (in_kinds.dialect
                                   ? inc_peek(in_kinds.dialect, INC_KEY_ONLY)
                                   : NULL);
    return d ? d : ovn_dialect_default();
}

const struct port_binding *
inputs_peek_port(const char *lport, const struct datapath_binding **dp)
{
    const struct port_binding *pb = inc_peek(in_kinds.port_binding,
                                             inc_key_string(lport));

    *dp = pb ? inc_peek(in_kinds.datapath, inc_key_uuid(&pb->datapath)) : NULL;
    return *dp ? pb : NULL;
}

const char *
in_config(struct inc_unit *unit, const char *key)
{
    return inc_read(unit, in_kinds.config, inc_key_string(key));
}

bool
in_stage(struct inc_unit *unit, const char *name, uint8_t *table_id)
{
    const uint8_t *id = inc_read(unit, in_kinds.stage,
                                 inc_key_string(name));
    if (id) {
        *table_id = *id;
    }
    return id != NULL;
}

const char *
in_ovs_fact(struct inc_unit *unit, const char *name)
{
    return inc_read(unit, in_kinds.ovs_fact, inc_key_string(name));
}

struct uuid
in_our_chassis(struct inc_unit *unit)
{
    const struct uuid *uuid = inc_read(unit, in_kinds.our_chassis,
                                       INC_KEY_ONLY);
    return uuid ? *uuid : UUID_ZERO;
}

/* Brings the cells up to date with the rows that have changed since the last
 * turn. */
static void
input(struct turn *turn)
{
    inputs_run_ovs(turn->ovs_idl, turn->config->chassis_name,
                   turn->config->br_int);
    inputs_run_sb(turn->sb_idl);
}

const struct module inputs_module = {
    .name = "inputs",
    .init = init,
    .register_ovs = inputs_register_ovs,
    .register_sb = register_sb,
    .input = input,
    .wait = inputs_wait_ovs,
    .destroy = destroy,
};
