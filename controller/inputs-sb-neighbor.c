/* SPDX-License-Identifier: Apache-2.0 */

/* What is known of neighbors as cells: MAC_Binding, Static_MAC_Binding, FDB,
 * ECMP_Nexthop.  See inputs-sb.c. */

#include <config.h>

#include "inputs-private.h"

#include <stdlib.h>

#include "ovn-sb-idl.h"
#include "util.h"
#include "uuid.h"

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
            && a->override_dynamic == b->override_dynamic);
}

static struct mac_binding *
make_mac_binding(const struct uuid *uuid, const char *logical_port,
                 const char *ip, const char *mac)
{
    struct mac_binding *mb = xzalloc(sizeof *mb);

    mb->uuid = *uuid;
    mb->logical_port = xstrdup(logical_port);
    mb->ip = xstrdup(ip);
    mb->mac = xstrdup(mac);
    return mb;
}

static void *
mac_binding_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_mac_binding *row
        = CONTAINER_OF(row_, struct sbrec_mac_binding, header_);

    return make_mac_binding(&row_->uuid, row->logical_port, row->ip,
                            row->mac);
}

static const struct ovsdb_idl_column *const mac_binding_columns[] = {
    &sbrec_mac_binding_col_logical_port,
    &sbrec_mac_binding_col_ip,
    &sbrec_mac_binding_col_mac,
    &sbrec_mac_binding_col_datapath,    /* For the condition. */
    NULL,
};

static const struct input_kind mac_binding_kinds[] = {
    INPUT_RECORD(mac_binding, "mac-binding", INC_KEY_UUID, mac_binding),
};
const struct input_table mac_binding_table = {
    INPUT_TABLE(mac_binding, mac_binding),
};

static void *
static_mac_binding_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_static_mac_binding *row
        = CONTAINER_OF(row_, struct sbrec_static_mac_binding, header_);
    struct mac_binding *mb = make_mac_binding(&row_->uuid, row->logical_port,
                                              row->ip, row->mac);

    mb->is_static = true;
    mb->override_dynamic = row->override_dynamic_mac;
    return mb;
}

static const struct ovsdb_idl_column *const static_mac_binding_columns[] = {
    &sbrec_static_mac_binding_col_logical_port,
    &sbrec_static_mac_binding_col_ip,
    &sbrec_static_mac_binding_col_mac,
    &sbrec_static_mac_binding_col_override_dynamic_mac,
    NULL,
};

static const struct input_kind static_mac_binding_kinds[] = {
    INPUT_RECORD(static_mac_binding, "static-mac-binding", INC_KEY_UUID,
                 mac_binding),
};
const struct input_table static_mac_binding_table = {
    INPUT_TABLE(static_mac_binding, static_mac_binding),
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

static void *
fdb_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_fdb *row = CONTAINER_OF(row_, struct sbrec_fdb,
                                               header_);
    struct fdb *fdb = xzalloc(sizeof *fdb);

    fdb->uuid = row_->uuid;
    fdb->mac = xstrdup(row->mac);
    fdb->dp_key = row->dp_key;
    fdb->port_key = row->port_key;
    return fdb;
}

static const struct ovsdb_idl_column *const fdb_columns[] = {
    &sbrec_fdb_col_mac,
    &sbrec_fdb_col_dp_key,
    &sbrec_fdb_col_port_key,
    NULL,
};

static const struct input_kind fdb_kinds[] = {
    INPUT_RECORD(fdb, "fdb", INC_KEY_UUID, fdb),
};
const struct input_table fdb_table = { INPUT_TABLE(fdb, fdb) };

/* ECMP_Nexthop. */

static void
ecmp_nexthop_destroy(void *nexthop_)
{
    struct ecmp_nexthop *nexthop = nexthop_;

    free(nexthop->ip);
    free(nexthop->port);
    free(nexthop->mac);
    free(nexthop);
}

static bool
ecmp_nexthop_equal(const void *a_, const void *b_)
{
    const struct ecmp_nexthop *a = a_;
    const struct ecmp_nexthop *b = b_;

    return (uuid_equals(&a->datapath, &b->datapath)
            && !strcmp(a->ip, b->ip)
            && nullable_string_is_equal(a->port, b->port)
            && !strcmp(a->mac, b->mac));
}

static void *
ecmp_nexthop_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_ecmp_nexthop *row
        = CONTAINER_OF(row_, struct sbrec_ecmp_nexthop, header_);
    struct ecmp_nexthop *nexthop = xmalloc(sizeof *nexthop);

    *nexthop = (struct ecmp_nexthop) {
        .uuid = row_->uuid,
        .datapath = row->datapath ? row->datapath->header_.uuid : UUID_ZERO,
        .ip = xstrdup(row->nexthop),
        .port = row->port ? xstrdup(row->port->logical_port) : NULL,
        .mac = xstrdup(row->mac),
    };
    return nexthop;
}

static const struct ovsdb_idl_column *const ecmp_nexthop_columns[] = {
    &sbrec_ecmp_nexthop_col_datapath,
    &sbrec_ecmp_nexthop_col_mac,
    &sbrec_ecmp_nexthop_col_nexthop,
    &sbrec_ecmp_nexthop_col_port,
    NULL,
};

static const struct input_kind ecmp_nexthop_kinds[] = {
    INPUT_RECORD(ecmp_nexthop, "ecmp-nexthop", INC_KEY_UUID, ecmp_nexthop),
};
const struct input_table ecmp_nexthop_table = {
    INPUT_TABLE(ecmp_nexthop, ecmp_nexthop),
};

/* ACLs that allow established connections. */

static bool
acl_id_equal(const void *a_, const void *b_)
{
    const struct acl_id *a = a_;
    const struct acl_id *b = b_;

    return a->id == b->id;
}

static void *
acl_id_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_acl_id *row = CONTAINER_OF(row_, struct sbrec_acl_id,
                                                  header_);
    struct acl_id *acl = xmalloc(sizeof *acl);

    acl->id = row->id;
    return acl;
}

static const struct ovsdb_idl_column *const acl_id_columns[] = {
    &sbrec_acl_id_col_id,
    NULL,
};

static const struct input_kind acl_id_kinds[] = {
    INPUT_VALUE(acl_id, "acl-id", INC_KEY_UUID, acl_id_equal),
};
const struct input_table acl_id_table = {
    INPUT_TABLE(acl_id, acl_id),
};
