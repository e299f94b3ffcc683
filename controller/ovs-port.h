/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_OVS_PORT_H
#define CONTROLLER_OVS_PORT_H 1

/* Ports of the local switch that this controller itself creates (tunnels,
 * patch ports), as rows of the Open vSwitch database.
 *
 * Each has one Interface of its own name, and one key in Port.external_ids
 * that marks it as ours: whoever manages a sort of ports recognizes them, also
 * after a restart, by that key. */

#include <stdbool.h>
#include "smap.h"

struct ovsdb_idl;
struct ovsdb_idl_txn;
struct ovsrec_bridge;
struct ovsrec_port;
struct sset;

/* What a port should be.  Nothing in it is owned. */
struct ovs_port_spec {
    const char *name;
    const char *type;           /* Of the interface: "geneve", "patch", ... */
    const struct smap *options; /* Of the interface. */
    const struct smap *bfd;     /* Of the interface; NULL: not ours to say. */
    const char *mark;           /* Key in Port.external_ids... */
    const char *mark_value;     /* ...and its value. */
    const char *type_mark;      /* Key there that has 'type', or NULL. */
};

/* The bridge called 'name', or NULL. */
const struct ovsrec_bridge *ovs_bridge_find(struct ovsdb_idl *,
                                            const char *name);
/* The type of the bridge's datapath, which an empty column means, too. */
const char *ovs_bridge_datapath_type(const struct ovsrec_bridge *);

/* The port of 'bridge' that is called 'name', or NULL. */
const struct ovsrec_port *ovs_port_find(const struct ovsrec_bridge *,
                                        const char *name);
/* Adds the names that 'port' and its interfaces take to 'names'. */
void ovs_port_add_names(const struct ovsrec_port *port, struct sset *names);

void ovs_port_insert(struct ovsdb_idl_txn *, const struct ovsrec_bridge *,
                     const struct ovs_port_spec *);
/* Makes an existing port be as 'spec' says, except for its name.  Returns
 * true if it was different. */
bool ovs_port_update(const struct ovsrec_port *, const struct ovs_port_spec *);
void ovs_port_delete(const struct ovsrec_bridge *, const struct ovsrec_port *);

#endif /* controller/ovs-port.h */
