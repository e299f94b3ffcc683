/* SPDX-License-Identifier: Apache-2.0 */

/* What happens to packets, on the packet thread: a packet-in is decoded and
 * handed to the service that has its opcode, and there are the ways back into
 * the pipeline.
 *
 * A packet-in of a service that needs facts is kept, as it has come, while the
 * snapshot is not complete.  What is kept is bounded, and the oldest goes
 * first: whoever has sent it is most likely to send it again. */

#include <config.h>

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "coverage.h"
#include "flow.h"
#include "inputs.h"
#include "lb-empty.h"
#include "nx-match.h"
#include "ofctrl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-print.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/vlog.h"
#include "ovn/actions.h"
#include "ovn/dialect.h"
#include "ovn/logical-fields.h"
#include "packet-build.h"
#include "packets.h"
#include "pinctrl/fact.h"
#include "pinctrl/pinctrl-private.h"
#include "unaligned.h"
#include "unsupported.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pinctrl);

COVERAGE_DEFINE(pinctrl_packet_in);
COVERAGE_DEFINE(pinctrl_packet_out);
COVERAGE_DEFINE(pinctrl_resume);
COVERAGE_DEFINE(pinctrl_drop_held);
COVERAGE_DEFINE(pinctrl_bad_message);
COVERAGE_DEFINE(pinctrl_bad_userdata);
COVERAGE_DEFINE(pinctrl_bad_protocol);
COVERAGE_DEFINE(pinctrl_bad_length);
COVERAGE_DEFINE(pinctrl_bad_checksum);
COVERAGE_DEFINE(pinctrl_bad_content);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* What is wrong. */

static void
count_fault(enum pin_fault fault)
{
    switch (fault) {
    case PIN_BAD_USERDATA: COVERAGE_INC(pinctrl_bad_userdata); break;
    case PIN_BAD_PROTOCOL: COVERAGE_INC(pinctrl_bad_protocol); break;
    case PIN_BAD_LENGTH: COVERAGE_INC(pinctrl_bad_length); break;
    case PIN_BAD_CHECKSUM: COVERAGE_INC(pinctrl_bad_checksum); break;
    case PIN_BAD_CONTENT: COVERAGE_INC(pinctrl_bad_content); break;
    case PIN_N_FAULTS: OVS_NOT_REACHED();
    }
}

static void
log_malformed(const struct ofputil_packet_in *in, const char *what)
{
    VLOG_WARN_RL(&rl, "packet-in of flow %#"PRIx64" (table %u) ignored: %s",
                 ntohll(in->cookie), in->table_id, what);
}

void
pin_malformed(const struct pin *pin, enum pin_fault fault,
              const char *format, ...)
{
    count_fault(fault);
    pin_count(&pin->service->state->n_malformed);
    if (!VLOG_DROP_WARN(&rl)) {
        va_list args;

        va_start(args, format);
        char *what = xvasprintf(format, args);
        va_end(args);
        VLOG_WARN("packet-in of flow %#"PRIx64" (table %u) ignored: %s",
                  ntohll(pin->in->cookie), pin->in->table_id, what);
        free(what);
    }
}

/* The dialect: which tables there are. */

static struct pin_service *const *services;
static size_t n_services;

static struct fact_table dialects
    = FACT_TABLE_INITIALIZER("dialect", free, NULL);

static void *
copy_dialect(struct inc_key key OVS_UNUSED, const void *dialect)
{
    return xmemdup(dialect, sizeof(struct ovn_dialect));
}

void
pin_packets_init(struct pin_service *const services_[], size_t n)
{
    services = services_;
    n_services = n;
    fact_follow(&dialects, in_kinds.dialect, copy_dialect);
}

const struct ovn_dialect *
pin_dialect(void)
{
    const struct ovn_dialect *dialect = fact_find(&dialects, INC_KEY_ONLY);

    return dialect ? dialect : ovn_dialect_default();
}

/* The ways back. */

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

static bool
send_packet(const struct dp_packet *packet, const struct ofpbuf *ofpacts)
{
    COVERAGE_INC(pinctrl_packet_out);
    return pin_send(ofctrl_encode_packet_out(packet, OFPP_CONTROLLER,
                                             ofpacts));
}

enum ofperr
pin_actions(const struct pin *pin, struct ofpbuf *ofpacts)
{
    struct ofpbuf actions = *pin->userdata;

    return ofpacts_pull_openflow_actions(&actions, actions.size,
                                         PIN_OF_VERSION, NULL, NULL, ofpacts);
}

void
pin_execute(const struct pin *pin, const struct dp_packet *packet)
{
    struct ofpbuf ofpacts;

    ofpbuf_init(&ofpacts, 1024);
    put_metadata(pin->md, &ofpacts);
    enum ofperr error = pin_actions(pin, &ofpacts);
    if (error) {
        pin_malformed(pin, PIN_BAD_USERDATA,
                      "the actions in its userdata are not valid (%s)",
                      ofperr_to_string(error));
    } else {
        send_packet(packet, &ofpacts);
    }
    ofpbuf_uninit(&ofpacts);
}

void
pin_copy_vlan(const struct pin *pin, struct dp_packet *packet)
{
    packet_copy_vlan(packet, pin->headers);
}

/* Where a packet that enters at 'entry' goes on. */
static uint8_t
entry_table(enum pin_entry entry)
{
    const struct ovn_tables *tables = &pin_dialect()->tables;

    switch (entry) {
    case PIN_INGRESS: return tables->ingress;
    case PIN_OUTPUT: return tables->large_pkt_detect;
    case PIN_LOCAL_OUTPUT: return tables->local_output;
    }
    OVS_NOT_REACHED();
}

bool
pin_inject(const struct pin_place *place, const struct dp_packet *packet)
{
    struct flow md;
    uint64_t stub[512 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    if (!place->md) {
        memset(&md, 0, sizeof md);
        md.metadata = htonll(place->dp_key);
        md.regs[MFF_LOG_FLAGS - MFF_REG0] = place->flags;
        md.regs[MFF_LOG_INPORT - MFF_REG0] = place->inport_key;
        md.regs[MFF_LOG_OUTPORT - MFF_REG0] = place->outport_key;
    }
    put_metadata(place->md ? place->md : &md, &ofpacts);

    struct ofpact_resubmit *resubmit = ofpact_put_RESUBMIT(&ofpacts);
    resubmit->in_port = OFPP_CONTROLLER;
    resubmit->table_id = entry_table(place->entry);

    bool ok = send_packet(packet, &ofpacts);
    ofpbuf_uninit(&ofpacts);
    return ok;
}

/* Continuations. */

struct pin_continuation {
    const struct ofpbuf *data;
    struct mf_subfield result;  /* 'field' is NULL: there is none. */
    bool finished;
};

/* Pulls from 'userdata' where the action's result goes. */
static bool
pull_result(struct ofpbuf *userdata, struct mf_subfield *result)
{
    if (nx_pull_header(userdata, NULL, &result->field, NULL)
        || !result->field) {
        return false;
    }

    const ovs_be32 *ofs = ofpbuf_try_pull(userdata, sizeof *ofs);
    if (!ofs) {
        return false;
    }
    result->ofs = ntohl(get_unaligned_be32(ofs));
    result->n_bits = 1;
    return result->ofs < result->field->n_bits;
}

void
pin_resume(const struct pin *pin, const struct dp_packet *packet, bool result)
{
    struct pin_continuation *c = pin->continuation;

    if (!c || c->finished) {
        return;                 /* A flow that does not pause. */
    }
    c->finished = true;

    struct ofputil_packet_in in = *pin->in;
    if (packet) {
        in.packet = dp_packet_data(packet);
        in.packet_len = dp_packet_size(packet);
    }
    if (c->result.field) {
        const union mf_subvalue value = { .u8_val = result };

        mf_write_subfield(&c->result, &value, &in.flow_metadata);
    }
    COVERAGE_INC(pinctrl_resume);
    pin_send(ofputil_encode_resume(&in, c->data, OFPUTIL_P_OF15_OXM));
}

void
pin_resume_udp(const struct pin *pin, const struct ofpbuf *payload,
               ovs_be32 ip_dst)
{
    struct dp_packet reply;

    packet_start_udp_reply(&reply, pin->packet, payload->data, payload->size);
    if (ip_dst) {
        struct ip_header *ip = dp_packet_l3(&reply);

        put_16aligned_be32(&ip->ip_dst, ip_dst);
    }
    packet_finish_udp_reply(&reply);
    pin_resume(pin, &reply, true);
    dp_packet_uninit(&reply);
}

void
pin_drop(const struct pin *pin)
{
    if (pin->continuation) {
        pin->continuation->finished = true;
    }
}

/* Packet-ins that are kept until the snapshot is complete. */

#define MAX_HELD 1000

struct held {
    struct ovs_list list_node;
    struct ofpbuf *msg;
};
static struct ovs_list held = OVS_LIST_INITIALIZER(&held);
static size_t n_held;

static void
held_pop(void)
{
    struct held *h = CONTAINER_OF(ovs_list_pop_front(&held), struct held,
                                  list_node);

    n_held--;
    ofpbuf_delete(h->msg);
    free(h);
}

static void
hold(const struct ofp_header *oh)
{
    struct held *h = xmalloc(sizeof *h);

    if (n_held >= MAX_HELD) {
        COVERAGE_INC(pinctrl_drop_held);
        held_pop();
    }
    h->msg = ofpbuf_clone_data(oh, ntohs(oh->length));
    ovs_list_push_back(&held, &h->list_node);
    n_held++;
}

void
pin_packets_destroy(void)
{
    while (n_held) {
        held_pop();
    }
    fact_table_destroy(&dialects);
}

/* Packet-ins. */

static const struct pin_opcode *
find_opcode(uint32_t opcode, const struct pin_service **service)
{
    for (size_t i = 0; i < n_services; i++) {
        const struct pin_opcode *o = services[i]->opcodes;

        for (size_t j = 0; j < PIN_MAX_OPCODES && o[j].handle; j++) {
            if (o[j].opcode == opcode) {
                *service = services[i];
                return &o[j];
            }
        }
    }
    return NULL;
}

static void
handle(struct pin *pin, const struct pin_opcode *opcode)
{
    struct pin_continuation *c = pin->continuation;

    pin_count(&pin->service->state->n_packets);
    if (opcode->has_result
        && !(c && pull_result(pin->userdata, &c->result))) {
        pin_malformed(pin, PIN_BAD_USERDATA,
                      "it does not say where the result goes");
        pin_drop(pin);
        return;
    }
    opcode->handle(pin);
    if (c && !c->finished) {
        pin_resume(pin, NULL, false);
    }
}

/* Hands 'in', which 'oh' is decoded into, and whose metadata is 'md' by now,
 * to the service that it is for. */
static void
dispatch(const struct ofp_header *oh, const struct ofputil_packet_in *in,
         const struct flow *md, const struct ofpbuf *continuation)
{
    struct ofpbuf userdata = ofpbuf_const_initializer(in->userdata,
                                                      in->userdata_len);
    const struct action_header *header = ofpbuf_try_pull(&userdata,
                                                         sizeof *header);
    if (!header) {
        count_fault(PIN_BAD_USERDATA);
        log_malformed(in, "its userdata is too short");
        return;
    }

    const struct pin_service *service;
    const uint32_t code = ntohl(header->opcode);
    const struct pin_opcode *opcode = find_opcode(code, &service);
    if (!opcode) {
        unsupported_packet(code, ntohll(in->cookie));
        return;
    }
    if (service->needs_facts && !pin_facts_complete()) {
        hold(oh);
        return;
    }

    struct dp_packet packet;
    struct flow headers;
    dp_packet_use_const(&packet, in->packet, in->packet_len);
    flow_extract(&packet, &headers);

    struct pin_continuation c = { .data = continuation };
    struct pin pin = {
        .in = in,
        .opcode = code,
        .packet = &packet,
        .headers = &headers,
        .md = md,
        .userdata = &userdata,
        .dp_key = ntohll(md->metadata),
        .inport_key = md->regs[MFF_LOG_INPORT - MFF_REG0],
        .outport_key = md->regs[MFF_LOG_OUTPORT - MFF_REG0],
        .service = service,
        .continuation = continuation->size ? &c : NULL,
    };
    handle(&pin, opcode);
}

/* Handles 'in', which a group has sent because it had no backend for it. */
static void
dispatch_from_group(const struct ofp_header *oh, struct ofputil_packet_in *in,
                    const struct ofpbuf *continuation)
{
    struct flow md = in->flow_metadata.flow;
    uint64_t stub[512 / 8];
    struct ofpbuf userdata = OFPBUF_STUB_INITIALIZER(stub);

    if (lb_empty_decode(&md, &userdata)) {
        in->userdata = userdata.data;
        in->userdata_len = userdata.size;
        dispatch(oh, in, &md, continuation);
    }
    ofpbuf_uninit(&userdata);
}

static atomic_uint64_t n_packet_ins;

uint64_t
pin_n_packet_ins(void)
{
    return pin_counted(&n_packet_ins);
}

static void
handle_packet_in(const struct ofp_header *oh)
{
    struct ofputil_packet_in in;
    struct ofpbuf continuation;
    uint32_t buffer_id;
    size_t total_len;
    enum ofperr error;

    error = ofputil_decode_packet_in(oh, true, NULL, NULL, &in, &total_len,
                                     &buffer_id, &continuation);
    if (error) {
        COVERAGE_INC(pinctrl_bad_message);
        VLOG_WARN_RL(&rl, "packet-in ignored: %s", ofperr_to_string(error));
        return;
    }
    if (in.packet_len != total_len) {
        COVERAGE_INC(pinctrl_bad_message);
    } else if (in.reason == OFPR_ACTION) {
        dispatch(oh, &in, &in.flow_metadata.flow, &continuation);
    } else if (in.reason == OFPR_GROUP) {
        dispatch_from_group(oh, &in, &continuation);
    }
}

void
pin_release_held(void)
{
    while (n_held) {
        struct held *h = CONTAINER_OF(ovs_list_front(&held), struct held,
                                      list_node);

        handle_packet_in(h->msg->data);
        held_pop();
    }
}

void
pin_handle_message(const struct ofp_header *oh)
{
    enum ofptype type;

    if (ofptype_decode(&type, oh)) {
        return;
    }
    if (type == OFPTYPE_PACKET_IN) {
        COVERAGE_INC(pinctrl_packet_in);
        pin_count(&n_packet_ins);
        handle_packet_in(oh);
    } else if (type == OFPTYPE_ECHO_REQUEST) {
        pin_send(ofputil_encode_echo_reply(oh));
    } else if (type == OFPTYPE_ERROR && VLOG_IS_WARN_ENABLED()) {
        char *s = ofp_to_string(oh, ntohs(oh->length), NULL, NULL, 2);

        VLOG_WARN_RL(&rl, "the switch has refused a message: %s", s);
        free(s);
    }
}
