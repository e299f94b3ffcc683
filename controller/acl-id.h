/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_ACL_ID_H
#define CONTROLLER_ACL_ID_H 1

/* Connections that an ACL has allowed for good
 * ============================================
 *
 * What an ACL with options:persist-established=true (ovn-nb(5)) has allowed
 * stays allowed, whatever the ACL's match becomes: such a connection has
 * ct_mark.allow_established, and the ACL's number, from ACL_ID, in ct_label.
 * That ends when the ACL goes, or does not want it any more.  Then its row of
 * ACL_ID is gone, and conntrack forgets the connections, once the ACL's flows
 * are gone.
 *
 * ovn-northd has such ACLs, and ACL_ID, only where all chassis say that they
 * do this (Chassis.other_config: ct-label-flush), which depends on the switch.
 * What changes while the controller does not run is not flushed. */

struct module;
extern const struct module acl_id_module;

#endif /* controller/acl-id.h */
