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

#include <stdlib.h>

#include "ovn-sb-idl.h"
#include "util.h"
#include "uuid.h"

/* What logical flows mention by name as cells: Address_Set, Port_Group, Meter,
 * DHCP_Options, DHCPv6_Options, Chassis_Template_Var.  See inputs-sb.c. */

/* Address_Set and Port_Group: named sets of strings. */

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

/* The functions and the table of a southbound table TABLE whose rows are such
 * sets, of MEMBERS. */
#define STRING_SET_TABLE(TABLE, KIND_NAME, MEMBERS)                     \
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
    };                                                                  \
    static const struct input_kind TABLE##_kinds[] = {                  \
        INPUT_RECORD(TABLE, KIND_NAME, INC_KEY_STRING, string_set),     \
    };                                                                  \
    const struct input_table TABLE##_table = {                          \
        INPUT_TABLE(TABLE, TABLE),                                      \
        INPUT_NAMES(TABLE),                                             \
    }

STRING_SET_TABLE(address_set, "address-set", addresses);
STRING_SET_TABLE(port_group, "port-group", ports);

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
    INPUT_RECORD(template_vars, "template-vars", INC_KEY_STRING, input_smap),
};
const struct input_table template_vars_table = {
    INPUT_TABLE(chassis_template_var, template_vars),
    INPUT_NAMES(template_vars),
};
