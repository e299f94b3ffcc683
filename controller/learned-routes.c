/* SPDX-License-Identifier: Apache-2.0 */

/* Learned routes
 * ==============
 *
 * What a routing daemon of the host's has learned for a router is in the
 * router's table (see dynamic-routing.c).  Here it becomes rows of
 * Learned_Route, of which ovn-northd makes logical flows:
 *
 *     learning ports, kernel's tables ----+
 *                                         +--> agree(): what differs
 *     rows that are ours to judge --------+
 *
 * A row does not say which chassis has written it, but it says which port the
 * route was learned on.  A port's gateway is on one chassis at most, and that
 * one judges: it inserts what is missing, and deletes what it has not learned,
 * or has twice, whoever has written it.  While a gateway is on no chassis, as
 * on its way from one to another, its rows stay for the one that comes.  The
 * rows of a port that learns nothing any more belong to nobody, so whoever
 * knows the router may delete them; that several try does no harm.  In a row
 * that is there, nothing is ever written.
 *
 * As with desired-rows.h, only a pass that finds nothing to write ends the
 * doubt. */

#include <config.h>
#include "learned-routes.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "coverage.h"
#include "dynamic-routing.h"
#include "hash.h"
#include "idl-columns.h"
#include "inputs.h"
#include "kernel-routes.h"
#include "local-datapath.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/shash.h"
#include "ovn-sb-idl.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "smap.h"
#include "util.h"
#include "uuid.h"
#include "uuidset.h"

COVERAGE_DEFINE(learned_routes_pass);

/* Value of a cell of 'our_row_kind'. */
struct our_row {
    struct uuid port;           /* Of the Port_Binding. */
    struct uuid datapath;
    char *ip_prefix;
    char *nexthop;
};

/* (our-learned-route, UUID of a Learned_Route): those that are ours to
 * judge. */
static struct inc_kind *our_row_kind;

static bool is_doubted = true;
static uint64_t seqno;          /* The kernel's routes, when rows agreed. */
static uint64_t devices_seqno;  /* The same for names of devices. */

/* The devices that routes are learned by way of, by name.  The data is the
 * index that one had in the last pass, 0 if it was not there. */
static struct shash devices = SHASH_INITIALIZER(&devices);

static bool
our_row_equal(const void *a_, const void *b_)
{
    const struct our_row *a = a_;
    const struct our_row *b = b_;

    return (uuid_equals(&a->port, &b->port)
            && uuid_equals(&a->datapath, &b->datapath)
            && !strcmp(a->ip_prefix, b->ip_prefix)
            && !strcmp(a->nexthop, b->nexthop));
}

static void
our_row_destroy(void *row_)
{
    struct our_row *row = row_;

    free(row->ip_prefix);
    free(row->nexthop);
    free(row);
}

/* Whose a row is. */

/* Will there be somebody who judges the rows of 'gateway'? */
static bool
is_waiting(const struct port_binding *gateway)
{
    return (uuid_is_zero(&gateway->chassis)
            && (gateway->type == LP_L3GATEWAY
                || gateway->type == LP_CHASSISREDIRECT)
            && smap_get_bool(&gateway->options, "dynamic-routing", false));
}

static void
row_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct learned_route *row
        = in_learned_route(unit, inc_unit_key(unit).data);
    const struct uuid us = in_our_chassis(unit);
    const struct port_binding *pb
        = (row && row->logical_port && !uuid_is_zero(&us)
           && local_datapath(unit, &row->datapath)
           ? in_port_binding(unit, row->logical_port) : NULL);
    if (!pb) {
        return;
    }

    const char *cr = smap_get(&pb->options, "chassis-redirect-port");
    const struct port_binding *gateway = cr ? in_port_binding(unit, cr) : pb;
    if (gateway
        && (is_waiting(gateway)
            || (!uuid_is_zero(&gateway->chassis)
                && !uuid_equals(&gateway->chassis, &us)))) {
        return;
    }

    struct our_row *ours = xmalloc(sizeof *ours);
    *ours = (struct our_row) {
        .port = pb->uuid,
        .datapath = row->datapath,
        .ip_prefix = xstrdup(row->ip_prefix),
        .nexthop = xstrdup(row->nexthop),
    };
    inc_write(unit, our_row_kind, inc_unit_key(unit), ours);
}

static void
something_changed(struct inc_key key OVS_UNUSED, const void *old OVS_UNUSED,
                  const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    is_doubted = true;
}

/* What rows there should be. */

struct wanted_row {
    struct hmap_node node;      /* In a pass's 'wanted'. */
    struct uuid port;
    struct uuid datapath;
    char *ip_prefix;
    char *nexthop;
    bool is_there;
};

/* A pass over all that is learned, and all rows. */
struct pass {
    const struct turn *turn;
    struct hmap wanted;         /* Of "struct wanted_row". */
    struct uuidset unknown;     /* Ports whose tables have yet to be read:
                                 * they keep their rows. */
    bool changed;
};

static uint32_t
row_hash(const struct uuid *port, const char *ip_prefix, const char *nexthop)
{
    return hash_string(nexthop, hash_string(ip_prefix, uuid_hash(port)));
}

static struct wanted_row *
wanted_row_find(const struct pass *pass, const struct uuid *port,
                const char *ip_prefix, const char *nexthop)
{
    struct wanted_row *w;

    HMAP_FOR_EACH_WITH_HASH (w, node, row_hash(port, ip_prefix, nexthop),
                             &pass->wanted) {
        if (uuid_equals(&w->port, port) && !strcmp(w->ip_prefix, ip_prefix)
            && !strcmp(w->nexthop, nexthop)) {
            return w;
        }
    }
    return NULL;
}

/* As the stock controller writes a prefix: without a length if it is an
 * address. */
static char *
format_prefix(const struct kernel_learned *r)
{
    const uint32_t host = IN6_IS_ADDR_V4MAPPED(&r->prefix) ? 32 : 128;
    struct ds s = DS_EMPTY_INITIALIZER;

    ipv6_format_mapped(&r->prefix, &s);
    if (r->plen != host) {
        ds_put_format(&s, "/%"PRIu32, r->plen);
    }
    return ds_steal_cstr(&s);
}

static void
want_row(struct pass *pass, const struct uuid *port_uuid,
         const struct learning_port *port, const struct kernel_learned *r)
{
    struct ds nexthop = DS_EMPTY_INITIALIZER;
    char *prefix = format_prefix(r);

    ipv6_format_mapped(&r->nexthop, &nexthop);
    if (wanted_row_find(pass, port_uuid, prefix, ds_cstr(&nexthop))) {
        free(prefix);
        ds_destroy(&nexthop);
        return;
    }

    struct wanted_row *w = xmalloc(sizeof *w);
    *w = (struct wanted_row) {
        .port = *port_uuid,
        .datapath = port->datapath,
        .ip_prefix = prefix,
        .nexthop = ds_steal_cstr(&nexthop),
    };
    hmap_insert(&pass->wanted, &w->node,
                row_hash(port_uuid, w->ip_prefix, w->nexthop));
}

static uint32_t
device_index(const char *name)
{
    struct shash_node *node = shash_find(&devices, name);

    if (!node) {
        const uintptr_t ifindex = if_nametoindex(name);

        node = shash_add(&devices, name, (void *) ifindex);
    }
    return (uintptr_t) node->data;
}

/* Devices come and go all the time; few of them have names that matter. */
static bool
device_changed(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &devices) {
        if (if_nametoindex(node->name) != (uintptr_t) node->data) {
            return true;
        }
    }
    return false;
}

static void
want_rows_of_port(struct inc_key key, const void *port_, void *pass_)
{
    const struct learning_port *port = port_;
    struct pass *pass = pass_;
    const struct kernel_learned *learned;
    struct uuid uuid;
    size_t n;

    memcpy(&uuid, key.data, sizeof uuid);
    if (!kernel_table_learned(port->table, &learned, &n)) {
        uuidset_insert(&pass->unknown, &uuid);
        return;
    }

    const uint32_t ifindex = port->device ? device_index(port->device) : 0;
    for (size_t i = 0; i < n; i++) {
        if ((port->any_device || (ifindex && learned[i].ifindex == ifindex))
            && (port->learns_host_routes || !learned[i].is_hosts)) {
            want_row(pass, &uuid, port, &learned[i]);
        }
    }
}

/* Making rows what they should be. */

static void
judge_row(struct inc_key key, const void *row_, void *pass_)
{
    const struct our_row *ours = row_;
    struct pass *pass = pass_;
    struct wanted_row *w = wanted_row_find(pass, &ours->port, ours->ip_prefix,
                                           ours->nexthop);
    struct uuid uuid;

    if (w && !w->is_there && uuid_equals(&w->datapath, &ours->datapath)) {
        w->is_there = true;
    } else if (!uuidset_contains(&pass->unknown, &ours->port)) {
        memcpy(&uuid, key.data, sizeof uuid);
        const struct sbrec_learned_route *row
            = sbrec_learned_route_get_for_uuid(pass->turn->sb_idl, &uuid);

        if (row) {
            sbrec_learned_route_delete(row);
            pass->changed = true;
        }
    }
}

static void
insert_row(struct pass *pass, const struct wanted_row *w)
{
    const struct sbrec_port_binding *pb
        = sbrec_port_binding_get_for_uuid(pass->turn->sb_idl, &w->port);

    if (pb && pb->datapath) {
        const struct sbrec_learned_route *row
            = sbrec_learned_route_insert(pass->turn->sb_txn);

        sbrec_learned_route_set_datapath(row, pb->datapath);
        sbrec_learned_route_set_logical_port(row, pb);
        sbrec_learned_route_set_ip_prefix(row, w->ip_prefix);
        sbrec_learned_route_set_nexthop(row, w->nexthop);
        pass->changed = true;
    }
}

static void
pass_destroy(struct pass *pass)
{
    struct wanted_row *w;

    HMAP_FOR_EACH_POP (w, node, &pass->wanted) {
        free(w->ip_prefix);
        free(w->nexthop);
        free(w);
    }
    hmap_destroy(&pass->wanted);
    uuidset_destroy(&pass->unknown);
}

static void
complete(const struct turn *turn)
{
    if (seqno != kernel_routes_seqno()) {
        seqno = kernel_routes_seqno();
        is_doubted = true;
    }
    if (devices_seqno != kernel_devices_seqno()) {
        devices_seqno = kernel_devices_seqno();
        is_doubted |= device_changed();
    }
    if (!is_doubted || !turn->sb_txn
        || !ovsdb_idl_server_has_table(turn->sb_idl,
                                       &sbrec_table_learned_route)) {
        return;
    }

    struct pass pass = {
        .turn = turn,
        .wanted = HMAP_INITIALIZER(&pass.wanted),
        .unknown = UUIDSET_INITIALIZER(&pass.unknown),
    };
    struct wanted_row *w;

    COVERAGE_INC(learned_routes_pass);
    shash_clear(&devices);
    inc_kind_for_each(learning_port_kind, want_rows_of_port, &pass);
    inc_kind_for_each(our_row_kind, judge_row, &pass);
    HMAP_FOR_EACH (w, node, &pass.wanted) {
        if (!w->is_there) {
            insert_row(&pass, w);
        }
    }
    is_doubted = pass.changed;
    pass_destroy(&pass);
}

/* Rows of ports that learn here. */
static bool
cleanup(const struct turn *turn)
{
    const struct sbrec_learned_route *row;
    bool is_there = false;

    if (!ovsdb_idl_is_connected(turn->sb_idl)) {
        return true;
    }
    SBREC_LEARNED_ROUTE_FOR_EACH (row, turn->sb_idl) {
        if (row->logical_port
            && inc_peek(learning_port_kind,
                        inc_key_uuid(&row->logical_port->header_.uuid))) {
            is_there = true;
            if (turn->sb_txn) {
                sbrec_learned_route_delete(row);
            }
        }
    }
    return !is_there;
}

static void
destroy(void)
{
    shash_destroy(&devices);
}

/* Wiring. */

static const struct inc_kind_class our_row_class = {
    .name = "our-learned-route",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_UUID,
    .equal = our_row_equal,
    .destroy = our_row_destroy,
};

static const struct inc_unit_class row_class = {
    .name = "learned-route",
    .stage = STAGE_ZONE,
    .run = row_run,
};

static void
init(struct inc_engine *engine)
{
    our_row_kind = inc_kind_declare(engine, &our_row_class);
    inc_kind_spawn(in_kinds.learned_route, &row_class, NULL);
    inc_kind_watch(our_row_kind, something_changed, NULL);
    inc_kind_watch(learning_port_kind, something_changed, NULL);
}

const struct module learned_routes_module = {
    .name = "learned-routes",
    .init = init,
    .complete = complete,
    .cleanup = cleanup,
    .destroy = destroy,
};
