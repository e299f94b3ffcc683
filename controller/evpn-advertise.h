/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_EVPN_ADVERTISE_H
#define CONTROLLER_EVPN_ADVERTISE_H 1

/* What of a logical switch the host's routing daemon is to announce: see
 * evpn-advertise.c. */

struct module;
extern const struct module evpn_advertise_module;

#endif /* controller/evpn-advertise.h */
