/* SPDX-License-Identifier: Apache-2.0 */

/* Connections that an ACL has allowed for good; see acl-id.h. */

#include <config.h>
#include "acl-id.h"

#include <stdlib.h>

#include "ct-zone.h"
#include "fenced-list.h"
#include "inputs.h"
#include "module.h"
#include "ofctrl.h"
#include "openvswitch/list.h"
#include "util.h"

/* Where ct_label.acl_id begins, in the upper half, and how long it is. */
#define LABEL_OFS (80 - 64)
#define LABEL_MASK UINT64_C(0xffff)
/* ct_mark.allow_established.  The same bits of ct_label are used for other
 * things, too. */
#define MARK_ALLOW_ESTABLISHED (1u << 6)

/* A number that an ACL had. */
struct former {
    struct fenced fenced;       /* In 'flushes', until the flows without the
                                 * ACL are in the switch. */
    uint16_t id;
};
static struct ovs_list flushes = OVS_LIST_INITIALIZER(&flushes);

static void
acl_id_changed(struct inc_key key OVS_UNUSED, const void *old_,
               const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    const struct acl_id *old = old_;

    if (old) {
        struct former *f = xzalloc(sizeof *f);

        f->id = old->id;
        fenced_list_push(&flushes, &f->fenced);
    }
}

static void
flush_zone(struct inc_key key OVS_UNUSED, const void *zone, void *former_)
{
    const struct former *f = former_;
    const ovs_u128 label = { .u64.hi = (uint64_t) f->id << LABEL_OFS };
    const ovs_u128 mask = { .u64.hi = LABEL_MASK << LABEL_OFS };

    ofctrl_ct_flush_label((uintptr_t) zone, label, mask,
                          MARK_ALLOW_ESTABLISHED);
}

/* Connections are in the zones of the ports of switches. */
static void
flush(struct fenced *item)
{
    struct former *f = CONTAINER_OF(item, struct former, fenced);

    inc_kind_for_each(ct_zone_kind_of_port, flush_zone, f);
    free(f);
}

static void
commit(const struct turn *turn)
{
    fenced_list_run(&flushes, turn, flush);
}

static void
destroy(void)
{
    struct former *f;

    LIST_FOR_EACH_POP (f, fenced.list_node, &flushes) {
        free(f);
    }
}

static void
init(struct inc_engine *engine OVS_UNUSED)
{
    inc_kind_watch(in_kinds.acl_id, acl_id_changed, NULL);
}

const struct module acl_id_module = {
    .name = "acl-id",
    .init = init,
    .commit = commit,
    .destroy = destroy,
};
