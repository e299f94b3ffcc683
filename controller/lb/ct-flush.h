/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LB_CT_FLUSH_H
#define CONTROLLER_LB_CT_FLUSH_H 1

/* Connections to backends that are no more; see ct-flush.c. */

struct module;
extern const struct module lb_ct_flush_module;

#endif /* controller/lb/ct-flush.h */
