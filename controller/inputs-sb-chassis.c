/* SPDX-License-Identifier: Apache-2.0 */

/* Chassis, and which of them may be whose gateway, as cells: Chassis with
 * Encap, HA_Chassis_Group with HA_Chassis, Gateway_Chassis.  See
 * inputs-sb.c. */

#include <config.h>

#include "inputs-private.h"

#include <stdlib.h>

#include "ovn-sb-idl.h"
#include "string-array.h"
#include "util.h"
#include "uuid.h"

/* Chassis, with its Encaps.  Not nb_cfg, which every chassis keeps changing
 * and nobody here cares for. */

static int
encap_compare(const void *a_, const void *b_)
{
    const struct encap *a = a_;
    const struct encap *b = b_;
    return uuid_compare_3way(&a->uuid, &b->uuid);
}

static void *
chassis_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_chassis *row
        = CONTAINER_OF(row_, struct sbrec_chassis, header_);
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
        ch->encaps[i].chassis_name = xstrdup(row->encaps[i]->chassis_name);
        smap_clone(&ch->encaps[i].options, &row->encaps[i]->options);
    }
    if (ch->n_encaps) {
        qsort(ch->encaps, ch->n_encaps, sizeof *ch->encaps, encap_compare);
    }
    smap_clone(&ch->other_config, &row->other_config);
    ch->transport_zones = string_array_clone(row->transport_zones,
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
        free(ch->encaps[i].chassis_name);
        smap_destroy(&ch->encaps[i].options);
    }
    free(ch->encaps);
    smap_destroy(&ch->other_config);
    string_array_destroy(ch->transport_zones, ch->n_transport_zones);
    free(ch);
}

static bool
encap_equal(const struct encap *a, const struct encap *b)
{
    return (uuid_equals(&a->uuid, &b->uuid)
            && !strcmp(a->type, b->type)
            && !strcmp(a->ip, b->ip)
            && !strcmp(a->chassis_name, b->chassis_name)
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
        || !string_array_equal(a->transport_zones, a->n_transport_zones,
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

static void
index_chassis(const void *ch_, bool add)
{
    const struct chassis *ch = ch_;

    inc_set(in_kinds.chassis_by_name, inc_key_string(ch->name),
            add ? xmemdup(&ch->uuid, sizeof ch->uuid) : NULL);
}

static const struct ovsdb_idl_column *const chassis_columns[] = {
    &sbrec_chassis_col_name,
    &sbrec_chassis_col_hostname,
    &sbrec_chassis_col_encaps,
    &sbrec_chassis_col_other_config,
    &sbrec_chassis_col_transport_zones,
    /* Of the rows that are part of a record, tracked so that it follows. */
    &sbrec_encap_col_type,
    &sbrec_encap_col_ip,
    &sbrec_encap_col_chassis_name,
    &sbrec_encap_col_options,
    NULL,
};

static const struct input_kind chassis_kinds[] = {
    INPUT_RECORD(chassis, "chassis", INC_KEY_UUID, chassis),
    INPUT_VALUE(chassis_by_name, "chassis-by-name", INC_KEY_STRING,
                inc_uuids_equal),
};
const struct input_table chassis_table = {
    INPUT_TABLE(chassis, chassis),
    .index = index_chassis,
    .refs_matter = &input_refs_matter,
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
    free(group->refs);
    free(group);
}

static bool
ha_chassis_group_equal(const void *a_, const void *b_)
{
    const struct ha_chassis_group *a = a_;
    const struct ha_chassis_group *b = b_;

    if (a->n != b->n
        || !datum_uuids_equal(a->refs, a->n_refs, b->refs, b->n_refs)) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (!ha_chassis_equal(&a->members[i], &b->members[i])) {
            return false;
        }
    }
    return true;
}

static void *
ha_chassis_group_create(const struct ovsdb_idl_row *row_)
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
    group->refs = datum_uuids(
        sbrec_ha_chassis_group_get_ref_chassis(row, OVSDB_TYPE_UUID),
        &group->n_refs);
    return group;
}

static const struct ovsdb_idl_column *const ha_chassis_group_columns[] = {
    &sbrec_ha_chassis_group_col_ha_chassis,
    &sbrec_ha_chassis_group_col_ref_chassis,
    &sbrec_ha_chassis_col_chassis,
    &sbrec_ha_chassis_col_priority,
    NULL,
};

static const struct input_kind ha_chassis_group_kinds[] = {
    INPUT_RECORD(ha_chassis_group, "ha-chassis-group", INC_KEY_UUID,
                 ha_chassis_group),
};
const struct input_table ha_chassis_group_table = {
    INPUT_TABLE(ha_chassis_group, ha_chassis_group),
    .refs_matter = &input_refs_matter,
};

static void *
gateway_chassis_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_gateway_chassis *row
        = CONTAINER_OF(row_, struct sbrec_gateway_chassis, header_);
    struct ha_chassis hc = {
        .chassis = datum_uuid(
            sbrec_gateway_chassis_get_chassis(row, OVSDB_TYPE_UUID)),
        .priority = row->priority,
    };

    return xmemdup(&hc, sizeof hc);
}

static const struct ovsdb_idl_column *const gateway_chassis_columns[] = {
    &sbrec_gateway_chassis_col_chassis,
    &sbrec_gateway_chassis_col_priority,
    NULL,
};

static const struct input_kind gateway_chassis_kinds[] = {
    INPUT_VALUE(gateway_chassis, "gateway-chassis", INC_KEY_UUID,
                ha_chassis_equal),
};
const struct input_table gateway_chassis_table = {
    INPUT_TABLE(gateway_chassis, gateway_chassis),
};
