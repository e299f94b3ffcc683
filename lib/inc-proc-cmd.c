/* SPDX-License-Identifier: Apache-2.0 */

/* The engine's commands for operators: see ovn-controller(8). */

#include <config.h>

#include "inc-proc-eng-private.h"

#include <inttypes.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "simap.h"
#include "svec.h"
#include "unixctl.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(inc_proc_cmd);

static void
key_format(struct ds *s, enum inc_key_type type, const void *data, size_t len)
{
    if (type == INC_KEY_STRING && len && !((const char *) data)[len - 1]) {
        ds_put_cstr(s, len > 1 ? data : "-");
    } else if (type == INC_KEY_UUID && len == sizeof(struct uuid)) {
        struct uuid uuid;
        memcpy(&uuid, data, sizeof uuid);
        ds_put_format(s, UUID_FMT, UUID_ARGS(&uuid));
    } else if (type == INC_KEY_U64 && len == sizeof(uint64_t)) {
        uint64_t u64;
        memcpy(&u64, data, sizeof u64);
        ds_put_format(s, "%"PRIu64, u64);
    } else {
        ds_put_hex(s, data, len);
    }
}

/* Appends "KIND KEY". */
void
inc_cell_format(struct ds *s, const struct inc_cell *cell)
{
    ds_put_format(s, "%s ", cell->kind->class->name);
    key_format(s, cell->kind->class->key_type, cell->key, cell->key_len);
}

void
inc_engine_get_memory_usage(const struct inc_engine *engine,
                            struct simap *usage)
{
    simap_increase(usage, "inc_engine_cells",
                   engine->cells.n - engine->cells.n_free);
    simap_increase(usage, "inc_engine_units",
                   engine->units.n - engine->units.n_free);
    simap_increase(usage, "inc_engine_dependencies", engine->n_reads);
}

static bool
unit_class_counter(const struct unit_class *uc, const char *name,
                   unsigned long long *value)
{
    if (!strcmp(name, "recompute")) {
        *value = uc->n_recompute;
    } else if (!strcmp(name, "compute")) {
        *value = uc->n_compute;
    } else if (!strcmp(name, "abort")) {
        *value = 0;
    } else {
        return false;
    }
    return true;
}

/* inc-engine/show-stats [NODE [COUNTER]], in ovn-controller(8)'s words.  A
 * node is a class of units here.  What is counted is units: "compute", how
 * many have run because something that they read had changed (or because they
 * were new); "recompute", how many because everything was asked to; "abort",
 * which there is no such thing as, is 0. */
static void
show_stats_cmd(struct unixctl_conn *conn, int argc, const char *argv[],
               void *engine_)
{
    const struct inc_engine *engine = engine_;
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < engine->n_classes; i++) {
        const struct unit_class *uc = engine->classes[i];
        if (argc > 1 && strcmp(argv[1], uc->class->name)) {
            continue;
        }
        if (argc > 2) {
            unsigned long long value;
            if (unit_class_counter(uc, argv[2], &value)) {
                ds_put_format(&s, "%llu\n", value);
            } else {
                ds_put_format(&s, "Invalid stat type : %s\n", argv[2]);
            }
        } else {
            ds_put_format(&s, "Node: %s\n"
                          "- recompute: %12llu\n"
                          "- compute:   %12llu\n"
                          "- abort:     %12d\n",
                          uc->class->name, uc->n_recompute, uc->n_compute, 0);
        }
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

static void
clear_stats_cmd(struct unixctl_conn *conn, int argc OVS_UNUSED,
                const char *argv[] OVS_UNUSED, void *engine_)
{
    struct inc_engine *engine = engine_;

    for (size_t i = 0; i < engine->n_classes; i++) {
        engine->classes[i]->n_compute = engine->classes[i]->n_recompute = 0;
    }
    unixctl_command_reply(conn, NULL);
}

/* inc-engine/compute-log-timeout MSEC: units of a class that together take
 * that long in one run are worth a message. */
static void
compute_log_timeout_cmd(struct unixctl_conn *conn, int argc OVS_UNUSED,
                        const char *argv[], void *engine_)
{
    struct inc_engine *engine = engine_;
    unsigned int msec;

    if (str_to_uint(argv[1], 10, &msec)) {
        engine->log_msec = msec;
        unixctl_command_reply(conn, NULL);
    } else {
        unixctl_command_reply_error(conn, "unsigned integer required");
    }
}

static void
recompute_cmd(struct unixctl_conn *conn, int argc OVS_UNUSED,
              const char *argv[] OVS_UNUSED, void *engine_)
{
    VLOG_INFO("User triggered force recompute.");
    inc_recompute(engine_);
    poll_immediate_wake();
    unixctl_command_reply(conn, NULL);
}

/* Appends the key by which the user calls 'unit'. */
static void
unit_format_key(struct ds *s, const struct inc_unit *unit)
{
    enum inc_key_type type = (unit->origin
                              ? unit->origin->kind->class->key_type
                              : INC_KEY_STRING);

    key_format(s, type, unit->key, unit->key_len);
}

static bool
unit_is_called(const struct inc_unit *unit, const char *name)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    unit_format_key(&s, unit);
    bool equal = !strcmp(ds_cstr(&s), name);
    ds_destroy(&s);
    return equal;
}

static void
unit_format_reads(struct ds *s, const struct inc_unit *unit)
{
    for (size_t i = 0; i < unit->n_reads; i++) {
        const struct inc_cell *cell
            = unit->engine->cells.items[unit->reads[i].cell];
        inc_cell_format(s, cell);
        if (cell->kind->class->is_set) {
            ds_put_format(s, " (%"PRIuSIZE" members)",
                          cell->set ? cell->set->n : 0);
        } else if (!cell->value) {
            ds_put_cstr(s, " (absent)");
        }
        ds_put_char(s, '\n');
    }
}

/* Appends the keys of the units of 'uc', a line each, in order. */
static void
format_keys(struct ds *s, const struct unit_class *uc)
{
    struct svec keys = SVEC_EMPTY_INITIALIZER;
    const struct inc_unit *unit;
    const char *key;
    size_t i;

    HMAP_FOR_EACH (unit, node, &uc->units) {
        struct ds line = DS_EMPTY_INITIALIZER;

        unit_format_key(&line, unit);
        svec_add_nocopy(&keys, ds_steal_cstr(&line));
    }
    svec_sort(&keys);
    SVEC_FOR_EACH (i, key, &keys) {
        ds_put_format(s, "%s\n", key);
    }
    svec_destroy(&keys);
}

/* inc-engine/why CLASS KEY: what does this unit depend on?  Without a KEY:
 * which units are there? */
static void
why_cmd(struct unixctl_conn *conn, int argc, const char *argv[],
        void *engine_)
{
    const struct inc_engine *engine = engine_;
    const struct unit_class *uc = NULL;
    const struct inc_unit *unit;
    bool found = false;

    for (size_t i = 0; i < engine->n_classes; i++) {
        if (!strcmp(engine->classes[i]->class->name, argv[1])) {
            uc = engine->classes[i];
        }
    }
    if (!uc) {
        unixctl_command_reply_error(conn, "no such class: "
                                    "inc-engine/show-stats has their names");
        return;
    }

    struct ds s = DS_EMPTY_INITIALIZER;
    if (argc == 2) {
        format_keys(&s, uc);
        found = true;
    } else {
        HMAP_FOR_EACH (unit, node, &uc->units) {
            if (unit_is_called(unit, argv[2])) {
                unit_format_reads(&s, unit);
                found = true;
            }
        }
    }
    if (found) {
        unixctl_command_reply(conn, ds_cstr(&s));
    } else {
        unixctl_command_reply_error(conn, "no such unit: inc-engine/why with "
                                    "the class alone lists their keys");
    }
    ds_destroy(&s);
}

void
inc_engine_register_commands(struct inc_engine *engine)
{
    unixctl_command_register("inc-engine/show-stats", "", 0, 2,
                             show_stats_cmd, engine);
    unixctl_command_register("inc-engine/clear-stats", "", 0, 0,
                             clear_stats_cmd, engine);
    unixctl_command_register("inc-engine/compute-log-timeout", "MSEC", 1, 1,
                             compute_log_timeout_cmd, engine);
    unixctl_command_register("inc-engine/recompute", "", 0, 0,
                             recompute_cmd, engine);
    unixctl_command_register("recompute", "[deprecated]", 0, 0,
                             recompute_cmd, engine);
    unixctl_command_register("inc-engine/why", "CLASS [KEY]", 1, 2,
                             why_cmd, engine);
}
