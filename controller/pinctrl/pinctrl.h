/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_PINCTRL_H
#define CONTROLLER_PINCTRL_H 1

/* Packet-ins
 * ==========
 *
 * Some logical actions are executed by the controller: the switch hands it
 * the packet, and with it, in the "userdata", what to do (an opcode of
 * include/ovn/action-opcodes.def and its arguments).
 *
 * This module has an OpenFlow connection of its own to the integration
 * bridge, so that packets neither wait for flow updates nor delay them.  Its
 * files have one family of opcodes each:
 *
 *     neighbor.c     ARP requests, neighbor solicitation and advertisement
 *     learn.c        rows of MAC_Binding and FDB
 *     error.c        ICMP errors, TCP resets, SCTP aborts
 *     acl-log.c      logging of ACLs
 *     activation.c   ports that are being migrated to this chassis
 *     vport.c        virtual ports, whose address a parent has announced
 *     event.c        events for the CMS, rows of Controller_Event
 *
 * Everything in a packet-in is controlled by whoever sent the packet: a
 * handler checks lengths first, and what it keeps is bounded.
 *
 * Thread-safety: main thread only. */

struct module;
extern const struct module pinctrl_module;

#endif /* controller/pinctrl/pinctrl.h */
