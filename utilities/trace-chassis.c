/* SPDX-License-Identifier: Apache-2.0 */

/* A chassis' own view; see trace-chassis.h. */

#include <config.h>
#include "trace-chassis.h"

#include <stdlib.h>
#include <string.h>

#include "config-values.h"
#include "encap.h"
#include "lport-type.h"
#include "lport-way.h"
#include "openvswitch/dynamic-string.h"
#include "ovn-sb-idl.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "trace-db.h"
#include "util.h"

void
trace_chassis_monitor(struct ovsdb_idl *idl)
{
    struct ovsdb_idl_column *const columns[] = {
        &sbrec_port_binding_col_chassis,
        &sbrec_port_binding_col_encap,
        &sbrec_port_binding_col_additional_chassis,
        &sbrec_port_binding_col_additional_encap,
        &sbrec_port_binding_col_ha_chassis_group,
        &sbrec_port_binding_col_tag,
        &sbrec_chassis_col_name,
        &sbrec_chassis_col_encaps,
        &sbrec_chassis_col_other_config,
        &sbrec_chassis_col_transport_zones,
        &sbrec_ha_chassis_group_col_ha_chassis,
        &sbrec_ha_chassis_col_chassis,
        &sbrec_ha_chassis_col_priority,
        &sbrec_encap_col_type,
        &sbrec_encap_col_ip,
        &sbrec_encap_col_chassis_name,
        &sbrec_chassis_template_var_col_chassis,
        &sbrec_chassis_template_var_col_variables,
    };

    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        ovsdb_idl_track_add_column(idl, columns[i]);
    }
}

const struct sbrec_chassis *
trace_chassis_find(struct ovsdb_idl *idl, const char *name)
{
    const struct sbrec_chassis *chassis;

    SBREC_CHASSIS_FOR_EACH (chassis, idl) {
        if (!strcmp(chassis->name, name)) {
            return chassis;
        }
    }
    return NULL;
}

const char *
trace_chassis_template_var(struct ovsdb_idl *idl,
                           const struct sbrec_chassis *chassis,
                           const char *name)
{
    const struct sbrec_chassis_template_var *row;

    SBREC_CHASSIS_TEMPLATE_VAR_FOR_EACH (row, idl) {
        if (!strcmp(row->chassis, chassis->name)) {
            return smap_get(&row->variables, name);
        }
    }
    return NULL;
}

const struct sbrec_chassis *
trace_port_chassis(const struct trace_port *port)
{
    return port->row->chassis;
}

bool
trace_chassis_is_resident(const struct sbrec_chassis *here,
                          const struct trace_port *port)
{
    return !here || trace_port_chassis(port) == here;
}

/* Whether ports like 'port' are on each chassis. */
static bool
is_everywhere(const struct trace_port *port)
{
    return (!strcmp(port->type, "patch")
            || !strcmp(port->type, "localnet")
            || !strcmp(port->type, "localport"));
}

static const struct trace_port *
find_localnet(const struct trace_dp *dp)
{
    const struct trace_port *port;

    HMAP_FOR_EACH (port, key_node, &dp->ports) {
        if (!strcmp(port->type, "localnet")) {
            return port;
        }
    }
    return NULL;
}

bool
trace_dp_has_localnet(const struct trace_dp *dp)
{
    return find_localnet(dp) != NULL;
}

static bool
is_on(const struct trace_port *port, const struct sbrec_chassis *chassis)
{
    const struct sbrec_port_binding *row = port->row;

    for (size_t i = 0; i < row->n_additional_chassis; i++) {
        if (row->additional_chassis[i] == chassis) {
            return true;
        }
    }
    return row->chassis == chassis;
}

/* Whether 'port' is a VIF that is on several chassis: no physical network is
 * to see what it sends. */
static bool
is_migrating(const struct trace_port *port)
{
    return (port->row->n_additional_chassis && !port->type[0]
            && !(port->row->parent_port && port->row->parent_port[0]));
}

/* Tunnels. */

static struct encap_realm
realm_of(const struct sbrec_chassis *chassis)
{
    return (struct encap_realm) {
        .transport_zones = (const char *const *) chassis->transport_zones,
        .n_transport_zones = chassis->n_transport_zones,
        .is_remote = smap_get_bool(&chassis->other_config, "is-remote", false),
        .is_interconn = config_value_bool(smap_get(&chassis->other_config,
                                                   "is-interconn"), false),
    };
}

static unsigned int
types_of(const struct sbrec_chassis *chassis)
{
    unsigned int types = 0;

    for (size_t i = 0; i < chassis->n_encaps; i++) {
        types |= 1u << encap_type_from_word(chassis->encaps[i]->type);
    }
    return types;
}

/* Whether 'port' asks to be reached on its additional chassis by 'encap'. */
static bool
is_additional_encap(const struct trace_port *port,
                    const struct sbrec_encap *encap)
{
    for (size_t i = 0; i < port->row->n_additional_encap; i++) {
        if (port->row->additional_encap[i] == encap) {
            return true;
        }
    }
    return false;
}

/* The address by which 'port' asks to be reached on 'there', or NULL. */
static const char *
asked_ip(const struct trace_port *port, const struct sbrec_chassis *there)
{
    for (size_t i = 0; i < there->n_encaps; i++) {
        const struct sbrec_encap *encap = there->encaps[i];

        if (there == port->row->chassis ? encap == port->row->encap
            : is_additional_encap(port, encap)) {
            return encap->ip;
        }
    }
    return NULL;
}

/* The type of the tunnels from 'here' to 'there', or N_ENCAP_TYPES. */
static enum encap_type
tunnel_type(const struct sbrec_chassis *here,
            const struct sbrec_chassis *there)
{
    const struct encap_realm our_realm = realm_of(here);
    const struct encap_realm their_realm = realm_of(there);

    return (encap_may_tunnel(&our_realm, &their_realm)
            ? encap_common_type(types_of(here), types_of(there))
            : N_ENCAP_TYPES);
}

static struct encap_end
end_of(const struct sbrec_encap *encap)
{
    return (struct encap_end) {
        .type = encap_type_from_word(encap->type),
        .ip = encap->ip,
        .is_default = smap_get_bool(&encap->options, "is_default", false),
    };
}

static bool
is_same_place(const struct sbrec_encap *a, const struct sbrec_encap *b)
{
    const struct encap_end a_end = end_of(a);
    const struct encap_end b_end = end_of(b);

    if (a_end.type != b_end.type) {
        return false;
    }
    char *a_place = encap_place(&a_end);
    char *b_place = encap_place(&b_end);
    bool same = !strcmp(a_place, b_place);

    free(a_place);
    free(b_place);
    return same;
}

static struct encap_claim
claim_of(const struct sbrec_chassis *chassis, const struct sbrec_encap *encap)
{
    return (struct encap_claim) {
        .chassis_name = chassis->name,
        .ip = encap->ip,
        .is_encaps_own = !strcmp(encap->chassis_name, chassis->name),
    };
}

/* Whether 'there' has the tunnel from 'here' to 'encap', and no other chassis
 * that is at the same place. */
static bool
has_place(struct ovsdb_idl *idl, const struct sbrec_chassis *here,
          const struct sbrec_chassis *there, const struct sbrec_encap *encap)
{
    const struct encap_claim claim = claim_of(there, encap);
    const enum encap_type type = encap_type_from_word(encap->type);
    const struct sbrec_chassis *rival;

    SBREC_CHASSIS_FOR_EACH (rival, idl) {
        if (rival == here || rival == there
            || tunnel_type(here, rival) != type) {
            continue;
        }
        for (size_t i = 0; i < rival->n_encaps; i++) {
            const struct sbrec_encap *theirs = rival->encaps[i];
            const struct encap_claim rival_claim = claim_of(rival, theirs);

            if (is_same_place(theirs, encap)
                && encap_claim_wins(&rival_claim, &claim)) {
                return false;
            }
        }
    }
    return true;
}

/* The tunnel from 'here' to 'there' that packets for 'port' take: the encap
 * that it leads to, or NULL if there is none. */
static const struct sbrec_encap *
find_tunnel(struct ovsdb_idl *idl, const struct sbrec_chassis *here,
            const struct trace_port *port, const struct sbrec_chassis *there)
{
    const enum encap_type type = tunnel_type(here, there);
    const char *ip = asked_ip(port, there);
    const struct sbrec_encap *best = NULL;
    struct encap_end best_end;

    for (size_t i = 0; type != N_ENCAP_TYPES && i < there->n_encaps; i++) {
        const struct sbrec_encap *encap = there->encaps[i];
        const struct encap_end end = end_of(encap);

        if (end.type == type && has_place(idl, here, there, encap)
            && (!best || encap_is_better(&end, &best_end, ip, NULL))) {
            best = encap;
            best_end = end;
        }
    }
    return best;
}

/* Gateways. */

static size_t
count_gateways(const struct trace_port *port)
{
    const struct sbrec_ha_chassis_group *group = port->row->ha_chassis_group;
    size_t n = 0;

    for (size_t i = 0; group && i < group->n_ha_chassis; i++) {
        n += group->ha_chassis[i]->chassis != NULL;
    }
    return n;
}

/* How packets get to 'port' from where it is not. */
static enum lport_way
way_to(const struct trace_port *port)
{
    const struct lport_place place = {
        .type = lport_type_from_word(port->type, port->row->parent_port),
        .has_localnet = find_localnet(port->dp) != NULL,
        .is_on_several = port->row->n_additional_chassis != 0,
        .is_nf = port->is_nf,
        .n_gateways = count_gateways(port),
        .redirect_type = smap_get(&port->row->options, "redirect-type"),
    };

    return lport_way(&place);
}

static bool
has_gateways(const struct trace_port *port)
{
    return way_to(port) == LPORT_WAY_GATEWAYS;
}

/* The chassis of the gateway of 'port' that 'here' sends to, of those to which
 * it has a tunnel, or NULL.  The switch takes the first one that is alive as
 * BFD sees it; in the database, that is the one that has claimed the port. */
static const struct sbrec_chassis *
first_gateway(struct ovsdb_idl *idl, const struct sbrec_chassis *here,
              const struct trace_port *port)
{
    const struct sbrec_ha_chassis_group *group = port->row->ha_chassis_group;
    const struct sbrec_ha_chassis *first = NULL;

    for (size_t i = 0; i < group->n_ha_chassis; i++) {
        const struct sbrec_ha_chassis *gw = group->ha_chassis[i];

        if (gw->chassis && gw->chassis != here
            && find_tunnel(idl, here, port, gw->chassis)
            && (!first
                || gw->chassis == port->row->chassis
                || (first->chassis != port->row->chassis
                    && lport_gateway_is_first(
                        gw->priority, &gw->chassis->header_.uuid,
                        first->priority, &first->chassis->header_.uuid)))) {
            first = gw;
        }
    }
    return first ? first->chassis : NULL;
}

enum trace_way
trace_chassis_way(struct ovsdb_idl *idl, const struct sbrec_chassis *here,
                  const struct trace_port *from,
                  const struct trace_port *port,
                  const struct sbrec_chassis **there,
                  const struct trace_port **localnet)
{
    *there = trace_port_chassis(port);
    *localnet = NULL;
    if (!here || is_everywhere(port) || is_on(port, here)) {
        return TRACE_HERE;
    }
    switch (way_to(port)) {
    case LPORT_WAY_LOCALNET:
        /* What a migrating port sends goes by tunnel. */
        if (!from || !is_migrating(from)) {
            *localnet = find_localnet(port->dp);
            return TRACE_LOCALNET;
        }
        break;

    case LPORT_WAY_BRIDGED:
        *localnet = (port->distributed_port && port->distributed_port->peer
                     ? find_localnet(port->distributed_port->peer->dp) : NULL);
        return *localnet ? TRACE_BRIDGED : TRACE_NOWHERE;

    case LPORT_WAY_GATEWAYS:
        *there = first_gateway(idl, here, port);
        break;

    case LPORT_WAY_TUNNEL:
    default:
        break;
    }
    return (*there || port->row->n_additional_chassis
            ? TRACE_TUNNEL : TRACE_NOWHERE);
}

void
trace_chassis_for_each(struct ovsdb_idl *idl,
                       const struct sbrec_chassis *here,
                       const struct trace_port *port,
                       void (*cb)(const struct sbrec_chassis *, void *aux),
                       void *aux)
{
    const struct sbrec_port_binding *row = port->row;
    const struct sbrec_chassis *there = row->chassis;

    if (row->chassis != here && has_gateways(port)) {
        there = first_gateway(idl, here, port);
    }
    if (there && there != here) {
        cb(there, aux);
    }
    for (size_t i = 0; i < row->n_additional_chassis; i++) {
        const struct sbrec_chassis *chassis = row->additional_chassis[i];

        if (chassis != here && chassis != row->chassis) {
            cb(chassis, aux);
        }
    }
}

bool
trace_chassis_format_tunnel(struct ovsdb_idl *idl,
                            const struct sbrec_chassis *here,
                            const struct trace_port *port,
                            const struct sbrec_chassis *there, struct ds *s)
{
    const struct sbrec_encap *encap = find_tunnel(idl, here, port, there);

    if (encap) {
        ds_put_format(s, "%s tunnel to %s", encap->type, encap->ip);
    }
    return encap != NULL;
}

/* Addresses of chassis on physical networks. */

/* Whether 'port', a router's, is on one chassis only, 'here'. */
static bool
is_gateway_here(const struct sbrec_chassis *here,
                const struct trace_port *port)
{
    const struct trace_port *redirect;

    HMAP_FOR_EACH (redirect, key_node, &port->dp->ports) {
        if (redirect->distributed_port == port
            && trace_port_chassis(redirect) == here) {
            return true;
        }
    }
    return false;
}

/* Whether 'mac' is that of a router port on switch 'dp', unless 'here' is the
 * one chassis that the port's traffic goes through. */
static bool
is_distributed_router(const struct sbrec_chassis *here,
                      const struct trace_dp *dp, struct eth_addr mac)
{
    const struct trace_port *port;

    HMAP_FOR_EACH (port, key_node, &dp->ports) {
        const struct trace_port *peer = port->peer;
        struct eth_addr peer_mac;

        if (peer && peer->row->n_mac
            && ovs_scan(peer->row->mac[0], ETH_ADDR_SCAN_FMT,
                        ETH_ADDR_SCAN_ARGS(peer_mac))
            && eth_addr_equals(peer_mac, mac)) {
            return !is_gateway_here(here, peer);
        }
    }
    return false;
}

struct find_mac_ctx {
    const char *network;
    struct eth_addr *mac;
    bool found;
};

static bool
find_mac_cb(const char *network, const char *value, void *ctx_)
{
    struct find_mac_ctx *ctx = ctx_;

    ctx->found = (value && !strcmp(network, ctx->network)
                  && eth_addr_from_string(value, ctx->mac));
    return ctx->found;
}

bool
trace_chassis_hides_router(const struct sbrec_chassis *here,
                           const struct trace_port *localnet,
                           struct eth_addr eth_src, struct eth_addr *mac)
{
    const char *network = smap_get(&localnet->row->options, "network_name");

    if (!network || !is_distributed_router(here, localnet->dp, eth_src)) {
        return false;
    }

    struct find_mac_ctx ctx = { .network = network, .mac = mac };
    config_value_networks(smap_get(&here->other_config,
                                   "ovn-chassis-mac-mappings"),
                          find_mac_cb, &ctx);
    return ctx.found;
}
