/* SPDX-License-Identifier: Apache-2.0 */

/* What packet-in services go by, as cells: DNS.  See inputs-sb.c. */

#include <config.h>

#include "inputs-private.h"

#include <stdlib.h>

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
