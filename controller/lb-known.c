/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */



/* What is known of load balancers; see lb-known.h. */

#include <config.h>
#include "lb-known.h"

#include <stdlib.h>

#include "inputs.h"
#include "lb.h"
#include "lflow-env.h"
#include "module.h"
#include "openvswitch/vlog.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(lb_known);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Length of a stage hint, in hexadecimal digits. */
#define HINT_LEN 8

struct inc_kind *lb_known_kind;
static struct inc_kind *kind_by_hint;
static struct inc_kind *kind_default;
static struct inc_kind *kind_vips;

/* (lb-default): the chassis' default, an enum lb_spread. */

static bool
spread_equal(const void *a_, const void *b_)
{
    const enum lb_spread *a = a_;
    const enum lb_spread *b = b_;

    return *a == *b;
}

static const struct inc_kind_class default_kind_class = {
    .name = "lb-default",
    .stage = STAGE_WISH,
    .key_type = INC_KEY_STRING,
    .equal = spread_equal,
    .destroy = free,
};

static void
default_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *value = in_config(unit, "ovn-lb-local");
    enum lb_spread spread;

    if (lb_spread_from_default(value, &spread)) {
        unit_no_warning(unit);
    } else {
        unit_warn(unit, &this_module, &rl, "external_ids:ovn-lb-local has "
                  "unknown value \"%s\", load balancers are not distributed "
                  "by default", value);
    }
    inc_write(unit, kind_default, INC_KEY_ONLY,
              xmemdup(&spread, sizeof spread));
}

static const struct inc_unit_class default_unit_class = {
    .name = "lb-default",
    .stage = STAGE_WISH,
    .run = default_run,
};

static enum lb_spread
default_spread(struct inc_unit *unit)
{
    const enum lb_spread *spread = inc_read(unit, kind_default, INC_KEY_ONLY);

    return spread ? *spread : LB_SPREAD_ALL;
}

/* (lb-known, northbound UUID), (lbs-by-hint, stage-hint). */

static bool
known_equal(const void *a_, const void *b_)
{
    const struct lb_known *a = a_;
    const struct lb_known *b = b_;

    return (uuid_equals(&a->row, &b->row)
            && !strcmp(a->name, b->name)
            && a->source == b->source
            && a->spread == b->spread
            && smap_equal(&a->options, &b->options)
            && lb_mappings_equal(&a->mappings, &b->mappings));
}

static void
known_destroy(void *known_)
{
    struct lb_known *known = known_;

    free(known->name);
    smap_destroy(&known->options);
    lb_mappings_destroy(&known->mappings);
    free(known);
}

static const struct inc_kind_class known_kind_class = {
    .name = "lb-known",
    .stage = STAGE_WISH,
    .key_type = INC_KEY_UUID,
    .equal = known_equal,
    .destroy = known_destroy,
};

static const struct inc_kind_class by_hint_kind_class = {
    .name = "lbs-by-hint",
    .stage = STAGE_WISH,
    .key_type = INC_KEY_STRING,
    .is_set = true,
};

/* Returns a southbound row of load balancer 'nb', or NULL.  There is one at
 * most, but for what ovn-northd is about to replace. */
static const struct load_balancer *
find_row(struct inc_unit *unit, const struct uuid *nb)
{
    const struct inc_set *sources = in_lbs_by_nb(unit, nb);

    for (size_t i = 0; i < inc_set_count(sources); i++) {
        const struct load_balancer *row
            = in_load_balancer(unit, inc_set_at(sources, i).data);
        if (row) {
            return row;
        }
    }
    return NULL;
}

/* Fills in the mappings and what 'known' is asked for.  Returns what is wrong
 * with it, for the caller to free, or NULL. */
static char *
know(struct lb_known *known, const struct load_balancer *row,
     const struct lb_wish *entry)
{
    const struct smap none = SMAP_INITIALIZER(&none);
    const char *bad_value;
    char *bad_mappings;

    lb_mappings_parse(entry ? &entry->ip_port_mappings : &none,
                      &known->mappings, &bad_mappings);
    known->spread = lb_wish_decide(row ? &row->options : NULL, entry,
                                   LB_SPREAD_ALL, &known->source, &bad_value);
    if (bad_value) {
        free(bad_mappings);
        return xasprintf("options:distributed has unknown value \"%s\" "
                         "(there are true, fallback and false), the load "
                         "balancer is not distributed", bad_value);
    } else if (bad_mappings) {
        char *s = xasprintf("ip_port_mappings that are malformed are ignored: "
                            "%s", bad_mappings);
        free(bad_mappings);
        return s;
    }
    return NULL;
}

static void
known_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *nb = inc_unit_key(unit).data;
    const struct load_balancer *row = find_row(unit, nb);
    const struct lb_wish *entry = in_lb_entry(unit, nb);
    char hint[HINT_LEN + 1];

    if (!row && !entry) {
        return;
    }

    struct lb_known *known = xmalloc(sizeof *known);
    known->nb = *nb;
    known->row = row ? row->uuid : UUID_ZERO;
    known->name = xstrdup(row ? row->name : entry->name);
    smap_clone(&known->options, row ? &row->options : &entry->options);

    char *complaint = know(known, row, entry);
    if (complaint) {
        unit_warn(unit, &this_module, &rl, "load balancer %s ("UUID_FMT"): %s",
                  known->name, UUID_ARGS(nb), complaint);
        free(complaint);
    } else {
        unit_no_warning(unit);
    }

    snprintf(hint, sizeof hint, "%08x", nb->parts[0]);
    inc_insert(unit, kind_by_hint, inc_key_string(hint), inc_key_uuid(nb));
    inc_write(unit, lb_known_kind, inc_key_uuid(nb), known);
}

static const struct inc_unit_class known_unit_class = {
    .name = "lb-known",
    .stage = STAGE_WISH,
    .run = known_run,
};

/* (lb-known-vips, northbound UUID): of one that has a row and a wish of its
 * own, so that it matters whether a flow is its. */

struct vips {
    struct lb_vip *array;
    size_t n;
};

static bool
vip_equal(const struct lb_vip *a, const struct lb_vip *b)
{
    if (!lb_endpoint_equal(&a->vip, &b->vip)
        || a->n_backends != b->n_backends) {
        return false;
    }
    for (size_t i = 0; i < a->n_backends; i++) {
        if (!lb_endpoint_equal(&a->backends[i], &b->backends[i])) {
            return false;
        }
    }
    return true;
}

static bool
vips_equal(const void *a_, const void *b_)
{
    const struct vips *a = a_;
    const struct vips *b = b_;

    if (a->n != b->n) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (!vip_equal(&a->array[i], &b->array[i])) {
            return false;
        }
    }
    return true;
}

static void
vips_destroy(void *vips_)
{
    struct vips *vips = vips_;

    lb_vips_destroy(vips->array, vips->n);
    free(vips);
}

static const struct inc_kind_class vips_kind_class = {
    .name = "lb-known-vips",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_UUID,
    .equal = vips_equal,
    .destroy = vips_destroy,
};

static void
vips_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct inc_key key = inc_unit_key(unit);
    const struct lb_known *known = inc_read(unit, lb_known_kind, key);

    if (!known || known->source != LB_WISH_ROW) {
        return;
    }

    const struct load_balancer *row = in_load_balancer(unit, &known->row);
    if (row) {
        struct vips *vips = xmalloc(sizeof *vips);
        char *bad;

        lb_vips_expand(&row->vips, &row->options, lflow_env_template_var, unit,
                       &vips->array, &vips->n, &bad);
        free(bad);              /* lb-hairpin.c complains. */
        inc_write(unit, kind_vips, key, vips);
    }
}

static const struct inc_unit_class vips_unit_class = {
    .name = "lb-known-vips",
    .stage = STAGE_ZONE,
    .run = vips_run,
};

void
lb_known_init(struct inc_engine *engine)
{
    lb_known_kind = inc_kind_declare(engine, &known_kind_class);
    kind_by_hint = inc_kind_declare(engine, &by_hint_kind_class);
    kind_default = inc_kind_declare(engine, &default_kind_class);
    kind_vips = inc_kind_declare(engine, &vips_kind_class);
    inc_unit_add(engine, &default_unit_class, INC_KEY_ONLY, NULL);
    inc_kind_spawn(in_kinds.lbs_by_nb, &known_unit_class, NULL);
    inc_kind_spawn(lb_known_kind, &vips_unit_class, NULL);
}

/* Deciding. */

const struct lb_known *
lb_known(struct inc_unit *unit, const struct uuid *nb)
{
    return inc_read(unit, lb_known_kind, inc_key_uuid(nb));
}

bool
lb_known_may_be_local(struct inc_unit *unit, const char *hint)
{
    const struct inc_set *lbs = inc_read_set(unit, kind_by_hint,
                                             inc_key_string(hint));
    bool others = !inc_set_count(lbs);

    for (size_t i = 0; i < inc_set_count(lbs); i++) {
        const struct lb_known *known = inc_read(unit, lb_known_kind,
                                                inc_set_at(lbs, i));
        if (known && known->source != LB_WISH_DEFAULT) {
            if (known->spread != LB_SPREAD_ALL) {
                return true;
            }
        } else {
            others = true;
        }
    }
    return others && default_spread(unit) != LB_SPREAD_ALL;
}

const char *
lb_known_mapped_port(struct inc_unit *unit, const char *hint,
                     const struct in6_addr *address)
{
    const struct inc_set *lbs = inc_read_set(unit, kind_by_hint,
                                             inc_key_string(hint));

    for (size_t i = 0; i < inc_set_count(lbs); i++) {
        const struct lb_known *known = inc_read(unit, lb_known_kind,
                                                inc_set_at(lbs, i));
        const struct lb_mapping *mapping
            = known ? lb_mappings_find(&known->mappings, address) : NULL;
        if (mapping) {
            return mapping->lport;
        }
    }
    return NULL;
}

static bool
consider(struct inc_unit *unit, const struct lb_known *known,
         const struct lb_endpoint *backends, size_t n,
         struct lb_choice *choice)
{
    const struct vips *vips
        = (known->source == LB_WISH_ROW
           ? inc_read(unit, kind_vips, inc_key_uuid(&known->nb)) : NULL);

    return lb_choice_consider(choice, known->source, known->spread,
                              vips ? vips->array : NULL, vips ? vips->n : 0,
                              backends, n);
}

void
lb_known_decide(struct inc_unit *unit, const char *hint,
                const struct lb_endpoint *backends, size_t n,
                struct lb_decision *d)
{
    const struct inc_set *lbs = inc_read_set(unit, kind_by_hint,
                                             inc_key_string(hint));
    struct lb_choice choice = LB_CHOICE_INITIALIZER;

    *d = (struct lb_decision) { .lb.parts[0] = strtoul(hint, NULL, 16) };
    for (size_t i = 0; i < inc_set_count(lbs); i++) {
        const struct lb_known *known = inc_read(unit, lb_known_kind,
                                                inc_set_at(lbs, i));

        if (known && consider(unit, known, backends, n, &choice)) {
            d->lb = known->nb;
            d->known = known;
        }
    }
    d->source = choice.source;
    d->spread = (choice.source != LB_WISH_DEFAULT ? choice.spread
                 : lb_choice_is_default(&choice) ? default_spread(unit)
                 : LB_SPREAD_ALL);
}

const struct module lb_known_module = {
    .name = "lb-known",
    .init = lb_known_init,
};
