/* SPDX-License-Identifier: Apache-2.0 */

/* Load balancers that keep to a chassis; see trace-lb.h. */

#include <config.h>
#include "trace-lb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "hmapx.h"
#include "lb-flow.h"
#include "lport-type.h"
#include "openvswitch/shash.h"
#include "ovn-sb-idl.h"
#include "ovn/actions.h"
#include "ovn/lex.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "smap.h"
#include "trace-chassis.h"
#include "trace-db.h"
#include "trace-flows.h"
#include "util.h"
#include "uuid.h"

/* An address of a port. */
struct address {
    struct hmap_node node;
    struct in6_addr ip;
    const struct trace_port *port;
};

struct trace_lbs {
    struct trace_db *db;
    struct hmap lbs;            /* "struct trace_lb"s. */

    /* What follows is filled in when it is first asked for. */
    struct hmap addresses;      /* "struct address"es. */
    bool has_addresses;

    /* The datapaths that are connected with 'scope_dp' on 'scope_view'. */
    struct hmapx scope;
    const struct trace_dp *scope_dp;
    const struct sbrec_chassis *scope_view;
};

void
trace_lb_monitor(struct ovsdb_idl *idl)
{
    ovsdb_idl_track_add_column(idl, &sbrec_load_balancer_col_name);
    ovsdb_idl_track_add_column(idl, &sbrec_load_balancer_col_vips);
    ovsdb_idl_track_add_column(idl, &sbrec_load_balancer_col_options);
    ovsdb_idl_track_add_column(idl, &sbrec_load_balancer_col_external_ids);
    ovsdb_idl_track_add_column(idl, &sbrec_sb_global_col_external_ids);
    ovsdb_idl_track_add_column(idl, &sbrec_sb_global_col_options);
    ovsdb_idl_track_add_column(idl, &sbrec_port_binding_col_mac);
    ovsdb_idl_track_add_column(idl, &sbrec_chassis_col_other_config);
}

/* What is known of load balancers. */

static void
lb_destroy(struct trace_lb *lb)
{
    lb_config_destroy(&lb->config);
    lb_vips_destroy(lb->vips, lb->n_vips);
    free(lb);
}

static struct trace_lb *
find_lb(const struct trace_lbs *lbs, const struct uuid *nb)
{
    struct trace_lb *lb;

    HMAP_FOR_EACH_WITH_HASH (lb, node, nb->parts[0], &lbs->lbs) {
        if (uuid_equals(&lb->config.nb, nb)) {
            return lb;
        }
    }
    return NULL;
}

/* Adds load balancer 'nb', of which a row or an entry or both are there.
 * The controllers warn of values that are wrong. */
static void
add_lb(struct trace_lbs *lbs, const struct uuid *nb,
       const struct sbrec_load_balancer *row, const struct lb_entry *entry)
{
    struct trace_lb *lb = xzalloc(sizeof *lb);

    free(lb_config_init(&lb->config, nb, row ? row->name : NULL,
                        row ? &row->options : NULL, entry));
    if (lb->config.source == LB_SOURCE_ROW) {
        lb->row = row;
    }
    hmap_insert(&lbs->lbs, &lb->node, nb->parts[0]);
}

/* Reads the entry for 'nb', if there is one. */
static bool
read_entry(const struct smap *entries, const struct uuid *nb,
           struct lb_entry *entry)
{
    char *key = lb_entry_key(nb);
    const char *value = entries ? smap_get(entries, key) : NULL;
    char *error = value ? lb_entry_parse(value, entry) : NULL;
    bool found = value && !error;

    free(error);
    free(key);
    return found;
}

static void
clear_lbs(struct trace_lbs *lbs)
{
    struct trace_lb *lb;

    HMAP_FOR_EACH_POP (lb, node, &lbs->lbs) {
        lb_destroy(lb);
    }
}

void
trace_lbs_refresh(struct trace_lbs *lbs)
{
    const struct sbrec_sb_global *global
        = sbrec_sb_global_first(lbs->db->idl);
    const struct smap *entries = global ? &global->external_ids : NULL;
    const struct sbrec_load_balancer *row;
    const struct smap_node *node;
    struct lb_entry entry;
    struct uuid nb;

    clear_lbs(lbs);
    SBREC_LOAD_BALANCER_FOR_EACH (row, lbs->db->idl) {
        const char *lb_id = smap_get_def(&row->external_ids, "lb_id", "");

        if (!uuid_from_string(&nb, lb_id)) {
            nb = row->header_.uuid; /* Of 25.03 and later. */
        }
        if (!find_lb(lbs, &nb)) {
            bool has_entry = read_entry(entries, &nb, &entry);

            add_lb(lbs, &nb, row, has_entry ? &entry : NULL);
            if (has_entry) {
                lb_entry_destroy(&entry);
            }
        }
    }
    if (entries) {
        SMAP_FOR_EACH (node, entries) {
            if (lb_entry_key_parse(node->key, &nb) && !find_lb(lbs, &nb)
                && read_entry(entries, &nb, &entry)) {
                add_lb(lbs, &nb, NULL, &entry);
                lb_entry_destroy(&entry);
            }
        }
    }
}

struct trace_lbs *
trace_lbs_create(struct trace_db *db)
{
    struct trace_lbs *lbs = xzalloc(sizeof *lbs);

    lbs->db = db;
    hmap_init(&lbs->lbs);
    hmap_init(&lbs->addresses);
    hmapx_init(&lbs->scope);
    return lbs;
}

void
trace_lbs_forget_ports(struct trace_lbs *lbs)
{
    struct address *address;

    HMAP_FOR_EACH_POP (address, node, &lbs->addresses) {
        free(address);
    }
    lbs->has_addresses = false;
    hmapx_clear(&lbs->scope);
    lbs->scope_dp = NULL;
}

void
trace_lbs_destroy(struct trace_lbs *lbs)
{
    if (lbs) {
        clear_lbs(lbs);
        trace_lbs_forget_ports(lbs);
        hmap_destroy(&lbs->lbs);
        hmap_destroy(&lbs->addresses);
        hmapx_destroy(&lbs->scope);
        free(lbs);
    }
}

/* What is asked of them. */

struct template_aux {
    struct ovsdb_idl *idl;
    const struct sbrec_chassis *here;
};

static enum lb_locality
default_locality(const struct sbrec_chassis *chassis)
{
    enum lb_locality locality = LB_LOCALITY_NONE;

    if (chassis) {
        lb_locality_from_default(smap_get(&chassis->other_config,
                                        "ovn-lb-local"), &locality);
    }
    return locality;
}

/* Variables have no value without a chassis. */
static const char *
template_var(const char *name, void *aux_)
{
    const struct template_aux *aux = aux_;

    return (aux->here
            ? trace_chassis_template_var(aux->idl, aux->here, name) : NULL);
}

static bool
row_has_vip(const struct sbrec_load_balancer *row, struct template_aux *aux,
            const struct lb_endpoint *vip)
{
    const struct smap_node *node;

    SMAP_FOR_EACH (node, &row->vips) {
        char *key = lex_expand_templates(node->key, template_var, aux);
        struct lb_endpoint ep;
        bool equal = (lb_endpoint_parse(key ? key : node->key, &ep)
                      && lb_endpoint_equal(&ep, vip));

        free(key);
        if (equal) {
            return true;
        }
    }
    return false;
}

bool
trace_lbs_have_vip(const struct trace_lbs *lbs,
                   const struct sbrec_chassis *here,
                   const struct lb_endpoint *vip)
{
    struct template_aux aux = { lbs->db->idl, here };
    const struct sbrec_load_balancer *row;

    SBREC_LOAD_BALANCER_FOR_EACH (row, lbs->db->idl) {
        if (row_has_vip(row, &aux, vip)) {
            return true;
        }
    }
    return false;
}

bool
trace_lbs_hairpin_source(const struct trace_lbs *lbs,
                         const struct sbrec_chassis *here,
                         const struct lb_endpoint *vip,
                         struct in6_addr *source)
{
    struct template_aux aux = { lbs->db->idl, here };
    const struct sbrec_load_balancer *row;
    bool found = false;

    SBREC_LOAD_BALANCER_FOR_EACH (row, lbs->db->idl) {
        if (row_has_vip(row, &aux, vip)) {
            struct lb_hairpin_snat snat;

            lb_hairpin_snat_parse(smap_get(&row->options, "hairpin_snat_ip"),
                                  &snat);
            const struct in6_addr *ip = lb_hairpin_snat_ip(&snat, vip);
            if (found && !ipv6_addr_equals(ip, source)) {
                return false;
            }
            *source = *ip;
            found = true;
        }
    }
    return found;
}

bool
trace_lbs_any_local(const struct trace_lbs *lbs)
{
    const struct sbrec_chassis *chassis;
    const struct trace_lb *lb;

    HMAP_FOR_EACH (lb, node, &lbs->lbs) {
        if (lb->config.source != LB_SOURCE_DEFAULT
            && lb->config.locality != LB_LOCALITY_NONE) {
            return true;
        }
    }
    SBREC_CHASSIS_FOR_EACH (chassis, lbs->db->idl) {
        if (default_locality(chassis) != LB_LOCALITY_NONE) {
            return true;
        }
    }
    return false;
}

/* Makes 'lb->vips' what they are on 'here'. */
static void
read_vips(const struct trace_lbs *lbs, struct trace_lb *lb,
          const struct sbrec_chassis *here)
{
    struct template_aux aux = { lbs->db->idl, here };
    char *bad;

    if (!lb->row || (lb->has_vips && lb->vips_view == here)) {
        return;
    }
    lb_vips_destroy(lb->vips, lb->n_vips);
    lb_vips_expand(&lb->row->vips, &lb->row->options, template_var, &aux,
                   &lb->vips, &lb->n_vips, &bad);
    lb->has_vips = true;
    lb->vips_view = here;
    free(bad);
}

enum lb_locality
trace_lb_decide(const struct trace_lbs *lbs, const struct sbrec_chassis *here,
                const char *hint, const struct lb_endpoint *backends,
                size_t n, const struct trace_lb **lbp)
{
    struct lb_choice choice = LB_CHOICE_INITIALIZER;
    enum lb_source source;
    struct trace_lb *lb;

    *lbp = NULL;
    if (!hint) {
        return LB_LOCALITY_NONE;
    }

    HMAP_FOR_EACH_WITH_HASH (lb, node, strtoul(hint, NULL, 16), &lbs->lbs) {
        read_vips(lbs, lb, here);
        lb_choice_consider(&choice, &lb->config, lb->vips, lb->n_vips,
                           backends, n);
    }
    if (choice.best) {
        *lbp = CONTAINER_OF(choice.best, struct trace_lb, config);
    }
    return lb_choice_locality(&choice, default_locality(here), &source);
}

void
trace_lb_localize(struct trace_db *db, const struct sbrec_chassis *here,
                  struct trace_flow *flow)
{
    struct lb_flow what;

    if (!lb_flow_from_actions(flow->ovnacts, flow->ovnacts_len, &what)) {
        return;
    }

    enum lb_locality locality = trace_lb_decide(db->lbs, here,
                                            flow->row->stage_hint,
                                            what.backends, what.n_backends,
                                            &flow->lb);
    if (locality != LB_LOCALITY_NONE) {
        lb_make_local(flow->ovnacts, flow->ovnacts_len,
                      locality == LB_LOCALITY_FALLBACK);
    }
    lb_flow_destroy(&what);
}

/* Backends. */

static bool
has_backends(const struct trace_port *port)
{
    return lport_type_has_backends(lport_type_from_word(port->type, NULL));
}

static void
add_address(struct trace_lbs *lbs, const struct trace_port *port,
            const char *text)
{
    struct lb_endpoint ep;

    if (lb_endpoint_parse(text, &ep)) {
        struct address *address = xmalloc(sizeof *address);

        *address = (struct address) { .ip = ep.ip, .port = port };
        hmap_insert(&lbs->addresses, &address->node,
                    hash_bytes(&ep.ip, sizeof ep.ip, 0));
    }
}

static void
index_addresses(struct trace_lbs *lbs)
{
    const struct shash_node *node;

    if (lbs->has_addresses) {
        return;
    }
    lbs->has_addresses = true;
    SHASH_FOR_EACH (node, &lbs->db->ports) {
        const struct trace_port *port = node->data;

        for (size_t i = 0; has_backends(port) && i < port->row->n_mac; i++) {
            char *copy = xstrdup(port->row->mac[i]);
            char *save = NULL;

            for (char *word = strtok_r(copy, " ", &save); word;
                 word = strtok_r(NULL, " ", &save)) {
                add_address(lbs, port, word);
            }
            free(copy);
        }
    }
}

/* Makes 'lbs->scope' the datapaths that are connected with 'dp' on 'here'. */
static void
set_scope(struct trace_lbs *lbs, const struct trace_dp *dp,
          const struct sbrec_chassis *here)
{
    const struct trace_dp **queue;
    size_t head = 0, tail = 0;

    if (lbs->scope_dp == dp && lbs->scope_view == here) {
        return;
    }
    hmapx_clear(&lbs->scope);
    lbs->scope_dp = dp;
    lbs->scope_view = here;

    queue = xmalloc((hmap_count(&lbs->db->dps) + 1) * sizeof *queue);
    hmapx_add(&lbs->scope, CONST_CAST(struct trace_dp *, dp));
    queue[tail++] = dp;
    while (head < tail) {
        const struct trace_dp *member = queue[head++];
        const struct trace_port *port;

        HMAP_FOR_EACH (port, key_node, &member->ports) {
            if (port->peer
                && (strcmp(port->type, "l3gateway")
                    || trace_lb_port_is_here(port, here))
                && hmapx_add(&lbs->scope, port->peer->dp)) {
                queue[tail++] = port->peer->dp;
            }
        }
    }
    free(queue);
}

static enum trace_backend
find_by_address(struct trace_lbs *lbs, const struct in6_addr *ip,
                const struct trace_port **portp)
{
    const struct address *address;

    index_addresses(lbs);
    HMAP_FOR_EACH_WITH_HASH (address, node, hash_bytes(ip, sizeof *ip, 0),
                             &lbs->addresses) {
        if (!ipv6_addr_equals(&address->ip, ip)
            || !hmapx_contains(&lbs->scope, address->port->dp)
            || address->port == *portp) {
            continue;
        } else if (*portp) {
            *portp = NULL;
            return TRACE_BACKEND_AMBIGUOUS;
        }
        *portp = address->port;
    }
    return *portp ? TRACE_BACKEND_FOUND : TRACE_BACKEND_UNKNOWN;
}

enum trace_backend
trace_lb_backend_port(struct trace_lbs *lbs, const struct trace_lb *lb,
                      const struct trace_dp *dp,
                      const struct sbrec_chassis *here, const char *lport,
                      const struct in6_addr *ip,
                      const struct trace_port **portp)
{
    *portp = NULL;
    if (!lport || !lport[0]) {
        const struct lb_mapping *mapping
            = lb ? lb_mappings_find(&lb->config.mappings, ip) : NULL;

        if (!mapping) {
            set_scope(lbs, dp, here);
            return find_by_address(lbs, ip, portp);
        }
        lport = mapping->lport;
    }
    *portp = trace_db_port(lbs->db, lport);
    return *portp ? TRACE_BACKEND_FOUND : TRACE_BACKEND_NO_PORT;
}

bool
trace_lb_port_is_here(const struct trace_port *port,
                      const struct sbrec_chassis *here)
{
    return !here || trace_port_chassis(port) == here;
}
