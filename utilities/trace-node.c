/* SPDX-License-Identifier: Apache-2.0 */

/* The tree of what happened to a packet, and its forms of output. */

#include <config.h>
#include "trace-node.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

struct trace_node *
trace_node_create(void)
{
    return xzalloc(sizeof(struct trace_node));
}

void
trace_node_destroy(struct trace_node *node)
{
    if (node) {
        for (size_t i = 0; i < node->n_subs; i++) {
            trace_node_destroy(node->subs[i]);
        }
        free(node->subs);
        free(node->text);
        free(node);
    }
}

struct trace_node *
trace_put_nocopy(struct trace_node *parent, enum trace_kind kind, char *text)
{
    struct trace_node *node = trace_node_create();

    node->kind = kind;
    node->text = text;
    if (parent->n_subs >= parent->allocated_subs) {
        parent->subs = x2nrealloc(parent->subs, &parent->allocated_subs,
                                  sizeof *parent->subs);
    }
    parent->subs[parent->n_subs++] = node;
    return node;
}

struct trace_node *
trace_put(struct trace_node *parent, enum trace_kind kind,
          const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *text = xvasprintf(format, args);
    va_end(args);
    return trace_put_nocopy(parent, kind, text);
}

/* Detailed. */

/* Whether 'node', the child number 'i' of 'parent', needs no indentation
 * because nothing comes after it.  Equals are indented to the last, but for
 * one that got to no table. */
static bool
is_tail(const struct trace_node *parent, size_t i)
{
    const struct trace_node *node = parent->subs[i];

    return (i == parent->n_subs - 1
            && (!parent->is_list
                || !node->n_subs || node->subs[0]->kind != TRACE_TABLE));
}

/* 'level' is in steps of 4 columns.  Actions stand one step to the right of
 * the table that they belong to. */

static void
format_detailed(const struct trace_node *parent, int level, struct ds *s)
{
    for (size_t i = 0; i < parent->n_subs; i++) {
        const struct trace_node *node = parent->subs[i];
        int own_level = is_tail(parent, i) ? level : level + 1;
        int sub_level = is_tail(parent, i) ? level : level + 2;

        /* What a hidden table leads to stands in its place. */
        while (node->is_hidden && node->n_subs) {
            node = node->subs[0];
        }
        switch (node->kind) {
        case TRACE_TABLE:
            if (!node->is_hidden) {
                ds_put_char_multiple(s, ' ', own_level * 4);
                ds_put_format(s, "%s\n", node->text);
            }
            format_detailed(node, sub_level, s);
            break;

        case TRACE_PIPELINE:
        case TRACE_FORK:
            ds_put_char(s, '\n');
            ds_put_char_multiple(s, ' ', own_level * 4);
            ds_put_format(s, "%s\n", node->text);
            ds_put_char_multiple(s, ' ', own_level * 4);
            ds_put_char_multiple(s, '-', strlen(node->text));
            ds_put_char(s, '\n');
            format_detailed(node, sub_level, s);
            break;

        case TRACE_ACTION:
        case TRACE_JUMP:
            ds_put_char_multiple(s, ' ', (level + 1) * 4);
            ds_put_format(s, "%s;\n", node->text);
            break;

        case TRACE_NOTE:
        case TRACE_RESULT:
        case TRACE_LEAVE:
        case TRACE_ERROR:
            ds_put_char_multiple(s, ' ', (level + 1) * 4);
            ds_put_format(s, "%s\n", node->text);
            break;

        case TRACE_MODIFY:
        case TRACE_OUTPUT:
        default:
            break;
        }
    }
}

/* Summary and minimal.
 *
 * The same, but for what is seen. */

static bool
is_seen(enum trace_kind kind, enum trace_form form)
{
    switch (kind) {
    case TRACE_FORK:
    case TRACE_LEAVE:
    case TRACE_ERROR:
        return true;

    case TRACE_PIPELINE:
    case TRACE_ACTION:
    case TRACE_NOTE:
    case TRACE_RESULT:
        return form == TRACE_SUMMARY;

    case TRACE_MODIFY:
    case TRACE_OUTPUT:
        return form == TRACE_MINIMAL;

    case TRACE_TABLE:
    case TRACE_JUMP:
    default:
        return false;
    }
}

/* Appends the children of 'parent'.  If there is nothing to be seen of them,
 * 's' does not change. */
static void
format_blocks(const struct trace_node *parent, enum trace_form form, int level,
              struct ds *s)
{
    for (size_t i = 0; i < parent->n_subs; i++) {
        const struct trace_node *node = parent->subs[i];

        if (!is_seen(node->kind, form)) {
            format_blocks(node, form, level, s);
        } else {
            ds_put_char_multiple(s, ' ', level * 4);
            ds_put_cstr(s, node->text);

            size_t ofs = s->length;
            ds_put_cstr(s, " {\n");
            size_t empty = s->length;
            format_blocks(node, form, level + 1, s);
            if (s->length > empty) {
                ds_put_char_multiple(s, ' ', level * 4);
                ds_put_char(s, '}');
            } else {
                ds_truncate(s, ofs);
            }
            ds_put_cstr(s, node->kind == TRACE_RESULT ? "\n" : ";\n");
        }
    }
}

void
trace_node_format(const struct trace_node *root, unsigned int forms,
                  struct ds *s)
{
    bool several = !!(forms & (forms - 1));

    if (forms & TRACE_DETAILED) {
        ds_put_cstr(s, several ? "# Detailed trace.\n" : "");
        format_detailed(root, 0, s);
    }
    if (forms & TRACE_SUMMARY) {
        ds_put_cstr(s, several ? "# Summary trace.\n" : "");
        format_blocks(root, TRACE_SUMMARY, 0, s);
    }
    if (forms & TRACE_MINIMAL) {
        ds_put_cstr(s, several ? "# Minimal trace.\n" : "");
        format_blocks(root, TRACE_MINIMAL, 0, s);
    }
}
