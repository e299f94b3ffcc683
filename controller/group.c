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


/* How groups work.
 *
 * A "struct group" is an identity that some flow wants, or wanted until a
 * moment ago.  What it ought to have and what the switch has are two bitmaps
 * of the identity's buckets, so that comparing them takes neither text nor
 * encoding; the text is parsed only to make a message.
 *
 * An installed group that no flow has asked for is a "stray".  It is kept by
 * hashes of its canonical parts, just enough to tell whether it is a group
 * that a flow asks for now.  Strays that are left when the desired state is
 * complete are deleted. */

#include <config.h>
#include "group.h"

#include <inttypes.h>

#include "bitmap.h"
#include "coverage.h"
#include "hash.h"
#include "inputs.h"
#include "openflow/openflow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "simap.h"
#include "svec.h"
#include "unixctl.h"
#include "util.h"
#include "xid-queue.h"

VLOG_DEFINE_THIS_MODULE(group);

COVERAGE_DEFINE(ofctrl_group_add);
COVERAGE_DEFINE(ofctrl_group_modify);
COVERAGE_DEFINE(ofctrl_group_delete);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* What is known of a group in the switch.  The content that we want is always
 * a set of the identity's buckets, so that a bitmap says which. */
enum group_state {
    GROUP_ABSENT,               /* It is not there. */
    GROUP_UNKNOWN,              /* It may be there, with whatever content. */
    GROUP_PRESENT               /* It is there, with 'installed' buckets. */
};

struct group {
    struct hmap_node id_node;       /* In 'groups_by_id'. */
    struct hmap_node identity_node; /* In 'groups'. */
    uint32_t id;
    uint32_t n_in_flight;       /* Messages not yet settled. */
    ovs_u128 identity;          /* Hash of ovn_group_identity(). */
    struct ovn_group *desc;

    enum group_state state;
    bool wanted;                /* Its unit has run. */
    bool pending;               /* In the 'pending' vector. */
    bool refused;               /* The switch did not take it. */
    unsigned long *in_force;    /* Buckets that it ought to have... */
    unsigned long *installed;   /* ...and those that it has. */
};

/* A group as it is in the switch, by the hashes of its canonical parts. */
struct bucket_signature {
    uint32_t bucket_id;
    uint64_t hash;
};
struct signature {
    uint64_t props;             /* Type and properties. */
    uint64_t all;               /* Everything but the id. */
    struct bucket_signature *buckets;
    size_t n_buckets;
};

/* An installed group that nobody has asked for (yet). */
struct stray {
    struct hmap_node node;      /* In 'strays', by id. */
    struct hmap_node content_node; /* In 'strays_by_content'. */
    uint32_t id;
    struct signature sig;
};

static struct hmap groups = HMAP_INITIALIZER(&groups);
static struct hmap groups_by_id = HMAP_INITIALIZER(&groups_by_id);
static struct hmap strays = HMAP_INITIALIZER(&strays);
static struct hmap strays_by_content = HMAP_INITIALIZER(&strays_by_content);
static struct xid_queue in_flight;

static struct group **pending;
static size_t n_pending, allocated_pending;

static group_bucket_in_force_func *bucket_in_force;

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
group_init(struct inc_engine *engine, group_bucket_in_force_func *in_force)
{
    bucket_in_force = in_force;
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

/* Takes apart 'msg', an OFPT15_GROUP_MOD that ofputil has encoded. */
static void
signature_from_msg(struct signature *sig, const struct ofpbuf *msg)
{
    struct ofpbuf b = ofpbuf_const_initializer(msg->data, msg->size);
    const struct ofp15_group_mod *ogm;
    size_t allocated = 0;

    memset(sig, 0, sizeof *sig);
    ofpraw_pull_assert(&b);
    ogm = ofpbuf_pull(&b, sizeof *ogm);
    sig->all = ogm->type;

    size_t buckets_len = ntohs(ogm->bucket_array_len);
    while (buckets_len) {
        const struct ofp15_bucket *ob = b.data;
        size_t len = ntohs(ob->len);

        if (sig->n_buckets >= allocated) {
            sig->buckets = x2nrealloc(sig->buckets, &allocated,
                                      sizeof *sig->buckets);
        }
        sig->buckets[sig->n_buckets++] = (struct bucket_signature) {
            ntohl(ob->bucket_id), hash64(ob, len, 0)
        };
        sig->all = hash64(ob, len, sig->all);
        ofpbuf_pull(&b, len);
        buckets_len -= len;
    }
    sig->props = hash64(b.data, b.size, ogm->type);
    sig->all = hash64(b.data, b.size, sig->all);
}

/* Sets '*sig' to what 'msg' (owned) would look like in a dump. */
static void
signature_from_our_msg(struct signature *sig, struct ofpbuf *msg)
{
    struct ofputil_group_mod gm;

    /* There and back, as through the switch. */
    if (!ofputil_decode_group_mod(msg->data, &gm)) {
        ofpbuf_delete(msg);
        msg = ofputil_encode_group_mod(OFP15_VERSION, &gm, NULL, -1);
        ofputil_uninit_group_mod(&gm);
    }
    signature_from_msg(sig, msg);
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

    ovs_list_init(&gm.buckets);
    ofputil_bucket_clone_list(&gm.buckets, &gd->buckets, NULL);
    struct ofpbuf *msg = ofputil_encode_group_mod(OFP15_VERSION, &gm, NULL,
                                                  -1);
    signature_from_msg(sig, msg);
    ofpbuf_delete(msg);
    ofputil_bucket_list_destroy(&gm.buckets);
}

/* Encodes group 'id' with the buckets in 'in_force' (NULL: all).  If that is
 * not possible, says why in the log and returns NULL. */
static struct ofpbuf *
encode_group(uint32_t id, const struct ovn_group *desc,
             const unsigned long *in_force, uint16_t command)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    enum ofputil_protocol usable_protocols;
    struct ofputil_group_mod gm;
    struct ofpbuf *msg = NULL;
    char *error;

    ds_put_format(&s, "group_id=%"PRIu32",", id);
    ovn_group_format(desc, in_force, &s);
    error = parse_ofp_group_mod_str(&gm, OFPGC11_ADD, ds_cstr(&s), NULL, NULL,
                                    &usable_protocols);
    if (!error) {
        gm.command = command;
        msg = ofputil_encode_group_mod(OFP15_VERSION, &gm, NULL, -1);
        /* Lengths are 16 bits wide, and a message in a bundle has two
         * headers. */
        if (msg->size > UINT16_MAX - 64) {
            error = xasprintf("%"PRIu32" bytes do not fit into an OpenFlow "
                              "message", msg->size);
            ofpbuf_delete(msg);
            msg = NULL;
        }
        ofputil_uninit_group_mod(&gm);
    }
    if (error) {
        VLOG_WARN_RL(&rl, "cannot make a group of %s: %s", ds_cstr(&s), error);
        free(error);
    }
    ds_destroy(&s);
    return msg;
}

/* Identities and ids. */

static struct group *
find_by_id(uint32_t id)
{
    struct group *group;

    HMAP_FOR_EACH_WITH_HASH (group, id_node, hash_int(id, 0), &groups_by_id) {
        if (group->id == id) {
            return group;
        }
    }
    return NULL;
}

static struct stray *
find_stray(uint32_t id)
{
    struct stray *stray;

    HMAP_FOR_EACH_WITH_HASH (stray, node, hash_int(id, 0), &strays) {
        if (stray->id == id) {
            return stray;
        }
    }
    return NULL;
}

static void
stray_destroy(struct stray *stray)
{
    if (stray) {
        hmap_remove(&strays, &stray->node);
        hmap_remove(&strays_by_content, &stray->content_node);
        signature_destroy(&stray->sig);
        free(stray);
    }
}

static bool
group_is_guarded(const struct ovn_group *desc)
{
    for (size_t i = 0; i < desc->n_buckets; i++) {
        if (desc->buckets[i].lport) {
            return true;
        }
    }
    return false;
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

/* Notes that 'group' is in the switch, as 'stray' (which is freed) says. */
static void
group_adopt(struct group *group, const struct signature *full,
            struct stray *stray)
{
    memset(group->installed, 0, bitmap_n_bytes(group->desc->n_buckets));
    group->state = (signature_is_part_of(&stray->sig, full, group->installed)
                    ? GROUP_PRESENT : GROUP_UNKNOWN);
    stray_destroy(stray);
}

/* Ids start at 1 and have 31 bits, which is as many as all tools agree are
 * positive. */
static uint32_t
next_id(uint32_t id)
{
    return id < INT32_MAX ? id + 1 : 1;
}

/* Finds an id for 'group', which must have its 'identity' and 'desc'. */
static void
group_choose_id(struct group *group)
{
    uint32_t id = (group->identity.u32[0] & INT32_MAX) % INT32_MAX + 1;
    struct stray *stray = NULL;

    if (hmap_is_empty(&strays)) {
        while (find_by_id(id)) {
            id = next_id(id);
        }
        group->id = id;
        return;
    }

    struct signature full = { .n_buckets = 0 };
    struct ofpbuf *msg = encode_group(id, group->desc, NULL, OFPGC15_ADD);
    if (msg) {
        signature_from_our_msg(&full, msg);
    }

    /* What the identity's hash leads to, if it can be this group. */
    unsigned long *bitmap = bitmap_allocate(MAX(group->desc->n_buckets, 1));
    for (;; id = next_id(id)) {
        if (find_by_id(id)) {
            continue;
        }
        stray = find_stray(id);
        if (!stray || signature_is_part_of(&stray->sig, &full, bitmap)) {
            break;
        }
        memset(bitmap, 0, bitmap_n_bytes(group->desc->n_buckets));
    }
    free(bitmap);

    /* A group that is the same in all but its id is as good. */
    if (!group_is_guarded(group->desc)
        && (!stray || stray->sig.all != full.all)) {
        struct stray *s;
        HMAP_FOR_EACH_WITH_HASH (s, content_node, hash_uint64(full.all),
                                 &strays_by_content) {
            if (s->sig.all == full.all && (!stray || stray->sig.all != full.all
                                           || s->id < stray->id)) {
                stray = s;
                id = s->id;
            }
        }
    }

    group->id = id;
    if (stray) {
        group_adopt(group, &full, stray);
    }
    signature_destroy(&full);
}

static void
group_changed(struct group *group)
{
    if (!group->pending) {
        if (n_pending >= allocated_pending) {
            pending = x2nrealloc(pending, &allocated_pending, sizeof *pending);
        }
        group->pending = true;
        pending[n_pending++] = group;
    }
}

static struct group *
group_get(const struct ovn_group *desc)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct group *group;
    ovs_u128 identity;

    ovn_group_identity(desc, &s);
    hash_bytes128(ds_cstr(&s), s.length, 0, &identity);
    ds_destroy(&s);

    HMAP_FOR_EACH_WITH_HASH (group, identity_node, identity.u32[0], &groups) {
        if (ovs_u128_equals(group->identity, identity)) {
            return group;
        }
    }

    group = xzalloc(sizeof *group);
    group->identity = identity;
    group->desc = ovn_group_clone(desc);
    group->in_force = bitmap_allocate(MAX(desc->n_buckets, 1));
    group->installed = bitmap_allocate(MAX(desc->n_buckets, 1));
    group_choose_id(group);
    hmap_insert(&groups, &group->identity_node, identity.u32[0]);
    hmap_insert(&groups_by_id, &group->id_node, hash_int(group->id, 0));
    group_changed(group);
    return group;
}

static void
group_free(struct group *group)
{
    hmap_remove(&groups, &group->identity_node);
    hmap_remove(&groups_by_id, &group->id_node);
    ovn_group_destroy(group->desc);
    free(group->in_force);
    free(group->installed);
    free(group);
}

static struct inc_key
group_key(const struct group *group, uint64_t *u64)
{
    *u64 = group->id;
    return inc_key_u64(u64);
}

bool
group_want(struct inc_unit *unit, const struct ovn_group *desc, uint32_t *idp)
{
    struct group *group = group_get(desc);
    uint64_t u64;

    inc_insert(unit, wanted_group_kind, group_key(group, &u64),
               INC_KEY_ONLY);
    *idp = group->id;
    return true;
}

/* Frees 'group' if nothing speaks of it any longer. */
static void
group_gc(struct group *group)
{
    if (!group->wanted && !group->pending && group->state == GROUP_ABSENT
        && !group->n_in_flight) {
        uint64_t u64;
        struct inc_key key = group_key(group, &u64);

        /* A flow may have asked for it whose group stage is yet to run. */
        if (!inc_set_count(inc_peek_set(wanted_group_kind, key))) {
            group_free(group);
        }
    }
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

static void
group_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct group *group = unit_to_group(unit);
    const struct ovn_group *desc = group->desc;
    bool any = false;

    for (size_t i = 0; i < desc->n_buckets; i++) {
        const struct ovn_group_bucket *b = &desc->buckets[i];
        bool in_force = !b->lport || bucket_in_force(unit, desc, b);
        bitmap_set(group->in_force, i, in_force);
        any |= in_force;
    }
    if (!any && desc->fallback) {
        bitmap_set_multiple(group->in_force, 0, desc->n_buckets, true);
    }
    group->wanted = true;
    group_changed(group);
}

static void
group_removed(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct group *group = unit_to_group(unit);

    group->wanted = false;
    group_changed(group);
}

/* Dumps. */

void
group_dump_begin(void)
{
    struct stray *stray;
    struct group *group;

    while (!xid_queue_is_empty(&in_flight)) {
        group = xid_queue_pop(&in_flight);
        group->n_in_flight--;
    }
    HMAP_FOR_EACH_SAFE (stray, node, &strays) {
        stray_destroy(stray);
    }
    HMAP_FOR_EACH (group, id_node, &groups_by_id) {
        group->state = GROUP_ABSENT;
        group->refused = false;
    }
}

void
group_dump_group(const struct ofputil_group_desc *gd)
{
    if (find_stray(gd->group_id)) {
        return;
    }

    struct stray *stray = xzalloc(sizeof *stray);
    stray->id = gd->group_id;
    signature_from_desc(&stray->sig, gd);
    hmap_insert(&strays, &stray->node, hash_int(stray->id, 0));
    hmap_insert(&strays_by_content, &stray->content_node,
                hash_uint64(stray->sig.all));
}

void
group_dump_end(void)
{
    struct group *group;

    HMAP_FOR_EACH (group, id_node, &groups_by_id) {
        struct stray *stray = find_stray(group->id);
        if (stray) {
            struct ofpbuf *msg = encode_group(group->id, group->desc, NULL,
                                              OFPGC15_ADD);
            struct signature full = { .n_buckets = 0 };
            if (msg) {
                signature_from_our_msg(&full, msg);
            }
            group_adopt(group, &full, stray);
            signature_destroy(&full);
        }
        group_changed(group);
    }
}

/* Changes. */

static bool
needs_addition(const struct group *group)
{
    return (group->wanted
            && (group->state != GROUP_PRESENT
                || !bitmap_equal(group->in_force, group->installed,
                                 group->desc->n_buckets)));
}

static bool
needs_deletion(const struct group *group)
{
    return !group->wanted && group->state != GROUP_ABSENT;
}

/* Drops from the list of pending changes those that are none. */
static void
prune_pending(void)
{
    size_t n = n_pending;

    n_pending = 0;
    for (size_t i = 0; i < n; i++) {
        struct group *group = pending[i];
        if (needs_addition(group) || needs_deletion(group)) {
            pending[n_pending++] = group;
        } else {
            group->pending = false;
            group_gc(group);
        }
    }
}

static void
send_group_mod(struct group *group, struct ofpbuf *msg, struct ovs_list *msgs,
               const char *verb)
{
    if (VLOG_IS_DBG_ENABLED()) {
        struct ds s = DS_EMPTY_INITIALIZER;

        ovn_group_format(group->desc, group->in_force, &s);
        VLOG_DBG("%s group: group_id=%"PRIu32",%s", verb, group->id,
                 ds_cstr(&s));
        ds_destroy(&s);
    }
    xid_queue_push(&in_flight, ntohl(((struct ofp_header *) msg->data)->xid),
                   group);
    group->n_in_flight++;
    group->refused = false;
    ovs_list_push_back(msgs, &msg->list_node);
}

/* Makes the message that gives 'group' the content that it ought to have. */
static bool
group_add_or_modify(struct group *group, struct ovs_list *msgs)
{
    uint16_t command = (group->state == GROUP_ABSENT ? OFPGC15_ADD
                        : group->state == GROUP_UNKNOWN || group->refused
                        ? OFPGC15_ADD_OR_MOD : OFPGC15_MODIFY);
    struct ofpbuf *msg = encode_group(group->id, group->desc, group->in_force,
                                      command);

    /* Without a message, too: it would fail again. */
    memcpy(group->installed, group->in_force,
           bitmap_n_bytes(group->desc->n_buckets));
    group->state = GROUP_PRESENT;
    if (!msg) {
        return false;
    }

    if (command == OFPGC15_ADD) {
        COVERAGE_INC(ofctrl_group_add);
    } else {
        COVERAGE_INC(ofctrl_group_modify);
    }
    send_group_mod(group, msg, msgs,
                   command == OFPGC15_ADD ? "add" : "modify");
    return true;
}

size_t
group_pop_additions(struct ovs_list *msgs)
{
    size_t n = n_pending, n_msgs = 0;

    n_pending = 0;
    for (size_t i = 0; i < n; i++) {
        struct group *group = pending[i];
        if (needs_addition(group)) {
            group->pending = false;
            n_msgs += group_add_or_modify(group, msgs);
        } else {
            pending[n_pending++] = group;
        }
    }
    return n_msgs;
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

size_t
group_pop_deletions(struct ovs_list *msgs)
{
    struct stray *stray;
    size_t n_msgs = 0;

    prune_pending();
    size_t n = n_pending;
    n_pending = 0;
    for (size_t i = 0; i < n; i++) {
        struct group *group = pending[i];
        if (needs_deletion(group)) {
            group->pending = false;
            group->state = GROUP_ABSENT;
            send_group_mod(group, encode_deletion(group->id), msgs, "delete");
            n_msgs++;
        } else {
            pending[n_pending++] = group;
        }
    }
    HMAP_FOR_EACH_SAFE (stray, node, &strays) {
        VLOG_DBG("delete group: group_id=%"PRIu32, stray->id);
        struct ofpbuf *msg = encode_deletion(stray->id);
        ovs_list_push_back(msgs, &msg->list_node);
        stray_destroy(stray);
        n_msgs++;
    }
    return n_msgs;
}

bool
group_has_changes(void)
{
    prune_pending();
    return n_pending || !hmap_is_empty(&strays);
}

void
group_settled(uint32_t xid)
{
    while (xid_queue_is_settled(&in_flight, xid)) {
        struct group *group = xid_queue_pop(&in_flight);
        group->n_in_flight--;
        group_gc(group);
    }
}

bool
group_refused(uint32_t xid, enum ofperr error)
{
    struct group *group = xid_queue_find(&in_flight, xid);
    if (!group) {
        return false;
    }

    group->refused = true;
    if (!VLOG_DROP_WARN(&rl)) {
        struct ds s = DS_EMPTY_INITIALIZER;

        ovn_group_format(group->desc, group->in_force, &s);
        VLOG_WARN("the switch refuses a group (%s): group_id=%"PRIu32",%s",
                  ofperr_to_string(error), group->id, ds_cstr(&s));
        ds_destroy(&s);
    }
    return true;
}

void
group_reverted(void)
{
    while (!xid_queue_is_empty(&in_flight)) {
        struct group *group = xid_queue_pop(&in_flight);
        group->n_in_flight--;
        if (!group->refused) {
            group->state = GROUP_UNKNOWN;
            group_changed(group);
        } else {
            group_gc(group);
        }
    }
}

/* Commands and the rest. */

static void
group_table_list(struct unixctl_conn *conn, int argc OVS_UNUSED,
                 const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct svec lines = SVEC_EMPTY_INITIALIZER;
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct group *group;

    HMAP_FOR_EACH (group, id_node, &groups_by_id) {
        if (group->wanted) {
            ds_clear(&s);
            ovn_group_format(group->desc, group->in_force, &s);
            ds_put_format(&s, ": %"PRIu32, group->id);
            svec_add(&lines, ds_cstr(&s));
        }
    }
    svec_sort(&lines);

    ds_clear(&s);
    for (size_t i = 0; i < lines.n; i++) {
        ds_put_format(&s, "%s\n", lines.names[i]);
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
    svec_destroy(&lines);
}

void
group_register_commands(void)
{
    unixctl_command_register("group-table-list", "", 0, 0, group_table_list,
                             NULL);
    meter_register_commands();
}

void
group_get_memory_usage(struct simap *usage)
{
    simap_increase(usage, "groups", hmap_count(&groups));
}

void
group_destroy(void)
{
    struct stray *stray;
    struct group *group;

    meter_destroy();
    HMAP_FOR_EACH_SAFE (stray, node, &strays) {
        stray_destroy(stray);
    }
    HMAP_FOR_EACH_SAFE (group, id_node, &groups_by_id) {
        group_free(group);
    }
    hmap_destroy(&groups);
    hmap_init(&groups);
    hmap_destroy(&groups_by_id);
    hmap_init(&groups_by_id);
    hmap_destroy(&strays);
    hmap_init(&strays);
    hmap_destroy(&strays_by_content);
    hmap_init(&strays_by_content);
    xid_queue_clear(&in_flight);
    free(pending);
    pending = NULL;
    n_pending = allocated_pending = 0;
}
