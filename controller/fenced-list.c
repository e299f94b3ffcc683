/* SPDX-License-Identifier: Apache-2.0 */

/* What is to be done once the switch has the flows; see fenced-list.h. */

#include <config.h>
#include "fenced-list.h"

#include "module.h"
#include "ofctrl.h"

void
fenced_list_push(struct ovs_list *list, struct fenced *item)
{
    item->fence = 0;
    ovs_list_push_back(list, &item->list_node);
}

void
fenced_list_run(struct ovs_list *list, const struct turn *turn,
                void (*act)(struct fenced *item))
{
    struct fenced *item;

    LIST_FOR_EACH_SAFE (item, list_node, list) {
        if (!item->fence) {
            item->fence = turn->flows_known ? ofctrl_fence() : 0;
        } else if (ofctrl_is_connected() && ofctrl_reached(item->fence)) {
            ovs_list_remove(&item->list_node);
            act(item);
        }
    }
}
