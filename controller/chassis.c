/* SPDX-License-Identifier: Apache-2.0 */

/* This chassis' rows in the southbound database
 * =============================================
 *
 *     Chassis           name, hostname, other_config, transport_zones
 *        encaps -> Encap (one for each ovn-encap-type and ovn-encap-ip)
 *     Chassis_Private   name, chassis
 *
 * commit() derives from the local configuration what the rows should
 * say, compares, and writes what differs.  It keeps no state that matters: a
 * row of our name is ours, whoever created it, so a restart adopts it, and a
 * row that somebody deletes or alters is put right the next time.  Keys that
 * are not ours stay as they are.
 *
 * Roles (RBAC)
 * ------------
 *
 * With role-based access control, the server refuses a whole transaction if
 * it touches one column that the role "ovn-controller" may not write.  Hence
 * only what differs is written, one key of a map at a time, and "hostname"
 * (which the role may not update) only if it has really changed.
 *
 * Encap conflicts
 * ---------------
 *
 * The server accepts only one Encap row for a type and IP, and it would
 * refuse all that is in a transaction that violates this, again and again.
 * So a conflict is looked for before an Encap is inserted.  If the other row
 * belongs to a chassis with our host name, then it is our own from before
 * system-id was changed, and it is removed.  Any other conflict is two
 * chassis that claim one address: the encap is left out, with a message,
 * until one of them is mended. */

#include <config.h>

#include "chassis.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "config-values.h"
#include "coverage.h"
#include "encap.h"
#include "idl-columns.h"
#include "idl-row.h"
#include "inputs.h"
#include "ip-text.h"
#include "module.h"
#include "monitor.h"
#include "ofctrl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "ovn/dialect.h"
#include "ovs-compat.h"
#include "ovs-config.h"
#include "ovs-port.h"
#include "ovsdb-idl.h"
#include "problems.h"
#include "smap.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(chassis);

COVERAGE_DEFINE(chassis_contest_postponed);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

/* How long to wait before trying again to remove a stale row that the server
 * may have refused to remove, in ms. */
#define STALE_RETRY_MS 5000

/* What the local database says about this chassis. */
struct chassis_config {
    const char *name;
    char *hostname;
    struct sset encap_types;    /* Only those that exist. */
    struct sset encap_ips;      /* Only those that are addresses. */
    const char *default_ip;     /* One of them, or NULL. */
    const char *encap_csum;     /* "true" or "false". */
    struct sset transport_zones;
    struct smap other_config;
};

/* Keys of Open_vSwitch.external_ids that Chassis.other_config repeats as
 * they are, empty if they are not set. */
static const char *repeated_keys[] = {
    "ovn-bridge-mappings",
    "ovn-chassis-mac-mappings",
    "ovn-cms-options",
    "ovn-limit-lflow-cache",
    "ovn-memlimit-lflow-cache-kb",
    "ovn-trim-limit-lflow-cache",
    "ovn-trim-timeout-ms",
    "ovn-trim-wmark-perc-lflow-cache",
};

/* The same for keys of ours, which are not there if they are not set: others'
 * chassis do not have them. */
static const char *own_keys[] = {
    "ovn-lb-local",
};

/* Keys that are Booleans, with their defaults and the names under which
 * Chassis.other_config has them. */
static const struct {
    const char *key;
    const char *chassis_key;
    bool def;
} boolean_keys[] = {
    { "ovn-monitor-all", "ovn-monitor-all", false },
    { "ovn-enable-lflow-cache", "ovn-enable-lflow-cache", true },
    { "ovn-is-interconn", "is-interconn", false },
};

/* What this controller can do, in the words that ovn-northd looks for before
 * it uses the feature in logical flows. */
static const char *const features[] = {
    "ct-commit-nat-v2",
    "ct-commit-to-zone",
    "ct-next-zone",
    "ct-no-masked-label",
    "ct-state-save",
    "fdb-timestamp",
    "ls-dpg-column",
    "mac-binding-timestamp",
    "ovn-ct-lb-related",
    "port-up-notif",
};

/* What it can do if libopenvswitch can, and if the switch can. */
#define FEATURE_SAMPLE_REGISTERS "ovn-sample-with-registers"
#define FEATURE_CT_LABEL_FLUSH "ct-label-flush"

static bool
config_get_bool(const struct ovsrec_open_vswitch *cfg, const char *name,
                const char *key, bool def)
{
    return config_value_bool(ovs_config_get(cfg, name, key), def);
}

/* The words of 's', which commas and blanks separate.  The caller destroys
 * '*words'. */
static void
get_words(struct sset *words, const char *s)
{
    sset_from_delimited_string(words, s ? s : "", ", ");
}

static char *
get_hostname(const struct ovsrec_open_vswitch *cfg, const char *name)
{
    const char *configured = ovs_config_get(cfg, name, "hostname");

    if (configured && configured[0]) {
        return xstrdup(configured);
    }

    char host[256];
    if (gethostname(host, sizeof host)) {
        VLOG_WARN_RL(&rl, "gethostname() failed (%s), the chassis is "
                     "registered without a host name", ovs_strerror(errno));
        host[0] = '\0';
    }
    host[sizeof host - 1] = '\0';
    return xstrdup(host);
}

static const struct ovsrec_bridge *
find_bridge(const struct ovsrec_open_vswitch *cfg, const char *name)
{
    for (size_t i = 0; i < cfg->n_bridges; i++) {
        if (!strcmp(cfg->bridges[i]->name, name)) {
            return cfg->bridges[i];
        }
    }
    return NULL;
}

static void
make_other_config(const struct ovsrec_open_vswitch *cfg, const char *name,
                  const char *br_int, struct smap *other_config)
{
    for (size_t i = 0; i < ARRAY_SIZE(repeated_keys); i++) {
        const char *value = ovs_config_get(cfg, name, repeated_keys[i]);

        smap_add(other_config, repeated_keys[i], value ? value : "");
    }
    for (size_t i = 0; i < ARRAY_SIZE(own_keys); i++) {
        const char *value = ovs_config_get(cfg, name, own_keys[i]);

        if (value) {
            smap_add(other_config, own_keys[i], value);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(boolean_keys); i++) {
        bool value = config_get_bool(cfg, name, boolean_keys[i].key,
                                     boolean_keys[i].def);

        smap_add(other_config, boolean_keys[i].chassis_key,
                 value ? "true" : "false");
    }
    for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
        smap_add(other_config, features[i], "true");
    }

    const struct ovsrec_bridge *bridge = find_bridge(cfg, br_int);
    smap_add(other_config, "datapath-type",
             bridge ? ovs_bridge_datapath_type(bridge) : "");

    struct ds types = DS_EMPTY_INITIALIZER;
    for (size_t i = 0; i < cfg->n_iface_types; i++) {
        ds_put_format(&types, "%s%s", i ? "," : "", cfg->iface_types[i]);
    }
    smap_add(other_config, "iface-types", ds_cstr(&types));
    ds_destroy(&types);
}

static void
chassis_config_destroy(struct chassis_config *c)
{
    free(c->hostname);
    sset_destroy(&c->encap_types);
    sset_destroy(&c->encap_ips);
    sset_destroy(&c->transport_zones);
    smap_destroy(&c->other_config);
}

/* Whether there are Encaps of 'type'.  If the southbound database refused one,
 * the chassis would not be registered at all. */
static bool
encap_type_exists(const char *type)
{
    const enum encap_type t = encap_type_from_word(type);

    return (t != N_ENCAP_TYPES
            && (t != ENCAP_STT
                || ovn_northd_knows_stt(inc_peek(in_kinds.sb_options,
                                                 INC_KEY_ONLY))));
}

/* Fills in the encapsulation types and addresses of 'c'. */
static void
get_encaps(struct chassis_config *c, const struct ovsrec_open_vswitch *cfg)
{
    static struct vlog_rate_limit problems_rl = VLOG_RATE_LIMIT_INIT(5, 20);
    static struct sset reported = SSET_INITIALIZER(&reported);
    struct sset problems = SSET_INITIALIZER(&problems);
    struct sset types, ips;
    const char *word;

    get_words(&types, ovs_config_get(cfg, c->name, "ovn-encap-type"));
    get_words(&ips, ovs_config_get(cfg, c->name, "ovn-encap-ip"));
    if (sset_is_empty(&types) || sset_is_empty(&ips)) {
        VLOG_INFO_RL(&rl, "Need to specify an encap type and ip: %s not set",
                     (!sset_is_empty(&types) ? "ovn-encap-ip is"
                      : !sset_is_empty(&ips) ? "ovn-encap-type is"
                      : "ovn-encap-type and ovn-encap-ip are"));
    }
    SSET_FOR_EACH (word, &types) {
        if (encap_type_exists(word)) {
            sset_add(&c->encap_types, word);
        } else {
            sset_add_and_free(&problems, xasprintf(
                "Unknown tunnel type: %s (in ovn-encap-type; geneve, vxlan "
                "and, up to OVN 25.03, stt exist)", word));
        }
    }
    SSET_FOR_EACH (word, &ips) {
        if (ip_text_is_valid(word)) {
            sset_add(&c->encap_ips, word);
        } else {
            sset_add_and_free(&problems, xasprintf(
                "ovn-encap-ip: \"%s\" is left out, it is not an IP address",
                word));
        }
    }
    word = ovs_config_get(cfg, c->name, "ovn-encap-ip-default");
    if (word && sset_contains(&c->encap_ips, word)) {
        c->default_ip = word;
    } else if (word) {
        sset_add_and_free(&problems, xasprintf(
            "ovn-encap-ip-default: \"%s\" is ignored, it is none of the "
            "addresses in ovn-encap-ip", word));
    }
    problems_report_new(&problems, &reported, &this_module, &problems_rl);
    sset_destroy(&problems);
    sset_destroy(&types);
    sset_destroy(&ips);
}

/* Fills in '*c', which the caller must destroy. */
static void
chassis_config_init(struct chassis_config *c,
                    const struct ovsrec_open_vswitch *cfg, const char *name,
                    const char *br_int)
{
    *c = (struct chassis_config) {
        .name = name,
        .hostname = get_hostname(cfg, name),
        .encap_types = SSET_INITIALIZER(&c->encap_types),
        .encap_ips = SSET_INITIALIZER(&c->encap_ips),
        .other_config = SMAP_INITIALIZER(&c->other_config),
    };

    get_encaps(c, cfg);

    c->encap_csum = config_get_bool(cfg, name, "ovn-encap-csum", true)
                    ? "true" : "false";
    get_words(&c->transport_zones,
              ovs_config_get(cfg, name, "ovn-transport-zones"));
    make_other_config(cfg, name, br_int, &c->other_config);
}

/* Looking rows up.  The UUID of the last answer is tried first, so that a
 * turn of the main loop does not cost a walk over all chassis. */

static const struct sbrec_chassis *
find_chassis(struct ovsdb_idl *sb_idl, const char *name)
{
    static struct uuid last;
    const struct sbrec_chassis *ch;

    ch = sbrec_chassis_get_for_uuid(sb_idl, &last);
    if (ch && idl_row_exists(&ch->header_) && !strcmp(ch->name, name)) {
        return ch;
    }
    SBREC_CHASSIS_FOR_EACH (ch, sb_idl) {
        if (!strcmp(ch->name, name)) {
            last = ch->header_.uuid;
            return ch;
        }
    }
    return NULL;
}

const struct sbrec_chassis_private *
chassis_private_find(struct ovsdb_idl *sb_idl, const char *name)
{
    static struct uuid last;
    const struct sbrec_chassis_private *cp;

    cp = sbrec_chassis_private_get_for_uuid(sb_idl, &last);
    if (cp && idl_row_exists(&cp->header_) && !strcmp(cp->name, name)) {
        return cp;
    }
    SBREC_CHASSIS_PRIVATE_FOR_EACH (cp, sb_idl) {
        if (!strcmp(cp->name, name)) {
            last = cp->header_.uuid;
            return cp;
        }
    }
    return NULL;
}

static const struct sbrec_encap *
find_encap(const struct sbrec_chassis *ch, const char *type, const char *ip)
{
    for (size_t i = 0; ch && i < ch->n_encaps; i++) {
        if (!strcmp(ch->encaps[i]->type, type)
            && !strcmp(ch->encaps[i]->ip, ip)) {
            return ch->encaps[i];
        }
    }
    return NULL;
}

/* Deletes the multicast groups that a controller has learned on chassis 'ch'.
 * They would not only be of no use: the server refuses to delete a Chassis
 * while that makes two of them alike. */
static void
delete_igmp_groups(struct ovsdb_idl *sb_idl, const struct sbrec_chassis *ch)
{
    const struct sbrec_igmp_group *group;

    SBREC_IGMP_GROUP_FOR_EACH_SAFE (group, sb_idl) {
        if (group->chassis == ch) {
            sbrec_igmp_group_delete(group);
        }
    }
}

/* Deletes the rows of a chassis; either may be NULL. */
static void
delete_rows(struct ovsdb_idl *sb_idl, const struct sbrec_chassis *ch,
            const struct sbrec_chassis_private *cp)
{
    if (cp) {
        sbrec_chassis_private_delete(cp);
    }
    if (ch) {
        delete_igmp_groups(sb_idl, ch);
        sbrec_chassis_delete(ch);
    }
}

/* Removes the rows of the chassis 'ch', which is ours under a former name, and
 * has the encap that is to be ours.  Returns false if that has to wait, for
 * rows that we have not asked for so far, or because the server may have
 * refused it a moment ago. */
static bool
remove_former_self(struct ovsdb_idl *sb_idl, const struct sbrec_chassis *ch,
                   const struct chassis_config *c,
                   const char *type, const char *ip)
{
    static struct vlog_rate_limit former_rl = VLOG_RATE_LIMIT_INIT(1, 5);
    static long long int next_removal;

    if (time_msec() < next_removal) {
        poll_timer_wait_until(next_removal);
        return false;
    }
    if (!monitor_has_chassis(sb_idl, &ch->header_.uuid)) {
        return false;
    }
    next_removal = time_msec() + STALE_RETRY_MS;
    VLOG_WARN_RL(&former_rl, "chassis %s has our host name (%s) and our %s "
                 "encap %s: removing it, it is what this chassis (%s) was "
                 "called before", ch->name, ch->hostname, type, ip, c->name);
    delete_rows(sb_idl, ch, chassis_private_find(sb_idl, ch->name));
    return true;
}

/* Returns true if no Encap that would remain stands in the way of one of
 * 'type' and 'ip' for us. */
static bool
may_insert_encap(struct ovsdb_idl *sb_idl, const struct chassis_config *c,
                 const char *type, const char *ip)
{
    const struct sbrec_chassis *ch;

    SBREC_CHASSIS_FOR_EACH (ch, sb_idl) {
        if (!strcmp(ch->name, c->name) || !find_encap(ch, type, ip)) {
            continue;
        }
        if (c->hostname[0] && !strcmp(ch->hostname, c->hostname)) {
            return remove_former_self(sb_idl, ch, c, type, ip);
        }
        static struct vlog_rate_limit encap_rl = VLOG_RATE_LIMIT_INIT(1, 5);
        VLOG_WARN_RL(&encap_rl, "%s encap %s belongs to chassis %s (host %s), "
                     "so this chassis (%s) cannot have it; change "
                     "ovn-encap-ip here or there, or delete that chassis if "
                     "it is gone",
                     type, ip, ch->name, ch->hostname, c->name);
        poll_timer_wait(STALE_RETRY_MS);
        return false;
    }
    return true;
}

/* Whether those that do not ask for another address are to be reached at
 * 'ip'. */
static bool
is_default(const struct chassis_config *c, const char *ip)
{
    return c->default_ip && !strcmp(c->default_ip, ip);
}

/* Brings 'encap' up to date with 'c'. */
static void
update_encap(const struct sbrec_encap *encap, const struct chassis_config *c)
{
    const char *csum = smap_get(&encap->options, "csum");
    const char *marked = smap_get(&encap->options, "is_default");

    if (is_default(c, encap->ip)) {
        if (!marked || strcmp(marked, "true")) {
            sbrec_encap_update_options_setkey(encap, "is_default", "true");
        }
    } else if (marked) {
        sbrec_encap_update_options_delkey(encap, "is_default");
    }

    if (!csum || strcmp(csum, c->encap_csum)) {
        sbrec_encap_update_options_setkey(encap, "csum", c->encap_csum);
    }
    if (strcmp(encap->chassis_name, c->name)) {
        sbrec_encap_set_chassis_name(encap, c->name);
    }
}

static struct sbrec_encap *
insert_encap(struct ovsdb_idl_txn *sb_txn, const struct chassis_config *c,
             const char *type, const char *ip)
{
    struct sbrec_encap *encap = sbrec_encap_insert(sb_txn);
    struct smap options = SMAP_INITIALIZER(&options);

    smap_add(&options, "csum", c->encap_csum);
    if (is_default(c, ip)) {
        smap_add(&options, "is_default", "true");
    }
    sbrec_encap_set_type(encap, type);
    sbrec_encap_set_ip(encap, ip);
    sbrec_encap_set_options(encap, &options);
    smap_destroy(&options);
    sbrec_encap_set_chassis_name(encap, c->name);
    return encap;
}

/* Makes the encaps that 'c' asks for: those that 'ch' (NULL if we have no row
 * yet) has already, and new ones for the others.  Sets '*changed' if the
 * result is not the set that 'ch' has.  The caller frees the array. */
static struct sbrec_encap **
make_encaps(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *sb_txn,
            const struct chassis_config *c, const struct sbrec_chassis *ch,
            size_t *n_encaps, bool *changed)
{
    struct sbrec_encap **encaps;
    const char *type, *ip;
    size_t n = 0, n_kept = 0;

    encaps = xmalloc(sset_count(&c->encap_types) * sset_count(&c->encap_ips)
                     * sizeof *encaps);
    SSET_FOR_EACH (type, &c->encap_types) {
        SSET_FOR_EACH (ip, &c->encap_ips) {
            const struct sbrec_encap *encap = find_encap(ch, type, ip);

            if (encap) {
                update_encap(encap, c);
                encaps[n++] = CONST_CAST(struct sbrec_encap *, encap);
                n_kept++;
            } else if (may_insert_encap(sb_idl, c, type, ip)) {
                encaps[n++] = insert_encap(sb_txn, c, type, ip);
            }
        }
    }
    *n_encaps = n;
    *changed = n != n_kept || !ch || n != ch->n_encaps;
    return encaps;
}

static bool
transport_zones_differ(const struct sbrec_chassis *ch,
                       const struct chassis_config *c)
{
    if (ch->n_transport_zones != sset_count(&c->transport_zones)) {
        return true;
    }
    for (size_t i = 0; i < ch->n_transport_zones; i++) {
        if (!sset_contains(&c->transport_zones, ch->transport_zones[i])) {
            return true;
        }
    }
    return false;
}

static void
set_transport_zones(const struct sbrec_chassis *ch,
                    const struct chassis_config *c)
{
    const char **zones = sset_sort(&c->transport_zones);

    sbrec_chassis_set_transport_zones(ch, zones,
                                      sset_count(&c->transport_zones));
    free(zones);
}

/* Creates the Chassis row. */
static const struct sbrec_chassis *
insert_chassis(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *sb_txn,
               const struct chassis_config *c)
{
    struct sbrec_encap **encaps;
    struct sbrec_chassis *ch = NULL;
    size_t n_encaps;
    bool changed;

    /* A Chassis without any Encap is not allowed, and nobody could reach
     * it. */
    encaps = make_encaps(sb_idl, sb_txn, c, NULL, &n_encaps, &changed);
    if (n_encaps) {
        ch = sbrec_chassis_insert(sb_txn);
        sbrec_chassis_set_name(ch, c->name);
        sbrec_chassis_set_hostname(ch, c->hostname);
        sbrec_chassis_set_other_config(ch, &c->other_config);
        sbrec_chassis_set_encaps(ch, encaps, n_encaps);
        set_transport_zones(ch, c);
        ovsdb_idl_txn_add_comment(sb_txn,
                                  "ovn-controller: registering chassis '%s'",
                                  c->name);
        VLOG_INFO_RL(&rl, "registering chassis %s (host %s)",
                     c->name, c->hostname);
    }
    free(encaps);
    return ch;
}

/* What tells this chassis from another of the same name.  The caller frees
 * the string. */
static char *
get_identity(const struct chassis_config *c)
{
    char *types = sset_join(&c->encap_types, ",", "");
    char *ips = sset_join(&c->encap_ips, ",", "");
    char *identity = xasprintf("%s, %s, %s %s", c->name, c->hostname, types,
                               ips);

    free(types);
    free(ips);
    return identity;
}

/* Two controllers of one name would change the row as fast as the server
 * allows: what the other one has written is left alone for a while. */
#define CONTEST_INTERVAL_MS 500

/* Before this, the row is not put right again. */
static long long int next_contest;

/* Says so if the row has become that of another controller, to judge by its
 * host name and encaps: it was ours, it is not ('is_ours'), and it is not that
 * we want something else now. */
static void
notice_impostor(const struct chassis_config *c, const struct sbrec_chassis *ch,
                bool is_ours)
{
    static char *settled;       /* Identity when the row was last ours. */
    char *identity = get_identity(c);

    if (is_ours) {
        free(settled);
        settled = identity;
        return;
    }
    if (settled && !strcmp(settled, identity)) {
        next_contest = time_msec() + CONTEST_INTERVAL_MS;
        static struct vlog_rate_limit impostor_rl = VLOG_RATE_LIMIT_INIT(1, 1);
        VLOG_WARN_RL(&impostor_rl, "chassis %s is registered by host %s (%s) "
                     "too, not only by this one (%s): without a system-id of "
                     "its own for each, they undo what the other does",
                     c->name, ch->hostname,
                     ch->n_encaps ? ch->encaps[0]->ip : "no encap",
                     c->hostname);
    }
    free(identity);
}

static void
delete_key(const struct sbrec_chassis *ch, const char *key)
{
    if (smap_get(&ch->other_config, key)) {
        sbrec_chassis_update_other_config_delkey(ch, key);
    }
}

/* Announces 'feature', or takes back what another controller that was here
 * before us may have announced. */
static void
update_feature(const struct sbrec_chassis *ch, const char *feature, bool can)
{
    if (!can) {
        delete_key(ch, feature);
    } else if (!smap_get_bool(&ch->other_config, feature, false)) {
        sbrec_chassis_update_other_config_setkey(ch, feature, "true");
    }
}

/* Writes what has changed of the Chassis row. */
static void
update_chassis(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *sb_txn,
               const struct chassis_config *c, const struct sbrec_chassis *ch)
{
    bool same_host = !strcmp(ch->hostname, c->hostname);
    struct smap_node *node;
    SMAP_FOR_EACH (node, &c->other_config) {
        const char *value = smap_get(&ch->other_config, node->key);

        if (!value || strcmp(value, node->value)) {
            sbrec_chassis_update_other_config_setkey(ch, node->key,
                                                     node->value);
        }
    }

    for (size_t i = 0; i < ARRAY_SIZE(own_keys); i++) {
        if (!smap_get(&c->other_config, own_keys[i])) {
            delete_key(ch, own_keys[i]);
        }
    }

    bool can_flush;
    if (ofctrl_knows_labels(&can_flush)) {
        update_feature(ch, FEATURE_CT_LABEL_FLUSH, can_flush);
    }
    update_feature(ch, FEATURE_SAMPLE_REGISTERS, OVS_HAS_SAMPLE_SOURCES);

    if (transport_zones_differ(ch, c)) {
        set_transport_zones(ch, c);
    }

    struct sbrec_encap **encaps;
    size_t n_encaps;
    bool changed;
    encaps = make_encaps(sb_idl, sb_txn, c, ch, &n_encaps, &changed);
    notice_impostor(c, ch, same_host && !changed);
    if (!same_host) {
        sbrec_chassis_set_hostname(ch, c->hostname);
    }
    if (changed && n_encaps) {  /* With none left, the old ones stay. */
        sbrec_chassis_set_encaps(ch, encaps, n_encaps);
    }
    free(encaps);
}

static void
update_chassis_private(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *sb_txn,
                       const struct sbrec_chassis *ch, const char *name)
{
    const struct sbrec_chassis_private *cp
        = chassis_private_find(sb_idl, name);

    if (!cp) {
        cp = sbrec_chassis_private_insert(sb_txn);
        sbrec_chassis_private_set_name(cp, name);
        sbrec_chassis_private_set_chassis(cp, ch);
    } else if (cp->chassis != ch) {
        sbrec_chassis_private_set_chassis(cp, ch);
    }
}

/* Finds out whether our Chassis row is there, committed. */
static void
input(struct turn *turn)
{
    const struct sbrec_chassis *ch
        = find_chassis(turn->sb_idl, turn->config->chassis_name);

    turn->registered = ch != NULL;
    if (ch) {
        turn->our_chassis = ch->header_.uuid;
        inc_set(in_kinds.our_chassis, INC_KEY_ONLY,
                xmemdup(&turn->our_chassis, sizeof turn->our_chassis));
    }
}

static bool
settled(const struct turn *turn)
{
    return turn->registered;
}

/* Brings the rows up to date with the configuration. */
static void
commit(const struct turn *turn)
{
    const struct ovsrec_open_vswitch *cfg
        = ovsrec_open_vswitch_first(turn->ovs_idl);
    if (!cfg || !turn->sb_txn) {
        return;
    }

    const char *name = turn->config->chassis_name;
    const struct sbrec_chassis *ch = find_chassis(turn->sb_idl, name);
    struct chassis_config c;

    chassis_config_init(&c, cfg, name, turn->config->br_int);
    if (ch) {
        if (time_msec() < next_contest) {
            COVERAGE_INC(chassis_contest_postponed);
            poll_timer_wait_until(next_contest);
        } else {
            update_chassis(turn->sb_idl, turn->sb_txn, &c, ch);
        }
    } else {
        ch = insert_chassis(turn->sb_idl, turn->sb_txn, &c);
    }
    if (ch) {
        update_chassis_private(turn->sb_idl, turn->sb_txn, ch, name);
    }
    chassis_config_destroy(&c);
}

/* Removes the rows of 'chassis_name'; returns true when there are none. */
static bool
remove_rows(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *sb_txn,
            const char *chassis_name)
{
    const struct sbrec_chassis_private *cp
        = chassis_private_find(sb_idl, chassis_name);
    const struct sbrec_chassis *ch = find_chassis(sb_idl, chassis_name);

    if (!ch && !cp) {
        return true;
    }
    if (sb_txn) {
        ovsdb_idl_txn_add_comment(sb_txn,
                                  "ovn-controller: removing chassis '%s'",
                                  chassis_name);
        delete_rows(sb_idl, ch, cp);
    }
    return false;
}

static bool
cleanup(const struct turn *turn)
{
    return (!ovsdb_idl_has_ever_connected(turn->sb_idl)
            || !ovsdb_idl_is_connected(turn->sb_idl)
            || remove_rows(turn->sb_idl, turn->sb_txn,
                           turn->config->chassis_name));
}

static void
register_ovs(struct idl_columns *columns)
{
    idl_columns_add(columns, &ovsrec_open_vswitch_col_external_ids, IDL_READ);
    idl_columns_add(columns, &ovsrec_open_vswitch_col_iface_types, IDL_READ);
    idl_columns_add(columns, &ovsrec_open_vswitch_col_bridges, IDL_READ);
    idl_columns_add(columns, &ovsrec_bridge_col_name, IDL_READ);
    idl_columns_add(columns, &ovsrec_bridge_col_datapath_type, IDL_READ);
}

static void
register_sb(struct idl_columns *columns)
{
    idl_columns_add(columns, &sbrec_chassis_private_col_name, IDL_READ);
    idl_columns_add(columns, &sbrec_chassis_private_col_chassis, IDL_READ);
    idl_columns_add(columns, &sbrec_encap_col_chassis_name, IDL_READ);
    idl_columns_add(columns, &sbrec_igmp_group_col_chassis, IDL_READ);
}

const struct module chassis_module = {
    .name = "chassis",
    .introduces_us = true,
    .register_ovs = register_ovs,
    .register_sb = register_sb,
    .input = input,
    .settled = settled,
    .commit = commit,
    .cleanup = cleanup,
};
