/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzer for DNS requests: any bytes.  What is answered must be a message that
 * is no longer than the sender takes, has the question, and the records that
 * it says it has. */

#include <config.h>
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "dns.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "smap.h"
#include "util.h"
#include "wire.h"

static struct dns_zone *
make_zone(bool owned)
{
    struct smap records = SMAP_INITIALIZER(&records);
    struct ds many = DS_EMPTY_INITIALIZER;
    struct ds errors = DS_EMPTY_INITIALIZER;

    for (int i = 0; i < 60; i++) {
        ds_put_format(&many, "10.0.0.%d fd00::%d,", i, i);
    }
    smap_add(&records, "a", "10.0.0.1");
    smap_add(&records, "b.c", "fd00::1 nonsense");
    smap_add(&records, "d", ds_cstr(&many));
    smap_add(&records, "1.in-addr.arpa", "a.b x..y c");
    struct dns_zone *zone = dns_zone_create(&records, owned, &errors);
    ds_destroy(&errors);
    ds_destroy(&many);
    smap_destroy(&records);
    return zone;
}

/* Walks over the records of 'reply', whose names are the question's, or a
 * pointer to it, or empty. */
static void
check_reply(const struct ofpbuf *reply, const struct dns_question *q)
{
    const uint8_t *data = reply->data;
    size_t at = q->question_end;

    ovs_assert(reply->size >= at && reply->size <= q->max_size);
    ovs_assert(data[2] & 0x80);
    for (int n = wire_u16(&data[6]) + wire_u16(&data[10]); n > 0; n--) {
        at += data[at] == 0xc0 ? 2 : data[at] ? q->name_size : 1;
        ovs_assert(at + 10 <= reply->size);
        at += 10 + wire_u16(&data[at + 8]);
    }
    ovs_assert(at == reply->size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dns_zone *zones[2];
    struct dns_question q;
    struct ofpbuf reply;
    const char *why;

    for (int i = 0; i < 2; i++) {
        zones[i] = zones[i] ? zones[i] : make_zone(i);
    }
    /* A copy, so that the sanitizer sees what is read behind its end. */
    uint8_t *msg = xmemdup(data, size);
    ofpbuf_init(&reply, 0);
    if (dns_parse(msg, size, &q, &why) == DNS_QUESTION) {
        for (int i = 0; i < 2; i++) {
            if (dns_zone_answer(zones[i], &q, &reply) != DNS_UNKNOWN) {
                check_reply(&reply, &q);
            }
            ofpbuf_clear(&reply);
        }
    }
    ofpbuf_uninit(&reply);
    free(msg);
    return 0;
}
