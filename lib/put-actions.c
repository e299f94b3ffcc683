/* SPDX-License-Identifier: Apache-2.0 */

/* OpenFlow actions of which OVN's flows are made; see put-actions.h. */

#include <config.h>
#include "put-actions.h"

#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "ovn/dialect.h"
#include "util.h"

/* The most userdata that a controller() action may have: an OpenFlow message
 * has at most 64 kB, and there may be other actions in it. */
#define MAX_USERDATA 30000

struct mf_subfield
put_whole_field(enum mf_field_id id)
{
    const struct mf_field *field = mf_from_id(id);

    return (struct mf_subfield) { .field = field, .n_bits = field->n_bits };
}

void
put_learn_field(uint16_t dst_type, enum mf_field_id dst, enum mf_field_id src,
                struct ofpbuf *ofpacts)
{
    struct ofpact_learn_spec *spec = ofpbuf_put_zeros(ofpacts, sizeof *spec);

    spec->dst = put_whole_field(dst);
    spec->src = put_whole_field(src);
    spec->n_bits = spec->dst.n_bits;
    spec->src_type = NX_LEARN_SRC_FIELD;
    spec->dst_type = dst_type;
}

void
put_load_subfield(const struct mf_subfield *dst, uint64_t value,
                  struct ofpbuf *ofpacts)
{
    const struct mf_field *field = dst->field;
    struct ofpact_set_field *sf = ofpact_put_set_field(ofpacts, field,
                                                       NULL, NULL);

    bitwise_put(value, sf->value, field->n_bytes, dst->ofs,
                MIN(dst->n_bits, 64));
    bitwise_one(ofpact_set_field_mask(sf), field->n_bytes, dst->ofs,
                dst->n_bits);
}

void
put_load_bits(enum mf_field_id id, int ofs, int n_bits, uint64_t value,
              struct ofpbuf *ofpacts)
{
    const struct mf_subfield dst = { mf_from_id(id), ofs, n_bits };

    put_load_subfield(&dst, value, ofpacts);
}

void
put_load(enum mf_field_id id, uint64_t value, struct ofpbuf *ofpacts)
{
    const struct mf_subfield dst = put_whole_field(id);

    put_load_subfield(&dst, value, ofpacts);
}

void
put_move_subfield(const struct mf_subfield *src,
                  const struct mf_subfield *dst, struct ofpbuf *ofpacts)
{
    struct ofpact_reg_move *move = ofpact_put_REG_MOVE(ofpacts);

    move->src = *src;
    move->dst = *dst;
}

void
put_move(enum mf_field_id src_id, int src_ofs, enum mf_field_id dst_id,
         int dst_ofs, int n_bits, struct ofpbuf *ofpacts)
{
    const struct mf_subfield src = { mf_from_id(src_id), src_ofs, n_bits };
    const struct mf_subfield dst = { mf_from_id(dst_id), dst_ofs, n_bits };

    put_move_subfield(&src, &dst, ofpacts);
}

void
put_push(const struct mf_subfield *sf, struct ofpbuf *ofpacts)
{
    ofpact_put_STACK_PUSH(ofpacts)->subfield = *sf;
}

void
put_pop(const struct mf_subfield *sf, struct ofpbuf *ofpacts)
{
    ofpact_put_STACK_POP(ofpacts)->subfield = *sf;
}

void
put_resubmit(uint8_t table, struct ofpbuf *ofpacts)
{
    struct ofpact_resubmit *resubmit = ofpact_put_RESUBMIT(ofpacts);

    resubmit->in_port = OFPP_IN_PORT;
    resubmit->table_id = table;
}

size_t
put_controller_start(enum action_opcode opcode, bool pause, uint32_t meter_id,
                     struct ofpbuf *ofpacts)
{
    const struct action_header header = { .opcode = htonl(opcode) };
    size_t start = ofpacts->size;
    struct ofpact_controller *oc = ofpact_put_CONTROLLER(ofpacts);

    oc->max_len = UINT16_MAX;
    oc->reason = OFPR_ACTION;
    oc->pause = pause;
    oc->meter_id = meter_id;
    ofpbuf_put(ofpacts, &header, sizeof header);
    return start;
}

bool
put_controller_finish(size_t start, struct ofpbuf *ofpacts)
{
    struct ofpact_controller *oc = ofpbuf_at_assert(ofpacts, start,
                                                    sizeof *oc);
    size_t userdata_len = ofpacts->size - start - sizeof *oc;

    if (userdata_len > MAX_USERDATA) {
        return false;
    }
    oc->userdata_len = userdata_len;
    ofpacts->header = oc;
    ofpact_finish_CONTROLLER(ofpacts, &oc);
    return true;
}

/* A note to the controller, about the packet that it makes. */
static void
put_note(struct ofpbuf *out, enum action_note_type type, const void *value,
         size_t n)
{
    size_t start = out->size;
    struct action_note header = { .magic = ACTION_NOTE_MAGIC,
                                  .type = htons(type) };

    ofpact_put_NOTE(out);
    ofpbuf_put(out, &header, sizeof header);
    ofpbuf_put(out, value, n);

    /* In a message, a note has 6 bytes beside whole words. */
    size_t len = sizeof header + n;
    ofpbuf_put_zeros(out, ROUND_UP(len + 2, 8) - 2 - len);

    struct ofpact_note *note = ofpbuf_at_assert(out, start, sizeof *note);
    out->header = note;
    note->length = ROUND_UP(len + 2, 8) - 2;
    ofpact_finish_NOTE(out, &note);
}

bool
put_frag_mtu(const struct ovn_dialect *d, bool is_icmp4, uint32_t mtu,
             uint32_t meter_id, struct ofpbuf *ofpacts)
{
    const ovs_be16 mtu16 = htons(mtu);
    const ovs_be32 mtu32 = htonl(mtu);
    const void *value = is_icmp4 ? (const void *) &mtu16 : &mtu32;
    const size_t n = is_icmp4 ? sizeof mtu16 : sizeof mtu32;

    if (d->frag_mtu_is_note) {
        put_note(ofpacts, (is_icmp4 ? ACTION_NOTE_ICMP4_FRAG_MTU
                           : ACTION_NOTE_ICMP6_FRAG_MTU), value, n);
        return true;
    }

    size_t start = put_controller_start((is_icmp4
                                         ? ACTION_OPCODE_PUT_ICMP4_FRAG_MTU
                                         : ACTION_OPCODE_PUT_ICMP6_FRAG_MTU),
                                        true, meter_id, ofpacts);
    ofpbuf_put(ofpacts, value, n);
    return put_controller_finish(start, ofpacts);
}
