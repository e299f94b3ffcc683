/* SPDX-License-Identifier: Apache-2.0 */

/* Simulation of actions: moving along, fields, dispatch. */

#include <config.h>
#include "trace-actions-private.h"

#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/meta-flow.h"
#include "ovn/logical-fields.h"
#include "packets.h"
#include "trace-db.h"
#include "trace-flows.h"
#include "trace-node.h"
#include "trace-pipeline.h"
#include "util.h"

/* Fields. */

static union mf_subvalue
read_field(const struct trace_acts *acts, const struct expr_field *field)
{
    struct mf_subfield sf = expr_field_resolve(field);
    union mf_subvalue value;

    mf_read_subfield(&sf, acts->packet, &value);
    return value;
}

void
trace_write(struct trace_acts *acts, const struct expr_field *field,
            const union mf_subvalue *value)
{
    struct mf_subfield sf = expr_field_resolve(field);

    mf_write_subfield_flow(&sf, value, acts->packet);
}

uint32_t
trace_read_u32(const struct trace_acts *acts, const struct expr_field *field)
{
    union mf_subvalue value = read_field(acts, field);

    return ntohl(value.be32[ARRAY_SIZE(value.be32) - 1]);
}

void
trace_write_bit(struct trace_acts *acts, const struct expr_field *field,
                bool bit)
{
    union mf_subvalue value = { .u8_val = bit };

    trace_write(acts, field, &value);
}

struct in6_addr
trace_read_ip(const struct trace_acts *acts, const struct expr_field *field)
{
    union mf_subvalue value = read_field(acts, field);
    struct in6_addr ip;

    if (field->n_bits == 32) {
        in6_addr_set_mapped_ipv4(
            &ip, value.be32[ARRAY_SIZE(value.be32) - 1]);
    } else {
        ip = value.ipv6;
    }
    return ip;
}

struct eth_addr
trace_read_mac(const struct trace_acts *acts, const struct expr_field *field)
{
    return read_field(acts, field).mac;
}

char *
trace_format_action(const struct trace *t, const struct ovnact *a)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ovnacts_format(a, a->len, &s);
    ds_chomp(&s, ';');
    return trace_befriend(t, ds_steal_cstr(&s));
}

/* Whether a change of 'field' is one of the packet, rather than of its
 * metadata. */
static bool
is_packet_field(const struct expr_field *field)
{
    return !mf_is_register(expr_field_resolve(field).field->id);
}

/* Appends 'value', which is one of 'field'. */
static void
format_value(const struct expr_field *field, const union mf_subvalue *value,
             struct ds *s)
{
    struct mf_subfield sf = expr_field_resolve(field);

    if (sf.n_bits == sf.field->n_bits) {
        size_t n = sf.field->n_bytes;
        union mf_value whole;

        memcpy(&whole, &value->u8[sizeof *value - n], n);
        mf_format(sf.field, &whole, NULL, NULL, s);
    } else {
        mf_format_subvalue(value, s);
    }
}

/* "DST = VALUE", where 'value' is formatted like one of 'src'. */
static void
put_modify(struct trace_acts *acts, const struct expr_field *dst,
           const struct expr_field *src, const union mf_subvalue *value)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    if (is_packet_field(dst)) {
        expr_field_format(dst, &s);
        ds_put_cstr(&s, " = ");
        format_value(src, value, &s);
        trace_put_nocopy(acts->parent, TRACE_MODIFY, ds_steal_cstr(&s));
    }
}

/* Puts the action as it is, as a modification. */
static void
put_modify_as_is(struct trace_acts *acts, const struct ovnact *a)
{
    trace_put_nocopy(acts->parent, TRACE_MODIFY,
                     trace_format_action(acts->t, a));
}

static void
execute_load(struct trace_acts *acts, const struct ovnact *a)
{
    const struct ovnact_load *load
        = CONTAINER_OF(a, struct ovnact_load, ovnact);
    union mf_subvalue value = load->imm.value;

    if (load->imm.string) {
        struct trace_env env;
        unsigned int key;

        trace_env_init(&env, acts->t->db, acts->dp, acts->t->chassis);
        memset(&value, 0, sizeof value);
        if (env.env.port_key(load->imm.string, &key, env.env.aux)) {
            value.be32[ARRAY_SIZE(value.be32) - 1] = htonl(key);
        }
    }
    trace_write(acts, &load->dst, &value);
    if (is_packet_field(&load->dst)) {
        put_modify_as_is(acts, a);
    }
}

static void
execute_move(struct trace_acts *acts, const struct ovnact_move *move)
{
    union mf_subvalue value = read_field(acts, &move->rhs);

    trace_write(acts, &move->lhs, &value);
    put_modify(acts, &move->lhs, &move->rhs, &value);
}

static void
execute_exchange(struct trace_acts *acts, const struct ovnact_move *move)
{
    union mf_subvalue lhs = read_field(acts, &move->lhs);
    union mf_subvalue rhs = read_field(acts, &move->rhs);

    trace_write(acts, &move->lhs, &rhs);
    trace_write(acts, &move->rhs, &lhs);
    put_modify(acts, &move->lhs, &move->rhs, &rhs);
    put_modify(acts, &move->rhs, &move->lhs, &lhs);
}

/* 'value' is NULL if there is none. */
static void
put_stack_modify(struct trace_acts *acts, const struct ovnact *a,
                 const char *arrow, const union mf_subvalue *value)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    char *text = trace_format_action(acts->t, a);

    ds_put_format(&s, "%s %s ", text, arrow);
    if (value) {
        mf_format_subvalue(value, &s);
    } else {
        ds_put_cstr(&s, "/* empty stack */");
    }
    trace_put_nocopy(acts->parent, TRACE_MODIFY, ds_steal_cstr(&s));
    free(text);
}

static void
execute_push(struct trace_acts *acts, const struct ovnact *a)
{
    const struct ovnact_field *push
        = CONTAINER_OF(a, struct ovnact_field, ovnact);
    union mf_subvalue value = read_field(acts, &push->field);

    if (acts->stack_len >= acts->stack_allocated) {
        acts->stack = x2nrealloc(acts->stack, &acts->stack_allocated,
                                 sizeof *acts->stack);
    }
    acts->stack[acts->stack_len++] = value;
    put_stack_modify(acts, a, "->", &value);
}

static void
execute_pop(struct trace_acts *acts, const struct ovnact *a)
{
    const struct ovnact_field *pop
        = CONTAINER_OF(a, struct ovnact_field, ovnact);

    if (!acts->stack_len) {
        put_stack_modify(acts, a, "<-", NULL);
        return;
    }

    union mf_subvalue value = acts->stack[--acts->stack_len];
    trace_write(acts, &pop->field, &value);
    put_stack_modify(acts, a, "<-", &value);
}

static void
execute_dec_ttl(struct trace_acts *acts, const struct ovnact *a)
{
    if (acts->packet->nw_ttl) {
        acts->packet->nw_ttl--;
        put_modify_as_is(acts, a);
    } else {
        trace_put(acts->parent, TRACE_ERROR, "*** TTL underflow");
    }
}

/* Moving along. */

void
trace_goto(struct trace_acts *acts, struct flow *packet, uint8_t ltable,
           struct trace_node *parent)
{
    trace_table(acts->t, acts->dp, packet, acts->lflow->pipeline, ltable,
                parent);
}

static void
execute_next(struct trace_acts *acts, const struct ovnact_next *next)
{
    struct trace_node *parent = acts->parent;

    if (next->pipeline != acts->lflow->pipeline) {
        bool is_in = next->pipeline == OVN_P_INGRESS;
        uint32_t key = acts->packet->regs[(is_in ? MFF_LOG_INPORT
                                           : MFF_LOG_OUTPORT) - MFF_REG0];
        parent = trace_put(parent, TRACE_PIPELINE,
                           "%sgress(dp=\"%s\", %sport=\"%s\")",
                           is_in ? "in" : "e",
                           trace_dp_name(acts->t, acts->dp),
                           is_in ? "in" : "out",
                           trace_port_name(acts->t, acts->dp, key));
    }
    trace_table(acts->t, acts->dp, acts->packet, next->pipeline, next->ltable,
                parent);
}

static void
basic_action(struct trace_acts *acts, const struct ovnact *a)
{
    switch ((int) a->type) {
    case OVNACT_OUTPUT:
        trace_output(acts->t, acts->dp, acts->packet, acts->lflow->pipeline,
                     acts->parent);
        break;
    case OVNACT_NEXT:
        execute_next(acts, CONTAINER_OF(a, struct ovnact_next, ovnact));
        break;
    case OVNACT_LOAD:
        execute_load(acts, a);
        break;
    case OVNACT_MOVE:
        execute_move(acts, CONTAINER_OF(a, struct ovnact_move, ovnact));
        break;
    case OVNACT_EXCHANGE:
        execute_exchange(acts, CONTAINER_OF(a, struct ovnact_move, ovnact));
        break;
    case OVNACT_OVNFIELD_LOAD:
        put_modify_as_is(acts, a);
        break;
    case OVNACT_PUSH:
        execute_push(acts, a);
        break;
    case OVNACT_POP:
        execute_pop(acts, a);
        break;
    case OVNACT_DEC_TTL:
        execute_dec_ttl(acts, a);
        break;
    default:
        OVS_NOT_REACHED();
    }
}

/* Carries out 'a'.  There is no default, so that the compiler names an action
 * that has been added and is not simulated. */
static void
execute(struct trace_acts *acts, const struct ovnact *a)
{
    switch (a->type) {
    case OVNACT_OUTPUT:
    case OVNACT_NEXT:
    case OVNACT_LOAD:
    case OVNACT_MOVE:
    case OVNACT_EXCHANGE:
    case OVNACT_OVNFIELD_LOAD:
    case OVNACT_PUSH:
    case OVNACT_POP:
    case OVNACT_DEC_TTL:
        basic_action(acts, a);
        break;

    case OVNACT_CT_NEXT:
    case OVNACT_CT_DNAT:
    case OVNACT_CT_SNAT:
    case OVNACT_CT_DNAT_IN_CZONE:
    case OVNACT_CT_SNAT_IN_CZONE:
    case OVNACT_CT_COMMIT_NAT:
    case OVNACT_CT_COMMIT_TO_ZONE:
    case OVNACT_CT_CLEAR:
    case OVNACT_CT_LB:
    case OVNACT_CT_LB_MARK:
    case OVNACT_CT_LB_MARK_LOCAL:
    case OVNACT_SELECT:
        trace_ct_action(acts, a);
        break;

    case OVNACT_MIRROR:
    case OVNACT_CLONE:
    case OVNACT_ARP:
    case OVNACT_ICMP4:
    case OVNACT_ICMP4_ERROR:
    case OVNACT_ICMP6:
    case OVNACT_ICMP6_ERROR:
    case OVNACT_TCP_RESET:
    case OVNACT_SCTP_ABORT:
    case OVNACT_REJECT:
    case OVNACT_ND_NA:
    case OVNACT_ND_NA_ROUTER:
    case OVNACT_ND_NS:
        trace_nested_action(acts, a);
        break;

    case OVNACT_GET_ARP:
    case OVNACT_GET_ND:
    case OVNACT_LOOKUP_ARP:
    case OVNACT_LOOKUP_ND:
    case OVNACT_LOOKUP_ARP_IP:
    case OVNACT_LOOKUP_ND_IP:
    case OVNACT_GET_FDB:
    case OVNACT_LOOKUP_FDB:
    case OVNACT_GET_REMOTE_FDB:
    case OVNACT_FLOOD_REMOTE:
    case OVNACT_CT_ORIG_TP_DST:
    case OVNACT_CT_ORIG_PROTO:
    case OVNACT_CT_STATE_SAVE:
    case OVNACT_DHCPV4_RELAY_REQ_CHK:
    case OVNACT_DHCPV4_RELAY_RESP_CHK:
    case OVNACT_PUT_DHCPV4_OPTS:
    case OVNACT_PUT_DHCPV6_OPTS:
    case OVNACT_PUT_ND_RA_OPTS:
    case OVNACT_DNS_LOOKUP:
    case OVNACT_CHK_LB_HAIRPIN:
    case OVNACT_CHK_LB_HAIRPIN_REPLY:
    case OVNACT_CT_SNAT_TO_VIP:
    case OVNACT_CHECK_IN_PORT_SEC:
    case OVNACT_CHECK_OUT_PORT_SEC:
    case OVNACT_LOG:
        trace_lookup_action(acts, a);
        break;

    /* These have no effect on the packet. */
    case OVNACT_SET_QUEUE:
    case OVNACT_CHECK_PKT_LARGER:
    case OVNACT_CT_COMMIT_V1:
    case OVNACT_CT_COMMIT_V2:
    case OVNACT_FWD_GROUP:
    case OVNACT_PUT_ARP:
    case OVNACT_PUT_ND:
    case OVNACT_PUT_FDB:
    case OVNACT_SET_METER:
    case OVNACT_SAMPLE:
    case OVNACT_TRIGGER_EVENT:
    case OVNACT_IGMP:
    case OVNACT_BIND_VPORT:
    case OVNACT_HANDLE_SVC_CHECK:
    case OVNACT_HANDLE_DHCPV6_REPLY:
    case OVNACT_BFD_MSG:
    case OVNACT_CHK_ECMP_NH_MAC:
    case OVNACT_CHK_ECMP_NH:
    case OVNACT_CHK_LB_AFF:
    case OVNACT_COMMIT_ECMP_NH:
    case OVNACT_COMMIT_LB_AFF:
    case OVNACT_MAC_CACHE_USE:
        break;

    /* Nor do these have a result, as long as there are no connections. */
    case OVNACT_CT_ORIG_NW_DST:
    case OVNACT_CT_ORIG_IP6_DST:
        break;

    case N_OVNACTS:
        OVS_NOT_REACHED();
    }
}

void
trace_actions(struct trace *t, const struct trace_dp *dp,
              struct flow *packet, const struct trace_flow *lflow,
              const struct ovnact *ovnacts, size_t ovnacts_len,
              struct trace_node *parent)
{
    struct trace_acts acts = {
        .t = t, .dp = dp, .packet = packet, .lflow = lflow, .parent = parent,
    };
    const struct ovnact *a;

    if (!ovnacts_len) {
        trace_put(parent, TRACE_ACTION, "drop");
        return;
    }
    OVNACT_FOR_EACH (a, ovnacts, ovnacts_len) {
        char *text = trace_format_action(t, a);
        bool is_jump = a->type == OVNACT_NEXT && strcmp(text, "next");
        trace_put_nocopy(parent, is_jump ? TRACE_JUMP : TRACE_ACTION, text);

        execute(&acts, a);
    }
    free(acts.stack);
}
