/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_PINCTRL_PRIVATE_H
#define CONTROLLER_PINCTRL_PRIVATE_H 1

/* Between pinctrl.c and the handlers. */

#include "dp-packet.h"
#include "openvswitch/flow.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofpbuf.h"

struct idl_columns;
struct ovsdb_idl;
struct ovsdb_idl_txn;
struct sbrec_chassis;

/* A packet-in, taken apart.  All borrowed by the handler. */
struct pin {
    const struct ofputil_packet_in *in;
    struct dp_packet *packet;   /* With its layers' offsets set. */
    const struct flow *headers; /* Of 'packet'. */
    const struct flow *md;      /* Registers and metadata in the pipeline. */
    struct ofpbuf *userdata;    /* What follows the opcode. */
    uint32_t dp_key;            /* Of the logical datapath, */
    uint16_t inport_key;        /* and its ports, from the registers. */
};

/* Executes the OpenFlow actions in pin->userdata on 'packet', with the
 * metadata that pin->packet had. */
void pin_execute(const struct pin *, const struct dp_packet *packet);
/* Puts the VLAN header that pin->packet has, if any, in front of 'packet'. */
void pin_copy_vlan(const struct pin *, struct dp_packet *packet);
/* Logs that the packet-in makes no sense. */
void pin_malformed(const struct pin *, const char *what);

typedef void pin_handler(const struct pin *);
pin_handler pin_handle_arp, pin_handle_nd_ns, pin_handle_nd_na,
    pin_handle_nd_na_router;
pin_handler pin_handle_put_arp, pin_handle_put_nd, pin_handle_put_fdb;
pin_handler pin_handle_icmp, pin_handle_icmp_error, pin_handle_tcp_reset,
    pin_handle_sctp_abort, pin_handle_reject;
pin_handler pin_handle_log;
pin_handler pin_handle_activation;
pin_handler pin_handle_bind_vport;
pin_handler pin_handle_event;

/* learn.c */
void learn_register_sb(struct idl_columns *);
void learn_destroy(void);
void learn_commit(struct ovsdb_idl_txn *);

/* activation.c */
void activation_destroy(void);
void activation_commit(const struct sbrec_chassis *us);

/* vport.c */
void vport_destroy(void);
void vport_commit(const struct sbrec_chassis *us);

/* event.c */
void event_register_sb(struct idl_columns *);
void event_destroy(void);
void event_commit(struct ovsdb_idl_txn *, const struct sbrec_chassis *us);

/* The Port_Binding with 'port_key' on the datapath with 'dp_key', or NULL. */
const struct sbrec_port_binding *learn_find_port(uint32_t dp_key,
                                                 uint32_t port_key);

#endif /* controller/pinctrl/pinctrl-private.h */
