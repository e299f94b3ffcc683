/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_CONFIG_VALUES_H
#define OVN_CONFIG_VALUES_H 1

/* Values of a chassis' configuration
 * ==================================
 *
 * What ovn-controller(8) says of the values of external_ids of Open_vSwitch,
 * which a Chassis row repeats in its other_config: read here, by the
 * controller and by ovn-trace alike.
 *
 * Thread-safety: no global state. */

#include <stdbool.h>

/* Whether 'value' (NULL if it is not set) is true.  One that is neither "true"
 * nor "false", in whatever case, is 'def'. */
bool config_value_bool(const char *value, bool def);

/* Calls 'cb' for each item of 'list' (may be NULL), which is NETWORK:VALUE,
 * with commas or blanks between, until it returns true.  For an item that is
 * not of this form 'value' is NULL, and 'network' all of it. */
void config_value_networks(const char *list,
                           bool (*cb)(const char *network, const char *value,
                                      void *aux), void *aux);

#endif /* lib/config-values.h */
