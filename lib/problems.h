/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_PROBLEMS_H
#define OVN_PROBLEMS_H 1

/* Problems that last
 * ==================
 *
 * What is wrong in a configuration that is looked at again and again is worth
 * one message, which must not use up what the next one needs.  Who looks
 * collects the messages of each pass in a set; those that the last pass did
 * not have are news.  For units of the engine, which look at one row each,
 * there is controller/unit-log.h.
 *
 * Thread-safety: no global state. */

struct sset;
struct vlog_module;
struct vlog_rate_limit;

/* Logs, as warnings, what is in 'problems' and not in 'reported', to which the
 * contents of 'problems' move: 'problems' is left with what 'reported' had. */
void problems_report_new(struct sset *problems, struct sset *reported,
                         const struct vlog_module *,
                         struct vlog_rate_limit *);

#endif /* lib/problems.h */
