/* SPDX-License-Identifier: Apache-2.0 */

/* What all kinds of the kernel's tables have in common; see
 * kernel-netlink.h.
 *
 * Nothing here knows what should be in a table.  A dump takes a socket of its
 * own, since libopenvswitch's pool of sockets does not ask strictly;
 * transactions take those of the pool. */

#include <config.h>
#include "kernel-netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(kernel_netlink);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* How many notifications are read in a turn of the main loop. */
#define MAX_NOTIFICATIONS 4096

/* How many times as long as a dump has taken nothing is dumped because of
 * notifications. */
#define DUMP_SHARE 10

/* How many times in a row what others have done to a table is put right at
 * once, and how often in the long run: in ms.  Somebody who does the same, for
 * example another controller that has the same table, is not to be answered
 * for ever. */
#define MAX_REPAIRS 50
#define REPAIR_MS 1000

/* Addresses. */

bool
kernel_parse_address(uint8_t family, const void *data, size_t size,
                     struct in6_addr *ip)
{
    struct in6_addr ip6;
    ovs_be32 ip4;

    if (family == AF_INET && size >= sizeof ip4) {
        memcpy(&ip4, data, sizeof ip4);
        *ip = in6_addr_mapped_ipv4(ip4);
        return true;
    } else if (family != AF_INET6 || size < sizeof ip6) {
        return false;
    }
    memcpy(&ip6, data, sizeof ip6);
    if (IN6_IS_ADDR_V4MAPPED(&ip6)) {
        return false;
    }
    *ip = ip6;
    return true;
}

void
kernel_put_address(struct ofpbuf *msg, uint16_t type,
                   const struct in6_addr *ip)
{
    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        nl_msg_put_be32(msg, type, in6_addr_get_mapped_ipv4(ip));
    } else {
        nl_msg_put_in6_addr(msg, type, ip);
    }
}

/* Dumps. */

int
kernel_dump_open(struct nl_sock **sock)
{
    int on = 1;
    int error = nl_sock_create(NETLINK_ROUTE, sock);

    /* A kernel that cannot sends more, which does no harm. */
    if (!error && setsockopt(nl_sock_fd(*sock), SOL_NETLINK,
                             NETLINK_GET_STRICT_CHK, &on, sizeof on)) {
        VLOG_DBG("dumps are not filtered: %s", ovs_strerror(errno));
    }
    return error;
}

/* The outcome of a dump that 'msg' ends: a positive errno value or 0; -1 if it
 * does not end it. */
static int
dump_end(const struct ofpbuf *msg)
{
    const uint16_t type = nl_msg_nlmsghdr(msg)->nlmsg_type;
    /* Both begin with it. */
    const int32_t *status = ofpbuf_at(msg, NLMSG_HDRLEN, sizeof *status);

    return (type != NLMSG_DONE && type != NLMSG_ERROR ? -1
            : status && *status < 0 ? -*status : 0);
}

int
kernel_dump(struct nl_sock *sock, struct ofpbuf *request,
            void (*cb)(const struct ofpbuf *msg, void *aux), void *aux)
{
    uint64_t stub[4096 / 8];
    struct ofpbuf reply;
    bool interrupted = false;
    int error = nl_sock_send(sock, request, true);
    const uint32_t seq = nl_msg_nlmsghdr(request)->nlmsg_seq;

    ofpbuf_delete(request);
    ofpbuf_use_stub(&reply, stub, sizeof stub);
    for (int end = -1; !error && end < 0; ) {
        struct ofpbuf msg;

        ofpbuf_clear(&reply);
        error = nl_sock_recv(sock, &reply, NULL, true);
        while (!error && end < 0 && nl_msg_next(&reply, &msg)) {
            const struct nlmsghdr *nlh = nl_msg_nlmsghdr(&msg);

            if (nlh->nlmsg_seq != seq) {
                continue;
            }
            interrupted |= (nlh->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
            end = dump_end(&msg);
            if (end > 0) {
                error = end;
            } else if (end < 0) {
                cb(&msg, aux);
            }
        }
    }
    ofpbuf_uninit(&reply);
    return !error && interrupted ? EAGAIN : error;
}

/* Requests. */

int
kernel_transact(struct ofpbuf *request)
{
    int error = nl_transact(NETLINK_ROUTE, request, NULL);

    ofpbuf_delete(request);
    return error;
}

void
kernel_batch_send(struct kernel_batch *b)
{
    struct nl_transaction *txns[KERNEL_MAX_BATCH];

    if (!b->n) {
        return;
    }
    for (size_t i = 0; i < b->n; i++) {
        txns[i] = &b->txns[i];
    }
    nl_transact_multiple(NETLINK_ROUTE, txns, b->n);
    for (size_t i = 0; i < b->n; i++) {
        const int error = b->txns[i].error;

        if (error && (b->adds[i] || (error != ESRCH && error != ENOENT))) {
            b->report(b->items[i], b->adds[i], error, b->aux);
        }
        ofpbuf_delete(b->txns[i].request);
    }
    b->n_written += b->n;
    b->n = 0;
}

void
kernel_batch_put(struct kernel_batch *b, struct ofpbuf *request,
                 const void *item, bool add)
{
    b->txns[b->n] = (struct nl_transaction) { .request = request };
    b->items[b->n] = item;
    b->adds[b->n] = add;
    if (++b->n == KERNEL_MAX_BATCH) {
        kernel_batch_send(b);
    }
}

/* Devices. */

struct ofpbuf *
kernel_link_request(uint16_t type, uint32_t nlmsg_flags, const char *name,
                    uint32_t ifindex, uint32_t set_flags)
{
    struct ofpbuf *msg = ofpbuf_new(256);
    struct ifinfomsg *ifi;

    nl_msg_put_nlmsghdr(msg, sizeof *ifi, type, NLM_F_REQUEST | nlmsg_flags);
    ifi = ofpbuf_put_zeros(msg, sizeof *ifi);
    ifi->ifi_index = ifindex;
    ifi->ifi_flags = ifi->ifi_change = set_flags;
    if (!ifindex) {
        nl_msg_put_string(msg, IFLA_IFNAME, name);
    }
    return msg;
}

static void
take_string(const struct nlattr *attr, char s[IFNAMSIZ])
{
    if (attr) {
        ovs_strlcpy(s, nl_attr_get_string(attr), IFNAMSIZ);
    }
}

static void
parse_vxlan(const struct nlattr *data, struct kernel_link *link)
{
    const struct nlattr *vni = nl_attr_find_nested(data, IFLA_VXLAN_ID);
    const struct nlattr *port = nl_attr_find_nested(data, IFLA_VXLAN_PORT);

    if (vni && nl_attr_get_size(vni) == sizeof(uint32_t)) {
        link->vxlan_vni = nl_attr_get_u32(vni);
    }
    if (port && nl_attr_get_size(port) == sizeof(ovs_be16)) {
        link->vxlan_port = ntohs(nl_attr_get_be16(port));
    }
}

static void
parse_link_info(const struct nlattr *linkinfo, struct kernel_link *link)
{
    static const struct nl_policy policy[] = {
        [IFLA_INFO_KIND] = { .type = NL_A_STRING, .optional = true },
        [IFLA_INFO_DATA] = { .type = NL_A_NESTED, .optional = true },
        [IFLA_INFO_SLAVE_KIND] = { .type = NL_A_STRING, .optional = true },
    };
    struct nlattr *info[ARRAY_SIZE(policy)];

    if (!nl_parse_nested(linkinfo, policy, info, ARRAY_SIZE(policy))) {
        return;
    }
    take_string(info[IFLA_INFO_KIND], link->kind);
    take_string(info[IFLA_INFO_SLAVE_KIND], link->port_kind);

    const struct nlattr *data = info[IFLA_INFO_DATA];
    if (data && !strcmp(link->kind, "vxlan")) {
        parse_vxlan(data, link);
    } else if (data && !strcmp(link->kind, "vrf")) {
        const struct nlattr *table = nl_attr_find_nested(data, IFLA_VRF_TABLE);

        if (table && nl_attr_get_size(table) == sizeof link->vrf_table) {
            link->vrf_table = nl_attr_get_u32(table);
        }
    }
}

bool
kernel_link_parse(const struct ofpbuf *msg, struct kernel_link *link)
{
    static const struct nl_policy policy[] = {
        [IFLA_ADDRESS] = { .type = NL_A_UNSPEC, .optional = true,
                           .max_len = UINT16_MAX },
        [IFLA_IFNAME] = { .type = NL_A_STRING, .optional = true },
        [IFLA_MASTER] = { .type = NL_A_U32, .optional = true },
        [IFLA_LINKINFO] = { .type = NL_A_NESTED, .optional = true },
    };
    struct nlattr *attrs[ARRAY_SIZE(policy)];
    const struct ifinfomsg *ifi = ofpbuf_at(msg, NLMSG_HDRLEN, sizeof *ifi);

    memset(link, 0, sizeof *link);
    if (!ifi || !nl_policy_parse(msg, NLMSG_HDRLEN + sizeof *ifi, policy,
                                 attrs, ARRAY_SIZE(policy))) {
        return false;
    }
    link->is_there = true;
    link->is_up = (ifi->ifi_flags & IFF_UP) != 0;
    link->ifindex = ifi->ifi_index;
    take_string(attrs[IFLA_IFNAME], link->name);
    if (attrs[IFLA_ADDRESS]
        && nl_attr_get_size(attrs[IFLA_ADDRESS]) == sizeof link->mac) {
        memcpy(&link->mac, nl_attr_get(attrs[IFLA_ADDRESS]),
               sizeof link->mac);
    }
    if (attrs[IFLA_MASTER]) {
        link->master = nl_attr_get_u32(attrs[IFLA_MASTER]);
    }
    if (attrs[IFLA_LINKINFO]) {
        parse_link_info(attrs[IFLA_LINKINFO], link);
    }
    return true;
}

int
kernel_link_get(const char *name, uint32_t ifindex, struct kernel_link *link)
{
    struct ofpbuf *request = kernel_link_request(RTM_GETLINK, 0, name,
                                                 ifindex, 0);
    struct ofpbuf *reply = NULL;
    int error = nl_transact(NETLINK_ROUTE, request, &reply);

    memset(link, 0, sizeof *link);
    if (!error && reply) {
        kernel_link_parse(reply, link);
    }
    ofpbuf_delete(request);
    ofpbuf_delete(reply);
    return error == ENODEV ? 0 : error;
}

/* Notifications. */

static int
monitor_open(const unsigned int groups[], size_t n, struct nl_sock **monitor)
{
    int error = nl_sock_create(NETLINK_ROUTE, monitor);

    for (size_t i = 0; !error && i < n; i++) {
        error = nl_sock_join_mcgroup(*monitor, groups[i]);
    }
    return error;
}

bool
kernel_monitor_follow(struct nl_sock **monitor, bool is_needed,
                      const unsigned int groups[], size_t n, const char *what)
{
    if (is_needed && !*monitor) {
        int error = monitor_open(groups, n, monitor);

        if (error) {
            VLOG_WARN_RL(&rl, "cannot listen to the kernel's %s: %s", what,
                         ovs_strerror(error));
            nl_sock_destroy(*monitor);
            *monitor = NULL;
        }
        return true;
    } else if (!is_needed) {
        nl_sock_destroy(*monitor);
        *monitor = NULL;
    }
    return false;
}

void
kernel_monitor_run(struct nl_sock *monitor,
                   void (*take)(const struct ofpbuf *msg),
                   void (*lost)(void), const char *what)
{
    uint64_t stub[4096 / 8];
    struct ofpbuf buf;

    if (!monitor) {
        return;
    }
    ofpbuf_use_stub(&buf, stub, sizeof stub);
    for (int i = 0; i < MAX_NOTIFICATIONS; i++) {
        struct ofpbuf msg;

        ofpbuf_clear(&buf);
        int error = nl_sock_recv(monitor, &buf, NULL, false);
        if (error == EAGAIN) {
            break;
        } else if (error) {
            if (error != ENOBUFS) {
                VLOG_WARN_RL(&rl, "cannot hear of the kernel's %s: %s", what,
                             ovs_strerror(error));
            }
            nl_sock_drain(monitor);
            lost();
            break;
        }
        while (nl_msg_next(&buf, &msg)) {
            take(&msg);
        }
    }
    ofpbuf_uninit(&buf);
    kernel_monitor_wait(monitor);
}

void
kernel_monitor_wait(struct nl_sock *monitor)
{
    if (monitor) {
        nl_sock_wait(monitor, POLLIN);
    }
}

/* The pace. */

void
kernel_pace_init(struct kernel_pace *pace)
{
    memset(pace, 0, sizeof *pace);
    pace->is_dirty = true;
    pace->retry_at = LLONG_MAX;
    token_bucket_init(&pace->repairs, 1, MAX_REPAIRS * REPAIR_MS);
}

bool
kernel_pace_is_due(const struct kernel_pace *pace)
{
    return (pace->is_dirty
            || (pace->is_doubted && time_msec() >= pace->next_dump)
            || time_msec() >= pace->retry_at);
}

void
kernel_pace_begin(struct kernel_pace *pace)
{
    pace->begun = time_msec();
    pace->is_news = pace->is_dirty;
    pace->is_dirty = pace->is_doubted = false;
    pace->retry_at = LLONG_MAX;
}

enum kernel_write
kernel_pace_may_write(struct kernel_pace *pace, bool is_different)
{
    const bool was_refused = pace->is_refused;

    if (pace->is_news || !is_different
        || token_bucket_withdraw(&pace->repairs, REPAIR_MS)) {
        pace->is_refused = false;
        return KERNEL_WRITE;
    }
    pace->retry_at = time_msec() + REPAIR_MS;
    return was_refused ? KERNEL_WRITE_LATER : KERNEL_WRITE_LATER_SAY;
}

void
kernel_pace_refuse(struct kernel_pace *pace)
{
    pace->retry_at = time_msec() + KERNEL_RETRY_MS;
    pace->is_refused = true;
}

void
kernel_pace_end(struct kernel_pace *pace, int error)
{
    const long long int end = time_msec();

    if (error == EAGAIN) {
        pace->is_doubted = true;
    } else if (error) {
        pace->retry_at = pace->begun + KERNEL_RETRY_MS;
    }
    pace->next_dump = end + DUMP_SHARE * (end - pace->begun);
}

void
kernel_pace_wait(const struct kernel_pace *pace)
{
    if (pace->is_doubted) {
        poll_timer_wait_until(pace->next_dump);
    }
    if (pace->retry_at != LLONG_MAX) {
        poll_timer_wait_until(pace->retry_at);
    }
}
