/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_ENCAPS_H
#define CONTROLLER_ENCAPS_H 1

/* Tunnels to other chassis, as they should be
 * ===========================================
 *
 * One unit for each Chassis row decides which tunnels there should be towards
 * it, and the main loop gives the integration bridge the ports for them.
 * Which tunnels there are is in tunnel.h. */

#include <stdbool.h>

#include "encap.h"
#include "inc-proc-eng.h"
#include "openvswitch/uuid.h"
#include "smap.h"

/* The key in Port.external_ids that marks a tunnel's port: its value is
 * that of encap_mark_format(), or SHARED_MARK if it leads to all chassis. */
#define TUNNEL_MARK "ovn-chassis-id"
#define SHARED_MARK "flow"

enum tunnel_by {
    TUNNEL_BY_PORT_ONLY,        /* A port of its own. */
    TUNNEL_BY_PORT,             /* The same; by flow until there is one. */
    TUNNEL_BY_FLOW,             /* The port that is shared by all. */
};

/* Value of a cell (wanted-tunnel, mark): a tunnel that should be there. */
struct wanted_tunnel {
    struct uuid chassis;
    char *chassis_name;
    enum encap_type type;
    enum tunnel_by by;
    char *source;               /* TUNNEL_BY_FLOW: the local address that flows
                                 * set, or NULL if they leave it to the
                                 * switch. */
    bool is_encaps_own;         /* Is it the chassis that its Encap names? */
    struct smap options;
    struct smap bfd;            /* Empty: none. */
};
extern struct inc_kind *encaps_kind_wanted;

/* (tunnel-leaves-port, mark): exists while packets may still come by a port of
 * the tunnel's own, though it goes by flow now. */
extern struct inc_kind *encaps_kind_leaves_port;

/* Whether tunnels are to share ports, as far as they can: with
 * ovn-enable-flow-based-tunnels, but not with IPsec. */
bool encaps_is_by_flow(struct inc_unit *);

struct module;
extern const struct module encaps_module;

#endif /* controller/encaps.h */
