/* SPDX-License-Identifier: Apache-2.0 */

/* Flows that cannot be decoded, as a switch of the future might have them: a
 * reply to a request for flows is put together here, given to flow-dump, and
 * what the flow table has to tell the switch then is printed.
 *
 *     ovstest test-flow-dump
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "flow-dump.h"
#include "flow-table.h"
#include "inc-proc-eng.h"
#include "inputs.h"
#include "module.h"
#include "openflow/openflow.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "ovstest.h"
#include "util.h"

/* Ethernet type IPv4, which is known, and a field of a class that is not. */
static const uint8_t known[] = { 0x80, 0x00, 0x0a, 0x02, 0x08, 0x00 };
static const uint8_t strange[] = { 0x77, 0x77, 0x00, 0x02, 0xbe, 0xef };

/* To apply an action of a vendor that there is not. */
static const uint8_t strange_action[] = {
    0x00, 0x04, 0x00, 0x18, 0, 0, 0, 0,
    0xff, 0xff, 0x00, 0x10, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 0, 0, 0, 0,
};

static void
put_flow(struct ofpbuf *b, uint16_t priority, const uint8_t match[6],
         const uint8_t *instructions, size_t len)
{
    const struct ofp11_match_header omh = {
        .type = htons(OFPMT_OXM), .length = htons(sizeof omh + 6),
    };
    const ovs_be16 no_stats[4] = { 0, htons(4), 0, 0 };
    size_t start = b->size;
    struct ofp15_flow_desc *ofd = ofpbuf_put_zeros(b, sizeof *ofd);

    ofd->table_id = 8;
    ofd->priority = htons(priority);
    ofpbuf_put(b, &omh, sizeof omh);
    ofpbuf_put(b, match, 6);
    ofpbuf_put_zeros(b, 6);     /* Padding. */
    ofpbuf_put(b, no_stats, sizeof no_stats);
    ofpbuf_put(b, instructions, len);
    ofd = ofpbuf_at_assert(b, start, sizeof *ofd);
    ofd->length = htons(b->size - start);
}

/* Says which flow 'msg' is about. */
static void
print_flow_mod(const struct ofpbuf *msg)
{
    const struct ofp11_flow_mod *fm = ofpbuf_at_assert(
        msg, sizeof(struct ofp_header), sizeof *fm);
    const uint8_t *oxm = ofpbuf_at_assert(
        msg, (sizeof(struct ofp_header) + sizeof *fm
              + sizeof(struct ofp11_match_header)), 6);

    printf("%s table %d priority %d match ",
           fm->command == OFPFC_DELETE_STRICT ? "delete" : "other command",
           fm->table_id, ntohs(fm->priority));
    for (int i = 0; i < 6; i++) {
        printf("%02x", oxm[i]);
    }
    printf("\n");
}

static int
compare_msgs(const void *a_, const void *b_)
{
    const struct ofpbuf *const *a = a_;
    const struct ofpbuf *const *b = b_;
    size_t ofs = sizeof(struct ofp_header);

    return memcmp((const char *) (*a)->data + ofs,
                  (const char *) (*b)->data + ofs,
                  MIN((*a)->size, (*b)->size) - ofs);
}

static void
print_changes(void)
{
    struct ovs_list msgs = OVS_LIST_INITIALIZER(&msgs);
    struct ofpbuf *sorted[8], *msg;
    size_t n = 0;

    flow_table_pop_changes(&msgs, ARRAY_SIZE(sorted));
    LIST_FOR_EACH_POP (msg, list_node, &msgs) {
        sorted[n++] = msg;
    }
    qsort(sorted, n, sizeof *sorted, compare_msgs);
    for (size_t i = 0; i < n; i++) {
        print_flow_mod(sorted[i]);
        ofpbuf_delete(sorted[i]);
    }
}

static int
decode(struct ofpbuf *reply, size_t *n_unknown)
{
    ofpmsg_update_length(reply);
    flow_table_dump_begin();
    int error = flow_dump_decode(reply->data, n_unknown);
    flow_table_dump_end();
    return error;
}

static void
test_flow_dump_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct inc_engine *engine = inc_engine_create(N_STAGES);
    struct ofpbuf *reply = ofpraw_alloc(OFPRAW_OFPST15_FLOW_REPLY,
                                        OFP15_VERSION, 0);
    size_t n_unknown = 0;

    inputs_module.init(engine);
    flow_table_module.init(engine);

    put_flow(reply, 1, known, NULL, 0);
    put_flow(reply, 2, known, strange_action, sizeof strange_action);
    put_flow(reply, 3, strange, NULL, 0);
    int error = decode(reply, &n_unknown);
    printf("%s, %"PRIuSIZE" unknown\n", error == EOF ? "ok" : "bad",
           n_unknown);
    print_changes();

    /* A flow that ends beyond the message. */
    size_t len = reply->size;
    put_flow(reply, 4, known, NULL, 0);
    ((struct ofp15_flow_desc *) ofpbuf_at_assert(
        reply, len, sizeof(struct ofp15_flow_desc)))->length = htons(4096);
    error = decode(reply, &n_unknown);
    printf("%s\n", error == EOF ? "ok" : "bad");

    ofpbuf_delete(reply);
    inc_engine_destroy(engine);
    flow_table_module.destroy();
    inputs_module.destroy();
}

OVSTEST_REGISTER("test-flow-dump", test_flow_dump_main);
