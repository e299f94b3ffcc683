/* SPDX-License-Identifier: Apache-2.0 */

/* A driver for controller/kernel-neighbors, a daemon that ovs-appctl gives
 * commands to.  It takes the devices of the network namespace that it is
 * started in.
 *
 * need [DEVICE ROLE WHAT]...
 *     All the devices that are needed from now on.  ROLE is "vxlan", "bridge"
 *     or "advertise".
 * mac-add DEVICE MAC, mac-remove DEVICE MAC, ip-add DEVICE IP MAC,
 * ip-remove DEVICE IP MAC
 *     What is wanted.
 * fdb DEVICE, neighbors DEVICE
 *     What can be learned, or "unknown".
 * count
 *     What the sequence number is, and how many turns the main loop has taken.
 *     How many dumps and requests there have been says coverage/read-counter.
 * clear
 *     Deletes what is ours.
 * exit */

#include <config.h>

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "coverage.h"
#include "daemon.h"
#include "kernel-neighbors.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "ovstest.h"
#include "packets.h"
#include "test-daemon.h"
#include "unixctl.h"
#include "util.h"

static unsigned int n_turns;
static bool exiting;

static enum kernel_device_role
parse_role(const char *s)
{
    return (!strcmp(s, "vxlan") ? KERNEL_DEVICE_VXLAN
            : !strcmp(s, "bridge") ? KERNEL_DEVICE_BRIDGE
            : KERNEL_DEVICE_ADVERTISE);
}

static void
cmd_need(struct unixctl_conn *conn, int argc, const char *argv[],
         void *aux OVS_UNUSED)
{
    kernel_neighbors_begin();
    for (int i = 1; i + 2 < argc; i += 3) {
        kernel_neighbors_need(argv[i], parse_role(argv[i + 1]), argv[i + 2]);
    }
    kernel_neighbors_end();
    unixctl_command_reply(conn, NULL);
}

static void
cmd_mac(struct unixctl_conn *conn, int argc OVS_UNUSED, const char *argv[],
        void *cb)
{
    void (*change)(const char *, struct eth_addr) = cb;
    struct eth_addr mac;

    if (!eth_addr_from_string(argv[2], &mac)) {
        unixctl_command_reply_error(conn, "no MAC address");
        return;
    }
    change(argv[1], mac);
    unixctl_command_reply(conn, NULL);
}

static void
cmd_ip(struct unixctl_conn *conn, int argc OVS_UNUSED, const char *argv[],
       void *cb)
{
    void (*change)(const char *, const struct in6_addr *,
                   struct eth_addr) = cb;
    struct eth_addr mac;
    struct in6_addr ip;
    ovs_be32 ip4;

    if (ip_parse(argv[2], &ip4)) {
        ip = in6_addr_mapped_ipv4(ip4);
    } else if (!ipv6_parse(argv[2], &ip)) {
        unixctl_command_reply_error(conn, "no IP address");
        return;
    }
    if (!eth_addr_from_string(argv[3], &mac)) {
        unixctl_command_reply_error(conn, "no MAC address");
        return;
    }
    change(argv[1], &ip, mac);
    unixctl_command_reply(conn, NULL);
}

static void
cmd_fdb(struct unixctl_conn *conn, int argc OVS_UNUSED, const char *argv[],
        void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct kernel_fdb *fdb;
    size_t n;

    if (!kernel_device_fdb(argv[1], &fdb, &n)) {
        unixctl_command_reply(conn, "unknown");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ds_put_format(&s, ETH_ADDR_FMT" ", ETH_ADDR_ARGS(fdb[i].mac));
        ipv6_format_mapped(&fdb[i].vtep, &s);
        ds_put_format(&s, " port %"PRIu16" vni %"PRIu32"%s\n", fdb[i].port,
                      fdb[i].vni, fdb[i].is_static ? " static" : "");
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

static void
cmd_neighbors(struct unixctl_conn *conn, int argc OVS_UNUSED,
              const char *argv[], void *aux OVS_UNUSED)
{
    const struct kernel_neighbor *neighbors;
    struct ds s = DS_EMPTY_INITIALIZER;
    size_t n;

    if (!kernel_device_neighbors(argv[1], &neighbors, &n)) {
        unixctl_command_reply(conn, "unknown");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ipv6_format_mapped(&neighbors[i].ip, &s);
        ds_put_format(&s, " "ETH_ADDR_FMT"\n",
                      ETH_ADDR_ARGS(neighbors[i].mac));
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

static void
cmd_count(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    char *s = xasprintf("seqno=%"PRIu64" turns=%u", kernel_neighbors_seqno(),
                        n_turns);

    unixctl_command_reply(conn, s);
    free(s);
}

static void
cmd_clear(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    kernel_neighbors_clear();
    unixctl_command_reply(conn, NULL);
}

static void
cmd_exit(struct unixctl_conn *conn, int argc OVS_UNUSED,
         const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    exiting = true;
    unixctl_command_reply(conn, NULL);
}

static void
register_commands(void)
{
    unixctl_command_register("need", "", 0, INT_MAX, cmd_need, NULL);
    unixctl_command_register("mac-add", "", 2, 2, cmd_mac, kernel_mac_add);
    unixctl_command_register("mac-remove", "", 2, 2, cmd_mac,
                             kernel_mac_remove);
    unixctl_command_register("ip-add", "", 3, 3, cmd_ip, kernel_ip_add);
    unixctl_command_register("ip-remove", "", 3, 3, cmd_ip, kernel_ip_remove);
    unixctl_command_register("fdb", "", 1, 1, cmd_fdb, NULL);
    unixctl_command_register("neighbors", "", 1, 1, cmd_neighbors, NULL);
    unixctl_command_register("count", "", 0, 0, cmd_count, NULL);
    unixctl_command_register("clear", "", 0, 0, cmd_clear, NULL);
    unixctl_command_register("exit", "", 0, 0, cmd_exit, NULL);
}

static void
test_kernel_neighbors_main(int argc, char *argv[])
{
    struct unixctl_server *unixctl = test_daemon_start(
        "test-kernel-neighbors", argc, argv, 0,
        "usage: test-kernel-neighbors [DAEMON OPTION]...");

    coverage_init();
    register_commands();
    daemonize_complete();

    while (!exiting) {
        n_turns++;
        kernel_neighbors_run();
        kernel_neighbors_reconcile();
        unixctl_server_run(unixctl);
        unixctl_server_wait(unixctl);
        /* A command may have changed what is wanted. */
        kernel_neighbors_reconcile();
        if (exiting) {
            poll_immediate_wake();
        }
        poll_block();
    }
    kernel_neighbors_destroy();
    unixctl_server_destroy(unixctl);
}

OVSTEST_REGISTER("test-kernel-neighbors", test_kernel_neighbors_main);
