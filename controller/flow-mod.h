/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_FLOW_MOD_H
#define CONTROLLER_FLOW_MOD_H 1

/* The message that changes flows
 * ==============================
 *
 * An OpenFlow 1.5 OFPT_FLOW_MOD whose match and instructions are at hand as
 * wire bytes, which is how the flow table keeps them: nothing is decoded for
 * it and encoded again.
 *
 * Thread-safety: no global state. */

#include <stddef.h>
#include <stdint.h>
#include "openvswitch/types.h"

struct ofpbuf;

struct flow_mod {
    uint8_t command;            /* OFPFC_*. */
    uint8_t table_id;
    uint16_t priority;
    ovs_be64 cookie;
    ovs_be64 cookie_mask;       /* For those that delete. */
    const void *oxm;            /* The match: OXM fields, without padding. */
    size_t oxm_len;
    const void *instructions;   /* May be NULL if there are none. */
    size_t instructions_len;
};

/* Returns the message, which is the caller's. */
struct ofpbuf *flow_mod_encode(const struct flow_mod *);

#endif /* controller/flow-mod.h */
