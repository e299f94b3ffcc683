/* SPDX-License-Identifier: Apache-2.0 */

/* See idl-columns.h. */

#include <config.h>

#include "idl-columns.h"

#include "hash.h"
#include "ovsdb-idl.h"
#include "util.h"

struct column_use {
    struct hmap_node hmap_node; /* In 'uses', by 'column'. */
    const struct ovsdb_idl_column *column;
    enum idl_use use;
};

/* The IDL wants to know all columns of an index before it creates it. */
struct index_request {
    struct ovs_list list_node;  /* In 'indexes'. */
    struct ovsdb_idl_index **indexp;
    const struct ovsdb_idl_column *a, *b;
};

void
idl_columns_init(struct idl_columns *columns, struct ovsdb_idl *idl)
{
    columns->idl = idl;
    hmap_init(&columns->uses);
    ovs_list_init(&columns->indexes);
}

void
idl_columns_destroy(struct idl_columns *columns)
{
    struct index_request *request;
    struct column_use *cu;

    HMAP_FOR_EACH_POP (cu, hmap_node, &columns->uses) {
        free(cu);
    }
    hmap_destroy(&columns->uses);
    LIST_FOR_EACH_POP (request, list_node, &columns->indexes) {
        free(request);
    }
}

void
idl_columns_add(struct idl_columns *columns,
                const struct ovsdb_idl_column *column, enum idl_use use)
{
    const uint32_t hash = hash_pointer(column, 0);
    struct column_use *cu;

    HMAP_FOR_EACH_WITH_HASH (cu, hmap_node, hash, &columns->uses) {
        if (cu->column == column) {
            cu->use |= use;
            return;
        }
    }
    cu = xmalloc(sizeof *cu);
    cu->column = column;
    cu->use = use;
    hmap_insert(&columns->uses, &cu->hmap_node, hash);
}

void
idl_columns_add_all(struct idl_columns *columns,
                    const struct ovsdb_idl_column *const array[], size_t n,
                    enum idl_use use)
{
    for (size_t i = 0; i < n; i++) {
        idl_columns_add(columns, array[i], use);
    }
}

void
idl_columns_add_index(struct idl_columns *columns,
                      struct ovsdb_idl_index **indexp,
                      const struct ovsdb_idl_column *a,
                      const struct ovsdb_idl_column *b)
{
    struct index_request *request = xmalloc(sizeof *request);

    *request = (struct index_request) { .indexp = indexp, .a = a, .b = b };
    ovs_list_push_back(&columns->indexes, &request->list_node);
    idl_columns_add(columns, a, IDL_READ);
    if (b) {
        idl_columns_add(columns, b, IDL_READ);
    }
}

void
idl_columns_apply(const struct idl_columns *columns)
{
    const struct index_request *request;
    const struct column_use *cu;

    HMAP_FOR_EACH (cu, hmap_node, &columns->uses) {
        ovsdb_idl_add_column(columns->idl, cu->column);
        if (cu->use == IDL_TRACK) {
            ovsdb_idl_track_add_column(columns->idl, cu->column);
        } else if (cu->use == IDL_WRITE) {
            ovsdb_idl_omit_alert(columns->idl, cu->column);
        }
    }
    LIST_FOR_EACH (request, list_node, &columns->indexes) {
        *request->indexp
            = (request->b
               ? ovsdb_idl_index_create2(columns->idl, request->a, request->b)
               : ovsdb_idl_index_create1(columns->idl, request->a));
    }
}
