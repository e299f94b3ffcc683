/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LEARNED_ROUTES_H
#define CONTROLLER_LEARNED_ROUTES_H 1

/* Rows of Learned_Route: see learned-routes.c. */

struct module;
extern const struct module learned_routes_module;

#endif /* controller/learned-routes.h */
