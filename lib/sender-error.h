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

/* Why that error is not sent about a packet with these headers, which is an
 * ICMP error if 'is_icmp_error'; a constant, or NULL if it is sent. */
const char *sender_error_refusal(enum sender_error, const struct flow *,
                                 bool is_icmp_error);

/* Whether a packet with these headers is an ICMP or ICMPv6 error or redirect
 * if its type is 'icmp_type'.  The headers themselves do not tell for sure:
 * they have type 0 for a packet whose IP header cuts it short. */
bool sender_error_is_icmp_error(const struct flow *, uint8_t icmp_type);

#endif /* lib/sender-error.h */
