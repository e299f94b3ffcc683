/* SPDX-License-Identifier: Apache-2.0 */

/* Tunnels to the VTEPs of EVPN; see evpn-tunnels.h.
 *
 *     ovn-evpn-vxlan-ports --> (wanted-evpn-tunnel, UDP port)
 *                                        |
 *                                        v
 *     (evpn-tunnel, UDP port) <-- interfaces of the integration bridge
 *
 * A port that is there is known by its mark and by the UDP port in its
 * options, not by its name, so that it may have been made by somebody else. */

#include <config.h>
#include "evpn-tunnels.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "encaps.h"
#include "flow.h"
#include "inputs.h"
#include "module.h"
#include "openvswitch/vlog.h"
#include "ovs-port.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "sset.h"
#include "unit-log.h"
#include "util.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(evpn_tunnels);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

struct inc_kind *evpn_tunnels_kind_wanted;

/* (evpn-tunnel, UDP port as u64): OpenFlow port. */
static struct inc_kind *tunnel_kind;

/* What should be. */

static bool
parse_port(const char *word, uint64_t *port)
{
    unsigned long long int value;

    if (!str_to_ullong(word, 10, &value) || !value || value > UINT16_MAX) {
        return false;
    }
    *port = value;
    return true;
}

static void
plan_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *ports = in_config(unit, "ovn-evpn-vxlan-ports");
    struct sset words;
    const char *word;

    sset_from_delimited_string(&words, ports ? ports : "", ", ");
    SSET_FOR_EACH (word, &words) {
        uint64_t port;

        if (parse_port(word, &port)) {
            inc_write(unit, evpn_tunnels_kind_wanted, inc_key_u64(&port),
                      inc_there);
        } else {
            UNIT_WARN(unit, &rl, "ovn-evpn-vxlan-ports: \"%s\" is no UDP "
                      "port", word);
        }
    }
    sset_destroy(&words);
}

/* What is. */

static bool
ofports_equal(const void *a, const void *b)
{
    return !memcmp(a, b, sizeof(ofp_port_t));
}

static void
tunnels_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct inc_set *names = in_evpn_tunnel_ifaces(unit);

    for (size_t i = 0; i < inc_set_count(names); i++) {
        const struct ovs_iface *iface = in_iface(unit,
                                                 inc_set_at(names, i).data);
        const char *word = iface ? smap_get(&iface->options, "dst_port")
                           : NULL;
        uint64_t port;

        if (word && !strcmp(iface->type, "vxlan") && parse_port(word, &port)
            && iface->ofport > 0 && iface->ofport < ofp_to_u16(OFPP_MAX)) {
            const ofp_port_t ofport = u16_to_ofp(iface->ofport);

            inc_write(unit, tunnel_kind, inc_key_u64(&port),
                      xmemdup(&ofport, sizeof ofport));
        }
    }
}

ofp_port_t
evpn_tunnel_find(struct inc_unit *unit, uint16_t dst_port)
{
    const uint64_t key = dst_port;
    const ofp_port_t *ofport = inc_read(unit, tunnel_kind, inc_key_u64(&key));

    return ofport ? *ofport : 0;
}

bool
evpn_tunnel_is_wanted(struct inc_unit *unit, uint16_t dst_port)
{
    const uint64_t key = dst_port;

    return inc_read(unit, evpn_tunnels_kind_wanted, inc_key_u64(&key)) != NULL;
}

/* Making ports what they should be. */

/* The UDP port that 'port' leads to, and stands in its name if that is one of
 * ours; 0 if none. */
static uint64_t
named_port(const struct ovsrec_port *port, const char *index)
{
    char *prefix = xasprintf("ovn%s-evpn-", index);
    const bool fits = !strncmp(port->name, prefix, strlen(prefix));
    uint64_t udp_port = 0;

    if (fits) {
        parse_port(port->name + strlen(prefix), &udp_port);
    }
    free(prefix);
    return udp_port;
}

bool
evpn_tunnels_own(const struct ovsrec_port *port, const char *index)
{
    return (smap_get(&port->external_ids, EVPN_TUNNEL_MARK)
            || (port->n_interfaces == 1
                && !smap_get(&port->external_ids, TUNNEL_MARK)
                && !strcmp(port->interfaces[0]->type, "vxlan")
                && named_port(port, index)));
}

struct pass {
    struct ovsdb_idl_txn *txn;
    const struct ovsrec_bridge *bridge;
    const char *index;
    struct sset *names;
    struct sset there;          /* Names of the ports that are kept. */
    bool changed;
};

static struct ovs_port_spec
make_spec(const char *name, uint64_t udp_port, struct smap *options)
{
    smap_add(options, "key", "flow");
    smap_add(options, "local_ip", "flow");
    smap_add(options, "remote_ip", "flow");
    smap_add_format(options, "dst_port", "%"PRIu64, udp_port);
    return (struct ovs_port_spec) {
        .name = name,
        .type = "vxlan",
        .options = options,
        .mark = EVPN_TUNNEL_MARK,
        .mark_value = "true",
    };
}

/* A port is kept under its own name only: another one of the same UDP port
 * would take its packets. */
static void
check_port(struct pass *pass, const struct ovsrec_port *port)
{
    const uint64_t udp_port = named_port(port, pass->index);

    if (udp_port && port->n_interfaces == 1
        && inc_peek(evpn_tunnels_kind_wanted, inc_key_u64(&udp_port))) {
        struct smap options = SMAP_INITIALIZER(&options);
        const struct ovs_port_spec spec = make_spec(port->name, udp_port,
                                                    &options);

        pass->changed |= ovs_port_update(port, &spec);
        smap_destroy(&options);
        sset_add(&pass->there, port->name);
    } else {
        ovsdb_idl_txn_add_comment(pass->txn, "ovn-controller: removing EVPN "
                                  "tunnel %s", port->name);
        ovs_port_delete(pass->bridge, port);
        pass->changed = true;
    }
}

static void
create_port(struct inc_key key, const void *value OVS_UNUSED, void *pass_)
{
    struct pass *pass = pass_;
    uint64_t udp_port;

    memcpy(&udp_port, key.data, sizeof udp_port);
    char *name = xasprintf("ovn%s-evpn-%"PRIu64, pass->index, udp_port);

    if (sset_contains(&pass->there, name)) {
        free(name);
        return;
    }
    if (sset_add(pass->names, name)) {
        struct smap options = SMAP_INITIALIZER(&options);
        const struct ovs_port_spec spec = make_spec(name, udp_port, &options);

        ovs_port_insert(pass->txn, pass->bridge, &spec);
        ovsdb_idl_txn_add_comment(pass->txn, "ovn-controller: adding EVPN "
                                  "tunnel %s", name);
        smap_destroy(&options);
        pass->changed = true;
    } else {
        VLOG_WARN_RL(&rl, "there is no EVPN tunnel for UDP port %"PRIu64": "
                     "another port is called %s", udp_port, name);
    }
    free(name);
}

bool
evpn_tunnels_update(struct ovsdb_idl_txn *txn,
                    const struct ovsrec_bridge *bridge, const char *index,
                    struct sset *names)
{
    struct pass pass = {
        .txn = txn,
        .bridge = bridge,
        .index = index,
        .names = names,
        .there = SSET_INITIALIZER(&pass.there),
    };

    for (size_t i = 0; i < bridge->n_ports; i++) {
        if (evpn_tunnels_own(bridge->ports[i], index)) {
            check_port(&pass, bridge->ports[i]);
        }
    }
    inc_kind_for_each(evpn_tunnels_kind_wanted, create_port, &pass);
    sset_destroy(&pass.there);
    return pass.changed;
}

/* Wiring. */

static const struct inc_kind_class wanted_class = {
    .name = "wanted-evpn-tunnel",
    .stage = STAGE_BINDING,
    .key_type = INC_KEY_U64,
};

static const struct inc_kind_class tunnel_class = {
    .name = "evpn-tunnel",
    .stage = STAGE_CONFIG,
    .key_type = INC_KEY_U64,
    .equal = ofports_equal,
    .destroy = free,
};

static const struct inc_unit_class plan_class = {
    .name = "evpn-tunnel-plan",
    .stage = STAGE_BINDING,
    .run = plan_run,
};

static const struct inc_unit_class tunnels_class = {
    .name = "evpn-tunnels",
    .stage = STAGE_CONFIG,
    .run = tunnels_run,
};

static void
init(struct inc_engine *engine)
{
    evpn_tunnels_kind_wanted = inc_kind_declare(engine, &wanted_class);
    tunnel_kind = inc_kind_declare(engine, &tunnel_class);
    inc_unit_add(engine, &plan_class, INC_KEY_ONLY, NULL);
    inc_unit_add(engine, &tunnels_class, INC_KEY_ONLY, NULL);
}

const struct module evpn_tunnels_module = {
    .name = "evpn-tunnels",
    .init = init,
};
