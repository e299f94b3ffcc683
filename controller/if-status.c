/* SPDX-License-Identifier: Apache-2.0 */

/* Reporting ports and interfaces as up; see if-status.h. */

#include <config.h>
#include "if-status.h"

#include "binding.h"
#include "br-int.h"
#include "desired-rows.h"
#include "hash.h"
#include "inputs.h"
#include "module.h"
#include "monitor.h"
#include "ofctrl.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/vlog.h"
#include "ovs-config.h"
#include "ovsdb-idl.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(if_status);

/* A port that is local. */
struct report {
    struct hmap_node hmap_node; /* In 'reports', by 'lport'. */
    struct ovs_list list_node;  /* In 'waiting', unless 'installed'. */
    char *lport;
    struct uuid pb;             /* Port_Binding. */
    struct uuid iface;          /* Interface; zero for a container's. */
    struct uuid datapath;
    bool additional;            /* Not ours to report as "up". */
    uint64_t fence;             /* 0: its flows are not computed yet. */
    bool installed;             /* The fence has been reached. */
};

/* The desired value of an Interface. */
struct iface_mark {
    char *lport;                /* Installed; NULL: must not be marked. */
    bool must_renew;            /* The mark that is there is another port's. */
    bool was_removed;           /* Without 'lport': the mark is gone. */
    long long int when;         /* Of being installed, wall clock, ms. */
};

/* Interfaces that have come, and of which it is not known yet whether they
 * will be a port's.  Keyed by their UUIDs, in words. */
static struct sset newcomers = SSET_INITIALIZER(&newcomers);

static struct hmap reports = HMAP_INITIALIZER(&reports);
static struct ovs_list waiting = OVS_LIST_INITIALIZER(&waiting);

static enum desired_state iface_agree(const struct ovsdb_idl_row *, void *mark,
                                      struct ovsdb_idl *);
static void iface_mark_destroy(void *mark);

static const struct desired_class iface_class = {
    .table = &ovsrec_table_interface,
    .agree = iface_agree,
    .destroy = iface_mark_destroy,
};
static struct desired_rows ifaces = DESIRED_ROWS_INITIALIZER(&ifaces,
                                                             &iface_class);

/* Interfaces. */

static void
iface_mark_destroy(void *mark_)
{
    struct iface_mark *mark = mark_;

    free(mark->lport);
    free(mark);
}

/* Has 'iface' marked as installed for 'lport', or (NULL) for no port. */
static void
mark_iface(const struct uuid *iface, const char *lport)
{
    if (uuid_is_zero(iface)) {
        return;
    }

    const struct iface_mark *old = desired_rows_get(&ifaces, iface);
    struct iface_mark *mark = xmalloc(sizeof *mark);
    *mark = (struct iface_mark) {
        .lport = nullable_xstrdup(lport),
        .must_renew = old && !old->lport,
        .when = time_wall_msec(),
    };
    desired_rows_set(&ifaces, iface, mark);
}

static void
remove_mark(const struct ovsrec_interface *iface)
{
    VLOG_INFO("Removing iface %s ovn-installed in OVS", iface->name);
    ovsrec_interface_update_external_ids_delkey(iface, "ovn-installed");
}

static void
put_mark(const struct ovsrec_interface *iface, const struct iface_mark *mark)
{
    char *when = xasprintf("%lld", mark->when);

    VLOG_INFO("Setting lport %s ovn-installed in OVS", mark->lport);
    ovsrec_interface_update_external_ids_setkey(iface, "ovn-installed",
                                                "true");
    ovsrec_interface_update_external_ids_setkey(iface, "ovn-installed-ts",
                                                when);
    free(when);
}

/* Whether 'iface' is on our bridge and says that it is a logical port's. */
static bool
is_for_us(const struct ovsrec_interface *iface)
{
    const char *iface_id = smap_get(&iface->external_ids, "iface-id");
    struct inc_key name = inc_key_string(iface->name);
    const struct ovs_iface *here = inc_peek(in_kinds.iface, name);

    return (iface_id && here
            && uuid_equals(&here->uuid, &iface->header_.uuid)
            && inc_set_contains(inc_peek_set(in_kinds.ifaces_by_id,
                                             inc_key_string(iface_id)), name));
}

/* Of an interface that is no port's, nobody but us says so.  One that is none
 * of our business is left alone once our own mark is gone: another controller
 * may have its bridge. */
static enum desired_state
agree_unmarked(const struct ovsrec_interface *iface, struct iface_mark *mark)
{
    bool is_ours = is_for_us(iface);

    if (smap_get(&iface->external_ids, "ovn-installed")
        && (is_ours || !mark->was_removed)) {
        remove_mark(iface);
        return DESIRED_DIFFERS;
    }
    mark->was_removed = true;
    return is_ours ? DESIRED_AGREES : DESIRED_DONE;
}

static enum desired_state
iface_agree(const struct ovsdb_idl_row *row, void *mark_,
            struct ovsdb_idl *idl OVS_UNUSED)
{
    const struct ovsrec_interface *iface
        = CONTAINER_OF(row, struct ovsrec_interface, header_);
    const char *there = smap_get(&iface->external_ids, "ovn-installed");
    struct iface_mark *mark = mark_;

    if (!mark->lport) {
        return agree_unmarked(iface, mark);
    }
    if (there && mark->must_renew) {
        remove_mark(iface);
        return DESIRED_DIFFERS;
    }
    mark->must_renew = false;
    if (!there || strcmp(there, "true")
        || !smap_get(&iface->external_ids, "ovn-installed-ts")) {
        put_mark(iface, mark);
        return DESIRED_DIFFERS;
    }
    return DESIRED_AGREES;
}

/* Ports. */

static struct report *
report_find(const char *lport)
{
    struct report *r;

    HMAP_FOR_EACH_WITH_HASH (r, hmap_node, hash_string(lport, 0), &reports) {
        if (!strcmp(r->lport, lport)) {
            return r;
        }
    }
    return NULL;
}

static void
report_destroy(struct report *r)
{
    if (!r->installed) {
        ovs_list_remove(&r->list_node);
    }
    hmap_remove(&reports, &r->hmap_node);
    free(r->lport);
    free(r);
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
        mark_iface(&old_iface, NULL);
    }
    if (old && new && same_iface && uuid_equals(&old->uuid, &new->uuid)
        && old->additional == new->additional) {
        return;
    }

    struct report *r = report_find(lport);
    if (r) {
        report_destroy(r);
    }
    if (new) {
        r = xmalloc(sizeof *r);
        *r = (struct report) {
            .lport = xstrdup(lport),
            .pb = new->uuid,
            .iface = new_iface,
            .datapath = new->datapath,
            .additional = new->additional,
        };
        hmap_insert(&reports, &r->hmap_node, hash_string(lport, 0));
        ovs_list_push_back(&waiting, &r->list_node);
    }
}

static void
ifaces_changed(struct inc_key iface_id, const void *old OVS_UNUSED,
               const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    const struct inc_set *names = inc_peek_set(in_kinds.ifaces_by_id,
                                               iface_id);

    for (size_t i = 0; i < inc_set_count(names); i++) {
        const struct ovs_iface *iface = inc_peek(in_kinds.iface,
                                                 inc_set_at(names, i));

        if (iface) {
            sset_add_and_free(&newcomers, xasprintf(UUID_FMT,
                                                    UUID_ARGS(&iface->uuid)));
        }
    }
}

/* The interfaces that are ports' are known.  A mark on another is from before
 * we were started. */
static void
judge_newcomers(void)
{
    struct report *r;
    const char *word;

    if (sset_is_empty(&newcomers)) {
        return;
    }
    HMAP_FOR_EACH (r, hmap_node, &reports) {
        char *ours = xasprintf(UUID_FMT, UUID_ARGS(&r->iface));

        sset_find_and_delete(&newcomers, ours);
        free(ours);
    }
    SSET_FOR_EACH (word, &newcomers) {
        struct uuid iface;

        if (uuid_from_string(&iface, word)
            && !desired_rows_get(&ifaces, &iface)) {
            mark_iface(&iface, NULL);
        }
    }
    sset_clear(&newcomers);
}

/* Whether port 'lport' is bound to us, or was. */
static bool
is_bound_here(const struct turn *turn, const char *lport)
{
    const struct port_binding *pb = inc_peek(in_kinds.port_binding,
                                             inc_key_string(lport));

    return pb && (uuid_is_zero(&pb->chassis)
                  || uuid_equals(&pb->chassis, &turn->our_chassis));
}

/* Takes marks off the interfaces of 'bridge', which is not ours: 'all', or
 * those of ports that are not bound to another chassis. */
static void
unmark_bridge(const struct turn *turn, const struct ovsrec_bridge *bridge,
              bool all)
{
    for (size_t i = 0; i < bridge->n_ports; i++) {
        const struct ovsrec_port *port = bridge->ports[i];

        for (size_t j = 0; j < port->n_interfaces; j++) {
            const struct ovsrec_interface *iface = port->interfaces[j];
            const char *lport = smap_get(&iface->external_ids, "iface-id");

            if (lport && smap_get(&iface->external_ids, "ovn-installed")
                && (all || is_bound_here(turn, lport))) {
                mark_iface(&iface->header_.uuid, NULL);
            }
        }
    }
}

/* Once, when we have been started: a bridge that has been the integration
 * bridge, and was left while there was no controller, may still have marks.
 * Of one that another controller may have, by now or all the time, the ports
 * say whose they are. */
static void
leave_former_bridges(const struct turn *turn)
{
    static bool done;
    const char *ours = turn->config->br_int;
    const struct ovsrec_open_vswitch *cfg
        = ovsrec_open_vswitch_first(turn->ovs_idl);
    const struct ovsrec_bridge *bridge;

    if (done || !cfg) {
        return;
    }
    done = true;
    OVSREC_BRIDGE_FOR_EACH (bridge, turn->ovs_idl) {
        if (strcmp(bridge->name, ours)) {
            unmark_bridge(turn, bridge, br_int_may_have_been(
                cfg, turn->config->chassis_name, ours, bridge->name));
        }
    }
}

static void
init(struct inc_engine *engine OVS_UNUSED)
{
    inc_kind_watch(binding_kind_local_port, local_port_changed, NULL);
    inc_kind_watch(in_kinds.ifaces_by_id, ifaces_changed, NULL);
}

static void
destroy(void)
{
    struct report *r;

    HMAP_FOR_EACH_SAFE (r, hmap_node, &reports) {
        report_destroy(r);
    }
    hmap_destroy(&reports);
    sset_destroy(&newcomers);
    desired_rows_destroy(&ifaces);
}

/* The flows of all ports that are local now are in the flow table: takes a
 * fence for those that wait for one.  If 'only_monitored', that holds only for
 * those whose datapath's part of the southbound snapshot is complete. */
static void
take_fence(bool only_monitored)
{
    struct report *r;
    uint64_t fence = 0;

    LIST_FOR_EACH (r, list_node, &waiting) {
        if (!r->fence
            && (!only_monitored || monitor_has_datapath(&r->datapath))) {
            if (!fence) {
                fence = ofctrl_fence();
            }
            r->fence = fence;
        }
    }
}

void
if_status_run(void (*installed)(const struct uuid *port_binding))
{
    struct report *r;

    LIST_FOR_EACH_SAFE (r, list_node, &waiting) {
        if (r->fence && ofctrl_reached(r->fence)) {
            ovs_list_remove(&r->list_node);
            r->installed = true;
            mark_iface(&r->iface, r->lport);
            installed(&r->pb);
        }
    }
}

bool
if_status_is_installed(const char *lport)
{
    const struct report *r = report_find(lport);

    return r && r->installed && !r->additional;
}

static void
complete(const struct turn *turn)
{
    judge_newcomers();
    leave_former_bridges(turn);
    take_fence(false);
}

static void
away(const struct turn *turn OVS_UNUSED)
{
    take_fence(true);
}

static void
commit(const struct turn *turn)
{
    desired_rows_commit(&ifaces, turn->ovs_idl, turn->ovs_txn);
}

const struct module if_status_module = {
    .name = "if-status",
    .init = init,
    .complete = complete,
    .away = away,
    .commit = commit,
    .destroy = destroy,
};
