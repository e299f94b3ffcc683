/* SPDX-License-Identifier: Apache-2.0 */

/* Bidirectional forwarding detection; see bfd-session.h.
 *
 * Two things decide when a packet is sent.  Periodic ones follow the interval
 * that both sides agree on, less some jitter; what changes a packet's content
 * has one sent at once.  A poll of the neighbor is answered besides, at most
 * every MIN_FINAL_INTERVAL, as it alone decides how many there are.
 *
 * What is announced may be ahead of what is done.  Somebody who announces that
 * he will send less often goes on until the other has confirmed that he has
 * heard it, and so does somebody who asks to be sent packets more often with
 * expecting them.  That is what the poll sequence is for. */

#include <config.h>
#include "bfd-session.h"

#include <limits.h>
#include <string.h>

#include "openvswitch/types.h"
#include "random.h"
#include "unaligned.h"
#include "util.h"

/* While a session is not up, in us: section 6.8.3. */
#define SLOW_MIN_TX 1000000

/* In ms. */
#define MIN_FINAL_INTERVAL 10

const char *
bfd_state_name(enum bfd_session_state state)
{
    static const char *const names[] = {
        [BFD_STATE_ADMIN_DOWN] = "admin_down",
        [BFD_STATE_DOWN] = "down",
        [BFD_STATE_INIT] = "init",
        [BFD_STATE_UP] = "up",
    };

    return names[state];
}

/* Packets. */

struct bfd_wire {
    uint8_t vers_diag;          /* 3 and 5 bits. */
    uint8_t flags;              /* State, 2 bits, and WIRE_*. */
    uint8_t detect_mult;
    uint8_t length;
    ovs_be32 my_disc, your_disc;
    ovs_be32 min_tx, min_rx, min_echo_rx;
};
BUILD_ASSERT_DECL(sizeof(struct bfd_wire) == BFD_PACKET_SIZE);

#define WIRE_VERSION (1 << 5)
#define WIRE_POLL 0x20
#define WIRE_FINAL 0x10
#define WIRE_AUTH 0x04
#define WIRE_DEMAND 0x02
#define WIRE_MULTIPOINT 0x01

static const char *
find_fault(const struct bfd_wire *w, size_t size)
{
    const enum bfd_session_state state = w->flags >> 6;

    return ((w->vers_diag & 0xe0) != WIRE_VERSION ? "unknown version"
            : w->length < sizeof *w ? "bad length"
            : w->length > size ? "truncated"
            : !w->detect_mult ? "detection multiplier of zero"
            : w->flags & WIRE_MULTIPOINT ? "multipoint"
            : !w->my_disc ? "discriminator of zero"
            : !w->your_disc && state > BFD_STATE_DOWN
            ? "state without a discriminator"
            : w->flags & WIRE_AUTH ? "authentication, but none is in use"
            : NULL);
}

bool
bfd_packet_parse(const void *payload, size_t size, struct bfd_packet *packet,
                 const char **whyp)
{
    struct bfd_wire w;

    if (size < sizeof w) {
        *whyp = "too short";
        return false;
    }
    memcpy(&w, payload, sizeof w);
    *whyp = find_fault(&w, size);
    if (*whyp) {
        return false;
    }
    *packet = (struct bfd_packet) {
        .diag = w.vers_diag & 0x1f,
        .state = w.flags >> 6,
        .poll = w.flags & WIRE_POLL,
        .final = w.flags & WIRE_FINAL,
        .demand = w.flags & WIRE_DEMAND,
        .detect_mult = w.detect_mult,
        .my_disc = ntohl(w.my_disc),
        .your_disc = ntohl(w.your_disc),
        .min_tx = ntohl(w.min_tx),
        .min_rx = ntohl(w.min_rx),
    };
    return true;
}

void
bfd_packet_put(const struct bfd_packet *packet,
               uint8_t payload[BFD_PACKET_SIZE])
{
    const struct bfd_wire w = {
        .vers_diag = WIRE_VERSION | packet->diag,
        .flags = (packet->state << 6
                  | (packet->poll ? WIRE_POLL : 0)
                  | (packet->final ? WIRE_FINAL : 0)
                  | (packet->demand ? WIRE_DEMAND : 0)),
        .detect_mult = packet->detect_mult,
        .length = sizeof w,
        .my_disc = htonl(packet->my_disc),
        .your_disc = htonl(packet->your_disc),
        .min_tx = htonl(packet->min_tx),
        .min_rx = htonl(packet->min_rx),
    };

    memcpy(payload, &w, sizeof w);
}

/* Intervals. */

static int
us_to_ms(uint64_t us)
{
    return MIN((us + 999) / 1000, INT_MAX);
}

/* What we announce as our minimum: bfd.DesiredMinTxInterval. */
static uint32_t
announced_min_tx(const struct bfd_session *s)
{
    return (s->state == BFD_STATE_UP ? s->config.min_tx
            : MAX(s->config.min_tx, SLOW_MIN_TX));
}

int
bfd_session_tx_interval(const struct bfd_session *s)
{
    return (s->remote_min_rx
            ? us_to_ms(MAX(s->used_min_tx, s->remote_min_rx)) : 0);
}

int
bfd_session_detection_time(const struct bfd_session *s)
{
    const uint64_t interval = MAX(s->used_min_rx, s->remote_min_tx);

    return us_to_ms(s->remote_mult * interval);
}

/* Less up to a quarter, by chance, and more than a tenth if a single packet
 * that is late could cost the session (section 6.8.7). */
static int
add_jitter(const struct bfd_session *s, int interval)
{
    const int least = s->config.detect_mult == 1 ? 10 : 0;

    return interval - ((int64_t) interval * (least + random_range(26 - least))
                       / 100);
}

/* When to send periodic packets, if at all (section 6.8.7). */
static bool
is_periodic(const struct bfd_session *s, long long int now)
{
    if (!s->remote_min_rx) {
        return false;
    }
    if (s->state == BFD_STATE_ADMIN_DOWN) {
        return s->remote_disc && now < s->expires;
    }
    return (s->polling || !s->remote_demand || s->state != BFD_STATE_UP
            || s->remote_state != BFD_STATE_UP);
}

/* The interval may have become shorter, or there may be one now. */
static void
reschedule(struct bfd_session *s, long long int now)
{
    if (!is_periodic(s, now)) {
        s->next_tx = LLONG_MAX;
    } else {
        const int interval = add_jitter(s, bfd_session_tx_interval(s));

        s->next_tx = MIN(s->next_tx, MAX(now, s->last_tx + interval));
    }
}

static void
transmit_soon(struct bfd_session *s, long long int now)
{
    if (is_periodic(s, now)) {
        s->next_tx = now;
    }
}

/* What we announce is, or has become, 'min_tx' and 'min_rx'. */
static void
announce(struct bfd_session *s, uint32_t old_min_tx, uint32_t old_min_rx,
         long long int now)
{
    const uint32_t min_tx = announced_min_tx(s);
    const uint32_t min_rx = s->config.min_rx;
    const bool is_up = s->state == BFD_STATE_UP;

    if (min_tx != old_min_tx || min_rx != old_min_rx) {
        s->polling = s->remote_disc && s->state != BFD_STATE_ADMIN_DOWN;
    }
    if (!is_up || !s->polling || min_tx < s->used_min_tx) {
        s->used_min_tx = min_tx;
    }
    if (!is_up || !s->polling || min_rx > s->used_min_rx) {
        s->used_min_rx = min_rx;
    }
    reschedule(s, now);
}

static void
poll_ends(struct bfd_session *s, long long int now)
{
    s->polling = false;
    announce(s, announced_min_tx(s), s->config.min_rx, now);
}

/* State. */

static void
forget_neighbor(struct bfd_session *s)
{
    s->remote_state = BFD_STATE_DOWN;
    s->remote_disc = 0;
    s->remote_min_tx = 0;
    s->remote_min_rx = 1;
    s->remote_mult = 0;
    s->remote_demand = false;
    s->polling = false;
    s->final_at = s->expires = LLONG_MAX;
}

static void
set_state(struct bfd_session *s, enum bfd_session_state state, uint8_t diag,
          long long int now)
{
    const uint32_t old_min_tx = announced_min_tx(s);

    s->state = state;
    s->diag = diag;
    announce(s, old_min_tx, s->config.min_rx, now);
    transmit_soon(s, now);
}

void
bfd_session_init(struct bfd_session *s,
                 const struct bfd_session_config *config, long long int now)
{
    *s = (struct bfd_session) {
        .config = *config,
        .state = BFD_STATE_DOWN,
        .last_tx = now,
        .next_tx = LLONG_MAX,
    };
    s->used_min_tx = announced_min_tx(s);
    s->used_min_rx = config->min_rx;
    forget_neighbor(s);
    transmit_soon(s, now);
}

void
bfd_session_configure(struct bfd_session *s,
                      const struct bfd_session_config *config,
                      long long int now)
{
    const uint32_t old_min_tx = announced_min_tx(s);
    const uint32_t old_min_rx = s->config.min_rx;
    const uint8_t old_mult = s->config.detect_mult;

    s->config = *config;
    announce(s, old_min_tx, old_min_rx, now);
    if (s->polling || config->detect_mult != old_mult) {
        transmit_soon(s, now);
    }
}

void
bfd_session_set_admin_down(struct bfd_session *s, bool admin_down,
                           long long int now)
{
    if (admin_down == (s->state == BFD_STATE_ADMIN_DOWN)) {
        return;
    }
    if (admin_down) {
        /* That is how long the neighbor may take: section 6.8.16. */
        s->expires = now + us_to_ms((uint64_t) s->config.detect_mult
                                    * MAX(s->used_min_tx, s->remote_min_rx));
        set_state(s, BFD_STATE_ADMIN_DOWN, BFD_DIAG_ADMIN_DOWN, now);
    } else {
        forget_neighbor(s);
        set_state(s, BFD_STATE_DOWN, BFD_DIAG_NONE, now);
    }
}

/* The end of section 6.8.6. */
static void
follow_neighbor(struct bfd_session *s, enum bfd_session_state remote,
                long long int now)
{
    if (remote == BFD_STATE_ADMIN_DOWN) {
        if (s->state != BFD_STATE_DOWN) {
            set_state(s, BFD_STATE_DOWN, BFD_DIAG_SIGNALED, now);
        }
        return;
    }
    switch (s->state) {
    case BFD_STATE_DOWN:
        if (remote == BFD_STATE_DOWN) {
            set_state(s, BFD_STATE_INIT, s->diag, now);
        } else if (remote == BFD_STATE_INIT) {
            set_state(s, BFD_STATE_UP, BFD_DIAG_NONE, now);
        }
        break;

    case BFD_STATE_INIT:
        if (remote >= BFD_STATE_INIT) {
            set_state(s, BFD_STATE_UP, BFD_DIAG_NONE, now);
        }
        break;

    case BFD_STATE_UP:
        if (remote == BFD_STATE_DOWN) {
            set_state(s, BFD_STATE_DOWN, BFD_DIAG_SIGNALED, now);
        }
        break;

    case BFD_STATE_ADMIN_DOWN:
        break;
    }
}

void
bfd_session_receive(struct bfd_session *s, const struct bfd_packet *packet,
                    long long int now)
{
    if (s->state == BFD_STATE_ADMIN_DOWN) {
        return;
    }
    s->remote_disc = packet->my_disc;
    s->remote_state = packet->state;
    s->remote_demand = packet->demand;
    s->remote_min_rx = packet->min_rx;
    s->remote_min_tx = packet->min_tx;
    s->remote_mult = packet->detect_mult;
    if (s->polling && packet->final) {
        poll_ends(s, now);
    }
    follow_neighbor(s, packet->state, now);
    reschedule(s, now);

    /* With a minimum of zero, we ask for none. */
    const int detection_time = bfd_session_detection_time(s);
    s->expires = (s->config.min_rx && detection_time ? now + detection_time
                  : LLONG_MAX);
    if (packet->poll) {
        s->final_at = MAX(now, s->last_final + MIN_FINAL_INTERVAL);
    }
}

/* A neighbor that is asked to be silent, by demand mode, is not missed; we
 * never ask for it. */
bool
bfd_session_expire(struct bfd_session *s, long long int now)
{
    if (now < s->expires) {
        return false;
    }
    const bool was_down = s->state <= BFD_STATE_DOWN;

    forget_neighbor(s);
    if (was_down) {
        reschedule(s, now);
        return false;
    }
    set_state(s, BFD_STATE_DOWN, BFD_DIAG_EXPIRED, now);
    return true;
}

bool
bfd_session_transmit(struct bfd_session *s, long long int now,
                     struct bfd_packet *packet)
{
    const bool final = now >= s->final_at;

    if (!final && now < s->next_tx) {
        return false;
    }
    *packet = (struct bfd_packet) {
        .diag = s->diag,
        .state = s->state,
        .poll = s->polling && !final,
        .final = final,
        .detect_mult = s->config.detect_mult,
        .my_disc = s->config.disc,
        .your_disc = s->remote_disc,
        .min_tx = announced_min_tx(s),
        .min_rx = s->config.min_rx,
    };
    if (final) {
        s->final_at = LLONG_MAX;
        s->last_final = now;
    } else {
        s->last_tx = now;
        s->next_tx = LLONG_MAX;
        reschedule(s, now);
    }
    return true;
}

long long int
bfd_session_wake(const struct bfd_session *s)
{
    return MIN(MIN(s->next_tx, s->final_at), s->expires);
}
