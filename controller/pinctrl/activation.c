/* SPDX-License-Identifier: Apache-2.0 */

/* Activation of a port that is being migrated to this chassis, with
 * activation-strategy "rarp", or "garp" or "na" of later releases (ovn-sb(5),
 * Port_Binding): the virtual machine's first announcement tells that it runs
 * here now.  What physical-port.c blocks until
 * then is unblocked by writing our name into
 * Port_Binding.options:additional-chassis-activated. */

#include <config.h>

#include <string.h>

#include "idl-columns.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "pinctrl/service.h"
#include "smap.h"
#include "sset.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_activation);

#define ACTIVATED_KEY "additional-chassis-activated"

/* A port that has announced itself. */
struct activated_port {
    uint32_t dp_key;
    uint32_t port_key;
};

struct pin_service activation_pin_service;

static void
handle_activation(const struct pin *pin)
{
    const struct activated_port port = {
        .dp_key = pin->dp_key,
        .port_key = pin->inport_key,
    };

    pin_result_put(&activation_pin_service,
                   (struct inc_key) { &port, sizeof port },
                   xmemdup(&port, sizeof port));
}

static enum pin_written
write_activated(void *port_, const struct turn *turn OVS_UNUSED,
                const struct sbrec_chassis *us)
{
    const struct activated_port *p = port_;
    const struct sbrec_port_binding *pb = pin_find_port(p->dp_key,
                                                        p->port_key);
    if (!pb || pb->chassis == us) {
        return PIN_MOOT;
    }

    const char *old = smap_get(&pb->options, ACTIVATED_KEY);
    struct sset activated;
    sset_from_delimited_string(&activated, old ? old : "", ",");
    bool done = !sset_add(&activated, us->name);
    if (!done) {
        char *new = sset_join(&activated, ",", "");

        VLOG_INFO("activating port %s", pb->logical_port);
        sbrec_port_binding_update_options_setkey(pb, ACTIVATED_KEY, new);
        free(new);
    }
    sset_destroy(&activated);
    return done ? PIN_DONE : PIN_WRITTEN;
}

static void
register_sb(struct idl_columns *columns)
{
    idl_columns_add(columns, &sbrec_port_binding_col_options, IDL_READ);
}

struct pin_service activation_pin_service = {
    .name = "activation",
    .opcodes = {
        { ACTION_OPCODE_ACTIVATION_STRATEGY_RARP, handle_activation, false },
    },
    .register_sb = register_sb,
    .write = write_activated,
    .max_results = 256,
};
