#! /usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Random changes to a deployment; after each, incremental equals recompute.

Runs against a central and one chassis that are up already:

    OVN_NB_DB, OVN_SB_DB   where the databases are
    OVS_RUNDIR             run directory of the chassis' switch
    --target               unixctl socket of its controller
    --chassis              its name

Each round makes one change out of a repertoire (ports, ACLs, address sets,
port groups, load balancers with all that can be asked of them, by their
options, by entries of ovn-lb-northd and by the chassis' default, template
variables, MAC bindings, FDB entries, bindings, other chassis and their ports),
waits until the controller has acknowledged it, and then asks for a recompute.
The flows, groups and meters in the switch must be the same before and after,
and the controller must not have sent a single modification. The seed is
printed, so that a failure can be had again. """

import argparse
import json
import os
import random
import sys
import time

from daemons import Failure, nbctl, run, sbctl, vsctl

COUNTERS = ["ofctrl_%s_%s" % (what, how) for what in ("flow", "group", "meter")
            for how in ("add", "modify", "delete")]
SWITCHES = 3
PORTS = 6                       # A switch.
TIMEOUT = 60


def port(s, p):
    return "sw%d-p%d" % (s, p)


def ip(s, p):
    return "10.0.%d.%d" % (s, p + 10)


def ip6(s, p):
    return "fd0%d::%d" % (s, p + 10)


class Deployment:
    def __init__(self, rng, chassis, target):
        self.rng, self.chassis, self.target = rng, chassis, target
        self.lsps = set()
        self.bound = set()
        self.acls = {}          # (switch or group) -> [(dir, prio, match)]
        self.sets = set()
        self.groups = set()
        self.lbs = {}           # name -> {target}
        self.others = set()
        self.localnets = set()

    def set_up(self):
        vsctl("set", "open", ".",
              "external_ids:ovn-bridge-mappings=phys:br-phys")
        nbctl("lr-add", "lr0")
        for s in range(SWITCHES):
            sw = "sw%d" % s
            nbctl("ls-add", sw, "--", "lrp-add", "lr0", "lr0-" + sw,
                  "00:00:00:00:ff:0%d" % s, "10.0.%d.1/24" % s,
                  "fd0%d::1/64" % s,
                  "--", "lsp-add", sw, sw + "-lr0",
                  "--", "lsp-set-type", sw + "-lr0", "router",
                  "--", "lsp-set-addresses", sw + "-lr0", "router",
                  "--", "lsp-set-options", sw + "-lr0",
                  "router-port=lr0-" + sw)
            for p in range(3):
                self._add_lsp(s, p)
        for p in range(2):
            self._bind(port(0, p))
        # What is made of template variables, whatever their values.
        nbctl("create", "Chassis_Template_Var", "chassis=" + self.chassis,
              "variables=port=80")
        nbctl("--template", "lb-add", "tlb", "^v0:^port", "^v1:80,^v2:^port",
              "tcp", "--", "ls-lb-add", "sw0", "tlb", "--", "lr-lb-add",
              "lr0", "tlb",
              "--", "acl-add", "sw1", "to-lport", "7",
              "ip4.src == {^v0, ^v1} && tcp.dst == {^port, 7}", "drop")

    # Helpers of the changes below.

    def _add_lsp(self, s, p):
        name = port(s, p)
        nbctl("lsp-add", "sw%d" % s, name, "--", "lsp-set-addresses", name,
              "02:00:00:00:0%d:%02x %s %s" % (s, p, ip(s, p), ip6(s, p)))
        self.lsps.add(name)

    def _bind(self, name):
        vsctl("--may-exist", "add-port", "br-int", name, "--", "set",
              "interface", name, "type=dummy",
              "external_ids:iface-id=" + name)
        self.bound.add(name)

    def _any(self, collection):
        return self.rng.choice(sorted(collection))

    def _any_address(self):
        s, p = self.rng.randrange(SWITCHES), self.rng.randrange(PORTS)
        return ip(s, p)

    # The changes.  Each returns what it did, or None if it does not apply.

    def add_lsp(self):
        s, p = self.rng.randrange(SWITCHES), self.rng.randrange(PORTS)
        if port(s, p) in self.lsps:
            return None
        self._add_lsp(s, p)
        return "lsp-add %s" % port(s, p)

    def del_lsp(self):
        if len(self.lsps) < 4:
            return None
        name = self._any(self.lsps)
        nbctl("lsp-del", name)
        self.lsps.discard(name)
        return "lsp-del %s" % name

    def port_security(self):
        name = self._any(self.lsps)
        form = self.rng.choice(["", "02:00:00:00:00:01",
                                "02:00:00:00:00:01 10.0.0.7 fd00::7"])
        nbctl("lsp-set-port-security", name, *([form] if form else []))
        return "lsp-set-port-security %s '%s'" % (name, form)

    def unknown_address(self):
        name = self._any(self.lsps)
        nbctl("lsp-set-addresses", name, "unknown")
        return "lsp-set-addresses %s unknown" % name

    def bind(self):
        s, p = self.rng.randrange(SWITCHES), self.rng.randrange(PORTS)
        name = port(s, p)
        if name in self.bound:
            return None
        self._bind(name)
        return "bind %s" % name

    def unbind(self):
        if not self.bound:
            return None
        name = self._any(self.bound)
        vsctl("del-port", "br-int", name)
        self.bound.discard(name)
        return "unbind %s" % name

    def requested_chassis(self):
        name = self._any(self.lsps)
        where = self.rng.choice([self.chassis, "elsewhere", ""])
        nbctl("lsp-set-options", name,
              *(["requested-chassis=" + where] if where else []))
        return "requested-chassis %s %s" % (name, where)

    def add_acl(self):
        on = self._any(self.groups | {"sw%d" % s for s in range(SWITCHES)})
        direction = self.rng.choice(["from-lport", "to-lport"])
        side = "inport" if direction == "from-lport" else "outport"
        whose = "%s == @%s && " % (side, on) if on in self.groups else ""
        sets = ["ip4.src == $%s" % s for s in sorted(self.sets)]
        match = whose + self.rng.choice(sets + [
            "ip4.dst == {10.0.0.0/30, 10.0.1.5} && tcp.dst == {80, 443}",
            "ip4 && 1000 <= tcp.dst <= 2000",
            "ip6 && udp.dst == 53",
            "ip4.src == {10.0.0.1, 10.0.0.2} && ip4.dst == {10.0.0.3, "
            "10.0.0.4} && tcp",
            "%s == \"%s\" && icmp" % (side, self._any(self.lsps)),
            "sctp && sctp.dst != 7"])
        prio = str(self.rng.randrange(1, 2000))
        verdict = self.rng.choice(["allow", "allow-related", "drop",
                                   "allow-stateless"])
        nbctl("--may-exist", "acl-add", on, direction, prio, match, verdict)
        self.acls.setdefault(on, []).append((direction, prio, match))
        return "acl-add %s %s %s '%s' %s" % (on, direction, prio, match,
                                             verdict)

    def del_acl(self):
        held = [on for on, acls in self.acls.items() if acls]
        if not held:
            return None
        on = self._any(held)
        acl = self.acls[on].pop(self.rng.randrange(len(self.acls[on])))
        nbctl("acl-del", on, *acl)
        return "acl-del %s" % on

    def change_set(self):
        name = "as%d" % self.rng.randrange(3)
        members = sorted({self._any_address()
                          for _ in range(self.rng.randrange(1, 6))})
        value = "addresses=" + ",".join('"%s"' % a for a in members)
        if name in self.sets:
            nbctl("set", "Address_Set", name, value)
        else:
            nbctl("create", "Address_Set", "name=" + name, value)
            self.sets.add(name)
        return "address set %s %s" % (name, members)

    def change_group(self):
        name = "pg%d" % self.rng.randrange(3)
        members = self.rng.sample(sorted(self.lsps),
                                  min(len(self.lsps), 3))
        nbctl("pg-set-ports" if name in self.groups else "pg-add", name,
              *members)
        self.groups.add(name)
        return "port group %s %s" % (name, members)

    def change_lb(self):
        name = "lb%d" % self.rng.randrange(4)
        n = int(name[2:])
        proto = self.rng.choice(["tcp", "udp"])
        v6 = self.rng.random() < .3
        backends = []
        for _ in range(self.rng.randrange(1, 5)):
            s, p = self.rng.randrange(SWITCHES), self.rng.randrange(PORTS)
            backends.append("[%s]:8080" % ip6(s, p) if v6
                            else "%s:8080" % ip(s, p))
        vip = "[fd0f::%d]:80" % n if v6 else "172.16.0.%d:80" % n
        nbctl("--may-exist", "lb-add", name, vip, ",".join(backends), proto)
        self.lbs.setdefault(name, set())
        return "lb-add %s %s %s %s" % (name, vip, ",".join(backends), proto)

    def attach_lb(self):
        if not self.lbs:
            return None
        name = self._any(self.lbs)
        where = self.rng.choice(["sw0", "sw1", "lr0"])
        kind = "lr" if where == "lr0" else "ls"
        if where in self.lbs[name]:
            nbctl("%s-lb-del" % kind, where, name)
            self.lbs[name].discard(where)
            return "lb-del %s %s" % (where, name)
        nbctl("--may-exist", "%s-lb-add" % kind, where, name)
        self.lbs[name].add(where)
        return "lb-add %s %s" % (where, name)

    def distribute_lb(self):
        if not self.lbs:
            return None
        name = self._any(self.lbs)
        value = self.rng.choice(["true", "true", "fallback", "false", "odd",
                                 None])
        if value:
            nbctl("set", "Load_Balancer", name, "options:distributed=" + value)
        else:
            nbctl("remove", "Load_Balancer", name, "options", "distributed")
        return "distributed %s %s" % (name, value)

    def publish_lb(self):
        """What ovn-lb-northd would publish, and what it would not."""
        name = self._any(set(self.lbs) | {"tlb"})
        key = ("ovn-local-lb-"
               + nbctl("get", "Load_Balancer", name, "_uuid").strip())
        if self.rng.random() < .2:
            sbctl("remove", "SB_Global", ".", "external_ids", key)
            return "no entry for %s" % name
        entry = {"options": {}, "ip_port_mappings": {}}
        value = self.rng.choice(["true", "true", "fallback", "false", "odd",
                                 None])
        if value:
            entry["options"]["distributed"] = value
        for _ in range(self.rng.randrange(3)):
            address = self._any_address()
            entry["ip_port_mappings"][address] = self.rng.choice(
                [self._any(self.lsps), self._any(self.bound or self.lsps),
                 self._any(self.lsps) + ":10.0.0.9", "no-such-port", ""])
        text = json.dumps(entry)
        if self.rng.random() < .1:
            text = text[1:]
        sbctl("set", "SB_Global", ".", "external_ids:%s=%s"
              % (key, json.dumps(text)))
        return "entry for %s: %s" % (name, text)

    def lb_default(self):
        key = "ovn-lb-local" + self.rng.choice(["", "", "-" + self.chassis])
        value = self.rng.choice(["strict", "fallback", "off", "odd", None,
                                 None])
        if value:
            vsctl("set", "Open_vSwitch", ".", "external_ids:%s=%s"
                  % (key, value))
        else:
            vsctl("remove", "Open_vSwitch", ".", "external_ids", key)
        return "%s %s" % (key, value)

    def template_var(self):
        name = self.rng.choice(["v0", "v1", "v2", "port", "unused"])
        if self.rng.random() < .2:
            nbctl("remove", "Chassis_Template_Var", self.chassis, "variables",
                  name)
            return "no template variable %s" % name
        value = (str(self.rng.randrange(1, 5)) if name == "port"
                 else self._any_address())
        nbctl("set", "Chassis_Template_Var", self.chassis,
              "variables:%s=%s" % (name, value))
        return "template variable %s = %s" % (name, value)

    def lb_option(self):
        name = self._any(set(self.lbs) | {"tlb"})
        option = self.rng.choice([
            'hairpin_snat_ip="172.30.0.%d"' % self.rng.randrange(1, 4),
            'hairpin_snat_ip="172.30.0.9 fd30::9"',
            "affinity_timeout=%d" % self.rng.randrange(0, 90, 30)])
        nbctl("set", "Load_Balancer", name, "options:" + option)
        return "load balancer %s %s" % (name, option)

    def static_mac_binding(self):
        s, p = self.rng.randrange(SWITCHES), self.rng.randrange(PORTS)
        lrp = "lr0-sw%d" % s
        if self.rng.random() < .3:
            nbctl("--if-exists", "static-mac-binding-del", lrp, ip(s, p))
            return "static-mac-binding-del %s %s" % (lrp, ip(s, p))
        mac = "02:00:00:00:50:%02x" % self.rng.randrange(4)
        nbctl("--may-exist", "static-mac-binding-add", lrp, ip(s, p), mac)
        return "static-mac-binding-add %s %s %s" % (lrp, ip(s, p), mac)

    def learned(self):
        """MAC_Binding and FDB rows, as if a chassis had learned them."""
        nbctl("--wait=sb", "sync")
        s, p = self.rng.randrange(SWITCHES), self.rng.randrange(PORTS)
        mac = '"02:00:00:00:60:%02x"' % self.rng.randrange(4)
        dp = sbctl("--bare", "--columns=_uuid,tunnel_key", "find",
                   "Datapath_Binding",
                   "external_ids:name=" + self.rng.choice(["lr0", "sw0"]))
        uuid, key = dp.split()
        if self.rng.random() < .5:
            row = ("MAC_Binding", "logical_port=lr0-sw%d" % s,
                   'ip="%s"' % self.rng.choice([ip(s, p), ip6(s, p)]))
            rest = ("mac=" + mac, "datapath=" + uuid)
        else:
            row = ("FDB", "mac=" + mac, "dp_key=" + key)
            rest = ("port_key=%d" % self.rng.randrange(1, 4),)
        old = sbctl("--bare", "--columns=_uuid", "find", *row).split()
        if not old:
            sbctl("create", *(row + rest))
            return "learn %s %s" % (row, rest)
        if self.rng.random() < .5:
            sbctl("destroy", row[0], *old)
            return "forget %s" % (row,)
        sbctl("set", row[0], old[0], *rest)
        return "learn anew %s %s" % (row, rest)

    def other_chassis(self):
        name = "other%d" % self.rng.randrange(3)
        if name in self.others:
            sbctl("chassis-del", name)
            self.others.discard(name)
            return "chassis-del %s" % name
        sbctl("chassis-add", name, self.rng.choice(["geneve", "vxlan"]),
              "192.168.200.%s" % (int(name[5:]) + 1))
        self.others.add(name)
        return "chassis-add %s" % name

    def bind_elsewhere(self):
        free = self.lsps - self.bound
        if not self.others or not free:
            return None
        name, where = self._any(free), self._any(self.others)
        nbctl("--wait=sb", "sync")
        sbctl("--if-exists", "lsp-unbind", name)
        sbctl("lsp-bind", name, where)
        return "lsp-bind %s %s" % (name, where)

    def migrate(self):
        """A port gets another chassis besides its own, or has none any
        more."""
        name = self._any(self.lsps)
        nbctl("--wait=sb", "sync")
        if not self.others or self.rng.random() < .3:
            sbctl("clear", "Port_Binding", name, "additional_chassis")
            return "%s has no additional chassis" % name
        where = self._any(self.others)
        sbctl("--id=@c", "get", "Chassis", where, "--",
              "set", "Port_Binding", name, "additional_chassis=@c")
        return "%s is on %s, too" % (name, where)

    def localnet(self):
        s = self.rng.randrange(SWITCHES)
        name = "ln%d-sw%d" % (self.rng.randrange(2), s)
        if name in self.localnets:
            nbctl("lsp-del", name)
            self.localnets.discard(name)
            return "lsp-del %s" % name
        tag = self.rng.choice([[], ["", str(s + 10)]])
        passthru = self.rng.choice(["true", "false"])
        nbctl("lsp-add", "sw%d" % s, name, *tag,
              "--", "lsp-set-type", name, "localnet",
              "--", "lsp-set-addresses", name, "unknown",
              "--", "lsp-set-options", name, "network_name=phys",
              "--", "set", "Logical_Switch", "sw%d" % s,
              "other_config:vlan-passthru=" + passthru)
        self.localnets.add(name)
        return "localnet %s %s, passthru %s" % (name, tag, passthru)

    CHANGES = (add_lsp, del_lsp, port_security, unknown_address, bind, bind,
               unbind, requested_chassis, add_acl, add_acl, del_acl,
               change_set, change_set, change_group, change_lb, change_lb,
               attach_lb, distribute_lb, distribute_lb, publish_lb, publish_lb,
               lb_default, other_chassis, bind_elsewhere, migrate, migrate,
               localnet,
               template_var, template_var, lb_option, static_mac_binding,
               learned, learned)

    def change(self):
        while True:
            what = self.rng.choice(self.CHANGES)(self)
            if what:
                return what

    # Looking at the switch.

    def appctl(self, *args):
        return run("ovs-appctl", "-t", self.target, *args)

    def sync(self):
        nbctl("--wait=sb", "sync")
        want = int(sbctl("get", "SB_Global", ".", "nb_cfg"))
        deadline = time.monotonic() + TIMEOUT
        while True:
            got = sbctl("get", "Chassis_Private", self.chassis, "nb_cfg")
            if int(got) >= want:
                return
            if time.monotonic() > deadline:
                raise Failure("nb_cfg %d was not reached" % want)
            time.sleep(0.01)

    def snapshot(self):
        def dump(what, *args):
            text = run("ovs-ofctl", "-O", "OpenFlow15", what, "br-int", *args)
            return sorted(line.strip() for line in text.splitlines()
                          if "xid=" not in line)
        # Table 69 is filled by learn() actions, not by the controller.
        return [("flows", [line for line in dump("dump-flows", "--no-stats")
                           if "table=69," not in line]),
                ("groups", dump("dump-groups")),
                ("meters", dump("dump-meters"))]

    def counters(self):
        # coverage/show would leave out what the last second has counted.
        return {c: int(self.appctl("coverage/read-counter", c))
                for c in COUNTERS}


def check(d, what):
    d.sync()
    before, mods = d.snapshot(), d.counters()
    d.appctl("inc-engine/recompute")
    d.sync()
    after, mods_after = d.snapshot(), d.counters()
    for (name, old), (_, new) in zip(before, after):
        if old != new:
            raise Failure("after '%s', a recompute changes the %s:\n%s"
                          % (what, name, "\n".join(
                              ["- " + x for x in sorted(set(old) - set(new))]
                              + ["+ " + x
                                 for x in sorted(set(new) - set(old))])))
    if mods != mods_after:
        raise Failure("after '%s', a recompute sends: %s -> %s"
                      % (what, mods, mods_after))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chassis", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--seed", type=int,
                        default=int.from_bytes(os.urandom(4), "big"))
    args = parser.parse_args()
    print("seed %d" % args.seed)
    d = Deployment(random.Random(args.seed), args.chassis, args.target)
    what = "set up"
    try:
        d.set_up()
        check(d, what)
        for i in range(args.changes):
            what = d.change()
            print("%d: %s" % (i, what), flush=True)
            check(d, what)
    except Failure as e:
        print("FAILED after '%s' (seed %d): %s" % (what, args.seed, e),
              file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
