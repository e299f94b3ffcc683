/* SPDX-License-Identifier: Apache-2.0 */

/* Reconciling the kernel's routing tables, by rtnetlink(7); see
 * kernel-routes.h.
 *
 * First come messages: one function for each kind of request, which knows
 * nothing of what should be.  Then come tables, and what should be in them. */

#include <config.h>
#include "kernel-routes.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "hash.h"
#include "kernel-netlink.h"
#include "netlink-socket.h"
#include "netlink.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(kernel_routes);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Messages: parsing routes. */

/* What a route asks of packets besides their destination.  Those of ours ask
 * nothing, and the kernel has them beside others that do. */
struct selector {
    uint8_t tos;                /* Of IPv4. */
    uint8_t src_plen;           /* Of IPv6: in bits, */
    struct in6_addr src;        /* and the prefix. */
};

/* A route as the kernel has it. */
struct route {
    uint32_t table;
    uint8_t family, type, protocol;
    bool cloned;                /* From the cache. */
    struct kernel_route r;      /* 'nexthop' of a route that has just one. */
    struct selector selector;
    uint32_t ifindex;
    const struct nlattr *multipath; /* Borrowed from the message; or NULL. */
    bool dead;
};

/* The address in RTA_GATEWAY of a route of 'family', or in RTA_VIA. */
static bool
parse_nexthop(uint8_t family, const struct nlattr *gateway,
              const struct nlattr *via, struct in6_addr *ip)
{
    if (gateway) {
        return kernel_parse_address(family, nl_attr_get(gateway),
                                    nl_attr_get_size(gateway), ip);
    } else if (via && nl_attr_get_size(via) > sizeof(struct rtvia)) {
        const struct rtvia *rtvia = nl_attr_get(via);

        return kernel_parse_address(rtvia->rtvia_family, rtvia->rtvia_addr,
                                    nl_attr_get_size(via) - sizeof *rtvia, ip);
    }
    return false;
}

static bool
parse_route(const struct ofpbuf *msg, struct route *route)
{
    static const struct nl_policy policy[] = {
        [RTA_DST] = { .type = NL_A_UNSPEC, .optional = true,
                      .min_len = 4, .max_len = 16 },
        [RTA_SRC] = { .type = NL_A_UNSPEC, .optional = true,
                      .min_len = 4, .max_len = 16 },
        [RTA_OIF] = { .type = NL_A_U32, .optional = true },
        [RTA_GATEWAY] = { .type = NL_A_UNSPEC, .optional = true,
                          .min_len = 4, .max_len = 16 },
        [RTA_PRIORITY] = { .type = NL_A_U32, .optional = true },
        [RTA_MULTIPATH] = { .type = NL_A_UNSPEC, .optional = true,
                            .max_len = UINT16_MAX },
        [RTA_TABLE] = { .type = NL_A_U32, .optional = true },
        [RTA_VIA] = { .type = NL_A_UNSPEC, .optional = true,
                      .max_len = UINT16_MAX },
    };
    struct nlattr *attrs[ARRAY_SIZE(policy)];
    const struct rtmsg *rtm = ofpbuf_at(msg, NLMSG_HDRLEN, sizeof *rtm);

    if (!rtm || (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6)
        || !nl_policy_parse(msg, NLMSG_HDRLEN + sizeof *rtm, policy, attrs,
                            ARRAY_SIZE(policy))) {
        return false;
    }
    memset(route, 0, sizeof *route);
    route->table = (attrs[RTA_TABLE] ? nl_attr_get_u32(attrs[RTA_TABLE])
                    : rtm->rtm_table);
    route->family = rtm->rtm_family;
    route->type = rtm->rtm_type;
    route->protocol = rtm->rtm_protocol;
    route->selector.tos = rtm->rtm_tos;
    route->selector.src_plen = rtm->rtm_src_len;
    route->cloned = (rtm->rtm_flags & RTM_F_CLONED) != 0;
    route->dead = (rtm->rtm_flags & RTNH_F_DEAD) != 0;
    route->r.plen = rtm->rtm_dst_len;
    if (attrs[RTA_PRIORITY]) {
        route->r.metric = nl_attr_get_u32(attrs[RTA_PRIORITY]);
    }
    if (attrs[RTA_OIF]) {
        route->ifindex = nl_attr_get_u32(attrs[RTA_OIF]);
    }
    route->multipath = attrs[RTA_MULTIPATH];
    if (rtm->rtm_family == AF_INET) {
        route->r.prefix = in6_addr_mapped_ipv4(htonl(0));
    }
    if (attrs[RTA_DST]
        && !kernel_parse_address(rtm->rtm_family, nl_attr_get(attrs[RTA_DST]),
                                 nl_attr_get_size(attrs[RTA_DST]),
                                 &route->r.prefix)) {
        return false;
    }
    if (attrs[RTA_SRC]
        && !kernel_parse_address(rtm->rtm_family, nl_attr_get(attrs[RTA_SRC]),
                                 nl_attr_get_size(attrs[RTA_SRC]),
                                 &route->selector.src)) {
        return false;
    }
    parse_nexthop(rtm->rtm_family, attrs[RTA_GATEWAY], attrs[RTA_VIA],
                  &route->r.nexthop);
    return true;
}

/* Calls 'cb' for each of the next hops of 'route' that work and have an
 * address. */
static void
for_each_nexthop(const struct route *route,
                 void (*cb)(const struct in6_addr *nexthop, uint32_t ifindex,
                            void *aux), void *aux)
{
    if (!route->multipath) {
        if (!route->dead && ipv6_addr_is_set(&route->r.nexthop)) {
            cb(&route->r.nexthop, route->ifindex, aux);
        }
        return;
    }

    const char *p = nl_attr_get(route->multipath);
    size_t left = nl_attr_get_size(route->multipath);
    while (left >= sizeof(struct rtnexthop)) {
        const struct rtnexthop *nh = ALIGNED_CAST(const struct rtnexthop *, p);
        if (nh->rtnh_len < sizeof *nh || nh->rtnh_len > left) {
            break;
        }

        const struct nlattr *attrs = ALIGNED_CAST(const struct nlattr *,
                                                  nh + 1);
        const size_t size = nh->rtnh_len - sizeof *nh;
        struct in6_addr ip;
        if (!(nh->rtnh_flags & RTNH_F_DEAD)
            && parse_nexthop(route->family,
                             nl_attr_find__(attrs, size, RTA_GATEWAY),
                             nl_attr_find__(attrs, size, RTA_VIA), &ip)
            && ipv6_addr_is_set(&ip)) {
            cb(&ip, nh->rtnh_ifindex, aux);
        }
        left -= MIN(left, RTNH_ALIGN(nh->rtnh_len));
        p += RTNH_ALIGN(nh->rtnh_len);
    }
}

/* Messages: dumps. */

/* Which routes are looked for in a dump, and what for. */
struct routes_dump {
    uint8_t family;
    uint32_t table;
    void (*cb)(const struct route *, void *aux);
    void *aux;
};

static void
take_dumped(const struct ofpbuf *msg, void *dump_)
{
    const struct routes_dump *dump = dump_;
    struct route route;

    if (nl_msg_nlmsghdr(msg)->nlmsg_type == RTM_NEWROUTE
        && parse_route(msg, &route) && route.table == dump->table
        && route.family == dump->family) {
        dump->cb(&route, dump->aux);
    }
}

/* Returns 0 or a positive errno value: EAGAIN if the table has changed
 * meanwhile. */
static int
dump_routes(struct nl_sock *sock, struct routes_dump *dump)
{
    struct ofpbuf *request = ofpbuf_new(64);

    nl_msg_put_nlmsghdr(request, sizeof(struct rtmsg), RTM_GETROUTE,
                        NLM_F_REQUEST | NLM_F_DUMP);
    struct rtmsg *rtm = ofpbuf_put_zeros(request, sizeof *rtm);
    rtm->rtm_family = dump->family;
    nl_msg_put_u32(request, RTA_TABLE, dump->table);

    int error = kernel_dump(sock, request, take_dumped, dump);
    /* There is no such table before there is a route in it. */
    return error == ENOENT ? 0 : error;
}

/* Messages: writing routes. */

static void
format_prefix(const struct in6_addr *prefix, uint32_t plen, struct ds *s)
{
    ipv6_format_mapped(prefix, s);
    ds_put_format(s, "/%"PRIu32, plen);
}

static void
put_nexthop(struct ofpbuf *msg, const struct kernel_route *r)
{
    if (IN6_IS_ADDR_V4MAPPED(&r->prefix)
        == IN6_IS_ADDR_V4MAPPED(&r->nexthop)) {
        kernel_put_address(msg, RTA_GATEWAY, &r->nexthop);
    } else {
        struct rtvia *via = nl_msg_put_unspec_uninit(
            msg, RTA_VIA, sizeof *via + sizeof r->nexthop);

        via->rtvia_family = AF_INET6;
        memcpy(via->rtvia_addr, &r->nexthop, sizeof r->nexthop);
    }
}

/* A request to make a route of ours or, if not 'add', to delete it.  One that
 * is to be deleted may have a 'selector'. */
static struct ofpbuf *
route_request(uint32_t table, const struct kernel_route *r,
              const struct selector *selector, bool add)
{
    struct ofpbuf *msg = ofpbuf_new(256);

    nl_msg_put_nlmsghdr(msg, sizeof(struct rtmsg),
                        add ? RTM_NEWROUTE : RTM_DELROUTE,
                        NLM_F_REQUEST
                        | (add ? NLM_F_CREATE | NLM_F_EXCL : 0));
    struct rtmsg *rtm = ofpbuf_put_zeros(msg, sizeof *rtm);
    rtm->rtm_family = (IN6_IS_ADDR_V4MAPPED(&r->prefix) ? AF_INET
                       : AF_INET6);
    rtm->rtm_dst_len = r->plen;
    rtm->rtm_table = table < 256 ? table : RT_TABLE_UNSPEC;
    rtm->rtm_protocol = KERNEL_ROUTE_PROTOCOL;
    if (add) {
        rtm->rtm_scope = RT_SCOPE_UNIVERSE;
        rtm->rtm_type = (ipv6_addr_is_set(&r->nexthop) ? RTN_UNICAST
                         : RTN_BLACKHOLE);
    } else {
        /* Whatever it has come to be. */
        rtm->rtm_scope = RT_SCOPE_NOWHERE;
        rtm->rtm_type = RTN_UNSPEC;
    }
    kernel_put_address(msg, RTA_DST, &r->prefix);
    if (selector) {
        rtm->rtm_tos = selector->tos;
        rtm->rtm_src_len = selector->src_plen;
        if (selector->src_plen) {
            kernel_put_address(msg, RTA_SRC, &selector->src);
        }
    }
    nl_msg_put_u32(msg, RTA_TABLE, table);
    nl_msg_put_u32(msg, RTA_PRIORITY, r->metric);
    if (add && ipv6_addr_is_set(&r->nexthop)) {
        put_nexthop(msg, r);
    }
    return msg;
}

/* Messages: VRF devices. */

static bool
is_vrf(const struct kernel_link *link, uint32_t table)
{
    return (link->is_there && !strcmp(link->kind, "vrf")
            && link->vrf_table == table);
}

static int
vrf_create(const char *name, uint32_t table)
{
    struct ofpbuf *msg = kernel_link_request(
        RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, name, 0, IFF_UP);

    size_t info = nl_msg_start_nested(msg, IFLA_LINKINFO);
    nl_msg_put_string(msg, IFLA_INFO_KIND, "vrf");
    size_t data = nl_msg_start_nested(msg, IFLA_INFO_DATA);
    nl_msg_put_u32(msg, IFLA_VRF_TABLE, table);
    nl_msg_end_nested(msg, data);
    nl_msg_end_nested(msg, info);
    return kernel_transact(msg);
}

static int
link_set_up(const char *name)
{
    return kernel_transact(kernel_link_request(RTM_NEWLINK, 0, name, 0,
                                               IFF_UP));
}

static int
link_delete(uint32_t ifindex)
{
    return kernel_transact(kernel_link_request(RTM_DELLINK, 0, NULL, ifindex,
                                               0));
}

/* Tables. */

/* A route that is wanted, in a table's 'wanted'. */
struct wanted {
    struct hmap_node node;      /* By prefix and metric. */
    struct kernel_route r;
    unsigned int n;             /* How many times. */
    bool is_there;              /* According to the dump in progress... */
    unsigned int n_other;       /* ...so many of ours are there instead, or
                                 * beside it: IPv4 has several if one was
                                 * appended. */
};

struct table {
    struct hmap_node node;      /* In 'tables', by ID. */
    uint32_t id;

    /* What should be. */
    struct hmap wanted;         /* Of "struct wanted". */
    bool is_active;
    char *router;               /* One that needs it, for messages. */
    char *vrf;                  /* The VRF device that should be, or NULL... */
    char *next_vrf;             /* ...from kernel_tables_end() on. */

    /* What is. */
    struct kernel_pace pace;
    char *made;                 /* The VRF device that is ours, or NULL. */
    int vrf_error;              /* What is wrong with it, has been logged. */
    bool is_known;              /* It has been dumped. */
    struct kernel_learned *learned; /* Sorted. */
    size_t n_learned;
};

static struct hmap tables = HMAP_INITIALIZER(&tables);
static struct nl_sock *monitor;
static uint64_t learned_seqno, devices_seqno;

bool
kernel_table_is_ours(uint32_t table)
{
    return (table != RT_TABLE_UNSPEC && table != RT_TABLE_DEFAULT
            && table != RT_TABLE_MAIN && table != RT_TABLE_LOCAL);
}

static struct table *
table_find(uint32_t id)
{
    struct table *t;

    HMAP_FOR_EACH_WITH_HASH (t, node, hash_int(id, 0), &tables) {
        if (t->id == id) {
            return t;
        }
    }
    return NULL;
}

static struct table *
table_get(uint32_t id)
{
    struct table *t = table_find(id);

    if (!t) {
        t = xzalloc(sizeof *t);
        t->id = id;
        kernel_pace_init(&t->pace);
        hmap_init(&t->wanted);
        hmap_insert(&tables, &t->node, hash_int(id, 0));
    }
    return t;
}

static void
wanted_destroy(struct table *t, struct wanted *w)
{
    hmap_remove(&t->wanted, &w->node);
    free(w);
}

static void
table_destroy(struct table *t)
{
    struct wanted *w;

    HMAP_FOR_EACH_SAFE (w, node, &t->wanted) {
        wanted_destroy(t, w);
    }
    hmap_destroy(&t->wanted);
    hmap_remove(&tables, &t->node);
    free(t->router);
    free(t->vrf);
    free(t->next_vrf);
    free(t->made);
    free(t->learned);
    free(t);
}

static const char *
table_router(const struct table *t)
{
    return t->router ? t->router : "(none any more)";
}

static uint32_t
wanted_hash(const struct kernel_route *r)
{
    return hash_bytes(&r->prefix, sizeof r->prefix,
                      hash_2words(r->plen, r->metric));
}

/* The kernel has one route at most of each prefix and metric, so of several
 * that are wanted the first one counts.  Only those of 'r' alone are found if
 * 'exact'. */
static struct wanted *
wanted_find(const struct table *t, const struct kernel_route *r, bool exact)
{
    struct wanted *w;

    HMAP_FOR_EACH_WITH_HASH (w, node, wanted_hash(r), &t->wanted) {
        if (w->r.plen == r->plen && w->r.metric == r->metric
            && ipv6_addr_equals(&w->r.prefix, &r->prefix)
            && (!exact || ipv6_addr_equals(&w->r.nexthop, &r->nexthop))) {
            return w;
        }
    }
    return NULL;
}

void
kernel_route_add(uint32_t table, const struct kernel_route *r)
{
    struct table *t = table_get(table);
    struct wanted *w = wanted_find(t, r, true);

    if (!w) {
        w = xzalloc(sizeof *w);
        w->r = *r;
        hmap_insert(&t->wanted, &w->node, wanted_hash(r));
        t->pace.is_dirty = true;
    }
    w->n++;
}

void
kernel_route_remove(uint32_t table, const struct kernel_route *r)
{
    struct table *t = table_find(table);
    struct wanted *w = t ? wanted_find(t, r, true) : NULL;

    if (w && !--w->n) {
        wanted_destroy(t, w);
        t->pace.is_dirty = true;
    }
}

static void
replace_string(char **old, const char *new)
{
    if (!nullable_string_is_equal(*old, new)) {
        free(*old);
        *old = nullable_xstrdup(new);
    }
}

void
kernel_tables_begin(void)
{
    struct table *t;

    HMAP_FOR_EACH (t, node, &tables) {
        t->is_active = false;
        replace_string(&t->next_vrf, NULL);
    }
}

void
kernel_table_need(uint32_t table, const char *router, const char *vrf)
{
    struct table *t = table_get(table);

    if (!t->is_active) {
        t->is_active = true;
        replace_string(&t->router, router);
    }
    /* Of several routers, the first one that wants a VRF names it. */
    if (!t->next_vrf) {
        replace_string(&t->next_vrf, vrf);
    }
}

void
kernel_tables_end(void)
{
    struct table *t;

    HMAP_FOR_EACH (t, node, &tables) {
        t->pace.is_dirty |= !t->is_active;
        if (!nullable_string_is_equal(t->vrf, t->next_vrf)) {
            replace_string(&t->vrf, t->next_vrf);
            t->vrf_error = 0;
            t->pace.is_dirty = true;
        }
    }
}

void
kernel_table_clean(uint32_t table)
{
    table_get(table)->pace.is_dirty = true;
}

bool
kernel_table_learned(uint32_t table, const struct kernel_learned **learned,
                     size_t *n)
{
    const struct table *t = table_find(table);

    if (!t || !t->is_known) {
        return false;
    }
    *learned = t->learned;
    *n = t->n_learned;
    return true;
}

uint64_t
kernel_routes_seqno(void)
{
    return learned_seqno;
}

uint64_t
kernel_devices_seqno(void)
{
    return devices_seqno;
}

/* VRF devices. */

/* Says what is wrong with the table's VRF device, once. */
static void
vrf_report(struct table *t, int error, const char *what)
{
    if (error && error != t->vrf_error) {
        VLOG_ERR("router %s: there is no VRF %s with table %"PRIu32": %s%s",
                 table_router(t), t->vrf, t->id, what,
                 error == EOPNOTSUPP ? " (does the kernel have VRFs?)" : "");
    }
    t->vrf_error = error;
}

/* Makes the device that should be.  Routes go into the table with or without
 * it. */
static void
vrf_ensure(struct table *t)
{
    struct kernel_link link;
    int error = kernel_link_get(t->vrf, 0, &link);

    if (!error && link.is_there && !is_vrf(&link, t->id)) {
        vrf_report(t, EEXIST, "another device has that name");
        return;
    }
    if (!error) {
        error = (!link.is_there ? vrf_create(t->vrf, t->id)
                 : !link.is_up ? link_set_up(t->vrf)
                 : 0);
    }
    vrf_report(t, error, ovs_strerror(error));
    if (!error) {
        replace_string(&t->made, t->vrf);
    } else {
        t->pace.retry_at = time_msec() + KERNEL_RETRY_MS;
    }
}

static void
vrf_delete(struct table *t)
{
    struct kernel_link link;
    int error = kernel_link_get(t->made, 0, &link);

    if (!error && is_vrf(&link, t->id)) {
        error = link_delete(link.ifindex);
    }
    if (error) {
        VLOG_WARN_RL(&rl, "cannot delete VRF %s: %s", t->made,
                     ovs_strerror(error));
    }
    replace_string(&t->made, NULL);
}

static void
reconcile_vrf(struct table *t)
{
    if (t->made && !nullable_string_is_equal(t->made, t->vrf)) {
        vrf_delete(t);
    }
    if (t->vrf) {
        vrf_ensure(t);
    } else {
        t->vrf_error = 0;
    }
}

/* Reconciling routes. */

/* A route of ours that should not be. */
struct stale {
    struct kernel_route r;
    struct selector selector;
};

/* What is found out about a table. */
struct scan {
    struct table *t;
    struct stale *stale;
    size_t n_stale, allocated_stale;
    const struct route *route;  /* That is being looked at. */
    struct kernel_learned *learned;
    size_t n_learned, allocated_learned;
    bool truncated;
};

static int
compare_learned(const void *a_, const void *b_)
{
    const struct kernel_learned *a = a_;
    const struct kernel_learned *b = b_;

    return (a->plen != b->plen ? (a->plen < b->plen ? -1 : 1)
            : memcmp(a, b, sizeof *a));
}

/* Sorts what has been learned and drops what is there twice, or too much. */
static void
tidy_learned(struct scan *scan)
{
    size_t n = 0;

    if (scan->n_learned) {
        qsort(scan->learned, scan->n_learned, sizeof *scan->learned,
              compare_learned);
    }
    for (size_t i = 0; i < scan->n_learned; i++) {
        if (!n || memcmp(&scan->learned[i], &scan->learned[n - 1],
                         sizeof *scan->learned)) {
            scan->learned[n++] = scan->learned[i];
        }
    }
    scan->truncated |= n > KERNEL_ROUTES_MAX_LEARNED;
    scan->n_learned = MIN(n, KERNEL_ROUTES_MAX_LEARNED);
}

static void
learn_nexthop(const struct in6_addr *nexthop, uint32_t ifindex, void *scan_)
{
    struct scan *scan = scan_;

    if (scan->n_learned >= 2 * KERNEL_ROUTES_MAX_LEARNED) {
        tidy_learned(scan);
    }
    if (scan->n_learned >= scan->allocated_learned) {
        scan->learned = x2nrealloc(scan->learned, &scan->allocated_learned,
                                   sizeof *scan->learned);
    }
    scan->learned[scan->n_learned++] = (struct kernel_learned) {
        .plen = scan->route->r.plen,
        .prefix = scan->route->r.prefix,
        .nexthop = *nexthop,
        .ifindex = ifindex,
        .is_hosts = scan->route->protocol <= RTPROT_STATIC,
    };
}

static bool
has_selector(const struct route *route)
{
    return route->selector.tos || route->selector.src_plen;
}

/* Is 'w' the route of ours that is there? */
static bool
is_as_wanted(const struct route *route, const struct wanted *w)
{
    const bool is_blackhole = !ipv6_addr_is_set(&w->r.nexthop);

    return (!route->multipath
            && route->type == (is_blackhole ? RTN_BLACKHOLE : RTN_UNICAST)
            && ipv6_addr_equals(&route->r.nexthop, &w->r.nexthop));
}

static void
scan_route(const struct route *route, void *scan_)
{
    struct scan *scan = scan_;

    if (route->protocol == KERNEL_ROUTE_PROTOCOL) {
        struct wanted *w = (has_selector(route) ? NULL
                            : wanted_find(scan->t, &route->r, false));

        if (w && is_as_wanted(route, w)) {
            w->is_there = true;
        } else if (w) {
            w->n_other++;
        } else {
            if (scan->n_stale >= scan->allocated_stale) {
                scan->stale = x2nrealloc(scan->stale, &scan->allocated_stale,
                                         sizeof *scan->stale);
            }
            scan->stale[scan->n_stale++] = (struct stale) {
                .r = route->r,
                .selector = route->selector,
            };
        }
    } else if (route->type == RTN_UNICAST && !route->cloned) {
        scan->route = route;
        for_each_nexthop(route, learn_nexthop, scan);
    }
}

static void
report_refused(const void *r_, bool add, int error, void *t_)
{
    const struct kernel_route *r = r_;
    struct table *t = t_;
    struct ds s = DS_EMPTY_INITIALIZER;

    format_prefix(&r->prefix, r->plen, &s);
    if (ipv6_addr_is_set(&r->nexthop)) {
        ds_put_cstr(&s, " via ");
        ipv6_format_mapped(&r->nexthop, &s);
    }
    VLOG_WARN_RL(&rl, "router %s: cannot %s route %s (metric %"PRIu32") %s "
                 "table %"PRIu32": %s", table_router(t),
                 add ? "add" : "delete", ds_cstr(&s), r->metric,
                 add ? "to" : "from", t->id,
                 error == EEXIST ? "somebody else has one like it"
                 : ovs_strerror(error));
    ds_destroy(&s);
    kernel_pace_refuse(&t->pace);
}

static void
batch_put(struct kernel_batch *b, const struct kernel_route *r,
          const struct selector *selector, bool add)
{
    const struct table *t = b->aux;

    kernel_batch_put(b, route_request(t->id, r, selector, add), r, add);
}

static bool
is_in_order(const struct wanted *w)
{
    return w->is_there && !w->n_other;
}

/* May what is different in the table be written now? */
static bool
may_write(const struct scan *scan)
{
    struct table *t = scan->t;
    bool is_different = scan->n_stale > 0;
    struct wanted *w;

    HMAP_FOR_EACH (w, node, &t->wanted) {
        is_different |= (!is_in_order(w)
                         && wanted_find(t, &w->r, false) == w);
    }

    enum kernel_write write = kernel_pace_may_write(&t->pace, is_different);
    if (write == KERNEL_WRITE_LATER_SAY) {
        VLOG_WARN_RL(&rl, "router %s: somebody keeps changing routes of ours "
                     "(protocol %d) in table %"PRIu32", they are put right "
                     "only now and then", table_router(t),
                     KERNEL_ROUTE_PROTOCOL, t->id);
    }
    return write == KERNEL_WRITE;
}

/* First what should be there, then what should not: a route whose metric
 * changes is never away. */
static void
write_routes(struct scan *scan)
{
    struct kernel_batch *b = xzalloc(sizeof *b);
    struct wanted *w;

    b->report = report_refused;
    b->aux = scan->t;
    HMAP_FOR_EACH (w, node, &scan->t->wanted) {
        if (wanted_find(scan->t, &w->r, false) != w) {
            continue;
        }
        /* To delete one is to delete any. */
        const size_t n = w->n_other ? w->n_other + w->is_there : 0;
        for (size_t i = 0; i < n; i++) {
            batch_put(b, &w->r, NULL, false);
        }
        if (!is_in_order(w)) {
            batch_put(b, &w->r, NULL, true);
        }
    }
    for (size_t i = 0; i < scan->n_stale; i++) {
        batch_put(b, &scan->stale[i].r, &scan->stale[i].selector, false);
    }
    kernel_batch_send(b);
    if (b->n_written) {
        VLOG_DBG("router %s: table %"PRIu32": %"PRIuSIZE" requests",
                 table_router(scan->t), scan->t->id, b->n_written);
    }
    free(b);
}

static void
take_learned(struct scan *scan)
{
    struct table *t = scan->t;

    tidy_learned(scan);
    if (scan->truncated) {
        VLOG_WARN_RL(&rl, "router %s: there are more than %d routes in table "
                     "%"PRIu32"; those with the longest prefixes are not "
                     "learned", table_router(t), KERNEL_ROUTES_MAX_LEARNED,
                     t->id);
    }
    if (!t->is_known || t->n_learned != scan->n_learned
        || (t->n_learned
            && memcmp(t->learned, scan->learned,
                      t->n_learned * sizeof *t->learned))) {
        free(t->learned);
        t->learned = scan->learned;
        t->n_learned = scan->n_learned;
        t->is_known = true;
        learned_seqno++;
    } else {
        free(scan->learned);
    }
}

/* Reads the table.  Returns 0 or a positive errno value. */
static int
scan_table(struct scan *scan)
{
    static const uint8_t families[] = { AF_INET, AF_INET6 };
    struct nl_sock *sock;
    struct wanted *w;
    int error = kernel_dump_open(&sock);

    if (error) {
        return error;
    }
    HMAP_FOR_EACH (w, node, &scan->t->wanted) {
        w->is_there = false;
        w->n_other = 0;
    }
    for (size_t i = 0; !error && i < ARRAY_SIZE(families); i++) {
        error = dump_routes(sock, &(struct routes_dump) {
            .family = families[i],
            .table = scan->t->id,
            .cb = scan_route,
            .aux = scan,
        });
    }
    nl_sock_destroy(sock);
    return error;
}

static void
reconcile(struct table *t)
{
    struct scan scan = { .t = t };

    kernel_pace_begin(&t->pace);
    reconcile_vrf(t);

    int error = scan_table(&scan);
    if (error) {
        free(scan.learned);
        if (error != EAGAIN) {
            VLOG_WARN_RL(&rl, "cannot read routing table %"PRIu32": %s",
                         t->id, ovs_strerror(error));
        }
    } else {
        if (may_write(&scan)) {
            write_routes(&scan);
        }
        take_learned(&scan);
    }
    free(scan.stale);

    kernel_pace_end(&t->pace, error);
    if (!error && !t->is_active && hmap_is_empty(&t->wanted)
        && t->pace.retry_at == LLONG_MAX) {
        /* Nothing of ours is left, and nothing will be. */
        table_destroy(t);
    }
}

/* Notifications. */

/* Something has changed that is in no table of ours, or it is not known
 * what. */
static void
doubt_all(void)
{
    struct table *t;

    HMAP_FOR_EACH (t, node, &tables) {
        t->pace.is_doubted = true;
    }
    devices_seqno++;
}

/* Listens as long as there are tables. */
static void
follow_tables(void)
{
    static const unsigned int groups[] = {
        RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_LINK,
        RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_NEXTHOP,
    };

    if (kernel_monitor_follow(&monitor, !hmap_is_empty(&tables), groups,
                              ARRAY_SIZE(groups), "routes")) {
        doubt_all();
    }
}

static void
take_notification(const struct ofpbuf *msg)
{
    const struct nlmsghdr *nlh = nl_msg_nlmsghdr(msg);
    struct route route;

    if (nlh->nlmsg_type != RTM_NEWROUTE && nlh->nlmsg_type != RTM_DELROUTE) {
        doubt_all();
    } else if (parse_route(msg, &route)) {
        struct table *t = table_find(route.table);

        if (t) {
            t->pace.is_doubted = true;
        }
    }
}

void
kernel_routes_run(void)
{
    kernel_monitor_run(monitor, take_notification, doubt_all, "routes");
}

void
kernel_routes_reconcile(void)
{
    struct table *t;

    follow_tables();
    HMAP_FOR_EACH_SAFE (t, node, &tables) {
        if (kernel_pace_is_due(&t->pace)) {
            reconcile(t);
        }
    }
    follow_tables();

    kernel_monitor_wait(monitor);
    HMAP_FOR_EACH (t, node, &tables) {
        kernel_pace_wait(&t->pace);
    }
}

void
kernel_routes_clear(void)
{
    struct table *t;

    kernel_tables_begin();
    kernel_tables_end();
    HMAP_FOR_EACH_SAFE (t, node, &tables) {
        struct wanted *w;

        HMAP_FOR_EACH_SAFE (w, node, &t->wanted) {
            wanted_destroy(t, w);
        }
        reconcile(t);
    }
}

void
kernel_routes_destroy(void)
{
    struct table *t;

    HMAP_FOR_EACH_SAFE (t, node, &tables) {
        table_destroy(t);
    }
    hmap_destroy(&tables);
    nl_sock_destroy(monitor);
    monitor = NULL;
}
