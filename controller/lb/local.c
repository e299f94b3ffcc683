/* SPDX-License-Identifier: Apache-2.0 */

/* Load balancers that keep to the chassis; see lb/local.h. */

#include <config.h>
#include "lb/local.h"

#include "binding.h"
#include "bitmap.h"
#include "group.h"
#include "inputs.h"
#include "lb-empty.h"
#include "lflow-text.h"
#include "local-datapath.h"
#include "module.h"
#include "openvswitch/vlog.h"
#include "ovn/logical-fields.h"
#include "packets.h"
#include "sset.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"
#include "uuidset.h"

VLOG_DEFINE_THIS_MODULE(lb_local);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

struct inc_kind *lb_local_flow_kind;
struct inc_kind *lb_local_flows_kind;
static struct inc_kind *kind_components;
static struct inc_kind *kind_scope;
static struct inc_kind *kind_backend;
static struct inc_kind *kind_nowhere;

/* (lb-components, Logical_DP_Group): the connected components, as UUIDs, in
 * which a group has local datapaths.  One unit reads a group's members on
 * behalf of all of the load balancers that use the group. */

static const struct inc_kind_class components_kind_class = {
    .name = "lb-components",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_UUID,
    .is_set = true,
};

static void
components_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct inc_set *dps
        = local_datapaths_of_group(unit, inc_unit_key(unit).data);

    for (size_t i = 0; i < inc_set_count(dps); i++) {
        const struct local_datapath *ld
            = local_datapath(unit, inc_set_at(dps, i).data);
        if (ld) {
            inc_insert(unit, kind_components, inc_unit_key(unit),
                       inc_key_uuid(&ld->component));
        }
    }
}

static const struct inc_unit_class components_unit_class = {
    .name = "lb-components",
    .stage = STAGE_ZONE,
    .run = components_run,
};

/* (lb-local-flow, Logical_Flow), (lb-local-flows, load balancer), and
 * (lb-scope, load balancer): the components in which its flows are. */

static bool
flow_equal(const void *a_, const void *b_)
{
    const struct lb_local_flow *a = a_;
    const struct lb_local_flow *b = b_;

    return (uuid_equals(&a->lb, &b->lb)
            && a->locality == b->locality
            && a->source == b->source
            && lb_flow_equal(&a->what, &b->what));
}

static void
flow_destroy(void *flow_)
{
    struct lb_local_flow *flow = flow_;

    lb_flow_destroy(&flow->what);
    free(flow);
}

static const struct inc_kind_class flow_kind_class = {
    .name = "lb-local-flow",
    .stage = STAGE_LB,
    .key_type = INC_KEY_UUID,
    .equal = flow_equal,
    .destroy = flow_destroy,
};
static const struct inc_kind_class flows_kind_class = {
    .name = "lb-local-flows",
    .stage = STAGE_LB,
    .key_type = INC_KEY_UUID,
    .is_set = true,
};
static const struct inc_kind_class scope_kind_class = {
    .name = "lb-scope",
    .stage = STAGE_LB,
    .key_type = INC_KEY_UUID,
    .is_set = true,
};

/* Whether a datapath of 'lf' is local. */
static bool
is_local(struct inc_unit *unit, const struct logical_flow *lf)
{
    return (!uuid_is_zero(&lf->dp_group)
            ? inc_set_count(inc_read_set(unit, kind_components,
                                         inc_key_uuid(&lf->dp_group))) > 0
            : local_datapath(unit, &lf->datapath) != NULL);
}

/* Adds the components in which 'lf' is to those of load balancer 'lb'. */
static void
insert_scope(struct inc_unit *unit, const struct logical_flow *lf,
             struct inc_key lb)
{
    if (!uuid_is_zero(&lf->dp_group)) {
        const struct inc_set *components
            = inc_read_set(unit, kind_components, inc_key_uuid(&lf->dp_group));

        for (size_t i = 0; i < inc_set_count(components); i++) {
            inc_insert(unit, kind_scope, lb, inc_set_at(components, i));
        }
    } else {
        inc_insert(unit, kind_scope, lb,
                   inc_key_uuid(&local_datapath(unit, &lf->datapath)
                                ->component));
    }
}

static void
flow_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct inc_key key = inc_unit_key(unit);
    const struct logical_flow *lf = in_logical_flow(unit, key.data);
    const char *hint = lf && lf->stage_hint ? lf->stage_hint : "";

    if (!lf || (!strstr(lf->actions, "ct_lb_mark_local")
                && !(hint[0] && lb_configs_may_be_local(unit, hint)))
        || !is_local(unit, lf)) {
        return;
    }

    struct lb_decision decision;
    struct lb_flow what;
    if (!lflow_text_balances(unit, lf, &what)) {
        return;
    }
    lb_configs_decide(unit, hint, what.backends, what.n_backends, &decision);
    if (what.lports) {
        decision.source = LB_SOURCE_ACTION;
        decision.locality = (what.fallback
                           ? LB_LOCALITY_FALLBACK : LB_LOCALITY_STRICT);
    }
    if (decision.locality == LB_LOCALITY_NONE) {
        lb_flow_destroy(&what);
        return;
    }

    struct lb_local_flow *flow = xmalloc(sizeof *flow);
    *flow = (struct lb_local_flow) {
        .lb = decision.lb,
        .locality = decision.locality,
        .source = decision.source,
        .what = what,
    };
    insert_scope(unit, lf, inc_key_uuid(&flow->lb));
    inc_insert(unit, lb_local_flows_kind, inc_key_uuid(&flow->lb), key);
    inc_write(unit, lb_local_flow_kind, key, flow);
}

static const struct inc_unit_class flow_unit_class = {
    .name = "lb-local-flow",
    .stage = STAGE_LB,
    .run = flow_run,
};

/* (lb-backend, {load balancer, address}). */

struct backend_key {
    struct uuid lb;
    struct in6_addr address;
};
BUILD_ASSERT_DECL(sizeof(struct backend_key) == 32);

static struct inc_key
backend_key(const struct backend_key *key)
{
    return (struct inc_key) { key, sizeof *key };
}

static bool
backend_equal(const void *a_, const void *b_)
{
    const struct lb_backend *a = a_;
    const struct lb_backend *b = b_;

    return (a->state == b->state
            && nullable_string_is_equal(a->lport, b->lport));
}

static void
backend_destroy(void *backend_)
{
    struct lb_backend *backend = backend_;

    free(backend->lport);
    free(backend);
}

static const struct inc_kind_class backend_kind_class = {
    .name = "lb-backend",
    .stage = STAGE_BACKEND,
    .key_type = INC_KEY_OTHER,
    .equal = backend_equal,
    .destroy = backend_destroy,
};

/* One load balancer, while its backends are looked for. */
struct search {
    struct inc_unit *unit;
    struct uuid lb;
    const struct lb_config *config; /* Or NULL. */
    const struct inc_set *scope;
    struct ds ambiguities;
};

/* Returns the only logical port that has 'address' near the load balancer, or
 * NULL.  If there are several, says so in 'ambiguities'. */
static const char *
find_port(struct search *s, const struct in6_addr *address, bool *ambiguous)
{
    const struct inc_set *lports = in_lports_by_address(s->unit, address);
    const char *found = NULL;

    *ambiguous = false;
    for (size_t i = 0; i < inc_set_count(lports); i++) {
        const char *lport = inc_set_at(lports, i).data;
        const struct lport *lp = in_lport(s->unit, lport);
        const struct local_datapath *ld;

        if (!lp || !lport_type_has_backends(lp->type)) {
            continue;
        }
        ld = local_datapath(s->unit, &lp->datapath);
        if (!ld || !inc_set_contains(s->scope, inc_key_uuid(&ld->component))) {
            continue;
        }
        if (found) {
            ds_put_format(&s->ambiguities, "%sbackend ",
                          s->ambiguities.length ? "; " : "");
            ipv6_format_mapped(address, &s->ambiguities);
            ds_put_format(&s->ambiguities,
                          " is the address of both %s and %s", found, lport);
            *ambiguous = true;
            return NULL;
        }
        found = lport;
    }
    return found;
}

/* Returns what is to be known of the backend at 'address', or NULL. */
static struct lb_backend *
find_backend(struct search *s, const struct in6_addr *address)
{
    const struct lb_mapping *mapping
        = s->config ? lb_mappings_find(&s->config->mappings, address) : NULL;
    bool ambiguous = false;
    const char *lport = (mapping ? mapping->lport
                         : find_port(s, address, &ambiguous));

    if (!lport && !ambiguous) {
        return NULL;
    }

    struct lb_backend *b = xmalloc(sizeof *b);
    b->lport = nullable_xstrdup(lport);
    b->state = (ambiguous ? LB_BACKEND_AMBIGUOUS
                : in_lport(s->unit, lport) ? LB_BACKEND_FOUND
                : LB_BACKEND_NO_PORT);
    return b;
}

/* Writes the port of each backend of 'flow', unless it is in 'done'. */
static void
write_backends(struct search *s, const struct lb_local_flow *flow,
               struct sset *done)
{
    for (size_t i = 0; i < flow->what.n_backends; i++) {
        struct backend_key key = { s->lb, flow->what.backends[i].ip };
        char text[INET6_ADDRSTRLEN];

        ipv6_string_mapped(text, &key.address);
        if (sset_add(done, text)) {
            struct lb_backend *b = find_backend(s, &key.address);
            if (b) {
                inc_write(s->unit, kind_backend, backend_key(&key), b);
            }
        }
    }
}

/* Names the load balancer, for messages. */
static void
format_lb(const struct uuid *lb, const struct lb_config *config, struct ds *s)
{
    if (config) {
        ds_put_format(s, "load balancer %s ("UUID_FMT")", config->name,
                      UUID_ARGS(lb));
    } else {
        ds_put_format(s, "load balancer %08x", lb->parts[0]);
    }
}

/* Finds the ports of all of the backends of one load balancer. */
static void
backends_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct inc_key key = inc_unit_key(unit);
    const struct inc_set *flows = inc_read_set(unit, lb_local_flows_kind, key);
    struct sset done = SSET_INITIALIZER(&done);
    struct search s = {
        .unit = unit,
        .config = lb_configs_read(unit, key.data),
        .scope = inc_read_set(unit, kind_scope, key),
        .ambiguities = DS_EMPTY_INITIALIZER,
    };

    memcpy(&s.lb, key.data, sizeof s.lb);
    for (size_t i = 0; i < inc_set_count(flows); i++) {
        const struct lb_local_flow *flow = inc_read(unit, lb_local_flow_kind,
                                                    inc_set_at(flows, i));
        if (flow && flow->source != LB_SOURCE_ACTION) {
            write_backends(&s, flow, &done);
        }
    }
    sset_destroy(&done);

    if (s.ambiguities.length) {
        struct ds name = DS_EMPTY_INITIALIZER;

        format_lb(&s.lb, s.config, &name);
        UNIT_WARN(unit, &rl, "%s: %s; a distributed load "
                  "balancer leaves out backends whose logical port is "
                  "ambiguous", ds_cstr(&name), ds_cstr(&s.ambiguities));
        ds_destroy(&name);
    }
    ds_destroy(&s.ambiguities);
}

static const struct inc_unit_class backends_unit_class = {
    .name = "lb-backends",
    .stage = STAGE_BACKEND,
    .run = backends_run,
};

/* (lb-nowhere, load balancer): it has no backend on any chassis.  The value is
 * what it is called.
 *
 * This is worth a warning when it becomes true, though not while the ports
 * are only just coming in from the southbound database. */

static const struct inc_kind_class nowhere_kind_class = {
    .name = "lb-nowhere",
    .stage = STAGE_SERVED_VIPS,
    .key_type = INC_KEY_UUID,
    .equal = inc_strings_equal,
    .destroy = free,
};

static bool
flow_is_somewhere(struct inc_unit *unit, const struct lb_local_flow *flow)
{
    for (size_t i = 0; i < flow->what.n_backends; i++) {
        const char *lport = lb_local_backend_port(unit, flow, i);

        if (lport && binding_is_bound(unit, lport)) {
            return true;
        }
    }
    return false;
}

static void
nowhere_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct inc_key key = inc_unit_key(unit);
    const struct inc_set *flows = inc_read_set(unit, lb_local_flows_kind, key);
    struct ds name = DS_EMPTY_INITIALIZER;

    /* One backend that is bound somewhere is all that has to be watched. */
    for (size_t i = 0; i < inc_set_count(flows); i++) {
        const struct lb_local_flow *flow = inc_read(unit, lb_local_flow_kind,
                                                    inc_set_at(flows, i));
        if (flow && flow_is_somewhere(unit, flow)) {
            return;
        }
    }
    format_lb(key.data, lb_configs_read(unit, key.data), &name);
    inc_write(unit, kind_nowhere, key, ds_steal_cstr(&name));
}

static const struct inc_unit_class nowhere_unit_class = {
    .name = "lb-nowhere",
    .stage = STAGE_SERVED_VIPS,
    .run = nowhere_run,
};

/* The load balancers for which it has become true since the last warning. */
static struct uuidset new_nowhere = UUIDSET_INITIALIZER(&new_nowhere);

static void
nowhere_changed(struct inc_key key, const void *old, const void *new,
                void *aux OVS_UNUSED)
{
    struct uuid lb;

    memcpy(&lb, key.data, sizeof lb);
    if (!new) {
        uuidset_find_and_delete(&new_nowhere, &lb);
    } else if (!old) {
        uuidset_insert(&new_nowhere, &lb);
    }
}

/* Warns of load balancers that have come to be without a backend on any
 * chassis. */
static void
warn_of_nowhere(const struct turn *turn OVS_UNUSED)
{
    const struct uuidset_node *node;

    UUIDSET_FOR_EACH (node, &new_nowhere) {
        const char *name = inc_peek(kind_nowhere, inc_key_uuid(&node->uuid));

        VLOG_WARN_RL(&rl, "%s is distributed, but has no backend on any "
                     "chassis", name);
    }
    uuidset_clear(&new_nowhere);
}

/* Readers. */

const struct lb_local_flow *
lb_local_flow(struct inc_unit *unit, const struct uuid *lflow)
{
    return inc_read(unit, lb_local_flow_kind, inc_key_uuid(lflow));
}

const struct lb_backend *
lb_local_peek_backend(const struct uuid *lb, const struct in6_addr *address)
{
    struct backend_key key = { *lb, *address };

    return inc_peek(kind_backend, backend_key(&key));
}

/* The backend at 'address' of 'lb'; NULL if no port has the address.  For
 * flows whose actions do not name ports.  From STAGE_SERVED_VIPS on. */
static const struct lb_backend *
read_backend(struct inc_unit *unit, const struct uuid *lb,
             const struct in6_addr *address)
{
    struct backend_key key = { *lb, *address };

    return inc_read(unit, kind_backend, backend_key(&key));
}

const char *
lb_local_backend_port(struct inc_unit *unit, const struct lb_local_flow *flow,
                      size_t i)
{
    if (flow->what.lports) {
        return flow->what.lports[i];
    }

    const struct lb_backend *b = read_backend(unit, &flow->lb,
                                              &flow->what.backends[i].ip);
    return b ? b->lport : NULL;
}

/* Groups. */

/* Decides about the load balancer of 'group', a group of ct_lb or
 * ct_lb_mark. */
static void
decide_group(struct inc_unit *unit, const struct ovn_group *group,
             struct lb_decision *d)
{
    struct lb_endpoint *eps = xmalloc(group->n_buckets * sizeof *eps);

    for (size_t i = 0; i < group->n_buckets; i++) {
        eps[i] = (struct lb_endpoint) {
            .ip = group->buckets[i].address, .port = group->buckets[i].port,
        };
    }
    lb_configs_decide(unit, group->lb_hint, eps, group->n_buckets, d);
    free(eps);
}

/* The logical table of the egress pipeline in which the answer to a packet
 * that is rejected enters it.  (Should no stage be known, it goes through all
 * of them.) */
static uint8_t
reject_ltable(struct inc_unit *unit, bool is_switch)
{
    const char *const *names = lb_empty_reject_stages(is_switch);
    uint8_t ltable = 0;

    while (*names && !in_stage(unit, *names, &ltable)) {
        names++;
    }
    return ltable;
}

/* Returns the actions for packets of 'group', none of whose buckets is in
 * force, for the caller to free; NULL if they are dropped. */
static char *
empty_actions(struct inc_unit *unit, const struct ovn_group *group,
              const struct lb_decision *d)
{
    const struct ovn_tables *tables = &in_dialect(unit)->tables;
    const struct lb_empty_place place = {
        .table = tables->ingress + group->ltable,
        .reject_table = tables->egress + reject_ltable(unit, group->is_switch),
        .lb = d->lb,
        .has_port = group->n_buckets && group->buckets[0].port,
    };

    return lb_empty_actions(lb_empty_decide(group->affinity,
                                            (d->config
                                             ? &d->config->options : NULL),
                                            in_sb_options(unit)),
                            &place);
}

/* Sets in 'in_force' the bits of those buckets of a group of a load-balancing
 * action that are in force, of 'group->n_buckets', and '*empty' to the actions
 * of the bucket that takes their place if none is (lib/lb-empty.h), or NULL.
 * The caller frees it. */
static void
decide_content(struct inc_unit *unit, const struct ovn_group *group,
               unsigned long *in_force, char **empty)
{
    struct lb_decision d = { .locality = LB_LOCALITY_NONE };
    bool any = false;

    if (group->lb_hint) {
        decide_group(unit, group, &d);
    }
    if (group->local) {
        d.locality = (group->fallback
                      ? LB_LOCALITY_FALLBACK : LB_LOCALITY_STRICT);
    }

    for (size_t i = 0; i < group->n_buckets; i++) {
        const struct ovn_group_bucket *b = &group->buckets[i];
        bool here = true;

        if (d.locality != LB_LOCALITY_NONE) {
            const struct lb_backend *backend
                = group->local ? NULL : read_backend(unit, &d.lb, &b->address);
            const char *lport = backend ? backend->lport : b->lport;
            here = lport && binding_is_here(unit, lport);
        }
        bitmap_set(in_force, i, here);
        any |= here;
    }

    *empty = NULL;
    if (!any && d.locality == LB_LOCALITY_FALLBACK) {
        bitmap_set_multiple(in_force, 0, group->n_buckets, true);
    } else if (!any && d.locality == LB_LOCALITY_STRICT) {
        *empty = empty_actions(unit, group, &d);
    }
}

/* Wiring. */

static void
init(struct inc_engine *engine)
{
    kind_components = inc_kind_declare(engine, &components_kind_class);
    inc_kind_spawn(in_kinds.dp_group, &components_unit_class, NULL);

    lb_local_flow_kind = inc_kind_declare(engine, &flow_kind_class);
    lb_local_flows_kind = inc_kind_declare(engine, &flows_kind_class);
    kind_scope = inc_kind_declare(engine, &scope_kind_class);
    inc_kind_spawn(in_kinds.lb_flow, &flow_unit_class, NULL);

    kind_backend = inc_kind_declare(engine, &backend_kind_class);
    inc_kind_spawn(lb_local_flows_kind, &backends_unit_class, NULL);

    kind_nowhere = inc_kind_declare(engine, &nowhere_kind_class);
    inc_kind_spawn(lb_local_flows_kind, &nowhere_unit_class, NULL);
    inc_kind_watch(kind_nowhere, nowhere_changed, NULL);

    group_set_content(decide_content);
}

static void
destroy(void)
{
    uuidset_destroy(&new_nowhere);
    uuidset_init(&new_nowhere);
}

const struct module lb_local_module = {
    .name = "lb-local",
    .init = init,
    .complete = warn_of_nowhere,
    .destroy = destroy,
};
