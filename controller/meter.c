/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */


/* How meters work: as groups do (see group.c), with what a meter has less: no
 * buckets, no bundles, and not so many of them that they need to be small.  An
 * installed meter that no flow has asked for is one without a name. */

#include <config.h>
#include "meter.h"

#include <inttypes.h>

#include "coverage.h"
#include "hash.h"
#include "inputs.h"
#include "openflow/openflow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "svec.h"
#include "unixctl.h"
#include "util.h"
#include "xid-queue.h"

VLOG_DEFINE_THIS_MODULE(meter);

COVERAGE_DEFINE(ofctrl_meter_add);
COVERAGE_DEFINE(ofctrl_meter_modify);
COVERAGE_DEFINE(ofctrl_meter_delete);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Flags and bands, without the id. */
struct content {
    uint16_t flags;             /* OFPMF13_*. */
    uint16_t n_bands;
    struct ofputil_meter_band *bands;
};

/* A meter without flags is one that does not exist. */
struct meter_entry {
    struct hmap_node id_node;   /* In 'meters_by_id'. */
    struct hmap_node name_node; /* In 'meters'; not for a stray. */
    char *name;                 /* NULL for a stray: nobody wants it (yet). */
    uint32_t id;
    uint32_t n_in_flight;       /* Messages not yet settled. */
    bool wanted;                /* Its unit has run. */
    bool pending;               /* In the 'pending' vector. */
    bool adding;                /* The last message was to add it... */
    bool refused;               /* ...and the switch did not. */
    struct content desired;
    struct content installed;
};

static struct hmap meters = HMAP_INITIALIZER(&meters);
static struct hmap meters_by_id = HMAP_INITIALIZER(&meters_by_id);
static struct xid_queue in_flight;

static struct meter_entry **pending;
static size_t n_pending, allocated_pending;

/* Names of wanted meters, as set cells without meaningful members. */
static const struct inc_kind_class wanted_meter_kind_class = {
    .name = "wanted-meter",
    .stage = STAGE_FLOW,
    .key_type = INC_KEY_STRING,
    .is_set = true,
};
static struct inc_kind *wanted_meter_kind;

static void meter_run(struct inc_unit *, void *);
static void meter_removed(struct inc_unit *, void *);
static const struct inc_unit_class meter_unit_class = {
    .name = "meter",
    .stage = STAGE_GROUP,
    .run = meter_run,
    .removed = meter_removed,
};

void
meter_init(struct inc_engine *engine)
{
    wanted_meter_kind = inc_kind_declare(engine, &wanted_meter_kind_class);
    inc_kind_spawn(wanted_meter_kind, &meter_unit_class, NULL);
}

/* Contents. */

static void
content_clear(struct content *c)
{
    free(c->bands);
    memset(c, 0, sizeof *c);
}

static void
content_copy(struct content *dst, const struct content *src)
{
    content_clear(dst);
    *dst = *src;
    dst->bands = xmemdup(src->bands, src->n_bands * sizeof *src->bands);
}

static bool
content_equal(const struct content *a, const struct content *b)
{
    if (a->flags != b->flags || a->n_bands != b->n_bands) {
        return false;
    }
    for (size_t i = 0; i < a->n_bands; i++) {
        const struct ofputil_meter_band *x = &a->bands[i];
        const struct ofputil_meter_band *y = &b->bands[i];
        /* Without OFPMF13_BURST the burst size has no meaning, and a switch
         * may report one of its own. */
        if (x->type != y->type || x->prec_level != y->prec_level
            || x->rate != y->rate
            || (a->flags & OFPMF13_BURST && x->burst_size != y->burst_size)) {
            return false;
        }
    }
    return true;
}

/* Sets 'c' to what a name that starts with METER_STRING_PREFIX says. */
static void
content_from_string(struct content *c, const char *name)
{
    enum ofputil_protocol usable_protocols;
    struct ofputil_meter_mod mm;

    /* After the prefix comes "uuid UUID", which only makes it unique. */
    const char *s = name + strlen(METER_STRING_PREFIX);
    if (!strncmp(s, "uuid ", 5)) {
        s += 5;
        s += strcspn(s, " ");
    }

    char *text = xasprintf("meter=1 %s", s);
    char *error = parse_ofp_meter_mod_str(&mm, text, OFPMC13_ADD,
                                          &usable_protocols);
    free(text);
    if (error) {
        VLOG_WARN_RL(&rl, "cannot make a meter of \"%s\": %s", name, error);
        free(error);
        return;
    }
    c->flags = mm.meter.flags;
    c->n_bands = mm.meter.n_bands;
    c->bands = mm.meter.bands;
}

/* Sets 'c' to what a row of the southbound Meter table says. */
static void
content_from_row(struct content *c, const struct meter *row)
{
    c->flags = ((row->pktps ? OFPMF13_PKTPS : OFPMF13_KBPS) | OFPMF13_STATS);
    c->bands = xcalloc(MAX(row->n_bands, 1), sizeof *c->bands);
    for (size_t i = 0; i < row->n_bands; i++) {
        struct ofputil_meter_band *band = &c->bands[c->n_bands++];

        band->type = OFPMBT13_DROP;
        band->rate = row->bands[i].rate;
        band->burst_size = row->bands[i].burst_size;
        if (band->burst_size) {
            c->flags |= OFPMF13_BURST;
        }
    }
}

/* Meters and their ids. */

static struct meter_entry *
find_by_id(uint32_t id)
{
    struct meter_entry *m;

    HMAP_FOR_EACH_WITH_HASH (m, id_node, hash_int(id, 0), &meters_by_id) {
        if (m->id == id) {
            return m;
        }
    }
    return NULL;
}

static struct meter_entry *
find_by_name(const char *name)
{
    struct meter_entry *m;

    HMAP_FOR_EACH_WITH_HASH (m, name_node, hash_string(name, 0), &meters) {
        if (!strcmp(m->name, name)) {
            return m;
        }
    }
    return NULL;
}

static void
meter_changed(struct meter_entry *m)
{
    if (!m->pending) {
        if (n_pending >= allocated_pending) {
            pending = x2nrealloc(pending, &allocated_pending, sizeof *pending);
        }
        m->pending = true;
        pending[n_pending++] = m;
    }
}

static struct meter_entry *
meter_add_entry(uint32_t id)
{
    struct meter_entry *m = xzalloc(sizeof *m);

    m->id = id;
    hmap_insert(&meters_by_id, &m->id_node, hash_int(id, 0));
    return m;
}

static void
meter_free(struct meter_entry *m)
{
    hmap_remove(&meters_by_id, &m->id_node);
    if (m->name) {
        hmap_remove(&meters, &m->name_node);
        free(m->name);
    }
    content_clear(&m->desired);
    content_clear(&m->installed);
    free(m);
}

/* Finds or makes the meter with the given name.  Its id is a hash of the name,
 * of 31 bits: if two names ever meet, the second one takes the next id. */
static struct meter_entry *
meter_get(const char *name)
{
    struct meter_entry *m = find_by_name(name);
    if (m) {
        return m;
    }

    uint32_t id = (hash_string(name, 0) & INT32_MAX) % INT32_MAX + 1;
    while ((m = find_by_id(id)) && m->name) {
        id = id < INT32_MAX ? id + 1 : 1;
    }
    if (!m) {
        m = meter_add_entry(id);
    }
    m->name = xstrdup(name);
    hmap_insert(&meters, &m->name_node, hash_string(name, 0));
    meter_changed(m);
    return m;
}

bool
meter_want(struct inc_unit *unit, const char *name, uint32_t *idp)
{
    *idp = meter_get(name)->id;
    inc_insert(unit, wanted_meter_kind, inc_key_string(name), INC_KEY_ONLY);
    return true;
}

/* Frees 'm' if nothing speaks of it any longer. */
static void
meter_gc(struct meter_entry *m)
{
    if (!m->wanted && !m->pending && !m->installed.flags && !m->n_in_flight) {
        /* A flow may have asked for it whose group stage is yet to run. */
        if (!m->name
            || !inc_set_count(inc_peek_set(wanted_meter_kind,
                                           inc_key_string(m->name)))) {
            meter_free(m);
        }
    }
}

/* The unit of a meter. */

static struct meter_entry *
unit_to_meter(const struct inc_unit *unit)
{
    struct meter_entry *m = find_by_name(inc_unit_key(unit).data);

    ovs_assert(m);
    return m;
}

static void
meter_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct meter_entry *m = unit_to_meter(unit);

    content_clear(&m->desired);
    if (!strncmp(m->name, METER_STRING_PREFIX, strlen(METER_STRING_PREFIX))) {
        content_from_string(&m->desired, m->name);
    } else {
        const struct meter *row = in_meter(unit, m->name);
        if (row) {
            content_from_row(&m->desired, row);
        }
    }
    m->wanted = true;
    meter_changed(m);
}

static void
meter_removed(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct meter_entry *m = unit_to_meter(unit);

    m->wanted = false;
    content_clear(&m->desired);
    meter_changed(m);
}

/* Dumps. */

void
meter_dump_begin(void)
{
    struct meter_entry *m;

    while (!xid_queue_is_empty(&in_flight)) {
        m = xid_queue_pop(&in_flight);
        m->n_in_flight--;
    }
    n_pending = 0;
    HMAP_FOR_EACH_SAFE (m, id_node, &meters_by_id) {
        m->pending = false;
        m->refused = false;
        content_clear(&m->installed);
        meter_gc(m);
    }
}

void
meter_dump_meter(const struct ofputil_meter_config *mc)
{
    /* Larger ids are the switch's own. */
    if (mc->meter_id && mc->meter_id <= OFPM13_MAX) {
        struct meter_entry *m = find_by_id(mc->meter_id);
        if (!m) {
            m = meter_add_entry(mc->meter_id);
        }
        content_copy(&m->installed,
                     &(struct content) { .flags = mc->flags,
                                         .n_bands = mc->n_bands,
                                         .bands = mc->bands });
    }
}

void
meter_dump_end(void)
{
    struct meter_entry *m;

    HMAP_FOR_EACH (m, id_node, &meters_by_id) {
        meter_changed(m);
    }
}

/* Changes. */

static bool
needs_addition(const struct meter_entry *m)
{
    return m->desired.flags && !content_equal(&m->desired, &m->installed);
}

static bool
needs_deletion(const struct meter_entry *m)
{
    return !m->desired.flags && m->installed.flags;
}

static void
send_meter_mod(struct meter_entry *m, enum ofp13_meter_mod_command command,
               struct ovs_list *msgs)
{
    struct ofputil_meter_mod mm = {
        .command = command,
        .meter = { .meter_id = m->id,
                   .flags = m->desired.flags,
                   .n_bands = m->desired.n_bands,
                   .bands = m->desired.bands },
    };
    struct ofpbuf *msg = ofputil_encode_meter_mod(OFP15_VERSION, &mm);

    VLOG_DBG("%s meter %"PRIu32" (%s)",
             command == OFPMC13_ADD ? "add"
             : command == OFPMC13_MODIFY ? "modify" : "delete",
             m->id, m->name ? m->name : "not ours");
    xid_queue_push(&in_flight, ntohl(((struct ofp_header *) msg->data)->xid),
                   m);
    m->n_in_flight++;
    m->adding = command == OFPMC13_ADD;
    m->refused = false;
    content_copy(&m->installed, &m->desired);
    ovs_list_push_back(msgs, &msg->list_node);
}

/* Takes from the list of pending changes those that the caller is not about
 * to make, and drops those that are none. */
static size_t
pop_changes(struct ovs_list *msgs, bool additions, bool deletions)
{
    size_t n = n_pending, n_msgs = 0;

    n_pending = 0;
    for (size_t i = 0; i < n; i++) {
        struct meter_entry *m = pending[i];
        bool add = needs_addition(m), delete = needs_deletion(m);

        if ((add && !additions) || (delete && !deletions)) {
            pending[n_pending++] = m;
            continue;
        }
        m->pending = false;
        if (delete) {
            COVERAGE_INC(ofctrl_meter_delete);
            send_meter_mod(m, OFPMC13_DELETE, msgs);
        } else if (add && m->installed.flags && !m->refused) {
            COVERAGE_INC(ofctrl_meter_modify);
            send_meter_mod(m, OFPMC13_MODIFY, msgs);
        } else if (add) {
            COVERAGE_INC(ofctrl_meter_add);
            send_meter_mod(m, OFPMC13_ADD, msgs);
        } else {
            meter_gc(m);
            continue;
        }
        n_msgs++;
    }
    return n_msgs;
}

size_t
meter_pop_additions(struct ovs_list *msgs)
{
    return pop_changes(msgs, true, false);
}

size_t
meter_pop_deletions(struct ovs_list *msgs)
{
    return pop_changes(msgs, false, true);
}

bool
meter_has_changes(void)
{
    pop_changes(NULL, false, false);
    return n_pending > 0;
}

void
meter_settled(uint32_t xid)
{
    while (xid_queue_is_settled(&in_flight, xid)) {
        struct meter_entry *m = xid_queue_pop(&in_flight);
        m->n_in_flight--;
        meter_gc(m);
    }
}

bool
meter_refused(uint32_t xid, enum ofperr error)
{
    struct meter_entry *m = xid_queue_find(&in_flight, xid);
    if (m) {
        m->refused = m->adding;
        VLOG_WARN_RL(&rl, "the switch refuses meter %"PRIu32" (%s): %s",
                     m->id, m->name ? m->name : "not ours",
                     ofperr_to_string(error));
    }
    return m != NULL;
}

/* Commands and the rest. */

static void
meter_table_list(struct unixctl_conn *conn, int argc OVS_UNUSED,
                 const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct svec lines = SVEC_EMPTY_INITIALIZER;
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct meter_entry *m;

    HMAP_FOR_EACH (m, id_node, &meters_by_id) {
        if (m->wanted) {
            svec_add_nocopy(&lines, xasprintf("%s: %"PRIu32, m->name, m->id));
        }
    }
    svec_sort(&lines);
    for (size_t i = 0; i < lines.n; i++) {
        ds_put_format(&s, "%s\n", lines.names[i]);
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
    svec_destroy(&lines);
}

void
meter_register_commands(void)
{
    unixctl_command_register("meter-table-list", "", 0, 0, meter_table_list,
                             NULL);
}

void
meter_destroy(void)
{
    struct meter_entry *m;

    HMAP_FOR_EACH_SAFE (m, id_node, &meters_by_id) {
        meter_free(m);
    }
    hmap_destroy(&meters);
    hmap_init(&meters);
    hmap_destroy(&meters_by_id);
    hmap_init(&meters_by_id);
    xid_queue_clear(&in_flight);
    free(pending);
    pending = NULL;
    n_pending = allocated_pending = 0;
}
