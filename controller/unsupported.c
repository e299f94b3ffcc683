/* SPDX-License-Identifier: Apache-2.0 */

/* What is asked for and not done; see unsupported.h. */

#include <config.h>
#include "unsupported.h"

#include <inttypes.h>
#include <string.h>

#include "binding.h"
#include "inputs.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "ovn/actions.h"
#include "ovs-atomic.h"
#include "unixctl.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(unsupported);

/* What is not there. */

enum feature_id {
    VIF_PLUG,
    N_FEATURES
};

static const struct feature {
    const char *name;
    const char *what;           /* What comes of it. */
} features[N_FEATURES] = {
    [VIF_PLUG] = {
        .name = "vif-plug",
        .what = "interfaces of ports are not made",
    },
};

/* (unsupported, feature's name): the rows that ask for it. */

static struct inc_kind *unsupported_kind;

static const struct inc_kind_class unsupported_kind_class = {
    .name = "unsupported", .stage = STAGE_FLOW, .key_type = INC_KEY_STRING,
    .is_set = true,
};

static void OVS_PRINTF_FORMAT(3, 4)
note(struct inc_unit *unit, enum feature_id id, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *row = xvasprintf(format, args);
    va_end(args);
    inc_insert(unit, unsupported_kind, inc_key_string(features[id].name),
               inc_key_string(row));
    free(row);
}

/* The features that the log has named. */
static bool warned[N_FEATURES];

static void
warn(struct inc_key key, const void *old OVS_UNUSED,
     const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    const struct inc_set *rows = inc_peek_set(unsupported_kind, key);
    size_t n = inc_set_count(rows);

    for (size_t i = 0; i < N_FEATURES; i++) {
        const struct feature *f = &features[i];

        if (n && !warned[i] && !strcmp(f->name, key.data)) {
            const char *row = inc_set_at(rows, 0).data;

            VLOG_WARN("%s is not supported: %s.  It is asked for by %s%s",
                      f->name, f->what, row,
                      n > 1 ? " and others (see unsupported/list)" : "");
            warned[i] = true;
        }
    }
}

/* Who asks: ports. */

static void
note_port(struct inc_unit *unit, enum feature_id id,
          const struct port_binding *pb)
{
    note(unit, id, "Port_Binding %s", pb->logical_port);
}

static void
note_rare_port(struct inc_unit *unit, const struct port_binding *pb,
               const struct uuid *us)
{
    if (smap_get(&pb->options, "vif-plug-type")
        && uuid_equals(&pb->requested_chassis, us)) {
        note_port(unit, VIF_PLUG, pb);
    }
}

static void
rare_port_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct port_binding *pb
        = in_port_binding(unit, inc_unit_key(unit).data);
    const struct uuid us = in_our_chassis(unit);

    if (pb && !uuid_is_zero(&us)) {
        note_rare_port(unit, pb, &us);
    }
}

static const struct inc_unit_class rare_port_class = {
    .name = "unsupported-port", .stage = STAGE_FLOW, .run = rare_port_run,
};

/* The rest. */

static void
init(struct inc_engine *engine)
{
    unsupported_kind = inc_kind_declare(engine, &unsupported_kind_class);
    inc_kind_watch(unsupported_kind, warn, NULL);
    inc_kind_spawn(in_kinds.rare_port, &rare_port_class, NULL);
}

/* Packet-ins. */

static const char *const opcode_names[] = {
#define ACTION_OPCODE(ENUM, VALUE) [VALUE] = #ENUM,
#include "ovn/action-opcodes.def"
#undef ACTION_OPCODE
};

/* By opcode; at last, all those that are unknown.  Counted on the packet
 * thread. */
static atomic_uint64_t n_packets[ARRAY_SIZE(opcode_names) + 1];

static const char *
opcode_name(size_t opcode)
{
    return (opcode < ARRAY_SIZE(opcode_names) ? opcode_names[opcode]
            : "unknown");
}

void
unsupported_packet(uint32_t opcode, uint64_t cookie)
{
    size_t i = MIN(opcode, ARRAY_SIZE(opcode_names));
    uint64_t n;

    atomic_add_relaxed(&n_packets[i], 1, &n);
    if (!n) {
        VLOG_WARN("packet-in of flow %#"PRIx64" ignored: opcode %"PRIu32" "
                  "(%s) is not supported; from now on, such packets are only "
                  "counted (see unsupported/list)", cookie, opcode,
                  opcode_name(i));
    }
}

/* unsupported/list */

static void
list(struct unixctl_conn *conn, int argc OVS_UNUSED,
     const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < N_FEATURES; i++) {
        const struct feature *f = &features[i];
        const struct inc_set *rows
            = inc_peek_set(unsupported_kind, inc_key_string(f->name));

        if (inc_set_count(rows)) {
            ds_put_format(&s, "%s: %s\n", f->name, f->what);
        }
        for (size_t j = 0; j < inc_set_count(rows); j++) {
            ds_put_format(&s, "    %s\n",
                          (const char *) inc_set_at(rows, j).data);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(n_packets); i++) {
        uint64_t n;

        atomic_read_relaxed(&n_packets[i], &n);
        if (n) {
            ds_put_format(&s, "packets ignored, with opcode %s: %"PRIu64"\n",
                          opcode_name(i), n);
        }
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

static void
register_commands(void)
{
    unixctl_command_register("unsupported/list", "", 0, 0, list, NULL);
}

const struct module unsupported_module = {
    .name = "unsupported",
    .init = init,
    .commands = register_commands,
};
