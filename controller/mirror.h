/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_MIRROR_H
#define CONTROLLER_MIRROR_H 1

/* Mirrors of ports of this chassis, as rows of the local switch. */

struct module;
extern const struct module mirror_module;

#endif /* controller/mirror.h */
