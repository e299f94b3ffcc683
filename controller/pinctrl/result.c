/* SPDX-License-Identifier: Apache-2.0 */

/* Results: what services want written into the southbound database.
 *
 *     pin_result_put() --> incoming --> pending --write()--> transaction
 *     packet thread        (mutex)      main thread
 *
 * A result is pending until its service's write() finds that there is nothing
 * left to write.  Thus nothing has to be known about what became of a
 * transaction: one that fails is written again.  It is not written forever,
 * because two chassis may be of different opinions about a row.
 *
 * Both lists are bounded, as packets come faster than anything is written: the
 * oldest result makes room for the newest, which knows more. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "coverage.h"
#include "hash.h"
#include "module.h"
#include "openvswitch/vlog.h"
#include "pinctrl/pinctrl-private.h"
#include "seq.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_result);

COVERAGE_DEFINE(pinctrl_drop_result);
COVERAGE_DEFINE(pinctrl_give_up_result);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Transactions that a result is put into before it is given up. */
#define MAX_TRIES 20

/* Changes when there are results for the main thread. */
static struct seq *seq;
static uint64_t seen;           /* Main thread. */

struct result {
    struct hmap_node hmap_node; /* In by_key. */
    struct ovs_list list_node;  /* In in_order. */
    void *data;
    int n_tries;
    size_t key_len;
    char key[];
};

static void
result_list_init(struct result_list *list)
{
    hmap_init(&list->by_key);
    ovs_list_init(&list->in_order);
}

static void
destroy_data(const struct pin_service *service, void *data)
{
    if (service->destroy_result) {
        service->destroy_result(data);
    } else {
        free(data);
    }
}

static void
result_unlink(struct result_list *list, struct result *r)
{
    hmap_remove(&list->by_key, &r->hmap_node);
    ovs_list_remove(&r->list_node);
}

static void
result_destroy(const struct pin_service *service, struct result *r)
{
    if (r) {
        destroy_data(service, r->data);
        free(r);
    }
}

static void
result_list_destroy(const struct pin_service *service,
                    struct result_list *list)
{
    struct result *r;

    LIST_FOR_EACH_SAFE (r, list_node, &list->in_order) {
        result_unlink(list, r);
        result_destroy(service, r);
    }
    hmap_destroy(&list->by_key);
}

/* Adds 'new'.  Returns what it takes the place of, for the caller to destroy,
 * or NULL; and sets '*dropped' if that was about something else. */
static struct result *
result_list_add(struct result_list *list, struct result *new, size_t max,
                bool *dropped)
{
    const uint32_t hash = hash_bytes(new->key, new->key_len, 0);
    struct result *old = NULL;
    struct result *r;

    *dropped = false;
    HMAP_FOR_EACH_WITH_HASH (r, hmap_node, hash, &list->by_key) {
        if (r->key_len == new->key_len
            && !memcmp(r->key, new->key, r->key_len)) {
            old = r;
            break;
        }
    }
    if (!old && hmap_count(&list->by_key) >= max) {
        old = CONTAINER_OF(ovs_list_front(&list->in_order), struct result,
                           list_node);
        *dropped = true;
    }
    if (old) {
        result_unlink(list, old);
    }
    hmap_insert(&list->by_key, &new->hmap_node, hash);
    ovs_list_push_back(&list->in_order, &new->list_node);
    return old;
}

static void
note_dropped(struct pin_service *service)
{
    COVERAGE_INC(pinctrl_drop_result);
    pin_count(&service->state->n_dropped);
    VLOG_WARN_RL(&rl, "%s: %"PRIuSIZE" results are waiting to be written to "
                 "the southbound database: dropping the oldest",
                 service->name, service->max_results);
}

/* Packet thread. */

void
pin_result_put(struct pin_service *service, struct inc_key key, void *data)
{
    struct pin_service_state *state = service->state;
    struct result *new = xmalloc(sizeof *new + key.len);
    bool dropped;

    ovs_assert(service->write && service->max_results);
    new->data = data;
    new->n_tries = 0;
    new->key_len = key.len;
    memcpy(new->key, key.data, key.len);

    ovs_mutex_lock(&state->mutex);
    struct result *old = result_list_add(&state->incoming, new,
                                         service->max_results, &dropped);
    ovs_mutex_unlock(&state->mutex);

    if (dropped) {
        note_dropped(service);
    }
    result_destroy(service, old);
    pin_count(&state->n_results);
    seq_change(seq);
}

/* Main thread. */

void
pin_results_start(void)
{
    seq = seq_create();
}

void
pin_results_end(void)
{
    seq_destroy(seq);
}

void
pin_results_look(void)
{
    seen = seq_read(seq);
}

void
pin_results_wait(void)
{
    seq_wait(seq, seen);
}

void
pin_results_init(struct pin_service *service)
{
    struct pin_service_state *state = service->state;

    ovs_mutex_init(&state->mutex);
    ovs_mutex_lock(&state->mutex);
    result_list_init(&state->incoming);
    ovs_mutex_unlock(&state->mutex);
    result_list_init(&state->pending);
}

void
pin_results_destroy(struct pin_service *service)
{
    struct pin_service_state *state = service->state;

    ovs_mutex_lock(&state->mutex);
    result_list_destroy(service, &state->incoming);
    ovs_mutex_unlock(&state->mutex);
    result_list_destroy(service, &state->pending);
    ovs_mutex_destroy(&state->mutex);
}

/* Makes what has come in pending. */
static void
take_incoming(struct pin_service *service)
{
    struct pin_service_state *state = service->state;
    struct ovs_list taken = OVS_LIST_INITIALIZER(&taken);
    struct result *r;

    ovs_mutex_lock(&state->mutex);
    LIST_FOR_EACH_SAFE (r, list_node, &state->incoming.in_order) {
        result_unlink(&state->incoming, r);
        ovs_list_push_back(&taken, &r->list_node);
    }
    ovs_mutex_unlock(&state->mutex);

    LIST_FOR_EACH_SAFE (r, list_node, &taken) {
        bool dropped;

        ovs_list_remove(&r->list_node);
        result_destroy(service, result_list_add(&state->pending, r,
                                                service->max_results,
                                                &dropped));
        if (dropped) {
            note_dropped(service);
        }
    }
}

size_t
pin_results_count(const struct pin_service *service)
{
    struct pin_service_state *state = service->state;

    ovs_mutex_lock(&state->mutex);
    size_t n = hmap_count(&state->incoming.by_key);
    ovs_mutex_unlock(&state->mutex);
    return n + hmap_count(&state->pending.by_key);
}

static bool
is_finished(const struct pin_service *service, struct result *r,
            const struct turn *turn, const struct sbrec_chassis *us)
{
    if (service->write(r->data, turn, us) != PIN_WRITTEN) {
        return true;
    }
    if (++r->n_tries > MAX_TRIES) {
        COVERAGE_INC(pinctrl_give_up_result);
        VLOG_WARN_RL(&rl, "%s: a result could not be written to the "
                     "southbound database", service->name);
        return true;
    }
    return false;
}

void
pin_results_run(struct pin_service *service, const struct turn *turn,
                const struct sbrec_chassis *us)
{
    struct pin_service_state *state = service->state;
    struct result *r;

    take_incoming(service);
    if (us) {
        LIST_FOR_EACH_SAFE (r, list_node, &state->pending.in_order) {
            if (is_finished(service, r, turn, us)) {
                result_unlink(&state->pending, r);
                result_destroy(service, r);
            }
        }
    }
}
