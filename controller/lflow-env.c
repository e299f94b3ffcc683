/* SPDX-License-Identifier: Apache-2.0 */

/* What logical flows ask of the world; see lflow-env.h.
 *
 * Derived cells, in the order of their stages:
 *
 *   - (port-constants, group): those ports of a port group that matter here.
 *   - (lflow-datapath, dp), (lflow-datapath-by-key, key): local datapaths.
 *   - (lflow-datapath-group, group): the local datapaths of a group. */

#include <config.h>
#include "lflow-env.h"

#include "binding.h"
#include "hash.h"
#include "lflow-sample.h"
#include "lflow-text.h"
#include "local-datapath.h"
#include "openvswitch/hmap.h"
#include "ovn/logical-fields.h"
#include "util.h"
#include "uuid.h"

/* What has been asked about the datapath at hand: enum ovnact_dp_facts, and
 * its ports and port groups, which are no other's. */
#define ASKED_PORTS (1u << N_OVN_DP_FACTS)

static struct inc_kind *kind_port_constants;
static struct inc_kind *kind_dp;
static struct inc_kind *kind_dp_by_key;
static struct inc_kind *kind_dp_group;

static const struct uuid *
unit_uuid(const struct inc_unit *unit)
{
    return inc_unit_key(unit).data;
}

/* Logical ports. */

bool
lflow_env_takes_part(struct inc_unit *unit, const char *lport)
{
    const struct lport *lp = in_lport(unit, lport);

    if (!lp) {
        return false;
    }
    switch (lp->type) {
    case LP_PATCH:
    case LP_LOCALNET:
    case LP_VTEP:
        /* On every chassis that has the datapath. */
        return true;

    case LP_L3GATEWAY:
    case LP_L2GATEWAY:
        return binding_is_resident(unit, lport);

    case LP_CHASSISREDIRECT:
    case LP_EXTERNAL:
        /* On the gateways that wait, too. */
        return binding_is_gateway(unit, lport);

    case LP_REMOTE:
        return in_dialect(unit)->remote_takes_part;

    case LP_VIF:
    case LP_LOCALPORT:
    case LP_VIRTUAL:
    case LP_CONTAINER:
    case LP_MIRROR:
    case LP_UNKNOWN:
    default:
        return binding_local_port(unit, lport) != NULL;
    }
}

/* Port groups. */

static const struct inc_kind_class port_constants_kind_class = {
    .name = "port-constants",
    .stage = STAGE_DATAPATH,
    .key_type = INC_KEY_STRING,
    .is_set = true,
    .keeps_changes = true,
};

/* A port, in the groups that it is in.  Only ports that take part here count,
 * as with the stock controller: what logical flows say of the others is of no
 * use, and groups can be large. */
static void
port_constants_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct inc_key port = inc_unit_key(unit);

    if (lflow_env_takes_part(unit, port.data)) {
        const struct inc_set *groups = in_groups_by_port(unit, port.data);

        for (size_t i = 0; i < inc_set_count(groups); i++) {
            inc_insert(unit, kind_port_constants, inc_set_at(groups, i),
                       port);
        }
    }
}

static const struct inc_unit_class port_constants_unit_class = {
    .name = "port-constants",
    .stage = STAGE_DATAPATH,
    .run = port_constants_run,
};

/* Datapaths. */

static bool
dp_equal__(const struct lflow_dp *a, const struct lflow_dp *b)
{
    return (uuid_equals(&a->uuid, &b->uuid)
            && a->tunnel_key == b->tunnel_key
            && a->is_switch == b->is_switch
            && a->has_snat_zone == b->has_snat_zone);
}

static bool
dp_equal(const void *a, const void *b)
{
    return dp_equal__(a, b);
}

static const struct inc_kind_class dp_kind_class = {
    .name = "lflow-datapath",
    .stage = STAGE_DP_GROUP,
    .key_type = INC_KEY_UUID,
    .equal = dp_equal,
    .destroy = free,
};

static const struct inc_kind_class dp_by_key_kind_class = {
    .name = "lflow-datapath-by-key",
    .stage = STAGE_DP_GROUP,
    .key_type = INC_KEY_U64,
    .is_set = true,
};

static void
dp_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct local_datapath *ld = local_datapath(unit, unit_uuid(unit));

    if (!ld) {
        return;
    }

    struct lflow_dp *dp = xmalloc(sizeof *dp);
    *dp = (struct lflow_dp) {
        .uuid = ld->uuid,
        .tunnel_key = ld->tunnel_key,
        .is_switch = ld->is_switch,
    };
    if (!dp->is_switch) {
        const struct datapath_binding *db = in_datapath(unit, &dp->uuid);

        dp->has_snat_zone = db && smap_get(&db->external_ids, "snat-ct-zone");
    }

    uint64_t key = dp->tunnel_key;
    inc_insert(unit, kind_dp_by_key, inc_key_u64(&key),
               inc_key_uuid(&dp->uuid));
    inc_write(unit, kind_dp, inc_unit_key(unit), dp);
}

static const struct inc_unit_class dp_unit_class = {
    .name = "lflow-datapath",
    .stage = STAGE_DP_GROUP,
    .run = dp_run,
};

struct dps {
    size_t n;
    struct lflow_dp dps[];
};

static bool
dps_equal(const void *a_, const void *b_)
{
    const struct dps *a = a_;
    const struct dps *b = b_;

    if (a->n != b->n) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (!dp_equal__(&a->dps[i], &b->dps[i])) {
            return false;
        }
    }
    return true;
}

static const struct inc_kind_class dp_group_kind_class = {
    .name = "lflow-datapath-group",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_UUID,
    .equal = dps_equal,
    .destroy = free,
};

static void
dp_group_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct inc_set *set = local_datapaths_of_group(unit,
                                                         unit_uuid(unit));
    size_t n = inc_set_count(set);
    struct dps *dps = xmalloc(sizeof *dps + n * sizeof dps->dps[0]);

    dps->n = 0;
    for (size_t i = 0; i < n; i++) {
        const struct lflow_dp *dp
            = inc_read(unit, kind_dp, inc_set_at(set, i));
        if (dp) {
            dps->dps[dps->n++] = *dp;
        }
    }
    inc_write(unit, kind_dp_group, inc_unit_key(unit), dps);
}

static const struct inc_unit_class dp_group_unit_class = {
    .name = "lflow-datapath-group",
    .stage = STAGE_ZONE,
    .run = dp_group_run,
};

const struct lflow_dp *
lflow_env_dp(struct inc_unit *unit, const struct uuid *dp)
{
    return inc_read(unit, kind_dp, inc_key_uuid(dp));
}

void
lflow_env_group(struct inc_unit *unit, const struct uuid *group,
                const struct lflow_dp ***dps, size_t *n)
{
    const struct dps *members = inc_read(unit, kind_dp_group,
                                         inc_key_uuid(group));

    if (members && members->n) {
        *dps = xrealloc(*dps, (*n + members->n) * sizeof **dps);
        for (size_t i = 0; i < members->n; i++) {
            (*dps)[(*n)++] = &members->dps[i];
        }
    }
}

void
lflow_env_lb(struct inc_unit *unit, const struct load_balancer *lb,
             const struct lflow_dp ***dps, size_t *n)
{
    for (size_t i = 0; i < ARRAY_SIZE(lb->dp_groups); i++) {
        if (!uuid_is_zero(&lb->dp_groups[i])) {
            lflow_env_group(unit, &lb->dp_groups[i], dps, n);
        }
    }
    *dps = xrealloc(*dps, MAX(*n + lb->n_datapaths, 1) * sizeof **dps);
    for (size_t i = 0; i < lb->n_datapaths; i++) {
        const struct lflow_dp *dp = lflow_env_dp(unit, &lb->datapaths[i]);
        if (dp) {
            (*dps)[(*n)++] = dp;
        }
    }
}

const struct lflow_dp *
lflow_env_dp_by_key(struct inc_unit *unit, uint32_t key_)
{
    uint64_t key = key_;
    const struct inc_set *set = inc_read_set(unit, kind_dp_by_key,
                                             inc_key_u64(&key));

    return (inc_set_count(set)
            ? inc_read(unit, kind_dp, inc_set_at(set, 0))
            : NULL);
}

void
lflow_env_init(struct inc_engine *engine)
{
    kind_port_constants = inc_kind_declare(engine,
                                           &port_constants_kind_class);
    inc_kind_spawn(in_kinds.groups_by_port, &port_constants_unit_class, NULL);

    kind_dp = inc_kind_declare(engine, &dp_kind_class);
    kind_dp_by_key = inc_kind_declare(engine, &dp_by_key_kind_class);
    inc_kind_spawn(local_datapath_kind, &dp_unit_class, NULL);

    kind_dp_group = inc_kind_declare(engine, &dp_group_kind_class);
    inc_kind_spawn(in_kinds.dp_group, &dp_group_unit_class, NULL);
}

/* The callbacks. */

/* Returns address set 'name', which must be freed, or NULL. */
static struct expr_constant_set *
read_address_set(struct inc_unit *unit, const char *name)
{
    const struct inc_set *members = in_address_constants(unit, name);
    size_t n = inc_set_count(members);

    if (!n) {
        return NULL;
    }

    /* The first one says that the set exists. */
    struct expr_constant_set *set = expr_constant_set_create(n - 1);
    for (size_t i = 0; i < n - 1; i++) {
        struct inc_key key = inc_set_at(members, i + 1);
        expr_constant_unpack(key.data, key.len, &set->values[i]);
    }
    return set;
}

static const struct expr_constant_set *
env_address_set(const char *name, void *env_)
{
    struct lflow_env *env = env_;
    struct expr_constant_set *set = shash_find_data(&env->address_sets, name);

    if (!set) {
        set = (env->sample
               ? lflow_sample_get(env->sample, name, env->sample_before)
               : read_address_set(env->unit, name));
        if (set) {
            shash_add(&env->address_sets, name, set);
        }
    }
    return set;
}

static void
forget_sets(struct shash *sets)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, sets) {
        expr_constant_set_destroy(node->data);
        shash_delete(sets, node);
    }
}

void
lflow_env_forget_address_sets(struct lflow_env *env)
{
    forget_sets(&env->address_sets);
}

static bool
find_port_key(const struct lflow_env *env, const char *name,
              unsigned int *key)
{
    const struct lport *lp = in_lport(env->unit, name);

    if (lp) {
        *key = lp->tunnel_key;
        return uuid_equals(&lp->datapath, &env->dp->uuid);
    }
    if (!strcmp(name, "none")) {
        /* What 'outport == "none"' is true of goes nowhere. */
        *key = 0;
        return true;
    }
    *key = in_multicast_key(env->unit, &env->dp->uuid, name);
    return *key != 0;
}

/* The ports of a group: those that stay come first. */
struct group_ports {
    const char **names;
    size_t n, n_stay;
};

static bool
has_come(const struct inc_set *set, const char *port)
{
    for (size_t i = 0; i < inc_set_n_came(set); i++) {
        if (!strcmp(inc_set_came_at(set, i).data, port)) {
            return true;
        }
    }
    return false;
}

/* The ports of 'set' as it is, or as it was 'before'. */
static void
get_group_ports(const struct inc_set *set, bool changes, bool before,
                struct group_ports *ports)
{
    size_t n = inc_set_count(set);
    size_t n_came = changes ? inc_set_n_came(set) : 0;
    size_t n_gone = changes ? inc_set_n_gone(set) : 0;

    ports->names = xmalloc((n + n_gone + 1) * sizeof *ports->names);
    ports->n = 0;
    for (size_t i = 0; i < n; i++) {
        const char *port = inc_set_at(set, i).data;

        if (!n_came || !has_come(set, port)) {
            ports->names[ports->n++] = port;
        }
    }
    ports->n_stay = ports->n;
    for (size_t i = 0; i < n_came && !before; i++) {
        ports->names[ports->n++] = inc_set_came_at(set, i).data;
    }
    for (size_t i = 0; i < n_gone && before; i++) {
        ports->names[ports->n++] = inc_set_gone_at(set, i).data;
    }
}

/* Whether there are two of the ports, so that they are alternatives. */
static bool
is_several(const struct lflow_env *env, const struct group_ports *ports)
{
    unsigned int key;
    size_t n = 0;

    for (size_t i = 0; i < ports->n && n < 2; i++) {
        n += find_port_key(env, ports->names[i], &key);
    }
    return n == 2;
}

/* Returns port group 'key', which must be freed, or NULL. */
static struct expr_constant_set *
read_port_group(struct lflow_env *env, const char *key)
{
    if (!in_has_port_group(env->unit, key)) {
        return NULL;
    }

    const struct inc_set *set = inc_read_set(env->unit, kind_port_constants,
                                             inc_key_string(key));
    struct group_ports ports;

    get_group_ports(set, env->sample != NULL, env->sample_before, &ports);
    if (env->sample && (inc_set_n_came(set) || inc_set_n_gone(set))
        && !is_several(env, &ports)) {
        env->sample_fails = true;
    }

    struct expr_constant_set *constants
        = expr_constant_set_from_ports(ports.names, ports.n);
    for (size_t i = ports.n_stay; i < ports.n; i++) {
        constants->values[i].sample = env->sample != NULL;
    }
    free(ports.names);
    return constants;
}

/* ovn-northd splits port groups by datapath: KEY_NAME has the ports of port
 * group NAME that are on the datapath with tunnel key KEY. */
static const struct expr_constant_set *
env_port_group(const char *name, void *env_)
{
    struct lflow_env *env = env_;
    char *key = xasprintf("%"PRIu32"_%s", env->dp->tunnel_key, name);
    struct expr_constant_set *ports = shash_find_data(&env->port_groups, key);

    env->asked |= ASKED_PORTS;
    if (!ports) {
        ports = read_port_group(env, key);
        if (ports) {
            shash_add(&env->port_groups, key, ports);
        }
    }
    free(key);
    return ports;
}

/* A port whose key has been asked for. */
struct env_port {
    struct hmap_node node;      /* In 'env->ports', by 'key'. */
    unsigned int key;
    char *name;
};

static const struct env_port *
find_port(const struct lflow_env *env, unsigned int key)
{
    const struct env_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, node, hash_int(key, 0), &env->ports) {
        if (port->key == key) {
            return port;
        }
    }
    return NULL;
}

static void
clear_ports(struct lflow_env *env)
{
    struct env_port *port;

    HMAP_FOR_EACH_POP (port, node, &env->ports) {
        free(port->name);
        free(port);
    }
}

static bool
env_port_key(const char *name, unsigned int *key, void *env_)
{
    struct lflow_env *env = env_;

    env->asked |= ASKED_PORTS;
    if (!find_port_key(env, name, key)) {
        return false;
    }
    if (!find_port(env, *key)) {
        struct env_port *port = xmalloc(sizeof *port);
        port->key = *key;
        port->name = xstrdup(name);
        hmap_insert(&env->ports, &port->node, hash_int(*key, 0));
    }
    return true;
}

static bool
env_is_chassis_resident(const char *name, void *env_)
{
    struct lflow_env *env = env_;

    return binding_is_resident(env->unit, name);
}

static const char *
env_template_var(const char *name, void *env_)
{
    struct lflow_env *env = env_;

    return lflow_text_template_var(name, env->unit);
}

/* The result is good until the next call. */
const struct gen_opt *
lflow_env_option(const char *name, bool is_dhcpv6, void *env_)
{
    struct lflow_env *env = env_;
    const struct dhcp_option *option = (is_dhcpv6
                                        ? in_dhcpv6_option(env->unit, name)
                                        : in_dhcp_option(env->unit, name));

    return (option && gen_opt_init(&env->opt, option->name, option->code,
                                   option->type)
            ? &env->opt : NULL);
}

void
lflow_env_start(struct lflow_env *env, struct inc_unit *unit)
{
    *env = (struct lflow_env) {
        .env = {
            .symtab = lflow_text_symtab(),
            .address_set = env_address_set,
            .port_group = env_port_group,
            .template_var = env_template_var,
            .port_key = env_port_key,
            .is_chassis_resident = env_is_chassis_resident,
            .aux = env,
            .leaves_out_covered = in_dialect(unit)->leaves_out_covered,
            .negates_by_prefix = in_dialect(unit)->negates_by_prefix,
        },
        .unit = unit,
    };
    hmap_init(&env->ports);
    shash_init(&env->address_sets);
    shash_init(&env->port_groups);
}

void
lflow_env_finish(struct lflow_env *env)
{
    forget_sets(&env->address_sets);
    shash_destroy(&env->address_sets);
    forget_sets(&env->port_groups);
    shash_destroy(&env->port_groups);
    clear_ports(env);
    hmap_destroy(&env->ports);
}

void
lflow_env_set_dp(struct lflow_env *env, const struct lflow_dp *dp)
{
    if (env->dp != dp) {
        env->dp = dp;
        clear_ports(env);
    }
}

/* Results and what they depend on. */

static uint32_t
dp_fact(const struct lflow_dp *dp, enum ovnact_dp_fact fact)
{
    switch (fact) {
    case OVN_DP_KEY: return dp->tunnel_key;
    case OVN_DP_IS_SWITCH: return dp->is_switch;
    case OVN_DP_CZONE_IS_SNAT: return dp->has_snat_zone;
    case N_OVN_DP_FACTS:
    default: OVS_NOT_REACHED();
    }
}

uint32_t
lflow_env_dp_fact(struct lflow_env *env, enum ovnact_dp_fact fact)
{
    env->asked |= 1u << fact;
    return dp_fact(env->dp, fact);
}

bool
lflow_memo_is_good(const struct lflow_memo *memo, const struct lflow_env *env)
{
    if (!memo->dp || memo->dp == env->dp) {
        return memo->dp != NULL;
    }
    if (memo->asked & ASKED_PORTS) {
        return false;
    }
    for (enum ovnact_dp_fact fact = 0; fact < N_OVN_DP_FACTS; fact++) {
        if (memo->asked & (1u << fact)
            && dp_fact(memo->dp, fact) != dp_fact(env->dp, fact)) {
            return false;
        }
    }
    return true;
}

void
lflow_memo_begin(struct lflow_env *env)
{
    env->asked = 0;
}

void
lflow_memo_end(struct lflow_memo *memo, const struct lflow_env *env)
{
    memo->dp = env->dp;
    memo->asked = env->asked;
}

bool
lflow_env_key_takes_part(const struct lflow_env *env, uint32_t key)
{
    const struct env_port *port = find_port(env, key);

    return port && lflow_env_takes_part(env->unit, port->name);
}
