/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_SVC_PROBE_H
#define OVN_SVC_PROBE_H 1

/* Does a service work?
 * ====================
 *
 * For Service_Monitor of ovn-sb(5): packets that find out, what comes back,
 * and what to make of it when it has happened several times in a row.
 *
 *     TCP     a SYN: works if a SYN with ACK comes back, which a reset answers
 *     UDP     eight zero bytes: works unless an ICMP error comes back
 *     ICMP    an echo request: works if an echo reply comes back
 *
 * Each probe is a conversation of its own, with a port (or identifier) and a
 * sequence number that are chosen by chance, so that what comes back late is
 * not taken for the answer to the next one.
 *
 * Thread-safety: no global state. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct dp_packet;
struct flow;

enum svc_protocol { SVC_TCP, SVC_UDP, SVC_ICMP };
bool svc_protocol_from_name(const char *, enum svc_protocol *);
const char *svc_protocol_name(enum svc_protocol);

/* What is probed. */
struct svc_target {
    struct eth_addr eth_src, eth_dst;
    struct in6_addr ip_src, ip_dst; /* IPv4 as IPv4-mapped. */
    enum svc_protocol protocol;
    uint16_t port;              /* Not for ICMP. */
};

/* What tells one probe from another, in host byte order. */
struct svc_probe {
    uint16_t src_port;          /* Or identifier. */
    uint32_t seq;               /* 16 bits of it for ICMP, none for UDP. */
};
struct svc_probe svc_probe_choose(void);
/* Initializes 'packet'. */
void svc_probe_compose(const struct svc_target *, const struct svc_probe *,
                       struct dp_packet *packet);

/* What has come. */
enum svc_answer_kind {
    SVC_ANSWER_OTHER,           /* Says nothing about a service. */
    SVC_ANSWER_WORKS,
    SVC_ANSWER_FAILS,           /* A reset, or an ICMP error. */
    SVC_ANSWER_PROBE,           /* An echo request that has come through. */
};
struct svc_answer {
    enum svc_answer_kind kind;
    enum svc_protocol protocol; /* Of the probe. */
    struct in6_addr ip_src, ip_dst; /* Of the probe. */
    uint16_t src_port, port;    /* Of the probe. */
    bool has_seq;
    uint32_t seq;               /* Of the probe. */
    uint32_t their_seq;         /* Of a SYN with ACK. */
};
/* Returns false if 'packet', which has 'headers', makes no sense, and why in
 * '*whyp'. */
bool svc_answer_parse(const struct dp_packet *packet,
                      const struct flow *headers, struct svc_answer *,
                      const char **whyp);
bool svc_answer_is_to(const struct svc_answer *, const struct svc_target *,
                      const struct svc_probe *);
/* Initializes 'packet': what ends the connection that a SYN with ACK has half
 * opened. */
void svc_answer_compose_reset(const struct svc_target *,
                              const struct svc_probe *,
                              const struct svc_answer *,
                              struct dp_packet *packet);

/* When to probe, and what follows. */
struct svc_schedule_config {
    int interval, timeout;      /* In ms. */
    int success_count, failure_count; /* In a row. */
};
enum svc_status { SVC_UNKNOWN, SVC_ONLINE, SVC_OFFLINE };
struct svc_schedule {
    struct svc_schedule_config config;
    bool is_waiting;            /* For an answer. */
    long long int at;           /* Then the time is up, or there is a probe. */
    int n_successes, n_failures; /* In a row: one of them is zero. */
    enum svc_status status;
};

/* The first probe is due at 'at', in ms. */
void svc_schedule_init(struct svc_schedule *,
                       const struct svc_schedule_config *, long long int at);
/* Returns true if a probe is to be sent now, which begins to wait. */
bool svc_schedule_begin(struct svc_schedule *, long long int now);
/* Returns true if time is up for a probe. */
bool svc_schedule_is_up(const struct svc_schedule *, long long int now);
/* What is waited for has come out so. */
void svc_schedule_end(struct svc_schedule *, bool success, long long int now);

#endif /* lib/svc-probe.h */
