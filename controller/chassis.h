/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_CHASSIS_H
#define CONTROLLER_CHASSIS_H 1

/* This chassis' rows in the southbound database: Chassis, Chassis_Private and
 * Encap, from the configuration that ovn-controller(8) documents. */

#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/uuid.h"

struct ovsdb_idl;
struct ovsdb_idl_txn;
struct sbrec_chassis_private;

/* Brings the rows up to date with the configuration.  'sb_txn' may be NULL,
 * then it only looks.  Returns true and sets '*uuid' if our Chassis row is
 * there (committed). */
bool chassis_run(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *sb_txn,
                 struct ovsdb_idl *ovs_idl, const char *chassis_name,
                 const char *br_int, struct uuid *uuid);
/* Removes them; true when there are none. */
bool chassis_cleanup(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *sb_txn,
                     const char *chassis_name);

/* The Chassis_Private row of the chassis that is called 'name', or NULL. */
const struct sbrec_chassis_private *chassis_private_find(
    struct ovsdb_idl *sb_idl, const char *name);

struct module;
extern const struct module chassis_module;

#endif /* controller/chassis.h */
