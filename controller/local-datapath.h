/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LOCAL_DATAPATH_H
#define CONTROLLER_LOCAL_DATAPATH_H 1

/* Which logical datapaths this chassis takes part in
 * ==================================================
 *
 * A datapath is local if a local port is on it, or if it can be reached from
 * such a one through patch ports (as ovn-architecture(7), "the logical flow
 * may not be represented there", puts it).  One unit does the reachability:
 * it reads the roots of binding.h and the patch ports of what it reaches. */

#include "inc-proc-eng.h"
#include "openvswitch/uuid.h"

struct local_datapath {
    struct uuid uuid;
    uint32_t tunnel_key;
    bool is_switch;
    struct uuid nb_uuid;
    char *localnet_port;        /* Of a switch; NULL if none. */
    struct uuid component;      /* Smallest UUID of the local datapaths that
                                 * are connected with this one. */
};

/* NULL if 'dp' is not local. */
const struct local_datapath *local_datapath(struct inc_unit *,
                                            const struct uuid *dp);
/* The members of Logical_DP_Group 'group' that are local.  A flow that
 * applies to a group subscribes to this one cell. */
const struct inc_set *local_datapaths_of_group(struct inc_unit *,
                                               const struct uuid *group);

/* From outside of units: uuids. */
const struct inc_set *local_datapath_peek_all(void);

extern struct inc_kind *local_datapath_kind;  /* Spawns per-datapath units. */

struct module;
extern const struct module local_datapath_module;

#endif /* controller/local-datapath.h */
