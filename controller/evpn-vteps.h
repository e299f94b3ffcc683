/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_EVPN_VTEPS_H
#define CONTROLLER_EVPN_VTEPS_H 1

/* The remote VTEPs of logical switches
 * ====================================
 *
 * A remote VTEP takes part in a logical switch as if it were a port: packets
 * from it have its key as their input port, and packets to it as their output
 * port.  See evpn-vteps.c for the keys. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "inc-proc-eng.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/types.h"
#include "openvswitch/uuid.h"

/* The bit that all their keys have, and those of ports and of multicast groups
 * do not. */
#define EVPN_VTEP_FLAG UINT32_C(0x80000000)

/* (evpn-vtep, key): one that there is a tunnel to. */
struct evpn_vtep_key {
    struct uuid datapath;
    struct in6_addr ip;         /* IPv4 as IPv4-mapped. */
    uint32_t port;              /* UDP port. */
};
struct evpn_vtep {
    struct uuid uuid;           /* Changes with 'key' and 'vni'. */
    uint32_t dp_key;
    uint32_t vni;
    uint32_t key;               /* In place of a port's tunnel key. */
    ofp_port_t ofport;
    struct in6_addr local_ip;   /* Where we send from; zero if nowhere: then
                                 * it cannot be reached. */
};
extern struct inc_kind *evpn_vteps_kind;

/* The UDP port of a VTEP whose entry says 'port', of its own or, if not
 * 'has_port', of the device's. */
uint16_t evpn_vtep_port(struct inc_unit *, uint16_t port, bool has_port);
uint16_t evpn_vtep_peek_port(uint16_t port, bool has_port);

/* NULL if there is none, or it cannot be reached. */
const struct evpn_vtep *evpn_vtep_reachable(struct inc_unit *,
                                            const struct evpn_vtep_key *);

/* Whether a VTEP of any switch has an IPv6 address. */
bool evpn_vteps_any_ipv6(struct inc_unit *);

/* (evpn-vteps-of-switch, UUID of a datapath): set of "struct
 * evpn_vtep_key"s. */
const struct inc_set *evpn_vteps_of_switch(struct inc_unit *,
                                           const struct uuid *dp);
extern struct inc_kind *evpn_vteps_kind_of_switch;

/* What has no row has no UUID, but flows need cookies, and people something to
 * tell them by.  Returns one that is made of 'name', so that it is always the
 * same.  'what' is one of EVPN_UUID_*. */
struct uuid evpn_uuid(const void *name, size_t len, uint32_t what);

enum {
    EVPN_UUID_VTEP,
    EVPN_UUID_MAC,              /* Of a "struct evpn_mac_name". */
    EVPN_UUID_NEIGHBOR,         /* Of a "struct evpn_neighbor_name". */
    EVPN_UUID_FLOOD             /* Of a datapath's UUID. */
};
struct evpn_mac_name {
    struct evpn_vtep_key vtep;
    struct eth_addr mac;
    uint16_t pad;
};
struct evpn_neighbor_name {
    struct uuid datapath;
    struct in6_addr ip;
};

struct module;
extern const struct module evpn_vteps_module;

#endif /* controller/evpn-vteps.h */
