/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_LPORT_WAY_H
#define OVN_LPORT_WAY_H 1

/* How packets get to a port that is somewhere else
 * ================================================
 *
 * Decided here, for the controller, which makes flows of it, and for
 * ovn-trace, which says what becomes of a packet.
 *
 * Thread-safety: no global state. */

#include <stdbool.h>
#include <stddef.h>
#include "lport-type.h"

struct ovn_dialect;
struct smap;
struct uuid;

enum lport_way {
    /* By tunnel to each chassis that has the port. */
    LPORT_WAY_TUNNEL,
    /* By tunnel to the first of several gateways that has one. */
    LPORT_WAY_GATEWAYS,
    /* Through a localnet port of the port's own switch, which need not have
     * been bound for that. */
    LPORT_WAY_LOCALNET,
    /* Out of a localnet port of the switch that the router's port is
     * connected to. */
    LPORT_WAY_BRIDGED,
};

/* A port, as it is seen from a chassis where it is not. */
struct lport_place {
    enum lport_type type;
    bool has_localnet;          /* Has its switch a localnet port? */
    bool is_on_several;         /* Has it additional chassis? */
    bool is_nf;                 /* Is it a network function's? */
    size_t n_gateways;          /* Members of its HA chassis group. */
    const char *redirect_type;  /* Its option, or NULL. */
};
enum lport_way lport_way(const struct lport_place *);

/* Whether a port with 'options' (Port_Binding) is a network function's, where
 * there are such. */
bool lport_is_nf(const struct ovn_dialect *, const struct smap *options);

/* The order in which gateways with the given priorities, of the given chassis,
 * take the role: returns true if 'a' comes first. */
bool lport_gateway_is_first(int a_priority, const struct uuid *a,
                            int b_priority, const struct uuid *b);

#endif /* lib/lport-way.h */
