/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_PINCTRL_MAC_ROW_H
#define CONTROLLER_PINCTRL_MAC_ROW_H 1

/* Rows of MAC_Binding, for the services that write them.
 *
 * Main thread only. */

#include <netinet/in.h>
#include <stdbool.h>

#include "openvswitch/types.h"
#include "pinctrl/service.h"

/* In register_sb() of one of the services. */
void mac_row_register_sb(struct idl_columns *);

/* Has the row say that 'ip' (IPv4 as IPv4-mapped) has 'mac' on the port with
 * 'port_key' on the datapath with 'dp_key'.  If 'only_update', it does not
 * make a row that is not there.  For write(). */
enum pin_written mac_row_write(uint32_t dp_key, uint32_t port_key,
                               const struct in6_addr *ip, struct eth_addr mac,
                               bool only_update, const struct turn *);

#endif /* controller/pinctrl/mac-row.h */
