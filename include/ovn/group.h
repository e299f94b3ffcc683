/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_GROUP_H
#define OVN_GROUP_H 1

/* OpenFlow groups as logical actions ask for them
 * ===============================================
 *
 * A "struct ovn_group" is a value: the encoder of an action builds it, whoever
 * keeps it clones it, and ovn_group_hash() identifies it.  It says what the
 * group may contain.  Which of its buckets are in force is the controller's
 * decision (controller/group.h) and no part of it.
 *
 * The buckets of a load-balancing group differ in nothing but the backend's
 * address and port, so such a group has one template of OpenFlow actions.
 * Buckets of other groups, which are few and short, have their actions as
 * text.
 *
 * Thread-safety: no global state. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openflow/openflow.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/types.h"

struct ds;
struct ofpact;
struct ofpbuf;

struct ovn_group_bucket {
    unsigned int weight;        /* 0: the switch numbers and weighs it. */

    /* A backend: what the template is filled in with. */
    struct in6_addr address;    /* IPv4 as IPv4-mapped. */
    uint16_t port;              /* 0 if none. */
    char *lport;                /* Logical port, or NULL if the action does not
                                 * name one. */

    /* In a group without a template. */
    char *actions;              /* OpenFlow actions as text. */
    ofp_port_t watch_port;      /* Zero if none. */
};

struct ovn_group {
    enum ofp11_group_type type; /* OFPGT11_SELECT or OFPGT11_ALL. */
    const char *selection_method; /* "dp_hash", "hash" or NULL; static. */
    uint64_t selection_param;
    char *hash_fields;          /* "ip_src,ip_dst"; NULL if none. */

    /* Bucket i has bucket_id first_bucket_id + i. */
    struct ovn_group_bucket *buckets;
    size_t n_buckets;
    uint32_t first_bucket_id;

    /* The buckets' actions: one ct() whose first nested action is a nat() that
     * takes a backend's address and port.  NULL if each has its own. */
    struct ofpact *template;
    size_t template_len;
    char *template_text;        /* The same, behind "ct(nat(dst=ADDRESS)". */

    /* Whose group this is, which matters to which buckets are in force.
     *
     * For ct_lb and ct_lb_mark it is the stage-hint of the logical flow, by
     * which one finds what its load balancer's owner has asked for.  What that
     * is is no part of the identity: it may change under the same id. */
    char *lb_hint;              /* NULL if none. */
    bool local;                 /* ct_lb_mark_local, */
    bool fallback;              /* all buckets when none would be in force. */

    /* Where it stands, for what becomes of packets while no bucket is in force
     * (lib/lb-empty.h). */
    bool is_switch;             /* On a switch, or on a router, */
    uint8_t ltable;             /* in this logical table, */
    bool affinity;              /* for clients that have an affinity. */
};

/* Weight of a bucket that nobody has weighed. */
#define OVN_GROUP_DEFAULT_WEIGHT 100

/* Returns a select group without anything but 'n_buckets' zeroed buckets. */
struct ovn_group *ovn_group_create(const char *selection_method,
                                   size_t n_buckets);
void ovn_group_destroy(struct ovn_group *);
struct ovn_group *ovn_group_clone(const struct ovn_group *);

/* Two groups have the same hash iff they are the same group.  It is the same
 * in each run of the program. */
ovs_u128 ovn_group_hash(const struct ovn_group *);

/* Appends the text of the group with the buckets for which 'in_force' has a
 * 1-bit (NULL: all), and one more bucket with the actions 'extra' unless that
 * is NULL.  It is what ofputil's group parser takes and what group-table-list
 * prints: "type=select,...,bucket=bucket_id=0,weight:100,actions=...". */
void ovn_group_format(const struct ovn_group *, const unsigned long *in_force,
                      const char *extra, struct ds *);

/* Returns the OpenFlow 1.5 message that does 'command' (OFPGC15_*) with the
 * same group under 'id', or NULL, and then '*errorp' says why (caller
 * frees). */
struct ofpbuf *ovn_group_encode(const struct ovn_group *, uint32_t id,
                                const unsigned long *in_force,
                                const char *extra, uint16_t command,
                                char **errorp);

#endif /* ovn/group.h */
