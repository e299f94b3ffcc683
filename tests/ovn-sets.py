#! /usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Random changes of address sets and port groups; after each, incremental
equals recompute.

    ovn-sets.py SB-SOCKET CONTROLLER-CTL SEED ROUNDS

The southbound database has a chassis, whose controller is up, and a logical
switch on it with ports vm1 and p1.1 to p1.5, and one with ports vm2 and p2.1
to p2.5; no ovn-northd follows it.

There are logical flows with random matches about random sets and groups.  In
each round, members come and go, sets come and go, and a logical flow may get
another match.  When the controller is done with it, it is told to recompute,
and must not send a single message.
"""

import importlib.machinery
import importlib.util
import os
import random
import sys

import daemons

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bench",
                     "ovn-bench")
sys.path.insert(0, os.path.dirname(BENCH))
loader = importlib.machinery.SourceFileLoader("ovn_bench", BENCH)
spec = importlib.util.spec_from_loader("ovn_bench", loader)
bench = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
loader.exec_module(bench)

COUNTERS = "ofctrl_flow_add", "ofctrl_flow_modify", "ofctrl_flow_delete"

# Addresses: plain ones, such as cover others, and such as mean the same.
IP4 = (["10.0.0.%d" % i for i in range(1, 40)]
       + ["10.0.%d.0/24" % i for i in range(4)]
       + ["10.0.0.0/28", "10.0.0.8/29", "10.0.0.16/30", "10.0.0.0/8"])
ODD_IP4 = ["10.0.0.1/32", "10.0.0.2/255.255.255.255", "10.0.0.5/255.0.0.255",
           "0.0.0.0/0", "10.0.1.7/24", "7", "0xa000003", "fd00::1", "nonsense",
           "10.0.0.3/255.255.255.255"]
IP6 = (["fd00::%x" % i for i in range(1, 40)]
       + ["fd00:%x::/64" % i for i in range(4)]
       + ["fd00::/120", "fd00::10/124"])
ODD_IP6 = ["FD00::A", "fd00:0::b", "fd00::c/128", "::/0", "10.0.0.1"]
MAC = (["02:00:00:00:00:%02x" % i for i in range(1, 40)]
       + ["02:00:00:00:00:00/ff:ff:ff:ff:ff:f0",
          "02:00:00:00:00:00/ff:ff:ff:00:00:00"])
ODD_MAC = ["02:00:00:00:00:0A", "00:00:00:00:00:00/00:00:00:00:00:00"]

KINDS = {"v4": (IP4, ODD_IP4), "v6": (IP6, ODD_IP6), "mac": (MAC, ODD_MAC)}
FIELDS = {"v4": ("ip4.src", "ip4.dst", "arp.spa"),
          "v6": ("ip6.src", "ip6.dst"), "mac": ("eth.src", "eth.dst")}
# Few members, for "!=": what comes of it grows fast.
SMALL = {"v4": "s4", "v6": "s6", "mac": "sm"}
SETS = {"a4": "v4", "b4": "v4", "c4": "v4", "a6": "v6", "b6": "v6",
        "am": "mac", "bm": "mac", "s4": "v4", "s6": "v6", "sm": "mac"}


class World:
    def __init__(self, sb, ctl, rng):
        self.sb, self.ctl, self.rng = sb, ctl, rng
        self.sets = {}
        self.flows = 0
        self.updates = 0

    # Matches.

    def constant(self, kind):
        return self.rng.choice(KINDS[kind][0])

    def big_set(self, kind):
        return "$" + self.rng.choice([name for name, k in SETS.items()
                                      if k == kind and name[0] != "s"])

    def comparison(self, kind=None):
        rng = self.rng
        kind = kind or rng.choice(("v4", "v4", "v4", "v6", "mac"))
        field = rng.choice(FIELDS[kind])
        what = rng.randrange(20)
        if what < 11:
            return "%s == %s" % (field, self.big_set(kind))
        if what < 14:
            return "%s == {%s, %s}" % (field, self.big_set(kind),
                                       self.constant(kind))
        if what < 16:
            return "%s == {%s, %s}" % (field, self.big_set(kind),
                                       self.big_set(kind))
        if what < 18:
            return "%s == %s" % (field, self.constant(kind))
        return rng.choice(("%s != $%s", "!(%s == $%s)")) % (field, SMALL[kind])

    def other(self):
        return self.rng.choice((
            "tcp", "udp.dst == 53", "tcp.dst == {80, 443}",
            "tcp.src == {1, 2, 3}", 'inport == "vm1"', "inport == @pg",
            "outport == @pg", "outport == @pg2", 'inport == {"vm1", @pg2}',
            "inport == {@pg, @pg2}", "outport != @pg2",
            "reg1[0..3] == 5", 'outport == {"vm1", "none"}', "icmp4",
            "ip.ttl == {1, 64}", "eth.type == {0x800, 0x86dd}"))

    def part(self, depth=0):
        rng = self.rng
        what = rng.randrange(10)
        if what < 6 or depth > 1:
            return self.comparison()
        if what < 8:
            return self.other()
        op = rng.choice((" && ", " || "))
        return "(%s)" % op.join(self.part(depth + 1)
                                for _ in range(rng.choice((2, 2, 3))))

    def match(self):
        op = self.rng.choice((" && ", " && ", " || "))
        return op.join([self.comparison()]
                       + [self.part()
                          for _ in range(self.rng.randrange(1, 4))])

    def lflow(self):
        self.flows += 1
        group = self.rng.randrange(4) == 0
        return {"op": "insert", "table": "Logical_Flow", "row": {
            "logical_datapath": ["set", []] if group
                                else self.dps[self.rng.randrange(2)],
            "logical_dp_group": self.group if group else ["set", []],
            "pipeline": "ingress", "table_id": 8,
            "priority": self.rng.randrange(1, 8) * 1000,
            "match": self.match(),
            "actions": self.rng.choice(("next;", "drop;",
                                        "reg2[0] = 1; next;")),
            "external_ids": bench.ovs_map({"sets-test": "true"})}}

    # Sets.

    def members(self, name):
        kind = SETS[name]
        pool, odd = KINDS[kind]
        n = self.rng.randrange(4) if name[0] == "s" else self.rng.choice(
            (0, 1, 2, 3, 20, 25, 30, 30, 35))
        chosen = set(self.rng.sample(pool, n))
        if self.rng.randrange(8) == 0:
            chosen.add(self.rng.choice(odd))
        return chosen

    def change_set(self, name):
        """Returns operations."""
        rng = self.rng
        old = self.sets.get(name)
        where = [["name", "==", name]]
        if old is None:
            new = self.members(name)
            self.sets[name] = new
            return [{"op": "insert", "table": "Address_Set", "row": {
                "name": name, "addresses": bench.ovs_set(sorted(new))}}]
        what = rng.randrange(40)
        if what == 0:
            del self.sets[name]
            return [{"op": "delete", "table": "Address_Set", "where": where}]
        if what < 4:
            new = self.members(name)
        else:
            pool, odd = KINDS[SETS[name]]
            new = set(old)
            for _ in range(rng.choice((1, 1, 1, 1, 2, 3, 5))):
                if rng.randrange(2) and new:
                    new.discard(rng.choice(sorted(new)))
                elif name[0] != "s" or len(new) < 3:
                    new.add(rng.choice(odd if rng.randrange(20) == 0
                                       else pool))
        self.sets[name] = new
        # As changes, or as a whole.
        if rng.randrange(2):
            return [{"op": "mutate", "table": "Address_Set", "where": where,
                     "mutations": [
                         ["addresses", "insert",
                          bench.ovs_set(sorted(new - old))],
                         ["addresses", "delete",
                          bench.ovs_set(sorted(old - new))]]}]
        return [{"op": "update", "table": "Address_Set", "where": where,
                 "row": {"addresses": bench.ovs_set(sorted(new))}}]

    # Groups.

    def change_group(self):
        """Returns operations."""
        rng = self.rng
        dp, name = rng.choice((1, 2)), rng.choice(("pg", "pg2"))
        # Some are elsewhere, or of the other switch.
        ports = (["p%d.%d" % (dp, i) for i in range(1, 6)]
                 + ["vm%d" % dp, "far", "p%d.1" % (3 - dp)])
        where = [["name", "==", "%d_%s" % (dp, name)]]
        if rng.randrange(3) == 0:
            return [{"op": "update", "table": "Port_Group", "where": where,
                     "row": {"ports": bench.ovs_set(rng.sample(
                         ports, rng.randrange(len(ports))))}}]
        return [{"op": "mutate", "table": "Port_Group", "where": where,
                 "mutations": [["ports", rng.choice(("insert", "delete")),
                                rng.choice(ports)]]}]

    # Running.

    def appctl(self, *args):
        return daemons.call(self.ctl, *args).strip()

    def counter(self, name):
        return int(self.appctl("coverage/read-counter", name))

    def sent(self):
        return [self.counter(name) for name in COUNTERS]

    def commit(self, *ops):
        """Does that, and waits until it is in the switch."""
        n = self.sb.select("SB_Global", [], ["nb_cfg"])[0]["nb_cfg"] + 1
        self.sb.transact(*ops, {"op": "update", "table": "SB_Global",
                                "where": [], "row": {"nb_cfg": n}})
        bench.wait_for("nb_cfg", lambda: self.sb.select(
            "Chassis_Private", [], ["nb_cfg"])[0]["nb_cfg"] >= n)

    def check(self, what):
        before = self.sent()
        self.appctl("inc-engine/recompute")
        self.commit()
        if self.sent() != before:
            raise bench.Failure("a recompute finds something to do after %s"
                                % what)

    def set_up(self):
        rows = self.sb.select("Datapath_Binding", [], ["_uuid", "tunnel_key"])
        rows.sort(key=lambda row: row["tunnel_key"])
        self.dps = [row["_uuid"] for row in rows[:2]]
        self.sb.transact({"op": "insert", "table": "Logical_DP_Group",
                          "uuid-name": "g", "row": {
                              "datapaths": ["set", self.dps]}},
                         {"op": "insert", "table": "Logical_Flow", "row": {
                             "logical_dp_group": ["named-uuid", "g"],
                             "pipeline": "ingress", "table_id": 8,
                             "priority": 0, "match": "0", "actions": "drop;"}})
        self.group = self.sb.select("Logical_Flow", [
            ["match", "==", "0"]], ["logical_dp_group"])[0]["logical_dp_group"]
        ops = [{"op": "insert", "table": "Port_Group", "row": {
            "name": "%d_%s" % (row["tunnel_key"], name),
            "ports": bench.ovs_set(["vm%d" % row["tunnel_key"]])}}
               for row in rows[:2] for name in ("pg", "pg2")]
        for name in SETS:
            ops += self.change_set(name)
        self.commit(*ops, *[self.lflow() for _ in range(25)])
        self.check("the start")

    def round(self):
        rng = self.rng
        ops = []
        names = rng.sample(sorted(SETS), rng.choice((1, 1, 1, 2, 3)))
        groups = rng.choice((0, 0, 1, 2))
        if groups == 2:
            # Groups alone.
            names = []
        for name in names:
            ops += self.change_set(name)
        for _ in range(groups):
            ops += self.change_group()
        if rng.randrange(6) == 0:
            rows = self.sb.select("Logical_Flow", [
                ["external_ids", "includes",
                 bench.ovs_map({"sets-test": "true"})]], ["_uuid"])
            row = rng.choice(sorted(rows, key=lambda row: row["_uuid"]))
            ops.append({"op": "delete", "table": "Logical_Flow",
                        "where": [["_uuid", "==", row["_uuid"]]]})
            ops.append(self.lflow())
        self.commit(*ops)
        self.check(ops)


def main(argv):
    if len(argv) != 5:
        sys.exit(__doc__)
    socket, ctl, seed, rounds = argv[1], argv[2], int(argv[3]), int(argv[4])
    world = World(bench.Database(socket, "OVN_Southbound"), ctl,
                  random.Random(seed))
    i = 0
    try:
        world.set_up()
        for i in range(rounds):
            world.round()
    except bench.Failure as e:
        print("seed %d, round %d: %s" % (seed, i, e), file=sys.stderr)
        return 1
    print("%d rounds, %d updates" % (rounds,
                                     world.counter("inc_unit_update")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
