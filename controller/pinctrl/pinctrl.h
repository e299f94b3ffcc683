/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */


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
