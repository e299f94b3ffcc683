/* SPDX-License-Identifier: Apache-2.0 */

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
 *   - (desired-binding, lport): should this chassis claim, keep or release it?
 *     The effect, a write to the southbound row, is binding-commit.c's.
 *   - (local-port, lport): it is bound here: this chassis has the interface
 *     and Port_Binding.chassis (or additional_chassis) is ours, or no other
 *     chassis' as far as is known.
 *   - (resident, lport): what is_chassis_resident() answers.
 *   - (root-datapath, dp): a local port pulls its datapath in.
 *   - (datapath-links, dp): the datapaths that one gets to from 'dp' through
 *     a patch port.
 *   - (zone-wanted, lport): ports that need a conntrack zone.
 *
 * A unit decides from the rows as they are; it makes no change itself.  Thus
 * a claim that loses a race, or a transaction that fails, needs no code of
 * its own: the desired value stands, and the row is compared with it whenever
 * either changes (desired-rows.h).
 *
 * When a port's flows are in the switch, is if-status.h's to know. */

#include "inc-proc-eng.h"
#include "inputs.h"
#include "openvswitch/ofp-port.h"

struct sbrec_chassis;
struct sbrec_port_binding;

struct local_port {
    struct uuid uuid;           /* Of the Port_Binding. */
    struct uuid iface_uuid;     /* Of the OVS interface; zero if none. */
    struct uuid datapath;
    uint16_t tunnel_key;
    enum lport_type type;
    ofp_port_t ofport;          /* Of the interface (the parent's, for a
                                 * container); 0 if not known (virtual). */
    int tag;                    /* Of a container, else 0. */
    bool additional;            /* Bound here as additional_chassis only. */
    char *iface;                /* Name of the OVS interface, or NULL. */
    char *parent;               /* Logical port of the parent, or NULL. */
};

/* A port that needs a conntrack zone. */
struct zone_request {
    struct uuid datapath;
    bool only_if_local;         /* Only while 'datapath' is local. */
};

const struct local_port *binding_local_port(struct inc_unit *,
                                            const char *lport);
bool binding_is_resident(struct inc_unit *, const char *lport);
/* Whether this chassis is a gateway of it, the active one or one that waits.
 * Only for chassisredirect and external ports. */
bool binding_is_gateway(struct inc_unit *, const char *lport);
/* Whether it is a gateway port that is resident for a moment only, as another
 * chassis takes it over. */
bool binding_hands_over(struct inc_unit *, const char *lport);
/* Whether the primary binding of 'lport' is on this chassis: an additional
 * one, as there is during live migration, does not count. */
bool binding_is_here(struct inc_unit *, const char *lport);
/* Whether it is on any chassis. */
bool binding_is_bound(struct inc_unit *, const char *lport);
/* Datapaths (UUIDs) that a local port, or this chassis' role as a gateway,
 * makes local by itself. */
const struct inc_set *binding_roots(struct inc_unit *);
/* Datapaths (UUIDs) behind the patch ports of 'dp' that a local datapath
 * pulls in. */
const struct inc_set *binding_links(struct inc_unit *, const struct uuid *dp);
/* The same for switches that router 'dp' enters on this chassis only if it
 * serves a load balancer here. */
const struct inc_set *binding_served_vip_links(struct inc_unit *,
                                            const struct uuid *dp);
/* The chassisredirect ports (names) of 'dp'. */
const struct inc_set *binding_gateway_ports(struct inc_unit *,
                                            const struct uuid *dp);
/* The ports (names) of 'dp' that are connected to a port of another datapath:
 * patch and l3gateway ports. */
const struct inc_set *binding_peer_ports(struct inc_unit *,
                                         const struct uuid *dp);
/* The localnet ports (names) of 'dp'. */
const struct inc_set *binding_localnet_ports(struct inc_unit *,
                                             const struct uuid *dp);
/* Has 'dp' a port of a VTEP gateway? */
bool binding_has_vtep_port(struct inc_unit *, const struct uuid *dp);

/* What is_chassis_resident() answers, asked from outside of units. */
bool binding_peek_resident(const char *lport);
/* What binding_is_gateway() says, asked from outside of units. */
bool binding_peek_gateway(const char *lport);

extern struct inc_kind *binding_kind_local_port;
extern struct inc_kind *binding_kind_zone_wanted;

/* Whether the flows of the port with this row are in the switch has changed:
 * "up" follows. */
void binding_doubt(const struct uuid *port_binding);

/* Whether the row names 'chassis' as an additional one. */
bool binding_row_has_additional(const struct sbrec_port_binding *,
                                const struct sbrec_chassis *chassis);

/* Between binding.c and binding-commit.c. */
enum binding_want {
    BINDING_RELEASE,            /* Neither "chassis" nor an additional one. */
    BINDING_PRIMARY,            /* Port_Binding.chassis. */
    BINDING_ADDITIONAL,         /* Port_Binding.additional_chassis. */
};
/* What the row of a port should say, as far as it is ours.  There for each
 * port that we want or, as its row says, have. */
struct binding_desired {
    struct uuid uuid;           /* Of the Port_Binding. */
    enum binding_want want;
    struct uuid encap;          /* What "encap", or our "additional_encap",
                                 * should be; zero for empty. */
    struct uuid us;             /* Our Chassis row. */
    bool has_iface;             /* "up" awaits the interface's flows. */
    bool elected;               /* Ours because we are the gateway that is
                                 * alive, as our switch says. */
    bool hands_over;            /* Not any more: it is not to be taken from
                                 * another chassis. */
};
extern struct inc_kind *binding_kind_desired;

struct module;
extern const struct module binding_module, binding_commit_module;

#endif /* controller/binding.h */
