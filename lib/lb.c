/* SPDX-License-Identifier: Apache-2.0 */

/* Load balancers' VIPs and backends; see lb.h. */

#include <config.h>
#include "lb.h"

#include <ctype.h>
#include <string.h>

#include "ip-text.h"
#include "lib/actions-private.h"
#include "openvswitch/dynamic-string.h"
#include "ovn/actions.h"
#include "ovn/lex.h"
#include "packets.h"
#include "smap.h"
#include "util.h"

static bool
parse_port(const char *s, uint16_t *port)
{
    int value;

    if (!isdigit((unsigned char) s[0]) || !str_to_int(s, 10, &value)
        || value < 1 || value > UINT16_MAX) {
        return false;
    }
    *port = value;
    return true;
}

/* Parses "1.2.3.4", "1.2.3.4:80", "::1" or "[::1]:80" from 's'.  Returns false
 * if it is anything else, or if the port is 0. */
bool
lb_endpoint_parse(const char *s, struct lb_endpoint *ep)
{
    char host[INET6_ADDRSTRLEN];
    const char *port = NULL;
    size_t len;

    ep->port = 0;
    if (s[0] == '[') {
        const char *end = strchr(++s, ']');
        if (!end || (end[1] && end[1] != ':')) {
            return false;
        }
        len = end - s;
        port = end[1] ? end + 2 : NULL;
    } else {
        const char *colon = strchr(s, ':');
        if (colon && !strchr(colon + 1, ':')) {
            len = colon - s;
            port = colon + 1;
        } else {
            len = strlen(s);
        }
    }
    if (!len || len >= sizeof host) {
        return false;
    }
    memcpy(host, s, len);
    host[len] = '\0';

    return (ip_text_parse(host, &ep->ip)
            && (!port || parse_port(port, &ep->port)));
}

uint8_t
lb_protocol_number(const char *protocol)
{
    return (!protocol ? IPPROTO_TCP
            : !strcmp(protocol, "udp") ? IPPROTO_UDP
            : !strcmp(protocol, "sctp") ? IPPROTO_SCTP
            : IPPROTO_TCP);
}

bool
lb_endpoint_equal(const struct lb_endpoint *a, const struct lb_endpoint *b)
{
    return ipv6_addr_equals(&a->ip, &b->ip) && a->port == b->port;
}

bool
lb_endpoint_is_ip4(const struct lb_endpoint *ep)
{
    return IN6_IS_ADDR_V4MAPPED(&ep->ip);
}

bool
lb_hairpin_snat_parse(const char *text, struct lb_hairpin_snat *snat)
{
    bool ok = true;
    char *copy = nullable_xstrdup(text);
    char *save_ptr = NULL;

    memset(snat, 0, sizeof *snat);
    for (char *ip = copy ? strtok_r(copy, " ", &save_ptr) : NULL; ip;
         ip = strtok_r(NULL, " ", &save_ptr)) {
        struct lb_endpoint ep;

        if (!lb_endpoint_parse(ip, &ep) || ep.port) {
            ok = false;
        } else if (lb_endpoint_is_ip4(&ep)) {
            snat->has_ip4 = true;
            snat->ip4 = ep.ip;
        } else {
            snat->has_ip6 = true;
            snat->ip6 = ep.ip;
        }
    }
    if (!ok) {
        snat->has_ip4 = snat->has_ip6 = false;
    }
    free(copy);
    return ok;
}

const struct in6_addr *
lb_hairpin_snat_ip(const struct lb_hairpin_snat *snat,
                   const struct lb_endpoint *vip)
{
    if (lb_endpoint_is_ip4(vip)) {
        return snat->has_ip4 ? &snat->ip4 : &vip->ip;
    } else {
        return snat->has_ip6 ? &snat->ip6 : &vip->ip;
    }
}

void
lb_endpoint_format(const struct lb_endpoint *ep, struct ds *s)
{
    bool brackets = ep->port && !lb_endpoint_is_ip4(ep);

    ds_put_cstr(s, brackets ? "[" : "");
    ipv6_format_mapped(&ep->ip, s);
    ds_put_cstr(s, brackets ? "]" : "");
    if (ep->port) {
        ds_put_format(s, ":%"PRIu16, ep->port);
    }
}

/* Parses one VIP and its comma-separated backends.  Returns false if any part
 * is malformed or if a backend does not go with the VIP, and then there is
 * nothing to free. */
bool
lb_vip_parse(const char *vip, const char *backends, struct lb_vip *lv)
{
    memset(lv, 0, sizeof *lv);
    if (!lb_endpoint_parse(vip, &lv->vip)) {
        return false;
    }

    bool ok = true;
    size_t allocated = 0;
    char *copy = xstrdup(backends);
    char *save_ptr = NULL;
    for (char *s = strtok_r(copy, ",", &save_ptr); s && ok;
         s = strtok_r(NULL, ",", &save_ptr)) {
        struct lb_endpoint ep;

        ok = (lb_endpoint_parse(s, &ep)
              && lb_endpoint_is_ip4(&ep) == lb_endpoint_is_ip4(&lv->vip)
              && !ep.port == !lv->vip.port);
        if (ok) {
            if (lv->n_backends >= allocated) {
                lv->backends = x2nrealloc(lv->backends, &allocated,
                                          sizeof *lv->backends);
            }
            lv->backends[lv->n_backends++] = ep;
        }
    }
    free(copy);
    if (!ok) {
        lb_vip_destroy(lv);
    }
    return ok;
}

/* Frees what 'lv' holds, but not 'lv' itself. */
void
lb_vip_destroy(struct lb_vip *lv)
{
    free(lv->backends);
    lv->backends = NULL;
    lv->n_backends = 0;
}

void
lb_vips_parse(const struct smap *vips, struct lb_vip **lvs, size_t *n,
              char **bad)
{
    const struct smap_node **nodes = smap_sort(vips);
    size_t n_nodes = smap_count(vips);
    struct ds errors = DS_EMPTY_INITIALIZER;

    *lvs = xcalloc(MAX(n_nodes, 1), sizeof **lvs);
    *n = 0;
    for (size_t i = 0; i < n_nodes; i++) {
        if (lb_vip_parse(nodes[i]->key, nodes[i]->value, &(*lvs)[*n])) {
            ++*n;
        } else {
            ds_put_format(&errors, "%s%s=%s", errors.length ? " " : "",
                          nodes[i]->key, nodes[i]->value);
        }
    }
    free(nodes);
    *bad = errors.length ? ds_steal_cstr(&errors) : NULL;
    ds_destroy(&errors);
}

/* A copy of 's' with its variables expanded. */
static char *
expand(const char *s,
       const char *(*template_var)(const char *name, void *aux), void *aux)
{
    char *expanded = lex_expand_templates(s, template_var, aux);

    return expanded ? expanded : xstrdup(s);
}

void
lb_vips_expand(const struct smap *vips, const struct smap *options,
               const char *(*template_var)(const char *name, void *aux),
               void *aux, struct lb_vip **lvs, size_t *n, char **bad)
{
    if (!smap_get_bool(options, "template", false)) {
        lb_vips_parse(vips, lvs, n, bad);
        return;
    }

    struct smap expanded = SMAP_INITIALIZER(&expanded);
    const struct smap_node **nodes = smap_sort(vips);
    for (size_t i = 0; i < smap_count(vips); i++) {
        char *vip = expand(nodes[i]->key, template_var, aux);

        /* Of two that come to the same VIP, the first one counts. */
        if (!smap_get(&expanded, vip)) {
            smap_add_nocopy(&expanded, vip,
                            expand(nodes[i]->value, template_var, aux));
        } else {
            free(vip);
        }
    }
    free(nodes);
    lb_vips_parse(&expanded, lvs, n, bad);
    smap_destroy(&expanded);
}

void
lb_vips_destroy(struct lb_vip *lvs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        lb_vip_destroy(&lvs[i]);
    }
    free(lvs);
}

/* The action as a load balancer's that can be kept local, or NULL. */
static struct ovnact_ct_lb *
localizable(const struct ovnact *a)
{
    if (a->type == OVNACT_CT_LB || a->type == OVNACT_CT_LB_MARK) {
        struct ovnact_ct_lb *cl = CONTAINER_OF(a, struct ovnact_ct_lb, ovnact);
        return cl->n_backends ? cl : NULL;
    }
    return NULL;
}

bool
lb_can_be_local(const struct ovnact *ovnacts, size_t len)
{
    const struct ovnact *a;

    OVNACT_FOR_EACH (a, ovnacts, len) {
        if (localizable(a)) {
            return true;
        }
    }
    return false;
}

struct lb_endpoint
lb_backend_endpoint(const struct ovnact_ct_lb_backend *backend)
{
    struct lb_endpoint ep = { .port = backend->port };

    if (backend->family == AF_INET) {
        in6_addr_set_mapped_ipv4(&ep.ip, backend->ipv4);
    } else {
        ep.ip = backend->ipv6;
    }
    return ep;
}

static bool
vip_has_backend(const struct lb_vip *lv, const struct lb_endpoint *backend)
{
    for (size_t i = 0; i < lv->n_backends; i++) {
        if (lb_endpoint_equal(&lv->backends[i], backend)) {
            return true;
        }
    }
    return false;
}

bool
lb_vip_has_backends(const struct lb_vip *lv,
                    const struct lb_endpoint *backends, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!vip_has_backend(lv, &backends[i])) {
            return false;
        }
    }
    return true;
}

void
lb_make_local(struct ovnact *ovnacts, size_t len, bool fallback)
{
    struct ovnact *a;

    OVNACT_FOR_EACH (a, ovnacts, len) {
        struct ovnact_ct_lb *cl = localizable(a);

        if (cl) {
            cl->ovnact.type = OVNACT_CT_LB_MARK_LOCAL;
            cl->fallback = fallback;
        }
    }
}

bool
lb_parse_affinity(const struct ovnact *ovnacts, size_t len,
                  struct lb_endpoint *vip, struct lb_endpoint *backend)
{
    const struct ovnact *a;

    OVNACT_FOR_EACH (a, ovnacts, len) {
        if (a->type == OVNACT_COMMIT_LB_AFF) {
            const struct ovnact_commit_lb_aff *aff
                = CONTAINER_OF(a, struct ovnact_commit_lb_aff, ovnact);

            *vip = (struct lb_endpoint) { aff->vip, aff->vip_port };
            *backend = (struct lb_endpoint) {
                aff->backend, aff->backend_port
            };
            return true;
        }
    }
    return false;
}
