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

/* What logical flows mention by name as cells: Address_Set, Port_Group,
 * Meter.  See inputs-sb.c. */
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

/* Makes 'strings' the value of the cell, in 'kind', of the row that is called
 * 'name'. */
static void
string_set_put(struct inc_kind *kind, struct hmap *names,
               const struct uuid *uuid, const char *name,
               char **strings, size_t n)
{
    input_remember_name(names, uuid, name);
    inc_set(kind, inc_key_string(name), string_set_create(strings, n));
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
    static void                                                         \
    TABLE##_upsert(const struct ovsdb_idl_row *row_)                    \
    {                                                                   \
        const struct sbrec_##TABLE *row                                 \
            = CONTAINER_OF(row_, struct sbrec_##TABLE, header_);        \
                                                                        \
        string_set_put(in_kinds.TABLE, &TABLE##_names, &row_->uuid,     \
                       row->name, row->MEMBERS, row->n_##MEMBERS);      \
    }                                                                   \
                                                                        \
    static void                                                         \
    TABLE##_remove(const struct uuid *uuid)                             \
    {                                                                   \
        input_remove_named(in_kinds.TABLE, &TABLE##_names, uuid);       \
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
    const struct input_table TABLE##_table                              \
        = INPUT_BY_NAME(TABLE, TABLE, NULL)

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

static void
meter_upsert(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_meter *row = CONTAINER_OF(row_, struct sbrec_meter,
                                                 header_);
    struct meter *meter = xzalloc(sizeof *meter);

    input_remember_name(&meter_names, &row_->uuid, row->name);
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
    inc_set(in_kinds.meter, inc_key_string(row->name), meter);
}

static void
meter_remove(const struct uuid *uuid)
{
    input_remove_named(in_kinds.meter, &meter_names, uuid);
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
const struct input_table meter_table
    = INPUT_BY_NAME(meter, meter, &input_refs_matter);
