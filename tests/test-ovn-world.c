/* SPDX-License-Identifier: Apache-2.0 */

/* The small world that tests of the language see: ports, sets, options of
 * DHCP, and what actions need besides.  It is that of OVN's own test driver,
 * so that test vectors written for either run on both. */

#include <config.h>
#include "test-ovn.h"

#include <stdlib.h>
#include <string.h>

#include "bitmap.h"
#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-port.h"
#include "ovn/gen-opts.h"
#include "ovn/group.h"
#include "ovn/logical-fields.h"
#include "util.h"
#include "uuid.h"

/* The world. */

static const struct expr_constant_set *
get_address_set(const char *name, void *world_)
{
    struct test_ovn *world = world_;
    return shash_find_data(&world->address_sets, name);
}

static const struct expr_constant_set *
get_port_group(const char *name, void *world_)
{
    struct test_ovn *world = world_;
    return shash_find_data(&world->port_groups, name);
}

static bool
get_port_key(const char *name, unsigned int *key, void *world_)
{
    struct test_ovn *world = world_;
    *key = simap_get(&world->ports, name);
    return *key != 0;
}

static bool
is_resident(const char *name, void *world_)
{
    struct test_ovn *world = world_;
    return simap_contains(&world->ports, name);
}

static const char *
template_var(const char *name, void *world_)
{
    struct test_ovn *world = world_;
    return smap_get(&world->templates, name);
}

static void
add_address_set(struct test_ovn *world, const char *name,
                const char *const *addresses, size_t n)
{
    shash_add(&world->address_sets, name,
              expr_constant_set_from_addresses(addresses, n, NULL));
}

static void
add_negative_symbols(struct shash *symtab)
{
    expr_symtab_add_field(symtab, "bad_prereq", MFF_XREG0, "xyzzy", false);
    expr_symtab_add_field(symtab, "self_recurse", MFF_XREG0,
                          "self_recurse != 0", false);
    expr_symtab_add_field(symtab, "mutual_recurse_1", MFF_XREG0,
                          "mutual_recurse_2 != 0", false);
    expr_symtab_add_field(symtab, "mutual_recurse_2", MFF_XREG0,
                          "mutual_recurse_1 != 0", false);
    expr_symtab_add_string(symtab, "big_string", MFF_XREG0, NULL);
}

void
test_ovn_init(struct test_ovn *world)
{
    static const char *const set1[] = { "10.0.0.1", "10.0.0.2", "10.0.0.3" };
    static const char *const set2[] = { "::1", "::2", "::3" };
    static const char *const set3[] = {
        "00:00:00:00:00:01", "00:00:00:00:00:02", "00:00:00:00:00:03"
    };
    static const char *const pg1[] = { "lsp1", "lsp2", "lsp3" };

    ovn_init_symtab(&world->symtab);
    add_negative_symbols(&world->symtab);

    simap_init(&world->ports);
    simap_put(&world->ports, "eth0", 5);
    simap_put(&world->ports, "eth1", 6);
    simap_put(&world->ports, "LOCAL", ofp_to_u16(OFPP_LOCAL));
    simap_put(&world->ports, "lsp1", 0x11);

    shash_init(&world->address_sets);
    add_address_set(world, "set1", set1, ARRAY_SIZE(set1));
    add_address_set(world, "set2", set2, ARRAY_SIZE(set2));
    add_address_set(world, "set3", set3, ARRAY_SIZE(set3));
    add_address_set(world, "set4", NULL, 0);

    smap_init(&world->templates);
    shash_init(&world->port_groups);
    shash_add(&world->port_groups, "pg1",
              expr_constant_set_from_ports(pg1, ARRAY_SIZE(pg1)));
    shash_add(&world->port_groups, "pg_empty",
              expr_constant_set_from_ports(NULL, 0));

    world->env = (struct expr_env) {
        .symtab = &world->symtab,
        .address_set = get_address_set,
        .port_group = get_port_group,
        .port_key = get_port_key,
        .is_chassis_resident = is_resident,
        .aux = world,
    };
}

static void
destroy_sets(struct shash *sets)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, sets) {
        expr_constant_set_destroy(node->data);
    }
    shash_destroy(sets);
}

void
test_ovn_destroy(struct test_ovn *world)
{
    expr_symtab_destroy(&world->symtab);
    shash_destroy(&world->symtab);
    simap_destroy(&world->ports);
    destroy_sets(&world->address_sets);
    destroy_sets(&world->port_groups);
    smap_destroy(&world->templates);
}

void
test_ovn_add_template(struct test_ovn *world, const char *name,
                      const char *value)
{
    smap_replace(&world->templates, name, value);
    world->env.template_var = template_var;
}

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

/* In the driver's own world, every port's chassis is behind a tunnel that has
 * the number of the port. */
static bool
tunnel_ofport(const char *name, ofp_port_t *ofport, void *d_)
{
    const struct test_ovn_actions *d = d_;
    const struct simap_node *node = simap_find(d->is_controller
                                               ? &d->tunnels
                                               : &d->world.ports, name);

    /* LOCAL has a tunnel as little as a port that is not there. */
    if (!node || node->data >= ofp_to_u16(OFPP_MAX)) {
        return false;
    }
    *ofport = u16_to_ofp(node->data);
    return true;
}

static uint32_t
dp_fact(enum ovnact_dp_fact fact, void *d_)
{
    const struct test_ovn_actions *d = d_;

    return d->dp_facts[fact];
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

/* Encodes the text of 'group'.  Returns NULL, and then '*msgp' is the message,
 * or what is wrong with it (caller frees). */
static char *
encode_group_text(const struct ovn_group *group, struct ofpbuf **msgp)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    enum ofputil_protocol usable;
    struct ofputil_group_mod gm;

    ds_put_cstr(&s, "group_id=1,");
    ovn_group_format(group, NULL, NULL, &s);
    char *error = parse_ofp_group_mod_str(&gm, OFPGC11_ADD, ds_cstr(&s), NULL,
                                          NULL, &usable);
    ds_destroy(&s);
    if (!error) {
        *msgp = ofputil_encode_group_mod(OFP15_VERSION, &gm, NULL, -1);
        ofputil_uninit_group_mod(&gm);
    }
    return error;
}

/* Sends 'group' over an OpenFlow connection, so to say, and compares with what
 * its text would have sent.  Returns NULL, or what is wrong with it (caller
 * frees). */
static char *
transmit_group(const struct ovn_group *group)
{
    struct ofpbuf *of_text = NULL;
    struct ofpbuf *msg = NULL;
    struct ofputil_group_mod gm;
    char *error = encode_group_text(group, &of_text);

    if (!error) {
        msg = ovn_group_encode(group, 1, NULL, NULL, OFPGC15_ADD, &error);
    }
    if (!error) {
        enum ofperr ofperr = ofputil_decode_group_mod(msg->data, &gm);

        /* All but the transaction id. */
        struct ofp_header *a = msg->data, *b = of_text->data;
        a->xid = b->xid;
        if (ofperr) {
            error = xstrdup(ofperr_to_string(ofperr));
        } else if (!ofpbuf_equal(msg, of_text)) {
            error = xstrdup("the message differs from that of the text");
        }
        if (!ofperr) {
            ofputil_uninit_group_mod(&gm);
        }
    }
    ofpbuf_delete(msg);
    ofpbuf_delete(of_text);
    return error;
}

static uint32_t
group_id(const struct ovn_group *group, void *d_)
{
    struct test_ovn_actions *d = d_;
    unsigned long *in_force = bitmap_allocate(group->n_buckets);
    ovs_u128 hash = ovn_group_hash(group);
    char *identity = xasprintf("%016"PRIx64"%016"PRIx64, hash.u64.hi,
                               hash.u64.lo);

    for (size_t i = 0; i < group->n_buckets; i++) {
        const char *lport = group->buckets[i].lport;
        if (!lport || simap_contains(&d->world.ports, lport)) {
            bitmap_set1(in_force, i);
        }
    }
    uint32_t id = assign_id(&d->group_ids, identity);
    ds_put_format(&d->groups, "    uses group: id(%"PRIu32"), name(", id);
    ovn_group_format(group, in_force, NULL, &d->groups);
    ds_put_cstr(&d->groups, ")\n");
    if (!d->group_problem) {
        d->group_problem = transmit_group(group);
    }

    free(identity);
    bitmap_free(in_force);
    return id;
}

static uint32_t
meter_id(const char *name, void *d_)
{
    struct test_ovn_actions *d = d_;

    return assign_id(&d->meter_ids, name);
}

/* Setup. */

void
test_ovn_actions_init(struct test_ovn_actions *d)
{
    memset(d, 0, sizeof *d);
    test_ovn_init(&d->world);
    simap_init(&d->group_ids);
    simap_init(&d->meter_ids);
    simap_init(&d->tunnels);
    ds_init(&d->groups);

    d->dhcp_opts = make_opts(dhcp_rows, ARRAY_SIZE(dhcp_rows));
    d->dhcpv6_opts = make_opts(dhcpv6_rows, ARRAY_SIZE(dhcpv6_rows));
    d->pp.env = &d->world.env;
    d->pp.dhcp_opts = d->dhcp_opts;
    d->pp.dhcpv6_opts = d->dhcpv6_opts;
    d->pp.pipeline = OVN_P_INGRESS;
    d->pp.n_tables[OVN_P_INGRESS] = 24;
    d->pp.cur_ltable = 10;

    d->dialect = *ovn_dialect_default();
    d->dialect.tables.large_pkt_detect = d->dialect.tables.save_inport;
    d->pp.n_tables[OVN_P_EGRESS] = d->dialect.tables.n_egress;
    d->ep = (struct ovnact_encode_params) { .dialect = &d->dialect };
    d->ep.env = &d->world.env;
    d->ep.tunnel_ofport = tunnel_ofport;
    d->ep.group_id = group_id;
    d->ep.meter_id = meter_id;
    d->ep.has_collector_set = has_collector_set;
    d->ep.aux = d;
    d->ep.dp_fact = dp_fact;
    d->dp_facts[OVN_DP_IS_SWITCH] = true;
    d->dp_facts[OVN_DP_KEY] = 0xabcdef;
    ovs_assert(uuid_from_string(&d->ep.lflow_uuid,
                                "aaaaaaaa-bbbb-bbbb-cccc-ccccdddddddd"));
}

void
test_ovn_actions_destroy(struct test_ovn_actions *d)
{
    test_ovn_destroy(&d->world);
    simap_destroy(&d->group_ids);
    simap_destroy(&d->meter_ids);
    simap_destroy(&d->tunnels);
    ds_destroy(&d->groups);
    free(d->group_problem);
    gen_opts_destroy(d->dhcp_opts);
    gen_opts_destroy(d->dhcpv6_opts);
}

static void
set_n_tables(struct test_ovn_actions *d)
{
    d->pp.n_tables[OVN_P_INGRESS] = d->dialect.tables.n_ingress;
    d->pp.n_tables[OVN_P_EGRESS] = d->dialect.tables.n_egress;
}

void
test_ovn_actions_as_controller(struct test_ovn_actions *d)
{
    d->dialect = *ovn_dialect_default();
    set_n_tables(d);
    d->is_controller = true;
    simap_clear(&d->world.ports);
    d->ep.has_collector_set = NULL;
}

void
test_ovn_release(const char *version, struct ovn_dialect *dialect)
{
    struct smap options = SMAP_INITIALIZER(&options);
    int year, month, micro;

    if (!ovs_scan(version, "%d.%d.%d", &year, &month, &micro)) {
        ovs_fatal(0, "%s: not YY.MM.Z", version);
    }
    smap_add(&options, "northd_internal_version", version);
    if (year >= 25) {
        smap_add(&options, "register_consolidation", "true");
        smap_add(&options, "arp_ns_explicit_output", "true");
    }

    ovn_dialect_choose(&options, dialect);
    smap_destroy(&options);
}

/* Has 'd' speak what ovn-northd of 'version' does. */
void
test_ovn_actions_set_release(struct test_ovn_actions *d, const char *version)
{
    test_ovn_release(version, &d->dialect);
    set_n_tables(d);
}

bool
test_ovn_any_collector_set(uint32_t id OVS_UNUSED, void *aux OVS_UNUSED)
{
    return true;
}

void
test_ovn_actions_forget(struct test_ovn_actions *d)
{
    simap_clear(&d->group_ids);
    simap_clear(&d->meter_ids);
}

bool
test_ovn_ct_zero_snat(void *aux OVS_UNUSED)
{
    return true;
}

void
test_ovn_actions_set_kind(struct test_ovn_actions *a, uint8_t kind)
{
    test_ovn_actions_forget(a);
    a->dp_facts[OVN_DP_IS_SWITCH] = kind & 1;
    a->pp.pipeline = a->ep.pipeline = kind & 2 ? OVN_P_EGRESS : OVN_P_INGRESS;
    a->dp_facts[OVN_DP_CZONE_IS_SNAT] = !!(kind & 4);
    a->ep.controller_meter = kind & 8 ? "meter" : NULL;
    a->ep.ct_zero_snat = kind & 16 ? test_ovn_ct_zero_snat : NULL;
    a->skip_format = kind & 0xe0;
}
