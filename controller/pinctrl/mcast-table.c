/* SPDX-License-Identifier: Apache-2.0 */

/* Who listens to which multicast group; see mcast-table.h. */

#include <config.h>
#include "pinctrl/mcast-table.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "coverage.h"
#include "hash.h"
#include "mcast-snooping.h"
#include "packets.h"
#include "util.h"

COVERAGE_DEFINE(pinctrl_mcast_evict);
COVERAGE_DEFINE(pinctrl_mcast_expire);

#define ROUTER_MS (MCAST_MROUTER_PORT_IDLE_TIME * 1000LL)

void
mcast_table_init(struct mcast_table *table)
{
    table->max_groups = MCAST_DEFAULT_MAX_ENTRIES;
    table->idle_ms = MCAST_ENTRY_DEFAULT_IDLE_TIME * 1000LL;
    hmap_init(&table->groups);
    ovs_list_init(&table->by_report);
    ovs_list_init(&table->by_age);
    ovs_list_init(&table->routers);
    table->n_members = 0;
}

void
mcast_table_destroy(struct mcast_table *table)
{
    mcast_table_flush(table);
    hmap_destroy(&table->groups);
}

static uint32_t
hash_ip(const struct in6_addr *ip)
{
    return hash_bytes(ip, sizeof *ip, 0);
}

static struct mcast_entry *
find_group(const struct mcast_table *table, const struct in6_addr *ip)
{
    struct mcast_entry *group;

    HMAP_FOR_EACH_WITH_HASH (group, hmap_node, hash_ip(ip), &table->groups) {
        if (ipv6_addr_equals(&group->ip, ip)) {
            return group;
        }
    }
    return NULL;
}

static struct mcast_member *
find_member(const struct ovs_list *members, uint16_t port_key)
{
    struct mcast_member *m;

    LIST_FOR_EACH (m, list_node, members) {
        if (m->port_key == port_key) {
            return m;
        }
    }
    return NULL;
}

static void
remove_empty_group(struct mcast_table *table, struct mcast_entry *group)
{
    if (ovs_list_is_empty(&group->members)) {
        hmap_remove(&table->groups, &group->hmap_node);
        ovs_list_remove(&group->report_node);
        free(group);
    }
}

static void
remove_member(struct mcast_table *table, struct mcast_member *m)
{
    ovs_list_remove(&m->list_node);
    ovs_list_remove(&m->age_node);
    table->n_members--;
    free(m);
}

static void
evict_oldest_group(struct mcast_table *table)
{
    struct mcast_entry *group = CONTAINER_OF(
        ovs_list_front(&table->by_report), struct mcast_entry, report_node);
    struct mcast_member *m;

    LIST_FOR_EACH_SAFE (m, list_node, &group->members) {
        remove_member(table, m);
    }
    remove_empty_group(table, group);
}

bool
mcast_table_set_limits(struct mcast_table *table, size_t max_groups,
                       long long int idle_ms)
{
    bool changed = false;

    table->max_groups = MAX(max_groups, 1);
    table->idle_ms = idle_ms;
    while (hmap_count(&table->groups) > table->max_groups) {
        evict_oldest_group(table);
        changed = true;
    }
    return changed;
}

static struct mcast_entry *
add_group(struct mcast_table *table, const struct in6_addr *ip)
{
    if (hmap_count(&table->groups) >= table->max_groups) {
        COVERAGE_INC(pinctrl_mcast_evict);
        evict_oldest_group(table);
    }

    struct mcast_entry *group = xmalloc(sizeof *group);
    group->ip = *ip;
    ovs_list_init(&group->members);
    hmap_insert(&table->groups, &group->hmap_node, hash_ip(ip));
    ovs_list_push_back(&table->by_report, &group->report_node);
    return group;
}

bool
mcast_table_join(struct mcast_table *table, const struct in6_addr *ip,
                 enum mcast_protocol protocol, uint16_t port_key,
                 long long int now)
{
    if (find_member(&table->routers, port_key)) {
        return false;
    }

    struct mcast_entry *group = find_group(table, ip);
    bool changed = !group || group->protocol != protocol;
    if (group) {
        ovs_list_remove(&group->report_node);
        ovs_list_push_back(&table->by_report, &group->report_node);
    } else {
        group = add_group(table, ip);
    }
    group->protocol = protocol;

    struct mcast_member *m = find_member(&group->members, port_key);
    if (m) {
        ovs_list_remove(&m->age_node);
    } else {
        m = xzalloc(sizeof *m);
        m->group = group;
        m->port_key = port_key;
        ovs_list_push_back(&group->members, &m->list_node);
        table->n_members++;
        changed = true;
    }
    m->seen = now;
    ovs_list_push_back(&table->by_age, &m->age_node);
    return changed;
}

bool
mcast_table_leave(struct mcast_table *table, const struct in6_addr *ip,
                  uint16_t port_key)
{
    struct mcast_entry *group = find_group(table, ip);
    struct mcast_member *m = group ? find_member(&group->members, port_key)
                                   : NULL;

    if (m) {
        remove_member(table, m);
        remove_empty_group(table, group);
    }
    return m != NULL;
}

bool
mcast_table_add_router(struct mcast_table *table, uint16_t port_key,
                       long long int now)
{
    struct mcast_member *m = find_member(&table->routers, port_key);
    const bool is_new = !m;

    if (m) {
        ovs_list_remove(&m->list_node);
    } else {
        m = xzalloc(sizeof *m);
        m->port_key = port_key;
    }
    m->seen = now;
    ovs_list_push_back(&table->routers, &m->list_node);
    return is_new;
}

bool
mcast_table_flush(struct mcast_table *table)
{
    const bool changed = (!hmap_is_empty(&table->groups)
                          || !ovs_list_is_empty(&table->routers));
    struct mcast_member *m;

    while (!hmap_is_empty(&table->groups)) {
        evict_oldest_group(table);
    }
    LIST_FOR_EACH_POP (m, list_node, &table->routers) {
        free(m);
    }
    return changed;
}

static struct mcast_member *
oldest_member(const struct mcast_table *table)
{
    return (ovs_list_is_empty(&table->by_age) ? NULL
            : CONTAINER_OF(ovs_list_front(&table->by_age),
                           struct mcast_member, age_node));
}

static struct mcast_member *
oldest_router(const struct mcast_table *table)
{
    return (ovs_list_is_empty(&table->routers) ? NULL
            : CONTAINER_OF(ovs_list_front(&table->routers),
                           struct mcast_member, list_node));
}

bool
mcast_table_expire(struct mcast_table *table, long long int now)
{
    bool changed = false;
    struct mcast_member *m;

    while ((m = oldest_member(table)) && m->seen + table->idle_ms <= now) {
        struct mcast_entry *group = m->group;

        COVERAGE_INC(pinctrl_mcast_expire);
        remove_member(table, m);
        remove_empty_group(table, group);
        changed = true;
    }
    while ((m = oldest_router(table)) && m->seen + ROUTER_MS <= now) {
        COVERAGE_INC(pinctrl_mcast_expire);
        ovs_list_remove(&m->list_node);
        free(m);
        changed = true;
    }
    return changed;
}

long long int
mcast_table_next_expiry(const struct mcast_table *table)
{
    const struct mcast_member *m = oldest_member(table);
    const struct mcast_member *router = oldest_router(table);

    return MIN(m ? m->seen + table->idle_ms : LLONG_MAX,
               router ? router->seen + ROUTER_MS : LLONG_MAX);
}
