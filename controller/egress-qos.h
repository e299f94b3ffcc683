/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_EGRESS_QOS_H
#define CONTROLLER_EGRESS_QOS_H 1

/* Egress QoS: queues of physical devices.  See egress-qos.c. */

struct module;
extern const struct module egress_qos_module;

#endif /* controller/egress-qos.h */
