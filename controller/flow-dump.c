/* SPDX-License-Identifier: Apache-2.0 */

/* A reply is a sequence of flows, each of which says how long it is.  So what
 * is the matter with one does not concern the others: they are decoded one by
 * one.  See flow-dump.h. */

#include <config.h>
#include "flow-dump.h"

#include <errno.h>
#include <stdio.h>

#include "flow-table.h"
#include "nx-match.h"
#include "openflow/openflow.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* Notes the flow at 'ofd', of 'len' bytes, of which no more is used than what
 * identifies it.  Returns false if not even that can be told. */
static bool
note_unknown(const struct ofp15_flow_desc *ofd, size_t len)
{
    struct ofpbuf b = ofpbuf_const_initializer(ofd + 1, len - sizeof *ofd);
    const struct ofp11_match_header *omh = ofpbuf_try_pull(&b, sizeof *omh);

    if (!omh || omh->type != htons(OFPMT_OXM)
        || ntohs(omh->length) < sizeof *omh
        || ntohs(omh->length) - sizeof *omh > b.size) {
        return false;
    }

    /* A match that can be decoded may be one that is desired. */
    size_t oxm_len = ntohs(omh->length) - sizeof *omh;
    struct match match;
    bool ok = !oxm_decode_match(b.data, oxm_len, false, NULL, NULL, &match);
    flow_table_dump_unknown(ofd->table_id, ntohs(ofd->priority),
                            ok ? &match : NULL, b.data, oxm_len);
    return true;
}

int
flow_dump_decode(const struct ofp_header *oh, size_t *n_unknown)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    uint64_t stub[1024 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    enum ofpraw raw;
    int error = ofpraw_pull(&raw, &b);

    if (!error && raw != OFPRAW_OFPST15_FLOW_REPLY) {
        error = EINVAL;
    }
    while (!error && b.size) {
        const struct ofp15_flow_desc *ofd = b.data;
        size_t len = b.size >= sizeof *ofd ? ntohs(ofd->length) : 0;
        struct ofputil_flow_stats fs;

        if (len < sizeof *ofd || len > b.size) {
            error = EINVAL;
            break;
        }

        struct ofpbuf one = b;
        one.size = len;
        if (!ofputil_decode_flow_stats_reply(&fs, &one, true, &ofpacts)) {
            flow_table_dump_flow(&fs);
        } else if (note_unknown(ofd, len)) {
            ++*n_unknown;
        } else {
            error = EINVAL;
        }
        ofpbuf_pull(&b, len);
    }
    ofpbuf_uninit(&ofpacts);
    return error ? error : EOF;
}
