/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_DUMP_H
#define CONTROLLER_DUMP_H 1

/* Commands that show what is local on this chassis. */

struct module;
extern const struct module dump_module;

#endif /* controller/dump.h */
