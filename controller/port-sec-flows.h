/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_PORT_SEC_FLOWS_H
#define CONTROLLER_PORT_SEC_FLOWS_H 1

/* Port security (lib/port-sec.h) as OpenFlow flows; see port-sec-flows.c. */

struct module;
extern const struct module port_sec_module;

#endif /* controller/port-sec-flows.h */
