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
