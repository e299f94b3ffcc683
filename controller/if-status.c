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
#include "if-status.h"

#include "binding.h"
#include "hash.h"
#include "idl-columns.h"
#include "module.h"
#include "ofctrl.h"
#include "openvswitch/hmap.h"
#include "openvswitch/vlog.h"
#include "ovn-sb-idl.h"
#include "ovsdb-idl.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(if_status);

/* A port that is local, but not known to be reported as such. */
struct waiting {
    struct hmap_node hmap_node; /* In 'waitings', by 'lport'. */
    char *lport;
    struct uuid pb;             /* Port_Binding. */
    struct uuid iface;          /* Interface; zero for a container's. */
    bool additional;            /* Not ours to report as "up". */
    uint64_t fence;             /* 0: its flows are not computed yet. */
};

/* An interface that is no local port's any more. */
struct orphan {
    struct hmap_node hmap_node; /* In 'orphans', by 'iface'. */
    struct uuid iface;
};

static struct hmap waitings = HMAP_INITIALIZER(&waitings);
static struct hmap orphans = HMAP_INITIALIZER(&orphans);

static struct waiting *
waiting_find(const char *lport)
{
    struct waiting *w;

    HMAP_FOR_EACH_WITH_HASH (w, hmap_node, hash_string(lport, 0),
                             &waitings) {
        if (!strcmp(w->lport, lport)) {
            return w;
        }
    }
    return NULL;
}

static void
waiting_destroy(struct waiting *w)
{
    hmap_remove(&waitings, &w->hmap_node);
    free(w->lport);
    free(w);
}

static struct orphan *
orphan_find(const struct uuid *iface)
{
    struct orphan *o;

    HMAP_FOR_EACH_WITH_HASH (o, hmap_node, uuid_hash(iface), &orphans) {
        if (uuid_equals(&o->iface, iface)) {
            return o;
        }
    }
    return NULL;
}

static void
orphan_add(const struct uuid *iface)
{
    if (!uuid_is_zero(iface) && !orphan_find(iface)) {
        struct orphan *o = xmalloc(sizeof *o);

        o->iface = *iface;
        hmap_insert(&orphans, &o->hmap_node, uuid_hash(iface));
    }
}

static void
orphan_destroy(struct orphan *o)
{
    hmap_remove(&orphans, &o->hmap_node);
    free(o);
}

/* The interface that is to be marked as installed for 'lp'. */
static struct uuid
own_iface(const struct local_port *lp)
{
    return lp && lp->type == LP_VIF ? lp->iface_uuid : UUID_ZERO;
}

static bool
is_reported(const struct local_port *lp)
{
    return lp && (lp->type == LP_VIF || lp->type == LP_CONTAINER);
}

static void
local_port_changed(struct inc_key key, const void *old_, const void *new_,
                   void *aux OVS_UNUSED)
{
    const char *lport = key.data;
    const struct local_port *old = is_reported(old_) ? old_ : NULL;
    const struct local_port *new = is_reported(new_) ? new_ : NULL;
    struct uuid old_iface = own_iface(old);
    struct uuid new_iface = own_iface(new);

    bool same_iface = uuid_equals(&old_iface, &new_iface);
    if (!same_iface) {
        orphan_add(&old_iface);
    }
    if (old && new && same_iface && uuid_equals(&old->uuid, &new->uuid)
        && old->additional == new->additional) {
        return;
    }

    struct waiting *w = waiting_find(lport);
    if (w) {
        waiting_destroy(w);
    }
    if (new) {
        w = xmalloc(sizeof *w);
        *w = (struct waiting) {
            .lport = xstrdup(lport),
            .pb = new->uuid,
            .iface = new_iface,
            .additional = new->additional,
        };
        hmap_insert(&waitings, &w->hmap_node, hash_string(lport, 0));
    }
}

void
if_status_init(void)
{
    inc_kind_watch(binding_kind_local_port, local_port_changed, NULL);
}

void
if_status_destroy(void)
{
    struct waiting *w;
    struct orphan *o;

    HMAP_FOR_EACH_SAFE (w, hmap_node, &waitings) {
        waiting_destroy(w);
    }
    hmap_destroy(&waitings);
    HMAP_FOR_EACH_SAFE (o, hmap_node, &orphans) {
        orphan_destroy(o);
    }
    hmap_destroy(&orphans);
}

void
if_status_fence(void)
{
    struct waiting *w;
    uint64_t fence = 0;

    HMAP_FOR_EACH (w, hmap_node, &waitings) {
        if (!w->fence) {
            if (!fence) {
                fence = ofctrl_fence();
            }
            w->fence = fence;
        }
    }
}

/* Takes "ovn-installed" off interfaces that have become nobody's. */
static void
commit_orphans(struct ovsdb_idl *ovs_idl, struct ovsdb_idl_txn *ovs_txn)
{
    struct orphan *o;

    if (!ovs_txn) {
        return;
    }
    HMAP_FOR_EACH_SAFE (o, hmap_node, &orphans) {
        const struct ovsrec_interface *iface
            = ovsrec_interface_get_for_uuid(ovs_idl, &o->iface);

        if (iface && smap_get(&iface->external_ids, "ovn-installed")) {
            VLOG_INFO("Removing iface %s ovn-installed in OVS", iface->name);
            ovsrec_interface_update_external_ids_delkey(iface,
                                                        "ovn-installed");
        } else {
            orphan_destroy(o);
        }
    }
}

/* Each of these returns true if there is nothing left to write. */

static bool
commit_installed(const struct waiting *w, struct ovsdb_idl *ovs_idl,
                 struct ovsdb_idl_txn *ovs_txn)
{
    if (uuid_is_zero(&w->iface)) {
        return true;
    } else if (orphan_find(&w->iface)) {
        /* Marked for another port that it was until now. */
        return false;
    }

    const struct ovsrec_interface *iface
        = ovsrec_interface_get_for_uuid(ovs_idl, &w->iface);
    if (!iface || smap_get_bool(&iface->external_ids, "ovn-installed",
                                false)) {
        return true;
    }
    if (ovs_txn) {
        char *ts = xasprintf("%lld", time_wall_msec());

        VLOG_INFO("Setting lport %s ovn-installed in OVS", w->lport);
        ovsrec_interface_update_external_ids_setkey(iface, "ovn-installed",
                                                    "true");
        ovsrec_interface_update_external_ids_setkey(iface, "ovn-installed-ts",
                                                    ts);
        free(ts);
    }
    return false;
}

static bool
commit_up(const struct waiting *w, struct ovsdb_idl *sb_idl,
          struct ovsdb_idl_txn *sb_txn)
{
    const struct sbrec_port_binding *pb
        = (w->additional ? NULL
           : sbrec_port_binding_get_for_uuid(sb_idl, &w->pb));

    if (!pb || (pb->n_up && pb->up[0])) {
        return true;
    }
    if (sb_txn) {
        bool up = true;

        VLOG_INFO("Setting lport %s up in Southbound", w->lport);
        sbrec_port_binding_set_up(pb, &up, 1);
    }
    return false;
}

void
if_status_commit(struct ovsdb_idl *sb_idl, struct ovsdb_idl_txn *sb_txn,
                 struct ovsdb_idl *ovs_idl, struct ovsdb_idl_txn *ovs_txn)
{
    struct waiting *w;

    commit_orphans(ovs_idl, ovs_txn);
    HMAP_FOR_EACH_SAFE (w, hmap_node, &waitings) {
        if (!w->fence || !ofctrl_reached(w->fence)) {
            continue;
        }

        bool installed = commit_installed(w, ovs_idl, ovs_txn);
        bool up = commit_up(w, sb_idl, sb_txn);
        if (installed && up) {
            waiting_destroy(w);
        }
    }
}

static void
init(struct inc_engine *engine OVS_UNUSED)
{
    if_status_init();
}

static void
complete(const struct turn *turn OVS_UNUSED)
{
    if_status_fence();
}

static void
commit(const struct turn *turn)
{
    if_status_commit(turn->sb_idl, turn->sb_txn, turn->ovs_idl,
                     turn->ovs_txn);
}

static void
register_sb(struct idl_columns *columns)
{
    idl_columns_add(columns, &sbrec_port_binding_col_up, IDL_READ);
}

const struct module if_status_module = {
    .name = "if-status",
    .init = init,
    .register_sb = register_sb,
    .complete = complete,
    .commit = commit,
    .destroy = if_status_destroy,
};
