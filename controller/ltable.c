/* SPDX-License-Identifier: Apache-2.0 */

/* OpenFlow actions of the tables that actions look things up in. */

#include <config.h>
#include "ltable.h"

#include "openvswitch/ofp-actions.h"
#include "util.h"

void
ltable_set_bits(struct ofpbuf *ofpacts, enum mf_field_id id, int ofs,
                int n_bits, uint64_t value)
{
    const struct mf_field *field = mf_from_id(id);
    struct ofpact_set_field *sf = ofpact_put_set_field(ofpacts, field,
                                                       NULL, NULL);

    bitwise_put(value, sf->value, field->n_bytes, ofs, n_bits);
    bitwise_one(ofpact_set_field_mask(sf), field->n_bytes, ofs, n_bits);
}

void
ltable_resubmit(struct ofpbuf *ofpacts, uint8_t table_id)
{
    struct ofpact_resubmit *resubmit = ofpact_put_RESUBMIT(ofpacts);

    resubmit->in_port = OFPP_IN_PORT;
    resubmit->table_id = table_id;
}
