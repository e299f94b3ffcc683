/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */


#include <config.h>
#include "ct-zone.h"

#include "binding.h"
#include "hash.h"
#include "inputs.h"
#include "local-datapath.h"
#include "module.h"
#include "ofctrl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/vlog.h"
#include "ovs-config.h"
#include "ovs-port.h"
#include "ovsdb-idl.h"
#include "sset.h"
#include "unixctl.h"
#include "util.h"
#include "uuid.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(ct_zone);

/* What is handed out
 * ------------------
 *
 * The table of names and numbers is state that outlives a unit's run, which
 * is sound because it is a function of what is wanted plus history: a unit
 * that runs again asks for the same name and gets the same number.
 *
 * The exception is a number that somebody asks for by number and that another
 * name has by chance.  The one with the right to it gets it at once.  The
 * other is told by its cell of the kind "ct-zone-moved" and gets a new one in
 * another engine run, before anything is sent to the switch. */

#define MAX_CT_ZONE UINT16_MAX

struct zone {
    struct hmap_node hmap_node; /* In 'zones', by 'name'. */
    char *name;                 /* Logical port or UUID_dnat, UUID_snat. */
    int number;
    int n_users;                /* Units; 0: adopted, not asked for yet. */
    bool requested;             /* By number; others may share it. */
    bool flush_queued;          /* ofctrl has yet to be told. */
    uint64_t fence;             /* Flushed once this is reached; 0: none. */
};

/* What a unit holds. */
struct holder {
    char *names[2];
};

static struct hmap zones = HMAP_INITIALIZER(&zones);
static unsigned int n_names[MAX_CT_ZONE + 1]; /* Names that have a number. */
static int lowest_free = 1;     /* No lower number is free. */
static struct sset dirty = SSET_INITIALIZER(&dirty);  /* Not as in the db. */
static struct sset moved = SSET_INITIALIZER(&moved);
static bool may_have_unasked;   /* Any zone with 'n_users' of 0? */
static bool any_unflushed;      /* Any zone with 'flush_queued' or 'fence'? */

static struct inc_kind *port_kind;      /* Lport -> number. */
static struct inc_kind *datapath_kind;  /* Datapath -> struct dp_zones. */
static struct inc_kind *moved_kind;     /* Name -> serial number. */

struct dp_zones {
    int dnat, snat;
};

/* The table. */

static struct zone *
zone_find(const char *name)
{
    struct zone *zone;

    HMAP_FOR_EACH_WITH_HASH (zone, hmap_node, hash_string(name, 0), &zones) {
        if (!strcmp(zone->name, name)) {
            return zone;
        }
    }
    return NULL;
}

static void
zone_set_number(struct zone *zone, int number)
{
    if (zone->number) {
        n_names[zone->number]--;
        if (!n_names[zone->number]) {
            lowest_free = MIN(lowest_free, zone->number);
        }
    }
    zone->number = number;
    if (number) {
        n_names[number]++;
    }
    sset_add(&dirty, zone->name);
}

static struct zone *
zone_create(const char *name, int number)
{
    struct zone *zone = xzalloc(sizeof *zone);

    zone->name = xstrdup(name);
    hmap_insert(&zones, &zone->hmap_node, hash_string(name, 0));
    zone_set_number(zone, number);
    return zone;
}

static void
zone_destroy(struct zone *zone)
{
    zone_set_number(zone, 0);
    hmap_remove(&zones, &zone->hmap_node);
    free(zone->name);
    free(zone);
}

static int
find_free_number(void)
{
    while (lowest_free <= MAX_CT_ZONE && n_names[lowest_free]) {
        lowest_free++;
    }
    if (lowest_free > MAX_CT_ZONE) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
        VLOG_WARN_RL(&rl, "exhausted all ct zones");
        return 0;
    }
    return lowest_free;
}

static void
zone_assign(struct zone *zone, int number)
{
    zone_set_number(zone, number);
    if (number) {
        VLOG_DBG("assigning ct zone %d for '%s'", number, zone->name);
        zone->flush_queued = true;
        zone->fence = 0;
        any_unflushed = true;
    }
}

/* Takes 'number' from all who have it by chance. */
static void
evict(int number, const struct zone *except)
{
    struct zone *zone;

    if (!n_names[number]) {
        return;
    }
    HMAP_FOR_EACH (zone, hmap_node, &zones) {
        if (zone->number == number && zone != except && !zone->requested) {
            zone_set_number(zone, 0);
            sset_add(&moved, zone->name);
        }
    }
}

/* Returns the number for 'name', which is 'requested' unless that is 0.  The
 * caller holds a reference on 'name' then. */
static int
zone_get(const char *name, int requested)
{
    struct zone *zone = zone_find(name);
    if (!zone) {
        zone = zone_create(name, 0);
    }
    zone->n_users++;

    if (requested) {
        evict(requested, zone);
        if (zone->number != requested) {
            zone_assign(zone, requested);
        }
    } else if (!zone->number || zone->requested) {
        zone_assign(zone, find_free_number());
    }
    zone->requested = requested != 0;
    return zone->number;
}

static void
zone_put(const char *name)
{
    struct zone *zone = zone_find(name);

    ovs_assert(zone && zone->n_users);
    if (!--zone->n_users) {
        VLOG_DBG("removing ct zone %d for '%s'", zone->number, name);
        zone_destroy(zone);
    }
}

/* Units. */

/* Replaces what 'unit' holds by 'a' and 'b' (either may be NULL). */
static void
hold(struct inc_unit *unit, const char *a, const char *b)
{
    void **data = inc_unit_data(unit);
    struct holder *old = *data;

    *data = NULL;
    if (a || b) {
        struct holder *new = xmalloc(sizeof *new);

        new->names[0] = nullable_xstrdup(a);
        new->names[1] = nullable_xstrdup(b);
        *data = new;
    }
    if (old) {
        for (size_t i = 0; i < ARRAY_SIZE(old->names); i++) {
            if (old->names[i]) {
                zone_put(old->names[i]);
                free(old->names[i]);
            }
        }
        free(old);
    }
}

static void
holder_removed(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    hold(unit, NULL, NULL);
}

/* Takes the zone for 'name' first and lets go of what was held before last,
 * so that a zone that is held on to does not go back and forth. */
static int
take(struct inc_unit *unit, const char *name, int requested)
{
    inc_read(unit, moved_kind, inc_key_string(name));
    return zone_get(name, requested);
}

static void
port_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct inc_key key = inc_unit_key(unit);
    const struct zone_wish *wish = inc_read(unit, binding_kind_zone_wanted,
                                            key);

    if (!wish || (wish->only_if_local
                  && !local_datapath(unit, &wish->datapath))) {
        hold(unit, NULL, NULL);
        return;
    }

    uintptr_t number = take(unit, key.data, 0);
    hold(unit, key.data, NULL);
    if (number) {
        inc_write(unit, port_kind, key, (void *) number);
    }
}

static int
requested_snat_zone(struct inc_unit *unit, const struct uuid *dp)
{
    const struct datapath_binding *db = in_datapath(unit, dp);
    int number = db ? smap_get_int(&db->external_ids, "snat-ct-zone", 0) : 0;

    if (number < 0 || number > MAX_CT_ZONE) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
        VLOG_WARN_RL(&rl, "datapath "UUID_FMT": snat-ct-zone %d is not in the "
                     "range 0 to %d; ignoring it", UUID_ARGS(dp), number,
                     MAX_CT_ZONE);
        return 0;
    }
    return number;
}

static void
datapath_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct inc_key key = inc_unit_key(unit);
    struct uuid dp;

    memcpy(&dp, key.data, sizeof dp);
    if (!local_datapath(unit, &dp)) {
        hold(unit, NULL, NULL);
        return;
    }

    char *dnat = xasprintf(UUID_FMT"_dnat", UUID_ARGS(&dp));
    char *snat = xasprintf(UUID_FMT"_snat", UUID_ARGS(&dp));
    struct dp_zones *dz = xmalloc(sizeof *dz);

    dz->snat = take(unit, snat, requested_snat_zone(unit, &dp));
    dz->dnat = take(unit, dnat, 0);
    hold(unit, dnat, snat);
    inc_write(unit, datapath_kind, key, dz);
    free(dnat);
    free(snat);
}

static bool
number_equal(const void *a, const void *b)
{
    return a == b;
}

static bool
dp_zones_equal(const void *a_, const void *b_)
{
    const struct dp_zones *a = a_;
    const struct dp_zones *b = b_;

    return a->dnat == b->dnat && a->snat == b->snat;
}

void
ct_zone_init(struct inc_engine *engine)
{
    static const struct inc_kind_class port_class = {
        .name = "ct-zone",
        .stage = STAGE_ZONE,
        .key_type = INC_KEY_STRING,
        .equal = number_equal,
    };
    static const struct inc_kind_class datapath_class = {
        .name = "datapath-ct-zones",
        .stage = STAGE_ZONE,
        .key_type = INC_KEY_UUID,
        .equal = dp_zones_equal,
        .destroy = free,
    };
    static const struct inc_kind_class moved_class = {
        .name = "ct-zone-moved",
        .stage = STAGE_INPUT,
        .key_type = INC_KEY_STRING,
        .equal = number_equal,
    };
    static const struct inc_unit_class port_unit = {
        .name = "ct-zone",
        .stage = STAGE_ZONE,
        .run = port_run,
        .removed = holder_removed,
    };
    static const struct inc_unit_class datapath_unit = {
        .name = "datapath-ct-zones",
        .stage = STAGE_ZONE,
        .run = datapath_run,
        .removed = holder_removed,
    };

    port_kind = inc_kind_declare(engine, &port_class);
    datapath_kind = inc_kind_declare(engine, &datapath_class);
    moved_kind = inc_kind_declare(engine, &moved_class);
    inc_kind_spawn(binding_kind_zone_wanted, &port_unit, NULL);
    inc_kind_spawn(local_datapath_kind, &datapath_unit, NULL);
}

void
ct_zone_destroy(void)
{
    struct zone *zone;

    HMAP_FOR_EACH_SAFE (zone, hmap_node, &zones) {
        zone_destroy(zone);
    }
    hmap_destroy(&zones);
    sset_destroy(&dirty);
    sset_destroy(&moved);
}

int
ct_zone_of_port(struct inc_unit *unit, const char *lport)
{
    const void *number = inc_read(unit, port_kind, inc_key_string(lport));
    return (uintptr_t) number;
}

int
ct_zone_dnat(struct inc_unit *unit, const struct uuid *dp)
{
    const struct dp_zones *dz = inc_read(unit, datapath_kind,
                                         inc_key_uuid(dp));
    return dz ? dz->dnat : 0;
}

int
ct_zone_snat(struct inc_unit *unit, const struct uuid *dp)
{
    const struct dp_zones *dz = inc_read(unit, datapath_kind,
                                         inc_key_uuid(dp));
    return dz ? dz->snat : 0;
}

bool
ct_zone_settle(void)
{
    static uintptr_t serial;
    const char *name;

    if (sset_is_empty(&moved)) {
        return false;
    }
    serial++;
    SSET_FOR_EACH (name, &moved) {
        inc_set(moved_kind, inc_key_string(name), (void *) serial);
    }
    sset_clear(&moved);
    return true;
}

/* The database. */

void
ct_zone_restore(struct ovsdb_idl *ovs_idl, const char *br_int)
{
    const struct ovsrec_bridge *br = ovs_bridge_find(ovs_idl, br_int);
    const struct smap_node *node;

    if (!br) {
        return;
    }
    SMAP_FOR_EACH (node, &br->external_ids) {
        static const char prefix[] = "ct-zone-";
        const char *name = node->key;
        int number;

        if (strncmp(name, prefix, sizeof prefix - 1)) {
            continue;
        }
        name += sizeof prefix - 1;
        if (!str_to_int(node->value, 10, &number)
            || number < 1 || number > MAX_CT_ZONE || n_names[number]) {
            sset_add(&dirty, name);
        } else if (!zone_find(name)) {
            VLOG_DBG("restoring ct zone %d for '%s'", number, name);
            zone_create(name, number);
            sset_find_and_delete(&dirty, name);
            may_have_unasked = true;
        }
    }
}

void
ct_zone_prune(void)
{
    struct zone *zone;

    if (!may_have_unasked) {
        return;
    }
    may_have_unasked = false;
    HMAP_FOR_EACH_SAFE (zone, hmap_node, &zones) {
        if (!zone->n_users) {
            zone_destroy(zone);
        }
    }
}

void
ct_zone_flush(void)
{
    struct zone *zone;

    if (!any_unflushed) {
        return;
    }
    HMAP_FOR_EACH (zone, hmap_node, &zones) {
        if (zone->flush_queued && ofctrl_is_connected()) {
            ofctrl_ct_flush_zone(zone->number);
            zone->flush_queued = false;
            zone->fence = ofctrl_fence();
        }
    }
}

/* Whether 'zone' may go to the database: it has been flushed. */
static bool
is_flushed(struct zone *zone)
{
    if (zone->fence && ofctrl_reached(zone->fence)) {
        zone->fence = 0;
    }
    return !zone->flush_queued && !zone->fence;
}

void
ct_zone_commit(struct ovsdb_idl *ovs_idl, struct ovsdb_idl_txn *txn,
               const char *br_int)
{
    static struct uuid last_bridge;
    const struct ovsrec_bridge *br = ovs_bridge_find(ovs_idl, br_int);
    const char *name;

    if (!br || !txn) {
        return;
    }
    if (!uuid_equals(&br->header_.uuid, &last_bridge)) {
        struct zone *zone;

        last_bridge = br->header_.uuid;
        HMAP_FOR_EACH (zone, hmap_node, &zones) {
            sset_add(&dirty, zone->name);
        }
    }

    bool waiting = false;
    SSET_FOR_EACH_SAFE (name, &dirty) {
        struct zone *zone = zone_find(name);
        bool want = zone && zone->number;

        if (want && !is_flushed(zone)) {
            waiting = true;
            continue;
        }

        char *key = xasprintf("ct-zone-%s", name);
        char *value = want ? xasprintf("%d", zone->number) : NULL;
        const char *current = smap_get(&br->external_ids, key);

        if (nullable_string_is_equal(current, value)) {
            /* Committed: there is nothing in flight that we do not know of,
             * or 'txn' would be NULL. */
            sset_delete(&dirty, SSET_NODE_FROM_NAME(name));
        } else if (want) {
            ovsrec_bridge_update_external_ids_setkey(br, key, value);
        } else {
            ovsrec_bridge_update_external_ids_delkey(br, key);
        }
        free(key);
        free(value);
    }
    any_unflushed = waiting;
}

static void
ct_zone_list(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    const struct zone *zone;

    HMAP_FOR_EACH (zone, hmap_node, &zones) {
        if (zone->number) {
            ds_put_format(&ds, "%s %d\n", zone->name, zone->number);
        }
    }
    unixctl_command_reply(conn, ds_cstr(&ds));
    ds_destroy(&ds);
}

void
ct_zone_register_commands(void)
{
    unixctl_command_register("ct-zone-list", "", 0, 0, ct_zone_list, NULL);
}

static void
input(struct turn *turn)
{
    static bool restored;

    if (!restored) {
        ct_zone_restore(turn->ovs_idl, turn->config->br_int);
        restored = true;
    }
}

static bool
settle(const struct turn *turn OVS_UNUSED)
{
    if (ct_zone_settle()) {
        return true;
    }
    /* Before any flow is sent that uses the zones. */
    ct_zone_flush();
    return false;
}

static void
complete(const struct turn *turn OVS_UNUSED)
{
    ct_zone_prune();
}

static void
commit(const struct turn *turn)
{
    ct_zone_commit(turn->ovs_idl, turn->ovs_txn, turn->config->br_int);
}

const struct module ct_zone_module = {
    .name = "ct-zone",
    .init = ct_zone_init,
    .commands = ct_zone_register_commands,
    .input = input,
    .settle = settle,
    .complete = complete,
    .commit = commit,
    .destroy = ct_zone_destroy,
};
