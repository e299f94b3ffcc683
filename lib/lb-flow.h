/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_LB_FLOW_H
#define OVN_LB_FLOW_H 1

/* What a logical flow balances
 * ============================
 *
 * ovn-northd writes logical flows for every load balancer, and leaves backends
 * out of them that are down.  So it is from these that one learns what VIPs
 * there are and among which backends connections to them are spread; rows of
 * the Load_Balancer table are not needed for it.
 *
 * Thread-safety: no global state. */

#include <stdbool.h>
#include <stddef.h>
#include "lb.h"
#include "ovn/actions.h"

/* What a logical flow balances, by its text alone. */
struct lb_flow {
    bool has_vip;               /* The flow's match says 'vip'. */
    struct lb_endpoint vip;
    struct lb_endpoint *backends; /* One or more. */
    char **lports;              /* NULL unless the action, which then is
                                 * ct_lb_mark_local, names them. */
    size_t n_backends;
    bool fallback;              /* If 'lports': ct_lb_mark_local's. */
    enum ovnact_ct_lb_flag flag;
    bool affinity;              /* For clients that have an affinity. */
};

/* Whether a flow with 'actions' might balance load.  Cheap. */
bool lb_flow_is_likely(const char *actions);

/* What a flow balances whose texts have been parsed, but not changed by
 * lb_make_local(): its actions, and its match as it came from the parser.
 * Returns false, and then there is nothing to destroy, if it balances
 * nothing. */
bool lb_flow_from_parsed(const struct ovnact *, size_t ovnacts_len,
                         const struct expr *match, struct lb_flow *);
/* The same from the texts.  Also returns false if they have errors, which are
 * somebody else's to report. */
bool lb_flow_parse(const char *match, const char *actions,
                   const struct ovnact_parse_params *, struct lb_flow *);
/* The same without the match: 'has_vip' and 'affinity' will be false. */
bool lb_flow_from_actions(const struct ovnact *, size_t ovnacts_len,
                          struct lb_flow *);
/* Frees what 'flow' holds, but not 'flow' itself. */
void lb_flow_destroy(struct lb_flow *flow);
bool lb_flow_equal(const struct lb_flow *, const struct lb_flow *);

#endif /* lib/lb-flow.h */
