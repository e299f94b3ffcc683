/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_LB_MATCH_H
#define OVN_LB_MATCH_H 1

/* Looking at the parsed matches of load-balancing flows
 * =====================================================
 *
 * A match is a tree as the parser returns it, neither annotated nor
 * simplified.  What is looked for stands in its outermost conjunction.
 *
 * Thread-safety: no global state. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct expr;
struct lb_endpoint;

/* Operand 'i' of the outermost conjunction, and how many there are. */
const struct expr *lb_match_conjunct(const struct expr *, size_t i);
size_t lb_match_n_conjuncts(const struct expr *);

/* Whether 'e' compares 'symbol' for equality with one value. */
bool lb_match_is_cmp(const struct expr *e, const char *symbol);

/* The operand that compares 'symbol' for equality with a value, or with
 * several ("symbol == {a, b}"), or NULL. */
const struct expr *lb_match_find(const struct expr *, const char *symbol);

/* Sets '*ip' to the address that comparison 'cmp' is with.  Returns false if
 * it is not about all bits of an address. */
bool lb_match_address(const struct expr *cmp, struct in6_addr *ip);

/* The protocol whose destination port is compared, or NULL. */
const char *lb_match_protocol(const struct expr *);

/* Whether the match says that the client has an affinity. */
bool lb_match_is_affinity(const struct expr *);

/* Sets '*vip' to the VIP whose connections are balanced.  Returns false if the
 * match does not say one. */
bool lb_match_vip(const struct expr *, struct lb_endpoint *vip);

#endif /* lib/lb-match.h */
