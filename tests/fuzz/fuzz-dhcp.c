/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzer for DHCP and DHCPv6 requests: any bytes, the first of which says how
 * many of the others are the action's userdata and not the request.  A reply
 * is no longer than what it is made of. */

#include <config.h>
#include "fuzz.h"

#include <stdlib.h>

#include "dhcpv4.h"
#include "dhcpv6.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

static void
check_dhcpv4(const uint8_t *config, size_t config_size, const uint8_t *msg,
             size_t size, struct ofpbuf *reply)
{
    struct dhcpv4_config c;
    struct dhcpv4_request rq;

    if (dhcpv4_config_parse(config, config_size, &c)
        || dhcpv4_parse(msg, size, &rq)) {
        return;
    }
    const uint8_t type = dhcpv4_reply_type(&rq, &c);
    if (type) {
        dhcpv4_compose(&rq, &c, type, reply);
        ovs_assert(reply->size <= 240 + 3 + config_size + 6 + 9);
    }
}

static void
check_dhcpv6(const uint8_t *config, size_t config_size, const uint8_t *msg,
             size_t size, struct ofpbuf *reply)
{
    struct dhcpv6_request rq;

    if (!dhcpv6_parse(msg, size, &rq)
        && !dhcpv6_answer(&rq, config, config_size, reply)
        && reply->size) {
        ovs_assert(reply->size <= 4 + size + 24 * config_size + 64);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ofpbuf reply;

    if (!size) {
        return 0;
    }
    const size_t config_size = MIN(data[0], size - 1);
    /* Copies, so that the sanitizer sees what is read behind their ends. */
    uint8_t *config = xmemdup(&data[1], config_size);
    uint8_t *msg = xmemdup(&data[1 + config_size], size - 1 - config_size);

    ofpbuf_init(&reply, 0);
    check_dhcpv4(config, config_size, msg, size - 1 - config_size, &reply);
    ofpbuf_clear(&reply);
    check_dhcpv6(config, config_size, msg, size - 1 - config_size, &reply);
    ofpbuf_uninit(&reply);
    free(msg);
    free(config);
    return 0;
}
