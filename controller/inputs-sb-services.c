/* SPDX-License-Identifier: Apache-2.0 */

/* What packet-in services go by, as cells: DNS, IP_Multicast, IGMP_Group.  See
 * inputs-sb.c. */

#include <config.h>

#include "inputs-private.h"

#include <stdlib.h>
#include <string.h>

#include "ovn-sb-idl.h"
#include "util.h"
#include "uuid.h"

/* DNS. */

static void *
dns_row_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_dns *row = CONTAINER_OF(row_, struct sbrec_dns,
                                               header_);
    struct dns_row *dns = xzalloc(sizeof *dns);

    dns->uuid = row_->uuid;
    smap_clone(&dns->records, &row->records);
    dns->owned = smap_get_bool(&row->options, "ovn-owned", false);
    dns->datapaths = datum_uuids(
        sbrec_dns_get_datapaths(row, OVSDB_TYPE_UUID), &dns->n_datapaths);
    return dns;
}

static void
dns_row_destroy(void *dns_)
{
    struct dns_row *dns = dns_;

    smap_destroy(&dns->records);
    free(dns->datapaths);
    free(dns);
}

static bool
dns_row_equal(const void *a_, const void *b_)
{
    const struct dns_row *a = a_;
    const struct dns_row *b = b_;

    return (a->owned == b->owned
            && datum_uuids_equal(a->datapaths, a->n_datapaths,
                                 b->datapaths, b->n_datapaths)
            && smap_equal(&a->records, &b->records));
}

static void
index_dns_row(const void *dns_, bool add)
{
    const struct dns_row *dns = dns_;

    for (size_t i = 0; i < dns->n_datapaths; i++) {
        input_put_member(in_kinds.dns_rows, inc_key_uuid(&dns->datapaths[i]),
                         inc_key_uuid(&dns->uuid), add);
    }
}

static const struct ovsdb_idl_column *const dns_row_columns[] = {
    &sbrec_dns_col_records,
    &sbrec_dns_col_options,
    &sbrec_dns_col_datapaths,
    NULL,
};
static const struct input_kind dns_row_kinds[] = {
    INPUT_RECORD(dns_row, "dns", INC_KEY_UUID, dns_row),
    INPUT_SET(dns_rows, "dns-by-datapath", INC_KEY_UUID),
};
const struct input_table dns_table = {
    INPUT_TABLE(dns, dns_row),
    .index = index_dns_row,
};

/* IP_Multicast. */

static int64_t
optional_integer(const int64_t *value, size_t n)
{
    return n ? MAX(*value, 0) : -1;
}

static void *
ip_multicast_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_ip_multicast *row
        = CONTAINER_OF(row_, struct sbrec_ip_multicast, header_);
    struct ip_multicast *m = xzalloc(sizeof *m);

    m->datapath = datum_uuid(
        sbrec_ip_multicast_get_datapath(row, OVSDB_TYPE_UUID));
    m->enabled = row->n_enabled && *row->enabled;
    m->querier = !row->n_querier || *row->querier;
    m->table_size = optional_integer(row->table_size, row->n_table_size);
    m->idle_timeout = optional_integer(row->idle_timeout,
                                       row->n_idle_timeout);
    m->query_interval = optional_integer(row->query_interval,
                                         row->n_query_interval);
    m->query_max_resp = optional_integer(row->query_max_resp,
                                         row->n_query_max_resp);
    m->seq_no = row->seq_no;
    m->eth_src = xstrdup(row->eth_src);
    m->ip4_src = xstrdup(row->ip4_src);
    m->ip6_src = xstrdup(row->ip6_src);
    return m;
}

static void
ip_multicast_destroy(void *m_)
{
    struct ip_multicast *m = m_;

    free(m->eth_src);
    free(m->ip4_src);
    free(m->ip6_src);
    free(m);
}

static bool
ip_multicast_equal(const void *a_, const void *b_)
{
    const struct ip_multicast *a = a_;
    const struct ip_multicast *b = b_;

    return (uuid_equals(&a->datapath, &b->datapath)
            && a->enabled == b->enabled
            && a->querier == b->querier
            && a->table_size == b->table_size
            && a->idle_timeout == b->idle_timeout
            && a->query_interval == b->query_interval
            && a->query_max_resp == b->query_max_resp
            && a->seq_no == b->seq_no
            && !strcmp(a->eth_src, b->eth_src)
            && !strcmp(a->ip4_src, b->ip4_src)
            && !strcmp(a->ip6_src, b->ip6_src));
}

static const struct ovsdb_idl_column *const ip_multicast_columns[] = {
    &sbrec_ip_multicast_col_datapath,
    &sbrec_ip_multicast_col_enabled,
    &sbrec_ip_multicast_col_querier,
    &sbrec_ip_multicast_col_table_size,
    &sbrec_ip_multicast_col_idle_timeout,
    &sbrec_ip_multicast_col_query_interval,
    &sbrec_ip_multicast_col_query_max_resp,
    &sbrec_ip_multicast_col_seq_no,
    &sbrec_ip_multicast_col_eth_src,
    &sbrec_ip_multicast_col_ip4_src,
    &sbrec_ip_multicast_col_ip6_src,
    NULL,
};
static const struct input_kind ip_multicast_kinds[] = {
    INPUT_RECORD(ip_multicast, "ip-multicast", INC_KEY_UUID, ip_multicast),
};
const struct input_table ip_multicast_table = {
    INPUT_TABLE(ip_multicast, ip_multicast),
};

/* IGMP_Group: we write it.  No unit reads it; who writes the rows wants to
 * know when somebody changes them. */

static void *
igmp_group_create(const struct ovsdb_idl_row *row_)
{
    const struct sbrec_igmp_group *row
        = CONTAINER_OF(row_, struct sbrec_igmp_group, header_);
    struct igmp_group *group = xzalloc(sizeof *group);

    group->address = xstrdup(row->address);
    group->protocol = xstrdup(row->protocol);
    group->chassis_name = xstrdup(row->chassis_name);
    group->datapath = datum_uuid(
        sbrec_igmp_group_get_datapath(row, OVSDB_TYPE_UUID));
    group->chassis = datum_uuid(
        sbrec_igmp_group_get_chassis(row, OVSDB_TYPE_UUID));
    group->ports = datum_uuids(
        sbrec_igmp_group_get_ports(row, OVSDB_TYPE_UUID), &group->n_ports);
    return group;
}

static void
igmp_group_destroy(void *group_)
{
    struct igmp_group *group = group_;

    free(group->address);
    free(group->protocol);
    free(group->chassis_name);
    free(group->ports);
    free(group);
}

static bool
igmp_group_equal(const void *a_, const void *b_)
{
    const struct igmp_group *a = a_;
    const struct igmp_group *b = b_;

    return (!strcmp(a->address, b->address)
            && !strcmp(a->protocol, b->protocol)
            && !strcmp(a->chassis_name, b->chassis_name)
            && uuid_equals(&a->datapath, &b->datapath)
            && uuid_equals(&a->chassis, &b->chassis)
            && datum_uuids_equal(a->ports, a->n_ports, b->ports, b->n_ports));
}

static const struct ovsdb_idl_column *const igmp_group_columns[] = {
    &sbrec_igmp_group_col_address,
    &sbrec_igmp_group_col_protocol,
    &sbrec_igmp_group_col_chassis_name,
    &sbrec_igmp_group_col_datapath,
    &sbrec_igmp_group_col_chassis,
    &sbrec_igmp_group_col_ports,
    NULL,
};
static const struct input_kind igmp_group_kinds[] = {
    INPUT_RECORD(igmp_group, "igmp-group", INC_KEY_UUID, igmp_group),
};
const struct input_table igmp_group_table = {
    INPUT_TABLE(igmp_group, igmp_group),
};
