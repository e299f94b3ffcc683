/* SPDX-License-Identifier: Apache-2.0 */

/* How groups work.
 *
 * A "struct group" is an identity that some flow wants, or wanted until a
 * moment ago.  What it ought to have and what the switch has are two bitmaps
 * of the identity's buckets, so that comparing them takes no encoding.
 *
 * An installed group that no flow has asked for is "unclaimed".  It is kept by
 * hashes of its canonical parts, just enough to tell whether it is a group
 * that a flow asks for now.  Unclaimed groups that are left when the desired
 * state is complete are deleted.
 *
 * Long groups
 * -----------
 *
 * OpenFlow 1.5 can insert more buckets into a group than one message holds,
 * but then the switch cannot tell what it has any more: in its reply to a
 * request for the groups' descriptions, a group's length has 16 bits, and the
 * reply makes no sense from there on (Open vSwitch 3.1), to us or to anybody.
 *
 * A group with more buckets in force than a message holds is therefore spread
 * over several, the "parts", of about the same number of buckets.  The buckets
 * of the group itself lead to them.  All of them have the same weight, and so
 * have a part's buckets, which is why only groups of equally weighted buckets
 * can be spread.  The choice among parts and that within one do not depend on
 * each other: the switch ranks buckets by a hash of their ids, and the
 * group's own are numbered from where those of the parts end.  (Where it makes
 * the first choice by the datapath's hash, it does not make the second one so,
 * which is for up to 256 buckets.) */

#include <config.h>
#include "group.h"

#include <inttypes.h>

#include "bitmap.h"
#include "coverage.h"
#include "hash.h"
#include "inputs.h"
#include "module.h"
#include "openflow/openflow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "simap.h"
#include "switch-entry.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(group);

COVERAGE_DEFINE(ofctrl_group_add);
COVERAGE_DEFINE(ofctrl_group_modify);
COVERAGE_DEFINE(ofctrl_group_delete);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* What is known of a group in the switch.  The content that we want is always
 * a set of the identity's buckets, so that a bitmap says which, or if none of
 * them is in force, one other bucket at most, whose id is the next one. */
enum group_state {
    GROUP_ABSENT,               /* It is not there. */
    GROUP_UNKNOWN,              /* It may be there, with whatever content. */
    GROUP_PRESENT               /* It is there, with 'installed' buckets. */
};

struct group {
    struct switch_object obj;   /* In 'groups'. */
    struct hmap_node identity_node; /* In 'groups_by_identity'. */
    struct group *owner;        /* Of a part: the one that frees it. */
    ovs_u128 identity;          /* ovn_group_hash(). */
    struct ovn_group *desc;     /* A part has that of its owner. */

    enum group_state state;
    unsigned long *in_force;    /* Buckets that it ought to have... */
    unsigned long *installed;   /* ...and those that it has. */

    /* The bucket that it ought to have, and has, when none of the identity's
     * is in force: its actions, or NULL, and its hash, or 0. */
    char *empty;
    uint64_t empty_hash, installed_empty_hash;

    /* If a message cannot hold all buckets.  One that is spread has buckets
     * that lead to its first parts, and the parts have its 'in_force'. */
    struct group **parts;
    size_t n_parts;
    size_t max_buckets;         /* As many as a message holds. */
    size_t spread;              /* Over how many parts it ought to be... */
    size_t installed_spread;    /* ...and is; 0 if it is not. */
};

/* In how many pieces a group's text is turned into messages at most that are
 * too long for one: with more buckets, the group is left out. */
#define MAX_PARTS 64

/* Buckets whose messages are surely short enough. */
#define PIECE 128

/* No OpenFlow message is longer than 65,535 bytes.  What buckets may take of
 * it, with room for the headers of a bundle and the group's properties. */
#define MAX_BUCKETS_BYTES (UINT16_MAX - 512)

/* A group as it is in the switch, by the hashes of its canonical parts. */
struct bucket_signature {
    uint32_t bucket_id;
    uint64_t hash;
};
struct signature {
    uint64_t props;             /* Type and properties. */
    uint64_t all;               /* Everything but the id. */
    struct bucket_signature *buckets;
    size_t n_buckets, allocated_buckets;
    size_t max_bucket_len;      /* Bytes of the longest bucket. */
};

/* An installed group that nobody has asked for (yet). */
struct unclaimed {
    struct hmap_node node;      /* In 'unclaimed_groups', by id. */
    struct hmap_node content_node; /* In 'unclaimed_by_content'. */
    uint32_t id;
    struct signature sig;
};

static struct hmap groups_by_identity
    = HMAP_INITIALIZER(&groups_by_identity);
static struct hmap unclaimed_groups = HMAP_INITIALIZER(&unclaimed_groups);
static struct hmap unclaimed_by_content
    = HMAP_INITIALIZER(&unclaimed_by_content);

static enum switch_change group_need(const struct switch_entry *);
static struct switch_entry *group_owner(struct switch_entry *);
static struct ofpbuf *group_make(struct switch_entry *, enum switch_change);
static void group_forget(struct switch_entry *);
static bool group_in_use(const struct switch_entry *);
static void group_free(struct switch_entry *);
static void group_format_name(const struct switch_entry *, struct ds *);
static void group_format(const struct switch_entry *, struct ds *);
static const struct switch_entry_class group_entry_class = {
    .wanted = switch_object_wanted,
    .need = group_need,
    .make = group_make,
    .forget = group_forget,
    .owner = group_owner,
    .in_use = group_in_use,
    .free = group_free,
    .format_name = group_format_name,
    .format = group_format,
};
static struct switch_objects groups
    = SWITCH_OBJECTS_INITIALIZER(&groups, &group_entry_class);

static group_content_func *get_content;

/* Ids of wanted groups, as set cells without meaningful members. */
static const struct inc_kind_class wanted_group_kind_class = {
    .name = "wanted-group",
    .stage = STAGE_FLOW,
    .key_type = INC_KEY_U64,
    .is_set = true,
};
static struct inc_kind *wanted_group_kind;

static void group_run(struct inc_unit *, void *);
static void group_removed(struct inc_unit *, void *);
static const struct inc_unit_class group_unit_class = {
    .name = "group",
    .stage = STAGE_GROUP,
    .run = group_run,
    .removed = group_removed,
};

void
group_set_content(group_content_func *content)
{
    get_content = content;
}

static void
init(struct inc_engine *engine)
{
    wanted_group_kind = inc_kind_declare(engine, &wanted_group_kind_class);
    inc_kind_spawn(wanted_group_kind, &group_unit_class, NULL);
    meter_init(engine);
}

/* Canonical content. */

static uint64_t
hash64(const void *data, size_t len, uint64_t basis)
{
    ovs_u128 hash;

    hash_bytes128(data, len, hash_uint64(basis), &hash);
    return hash.u64.lo;
}

static void
signature_destroy(struct signature *sig)
{
    free(sig->buckets);
}

/* Takes apart 'msg', an OFPT15_GROUP_MOD that ofputil has encoded, and adds it
 * to 'sig'.  The messages of one group's pieces may be added one after the
 * other. */
static void
signature_add_msg(struct signature *sig, const struct ofpbuf *msg)
{
    struct ofpbuf b = ofpbuf_const_initializer(msg->data, msg->size);
    const struct ofp15_group_mod *ogm;

    ofpraw_pull_assert(&b);
    ogm = ofpbuf_pull(&b, sizeof *ogm);
    if (!sig->n_buckets) {
        sig->all = ogm->type;
    }

    size_t buckets_len = ntohs(ogm->bucket_array_len);
    while (buckets_len) {
        const struct ofp15_bucket *ob = b.data;
        size_t len = ntohs(ob->len);

        if (sig->n_buckets >= sig->allocated_buckets) {
            sig->buckets = x2nrealloc(sig->buckets, &sig->allocated_buckets,
                                      sizeof *sig->buckets);
        }
        sig->buckets[sig->n_buckets++] = (struct bucket_signature) {
            ntohl(ob->bucket_id), hash64(ob, len, 0)
        };
        sig->max_bucket_len = MAX(sig->max_bucket_len, len);
        sig->all = hash64(ob, len, sig->all);
        ofpbuf_pull(&b, len);
        buckets_len -= len;
    }
    sig->props = hash64(b.data, b.size, ogm->type);
}

/* To be called when all pieces have been added. */
static void
signature_finish(struct signature *sig)
{
    sig->all = hash64(&sig->props, sizeof sig->props, sig->all);
}

/* Adds to 'sig' what 'msg' (owned) would look like in a dump. */
static void
signature_add_our_msg(struct signature *sig, struct ofpbuf *msg)
{
    struct ofputil_group_mod gm;

    /* There and back, as through the switch. */
    if (!ofputil_decode_group_mod(msg->data, &gm)) {
        ofpbuf_delete(msg);
        msg = ofputil_encode_group_mod(OFP15_VERSION, &gm, NULL, -1);
        ofputil_uninit_group_mod(&gm);
    }
    signature_add_msg(sig, msg);
    ofpbuf_delete(msg);
}

static void
signature_from_desc(struct signature *sig, const struct ofputil_group_desc *gd)
{
    struct ofputil_group_mod gm = {
        .command = OFPGC15_ADD,
        .type = gd->type,
        .group_id = gd->group_id,
        .props = gd->props,
    };

    memset(sig, 0, sizeof *sig);
    ovs_list_init(&gm.buckets);
    ofputil_bucket_clone_list(&gm.buckets, &gd->buckets, NULL);
    struct ofpbuf *msg = ofputil_encode_group_mod(OFP15_VERSION, &gm, NULL,
                                                  -1);
    signature_add_msg(sig, msg);
    signature_finish(sig);
    ofpbuf_delete(msg);
    ofputil_bucket_list_destroy(&gm.buckets);
}

/* Encodes a group.  If that is not possible, says why in the log and returns
 * NULL. */
static struct ofpbuf *
encode_group(uint32_t id, const struct ovn_group *desc,
             const unsigned long *in_force, const char *empty,
             uint16_t command)
{
    char *error;
    struct ofpbuf *msg = ovn_group_encode(desc, id, in_force, empty, command,
                                          &error);

    if (!msg) {
        struct ds s = DS_EMPTY_INITIALIZER;

        ovn_group_format(desc, in_force, empty, &s);
        VLOG_WARN_RL(&rl, "cannot make a group of group_id=%"PRIu32",%s: %s",
                     id, ds_cstr(&s), error);
        ds_destroy(&s);
        free(error);
    }
    return msg;
}

/* The same for one whose buckets lead to the first 'n' parts of 'group'. */
static struct ofpbuf *
encode_spread(const struct group *group, size_t n, uint16_t command)
{
    const struct ovn_group *desc = group->desc;
    struct ovn_group *spread = ovn_group_create(desc->selection_method, n);

    spread->selection_param = desc->selection_param;
    spread->hash_fields = nullable_xstrdup(desc->hash_fields);
    spread->first_bucket_id = desc->n_buckets;
    for (size_t i = 0; i < n; i++) {
        spread->buckets[i].weight = desc->buckets[0].weight;
        spread->buckets[i].actions = xasprintf(
            "group:%"PRIu32, group->parts[i]->obj.id);
    }
    struct ofpbuf *msg = encode_group(group->obj.id, spread, NULL, NULL,
                                      command);
    ovn_group_destroy(spread);
    return msg;
}

/* Sets '*sig' to the signature that a group with all buckets of 'desc' would
 * have, however long that is.  A group that cannot be has none. */
static void
signature_from_group(struct signature *sig, const struct ovn_group *desc)
{
    unsigned long *piece = bitmap_allocate(MAX(desc->n_buckets, 1));

    memset(sig, 0, sizeof *sig);
    for (size_t i = 0; !i || i < desc->n_buckets; i += PIECE) {
        size_t n = MIN(PIECE, desc->n_buckets - i);

        bitmap_set_multiple(piece, i, n, true);
        struct ofpbuf *msg = encode_group(1, desc, piece, NULL,
                                           OFPGC15_ADD);
        bitmap_set_multiple(piece, i, n, false);
        if (!msg) {
            free(sig->buckets);
            memset(sig, 0, sizeof *sig);
            break;
        }
        signature_add_our_msg(sig, msg);
    }
    signature_finish(sig);
    free(piece);
}

/* The same for what encode_spread() makes. */
static void
signature_from_spread(struct signature *sig, const struct group *group,
                      size_t n)
{
    struct ofpbuf *msg = encode_spread(group, n, OFPGC15_ADD);

    memset(sig, 0, sizeof *sig);
    if (msg) {
        signature_add_our_msg(sig, msg);
    }
    signature_finish(sig);
}

/* Identities and ids. */

static struct group *
object_to_group(const struct switch_object *obj)
{
    return obj ? CONTAINER_OF(obj, struct group, obj) : NULL;
}

static struct group *
group_cast(const struct switch_entry *e)
{
    return object_to_group(switch_object_cast(e));
}

static struct group *
find_by_id(uint32_t id)
{
    return object_to_group(switch_object_find(&groups, id));
}

static struct unclaimed *
find_unclaimed(uint32_t id)
{
    struct unclaimed *u;

    HMAP_FOR_EACH_WITH_HASH (u, node, hash_int(id, 0), &unclaimed_groups) {
        if (u->id == id) {
            return u;
        }
    }
    return NULL;
}

static void
unclaimed_destroy(struct unclaimed *u)
{
    if (u) {
        hmap_remove(&unclaimed_groups, &u->node);
        hmap_remove(&unclaimed_by_content, &u->content_node);
        signature_destroy(&u->sig);
        free(u);
    }
}

/* If 'installed' has none but buckets of a group with signature 'full', sets
 * their bits in 'bitmap'.  Otherwise returns false. */
static bool
signature_is_part_of(const struct signature *installed,
                     const struct signature *full, unsigned long *bitmap)
{
    if (installed->props != full->props) {
        return false;
    }
    for (size_t i = 0; i < installed->n_buckets; i++) {
        const struct bucket_signature *b = &installed->buckets[i];
        if (b->bucket_id >= full->n_buckets
            || b->hash != full->buckets[b->bucket_id].hash
            || bitmap_is_set(bitmap, b->bucket_id)) {
            return false;
        }
        bitmap_set1(bitmap, b->bucket_id);
    }
    return true;
}

/* If 'installed' has none but the bucket that stands in for the buckets of a
 * group with signature 'full', returns its hash, and otherwise 0. */
static uint64_t
signature_empty_hash(const struct signature *installed,
                     const struct signature *full)
{
    return (installed->props == full->props && installed->n_buckets == 1
            && installed->buckets[0].bucket_id == full->n_buckets
            ? installed->buckets[0].hash : 0);
}

/* Whether 'installed' is 'group' spread over parts.  If so, sets '*n' to how
 * many. */
static bool
signature_is_spread(const struct signature *installed,
                    const struct group *group, size_t *n)
{
    struct signature spread;

    if (installed->n_buckets < 2 || installed->n_buckets > group->n_parts) {
        return false;
    }
    signature_from_spread(&spread, group, installed->n_buckets);
    bool is_spread = spread.all == installed->all;
    signature_destroy(&spread);
    *n = installed->n_buckets;
    return is_spread;
}

/* If 'u' is 'group' with any content that it may have, notes what it is.
 * 'full' is the group's signature with all buckets. */
static bool
group_recognize(struct group *group, const struct signature *full,
                const struct unclaimed *u)
{
    memset(group->installed, 0, bitmap_n_bytes(group->desc->n_buckets));
    group->installed_spread = 0;
    group->installed_empty_hash = signature_empty_hash(&u->sig, full);
    return (group->installed_empty_hash
            || signature_is_part_of(&u->sig, full, group->installed)
            || signature_is_spread(&u->sig, group,
                                   &group->installed_spread));
}

/* Notes that 'group' is in the switch, as 'u' (which is freed) says. */
static void
group_adopt(struct group *group, const struct signature *full,
            struct unclaimed *u)
{
    group->state = (group_recognize(group, full, u)
                    ? GROUP_PRESENT : GROUP_UNKNOWN);
    unclaimed_destroy(u);
}

/* Finds an id for 'group', which must have its 'identity', 'desc' and
 * 'parts'. */
static void
group_choose_id(struct group *group, const struct signature *full)
{
    uint32_t id = switch_object_first_id(group->identity.u32[0]);
    struct unclaimed *u = NULL;

    /* What the identity's hash leads to, if it can be this group. */
    for (;; id = switch_object_next_id(id)) {
        if (!find_by_id(id)) {
            group->obj.id = id;
            u = find_unclaimed(id);
            if (!u || group_recognize(group, full, u)) {
                break;
            }
        }
    }

    /* A group of the stock controller that is the same in all but its id is as
     * good.  One of ours is not: several identities may have the same content,
     * which one comes first is chance, and the group belongs to the one whose
     * id it has. */
    if (!group->owner && !u && group->desc->n_buckets) {
        struct unclaimed *s;
        HMAP_FOR_EACH_WITH_HASH (s, content_node, hash_uint64(full->all),
                                 &unclaimed_by_content) {
            if (s->sig.all == full->all && s->id < SWITCH_OBJECT_MIN_ID
                && (!u || s->id < u->id)) {
                u = s;
            }
        }
    }

    if (u) {
        group->obj.id = u->id;
        group_adopt(group, full, u);
    }
}

static void
group_changed(struct group *group)
{
    switch_entry_changed(&groups.table, &group->obj.entry);
}

static struct group *
group_create(ovs_u128 identity, struct ovn_group *desc)
{
    struct group *group = xzalloc(sizeof *group);

    group->identity = identity;
    group->desc = desc;
    group->in_force = bitmap_allocate(MAX(desc->n_buckets, 1));
    group->installed = bitmap_allocate(MAX(desc->n_buckets, 1));
    return group;
}

/* 'group' has an id now. */
static void
group_insert(struct group *group)
{
    hmap_insert(&groups_by_identity, &group->identity_node,
                group->identity.u32[0]);
    switch_object_insert(&groups, &group->obj);
    group_changed(group);
}

/* A group of many buckets gets as many parts as it may need. */
static void
group_create_parts(struct group *group, const struct signature *full)
{
    const struct ovn_group *desc = group->desc;

    group->max_buckets = (full->max_bucket_len
                          ? MAX_BUCKETS_BYTES / full->max_bucket_len
                          : SIZE_MAX);
    size_t n = DIV_ROUND_UP(desc->n_buckets, group->max_buckets);
    if (n < 2 || n > MAX_PARTS) {
        return;
    }
    for (size_t i = 0; i < desc->n_buckets; i++) {
        if (!desc->buckets[i].weight
            || desc->buckets[i].weight != desc->buckets[0].weight) {
            return;
        }
    }

    group->n_parts = n;
    group->parts = xmalloc(n * sizeof *group->parts);
    for (size_t i = 0; i < n; i++) {
        ovs_u128 identity;

        hash_bytes128(&group->identity, sizeof group->identity, i + 1,
                      &identity);
        struct group *part = group_create(identity, group->desc);
        part->owner = group;
        group_choose_id(part, full);
        group_insert(part);
        group->parts[i] = part;
    }
}

static struct group *
group_get(const struct ovn_group *desc)
{
    struct signature full = { .n_buckets = 0 };
    ovs_u128 identity = ovn_group_hash(desc);
    struct group *group;

    HMAP_FOR_EACH_WITH_HASH (group, identity_node, identity.u32[0],
                             &groups_by_identity) {
        if (ovs_u128_equals(group->identity, identity)) {
            return group;
        }
    }

    group = group_create(identity, ovn_group_clone(desc));
    if (!hmap_is_empty(&unclaimed_groups) || desc->n_buckets > PIECE) {
        signature_from_group(&full, desc);
    }
    if (desc->n_buckets > PIECE) {
        group_create_parts(group, &full);
    }
    group_choose_id(group, &full);
    group_insert(group);
    signature_destroy(&full);
    return group;
}

static struct inc_key
group_key(const struct group *group, uint64_t *u64)
{
    *u64 = group->obj.id;
    return inc_key_u64(u64);
}

uint32_t
group_want(struct inc_unit *unit, const struct ovn_group *desc)
{
    struct group *group = group_get(desc);
    uint64_t u64;

    inc_insert(unit, wanted_group_kind, group_key(group, &u64),
               INC_KEY_ONLY);
    return group->obj.id;
}

/* The unit of a group. */

static struct group *
unit_to_group(const struct inc_unit *unit)
{
    uint64_t u64;

    memcpy(&u64, inc_unit_key(unit).data, sizeof u64);
    struct group *group = find_by_id(u64);
    ovs_assert(group);
    return group;
}

/* Gives the parts of 'group' that are needed their share of the buckets that
 * are in force. */
static void
group_spread(struct group *group)
{
    size_t n_buckets = group->desc->n_buckets;
    size_t n = bitmap_count1(group->in_force, n_buckets);
    size_t i, nth = 0;

    group->spread = (n > group->max_buckets
                     ? DIV_ROUND_UP(n, group->max_buckets) : 0);
    for (i = 0; i < group->n_parts; i++) {
        struct group *part = group->parts[i];

        part->obj.wanted = group->obj.wanted && i < group->spread;
        memset(part->in_force, 0, bitmap_n_bytes(n_buckets));
        group_changed(part);
    }
    if (group->spread) {
        BITMAP_FOR_EACH_1 (i, n_buckets, group->in_force) {
            bitmap_set1(group->parts[nth++ * group->spread / n]->in_force, i);
        }
    }
}

/* Notes the hash of the bucket that 'group->empty' makes, which tells whether
 * it is the one that is installed. */
static void
group_hash_empty(struct group *group)
{
    struct signature sig = { .n_buckets = 0 };
    unsigned long *none = bitmap_allocate(MAX(group->desc->n_buckets, 1));
    struct ofpbuf *msg = encode_group(1, group->desc, none, group->empty,
                                      OFPGC15_ADD);

    if (msg) {
        signature_add_our_msg(&sig, msg);
        group->empty_hash = sig.buckets[0].hash;
    } else {
        free(group->empty);
        group->empty = NULL;
    }
    signature_destroy(&sig);
    free(none);
}

static void
group_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct group *group = unit_to_group(unit);

    free(group->empty);
    group->empty_hash = 0;
    get_content(unit, group->desc, group->in_force, &group->empty);
    if (group->empty) {
        group_hash_empty(group);
    }
    group->obj.wanted = true;
    if (group->parts) {
        group_spread(group);
    }
    group_changed(group);
}

static void
group_removed(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct group *group = unit_to_group(unit);

    group->obj.wanted = false;
    if (group->parts) {
        group_spread(group);
    }
    group_changed(group);
}

/* Dumps. */

void
group_dump_begin(void)
{
    struct switch_object *obj;
    struct unclaimed *u;

    switch_objects_dump_begin(&groups);
    HMAP_FOR_EACH_SAFE (u, node, &unclaimed_groups) {
        unclaimed_destroy(u);
    }
    SWITCH_OBJECT_FOR_EACH (obj, &groups) {
        object_to_group(obj)->state = GROUP_ABSENT;
    }
}

static void
add_unclaimed(uint32_t id, const struct signature *sig)
{
    struct unclaimed *u = xzalloc(sizeof *u);

    u->id = id;
    u->sig = *sig;
    hmap_insert(&unclaimed_groups, &u->node, hash_int(u->id, 0));
    hmap_insert(&unclaimed_by_content, &u->content_node,
                hash_uint64(u->sig.all));
}

void
group_dump_group(const struct ofputil_group_desc *gd)
{
    if (!find_unclaimed(gd->group_id)) {
        struct signature sig;

        signature_from_desc(&sig, gd);
        add_unclaimed(gd->group_id, &sig);
    }
}

void
group_dump_id(uint32_t id)
{
    if (!find_unclaimed(id)) {
        add_unclaimed(id, &(struct signature) { .n_buckets = 0 });
    }
}

void
group_dump_end(void)
{
    struct switch_object *obj;

    SWITCH_OBJECT_FOR_EACH (obj, &groups) {
        struct unclaimed *u = find_unclaimed(obj->id);
        if (u) {
            struct group *group = object_to_group(obj);
            struct signature full;

            signature_from_group(&full, group->desc);
            group_adopt(group, &full, u);
            signature_destroy(&full);
        }
    }
    switch_objects_dump_end(&groups);
}

/* Changes. */

static bool
is_up_to_date(const struct group *group)
{
    return (group->state == GROUP_PRESENT
            && group->spread == group->installed_spread
            && group->empty_hash == group->installed_empty_hash
            && (group->spread || bitmap_equal(group->in_force,
                                              group->installed,
                                              group->desc->n_buckets)));
}

static enum switch_change
group_need(const struct switch_entry *e)
{
    const struct group *group = group_cast(e);

    return (group->obj.wanted
            ? is_up_to_date(group) ? SWITCH_NONE : SWITCH_ADD
            : group->state != GROUP_ABSENT ? SWITCH_DELETE : SWITCH_NONE);
}

static void
group_forget(struct switch_entry *e)
{
    group_cast(e)->state = GROUP_UNKNOWN;
}

/* A flow may have asked for it whose group stage is yet to run; and parts are
 * freed with it. */
static bool
group_in_use(const struct switch_entry *e)
{
    const struct group *group = group_cast(e);
    uint64_t u64;

    if (group->obj.wanted || group->state != GROUP_ABSENT) {
        return true;
    }
    for (size_t i = 0; i < group->n_parts; i++) {
        const struct group *part = group->parts[i];
        const struct switch_entry *pe = &part->obj.entry;

        if (part->state != GROUP_ABSENT || pe->pending || pe->on_retry_list
            || pe->n_in_flight) {
            return true;
        }
    }
    return inc_set_count(inc_peek_set(wanted_group_kind,
                                      group_key(group, &u64))) > 0;
}

static void
group_free(struct switch_entry *e)
{
    struct group *group = group_cast(e);

    for (size_t i = 0; i < group->n_parts; i++) {
        group_free(&group->parts[i]->obj.entry);
    }
    free(group->parts);
    switch_object_remove(&groups, &group->obj);
    hmap_remove(&groups_by_identity, &group->identity_node);
    if (!group->owner) {
        ovn_group_destroy(group->desc);
    }
    free(group->in_force);
    free(group->installed);
    free(group->empty);
    free(group);
}

static struct switch_entry *
group_owner(struct switch_entry *e)
{
    struct group *group = group_cast(e);

    return group->owner ? &group->owner->obj.entry : e;
}

static void
group_format_name(const struct switch_entry *e, struct ds *s)
{
    ds_put_format(s, "group %"PRIu32, group_cast(e)->obj.id);
}

static void
group_format(const struct switch_entry *e, struct ds *s)
{
    const struct group *group = group_cast(e);

    ovn_group_format(group->desc, group->in_force, group->empty, s);
}

static struct ofpbuf *
encode_deletion(uint32_t id)
{
    struct ofputil_group_mod gm = {
        .command = OFPGC15_DELETE,
        .group_id = id,
        .command_bucket_id = OFPG15_BUCKET_ALL,
    };

    COVERAGE_INC(ofctrl_group_delete);
    ovs_list_init(&gm.buckets);
    return ofputil_encode_group_mod(OFP15_VERSION, &gm, NULL, -1);
}

static void
log_change(const char *verb, const struct group *group)
{
    if (VLOG_IS_DBG_ENABLED()) {
        struct ds s = DS_EMPTY_INITIALIZER;

        group_format(&group->obj.entry, &s);
        VLOG_DBG("%s group: group_id=%"PRIu32",%s", verb, group->obj.id,
                 ds_cstr(&s));
        ds_destroy(&s);
    }
}

/* Makes the message that gives 'group' the content that it ought to have. */
static struct ofpbuf *
group_add_or_modify(struct group *group)
{
    bool unsure = group->state == GROUP_UNKNOWN || group->obj.entry.refused;
    uint16_t command = (group->state == GROUP_ABSENT ? OFPGC15_ADD
                        : unsure ? OFPGC15_ADD_OR_MOD
                        : OFPGC15_MODIFY);
    struct ofpbuf *msg
        = (group->spread
           ? encode_spread(group, group->spread, command)
           : encode_group(group->obj.id, group->desc, group->in_force,
                          group->empty, command));

    /* Without a message, too: it would fail again. */
    memcpy(group->installed, group->in_force,
           bitmap_n_bytes(group->desc->n_buckets));
    group->installed_spread = group->spread;
    group->installed_empty_hash = group->empty_hash;
    group->state = GROUP_PRESENT;
    if (!msg) {
        return NULL;
    }

    if (command == OFPGC15_ADD) {
        COVERAGE_INC(ofctrl_group_add);
        log_change("add", group);
    } else {
        COVERAGE_INC(ofctrl_group_modify);
        log_change("modify", group);
    }
    return msg;
}

static struct ofpbuf *
group_make(struct switch_entry *e, enum switch_change change)
{
    struct group *group = group_cast(e);

    if (change == SWITCH_ADD) {
        return group_add_or_modify(group);
    }
    group->state = GROUP_ABSENT;
    log_change("delete", group);
    return encode_deletion(group->obj.id);
}

size_t
group_pop_additions(struct ovs_list *msgs)
{
    return switch_table_pop(&groups.table, SWITCH_ADD, SIZE_MAX, msgs);
}

size_t
group_pop_deletions(struct ovs_list *msgs)
{
    size_t n_msgs = switch_table_pop(&groups.table, SWITCH_DELETE, SIZE_MAX,
                                     msgs);
    struct unclaimed *u;

    HMAP_FOR_EACH_SAFE (u, node, &unclaimed_groups) {
        VLOG_DBG("delete group: group_id=%"PRIu32, u->id);
        struct ofpbuf *msg = encode_deletion(u->id);
        ovs_list_push_back(msgs, &msg->list_node);
        unclaimed_destroy(u);
        n_msgs++;
    }
    return n_msgs;
}

bool
group_has_changes(void)
{
    return (switch_table_has_changes(&groups.table)
            || !hmap_is_empty(&unclaimed_groups));
}

void
group_settled(uint32_t xid)
{
    switch_table_settled(&groups.table, xid);
}

bool
group_refused(uint32_t xid, enum ofperr error)
{
    return switch_table_refused(&groups.table, xid, error);
}

void
group_retry(void)
{
    switch_table_retry(&groups.table);
}

void
group_reverted(void)
{
    switch_table_reverted(&groups.table);
}

/* Commands and the rest. */

static bool
is_listed(const struct switch_object *obj)
{
    return obj->wanted && !object_to_group(obj)->owner;
}

void
group_for_each(void (*cb)(const struct group_view *, void *aux), void *aux)
{
    const struct switch_object *obj;

    SWITCH_OBJECT_FOR_EACH (obj, &groups) {
        if (is_listed(obj)) {
            const struct group *group = object_to_group(obj);
            const struct group_view view = {
                .id = obj->id,
                .desc = group->desc,
                .in_force = group->in_force,
                .empty = group->empty,
            };

            cb(&view, aux);
        }
    }
}

bool
group_find_counter(uint32_t id, size_t i, uint32_t *counter_id, size_t *nth)
{
    const struct group *group = find_by_id(id);

    if (!group || group->state != GROUP_PRESENT) {
        return false;
    }
    *counter_id = id;
    *nth = 0;
    if (i == group->desc->n_buckets) {
        return group->installed_empty_hash != 0;
    }
    for (size_t j = 0; j < group->installed_spread; j++) {
        if (bitmap_is_set(group->parts[j]->installed, i)) {
            return group_find_counter(group->parts[j]->obj.id, i,
                                      counter_id, nth);
        }
    }
    for (size_t j = 0; j < i; j++) {
        *nth += bitmap_is_set(group->installed, j);
    }
    return (!group->installed_spread
            && bitmap_is_set(group->installed, i));
}

static void
group_table_list(struct unixctl_conn *conn, int argc OVS_UNUSED,
                 const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    char *s = switch_objects_list(&groups, is_listed);

    unixctl_command_reply(conn, s);
    free(s);
}

static void
register_commands(void)
{
    unixctl_command_register("group-table-list", "", 0, 0, group_table_list,
                             NULL);
    meter_register_commands();
}

static void
get_memory_usage(struct simap *usage)
{
    simap_increase(usage, "groups", hmap_count(&groups.by_id));
}

static void
destroy(void)
{
    struct switch_object *obj;
    struct unclaimed *u;

    meter_destroy();
    HMAP_FOR_EACH_SAFE (u, node, &unclaimed_groups) {
        unclaimed_destroy(u);
    }
    SWITCH_OBJECT_FOR_EACH (obj, &groups) {
        object_to_group(obj)->n_parts = 0; /* The table frees all itself. */
    }
    switch_objects_destroy(&groups);
    hmap_destroy(&groups_by_identity);
    hmap_init(&groups_by_identity);
    hmap_destroy(&unclaimed_groups);
    hmap_init(&unclaimed_groups);
    hmap_destroy(&unclaimed_by_content);
    hmap_init(&unclaimed_by_content);
}

const struct module group_module = {
    .name = "group",
    .init = init,
    .commands = register_commands,
    .memory = get_memory_usage,
    .destroy = destroy,
};
