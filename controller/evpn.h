/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_EVPN_H
#define CONTROLLER_EVPN_H 1

/* EVPN: logical switches that are part of a VNI
 * =============================================
 *
 * A logical switch can extend a layer-2 network of the fabric's, whose
 * endpoints are told of each other by BGP (dynamic-routing-vni of ovn-nb(5)).
 * A routing daemon of the host's speaks it; what passes between that and OVN
 * is in devices of the kernel, see kernel-neighbors.h:
 *
 *     Datapath_Binding, Open_vSwitch --> (evpn-switch, datapath)
 *     kernel's VXLAN devices --> VTEPs, MAC addresses --+
 *     kernel's bridge -------> neighbors ---------------+--> flows
 *
 *     ports, Advertised_MAC_Binding --> kernel: evpn-advertise.c
 *
 * This file has the configuration, and what the kernel knows as cells.
 * evpn-vteps.c makes VTEPs of it, physical-evpn.c flows. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inc-proc-eng.h"
#include "openvswitch/types.h"

/* A device's name, as part of a key: filled up with zeros. */
#define EVPN_DEVICE_LEN 16

/* (evpn-switch, UUID of a Datapath_Binding): those that are local. */
struct evpn_switch {
    uint32_t dp_key;
    uint32_t vni;
    char **vxlans;              /* Devices to learn MAC addresses from... */
    size_t n_vxlans;
    char *bridge;               /* ...and neighbors, NULL if none... */
    char *advertise;            /* ...and to tell ours.  NULL if none. */
    struct in6_addr local_ip4;  /* Where we send from; zero if nowhere. */
    struct in6_addr local_ip6;
    bool arp_prefer_local;      /* Are MAC_Bindings preferred to neighbors? */
    bool tells_macs;            /* Which of ours are told. */
    bool tells_ips;
    char *name;
};
const struct evpn_switch *evpn_switch(struct inc_unit *,
                                      const struct uuid *dp);
extern struct inc_kind *evpn_kind_switch;

/* The switches (UUIDs) that learn from a device. */
const struct inc_set *evpn_switches_of_device(struct inc_unit *,
                                              const char *device);

/* (evpn-device-vteps, device): set of these. */
struct evpn_remote {
    struct in6_addr ip;         /* IPv4 as IPv4-mapped. */
    uint32_t vni;
    uint16_t port;              /* UDP port, in host order... */
    uint16_t has_port;          /* ...0: which is only the device's. */
};
extern struct inc_kind *evpn_kind_device_vteps;

/* (evpn-device-mac, key): where a MAC address is. */
struct evpn_mac_key {
    char device[EVPN_DEVICE_LEN];
    uint32_t vni;
    struct eth_addr mac;
    uint16_t pad;
};
struct evpn_mac {
    struct in6_addr vtep;
    uint16_t port;
    uint16_t has_port;
};
extern struct inc_kind *evpn_kind_mac;

/* (evpn-neighbor, key): a neighbor's MAC address, "struct eth_addr". */
struct evpn_neighbor_key {
    char device[EVPN_DEVICE_LEN];
    struct in6_addr ip;         /* IPv4 as IPv4-mapped. */
};
extern struct inc_kind *evpn_kind_neighbor;

struct module;
extern const struct module evpn_module;

#endif /* controller/evpn.h */
