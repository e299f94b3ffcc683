/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_IF_STATUS_H
#define CONTROLLER_IF_STATUS_H 1

/* Which ports have their flows in the switch
 * ==========================================
 *
 * Port_Binding.up and Interface.external_ids:ovn-installed tell the world that
 * the switch has every flow of a port.  A port that has become local waits for
 * a fence that is taken when the engine has run over a complete snapshot,
 * which is after its flows were computed.  When ofctrl has reached the fence,
 * the port is installed, and both should say so from then on.
 *
 * "ovn-installed" is a desired value (desired-rows.h) of the interface: there
 * from then on, taken away from an interface that is no port's any more, and
 * left alone in between, as after a restart of the controller.  "up" is
 * binding-commit.c's. */

#include <stdbool.h>

struct uuid;

/* Finds out which fences have been reached, and calls 'installed' for each
 * Port_Binding whose flows are in the switch now. */
void if_status_run(void (*installed)(const struct uuid *port_binding));

/* Whether "up" is to be true for 'lport', if that is ours. */
bool if_status_is_installed(const char *lport);

struct module;
extern const struct module if_status_module;

#endif /* controller/if-status.h */
