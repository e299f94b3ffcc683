/* SPDX-License-Identifier: Apache-2.0 */

/* Load_Balancer as cells.  See inputs-sb.c.
 *
 * Its switches are in 'datapaths', in 'datapath_group' (23.03) or in
 * 'ls_datapath_group' (since 23.09), its routers in 'lr_datapath_group'.  The
 * northbound UUID is that of the row itself, unless an older ovn-northd says
 * another one. */

#include <config.h>

#include "inputs-private.h"

#include <stdlib.h>

#include "ovn-sb-idl.h"
#include "util.h"
#include "uuid.h"

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
