/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LOCAL_ENCAPS_H
#define CONTROLLER_LOCAL_ENCAPS_H 1

/* This chassis' own tunnel endpoints
 * ==================================
 *
 * From OVN 24.03 on, a chassis with several addresses in ovn-encap-ip has a
 * tunnel from each of them, and what a port sends takes the one that starts at
 * the address that its interface asks for with external_ids:encap-ip.  Which
 * one that is travels with the packet as a number, the encap ID, in the upper
 * half of MFF_LOG_CT_ZONE.
 *
 * Encap ID 0 is that of all that do not ask, hence ovn-encap-ip-default's;
 * without it, that of the first address.  The others follow in the order of
 * their text, so that all controllers that are started with the same
 * configuration number them alike. */

#include <stddef.h>

struct inc_unit;
struct module;

/* How many encap IDs there are: at least 1.  From STAGE_BINDING on, like the
 * following ones. */
size_t local_encap_count(struct inc_unit *);
/* The address of encap ID 'id', or NULL if tunnels do not start from any
 * particular one. */
const char *local_encap_ip(struct inc_unit *, size_t id);
/* The encap ID of what OVS interface 'iface' (NULL: none) sends. */
size_t local_encap_of_iface(struct inc_unit *, const char *iface);

extern const struct module local_encaps_module;

#endif /* controller/local-encaps.h */
