/* SPDX-License-Identifier: Apache-2.0 */

/* Next hops of forwarding tables; see kernel-nexthops.h.  A group's members
 * are no groups themselves. */

#include <config.h>
#include "kernel-nexthops.h"

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "kernel-netlink.h"
#include "netlink.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"

struct nexthop {
    struct hmap_node node;      /* By ID. */
    uint32_t id;
    bool has_ip;
    struct in6_addr ip;
    struct nexthop_grp *members;
    size_t n_members;
};

static void
take_dumped(const struct ofpbuf *msg, void *nexthops_)
{
    static const struct nl_policy policy[] = {
        [NHA_ID] = { .type = NL_A_U32 },
        [NHA_GROUP] = { .type = NL_A_UNSPEC, .optional = true,
                        .max_len = UINT16_MAX },
        [NHA_GATEWAY] = { .type = NL_A_UNSPEC, .optional = true,
                          .min_len = 4, .max_len = 16 },
    };
    struct nlattr *attrs[ARRAY_SIZE(policy)];
    const struct nhmsg *nhm = ofpbuf_at(msg, NLMSG_HDRLEN, sizeof *nhm);
    struct hmap *nexthops = nexthops_;

    if (nl_msg_nlmsghdr(msg)->nlmsg_type != RTM_NEWNEXTHOP || !nhm
        || !nl_policy_parse(msg, NLMSG_HDRLEN + sizeof *nhm, policy, attrs,
                            ARRAY_SIZE(policy))) {
        return;
    }

    struct nexthop *nh = xzalloc(sizeof *nh);
    nh->id = nl_attr_get_u32(attrs[NHA_ID]);
    if (attrs[NHA_GATEWAY]) {
        nh->has_ip = kernel_parse_address(
            nhm->nh_family, nl_attr_get(attrs[NHA_GATEWAY]),
            nl_attr_get_size(attrs[NHA_GATEWAY]), &nh->ip);
    }
    if (attrs[NHA_GROUP]) {
        nh->n_members = (nl_attr_get_size(attrs[NHA_GROUP])
                         / sizeof *nh->members);
        nh->members = xmemdup(nl_attr_get(attrs[NHA_GROUP]),
                              nh->n_members * sizeof *nh->members);
    }
    hmap_insert(nexthops, &nh->node, hash_int(nh->id, 0));
}

int
kernel_nexthops_dump(struct nl_sock *sock, struct hmap *nexthops)
{
    struct ofpbuf *request = ofpbuf_new(64);

    nl_msg_put_nlmsghdr(request, sizeof(struct nhmsg), RTM_GETNEXTHOP,
                        NLM_F_REQUEST | NLM_F_DUMP);
    ofpbuf_put_zeros(request, sizeof(struct nhmsg));
    nl_msg_put_flag(request, NHA_FDB);
    return kernel_dump(sock, request, take_dumped, nexthops);
}

static const struct nexthop *
nexthop_find(const struct hmap *nexthops, uint32_t id)
{
    const struct nexthop *nh;

    HMAP_FOR_EACH_WITH_HASH (nh, node, hash_int(id, 0), nexthops) {
        if (nh->id == id) {
            return nh;
        }
    }
    return NULL;
}

bool
kernel_nexthops_find(const struct hmap *nexthops, uint32_t id,
                     struct in6_addr *vtep)
{
    const struct nexthop *nh = nexthop_find(nexthops, id);
    bool found = nh && nh->has_ip;

    if (found) {
        *vtep = nh->ip;
    }
    for (size_t i = 0; nh && i < nh->n_members; i++) {
        const struct nexthop *member = nexthop_find(nexthops,
                                                    nh->members[i].id);

        if (member && member->has_ip
            && (!found || memcmp(&member->ip, vtep, sizeof *vtep) < 0)) {
            *vtep = member->ip;
            found = true;
        }
    }
    return found;
}

void
kernel_nexthops_destroy(struct hmap *nexthops)
{
    struct nexthop *nh;

    HMAP_FOR_EACH_POP (nh, node, nexthops) {
        free(nh->members);
        free(nh);
    }
    hmap_destroy(nexthops);
}
