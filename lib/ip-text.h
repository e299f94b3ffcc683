/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_IP_TEXT_H
#define OVN_IP_TEXT_H 1

/* IP addresses as text
 * ====================
 *
 * What rows and configuration hold, in the notations of inet_pton(3): without
 * a prefix, a zone or anything else around it.
 *
 * Thread-safety: no global state. */

#include <netinet/in.h>
#include <stdbool.h>

/* Parses an address of either version; IPv4 becomes IPv4-mapped.  Returns
 * false if 'text' is none. */
bool ip_text_parse(const char *text, struct in6_addr *);

/* Is 'text' an address? */
bool ip_text_is_valid(const char *text);

/* Whether 'text', an address or the name of a host, is an IPv6 address. */
bool ip_text_is_ipv6(const char *text);

#endif /* lib/ip-text.h */
