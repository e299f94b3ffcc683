/* SPDX-License-Identifier: Apache-2.0 */

/* OpenFlow actions of which OVN's flows are made; see put-actions.h. */

#include <config.h>
#include "put-actions.h"

#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
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
