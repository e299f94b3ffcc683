/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LTABLE_H
#define CONTROLLER_LTABLE_H 1

/* For the files behind ltables.h: building the OpenFlow actions of the tables
 * that actions of logical flows look things up in.  Each such table answers
 * by writing a field or a flag for the logical pipeline to read. */

#include "openvswitch/meta-flow.h"
#include "openvswitch/ofpbuf.h"

/* Append an action to 'ofpacts'. */
void ltable_set_bits(struct ofpbuf *ofpacts, enum mf_field_id, int ofs,
                     int n_bits, uint64_t value);
void ltable_resubmit(struct ofpbuf *ofpacts, uint8_t table_id);

#endif /* controller/ltable.h */
