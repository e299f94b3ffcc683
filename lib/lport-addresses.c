/* SPDX-License-Identifier: Apache-2.0 */

/* Addresses of a logical port; see lport-addresses.h.  All that may occur are
 * tokens of the logical-flow language, so its lexer takes the text apart. */

#include <config.h>
#include "lport-addresses.h"

#include <stdlib.h>

#include "ovn/lex.h"
#include "packets.h"
#include "util.h"

static bool
is_address(const struct lex_cursor *c, enum lex_format format)
{
    return lex_is(c, LEX_INTEGER) && lex_current(c)->format == format;
}

static void
parse_ips(struct lport_addresses *la, struct lex_cursor *c)
{
    size_t allocated = 0;

    while (is_address(c, LEX_IPV4) || is_address(c, LEX_IPV6)) {
        const struct lex_token *token = lex_current(c);

        if (la->n_ips >= allocated) {
            la->ips = x2nrealloc(la->ips, &allocated, sizeof *la->ips);
        }
        la->ips[la->n_ips++] = (token->format == LEX_IPV4
                                ? in6_addr_mapped_ipv4(token->value.ipv4)
                                : token->value.ipv6);
        lex_advance(c);
    }
}

static void
parse_resident(struct lport_addresses *la, struct lex_cursor *c)
{
    if (lex_accept_word(c, "is_chassis_resident")) {
        lex_expect(c, LEX_LPAREN);
        if (lex_is(c, LEX_STRING)) {
            la->resident = xstrdup(lex_current(c)->text);
            lex_advance(c);
        } else {
            lex_syntax_error(c, "expecting a port's name in quotes");
        }
        lex_expect(c, LEX_RPAREN);
    }
}

char *
lport_addresses_parse(struct lport_addresses *la, const char *text)
{
    struct lex_tokens tokens;
    struct lex_cursor c;

    *la = (struct lport_addresses) { .n_ips = 0 };
    lex_scan(text, &tokens);
    lex_cursor_init(&c, &tokens);
    if (is_address(&c, LEX_ETHERNET)) {
        la->mac = lex_current(&c)->value.mac;
        lex_advance(&c);
        parse_ips(la, &c);
        parse_resident(la, &c);
        lex_expect_end(&c);
    } else {
        lex_syntax_error(&c, "expecting an Ethernet address");
    }

    char *error = lex_steal_error(&c);
    lex_cursor_destroy(&c);
    lex_tokens_destroy(&tokens);
    if (error) {
        lport_addresses_destroy(la);
        *la = (struct lport_addresses) { .n_ips = 0 };
    }
    return error;
}

void
lport_addresses_destroy(struct lport_addresses *la)
{
    free(la->ips);
    free(la->resident);
}
