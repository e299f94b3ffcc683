/* SPDX-License-Identifier: Apache-2.0 */

/* How the flow table works.
 *
 * A "struct flow_entry" is a flow; a "struct flow_ref" says that one unit has
 * put it out, and with which actions; a "struct flow_output" is the list of a
 * unit's refs.  A ref is on two lists: its flow's and its unit's.
 *
 * What is desired of a flow is not stored.  It follows from the refs, and is
 * worked out when the flow comes up on the list of pending changes: an output
 * that is withdrawn and put out again by another unit costs nothing, and the
 * union of many clauses is computed once, not once an owner. */

#include <config.h>
#include "flow-table.h"

#include "coverage.h"
#include "flow-actions.h"
#include "flow-lesson.h"
#include "flow-mod.h"
#include "hash.h"
#include "inputs.h"
#include "module.h"
#include "nx-match.h"
#include "openflow/openflow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-match.h"
#include "openvswitch/ofp-print.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "simap.h"
#include "switch-entry.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(flow_table);

COVERAGE_DEFINE(ofctrl_flow_add);
COVERAGE_DEFINE(ofctrl_flow_modify);
COVERAGE_DEFINE(ofctrl_flow_delete);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

struct flow_entry {
    struct hmap_node node;      /* In 'flows'. */
    struct flow_ref *refs;      /* Owners, newest first. */

    /* What the switch has: NULL if nothing, UNKNOWN if it must be told. */
    struct flow_actions *installed;
    uint32_t cookie;

    struct switch_entry entry;  /* In 'table'.  'mark': it has ever had an
                                 * owner, or nobody can use it. */

    /* The key, which is hashed as bytes from here on. */
    uint16_t priority;
    uint16_t match_len;
    uint8_t table_id;
    uint8_t match[];            /* OXM fields. */
};
#define FLOW_KEY_OFS offsetof(struct flow_entry, priority)

struct flow_ref {
    struct flow_entry *flow;
    struct flow_ref *next_of_flow;
    struct flow_ref *next_of_output;
    struct flow_output *output;
    struct flow_actions *actions;
    uint32_t cookie;
    bool keep;                  /* Put out (again) in the current run. */
};

struct flow_output {
    struct hmap_node node;      /* In 'outputs', by unit. */
    const struct inc_unit *unit;
    /* In the order in which they were put out; or new ones first, if that was
     * in an update.  Those that an update has withdrawn have no flow. */
    struct flow_ref *refs;
    uint32_t n_refs, n_withdrawn;
};

static struct hmap flows;
static struct hmap outputs;
static size_t n_refs, n_desired, flow_bytes;

/* Flows with learn() actions that have been sent since the pending list was
 * empty the last time. */
static struct flow_entry **teachers;
static size_t n_teachers, allocated_teachers;

/* The unit between flow_output_begin() and flow_output_end(). */
static struct flow_output *cur;
static struct flow_ref *cur_hint;   /* What it put out here the last time. */
static struct flow_ref **cur_tail;  /* Where a new ref goes. */

/* Between flow_output_begin_update() and flow_output_end_update(): those that
 * are doubted. */
static struct flow_ref **doubted;
static size_t n_doubted, allocated_doubted;

/* For flow_entry's 'installed'. */
static struct flow_actions unknown_actions;
#define UNKNOWN (&unknown_actions)

static bool flow_wanted(const struct switch_entry *);
static enum switch_change flow_need(const struct switch_entry *);
static struct ofpbuf *flow_make(struct switch_entry *, enum switch_change);
static struct ofpbuf *flow_withdraw(const struct switch_entry *);
static void flow_forget(struct switch_entry *);
static void flow_unneeded(struct switch_entry *);
static bool flow_in_use(const struct switch_entry *);
static void flow_free(struct switch_entry *);
static void flow_entry_format_name(const struct switch_entry *, struct ds *);
static void flow_entry_format(const struct switch_entry *, struct ds *);
static const struct switch_entry_class flow_class = {
    .wanted = flow_wanted,
    .need = flow_need,
    .make = flow_make,
    .withdraw = flow_withdraw,
    .forget = flow_forget,
    .unneeded = flow_unneeded,
    .in_use = flow_in_use,
    .free = flow_free,
    .format_name = flow_entry_format_name,
    .format = flow_entry_format,
};
static struct switch_table table = { .class = &flow_class };

/* Whether 'flow' is one that nobody but learn() makes: tables have replies to
 * hairpinned connections, addresses and ports of ECMP next hops, load-balancer
 * affinity; and with flows of ours, MAC addresses behind VTEPs.  Which these
 * are is not known before what the central says is. */
static bool
is_learned(const struct flow_entry *flow)
{
    const struct ovn_tables *tables = &inputs_dialect()->tables;

    return (flow->table_id == tables->chk_lb_hairpin_reply
            || flow->table_id == tables->ecmp_nh_mac
            || flow->table_id == tables->ecmp_nh
            || flow->table_id == tables->chk_lb_affinity
            || (flow->table_id == tables->get_remote_fdb
                && flow->priority == FLOW_PRIORITY_LEARNED_FDB));
}

static void
init(struct inc_engine *engine OVS_UNUSED)
{
    hmap_init(&flows);
    hmap_init(&outputs);
}

/* Flows. */

static void
set_installed(struct flow_entry *flow, struct flow_actions *actions)
{
    if (flow->installed != UNKNOWN) {
        flow_actions_unref(flow->installed);
    }
    flow->installed = actions;
}

static size_t
flow_entry_size(size_t match_len)
{
    return MAX(sizeof(struct flow_entry),
               offsetof(struct flow_entry, match) + match_len);
}

/* Keys. */

/* Where the members of a key lie, before the match. */
enum { KEY_PRIORITY_OFS = offsetof(struct flow_entry, priority) - FLOW_KEY_OFS,
       KEY_LEN_OFS = offsetof(struct flow_entry, match_len) - FLOW_KEY_OFS,
       KEY_TABLE_OFS = offsetof(struct flow_entry, table_id) - FLOW_KEY_OFS,
       KEY_LEN = offsetof(struct flow_entry, match) - FLOW_KEY_OFS };
BUILD_ASSERT_DECL(KEY_LEN == sizeof(uint16_t) * 2 + 1);

/* Puts them in the first KEY_LEN bytes of 'key'. */
static void
set_key_head(uint8_t *key, uint8_t table_id, uint16_t priority,
             uint16_t match_len)
{
    memcpy(key + KEY_PRIORITY_OFS, &priority, sizeof priority);
    memcpy(key + KEY_LEN_OFS, &match_len, sizeof match_len);
    key[KEY_TABLE_OFS] = table_id;
}

/* Encodes a flow's key into 'b', as "struct flow_entry" has it. */
static void
put_key(struct ofpbuf *b, uint8_t table_id, uint16_t priority,
        const struct match *match)
{
    /* Room for the key's other members, which are put in last.  The match's
     * own header lies where they end, and goes. */
    enum { HEADER_LEN = sizeof(struct ofp11_match_header) };
    BUILD_ASSERT_DECL((int) KEY_LEN > (int) HEADER_LEN);

    ofpbuf_put_zeros(b, KEY_LEN - HEADER_LEN);
    uint16_t match_len = oxm_put_match(b, match, OFP15_VERSION) - HEADER_LEN;
    b->size = KEY_LEN + match_len; /* Less padding. */
    set_key_head(b->data, table_id, priority, match_len);
}

/* The same for a match that is encoded already. */
static void
put_raw_key(struct ofpbuf *b, uint8_t table_id, uint16_t priority,
            const void *oxm, uint16_t oxm_len)
{
    set_key_head(ofpbuf_put_uninit(b, KEY_LEN), table_id, priority, oxm_len);
    ofpbuf_put(b, oxm, oxm_len);
}

/* Returns the offset in 'key' of the value of an exact match on metadata. */
static size_t
find_metadata(const struct ofpbuf *key)
{
    const uint8_t *bytes = key->data;
    size_t ofs = KEY_LEN;

    while (ofs + 4 + sizeof(ovs_be64) <= key->size) {
        /* Class, field and mask bit, length; then what has that length. */
        static const uint8_t metadata[] = { 0x80, 0x00, 2 << 1, 8 };

        if (!memcmp(bytes + ofs, metadata, sizeof metadata)) {
            return ofs + sizeof metadata;
        }
        ofs += 4 + bytes[ofs + 3];
    }
    OVS_NOT_REACHED();
}

void
flow_key_init(struct flow_key *key, uint8_t table_id, uint16_t priority,
              const struct match *match)
{
    ofpbuf_use_stub(&key->bytes, key->stub, sizeof key->stub);
    put_key(&key->bytes, table_id, priority, match);
    key->metadata_ofs = find_metadata(&key->bytes);
}

void
flow_key_uninit(struct flow_key *key)
{
    ofpbuf_uninit(&key->bytes);
}

void
flow_key_set_metadata(struct flow_key *key, ovs_be64 metadata)
{
    memcpy((uint8_t *) key->bytes.data + key->metadata_ofs, &metadata,
           sizeof metadata);
}

/* Finds or adds the flow with the given key.  If 'hint' is nonnull, the flow
 * is probably that one. */
static struct flow_entry *
flow_entry_get__(const struct ofpbuf *key, struct flow_entry *hint)
{
    size_t match_len = key->size - KEY_LEN;
    struct flow_entry *flow = hint;

    if (flow && flow->match_len == match_len
        && !memcmp((uint8_t *) flow + FLOW_KEY_OFS, key->data, key->size)) {
        return flow;
    }

    uint32_t hash = hash_bytes(key->data, key->size, 0);
    HMAP_FOR_EACH_WITH_HASH (flow, node, hash, &flows) {
        if (flow->match_len == match_len
            && !memcmp((uint8_t *) flow + FLOW_KEY_OFS, key->data,
                       key->size)) {
            return flow;
        }
    }

    flow = xzalloc(flow_entry_size(match_len));
    memcpy((uint8_t *) flow + FLOW_KEY_OFS, key->data, key->size);
    hmap_insert(&flows, &flow->node, hash);
    flow_bytes += flow_entry_size(match_len);
    return flow;
}

static struct flow_entry *
flow_entry_get(uint8_t table_id, uint16_t priority, const struct match *match,
               struct flow_entry *hint)
{
    uint64_t stub[512 / 8];
    struct ofpbuf key = OFPBUF_STUB_INITIALIZER(stub);

    put_key(&key, table_id, priority, match);
    struct flow_entry *flow = flow_entry_get__(&key, hint);
    ofpbuf_uninit(&key);
    return flow;
}

static struct flow_entry *
flow_cast(const struct switch_entry *e)
{
    return CONST_CAST(struct flow_entry *,
                      CONTAINER_OF(e, struct flow_entry, entry));
}

static void
flow_free(struct switch_entry *e)
{
    struct flow_entry *flow = flow_cast(e);

    set_installed(flow, NULL);
    flow_bytes -= flow_entry_size(flow->match_len);
    hmap_remove(&flows, &flow->node);
    free(flow);
}

static bool
flow_in_use(const struct switch_entry *e)
{
    const struct flow_entry *flow = flow_cast(e);

    return flow->refs || flow->installed;
}

static bool
flow_wanted(const struct switch_entry *e)
{
    return flow_cast(e)->refs != NULL;
}

static void
flow_entry_changed(struct flow_entry *flow)
{
    switch_entry_changed(&table, &flow->entry);
}

/* Which of two owners of one flow prevails. */
static bool
ref_wins(const struct flow_ref *a, const struct flow_ref *b)
{
    return (a->cookie != b->cookie ? a->cookie < b->cookie
            : flow_actions_compare(a->actions, b->actions) < 0);
}

static struct flow_actions *
merge_clauses(const struct flow_entry *flow)
{
    struct flow_clause *all = NULL;
    size_t n_all = 0, allocated = 0;

    for (const struct flow_ref *ref = flow->refs; ref;
         ref = ref->next_of_flow) {
        size_t n;
        const struct flow_clause *clauses
            = flow_actions_clauses(ref->actions, &n);
        while (n_all + n > allocated) {
            all = x2nrealloc(all, &allocated, sizeof *all);
        }
        nullable_memcpy(&all[n_all], clauses, n * sizeof *all);
        n_all += n;
    }
    n_all = flow_clauses_normalize(all, n_all);

    struct flow_actions *actions = flow_actions_from_clauses(all, n_all);
    if (!actions) {
        VLOG_WARN_RL(&rl, "table %d, priority %d: a flow is part of "
                     "%"PRIuSIZE" conjunctive matches, which is more than an "
                     "OpenFlow message holds; it is left out",
                     flow->table_id, flow->priority, n_all);
    }
    free(all);
    return actions;
}

/* Returns what is desired of 'flow' (a reference for the caller), or NULL if
 * it should not be there. */
static struct flow_actions *
flow_entry_desired(const struct flow_entry *flow, uint32_t *cookie)
{
    const struct flow_ref *best = NULL;

    *cookie = 0;
    if (!flow->refs) {
        return NULL;
    }
    for (const struct flow_ref *ref = flow->refs; ref;
         ref = ref->next_of_flow) {
        if (!ref->actions->clauses && (!best || ref_wins(ref, best))) {
            best = ref;
        }
    }
    if (!best) {
        return merge_clauses(flow);
    }
    *cookie = best->cookie;
    return flow_actions_ref(best->actions);
}

static void
flow_entry_format_name(const struct switch_entry *e OVS_UNUSED, struct ds *s)
{
    ds_put_cstr(s, "a flow");
}

/* Appends a description of the flow to 's', as ovs-ofctl would print it. */
static void
flow_entry_format(const struct switch_entry *e, struct ds *s)
{
    const struct flow_entry *flow = flow_cast(e);
    struct match match;

    ds_put_format(s, "cookie=%#"PRIx32",table=%d,", flow->cookie,
                  flow->table_id);
    if (!oxm_decode_match(flow->match, flow->match_len, true, NULL, NULL,
                          &match)) {
        match_format(&match, NULL, s, flow->priority);
    } else {
        ds_put_format(s, "priority=%d", flow->priority);
    }

    if (flow->installed && flow->installed != UNKNOWN) {
        struct ofpbuf b = ofpbuf_const_initializer(flow->installed->data,
                                                   flow->installed->len);
        struct ofpbuf ofpacts;

        ofpbuf_init(&ofpacts, 0);
        if (!ofpacts_pull_openflow_instructions(&b, b.size, OFP15_VERSION,
                                                NULL, NULL, &ofpacts)) {
            struct ofpact_format_params fp = { .s = s };
            ds_put_cstr(s, " actions=");
            ofpacts_format(ofpacts.data, ofpacts.size, &fp);
        }
        ofpbuf_uninit(&ofpacts);
    }
}

/* Units' output. */

static struct flow_output *
find_output(const struct inc_unit *unit)
{
    struct flow_output *output;

    HMAP_FOR_EACH_WITH_HASH (output, node, hash_pointer(unit, 0), &outputs) {
        if (output->unit == unit) {
            return output;
        }
    }
    return NULL;
}

static void
begin_output(struct inc_unit *unit)
{
    ovs_assert(!cur);

    cur = find_output(unit);
    if (!cur) {
        cur = xzalloc(sizeof *cur);
        cur->unit = unit;
        hmap_insert(&outputs, &cur->node, hash_pointer(unit, 0));
    }
}

void
flow_output_begin(struct inc_unit *unit)
{
    begin_output(unit);
    cur_tail = &cur->refs;
    for (struct flow_ref *ref = cur->refs; ref; ref = ref->next_of_output) {
        ref->keep = false;
        cur_tail = &ref->next_of_output;
    }
    cur_hint = cur->refs;
}

/* Finds the current unit's ref to 'flow', if any.
 *
 * A unit mostly puts out the same flows in the same order as it did before,
 * so the one after the last that was found is tried first: a flow may have
 * thousands of owners. */
static struct flow_ref *
find_ref(const struct flow_entry *flow, bool clauses)
{
    struct flow_ref *ref = cur_hint;

    if (!ref || ref->flow != flow || ref->actions->clauses != clauses) {
        for (ref = flow->refs; ref; ref = ref->next_of_flow) {
            if (ref->output == cur && ref->actions->clauses == clauses) {
                break;
            }
        }
    }
    if (ref) {
        cur_hint = ref->next_of_output;
    }
    return ref;
}

static void
set_ref(struct flow_ref *ref, struct flow_actions *actions, uint32_t cookie)
{
    if (ref->actions != actions || ref->cookie != cookie) {
        flow_actions_unref(ref->actions);
        ref->actions = flow_actions_ref(actions);
        ref->cookie = cookie;
        flow_entry_changed(ref->flow);
    }
}

/* Puts out 'flow' for the current unit, which may have done so before in this
 * very run: then the usual rules decide between the two. */
static void
put_out(struct flow_entry *flow, struct flow_actions *actions, uint32_t cookie)
{
    struct flow_ref *ref = find_ref(flow, actions->clauses);

    if (!ref) {
        ref = xzalloc(sizeof *ref);
        ref->flow = flow;
        ref->output = cur;
        ref->actions = flow_actions_ref(actions);
        ref->cookie = cookie;
        ref->next_of_output = *cur_tail;
        *cur_tail = ref;
        cur_tail = &ref->next_of_output;
        cur->n_refs++;
        n_refs++;

        n_desired += !flow->refs;
        flow->entry.mark = true;
        ref->next_of_flow = flow->refs;
        flow->refs = ref;
        flow_entry_changed(flow);
    } else if (!ref->keep) {
        set_ref(ref, actions, cookie);
    } else if (actions->clauses) {
        size_t n_old, n_new;
        const struct flow_clause *old
            = flow_actions_clauses(ref->actions, &n_old);
        const struct flow_clause *new = flow_actions_clauses(actions, &n_new);
        struct flow_clause *both = xmalloc((n_old + n_new) * sizeof *both);

        memcpy(both, old, n_old * sizeof *both);
        memcpy(both + n_old, new, n_new * sizeof *both);
        struct flow_actions *merged
            = flow_actions_intern_clauses(both, n_old + n_new);
        if (merged) {
            set_ref(ref, merged, cookie);
            flow_actions_unref(merged);
        }
        free(both);
    } else if (ref_wins(&(struct flow_ref) { .actions = actions,
                                             .cookie = cookie }, ref)) {
        set_ref(ref, actions, cookie);
    }
    ref->keep = true;
}

static void
warn_too_many_actions(uint8_t table_id, uint16_t priority, uint32_t cookie)
{
    VLOG_WARN_RL(&rl, "table %d, priority %d, cookie %#"PRIx32": a flow "
                 "has more actions than an OpenFlow message holds; it is "
                 "left out", table_id, priority, cookie);
}

/* The flow that the current unit probably puts out next. */
static struct flow_entry *
next_flow_hint(void)
{
    return cur_hint ? cur_hint->flow : NULL;
}

void
flow_output_add_interned(struct inc_unit *unit, uint8_t table_id,
                         uint16_t priority, uint32_t cookie,
                         const struct match *match,
                         struct flow_actions *actions)
{
    ovs_assert(cur && cur->unit == unit);
    if (actions) {
        put_out(flow_entry_get(table_id, priority, match, next_flow_hint()),
                actions, cookie);
    } else {
        warn_too_many_actions(table_id, priority, cookie);
    }
}

void
flow_output_add_key(struct inc_unit *unit, const struct flow_key *key,
                    uint32_t cookie, struct flow_actions *actions)
{
    ovs_assert(cur && cur->unit == unit);
    if (actions) {
        put_out(flow_entry_get__(&key->bytes, next_flow_hint()), actions,
                cookie);
    } else {
        const uint8_t *bytes = key->bytes.data;
        uint16_t priority;

        memcpy(&priority, bytes + KEY_PRIORITY_OFS, sizeof priority);
        warn_too_many_actions(bytes[KEY_TABLE_OFS], priority, cookie);
    }
}

void
flow_output_add(struct inc_unit *unit, uint8_t table_id, uint16_t priority,
                uint32_t cookie, const struct match *match,
                const struct ofpbuf *ofpacts)
{
    struct flow_actions *actions = flow_actions_intern(ofpacts->data,
                                                       ofpacts->size);

    flow_output_add_interned(unit, table_id, priority, cookie, match, actions);
    flow_actions_unref(actions);
}

void
flow_output_add_conj(struct inc_unit *unit, uint8_t table_id,
                     uint16_t priority, const struct match *match,
                     const struct flow_clause *clauses, size_t n)
{
    if (n) {
        struct flow_actions *actions = flow_actions_intern_clauses(clauses, n);

        flow_output_add_interned(unit, table_id, priority, 0, match, actions);
        flow_actions_unref(actions);
    }
}

/* Takes 'ref' off its flow's list. */
static void
ref_withdraw(struct flow_ref *ref)
{
    struct flow_entry *flow = ref->flow;
    struct flow_ref **p = &flow->refs;

    while (*p != ref) {
        p = &(*p)->next_of_flow;
    }
    *p = ref->next_of_flow;
    n_desired -= !flow->refs;
    flow_actions_unref(ref->actions);
    ref->flow = NULL;
    ref->actions = NULL;
    flow_entry_changed(flow);
}

static void
ref_destroy(struct flow_ref *ref)
{
    if (ref->flow) {
        ref_withdraw(ref);
    }
    n_refs--;
    free(ref);
}

/* Frees the current unit's refs that are not to be kept. */
static void
sweep_refs(void)
{
    struct flow_ref **p = &cur->refs;

    cur->n_refs = cur->n_withdrawn = 0;
    while (*p) {
        struct flow_ref *ref = *p;
        if (ref->keep) {
            p = &ref->next_of_output;
            cur->n_refs++;
        } else {
            *p = ref->next_of_output;
            ref_destroy(ref);
        }
    }
    if (!cur->refs) {
        hmap_remove(&outputs, &cur->node);
        free(cur);
    }
}

void
flow_output_end(struct inc_unit *unit)
{
    ovs_assert(cur && cur->unit == unit);

    sweep_refs();
    cur = NULL;
}

/* Updates.
 *
 * A ref that is withdrawn stays on its unit's list, which is long and leads
 * one way only, until there are so many that the list is worth a walk. */

void
flow_output_begin_update(struct inc_unit *unit)
{
    begin_output(unit);
    cur_tail = &cur->refs;
    cur_hint = NULL;
}

void
flow_output_doubt(struct inc_unit *unit, uint8_t table_id, uint16_t priority,
                  const struct match *match, bool clauses)
{
    ovs_assert(cur && cur->unit == unit);

    struct flow_entry *flow = flow_entry_get(table_id, priority, match, NULL);
    struct flow_ref *ref = find_ref(flow, clauses);
    cur_hint = NULL;
    if (!ref) {
        switch_entry_gc(&table, &flow->entry);
    } else if (ref->keep) {
        if (n_doubted >= allocated_doubted) {
            doubted = x2nrealloc(doubted, &allocated_doubted, sizeof *doubted);
        }
        doubted[n_doubted++] = ref;
        ref->keep = false;
    }
}

void
flow_output_end_update(struct inc_unit *unit)
{
    ovs_assert(cur && cur->unit == unit);

    for (size_t i = 0; i < n_doubted; i++) {
        if (!doubted[i]->keep) {
            ref_withdraw(doubted[i]);
            cur->n_withdrawn++;
        }
    }
    n_doubted = 0;
    if (cur->n_withdrawn >= cur->n_refs / 2) {
        sweep_refs();
    }
    cur = NULL;
}

void
flow_output_removed(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    if (find_output(unit)) {
        flow_output_begin(unit);
        flow_output_end(unit);
    }
}

/* Flows that teach others, see flow-lesson.h. */

static struct flow_teacher
flow_entry_teacher(const struct flow_entry *flow)
{
    return (struct flow_teacher) {
        flow->match, flow->match_len, flow->installed
    };
}

/* 'flow', which is there as 'flow->installed', is about to have 'actions', or
 * to be removed if that is NULL. */
static void
note_teacher(struct flow_entry *flow, const struct flow_actions *actions)
{
    if (flow->installed && flow->installed != UNKNOWN) {
        struct flow_teacher teacher = flow_entry_teacher(flow);

        flow_lessons_end(&teacher, actions);
    }
    if (actions && actions->teaches) {
        if (n_teachers >= allocated_teachers) {
            teachers = x2nrealloc(teachers, &allocated_teachers,
                                  sizeof *teachers);
        }
        teachers[n_teachers++] = flow;
    }
}

static void
forget_teachers(void)
{
    free(teachers);
    teachers = NULL;
    n_teachers = allocated_teachers = 0;
}

/* All changes of flows have been sent: what is still taught is not to be
 * forgotten. */
static void
settle_lessons(void)
{
    for (size_t i = 0; i < n_teachers && flow_lessons_pending(); i++) {
        if (teachers[i]->installed && teachers[i]->installed != UNKNOWN) {
            struct flow_teacher teacher = flow_entry_teacher(teachers[i]);

            flow_lessons_keep(&teacher);
        }
    }
    forget_teachers();
}

/* Messages in flight. */

void
flow_table_settled(uint32_t xid)
{
    switch_table_settled(&table, xid);
    flow_lessons_settled(xid);
}

bool
flow_table_refused(uint32_t xid, enum ofperr error)
{
    if (switch_table_refused(&table, xid, error)) {
        return true;
    }
    if (flow_lessons_refused(xid)) {
        VLOG_WARN_RL(&rl, "the switch does not delete flows that it has "
                     "learned: %s", ofperr_to_string(error));
        return true;
    }
    return false;
}

void
flow_table_retry(void)
{
    switch_table_retry(&table);
}

void
flow_table_reverted(void)
{
    switch_table_reverted(&table);
    forget_teachers();
    flow_lessons_reverted();
}

static void
flow_forget(struct switch_entry *e)
{
    set_installed(flow_cast(e), UNKNOWN);
}

/* Pending changes. */

static void
log_change(const char *verb, const struct flow_entry *flow)
{
    if (VLOG_IS_DBG_ENABLED()) {
        struct ds s = DS_EMPTY_INITIALIZER;

        flow_entry_format(&flow->entry, &s);
        VLOG_DBG("%s flow: %s", verb, ds_cstr(&s));
        ds_destroy(&s);
    }
}

static struct ofpbuf *
encode_flow_mod(const struct flow_entry *flow, enum ofp_flow_mod_command cmd,
                const struct flow_actions *actions)
{
    const struct flow_mod fm = {
        .command = cmd,
        .table_id = flow->table_id,
        .priority = flow->priority,
        .cookie = actions ? htonll(flow->cookie) : 0,
        .oxm = flow->match,
        .oxm_len = flow->match_len,
        .instructions = actions ? actions->data : NULL,
        .instructions_len = actions ? actions->len : 0,
    };

    return flow_mod_encode(&fm);
}

/* Whether 'flow' is not what is desired of it, as far as the switch has been
 * told. */
static bool
is_outdated(const struct flow_entry *flow, const struct flow_actions *desired,
            uint32_t cookie)
{
    return (desired
            ? flow->installed != desired || flow->cookie != cookie
            : flow->installed && (flow->entry.mark
                                  || !is_learned(flow)));
}

static enum switch_change
flow_need(const struct switch_entry *e)
{
    const struct flow_entry *flow = flow_cast(e);
    uint32_t cookie;
    struct flow_actions *desired = flow_entry_desired(flow, &cookie);
    enum switch_change need = (!is_outdated(flow, desired, cookie)
                               ? SWITCH_NONE
                               : desired ? SWITCH_ADD : SWITCH_DELETE);

    flow_actions_unref(desired);
    return need;
}

/* A flow of which nothing is desired, and which is left alone. */
static void
flow_unneeded(struct switch_entry *e)
{
    struct flow_entry *flow = flow_cast(e);

    if (!flow->refs) {
        set_installed(flow, NULL);
    }
}

static struct ofpbuf *
flow_make(struct switch_entry *e, enum switch_change change)
{
    struct flow_entry *flow = flow_cast(e);

    if (change == SWITCH_DELETE) {
        note_teacher(flow, NULL);
        COVERAGE_INC(ofctrl_flow_delete);
        log_change("delete", flow);
        set_installed(flow, NULL);
        return encode_flow_mod(flow, OFPFC_DELETE_STRICT, NULL);
    }

    uint32_t cookie;
    struct flow_actions *desired = flow_entry_desired(flow, &cookie);
    bool existed = flow->installed != NULL;
    note_teacher(flow, desired);
    flow->cookie = cookie;
    set_installed(flow, desired);
    if (existed) {
        COVERAGE_INC(ofctrl_flow_modify);
        log_change("modify", flow);
    } else {
        COVERAGE_INC(ofctrl_flow_add);
        log_change("add", flow);
    }
    /* OFPFC_ADD replaces what is there, keeping its counters.  Unlike
     * OFPFC_MODIFY_STRICT, it can change the cookie, too. */
    return encode_flow_mod(flow, OFPFC_ADD, desired);
}

static struct ofpbuf *
flow_withdraw(const struct switch_entry *e)
{
    COVERAGE_INC(ofctrl_flow_delete);
    return encode_flow_mod(flow_cast(e), OFPFC_DELETE_STRICT, NULL);
}

size_t
flow_table_pop_changes(struct ovs_list *msgs, size_t max)
{
    size_t n = switch_table_pop(&table, SWITCH_ADD | SWITCH_DELETE, max, msgs);

    if (!switch_table_has_pending(&table)) {
        settle_lessons();
        n += flow_lessons_pop(msgs);
    }
    return n;
}

bool
flow_table_has_changes(void)
{
    if (switch_table_has_changes(&table)) {
        return true;
    }
    settle_lessons();
    return flow_lessons_pending();
}

/* Dumps. */

void
flow_table_dump_begin(void)
{
    struct flow_entry *flow;

    switch_table_dump_begin(&table);
    forget_teachers();
    flow_lessons_reverted();
    HMAP_FOR_EACH_SAFE (flow, node, &flows) {
        set_installed(flow, NULL);
        switch_entry_reset(&flow->entry);
        switch_entry_gc(&table, &flow->entry);
    }
}

void
flow_table_dump_flow(const struct ofputil_flow_stats *fs)
{
    struct flow_entry *flow = flow_entry_get(fs->table_id, fs->priority,
                                             &fs->match, NULL);
    /* Whoever has put it there: a flow with a timeout, flags, or a cookie of
     * more than 32 bits is not one of ours. */
    bool foreign = (fs->idle_timeout || fs->hard_timeout || fs->flags
                    || fs->importance || ntohll(fs->cookie) > UINT32_MAX);
    struct flow_actions *actions
        = foreign ? NULL : flow_actions_intern(fs->ofpacts, fs->ofpacts_len);

    set_installed(flow, actions ? actions : UNKNOWN);
    flow->cookie = ntohll(fs->cookie);
}

void
flow_table_dump_unknown(uint8_t table_id, uint16_t priority,
                        const struct match *match,
                        const void *oxm, size_t oxm_len)
{
    uint64_t stub[512 / 8];
    struct ofpbuf key = OFPBUF_STUB_INITIALIZER(stub);

    if (match) {
        put_key(&key, table_id, priority, match);
    } else {
        put_raw_key(&key, table_id, priority, oxm, oxm_len);
    }
    struct flow_entry *flow = flow_entry_get__(&key, NULL);
    ofpbuf_uninit(&key);
    set_installed(flow, UNKNOWN);
    flow->cookie = 0;
    flow->entry.mark = true;    /* To be deleted, whatever its table. */
}

void
flow_table_dump_end(void)
{
    struct flow_entry *flow;

    HMAP_FOR_EACH (flow, node, &flows) {
        flow_entry_changed(flow);
    }
    switch_table_dump_end(&table);
}

static void
get_memory_usage(struct simap *usage)
{
    size_t flow_size = (flow_bytes + hmap_capacity(&flows) * sizeof(void *)
                        + switch_table_memory(&table));
    size_t ref_size = (n_refs * sizeof(struct flow_ref)
                       + hmap_count(&outputs) * sizeof(struct flow_output)
                       + hmap_capacity(&outputs) * sizeof(void *));

    simap_increase(usage, "flows", n_desired);
    simap_increase(usage, "ofctrl_flow_usage-KB",
                   ROUND_UP(flow_size, 1024) / 1024);
    simap_increase(usage, "ofctrl_flow_ref_usage-KB",
                   ROUND_UP(ref_size, 1024) / 1024);
    simap_increase(usage, "ofctrl_actions_usage-KB",
                   ROUND_UP(flow_actions_memory(), 1024) / 1024);
}

/* Frees everything.  Leaves the switch as it is. */
static void
destroy(void)
{
    struct flow_output *output;
    struct flow_entry *flow;

    HMAP_FOR_EACH_POP (output, node, &outputs) {
        while (output->refs) {
            struct flow_ref *ref = output->refs;
            output->refs = ref->next_of_output;
            ref_destroy(ref);
        }
        free(output);
    }
    HMAP_FOR_EACH_SAFE (flow, node, &flows) {
        flow_free(&flow->entry);
    }
    hmap_destroy(&flows);
    hmap_destroy(&outputs);
    switch_table_clear(&table);
    forget_teachers();
    flow_lessons_destroy();
    free(doubted);
    doubted = NULL;
    allocated_doubted = 0;
}

const struct module flow_table_module = {
    .name = "flow-table",
    .init = init,
    .memory = get_memory_usage,
    .destroy = destroy,
};
