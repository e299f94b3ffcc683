/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KERNEL_ROUTES_H
#define CONTROLLER_KERNEL_ROUTES_H 1

/* Routing tables of the host's kernel
 * ===================================
 *
 * What a routing daemon such as BIRD or FRR announces and learns passes
 * through a table of the kernel's.  Here is what should be in such tables, and
 * what is:
 *
 *     wanted routes ----+
 *                       +--> reconcile: dumps the table, writes the difference
 *     table as it is ---+         |
 *        ^                        +--> routes of others: those to be learned
 *        |
 *     the kernel's notifications: what somebody has changed is doubted
 *
 * Routes of ours have a protocol of their own, 84, as the stock controller's
 * have.  Routes of any other protocol are read and never touched, even if one
 * is where a route of ours should be.
 *
 * A table is doubted when something else is wanted of it, or when the kernel
 * says that something in it has changed, our own writing included; then it is
 * dumped.  Only a dump that finds nothing to write ends the doubt.  So nothing
 * has to be known about what became of a request, a route that somebody
 * deletes comes back, and what a controller before this one has left is either
 * wanted or goes.  When notifications are lost, or when something has changed
 * that routes go away with in silence (a link, an address, a next hop), all
 * tables are doubted.
 *
 * If somebody else keeps changing a table, it is dumped no more often than
 * leaves the rest of the controller ten times as long.  If it is routes of
 * ours, that is not put right without end at that pace, but so often and then
 * once a second: a second controller that has the same table would answer each
 * time.  What is wanted is written at once.
 *
 * A table that is not needed any more loses the routes of ours, and is then
 * forgotten.  Without tables, there is not even a socket. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel-netlink.h"

/* rtm_protocol of our routes. */
#define KERNEL_ROUTE_PROTOCOL KERNEL_PROTOCOL

/* No more routes than this are learned from a table: those that have the
 * shortest prefixes. */
#define KERNEL_ROUTES_MAX_LEARNED 10000

/* A route of ours.  Without holes. */
struct kernel_route {
    struct in6_addr prefix;     /* IPv4 as IPv4-mapped. */
    struct in6_addr nexthop;    /* The same; zero: a blackhole. */
    uint32_t plen;              /* In bits of the family's addresses. */
    uint32_t metric;
};

/* A route of somebody else's, by way of one of its next hops.  Without
 * holes. */
struct kernel_learned {
    uint32_t plen;
    struct in6_addr prefix;
    struct in6_addr nexthop;
    uint32_t ifindex;
    uint32_t is_hosts;          /* 1: the host itself has made it, or an
                                 * administrator, and no routing daemon. */
};

/* Tables 253 to 255 are the host's own. */
bool kernel_table_is_ours(uint32_t table);

/* Wants a route, or no longer does.  One may be wanted several times. */
void kernel_route_add(uint32_t table, const struct kernel_route *);
void kernel_route_remove(uint32_t table, const struct kernel_route *);

/* Says which tables are needed: kernel_tables_begin(), kernel_table_need() for
 * each, kernel_tables_end().  'router' is for messages.  With 'vrf', there
 * should be a VRF device of that name for it. */
void kernel_tables_begin(void);
void kernel_table_need(uint32_t table, const char *router, const char *vrf);
void kernel_tables_end(void);

/* If nobody needs 'table', deletes the routes that a controller before this
 * one may have left there. */
void kernel_table_clean(uint32_t table);

/* The routes that can be learned from 'table', sorted.  False if they are not
 * known.  Until the next kernel_routes_run(). */
bool kernel_table_learned(uint32_t table, const struct kernel_learned **,
                          size_t *n);
/* Changes when something that can be learned has changed. */
uint64_t kernel_routes_seqno(void);
/* Changes when a device may have got another name, as far as tables are
 * followed. */
uint64_t kernel_devices_seqno(void);

/* Reads notifications. */
void kernel_routes_run(void);
/* Dumps and writes what has to be.
 *
 * These two register with the poll loop, each for what it does itself: what
 * nobody would do in the next turn is no reason to wake up. */
void kernel_routes_reconcile(void);
/* Deletes all that is ours. */
void kernel_routes_clear(void);
void kernel_routes_destroy(void);

#endif /* controller/kernel-routes.h */
