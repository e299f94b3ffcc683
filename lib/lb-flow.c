/* SPDX-License-Identifier: Apache-2.0 */

/* What a logical flow balances; see lb-flow.h. */

#include <config.h>
#include "lb-flow.h"

#include <stdlib.h>
#include <string.h>

#include "lb-match.h"
#include "openvswitch/ofpbuf.h"
#include "ovn/expr.h"
#include "util.h"

bool
lb_flow_is_likely(const char *actions)
{
    const char *lb = strstr(actions, "ct_lb");

    return lb && strstr(lb, "backends");
}

/* Adds the backends of 'cl' to those of 'flow'. */
static void
take_backends(const struct ovnact_ct_lb *cl, struct lb_flow *flow)
{
    size_t n = flow->n_backends + cl->n_backends;
    bool named = cl->ovnact.type == OVNACT_CT_LB_MARK_LOCAL;

    flow->flag = cl->flag;
    flow->backends = xrealloc(flow->backends, n * sizeof *flow->backends);
    if (named) {
        flow->fallback = cl->fallback;
        flow->lports = xrealloc(flow->lports, n * sizeof *flow->lports);
    }
    for (size_t i = 0; i < cl->n_backends; i++) {
        size_t j = flow->n_backends++;

        flow->backends[j] = lb_backend_endpoint(&cl->backends[i]);
        if (named) {
            flow->lports[j] = xstrdup(cl->backends[i].lport);
        }
    }
}

/* What counts is the first action that balances load, and what others of the
 * same type do. */
bool
lb_flow_from_actions(const struct ovnact *ovnacts, size_t len,
                     struct lb_flow *flow)
{
    enum ovnact_type type = N_OVNACTS;
    const struct ovnact *a;

    *flow = (struct lb_flow) { .n_backends = 0 };
    OVNACT_FOR_EACH (a, ovnacts, len) {
        if (a->type == OVNACT_CT_LB || a->type == OVNACT_CT_LB_MARK
            || a->type == OVNACT_CT_LB_MARK_LOCAL) {
            const struct ovnact_ct_lb *cl
                = CONTAINER_OF(a, struct ovnact_ct_lb, ovnact);

            if (cl->n_backends && (type == N_OVNACTS || type == a->type)) {
                type = a->type;
                take_backends(cl, flow);
            }
        }
    }
    return flow->n_backends > 0;
}

bool
lb_flow_from_parsed(const struct ovnact *ovnacts, size_t len,
                    const struct expr *match, struct lb_flow *flow)
{
    if (!lb_flow_from_actions(ovnacts, len, flow)) {
        return false;
    }
    flow->has_vip = lb_match_vip(match, &flow->vip);
    flow->affinity = lb_match_is_affinity(match);
    return true;
}

bool
lb_flow_parse(const char *match_text, const char *actions,
              const struct ovnact_parse_params *pp, struct lb_flow *flow)
{
    struct expr *match = NULL;
    struct expr *prereqs = NULL;
    struct ofpbuf ovnacts;
    bool balances = false;

    ofpbuf_init(&ovnacts, 0);
    char *error = ovnacts_parse_text(actions, pp, &ovnacts, &prereqs);
    if (!error) {
        match = expr_parse_text(match_text, pp->env, &error);
    }
    if (!error) {
        balances = lb_flow_from_parsed(ovnacts.data, ovnacts.size, match,
                                       flow);
    }
    free(error);
    expr_destroy(match);
    expr_destroy(prereqs);
    ovnacts_free(ovnacts.data, ovnacts.size);
    ofpbuf_uninit(&ovnacts);
    return balances;
}

void
lb_flow_destroy(struct lb_flow *flow)
{
    for (size_t i = 0; flow->lports && i < flow->n_backends; i++) {
        free(flow->lports[i]);
    }
    free(flow->lports);
    free(flow->backends);
}

bool
lb_flow_equal(const struct lb_flow *a, const struct lb_flow *b)
{
    if (a->flag != b->flag || a->fallback != b->fallback
        || a->affinity != b->affinity
        || a->has_vip != b->has_vip || !lb_endpoint_equal(&a->vip, &b->vip)
        || a->n_backends != b->n_backends || !a->lports != !b->lports) {
        return false;
    }
    for (size_t i = 0; i < a->n_backends; i++) {
        if (!lb_endpoint_equal(&a->backends[i], &b->backends[i])
            || (a->lports && strcmp(a->lports[i], b->lports[i]))) {
            return false;
        }
    }
    return true;
}
