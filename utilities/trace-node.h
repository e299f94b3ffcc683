/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRACE_NODE_H
#define TRACE_NODE_H 1

/* What a trace has to tell
 * ========================
 *
 * The simulation builds a tree of nodes, and forgets about forms of output.
 * A node's kind says in which of the three forms its text is seen:
 *
 *                   detailed   summary   minimal
 *     TABLE            x                            a logical flow
 *     PIPELINE         x          x                 ingress(...), egress(...)
 *     FORK             x          x         x       ct_next(...), icmp4 ...
 *     ACTION           x          x                 an action, as written
 *     JUMP             x                            "next(TABLE)"
 *     NOTE             x          x                 a comment on an action
 *     RESULT           x          x                 what a look-up found
 *     MODIFY                                x       what it did to the packet
 *     OUTPUT                                x       where the packet went
 *     LEAVE            x          x         x       for another chassis
 *     ERROR            x          x         x
 *
 * A node whose text is not seen lets its children show up in its place.  In
 * the detailed form the last child of a table, pipeline or fork is not
 * indented: pipelines end by calling the next table, so that each would
 * otherwise be further to the right than the last. */

#include <stdbool.h>
#include <stddef.h>
#include "openvswitch/compiler.h"

struct ds;

enum trace_kind {
    TRACE_TABLE,
    TRACE_PIPELINE,
    TRACE_FORK,
    TRACE_ACTION,
    TRACE_JUMP,
    TRACE_NOTE,
    TRACE_RESULT,
    TRACE_MODIFY,
    TRACE_OUTPUT,
    TRACE_LEAVE,
    TRACE_ERROR,
};

struct trace_node {
    enum trace_kind kind;
    char *text;                 /* One or, for the notes of a TABLE, more
                                 * lines, without a ";". */

    bool is_hidden;             /* A TABLE that is never seen, with at most
                                 * one child. */
    bool is_list;               /* Its children are equals, so that the last
                                 * one is indented, too, if it has a TABLE. */

    struct trace_node **subs;
    size_t n_subs, allocated_subs;
};

struct trace_node *trace_node_create(void);
void trace_node_destroy(struct trace_node *);

/* Each appends a node to 'parent' and returns it. */
struct trace_node *trace_put(struct trace_node *parent, enum trace_kind,
                             const char *format, ...)
    OVS_PRINTF_FORMAT(3, 4);
/* Takes ownership of 'text'. */
struct trace_node *trace_put_nocopy(struct trace_node *parent,
                                    enum trace_kind, char *text);

/* The forms, as bits. */
enum trace_form {
    TRACE_DETAILED = 1 << 0,
    TRACE_SUMMARY = 1 << 1,
    TRACE_MINIMAL = 1 << 2,
};
#define TRACE_ALL (TRACE_DETAILED | TRACE_SUMMARY | TRACE_MINIMAL)

/* Appends the children of 'root' in the 'forms' asked for. */
void trace_node_format(const struct trace_node *root, unsigned int forms,
                       struct ds *);

#endif /* utilities/trace-node.h */
