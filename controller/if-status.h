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


#ifndef CONTROLLER_IF_STATUS_H
#define CONTROLLER_IF_STATUS_H 1

/* Port_Binding.up and Interface.external_ids:ovn-installed
 * ========================================================
 *
 * Both tell the world that the switch has every flow of a port.  A port that
 * has become local waits for a fence that is taken when the engine has run
 * over a complete snapshot, which is after its flows were computed; when
 * ofctrl has reached the fence, both are written, until the rows say so.
 *
 * Nothing is written for a port whose rows say so already, as after a restart
 * of the controller. */

#include "inc-proc-eng.h"

struct ovsdb_idl;
struct ovsdb_idl_txn;

void if_status_init(void);      /* After binding_init(). */
void if_status_destroy(void);

/* The flows of all ports that are local now are in the flow table: takes a
 * fence for those that wait for one. */
void if_status_fence(void);

/* Either transaction may be NULL while one is in flight. */
void if_status_commit(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *sb_txn,
                      struct ovsdb_idl *ovs_idl,
                      struct ovsdb_idl_txn *ovs_txn);

struct module;
extern const struct module if_status_module;

#endif /* controller/if-status.h */
