/* SPDX-License-Identifier: Apache-2.0 */

/* How the component of a local datapath is found
 * ----------------------------------------------
 *
 * The one unit "local-datapaths" walks the graph whose nodes are datapaths
 * and whose edges are the links that binding.c derives from patch ports,
 * starting from the roots.  It is run again only if a root appears or
 * disappears, or a link of a datapath that it has reached: one more port on a
 * datapath that is local already is no change to either.
 *
 * A link may be one-way (a distributed gateway port's external switch is not
 * entered on chassis that are no gateways and serve none of the router's load
 * balancers, but its ports enter the router),
 * so components are found separately, by union-find over the edges walked. */

#include <config.h>
#include "local-datapath.h"

#include "binding.h"
#include "inputs.h"
#include "lb/candidates.h"
#include "module.h"
#include "openvswitch/hmap.h"
#include "util.h"
#include "uuid.h"

struct inc_kind *local_datapath_kind;
static struct inc_kind *set_kind;       /* All of them, under INC_KEY_ONLY. */
static struct inc_kind *group_kind;     /* By group. */

/* A datapath that has been reached. */
struct node {
    struct hmap_node hmap_node;
    struct uuid uuid;
    struct node *parent;        /* Union-find; NULL for a root, which has */
    struct uuid smallest;       /* the smallest UUID of its component. */
};

struct walk {
    struct inc_unit *unit;
    struct hmap nodes;          /* Of "struct node", by 'uuid'. */
    struct node **queue;
    size_t n, allocated;
};

static bool
local_datapath_equal(const void *a_, const void *b_)
{
    const struct local_datapath *a = a_;
    const struct local_datapath *b = b_;

    return (uuid_equals(&a->uuid, &b->uuid)
            && a->tunnel_key == b->tunnel_key
            && a->is_switch == b->is_switch
            && uuid_equals(&a->nb_uuid, &b->nb_uuid)
            && nullable_string_is_equal(a->localnet_port, b->localnet_port)
            && uuid_equals(&a->component, &b->component));
}

static void
local_datapath_destroy(void *ld_)
{
    struct local_datapath *ld = ld_;

    free(ld->localnet_port);
    free(ld);
}

static struct node *
node_find(const struct walk *w, const struct uuid *uuid)
{
    struct node *node;

    HMAP_FOR_EACH_WITH_HASH (node, hmap_node, uuid_hash(uuid), &w->nodes) {
        if (uuid_equals(&node->uuid, uuid)) {
            return node;
        }
    }
    return NULL;
}

static struct node *
node_root(struct node *node)
{
    while (node->parent) {
        if (node->parent->parent) {
            node->parent = node->parent->parent;
        }
        node = node->parent;
    }
    return node;
}

static void
node_join(struct node *a, struct node *b)
{
    a = node_root(a);
    b = node_root(b);
    if (a != b) {
        if (uuid_compare_3way(&b->smallest, &a->smallest) < 0) {
            a->smallest = b->smallest;
        }
        b->parent = a;
    }
}

/* Returns the node for 'uuid', queueing it if it is new, or NULL if there is
 * no such datapath (yet). */
static struct node *
walk_reach(struct walk *w, const struct uuid *uuid)
{
    struct node *node = node_find(w, uuid);
    if (!node && in_datapath(w->unit, uuid)) {
        node = xzalloc(sizeof *node);
        node->uuid = *uuid;
        node->smallest = *uuid;
        hmap_insert(&w->nodes, &node->hmap_node, uuid_hash(uuid));
        if (w->n >= w->allocated) {
            w->queue = x2nrealloc(w->queue, &w->allocated, sizeof *w->queue);
        }
        w->queue[w->n++] = node;
    }
    return node;
}

static struct uuid
member_uuid(const struct inc_set *set, size_t i)
{
    struct inc_key key = inc_set_at(set, i);
    struct uuid uuid;

    ovs_assert(key.len == sizeof uuid);
    memcpy(&uuid, key.data, sizeof uuid);
    return uuid;
}

static void
write_local_datapath(struct walk *w, struct node *node)
{
    const struct datapath_binding *dp = in_datapath(w->unit, &node->uuid);
    const struct inc_set *localnet = binding_localnet_ports(w->unit,
                                                            &node->uuid);
    struct local_datapath *ld = xzalloc(sizeof *ld);

    ld->uuid = node->uuid;
    ld->tunnel_key = dp->tunnel_key;
    ld->is_switch = dp->is_switch;
    ld->nb_uuid = dp->nb_uuid;
    if (inc_set_count(localnet)) {
        ld->localnet_port = xstrdup(inc_set_at(localnet, 0).data);
    }
    ld->component = node_root(node)->smallest;
    inc_write(w->unit, local_datapath_kind, inc_key_uuid(&node->uuid), ld);
    inc_insert(w->unit, set_kind, INC_KEY_ONLY, inc_key_uuid(&node->uuid));
}

static void
walk_links(struct walk *w, struct node *node, const struct inc_set *links)
{
    for (size_t i = 0; i < inc_set_count(links); i++) {
        struct uuid uuid = member_uuid(links, i);
        struct node *peer = walk_reach(w, &uuid);

        if (peer) {
            node_join(node, peer);
        }
    }
}

static void
local_datapaths_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct walk w = { .unit = unit, .nodes = HMAP_INITIALIZER(&w.nodes) };

    const struct inc_set *roots = binding_roots(unit);
    for (size_t i = 0; i < inc_set_count(roots); i++) {
        struct uuid uuid = member_uuid(roots, i);
        walk_reach(&w, &uuid);
    }
    for (size_t i = 0; i < w.n; i++) {
        struct node *node = w.queue[i];

        walk_links(&w, node, binding_links(unit, &node->uuid));
        if (lb_candidates_contain(unit, &node->uuid)) {
            walk_links(&w, node, binding_served_vip_links(unit, &node->uuid));
        }
    }
    for (size_t i = 0; i < w.n; i++) {
        write_local_datapath(&w, w.queue[i]);
    }

    for (size_t i = 0; i < w.n; i++) {
        free(w.queue[i]);
    }
    free(w.queue);
    hmap_destroy(&w.nodes);
}

static int
compare_uuids(const void *a, const void *b)
{
    return uuid_compare_3way(a, b);
}

/* The local members of one Logical_DP_Group.  Groups have up to thousands of
 * members, most of which are elsewhere, so this goes through the local ones
 * and looks each up. */
static void
dp_group_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct dp_group *group = in_dp_group(unit,
                                               inc_unit_key(unit).data);
    if (!group || !group->n) {
        return;
    }

    const struct inc_set *local = inc_read_set(unit, set_kind, INC_KEY_ONLY);
    for (size_t i = 0; i < inc_set_count(local); i++) {
        struct uuid uuid = member_uuid(local, i);

        if (bsearch(&uuid, group->datapaths, group->n,
                    sizeof *group->datapaths, compare_uuids)) {
            inc_insert(unit, group_kind, inc_unit_key(unit),
                       inc_key_uuid(&uuid));
        }
    }
}

static void
init(struct inc_engine *engine)
{
    static const struct inc_kind_class datapath_class = {
        .name = "local-datapath",
        .stage = STAGE_DATAPATH,
        .key_type = INC_KEY_UUID,
        .equal = local_datapath_equal,
        .destroy = local_datapath_destroy,
    };
    static const struct inc_kind_class set_class = {
        .name = "local-datapaths",
        .stage = STAGE_DATAPATH,
        .key_type = INC_KEY_STRING,
        .is_set = true,
    };
    static const struct inc_kind_class group_class = {
        .name = "local-datapaths-of-group",
        .stage = STAGE_DP_GROUP,
        .key_type = INC_KEY_UUID,
        .is_set = true,
    };
    static const struct inc_unit_class walk_class = {
        .name = "local-datapaths",
        .stage = STAGE_DATAPATH,
        .run = local_datapaths_run,
    };
    static const struct inc_unit_class dp_group_class = {
        .name = "dp-group",
        .stage = STAGE_DP_GROUP,
        .run = dp_group_run,
    };

    local_datapath_kind = inc_kind_declare(engine, &datapath_class);
    set_kind = inc_kind_declare(engine, &set_class);
    group_kind = inc_kind_declare(engine, &group_class);
    inc_unit_add(engine, &walk_class, INC_KEY_ONLY, NULL);
    inc_kind_spawn(in_kinds.dp_group, &dp_group_class, NULL);
}

const struct local_datapath *
local_datapath(struct inc_unit *unit, const struct uuid *dp)
{
    return inc_read(unit, local_datapath_kind, inc_key_uuid(dp));
}

const struct inc_set *
local_datapaths_of_group(struct inc_unit *unit, const struct uuid *group)
{
    return inc_read_set(unit, group_kind, inc_key_uuid(group));
}

const struct inc_set *
local_datapath_peek_all(void)
{
    return inc_peek_set(set_kind, INC_KEY_ONLY);
}

const struct module local_datapath_module = {
    .name = "local-datapath",
    .init = init,
};
