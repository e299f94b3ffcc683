/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_DYNAMIC_ROUTING_H
#define CONTROLLER_DYNAMIC_ROUTING_H 1

/* Routers that tell the host their routes, and learn from it: see
 * dynamic-routing.c. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/uuid.h"

/* (learning-port, UUID of a Port_Binding): a router port whose gateway is on
 * this chassis, as the southbound database says, and which can learn. */
struct learning_port {
    struct uuid datapath;
    uint32_t table;             /* Of the kernel's. */
    bool learns_host_routes;    /* Those that no routing daemon has made. */
    bool any_device;            /* Routes by way of any device count... */
    char *device;               /* ...or those by way of this one alone; NULL:
                                 * none. */
    char *lport;                /* For messages. */
};

extern struct inc_kind *learning_port_kind;

struct module;
extern const struct module dynamic_routing_module;

#endif /* controller/dynamic-routing.h */
