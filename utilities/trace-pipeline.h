/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRACE_PIPELINE_H
#define TRACE_PIPELINE_H 1

/* The simulation of the logical pipelines
 * =======================================
 *
 * trace_table() looks a packet up in one table and carries out the actions
 * (trace-actions.h), which call it again.  What happens is appended to a tree
 * (trace-node.h).
 *
 * A packet is its headers and metadata, as a "struct flow".  Whoever forks it
 * copies it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lb.h"
#include "ovn/actions.h"

struct ds;
struct flow;
struct sbrec_chassis;
struct trace_db;
struct trace_dp;
struct trace_flow;
struct trace_node;
struct trace_ovs;
struct trace_port;

struct trace_options {
    unsigned int forms;         /* TRACE_DETAILED, ... */
    bool friendly_names;
    uint32_t *ct_states;        /* CS_*, for ct_next and so on, in order. */
    size_t n_ct_states;
    bool has_lb_dst;
    struct lb_endpoint lb_dst;
    bool has_select_id;
    uint16_t select_id;
    const char *chassis;        /* Whose view it is to be, or NULL. */
    char *ovs;                  /* The switch to ask for flows, or NULL. */
    const char *datapath;       /* NULL if the microflow says it. */
    const char *microflow;
};

/* A trace while it runs. */
struct trace {
    struct trace_db *db;
    const struct trace_options *options;
    struct trace_ovs *ovs;      /* The switch's flows, or NULL. */
    const struct sbrec_chassis *chassis; /* Where the packet is; or NULL. */
    size_t n_ct_states;         /* Used so far. */
    unsigned int depth;         /* Of nested tables. */
    unsigned int n_tables;      /* Visited so far. */
};

/* Traces the microflow.  Appends the result to 's', or returns an error
 * (caller frees).  If datapaths were missed (trace_db_fetch()), either is to
 * be thrown away. */
char *trace_run(struct trace_db *, const struct trace_options *,
                struct trace_ovs *, struct ds *s);

void trace_table(struct trace *, const struct trace_dp *, struct flow *,
                 enum ovn_pipeline, uint8_t table, struct trace_node *parent);
/* "output;" */
void trace_output(struct trace *, const struct trace_dp *, struct flow *,
                  enum ovn_pipeline, struct trace_node *parent);

/* For messages. */
char *trace_befriend(const struct trace *, char *text);
const char *trace_dp_name(const struct trace *, const struct trace_dp *);
const char *trace_port_name(const struct trace *, const struct trace_dp *,
                            uint32_t key);

#endif /* utilities/trace-pipeline.h */
