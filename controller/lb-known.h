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


#ifndef CONTROLLER_LB_KNOWN_H
#define CONTROLLER_LB_KNOWN_H 1

/* What is known of load balancers, and how each spreads connections here
 * ======================================================================
 *
 * A logical flow that balances load carries the start of the northbound row's
 * UUID, its stage-hint, and nothing else of what its owner has asked for.
 * That comes from elsewhere:
 *
 *   - options of the southbound Load_Balancer, which ovn-northd copies for a
 *     load balancer that is attached to a logical switch;
 *   - the entry of ovn-lb-northd (lib/lb-wish.h), which also has the
 *     ip_port_mappings, and is all that there is of one on routers only;
 *   - the chassis' default, external_ids:ovn-lb-local.
 *
 * lb_wish_decide() says what counts if they disagree.  One unit for each load
 * balancer puts them together in cell (lb-known, northbound UUID), long before
 * any port is bound.
 *
 * A hint is but 32 bits long.  If it is that of several load balancers, or of
 * another one than of those that are known, the backends tell whether a flow
 * is one's, as far as a southbound row says what these are. */

#include "inc-proc-eng.h"
#include "lb-wish.h"
#include "openvswitch/uuid.h"
#include "smap.h"

struct in6_addr;
struct lb_endpoint;

/* What is known of one load balancer. */
struct lb_known {
    struct uuid nb;             /* Its northbound UUID. */
    struct uuid row;            /* Its southbound one; zero if it has none. */
    char *name;
    struct smap options;        /* Of the row, else of the entry. */
    struct lb_mappings mappings;
    enum lb_wish_source source; /* LB_WISH_ROW or LB_WISH_ENTRY, or... */
    enum lb_spread spread;      /* ...LB_WISH_DEFAULT: this means nothing. */
};

/* What becomes of a logical flow that balances load. */
struct lb_decision {
    /* Its load balancer.  Of one of which nothing is known but the hint, the
     * hint is the first 32 bits of 'lb', and the others are zero. */
    struct uuid lb;
    const struct lb_known *known; /* NULL if nothing is; until run() ends. */
    enum lb_spread spread;
    enum lb_wish_source source;
};

/* For inc_kind_spawn(), and to look in from outside: "struct lb_known"s by
 * northbound UUID. */
extern struct inc_kind *lb_known_kind;

void lb_known_init(struct inc_engine *);
const struct lb_known *lb_known(struct inc_unit *, const struct uuid *nb);

/* Decides about a logical flow with stage-hint 'hint' and 'n' 'backends'.
 * From STAGE_LB on. */
void lb_known_decide(struct inc_unit *, const char *hint,
                     const struct lb_endpoint *backends, size_t n,
                     struct lb_decision *);
/* The port that the ip_port_mappings of a load balancer that may be the one of
 * flows with 'hint' name for 'address', or NULL.  From STAGE_CONFIG on. */
const char *lb_known_mapped_port(struct inc_unit *, const char *hint,
                                 const struct in6_addr *address);
/* Whether a flow with 'hint' might keep to the chassis, whatever its backends
 * are.  From STAGE_CONFIG on. */
bool lb_known_may_be_local(struct inc_unit *, const char *hint);

struct module;
extern const struct module lb_known_module;

#endif /* controller/lb-known.h */
