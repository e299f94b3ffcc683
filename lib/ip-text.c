/* SPDX-License-Identifier: Apache-2.0 */

/* IP addresses as text; see ip-text.h. */

#include <config.h>
#include "ip-text.h"

#include <string.h>

#include "packets.h"

bool
ip_text_parse(const char *text, struct in6_addr *ip)
{
    ovs_be32 ip4;

    if (ip_parse(text, &ip4)) {
        in6_addr_set_mapped_ipv4(ip, ip4);
        return true;
    }
    return ipv6_parse(text, ip);
}

bool
ip_text_is_valid(const char *text)
{
    struct in6_addr ip;

    return ip_text_parse(text, &ip);
}

/* Neither an IPv4 address nor a name has a colon. */
bool
ip_text_is_ipv6(const char *text)
{
    return strchr(text, ':') != NULL;
}
