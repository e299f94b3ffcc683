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


#include <config.h>
#include "binding.h"

#include "hash.h"
#include "idl-columns.h"
#include "inputs.h"
#include "module.h"
#include "ovn-sb-idl.h"
#include "openvswitch/hmap.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(binding_commit);

/* Making the southbound rows say what binding.c wishes
 * ----------------------------------------------------
 *
 * A wish is pending from when its cell appears until it disappears, which it
 * does when the row, as it comes back from the server, agrees with it.
 * Whenever a transaction is open, each pending wish is written.  Nothing has
 * to be known about what became of the last transaction.
 *
 * Two chassis that both have an interface for a port would take it from each
 * other as fast as the server allows.  Therefore a port that is claimed away
 * from us within CLAIM_INTERVAL_MS is not claimed back before that has
 * passed: the fight goes on, slowly, until somebody mends the configuration,
 * and neither side starves. */

#define CLAIM_INTERVAL_MS 500

struct pending {
    struct hmap_node hmap_node; /* In 'pendings', by 'lport'. */
    char *lport;
    struct binding_wish wish;
};

/* When we have claimed a port last.  Kept for CLAIM_INTERVAL_MS. */
struct claim {
    struct hmap_node hmap_node; /* In 'claims', by 'lport'. */
    char *lport;
    long long int when;
};

static struct hmap pendings = HMAP_INITIALIZER(&pendings);
static struct hmap claims = HMAP_INITIALIZER(&claims);

/* When a postponed claim is due, LLONG_MAX if none is. */
static long long int next_claim = LLONG_MAX;

static struct pending *
pending_find(const char *lport)
{
    struct pending *p;

    HMAP_FOR_EACH_WITH_HASH (p, hmap_node, hash_string(lport, 0),
                             &pendings) {
        if (!strcmp(p->lport, lport)) {
            return p;
        }
    }
    return NULL;
}

static void
pending_destroy(struct pending *p)
{
    hmap_remove(&pendings, &p->hmap_node);
    free(p->lport);
    free(p);
}

void
binding_wish_changed(struct inc_key key, const void *old OVS_UNUSED,
                     const void *new, void *aux OVS_UNUSED)
{
    const char *lport = key.data;
    struct pending *p = pending_find(lport);

    if (!new) {
        if (p) {
            pending_destroy(p);
        }
        return;
    }
    if (!p) {
        p = xmalloc(sizeof *p);
        p->lport = xstrdup(lport);
        hmap_insert(&pendings, &p->hmap_node, hash_string(lport, 0));
    }
    p->wish = *(const struct binding_wish *) new;
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
expire_claims(void)
{
    struct claim *c;

    HMAP_FOR_EACH_SAFE (c, hmap_node, &claims) {
        if (time_msec() >= c->when + CLAIM_INTERVAL_MS) {
            hmap_remove(&claims, &c->hmap_node);
            free(c->lport);
            free(c);
        }
    }
}

/* Whether it is too early to claim 'lport' away from another chassis;
 * otherwise remembers that we do so now. */
static bool
postpone_claim(const char *lport)
{
    struct claim *c = claim_find(lport);

    if (c) {
        VLOG_DBG("Postponed claim on logical port %s.", lport);
        next_claim = MIN(next_claim, c->when + CLAIM_INTERVAL_MS);
        return true;
    }
    c = xmalloc(sizeof *c);
    c->lport = xstrdup(lport);
    c->when = time_msec();
    hmap_insert(&claims, &c->hmap_node, hash_string(lport, 0));
    return false;
}

static bool
is_ours(const struct sbrec_chassis *chassis, const struct uuid *us)
{
    return chassis && uuid_equals(&chassis->header_.uuid, us);
}

static bool
has_additional(const struct sbrec_port_binding *pb, const struct uuid *us)
{
    for (size_t i = 0; i < pb->n_additional_chassis; i++) {
        if (is_ours(pb->additional_chassis[i], us)) {
            return true;
        }
    }
    return false;
}

static void
set_down(const struct sbrec_port_binding *pb)
{
    if (pb->n_up && pb->up[0]) {
        bool up = false;

        VLOG_INFO("Setting lport %s down in Southbound", pb->logical_port);
        sbrec_port_binding_set_up(pb, &up, 1);
    }
}

static void
set_encap(const struct sbrec_port_binding *pb, struct ovsdb_idl *sb_idl,
          const struct uuid *uuid)
{
    const struct sbrec_encap *encap
        = (uuid_is_zero(uuid) ? NULL
           : sbrec_encap_get_for_uuid(sb_idl, uuid));

    if (pb->encap != encap) {
        sbrec_port_binding_set_encap(pb, encap);
    }
}

static void
drop_additional(const struct sbrec_port_binding *pb,
                const struct sbrec_chassis *us)
{
    VLOG_INFO("Releasing lport %s from this additional chassis.",
              pb->logical_port);
    sbrec_port_binding_update_additional_chassis_delvalue(pb, us);
}

static void
release(const struct sbrec_port_binding *pb)
{
    VLOG_INFO("Releasing lport %s from this chassis (sb_readonly=0)",
              pb->logical_port);
    sbrec_port_binding_set_chassis(pb, NULL);
    if (pb->encap) {
        sbrec_port_binding_set_encap(pb, NULL);
    }
    if (pb->virtual_parent) {
        sbrec_port_binding_set_virtual_parent(pb, NULL);
    }
    set_down(pb);
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

static void
claim(const struct sbrec_port_binding *pb, const struct sbrec_chassis *us,
      const struct binding_wish *wish)
{
    if (postpone_claim(pb->logical_port) && pb->chassis) {
        return;
    }
    log_claim(pb, us);
    sbrec_port_binding_set_chassis(pb, us);
    if (wish->has_iface) {
        /* It was up elsewhere.  Here it is only once its flows are. */
        set_down(pb);
    } else if (!pb->n_up || !pb->up[0]) {
        bool up = true;
        sbrec_port_binding_set_up(pb, &up, 1);
    }
}

static void
write_wish(const struct sbrec_port_binding *pb,
           const struct binding_wish *wish, struct ovsdb_idl *sb_idl)
{
    const struct sbrec_chassis *us = sbrec_chassis_get_for_uuid(sb_idl,
                                                                &wish->us);
    if (!us) {
        return;
    }

    bool is_primary = pb->chassis == us;
    bool is_additional = has_additional(pb, &wish->us);

    if (is_additional && wish->want != BINDING_ADDITIONAL) {
        drop_additional(pb, us);
    }
    switch (wish->want) {
    case BINDING_RELEASE:
        if (is_primary) {
            release(pb);
        }
        break;

    case BINDING_PRIMARY:
        if (!is_primary) {
            claim(pb, us, wish);
        }
        if (pb->chassis == us) {
            set_encap(pb, sb_idl, &wish->encap);
        }
        break;

    case BINDING_ADDITIONAL:
        if (is_primary) {
            release(pb);
        }
        if (!is_additional) {
            VLOG_INFO("Claiming lport %s for this additional chassis.",
                      pb->logical_port);
            sbrec_port_binding_update_additional_chassis_addvalue(pb, us);
        }
        break;
    }
}

void
binding_commit(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *sb_txn)
{
    struct pending *p;

    if (!sb_txn) {
        return;
    }
    next_claim = LLONG_MAX;
    expire_claims();
    HMAP_FOR_EACH (p, hmap_node, &pendings) {
        const struct sbrec_port_binding *pb
            = sbrec_port_binding_get_for_uuid(sb_idl, &p->wish.uuid);
        if (pb) {
            write_wish(pb, &p->wish, sb_idl);
        }
    }
}

void
binding_wait(void)
{
    if (next_claim != LLONG_MAX) {
        poll_timer_wait_until(next_claim);
    }
}

bool
binding_cleanup(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *sb_txn,
                const struct uuid *our_chassis)
{
    const struct sbrec_chassis *us = sbrec_chassis_get_for_uuid(sb_idl,
                                                                our_chassis);
    const struct sbrec_port_binding *pb;
    bool any = false;

    if (!us) {
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
        if (has_additional(pb, our_chassis)) {
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

void
binding_commit_destroy(void)
{
    struct pending *p;
    struct claim *c;

    HMAP_FOR_EACH_SAFE (p, hmap_node, &pendings) {
        pending_destroy(p);
    }
    hmap_destroy(&pendings);
    HMAP_FOR_EACH_POP (c, hmap_node, &claims) {
        free(c->lport);
        free(c);
    }
    hmap_destroy(&claims);
}

static void
input(struct turn *turn)
{
    if (turn->registered) {
        binding_set_our_chassis(&turn->our_chassis);
    }
}

static void
commit(const struct turn *turn)
{
    binding_commit(turn->sb_idl, turn->sb_txn);
}

static bool
cleanup(const struct turn *turn)
{
    return (!ovsdb_idl_has_ever_connected(turn->sb_idl)
            || !ovsdb_idl_is_connected(turn->sb_idl)
            || binding_cleanup(turn->sb_idl, turn->sb_txn,
                               &turn->our_chassis));
}

static void
register_sb(struct idl_columns *columns)
{
    idl_columns_add(columns, &sbrec_port_binding_col_up, IDL_READ);
}

const struct module binding_module = {
    .name = "binding",
    .init = binding_init,
    .register_sb = register_sb,
    .commands = binding_register_commands,
    .input = input,
    .commit = commit,
    .wait = binding_wait,
    .cleanup = cleanup,
    .destroy = binding_destroy,
};
