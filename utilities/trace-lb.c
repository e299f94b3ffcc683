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

/* Load balancers that keep to a chassis; see trace-lb.h. */

#include <config.h>
#include "trace-lb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lb-wish.h"
#include "lb.h"
#include "openvswitch/shash.h"
#include "ovn-sb-idl.h"
#include "ovn/actions.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "trace-chassis.h"
#include "trace-db.h"
#include "trace-flows.h"
#include "util.h"
#include "uuid.h"

void
trace_lb_monitor(struct ovsdb_idl *idl)
{
    ovsdb_idl_track_add_column(idl, &sbrec_load_balancer_col_vips);
    ovsdb_idl_track_add_column(idl, &sbrec_load_balancer_col_options);
    ovsdb_idl_track_add_column(idl, &sbrec_load_balancer_col_external_ids);
    ovsdb_idl_track_add_column(idl, &sbrec_sb_global_col_external_ids);
    ovsdb_idl_track_add_column(idl, &sbrec_port_binding_col_mac);
}

/* Whether 'hint' is the start of 'uuid'. */
static bool
is_hinted(const struct uuid *uuid, const char *hint)
{
    char text[9];

    snprintf(text, sizeof text, "%08x", uuid->parts[0]);
    return !strcmp(text, hint);
}

static bool
row_wishes(const struct sbrec_load_balancer *row,
           const struct trace_flow *flow, enum lb_spread *spread)
{
    struct lb_vip *vips;
    struct uuid nb_uuid;
    size_t n_vips;
    char *bad;

    if (!uuid_from_string(&nb_uuid, smap_get_def(&row->external_ids, "lb_id",
                                                 ""))
        || !is_hinted(&nb_uuid, flow->row->stage_hint)
        || !lb_spread_from_option(smap_get(&row->options, "distributed"),
                                  spread)
        || *spread == LB_SPREAD_ALL) {
        return false;
    }
    lb_vips_parse(&row->vips, &vips, &n_vips, &bad);
    bool fits = lb_fits(flow->ovnacts, flow->ovnacts_len, vips, n_vips);
    lb_vips_destroy(vips, n_vips);
    free(bad);
    return fits;
}

static bool
entry_wishes(const struct smap_node *entry, const struct trace_flow *flow,
             struct uuid *nb_uuid, enum lb_spread *spread)
{
    struct lb_wish wish;

    if (!lb_wish_key_parse(entry->key, nb_uuid)
        || !is_hinted(nb_uuid, flow->row->stage_hint)) {
        return false;
    }
    char *error = lb_wish_parse(entry->value, &wish);
    if (error) {
        free(error);
        return false;
    }
    bool wishes = (lb_spread_from_option(smap_get(&wish.options,
                                                  "distributed"), spread)
                   && *spread != LB_SPREAD_ALL);
    lb_wish_destroy(&wish);
    return wishes;
}

void
trace_lb_localize(struct trace_db *db, struct trace_flow *flow)
{
    const struct sbrec_load_balancer *row;
    enum lb_spread spread;

    if (!flow->row->stage_hint
        || !lb_can_be_local(flow->ovnacts, flow->ovnacts_len)) {
        return;
    }
    SBREC_LOAD_BALANCER_FOR_EACH (row, db->idl) {
        if (row_wishes(row, flow, &spread)) {
            lb_make_local(flow->ovnacts, flow->ovnacts_len,
                          spread == LB_SPREAD_FALLBACK);
            return;
        }
    }

    const struct sbrec_sb_global *global = sbrec_sb_global_first(db->idl);
    const struct smap_node *entry;
    if (global) {
        SMAP_FOR_EACH (entry, &global->external_ids) {
            struct uuid nb_uuid;
            if (entry_wishes(entry, flow, &nb_uuid, &spread)) {
                lb_make_local(flow->ovnacts, flow->ovnacts_len,
                              spread == LB_SPREAD_FALLBACK);
                return;
            }
        }
    }
}

/* Whether 'ip' is among the addresses of 'port'. */
static bool
has_address(const struct trace_port *port, const struct in6_addr *ip)
{
    bool found = false;

    for (size_t i = 0; !found && i < port->row->n_mac; i++) {
        char *copy = xstrdup(port->row->mac[i]);
        char *save_ptr = NULL;

        for (char *word = strtok_r(copy, " ", &save_ptr); word && !found;
             word = strtok_r(NULL, " ", &save_ptr)) {
            struct lb_endpoint ep;
            found = (lb_endpoint_parse(word, &ep)
                     && ipv6_addr_equals(&ep.ip, ip));
        }
        free(copy);
    }
    return found;
}

bool
trace_lb_backend_is_here(const struct trace_db *db,
                         const struct sbrec_chassis *here,
                         const struct ovnact_ct_lb_backend *backend)
{
    const struct shash_node *node;
    struct in6_addr ip;

    if (backend->lport && backend->lport[0]) {
        const struct trace_port *port = trace_db_port(db, backend->lport);
        return port && trace_port_chassis(port) == here;
    }
    if (backend->family == AF_INET) {
        in6_addr_set_mapped_ipv4(&ip, backend->ipv4);
    } else {
        ip = backend->ipv6;
    }
    SHASH_FOR_EACH (node, &db->ports) {
        const struct trace_port *port = node->data;

        if (strcmp(port->type, "patch")
            && trace_port_chassis(port) == here && has_address(port, &ip)) {
            return true;
        }
    }
    return false;
}
