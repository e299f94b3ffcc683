/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LFLOW_H
#define CONTROLLER_LFLOW_H 1

/* Logical flows -> OpenFlow flows: one unit a Logical_Flow row. */

struct module;
extern const struct module lflow_module;

#endif /* controller/lflow.h */
