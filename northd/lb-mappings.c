/* SPDX-License-Identifier: Apache-2.0 */

/* See lb-mappings.h.  All load balancers are looked at whenever one of them or
 * a logical switch port has changed: first which addresses matter, then, in
 * one walk over the ports, which port has them. */

#include <config.h>
#include "lb-mappings.h"

#include <string.h>

#include "lb.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovn-nb-idl.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "problems.h"
#include "smap.h"
#include "sset.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(lb_mappings);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* The key of external_ids that lists the keys of ip_port_mappings that are
 * ours, separated by blanks. */
#define OURS_KEY "ovn-lb-northd-mappings"

/* In the place of a port's name: several have the address. */
static char several[] = "";

void
lb_mappings_register(struct ovsdb_idl *nb_idl)
{
    struct ovsdb_idl_column *const columns[] = {
        &nbrec_logical_switch_port_col_name,
        &nbrec_logical_switch_port_col_type,
        &nbrec_logical_switch_port_col_addresses,
        &nbrec_logical_switch_port_col_dynamic_addresses,
    };

    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        ovsdb_idl_track_add_column(nb_idl, columns[i]);
    }
    ovsdb_idl_add_column(nb_idl, &nbrec_load_balancer_col_external_ids);
}

bool
lb_mappings_changed(struct ovsdb_idl *nb_idl)
{
    return (nbrec_load_balancer_track_get_first(nb_idl)
            || nbrec_logical_switch_port_track_get_first(nb_idl));
}

/* The form that addresses have as keys of ip_port_mappings. */
static char *
format_key(const struct in6_addr *ip)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        ipv6_format_mapped(ip, &s);
    } else {
        ds_put_char(&s, '[');
        ipv6_format_addr(ip, &s);
        ds_put_char(&s, ']');
    }
    return ds_steal_cstr(&s);
}

/* ovn-northd knows no other word for it. */
static bool
is_distributed(const struct nbrec_load_balancer *lb)
{
    return smap_get_bool(&lb->options, "distributed", false);
}

/* Adds the keys of the backends of 'lb' to 'keys'. */
static void
get_backends(const struct nbrec_load_balancer *lb, struct sset *keys)
{
    struct lb_vip *vips;
    size_t n_vips;
    char *bad;

    lb_vips_parse(&lb->vips, &vips, &n_vips, &bad);
    for (size_t i = 0; i < n_vips; i++) {
        for (size_t j = 0; j < vips[i].n_backends; j++) {
            sset_add_and_free(keys, format_key(&vips[i].backends[j].ip));
        }
    }
    lb_vips_destroy(vips, n_vips);
    free(bad);                  /* ovn-northd says it. */
}

static void
get_ours(const struct nbrec_load_balancer *lb, struct sset *keys)
{
    sset_from_delimited_string(
        keys, smap_get_def(&lb->external_ids, OURS_KEY, ""), " ");
}

/* Sets the ports of those addresses in 'text' ("MAC IP...") that are keys of
 * 'ports' to 'name'. */
static void
note_addresses(const char *text, const char *name, struct shash *ports)
{
    char *copy = xstrdup(text);
    char *save_ptr = NULL;

    for (char *word = strtok_r(copy, " ", &save_ptr); word;
         word = strtok_r(NULL, " ", &save_ptr)) {
        struct lb_endpoint ep;

        if (lb_endpoint_parse(word, &ep) && !ep.port) {
            char *key = format_key(&ep.ip);
            struct shash_node *node = shash_find(ports, key);

            if (node) {
                bool again = node->data && strcmp(node->data, name);
                node->data = again ? several : CONST_CAST(char *, name);
            }
            free(key);
        }
    }
    free(copy);
}

/* Looks for the ports of the addresses that are the keys of 'ports', whose
 * data become their names, borrowed, or 'several', or stay NULL. */
static void
find_ports(struct ovsdb_idl *nb_idl, struct shash *ports)
{
    const struct nbrec_logical_switch_port *lsp;

    if (shash_is_empty(ports)) {
        return;
    }
    NBREC_LOGICAL_SWITCH_PORT_FOR_EACH (lsp, nb_idl) {
        if (lsp->type[0]) {
            continue;
        }
        for (size_t i = 0; i < lsp->n_addresses; i++) {
            note_addresses(lsp->addresses[i], lsp->name, ports);
        }
        if (lsp->dynamic_addresses) {
            note_addresses(lsp->dynamic_addresses, lsp->name, ports);
        }
    }
}

/* Makes the mapping of 'key' say 'port', NULL for none. */
static void
set_mapping(const struct nbrec_load_balancer *lb, const char *key,
            const char *port)
{
    const char *old = smap_get(&lb->ip_port_mappings, key);

    if (port && (!old || strcmp(old, port))) {
        VLOG_INFO("load balancer %s: backend %s is port %s", lb->name, key,
                  port);
        nbrec_load_balancer_update_ip_port_mappings_setkey(lb, key, port);
    } else if (!port && old) {
        nbrec_load_balancer_update_ip_port_mappings_delkey(lb, key);
    }
}

static void
set_ours(const struct nbrec_load_balancer *lb, const struct sset *ours)
{
    const char *old = smap_get(&lb->external_ids, OURS_KEY);
    char *new = sset_is_empty(ours) ? NULL : sset_join(ours, " ", "");

    if (new && (!old || strcmp(old, new))) {
        nbrec_load_balancer_update_external_ids_setkey(lb, OURS_KEY, new);
    } else if (!new && old) {
        nbrec_load_balancer_update_external_ids_delkey(lb, OURS_KEY);
    }
    free(new);
}

/* The port of 'key', or NULL, after adding to 'problems'. */
static const char *
known_port(const struct nbrec_load_balancer *lb, const char *key,
           const struct shash *ports, struct sset *problems)
{
    const char *port = shash_find_data(ports, key);

    if (!port || port == several) {
        sset_add_and_free(problems, xasprintf(
            "load balancer %s ("UUID_FMT"): %s logical switch port has the "
            "address of backend %s, so that ovn-northd needs to be told by "
            "ip_port_mappings which it is", lb->name,
            UUID_ARGS(&lb->header_.uuid), port ? "more than one" : "no",
            key));
        return NULL;
    }
    return port;
}

static void
update_lb(const struct nbrec_load_balancer *lb, bool needed,
          const struct shash *ports, struct sset *problems)
{
    struct sset backends = SSET_INITIALIZER(&backends);
    struct sset now = SSET_INITIALIZER(&now);
    struct sset before;
    const char *key;

    get_ours(lb, &before);
    if (needed && is_distributed(lb)) {
        get_backends(lb, &backends);
    }
    SSET_FOR_EACH (key, &backends) {
        if (sset_contains(&before, key)
            || !smap_get(&lb->ip_port_mappings, key)) {
            const char *port = known_port(lb, key, ports, problems);

            set_mapping(lb, key, port);
            if (port) {
                sset_add(&now, key);
            }
        }
    }
    SSET_FOR_EACH (key, &before) {
        if (!sset_contains(&backends, key)) {
            set_mapping(lb, key, NULL);
        }
    }
    set_ours(lb, &now);
    sset_destroy(&before);
    sset_destroy(&now);
    sset_destroy(&backends);
}

void
lb_mappings_update(struct ovsdb_idl *nb_idl, bool needed)
{
    static struct sset reported = SSET_INITIALIZER(&reported);
    struct shash ports = SHASH_INITIALIZER(&ports);
    struct sset problems = SSET_INITIALIZER(&problems);
    const struct nbrec_load_balancer *lb;

    NBREC_LOAD_BALANCER_FOR_EACH (lb, nb_idl) {
        if (needed && is_distributed(lb)) {
            struct sset keys = SSET_INITIALIZER(&keys);
            const char *key;

            get_backends(lb, &keys);
            SSET_FOR_EACH (key, &keys) {
                shash_add_once(&ports, key, NULL);
            }
            sset_destroy(&keys);
        }
    }
    find_ports(nb_idl, &ports);
    NBREC_LOAD_BALANCER_FOR_EACH (lb, nb_idl) {
        update_lb(lb, needed, &ports, &problems);
    }
    problems_report_new(&problems, &reported, &this_module, &rl);
    sset_destroy(&problems);
    shash_destroy(&ports);
}
