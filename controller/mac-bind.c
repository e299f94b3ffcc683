/* SPDX-License-Identifier: Apache-2.0 */

/* What is known about MAC addresses
 * =================================
 *
 * get_arp and get_nd look up and lookup_arp and lookup_nd check what the
 * MAC_Binding and Static_MAC_Binding tables say; get_fdb and lookup_fdb do the
 * same with the FDB table.  From OVN 23.09 on, packets of a neighbor that a
 * MAC_Binding is of go through a table where they are counted
 * ("mac_cache_use").  One unit for each row of the three, on
 * datapaths that are local. */

#include <config.h>
#include "mac-bind.h"

#include <netinet/icmp6.h>

#include <string.h>

#include "byte-order.h"
#include "flow-table.h"
#include "inputs.h"
#include "lflow-env.h"
#include "local-datapath.h"
#include "module.h"
#include "neighbor.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "ovn/logical-fields.h"
#include "packets.h"
#include "put-actions.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(mac_bind);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

enum {
    PRIORITY_FDB = 100,
    PRIORITY_USE = 100,
};

/* MAC_Binding and Static_MAC_Binding. */

struct binding {
    const struct ovn_dialect *dialect;
    uint32_t cookie;
    uint16_t priority;
    uint32_t dp_key;
    uint16_t port_key;
    struct neighbor neighbor;
};

/* Restricts 'match' to a packet for which the logical pipeline has put 'ip'
 * where get_arp and friends expect it: reg0, or 'xxreg'. */
static void
match_ip_register(struct match *match, const struct in6_addr *ip,
                  enum mf_field_id xxreg)
{
    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        match_set_reg(match, 0, ntohl(in6_addr_get_mapped_ipv4(ip)));
    } else {
        ovs_be128 value;

        memcpy(&value, ip, sizeof value);
        match_set_xxreg(match, xxreg - MFF_XXREG0, ntoh128(value));
    }
}

static void
put_get(struct inc_unit *unit, const struct binding *b)
{
    struct match match = MATCH_CATCHALL_INITIALIZER;
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    match_set_metadata(&match, htonll(b->dp_key));
    match_set_reg(&match, MFF_LOG_OUTPORT - MFF_REG0, b->port_key);
    match_ip_register(&match, &b->neighbor.ip,
                      b->dialect->regs.mac_binding_ip6);

    put_load_bits(MFF_ETH_DST, 0, 48, eth_addr_to_uint64(b->neighbor.mac),
                  &ofpacts);
    put_load_bits(MFF_LOG_FLAGS, MLF_LOOKUP_MAC_BIT, 1, 1, &ofpacts);
    flow_output_add(unit, b->dialect->tables.mac_binding, b->priority,
                    b->cookie, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
put_lookup(struct inc_unit *unit, const struct binding *b)
{
    struct match match = MATCH_CATCHALL_INITIALIZER;
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    match_set_metadata(&match, htonll(b->dp_key));
    match_set_reg(&match, MFF_LOG_INPORT - MFF_REG0, b->port_key);
    match_ip_register(&match, &b->neighbor.ip, MFF_XXREG0);
    match_set_dl_src(&match, b->neighbor.mac);
    if (IN6_IS_ADDR_V4MAPPED(&b->neighbor.ip)) {
        match_set_dl_type(&match, htons(ETH_TYPE_ARP));
    } else {
        match_set_dl_type(&match, htons(ETH_TYPE_IPV6));
        match_set_nw_proto(&match, IPPROTO_ICMPV6);
        match_set_icmp_code(&match, 0);
    }

    put_load_bits(MFF_LOG_FLAGS, MLF_LOOKUP_MAC_BIT, 1, 1, &ofpacts);
    flow_output_add(unit, b->dialect->tables.mac_lookup, b->priority,
                    b->cookie, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Packets from the neighbor are counted, and that is all.  So are its answers,
 * which may come from another of its addresses. */
static void
put_use(struct inc_unit *unit, const struct binding *b)
{
    const bool ipv4 = IN6_IS_ADDR_V4MAPPED(&b->neighbor.ip);
    struct match match = MATCH_CATCHALL_INITIALIZER;
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(NULL);
    const uint8_t table = b->dialect->tables.mac_cache_use;

    match_set_metadata(&match, htonll(b->dp_key));
    match_set_reg(&match, MFF_LOG_INPORT - MFF_REG0, b->port_key);
    match_set_dl_src(&match, b->neighbor.mac);

    struct match answer = match;
    if (ipv4) {
        match_set_dl_type(&match, htons(ETH_TYPE_IP));
        match_set_nw_src(&match, in6_addr_get_mapped_ipv4(&b->neighbor.ip));

        match_set_dl_type(&answer, htons(ETH_TYPE_ARP));
        match_set_nw_proto(&answer, ARP_OP_REPLY);
        match_set_nw_src(&answer, in6_addr_get_mapped_ipv4(&b->neighbor.ip));
    } else {
        match_set_dl_type(&match, htons(ETH_TYPE_IPV6));
        match_set_ipv6_src(&match, &b->neighbor.ip);

        match_set_dl_type(&answer, htons(ETH_TYPE_IPV6));
        match_set_nw_proto(&answer, IPPROTO_ICMPV6);
        match_set_icmp_type(&answer, ND_NEIGHBOR_ADVERT);
        match_set_icmp_code(&answer, 0);
        match_set_nd_target(&answer, &b->neighbor.ip);
    }
    flow_output_add(unit, table, PRIORITY_USE, b->cookie, &match, &ofpacts);
    if (ipv4 || b->dialect->counts_nd_target) {
        flow_output_add(unit, table, PRIORITY_USE, b->cookie, &answer,
                        &ofpacts);
    }
}

static bool
mac_equal(const void *a_, const void *b_)
{
    const struct eth_addr *a = a_;
    const struct eth_addr *b = b_;

    return eth_addr_equals(*a, *b);
}

struct inc_kind *mac_bind_kind;
static const struct inc_kind_class mac_bind_kind_class = {
    .name = "neighbor", .stage = STAGE_FLOW, .key_type = INC_KEY_OTHER,
    .equal = mac_equal, .destroy = free,
};

static void
put_neighbor(struct inc_unit *unit, const struct binding *b, bool is_static)
{
    const struct mac_bind_key key = {
        .dp_key = b->dp_key,
        .port_key = b->port_key,
        .ip = b->neighbor.ip,
        .is_static = is_static,
    };

    inc_write(unit, mac_bind_kind, (struct inc_key) { &key, sizeof key },
              xmemdup(&b->neighbor.mac, sizeof b->neighbor.mac));
}

void
mac_bind_put_flows(struct inc_unit *unit, uint32_t cookie, uint16_t priority,
                   uint32_t dp_key, uint16_t port_key,
                   const struct neighbor *neighbor)
{
    const struct binding b = {
        .dialect = in_dialect(unit),
        .cookie = cookie,
        .priority = priority,
        .dp_key = dp_key,
        .port_key = port_key,
        .neighbor = *neighbor,
    };

    put_get(unit, &b);
    put_lookup(unit, &b);
}

static void
put_binding(struct inc_unit *unit, const struct mac_binding *mb)
{
    const char *table = mb->is_static ? "Static_MAC_Binding" : "MAC_Binding";

    const struct lport *port = in_lport(unit, mb->logical_port);
    const struct lflow_dp *dp = port ? lflow_env_dp(unit, &port->datapath)
                                     : NULL;

    if (!dp) {
        return;
    }

    struct binding b = {
        .dialect = in_dialect(unit),
        .cookie = mb->uuid.parts[0],
        .priority = neighbor_rank(mb->is_static, mb->override_dynamic),
        .dp_key = dp->tunnel_key,
        .port_key = port->tunnel_key,
    };
    const char *bad = neighbor_parse(&b.neighbor, mb->ip, mb->mac);
    if (bad) {
        UNIT_WARN(unit, &rl, "%s "UUID_FMT": bad '%s' %s",
                  table, UUID_ARGS(&mb->uuid), bad,
                  !strcmp(bad, "ip") ? mb->ip : mb->mac);
        return;
    }
    put_get(unit, &b);
    put_lookup(unit, &b);
    if (!mb->is_static && b.dialect->has_encap_id) {
        put_use(unit, &b);
    }
    put_neighbor(unit, &b, mb->is_static);
}

/* Puts out the flows of 'mb', the unit's record or NULL. */
static void
put_unit(struct inc_unit *unit, const struct mac_binding *mb)
{
    flow_output_begin(unit);
    if (mb) {
        put_binding(unit, mb);
    }
    flow_output_end(unit);
}

static void
dynamic_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    put_unit(unit, in_mac_binding(unit, inc_unit_key(unit).data));
}

static void
static_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    put_unit(unit, in_static_mac_binding(unit, inc_unit_key(unit).data));
}

/* FDB. */

/* Whether a packet that comes by a localnet port is of an address that is not
 * to be learned there, as it is that of a VIF. */
static bool
is_behind_vif(struct inc_unit *unit, const struct lflow_dp *dp,
              const struct fdb *fdb)
{
    const struct local_datapath *ld = local_datapath(unit, &dp->uuid);

    return (in_dialect(unit)->has_encap_id && ld && ld->localnet_port
            && in_is_vif(unit, &dp->uuid, fdb->port_key));
}

static void
put_fdb(struct inc_unit *unit, const struct lflow_dp *dp,
        const struct fdb *fdb, struct eth_addr mac)
{
    const struct ovn_tables *tables = &in_dialect(unit)->tables;
    uint32_t cookie = fdb->uuid.parts[0];
    struct match match = MATCH_CATCHALL_INITIALIZER;
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    match_set_metadata(&match, htonll(fdb->dp_key));
    match_set_dl_dst(&match, mac);
    put_load_bits(MFF_LOG_OUTPORT, 0, 32, fdb->port_key, &ofpacts);
    flow_output_add(unit, tables->get_fdb, PRIORITY_FDB, cookie, &match,
                    &ofpacts);

    match_init_catchall(&match);
    ofpbuf_clear(&ofpacts);
    match_set_metadata(&match, htonll(fdb->dp_key));
    match_set_reg(&match, MFF_LOG_INPORT - MFF_REG0, fdb->port_key);
    match_set_dl_src(&match, mac);
    put_load_bits(MFF_LOG_FLAGS, MLF_LOOKUP_FDB_BIT, 1, 1, &ofpacts);
    flow_output_add(unit, tables->lookup_fdb, PRIORITY_FDB, cookie, &match,
                    &ofpacts);
    if (is_behind_vif(unit, dp, fdb)) {
        match_init_catchall(&match);
        match_set_metadata(&match, htonll(fdb->dp_key));
        match_set_reg_masked(&match, MFF_LOG_FLAGS - MFF_REG0,
                             MLF_BIT(LOCALNET), MLF_BIT(LOCALNET));
        match_set_dl_src(&match, mac);
        flow_output_add(unit, tables->lookup_fdb, PRIORITY_FDB, cookie,
                        &match, &ofpacts);
    }
    ofpbuf_uninit(&ofpacts);
}

static void
fdb_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct fdb *fdb = in_fdb(unit, inc_unit_key(unit).data);

    const struct lflow_dp *dp
        = fdb ? lflow_env_dp_by_key(unit, fdb->dp_key) : NULL;

    flow_output_begin(unit);
    if (dp) {
        struct eth_addr mac;

        if (eth_addr_from_string(fdb->mac, &mac)) {
            put_fdb(unit, dp, fdb, mac);
        } else {
            UNIT_WARN(unit, &rl, "FDB "UUID_FMT": bad 'mac' %s",
                      UUID_ARGS(&fdb->uuid), fdb->mac);
        }
    }
    flow_output_end(unit);
}

static const struct inc_unit_class dynamic_unit_class = {
    .name = "mac-binding",
    .stage = STAGE_FLOW,
    .run = dynamic_run,
    .removed = flow_output_removed,
};

static const struct inc_unit_class static_unit_class = {
    .name = "static-mac-binding",
    .stage = STAGE_FLOW,
    .run = static_run,
    .removed = flow_output_removed,
};

static const struct inc_unit_class fdb_unit_class = {
    .name = "fdb",
    .stage = STAGE_FLOW,
    .run = fdb_run,
    .removed = flow_output_removed,
};

static void
init(struct inc_engine *engine)
{
    mac_bind_kind = inc_kind_declare(engine, &mac_bind_kind_class);
    inc_kind_spawn(in_kinds.mac_binding, &dynamic_unit_class, NULL);
    inc_kind_spawn(in_kinds.static_mac_binding, &static_unit_class, NULL);
    inc_kind_spawn(in_kinds.fdb, &fdb_unit_class, NULL);
}

const struct module mac_bind_module = {
    .name = "mac-bind",
    .init = init,
};
