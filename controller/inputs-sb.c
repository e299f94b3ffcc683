/* SPDX-License-Identifier: Apache-2.0 */

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

#include <config.h>

#include "inputs-private.h"

#include <stdlib.h>

#include "lb-config.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(inputs_sb);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

void
input_put_member(struct inc_kind *kind, struct inc_key key,
                 struct inc_key member, bool add)
{
    if (add) {
        inc_set_insert(kind, key, member);
    } else {
        inc_set_remove(kind, key, member);
    }
}

bool
datum_uuids_equal(const struct uuid *a, size_t n_a,
                  const struct uuid *b, size_t n_b)
{
    return n_a == n_b && (!n_a || !memcmp(a, b, n_a * sizeof *a));
}

/* Records that are but a map of strings. */

struct smap *
input_smap_clone(const struct smap *src)
{
    struct smap *smap = xmalloc(sizeof *smap);

    smap_clone(smap, src);
    return smap;
}

/* SB_Global: options, ipsec, and the entries of ovn-lb-northd, a cell each.
 * Most changes of the row are to do with none of them, so that an entry is
 * parsed only if its text has changed. */

static struct smap lb_entries = SMAP_INITIALIZER(&lb_entries);

static void
entry_destroy(void *entry)
{
    lb_entry_destroy(entry);
    free(entry);
}

static bool
entry_equal(const void *a, const void *b)
{
    return lb_entry_equal(a, b);
}

/* Makes the cell of the entry under 'key'; 'value' is NULL if it is gone. */
static void
entry_set(const char *key, const char *value)
{
    struct lb_entry *entry = NULL;
    struct uuid nb;

    if (!lb_entry_key_parse(key, &nb)) {
        return;
    }
    if (value) {
        entry = xmalloc(sizeof *entry);
        char *error = lb_entry_parse(value, entry);
        if (error) {
            VLOG_WARN_RL(&rl, "SB_Global: external_ids:%s is malformed and "
                         "ignored: %s", key, error);
            free(error);
            free(entry);
            entry = NULL;
        }
    }
    input_put_lb(&nb, &nb, entry != NULL);
    inc_set(in_kinds.lb_entry, inc_key_uuid(&nb), entry);
}

static void
lb_entries_update(const struct smap *external_ids)
{
    const struct smap_node *node;

    if (smap_equal(&lb_entries, external_ids)) {
        return;
    }
    SMAP_FOR_EACH (node, &lb_entries) {
        if (!smap_get(external_ids, node->key)) {
            entry_set(node->key, NULL);
        }
    }
    SMAP_FOR_EACH (node, external_ids) {
        const char *old = smap_get(&lb_entries, node->key);

        if (!old || strcmp(old, node->value)) {
            entry_set(node->key, node->value);
        }
    }
    smap_destroy(&lb_entries);
    smap_clone(&lb_entries, external_ids);
}

static struct hmap sb_options_names = HMAP_INITIALIZER(&sb_options_names);

static const char *
sb_options_name(const struct ovsdb_idl_row *row OVS_UNUSED)
{
    return "";                  /* There is but one: INC_KEY_ONLY. */
}

static void *
sb_options_create(const struct ovsdb_idl_row *row)
{
    return input_smap_clone(
        &CONTAINER_OF(row, struct sbrec_sb_global, header_)->options);
}

static void
sb_options_note(const struct ovsdb_idl_row *row)
{
    const struct smap none = SMAP_INITIALIZER(&none);
    const struct sbrec_sb_global *sb
        = row ? CONTAINER_OF(row, struct sbrec_sb_global, header_) : NULL;

    lb_entries_update(sb ? &sb->external_ids : &none);
    inc_set(in_kinds.ipsec, INC_KEY_ONLY,
            sb && sb->ipsec ? inc_there : NULL);
}

static const struct ovsdb_idl_column *const sb_options_columns[] = {
    &sbrec_sb_global_col_options,
    &sbrec_sb_global_col_ipsec,
    &sbrec_sb_global_col_external_ids,
    NULL,
};

static const struct input_kind sb_options_kinds[] = {
    INPUT_SMAP(sb_options, "sb-options", INC_KEY_STRING),
    INPUT_RECORD(lb_entry, "lb-entry", INC_KEY_UUID, entry),
    INPUT_MARK(ipsec, "ipsec", INC_KEY_STRING),
};
static const struct input_table sb_global_table = {
    INPUT_TABLE(sb_global, sb_options),
    INPUT_NAMES(sb_options),
    .note = sb_options_note,
};

/* All of them, ports before the groups that are made of them. */

const bool input_refs_matter = true;

const struct input_table *const sb_tables[] = {
    &sb_global_table,
    &datapath_table,
    &dp_group_table,
    &port_binding_table,
    &logical_flow_table,
    &multicast_group_table,
    &chassis_table,
    &ha_chassis_group_table,
    &gateway_chassis_table,
    &address_set_table,
    &port_group_table,
    &load_balancer_table,
    &mac_binding_table,
    &static_mac_binding_table,
    &ecmp_nexthop_table,
    &fdb_table,
    &acl_id_table,
    &service_monitor_table,
    &meter_table,
    &dhcp_option_table,
    &dhcpv6_option_table,
    &template_vars_table,
    &dns_table,
    &ip_multicast_table,
    &igmp_group_table,
    &bfd_table,
    &mirror_table,
    &advertised_route_table,
    &learned_route_table,
    &advertised_mac_table,
};
const size_t n_sb_tables = ARRAY_SIZE(sb_tables);

void
inputs_declare_sb(struct inc_engine *engine)
{
    for (size_t i = 0; i < n_sb_tables; i++) {
        for (size_t j = 0; j < sb_tables[i]->n_kinds; j++) {
            const struct input_kind *k = &sb_tables[i]->kinds[j];
            *k->kind = inc_kind_declare(engine, &k->class);
        }
    }
}

void
inputs_destroy_sb(void)
{
    for (size_t i = 0; i < n_sb_tables; i++) {
        if (sb_tables[i]->names) {
            row_names_destroy(sb_tables[i]->names);
        }
    }
    smap_clear(&lb_entries);
    inputs_destroy_stages();
}
