/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

/* "ovstest test-ovn parse-actions": what the library makes of actions.
 *
 * Each line of the standard input is the text of actions; the output is the
 * line and, below it, indented, what it is parsed to.  Besides printing, the
 * driver checks of every line that
 *
 *   - the text that formatting gives is parsed to something that is formatted
 *     in the same way;
 *   - encoding twice gives the same OpenFlow actions, and these are what a
 *     switch decodes;
 *   - an error leaves nothing behind (which is for a build with sanitizers to
 *     see).
 *
 * By default the parameters are those that OVN's own driver has.  Options set
 * others, to compare with what a controller installs:
 *
 *   --controller           as in a controller whose ports are all local
 *   --wire                 print OpenFlow actions as a switch dumps them
 *   --router               a router's datapath
 *   --egress               the egress pipeline
 *   --table=N              the current table
 *   --port=NAME=KEY        one more port
 *   --meter=NAME           the meter for packet-ins
 *   --zero-snat            the switch has the capability ct_zero_snat
 *   --repeat=N             parse each line N times, to measure */

#include <config.h>
#undef NDEBUG

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"
#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "ovn/actions.h"
#include "ovn/gen-opts.h"
#include "ovn/logical-fields.h"
#include "simap.h"
#include "test-ovn.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

struct driver {
    struct test_ovn world;
    struct ovnact_parse_params pp;
    struct ovnact_encode_params ep;
    struct gen_opts *dhcp_opts, *dhcpv6_opts;
    bool wire;
    int repeat;

    struct simap group_ids;     /* Identity -> id. */
    struct simap meter_ids;     /* Name -> id. */
    struct ds groups;           /* "uses group: ..." lines. */
};

/* Options of DHCP. */

struct option_row {
    const char *name;
    int code;
    const char *type;
};

static const struct option_row dhcp_rows[] = {
    { "offerip", 0, "ipv4" },
    { "netmask", 1, "ipv4" },
    { "router", 3, "ipv4" },
    { "dns_server", 6, "ipv4" },
    { "log_server", 7, "ipv4" },
    { "lpr_server", 9, "ipv4" },
    { "hostname", 12, "str" },
    { "domain_name", 15, "str" },
    { "swap_server", 16, "ipv4" },
    { "policy_filter", 21, "ipv4" },
    { "router_solicitation", 32, "ipv4" },
    { "nis_server", 41, "ipv4" },
    { "ntp_server", 42, "ipv4" },
    { "server_id", 54, "ipv4" },
    { "tftp_server", 66, "host_id" },
    { "classless_static_route", 121, "static_routes" },
    { "ip_forward_enable", 19, "bool" },
    { "router_discovery", 31, "bool" },
    { "ethernet_encap", 36, "bool" },
    { "default_ttl", 23, "uint8" },
    { "tcp_ttl", 37, "uint8" },
    { "mtu", 26, "uint16" },
    { "lease_time", 51, "uint32" },
    { "wpad", 252, "str" },
    { "bootfile_name", 67, "str" },
    { "path_prefix", 210, "str" },
    { "tftp_server_address", 150, "ipv4" },
    { "arp_cache_timeout", 35, "uint32" },
    { "tcp_keepalive_interval", 38, "uint32" },
    { "domain_search_list", 119, "domains" },
    { "bootfile_name_alt", 254, "str" },
    { "broadcast_address", 28, "ipv4" },
    { "netbios_name_server", 44, "ipv4" },
    { "netbios_node_type", 46, "uint8" },
    { "next_server", 253, "ipv4" },
};

static const struct option_row dhcpv6_rows[] = {
    { "server_id", 2, "mac" },
    { "ia_addr", 5, "ipv6" },
    { "dns_server", 23, "ipv6" },
    { "domain_search", 24, "str" },
};

static struct gen_opts *
make_opts(const struct option_row *rows, size_t n)
{
    struct gen_opts *opts = gen_opts_create();

    for (size_t i = 0; i < n; i++) {
        ovs_assert(gen_opts_add(opts, rows[i].name, rows[i].code,
                                rows[i].type));
    }
    ovs_assert(!gen_opts_add(opts, "x", 1, "no such type"));
    ovs_assert(!gen_opts_add(opts, "x", 256, "str"));
    ovs_assert(!gen_opts_find(opts, "x"));
    return opts;
}

/* Callbacks. */

static bool
tunnel_ofport(const char *name, ofp_port_t *ofport, void *d_)
{
    const struct driver *d = d_;
    const struct simap_node *node = simap_find(&d->world.ports, name);

    if (!node) {
        return false;
    }
    *ofport = u16_to_ofp(node->data);
    return true;
}

static bool
yes(void *d OVS_UNUSED)
{
    return true;
}

static bool
has_collector_set(uint32_t id, void *d OVS_UNUSED)
{
    return id == 0 || id == 200;
}

/* Numbers groups and meters from 1, in order of their first use. */
static uint32_t
assign_id(struct simap *ids, const char *name)
{
    uint32_t id = simap_get(ids, name);
    if (!id) {
        id = simap_count(ids) + 1;
        simap_put(ids, name, id);
    }
    return id;
}

static bool
group_id(const struct ovn_group *group, uint32_t *idp, void *d_)
{
    struct driver *d = d_;
    unsigned long *in_force = bitmap_allocate(group->n_buckets);
    struct ds identity = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < group->n_buckets; i++) {
        const char *lport = group->buckets[i].lport;
        if (!lport || simap_contains(&d->world.ports, lport)) {
            bitmap_set1(in_force, i);
        }
    }
    ovn_group_identity(group, &identity);
    *idp = assign_id(&d->group_ids, ds_cstr(&identity));
    ds_put_format(&d->groups, "    uses group: id(%"PRIu32"), name(", *idp);
    ovn_group_format(group, in_force, &d->groups);
    ds_put_cstr(&d->groups, ")\n");

    ds_destroy(&identity);
    bitmap_free(in_force);
    return true;
}

static bool
meter_id(const char *name, uint32_t *idp, void *d_)
{
    struct driver *d = d_;

    *idp = assign_id(&d->meter_ids, name);
    return true;
}

/* One line. */

static void
print_ofpacts(const struct ofpbuf *ofpacts)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct ofpact_format_params fp = { .s = &s };

    ofpacts_format(ofpacts->data, ofpacts->size, &fp);
    printf("    encodes as %s\n", ds_cstr(&s));
    ds_destroy(&s);
}

/* Sends 'ofpacts' over an OpenFlow connection, so to say: '*received' is what
 * the other side gets. */
static void
transmit(const struct ofpbuf *ofpacts, struct ofpbuf *received)
{
    struct ofpbuf wire;
    uint64_t bitmap = 0;

    if (!ofpacts->size) {
        return;
    }
    ofpbuf_init(&wire, 0);
    ofpacts_put_openflow_actions(ofpacts->data, ofpacts->size, &wire,
                                 OFP15_VERSION);
    enum ofperr error = ofpacts_pull_openflow_actions(
        &wire, wire.size, OFP15_VERSION, NULL, &bitmap, received);
    if (error) {
        printf("    a switch rejects it: %s\n", ofperr_to_string(error));
    }
    ofpbuf_uninit(&wire);
}

static void
print_encoding(struct driver *d, const struct ofpbuf *ovnacts)
{
    struct ofpbuf ofpacts, again, received;
    bool ok;

    ofpbuf_init(&ofpacts, 0);
    ofpbuf_init(&again, 0);
    ofpbuf_init(&received, 0);

    ovnacts_encode(ovnacts->data, ovnacts->size, &d->ep, &again);
    ds_clear(&d->groups);
    ok = ovnacts_encode(ovnacts->data, ovnacts->size, &d->ep, &ofpacts);
    ovs_assert(ofpbuf_equal(&ofpacts, &again));
    transmit(&ofpacts, &received);

    print_ofpacts(d->wire ? &received : &ofpacts);
    fputs(ds_cstr(&d->groups), stdout);
    if (!ok) {
        printf("    not all of it can be encoded\n");
    }

    ofpbuf_uninit(&received);
    ofpbuf_uninit(&again);
    ofpbuf_uninit(&ofpacts);
}

/* What 'text', which is the formatted form of some actions, says must be
 * formatted as 'text' again. */
static void
check_format(struct driver *d, const char *text)
{
    struct expr *prereqs;
    struct ofpbuf ovnacts;
    struct ds s = DS_EMPTY_INITIALIZER;

    ofpbuf_init(&ovnacts, 0);
    char *error = ovnacts_parse_text(text, &d->pp, &ovnacts, &prereqs);
    if (error) {
        printf("    formatted text is rejected: %s\n", error);
        free(error);
    } else {
        ovnacts_format(ovnacts.data, ovnacts.size, &s);
        if (strcmp(ds_cstr(&s), text)) {
            printf("    formatted text formats as %s\n", ds_cstr(&s));
        }
        ovnacts_free(ovnacts.data, ovnacts.size);
        expr_destroy(prereqs);
    }
    ds_destroy(&s);
    ofpbuf_uninit(&ovnacts);
}

static void
do_line(struct driver *d, const char *text)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct expr *prereqs;
    struct ofpbuf ovnacts;

    puts(text);
    ofpbuf_init(&ovnacts, 0);
    char *error = ovnacts_parse_text(text, &d->pp, &ovnacts, &prereqs);
    if (error) {
        ovs_assert(!ovnacts.size && !prereqs);
        printf("    %s\n", error);
        free(error);
        ofpbuf_uninit(&ovnacts);
        return;
    }

    ovnacts_format(ovnacts.data, ovnacts.size, &s);
    if (strcmp(text, ds_cstr(&s))) {
        printf("    formats as %s\n", ds_cstr(&s));
    }
    check_format(d, ds_cstr(&s));
    print_encoding(d, &ovnacts);
    if (prereqs) {
        ds_clear(&s);
        expr_format(prereqs, &s);
        printf("    has prereqs %s\n", ds_cstr(&s));
    }

    expr_destroy(prereqs);
    ovnacts_free(ovnacts.data, ovnacts.size);
    ofpbuf_uninit(&ovnacts);
    ds_destroy(&s);
}

/* Parses and encodes 'text' 'd->repeat' times and prints the time taken. */
static void
measure(struct driver *d, const char *text)
{
    long long int start = time_usec();

    for (int i = 0; i < d->repeat; i++) {
        struct expr *prereqs;
        struct ofpbuf ovnacts, ofpacts;

        ofpbuf_init(&ovnacts, 0);
        ofpbuf_init(&ofpacts, 0);
        char *error = ovnacts_parse_text(text, &d->pp, &ovnacts, &prereqs);
        if (!error) {
            ds_clear(&d->groups);
            ovnacts_encode(ovnacts.data, ovnacts.size, &d->ep, &ofpacts);
        }
        free(error);
        expr_destroy(prereqs);
        ovnacts_free(ovnacts.data, ovnacts.size);
        ofpbuf_uninit(&ovnacts);
        ofpbuf_uninit(&ofpacts);
    }
    printf("%.2f us: %s\n",
           (double) (time_usec() - start) / d->repeat, text);
}

/* Setup. */

static void
driver_init(struct driver *d)
{
    memset(d, 0, sizeof *d);
    test_ovn_init(&d->world);
    simap_init(&d->group_ids);
    simap_init(&d->meter_ids);
    ds_init(&d->groups);

    d->dhcp_opts = make_opts(dhcp_rows, ARRAY_SIZE(dhcp_rows));
    d->dhcpv6_opts = make_opts(dhcpv6_rows, ARRAY_SIZE(dhcpv6_rows));
    d->pp.env = &d->world.env;
    d->pp.dhcp_opts = d->dhcp_opts;
    d->pp.dhcpv6_opts = d->dhcpv6_opts;
    d->pp.pipeline = OVN_P_INGRESS;
    d->pp.n_tables = 24;
    d->pp.cur_ltable = 10;

    ovnact_encode_params_init(&d->ep);
    d->ep.env = &d->world.env;
    d->ep.tunnel_ofport = tunnel_ofport;
    d->ep.group_id = group_id;
    d->ep.meter_id = meter_id;
    d->ep.has_collector_set = has_collector_set;
    d->ep.aux = d;
    d->ep.is_switch = true;
    d->ep.output_ptable = OFTABLE_SAVE_INPORT;
    d->ep.dp_key = 0xabcdef;
    ovs_assert(uuid_from_string(&d->ep.lflow_uuid,
                                "aaaaaaaa-bbbb-bbbb-cccc-ccccdddddddd"));
}

static void
driver_destroy(struct driver *d)
{
    test_ovn_destroy(&d->world);
    simap_destroy(&d->group_ids);
    simap_destroy(&d->meter_ids);
    ds_destroy(&d->groups);
    gen_opts_destroy(d->dhcp_opts);
    gen_opts_destroy(d->dhcpv6_opts);
}

static void
add_port(struct driver *d, char *arg)
{
    char *name = strsep(&arg, "=");

    if (!arg) {
        ovs_fatal(0, "--port takes NAME=KEY");
    }
    simap_put(&d->world.ports, name, strtoul(arg, NULL, 0));
}

static void
parse_options(struct driver *d, int argc, char *argv[])
{
    enum { CONTROLLER, WIRE, ROUTER, EGRESS, TABLE, PORT, METER, ZERO_SNAT,
           REPEAT };
    static const struct option options[] = {
        { "controller", no_argument, NULL, CONTROLLER },
        { "wire", no_argument, NULL, WIRE },
        { "router", no_argument, NULL, ROUTER },
        { "egress", no_argument, NULL, EGRESS },
        { "table", required_argument, NULL, TABLE },
        { "port", required_argument, NULL, PORT },
        { "meter", required_argument, NULL, METER },
        { "zero-snat", no_argument, NULL, ZERO_SNAT },
        { "repeat", required_argument, NULL, REPEAT },
        { NULL, 0, NULL, 0 },
    };

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1; ) {
        switch (c) {
        case CONTROLLER:
            d->pp.n_tables = LOG_PIPELINE_INGRESS_LEN;
            d->ep.output_ptable = OFTABLE_OUTPUT_LARGE_PKT_DETECT;
            d->ep.tunnel_ofport = NULL;
            d->ep.has_collector_set = NULL;
            break;
        case WIRE:
            d->wire = true;
            break;
        case ROUTER:
            d->ep.is_switch = false;
            break;
        case EGRESS:
            d->pp.pipeline = d->ep.pipeline = OVN_P_EGRESS;
            break;
        case TABLE:
            d->pp.cur_ltable = atoi(optarg);
            break;
        case PORT:
            add_port(d, optarg);
            break;
        case METER:
            d->ep.controller_meter = optarg;
            break;
        case ZERO_SNAT:
            d->ep.ct_zero_snat = yes;
            break;
        case REPEAT:
            d->repeat = atoi(optarg);
            break;
        default:
            exit(EXIT_FAILURE);
        }
    }
}

static void
test_parse_actions(int argc, char *argv[])
{
    struct ds line = DS_EMPTY_INITIALIZER;
    struct driver d;

    driver_init(&d);
    parse_options(&d, argc, argv);
    while (test_ovn_next_line(&line)) {
        if (d.repeat) {
            measure(&d, ds_cstr(&line));
        } else {
            do_line(&d, ds_cstr(&line));
        }
    }
    ds_destroy(&line);
    driver_destroy(&d);
}

TEST_OVN_COMMAND("parse-actions", 0, INT_MAX, test_parse_actions);
