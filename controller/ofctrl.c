/* SPDX-License-Identifier: Apache-2.0 */

/* How the connection works.
 *
 * The upper half of this file is the state machine that gets a connection from
 * its first byte to the point where the contents of the switch are known:
 * whatever it receives is passed to the current state, and each state's
 * start_*() sends what the state waits for.
 *
 * The lower half sends changes.  A "batch" is what goes between two barriers:
 * usually a bundle, or a single message.  Batches are remembered until their
 * barrier is answered, so that an error can be traced to its batch.  Messages
 * are taken from flow-table and group only as fast as the switch reads them,
 * so that a bundle of 200,000 flows does not exist in memory here. */

#include <config.h>
#include "ofctrl.h"

#include <inttypes.h>

#include "bitmap.h"
#include "coverage.h"
#include "dp-packet.h"
#include "flow-dump.h"
#include "flow-table.h"
#include "group.h"
#include "inputs.h"
#include "meter.h"
#include "module.h"
#include "openflow/nicira-ext.h"
#include "openflow/openflow.h"
#include "openvswitch/list.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-match.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-print.h"
#include "openvswitch/ofp-prop.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/rconn.h"
#include "openvswitch/vlog.h"
#include "ovs-config.h"
#include "socket-util.h"
#include "stopwatch.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ofctrl);

#define STOPWATCH "flow-installation"

COVERAGE_DEFINE(ofctrl_bundle);
COVERAGE_DEFINE(ofctrl_bundle_failed);
COVERAGE_DEFINE(ofctrl_dump);
COVERAGE_DEFINE(ofctrl_refused);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* The Geneve option of ovn-architecture(7). */
#define OVN_GENEVE_CLASS 0x0102
#define OVN_GENEVE_TYPE 0x80
#define OVN_GENEVE_LEN 4

/* Properties of NXT_CT_FLUSH that libopenvswitch may be too old for: ct_mark
 * and its mask, of 32 bits, ct_label and its mask, of 128. */
#define CT_FLUSH_MARK 3
#define CT_FLUSH_MARK_MASK 4
#define CT_FLUSH_LABELS 5
#define CT_FLUSH_LABELS_MASK 6

/* Bounds on what is queued for the switch, beyond which it is waited for. */
#define MAX_QUEUED_MSGS 1000
#define MAX_QUEUED_BYTES (4 * 1024 * 1024)

/* Changes that are taken from the flow table at a time. */
#define CHUNK 250

/* Messages that are received before others get their turn. */
#define MAX_RECEIVED 200

/* Dumps of groups that fail in a row before only their ids are asked for. */
#define MAX_GROUP_DUMP_FAILURES 2

/* Bundles that fail in a row before it goes message by message. */
#define MAX_BUNDLE_FAILURES 8

/* What is refused is offered again after this many ms, and again after twice
 * as many, and so on. */
#define MIN_RETRY_INTERVAL 1000
#define MAX_RETRY_INTERVAL (300 * 1000)

/* Attempts to agree on the Geneve option with other controllers. */
#define MAX_TLV_ATTEMPTS 5

enum state {
    S_IDLE,                     /* Not connected. */
    S_TLV_REQUEST,              /* Waiting for the table of tunnel options. */
    S_TLV_MOD,                  /* Waiting for our option to be added. */
    S_DUMP,                     /* Waiting for flows, groups and meters. */
    S_READY                     /* What is installed is known. */
};

static struct rconn *rconn;
static struct rconn_packet_counter *tx_counter;
static unsigned int seqno;      /* Of the connection that 'state' is about. */
static enum state state;
static bool has_dump;           /* Since start-up. */
static ovs_be32 label_probe_xid; /* See ask_for_labels(). */
static bool can_flush_labels;
static bool labels_known;       /* Has the switch answered? */
static bool desired_complete;   /* Was so once in this connection. */
static long long int next_warning; /* When to say that nobody answers. */

/* S_TLV_*. */
static ovs_be32 tlv_xid;
static ovs_be32 tlv_barrier_xid;
static int tlv_attempts;
static int tlv_index;

/* S_DUMP. */
enum { DUMP_FLOWS, DUMP_GROUPS, DUMP_METERS, N_DUMPS };
static ovs_be32 dump_xids[N_DUMPS]; /* 0 once it is complete. */
static int n_group_dump_failures; /* In a row. */
static size_t n_unknown_flows;  /* In this dump. */

/* What has been sent since the barrier before, up to its own barrier. */
struct batch {
    struct ovs_list list_node;  /* In 'batches'. */
    ovs_be32 open_xid;          /* Of a bundle, or 0. */
    ovs_be32 commit_xid;
    ovs_be32 barrier_xid;
    uint64_t fence;             /* What it covers, 0 if it has failed. */
};
static struct ovs_list batches; /* Waiting for barrier replies. */
static struct batch *cur;       /* Being sent, or NULL. */
static bool in_bundle;          /* 'cur' has an open bundle. */
static uint32_t bundle_id;
static bool one_by_one;         /* Bundles do not work out. */
static int n_bundle_failures;   /* In a row. */
static bool something_refused;  /* Since the last failure of a bundle. */
static long long int next_retry; /* Of what has been refused; LLONG_MAX if
                                  * nothing has. */
static int retry_interval;      /* From the refusal on. */
static bool retrying;           /* It is being offered again. */
static bool can_send;           /* commit() was called, and may be soon. */

static uint64_t last_fence, reached_fence;

static unsigned long *zones_to_flush; /* Bitmap of conntrack zones. */
static size_t n_zones_to_flush;
#define N_ZONES (UINT16_MAX + 1)

/* The cell for ofctrl_geneve_field_read(). */
static bool
field_equal(const void *a, const void *b)
{
    return *(const enum mf_field_id *) a == *(const enum mf_field_id *) b;
}
static const struct inc_kind_class geneve_field_kind_class = {
    .name = "geneve-field",
    .stage = STAGE_INPUT,
    .key_type = INC_KEY_STRING,
    .equal = field_equal,
    .destroy = free,
};
static struct inc_kind *geneve_field_kind;

static void receive(const struct ofp_header *, enum ofptype);
static void start_tlv_request(void);
static void start_dump(void);
static void drop_batches(void);

static void
init(struct inc_engine *engine)
{
    stopwatch_create(STOPWATCH, SW_MS);
    geneve_field_kind = inc_kind_declare(engine, &geneve_field_kind_class);
    rconn = rconn_create(0, 1, DSCP_DEFAULT, 1u << OFP15_VERSION);
    tx_counter = rconn_packet_counter_create();
    ovs_list_init(&batches);
    zones_to_flush = bitmap_allocate(N_ZONES);
}

static const struct ofctrl_client *clients[2];
static size_t n_clients;

void
ofctrl_add_client(const struct ofctrl_client *client)
{
    ovs_assert(n_clients < ARRAY_SIZE(clients));
    clients[n_clients++] = client;
}

static void
destroy(void)
{
    drop_batches();
    rconn_destroy(rconn);
    rconn_packet_counter_destroy(tx_counter);
    free(zones_to_flush);
}

enum mf_field_id
ofctrl_geneve_field_read(struct inc_unit *unit)
{
    const enum mf_field_id *id = inc_read(unit, geneve_field_kind,
                                          INC_KEY_ONLY);
    return id ? *id : 0;
}

/* Connecting. */

/* Sends 'msg', returns its transaction id. */
static ovs_be32
send_msg(struct ofpbuf *msg)
{
    ovs_be32 xid = ((struct ofp_header *) msg->data)->xid;

    rconn_send(rconn, msg, tx_counter);
    return xid;
}

static void
set_target(const char *target, int probe_interval)
{
    rconn_set_probe_interval(rconn, probe_interval);
    if (!target) {
        rconn_disconnect(rconn);
    } else if (strcmp(target, rconn_get_target(rconn))) {
        VLOG_INFO("%s: connecting to switch", target);
        rconn_connect(rconn, target, target);
        next_warning = time_msec() + 5000;
    }
}

/* Says from time to time that there is no connection, and what follows from
 * that, because rconn's own messages do not. */
static void
warn_unreachable(const char *target)
{
    if (target && !rconn_is_connected(rconn)
        && time_msec() >= next_warning) {
        int error = rconn_get_last_error(rconn);
        VLOG_WARN("%s: cannot connect to the integration bridge (%s); flows "
                  "are left as they are until it is there",
                  target, error ? ovs_retval_to_string(error) : "no answer");
        next_warning = time_msec() + 60000;
    }
}

static void
connection_lost(void)
{
    if (state == S_DUMP && !dump_xids[DUMP_FLOWS] && dump_xids[DUMP_GROUPS]) {
        n_group_dump_failures++;
    }
    state = S_IDLE;
    can_flush_labels = labels_known = false;
    drop_batches();
}

/* Connects to the integration bridge's management socket, or disconnects if
 * there is none, and runs the state machine. */
static void
run(struct turn *turn)
{
    set_target(turn->target, turn->config->openflow_probe_s);
    rconn_run(rconn);
    warn_unreachable(turn->target);

    if (!rconn_is_connected(rconn)) {
        if (state != S_IDLE) {
            connection_lost();
            next_warning = time_msec() + 5000;
        }
        return;
    }
    if (state == S_IDLE || seqno != rconn_get_connection_seqno(rconn)) {
        seqno = rconn_get_connection_seqno(rconn);
        connection_lost();
        desired_complete = false;
        tlv_attempts = 0;
        start_tlv_request();
    }

    for (int i = 0; i < MAX_RECEIVED; i++) {
        struct ofpbuf *msg = rconn_recv(rconn);
        if (!msg) {
            return;
        }

        const struct ofp_header *oh = msg->data;
        enum ofptype type;
        enum ofperr error = ofptype_decode(&type, oh);
        if (!error) {
            receive(oh, type);
        } else {
            VLOG_WARN_RL(&rl, "cannot decode a message from the switch: %s",
                         ofperr_to_string(error));
        }
        ofpbuf_delete(msg);
    }
    poll_immediate_wake();
}

bool
ofctrl_has_dump(void)
{
    return has_dump;
}

bool
ofctrl_is_connected(void)
{
    return state == S_READY;
}

/* The Geneve option. */

static void
start_tlv_request(void)
{
    state = S_TLV_REQUEST;
    tlv_xid = send_msg(ofpraw_alloc(OFPRAW_NXT_TLV_TABLE_REQUEST,
                                    OFP15_VERSION, 0));
}

/* The switch has the option as tun_metadata'index', or cannot have it if
 * 'index' is negative. */
static void
finish_tlv(int index)
{
    enum mf_field_id *id = xmalloc(sizeof *id);

    *id = index >= 0 ? MFF_TUN_METADATA0 + index : 0;
    inc_set(geneve_field_kind, INC_KEY_ONLY, id);
    start_dump();
}

static void
start_tlv_mod(int index)
{
    struct ofputil_tlv_map map = {
        .option_class = OVN_GENEVE_CLASS,
        .option_type = OVN_GENEVE_TYPE,
        .option_len = OVN_GENEVE_LEN,
        .index = index,
    };
    struct ofputil_tlv_table_mod mod = { .command = NXTTMC_ADD };

    ovs_list_init(&mod.mappings);
    ovs_list_push_back(&mod.mappings, &map.list_node);
    state = S_TLV_MOD;
    tlv_index = index;
    tlv_xid = send_msg(ofputil_encode_tlv_table_mod(OFP15_VERSION, &mod));
    tlv_barrier_xid = send_msg(ofputil_encode_barrier_request(OFP15_VERSION));
}

/* Looks for our option in the switch's table, adopts what is there, and
 * otherwise asks for the first field that is free. */
static void
handle_tlv_table(const struct ofp_header *oh)
{
    struct ofputil_tlv_table_reply reply;
    uint64_t used = 0;
    int ours = -1;
    int len = 0;

    enum ofperr error = ofputil_decode_tlv_table_reply(oh, &reply);
    if (error) {
        VLOG_ERR("cannot decode the switch's table of tunnel options: %s",
                 ofperr_to_string(error));
        finish_tlv(-1);
        return;
    }

    const struct ofputil_tlv_map *map;
    LIST_FOR_EACH (map, list_node, &reply.mappings) {
        if (map->index < TUN_METADATA_NUM_OPTS) {
            used |= UINT64_C(1) << map->index;
            if (map->option_class == OVN_GENEVE_CLASS
                && map->option_type == OVN_GENEVE_TYPE) {
                ours = map->index;
                len = map->option_len;
            }
        }
    }
    ofputil_uninit_tlv_table(&reply.mappings);

    if (ours >= 0 && len == OVN_GENEVE_LEN) {
        finish_tlv(ours);
    } else if (ours >= 0) {
        VLOG_ERR("the switch has Geneve option class 0x%x, type 0x%x as a "
                 "field of %d bytes, not %d: no Geneve tunnels until it is "
                 "removed", OVN_GENEVE_CLASS, OVN_GENEVE_TYPE, len,
                 OVN_GENEVE_LEN);
        finish_tlv(-1);
    } else if (used == UINT64_MAX) {
        VLOG_ERR("the switch has no field left for a Geneve option: no "
                 "Geneve tunnels");
        finish_tlv(-1);
    } else if (++tlv_attempts > MAX_TLV_ATTEMPTS) {
        VLOG_ERR("the switch does not accept a Geneve option: no Geneve "
                 "tunnels");
        finish_tlv(-1);
    } else {
        start_tlv_mod(rightmost_1bit_idx(~used));
    }
}

/* Dumps. */

/* What asks for the groups.
 *
 * If one of them is longer than 65,535 bytes, which can be made of several
 * messages, the switch's description of it is a message whose length is not
 * what its header says, and the connection ends there.  The groups' statistics
 * are shorter, and say at least which groups there are. */
static struct ofpbuf *
request_groups(void)
{
    if (n_group_dump_failures < MAX_GROUP_DUMP_FAILURES) {
        return ofputil_encode_group_desc_request(OFP15_VERSION, OFPG_ALL);
    }
    VLOG_WARN_RL(&rl, "%s: the switch fails to describe its groups, probably "
                 "because one is too long: all groups will be replaced",
                 rconn_get_name(rconn));
    return ofputil_encode_group_stats_request(OFP15_VERSION, OFPG_ALL);
}

/* Begins a message that flushes connections. */
static struct ofpbuf *
start_ct_flush(void)
{
    struct ofpbuf *msg = ofpraw_alloc(OFPRAW_NXT_CT_FLUSH, OFP15_VERSION, 0);

    ofpbuf_put_zeros(msg, sizeof(struct nx_ct_flush));
    return msg;
}

/* Finds out whether the switch can flush connections by their labels.  One
 * that cannot passes over that property, and would flush others as well!  So
 * it gets one of a length that it cannot have, in a flush of no connection
 * that there can be: one that knows the property answers with an error. */
static void
ask_for_labels(void)
{
    const struct in6_addr nobody = in6_addr_mapped_ipv4(OVS_BE32_MAX);
    struct ofpbuf *msg = start_ct_flush();
    uint8_t buffer[128];
    struct ofpbuf tuple;

    ofpbuf_use_stack(&tuple, buffer, sizeof buffer);
    ofpprop_put(&tuple, NXT_CT_TUPLE_SRC, &nobody, sizeof nobody);
    ofpprop_put(&tuple, NXT_CT_TUPLE_DST, &nobody, sizeof nobody);
    ofpprop_put_nested(msg, NXT_CT_ORIG_TUPLE, &tuple);
    ofpprop_put_u16(msg, CT_FLUSH_LABELS, 0);
    can_flush_labels = labels_known = false;
    label_probe_xid = send_msg(msg);
}

static void
start_dump(void)
{
    struct ofputil_flow_stats_request fsr = {
        .match = MATCH_CATCHALL_INITIALIZER,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = OFPTT_ALL,
    };

    COVERAGE_INC(ofctrl_dump);
    ask_for_labels();
    state = S_DUMP;
    n_unknown_flows = 0;
    flow_table_dump_begin();
    group_dump_begin();
    meter_dump_begin();
    dump_xids[DUMP_FLOWS] = send_msg(
        ofputil_encode_flow_stats_request(&fsr, OFPUTIL_P_OF15_OXM));
    dump_xids[DUMP_GROUPS] = send_msg(request_groups());
    dump_xids[DUMP_METERS] = send_msg(
        ofputil_encode_meter_request(OFP15_VERSION, OFPUTIL_METER_CONFIG,
                                     OFPM13_ALL));
}

/* One of the dumps is complete. */
static void
finish_dump(int which)
{
    dump_xids[which] = 0;
    for (int i = 0; i < N_DUMPS; i++) {
        if (dump_xids[i]) {
            return;
        }
    }
    flow_table_dump_end();
    group_dump_end();
    meter_dump_end();
    state = S_READY;
    has_dump = true;
    labels_known = true;        /* It would have answered before. */
    VLOG_INFO("%s: read what is installed", rconn_get_name(rconn));
}

/* A reply of dump 'which' has been read, until 'error'; EOF is its end.  If it
 * makes no sense, the connection is given up: with half a dump, nothing may be
 * sent. */
static void
end_dump_reply(const struct ofp_header *oh, int which, int error,
               const char *what)
{
    if (error != EOF) {
        VLOG_WARN_RL(&rl, "cannot make sense of the switch's dump of %s, "
                     "reconnecting", what);
        rconn_reconnect(rconn);
    } else if (!ofpmp_more(oh)) {
        if (which == DUMP_GROUPS) {
            n_group_dump_failures = 0;
        }
        finish_dump(which);
    }
}

static void
handle_flow_dump(const struct ofp_header *oh)
{
    int error = flow_dump_decode(oh, &n_unknown_flows);

    if (n_unknown_flows && !ofpmp_more(oh)) {
        VLOG_WARN_RL(&rl, "%s: %"PRIuSIZE" flows cannot be decoded, probably "
                     "because the switch is newer than this program: they "
                     "will be replaced or deleted",
                     rconn_get_name(rconn), n_unknown_flows);
    }
    end_dump_reply(oh, DUMP_FLOWS, error, "flows");
}

static void
handle_group_dump(const struct ofp_header *oh)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct ofputil_group_desc gd;
    int error;

    while (!(error = ofputil_decode_group_desc_reply(&gd, &b,
                                                     OFP15_VERSION))) {
        group_dump_group(&gd);
        ofputil_uninit_group_desc(&gd);
    }
    end_dump_reply(oh, DUMP_GROUPS, error, "groups");
}

static void
handle_group_stats(const struct ofp_header *oh)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct ofputil_group_stats gs;
    int error;

    while (!(error = ofputil_decode_group_stats_reply(&b, &gs))) {
        group_dump_id(gs.group_id);
        free(gs.bucket_stats);
    }
    end_dump_reply(oh, DUMP_GROUPS, error, "groups' statistics");
}

static void
handle_meter_dump(const struct ofp_header *oh)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct ofputil_meter_config mc;
    struct ofpbuf bands;
    int error;

    ofpbuf_init(&bands, 0);
    while (!(error = ofputil_decode_meter_config(&b, &mc, &bands))) {
        mc.bands = bands.data;
        meter_dump_meter(&mc);
    }
    ofpbuf_uninit(&bands);
    end_dump_reply(oh, DUMP_METERS, error, "meters");
}

/* Batches. */

static void
batch_free(struct batch *batch)
{
    ovs_list_remove(&batch->list_node);
    free(batch);
}

/* Forgets all that is in flight, because the connection is gone. */
static void
drop_batches(void)
{
    struct batch *batch;

    LIST_FOR_EACH_SAFE (batch, list_node, &batches) {
        batch_free(batch);
    }
    free(cur);
    cur = NULL;
    in_bundle = false;
    one_by_one = false;
    n_bundle_failures = 0;
    something_refused = false;
    next_retry = LLONG_MAX;
    retry_interval = MIN_RETRY_INTERVAL;
    retrying = false;
}

static ovs_be32
send_bundle_ctrl(uint16_t type)
{
    struct ofputil_bundle_ctrl_msg bc = {
        .bundle_id = bundle_id,
        .type = type,
        .flags = OFPBF_ATOMIC | OFPBF_ORDERED,
    };
    return send_msg(ofputil_encode_bundle_ctrl_request(OFP15_VERSION, &bc));
}

/* A bundle has not been carried out: all that is in flight is to be sent
 * again, but for what the switch has refused. */
static void
handle_bundle_failure(enum ofperr error)
{
    struct batch *batch;

    COVERAGE_INC(ofctrl_bundle_failed);
    if (in_bundle) {
        send_bundle_ctrl(OFPBCT_DISCARD_REQUEST);
        in_bundle = false;
        cur->open_xid = 0;
    }
    LIST_FOR_EACH (batch, list_node, &batches) {
        batch->fence = 0;
        batch->open_xid = batch->commit_xid = 0;
    }
    flow_table_reverted();
    group_reverted();

    n_bundle_failures++;
    if (!something_refused || n_bundle_failures >= MAX_BUNDLE_FAILURES) {
        one_by_one = true;
    }
    something_refused = false;
    VLOG_WARN_RL(&rl, "the switch does not accept a bundle (%s): %s",
                 ofperr_to_string(error),
                 one_by_one ? "sending its messages one by one"
                 : "sending it again without what has been refused");
}

static bool
is_bundle_xid(ovs_be32 xid)
{
    const struct batch *batch;

    if (cur && cur->open_xid && cur->open_xid == xid) {
        return true;
    }
    LIST_FOR_EACH (batch, list_node, &batches) {
        if (batch->open_xid && (batch->open_xid == xid
                                || batch->commit_xid == xid)) {
            return true;
        }
    }
    return false;
}

static void
handle_barrier_reply(ovs_be32 xid)
{
    struct batch *batch;

    LIST_FOR_EACH_SAFE (batch, list_node, &batches) {
        bool last = batch->barrier_xid == xid;

        if (batch->fence > reached_fence) {
            reached_fence = batch->fence;
        }
        if (batch->fence) {
            n_bundle_failures = 0;
            something_refused = false;
            if (!batch->open_xid) {
                one_by_one = false;
            }
        }
        batch_free(batch);
        if (last) {
            break;
        }
    }
    if (next_retry == LLONG_MAX) {
        retry_interval = MIN_RETRY_INTERVAL;
    }
    flow_table_settled(ntohl(xid));
    group_settled(ntohl(xid));
    meter_settled(ntohl(xid));
}

/* Receiving. */

static void
tell_clients(const struct ofp_header *oh)
{
    for (size_t i = 0; i < n_clients; i++) {
        clients[i]->reply(oh);
    }
}

/* Whether an error is about a request of a client's, which is told. */
static bool
is_refused_client(uint32_t xid, enum ofperr error)
{
    for (size_t i = 0; i < n_clients; i++) {
        if (clients[i]->refused(xid, error)) {
            return true;
        }
    }
    return false;
}

static void
handle_error(const struct ofp_header *oh)
{
    enum ofperr error = ofperr_decode_msg(oh, NULL);
    uint32_t xid = ntohl(oh->xid);

    if (state == S_TLV_REQUEST && oh->xid == tlv_xid) {
        VLOG_ERR("the switch does not support tunnel options (%s): no Geneve "
                 "tunnels", ofperr_to_string(error));
        finish_tlv(-1);
    } else if (state == S_TLV_MOD && oh->xid == tlv_xid) {
        /* Somebody else was faster: see what the table is now. */
        VLOG_INFO("the switch does not accept our Geneve option (%s), trying "
                  "again", ofperr_to_string(error));
        start_tlv_request();
    } else if (state == S_DUMP && oh->xid == dump_xids[DUMP_METERS]) {
        /* It has no meters, then. */
        finish_dump(DUMP_METERS);
    } else if (state == S_DUMP && (oh->xid == dump_xids[DUMP_FLOWS]
                                   || oh->xid == dump_xids[DUMP_GROUPS])) {
        VLOG_WARN_RL(&rl, "the switch cannot be dumped (%s), reconnecting",
                     ofperr_to_string(error));
        rconn_reconnect(rconn);
    } else if (is_bundle_xid(oh->xid)) {
        handle_bundle_failure(error);
    } else if (flow_table_refused(xid, error) || group_refused(xid, error)
               || meter_refused(xid, error)) {
        COVERAGE_INC(ofctrl_refused);
        something_refused = true;
        if (next_retry == LLONG_MAX) {
            next_retry = time_msec() + retry_interval;
        }
    } else if (label_probe_xid && oh->xid == label_probe_xid) {
        can_flush_labels = error == OFPERR_OFPBPC_BAD_LEN;
    } else if (!is_refused_client(xid, error)) {
        VLOG_WARN_RL(&rl, "the switch reports an error: %s",
                     ofperr_to_string(error));
    }
}

/* Processes a message; other modules' concerns (packet-ins, port status) come
 * over connections of their own. */
static void
receive(const struct ofp_header *oh, enum ofptype type)
{
    switch ((int) type) {
    case OFPTYPE_ECHO_REQUEST:
        send_msg(ofputil_encode_echo_reply(oh));
        break;

    case OFPTYPE_ERROR:
        handle_error(oh);
        break;

    case OFPTYPE_NXT_TLV_TABLE_REPLY:
        if (state == S_TLV_REQUEST && oh->xid == tlv_xid) {
            handle_tlv_table(oh);
        }
        break;

    case OFPTYPE_FLOW_STATS_REPLY:
        if (state == S_DUMP && oh->xid == dump_xids[DUMP_FLOWS]) {
            handle_flow_dump(oh);
        } else {
            tell_clients(oh);
        }
        break;

    case OFPTYPE_GROUP_DESC_STATS_REPLY:
        if (state == S_DUMP && oh->xid == dump_xids[DUMP_GROUPS]) {
            handle_group_dump(oh);
        }
        break;

    case OFPTYPE_GROUP_STATS_REPLY:
        if (state == S_DUMP && oh->xid == dump_xids[DUMP_GROUPS]) {
            handle_group_stats(oh);
        } else {
            tell_clients(oh);
        }
        break;

    case OFPTYPE_METER_CONFIG_STATS_REPLY:
        if (state == S_DUMP && oh->xid == dump_xids[DUMP_METERS]) {
            handle_meter_dump(oh);
        }
        break;

    case OFPTYPE_BARRIER_REPLY:
        if (state == S_TLV_MOD && oh->xid == tlv_barrier_xid) {
            finish_tlv(tlv_index);
        } else {
            handle_barrier_reply(oh->xid);
        }
        break;

    default:
        break;
    }
}

/* Offering again what has been refused. */

/* A new group or meter is on its way: if a flow has been refused, that may be
 * what it lacked. */
static void
retry_soon(void)
{
    if (next_retry != LLONG_MAX && !retrying) {
        retry_interval = MIN_RETRY_INTERVAL;
        next_retry = MIN(next_retry, time_msec() + retry_interval);
    }
}

/* If it is time, and nothing else is on its way, makes pending what has been
 * refused.  It goes message by message, so that what is refused again does not
 * keep the rest from being carried out. */
static void
retry_refused(void)
{
    if (time_msec() >= next_retry && !cur && ovs_list_is_empty(&batches)
        && !group_has_changes() && !flow_table_has_changes()) {
        next_retry = LLONG_MAX;
        retry_interval = MIN(retry_interval * 2, MAX_RETRY_INTERVAL);
        retrying = true;
        one_by_one = true;
        flow_table_retry();
        group_retry();
        meter_retry();
    }
}

/* Sending changes. */

static bool
queue_is_full(void)
{
    return (rconn_packet_counter_n_packets(tx_counter) >= MAX_QUEUED_MSGS
            || rconn_packet_counter_n_bytes(tx_counter) >= MAX_QUEUED_BYTES);
}

static struct batch *
get_batch(void)
{
    if (!cur) {
        cur = xzalloc(sizeof *cur);
    }
    return cur;
}

/* Sends 'msgs', within the bundle if there is one. */
static void
send_msgs(struct ovs_list *msgs)
{
    struct ofpbuf *msg;

    get_batch();
    LIST_FOR_EACH_POP (msg, list_node, msgs) {
        if (in_bundle) {
            struct ofputil_bundle_add_msg bam = {
                .bundle_id = bundle_id,
                .flags = OFPBF_ATOMIC | OFPBF_ORDERED,
                .msg = msg->data,
            };
            send_msg(ofputil_encode_bundle_add(OFP15_VERSION, &bam));
            ofpbuf_delete(msg);
        } else {
            send_msg(msg);
        }
    }
}

static void
flush_zones(void)
{
    size_t zone;

    if (!n_zones_to_flush) {
        return;
    }
    get_batch();
    BITMAP_FOR_EACH_1 (zone, N_ZONES, zones_to_flush) {
        struct ofpbuf *msg = ofpraw_alloc(OFPRAW_NXT_CT_FLUSH_ZONE,
                                          OFP15_VERSION, 0);
        struct nx_zone_id *nzi = ofpbuf_put_zeros(msg, sizeof *nzi);
        nzi->zone_id = htons(zone);
        send_msg(msg);
    }
    memset(zones_to_flush, 0, bitmap_n_bytes(N_ZONES));
    n_zones_to_flush = 0;
}

/* Ends the batch with a barrier, which covers all that is desired now. */
static void
finish_batch(void)
{
    if (in_bundle) {
        cur->commit_xid = send_bundle_ctrl(OFPBCT_COMMIT_REQUEST);
        in_bundle = false;
    }
    cur->barrier_xid = send_msg(ofputil_encode_barrier_request(OFP15_VERSION));
    cur->fence = last_fence;
    retrying = false;
    ovs_list_push_back(&batches, &cur->list_node);
    cur = NULL;
}

/* Sends the next few changes.  Returns true if that was all of them. */
static bool
send_some(void)
{
    struct ovs_list msgs = OVS_LIST_INITIALIZER(&msgs);

    flush_zones();
    if (meter_pop_additions(&msgs)) {
        /* A meter's message in the midst of a bundle's is not part of it. */
        struct ofpbuf *msg;
        get_batch();
        LIST_FOR_EACH_POP (msg, list_node, &msgs) {
            send_msg(msg);
        }
        retry_soon();
    }

    size_t n = group_pop_additions(&msgs);
    if (n) {
        retry_soon();
    }
    n += flow_table_pop_changes(&msgs, CHUNK);
    bool all = !flow_table_has_changes();
    if (all) {
        n += group_pop_deletions(&msgs);
    }
    if (!n) {
        return all;
    }

    if (!in_bundle && !one_by_one && !(all && n == 1)) {
        COVERAGE_INC(ofctrl_bundle);
        bundle_id++;
        get_batch()->open_xid = send_bundle_ctrl(OFPBCT_OPEN_REQUEST);
        in_bundle = true;
    }
    send_msgs(&msgs);
    return all;
}

/* Sends pending changes of flows, groups and meters.  'complete': the desired
 * state follows from a complete southbound snapshot; until it has been true
 * once for the connection, nothing is sent. */
static void
send_changes(bool complete)
{
    desired_complete |= complete;
    if (state != S_READY || !desired_complete || !rconn_is_connected(rconn)) {
        return;
    }

    can_send = true;
    retry_refused();
    do {
        if (queue_is_full()) {
            rconn_run(rconn);
            if (queue_is_full()) {
                return;
            }
        }
    } while (!send_some());

    if (!cur && ovs_list_is_empty(&batches)) {
        /* Flows that used a meter have been seen to be gone. */
        struct ovs_list msgs = OVS_LIST_INITIALIZER(&msgs);
        if (meter_pop_deletions(&msgs)) {
            send_msgs(&msgs);
        }
    }

    if (cur) {
        finish_batch();
    } else if (ovs_list_is_empty(&batches)) {
        if (reached_fence != last_fence) {
            reached_fence = last_fence;
            /* Nobody else wakes who waits for it. */
            poll_immediate_wake();
        }
    } else {
        struct batch *last = CONTAINER_OF(ovs_list_back(&batches),
                                          struct batch, list_node);
        if (last->fence && last->fence < last_fence) {
            last->fence = last_fence;
        }
    }
}

static void
wait_for_switch(void)
{
    rconn_run_wait(rconn);
    rconn_recv_wait(rconn);
    if (can_send && state == S_READY && !queue_is_full()
        && (cur || n_zones_to_flush || group_has_changes()
            || flow_table_has_changes()
            || (ovs_list_is_empty(&batches) && meter_has_changes()))) {
        poll_immediate_wake();
    }
    if (can_send && !cur && ovs_list_is_empty(&batches)
        && next_retry != LLONG_MAX) {
        poll_timer_wait_until(next_retry);
    }
    can_send = false;
}

/* Fences. */

uint64_t
ofctrl_fence(void)
{
    return ++last_fence;
}

bool
ofctrl_reached(uint64_t fence)
{
    return fence <= reached_fence;
}

/* Other messages. */

void
ofctrl_send(struct ofpbuf *msg)
{
    if (rconn_is_connected(rconn)) {
        send_msg(msg);
    } else {
        ofpbuf_delete(msg);
    }
}

struct ofpbuf *
ofctrl_encode_packet_out(const struct dp_packet *packet, ofp_port_t in_port,
                         const struct ofpbuf *ofpacts)
{
    struct ofputil_packet_out po = {
        .packet = dp_packet_data(packet),
        .packet_len = dp_packet_size(packet),
        .buffer_id = UINT32_MAX,
        .ofpacts = ofpacts->data,
        .ofpacts_len = ofpacts->size,
    };

    match_init_catchall(&po.flow_metadata);
    match_set_in_port(&po.flow_metadata, in_port);
    return ofputil_encode_packet_out(&po, OFPUTIL_P_OF15_OXM);
}

void
ofctrl_ct_flush_zone(uint16_t zone)
{
    if (!bitmap_is_set(zones_to_flush, zone)) {
        bitmap_set1(zones_to_flush, zone);
        n_zones_to_flush++;
    }
}

bool
ofctrl_knows_labels(bool *can_flush)
{
    *can_flush = can_flush_labels;
    return labels_known;
}

void
ofctrl_ct_flush_label(uint16_t zone, ovs_u128 label, ovs_u128 mask,
                      uint32_t mark)
{
    const ovs_be128 values[] = { hton128(label), hton128(mask) };

    if (!rconn_is_connected(rconn)) {
        return;
    }
    if (!can_flush_labels) {
        VLOG_WARN_RL(&rl, "connections are not flushed from conntrack zone "
                     "%u, as the switch cannot find them by ct_label", zone);
        return;
    }

    struct ofpbuf *msg = start_ct_flush();
    ofpprop_put_u16(msg, NXT_CT_ZONE_ID, zone);
    if (mark) {
        ofpprop_put_u32(msg, CT_FLUSH_MARK, mark);
        ofpprop_put_u32(msg, CT_FLUSH_MARK_MASK, mark);
    }
    ofpprop_put(msg, CT_FLUSH_LABELS, &values[0], sizeof values[0]);
    ofpprop_put(msg, CT_FLUSH_LABELS_MASK, &values[1], sizeof values[1]);
    send_msg(msg);
}

static void
commit(const struct turn *turn)
{
    stopwatch_start(STOPWATCH, time_msec());
    send_changes(turn->flows_known);
    stopwatch_stop(STOPWATCH, time_msec());
}

const struct module ofctrl_module = {
    .name = "ofctrl",
    .init = init,
    .run = run,
    .commit = commit,
    .wait = wait_for_switch,
    .destroy = destroy,
};
