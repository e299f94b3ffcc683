/* SPDX-License-Identifier: Apache-2.0 */

/* Connections by way of next hops that are no more; see ecmp-nexthop.h. */

#include <config.h>
#include "ecmp-nexthop.h"

#include <stdlib.h>
#include <string.h>

#include "ct-zone.h"
#include "fenced-list.h"
#include "inputs.h"
#include "module.h"
#include "ofctrl.h"
#include "openvswitch/list.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(ecmp_nexthop);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Where ct_label.ecmp_reply_eth begins. */
#define LABEL_OFS 32

/* Value of a cell of 'way_kind', without holes. */
struct way {
    struct eth_addr mac;
    uint16_t zone;
};

/* (ecmp-way, UUID of an ECMP_Nexthop): by what connections' labels tell that
 * it is theirs, and where they are. */
static struct inc_kind *way_kind;

/* One that was there in the last complete snapshot, and may be gone. */
struct former {
    struct fenced fenced;       /* In 'formers', and then in 'flushes', until
                                 * the flows without it are in the switch. */
    struct way way;
};
static struct ovs_list formers = OVS_LIST_INITIALIZER(&formers);
static struct ovs_list flushes = OVS_LIST_INITIALIZER(&flushes);

static bool
way_equal(const void *a, const void *b)
{
    return !memcmp(a, b, sizeof(struct way));
}

static void
run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct ecmp_nexthop *nexthop
        = in_ecmp_nexthop(unit, inc_unit_key(unit).data);
    struct way way;

    if (!nexthop || !nexthop->mac[0]) {
        return;
    }
    way.zone = ct_zone_dnat(unit, &nexthop->datapath);
    if (!way.zone) {
        return;                 /* Its router is not local. */
    }
    if (!eth_addr_from_string(nexthop->mac, &way.mac)) {
        UNIT_WARN(unit, &rl, "ECMP_Nexthop "UUID_FMT": \"%s\" "
                  "is no Ethernet address", UUID_ARGS(&nexthop->uuid),
                  nexthop->mac);
        return;
    }
    inc_write(unit, way_kind, inc_unit_key(unit),
              xmemdup(&way, sizeof way));
}

static void
way_changed(struct inc_key key OVS_UNUSED, const void *old,
            const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    if (old) {
        struct former *f = xzalloc(sizeof *f);

        f->way = *(const struct way *) old;
        ovs_list_push_back(&formers, &f->fenced.list_node);
    }
}

/* A search for a next hop that is there. */
struct search {
    const struct way *way;
    bool found;
};

static void
compare_way(struct inc_key key OVS_UNUSED, const void *way, void *search_)
{
    struct search *search = search_;

    search->found |= way_equal(way, search->way);
}

static void
complete(const struct turn *turn OVS_UNUSED)
{
    struct former *f;

    LIST_FOR_EACH_SAFE (f, fenced.list_node, &formers) {
        struct search search = { .way = &f->way };

        inc_kind_for_each(way_kind, compare_way, &search);
        ovs_list_remove(&f->fenced.list_node);
        if (search.found || !ct_zone_is_ours(f->way.zone)) {
            free(f);
        } else {
            fenced_list_push(&flushes, &f->fenced);
        }
    }
}

static void
flush(struct fenced *item)
{
    struct former *f = CONTAINER_OF(item, struct former, fenced);
    const uint64_t mac = eth_addr_to_uint64(f->way.mac);
    const uint64_t mask = UINT64_C(0xffffffffffff);
    const ovs_u128 label = {
        .u64 = { .lo = mac << LABEL_OFS, .hi = mac >> LABEL_OFS }
    };
    const ovs_u128 label_mask = {
        .u64 = { .lo = mask << LABEL_OFS, .hi = mask >> LABEL_OFS }
    };

    ofctrl_ct_flush_label(f->way.zone, label, label_mask, 0);
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

    LIST_FOR_EACH_POP (f, fenced.list_node, &formers) {
        free(f);
    }
    LIST_FOR_EACH_POP (f, fenced.list_node, &flushes) {
        free(f);
    }
}

static void
init(struct inc_engine *engine)
{
    static const struct inc_kind_class way_class = {
        .name = "ecmp-way",
        .stage = STAGE_FLOW,
        .key_type = INC_KEY_UUID,
        .equal = way_equal,
        .destroy = free,
    };
    static const struct inc_unit_class unit_class = {
        .name = "ecmp-nexthop",
        .stage = STAGE_FLOW,
        .run = run,
    };

    way_kind = inc_kind_declare(engine, &way_class);
    inc_kind_spawn(in_kinds.ecmp_nexthop, &unit_class, NULL);
    inc_kind_watch(way_kind, way_changed, NULL);
}

const struct module ecmp_nexthop_module = {
    .name = "ecmp-nexthop",
    .init = init,
    .complete = complete,
    .commit = commit,
    .destroy = destroy,
};
