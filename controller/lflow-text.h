/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LFLOW_TEXT_H
#define CONTROLLER_LFLOW_TEXT_H 1

/* Texts of logical flows, parsed
 * ==============================
 *
 * What a logical flow's texts mean depends on the texts, on template variables
 * as they are on this chassis, and on the options of DHCP that there are.
 * These are cells that are known early; which datapaths are local, and what
 * is on them, comes in later (lflow-env.h).
 *
 * A flow is compiled in STAGE_FLOW.  If it balances load in a way that may be
 * distributed, what it balances has been asked before, twice for a router's:
 * then its texts are parsed for the first who asks, and the result waits for
 * the flow's own unit.  It waits no longer than that: kept for good, it would
 * take more memory than all that is made of it.
 *
 * Only what is a function of the texts alone waits, so that whoever takes it
 * is subscribed to all that it depends on.  With a template variable in it, it
 * is parsed for each.
 *
 * Thread-safety: main thread only. */

#include <stdbool.h>
#include "inc-proc-eng.h"
#include "openvswitch/ofpbuf.h"
#include "ovn/actions.h"
#include "ovn/expr.h"

struct lb_flow;
struct logical_flow;

/* What texts are read with, and those of 'lf'. */
const struct shash *lflow_text_symtab(void);
const struct shash *lflow_text_symtab_of(const struct logical_flow *lf);
/* The value of template variable 'name' on this chassis, or NULL; 'unit' is a
 * "struct inc_unit *".  From STAGE_BINDING on. */
const char *lflow_text_template_var(const char *name, void *unit);

/* A flow's texts. */
struct lflow_text {
    struct expr *match;         /* As the parser returns it. */
    struct expr *prereqs;       /* Of the actions, or NULL. */
    struct ofpbuf ovnacts;
};
void lflow_text_clear(struct lflow_text *); /* As it was initialized. */
void lflow_text_destroy(struct lflow_text *);

/* Sets '*flow' to what 'lf' balances, for the caller to destroy.  Returns
 * false if it balances nothing or is malformed, which is not said here.  From
 * STAGE_BINDING on. */
bool lflow_text_balances(struct inc_unit *, const struct logical_flow *lf,
                         struct lb_flow *flow);

/* If the texts of 'lf' are waiting, moves them to '*text', which must be
 * empty. */
bool lflow_text_take(struct inc_unit *, const struct logical_flow *lf,
                     struct lflow_text *text);

struct module;
extern const struct module lflow_text_module;

#endif /* controller/lflow-text.h */
