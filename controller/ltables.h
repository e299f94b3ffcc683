/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LTABLES_H
#define CONTROLLER_LTABLES_H 1

/* The OpenFlow tables behind actions, filled from southbound tables: MAC
 * bindings (66, 67), load-balancer hairpin (68...70), FDB (71, 72), port
 * security (73...75).  One file each: mac-bind.c, lb/hairpin.c, port-sec.c. */

struct module;
extern const struct module mac_bind_module; /* MAC_Binding, FDB, ... */
extern const struct module lb_hairpin_module;
extern const struct module port_sec_module;

#endif /* controller/ltables.h */
