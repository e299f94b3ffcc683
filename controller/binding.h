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

#ifndef CONTROLLER_BINDING_H
#define CONTROLLER_BINDING_H 1

/* Where a port's locality is decided
 * ==================================
 *
 * One unit for each Port_Binding of interest reads the row, the interfaces
 * with its iface-id, its parent or virtual parent, requested-chassis and the
 * gateway chassis, and derives from them, as ovn-sb(5) and
 * ovn-architecture(7) say:
 *
 *   - (port-wish, lport): should this chassis claim, keep or release it?  The
 *     effect, a write to the southbound row, is binding_commit()'s.
 *   - (local-port, lport): it is bound here: this chassis has the interface
 *     and Port_Binding.chassis (or additional_chassis) is ours.
 *   - (resident, lport): what is_chassis_resident() answers.
 *   - (local-datapath-seed, dp): a local port pulls its datapath in.
 *   - (zone-wanted, name): local ports that need a conntrack zone.
 *
 * binding_commit() also reports "up" (southbound) and ovn-installed (the
 * interface) once ofctrl's fence has been reached. */

#include "inc-proc-eng.h"
#include "inputs.h"
#include "openvswitch/ofp-port.h"

struct ovsdb_idl;
struct ovsdb_idl_txn;

struct local_port {
    struct uuid uuid;           /* Of the Port_Binding. */
    struct uuid datapath;
    uint16_t tunnel_key;
    enum lport_type type;
    ofp_port_t ofport;          /* Of the interface (the parent's, for a
                                 * container); 0 if not known (virtual). */
    int tag;                    /* Of a container, else 0. */
    char *iface;                /* Name of the OVS interface. */
    char *parent;               /* Logical port of the parent, or NULL. */
};

void binding_init(struct inc_engine *);

const struct local_port *binding_local_port(struct inc_unit *,
                                            const char *lport);
bool binding_is_resident(struct inc_unit *, const char *lport);
/* Local ports (names) of datapath 'dp', VIFs and containers and the like. */
const struct inc_set *binding_local_ports(struct inc_unit *,
                                          const struct uuid *dp);
/* Datapaths (UUIDs) that a local port, or this chassis' role as a gateway,
 * makes local by itself. */
const struct inc_set *binding_seeds(struct inc_unit *);

/* Our own Chassis row's UUID, zero until it is there. */
struct uuid binding_our_chassis(struct inc_unit *);
void binding_set_our_chassis(const struct uuid *); /* Input, from main. */

extern struct inc_kind *binding_kind_local_port;
extern struct inc_kind *binding_kind_zone_wanted;

/* Effects.  Either transaction may be NULL if one is in flight; what is
 * pending stays so. */
void binding_commit(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *sb_txn,
                    struct ovsdb_idl *ovs_idl, struct ovsdb_idl_txn *ovs_txn);
/* Releases everything (graceful exit).  True when done. */
bool binding_cleanup(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *sb_txn);
void binding_wait(void);
void binding_register_commands(void); /* debug/dump-local-bindings */

#endif /* controller/binding.h */
