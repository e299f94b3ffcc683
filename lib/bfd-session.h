/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_BFD_SESSION_H
#define OVN_BFD_SESSION_H 1

/* Bidirectional forwarding detection: one session
 * ===============================================
 *
 * Asynchronous mode of RFC 5880: each side sends packets at the pace that the
 * other one can take, and holds the other for dead if none have come for a
 * while.  Here is what a session knows and decides; who owns it has the clock,
 * and carries the packets:
 *
 *     bfd_session_init(&s, &config, now);
 *
 *     if (bfd_packet_parse(payload, size, &packet, &why)) {
 *         bfd_session_receive(&s, &packet, now);
 *     }
 *     ...and when it is bfd_session_wake(&s):
 *     bfd_session_expire(&s, now);
 *     if (bfd_session_transmit(&s, now, &packet)) {
 *         bfd_packet_put(&packet, payload);
 *     }
 *
 * Names are those of RFC 5880, section 6.8.1.  Intervals are in microseconds,
 * as on the wire; times in milliseconds.
 *
 * Thread-safety: no global state. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As on the wire. */
enum bfd_session_state {
    BFD_STATE_ADMIN_DOWN,
    BFD_STATE_DOWN,
    BFD_STATE_INIT,
    BFD_STATE_UP,
};
/* As in southbound rows: "admin_down", "down", ... */
const char *bfd_state_name(enum bfd_session_state);

enum bfd_session_diag {
    BFD_DIAG_NONE = 0,
    BFD_DIAG_EXPIRED = 1,       /* Control detection time expired. */
    BFD_DIAG_SIGNALED = 3,      /* Neighbor signaled session down. */
    BFD_DIAG_ADMIN_DOWN = 7,
};

/* A control packet without authentication. */
#define BFD_PACKET_SIZE 24
struct bfd_packet {
    uint8_t diag;
    enum bfd_session_state state;
    bool poll, final, demand;
    uint8_t detect_mult;
    uint32_t my_disc, your_disc;
    uint32_t min_tx, min_rx;
};

/* Returns false, and why in '*whyp', if the 'size' bytes are not a packet that
 * a session without authentication may look at (section 6.8.6). */
bool bfd_packet_parse(const void *payload, size_t size, struct bfd_packet *,
                      const char **whyp);
void bfd_packet_put(const struct bfd_packet *,
                    uint8_t payload[BFD_PACKET_SIZE]);

struct bfd_session_config {
    uint32_t disc;              /* Nonzero. */
    uint32_t min_tx;            /* Nonzero. */
    uint32_t min_rx;
    uint8_t detect_mult;        /* Nonzero. */
};

struct bfd_session {
    struct bfd_session_config config;
    enum bfd_session_state state, remote_state;
    uint8_t diag;
    uint32_t remote_disc;       /* 0 if not known. */
    uint32_t remote_min_tx, remote_min_rx;
    uint8_t remote_mult;
    bool remote_demand;

    bool polling;
    uint32_t used_min_tx;       /* Behind 'config' and 'state' until a poll */
    uint32_t used_min_rx;       /* has been answered (section 6.8.3). */

    long long int last_tx, next_tx; /* LLONG_MAX: none. */
    long long int last_final, final_at; /* LLONG_MAX: no poll to answer. */
    long long int expires;      /* LLONG_MAX: nothing has come. */
};

void bfd_session_init(struct bfd_session *, const struct bfd_session_config *,
                      long long int now);
/* 'config->disc' must be the same. */
void bfd_session_configure(struct bfd_session *,
                           const struct bfd_session_config *,
                           long long int now);
/* An operator wants it down, or no longer.  A neighbor that is known is told
 * for as long as it takes to be noticed. */
void bfd_session_set_admin_down(struct bfd_session *, bool admin_down,
                                long long int now);

void bfd_session_receive(struct bfd_session *, const struct bfd_packet *,
                         long long int now);
/* Returns true if the neighbor has been silent for too long. */
bool bfd_session_expire(struct bfd_session *, long long int now);
/* Returns true if '*packet' is to be sent now. */
bool bfd_session_transmit(struct bfd_session *, long long int now,
                          struct bfd_packet *packet);
/* When one of the last two is due, LLONG_MAX for never. */
long long int bfd_session_wake(const struct bfd_session *);

/* In ms: how often packets are sent, without jitter, 0 for not at all; after
 * how long a silence the neighbor is down, 0 if nothing is known of it. */
int bfd_session_tx_interval(const struct bfd_session *);
int bfd_session_detection_time(const struct bfd_session *);

#endif /* lib/bfd-session.h */
