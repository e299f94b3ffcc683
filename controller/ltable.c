/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */


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
