/* SPDX-License-Identifier: Apache-2.0 */

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
 *   --controller           as in a controller, with no ports but those below
 *   --wire                 print OpenFlow actions as a switch dumps them
 *   --router               a router's datapath
 *   --egress               the egress pipeline
 *   --table=N              the current table
 *   --port=NAME=KEY        one more port
 *   --tunnel=NAME=OFPORT   the port's chassis is behind this tunnel
 *   --snat-zone            the router has a zone of its own for SNAT
 *   --meter=NAME           the meter for packet-ins
 *   --template=NAME=VALUE  one more template variable
 *   --zero-snat            the switch has the capability ct_zero_snat
 *   --collector-set        every collector set is one here
 *   --release=VERSION      the dialect of that release, e.g. "25.03.0"
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
    struct test_ovn_actions a;
    bool wire;
    int repeat;
};

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

static void
print_problem(char *problem)
{
    if (problem) {
        printf("    %s\n", problem);
        free(problem);
    }
}

static void
print_encoding(struct driver *d, const struct ofpbuf *ovnacts)
{
    struct ofpbuf ofpacts, received;
    bool complete;

    ofpbuf_init(&ofpacts, 0);
    ofpbuf_init(&received, 0);
    print_problem(test_ovn_check_encoding(ovnacts, &d->a, &ofpacts, &received,
                                          &complete));
    print_ofpacts(d->wire ? &received : &ofpacts);
    fputs(ds_cstr(&d->a.groups), stdout);
    if (!complete) {
        printf("    not all of it can be encoded\n");
    }
    ofpbuf_uninit(&received);
    ofpbuf_uninit(&ofpacts);
}

static void
do_line(struct driver *d, const char *text)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct expr *prereqs;
    struct ofpbuf ovnacts;

    puts(text);
    ofpbuf_init(&ovnacts, 0);
    char *error = ovnacts_parse_text(text, &d->a.pp, &ovnacts, &prereqs);
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
    print_problem(test_ovn_check_format(&ovnacts, prereqs, &d->a));
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
        char *error = ovnacts_parse_text(text, &d->a.pp, &ovnacts, &prereqs);
        if (!error) {
            ds_clear(&d->a.groups);
            ovnacts_encode(ovnacts.data, ovnacts.size, &d->a.ep, &ofpacts);
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

/* Adds 'arg', "NAME=NUMBER", to 'numbers'. */
static void
add_number(struct simap *numbers, char *arg)
{
    char *name = strsep(&arg, "=");

    if (!arg) {
        ovs_fatal(0, "%s: not NAME=NUMBER", name);
    }
    simap_put(numbers, name, strtoul(arg, NULL, 0));
}

static void
add_template(struct test_ovn *world, char *arg)
{
    char *name = strsep(&arg, "=");

    if (!arg) {
        ovs_fatal(0, "%s: not NAME=VALUE", name);
    }
    test_ovn_add_template(world, name, arg);
}

static void
parse_options(struct driver *d, int argc, char *argv[])
{
    enum { CONTROLLER, WIRE, ROUTER, EGRESS, TABLE, PORT, METER, ZERO_SNAT,
           TUNNEL, SNAT_ZONE, TEMPLATE, COLLECTOR_SET, RELEASE, REPEAT };
    static const struct option options[] = {
        { "controller", no_argument, NULL, CONTROLLER },
        { "wire", no_argument, NULL, WIRE },
        { "router", no_argument, NULL, ROUTER },
        { "egress", no_argument, NULL, EGRESS },
        { "table", required_argument, NULL, TABLE },
        { "port", required_argument, NULL, PORT },
        { "tunnel", required_argument, NULL, TUNNEL },
        { "snat-zone", no_argument, NULL, SNAT_ZONE },
        { "template", required_argument, NULL, TEMPLATE },
        { "meter", required_argument, NULL, METER },
        { "zero-snat", no_argument, NULL, ZERO_SNAT },
        { "collector-set", no_argument, NULL, COLLECTOR_SET },
        { "release", required_argument, NULL, RELEASE },
        { "repeat", required_argument, NULL, REPEAT },
        { NULL, 0, NULL, 0 },
    };

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1; ) {
        switch (c) {
        case CONTROLLER:
            test_ovn_actions_as_controller(&d->a);
            break;
        case WIRE:
            d->wire = true;
            break;
        case ROUTER:
            d->a.dp_facts[OVN_DP_IS_SWITCH] = false;
            break;
        case EGRESS:
            d->a.pp.pipeline = d->a.ep.pipeline = OVN_P_EGRESS;
            break;
        case TABLE:
            d->a.pp.cur_ltable = atoi(optarg);
            break;
        case PORT:
            add_number(&d->a.world.ports, optarg);
            break;
        case TUNNEL:
            add_number(&d->a.tunnels, optarg);
            break;
        case SNAT_ZONE:
            d->a.dp_facts[OVN_DP_CZONE_IS_SNAT] = true;
            break;
        case TEMPLATE:
            add_template(&d->a.world, optarg);
            break;
        case METER:
            d->a.ep.controller_meter = optarg;
            break;
        case ZERO_SNAT:
            d->a.ep.ct_zero_snat = test_ovn_ct_zero_snat;
            break;
        case COLLECTOR_SET:
            d->a.ep.has_collector_set = test_ovn_any_collector_set;
            break;
        case RELEASE:
            test_ovn_actions_set_release(&d->a, optarg);
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
    struct driver d = { .repeat = 0 };

    test_ovn_actions_init(&d.a);
    parse_options(&d, argc, argv);
    while (test_ovn_next_line(&line)) {
        if (d.repeat) {
            measure(&d, ds_cstr(&line));
        } else {
            do_line(&d, ds_cstr(&line));
        }
    }
    ds_destroy(&line);
    test_ovn_actions_destroy(&d.a);
}

TEST_OVN_COMMAND("parse-actions", 0, INT_MAX, test_parse_actions);
