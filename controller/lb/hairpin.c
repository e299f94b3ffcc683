/* SPDX-License-Identifier: Apache-2.0 */

/* Load-balancer hairpin
 * =====================
 *
 * A packet that a load balancer sends back to where it came from gets a
 * source address that makes the reply come back through the load balancer.
 * Three OpenFlow tables help the logical pipeline with this:
 *
 *   - chk_lb_hairpin(): is this packet, after load balancing, one from a
 *     backend to itself?  If so, it also learns the flow of the next table
 *     that knows the reply.
 *   - chk_lb_hairpin_reply(): filled by the above only.
 *   - ct_snat_to_vip: the change of the source address, to the VIP or to the
 *     address that options:hairpin_snat_ip names.
 *
 * How a packet's original destination is found depends on the version of
 * ovn-northd that wrote the pipeline: it is in registers if
 * options:hairpin_orig_tuple is true, else conntrack remembers it.  Where
 * ovn-northd has consolidated the registers, that went without saying.
 *
 * One unit for each southbound Load_Balancer.  Its flows are the same for all
 * datapaths, but for those of the last one with a hairpin_snat_ip. */

#include <config.h>
#include "lb/hairpin.h"

#include "byte-order.h"
#include "flow-table.h"
#include "inputs.h"
#include "lb.h"
#include "lflow-env.h"
#include "lflow-text.h"
#include "module.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "ovn/logical-fields.h"
#include "packets.h"
#include "put-actions.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(lb_hairpin);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

enum {
    PRIORITY_CHECK = 100,

    /* ct_snat_to_vip. */
    PRIORITY_SNAT_VIP = 90,
    PRIORITY_SNAT_VIP_PORT = 100,
    PRIORITY_SNAT_IP = 190,
    PRIORITY_SNAT_IP_PORT = 200,
};

/* The bit of ct_mark or ct_label that says "load-balanced". */
#define CT_NATTED 0x2

struct hairpin {
    const struct ovn_dialect *dialect;
    uint32_t cookie;
    uint8_t proto;
    bool orig_tuple;            /* Original destination is in registers. */
    bool use_ct_mark;           /* Rather than ct_label. */
    struct lb_hairpin_snat snat;
};

/* Matches. */

static void
match_proto(struct match *match, const struct hairpin *h,
            const struct lb_endpoint *vip)
{
    match_set_dl_type(match, (lb_endpoint_is_ip4(vip)
                              ? htons(ETH_TYPE_IP) : htons(ETH_TYPE_IPV6)));
    if (vip->port) {
        match_set_nw_proto(match, h->proto);
    }
}

/* Restricts 'match' to packets whose original destination was 'vip'. */
static void
match_orig(struct match *match, const struct hairpin *h,
           const struct lb_endpoint *vip)
{
    bool ip4 = lb_endpoint_is_ip4(vip);
    ovs_be128 ip6;

    memcpy(&ip6, &vip->ip, sizeof ip6);
    match_proto(match, h, vip);
    if (h->orig_tuple) {
        const struct ovn_registers *regs = &h->dialect->regs;

        if (ip4) {
            match_set_reg(match, regs->lb_dst_ip4 - MFF_REG0,
                          ntohl(in6_addr_get_mapped_ipv4(&vip->ip)));
        } else {
            match_set_xxreg(match, regs->lb_dst_ip6 - MFF_XXREG0,
                            ntoh128(ip6));
        }
        if (vip->port) {
            match_set_reg_masked(match, regs->lb_dst_port - MFF_REG0,
                                 vip->port, UINT16_MAX);
        }
        return;
    }

    match_set_ct_state_masked(match, CS_TRACKED | CS_DST_NAT,
                              CS_TRACKED | CS_DST_NAT);
    if (ip4) {
        match_set_ct_nw_dst(match, in6_addr_get_mapped_ipv4(&vip->ip));
    } else {
        match_set_ct_ipv6_dst(match, &vip->ip);
    }
    if (vip->port) {
        match_set_ct_nw_proto(match, h->proto);
        match_set_ct_tp_dst(match, htons(vip->port));
    }
}

/* learn() */

static struct ofpact_learn_spec *
put_spec(struct ofpbuf *ofpacts, int dst_type, enum mf_field_id dst, int ofs,
         int n_bits, size_t imm_len)
{
    struct ofpact_learn_spec *spec
        = ofpbuf_put_zeros(ofpacts, sizeof *spec + OFPACT_ALIGN(imm_len));

    spec->src_type = NX_LEARN_SRC_IMMEDIATE;
    spec->dst_type = dst_type;
    spec->n_bits = n_bits;
    spec->dst.field = mf_from_id(dst);
    spec->dst.ofs = ofs;
    spec->dst.n_bits = n_bits;
    return spec;
}

/* The learned flow matches 'dst', which is to be what 'src' is now. */
static void
learn_field(struct ofpbuf *ofpacts, enum mf_field_id dst, enum mf_field_id src)
{
    put_learn_field(NX_LEARN_DST_MATCH, dst, src, ofpacts);
}

/* The learned flow matches the 'len' bytes at 'value' as 'dst'. */
static void
learn_value(struct ofpbuf *ofpacts, enum mf_field_id dst,
            const void *value, size_t len)
{
    struct ofpact_learn_spec *spec
        = put_spec(ofpacts, NX_LEARN_DST_MATCH, dst, 0, len * 8, len);

    memcpy(spec + 1, value, len);
}

/* The learned flow sets bit 'ofs' of 'dst'. */
static void
learn_set_bit(struct ofpbuf *ofpacts, enum mf_field_id dst, int ofs)
{
    struct ofpact_learn_spec *spec
        = put_spec(ofpacts, NX_LEARN_DST_LOAD, dst, ofs, 1, 1);

    *(uint8_t *) (spec + 1) = 1;
}

static enum mf_field_id
port_field(uint8_t proto, bool src)
{
    switch (proto) {
    case IPPROTO_UDP:
        return src ? MFF_UDP_SRC : MFF_UDP_DST;
    case IPPROTO_SCTP:
        return src ? MFF_SCTP_SRC : MFF_SCTP_DST;
    default:
        return src ? MFF_TCP_SRC : MFF_TCP_DST;
    }
}

/* Appends a learn() of the flow that recognizes replies to a packet for 'vip'
 * that is hairpinned. */
static void
put_learn(struct ofpbuf *ofpacts, const struct hairpin *h,
          const struct lb_endpoint *vip)
{
    bool ip4 = lb_endpoint_is_ip4(vip);
    const struct in6_addr *ip = lb_hairpin_snat_ip(&h->snat, vip);
    ovs_be16 eth_type = htons(ip4 ? ETH_TYPE_IP : ETH_TYPE_IPV6);
    ovs_be32 ip4_dst = in6_addr_get_mapped_ipv4(ip);
    struct ofpact_learn *learn = ofpact_put_LEARN(ofpacts);

    learn->flags = NX_LEARN_F_DELETE_LEARNED;
    learn->priority = OFP_DEFAULT_PRIORITY;
    learn->table_id = h->dialect->tables.chk_lb_hairpin_reply;
    learn->cookie = htonll(h->cookie);

    learn_field(ofpacts, MFF_LOG_DATAPATH, MFF_LOG_DATAPATH);
    learn_value(ofpacts, MFF_ETH_TYPE, &eth_type, sizeof eth_type);
    if (ip4) {
        learn_field(ofpacts, MFF_IPV4_SRC, MFF_IPV4_SRC);
        learn_value(ofpacts, MFF_IPV4_DST, &ip4_dst, sizeof ip4_dst);
    } else {
        learn_field(ofpacts, MFF_IPV6_SRC, MFF_IPV6_SRC);
        learn_value(ofpacts, MFF_IPV6_DST, ip, sizeof *ip);
    }
    if (vip->port) {
        learn_value(ofpacts, MFF_IP_PROTO, &h->proto, sizeof h->proto);
        learn_field(ofpacts, port_field(h->proto, true),
                    port_field(h->proto, false));
    } else {
        learn_field(ofpacts, MFF_IP_PROTO, MFF_IP_PROTO);
    }
    learn_set_bit(ofpacts, MFF_LOG_FLAGS, MLF_LOOKUP_LB_HAIRPIN_BIT);

    learn = ofpacts->header;
    ofpact_finish_LEARN(ofpacts, &learn);
}

/* Flows. */

static void
put_check(struct inc_unit *unit, const struct hairpin *h,
          const struct lb_endpoint *vip, const struct lb_endpoint *backend)
{
    struct match match = MATCH_CATCHALL_INITIALIZER;
    uint64_t stub[1024 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    match_orig(&match, h, vip);
    if (h->use_ct_mark) {
        match_set_ct_mark_masked(&match, CT_NATTED, CT_NATTED);
    } else {
        ovs_u128 natted = { .u64.lo = CT_NATTED };
        match_set_ct_label_masked(&match, natted, natted);
    }
    if (lb_endpoint_is_ip4(backend)) {
        ovs_be32 ip = in6_addr_get_mapped_ipv4(&backend->ip);
        match_set_nw_src(&match, ip);
        match_set_nw_dst(&match, ip);
    } else {
        match_set_ipv6_src(&match, &backend->ip);
        match_set_ipv6_dst(&match, &backend->ip);
    }
    if (backend->port) {
        match_set_tp_dst(&match, htons(backend->port));
    }

    put_load_bits(MFF_LOG_FLAGS, MLF_LOOKUP_LB_HAIRPIN_BIT, 1, 1, &ofpacts);
    put_learn(&ofpacts, h, vip);
    flow_output_add(unit, h->dialect->tables.chk_lb_hairpin, PRIORITY_CHECK,
                    h->cookie, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Appends ct(commit,zone=SNAT-ZONE,nat(src='ip')). */
static void
put_ct_snat(struct ofpbuf *ofpacts, const struct in6_addr *ip)
{
    size_t ct_ofs = ofpacts->size;
    struct ofpact_conntrack *ct = ofpact_put_CT(ofpacts);

    ct->flags = NX_CT_F_COMMIT;
    ct->recirc_table = NX_CT_RECIRC_NONE;
    ct->zone_src.field = mf_from_id(MFF_LOG_SNAT_ZONE);
    ct->zone_src.n_bits = 16;

    struct ofpact_nat *nat = ofpact_put_NAT(ofpacts);
    nat->flags = NX_NAT_F_SRC;
    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        nat->range_af = AF_INET;
        nat->range.addr.ipv4.min = in6_addr_get_mapped_ipv4(ip);
    } else {
        nat->range_af = AF_INET6;
        nat->range.addr.ipv6.min = *ip;
    }

    ct = ofpbuf_at_assert(ofpacts, ct_ofs, sizeof *ct);
    ofpacts->header = ct;
    ofpact_finish_CT(ofpacts, &ct);
}

static void
put_snat(struct inc_unit *unit, const struct hairpin *h,
         const struct lb_endpoint *vip, const struct lflow_dp **dps, size_t n)
{
    const struct in6_addr *ip = lb_hairpin_snat_ip(&h->snat, vip);
    struct match match = MATCH_CATCHALL_INITIALIZER;
    uint64_t stub[256 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    match_orig(&match, h, vip);
    put_ct_snat(&ofpacts, ip);
    if (ip == &vip->ip) {
        flow_output_add(unit, h->dialect->tables.ct_snat_hairpin,
                        vip->port ? PRIORITY_SNAT_VIP_PORT : PRIORITY_SNAT_VIP,
                        h->cookie, &match, &ofpacts);
    } else {
        for (size_t i = 0; i < n; i++) {
            if (!dps[i]->is_switch) {
                continue;       /* Nothing is hairpinned on routers. */
            }
            match_set_metadata(&match, htonll(dps[i]->tunnel_key));
            flow_output_add(unit, h->dialect->tables.ct_snat_hairpin,
                            (vip->port ? PRIORITY_SNAT_IP_PORT
                             : PRIORITY_SNAT_IP),
                            h->cookie, &match, &ofpacts);
        }
    }
    ofpbuf_uninit(&ofpacts);
}

/* The unit. */

static void
put_lb(struct inc_unit *unit, const struct load_balancer *lb,
       const struct lflow_dp **dps, size_t n_dps)
{
    const struct smap *sb_options = in_sb_options(unit);
    const char *snat = smap_get(&lb->options, "hairpin_snat_ip");
    struct hairpin h = {
        .dialect = in_dialect(unit),
        .cookie = lb->uuid.parts[0],
        .proto = lb_protocol_number(lb->protocol),
        .orig_tuple = smap_get_bool(
            &lb->options, "hairpin_orig_tuple",
            in_dialect(unit)->register_consolidation),
        .use_ct_mark = (!sb_options
                        || smap_get_bool(sb_options, "lb_hairpin_use_ct_mark",
                                         true)),
    };
    struct lb_vip *vips;
    size_t n_vips;
    bool snat_ok = lb_hairpin_snat_parse(snat, &h.snat);
    char *bad;

    lb_vips_expand(&lb->vips, &lb->options, lflow_text_template_var, unit,
                   &vips, &n_vips, &bad);
    if (bad) {
        UNIT_WARN(unit, &rl,
                  "load balancer %s ("UUID_FMT"): bad VIP or backend in %s",
                  lb->name, UUID_ARGS(&lb->uuid), bad);
    } else if (!snat_ok) {
        UNIT_WARN(unit, &rl,
                  "bad hairpin_snat_ip %s in load balancer "UUID_FMT,
                  snat, UUID_ARGS(&lb->uuid));
    }
    free(bad);

    for (size_t i = 0; i < n_vips; i++) {
        for (size_t j = 0; j < vips[i].n_backends; j++) {
            put_check(unit, &h, &vips[i].vip, &vips[i].backends[j]);
        }
        put_snat(unit, &h, &vips[i].vip, dps, n_dps);
    }
    lb_vips_destroy(vips, n_vips);
}

static void
lb_hairpin_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct load_balancer *lb
        = in_load_balancer(unit, inc_unit_key(unit).data);

    flow_output_begin(unit);
    if (lb) {
        const struct lflow_dp **dps = NULL;
        size_t n_dps = 0;

        lflow_env_lb(unit, lb, &dps, &n_dps);
        if (n_dps) {
            put_lb(unit, lb, dps, n_dps);
        }
        free(dps);
    }
    flow_output_end(unit);
}

static const struct inc_unit_class lb_hairpin_unit_class = {
    .name = "lb-hairpin",
    .stage = STAGE_FLOW,
    .run = lb_hairpin_run,
    .removed = flow_output_removed,
};

static void
init(struct inc_engine *engine OVS_UNUSED)
{
    inc_kind_spawn(in_kinds.load_balancer, &lb_hairpin_unit_class, NULL);
}

const struct module lb_hairpin_module = {
    .name = "lb-hairpin",
    .init = init,
};
