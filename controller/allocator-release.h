/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_ALLOCATOR_RELEASE_H
#define CONTROLLER_ALLOCATOR_RELEASE_H 1

/* Giving memory back
 *
 * A start, or a recompute, takes memory for what it sends to the switch and
 * for intermediate results.  When the switch has all of it, this module has
 * the allocator give back what is not used any more (lib/allocator.h). */

struct module;
extern const struct module allocator_release_module;

#endif /* controller/allocator-release.h */
