/* SPDX-License-Identifier: Apache-2.0 */

/* Egress QoS: queues of physical devices
 * ======================================
 *
 * A logical port with rates in its options (qos_min_rate, qos_max_rate,
 * qos_burst) gets a queue number from ovn-northd (qdisc_queue_id), which
 * writes logical flows with set_queue(NUMBER).  Packets keep that number until
 * they leave the host, through a physical device.  What the number means
 * there is up to this module:
 *
 *   - (egress-queue, lport): a queue that is wanted, because of a port that is
 *     bound here, or of a localnet port of a local datapath.
 *   - (egress-devices): names of the devices that packets leave through: of
 *     interfaces that are marked (external_ids:ovn-egress-iface) and are on a
 *     bridge to which a localnet port of a local datapath connects, and what
 *     ovs-vswitchd says that our tunnels go through.
 *
 * Every device gets every queue, unless the port names the one network that it
 * is for (qos_physical_network, of later releases): then only devices that
 * lead there get it.  Beside a later central, a port that names none has no
 * queue.  The kernel shapes: each device has an HTB
 * queueing discipline, as ovs-vswitchd would give to it, which therefore is
 * told with QoS of the type linux-noop to stay away.  A device without any
 * queue goes back to the system's own discipline.
 *
 * Beside a later central, nothing is done to a device that no queue is wanted
 * for, or whose Port has a QoS of somebody else's: what an operator has there
 * stays.  Rows that are ours have external_ids:ovn_qos, as OVN's own
 * controller marks its rows; those that it has left are cleared away where
 * ours take their place.  A device that gets its last queue taken away goes
 * back to ovs-vswitchd.
 *
 * Units say what should be; update_devices() knows what it has made of each
 * device and tells the kernel the difference.  A device that it sees for the
 * first time, e.g. after a restart, keeps the queues that are right. */

#include <config.h>
#include "egress-qos.h"

#include <stdlib.h>

#include "binding.h"
#include "config-values.h"
#include "idl-columns.h"
#include "inputs.h"
#include "local-datapath.h"
#include "module.h"
#include "netdev.h"
#include "openvswitch/hmap.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "patch.h"
#include "smap.h"
#include "sset.h"
#include "timeval.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(egress_qos);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* In bits a second: what Linux can say in 32 bits of bytes a second.  It is
 * what a queue without a maximum has. */
#define MAX_RATE (UINT64_C(8) * UINT32_MAX)
#define QDISC "linux-htb"
/* What tells ovs-vswitchd to leave a device alone. */
#define HANDS_OFF "linux-noop"
/* In external_ids of QoS: a controller of a later release has made it. */
#define MARK "ovn_qos"
/* The numbers that ovn-sb(5) allows. */
#define MAX_QUEUE_ID 61440
/* When to try again what has failed. */
#define RETRY_MS 5000

/* A queue. */
struct queue {
    struct hmap_node node;      /* In a set of queues, by 'id'. */
    uint32_t id;
    /* In bits a second, and bits; 0 if there is no limit.  All are zero in
     * what a device had before we came. */
    uint64_t min_rate, max_rate, burst;
    const char *lport;          /* Whose it is; NULL for a device's. */
};

/* Value of a cell of 'kind_queue'. */
struct port_queue {
    struct queue q;
    char *network;              /* It is for this one only; NULL: for all. */
};

/* What a device has been made. */
struct device {
    struct hmap queues;         /* Contains "struct queue"s. */
    bool is_known;              /* False until the kernel has been asked. */
    bool is_ours;               /* Has QDISC... */
    bool is_open;               /* ...and that does not limit the whole. */
    bool is_shaped;             /* Queues have been wanted, or still are. */
    int error;                  /* Why it could not be opened, errno, or 0. */
};

static struct inc_kind *kind_queue; /* (egress-queue, lport). */
static struct inc_kind *kind_devices; /* (egress-devices). */
/* (egress-networks, device): set of physical networks that it leads to. */
static struct inc_kind *kind_networks;

static struct shash devices = SHASH_INITIALIZER(&devices); /* By name. */
static bool dirty = true;       /* May the devices not be as wanted? */
static bool ports_dirty = true; /* And the rows of their ports? */
/* Names of devices whose ports are to go back to ovs-vswitchd. */
static struct sset released = SSET_INITIALIZER(&released);
static long long int retry_at = LLONG_MAX;
static long long int relook_at = LLONG_MAX; /* See look_again(). */

/* What should be: queues. */

static bool
queue_equal(const void *a_, const void *b_)
{
    const struct queue *a = a_;
    const struct queue *b = b_;

    return (a->id == b->id
            && a->min_rate == b->min_rate
            && a->max_rate == b->max_rate
            && a->burst == b->burst);
}

static bool
port_queue_equal(const void *a_, const void *b_)
{
    const struct port_queue *a = a_;
    const struct port_queue *b = b_;

    return (queue_equal(&a->q, &b->q)
            && nullable_string_is_equal(a->network, b->network));
}

static void
port_queue_destroy(void *pq_)
{
    struct port_queue *pq = pq_;

    free(pq->network);
    free(pq);
}

/* Option 'key' of 'pb' as a number from 0 to 'max', 0 if it is not there or
 * is none: then '*bad' becomes 'key'. */
static uint64_t
get_number(const struct port_binding *pb, const char *key, uint64_t max,
           const char **bad)
{
    const char *s = smap_get(&pb->options, key);
    unsigned long long int n = 0;

    if (s && (s[0] == '-' || !str_to_ullong(s, 10, &n) || n > max)) {
        *bad = key;
        n = 0;
    }
    return n;
}

static void
plan_queue(struct inc_unit *unit, const char *lport)
{
    const struct port_binding *pb = in_port_binding(unit, lport);
    const char *bad = NULL;

    if (!pb || !smap_get(&pb->options, "qdisc_queue_id")) {
        return;
    }

    const char *network = smap_get(&pb->options, "qos_physical_network");
    if (!network && in_dialect(unit)->shapes_by_network) {
        return;
    }

    struct queue q = {
        .id = get_number(pb, "qdisc_queue_id", MAX_QUEUE_ID, &bad),
        .min_rate = get_number(pb, "qos_min_rate", MAX_RATE, &bad),
        .max_rate = get_number(pb, "qos_max_rate", MAX_RATE, &bad),
        .burst = get_number(pb, "qos_burst", UINT32_MAX, &bad),
    };
    if (bad) {
        UNIT_WARN(unit, &rl,
                  "port %s: %s=%s is ignored, because it is not a number in "
                  "range", lport, bad, smap_get(&pb->options, bad));
    }
    if (q.id && (q.min_rate || q.max_rate || q.burst)) {
        struct port_queue *pq = xmalloc(sizeof *pq);

        *pq = (struct port_queue) {
            .q = q,
            .network = nullable_xstrdup(network),
        };
        inc_write(unit, kind_queue, inc_key_string(lport), pq);
    }
}

static void
plan_local_port(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    plan_queue(unit, inc_unit_key(unit).data);
}

static void
plan_localnet_ports(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *dp = inc_unit_key(unit).data;
    const struct inc_set *lports = binding_localnet_ports(unit, dp);

    for (size_t i = 0; i < inc_set_count(lports); i++) {
        plan_queue(unit, inc_set_at(lports, i).data);
    }
}

/* What should be: devices. */

struct mapping_ctx {
    struct inc_unit *unit;
    const struct ovs_iface *iface;
};

static bool
plan_network(const char *network, const char *bridge, void *ctx_)
{
    const struct mapping_ctx *ctx = ctx_;

    if (bridge && !strcmp(bridge, ctx->iface->bridge)) {
        inc_insert(ctx->unit, kind_networks, inc_unit_key(ctx->unit),
                   inc_key_string(network));
    }
    return true;
}

static void
plan_device(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *name = inc_unit_key(unit).data;
    const struct ovs_iface *iface = in_iface(unit, name);

    if (iface && iface->egress_iface
        && smap_get(&iface->port_external_ids, "ovn-chassis-id")) {
        inc_insert(unit, kind_devices, INC_KEY_ONLY,
                   inc_key_string(iface->egress_iface));
    }
    if (iface
        && smap_get_bool(&iface->external_ids, "ovn-egress-iface", false)
        && patch_is_localnet_bridge(unit, iface->bridge)) {
        struct mapping_ctx ctx = { .unit = unit, .iface = iface };
        const char *mappings = in_config(unit, "ovn-bridge-mappings");

        inc_insert(unit, kind_devices, INC_KEY_ONLY, inc_key_string(name));
        if (mappings) {
            config_value_networks(mappings, plan_network, &ctx);
        }
    }
}

static void
queues_changed(struct inc_key key OVS_UNUSED, const void *old OVS_UNUSED,
               const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    dirty = true;
}

static void
devices_changed(struct inc_key key OVS_UNUSED, const void *old OVS_UNUSED,
                const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    dirty = ports_dirty = true;
}

static bool
is_device(const char *name)
{
    return inc_set_contains(inc_peek_set(kind_devices, INC_KEY_ONLY),
                            inc_key_string(name));
}

/* Sets of queues. */

static struct queue *
find_queue(const struct hmap *queues, uint32_t id)
{
    struct queue *q;

    HMAP_FOR_EACH_WITH_HASH (q, node, id, queues) {
        if (q->id == id) {
            return q;
        }
    }
    return NULL;
}

/* Whether 'queues' has one that is just like 'q'. */
static bool
has_queue(const struct hmap *queues, const struct queue *q)
{
    const struct queue *has = find_queue(queues, q->id);

    return has && queue_equal(has, q);
}

/* Makes 'queues' contain a copy of 'q', in place of one with the same id. */
static void
put_queue(struct hmap *queues, const struct queue *q)
{
    struct queue *copy = find_queue(queues, q->id);

    if (!copy) {
        copy = xmalloc(sizeof *copy);
        hmap_insert(queues, &copy->node, q->id);
    }
    struct hmap_node node = copy->node;
    *copy = *q;
    copy->node = node;
}

static void
remove_queue(struct hmap *queues, struct queue *q)
{
    hmap_remove(queues, &q->node);
    free(q);
}

static void
clear_queues(struct hmap *queues)
{
    struct queue *q;

    HMAP_FOR_EACH_SAFE (q, node, queues) {
        remove_queue(queues, q);
    }
}

struct want_ctx {
    const char *device;
    struct hmap *queues;
};

/* Adds one of the wanted queues, if the device is to have it.  ovn-northd
 * numbers the queues of localnet ports by themselves, so that two ports may
 * have the same number: then the one whose name comes first has it. */
static void
want_queue(struct inc_key key, const void *pq_, void *ctx_)
{
    const struct want_ctx *ctx = ctx_;
    const struct port_queue *pq = pq_;
    struct queue q = pq->q;
    const struct queue *other = find_queue(ctx->queues, q.id);

    if (pq->network
        && !inc_set_contains(inc_peek_set(kind_networks,
                                          inc_key_string(ctx->device)),
                             inc_key_string(pq->network))) {
        return;
    }
    q.lport = key.data;
    if (other) {
        bool is_first = strcmp(q.lport, other->lport) < 0;

        VLOG_WARN_RL(&rl, "ports %s and %s both have qdisc_queue_id=%"PRIu32
                     ": the rates of %s apply", other->lport, q.lport, q.id,
                     is_first ? q.lport : other->lport);
        if (!is_first) {
            return;
        }
    }
    put_queue(ctx->queues, &q);
}

/* Making devices what they should be.  These return 0 or an errno value. */

/* Finds out what 'netdev' has. */
static int
learn_device(struct netdev *netdev, struct device *device)
{
    struct smap details = SMAP_INITIALIZER(&details);
    const char *type;
    int error = netdev_get_qos(netdev, &type, &details);

    if (!error) {
        device->is_known = true;
        device->is_ours = type && !strcmp(type, QDISC);
        device->is_open = smap_get_ullong(&details, "max-rate", 0) == MAX_RATE;
    }
    if (device->is_ours) {
        struct netdev_queue_dump dump;
        unsigned int id;

        NETDEV_QUEUE_FOR_EACH (&id, &details, &dump, netdev) {
            const struct queue q = { .id = id };
            put_queue(&device->queues, &q);
        }
    }
    smap_destroy(&details);
    return error;
}

static int
set_queue(struct netdev *netdev, const struct queue *q)
{
    struct smap details = SMAP_INITIALIZER(&details);

    smap_add_format(&details, "min-rate", "%"PRIu64, q->min_rate);
    smap_add_format(&details, "max-rate", "%"PRIu64,
                    q->max_rate ? q->max_rate : MAX_RATE);
    smap_add_format(&details, "burst", "%"PRIu64, q->burst);
    int error = netdev_set_queue(netdev, q->id, &details);
    smap_destroy(&details);
    return error;
}

static int
set_qdisc(struct netdev *netdev, struct device *device, bool ours)
{
    struct smap details = SMAP_INITIALIZER(&details);

    smap_add_format(&details, "max-rate", "%"PRIu64, MAX_RATE);
    int error = netdev_set_qos(netdev, ours ? QDISC : NULL,
                               ours ? &details : NULL);
    if (error) {
        VLOG_WARN_RL(&rl, "%s: could not configure QoS (%s)",
                     netdev_get_name(netdev), ovs_strerror(error));
    } else {
        device->is_ours = device->is_open = ours;
        if (!ours) {
            clear_queues(&device->queues);
        }
    }
    smap_destroy(&details);
    return error;
}

static int
set_queues(struct netdev *netdev, struct device *device,
           const struct hmap *wanted)
{
    struct queue *q;
    int first_error = 0;

    HMAP_FOR_EACH_SAFE (q, node, &device->queues) {
        if (!find_queue(wanted, q->id)) {
            int error = netdev_delete_queue(netdev, q->id);
            if (error) {
                VLOG_WARN_RL(&rl, "%s: could not delete queue %"PRIu32" (%s)",
                             netdev_get_name(netdev), q->id,
                             ovs_strerror(error));
                first_error = first_error ? first_error : error;
            } else {
                remove_queue(&device->queues, q);
            }
        }
    }
    HMAP_FOR_EACH (q, node, wanted) {
        if (!has_queue(&device->queues, q)) {
            int error = set_queue(netdev, q);
            if (error) {
                VLOG_WARN_RL(&rl, "%s: could not configure queue %"PRIu32
                             " (%s)", netdev_get_name(netdev), q->id,
                             ovs_strerror(error));
                first_error = first_error ? first_error : error;
            } else {
                put_queue(&device->queues, q);
            }
        }
    }
    return first_error;
}

static bool
device_is_right(const struct device *device, const struct hmap *wanted)
{
    const struct queue *q;

    if (!device->is_known
        || hmap_count(&device->queues) != hmap_count(wanted)) {
        return false;
    }
    HMAP_FOR_EACH (q, node, wanted) {
        if (!has_queue(&device->queues, q)) {
            return false;
        }
    }
    return device->is_ours == !hmap_is_empty(wanted);
}

/* Something may have been done to 'device', by whomever: what is there is to
 * be looked at before it is changed. */
static void
doubt_device(struct device *device)
{
    device->is_known = false;
    clear_queues(&device->queues);
}

static int
apply_to_device(const char *name, struct device *device,
                const struct hmap *wanted)
{
    struct netdev *netdev;

    if (device_is_right(device, wanted)) {
        return 0;
    }

    int error = netdev_open(name, NULL, &netdev);
    if (error && hmap_is_empty(wanted)) {
        /* Nothing is wanted of it, and nothing can be left over. */
        return 0;
    }
    if (error && error != device->error) {
        VLOG_WARN_RL(&rl, "%s: could not open netdev (%s)", name,
                     ovs_strerror(error));
    }
    device->error = error;
    if (error) {
        return error;
    }
    if (!device->is_known) {
        error = learn_device(netdev, device);
    }
    bool want_queues = !hmap_is_empty(wanted);
    if (!error && (device->is_ours != want_queues
                   || (want_queues && !device->is_open))) {
        error = set_qdisc(netdev, device, want_queues);
    }
    if (!error && device->is_ours) {
        error = set_queues(netdev, device, wanted);
    }
    netdev_close(netdev);
    if (error) {
        doubt_device(device);
    }
    return error;
}

static void
forget_device(struct shash_node *node)
{
    struct device *device = node->data;

    clear_queues(&device->queues);
    hmap_destroy(&device->queues);
    free(device);
    shash_delete(&devices, node);
}

/* Makes 'device' have the queues in 'wanted'.  'not_ours' contains the names
 * of devices that somebody else shapes. */
static int
shape_device(const char *name, struct device *device,
             const struct hmap *wanted, const struct sset *not_ours)
{
    const bool want_queues = !hmap_is_empty(wanted);
    int error = 0;

    if (sset_contains(not_ours, name)) {
        if (want_queues) {
            VLOG_WARN_RL(&rl, "%s: no queues, because its port has a QoS that "
                         "is not OVN's", name);
        }
        doubt_device(device);
        device->is_shaped = false;
        return 0;
    }
    if (want_queues && !device->is_shaped) {
        device->is_shaped = ports_dirty = true;
        sset_find_and_delete(&released, name);
    }
    if (device->is_shaped || !inputs_dialect()->shapes_by_network) {
        error = apply_to_device(name, device, wanted);
    }
    if (!error && !want_queues && device->is_shaped) {
        device->is_shaped = false;
        ports_dirty = true;
        sset_add(&released, name);
    }
    return error;
}

static void
apply(const struct sset *marked, const struct sset *not_ours)
{
    const struct inc_set *names = inc_peek_set(kind_devices, INC_KEY_ONLY);
    struct hmap wanted = HMAP_INITIALIZER(&wanted);
    struct shash_node *node;

    dirty = false;
    retry_at = LLONG_MAX;
    SHASH_FOR_EACH_SAFE (node, &devices) {
        if (!is_device(node->name)) {
            /* It goes back to the system's discipline.  If it is gone, so is
             * its own. */
            shape_device(node->name, node->data, &wanted, not_ours);
            forget_device(node);
        }
    }

    for (size_t i = 0; i < inc_set_count(names); i++) {
        const char *name = inc_set_at(names, i).data;
        struct device *device = shash_find_data(&devices, name);
        struct want_ctx ctx = { .device = name, .queues = &wanted };

        clear_queues(&wanted);
        inc_kind_for_each(kind_queue, want_queue, &ctx);

        if (!device) {
            device = xzalloc(sizeof *device);
            hmap_init(&device->queues);
            /* By an earlier life, or by OVN's controller. */
            device->is_shaped = sset_contains(marked, name);
            shash_add(&devices, name, device);
        }
        if (shape_device(name, device, &wanted, not_ours)) {
            retry_at = time_msec() + RETRY_MS;
        }
    }
    clear_queues(&wanted);
    hmap_destroy(&wanted);
}

/* ovs-vswitchd. */

static bool
is_hands_off(const struct ovsrec_qos *qos)
{
    return qos && !strcmp(qos->type, HANDS_OFF);
}

static bool
is_marked(const struct ovsrec_qos *qos)
{
    return qos && smap_get_bool(&qos->external_ids, MARK, false);
}

/* The row that ports of our devices are to refer to, or NULL. */
static const struct ovsrec_qos *
find_hands_off(struct ovsdb_idl *idl)
{
    const struct ovsrec_qos *qos;

    OVSREC_QOS_FOR_EACH (qos, idl) {
        if (is_hands_off(qos)
            && (is_marked(qos) || !inputs_dialect()->shapes_by_network)) {
            return qos;
        }
    }
    return NULL;
}

static const struct ovsrec_qos *
insert_hands_off(struct ovsdb_idl_txn *txn)
{
    const struct ovsrec_qos *qos = ovsrec_qos_insert(txn);

    ovsrec_qos_set_type(qos, HANDS_OFF);
    if (inputs_dialect()->shapes_by_network) {
        const struct smap ids = SMAP_CONST1(&ids, MARK, "true");
        ovsrec_qos_set_external_ids(qos, &ids);
    }
    return qos;
}

/* Adds the names of devices to 'marked' if a controller has claimed them, and
 * to 'not_ours' if somebody else shapes them. */
static void
sort_devices(struct ovsdb_idl *idl, struct sset *marked,
             struct sset *not_ours)
{
    const struct ovsrec_port *port;

    if (!inputs_dialect()->shapes_by_network) {
        return;
    }
    OVSREC_PORT_FOR_EACH (port, idl) {
        struct sset *set = (is_marked(port->qos) ? marked
                            : port->qos && !is_hands_off(port->qos) ? not_ours
                            : NULL);

        for (size_t i = 0; set && i < port->n_interfaces; i++) {
            sset_add(set, port->interfaces[i]->name);
        }
    }
}

static bool
has_device(const struct ovsrec_port *port)
{
    for (size_t i = 0; i < port->n_interfaces; i++) {
        const char *name = port->interfaces[i]->name;
        const struct device *device = shash_find_data(&devices, name);

        if (is_device(name)
            && (!inputs_dialect()->shapes_by_network
                || (device && device->is_shaped))) {
            return true;
        }
    }
    return false;
}

static bool
has_released(const struct ovsrec_port *port)
{
    for (size_t i = 0; i < port->n_interfaces; i++) {
        if (sset_contains(&released, port->interfaces[i]->name)) {
            return true;
        }
    }
    return false;
}

/* Deletes a marked 'qos' and its queues if 'port' is the only one that has it:
 * nobody else would, as neither table loses rows by itself.  Returns true if
 * it has been deleted. */
static bool
delete_marked(struct ovsdb_idl *idl, const struct ovsrec_port *port,
              const struct ovsrec_qos *qos)
{
    const struct ovsrec_port *other;

    if (!is_marked(qos)) {
        return false;
    }
    OVSREC_PORT_FOR_EACH (other, idl) {
        if (other != port && other->qos == qos) {
            return false;
        }
    }
    for (size_t i = 0; i < qos->n_queues; i++) {
        if (smap_get(&qos->value_queues[i]->external_ids, "ovn_port")) {
            ovsrec_queue_delete(qos->value_queues[i]);
        }
    }
    ovsrec_qos_delete(qos);
    return true;
}

/* Notices what anybody does to the rows that claim_ports() writes. */
static void
doubt_ports(struct ovsdb_idl *idl)
{
    const struct ovsrec_port *port;

    if (ovsrec_qos_track_get_first(idl)) {
        dirty = ports_dirty = true;
    }
    OVSREC_PORT_FOR_EACH_TRACKED (port, idl) {
        if (ovsrec_port_is_updated(port, OVSREC_PORT_COL_QOS)) {
            dirty = ports_dirty = true;
        }
    }
}

static void
claim_ports(struct ovsdb_idl *idl, struct ovsdb_idl_txn *txn)
{
    const struct ovsrec_qos *qos = find_hands_off(idl);
    const struct ovsrec_port *port;

    /* Only a pass that finds nothing to do proves that the last transaction
     * has gone through. */
    ports_dirty = false;
    OVSREC_PORT_FOR_EACH (port, idl) {
        const struct ovsrec_qos *old = port->qos;

        if (has_device(port) && !is_hands_off(old)) {
            if (!qos) {
                qos = insert_hands_off(txn);
            }
            ovsrec_port_set_qos(port, qos);
            ovsdb_idl_txn_add_comment(txn, "ovn-controller: shaping what "
                                      "leaves through port %s", port->name);
            relook_at = time_msec() + RETRY_MS;
        } else if (has_released(port) && !has_device(port)
                   && is_marked(old)) {
            ovsrec_port_set_qos(port, NULL);
            ovsdb_idl_txn_add_comment(txn, "ovn-controller: shaping nothing "
                                      "any more that leaves through port %s",
                                      port->name);
        } else {
            continue;
        }
        if (delete_marked(idl, port, old) && qos == old) {
            qos = NULL;
        }
        ports_dirty = true;
    }
    if (!ports_dirty) {
        sset_clear(&released);
    }
}

/* Until it is told to keep its hands off a port, ovs-vswitchd takes away the
 * discipline of a device that it configures: possibly one that has just been
 * given its own here.  So a while after that, devices are looked at again. */
static void
look_again(void)
{
    struct shash_node *node;

    relook_at = LLONG_MAX;
    SHASH_FOR_EACH (node, &devices) {
        doubt_device(node->data);
    }
    dirty = true;
}

/* Makes devices have the queues that they should have, and Port rows say that
 * ovs-vswitchd is to leave these devices alone. */
static void
update_devices(const struct turn *turn)
{
    if (time_msec() >= relook_at) {
        look_again();
    }
    if (dirty || time_msec() >= retry_at) {
        struct sset marked = SSET_INITIALIZER(&marked);
        struct sset not_ours = SSET_INITIALIZER(&not_ours);

        sort_devices(turn->ovs_idl, &marked, &not_ours);
        apply(&marked, &not_ours);
        sset_destroy(&marked);
        sset_destroy(&not_ours);
    }
    if (ports_dirty && turn->ovs_txn) {
        claim_ports(turn->ovs_idl, turn->ovs_txn);
    }
    /* When something that has failed is to be tried again. */
    poll_timer_wait_until(MIN(retry_at, relook_at));
}

/* Wiring. */

static const struct inc_kind_class queue_kind_class = {
    .name = "egress-queue", .stage = STAGE_LB, .key_type = INC_KEY_STRING,
    .equal = port_queue_equal, .destroy = port_queue_destroy,
};
static const struct inc_kind_class devices_kind_class = {
    .name = "egress-devices", .stage = STAGE_LB, .key_type = INC_KEY_STRING,
    .is_set = true,
};

static const struct inc_kind_class networks_kind_class = {
    .name = "egress-networks", .stage = STAGE_LB, .key_type = INC_KEY_STRING,
    .is_set = true,
};

static const struct inc_unit_class local_port_class = {
    .name = "egress-queue-port", .stage = STAGE_LB, .run = plan_local_port,
};
static const struct inc_unit_class localnet_class = {
    .name = "egress-queue-localnet", .stage = STAGE_LB,
    .run = plan_localnet_ports,
};
static const struct inc_unit_class device_class = {
    .name = "egress-device", .stage = STAGE_LB, .run = plan_device,
};

static void
init(struct inc_engine *engine)
{
    kind_queue = inc_kind_declare(engine, &queue_kind_class);
    kind_devices = inc_kind_declare(engine, &devices_kind_class);
    kind_networks = inc_kind_declare(engine, &networks_kind_class);
    inc_kind_spawn(binding_kind_local_port, &local_port_class, NULL);
    inc_kind_spawn(local_datapath_kind, &localnet_class, NULL);
    inc_kind_spawn(in_kinds.iface, &device_class, NULL);
    inc_kind_watch(kind_queue, queues_changed, NULL);
    inc_kind_watch(kind_devices, devices_changed, NULL);
    inc_kind_watch(kind_networks, queues_changed, NULL);
}

static void
destroy(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, &devices) {
        forget_device(node);
    }
    sset_clear(&released);
}

static void
register_ovs(struct idl_columns *all)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &ovsrec_port_col_qos,
        &ovsrec_qos_col_type,
        &ovsrec_qos_col_external_ids,
        &ovsrec_qos_col_queues,
        &ovsrec_queue_col_external_ids,
    };

    idl_columns_add_all(all, columns, ARRAY_SIZE(columns), IDL_TRACK);
}

static void
input(struct turn *turn)
{
    doubt_ports(turn->ovs_idl);
}

const struct module egress_qos_module = {
    .name = "egress-qos",
    .init = init,
    .register_ovs = register_ovs,
    .input = input,
    .complete = update_devices,
    .away = update_devices,
    .destroy = destroy,
};
