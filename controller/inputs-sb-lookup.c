/* SPDX-License-Identifier: Apache-2.0 */

/* What fills the tables behind actions as cells: Load_Balancer, MAC_Binding,
 * Static_MAC_Binding, FDB.  See inputs-sb.c. */

#include <config.h>

#include "inputs-private.h"

#include <stdlib.h>

#include "ovn-sb-idl.h"
#include "util.h"
#include "uuid.h"

/* Load_Balancer.
 *
 * Its switches are in 'datapaths', in 'datapath_group' (23.03) or in
 * 'ls_datapath_group' (since 23.09), its routers in 'lr_datapath_group'.  The
 * northbound UUID is that of the row itself, unless an older ovn-northd says
 * another one. */

/* Keeps 'uuid', unless it is zero or there already. */
static void
add_dp_group(struct load_balancer *lb, struct uuid uuid)
{
    for (size_t i = 0; i < ARRAY_SIZE(lb->dp_groups); i++) {
        if (uuid_equals(&lb->dp_groups[i], &uuid)) {
            return;
        }
        if (uuid_is_zero(&lb->dp_groups[i])) {
            lb->dp_groups[i] = uuid;
            return;
        }
    }
}

static void *
load_balancer_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_load_balancer *row
        = CONTAINER_OF(row_, struct sbrec_load_balancer, header_);
    struct load_balancer *lb = xzalloc(sizeof *lb);

    lb->uuid = row->header_.uuid;
    lb->name = xstrdup(row->name);
    lb->protocol = nullable_xstrdup(row->protocol);
    smap_clone(&lb->vips, &row->vips);
    smap_clone(&lb->options, &row->options);
    if (!uuid_from_string(&lb->lb_id,
                          smap_get_def(&row->external_ids, "lb_id", ""))) {
        lb->lb_id = lb->uuid;
    }
    lb->datapaths = datum_uuids(
        sbrec_load_balancer_get_datapaths(row, OVSDB_TYPE_UUID),
        &lb->n_datapaths);
    add_dp_group(lb, datum_uuid(
        sbrec_load_balancer_get_ls_datapath_group(row, OVSDB_TYPE_UUID)));
    add_dp_group(lb, datum_uuid(
        sbrec_load_balancer_get_lr_datapath_group(row, OVSDB_TYPE_UUID)));
    add_dp_group(lb, datum_uuid(
        sbrec_load_balancer_get_datapath_group(row, OVSDB_TYPE_UUID)));
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
            && nullable_string_is_equal(a->protocol, b->protocol)
            && uuid_equals(&a->lb_id, &b->lb_id)
            && !memcmp(a->dp_groups, b->dp_groups, sizeof a->dp_groups)
            && datum_uuids_equal(a->datapaths, a->n_datapaths,
                                 b->datapaths, b->n_datapaths)
            && smap_equal(&a->vips, &b->vips)
            && smap_equal(&a->options, &b->options));
}

void
input_put_lb(const struct uuid *nb, const struct uuid *source, bool add)
{
    input_put_member(in_kinds.lbs_by_nb, inc_key_uuid(nb),
                     inc_key_uuid(source), add);
}

static void
index_load_balancer(const void *lb_, bool add)
{
    const struct load_balancer *lb = lb_;

    input_put_lb(&lb->lb_id, &lb->uuid, add);
    inc_set(in_kinds.flushing_lb, inc_key_uuid(&lb->uuid),
            add && smap_get_bool(&lb->options, "ct_flush", false)
            ? inc_there : NULL);
}

static const struct ovsdb_idl_column *const load_balancer_columns[] = {
    &sbrec_load_balancer_col_name,
    &sbrec_load_balancer_col_protocol,
    &sbrec_load_balancer_col_vips,
    &sbrec_load_balancer_col_options,
    &sbrec_load_balancer_col_external_ids,
    &sbrec_load_balancer_col_datapaths,
    &sbrec_load_balancer_col_datapath_group,
    &sbrec_load_balancer_col_ls_datapath_group,
    &sbrec_load_balancer_col_lr_datapath_group,
    NULL,
};

static const struct input_kind load_balancer_kinds[] = {
    INPUT_RECORD(load_balancer, "load-balancer", INC_KEY_UUID, load_balancer),
    INPUT_SET(lbs_by_nb, "lbs-by-nb", INC_KEY_UUID),
    INPUT_MARK(flushing_lb, "flushing-lb", INC_KEY_UUID),
};
const struct input_table load_balancer_table = {
    INPUT_TABLE(load_balancer, load_balancer),
    .index = index_load_balancer,
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

    free(nexthop->mac);
    free(nexthop);
}

static bool
ecmp_nexthop_equal(const void *a_, const void *b_)
{
    const struct ecmp_nexthop *a = a_;
    const struct ecmp_nexthop *b = b_;

    return uuid_equals(&a->datapath, &b->datapath) && !strcmp(a->mac, b->mac);
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
        .mac = xstrdup(row->mac),
    };
    return nexthop;
}

static const struct ovsdb_idl_column *const ecmp_nexthop_columns[] = {
    &sbrec_ecmp_nexthop_col_datapath,
    &sbrec_ecmp_nexthop_col_mac,
    NULL,
};

static const struct input_kind ecmp_nexthop_kinds[] = {
    INPUT_RECORD(ecmp_nexthop, "ecmp-nexthop", INC_KEY_UUID, ecmp_nexthop),
};
const struct input_table ecmp_nexthop_table = {
    INPUT_TABLE(ecmp_nexthop, ecmp_nexthop),
};
