/* SPDX-License-Identifier: Apache-2.0 */

/* Activation of a port that is being migrated to this chassis, with
 * activation-strategy "rarp" (ovn-sb(5), Port_Binding): the virtual machine's
 * first RARP tells that it runs here now.  What physical-port.c blocks until
 * then is unblocked by writing our name into
 * Port_Binding.options:additional-chassis-activated. */

#include <config.h>

#include <string.h>

#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "pinctrl/pinctrl-private.h"
#include "smap.h"
#include "sset.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_activation);

#define MAX_PENDING 256
#define ACTIVATED_KEY "additional-chassis-activated"

/* Ports that have announced themselves, and are not written yet. */
static struct activated_port {
    uint32_t dp_key;
    uint32_t port_key;
} pending[MAX_PENDING];
static size_t n_pending;

void
activation_destroy(void)
{
    n_pending = 0;
}

void
pin_handle_activation(const struct pin *pin)
{
    for (size_t i = 0; i < n_pending; i++) {
        if (pending[i].dp_key == pin->dp_key
            && pending[i].port_key == pin->inport_key) {
            return;
        }
    }
    /* If there is no room, the next RARP will find some. */
    if (n_pending < MAX_PENDING) {
        pending[n_pending++] = (struct activated_port) {
            .dp_key = pin->dp_key,
            .port_key = pin->inport_key,
        };
    }
}

/* Returns true if nothing is left to do. */
static bool
commit_port(const struct activated_port *p, const struct sbrec_chassis *us)
{
    const struct sbrec_port_binding *pb = learn_find_port(p->dp_key,
                                                          p->port_key);
    if (!pb || pb->chassis == us) {
        return true;
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
    return done;
}

void
activation_commit(const struct sbrec_chassis *us)
{
    size_t n = 0;

    for (size_t i = 0; i < n_pending; i++) {
        if (!commit_port(&pending[i], us)) {
            pending[n++] = pending[i];
        }
    }
    n_pending = n;
}
