/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_DNS_H
#define OVN_DNS_H 1

/* DNS: questions, records, and answers
 * ====================================
 *
 * What the action dns_lookup of ovn-sb(5) answers a question with, as a pure
 * function of bytes and records (RFC 1035).
 *
 * A zone is what one row of the table DNS has: names, each with addresses or,
 * if it is a name for an address (below in-addr.arpa or ip6.arpa), with the
 * names that the address has.
 *
 * Thread-safety: functions of their arguments.  A zone does not change once it
 * is made, and its references are counted atomically. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds;
struct ofpbuf;
struct smap;

#define DNS_MAX_NAME_LEN 255    /* As on the wire. */

struct dns_question {
    const uint8_t *msg;         /* The message, borrowed: its header and... */
    size_t question_end;        /* ...question end here. */
    char name[DNS_MAX_NAME_LEN + 1]; /* Lower case, labels with dots. */
    size_t name_size;           /* On the wire. */
    uint16_t type;              /* DNS_TYPE_*, or any other. */
    bool has_edns;              /* The sender has said by an OPT record (RFC
                                 * 6891)... */
    size_t max_size;            /* ...how long a reply may be; else 512. */
};

#define DNS_TYPE_A 1
#define DNS_TYPE_PTR 12
#define DNS_TYPE_AAAA 28
#define DNS_TYPE_ANY 255

enum dns_verdict {
    DNS_QUESTION,               /* A question that can be looked up. */
    DNS_OTHER,                  /* Right, but not for us: a response, another
                                 * class, several questions, and so on. */
    DNS_MALFORMED,
};

/* Takes the message of 'size' bytes apart.  If it is malformed, '*why' is what
 * is wrong, a constant. */
enum dns_verdict dns_parse(const uint8_t *msg, size_t size,
                           struct dns_question *, const char **why);

/* A zone of 'records', name to value (ovn-nb(5)).  With 'owned', nobody else
 * has to be asked for its names (options:ovn-owned).  Adds to 'errors' a line
 * for each record or part of a value that makes no sense, which is left out.
 * Referred to once. */
struct dns_zone *dns_zone_create(const struct smap *records, bool owned,
                                 struct ds *errors);
struct dns_zone *dns_zone_ref(const struct dns_zone *);
void dns_zone_unref(struct dns_zone *); /* The last one frees it. */
/* Whether both give the same answers. */
bool dns_zone_equals(const struct dns_zone *, const struct dns_zone *);

enum dns_answer {
    DNS_UNKNOWN,                /* The zone does not have the name, or nothing
                                 * of the type. */
    DNS_ANSWERED,
    DNS_REFUSED,                /* It has no address of the type, and nobody
                                 * else is to be asked. */
};

/* Answers the question from the zone: appends to 'reply', which is empty, the
 * message to send, unless the zone does not know. */
enum dns_answer dns_zone_answer(const struct dns_zone *,
                                const struct dns_question *,
                                struct ofpbuf *reply);

#endif /* lib/dns.h */
