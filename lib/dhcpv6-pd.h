/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_DHCPV6_PD_H
#define OVN_DHCPV6_PD_H 1

/* Prefix delegation: messages of the requesting router
 * ====================================================
 *
 * A router that asks for an IPv6 prefix is a DHCPv6 client (RFC 8415; IA_PD
 * comes from RFC 3633).  Here is how its messages are written and those of
 * servers read; when to send which is the business of
 * controller/pinctrl/prefix-delegation.c.
 *
 * Thread-safety: functions of their arguments. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dhcpv6.h"

struct ds;
struct ofpbuf;

#define DHCPV6_FOREVER UINT32_MAX

enum dhcpv6_status {            /* RFC 8415, 21.13; here, SUCCESS as well if a
                                 * message does not say. */
    DHCPV6_SUCCESS = 0,
    DHCPV6_UNSPEC_FAIL = 1,
    DHCPV6_NO_BINDING = 3,
    DHCPV6_NO_PREFIX_AVAIL = 6,
};

/* A DUID is no longer than this: RFC 8415, 11.1. */
#define DHCPV6_MAX_DUID 130

struct pd_prefix {
    struct in6_addr prefix;     /* Without bits behind 'length'. */
    uint8_t length;             /* 1...128; 0: none. */
};

/* "IAID:PREFIX/LENGTH", as Port_Binding.options:ipv6_ra_pd_list has it. */
bool pd_prefix_from_string(const char *, uint32_t *iaid, struct pd_prefix *);
void pd_prefix_format(uint32_t iaid, const struct pd_prefix *, struct ds *);

/* What the router says. */
struct pd_request {
    enum dhcpv6_type type;      /* SOLICIT, REQUEST, RENEW or REBIND. */
    uint32_t xid;               /* 24 bits. */
    uint32_t iaid;
    struct eth_addr mac;        /* The client's identifier is made of this. */
    struct dhcpv6_option server_id; /* Or NULL. */
    uint16_t elapsed;           /* Since the first of its kind was sent, in
                                 * 1/100 s. */
    struct pd_prefix prefix;    /* That it has, or would like. */
};

void pd_compose(const struct pd_request *, struct ofpbuf *);

/* A lease, as a server says it. */
struct pd_lease {
    struct pd_prefix prefix;
    uint32_t preferred, valid;  /* In seconds, or DHCPV6_FOREVER. */
};
#define PD_MAX_LEASES 8         /* What is beyond it is not looked at. */

struct pd_answer {
    enum dhcpv6_type type;      /* ADVERTISE or REPLY. */
    uint32_t xid;
    struct dhcpv6_option server_id; /* Borrowed. */
    uint8_t preference;
    uint16_t status;            /* Of the message, and, if that is success, of
                                 * the association. */
    uint32_t sol_max_rt;        /* In seconds, 0 if not said. */

    bool has_ia;                /* The association that was asked for. */
    uint32_t t1, t2;
    struct pd_lease leases[PD_MAX_LEASES];
    size_t n_leases;
};

/* Whether the 'size' bytes at 'msg' are an answer at all, and to which
 * message. */
bool pd_peek_xid(const uint8_t *msg, size_t size, uint32_t *xid);

/* Takes the message of 'size' bytes apart, which is for the client made of
 * 'mac', as far as it is about 'iaid'.  Returns NULL, or why it is to be
 * discarded, a constant. */
const char *pd_parse(const uint8_t *msg, size_t size, struct eth_addr mac,
                     uint32_t iaid, struct pd_answer *);

#endif /* lib/dhcpv6-pd.h */
