/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_UNIT_LOG_H
#define CONTROLLER_UNIT_LOG_H 1

/* Once-only warnings of units.
 *
 * A unit that finds its row malformed says so.  It may run again and again,
 * though, for reasons that have nothing to do with that, e.g. because of a
 * recompute.  These functions give a message once for as long as it stays the
 * same.  They keep its hash in inc_unit_data(), which the unit's class must
 * use for nothing else. */

#include "inc-proc-eng.h"
#include "openvswitch/compiler.h"
#include "openvswitch/vlog.h"

void unit_warn(struct inc_unit *, struct vlog_module *,
               struct vlog_rate_limit *, const char *format, ...)
    OVS_PRINTF_FORMAT(4, 5);
/* All is well: the next message is news. */
void unit_no_warning(struct inc_unit *);

#endif /* controller/unit-log.h */
