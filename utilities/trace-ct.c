/* SPDX-License-Identifier: Apache-2.0 */

/* Simulation of actions: connection tracking and load balancing.
 *
 * There are no connections here.  What the connection tracker would say of a
 * packet is what --ct says, or that it is part of an established
 * connection; translations that only the tracker knows are not done. */

#include <config.h>
#include "trace-actions-private.h"

#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "lb-empty.h"
#include "openvswitch/dynamic-string.h"
#include "ovn-sb-idl.h"
#include "packets.h"
#include "random.h"
#include "trace-chassis.h"
#include "trace-db.h"
#include "trace-flows.h"
#include "trace-lb.h"
#include "trace-node.h"
#include "trace-pipeline.h"
#include "util.h"

/* ct_mark.natted and, where ct_lb_mark is ct_lb, ct_label.natted. */
#define CT_NATTED (1u << 1)

static const char default_note[] = " /* default (use --ct to customize) */";

/* What the tracker says of the packet this time.  'note' is what to add to
 * the heading. */
static uint32_t
next_ct_state(struct trace *t, const char **note)
{
    const struct trace_options *options = t->options;

    if (t->n_ct_states < options->n_ct_states) {
        *note = "";
        return options->ct_states[t->n_ct_states++];
    }
    *note = default_note;
    return CS_ESTABLISHED | CS_TRACKED;
}

/* The same for an action that does not ask again about a packet that the
 * tracker has seen already. */
static uint32_t
keep_ct_state(struct trace *t, const struct flow *packet, const char **note)
{
    if (packet->ct_state & CS_TRACKED) {
        *note = "";
        return packet->ct_state;
    }
    return next_ct_state(t, note);
}

/* The tracker knows from and to where 'packet', which it sees, goes.  (From
 * 25.09 on, that is shown.) */
static void
note_tuple(const struct trace_acts *acts, struct flow *packet)
{
    if (!acts->t->db->dialect.keeps_ct_orig) {
        return;
    }
    if (packet->dl_type == htons(ETH_TYPE_IP)) {
        packet->ct_nw_src = packet->nw_src;
        packet->ct_nw_dst = packet->nw_dst;
    } else if (packet->dl_type == htons(ETH_TYPE_IPV6)) {
        packet->ct_ipv6_src = packet->ipv6_src;
        packet->ct_ipv6_dst = packet->ipv6_dst;
    }
    packet->ct_nw_proto = packet->nw_proto;
    packet->ct_tp_src = packet->tp_src;
    packet->ct_tp_dst = packet->tp_dst;
}

/* Has the tracker see 'packet', even if it has seen it if 'again'. */
static void
track(struct trace_acts *acts, bool again, struct flow *packet,
      const char **note)
{
    packet->ct_state = (again
                        ? next_ct_state(acts->t, note)
                        : keep_ct_state(acts->t, packet, note));
    note_tuple(acts, packet);
}

static void
execute_ct_next(struct trace_acts *acts, const struct ovnact_ct_next *ct_next)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct flow copy = *acts->packet;
    const char *note;

    track(acts, true, &copy, &note);
    ds_put_cstr(&s, "ct_next(ct_state=");
    format_flags(&s, ct_state_to_string, copy.ct_state, '|');
    ds_put_format(&s, "%s)", note);
    if (acts->lflow->row->is_derived && copy.ct_state & CS_REPLY_DIR) {
        /* This is the one place that asks for answers of balanced
         * connections alone, by what their connection is marked with. */
        copy.ct_mark |= CT_NATTED;
        copy.ct_label.u64.lo |= CT_NATTED;
        ds_put_cstr(&s, " /* assuming that the connection was balanced here "
                    "*/");
    }

    struct trace_node *node = trace_put_nocopy(acts->parent, TRACE_FORK,
                                               ds_steal_cstr(&s));
    trace_goto(acts, &copy, ct_next->ltable, node);
}

/* ct_dnat, ct_snat, and the same "in_czone". */

static void
translate(struct flow *packet, const struct ovnact_ct_nat *nat, bool is_dst)
{
    if (nat->family == AF_INET) {
        *(is_dst ? &packet->nw_dst : &packet->nw_src) = nat->ipv4;
    } else {
        *(is_dst ? &packet->ipv6_dst : &packet->ipv6_src) = nat->ipv6;
    }
}

static void
format_nat_address(const struct ovnact_ct_nat *nat, bool is_dst, struct ds *s)
{
    ds_put_format(s, "(ip%d.%s=", nat->family == AF_INET ? 4 : 6,
                  is_dst ? "dst" : "src");
    if (nat->family == AF_INET) {
        ds_put_format(s, IP_FMT, IP_ARGS(nat->ipv4));
    } else {
        ipv6_format_addr(&nat->ipv6, s);
    }
    ds_put_char(s, ')');
}

static void
execute_ct_nat(struct trace_acts *acts, const struct ovnact *a)
{
    const struct ovnact_ct_nat *nat
        = CONTAINER_OF(a, struct ovnact_ct_nat, ovnact);
    bool is_dst = (a->type == OVNACT_CT_DNAT
                   || a->type == OVNACT_CT_DNAT_IN_CZONE);
    bool is_czone = (a->type == OVNACT_CT_DNAT_IN_CZONE
                     || a->type == OVNACT_CT_SNAT_IN_CZONE);
    const char *direction = is_dst ? "dst" : "src";

    /* As OVN 23.03's, which takes it that a gateway router does this in one
     * go, when it translates.  The switch goes on. */
    if (!is_dst && nat->family == AF_UNSPEC && acts->dp->has_l3gateway
        && !acts->t->chassis) {
        return;
    }

    struct ds s = DS_EMPTY_INITIALIZER;
    struct flow copy = *acts->packet;
    const char *note;

    track(acts, false, &copy, &note);
    ds_put_format(&s, "ct_%cnat%s", direction[0],
                  is_czone ? "in_czone" : "");
    if (nat->family == AF_UNSPEC) {
        ds_put_format(&s, " /* assuming no un-%cnat entry, so no change */",
                      direction[0]);
    } else {
        format_nat_address(nat, is_dst, &s);
        translate(&copy, nat, is_dst);
        copy.ct_state |= is_dst ? CS_DST_NAT : CS_SRC_NAT;
    }
    ds_put_cstr(&s, note);

    struct trace_node *node = trace_put_nocopy(acts->parent, TRACE_FORK,
                                               ds_steal_cstr(&s));
    trace_goto(acts, &copy, nat->ltable, node);
}

static void
execute_ct_commit_nat(struct trace_acts *acts,
                      const struct ovnact_ct_next *commit)
{
    struct flow copy = *acts->packet;
    const char *note;

    track(acts, false, &copy, &note);
    struct trace_node *node
        = trace_put(acts->parent, TRACE_FORK, "ct_commit_nat /* assuming no "
                    "un-nat entry, so no change */%s", note);
    trace_goto(acts, &copy, commit->ltable, node);
}

/* Load balancing. */

static void
execute_ct_commit_to_zone(struct trace_acts *acts, const struct ovnact *a)
{
    const struct ovnact_ct_next *next
        = CONTAINER_OF(a, struct ovnact_ct_next, ovnact);
    struct flow copy = *acts->packet;
    const char *note;

    track(acts, false, &copy, &note);
    char *text = trace_format_action(acts->t, a);
    struct trace_node *node = trace_put(acts->parent, TRACE_FORK, "%s%s", text,
                                        note);
    free(text);
    trace_goto(acts, &copy, next->ltable, node);
}

static void
execute_ct_clear(struct trace_acts *acts)
{
    struct flow *packet = acts->packet;

    packet->ct_state = 0;
    packet->ct_zone = 0;
    packet->ct_mark = 0;
    memset(&packet->ct_label, 0, sizeof packet->ct_label);
    packet->ct_nw_dst = 0;
    packet->ct_ipv6_dst = in6addr_any;
    packet->ct_tp_dst = 0;
}

/* Sets '*endpoint' to where 'lb' sends a packet of a connection in 'state'.
 * False if that is unknown.
 *
 * Without backends, a connection is translated as it was when it was new.
 * That a new one is translated, too, is how it has always been shown, but with
 * --chassis what a chassis does is shown. */
static bool
choose_backend(const struct trace *t, const struct ovnact_ct_lb *lb,
               uint32_t state, struct lb_endpoint *endpoint)
{
    const struct trace_options *options = t->options;

    if (!lb->n_backends) {
        *endpoint = options->lb_dst;
        return options->has_lb_dst && !(t->chassis && state & CS_NEW);
    }
    for (size_t i = 0; options->has_lb_dst && i < lb->n_backends; i++) {
        *endpoint = lb_backend_endpoint(&lb->backends[i]);
        if (lb_endpoint_equal(endpoint, &options->lb_dst)) {
            return true;
        }
    }
    *endpoint = lb_backend_endpoint(
        &lb->backends[random_range(lb->n_backends)]);
    return true;
}

/* The original destination is kept for chk_lb_hairpin(). */
static void
send_to(struct flow *packet, const struct lb_endpoint *endpoint)
{
    if (lb_endpoint_is_ip4(endpoint)) {
        packet->ct_nw_dst = packet->nw_dst;
        packet->nw_dst = in6_addr_get_mapped_ipv4(&endpoint->ip);
    } else {
        packet->ct_ipv6_dst = packet->ipv6_dst;
        packet->ipv6_dst = endpoint->ip;
    }
    packet->ct_tp_dst = packet->tp_dst;
    if (endpoint->port) {
        packet->tp_dst = htons(endpoint->port);
    }
    packet->ct_state |= CS_DST_NAT;
}

/* Where the port of 'backend' is. */
static enum trace_backend
find_backend_port(const struct trace_acts *acts,
                  const struct ovnact_ct_lb_backend *backend,
                  const struct trace_port **portp)
{
    struct lb_endpoint ep = lb_backend_endpoint(backend);

    return trace_lb_backend_port(acts->t->db->lbs, acts->lflow->lb, acts->dp,
                                 acts->t->chassis, backend->lport, &ep.ip,
                                 portp);
}

/* Says why 'backend' is not on the chassis. */
static void
put_backend(struct trace_acts *acts,
            const struct ovnact_ct_lb_backend *backend)
{
    struct lb_endpoint ep = lb_backend_endpoint(backend);
    const struct trace_port *port;
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&s, "/* ");
    ipv6_format_mapped(&ep.ip, &s);
    switch (find_backend_port(acts, backend, &port)) {
    case TRACE_BACKEND_FOUND:
        ds_put_format(&s, ": port \"%s\" is ", port->name);
        if (trace_port_chassis(port)) {
            ds_put_format(&s, "on chassis \"%s\"",
                          trace_port_chassis(port)->name);
        } else {
            ds_put_cstr(&s, "on no chassis");
        }
        break;
    case TRACE_BACKEND_NO_PORT:
        ds_put_cstr(&s, ": its port does not exist");
        break;
    case TRACE_BACKEND_AMBIGUOUS:
        ds_put_cstr(&s, ": several ports have this address");
        break;
    case TRACE_BACKEND_UNKNOWN:
    default:
        ds_put_cstr(&s, ": no port has this address");
        break;
    }
    ds_put_cstr(&s, ". */");
    trace_put_nocopy(acts->parent, TRACE_NOTE, ds_steal_cstr(&s));
}

/* What becomes of the packet if no backend is on the chassis. */
static enum lb_empty
find_empty(const struct trace_acts *acts)
{
    const struct trace_lb *lb = acts->lflow->lb;
    const struct sbrec_sb_global *global
        = sbrec_sb_global_first(acts->t->db->idl);

    return lb_empty_decide(acts->lflow->is_affinity,
                           lb ? &lb->config.options : NULL,
                           global ? &global->options : NULL);
}

static const char *const empty_words[] = {
    [LB_EMPTY_DROP] = "the packet is dropped",
    [LB_EMPTY_REJECT] = "the packet is rejected",
    [LB_EMPTY_EVENT] = "the packet is dropped, and an event is reported",
    [LB_EMPTY_OTHERS] = "its client's affinity does not count",
};

/* On a chassis, ct_lb_mark_local has the backends there only.  Returns what of
 * 'lb' is in force; the caller frees its 'backends'. */
static struct ovnact_ct_lb
find_local_backends(struct trace_acts *acts, const struct ovnact_ct_lb *lb)
{
    const struct sbrec_chassis *here = acts->t->chassis;
    struct ovnact_ct_lb local = *lb;

    local.backends = xmalloc(MAX(lb->n_backends, 1) * sizeof *lb->backends);
    local.n_backends = 0;
    for (size_t i = 0; i < lb->n_backends; i++) {
        const struct trace_port *port;

        if (!here || lb->ovnact.type != OVNACT_CT_LB_MARK_LOCAL
            || (find_backend_port(acts, &lb->backends[i], &port)
                == TRACE_BACKEND_FOUND
                && trace_lb_port_is_here(port, here))) {
            local.backends[local.n_backends++] = lb->backends[i];
        }
    }
    if (!local.n_backends && lb->n_backends) {
        if (lb->fallback) {
            trace_put(acts->parent, TRACE_NOTE,
                      "/* No backend of this load balancer is on chassis "
                      "\"%s\": any of them may be chosen (fallback). */",
                      here->name);
            memcpy(local.backends, lb->backends,
                   lb->n_backends * sizeof *lb->backends);
            local.n_backends = lb->n_backends;
        } else {
            trace_put(acts->parent, TRACE_ERROR, "*** no backend of this load "
                      "balancer is on chassis \"%s\": %s", here->name,
                      empty_words[find_empty(acts)]);
        }
        for (size_t i = 0; i < lb->n_backends; i++) {
            put_backend(acts, &lb->backends[i]);
        }
    }
    return local;
}

static void
execute_ct_lb(struct trace_acts *acts, const struct ovnact_ct_lb *lb)
{
    struct flow copy = *acts->packet;
    struct lb_endpoint endpoint;
    const char *note;

    struct ovnact_ct_lb local = find_local_backends(acts, lb);
    if (lb->n_backends && !local.n_backends) {
        if (find_empty(acts) == LB_EMPTY_OTHERS) {
            copy.regs[LB_AFFINITY_FIELD - MFF_REG0] &= ~LB_AFFINITY_BIT;
            trace_goto(acts, &copy, acts->lflow->table, acts->parent);
        }
        free(local.backends);
        return;
    }

    copy.ct_state |= next_ct_state(acts->t, &note);
    note_tuple(acts, &copy);
    if (choose_backend(acts->t, &local, copy.ct_state, &endpoint)
        && lb_endpoint_is_ip4(&endpoint) == (copy.dl_type
                                             == htons(ETH_TYPE_IP))) {
        send_to(&copy, &endpoint);
    } else if (lb->n_backends) {
        trace_put(acts->parent, TRACE_ERROR, "*** no load balancing "
                  "destination (use --lb-dst)");
    }
    free(local.backends);
    struct trace_node *node = trace_put(acts->parent, TRACE_FORK, "%s%s",
                                        ovnact_word(&lb->ovnact), note);
    trace_goto(acts, &copy, lb->ltable, node);
}

static void
execute_select(struct trace_acts *acts, const struct ovnact_select *select)
{
    const struct trace_options *options = acts->t->options;
    bool wanted = false;
    uint16_t id = 0;

    for (size_t i = 0; options->has_select_id && i < select->n_dsts; i++) {
        if (select->dsts[i].id == options->select_id) {
            wanted = true;
            id = options->select_id;
        }
    }
    if (!wanted) {
        ovs_assert(select->n_dsts); /* Or it would not have been parsed. */
        id = select->dsts[random_range(select->n_dsts)].id;
    }

    struct ds s = DS_EMPTY_INITIALIZER;
    ds_put_cstr(&s, "select: ");
    expr_field_format(&select->dst, &s);
    ds_put_format(&s, " = %d%s", id, wanted ? "" : " /* Randomly selected. "
                  "Use --select-id to specify. */");
    struct trace_node *node = trace_put_nocopy(acts->parent, TRACE_FORK,
                                               ds_steal_cstr(&s));

    struct flow copy = *acts->packet;
    struct mf_subfield sf = expr_field_resolve(&select->dst);
    union mf_subvalue value;
    memset(&value, 0, sizeof value);
    value.be16[ARRAY_SIZE(value.be16) - 1] = htons(id);
    mf_write_subfield_flow(&sf, &value, &copy);
    trace_goto(acts, &copy, select->ltable, node);
}

void
trace_ct_action(struct trace_acts *acts, const struct ovnact *a)
{
    switch ((int) a->type) {
    case OVNACT_CT_NEXT:
        execute_ct_next(acts, CONTAINER_OF(a, struct ovnact_ct_next, ovnact));
        break;
    case OVNACT_CT_DNAT:
    case OVNACT_CT_SNAT:
    case OVNACT_CT_DNAT_IN_CZONE:
    case OVNACT_CT_SNAT_IN_CZONE:
        execute_ct_nat(acts, a);
        break;
    case OVNACT_CT_COMMIT_NAT:
        execute_ct_commit_nat(acts, CONTAINER_OF(a, struct ovnact_ct_next,
                                                 ovnact));
        break;
    case OVNACT_CT_COMMIT_TO_ZONE:
        execute_ct_commit_to_zone(acts, a);
        break;
    case OVNACT_CT_CLEAR:
        execute_ct_clear(acts);
        break;
    case OVNACT_CT_LB:
    case OVNACT_CT_LB_MARK:
    case OVNACT_CT_LB_MARK_LOCAL:
        execute_ct_lb(acts, CONTAINER_OF(a, struct ovnact_ct_lb, ovnact));
        break;
    case OVNACT_SELECT:
        execute_select(acts, CONTAINER_OF(a, struct ovnact_select, ovnact));
        break;
    default:
        OVS_NOT_REACHED();
    }
}
