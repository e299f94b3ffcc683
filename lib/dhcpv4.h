/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_DHCPV4_H
#define OVN_DHCPV4_H 1

/* DHCPv4: requests and replies
 * ============================
 *
 * What the action put_dhcp_opts of ovn-sb(5) answers a request with, as a pure
 * function of the request and of what the action says (RFC 2131).
 *
 * Thread-safety: functions of their arguments. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct ofpbuf;

enum dhcpv4_type {              /* RFC 2132, 9.6. */
    DHCPV4_DISCOVER = 1,
    DHCPV4_OFFER = 2,
    DHCPV4_REQUEST = 3,
    DHCPV4_DECLINE = 4,
    DHCPV4_ACK = 5,
    DHCPV4_NAK = 6,
    DHCPV4_RELEASE = 7,
    DHCPV4_INFORM = 8,
};

struct dhcpv4_request {
    const uint8_t *msg;         /* The message, borrowed. */
    uint8_t type;               /* A DHCPV4_*, or 0 if it does not say. */
    ovs_be32 ciaddr;            /* The address that the client has, */
    ovs_be32 requested;         /* wants to have, or 0, */
    ovs_be32 server_id;         /* the server that it has chosen, or 0, */
    ovs_be32 giaddr;            /* and the relay agent's address, or 0. */
    bool broadcast;             /* The reply is to be broadcast. */
    bool etherboot;             /* It has option 175, as iPXE does. */
};

/* Takes the message of 'size' bytes apart.  Returns NULL, or what is wrong, a
 * constant. */
const char *dhcpv4_parse(const uint8_t *msg, size_t size,
                         struct dhcpv4_request *);

/* Relaying: what the actions dhcp_relay_req_chk and dhcp_relay_resp_chk of
 * later releases ask for (RFC 1542, 4.1).  Both return NULL, or why the
 * message is not relayed, a constant. */

/* Makes the request one that comes by way of the relay agent 'relay'. */
const char *dhcpv4_relay_request(uint8_t *msg, size_t size, ovs_be32 relay);

/* Whom a reply from 'server', which has come to the agent 'relay', is for. */
struct dhcpv4_client {
    struct eth_addr mac;
    ovs_be32 ip;
};
const char *dhcpv4_relay_reply(const uint8_t *msg, size_t size,
                               ovs_be32 relay, ovs_be32 server,
                               struct dhcpv4_client *);

/* What the action says. */
struct dhcpv4_config {
    ovs_be32 offer;             /* The address to offer. */
    ovs_be32 server_id, next_server; /* 0: none. */
    const uint8_t *bootfile;    /* Options, with code and length; if... */
    const uint8_t *bootfile_alt; /* ...both: depends on who asks. */
    const uint8_t *options;     /* All others... */
    size_t options_size;        /* ...borrowed. */
};

/* From the action's userdata: see act_encode_put_dhcp_opts().  Returns NULL,
 * or what is wrong, a constant. */
const char *dhcpv4_config_parse(const uint8_t *userdata, size_t size,
                                struct dhcpv4_config *);

/* The type of reply that 'request' gets, or 0 if it gets none. */
uint8_t dhcpv4_reply_type(const struct dhcpv4_request *,
                          const struct dhcpv4_config *);

/* Appends the reply of that type to 'reply', which is empty.  Returns the
 * address to send it to. */
ovs_be32 dhcpv4_compose(const struct dhcpv4_request *,
                        const struct dhcpv4_config *, uint8_t type,
                        struct ofpbuf *reply);

#endif /* lib/dhcpv4.h */
