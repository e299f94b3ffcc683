/* SPDX-License-Identifier: Apache-2.0 */

/* How packets get to a port that is somewhere else; see lport-way.h. */

#include <config.h>
#include "lport-way.h"

#include <string.h>

#include "ovn/dialect.h"
#include "smap.h"
#include "uuid.h"

enum lport_way
lport_way(const struct lport_place *place)
{
    bool has_gateways = ((place->type == LP_CHASSISREDIRECT
                          || place->type == LP_EXTERNAL)
                         && place->n_gateways > 1);

    if (place->type == LP_CHASSISREDIRECT) {
        if (place->redirect_type
            && !strcmp(place->redirect_type, "bridged")) {
            return LPORT_WAY_BRIDGED;
        }
    } else if (place->has_localnet && !place->is_on_several
               && !place->is_nf) {
        /* A network function's machine does not take what is addressed to
         * somebody else from the physical network. */
        return LPORT_WAY_LOCALNET;
    }
    return has_gateways ? LPORT_WAY_GATEWAYS : LPORT_WAY_TUNNEL;
}

bool
lport_is_nf(const struct ovn_dialect *dialect, const struct smap *options)
{
    return dialect->tunnel_ofport && smap_get_bool(options, "is-nf", false);
}

bool
lport_gateway_is_first(int a_priority, const struct uuid *a,
                       int b_priority, const struct uuid *b)
{
    /* Equal priorities are settled by UUID, which is the same everywhere. */
    return (a_priority != b_priority
            ? a_priority > b_priority
            : uuid_compare_3way(a, b) < 0);
}
