/* SPDX-License-Identifier: Apache-2.0 */

/* Replies that the controller writes: put_dhcp_opts, put_dhcpv6_opts,
 * put_nd_ra_opts, dns_lookup.
 *
 * "NAME = VALUE" pairs become the options of the reply, in its wire format:
 * they are the userdata of a controller() action that pauses the packet, after
 * the place where the result bit goes.  The controller puts them into the
 * packet and resumes it. */

#include <config.h>
#include "lib/actions-private.h"

#include <string.h>

#include "nd-ra.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"

/* Parsing: also for trigger_event. */

static bool
wants_string(enum gen_opt_type type)
{
    return (type == GEN_OPT_STR || type == GEN_OPT_DOMAINS
            || type == GEN_OPT_DOMAIN);
}

/* Whether the values are of the kind that 'opt' wants. */
static bool
check_opt(struct act_parser *p, const struct ovnact_opt *opt,
          const char *protocol)
{
    bool is_string = opt->values->is_string;

    if (wants_string(opt->type) && !is_string) {
        lex_error(p->lex, "%s option %s requires string value.",
                  protocol, opt->name);
        return false;
    }
    if (!wants_string(opt->type) && opt->type != GEN_OPT_HOST_ID
        && is_string) {
        lex_error(p->lex, "%s option %s requires numeric value.",
                  protocol, opt->name);
        return false;
    }
    return true;
}

/* Parses "NAME = VALUE" at the cursor. */
static void
parse_opt(struct act_parser *p, act_find_opt_func *find, const void *aux,
          const char *protocol, struct ovnact_opt *opt)
{
    const char *name = lex_current(p->lex)->text;
    const struct gen_opt *known;

    if (!lex_is(p->lex, LEX_WORD)) {
        act_syntax_error(p);
        return;
    }
    known = find(aux, name);
    if (!known) {
        lex_syntax_error(p->lex, "expecting %s option name.", protocol);
        return;
    }
    opt->name = xstrdup(known->name);
    opt->code = known->code;
    opt->type = known->type;
    lex_advance(p->lex);
    if (!lex_expect(p->lex, LEX_ASSIGN)) {
        return;
    }

    struct expr_constant_set *values = xzalloc(sizeof *values);
    if (!expr_constant_set_parse(p->lex, values)) {
        free(values);
        return;
    }
    opt->values = values;
    check_opt(p, opt, protocol);
}

void
act_parse_opts(struct act_parser *p, act_find_opt_func *find,
               const void *aux, const char *protocol,
               struct ovnact_opt **opts, size_t *n)
{
    size_t allocated = 0;

    while (!p->lex->error && !lex_accept(p->lex, LEX_RPAREN)) {
        if (*n >= ACT_MAX_ITEMS) {
            lex_error(p->lex, "more than %d %s options",
                      ACT_MAX_ITEMS, protocol);
            return;
        }
        if (*n >= allocated) {
            *opts = x2nrealloc(*opts, &allocated, sizeof **opts);
        }

        /* Counted before it is parsed, so that it is freed in any case. */
        struct ovnact_opt *opt = &(*opts)[(*n)++];
        memset(opt, 0, sizeof *opt);
        parse_opt(p, find, aux, protocol, opt);
        lex_accept(p->lex, LEX_COMMA);
    }
}

void
act_free_opts(struct ovnact_opt *opts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(opts[i].name);
        if (opts[i].values) {
            expr_constant_set_destroy(opts[i].values);
        }
    }
    free(opts);
}

void
act_format_opts(const struct ovnact_opt *opts, size_t n, struct ds *s)
{
    for (size_t i = 0; i < n; i++) {
        ds_put_format(s, "%s%s = ", i ? ", " : "", opts[i].name);
        expr_constant_set_format(opts[i].values, s);
    }
}

static const struct gen_opt *
find_dhcp_opt(const void *pp_, const char *name)
{
    const struct ovnact_parse_params *pp = pp_;

    return (pp->option ? pp->option(name, false, pp->env->aux)
            : gen_opts_find(pp->dhcp_opts, name));
}

static const struct gen_opt *
find_dhcpv6_opt(const void *pp_, const char *name)
{
    const struct ovnact_parse_params *pp = pp_;

    return (pp->option ? pp->option(name, true, pp->env->aux)
            : gen_opts_find(pp->dhcpv6_opts, name));
}

static struct ovnact_opts *
parse_put_opts(struct act_parser *p, enum ovnact_type type,
               const struct expr_field *result, act_find_opt_func *find,
               const void *aux, const char *protocol)
{
    if (!act_check_field(p, result, 1, true)) {
        return NULL;
    }

    struct ovnact_opts *po = ovnact_put(p, type, sizeof *po);
    po->dst = *result;
    act_parse_opts(p, find, aux, protocol, &po->opts, &po->n);
    return p->lex->error ? NULL : po;
}

void
act_format_put_opts(const struct ovnact *a, struct ds *s)
{
    const struct ovnact_opts *po
        = CONTAINER_OF(a, struct ovnact_opts, ovnact);

    act_format_result(&po->dst, s);
    ds_put_format(s, "%s(", ovnact_word(a));
    act_format_opts(po->opts, po->n, s);
    ds_put_cstr(s, ");");
}

void
act_free_put_opts(struct ovnact *a)
{
    struct ovnact_opts *po = CONTAINER_OF(a, struct ovnact_opts, ovnact);

    act_free_opts(po->opts, po->n);
}

/* Starts the packet-in of an action with a result.  Returns what
 * put_controller_finish() wants. */
static size_t
start_reply(const struct ovnact_encode_params *ep, enum action_opcode opcode,
            const struct expr_field *dst, struct ofpbuf *out)
{
    size_t start = put_controller_start(opcode, true,
                                        act_controller_meter(ep), out);

    act_put_result_location(out, dst);
    return start;
}

/* Encoding of values. */

static void
put_be16(struct ofpbuf *out, uint16_t value)
{
    ovs_be16 be = htons(value);
    ofpbuf_put(out, &be, sizeof be);
}

static void
put_u8(struct ofpbuf *out, uint8_t value)
{
    ofpbuf_put(out, &value, sizeof value);
}

static const char *
opt_string(const struct ovnact_opt *opt)
{
    return opt->values->values[0].string;
}

/* Domain names: their labels, each with its length in front, as DNS has them
 * (RFC 1035). */

#define MAX_LABEL 63            /* Bytes in a label. */
#define MAX_DOMAIN 255          /* Bytes in a name. */

/* Appends the labels of the 'len' bytes at 'name'.  The longest tail of the
 * name that is in the list of names already, which starts at 'base' in 'out',
 * becomes a pointer to there. */
static void
put_domain(struct ofpbuf *out, size_t base, const char *name, size_t len,
           struct shash *tails)
{
    while (len) {
        const char *dot = memchr(name, '.', len);
        size_t label_len = dot ? dot - name : len;

        if (label_len) {
            char *tail = xmemdup0(name, len);
            size_t ofs = out->size - base;
            void *known = shash_find_data(tails, tail);

            if (known) {
                put_be16(out, 0xc000 | ((uintptr_t) known - 1));
                free(tail);
                return;
            }
            if (ofs < 0x3fff) {
                shash_add_nocopy(tails, tail, (void *) (ofs + 1));
            } else {
                free(tail);
            }
            put_u8(out, label_len);
            ofpbuf_put(out, name, label_len);
        }
        name += label_len + (dot != NULL);
        len -= label_len + (dot != NULL);
    }
    put_u8(out, 0);
}

/* Whether 'names', a comma-separated list, can be encoded. */
static bool
domains_ok(const char *names)
{
    while (*names) {
        size_t len = strcspn(names, ",");

        if (len > MAX_DOMAIN) {
            return false;
        }
        for (const char *p = names; p < names + len; ) {
            size_t label_len = strcspn(p, ".,");
            if (label_len > MAX_LABEL) {
                return false;
            }
            p += label_len + 1;
        }
        names += len + (names[len] == ',');
    }
    return true;
}

static void
put_domains(struct ofpbuf *out, const char *names)
{
    struct shash tails = SHASH_INITIALIZER(&tails);
    size_t base = out->size;

    while (*names) {
        size_t len = strcspn(names, ",");

        if (len) {
            put_domain(out, base, names, len, &tails);
        }
        names += len + (names[len] == ',');
    }
    shash_destroy(&tails);
}

/* R = put_dhcp_opts(offerip = IP, ...); */

#define DHCP_OFFERIP_CODE 0
#define DHCP_BOOTFILE_CODE 67
#define DHCP_NEXT_SERVER_CODE 253
#define DHCP_BOOTFILE_ALT_CODE 254

static const struct ovnact_opt *
find_opt(const struct ovnact_opts *po, uint8_t code)
{
    for (size_t i = 0; i < po->n; i++) {
        if (po->opts[i].code == code) {
            return &po->opts[i];
        }
    }
    return NULL;
}

/* "30.0.0.0/24,10.0.0.4, ...": as RFC 3442, the significant bytes of each
 * destination, and the router. */
static void
put_static_routes(struct ofpbuf *out, const struct expr_constant_set *routes)
{
    for (size_t i = 0; i + 1 < routes->n; i += 2) {
        const struct expr_constant *dst = &routes->values[i];
        int plen = (dst->masked
                    ? ip_count_cidr_bits(dst->mask.ipv4)
                    : 32);

        put_u8(out, plen);
        ofpbuf_put(out, &dst->value.ipv4, DIV_ROUND_UP(plen, 8));
        ofpbuf_put(out, &routes->values[i + 1].value.ipv4, 4);
    }
}

static void
put_dhcp_value(struct ofpbuf *out, const struct ovnact_opt *opt)
{
    const struct expr_constant_set *values = opt->values;
    const union mf_subvalue *first = &values->values[0].value;

    switch (opt->type) {
    case GEN_OPT_BOOL:
    case GEN_OPT_UINT8:
        put_u8(out, first->u8_val);
        break;
    case GEN_OPT_UINT16:
        ofpbuf_put(out, &first->be16_int, sizeof first->be16_int);
        break;
    case GEN_OPT_UINT32:
        ofpbuf_put(out, &first->be32_int, sizeof first->be32_int);
        break;
    case GEN_OPT_IPV4:
        for (size_t i = 0; i < values->n; i++) {
            ofpbuf_put(out, &values->values[i].value.ipv4, 4);
        }
        break;
    case GEN_OPT_STATIC_ROUTES:
        put_static_routes(out, values);
        break;
    case GEN_OPT_STR:
        ofpbuf_put(out, opt_string(opt), strlen(opt_string(opt)));
        break;
    case GEN_OPT_HOST_ID:
        if (values->is_string) {
            ofpbuf_put(out, opt_string(opt), strlen(opt_string(opt)));
        } else {
            ofpbuf_put(out, &first->ipv4, 4);
        }
        break;
    case GEN_OPT_DOMAINS:
        put_domains(out, opt_string(opt));
        break;
    case GEN_OPT_DOMAIN:
    case GEN_OPT_IPV6:
    case GEN_OPT_MAC:
        break;                  /* Not in DHCPv4: no value. */
    }
}

static bool
put_dhcp_opt(struct ofpbuf *out, const struct ovnact_opt *opt)
{
    size_t start = out->size;

    put_u8(out, opt->code);
    put_u8(out, 0);
    put_dhcp_value(out, opt);

    size_t len = out->size - start - 2;
    if (len > UINT8_MAX) {
        return false;
    }
    *((uint8_t *) ofpbuf_at_assert(out, start + 1, 1)) = len;
    return true;
}

void
act_parse_put_dhcp_opts(struct act_parser *p, enum ovnact_type type,
                        const struct expr_field *result)
{
    struct ovnact_opts *po = parse_put_opts(p, type, result, find_dhcp_opt,
                                            p->pp, "DHCPv4");
    if (!po) {
        return;
    }
    if (!find_opt(po, DHCP_OFFERIP_CODE)) {
        lex_error(p->lex, "put_dhcp_opts requires offerip to be specified.");
        return;
    }

    /* An option has at most 255 bytes. */
    struct ofpbuf value;
    ofpbuf_init(&value, 0);
    for (size_t i = 0; i < po->n && !p->lex->error; i++) {
        const struct ovnact_opt *opt = &po->opts[i];

        ofpbuf_clear(&value);
        if ((opt->type == GEN_OPT_DOMAINS && !domains_ok(opt_string(opt)))
            || !put_dhcp_opt(&value, opt)) {
            lex_error(p->lex, "Value of DHCPv4 option %s is too long.",
                      opt->name);
        }
    }
    ofpbuf_uninit(&value);
}

/* The controller expects these options first, in this order: the offered
 * address goes without code and length. */
bool
act_encode_put_dhcp_opts(const struct ovnact *a,
                         const struct ovnact_encode_params *ep,
                         struct ofpbuf *out)
{
    static const uint8_t first_codes[] = {
        DHCP_BOOTFILE_CODE, DHCP_BOOTFILE_ALT_CODE, DHCP_NEXT_SERVER_CODE,
    };
    const struct ovnact_opts *po
        = CONTAINER_OF(a, struct ovnact_opts, ovnact);
    const struct ovnact_opt *done[1 + ARRAY_SIZE(first_codes)];
    size_t n_done = 0;
    size_t start = start_reply(ep, ACTION_OPCODE_PUT_DHCP_OPTS, &po->dst,
                               out);

    const struct ovnact_opt *offerip = find_opt(po, DHCP_OFFERIP_CODE);
    ofpbuf_put(out, &offerip->values->values[0].value.ipv4, 4);
    done[n_done++] = offerip;
    for (size_t i = 0; i < ARRAY_SIZE(first_codes); i++) {
        const struct ovnact_opt *opt = find_opt(po, first_codes[i]);
        if (opt) {
            put_dhcp_opt(out, opt);
            done[n_done++] = opt;
        }
    }
    for (const struct ovnact_opt *opt = po->opts; opt < &po->opts[po->n];
         opt++) {
        bool again = false;
        for (size_t i = 0; i < n_done; i++) {
            again |= opt == done[i];
        }
        if (!again) {
            put_dhcp_opt(out, opt);
        }
    }
    return put_controller_finish(start, out);
}

/* R = put_dhcpv6_opts(...); */

void
act_parse_put_dhcpv6_opts(struct act_parser *p, enum ovnact_type type,
                          const struct expr_field *result)
{
    struct ovnact_opts *po = parse_put_opts(p, type, result, find_dhcpv6_opt,
                                            p->pp, "DHCPv6");
    for (size_t i = 0; po && i < po->n; i++) {
        const struct ovnact_opt *opt = &po->opts[i];
        if ((opt->type == GEN_OPT_STR
             && strlen(opt_string(opt)) > ACT_MAX_OFPACTS)
            || (opt->type == GEN_OPT_DOMAIN
                && !domains_ok(opt_string(opt)))) {
            lex_error(p->lex, "Value of DHCPv6 option %s is too long.",
                      opt->name);
            return;
        }
    }
}

static void
put_dhcpv6_opt(struct ofpbuf *out, const struct ovnact_opt *opt)
{
    const struct expr_constant_set *values = opt->values;

    put_be16(out, opt->code);
    if (opt->type == GEN_OPT_IPV6) {
        put_be16(out, values->n * sizeof(struct in6_addr));
        for (size_t i = 0; i < values->n; i++) {
            ofpbuf_put(out, &values->values[i].value.ipv6,
                       sizeof(struct in6_addr));
        }
    } else if (opt->type == GEN_OPT_MAC) {
        put_be16(out, sizeof(struct eth_addr));
        ofpbuf_put(out, &values->values[0].value.mac,
                   sizeof(struct eth_addr));
    } else if (opt->type == GEN_OPT_STR) {
        put_be16(out, strlen(opt_string(opt)));
        ofpbuf_put(out, opt_string(opt), strlen(opt_string(opt)));
    } else if (opt->type == GEN_OPT_DOMAIN) {
        size_t len_ofs = out->size;

        put_be16(out, 0);
        put_domains(out, opt_string(opt));
        *((ovs_be16 *) ofpbuf_at_assert(out, len_ofs, sizeof(ovs_be16)))
            = htons(out->size - len_ofs - sizeof(ovs_be16));
    } else {
        put_be16(out, 0);
    }
}

bool
act_encode_put_dhcpv6_opts(const struct ovnact *a,
                           const struct ovnact_encode_params *ep,
                           struct ofpbuf *out)
{
    const struct ovnact_opts *po
        = CONTAINER_OF(a, struct ovnact_opts, ovnact);
    size_t start = start_reply(ep, ACTION_OPCODE_PUT_DHCPV6_OPTS, &po->dst,
                               out);

    for (size_t i = 0; i < po->n; i++) {
        if (po->opts[i].values->n > ACT_MAX_OFPACTS
                                    / sizeof(struct in6_addr)) {
            return false;
        }
        put_dhcpv6_opt(out, &po->opts[i]);
    }
    return put_controller_finish(start, out);
}

/* R = put_nd_ra_opts(addr_mode = "...", slla = MAC, ...); */

enum ra_opt_code {
    ND_RA_ADDR_MODE,
    ND_RA_SLLA,
    ND_RA_MTU,
    ND_RA_PREFIX,
    ND_RA_PREFERENCE,
    ND_RA_RDNSS,
    ND_RA_DNSSL,
    ND_RA_ROUTE_INFO,
};

static const struct gen_opt nd_ra_opts[] = {
    { "addr_mode", ND_RA_ADDR_MODE, GEN_OPT_STR },
    { "slla", ND_RA_SLLA, GEN_OPT_MAC },
    { "mtu", ND_RA_MTU, GEN_OPT_UINT32 },
    { "prefix", ND_RA_PREFIX, GEN_OPT_IPV6 },
    { "router_preference", ND_RA_PREFERENCE, GEN_OPT_STR },
    { "rdnss", ND_RA_RDNSS, GEN_OPT_IPV6 },
    { "dnssl", ND_RA_DNSSL, GEN_OPT_STR },
    { "route_info", ND_RA_ROUTE_INFO, GEN_OPT_STR },
};

static const struct gen_opt *
find_nd_ra_opt(const void *aux OVS_UNUSED, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(nd_ra_opts); i++) {
        if (!strcmp(nd_ra_opts[i].name, name)) {
            return &nd_ra_opts[i];
        }
    }
    return NULL;
}

static bool
nd_ra_value_ok(const struct ovnact_opt *opt)
{
    const struct expr_constant *c = &opt->values->values[0];
    const char *s = opt->values->is_string ? c->string : "";
    uint8_t flags, prefix_flags;

    if (opt->values->n != 1) {
        return false;
    }
    switch ((enum ra_opt_code) opt->code) {
    case ND_RA_ADDR_MODE:
        return nd_ra_address_mode(s, &flags, &prefix_flags);
    case ND_RA_SLLA:
        return c->format == LEX_ETHERNET && !c->masked;
    case ND_RA_MTU:
        return (c->format == LEX_DECIMAL && !c->masked
                && lex_value_width(&c->value) <= 32);
    case ND_RA_PREFIX:
        return c->format == LEX_IPV6 && c->masked;
    case ND_RA_PREFERENCE:
        return nd_ra_preference(s, strlen(s), &flags);
    case ND_RA_RDNSS:
        return c->format == LEX_IPV6 && !c->masked;
    case ND_RA_DNSSL:
        return nd_ra_dnssl_ok(s);
    case ND_RA_ROUTE_INFO:
        return true;
    }
    return false;
}

void
act_parse_put_nd_ra_opts(struct act_parser *p, enum ovnact_type type,
                         const struct expr_field *result)
{
    struct ovnact_opts *po = parse_put_opts(p, type, result, find_nd_ra_opt,
                                            NULL, "IPv6 ND RA");
    if (!po) {
        return;
    }

    for (size_t i = 0; i < po->n; i++) {
        if (!nd_ra_value_ok(&po->opts[i])) {
            lex_error(p->lex, "Invalid value for \"%s\" option",
                      po->opts[i].name);
            return;
        }
    }
    if (!find_opt(po, ND_RA_SLLA)) {
        lex_error(p->lex, "slla option not present");
        return;
    }

    const struct ovnact_opt *mode = find_opt(po, ND_RA_ADDR_MODE);
    if ((!mode || strcmp(opt_string(mode), "dhcpv6_stateful"))
        && !find_opt(po, ND_RA_PREFIX)) {
        lex_error(p->lex, "prefix option needs to be set when address mode "
                  "is slaac/dhcpv6_stateless.");
    }
}

static void
put_nd_ra_opt(struct ofpbuf *out, const struct ovnact_opt *opt,
              uint8_t prefix_flags)
{
    const struct expr_constant *c = &opt->values->values[0];

    switch ((enum ra_opt_code) opt->code) {
    case ND_RA_SLLA:
        nd_ra_put_slla(out, c->value.mac);
        break;
    case ND_RA_MTU:
        nd_ra_put_mtu(out, ntohl(c->value.be32_int));
        break;
    case ND_RA_PREFIX: {
        const struct nd_ra_prefix prefix = {
            .prefix = c->value.ipv6,
            .length = ipv6_count_cidr_bits(&c->mask.ipv6),
            .flags = prefix_flags,
            .valid = ND_RA_FOREVER,
            .preferred = ND_RA_FOREVER,
        };
        nd_ra_put_prefix(out, &prefix);
        break;
    }
    case ND_RA_RDNSS:
        nd_ra_put_rdnss(out, &c->value.ipv6);
        break;
    case ND_RA_DNSSL:
        nd_ra_put_dnssl(out, c->string);
        break;
    case ND_RA_ROUTE_INFO:
        nd_ra_put_routes(out, c->string);
        break;
    case ND_RA_ADDR_MODE:
    case ND_RA_PREFERENCE:
        break;                  /* In the header. */
    }
}

/* Options are taken in their order: a prefix's flags depend on whether the
 * address mode is said before it. */
bool
act_encode_put_nd_ra_opts(const struct ovnact *a,
                          const struct ovnact_encode_params *ep,
                          struct ofpbuf *out)
{
    const struct ovnact_opts *po
        = CONTAINER_OF(a, struct ovnact_opts, ovnact);
    uint8_t prefix_flags = ND_RA_PREFIX_ON_LINK | ND_RA_PREFIX_AUTONOMOUS;
    uint8_t flags = 0;
    size_t start = start_reply(ep, ACTION_OPCODE_PUT_ND_RA_OPTS, &po->dst,
                               out);

    const size_t ra_ofs = out->size;
    nd_ra_put_header(out, 0);
    for (size_t i = 0; i < po->n; i++) {
        const struct ovnact_opt *opt = &po->opts[i];
        const char *word = opt->values->is_string ? opt_string(opt) : "";
        uint8_t more = 0;

        if (opt->code == ND_RA_ADDR_MODE) {
            nd_ra_address_mode(word, &more, &prefix_flags);
        } else if (opt->code == ND_RA_PREFERENCE) {
            nd_ra_preference(word, strlen(word), &more);
        }
        flags |= more;
        put_nd_ra_opt(out, opt, prefix_flags);
    }

    struct ovs_ra_msg *msg = ofpbuf_at_assert(out, ra_ofs, sizeof *msg);
    msg->mo_flags = flags;
    return put_controller_finish(start, out);
}

/* R = dns_lookup(); */

bool
act_encode_dns_lookup(const struct ovnact *a,
                      const struct ovnact_encode_params *ep,
                      struct ofpbuf *out)
{
    const struct ovnact_result *r
        = CONTAINER_OF(a, struct ovnact_result, ovnact);

    return put_controller_finish(
        start_reply(ep, ACTION_OPCODE_DNS_LOOKUP, &r->dst, out), out);
}
