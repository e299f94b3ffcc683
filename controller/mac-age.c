/* SPDX-License-Identifier: Apache-2.0 */

/* What has been learned, and is in use; see mac-age.h. */

#include <config.h>
#include "mac-age.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "byte-order.h"
#include "coverage.h"
#include "hash.h"
#include "idl-columns.h"
#include "inputs.h"
#include "local-datapath.h"
#include "mac-probe.h"
#include "module.h"
#include "ofctrl.h"
#include "openvswitch/hmap.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "ovsdb-idl.h"
#include "timeval.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(mac_age);

COVERAGE_DEFINE(mac_age_poll);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

/* The switch is asked this many times in a threshold, at most once in
 * MIN_INTERVAL ms. */
#define POLLS 4
#define MIN_INTERVAL 1000

/* In ms: then an answer does not come any more. */
#define PATIENCE 30000

/* Thresholds: (mac-age, UUID of a datapath) and (fdb-age, a datapath's tunnel
 * key), in ms. */

enum learned {
    NEIGHBOR,                   /* MAC_Binding. */
    ADDRESS,                    /* FDB. */
    N_LEARNED,

    /* Not learned, but asked for, too: neighbors that somebody sends to. */
    TARGET = N_LEARNED,
    N_COUNTED
};

static struct inc_kind *kinds[N_LEARNED];
static int64_t interval;        /* 0: nobody asks for it. */

static bool
threshold_equal(const void *a_, const void *b_)
{
    const int64_t *a = a_;
    const int64_t *b = b_;

    return *a == *b;
}

static void
put_threshold(struct inc_unit *unit, enum learned learned,
              const struct datapath_binding *dp, const char *option,
              struct inc_key key)
{
    const char *text = smap_get(&dp->external_ids, option);
    unsigned int seconds;

    if (!text) {
        return;
    }
    if (!str_to_uint(text, 10, &seconds)) {
        UNIT_WARN(unit, &rl, "Datapath_Binding "UUID_FMT": "
                  "external_ids:%s=\"%s\" is ignored: it is not a number "
                  "of seconds", UUID_ARGS(&dp->uuid), option, text);
    } else if (seconds) {
        int64_t ms = seconds * INT64_C(1000);
        inc_write(unit, kinds[learned], key, xmemdup(&ms, sizeof ms));
    }
}

static void
run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct datapath_binding *dp
        = in_datapath(unit, inc_unit_key(unit).data);

    if (dp) {
        put_threshold(unit, NEIGHBOR, dp, "mac_binding_age_threshold",
                      inc_key_uuid(&dp->uuid));
        put_threshold(unit, ADDRESS, dp, "fdb_age_threshold",
                      (struct inc_key) { &dp->tunnel_key,
                                         sizeof dp->tunnel_key });
    }
}

static void
shorten_interval(struct inc_key key OVS_UNUSED, const void *threshold_,
                 void *aux OVS_UNUSED)
{
    const int64_t *threshold = threshold_;
    int64_t ms = MAX(*threshold / POLLS, MIN_INTERVAL);

    interval = interval ? MIN(interval, ms) : ms;
}

static bool thresholds_changed;

static void
threshold_changed(struct inc_key key OVS_UNUSED, const void *old OVS_UNUSED,
                  const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    thresholds_changed = true;
}

bool
mac_age_peek_neighbors(const struct uuid *datapath)
{
    return inc_peek(kinds[NEIGHBOR], inc_key_uuid(datapath)) != NULL;
}

/* What flows have counted. */

struct counter {
    struct hmap_node node;      /* By 'learned' and 'cookie'. */
    enum learned learned;
    uint32_t cookie;
    uint64_t n_packets;
};

/* By the last answers, and by those that are coming in. */
static struct hmap before = HMAP_INITIALIZER(&before);
static struct hmap now = HMAP_INITIALIZER(&now);
/* What was used and has yet to be written. */
static struct hmap used = HMAP_INITIALIZER(&used);

static ovs_be32 xids[N_COUNTED]; /* 0: not asked, or answered in full. */
static bool asked;
static long long int next_poll;
static long long int deadline;  /* Of the answers. */

static struct counter *
find_counter(const struct hmap *counters, enum learned learned,
             uint32_t cookie)
{
    struct counter *c;

    HMAP_FOR_EACH_WITH_HASH (c, node, hash_2words(learned, cookie),
                             counters) {
        if (c->learned == learned && c->cookie == cookie) {
            return c;
        }
    }
    return NULL;
}

static void
count(struct hmap *counters, enum learned learned, uint32_t cookie,
      uint64_t n_packets)
{
    struct counter *c = find_counter(counters, learned, cookie);

    if (!c) {
        c = xzalloc(sizeof *c);
        c->learned = learned;
        c->cookie = cookie;
        hmap_insert(counters, &c->node, hash_2words(learned, cookie));
    }
    c->n_packets += n_packets;
}

static void
clear(struct hmap *counters)
{
    struct counter *c;

    HMAP_FOR_EACH_POP (c, node, counters) {
        free(c);
    }
}

static void
stop_asking(void)
{
    asked = false;
    memset(xids, 0, sizeof xids);
    clear(&now);
}

/* All has been answered. */
static void
finish(void)
{
    const struct counter *c;

    HMAP_FOR_EACH (c, node, &now) {
        const struct counter *b = find_counter(&before, c->learned,
                                               c->cookie);

        if (c->n_packets > (b ? b->n_packets : 0)) {
            count(&used, c->learned, c->cookie, 0);
        }
    }
    hmap_swap(&before, &now);
    stop_asking();
}

/* Asking. */

static ovs_be32
request_table(uint8_t table)
{
    const struct ofputil_flow_stats_request fsr = {
        .match = MATCH_CATCHALL_INITIALIZER,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = table,
    };
    struct ofpbuf *msg = ofputil_encode_flow_stats_request(
        &fsr, OFPUTIL_P_OF15_OXM);
    ovs_be32 xid = ((struct ofp_header *) msg->data)->xid;

    ofctrl_send(msg);
    return xid;
}

static void
poll_switch(void)
{
    const struct ovn_tables *tables = &inputs_dialect()->tables;

    COVERAGE_INC(mac_age_poll);
    xids[NEIGHBOR] = request_table(tables->mac_cache_use);
    xids[ADDRESS] = request_table(tables->lookup_fdb);
    if (inputs_dialect()->probes_neighbors) {
        xids[TARGET] = request_table(tables->mac_binding);
    }
    asked = true;
    deadline = time_msec() + PATIENCE;
    next_poll = time_msec() + interval;
}

static void
add_reply(const struct ofp_header *oh, enum learned learned)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct ofpbuf ofpacts;
    struct ofputil_flow_stats fs;
    int error;

    ofpbuf_init(&ofpacts, 256);
    while (!(error = ofputil_decode_flow_stats_reply(&fs, &b, true,
                                                     &ofpacts))) {
        count(&now, learned, ntohll(fs.cookie), fs.packet_count);
    }
    ofpbuf_uninit(&ofpacts);
    if (error != EOF) {
        VLOG_WARN_RL(&rl, "counters of flows cannot be read (%s)",
                     ovs_strerror(error));
    }
    if (!ofpmp_more(oh)) {
        xids[learned] = 0;
    }
}

static void
reply(const struct ofp_header *oh)
{
    for (size_t i = 0; asked && i < N_COUNTED; i++) {
        if (xids[i] && oh->xid == xids[i]) {
            add_reply(oh, i);
        }
    }
    if (asked && !xids[NEIGHBOR] && !xids[ADDRESS] && !xids[TARGET]) {
        finish();
    }
}

static bool
refused(uint32_t xid, enum ofperr error)
{
    for (size_t i = 0; asked && i < N_COUNTED; i++) {
        if (xids[i] && htonl(xid) == xids[i]) {
            VLOG_WARN_RL(&rl, "the switch does not tell the counters of flows "
                         "(%s)", ofperr_to_string(error));
            stop_asking();
            return true;
        }
    }
    return false;
}

static void
run_poll(struct turn *turn OVS_UNUSED)
{
    if (thresholds_changed) {
        thresholds_changed = false;
        interval = 0;
        for (size_t i = 0; i < N_LEARNED; i++) {
            inc_kind_for_each(kinds[i], shorten_interval, NULL);
        }
        next_poll = MIN(next_poll, time_msec() + interval);
    }
    if (asked && (!ofctrl_is_connected() || time_msec() >= deadline)) {
        stop_asking();
    }
    if (interval && !asked && ofctrl_is_connected()
        && time_msec() >= next_poll) {
        poll_switch();
    }
}

static void
wait(void)
{
    if (asked) {
        poll_timer_wait_until(deadline);
    } else if (interval && ofctrl_is_connected()) {
        poll_timer_wait_until(next_poll);
    }
}

/* Writing. */

/* Whether a row that was written at 'timestamp' is to be again. */
static bool
is_due(enum learned learned, struct inc_key key, int64_t timestamp)
{
    const int64_t *threshold = inc_peek(kinds[learned], key);

    return threshold && timestamp + *threshold / POLLS <= time_wall_msec();
}

static void
renew_neighbors(struct ovsdb_idl *idl)
{
    const struct sbrec_mac_binding *mb;

    SBREC_MAC_BINDING_FOR_EACH (mb, idl) {
        const uint32_t cookie = mb->header_.uuid.parts[0];
        bool is_used = find_counter(&used, NEIGHBOR, cookie);

        if (mb->datapath && (is_used || find_counter(&used, TARGET, cookie))
            && is_due(NEIGHBOR, inc_key_uuid(&mb->datapath->header_.uuid),
                      mb->timestamp)) {
            if (is_used) {
                sbrec_mac_binding_set_timestamp(mb, time_wall_msec());
            } else {
                mac_probe(mb);
            }
        }
    }
}

static void
renew_addresses(struct ovsdb_idl *idl)
{
    const struct sbrec_fdb *fdb;

    if (!sbrec_server_has_fdb_table_col_timestamp(idl)) {
        return;
    }
    SBREC_FDB_FOR_EACH (fdb, idl) {
        const uint32_t dp_key = fdb->dp_key;

        if (find_counter(&used, ADDRESS, fdb->header_.uuid.parts[0])
            && is_due(ADDRESS, (struct inc_key) { &dp_key, sizeof dp_key },
                      fdb->timestamp)) {
            sbrec_fdb_set_timestamp(fdb, time_wall_msec());
        }
    }
}

static void
commit(const struct turn *turn)
{
    if (turn->sb_txn && !hmap_is_empty(&used)) {
        renew_neighbors(turn->sb_idl);
        renew_addresses(turn->sb_idl);
        clear(&used);           /* If it fails: they will be used again. */
    }
}

/* Wiring. */

static void
init(struct inc_engine *engine)
{
    static const struct inc_kind_class classes[N_LEARNED] = {
        [NEIGHBOR] = {
            .name = "mac-age",
            .stage = STAGE_FLOW,
            .key_type = INC_KEY_UUID,
            .equal = threshold_equal,
            .destroy = free,
        },
        [ADDRESS] = {
            .name = "fdb-age",
            .stage = STAGE_FLOW,
            .key_type = INC_KEY_OTHER,
            .equal = threshold_equal,
            .destroy = free,
        },
    };
    static const struct inc_unit_class unit_class = {
        .name = "age-thresholds",
        .stage = STAGE_FLOW,
        .run = run,
    };
    static const struct ofctrl_client as_client = { reply, refused };

    for (size_t i = 0; i < N_LEARNED; i++) {
        kinds[i] = inc_kind_declare(engine, &classes[i]);
        inc_kind_watch(kinds[i], threshold_changed, NULL);
    }
    inc_kind_spawn(local_datapath_kind, &unit_class, NULL);
    ofctrl_add_client(&as_client);
}

static void
register_sb(struct idl_columns *columns)
{
    idl_columns_add(columns, &sbrec_mac_binding_col_datapath, IDL_READ);
    idl_columns_add(columns, &sbrec_mac_binding_col_ip, IDL_READ);
    idl_columns_add(columns, &sbrec_mac_binding_col_logical_port, IDL_READ);
    idl_columns_add(columns, &sbrec_mac_binding_col_timestamp, IDL_WRITE);
    idl_columns_add(columns, &sbrec_fdb_col_dp_key, IDL_READ);
    idl_columns_add(columns, &sbrec_fdb_col_timestamp, IDL_WRITE);
}

static void
destroy(void)
{
    clear(&before);
    clear(&now);
    clear(&used);
    hmap_destroy(&before);
    hmap_destroy(&now);
    hmap_destroy(&used);
}

const struct module mac_age_module = {
    .name = "mac-age",
    .init = init,
    .register_sb = register_sb,
    .run = run_poll,
    .commit = commit,
    .wait = wait,
    .destroy = destroy,
};
