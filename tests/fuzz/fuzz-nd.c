/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzer for what routers read: router solicitations, answers of DHCPv6
 * servers about delegated prefixes, and the texts of options that router
 * advertisements are made of.  The first byte says which. */

#include <config.h>
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "dhcpv6-pd.h"
#include "nd-ra.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"

/* Seeds are for this client. */
static const struct eth_addr mac = ETH_ADDR_C(02, 00, 00, 00, ff, 01);
#define IAID 0x1000001

static void
check_solicitation(const uint8_t *msg, size_t size, bool from_nobody)
{
    const struct in6_addr src = from_nobody ? in6addr_any : in6addr_loopback;

    if (!nd_rs_check(msg, size, &src)) {
        ovs_assert(size >= 8 && !(size % 8));
    }
}

/* A lease reads the same when it is written and read again. */
static void
check_lease(const struct pd_lease *lease)
{
    const struct pd_prefix *p = &lease->prefix;
    struct ds s = DS_EMPTY_INITIALIZER;
    struct pd_prefix again;
    uint32_t iaid;

    ovs_assert(p->length > 0 && p->length <= 128);
    ovs_assert(lease->preferred <= lease->valid);
    pd_prefix_format(IAID, p, &s);
    ovs_assert(pd_prefix_from_string(ds_cstr(&s), &iaid, &again));
    ovs_assert(iaid == IAID && again.length == p->length
               && ipv6_addr_equals(&again.prefix, &p->prefix));
    ds_destroy(&s);
}

static void
check_answer(const uint8_t *msg, size_t size)
{
    struct pd_answer answer;

    if (pd_parse(msg, size, mac, IAID, &answer)) {
        return;
    }
    ovs_assert(answer.server_id.value >= msg
               && answer.server_id.value + answer.server_id.len
                  <= msg + size
               && answer.server_id.len <= DHCPV6_MAX_DUID);
    ovs_assert(answer.n_leases <= PD_MAX_LEASES);
    ovs_assert(!answer.n_leases || answer.has_ia);
    for (size_t i = 0; i < answer.n_leases; i++) {
        check_lease(&answer.leases[i]);
    }

    /* What is asked next has the server's identifier in it. */
    const struct pd_request rq = {
        .type = DHCPV6_REQUEST, .xid = answer.xid, .iaid = IAID, .mac = mac,
        .server_id = answer.server_id,
        .prefix = answer.n_leases ? answer.leases[0].prefix
                  : (struct pd_prefix) { .length = 0 },
    };
    struct ofpbuf request;
    ofpbuf_init(&request, 0);
    pd_compose(&rq, &request);
    ovs_assert(request.size == 4 + 14 + 4 + answer.server_id.len + 6 + 6 + 16
                               + (answer.n_leases ? 29 : 0));
    ofpbuf_uninit(&request);
}

static void
check_texts(const uint8_t *data, size_t size)
{
    char *s = fuzz_string(data, size);
    struct pd_prefix prefix;
    struct ofpbuf ra;
    uint32_t iaid;

    ofpbuf_init(&ra, 0);
    nd_ra_put_routes(&ra, s);
    if (nd_ra_dnssl_ok(s)) {
        nd_ra_put_dnssl(&ra, s);
    }
    /* Options are whole, and one behind the other. */
    for (size_t at = 0; at < ra.size; ) {
        const uint8_t *option = ofpbuf_at_assert(&ra, at, 8);

        ovs_assert(option[1] && at + option[1] * 8 <= ra.size);
        at += option[1] * 8;
    }
    ofpbuf_uninit(&ra);
    if (pd_prefix_from_string(s, &iaid, &prefix)) {
        ovs_assert(prefix.length > 0 && prefix.length <= 128);
    }
    free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) {
        return 0;
    }
    /* A copy, so that the sanitizer sees what is read behind its end. */
    uint8_t *msg = xmemdup(&data[1], size - 1);

    switch (data[0] & 3) {
    case 0: check_solicitation(msg, size - 1, data[0] & 4); break;
    case 1: case 2: check_answer(msg, size - 1); break;
    case 3: check_texts(msg, size - 1); break;
    }
    free(msg);
    return 0;
}
