/* SPDX-License-Identifier: Apache-2.0 */

/* Tunnels to other chassis
 * ========================
 *
 *     Chassis rows --> encaps-plan: what should be --> update_ports()
 *                                                            |
 *                                            ports of the integration bridge
 *                                                            v
 *     flows <-- tunnel cells: what is <-- encaps-iface <-- interfaces
 *
 * The two halves meet only in the switch.  Flows follow the tunnels that are
 * there, whether or not they are still (or already) wanted, just as packets
 * do.
 *
 * The mark of a tunnel port of ours is Port.external_ids:ovn-chassis-id, and
 * its value, "CHASSIS@IP", says which encap it leads to; where it starts may
 * follow it, as in "CHASSIS@IP%LOCAL-IP".  A wanted tunnel
 * whose mark is there is adopted: nothing is done to it if its type and
 * options are right, so a restart changes no port.  One that leads to the
 * right address under a wrong mark gets the right one.
 *
 * Which encaps
 * ------------
 *
 * Of the encapsulation types that both sides have, the best is used.  There is
 * a tunnel to every encap of that type, with no regard to address families:
 * whether an address can be reached is the host's routing table's business.
 * Where tunnels start from particular addresses (local-encaps.h), there is one
 * from each address of the encap's family.
 *
 * With which chassis there are tunnels at all, and which of several a packet
 * takes, is decided in lib/encap.h. */

#include <config.h>

#include "encaps.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "br-int.h"
#include "config-values.h"
#include "flow.h"
#include "inputs.h"
#include "local-encaps.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovs-config.h"
#include "ovs-port.h"
#include "packets.h"
#include "smap.h"
#include "sset.h"
#include "tunnel-bfd.h"
#include "util.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(encaps);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

#define TUNNEL_MARK "ovn-chassis-id"

/* Value of a cell of 'kind_wanted': one tunnel that should be there. */
struct wanted_tunnel {
    char *chassis_name;
    enum encap_type type;
    bool is_encaps_own;         /* Is it the chassis that its Encap names? */
    struct smap options;
    struct smap bfd;            /* Empty: none. */
};

/* (wanted-tunnel, mark). */
static struct inc_kind *kind_wanted;

/* (encaps-ready, only): exists as soon as wanted tunnels are really known,
 * that is, we know which chassis we are. */
static struct inc_kind *kind_ready;

/* (tunnel, interface). */
struct inc_kind *encaps_kind_tunnel_by_iface;

/* (tunnels-of-chassis, UUID): set of interfaces. */
static struct inc_kind *kind_tunnels_of_chassis;

/* Whether ports may differ from what is wanted. */
static bool ports_dirty = true;

/* The configuration with which ovs-vswitchd has seen that the ports are gone
 * from former integration bridges, or 0 if there were none. */
static int64_t former_gone_cfg;

/* Values. */

static bool
wanted_tunnel_equal(const void *a_, const void *b_)
{
    const struct wanted_tunnel *a = a_;
    const struct wanted_tunnel *b = b_;

    return !strcmp(a->chassis_name, b->chassis_name) && a->type == b->type
           && a->is_encaps_own == b->is_encaps_own
           && smap_equal(&a->options, &b->options)
           && smap_equal(&a->bfd, &b->bfd);
}

static void
wanted_tunnel_destroy(void *w_)
{
    struct wanted_tunnel *w = w_;

    free(w->chassis_name);
    smap_destroy(&w->options);
    smap_destroy(&w->bfd);
    free(w);
}

static bool
tunnel_equal(const void *a_, const void *b_)
{
    const struct tunnel *a = a_;
    const struct tunnel *b = b_;

    return uuid_equals(&a->chassis, &b->chassis)
           && !strcmp(a->chassis_name, b->chassis_name)
           && !strcmp(a->remote_ip, b->remote_ip)
           && nullable_string_is_equal(a->local_ip, b->local_ip)
           && a->is_default == b->is_default && a->type == b->type
           && a->ofport == b->ofport;
}

static void
tunnel_destroy(void *t_)
{
    struct tunnel *t = t_;

    free(t->chassis_name);
    free(t->remote_ip);
    free(t->local_ip);
    free(t);
}

/* What should be: one unit for each chassis. */

static void
parse_words(struct sset *words, const char *s)
{
    sset_from_delimited_string(words, s ? s : "", ", ");
}

static bool
config_is_true(struct inc_unit *unit, const char *key)
{
    return config_value_bool(in_config(unit, key), false);
}

static bool
may_tunnel(struct inc_unit *unit, const struct chassis *ch)
{
    struct sset zones;

    parse_words(&zones, in_config(unit, "ovn-transport-zones"));
    const char **array = sset_array(&zones);
    const struct encap_realm here = {
        .transport_zones = array,
        .n_transport_zones = sset_count(&zones),
        .is_interconn = config_is_true(unit, "ovn-is-interconn"),
    };
    const struct encap_realm there = {
        .transport_zones = (const char *const *) ch->transport_zones,
        .n_transport_zones = ch->n_transport_zones,
        .is_remote = smap_get_bool(&ch->other_config, "is-remote", false),
    };
    bool may = encap_may_tunnel(&here, &there);

    free(array);
    sset_destroy(&zones);
    return may;
}

/* The type of the tunnels to 'ch', or N_ENCAP_TYPES. */
static enum encap_type
choose_type(struct inc_unit *unit, const struct chassis *ch)
{
    unsigned int ours = 0;
    unsigned int theirs = 0;
    struct sset words;
    const char *word;

    parse_words(&words, in_config(unit, "ovn-encap-type"));
    SSET_FOR_EACH (word, &words) {
        ours |= 1u << encap_type_from_word(word);
    }
    sset_destroy(&words);
    for (size_t i = 0; i < ch->n_encaps; i++) {
        theirs |= 1u << encap_type_from_word(ch->encaps[i].type);
    }
    return encap_common_type(ours, theirs);
}

static bool
is_ipv6(const char *ip)
{
    return strchr(ip, ':') != NULL;
}

/* The first of 'ips', addresses separated by commas, of the family of
 * 'remote_ip'.  NULL if there is none.  Caller frees. */
static char *
find_same_family(const char *ips, const char *remote_ip)
{
    bool ipv6 = is_ipv6(remote_ip);
    char *copy = xstrdup(ips);
    char *save_ptr = NULL;
    char *found = NULL;

    for (char *ip = strtok_r(copy, ", ", &save_ptr); ip && !found;
         ip = strtok_r(NULL, ", ", &save_ptr)) {
        if (is_ipv6(ip) == ipv6) {
            found = xstrdup(ip);
        }
    }
    free(copy);
    return found;
}

static void
add_local_ip(struct inc_unit *unit, const char *remote_ip,
             struct smap *options)
{
    const char *ip = in_config(unit, "ovn-encap-ip");
    bool ipsec = in_ipsec(unit);

    if (!ip || !(ipsec || config_is_true(unit, "ovn-set-local-ip"))) {
        return;
    }
    if (!strchr(ip, ',')) {
        smap_add(options, "local_ip", ip);
    } else if (ipsec) {
        /* To send from an address that is not secured would be worse than not
         * to hear what others send to the other addresses. */
        char *local_ip = find_same_family(ip, remote_ip);
        if (local_ip) {
            VLOG_WARN_RL(&rl, "with IPsec, the tunnel to %s uses but one of "
                         "the addresses in ovn-encap-ip, %s", remote_ip,
                         local_ip);
            smap_add_nocopy(options, xstrdup("local_ip"), local_ip);
        }
    } else {
        VLOG_WARN_RL(&rl, "ovn-set-local-ip is ignored: it needs a single "
                     "address in ovn-encap-ip, not \"%s\"", ip);
    }
}

/* What openvswitch-ipsec goes by.  It knows the far end by the name in its
 * certificate. */
static void
add_ipsec(struct inc_unit *unit, const struct chassis *ch,
          struct smap *options)
{
    if (in_ipsec(unit)) {
        static const char *const flags[] = {
            "ipsec_encapsulation", "ipsec_forceencaps"
        };

        smap_add(options, "remote_name", ch->name);
        for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
            if (smap_get_bool(in_sb_options(unit), flags[i], false)) {
                smap_add(options, flags[i], "yes");
            }
        }
    }
}

/* A tunnel to 'encap' of 'ch' from 'local_ip', or, if that is NULL, from any
 * address. */
static void
want_tunnel(struct inc_unit *unit, const struct chassis *ch,
            const struct encap *encap, enum encap_type type,
            const char *local_ip)
{
    struct wanted_tunnel *w = xmalloc(sizeof *w);

    *w = (struct wanted_tunnel) {
        .chassis_name = xstrdup(ch->name),
        .type = type,
        .is_encaps_own = !strcmp(encap->chassis_name, ch->name),
        .options = SMAP_INITIALIZER(&w->options),
        .bfd = SMAP_INITIALIZER(&w->bfd),
    };

    /* What the far end asks for, as far as it concerns the sender... */
    const char *csum = smap_get(&encap->options, "csum");
    const char *dst_port = smap_get(&encap->options, "dst_port");
    if (csum && (!strcmp(csum, "true") || !strcmp(csum, "false"))) {
        smap_add(&w->options, "csum", csum);
    }
    if (dst_port) {
        smap_add(&w->options, "dst_port", dst_port);
    }

    /* ...and what this end is configured to do. */
    const char *tos = in_config(unit, "ovn-encap-tos");
    const char *df_default = in_config(unit, "ovn-encap-df_default");
    if (tos && strcmp(tos, "none")) {
        smap_add(&w->options, "tos", tos);
    }
    if (df_default) {
        smap_add(&w->options, "df_default", df_default);
    }
    if (local_ip) {
        smap_add(&w->options, "local_ip", local_ip);
    } else {
        add_local_ip(unit, encap->ip, &w->options);
    }
    add_ipsec(unit, ch, &w->options);
    tunnel_bfd_config(unit, &ch->uuid, &w->bfd);

    smap_add(&w->options, "key", "flow");
    smap_add(&w->options, "remote_ip", encap->ip);

    char *mark = xasprintf("%s@%s%s%s", ch->name, encap->ip,
                           local_ip ? "%" : "", local_ip ? local_ip : "");
    inc_write(unit, kind_wanted, inc_key_string(mark), w);
    free(mark);
}

/* Tunnels to 'encap' of 'ch': from each of our addresses of its family that
 * they start from, or, if there is none, from any. */
static void
want_tunnels(struct inc_unit *unit, const struct chassis *ch,
             const struct encap *encap, enum encap_type type)
{
    bool any = false;
    const char *local_ip;

    for (size_t id = 0; (local_ip = local_encap_ip(unit, id)); id++) {
        if (is_ipv6(local_ip) == is_ipv6(encap->ip)) {
            want_tunnel(unit, ch, encap, type, local_ip);
            any = true;
        }
    }
    if (!any) {
        want_tunnel(unit, ch, encap, type, NULL);
    }
}

static void
plan_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *uuid = inc_unit_key(unit).data;
    const struct chassis *ch = in_chassis(unit, uuid);
    const struct uuid ours = binding_our_chassis(unit);

    if (!ch || uuid_is_zero(&ours)) {
        return;
    }
    if (uuid_equals(uuid, &ours)) {
        inc_write(unit, kind_ready, INC_KEY_ONLY, inc_there);
        return;
    }
    if (!may_tunnel(unit, ch)) {
        return;
    }

    enum encap_type type = choose_type(unit, ch);
    if (type == N_ENCAP_TYPES) {
        VLOG_INFO_RL(&rl, "no tunnel to chassis %s: it has none of the encap "
                     "types in this chassis' ovn-encap-type", ch->name);
        return;
    }
    for (size_t i = 0; i < ch->n_encaps; i++) {
        if (encap_type_from_word(ch->encaps[i].type) == type) {
            want_tunnels(unit, ch, &ch->encaps[i], type);
        }
    }
}

/* What is: one unit for each interface. */

/* Whether those that do not ask for another encap of 'chassis' are reached by
 * the one of 'type' at 'ip'. */
static bool
is_default_encap(struct inc_unit *unit, const struct uuid *chassis,
                 enum encap_type type, const char *ip)
{
    const struct chassis *ch = in_chassis(unit, chassis);

    for (size_t i = 0; ch && i < ch->n_encaps; i++) {
        if (encap_type_from_word(ch->encaps[i].type) == type
            && !strcmp(ch->encaps[i].ip, ip)) {
            return smap_get_bool(&ch->encaps[i].options, "is_default", false);
        }
    }
    return false;
}

static void
iface_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *name = inc_unit_key(unit).data;
    const struct ovs_iface *iface = in_iface(unit, name);
    const char *mark = iface ? smap_get(&iface->port_external_ids,
                                        TUNNEL_MARK) : NULL;
    const char *at = mark ? strrchr(mark, '@') : NULL;

    if (!at || iface->ofport <= 0 || iface->ofport >= ofp_to_u16(OFPP_MAX)
        || !inc_set_contains(in_tunnel_ifaces(unit), inc_key_string(name))) {
        return;
    }

    enum encap_type type = encap_type_from_word(iface->type);
    if (type == N_ENCAP_TYPES) {
        return;
    }

    char *chassis_name = xmemdup0(mark, at - mark);
    const struct uuid *chassis = in_chassis_by_name(unit, chassis_name);
    const char *from = strchr(at, '%');
    char *remote_ip = from ? xmemdup0(at + 1, from - at - 1) : xstrdup(at + 1);
    struct tunnel *t = xmalloc(sizeof *t);
    *t = (struct tunnel) {
        .chassis = chassis ? *chassis : UUID_ZERO,
        .chassis_name = chassis_name,
        .remote_ip = remote_ip,
        .local_ip = from ? xstrdup(from + 1) : NULL,
        .is_default = chassis && is_default_encap(unit, chassis, type,
                                                  remote_ip),
        .type = type,
        .ofport = u16_to_ofp(iface->ofport),
    };

    const struct inc_key key = inc_key_string(name);
    if (chassis) {
        inc_insert(unit, kind_tunnels_of_chassis, inc_key_uuid(chassis), key);
    }
    inc_write(unit, encaps_kind_tunnel_by_iface, key, t);
}

const struct tunnel *
encaps_tunnel_by_iface(struct inc_unit *unit, const char *iface)
{
    return inc_read(unit, encaps_kind_tunnel_by_iface, inc_key_string(iface));
}

const struct tunnel *
encaps_tunnel(struct inc_unit *unit, const struct uuid *chassis,
              const char *encap_ip, size_t id)
{
    const char *local_ip = local_encap_ip(unit, id);
    const struct inc_set *ifaces = inc_read_set(unit, kind_tunnels_of_chassis,
                                                inc_key_uuid(chassis));
    const struct tunnel *best = NULL;
    struct encap_end best_end;

    for (size_t i = 0; i < inc_set_count(ifaces); i++) {
        const struct tunnel *t
            = encaps_tunnel_by_iface(unit, inc_set_at(ifaces, i).data);

        if (t) {
            const struct encap_end end = {
                t->type, t->remote_ip, t->is_default, t->local_ip
            };

            if (!best || encap_is_better(&end, &best_end, encap_ip,
                                         local_ip)) {
                best = t;
                best_end = end;
            }
        }
    }
    return best;
}

/* Making ports what they should be. */

static void
wanted_changed(struct inc_key key OVS_UNUSED, const void *old OVS_UNUSED,
               const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    ports_dirty = true;
}

static bool
is_tunnel_port(const struct ovs_iface *iface)
{
    return iface && smap_get(&iface->port_external_ids, TUNNEL_MARK);
}

static void
iface_changed(struct inc_key key OVS_UNUSED, const void *old, const void *new,
              void *aux OVS_UNUSED)
{
    if (is_tunnel_port(old) || is_tunnel_port(new)) {
        ports_dirty = true;
    }
}

/* Several controllers, each a chassis of its own, may share a switch.  So that
 * their tunnels' names do not clash, each has an index that stands in them:
 * the first one none, then a digit or letter.  Who has which is in
 * Open_vSwitch.other_config, where all find it. */
#define INDEX_KEY "ovn-chassis-idx-"

static bool
index_is_taken(const struct ovsrec_open_vswitch *cfg, const char *index)
{
    const struct smap_node *node;

    SMAP_FOR_EACH (node, &cfg->other_config) {
        if (!strncmp(node->key, INDEX_KEY, strlen(INDEX_KEY))
            && !strcmp(node->value, index)) {
            return true;
        }
    }
    return false;
}

static bool
has_index(const struct ovsrec_open_vswitch *cfg, const char *chassis_name)
{
    char *key = xasprintf(INDEX_KEY"%s", chassis_name);
    bool has = smap_get(&cfg->other_config, key) != NULL;

    free(key);
    return has;
}

/* Fills in 'index' with ours.  If we have none yet, takes the first that is
 * free, and returns true. */
static bool
claim_index(const struct ovsrec_open_vswitch *cfg, const char *chassis_name,
            char index[2])
{
    static const char indexes[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char *key = xasprintf(INDEX_KEY"%s", chassis_name);
    const char *ours = smap_get(&cfg->other_config, key);

    ovs_strlcpy(index, ours ? ours : "", 2);
    if (!ours) {
        for (size_t i = 0; indexes[i] && index_is_taken(cfg, index); i++) {
            index[0] = indexes[i];
            index[1] = '\0';
        }
        ovsrec_open_vswitch_verify_other_config(cfg);
        ovsrec_open_vswitch_update_other_config_setkey(cfg, key, index);
    }
    free(key);
    return !ours;
}

/* Gives up the index that 'chassis_name' has.  Returns true if it had none. */
static bool
release_index(const struct ovsrec_open_vswitch *cfg, const char *chassis_name,
              struct ovsdb_idl_txn *txn)
{
    bool released = !has_index(cfg, chassis_name);

    if (!released && txn) {
        char *key = xasprintf(INDEX_KEY"%s", chassis_name);
        ovsrec_open_vswitch_update_other_config_delkey(cfg, key);
        free(key);
    }
    return released;
}

/* Gives up the index of our former name, if we had another one.  Returns true
 * once that is done. */
static bool
leave_former_name(const struct ovsrec_open_vswitch *cfg,
                  const char *chassis_name, struct ovsdb_idl_txn *txn)
{
    static char *name;          /* The one whose index we may have. */

    if (name && !strcmp(name, chassis_name)) {
        return true;
    }
    ports_dirty = true;
    if (name && !release_index(cfg, name, txn)) {
        return false;
    }
    free(name);
    name = xstrdup(chassis_name);
    return true;
}

/* State of one pass over the tunnel ports. */
struct commit_ctx {
    struct ovsdb_idl_txn *txn;
    char index[2];              /* Stands in the names. */
    const struct ovsrec_bridge *bridge;
    struct sset names;          /* Of all ports and interfaces. */
    struct sset adopted;        /* Marks. */
    struct shash places;        /* Where a tunnel leads -> the mark of the one
                                 * that is made, of all that lead there. */
    bool changed;
};

/* Where 'w' leads.  Caller frees. */
static char *
make_place(const struct wanted_tunnel *w)
{
    const struct encap_end end = {
        .type = w->type,
        .ip = smap_get(&w->options, "remote_ip"),
        .local_ip = smap_get(&w->options, "local_ip"),
    };

    return encap_place(&end);
}

static struct encap_claim
claim_of(const struct wanted_tunnel *w)
{
    return (struct encap_claim) {
        .chassis_name = w->chassis_name,
        .ip = smap_get(&w->options, "remote_ip"),
        .is_encaps_own = w->is_encaps_own,
    };
}

/* Of all tunnels that lead to one place, one is made. */
static void
choose_for_place(struct inc_key key, const void *w_, void *ctx_)
{
    const struct wanted_tunnel *w = w_;
    struct commit_ctx *ctx = ctx_;
    const char *mark = key.data;
    char *place = make_place(w);
    struct shash_node *node = shash_find(&ctx->places, place);

    if (!node) {
        shash_add(&ctx->places, place, mark);
    } else {
        const struct wanted_tunnel *chosen
            = inc_peek(kind_wanted, inc_key_string(node->data));
        const struct encap_claim ours = claim_of(w);
        const struct encap_claim theirs = claim_of(chosen);

        if (encap_claim_wins(&ours, &theirs)) {
            node->data = CONST_CAST(char *, mark);
        }
        VLOG_WARN_RL(&rl, "chassis %s and chassis %s have the same %s encap "
                     "%s: only one of them has a tunnel, %s", w->chassis_name,
                     chosen->chassis_name, encap_type_to_word(w->type),
                     smap_get(&w->options, "remote_ip"),
                     (const char *) node->data);
    }
    free(place);
}

static bool
is_chosen(const struct commit_ctx *ctx, const char *mark,
          const struct wanted_tunnel *w)
{
    char *place = make_place(w);
    const char *chosen = shash_find_data(&ctx->places, place);

    free(place);
    return !strcmp(chosen, mark);
}

/* A name for a tunnel port to 'chassis' that no port has yet: "ovn", our index
 * if any, six characters of the chassis' name, a number.  Caller frees. */
static char *
make_port_name(struct commit_ctx *ctx, const char *chassis)
{
    char prefix[7];

    ovs_strlcpy(prefix, chassis, sizeof prefix);
    for (char *p = prefix; *p; p++) {
        if (!isgraph((unsigned char) *p) || *p == '/') {
            *p = '_';
        }
    }
    for (int i = 0; i < UINT16_MAX; i++) {
        char *name = xasprintf("ovn%s-%s-%x", ctx->index, prefix, i);

        if (sset_add(&ctx->names, name)) {
            return name;
        }
        free(name);
    }
    return NULL;
}

static struct ovs_port_spec
make_spec(const struct wanted_tunnel *w, const char *mark, const char *name)
{
    return (struct ovs_port_spec) {
        .name = name,
        .type = encap_type_to_word(w->type),
        .options = &w->options,
        .bfd = &w->bfd,
        .mark = TUNNEL_MARK,
        .mark_value = mark,
    };
}

static void
create_tunnel(struct inc_key key, const void *w_, void *ctx_)
{
    const struct wanted_tunnel *w = w_;
    struct commit_ctx *ctx = ctx_;
    const char *mark = key.data;

    if (sset_contains(&ctx->adopted, mark) || !is_chosen(ctx, mark, w)) {
        return;
    }
    char *name = make_port_name(ctx, w->chassis_name);
    if (!name) {
        VLOG_WARN_RL(&rl, "no name is left for a tunnel to chassis %s",
                     w->chassis_name);
        return;
    }
    const struct ovs_port_spec spec = make_spec(w, mark, name);
    ovs_port_insert(ctx->txn, ctx->bridge, &spec);
    ovsdb_idl_txn_add_comment(ctx->txn,
                              "ovn-controller: adding tunnel %s to chassis %s",
                              name, w->chassis_name);
    ctx->changed = true;
    free(name);
}

static void
adopt_port(struct commit_ctx *ctx, const struct ovsrec_port *port,
           const char *mark, const struct wanted_tunnel *w)
{
    const struct ovs_port_spec spec = make_spec(w, mark, port->name);

    sset_add(&ctx->adopted, mark);
    if (ovs_port_update(port, &spec)) {
        ctx->changed = true;
    }
}

/* Adopts 'port' if it has the mark of a tunnel that is wanted. */
static bool
adopt_by_mark(struct commit_ctx *ctx, const struct ovsrec_port *port)
{
    const char *mark = smap_get(&port->external_ids, TUNNEL_MARK);
    const struct wanted_tunnel *w
        = mark ? inc_peek(kind_wanted, inc_key_string(mark)) : NULL;

    if (!w || port->n_interfaces != 1 || !is_chosen(ctx, mark, w)
        || sset_contains(&ctx->adopted, mark)) {
        return false;
    }
    adopt_port(ctx, port, mark, w);
    return true;
}

/* State of a search for a tunnel that leads where 'iface' does. */
struct search {
    const struct commit_ctx *ctx;
    const struct ovsrec_interface *iface;
    const char *mark;           /* What is found. */
    const struct wanted_tunnel *w;
};

static void
consider_tunnel(struct inc_key key, const void *w_, void *search_)
{
    const struct wanted_tunnel *w = w_;
    struct search *search = search_;
    const struct smap *options = &search->iface->options;
    const bool exact = nullable_string_is_equal(
        smap_get(options, "local_ip"), smap_get(&w->options, "local_ip"));

    /* One that starts elsewhere will do if no other leads there. */
    if ((!search->w || exact)
        && !sset_contains(&search->ctx->adopted, key.data)
        && encap_type_from_word(search->iface->type) == w->type
        && !strcmp(smap_get(&w->options, "remote_ip"),
                   smap_get_def(options, "remote_ip", ""))
        && is_chosen(search->ctx, key.data, w)) {
        search->mark = key.data;
        search->w = w;
    }
}

/* Whether 'port' is one of ours, whatever became of its mark. */
static bool
is_our_port(const struct commit_ctx *ctx, const struct ovsrec_port *port)
{
    char *prefix = xasprintf("ovn%s-", ctx->index);
    bool is_ours = smap_get(&port->external_ids, TUNNEL_MARK) != NULL;

    if (!is_ours && port->n_interfaces == 1) {
        is_ours = (encap_type_from_word(port->interfaces[0]->type)
                   != N_ENCAP_TYPES
                   && !strncmp(port->name, prefix, strlen(prefix)));
    }
    free(prefix);
    return is_ours;
}

/* Adopts 'port' if it leads where a wanted tunnel without a port should, and
 * otherwise removes it.  A chassis that has a new name is where it was, and
 * the switch cannot have two tunnels to the same place at once, not even if
 * the former is removed as the latter is added. */
static void
adopt_or_remove(struct commit_ctx *ctx, const struct ovsrec_port *port)
{
    struct search search = { .ctx = ctx };

    if (port->n_interfaces == 1) {
        search.iface = port->interfaces[0];
        inc_kind_for_each(kind_wanted, consider_tunnel, &search);
    }
    if (search.w) {
        adopt_port(ctx, port, search.mark, search.w);
    } else {
        ovsdb_idl_txn_add_comment(ctx->txn,
                                  "ovn-controller: removing tunnel %s",
                                  port->name);
        ovs_port_delete(ctx->bridge, port);
        ctx->changed = true;
    }
}

static void
check_ports(struct commit_ctx *ctx)
{
    const struct ovsrec_port **others;
    size_t n_others = 0;

    others = xmalloc(ctx->bridge->n_ports * sizeof *others);
    for (size_t i = 0; i < ctx->bridge->n_ports; i++) {
        const struct ovsrec_port *port = ctx->bridge->ports[i];

        if (!adopt_by_mark(ctx, port) && is_our_port(ctx, port)) {
            others[n_others++] = port;
        }
    }
    for (size_t i = 0; i < n_others; i++) {
        adopt_or_remove(ctx, others[i]);
    }
    free(others);
}

/* Removes all tunnel ports from 'bridge'; true if there are none. */
static bool
remove_tunnels(const struct ovsrec_bridge *bridge, struct ovsdb_idl_txn *txn)
{
    bool done = true;

    for (size_t i = 0; i < bridge->n_ports; i++) {
        const struct ovsrec_port *port = bridge->ports[i];

        if (smap_get(&port->external_ids, TUNNEL_MARK)) {
            done = false;
            if (txn) {
                ovs_port_delete(bridge, port);
            }
        }
    }
    return done;
}

/* Removes the tunnel ports from other bridges than 'br_int' that have been the
 * integration bridge, in our time or before.  Returns true once the switch has
 * done so.
 *
 * Two tunnels to the same place cannot be at once.  Even if one is removed and
 * the other added in one transaction, or in two that ovs-vswitchd sees
 * together, it fails to add the second, and does not try again. */
static bool
leave_former_bridges(struct ovsdb_idl *ovs_idl,
                     const struct ovsrec_open_vswitch *cfg,
                     struct ovsdb_idl_txn *txn, const char *br_int,
                     const char *chassis_name)
{
    const struct ovsrec_bridge *bridge;
    bool done = true;

    OVSREC_BRIDGE_FOR_EACH (bridge, ovs_idl) {
        if (br_int_may_have_been(cfg, chassis_name, br_int, bridge->name)) {
            done &= remove_tunnels(bridge, txn);
        }
    }
    if (!done) {
        former_gone_cfg = cfg->next_cfg + 1;
        ovsrec_open_vswitch_set_next_cfg(cfg, former_gone_cfg);
    }
    return done && cfg->cur_cfg >= former_gone_cfg;
}

/* Nothing in the switch says that a tunnel is not secured. */
static void
warn_about_ipsec(const struct ovsrec_open_vswitch *cfg)
{
    static const char *const keys[] = {
        "certificate", "private_key", "ca_cert"
    };

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (inc_peek(in_kinds.ipsec, INC_KEY_ONLY)
            && !smap_get(&cfg->other_config, keys[i])) {
            VLOG_WARN_RL(&rl, "tunnels are to be secured with IPsec, but "
                         "cannot be, because Open_vSwitch.other_config has no "
                         "%s", keys[i]);
            break;
        }
    }
}

/* Creates, mends and removes tunnel ports.  What is not known to be wanted is
 * removed, so this is for complete southbound snapshots only. */
static void
update_ports(const struct turn *turn)
{
    struct ovsdb_idl *ovs_idl = turn->ovs_idl;
    struct ovsdb_idl_txn *txn = turn->ovs_txn;
    const char *br_int = turn->config->br_int;
    const char *chassis_name = turn->config->chassis_name;
    const struct ovsrec_open_vswitch *cfg = ovsrec_open_vswitch_first(ovs_idl);
    static char *last_br_int;

    if (!txn || !cfg || !chassis_name) {
        return;
    }
    if ((last_br_int && strcmp(last_br_int, br_int))
        || !has_index(cfg, chassis_name)) {
        ports_dirty = true;
    }
    if (!leave_former_name(cfg, chassis_name, txn)
        || !ports_dirty || !inc_peek(kind_ready, INC_KEY_ONLY)
        || !leave_former_bridges(ovs_idl, cfg, txn, br_int, chassis_name)) {
        return;
    }
    struct commit_ctx ctx = {
        .txn = txn,
        .bridge = ovs_bridge_find(ovs_idl, br_int),
        .names = SSET_INITIALIZER(&ctx.names),
        .adopted = SSET_INITIALIZER(&ctx.adopted),
        .places = SHASH_INITIALIZER(&ctx.places),
    };
    if (!ctx.bridge) {
        return;
    }

    ctx.changed = claim_index(cfg, chassis_name, ctx.index);
    const struct ovsrec_port *port;
    OVSREC_PORT_FOR_EACH (port, ovs_idl) {
        sset_add(&ctx.names, port->name);
        for (size_t i = 0; i < port->n_interfaces; i++) {
            sset_add(&ctx.names, port->interfaces[i]->name);
        }
    }
    inc_kind_for_each(kind_wanted, choose_for_place, &ctx);
    check_ports(&ctx);
    inc_kind_for_each(kind_wanted, create_tunnel, &ctx);

    /* Only a pass that finds nothing to do proves that the last transaction
     * has gone through. */
    ports_dirty = ctx.changed;
    if (!ports_dirty) {
        free(last_br_int);
        last_br_int = xstrdup(br_int);
        former_gone_cfg = 0;
        warn_about_ipsec(cfg);
    }

    sset_destroy(&ctx.names);
    sset_destroy(&ctx.adopted);
    shash_destroy(&ctx.places);
}

/* Removes all tunnel ports, and forgets which of several controllers of the
 * switch we were. */
static bool
cleanup(const struct turn *turn)
{
    if (!ovsdb_idl_is_connected(turn->ovs_idl)) {
        return true;
    }

    const struct ovsrec_bridge *bridge
        = ovs_bridge_find(turn->ovs_idl, turn->config->br_int);
    const struct ovsrec_open_vswitch *cfg
        = ovsrec_open_vswitch_first(turn->ovs_idl);
    bool removed = !bridge || remove_tunnels(bridge, turn->ovs_txn);
    bool released = !cfg || release_index(cfg, turn->config->chassis_name,
                                          turn->ovs_txn);
    return removed && released;
}

/* Wiring. */

static const struct inc_kind_class wanted_class = {
    .name = "wanted-tunnel",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_STRING,
    .equal = wanted_tunnel_equal,
    .destroy = wanted_tunnel_destroy,
};

static const struct inc_kind_class ready_class = {
    .name = "encaps-ready",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_STRING,
};

static const struct inc_kind_class tunnel_class = {
    .name = "tunnel",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_STRING,
    .equal = tunnel_equal,
    .destroy = tunnel_destroy,
};

static const struct inc_kind_class tunnels_of_chassis_class = {
    .name = "tunnels-of-chassis",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_UUID,
    .is_set = true,
};

static const struct inc_unit_class plan_class = {
    .name = "encaps-plan",
    .stage = STAGE_ZONE,
    .run = plan_run,
};

static const struct inc_unit_class iface_class = {
    .name = "encaps-iface",
    .stage = STAGE_ZONE,
    .run = iface_run,
};

static void
init(struct inc_engine *engine)
{
    kind_wanted = inc_kind_declare(engine, &wanted_class);
    kind_ready = inc_kind_declare(engine, &ready_class);
    encaps_kind_tunnel_by_iface = inc_kind_declare(engine, &tunnel_class);
    kind_tunnels_of_chassis = inc_kind_declare(engine,
                                               &tunnels_of_chassis_class);

    inc_kind_spawn(in_kinds.chassis, &plan_class, NULL);
    inc_kind_spawn(in_kinds.iface, &iface_class, NULL);
    inc_kind_watch(kind_wanted, wanted_changed, NULL);
    inc_kind_watch(kind_ready, wanted_changed, NULL);
    inc_kind_watch(in_kinds.iface, iface_changed, NULL);
}

const struct module encaps_module = {
    .name = "encaps",
    .init = init,
    .complete = update_ports,
    .away = update_ports,
    .cleanup = cleanup,
};
