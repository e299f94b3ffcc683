#! /usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Ports go to and fro between two chassis; the rows end right each time.

Runs against a central and two chassis, hv1 and hv2, that are up already:

    OVN_NB_DB, OVN_SB_DB   where the databases are
    OVN_CONTROLLER         the program
    --base                 the directory with one directory for each of them
    --changes              how many

Each step makes one or several of a repertoire of changes, now and then while
one of the controllers stands still (SIGSTOP), so that it acts late, or right
before it is killed, or while somebody else spoils a row.  A model says what
the rows of ports and interfaces should be; they have to become that.  Every
few steps the controllers are started anew, after columns of theirs were
blanked: both databases must then say what they said before.

The seed is printed, so that a failure can be had again.
"""

import argparse
import os
import random
import re
import signal
import sys
import time

import daemons
from daemons import Failure, nbctl, run, sbctl

SHOW_ROWS = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                         "show-rows.py")
CHASSIS = ("hv1", "hv2")
IPS = {"hv1": "192.168.0.1", "hv2": "192.168.0.2"}
VIFS = 4
GATEWAYS = 3
TIMEOUT = int(os.environ.get("OVN_TEST_TIMEOUT") or 60)


def sb_table(table, *columns):
    """The rows, with each value as a list."""
    for row in daemons.rows("ovn-sbctl", table, columns):
        yield {column: as_list(value) for column, value in row.items()}


def as_list(value):
    if isinstance(value, list):
        kind, content = value
        return sum(map(as_list, content), []) if kind == "set" else [content]
    return [value]


def other(chassis):
    return CHASSIS[chassis == CHASSIS[0]]


class Controller:
    """The controller of a chassis, as a process."""

    def __init__(self, base, chassis):
        self.chassis = chassis
        self.dir = os.path.join(base, chassis)
        self.env = dict(os.environ)
        for name in ("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVN_RUNDIR",
                     "OVN_LOGDIR"):
            self.env[name] = self.dir

    def pid(self):
        with open(os.path.join(self.dir, "controller.pid"),
                  encoding="ascii") as f:
            return int(f.read())

    def start(self):
        run(os.environ["OVN_CONTROLLER"], "--detach", "--no-chdir",
            "-vconsole:off", "--pidfile=%s/controller.pid" % self.dir,
            "--log-file=%s/controller.log" % self.dir,
            "unix:%s/ovsdb.sock" % self.dir, env=self.env)

    def end(self, politely):
        """Ends it, without giving up what the chassis has."""
        pid = self.pid()
        if politely:
            run("ovs-appctl", "-t", "%s/ovn-controller.%d.ctl"
                % (self.dir, pid), "exit", "--restart", env=self.env)
        else:
            os.kill(pid, signal.SIGKILL)
        deadline = time.time() + TIMEOUT
        while self.is_running(pid):
            if time.time() > deadline:
                raise Failure("%s: the controller does not end" % self.chassis)
            time.sleep(0.02)
        if not politely:
            os.unlink(os.path.join(self.dir, "controller.pid"))

    @staticmethod
    def is_running(pid):
        try:
            with open("/proc/%d/stat" % pid, encoding="ascii") as f:
                return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
        except OSError:
            return False

    def vsctl(self, *args):
        return run("ovs-vsctl", *args, env=self.env)

    def rows(self):
        return run(sys.executable, SHOW_ROWS, "ovs", env=self.env)


class Model:
    """What has been asked for."""

    def __init__(self):
        self.ifaces = {}            # (chassis, n): encap-ip or None.
        self.requested = {n: [] for n in range(VIFS)}
        self.gateway = {n: CHASSIS[0] for n in range(GATEWAYS)}
        self.router = {n: CHASSIS[0] for n in range(GATEWAYS)}
        self.external = CHASSIS[0]
        self.l2gateway = CHASSIS[0]

    def encap(self, chassis, n):
        ip = self.ifaces.get((chassis, n))
        return [ip] if ip == IPS[chassis] else []

    def vif(self, n):
        """(chassis, encap, additional chassis, additional encaps)."""
        requested = self.requested[n]
        here = [c for c in CHASSIS if (c, n) in self.ifaces]
        if not requested:
            assert len(here) <= 1
            primary, additional = (here + [None])[0], []
        else:
            primary = requested[0] if requested[0] in here else None
            additional = [c for c in requested[1:] if c in here]
        return (primary, self.encap(primary, n) if primary else [],
                sorted(additional),
                sorted(sum((self.encap(c, n) for c in additional), [])))

    def ports(self):
        expected = {}
        for n in range(VIFS):
            expected["v%d" % n] = self.vif(n)
            expected["c%d" % n] = self.vif(n)
        for n in range(GATEWAYS):
            expected["cr-lrp%d" % n] = (self.gateway[n], [], [], [])
            expected["gwp%d" % n] = (self.router[n], [], [], [])
            expected["sw%d-gw" % n] = (self.router[n], [], [], [])
        expected["ext"] = (self.external, [], [], [])
        expected["l2"] = (self.l2gateway, [], [], [])
        return expected

    def marks(self, chassis):
        """The interfaces that should be marked as installed."""
        return {"v%d" % n for n in range(VIFS) if (chassis, n) in self.ifaces
                and chassis in [self.vif(n)[0]] + self.vif(n)[2]}


class Deployment:
    def __init__(self, rng, base):
        self.rng = rng
        self.model = Model()
        self.controllers = {c: Controller(base, c) for c in CHASSIS}
        self.vip = None

    def set_up(self):
        args = ["ls-add", "sw", "--", "lr-add", "lr0"]
        for n in range(VIFS):
            args += ["--", "lsp-add", "sw", "v%d" % n,
                     "--", "lsp-add", "sw", "c%d" % n, "v%d" % n, str(n + 1)]
        for n in range(GATEWAYS):
            sw = "sw%d" % n
            args += ["--", "ls-add", sw, "--", "lr-add", "gw%d" % n,
                     "--", "lrp-add", "lr0", "lrp%d" % n,
                     "00:00:00:00:01:0%d" % n, "10.0.%d.1/24" % n,
                     "--", "lrp-add", "gw%d" % n, "gwp%d" % n,
                     "00:00:00:00:02:0%d" % n, "10.0.%d.2/24" % n]
            for peer, name in (("lrp%d" % n, "lr0"), ("gwp%d" % n, "gw")):
                lsp = "%s-%s" % (sw, name)
                args += ["--", "lsp-add", sw, lsp,
                         "--", "lsp-set-type", lsp, "router",
                         "--", "lsp-set-addresses", lsp, "router",
                         "--", "lsp-set-options", lsp, "router-port=" + peer]
        args += ["--", "lsp-add", "sw", "vip",
                 "--", "lsp-set-type", "vip", "virtual",
                 "--", "lsp-set-options", "vip", "virtual-ip=10.9.9.9",
                 "virtual-parents=v0,v1",
                 "--", "lsp-add", "sw", "ext",
                 "--", "lsp-set-type", "ext", "external",
                 "--", "lsp-add", "sw", "l2",
                 "--", "lsp-set-type", "l2", "l2gateway",
                 "--", "lsp-add", "sw", "ln",
                 "--", "lsp-set-type", "ln", "localnet",
                 "--", "lsp-set-options", "ln", "network_name=phys",
                 "--", "ha-chassis-group-add", "group"]
        nbctl(*args)
        group = nbctl("--bare", "--columns=_uuid", "list",
                      "HA_Chassis_Group").strip()
        args = ["set", "Logical_Switch_Port", "ext",
                "ha_chassis_group=" + group]
        for n in range(GATEWAYS):
            args += ["--"] + self._prefer("lrp%d" % n, CHASSIS[0])
            args += ["--"] + self._route("gw%d" % n, CHASSIS[0])
        args += ["--"] + self._external(CHASSIS[0])
        args += ["--"] + self._l2gateway(CHASSIS[0])
        nbctl(*args)
        for c in self.controllers.values():
            c.vsctl("--may-exist", "add-br", "br-phys1", "--", "set",
                    "Open_vSwitch", ".",
                    "external-ids:ovn-bridge-mappings=phys:br-phys1")

    # The northbound side's words.

    @staticmethod
    def _prefer(lrp, chassis):
        return ["lrp-set-gateway-chassis", lrp, chassis, "20",
                "--", "lrp-set-gateway-chassis", lrp, other(chassis), "10"]

    @staticmethod
    def _route(router, chassis):
        return ["set", "Logical_Router", router, "options:chassis=" + chassis]

    @staticmethod
    def _external(chassis):
        return ["ha-chassis-group-add-chassis", "group", chassis, "20", "--",
                "ha-chassis-group-add-chassis", "group", other(chassis), "10"]

    @staticmethod
    def _l2gateway(chassis):
        return ["lsp-set-options", "l2", "network_name=phys",
                "l2gateway-chassis=" + chassis]

    # The changes.  Each returns what it did.

    def move_gateways(self):
        n = self.rng.randrange(GATEWAYS)
        to = self.rng.choice(CHASSIS)
        self.model.gateway[n] = self.model.router[n] = to
        nbctl(*self._prefer("lrp%d" % n, to), "--",
              *self._route("gw%d" % n, to))
        return "gateways %d to %s" % (n, to)

    def swap_all_gateways(self):
        args = []
        for n in range(GATEWAYS):
            to = other(self.model.gateway[n])
            self.model.gateway[n] = to
            args += ["--"] + self._prefer("lrp%d" % n, to)
        to = other(self.model.external)
        self.model.external = to
        nbctl(*args, "--", *self._external(to))
        return "all gateways swapped"

    def move_l2gateway(self):
        to = self.rng.choice(CHASSIS)
        self.model.l2gateway = to
        nbctl(*self._l2gateway(to))
        return "l2gateway to " + to

    def move_vif(self):
        """The interface of a VIF goes, and comes elsewhere or not."""
        n = self.rng.randrange(VIFS)
        self._forget_vip(n)
        for c in CHASSIS:
            if (c, n) in self.model.ifaces:
                self.controllers[c].vsctl("del-port", "br-int", "v%d" % n)
                del self.model.ifaces[c, n]
        places = [CHASSIS[:1], CHASSIS[1:], ()]
        if self.model.requested[n]:
            places.append(CHASSIS)
        place = self.rng.choice(places)
        for c in place:
            ip = self.rng.choice((None, IPS[c], "192.168.0.77"))
            self.model.ifaces[c, n] = ip
            self.controllers[c].vsctl(
                "add-port", "br-int", "v%d" % n, "--", "set", "interface",
                "v%d" % n, "external_ids:iface-id=v%d" % n,
                *(["external_ids:encap-ip=" + ip] if ip else []))
        return "v%d at %s" % (n, " and ".join(place) or "no place")

    def request(self):
        n = self.rng.randrange(VIFS)
        self._forget_vip(n)
        choices = [["hv1"], ["hv2"], ["hv1", "hv2"], ["hv2", "hv1"]]
        if sum((c, n) in self.model.ifaces for c in CHASSIS) < 2:
            choices.append([])
        requested = self.rng.choice(choices)
        self.model.requested[n] = requested
        nbctl("lsp-set-options", "v%d" % n,
              *(["requested-chassis=" + ",".join(requested)] if requested
                else []))
        return "v%d requested at %s" % (n, ",".join(requested) or "any")

    def change_encap_ip(self):
        if not self.model.ifaces:
            return None
        c, n = self.rng.choice(sorted(self.model.ifaces))
        ip = self.rng.choice((None, IPS[c], "192.168.0.77"))
        self.model.ifaces[c, n] = ip
        if ip:
            self.controllers[c].vsctl("set", "interface", "v%d" % n,
                                      "external_ids:encap-ip=" + ip)
        else:
            self.controllers[c].vsctl("remove", "interface", "v%d" % n,
                                      "external_ids", "encap-ip")
        return "encap-ip of v%d at %s: %s" % (n, c, ip)

    def _forget_vip(self, n):
        """What becomes of a virtual port whose parent moves depends on who
        sees it first."""
        if self.vip == n:
            sbctl("clear", "Port_Binding", "vip", "virtual_parent")
            self.vip = None

    def announce_vip(self):
        parents = [n for n in (0, 1) if self.model.vif(n)[0]]
        if not parents:
            return None
        n = self.rng.choice(parents)
        self.vip = n
        uuid = sbctl("--bare", "--columns=_uuid", "find", "Chassis",
                     "name=" + self.model.vif(n)[0]).strip()
        sbctl("set", "Port_Binding", "vip", "virtual_parent=v%d" % n,
              "chassis=" + uuid)
        return "vip at v%d" % n

    def spoil(self):
        """Somebody else writes into the rows."""
        ports = self.model.ports()
        # What is said of a port that is nobody's, nobody puts right.
        port = self.rng.choice(sorted(p for p, row in ports.items()
                                      if row[0]))
        what = self.rng.choice(("up=false", "encap=@", "chassis=@",
                                "additional_chassis=@"))
        column, value = what.split("=")
        if value == "@":
            table = "Encap" if column == "encap" else "Chassis"
            value = self.rng.choice(sbctl("--bare", "--columns=_uuid", "list",
                                          table).split())
        sbctl("set", "Port_Binding", port, "%s=%s" % (column, value))
        return "%s of %s spoiled" % (column, port)

    def spoil_mark(self):
        if not self.model.ifaces:
            return None
        c, n = self.rng.choice(sorted(self.model.ifaces))
        self.controllers[c].vsctl("remove", "interface", "v%d" % n,
                                  "external_ids", "ovn-installed")
        return "v%d's mark at %s spoiled" % (n, c)

    CHANGES = (move_gateways, swap_all_gateways, move_l2gateway, move_vif,
               move_vif, request, request, change_encap_ip, announce_vip,
               spoil, spoil_mark)

    def change(self):
        done = None
        while not done:
            done = self.rng.choice(self.CHANGES)(self)
        return done

    def step(self):
        """Some changes, with or without a controller that is late."""
        late = self.rng.choice((None, None, "stop", "stop", "kill"))
        c = self.controllers[self.rng.choice(CHASSIS)]
        done = []
        if late == "stop":
            os.kill(c.pid(), signal.SIGSTOP)
            done.append("%s late" % c.chassis)
        try:
            for _ in range(self.rng.choice((1, 1, 2, 4))):
                done.append(self.change())
            if late:
                time.sleep(self.rng.random() / 3)
        finally:
            if late == "stop":
                os.kill(c.pid(), signal.SIGCONT)
        if late == "kill":
            c.end(False)
            c.start()
            done.append("%s killed" % c.chassis)
        return "; ".join(done)

    # What there is.

    def complaints(self):
        """What the rows do not say as they should."""
        chassis = {row["_uuid"][0]: row["name"][0]
                   for row in sb_table("Chassis", "_uuid", "name")}
        encaps = {row["_uuid"][0]: row["ip"][0]
                  for row in sb_table("Encap", "_uuid", "ip")}
        rows = {}
        for row in sb_table("Port_Binding", "logical_port", "up", "chassis",
                            "encap", "virtual_parent", "additional_chassis",
                            "additional_encap"):
            rows[row["logical_port"][0]] = (
                row["up"] == [True],
                ([chassis.get(c) for c in row["chassis"]] + [None])[0],
                [encaps.get(e) for e in row["encap"]],
                row["virtual_parent"],
                sorted(chassis.get(c, c) for c in row["additional_chassis"]),
                sorted(encaps.get(e, e) for e in row["additional_encap"]))

        expected = {port: (bool(where), where, encap, [], additional, encaps2)
                    for port, (where, encap, additional, encaps2)
                    in self.model.ports().items()}
        # A virtual port is where its parent is.
        row = (None, [], [], [])
        if self.vip is not None:
            row = self.model.vif(self.vip)
        expected["vip"] = (bool(row[0]), row[0], row[1],
                           ["v%d" % self.vip] if row[0] else [], *row[2:])
        for port, row in expected.items():
            if rows.get(port) != row:
                yield "%s is %s and not %s" % (port, rows.get(port), row)
        for c in CHASSIS:
            marked = set(self.controllers[c].vsctl(
                "--bare", "--columns=name", "find", "Interface",
                "external_ids:ovn-installed=true").split())
            if marked != self.model.marks(c):
                yield "marked at %s: %s and not %s" % (
                    c, sorted(marked), sorted(self.model.marks(c)))

    def wait(self):
        deadline = time.time() + TIMEOUT
        while True:
            complaints = list(self.complaints())
            if not complaints:
                return
            if time.time() > deadline:
                raise Failure("\n".join(complaints))
            time.sleep(0.05)

    def snapshot(self):
        nbctl("--timeout=%d" % TIMEOUT, "--wait=hv", "sync")
        rows = run(sys.executable, SHOW_ROWS, "sb")
        for c in CHASSIS:
            rows += self.controllers[c].rows()
        # sync has raised nb_cfg; a zone may be handed out anew if it was
        # returned while the binding was blank.
        rows = re.sub(r"nb[-_]cfg=\d+", "", rows)
        return re.sub(r"(ct-zone-[^=]*)=\d+", r"\1", rows)

    def blank(self):
        """Columns of ours say nothing, or something wrong, when a controller
        starts."""
        for port in self.model.ports():
            if self.rng.random() < 0.5:
                sbctl("--", "set", "Port_Binding", port, "up=false",
                      "--", "clear", "Port_Binding", port, "chassis",
                      "--", "clear", "Port_Binding", port, "encap",
                      "--", "clear", "Port_Binding", port,
                      "additional_chassis",
                      "--", "clear", "Port_Binding", port, "additional_encap")
        for c, n in self.model.ifaces:
            mark = self.rng.choice((None, "true", "false"))
            if mark:
                self.controllers[c].vsctl(
                    "set", "interface", "v%d" % n,
                    "external_ids:ovn-installed=" + mark)
            else:
                self.controllers[c].vsctl("remove", "interface", "v%d" % n,
                                          "external_ids", "ovn-installed")

    def start_afresh(self):
        before = self.snapshot()
        for c in self.controllers.values():
            c.end(self.rng.random() < 0.5)
        self.blank()
        for c in self.controllers.values():
            c.start()
        self.wait()
        deadline = time.time() + TIMEOUT
        while True:
            after = self.snapshot()
            if after == before:
                return
            if time.time() > deadline:
                raise Failure("after a fresh start:\n" + "\n".join(
                    sorted(set(before.splitlines())
                           ^ set(after.splitlines()))))
            time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", required=True)
    parser.add_argument("--changes", type=int, default=20)
    parser.add_argument("--seed", type=int,
                        default=random.SystemRandom().randrange(1 << 32))
    args = parser.parse_args()

    print("seed", args.seed, flush=True)
    deployment = Deployment(random.Random(args.seed), args.base)
    deployment.set_up()
    deployment.wait()
    for i in range(args.changes):
        print(i, deployment.step(), flush=True)
        try:
            deployment.wait()
            if i % 5 == 4:
                deployment.start_afresh()
                print(i, "fresh start", flush=True)
        except Failure as failure:
            sys.exit("after change %d: %s" % (i, failure))


if __name__ == "__main__":
    main()
