/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LTABLES_H
#define CONTROLLER_LTABLES_H 1

/* The OpenFlow tables behind actions, filled from southbound tables: MAC
 * bindings and FDB (mac-bind.c), load-balancer hairpin (lb/hairpin.c), port
 * security (port-sec.c). */

struct module;
extern const struct module mac_bind_module; /* MAC_Binding, FDB, ... */
extern const struct module lb_hairpin_module;
extern const struct module lb_ct_flush_module;
extern const struct module port_sec_module;

#endif /* controller/ltables.h */
