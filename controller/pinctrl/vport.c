/* SPDX-License-Identifier: Apache-2.0 */

/* Virtual ports: bind_vport of ovn-sb(5).
 *
 * A virtual port's address moves between its parents (VRRP and the like).
 * Whichever parent has announced it last has it: its chassis writes itself and
 * the parent into the virtual port's row, both in one transaction, because a
 * chassis that saw only half of it would give the port up again.  All else
 * follows from the row, in binding.c, and so does giving the port up when the
 * parent goes.
 *
 * An announcement is pending until the row says so, since a transaction may
 * fail.  It is out of date once another chassis has written itself into the
 * row in the meantime: two chassis that insisted on theirs would take the port
 * from each other. */

#include <config.h>

#include <string.h>

#include "coverage.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "ovsdb-idl.h"
#include "pinctrl/pinctrl-private.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_vport);

COVERAGE_DEFINE(pinctrl_drop_vport);

#define MAX_PENDING 256
#define MAX_TRIES 5

static struct announcement {
    uint32_t dp_key;
    uint32_t vport_key;
    uint32_t parent_key;
    int n_tries;
    struct uuid seen_chassis;   /* That the row named at the first try. */
} pending[MAX_PENDING];
static size_t n_pending;

void
vport_destroy(void)
{
    n_pending = 0;
}

void
pin_handle_bind_vport(const struct pin *pin)
{
    const ovs_be32 *vport_key = ofpbuf_try_pull(pin->userdata,
                                                sizeof *vport_key);
    if (!vport_key) {
        pin_malformed(pin, "bind_vport names no port");
        return;
    }

    const struct announcement new = {
        .dp_key = pin->dp_key,
        .vport_key = ntohl(*vport_key),
        .parent_key = pin->inport_key,
    };
    for (size_t i = 0; i < n_pending; i++) {
        if (pending[i].dp_key == new.dp_key
            && pending[i].vport_key == new.vport_key) {
            pending[i] = new;
            return;
        }
    }
    /* If there is no room, the next announcement will find some. */
    if (n_pending < MAX_PENDING) {
        pending[n_pending++] = new;
    } else {
        COVERAGE_INC(pinctrl_drop_vport);
    }
}

static void
claim(const struct sbrec_port_binding *pb,
      const struct sbrec_port_binding *parent, const struct sbrec_chassis *us)
{
    VLOG_INFO("Claiming virtual lport %s for this chassis with the virtual "
              "parent %s", pb->logical_port, parent->logical_port);
    /* "up" is binding-commit.c's to follow. */
    sbrec_port_binding_verify_chassis(pb);
    sbrec_port_binding_set_chassis(pb, us);
    sbrec_port_binding_set_virtual_parent(pb, parent->logical_port);
}

/* Returns true if nothing is left to do. */
static bool
commit_announcement(struct announcement *a, const struct sbrec_chassis *us)
{
    const struct sbrec_port_binding *pb
        = learn_find_port(a->dp_key, a->vport_key);
    const struct sbrec_port_binding *parent
        = learn_find_port(a->dp_key, a->parent_key);
    if (!pb || !parent || strcmp(pb->type, "virtual")) {
        return true;            /* Gone in the meantime. */
    }
    if (pb->chassis == us && pb->virtual_parent
        && !strcmp(pb->virtual_parent, parent->logical_port)) {
        return true;
    }

    const struct uuid chassis = (pb->chassis ? pb->chassis->header_.uuid
                                 : UUID_ZERO);
    if (!a->n_tries) {
        a->seen_chassis = chassis;
    } else if (pb->chassis && pb->chassis != us
               && !uuid_equals(&chassis, &a->seen_chassis)) {
        return true;            /* Announced elsewhere since. */
    }
    if (++a->n_tries > MAX_TRIES) {
        return true;
    }
    claim(pb, parent, us);
    return false;
}

void
vport_commit(const struct sbrec_chassis *us)
{
    size_t n = 0;

    for (size_t i = 0; i < n_pending; i++) {
        if (!commit_announcement(&pending[i], us)) {
            pending[n++] = pending[i];
        }
    }
    n_pending = n;
}
