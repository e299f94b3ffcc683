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
 * until the engine has run over a complete snapshot: by then everybody has
 * asked. */

#include <stdbool.h>
#include <stdint.h>

#include "inc-proc-eng.h"
#include "openvswitch/uuid.h"

/* 0: none, or the host's. */
int ct_zone_of_port(struct inc_unit *, const char *lport);
int ct_zone_dnat(struct inc_unit *, const struct uuid *dp);
int ct_zone_snat(struct inc_unit *, const struct uuid *dp);
/* Whether anybody has the zone. */
bool ct_zone_is_ours(int64_t number);

/* Of what has zones: (ct-zone, logical port), (datapath-ct-zones, UUID). */
extern struct inc_kind *ct_zone_kind_of_port;
extern struct inc_kind *ct_zone_kind_of_datapath;

struct module;
extern const struct module ct_zone_module;

#endif /* controller/ct-zone.h */
