/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_COMMANDS_H
#define CONTROLLER_COMMANDS_H 1

/* Commands that operators' tools expect of an ovn-controller, but that belong
 * to no module of ours:
 *
 *   - lflow-cache/flush (and its old name flush-lflow-cache) and
 *     lflow-cache/show-stats: what a logical flow was parsed into is part of
 *     its unit and is not a cache that could be limited or flushed.  The
 *     former does nothing, the latter says that there is none.
 *
 *   - debug/ignore-startup-delay: nothing is delayed at startup, because the
 *     switch is not cleared.
 *
 *   - debug/dump-local-template-vars. */

struct module;
extern const struct module commands_module;

#endif /* controller/commands.h */
