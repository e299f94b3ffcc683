/* SPDX-License-Identifier: Apache-2.0 */

/* Tunnels to other chassis, as they should be
 * ===========================================
 *
 *     Chassis rows --> encaps-plan: what should be --> update_ports()
 *                                                            |
 *                                            ports of the integration bridge
 *                                                            v
 *                              flows <-- tunnel.c: what is <-- interfaces
 *
 * A tunnel port that we make has the key ovn-chassis-id in Port.external_ids.
 * The value, its mark, is "CHASSIS@IP": the encap that the tunnel leads to.  A
 * tunnel that starts from a particular address has "CHASSIS@IP%LOCAL-IP".
 *
 * A port with the mark of a wanted tunnel is adopted: if its type and options
 * are right, nothing is done to it, so a restart changes no port.  A port that
 * leads to the right address under a wrong mark gets the right mark.
 *
 * Which encaps
 * ------------
 *
 * Of the encapsulation types that both sides have, the best is used.  There is
 * a tunnel to every encap of that type, of either address family: whether an
 * address can be reached is for the host's routing table to say.  Where
 * tunnels start from particular addresses (local-encaps.h), there is a tunnel
 * from each address of the encap's family.
 *
 * With which chassis there are tunnels at all, and which of several a packet
 * takes, is decided in lib/encap.h.
 *
 * Ports or flows
 * --------------
 *
 * With ovn-enable-flow-based-tunnels, one port for each type of tunnel leads
 * to all chassis, so that none is added or removed as they come and go; flows
 * say where a packet goes.  Some tunnels have a port of their own even so:
 *
 *   - those with BFD, which is a port's, and hence all whose state gateways go
 *     by, see tunnel-bfd.c,
 *   - those whose Encap asks for a dst_port of its own, and those to a name in
 *     place of an address: flows cannot say these,
 *   - all of them with IPsec, which is configured by port.
 *
 * Changing from one form to the other loses no packet.  A port is removed only
 * when packets have another way, and added only when packets that come by it
 * will be taken, which has to stay so until ovs-vswitchd has removed it: that
 * is later than its row.  So update_ports() changes ports only while the
 * switch has all flows that follow from what is wanted now ("is_ready"), and
 * the flows take packets by a port that is not there yet, or not any more (a
 * "wanted-tunnel" with a port, "tunnel-leaves-port"). */

#include <config.h>

#include "encaps.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "br-int.h"
#include "config-values.h"
#include "coverage.h"
#include "evpn-tunnels.h"
#include "inputs.h"
#include "ip-text.h"
#include "local-encaps.h"
#include "module.h"
#include "ofctrl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovs-config.h"
#include "ovs-port.h"
#include "smap.h"
#include "sset.h"
#include "tunnel-bfd.h"
#include "unit-log.h"
#include "util.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(encaps);

COVERAGE_DEFINE(encaps_check_ports);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* What the distribution's controller of OVN 26.03 writes beside
 * TUNNEL_MARK=SHARED_MARK: the port's type. */
#define TYPE_MARK "ovn-tunnel-type"

/* (wanted-tunnel, mark). */
struct inc_kind *encaps_kind_wanted;

/* (wanted-shared-tunnel, type's word): a port that all tunnels of a type
 * should share, as its options (struct smap). */
static struct inc_kind *kind_wanted_shared;

/* (tunnel-leaves-port, mark): exists while a tunnel changes from a port of its
 * own to a flow, until ovs-vswitchd has removed the port. */
struct inc_kind *encaps_kind_leaves_port;

/* What the cells of 'encaps_kind_leaves_port' should be, and are. */
static struct sset leaving = SSET_INITIALIZER(&leaving);
static struct sset leaving_told = SSET_INITIALIZER(&leaving_told);

/* Once Open_vSwitch.cur_cfg is this, ovs-vswitchd has removed these ports; 0
 * if there are none. */
static int64_t left_cfg;

/* (encaps-ready, only): exists as soon as we know which chassis we are: before
 * that, it is not known which tunnels are wanted. */
static struct inc_kind *kind_ready;

/* Whether ports may differ from what is wanted. */
static bool ports_dirty = true;

/* The fence of all flows that follow from the last change of what is wanted,
 * or of which ports there are; 0 until one has been asked for. */
static uint64_t ready_fence;

/* Once Open_vSwitch.cur_cfg is this, ovs-vswitchd has removed the ports from
 * former integration bridges; 0 if there were none. */
static int64_t former_gone_cfg;

/* Values. */

static bool
wanted_tunnel_equal(const void *a_, const void *b_)
{
    const struct wanted_tunnel *a = a_;
    const struct wanted_tunnel *b = b_;

    return uuid_equals(&a->chassis, &b->chassis)
           && !strcmp(a->chassis_name, b->chassis_name)
           && a->type == b->type && a->by == b->by
           && nullable_string_is_equal(a->source, b->source)
           && a->is_encaps_own == b->is_encaps_own
           && smap_equal(&a->options, &b->options)
           && smap_equal(&a->bfd, &b->bfd);
}

static void
wanted_tunnel_destroy(void *w_)
{
    struct wanted_tunnel *w = w_;

    free(w->chassis_name);
    free(w->source);
    smap_destroy(&w->options);
    smap_destroy(&w->bfd);
    free(w);
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

bool
encaps_is_by_flow(struct inc_unit *unit)
{
    return (config_is_true(unit, "ovn-enable-flow-based-tunnels")
            && !in_ipsec(unit));
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

/* This chassis' types: bits 1u << type. */
static unsigned int
our_types(struct inc_unit *unit)
{
    unsigned int types = 0;
    struct sset words;
    const char *word;

    parse_words(&words, in_config(unit, "ovn-encap-type"));
    SSET_FOR_EACH (word, &words) {
        types |= 1u << encap_type_from_word(word);
    }
    sset_destroy(&words);
    return types;
}

/* The type of the tunnels to 'ch', or N_ENCAP_TYPES. */
static enum encap_type
choose_type(struct inc_unit *unit, const struct chassis *ch)
{
    unsigned int theirs = 0;

    for (size_t i = 0; i < ch->n_encaps; i++) {
        theirs |= 1u << encap_type_from_word(ch->encaps[i].type);
    }
    return encap_common_type(our_types(unit), theirs);
}

/* The first address of ours, in ovn-encap-ip, of the family of 'remote_ip'.
 * NULL if there is none.  Caller frees. */
static char *
find_same_family(struct inc_unit *unit, const char *remote_ip)
{
    bool ipv6 = ip_text_is_ipv6(remote_ip);
    char *copy = nullable_xstrdup(in_config(unit, "ovn-encap-ip"));
    char *save_ptr = NULL;
    char *found = NULL;

    for (char *ip = copy ? strtok_r(copy, ", ", &save_ptr) : NULL;
         ip && !found; ip = strtok_r(NULL, ", ", &save_ptr)) {
        if (ip_text_is_ipv6(ip) == ipv6) {
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
        /* A tunnel with a local address hears nothing that is sent to our
         * others.  One without could send from an address that is not
         * secured, which is worse. */
        char *local_ip = find_same_family(unit, remote_ip);
        if (local_ip) {
            UNIT_WARN(unit, &rl,
                      "with IPsec, the tunnel to %s uses but one of "
                      "the addresses in ovn-encap-ip, %s", remote_ip,
                      local_ip);
            smap_add_nocopy(options, xstrdup("local_ip"), local_ip);
        }
    } else {
        UNIT_WARN(unit, &rl, "ovn-set-local-ip is ignored: it needs a single "
                  "address in ovn-encap-ip, not \"%s\"", ip);
    }
}

/* Adds the options that openvswitch-ipsec reads.  It identifies the far end by
 * the name in its certificate. */
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

/* Adds the options that are configured for all tunnels of this chassis. */
static void
add_own_options(struct inc_unit *unit, struct smap *options)
{
    const char *tos = in_config(unit, "ovn-encap-tos");
    const char *df_default = in_config(unit, "ovn-encap-df_default");

    if (tos && strcmp(tos, "none")) {
        smap_add(options, "tos", tos);
    }
    if (df_default) {
        smap_add(options, "df_default", df_default);
    }
    smap_add(options, "key", "flow");
}

static enum tunnel_by
choose_form(struct inc_unit *unit, const struct wanted_tunnel *w)
{
    const char *ip = smap_get(&w->options, "remote_ip");

    if (in_ipsec(unit) || smap_get(&w->options, "dst_port")
        || !ip_text_is_valid(ip)) {
        return TUNNEL_BY_PORT_ONLY;
    }
    return (encaps_is_by_flow(unit) && smap_is_empty(&w->bfd)
            ? TUNNEL_BY_FLOW : TUNNEL_BY_PORT);
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
        .chassis = ch->uuid,
        .chassis_name = xstrdup(ch->name),
        .type = type,
        .is_encaps_own = !strcmp(encap->chassis_name, ch->name),
        .options = SMAP_INITIALIZER(&w->options),
        .bfd = SMAP_INITIALIZER(&w->bfd),
    };

    /* What the far end asks of those who send to it... */
    const char *csum = smap_get(&encap->options, "csum");
    const char *dst_port = smap_get(&encap->options, "dst_port");
    if (csum && (!strcmp(csum, "true") || !strcmp(csum, "false"))) {
        smap_add(&w->options, "csum", csum);
    }
    if (dst_port) {
        smap_add(&w->options, "dst_port", dst_port);
    }

    /* ...and what this end is configured to do. */
    add_own_options(unit, &w->options);
    if (local_ip) {
        smap_add(&w->options, "local_ip", local_ip);
    } else {
        add_local_ip(unit, encap->ip, &w->options);
    }
    add_ipsec(unit, ch, &w->options);
    tunnel_bfd_config(unit, &ch->uuid, &w->bfd);

    smap_add(&w->options, "remote_ip", encap->ip);
    w->by = choose_form(unit, w);
    w->source = (local_ip ? xstrdup(local_ip)
                 : find_same_family(unit, encap->ip));

    char *mark = encap_mark_format(ch->name, encap->ip, local_ip);
    inc_write(unit, encaps_kind_wanted, inc_key_string(mark), w);
    free(mark);
}

/* Tunnels to 'encap' of 'ch': one from each local encap of its address family,
 * or, without any, a single one from whichever address the host chooses. */
static void
want_tunnels(struct inc_unit *unit, const struct chassis *ch,
             const struct encap *encap, enum encap_type type)
{
    bool any = false;
    const char *local_ip;

    for (size_t id = 0; (local_ip = local_encap_ip(unit, id)); id++) {
        if (ip_text_is_ipv6(local_ip) == ip_text_is_ipv6(encap->ip)) {
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
    const struct uuid ours = in_our_chassis(unit);

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
        UNIT_INFO(unit, &rl,
                  "no tunnel to chassis %s: it has none of the encap "
                  "types in this chassis' ovn-encap-type", ch->name);
        return;
    }
    for (size_t i = 0; i < ch->n_encaps; i++) {
        if (encap_type_from_word(ch->encaps[i].type) == type) {
            want_tunnels(unit, ch, &ch->encaps[i], type);
        }
    }
}

/* The options of the shared ports.  With ovn-set-local-ip, they have our
 * address, so that several controllers of one switch can have shared ports of
 * their own.  Without, they take packets to any address, and flows say from
 * which one packets are sent. */
static void
shared_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    unsigned int types = encaps_is_by_flow(unit) ? our_types(unit) : 0;

    for (enum encap_type type = 0; type < N_ENCAP_TYPES; type++) {
        if (types & (1u << type)) {
            struct smap *options = xmalloc(sizeof *options);

            smap_init(options);
            add_own_options(unit, options);
            add_local_ip(unit, "flow", options);
            if (!smap_get(options, "local_ip")) {
                smap_add(options, "local_ip", "flow");
            }
            smap_add(options, "remote_ip", "flow");
            smap_add(options, "csum",
                     config_value_bool(in_config(unit, "ovn-encap-csum"),
                                       true) ? "true" : "false");
            inc_write(unit, kind_wanted_shared,
                      inc_key_string(encap_type_to_word(type)), options);
        }
    }
}

/* Making ports what they should be. */

static void
wanted_changed(struct inc_key key OVS_UNUSED, const void *old OVS_UNUSED,
               const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    ports_dirty = true;
    ready_fence = 0;
}

/* Whether a port with these external_ids leads to a chassis or to VTEPs. */
static bool
has_tunnel_mark(const struct smap *external_ids)
{
    return (smap_get(external_ids, TUNNEL_MARK)
            || smap_get(external_ids, EVPN_TUNNEL_MARK));
}

static bool
is_tunnel_port(const struct ovs_iface *iface)
{
    return iface && has_tunnel_mark(&iface->port_external_ids);
}

/* Does a pass over the ports find in 'b' what it has found in 'a'?  BFD and
 * routes may come and go with hundreds of tunnels at a time. */
static bool
is_same_port(const struct ovs_iface *a, const struct ovs_iface *b)
{
    return (a && b
            && uuid_equals(&a->uuid, &b->uuid)
            && a->ofport == b->ofport
            && !strcmp(a->type, b->type)
            && !strcmp(a->port, b->port)
            && !strcmp(a->bridge, b->bridge)
            && smap_equal(&a->options, &b->options)
            && smap_equal(&a->port_external_ids, &b->port_external_ids)
            && smap_equal(&a->bfd, &b->bfd));
}

static void
iface_changed(struct inc_key key OVS_UNUSED, const void *old, const void *new,
              void *aux OVS_UNUSED)
{
    if ((is_tunnel_port(old) || is_tunnel_port(new))
        && !is_same_port(old, new)) {
        ports_dirty = true;
        ready_fence = 0;
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

/* The shared port of a type, and others of the type. */
struct shared {
    const struct ovsrec_port *port; /* NULL if there is none. */
    bool works;                 /* It has a number. */
    bool others_lack;           /* A port of its own that is wanted has none
                                 * yet. */
};

/* State of one pass over the tunnel ports. */
struct commit_ctx {
    struct ovsdb_idl_txn *txn;
    char index[2];              /* Stands in the names. */
    const struct ovsrec_bridge *bridge;
    struct sset names;          /* Of all ports and interfaces. */
    struct sset adopted;        /* Marks. */
    struct shash places;        /* Where a tunnel leads -> the mark of the one
                                 * that is made, of all that lead there. */
    struct shared shared[N_ENCAP_TYPES];
    bool is_ready;              /* Has the switch the flows that must be there
                                 * before ports are changed? */
    bool leaves_ports;          /* Is a port removed whose tunnel goes by flow
                                 * from now on? */
    bool changed;
    bool postponed;             /* Is there something to do later? */
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

/* The switch has one tunnel to a place.  Of all that lead there by a port,
 * chooses the one to make. */
static void
choose_for_place(struct inc_key key, const void *w_, void *ctx_)
{
    const struct wanted_tunnel *w = w_;
    struct commit_ctx *ctx = ctx_;
    const char *mark = key.data;

    if (w->by == TUNNEL_BY_FLOW) {
        return;
    }

    char *place = make_place(w);
    struct shash_node *node = shash_find(&ctx->places, place);

    if (!node) {
        shash_add(&ctx->places, place, mark);
    } else {
        const struct wanted_tunnel *chosen
            = inc_peek(encaps_kind_wanted, inc_key_string(node->data));
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
    return w->by != TUNNEL_BY_FLOW && chosen && !strcmp(chosen, mark);
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
    ctx->shared[w->type].others_lack = true;
    if (ctx->shared[w->type].port && !ctx->is_ready) {
        ctx->postponed = true;
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
    if (!port->interfaces[0]->n_ofport) {
        ctx->shared[w->type].others_lack = true;
    }
}

/* Whether the port of tunnel 'w', which is to go by flow, has to stay because
 * it cannot go by flow yet. */
static bool
keep_for_now(struct commit_ctx *ctx, const char *mark,
             const struct wanted_tunnel *w)
{
    if (w->by != TUNNEL_BY_FLOW) {
        return false;
    }
    sset_add(&leaving, mark);
    if (ctx->shared[w->type].works && ctx->is_ready
        && sset_contains(&leaving_told, mark)) {
        ctx->leaves_ports = true;
        return false;
    }
    ctx->postponed = true;
    return true;
}

/* Adopts 'port' if it has the mark of a tunnel that is wanted. */
static bool
adopt_by_mark(struct commit_ctx *ctx, const struct ovsrec_port *port)
{
    const char *mark = smap_get(&port->external_ids, TUNNEL_MARK);
    const struct wanted_tunnel *w
        = mark ? inc_peek(encaps_kind_wanted, inc_key_string(mark)) : NULL;

    if (!w || port->n_interfaces != 1
        || sset_contains(&ctx->adopted, mark)) {
        return false;
    }
    if (keep_for_now(ctx, mark, w)) {
        return true;
    }
    if (!is_chosen(ctx, mark, w)) {
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

/* Shared ports. */

static struct ovs_port_spec
make_shared_spec(enum encap_type type, const struct smap *options,
                 const char *name)
{
    return (struct ovs_port_spec) {
        .name = name,
        .type = encap_type_to_word(type),
        .options = options,
        .mark = TUNNEL_MARK,
        .mark_value = SHARED_MARK,
        .type_mark = TYPE_MARK,
    };
}

static const struct smap *
wanted_shared(enum encap_type type)
{
    return inc_peek(kind_wanted_shared,
                    inc_key_string(encap_type_to_word(type)));
}

/* The name of the shared port of 'type'.  Caller frees. */
static char *
make_shared_name(const struct commit_ctx *ctx, enum encap_type type)
{
    return xasprintf("ovn%s-%s", ctx->index, encap_type_to_word(type));
}

/* The type of the tunnels that share 'port', or N_ENCAP_TYPES if it is not
 * shared. */
static enum encap_type
shared_type(const struct commit_ctx *ctx, const struct ovsrec_port *port)
{
    const char *mark = smap_get(&port->external_ids, TUNNEL_MARK);
    const enum encap_type type
        = (port->n_interfaces == 1
           ? encap_type_from_word(port->interfaces[0]->type) : N_ENCAP_TYPES);

    if (type == N_ENCAP_TYPES || mark) {
        return mark && !strcmp(mark, SHARED_MARK) ? type : N_ENCAP_TYPES;
    }

    /* Somebody may have removed the mark. */
    char *name = make_shared_name(ctx, type);
    bool is_shared = !strcmp(port->name, name);

    free(name);
    return is_shared ? type : N_ENCAP_TYPES;
}

/* Finds the shared port of each type.  If somebody has made several of a type,
 * the one with the right name is kept. */
static void
find_shared(struct commit_ctx *ctx)
{
    for (size_t i = 0; i < ctx->bridge->n_ports; i++) {
        const struct ovsrec_port *port = ctx->bridge->ports[i];
        const enum encap_type type = shared_type(ctx, port);
        struct shared *shared = (type != N_ENCAP_TYPES ? &ctx->shared[type]
                                 : NULL);

        if (shared) {
            const struct ovsrec_interface *iface = port->interfaces[0];
            char *name = make_shared_name(ctx, type);

            if (!shared->port || !strcmp(port->name, name)) {
                shared->port = port;
                shared->works = iface->n_ofport && iface->ofport[0] > 0;
            }
            free(name);
            if (!ready_fence) {
                ready_fence = ofctrl_fence();
            }
            ctx->is_ready = ofctrl_reached(ready_fence);
        }
    }
}

static void
create_shared(struct commit_ctx *ctx, enum encap_type type,
              const struct smap *options)
{
    char *name = make_shared_name(ctx, type);

    if (!sset_add(&ctx->names, name)) {
        free(name);
        name = make_port_name(ctx, encap_type_to_word(type));
    }
    if (name) {
        const struct ovs_port_spec spec = make_shared_spec(type, options,
                                                           name);

        ovs_port_insert(ctx->txn, ctx->bridge, &spec);
        ovsdb_idl_txn_add_comment(ctx->txn, "ovn-controller: adding tunnel %s "
                                  "to all chassis", name);
        ctx->changed = true;
    }
    free(name);
}

static void
remove_port(struct commit_ctx *ctx, const struct ovsrec_port *port)
{
    ovsdb_idl_txn_add_comment(ctx->txn, "ovn-controller: removing tunnel %s",
                              port->name);
    ovs_port_delete(ctx->bridge, port);
    ctx->changed = true;
}

/* Makes the shared ports what they should be.  One that is not wanted any more
 * stays until every tunnel that went by it has a port of its own. */
static void
check_shared(struct commit_ctx *ctx)
{
    for (enum encap_type type = 0; type < N_ENCAP_TYPES; type++) {
        const struct smap *options = wanted_shared(type);
        const struct shared *shared = &ctx->shared[type];

        if (!shared->port) {
            if (options) {
                create_shared(ctx, type, options);
            }
        } else if (options) {
            const struct ovs_port_spec spec
                = make_shared_spec(type, options, shared->port->name);

            if (ovs_port_update(shared->port, &spec)) {
                ctx->changed = true;
            }
        } else if (!ctx->is_ready || shared->others_lack) {
            ctx->postponed = true;
        } else {
            remove_port(ctx, shared->port);
        }
    }
}

static bool
is_kept_shared(const struct commit_ctx *ctx, const struct ovsrec_port *port)
{
    const enum encap_type type = shared_type(ctx, port);

    return type != N_ENCAP_TYPES && ctx->shared[type].port == port;
}

/* All ports. */

/* Whether 'port' is one of ours: by its mark, or, if somebody has removed
 * that, by its type and name. */
static bool
is_our_port(const struct commit_ctx *ctx, const struct ovsrec_port *port)
{
    char *prefix = xasprintf("ovn%s-", ctx->index);
    bool is_ours = smap_get(&port->external_ids, TUNNEL_MARK) != NULL;

    if (!is_ours && port->n_interfaces == 1
        && !evpn_tunnels_own(port, ctx->index)) {
        is_ours = (encap_type_from_word(port->interfaces[0]->type)
                   != N_ENCAP_TYPES
                   && !strncmp(port->name, prefix, strlen(prefix)));
    }
    free(prefix);
    return is_ours;
}

/* Adopts 'port' if it leads where a wanted tunnel that has no port should, and
 * otherwise removes it.  A chassis that gets a new name keeps its address, and
 * the switch refuses a second tunnel to an address even if the first one is
 * removed in the same transaction. */
static void
adopt_or_remove(struct commit_ctx *ctx, const struct ovsrec_port *port)
{
    struct search search = { .ctx = ctx };

    if (port->n_interfaces == 1) {
        search.iface = port->interfaces[0];
        inc_kind_for_each(encaps_kind_wanted, consider_tunnel, &search);
    }
    if (search.w) {
        adopt_port(ctx, port, search.mark, search.w);
    } else {
        remove_port(ctx, port);
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

        if (!is_kept_shared(ctx, port) && !adopt_by_mark(ctx, port)
            && is_our_port(ctx, port)) {
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

        if (has_tunnel_mark(&port->external_ids)) {
            done = false;
            if (txn) {
                ovs_port_delete(bridge, port);
            }
        }
    }
    return done;
}

/* Removes the tunnel ports from bridges that were the integration bridge
 * before 'br_int'.  Returns true once the switch has done so.
 *
 * The switch cannot have two tunnels to the same place.  If one is removed and
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

/* Warns if IPsec lacks its configuration: nothing in the switch says that a
 * tunnel is not secured. */
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

/* Forgets tunnels that have left their ports, once ovs-vswitchd knows. */
static void
check_leaving(struct commit_ctx *ctx, const struct ovsrec_open_vswitch *cfg)
{
    if (ctx->leaves_ports) {
        left_cfg = cfg->next_cfg + 1;
        ovsrec_open_vswitch_set_next_cfg(cfg, left_cfg);
    } else if (!ctx->postponed && cfg->cur_cfg >= left_cfg) {
        left_cfg = 0;
        sset_clear(&leaving);
    }
    if (!sset_equals(&leaving, &leaving_told)) {
        poll_immediate_wake();  /* For settle(). */
    }
    ctx->postponed |= left_cfg != 0;
}

/* Brings the cells of 'encaps_kind_leaves_port' up to date. */
static bool
settle(const struct turn *turn OVS_UNUSED)
{
    const char *mark;

    if (sset_equals(&leaving, &leaving_told)) {
        return false;
    }
    SSET_FOR_EACH (mark, &leaving_told) {
        if (!sset_contains(&leaving, mark)) {
            inc_set(encaps_kind_leaves_port, inc_key_string(mark), NULL);
        }
    }
    SSET_FOR_EACH (mark, &leaving) {
        inc_set(encaps_kind_leaves_port, inc_key_string(mark), inc_there);
    }
    sset_destroy(&leaving_told);
    sset_clone(&leaving_told, &leaving);
    return true;
}

static void
destroy(void)
{
    sset_clear(&leaving);
    sset_clear(&leaving_told);
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
        .is_ready = true,
    };
    if (!ctx.bridge) {
        return;
    }

    ctx.changed = claim_index(cfg, chassis_name, ctx.index);
    const struct ovsrec_port *port;
    OVSREC_PORT_FOR_EACH (port, ovs_idl) {
        ovs_port_add_names(port, &ctx.names);
    }
    COVERAGE_INC(encaps_check_ports);
    inc_kind_for_each(encaps_kind_wanted, choose_for_place, &ctx);
    find_shared(&ctx);
    check_ports(&ctx);
    inc_kind_for_each(encaps_kind_wanted, create_tunnel, &ctx);
    check_shared(&ctx);
    ctx.changed |= evpn_tunnels_update(txn, ctx.bridge, ctx.index, &ctx.names);
    check_leaving(&ctx, cfg);

    /* Only a pass that finds nothing to do proves that the last transaction
     * has gone through. */
    ports_dirty = ctx.changed || ctx.postponed;
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
    .stage = STAGE_BINDING,
    .key_type = INC_KEY_STRING,
    .equal = wanted_tunnel_equal,
    .destroy = wanted_tunnel_destroy,
};

static const struct inc_kind_class wanted_shared_class = {
    .name = "wanted-shared-tunnel",
    .stage = STAGE_BINDING,
    .key_type = INC_KEY_STRING,
    .equal = inc_smaps_equal,
    .destroy = inc_smap_destroy,
};

static const struct inc_kind_class leaves_port_class = {
    .name = "tunnel-leaves-port",
    .stage = STAGE_INPUT,
    .key_type = INC_KEY_STRING,
};

static const struct inc_kind_class ready_class = {
    .name = "encaps-ready",
    .stage = STAGE_BINDING,
    .key_type = INC_KEY_STRING,
};

static const struct inc_unit_class plan_class = {
    .name = "encaps-plan",
    .stage = STAGE_BINDING,
    .run = plan_run,
};

static const struct inc_unit_class shared_class = {
    .name = "encaps-shared",
    .stage = STAGE_BINDING,
    .run = shared_run,
};

static void
init(struct inc_engine *engine)
{
    encaps_kind_wanted = inc_kind_declare(engine, &wanted_class);
    kind_wanted_shared = inc_kind_declare(engine, &wanted_shared_class);
    encaps_kind_leaves_port = inc_kind_declare(engine, &leaves_port_class);
    kind_ready = inc_kind_declare(engine, &ready_class);

    inc_kind_spawn(in_kinds.chassis, &plan_class, NULL);
    inc_unit_add(engine, &shared_class, INC_KEY_ONLY, NULL);
    inc_kind_watch(encaps_kind_wanted, wanted_changed, NULL);
    inc_kind_watch(kind_wanted_shared, wanted_changed, NULL);
    inc_kind_watch(evpn_tunnels_kind_wanted, wanted_changed, NULL);
    inc_kind_watch(encaps_kind_leaves_port, wanted_changed, NULL);
    inc_kind_watch(kind_ready, wanted_changed, NULL);
    inc_kind_watch(in_kinds.iface, iface_changed, NULL);
}

const struct module encaps_module = {
    .name = "encaps",
    .init = init,
    .settle = settle,
    .complete = update_ports,
    .away = update_ports,
    .cleanup = cleanup,
    .destroy = destroy,
};
