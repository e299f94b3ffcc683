/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_WIRE_H
#define OVN_WIRE_H 1

/* Bytes of messages
 * =================
 *
 * Reading a message whose lengths somebody else has written, and numbers as
 * they are in messages: big-endian, at any address.
 *
 *     struct wire_reader r = { .data = msg, .size = size };
 *     const uint8_t *header = wire_take(&r, 4);
 *     if (header) {
 *         n = wire_u16(&header[2]);
 *         ...
 *
 * Only wire_take() moves a reader, so that no reader leaves its message.
 *
 * Thread-safety: functions of their arguments. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/ofpbuf.h"

struct wire_reader {
    const uint8_t *data;
    size_t size;
    size_t at;                  /* What is in front of it has been read. */
    bool is_short;              /* More was to be read than there is. */
};

static inline size_t
wire_left(const struct wire_reader *r)
{
    return r->size - r->at;
}

/* Reads 'n' bytes.  If there are not as many, returns NULL, reads none, and
 * notes that in r->is_short. */
static inline const uint8_t *
wire_take(struct wire_reader *r, size_t n)
{
    const uint8_t *p = &r->data[r->at];

    if (n > wire_left(r)) {
        r->is_short = true;
        return NULL;
    }
    r->at += n;
    return p;
}

static inline uint16_t
wire_u16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

static inline bool
wire_take_u16(struct wire_reader *r, uint16_t *value)
{
    const uint8_t *p = wire_take(r, 2);

    if (p) {
        *value = wire_u16(p);
    }
    return p != NULL;
}

/* Writes 'value' over what 'msg' has at 'offset'. */
static inline void
wire_set_u16(struct ofpbuf *msg, size_t offset, uint16_t value)
{
    uint8_t *p = ofpbuf_at_assert(msg, offset, 2);

    p[0] = value >> 8;
    p[1] = value & 0xff;
}

/* Appends 'value'. */
static inline void
wire_put_u16(struct ofpbuf *msg, uint16_t value)
{
    ofpbuf_put_uninit(msg, 2);
    wire_set_u16(msg, msg->size - 2, value);
}

#endif /* lib/wire.h */
