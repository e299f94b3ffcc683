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


/* Local-only load balancers; see lb-local.h. */

#include <config.h>
#include "lb-local.h"

#include "binding.h"
#include "inputs.h"
#include "lb-vips.h"
#include "lflow-env.h"
#include "local-datapath.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "sset.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(lb_local);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

static struct inc_kind *kind_components;
static struct inc_kind *kind_local_only_lb;
static struct inc_kind *kind_backend_port;

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

/* Whether the load balancer is on a datapath of connected component
 * 'component'. */
static bool
lb_is_in_component(struct inc_unit *unit, const struct load_balancer *lb,
                   const struct uuid *component)
{
    if (!uuid_is_zero(&lb->dp_group)) {
        return inc_set_contains(inc_read_set(unit, kind_components,
                                             inc_key_uuid(&lb->dp_group)),
                                inc_key_uuid(component));
    }
    for (size_t i = 0; i < lb->n_datapaths; i++) {
        const struct local_datapath *ld = local_datapath(unit,
                                                         &lb->datapaths[i]);
        if (ld && uuid_equals(&ld->component, component)) {
            return true;
        }
    }
    return false;
}

/* (local-only-lb, Load_Balancer). */

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
local_only_lb_equal(const void *a_, const void *b_)
{
    const struct local_only_lb *a = a_;
    const struct local_only_lb *b = b_;

    if (!uuid_equals(&a->uuid, &b->uuid) || a->fallback != b->fallback
        || a->n_vips != b->n_vips) {
        return false;
    }
    for (size_t i = 0; i < a->n_vips; i++) {
        if (!vip_equal(&a->vips[i], &b->vips[i])) {
            return false;
        }
    }
    return true;
}

static void
local_only_lb_destroy(void *lb_)
{
    struct local_only_lb *lb = lb_;

    lb_vips_destroy(lb->vips, lb->n_vips);
    free(lb);
}

static const struct inc_kind_class local_only_lb_kind_class = {
    .name = "local-only-lb",
    .stage = STAGE_LB,
    .key_type = INC_KEY_UUID,
    .equal = local_only_lb_equal,
    .destroy = local_only_lb_destroy,
};

/* (lb-backend-port, {Load_Balancer, address}). */

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
string_equal(const void *a, const void *b)
{
    return !strcmp(a, b);
}

static const struct inc_kind_class backend_port_kind_class = {
    .name = "lb-backend-port",
    .stage = STAGE_LB,
    .key_type = INC_KEY_OTHER,
    .equal = string_equal,
    .destroy = free,
};

/* The unit. */

/* What the owner of 'lb' has asked for. */
static bool
is_local_only(struct inc_unit *unit, const struct load_balancer *lb,
              bool *fallback)
{
    const char *value = smap_get_def(&lb->options, "distributed", "false");

    *fallback = !strcmp(value, "fallback");
    if (*fallback || !strcmp(value, "true")) {
        return true;
    }
    if (strcmp(value, "false")) {
        unit_warn(unit, &this_module, &rl, "load balancer %s ("UUID_FMT"): "
                  "options:distributed has unknown value \"%s\", "
                  "the load balancer is not distributed",
                  lb->name, UUID_ARGS(&lb->lb_id), value);
    }
    return false;
}

/* Whether a port of 'type' can be what a backend's address belongs to.  The
 * other types are the network's own. */
static bool
type_has_backends(enum lport_type type)
{
    switch (type) {
    case LP_VIF:
    case LP_CONTAINER:
    case LP_VIRTUAL:
    case LP_EXTERNAL:
    case LP_REMOTE:
    case LP_L2GATEWAY:
        return true;

    case LP_PATCH:
    case LP_L3GATEWAY:
    case LP_LOCALNET:
    case LP_LOCALPORT:
    case LP_VTEP:
    case LP_CHASSISREDIRECT:
    case LP_UNKNOWN:
    default:
        return false;
    }
}

/* Returns the only logical port that has 'address' near 'lb'.  If there are
 * several, returns NULL and says so in 'ambiguities'. */
static const char *
find_backend_port(struct inc_unit *unit, const struct load_balancer *lb,
                  const struct in6_addr *address, struct ds *ambiguities)
{
    const struct inc_set *lports = in_lports_by_address(unit, address);
    const char *found = NULL;

    for (size_t i = 0; i < inc_set_count(lports); i++) {
        const char *lport = inc_set_at(lports, i).data;
        const struct lport *lp = in_lport(unit, lport);
        const struct local_datapath *ld;

        if (!lp || !type_has_backends(lp->type)) {
            continue;
        }
        ld = local_datapath(unit, &lp->datapath);
        if (!ld || !lb_is_in_component(unit, lb, &ld->component)) {
            continue;
        }
        if (found) {
            ds_put_format(ambiguities, "%sbackend ",
                          ambiguities->length ? "; " : "");
            ipv6_format_mapped(address, ambiguities);
            ds_put_format(ambiguities, " is the address of both %s and %s",
                          found, lport);
            return NULL;
        }
        found = lport;
    }
    return found;
}

/* Writes the port of each of the backends, once an address. */
static void
write_backend_ports(struct inc_unit *unit, const struct load_balancer *lb,
                    const struct local_only_lb *lol)
{
    struct ds ambiguities = DS_EMPTY_INITIALIZER;
    struct sset done = SSET_INITIALIZER(&done);

    for (size_t i = 0; i < lol->n_vips; i++) {
        const struct lb_vip *lv = &lol->vips[i];

        for (size_t j = 0; j < lv->n_backends; j++) {
            struct backend_key key = { lb->uuid, lv->backends[j].ip };
            char text[INET6_ADDRSTRLEN];
            const char *lport;

            ipv6_string_mapped(text, &key.address);
            if (!sset_add(&done, text)) {
                continue;
            }
            lport = find_backend_port(unit, lb, &key.address, &ambiguities);
            if (lport) {
                inc_write(unit, kind_backend_port, backend_key(&key),
                          xstrdup(lport));
            }
        }
    }
    sset_destroy(&done);
    if (ambiguities.length) {
        unit_warn(unit, &this_module, &rl, "load balancer %s ("UUID_FMT"): %s; "
                  "a distributed load balancer leaves out backends whose "
                  "logical port is ambiguous", lb->name, UUID_ARGS(&lb->lb_id),
                  ds_cstr(&ambiguities));
    } else {
        unit_no_warning(unit);
    }
    ds_destroy(&ambiguities);
}

static void
lb_local_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct load_balancer *lb
        = in_load_balancer(unit, inc_unit_key(unit).data);
    bool fallback;

    if (!lb || !is_local_only(unit, lb, &fallback)) {
        return;
    }

    struct local_only_lb *lol = xmalloc(sizeof *lol);
    char *bad;
    lol->uuid = lb->uuid;
    lol->fallback = fallback;
    lb_vips_read(unit, lb, &lol->vips, &lol->n_vips, &bad);
    free(bad);                  /* lb-hairpin.c complains. */

    write_backend_ports(unit, lb, lol);
    inc_write(unit, kind_local_only_lb, inc_unit_key(unit), lol);
}

static const struct inc_unit_class lb_local_unit_class = {
    .name = "lb-local",
    .stage = STAGE_LB,
    .run = lb_local_run,
};

void
lb_local_init(struct inc_engine *engine)
{
    kind_components = inc_kind_declare(engine, &components_kind_class);
    inc_kind_spawn(in_kinds.dp_group, &components_unit_class, NULL);

    kind_local_only_lb = inc_kind_declare(engine, &local_only_lb_kind_class);
    kind_backend_port = inc_kind_declare(engine, &backend_port_kind_class);
    inc_kind_spawn(in_kinds.load_balancer, &lb_local_unit_class, NULL);
}

/* A hint is but 32 bits long, and may be that of another row, or of several:
 * the backends decide. */
const struct local_only_lb *
lb_local_wished(struct inc_unit *unit, const char *stage_hint,
                const struct ovnact *ovnacts, size_t ovnacts_len)
{
    const struct inc_set *lbs = in_lbs_by_hint(unit, stage_hint);

    for (size_t i = 0; i < inc_set_count(lbs); i++) {
        const struct local_only_lb *lol = inc_read(unit, kind_local_only_lb,
                                                   inc_set_at(lbs, i));
        if (lol && lb_fits(ovnacts, ovnacts_len, lol->vips, lol->n_vips)) {
            return lol;
        }
    }
    return NULL;
}

bool
lb_local_is_wished(struct inc_unit *unit, const char *stage_hint)
{
    const struct inc_set *lbs = in_lbs_by_hint(unit, stage_hint);

    for (size_t i = 0; i < inc_set_count(lbs); i++) {
        const struct load_balancer *lb
            = in_load_balancer(unit, inc_set_at(lbs, i).data);
        const char *value = smap_get_def(&lb->options, "distributed", "");

        if (!strcmp(value, "true") || !strcmp(value, "fallback")) {
            return true;
        }
    }
    return false;
}

const char *
lb_local_backend_port(struct inc_unit *unit, const struct uuid *lb,
                      const struct in6_addr *address)
{
    struct backend_key key = { *lb, *address };

    return inc_read(unit, kind_backend_port, backend_key(&key));
}

bool
lb_local_is_here(struct inc_unit *unit, const char *lport)
{
    if (!binding_local_port(unit, lport)) {
        return false;
    }

    const struct port_binding *pb = in_port_binding(unit, lport);
    struct uuid our_chassis = binding_our_chassis(unit);
    return pb && uuid_equals(&pb->chassis, &our_chassis);
}

bool
lb_local_in_force(struct inc_unit *unit, const struct ovn_group *group,
                  const struct ovn_group_bucket *bucket)
{
    const char *lport = bucket->lport;

    if (lport && !lport[0]) {
        lport = lb_local_backend_port(unit, &group->lb_uuid, &bucket->address);
        if (!lport) {
            return false;
        }
    }
    return !lport || lb_local_is_here(unit, lport);
}
