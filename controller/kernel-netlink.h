/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KERNEL_NETLINK_H
#define CONTROLLER_KERNEL_NETLINK_H 1

/* Reconciling the kernel's tables: what all kinds of them have in common
 * =====================================================================
 *
 * Used by kernel-routes.h and kernel-neighbors.h, the former of which says how
 * a table is reconciled.  Here are the messages of rtnetlink(7) that do not
 * depend on what the table is of, and the pace. */

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlink-socket.h"
#include "openvswitch/token-bucket.h"
#include "openvswitch/types.h"

struct nlattr;
struct ofpbuf;

/* The protocol that marks what is ours. */
#define KERNEL_PROTOCOL 84

/* Addresses. */

/* Takes an IPv4 or IPv6 address; false if it is none.  IPv6's IPv4-mapped ones
 * are none: here, such addresses are IPv4's. */
bool kernel_parse_address(uint8_t family, const void *, size_t size,
                          struct in6_addr *);
void kernel_put_address(struct ofpbuf *, uint16_t type,
                        const struct in6_addr *);

/* Dumps. */

/* A socket for dumps that contain only what was asked for, if the kernel can.
 * Returns 0 or a positive errno value, as all functions here do that return an
 * int. */
int kernel_dump_open(struct nl_sock **);

/* Sends 'request', which it frees, and calls 'cb' for each message of the
 * answer.  EAGAIN: the table has changed meanwhile. */
int kernel_dump(struct nl_sock *, struct ofpbuf *request,
                void (*cb)(const struct ofpbuf *msg, void *aux), void *aux);

/* Requests. */

/* Sends 'request', which it frees. */
int kernel_transact(struct ofpbuf *request);

/* How many requests are sent at a time. */
#define KERNEL_MAX_BATCH 128

/* Requests that have been made up, and what they are about.  To begin with,
 * all but 'report' and 'aux' is zero. */
struct kernel_batch {
    struct nl_transaction txns[KERNEL_MAX_BATCH];
    const void *items[KERNEL_MAX_BATCH];
    bool adds[KERNEL_MAX_BATCH];
    size_t n;
    size_t n_written;

    /* Called for each request that has failed, unless it is one to delete what
     * is not there. */
    void (*report)(const void *item, bool add, int error, void *aux);
    void *aux;
};

/* Takes 'request'.  'item' stays with the caller, till all is sent. */
void kernel_batch_put(struct kernel_batch *, struct ofpbuf *request,
                      const void *item, bool add);
void kernel_batch_send(struct kernel_batch *);

/* Devices. */

struct kernel_link {
    bool is_there;
    bool is_up;
    uint16_t vxlan_port;        /* UDP port of a "vxlan", in host order... */
    uint32_t vxlan_vni;         /* ...and its VNI: 0 if it has many. */
    uint32_t vrf_table;         /* Of a "vrf". */
    uint32_t ifindex;
    uint32_t master;            /* Ifindex, or 0. */
    struct eth_addr mac;
    char name[IFNAMSIZ];
    char kind[IFNAMSIZ];        /* "bridge", "vxlan"...; may be empty. */
    char port_kind[IFNAMSIZ];   /* Of what it is a port; may be empty. */
};

/* A request about the device with that 'ifindex' or, if that is 0, with that
 * name; it sets 'set_flags', IFF_UP or 0. */
struct ofpbuf *kernel_link_request(uint16_t type, uint32_t nlmsg_flags,
                                   const char *name, uint32_t ifindex,
                                   uint32_t set_flags);

/* False if 'msg' is not about a device. */
bool kernel_link_parse(const struct ofpbuf *msg, struct kernel_link *);

/* Looks for a device.  That there is none is no error. */
int kernel_link_get(const char *name, uint32_t ifindex, struct kernel_link *);

/* Notifications. */

/* Sees to it that '*monitor' is there if it 'is_needed', and only then: a
 * socket that has joined 'groups'.  'what' names what is listened to, for
 * messages.  Returns true if what has happened so far nobody has heard. */
bool kernel_monitor_follow(struct nl_sock **monitor, bool is_needed,
                           const unsigned int groups[], size_t n,
                           const char *what);

/* Calls 'take' for each notification, if there is a 'monitor', or 'lost' if
 * some are lost.  Registers with the poll loop. */
void kernel_monitor_run(struct nl_sock *monitor,
                        void (*take)(const struct ofpbuf *msg),
                        void (*lost)(void), const char *what);

/* Registers 'monitor', if there is one, with the poll loop. */
void kernel_monitor_wait(struct nl_sock *monitor);

/* The pace. */

/* After how long something that has failed is tried again, in ms. */
#define KERNEL_RETRY_MS 5000

/* When a table is dumped, and when it is written to. */
struct kernel_pace {
    bool is_dirty;              /* Something else is wanted. */
    bool is_doubted;            /* Something has changed. */
    bool is_refused;            /* By the kernel, something of late. */
    bool is_news;               /* Was dirty when it was begun with. */
    long long int begun;        /* In ms. */
    long long int next_dump;    /* In ms, for what is doubted. */
    long long int retry_at;     /* In ms; LLONG_MAX: all is well. */
    struct token_bucket repairs;
};

/* Outcome of kernel_pace_may_write(). */
enum kernel_write {
    KERNEL_WRITE,               /* Write. */
    KERNEL_WRITE_LATER,         /* Do not... */
    KERNEL_WRITE_LATER_SAY,     /* ...and say that others keep changing it. */
};

/* Makes it dirty. */
void kernel_pace_init(struct kernel_pace *);
bool kernel_pace_is_due(const struct kernel_pace *);
/* To be called before a table is dumped, and after it has been written to;
 * 'error' is the dump's.  In between: may what 'is_different' be written now?
 * What is wanted may, unless it has already been written. */
void kernel_pace_begin(struct kernel_pace *);
enum kernel_write kernel_pace_may_write(struct kernel_pace *,
                                        bool is_different);
void kernel_pace_end(struct kernel_pace *, int error);
/* The kernel has refused something. */
void kernel_pace_refuse(struct kernel_pace *);
/* Registers with the poll loop. */
void kernel_pace_wait(const struct kernel_pace *);

#endif /* controller/kernel-netlink.h */
