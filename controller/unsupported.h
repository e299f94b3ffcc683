/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_UNSUPPORTED_H
#define CONTROLLER_UNSUPPORTED_H 1

/* What this chassis is asked for and does not do
 * ==============================================
 *
 * Whatever is accepted and not done is said: in the documentation
 * (differences.rst, "What is not there yet"), once in the log, as soon as
 * something here asks for it, and by "ovn-appctl unsupported/list", which
 * names the rows that do.
 *
 * Each such feature is a row of the table in unsupported.c.  When it has been
 * implemented, its row goes, and with it all that is only there to find out
 * who asks for it. */

#include <stdbool.h>
#include <stdint.h>

struct module;

extern const struct module unsupported_module;

/* Counts, and names the first time, a packet-in with 'opcode', of the flow
 * with 'cookie', that nobody serves.  May be called on any thread. */
void unsupported_packet(uint32_t opcode, uint64_t cookie);

#endif /* controller/unsupported.h */
