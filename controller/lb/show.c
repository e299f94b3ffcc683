/* SPDX-License-Identifier: Apache-2.0 */

/* lb-local/list and lb-local/show; see lb/show.h.
 *
 * "show" works in two steps.  First it finds all there is to say and notes for
 * each bucket which counter of the switch is its own; then it asks the switch
 * for the counters, and prints when they have come in, or it is clear that
 * they do not.  As the switch answers in order, the counters are those of the
 * groups as they were installed in the first step. */

#include <config.h>
#include "lb/show.h"

#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "bitmap.h"
#include "group-stats.h"
#include "group.h"
#include "inputs.h"
#include "lb-empty.h"
#include "lb.h"
#include "lb/config.h"
#include "lb/local.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "ovn/actions.h"
#include "ovsdb-types.h"
#include "packets.h"
#include "sset.h"
#include "table.h"
#include "unixctl.h"
#include "util.h"
#include "uuid.h"

/* Arguments. */

struct arguments {
    struct table_style style;
    const char *what;           /* The only other one, or NULL. */
};

static bool
parse_format(const char *name, enum table_format *format)
{
    static const char *const names[] = {
        [TF_TABLE] = "table",
        [TF_LIST] = "list",
        [TF_HTML] = "html",
        [TF_CSV] = "csv",
        [TF_JSON] = "json",
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!strcmp(name, names[i])) {
            *format = i;
            return true;
        }
    }
    return false;
}

/* Returns what is wrong with the arguments, for the caller to free, or
 * NULL. */
static char *
parse_arguments__(int argc, const char *argv[], bool wants_what,
                  struct arguments *args)
{
    for (int i = 1; i < argc; i++) {
        const char *format = NULL;

        if (!strcmp(argv[i], "-f") || !strcmp(argv[i], "--format")) {
            if (i + 1 >= argc) {
                return xasprintf("%s needs a format", argv[i]);
            }
            format = argv[++i];
        } else if (!strncmp(argv[i], "--format=", 9)) {
            format = argv[i] + 9;
        } else if (argv[i][0] == '-') {
            return xasprintf("unknown option \"%s\"", argv[i]);
        } else if (!wants_what || args->what || !argv[i][0]) {
            return xasprintf("unexpected argument \"%s\"", argv[i]);
        } else {
            args->what = argv[i];
        }
        if (format && !parse_format(format, &args->style.format)) {
            return xasprintf("unknown format \"%s\": there are table, list, "
                             "html, csv and json", format);
        }
    }
    return (wants_what && !args->what
            ? xstrdup("a load balancer's name, VIP or UUID is missing")
            : NULL);
}

/* If the arguments are wrong, replies so and returns false. */
static bool
parse_arguments(struct unixctl_conn *conn, int argc, const char *argv[],
                bool wants_what, struct arguments *args)
{
    *args = (struct arguments) { .style = table_style_default };
    args->style.format = TF_TABLE;

    char *error = parse_arguments__(argc, argv, wants_what, args);
    if (error) {
        unixctl_command_reply_error(conn, error);
        free(error);
        return false;
    }
    return true;
}

/* Cells. */

static void
put_text(struct table *table, const char *text)
{
    table_add_cell(table)->text = nullable_xstrdup(text);
}

static void
set_number(struct cell *cell, uint64_t n)
{
    cell->json = json_integer_create(n);
    cell->type = &ovsdb_type_integer;
}

static void
put_number(struct table *table, uint64_t n)
{
    set_number(table_add_cell(table), n);
}

static void
put_bool(struct table *table, bool b)
{
    struct cell *cell = table_add_cell(table);

    cell->json = json_boolean_create(b);
    cell->type = &ovsdb_type_boolean;
}

/* Load balancers. */

struct lb_view {
    struct uuid lb;
    const struct lb_config *config; /* NULL if only the hint is known. */
    const struct inc_set *flows; /* Keys of lb_local_flow_kind. */
    enum lb_locality locality;
    enum lb_source source;
};

struct lb_views {
    struct lb_view *array;
    size_t n, allocated;
};

static const char *
view_name(const struct lb_view *v)
{
    return v->config ? v->config->name : "";
}

static const struct lb_local_flow *
view_flow(const struct lb_view *v, size_t i)
{
    return inc_peek(lb_local_flow_kind, inc_set_at(v->flows, i));
}

static void
collect_view(struct inc_key key, const void *value OVS_UNUSED, void *views_)
{
    struct lb_views *views = views_;
    struct lb_view v = {
        .config = inc_peek(lb_configs_kind, key),
        .flows = inc_peek_set(lb_local_flows_kind, key),
    };

    memcpy(&v.lb, key.data, sizeof v.lb);
    const struct lb_local_flow *flow = (inc_set_count(v.flows)
                                        ? view_flow(&v, 0) : NULL);
    if (flow) {
        v.locality = flow->locality;
        v.source = flow->source;
        if (views->n >= views->allocated) {
            views->array = x2nrealloc(views->array, &views->allocated,
                                      sizeof *views->array);
        }
        views->array[views->n++] = v;
    }
}

static int
compare_views(const void *a_, const void *b_)
{
    const struct lb_view *a = a_;
    const struct lb_view *b = b_;
    int cmp = strcmp(view_name(a), view_name(b));

    return cmp ? cmp : uuid_compare_3way(&a->lb, &b->lb);
}

/* The load balancers that keep to the chassis, by name.  The caller frees
 * 'views->array'; what it points to is valid until the engine runs. */
static void
collect_views(struct lb_views *views)
{
    *views = (struct lb_views) { .n = 0 };
    inc_kind_for_each(lb_local_flows_kind, collect_view, views);
    if (views->n) {
        qsort(views->array, views->n, sizeof *views->array, compare_views);
    }
}

/* What happens to a connection that there is no local backend for. */
static const char *
view_otherwise(const struct lb_view *v)
{
    if (v->locality == LB_LOCALITY_FALLBACK) {
        return "all";
    }
    switch (lb_empty_decide(false, v->config ? &v->config->options : NULL,
                            inc_peek(in_kinds.sb_options, INC_KEY_ONLY))) {
    case LB_EMPTY_REJECT:
        return "reject";
    case LB_EMPTY_EVENT:
        return "event";
    case LB_EMPTY_DROP:
    case LB_EMPTY_OTHERS:
    default:
        return "drop";
    }
}

static void
add_view_columns(struct table *table)
{
    table_add_column(table, "load_balancer");
    table_add_column(table, "uuid");
    table_add_column(table, "mode");
    table_add_column(table, "asked_by");
    table_add_column(table, "otherwise");
}

static void
put_view(struct table *table, const struct lb_view *v)
{
    put_text(table, view_name(v));
    if (v->config) {
        table_add_cell(table)->text = xasprintf(UUID_FMT, UUID_ARGS(&v->lb));
    } else {
        table_add_cell(table)->text = xasprintf("%08x", v->lb.parts[0]);
    }
    put_text(table, lb_locality_to_string(v->locality));
    put_text(table, lb_source_to_string(v->source));
    put_text(table, view_otherwise(v));
}

/* Backends. */

struct place {
    const char *lport;          /* NULL if none is known. */
    const char *found;          /* By what, or NULL. */
    const char *chassis;        /* Name; NULL if none. */
    bool local;
    const char *why;            /* It is local, or not. */
};

static void
find_chassis(struct place *p)
{
    const struct inc_key key = inc_key_string(p->lport);
    const struct port_binding *pb = inc_peek(in_kinds.port_binding, key);
    const struct local_port *port = inc_peek(binding_kind_local_port, key);

    if (!pb) {
        p->why = "no such port";
        return;
    } else if (uuid_is_zero(&pb->chassis)) {
        p->why = "not bound";
        return;
    }

    const struct chassis *chassis = inc_peek(in_kinds.chassis,
                                             inc_key_uuid(&pb->chassis));
    p->chassis = chassis ? chassis->name : NULL;
    p->local = port && !port->additional;
    p->why = (p->local ? "bound here"
              : port ? "additional chassis" : "bound elsewhere");
}

/* 'lport' is NULL unless the action names it. */
static struct place
find_place(const struct lb_view *v, const char *lport,
           const struct in6_addr *ip)
{
    struct place p = { .lport = lport, .found = "action" };

    if (!lport) {
        const struct lb_backend *b = lb_local_peek_backend(&v->lb, ip);

        p.lport = b ? b->lport : NULL;
        p.found = (v->config && lb_mappings_find(&v->config->mappings, ip)
                   ? "mapping" : p.lport ? "address" : NULL);
        if (!p.lport) {
            p.why = b ? "ambiguous" : "no port";
            return p;
        }
    }
    find_chassis(&p);
    return p;
}

/* "list". */

static char *
endpoint_to_string(const struct lb_endpoint *ep)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    lb_endpoint_format(ep, &s);
    return ds_steal_cstr(&s);
}

/* Adds 'ep' to 'set'; returns true unless it was there. */
static bool
add_endpoint(struct sset *set, const struct lb_endpoint *ep)
{
    char *s = endpoint_to_string(ep);
    bool added = sset_add(set, s) != NULL;

    free(s);
    return added;
}

static void
list_view(const struct lb_view *v, struct table *table)
{
    struct sset vips = SSET_INITIALIZER(&vips);
    struct sset backends = SSET_INITIALIZER(&backends);
    size_t n_local = 0;

    for (size_t i = 0; i < inc_set_count(v->flows); i++) {
        const struct lb_flow *what = &view_flow(v, i)->what;

        if (what->has_vip) {
            add_endpoint(&vips, &what->vip);
        }
        for (size_t j = 0; j < what->n_backends; j++) {
            if (add_endpoint(&backends, &what->backends[j])) {
                n_local += find_place(v, what->lports ? what->lports[j] : NULL,
                                      &what->backends[j].ip).local;
            }
        }
    }

    table_add_row(table);
    put_view(table, v);
    put_number(table, sset_count(&backends));
    put_number(table, n_local);
    table_add_cell(table)->text = sset_join(&vips, ",", "");
    sset_destroy(&backends);
    sset_destroy(&vips);
}

static void
list_command(struct unixctl_conn *conn, int argc, const char *argv[],
             void *aux OVS_UNUSED)
{
    struct ds reply = DS_EMPTY_INITIALIZER;
    struct arguments args;
    struct lb_views views;
    struct table table;

    if (!parse_arguments(conn, argc, argv, false, &args)) {
        return;
    }
    table_init(&table);
    add_view_columns(&table);
    table_add_column(&table, "backends");
    table_add_column(&table, "local");
    table_add_column(&table, "vips");
    collect_views(&views);
    for (size_t i = 0; i < views.n; i++) {
        list_view(&views.array[i], &table);
    }
    table_format_reset();
    table_format(&table, &args.style, &reply);
    unixctl_command_reply(conn, ds_cstr(&reply));
    ds_destroy(&reply);
    table_destroy(&table);
    free(views.array);
}

/* "show": what it is to be about. */

struct target {
    const char *text;
    enum { BY_NAME, BY_VIP, BY_UUID, N_BY } by;
    struct lb_endpoint vip;     /* BY_VIP; any port if it has none. */
};

static bool
vip_matches(const struct target *t, const struct lb_endpoint *vip)
{
    return (t->by != BY_VIP
            || (ipv6_addr_equals(&t->vip.ip, &vip->ip)
                && (!t->vip.port || t->vip.port == vip->port)));
}

static bool
view_matches(const struct target *t, const struct lb_view *v)
{
    char uuid[UUID_LEN + 1];

    switch (t->by) {
    case BY_NAME:
        return v->config && !strcmp(v->config->name, t->text);

    case BY_VIP:
        for (size_t i = 0; i < inc_set_count(v->flows); i++) {
            const struct lb_local_flow *flow = view_flow(v, i);

            if (flow->what.has_vip && vip_matches(t, &flow->what.vip)) {
                return true;
            }
        }
        return false;

    case BY_UUID:
        snprintf(uuid, sizeof uuid, UUID_FMT, UUID_ARGS(&v->lb));
        return !strncasecmp(uuid, t->text, strlen(t->text));

    case N_BY:
    default:
        return false;
    }
}

/* Leaves in 'views' what 'text' means: a name, or else a VIP, or else the
 * start of a UUID. */
static void
choose(const char *text, struct lb_views *views, struct target *t)
{
    *t = (struct target) { .text = text };
    for (; t->by < N_BY; t->by++) {
        size_t n = 0;

        if (t->by == BY_VIP && !lb_endpoint_parse(text, &t->vip)) {
            continue;
        }
        for (size_t i = 0; i < views->n; i++) {
            if (view_matches(t, &views->array[i])) {
                views->array[n++] = views->array[i];
            }
        }
        if (n) {
            views->n = n;
            return;
        }
    }
    views->n = 0;
}

struct config_search {
    const char *text;
    const struct lb_config *found;
};

static void
match_config(struct inc_key key OVS_UNUSED, const void *config_, void *search_)
{
    const struct lb_config *config = config_;
    struct config_search *search = search_;
    char uuid[UUID_LEN + 1];

    snprintf(uuid, sizeof uuid, UUID_FMT, UUID_ARGS(&config->nb));
    if (!strcmp(config->name, search->text)
        || !strncasecmp(uuid, search->text, strlen(search->text))) {
        search->found = config;
    }
}

static void
reply_nothing_found(struct unixctl_conn *conn, const char *text)
{
    struct config_search search = { .text = text };

    inc_kind_for_each(lb_configs_kind, match_config, &search);
    char *s = (search.found
               ? xasprintf("load balancer %s ("UUID_FMT") does not keep to "
                           "this chassis", search.found->name,
                           UUID_ARGS(&search.found->nb))
               : xasprintf("no load balancer that keeps to this chassis has "
                           "name, VIP or UUID \"%s\"", text));
    unixctl_command_reply_error(conn, s);
    free(s);
}

/* "show": the first step. */

/* Where the switch counts what goes through a row's bucket. */
struct counter {
    bool is_counted;
    bool is_backend;            /* Not the bucket for want of one. */
    uint32_t group_id;
    size_t nth;                 /* Of the group's buckets. */
};

struct section {
    struct table table;         /* Its last two columns are the counters. */
    struct counter *counters;   /* One a row. */
    size_t n, allocated;
};

struct show {
    struct unixctl_conn *conn;
    struct table_style style;
    struct section *sections;
    size_t n_sections;

    /* While they are filled. */
    const struct lb_view *view;
    struct section *section;
};

/* For people there is a table for each load balancer, others get one table. */
static bool
is_for_people(const struct show *show)
{
    return show->style.format == TF_TABLE || show->style.format == TF_HTML;
}

static void
section_init(struct show *show, struct section *section)
{
    static const char *const columns[] = {
        "vip", "pipeline", "group", "bucket", "backend", "port", "found_by",
        "chassis", "local", "why", "in_force", "packets", "connections",
    };

    *section = (struct section) { .n = 0 };
    table_init(&section->table);
    if (is_for_people(show)) {
        const struct lb_view *v = show->view;

        table_set_caption(&section->table, xasprintf(
            "%s ("UUID_FMT"): %s, asked by %s, otherwise %s",
            view_name(v), UUID_ARGS(&v->lb),
            lb_locality_to_string(v->locality),
            lb_source_to_string(v->source), view_otherwise(v)));
    } else {
        add_view_columns(&section->table);
    }
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        table_add_column(&section->table, "%s", columns[i]);
    }
}

/* Whether the group of 'desc' is what 'flow' needs. */
static bool
flow_has_group(const struct lb_local_flow *flow, const struct ovn_group *desc)
{
    if (flow->what.n_backends != desc->n_buckets
        || flow->what.affinity != desc->affinity
        || (flow->source == LB_SOURCE_ACTION) != desc->local) {
        return false;
    }
    for (size_t i = 0; i < desc->n_buckets; i++) {
        const struct ovn_group_bucket *b = &desc->buckets[i];
        const struct lb_endpoint ep = { .ip = b->address, .port = b->port };

        if (!lb_endpoint_equal(&flow->what.backends[i], &ep)) {
            return false;
        }
    }
    return true;
}

/* Whether the group of 'desc' is one of 'v', and for which VIPs. */
static bool
has_group(const struct lb_view *v, const struct target *t,
          const struct ovn_group *desc, struct sset *vips)
{
    uint32_t hint = desc->lb_hint ? strtoul(desc->lb_hint, NULL, 16) : 0;
    bool found = false;

    if (hint != v->lb.parts[0]) {
        return false;
    }
    for (size_t i = 0; i < inc_set_count(v->flows); i++) {
        const struct lb_local_flow *flow = view_flow(v, i);

        if (flow_has_group(flow, desc)
            && (!flow->what.has_vip || vip_matches(t, &flow->what.vip))) {
            found = true;
            if (flow->what.has_vip) {
                add_endpoint(vips, &flow->what.vip);
            }
        }
    }
    return found;
}

/* Adds a row for bucket 'i' of the group, which is the one that there is for
 * want of a backend if 'i' is the number of backends. */
static void
add_row(struct show *show, const struct group_view *g, const char *vips,
        size_t i)
{
    struct section *section = show->section;
    struct table *table = &section->table;
    const struct ovn_group_bucket *b = (i < g->desc->n_buckets
                                        ? &g->desc->buckets[i] : NULL);

    table_add_row(table);
    if (!is_for_people(show)) {
        put_view(table, show->view);
    }
    put_text(table, vips);
    put_text(table, (g->desc->affinity
                     ? g->desc->is_switch ? "switch, affinity"
                       : "router, affinity"
                     : g->desc->is_switch ? "switch" : "router"));
    put_number(table, g->id);
    put_number(table, i);
    if (b) {
        const struct lb_endpoint ep = { .ip = b->address, .port = b->port };
        const struct place p = find_place(show->view, b->lport, &b->address);

        table_add_cell(table)->text = endpoint_to_string(&ep);
        put_text(table, p.lport);
        put_text(table, p.found);
        put_text(table, p.chassis);
        put_bool(table, p.local);
        put_text(table, p.why);
        put_bool(table, bitmap_is_set(g->in_force, i));
    } else {
        put_text(table, NULL);
        put_text(table, NULL);
        put_text(table, NULL);
        put_text(table, NULL);
        put_text(table, NULL);
        put_text(table, (g->desc->affinity ? "as without affinity"
                         : view_otherwise(show->view)));
        put_bool(table, true);
    }
    put_text(table, NULL);
    put_text(table, NULL);

    if (section->n >= section->allocated) {
        section->counters = x2nrealloc(section->counters, &section->allocated,
                                       sizeof *section->counters);
    }
    struct counter *c = &section->counters[section->n++];
    c->is_backend = b != NULL;
    c->is_counted = group_find_counter(g->id, i, &c->group_id, &c->nth);
}

/* The groups of a load balancer, while they are collected. */
struct lb_group {
    struct group_view g;
    char *vips;
};
struct lb_groups {
    const struct target *target;
    const struct lb_view *view;
    struct lb_group *array;
    size_t n, allocated;
};

static void
collect_group(const struct group_view *g, void *groups_)
{
    struct lb_groups *groups = groups_;
    struct sset vips = SSET_INITIALIZER(&vips);

    if (has_group(groups->view, groups->target, g->desc, &vips)) {
        if (groups->n >= groups->allocated) {
            groups->array = x2nrealloc(groups->array, &groups->allocated,
                                       sizeof *groups->array);
        }
        groups->array[groups->n++] = (struct lb_group) {
            *g, sset_join(&vips, ",", "")
        };
    }
    sset_destroy(&vips);
}

/* By VIP; switches first, affinity last. */
static int
compare_groups(const void *a_, const void *b_)
{
    const struct lb_group *a = a_;
    const struct lb_group *b = b_;
    int cmp = a->g.desc->affinity - b->g.desc->affinity;

    cmp = cmp ? cmp : strcmp(a->vips, b->vips);
    cmp = cmp ? cmp : b->g.desc->is_switch - a->g.desc->is_switch;
    return cmp ? cmp : a->g.id < b->g.id ? -1 : a->g.id > b->g.id;
}

static void
show_view(struct show *show, const struct target *target)
{
    struct lb_groups groups = { .target = target, .view = show->view };

    group_for_each(collect_group, &groups);
    if (groups.n) {
        qsort(groups.array, groups.n, sizeof *groups.array, compare_groups);
    }
    for (size_t i = 0; i < groups.n; i++) {
        const struct group_view *g = &groups.array[i].g;

        for (size_t j = 0; j < g->desc->n_buckets + (g->empty != NULL); j++) {
            add_row(show, g, groups.array[i].vips, j);
        }
        free(groups.array[i].vips);
    }
    free(groups.array);
}

static void
show_views(struct show *show, const struct target *target,
           const struct lb_views *views)
{
    show->sections = xmalloc(views->n * sizeof *show->sections);
    for (size_t i = 0; i < views->n; i++) {
        show->view = &views->array[i];
        if (!i || is_for_people(show)) {
            show->section = &show->sections[show->n_sections++];
            section_init(show, show->section);
        }
        show_view(show, target);
    }
}

/* "show": the second step. */

static void
fill_in(struct section *section, const struct group_stats *stats)
{
    struct table *table = &section->table;

    for (size_t i = 0; i < section->n; i++) {
        const struct counter *c = &section->counters[i];
        const struct ofputil_group_stats *gs
            = c->is_counted ? group_stats_find(stats, c->group_id) : NULL;

        if (gs && c->nth < gs->n_buckets) {
            struct cell *cells = &table->cells[(i + 1) * table->n_columns - 2];
            uint64_t n = gs->bucket_stats[c->nth].packet_count;

            set_number(&cells[0], n);
            if (c->is_backend) {
                /* Only what begins a connection passes the group. */
                set_number(&cells[1], n);
            }
        }
    }
}

static void
finish_show(const struct group_stats *stats, const char *error, void *show_)
{
    struct show *show = show_;
    struct ds reply = DS_EMPTY_INITIALIZER;

    table_format_reset();
    for (size_t i = 0; i < show->n_sections; i++) {
        struct section *section = &show->sections[i];

        fill_in(section, stats);
        table_format(&section->table, &show->style, &reply);
        table_destroy(&section->table);
        free(section->counters);
    }
    if (error && is_for_people(show)) {
        ds_put_format(&reply, "Without counters: %s.\n", error);
    }
    unixctl_command_reply(show->conn, ds_cstr(&reply));
    ds_destroy(&reply);
    free(show->sections);
    free(show);
}

static void
show_command(struct unixctl_conn *conn, int argc, const char *argv[],
             void *aux OVS_UNUSED)
{
    struct arguments args;
    struct lb_views views;
    struct target target;

    if (!parse_arguments(conn, argc, argv, true, &args)) {
        return;
    }
    ovs_assert(args.what);      /* It is what was asked for. */
    collect_views(&views);
    choose(args.what, &views, &target);
    if (!views.n) {
        reply_nothing_found(conn, args.what);
    } else {
        struct show *show = xzalloc(sizeof *show);

        show->conn = conn;
        show->style = args.style;
        show_views(show, &target, &views);
        group_stats_request(finish_show, show);
    }
    free(views.array);
}

static void
register_commands(void)
{
    unixctl_command_register("lb-local/list", "[-f FORMAT]", 0, 2,
                             list_command, NULL);
    unixctl_command_register("lb-local/show", "[-f FORMAT] LB|VIP", 1, 3,
                             show_command, NULL);
}

const struct module lb_show_module = {
    .name = "lb-show",
    .commands = register_commands,
};
