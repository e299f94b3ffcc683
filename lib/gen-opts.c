/* SPDX-License-Identifier: Apache-2.0 */

/* Option tables: see ovn/gen-opts.h. */

#include <config.h>
#include "ovn/gen-opts.h"

#include <string.h>

#include "openvswitch/shash.h"
#include "util.h"

struct gen_opts {
    struct shash by_name;       /* Contains "struct gen_opt"s. */
};

static const char *const type_names[] = {
    [GEN_OPT_BOOL] = "bool",
    [GEN_OPT_UINT8] = "uint8",
    [GEN_OPT_UINT16] = "uint16",
    [GEN_OPT_UINT32] = "uint32",
    [GEN_OPT_IPV4] = "ipv4",
    [GEN_OPT_IPV6] = "ipv6",
    [GEN_OPT_MAC] = "mac",
    [GEN_OPT_STR] = "str",
    [GEN_OPT_STATIC_ROUTES] = "static_routes",
    [GEN_OPT_HOST_ID] = "host_id",
    [GEN_OPT_DOMAINS] = "domains",
    [GEN_OPT_DOMAIN] = "domain",
};

struct gen_opts *
gen_opts_create(void)
{
    struct gen_opts *opts = xmalloc(sizeof *opts);
    shash_init(&opts->by_name);
    return opts;
}

static void
gen_opt_destroy(struct gen_opt *opt)
{
    if (opt) {
        free(opt->name);
        free(opt);
    }
}

void
gen_opts_destroy(struct gen_opts *opts)
{
    struct shash_node *node;

    if (!opts) {
        return;
    }
    SHASH_FOR_EACH (node, &opts->by_name) {
        gen_opt_destroy(node->data);
    }
    shash_destroy(&opts->by_name);
    free(opts);
}

static bool
type_from_name(const char *name, enum gen_opt_type *type)
{
    for (size_t i = 0; i < ARRAY_SIZE(type_names); i++) {
        if (!strcmp(type_names[i], name)) {
            *type = i;
            return true;
        }
    }
    return false;
}

bool
gen_opt_init(struct gen_opt *opt, const char *name, int64_t code,
             const char *type_name)
{
    enum gen_opt_type type;

    if (code < 0 || code > UINT8_MAX || !type_from_name(type_name, &type)) {
        return false;
    }
    opt->name = CONST_CAST(char *, name);
    opt->code = code;
    opt->type = type;
    return true;
}

bool
gen_opts_add(struct gen_opts *opts, const char *name, int64_t code,
             const char *type_name)
{
    struct gen_opt opt_;

    if (!gen_opt_init(&opt_, name, code, type_name)) {
        return false;
    }

    struct gen_opt *opt = xmemdup(&opt_, sizeof opt_);
    opt->name = xstrdup(name);
    gen_opt_destroy(shash_replace(&opts->by_name, name, opt));
    return true;
}

const struct gen_opt *
gen_opts_find(const struct gen_opts *opts, const char *name)
{
    return opts ? shash_find_data(&opts->by_name, name) : NULL;
}
