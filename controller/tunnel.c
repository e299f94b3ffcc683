/* SPDX-License-Identifier: Apache-2.0 */

/* The tunnels that there are
 * ==========================
 *
 *     interfaces ------------------------------> tunnel-port --+
 *          |                                                   +--> tunnel
 *          +--> shared-tunnel-port ---+                        |
 *                                     +------> tunnel-flow ----+
 *     encaps-plan --> wanted-tunnel ---+
 *
 * A tunnel with a port of its own is there as long as the port is, whether or
 * not it is still (or already) wanted, just as packets come from it.
 *
 * A tunnel by flow is there if a shared port of its type is, and somebody is
 * to be reached by it.  While one is wanted that has a port of its own, but
 * there is none yet, the one by flow is a stopgap.
 *
 * Changing over
 * -------------
 *
 * No packet may be lost on the way from one form to the other.
 *
 *   - What is sent takes whichever is wanted, if it is there, and else the
 *     other one.
 *   - What comes in is up to the switch: it gives a packet to the port that
 *     has its source for a remote_ip, or else to the shared one.  A new port
 *     has packets at once therefore, before anybody knows its number, and one
 *     that is removed has some after its row is gone.  What may come by such
 *     a port is known by its source (physical-tunnel.c).
 *
 * encaps.c adds and removes ports only when the switch has these flows. */

#include <config.h>

#include "tunnel.h"

#include <stdlib.h>
#include <string.h>

#include "encaps.h"
#include "flow.h"
#include "inputs.h"
#include "ip-text.h"
#include "local-encaps.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "smap.h"
#include "svec.h"
#include "unixctl.h"
#include "util.h"
#include "uuid.h"

struct inc_kind *tunnel_kind;
struct inc_kind *tunnel_kind_shared_port;

/* (tunnels-of-chassis, UUID): set of names of tunnels. */
static struct inc_kind *kind_of_chassis;

/* (tunnels-to-remote, only): set of names of tunnels. */
static struct inc_kind *kind_to_remote;

/* (tunnel-shapes, only): set of "struct tunnel_shape"s. */
static struct inc_kind *kind_shapes;

/* Values. */

static bool
tunnel_equal(const void *a_, const void *b_)
{
    const struct tunnel *a = a_;
    const struct tunnel *b = b_;

    return (uuid_equals(&a->chassis, &b->chassis)
            && !strcmp(a->chassis_name, b->chassis_name)
            && !strcmp(a->remote_ip, b->remote_ip)
            && nullable_string_is_equal(a->local_ip, b->local_ip)
            && nullable_string_is_equal(a->source, b->source)
            && a->is_default == b->is_default
            && a->type == b->type
            && a->ofport == b->ofport
            && a->is_remote == b->is_remote
            && a->by_flow == b->by_flow
            && a->is_stopgap == b->is_stopgap
            && a->any_port == b->any_port);
}

static void
tunnel_destroy(void *t_)
{
    struct tunnel *t = t_;

    free(t->chassis_name);
    free(t->remote_ip);
    free(t->local_ip);
    free(t->source);
    free(t);
}

static bool
shared_port_equal(const void *a_, const void *b_)
{
    const struct shared_port *a = a_;
    const struct shared_port *b = b_;

    return a->type == b->type && a->ofport == b->ofport;
}

/* Units. */

bool
tunnel_is_ipv6(const struct tunnel *t)
{
    return ip_text_is_ipv6(t->remote_ip);
}

/* Whether those that do not ask for another encap of 'ch' are reached by the
 * one of 'type' at 'ip'. */
static bool
is_default_encap(const struct chassis *ch, enum encap_type type,
                 const char *ip)
{
    for (size_t i = 0; i < ch->n_encaps; i++) {
        if (encap_type_from_word(ch->encaps[i].type) == type
            && !strcmp(ch->encaps[i].ip, ip)) {
            return smap_get_bool(&ch->encaps[i].options, "is_default", false);
        }
    }
    return false;
}

/* Takes ownership of 't'. */
static void
put_tunnel(struct inc_unit *unit, const char *name, struct tunnel *t)
{
    const struct inc_key key = inc_key_string(name);
    const struct tunnel_shape shape = { t->type, tunnel_is_ipv6(t) };
    const struct chassis *ch = (uuid_is_zero(&t->chassis) ? NULL
                                : in_chassis(unit, &t->chassis));

    if (ch) {
        t->is_default = is_default_encap(ch, t->type, t->remote_ip);
        t->is_remote = smap_get_bool(&ch->other_config, "is-remote", false);
        inc_insert(unit, kind_of_chassis, inc_key_uuid(&t->chassis), key);
        if (t->is_remote) {
            inc_insert(unit, kind_to_remote, INC_KEY_ONLY, key);
        }
    }
    inc_insert(unit, kind_shapes, INC_KEY_ONLY,
               (struct inc_key) { &shape, sizeof shape });
    inc_write(unit, tunnel_kind, key, t);
}

static ofp_port_t
get_ofport(const struct ovs_iface *iface)
{
    return (iface && iface->ofport > 0
            && iface->ofport < ofp_to_u16(OFPP_MAX)
            ? u16_to_ofp(iface->ofport) : 0);
}

/* One unit for each interface that leads to one chassis. */
static void
port_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *name = inc_unit_key(unit).data;
    const struct ovs_iface *iface = in_iface(unit, name);
    const enum encap_type type = (iface ? encap_type_from_word(iface->type)
                                  : N_ENCAP_TYPES);
    struct encap_mark mark;

    if (type == N_ENCAP_TYPES || !get_ofport(iface)
        || !encap_mark_parse(smap_get(&iface->port_external_ids, TUNNEL_MARK),
                             &mark)) {
        return;
    }

    const struct uuid *chassis = in_chassis_by_name(unit, mark.chassis_name);
    struct tunnel *t = xmalloc(sizeof *t);
    *t = (struct tunnel) {
        .chassis = chassis ? *chassis : UUID_ZERO,
        .chassis_name = mark.chassis_name,
        .remote_ip = mark.ip,
        .local_ip = mark.local_ip,
        .type = type,
        .ofport = get_ofport(iface),
    };
    put_tunnel(unit, name, t);
}

/* Of several of a type, which somebody else has made, the first by name. */
static void
shared_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct inc_set *names = in_shared_tunnel_ifaces(unit);
    bool seen[N_ENCAP_TYPES] = { false };

    for (size_t i = 0; i < inc_set_count(names); i++) {
        const struct ovs_iface *iface = in_iface(unit,
                                                 inc_set_at(names, i).data);
        const enum encap_type type = (get_ofport(iface)
                                      ? encap_type_from_word(iface->type)
                                      : N_ENCAP_TYPES);

        if (type != N_ENCAP_TYPES && !seen[type]) {
            struct shared_port *p = xmalloc(sizeof *p);

            *p = (struct shared_port) { type, get_ofport(iface) };
            inc_write(unit, tunnel_kind_shared_port,
                      inc_key_string(encap_type_to_word(type)), p);
            seen[type] = true;
        }
    }
}

/* One unit for each tunnel that is wanted. */
static void
flow_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *mark = inc_unit_key(unit).data;
    const struct wanted_tunnel *w = inc_read(unit, encaps_kind_wanted,
                                             inc_key_string(mark));
    if (!w || w->by == TUNNEL_BY_PORT_ONLY) {
        return;
    }

    const struct shared_port *p
        = inc_read(unit, tunnel_kind_shared_port,
                   inc_key_string(encap_type_to_word(w->type)));
    struct encap_mark ends;
    if (p && encap_mark_parse(mark, &ends)) {
        /* No interface's name has a slash in it. */
        char *name = xasprintf("/%s", mark);
        struct tunnel *t = xmalloc(sizeof *t);

        *t = (struct tunnel) {
            .chassis = w->chassis,
            .chassis_name = ends.chassis_name,
            .remote_ip = ends.ip,
            .local_ip = ends.local_ip,
            .source = nullable_xstrdup(w->source),
            .type = w->type,
            .ofport = p->ofport,
            .by_flow = true,
            .is_stopgap = w->by != TUNNEL_BY_FLOW,
            .any_port = (w->by != TUNNEL_BY_FLOW
                         || inc_read(unit, encaps_kind_leaves_port,
                                     inc_key_string(mark))),
        };
        put_tunnel(unit, name, t);
        free(name);
    }
}

/* Looking up. */

const struct tunnel *
tunnel_by_name(struct inc_unit *unit, const char *name)
{
    return inc_read(unit, tunnel_kind, inc_key_string(name));
}

/* Of two tunnels to one place, what is wanted comes first. */
static int
rank(const struct tunnel *t)
{
    return !t->by_flow ? 1 : t->is_stopgap ? 0 : 2;
}

static bool
is_better(const struct tunnel *a, const struct tunnel *b, const char *ip,
          const char *local_ip)
{
    const struct encap_end a_end = {
        a->type, a->remote_ip, a->is_default, a->local_ip
    };
    const struct encap_end b_end = {
        b->type, b->remote_ip, b->is_default, b->local_ip
    };

    return (encap_is_better(&a_end, &b_end, ip, local_ip)
            || (!encap_is_better(&b_end, &a_end, ip, local_ip)
                && rank(a) > rank(b)));
}

const struct tunnel *
tunnel_find(struct inc_unit *unit, const struct uuid *chassis,
            const char *encap_ip, size_t id)
{
    const char *local_ip = local_encap_ip(unit, id);
    const struct inc_set *names = inc_read_set(unit, kind_of_chassis,
                                               inc_key_uuid(chassis));
    const struct tunnel *best = NULL;

    for (size_t i = 0; i < inc_set_count(names); i++) {
        const struct tunnel *t = tunnel_by_name(unit,
                                                inc_set_at(names, i).data);

        if (t && (!best || is_better(t, best, encap_ip, local_ip))) {
            best = t;
        }
    }
    return best;
}

const struct inc_set *
tunnels_to_remote(struct inc_unit *unit)
{
    return inc_read_set(unit, kind_to_remote, INC_KEY_ONLY);
}

const struct inc_set *
tunnel_shapes(struct inc_unit *unit)
{
    return inc_read_set(unit, kind_shapes, INC_KEY_ONLY);
}

/* tunnels/list. */

static void
list_tunnel(struct inc_key key, const void *t_, void *lines_)
{
    const struct tunnel *t = t_;
    struct svec *lines = lines_;
    const struct ovs_iface *iface
        = t->by_flow ? NULL : inc_peek(in_kinds.iface, key);
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "%s %s %s ", t->chassis_name,
                  encap_type_to_word(t->type), t->remote_ip);
    if (t->by_flow) {
        ds_put_format(&s, "by flow, shared port %"PRIu32"%s", t->ofport,
                      t->is_stopgap ? ", until it has a port" : "");
    } else {
        ds_put_format(&s, "by port %s (%"PRIu32")", (const char *) key.data,
                      t->ofport);
        if (iface && !smap_is_empty(&iface->bfd)) {
            bool is_new = inc_peek(in_kinds.new_tunnel, key) != NULL;

            ds_put_format(&s, ", BFD %s%s", iface->bfd_up ? "up" : "not up",
                          is_new ? " just now" : "");
        }
    }
    svec_add_nocopy(lines, ds_steal_cstr(&s));
}

static void
list_tunnels(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct svec lines = SVEC_EMPTY_INITIALIZER;

    inc_kind_for_each(tunnel_kind, list_tunnel, &lines);
    svec_sort(&lines);

    char *reply = svec_join(&lines, "\n", lines.n ? "\n" : "");
    unixctl_command_reply(conn, reply);
    free(reply);
    svec_destroy(&lines);
}

static void
register_commands(void)
{
    unixctl_command_register("tunnels/list", "", 0, 0, list_tunnels, NULL);
}

/* Wiring. */

static const struct inc_kind_class tunnel_class = {
    .name = "tunnel",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_STRING,
    .equal = tunnel_equal,
    .destroy = tunnel_destroy,
};

static const struct inc_kind_class of_chassis_class = {
    .name = "tunnels-of-chassis",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_UUID,
    .is_set = true,
};

static const struct inc_kind_class to_remote_class = {
    .name = "tunnels-to-remote",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_STRING,
    .is_set = true,
};

static const struct inc_kind_class shapes_class = {
    .name = "tunnel-shapes",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_STRING,
    .is_set = true,
};

static const struct inc_kind_class shared_port_class = {
    .name = "shared-tunnel-port",
    .stage = STAGE_CONFIG,
    .key_type = INC_KEY_STRING,
    .equal = shared_port_equal,
    .destroy = free,
};

static const struct inc_unit_class port_class = {
    .name = "tunnel-port",
    .stage = STAGE_ZONE,
    .run = port_run,
};

static const struct inc_unit_class flow_class = {
    .name = "tunnel-flow",
    .stage = STAGE_ZONE,
    .run = flow_run,
};

static const struct inc_unit_class shared_class = {
    .name = "shared-tunnel-port",
    .stage = STAGE_CONFIG,
    .run = shared_run,
};

static void
init(struct inc_engine *engine)
{
    tunnel_kind = inc_kind_declare(engine, &tunnel_class);
    tunnel_kind_shared_port = inc_kind_declare(engine, &shared_port_class);
    kind_of_chassis = inc_kind_declare(engine, &of_chassis_class);
    kind_to_remote = inc_kind_declare(engine, &to_remote_class);
    kind_shapes = inc_kind_declare(engine, &shapes_class);

    inc_kind_spawn(in_kinds.tunnel_iface, &port_class, NULL);
    inc_kind_spawn(encaps_kind_wanted, &flow_class, NULL);
    inc_unit_add(engine, &shared_class, INC_KEY_ONLY, NULL);
}

const struct module tunnel_module = {
    .name = "tunnel",
    .init = init,
    .commands = register_commands,
};
