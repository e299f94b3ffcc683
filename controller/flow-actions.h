/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_FLOW_ACTIONS_H
#define CONTROLLER_FLOW_ACTIONS_H 1

/* Interned actions of OpenFlow flows
 * ==================================
 *
 * Most of 200,000 flows share a few thousand lists of actions.  Each list is
 * kept once, as the OpenFlow 1.5 instructions that go on the wire, so that two
 * flows have the same actions if and only if they have the same pointer, and
 * making a message takes no encoding.
 *
 * An owner's clauses of a conjunctive flow are interned, too, but as an array
 * of "struct flow_clause", because they are merged before they are encoded.
 *
 * Thread-safety: main thread only. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/hmap.h"

struct flow_clause;
struct ofpact;

struct flow_actions {
    struct hmap_node hmap_node;
    uint32_t n_refs;
    uint32_t len;               /* Bytes in 'data'. */
    bool clauses;               /* 'data' is an array of flow_clauses. */
    bool teaches;               /* There is a learn() among them. */
    uint64_t data[];            /* Aligned for what it may hold. */
};

/* Longer lists do not fit into an OpenFlow message. */
#define FLOW_ACTIONS_MAX_LEN (60 * 1024)

/* Each returns a reference that the caller must release; NULL if the actions
 * are too long. */
struct flow_actions *flow_actions_intern(const struct ofpact *, size_t len);
struct flow_actions *flow_actions_intern_clauses(const struct flow_clause *,
                                                 size_t n);
/* Encodes the clauses (not their union with anything else). */
struct flow_actions *flow_actions_from_clauses(const struct flow_clause *,
                                               size_t n);

struct flow_actions *flow_actions_ref(const struct flow_actions *);
void flow_actions_unref(struct flow_actions *);

/* A total order on contents. */
int flow_actions_compare(const struct flow_actions *,
                         const struct flow_actions *);
const struct flow_clause *flow_actions_clauses(const struct flow_actions *,
                                               size_t *n);
/* Sorts 'clauses' and drops duplicates.  Returns how many are left. */
size_t flow_clauses_normalize(struct flow_clause *, size_t n);

/* Bytes of memory in use. */
size_t flow_actions_memory(void);

#endif /* controller/flow-actions.h */
