/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_LPORT_TYPE_H
#define OVN_LPORT_TYPE_H 1

/* Types of logical ports
 * ======================
 *
 * Thread-safety: no global state. */

#include <stdbool.h>

enum lport_type {
    LP_VIF,                     /* "" */
    LP_PATCH, LP_L3GATEWAY, LP_LOCALNET, LP_LOCALPORT, LP_L2GATEWAY, LP_VTEP,
    LP_CHASSISREDIRECT, LP_VIRTUAL, LP_EXTERNAL, LP_REMOTE,
    LP_MIRROR,
    LP_CONTAINER,               /* "" with a parent. */
    LP_UNKNOWN                  /* None of the above. */
};

/* The type that 'type' is the word for.  'parent' is the port that it is
 * within, if any; else NULL or "". */
enum lport_type lport_type_from_word(const char *type, const char *parent);

/* Whether a port of such a type can be what the address of a load balancer's
 * backend belongs to.  The other types are the network's own. */
bool lport_type_has_backends(enum lport_type);

/* Whether there is a host behind such a port, whose addresses port security
 * can police.  What sends through the other types is a router, or a whole
 * network. */
bool lport_type_has_host(enum lport_type);

#endif /* lib/lport-type.h */
