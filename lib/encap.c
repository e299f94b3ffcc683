/* SPDX-License-Identifier: Apache-2.0 */

/* Tunnels between two chassis; see encap.h. */

#include <config.h>
#include "encap.h"

#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/util.h"
#include "packets.h"
#include "util.h"

static const char *const words[N_ENCAP_TYPES] = {
    [ENCAP_GENEVE] = "geneve",
    [ENCAP_STT] = "stt",
    [ENCAP_VXLAN] = "vxlan",
};

enum encap_type
encap_type_from_word(const char *word)
{
    enum encap_type type;

    for (type = 0; type < N_ENCAP_TYPES; type++) {
        if (!strcmp(words[type], word)) {
            break;
        }
    }
    return type;
}

const char *
encap_type_to_word(enum encap_type type)
{
    ovs_assert(type < N_ENCAP_TYPES);
    return words[type];
}

enum encap_type
encap_common_type(unsigned int a, unsigned int b)
{
    enum encap_type type;

    for (type = 0; type < N_ENCAP_TYPES; type++) {
        if (a & b & (1u << type)) {
            break;
        }
    }
    return type;
}

static bool
share_transport_zone(const struct encap_realm *a, const struct encap_realm *b)
{
    for (size_t i = 0; i < a->n_transport_zones; i++) {
        for (size_t j = 0; j < b->n_transport_zones; j++) {
            if (!strcmp(a->transport_zones[i], b->transport_zones[j])) {
                return true;
            }
        }
    }
    return !a->n_transport_zones && !b->n_transport_zones;
}

bool
encap_may_tunnel(const struct encap_realm *here,
                 const struct encap_realm *there)
{
    return (share_transport_zone(here, there)
            && (!there->is_remote || here->is_interconn));
}

static bool
is_asked(const char *ip, const char *asked)
{
    return ip && asked && !strcmp(ip, asked);
}

bool
encap_is_better(const struct encap_end *a, const struct encap_end *b,
                const char *ip, const char *local_ip)
{
    bool a_asked = is_asked(a->ip, ip);
    bool a_from = is_asked(a->local_ip, local_ip);
    int far = strcmp(a->ip, b->ip);

    return (a_asked != is_asked(b->ip, ip) ? a_asked
            : a_from != is_asked(b->local_ip, local_ip) ? a_from
            : a->is_default != b->is_default ? a->is_default
            : a->type != b->type ? a->type < b->type
            : far ? far < 0
            : a->local_ip && b->local_ip && strcmp(a->local_ip,
                                                   b->local_ip) < 0);
}

static void
put_address(const char *ip, struct ds *s)
{
    struct in6_addr addr;

    if (ipv6_parse(ip, &addr)) {
        ipv6_format_addr(&addr, s);
    } else {
        ds_put_cstr(s, ip);
    }
}

char *
encap_place(const struct encap_end *end)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "%s ", encap_type_to_word(end->type));
    put_address(end->ip, &s);
    if (end->local_ip) {
        ds_put_cstr(&s, " from ");
        put_address(end->local_ip, &s);
    }
    return ds_steal_cstr(&s);
}

char *
encap_mark_format(const char *chassis_name, const char *ip,
                  const char *local_ip)
{
    return xasprintf("%s@%s%s%s", chassis_name, ip,
                     local_ip ? "%" : "", local_ip ? local_ip : "");
}

/* A chassis' name may have an at sign in it, an address has none. */
bool
encap_mark_parse(const char *s, struct encap_mark *mark)
{
    const char *at = s ? strrchr(s, '@') : NULL;

    if (!at) {
        return false;
    }

    const char *from = strchr(at, '%');
    *mark = (struct encap_mark) {
        .chassis_name = xmemdup0(s, at - s),
        .ip = from ? xmemdup0(at + 1, from - at - 1) : xstrdup(at + 1),
        .local_ip = from ? xstrdup(from + 1) : NULL,
    };
    return true;
}

void
encap_mark_destroy(struct encap_mark *mark)
{
    free(mark->chassis_name);
    free(mark->ip);
    free(mark->local_ip);
}

bool
encap_claim_wins(const struct encap_claim *a, const struct encap_claim *b)
{
    if (a->is_encaps_own != b->is_encaps_own) {
        return a->is_encaps_own;
    }

    int cmp = strcmp(a->chassis_name, b->chassis_name);
    return cmp ? cmp < 0 : strcmp(a->ip, b->ip) < 0;
}
