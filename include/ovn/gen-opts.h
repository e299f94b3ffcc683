/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_GEN_OPTS_H
#define OVN_GEN_OPTS_H 1

/* Option tables
 * =============
 *
 * put_dhcp_opts and put_dhcpv6_opts take "name = value" pairs.  Which names
 * there are, with which code and which type of value, is not part of the
 * language: the southbound tables DHCP_Options and DHCPv6_Options say it.
 *
 * Thread-safety: none for writers; any number of readers. */

#include <stdbool.h>
#include <stdint.h>

/* How the value of an option is written and encoded. */
enum gen_opt_type {
    GEN_OPT_BOOL,               /* bool: one byte, 0 or 1. */
    GEN_OPT_UINT8,
    GEN_OPT_UINT16,
    GEN_OPT_UINT32,
    GEN_OPT_IPV4,               /* One or more addresses. */
    GEN_OPT_IPV6,
    GEN_OPT_MAC,
    GEN_OPT_STR,
    GEN_OPT_STATIC_ROUTES,      /* { 30.0.0.0/24,10.0.0.4, ... } */
    GEN_OPT_HOST_ID,            /* An address or a host's name. */
    GEN_OPT_DOMAINS,            /* "a.example,b.example" */
    GEN_OPT_DOMAIN,             /* "a.example", DHCPv6 only. */
};

struct gen_opt {
    char *name;
    uint8_t code;
    enum gen_opt_type type;
};

/* Makes '*opt' an option with a borrowed 'name'; 'type' is spelled as the
 * southbound schema has it.  Returns false, with nothing changed, if 'type' or
 * 'code' makes no sense. */
bool gen_opt_init(struct gen_opt *opt, const char *name, int64_t code,
                  const char *type);

struct gen_opts *gen_opts_create(void);
void gen_opts_destroy(struct gen_opts *); /* NULL is fine. */

/* Adds an option, a copy of what gen_opt_init() makes.  If there is already
 * one called 'name', it is replaced.  Returns what gen_opt_init() does. */
bool gen_opts_add(struct gen_opts *, const char *name, int64_t code,
                  const char *type);
const struct gen_opt *gen_opts_find(const struct gen_opts *,
                                    const char *name);

#endif /* ovn/gen-opts.h */
