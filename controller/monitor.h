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

/* Before 'sb_idl' connects for the first time, and after inputs_init() and
 * local_datapath_init(). */
void monitor_init(struct ovsdb_idl *sb_idl);

/* Asks for what has turned out to be of interest, after the engine has run.
 * 'our_chassis' is zero until our Chassis row is there. */
void monitor_run(struct ovsdb_idl *sb_idl, const struct uuid *our_chassis);

/* Has the server answered everything that was asked for, so that the rows in
 * 'sb_idl' are complete?  To be asked after monitor_run(), when no change that
 * inputs_run() has seen waits for the engine. */
bool monitor_settled(const struct ovsdb_idl *sb_idl);

/* The same for what belongs to 'dp', which is local: other conditions may
 * still wait for an answer. */
bool monitor_has_datapath(const struct uuid *dp);

struct module;
extern const struct module monitor_module;

#endif /* controller/monitor.h */
