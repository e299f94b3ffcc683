/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_PINCTRL_MCAST_TABLE_H
#define CONTROLLER_PINCTRL_MCAST_TABLE_H 1

/* Who listens to which multicast group
 * ====================================
 *
 * What one logical datapath has learned: groups, the ports that listen to
 * them, and the ports that have a multicast router behind them.
 *
 * Whoever is not heard of again is forgotten: ports of groups after the idle
 * time, routers after MCAST_MROUTER_PORT_IDLE_TIME.  There is a limit on the
 * number of groups; the one that was reported longest ago makes room for a new
 * one.  Ports are those of the datapath, so they need no limit.
 *
 * libopenvswitch has such a table, mcast-snooping.h, from which the defaults
 * come.  It keeps a group that nobody listens to any more until it is the
 * oldest, does not look for ports to forget behind the first group that has
 * none, has no limit below ten groups, and differs between releases.
 *
 * Times are in ms, as of time_msec().
 *
 * Thread-safety: a table belongs to one thread. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcast.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"

struct mcast_table {
    size_t max_groups;
    long long int idle_ms;

    struct hmap groups;         /* Of "struct mcast_entry"s, by 'ip'. */
    struct ovs_list by_report;  /* The same, the oldest report first. */
    struct ovs_list by_age;     /* Of "struct mcast_member"s, oldest first. */
    struct ovs_list routers;    /* Of "struct mcast_member"s, oldest first. */
    size_t n_members;           /* In 'by_age'. */
};

struct mcast_entry {
    struct hmap_node hmap_node;
    struct ovs_list report_node;
    struct in6_addr ip;
    enum mcast_protocol protocol; /* Of the last report. */
    struct ovs_list members;    /* Of "struct mcast_member"s. */
};

/* A port. */
struct mcast_member {
    struct ovs_list list_node;  /* In the group's 'members', or 'routers'. */
    struct ovs_list age_node;   /* In 'by_age'; not used for routers. */
    struct mcast_entry *group;  /* NULL for routers. */
    uint16_t port_key;
    long long int seen;
};

void mcast_table_init(struct mcast_table *);
void mcast_table_destroy(struct mcast_table *);

/* All of these return true if there is another set of groups, of their ports,
 * or of routers than before. */
bool mcast_table_set_limits(struct mcast_table *, size_t max_groups,
                            long long int idle_ms);
/* A port behind which there is a router gets everything anyway: joins nothing
 * there. */
bool mcast_table_join(struct mcast_table *, const struct in6_addr *ip,
                      enum mcast_protocol, uint16_t port_key,
                      long long int now);
bool mcast_table_leave(struct mcast_table *, const struct in6_addr *ip,
                       uint16_t port_key);
bool mcast_table_add_router(struct mcast_table *, uint16_t port_key,
                            long long int now);
bool mcast_table_flush(struct mcast_table *);
/* Forgets whom nothing was heard of for too long. */
bool mcast_table_expire(struct mcast_table *, long long int now);

/* When to call mcast_table_expire(), LLONG_MAX for never. */
long long int mcast_table_next_expiry(const struct mcast_table *);

#endif /* controller/pinctrl/mcast-table.h */
