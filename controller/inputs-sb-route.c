/* SPDX-License-Identifier: Apache-2.0 */

/* What routers tell the host and learn from it as cells: Advertised_Route,
 * Learned_Route, Advertised_MAC_Binding.  See inputs-sb.c. */

#include <config.h>

#include "inputs-private.h"

#include <stdlib.h>
#include <string.h>

#include "ovn-sb-idl.h"
#include "util.h"
#include "uuid.h"

static char *
port_name(const struct sbrec_port_binding *pb)
{
    return pb ? xstrdup(pb->logical_port) : NULL;
}

/* Advertised_Route. */

static void
advertised_route_destroy(void *route_)
{
    struct advertised_route *route = route_;

    free(route->logical_port);
    free(route->tracked_port);
    free(route->ip_prefix);
    free(route);
}

static bool
advertised_route_equal(const void *a_, const void *b_)
{
    const struct advertised_route *a = a_;
    const struct advertised_route *b = b_;

    return (uuid_equals(&a->datapath, &b->datapath)
            && nullable_string_is_equal(a->logical_port, b->logical_port)
            && a->is_tracked == b->is_tracked
            && nullable_string_is_equal(a->tracked_port, b->tracked_port)
            && !strcmp(a->ip_prefix, b->ip_prefix));
}

static void *
advertised_route_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_advertised_route *row
        = CONTAINER_OF(row_, struct sbrec_advertised_route, header_);
    struct advertised_route *route = xmalloc(sizeof *route);
    const struct ovsdb_datum *tracked
        = sbrec_advertised_route_get_tracked_port(row, OVSDB_TYPE_UUID);

    *route = (struct advertised_route) {
        .uuid = row_->uuid,
        .datapath = datum_uuid(
            sbrec_advertised_route_get_datapath(row, OVSDB_TYPE_UUID)),
        .logical_port = port_name(row->logical_port),
        .is_tracked = tracked->n > 0,
        .tracked_port = port_name(row->tracked_port),
        .ip_prefix = xstrdup(row->ip_prefix),
    };
    return route;
}

static const struct ovsdb_idl_column *const advertised_route_columns[] = {
    &sbrec_advertised_route_col_datapath,
    &sbrec_advertised_route_col_logical_port,
    &sbrec_advertised_route_col_tracked_port,
    &sbrec_advertised_route_col_ip_prefix,
    NULL,
};

static const struct input_kind advertised_route_kinds[] = {
    INPUT_RECORD(advertised_route, "advertised-route", INC_KEY_UUID,
                 advertised_route),
};
const struct input_table advertised_route_table = {
    INPUT_TABLE(advertised_route, advertised_route),
    .refs_matter = &input_ports_named,
};

/* Learned_Route. */

static void
learned_route_destroy(void *route_)
{
    struct learned_route *route = route_;

    free(route->logical_port);
    free(route->ip_prefix);
    free(route->nexthop);
    free(route);
}

static bool
learned_route_equal(const void *a_, const void *b_)
{
    const struct learned_route *a = a_;
    const struct learned_route *b = b_;

    return (uuid_equals(&a->datapath, &b->datapath)
            && nullable_string_is_equal(a->logical_port, b->logical_port)
            && !strcmp(a->ip_prefix, b->ip_prefix)
            && !strcmp(a->nexthop, b->nexthop));
}

static void *
learned_route_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_learned_route *row
        = CONTAINER_OF(row_, struct sbrec_learned_route, header_);
    struct learned_route *route = xmalloc(sizeof *route);

    *route = (struct learned_route) {
        .uuid = row_->uuid,
        .datapath = datum_uuid(
            sbrec_learned_route_get_datapath(row, OVSDB_TYPE_UUID)),
        .logical_port = port_name(row->logical_port),
        .ip_prefix = xstrdup(row->ip_prefix),
        .nexthop = xstrdup(row->nexthop),
    };
    return route;
}

static const struct ovsdb_idl_column *const learned_route_columns[] = {
    &sbrec_learned_route_col_datapath,
    &sbrec_learned_route_col_logical_port,
    &sbrec_learned_route_col_ip_prefix,
    &sbrec_learned_route_col_nexthop,
    NULL,
};

static const struct input_kind learned_route_kinds[] = {
    INPUT_RECORD(learned_route, "learned-route", INC_KEY_UUID, learned_route),
};
const struct input_table learned_route_table = {
    INPUT_TABLE(learned_route, learned_route),
    .refs_matter = &input_ports_named,
};

/* Advertised_MAC_Binding. */

static void
advertised_mac_destroy(void *am_)
{
    struct advertised_mac *am = am_;

    free(am->logical_port);
    free(am->ip);
    free(am->mac);
    free(am);
}

static bool
advertised_mac_equal(const void *a_, const void *b_)
{
    const struct advertised_mac *a = a_;
    const struct advertised_mac *b = b_;

    return (uuid_equals(&a->datapath, &b->datapath)
            && nullable_string_is_equal(a->logical_port, b->logical_port)
            && !strcmp(a->ip, b->ip)
            && !strcmp(a->mac, b->mac));
}

static void *
advertised_mac_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_advertised_mac_binding *row
        = CONTAINER_OF(row_, struct sbrec_advertised_mac_binding, header_);
    struct advertised_mac *am = xmalloc(sizeof *am);

    *am = (struct advertised_mac) {
        .uuid = row_->uuid,
        .datapath = datum_uuid(
            sbrec_advertised_mac_binding_get_datapath(row, OVSDB_TYPE_UUID)),
        .logical_port = port_name(row->logical_port),
        .ip = xstrdup(row->ip),
        .mac = xstrdup(row->mac),
    };
    return am;
}

static const struct ovsdb_idl_column *const advertised_mac_columns[] = {
    &sbrec_advertised_mac_binding_col_datapath,
    &sbrec_advertised_mac_binding_col_logical_port,
    &sbrec_advertised_mac_binding_col_ip,
    &sbrec_advertised_mac_binding_col_mac,
    NULL,
};

static const struct input_kind advertised_mac_kinds[] = {
    INPUT_RECORD(advertised_mac, "advertised-mac", INC_KEY_UUID,
                 advertised_mac),
};
const struct input_table advertised_mac_table = {
    INPUT_TABLE(advertised_mac_binding, advertised_mac),
    .refs_matter = &input_ports_named,
};
