/* SPDX-License-Identifier: Apache-2.0 */

/* What this chassis is to watch, as cells: BFD, Service_Monitor.  See
 * inputs-sb.c. */

#include <config.h>

#include "inputs-private.h"

#include <stdlib.h>
#include <string.h>

#include "ovn-sb-idl.h"
#include "util.h"
#include "uuid.h"

/* BFD. */

static void *
bfd_row_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_bfd *row = CONTAINER_OF(row_, struct sbrec_bfd,
                                               header_);
    struct bfd_row *bfd = xzalloc(sizeof *bfd);

    bfd->uuid = row_->uuid;
    bfd->logical_port = xstrdup(row->logical_port);
    bfd->dst_ip = xstrdup(row->dst_ip);
    bfd->src_port = row->src_port;
    bfd->disc = row->disc;
    bfd->min_tx = row->min_tx;
    bfd->min_rx = row->min_rx;
    bfd->detect_mult = row->detect_mult;
    bfd->status = xstrdup(row->status);
    return bfd;
}

static void
bfd_row_destroy(void *bfd_)
{
    struct bfd_row *bfd = bfd_;

    free(bfd->logical_port);
    free(bfd->dst_ip);
    free(bfd->status);
    free(bfd);
}

static bool
bfd_row_equal(const void *a_, const void *b_)
{
    const struct bfd_row *a = a_;
    const struct bfd_row *b = b_;

    return (!strcmp(a->logical_port, b->logical_port)
            && !strcmp(a->dst_ip, b->dst_ip)
            && a->src_port == b->src_port
            && a->disc == b->disc
            && a->min_tx == b->min_tx
            && a->min_rx == b->min_rx
            && a->detect_mult == b->detect_mult
            && !strcmp(a->status, b->status));
}

static const struct ovsdb_idl_column *const bfd_row_columns[] = {
    &sbrec_bfd_col_logical_port,
    &sbrec_bfd_col_dst_ip,
    &sbrec_bfd_col_src_port,
    &sbrec_bfd_col_disc,
    &sbrec_bfd_col_min_tx,
    &sbrec_bfd_col_min_rx,
    &sbrec_bfd_col_detect_mult,
    &sbrec_bfd_col_status,
    NULL,
};
static const struct input_kind bfd_row_kinds[] = {
    INPUT_RECORD(bfd_row, "bfd", INC_KEY_UUID, bfd_row),
};
const struct input_table bfd_table = {
    INPUT_TABLE(bfd, bfd_row),
};

/* Service_Monitor. */

/* A time in seconds. */
static int
option_ms(const struct smap *options, const char *key, int default_)
{
    const int value = smap_get_int(options, key, default_);

    return (value >= 0 && value <= SERVICE_MONITOR_MAX_SECONDS
            ? value : default_) * 1000;
}

static int
option_count(const struct smap *options, const char *key)
{
    return MAX(smap_get_int(options, key, 1), 1);
}

static void *
service_monitor_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_service_monitor *row
        = CONTAINER_OF(row_, struct sbrec_service_monitor, header_);
    struct service_monitor *sm = xzalloc(sizeof *sm);

    sm->uuid = row_->uuid;
    sm->type = xstrdup(row->type ? row->type : "load-balancer");
    sm->protocol = xstrdup(row->protocol ? row->protocol : "tcp");
    sm->ip = xstrdup(row->ip);
    sm->mac = xstrdup(row->mac);
    sm->port = row->port;
    sm->logical_port = xstrdup(row->logical_port);
    sm->logical_input_port = xstrdup(row->logical_input_port);
    sm->src_ip = xstrdup(row->src_ip);
    sm->src_mac = xstrdup(row->src_mac);
    sm->remote = row->remote;
    sm->interval = option_ms(&row->options, "interval", 5);
    sm->timeout = option_ms(&row->options, "timeout", 3);
    sm->success_count = option_count(&row->options, "success_count");
    sm->failure_count = option_count(&row->options, "failure_count");
    sm->status = xstrdup(row->status ? row->status : "");
    return sm;
}

static void
service_monitor_destroy(void *sm_)
{
    struct service_monitor *sm = sm_;

    free(sm->type);
    free(sm->protocol);
    free(sm->ip);
    free(sm->mac);
    free(sm->logical_port);
    free(sm->logical_input_port);
    free(sm->src_ip);
    free(sm->src_mac);
    free(sm->status);
    free(sm);
}

static bool
service_monitor_equal(const void *a_, const void *b_)
{
    const struct service_monitor *a = a_;
    const struct service_monitor *b = b_;

    return (!strcmp(a->type, b->type)
            && !strcmp(a->protocol, b->protocol)
            && !strcmp(a->ip, b->ip)
            && !strcmp(a->mac, b->mac)
            && a->port == b->port
            && !strcmp(a->logical_port, b->logical_port)
            && !strcmp(a->logical_input_port, b->logical_input_port)
            && !strcmp(a->src_ip, b->src_ip)
            && !strcmp(a->src_mac, b->src_mac)
            && a->remote == b->remote
            && a->interval == b->interval
            && a->timeout == b->timeout
            && a->success_count == b->success_count
            && a->failure_count == b->failure_count
            && !strcmp(a->status, b->status));
}

static const struct ovsdb_idl_column *const service_monitor_columns[] = {
    &sbrec_service_monitor_col_type,
    &sbrec_service_monitor_col_protocol,
    &sbrec_service_monitor_col_ip,
    &sbrec_service_monitor_col_mac,
    &sbrec_service_monitor_col_port,
    &sbrec_service_monitor_col_logical_port,
    &sbrec_service_monitor_col_logical_input_port,
    &sbrec_service_monitor_col_src_ip,
    &sbrec_service_monitor_col_src_mac,
    &sbrec_service_monitor_col_remote,
    &sbrec_service_monitor_col_options,
    &sbrec_service_monitor_col_status,
    NULL,
};
static const struct input_kind service_monitor_kinds[] = {
    INPUT_RECORD(service_monitor, "service-monitor", INC_KEY_UUID,
                 service_monitor),
};
const struct input_table service_monitor_table = {
    INPUT_TABLE(service_monitor, service_monitor),
};
