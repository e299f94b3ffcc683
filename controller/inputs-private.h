/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_INPUTS_PRIVATE_H
#define CONTROLLER_INPUTS_PRIVATE_H 1

/* Between inputs.c (kinds, accessors, following the databases' changes),
 * inputs-sb.c with inputs-sb-*.c (rows of the southbound database) and
 * inputs-ovs.c (rows of the local one). */

#include "inputs.h"
#include "openvswitch/hmap.h"
#include "ovsdb-idl.h"

struct ovsdb_idl_row;

/* The name under which a row of a table whose cells have names, not UUIDs, was
 * seen last.  The row itself tells only what it is called now. */
struct row_name {
    struct hmap_node node;
    struct uuid uuid;
    char name[];
};

/* A kind of cells, and where it is kept once it is declared. */
struct input_kind {
    struct inc_kind **kind;
    struct inc_kind_class class;
};

/* In an array of them: records with functions of their own, RECORD_equal() and
 * RECORD_destroy(); "struct smap"s; values that free() is enough for; sets;
 * inc_there. */
#define INPUT_KIND(VAR, NAME, KEY, ...)                                 \
    {                                                                   \
        .kind = &in_kinds.VAR,                                          \
        .class = {                                                      \
            .name = NAME, .stage = STAGE_INPUT, .key_type = KEY,        \
            __VA_ARGS__                                                 \
        },                                                              \
    }
#define INPUT_RECORD(VAR, NAME, KEY, RECORD)                            \
    INPUT_KIND(VAR, NAME, KEY,                                          \
               .equal = RECORD##_equal, .destroy = RECORD##_destroy)
#define INPUT_SMAP(VAR, NAME, KEY)                                      \
    INPUT_KIND(VAR, NAME, KEY,                                          \
               .equal = inc_smaps_equal, .destroy = inc_smap_destroy)
#define INPUT_VALUE(VAR, NAME, KEY, EQUAL)                              \
    INPUT_KIND(VAR, NAME, KEY, .equal = EQUAL, .destroy = free)
#define INPUT_SET(VAR, NAME, KEY)                                       \
    INPUT_KIND(VAR, NAME, KEY, .is_set = true)
#define INPUT_SET_WITH_CHANGES(VAR, NAME, KEY)                          \
    INPUT_KIND(VAR, NAME, KEY, .is_set = true, .keeps_changes = true)
#define INPUT_MARK(VAR, NAME, KEY)                                      \
    INPUT_KIND(VAR, NAME, KEY, .equal = NULL)

/* A table of the southbound database. */
struct input_table {
    const struct ovsdb_idl_table_class *class;

    /* Each row's record, in a cell of '*kind' whose key is the row's UUID or,
     * if 'names' is not NULL, its name.  'names' then tells how each row that
     * has a cell was called, and '*names_changed' is set, if that is not NULL,
     * when one comes, goes or is renamed. */
    struct inc_kind **kind;
    void *(*create)(const struct ovsdb_idl_row *row);
    struct hmap *names;
    const char *(*get_name)(const struct ovsdb_idl_row *row);
    bool *names_changed;

    /* Puts what follows from a record into other cells, or, if not 'add',
     * takes it out of them; or NULL. */
    void (*index)(const void *record, bool add);
    /* The same for records that are large and change a little, and whose
     * cells follow from the key.  'old' or 'new' may be NULL. */
    void (*diff)(struct inc_key, const void *old, void *new);
    /* What else there is to do about 'row', or about one that is gone if that
     * is NULL; or NULL. */
    void (*note)(const struct ovsdb_idl_row *row);

    /* A row is reported as changed also when one that it refers to has
     * changed.  Does that matter to the record?  NULL: no. */
    const bool *refs_matter;

    /* The columns that the records are made of; NULL-terminated. */
    const struct ovsdb_idl_column *const *columns;

    /* The kinds of cells that are made of them. */
    const struct input_kind *kinds;
    size_t n_kinds;
};

/* In the initializer of a table: members that every table has, and those of
 * one whose cells have names.  The functions and arrays are called NAME_*, as
 * the kind of the records is. */
#define INPUT_TABLE(TABLE, NAME)                                        \
    .class = &sbrec_table_##TABLE, .kind = &in_kinds.NAME,              \
    .create = NAME##_create, .columns = NAME##_columns,                 \
    .kinds = NAME##_kinds, .n_kinds = ARRAY_SIZE(NAME##_kinds)
#define INPUT_NAMES(NAME)                                               \
    .names = &NAME##_names, .get_name = NAME##_name

/* Notes that 'source' has to do with the load balancer that is 'nb' in the
 * northbound database, or no longer has. */
void input_put_lb(const struct uuid *nb, const struct uuid *source, bool add);

/* For '.refs_matter': always... */
extern const bool input_refs_matter;
/* ...and whether Port_Bindings came, went or were renamed in the input()
 * in progress. */
extern bool input_ports_named;

/* Key of in_kinds.vifs_by_key, without padding. */
struct vif_key {
    struct uuid datapath;
    uint32_t tunnel_key;
};
BUILD_ASSERT_DECL(sizeof(struct vif_key) == 20);

extern const struct input_table acl_id_table, address_set_table,
    advertised_mac_table, advertised_route_table, bfd_table, chassis_table,
    datapath_table, dhcp_option_table, dhcpv6_option_table, dns_table,
    dp_group_table, ecmp_nexthop_table, fdb_table, gateway_chassis_table,
    ha_chassis_group_table, igmp_group_table, ip_multicast_table,
    learned_route_table, load_balancer_table, logical_flow_table,
    mac_binding_table, meter_table, mirror_table, multicast_group_table,
    port_binding_table, port_group_table, service_monitor_table,
    static_mac_binding_table, template_vars_table;
extern const struct input_table *const sb_tables[];
extern const size_t n_sb_tables;

/* Cells of rows. */
void input_put_member(struct inc_kind *, struct inc_key,
                      struct inc_key member, bool add);
/* Records that are but a map of strings: see inc_smaps_equal(). */
struct smap *input_smap_clone(const struct smap *);

void row_names_destroy(struct hmap *);

/* Columns of a row, as UUIDs. */
struct uuid datum_uuid(const struct ovsdb_datum *);
struct uuid *datum_uuids(const struct ovsdb_datum *, size_t *n);
bool datum_uuids_equal(const struct uuid *, size_t n_a,
                       const struct uuid *, size_t n_b);

void inputs_declare_sb(struct inc_engine *);
void inputs_declare_ovs(struct inc_engine *);
/* Brings the cell of the dialect up to date with SB_Global.options. */
void inputs_choose_dialect(void);
void inputs_destroy_stages(void);
void inputs_destroy_sb(void);
void inputs_destroy_ovs(void);
void inputs_wait_ovs(void);
void inputs_register_ovs(struct idl_columns *);
void inputs_run_ovs(struct ovsdb_idl *, const char *chassis_name,
                    const char *br_int_name);

#endif /* controller/inputs-private.h */
