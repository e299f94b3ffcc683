/* SPDX-License-Identifier: Apache-2.0 */

/* The main thread's part of packet-ins: starts and stops the packet thread
 * (thread.c), tells it about the switch and that its facts are complete, and
 * writes what services want written (result.c).
 *
 * Services are known by services.def alone. */

#include <config.h>

#include "idl-row.h"
#include "pinctrl/pinctrl.h"

#include <inttypes.h>

#include "idl-columns.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "ovn-sb-idl.h"
#include "ovs-config.h"
#include "ovsdb-idl.h"
#include "pinctrl/pinctrl-private.h"
#include "simap.h"
#include "unixctl.h"
#include "util.h"

#define PIN_SERVICE(NAME) extern struct pin_service NAME##_pin_service;
#include "pinctrl/services.def"
#undef PIN_SERVICE

static struct pin_service *const services[] = {
#define PIN_SERVICE(NAME) &NAME##_pin_service,
#include "pinctrl/services.def"
#undef PIN_SERVICE
};
static struct pin_service_state states[ARRAY_SIZE(services)];

static bool has_committed;      /* In this turn: not so while paused. */
static bool has_been_complete;
static bool is_complete;        /* In this turn: the southbound snapshot. */

static void
init(struct inc_engine *engine)
{
    pin_results_start();
    pin_commands_init();
    pin_packets_init(services, ARRAY_SIZE(services));
    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        struct pin_service *service = services[i];

        service->state = &states[i];
        pin_results_init(service);
        if (service->init) {
            service->init(engine);
        }
    }
}

static void
register_sb(struct idl_columns *columns)
{
    pin_rows_register_sb(columns);
    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        if (services[i]->register_sb) {
            services[i]->register_sb(columns);
        }
    }
}

/* pinctrl/show */

static void
show(struct unixctl_conn *conn, int argc OVS_UNUSED,
     const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "packet-ins: %"PRIu64"\nchanges of facts: %"PRIu64"\n",
                  pin_n_packet_ins(), fact_n_changes());
    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        const struct pin_service_state *state = &states[i];

        ds_put_format(&s, "%s: packets=%"PRIu64" malformed=%"PRIu64,
                      services[i]->name, pin_counted(&state->n_packets),
                      pin_counted(&state->n_malformed));
        if (services[i]->write) {
            ds_put_format(&s, " results=%"PRIu64" waiting=%"PRIuSIZE
                          " dropped=%"PRIu64,
                          pin_counted(&state->n_results),
                          pin_results_count(services[i]),
                          pin_counted(&state->n_dropped));
        }
        ds_put_char(&s, '\n');
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

static void
register_commands(void)
{
    unixctl_command_register("pinctrl/show", "", 0, 0, show, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        pin_commands_register(services[i]);
    }
}

/* In each turn. */

static void
run(struct turn *turn)
{
    /* Not before daemonization, which forks. */
    pin_thread_start(services, ARRAY_SIZE(services));
    pin_thread_connect(turn->target, turn->config->openflow_probe_s);
}

static void
commit(const struct turn *turn)
{
    const struct sbrec_chassis *us = NULL;

    fact_publish_installed();
    pin_results_look();
    has_committed = true;
    /* A row that an incomplete snapshot lacks may be there. */
    if (turn->sb_txn && is_complete) {
        us = sbrec_chassis_get_for_uuid(turn->sb_idl, &turn->our_chassis);
        us = IDL_ROW_IF_EXISTS(us);
    }
    is_complete = false;
    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        pin_results_run(services[i], turn, us);
        if (services[i]->commit) {
            services[i]->commit(turn, us);
        }
    }
}

static void
away(const struct turn *turn OVS_UNUSED)
{
    fact_take_fence();
}

static void
complete(const struct turn *turn)
{
    fact_take_fence();
    is_complete = true;
    if (!has_been_complete) {
        has_been_complete = true;
        for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
            if (services[i]->start) {
                services[i]->start(turn);
            }
        }
        pin_thread_facts_complete();
    }
}

static void
serve(void)
{
    pin_commands_reply();
}

static void
wait_for_thread(void)
{
    pin_commands_wait();
    if (has_committed) {
        pin_results_wait();
        has_committed = false;
    }
}

static void
report(struct simap *usage, const char *service, const char *what,
       size_t value)
{
    if (value) {
        char *name = xasprintf("pinctrl-%s-%s", service, what);

        simap_increase(usage, name, value);
        free(name);
    }
}

static void
memory(struct simap *usage)
{
    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        const char *service = services[i]->name;

        report(usage, service, "results",
               hmap_count(&states[i].pending.by_key));
        for (struct pin_gauge *const *g = services[i]->gauges; g && *g;
             g++) {
            size_t value;

            atomic_read_relaxed(&(*g)->value, &value);
            report(usage, service, (*g)->name, value);
        }
    }
}

static void
destroy(void)
{
    pin_thread_stop();
    fact_drop_changes();
    pin_packets_destroy();
    pin_commands_destroy();
    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        pin_results_destroy(services[i]);
        if (services[i]->destroy) {
            services[i]->destroy();
        }
    }
    pin_results_end();
}

const struct module pinctrl_module = {
    .name = "pinctrl",
    .init = init,
    .register_sb = register_sb,
    .commands = register_commands,
    .serve = serve,
    .run = run,
    .complete = complete,
    .away = away,
    .commit = commit,
    .wait = wait_for_thread,
    .memory = memory,
    .destroy = destroy,
};
