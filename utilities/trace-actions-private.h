/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRACE_ACTIONS_PRIVATE_H
#define TRACE_ACTIONS_PRIVATE_H 1

/* Simulation of actions, from the inside; see trace-actions.h. */

#include "actions-private.h"
#include "trace-actions.h"

struct mf_subfield;

/* An action list while it is carried out. */
struct trace_acts {
    struct trace *t;
    const struct trace_dp *dp;
    struct flow *packet;
    const struct trace_flow *lflow;
    struct trace_node *parent;

    /* What push() has put away. */
    union mf_subvalue *stack;
    size_t stack_len, stack_allocated;
};

/* Fields of the packet.  Values are right-justified. */
void trace_write(struct trace_acts *, const struct expr_field *,
                 const union mf_subvalue *);
uint32_t trace_read_u32(const struct trace_acts *, const struct expr_field *);
/* Sets 1-bit field 'field'. */
void trace_write_bit(struct trace_acts *, const struct expr_field *, bool);
struct in6_addr trace_read_ip(const struct trace_acts *,
                              const struct expr_field *);
struct eth_addr trace_read_mac(const struct trace_acts *,
                               const struct expr_field *);

/* The action as the logical flow has it, without the ";". */
char *trace_format_action(const struct trace *, const struct ovnact *);

/* Each carries out an action of its family. */
void trace_ct_action(struct trace_acts *, const struct ovnact *);
void trace_nested_action(struct trace_acts *, const struct ovnact *);
void trace_lookup_action(struct trace_acts *, const struct ovnact *);

/* Goes on in ingress or egress table 'ltable' below 'parent'. */
void trace_goto(struct trace_acts *, struct flow *, uint8_t ltable,
                struct trace_node *parent);

#endif /* utilities/trace-actions-private.h */
