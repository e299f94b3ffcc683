/* SPDX-License-Identifier: Apache-2.0 */

/* DHCPv4 requests and replies; see dhcpv4.h.
 *
 * A reply begins as a copy of the request's fixed part: the client finds its
 * own transaction, hardware address and flags.  Behind it come the message's
 * type and the options that the logical flow says, in its order.
 *
 * There is no state: the address that a port may have is written in its flow,
 * so that a request for it is right, and one for another is wrong. */

#include <config.h>
#include "dhcpv4.h"

#include <netinet/in.h>
#include <string.h>

#include "byte-order.h"
#include "dhcp.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"
#include "wire.h"

static const ovs_be32 magic = CONSTANT_HTONL(DHCP_MAGIC_COOKIE);
#define FIXED_LEN (sizeof(struct dhcp_header) + sizeof magic)

#define FLAG_BROADCAST 0x8000

/* RFC 1542, 4.1.1. */
#define MAX_HOPS 16

enum {                          /* Options, RFC 2132 and others, besides those
                                 * of "dhcp.h". */
    OPT_NETMASK = 1,
    OPT_LEASE_TIME = 51,
    OPT_SERVER_ID = 54,
    OPT_T1 = 58,
    OPT_T2 = 59,
    OPT_BOOTFILE = 67,
    OPT_ETHERBOOT = 175,
    /* OVN's own, for the logical flow only. */
    OPT_NEXT_SERVER = 253,
    OPT_BOOTFILE_ALT = 254,
};

/* What follows the options, as the stock controller has it: padding, the end,
 * and padding again. */
static const uint8_t trailer[] = { 0, 0, 0, 0, DHCP_OPT_END, 0, 0, 0, 0 };

/* Options: code, length, value. */

#define OPT_LEN(OPTION) (2u + (OPTION)[1])

/* Reads an option.  NULL if there is none any more. */
static const uint8_t *
next_option(struct wire_reader *r)
{
    while (wire_left(r) && r->data[r->at] == DHCP_OPT_PAD) {
        wire_take(r, 1);
    }
    if (!wire_left(r) || r->data[r->at] == DHCP_OPT_END) {
        return NULL;
    }

    const uint8_t *option = wire_take(r, 2);
    return option && wire_take(r, option[1]) ? option : NULL;
}

/* An address, or 0 if that is not what the option has. */
static ovs_be32
get_ip(const uint8_t *option)
{
    ovs_be32 ip;

    if (option[1] != sizeof ip) {
        return 0;
    }
    memcpy(&ip, &option[2], sizeof ip);
    return ip;
}

/* Requests. */

static void
note_option(const uint8_t *option, struct dhcpv4_request *rq)
{
    switch (option[0]) {
    case DHCP_OPT_MSG_TYPE:
        rq->type = option[1] == 1 ? option[2] : 0;
        break;
    case DHCP_OPT_REQ_IP:
        rq->requested = get_ip(option);
        break;
    case OPT_SERVER_ID:
        rq->server_id = get_ip(option);
        break;
    case OPT_ETHERBOOT:
        rq->etherboot = true;
        break;
    default:
        break;
    }
}

/* Takes apart a message that is to have 'op'. */
static const char *
parse(const uint8_t *msg, size_t size, uint8_t op, struct dhcpv4_request *rq)
{
    struct dhcp_header header;
    struct wire_reader r = { .data = msg, .size = size };
    const uint8_t *option;

    memset(rq, 0, sizeof *rq);
    if (!wire_take(&r, FIXED_LEN)) {
        return "it is too short";
    }
    memcpy(&header, msg, sizeof header);
    if (header.op != op) {
        return (op == DHCP_OP_REQUEST ? "it is not a request"
                : "it is not a reply");
    }
    if (memcmp(&msg[sizeof header], &magic, sizeof magic)) {
        return "it has no magic cookie";
    }
    rq->msg = msg;
    rq->ciaddr = header.ciaddr;
    rq->giaddr = header.giaddr;
    rq->broadcast = ntohs(header.flags) & FLAG_BROADCAST;
    while ((option = next_option(&r))) {
        note_option(option, rq);
    }
    /* What is in front of a broken option still counts. */
    return r.is_short && !rq->type ? "an option does not end" : NULL;
}

const char *
dhcpv4_parse(const uint8_t *msg, size_t size, struct dhcpv4_request *rq)
{
    return parse(msg, size, DHCP_OP_REQUEST, rq);
}

/* Relaying. */

static bool
is_ethernet(const struct dhcp_header *header)
{
    return (header->htype == ARP_HRD_ETHERNET
            && header->hlen == ETH_ADDR_LEN);
}

const char *
dhcpv4_relay_request(uint8_t *msg, size_t size, ovs_be32 relay)
{
    struct dhcpv4_request rq;
    struct dhcp_header header;
    const char *why = dhcpv4_parse(msg, size, &rq);

    if (why) {
        return why;
    } else if (!rq.type) {
        return "it has no type";
    } else if (rq.giaddr) {
        return "another agent has relayed it";
    }
    memcpy(&header, msg, sizeof header);
    if (!is_ethernet(&header)) {
        return "it is not from an Ethernet address";
    } else if (header.hops > MAX_HOPS) {
        return "it has been relayed too often";
    }
    header.hops++;
    header.giaddr = relay;
    memcpy(msg, &header, sizeof header);
    return NULL;
}

const char *
dhcpv4_relay_reply(const uint8_t *msg, size_t size, ovs_be32 relay,
                   ovs_be32 server, struct dhcpv4_client *client)
{
    struct dhcpv4_request reply;
    struct dhcp_header header;
    const char *why = parse(msg, size, DHCP_OP_REPLY, &reply);

    if (why) {
        return why;
    } else if (reply.giaddr != relay) {
        return "it is for another agent";
    } else if (reply.server_id != server) {
        return "it is another server's";
    }
    memcpy(&header, msg, sizeof header);
    if (!is_ethernet(&header)) {
        return "it is not for an Ethernet address";
    }
    memcpy(&client->mac, header.chaddr, sizeof client->mac);
    client->ip = (reply.broadcast ? OVS_BE32_MAX
                  : header.yiaddr ? header.yiaddr
                  : header.ciaddr ? header.ciaddr
                  : OVS_BE32_MAX); /* A DHCPNAK, of RFC 2131, 4.3.2. */
    return NULL;
}

/* Configuration. */

const char *
dhcpv4_config_parse(const uint8_t *data, size_t size, struct dhcpv4_config *c)
{
    struct wire_reader r = { .data = data, .size = size };
    const uint8_t *option;
    size_t rest;

    memset(c, 0, sizeof *c);
    if (!wire_take(&r, sizeof c->offer)) {
        return "it has no address to offer";
    }
    memcpy(&c->offer, data, sizeof c->offer);

    /* The encoder puts those that are not simply copied first. */
    rest = r.at;
    while ((option = next_option(&r))) {
        switch (option[0]) {
        case OPT_BOOTFILE:
            c->bootfile = option;
            rest = r.at;
            break;
        case OPT_BOOTFILE_ALT:
            c->bootfile_alt = option;
            rest = r.at;
            break;
        case OPT_NEXT_SERVER:
            c->next_server = get_ip(option);
            break;
        case OPT_SERVER_ID:
            c->server_id = get_ip(option);
            break;
        default:
            break;
        }
    }
    c->options = &data[rest];
    c->options_size = size - rest;
    return r.is_short ? "an option does not end" : NULL;
}

/* Replies. */

uint8_t
dhcpv4_reply_type(const struct dhcpv4_request *rq,
                  const struct dhcpv4_config *c)
{
    switch (rq->type) {
    case DHCPV4_DISCOVER:
        return DHCPV4_OFFER;

    case DHCPV4_REQUEST:
        /* RFC 2131, 4.3.2: the client has chosen somebody else. */
        if (rq->server_id && c->server_id && rq->server_id != c->server_id) {
            return 0;
        }
        return ((rq->requested ? rq->requested : rq->ciaddr) == c->offer
                ? DHCPV4_ACK : DHCPV4_NAK);

    case DHCPV4_INFORM:
        return DHCPV4_ACK;

    default:
        return 0;
    }
}

static void
put_option(struct ofpbuf *reply, uint8_t code, const void *value, uint8_t len)
{
    const uint8_t header[] = { code, len };

    ofpbuf_put(reply, header, sizeof header);
    ofpbuf_put(reply, value, len);
}

static void
put_bootfile(const struct dhcpv4_request *rq, const struct dhcpv4_config *c,
             struct ofpbuf *reply)
{
    const uint8_t *bootfile = (c->bootfile_alt && !rq->etherboot
                               ? c->bootfile_alt : c->bootfile);

    if (bootfile) {
        put_option(reply, OPT_BOOTFILE, &bootfile[2], bootfile[1]);
    }
}

/* Whether a client that has an address already is told 'code', too. */
static bool
is_for_inform(uint8_t code)
{
    return (code != OPT_LEASE_TIME && code != OPT_T1 && code != OPT_T2
            && code != OPT_NETMASK);
}

static void
put_options(const struct dhcpv4_request *rq, const struct dhcpv4_config *c,
            struct ofpbuf *reply)
{
    struct wire_reader r = { .data = c->options, .size = c->options_size };
    const uint8_t *option;

    put_bootfile(rq, c, reply);
    while ((option = next_option(&r))) {
        if (rq->type != DHCPV4_INFORM || is_for_inform(option[0])) {
            ofpbuf_put(reply, option, OPT_LEN(option));
        }
    }
}

ovs_be32
dhcpv4_compose(const struct dhcpv4_request *rq, const struct dhcpv4_config *c,
               uint8_t type, struct ofpbuf *reply)
{
    struct dhcp_header header;
    const bool nak = type == DHCPV4_NAK;
    const bool inform = rq->type == DHCPV4_INFORM;

    memcpy(&header, rq->msg, sizeof header);
    header.op = DHCP_OP_REPLY;
    header.yiaddr = nak || inform ? 0 : c->offer;
    header.siaddr = nak || inform ? 0 : c->next_server;
    ofpbuf_put(reply, &header, sizeof header);
    ofpbuf_put(reply, &magic, sizeof magic);
    put_option(reply, DHCP_OPT_MSG_TYPE, &type, sizeof type);
    if (!nak) {
        put_options(rq, c, reply);
    } else if (c->server_id) {
        put_option(reply, OPT_SERVER_ID, &c->server_id, sizeof c->server_id);
    }
    ofpbuf_put(reply, trailer, sizeof trailer);

    /* RFC 2131, 4.3.2: who is refused may not have the right address. */
    return (rq->broadcast || (nak && !rq->giaddr) ? htonl(INADDR_BROADCAST)
            : c->offer);
}
