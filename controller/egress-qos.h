/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_EGRESS_QOS_H
#define CONTROLLER_EGRESS_QOS_H 1

/* Egress QoS: queues of physical devices.  See egress-qos.c. */

struct inc_engine;
struct ovsdb_idl;
struct ovsdb_idl_txn;

void egress_qos_init(struct inc_engine *);
void egress_qos_destroy(void);

/* Makes devices have the queues that they should have, and Port rows say that
 * ovs-vswitchd is to leave these devices alone.  'txn' may be NULL while a
 * transaction is in flight. */
void egress_qos_commit(struct ovsdb_idl *ovs_idl, struct ovsdb_idl_txn *txn);
/* Wakes up when something that has failed is to be tried again. */
void egress_qos_wait(void);

struct module;
extern const struct module egress_qos_module;

#endif /* controller/egress-qos.h */
