/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_PINCTRL_PREFIX_DELEGATION_H
#define CONTROLLER_PINCTRL_PREFIX_DELEGATION_H 1

/* How long delegated prefixes are good for, which only the chassis that has
 * asked for them knows.  Packet thread. */

#include <stdbool.h>
#include <stdint.h>

struct pd_prefix;

/* Whether this chassis has got 'prefix' for the router port; then, for how
 * many seconds from now on, or DHCPV6_FOREVER. */
bool prefix_delegation_lifetimes(uint32_t dp_key, uint32_t port_key,
                                 const struct pd_prefix *prefix,
                                 uint32_t *valid, uint32_t *preferred);

#endif /* controller/pinctrl/prefix-delegation.h */
