/* SPDX-License-Identifier: Apache-2.0 */

/* Reconciling the kernel's forwarding and neighbor tables, by rtnetlink(7);
 * see kernel-neighbors.h.
 *
 * First come tables, a device in a role each, and what should be in them; then
 * what an entry means in a table; then dumps, and what is written because of
 * them; and last, notifications. */

#include <config.h>
#include "kernel-neighbors.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "coverage.h"
#include "hash.h"
#include "kernel-neigh-msg.h"
#include "kernel-netlink.h"
#include "kernel-nexthops.h"
#include "netlink-socket.h"
#include "netlink.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(kernel_neighbors);

COVERAGE_DEFINE(kernel_neighbors_dump);
COVERAGE_DEFINE(kernel_neighbors_write);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Tables. */

/* What there is where an entry of ours should be. */
enum presence {
    ABSENT,
    THERE,                      /* It is there. */
    OTHER,                      /* Another, which makes room. */
    FOREIGN,                    /* Another, which does not. */
};

/* An entry that is wanted, in a table's 'wanted'. */
struct wanted {
    struct hmap_node node;      /* By IP address or, without, by MAC. */
    struct kernel_entry e;
    unsigned int n;             /* How many times. */
    enum presence presence;     /* According to the last dump. */
};

struct table {
    struct hmap_node node;      /* In 'tables', by name and role. */
    struct hmap_node ifindex_node; /* In 'by_ifindex', if there is one. */
    struct hmap_node master_node; /* In 'by_master', if there is one. */
    char *name;
    enum kernel_device_role role;

    /* What should be. */
    struct hmap wanted;         /* Of "struct wanted". */
    bool is_active;             /* Is needed. */
    bool is_leaving;            /* Was needed: what is ours has to go. */
    char *what;                 /* What needs it, for messages. */

    /* What is. */
    struct kernel_pace pace;
    struct kernel_link link;    /* All zero: there is none that will do. */
    const char *problem;        /* That has been logged, or NULL. */
    bool is_known;              /* It has been dumped. */
    bool is_truncated;
    bool has_nexthops;          /* Next hop objects matter. */
    void *learned;              /* Of sizeof_learned(), sorted. */
    size_t n_learned;
};

static struct hmap tables = HMAP_INITIALIZER(&tables);
static struct hmap by_ifindex = HMAP_INITIALIZER(&by_ifindex);
static struct hmap by_master = HMAP_INITIALIZER(&by_master);
static struct nl_sock *monitor;
static uint64_t learned_seqno;

static const char *
role_name(enum kernel_device_role role)
{
    return (role == KERNEL_DEVICE_VXLAN ? "VXLAN device"
            : role == KERNEL_DEVICE_BRIDGE ? "bridge"
            : "device to advertise with");
}

static size_t
sizeof_learned(const struct table *t)
{
    return (t->role == KERNEL_DEVICE_VXLAN ? sizeof(struct kernel_fdb)
            : sizeof(struct kernel_neighbor));
}

/* What a learned entry begins with, and notifications are about. */
static size_t
sizeof_key(const struct table *t)
{
    return (t->role == KERNEL_DEVICE_VXLAN ? sizeof(struct eth_addr)
            : sizeof(struct in6_addr));
}

static struct table *
table_find(const char *name, enum kernel_device_role role)
{
    struct table *t;

    HMAP_FOR_EACH_WITH_HASH (t, node, hash_string(name, role), &tables) {
        if (t->role == role && !strcmp(t->name, name)) {
            return t;
        }
    }
    return NULL;
}

/* Makes a table that is not in 'tables'. */
static struct table *
table_new(const char *name, enum kernel_device_role role, const char *what)
{
    struct table *t = xzalloc(sizeof *t);

    t->name = xstrdup(name);
    t->role = role;
    t->what = xstrdup(what);
    kernel_pace_init(&t->pace);
    hmap_init(&t->wanted);
    return t;
}

static struct table *
table_get(const char *name, enum kernel_device_role role)
{
    struct table *t = table_find(name, role);

    if (!t) {
        t = table_new(name, role, "(none)");
        hmap_insert(&tables, &t->node, hash_string(name, role));
    }
    return t;
}

static bool
is_followed(const struct table *t)
{
    return t->is_active || t->is_leaving;
}

/* Takes 'link' for the table's device. */
static void
set_link(struct table *t, const struct kernel_link *link)
{
    if (t->link.ifindex) {
        hmap_remove(&by_ifindex, &t->ifindex_node);
    }
    if (t->link.master) {
        hmap_remove(&by_master, &t->master_node);
    }
    t->link = *link;
    if (t->link.ifindex) {
        hmap_insert(&by_ifindex, &t->ifindex_node,
                    hash_int(t->link.ifindex, 0));
    }
    if (t->link.master) {
        hmap_insert(&by_master, &t->master_node, hash_int(t->link.master, 0));
    }
}

static void
forget_learned(struct table *t)
{
    learned_seqno += t->is_known;
    free(t->learned);
    t->learned = NULL;
    t->n_learned = 0;
    t->is_known = t->is_truncated = t->has_nexthops = false;
}

static void
wanted_destroy(struct table *t, struct wanted *w)
{
    hmap_remove(&t->wanted, &w->node);
    free(w);
}

/* Frees one that is not in 'tables' any more. */
static void
table_free(struct table *t)
{
    struct wanted *w;

    HMAP_FOR_EACH_SAFE (w, node, &t->wanted) {
        wanted_destroy(t, w);
    }
    hmap_destroy(&t->wanted);
    set_link(t, &(struct kernel_link) { .is_there = false });
    forget_learned(t);
    free(t->name);
    free(t->what);
    free(t);
}

static void
table_destroy(struct table *t)
{
    hmap_remove(&tables, &t->node);
    table_free(t);
}

/* What is wanted. */

static uint32_t
entry_hash(const struct kernel_entry *e)
{
    return (ipv6_addr_is_set(&e->ip) ? hash_bytes(&e->ip, sizeof e->ip, 0)
            : hash_bytes(&e->mac, sizeof e->mac, 0));
}

/* Of those that are wanted for the IP address of 'e' the first one counts.
 * Without an IP address, or if 'exact', only 'e' itself is found. */
static struct wanted *
wanted_find(const struct table *t, const struct kernel_entry *e, bool exact)
{
    struct wanted *w, *first = NULL;

    exact |= !ipv6_addr_is_set(&e->ip);
    HMAP_FOR_EACH_WITH_HASH (w, node, entry_hash(e), &t->wanted) {
        if (ipv6_addr_equals(&w->e.ip, &e->ip)
            && (!exact || eth_addr_equals(w->e.mac, e->mac))
            && (!first
                || eth_addr_compare_3way(w->e.mac, first->e.mac) < 0)) {
            first = w;
        }
    }
    return first;
}

/* Does it count? */
static bool
wanted_counts(const struct table *t, const struct wanted *w)
{
    return wanted_find(t, &w->e, false) == w;
}

static void
warn_of_second(const struct table *t, const struct kernel_entry *e)
{
    const struct wanted *w = wanted_find(t, e, false);

    if (w && !eth_addr_equals(w->e.mac, e->mac)) {
        const bool is_first = eth_addr_compare_3way(e->mac, w->e.mac) < 0;
        struct ds s = DS_EMPTY_INITIALIZER;

        ipv6_format_mapped(&e->ip, &s);
        VLOG_WARN_RL(&rl, "%s %s: %s is to be advertised with "ETH_ADDR_FMT
                     " and with "ETH_ADDR_FMT"; only the former is",
                     role_name(t->role), t->name, ds_cstr(&s),
                     ETH_ADDR_ARGS(is_first ? e->mac : w->e.mac),
                     ETH_ADDR_ARGS(is_first ? w->e.mac : e->mac));
        ds_destroy(&s);
    }
}

static void
add_entry(const char *device, enum kernel_device_role role,
          const struct kernel_entry *e)
{
    struct table *t = table_get(device, role);
    struct wanted *w = wanted_find(t, e, true);

    if (!w) {
        warn_of_second(t, e);
        w = xzalloc(sizeof *w);
        w->e = *e;
        hmap_insert(&t->wanted, &w->node, entry_hash(e));
        t->pace.is_dirty = true;
    }
    w->n++;
}

static void
remove_entry(const char *device, enum kernel_device_role role,
             const struct kernel_entry *e)
{
    struct table *t = table_find(device, role);
    struct wanted *w = t ? wanted_find(t, e, true) : NULL;

    if (!w || --w->n) {
        return;
    }
    wanted_destroy(t, w);
    t->pace.is_dirty = true;
    if (!is_followed(t) && hmap_is_empty(&t->wanted)) {
        table_destroy(t);
    }
}

void
kernel_mac_add(const char *device, struct eth_addr mac)
{
    add_entry(device, KERNEL_DEVICE_ADVERTISE,
              &(struct kernel_entry) { .mac = mac });
}

void
kernel_mac_remove(const char *device, struct eth_addr mac)
{
    remove_entry(device, KERNEL_DEVICE_ADVERTISE,
                 &(struct kernel_entry) { .mac = mac });
}

void
kernel_ip_add(const char *device, const struct in6_addr *ip,
              struct eth_addr mac)
{
    add_entry(device, KERNEL_DEVICE_BRIDGE,
              &(struct kernel_entry) { .ip = *ip, .mac = mac });
}

void
kernel_ip_remove(const char *device, const struct in6_addr *ip,
                 struct eth_addr mac)
{
    remove_entry(device, KERNEL_DEVICE_BRIDGE,
                 &(struct kernel_entry) { .ip = *ip, .mac = mac });
}

void
kernel_neighbors_begin(void)
{
    struct table *t;

    HMAP_FOR_EACH (t, node, &tables) {
        t->is_leaving |= t->is_active;
        t->is_active = false;
    }
}

void
kernel_neighbors_need(const char *device, enum kernel_device_role role,
                      const char *what)
{
    struct table *t = table_get(device, role);

    if (t->is_active) {
        return;
    }
    t->pace.is_dirty |= !t->is_leaving;
    t->is_active = true;
    if (strcmp(t->what, what)) {
        free(t->what);
        t->what = xstrdup(what);
    }
}

void
kernel_neighbors_end(void)
{
    struct table *t;

    HMAP_FOR_EACH (t, node, &tables) {
        if (t->is_active) {
            t->is_leaving = false;
        } else {
            t->pace.is_dirty |= t->is_leaving;
        }
    }
}

bool
kernel_device_fdb(const char *device, const struct kernel_fdb **fdb, size_t *n)
{
    const struct table *t = table_find(device, KERNEL_DEVICE_VXLAN);

    if (!t || !t->is_known) {
        return false;
    }
    *fdb = t->learned;
    *n = t->n_learned;
    return true;
}

bool
kernel_device_neighbors(const char *device,
                        const struct kernel_neighbor **neighbors, size_t *n)
{
    const struct table *t = table_find(device, KERNEL_DEVICE_BRIDGE);

    if (!t || !t->is_known) {
        return false;
    }
    *neighbors = t->learned;
    *n = t->n_learned;
    return true;
}

uint64_t
kernel_neighbors_seqno(void)
{
    return learned_seqno;
}

/* What a neighbor means in a table. */

/* Is it in the table at all? */
static bool
is_in(const struct table *t, const struct kernel_neigh *n)
{
    if (n->ifindex != t->link.ifindex) {
        return false;
    }
    switch (t->role) {
    case KERNEL_DEVICE_VXLAN:
        /* The device's own, and not the bridge's, which name no VTEP. */
        return n->family == AF_BRIDGE && !n->master && n->has_mac;
    case KERNEL_DEVICE_ADVERTISE:
        return n->family == AF_BRIDGE && n->master && n->has_mac;
    case KERNEL_DEVICE_BRIDGE:
    default:
        return (n->family == AF_INET || n->family == AF_INET6) && n->has_ip;
    }
}

static bool
is_unicast_mac(const struct kernel_neigh *n)
{
    return (n->has_mac && !eth_addr_is_multicast(n->mac)
            && !eth_addr_is_zero(n->mac));
}

static bool
is_unicast_ip(const struct kernel_neigh *n)
{
    if (!n->has_ip) {
        return false;
    } else if (!IN6_IS_ADDR_V4MAPPED(&n->ip)) {
        return ipv6_addr_is_set(&n->ip) && !ipv6_addr_is_multicast(&n->ip);
    }

    const ovs_be32 ip = in6_addr_get_mapped_ipv4(&n->ip);
    return ip && ip != OVS_BE32_MAX && !ip_is_multicast(ip);
}

static bool
is_extern(const struct kernel_neigh *n)
{
    return (n->flags & NTF_EXT_LEARNED) != 0;
}

/* Can it be learned?  It is in the table. */
static bool
is_learnable(const struct table *t, const struct kernel_neigh *n)
{
    switch (t->role) {
    case KERNEL_DEVICE_VXLAN:
        return ((n->nexthop || is_unicast_ip(n))
                && (eth_addr_is_zero(n->mac)
                    || (is_unicast_mac(n) && is_extern(n))));
    case KERNEL_DEVICE_BRIDGE:
        return (is_extern(n) && n->state == NUD_NOARP && is_unicast_ip(n)
                && is_unicast_mac(n));
    case KERNEL_DEVICE_ADVERTISE:
    default:
        return false;
    }
}

/* Is it ours, wanted or not?  It is in the table.  Without a protocol, one
 * that has the device's own MAC address is the kernel's: those of a device
 * without ARP have it. */
static bool
is_ours(const struct table *t, const struct kernel_neigh *n)
{
    if (t->role == KERNEL_DEVICE_VXLAN || n->state != NUD_NOARP
        || is_extern(n) || !is_unicast_mac(n)) {
        return false;
    }
    return (t->role == KERNEL_DEVICE_ADVERTISE
            || (is_unicast_ip(n)
                && (n->protocol == KERNEL_PROTOCOL
                    || (!n->protocol
                        && !eth_addr_equals(n->mac, t->link.mac)))));
}

/* Does it make room for one of ours? */
static bool
makes_room(const struct kernel_neigh *n)
{
    return (is_extern(n) || n->protocol == KERNEL_PROTOCOL
            || !(n->state & (NUD_NOARP | NUD_PERMANENT)));
}

static struct kernel_entry
neigh_entry(const struct table *t, const struct kernel_neigh *n)
{
    struct kernel_entry e = { .mac = n->mac, .vlan = n->vlan };

    if (t->role == KERNEL_DEVICE_BRIDGE) {
        e.ip = n->ip;
        e.vlan = 0;
    }
    return e;
}

/* 'n' is in the table where 'w' should be: what is it? */
static enum presence
get_presence(const struct table *t, const struct wanted *w,
             const struct kernel_neigh *n)
{
    if (is_ours(t, n)) {
        return eth_addr_equals(n->mac, w->e.mac) ? THERE : OTHER;
    }
    return makes_room(n) ? OTHER : FOREIGN;
}

/* Learning. */

static void
get_fdb(const struct table *t, const struct kernel_neigh *n,
        struct kernel_fdb *fdb)
{
    *fdb = (struct kernel_fdb) {
        .mac = n->mac,
        .port = n->port ? n->port : t->link.vxlan_port,
        .has_port = n->port != 0,
        .vni = n->vni ? n->vni : t->link.vxlan_vni,
        .is_static = (n->state & (NUD_NOARP | NUD_PERMANENT)) != 0,
        .vtep = n->ip,
    };
}

static void
get_neighbor(const struct kernel_neigh *n, struct kernel_neighbor *neighbor)
{
    *neighbor = (struct kernel_neighbor) { .ip = n->ip, .mac = n->mac };
}

static int
compare_fdb(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct kernel_fdb));
}

static int
compare_neighbor(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct kernel_neighbor));
}

/* The first learned entry whose first 'size' bytes are not less than those of
 * 'key': is it one whose are the same? */
static bool
learned_has(const struct table *t, const void *key, size_t size)
{
    const size_t step = sizeof_learned(t);
    const char *base = t->learned;
    size_t low = 0;

    for (size_t high = t->n_learned; low < high; ) {
        const size_t middle = low + (high - low) / 2;

        if (memcmp(base + middle * step, key, size) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < t->n_learned && !memcmp(base + low * step, key, size);
}

/* Has the last dump found the very same? */
static bool
is_learned(const struct table *t, const struct kernel_neigh *n)
{
    struct kernel_neighbor neighbor;
    struct kernel_fdb fdb;

    if (t->role == KERNEL_DEVICE_VXLAN) {
        get_fdb(t, n, &fdb);
        return learned_has(t, &fdb, sizeof fdb);
    }
    get_neighbor(n, &neighbor);
    return learned_has(t, &neighbor, sizeof neighbor);
}

/* Has the last dump found anything like it? */
static bool
is_key_learned(const struct table *t, const struct kernel_neigh *n)
{
    return (t->role == KERNEL_DEVICE_VXLAN
            ? learned_has(t, &n->mac, sizeof_key(t))
            : learned_has(t, &n->ip, sizeof_key(t)));
}

/* Dumps. */

/* What is found out about a table. */
struct scan {
    struct table *t;
    struct kernel_entry *stale;        /* Ours that should not be. */
    size_t n_stale, allocated_stale;
    char *learned;
    size_t n_learned, allocated_learned;
    bool is_truncated;
    struct kernel_neigh *by_nexthop; /* To be learned, with a next hop. */
    size_t n_by_nexthop, allocated_by_nexthop;
};

/* Sorts what has been learned and drops what is there twice, or too much. */
static void
tidy_learned(struct scan *scan)
{
    const size_t size = sizeof_learned(scan->t);
    char *p = scan->learned;
    size_t n = 0;

    if (scan->n_learned) {
        qsort(p, scan->n_learned, size,
              scan->t->role == KERNEL_DEVICE_VXLAN ? compare_fdb
              : compare_neighbor);
    }
    for (size_t i = 0; i < scan->n_learned; i++) {
        if (!n || memcmp(p + i * size, p + (n - 1) * size, size)) {
            memmove(p + n++ * size, p + i * size, size);
        }
    }
    scan->is_truncated |= n > KERNEL_NEIGHBORS_MAX_LEARNED;
    scan->n_learned = MIN(n, KERNEL_NEIGHBORS_MAX_LEARNED);
}

static void
learn(struct scan *scan, const struct kernel_neigh *n)
{
    const size_t size = sizeof_learned(scan->t);

    if (scan->n_learned >= 2 * KERNEL_NEIGHBORS_MAX_LEARNED) {
        tidy_learned(scan);
    }
    if (scan->n_learned >= scan->allocated_learned) {
        scan->learned = x2nrealloc(scan->learned, &scan->allocated_learned,
                                   size);
    }

    void *p = scan->learned + scan->n_learned++ * size;
    if (scan->t->role == KERNEL_DEVICE_VXLAN) {
        get_fdb(scan->t, n, p);
    } else {
        get_neighbor(n, p);
    }
}

static void
scan_learnable(struct scan *scan, const struct kernel_neigh *n)
{
    if (!n->nexthop) {
        learn(scan, n);
        return;
    }
    if (scan->n_by_nexthop >= KERNEL_NEIGHBORS_MAX_LEARNED) {
        scan->is_truncated = true;
        return;
    }
    if (scan->n_by_nexthop >= scan->allocated_by_nexthop) {
        scan->by_nexthop = x2nrealloc(scan->by_nexthop,
                                      &scan->allocated_by_nexthop,
                                      sizeof *scan->by_nexthop);
    }
    scan->by_nexthop[scan->n_by_nexthop++] = *n;
}

static void
scan_ours(struct scan *scan, const struct kernel_neigh *n)
{
    const struct kernel_entry e = neigh_entry(scan->t, n);
    struct wanted *w = (scan->t->is_active
                        ? wanted_find(scan->t, &e, false) : NULL);

    /* If the bridge is aware of VLANs, the kernel has an entry for each of the
     * port's, as it has made of ours; what counts is the one without. */
    if (w && !e.vlan) {
        w->presence = get_presence(scan->t, w, n);
    } else if (!w && is_ours(scan->t, n)) {
        if (scan->n_stale >= scan->allocated_stale) {
            scan->stale = x2nrealloc(scan->stale, &scan->allocated_stale,
                                     sizeof *scan->stale);
        }
        scan->stale[scan->n_stale++] = e;
    }
}

static void
scan_neigh(const struct ofpbuf *msg, void *scan_)
{
    struct scan *scan = scan_;
    struct kernel_neigh n;

    if (nl_msg_nlmsghdr(msg)->nlmsg_type != RTM_NEWNEIGH
        || !kernel_neigh_parse(msg, &n) || !is_in(scan->t, &n)) {
        return;
    }
    if (is_learnable(scan->t, &n)) {
        scan_learnable(scan, &n);
    }
    if (scan->t->role != KERNEL_DEVICE_VXLAN) {
        scan_ours(scan, &n);
    }
}

static int
dump_neighbors(struct nl_sock *sock, uint8_t family, struct scan *scan)
{
    struct ofpbuf *request = kernel_neigh_dump_request(
        family, scan->t->link.ifindex);

    COVERAGE_INC(kernel_neighbors_dump);
    return kernel_dump(sock, request, scan_neigh, scan);
}

/* Learns what has next hops. */
static int
resolve_nexthops(struct nl_sock *sock, struct scan *scan)
{
    struct hmap nexthops = HMAP_INITIALIZER(&nexthops);
    int error = kernel_nexthops_dump(sock, &nexthops);
    size_t n_unknown = 0;

    for (size_t i = 0; !error && i < scan->n_by_nexthop; i++) {
        struct kernel_neigh *n = &scan->by_nexthop[i];

        n->has_ip = kernel_nexthops_find(&nexthops, n->nexthop, &n->ip);
        if (is_unicast_ip(n)) {
            learn(scan, n);
        } else {
            n_unknown++;
        }
    }
    if (n_unknown) {
        VLOG_WARN_RL(&rl, "%s: %s %s: %"PRIuSIZE" entries are not learned, "
                     "for their next hops have no address", scan->t->what,
                     role_name(scan->t->role), scan->t->name, n_unknown);
    }
    kernel_nexthops_destroy(&nexthops);
    return error;
}

/* Reads the table.  Returns 0 or a positive errno value. */
static int
scan_table(struct scan *scan)
{
    const bool is_bridge = scan->t->role == KERNEL_DEVICE_BRIDGE;
    struct nl_sock *sock;
    struct wanted *w;
    int error = kernel_dump_open(&sock);

    if (error) {
        return error;
    }
    HMAP_FOR_EACH (w, node, &scan->t->wanted) {
        w->presence = ABSENT;
    }
    error = dump_neighbors(sock, is_bridge ? AF_INET : AF_BRIDGE, scan);
    if (!error && is_bridge) {
        error = dump_neighbors(sock, AF_INET6, scan);
    }
    if (!error && scan->n_by_nexthop) {
        error = resolve_nexthops(sock, scan);
    }
    nl_sock_destroy(sock);
    return error;
}

static void
take_learned(struct scan *scan)
{
    struct table *t = scan->t;

    if (t->role == KERNEL_DEVICE_ADVERTISE) {
        return;
    }
    tidy_learned(scan);
    if (scan->is_truncated) {
        VLOG_WARN_RL(&rl, "%s: there are more than %d entries on %s %s; those "
                     "beyond are not learned", t->what,
                     KERNEL_NEIGHBORS_MAX_LEARNED, role_name(t->role),
                     t->name);
    }
    t->is_truncated = scan->is_truncated;
    t->has_nexthops = scan->n_by_nexthop > 0;
    if (t->is_known && t->n_learned == scan->n_learned
        && (!t->n_learned
            || !memcmp(t->learned, scan->learned,
                       t->n_learned * sizeof_learned(t)))) {
        return;
    }
    free(t->learned);
    t->learned = scan->learned;
    t->n_learned = scan->n_learned;
    t->is_known = true;
    scan->learned = NULL;
    learned_seqno++;
}

/* Writing. */

static struct ofpbuf *
entry_request(const struct table *t, uint16_t type, uint32_t flags,
              const struct kernel_entry *e)
{
    return (t->role == KERNEL_DEVICE_ADVERTISE
            ? kernel_mac_request(type, flags, t->link.ifindex, e)
            : kernel_ip_request(type, flags, t->link.ifindex, e));
}

/* Another port of the bridge may have the MAC address.  If it may be taken
 * over, does so.  Returns 0 or a positive errno value. */
static int
take_over(const struct table *t, const struct kernel_entry *e)
{
    struct kernel_neigh n;
    int error = kernel_mac_get(t->link.ifindex, e, &n);

    return (error ? error
            : !makes_room(&n) ? EEXIST
            : kernel_transact(entry_request(
                                  t, RTM_NEWNEIGH,
                                  NLM_F_CREATE | NLM_F_REPLACE, e)));
}

static void
report_refused(const void *e_, bool is_add, int error, void *t_)
{
    const struct kernel_entry *e = e_;
    struct table *t = t_;
    struct ds s = DS_EMPTY_INITIALIZER;

    if (error == EEXIST && t->role == KERNEL_DEVICE_ADVERTISE) {
        error = take_over(t, e);
        if (!error) {
            return;
        }
    }
    if (ipv6_addr_is_set(&e->ip)) {
        ipv6_format_mapped(&e->ip, &s);
        ds_put_cstr(&s, " at ");
    }
    ds_put_format(&s, ETH_ADDR_FMT, ETH_ADDR_ARGS(e->mac));
    VLOG_WARN_RL(&rl, "%s: cannot %s %s %s %s %s: %s", t->what,
                 is_add ? "add" : "delete", ds_cstr(&s),
                 is_add ? "to" : "from", role_name(t->role), t->name,
                 error == EEXIST ? "somebody else has one like it"
                 : ovs_strerror(error));
    ds_destroy(&s);
    kernel_pace_refuse(&t->pace);
}

/* May what is different in the table be written now? */
static bool
may_write(const struct scan *scan)
{
    struct table *t = scan->t;
    bool is_different = scan->n_stale > 0;
    struct wanted *w;

    if (t->is_active) {
        HMAP_FOR_EACH (w, node, &t->wanted) {
            is_different |= ((w->presence == ABSENT || w->presence == OTHER)
                             && wanted_counts(t, w));
        }
    }

    enum kernel_write write = kernel_pace_may_write(&t->pace, is_different);
    if (write == KERNEL_WRITE_LATER_SAY) {
        VLOG_WARN_RL(&rl, "%s: somebody keeps changing entries of ours on %s "
                     "%s, they are put right only now and then", t->what,
                     role_name(t->role), t->name);
    }
    return write == KERNEL_WRITE;
}

static void
write_wanted(struct kernel_batch *b, const struct table *t,
             const struct wanted *w)
{
    if (w->presence == FOREIGN) {
        report_refused(&w->e, true, EEXIST, b->aux);
    } else if (w->presence == ABSENT) {
        kernel_batch_put(b, entry_request(t, RTM_NEWNEIGH,
                                          NLM_F_CREATE | NLM_F_EXCL, &w->e),
                         &w->e, true);
    } else if (w->presence == OTHER && t->role == KERNEL_DEVICE_BRIDGE) {
        kernel_batch_put(b, entry_request(t, RTM_NEWNEIGH,
                                          NLM_F_CREATE | NLM_F_REPLACE,
                                          &w->e),
                         &w->e, true);
    } else if (w->presence == OTHER) {
        /* A bridge's entry would stay an externally learned one. */
        kernel_batch_put(b, entry_request(t, RTM_DELNEIGH, 0, &w->e), &w->e,
                         false);
        kernel_batch_put(b, entry_request(t, RTM_NEWNEIGH,
                                          NLM_F_CREATE | NLM_F_EXCL, &w->e),
                         &w->e, true);
    }
}

static void
write_entries(struct scan *scan)
{
    struct kernel_batch *b = xzalloc(sizeof *b);
    struct table *t = scan->t;
    struct wanted *w;

    b->report = report_refused;
    b->aux = t;
    for (size_t i = 0; i < scan->n_stale; i++) {
        kernel_batch_put(b, entry_request(t, RTM_DELNEIGH, 0,
                                          &scan->stale[i]),
                         &scan->stale[i], false);
    }
    if (t->is_active) {
        HMAP_FOR_EACH (w, node, &t->wanted) {
            if (wanted_counts(t, w)) {
                write_wanted(b, t, w);
            }
        }
    }
    kernel_batch_send(b);
    COVERAGE_ADD(kernel_neighbors_write, b->n_written);
    free(b);
}

/* Reads the table and writes what has to be.  Returns 0 or a positive errno
 * value. */
static int
reconcile_entries(struct table *t)
{
    struct scan scan = { .t = t };
    int error = scan_table(&scan);

    if (!error) {
        if (may_write(&scan)) {
            write_entries(&scan);
        }
        take_learned(&scan);
    } else if (error != EAGAIN) {
        VLOG_WARN_RL(&rl, "%s: cannot read %s %s: %s", t->what,
                     role_name(t->role), t->name, ovs_strerror(error));
    }
    free(scan.stale);
    free(scan.learned);
    free(scan.by_nexthop);
    return error;
}

/* Devices. */

/* Why 'link' will not do. */
static const char *
link_problem(enum kernel_device_role role, const struct kernel_link *link)
{
    if (!link->is_there) {
        return "there is no such device";
    }
    switch (role) {
    case KERNEL_DEVICE_VXLAN:
        return strcmp(link->kind, "vxlan") ? "it is no VXLAN device" : NULL;
    case KERNEL_DEVICE_BRIDGE:
        /* A bridge that is aware of VLANs has a device for each. */
        return (strcmp(link->kind, "bridge") && strcmp(link->kind, "vlan")
                ? "it is no bridge" : NULL);
    case KERNEL_DEVICE_ADVERTISE:
    default:
        return (!link->master || strcmp(link->port_kind, "bridge")
                ? "it is no port of a bridge" : NULL);
    }
}

static bool
is_in_use(enum kernel_device_role role, uint32_t ifindex)
{
    const struct table *t;

    HMAP_FOR_EACH_WITH_HASH (t, ifindex_node, hash_int(ifindex, 0),
                             &by_ifindex) {
        if (t->link.ifindex == ifindex && t->role == role) {
            return true;
        }
    }
    return false;
}

/* Deletes what is ours on a device that was the table's; it may have another
 * name now, or be gone. */
static void
leave_device(struct table *t, uint32_t ifindex)
{
    struct kernel_link link;

    if (t->role == KERNEL_DEVICE_VXLAN || is_in_use(t->role, ifindex)
        || kernel_link_get(NULL, ifindex, &link)
        || link_problem(t->role, &link)) {
        return;
    }

    struct table *old = table_new(link.name, t->role, t->what);
    set_link(old, &link);
    reconcile_entries(old);
    table_free(old);
}

/* Looks for the table's device.  Returns 0 or a positive errno value. */
static int
find_device(struct table *t)
{
    const uint32_t old = t->link.ifindex;
    struct kernel_link link;
    int error = kernel_link_get(t->name, 0, &link);

    if (error) {
        VLOG_WARN_RL(&rl, "%s: cannot look for %s %s: %s", t->what,
                     role_name(t->role), t->name, ovs_strerror(error));
        return error;
    }

    const char *problem = link_problem(t->role, &link);
    if (problem && problem != t->problem && t->is_active) {
        VLOG_WARN_RL(&rl, "%s: cannot use %s %s: %s", t->what,
                     role_name(t->role), t->name, problem);
    }
    t->problem = problem;
    if (problem) {
        memset(&link, 0, sizeof link);
        forget_learned(t);
    }
    set_link(t, &link);
    if (old && old != link.ifindex) {
        leave_device(t, old);
    }
    return 0;
}

static void
reconcile(struct table *t)
{
    kernel_pace_begin(&t->pace);

    int error = find_device(t);
    if (!error && t->link.ifindex
        && (t->is_active || t->role != KERNEL_DEVICE_VXLAN)) {
        error = reconcile_entries(t);
    }
    kernel_pace_end(&t->pace, error);

    if (!error && !t->is_active && t->pace.retry_at == LLONG_MAX) {
        /* Nothing of ours is left. */
        t->is_leaving = false;
        t->problem = NULL;
        set_link(t, &(struct kernel_link) { .is_there = false });
        forget_learned(t);
        if (hmap_is_empty(&t->wanted)) {
            table_destroy(t);
        }
    }
}

/* Notifications. */

static void
doubt_all(void)
{
    struct table *t;

    HMAP_FOR_EACH (t, node, &tables) {
        t->pace.is_doubted = true;
    }
}

/* Listens as long as devices are needed. */
static void
follow_devices(void)
{
    static const unsigned int groups[] = {
        RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_NEXTHOP,
    };
    const struct table *t;
    bool is_needed = false;

    HMAP_FOR_EACH (t, node, &tables) {
        is_needed |= is_followed(t);
    }
    if (kernel_monitor_follow(&monitor, is_needed, groups, ARRAY_SIZE(groups),
                              "neighbors")) {
        doubt_all();
    }
}

/* Does a notification contradict what the last dump has found to learn? */
static bool
contradicts_learned(const struct table *t, const struct kernel_neigh *n,
                    bool is_new)
{
    if (t->role == KERNEL_DEVICE_ADVERTISE) {
        return false;
    }
    if (!is_learnable(t, n)) {
        return is_key_learned(t, n);
    }
    return (n->nexthop || t->is_truncated
            || (is_new ? !is_learned(t, n) : is_key_learned(t, n)));
}

/* Does it contradict what it has found of ours? */
static bool
contradicts_ours(const struct table *t, const struct kernel_neigh *n,
                 bool is_new)
{
    if (t->role == KERNEL_DEVICE_VXLAN) {
        return false;
    }

    const struct kernel_entry e = neigh_entry(t, n);
    const struct wanted *w = wanted_find(t, &e, false);
    return (!w ? is_new && is_ours(t, n)
            : !e.vlan && !(is_new && w->presence == THERE
                           && get_presence(t, w, n) == THERE));
}

/* An entry of another port of the table's bridge has come or gone: a MAC
 * address is at one port only. */
static bool
contradicts_elsewhere(const struct table *t, const struct kernel_neigh *n,
                      bool is_new)
{
    const struct kernel_entry e = { .mac = n->mac, .vlan = n->vlan };
    const struct wanted *w = n->vlan ? NULL : wanted_find(t, &e, true);

    return w && (w->presence == THERE) == is_new;
}

static void
take_neigh(const struct kernel_neigh *n, bool is_new)
{
    struct table *t;

    HMAP_FOR_EACH_WITH_HASH (t, ifindex_node, hash_int(n->ifindex, 0),
                             &by_ifindex) {
        if (is_in(t, n)
            && (contradicts_learned(t, n, is_new)
                || contradicts_ours(t, n, is_new))) {
            t->pace.is_doubted = true;
        }
    }
    if (n->family != AF_BRIDGE || !n->master || !n->has_mac) {
        return;
    }
    HMAP_FOR_EACH_WITH_HASH (t, master_node, hash_int(n->master, 0),
                             &by_master) {
        if (t->role == KERNEL_DEVICE_ADVERTISE && t->link.master == n->master
            && t->link.ifindex != n->ifindex
            && contradicts_elsewhere(t, n, is_new)) {
            t->pace.is_doubted = true;
        }
    }
}

static void
take_link(const struct kernel_link *link)
{
    struct table *t;

    HMAP_FOR_EACH (t, node, &tables) {
        if (link->ifindex == t->link.ifindex || !strcmp(link->name, t->name)) {
            t->pace.is_doubted = true;
        }
    }
}

static void
take_nexthop(void)
{
    struct table *t;

    HMAP_FOR_EACH (t, node, &tables) {
        t->pace.is_doubted |= t->has_nexthops;
    }
}

static void
take_notification(const struct ofpbuf *msg)
{
    const uint16_t type = nl_msg_nlmsghdr(msg)->nlmsg_type;
    struct kernel_link link;
    struct kernel_neigh n;

    switch (type) {
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
        if (kernel_neigh_parse(msg, &n)) {
            take_neigh(&n, type == RTM_NEWNEIGH);
        }
        break;
    case RTM_NEWLINK:
    case RTM_DELLINK:
        if (kernel_link_parse(msg, &link)) {
            take_link(&link);
        }
        break;
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
        take_nexthop();
        break;
    default:
        break;
    }
}

void
kernel_neighbors_run(void)
{
    kernel_monitor_run(monitor, take_notification, doubt_all, "neighbors");
}

void
kernel_neighbors_reconcile(void)
{
    struct table *t;

    follow_devices();
    HMAP_FOR_EACH_SAFE (t, node, &tables) {
        if (is_followed(t) && kernel_pace_is_due(&t->pace)) {
            reconcile(t);
        }
    }
    follow_devices();

    kernel_monitor_wait(monitor);
    HMAP_FOR_EACH (t, node, &tables) {
        if (is_followed(t)) {
            kernel_pace_wait(&t->pace);
        }
    }
}

/* Reads what can be learned from 't'. */
static void
look(struct table *t)
{
    struct scan scan = { .t = t };

    if (!find_device(t) && t->link.ifindex && !scan_table(&scan)) {
        take_learned(&scan);
    }
    free(scan.stale);
    free(scan.learned);
    free(scan.by_nexthop);
}

void
kernel_neighbors_look(void)
{
    struct table *t;

    follow_devices();
    HMAP_FOR_EACH (t, node, &tables) {
        if (t->is_active && t->role != KERNEL_DEVICE_ADVERTISE
            && !t->is_known) {
            look(t);
        }
    }
}

void
kernel_neighbors_clear(void)
{
    struct table *t;

    kernel_neighbors_begin();
    kernel_neighbors_end();
    HMAP_FOR_EACH_SAFE (t, node, &tables) {
        struct wanted *w;

        HMAP_FOR_EACH_SAFE (w, node, &t->wanted) {
            wanted_destroy(t, w);
        }
        if (is_followed(t)) {
            reconcile(t);
        } else {
            table_destroy(t);
        }
    }
}

void
kernel_neighbors_destroy(void)
{
    struct table *t;

    HMAP_FOR_EACH_SAFE (t, node, &tables) {
        table_destroy(t);
    }
    hmap_destroy(&tables);
    hmap_destroy(&by_ifindex);
    hmap_destroy(&by_master);
    nl_sock_destroy(monitor);
    monitor = NULL;
}
