/* SPDX-License-Identifier: Apache-2.0 */

/* What the switch has counted in its groups; see group-stats.h. */

#include <config.h>
#include "group-stats.h"

#include <errno.h>
#include <stdlib.h>

#include "module.h"
#include "ofctrl.h"
#include "openflow/openflow.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"

/* How long to wait for the switch, in ms, and how many may wait at a time. */
#define PATIENCE_MS 5000
#define MAX_REQUESTS 16

struct request {
    struct ovs_list list_node;  /* In 'requests', the oldest first. */
    ovs_be32 xid;
    long long int deadline;
    group_stats_func *func;
    void *aux;
    struct group_stats stats;   /* What has come in so far. */
    size_t allocated;
};
static struct ovs_list requests = OVS_LIST_INITIALIZER(&requests);

static int
compare_ids(const void *a_, const void *b_)
{
    const struct ofputil_group_stats *a = a_;
    const struct ofputil_group_stats *b = b_;

    return a->group_id < b->group_id ? -1 : a->group_id > b->group_id;
}

const struct ofputil_group_stats *
group_stats_find(const struct group_stats *stats, uint32_t id)
{
    struct ofputil_group_stats key = { .group_id = id };

    return (stats && stats->n
            ? bsearch(&key, stats->groups, stats->n, sizeof key, compare_ids)
            : NULL);
}

/* Tells whoever asked, and frees 'r'. */
static void
finish(struct request *r, const char *error)
{
    ovs_list_remove(&r->list_node);
    if (!error && r->stats.n) {
        qsort(r->stats.groups, r->stats.n, sizeof *r->stats.groups,
              compare_ids);
    }
    r->func(error ? NULL : &r->stats, error, r->aux);
    for (size_t i = 0; i < r->stats.n; i++) {
        free(r->stats.groups[i].bucket_stats);
    }
    free(r->stats.groups);
    free(r);
}

static struct request *
find_request(ovs_be32 xid)
{
    struct request *r;

    LIST_FOR_EACH (r, list_node, &requests) {
        if (r->xid == xid) {
            return r;
        }
    }
    return NULL;
}

void
group_stats_request(group_stats_func *func, void *aux)
{
    if (!ofctrl_is_connected()) {
        func(NULL, "no connection to the switch", aux);
    } else if (ovs_list_size(&requests) >= MAX_REQUESTS) {
        func(NULL, "too many others are asking", aux);
    } else {
        struct ofpbuf *msg = ofputil_encode_group_stats_request(OFP15_VERSION,
                                                                OFPG_ALL);
        struct request *r = xzalloc(sizeof *r);

        r->xid = ((struct ofp_header *) msg->data)->xid;
        r->deadline = time_msec() + PATIENCE_MS;
        r->func = func;
        r->aux = aux;
        ovs_list_push_back(&requests, &r->list_node);
        ofctrl_send(msg);
    }
}

static void
reply(const struct ofp_header *oh)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct request *r = find_request(oh->xid);
    struct ofputil_group_stats gs;
    int error;

    if (!r) {
        return;                 /* Too late. */
    }
    while (!(error = ofputil_decode_group_stats_reply(&b, &gs))) {
        if (r->stats.n >= r->allocated) {
            r->stats.groups = x2nrealloc(r->stats.groups, &r->allocated,
                                         sizeof *r->stats.groups);
        }
        r->stats.groups[r->stats.n++] = gs;
    }
    if (error != EOF) {
        finish(r, "the switch's answer makes no sense");
    } else if (!ofpmp_more(oh)) {
        finish(r, NULL);
    }
}

static bool
refused(uint32_t xid, enum ofperr error)
{
    struct request *r = find_request(htonl(xid));

    if (r) {
        finish(r, ofperr_to_string(error));
    }
    return r != NULL;
}

/* If not 'connected', whoever still waits is told that it is of no use. */
static void
run(bool connected)
{
    struct request *r;

    LIST_FOR_EACH_SAFE (r, list_node, &requests) {
        if (!connected) {
            finish(r, "the connection to the switch is lost");
        } else if (time_msec() >= r->deadline) {
            finish(r, "no answer from the switch");
        }
    }
}

static void
wait_for_deadline(void)
{
    if (!ovs_list_is_empty(&requests)) {
        const struct request *r = CONTAINER_OF(ovs_list_front(&requests),
                                               struct request, list_node);
        poll_timer_wait_until(r->deadline);
    }
}

static void
serve(void)
{
    run(ofctrl_is_connected());
}

static void
destroy(void)
{
    run(false);
}

static void
init(struct inc_engine *engine OVS_UNUSED)
{
    static const struct ofctrl_client as_client = { reply, refused };

    ofctrl_add_client(&as_client);
}

const struct module group_stats_module = {
    .name = "group-stats",
    .init = init,
    .serve = serve,
    .wait = wait_for_deadline,
    .destroy = destroy,
};
