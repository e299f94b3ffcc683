/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_XID_QUEUE_H
#define CONTROLLER_XID_QUEUE_H 1

/* Messages in flight
 * ==================
 *
 * A queue of (transaction id, item), in the order in which the messages were
 * sent, which is that of their ids.  It exists to find out what an error
 * message from the switch is about, and what a barrier reply has settled.
 *
 * Thread-safety: none. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "util.h"

struct xid_queue_node {
    uint32_t xid;
    void *item;
};
struct xid_queue {
    struct xid_queue_node *nodes;
    size_t head, tail, allocated;
};

static inline bool
xid_queue_is_empty(const struct xid_queue *q)
{
    return q->head == q->tail;
}

/* Frees the queue, which can be used again, but not the items. */
static inline void
xid_queue_clear(struct xid_queue *q)
{
    free(q->nodes);
    memset(q, 0, sizeof *q);
}

static inline void
xid_queue_push(struct xid_queue *q, uint32_t xid, void *item)
{
    if (q->tail >= q->allocated && q->head > q->tail / 2) {
        q->tail -= q->head;
        memmove(q->nodes, &q->nodes[q->head], q->tail * sizeof *q->nodes);
        q->head = 0;
    }
    if (q->tail >= q->allocated) {
        q->nodes = x2nrealloc(q->nodes, &q->allocated, sizeof *q->nodes);
    }
    q->nodes[q->tail++] = (struct xid_queue_node) { xid, item };
}

/* Takes the oldest item out; the queue must not be empty. */
static inline void *
xid_queue_pop(struct xid_queue *q)
{
    void *item = q->nodes[q->head++].item;

    if (q->head == q->tail) {
        xid_queue_clear(q);
    }
    return item;
}

/* Whether the oldest message was sent no later than 'xid' was. */
static inline bool
xid_queue_is_settled(const struct xid_queue *q, uint32_t xid)
{
    return (!xid_queue_is_empty(q)
            && (int32_t) (q->nodes[q->head].xid - xid) <= 0);
}

/* Returns the item of message 'xid', or NULL if it is not in the queue. */
static inline void *
xid_queue_find(const struct xid_queue *q, uint32_t xid)
{
    size_t lo = q->head, hi = q->tail;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if ((int32_t) (q->nodes[mid].xid - xid) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < q->tail && q->nodes[lo].xid == xid ? q->nodes[lo].item : NULL;
}

#endif /* controller/xid-queue.h */
