/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

#include <config.h>

#include "inputs-private.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "hash.h"
#include "ovn-sb-idl.h"
#include "packets.h"
#include "util.h"
#include "uuid.h"

/* Rows of the southbound database as cells
 * ========================================
 *
 * For each table: a record is made of a row, put into its cell, and into the
 * sets (indexes) under which it is looked up.
 *
 * References to other rows are taken from the column's raw data where their
 * UUIDs are all that is wanted.  So it does not matter whether, and in which
 * order, the rows that they name arrive: with conditional monitoring, some
 * never do. */

/* Makes 'record' (NULL: none) the value of the cell.  'index' adds the record
 * to, or removes it from, the sets that lead to it, or is NULL. */
static void
put(struct inc_kind *kind, struct inc_key key, void *record,
    void (*index)(const void *record, bool add))
{
    if (index) {
        const void *old = inc_peek(kind, key);
        if (old) {
            index(old, false);
        }
        if (record) {
            index(record, true);
        }
    }
    inc_set(kind, key, record);
}

static void
put_member(struct inc_kind *kind, struct inc_key key, struct inc_key member,
           bool add)
{
    if (add) {
        inc_set_insert(kind, key, member);
    } else {
        inc_set_remove(kind, key, member);
    }
}

static bool
uuids_equal(const struct uuid *a, size_t n_a,
            const struct uuid *b, size_t n_b)
{
    return n_a == n_b && (!n_a || !memcmp(a, b, n_a * sizeof *a));
}

static bool
nullable_equal(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static char *
copy_nonempty(const char *s)
{
    return s && s[0] ? xstrdup(s) : NULL;
}

/* Rows whose cells have names. */

static void
remember_name(struct hmap *names, const struct uuid *uuid, const char *name)
{
    if (!row_name_find(names, uuid)) {
        row_name_set(names, uuid, name);
    }
}

static void
remove_named(struct inc_kind *kind, struct hmap *names,
             const struct uuid *uuid)
{
    const char *name = row_name_find(names, uuid);
    if (name) {
        inc_set(kind, inc_key_string(name), NULL);
        row_name_remove(names, uuid);
    }
}

/* Port_Binding. */

static struct hmap port_names = HMAP_INITIALIZER(&port_names);

static enum lport_type
port_type(const struct sbrec_port_binding *row)
{
    static const struct {
        const char *name;
        enum lport_type type;
    } types[] = {
        { "patch", LP_PATCH },
        { "l3gateway", LP_L3GATEWAY },
        { "localnet", LP_LOCALNET },
        { "localport", LP_LOCALPORT },
        { "l2gateway", LP_L2GATEWAY },
        { "vtep", LP_VTEP },
        { "chassisredirect", LP_CHASSISREDIRECT },
        { "virtual", LP_VIRTUAL },
        { "external", LP_EXTERNAL },
        { "remote", LP_REMOTE },
    };

    if (!row->type[0]) {
        return (row->parent_port && row->parent_port[0]
                ? LP_CONTAINER : LP_VIF);
    }
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (!strcmp(row->type, types[i].name)) {
            return types[i].type;
        }
    }
    return LP_UNKNOWN;
}

static struct port_binding *
port_binding_create(const struct sbrec_port_binding *row)
{
    struct port_binding *pb = xzalloc(sizeof *pb);

    pb->uuid = row->header_.uuid;
    pb->logical_port = xstrdup(row->logical_port);
    pb->type = port_type(row);
    pb->datapath = datum_uuid(
        sbrec_port_binding_get_datapath(row, OVSDB_TYPE_UUID));
    pb->tunnel_key = row->tunnel_key;
    pb->parent_port = copy_nonempty(row->parent_port);
    pb->virtual_parent = copy_nonempty(row->virtual_parent);
    pb->tag = row->n_tag ? row->tag[0] : 0;
    pb->chassis = datum_uuid(
        sbrec_port_binding_get_chassis(row, OVSDB_TYPE_UUID));
    pb->additional_chassis = datum_uuids(
        sbrec_port_binding_get_additional_chassis(row, OVSDB_TYPE_UUID),
        &pb->n_additional_chassis);
    pb->requested_chassis = datum_uuid(
        sbrec_port_binding_get_requested_chassis(row, OVSDB_TYPE_UUID));
    pb->requested_additional_chassis = datum_uuids(
        sbrec_port_binding_get_requested_additional_chassis(row,
                                                            OVSDB_TYPE_UUID),
        &pb->n_requested_additional);
    pb->encap = datum_uuid(
        sbrec_port_binding_get_encap(row, OVSDB_TYPE_UUID));
    pb->ha_chassis_group = datum_uuid(
        sbrec_port_binding_get_ha_chassis_group(row, OVSDB_TYPE_UUID));
    pb->gateway_chassis = datum_uuids(
        sbrec_port_binding_get_gateway_chassis(row, OVSDB_TYPE_UUID),
        &pb->n_gateway_chassis);
    smap_clone(&pb->options, &row->options);
    pb->mac = copy_strings(row->mac, row->n_mac);
    pb->n_mac = row->n_mac;
    pb->port_security = copy_strings(row->port_security,
                                     row->n_port_security);
    pb->n_port_security = row->n_port_security;
    pb->nat_addresses = copy_strings(row->nat_addresses,
                                     row->n_nat_addresses);
    pb->n_nat_addresses = row->n_nat_addresses;
    return pb;
}

static void
port_binding_destroy(void *pb_)
{
    struct port_binding *pb = pb_;

    free(pb->logical_port);
    free(pb->parent_port);
    free(pb->virtual_parent);
    free(pb->additional_chassis);
    free(pb->requested_additional_chassis);
    free(pb->gateway_chassis);
    smap_destroy(&pb->options);
    free_strings(pb->mac, pb->n_mac);
    free_strings(pb->port_security, pb->n_port_security);
    free_strings(pb->nat_addresses, pb->n_nat_addresses);
    free(pb);
}

static bool
port_binding_equal(const void *a_, const void *b_)
{
    const struct port_binding *a = a_;
    const struct port_binding *b = b_;

    return (uuid_equals(&a->uuid, &b->uuid)
            && a->type == b->type
            && uuid_equals(&a->datapath, &b->datapath)
            && a->tunnel_key == b->tunnel_key
            && nullable_equal(a->parent_port, b->parent_port)
            && nullable_equal(a->virtual_parent, b->virtual_parent)
            && a->tag == b->tag
            && uuid_equals(&a->chassis, &b->chassis)
            && uuids_equal(a->additional_chassis, a->n_additional_chassis,
                           b->additional_chassis, b->n_additional_chassis)
            && uuid_equals(&a->requested_chassis, &b->requested_chassis)
            && uuids_equal(a->requested_additional_chassis,
                           a->n_requested_additional,
                           b->requested_additional_chassis,
                           b->n_requested_additional)
            && uuid_equals(&a->encap, &b->encap)
            && uuid_equals(&a->ha_chassis_group, &b->ha_chassis_group)
            && uuids_equal(a->gateway_chassis, a->n_gateway_chassis,
                           b->gateway_chassis, b->n_gateway_chassis)
            && smap_equal(&a->options, &b->options)
            && strings_equal(a->mac, a->n_mac, b->mac, b->n_mac)
            && strings_equal(a->port_security, a->n_port_security,
                             b->port_security, b->n_port_security)
            && strings_equal(a->nat_addresses, a->n_nat_addresses,
                             b->nat_addresses, b->n_nat_addresses));
}

static bool
lport_equal(const void *a_, const void *b_)
{
    const struct lport *a = a_;
    const struct lport *b = b_;

    return (uuid_equals(&a->datapath, &b->datapath)
            && a->tunnel_key == b->tunnel_key
            && a->type == b->type);
}

/* Indexes 'pb' under the IP addresses in "MAC IP IP...".  Other words, such as
 * "unknown", "dynamic", "router" and a router port's IP/PREFIX, are no
 * addresses of a workload. */
static void
index_addresses(const struct port_binding *pb, const char *mac, bool add)
{
    char *copy = xstrdup(mac);
    char *save_ptr = NULL;

    for (char *word = strtok_r(copy, " ", &save_ptr); word;
         word = strtok_r(NULL, " ", &save_ptr)) {
        struct in6_addr address;
        ovs_be32 ip4;

        if (ip_parse(word, &ip4)) {
            in6_addr_set_mapped_ipv4(&address, ip4);
        } else if (!ipv6_parse(word, &address)) {
            continue;
        }
        put_member(in_kinds.lports_by_address,
                   (struct inc_key) { &address, sizeof address },
                   inc_key_string(pb->logical_port), add);
    }
    free(copy);
}

static void
index_port_binding(const void *pb_, bool add)
{
    const struct port_binding *pb = pb_;
    struct inc_key name = inc_key_string(pb->logical_port);

    put_member(in_kinds.datapath_ports, inc_key_uuid(&pb->datapath), name,
               add);
    if (pb->parent_port) {
        put_member(in_kinds.port_children, inc_key_string(pb->parent_port),
                   name, add);
    }
    for (size_t i = 0; i < pb->n_mac; i++) {
        index_addresses(pb, pb->mac[i], add);
    }

    struct lport lport = { pb->datapath, pb->tunnel_key, pb->type };
    inc_set(in_kinds.lport, name, add ? xmemdup(&lport, sizeof lport) : NULL);
}

static const char *
port_binding_name(const struct ovsdb_idl_row *row_)
{
    return CONTAINER_OF(row_, struct sbrec_port_binding,
                        header_)->logical_port;
}

static void
port_binding_upsert(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_port_binding *row
        = CONTAINER_OF(row_, struct sbrec_port_binding, header_);

    if (!row_name_find(&port_names, &row_->uuid)) {
        row_name_set(&port_names, &row_->uuid, row->logical_port);
        inputs_events.ports_named = true;
    }
    put(in_kinds.port_binding, inc_key_string(row->logical_port),
        port_binding_create(row), index_port_binding);
}

static void
port_binding_remove(const struct uuid *uuid)
{
    const char *name = row_name_find(&port_names, uuid);
    if (name) {
        put(in_kinds.port_binding, inc_key_string(name), NULL,
            index_port_binding);
        row_name_remove(&port_names, uuid);
        inputs_events.ports_named = true;
    }
}

static const struct ovsdb_idl_column *const port_binding_columns[] = {
    &sbrec_port_binding_col_logical_port,
    &sbrec_port_binding_col_type,
    &sbrec_port_binding_col_datapath,
    &sbrec_port_binding_col_tunnel_key,
    &sbrec_port_binding_col_parent_port,
    &sbrec_port_binding_col_virtual_parent,
    &sbrec_port_binding_col_tag,
    &sbrec_port_binding_col_chassis,
    &sbrec_port_binding_col_additional_chassis,
    &sbrec_port_binding_col_requested_chassis,
    &sbrec_port_binding_col_requested_additional_chassis,
    &sbrec_port_binding_col_encap,
    &sbrec_port_binding_col_ha_chassis_group,
    &sbrec_port_binding_col_gateway_chassis,
    &sbrec_port_binding_col_options,
    &sbrec_port_binding_col_mac,
    &sbrec_port_binding_col_port_security,
    &sbrec_port_binding_col_nat_addresses,
    NULL,
};

/* Datapath_Binding. */

static struct datapath_binding *
datapath_create(const struct sbrec_datapath_binding *row)
{
    struct datapath_binding *dp = xzalloc(sizeof *dp);

    dp->uuid = row->header_.uuid;
    dp->tunnel_key = row->tunnel_key;
    smap_clone(&dp->external_ids, &row->external_ids);

    const char *nb = smap_get(&row->external_ids, "logical-switch");
    dp->is_switch = nb != NULL;
    if (!nb) {
        nb = smap_get_def(&row->external_ids, "logical-router", "");
    }
    uuid_from_string(&dp->nb_uuid, nb);
    return dp;
}

static void
datapath_destroy(void *dp_)
{
    struct datapath_binding *dp = dp_;
    smap_destroy(&dp->external_ids);
    free(dp);
}

static bool
datapath_equal(const void *a_, const void *b_)
{
    const struct datapath_binding *a = a_;
    const struct datapath_binding *b = b_;

    return (a->tunnel_key == b->tunnel_key
            && smap_equal(&a->external_ids, &b->external_ids));
}

static void
datapath_upsert(const struct ovsdb_idl_row *row)
{
    put(in_kinds.datapath, inc_key_uuid(&row->uuid),
        datapath_create(CONTAINER_OF(row, struct sbrec_datapath_binding,
                                     header_)), NULL);
}

static void
datapath_remove(const struct uuid *uuid)
{
    inc_set(in_kinds.datapath, inc_key_uuid(uuid), NULL);
}

static const struct ovsdb_idl_column *const datapath_columns[] = {
    &sbrec_datapath_binding_col_tunnel_key,
    &sbrec_datapath_binding_col_external_ids,
    NULL,
};

/* Logical_Flow.
 *
 * There are many, so their strings are not copied.  Tags and external IDs are
 * looked up in the columns' raw data, because the IDL builds the maps that it
 * makes of them anew whenever it feels like it, whereas raw data stay until
 * the column changes, which is reported.
 *
 * An old record's strings may be gone when it is compared with a new one, so
 * hashes are compared. */

static const char *
datum_map_get(const struct ovsdb_datum *map, const char *key)
{
    for (size_t i = 0; i < map->n; i++) {
        if (!strcmp(map->keys[i].s->string, key)) {
            return map->values[i].s->string;
        }
    }
    return NULL;
}

/* Adds 's' to the hash that has been computed so far. */
static uint64_t
hash_string64(const char *s, uint64_t hash)
{
    size_t len = s ? strlen(s) + 1 : 0;
    ovs_u128 h;

    hash_bytes128(s ? s : "", len, hash, &h);
    return (hash << 7 | hash >> 57) ^ h.u64.lo ^ len;
}

static struct logical_flow *
logical_flow_create(const struct sbrec_logical_flow *row)
{
    const struct ovsdb_datum *tags
        = sbrec_logical_flow_get_tags(row, OVSDB_TYPE_STRING,
                                      OVSDB_TYPE_STRING);
    const struct ovsdb_datum *ids
        = sbrec_logical_flow_get_external_ids(row, OVSDB_TYPE_STRING,
                                              OVSDB_TYPE_STRING);
    struct logical_flow *lf = xzalloc(sizeof *lf);

    lf->uuid = row->header_.uuid;
    lf->datapath = datum_uuid(
        sbrec_logical_flow_get_logical_datapath(row, OVSDB_TYPE_UUID));
    lf->dp_group = datum_uuid(
        sbrec_logical_flow_get_logical_dp_group(row, OVSDB_TYPE_UUID));
    lf->ingress = !strcmp(row->pipeline, "ingress");
    lf->table_id = row->table_id;
    lf->priority = row->priority;
    lf->match = row->match;
    lf->actions = row->actions;
    lf->in_out_port = datum_map_get(tags, "in_out_port");
    lf->controller_meter = row->controller_meter;
    lf->stage_hint = datum_map_get(ids, "stage-hint");
    lf->stage_name = datum_map_get(ids, "stage-name");

    uint64_t hash = hash_string64(lf->match, 0);
    hash = hash_string64(lf->actions, hash);
    hash = hash_string64(lf->in_out_port, hash);
    hash = hash_string64(lf->controller_meter, hash);
    hash = hash_string64(lf->stage_hint, hash);
    lf->hash = hash_string64(lf->stage_name, hash);
    return lf;
}

static bool
logical_flow_equal(const void *a_, const void *b_)
{
    const struct logical_flow *a = a_;
    const struct logical_flow *b = b_;

    return (a->hash == b->hash
            && uuid_equals(&a->datapath, &b->datapath)
            && uuid_equals(&a->dp_group, &b->dp_group)
            && a->ingress == b->ingress
            && a->table_id == b->table_id
            && a->priority == b->priority);
}

static void
logical_flow_upsert(const struct ovsdb_idl_row *row)
{
    inc_set(in_kinds.logical_flow, inc_key_uuid(&row->uuid),
            logical_flow_create(CONTAINER_OF(row, struct sbrec_logical_flow,
                                             header_)));
}

static void
logical_flow_remove(const struct uuid *uuid)
{
    inc_set(in_kinds.logical_flow, inc_key_uuid(uuid), NULL);
}

static const struct ovsdb_idl_column *const logical_flow_columns[] = {
    &sbrec_logical_flow_col_logical_datapath,
    &sbrec_logical_flow_col_logical_dp_group,
    &sbrec_logical_flow_col_pipeline,
    &sbrec_logical_flow_col_table_id,
    &sbrec_logical_flow_col_priority,
    &sbrec_logical_flow_col_match,
    &sbrec_logical_flow_col_actions,
    &sbrec_logical_flow_col_tags,
    &sbrec_logical_flow_col_controller_meter,
    &sbrec_logical_flow_col_external_ids,
    NULL,
};

/* Logical_DP_Group. */

static void
dp_group_destroy(void *group_)
{
    struct dp_group *group = group_;
    free(group->datapaths);
    free(group);
}

static bool
dp_group_equal(const void *a_, const void *b_)
{
    const struct dp_group *a = a_;
    const struct dp_group *b = b_;
    return uuids_equal(a->datapaths, a->n, b->datapaths, b->n);
}

static void
dp_group_upsert(const struct ovsdb_idl_row *row)
{
    struct dp_group *group = xmalloc(sizeof *group);

    group->datapaths = datum_uuids(
        sbrec_logical_dp_group_get_datapaths(
            CONTAINER_OF(row, struct sbrec_logical_dp_group, header_),
            OVSDB_TYPE_UUID), &group->n);
    inc_set(in_kinds.dp_group, inc_key_uuid(&row->uuid), group);
    inputs_events.dp_groups = true;
}

static void
dp_group_remove(const struct uuid *uuid)
{
    inc_set(in_kinds.dp_group, inc_key_uuid(uuid), NULL);
    inputs_events.dp_groups = true;
}

static const struct ovsdb_idl_column *const dp_group_columns[] = {
    &sbrec_logical_dp_group_col_datapaths,
    NULL,
};

/* Multicast_Group. */

static struct multicast_group *
multicast_group_create(const struct sbrec_multicast_group *row)
{
    struct multicast_group *mg = xzalloc(sizeof *mg);

    mg->uuid = row->header_.uuid;
    mg->name = xstrdup(row->name);
    mg->datapath = datum_uuid(
        sbrec_multicast_group_get_datapath(row, OVSDB_TYPE_UUID));
    mg->tunnel_key = row->tunnel_key;
    mg->ports = xmalloc(row->n_ports * sizeof *mg->ports);
    for (size_t i = 0; i < row->n_ports; i++) {
        mg->ports[mg->n_ports++] = xstrdup(row->ports[i]->logical_port);
    }
    sort_strings(mg->ports, mg->n_ports);
    return mg;
}

static void
multicast_group_destroy(void *mg_)
{
    struct multicast_group *mg = mg_;

    free(mg->name);
    free_strings(mg->ports, mg->n_ports);
    free(mg);
}

static bool
multicast_group_equal(const void *a_, const void *b_)
{
    const struct multicast_group *a = a_;
    const struct multicast_group *b = b_;

    return (!strcmp(a->name, b->name)
            && uuid_equals(&a->datapath, &b->datapath)
            && a->tunnel_key == b->tunnel_key
            && strings_equal(a->ports, a->n_ports, b->ports, b->n_ports));
}

/* The key of 'in_kinds.multicast_key': datapath, then name. */
static char *
multicast_key(const struct uuid *dp, const char *name, struct inc_key *key)
{
    size_t len = sizeof *dp + strlen(name) + 1;
    char *data = xmalloc(len);

    memcpy(data, dp, sizeof *dp);
    strcpy(data + sizeof *dp, name);
    *key = (struct inc_key) { data, len };
    return data;
}

uint32_t
in_multicast_key(struct inc_unit *unit, const struct uuid *dp,
                 const char *name)
{
    struct inc_key key;
    char *data = multicast_key(dp, name, &key);
    const uint32_t *value = inc_read(unit, in_kinds.multicast_key, key);
    free(data);
    return value ? *value : 0;
}

static bool
multicast_key_equal(const void *a, const void *b)
{
    return *(const uint32_t *) a == *(const uint32_t *) b;
}

static void
index_multicast_group(const void *mg_, bool add)
{
    const struct multicast_group *mg = mg_;
    struct inc_key key;
    char *data = multicast_key(&mg->datapath, mg->name, &key);

    inc_set(in_kinds.multicast_key, key,
            add ? xmemdup(&mg->tunnel_key, sizeof mg->tunnel_key) : NULL);
    free(data);
}

static void
multicast_group_upsert(const struct ovsdb_idl_row *row)
{
    put(in_kinds.multicast_group, inc_key_uuid(&row->uuid),
        multicast_group_create(
            CONTAINER_OF(row, struct sbrec_multicast_group, header_)),
        index_multicast_group);
}

static void
multicast_group_remove(const struct uuid *uuid)
{
    put(in_kinds.multicast_group, inc_key_uuid(uuid), NULL,
        index_multicast_group);
}

static const struct ovsdb_idl_column *const multicast_group_columns[] = {
    &sbrec_multicast_group_col_datapath,
    &sbrec_multicast_group_col_name,
    &sbrec_multicast_group_col_tunnel_key,
    &sbrec_multicast_group_col_ports,
    NULL,
};

/* Chassis, with its Encaps.  Not nb_cfg, which every chassis keeps changing
 * and nobody here cares for. */

static int
encap_compare(const void *a_, const void *b_)
{
    const struct encap *a = a_;
    const struct encap *b = b_;
    return uuid_compare_3way(&a->uuid, &b->uuid);
}

static struct chassis *
chassis_create(const struct sbrec_chassis *row)
{
    struct chassis *ch = xzalloc(sizeof *ch);

    ch->uuid = row->header_.uuid;
    ch->name = xstrdup(row->name);
    ch->hostname = xstrdup(row->hostname);
    ch->encaps = xcalloc(row->n_encaps, sizeof *ch->encaps);
    ch->n_encaps = row->n_encaps;
    for (size_t i = 0; i < row->n_encaps; i++) {
        ch->encaps[i].uuid = row->encaps[i]->header_.uuid;
        ch->encaps[i].type = xstrdup(row->encaps[i]->type);
        ch->encaps[i].ip = xstrdup(row->encaps[i]->ip);
        smap_clone(&ch->encaps[i].options, &row->encaps[i]->options);
    }
    if (ch->n_encaps) {
        qsort(ch->encaps, ch->n_encaps, sizeof *ch->encaps, encap_compare);
    }
    smap_clone(&ch->other_config, &row->other_config);
    smap_clone(&ch->external_ids, &row->external_ids);
    ch->transport_zones = copy_strings(row->transport_zones,
                                       row->n_transport_zones);
    ch->n_transport_zones = row->n_transport_zones;
    return ch;
}

static void
chassis_destroy(void *ch_)
{
    struct chassis *ch = ch_;

    free(ch->name);
    free(ch->hostname);
    for (size_t i = 0; i < ch->n_encaps; i++) {
        free(ch->encaps[i].type);
        free(ch->encaps[i].ip);
        smap_destroy(&ch->encaps[i].options);
    }
    free(ch->encaps);
    smap_destroy(&ch->other_config);
    smap_destroy(&ch->external_ids);
    free_strings(ch->transport_zones, ch->n_transport_zones);
    free(ch);
}

static bool
encap_equal(const struct encap *a, const struct encap *b)
{
    return (uuid_equals(&a->uuid, &b->uuid)
            && !strcmp(a->type, b->type)
            && !strcmp(a->ip, b->ip)
            && smap_equal(&a->options, &b->options));
}

static bool
chassis_equal(const void *a_, const void *b_)
{
    const struct chassis *a = a_;
    const struct chassis *b = b_;

    if (strcmp(a->name, b->name)
        || strcmp(a->hostname, b->hostname)
        || a->n_encaps != b->n_encaps
        || !smap_equal(&a->other_config, &b->other_config)
        || !smap_equal(&a->external_ids, &b->external_ids)
        || !strings_equal(a->transport_zones, a->n_transport_zones,
                          b->transport_zones, b->n_transport_zones)) {
        return false;
    }
    for (size_t i = 0; i < a->n_encaps; i++) {
        if (!encap_equal(&a->encaps[i], &b->encaps[i])) {
            return false;
        }
    }
    return true;
}

static bool
uuid_value_equal(const void *a, const void *b)
{
    return uuid_equals(a, b);
}

static void
index_chassis(const void *ch_, bool add)
{
    const struct chassis *ch = ch_;

    put_member(in_kinds.chassis_set, INC_KEY_ONLY, inc_key_uuid(&ch->uuid),
               add);
    inc_set(in_kinds.chassis_by_name, inc_key_string(ch->name),
            add ? xmemdup(&ch->uuid, sizeof ch->uuid) : NULL);
}

static void
chassis_upsert(const struct ovsdb_idl_row *row)
{
    put(in_kinds.chassis, inc_key_uuid(&row->uuid),
        chassis_create(CONTAINER_OF(row, struct sbrec_chassis, header_)),
        index_chassis);
}

static void
chassis_remove(const struct uuid *uuid)
{
    put(in_kinds.chassis, inc_key_uuid(uuid), NULL, index_chassis);
}

static const struct ovsdb_idl_column *const chassis_columns[] = {
    &sbrec_chassis_col_name,
    &sbrec_chassis_col_hostname,
    &sbrec_chassis_col_encaps,
    &sbrec_chassis_col_other_config,
    &sbrec_chassis_col_external_ids,
    &sbrec_chassis_col_transport_zones,
    /* Of the rows that are part of a record, tracked so that it follows. */
    &sbrec_encap_col_type,
    &sbrec_encap_col_ip,
    &sbrec_encap_col_options,
    NULL,
};

/* HA_Chassis_Group, with its HA_Chassis; Gateway_Chassis. */

static int
ha_chassis_compare(const void *a_, const void *b_)
{
    const struct ha_chassis *a = a_;
    const struct ha_chassis *b = b_;

    return (a->priority != b->priority
            ? (a->priority < b->priority ? -1 : 1)
            : uuid_compare_3way(&a->chassis, &b->chassis));
}

static bool
ha_chassis_equal(const void *a, const void *b)
{
    return !ha_chassis_compare(a, b);
}

static void
ha_chassis_group_destroy(void *group_)
{
    struct ha_chassis_group *group = group_;
    free(group->members);
    free(group);
}

static bool
ha_chassis_group_equal(const void *a_, const void *b_)
{
    const struct ha_chassis_group *a = a_;
    const struct ha_chassis_group *b = b_;

    if (a->n != b->n) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (!ha_chassis_equal(&a->members[i], &b->members[i])) {
            return false;
        }
    }
    return true;
}

static void
ha_chassis_group_upsert(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_ha_chassis_group *row
        = CONTAINER_OF(row_, struct sbrec_ha_chassis_group, header_);
    struct ha_chassis_group *group = xzalloc(sizeof *group);

    group->members = xcalloc(row->n_ha_chassis, sizeof *group->members);
    group->n = row->n_ha_chassis;
    for (size_t i = 0; i < group->n; i++) {
        const struct sbrec_ha_chassis *hc = row->ha_chassis[i];
        group->members[i].chassis = datum_uuid(
            sbrec_ha_chassis_get_chassis(hc, OVSDB_TYPE_UUID));
        group->members[i].priority = hc->priority;
    }
    if (group->n) {
        qsort(group->members, group->n, sizeof *group->members,
              ha_chassis_compare);
    }
    inc_set(in_kinds.ha_chassis_group, inc_key_uuid(&row_->uuid), group);
}

static void
ha_chassis_group_remove(const struct uuid *uuid)
{
    inc_set(in_kinds.ha_chassis_group, inc_key_uuid(uuid), NULL);
}

static const struct ovsdb_idl_column *const ha_chassis_group_columns[] = {
    &sbrec_ha_chassis_group_col_name,
    &sbrec_ha_chassis_group_col_ha_chassis,
    &sbrec_ha_chassis_col_chassis,
    &sbrec_ha_chassis_col_priority,
    NULL,
};

static void
gateway_chassis_upsert(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_gateway_chassis *row
        = CONTAINER_OF(row_, struct sbrec_gateway_chassis, header_);
    struct ha_chassis hc = {
        .chassis = datum_uuid(
            sbrec_gateway_chassis_get_chassis(row, OVSDB_TYPE_UUID)),
        .priority = row->priority,
    };
    inc_set(in_kinds.gateway_chassis, inc_key_uuid(&row_->uuid),
            xmemdup(&hc, sizeof hc));
}

static void
gateway_chassis_remove(const struct uuid *uuid)
{
    inc_set(in_kinds.gateway_chassis, inc_key_uuid(uuid), NULL);
}

static const struct ovsdb_idl_column *const gateway_chassis_columns[] = {
    &sbrec_gateway_chassis_col_name,
    &sbrec_gateway_chassis_col_chassis,
    &sbrec_gateway_chassis_col_priority,
    NULL,
};

/* Address_Set and Port_Group. */

static struct hmap address_set_names = HMAP_INITIALIZER(&address_set_names);
static struct hmap port_group_names = HMAP_INITIALIZER(&port_group_names);

static struct string_set *
string_set_create(char **strings, size_t n)
{
    struct string_set *set = xmalloc(sizeof *set);

    set->names = copy_strings(strings, n);
    set->n = n;
    sort_strings(set->names, n);
    return set;
}

static void
string_set_destroy(void *set_)
{
    struct string_set *set = set_;
    free_strings(set->names, set->n);
    free(set);
}

static bool
string_set_equal(const void *a_, const void *b_)
{
    const struct string_set *a = a_;
    const struct string_set *b = b_;
    return strings_equal(a->names, a->n, b->names, b->n);
}

static const char *
address_set_name(const struct ovsdb_idl_row *row)
{
    return CONTAINER_OF(row, struct sbrec_address_set, header_)->name;
}

static void
address_set_upsert(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_address_set *row
        = CONTAINER_OF(row_, struct sbrec_address_set, header_);

    remember_name(&address_set_names, &row_->uuid, row->name);
    inc_set(in_kinds.address_set, inc_key_string(row->name),
            string_set_create(row->addresses, row->n_addresses));
}

static void
address_set_remove(const struct uuid *uuid)
{
    remove_named(in_kinds.address_set, &address_set_names, uuid);
}

static const struct ovsdb_idl_column *const address_set_columns[] = {
    &sbrec_address_set_col_name,
    &sbrec_address_set_col_addresses,
    NULL,
};

static const char *
port_group_name(const struct ovsdb_idl_row *row)
{
    return CONTAINER_OF(row, struct sbrec_port_group, header_)->name;
}

static void
port_group_upsert(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_port_group *row
        = CONTAINER_OF(row_, struct sbrec_port_group, header_);

    remember_name(&port_group_names, &row_->uuid, row->name);
    inc_set(in_kinds.port_group, inc_key_string(row->name),
            string_set_create(row->ports, row->n_ports));
}

static void
port_group_remove(const struct uuid *uuid)
{
    remove_named(in_kinds.port_group, &port_group_names, uuid);
}

static const struct ovsdb_idl_column *const port_group_columns[] = {
    &sbrec_port_group_col_name,
    &sbrec_port_group_col_ports,
    NULL,
};

/* Load_Balancer. */

/* Length of a stage hint, in hexadecimal digits. */
#define HINT_LEN 8

static int
uuid_compare(const void *a, const void *b)
{
    return uuid_compare_3way(a, b);
}

/* The datapaths of 'row', by itself and by its group, each once. */
static void
load_balancer_set_datapaths(struct load_balancer *lb,
                            const struct sbrec_load_balancer *row)
{
    lb->datapaths = datum_uuids(
        sbrec_load_balancer_get_datapaths(row, OVSDB_TYPE_UUID),
        &lb->n_datapaths);
    lb->dp_group = datum_uuid(
        sbrec_load_balancer_get_datapath_group(row, OVSDB_TYPE_UUID));

    const struct dp_group *group = inc_peek(in_kinds.dp_group,
                                            inc_key_uuid(&lb->dp_group));
    if (group && group->n) {
        size_t n = lb->n_datapaths + group->n;
        lb->datapaths = xrealloc(lb->datapaths, n * sizeof *lb->datapaths);
        memcpy(lb->datapaths + lb->n_datapaths, group->datapaths,
               group->n * sizeof *group->datapaths);
        lb->n_datapaths = n;
    }
    if (lb->n_datapaths) {
        qsort(lb->datapaths, lb->n_datapaths, sizeof *lb->datapaths,
              uuid_compare);
    }
    size_t n = 0;
    for (size_t i = 0; i < lb->n_datapaths; i++) {
        if (!n || !uuid_equals(&lb->datapaths[n - 1], &lb->datapaths[i])) {
            lb->datapaths[n++] = lb->datapaths[i];
        }
    }
    lb->n_datapaths = n;
}

static struct load_balancer *
load_balancer_create(const struct sbrec_load_balancer *row)
{
    struct load_balancer *lb = xzalloc(sizeof *lb);

    lb->uuid = row->header_.uuid;
    lb->name = xstrdup(row->name);
    lb->protocol = nullable_xstrdup(row->protocol);
    smap_clone(&lb->vips, &row->vips);
    smap_clone(&lb->options, &row->options);
    uuid_from_string(&lb->lb_id,
                     smap_get_def(&row->external_ids, "lb_id", ""));
    load_balancer_set_datapaths(lb, row);
    return lb;
}

static void
load_balancer_destroy(void *lb_)
{
    struct load_balancer *lb = lb_;

    free(lb->name);
    free(lb->protocol);
    smap_destroy(&lb->vips);
    smap_destroy(&lb->options);
    free(lb->datapaths);
    free(lb);
}

static bool
load_balancer_equal(const void *a_, const void *b_)
{
    const struct load_balancer *a = a_;
    const struct load_balancer *b = b_;

    return (!strcmp(a->name, b->name)
            && nullable_equal(a->protocol, b->protocol)
            && uuid_equals(&a->lb_id, &b->lb_id)
            && uuid_equals(&a->dp_group, &b->dp_group)
            && uuids_equal(a->datapaths, a->n_datapaths,
                           b->datapaths, b->n_datapaths)
            && smap_equal(&a->vips, &b->vips)
            && smap_equal(&a->options, &b->options));
}

static void
index_load_balancer(const void *lb_, bool add)
{
    const struct load_balancer *lb = lb_;

    for (size_t i = 0; i < lb->n_datapaths; i++) {
        put_member(in_kinds.lbs_of_datapath, inc_key_uuid(&lb->datapaths[i]),
                   inc_key_uuid(&lb->uuid), add);
    }
    if (!uuid_is_zero(&lb->lb_id)) {
        char hint[HINT_LEN + 1];
        snprintf(hint, sizeof hint, "%08x", lb->lb_id.parts[0]);
        put_member(in_kinds.lbs_by_hint, inc_key_string(hint),
                   inc_key_uuid(&lb->uuid), add);
    }
}

static void
load_balancer_upsert(const struct ovsdb_idl_row *row)
{
    put(in_kinds.load_balancer, inc_key_uuid(&row->uuid),
        load_balancer_create(
            CONTAINER_OF(row, struct sbrec_load_balancer, header_)),
        index_load_balancer);
}

static void
load_balancer_remove(const struct uuid *uuid)
{
    put(in_kinds.load_balancer, inc_key_uuid(uuid), NULL,
        index_load_balancer);
}

static const struct ovsdb_idl_column *const load_balancer_columns[] = {
    &sbrec_load_balancer_col_name,
    &sbrec_load_balancer_col_protocol,
    &sbrec_load_balancer_col_vips,
    &sbrec_load_balancer_col_options,
    &sbrec_load_balancer_col_external_ids,
    &sbrec_load_balancer_col_datapaths,
    &sbrec_load_balancer_col_datapath_group,
    NULL,
};

/* MAC_Binding, Static_MAC_Binding, FDB. */

static void
mac_binding_destroy(void *mb_)
{
    struct mac_binding *mb = mb_;

    free(mb->logical_port);
    free(mb->ip);
    free(mb->mac);
    free(mb);
}

static bool
mac_binding_equal(const void *a_, const void *b_)
{
    const struct mac_binding *a = a_;
    const struct mac_binding *b = b_;

    return (!strcmp(a->logical_port, b->logical_port)
            && !strcmp(a->ip, b->ip)
            && !strcmp(a->mac, b->mac)
            && uuid_equals(&a->datapath, &b->datapath)
            && a->override_dynamic == b->override_dynamic);
}

static void
mac_binding_upsert(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_mac_binding *row
        = CONTAINER_OF(row_, struct sbrec_mac_binding, header_);
    struct mac_binding *mb = xzalloc(sizeof *mb);

    mb->uuid = row_->uuid;
    mb->logical_port = xstrdup(row->logical_port);
    mb->ip = xstrdup(row->ip);
    mb->mac = xstrdup(row->mac);
    mb->datapath = datum_uuid(
        sbrec_mac_binding_get_datapath(row, OVSDB_TYPE_UUID));
    inc_set(in_kinds.mac_binding, inc_key_uuid(&row_->uuid), mb);
}

static void
mac_binding_remove(const struct uuid *uuid)
{
    inc_set(in_kinds.mac_binding, inc_key_uuid(uuid), NULL);
}

static const struct ovsdb_idl_column *const mac_binding_columns[] = {
    &sbrec_mac_binding_col_logical_port,
    &sbrec_mac_binding_col_ip,
    &sbrec_mac_binding_col_mac,
    &sbrec_mac_binding_col_datapath,
    NULL,
};

static void
static_mac_binding_upsert(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_static_mac_binding *row
        = CONTAINER_OF(row_, struct sbrec_static_mac_binding, header_);
    struct mac_binding *mb = xzalloc(sizeof *mb);

    mb->uuid = row_->uuid;
    mb->logical_port = xstrdup(row->logical_port);
    mb->ip = xstrdup(row->ip);
    mb->mac = xstrdup(row->mac);
    mb->datapath = datum_uuid(
        sbrec_static_mac_binding_get_datapath(row, OVSDB_TYPE_UUID));
    mb->is_static = true;
    mb->override_dynamic = row->override_dynamic_mac;
    inc_set(in_kinds.static_mac_binding, inc_key_uuid(&row_->uuid), mb);
}

static void
static_mac_binding_remove(const struct uuid *uuid)
{
    inc_set(in_kinds.static_mac_binding, inc_key_uuid(uuid), NULL);
}

static const struct ovsdb_idl_column *const static_mac_binding_columns[] = {
    &sbrec_static_mac_binding_col_logical_port,
    &sbrec_static_mac_binding_col_ip,
    &sbrec_static_mac_binding_col_mac,
    &sbrec_static_mac_binding_col_datapath,
    &sbrec_static_mac_binding_col_override_dynamic_mac,
    NULL,
};

static void
fdb_destroy(void *fdb_)
{
    struct fdb *fdb = fdb_;
    free(fdb->mac);
    free(fdb);
}

static bool
fdb_equal(const void *a_, const void *b_)
{
    const struct fdb *a = a_;
    const struct fdb *b = b_;

    return (!strcmp(a->mac, b->mac)
            && a->dp_key == b->dp_key
            && a->port_key == b->port_key);
}

static void
fdb_upsert(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_fdb *row = CONTAINER_OF(row_, struct sbrec_fdb,
                                               header_);
    struct fdb *fdb = xzalloc(sizeof *fdb);

    fdb->uuid = row_->uuid;
    fdb->mac = xstrdup(row->mac);
    fdb->dp_key = row->dp_key;
    fdb->port_key = row->port_key;
    inc_set(in_kinds.fdb, inc_key_uuid(&row_->uuid), fdb);
}

static void
fdb_remove(const struct uuid *uuid)
{
    inc_set(in_kinds.fdb, inc_key_uuid(uuid), NULL);
}

static const struct ovsdb_idl_column *const fdb_columns[] = {
    &sbrec_fdb_col_mac,
    &sbrec_fdb_col_dp_key,
    &sbrec_fdb_col_port_key,
    NULL,
};

/* Meter, with its Meter_Bands. */

static struct hmap meter_names = HMAP_INITIALIZER(&meter_names);

static int
band_compare(const void *a_, const void *b_)
{
    const struct meter_band *a = a_;
    const struct meter_band *b = b_;

    return (a->rate != b->rate ? (a->rate < b->rate ? -1 : 1)
            : a->burst_size != b->burst_size
            ? (a->burst_size < b->burst_size ? -1 : 1)
            : a->drop - b->drop);
}

static void
meter_destroy(void *meter_)
{
    struct meter *meter = meter_;
    free(meter->bands);
    free(meter);
}

static bool
meter_equal(const void *a_, const void *b_)
{
    const struct meter *a = a_;
    const struct meter *b = b_;

    if (a->pktps != b->pktps || a->n_bands != b->n_bands) {
        return false;
    }
    for (size_t i = 0; i < a->n_bands; i++) {
        if (band_compare(&a->bands[i], &b->bands[i])) {
            return false;
        }
    }
    return true;
}

static const char *
meter_name(const struct ovsdb_idl_row *row)
{
    return CONTAINER_OF(row, struct sbrec_meter, header_)->name;
}

static void
meter_upsert(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_meter *row = CONTAINER_OF(row_, struct sbrec_meter,
                                                 header_);
    struct meter *meter = xzalloc(sizeof *meter);

    remember_name(&meter_names, &row_->uuid, row->name);
    meter->pktps = !strcmp(row->unit, "pktps");
    meter->bands = xcalloc(row->n_bands, sizeof *meter->bands);
    meter->n_bands = row->n_bands;
    for (size_t i = 0; i < row->n_bands; i++) {
        meter->bands[i] = (struct meter_band) {
            .drop = !strcmp(row->bands[i]->action, "drop"),
            .rate = row->bands[i]->rate,
            .burst_size = row->bands[i]->burst_size,
        };
    }
    if (meter->n_bands) {
        qsort(meter->bands, meter->n_bands, sizeof *meter->bands,
              band_compare);
    }
    inc_set(in_kinds.meter, inc_key_string(row->name), meter);
}

static void
meter_remove(const struct uuid *uuid)
{
    remove_named(in_kinds.meter, &meter_names, uuid);
}

static const struct ovsdb_idl_column *const meter_columns[] = {
    &sbrec_meter_col_name,
    &sbrec_meter_col_unit,
    &sbrec_meter_col_bands,
    &sbrec_meter_band_col_action,
    &sbrec_meter_band_col_rate,
    &sbrec_meter_band_col_burst_size,
    NULL,
};

/* SB_Global. */

static struct hmap sb_global_names = HMAP_INITIALIZER(&sb_global_names);

static void
smap_value_destroy(void *smap_)
{
    struct smap *smap = smap_;
    smap_destroy(smap);
    free(smap);
}

static bool
smap_value_equal(const void *a, const void *b)
{
    return smap_equal(a, b);
}

static const char *
sb_global_name(const struct ovsdb_idl_row *row OVS_UNUSED)
{
    return "";                  /* There is but one: INC_KEY_ONLY. */
}

static void
sb_global_upsert(const struct ovsdb_idl_row *row)
{
    struct smap *options = xmalloc(sizeof *options);

    remember_name(&sb_global_names, &row->uuid, "");
    smap_clone(options, &CONTAINER_OF(row, struct sbrec_sb_global,
                                      header_)->options);
    inc_set(in_kinds.sb_options, INC_KEY_ONLY, options);
}

static void
sb_global_remove(const struct uuid *uuid)
{
    remove_named(in_kinds.sb_options, &sb_global_names, uuid);
}

static const struct ovsdb_idl_column *const sb_global_columns[] = {
    &sbrec_sb_global_col_options,
    NULL,
};

/* All of them, those that others peek at first. */

static const bool always = true;

#define TABLE_BY_UUID(TABLE, KIND, REFS)                                \
    {                                                                   \
        .class = &sbrec_table_##TABLE, .kind = &in_kinds.KIND,          \
        .upsert = KIND##_upsert, .remove = KIND##_remove,               \
        .refs_matter = REFS, .columns = KIND##_columns,                 \
    }
#define TABLE_BY_NAME(TABLE, KIND, NAMES, REFS)                         \
    {                                                                   \
        .class = &sbrec_table_##TABLE, .names = NAMES,                  \
        .get_name = KIND##_name,                                        \
        .upsert = KIND##_upsert, .remove = KIND##_remove,               \
        .refs_matter = REFS, .columns = KIND##_columns,                 \
    }

const struct input_table sb_tables[] = {
    TABLE_BY_NAME(sb_global, sb_global, &sb_global_names, NULL),
    TABLE_BY_UUID(datapath_binding, datapath, NULL),
    TABLE_BY_UUID(logical_dp_group, dp_group, NULL),
    TABLE_BY_NAME(port_binding, port_binding, &port_names, NULL),
    TABLE_BY_UUID(logical_flow, logical_flow, NULL),
    TABLE_BY_UUID(multicast_group, multicast_group,
                  &inputs_events.ports_named),
    TABLE_BY_UUID(chassis, chassis, &always),
    TABLE_BY_UUID(ha_chassis_group, ha_chassis_group, &always),
    TABLE_BY_UUID(gateway_chassis, gateway_chassis, NULL),
    TABLE_BY_NAME(address_set, address_set, &address_set_names, NULL),
    TABLE_BY_NAME(port_group, port_group, &port_group_names, NULL),
    TABLE_BY_UUID(load_balancer, load_balancer, &inputs_events.dp_groups),
    TABLE_BY_UUID(mac_binding, mac_binding, NULL),
    TABLE_BY_UUID(static_mac_binding, static_mac_binding, NULL),
    TABLE_BY_UUID(fdb, fdb, NULL),
    TABLE_BY_NAME(meter, meter, &meter_names, &always),
};
const size_t n_sb_tables = ARRAY_SIZE(sb_tables);

#define RECORD_KIND(VAR, NAME, KEY, RECORD)                             \
    static const struct inc_kind_class VAR##_kind_class = {             \
        .name = NAME, .stage = STAGE_INPUT, .key_type = KEY,            \
        .equal = RECORD##_equal, .destroy = RECORD##_destroy,           \
    }
#define PLAIN_KIND(VAR, NAME, KEY, EQUAL)                               \
    static const struct inc_kind_class VAR##_kind_class = {             \
        .name = NAME, .stage = STAGE_INPUT, .key_type = KEY,            \
        .equal = EQUAL, .destroy = free,                                \
    }
#define SET_KIND(VAR, NAME, KEY)                                        \
    static const struct inc_kind_class VAR##_kind_class = {             \
        .name = NAME, .stage = STAGE_INPUT, .key_type = KEY,            \
        .is_set = true,                                                 \
    }

RECORD_KIND(port_binding, "port-binding", INC_KEY_STRING, port_binding);
PLAIN_KIND(lport, "lport", INC_KEY_STRING, lport_equal);
RECORD_KIND(datapath, "datapath", INC_KEY_UUID, datapath);
PLAIN_KIND(logical_flow, "logical-flow", INC_KEY_UUID, logical_flow_equal);
RECORD_KIND(dp_group, "dp-group", INC_KEY_UUID, dp_group);
RECORD_KIND(multicast_group, "multicast-group", INC_KEY_UUID,
            multicast_group);
PLAIN_KIND(multicast_key, "multicast-key", INC_KEY_OTHER,
           multicast_key_equal);
RECORD_KIND(chassis, "chassis", INC_KEY_UUID, chassis);
PLAIN_KIND(chassis_by_name, "chassis-by-name", INC_KEY_STRING,
           uuid_value_equal);
RECORD_KIND(ha_chassis_group, "ha-chassis-group", INC_KEY_UUID,
            ha_chassis_group);
PLAIN_KIND(gateway_chassis, "gateway-chassis", INC_KEY_UUID,
           ha_chassis_equal);
RECORD_KIND(address_set, "address-set", INC_KEY_STRING, string_set);
RECORD_KIND(port_group, "port-group", INC_KEY_STRING, string_set);
RECORD_KIND(load_balancer, "load-balancer", INC_KEY_UUID, load_balancer);
RECORD_KIND(mac_binding, "mac-binding", INC_KEY_UUID, mac_binding);
RECORD_KIND(static_mac_binding, "static-mac-binding", INC_KEY_UUID,
            mac_binding);
RECORD_KIND(fdb, "fdb", INC_KEY_UUID, fdb);
RECORD_KIND(meter, "meter", INC_KEY_STRING, meter);
RECORD_KIND(sb_options, "sb-options", INC_KEY_STRING, smap_value);
SET_KIND(datapath_ports, "datapath-ports", INC_KEY_UUID);
SET_KIND(port_children, "port-children", INC_KEY_STRING);
SET_KIND(chassis_set, "chassis-set", INC_KEY_STRING);
SET_KIND(lports_by_address, "lports-by-address", INC_KEY_OTHER);
SET_KIND(lbs_of_datapath, "lbs-of-datapath", INC_KEY_UUID);
SET_KIND(lbs_by_hint, "lbs-by-hint", INC_KEY_STRING);

#define DECLARE(VAR) in_kinds.VAR = inc_kind_declare(engine,            \
                                                     &VAR##_kind_class)

void
inputs_declare_sb(struct inc_engine *engine)
{
    DECLARE(port_binding);
    DECLARE(lport);
    DECLARE(datapath);
    DECLARE(logical_flow);
    DECLARE(dp_group);
    DECLARE(multicast_group);
    DECLARE(multicast_key);
    DECLARE(chassis);
    DECLARE(chassis_by_name);
    DECLARE(ha_chassis_group);
    DECLARE(gateway_chassis);
    DECLARE(address_set);
    DECLARE(port_group);
    DECLARE(load_balancer);
    DECLARE(mac_binding);
    DECLARE(static_mac_binding);
    DECLARE(fdb);
    DECLARE(meter);
    DECLARE(sb_options);
    DECLARE(datapath_ports);
    DECLARE(port_children);
    DECLARE(chassis_set);
    DECLARE(lports_by_address);
    DECLARE(lbs_of_datapath);
    DECLARE(lbs_by_hint);
}

void
inputs_destroy_sb(void)
{
    for (size_t i = 0; i < n_sb_tables; i++) {
        if (sb_tables[i].names) {
            row_names_destroy(sb_tables[i].names);
        }
    }
}
