/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzer for BFD: packets of any bytes, and time that passes in between, for a
 * session.  Input is a list of packets, each behind two bytes: how much time
 * passes before it, and how long it is.
 *
 * Whatever comes, the session sends what may be sent, and neither too much of
 * it nor, as long as the neighbor wants packets, nothing ever again. */

#include <config.h>
#include "fuzz.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "bfd-session.h"
#include "util.h"

static const struct bfd_session_config config = {
    .disc = 0x01020304, .min_tx = 100000, .min_rx = 100000, .detect_mult = 3,
};

static void
check_packet(const struct bfd_packet *packet, const struct bfd_session *s)
{
    uint8_t payload[BFD_PACKET_SIZE];
    struct bfd_packet again;
    const char *why;

    ovs_assert(packet->state == s->state);
    ovs_assert(packet->my_disc == config.disc);
    ovs_assert(!(packet->poll && packet->final));
    /* Who is up has a neighbor. */
    ovs_assert(packet->your_disc || packet->state <= BFD_STATE_DOWN);
    bfd_packet_put(packet, payload);
    ovs_assert(bfd_packet_parse(payload, sizeof payload, &again, &why));
    ovs_assert(again.state == packet->state && again.poll == packet->poll
               && again.final == packet->final
               && again.min_tx == packet->min_tx);
}

static void
run(struct bfd_session *s, long long int now)
{
    struct bfd_packet packet;
    int n = 0;

    bfd_session_expire(s, now);
    while (bfd_session_transmit(s, now, &packet)) {
        check_packet(&packet, s);
        /* One, and an answer to a poll. */
        ovs_assert(++n <= 2);
    }
    ovs_assert(bfd_session_wake(s) > now);
    ovs_assert(s->state == BFD_STATE_ADMIN_DOWN || !s->remote_min_rx
               || s->remote_demand || s->next_tx < LLONG_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bfd_session s;
    long long int now = 1000;

    bfd_session_init(&s, &config, now);
    run(&s, now);
    while (size >= 2) {
        const size_t len = MIN(data[1], size - 2);
        struct bfd_packet packet;
        const char *why;

        now += data[0] * 16;
        run(&s, now);
        if (data[0] == 0xff) {
            bfd_session_set_admin_down(&s, len & 1, now);
        }
        /* A copy, so that the sanitizer sees what is read behind its end. */
        uint8_t *payload = xmemdup(&data[2], len);
        if (bfd_packet_parse(payload, len, &packet, &why)) {
            bfd_session_receive(&s, &packet, now);
            run(&s, now);
        } else {
            ovs_assert(why);
        }
        free(payload);
        data += 2 + len;
        size -= 2 + len;
    }
    return 0;
}
