/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_PATCH_H
#define CONTROLLER_PATCH_H 1

/* Patch ports between the integration bridge and the bridges of
 * ovn-bridge-mappings, for localnet and l2gateway ports (ovn-controller(8)).
 *
 * There is nothing to clean up on exit: the ports stay, as do the flows. */

#include "inc-proc-eng.h"
#include "openvswitch/ofp-port.h"

struct ds;
struct uuid;

/* The OpenFlow port in the integration bridge that implements logical port
 * 'lport' (localnet, l2gateway), 0 if there is none. */
ofp_port_t patch_ofport(struct inc_unit *, const char *lport);
/* Appends to 'ds' the names, and VLANs, of the localnet ports by which switch
 * 'dp' is connected to physical networks here.  Returns whether there are any.
 */
bool patch_format_localnets(struct inc_unit *, const struct uuid *dp,
                            struct ds *);
/* Whether a localnet port of a local datapath connects to the bridge called
 * 'bridge'. */
bool patch_is_localnet_bridge(struct inc_unit *, const char *bridge);

struct module;
extern const struct module patch_module;

#endif /* controller/patch.h */
