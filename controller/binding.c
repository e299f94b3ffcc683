/* SPDX-License-Identifier: Apache-2.0 */

/* How a port's locality is derived
 * --------------------------------
 *
 * Each Port_Binding has one unit, which goes through three steps:
 *
 *   1. What do we want of it?  decide() answers BINDING_PRIMARY,
 *      BINDING_ADDITIONAL or BINDING_RELEASE from the port's type, from
 *      whether its interface is here, and from whom the northbound side or
 *      the gateway priorities have chosen.
 *
 *   2. If we want it, or the row says that we have it, the unit puts out
 *      the desired value, with which binding-commit.c compares the row.
 *
 *   3. What follows?  From the wanted state at once: the datapath becomes
 *      local, so that its logical flows are on their way while the claim is.
 *      That the port is here ("local-port"), and gets a zone, follows only if
 *      the row does not say that it is another chassis', because two may want
 *      it.  If the server is away, the row may be old, and the interface
 *      counts.
 *
 * Containers and virtual ports follow their parent's interface.  A unit
 * cannot read what the parent's unit derives, which is of the same stage; it
 * derives from the same rows whether the parent may be here. */

#include <config.h>
#include "binding.h"

#include "encap.h"
#include "flow.h"
#include "inputs.h"
#include "lport-way.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "sset.h"
#include "tunnel-bfd.h"
#include "unit-log.h"
#include "unixctl.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(binding);

struct inc_kind *binding_kind_local_port;
struct inc_kind *binding_kind_zone_wanted;
struct inc_kind *binding_kind_desired;
static struct inc_kind *resident_kind;
static struct inc_kind *gateway_role_kind;
static struct inc_kind *roots_kind;         /* Set, under INC_KEY_ONLY. */
static struct inc_kind *links_kind;         /* Set, by datapath. */
static struct inc_kind *served_vip_links_kind; /* Set, by datapath. */
static struct inc_kind *localnet_kind;      /* Set, by datapath. */
static struct inc_kind *vtep_ports_kind;    /* Set, by datapath. */
static struct inc_kind *gateway_ports_kind; /* Set, by datapath. */
static struct inc_kind *peer_ports_kind;    /* Set, by datapath. */
static struct inc_kind *server_away_kind;   /* Input, under INC_KEY_ONLY. */

/* What a unit works on. */
struct decision {
    struct inc_unit *unit;
    const struct port_binding *pb;
    struct uuid us;             /* Our Chassis row. */
    enum binding_want want;
    const struct ovs_iface *iface; /* That it is attached to, or NULL. */
    const char *parent;         /* Whose interface that is, or NULL. */
    bool gateway_member;        /* A gateway for it, active or standby. */
    bool hands_over;            /* Active for a moment only. */
};

/* Values of kinds. */

static bool
local_port_equal(const void *a_, const void *b_)
{
    const struct local_port *a = a_;
    const struct local_port *b = b_;

    return (uuid_equals(&a->uuid, &b->uuid)
            && uuid_equals(&a->iface_uuid, &b->iface_uuid)
            && uuid_equals(&a->datapath, &b->datapath)
            && a->tunnel_key == b->tunnel_key
            && a->type == b->type
            && a->ofport == b->ofport
            && a->tag == b->tag
            && a->additional == b->additional
            && nullable_string_is_equal(a->iface, b->iface)
            && nullable_string_is_equal(a->parent, b->parent));
}

static void
local_port_destroy(void *lp_)
{
    struct local_port *lp = lp_;

    free(lp->iface);
    free(lp->parent);
    free(lp);
}

static bool
zone_request_equal(const void *a_, const void *b_)
{
    const struct zone_request *a = a_;
    const struct zone_request *b = b_;

    return (uuid_equals(&a->datapath, &b->datapath)
            && a->only_if_local == b->only_if_local);
}

static bool
desired_equal(const void *a_, const void *b_)
{
    const struct binding_desired *a = a_;
    const struct binding_desired *b = b_;

    return (uuid_equals(&a->uuid, &b->uuid)
            && a->want == b->want
            && uuid_equals(&a->encap, &b->encap)
            && uuid_equals(&a->us, &b->us)
            && a->has_iface == b->has_iface
            && a->elected == b->elected
            && a->hands_over == b->hands_over);
}

static bool
uuids_contain(const struct uuid *uuids, size_t n, const struct uuid *uuid)
{
    for (size_t i = 0; i < n; i++) {
        if (uuid_equals(&uuids[i], uuid)) {
            return true;
        }
    }
    return false;
}

/* Interfaces. */

/* Returns the interface whose iface-id is 'lport', NULL if there is none that
 * has an OpenFlow port.
 *
 * Of several, the one with the lowest OpenFlow port counts: that is the one
 * that has been there longest, as far as the rows can tell. */
static const struct ovs_iface *
find_iface(struct inc_unit *unit, const char *lport)
{
    const struct inc_set *names = in_ifaces_by_id(unit, lport);
    const struct ovs_iface *best = NULL;
    const struct ovs_iface *other = NULL;

    for (size_t i = 0; i < inc_set_count(names); i++) {
        const struct ovs_iface *iface = in_iface(unit,
                                                 inc_set_at(names, i).data);

        if (!iface || iface->ofport <= 0) {
            continue;
        }
        if (!best || iface->ofport < best->ofport) {
            other = best;
            best = iface;
        } else {
            other = iface;
        }
    }
    if (other) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
        UNIT_WARN(unit, &rl,
                  "Invalid configuration: iface-id is configured on "
                  "interfaces : [%s] and [%s]. Ignoring the configuration "
                  "on interface [%s]",
                  best->name, other->name, other->name);
    }
    return best;
}

/* Says so if an interface claims to be 'pb', which is of a type that none can
 * be. */
static void
refuse_ifaces(struct inc_unit *unit, const struct port_binding *pb)
{
    const struct inc_set *names = in_ifaces_by_id(unit, pb->logical_port);

    for (size_t i = 0; i < inc_set_count(names); i++) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
        UNIT_WARN(unit, &rl,
                  "interface %s: iface-id %s is ignored, because no "
                  "interface can be a logical port of that one's type",
                  (const char *) inc_set_at(names, i).data,
                  pb->logical_port);
    }
}

/* Whether 'iface' is the one that 'pb' means: the two may carry a version
 * (iface-id-ver), so that the interface of a port that was deleted and
 * created again under the same name is not taken for the new one's. */
static bool
iface_version_matches(struct inc_unit *unit, const struct port_binding *pb,
                      const struct ovs_iface *iface)
{
    const char *expected = smap_get(&pb->options, "iface-id-ver");
    if (!expected) {
        return true;
    }

    const char *found = smap_get(&iface->external_ids, "iface-id-ver");
    if (found && !strcmp(found, expected)) {
        return true;
    }

    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
    UNIT_INFO(unit, &rl, "Mismatch iface-id-ver for lport %s, expected %s, "
              "found %s", pb->logical_port, expected,
              found ? found : "<empty>");
    return false;
}

/* Who is chosen. */

static bool
names_us(struct inc_unit *unit, const struct uuid *us, const char *name)
{
    const struct chassis *chassis = in_chassis(unit, us);

    return chassis && (!strcmp(name, chassis->name)
                       || !strcmp(name, chassis->hostname));
}

/* What 'requested-chassis' ("MAIN[,ADDITIONAL]...") leaves to us. */
static enum binding_want
requested_of_us(struct inc_unit *unit, const struct uuid *us,
                const struct port_binding *pb)
{
    const char *requested = smap_get(&pb->options, "requested-chassis");
    if (!requested || !requested[0]) {
        return BINDING_PRIMARY;
    }
    if (uuid_equals(&pb->requested_chassis, us)) {
        return BINDING_PRIMARY;
    }
    if (uuids_contain(pb->requested_additional_chassis,
                      pb->n_requested_additional, us)) {
        return BINDING_ADDITIONAL;
    }

    /* The names count too: northd may not have looked at us yet. */
    enum binding_want want = BINDING_RELEASE;
    char *copy = xstrdup(requested);
    char *save_ptr = NULL;
    bool first = true;
    for (char *name = strtok_r(copy, ",", &save_ptr);
         name && want == BINDING_RELEASE;
         name = strtok_r(NULL, ",", &save_ptr)) {
        if (names_us(unit, us, name)) {
            want = first ? BINDING_PRIMARY : BINDING_ADDITIONAL;
        }
        first = false;
    }
    free(copy);
    return want;
}

/* Does the port's own 'requested-chassis' allow it here at all? */
static bool
may_be_here(const struct decision *d)
{
    return requested_of_us(d->unit, &d->us, d->pb) != BINDING_RELEASE;
}

/* Sets 'd->want' for a port that may be bound here if the interface of
 * 'owner' is: the port itself, or its parent. */
static void
decide_by_iface(struct decision *d, const struct port_binding *owner)
{
    const struct ovs_iface *iface = find_iface(d->unit, owner->logical_port);
    if (!iface) {
        return;
    }

    enum binding_want want = requested_of_us(d->unit, &d->us, owner);
    if (want == BINDING_RELEASE) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
        const struct chassis *ours = in_chassis(d->unit, &d->us);
        const struct chassis *now = in_chassis(d->unit, &owner->chassis);

        /* A parent says it for all its containers. */
        if (owner == d->pb) {
            UNIT_INFO(d->unit, &rl, "Not claiming lport %s, chassis %s "
                      "requested-chassis %s pb->chassis %s",
                      owner->logical_port, ours ? ours->name : "",
                      smap_get_def(&owner->options, "requested-chassis", ""),
                      now ? now->name : "");
        }
    } else if (iface_version_matches(d->unit, owner, iface)) {
        d->want = want;
        d->iface = iface;
    }
}

static void
decide_by_parent(struct decision *d, const char *parent)
{
    const struct port_binding *owner
        = parent ? in_port_binding(d->unit, parent) : NULL;

    if (owner && owner->type == LP_VIF) {
        d->parent = parent;
        decide_by_iface(d, owner);
    }
}

/* One candidate for a gateway role, in the order in which they take it. */
static void
consider_gateway(struct decision *d, const struct ha_chassis *candidate,
                 int *best_priority, struct uuid *best)
{
    if (!candidate || uuid_is_zero(&candidate->chassis)) {
        return;
    }
    if (uuid_equals(&candidate->chassis, &d->us)) {
        d->gateway_member = true;
    }
    if (uuid_is_zero(best)
        || lport_gateway_is_first(candidate->priority, &candidate->chassis,
                                  *best_priority, best)) {
        *best_priority = candidate->priority;
        *best = candidate->chassis;
    }
}

static bool
is_gateway_type(enum lport_type type)
{
    return type == LP_CHASSISREDIRECT || type == LP_EXTERNAL;
}

/* A port with gateway chassis is that one's with the highest priority, of
 * those that are alive.  Rows of Gateway_Chassis are what ovn-northd wrote
 * before there were HA_Chassis_Groups; there is no BFD for them. */
static void
decide_by_gateway(struct decision *d)
{
    const struct port_binding *pb = d->pb;
    int best_priority = 0;
    struct uuid best = UUID_ZERO;
    bool hands_over = false;

    if (!uuid_is_zero(&pb->ha_chassis_group)) {
        const struct ha_chassis_group *group
            = in_ha_chassis_group(d->unit, &pb->ha_chassis_group);
        if (group) {
            d->gateway_member = tunnel_bfd_is_member(group, &d->us);
            best = tunnel_bfd_active(d->unit, group, &d->us, &hands_over);
        }
    } else {
        for (size_t i = 0; i < pb->n_gateway_chassis; i++) {
            consider_gateway(d, in_gateway_chassis(d->unit,
                                                   &pb->gateway_chassis[i]),
                             &best_priority, &best);
        }
    }
    /* Others send us packets for a gateway port by tunnels, as they hear of
     * it.  Nobody sends them for an external port. */
    d->hands_over = hands_over && pb->type == LP_CHASSISREDIRECT;
    if (uuid_equals(&best, &d->us) || d->hands_over) {
        d->want = BINDING_PRIMARY;
    }
}

/* 'requested-chassis' goes before what the other options choose.  Only VIFs
 * have additional chassis. */
static void
decide_by_request(struct decision *d)
{
    if (d->want == BINDING_PRIMARY) {
        d->want = requested_of_us(d->unit, &d->us, d->pb);
        if (d->want == BINDING_ADDITIONAL) {
            d->want = BINDING_RELEASE;
        }
    }
}

static void
decide_by_option(struct decision *d, const char *option)
{
    const char *name = smap_get(&d->pb->options, option);

    if (name && names_us(d->unit, &d->us, name)) {
        d->want = BINDING_PRIMARY;
    }
}

/* Step 1. */
static void
decide(struct decision *d)
{
    d->want = BINDING_RELEASE;
    if (uuid_is_zero(&d->us)) {
        return;
    }

    switch (d->pb->type) {
    case LP_VIF:
        decide_by_iface(d, d->pb);
        break;
    case LP_CONTAINER:
        /* Without a tag, which ovn-northd may have yet to choose, there is no
         * telling the container's packets from its parent's. */
        if (d->pb->tag && may_be_here(d)) {
            decide_by_parent(d, d->pb->parent_port);
        }
        break;
    case LP_VIRTUAL:
        if (may_be_here(d)) {
            decide_by_parent(d, d->pb->virtual_parent);
        }
        break;
    case LP_MIRROR:
        if (may_be_here(d)) {
            decide_by_parent(d, d->pb->parent_port);
        }
        break;
    case LP_CHASSISREDIRECT:
    case LP_EXTERNAL:
        decide_by_gateway(d);
        decide_by_request(d);
        break;
    case LP_L3GATEWAY:
        decide_by_option(d, "l3gateway-chassis");
        decide_by_request(d);
        break;
    case LP_L2GATEWAY:
        decide_by_option(d, "l2gateway-chassis");
        decide_by_request(d);
        break;
    case LP_LOCALPORT:
        if (may_be_here(d)) {
            d->iface = find_iface(d->unit, d->pb->logical_port);
        }
        break;
    case LP_PATCH:
    case LP_LOCALNET:
    case LP_VTEP:
    case LP_REMOTE:
    case LP_UNKNOWN:
        break;
    }
}

/* Our encapsulation that the interface asks for with encap-ip, the best of
 * those with that address, or else our default one; zero if none. */
static struct uuid
wanted_encap(const struct decision *d)
{
    const char *asked = d->iface ? smap_get(&d->iface->external_ids,
                                            "encap-ip") : NULL;
    if (d->want == BINDING_RELEASE) {
        return UUID_ZERO;
    }
    const char *ip = asked ? asked : in_config(d->unit,
                                               "ovn-encap-ip-default");
    if (!ip) {
        return UUID_ZERO;
    }

    const struct chassis *chassis = in_chassis(d->unit, &d->us);
    if (!chassis) {
        return UUID_ZERO;
    }
    const struct encap *best = NULL;
    struct encap_end best_end;
    for (size_t i = 0; i < chassis->n_encaps; i++) {
        const struct encap *e = &chassis->encaps[i];
        const struct encap_end end = {
            .type = encap_type_from_word(e->type), .ip = e->ip,
        };

        if (end.type != N_ENCAP_TYPES && !strcmp(e->ip, ip)
            && (!best || encap_is_better(&end, &best_end, ip, NULL))) {
            best = e;
            best_end = end;
        }
    }
    if (best) {
        return best->uuid;
    }
    if (!asked) {
        return UUID_ZERO;       /* chassis.c warns. */
    }

    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    UNIT_WARN(d->unit, &rl,
              "interface %s: this chassis has no encapsulation with "
              "encap-ip %s", d->iface->name, ip);
    return UUID_ZERO;
}

/* Step 2. */
static void
write_desired(const struct decision *d)
{
    struct binding_desired *desired = xmalloc(sizeof *desired);

    *desired = (struct binding_desired) {
        .uuid = d->pb->uuid,
        .want = d->want,
        .encap = wanted_encap(d),
        .us = d->us,
        .has_iface = d->pb->type == LP_VIF || d->pb->type == LP_CONTAINER,
        .elected = is_gateway_type(d->pb->type),
        .hands_over = d->hands_over,
    };
    inc_write(d->unit, binding_kind_desired, inc_unit_key(d->unit), desired);
}

/* Whether a port that we want, but do not have, may be taken for ours
 * already. */
static bool
is_free(const struct decision *d)
{
    return (uuid_is_zero(&d->pb->chassis)
            || is_gateway_type(d->pb->type)
            || inc_read(d->unit, server_away_kind, INC_KEY_ONLY));
}

static void
write_local_port(const struct decision *d, bool additional)
{
    const struct port_binding *pb = d->pb;
    struct local_port *lp = xzalloc(sizeof *lp);

    lp->uuid = pb->uuid;
    lp->datapath = pb->datapath;
    lp->tunnel_key = pb->tunnel_key;
    lp->type = pb->type;
    lp->additional = additional;
    if (d->iface && pb->type != LP_VIRTUAL) {
        lp->iface_uuid = d->iface->uuid;
        lp->ofport = u16_to_ofp(d->iface->ofport);
        lp->iface = xstrdup(d->iface->name);
    }
    lp->tag = pb->type == LP_CONTAINER ? pb->tag : 0;
    lp->parent = nullable_xstrdup(d->parent);
    inc_write(d->unit, binding_kind_local_port, inc_unit_key(d->unit), lp);
}

static void
want_zone(const struct decision *d, bool only_if_local)
{
    struct zone_request *zr = xmalloc(sizeof *zr);

    *zr = (struct zone_request) {
        .datapath = d->pb->datapath,
        .only_if_local = only_if_local,
    };
    inc_write(d->unit, binding_kind_zone_wanted, inc_unit_key(d->unit), zr);
}

/* The Port_Binding called 'name', if there is one of a type that monitor.c
 * always asks for.  Others are here only if their datapath is local, which
 * must not follow from their being here: a controller that starts would not
 * see them. */
static const struct port_binding *
always_visible(struct inc_unit *unit, const char *name)
{
    const struct port_binding *pb = name ? in_port_binding(unit, name) : NULL;

    return pb && (pb->type == LP_PATCH || pb->type == LP_L3GATEWAY
                  || pb->type == LP_CHASSISREDIRECT) ? pb : NULL;
}

/* Puts out where 'd->pb' leads, a patch port or one of a gateway router that
 * is here.
 *
 * A distributed gateway port's switch is not entered from the router on a
 * chassis that is no gateway of it if the redirection is for all traffic
 * ("always-redirect"): nothing that happens there could get anywhere, unless
 * a distributed load balancer is served there. */
static void
write_link(struct decision *d)
{
    const struct port_binding *pb = d->pb;
    const struct port_binding *peer
        = always_visible(d->unit, smap_get(&pb->options, "peer"));
    if (!peer) {
        return;
    }

    const struct port_binding *cr
        = always_visible(d->unit, smap_get(&pb->options,
                                           "chassis-redirect-port"));
    struct inc_kind *kind = links_kind;
    if (cr && smap_get_bool(&cr->options, "always-redirect", false)) {
        struct decision of_cr = { .unit = d->unit, .pb = cr, .us = d->us };

        decide(&of_cr);
        if (!of_cr.gateway_member) {
            kind = served_vip_links_kind;
        }
    }
    inc_insert(d->unit, kind, inc_key_uuid(&pb->datapath),
               inc_key_uuid(&peer->datapath));
}

/* What follows from a port of a type that is not bound to a chassis. */
static void
run_unbound_type(struct decision *d)
{
    if (d->pb->type == LP_PATCH) {
        refuse_ifaces(d->unit, d->pb);
        write_link(d);
        if (smap_get_bool(&d->pb->options, "enable_router_port_acl", false)) {
            /* It has stateful ACLs, although a router is behind it. */
            want_zone(d, false);
        }
    } else if (d->pb->type == LP_LOCALNET) {
        refuse_ifaces(d->unit, d->pb);
        inc_insert(d->unit, localnet_kind, inc_key_uuid(&d->pb->datapath),
                   inc_unit_key(d->unit));
        want_zone(d, true);
    } else if (d->pb->type == LP_VTEP) {
        inc_insert(d->unit, vtep_ports_kind, inc_key_uuid(&d->pb->datapath),
                   inc_unit_key(d->unit));
    } else if (d->pb->type == LP_LOCALPORT && d->iface) {
        write_local_port(d, false);
        want_zone(d, false);
    }
}

static void
port_binding_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    struct inc_key key = inc_unit_key(unit);
    const struct port_binding *pb = in_port_binding(unit, key.data);
    if (!pb) {
        return;
    }

    struct decision d = {
        .unit = unit,
        .pb = pb,
        .us = in_our_chassis(unit),
    };
    if (pb->type == LP_CHASSISREDIRECT) {
        inc_insert(unit, gateway_ports_kind, inc_key_uuid(&pb->datapath), key);
    }
    if ((pb->type == LP_PATCH || pb->type == LP_L3GATEWAY)
        && smap_get(&pb->options, "peer")) {
        inc_insert(unit, peer_ports_kind, inc_key_uuid(&pb->datapath), key);
    }
    decide(&d);
    run_unbound_type(&d);

    bool known = !uuid_is_zero(&d.us);
    bool is_primary = known && uuid_equals(&pb->chassis, &d.us);
    bool is_additional = known && uuids_contain(pb->additional_chassis,
                                                pb->n_additional_chassis,
                                                &d.us);

    /* Step 2, and the part of 3 that follows from what is wanted. */
    bool wanted = d.want != BINDING_RELEASE;
    bool had = is_primary || is_additional;
    if (wanted || had) {
        write_desired(&d);
    }
    /* A virtual port's datapath is local for its parent's sake.  Before it is
     * ours, its row is here for that reason only. */
    if (pb->type == LP_VIRTUAL ? is_primary : wanted || d.gateway_member) {
        inc_insert(unit, roots_kind, INC_KEY_ONLY,
                   inc_key_uuid(&pb->datapath));
    }
    if (pb->type == LP_L3GATEWAY && wanted) {
        write_link(&d);
    }

    /* Step 3, the rest. */
    if (wanted && (had || is_free(&d))) {
        write_local_port(&d, !is_primary && (is_additional || d.want
                                             == BINDING_ADDITIONAL));
        want_zone(&d, false);
    }
    /* An additional chassis does not answer for the port until that is handed
     * over.  The gateway that is alive starts before the database says so,
     * which may take long: a failover does not need the southbound server. */
    if (is_gateway_type(pb->type) ? wanted : is_primary) {
        inc_write(unit, resident_kind, key, inc_there);
    }
    if (is_gateway_type(pb->type) && (wanted || d.gateway_member)) {
        inc_write(unit, gateway_role_kind, key, inc_there);
    }
}

/* Interface. */

const struct local_port *
binding_local_port(struct inc_unit *unit, const char *lport)
{
    return inc_read(unit, binding_kind_local_port, inc_key_string(lport));
}

bool
binding_is_bound(struct inc_unit *unit, const char *lport)
{
    const struct port_binding *pb = in_port_binding(unit, lport);

    return pb && !uuid_is_zero(&pb->chassis);
}

bool
binding_is_here(struct inc_unit *unit, const char *lport)
{
    if (!binding_local_port(unit, lport)) {
        return false;
    }

    const struct port_binding *pb = in_port_binding(unit, lport);
    struct uuid our_chassis = in_our_chassis(unit);
    return pb && uuid_equals(&pb->chassis, &our_chassis);
}

bool
binding_is_resident(struct inc_unit *unit, const char *lport)
{
    return inc_read(unit, resident_kind, inc_key_string(lport)) != NULL;
}

bool
binding_is_gateway(struct inc_unit *unit, const char *lport)
{
    return inc_read(unit, gateway_role_kind, inc_key_string(lport)) != NULL;
}

bool
binding_hands_over(struct inc_unit *unit, const char *lport)
{
    const struct binding_desired *desired
        = inc_read(unit, binding_kind_desired, inc_key_string(lport));

    return desired && desired->hands_over;
}

const struct inc_set *
binding_roots(struct inc_unit *unit)
{
    return inc_read_set(unit, roots_kind, INC_KEY_ONLY);
}

const struct inc_set *
binding_links(struct inc_unit *unit, const struct uuid *dp)
{
    return inc_read_set(unit, links_kind, inc_key_uuid(dp));
}

const struct inc_set *
binding_served_vip_links(struct inc_unit *unit, const struct uuid *dp)
{
    return inc_read_set(unit, served_vip_links_kind, inc_key_uuid(dp));
}

const struct inc_set *
binding_gateway_ports(struct inc_unit *unit, const struct uuid *dp)
{
    return inc_read_set(unit, gateway_ports_kind, inc_key_uuid(dp));
}

const struct inc_set *
binding_peer_ports(struct inc_unit *unit, const struct uuid *dp)
{
    return inc_read_set(unit, peer_ports_kind, inc_key_uuid(dp));
}

const struct inc_set *
binding_localnet_ports(struct inc_unit *unit, const struct uuid *dp)
{
    return inc_read_set(unit, localnet_kind, inc_key_uuid(dp));
}

bool
binding_has_vtep_port(struct inc_unit *unit, const struct uuid *dp)
{
    return inc_set_count(inc_read_set(unit, vtep_ports_kind,
                                      inc_key_uuid(dp))) > 0;
}

bool
binding_peek_resident(const char *lport)
{
    return inc_peek(resident_kind, inc_key_string(lport)) != NULL;
}

bool
binding_peek_gateway(const char *lport)
{
    return inc_peek(gateway_role_kind, inc_key_string(lport)) != NULL;
}

/* debug/dump-local-bindings. */

struct dump {
    struct sset lines;          /* "PARENT\tKIND\tTEXT", sorted later. */
};

static void
dump_local_port(struct inc_key key, const void *value, void *dump_)
{
    const struct local_port *lp = value;
    struct dump *dump = dump_;
    const char *lport = key.data;

    if (lp->type == LP_VIF) {
        sset_add_and_free(&dump->lines, xasprintf(
            "%s\t0\tprimary lport : [%s]\t%s", lport, lport, lp->iface));
    } else if (lp->type == LP_LOCALPORT) {
        sset_add_and_free(&dump->lines, xasprintf(
            "%s\t0\tlocalport lport : [%s]\t%s", lport, lport, lp->iface));
    } else if (lp->parent) {
        sset_add_and_free(&dump->lines, xasprintf(
            "%s\t1\t[%s], type : [%s]", lp->parent, lport,
            lp->type == LP_CONTAINER ? "CONTAINER"
            : lp->type == LP_MIRROR ? "MIRROR" : "VIRTUAL"));
    }
}

/* Splits 'line' at its tabs into 'fields'. */
static void
split_line(char *line, char *fields[4])
{
    for (size_t i = 0; i < 4; i++) {
        fields[i] = strsep(&line, "\t");
    }
}

static void
put_binding(struct ds *s, const char **lines, size_t n)
{
    char *first = xstrdup(lines[0]);
    char *fields[4];

    split_line(first, fields);
    bool has_primary = fields[1][0] == '0';
    ds_put_format(s, "name: [%s], OVS interface name : [%s], "
                  "num binding lports : [%"PRIuSIZE"]\n", fields[0],
                  has_primary ? fields[3] : "NULL", n);
    ds_put_format(s, "%s\n", has_primary ? fields[2] : "no primary lport");
    for (size_t i = has_primary; i < n; i++) {
        char *line = xstrdup(lines[i]);

        split_line(line, fields);
        ds_put_format(s, "child lport[%"PRIuSIZE"] : %s\n",
                      i + !has_primary, fields[2]);
        free(line);
    }
    ds_put_cstr(s, "----------------------------------------\n");
    free(first);
}

static void
dump_local_bindings(struct unixctl_conn *conn, int argc OVS_UNUSED,
                    const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct dump dump = { SSET_INITIALIZER(&dump.lines) };
    inc_kind_for_each(binding_kind_local_port, dump_local_port, &dump);

    struct ds s = DS_EMPTY_INITIALIZER;
    ds_put_cstr(&s, "Local bindings:\n");
    const char **lines = sset_sort(&dump.lines);
    size_t n_lines = sset_count(&dump.lines);
    for (size_t i = 0; i < n_lines; ) {
        size_t owner_len = strcspn(lines[i], "\t") + 1;
        size_t n = 1;

        while (i + n < n_lines
               && !strncmp(lines[i], lines[i + n], owner_len)) {
            n++;
        }
        put_binding(&s, &lines[i], n);
        i += n;
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
    free(lines);
    sset_destroy(&dump.lines);
}

static void
register_commands(void)
{
    unixctl_command_register("debug/dump-local-bindings", "", 0, 0,
                             dump_local_bindings, NULL);
}

/* Wiring. */

static void
init(struct inc_engine *engine)
{
    static const struct inc_kind_class local_port_class = {
        .name = "local-port",
        .stage = STAGE_BINDING,
        .key_type = INC_KEY_STRING,
        .equal = local_port_equal,
        .destroy = local_port_destroy,
    };
    static const struct inc_kind_class zone_wanted_class = {
        .name = "zone-wanted",
        .stage = STAGE_BINDING,
        .key_type = INC_KEY_STRING,
        .equal = zone_request_equal,
        .destroy = free,
    };
    static const struct inc_kind_class desired_class = {
        .name = "desired-binding",
        .stage = STAGE_BINDING,
        .key_type = INC_KEY_STRING,
        .equal = desired_equal,
        .destroy = free,
    };
    static const struct inc_kind_class resident_class = {
        .name = "resident",
        .stage = STAGE_BINDING,
        .key_type = INC_KEY_STRING,
    };
    static const struct inc_kind_class gateway_role_class = {
        .name = "gateway-role",
        .stage = STAGE_BINDING,
        .key_type = INC_KEY_STRING,
    };
    static const struct inc_kind_class roots_class = {
        .name = "root-datapath",
        .stage = STAGE_BINDING,
        .key_type = INC_KEY_STRING,
        .is_set = true,
    };
    static const struct inc_kind_class links_class = {
        .name = "datapath-links",
        .stage = STAGE_BINDING,
        .key_type = INC_KEY_UUID,
        .is_set = true,
    };
    static const struct inc_kind_class served_vip_links_class = {
        .name = "datapath-served-vip-links",
        .stage = STAGE_BINDING,
        .key_type = INC_KEY_UUID,
        .is_set = true,
    };
    static const struct inc_kind_class localnet_class = {
        .name = "localnet-ports",
        .stage = STAGE_BINDING,
        .key_type = INC_KEY_UUID,
        .is_set = true,
    };
    static const struct inc_kind_class vtep_ports_class = {
        .name = "vtep-ports",
        .stage = STAGE_BINDING,
        .key_type = INC_KEY_UUID,
        .is_set = true,
    };
    static const struct inc_kind_class gateway_ports_class = {
        .name = "gateway-ports",
        .stage = STAGE_BINDING,
        .key_type = INC_KEY_UUID,
        .is_set = true,
    };
    static const struct inc_kind_class peer_ports_class = {
        .name = "peer-ports",
        .stage = STAGE_BINDING,
        .key_type = INC_KEY_UUID,
        .is_set = true,
    };
    static const struct inc_kind_class server_away_class = {
        .name = "server-away",
        .stage = STAGE_INPUT,
        .key_type = INC_KEY_STRING,
    };
    static const struct inc_unit_class unit_class = {
        .name = "port-binding",
        .stage = STAGE_BINDING,
        .run = port_binding_run,
    };

    binding_kind_local_port = inc_kind_declare(engine, &local_port_class);
    binding_kind_zone_wanted = inc_kind_declare(engine, &zone_wanted_class);
    binding_kind_desired = inc_kind_declare(engine, &desired_class);
    resident_kind = inc_kind_declare(engine, &resident_class);
    gateway_role_kind = inc_kind_declare(engine, &gateway_role_class);
    roots_kind = inc_kind_declare(engine, &roots_class);
    links_kind = inc_kind_declare(engine, &links_class);
    served_vip_links_kind = inc_kind_declare(engine, &served_vip_links_class);
    localnet_kind = inc_kind_declare(engine, &localnet_class);
    vtep_ports_kind = inc_kind_declare(engine, &vtep_ports_class);
    gateway_ports_kind = inc_kind_declare(engine, &gateway_ports_class);
    peer_ports_kind = inc_kind_declare(engine, &peer_ports_class);
    server_away_kind = inc_kind_declare(engine, &server_away_class);
    inc_kind_spawn(in_kinds.port_binding, &unit_class, NULL);
}

/* Whether the southbound server is away, so that what its rows say may be out
 * of date. */
static void
input(struct turn *turn)
{
    inc_set(server_away_kind, INC_KEY_ONLY,
            turn->server_away ? inc_there : NULL);
}

const struct module binding_module = {
    .name = "binding",
    .init = init,
    .commands = register_commands,
    .input = input,
};
