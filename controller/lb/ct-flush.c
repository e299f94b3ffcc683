/* SPDX-License-Identifier: Apache-2.0 */

/* Connections to backends that are no more
 * ========================================
 *
 * A load balancer with options:ct_flush=true (ovn-nb(5)) does not leave its
 * clients connected to a backend that has been removed: conntrack forgets
 * their connections, so that the next packet starts a new one.
 *
 * One unit for each southbound Load_Balancer that is used here says which
 * pairs of VIP and backend it has.  A pair that is not in a complete snapshot,
 * but was in the one before it, is flushed, in all zones; a snapshot that is
 * being read does not count.  A flush waits until the flows that led to the
 * backend are gone from the switch: before that, there would be new
 * connections to it.  What changes while the controller does not run is not
 * flushed. */

#include <config.h>
#include "lb/ct-flush.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fenced-list.h"
#include "inputs.h"
#include "lb.h"
#include "lflow-env.h"
#include "lflow-text.h"
#include "module.h"
#include "ofctrl.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-ct.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/shash.h"
#include "util.h"
#include "uuid.h"

struct pair {
    struct lb_endpoint vip;
    struct lb_endpoint backend;
};

/* (lb-connections, UUID of a load balancer with ct_flush): its pairs. */
struct connections {
    uint8_t proto;
    struct pair *pairs;         /* Sorted. */
    size_t n;
};

static struct inc_kind *connections_kind;

/* Load balancers that have changed since the last complete snapshot, and what
 * they had in it. */
struct former {
    struct hmap_node hmap_node;
    struct uuid lb;
    struct connections *had;    /* NULL: nothing. */
};
static struct hmap formers = HMAP_INITIALIZER(&formers);

/* What the switch is to be told once the flows are gone. */
struct flush {
    struct fenced fenced;       /* In 'flushes'. */
    struct ofp_ct_match match;
};
static struct ovs_list flushes = OVS_LIST_INITIALIZER(&flushes);

/* Values. */

static int
pair_compare(const void *a_, const void *b_)
{
    const struct pair *a = a_;
    const struct pair *b = b_;
    int cmp = memcmp(&a->vip.ip, &b->vip.ip, sizeof a->vip.ip);

    if (!cmp) {
        cmp = memcmp(&a->backend.ip, &b->backend.ip, sizeof a->backend.ip);
    }
    if (!cmp) {
        cmp = a->vip.port - b->vip.port;
    }
    return cmp ? cmp : a->backend.port - b->backend.port;
}

static bool
connections_equal(const void *a_, const void *b_)
{
    const struct connections *a = a_;
    const struct connections *b = b_;

    if (a->proto != b->proto || a->n != b->n) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (pair_compare(&a->pairs[i], &b->pairs[i])) {
            return false;
        }
    }
    return true;
}

static void
connections_destroy(void *c_)
{
    struct connections *c = c_;

    if (c) {
        free(c->pairs);
        free(c);
    }
}

static struct connections *
connections_clone(const struct connections *c)
{
    struct connections *clone = xmemdup(c, sizeof *c);

    clone->pairs = c->n ? xmemdup(c->pairs, c->n * sizeof *c->pairs) : NULL;
    return clone;
}

static bool
connections_contain(const struct connections *c, uint8_t proto,
                    const struct pair *pair)
{
    return c && c->proto == proto && c->n
           && bsearch(pair, c->pairs, c->n, sizeof *pair, pair_compare);
}

/* The unit. */

static bool
is_used_here(struct inc_unit *unit, const struct load_balancer *lb)
{
    const struct lflow_dp **dps = NULL;
    size_t n = 0;

    lflow_env_lb(unit, lb, &dps, &n);
    free(dps);
    return n > 0;
}

static void
lb_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct load_balancer *lb
        = in_load_balancer(unit, inc_unit_key(unit).data);

    if (!lb || !is_used_here(unit, lb)) {
        return;
    }

    struct lb_vip *vips;
    size_t n_vips;
    char *bad;
    lb_vips_expand(&lb->vips, &lb->options, lflow_text_template_var, unit,
                   &vips, &n_vips, &bad);
    /* lb/hairpin.c has named it. */
    free(bad);

    struct connections *c = xzalloc(sizeof *c);
    size_t allocated = 0;
    for (size_t i = 0; i < n_vips; i++) {
        for (size_t j = 0; j < vips[i].n_backends; j++) {
            if (c->n >= allocated) {
                c->pairs = x2nrealloc(c->pairs, &allocated, sizeof *c->pairs);
            }
            c->pairs[c->n++] = (struct pair) {
                .vip = vips[i].vip,
                .backend = vips[i].backends[j],
            };
        }
    }
    if (c->n) {
        qsort(c->pairs, c->n, sizeof *c->pairs, pair_compare);
    }
    c->proto = lb_protocol_number(lb->protocol);
    lb_vips_destroy(vips, n_vips);
    inc_write(unit, connections_kind, inc_unit_key(unit), c);
}

/* What has changed. */

static struct former *
find_former(const struct uuid *lb)
{
    struct former *f;

    HMAP_FOR_EACH_WITH_HASH (f, hmap_node, uuid_hash(lb), &formers) {
        if (uuid_equals(&f->lb, lb)) {
            return f;
        }
    }
    return NULL;
}

static void
connections_changed(struct inc_key key, const void *old,
                    const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    const struct uuid *lb = key.data;

    if (!find_former(lb)) {
        struct former *f = xmalloc(sizeof *f);

        f->lb = *lb;
        f->had = old ? connections_clone(old) : NULL;
        hmap_insert(&formers, &f->hmap_node, uuid_hash(lb));
    }
}

static void
former_destroy(struct former *f)
{
    hmap_remove(&formers, &f->hmap_node);
    connections_destroy(f->had);
    free(f);
}

/* A search for load balancers that have 'pair'. */
struct search {
    uint8_t proto;
    const struct pair *pair;
    bool found;
};

static void
look_for_pair(struct inc_key key OVS_UNUSED, const void *value, void *search_)
{
    struct search *search = search_;

    search->found |= connections_contain(value, search->proto, search->pair);
}

static bool
has_another(uint8_t proto, const struct pair *pair)
{
    struct search search = { .proto = proto, .pair = pair };

    inc_kind_for_each(connections_kind, look_for_pair, &search);
    return search.found;
}

static void
add_flush(uint8_t proto, const struct pair *pair)
{
    struct flush *flush = xzalloc(sizeof *flush);

    flush->match.l3_type = lb_endpoint_is_ip4(&pair->vip) ? AF_INET : AF_INET6;
    flush->match.tuple_orig.dst = pair->vip.ip;
    flush->match.tuple_reply.src = pair->backend.ip;
    if (pair->vip.port) {
        flush->match.ip_proto = proto;
        flush->match.tuple_orig.dst_port = htons(pair->vip.port);
        flush->match.tuple_reply.src_port = htons(pair->backend.port);
    }
    fenced_list_push(&flushes, &flush->fenced);
}

/* Whether load balancer 'uuid' is there, but wants no flush any more: what it
 * has lost it may keep. */
static bool
has_stopped_asking(const struct uuid *uuid)
{
    const struct load_balancer *lb = inc_peek(in_kinds.load_balancer,
                                              inc_key_uuid(uuid));
    return lb && !smap_get_bool(&lb->options, "ct_flush", false);
}

static void
find_what_is_gone(const struct former *f)
{
    const struct connections *has = inc_peek(connections_kind,
                                             inc_key_uuid(&f->lb));

    for (size_t i = 0; i < f->had->n; i++) {
        const struct pair *pair = &f->had->pairs[i];

        if (!connections_contain(has, f->had->proto, pair)
            && !has_another(f->had->proto, pair)) {
            add_flush(f->had->proto, pair);
        }
    }
}

/* Hooks. */

static void
complete(const struct turn *turn OVS_UNUSED)
{
    struct former *f;

    HMAP_FOR_EACH_SAFE (f, hmap_node, &formers) {
        if (f->had && !has_stopped_asking(&f->lb)) {
            find_what_is_gone(f);
        }
        former_destroy(f);
    }
}

static void
send_flush(struct fenced *item)
{
    struct flush *flush = CONTAINER_OF(item, struct flush, fenced);

    ofctrl_send(ofp_ct_match_encode(&flush->match, NULL, OFP15_VERSION));
    free(flush);
}

static void
commit(const struct turn *turn)
{
    fenced_list_run(&flushes, turn, send_flush);
}

static void
destroy(void)
{
    struct flush *flush;
    struct former *f;

    LIST_FOR_EACH_POP (flush, fenced.list_node, &flushes) {
        free(flush);
    }
    HMAP_FOR_EACH_SAFE (f, hmap_node, &formers) {
        former_destroy(f);
    }
    hmap_destroy(&formers);
}

static void
init(struct inc_engine *engine)
{
    static const struct inc_kind_class connections_class = {
        .name = "lb-connections",
        .stage = STAGE_FLOW,
        .key_type = INC_KEY_UUID,
        .equal = connections_equal,
        .destroy = connections_destroy,
    };
    static const struct inc_unit_class unit_class = {
        .name = "lb-ct-flush",
        .stage = STAGE_FLOW,
        .run = lb_run,
    };

    connections_kind = inc_kind_declare(engine, &connections_class);
    inc_kind_spawn(in_kinds.flushing_lb, &unit_class, NULL);
    inc_kind_watch(connections_kind, connections_changed, NULL);
}

const struct module lb_ct_flush_module = {
    .name = "lb-ct-flush",
    .init = init,
    .complete = complete,
    .commit = commit,
    .destroy = destroy,
};
