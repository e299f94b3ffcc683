/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LB_CONFIG_H
#define CONTROLLER_LB_CONFIG_H 1

/* Configuration of load balancers, as cells
 * =========================================
 *
 * A logical flow that balances load carries the start of the northbound row's
 * UUID, its stage-hint, and nothing else of what its owner has asked for.
 * That comes from elsewhere:
 *
 *   - options of the southbound Load_Balancer, which ovn-northd copies for a
 *     load balancer that is attached to a logical switch;
 *   - the entry of ovn-lb-northd (lib/lb-config.h), which also has the
 *     ip_port_mappings, and is all that there is of one on routers only;
 *   - the chassis' default, external_ids:ovn-lb-local.
 *
 * One unit for each load balancer puts them together in cell (lb-config,
 * northbound UUID), long before any port is bound.  lib/lb-config.h decides
 * what counts, and which load balancer a logical flow belongs to. */

#include "inc-proc-eng.h"
#include "lb-config.h"
#include "openvswitch/uuid.h"
#include "smap.h"

struct in6_addr;
struct lb_endpoint;

/* What becomes of a logical flow that balances load. */
struct lb_decision {
    /* Its load balancer.  If nothing is known of it but the stage hint, the
     * hint is the first 32 bits of 'lb', and the others are zero. */
    struct uuid lb;
    const struct lb_config *config; /* NULL if unknown; until run() ends. */
    enum lb_locality locality;
    enum lb_source source;
};

/* For inc_kind_spawn(), and to look in from outside: "struct lb_config"s by
 * northbound UUID. */
extern struct inc_kind *lb_configs_kind;

const struct lb_config *lb_configs_read(struct inc_unit *,
                                        const struct uuid *nb);

/* Decides about a logical flow with stage-hint 'hint' and 'n' 'backends'.
 * From STAGE_LB on. */
void lb_configs_decide(struct inc_unit *, const char *hint,
                       const struct lb_endpoint *backends, size_t n,
                       struct lb_decision *);
/* The port that the ip_port_mappings of a load balancer that may be the one of
 * flows with 'hint' name for 'address', or NULL.  From STAGE_CONFIG on. */
const char *lb_configs_mapped_port(struct inc_unit *, const char *hint,
                                   const struct in6_addr *address);
/* Whether a flow with 'hint' might keep to the chassis, whatever its backends
 * are.  From STAGE_CONFIG on. */
bool lb_configs_may_be_local(struct inc_unit *, const char *hint);

struct module;
extern const struct module lb_configs_module;

#endif /* controller/lb/config.h */
