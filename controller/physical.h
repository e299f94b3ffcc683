/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_PHYSICAL_H
#define CONTROLLER_PHYSICAL_H 1

/* Ports, tunnels and multicast groups -> the OpenFlow flows of the tables
 * around the logical pipelines (ovn-architecture(7)). */

struct module;
extern const struct module physical_module;

#endif /* controller/physical.h */
