/* SPDX-License-Identifier: Apache-2.0 */

/* Actions that move a packet along, that work on fields, and that just hand
 * the packet to the controller. */

#include <config.h>
#include "lib/actions-private.h"

#include "byte-order.h"
#include "ovn/logical-fields.h"
#include "util.h"

/* output; */

bool
act_encode_output(const struct ovnact *a OVS_UNUSED,
                  const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    put_resubmit(act_output_ptable(ep), out);
    return true;
}

/* next; next(TABLE); next(pipeline=PIPELINE, table=TABLE); */

static void
parse_next_argument(struct act_parser *p, enum ovn_pipeline *pipeline,
                    int *table)
{
    if (lex_accept_word(p->lex, "pipeline")) {
        if (!lex_expect(p->lex, LEX_ASSIGN)) {
            return;
        }
        if (lex_accept_word(p->lex, "ingress")) {
            *pipeline = OVN_P_INGRESS;
        } else if (lex_accept_word(p->lex, "egress")) {
            *pipeline = OVN_P_EGRESS;
        } else {
            lex_syntax_error(p->lex, "expecting \"ingress\" or \"egress\".");
        }
    } else if (lex_accept_word(p->lex, "table")) {
        if (lex_expect(p->lex, LEX_ASSIGN)) {
            lex_expect_int(p->lex, table);
        }
    } else {
        lex_syntax_error(p->lex, "expecting \"pipeline\" or \"table\".");
    }
}

void
act_parse_next(struct act_parser *p, enum ovnact_type type,
               const struct expr_field *result OVS_UNUSED)
{
    enum ovn_pipeline pipeline = p->pp->pipeline;
    int table = p->pp->cur_ltable + 1;

    if (lex_accept(p->lex, LEX_LPAREN)) {
        if (lex_is_int(p->lex)) {
            lex_expect_int(p->lex, &table);
        } else {
            do {
                parse_next_argument(p, &pipeline, &table);
            } while (lex_accept(p->lex, LEX_COMMA));
        }
        if (!lex_expect(p->lex, LEX_RPAREN)) {
            return;
        }
    }
    if (table >= p->pp->n_tables[pipeline]) {
        lex_error(p->lex,
                  "\"next\" action cannot advance beyond table %d.",
                  p->pp->n_tables[pipeline] - 1);
        return;
    }

    struct ovnact_next *next = ovnact_put(p, type, sizeof *next);
    next->pipeline = pipeline;
    next->ltable = table;
    next->from_pipeline = p->pp->pipeline;
    next->from_ltable = p->pp->cur_ltable;
}

void
act_format_next(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_next *next
        = CONTAINER_OF(a, struct ovnact_next, ovnact);

    if (next->pipeline != next->from_pipeline) {
        ds_put_format(s, "next(pipeline=%s, table=%d);",
                      next->pipeline == OVN_P_INGRESS ? "ingress" : "egress",
                      next->ltable);
    } else if (next->ltable != next->from_ltable + 1) {
        ds_put_format(s, "next(%d);", next->ltable);
    } else {
        ds_put_cstr(s, "next;");
    }
}

bool
act_encode_next(const struct ovnact *a, const struct ovnact_encode_params *ep,
                struct ofpbuf *out)
{
    const struct ovnact_next *next
        = CONTAINER_OF(a, struct ovnact_next, ovnact);

    put_resubmit(act_first_ptable(ep, next->pipeline) + next->ltable, out);
    return true;
}

/* FIELD = CONSTANT; */

void
act_parse_load(struct act_parser *p, const struct expr_field *lhs)
{
    bool ovn_field = lhs->symbol->ovn_field != NULL;

    if (ovn_field && p->in_ct_commit) {
        lex_error(p->lex, "Field %s is not modifiable.", lhs->symbol->name);
        return;
    }
    if (!ovn_field && !act_check_field(p, lhs, lhs->n_bits, true)) {
        return;
    }

    struct ovnact_load *load = ovnact_put(
        p, ovn_field ? OVNACT_OVNFIELD_LOAD : OVNACT_LOAD, sizeof *load);
    load->dst = *lhs;
    expr_constant_parse(p->lex, lhs, &load->imm);
}

void
act_format_load(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_load *load
        = CONTAINER_OF(a, struct ovnact_load, ovnact);

    act_format_result(&load->dst, s);
    expr_constant_format(&load->imm, &load->dst, s);
    ds_put_char(s, ';');
}

void
act_free_load(struct ovnact *a)
{
    struct ovnact_load *load = CONTAINER_OF(a, struct ovnact_load, ovnact);

    expr_constant_destroy(&load->imm);
}

bool
act_encode_load(const struct ovnact *a, const struct ovnact_encode_params *ep,
                struct ofpbuf *out)
{
    const struct ovnact_load *load
        = CONTAINER_OF(a, struct ovnact_load, ovnact);
    const struct expr_constant *c = &load->imm;
    struct mf_subfield dst = expr_field_resolve(&load->dst);

    if (c->string) {
        unsigned int key = 0;

        /* A port that is not there yet, or "", is number 0. */
        if (!ep->env->port_key(c->string, &key, ep->env->aux)) {
            key = 0;
        }
        put_load_subfield(&dst, key, out);
        return true;
    }

    struct ofpact_set_field *sf = ofpact_put_set_field(out, dst.field,
                                                       NULL, NULL);
    union mf_value *mask = ofpact_set_field_mask(sf);

    bitwise_copy(&c->value, sizeof c->value, 0,
                 sf->value, dst.field->n_bytes, dst.ofs, dst.n_bits);
    if (c->masked) {
        bitwise_copy(&c->mask, sizeof c->mask, 0,
                     mask, dst.field->n_bytes, dst.ofs, dst.n_bits);
    } else {
        bitwise_one(mask, dst.field->n_bytes, dst.ofs, dst.n_bits);
    }
    return true;
}

/* icmp4.frag_mtu = CONSTANT; icmp6.frag_mtu = CONSTANT;
 *
 * OpenFlow has no such field: the controller writes it into the packet and
 * resumes the pipeline.  Or, as the packet is one that the controller has made
 * itself, a note tells it what to write before the packet goes out. */

void
act_format_ovnfield_load(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_load *load
        = CONTAINER_OF(a, struct ovnact_load, ovnact);

    act_format_result(&load->dst, s);
    ds_put_format(s, "%"PRIu64";", ntohll(load->imm.value.integer));
}

bool
act_encode_ovnfield_load(const struct ovnact *a,
                         const struct ovnact_encode_params *ep,
                         struct ofpbuf *out)
{
    const struct ovnact_load *load
        = CONTAINER_OF(a, struct ovnact_load, ovnact);
    const struct ovn_field *field = load->dst.symbol->ovn_field;
    bool is_icmp4 = field->id == OVN_ICMP4_FRAG_MTU;

    return put_frag_mtu(ep->dialect, is_icmp4,
                        ntohll(load->imm.value.integer),
                        (ep->dialect->frag_mtu_is_note ? NX_CTLR_NO_METER
                         : act_controller_meter(ep)), out);
}

/* FIELD = FIELD; FIELD <-> FIELD; */

static const char *
field_kind(const struct expr_field *field)
{
    return field->n_bits ? "integer" : "string";
}

/* What is wrong with a predicate is not its width. */
static bool
check_not_predicate(struct act_parser *p, const struct expr_field *field)
{
    return (!field->symbol->predicate
            || act_check_field(p, field, field->n_bits, false));
}

/* Whether the two fields' kinds and widths go together. */
static bool
check_move(struct act_parser *p, bool exchange, const struct expr_field *lhs,
           const struct expr_field *rhs)
{
    if (!lhs->n_bits != !rhs->n_bits) {
        /* "exchange A with B", but "assign B to A". */
        const struct expr_field *first = exchange ? lhs : rhs;
        const struct expr_field *second = exchange ? rhs : lhs;

        lex_error(p->lex, "Can't %s %s field (%s) %s %s field (%s).",
                  exchange ? "exchange" : "assign",
                  field_kind(first), first->symbol->name,
                  exchange ? "with" : "to",
                  field_kind(second), second->symbol->name);
        return false;
    }
    if (lhs->n_bits != rhs->n_bits) {
        if (exchange) {
            lex_error(p->lex, "Can't exchange %d-bit field with %d-bit "
                      "field.", lhs->n_bits, rhs->n_bits);
        } else {
            lex_error(p->lex, "Can't assign %d-bit value to %d-bit "
                      "destination.", rhs->n_bits, lhs->n_bits);
        }
        return false;
    }
    if (!lhs->n_bits
        && (expr_field_resolve(lhs).n_bits
            != expr_field_resolve(rhs).n_bits)) {
        lex_error(p->lex, "String fields %s and %s are incompatible for %s.",
                  lhs->symbol->name, rhs->symbol->name,
                  exchange ? "exchange" : "assignment");
        return false;
    }
    return true;
}

void
act_parse_move(struct act_parser *p, enum ovnact_type type,
               const struct expr_field *lhs)
{
    bool exchange = type == OVNACT_EXCHANGE;
    struct expr_field rhs;

    if (!expr_field_parse(p->lex, p->pp->env->symtab, &rhs, &p->prereqs)
        || !check_not_predicate(p, lhs) || !check_not_predicate(p, &rhs)
        || !check_move(p, exchange, lhs, &rhs)
        || !act_check_field(p, lhs, lhs->n_bits, true)
        || !act_check_field(p, &rhs, rhs.n_bits, exchange)) {
        return;
    }
    if (exchange && p->in_ct_commit) {
        lex_error(p->lex, "\"<->\" action not allowed here.");
        return;
    }

    struct ovnact_move *move = ovnact_put(p, type, sizeof *move);
    move->lhs = *lhs;
    move->rhs = rhs;
}

void
act_format_move(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_move *move
        = CONTAINER_OF(a, struct ovnact_move, ovnact);

    expr_field_format(&move->lhs, s);
    ds_put_format(s, " %s ", ovnact_word(a));
    expr_field_format(&move->rhs, s);
    ds_put_char(s, ';');
}

bool
act_encode_move(const struct ovnact *a,
                const struct ovnact_encode_params *ep OVS_UNUSED,
                struct ofpbuf *out)
{
    const struct ovnact_move *move
        = CONTAINER_OF(a, struct ovnact_move, ovnact);
    struct mf_subfield src = expr_field_resolve(&move->rhs);
    struct mf_subfield dst = expr_field_resolve(&move->lhs);

    put_move_subfield(&src, &dst, out);
    return true;
}

bool
act_encode_exchange(const struct ovnact *a,
                    const struct ovnact_encode_params *ep OVS_UNUSED,
                    struct ofpbuf *out)
{
    const struct ovnact_move *move
        = CONTAINER_OF(a, struct ovnact_move, ovnact);
    struct mf_subfield lhs = expr_field_resolve(&move->lhs);
    struct mf_subfield rhs = expr_field_resolve(&move->rhs);

    put_push(&rhs, out);
    put_push(&lhs, out);
    put_pop(&rhs, out);
    put_pop(&lhs, out);
    return true;
}

/* WORD(FIELD); */

static void
parse_field_argument(struct act_parser *p, enum ovnact_type type, bool string,
                     bool rw)
{
    struct expr_field field;

    if (!lex_expect(p->lex, LEX_LPAREN)
        || !expr_field_parse(p->lex, p->pp->env->symtab, &field, &p->prereqs)
        || !act_check_field(p, &field, string ? 0 : field.n_bits, rw)
        || !lex_expect(p->lex, LEX_RPAREN)) {
        return;
    }

    struct ovnact_field *f = ovnact_put(p, type, sizeof *f);
    f->field = field;
}

static void
format_field_argument(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_field *f
        = CONTAINER_OF(a, struct ovnact_field, ovnact);

    ds_put_format(s, "%s(", ovnact_word(a));
    expr_field_format(&f->field, s);
    ds_put_cstr(s, ");");
}

/* push(FIELD); pop(FIELD); */

void
act_parse_push(struct act_parser *p, enum ovnact_type type,
               const struct expr_field *result OVS_UNUSED)
{
    parse_field_argument(p, type, false, false);
}

void
act_format_push(const struct ovnact *a, struct ds *s)
{
    format_field_argument(a, s);
}

bool
act_encode_push(const struct ovnact *a,
                const struct ovnact_encode_params *ep OVS_UNUSED,
                struct ofpbuf *out)
{
    const struct ovnact_field *f
        = CONTAINER_OF(a, struct ovnact_field, ovnact);
    struct mf_subfield sf = expr_field_resolve(&f->field);

    put_push(&sf, out);
    return true;
}

void
act_parse_pop(struct act_parser *p, enum ovnact_type type,
              const struct expr_field *result OVS_UNUSED)
{
    parse_field_argument(p, type, false, true);
}

void
act_format_pop(const struct ovnact *a, struct ds *s)
{
    format_field_argument(a, s);
}

bool
act_encode_pop(const struct ovnact *a,
               const struct ovnact_encode_params *ep OVS_UNUSED,
               struct ofpbuf *out)
{
    const struct ovnact_field *f
        = CONTAINER_OF(a, struct ovnact_field, ovnact);
    struct mf_subfield sf = expr_field_resolve(&f->field);

    put_pop(&sf, out);
    return true;
}

/* ip.ttl--; */

void
act_parse_dec_ttl(struct act_parser *p, enum ovnact_type type,
                  const struct expr_field *result OVS_UNUSED)
{
    if (lex_expect(p->lex, LEX_DECREMENT)) {
        ovnact_put(p, type, sizeof(struct ovnact_null));
    }
}

void
act_format_dec_ttl(const struct ovnact *a OVS_UNUSED, struct ds *s)
{
    ds_put_cstr(s, "ip.ttl--;");
}

bool
act_encode_dec_ttl(const struct ovnact *a OVS_UNUSED,
                   const struct ovnact_encode_params *ep OVS_UNUSED,
                   struct ofpbuf *out)
{
    ofpact_put_DEC_TTL(out);
    return true;
}

/* set_queue(ID); */

#define QDISC_MAX_QUEUE_ID 61440

void
act_parse_set_queue(struct act_parser *p, enum ovnact_type type,
                    const struct expr_field *result OVS_UNUSED)
{
    int queue_id;

    if (!lex_expect(p->lex, LEX_LPAREN)) {
        return;
    }
    if (!lex_is_int(p->lex)) {
        lex_syntax_error(p->lex, "expecting `;'.");
        return;
    }
    lex_expect_int(p->lex, &queue_id);
    if (!lex_expect(p->lex, LEX_RPAREN)) {
        return;
    }
    if (queue_id > QDISC_MAX_QUEUE_ID) {
        lex_error(p->lex, "Queue ID %d for set_queue is not in valid "
                  "range 0 to %d.", queue_id, QDISC_MAX_QUEUE_ID);
        return;
    }

    struct ovnact_set_queue *q = ovnact_put(p, type, sizeof *q);
    q->queue_id = queue_id;
}

void
act_format_set_queue(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_set_queue *q
        = CONTAINER_OF(a, struct ovnact_set_queue, ovnact);

    ds_put_format(s, "set_queue(%d);", q->queue_id);
}

bool
act_encode_set_queue(const struct ovnact *a,
                     const struct ovnact_encode_params *ep OVS_UNUSED,
                     struct ofpbuf *out)
{
    const struct ovnact_set_queue *q
        = CONTAINER_OF(a, struct ovnact_set_queue, ovnact);

    ofpact_put_SET_QUEUE(out)->queue_id = q->queue_id;
    return true;
}

/* R = check_pkt_larger(BYTES); */

void
act_parse_check_pkt_larger(struct act_parser *p, enum ovnact_type type,
                           const struct expr_field *result)
{
    uint16_t len;

    if (!act_check_field(p, result, 1, true)) {
        return;
    }
    if (!lex_is_int(p->lex)) {
        lex_syntax_error(p->lex, "expecting `;'.");
        return;
    }
    if (!act_parse_u16(p, "packet length", &len)
        || !lex_expect(p->lex, LEX_RPAREN)) {
        return;
    }

    struct ovnact_check_pkt_larger *c = ovnact_put(p, type, sizeof *c);
    c->dst = *result;
    c->len = len;
}

void
act_format_check_pkt_larger(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_check_pkt_larger *c
        = CONTAINER_OF(a, struct ovnact_check_pkt_larger, ovnact);

    act_format_result(&c->dst, s);
    ds_put_format(s, "check_pkt_larger(%d);", c->len);
}

bool
act_encode_check_pkt_larger(const struct ovnact *a,
                            const struct ovnact_encode_params *ep OVS_UNUSED,
                            struct ofpbuf *out)
{
    const struct ovnact_check_pkt_larger *c
        = CONTAINER_OF(a, struct ovnact_check_pkt_larger, ovnact);
    struct ofpact_check_pkt_larger *check = ofpact_put_CHECK_PKT_LARGER(out);

    check->pkt_len = c->len;
    check->dst = expr_field_resolve(&c->dst);
    return true;
}

/* Packets for the controller. */

bool
act_encode_igmp(const struct ovnact *a OVS_UNUSED,
                const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    return act_put_controller(out, ACTION_OPCODE_IGMP, false, ep);
}

bool
act_encode_handle_dhcpv6_reply(const struct ovnact *a OVS_UNUSED,
                               const struct ovnact_encode_params *ep,
                               struct ofpbuf *out)
{
    return act_put_controller(out, ACTION_OPCODE_DHCP6_SERVER, false, ep);
}

/* handle_bfd_msg(); */

void
act_parse_bfd_msg(struct act_parser *p, enum ovnact_type type,
                  const struct expr_field *result OVS_UNUSED)
{
    if (lex_expect(p->lex, LEX_LPAREN) && lex_expect(p->lex, LEX_RPAREN)) {
        ovnact_put(p, type, sizeof(struct ovnact_null));
    }
}

void
act_format_bfd_msg(const struct ovnact *a OVS_UNUSED, struct ds *s)
{
    ds_put_cstr(s, "handle_bfd_msg();");
}

bool
act_encode_bfd_msg(const struct ovnact *a OVS_UNUSED,
                   const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    return act_put_controller(out, ACTION_OPCODE_BFD_MSG, false, ep);
}

/* Actions whose packet-in tells the logical port that a field names by the
 * input port: the field is put there for the time of the packet-in. */

static bool
begin_inport(const struct expr_field *field, struct ofpbuf *out)
{
    struct mf_subfield src = expr_field_resolve(field);
    struct mf_subfield inport = put_whole_field(MFF_LOG_INPORT);

    if (src.field->id == MFF_LOG_INPORT) {
        return false;
    }
    put_push(&inport, out);
    put_push(&src, out);
    put_pop(&inport, out);
    return true;
}

static void
end_inport(bool pushed, struct ofpbuf *out)
{
    if (pushed) {
        struct mf_subfield inport = put_whole_field(MFF_LOG_INPORT);
        put_pop(&inport, out);
    }
}

/* handle_svc_check(P); */

void
act_parse_handle_svc_check(struct act_parser *p, enum ovnact_type type,
                           const struct expr_field *result OVS_UNUSED)
{
    parse_field_argument(p, type, true, false);
}

void
act_format_handle_svc_check(const struct ovnact *a, struct ds *s)
{
    format_field_argument(a, s);
}

bool
act_encode_handle_svc_check(const struct ovnact *a,
                            const struct ovnact_encode_params *ep,
                            struct ofpbuf *out)
{
    const struct ovnact_field *f
        = CONTAINER_OF(a, struct ovnact_field, ovnact);
    bool pushed = begin_inport(&f->field, out);

    if (!act_put_controller(out, ACTION_OPCODE_HANDLE_SVC_CHECK, false, ep)) {
        return false;
    }
    end_inport(pushed, out);
    return true;
}

/* bind_vport("VPORT", P); */

void
act_parse_bind_vport(struct act_parser *p, enum ovnact_type type,
                     const struct expr_field *result OVS_UNUSED)
{
    char *vport = act_parse_port_name(p);
    if (!vport) {
        return;
    }

    struct ovnact_bind_vport *bind = ovnact_put(p, type, sizeof *bind);
    bind->vport = vport;
    if (lex_expect(p->lex, LEX_COMMA)
        && act_parse_field(p, 0, &bind->parent)) {
        lex_expect(p->lex, LEX_RPAREN);
    }
}

void
act_format_bind_vport(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_bind_vport *bind
        = CONTAINER_OF(a, struct ovnact_bind_vport, ovnact);

    ds_put_cstr(s, "bind_vport(");
    act_format_string(bind->vport, s);
    ds_put_cstr(s, ", ");
    expr_field_format(&bind->parent, s);
    ds_put_cstr(s, ");");
}

void
act_free_bind_vport(struct ovnact *a)
{
    struct ovnact_bind_vport *bind
        = CONTAINER_OF(a, struct ovnact_bind_vport, ovnact);

    free(bind->vport);
}

bool
act_encode_bind_vport(const struct ovnact *a,
                      const struct ovnact_encode_params *ep,
                      struct ofpbuf *out)
{
    const struct ovnact_bind_vport *bind
        = CONTAINER_OF(a, struct ovnact_bind_vport, ovnact);
    unsigned int key;

    if (!ep->env->port_key(bind->vport, &key, ep->env->aux)) {
        return true;            /* Nothing to bind, as long as there is none.*/
    }

    bool pushed = begin_inport(&bind->parent, out);
    size_t start = put_controller_start(ACTION_OPCODE_BIND_VPORT, false,
                                        act_controller_meter(ep), out);
    ovs_be32 be_key = htonl(key);
    ofpbuf_put(out, &be_key, sizeof be_key);
    if (!put_controller_finish(start, out)) {
        return false;
    }
    end_inport(pushed, out);
    return true;
}
