/* SPDX-License-Identifier: Apache-2.0 */

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
 * another engine run, before anything is sent to the switch.
 *
 * Names
 * -----
 *
 * Names are those that the stock controller of the central's release gives, so
 * that either adopts what the other has left: of a port, its own; of a
 * datapath, NAME_dnat and NAME_snat.  NAME is the UUID of the datapath in the
 * oldest release, and its name in later ones.  A zone that is there by the
 * other name is renamed: it keeps its number, and its connections.
 *
 * Nothing keeps two datapaths from having one name, though, and two that took
 * turns at it, depending on which was seen first, would exchange connections
 * at a restart.  So the database alone says whose a name is: of all datapaths
 * that have it, local or not, the one with the lowest UUID goes by it.  The
 * others go by their UUIDs.  So does one whose zone would be called like that
 * of a port, or whose name is the UUID of another.
 *
 * What a zone holds
 * -----------------
 *
 * Connections belong to names, not to numbers.  A number that nobody had is
 * flushed before its new owner's flows are there, and a number that nobody has
 * any more is flushed once its last owner's flows are gone.  One that is
 * shared, because several ask for it, is left alone in between.  So is the
 * host's own zone, always: its connections are none of ours. */

#include <config.h>
#include "ct-zone.h"

#include "binding.h"
#include "bitmap.h"
#include "hash.h"
#include "inputs.h"
#include "local-datapath.h"
#include "module.h"
#include "ofctrl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/vlog.h"
#include "ovs-config.h"
#include "ovs-port.h"
#include "ovsdb-idl.h"
#include "sset.h"
#include "unit-log.h"
#include "unixctl.h"
#include "util.h"
#include "uuid.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(ct_zone);

#define MAX_CT_ZONE UINT16_MAX
#define NO_ZONE -1
#define HOST_ZONE 0             /* Only for who asks for it. */
#define KEY_PREFIX "ct-zone-"   /* In Bridge.external_ids. */

struct zone {
    struct hmap_node hmap_node; /* In 'zones', by 'name'. */
    char *name;
    struct uuid datapath;       /* Who asks; zeros for ports, or for nobody. */
    int number;                 /* NO_ZONE if it has none (yet). */
    int n_users;                /* Units; 0: adopted, not asked for yet. */
    bool requested;             /* By number; others may share it. */
    bool is_awaited;            /* Another datapath would go by the name. */
    bool flush_queued;          /* ofctrl has yet to be told. */
    uint64_t fence;             /* Flushed once this is reached; 0: none. */
};

/* A number that nobody has any more, and whose flush is due. */
struct release {
    struct ovs_list list_node;  /* In 'releases'. */
    int number;
    uint64_t fence;             /* Its last owner's flows are gone; 0: none. */
};

/* What a unit holds. */
struct holder {
    char *names[2];
};

static struct hmap zones = HMAP_INITIALIZER(&zones);
static unsigned int n_names[MAX_CT_ZONE + 1]; /* Names that have a number. */
static int first_zone = 1;      /* Those that are handed out without... */
static int last_zone = MAX_CT_ZONE; /* ...being asked for: ct-zone-range. */
static int lowest_free = 1;     /* No lower number of them is free. */
static struct sset dirty = SSET_INITIALIZER(&dirty);  /* Not as in the db. */
static struct sset moved = SSET_INITIALIZER(&moved);
static struct ovs_list releases = OVS_LIST_INITIALIZER(&releases);
static unsigned long int is_released[BITMAP_N_LONGS(MAX_CT_ZONE + 1)];

/* What the integration bridges of other controllers have.  Their datapath, and
 * so its zones, are those of ours. */
static unsigned long int is_foreign[BITMAP_N_LONGS(MAX_CT_ZONE + 1)];
static bool may_have_unasked;   /* Any zone with 'n_users' of 0? */
static bool any_unflushed;      /* Any zone with 'flush_queued' or 'fence'? */

struct inc_kind *ct_zone_kind_of_port;     /* Lport -> number. */
struct inc_kind *ct_zone_kind_of_datapath; /* UUID -> struct dp_zones. */
static struct inc_kind *moved_kind;     /* Name -> serial number. */
static struct inc_kind *named_kind;     /* Name -> datapaths that have it. */

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

/* Nobody has 'number' any more. */
static void
release_number(int number)
{
    if (number == HOST_ZONE) {
        return;
    }
    if (number >= first_zone) {
        lowest_free = MIN(lowest_free, number);
    }
    if (!bitmap_is_set(is_released, number)) {
        struct release *r = xzalloc(sizeof *r);

        r->number = number;
        ovs_list_push_back(&releases, &r->list_node);
        bitmap_set1(is_released, number);
    }
}

static void
release_destroy(struct release *r)
{
    bitmap_set0(is_released, r->number);
    ovs_list_remove(&r->list_node);
    free(r);
}

static void
zone_set_number(struct zone *zone, int number)
{
    if (zone->number != NO_ZONE && !--n_names[zone->number]) {
        release_number(zone->number);
    }
    zone->number = number;
    if (number != NO_ZONE) {
        n_names[number]++;
    }
    sset_add(&dirty, zone->name);
}

static struct zone *
zone_create(const char *name, int number)
{
    struct zone *zone = xzalloc(sizeof *zone);

    zone->name = xstrdup(name);
    zone->number = NO_ZONE;
    hmap_insert(&zones, &zone->hmap_node, hash_string(name, 0));
    zone_set_number(zone, number);
    return zone;
}

static void
zone_destroy(struct zone *zone)
{
    if (zone->is_awaited) {
        sset_add(&moved, zone->name);
    }
    zone_set_number(zone, NO_ZONE);
    hmap_remove(&zones, &zone->hmap_node);
    free(zone->name);
    free(zone);
}

static int
find_free_number(void)
{
    int number;

    while (lowest_free <= last_zone && n_names[lowest_free]) {
        lowest_free++;
    }
    for (number = lowest_free; number <= last_zone; number++) {
        if (!n_names[number] && !bitmap_is_set(is_foreign, number)) {
            break;
        }
    }
    return number <= last_zone ? number : NO_ZONE;
}

/* Gives 'number' to 'zone', which is not to see what another has left there,
 * unless the number is 'shared' with others. */
static void
zone_assign(struct zone *zone, int number, bool shared)
{
    zone_set_number(zone, number);
    zone->flush_queued = (number != NO_ZONE && number != HOST_ZONE
                          && !shared);
    zone->fence = 0;
    any_unflushed |= zone->flush_queued;
    if (number != NO_ZONE) {
        VLOG_DBG("assigning ct zone %d for '%s'", number, zone->name);
    }
}

/* Takes 'number' from all but 'except' who have it by chance.  (Who has not
 * asked yet will notice when it does.)  Returns true if others have a right to
 * it, too. */
static bool
evict(int number, const struct zone *except)
{
    struct zone *zone;
    bool shared = false;

    if (!n_names[number]) {
        return false;
    }
    HMAP_FOR_EACH (zone, hmap_node, &zones) {
        if (zone->number != number || zone == except) {
            continue;
        }
        if (zone->requested) {
            shared = true;
        } else if (zone->n_users) {
            zone_set_number(zone, NO_ZONE);
            sset_add(&moved, zone->name);
        }
    }
    return shared;
}

static bool
is_in_range(int number)
{
    return number >= first_zone && number <= last_zone;
}

/* Whether 'zone' has a number that it may keep without asking for it. */
static bool
has_number_of_its_own(const struct zone *zone)
{
    return (zone->number != NO_ZONE && is_in_range(zone->number)
            && !zone->requested && n_names[zone->number] == 1);
}

/* Returns the number for 'name', which is 'requested' unless that is NO_ZONE.
 * The caller holds a reference on 'name' then. */
static int
zone_get(const char *name, int requested)
{
    struct zone *zone = zone_find(name);
    if (!zone) {
        zone = zone_create(name, NO_ZONE);
    }
    zone->n_users++;

    if (requested != NO_ZONE) {
        bool shared = evict(requested, zone);
        if (zone->number != requested) {
            zone_assign(zone, requested, shared);
        }
    } else if (!has_number_of_its_own(zone)) {
        zone_assign(zone, find_free_number(), false);
    }
    zone->requested = requested != NO_ZONE;
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
 * so that a zone that is held on to does not go back and forth.  Returns what
 * flows are to load, which is nothing (0) for the host's zone, too. */
static int
take(struct inc_unit *unit, const char *name, int requested)
{
    inc_read(unit, moved_kind, inc_key_string(name));

    int number = zone_get(name, requested);
    if (number == NO_ZONE) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);

        UNIT_WARN(unit, &rl, "exhausted all ct zones");
        return 0;
    }
    return number;
}

/* Whether logical port 'lport' is to have a zone. */
static bool
port_wants_zone(struct inc_unit *unit, const char *lport)
{
    const struct zone_request *request
        = inc_read(unit, binding_kind_zone_wanted, inc_key_string(lport));

    return request && (!request->only_if_local
                       || local_datapath(unit, &request->datapath));
}

static void
port_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct inc_key key = inc_unit_key(unit);

    if (!port_wants_zone(unit, key.data)) {
        hold(unit, NULL, NULL);
        return;
    }

    uintptr_t number = take(unit, key.data, NO_ZONE);
    hold(unit, key.data, NULL);
    if (number) {
        inc_write(unit, ct_zone_kind_of_port, key, (void *) number);
    }
}

/* The zone that 'dp' asks for, or NO_ZONE. */
static int
requested_snat_zone(struct inc_unit *unit, const struct uuid *dp)
{
    const struct datapath_binding *db = in_datapath(unit, dp);
    const char *s = db ? smap_get(&db->external_ids, "snat-ct-zone") : NULL;
    int number = NO_ZONE;

    if (s && (!str_to_int(s, 10, &number)
              || number < 0 || number > MAX_CT_ZONE)) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);
        UNIT_WARN(unit, &rl,
                  "datapath "UUID_FMT": snat-ct-zone=%s is ignored, "
                  "because it is not a number from 0 to %d", UUID_ARGS(dp),
                  s, MAX_CT_ZONE);
        return NO_ZONE;
    }
    return number;
}

/* Whether all translations of 'dp', which asks for a zone for those of source
 * addresses, belong into that zone.  So they do on a router with a gateway
 * port: ct_dnat_in_czone, with which ovn-northd has answers get back what
 * ct_lb_mark has translated, then goes by the zone that was asked for, so what
 * goes by the other one must be in the same. */
static bool
has_common_zone(struct inc_unit *unit, const struct uuid *dp)
{
    const struct datapath_binding *db = in_datapath(unit, dp);

    return (db && smap_get(&db->external_ids, "snat-ct-zone")
            && inc_set_count(binding_gateway_ports(unit, dp)) > 0);
}

/* Who has which name. */

/* A UUID so that the order of its bytes is that of UUIDs. */
struct ordered_uuid {
    ovs_be32 parts[4];
};

static struct ordered_uuid
order_uuid(const struct uuid *uuid)
{
    struct ordered_uuid ordered;

    for (size_t i = 0; i < ARRAY_SIZE(ordered.parts); i++) {
        ordered.parts[i] = htonl(uuid->parts[i]);
    }
    return ordered;
}

/* The name that 'dp' has been given, or NULL. */
static const char *
datapath_name(struct inc_unit *unit, const struct uuid *dp)
{
    const struct datapath_binding *db = in_datapath(unit, dp);
    const char *name = db ? smap_get(&db->external_ids, "name") : NULL;

    return name && name[0] ? name : NULL;
}

/* Says of a datapath, local or not, that it has its name. */
static void
named_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct uuid dp;

    memcpy(&dp, inc_unit_key(unit).data, sizeof dp);
    const char *name = datapath_name(unit, &dp);
    if (name) {
        struct ordered_uuid ordered = order_uuid(&dp);

        inc_insert(unit, named_kind, inc_key_string(name),
                   (struct inc_key) { &ordered, sizeof ordered });
    }
}

/* The datapath that goes by 'name', which at least one has. */
static struct uuid
owner_of_name(struct inc_unit *unit, const char *name)
{
    const struct inc_set *set = inc_read_set(unit, named_kind,
                                             inc_key_string(name));
    struct ordered_uuid ordered;
    struct uuid owner;

    memcpy(&ordered, inc_set_at(set, 0).data, sizeof ordered);
    for (size_t i = 0; i < ARRAY_SIZE(ordered.parts); i++) {
        owner.parts[i] = ntohl(ordered.parts[i]);
    }
    return owner;
}

/* Whether there is a datapath whose UUID is 'name'. */
static bool
is_uuid_of_datapath(struct inc_unit *unit, const char *name)
{
    struct uuid uuid;

    return uuid_from_string(&uuid, name) && in_datapath(unit, &uuid);
}

/* Whether 'name', which 'dp' has, is that of its zones. */
static bool
goes_by_name(struct inc_unit *unit, const struct uuid *dp, const char *name)
{
    struct uuid owner = owner_of_name(unit, name);
    char *dnat = xasprintf("%s_dnat", name);
    char *snat = xasprintf("%s_snat", name);
    bool result = (in_dialect(unit)->names_zones
                   && uuid_equals(&owner, dp)
                   && !is_uuid_of_datapath(unit, name)
                   && !port_wants_zone(unit, dnat)
                   && !port_wants_zone(unit, snat));

    free(dnat);
    free(snat);
    return result;
}

/* Whether a zone by this name is held by somebody else. */
static bool
is_taken(const char *name, const struct uuid *dp)
{
    const struct zone *zone = zone_find(name);

    return zone && zone->n_users && !uuid_equals(&zone->datapath, dp);
}

/* Makes the zone that 'dp' has by the name 'old', if any, the one by the name
 * 'name', if there is none yet. */
static void
rename_zone(const char *old, const char *name, const struct uuid *dp)
{
    struct zone *zone = zone_find(old);

    if (!zone || zone->number == NO_ZONE || zone_find(name)
        || is_taken(old, dp)) {
        return;
    }

    struct zone *new = zone_create(name, zone->number);
    new->requested = zone->requested;
    new->flush_queued = zone->flush_queued;
    new->fence = zone->fence;
    if (zone->n_users) {
        zone->flush_queued = false;
        zone->requested = false;
        zone->datapath = UUID_ZERO;
        zone_set_number(zone, NO_ZONE); /* Until it is let go of. */
        if (zone->n_users > 1) {        /* Not by a port of that name. */
            sset_add(&moved, old);
        }
    } else {
        zone_destroy(zone);
    }
}

/* Has 'unit' run again once nobody goes by 'name'. */
static void
await_name(struct inc_unit *unit, const char *name)
{
    struct zone *zone = zone_find(name);

    inc_read(unit, moved_kind, inc_key_string(name));
    if (zone) {
        zone->is_awaited = true;
    }
}

/* 'dp' goes by the name 'by_name', or will: returns false while somebody else
 * does.  What it had by its UUID, 'by_uuid', becomes its zone by that name.  A
 * zone that was there by that name when we started is of the datapath only if
 * it has no other. */
static bool
take_name(struct inc_unit *unit, const struct uuid *dp, const char *by_name,
          const char *by_uuid)
{
    if (is_taken(by_name, dp)) {
        await_name(unit, by_name);
        return false;
    }

    struct zone *zone = zone_find(by_name);
    if (zone && !zone->n_users && zone_find(by_uuid)) {
        zone_destroy(zone);
    }
    rename_zone(by_uuid, by_name, dp);
    return true;
}

/* Whether the zone 'by_name' is, or will be once they ask, of somebody else
 * than 'dp', whose name is 'name'. */
static bool
is_claimed(struct inc_unit *unit, const struct uuid *dp, const char *name,
           const char *by_name)
{
    struct uuid owner = owner_of_name(unit, name);

    return (is_taken(by_name, dp)
            || port_wants_zone(unit, by_name)
            || is_uuid_of_datapath(unit, name)
            || (!uuid_equals(&owner, dp) && local_datapath(unit, &owner)));
}

/* 'dp', whose name is 'name', does not go by it.  The zone 'by_name' is its
 * own if it has gone by the name so far, or if the zone is there since we
 * started, and nobody else has a claim on it. */
static void
leave_name(struct inc_unit *unit, const struct uuid *dp, const char *name,
           const char *by_name, const char *by_uuid)
{
    const struct zone *zone = zone_find(by_name);

    if (zone && (zone->n_users || !is_claimed(unit, dp, name, by_name))) {
        rename_zone(by_name, by_uuid, dp);
    }
}

/* Returns the name of the zone of 'dp' for 'what', "dnat" or "snat".  The
 * caller frees it. */
static char *
datapath_zone_name(struct inc_unit *unit, const struct uuid *dp,
                   const char *what)
{
    const char *name = datapath_name(unit, dp);
    char *by_uuid = xasprintf(UUID_FMT"_%s", UUID_ARGS(dp), what);

    if (!name) {
        return by_uuid;
    }

    char *by_name = xasprintf("%s_%s", name, what);
    if (goes_by_name(unit, dp, name)) {
        if (take_name(unit, dp, by_name, by_uuid)) {
            free(by_uuid);
            return by_name;
        }
    } else {
        leave_name(unit, dp, name, by_name, by_uuid);
    }
    free(by_name);
    return by_uuid;
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

    char *dnat = datapath_zone_name(unit, &dp, "dnat");
    char *snat = datapath_zone_name(unit, &dp, "snat");
    struct dp_zones *dz = xmalloc(sizeof *dz);

    dz->snat = take(unit, snat, requested_snat_zone(unit, &dp));
    dz->dnat = take(unit, dnat, NO_ZONE);
    zone_find(snat)->datapath = dp;
    zone_find(dnat)->datapath = dp;
    if (has_common_zone(unit, &dp)) {
        dz->dnat = dz->snat;
    }
    hold(unit, dnat, snat);
    inc_write(unit, ct_zone_kind_of_datapath, key, dz);
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

static void
init(struct inc_engine *engine)
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
    static const struct inc_kind_class named_class = {
        .name = "datapaths-of-name",
        .stage = STAGE_DATAPATH,
        .key_type = INC_KEY_STRING,
        .is_set = true,
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
    static const struct inc_unit_class named_unit = {
        .name = "datapath-name",
        .stage = STAGE_DATAPATH,
        .run = named_run,
    };

    ct_zone_kind_of_port = inc_kind_declare(engine, &port_class);
    ct_zone_kind_of_datapath = inc_kind_declare(engine, &datapath_class);
    moved_kind = inc_kind_declare(engine, &moved_class);
    named_kind = inc_kind_declare(engine, &named_class);
    inc_kind_spawn(binding_kind_zone_wanted, &port_unit, NULL);
    inc_kind_spawn(local_datapath_kind, &datapath_unit, NULL);
    inc_kind_spawn(in_kinds.datapath, &named_unit, NULL);
}

static void
destroy(void)
{
    struct zone *zone;

    HMAP_FOR_EACH_SAFE (zone, hmap_node, &zones) {
        zone_destroy(zone);
    }
    struct release *r;
    LIST_FOR_EACH_SAFE (r, list_node, &releases) {
        release_destroy(r);
    }
    hmap_destroy(&zones);
    sset_destroy(&dirty);
    sset_destroy(&moved);
}

int
ct_zone_of_port(struct inc_unit *unit, const char *lport)
{
    const void *number = inc_read(unit, ct_zone_kind_of_port,
                                  inc_key_string(lport));

    return (uintptr_t) number;
}

int
ct_zone_dnat(struct inc_unit *unit, const struct uuid *dp)
{
    const struct dp_zones *dz = inc_read(unit, ct_zone_kind_of_datapath,
                                         inc_key_uuid(dp));
    return dz ? dz->dnat : 0;
}

int
ct_zone_snat(struct inc_unit *unit, const struct uuid *dp)
{
    const struct dp_zones *dz = inc_read(unit, ct_zone_kind_of_datapath,
                                         inc_key_uuid(dp));
    return dz ? dz->snat : 0;
}

bool
ct_zone_is_ours(int64_t number)
{
    return number > 0 && number <= MAX_CT_ZONE && n_names[number];
}

/* Returns true if somebody must give up a zone that another has a right to
 * (snat-ct-zone), or can have a name that another had, hence the engine must
 * run again. */
static bool
announce_moves(void)
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

/* The zone of the key 'node', or NO_ZONE if it is none. */
static int
zone_of_key(const struct smap_node *node)
{
    int number;

    return (!strncmp(node->key, KEY_PREFIX, strlen(KEY_PREFIX))
            && str_to_int(node->value, 10, &number)
            && number >= 0 && number <= MAX_CT_ZONE
            ? number : NO_ZONE);
}

static void
note_foreign(struct ovsdb_idl *ovs_idl, const char *br_int)
{
    const struct ovsrec_bridge *br;

    memset(is_foreign, 0, sizeof is_foreign);
    OVSREC_BRIDGE_FOR_EACH (br, ovs_idl) {
        const struct smap_node *node;

        if (!strcmp(br->name, br_int)) {
            continue;
        }
        SMAP_FOR_EACH (node, &br->external_ids) {
            int number = zone_of_key(node);
            if (number != NO_ZONE) {
                bitmap_set1(is_foreign, number);
            }
        }
    }
}

/* Fills in what the text of ct-zone-range, "FIRST-LAST" or "FIRST", says.
 * Returns false if that is no range. */
static bool
parse_range(const char *text, int *first, int *last)
{
    int n = 0;

    *last = MAX_CT_ZONE;
    return ((ovs_scan(text, "%d%n", first, &n) && !text[n])
            || (ovs_scan(text, "%d-%d%n", first, last, &n) && !text[n]))
           && *first > HOST_ZONE && *first <= *last && *last <= MAX_CT_ZONE;
}

/* Has all that are outside of the range ask for another number. */
static void
set_range(int first, int last)
{
    struct zone *zone;

    first_zone = lowest_free = first;
    last_zone = last;
    HMAP_FOR_EACH (zone, hmap_node, &zones) {
        if (zone->n_users && !zone->requested
            && !is_in_range(zone->number)) {
            zone_set_number(zone, NO_ZONE);
            sset_add(&moved, zone->name);
        }
    }
}

/* Follows Open_vSwitch.external_ids:ct-zone-range. */
static void
follow_range(const struct turn *turn)
{
    const struct ovsrec_open_vswitch *cfg
        = ovsrec_open_vswitch_first(turn->ovs_idl);
    const char *text = cfg ? ovs_config_get(cfg, turn->config->chassis_name,
                                            "ct-zone-range") : NULL;
    static char *followed;
    int first = 1, last = MAX_CT_ZONE;

    if (nullable_string_is_equal(text, followed)) {
        return;
    }
    free(followed);
    followed = nullable_xstrdup(text);
    if (text && !parse_range(text, &first, &last)) {
        VLOG_WARN("external_ids:ct-zone-range=\"%s\" is ignored: it is not "
                  "FIRST-LAST, two numbers from 1 to %d", text, MAX_CT_ZONE);
        first = 1;
        last = MAX_CT_ZONE;
    }
    if (first != first_zone || last != last_zone) {
        set_range(first, last);
    }
}

/* Adopts the zones of the integration bridge. */
static void
restore(struct ovsdb_idl *ovs_idl, const char *br_int)
{
    const struct ovsrec_bridge *br = ovs_bridge_find(ovs_idl, br_int);
    const struct smap_node *node;

    if (!br) {
        return;
    }
    SMAP_FOR_EACH (node, &br->external_ids) {
        const char *name = node->key + strlen(KEY_PREFIX);
        int number;

        if (strncmp(node->key, KEY_PREFIX, strlen(KEY_PREFIX))) {
            continue;
        }
        if (!str_to_int(node->value, 10, &number)
            || number < 0 || number > MAX_CT_ZONE) {
            sset_add(&dirty, name);
        } else if (!zone_find(name)) {
            /* Several may have one number, if they have asked for it. */
            VLOG_DBG("restoring ct zone %d for '%s'", number, name);
            zone_create(name, number);
            sset_find_and_delete(&dirty, name);
            may_have_unasked = true;
        }
    }
}

/* Zones that were adopted and that nobody has asked for are free. */
static void
prune(const struct turn *turn OVS_UNUSED)
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

/* Flushes what was released, as soon as no flow uses it any more. */
static void
flush_released(void)
{
    struct release *r;

    LIST_FOR_EACH_SAFE (r, list_node, &releases) {
        if (!r->fence) {
            r->fence = ofctrl_fence();
        } else if (ofctrl_reached(r->fence)) {
            /* A new owner has had it flushed already. */
            if (!n_names[r->number]) {
                ofctrl_ct_flush_zone(r->number);
            }
            release_destroy(r);
        }
    }
}

/* Asks the switch to flush what was handed out anew. */
static void
flush(void)
{
    struct zone *zone;

    flush_released();
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

/* Finds out what is not in 'br' as it should be, whoever has changed it. */
static void
compare_row(const struct ovsrec_bridge *br)
{
    const struct smap_node *node;
    size_t n_right = 0;

    SMAP_FOR_EACH (node, &br->external_ids) {
        if (!strncmp(node->key, KEY_PREFIX, strlen(KEY_PREFIX))) {
            const char *name = node->key + strlen(KEY_PREFIX);
            const struct zone *zone = zone_find(name);
            int number;

            if (zone && str_to_int(node->value, 10, &number)
                && number == zone->number) {
                n_right++;
            } else {
                sset_add(&dirty, name);
            }
        }
    }
    if (n_right < hmap_count(&zones)) {
        const struct zone *zone;

        HMAP_FOR_EACH (zone, hmap_node, &zones) {
            sset_add(&dirty, zone->name);
        }
    }
}

/* Whether the switch has yet to flush the zone whose number is 'value'. */
static bool
awaits_flush(const char *value)
{
    int number;

    return (value && str_to_int(value, 10, &number)
            && number >= 0 && number <= MAX_CT_ZONE
            && bitmap_is_set(is_released, number));
}

/* Makes the key for 'name' what it should be.  Returns false if that has to
 * wait for the switch; otherwise sets '*done' if there was nothing to do. */
static bool
commit_key(const struct ovsrec_bridge *br, const char *name, bool *done)
{
    struct zone *zone = zone_find(name);
    bool want = zone && zone->number != NO_ZONE;
    char *key = xasprintf(KEY_PREFIX"%s", name);
    char *value = want ? xasprintf("%d", zone->number) : NULL;
    const char *current = smap_get(&br->external_ids, key);
    bool may_write = want ? is_flushed(zone) : !awaits_flush(current);

    *done = nullable_string_is_equal(current, value);
    if (!*done && may_write) {
        if (want) {
            ovsrec_bridge_update_external_ids_setkey(br, key, value);
        } else {
            ovsrec_bridge_update_external_ids_delkey(br, key);
        }
    }
    free(key);
    free(value);
    return may_write;
}

static void
commit(const struct turn *turn)
{
    static unsigned int compared;   /* Sequence number of the database. */
    const struct ovsrec_bridge *br = ovs_bridge_find(turn->ovs_idl,
                                                     turn->config->br_int);
    bool waiting = false;
    const char *name;

    if (!br || !turn->ovs_txn) {
        return;
    }
    if (compared != ovsdb_idl_get_seqno(turn->ovs_idl)) {
        compared = ovsdb_idl_get_seqno(turn->ovs_idl);
        compare_row(br);
    }
    SSET_FOR_EACH_SAFE (name, &dirty) {
        bool done;

        if (!commit_key(br, name, &done)) {
            waiting = true;
        } else if (done) {
            /* Committed: there is nothing in flight that we do not know of,
             * or there would be no transaction. */
            sset_delete(&dirty, SSET_NODE_FROM_NAME(name));
        }
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
        if (zone->number != NO_ZONE) {
            ds_put_format(&ds, "%s %d\n", zone->name, zone->number);
        }
    }
    unixctl_command_reply(conn, ds_cstr(&ds));
    ds_destroy(&ds);
}

static void
register_commands(void)
{
    unixctl_command_register("ct-zone-list", "", 0, 0, ct_zone_list, NULL);
}

static void
input(struct turn *turn)
{
    static bool restored;
    static unsigned int seen;   /* Sequence number of the database. */

    if (seen != ovsdb_idl_get_seqno(turn->ovs_idl)) {
        seen = ovsdb_idl_get_seqno(turn->ovs_idl);
        note_foreign(turn->ovs_idl, turn->config->br_int);
        follow_range(turn);
    }
    if (!restored) {
        restore(turn->ovs_idl, turn->config->br_int);
        restored = true;
    }
}

static bool
settle(const struct turn *turn OVS_UNUSED)
{
    if (announce_moves()) {
        return true;
    }
    /* Before any flow is sent that uses the zones. */
    flush();
    return false;
}

const struct module ct_zone_module = {
    .name = "ct-zone",
    .init = init,
    .commands = register_commands,
    .input = input,
    .settle = settle,
    .complete = prune,
    .commit = commit,
    .destroy = destroy,
};
