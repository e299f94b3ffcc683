# SPDX-License-Identifier: Apache-2.0

"""The scenario "chassis": a chassis among a thousand others.

The others are rows of the southbound database: each has two addresses, both
for Geneve and for VXLAN, and ports on two of the networks that are local here.
A chassis that joins, or leaves, is a transaction such as its controller makes.
"""

import os
import statistics
import sys
import time

from bench_base import (INSTALLED, Chassis, Scenario, compile_scenario,
                        find_release, ovs_map, ovs_set, wait_for)

NETWORKS = 20
PORTS = 2                       # Of each remote chassis.

# What a controller writes into its row, more or less.
OTHER_CONFIG = {
    "ct-no-masked-label": "true", "datapath-type": "system",
    "iface-types": "bareudp,erspan,geneve,gre,gtpu,internal,ip6erspan,ip6gre,"
                   "lisp,patch,srv6,stt,system,tap,vxlan",
    "is-interconn": "false", "mac-binding-timestamp": "true",
    "ovn-bridge-mappings": "", "ovn-chassis-mac-mappings": "",
    "ovn-cms-options": "", "ovn-ct-lb-related": "true",
    "ovn-enable-lflow-cache": "true", "ovn-limit-lflow-cache": "",
    "ovn-memlimit-lflow-cache-kb": "", "ovn-monitor-all": "false",
    "ovn-trim-limit-lflow-cache": "", "ovn-trim-timeout-ms": "",
    "ovn-trim-wmark-perc-lflow-cache": "", "port-up-notif": "true"}


class RemoteScenario(Scenario):
    """Some networks, each with a port here, and many chassis elsewhere.
    'spare' more of them may join."""

    def __init__(self, n, spare):
        Scenario.__init__(self, "chassis", NETWORKS,
                          1 + -(-PORTS * (n + spare) // NETWORKS), 0, 0,
                          NETWORKS)
        self.n, self.spare = n, spare

    def __str__(self):
        return ("%d remote chassis, each with 2 addresses for Geneve and "
                "VXLAN and %d ports on %d networks that are local"
                % (self.n, PORTS, NETWORKS))

    @staticmethod
    def ports_of(i):
        """The ports on the remote chassis 'i'."""
        return [Scenario.port_name(k % NETWORKS, 1 + k // NETWORKS)
                for k in range(PORTS * i, PORTS * i + PORTS)]

    @staticmethod
    def chassis_name(i):
        return "remote-%d" % i

    def join(self, i):
        """What the controller of the remote chassis 'i' writes."""
        name = self.chassis_name(i)
        encaps = []
        for kind in "geneve", "vxlan":
            for subnet in 30, 31:
                uuid = "%s%d" % (kind, subnet)
                encaps.append([uuid + "x%d" % i, {
                    "type": kind, "chassis_name": name,
                    "ip": "172.%d.%d.%d" % (subnet, i // 250, 1 + i % 250),
                    "options": ovs_map({"csum": "true"})}])
        ops = [{"op": "insert", "table": "Encap", "uuid-name": uuid,
                "row": row} for uuid, row in encaps]
        chassis = ["named-uuid", "chassis%d" % i]
        ops.append({"op": "insert", "table": "Chassis",
                    "uuid-name": chassis[1], "row": {
                        "name": name, "hostname": name,
                        "other_config": ovs_map(OTHER_CONFIG),
                        "encaps": ovs_set(["named-uuid", uuid]
                                          for uuid, _ in encaps)}})
        ops.append({"op": "insert", "table": "Chassis_Private",
                    "row": {"name": name, "chassis": chassis}})
        return ops + self.bind(i, {"chassis": chassis, "up": True})

    def bind(self, i, row):
        return [{"op": "update", "table": "Port_Binding", "row": row,
                 "where": [["logical_port", "==", port]]}
                for port in self.ports_of(i)]

    def leave(self, i):
        """The same, when it leaves."""
        name = self.chassis_name(i)
        return (self.bind(i, {"chassis": ovs_set([]), "up": False})
                + [{"op": "delete", "table": table,
                    "where": [["name", "==", name]]}
                   for table in ("Chassis_Private", "Chassis")])

    def southbound(self, sb):
        for first in range(0, self.n, 100):
            sb.transact(*(op for i in range(first, min(first + 100, self.n))
                          for op in self.join(i)))


class Meter:
    """Processor time of the controller and of ovs-vswitchd, in ms."""

    def __init__(self, chassis):
        self.chassis = chassis
        self.start = time.monotonic()
        self.at_start = self.now()

    def now(self):
        return {daemon: self.chassis.processor_ns(daemon) / 1e6
                for daemon in ("ovn-controller", "ovs-vswitchd")}

    def used(self):
        now = self.now()
        return {daemon: now[daemon] - self.at_start[daemon] for daemon in now}

    def used_for(self, seconds):
        """The same after so many seconds."""
        left = self.start + seconds - time.monotonic()
        if left > 0:
            time.sleep(left)
        return self.used()


class Measurement:
    """One controller among the remote chassis."""

    def __init__(self, top, label, program, sb_db, scenario, config, release,
                 window):
        self.scenario = scenario
        self.window = window
        self.chassis = Chassis(
            top, "%s-%s-%s" % (label, scenario.name, release.version),
            program, sb_db, scenario, dict(
                config, **{"ovn-encap-type": "geneve,vxlan"}), release)
        self.cookies = {
            row["logical_port"]: "0x%x" % int(row["_uuid"][1][:8], 16)
            for row in self.chassis.sb.select("Port_Binding", [], [
                "_uuid", "logical_port"])}

    def dump(self, *match):
        return self.chassis.d.run("ovs-ofctl", "-O", "OpenFlow15",
                                  "dump-flows", "br-int", *match)

    def leads_to(self, i):
        """How many of the ports of remote chassis 'i' have a flow that
        outputs to them.  (The flow has the port's cookie.)"""
        return sum("output:" in self.dump("cookie=%s/-1" % self.cookies[port])
                   for port in self.scenario.ports_of(i))

    def all_reached(self):
        there = set()
        for line in self.dump().splitlines():
            if "output:" in line:
                there.add(line.split("cookie=")[1].split(",")[0])
        return all(self.cookies[port] in there
                   for i in range(self.scenario.n)
                   for port in self.scenario.ports_of(i))

    def tunnel_ports(self):
        """All of them, and those that the switch has made."""
        rows = [row for kind in ("geneve", "vxlan")
                for row in self.chassis.ovs.select(
                    "Interface", [["type", "==", kind]], ["ofport"])]
        return len(rows), sum(isinstance(row["ofport"], int)
                              and row["ofport"] > 0 for row in rows)

    def wait_for_all(self):
        wait_for("tunnel ports", lambda: len(set(self.tunnel_ports())) == 1,
                 0.05)
        return wait_for("flows to all chassis", self.all_reached, 0.2)

    def rest(self):
        """Waits until nobody does much; returns what they do use, in ms a
        second."""
        seconds = self.window
        last = None
        for _ in range(20):
            used = Meter(self.chassis).used_for(seconds)
            used = {daemon: ms / seconds for daemon, ms in used.items()}
            if last and all(abs(used[daemon] - last[daemon])
                            < 3 + last[daemon] / 10 for daemon in used):
                break
            last = used
        return used

    def start(self):
        """From nothing to everything."""
        before = self.chassis.processor_ns("ovs-vswitchd")
        start = time.monotonic()
        self.chassis.synchronise()
        synced = time.monotonic() - start
        seconds = self.wait_for_all() - start
        return {"sync": synced, "start": seconds,
                "start, processor": self.chassis.processor_ns() / 1e6,
                "start, vswitchd's": (self.chassis.processor_ns(
                    "ovs-vswitchd") - before) / 1e6}

    def restart(self):
        """With a switch that has everything."""
        self.chassis.d.appctl("ovn-controller", "exit", "--restart")
        wait_for("exit", lambda: not os.path.exists(
            self.chassis.d.file("ovn-controller.pid")))
        before = self.chassis.processor_ns("ovs-vswitchd")
        n = self.chassis.raise_nb_cfg()
        start = time.monotonic()
        self.chassis.start()
        end = wait_for("nb_cfg", lambda: self.chassis.nb_cfg_reported(n),
                       0.01)
        return {"restart": end - start,
                "restart, processor": self.chassis.processor_ns() / 1e6,
                "restart, vswitchd's": (self.chassis.processor_ns(
                    "ovs-vswitchd") - before) / 1e6}

    def change(self, change, idle):
        """Seconds that 'change' takes, and processor time in ms."""
        meter = Meter(self.chassis)
        change()
        seconds = time.monotonic() - meter.start
        used = meter.used_for(seconds + self.window)
        for daemon in used:
            used[daemon] -= idle[daemon] * (seconds + self.window)
        return seconds, used["ovn-controller"], used["ovs-vswitchd"]

    def changes(self, name, change, idle):
        """The medians, for each of the spare chassis."""
        n = self.scenario.n
        figures = [self.change(lambda i=i: change(i), idle)
                   for i in range(n, n + self.scenario.spare)]
        return {key: statistics.median(column) for key, column in zip(
            (name, name + ", processor", name + ", vswitchd's"),
            zip(*figures))}

    def commit(self, ops, i, n_reached):
        self.chassis.sb.transact(*ops)
        wait_for("a chassis", lambda: self.leads_to(i) == n_reached, 0.01)

    def join(self, i):
        self.commit(self.scenario.join(i), i, PORTS)

    def leave(self, i):
        self.commit(self.scenario.leave(i), i, 0)

    def bind(self, i):
        """A port that nobody has, here."""
        self.chassis.bind(self.scenario.ports_of(i)[0])

    def run(self):
        chassis = self.chassis
        result = self.start()
        idle = self.rest()
        result["tunnel ports"] = self.tunnel_ports()[0]
        result["flows"] = chassis.flows()
        for name, daemon in (("memory", "ovn-controller"),
                             ("vswitchd's memory", "ovs-vswitchd")):
            result[name] = chassis.status_kb("VmRSS", daemon) / 1024.0
        result["idle"] = idle["ovn-controller"]
        result["vswitchd idle"] = idle["ovs-vswitchd"]
        result.update(self.changes("join", self.join, idle))
        result.update(self.changes("leave", self.leave, idle))
        result.update(self.changes("bind", self.bind, idle))
        result.update(self.restart())
        return result


def unit_format(key):
    if key in ("tunnel ports", "flows"):
        return "%d"
    if "memory" in key:
        return "%.0f MB"
    if "idle" in key:
        return "%.1f ms/s"
    return "%.0f ms" if "," in key else "%.3f s"


def show(results):
    labels = list(results)
    print("%-20s" % "" + "".join("%18s" % label for label in labels))
    for key in results[labels[0]]:
        print("%-20s" % key + "".join(
            "%18s" % (unit_format(key) % results[label][key])
            for label in labels))
    sys.stdout.flush()


def bench_chassis(top, args):
    scenario = RemoteScenario(args.chassis, max(args.binds, 1))
    ours = os.path.abspath(args.ours)
    by_flow = {"ovn-enable-flow-based-tunnels": "true"}
    columns = [("ovn-local", ours, {}),
               ("ovn-local by flow", ours, by_flow)]
    print("\n%s: %s" % (scenario.name, scenario))

    tables = [(INSTALLED, [] if args.no_stock
               else [("stock", args.stock, {})])]
    release = (find_release(args.releases, args.release)
               if args.release else None)
    if release:
        tables.append((release, [
            ("stock", release.controller(), {}),
            ("stock by flow", release.controller(), by_flow)]))
    elif args.release:
        print("no OVN %s below %s" % (args.release, args.releases))
    for release, others in tables:
        sb_db = compile_scenario(scenario, top, release)
        results = {}
        for label, program, config in columns + others:
            m = Measurement(top, label.replace(" ", "-"), program, sb_db,
                            scenario, config, release, args.window)
            try:
                results[label] = m.run()
            finally:
                m.chassis.d.kill_all()
        print("\nOVN %s:\n" % release.version)
        show(results)
