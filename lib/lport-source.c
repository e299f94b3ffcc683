/* SPDX-License-Identifier: Apache-2.0 */

/* Whom a logical port talks as; see lport-source.h. */

#include <config.h>
#include "lport-source.h"

#include <stdlib.h>
#include <string.h>

#include "packets.h"
#include "util.h"

struct address {
    struct in6_addr ip;
    struct in6_addr mask;       /* All ones without a prefix. */
};

static bool
parse_address(const char *word, struct address *a)
{
    ovs_be32 ip4, mask4;
    char *error = ip_parse_masked(word, &ip4, &mask4);

    if (!error) {
        in6_addr_set_mapped_ipv4(&a->ip, ip4);
        in6_addr_set_mapped_ipv4(&a->mask, mask4);
        memset(&a->mask, 0xff, 12);
        return true;
    }
    free(error);
    error = ipv6_parse_masked(word, &a->ip, &a->mask);
    free(error);
    return !error;
}

/* A walk over the addresses of a text, at last the one that every IPv6 host
 * has without being given it. */
struct walk {
    char *copy, *save;
    struct eth_addr mac;
    bool at_end;
};

static bool
walk_begin(struct walk *w, const char *text)
{
    *w = (struct walk) { .copy = xstrdup(text) };
    const char *word = strtok_r(w->copy, " ", &w->save);

    return word && eth_addr_from_string(word, &w->mac);
}

static bool
walk_next(struct walk *w, struct address *a)
{
    const char *word;

    while ((word = strtok_r(NULL, " ", &w->save))) {
        if (parse_address(word, a)) {
            return true;
        }
    }
    if (!w->at_end) {
        w->at_end = true;
        in6_generate_lla(w->mac, &a->ip);
        a->mask = ipv6_create_mask(64);
        return true;
    }
    return false;
}

static void
walk_end(struct walk *w)
{
    free(w->copy);
}

static bool
is_same_version(const struct in6_addr *a, const struct in6_addr *b)
{
    return IN6_IS_ADDR_V4MAPPED(a) == IN6_IS_ADDR_V4MAPPED(b);
}

static bool
is_on_network(const struct in6_addr *ip, const struct address *a)
{
    const struct in6_addr net = ipv6_addr_bitand(&a->ip, &a->mask);
    const struct in6_addr theirs = ipv6_addr_bitand(ip, &a->mask);

    return is_same_version(ip, &a->ip) && ipv6_addr_equals(&net, &theirs);
}

bool
lport_source_for(const char *mac, const struct in6_addr *peer,
                 struct eth_addr *ea, struct in6_addr *ip)
{
    struct walk w;
    struct address a;
    bool found = false;

    if (walk_begin(&w, mac)) {
        *ea = w.mac;
        while (walk_next(&w, &a)) {
            if (is_on_network(peer, &a)) {
                *ip = a.ip;
                found = true;
                break;
            } else if (!found && is_same_version(peer, &a.ip)) {
                *ip = a.ip;
                found = true;
            }
        }
    }
    walk_end(&w);
    return found;
}

bool
lport_source_has(const char *mac, const struct in6_addr *ip,
                 struct eth_addr *ea)
{
    struct walk w;
    struct address a;
    bool found = false;

    if (walk_begin(&w, mac)) {
        *ea = w.mac;
        while (!found && walk_next(&w, &a)) {
            found = ipv6_addr_equals(&a.ip, ip);
        }
    }
    walk_end(&w);
    return found;
}
