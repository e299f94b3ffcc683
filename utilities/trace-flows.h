/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRACE_FLOWS_H
#define TRACE_FLOWS_H 1

/* Logical flows, by datapath, pipeline and table
 * ==============================================
 *
 * A packet visits a few of the datapaths, and in each table only the flows of
 * higher priority than the one that it matches.  So nothing is parsed before
 * it is needed: a match when a packet comes by, the actions when the match is
 * true.  What has been parsed is kept for later traces, until the row, or
 * something that its text refers to, changes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/uuid.h"
#include "ovn/actions.h"
#include "trace-rows.h"

struct expr;
struct flow;
struct sbrec_chassis;
struct trace_db;
struct trace_dp;
struct trace_lb;
struct uuidset;

struct trace_flow {
    struct uuid uuid;
    enum ovn_pipeline pipeline;
    uint8_t table;
    uint16_t priority;
    struct trace_row *row;

    /* What has been parsed. */
    bool tried_match, tried_actions;
    bool is_localized;          /* trace_lb_localize() has seen it. */
    const struct trace_lb *lb;  /* Its load balancer, if it is known. */
    bool is_distributed;        /* lb_router_apply() has seen it... */
    char *match;                /* ...and made of its match; else NULL. */
    struct expr *expr;          /* NULL if bad. */
    bool is_affinity;           /* lb_match_is_affinity() */
    struct expr *prereqs;       /* Of the actions; NULL if none. */
    struct ovnact *ovnacts;
    size_t ovnacts_len;
    bool bad_actions;
};

struct trace_flows *trace_flows_create(struct trace_db *,
                                       struct trace_rows *);
void trace_flows_destroy(struct trace_flows *);

/* To be called when there are other rows: takes them.  What has been parsed of
 * rows that are not in 'changed' stays. */
void trace_flows_refresh(struct trace_flows *,
                         const struct uuidset *changed);
/* Forgets everything. */
void trace_flows_clear(struct trace_flows *);
/* Forgets what has been parsed: all of it, what chassis make of it, or only
 * what has to do with load balancers. */
void trace_flows_forget(struct trace_flows *);
void trace_flows_forget_views(struct trace_flows *);
void trace_flows_forget_lbs(struct trace_flows *);

/* How many tables actions in 'table' of 'pipeline' may speak of: as many as
 * the database's dialect has room for, and, as it is seen in parts, those that
 * there are. */
void trace_flows_get_n_tables(const struct trace_db *,
                              enum ovn_pipeline pipeline, uint8_t table,
                              uint8_t n_tables[N_OVN_PIPELINES]);

/* The flow of highest priority in a table of 'dp' that matches 'packet', or
 * NULL. */
const struct trace_flow *trace_flows_lookup(struct trace_flows *,
                                            const struct trace_dp *dp,
                                            const struct sbrec_chassis *,
                                            enum ovn_pipeline, uint8_t table,
                                            const struct flow *packet);

/* The name that a table of 'dp' has, or NULL if there are no flows in it that
 * could be parsed. */
const char *trace_flows_stage_name(struct trace_flows *,
                                   const struct trace_dp *dp,
                                   const struct sbrec_chassis *,
                                   enum ovn_pipeline, uint8_t table);

/* The match of 'flow', as it is to be shown. */
const char *trace_flow_match(const struct trace_flow *flow);

/* Whether the external_ids of 'flow' are there.  If not, they are missed (see
 * trace_db_fetch()). */
bool trace_flows_has_ids(struct trace_flows *, const struct trace_flow *flow);

/* Whether all that 'flow' does is to go on to the next table, for every
 * packet. */
bool trace_flow_is_trivial(const struct trace_flow *flow, struct trace_db *,
                           const struct trace_dp *,
                           const struct sbrec_chassis *);

#endif /* utilities/trace-flows.h */
