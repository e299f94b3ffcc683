/* SPDX-License-Identifier: Apache-2.0 */

/* This chassis' own tunnel endpoints; see local-encaps.h. */

#include <config.h>
#include "local-encaps.h"

#include <string.h>

#include "inputs.h"
#include "ip-text.h"
#include "module.h"
#include "openvswitch/util.h"
#include "smap.h"
#include "sset.h"
#include "string-array.h"
#include "util.h"

/* Encap IDs have 16 bits. */
#define MAX_ENCAPS 65536

/* Value of a cell of 'kind': addresses by their encap IDs. */
struct local_encaps {
    size_t n;
    char **ips;
};

/* (local-encaps, only): is there if tunnels start from particular
 * addresses. */
static struct inc_kind *kind;

static bool
local_encaps_equal(const void *a_, const void *b_)
{
    const struct local_encaps *a = a_;
    const struct local_encaps *b = b_;

    return string_array_equal(a->ips, a->n, b->ips, b->n);
}

static void
local_encaps_destroy(void *e_)
{
    struct local_encaps *e = e_;

    string_array_destroy(e->ips, e->n);
    free(e);
}

static void
run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *text = in_config(unit, "ovn-encap-ip");
    const char *first = in_config(unit, "ovn-encap-ip-default");
    const struct ovn_dialect *d = in_dialect(unit);
    struct sset words;

    sset_from_delimited_string(&words, text ? text : "", ", ");
    const bool wanted = (d->tunnels_start_somewhere
                         || (d->has_encap_id && sset_count(&words) > 1));
    if (wanted && !sset_is_empty(&words)) {
        struct local_encaps *e = xmalloc(sizeof *e);
        const char **sorted = sset_sort(&words);
        const size_t n = sset_count(&words);

        *e = (struct local_encaps) {
            .ips = xmalloc(n * sizeof *e->ips),
        };
        if (first && sset_contains(&words, first) && ip_text_is_valid(first)) {
            e->ips[e->n++] = xstrdup(first);
        }
        for (size_t i = 0; i < n && e->n < MAX_ENCAPS; i++) {
            if (ip_text_is_valid(sorted[i])
                && !(e->n && !strcmp(sorted[i], e->ips[0]))) {
                e->ips[e->n++] = xstrdup(sorted[i]);
            }
        }
        free(sorted);
        inc_write(unit, kind, INC_KEY_ONLY, e);
    }
    sset_destroy(&words);
}

static const struct local_encaps *
get(struct inc_unit *unit)
{
    return inc_read(unit, kind, INC_KEY_ONLY);
}

size_t
local_encap_count(struct inc_unit *unit)
{
    const struct local_encaps *e = get(unit);

    return e && e->n ? e->n : 1;
}

const char *
local_encap_ip(struct inc_unit *unit, size_t id)
{
    const struct local_encaps *e = get(unit);

    return e && id < e->n ? e->ips[id] : NULL;
}

size_t
local_encap_of_iface(struct inc_unit *unit, const char *name)
{
    const struct local_encaps *e = get(unit);
    const bool may_choose = name && e && e->n > 1;
    const struct ovs_iface *iface = may_choose ? in_iface(unit, name) : NULL;
    const char *ip = iface ? smap_get(&iface->external_ids, "encap-ip") : NULL;

    for (size_t i = 0; ip && i < e->n; i++) {
        if (!strcmp(e->ips[i], ip)) {
            return i;
        }
    }
    return 0;                   /* binding.c warns if it is none. */
}

static void
init(struct inc_engine *engine)
{
    static const struct inc_kind_class kind_class = {
        .name = "local-encaps",
        .stage = STAGE_CONFIG,
        .key_type = INC_KEY_STRING,
        .equal = local_encaps_equal,
        .destroy = local_encaps_destroy,
    };
    static const struct inc_unit_class unit_class = {
        .name = "local-encaps",
        .stage = STAGE_CONFIG,
        .run = run,
    };

    kind = inc_kind_declare(engine, &kind_class);
    inc_unit_add(engine, &unit_class, INC_KEY_ONLY, NULL);
}

const struct module local_encaps_module = {
    .name = "local-encaps",
    .init = init,
};
