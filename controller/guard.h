/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_GUARD_H
#define CONTROLLER_GUARD_H 1

/* Guard: a central that is not understood is not taken over
 * =========================================================
 *
 * A newer ovn-northd may write what this controller does not know.  Flows that
 * lack some of their logical flows are worse than none that change: packets
 * are dropped, or pass an ACL that is not there.  So as long as that is the
 * case, nothing of what follows from the southbound database is carried out:
 * the switch stays as it is, whoever has filled it, and nb_cfg is not
 * reported.  Only this chassis' own rows are written, because what features
 * they announce decides what ovn-northd writes.
 *
 * What counts:
 *
 *   - a major version of the southbound schema beyond ours;
 *   - a stage of the pipeline in a table that no layout has room for
 *     (ovn/dialect.h);
 *   - more than a handful of logical flows with actions or fields that are not
 *     known.  (A few may be typos in the match of an ACL.)
 *
 * external_ids:ovn-force-takeover=true has it all carried out nevertheless, as
 * far as it is understood.
 *
 * Thread-safety: main thread only. */

#include <stdbool.h>

struct inc_unit;
struct logical_flow;
struct turn;

/* Whether what follows from the southbound database may be carried out. */
bool guard_check(const struct turn *);

/* The running unit, that of 'lf', has found that its text cannot be parsed
 * because of 'error'... */
void guard_note_error(struct inc_unit *, const struct logical_flow *lf,
                      const char *error);
/* ...or that its table is beyond the last one. */
void guard_note_table(struct inc_unit *, const struct logical_flow *lf);

struct module;
extern const struct module guard_module;

#endif /* controller/guard.h */
