/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_DHCPV6_H
#define OVN_DHCPV6_H 1

/* DHCPv6: requests and replies
 * ============================
 *
 * What the action put_dhcpv6_opts of ovn-sb(5) answers a request with, as a
 * pure function of the request and of what the action says (RFC 8415).
 *
 * Thread-safety: functions of their arguments. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct ofpbuf;
struct wire_reader;

enum dhcpv6_type {              /* RFC 8415, 7.3. */
    DHCPV6_SOLICIT = 1,
    DHCPV6_ADVERTISE = 2,
    DHCPV6_REQUEST = 3,
    DHCPV6_CONFIRM = 4,
    DHCPV6_RENEW = 5,
    DHCPV6_REBIND = 6,
    DHCPV6_REPLY = 7,
    DHCPV6_RELEASE = 8,
    DHCPV6_DECLINE = 9,
    DHCPV6_INFORMATION = 11,
};

/* An option: borrowed, NULL if there is none. */
struct dhcpv6_option {
    const uint8_t *value;
    uint16_t len;
};

/* Reads the next option (code, length, value) from '*r' into '*code' and
 * '*option'.  False if there is none, or one that does not end, which
 * 'r->is_short' then tells. */
bool dhcpv6_next_option(struct wire_reader *r, uint16_t *code,
                        struct dhcpv6_option *option);

struct dhcpv6_request {
    const uint8_t *msg;         /* Its type and transaction ID, borrowed. */
    uint8_t type;
    struct dhcpv6_option client_id, server_id, fqdn;
    const uint8_t *iaid;        /* Of the last IA_NA, or NULL: 4 bytes. */
};

/* Takes the message of 'size' bytes apart.  Returns NULL, or what is wrong, a
 * constant. */
const char *dhcpv6_parse(const uint8_t *msg, size_t size,
                         struct dhcpv6_request *);

/* Appends to 'reply', which is empty, what 'request' is answered with.
 * 'config' is the action's userdata, see act_encode_put_dhcpv6_opts().
 * Leaves 'reply' empty if there is no answer.  Returns NULL, or what is wrong
 * with 'config', a constant. */
const char *dhcpv6_answer(const struct dhcpv6_request *request,
                          const uint8_t *config, size_t config_size,
                          struct ofpbuf *reply);

#endif /* lib/dhcpv6.h */
