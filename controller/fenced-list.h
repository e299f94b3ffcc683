/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_FENCED_LIST_H
#define CONTROLLER_FENCED_LIST_H 1

/* What is to be done once the switch has the flows
 * ================================================
 *
 * A list of things that wait until the switch has all flows that were desired
 * when they were put on the list (see ofctrl_fence()).  So wait, for example,
 * requests to forget connections: as long as flows lead new connections to
 * where the old ones go, it is too early.
 *
 * An item is a structure with a "struct fenced" in it.  Who owns a list calls
 * fenced_list_run() in the hook commit() of its module.
 *
 * Thread-safety: main thread only. */

#include <stdint.h>

#include "openvswitch/list.h"

struct turn;

struct fenced {
    struct ovs_list list_node;
    uint64_t fence;             /* 0: not set yet. */
};

/* Adds 'item' to 'list'. */
void fenced_list_push(struct ovs_list *list, struct fenced *item);

/* Takes those items from 'list' whose flows are in the switch and calls 'act'
 * for each, which gets to own it; while there is no connection to the switch,
 * none. */
void fenced_list_run(struct ovs_list *list, const struct turn *,
                     void (*act)(struct fenced *item));

#endif /* controller/fenced-list.h */
