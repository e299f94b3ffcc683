/* SPDX-License-Identifier: Apache-2.0 */

/* Tests lib/lb and lib/lb-config.  "ovstest test-lb vips" reads lines
 * "VIP=BACKENDS" and prints what lb_vip_parse() makes of them; "entries" and
 * "locality" read entries of SB_Global and the values of "distributed";
 * "decide" reads "ROW ENTRY DEFAULT", the values of "distributed" of a row and
 * an entry, "." if it has none and "-" if there is no such thing; "ovstest
 * test-lb conj-ids" tries the controller's allocator of conjunction ids, which
 * needs no line of input.
 *
 * "ovstest test-lb empty" prints what there is for a load balancer without
 * backends.
 *
 * "ovstest test-lb router" tests lib/lb-router: it reads lines "STAGE HINT
 * BACKENDS MATCH", where HINT is "row" or "none" and BACKENDS are those of the
 * VIP that the flow balances, if it is served here, or "none", and prints what
 * becomes of the match, and the flows that are added.  Gateway port lr0-pub
 * (172.16.0.1, fd10::1) is on a router that serves 172.16.0.100 and fd10::100
 * here, and leaves 172.16.0.101 to others; lr1-pub is on one that serves
 * nothing here, and leaves 172.16.0.101 to others. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "flow.h"
#include "lb-config.h"
#include "lb-empty.h"
#include "lb-flow.h"
#include "lb-router.h"
#include "lb.h"
#include "lflow-conj-ids.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/shash.h"
#include "ovn/expr.h"
#include "ovn/logical-fields.h"
#include "ovstest.h"
#include "packets.h"
#include "smap.h"
#include "util.h"
#include "uuid.h"

static void
print_endpoint(const struct lb_endpoint *ep)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    lb_endpoint_format(ep, &s);
    printf("%s", ds_cstr(&s));
    ds_destroy(&s);
}

static void
test_vips(void)
{
    struct ds line = DS_EMPTY_INITIALIZER;

    while (!ds_get_line(&line, stdin)) {
        char *vip = ds_cstr(&line);
        char *backends = strchr(vip, '=');
        struct lb_vip lv;

        ovs_assert(backends);
        *backends++ = '\0';
        if (!lb_vip_parse(vip, backends, &lv)) {
            printf("bad\n");
            continue;
        }
        print_endpoint(&lv.vip);
        printf(" ->");
        for (size_t i = 0; i < lv.n_backends; i++) {
            printf(" ");
            print_endpoint(&lv.backends[i]);
        }
        printf("\n");
        lb_vip_destroy(&lv);
    }
    ds_destroy(&line);
}

/* What is left of an entry's value, and what of its mappings is understood. */
static void
test_entries(void)
{
    struct ds line = DS_EMPTY_INITIALIZER;

    while (!ds_get_line(&line, stdin)) {
        struct lb_mappings mappings;
        struct lb_entry entry;
        char *bad;

        char *error = lb_entry_parse(ds_cstr(&line), &entry);
        if (error) {
            printf("error: %s\n", error);
            free(error);
            continue;
        }
        char *value = lb_entry_format(&entry);
        printf("%s\n", value);
        free(value);

        lb_mappings_parse(&entry.ip_port_mappings, &mappings, &bad);
        for (size_t i = 0; i < mappings.n; i++) {
            const struct lb_mapping *m = &mappings.array[i];
            char ip[INET6_ADDRSTRLEN];

            ovs_assert(lb_mappings_find(&mappings, &m->ip) == m);
            ipv6_string_mapped(ip, &m->ip);
            printf("    %s is %s", ip, m->lport);
            if (m->has_source) {
                ipv6_string_mapped(ip, &m->source);
                printf(", checked from %s", ip);
            }
            printf("\n");
        }
        if (bad) {
            printf("    bad: %s\n", bad);
            free(bad);
        }
        lb_mappings_destroy(&mappings);
        lb_entry_destroy(&entry);
    }
    ds_destroy(&line);
}

/* The words for localities. */
static void
test_spread(void)
{
    struct ds line = DS_EMPTY_INITIALIZER;

    while (!ds_get_line(&line, stdin)) {
        enum lb_locality option, by_default;
        bool option_ok = lb_locality_from_option(ds_cstr(&line), &option);
        bool default_ok = lb_locality_from_default(ds_cstr(&line),
                                                   &by_default);

        printf("%s: %s, %s\n", ds_cstr(&line),
               option_ok ? lb_locality_to_string(option) : "?",
               default_ok ? lb_locality_to_string(by_default) : "?");
    }
    ds_destroy(&line);
}

/* Whose word counts. */
static void
test_decide(void)
{
    struct ds line = DS_EMPTY_INITIALIZER;

    while (!ds_get_line(&line, stdin)) {
        struct smap row = SMAP_INITIALIZER(&row);
        enum lb_source source;
        enum lb_locality by_default;
        struct lb_entry entry;
        char words[3][16];
        const char *bad;

        ovs_assert(sscanf(ds_cstr(&line), "%15s %15s %15s",
                          words[0], words[1], words[2]) == 3);
        lb_entry_init(&entry);
        if (!strchr("-.", words[0][0])) {
            smap_add(&row, "distributed", words[0]);
        }
        if (!strchr("-.", words[1][0])) {
            smap_add(&entry.options, "distributed", words[1]);
        }
        ovs_assert(lb_locality_from_default(words[2], &by_default));

        enum lb_locality locality
            = lb_locality_decide(words[0][0] == '-' ? NULL : &row,
                             words[1][0] == '-' ? NULL : &entry,
                             by_default, &source, &bad);
        printf("%s: %s, by %s%s%s\n", ds_cstr(&line),
               lb_locality_to_string(locality), lb_source_to_string(source),
               bad ? ", bad value " : "", bad ? bad : "");
        smap_destroy(&row);
        lb_entry_destroy(&entry);
    }
    ds_destroy(&line);
}

/* Prints what the controller makes of packets that come with 'actions'. */
static void
test_empty_decode(const char *actions)
{
    uint64_t stub[1024 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofpbuf userdata;
    enum ofputil_protocol usable_protocols;
    struct ofpact_parse_params pp = {
        .ofpacts = &ofpacts,
        .usable_protocols = &usable_protocols,
    };
    const struct ofpact *a;
    struct flow md = { .regs = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
                                 [MFF_LOG_FLAGS - MFF_REG0] = UINT32_MAX } };

    char *error = ofpacts_parse_actions(actions, &pp);
    ovs_assert(!error);
    OFPACT_FOR_EACH (a, ofpacts.data, ofpacts.size) {
        if (a->type == OFPACT_SET_FIELD) {
            const struct ofpact_set_field *sf = ofpact_get_SET_FIELD(a);
            mf_set_flow_value_masked(sf->field, sf->value,
                                     ofpact_set_field_mask(sf), &md);
        }
    }

    ofpbuf_init(&userdata, 0);
    if (lb_empty_decode(&md, &userdata)) {
        printf("        regs");
        for (int i = 0; i <= MFF_LOG_FLAGS - MFF_REG0; i++) {
            printf(" %#"PRIx32, md.regs[i]);
        }
        printf(", userdata ");
        for (size_t i = 0; i < userdata.size; i++) {
            printf("%s%02x", i ? "." : "", ((uint8_t *) userdata.data)[i]);
        }
        printf("\n");
    }
    ofpbuf_uninit(&userdata);
    ofpbuf_uninit(&ofpacts);
}

/* Each thing to do, on a router and on a switch: the bucket, and what the
 * controller makes of the packets. */
static void
test_empty(void)
{
    static const char *const names[] = {
        [LB_EMPTY_DROP] = "drop",
        [LB_EMPTY_REJECT] = "reject",
        [LB_EMPTY_EVENT] = "event",
        [LB_EMPTY_OTHERS] = "others",
    };
    struct smap options = SMAP_INITIALIZER(&options);
    struct smap global = SMAP_INITIALIZER(&global);

    for (int i = 0; i < 2; i++) {
        const struct lb_empty_place place = {
            .table = 20,
            .reject_table = i ? 47 : 45,
            .lb = { { 0x12345678, 0xabcd9876, 0xfedc1111, 0x9f8e7d6c } },
            .has_port = i,
        };
        printf("%s:\n", i ? "switch, a VIP with a port" : "router");
        for (enum lb_empty e = LB_EMPTY_DROP; e <= LB_EMPTY_OTHERS; e++) {
            char *actions = lb_empty_actions(e, &place);
            printf("    %s: %s\n", names[e], actions ? actions : "(none)");
            if (actions) {
                test_empty_decode(actions);
            }
            free(actions);
        }
    }

    smap_add(&global, "controller_event", "true");
    ovs_assert(lb_empty_decide(false, NULL, NULL) == LB_EMPTY_DROP);
    ovs_assert(lb_empty_decide(false, &options, NULL) == LB_EMPTY_DROP);
    ovs_assert(lb_empty_decide(false, &options, &global) == LB_EMPTY_EVENT);
    smap_add(&options, "event", "true");
    ovs_assert(lb_empty_decide(false, &options, NULL) == LB_EMPTY_EVENT);
    smap_add(&options, "reject", "true");
    ovs_assert(lb_empty_decide(false, &options, &global) == LB_EMPTY_REJECT);
    smap_destroy(&options);
    smap_destroy(&global);
}

static uint32_t
alloc(const struct uuid *lflow, int table_id, int dp_key, int n)
{
    struct uuid dp = { .parts = { dp_key } };
    return conj_ids_alloc(lflow, &dp, table_id, dp_key, n);
}

static void
test_conj_ids(void)
{
    struct uuid a = { .parts = { 0x10, 1 } };
    struct uuid b = { .parts = { 0x11, 2 } };
    struct uuid high = { .parts = { UINT32_MAX, 3 } };
    struct uuid zero = { .parts = { 0, 4 } };

    /* The start of the UUID, the same in each table and datapath. */
    ovs_assert(alloc(&a, 20, 1, 3) == 0x10);
    ovs_assert(alloc(&a, 20, 2, 3) == 0x10);
    /* Not where it is taken. */
    ovs_assert(alloc(&b, 20, 1, 1) == 0x13);
    ovs_assert(alloc(&b, 20, 3, 1) == 0x11);
    ovs_assert(alloc(&b, 21, 1, 1) == 0x11);
    /* Neither 0 nor a range that wraps around. */
    ovs_assert(alloc(&zero, 20, 4, 1) == 1);
    ovs_assert(alloc(&high, 20, 4, 2) == 2);
    ovs_assert(alloc(&high, 20, 5, 0) == 0);
    /* What is freed can be had again. */
    conj_ids_free(&a);
    conj_ids_free(&b);
    ovs_assert(alloc(&b, 20, 1, 1) == 0x11);

    struct ds s = DS_EMPTY_INITIALIZER;
    conj_ids_dump(&s);
    ovs_assert(strstr(ds_cstr(&s), ", start: 17, n: 1\n"));
    ovs_assert(strstr(ds_cstr(&s), "---\nTotal 4 IDs used.\n"));
    ds_destroy(&s);
    conj_ids_destroy();
}

static void
add_address(struct lb_router_addrs *addrs, const char *text)
{
    struct lb_endpoint ep;

    ovs_assert(lb_endpoint_parse(text, &ep));
    lb_router_addrs_add(addrs, &ep.ip);
}

static const struct lb_router_gateway *
find_gateway(const char *cr_port, void *gws_)
{
    const struct lb_router_gateway *gws = gws_;

    return (!strcmp(cr_port, "cr-lr0-pub") ? &gws[0]
            : !strcmp(cr_port, "cr-lr1-pub") ? &gws[1]
            : NULL);
}

static void
print_derived(const struct lb_router_flow *flow, const struct shash *symtab)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct ofpbuf ovnacts;

    ofpbuf_init(&ovnacts, 0);
    lb_router_flow_put_actions(flow, 7, symtab, &ovnacts);
    expr_format_plainly(flow->match, &s);
    ds_put_cstr(&s, " -> ");
    ovnacts_format(ovnacts.data, ovnacts.size, &s);
    printf("  + %s %d: %s\n", flow->stage, flow->priority, ds_cstr(&s));
    ovnacts_free(ovnacts.data, ovnacts.size);
    ofpbuf_uninit(&ovnacts);
    ds_destroy(&s);
}

static void
print_row(const struct lb_router_row *row, struct expr *match,
          const struct lb_router_env *env)
{
    struct lb_router_flow flows[LB_ROUTER_MAX_FLOWS];
    size_t n = lb_router_derive(match, row, env, flows);
    struct ds s = DS_EMPTY_INITIALIZER;

    match = lb_router_apply(match, row, env);
    expr_format(match, &s);
    puts(ds_cstr(&s));
    for (size_t i = 0; i < n; i++) {
        print_derived(&flows[i], env->symtab);
    }
    lb_router_flows_destroy(flows, n);
    expr_destroy(match);
    ds_destroy(&s);
}

#define MAX_BACKENDS 4

/* Parses "BACKEND[,BACKEND]...[,skip|,force]", or "none". */
static void
parse_backends(char *text, struct lb_router_row *row, struct lb_flow *flow,
               struct lb_endpoint eps[MAX_BACKENDS])
{
    char *save = NULL;

    *flow = (struct lb_flow) { .backends = eps };
    for (char *word = strtok_r(text, ",", &save); word;
         word = strtok_r(NULL, ",", &save)) {
        if (!strcmp(word, "skip")) {
            flow->flag = OVN_CT_LB_SKIP_SNAT;
        } else if (!strcmp(word, "force")) {
            flow->flag = OVN_CT_LB_FORCE_SNAT;
        } else if (strcmp(word, "none")) {
            ovs_assert(flow->n_backends < MAX_BACKENDS);
            ovs_assert(lb_endpoint_parse(word, &eps[flow->n_backends]));
            flow->n_backends++;
            row->balances = flow;
        }
    }
}

/* Lines of "STAGE row|none BACKENDS MATCH". */
static void
test_router(void)
{
    struct lb_router_gateway gws[2] = {
        { .port = "lr0-pub" }, { .port = "lr1-pub" },
    };
    struct shash symtab;
    struct lb_router_env env = { &symtab, find_gateway, gws };
    struct expr_env expr_env = { .symtab = &symtab };
    struct ds line = DS_EMPTY_INITIALIZER;

    ovn_init_symtab(&symtab);
    lb_router_own_addresses("02:00:00:00:ff:01 172.16.0.1/24 fd10::1/64",
                            &gws[0].own);
    add_address(&gws[0].served, "172.16.0.100");
    add_address(&gws[0].served, "fd10::100");
    add_address(&gws[0].remote, "172.16.0.101");
    add_address(&gws[1].remote, "172.16.0.101");

    while (!ds_get_line(&line, stdin)) {
        char *save = NULL;
        char *stage = strtok_r(ds_cstr(&line), " ", &save);
        char *hint = strtok_r(NULL, " ", &save);
        char *backends = strtok_r(NULL, " ", &save);
        struct lb_router_row row = {
            .stage = stage,
            .has_hint = !strcmp(hint, "row"),
        };
        struct lb_endpoint eps[MAX_BACKENDS];
        struct lb_flow flow;
        char *error = NULL;

        parse_backends(backends, &row, &flow, eps);
        if (!lb_router_concerns(stage, save) && !lb_router_has_more(stage)) {
            printf("of no concern\n");
            continue;
        }

        struct expr *match = expr_parse_text(save, &expr_env, &error);
        ovs_assert(!error);
        print_row(&row, match, &env);
    }
    ds_destroy(&line);
    for (size_t i = 0; i < ARRAY_SIZE(gws); i++) {
        lb_router_gateway_clear(&gws[i]);
    }
    expr_symtab_destroy(&symtab);
    shash_destroy(&symtab);
}

static void
test_lb(int argc, char *argv[])
{
    if (argc == 2 && !strcmp(argv[1], "vips")) {
        test_vips();
    } else if (argc == 2 && !strcmp(argv[1], "entries")) {
        test_entries();
    } else if (argc == 2 && !strcmp(argv[1], "locality")) {
        test_spread();
    } else if (argc == 2 && !strcmp(argv[1], "decide")) {
        test_decide();
    } else if (argc == 2 && !strcmp(argv[1], "empty")) {
        test_empty();
    } else if (argc == 2 && !strcmp(argv[1], "conj-ids")) {
        test_conj_ids();
    } else if (argc == 2 && !strcmp(argv[1], "router")) {
        test_router();
    } else {
        ovs_fatal(0, "usage: %s vips|entries|locality|decide|empty|conj-ids"
                  "|router", argv[0]);
    }
}

OVSTEST_REGISTER("test-lb", test_lb);
