/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_EVPN_SHOW_H
#define CONTROLLER_EVPN_SHOW_H 1

/* ovs-appctl commands about EVPN: see evpn-show.c. */

struct module;
extern const struct module evpn_show_module;

#endif /* controller/evpn-show.h */
