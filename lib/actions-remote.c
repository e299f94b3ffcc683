/* SPDX-License-Identifier: Apache-2.0 */

/* Copies of a packet for elsewhere: flood_remote, mirror. */

#include <config.h>
#include "lib/actions-private.h"

#include "flow.h"
#include "ovn/logical-fields.h"
#include "util.h"

/* flood_remote;
 *
 * To every chassis of other availability zones, by a table that the controller
 * fills. */

bool
act_encode_flood_remote(const struct ovnact *a OVS_UNUSED,
                        const struct ovnact_encode_params *ep,
                        struct ofpbuf *out)
{
    if (ep->dialect->regs.flood_remote) {
        put_load(ep->dialect->regs.flood_remote, OVN_FLOOD_REMOTE_KEY,
                 out);
    }
    put_resubmit(ep->dialect->tables.flood_remote, out);
    return true;
}

/* mirror("PORT");
 *
 * The copy leaves through the port, wherever that is. */

void
act_parse_mirror(struct act_parser *p, enum ovnact_type type,
                 const struct expr_field *result OVS_UNUSED)
{
    char *port = act_parse_port_name(p);
    if (!port) {
        return;
    }

    struct ovnact_mirror *mirror = ovnact_put(p, type, sizeof *mirror);
    mirror->port = port;
    lex_expect(p->lex, LEX_RPAREN);
}

void
act_format_mirror(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_mirror *mirror
        = CONTAINER_OF(a, struct ovnact_mirror, ovnact);

    ds_put_cstr(s, "mirror(");
    act_format_string(mirror->port, s);
    ds_put_cstr(s, ");");
}

void
act_free_mirror(struct ovnact *a)
{
    free(CONTAINER_OF(a, struct ovnact_mirror, ovnact)->port);
}

bool
act_encode_mirror(const struct ovnact *a,
                  const struct ovnact_encode_params *ep, struct ofpbuf *out)
{
    const struct ovnact_mirror *mirror
        = CONTAINER_OF(a, struct ovnact_mirror, ovnact);
    unsigned int key;

    if (!ep->env->port_key(mirror->port, &key, ep->env->aux)) {
        return true;            /* Nowhere to go, as long as there is none. */
    }

    size_t start = out->size;
    ofpact_put_CLONE(out);

    /* Else the switch would not send the copy back to where the packet came
     * from. */
    put_load(MFF_IN_PORT, ofp_to_u16(OFPP_ANY), out);
    put_load(MFF_LOG_OUTPORT, key, out);
    put_resubmit(ep->dialect->tables.remote_output, out);

    struct ofpact_nest *clone = ofpbuf_at_assert(out, start, sizeof *clone);
    out->header = clone;
    ofpact_finish_CLONE(out, &clone);
    return true;
}
