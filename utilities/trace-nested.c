/* SPDX-License-Identifier: Apache-2.0 */

/* Simulation of actions: packets that the controller makes of a packet,
 * "clone" and "mirror". */

#include <config.h>
#include "trace-actions-private.h"

#include <netinet/icmp6.h>

#include "flow.h"
#include "ovn/logical-fields.h"
#include "packets.h"
#include "sender-error.h"
#include "trace-db.h"
#include "trace-flows.h"
#include "trace-node.h"
#include "trace-pipeline.h"
#include "util.h"

/* Its macro icmp_id is a parameter's name in packets.h. */
#include <netinet/ip_icmp.h>

static void
make_arp(struct flow *packet)
{
    packet->dl_type = htons(ETH_TYPE_ARP);
    packet->nw_proto = ARP_OP_REQUEST;
    packet->arp_sha = packet->dl_src;
    packet->arp_tha = eth_addr_zero;
}

static void
make_icmp4(struct flow *packet)
{
    packet->dl_type = htons(ETH_TYPE_IP);
    packet->nw_proto = IPPROTO_ICMP;
    packet->nw_ttl = 255;
    packet->tp_src = htons(ICMP_DEST_UNREACH);
    packet->tp_dst = htons(ICMP_HOST_UNREACH);
}

static void
make_icmp6(struct flow *packet)
{
    packet->dl_type = htons(ETH_TYPE_IPV6);
    packet->nw_proto = IPPROTO_ICMPV6;
    packet->nw_ttl = 255;
    packet->tp_src = htons(ICMP6_DST_UNREACH);
    packet->tp_dst = htons(ICMP6_DST_UNREACH_ADMIN);
}

static void
make_tcp_reset(struct flow *packet)
{
    packet->nw_proto = IPPROTO_TCP;
    packet->nw_ttl = 255;
    packet->tcp_flags = htons(TCP_RST);
}

static void
make_sctp_abort(struct flow *packet)
{
    packet->nw_proto = IPPROTO_SCTP;
    packet->nw_ttl = 255;
}

static void
make_nd_na(struct flow *packet)
{
    struct eth_addr eth_src = packet->dl_src;

    packet->dl_src = packet->dl_dst;
    if (ipv6_addr_is_set(&packet->ipv6_src)) {
        packet->dl_dst = eth_src;
        packet->ipv6_dst = packet->ipv6_src;
    } else {
        ipv6_multicast_to_ethernet(&packet->dl_dst, &in6addr_all_hosts);
        packet->ipv6_dst = in6addr_all_hosts;
    }
    packet->ipv6_src = packet->nd_target;
    packet->dl_type = htons(ETH_TYPE_IPV6);
    packet->nw_proto = IPPROTO_ICMPV6;
    packet->nw_ttl = 255;
    packet->tp_src = htons(ND_NEIGHBOR_ADVERT);
    packet->tp_dst = htons(0);
    packet->arp_sha = eth_addr_zero;
    packet->arp_tha = packet->dl_src;
}

/* What a chassis sends, if 'exact'; otherwise, what OVN 23.03's ovn-trace
 * makes of the packet. */
static void
make_nd_ns(struct flow *packet, bool exact)
{
    packet->arp_tha = packet->dl_dst;
    packet->tp_src = htons(ND_NEIGHBOR_SOLICIT);
    packet->arp_sha = eth_addr_zero;

    struct in6_addr group;
    in6_addr_solicited_node(&group, &packet->ipv6_dst);
    ipv6_multicast_to_ethernet(&packet->dl_dst, &group);
    if (exact) {
        packet->nw_proto = IPPROTO_ICMPV6;
        packet->nw_ttl = 255;
        packet->tp_dst = htons(0);
        packet->nd_target = packet->ipv6_dst;
        packet->ipv6_dst = group;
        in6_generate_lla(packet->dl_src, &packet->ipv6_src);
        packet->arp_sha = packet->dl_src;
        packet->arp_tha = eth_addr_zero;
    }
}

/* The packet turns around and becomes what says that it was not welcome.
 * Returns its name. */
static const char *
make_rejection(struct flow *packet)
{
    struct eth_addr eth_src = packet->dl_src;

    packet->dl_src = packet->dl_dst;
    packet->dl_dst = eth_src;
    if (packet->dl_type == htons(ETH_TYPE_IP)) {
        ovs_be32 nw_src = packet->nw_src;
        packet->nw_src = packet->nw_dst;
        packet->nw_dst = nw_src;
    } else {
        struct in6_addr ipv6_src = packet->ipv6_src;
        packet->ipv6_src = packet->ipv6_dst;
        packet->ipv6_dst = ipv6_src;
    }

    if (packet->nw_proto == IPPROTO_TCP) {
        make_tcp_reset(packet);
        return "tcp_reset";
    } else if (packet->nw_proto == IPPROTO_SCTP) {
        make_sctp_abort(packet);
        return "sctp_abort";
    } else if (packet->dl_type == htons(ETH_TYPE_IP)) {
        make_icmp4(packet);
        return "icmp4";
    } else {
        make_icmp6(packet);
        return "icmp6";
    }
}

/* Whether 'packet' is itself what make_rejection() makes, which is not
 * rejected again.  (An SCTP abort cannot be told: a flow does not have the
 * chunk.) */
static bool
is_rejection(const struct flow *packet)
{
    if (packet->nw_proto == IPPROTO_TCP) {
        return packet->tcp_flags == htons(TCP_RST);
    } else if (packet->dl_type == htons(ETH_TYPE_IP)) {
        return (packet->nw_proto == IPPROTO_ICMP
                && packet->tp_src == htons(ICMP_DEST_UNREACH));
    } else {
        return (packet->nw_proto == IPPROTO_ICMPV6
                && packet->tp_src == htons(ICMP6_DST_UNREACH));
    }
}

/* Makes of 'packet' what 'type' says.  Returns the name of what has become of
 * it. */
static const char *
transform(enum ovnact_type type, bool exact, struct flow *packet)
{
    switch ((int) type) {
    case OVNACT_CLONE:
        return "clone";
    case OVNACT_ARP:
        make_arp(packet);
        return "arp";
    case OVNACT_ICMP4:
    case OVNACT_ICMP4_ERROR:
        make_icmp4(packet);
        return "icmp4";
    case OVNACT_ICMP6:
    case OVNACT_ICMP6_ERROR:
        make_icmp6(packet);
        return "icmp6";
    case OVNACT_TCP_RESET:
        make_tcp_reset(packet);
        return "tcp_reset";
    case OVNACT_SCTP_ABORT:
        make_sctp_abort(packet);
        return "sctp_abort";
    case OVNACT_REJECT:
        return make_rejection(packet);
    case OVNACT_ND_NA:
        make_nd_na(packet);
        return "nd_na";
    case OVNACT_ND_NA_ROUTER:
        make_nd_na(packet);
        return "nd_na_router";
    case OVNACT_ND_NS:
        make_nd_ns(packet, exact);
        return "nd_ns";
    default:
        OVS_NOT_REACHED();
    }
}

/* The copy goes through the egress pipeline of the port alone. */
static void
execute_mirror(struct trace_acts *acts, const struct ovnact_mirror *mirror)
{
    struct flow copy = *acts->packet;
    struct trace_env env;
    unsigned int key;

    trace_env_init(&env, acts->t->db, acts->dp, acts->t->chassis);
    if (!env.env.port_key(mirror->port, &key, env.env.aux)) {
        /* (The stock program's spelling.) */
        trace_put(acts->parent, TRACE_ERROR,
                  "/* omitting output because no ta" "get port found. */");
        return;
    }
    copy.regs[MFF_LOG_OUTPORT - MFF_REG0] = key;
    trace_table(acts->t, acts->dp, &copy, OVN_P_EGRESS, 0,
                trace_put(acts->parent, TRACE_FORK, "clone"));
}

/* Why the controller of a chassis does not send what 'type' says about
 * 'packet', NULL if it does. */
static const char *
refusal(enum ovnact_type type, const struct flow *packet)
{
    enum sender_error error;

    switch ((int) type) {
    case OVNACT_ICMP4:
    case OVNACT_ICMP6:
        error = SENDER_ERROR_ICMP;
        break;
    case OVNACT_ICMP4_ERROR:
    case OVNACT_ICMP6_ERROR:
        error = SENDER_ERROR_TOO_BIG;
        break;
    case OVNACT_TCP_RESET:
        error = SENDER_ERROR_TCP_RESET;
        break;
    case OVNACT_SCTP_ABORT:
        error = SENDER_ERROR_SCTP_ABORT;
        break;
    case OVNACT_REJECT:
        error = sender_error_of_rejection(packet);
        break;
    default:
        return NULL;
    }

    const uint8_t icmp_type = ntohs(packet->tp_src);
    return sender_error_refusal(
        error, packet, sender_error_is_icmp_error(packet, icmp_type));
}

void
trace_nested_action(struct trace_acts *acts, const struct ovnact *a)
{
    if (a->type == OVNACT_MIRROR) {
        execute_mirror(acts, CONTAINER_OF(a, struct ovnact_mirror, ovnact));
        return;
    }
    const char *why_not = (acts->t->chassis ? refusal(a->type, acts->packet)
                           : NULL);
    if (why_not) {
        trace_put(acts->parent, TRACE_ERROR,
                  "*** the sender is told nothing: %s", why_not);
        return;
    }
    if (a->type == OVNACT_REJECT && is_rejection(acts->packet)) {
        return;
    }
    struct flow copy = *acts->packet;
    const char *name = transform(a->type, acts->t->chassis, &copy);
    if (acts->t->chassis && a->type != OVNACT_CLONE) {
        copy.ct_state = 0;      /* It comes from the controller. */
    }

    const struct ovnact_nest *nest
        = CONTAINER_OF(a, struct ovnact_nest, ovnact);
    struct trace_node *node = trace_put(acts->parent, TRACE_FORK, "%s", name);
    trace_actions(acts->t, acts->dp, &copy, acts->lflow, nest->nested,
                  nest->nested_len, node);
}
