/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_UNIT_LOG_H
#define CONTROLLER_UNIT_LOG_H 1

/* Once-only messages of units.
 *
 * A unit that finds its row malformed says so.  It may run again and again,
 * though, for reasons that have nothing to do with that, e.g. because of a
 * recompute.  These macros, for use in functions that run() calls, give a
 * message once for as long as each run of the unit gives it.  A unit may give
 * several. */

#include "inc-proc-eng.h"
#include "openvswitch/compiler.h"
#include "openvswitch/vlog.h"

#define UNIT_WARN(UNIT, RL, ...) \
    unit_log(UNIT, &this_module, VLL_WARN, RL, __VA_ARGS__)
#define UNIT_INFO(UNIT, RL, ...) \
    unit_log(UNIT, &this_module, VLL_INFO, RL, __VA_ARGS__)
#define UNIT_ERR(UNIT, RL, ...) \
    unit_log(UNIT, &this_module, VLL_ERR, RL, __VA_ARGS__)

void unit_log(struct inc_unit *, struct vlog_module *, enum vlog_level,
              struct vlog_rate_limit *, const char *format, ...)
    OVS_PRINTF_FORMAT(5, 6);

#endif /* controller/unit-log.h */
