/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PORT_SEC_H
#define PORT_SEC_H 1

/* Port security
 * =============
 *
 * Port_Binding.port_security lists the addresses that may be used behind a
 * logical port: see ovn-nb(5).  Here that becomes rules, which the controller
 * turns into OpenFlow flows, and ovn-trace tries on the packets that it
 * follows.
 *
 * Of the rules of a table that match a packet, the one with the highest
 * priority counts.  PORT_SEC_IN may pass the question on to PORT_SEC_ND.
 * Where no rule matches, a packet is allowed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/match.h"

struct flow;

enum port_sec_table {
    PORT_SEC_IN,                /* What may enter through the port. */
    PORT_SEC_ND,                /* What ARP and neighbor discovery may claim
                                 * that enter. */
    PORT_SEC_OUT,               /* What may leave through the port. */
};

enum port_sec_verdict {
    PORT_SEC_ALLOW,
    PORT_SEC_DENY,
    PORT_SEC_ASK_ND,            /* As PORT_SEC_ND has it. */
};

struct port_sec_rule {
    enum port_sec_table table;
    enum port_sec_verdict verdict;
    uint16_t priority;
    struct match match;         /* The packet's headers, not its port. */
};

typedef void port_sec_rule_func(const struct port_sec_rule *, void *aux);

/* Calls 'add' for all rules that follow from the 'n' elements of a
 * port_security column, 'texts'.  Returns a message if some of them are
 * malformed (the caller frees it), else NULL.
 *
 * What PORT_SEC_IN has checked may be left out of a rule of PORT_SEC_ND, and
 * the hop limit of what nobody listens to; with 'narrow_nd' it is not. */
char *port_sec_for_each_rule(char *const *texts, size_t n, bool narrow_nd,
                             port_sec_rule_func *add, void *aux);

/* Whether they let 'packet' in ('is_in') or out. */
bool port_sec_allows(char *const *texts, size_t n, const struct flow *packet,
                     bool is_in);

#endif /* lib/port-sec.h */
