/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_CT_ZONE_H
#define CONTROLLER_CT_ZONE_H 1

/* Conntrack zones
 * ===============
 *
 * One for each port that is local, one for each localnet port of a local
 * datapath, and two (NAME_dnat, NAME_snat) for each local datapath, where NAME
 * is its UUID.  They are kept across restarts in
 * Bridge.external_ids:ct-zone-NAME (ovn-controller(8)).
 *
 * A zone is handed out by the run() of the unit that wants it: the lowest
 * free number, or what Datapath_Binding.external_ids:snat-ct-zone asks for (0
 * is the host's zone).  It is flushed in the switch before it is written to
 * the database, so that a zone that is found there has been flushed; and
 * again, when it is returned, before it is deleted there.  Keys that somebody
 * else writes, or deletes, are put right.
 *
 * Zones that the database holds when we start stay reserved for their names
 * until ct_zone_prune() says that by now everybody has asked. */

#include "inc-proc-eng.h"
#include "openvswitch/uuid.h"

struct ovsdb_idl;
struct ovsdb_idl_txn;

void ct_zone_init(struct inc_engine *);
void ct_zone_destroy(void);
/* Adopts the zones of the integration bridge; before the first inc_run(). */
void ct_zone_restore(struct ovsdb_idl *ovs_idl, const char *br_int);

/* 0: none, or the host's. */
int ct_zone_of_port(struct inc_unit *, const char *lport);
int ct_zone_dnat(struct inc_unit *, const struct uuid *dp);
int ct_zone_snat(struct inc_unit *, const struct uuid *dp);

/* Between runs.  True if somebody must give up a zone that another has a
 * right to (snat-ct-zone), hence the engine must run again. */
bool ct_zone_settle(void);
/* The engine has run over a complete snapshot: zones that were adopted and
 * that nobody has asked for are free. */
void ct_zone_prune(void);

/* Asks the switch to flush what was handed out anew; before ofctrl_put(). */
void ct_zone_flush(void);
void ct_zone_commit(struct ovsdb_idl *ovs_idl, struct ovsdb_idl_txn *,
                    const char *br_int);
void ct_zone_register_commands(void); /* ct-zone-list */

struct module;
extern const struct module ct_zone_module;

#endif /* controller/ct-zone.h */
