/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_TUNNEL_H
#define CONTROLLER_TUNNEL_H 1

/* The tunnels that there are
 * ==========================
 *
 * What packets to another chassis can take: found out from the interfaces of
 * the integration bridge, and read by flows.  What there should be is
 * encaps.h's business.
 *
 * A tunnel either has a port of its own, or it is "by flow": then one port
 * leads to all chassis, and the flow that outputs a packet there says where
 * the packet goes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "encap.h"
#include "inc-proc-eng.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/uuid.h"

struct tunnel {
    struct uuid chassis;
    char *chassis_name;
    char *remote_ip;            /* The encap's. */
    char *local_ip;             /* From which it starts, or NULL: any. */
    char *source;               /* If 'by_flow': the local address that flows
                                 * set, or NULL: none. */
    bool is_default;            /* Is 'remote_ip' the one for those that do
                                 * not ask for another? */
    enum encap_type type;
    ofp_port_t ofport;
    bool is_remote;             /* Is the chassis in another zone? */
    bool by_flow;               /* Does 'ofport' lead to others, too? */
    bool is_stopgap;            /* Until it has a port of its own. */
    bool any_port;              /* Do packets come by other ports, too? */
};

/* The tunnel to 'chassis', the one to its encap 'encap_ip' (may be NULL) from
 * our own with encap ID 'id' (see local-encaps.h) if there are several (see
 * encap_is_better()); NULL if there is none. */
const struct tunnel *tunnel_find(struct inc_unit *,
                                 const struct uuid *chassis,
                                 const char *encap_ip, size_t id);
/* The tunnel with the name 'name', the key of a cell of 'tunnel_kind' or
 * member of tunnels_to_remote(); NULL if it is none. */
const struct tunnel *tunnel_by_name(struct inc_unit *, const char *name);

/* Names of the tunnels to chassis in other availability zones. */
const struct inc_set *tunnels_to_remote(struct inc_unit *);

/* How tunnels look: the members are "struct tunnel_shape"s. */
struct tunnel_shape {
    uint8_t type;               /* enum encap_type */
    uint8_t is_ipv6;
};
const struct inc_set *tunnel_shapes(struct inc_unit *);
bool tunnel_is_ipv6(const struct tunnel *);

/* (tunnel, name). */
extern struct inc_kind *tunnel_kind;

/* (shared-tunnel-port, type's word): "struct shared_port"s. */
struct shared_port {
    enum encap_type type;
    ofp_port_t ofport;
};
extern struct inc_kind *tunnel_kind_shared_port;

struct module;
extern const struct module tunnel_module;

#endif /* controller/tunnel.h */
