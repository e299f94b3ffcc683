/* SPDX-License-Identifier: Apache-2.0 */

/* What logical flows mention by name as cells: Address_Set, Port_Group, Meter,
 * DHCP_Options, DHCPv6_Options, Chassis_Template_Var.  See inputs-sb.c. */

#include <config.h>

#include "inputs-private.h"

#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "ovn/expr.h"
#include "ovn/lex.h"
#include "string-array.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(inputs_sb_flow_names);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Address_Set and Port_Group: named sets of strings. */

static struct string_set *
string_set_create(char **strings, size_t n)
{
    struct string_set *set = xmalloc(sizeof *set);

    set->names = string_array_clone(strings, n);
    set->n = n;
    set->n_odd = 0;
    string_array_sort(set->names, n);
    return set;
}

static void
string_set_destroy(void *set_)
{
    struct string_set *set = set_;
    string_array_destroy(set->names, set->n);
    free(set);
}

static bool
string_set_equal(const void *a_, const void *b_)
{
    const struct string_set *a = a_;
    const struct string_set *b = b_;
    return string_array_equal(a->names, a->n, b->names, b->n);
}

/* Address sets.
 *
 * They can be large, and a member comes or goes now and then.  So only those
 * strings that have come or gone are looked at.
 *
 * A string is odd if it is not how we would write the address.  As long as
 * there is none, different strings are different members.  As soon as there
 * is, a member may be there twice, and it takes all strings to find out which
 * members there are. */

/* Puts the packed address that 'text' is into 'packed' and returns its length,
 * or 0 if it is none, after a warning unless 'set_name' is NULL.  Adds to
 * '*n_odd' if it is odd. */
static size_t
pack_address(const char *set_name, const char *text,
             uint8_t packed[EXPR_PACKED_MAX_LEN], size_t *n_odd)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct expr_constant c;
    char *error = expr_constant_from_address(text, &c);

    if (error) {
        if (set_name) {
            VLOG_WARN_RL(&rl, "address set %s: %s", set_name, error);
        }
        free(error);
        return 0;
    }

    size_t len = expr_constant_pack(&c, packed);
    expr_constant_unpack(packed, len, &c);
    lex_constant_format(&c.value, c.masked ? &c.mask : NULL, c.format, &s);
    *n_odd += strcmp(ds_cstr(&s), text) != 0;
    ds_destroy(&s);
    return len;
}

/* Makes the address that 'text' is a member of set 'key', or takes it out. */
static void
put_address(struct inc_key key, const char *text, bool add, size_t *n_odd)
{
    uint8_t packed[EXPR_PACKED_MAX_LEN];
    size_t len = pack_address(add ? key.data : NULL, text, packed, n_odd);

    if (len) {
        input_put_member(in_kinds.address_constants, key,
                         (struct inc_key) { packed, len }, add);
    }
}

/* Appends to 'only' what is in 'a' and not in 'b'. */
static void
string_set_subtract(const struct string_set *a, const struct string_set *b,
                    struct string_set *only)
{
    size_t j = 0;

    only->names = xmalloc(MAX(a->n, 1) * sizeof *only->names);
    only->n = 0;
    for (size_t i = 0; i < a->n; i++) {
        int cmp = 1;

        while (j < b->n && (cmp = strcmp(b->names[j], a->names[i])) < 0) {
            j++;
        }
        if (j >= b->n || cmp) {
            only->names[only->n++] = a->names[i];
        }
    }
}

static void
put_addresses(struct inc_key key, const struct string_set *set, bool add,
              size_t *n_odd)
{
    for (size_t i = 0; i < set->n; i++) {
        put_address(key, set->names[i], add, n_odd);
    }
}

static size_t
count_odd(const char *set_name, const struct string_set *set)
{
    uint8_t packed[EXPR_PACKED_MAX_LEN];
    size_t n_odd = 0;

    for (size_t i = 0; i < set->n; i++) {
        pack_address(set_name, set->names[i], packed, &n_odd);
    }
    return n_odd;
}

static void
change_addresses(struct inc_key key, const struct string_set *old,
                 struct string_set *new)
{
    struct string_set come, gone;
    size_t ignored = 0;

    string_set_subtract(new, old, &come);
    string_set_subtract(old, new, &gone);
    new->n_odd = (old->n_odd + count_odd(key.data, &come)
                  - count_odd(NULL, &gone));
    if (old->n_odd || new->n_odd) {
        put_addresses(key, old, false, &ignored);
        put_addresses(key, new, true, &ignored);
    } else {
        put_addresses(key, &gone, false, &ignored);
        put_addresses(key, &come, true, &ignored);
    }
    free(come.names);
    free(gone.names);
}

static void
address_set_diff(struct inc_key key, const void *old, void *new_)
{
    struct string_set *new = new_;
    size_t ignored = 0;

    if (old && new) {
        change_addresses(key, old, new);
    } else if (new) {
        put_addresses(key, new, true, &new->n_odd);
    } else if (old) {
        put_addresses(key, old, false, &ignored);
    }
    if (!old != !new) {
        input_put_member(in_kinds.address_constants, key, INC_KEY_EXISTS,
                         new != NULL);
    }
}

/* The functions of a southbound table TABLE whose rows are such sets, of
 * MEMBERS. */
#define STRING_SET_FUNCTIONS(TABLE, MEMBERS)                            \
    static struct hmap TABLE##_names = HMAP_INITIALIZER(&TABLE##_names); \
                                                                        \
    static const char *                                                 \
    TABLE##_name(const struct ovsdb_idl_row *row)                       \
    {                                                                   \
        return CONTAINER_OF(row, struct sbrec_##TABLE, header_)->name;  \
    }                                                                   \
                                                                        \
    static void *                                                       \
    TABLE##_create(const struct ovsdb_idl_row *row_)                    \
    {                                                                   \
        const struct sbrec_##TABLE *row                                 \
            = CONTAINER_OF(row_, struct sbrec_##TABLE, header_);        \
                                                                        \
        return string_set_create(row->MEMBERS, row->n_##MEMBERS);       \
    }                                                                   \
                                                                        \
    static const struct ovsdb_idl_column *const TABLE##_columns[] = {   \
        &sbrec_##TABLE##_col_name,                                      \
        &sbrec_##TABLE##_col_##MEMBERS,                                 \
        NULL,                                                           \
    }

STRING_SET_FUNCTIONS(address_set, addresses);
static const struct input_kind address_set_kinds[] = {
    INPUT_RECORD(address_set, "address-set", INC_KEY_STRING, string_set),
    INPUT_SET_WITH_CHANGES(address_constants, "address-constants",
                           INC_KEY_STRING),
};
const struct input_table address_set_table = {
    INPUT_TABLE(address_set, address_set),
    INPUT_NAMES(address_set),
    .diff = address_set_diff,
};

/* Port groups.
 *
 * They can be large, too, and most of the ports are elsewhere.  So those that
 * are not are asked which groups they are in, and a port that joins or leaves
 * a group is no other port's matter. */

static void
put_ports(struct inc_key group, const struct string_set *set, bool add)
{
    for (size_t i = 0; i < set->n; i++) {
        input_put_member(in_kinds.groups_by_port,
                         inc_key_string(set->names[i]), group, add);
    }
}

static void
port_group_diff(struct inc_key key, const void *old, void *new)
{
    static const struct string_set none = { .n = 0 };
    struct string_set come, gone;

    string_set_subtract(new ? new : &none, old ? old : &none, &come);
    string_set_subtract(old ? old : &none, new ? new : &none, &gone);
    put_ports(key, &gone, false);
    put_ports(key, &come, true);
    free(come.names);
    free(gone.names);
    inc_set(in_kinds.port_group_exists, key, new ? inc_there : NULL);
}

STRING_SET_FUNCTIONS(port_group, ports);
static const struct input_kind port_group_kinds[] = {
    INPUT_RECORD(port_group, "port-group", INC_KEY_STRING, string_set),
    INPUT_MARK(port_group_exists, "port-group-exists", INC_KEY_STRING),
    INPUT_SET(groups_by_port, "groups-by-port", INC_KEY_STRING),
};
const struct input_table port_group_table = {
    INPUT_TABLE(port_group, port_group),
    INPUT_NAMES(port_group),
    .diff = port_group_diff,
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

static void *
meter_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_meter *row = CONTAINER_OF(row_, struct sbrec_meter,
                                                 header_);
    struct meter *meter = xzalloc(sizeof *meter);

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
    return meter;
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

static const struct input_kind meter_kinds[] = {
    INPUT_RECORD(meter, "meter", INC_KEY_STRING, meter),
};
const struct input_table meter_table = {
    INPUT_TABLE(meter, meter),
    INPUT_NAMES(meter),
    .refs_matter = &input_refs_matter,
};

/* DHCP_Options and DHCPv6_Options.
 *
 * Nothing keeps two rows from having one name, so that a name leads to a set
 * of rows, of which readers take the first. */

static void
dhcp_option_destroy(void *option_)
{
    struct dhcp_option *option = option_;

    free(option->name);
    free(option->type);
    free(option);
}

static bool
dhcp_option_equal(const void *a_, const void *b_)
{
    const struct dhcp_option *a = a_;
    const struct dhcp_option *b = b_;

    return (!strcmp(a->name, b->name)
            && a->code == b->code
            && !strcmp(a->type, b->type));
}

static struct dhcp_option *
make_dhcp_option(const struct uuid *uuid, const char *name, int64_t code,
                 const char *type)
{
    struct dhcp_option *option = xmalloc(sizeof *option);

    option->uuid = *uuid;
    option->name = xstrdup(name);
    option->code = code;
    option->type = xstrdup(type);
    return option;
}

/* The functions and the table of southbound table TABLE, whose rows are cells
 * of kind KIND, and its names of kind KIND_by_name. */
#define DHCP_OPTION_TABLE(TABLE, KIND, KIND_NAME)                       \
    static void                                                         \
    index_##KIND(const void *option_, bool add)                         \
    {                                                                   \
        const struct dhcp_option *option = option_;                     \
                                                                        \
        input_put_member(in_kinds.KIND##_by_name,                       \
                         inc_key_string(option->name),                  \
                         inc_key_uuid(&option->uuid), add);             \
    }                                                                   \
                                                                        \
    static void *                                                       \
    KIND##_create(const struct ovsdb_idl_row *row_)                     \
    {                                                                   \
        const struct sbrec_##TABLE *row                                 \
            = CONTAINER_OF(row_, struct sbrec_##TABLE, header_);        \
                                                                        \
        return make_dhcp_option(&row_->uuid, row->name, row->code,      \
                                row->type);                             \
    }                                                                   \
                                                                        \
    static const struct ovsdb_idl_column *const KIND##_columns[] = {    \
        &sbrec_##TABLE##_col_name,                                      \
        &sbrec_##TABLE##_col_code,                                      \
        &sbrec_##TABLE##_col_type,                                      \
        NULL,                                                           \
    };                                                                  \
    static const struct input_kind KIND##_kinds[] = {                   \
        INPUT_RECORD(KIND, KIND_NAME, INC_KEY_UUID, dhcp_option),       \
        INPUT_SET(KIND##_by_name, KIND_NAME "-by-name",                 \
                  INC_KEY_STRING),                                      \
    };                                                                  \
    const struct input_table KIND##_table = {                           \
        INPUT_TABLE(TABLE, KIND),                                       \
        .index = index_##KIND,                                          \
    }

DHCP_OPTION_TABLE(dhcp_options, dhcp_option, "dhcp-option");
DHCP_OPTION_TABLE(dhcpv6_options, dhcpv6_option, "dhcpv6-option");

/* The record, in 'rows', that 'name' leads to in 'names', or NULL. */
static const struct dhcp_option *
find_option(struct inc_unit *unit, struct inc_kind *rows,
            struct inc_kind *names, const char *name)
{
    const struct inc_set *uuids = inc_read_set(unit, names,
                                               inc_key_string(name));

    return (inc_set_count(uuids)
            ? inc_read(unit, rows, inc_set_at(uuids, 0))
            : NULL);
}

const struct dhcp_option *
in_dhcp_option(struct inc_unit *unit, const char *name)
{
    return find_option(unit, in_kinds.dhcp_option,
                       in_kinds.dhcp_option_by_name, name);
}

const struct dhcp_option *
in_dhcpv6_option(struct inc_unit *unit, const char *name)
{
    return find_option(unit, in_kinds.dhcpv6_option,
                       in_kinds.dhcpv6_option_by_name, name);
}

/* Chassis_Template_Var, whose rows are called as the chassis are. */

static struct hmap template_vars_names
    = HMAP_INITIALIZER(&template_vars_names);

static const char *
template_vars_name(const struct ovsdb_idl_row *row)
{
    return CONTAINER_OF(row, struct sbrec_chassis_template_var,
                        header_)->chassis;
}

static void *
template_vars_create(const struct ovsdb_idl_row *row)
{
    return input_smap_clone(
        &CONTAINER_OF(row, struct sbrec_chassis_template_var,
                      header_)->variables);
}

static const struct ovsdb_idl_column *const template_vars_columns[] = {
    &sbrec_chassis_template_var_col_chassis,
    &sbrec_chassis_template_var_col_variables,
    NULL,
};
static const struct input_kind template_vars_kinds[] = {
    INPUT_SMAP(template_vars, "template-vars", INC_KEY_STRING),
};
const struct input_table template_vars_table = {
    INPUT_TABLE(chassis_template_var, template_vars),
    INPUT_NAMES(template_vars),
};
