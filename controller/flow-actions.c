/* SPDX-License-Identifier: Apache-2.0 */

/* Actions come in as ofpacts and stay as OpenFlow instructions.  The only
 * subtlety is canonicalize(), which see. */

#include <config.h>
#include "flow-actions.h"

#include "flow-table.h"
#include "hash.h"
#include "openflow/openflow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-match.h"
#include "openvswitch/ofpbuf.h"
#include "tun-metadata.h"
#include "util.h"
#include "vl-mff-map.h"

static struct hmap all_actions = HMAP_INITIALIZER(&all_actions);
static size_t all_actions_bytes;

/* Returns a new reference to what is interned already, or NULL. */
static struct flow_actions *
find_bytes(const void *data, size_t len, bool clauses, uint32_t hash)
{
    struct flow_actions *fa;

    HMAP_FOR_EACH_WITH_HASH (fa, hmap_node, hash, &all_actions) {
        if (fa->len == len && fa->clauses == clauses
            && !memcmp(fa->data, data, len)) {
            fa->n_refs++;
            return fa;
        }
    }
    return NULL;
}

static struct flow_actions *
intern_bytes(const void *data, size_t len, bool clauses)
{
    uint32_t hash = hash_bytes(data, len, clauses);
    struct flow_actions *fa = find_bytes(data, len, clauses, hash);

    if (fa) {
        return fa;
    }
    fa = xmalloc(sizeof *fa + len);
    fa->n_refs = 1;
    fa->len = len;
    fa->clauses = clauses;
    fa->teaches = false;
    memcpy(fa->data, data, len);
    hmap_insert(&all_actions, &fa->hmap_node, hash);
    all_actions_bytes += sizeof *fa + len;
    return fa;
}


/* Returns what the switch knows about the lengths of tunnel options, by which
 * it encodes them: whichever field ours is, it has 4 bytes. */
static const struct vl_mff_map *
tunnel_options(void)
{
    static struct vl_mff_map map;
    static bool initialized;

    if (!initialized) {
        struct ofputil_tlv_map options[TUN_METADATA_NUM_OPTS];
        struct ofputil_tlv_table_mod mod = { .command = NXTTMC_ADD };

        initialized = true;
        ovs_list_init(&mod.mappings);
        for (size_t i = 0; i < TUN_METADATA_NUM_OPTS; i++) {
            options[i] = (struct ofputil_tlv_map) {
                .option_type = i, .option_len = 4, .index = i,
            };
            ovs_list_push_back(&mod.mappings, &options[i].list_node);
        }
        cmap_init(&map.cmap);
        ovs_mutex_init(&map.mutex);
        ovs_mutex_lock(&map.mutex);
        ovs_assert(!mf_vl_mff_map_mod_from_tun_metadata(&map, &mod));
        ovs_mutex_unlock(&map.mutex);
    }
    return &map;
}

/* Replaces the instructions in 'b' by what they look like after a trip to a
 * switch and back, so that they compare equal to what a dump yields.  A list
 * that cannot be decoded stays as it is: the switch will say what it thinks of
 * it. */
static void
canonicalize(struct ofpbuf *b)
{
    struct ofpbuf wire = ofpbuf_const_initializer(b->data, b->size);
    uint64_t stub[1024 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    uint64_t tlv_bitmap = 0;

    if (!ofpacts_pull_openflow_instructions(&wire, wire.size, OFP15_VERSION,
                                            tunnel_options(), &tlv_bitmap,
                                            &ofpacts)) {
        ofpbuf_clear(b);
        ofpacts_put_openflow_instructions(ofpacts.data, ofpacts.size, b,
                                          OFP15_VERSION);
    }
    ofpbuf_uninit(&ofpacts);
}

static bool
has_learn(const struct ofpact *ofpacts, size_t ofpacts_len)
{
    const struct ofpact_learn *learn;

    OFPACT_FOR_EACH_TYPE_FLATTENED (learn, LEARN, ofpacts, ofpacts_len) {
        return true;
    }
    return false;
}

struct flow_actions *
flow_actions_intern(const struct ofpact *ofpacts, size_t ofpacts_len)
{
    uint64_t stub[1024 / 8];
    struct ofpbuf b = OFPBUF_STUB_INITIALIZER(stub);
    struct flow_actions *fa = NULL;

    ofpacts_put_openflow_instructions(ofpacts, ofpacts_len, &b,
                                      OFP15_VERSION);
    if (b.size <= FLOW_ACTIONS_MAX_LEN) {
        /* What is interned is canonical. */
        fa = find_bytes(b.data, b.size, false,
                        hash_bytes(b.data, b.size, false));
        if (!fa) {
            canonicalize(&b);
            fa = intern_bytes(b.data, b.size, false);
            fa->teaches = has_learn(ofpacts, ofpacts_len);
        }
    }
    ofpbuf_uninit(&b);
    return fa;
}

struct flow_actions *
flow_actions_intern_clauses(const struct flow_clause *clauses, size_t n)
{
    size_t len = n * sizeof *clauses;
    if (len > FLOW_ACTIONS_MAX_LEN) {
        return NULL;
    }

    /* Copied member by member, for the padding to be all zeros. */
    struct flow_clause *copy = xcalloc(MAX(n, 1), sizeof *copy);
    for (size_t i = 0; i < n; i++) {
        copy[i].conj_id = clauses[i].conj_id;
        copy[i].clause = clauses[i].clause;
        copy[i].n_clauses = clauses[i].n_clauses;
    }
    n = flow_clauses_normalize(copy, n);

    struct flow_actions *fa = intern_bytes(copy, n * sizeof *copy, true);
    free(copy);
    return fa;
}

struct flow_actions *
flow_actions_from_clauses(const struct flow_clause *clauses, size_t n)
{
    uint64_t stub[1024 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    for (size_t i = 0; i < n; i++) {
        struct ofpact_conjunction *conj = ofpact_put_CONJUNCTION(&ofpacts);
        conj->id = clauses[i].conj_id;
        conj->clause = clauses[i].clause;
        conj->n_clauses = clauses[i].n_clauses;
    }
    struct flow_actions *fa = flow_actions_intern(ofpacts.data, ofpacts.size);
    ofpbuf_uninit(&ofpacts);
    return fa;
}

struct flow_actions *
flow_actions_ref(const struct flow_actions *fa_)
{
    struct flow_actions *fa = CONST_CAST(struct flow_actions *, fa_);

    if (fa) {
        fa->n_refs++;
    }
    return fa;
}

void
flow_actions_unref(struct flow_actions *fa)
{
    if (fa && !--fa->n_refs) {
        hmap_remove(&all_actions, &fa->hmap_node);
        all_actions_bytes -= sizeof *fa + fa->len;
        free(fa);
        if (hmap_is_empty(&all_actions)) {
            hmap_destroy(&all_actions);
            hmap_init(&all_actions);
        }
    }
}

int
flow_actions_compare(const struct flow_actions *a,
                     const struct flow_actions *b)
{
    if (a == b) {
        return 0;
    }
    int cmp = memcmp(a->data, b->data, MIN(a->len, b->len));
    return cmp ? cmp : a->len < b->len ? -1 : 1;
}

const struct flow_clause *
flow_actions_clauses(const struct flow_actions *fa, size_t *n)
{
    ovs_assert(fa->clauses);
    *n = fa->len / sizeof(struct flow_clause);
    return (const struct flow_clause *) fa->data;
}

static int
compare_clauses(const void *a_, const void *b_)
{
    const struct flow_clause *a = a_;
    const struct flow_clause *b = b_;

    return (a->conj_id != b->conj_id ? (a->conj_id < b->conj_id ? -1 : 1)
            : a->n_clauses != b->n_clauses ? a->n_clauses - b->n_clauses
            : a->clause - b->clause);
}

size_t
flow_clauses_normalize(struct flow_clause *clauses, size_t n)
{
    size_t n_left = 0;

    qsort(clauses, n, sizeof *clauses, compare_clauses);
    for (size_t i = 0; i < n; i++) {
        if (!n_left || compare_clauses(&clauses[n_left - 1], &clauses[i])) {
            clauses[n_left++] = clauses[i];
        }
    }
    return n_left;
}

size_t
flow_actions_memory(void)
{
    return all_actions_bytes + hmap_capacity(&all_actions) * sizeof(void *);
}
