/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_NB_CFG_H
#define CONTROLLER_NB_CFG_H 1

/* How far we are
 * ==============
 *
 * Reports that the switch is as SB_Global.nb_cfg stands for, for "ovn-nbctl
 * --wait=hv": in Chassis_Private.nb_cfg and nb_cfg_timestamp, and locally in
 * Bridge.external_ids:ovn-nb-cfg and ovn-nb-cfg-ts.  A value of nb_cfg is
 * reported when ofctrl has reached a fence that was taken after the engine had
 * run over a complete snapshot with that value.
 *
 * Also writes Bridge.external_ids:ovn-startup-ts. */

#include <stdint.h>

struct ovsdb_idl;
struct ovsdb_idl_txn;
struct ovsrec_bridge;

/* The southbound snapshot is complete and its consequences are in the flow
 * table: takes a fence if nb_cfg has changed. */
void nb_cfg_fence(struct ovsdb_idl *sb_idl);

/* Either transaction may be NULL while one is in flight.  'br_int' may be
 * NULL. */
void nb_cfg_commit(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *sb_txn,
                   struct ovsdb_idl_txn *ovs_txn, const char *chassis_name,
                   const struct ovsrec_bridge *br_int);
void nb_cfg_wait(void);

void nb_cfg_register_commands(void); /* debug/delay-nb-cfg-report */

struct module;
extern const struct module nb_cfg_module;

#endif /* controller/nb-cfg.h */
