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

#include "idl-columns.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "ovsdb-idl.h"
#include "pinctrl/service.h"
#include "unaligned.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_vport);

/* That somebody has a virtual port's address. */
struct announcement {
    uint32_t dp_key;
    uint32_t vport_key;
    uint32_t parent_key;
    bool tried;
    struct uuid seen_chassis;   /* That the row named at the first try. */
};

struct pin_service vport_pin_service;

static void
handle_bind_vport(const struct pin *pin)
{
    const ovs_be32 *vport_key = ofpbuf_try_pull(pin->userdata,
                                                sizeof *vport_key);
    if (!vport_key) {
        pin_malformed(pin, PIN_BAD_USERDATA, "bind_vport names no port");
        return;
    }

    const struct announcement new = {
        .dp_key = pin->dp_key,
        .vport_key = ntohl(get_unaligned_be32(vport_key)),
        .parent_key = pin->inport_key,
    };
    const uint32_t key[] = { new.dp_key, new.vport_key };
    pin_result_put(&vport_pin_service, (struct inc_key) { key, sizeof key },
                   xmemdup(&new, sizeof new));
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

static enum pin_written
write_announcement(void *announcement, const struct turn *turn OVS_UNUSED,
                   const struct sbrec_chassis *us)
{
    struct announcement *a = announcement;
    const struct sbrec_port_binding *pb
        = pin_find_port(a->dp_key, a->vport_key);
    const struct sbrec_port_binding *parent
        = pin_find_port(a->dp_key, a->parent_key);
    if (!pb || !parent || strcmp(pb->type, "virtual")) {
        return PIN_MOOT;        /* Gone in the meantime. */
    }
    if (pb->chassis == us && pb->virtual_parent
        && !strcmp(pb->virtual_parent, parent->logical_port)) {
        return PIN_DONE;
    }

    const struct uuid chassis = (pb->chassis ? pb->chassis->header_.uuid
                                 : UUID_ZERO);
    if (!a->tried) {
        a->tried = true;
        a->seen_chassis = chassis;
    } else if (pb->chassis && pb->chassis != us
               && !uuid_equals(&chassis, &a->seen_chassis)) {
        return PIN_MOOT;        /* Announced elsewhere since. */
    }
    claim(pb, parent, us);
    return PIN_WRITTEN;
}

static void
register_sb(struct idl_columns *columns)
{
    idl_columns_add(columns, &sbrec_port_binding_col_logical_port, IDL_READ);
}

struct pin_service vport_pin_service = {
    .name = "vport",
    .opcodes = { { ACTION_OPCODE_BIND_VPORT, handle_bind_vport, false } },
    .register_sb = register_sb,
    .write = write_announcement,
    .max_results = 256,
};
