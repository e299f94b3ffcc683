/* SPDX-License-Identifier: Apache-2.0 */

/* A router as a DHCP relay: it checks what clients ask and what servers
 * answer.  The controller does that, and writes the relay's address into the
 * request, and the client's into the response. */

#include <config.h>
#include "lib/actions-private.h"

#include "packets.h"
#include "util.h"

/* R = dhcp_relay_req_chk(RELAY, SERVER);
 * R = dhcp_relay_resp_chk(RELAY, SERVER); */

static bool
parse_ip4(struct act_parser *p, const char *what, ovs_be32 *ip)
{
    const struct lex_token *token = lex_current(p->lex);

    if (token->type != LEX_INTEGER || token->format != LEX_IPV4) {
        lex_syntax_error(p->lex, "expecting IPv4 %s.", what);
        return false;
    }
    *ip = token->value.ipv4;
    lex_advance(p->lex);
    return true;
}

void
act_parse_dhcp_relay(struct act_parser *p, enum ovnact_type type,
                     const struct expr_field *result)
{
    if (!act_check_field(p, result, 1, true)) {
        return;
    }

    struct ovnact_dhcp_relay *relay = ovnact_put(p, type, sizeof *relay);
    relay->dst = *result;
    if (parse_ip4(p, "dhcp relay and server ips", &relay->relay)) {
        lex_accept(p->lex, LEX_COMMA);
        if (parse_ip4(p, "dhcp server ip", &relay->server)) {
            lex_expect(p->lex, LEX_RPAREN);
        }
    }
}

void
act_format_dhcp_relay(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_dhcp_relay *relay
        = CONTAINER_OF(a, struct ovnact_dhcp_relay, ovnact);

    act_format_result(&relay->dst, s);
    ds_put_format(s, "%s("IP_FMT", "IP_FMT");", ovnact_word(a),
                  IP_ARGS(relay->relay), IP_ARGS(relay->server));
}

bool
act_encode_dhcp_relay(const struct ovnact *a,
                      const struct ovnact_encode_params *ep,
                      struct ofpbuf *out)
{
    const struct ovnact_dhcp_relay *relay
        = CONTAINER_OF(a, struct ovnact_dhcp_relay, ovnact);
    enum action_opcode opcode = (a->type == OVNACT_DHCPV4_RELAY_REQ_CHK
                                 ? ACTION_OPCODE_DHCP_RELAY_REQUEST_CHK
                                 : ACTION_OPCODE_DHCP_RELAY_RESPONSE_CHK);
    size_t start = put_controller_start(opcode, true,
                                        act_controller_meter(ep), out);

    act_put_result_location(out, &relay->dst);
    ofpbuf_put(out, &relay->relay, sizeof relay->relay);
    ofpbuf_put(out, &relay->server, sizeof relay->server);
    return put_controller_finish(start, out);
}
