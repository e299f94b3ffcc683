/* SPDX-License-Identifier: Apache-2.0 */

/* DHCPv6 requests and replies; see dhcpv6.h.
 *
 * There is no state: a port's address is written in its flow, and is the
 * port's for ever, so that all lifetimes are infinite and nobody need renew.
 * Who does it all the same is answered. */

#include <config.h>
#include "dhcpv6.h"

#include <netinet/in.h>
#include <string.h>

#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"
#include "wire.h"

#define HEADER_LEN 4
#define OPT_HEADER_LEN 4
#define IA_NA_LEN 12
#define MAX_LABEL_LEN 63

enum {                          /* Options, RFC 8415 and others. */
    OPT_CLIENT_ID = 1,
    OPT_SERVER_ID = 2,
    OPT_IA_NA = 3,
    OPT_IA_ADDR = 5,
    OPT_STATUS_CODE = 13,
    OPT_DOMAIN_SEARCH = 24,
    OPT_CLIENT_FQDN = 39,
};

/* Flags of OPT_CLIENT_FQDN (RFC 4704, 4.1): the server is to update the DNS,
 * it overrides that, and it does not. */
enum { FQDN_S = 1, FQDN_O = 2, FQDN_N = 4 };

/* What a server identifier made of an Ethernet address begins with: DUID-LL
 * and the hardware type (RFC 8415, 11.4). */
static const uint8_t duid_ll[4] = { 0, 3, 0, 1 };

/* Options: code, length, value. */

bool
dhcpv6_next_option(struct wire_reader *r, uint16_t *code,
                   struct dhcpv6_option *option)
{
    if (!wire_left(r) || !wire_take_u16(r, code)
        || !wire_take_u16(r, &option->len)) {
        return false;
    }
    option->value = wire_take(r, option->len);
    return option->value != NULL;
}

static void
put_option(struct ofpbuf *reply, uint16_t code, const void *value,
           uint16_t len)
{
    wire_put_u16(reply, code);
    wire_put_u16(reply, len);
    ofpbuf_put(reply, value, len);
}

/* Requests. */

const char *
dhcpv6_parse(const uint8_t *msg, size_t size, struct dhcpv6_request *rq)
{
    struct wire_reader r = { .data = msg, .size = size };
    struct dhcpv6_option option;
    uint16_t code;

    memset(rq, 0, sizeof *rq);
    if (!wire_take(&r, HEADER_LEN)) {
        return "it is too short";
    }
    rq->msg = msg;
    rq->type = msg[0];
    while (dhcpv6_next_option(&r, &code, &option)) {
        if (code == OPT_CLIENT_ID) {
            rq->client_id = option;
        } else if (code == OPT_SERVER_ID) {
            rq->server_id = option;
        } else if (code == OPT_CLIENT_FQDN) {
            rq->fqdn = option;
        } else if (code == OPT_IA_NA) {
            if (option.len < IA_NA_LEN) {
                return "an association is too short";
            }
            rq->iaid = option.value;
        }
    }
    /* What is in front of a broken option still counts. */
    return (!rq->client_id.value
            ? (r.is_short ? "an option does not end"
               : "it has no client identifier") : NULL);
}

/* Replies. */

static uint8_t
reply_type(const struct dhcpv6_request *rq)
{
    switch (rq->type) {
    case DHCPV6_SOLICIT:
        return rq->iaid ? DHCPV6_ADVERTISE : 0;

    case DHCPV6_REQUEST:
    case DHCPV6_CONFIRM:
    case DHCPV6_RENEW:
    case DHCPV6_REBIND:
    case DHCPV6_DECLINE:
        return rq->iaid ? DHCPV6_REPLY : 0;

    case DHCPV6_RELEASE:
    case DHCPV6_INFORMATION:
        return DHCPV6_REPLY;

    default:
        return 0;
    }
}

/* Whether 'rq' is for a server other than the one with 'duid'. */
static bool
is_for_another(const struct dhcpv6_request *rq, const uint8_t *duid,
               size_t duid_len)
{
    return ((rq->type == DHCPV6_REQUEST || rq->type == DHCPV6_RENEW
             || rq->type == DHCPV6_RELEASE || rq->type == DHCPV6_DECLINE)
            && rq->server_id.value
            && (rq->server_id.len != duid_len
                || memcmp(rq->server_id.value, duid, duid_len)));
}

static void
put_association(const struct dhcpv6_request *rq,
                const struct dhcpv6_option *address, struct ofpbuf *reply)
{
    static const uint8_t infinity[8] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
    };
    const size_t address_len = sizeof(struct in6_addr) + sizeof infinity;

    wire_put_u16(reply, OPT_IA_NA);
    wire_put_u16(reply, IA_NA_LEN + OPT_HEADER_LEN + address_len);
    ofpbuf_put(reply, rq->iaid, 4);
    ofpbuf_put(reply, infinity, sizeof infinity); /* T1 and T2. */
    wire_put_u16(reply, OPT_IA_ADDR);
    wire_put_u16(reply, address_len);
    ofpbuf_put(reply, address->value, sizeof(struct in6_addr));
    ofpbuf_put(reply, infinity, sizeof infinity); /* Its lifetimes. */
}

/* Appends names, separated by commas, as DNS has them (RFC 3646, 4).  Labels
 * that are none are left out. */
static void
put_domain_search(const struct dhcpv6_option *names, struct ofpbuf *reply)
{
    const char *name = (const char *) names->value;
    size_t left = names->len;
    const size_t start = reply->size;

    wire_put_u16(reply, OPT_DOMAIN_SEARCH);
    wire_put_u16(reply, 0);
    while (left) {
        const char *comma = memchr(name, ',', left);
        size_t len = comma ? comma - name : left;
        const size_t whole = len + (comma != NULL);
        const char *label = name;

        while (len) {
            const char *dot = memchr(label, '.', len);
            const size_t n = dot ? dot - label : len;

            if (n && n <= MAX_LABEL_LEN) {
                const uint8_t byte = n;

                ofpbuf_put(reply, &byte, 1);
                ofpbuf_put(reply, label, n);
            }
            label += n + (dot != NULL);
            len -= n + (dot != NULL);
        }
        ofpbuf_put_zeros(reply, 1);
        name += whole;
        left -= whole;
    }
    wire_set_u16(reply, start + 2, reply->size - start - OPT_HEADER_LEN);
}

/* Appends the client's name, if it has sent one (RFC 4704, 6). */
static void
put_fqdn(const struct dhcpv6_request *rq, const struct dhcpv6_option *name,
         struct ofpbuf *reply)
{
    if (rq->fqdn.value && rq->fqdn.len) {
        const uint8_t flags = FQDN_N | (rq->fqdn.value[0] & FQDN_S ? FQDN_O
                                        : 0);

        wire_put_u16(reply, OPT_CLIENT_FQDN);
        wire_put_u16(reply, 1 + name->len);
        ofpbuf_put(reply, &flags, sizeof flags);
        ofpbuf_put(reply, name->value, name->len);
    }
}

/* Appends what the action says, and sets 'duid' to the server's. */
static const char *
put_config(const struct dhcpv6_request *rq, const uint8_t *config,
           size_t size, uint8_t duid[4 + ETH_ADDR_LEN], bool *has_duid,
           struct ofpbuf *reply)
{
    struct wire_reader r = { .data = config, .size = size };
    struct dhcpv6_option option;
    uint16_t code;

    while (dhcpv6_next_option(&r, &code, &option)) {
        switch (code) {
        case OPT_SERVER_ID:
            if (option.len != ETH_ADDR_LEN) {
                return "its server_id is no Ethernet address";
            }
            memcpy(duid, duid_ll, sizeof duid_ll);
            memcpy(&duid[sizeof duid_ll], option.value, ETH_ADDR_LEN);
            *has_duid = true;
            break;

        case OPT_IA_ADDR:
            if (option.len != sizeof(struct in6_addr)) {
                return "its ia_addr is no IPv6 address";
            }
            if (rq->iaid) {
                put_association(rq, &option, reply);
            }
            break;

        case OPT_DOMAIN_SEARCH:
            put_domain_search(&option, reply);
            break;

        case OPT_CLIENT_FQDN:
            put_fqdn(rq, &option, reply);
            break;

        default:
            put_option(reply, code, option.value, option.len);
            break;
        }
    }
    return r.is_short ? "an option does not end" : NULL;
}

const char *
dhcpv6_answer(const struct dhcpv6_request *rq, const uint8_t *config,
              size_t config_size, struct ofpbuf *reply)
{
    const uint8_t type = reply_type(rq);
    uint8_t duid[4 + ETH_ADDR_LEN];
    bool has_duid = false;

    if (!type) {
        return NULL;
    }
    ofpbuf_put(reply, &type, sizeof type);
    ofpbuf_put(reply, &rq->msg[1], HEADER_LEN - 1);
    put_option(reply, OPT_CLIENT_ID, rq->client_id.value, rq->client_id.len);

    const size_t config_start = reply->size;
    const char *error = put_config(rq, config, config_size, duid, &has_duid,
                                   reply);
    if (error || (has_duid && is_for_another(rq, duid, sizeof duid))) {
        ofpbuf_clear(reply);
        return error;
    }
    if (rq->type == DHCPV6_RELEASE) {
        /* RFC 8415, 18.3.7: success. */
        reply->size = config_start;
        put_option(reply, OPT_STATUS_CODE, "\0\0", 2);
    }
    if (has_duid) {
        put_option(reply, OPT_SERVER_ID, duid, sizeof duid);
    }
    return NULL;
}
