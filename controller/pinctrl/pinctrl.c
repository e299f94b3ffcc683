/* SPDX-License-Identifier: Apache-2.0 */

/* The connection, and who handles what. */

#include <config.h>

#include "idl-row.h"
#include "pinctrl/pinctrl.h"

#include <inttypes.h>
#include <string.h>

#include "byte-order.h"
#include "coverage.h"
#include "flow.h"
#include "lb-empty.h"
#include "module.h"
#include "ofctrl.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-print.h"
#include "openvswitch/ofp-switch.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/rconn.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "ovn/actions.h"
#include "ovn/logical-fields.h"
#include "ovs-config.h"
#include "packets.h"
#include "pinctrl/pinctrl-private.h"
#include "socket-util.h"
#include "unsupported.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pinctrl);

COVERAGE_DEFINE(pinctrl_packet_in);
COVERAGE_DEFINE(pinctrl_packet_out);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Messages to handle before the rest of the daemon has its turn. */
#define MAX_MESSAGES_PER_RUN 100

#define OF_VERSION OFP15_VERSION

static struct rconn *swconn;
static unsigned int conn_seq_no;
static bool more_messages;      /* Whether the last run has left some. */

static const struct {
    enum action_opcode opcode;
    pin_handler *handle;
} handlers[] = {
    { ACTION_OPCODE_ARP, pin_handle_arp },
    { ACTION_OPCODE_ND_NS, pin_handle_nd_ns },
    { ACTION_OPCODE_ND_NA, pin_handle_nd_na },
    { ACTION_OPCODE_ND_NA_ROUTER, pin_handle_nd_na_router },
    { ACTION_OPCODE_PUT_ARP, pin_handle_put_arp },
    { ACTION_OPCODE_PUT_ND, pin_handle_put_nd },
    { ACTION_OPCODE_PUT_FDB, pin_handle_put_fdb },
    { ACTION_OPCODE_ICMP, pin_handle_icmp },
    { ACTION_OPCODE_ICMP4_ERROR, pin_handle_icmp_error },
    { ACTION_OPCODE_ICMP6_ERROR, pin_handle_icmp_error },
    { ACTION_OPCODE_TCP_RESET, pin_handle_tcp_reset },
    { ACTION_OPCODE_SCTP_ABORT, pin_handle_sctp_abort },
    { ACTION_OPCODE_REJECT, pin_handle_reject },
    { ACTION_OPCODE_LOG, pin_handle_log },
    { ACTION_OPCODE_ACTIVATION_STRATEGY_RARP, pin_handle_activation },
    { ACTION_OPCODE_BIND_VPORT, pin_handle_bind_vport },
    { ACTION_OPCODE_EVENT, pin_handle_event },
};

/* For handlers. */

/* The registers and the metadata, which are the pipeline's memory. */
static void
put_metadata(const struct flow *md, struct ofpbuf *ofpacts)
{
    ofpact_put_set_field(ofpacts, mf_from_id(MFF_METADATA), &md->metadata,
                         NULL);
    for (int i = 0; i < FLOW_N_REGS; i++) {
        if (md->regs[i]) {
            const ovs_be32 value = htonl(md->regs[i]);

            ofpact_put_set_field(ofpacts, mf_from_id(MFF_REG0 + i), &value,
                                 NULL);
        }
    }
}

void
pin_execute(const struct pin *pin, const struct dp_packet *packet)
{
    struct ofpbuf ofpacts;

    ofpbuf_init(&ofpacts, 1024);
    put_metadata(pin->md, &ofpacts);
    enum ofperr error = ofpacts_pull_openflow_actions(pin->userdata,
                                                      pin->userdata->size,
                                                      OF_VERSION, NULL, NULL,
                                                      &ofpacts);
    if (error) {
        VLOG_WARN_RL(&rl, "packet-in of flow %#"PRIx64": the actions in its "
                     "userdata are not valid (%s)",
                     ntohll(pin->in->cookie), ofperr_to_string(error));
    } else {
        COVERAGE_INC(pinctrl_packet_out);
        rconn_send(swconn,
                   ofctrl_encode_packet_out(packet, OFPP_CONTROLLER, &ofpacts),
                   NULL);
    }
    ofpbuf_uninit(&ofpacts);
}

void
pin_copy_vlan(const struct pin *pin, struct dp_packet *packet)
{
    const union flow_vlan_hdr *vlan = &pin->headers->vlans[0];

    if (vlan->tci & htons(VLAN_CFI)) {
        eth_push_vlan(packet, vlan->tpid, vlan->tci);
    }
}

void
pin_malformed(const struct pin *pin, const char *what)
{
    VLOG_WARN_RL(&rl, "packet-in of flow %#"PRIx64" (table %u) ignored: %s",
                 ntohll(pin->in->cookie), pin->in->table_id, what);
}

/* Packet-ins. */

/* Handles 'in', whose metadata is 'md' by now. */
static void
dispatch(const struct ofputil_packet_in *in, const struct flow *md)
{
    struct ofpbuf userdata = ofpbuf_const_initializer(in->userdata,
                                                      in->userdata_len);
    const struct action_header *header = ofpbuf_try_pull(&userdata,
                                                         sizeof *header);
    if (!header) {
        VLOG_WARN_RL(&rl, "packet-in of flow %#"PRIx64" ignored: its userdata "
                     "is too short", ntohll(in->cookie));
        return;
    }

    struct dp_packet packet;
    struct flow headers;
    dp_packet_use_const(&packet, in->packet, in->packet_len);
    flow_extract(&packet, &headers);

    const struct pin pin = {
        .in = in,
        .packet = &packet,
        .headers = &headers,
        .md = md,
        .userdata = &userdata,
        .dp_key = ntohll(md->metadata),
        .inport_key = md->regs[MFF_LOG_INPORT - MFF_REG0],
    };
    const uint32_t opcode = ntohl(header->opcode);
    for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
        if (handlers[i].opcode == opcode) {
            handlers[i].handle(&pin);
            return;
        }
    }
    unsupported_packet(opcode, ntohll(in->cookie));
}

/* Handles 'in', which a group has sent because it had no backend for it. */
static void
dispatch_from_group(struct ofputil_packet_in *in)
{
    struct flow md = in->flow_metadata.flow;
    uint64_t stub[512 / 8];
    struct ofpbuf userdata = OFPBUF_STUB_INITIALIZER(stub);

    if (lb_empty_decode(&md, &userdata)) {
        in->userdata = userdata.data;
        in->userdata_len = userdata.size;
        dispatch(in, &md);
    }
    ofpbuf_uninit(&userdata);
}

static void
handle_packet_in(const struct ofp_header *oh)
{
    struct ofputil_packet_in in;
    struct ofpbuf continuation;
    uint32_t buffer_id;
    size_t total_len;
    enum ofperr error;

    COVERAGE_INC(pinctrl_packet_in);
    error = ofputil_decode_packet_in(oh, true, NULL, NULL, &in, &total_len,
                                     &buffer_id, &continuation);
    if (error) {
        VLOG_WARN_RL(&rl, "packet-in ignored: %s", ofperr_to_string(error));
        return;
    }
    if (in.packet_len != total_len) {
        return;
    } else if (in.reason == OFPR_ACTION) {
        dispatch(&in, &in.flow_metadata.flow);
    } else if (in.reason == OFPR_GROUP) {
        dispatch_from_group(&in);
    }
}

static void
handle_message(const struct ofpbuf *msg)
{
    const struct ofp_header *oh = msg->data;
    enum ofptype type;

    if (ofptype_decode(&type, oh)) {
        return;
    }
    if (type == OFPTYPE_PACKET_IN) {
        handle_packet_in(oh);
    } else if (type == OFPTYPE_ECHO_REQUEST) {
        rconn_send(swconn, ofputil_encode_echo_reply(oh), NULL);
    } else if (type == OFPTYPE_ERROR && VLOG_IS_WARN_ENABLED()) {
        char *s = ofp_to_string(oh, ntohs(oh->length), NULL, NULL, 2);

        VLOG_WARN_RL(&rl, "the switch has refused a message: %s", s);
        free(s);
    }
}

/* The connection. */

/* What a new connection needs in order to get packet-ins: the format that
 * carries userdata, and, since it is a service connection, a nonzero
 * miss_send_len. */
static void
set_up_connection(void)
{
    const struct ofputil_switch_config config = {
        .frag = OFPUTIL_FRAG_NORMAL,
        .invalid_ttl_to_controller = -1,
        .miss_send_len = UINT16_MAX,
    };

    rconn_send(swconn, ofputil_encode_set_config(&config, OF_VERSION), NULL);
    rconn_send(swconn, ofputil_encode_set_packet_in_format(
                   OF_VERSION, OFPUTIL_PACKET_IN_NXT2), NULL);
}

static void
update_target(const char *target, int probe_interval)
{
    if (!target) {
        rconn_disconnect(swconn);
        return;
    }
    if (strcmp(target, rconn_get_target(swconn))) {
        VLOG_INFO("%s: connecting to switch", target);
        rconn_connect(swconn, target, target);
    }
    rconn_set_probe_interval(swconn, probe_interval);
}

static void
init(struct inc_engine *engine OVS_UNUSED)
{
    swconn = rconn_create(0, 8, DSCP_DEFAULT, 1u << OF_VERSION);
}

static void
register_sb(struct idl_columns *columns)
{
    learn_register_sb(columns);
    event_register_sb(columns);
}

static void
destroy(void)
{
    rconn_destroy(swconn);
    swconn = NULL;
    learn_destroy();
    activation_destroy();
    vport_destroy();
    event_destroy();
}

static void
run(struct turn *turn)
{
    update_target(turn->target, turn->config->openflow_probe_s);
    rconn_run(swconn);

    more_messages = false;
    if (rconn_is_connected(swconn)) {
        if (conn_seq_no != rconn_get_connection_seqno(swconn)) {
            conn_seq_no = rconn_get_connection_seqno(swconn);
            set_up_connection();
        }

        int i;
        for (i = 0; i < MAX_MESSAGES_PER_RUN; i++) {
            struct ofpbuf *msg = rconn_recv(swconn);

            if (!msg) {
                break;
            }
            handle_message(msg);
            ofpbuf_delete(msg);
        }
        more_messages = i == MAX_MESSAGES_PER_RUN;
    }

    if (turn->sb_txn) {
        const struct sbrec_chassis *us
            = sbrec_chassis_get_for_uuid(turn->sb_idl, &turn->our_chassis);

        learn_commit(turn->sb_txn);
        if (IDL_ROW_IF_EXISTS(us)) {
            activation_commit(us);
            vport_commit(us);
            event_commit(turn->sb_txn, us);
        }
    }
}

static void
wait_for_messages(void)
{
    rconn_run_wait(swconn);
    rconn_recv_wait(swconn);
    if (more_messages) {
        poll_immediate_wake();
    }
}

const struct module pinctrl_module = {
    .name = "pinctrl",
    .init = init,
    .register_sb = register_sb,
    .run = run,
    .wait = wait_for_messages,
    .destroy = destroy,
};
