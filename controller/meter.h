/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_METER_H
#define CONTROLLER_METER_H 1

/* OpenFlow meters
 * ===============
 *
 * A meter's identity is its name, in one of two forms: that of a row of the
 * southbound Meter table, or what a set_meter action says:
 *
 *     __string: uuid UUID kbps [burst] stats bands=type=drop rate=R ...
 *
 * Its content is its bands: those of the row, or those in the name.  As with
 * groups, a unit of the flow stage asks for the id that goes with a name, the
 * id is a hash of the name, and a unit of the group stage decides the content.
 * A name without a row keeps its id, but no meter is installed for it.
 *
 * Thread-safety: main thread only. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/list.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-meter.h"

struct inc_engine;
struct inc_unit;

#define METER_STRING_PREFIX "__string: "

void meter_init(struct inc_engine *);
/* To be called when the engine is gone. */
void meter_destroy(void);

/* From a running unit of the flow stage, which thereby wants it. */
uint32_t meter_want(struct inc_unit *, const char *name);

/* For ofctrl, as for groups.  There is no meter_reverted() because a meter
 * modification cannot be part of a bundle. */
void meter_dump_begin(void);
void meter_dump_meter(const struct ofputil_meter_config *);
void meter_dump_end(void);
size_t meter_pop_additions(struct ovs_list *msgs);
size_t meter_pop_deletions(struct ovs_list *msgs);
bool meter_has_changes(void);
void meter_settled(uint32_t xid);
bool meter_refused(uint32_t xid, enum ofperr);
void meter_retry(void);

/* meter-table-list. */
void meter_register_commands(void);

#endif /* controller/meter.h */
