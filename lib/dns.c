/* SPDX-License-Identifier: Apache-2.0 */

/* Answers to DNS questions; see dns.h.
 *
 * Names and lengths in a message are whatever its sender likes: each read goes
 * through a cursor that knows where the message ends.  A question's name is
 * never compressed, as nothing stands before it that it could refer to, so
 * that there are no pointers to follow.
 *
 * Replies repeat the name of the question in each record, as those of the
 * stock controller do.  When they would get too long for the one who asks, the
 * names become pointers to the question, and if that does not help, records
 * are left out and the reply says that it is truncated: he may ask again over
 * TCP, which the logical switch lets pass. */

#include <config.h>
#include "dns.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/shash.h"
#include "ovs-atomic.h"
#include "smap.h"
#include "util.h"
#include "wire.h"

#define HEADER_LEN 12
#define RR_FIXED_LEN 10         /* Of a record, between name and data. */
#define OPT_LEN (1 + RR_FIXED_LEN)

#define FLAG_RESPONSE 0x8000
#define FLAG_TRUNCATED 0x0200
#define OPCODE_MASK 0x7800
/* What a reply says as the question did: the opcode, which is 0, that
 * recursion is desired and that checking is disabled. */
#define KEPT_FLAGS (OPCODE_MASK | 0x0100 | 0x0010)
#define RCODE_REFUSED 5

#define CLASS_IN 1
#define CLASS_ANY 255
#define TYPE_OPT 41

#define TTL 3600                /* In seconds. */

/* Without EDNS, and what fits into any packet with it (RFC 9715). */
#define MIN_REPLY 512
#define MAX_REPLY 1232

#define MAX_LABEL_LEN 63

/* Reading. */

/* Reads the name in the question.  '*is_text' becomes false if it has bytes
 * that no name in a database can have. */
static const char *
get_name(struct wire_reader *r, struct dns_question *q, bool *is_text)
{
    const size_t start = r->at;
    size_t n = 0;

    *is_text = true;
    for (;;) {
        const uint8_t *len = wire_take(r, 1);
        if (!len) {
            return "its name does not end";
        }
        if (!*len) {
            break;
        }
        if (*len > MAX_LABEL_LEN) {
            return "its name has a label that is no label";
        }
        const uint8_t *label = wire_take(r, *len);
        if (!label) {
            return "its name does not end";
        }
        if (r->at - start >= DNS_MAX_NAME_LEN) {
            return "its name is too long";
        }
        if (n) {
            q->name[n++] = '.';
        }
        for (size_t i = 0; i < *len; i++) {
            *is_text = *is_text && label[i] && label[i] != '.';
            q->name[n++] = tolower(label[i]);
        }
    }
    q->name[n] = '\0';
    q->name_size = r->at - start;
    return NULL;
}

/* Reads the only additional record, if that is an OPT record. */
static bool
get_edns(struct wire_reader *r, struct dns_question *q)
{
    uint16_t type, udp_size, version, flags, len;
    uint16_t rcode_and_version;

    const uint8_t *name = wire_take(r, 1);
    if (!name || *name
        || !wire_take_u16(r, &type) || !wire_take_u16(r, &udp_size)
        || !wire_take_u16(r, &rcode_and_version) || !wire_take_u16(r, &flags)
        || !wire_take_u16(r, &len) || !wire_take(r, len)) {
        return false;
    }
    version = rcode_and_version & 0xff;
    if (type != TYPE_OPT || version) {
        return false;
    }
    q->has_edns = true;
    q->max_size = MIN(MAX(udp_size, MIN_REPLY), MAX_REPLY);
    return true;
}

enum dns_verdict
dns_parse(const uint8_t *msg, size_t size, struct dns_question *q,
          const char **why)
{
    struct wire_reader r = { .data = msg, .size = size };
    uint16_t class;
    bool is_text;

    *why = NULL;
    memset(q, 0, sizeof *q);
    q->msg = msg;
    q->max_size = MIN_REPLY;

    if (!wire_take(&r, HEADER_LEN)) {
        *why = "it is shorter than a header";
        return DNS_MALFORMED;
    }
    const uint16_t n_additional = wire_u16(&msg[10]);
    if (wire_u16(&msg[2]) & (FLAG_RESPONSE | OPCODE_MASK)
        || wire_u16(&msg[4]) != 1 /* Questions. */
        || wire_u16(&msg[6])      /* Answers, authorities. */
        || wire_u16(&msg[8]) || n_additional > 1) {
        return DNS_OTHER;
    }

    *why = get_name(&r, q, &is_text);
    if (*why) {
        return DNS_MALFORMED;
    }
    if (!wire_take_u16(&r, &q->type) || !wire_take_u16(&r, &class)) {
        *why = "its question does not end";
        return DNS_MALFORMED;
    }
    q->question_end = r.at;
    if (n_additional && !get_edns(&r, q)) {
        return DNS_OTHER;
    }
    if (wire_left(&r)) {
        *why = "something follows behind its end";
        return DNS_MALFORMED;
    }
    return (is_text && (class == CLASS_IN || class == CLASS_ANY)
            ? DNS_QUESTION : DNS_OTHER);
}

/* Zones. */

/* What a name has: the data of its records, in the order of the value. */
struct dns_datum {
    uint16_t type;
    uint16_t len;
    uint8_t data[];
};

struct dns_name {
    struct dns_datum **data;
    size_t n, allocated;
};

struct dns_zone {
    struct ovs_refcount refs;
    bool owned;
    struct shash names;         /* To "struct dns_name"s. */
};

static void
name_add(struct dns_name *name, uint16_t type, const void *data, size_t len)
{
    struct dns_datum *d = xmalloc(sizeof *d + len);

    d->type = type;
    d->len = len;
    memcpy(d->data, data, len);
    if (name->n >= name->allocated) {
        name->data = x2nrealloc(name->data, &name->allocated,
                                sizeof *name->data);
    }
    name->data[name->n++] = d;
}

/* Adds to 'name' the domain name 'text', as on the wire.  Returns false if it
 * is none. */
static bool
add_domain_name(struct dns_name *name, const char *text)
{
    uint8_t wire[DNS_MAX_NAME_LEN];
    size_t n = 0;

    while (*text) {
        const size_t len = strcspn(text, ".");

        if (!len || len > MAX_LABEL_LEN || n + 1 + len >= sizeof wire) {
            return false;
        }
        wire[n++] = len;
        memcpy(&wire[n], text, len);
        n += len;
        text += len + (text[len] == '.');
    }
    wire[n++] = 0;
    name_add(name, DNS_TYPE_PTR, wire, n);
    return true;
}

static bool
add_address(struct dns_name *name, const char *text)
{
    struct in6_addr ip6;
    struct in_addr ip4;

    if (inet_pton(AF_INET, text, &ip4) == 1) {
        name_add(name, DNS_TYPE_A, &ip4, sizeof ip4);
    } else if (inet_pton(AF_INET6, text, &ip6) == 1) {
        name_add(name, DNS_TYPE_AAAA, &ip6, sizeof ip6);
    } else {
        return false;
    }
    return true;
}

static bool
is_reverse(const char *name)
{
    const size_t len = strlen(name);

    for (size_t i = 0; i < 2; i++) {
        const char *suffix = i ? ".ip6.arpa" : ".in-addr.arpa";
        const size_t n = strlen(suffix);

        if (len > n && !strcmp(&name[len - n], suffix)) {
            return true;
        }
    }
    return false;
}

static void
name_destroy(struct dns_name *name)
{
    for (size_t i = 0; i < name->n; i++) {
        free(name->data[i]);
    }
    free(name->data);
    free(name);
}

/* Data is sent in its order. */
static bool
name_equals(const struct dns_name *a, const struct dns_name *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        const struct dns_datum *x = a->data[i];
        const struct dns_datum *y = b->data[i];

        if (x->type != y->type || x->len != y->len
            || memcmp(x->data, y->data, x->len)) {
            return false;
        }
    }
    return true;
}

static void
zone_add(struct dns_zone *zone, const char *key, const char *value,
         struct ds *errors)
{
    char *lower = xstrdup(key);
    char *words = xstrdup(value);
    struct dns_name *name = xzalloc(sizeof *name);

    for (char *p = lower; *p; p++) {
        *p = tolower((unsigned char) *p);
    }
    const size_t len = strlen(lower);
    if (len && lower[len - 1] == '.') {
        lower[len - 1] = '\0';  /* The root's. */
    }

    const bool reverse = is_reverse(lower);
    char *save = NULL;
    for (char *word = strtok_r(words, ", ", &save); word;
         word = strtok_r(NULL, ", ", &save)) {
        if (!(reverse ? add_domain_name : add_address)(name, word)) {
            ds_put_format(errors, "record \"%s\": \"%s\" is not %s\n", key,
                          word, reverse ? "a domain name" : "an IP address");
        }
    }
    if (!shash_add_once(&zone->names, lower, name)) {
        ds_put_format(errors, "record \"%s\" is there in another spelling, "
                      "too\n", key);
        name_destroy(name);
    }
    free(words);
    free(lower);
}

struct dns_zone *
dns_zone_create(const struct smap *records, bool owned, struct ds *errors)
{
    struct dns_zone *zone = xzalloc(sizeof *zone);
    const struct smap_node **nodes = smap_sort(records);

    ovs_refcount_init(&zone->refs);
    zone->owned = owned;
    shash_init(&zone->names);
    for (size_t i = 0; i < smap_count(records); i++) {
        zone_add(zone, nodes[i]->key, nodes[i]->value, errors);
    }
    free(nodes);
    return zone;
}

struct dns_zone *
dns_zone_ref(const struct dns_zone *zone_)
{
    struct dns_zone *zone = CONST_CAST(struct dns_zone *, zone_);

    ovs_refcount_ref(&zone->refs);
    return zone;
}

void
dns_zone_unref(struct dns_zone *zone)
{
    if (zone && ovs_refcount_unref(&zone->refs) == 1) {
        struct shash_node *node;

        SHASH_FOR_EACH (node, &zone->names) {
            name_destroy(node->data);
        }
        shash_destroy(&zone->names);
        free(zone);
    }
}

bool
dns_zone_equals(const struct dns_zone *a, const struct dns_zone *b)
{
    const struct shash_node *node;

    if (a->owned != b->owned
        || shash_count(&a->names) != shash_count(&b->names)) {
        return false;
    }
    SHASH_FOR_EACH (node, &a->names) {
        const struct dns_name *other = shash_find_data(&b->names, node->name);

        if (!other || !name_equals(node->data, other)) {
            return false;
        }
    }
    return true;
}

/* Replies. */

/* Appends the header, with 'flags' besides those of a reply, and the question.
 * Nothing is behind it yet. */
static void
put_question(const struct dns_question *q, uint16_t flags,
             struct ofpbuf *reply)
{
    const uint16_t asked = wire_u16(&q->msg[2]);

    ofpbuf_clear(reply);
    ofpbuf_put(reply, q->msg, q->question_end);
    wire_set_u16(reply, 2, FLAG_RESPONSE | (asked & KEPT_FLAGS) | flags);
    wire_set_u16(reply, 10, 0);
}

/* Appends the OPT record that one in the question asks for. */
static void
put_edns(const struct dns_question *q, struct ofpbuf *reply)
{
    if (q->has_edns) {
        uint8_t *opt = ofpbuf_put_zeros(reply, OPT_LEN);

        opt[2] = TYPE_OPT;
        opt[3] = MAX_REPLY >> 8;
        opt[4] = MAX_REPLY & 0xff;
        wire_set_u16(reply, 10, 1);
    }
}

static bool
is_asked_for(const struct dns_datum *d, const struct dns_question *q)
{
    return q->type == DNS_TYPE_ANY || q->type == d->type;
}

/* Appends the records that are asked for, as many as fit.  Returns their
 * number; '*all' tells whether that is all of them. */
static uint16_t
put_records(const struct dns_name *name, const struct dns_question *q,
            bool compress, struct ofpbuf *reply, bool *all)
{
    const size_t name_size = compress ? 2 : q->name_size;
    const size_t max_size = q->max_size - (q->has_edns ? OPT_LEN : 0);
    uint16_t n = 0;

    *all = true;
    for (size_t i = 0; i < name->n; i++) {
        const struct dns_datum *d = name->data[i];

        if (!is_asked_for(d, q)) {
            continue;
        }
        if (reply->size + name_size + RR_FIXED_LEN + d->len > max_size) {
            *all = false;
            break;
        }
        if (compress) {
            wire_put_u16(reply, 0xc000 | HEADER_LEN);
        } else {
            ofpbuf_put(reply, &q->msg[HEADER_LEN], name_size);
        }
        wire_put_u16(reply, d->type);
        wire_put_u16(reply, CLASS_IN);
        wire_put_u16(reply, TTL >> 16);
        wire_put_u16(reply, TTL & 0xffff);
        wire_put_u16(reply, d->len);
        ofpbuf_put(reply, d->data, d->len);
        n++;
    }
    return n;
}

enum dns_answer
dns_zone_answer(const struct dns_zone *zone, const struct dns_question *q,
                struct ofpbuf *reply)
{
    const struct dns_name *name = shash_find_data(&zone->names, q->name);
    bool known = false;

    if (!name) {
        return DNS_UNKNOWN;
    }
    for (size_t i = 0; i < name->n && !known; i++) {
        known = is_asked_for(name->data[i], q);
    }
    if (!known) {
        if (!zone->owned
            || (q->type != DNS_TYPE_A && q->type != DNS_TYPE_AAAA)) {
            return DNS_UNKNOWN;
        }
        put_question(q, RCODE_REFUSED, reply);
        put_edns(q, reply);
        return DNS_REFUSED;
    }

    bool all;
    put_question(q, 0, reply);
    uint16_t n = put_records(name, q, false, reply, &all);
    if (!all) {
        put_question(q, 0, reply);
        n = put_records(name, q, true, reply, &all);
    }
    if (!all) {
        wire_set_u16(reply, 2, wire_u16((uint8_t *) reply->data + 2)
                          | FLAG_TRUNCATED);
    }
    wire_set_u16(reply, 6, n);
    put_edns(q, reply);
    return DNS_ANSWERED;
}
