/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_BR_INT_H
#define CONTROLLER_BR_INT_H 1

/* The integration bridge: created if it is missing, with what
 * ovn-architecture(7) suggests for it, and kept in the state that OVN relies
 * on: fail-mode "secure", the datapath type that was configured. */

#include <stdbool.h>

struct ovsrec_open_vswitch;

/* Whether 'bridge' may have been our integration bridge before 'br_int' is, in
 * our time or before: it is not the one of another controller of the switch.
 * What carries our marks there is left over then. */
bool br_int_may_have_been(const struct ovsrec_open_vswitch *,
                          const char *chassis_name, const char *br_int,
                          const char *bridge);

struct module;
extern const struct module br_int_module;

#endif /* controller/br-int.h */
