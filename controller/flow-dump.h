/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_FLOW_DUMP_H
#define CONTROLLER_FLOW_DUMP_H 1

/* Reading what flows the switch has
 * =================================
 *
 * A switch may be newer than the libopenvswitch that this program is linked
 * with, and have flows, from another controller, with actions or match fields
 * that it cannot decode.  Such a flow is in the way like any other that is
 * not desired, so it goes into the flow table all the same, as one of which is
 * known what identifies it, but not what it does: it will be replaced or
 * deleted.
 *
 * Thread-safety: main thread only. */

#include <stddef.h>

struct ofp_header;

/* Gives each flow of 'oh', a reply of OpenFlow 1.5 to a request for flows, to
 * the flow table, and adds to '*n_unknown' how many of them could not be
 * decoded.  Returns EOF, or something else if 'oh' makes no sense as a
 * whole. */
int flow_dump_decode(const struct ofp_header *oh, size_t *n_unknown);

#endif /* controller/flow-dump.h */
