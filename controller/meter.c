/* SPDX-License-Identifier: Apache-2.0 */

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
#include "switch-entry.h"
#include "unit-log.h"
#include "unixctl.h"
#include "util.h"

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
    struct switch_object obj;   /* In 'meters'. */
    struct hmap_node name_node; /* In 'meters_by_name'; not if unclaimed. */
    char *name;                 /* NULL if unclaimed: nobody wants it (yet). */
    bool adding;                /* The last message was to add it. */
    struct content desired;
    struct content installed;
};

static struct hmap meters_by_name = HMAP_INITIALIZER(&meters_by_name);

static enum switch_change meter_need(const struct switch_entry *);
static struct ofpbuf *meter_make(struct switch_entry *, enum switch_change);
static void meter_forget(struct switch_entry *);
static bool meter_in_use(const struct switch_entry *);
static void meter_free(struct switch_entry *);
static void meter_format_name(const struct switch_entry *, struct ds *);
static void meter_format(const struct switch_entry *, struct ds *);
static const struct switch_entry_class meter_entry_class = {
    .wanted = switch_object_wanted,
    .need = meter_need,
    .make = meter_make,
    .forget = meter_forget,
    .in_use = meter_in_use,
    .free = meter_free,
    .format_name = meter_format_name,
    .format = meter_format,
};
static struct switch_objects meters
    = SWITCH_OBJECTS_INITIALIZER(&meters, &meter_entry_class);

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

/* Whether 'have' has a burst size that a switch reports for 'want'.  With 0 it
 * is up to the switch, and ovs-vswitchd takes the rate. */
static bool
burst_is_equal(const struct ofputil_meter_band *want,
               const struct ofputil_meter_band *have)
{
    return (want->burst_size == have->burst_size
            || (!want->burst_size && have->burst_size == have->rate));
}

/* Without OFPMF13_BURST a burst size has no meaning, and a switch may report
 * one of its own. */
static bool
content_equal(const struct content *want, const struct content *have)
{
    if (want->flags != have->flags || want->n_bands != have->n_bands) {
        return false;
    }
    for (size_t i = 0; i < want->n_bands; i++) {
        const struct ofputil_meter_band *x = &want->bands[i];
        const struct ofputil_meter_band *y = &have->bands[i];
        if (x->type != y->type || x->prec_level != y->prec_level
            || x->rate != y->rate
            || (want->flags & OFPMF13_BURST && !burst_is_equal(x, y))) {
            return false;
        }
    }
    return true;
}

/* Sets 'c' to what a name that starts with METER_STRING_PREFIX says. */
static void
content_from_string(struct content *c, struct inc_unit *unit,
                    const char *name)
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
        UNIT_WARN(unit, &rl, "cannot make a meter of \"%s\": %s", name, error);
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
object_to_meter(const struct switch_object *obj)
{
    return obj ? CONTAINER_OF(obj, struct meter_entry, obj) : NULL;
}

static struct meter_entry *
meter_cast(const struct switch_entry *e)
{
    return object_to_meter(switch_object_cast(e));
}

static struct meter_entry *
find_by_id(uint32_t id)
{
    return object_to_meter(switch_object_find(&meters, id));
}

static struct meter_entry *
find_by_name(const char *name)
{
    struct meter_entry *m;

    HMAP_FOR_EACH_WITH_HASH (m, name_node, hash_string(name, 0),
                             &meters_by_name) {
        if (!strcmp(m->name, name)) {
            return m;
        }
    }
    return NULL;
}

static void
meter_changed(struct meter_entry *m)
{
    switch_entry_changed(&meters.table, &m->obj.entry);
}

static struct meter_entry *
meter_add_entry(uint32_t id)
{
    struct meter_entry *m = xzalloc(sizeof *m);

    m->obj.id = id;
    switch_object_insert(&meters, &m->obj);
    return m;
}

static void
meter_free(struct switch_entry *e)
{
    struct meter_entry *m = meter_cast(e);

    if (m->name) {
        hmap_remove(&meters_by_name, &m->name_node);
        free(m->name);
    }
    content_clear(&m->desired);
    content_clear(&m->installed);
    switch_object_remove(&meters, &m->obj);
    free(m);
}

/* Finds or makes the meter with the given name.  Its id is a hash of the name;
 * if two names ever meet, the second one takes the next id. */
static struct meter_entry *
meter_get(const char *name)
{
    struct meter_entry *m = find_by_name(name);
    if (m) {
        return m;
    }

    uint32_t id = switch_object_first_id(hash_string(name, 0));
    while ((m = find_by_id(id)) && m->name) {
        id = switch_object_next_id(id);
    }
    if (!m) {
        m = meter_add_entry(id);
    }
    m->name = xstrdup(name);
    hmap_insert(&meters_by_name, &m->name_node, hash_string(name, 0));
    meter_changed(m);
    return m;
}

uint32_t
meter_want(struct inc_unit *unit, const char *name)
{
    inc_insert(unit, wanted_meter_kind, inc_key_string(name), INC_KEY_ONLY);
    return meter_get(name)->obj.id;
}

/* A flow may have asked for it whose group stage is yet to run. */
static bool
meter_in_use(const struct switch_entry *e)
{
    const struct meter_entry *m = meter_cast(e);

    return (m->obj.wanted || m->installed.flags
            || (m->name
                && inc_set_count(inc_peek_set(wanted_meter_kind,
                                              inc_key_string(m->name)))));
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
        content_from_string(&m->desired, unit, m->name);
    } else {
        const struct meter *row = in_meter(unit, m->name);
        if (row) {
            content_from_row(&m->desired, row);
        }
    }
    m->obj.wanted = true;
    meter_changed(m);
}

static void
meter_removed(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct meter_entry *m = unit_to_meter(unit);

    m->obj.wanted = false;
    content_clear(&m->desired);
    meter_changed(m);
}

/* Dumps. */

void
meter_dump_begin(void)
{
    struct switch_object *obj;

    switch_objects_dump_begin(&meters);
    SWITCH_OBJECT_FOR_EACH_SAFE (obj, &meters) {
        content_clear(&object_to_meter(obj)->installed);
        switch_entry_gc(&meters.table, &obj->entry);
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
    switch_objects_dump_end(&meters);
}

/* Changes. */

static enum switch_change
meter_need(const struct switch_entry *e)
{
    const struct meter_entry *m = meter_cast(e);

    return (!m->desired.flags
            ? m->installed.flags ? SWITCH_DELETE : SWITCH_NONE
            : content_equal(&m->desired, &m->installed) ? SWITCH_NONE
            : SWITCH_ADD);
}

/* Meters do not go into bundles, which are what is reverted. */
static void
meter_forget(struct switch_entry *e OVS_UNUSED)
{
    OVS_NOT_REACHED();
}

static void
meter_format_name(const struct switch_entry *e, struct ds *s)
{
    ds_put_format(s, "meter %"PRIu32, meter_cast(e)->obj.id);
}

static void
meter_format(const struct switch_entry *e, struct ds *s)
{
    const struct meter_entry *m = meter_cast(e);

    ds_put_cstr(s, m->name ? m->name : "not ours");
}

static struct ofpbuf *
meter_make(struct switch_entry *e, enum switch_change change)
{
    struct meter_entry *m = meter_cast(e);
    struct ofputil_meter_mod mm = {
        .meter = { .meter_id = m->obj.id,
                   .flags = m->desired.flags,
                   .n_bands = m->desired.n_bands,
                   .bands = m->desired.bands },
    };
    const char *verb;

    if (change == SWITCH_DELETE) {
        COVERAGE_INC(ofctrl_meter_delete);
        mm.command = OFPMC13_DELETE;
        verb = "delete";
    } else if (m->installed.flags && !(e->refused && m->adding)) {
        COVERAGE_INC(ofctrl_meter_modify);
        mm.command = OFPMC13_MODIFY;
        verb = "modify";
    } else {
        COVERAGE_INC(ofctrl_meter_add);
        mm.command = OFPMC13_ADD;
        verb = "add";
    }
    VLOG_DBG("%s meter %"PRIu32" (%s)", verb, m->obj.id,
             m->name ? m->name : "not ours");
    m->adding = mm.command == OFPMC13_ADD;
    content_copy(&m->installed, &m->desired);
    return ofputil_encode_meter_mod(OFP15_VERSION, &mm);
}

size_t
meter_pop_additions(struct ovs_list *msgs)
{
    return switch_table_pop(&meters.table, SWITCH_ADD, SIZE_MAX, msgs);
}

size_t
meter_pop_deletions(struct ovs_list *msgs)
{
    return switch_table_pop(&meters.table, SWITCH_DELETE, SIZE_MAX, msgs);
}

bool
meter_has_changes(void)
{
    return switch_table_has_changes(&meters.table);
}

void
meter_settled(uint32_t xid)
{
    switch_table_settled(&meters.table, xid);
}

bool
meter_refused(uint32_t xid, enum ofperr error)
{
    return switch_table_refused(&meters.table, xid, error);
}

void
meter_retry(void)
{
    switch_table_retry(&meters.table);
}

/* Commands and the rest. */

static bool
is_listed(const struct switch_object *obj)
{
    return obj->wanted;
}

static void
meter_table_list(struct unixctl_conn *conn, int argc OVS_UNUSED,
                 const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    char *s = switch_objects_list(&meters, is_listed);

    unixctl_command_reply(conn, s);
    free(s);
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
    switch_objects_destroy(&meters);
    hmap_destroy(&meters_by_name);
    hmap_init(&meters_by_name);
}
