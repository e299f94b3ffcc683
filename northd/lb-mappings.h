/* SPDX-License-Identifier: Apache-2.0 */

#ifndef NORTHD_LB_MAPPINGS_H
#define NORTHD_LB_MAPPINGS_H 1

/* ip_port_mappings that are not there
 * ===================================
 *
 * From 26.03 on, ovn-northd knows options:distributed itself, and asks
 * ip_port_mappings which logical port each backend is.  Of a load balancer
 * that does not say it, it writes that packets for the VIP are dropped.
 * Chassis do not need the mappings, since they find a backend's port by its
 * address.  So here the same is done for ovn-northd: what a mapping should say
 * is taken from the addresses of logical switch ports.
 *
 * A mapping that somebody else has made is left alone.  Which are ours, the
 * load balancer's external_ids say, so that they follow addresses that move,
 * and go when they are not needed any more.
 *
 * Thread-safety: none. */

#include <stdbool.h>

struct ovsdb_idl;

/* Registers the columns of the northbound database that are needed. */
void lb_mappings_register(struct ovsdb_idl *nb_idl);

/* Whether something has changed since the last call of lb_mappings_update(),
 * to be called once after each ovsdb_idl_run(), before its tracking is
 * cleared. */
bool lb_mappings_changed(struct ovsdb_idl *nb_idl);

/* Adds to the open northbound transaction what is missing, or, if not
 * 'needed', takes back what has been added. */
void lb_mappings_update(struct ovsdb_idl *nb_idl, bool needed);

#endif /* northd/lb-mappings.h */
