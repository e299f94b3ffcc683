/* SPDX-License-Identifier: Apache-2.0 */

/* Mirrors, as cells.  See inputs-sb.c. */

#include <config.h>

#include "inputs-private.h"

#include <stdlib.h>
#include <string.h>

#include "ovn-sb-idl.h"
#include "util.h"

static void *
mirror_row_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_mirror *row = CONTAINER_OF(row_, struct sbrec_mirror,
                                                  header_);
    struct mirror_row *mirror = xmalloc(sizeof *mirror);

    *mirror = (struct mirror_row) {
        .name = xstrdup(row->name),
        .type = xstrdup(row->type),
        .filter = xstrdup(row->filter),
        .sink = xstrdup(row->sink),
        .index = row->index,
    };
    return mirror;
}

static void
mirror_row_destroy(void *mirror_)
{
    struct mirror_row *mirror = mirror_;

    free(mirror->name);
    free(mirror->type);
    free(mirror->filter);
    free(mirror->sink);
    free(mirror);
}

static bool
mirror_row_equal(const void *a_, const void *b_)
{
    const struct mirror_row *a = a_;
    const struct mirror_row *b = b_;

    return (!strcmp(a->name, b->name)
            && !strcmp(a->type, b->type)
            && !strcmp(a->filter, b->filter)
            && !strcmp(a->sink, b->sink)
            && a->index == b->index);
}

static const struct ovsdb_idl_column *const mirror_row_columns[] = {
    &sbrec_mirror_col_name,
    &sbrec_mirror_col_type,
    &sbrec_mirror_col_filter,
    &sbrec_mirror_col_sink,
    &sbrec_mirror_col_index,
    NULL,
};
static const struct input_kind mirror_row_kinds[] = {
    INPUT_RECORD(mirror_row, "mirror", INC_KEY_UUID, mirror_row),
};
const struct input_table mirror_table = {
    INPUT_TABLE(mirror, mirror_row),
};
