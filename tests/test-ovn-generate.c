/* SPDX-License-Identifier: Apache-2.0 */

/* Actions that are valid, from choices.
 *
 * The grammar below is that of ovn-sb(5)'s Logical_Flow table, one function or
 * one template a kind of action.  In a template, "%X" stands for something
 * random of kind X (see put_operand()).  A choice is a byte: from a fuzzer,
 * which learns which of them lead where, or from a random number generator
 * ("test-ovn generate-actions", tests/test-ovn-fuzz.c). */

#include <config.h>
#include "test-ovn.h"

#include <stdlib.h>
#include <string.h>

#include "packets.h"
#include "util.h"

#define MAX_DEPTH 3             /* Of nested actions. */

static void put_actions(struct test_ovn_choices *, struct ds *);

/* Returns a number that is less than 'n'. */
static uint32_t
choose(struct test_ovn_choices *c, uint32_t n)
{
    uint32_t x = 0;

    for (uint32_t max = n - 1; max; max >>= 8) {
        if (c->n) {
            x = (x << 8) | *c->bytes++;
            c->n--;
        }
    }
    return x % n;
}

#define CHOOSE(C, ARRAY) ((ARRAY)[choose(C, ARRAY_SIZE(ARRAY))])

/* Operands. */

static const char *const bits[] = {
    "reg0[0]", "reg8[31]", "xxreg1[127]", "xreg0[63]", "flags.loopback",
    "eth.dst[40]", "reg9[7]", "ip4.src[3]", "nd.target[9]", "flags[5]",
};
static const char *const fields16[] = {
    "reg0[0..15]", "tcp.dst", "udp.src", "sctp.dst", "xxreg0[100..115]",
    "reg8[16..31]", "eth.dst[32..47]",
};
static const char *const fields32[] = {
    "reg0", "ip4.dst", "arp.spa", "xreg0[0..31]", "reg7", "ip4.src",
    "xxreg1[96..127]", "eth.src[4..35]", "arp.tpa",
};
static const char *const fields48[] = {
    "eth.src", "eth.dst", "arp.sha", "nd.sll", "nd.tll", "xreg1[0..47]",
    "arp.tha", "xxreg0[48..95]",
};
static const char *const fields128[] = {
    "xxreg0", "ip6.src", "ip6.dst", "nd.target", "xxreg1",
};
static const char *const ports[] = { "inport", "outport" };
static const char *const port_names[] = { "lsp1", "eth0", "nope", "LOCAL" };
static const char *const verdicts[] = {
    "allow", "drop", "reject",
};
static const char *const severities[] = {
    "alert", "warning", "notice", "info", "debug",
};
static const char *const protocols[] = { "tcp", "udp", "sctp" };

static void
put_ip4(struct test_ovn_choices *c, struct ds *s)
{
    uint32_t ip = 1 + choose(c, UINT32_MAX);

    ds_put_format(s, IP_FMT, IP_ARGS(htonl(ip)));
}

static void
put_ip6(struct test_ovn_choices *c, struct ds *s)
{
    static const char *const addresses[] = {
        "fd00::1", "::1", "fe80::1:2", "ff02::1", "aef0::4:5:6",
        "1:2:3:4:5:6:7:8",
    };
    ds_put_cstr(s, CHOOSE(c, addresses));
}

static void
put_mac(struct test_ovn_choices *c, struct ds *s)
{
    for (int i = 0; i < 6; i++) {
        ds_put_format(s, "%s%02x", i ? ":" : "", choose(c, 256));
    }
}

static void
put_string(struct test_ovn_choices *c, struct ds *s)
{
    ds_put_char(s, '"');
    for (int n = choose(c, 12) + 1; n > 0; n--) {
        ds_put_char(s, "abcdefghijklmnopqrstuvwxyz.0123456789-"[
                        choose(c, 38)]);
    }
    ds_put_char(s, '"');
}

/* Appends something of the kind that 'kind' says:
 *
 *     1, h, w, m, x    a field of 1, 16, 32, 48, 128 bits
 *     p, P             a port's field, a port's name
 *     4, 6, M, s       an IPv4, IPv6 or Ethernet address, a string
 *     b, B, H, W       a number of 4, 8, 16, 32 bits
 *     N, R             a number of 16 bits that is not 0, a range of them
 *     T, E             a table; actions in braces
 *     v, y, t          a verdict, a severity, a protocol
 *     %                %  */
static void
put_operand(struct test_ovn_choices *c, char kind, struct ds *s)
{
    uint32_t lo;

    switch (kind) {
    case '1': ds_put_cstr(s, CHOOSE(c, bits)); break;
    case 'h': ds_put_cstr(s, CHOOSE(c, fields16)); break;
    case 'w': ds_put_cstr(s, CHOOSE(c, fields32)); break;
    case 'm': ds_put_cstr(s, CHOOSE(c, fields48)); break;
    case 'x': ds_put_cstr(s, CHOOSE(c, fields128)); break;
    case 'p': ds_put_cstr(s, CHOOSE(c, ports)); break;
    case 'P': ds_put_format(s, "\"%s\"", CHOOSE(c, port_names)); break;
    case '4': put_ip4(c, s); break;
    case '6': put_ip6(c, s); break;
    case 'M': put_mac(c, s); break;
    case 's': put_string(c, s); break;
    case 'b': ds_put_format(s, "%u", choose(c, 16)); break;
    case 'B': ds_put_format(s, "%u", choose(c, 256)); break;
    case 'H': ds_put_format(s, "%u", choose(c, 65536)); break;
    case 'N': ds_put_format(s, "%u", 1 + choose(c, 65535)); break;
    case 'R':
        lo = 1 + choose(c, 65534);
        ds_put_format(s, "%u-%u", lo, lo + 1 + choose(c, 65535 - lo));
        break;
    case 'W': ds_put_format(s, "%u", choose(c, UINT32_MAX)); break;
    case 'T': ds_put_format(s, "%u", choose(c, 22)); break;
    case 'v': ds_put_cstr(s, CHOOSE(c, verdicts)); break;
    case 'y': ds_put_cstr(s, CHOOSE(c, severities)); break;
    case 't': ds_put_cstr(s, CHOOSE(c, protocols)); break;
    case 'E':
        ds_put_cstr(s, "{ ");
        put_actions(c, s);
        ds_put_cstr(s, " }");
        break;
    default:
        OVS_NOT_REACHED();
    }
}

static void
put_template(struct test_ovn_choices *c, const char *template, struct ds *s)
{
    for (const char *p = template; *p; p++) {
        if (*p == '%') {
            put_operand(c, *++p, s);
        } else {
            ds_put_char(s, *p);
        }
    }
}

/* Actions with lists. */

/* Appends one to 'max' times 'template', separated by commas. */
static void
put_list(struct test_ovn_choices *c, int max, const char *template,
         struct ds *s)
{
    for (int i = choose(c, max); i >= 0; i--) {
        put_template(c, template, s);
        ds_put_cstr(s, i ? ", " : "");
    }
}

/* Appends a choice of 'templates', one or more of them, each at most once. */
static void
put_subset(struct test_ovn_choices *c, const char *const templates[],
           size_t n, struct ds *s)
{
    uint32_t which = 1 + choose(c, (1u << n) - 1);
    const char *separator = "";

    for (size_t i = 0; i < n; i++) {
        if (which & (1u << i)) {
            ds_put_cstr(s, separator);
            put_template(c, templates[i], s);
            separator = ", ";
        }
    }
}

static void
put_ct_lb(struct test_ovn_choices *c, struct ds *s)
{
    static const char *const words[] = { "ct_lb", "ct_lb_mark" };
    static const char *const backends[] = {
        "%4:%N", "%4", "[%6]:%N", "%6", "%4:80",
    };
    static const char *const hashes[] = {
        "", "; hash_fields=\"ip_src\"", "; hash_fields=\"ip_dst,tp_src\"",
    };
    static const char *const flags[] = { "", "; skip_snat", "; force_snat" };

    ds_put_format(s, "%s(backends=", CHOOSE(c, words));
    put_list(c, 5, CHOOSE(c, backends), s);
    ds_put_cstr(s, CHOOSE(c, hashes));
    ds_put_format(s, "%s);", CHOOSE(c, flags));
}

static void
put_ct_lb_mark_local(struct test_ovn_choices *c, struct ds *s)
{
    ds_put_cstr(s, "ct_lb_mark_local(backends=");
    put_list(c, 4, choose(c, 2) ? "%P:%4:%N" : "%P:[%6]:%N", s);
    ds_put_cstr(s, ");");
}

static void
put_select(struct test_ovn_choices *c, struct ds *s)
{
    put_template(c, "%h = select(", s);
    put_template(c, choose(c, 2) ? "%N=%N, " : "%N, ", s);
    put_list(c, 4, choose(c, 2) ? "%N=%N" : "%N", s);
    ds_put_cstr(s, ");");
}

static void
put_fwd_group(struct test_ovn_choices *c, struct ds *s)
{
    static const char *const liveness[] = {
        "", "liveness=\"true\", ", "liveness=\"false\", ",
    };

    ds_put_format(s, "fwd_group(%schildports=", CHOOSE(c, liveness));
    put_list(c, 3, "%P", s);
    ds_put_cstr(s, ");");
}

static void
put_dhcp(struct test_ovn_choices *c, struct ds *s)
{
    static const char *const options[] = {
        "netmask=%4", "router={%4, %4}", "hostname=%s", "mtu=%H",
        "default_ttl=%B", "lease_time=%W", "ip_forward_enable=1",
        "tftp_server=%s", "classless_static_route={%4/24,%4,%4/0,%4}",
        "domain_search_list=\"ovn.org,abc.ovn.org\"", "next_server=%4",
        "bootfile_name=%s", "bootfile_name_alt=%s",
    };

    put_template(c, "%1 = put_dhcp_opts(offerip=%4, ", s);
    put_subset(c, options, ARRAY_SIZE(options), s);
    ds_put_cstr(s, ");");
}

static void
put_dhcpv6(struct test_ovn_choices *c, struct ds *s)
{
    static const char *const options[] = {
        "server_id=%M", "ia_addr=%6", "dns_server={%6, %6}",
        "domain_search=%s",
    };

    put_template(c, "%1 = put_dhcpv6_opts(", s);
    put_subset(c, options, ARRAY_SIZE(options), s);
    ds_put_cstr(s, ");");
}

static void
put_ra(struct test_ovn_choices *c, struct ds *s)
{
    static const char *const options[] = {
        "mtu=%W", "prefix=aef0::/64", "router_preference=\"HIGH\"",
        "rdnss=%6", "dnssl=\"ovn.org\"", "route_info=\"HIGH-aef1::/48\"",
    };

    put_template(c, "%1 = put_nd_ra_opts(addr_mode=\"dhcpv6_stateful\", "
                 "slla=%M, ", s);
    put_subset(c, options, ARRAY_SIZE(options), s);
    ds_put_cstr(s, ");");
}

static void
put_log(struct test_ovn_choices *c, struct ds *s)
{
    static const char *const options[] = {
        "name=%s", "severity=%y", "meter=%s",
    };

    put_template(c, "log(verdict=%v, ", s);
    put_subset(c, options, ARRAY_SIZE(options), s);
    ds_put_cstr(s, ");");
}

static void
put_ct_commit(struct test_ovn_choices *c, struct ds *s)
{
    static const char *const options[] = {
        "ct_mark = %W;", "ct_label = 0x%b;", "ct_mark.blocked = 1;",
        "ct_label.ecmp_reply_eth = eth.src;",
        "ct_mark.ecmp_reply_port = %H;", "ct_mark[0..15] = %H;",
        "ct_label = xxreg1;", "ct_mark = reg3;",
    };

    ds_put_cstr(s, "ct_commit { ");
    for (int n = choose(c, 4); n > 0; n--) {
        put_template(c, options[choose(c, ARRAY_SIZE(options))], s);
        ds_put_char(s, ' ');
    }
    ds_put_cstr(s, "};");
}

/* All actions. */

static const char *const templates[] = {
    /* Packet and registers. */
    "output;", "next;", "next(%T);", "next(pipeline=ingress, table=%T);",
    "next(pipeline=egress, table=%b);",
    "%1 = 1;", "%1 = 0;", "%h = %H;", "%w = %W;", "%w = %4;", "%m = %M;",
    "%x = %6;", "inport = \"\";", "%p = %P;", "%1 = %1;", "%h = %h;",
    "%w = %w;", "%m = %m;", "%x = %x;", "%p = %p;", "%w <-> %w;",
    "%m <-> %m;", "%x <-> %x;", "%p <-> %p;", "%1 <-> %1;",
    "push(%x);", "push(%w);", "pop(%x);", "pop(%w);", "push(%p); pop(%p);",
    "ip.ttl--;", "ip.ttl = %B;", "set_queue(%b);",
    "%1 = check_pkt_larger(%H);", "vlan.vid = %B;", "vlan.pcp = 3;",
    "arp.op = 2;", "icmp4.type = %B;", "icmp6.code = %B;", "tcp.src = %H;",
    "icmp4.frag_mtu = %H;", "icmp6.frag_mtu = %W;", "ip.dscp = %b;",

    /* Connection tracking. */
    "ct_next;", "ct_commit;", "ct_commit(ct_mark=%W/%B, ct_label=%W);",
    "ct_dnat;", "ct_snat;", "ct_dnat(%4);", "ct_dnat(%6);", "ct_snat(%4);",
    "ct_snat(%6);", "ct_dnat(%4, %R);", "ct_snat(%6, %R);", "ct_snat(%4, %N);",
    "ct_dnat_in_czone;", "ct_snat_in_czone;", "ct_dnat_in_czone(%4);",
    "ct_snat_in_czone(%6);", "ct_commit_nat;", "ct_clear;", "ct_snat_to_vip;",
    "ct_lb;", "ct_lb_mark;",

    /* MAC bindings and FDB. */
    "get_arp(%p, %w);", "get_nd(%p, %x);", "put_arp(%p, %w, %m);",
    "put_nd(%p, %x, %m);", "%1 = lookup_arp(%p, %w, %m);",
    "%1 = lookup_nd(%p, %x, %m);", "%1 = lookup_arp_ip(%p, %w);",
    "%1 = lookup_nd_ip(%p, %x);", "put_fdb(%p, %m);", "%p = get_fdb(%m);",
    "%1 = lookup_fdb(%p, %m);",

    /* Reports, and packets for the controller. */
    "%1 = dns_lookup();", "set_meter(%N);", "set_meter(%N, %N);",
    "sample(probability=%N, collector_set=%W, obs_domain=%B, obs_point=%W);",
    "sample(probability=%N, collector_set=200, obs_point=$cookie);",
    "trigger_event(event = \"empty_lb_backends\", vip = \"%4:80\", "
    "protocol = \"%t\", load_balancer = "
    "\"12345678-abcd-9876-fedc-11119f8e7d6c\");",
    "igmp;", "bind_vport(%P, %p);", "handle_svc_check(%p);",
    "handle_dhcpv6_reply;", "handle_bfd_msg();",

    /* Look-ups. */
    "%1 = chk_lb_hairpin();", "%1 = chk_lb_hairpin_reply();",
    "%1 = check_in_port_sec();", "%1 = check_out_port_sec();",
    "%1 = chk_ecmp_nh_mac();", "%1 = chk_ecmp_nh();", "%1 = chk_lb_aff();",
    "commit_ecmp_nh(ipv6 = false, proto = %t);",
    "commit_ecmp_nh(ipv6 = true, proto = %t);",
    "commit_lb_aff(vip = \"%4:80\", backend = \"%4:%N\", proto = %t, "
    "timeout = %N);",
    "commit_lb_aff(vip = \"[%6]:80\", backend = \"[%6]:%N\", proto = %t, "
    "timeout = %N);",
    "commit_lb_aff(vip = \"%6\", backend = \"%6\", timeout = %N);",
};

/* Nested actions.  Those that have to be in IPv4 or in IPv6 come with the
 * other's fields in 'put_actions' only by contradiction, which is no error:
 * prerequisites are ANDed. */
static const char *const nested[] = {
    "clone %E;", "arp %E;", "icmp4 %E;", "icmp4_error %E;", "icmp6 %E;",
    "icmp6_error %E;", "tcp_reset %E;", "sctp_abort %E;", "reject %E;",
    "nd_na %E;", "nd_na_router %E;", "nd_ns %E;",
};

typedef void put_func(struct test_ovn_choices *, struct ds *);
static put_func *const puts_[] = {
    put_ct_lb, put_ct_lb_mark_local, put_select, put_fwd_group, put_dhcp,
    put_dhcpv6, put_ra, put_log, put_ct_commit,
};

static void
put_action(struct test_ovn_choices *c, struct ds *s)
{
    switch (choose(c, 8)) {
    case 6:
        CHOOSE(c, puts_)(c, s);
        break;
    case 7:
        if (c->depth < MAX_DEPTH) {
            c->depth++;
            put_template(c, CHOOSE(c, nested), s);
            c->depth--;
            break;
        }
        /* Fall through. */
    default:
        put_template(c, CHOOSE(c, templates), s);
        break;
    }
}

static void
put_actions(struct test_ovn_choices *c, struct ds *s)
{
    for (int n = choose(c, 5); n >= 0; n--) {
        put_action(c, s);
        ds_put_cstr(s, n ? " " : "");
    }
}

void
test_ovn_generate_actions(struct test_ovn_choices *c, struct ds *s)
{
    c->depth = 0;
    put_actions(c, s);
}
