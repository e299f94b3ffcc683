/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_SENDER_ERROR_H
#define OVN_SENDER_ERROR_H 1

/* May a sender be told that its packet gets nowhere?
 * ==================================================
 *
 * The actions icmp4, icmp6, icmp4_error, icmp6_error, tcp_reset, sctp_abort
 * and reject of ovn-sb(5) have the controller tell a packet's sender.  Nothing
 * is sent about a fragment other than the first, to a sender that is not one
 * host, or about a packet to a group (RFC 1122, 3.2.2 and 4.2.3.10; RFC 4443,
 * 2.4 e; RFC 9260, 8.4); no error about an error, no reset about a reset.
 *
 * Thread-safety: functions of their arguments. */

#include <stdbool.h>
#include <stdint.h>

struct flow;

enum sender_error {
    SENDER_ERROR_ICMP,          /* Of the packet's version of IP. */
    SENDER_ERROR_TOO_BIG,       /* ICMP: larger than the MTU. */
    SENDER_ERROR_TCP_RESET,
    SENDER_ERROR_SCTP_ABORT,
};

/* What "reject" sends about a packet with these headers. */
enum sender_error sender_error_of_rejection(const struct flow *);

/* Why that error is not sent about a packet with these headers, a constant;
 * NULL if it is sent. */
const char *sender_error_refusal(enum sender_error, const struct flow *);

/* Whether an ICMP or, if not 'is_ipv4', ICMPv6 message of 'type' is an error
 * or a redirect. */
bool sender_error_is_icmp_error(bool is_ipv4, uint8_t type);

#endif /* lib/sender-error.h */
