/* SPDX-License-Identifier: Apache-2.0 */

/* Types of logical ports; see lport-type.h. */

#include <config.h>
#include "lport-type.h"

#include <string.h>

#include "util.h"

enum lport_type
lport_type_from_word(const char *type, const char *parent)
{
    static const struct {
        const char *word;
        enum lport_type type;
    } types[] = {
        { "patch", LP_PATCH },
        { "l3gateway", LP_L3GATEWAY },
        { "localnet", LP_LOCALNET },
        { "localport", LP_LOCALPORT },
        { "l2gateway", LP_L2GATEWAY },
        { "vtep", LP_VTEP },
        { "chassisredirect", LP_CHASSISREDIRECT },
        { "virtual", LP_VIRTUAL },
        { "external", LP_EXTERNAL },
        { "remote", LP_REMOTE },
        { "mirror", LP_MIRROR },
    };

    if (!type[0]) {
        return parent && parent[0] ? LP_CONTAINER : LP_VIF;
    }
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (!strcmp(type, types[i].word)) {
            return types[i].type;
        }
    }
    return LP_UNKNOWN;
}

bool
lport_type_has_backends(enum lport_type type)
{
    switch (type) {
    case LP_VIF:
    case LP_CONTAINER:
    case LP_VIRTUAL:
    case LP_EXTERNAL:
    case LP_REMOTE:
    case LP_L2GATEWAY:
        return true;

    case LP_PATCH:
    case LP_L3GATEWAY:
    case LP_LOCALNET:
    case LP_LOCALPORT:
    case LP_VTEP:
    case LP_CHASSISREDIRECT:
    case LP_MIRROR:
    case LP_UNKNOWN:
    default:
        return false;
    }
}

bool
lport_type_has_host(enum lport_type type)
{
    return type == LP_VIF || type == LP_CONTAINER || type == LP_VIRTUAL
           || type == LP_LOCALPORT;
}
