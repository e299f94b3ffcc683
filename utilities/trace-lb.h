/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRACE_LB_H
#define TRACE_LB_H 1

/* Load balancers that keep to a chassis
 * =====================================
 *
 * With an ovn-northd that does not know ct_lb_mark_local, who wants it says so
 * in options of the load balancer, and, for all that say nothing, in a default
 * of the chassis.  Here the same is made of it as in the controller
 * (controller/lb/config.h, controller/lb/local.h), by the same rules
 * (lib/lb-config.h, lib/lb.h).
 *
 * Without --chassis, no chassis' default counts, and every port is local. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include "lb-config.h"
#include "openvswitch/hmap.h"
#include "openvswitch/uuid.h"

struct lb_endpoint;
struct lb_vip;
struct ovnact_ct_lb_backend;
struct ovsdb_idl;
struct sbrec_chassis;
struct sbrec_load_balancer;
struct smap;
struct trace_db;
struct trace_dp;
struct trace_flow;
struct trace_lbs;
struct trace_port;

/* What is known of one load balancer. */
struct trace_lb {
    struct hmap_node node;      /* By the stage-hint, as a number. */
    struct lb_config config;

    /* If LB_SOURCE_ROW: its VIPs, as 'vips_view' has them, once 'has_vips'. */
    const struct sbrec_load_balancer *row;
    bool has_vips;
    const struct sbrec_chassis *vips_view;
    struct lb_vip *vips;
    size_t n_vips;
};

/* Adds the columns that are needed here. */
void trace_lb_monitor(struct ovsdb_idl *);

struct trace_lbs *trace_lbs_create(struct trace_db *);
void trace_lbs_destroy(struct trace_lbs *);
/* To be called when load balancers, or what is asked of them, have changed,
 * and when ports or datapaths have. */
void trace_lbs_refresh(struct trace_lbs *);
void trace_lbs_forget_ports(struct trace_lbs *);

/* Whether any load balancer might keep to any chassis. */
bool trace_lbs_any_local(const struct trace_lbs *);

/* Whether 'vip' is a VIP of any southbound row, on 'here'. */
bool trace_lbs_have_vip(const struct trace_lbs *,
                        const struct sbrec_chassis *here,
                        const struct lb_endpoint *vip);
/* Finds the source that packets get that a backend of 'vip' has sent to
 * itself.  Returns false if it is not known, because load balancers of
 * different switches say different things of this VIP. */
bool trace_lbs_hairpin_source(const struct trace_lbs *,
                              const struct sbrec_chassis *here,
                              const struct lb_endpoint *vip,
                              struct in6_addr *source);

/* Decides how a logical flow with stage-hint 'hint' (may be NULL) and 'n'
 * 'backends' spreads connections on 'here'.  Sets '*lb' to its load balancer,
 * or to NULL if nothing is known of it. */
enum lb_locality trace_lb_decide(const struct trace_lbs *,
                               const struct sbrec_chassis *here,
                               const char *hint,
                               const struct lb_endpoint *backends, size_t n,
                               const struct trace_lb **lb);
/* Makes 'flow', whose actions have been parsed, local on 'here' if its load
 * balancer is to be. */
void trace_lb_localize(struct trace_db *, const struct sbrec_chassis *here,
                       struct trace_flow *flow);

/* Which logical port a backend is. */
enum trace_backend {
    TRACE_BACKEND_FOUND,        /* It is the port. */
    TRACE_BACKEND_NO_PORT,      /* The port that is named does not exist. */
    TRACE_BACKEND_UNKNOWN,      /* No port has the address. */
    TRACE_BACKEND_AMBIGUOUS,    /* Several do. */
};
/* Finds the port of the backend at 'ip' of 'lb' (may be NULL) on datapath
 * 'dp'.  'lport' is what the action calls it; NULL or "" if it does not. */
enum trace_backend trace_lb_backend_port(struct trace_lbs *,
                                         const struct trace_lb *lb,
                                         const struct trace_dp *dp,
                                         const struct sbrec_chassis *here,
                                         const char *lport,
                                         const struct in6_addr *ip,
                                         const struct trace_port **portp);
/* Whether the port is on 'here', or anywhere if that is NULL. */
bool trace_lb_port_is_here(const struct trace_port *,
                           const struct sbrec_chassis *here);

#endif /* utilities/trace-lb.h */
