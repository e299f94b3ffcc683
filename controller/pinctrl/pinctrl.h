/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_PINCTRL_H
#define CONTROLLER_PINCTRL_H 1

/* Packet-ins
 * ==========
 *
 * Some logical actions are executed by the controller: the switch hands it
 * the packet, and with it, in the "userdata", what to do (an opcode of
 * include/ovn/action-opcodes.def and its arguments).  And some packets the
 * controller sends by itself.
 *
 * Both is done by services, on a thread of their own, so that packets never
 * wait for flows.  service.h says what a service is, and services.def which
 * there are.
 *
 * Thread-safety: this module belongs to the main thread, and so does all of
 * it that other modules see. */

struct module;
extern const struct module pinctrl_module;

#endif /* controller/pinctrl/pinctrl.h */
