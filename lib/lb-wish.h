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


#ifndef OVN_LB_WISH_H
#define OVN_LB_WISH_H 1

/* What is asked of a load balancer beyond what its logical flows say
 * ==================================================================
 *
 * Whether a load balancer keeps to the backends of the chassis is in
 * options:distributed of its northbound row, and its ip_port_mappings may say
 * which logical port a backend's address belongs to.  An ovn-northd that does
 * not know the option passes neither on, or not for every load balancer.  For
 * those, ovn-lb-northd (northd/ovn-lb-northd.c) publishes one entry each in
 * SB_Global.external_ids:
 *
 *     ovn-local-lb-UUID = {"ip_port_mappings":{"10.0.0.11":"vm1:10.0.0.2"},
 *                          "name":"web","options":{"distributed":"true"},
 *                          "vips":["172.16.0.100:80"]}
 *
 * UUID is the northbound row's.  "vips" are for people who look at it: what is
 * balanced, and among which backends, is said by the logical flows alone, so
 * that an entry that is older than they are does no harm.
 *
 * This is where such entries are read and written, for ovn-lb-northd, the
 * controller and ovn-trace alike.
 *
 * Thread-safety: no global state. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include "openvswitch/compiler.h"
#include "openvswitch/uuid.h"
#include "smap.h"
#include "sset.h"

struct lb_endpoint;
struct lb_vip;

/* How a load balancer spreads connections on a chassis. */
enum lb_spread {
    LB_SPREAD_ALL,              /* Over all of its backends. */
    LB_SPREAD_STRICT,           /* Over the chassis' own ones only. */
    LB_SPREAD_FALLBACK          /* The same, over all if there are none. */
};
const char *lb_spread_to_string(enum lb_spread);
/* Parses a value of options:distributed ("true", "fallback" or "false"; NULL
 * if there is none).  Anything else is LB_SPREAD_ALL, and returns false. */
bool lb_spread_from_option(const char *, enum lb_spread *);
/* The same for a chassis' external_ids:ovn-lb-local ("strict", "fallback" or
 * "off"). */
bool lb_spread_from_default(const char *, enum lb_spread *);

/* One of a load balancer's ip_port_mappings: the port that a backend is, and
 * the address from which its health is checked. */
struct lb_mapping {
    struct in6_addr ip;         /* IPv4 as IPv4-mapped; so the other one. */
    char *lport;
    bool has_source;
    struct in6_addr source;     /* If 'has_source'. */
};
struct lb_mappings {
    struct lb_mapping *array;   /* Sorted by 'ip', each once. */
    size_t n;
};
/* Parses a row's ip_port_mappings.  What is malformed is left out and listed
 * in '*bad' ("KEY=VALUE", separated by blanks; NULL if all is well; the caller
 * frees it). */
void lb_mappings_parse(const struct smap *, struct lb_mappings *, char **bad);
void lb_mappings_destroy(struct lb_mappings *);
bool lb_mappings_equal(const struct lb_mappings *, const struct lb_mappings *);
/* The mapping of the backend at 'ip', or NULL. */
const struct lb_mapping *lb_mappings_find(const struct lb_mappings *,
                                          const struct in6_addr *ip);

/* What one entry says. */
struct lb_wish {
    char *name;                 /* The northbound row's; may be "". */
    struct smap options;
    struct smap ip_port_mappings; /* As in the northbound row. */
    struct sset vips;
};
void lb_wish_init(struct lb_wish *);
void lb_wish_destroy(struct lb_wish *);
bool lb_wish_equal(const struct lb_wish *, const struct lb_wish *);

/* Whose word counts on how a load balancer spreads. */
enum lb_wish_source {
    LB_WISH_ACTION,             /* The logical flow's: ct_lb_mark_local. */
    LB_WISH_ROW,                /* Options of the southbound Load_Balancer. */
    LB_WISH_ENTRY,              /* Options of the entry. */
    LB_WISH_DEFAULT             /* The chassis' ovn-lb-local. */
};
const char *lb_wish_source_to_string(enum lb_wish_source);
/* Returns how a load balancer spreads connections, going by the options of its
 * southbound row, its entry (each NULL if there is none) and the chassis'
 * default, and says in '*source' whose word that is.
 *
 * What the load balancer's owner says comes before the chassis' default, also
 * if it is "false".  Row and entry are copies of the same northbound row.
 * Where there is a row, it counts, and the entry's options do not: ovn-northd
 * writes the row together with the logical flows, whereas the entry is a step
 * behind, or ahead, or left over if ovn-lb-northd does not run any longer.
 *
 * An unknown value is the same as "false"; '*bad' is then the value, within
 * 'row' or 'entry', and otherwise NULL. */
enum lb_spread lb_wish_decide(const struct smap *row,
                              const struct lb_wish *entry,
                              enum lb_spread by_default,
                              enum lb_wish_source *source, const char **bad);

/* Whose a logical flow is: a choice among the load balancers whose UUIDs start
 * with the flow's stage-hint, as far as they are known.  One that has a wish
 * of its own comes before one that has none, and one that is sure to be about
 * the flow's backends before one that may be. */
struct lb_choice {
    enum lb_wish_source source; /* Of the best one so far; LB_WISH_DEFAULT if
                                 * there is none. */
    enum lb_spread spread;      /* Its spread, unless LB_WISH_DEFAULT. */
    int fitness;                /* 0: there is none. */
    bool has_own, has_none;     /* Whether any considered has a wish. */
};
#define LB_CHOICE_INITIALIZER { .source = LB_WISH_DEFAULT }
/* Considers a load balancer whose spread is a word of 'source', and which has
 * the 'n_vips' 'vips' if that is LB_WISH_ROW, for a flow with 'n' 'backends'.
 * Returns whether it is the best one so far. */
bool lb_choice_consider(struct lb_choice *, enum lb_wish_source source,
                        enum lb_spread spread,
                        const struct lb_vip *vips, size_t n_vips,
                        const struct lb_endpoint *backends, size_t n);
/* Whether, of all that have been considered, the chassis' default is what
 * counts.  It is not if each of them has a wish of its own, even if none of
 * them fits. */
bool lb_choice_is_default(const struct lb_choice *);

/* The longest entry that is read or written, in bytes. */
#define LB_WISH_MAX_LEN (1024 * 1024)

/* An entry's key.  The caller frees the result. */
char *lb_wish_key(const struct uuid *nb_uuid);
/* Whether 'key' is such a key, as lb_wish_key() spells it, and whose. */
bool lb_wish_key_parse(const char *key, struct uuid *nb_uuid);

/* An entry's value.  The caller frees the result, which is the same for wishes
 * that are equal. */
char *lb_wish_format(const struct lb_wish *);
/* Initializes 'wish' from an entry's value and returns NULL, or returns what
 * is wrong with the value, for the caller to free.  Members that are not known
 * are ignored, for the sake of newer writers. */
char *lb_wish_parse(const char *value, struct lb_wish *)
    OVS_WARN_UNUSED_RESULT;

#endif /* lib/lb-wish.h */
