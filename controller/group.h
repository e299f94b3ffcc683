/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_GROUP_H
#define CONTROLLER_GROUP_H 1

/* OpenFlow groups
 * ===============
 *
 * A group's identity is what the logical flow says (struct ovn_group, from
 * include/ovn/actions.h); its content is the buckets that are in force.  A
 * unit of the flow stage asks for the id that goes with an identity; a unit of
 * the group stage, one a group, decides the content from where the backends'
 * ports are, and is all that runs when a backend comes or goes: one group
 * modification, no flow modification.
 *
 * Ids
 * ---
 *
 * Ids are stable: the same identity gets the same id after a restart.  The id
 * is a hash of the identity; collisions are settled by looking at what is
 * installed.  The stock controller's groups, whose ids are low numbers, are
 * taken over: one that has all of the buckets of a group that is not there
 * becomes that group, under its own id.  For all this, the dump of the switch
 * has to come in before the flow stage runs.
 *
 * Meters are alike: see meter.h.
 *
 * Thread-safety: main thread only. */

#include "meter.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-group.h"
#include "ovn/group.h"

struct inc_unit;

/* Sets the bits of the buckets of a group that are in force, and '*empty' to
 * the actions of one more, if there is one, or NULL.  The caller frees it.
 * Subscribes the unit. */
typedef void group_content_func(struct inc_unit *, const struct ovn_group *,
                                unsigned long *in_force, char **empty);

/* Who says what is in force.  Before the engine runs. */
void group_set_content(group_content_func *);

/* From a running unit of the flow stage, which thereby wants it. */
uint32_t group_want(struct inc_unit *, const struct ovn_group *);

/* For ofctrl: as flow_table_dump_*(), flow_table_pop_changes() and so on.
 * Additions and modifications must be sent before the flows that use them,
 * deletions after. */
void group_dump_begin(void);
void group_dump_group(const struct ofputil_group_desc *);
void group_dump_id(uint32_t id); /* One of unknown content. */
void group_dump_end(void);
size_t group_pop_additions(struct ovs_list *msgs);
size_t group_pop_deletions(struct ovs_list *msgs);
bool group_has_changes(void);
void group_settled(uint32_t xid);
bool group_refused(uint32_t xid, enum ofperr);
void group_retry(void);
void group_reverted(void);

/* A group that is wanted, to look at. */
struct group_view {
    uint32_t id;
    const struct ovn_group *desc;
    const unsigned long *in_force; /* Which of its buckets are. */
    const char *empty;          /* The actions of one more, or NULL. */
};
void group_for_each(void (*cb)(const struct group_view *, void *aux),
                    void *aux);
/* Where the switch counts what goes through bucket 'i' of group 'id' (the one
 * more is the last one): as the '*nth' bucket of group '*counter_id'.  Returns
 * false if the bucket is not installed. */
bool group_find_counter(uint32_t id, size_t i, uint32_t *counter_id,
                        size_t *nth);

struct module;
extern const struct module group_module;

#endif /* controller/group.h */
