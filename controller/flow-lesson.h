/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_FLOW_LESSON_H
#define CONTROLLER_FLOW_LESSON_H 1

/* What flows have taught the switch
 * =================================
 *
 * A learn() action has the switch put flows into a table by itself.  They are
 * copies, made when a packet came by: when the flow that has taught them is
 * changed, they stay as they are.  The switch removes them by itself
 * (delete_learned) only together with the last of all flows that teach
 * something with the same cookie.
 *
 * A "lesson" is what one learn() action of one flow can teach: the action,
 * and the match that all flows have in common that come of it, that is, its
 * constants, and those fields of the packet that the teaching flow itself
 * matches on.  When a lesson is no longer taught, it is to be forgotten: the
 * flows that have its cookie and fit its match are deleted.
 *
 * To be forgotten is something that may be taken back: a flow may pass its
 * lesson to another one, whichever of the two changes first.  So what is to be
 * forgotten is sent after all other changes, unless one of these teaches it.
 *
 * Thread-safety: main thread only. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/list.h"

struct flow_actions;

/* A flow that may teach. */
struct flow_teacher {
    const void *oxm;            /* Its match. */
    size_t oxm_len;
    const struct flow_actions *actions; /* As it has been installed. */
};

/* 'teacher' is changed to have 'actions', or removed if that is NULL: what it
 * thus ceases to teach is to be forgotten. */
void flow_lessons_end(const struct flow_teacher *,
                      const struct flow_actions *actions);
/* 'teacher' is there: what it teaches is not to be forgotten. */
void flow_lessons_keep(const struct flow_teacher *);

/* Whether something is to be forgotten that the switch has not been told. */
bool flow_lessons_pending(void);
/* Appends messages (OpenFlow 1.5 flow_mods) that have the switch forget it.
 * Returns how many. */
size_t flow_lessons_pop(struct ovs_list *msgs);

/* As flow_table_settled() and so on. */
void flow_lessons_settled(uint32_t xid);
bool flow_lessons_refused(uint32_t xid);
void flow_lessons_reverted(void);
void flow_lessons_destroy(void);

#endif /* controller/flow-lesson.h */
