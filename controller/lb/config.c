/* SPDX-License-Identifier: Apache-2.0 */

/* Configuration of load balancers, as cells; see lb/config.h. */

#include <config.h>
#include "lb/config.h"

#include <stdlib.h>

#include "inputs.h"
#include "lb.h"
#include "lflow-text.h"
#include "module.h"
#include "openvswitch/vlog.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(lb_config);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Length of a stage hint, in hexadecimal digits. */
#define HINT_LEN 8

struct inc_kind *lb_configs_kind;
static struct inc_kind *kind_by_hint;
static struct inc_kind *kind_default;
static struct inc_kind *kind_vips;

/* (lb-default): the chassis' default, an enum lb_locality. */

static bool
locality_equal(const void *a_, const void *b_)
{
    const enum lb_locality *a = a_;
    const enum lb_locality *b = b_;

    return *a == *b;
}

static const struct inc_kind_class default_kind_class = {
    .name = "lb-default",
    .stage = STAGE_LB_CONFIG,
    .key_type = INC_KEY_STRING,
    .equal = locality_equal,
    .destroy = free,
};

static void
default_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *value = in_config(unit, "ovn-lb-local");
    enum lb_locality locality;

    if (!lb_locality_from_default(value, &locality)) {
        UNIT_WARN(unit, &rl, "external_ids:ovn-lb-local has "
                  "unknown value \"%s\", load balancers are not distributed "
                  "by default", value);
    }
    inc_write(unit, kind_default, INC_KEY_ONLY,
              xmemdup(&locality, sizeof locality));
}

static const struct inc_unit_class default_unit_class = {
    .name = "lb-default",
    .stage = STAGE_LB_CONFIG,
    .run = default_run,
};

static enum lb_locality
default_locality(struct inc_unit *unit)
{
    const enum lb_locality *locality = inc_read(unit, kind_default,
                                                INC_KEY_ONLY);

    return locality ? *locality : LB_LOCALITY_NONE;
}

/* (lb-config, northbound UUID), (lbs-by-hint, stage-hint). */

static bool
config_equal(const void *a, const void *b)
{
    return lb_config_equal(a, b);
}

static void
config_destroy(void *config)
{
    lb_config_destroy(config);
    free(config);
}

static const struct inc_kind_class config_kind_class = {
    .name = "lb-config",
    .stage = STAGE_LB_CONFIG,
    .key_type = INC_KEY_UUID,
    .equal = config_equal,
    .destroy = config_destroy,
};

static const struct inc_kind_class by_hint_kind_class = {
    .name = "lbs-by-hint",
    .stage = STAGE_LB_CONFIG,
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

static void
config_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *nb = inc_unit_key(unit).data;
    const struct load_balancer *row = find_row(unit, nb);
    const struct lb_entry *entry = in_lb_entry(unit, nb);
    char hint[HINT_LEN + 1];

    if (!row && !entry) {
        return;
    }

    struct lb_config *config = xmalloc(sizeof *config);
    char *problem = lb_config_init(config, nb, row ? row->name : NULL,
                                   row ? &row->options : NULL, entry);
    if (problem) {
        UNIT_WARN(unit, &rl, "load balancer %s ("UUID_FMT"): %s",
                  config->name, UUID_ARGS(nb), problem);
        free(problem);
    }

    snprintf(hint, sizeof hint, "%08x", nb->parts[0]);
    inc_insert(unit, kind_by_hint, inc_key_string(hint), inc_key_uuid(nb));
    inc_write(unit, lb_configs_kind, inc_key_uuid(nb), config);
}

static const struct inc_unit_class config_unit_class = {
    .name = "lb-config",
    .stage = STAGE_LB_CONFIG,
    .run = config_run,
};

/* (lb-config-vips, northbound UUID): of one that is configured by its row, so
 * that it matters whether a flow belongs to it. */

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
    .name = "lb-config-vips",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_UUID,
    .equal = vips_equal,
    .destroy = vips_destroy,
};

static void
vips_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct inc_key key = inc_unit_key(unit);
    const struct lb_config *config = inc_read(unit, lb_configs_kind, key);

    if (!config || config->source != LB_SOURCE_ROW) {
        return;
    }

    const struct load_balancer *row = find_row(unit, &config->nb);
    if (row) {
        struct vips *vips = xmalloc(sizeof *vips);
        char *bad;

        lb_vips_expand(&row->vips, &row->options, lflow_text_template_var,
                       unit, &vips->array, &vips->n, &bad);
        free(bad);              /* lb/hairpin.c warns. */
        inc_write(unit, kind_vips, key, vips);
    }
}

static const struct inc_unit_class vips_unit_class = {
    .name = "lb-config-vips",
    .stage = STAGE_ZONE,
    .run = vips_run,
};

static void
init(struct inc_engine *engine)
{
    lb_configs_kind = inc_kind_declare(engine, &config_kind_class);
    kind_by_hint = inc_kind_declare(engine, &by_hint_kind_class);
    kind_default = inc_kind_declare(engine, &default_kind_class);
    kind_vips = inc_kind_declare(engine, &vips_kind_class);
    inc_unit_add(engine, &default_unit_class, INC_KEY_ONLY, NULL);
    inc_kind_spawn(in_kinds.lbs_by_nb, &config_unit_class, NULL);
    inc_kind_spawn(lb_configs_kind, &vips_unit_class, NULL);
}

/* Deciding. */

const struct lb_config *
lb_configs_read(struct inc_unit *unit, const struct uuid *nb)
{
    return inc_read(unit, lb_configs_kind, inc_key_uuid(nb));
}

bool
lb_configs_may_be_local(struct inc_unit *unit, const char *hint)
{
    const struct inc_set *lbs = inc_read_set(unit, kind_by_hint,
                                             inc_key_string(hint));
    bool others = !inc_set_count(lbs);

    for (size_t i = 0; i < inc_set_count(lbs); i++) {
        const struct lb_config *config = inc_read(unit, lb_configs_kind,
                                                inc_set_at(lbs, i));
        if (config && config->source != LB_SOURCE_DEFAULT) {
            if (config->locality != LB_LOCALITY_NONE) {
                return true;
            }
        } else {
            others = true;
        }
    }
    return others && default_locality(unit) != LB_LOCALITY_NONE;
}

const char *
lb_configs_mapped_port(struct inc_unit *unit, const char *hint,
                     const struct in6_addr *address)
{
    const struct inc_set *lbs = inc_read_set(unit, kind_by_hint,
                                             inc_key_string(hint));

    for (size_t i = 0; i < inc_set_count(lbs); i++) {
        const struct lb_config *config = inc_read(unit, lb_configs_kind,
                                                inc_set_at(lbs, i));
        const struct lb_mapping *mapping
            = config ? lb_mappings_find(&config->mappings, address) : NULL;
        if (mapping) {
            return mapping->lport;
        }
    }
    return NULL;
}

static void
consider(struct inc_unit *unit, const struct lb_config *config,
         const struct lb_endpoint *backends, size_t n,
         struct lb_choice *choice)
{
    const struct vips *vips
        = (config->source == LB_SOURCE_ROW
           ? inc_read(unit, kind_vips, inc_key_uuid(&config->nb)) : NULL);

    lb_choice_consider(choice, config, vips ? vips->array : NULL,
                       vips ? vips->n : 0, backends, n);
}

void
lb_configs_decide(struct inc_unit *unit, const char *hint,
                  const struct lb_endpoint *backends, size_t n,
                  struct lb_decision *d)
{
    const struct inc_set *lbs = inc_read_set(unit, kind_by_hint,
                                             inc_key_string(hint));
    struct lb_choice choice = LB_CHOICE_INITIALIZER;

    for (size_t i = 0; i < inc_set_count(lbs); i++) {
        const struct lb_config *config = inc_read(unit, lb_configs_kind,
                                                  inc_set_at(lbs, i));

        if (config) {
            consider(unit, config, backends, n, &choice);
        }
    }

    *d = (struct lb_decision) { .config = choice.best };
    if (choice.best) {
        d->lb = choice.best->nb;
    } else {
        d->lb.parts[0] = strtoul(hint, NULL, 16);
    }
    d->locality = lb_choice_locality(&choice, default_locality(unit),
                                     &d->source);
}

const struct module lb_configs_module = {
    .name = "lb-config",
    .init = init,
};
