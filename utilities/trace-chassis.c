/* SPDX-License-Identifier: Apache-2.0 */

/* A chassis' own view; see trace-chassis.h. */

#include <config.h>
#include "trace-chassis.h"

#include <stdlib.h>
#include <string.h>

#include "config-values.h"
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
        &sbrec_port_binding_col_tag,
        &sbrec_chassis_col_name,
        &sbrec_chassis_col_encaps,
        &sbrec_chassis_col_other_config,
        &sbrec_encap_col_type,
        &sbrec_encap_col_ip,
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

enum trace_way
trace_chassis_way(const struct sbrec_chassis *here,
                  const struct trace_port *from,
                  const struct trace_port *port,
                  const struct sbrec_chassis **there,
                  const struct trace_port **localnet)
{
    *there = trace_port_chassis(port);
    *localnet = NULL;
    if (!here || is_everywhere(port) || is_on(port, here)) {
        return TRACE_HERE;
    } else if (port->row->n_additional_chassis) {
        return TRACE_TUNNEL;
    } else if (!*there) {
        return TRACE_NOWHERE;
    }
    *localnet = (from && is_migrating(from) ? NULL
                 : find_localnet(port->dp));
    return *localnet ? TRACE_LOCALNET : TRACE_TUNNEL;
}

void
trace_chassis_for_each(const struct sbrec_chassis *here,
                       const struct trace_port *port,
                       void (*cb)(const struct sbrec_chassis *, void *aux),
                       void *aux)
{
    const struct sbrec_port_binding *row = port->row;

    if (row->chassis && row->chassis != here) {
        cb(row->chassis, aux);
    }
    for (size_t i = 0; i < row->n_additional_chassis; i++) {
        const struct sbrec_chassis *chassis = row->additional_chassis[i];

        if (chassis != here && chassis != row->chassis) {
            cb(chassis, aux);
        }
    }
}

/* The kinds of tunnels, the preferred one first. */
static const char *const tunnel_types[] = { "geneve", "stt", "vxlan" };

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

static const struct sbrec_encap *
find_encap(const struct trace_port *port, const struct sbrec_chassis *there)
{
    if (there == port->row->chassis && port->row->encap) {
        return port->row->encap;
    }
    for (size_t i = 0; i < there->n_encaps; i++) {
        if (is_additional_encap(port, there->encaps[i])) {
            return there->encaps[i];
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(tunnel_types); i++) {
        for (size_t j = 0; j < there->n_encaps; j++) {
            if (!strcmp(there->encaps[j]->type, tunnel_types[i])) {
                return there->encaps[j];
            }
        }
    }
    return NULL;
}

void
trace_chassis_format_tunnel(const struct trace_port *port,
                            const struct sbrec_chassis *there, struct ds *s)
{
    const struct sbrec_encap *encap = find_encap(port, there);

    if (encap) {
        ds_put_format(s, "%s tunnel to %s", encap->type, encap->ip);
    } else {
        ds_put_cstr(s, "no tunnel that is known");
    }
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

/* Whether 'mac' is that of a router port on switch 'dp', which is on 'here' as
 * it is on every chassis. */
static bool
is_distributed_router(const struct sbrec_chassis *here,
                      const struct trace_dp *dp, struct eth_addr mac)
{
    const struct trace_port *port;

    HMAP_FOR_EACH (port, key_node, &dp->ports) {
        const struct trace_port *peer = port->peer;
        struct eth_addr peer_mac;

        if (peer && !strcmp(port->type, "patch") && peer->row->n_mac
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
