/* SPDX-License-Identifier: Apache-2.0 */

/* What is sent again and again; see repeater.h. */

#include <config.h>
#include "pinctrl/repeater.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "inputs.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "pinctrl/agenda.h"
#include "pinctrl/fact.h"
#include "timeval.h"
#include "unit-log.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_repeater);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* How many in one go, so that other services do not wait for long. */
#define MAX_AT_ONCE 64

/* In ms: when to try again while the switch does not take any. */
#define RETRY_INTERVAL 1000

/* The greatest cap: a day. */
#define MAX_CAP 86400

/* How many times intervals are doubled: up to more than MAX_CAP. */
#define MAX_DOUBLED 17

static uint32_t
hash_key(struct inc_key key)
{
    return hash_bytes(key.data, key.len, 0);
}

static struct repeated *
find(const struct repeater *repeater, struct inc_key key)
{
    struct repeated *r;

    HMAP_FOR_EACH_WITH_HASH (r, hmap_node, hash_key(key), &repeater->by_key) {
        if (r->key.len == key.len && !memcmp(r->key.data, key.data, key.len)) {
            return r;
        }
    }
    return NULL;
}

static struct repeated *
add(struct repeater *repeater, struct inc_key key)
{
    struct repeated *r = xzalloc(sizeof *r);

    r->key = (struct inc_key) { xmemdup(key.data, key.len), key.len };
    r->when = LLONG_MAX;
    hmap_insert(&repeater->by_key, &r->hmap_node, hash_key(key));
    return r;
}

static void
send_at(struct repeater *repeater, struct repeated *r, long long int when)
{
    if (r->when != LLONG_MAX) {
        heap_remove(&repeater->due, &r->heap_node);
    }
    r->when = when;
    if (when != LLONG_MAX) {
        heap_insert(&repeater->due, &r->heap_node, agenda_priority(when));
        pin_timer_at(repeater->service, when);
    }
    pin_gauge_set(repeater->gauge, heap_count(&repeater->due));
}

static void
start(struct repeater *repeater, struct repeated *r)
{
    r->n_sent = 0;
    send_at(repeater, r, time_msec());
}

static void
repeated_destroy(struct repeated *r)
{
    free(CONST_CAST(void *, r->key.data));
    free(r);
}

void
repeater_set(struct repeater *repeater, struct inc_key key, bool wanted)
{
    struct repeated *r = find(repeater, key);

    if (wanted) {
        start(repeater, r ? r : add(repeater, key));
    } else if (r) {
        send_at(repeater, r, LLONG_MAX);
        hmap_remove(&repeater->by_key, &r->hmap_node);
        repeated_destroy(r);
    }
}

static struct repeated *
first_due(const struct repeater *repeater)
{
    return (heap_is_empty(&repeater->due) ? NULL
            : CONTAINER_OF(heap_max(&repeater->due), struct repeated,
                           heap_node));
}

long long int
repeater_run(struct repeater *repeater, long long int now)
{
    struct repeated *r;

    for (int n = 0; (r = first_due(repeater)) && r->when <= now; n++) {
        if (n >= MAX_AT_ONCE) {
            break;              /* Called again at once. */
        }
        if (!repeater->send(r->key)) {
            return now + RETRY_INTERVAL;
        }
        const int interval = repeater->interval(r->key, ++r->n_sent);
        send_at(repeater, r, interval < 0 ? LLONG_MAX : now + interval);
    }
    return r ? r->when : LLONG_MAX;
}

int
repeater_doubled(int first, unsigned int n, int max)
{
    return MIN(first << MIN(n - 1, MAX_DOUBLED), max) * 1000;
}

void
repeated_format(const struct repeated *r, struct ds *ds)
{
    ds_put_format(ds, "sent %u times", r->n_sent);
    if (r->when != LLONG_MAX) {
        ds_put_format(ds, ", next in %lld ms",
                      MAX(r->when - time_msec(), 0));
    }
}

/* The longest interval.
 *
 * Fact: (send-cap, key of external_ids): seconds, if it is configured. */

static void cap_changed(struct inc_key, const void *cap);

static struct fact_table caps
    = FACT_TABLE_INITIALIZER("send-cap", free, cap_changed);
static struct inc_kind *cap_kind;

/* Those that may have a cap. */
static struct ovs_list repeaters = OVS_LIST_INITIALIZER(&repeaters);

static bool
caps_equal(const void *a_, const void *b_)
{
    const int *a = a_;
    const int *b = b_;

    return *a == *b;
}

static const struct inc_kind_class cap_kind_class = {
    .name = "send-cap", .stage = STAGE_FLOW, .key_type = INC_KEY_STRING,
    .equal = caps_equal, .destroy = free,
};

static void
cap_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *name = inc_unit_key(unit).data;
    const char *text = in_config(unit, name);
    int cap;

    if (!text) {
        return;
    }
    if (!str_to_int(text, 10, &cap) || cap < 0 || cap > MAX_CAP) {
        UNIT_WARN(unit, &rl, "external_ids:%s=\"%s\" is ignored: "
                  "it is not a number of seconds up to %d",
                  name, text, MAX_CAP);
        return;
    }
    if (cap) {
        inc_write(unit, cap_kind, inc_key_string(name),
                  xmemdup(&cap, sizeof cap));
    }
}

static const struct inc_unit_class cap_class = {
    .name = "send-cap", .stage = STAGE_FLOW, .run = cap_run,
};

static void *
copy_cap(struct inc_key key OVS_UNUSED, const void *cap)
{
    return xmemdup(cap, sizeof(int));
}

static void
cap_changed(struct inc_key key, const void *cap OVS_UNUSED)
{
    struct repeater *repeater;

    LIST_FOR_EACH (repeater, list_node, &repeaters) {
        if (!strcmp(key.data, repeater->cap_name)) {
            struct repeated *r;

            REPEATED_FOR_EACH (r, repeater) {
                start(repeater, r);
            }
        }
    }
}

int
repeater_cap(const struct repeater *repeater)
{
    const int *cap = fact_find(&caps, inc_key_string(repeater->cap_name));

    return cap ? *cap : 0;
}

void
repeater_init(struct repeater *repeater, struct inc_engine *engine)
{
    if (ovs_list_is_empty(&repeaters)) {
        cap_kind = inc_kind_declare(engine, &cap_kind_class);
        fact_follow(&caps, cap_kind, copy_cap);
    }
    ovs_list_push_back(&repeaters, &repeater->list_node);
    inc_unit_add(engine, &cap_class, inc_key_string(repeater->cap_name), NULL);
}

void
repeater_destroy(struct repeater *repeater)
{
    struct repeated *r;

    HMAP_FOR_EACH_POP (r, hmap_node, &repeater->by_key) {
        repeated_destroy(r);
    }
    hmap_destroy(&repeater->by_key);
    hmap_init(&repeater->by_key);
    heap_destroy(&repeater->due);
    heap_init(&repeater->due);
    ovs_list_remove(&repeater->list_node);
    if (ovs_list_is_empty(&repeaters)) {
        fact_table_destroy(&caps);
    }
}
