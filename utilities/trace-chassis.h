/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRACE_CHASSIS_H
#define TRACE_CHASSIS_H 1

/* A chassis' own view
 * ===================
 *
 * With --chassis=NAME a trace knows where a packet is: a "struct
 * sbrec_chassis", which is NULL without the option.  Then every port is
 * resident, there are no templates, and packets do not travel. */

#include <stdbool.h>
#include "openvswitch/types.h"

struct ds;
struct ovsdb_idl;
struct sbrec_chassis;
struct trace_dp;
struct trace_port;

/* Adds the columns that are needed here. */
void trace_chassis_monitor(struct ovsdb_idl *);

const struct sbrec_chassis *trace_chassis_find(struct ovsdb_idl *,
                                               const char *name);
const char *trace_chassis_template_var(struct ovsdb_idl *,
                                       const struct sbrec_chassis *,
                                       const char *name);

/* Where 'port' is bound, or NULL. */
const struct sbrec_chassis *trace_port_chassis(const struct trace_port *);
bool trace_chassis_is_resident(const struct sbrec_chassis *,
                               const struct trace_port *);

/* How a packet on 'here' gets to 'port', which is on '*there' (NULL if it is
 * bound nowhere; may be so with TRACE_LOCALNET).  'from' is the port that it
 * comes from, or NULL if that does not matter. */
enum trace_way {
    TRACE_HERE,                 /* It is there already. */
    TRACE_TUNNEL,
    TRACE_LOCALNET,             /* Through '*localnet' of the same switch. */
    TRACE_BRIDGED,              /* Out of '*localnet', of the switch behind the
                                 * router's port. */
    TRACE_NOWHERE,              /* 'port' is bound to no chassis. */
};
enum trace_way trace_chassis_way(struct ovsdb_idl *,
                                 const struct sbrec_chassis *here,
                                 const struct trace_port *from,
                                 const struct trace_port *port,
                                 const struct sbrec_chassis **there,
                                 const struct trace_port **localnet);
/* Calls 'cb' with each chassis other than 'here' that has 'port'. */
void trace_chassis_for_each(struct ovsdb_idl *,
                            const struct sbrec_chassis *here,
                            const struct trace_port *port,
                            void (*cb)(const struct sbrec_chassis *there,
                                       void *aux),
                            void *aux);
/* Whether a physical network connects the chassis that have 'dp'. */
bool trace_dp_has_localnet(const struct trace_dp *dp);
/* Appends by which tunnel packets for a port get from 'here' to 'there', as in
 * "geneve tunnel to 192.168.0.2".  Returns false if there is none. */
bool trace_chassis_format_tunnel(struct ovsdb_idl *,
                                 const struct sbrec_chassis *here,
                                 const struct trace_port *,
                                 const struct sbrec_chassis *there,
                                 struct ds *);

/* Whether the physical network behind 'localnet' sees 'here' instead of the
 * distributed router whose address 'eth_src' is.  If so, the address that it
 * sees is stored in '*mac'. */
bool trace_chassis_hides_router(const struct sbrec_chassis *here,
                                const struct trace_port *localnet,
                                struct eth_addr eth_src,
                                struct eth_addr *mac);

#endif /* utilities/trace-chassis.h */
