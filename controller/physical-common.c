/* SPDX-License-Identifier: Apache-2.0 */

/* The pieces of which physical flows are made. */

#include <config.h>

#include "physical-common.h"

#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "byte-order.h"
#include "config-values.h"
#include "ct-zone.h"
#include "evpn-vteps.h"
#include "flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/vlog.h"
#include "ovs-compat.h"
#include "packets.h"
#include "patch.h"
#include "smap.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(physical);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Layout of a VXLAN tunnel's 24 bits, which have to do for all metadata. */
#define VXLAN_DP_BITS 12        /* Datapath, from bit 0 on. */
#define VXLAN_PORT_BITS 11      /* Port, from bit VXLAN_DP_BITS on... */
#define VXLAN_MULTICAST_BIT (1u << 23)    /* ...unless this says that it is
                                           * the low bits of a group. */
#define FIRST_MULTICAST_KEY 0x8000

/* (drop-sample): who wants samples of what is dropped outside of the logical
 * pipelines. */

struct drop_sample {
    uint32_t collector_set;
    uint32_t obs_domain;        /* The high 8 bits of the id. */
};

static struct inc_kind *kind_drop_sample;

static bool
drop_sample_equal(const void *a_, const void *b_)
{
    const struct drop_sample *a = a_;
    const struct drop_sample *b = b_;

    return (a->collector_set == b->collector_set
            && a->obs_domain == b->obs_domain);
}

static const struct inc_kind_class drop_sample_kind_class = {
    .name = "drop-sample",
    .stage = STAGE_CONFIG,
    .key_type = INC_KEY_STRING,
    .equal = drop_sample_equal,
    .destroy = free,
};

static void
drop_sample_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct smap *options = in_sb_options(unit);
    struct drop_sample ds = {
        .collector_set = smap_get_uint(options, "debug_drop_collector_set", 0),
        .obs_domain = smap_get_uint(options, "debug_drop_domain_id", 0),
    };

    if (ds.collector_set && in_has_collector_set(unit, ds.collector_set)) {
        inc_write(unit, kind_drop_sample, INC_KEY_ONLY,
                  xmemdup(&ds, sizeof ds));
    }
}

static const struct inc_unit_class drop_sample_unit_class = {
    .name = "drop-sample",
    .stage = STAGE_CONFIG,
    .run = drop_sample_run,
};

void
physical_drop_init(struct inc_engine *engine)
{
    kind_drop_sample = inc_kind_declare(engine, &drop_sample_kind_class);
    inc_unit_add(engine, &drop_sample_unit_class, INC_KEY_ONLY, NULL);
}

void
put_drop(struct inc_unit *unit, uint8_t table, struct ofpbuf *ofpacts)
{
    const struct drop_sample *ds = inc_read(unit, kind_drop_sample,
                                            INC_KEY_ONLY);

    if (ds) {
        struct ofpact_sample *os = ofpact_put_SAMPLE(ofpacts);

        os->probability = UINT16_MAX;
        os->collector_set_id = ds->collector_set;
        ovs_sample_set_obs(os, ds->obs_domain << 24, table);
        os->sampling_port = OFPP_NONE;
    }
}

struct zone_ids
zone_ids_get(struct inc_unit *unit, const char *lport, const struct uuid *dp)
{
    return (struct zone_ids) {
        .port = ct_zone_of_port(unit, lport),
        .dnat = ct_zone_dnat(unit, dp),
        .snat = ct_zone_snat(unit, dp),
    };
}

void
put_port_zone(const struct ovn_dialect *dialect, int zone,
              struct ofpbuf *ofpacts)
{
    if (dialect->has_encap_id) {
        put_load_bits(MFF_LOG_CT_ZONE, 0, 16, zone, ofpacts);
    } else {
        put_load(MFF_LOG_CT_ZONE, zone, ofpacts);
    }
}

void
put_encap_id(const struct ovn_dialect *dialect, size_t id,
             struct ofpbuf *ofpacts)
{
    if (dialect->has_encap_id) {
        put_load_bits(MFF_LOG_CT_ZONE, 16, 16, id, ofpacts);
    }
}

void
match_encap_id(const struct ovn_dialect *dialect, size_t id,
               struct match *match)
{
    if (dialect->has_encap_id) {
        match_set_reg_masked(match, MFF_LOG_CT_ZONE - MFF_REG0, id << 16,
                             0xffff0000);
    }
}

void
match_tunnel_source(const struct tunnel *t, struct match *match)
{
    struct in6_addr ip6;
    ovs_be32 ip4;

    if (ip_parse(t->remote_ip, &ip4)) {
        match_set_tun_src(match, ip4);
    } else if (ipv6_parse(t->remote_ip, &ip6)) {
        match_set_tun_ipv6_src(match, &ip6);
    }
}

/* Loads 'ip' into the field for its family. */
static void
put_in6(enum mf_field_id ip4_id, enum mf_field_id ip6_id,
        const struct in6_addr *ip, struct ofpbuf *ofpacts)
{
    const ovs_be32 ip4 = in6_addr_get_mapped_ipv4(ip);

    if (ip4) {
        ofpact_put_set_field(ofpacts, mf_from_id(ip4_id), &ip4, NULL);
    } else {
        ofpact_put_set_field(ofpacts, mf_from_id(ip6_id), ip, NULL);
    }
}

/* Loads 'ip' (NULL: none) into the field for its family. */
static void
put_tunnel_ip(enum mf_field_id ip4_id, enum mf_field_id ip6_id,
              const char *ip, struct ofpbuf *ofpacts)
{
    struct in6_addr ip6;
    ovs_be32 ip4;

    if (ip && ip_parse(ip, &ip4)) {
        ofpact_put_set_field(ofpacts, mf_from_id(ip4_id), &ip4, NULL);
    } else if (ip && ipv6_parse(ip, &ip6)) {
        ofpact_put_set_field(ofpacts, mf_from_id(ip6_id), &ip6, NULL);
    }
}

/* Whether there is a tunnel over IPv6. */
static bool
has_ipv6_tunnel(struct inc_unit *unit)
{
    const struct inc_set *shapes = tunnel_shapes(unit);

    for (size_t i = 0; i < inc_set_count(shapes); i++) {
        struct tunnel_shape shape;

        memcpy(&shape, inc_set_at(shapes, i).data, sizeof shape);
        if (shape.is_ipv6) {
            return true;
        }
    }
    return evpn_vteps_any_ipv6(unit);
}

/* A packet may have come by a tunnel over the other protocol, or been copied
 * to one, and must not have the addresses of both. */
static void
put_forget_other_ends(struct inc_unit *unit, bool is_ipv6,
                      struct ofpbuf *ofpacts)
{
    if (is_ipv6) {
        put_load(MFF_TUN_SRC, 0, ofpacts);
        put_load(MFF_TUN_DST, 0, ofpacts);
    } else if (has_ipv6_tunnel(unit)) {
        put_load(MFF_TUN_IPV6_SRC, 0, ofpacts);
        put_load(MFF_TUN_IPV6_DST, 0, ofpacts);
    }
}

void
put_to_tunnel(struct inc_unit *unit, const struct tunnel *t,
              struct ofpbuf *ofpacts)
{
    if (t->by_flow) {
        put_forget_other_ends(unit, tunnel_is_ipv6(t), ofpacts);
        put_tunnel_ip(MFF_TUN_SRC, MFF_TUN_IPV6_SRC, t->source, ofpacts);
        put_tunnel_ip(MFF_TUN_DST, MFF_TUN_IPV6_DST, t->remote_ip, ofpacts);
    }
    put_output(t->ofport, ofpacts);
}

void
put_vtep_ends(struct inc_unit *unit, const struct in6_addr *local,
              const struct in6_addr *remote, struct ofpbuf *ofpacts)
{
    put_forget_other_ends(unit, !IN6_IS_ADDR_V4MAPPED(remote), ofpacts);
    put_in6(MFF_TUN_SRC, MFF_TUN_IPV6_SRC, local, ofpacts);
    put_in6(MFF_TUN_DST, MFF_TUN_IPV6_DST, remote, ofpacts);
}

void
put_vtep_destination(const struct in6_addr *remote, struct ofpbuf *ofpacts)
{
    put_in6(MFF_TUN_DST, MFF_TUN_IPV6_DST, remote, ofpacts);
}

void
put_zones(const struct zone_ids *zones, const struct ovn_dialect *dialect,
          struct ofpbuf *ofpacts)
{
    if (zones->port) {
        put_port_zone(dialect, zones->port, ofpacts);
    }
    if (zones->dnat) {
        put_load(MFF_LOG_DNAT_ZONE, zones->dnat, ofpacts);
    }
    if (zones->snat) {
        put_load(MFF_LOG_SNAT_ZONE, zones->snat, ofpacts);
    }
}

void
put_set_eth_src(const struct eth_addr *mac, struct ofpbuf *ofpacts)
{
    ofpact_put_set_field(ofpacts, mf_from_id(MFF_ETH_SRC), mac, NULL);
}

void
put_push_vlan(uint16_t ethertype, int tag, struct ofpbuf *ofpacts)
{
    const ovs_be16 vid = htons((tag & VLAN_VID_MASK) | VLAN_CFI);

    ofpact_put_PUSH_VLAN(ofpacts)->ethertype = htons(ethertype);
    ofpact_put_set_field(ofpacts, mf_from_id(MFF_VLAN_VID), &vid, NULL);
}

void
put_enter_egress(const struct ovn_tables *tables, enum mf_field_id half_kept,
                 struct ofpbuf *ofpacts)
{
    for (int i = 0; i < MFF_N_LOG_REGS; i++) {
        if (MFF_REG0 + i != half_kept) {
            put_load(MFF_REG0 + i, 0, ofpacts);
        }
    }
    if (half_kept) {
        put_load_bits(half_kept, 0, 16, 0, ofpacts);
    }
    put_resubmit(tables->egress, ofpacts);
}

void
put_output(ofp_port_t port, struct ofpbuf *ofpacts)
{
    ofpact_put_OUTPUT(ofpacts)->port = port;
}

void
put_forget_in_port(struct ofpbuf *ofpacts)
{
    put_load(MFF_IN_PORT, ofp_to_u16(OFPP_NONE), ofpacts);
}

void
put_push_in_port(struct ofpbuf *ofpacts)
{
    const struct mf_subfield in_port = put_whole_field(MFF_IN_PORT);

    put_push(&in_port, ofpacts);
}

void
put_pop_in_port(struct ofpbuf *ofpacts)
{
    const struct mf_subfield in_port = put_whole_field(MFF_IN_PORT);

    put_pop(&in_port, ofpacts);
}

void
put_chassis_mac_clause(int clause, struct ofpbuf *ofpacts)
{
    struct ofpact_conjunction *conj = ofpact_put_CONJUNCTION(ofpacts);

    conj->id = CHASSIS_MAC_CONJ_ID;
    conj->clause = clause;
    conj->n_clauses = 2;
}

static void
put_vxlan_metadata(uint32_t dp_key, uint16_t out_key, struct ofpbuf *ofpacts)
{
    uint32_t tun_id = dp_key & ((1u << VXLAN_DP_BITS) - 1);

    if (out_key >= FIRST_MULTICAST_KEY) {
        tun_id |= VXLAN_MULTICAST_BIT;
    }
    tun_id |= (out_key & ((1u << VXLAN_PORT_BITS) - 1)) << VXLAN_DP_BITS;
    put_load_bits(MFF_TUN_ID, 0, 24, tun_id, ofpacts);
}

bool
put_tunnel_metadata(enum encap_type type, enum mf_field_id geneve,
                    uint32_t dp_key, uint16_t out_key, struct ofpbuf *ofpacts)
{
    switch (type) {
    case ENCAP_GENEVE:
        if (!geneve) {
            return false;
        }
        put_load_bits(MFF_TUN_ID, 0, 24, dp_key, ofpacts);
        put_load_bits(geneve, 0, 32, out_key, ofpacts);
        put_move(MFF_LOG_INPORT, 0, geneve, 16, 15, ofpacts);
        return true;

    case ENCAP_STT:
        put_load(MFF_TUN_ID, dp_key | ((uint64_t) out_key << 24), ofpacts);
        put_move(MFF_LOG_INPORT, 0, MFF_TUN_ID, 40, 15, ofpacts);
        return true;

    case ENCAP_VXLAN:
        put_vxlan_metadata(dp_key, out_key, ofpacts);
        return true;

    case N_ENCAP_TYPES:
    default:
        OVS_NOT_REACHED();
    }
}

void
match_outport(struct match *match, uint32_t dp_key, uint32_t port_key)
{
    match_init_catchall(match);
    match_set_metadata(match, htonll(dp_key));
    match_set_reg(match, MFF_LOG_OUTPORT - MFF_REG0, port_key);
}

void
match_flags(struct match *match, uint32_t value, uint32_t flags)
{
    match_set_reg_masked(match, MFF_LOG_FLAGS - MFF_REG0, value, flags);
}

const struct port_binding *
physical_next_localnet(struct inc_unit *unit, const struct inc_set *names,
                       size_t *i, ofp_port_t *ofport)
{
    while (*i < inc_set_count(names)) {
        const char *name = inc_set_at(names, (*i)++).data;

        *ofport = patch_ofport(unit, name);
        if (*ofport) {
            const struct port_binding *ln = in_port_binding(unit, name);

            if (ln) {
                return ln;
            }
        }
    }
    *ofport = 0;
    return NULL;
}

const struct port_binding *
physical_localnet(struct inc_unit *unit, const struct uuid *dp)
{
    ofp_port_t ofport;
    size_t i = 0;

    return physical_next_localnet(unit, binding_localnet_ports(unit, dp), &i,
                                  &ofport);
}

const char *
physical_encap_ip(struct inc_unit *unit, const struct uuid *chassis,
                  const struct uuid *encaps, size_t n)
{
    const struct chassis *ch = n ? in_chassis(unit, chassis) : NULL;

    for (size_t i = 0; ch && i < ch->n_encaps; i++) {
        for (size_t j = 0; j < n; j++) {
            if (uuid_equals(&ch->encaps[i].uuid, &encaps[j])) {
                return ch->encaps[i].ip;
            }
        }
    }
    return NULL;
}

struct chassis_macs_ctx {
    struct inc_unit *unit;
    void (*cb)(const char *network, const struct eth_addr *, void *aux);
    void *aux;
};

static bool
chassis_macs_cb(const char *network, const char *value, void *ctx_)
{
    struct chassis_macs_ctx *ctx = ctx_;
    struct eth_addr mac;

    if (!value || !eth_addr_from_string(value, &mac)) {
        UNIT_WARN(ctx->unit, &rl,
                  "Invalid ovn-chassis-mac-mappings: '%s%s%s' is not "
                  "NETWORK:MAC", network, value ? ":" : "",
                  value ? value : "");
    } else {
        ctx->cb(network, &mac, ctx->aux);
    }
    return false;
}

void
chassis_macs_for_each(struct inc_unit *unit, const char *mappings,
                      void (*cb)(const char *network, const struct eth_addr *,
                                 void *aux), void *aux)
{
    struct chassis_macs_ctx ctx = { unit, cb, aux };

    config_value_networks(mappings, chassis_macs_cb, &ctx);
}
