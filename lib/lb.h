/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_LB_H
#define OVN_LB_H 1

/* Load balancers: VIPs, backends, and keeping an action local
 * ===========================================================
 *
 * The Load_Balancer rows of both OVN databases map VIPs to backends, as text:
 * "10.0.0.1:80" -> "10.1.0.1:8080,10.1.0.2:8080", "[fd00::1]:80" ->
 * "[fd01::1]:8080".  This module reads that text.
 *
 * It also turns the ct_lb and ct_lb_mark actions of a logical flow into what
 * they come to, ct_lb_mark_local, for a load balancer whose owner has asked
 * for it in a deployment whose ovn-northd does not know that action.  (That is
 * for ovn-trace to show.  The controller leaves actions as they are, and
 * decides what their groups have in them, see controller/lb/local.h.)
 *
 * Thread-safety: no global state. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "ovn/actions.h"

struct ds;
struct smap;

/* The number of Load_Balancer.protocol, NULL for none: that of TCP, too, for
 * what is no protocol of load balancers. */
uint8_t lb_protocol_number(const char *protocol);

/* An address and an optional port. */
struct lb_endpoint {
    struct in6_addr ip;         /* IPv4 as IPv4-mapped. */
    uint16_t port;              /* 0 if it has none. */
};
bool lb_endpoint_parse(const char *, struct lb_endpoint *);
bool lb_endpoint_equal(const struct lb_endpoint *, const struct lb_endpoint *);
bool lb_endpoint_is_ip4(const struct lb_endpoint *);
void lb_endpoint_format(const struct lb_endpoint *, struct ds *);

/* The source that a packet gets that a backend has sent to itself: the VIP, or
 * what options:hairpin_snat_ip says for its version of IP. */
struct lb_hairpin_snat {
    bool has_ip4, has_ip6;
    struct in6_addr ip4;        /* IPv4-mapped. */
    struct in6_addr ip6;
};
/* 'text' is the option's value, NULL if unset.  Returns false, and has no
 * address, if it makes no sense. */
bool lb_hairpin_snat_parse(const char *text, struct lb_hairpin_snat *);
const struct in6_addr *lb_hairpin_snat_ip(const struct lb_hairpin_snat *,
                                          const struct lb_endpoint *vip);

struct lb_vip {
    struct lb_endpoint vip;
    struct lb_endpoint *backends; /* All of the VIP's family; all of them have
                                   * a port, or none, as the VIP. */
    size_t n_backends;
};
bool lb_vip_parse(const char *vip, const char *backends, struct lb_vip *);
void lb_vip_destroy(struct lb_vip *);

/* Whether each of 'n' 'backends' is one of 'lv'.  (They may be fewer: northd
 * leaves out backends that are down.) */
bool lb_vip_has_backends(const struct lb_vip *lv,
                         const struct lb_endpoint *backends, size_t n);

/* Parses the "vips" of a row, sorted by the VIPs' text.  VIPs that are
 * malformed are left out and listed in '*bad' ("VIP=BACKENDS", separated by
 * blanks; NULL if there are none; the caller frees it).  The caller frees the
 * result with lb_vips_destroy(). */
void lb_vips_parse(const struct smap *vips, struct lb_vip **, size_t *n,
                   char **bad);
void lb_vips_destroy(struct lb_vip *, size_t n);
/* The same, as they are on a chassis: those of a row whose 'options' have
 * template=true are made of template variables ("^name"), whose values
 * 'template_var' returns, which is given 'aux' (NULL if there is none; until
 * the next call). */
void lb_vips_expand(const struct smap *vips, const struct smap *options,
                    const char *(*template_var)(const char *name, void *aux),
                    void *aux, struct lb_vip **, size_t *n, char **bad);

/* A load-balancing action's backend. */
struct lb_endpoint lb_backend_endpoint(const struct ovnact_ct_lb_backend *);

/* Whether one of the actions picks a backend in a way that can be kept local,
 * that is, whether lb_make_local() might find something to do. */
bool lb_can_be_local(const struct ovnact *, size_t ovnacts_len);

/* Turns each ct_lb and ct_lb_mark with backends into ct_lb_mark_local, in
 * place: each backend's logical port is to be found by its address.  With
 * 'fallback', all backends are used if none is local. */
void lb_make_local(struct ovnact *, size_t ovnacts_len, bool fallback);

/* If one of the actions is commit_lb_aff, puts there which VIP's and which
 * backend's and returns true. */
bool lb_parse_affinity(const struct ovnact *, size_t ovnacts_len,
                       struct lb_endpoint *vip, struct lb_endpoint *backend);

#endif /* lib/lb.h */
