/* SPDX-License-Identifier: Apache-2.0 */

/* Rows for the ports that this controller creates in the local switch.
 *
 * Bridges are changed by adding or removing one member of their "ports", not
 * by writing the whole column, so that a port that somebody else adds at the
 * same time is not lost. */

#include <config.h>

#include "ovs-port.h"

#include <string.h>

#include "sset.h"
#include "vswitch-idl.h"

const struct ovsrec_bridge *
ovs_bridge_find(struct ovsdb_idl *ovs_idl, const char *name)
{
    const struct ovsrec_bridge *bridge;

    OVSREC_BRIDGE_FOR_EACH (bridge, ovs_idl) {
        if (!strcmp(bridge->name, name)) {
            return bridge;
        }
    }
    return NULL;
}

const char *
ovs_bridge_datapath_type(const struct ovsrec_bridge *bridge)
{
    return bridge->datapath_type[0] ? bridge->datapath_type : "system";
}

const struct ovsrec_port *
ovs_port_find(const struct ovsrec_bridge *bridge, const char *name)
{
    for (size_t i = 0; i < bridge->n_ports; i++) {
        if (!strcmp(bridge->ports[i]->name, name)) {
            return bridge->ports[i];
        }
    }
    return NULL;
}

void
ovs_port_add_names(const struct ovsrec_port *port, struct sset *names)
{
    sset_add(names, port->name);
    for (size_t i = 0; i < port->n_interfaces; i++) {
        sset_add(names, port->interfaces[i]->name);
    }
}

void
ovs_port_insert(struct ovsdb_idl_txn *txn, const struct ovsrec_bridge *bridge,
                const struct ovs_port_spec *spec)
{
    struct ovsrec_interface *iface = ovsrec_interface_insert(txn);
    ovsrec_interface_set_name(iface, spec->name);
    ovsrec_interface_set_type(iface, spec->type);
    ovsrec_interface_set_options(iface, spec->options);
    if (spec->bfd) {
        ovsrec_interface_set_bfd(iface, spec->bfd);
    }

    struct ovsrec_port *port = ovsrec_port_insert(txn);
    struct smap external_ids = SMAP_INITIALIZER(&external_ids);

    smap_add(&external_ids, spec->mark, spec->mark_value);
    if (spec->type_mark) {
        smap_add(&external_ids, spec->type_mark, spec->type);
    }
    ovsrec_port_set_name(port, spec->name);
    ovsrec_port_set_interfaces(port, &iface, 1);
    ovsrec_port_set_external_ids(port, &external_ids);
    smap_destroy(&external_ids);

    ovsrec_bridge_update_ports_addvalue(bridge, port);
}

/* Has 'port' marked; true if it was not. */
static bool
update_mark(const struct ovsrec_port *port, const char *key,
            const char *value)
{
    const char *old = smap_get(&port->external_ids, key);

    if (old && !strcmp(old, value)) {
        return false;
    }
    ovsrec_port_update_external_ids_setkey(port, key, value);
    return true;
}

bool
ovs_port_update(const struct ovsrec_port *port,
                const struct ovs_port_spec *spec)
{
    bool changed = update_mark(port, spec->mark, spec->mark_value);

    if (spec->type_mark) {
        changed |= update_mark(port, spec->type_mark, spec->type);
    }
    for (size_t i = 0; i < port->n_interfaces; i++) {
        const struct ovsrec_interface *iface = port->interfaces[i];

        if (strcmp(iface->type, spec->type)) {
            ovsrec_interface_set_type(iface, spec->type);
            changed = true;
        }
        if (!smap_equal(&iface->options, spec->options)) {
            ovsrec_interface_set_options(iface, spec->options);
            changed = true;
        }
        if (spec->bfd && !smap_equal(&iface->bfd, spec->bfd)) {
            ovsrec_interface_set_bfd(iface, spec->bfd);
            changed = true;
        }
    }
    return changed;
}

void
ovs_port_delete(const struct ovsrec_bridge *bridge,
                const struct ovsrec_port *port)
{
    ovsrec_bridge_update_ports_delvalue(bridge, port);
}
