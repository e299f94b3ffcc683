/* SPDX-License-Identifier: Apache-2.0 */

/* Making the southbound rows what binding.c wants
 * -----------------------------------------------
 *
 * The desired value of a Port_Binding is that of "chassis", "encap" and
 * "up" of a port that is ours, and of our part in "additional_chassis" and
 * "additional_encap".  See desired-rows.h.
 *
 * "up" is written only where it is true or false already: an ovn-northd that
 * does not know it leaves it empty.
 *
 * A port changes hands between two chassis that do not know of each other.
 * If one wrote on the strength of an old row, its release could undo the
 * other's claim, or its claim leave "up" as the other's release is about to
 * make it.  Hence every change is made on condition that "chassis" is still
 * what it was when the change was decided; if it is not, the server refuses
 * the whole transaction, and the next one starts from the new row.
 *
 * Two chassis that both have an interface for a port would take it from each
 * other as fast as the server allows.  Therefore a port that is claimed away
 * from us within CLAIM_INTERVAL_MS is not claimed back before that has
 * passed: the fight goes on, slowly, until somebody mends the configuration,
 * and neither side starves.  The same goes for two machines with one
 * system-id, the copies of an image: each releases the other's ports, which
 * it takes for its own, so that we find a port released that we did not let
 * go of.
 *
 * A gateway is elected by what the switch last said of BFD.  If the switch
 * has died that stays as it was, while the others have seen it die and one of
 * them has taken over.  Hence a chassis takes no such port from another while
 * it has no connection to its switch. */

#include <config.h>
#include "binding.h"

#include "coverage.h"
#include "desired-rows.h"
#include "hash.h"
#include "idl-columns.h"
#include "idl-row.h"
#include "if-status.h"
#include "module.h"
#include "ofctrl.h"
#include "openvswitch/hmap.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "ovsdb-idl.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(binding_commit);

COVERAGE_DEFINE(binding_claim_postponed);
COVERAGE_DEFINE(binding_claim_without_switch);

#define CLAIM_INTERVAL_MS 500

/* How often we repeat a claim at once: one that was refused, if the port is
 * still where it was or free by now, or one that was undone before we saw it.
 */
#define MAX_CLAIMS 3

/* When we have claimed a port last.  Kept for CLAIM_INTERVAL_MS. */
struct claim {
    struct hmap_node hmap_node; /* In 'claims', by 'lport'. */
    char *lport;
    struct uuid from;           /* The chassis that had it. */
    bool succeeded;             /* We got it, and have not released it. */
    int n;                      /* How often we tried. */
    long long int when;
};

static struct hmap claims = HMAP_INITIALIZER(&claims);

/* The desired value of a Port_Binding. */
struct port_value {
    struct binding_desired desired;
    char *lport;                /* Whose cell says so. */
};

static enum desired_state port_agree(const struct ovsdb_idl_row *,
                                     void *value, struct ovsdb_idl *);
static void port_value_destroy(void *value);
static void forget_claim(const char *lport);

static const struct desired_class port_class = {
    .table = &sbrec_table_port_binding,
    .agree = port_agree,
    .destroy = port_value_destroy,
};
static struct desired_rows ports = DESIRED_ROWS_INITIALIZER(&ports,
                                                            &port_class);

static void
port_value_destroy(void *value_)
{
    struct port_value *value = value_;

    free(value->lport);
    free(value);
}

/* 'lport' no longer has 'row'.  If a port that was renamed has it, that may
 * have said already what it desires. */
static void
forget_row(const char *lport, const struct uuid *row)
{
    const struct port_value *value = desired_rows_get(&ports, row);

    forget_claim(lport);
    if (value && !strcmp(value->lport, lport)) {
        desired_rows_set(&ports, row, NULL);
    }
}

static void
desired_changed(struct inc_key key, const void *old_, const void *new_,
                void *aux OVS_UNUSED)
{
    const struct binding_desired *old = old_;
    const struct binding_desired *new = new_;

    if (old && !(new && uuid_equals(&old->uuid, &new->uuid))) {
        forget_row(key.data, &old->uuid);
    }
    if (new) {
        struct port_value *value = xmalloc(sizeof *value);

        *value = (struct port_value) { *new, xstrdup(key.data) };
        desired_rows_set(&ports, &new->uuid, value);
    }
}

void
binding_doubt(const struct uuid *port_binding)
{
    desired_rows_doubt(&ports, port_binding);
}

static struct claim *
claim_find(const char *lport)
{
    struct claim *c;

    HMAP_FOR_EACH_WITH_HASH (c, hmap_node, hash_string(lport, 0), &claims) {
        if (!strcmp(c->lport, lport)) {
            return c;
        }
    }
    return NULL;
}

static void
claim_destroy(struct claim *c)
{
    hmap_remove(&claims, &c->hmap_node);
    free(c->lport);
    free(c);
}

/* What becomes of 'lport' next is nobody's reply to our claim. */
static void
forget_claim(const char *lport)
{
    struct claim *c = claim_find(lport);

    if (c) {
        claim_destroy(c);
    }
}

static void
expire_claims(void)
{
    struct claim *c;

    HMAP_FOR_EACH_SAFE (c, hmap_node, &claims) {
        if (time_msec() >= c->when + CLAIM_INTERVAL_MS) {
            claim_destroy(c);
        }
    }
}

/* Whether it is too early to claim 'lport', which chassis 'from' has, if any,
 * because of an 'elected' port's switch or of an earlier claim; otherwise
 * remembers that we do so now. */
static bool
postpone_claim(const char *lport, const struct uuid *from, bool elected)
{
    if (elected && !uuid_is_zero(from) && !ofctrl_is_connected()) {
        /* The connection wakes us. */
        COVERAGE_INC(binding_claim_without_switch);
        return true;
    }

    struct claim *c = claim_find(lport);

    if (c) {
        if (!c->succeeded && c->n < MAX_CLAIMS
            && (uuid_is_zero(from) || uuid_equals(&c->from, from))) {
            c->n++;
            return false;
        }
        VLOG_DBG("Postponed claim on logical port %s.", lport);
        COVERAGE_INC(binding_claim_postponed);
        poll_timer_wait_until(c->when + CLAIM_INTERVAL_MS);
        return true;
    }
    c = xmalloc(sizeof *c);
    *c = (struct claim) {
        .lport = xstrdup(lport),
        .from = *from,
        .n = 1,
        .when = time_msec(),
    };
    hmap_insert(&claims, &c->hmap_node, hash_string(lport, 0));
    return false;
}

static void
note_success(const char *lport)
{
    struct claim *c = claim_find(lport);

    if (c) {
        c->succeeded = true;
    }
}

bool
binding_row_has_additional(const struct sbrec_port_binding *pb,
                           const struct sbrec_chassis *chassis)
{
    for (size_t i = 0; i < pb->n_additional_chassis; i++) {
        if (pb->additional_chassis[i] == chassis) {
            return true;
        }
    }
    return false;
}

/* Each of these writes what differs, and returns true if nothing does. */

static bool
agree_up(const struct sbrec_port_binding *pb, bool up)
{
    if (!pb->n_up || pb->up[0] == up) {
        return true;
    }
    VLOG_INFO("Setting lport %s %s in Southbound", pb->logical_port,
              up ? "up" : "down");
    sbrec_port_binding_set_up(pb, &up, 1);
    return false;
}

static bool
agree_encap(const struct sbrec_port_binding *pb,
            const struct sbrec_encap *encap)
{
    if (pb->encap == encap) {
        return true;
    }
    sbrec_port_binding_verify_chassis(pb);
    sbrec_port_binding_set_encap(pb, encap);
    return false;
}

/* 'encap', or none if NULL, is the only one of ours in "additional_encap". */
static bool
agree_additional_encap(const struct sbrec_port_binding *pb,
                       const struct sbrec_chassis *us,
                       const struct sbrec_encap *encap)
{
    bool is_there = false;
    bool agrees = true;

    for (size_t i = 0; i < pb->n_additional_encap; i++) {
        const struct sbrec_encap *e = pb->additional_encap[i];

        if (e == encap) {
            is_there = true;
        } else if (!strcmp(e->chassis_name, us->name)) {
            sbrec_port_binding_update_additional_encap_delvalue(pb, e);
            agrees = false;
        }
    }
    if (encap && !is_there) {
        sbrec_port_binding_update_additional_encap_addvalue(pb, encap);
        agrees = false;
    }
    return agrees;
}

static bool
agree_not_additional(const struct sbrec_port_binding *pb,
                     const struct sbrec_chassis *us)
{
    if (!binding_row_has_additional(pb, us)) {
        return true;
    }
    VLOG_INFO("Releasing lport %s from this additional chassis.",
              pb->logical_port);
    sbrec_port_binding_update_additional_chassis_delvalue(pb, us);
    agree_additional_encap(pb, us, NULL);
    return false;
}

static bool
agree_additional(const struct sbrec_port_binding *pb,
                 const struct sbrec_chassis *us,
                 const struct sbrec_encap *encap)
{
    bool agrees = binding_row_has_additional(pb, us);

    if (!agrees) {
        VLOG_INFO("Claiming lport %s for this additional chassis.",
                  pb->logical_port);
        sbrec_port_binding_update_additional_chassis_addvalue(pb, us);
    }
    return agree_additional_encap(pb, us, encap) && agrees;
}

static bool
agree_not_primary(const struct sbrec_port_binding *pb,
                  const struct sbrec_chassis *us)
{
    if (pb->chassis != us) {
        return true;
    }
    VLOG_INFO("Releasing lport %s from this chassis (sb_readonly=0)",
              pb->logical_port);
    forget_claim(pb->logical_port);
    sbrec_port_binding_verify_chassis(pb);
    sbrec_port_binding_set_chassis(pb, NULL);
    if (pb->encap) {
        sbrec_port_binding_set_encap(pb, NULL);
    }
    if (pb->virtual_parent) {
        sbrec_port_binding_verify_virtual_parent(pb);
        sbrec_port_binding_set_virtual_parent(pb, NULL);
    }
    agree_up(pb, false);
    return false;
}

static void
log_claim(const struct sbrec_port_binding *pb, const struct sbrec_chassis *us)
{
    if (pb->chassis) {
        VLOG_INFO("Changing chassis for lport %s from %s to %s.",
                  pb->logical_port, pb->chassis->name, us->name);
    } else {
        VLOG_INFO("Claiming lport %s for this chassis.", pb->logical_port);
    }
    for (size_t i = 0; i < pb->n_mac; i++) {
        VLOG_INFO("%s: Claiming %s", pb->logical_port, pb->mac[i]);
    }
}

static bool
agree_primary(const struct sbrec_port_binding *pb,
              const struct sbrec_chassis *us, const struct sbrec_encap *encap,
              const struct binding_desired *desired, bool up)
{
    if (pb->chassis == us) {
        bool agrees = agree_encap(pb, encap);

        note_success(pb->logical_port);
        /* A port that is up already when we start stays so. */
        if (up && !agree_up(pb, true)) {
            sbrec_port_binding_verify_chassis(pb);
            agrees = false;
        }
        return agrees;
    }

    if (desired->hands_over && pb->chassis) {
        return true;
    }
    const struct uuid from = (pb->chassis ? pb->chassis->header_.uuid
                              : UUID_ZERO);
    if (!postpone_claim(pb->logical_port, &from, desired->elected)) {
        log_claim(pb, us);
        sbrec_port_binding_verify_chassis(pb);
        sbrec_port_binding_set_chassis(pb, us);
        agree_encap(pb, encap);
        /* It was up elsewhere.  Here it is only once its flows are. */
        agree_up(pb, up);
    }
    return false;
}

static enum desired_state
port_agree(const struct ovsdb_idl_row *row, void *value_,
           struct ovsdb_idl *sb_idl)
{
    const struct sbrec_port_binding *pb
        = CONTAINER_OF(row, struct sbrec_port_binding, header_);
    const struct port_value *value = value_;
    const struct binding_desired *desired = &value->desired;
    const struct sbrec_chassis *us = sbrec_chassis_get_for_uuid(sb_idl,
                                                                &desired->us);
    const struct sbrec_encap *encap
        = (uuid_is_zero(&desired->encap) ? NULL
           : sbrec_encap_get_for_uuid(sb_idl, &desired->encap));
    bool up = (!desired->has_iface
               || if_status_is_installed(pb->logical_port));
    us = IDL_ROW_IF_EXISTS(us);
    encap = IDL_ROW_IF_EXISTS(encap);
    if (!us) {
        return DESIRED_DIFFERS;
    }

    /* What we let go of first. */
    bool no_primary = (desired->want == BINDING_PRIMARY
                       || agree_not_primary(pb, us));
    bool no_additional = (desired->want == BINDING_ADDITIONAL
                          || agree_not_additional(pb, us));
    bool claimed = (desired->want == BINDING_PRIMARY
                    ? agree_primary(pb, us, encap, desired, up)
                    : desired->want == BINDING_ADDITIONAL
                    ? agree_additional(pb, us, encap)
                    : true);
    return (no_primary && no_additional && claimed
            ? DESIRED_AGREES : DESIRED_DIFFERS);
}

static void
commit(const struct turn *turn)
{
    if_status_run(binding_doubt); /* What is "up" goes by. */
    if (turn->sb_txn) {
        expire_claims();
    }
    desired_rows_commit(&ports, turn->sb_idl, turn->sb_txn);
}

/* Releases everything.  Returns true when done. */
static bool
release_all(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *sb_txn,
            const struct uuid *our_chassis)
{
    const struct sbrec_chassis *us = sbrec_chassis_get_for_uuid(sb_idl,
                                                                our_chassis);
    const struct sbrec_port_binding *pb;
    bool any = false;

    if (!IDL_ROW_IF_EXISTS(us)) {
        return true;
    }
    SBREC_PORT_BINDING_FOR_EACH (pb, sb_idl) {
        if (pb->chassis == us) {
            any = true;
            if (sb_txn) {
                sbrec_port_binding_set_chassis(pb, NULL);
                if (pb->encap) {
                    sbrec_port_binding_set_encap(pb, NULL);
                }
            }
        }
        if (binding_row_has_additional(pb, us)) {
            any = true;
            if (sb_txn) {
                sbrec_port_binding_update_additional_chassis_delvalue(pb, us);
            }
        }
    }
    if (any && sb_txn) {
        ovsdb_idl_txn_add_comment(
            sb_txn, "ovn-controller: removing all port bindings for '%s'",
            us->name);
    }
    return !any;
}

static void
destroy(void)
{
    struct claim *c;

    desired_rows_destroy(&ports);
    HMAP_FOR_EACH_SAFE (c, hmap_node, &claims) {
        claim_destroy(c);
    }
    hmap_destroy(&claims);
}

static bool
cleanup(const struct turn *turn)
{
    return (!ovsdb_idl_has_ever_connected(turn->sb_idl)
            || !ovsdb_idl_is_connected(turn->sb_idl)
            || release_all(turn->sb_idl, turn->sb_txn,
                           &turn->our_chassis));
}

static void
register_sb(struct idl_columns *columns)
{
    idl_columns_add(columns, &sbrec_port_binding_col_up, IDL_TRACK);
    idl_columns_add(columns, &sbrec_port_binding_col_additional_encap,
                    IDL_TRACK);
    idl_columns_add(columns, &sbrec_encap_col_chassis_name, IDL_READ);
}

static void
init(struct inc_engine *engine OVS_UNUSED)
{
    inc_kind_watch(binding_kind_desired, desired_changed, NULL);
}

const struct module binding_commit_module = {
    .name = "binding-commit",
    .init = init,
    .register_sb = register_sb,
    .commit = commit,
    .cleanup = cleanup,
    .destroy = destroy,
};
