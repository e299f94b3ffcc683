/* SPDX-License-Identifier: Apache-2.0 */

/* Messages about forwarding and neighbor tables; see kernel-neigh-msg.h. */

#include <config.h>
#include "kernel-neigh-msg.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel-netlink.h"
#include "netlink-socket.h"
#include "netlink.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"

static uint32_t
get_u32(const struct nlattr *attr)
{
    return attr ? nl_attr_get_u32(attr) : 0;
}

bool
kernel_neigh_parse(const struct ofpbuf *msg, struct kernel_neigh *n)
{
    static const struct nl_policy policy[] = {
        [NDA_DST] = { .type = NL_A_UNSPEC, .optional = true,
                      .max_len = UINT16_MAX },
        [NDA_LLADDR] = { .type = NL_A_UNSPEC, .optional = true,
                         .max_len = UINT16_MAX },
        [NDA_VLAN] = { .type = NL_A_U16, .optional = true },
        [NDA_PORT] = { .type = NL_A_BE16, .optional = true },
        [NDA_VNI] = { .type = NL_A_U32, .optional = true },
        [NDA_MASTER] = { .type = NL_A_U32, .optional = true },
        [NDA_SRC_VNI] = { .type = NL_A_U32, .optional = true },
        [NDA_PROTOCOL] = { .type = NL_A_U8, .optional = true },
        [NDA_NH_ID] = { .type = NL_A_U32, .optional = true },
    };
    struct nlattr *attrs[ARRAY_SIZE(policy)];
    const struct ndmsg *ndm = ofpbuf_at(msg, NLMSG_HDRLEN, sizeof *ndm);

    if (!ndm || !nl_policy_parse(msg, NLMSG_HDRLEN + sizeof *ndm, policy,
                                 attrs, ARRAY_SIZE(policy))) {
        return false;
    }
    memset(n, 0, sizeof *n);
    n->family = ndm->ndm_family;
    n->flags = ndm->ndm_flags;
    n->state = ndm->ndm_state;
    n->ifindex = ndm->ndm_ifindex;
    n->master = get_u32(attrs[NDA_MASTER]);
    n->nexthop = get_u32(attrs[NDA_NH_ID]);
    n->vlan = attrs[NDA_VLAN] ? nl_attr_get_u16(attrs[NDA_VLAN]) : 0;
    n->port = attrs[NDA_PORT] ? ntohs(nl_attr_get_be16(attrs[NDA_PORT])) : 0;
    n->protocol = (attrs[NDA_PROTOCOL] ? nl_attr_get_u8(attrs[NDA_PROTOCOL])
                   : 0);
    n->vni = (attrs[NDA_VNI] ? get_u32(attrs[NDA_VNI])
              : get_u32(attrs[NDA_SRC_VNI]));
    if (attrs[NDA_LLADDR]
        && nl_attr_get_size(attrs[NDA_LLADDR]) == sizeof n->mac) {
        n->has_mac = true;
        memcpy(&n->mac, nl_attr_get(attrs[NDA_LLADDR]), sizeof n->mac);
    }
    if (attrs[NDA_DST]) {
        const size_t size = nl_attr_get_size(attrs[NDA_DST]);
        const uint8_t family = (n->family != AF_BRIDGE ? n->family
                                : size == sizeof(ovs_be32) ? AF_INET
                                : AF_INET6);

        n->has_ip = kernel_parse_address(family, nl_attr_get(attrs[NDA_DST]),
                                         size, &n->ip);
    }
    return true;
}

static struct ofpbuf *
neigh_request(uint16_t type, uint32_t flags, const struct ndmsg *ndm)
{
    struct ofpbuf *msg = ofpbuf_new(128);

    nl_msg_put_nlmsghdr(msg, sizeof *ndm, type, NLM_F_REQUEST | flags);
    ofpbuf_put(msg, ndm, sizeof *ndm);
    return msg;
}

struct ofpbuf *
kernel_mac_request(uint16_t type, uint32_t flags, uint32_t ifindex,
                   const struct kernel_entry *e)
{
    struct ofpbuf *msg = neigh_request(type, flags, &(struct ndmsg) {
        .ndm_family = AF_BRIDGE,
        .ndm_ifindex = ifindex,
        .ndm_state = type == RTM_NEWNEIGH ? NUD_NOARP : 0,
        .ndm_flags = NTF_MASTER,
    });

    nl_msg_put_unspec(msg, NDA_LLADDR, &e->mac, sizeof e->mac);
    if (e->vlan) {
        nl_msg_put_u16(msg, NDA_VLAN, e->vlan);
    }
    return msg;
}

struct ofpbuf *
kernel_ip_request(uint16_t type, uint32_t flags, uint32_t ifindex,
                  const struct kernel_entry *e)
{
    struct ofpbuf *msg = neigh_request(type, flags, &(struct ndmsg) {
        .ndm_family = IN6_IS_ADDR_V4MAPPED(&e->ip) ? AF_INET : AF_INET6,
        .ndm_ifindex = ifindex,
        .ndm_state = type == RTM_NEWNEIGH ? NUD_NOARP : 0,
    });

    kernel_put_address(msg, NDA_DST, &e->ip);
    if (type == RTM_NEWNEIGH) {
        nl_msg_put_unspec(msg, NDA_LLADDR, &e->mac, sizeof e->mac);
        nl_msg_put_u8(msg, NDA_PROTOCOL, KERNEL_PROTOCOL);
    }
    return msg;
}

int
kernel_mac_get(uint32_t ifindex, const struct kernel_entry *e,
               struct kernel_neigh *n)
{
    struct ofpbuf *request = kernel_mac_request(RTM_GETNEIGH, 0, ifindex, e);
    struct ofpbuf *reply = NULL;
    int error = nl_transact(NETLINK_ROUTE, request, &reply);

    if (!error && !(reply && kernel_neigh_parse(reply, n))) {
        error = EPROTO;
    }
    ofpbuf_delete(request);
    ofpbuf_delete(reply);
    return error;
}

struct ofpbuf *
kernel_neigh_dump_request(uint8_t family, uint32_t ifindex)
{
    struct ofpbuf *msg = neigh_request(
        RTM_GETNEIGH, NLM_F_DUMP, &(struct ndmsg) { .ndm_family = family });

    nl_msg_put_u32(msg, NDA_IFINDEX, ifindex);
    return msg;
}
