/* SPDX-License-Identifier: Apache-2.0 */

/* Controller events: trigger_event of ovn-sb(5), rows of Controller_Event.
 *
 * An event tells the CMS that somebody has asked for something that only the
 * CMS can provide, so far the backends of a load balancer that has none.  The
 * CMS deletes the row when it has seen it.  As long as our row for the same
 * thing is there, it is not written again, however many packets come; and what
 * has been written is not remembered here, so that the next packet after the
 * row has been deleted makes a new one.
 *
 * An event is pending until its row is there, because a transaction may
 * fail. */

#include <config.h>

#include <netinet/in.h>
#include <string.h>

#include "flow.h"
#include "idl-columns.h"
#include "module.h"
#include "openvswitch/dynamic-string.h"
#include "ovn-sb-idl.h"
#include "ovn/actions.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "pinctrl/service.h"
#include "smap.h"
#include "unaligned.h"
#include "util.h"

/* The longest value, in bytes. */
#define MAX_VALUE_LEN 255

/* Values that an event must have: a vip, a protocol and a load_balancer. */
#define N_VALUES 3

struct event {
    struct smap info;
    int64_t seq_num;            /* 0 until it is written. */
};
static int64_t last_seq_num;    /* Main thread. */

struct pin_service event_pin_service;

static struct ovsdb_idl_index *event_by_info;

static void
register_sb(struct idl_columns *columns)
{
    static const struct ovsdb_idl_column *const read[] = {
        &sbrec_controller_event_col_event_type,
        &sbrec_controller_event_col_event_info,
        &sbrec_controller_event_col_chassis,
        &sbrec_controller_event_col_seq_num,
    };

    idl_columns_add_all(columns, read, ARRAY_SIZE(read), IDL_READ);
    idl_columns_add_index(columns, &event_by_info,
                          &sbrec_controller_event_col_event_info, NULL);
}

static void
event_destroy(void *event)
{
    struct event *e = event;

    smap_destroy(&e->info);
    free(e);
}

/* Takes the next value from 'userdata' and puts it into 'info'. */
static bool
pull_value(struct ofpbuf *userdata, struct smap *info)
{
    const ovs_be16 *header = ofpbuf_try_pull(userdata, 2 * sizeof *header);
    const char *name
        = (header ? ovnact_event_value(ntohs(get_unaligned_be16(&header[0])))
           : NULL);
    size_t len = header ? ntohs(get_unaligned_be16(&header[1])) : 0;
    const char *value = ofpbuf_try_pull(userdata, len);

    if (!name || !value || len > MAX_VALUE_LEN || memchr(value, 0, len)) {
        return false;
    }
    smap_replace_nocopy(info, name, xmemdup0(value, len));
    return true;
}

/* Adds to 'info' what the packet says: the protocol, and the VIP that it is
 * for, with its port unless the protocol was known already. */
static bool
add_vip_of_packet(const struct pin *pin, struct smap *info)
{
    const struct flow *h = pin->headers;
    const char *protocol = (h->nw_proto == IPPROTO_TCP ? "tcp"
                            : h->nw_proto == IPPROTO_UDP ? "udp"
                            : h->nw_proto == IPPROTO_SCTP ? "sctp" : NULL);
    bool has_port = !smap_get(info, "protocol");
    struct ds vip = DS_EMPTY_INITIALIZER;

    if (!is_ip_any(h) || (has_port && !protocol)) {
        return false;
    }
    if (h->dl_type == htons(ETH_TYPE_IP)) {
        ds_put_format(&vip, IP_FMT, IP_ARGS(h->nw_dst));
    } else {
        ipv6_format_addr_bracket(&h->ipv6_dst, &vip, has_port);
    }
    if (has_port) {
        ds_put_format(&vip, ":%"PRIu16, ntohs(h->tp_dst));
        smap_add(info, "protocol", protocol);
    }
    smap_add(info, "vip", ds_cstr(&vip));
    ds_destroy(&vip);
    return true;
}

/* Has the event with 'info' written. */
static void
report(const struct smap *info)
{
    struct event *e = xzalloc(sizeof *e);
    char *key = xasprintf("%s/%s/%s", smap_get_def(info, "vip", ""),
                          smap_get_def(info, "protocol", ""),
                          smap_get_def(info, "load_balancer", ""));

    smap_clone(&e->info, info);
    pin_result_put(&event_pin_service, inc_key_string(key), e);
    free(key);
}

static void
handle_event(const struct pin *pin)
{
    const ovs_be32 *event = ofpbuf_try_pull(pin->userdata, sizeof *event);

    if (!event
        || get_unaligned_be32(event) != htonl(OVN_EVENT_EMPTY_LB_BACKENDS)) {
        pin_malformed(pin, PIN_BAD_USERDATA, "unknown event");
        return;
    }

    struct smap info = SMAP_INITIALIZER(&info);
    bool ok = true;
    while (ok && pin->userdata->size) {
        ok = pull_value(pin->userdata, &info);
    }
    if (ok && !smap_get(&info, "vip")) {
        ok = smap_get(&info, "load_balancer") && add_vip_of_packet(pin, &info);
    }
    if (ok && smap_count(&info) == N_VALUES) {
        report(&info);
    } else {
        pin_malformed(pin, PIN_BAD_USERDATA, "an event of a load balancer "
                      "without backends needs its vip, protocol and "
                      "load_balancer");
    }
    smap_destroy(&info);
}

static bool
has_row(const struct event *e, const struct sbrec_chassis *us)
{
    struct sbrec_controller_event *target
        = sbrec_controller_event_index_init_row(event_by_info);
    const struct sbrec_controller_event *row;
    bool found = false;

    sbrec_controller_event_index_set_event_info(target, &e->info);
    SBREC_CONTROLLER_EVENT_FOR_EACH_EQUAL (row, target, event_by_info) {
        if (row->chassis == us
            && !strcmp(row->event_type, OVN_EVENT_EMPTY_LB_BACKENDS_NAME)) {
            found = true;
            break;
        }
    }
    sbrec_controller_event_index_destroy_row(target);
    return found;
}

static enum pin_written
write_event(void *event, const struct turn *turn,
            const struct sbrec_chassis *us)
{
    struct event *e = event;

    if (has_row(e, us)) {
        return PIN_DONE;
    }
    if (!e->seq_num) {
        e->seq_num = ++last_seq_num;
    }
    const struct sbrec_controller_event *row
        = sbrec_controller_event_insert(turn->sb_txn);
    sbrec_controller_event_set_event_type(row,
                                          OVN_EVENT_EMPTY_LB_BACKENDS_NAME);
    sbrec_controller_event_set_event_info(row, &e->info);
    sbrec_controller_event_set_chassis(row, us);
    sbrec_controller_event_set_seq_num(row, e->seq_num);
    return PIN_WRITTEN;
}

struct pin_service event_pin_service = {
    .name = "event",
    .opcodes = { { ACTION_OPCODE_EVENT, handle_event, false } },
    .register_sb = register_sb,
    .write = write_event,
    .destroy_result = event_destroy,
    /* As many VIPs may be without backends at a time as anybody has load
     * balancers for. */
    .max_results = 1000,
};
