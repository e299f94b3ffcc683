/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_LB_EMPTY_H
#define OVN_LB_EMPTY_H 1

/* What becomes of a packet that a load balancer has no backend for
 * ================================================================
 *
 * ovn-northd knows what to do about a load balancer that has no backends at
 * all: where it would write ct_lb_mark(...), it writes that the packet is
 * dropped, rejected (options:reject=true) or, if neither, reported
 * (options:event=true).  A load balancer that keeps to the chassis has
 * backends, and may have none on this one, which ovn-northd does not know.
 * Then it is for the chassis to say what ovn-northd would have: these are the
 * actions of the only bucket of a group that has no other.
 *
 * A group that serves clients with an affinity has the one backend that they
 * are attached to.  If that is not in force, what decides is the group that
 * serves all others.
 *
 * Thread-safety: no global state. */

#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/uuid.h"

struct flow;
struct ofpbuf;
struct smap;

enum lb_empty {
    LB_EMPTY_DROP,
    LB_EMPTY_REJECT,            /* TCP reset, SCTP abort, ICMP unreachable. */
    LB_EMPTY_EVENT,             /* A row of Controller_Event. */
    LB_EMPTY_OTHERS             /* As clients without an affinity. */
};

/* Decides by the 'options' of a Load_Balancer (NULL if they are not known) and
 * of SB_Global (the same), for a flow that serves clients with an affinity or
 * does not. */
enum lb_empty lb_empty_decide(bool affinity, const struct smap *options,
                              const struct smap *global);

/* The bit of the pipeline's registers in which ovn-northd's flows keep that
 * the client has an affinity.  See lb_match_is_affinity(). */
#define LB_AFFINITY_FIELD MFF_REG9
#define LB_AFFINITY_BIT (1u << 6)

/* The group's place in the pipeline, and what it balances. */
struct lb_empty_place {
    uint8_t table;              /* OpenFlow table that the group is used in. */
    /* OpenFlow table where the answer to a packet that is rejected enters the
     * egress pipeline, see lb_empty_reject_stages(). */
    uint8_t reject_table;
    struct uuid lb;             /* For an event: the northbound row, */
    bool has_port;              /* and whether the VIP has a port. */
};
/* Names of stages of switches, or routers, for 'reject_table'; the first one
 * that the pipeline has counts.  Ends with NULL. */
const char *const *lb_empty_reject_stages(bool is_switch);

/* Returns the OpenFlow actions as text, for the caller to free, or NULL if
 * there are none. */
char *lb_empty_actions(enum lb_empty, const struct lb_empty_place *);

/* A bucket cannot have a controller() action, which is what ovn-northd's flows
 * become, but it can send packets to the controller as they are.  What is to
 * be done with them is in registers then that have no meaning for it.
 *
 * If 'md', the metadata of a packet that a group has sent, is such, clears
 * what must not go on from it, appends to 'userdata' what the controller()
 * action would have had, and returns true. */
bool lb_empty_decode(struct flow *md, struct ofpbuf *userdata);

#endif /* lib/lb-empty.h */
