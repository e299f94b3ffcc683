/* SPDX-License-Identifier: Apache-2.0 */

/* EVPN: configuration, and what the kernel knows; see evpn.h.
 *
 *   - (evpn-local-ips, VNI): where packets to VTEPs are sent from, of
 *     ovn-evpn-local-ip.
 *   - (evpn-config, datapath): what a local switch asks for.
 *   - (evpn-switches-of-vni, VNI): who asks for a VNI.  Only one switch can
 *     have it: nothing in a packet would tell for which it is.
 *   - (evpn-switch, datapath): one that has its VNI.
 *
 * Not every switch needs all devices.  One that is not named is said, and what
 * it is for is left out.
 *
 * What the kernel knows of a device comes as an array, each time that anything
 * in it has changed.  It is compared with the last one, so that one MAC
 * address that comes or goes among many thousands changes one cell. */

#include <config.h>
#include "evpn.h"

#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "inputs.h"
#include "ip-text.h"
#include "kernel-neighbors.h"
#include "local-datapath.h"
#include "module.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "smap.h"
#include "sset.h"
#include "string-array.h"
#include "svec.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(evpn);

BUILD_ASSERT_DECL(EVPN_DEVICE_LEN == IFNAMSIZ);
BUILD_ASSERT_DECL(sizeof(struct evpn_remote) == 24);
BUILD_ASSERT_DECL(sizeof(struct evpn_mac_key) == 28);
BUILD_ASSERT_DECL(sizeof(struct evpn_neighbor_key) == 32);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

#define MAX_VNI ((UINT32_C(1) << 24) - 1)
#define ANY_VNI UINT64_MAX      /* Key of the addresses without a VNI. */

/* Value of a cell of 'local_ips_kind'; zero if there is none. */
struct local_ips {
    struct in6_addr ip4, ip6;
};

static struct inc_kind *local_ips_kind;
static struct inc_kind *config_kind;
static struct inc_kind *of_vni_kind;
static struct inc_kind *of_device_kind;
struct inc_kind *evpn_kind_switch;
struct inc_kind *evpn_kind_device_vteps;
struct inc_kind *evpn_kind_mac;
struct inc_kind *evpn_kind_neighbor;

/* Values. */

static bool
local_ips_equal(const void *a, const void *b)
{
    return !memcmp(a, b, sizeof(struct local_ips));
}

static bool
switch_equal(const void *a_, const void *b_)
{
    const struct evpn_switch *a = a_;
    const struct evpn_switch *b = b_;

    return (a->dp_key == b->dp_key
            && a->vni == b->vni
            && string_array_equal(a->vxlans, a->n_vxlans,
                                  b->vxlans, b->n_vxlans)
            && nullable_string_is_equal(a->bridge, b->bridge)
            && nullable_string_is_equal(a->advertise, b->advertise)
            && ipv6_addr_equals(&a->local_ip4, &b->local_ip4)
            && ipv6_addr_equals(&a->local_ip6, &b->local_ip6)
            && a->arp_prefer_local == b->arp_prefer_local
            && a->tells_macs == b->tells_macs
            && a->tells_ips == b->tells_ips
            && !strcmp(a->name, b->name));
}

static void
switch_destroy(void *sw_)
{
    struct evpn_switch *sw = sw_;

    string_array_destroy(sw->vxlans, sw->n_vxlans);
    free(sw->bridge);
    free(sw->advertise);
    free(sw->name);
    free(sw);
}

static struct evpn_switch *
switch_clone(const struct evpn_switch *sw)
{
    struct evpn_switch *new = xmemdup(sw, sizeof *sw);

    new->vxlans = xmalloc(sw->n_vxlans * sizeof *new->vxlans);
    for (size_t i = 0; i < sw->n_vxlans; i++) {
        new->vxlans[i] = xstrdup(sw->vxlans[i]);
    }
    new->bridge = nullable_xstrdup(sw->bridge);
    new->advertise = nullable_xstrdup(sw->advertise);
    new->name = xstrdup(sw->name);
    return new;
}

static bool
mac_equal(const void *a_, const void *b_)
{
    const struct evpn_mac *a = a_;
    const struct evpn_mac *b = b_;

    return (ipv6_addr_equals(&a->vtep, &b->vtep)
            && a->port == b->port
            && a->has_port == b->has_port);
}

static bool
neighbor_equal(const void *a_, const void *b_)
{
    const struct eth_addr *a = a_;
    const struct eth_addr *b = b_;

    return eth_addr_equals(*a, *b);
}

/* Where packets are sent from: "[VNI-]IP,...". */

/* Parses 'word' into '*vni' and '*ip'. */
static bool
parse_local_ip(char *word, uint64_t *vni, struct in6_addr *ip)
{
    char *dash = strchr(word, '-');
    unsigned long long int value;

    *vni = ANY_VNI;
    if (dash) {
        *dash = '\0';
        if (!str_to_ullong(word, 10, &value) || value > MAX_VNI) {
            *dash = '-';
            return false;
        }
        *dash = '-';
        *vni = value;
    }
    return (ip_text_parse(dash ? dash + 1 : word, ip)
            && (IN6_IS_ADDR_V4MAPPED(ip) ? in6_addr_get_mapped_ipv4(ip) != 0
                : ipv6_addr_is_set(ip)));
}

struct vni_ips {
    uint64_t vni;
    struct local_ips ips;
};

/* The element of the '*n' ones in '*array' that is about 'vni'. */
static struct local_ips *
ips_of_vni(struct vni_ips **array, size_t *n, uint64_t vni)
{
    for (size_t i = 0; i < *n; i++) {
        if ((*array)[i].vni == vni) {
            return &(*array)[i].ips;
        }
    }
    *array = xrealloc(*array, (*n + 1) * sizeof **array);
    (*array)[*n] = (struct vni_ips) { .vni = vni };
    return &(*array)[(*n)++].ips;
}

static void
local_ips_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const char *text = in_config(unit, "ovn-evpn-local-ip");
    char *copy = xstrdup(text ? text : "");
    struct vni_ips *array = NULL;
    char *save_ptr = NULL;
    size_t n = 0;

    for (char *word = strtok_r(copy, ", ", &save_ptr); word;
         word = strtok_r(NULL, ", ", &save_ptr)) {
        struct in6_addr ip;
        uint64_t vni;

        if (!parse_local_ip(word, &vni, &ip)) {
            UNIT_WARN(unit, &rl, "ovn-evpn-local-ip: \"%s\" is no [VNI-]IP",
                      word);
            continue;
        }

        struct local_ips *ips = ips_of_vni(&array, &n, vni);
        struct in6_addr *place = (IN6_IS_ADDR_V4MAPPED(&ip) ? &ips->ip4
                                  : &ips->ip6);
        if (ipv6_addr_is_set(place)) {
            UNIT_WARN(unit, &rl, "ovn-evpn-local-ip: \"%s\" is ignored: there "
                      "is another address for the same before it", word);
        } else {
            *place = ip;
        }
    }
    for (size_t i = 0; i < n; i++) {
        inc_write(unit, local_ips_kind, inc_key_u64(&array[i].vni),
                  xmemdup(&array[i].ips, sizeof array[i].ips));
    }
    free(array);
    free(copy);
}

/* What is not said for 'vni' is what is said for all. */
static void
choose_local_ips(struct inc_unit *unit, uint64_t vni, struct evpn_switch *sw)
{
    const uint64_t keys[] = { vni, ANY_VNI };

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const struct local_ips *ips = inc_read(unit, local_ips_kind,
                                               inc_key_u64(&keys[i]));

        if (ips && !ipv6_addr_is_set(&sw->local_ip4)) {
            sw->local_ip4 = ips->ip4;
        }
        if (ips && !ipv6_addr_is_set(&sw->local_ip6)) {
            sw->local_ip6 = ips->ip6;
        }
    }
}

/* Switches. */

static bool
is_device_name(const char *name)
{
    return (name[0] && strlen(name) < EVPN_DEVICE_LEN && !strchr(name, '/')
            && strcmp(name, ".") && strcmp(name, ".."));
}

/* Adds to '*names', in this order, the devices that 'key' names. */
static void
parse_devices(struct inc_unit *unit, const struct datapath_binding *dp,
              const char *name, const char *key, const char *loss,
              struct svec *names)
{
    const char *text = smap_get(&dp->external_ids, key);
    char *copy = xstrdup(text ? text : "");
    char *save_ptr = NULL;

    for (char *word = strtok_r(copy, ", ", &save_ptr); word;
         word = strtok_r(NULL, ", ", &save_ptr)) {
        if (is_device_name(word)) {
            svec_add(names, word);
        } else {
            UNIT_WARN(unit, &rl, "EVPN: switch %s: %s: \"%s\" is no name of a "
                      "device", name, key, word);
        }
    }
    if (svec_is_empty(names)) {
        UNIT_WARN(unit, &rl, "EVPN: switch %s has no %s: %s", name, key, loss);
    }
    free(copy);
}

/* The first device that 'key' names, or NULL. */
static char *
parse_device(struct inc_unit *unit, const struct datapath_binding *dp,
             const char *name, const char *key, const char *loss)
{
    struct svec names = SVEC_EMPTY_INITIALIZER;

    parse_devices(unit, dp, name, key, loss, &names);
    char *device = svec_is_empty(&names) ? NULL : xstrdup(names.names[0]);
    if (names.n > 1) {
        UNIT_WARN(unit, &rl, "EVPN: switch %s: %s names several devices: only "
                  "%s is used", name, key, device);
    }
    svec_destroy(&names);
    return device;
}

static void
parse_redistribute(const struct datapath_binding *dp, struct evpn_switch *sw)
{
    struct sset words;

    sset_from_delimited_string(
        &words, smap_get_def(&dp->external_ids,
                             "dynamic-routing-redistribute", ""), ", ");
    sw->tells_macs = sset_contains(&words, "fdb");
    sw->tells_ips = sset_contains(&words, "ip");
    sset_destroy(&words);
}

static void
parse_vxlans(struct inc_unit *unit, const struct datapath_binding *dp,
             struct evpn_switch *sw)
{
    struct svec names = SVEC_EMPTY_INITIALIZER;

    parse_devices(unit, dp, sw->name, "dynamic-routing-vxlan-ifname",
                  "no remote VTEPs are learned", &names);
    svec_sort_unique(&names);
    sw->n_vxlans = names.n;
    sw->vxlans = xmalloc(sw->n_vxlans * sizeof *sw->vxlans);
    for (size_t i = 0; i < sw->n_vxlans; i++) {
        sw->vxlans[i] = xstrdup(names.names[i]);
    }
    svec_destroy(&names);
}

static void
config_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *uuid = inc_unit_key(unit).data;
    const struct datapath_binding *dp = in_datapath(unit, uuid);
    const char *text = (dp && dp->is_switch
                        && in_dialect(unit)->tables.remote_vtep_output
                        ? smap_get(&dp->external_ids, "dynamic-routing-vni")
                        : NULL);
    const char *dp_name = text ? smap_get(&dp->external_ids, "name") : NULL;
    unsigned long long int vni;

    if (!text) {
        return;
    }
    char *name = (dp_name ? xstrdup(dp_name)
                  : xasprintf(UUID_FMT, UUID_ARGS(uuid)));
    if (!str_to_ullong(text, 10, &vni) || vni > MAX_VNI) {
        UNIT_WARN(unit, &rl, "EVPN: switch %s: dynamic-routing-vni: \"%s\" is "
                  "no VNI", name, text);
        free(name);
        return;
    }

    struct evpn_switch *sw = xmalloc(sizeof *sw);
    *sw = (struct evpn_switch) {
        .dp_key = dp->tunnel_key,
        .vni = vni,
        .arp_prefer_local = smap_get_bool(
            &dp->external_ids, "dynamic-routing-arp-prefer-local", false),
        .name = name,
    };
    parse_redistribute(dp, sw);
    parse_vxlans(unit, dp, sw);
    sw->bridge = parse_device(unit, dp, name, "dynamic-routing-bridge-ifname",
                              "no neighbors are learned or announced");
    sw->advertise = parse_device(unit, dp, name,
                                 "dynamic-routing-advertise-ifname",
                                 "no MAC addresses are announced");
    choose_local_ips(unit, vni, sw);
    inc_write(unit, config_kind, inc_key_uuid(uuid), sw);

    const uint64_t key = vni;
    inc_insert(unit, of_vni_kind, inc_key_u64(&key), inc_key_uuid(uuid));
}

/* Only a switch that has ports here is served: it has no flows otherwise. */
static void
switch_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct inc_key key = inc_unit_key(unit);
    const struct evpn_switch *sw = inc_read(unit, config_kind, key);
    const uint64_t vni = sw ? sw->vni : 0;
    const struct inc_set *rivals
        = sw ? inc_read_set(unit, of_vni_kind, inc_key_u64(&vni)) : NULL;

    if (!sw) {
        return;
    }
    if (memcmp(inc_set_at(rivals, 0).data, key.data, key.len)) {
        UNIT_WARN(unit, &rl, "EVPN: switch %s is not connected to VNI %"PRIu32
                  ": another one is", sw->name, sw->vni);
        return;
    }
    for (size_t i = 0; i < sw->n_vxlans; i++) {
        inc_insert(unit, of_device_kind, inc_key_string(sw->vxlans[i]), key);
    }
    if (sw->bridge) {
        inc_insert(unit, of_device_kind, inc_key_string(sw->bridge), key);
    }
    inc_write(unit, evpn_kind_switch, key, switch_clone(sw));
}

const struct evpn_switch *
evpn_switch(struct inc_unit *unit, const struct uuid *dp)
{
    return inc_read(unit, evpn_kind_switch, inc_key_uuid(dp));
}

const struct inc_set *
evpn_switches_of_device(struct inc_unit *unit, const char *device)
{
    return inc_read_set(unit, of_device_kind, inc_key_string(device));
}

/* What the kernel knows. */

/* Where a MAC address is.  Without holes: compared by memcmp(), sorted. */
struct mac_row {
    uint32_t vni;
    struct eth_addr mac;
    uint16_t port;
    struct in6_addr vtep;
    uint16_t has_port;
    uint16_t pad;
};
BUILD_ASSERT_DECL(sizeof(struct mac_row) == 32);

/* How many of their first bytes make the key of a cell. */
#define MAC_ROW_KEY offsetof(struct mac_row, port)
#define NEIGHBOR_KEY offsetof(struct kernel_neighbor, mac)

/* A device that cells are made of, as it was when they were.  Sorted, with one
 * element for each cell. */
struct device {
    struct mac_row *macs;
    size_t n_macs;
    struct evpn_remote *remotes;
    size_t n_remotes;
    struct kernel_neighbor *neighbors;
    size_t n_neighbors;
};

static struct shash devices = SHASH_INITIALIZER(&devices);
static uint64_t seqno;          /* The kernel's, that cells are of. */
static bool devices_changed = true; /* Which of them are needed. */

static void
name_device(char device[EVPN_DEVICE_LEN], const char *name)
{
    memset(device, 0, EVPN_DEVICE_LEN);
    memcpy(device, name, strnlen(name, EVPN_DEVICE_LEN - 1));
}

/* Calls 'cb' for each element, of 'size' bytes, of the sorted array 'a' that
 * is not in the sorted array 'b'. */
static void
for_each_only_in(const void *a_, size_t n_a, const void *b_, size_t n_b,
                 size_t size, void (*cb)(const char *device, const void *),
                 const char *device)
{
    const char *a = a_;
    const char *b = b_;

    for (size_t i = 0, j = 0; i < n_a; i++) {
        int cmp = -1;

        while (j < n_b && (cmp = memcmp(b + j * size, a + i * size,
                                        size)) < 0) {
            j++;
        }
        if (j >= n_b || cmp) {
            cb(device, a + i * size);
        }
    }
}

/* Makes a copy of the sorted array 'src' that has, of those elements whose
 * first 'key_size' bytes are the same, the first one only. */
static char *
copy_firsts(const void *src_, size_t *n, size_t size, size_t key_size)
{
    char *dst = *n ? xmalloc(*n * size) : NULL;
    const char *src = src_;
    size_t n_dst = 0;

    for (size_t i = 0; i < *n; i++) {
        if (!n_dst || memcmp(dst + (n_dst - 1) * size, src + i * size,
                             key_size)) {
            memcpy(dst + n_dst++ * size, src + i * size, size);
        }
    }
    *n = n_dst;
    return dst;
}

/* Brings the cells that were made of 'old', which is freed, up to date with
 * 'new': 'gone' removes one, and 'came' makes one.  The kernel may have
 * several elements for a cell, whose key is the first 'key_size' bytes: the
 * first one counts.  Returns what the cells are of. */
static void *
replace_array(void *old, size_t *n_old, const void *new_, size_t n_new,
              size_t size, size_t key_size,
              void (*gone)(const char *, const void *),
              void (*came)(const char *, const void *), const char *device)
{
    void *new = copy_firsts(new_, &n_new, size, key_size);

    for_each_only_in(old, *n_old, new, n_new, size, gone, device);
    for_each_only_in(new, n_new, old, *n_old, size, came, device);
    free(old);
    *n_old = n_new;
    return new;
}

static void
set_mac(const char *device, const struct mac_row *row, struct evpn_mac *value)
{
    struct evpn_mac_key key = { .vni = row->vni, .mac = row->mac };

    name_device(key.device, device);
    inc_set(evpn_kind_mac, (struct inc_key) { &key, sizeof key }, value);
}

static void
mac_gone(const char *device, const void *row)
{
    set_mac(device, row, NULL);
}

static void
mac_came(const char *device, const void *row_)
{
    const struct mac_row *row = row_;
    struct evpn_mac *mac = xmalloc(sizeof *mac);

    *mac = (struct evpn_mac) {
        .vtep = row->vtep,
        .port = row->port,
        .has_port = row->has_port,
    };
    set_mac(device, row, mac);
}

static void
remote_gone(const char *device, const void *remote)
{
    inc_set_remove(evpn_kind_device_vteps, inc_key_string(device),
                   (struct inc_key) { remote, sizeof(struct evpn_remote) });
}

static void
remote_came(const char *device, const void *remote)
{
    inc_set_insert(evpn_kind_device_vteps, inc_key_string(device),
                   (struct inc_key) { remote, sizeof(struct evpn_remote) });
}

static void
set_neighbor(const char *device, const struct kernel_neighbor *neighbor,
             struct eth_addr *value)
{
    struct evpn_neighbor_key key = { .ip = neighbor->ip };

    name_device(key.device, device);
    inc_set(evpn_kind_neighbor, (struct inc_key) { &key, sizeof key }, value);
}

static void
neighbor_gone(const char *device, const void *neighbor)
{
    set_neighbor(device, neighbor, NULL);
}

static void
neighbor_came(const char *device, const void *neighbor_)
{
    const struct kernel_neighbor *neighbor = neighbor_;

    set_neighbor(device, neighbor,
                 xmemdup(&neighbor->mac, sizeof neighbor->mac));
}

static int
compare_macs(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct mac_row));
}

/* The MAC addresses among the 'n' entries in 'fdb', sorted. */
static struct mac_row *
find_macs(const struct kernel_fdb *fdb, size_t n, size_t *n_macs)
{
    struct mac_row *macs = n ? xcalloc(n, sizeof *macs) : NULL;

    *n_macs = 0;
    for (size_t i = 0; i < n; i++) {
        if (!eth_addr_is_zero(fdb[i].mac)) {
            struct mac_row *row = &macs[(*n_macs)++];

            row->vni = fdb[i].vni;
            row->mac = fdb[i].mac;
            row->port = fdb[i].port;
            row->vtep = fdb[i].vtep;
            row->has_port = fdb[i].has_port;
        }
    }
    if (n) {
        qsort(macs, *n_macs, sizeof *macs, compare_macs);
    }
    return macs;
}

static int
compare_remotes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct evpn_remote));
}

/* The VTEPs that the 'n' entries in 'fdb' lead to, sorted, each maybe several
 * times.  One that has MAC addresses counts, whether or not it is among those
 * that get what is flooded. */
static struct evpn_remote *
find_remotes(const struct kernel_fdb *fdb, size_t n)
{
    struct evpn_remote *remotes = n ? xcalloc(n, sizeof *remotes) : NULL;

    for (size_t i = 0; i < n; i++) {
        remotes[i].ip = fdb[i].vtep;
        remotes[i].vni = fdb[i].vni;
        remotes[i].port = fdb[i].port;
        remotes[i].has_port = fdb[i].has_port;
    }
    if (n) {
        qsort(remotes, n, sizeof *remotes, compare_remotes);
    }
    return remotes;
}

/* Makes the cells of device 'name' what these arrays say. */
static void
set_device(const char *name, struct device *device,
           const struct kernel_fdb *fdb, size_t n_fdb,
           const struct kernel_neighbor *neighbors, size_t n_neighbors)
{
    size_t n_macs;
    struct mac_row *macs = find_macs(fdb, n_fdb, &n_macs);
    struct evpn_remote *remotes = find_remotes(fdb, n_fdb);

    device->remotes = replace_array(device->remotes, &device->n_remotes,
                                    remotes, n_fdb, sizeof *remotes,
                                    sizeof *remotes, remote_gone, remote_came,
                                    name);
    device->macs = replace_array(device->macs, &device->n_macs, macs, n_macs,
                                 sizeof *macs, MAC_ROW_KEY, mac_gone, mac_came,
                                 name);
    device->neighbors = replace_array(device->neighbors, &device->n_neighbors,
                                      neighbors, n_neighbors,
                                      sizeof *neighbors, NEIGHBOR_KEY,
                                      neighbor_gone, neighbor_came, name);
    free(macs);
    free(remotes);
}

static void
read_device(const char *name, struct device *device)
{
    const struct kernel_neighbor *neighbors;
    const struct kernel_fdb *fdb;
    size_t n_fdb, n_neighbors;

    if (!kernel_device_fdb(name, &fdb, &n_fdb)) {
        fdb = NULL;
        n_fdb = 0;
    }
    if (!kernel_device_neighbors(name, &neighbors, &n_neighbors)) {
        neighbors = NULL;
        n_neighbors = 0;
    }
    set_device(name, device, fdb, n_fdb, neighbors, n_neighbors);
}

static void
device_destroy(struct device *device)
{
    free(device->macs);
    free(device->remotes);
    free(device->neighbors);
    free(device);
}

/* Which devices are needed. */

static void
need(const char *name, enum kernel_device_role role,
     const struct evpn_switch *sw)
{
    if (name) {
        char *what = xasprintf("switch %s", sw->name);

        kernel_neighbors_need(name, role, what);
        free(what);
        if (role != KERNEL_DEVICE_ADVERTISE) {
            if (!shash_find(&devices, name)) {
                shash_add(&devices, name, xzalloc(sizeof(struct device)));
            }
        }
    }
}

static void
need_devices(struct inc_key key OVS_UNUSED, const void *sw_,
             void *aux OVS_UNUSED)
{
    const struct evpn_switch *sw = sw_;

    for (size_t i = 0; i < sw->n_vxlans; i++) {
        need(sw->vxlans[i], KERNEL_DEVICE_VXLAN, sw);
    }
    need(sw->bridge, KERNEL_DEVICE_BRIDGE, sw);
    need(sw->advertise, KERNEL_DEVICE_ADVERTISE, sw);
}

static void
switch_changed(struct inc_key key OVS_UNUSED, const void *old OVS_UNUSED,
               const void *new OVS_UNUSED, void *aux OVS_UNUSED)
{
    devices_changed = true;
}

/* Forgets devices that nobody needs. */
static void
forget_devices(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, &devices) {
        struct device *device = node->data;

        if (!inc_set_count(inc_peek_set(of_device_kind,
                                        inc_key_string(node->name)))) {
            set_device(node->name, device, NULL, 0, NULL, 0);
            device_destroy(device);
            shash_delete(&devices, node);
        }
    }
}

static bool
read_devices(void)
{
    struct shash_node *node;

    if (seqno == kernel_neighbors_seqno()) {
        return false;
    }
    seqno = kernel_neighbors_seqno();
    SHASH_FOR_EACH (node, &devices) {
        read_device(node->name, node->data);
    }
    return true;
}

/* Hooks. */

static void
run(struct turn *turn OVS_UNUSED)
{
    kernel_neighbors_run();
}

static void
input(struct turn *turn OVS_UNUSED)
{
    read_devices();
}

/* What is known of a device is part of the snapshot: without it, flows that
 * are there would go, and come again. */
static bool
settle(const struct turn *turn OVS_UNUSED)
{
    if (devices_changed) {
        kernel_neighbors_begin();
        inc_kind_for_each(evpn_kind_switch, need_devices, NULL);
        kernel_neighbors_end();
        devices_changed = false;
        forget_devices();
        kernel_neighbors_look();
        seqno--;                /* Devices may be known already. */
        return read_devices();
    }
    return false;
}

static void
complete(const struct turn *turn OVS_UNUSED)
{
    kernel_neighbors_reconcile();
    if (seqno != kernel_neighbors_seqno()) {
        poll_immediate_wake();
    }
}

static bool
cleanup(const struct turn *turn OVS_UNUSED)
{
    kernel_neighbors_clear();
    return true;
}

static void
destroy(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &devices) {
        device_destroy(node->data);
    }
    shash_destroy(&devices);
    kernel_neighbors_destroy();
}

/* Wiring. */

static const struct inc_kind_class local_ips_class = {
    .name = "evpn-local-ips",
    .stage = STAGE_CONFIG,
    .key_type = INC_KEY_U64,
    .equal = local_ips_equal,
    .destroy = free,
};

static const struct inc_kind_class config_class = {
    .name = "evpn-config",
    .stage = STAGE_DP_GROUP,
    .key_type = INC_KEY_UUID,
    .equal = switch_equal,
    .destroy = switch_destroy,
};

static const struct inc_kind_class of_vni_class = {
    .name = "evpn-switches-of-vni",
    .stage = STAGE_DP_GROUP,
    .key_type = INC_KEY_U64,
    .is_set = true,
};

static const struct inc_kind_class of_device_class = {
    .name = "evpn-switches-of-device",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_STRING,
    .is_set = true,
};

static const struct inc_kind_class switch_class = {
    .name = "evpn-switch",
    .stage = STAGE_ZONE,
    .key_type = INC_KEY_UUID,
    .equal = switch_equal,
    .destroy = switch_destroy,
};

static const struct inc_kind_class device_vteps_class = {
    .name = "evpn-device-vteps",
    .stage = STAGE_INPUT,
    .key_type = INC_KEY_STRING,
    .is_set = true,
};

static const struct inc_kind_class mac_class = {
    .name = "evpn-device-mac",
    .stage = STAGE_INPUT,
    .key_type = INC_KEY_OTHER,
    .equal = mac_equal,
    .destroy = free,
};

static const struct inc_kind_class neighbor_class = {
    .name = "evpn-neighbor",
    .stage = STAGE_INPUT,
    .key_type = INC_KEY_OTHER,
    .equal = neighbor_equal,
    .destroy = free,
};

static const struct inc_unit_class local_ips_unit_class = {
    .name = "evpn-local-ips",
    .stage = STAGE_CONFIG,
    .run = local_ips_run,
};

static const struct inc_unit_class config_unit_class = {
    .name = "evpn-config",
    .stage = STAGE_DP_GROUP,
    .run = config_run,
};

static const struct inc_unit_class switch_unit_class = {
    .name = "evpn-switch",
    .stage = STAGE_ZONE,
    .run = switch_run,
};

static void
init(struct inc_engine *engine)
{
    local_ips_kind = inc_kind_declare(engine, &local_ips_class);
    config_kind = inc_kind_declare(engine, &config_class);
    of_vni_kind = inc_kind_declare(engine, &of_vni_class);
    of_device_kind = inc_kind_declare(engine, &of_device_class);
    evpn_kind_switch = inc_kind_declare(engine, &switch_class);
    evpn_kind_device_vteps = inc_kind_declare(engine, &device_vteps_class);
    evpn_kind_mac = inc_kind_declare(engine, &mac_class);
    evpn_kind_neighbor = inc_kind_declare(engine, &neighbor_class);

    inc_unit_add(engine, &local_ips_unit_class, INC_KEY_ONLY, NULL);
    inc_kind_spawn(local_datapath_kind, &config_unit_class, NULL);
    inc_kind_spawn(config_kind, &switch_unit_class, NULL);
    inc_kind_watch(evpn_kind_switch, switch_changed, NULL);
}

const struct module evpn_module = {
    .name = "evpn",
    .init = init,
    .run = run,
    .input = input,
    .settle = settle,
    .complete = complete,
    .away = complete,
    .cleanup = cleanup,
    .destroy = destroy,
};
