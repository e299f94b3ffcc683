/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_MONITOR_H
#define CONTROLLER_MONITOR_H 1

/* Which rows of the southbound database we ask for
 * ================================================
 *
 * Unless ovn-monitor-all is set (ovn-controller(8)), only those that concern
 * this chassis: the Port_Bindings that are or might become ours, and what
 * belongs to the datapaths that are local.  Which ones those are follows from
 * Port_Bindings in turn, so what we ask for grows step by step with what we
 * know: from our interfaces to their ports, from those to their datapaths,
 * from those to all of their ports and flows.
 *
 * Tables without a condition are always complete: datapaths, chassis, load
 * balancers, sets, groups, meters. */

#include <stdbool.h>

struct ovsdb_idl;
struct uuid;

/* Has the server answered everything that was asked for about 'dp', which is
 * local?  Other conditions may still wait for an answer. */
bool monitor_has_datapath(const struct uuid *dp);

/* Asks for what belongs to 'chassis', which is not ours (any more), as for
 * what belongs to ours, instead of that of the chassis that was named before.
 * Returns true once it is there, otherwise wakes up the main loop for that. */
bool monitor_has_chassis(const struct ovsdb_idl *sb_idl,
                         const struct uuid *chassis);

struct module;
extern const struct module monitor_module;

#endif /* controller/monitor.h */
