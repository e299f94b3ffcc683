/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_CHASSIS_H
#define CONTROLLER_CHASSIS_H 1

/* This chassis' rows in the southbound database: Chassis, Chassis_Private and
 * Encap, from the configuration that ovn-controller(8) documents. */

struct ovsdb_idl;
struct sbrec_chassis_private;

/* The Chassis_Private row of the chassis that is called 'name', or NULL. */
const struct sbrec_chassis_private *chassis_private_find(
    struct ovsdb_idl *sb_idl, const char *name);

struct module;
extern const struct module chassis_module;

#endif /* controller/chassis.h */
