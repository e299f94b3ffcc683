/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_LB_CONFIG_H
#define OVN_LB_CONFIG_H 1

/* Configuration of a load balancer beyond what its logical flows say
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
 * Here such entries are read and written, and here it is decided what counts
 * if the row, the entry and the chassis' default disagree, for ovn-lb-northd,
 * the controller and ovn-trace alike.
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

/* Which of its backends a load balancer uses on a chassis. */
enum lb_locality {
    LB_LOCALITY_NONE,           /* All of them. */
    LB_LOCALITY_STRICT,         /* The chassis' own ones only. */
    LB_LOCALITY_FALLBACK        /* The same, all if there are none. */
};
const char *lb_locality_to_string(enum lb_locality);
/* Parses a value of options:distributed ("true", "fallback" or "false"; NULL
 * if there is none).  Anything else is LB_LOCALITY_NONE, and returns false. */
bool lb_locality_from_option(const char *, enum lb_locality *);
/* The same for a chassis' external_ids:ovn-lb-local ("strict", "fallback" or
 * "off"). */
bool lb_locality_from_default(const char *, enum lb_locality *);

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
struct lb_entry {
    char *name;                 /* The northbound row's; may be "". */
    struct smap options;
    struct smap ip_port_mappings; /* As in the northbound row. */
    struct sset vips;
};
void lb_entry_init(struct lb_entry *);
void lb_entry_destroy(struct lb_entry *);
bool lb_entry_equal(const struct lb_entry *, const struct lb_entry *);

/* Where the locality of a load balancer is configured. */
enum lb_source {
    LB_SOURCE_ACTION,           /* The logical flow's: ct_lb_mark_local. */
    LB_SOURCE_ROW,              /* Options of the southbound Load_Balancer. */
    LB_SOURCE_ENTRY,            /* Options of the entry. */
    LB_SOURCE_DEFAULT           /* The chassis' ovn-lb-local. */
};
const char *lb_source_to_string(enum lb_source);
/* Returns the locality of a load balancer, going by the options of its
 * southbound row, its entry (each NULL if there is none) and the chassis'
 * default, and says in '*source' which of them it is from.
 *
 * What the load balancer's owner says comes before the chassis' default, also
 * if it is "false".  Row and entry are copies of the same northbound row.
 * Where there is a row, it counts, and the entry's options do not: ovn-northd
 * writes the row together with the logical flows, whereas the entry is a step
 * behind, or ahead, or left over if ovn-lb-northd does not run any longer.
 *
 * An unknown value is the same as "false"; '*bad' is then the value, within
 * 'row' or 'entry', and otherwise NULL. */
enum lb_locality lb_locality_decide(const struct smap *row,
                                    const struct lb_entry *entry,
                                    enum lb_locality by_default,
                                    enum lb_source *source, const char **bad);

/* What is known of one load balancer, without the chassis' default. */
struct lb_config {
    struct uuid nb;             /* Its northbound UUID. */
    char *name;
    struct smap options;        /* Of the row, else of the entry. */
    struct lb_mappings mappings;
    enum lb_source source;      /* LB_SOURCE_ROW or LB_SOURCE_ENTRY, or... */
    enum lb_locality locality;  /* ...LB_SOURCE_DEFAULT: this means nothing. */
};
/* Fills in 'config' from the name and options of the southbound row of load
 * balancer 'nb' (NULL if it has none) and its entry (the same); one of them is
 * there.  Returns NULL, or what is wrong with them, for the caller to free. */
char *lb_config_init(struct lb_config *config, const struct uuid *nb,
                     const char *row_name, const struct smap *row_options,
                     const struct lb_entry *entry);
void lb_config_destroy(struct lb_config *);
bool lb_config_equal(const struct lb_config *, const struct lb_config *);

/* Which load balancer a logical flow belongs to: a choice among those whose
 * UUIDs start with the flow's stage-hint.  Stage hints are 32 bits and may
 * collide; if so, match by backends.  A load balancer that is configured comes
 * before one that is not, and one that is sure to have the flow's backends
 * before one that may. */
struct lb_choice {
    const struct lb_config *best; /* NULL if there is none. */
    int fitness;                /* 0: there is none. */
    bool any_configured, any_unconfigured; /* Of all considered. */
};
#define LB_CHOICE_INITIALIZER { .best = NULL }
/* Considers 'config', which has the 'n_vips' 'vips' if its source is
 * LB_SOURCE_ROW, for a flow with 'n' 'backends'. */
void lb_choice_consider(struct lb_choice *, const struct lb_config *config,
                        const struct lb_vip *vips, size_t n_vips,
                        const struct lb_endpoint *backends, size_t n);
/* The locality of the flow, on a chassis whose default is 'by_default', and in
 * '*source' where that is configured.  The default does not count if each load
 * balancer considered has a configuration of its own, even if none fits. */
enum lb_locality lb_choice_locality(const struct lb_choice *,
                                    enum lb_locality by_default,
                                    enum lb_source *source);

/* The longest entry that is read or written, in bytes. */
#define LB_ENTRY_MAX_LEN (1024 * 1024)

/* An entry's key.  The caller frees the result. */
char *lb_entry_key(const struct uuid *nb_uuid);
/* Whether 'key' is such a key, as lb_entry_key() spells it, and whose. */
bool lb_entry_key_parse(const char *key, struct uuid *nb_uuid);

/* An entry's value.  The caller frees the result, which is the same for
 * entries that are equal. */
char *lb_entry_format(const struct lb_entry *);
/* Initializes 'entry' from an entry's value and returns NULL, or returns what
 * is wrong with the value, for the caller to free.  Members that are not known
 * are ignored, for the sake of newer writers. */
char *lb_entry_parse(const char *value, struct lb_entry *entry)
    OVS_WARN_UNUSED_RESULT;

#endif /* lib/lb-config.h */
