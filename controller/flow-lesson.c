/* SPDX-License-Identifier: Apache-2.0 */

/* What flows have taught the switch; see flow-lesson.h. */

#include <config.h>
#include "flow-lesson.h"

#include "coverage.h"
#include "flow-actions.h"
#include "flow-mod.h"
#include "hash.h"
#include "nx-match.h"
#include "openflow/openflow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/match.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-match.h"
#include "openvswitch/ofp-print.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "xid-queue.h"

VLOG_DEFINE_THIS_MODULE(flow_lesson);

COVERAGE_DEFINE(ofctrl_flow_forget);

/* A lesson that is to be forgotten. */
struct lesson {
    struct hmap_node node;      /* In 'lessons', by 'bytes'. */
    bool in_flight;             /* The switch has been told... */
    bool refused;               /* ...but does not want to know. */

    uint8_t table_id;
    ovs_be64 cookie;
    uint16_t match_len;         /* Of the OXM fields at the start of... */
    size_t len;
    uint8_t bytes[];            /* ...these: the match and the action. */
};

static struct hmap lessons = HMAP_INITIALIZER(&lessons);
static struct xid_queue in_flight; /* Of struct lesson. */
static size_t n_in_flight;

/* What a learn() action of a flow teaches. */

/* ANDs into 'learned' what 'spec' makes flows match on, as far as it follows
 * from the 'match' of the flow that has the action. */
static void
learn_match(const struct ofpact_learn_spec *spec, const struct match *match,
            struct match *learned)
{
    union mf_subvalue value, mask;
    unsigned int n = spec->n_bits;

    memset(&value, 0, sizeof value);
    memset(&mask, 0, sizeof mask);
    if (spec->src_type == NX_LEARN_SRC_IMMEDIATE) {
        unsigned int n_bytes = DIV_ROUND_UP(n, 8);

        memcpy(&value.u8[sizeof value - n_bytes],
               ofpact_learn_spec_imm(spec), n_bytes);
        bitwise_one(&mask, sizeof mask, 0, n);
    } else {
        union mf_value src_value, src_mask;
        const struct mf_field *src = spec->src.field;

        mf_get(src, match, &src_value, &src_mask);
        bitwise_copy(&src_value, src->n_bytes, spec->src.ofs,
                     &value, sizeof value, 0, n);
        bitwise_copy(&src_mask, src->n_bytes, spec->src.ofs,
                     &mask, sizeof mask, 0, n);
    }

    union mf_subvalue dst_value, dst_mask;
    memset(&dst_value, 0, sizeof dst_value);
    memset(&dst_mask, 0, sizeof dst_mask);
    bitwise_copy(&value, sizeof value, 0,
                 &dst_value, sizeof dst_value, spec->dst.ofs, n);
    bitwise_copy(&mask, sizeof mask, 0,
                 &dst_mask, sizeof dst_mask, spec->dst.ofs, n);
    mf_mask_subfield(spec->dst.field, &dst_value, &dst_mask, learned);
}

/* Returns the lesson that 'learn' is in a flow with 'match'. */
static struct lesson *
lesson_create(const struct ofpact_learn *learn, const struct match *match)
{
    struct match learned = MATCH_CATCHALL_INITIALIZER;
    const struct ofpact_learn_spec *spec;
    uint64_t stub[512 / 8];
    struct ofpbuf b = OFPBUF_STUB_INITIALIZER(stub);

    OFPACT_LEARN_SPEC_FOR_EACH (spec, learn) {
        if (spec->dst_type == NX_LEARN_DST_MATCH) {
            learn_match(spec, match, &learned);
        }
    }

    enum { HEADER_LEN = sizeof(struct ofp11_match_header) };
    uint16_t match_len = oxm_put_match(&b, &learned,
                                       OFP15_VERSION) - HEADER_LEN;
    b.size = HEADER_LEN + match_len; /* Less padding. */
    ofpbuf_pull(&b, HEADER_LEN);
    ofpacts_put_openflow_actions(&learn->ofpact,
                                 OFPACT_ALIGN(learn->ofpact.len), &b,
                                 OFP15_VERSION);

    struct lesson *lesson = xmalloc(sizeof *lesson + b.size);
    *lesson = (struct lesson) {
        .table_id = learn->table_id,
        .cookie = learn->cookie,
        .match_len = match_len,
        .len = b.size,
    };
    memcpy(lesson->bytes, b.data, b.size);
    ofpbuf_uninit(&b);
    return lesson;
}

/* Calls 'cb' with each lesson, which it is given, that 'teacher' would teach
 * with 'actions'. */
static void
for_each_lesson(const struct flow_teacher *teacher,
                const struct flow_actions *actions,
                void (*cb)(struct lesson *))
{
    uint64_t stub[1024 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofpbuf b = ofpbuf_const_initializer(actions->data, actions->len);
    const struct ofpact_learn *learn;
    struct match match;

    if (!oxm_decode_match(teacher->oxm, teacher->oxm_len, true, NULL, NULL,
                          &match)
        && !ofpacts_pull_openflow_instructions(&b, b.size, OFP15_VERSION,
                                               NULL, NULL, &ofpacts)) {
        OFPACT_FOR_EACH_TYPE_FLATTENED (learn, LEARN, ofpacts.data,
                                        ofpacts.size) {
            if (learn->flags & NX_LEARN_F_DELETE_LEARNED) {
                cb(lesson_create(learn, &match));
            }
        }
    }
    ofpbuf_uninit(&ofpacts);
}

/* What is to be forgotten. */

static uint32_t
lesson_hash(const struct lesson *lesson)
{
    return hash_bytes(lesson->bytes, lesson->len, lesson->match_len);
}

static struct lesson *
lesson_find(const struct lesson *like)
{
    struct lesson *lesson;

    HMAP_FOR_EACH_WITH_HASH (lesson, node, lesson_hash(like), &lessons) {
        if (!lesson->in_flight && lesson->match_len == like->match_len
            && lesson->len == like->len
            && !memcmp(lesson->bytes, like->bytes, like->len)) {
            return lesson;
        }
    }
    return NULL;
}

static void
lesson_destroy(struct lesson *lesson)
{
    hmap_remove(&lessons, &lesson->node);
    free(lesson);
}

static void
lesson_end(struct lesson *lesson)
{
    if (lesson_find(lesson)) {
        free(lesson);
    } else {
        hmap_insert(&lessons, &lesson->node, lesson_hash(lesson));
    }
}

static void
lesson_keep(struct lesson *like)
{
    struct lesson *lesson = lesson_find(like);

    if (lesson) {
        lesson_destroy(lesson);
    }
    free(like);
}

void
flow_lessons_end(const struct flow_teacher *teacher,
                 const struct flow_actions *actions)
{
    if (teacher->actions->teaches) {
        for_each_lesson(teacher, teacher->actions, lesson_end);
        if (actions && actions->teaches) {
            for_each_lesson(teacher, actions, lesson_keep);
        }
    }
}

void
flow_lessons_keep(const struct flow_teacher *teacher)
{
    if (teacher->actions->teaches && flow_lessons_pending()) {
        for_each_lesson(teacher, teacher->actions, lesson_keep);
    }
}

/* Messages. */

bool
flow_lessons_pending(void)
{
    return hmap_count(&lessons) > n_in_flight;
}

/* The message that deletes all flows with the lesson's cookie that fit its
 * match. */
static struct ofpbuf *
encode_forget(const struct lesson *lesson)
{
    const struct flow_mod fm = {
        .command = OFPFC_DELETE,
        .table_id = lesson->table_id,
        .cookie = lesson->cookie,
        .cookie_mask = OVS_BE64_MAX,
        .oxm = lesson->bytes,
        .oxm_len = lesson->match_len,
    };

    return flow_mod_encode(&fm);
}

static void
log_forget(const struct lesson *lesson)
{
    struct match match;

    if (VLOG_IS_DBG_ENABLED()
        && !oxm_decode_match(lesson->bytes, lesson->match_len, true, NULL,
                             NULL, &match)) {
        struct ds s = DS_EMPTY_INITIALIZER;

        match_format(&match, NULL, &s, OFP_DEFAULT_PRIORITY);
        VLOG_DBG("forget what was learned: cookie=%#"PRIx64",table=%d,%s",
                 ntohll(lesson->cookie), lesson->table_id, ds_cstr(&s));
        ds_destroy(&s);
    }
}

size_t
flow_lessons_pop(struct ovs_list *msgs)
{
    struct lesson *lesson;
    size_t n = 0;

    if (!flow_lessons_pending()) {
        return 0;
    }
    HMAP_FOR_EACH (lesson, node, &lessons) {
        if (!lesson->in_flight) {
            struct ofpbuf *msg = encode_forget(lesson);
            const struct ofp_header *oh = msg->data;

            COVERAGE_INC(ofctrl_flow_forget);
            log_forget(lesson);
            lesson->in_flight = true;
            xid_queue_push(&in_flight, ntohl(oh->xid), lesson);
            ovs_list_push_back(msgs, &msg->list_node);
            n++;
        }
    }
    n_in_flight += n;
    return n;
}

static struct lesson *
in_flight_pop(void)
{
    struct lesson *lesson = xid_queue_pop(&in_flight);

    n_in_flight--;
    lesson->in_flight = false;
    return lesson;
}

void
flow_lessons_settled(uint32_t xid)
{
    while (xid_queue_is_settled(&in_flight, xid)) {
        lesson_destroy(in_flight_pop());
    }
}

/* Whether the message 'xid', which the switch has refused, is one of ours.  It
 * is not sent again: there is nothing that it could lack. */
bool
flow_lessons_refused(uint32_t xid)
{
    struct lesson *lesson = xid_queue_find(&in_flight, xid);

    if (lesson) {
        lesson->refused = true;
    }
    return lesson != NULL;
}

/* Nobody knows whether what is in flight has been done: it is to be done
 * again. */
void
flow_lessons_reverted(void)
{
    while (!xid_queue_is_empty(&in_flight)) {
        struct lesson *lesson = in_flight_pop();

        hmap_remove(&lessons, &lesson->node);
        if (lesson->refused) {
            free(lesson);
        } else {
            lesson_end(lesson);
        }
    }
}

void
flow_lessons_destroy(void)
{
    struct lesson *lesson;

    xid_queue_clear(&in_flight);
    n_in_flight = 0;
    HMAP_FOR_EACH_POP (lesson, node, &lessons) {
        free(lesson);
    }
    hmap_destroy(&lessons);
    hmap_init(&lessons);
}
