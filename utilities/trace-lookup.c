/* SPDX-License-Identifier: Apache-2.0 */

/* Simulation of actions: look-ups in tables of the southbound database and in
 * what the controller knows, and reports to it. */

#include <config.h>
#include "trace-actions-private.h"

#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "lb.h"
#include "lport-type.h"
#include "openvswitch/dynamic-string.h"
#include "ovn-sb-idl.h"
#include "ovn/logical-fields.h"
#include "packets.h"
#include "port-sec.h"
#include "trace-db.h"
#include "trace-flows.h"
#include "trace-lb.h"
#include "trace-node.h"
#include "trace-pipeline.h"
#include "util.h"

/* Neighbors. */

static void
execute_get_neighbor(struct trace_acts *acts, const struct ovnact_mac *get)
{
    struct in6_addr ip = trace_read_ip(acts, &get->ip);
    uint32_t port_key = trace_read_u32(acts, &get->port);
    struct eth_addr mac = eth_addr_zero;

    if (trace_db_neighbor(acts->t->db, acts->dp, port_key, &ip, &mac)) {
        trace_put(acts->parent, TRACE_RESULT,
                  "/* MAC binding to "ETH_ADDR_FMT". */", ETH_ADDR_ARGS(mac));
    } else {
        trace_put(acts->parent, TRACE_RESULT, "/* No MAC binding. */");
    }
    acts->packet->dl_dst = mac;
    trace_put(acts->parent, TRACE_MODIFY, "eth.dst = "ETH_ADDR_FMT,
              ETH_ADDR_ARGS(mac));
}

/* With 'with_mac', the binding must also be to the MAC address given.  (The
 * note shows the packet's destination all the same, as it always has.) */
static void
execute_lookup_neighbor(struct trace_acts *acts,
                        const struct ovnact_mac *lookup, bool with_mac)
{
    struct in6_addr ip = trace_read_ip(acts, &lookup->ip);
    uint32_t port_key = trace_read_u32(acts, &lookup->port);
    struct eth_addr mac;

    bool found = (with_mac
                  ? trace_db_has_neighbor(acts->t->db, acts->dp, port_key, &ip,
                                          trace_read_mac(acts, &lookup->mac))
                  : trace_db_neighbor(acts->t->db, acts->dp, port_key, &ip,
                                      &mac));

    if (!found) {
        trace_put(acts->parent, TRACE_RESULT,
                  "/* lookup failed - No MAC binding. */");
    } else if (with_mac) {
        trace_put(acts->parent, TRACE_RESULT,
                  "/* MAC binding to "ETH_ADDR_FMT" found. */",
                  ETH_ADDR_ARGS(acts->packet->dl_dst));
    } else {
        trace_put(acts->parent, TRACE_RESULT, "/* MAC binding found. */");
    }
    trace_write_bit(acts, &lookup->dst, found);
}

/* The forwarding database. */

static void
execute_get_fdb(struct trace_acts *acts, const struct ovnact_mac *get)
{
    uint32_t key = trace_db_fdb(acts->t->db, acts->dp,
                                trace_read_mac(acts, &get->mac));
    union mf_subvalue value;

    memset(&value, 0, sizeof value);
    value.be32[ARRAY_SIZE(value.be32) - 1] = htonl(key);
    trace_write(acts, &get->dst, &value);
}

/* (As with neighbors, the note shows the packet's destination.) */
static void
execute_lookup_fdb(struct trace_acts *acts, const struct ovnact_mac *lookup)
{
    struct eth_addr mac = trace_read_mac(acts, &lookup->mac);
    uint32_t port_key = trace_read_u32(acts, &lookup->port);
    uint32_t key = trace_db_fdb(acts->t->db, acts->dp, mac);
    bool found = key && key == port_key;

    if (found) {
        trace_put(acts->parent, TRACE_RESULT,
                  "/* MAC lookup for "ETH_ADDR_FMT" found in FDB. */",
                  ETH_ADDR_ARGS(acts->packet->dl_dst));
    } else {
        trace_put(acts->parent, TRACE_RESULT,
                  "/* lookup mac failed in mac learning table. */");
    }
    trace_write_bit(acts, &lookup->dst, found);
}

/* Options. */

/* The options go into the packet.  What is seen of that is the action without
 * its result. */
static void
execute_put_opts(struct trace_acts *acts, const struct ovnact *a)
{
    const struct ovnact_opts *opts
        = CONTAINER_OF(a, struct ovnact_opts, ovnact);
    char *text = trace_format_action(acts->t, a);
    const char *call = strstr(text, " = ");

    if (a->type != OVNACT_PUT_ND_RA_OPTS) {
        trace_put(acts->parent, TRACE_ERROR, "/* We assume that this packet "
                  "is DHCPDISCOVER or DHCPREQUEST. */");
    }
    trace_put(acts->parent, TRACE_MODIFY, "%s",
              call ? call + strlen(" = ") : text);
    free(text);
    trace_write_bit(acts, &opts->dst, true);
}

/* As with options, it is assumed that all is well; the result of a check of a
 * response is a packet to all, since a client's address is not in a flow. */
static void
execute_dhcp_relay(struct trace_acts *acts, const struct ovnact *a)
{
    const struct ovnact_dhcp_relay *relay
        = CONTAINER_OF(a, struct ovnact_dhcp_relay, ovnact);

    if (a->type == OVNACT_DHCPV4_RELAY_REQ_CHK) {
        trace_put(acts->parent, TRACE_ERROR, "/* We assume that this packet "
                  "is DHCPDISCOVER or DHCPREQUEST. */");
    } else {
        trace_put(acts->parent, TRACE_ERROR, "/* We assume that this packet "
                  "is DHCPOFFER or DHCPACK and DHCP broadcast flag is set. "
                  "Dest IP is set to broadcast. Dest MAC is set to broadcast "
                  "but in real network this is unicast which is extracted "
                  "from DHCP header. */");
        acts->packet->dl_dst = eth_addr_broadcast;
        acts->packet->nw_dst = htonl(UINT32_MAX);
    }
    trace_write_bit(acts, &relay->dst, true);
}

/* What the tracker knows of the packet's connection, as far as that is shown:
 * the packet's own port and protocol, whatever has become of it. */
static void
execute_ct_orig(struct trace_acts *acts, const struct ovnact *a)
{
    const struct ovnact_result *result
        = CONTAINER_OF(a, struct ovnact_result, ovnact);
    const uint16_t own = (a->type == OVNACT_CT_ORIG_PROTO
                          ? acts->packet->nw_proto
                          : ntohs(acts->packet->tp_dst));
    union mf_subvalue value;
    struct ds s = DS_EMPTY_INITIALIZER;

    if (!acts->t->db->dialect.keeps_ct_orig) {
        return;
    }
    memset(&value, 0, sizeof value);
    value.be16[ARRAY_SIZE(value.be16) - 1] = htons(own);
    trace_write(acts, &result->dst, &value);
    expr_field_format(&result->dst, &s);
    ds_put_format(&s, " = %"PRIu16, own);
    trace_put_nocopy(acts->parent, TRACE_MODIFY, ds_steal_cstr(&s));
}

/* What the tracker has said already. */
static void
execute_ct_state_save(struct trace_acts *acts, const struct ovnact *a)
{
    const struct ovnact_result *result
        = CONTAINER_OF(a, struct ovnact_result, ovnact);
    union mf_subvalue value = { .u8_val = acts->packet->ct_state };
    struct ds s = DS_EMPTY_INITIALIZER;

    trace_write(acts, &result->dst, &value);
    ds_put_cstr(&s, "/* ");
    expr_field_format(&result->dst, &s);
    ds_put_format(&s, " = %"PRIu8"; */", value.u8_val);
    trace_put_nocopy(acts->parent, TRACE_RESULT, ds_steal_cstr(&s));
}

/* What the controller has in tables of its own. */

/* Where the packet was sent to before a load balancer sent it elsewhere, with
 * port 'tp_dst'.  Returns false if that is not a VIP of any load balancer, be
 * it another datapath's. */
static bool
find_vip(const struct trace_acts *acts, ovs_be16 tp_dst,
         struct lb_endpoint *vip)
{
    const struct flow *packet = acts->packet;

    vip->ip = packet->ct_ipv6_dst;
    vip->port = ntohs(tp_dst);
    if (packet->dl_type == htons(ETH_TYPE_IP)) {
        in6_addr_set_mapped_ipv4(&vip->ip, packet->ct_nw_dst);
    }
    if (!trace_lbs_have_vip(acts->t->db->lbs, acts->t->chassis, vip)) {
        /* One without a port takes what is for any. */
        vip->port = 0;
        return trace_lbs_have_vip(acts->t->db->lbs, acts->t->chassis, vip);
    }
    return true;
}

/* Whether the packet goes back to where it came from.  The result for a reply
 * is, as it has always been shown, about the port that the packet is sent to
 * now, not about the one that it was sent to. */
static bool
is_hairpinned(const struct trace_acts *acts, bool reply)
{
    const struct flow *packet = acts->packet;
    bool back = (packet->dl_type == htons(ETH_TYPE_IP)
                 ? packet->nw_src == packet->nw_dst
                 : ipv6_addr_equals(&packet->ipv6_src, &packet->ipv6_dst));
    struct lb_endpoint vip;

    return back && find_vip(acts, reply ? packet->tp_dst : packet->ct_tp_dst,
                            &vip);
}

/* On a chassis, what follows sees the new source, if that is known.
 * Otherwise, as OVN 23.03's ovn-trace has it, the VIP is shown and the packet
 * stays as it is. */
static void
execute_ct_snat_to_vip(struct trace_acts *acts)
{
    struct flow *packet = acts->packet;
    char text[INET6_ADDRSTRLEN];
    struct lb_endpoint vip;

    if (!find_vip(acts, packet->ct_tp_dst, &vip)) {
        return;
    }

    struct in6_addr ip;
    if (acts->t->chassis
        && trace_lbs_hairpin_source(acts->t->db->lbs, acts->t->chassis, &vip,
                                    &ip)) {
        if (packet->dl_type == htons(ETH_TYPE_IP)) {
            packet->nw_src = in6_addr_get_mapped_ipv4(&ip);
        } else {
            packet->ipv6_src = ip;
        }
    } else {
        ip = vip.ip;
    }
    ipv6_string_mapped(text, &ip);
    trace_put(acts->parent, TRACE_RESULT, "/* nat(src=%s) */", text);
}

static void
execute_chk_lb_hairpin(struct trace_acts *acts, const struct ovnact *a)
{
    const struct ovnact_result *result
        = CONTAINER_OF(a, struct ovnact_result, ovnact);
    bool hairpinned
        = is_hairpinned(acts, a->type == OVNACT_CHK_LB_HAIRPIN_REPLY);
    struct ds s = DS_EMPTY_INITIALIZER;

    trace_write_bit(acts, &result->dst, hairpinned);
    expr_field_format(&result->dst, &s);
    ds_put_format(&s, " = %d", hairpinned);
    trace_put_nocopy(acts->parent, TRACE_MODIFY, ds_steal_cstr(&s));
}

static void
execute_check_port_sec(struct trace_acts *acts, const struct ovnact *a,
                       bool is_in)
{
    const struct ovnact_result *result
        = CONTAINER_OF(a, struct ovnact_result, ovnact);
    uint32_t key = acts->packet->regs[(is_in ? MFF_LOG_INPORT
                                       : MFF_LOG_OUTPORT) - MFF_REG0];
    const struct trace_port *port = trace_dp_port(acts->dp, key);

    const struct sbrec_port_binding *row = port ? port->row : NULL;
    bool polices = row && lport_type_has_host(
        lport_type_from_word(row->type, row->parent_port));

    trace_write_bit(acts, &result->dst,
                    polices && !port_sec_allows(row->port_security,
                                                row->n_port_security,
                                                acts->packet, is_in));
}

/* Reports. */

static void
execute_log(struct trace_acts *acts, const struct ovnact_log *log)
{
    char *packet = flow_to_string(acts->packet, NULL);

    trace_put(acts->parent, TRACE_FORK, "LOG: ACL name=%s, direction=%s, "
              "verdict=%s, severity=%s, packet=\"%s\"",
              log->name ? log->name : "<unnamed>",
              acts->lflow->pipeline == OVN_P_INGRESS ? "IN" : "OUT",
              ovnact_verdict_name(log->verdict),
              ovnact_severity_name(log->severity), packet);
    free(packet);
}

void
trace_lookup_action(struct trace_acts *acts, const struct ovnact *a)
{
    switch ((int) a->type) {
    case OVNACT_GET_ARP:
    case OVNACT_GET_ND:
        execute_get_neighbor(acts, CONTAINER_OF(a, struct ovnact_mac,
                                                ovnact));
        break;
    case OVNACT_LOOKUP_ARP:
    case OVNACT_LOOKUP_ND:
        execute_lookup_neighbor(acts, CONTAINER_OF(a, struct ovnact_mac,
                                                   ovnact), true);
        break;
    case OVNACT_LOOKUP_ARP_IP:
    case OVNACT_LOOKUP_ND_IP:
        execute_lookup_neighbor(acts, CONTAINER_OF(a, struct ovnact_mac,
                                                   ovnact), false);
        break;
    case OVNACT_GET_FDB:
        execute_get_fdb(acts, CONTAINER_OF(a, struct ovnact_mac, ovnact));
        break;
    case OVNACT_LOOKUP_FDB:
        execute_lookup_fdb(acts, CONTAINER_OF(a, struct ovnact_mac, ovnact));
        break;
    case OVNACT_GET_REMOTE_FDB:
        trace_put(acts->parent, TRACE_NOTE,
                  "/* The remote FDB table is different per each chassis. */");
        break;
    case OVNACT_FLOOD_REMOTE:
        trace_put(acts->parent, TRACE_NOTE,
                  "/* Flood to all remote chassis */");
        break;
    case OVNACT_CT_ORIG_TP_DST:
    case OVNACT_CT_ORIG_PROTO:
        execute_ct_orig(acts, a);
        break;
    case OVNACT_CT_STATE_SAVE:
        execute_ct_state_save(acts, a);
        break;
    case OVNACT_DHCPV4_RELAY_REQ_CHK:
    case OVNACT_DHCPV4_RELAY_RESP_CHK:
        execute_dhcp_relay(acts, a);
        break;
    case OVNACT_PUT_DHCPV4_OPTS:
    case OVNACT_PUT_DHCPV6_OPTS:
    case OVNACT_PUT_ND_RA_OPTS:
        execute_put_opts(acts, a);
        break;
    case OVNACT_DNS_LOOKUP:
        trace_put(acts->parent, TRACE_ERROR,
                  "*** dns_lookup action not implemented");
        break;
    case OVNACT_CHK_LB_HAIRPIN:
    case OVNACT_CHK_LB_HAIRPIN_REPLY:
        execute_chk_lb_hairpin(acts, a);
        break;
    case OVNACT_CT_SNAT_TO_VIP:
        execute_ct_snat_to_vip(acts);
        break;
    case OVNACT_CHECK_IN_PORT_SEC:
        execute_check_port_sec(acts, a, true);
        break;
    case OVNACT_CHECK_OUT_PORT_SEC:
        execute_check_port_sec(acts, a, false);
        break;
    case OVNACT_LOG:
        execute_log(acts, CONTAINER_OF(a, struct ovnact_log, ovnact));
        break;
    default:
        OVS_NOT_REACHED();
    }
}
