/* SPDX-License-Identifier: Apache-2.0 */

/* The remote VTEPs of logical switches; see evpn-vteps.h.
 *
 * Two with one IP address and different UDP ports are two.  An entry that has
 * no port of its own has the VXLAN device's, if there is a tunnel with that.
 * If not, it is VXLAN's: with Open vSwitch's kernel datapath, the device must
 * have another port than the tunnel, since only one of them can listen.
 *
 * Keys
 * ----
 *
 * The key is in the 32 bits of the registers for logical ports; its first bit
 * tells it from keys of ports and multicast groups, which have 16.  It is in
 * no row, and no other chassis needs to know it, but it has to be unique
 * within the switch, and should stay what it is: flows that the switch has
 * learned have it, and a restart should change none.  So it is a hash of the
 * VTEP's address.  Where two collide, the one that comes later in the order of
 * addresses takes the next key.  Its key may change when the other goes, which
 * is as if it had gone and come itself: all flows change together, and what
 * was learned from it is forgotten.
 *
 * The lowest 16 bits are zero.  When a packet from a VTEP goes on to another
 * chassis, 15 bits of its input port go with it, which are those of no port
 * then.  (Of others, that chassis would not deliver packets to the port which
 * has these as its key, as it takes that for the port that they come from.) */

#include <config.h>
#include "evpn-vteps.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"
#include "evpn-tunnels.h"
#include "evpn.h"
#include "hash.h"
#include "inputs.h"
#include "module.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "unit-log.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(evpn_vteps);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

#define KEY_SHIFT 16
#define MAX_VTEPS 32767         /* Of a switch. */
#define DEFAULT_PORT 4789       /* VXLAN's: RFC 7348. */

BUILD_ASSERT_DECL(sizeof(struct evpn_vtep_key) == 36);
BUILD_ASSERT_DECL(sizeof(struct evpn_mac_name) == 44);

struct inc_kind *evpn_vteps_kind;
struct inc_kind *evpn_vteps_kind_of_switch;

/* (evpn-ipv6-vteps, only): set of keys of those with IPv6 addresses. */
static struct inc_kind *ipv6_kind;

static bool
vtep_equal(const void *a_, const void *b_)
{
    const struct evpn_vtep *a = a_;
    const struct evpn_vtep *b = b_;

    return (uuid_equals(&a->uuid, &b->uuid)
            && a->dp_key == b->dp_key
            && a->vni == b->vni
            && a->key == b->key
            && a->ofport == b->ofport
            && ipv6_addr_equals(&a->local_ip, &b->local_ip));
}

struct uuid
evpn_uuid(const void *name, size_t len, uint32_t what)
{
    struct uuid uuid;

    for (size_t i = 0; i < ARRAY_SIZE(uuid.parts); i++) {
        uuid.parts[i] = hash_bytes(name, len, hash_add(what, i));
    }
    /* Version and variant, as of any other one made at random. */
    uuid.parts[1] = (uuid.parts[1] & ~0xf000) | 0x4000;
    uuid.parts[2] = (uuid.parts[2] & ~0xc0000000) | 0x80000000;
    return uuid;
}

/* What was learned of a VTEP with another number, or in another VNI, is not to
 * be taken for what is learned now, and is told by its cookie: so both are
 * part of it. */
static struct uuid
make_uuid(const struct evpn_vtep_key *key, uint32_t number, uint32_t vni)
{
    const struct {
        struct evpn_vtep_key key;
        uint32_t number;
        uint32_t vni;
    } name = { *key, number, vni };

    BUILD_ASSERT_DECL(sizeof name == sizeof *key + 8);

    return evpn_uuid(&name, sizeof name, EVPN_UUID_VTEP);
}

uint16_t
evpn_vtep_port(struct inc_unit *unit, uint16_t port, bool has_port)
{
    return (has_port || evpn_tunnel_is_wanted(unit, port) ? port
            : DEFAULT_PORT);
}

uint16_t
evpn_vtep_peek_port(uint16_t port, bool has_port)
{
    const uint64_t key = port;

    return (has_port || inc_peek(evpn_tunnels_kind_wanted, inc_key_u64(&key))
            ? port : DEFAULT_PORT);
}

/* All VTEPs that devices of a switch lead to. */
struct remotes {
    struct evpn_vtep_key *keys; /* Sorted, each once. */
    size_t n, allocated;
};

static int
compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct evpn_vtep_key));
}

/* Whether 'ip' is where we send from.  As a VTEP, it would send back to us
 * what we flood. */
static bool
is_us(struct inc_unit *unit, const struct evpn_switch *sw,
      const struct in6_addr *ip)
{
    if (!ipv6_addr_equals(ip, &sw->local_ip4)
        && !ipv6_addr_equals(ip, &sw->local_ip6)) {
        return false;
    }
    UNIT_WARN(unit, &rl, "EVPN: a VTEP of switch %s has an address of "
              "ovn-evpn-local-ip, which is this chassis's own: it is ignored",
              sw->name);
    return true;
}

static void
add_remotes(struct inc_unit *unit, const struct uuid *dp,
            const struct evpn_switch *sw, const char *device,
            struct remotes *remotes)
{
    const struct inc_set *set = inc_read_set(unit, evpn_kind_device_vteps,
                                             inc_key_string(device));

    for (size_t i = 0; i < inc_set_count(set); i++) {
        struct evpn_remote remote;

        memcpy(&remote, inc_set_at(set, i).data, sizeof remote);
        if (remote.vni == sw->vni && !is_us(unit, sw, &remote.ip)) {
            if (remotes->n >= remotes->allocated) {
                remotes->keys = x2nrealloc(remotes->keys, &remotes->allocated,
                                           sizeof *remotes->keys);
            }
            remotes->keys[remotes->n++] = (struct evpn_vtep_key) {
                .datapath = *dp,
                .ip = remote.ip,
                .port = evpn_vtep_port(unit, remote.port, remote.has_port),
            };
        }
    }
}

static void
sort_remotes(struct remotes *remotes)
{
    size_t n = 0;

    if (remotes->n) {
        qsort(remotes->keys, remotes->n, sizeof *remotes->keys, compare_keys);
    }
    for (size_t i = 0; i < remotes->n; i++) {
        if (!i || compare_keys(&remotes->keys[i], &remotes->keys[n - 1])) {
            remotes->keys[n++] = remotes->keys[i];
        }
    }
    remotes->n = n;
}

/* Takes a free slot for 'key'. */
static uint32_t
choose_key(const struct evpn_vtep_key *key, unsigned long int *taken)
{
    size_t slot = hash_bytes(&key->ip, sizeof key->ip, key->port) % MAX_VTEPS;

    while (bitmap_is_set(taken, slot)) {
        slot = (slot + 1) % MAX_VTEPS;
    }
    bitmap_set1(taken, slot);
    return EVPN_VTEP_FLAG | (slot + 1) << KEY_SHIFT;
}

static void
put_vtep(struct inc_unit *unit, const struct evpn_switch *sw,
         const struct evpn_vtep_key *key, uint32_t number)
{
    const ofp_port_t ofport = evpn_tunnel_find(unit, key->port);

    if (!ofport && evpn_tunnel_is_wanted(unit, key->port)) {
        return;
    } else if (!ofport) {
        UNIT_WARN(unit, &rl, "EVPN: VTEPs of switch %s with UDP port %"PRIu32
                  " cannot be reached: there is no tunnel with that port, see "
                  "ovn-evpn-vxlan-ports", sw->name, key->port);
        return;
    }

    const struct inc_key k = { key, sizeof *key };
    const bool ipv4 = IN6_IS_ADDR_V4MAPPED(&key->ip);
    struct evpn_vtep *vtep = xmalloc(sizeof *vtep);
    *vtep = (struct evpn_vtep) {
        .uuid = make_uuid(key, number, sw->vni),
        .dp_key = sw->dp_key,
        .vni = sw->vni,
        .key = number,
        .ofport = ofport,
        .local_ip = ipv4 ? sw->local_ip4 : sw->local_ip6,
    };
    if (!ipv6_addr_is_set(&vtep->local_ip)) {
        UNIT_WARN(unit, &rl, "EVPN: VTEPs of switch %s with IPv%d addresses "
                  "cannot be reached: ovn-evpn-local-ip has no such address "
                  "for VNI %"PRIu32, sw->name, ipv4 ? 4 : 6, sw->vni);
    }
    if (!ipv4) {
        inc_insert(unit, ipv6_kind, INC_KEY_ONLY, k);
    }
    inc_write(unit, evpn_vteps_kind, k, vtep);
    inc_insert(unit, evpn_vteps_kind_of_switch, inc_key_uuid(&key->datapath),
               k);
}

static void
vteps_run(struct inc_unit *unit, void *aux OVS_UNUSED)
{
    const struct uuid *dp = inc_unit_key(unit).data;
    const struct evpn_switch *sw = evpn_switch(unit, dp);
    struct remotes remotes = { .n = 0 };

    if (!sw) {
        return;
    }
    for (size_t i = 0; i < sw->n_vxlans; i++) {
        add_remotes(unit, dp, sw, sw->vxlans[i], &remotes);
    }
    sort_remotes(&remotes);

    unsigned long int *taken = bitmap_allocate(MAX_VTEPS);
    for (size_t i = 0; i < remotes.n && i < MAX_VTEPS; i++) {
        const struct evpn_vtep_key *key = &remotes.keys[i];

        put_vtep(unit, sw, key, choose_key(key, taken));
    }
    if (remotes.n > MAX_VTEPS) {
        UNIT_WARN(unit, &rl, "EVPN: switch %s has more than %d remote VTEPs: "
                  "the others are ignored", sw->name, MAX_VTEPS);
    }
    bitmap_free(taken);
    free(remotes.keys);
}

const struct evpn_vtep *
evpn_vtep_reachable(struct inc_unit *unit, const struct evpn_vtep_key *key)
{
    const struct evpn_vtep *vtep
        = inc_read(unit, evpn_vteps_kind,
                   (struct inc_key) { key, sizeof *key });

    return vtep && ipv6_addr_is_set(&vtep->local_ip) ? vtep : NULL;
}

bool
evpn_vteps_any_ipv6(struct inc_unit *unit)
{
    return inc_set_count(inc_read_set(unit, ipv6_kind, INC_KEY_ONLY)) > 0;
}

const struct inc_set *
evpn_vteps_of_switch(struct inc_unit *unit, const struct uuid *dp)
{
    return inc_read_set(unit, evpn_vteps_kind_of_switch, inc_key_uuid(dp));
}

/* Wiring. */

static const struct inc_kind_class vtep_class = {
    .name = "evpn-vtep",
    .stage = STAGE_LB,
    .key_type = INC_KEY_OTHER,
    .equal = vtep_equal,
    .destroy = free,
};

static const struct inc_kind_class of_switch_class = {
    .name = "evpn-vteps-of-switch",
    .stage = STAGE_LB,
    .key_type = INC_KEY_UUID,
    .is_set = true,
};

static const struct inc_kind_class ipv6_class = {
    .name = "evpn-ipv6-vteps",
    .stage = STAGE_LB,
    .key_type = INC_KEY_STRING,
    .is_set = true,
};

static const struct inc_unit_class vteps_class = {
    .name = "evpn-vteps",
    .stage = STAGE_LB,
    .run = vteps_run,
};

static void
init(struct inc_engine *engine)
{
    evpn_vteps_kind = inc_kind_declare(engine, &vtep_class);
    evpn_vteps_kind_of_switch = inc_kind_declare(engine, &of_switch_class);
    ipv6_kind = inc_kind_declare(engine, &ipv6_class);
    inc_kind_spawn(evpn_kind_switch, &vteps_class, NULL);
}

const struct module evpn_vteps_module = {
    .name = "evpn-vteps",
    .init = init,
};
