/* SPDX-License-Identifier: Apache-2.0 */

/* Prefix delegation: messages of the requesting router; see dhcpv6-pd.h. */

#include <config.h>
#include "dhcpv6-pd.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"
#include "wire.h"

#define HEADER_LEN 4
#define IA_PD_LEN 12
#define IA_PREFIX_LEN 25

enum {                          /* Options, RFC 8415, 21. */
    OPT_CLIENT_ID = 1,
    OPT_SERVER_ID = 2,
    OPT_ORO = 6,
    OPT_PREFERENCE = 7,
    OPT_ELAPSED = 8,
    OPT_STATUS_CODE = 13,
    OPT_IA_PD = 25,
    OPT_IA_PREFIX = 26,
    OPT_SOL_MAX_RT = 82,
};

/* What SOL_MAX_RT may be, in seconds: RFC 8415, 21.24. */
#define MIN_SOL_MAX_RT 60
#define MAX_SOL_MAX_RT 86400

/* Of a DUID-LL of Ethernet: RFC 8415, 11.4. */
#define DUID_LEN (4 + ETH_ADDR_LEN)

static void
make_duid(struct eth_addr mac, uint8_t duid[DUID_LEN])
{
    static const uint8_t duid_ll[4] = { 0, 3, 0, 1 };

    memcpy(duid, duid_ll, sizeof duid_ll);
    memcpy(&duid[sizeof duid_ll], &mac, sizeof mac);
}

/* Texts. */

static void
mask_prefix(struct pd_prefix *p)
{
    const struct in6_addr mask = ipv6_create_mask(p->length);

    p->prefix = ipv6_addr_bitand(&p->prefix, &mask);
}

bool
pd_prefix_from_string(const char *s, uint32_t *iaid, struct pd_prefix *p)
{
    const char *colon = strchr(s, ':');
    char *number = colon ? xmemdup0(s, colon - s) : NULL;
    unsigned int length = 0;
    unsigned long long int value;
    bool ok = (number && str_to_ullong(number, 10, &value)
               && value <= UINT32_MAX);

    if (ok) {
        char *error = ipv6_parse_cidr(colon + 1, &p->prefix, &length);

        ok = !error && length > 0;
        free(error);
    }
    free(number);
    if (!ok) {
        return false;
    }
    *iaid = value;
    p->length = length;
    mask_prefix(p);
    return true;
}

void
pd_prefix_format(uint32_t iaid, const struct pd_prefix *p, struct ds *s)
{
    ds_put_format(s, "%"PRIu32":", iaid);
    ipv6_format_addr(&p->prefix, s);
    ds_put_format(s, "/%u", p->length);
}

/* Writing. */

static void
put_u32(struct ofpbuf *msg, uint32_t value)
{
    wire_put_u16(msg, value >> 16);
    wire_put_u16(msg, value & 0xffff);
}

static void
put_option(struct ofpbuf *msg, uint16_t code, const void *value, uint16_t len)
{
    wire_put_u16(msg, code);
    wire_put_u16(msg, len);
    ofpbuf_put(msg, value, len);
}

/* Times are zero in what clients say: RFC 8415, 21.21 and 21.22. */
static void
put_association(const struct pd_request *rq, struct ofpbuf *msg)
{
    const bool has_prefix = rq->prefix.length > 0;

    wire_put_u16(msg, OPT_IA_PD);
    wire_put_u16(msg, IA_PD_LEN + (has_prefix ? 4 + IA_PREFIX_LEN : 0));
    put_u32(msg, rq->iaid);
    ofpbuf_put_zeros(msg, 8);   /* T1 and T2. */
    if (has_prefix) {
        wire_put_u16(msg, OPT_IA_PREFIX);
        wire_put_u16(msg, IA_PREFIX_LEN);
        ofpbuf_put_zeros(msg, 8); /* Its lifetimes. */
        ofpbuf_put(msg, &rq->prefix.length, 1);
        ofpbuf_put(msg, &rq->prefix.prefix, sizeof rq->prefix.prefix);
    }
}

void
pd_compose(const struct pd_request *rq, struct ofpbuf *msg)
{
    static const uint8_t wanted[] = { OPT_SOL_MAX_RT >> 8, OPT_SOL_MAX_RT };
    uint8_t duid[DUID_LEN];

    put_u32(msg, (uint32_t) rq->type << 24 | (rq->xid & 0xffffff));
    make_duid(rq->mac, duid);
    put_option(msg, OPT_CLIENT_ID, duid, sizeof duid);
    if (rq->server_id.value) {
        put_option(msg, OPT_SERVER_ID, rq->server_id.value,
                   rq->server_id.len);
    }
    put_option(msg, OPT_ORO, wanted, sizeof wanted);
    wire_put_u16(msg, OPT_ELAPSED);
    wire_put_u16(msg, 2);
    wire_put_u16(msg, rq->elapsed);
    put_association(rq, msg);
}

/* Reading. */

static uint32_t
u32_at(const uint8_t *p)
{
    return (uint32_t) wire_u16(p) << 16 | wire_u16(&p[2]);
}

static const char *
parse_lease(const struct dhcpv6_option *option, struct pd_answer *answer)
{
    if (option->len < IA_PREFIX_LEN) {
        return "a prefix is too short";
    }

    struct pd_lease lease = {
        .preferred = u32_at(&option->value[0]),
        .valid = u32_at(&option->value[4]),
        .prefix.length = option->value[8],
    };
    memcpy(&lease.prefix.prefix, &option->value[9],
           sizeof lease.prefix.prefix);

    /* RFC 8415, 21.22: a client discards such prefixes.  One without bits
     * would be all addresses, and a link-local or multicast one is none. */
    const struct in6_addr *ip = &lease.prefix.prefix;
    if (lease.preferred > lease.valid
        || !lease.prefix.length || lease.prefix.length > 128
        || in6_is_lla(CONST_CAST(struct in6_addr *, ip))
        || ipv6_addr_is_multicast(ip)
        || answer->n_leases >= PD_MAX_LEASES) {
        return NULL;
    }
    mask_prefix(&lease.prefix);
    answer->leases[answer->n_leases++] = lease;
    return NULL;
}

/* Sets answer->status if nothing has gone wrong so far. */
static const char *
parse_status(const struct dhcpv6_option *option, struct pd_answer *answer)
{
    if (option->len < 2) {
        return "a status is too short";
    }
    if (answer->status == DHCPV6_SUCCESS) {
        answer->status = wire_u16(option->value);
    }
    return NULL;
}

static const char *
parse_association(const struct dhcpv6_option *ia, uint32_t iaid,
                  struct pd_answer *answer)
{
    if (ia->len < IA_PD_LEN) {
        return "an association is too short";
    }
    if (u32_at(ia->value) != iaid || answer->has_ia) {
        return NULL;
    }
    answer->t1 = u32_at(&ia->value[4]);
    answer->t2 = u32_at(&ia->value[8]);
    if (answer->t1 && answer->t2 && answer->t1 > answer->t2) {
        return NULL;            /* RFC 8415, 21.21: as if it were not there. */
    }
    answer->has_ia = true;

    struct wire_reader r = {
        .data = ia->value, .size = ia->len, .at = IA_PD_LEN,
    };
    struct dhcpv6_option option;
    const char *why = NULL;
    uint16_t code;
    while (!why && dhcpv6_next_option(&r, &code, &option)) {
        why = (code == OPT_IA_PREFIX ? parse_lease(&option, answer)
               : code == OPT_STATUS_CODE ? parse_status(&option, answer)
               : NULL);
    }
    return why ? why : r.is_short ? "an option does not end" : NULL;
}

/* Reads one of the message's options. */
static const char *
parse_option(uint16_t code, const struct dhcpv6_option *option, uint32_t iaid,
             struct dhcpv6_option *client_id, struct pd_answer *answer)
{
    switch (code) {
    case OPT_CLIENT_ID:
        *client_id = *option;
        return NULL;

    case OPT_SERVER_ID:
        if (!option->len || option->len > DHCPV6_MAX_DUID) {
            return "its server's identifier is none";
        }
        answer->server_id = *option;
        return NULL;

    case OPT_PREFERENCE:
        if (option->len == 1) {
            answer->preference = option->value[0];
        }
        return NULL;

    case OPT_SOL_MAX_RT:
        if (option->len == 4) {
            const uint32_t value = u32_at(option->value);

            answer->sol_max_rt = (value >= MIN_SOL_MAX_RT
                                  && value <= MAX_SOL_MAX_RT ? value : 0);
        }
        return NULL;

    case OPT_STATUS_CODE:
        return parse_status(option, answer);

    case OPT_IA_PD:
        return parse_association(option, iaid, answer);

    default:
        return NULL;
    }
}

bool
pd_peek_xid(const uint8_t *msg, size_t size, uint32_t *xid)
{
    if (size < HEADER_LEN
        || (msg[0] != DHCPV6_ADVERTISE && msg[0] != DHCPV6_REPLY)) {
        return false;
    }
    *xid = u32_at(msg) & 0xffffff;
    return true;
}

const char *
pd_parse(const uint8_t *msg, size_t size, struct eth_addr mac, uint32_t iaid,
         struct pd_answer *answer)
{
    struct wire_reader r = { .data = msg, .size = size };
    struct dhcpv6_option option, client_id = { NULL, 0 };
    const char *why = NULL;
    uint8_t duid[DUID_LEN];
    uint16_t code;

    memset(answer, 0, sizeof *answer);
    if (!pd_peek_xid(msg, size, &answer->xid) || !wire_take(&r, HEADER_LEN)) {
        return "it is no answer of a server";
    }
    answer->type = msg[0];
    while (!why && dhcpv6_next_option(&r, &code, &option)) {
        why = parse_option(code, &option, iaid, &client_id, answer);
    }
    if (why) {
        return why;
    }
    if (r.is_short) {
        return "an option does not end";
    }

    /* RFC 8415, 16.3 and 16.10. */
    make_duid(mac, duid);
    if (!answer->server_id.value) {
        return "it has no server identifier";
    }
    return (client_id.len != sizeof duid
            || memcmp(client_id.value, duid, sizeof duid)
            ? "it is for another client" : NULL);
}
