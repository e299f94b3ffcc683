/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_FLOW_TABLE_H
#define CONTROLLER_FLOW_TABLE_H 1

/* Desired and installed OpenFlow flows, in one table
 * ==================================================
 *
 * Each flow is here once, under (table, priority, match).  It knows what is
 * desired of it (actions and cookie, from the units that own it) and what is
 * installed in the switch (as far as the switch has been told, in order).  A
 * flow for which the two may differ is on the list of pending changes, which
 * ofctrl drains; nobody ever walks the whole table, except to compare it with
 * a dump of the switch.
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
 * their owners' clauses; an ordinary flow wins over them.
 *
 * Canonical form
 * --------------
 *
 * Matches are kept as OpenFlow 1.5 wire bytes, and so are actions, interned so
 * that equal lists are the same pointer.  A dumped flow is decoded and encoded
 * again, hence compares equal to the one that was sent.
 *
 * Learned flows
 * -------------
 *
 * Some tables are filled by the switch itself, by learn() actions.  What is
 * found there and has never been put out by a unit is not ours: it is left
 * alone.
 *
 * In flight
 * ---------
 *
 * A change that has been popped counts as installed at once.  The table
 * remembers it by the transaction id of its message until ofctrl says that it
 * is settled, so that an error can be traced to its flow, and so that the
 * changes of a bundle that failed as a whole can be made again.
 *
 * Thread-safety: main thread only. */

#include "openvswitch/list.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/uuid.h"

struct flow_actions;
struct inc_unit;
struct match;

/* Of the flows that the switch learns in table 'get_remote_fdb', which no unit
 * gives a flow there. */
#define FLOW_PRIORITY_LEARNED_FDB 140

void flow_output_begin(struct inc_unit *);
/* 'match' and 'ofpacts' are borrowed. */
void flow_output_add(struct inc_unit *, uint8_t table_id, uint16_t priority,
                     uint32_t cookie, const struct match *match,
                     const struct ofpbuf *ofpacts);
/* The same, for one who puts out many flows with the same actions, borrowed.
 * NULL is what flow_actions_intern() makes of too many of them. */
void flow_output_add_interned(struct inc_unit *, uint8_t table_id,
                              uint16_t priority, uint32_t cookie,
                              const struct match *match,
                              struct flow_actions *actions);
/* The same, for one who also puts out many flows that differ in nothing but
 * their metadata, which the match must have in full: what identifies a flow is
 * encoded once and stamped for each. */
struct flow_key {
    struct ofpbuf bytes;
    size_t metadata_ofs;        /* Of the metadata in 'bytes'. */
    uint64_t stub[256 / 8];
};
void flow_key_init(struct flow_key *, uint8_t table_id, uint16_t priority,
                   const struct match *);
void flow_key_uninit(struct flow_key *);
void flow_key_set_metadata(struct flow_key *, ovs_be64 metadata);
void flow_output_add_key(struct inc_unit *, const struct flow_key *,
                         uint32_t cookie, struct flow_actions *actions);
/* A flow whose only actions are conjunction()s; its cookie is 0. */
struct flow_clause { uint32_t conj_id; uint8_t clause, n_clauses; };
void flow_output_add_conj(struct inc_unit *, uint8_t table_id,
                          uint16_t priority, const struct match *match,
                          const struct flow_clause *, size_t n);
void flow_output_end(struct inc_unit *);

/* For one who knows which few of its flows may have changed: between
 *
 *     flow_output_begin_update(unit);
 *     ...
 *     flow_output_end_update(unit);
 *
 * a flow that is doubted is withdrawn unless it is put out, again, after that;
 * all others stay.  'clauses' is whether it was put out by
 * flow_output_add_conj(). */
void flow_output_begin_update(struct inc_unit *);
void flow_output_doubt(struct inc_unit *, uint8_t table_id, uint16_t priority,
                       const struct match *, bool clauses);
void flow_output_end_update(struct inc_unit *);
/* The 'removed' of a class of units that put out flows. */
void flow_output_removed(struct inc_unit *, void *aux);

/* For ofctrl. */

/* Forgets what is installed and in flight, then learns it from a dump:
 * flow_table_dump_begin(), flow_table_dump_flow() for each flow of the reply,
 * flow_table_dump_end(), after which the pending list is exactly the
 * difference. */
void flow_table_dump_begin(void);
void flow_table_dump_flow(const struct ofputil_flow_stats *);
/* The same for a flow that cannot be decoded.  If not even its match can,
 * 'match' is NULL, and there are 'oxm_len' bytes of OXM fields.  Borrows. */
void flow_table_dump_unknown(uint8_t table_id, uint16_t priority,
                             const struct match *match,
                             const void *oxm, size_t oxm_len);
void flow_table_dump_end(void);

/* Pops up to 'max' pending changes as OpenFlow 1.5 flow_mods (ADD or
 * DELETE_STRICT) onto 'msgs' (struct ofpbuf list nodes, each with a
 * transaction id of its own).  With the last of them come DELETEs of flows
 * that the switch has learned from flows that are no more, see flow-lesson.h.
 * Returns how many. */
size_t flow_table_pop_changes(struct ovs_list *msgs, size_t max);
bool flow_table_has_changes(void);

/* All that was popped with a transaction id up to 'xid' is settled. */
void flow_table_settled(uint32_t xid);
/* The switch has refused the message 'xid'.  If it is one of the table's,
 * says so in the log and returns true.  The flow is not tried again until
 * something else is desired of it, the switch reconnects, or... */
bool flow_table_refused(uint32_t xid, enum ofperr);
/* ...this is called, which makes what has been refused pending again.  If it
 * is refused once more, nothing is said. */
void flow_table_retry(void);
/* None of what is in flight has been done: makes it pending again. */
void flow_table_reverted(void);

struct module;
extern const struct module flow_table_module;

#endif /* controller/flow-table.h */
