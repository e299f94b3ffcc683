/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_INJECT_PKT_H
#define CONTROLLER_INJECT_PKT_H 1

/* inject-pkt MICROFLOW: composes the packet that the expression describes and
 * has the switch treat it as if it had come from the interface of its
 * "inport", which must be on this chassis. */

struct module;
extern const struct module inject_pkt_module;

#endif /* controller/inject-pkt.h */
