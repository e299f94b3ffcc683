/* SPDX-License-Identifier: Apache-2.0 */

/* Commands that belong to no module; see commands.h. */

#include <config.h>
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "inputs.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "smap.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(commands);

static void
do_nothing(struct unixctl_conn *conn, int argc OVS_UNUSED,
           const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    unixctl_command_reply(conn, NULL);
}

static void
lflow_cache_show_stats(struct unixctl_conn *conn, int argc OVS_UNUSED,
                       const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    unixctl_command_reply(conn, "Enabled: false\n"
                          "high-watermark  : 0\n"
                          "total           : 0\n"
                          "cache-expr      : 0\n"
                          "cache-matches   : 0\n"
                          "trim count      : 0\n"
                          "Mem usage (KB)  : 0\n");
}

static void
dump_local_template_vars(struct unixctl_conn *conn, int argc OVS_UNUSED,
                         const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    const char *our_name = inc_peek(in_kinds.ovs_fact,
                                    inc_key_string("chassis-name"));
    const struct smap *vars
        = our_name ? inc_peek(in_kinds.template_vars,
                              inc_key_string(our_name)) : NULL;
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&s, "Local template vars:\n");
    if (vars) {
        const struct smap_node **nodes = smap_sort(vars);

        for (size_t i = 0; i < smap_count(vars); i++) {
            ds_put_format(&s, "name: '%s' value: '%s'\n", nodes[i]->key,
                          nodes[i]->value);
        }
        free(nodes);
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

/* Keeps the main thread from everything, for as long as FILE, a named pipe, is
 * not written to and closed: what a long computation does, without one. */
static void
stall(struct unixctl_conn *conn, int argc OVS_UNUSED, const char *argv[],
      void *aux OVS_UNUSED)
{
    VLOG_WARN("main thread stalled until somebody has written to %s",
              argv[1]);

    FILE *pipe = fopen(argv[1], "r");
    if (!pipe) {
        unixctl_command_reply_error(conn, ovs_strerror(errno));
        return;
    }
    while (fgetc(pipe) != EOF) {
        continue;
    }
    fclose(pipe);
    VLOG_INFO("main thread goes on");
    unixctl_command_reply(conn, NULL);
}

static void
register_commands(void)
{
    unixctl_command_register("debug/stall", "file", 1, 1, stall, NULL);
    unixctl_command_register("lflow-cache/flush", "", 0, 0, do_nothing, NULL);
    unixctl_command_register("flush-lflow-cache", "[deprecated]", 0, 0,
                             do_nothing, NULL);
    unixctl_command_register("lflow-cache/show-stats", "", 0, 0,
                             lflow_cache_show_stats, NULL);
    unixctl_command_register("debug/ignore-startup-delay", "", 0, 0,
                             do_nothing, NULL);
    unixctl_command_register("debug/dump-local-template-vars", "", 0, 0,
                             dump_local_template_vars, NULL);
}

const struct module commands_module = {
    .name = "commands",
    .commands = register_commands,
};
