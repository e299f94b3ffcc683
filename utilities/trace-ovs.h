/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRACE_OVS_H
#define TRACE_OVS_H 1

/* The OpenFlow flows behind a logical flow
 * ========================================
 *
 * With --ovs a trace shows, for each logical flow that it comes through, the
 * flows that the controller has made of it: those of a switch that have the
 * first 32 bits of the logical flow's UUID as their cookie.  The switch is
 * asked about each logical flow when the trace comes to it, since it finds
 * flows by cookie faster than it could list them all. */

#include <stddef.h>
#include <stdint.h>

/* A connection to a switch.  It lives as long as one trace. */
struct trace_ovs;

/* The switch that is asked if none is named.  The caller frees the result. */
char *trace_ovs_default_remote(void);

/* Connects to 'remote', an active OpenFlow connection method.  Returns NULL,
 * after a warning, if that fails. */
struct trace_ovs *trace_ovs_open(const char *remote);
void trace_ovs_close(struct trace_ovs *);

/* Sets '*flows' to the switch's flows with 'cookie', as "ovs-ofctl dump-flows"
 * shows them, and '*n' to their number.  The caller frees each of them, and
 * '*flows'.  Returns 0 or an errno value (or EOF), after which the connection
 * is of no more use. */
int trace_ovs_dump(struct trace_ovs *, uint32_t cookie,
                   char ***flows, size_t *n);

#endif /* utilities/trace-ovs.h */
