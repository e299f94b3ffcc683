/* SPDX-License-Identifier: Apache-2.0 */

/* Whether the central is understood; see guard.h.
 *
 * Logical flows that are not understood are members of sets, into which their
 * units put them.  So one that is mended or goes is out of the set, and if
 * ovn-northd is downgraded, or takes back what it wrote for a feature that we
 * no longer announce, then the guard lets go by itself. */

#include <config.h>
#include "guard.h"

#include <string.h>

#include "inc-proc-eng.h"
#include "inputs.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "ovn/lex.h"
#include "ovs-config.h"
#include "smap.h"
#include "unixctl.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(guard);

/* The major version of the newest southbound schema that we know. */
#define MAX_SCHEMA 21

/* So many logical flows may be odd. */
#define HANDFUL 5

enum reason {
    UNDERSTOOD,
    NEW_SCHEMA,
    NEW_TABLES,
    NEW_WORDS,
};

static const struct inc_kind_class kind_class = {
    .name = "not-understood",
    .stage = STAGE_FLOW,
    .key_type = INC_KEY_STRING,
    .is_set = true,
};
static struct inc_kind *kind;
#define WORDS inc_key_string("words")
#define TABLES inc_key_string("tables")

/* As the last guard_check() saw it. */
static enum reason reason;
static struct ds why = DS_EMPTY_INITIALIZER;
static bool forced;

/* Stages whose matches operators write, typos and all. */
static bool
has_operators_text(const struct logical_flow *lf)
{
    static const char *const parts[] = {
        "_acl", "_policy", "_qos", "_dnat", "_snat", "_pre_lb",
    };

    for (size_t i = 0; lf->stage_name && i < ARRAY_SIZE(parts); i++) {
        if (strstr(lf->stage_name, parts[i])) {
            return true;
        }
    }
    return !lf->stage_name;
}

/* Whether there are template variables in the texts: what they stand for on
 * this chassis, operators write, and one that is not there stands for its own
 * name. */
static bool
has_template(const struct logical_flow *lf)
{
    return strchr(lf->match, '^') || strchr(lf->actions, '^');
}

void
guard_note_error(struct inc_unit *unit, const struct logical_flow *lf,
                 const char *error)
{
    if (has_template(lf)) {
        return;
    }
    if (strstr(error, LEX_NO_ACTION)
        || (strstr(error, LEX_NO_FIELD)
            && !has_operators_text(lf))) {
        inc_insert(unit, kind, WORDS, inc_key_uuid(&lf->uuid));
    }
}

void
guard_note_table(struct inc_unit *unit, const struct logical_flow *lf)
{
    if (lf->stage_name) {
        inc_insert(unit, kind, TABLES, inc_key_uuid(&lf->uuid));
    }
}

/* Appends which flow it is that is the first member of 'set'. */
static void
put_example(const struct inc_set *set)
{
    struct inc_key key = inc_set_at(set, 0);
    const struct logical_flow *lf = inc_peek(in_kinds.logical_flow, key);
    struct uuid uuid;

    memcpy(&uuid, key.data, sizeof uuid);
    ds_put_format(&why, UUID_FMT, UUID_ARGS(&uuid));
    if (lf) {
        ds_put_format(&why, " (table %d, %s)", lf->table_id,
                      lf->stage_name ? lf->stage_name : "no stage");
    }
}

/* The major version of the schema in "26.03.1-21.8.0-82.14", or 0. */
static int
schema_of_version(const char *version)
{
    int major;

    return (version && ovs_scan(version, "%*[^-]-%d.", &major) ? major : 0);
}

/* Finds out whether the central is understood, and puts into 'why' why not. */
static enum reason
judge(void)
{
    const struct smap *options = inc_peek(in_kinds.sb_options, INC_KEY_ONLY);
    const char *version = options ? smap_get(options,
                                             "northd_internal_version") : NULL;
    const struct inc_set *tables = inc_peek_set(kind, TABLES);
    const struct inc_set *words = inc_peek_set(kind, WORDS);

    ds_clear(&why);
    if (schema_of_version(version) > MAX_SCHEMA) {
        ds_put_format(&why, "ovn-northd is %s: its southbound schema is newer "
                      "than %d.x", version, MAX_SCHEMA);
        return NEW_SCHEMA;
    } else if (inc_set_count(tables)) {
        ds_put_cstr(&why, "the logical pipeline has more tables than there is "
                    "room for: logical flow ");
        put_example(tables);
        return NEW_TABLES;
    } else if (inc_set_count(words) > HANDFUL) {
        ds_put_format(&why, "%"PRIuSIZE" logical flows have actions or fields "
                      "that are not known, the first is ",
                      inc_set_count(words));
        put_example(words);
        return NEW_WORDS;
    }
    return UNDERSTOOD;
}

bool
guard_check(const struct turn *turn)
{
    enum reason now = judge();

    if (now != reason || forced != turn->config->force_takeover) {
        reason = now;
        forced = turn->config->force_takeover;
        if (now == UNDERSTOOD) {
            VLOG_INFO("the central is understood");
        } else if (forced) {
            VLOG_WARN("the central is not understood, and taken over by "
                      "force (external_ids:ovn-force-takeover): %s",
                      ds_cstr(&why));
        } else {
            VLOG_ERR("the central is not understood, so the switch is left as "
                     "it is (external_ids:ovn-force-takeover=true overrides "
                     "that): %s", ds_cstr(&why));
        }
    }
    return reason == UNDERSTOOD || forced;
}

static void
status(struct unixctl_conn *conn, int argc OVS_UNUSED,
       const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    const struct ovn_dialect *d = inputs_dialect();
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&s, reason == UNDERSTOOD ? "understood\n"
                : forced ? "not understood, taken over by force\n"
                : "not understood, the switch is left as it is\n");
    if (reason != UNDERSTOOD) {
        ds_put_format(&s, "reason: %s\n", ds_cstr(&why));
    }
    ds_put_format(&s, "OpenFlow tables: as OVN %s\n", d->layout);
    ds_put_format(&s, "registers: %s\n", (d->register_consolidation
                                          ? "consolidated" : "as OVN 23.03"));
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

static void
init(struct inc_engine *engine)
{
    kind = inc_kind_declare(engine, &kind_class);
}

static void
register_commands(void)
{
    unixctl_command_register("central-status", "", 0, 0, status, NULL);
}

static void
destroy(void)
{
    ds_destroy(&why);
}

const struct module guard_module = {
    .name = "guard",
    .init = init,
    .commands = register_commands,
    .destroy = destroy,
};
