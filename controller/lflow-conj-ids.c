/* SPDX-License-Identifier: Apache-2.0 */

/* Ids of conjunctive matches; see lflow-conj-ids.h. */

#include <config.h>
#include "lflow-conj-ids.h"

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "util.h"
#include "uuid.h"

struct conj_id {
    struct hmap_node node;      /* In 'ids'. */
    const struct conj_range *range;
    uint32_t id;
};

/* What one call of conj_ids_alloc() has handed out. */
struct conj_range {
    struct hmap_node node;      /* In 'ranges', by 'lflow'. */
    struct uuid lflow, dp;
    uint32_t dp_key;
    uint8_t table_id;
    uint32_t n;
    struct conj_id ids[];       /* 'n' of them. */
};

static struct hmap ids = HMAP_INITIALIZER(&ids);
static struct hmap ranges = HMAP_INITIALIZER(&ranges);

static uint32_t
id_hash(uint8_t table_id, uint32_t dp_key, uint32_t id)
{
    return hash_finish(hash_add(hash_add(table_id, dp_key), id), 12);
}

static bool
is_taken(uint8_t table_id, uint32_t dp_key, uint32_t id)
{
    struct conj_id *ci;

    HMAP_FOR_EACH_WITH_HASH (ci, node, id_hash(table_id, dp_key, id), &ids) {
        if (ci->id == id && ci->range->table_id == table_id
            && ci->range->dp_key == dp_key) {
            return true;
        }
    }
    return false;
}

/* Returns the first id from 'first' on that is not free, of 'n', or 0. */
static uint32_t
first_taken(uint8_t table_id, uint32_t dp_key, uint32_t first, uint32_t n)
{
    for (uint32_t id = first; id < first + n; id++) {
        if (is_taken(table_id, dp_key, id)) {
            return id;
        }
    }
    return 0;
}

void
conj_ids_destroy(void)
{
    struct conj_range *range;

    HMAP_FOR_EACH_POP (range, node, &ranges) {
        free(range);
    }
    hmap_destroy(&ranges);
    hmap_init(&ranges);
    hmap_destroy(&ids);
    hmap_init(&ids);
}

uint32_t
conj_ids_alloc(const struct uuid *lflow, const struct uuid *dp,
               uint8_t table_id, uint32_t dp_key, uint32_t n)
{
    enum { MAX_TRIES = 10000 };
    uint32_t start = lflow->parts[0];
    uint32_t taken = 0;

    for (int i = 0; i < MAX_TRIES; i++) {
        if (!start || start > UINT32_MAX - n) {
            start = 1;
        }
        taken = first_taken(table_id, dp_key, start, n);
        if (!taken) {
            break;
        }
        start = taken + 1;
    }
    if (taken || !n) {
        return 0;
    }

    struct conj_range *range = xmalloc(sizeof *range
                                       + n * sizeof range->ids[0]);
    *range = (struct conj_range) {
        .lflow = *lflow,
        .dp = *dp,
        .dp_key = dp_key,
        .table_id = table_id,
        .n = n,
    };
    hmap_insert(&ranges, &range->node, uuid_hash(lflow));
    for (uint32_t i = 0; i < n; i++) {
        range->ids[i].range = range;
        range->ids[i].id = start + i;
        hmap_insert(&ids, &range->ids[i].node,
                    id_hash(table_id, dp_key, start + i));
    }
    return start;
}

uint32_t
conj_ids_find(const struct uuid *lflow, const struct uuid *dp,
              uint8_t table_id, uint32_t n)
{
    const struct conj_range *range;

    HMAP_FOR_EACH_WITH_HASH (range, node, uuid_hash(lflow), &ranges) {
        if (uuid_equals(&range->lflow, lflow) && uuid_equals(&range->dp, dp)
            && range->table_id == table_id && range->n == n) {
            return range->ids[0].id;
        }
    }
    return 0;
}

static struct conj_range *
find_range(const struct uuid *lflow)
{
    struct conj_range *range;

    HMAP_FOR_EACH_WITH_HASH (range, node, uuid_hash(lflow), &ranges) {
        if (uuid_equals(&range->lflow, lflow)) {
            return range;
        }
    }
    return NULL;
}

void
conj_ids_free(const struct uuid *lflow)
{
    struct conj_range *range;

    while ((range = find_range(lflow))) {
        for (uint32_t i = 0; i < range->n; i++) {
            hmap_remove(&ids, &range->ids[i].node);
        }
        hmap_remove(&ranges, &range->node);
        free(range);
    }
}

void
conj_ids_dump(struct ds *s)
{
    const struct conj_range *range;

    ds_put_cstr(s, "Conjunction IDs allocations:\n");
    HMAP_FOR_EACH (range, node, &ranges) {
        ds_put_format(s, "lflow: "UUID_FMT", dp: "UUID_FMT", start: %"PRIu32
                      ", n: %"PRIu32"\n",
                      UUID_ARGS(&range->lflow), UUID_ARGS(&range->dp),
                      range->ids[0].id, range->n);
    }
    ds_put_format(s, "---\nTotal %"PRIuSIZE" IDs used.\n", hmap_count(&ids));
}
