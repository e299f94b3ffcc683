/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzer for answers to health checks: a frame of any bytes.  What is taken
 * for an answer must be one to a probe that was made of it. */

#include <config.h>
#include "fuzz.h"

#include <stdlib.h>

#include "dp-packet.h"
#include "flow.h"
#include "packets.h"
#include "svc-probe.h"
#include "util.h"

static void
check_answer(const struct svc_answer *a)
{
    const struct svc_target target = {
        .ip_src = a->ip_src, .ip_dst = a->ip_dst,
        .protocol = a->protocol, .port = a->port,
    };
    const struct svc_probe probe = { a->src_port, a->seq };
    const struct svc_probe other = { a->src_port + 1, a->seq };
    struct dp_packet packet;

    ovs_assert(svc_answer_is_to(a, &target, &probe));
    ovs_assert(!svc_answer_is_to(a, &target, &other));
    if (IN6_IS_ADDR_V4MAPPED(&a->ip_src)
        != IN6_IS_ADDR_V4MAPPED(&a->ip_dst)) {
        return;
    }
    svc_probe_compose(&target, &probe, &packet);
    dp_packet_uninit(&packet);
    if (a->protocol == SVC_TCP && a->kind == SVC_ANSWER_WORKS) {
        svc_answer_compose_reset(&target, &probe, a, &packet);
        dp_packet_uninit(&packet);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct svc_answer answer;
    struct dp_packet packet;
    struct flow headers;
    const char *why;

    /* The switch does not hand over less. */
    if (size < ETH_HEADER_LEN) {
        return 0;
    }
    /* A copy, so that the sanitizer sees what is read behind its end. */
    uint8_t *frame = xmemdup(data, size);
    dp_packet_use_const(&packet, frame, size);
    flow_extract(&packet, &headers);
    if (!svc_answer_parse(&packet, &headers, &answer, &why)) {
        ovs_assert(why);
    } else if (answer.kind != SVC_ANSWER_OTHER) {
        check_answer(&answer);
    }
    free(frame);
    return 0;
}
