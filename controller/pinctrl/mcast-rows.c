/* SPDX-License-Identifier: Apache-2.0 */

/* Rows of IGMP_Group; see mcast-rows.h. */

#include <config.h>

#include "idl-row.h"
#include "pinctrl/mcast-rows.h"

#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "hash.h"
#include "idl-columns.h"
#include "inputs.h"
#include "ip-text.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "ovn-sb-idl.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "pinctrl/service.h"
#include "smap.h"
#include "util.h"
#include "uuid.h"
#include "uuidset.h"

/* What there should be. */

struct datapath {
    struct hmap_node node;      /* In 'datapaths', by 'uuid'. */
    struct uuid uuid;
    uint32_t key;
    struct hmap groups;         /* Of "struct group"s. */
};
static struct hmap datapaths = HMAP_INITIALIZER(&datapaths);

struct group {
    struct hmap_node node;      /* In 'dp->groups', by 'address'. */
    struct hmap_node doubt_node; /* In 'doubted', if 'is_doubted'. */
    struct datapath *dp;
    char *address;
    bool is_doubted;
    bool is_wanted;             /* If not, its row is to go, and then it. */
    bool is_seen;               /* By mcast_rows_take(). */
    enum mcast_protocol protocol;
    uint16_t *ports;
    size_t n_ports;
};
static struct hmap doubted = HMAP_INITIALIZER(&doubted);

/* Rows that somebody has changed, and that may be ours without being
 * wanted. */
static struct uuidset unclaimed = UUIDSET_INITIALIZER(&unclaimed);

static bool is_complete;        /* All datapaths have been heard of. */
static struct uuid our_chassis; /* Whose rows groups were compared with. */

static struct ovsdb_idl_index *row_by_group;

void
mcast_snapshot_destroy(void *snapshot_)
{
    struct mcast_snapshot *snapshot = snapshot_;

    if (snapshot) {
        free(snapshot->groups);
        free(snapshot->ports);
        free(snapshot);
    }
}

static struct datapath *
find_datapath(const struct uuid *uuid)
{
    struct datapath *dp;

    HMAP_FOR_EACH_WITH_HASH (dp, node, uuid_hash(uuid), &datapaths) {
        if (uuid_equals(&dp->uuid, uuid)) {
            return dp;
        }
    }
    return NULL;
}

static struct group *
find_group(const struct datapath *dp, const char *address)
{
    struct group *g;

    HMAP_FOR_EACH_WITH_HASH (g, node, hash_string(address, 0), &dp->groups) {
        if (!strcmp(g->address, address)) {
            return g;
        }
    }
    return NULL;
}

static void
doubt(struct group *g)
{
    if (!g->is_doubted) {
        g->is_doubted = true;
        hmap_insert(&doubted, &g->doubt_node, hash_pointer(g, 0));
    }
}

static void
believe(struct group *g)
{
    if (g->is_doubted) {
        g->is_doubted = false;
        hmap_remove(&doubted, &g->doubt_node);
    }
}

static void
group_destroy(struct group *g)
{
    struct datapath *dp = g->dp;

    believe(g);
    hmap_remove(&dp->groups, &g->node);
    free(g->address);
    free(g->ports);
    free(g);
    if (hmap_is_empty(&dp->groups)) {
        hmap_remove(&datapaths, &dp->node);
        hmap_destroy(&dp->groups);
        free(dp);
    }
}

/* Snapshots. */

static char *
format_address(const struct in6_addr *ip)
{
    if (!ipv6_addr_is_set(ip)) {
        return xstrdup(MCAST_ROUTERS_ADDRESS);
    }

    struct ds s = DS_EMPTY_INITIALIZER;
    ipv6_format_mapped(ip, &s);
    return ds_steal_cstr(&s);
}

static void
take_group(struct datapath *dp, const struct mcast_snapshot *snapshot,
           const struct mcast_snapshot_group *sg)
{
    char *address = format_address(&sg->ip);
    const uint16_t *ports = &snapshot->ports[sg->first_port];
    const size_t size = sg->n_ports * sizeof *ports;
    struct group *g = find_group(dp, address);

    if (!g) {
        g = xzalloc(sizeof *g);
        g->dp = dp;
        g->address = address;
        hmap_insert(&dp->groups, &g->node, hash_string(address, 0));
    } else {
        free(address);
    }
    g->is_seen = true;
    if (g->is_wanted && g->protocol == sg->protocol
        && g->n_ports == sg->n_ports
        && (!size || !memcmp(g->ports, ports, size))) {
        return;
    }
    g->is_wanted = true;
    g->protocol = sg->protocol;
    free(g->ports);
    g->ports = size ? xmemdup(ports, size) : NULL;
    g->n_ports = sg->n_ports;
    doubt(g);
}

/* What the snapshot does not speak of is to go. */
static void
drop_unseen(struct datapath *dp)
{
    struct group *g;

    HMAP_FOR_EACH (g, node, &dp->groups) {
        if (!g->is_seen && g->is_wanted) {
            g->is_wanted = false;
            doubt(g);
        }
        g->is_seen = false;
    }
}

void
mcast_rows_take(const struct mcast_snapshot *snapshot)
{
    if (uuid_is_zero(&snapshot->dp)) {
        is_complete = true;
        return;
    }

    struct datapath *dp = find_datapath(&snapshot->dp);
    if (!dp) {
        if (!snapshot->n_groups) {
            return;
        }
        dp = xzalloc(sizeof *dp);
        dp->uuid = snapshot->dp;
        hmap_init(&dp->groups);
        hmap_insert(&datapaths, &dp->node, uuid_hash(&dp->uuid));
    }
    dp->key = snapshot->dp_key;
    for (size_t i = 0; i < snapshot->n_groups; i++) {
        take_group(dp, snapshot, &snapshot->groups[i]);
    }
    drop_unseen(dp);
}

/* Rows. */

static void
doubt_group_of(const struct igmp_group *row)
{
    const struct datapath *dp = row ? find_datapath(&row->datapath) : NULL;
    struct group *g = dp ? find_group(dp, row->address) : NULL;

    if (g) {
        doubt(g);
    }
}

static void
row_changed(struct inc_key key, const void *old, const void *new,
            void *aux OVS_UNUSED)
{
    doubt_group_of(old);
    doubt_group_of(new);
    if (new) {
        uuidset_insert(&unclaimed, key.data);
    }
}

static void
doubt_groups_with(const struct port_binding *pb)
{
    const struct datapath *dp = pb ? find_datapath(&pb->datapath) : NULL;
    struct group *g;

    if (!dp) {
        return;
    }
    HMAP_FOR_EACH (g, node, &dp->groups) {
        for (size_t i = 0; i < g->n_ports; i++) {
            if (g->ports[i] == pb->tunnel_key) {
                doubt(g);
                break;
            }
        }
    }
}

/* Which port a tunnel key stands for, and whether it is here, may be another
 * matter now. */
static void
port_changed(struct inc_key key OVS_UNUSED, const void *old_, const void *new_,
             void *aux OVS_UNUSED)
{
    const struct port_binding *old = old_;
    const struct port_binding *new = new_;

    if (old && new && old->tunnel_key == new->tunnel_key
        && uuid_equals(&old->datapath, &new->datapath)
        && uuid_equals(&old->chassis, &new->chassis)
        && old->n_additional_chassis == new->n_additional_chassis
        && (!old->n_additional_chassis
            || !memcmp(old->additional_chassis, new->additional_chassis,
                       (old->n_additional_chassis
                        * sizeof *old->additional_chassis)))) {
        return;
    }
    doubt_groups_with(old);
    doubt_groups_with(new);
}

void
mcast_rows_init(struct inc_engine *engine OVS_UNUSED)
{
    inc_kind_watch(in_kinds.igmp_group, row_changed, NULL);
    inc_kind_watch(in_kinds.port_binding, port_changed, NULL);
}

void
mcast_rows_register(struct idl_columns *columns)
{
    static const struct ovsdb_idl_column *const read[] = {
        &sbrec_port_binding_col_additional_chassis,
        &sbrec_port_binding_col_chassis,
        &sbrec_port_binding_col_datapath,
        &sbrec_port_binding_col_tunnel_key,
        &sbrec_chassis_col_name,
    };

    idl_columns_add_all(columns, read, ARRAY_SIZE(read), IDL_READ);
    idl_columns_add_index(columns, &row_by_group,
                          &sbrec_igmp_group_col_datapath,
                          &sbrec_igmp_group_col_address);
}

/* Whether another chassis has the port, and not ours as well: then that one
 * hears what the port reports, and speaks for it. */
static bool
is_elsewhere(const struct sbrec_port_binding *pb,
             const struct sbrec_chassis *us)
{
    return (pb->chassis && pb->chassis != us
            && !binding_row_has_additional(pb, us));
}

/* Our row about 'address', or NULL. */
static const struct sbrec_igmp_group *
find_row(const struct sbrec_datapath_binding *dp, const char *address,
         const struct sbrec_chassis *us)
{
    const struct sbrec_igmp_group *found = NULL, *row;
    struct sbrec_igmp_group *target
        = sbrec_igmp_group_index_init_row(row_by_group);

    sbrec_igmp_group_index_set_datapath(target, dp);
    sbrec_igmp_group_index_set_address(target, address);
    SBREC_IGMP_GROUP_FOR_EACH_EQUAL (row, target, row_by_group) {
        if (row->chassis == us) {
            found = row;
            break;
        }
    }
    sbrec_igmp_group_index_destroy_row(target);
    return found;
}

static int
compare_uuids(const void *a, const void *b)
{
    return uuid_compare_3way(a, b);
}

/* Whether the row has the 'n' ports.  The row's raw UUIDs are compared:
 * Port_Bindings that are not monitored count, too. */
static bool
has_ports(const struct sbrec_igmp_group *row,
          struct sbrec_port_binding *const ports[], size_t n)
{
    const struct ovsdb_datum *datum
        = sbrec_igmp_group_get_ports(row, OVSDB_TYPE_UUID);
    bool equal = datum->n == n;

    if (equal && n) {
        struct uuid *uuids = xmalloc(n * sizeof *uuids);

        for (size_t i = 0; i < n; i++) {
            uuids[i] = ports[i]->header_.uuid;
        }
        qsort(uuids, n, sizeof *uuids, compare_uuids);
        for (size_t i = 0; i < n && equal; i++) {
            equal = uuid_equals(&uuids[i], &datum->keys[i].uuid);
        }
        free(uuids);
    }
    return equal;
}

/* What is compared and written: columns that the server may lack are NULL
 * then. */
struct wanted_row {
    struct sbrec_port_binding **ports;
    size_t n_ports;
    const char *protocol;
    const char *chassis_name;
};

static bool
says(const struct sbrec_igmp_group *row, const struct wanted_row *w)
{
    return (has_ports(row, w->ports, w->n_ports)
            && (!w->protocol || !strcmp(row->protocol, w->protocol))
            && (!w->chassis_name
                || !strcmp(row->chassis_name, w->chassis_name)));
}

static void
write_row(const struct sbrec_igmp_group *row, const struct wanted_row *w)
{
    sbrec_igmp_group_set_ports(row, w->ports, w->n_ports);
    if (w->protocol) {
        sbrec_igmp_group_set_protocol(row, w->protocol);
    }
    if (w->chassis_name) {
        sbrec_igmp_group_set_chassis_name(row, w->chassis_name);
    }
}

/* Has 'g' written.  Returns true if there is nothing left to do. */
static bool
agree_wanted(const struct group *g, const struct sbrec_datapath_binding *dp,
             const struct turn *turn, const struct sbrec_chassis *us)
{
    const struct sbrec_igmp_group *row = find_row(dp, g->address, us);
    const bool has_protocol
        = ovsdb_idl_server_has_column(turn->sb_idl,
                                      &sbrec_igmp_group_col_protocol);
    const bool has_name
        = ovsdb_idl_server_has_column(turn->sb_idl,
                                      &sbrec_igmp_group_col_chassis_name);
    struct wanted_row w = {
        .ports = xmalloc(MAX(g->n_ports, 1) * sizeof *w.ports),
        .protocol = (!has_protocol ? NULL
                     : g->protocol == MCAST_N_PROTOCOLS ? ""
                     : mcast_protocol_name(g->protocol)),
        .chassis_name = has_name ? us->name : NULL,
    };
    bool agrees = true;

    for (size_t i = 0; i < g->n_ports; i++) {
        const struct sbrec_port_binding *pb = pin_find_port(g->dp->key,
                                                            g->ports[i]);
        if (pb && !is_elsewhere(pb, us)) {
            w.ports[w.n_ports++] = CONST_CAST(struct sbrec_port_binding *, pb);
        }
    }
    if (!w.n_ports && strcmp(g->address, MCAST_ROUTERS_ADDRESS)) {
        /* Its ports have gone. */
        agrees = !row;
        if (row) {
            sbrec_igmp_group_delete(row);
        }
    } else if (!row || !says(row, &w)) {
        if (!row) {
            row = sbrec_igmp_group_insert(turn->sb_txn);
            sbrec_igmp_group_set_datapath(row, dp);
            sbrec_igmp_group_set_chassis(row, us);
            sbrec_igmp_group_set_address(row, g->address);
        }
        write_row(row, &w);
        agrees = false;
    }
    free(w.ports);
    /* A port that is not here may come. */
    return agrees && w.n_ports == g->n_ports;
}

static void
agree(struct group *g, const struct turn *turn,
      const struct sbrec_chassis *us)
{
    const struct sbrec_datapath_binding *dp
        = sbrec_datapath_binding_get_for_uuid(turn->sb_idl, &g->dp->uuid);
    const bool has_dp = IDL_ROW_IF_EXISTS(dp) != NULL;

    if (g->is_wanted) {
        if (has_dp && agree_wanted(g, dp, turn, us)) {
            believe(g);
        }
        return;
    }

    const struct sbrec_igmp_group *row
        = has_dp ? find_row(dp, g->address, us) : NULL;
    if (row) {
        sbrec_igmp_group_delete(row);
    } else {
        group_destroy(g);
    }
}

/* Deletes 'uuid' if it is ours and nothing asks for it.  Returns true if
 * there is nothing left to do. */
static bool
judge_unclaimed(const struct uuid *uuid, const struct turn *turn,
                const struct sbrec_chassis *us)
{
    const struct sbrec_igmp_group *row
        = sbrec_igmp_group_get_for_uuid(turn->sb_idl, uuid);

    if (!IDL_ROW_IF_EXISTS(row) || row->chassis != us) {
        return true;
    }
    const struct datapath *dp
        = row->datapath ? find_datapath(&row->datapath->header_.uuid) : NULL;
    if (dp && find_group(dp, row->address)) {
        return true;            /* agree() looks after it. */
    }
    sbrec_igmp_group_delete(row);
    return false;
}

/* Our Chassis row is another one.  Rows of the former say nothing about the
 * groups, and some may have been there that say they are of this one. */
static void
doubt_all(struct ovsdb_idl *sb_idl)
{
    const struct sbrec_igmp_group *row;

    SBREC_IGMP_GROUP_FOR_EACH (row, sb_idl) {
        uuidset_insert(&unclaimed, &row->header_.uuid);
    }

    struct datapath *dp;
    struct group *g;

    HMAP_FOR_EACH (dp, node, &datapaths) {
        HMAP_FOR_EACH (g, node, &dp->groups) {
            doubt(g);
        }
    }
}

void
mcast_rows_commit(const struct turn *turn, const struct sbrec_chassis *us)
{
    struct group *g;
    struct uuidset_node *node;

    if (!us || !turn->sb_txn || !is_complete) {
        return;
    }
    if (!uuid_equals(&our_chassis, &us->header_.uuid)) {
        our_chassis = us->header_.uuid;
        doubt_all(turn->sb_idl);
    }
    UUIDSET_FOR_EACH_SAFE (node, &unclaimed) {
        if (judge_unclaimed(&node->uuid, turn, us)) {
            uuidset_delete(&unclaimed, node);
        }
    }
    HMAP_FOR_EACH_SAFE (g, doubt_node, &doubted) {
        agree(g, turn, us);
    }
}

void
mcast_rows_destroy(void)
{
    struct datapath *dp;
    struct group *g;

    HMAP_FOR_EACH_SAFE (dp, node, &datapaths) {
        /* The last one takes the datapath along. */
        for (size_t n = hmap_count(&dp->groups); n > 0; n--) {
            g = CONTAINER_OF(hmap_first(&dp->groups), struct group, node);
            group_destroy(g);
        }
    }
    hmap_destroy(&datapaths);
    hmap_destroy(&doubted);
    uuidset_destroy(&unclaimed);
}

/* What our rows say at a start. */

static bool
parse_address(const char *address, struct in6_addr *ip)
{
    if (!strcmp(address, MCAST_ROUTERS_ADDRESS)) {
        *ip = in6addr_any;
        return true;
    }
    return ip_text_parse(address, ip) && ipv6_addr_is_set(ip);
}

struct mcast_remembered *
mcast_rows_remember(const struct turn *turn, size_t *n)
{
    struct mcast_remembered *all = NULL;
    const struct sbrec_igmp_group *row;
    size_t allocated = 0;

    *n = 0;
    SBREC_IGMP_GROUP_FOR_EACH (row, turn->sb_idl) {
        struct mcast_remembered r = {
            .protocol = mcast_protocol_from_name(row->protocol),
        };

        if (!row->chassis || !row->datapath
            || !uuid_equals(&row->chassis->header_.uuid, &turn->our_chassis)
            || !parse_address(row->address, &r.ip)) {
            continue;
        }
        r.dp_key = row->datapath->tunnel_key;
        for (size_t i = 0; i < row->n_ports; i++) {
            const struct sbrec_port_binding *pb = row->ports[i];

            if (pb->datapath != row->datapath
                || is_elsewhere(pb, row->chassis)) {
                continue;
            }
            if (*n >= allocated) {
                all = x2nrealloc(all, &allocated, sizeof *all);
            }
            r.port_key = pb->tunnel_key;
            all[(*n)++] = r;
        }
    }
    return all;
}
