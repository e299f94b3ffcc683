/* SPDX-License-Identifier: Apache-2.0 */

/* Texts of logical flows, parsed; see lflow-text.h.
 *
 * A derived cell, (template-var, name), is a variable as it is on this
 * chassis.
 *
 * What waits is found by the row's UUID.  It also knows the hash of the row's
 * texts and where they were parsed for, so that what has been waiting for too
 * long, since nobody came to take it, is not taken for what it is not. */

#include <config.h>
#include "lflow-text.h"

#include "coverage.h"
#include "inputs.h"
#include "lb-flow.h"
#include "module.h"
#include "openvswitch/hmap.h"
#include "openvswitch/shash.h"
#include "ovn/logical-fields.h"
#include "util.h"
#include "uuid.h"

/* Of flows that balance load: parsed for the first who asks, and found by the
 * flow's own unit. */
COVERAGE_DEFINE(lflow_text_parse);
COVERAGE_DEFINE(lflow_text_take);

static struct inc_engine *engine;
static struct shash symtab, ct_symtab;
static struct inc_kind *kind_template_var;

/* Texts that wait. */
struct waiting {
    struct hmap_node node;      /* In 'waiting', by 'uuid'. */
    struct uuid uuid;
    uint64_t hash;              /* Of struct logical_flow. */
    bool ingress;
    uint8_t table_id;
    const char *layout;         /* The dialect's, with its tables. */
    struct lflow_text text;
};
static struct hmap waiting = HMAP_INITIALIZER(&waiting);

/* Template variables. */

static const struct inc_kind_class template_var_kind_class = {
    .name = "template-var",
    .stage = STAGE_CONFIG,
    .key_type = INC_KEY_STRING,
    .equal = inc_strings_equal,
    .destroy = free,
};

static void
template_vars_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *chassis = in_ovs_fact(unit, "chassis-name");
    const struct smap *vars = chassis ? in_template_vars(unit, chassis) : NULL;
    const struct smap_node *var;

    if (vars) {
        SMAP_FOR_EACH (var, vars) {
            inc_write(unit, kind_template_var, inc_key_string(var->key),
                      xstrdup(var->value));
        }
    }
}

static const struct inc_unit_class template_vars_unit_class = {
    .name = "template-vars",
    .stage = STAGE_CONFIG,
    .run = template_vars_run,
};

const char *
lflow_text_template_var(const char *name, void *unit)
{
    return inc_read(unit, kind_template_var, inc_key_string(name));
}

const struct shash *
lflow_text_symtab(void)
{
    return &symtab;
}

const struct shash *
lflow_text_symtab_of(const struct logical_flow *lf)
{
    return lf->ct_transport ? &ct_symtab : &symtab;
}

/* Parsing.
 *
 * Flows that balance load name neither address sets nor port groups, and have
 * no options of DHCP.  Those that do are not for here. */

struct reader {
    struct expr_env env;
    struct inc_unit *unit;
    bool asked;                 /* It is not the texts alone. */
};

static const struct expr_constant_set *
no_set(const char *name OVS_UNUSED, void *reader_)
{
    struct reader *reader = reader_;

    reader->asked = true;
    return NULL;
}

static const char *
read_template_var(const char *name, void *reader_)
{
    struct reader *reader = reader_;

    reader->asked = true;
    return lflow_text_template_var(name, reader->unit);
}

static const struct gen_opt *
no_option(const char *name OVS_UNUSED, bool is_dhcpv6 OVS_UNUSED,
          void *reader_)
{
    struct reader *reader = reader_;

    reader->asked = true;
    return NULL;
}

void
lflow_text_clear(struct lflow_text *text)
{
    expr_destroy(text->match);
    expr_destroy(text->prereqs);
    text->match = text->prereqs = NULL;
    ovnacts_free(text->ovnacts.data, text->ovnacts.size);
    ofpbuf_clear(&text->ovnacts);
}

void
lflow_text_destroy(struct lflow_text *text)
{
    lflow_text_clear(text);
    ofpbuf_uninit(&text->ovnacts);
}

/* Parses the texts of 'lf'.  Returns false, and then there is nothing to
 * destroy, if they are malformed. */
static bool
parse(struct reader *reader, const struct logical_flow *lf,
      struct lflow_text *text)
{
    const struct ovn_dialect *dialect = in_dialect(reader->unit);
    const struct ovnact_parse_params pp = {
        .env = &reader->env,
        .option = no_option,
        .pipeline = lf->ingress ? OVN_P_INGRESS : OVN_P_EGRESS,
        .n_tables = OVNACT_N_TABLES(&dialect->tables),
        .cur_ltable = lf->table_id,
    };

    COVERAGE_INC(lflow_text_parse);
    *text = (struct lflow_text) { .match = NULL };
    ofpbuf_init(&text->ovnacts, 0);
    char *error = ovnacts_parse_text(lf->actions, &pp, &text->ovnacts,
                                     &text->prereqs);
    if (!error) {
        text->match = expr_parse_text(lf->match, &reader->env, &error);
    }
    if (error) {
        free(error);
        lflow_text_destroy(text);
        return false;
    }
    return true;
}

/* What waits. */

static void
waiting_destroy(struct waiting *w)
{
    hmap_remove(&waiting, &w->node);
    lflow_text_destroy(&w->text);
    free(w);
}

static struct waiting *
waiting_find(struct inc_unit *unit, const struct logical_flow *lf)
{
    struct waiting *w;

    HMAP_FOR_EACH_WITH_HASH (w, node, uuid_hash(&lf->uuid), &waiting) {
        if (uuid_equals(&w->uuid, &lf->uuid)) {
            if (w->hash == lf->hash && w->ingress == lf->ingress
                && w->table_id == lf->table_id
                && w->layout == in_dialect(unit)->layout) {
                return w;
            }
            waiting_destroy(w);
            break;
        }
    }
    return NULL;
}

/* Nobody is going to come for what waits. */
static void
waiting_clear(void)
{
    struct waiting *w;

    HMAP_FOR_EACH_SAFE (w, node, &waiting) {
        waiting_destroy(w);
    }
}

/* Takes ownership of what is in 'text'. */
static void
let_wait(struct inc_unit *unit, const struct logical_flow *lf,
         const struct lflow_text *text)
{
    struct waiting *w = xmalloc(sizeof *w);

    *w = (struct waiting) {
        .uuid = lf->uuid,
        .hash = lf->hash,
        .ingress = lf->ingress,
        .table_id = lf->table_id,
        .layout = in_dialect(unit)->layout,
        .text = *text,
    };
    hmap_insert(&waiting, &w->node, uuid_hash(&w->uuid));
}

bool
lflow_text_take(struct inc_unit *unit, const struct logical_flow *lf,
                struct lflow_text *text)
{
    struct waiting *w = waiting_find(unit, lf);

    if (!w) {
        return false;
    }
    COVERAGE_INC(lflow_text_take);
    ofpbuf_uninit(&text->ovnacts);
    *text = w->text;
    hmap_remove(&waiting, &w->node);
    free(w);
    return true;
}

bool
lflow_text_balances(struct inc_unit *unit, const struct logical_flow *lf,
                    struct lb_flow *flow)
{
    const struct waiting *w = waiting_find(unit, lf);

    if (w) {
        return lb_flow_from_parsed(w->text.ovnacts.data, w->text.ovnacts.size,
                                   w->text.match, flow);
    }

    struct reader reader = {
        .env = {
            .symtab = &symtab,
            .address_set = no_set,
            .port_group = no_set,
            .template_var = read_template_var,
            .aux = &reader,
        },
        .unit = unit,
    };
    struct lflow_text text;
    if (!parse(&reader, lf, &text)) {
        return false;
    }

    bool balances = lb_flow_from_parsed(text.ovnacts.data, text.ovnacts.size,
                                        text.match, flow);
    if (balances && !reader.asked) {
        let_wait(unit, lf, &text);
    } else {
        lflow_text_destroy(&text);
    }
    return balances;
}

/* Wiring. */

static void
init(struct inc_engine *engine_)
{
    engine = engine_;
    ovn_init_symtab(&symtab);
    ovn_init_symtab_ct(&ct_symtab);
    kind_template_var = inc_kind_declare(engine, &template_var_kind_class);
    inc_unit_add(engine, &template_vars_unit_class, INC_KEY_ONLY, NULL);
}

/* The flow stage may run in a later turn of the main loop. */
static void
commit(const struct turn *turn OVS_UNUSED)
{
    if (!hmap_is_empty(&waiting) && !inc_is_dirty(engine, STAGE_FLOW)) {
        waiting_clear();
        hmap_shrink(&waiting);
    }
}

static void
destroy(void)
{
    waiting_clear();
    hmap_destroy(&waiting);
    hmap_init(&waiting);
    expr_symtab_destroy(&symtab);
    shash_destroy(&symtab);
    expr_symtab_destroy(&ct_symtab);
    shash_destroy(&ct_symtab);
}

const struct module lflow_text_module = {
    .name = "lflow-text",
    .init = init,
    .commit = commit,
    .destroy = destroy,
};
