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

#ifndef CONTROLLER_FLOW_TABLE_H
#define CONTROLLER_FLOW_TABLE_H 1

/* Desired and installed OpenFlow flows, in one table
 * ==================================================
 *
 * Each flow is here once, under (table, priority, match).  It knows what is
 * desired of it (actions and cookie, from the units that own it) and what is
 * installed in the switch (as far as the switch has acknowledged or been told
 * in order).  A flow for which the two differ is on the list of pending
 * changes, which ofctrl drains; nobody ever walks the whole table, except to
 * compare it with a dump of the switch.
 *
 * Owners
 * ------
 *
 * A flow belongs to the units that put it out.  A unit of the flow stage
 * brackets its output:
 *
 *     flow_output_begin(unit);
 *     flow_output_add(unit, table, priority, cookie, &match, &ofpacts);
 *     ...
 *     flow_output_end(unit);
 *
 * and what it had put out before, and does not again, is withdrawn.  Several
 * units may put out the same flow.  If they disagree about its actions or
 * cookie, the one with the smallest cookie, then the smallest actions, wins,
 * whatever the order in which they ran.  Conjunctive flows are the union of
 * their owners' clauses.
 *
 * Canonical form
 * --------------
 *
 * Matches are kept normalized, as minimatches; actions as OpenFlow 1.5 wire
 * bytes, interned, so that equal lists are the same pointer.  A dumped flow is
 * decoded and encoded again, hence compares equal to the one that was sent.
 *
 * Thread-safety: main thread only. */

#include "openvswitch/list.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/uuid.h"

struct inc_unit;
struct match;
struct ofpbuf;

void flow_table_init(void);
void flow_table_destroy(void);

void flow_output_begin(struct inc_unit *);
/* 'match' and 'ofpacts' are borrowed. */
void flow_output_add(struct inc_unit *, uint8_t table_id, uint16_t priority,
                     uint32_t cookie, const struct match *match,
                     const struct ofpbuf *ofpacts);
/* A flow whose only actions are conjunction()s; its cookie is 0. */
struct flow_clause { uint32_t conj_id; uint8_t clause, n_clauses; };
void flow_output_add_conj(struct inc_unit *, uint8_t table_id,
                          uint16_t priority, const struct match *match,
                          const struct flow_clause *, size_t n);
void flow_output_end(struct inc_unit *);
/* For inc_unit_class->removed. */
void flow_output_withdraw(struct inc_unit *);

/* For ofctrl. */

/* Forgets what is installed, then learns it from a dump:
 * flow_table_dump_begin(), flow_table_dump_flow() for each flow of the reply,
 * flow_table_dump_end(), after which the pending list is exactly the
 * difference. */
void flow_table_dump_begin(void);
void flow_table_dump_flow(const struct ofputil_flow_stats *);
void flow_table_dump_end(void);

/* Pops pending changes as OpenFlow 1.5 flow_mods (ADD, MODIFY_STRICT or
 * DELETE_STRICT) onto 'msgs' (struct ofpbuf list nodes), marking them
 * installed.  Returns how many. */
size_t flow_table_pop_changes(struct ovs_list *msgs);
bool flow_table_has_changes(void);

/* The switch has refused 'fm': it is not installed; it is not tried again
 * until it is desired anew or the switch reconnects. */
void flow_table_refused(const struct ofputil_flow_mod *fm);

size_t flow_table_count(void);          /* Desired flows. */
void flow_table_get_memory_usage(struct simap *);

#endif /* controller/flow-table.h */
