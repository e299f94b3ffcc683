/* SPDX-License-Identifier: Apache-2.0 */

/* Answers to DNS requests: dns_lookup of ovn-sb(5).
 *
 * The packet thread has, as facts, the zones of all rows of the table DNS that
 * concern a local datapath, and for each such datapath the list of its rows.
 * A request is answered from the first of them that knows the answer; all
 * others go on to the server that they are for, with a result of 0.  See
 * lib/dns.h for questions and answers. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "dns.h"
#include "dp-packet.h"
#include "inputs.h"
#include "local-datapath.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packet-build.h"
#include "pinctrl/fact.h"
#include "pinctrl/service.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(pinctrl_dns);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Facts. */

/* Rows of a datapath: their UUIDs, in order. */
struct row_list {
    size_t n;
    struct uuid rows[];
};

static void
zone_destroy(void *zone)
{
    dns_zone_unref(zone);
}

static bool
zone_equal(const void *a, const void *b)
{
    return dns_zone_equals(a, b);
}

/* By the row's UUID, and by the datapath's tunnel key (a uint64_t). */
static struct fact_table zones
    = FACT_TABLE_INITIALIZER("dns-zones", zone_destroy, NULL);
static struct fact_table lists
    = FACT_TABLE_INITIALIZER("dns-rows", free, NULL);

static struct inc_kind *zone_kind, *list_kind;

static bool
list_equal(const void *a_, const void *b_)
{
    const struct row_list *a = a_;
    const struct row_list *b = b_;

    return (a->n == b->n
            && !memcmp(a->rows, b->rows, a->n * sizeof *a->rows));
}

static const struct inc_kind_class zone_kind_class = {
    .name = "dns-zone", .stage = STAGE_FLOW, .key_type = INC_KEY_UUID,
    .equal = zone_equal, .destroy = zone_destroy,
};
static const struct inc_kind_class list_kind_class = {
    .name = "dns-rows", .stage = STAGE_FLOW, .key_type = INC_KEY_U64,
    .equal = list_equal, .destroy = free,
};

static void
log_errors(struct inc_unit *unit, const struct uuid *row, struct ds *errors)
{
    char *save = NULL;

    for (char *line = strtok_r(ds_cstr(errors), "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        UNIT_WARN(unit, &rl, "DNS row "UUID_FMT": %s", UUID_ARGS(row), line);
    }
}

static void
zone_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *uuid = inc_unit_key(unit).data;
    const struct dns_row *row = in_dns_row(unit, uuid);
    bool is_local = false;

    for (size_t i = 0; row && i < row->n_datapaths && !is_local; i++) {
        is_local = local_datapath(unit, &row->datapaths[i]) != NULL;
    }
    if (is_local) {
        struct ds errors = DS_EMPTY_INITIALIZER;

        inc_write(unit, zone_kind, inc_key_uuid(uuid),
                  dns_zone_create(&row->records, row->owned, &errors));
        log_errors(unit, uuid, &errors);
        ds_destroy(&errors);
    }
}

static void
list_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *dp_uuid = inc_unit_key(unit).data;
    const struct local_datapath *dp = local_datapath(unit, dp_uuid);

    if (dp) {
        const struct inc_set *rows = in_dns_rows(unit, dp_uuid);
        const uint64_t key = dp->tunnel_key;
        const size_t n = inc_set_count(rows);
        struct row_list *list = xmalloc(sizeof *list
                                        + n * sizeof *list->rows);

        list->n = n;
        for (size_t i = 0; i < n; i++) {
            memcpy(&list->rows[i], inc_set_at(rows, i).data,
                   sizeof *list->rows);
        }
        inc_write(unit, list_kind, inc_key_u64(&key), list);
    }
}

static const struct inc_unit_class zone_class = {
    .name = "dns-zone", .stage = STAGE_FLOW, .run = zone_run,
};
static const struct inc_unit_class list_class = {
    .name = "dns-rows", .stage = STAGE_FLOW, .run = list_run,
};

static void *
copy_zone(struct inc_key key OVS_UNUSED, const void *zone)
{
    return dns_zone_ref(zone);
}

static void *
copy_list(struct inc_key key OVS_UNUSED, const void *list_)
{
    const struct row_list *list = list_;

    return xmemdup(list, sizeof *list + list->n * sizeof *list->rows);
}

static void
init(struct inc_engine *engine)
{
    zone_kind = inc_kind_declare(engine, &zone_kind_class);
    list_kind = inc_kind_declare(engine, &list_kind_class);
    inc_kind_spawn(in_kinds.dns_row, &zone_class, NULL);
    inc_kind_spawn(in_kinds.dns_rows, &list_class, NULL);
    fact_follow(&zones, zone_kind, copy_zone);
    fact_follow(&lists, list_kind, copy_list);
}

static void
destroy(void)
{
    fact_table_destroy(&zones);
    fact_table_destroy(&lists);
}

/* Packets. */

/* Answers 'q' into 'reply' from the rows of datapath 'dp_key'.  An answer of
 * any row is better than a refusal of another. */
static bool
answer(uint32_t dp_key, const struct dns_question *q, struct ofpbuf *reply)
{
    const uint64_t key = dp_key;
    const struct row_list *list = fact_find(&lists, inc_key_u64(&key));
    const struct dns_zone *refusing = NULL;

    for (size_t i = 0; list && i < list->n; i++) {
        const struct dns_zone *zone = fact_find(&zones,
                                                inc_key_uuid(&list->rows[i]));

        if (zone) {
            switch (dns_zone_answer(zone, q, reply)) {
            case DNS_ANSWERED:
                return true;
            case DNS_REFUSED:
                refusing = zone;
                break;
            case DNS_UNKNOWN:
                break;
            }
        }
    }
    return refusing && dns_zone_answer(refusing, q, reply) != DNS_UNKNOWN;
}

static void
handle_dns_lookup(const struct pin *pin)
{
    const size_t size = packet_udp_payload_size(pin->packet, pin->headers);
    struct dns_question q;
    const char *why;

    if (!size) {
        pin_malformed(pin, PIN_BAD_LENGTH, "not a whole UDP packet");
        return;
    }
    switch (dns_parse(dp_packet_get_udp_payload(pin->packet), size, &q,
                      &why)) {
    case DNS_MALFORMED:
        pin_malformed(pin, PIN_BAD_CONTENT, "DNS request: %s", why);
        return;
    case DNS_OTHER:
        return;
    case DNS_QUESTION:
        break;
    }

    struct ofpbuf reply;
    ofpbuf_init(&reply, 512);
    if (answer(pin->dp_key, &q, &reply)) {
        pin_resume_udp(pin, &reply, 0);
    }
    ofpbuf_uninit(&reply);
}

struct pin_service dns_pin_service = {
    .name = "dns",
    .needs_facts = true,
    .opcodes = {
        { ACTION_OPCODE_DNS_LOOKUP, handle_dns_lookup, .has_result = true },
    },
    .init = init,
    .destroy = destroy,
};
