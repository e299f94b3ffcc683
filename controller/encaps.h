/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_ENCAPS_H
#define CONTROLLER_ENCAPS_H 1

/* Tunnels to other chassis
 * ========================
 *
 * One unit for each Chassis row decides which tunnel ports the integration
 * bridge should have towards it, and the main loop makes them so.  The other
 * way round, one unit for each tunnel interface says to which chassis it
 * leads. */

#include "encap.h"
#include "inc-proc-eng.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/uuid.h"

struct tunnel {
    struct uuid chassis;
    char *chassis_name;
    char *remote_ip;            /* The encap's. */
    char *local_ip;             /* From which it starts, or NULL: any. */
    bool is_default;            /* Is 'remote_ip' the one for those that do
                                 * not ask for another? */
    enum encap_type type;
    ofp_port_t ofport;
};

/* The tunnel to 'chassis', the one to its encap 'encap_ip' (may be NULL) from
 * our own with encap ID 'id' (see local-encaps.h) if there are several (see
 * encap_is_better()); NULL if there is none. */
const struct tunnel *encaps_tunnel(struct inc_unit *,
                                   const struct uuid *chassis,
                                   const char *encap_ip, size_t id);
/* The tunnel that is an interface, by its name; NULL if it is none. */
const struct tunnel *encaps_tunnel_by_iface(struct inc_unit *, const char *);

extern struct inc_kind *encaps_kind_tunnel_by_iface;

struct module;
extern const struct module encaps_module;

#endif /* controller/encaps.h */
