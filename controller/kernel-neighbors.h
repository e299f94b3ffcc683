/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KERNEL_NEIGHBORS_H
#define CONTROLLER_KERNEL_NEIGHBORS_H 1

/* EVPN: the forwarding and neighbor tables of the host's kernel
 * =============================================================
 *
 * What an EVPN daemon such as FRR's bgpd announces and learns of a VNI passes
 * through three devices of the kernel's, which an operator makes:
 *
 *  - the VXLAN devices.  The daemon puts there the remote VTEPs, as entries
 *    for the all-zero MAC, and the remote MAC addresses (type 2 and type 3
 *    routes).  They are read, never written.
 *
 *  - the bridge.  The daemon puts there the neighbors that are remote, marked
 *    as externally learned; they are read.  The IP addresses of ours that the
 *    daemon is to announce are put there as neighbors that need no ARP.
 *
 *  - the device to advertise with, a port of the bridge.  The MAC addresses of
 *    ours that the daemon is to announce are put there as static entries.
 *
 * A device in a role is a table, and tables are reconciled as kernel-routes.h
 * says: doubted, dumped, written to, until a dump finds nothing to write; no
 * more often than leaves the rest of the controller ten times as long; and
 * against somebody who keeps changing what is ours only now and then.
 *
 * What is ours:
 *
 *  - on the device to advertise with, the bridge's static entries that are not
 *    marked as externally learned.  They carry no protocol, so those of an
 *    administrator are taken for ours too, as the stock controller takes them:
 *    the device is for nothing else.
 *
 *  - on the bridge, neighbors of unicast addresses that need no ARP, are not
 *    externally learned, and have protocol 84 or, for the stock controller's,
 *    none.
 *
 * All else is somebody else's.  If somebody else's entry is where one of ours
 * should be, then one that the daemon has put there, because the address has
 * been remote, or that the kernel has found out itself makes room.  One that
 * an administrator has made stays, and a message says so.
 *
 * The kernel's neighbors are chatty, so what a notification says is looked at:
 * only one that contradicts what the last dump has found makes that doubtful.
 * Each notification tells all there is to know of one entry, in the order in
 * which entries have changed; so if none contradicts the dump, another dump
 * would find the same.
 *
 * The kernel itself forgets neighbors without ARP, those of ours too, once the
 * host has more neighbors than net.ipv4.neigh.default.gc_thresh1 (or IPv6's):
 * they are put back, but an administrator should raise it.
 *
 * Devices are known by name.  They may come, go, get another name or become
 * ports of something else at any time.  The entries of ours on a device that
 * has got another name go. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

/* No more entries than this are learned from a device: the first ones in their
 * order. */
#define KERNEL_NEIGHBORS_MAX_LEARNED 65536

/* What a device is needed for.  One device may have several roles. */
enum kernel_device_role {
    KERNEL_DEVICE_VXLAN = 1 << 0,
    KERNEL_DEVICE_BRIDGE = 1 << 1,
    KERNEL_DEVICE_ADVERTISE = 1 << 2,
};

/* An entry of a VXLAN device.  Without holes: compared by memcmp(), sorted. */
struct kernel_fdb {
    struct eth_addr mac;        /* All-zero: the VTEP gets what is flooded. */
    uint16_t port;              /* UDP port, in host order: the entry's own, or
                                 * else the device's. */
    uint32_t vni;               /* The entry's own, or else the device's. */
    uint16_t has_port;          /* 1: 'port' is the entry's own. */
    uint16_t is_static;         /* 1: it does not age. */
    struct in6_addr vtep;       /* IPv4 as IPv4-mapped. */
};

/* A neighbor that is externally learned. */
struct kernel_neighbor {
    struct in6_addr ip;         /* IPv4 as IPv4-mapped. */
    struct eth_addr mac;
    uint16_t pad;
};

/* Says which devices are needed, and for what: kernel_neighbors_begin(),
 * kernel_neighbors_need() for each (several times for a device is fine),
 * kernel_neighbors_end().  'what' names who needs it, for messages.
 *
 * A device that is not needed is not touched.  One that is not needed any more
 * loses the entries of ours, even if some are still wanted. */
void kernel_neighbors_begin(void);
void kernel_neighbors_need(const char *device, enum kernel_device_role,
                           const char *what);
void kernel_neighbors_end(void);

/* Wants an entry, or no longer does.  One may be wanted several times.  The
 * first pair is for KERNEL_DEVICE_ADVERTISE, the second for
 * KERNEL_DEVICE_BRIDGE.  Of several MAC addresses that are wanted for an IP
 * address, the first one in their order counts. */
void kernel_mac_add(const char *device, struct eth_addr);
void kernel_mac_remove(const char *device, struct eth_addr);
void kernel_ip_add(const char *device, const struct in6_addr *,
                   struct eth_addr);
void kernel_ip_remove(const char *device, const struct in6_addr *,
                      struct eth_addr);

/* What can be learned from a device, sorted.  False if it is not known (no
 * such device, not dumped yet).  Until the next kernel_neighbors_run(). */
bool kernel_device_fdb(const char *device, const struct kernel_fdb **,
                       size_t *n);
bool kernel_device_neighbors(const char *device,
                             const struct kernel_neighbor **, size_t *n);
/* Changes when something that can be learned has changed. */
uint64_t kernel_neighbors_seqno(void);

/* Reads notifications. */
void kernel_neighbors_run(void);
/* Reads what can be learned from devices that are needed and not known yet,
 * and writes nothing: what is derived of it is complete then, before anything
 * is changed. */
void kernel_neighbors_look(void);
/* Dumps and writes what has to be.
 *
 * These two register with the poll loop, each for what it does itself. */
void kernel_neighbors_reconcile(void);
/* Deletes all that is ours. */
void kernel_neighbors_clear(void);
void kernel_neighbors_destroy(void);

#endif /* controller/kernel-neighbors.h */
