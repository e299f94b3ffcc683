/* SPDX-License-Identifier: Apache-2.0 */

/* Rows of the southbound database that services look for.
 *
 * The packet thread knows ports by their keys; the main thread, which writes
 * what it has found out, finds the rows. */

#include <config.h>

#include "idl-columns.h"
#include "ovn-sb-idl.h"
#include "ovsdb-idl.h"
#include "pinctrl/pinctrl-private.h"

static struct ovsdb_idl_index *datapath_by_key;
static struct ovsdb_idl_index *port_by_key;

void
pin_rows_register_sb(struct idl_columns *columns)
{
    idl_columns_add_index(columns, &datapath_by_key,
                          &sbrec_datapath_binding_col_tunnel_key, NULL);
    idl_columns_add_index(columns, &port_by_key,
                          &sbrec_port_binding_col_datapath,
                          &sbrec_port_binding_col_tunnel_key);
}

const struct sbrec_port_binding *
pin_find_port(uint32_t dp_key, uint32_t port_key)
{
    struct sbrec_datapath_binding *dp_target
        = sbrec_datapath_binding_index_init_row(datapath_by_key);
    sbrec_datapath_binding_index_set_tunnel_key(dp_target, dp_key);
    const struct sbrec_datapath_binding *dp
        = sbrec_datapath_binding_index_find(datapath_by_key, dp_target);
    sbrec_datapath_binding_index_destroy_row(dp_target);
    if (!dp) {
        return NULL;
    }

    struct sbrec_port_binding *target
        = sbrec_port_binding_index_init_row(port_by_key);
    sbrec_port_binding_index_set_datapath(target, dp);
    sbrec_port_binding_index_set_tunnel_key(target, port_key);
    const struct sbrec_port_binding *pb
        = sbrec_port_binding_index_find(port_by_key, target);
    sbrec_port_binding_index_destroy_row(target);
    return pb;
}
