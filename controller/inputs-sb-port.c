/* SPDX-License-Identifier: Apache-2.0 */

/* Logical ports as cells: Port_Binding; and Multicast_Group,
 * which is about them.  See inputs-sb.c. */

#include <config.h>

#include "inputs-private.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "ip-text.h"
#include "ovn-sb-idl.h"
#include "string-array.h"
#include "util.h"
#include "uuid.h"

/* Port_Binding. */

static struct hmap port_binding_names
    = HMAP_INITIALIZER(&port_binding_names);

static char *
copy_nonempty(const char *s)
{
    return s && s[0] ? xstrdup(s) : NULL;
}

static void *
port_binding_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_port_binding *row
        = CONTAINER_OF(row_, struct sbrec_port_binding, header_);
    struct port_binding *pb = xzalloc(sizeof *pb);

    pb->uuid = row->header_.uuid;
    pb->logical_port = xstrdup(row->logical_port);
    pb->type = lport_type_from_word(row->type, row->parent_port);
    pb->datapath = datum_uuid(
        sbrec_port_binding_get_datapath(row, OVSDB_TYPE_UUID));
    pb->tunnel_key = row->tunnel_key;
    pb->parent_port = copy_nonempty(pb->type == LP_MIRROR ? row->mirror_port
                                    : row->parent_port);
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
    pb->additional_encap = datum_uuids(
        sbrec_port_binding_get_additional_encap(row, OVSDB_TYPE_UUID),
        &pb->n_additional_encap);
    pb->ha_chassis_group = datum_uuid(
        sbrec_port_binding_get_ha_chassis_group(row, OVSDB_TYPE_UUID));
    pb->gateway_chassis = datum_uuids(
        sbrec_port_binding_get_gateway_chassis(row, OVSDB_TYPE_UUID),
        &pb->n_gateway_chassis);
    smap_clone(&pb->options, &row->options);
    pb->mac = string_array_clone(row->mac, row->n_mac);
    pb->n_mac = row->n_mac;
    pb->port_security = string_array_clone(row->port_security,
                                           row->n_port_security);
    pb->n_port_security = row->n_port_security;
    pb->mirrors = datum_uuids(
        sbrec_port_binding_get_mirror_rules(row, OVSDB_TYPE_UUID),
        &pb->n_mirrors);
    pb->nat_addresses = string_array_clone(row->nat_addresses,
                                           row->n_nat_addresses);
    pb->n_nat_addresses = row->n_nat_addresses;
    string_array_sort(pb->nat_addresses, pb->n_nat_addresses);
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
    free(pb->additional_encap);
    free(pb->gateway_chassis);
    free(pb->mirrors);
    smap_destroy(&pb->options);
    string_array_destroy(pb->mac, pb->n_mac);
    string_array_destroy(pb->port_security, pb->n_port_security);
    string_array_destroy(pb->nat_addresses, pb->n_nat_addresses);
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
            && nullable_string_is_equal(a->parent_port, b->parent_port)
            && nullable_string_is_equal(a->virtual_parent, b->virtual_parent)
            && a->tag == b->tag
            && uuid_equals(&a->chassis, &b->chassis)
            && datum_uuids_equal(a->additional_chassis,
                                 a->n_additional_chassis,
                                 b->additional_chassis,
                                 b->n_additional_chassis)
            && uuid_equals(&a->requested_chassis, &b->requested_chassis)
            && datum_uuids_equal(a->requested_additional_chassis,
                                 a->n_requested_additional,
                                 b->requested_additional_chassis,
                                 b->n_requested_additional)
            && uuid_equals(&a->encap, &b->encap)
            && datum_uuids_equal(a->additional_encap, a->n_additional_encap,
                                 b->additional_encap, b->n_additional_encap)
            && uuid_equals(&a->ha_chassis_group, &b->ha_chassis_group)
            && datum_uuids_equal(a->gateway_chassis, a->n_gateway_chassis,
                                 b->gateway_chassis, b->n_gateway_chassis)
            && smap_equal(&a->options, &b->options)
            && string_array_equal(a->mac, a->n_mac, b->mac, b->n_mac)
            && string_array_equal(a->port_security, a->n_port_security,
                                  b->port_security, b->n_port_security)
            && datum_uuids_equal(a->mirrors, a->n_mirrors,
                                 b->mirrors, b->n_mirrors));
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

static bool
nat_addresses_equal(const void *a_, const void *b_)
{
    const struct nat_addresses *a = a_;
    const struct nat_addresses *b = b_;

    return string_array_equal(a->words, a->n, b->words, b->n);
}

static void
nat_addresses_destroy(void *na_)
{
    struct nat_addresses *na = na_;

    string_array_destroy(na->words, na->n);
    free(na);
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

        if (ip_text_parse(word, &address)) {
            input_put_member(in_kinds.lports_by_address,
                             (struct inc_key) { &address, sizeof address },
                             inc_key_string(pb->logical_port), add);
        }
    }
    free(copy);
}

static void
index_port_binding(const void *pb_, bool add)
{
    const struct port_binding *pb = pb_;
    struct inc_key name = inc_key_string(pb->logical_port);

    for (size_t i = 0; i < pb->n_mac; i++) {
        index_addresses(pb, pb->mac[i], add);
    }

    if (pb->type == LP_VIF) {
        struct vif_key key = { pb->datapath, pb->tunnel_key };

        input_put_member(in_kinds.vifs_by_key,
                         (struct inc_key) { &key, sizeof key }, name, add);
        if (pb->n_additional_chassis) {
            input_put_member(in_kinds.migrating_ports,
                             inc_key_uuid(&pb->datapath), name, add);
        }
    }

    struct nat_addresses *na = NULL;
    if (add && pb->n_nat_addresses) {
        na = xmalloc(sizeof *na);
        na->words = string_array_clone(pb->nat_addresses, pb->n_nat_addresses);
        na->n = pb->n_nat_addresses;
    }
    inc_set(in_kinds.nat_addresses, name, na);

    struct lport lport = { pb->datapath, pb->tunnel_key, pb->type };
    inc_set(in_kinds.lport, name, add ? xmemdup(&lport, sizeof lport) : NULL);
    inc_set(in_kinds.mirrored_port, name,
            add && pb->n_mirrors ? inc_there : NULL);
    inc_set(in_kinds.advertising_port, name,
            add && smap_get(&pb->options, "ipv6_ra_send_periodic")
            ? inc_there : NULL);
    if (smap_get(&pb->options, "ipv6_prefix")
        || smap_get(&pb->options, "ipv6_prefix_delegation")
        || smap_get(&pb->options, "ipv6_ra_pd_list")) {
        input_put_member(in_kinds.delegation_ports,
                         inc_key_uuid(&pb->datapath), name, add);
    }
    if (smap_get_bool(&pb->options, "dynamic-routing", false)) {
        input_put_member(in_kinds.routing_ports, inc_key_uuid(&pb->datapath),
                         name, add);
    }
    if (smap_get_bool(&pb->options, "is-nf", false)) {
        input_put_member(in_kinds.nf_ports, inc_key_uuid(&pb->datapath),
                         name, add);
    }
    inc_set(in_kinds.rare_port, name,
            add && smap_get(&pb->options, "vif-plug-type")
            ? inc_there : NULL);
}

static const char *
port_binding_name(const struct ovsdb_idl_row *row_)
{
    return CONTAINER_OF(row_, struct sbrec_port_binding,
                        header_)->logical_port;
}

static const struct ovsdb_idl_column *const port_binding_columns[] = {
    &sbrec_port_binding_col_logical_port,
    &sbrec_port_binding_col_type,
    &sbrec_port_binding_col_datapath,
    &sbrec_port_binding_col_tunnel_key,
    &sbrec_port_binding_col_parent_port,
    &sbrec_port_binding_col_mirror_port,
    &sbrec_port_binding_col_virtual_parent,
    &sbrec_port_binding_col_tag,
    &sbrec_port_binding_col_chassis,
    &sbrec_port_binding_col_additional_chassis,
    &sbrec_port_binding_col_requested_chassis,
    &sbrec_port_binding_col_requested_additional_chassis,
    &sbrec_port_binding_col_encap,
    &sbrec_port_binding_col_additional_encap,
    &sbrec_port_binding_col_ha_chassis_group,
    &sbrec_port_binding_col_gateway_chassis,
    &sbrec_port_binding_col_options,
    &sbrec_port_binding_col_mac,
    &sbrec_port_binding_col_port_security,
    &sbrec_port_binding_col_mirror_rules,
    &sbrec_port_binding_col_nat_addresses,
    NULL,
};

static const struct input_kind port_binding_kinds[] = {
    INPUT_RECORD(port_binding, "port-binding", INC_KEY_STRING, port_binding),
    INPUT_VALUE(lport, "lport", INC_KEY_STRING, lport_equal),
    INPUT_RECORD(nat_addresses, "nat-addresses", INC_KEY_STRING,
                 nat_addresses),
    INPUT_SET(lports_by_address, "lports-by-address", INC_KEY_OTHER),
    INPUT_MARK(mirrored_port, "mirrored-port", INC_KEY_STRING),
    INPUT_MARK(advertising_port, "advertising-port", INC_KEY_STRING),
    INPUT_SET(delegation_ports, "delegation-ports", INC_KEY_UUID),
    INPUT_SET(routing_ports, "routing-ports", INC_KEY_UUID),
    INPUT_SET(nf_ports, "nf-ports", INC_KEY_UUID),
    INPUT_MARK(rare_port, "rare-port", INC_KEY_STRING),
    INPUT_SET(migrating_ports, "migrating-ports", INC_KEY_UUID),
    INPUT_SET(vifs_by_key, "vifs-by-key", INC_KEY_OTHER),
};
const struct input_table port_binding_table = {
    INPUT_TABLE(port_binding, port_binding),
    INPUT_NAMES(port_binding),
    .names_changed = &input_ports_named,
    .index = index_port_binding,
};

/* Multicast_Group. */

static void *
multicast_group_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_multicast_group *row
        = CONTAINER_OF(row_, struct sbrec_multicast_group, header_);
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
    string_array_sort(mg->ports, mg->n_ports);
    return mg;
}

static void
multicast_group_destroy(void *mg_)
{
    struct multicast_group *mg = mg_;

    free(mg->name);
    string_array_destroy(mg->ports, mg->n_ports);
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
            && string_array_equal(a->ports, a->n_ports, b->ports, b->n_ports));
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

static const struct ovsdb_idl_column *const multicast_group_columns[] = {
    &sbrec_multicast_group_col_datapath,
    &sbrec_multicast_group_col_name,
    &sbrec_multicast_group_col_tunnel_key,
    &sbrec_multicast_group_col_ports,
    NULL,
};

static const struct input_kind multicast_group_kinds[] = {
    INPUT_RECORD(multicast_group, "multicast-group", INC_KEY_UUID,
                 multicast_group),
    INPUT_VALUE(multicast_key, "multicast-key", INC_KEY_OTHER,
                multicast_key_equal),
};
const struct input_table multicast_group_table = {
    INPUT_TABLE(multicast_group, multicast_group),
    .index = index_multicast_group,
    .refs_matter = &input_ports_named,
};
