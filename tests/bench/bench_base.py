# SPDX-License-Identifier: Apache-2.0

"""What the benchmarks have in common: networks, and a chassis to run on."""

import glob
import os
import shutil
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                os.pardir))
import packets  # noqa: E402
from daemons import Database, Failure, Rpc, run  # noqa: E402

TIMEOUT = 900


def wait_for(what, condition, interval=0.002):
    """Polls 'condition' until it holds; returns when that was."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        if condition():
            return time.monotonic()
        time.sleep(interval)
    raise Failure("timed out waiting for %s" % what)


def ovs_map(pairs):
    return ["map", [[k, v] for k, v in pairs.items()]]


def ovs_set(values):
    return ["set", list(values)]


class Release:
    """A release of OVN and Open vSwitch: where its programs and schemas are.
    Without 'env', a file that "make releases" has made, the one that is
    installed."""

    def __init__(self, env=None):
        self.version = "installed"
        self.path = None        # In front of PATH.
        ovn, ovs = "/usr/share/ovn", "/usr/share/openvswitch"
        if env:
            with open(env, encoding="ascii") as f:
                values = dict(line.rstrip().split("=", 1) for line in f)
            self.version = values["RELEASE_OVN"]
            self.path = values["RELEASE_BIN"]
            ovn = values["RELEASE_OVN_SCHEMADIR"]
            ovs = values["RELEASE_OVS_SCHEMADIR"]
        self.nb_schema = os.path.join(ovn, "ovn-nb.ovsschema")
        self.sb_schema = os.path.join(ovn, "ovn-sb.ovsschema")
        self.ovs_schema = os.path.join(ovs, "vswitch.ovsschema")

    def controller(self):
        return os.path.join(self.path, "ovn-controller")


INSTALLED = Release()


def find_release(directory, version):
    """The release of OVN 'version', such as 26.03, of those in 'directory';
    None if it is not there."""
    for env in sorted(glob.glob(os.path.join(directory, "*", "env"))):
        release = Release(env)
        if (release.version + ".").startswith(version + "."):
            return release
    return None


class Dir:
    """A scratch directory with the daemons that run in it."""

    def __init__(self, path, release=INSTALLED):
        self.path = path
        self.release = release
        self.env = dict(os.environ, OVS_RUNDIR=path, OVS_DBDIR=path,
                        OVN_RUNDIR=path, OVN_DBDIR=path)
        if release.path:
            self.env["PATH"] = release.path + ":" + self.env["PATH"]
        os.makedirs(path, exist_ok=True)

    def file(self, name):
        return os.path.join(self.path, name)

    def run(self, *args):
        return run(*args, env=self.env)

    def daemon(self, name, program, *args):
        self.run(program, "--detach", "--no-chdir",
                 "--pidfile=" + self.file(name + ".pid"),
                 "--log-file=" + self.file(name + ".log"),
                 "-vconsole:off", *args)

    def appctl(self, name, *args):
        target = self.file("%s.%d.ctl" % (name, self.pid(name)))
        return self.run("ovs-appctl", "-t", target, *args)

    def ovsdb_server(self, name, schema=None):
        db = self.file(name + ".db")
        if schema:
            self.run("ovsdb-tool", "create", db, schema)
        self.daemon(name, "ovsdb-server",
                    "--unixctl=" + self.file(name + ".ctl"),
                    "--remote=punix:" + self.file(name + ".sock"), db)

    def pid(self, name):
        with open(self.file(name + ".pid"), encoding="ascii") as f:
            return int(f.read())

    def kill(self, name, sig=signal.SIGTERM):
        try:
            pid = self.pid(name)
            os.kill(pid, sig)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return
        deadline = time.monotonic() + 20
        while os.path.exists("/proc/%d" % pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                deadline += 20
            time.sleep(0.01)

    def kill_all(self):
        for name in sorted(os.listdir(self.path)):
            if name.endswith(".pid"):
                self.kill(name[:-4])


class Scenario:
    """A northbound network: every switch on one router, load balancers on
    the router and the first switch."""

    def __init__(self, name, switches, ports, lbs, backends, local, acls=0):
        self.name = name
        self.acls = acls        # For each switch.
        self.switches, self.ports = switches, ports
        self.lbs, self.backends, self.local = lbs, backends, local
        self.distributed = False

    def __str__(self):
        return ("%d switches x %d ports, 1 router, %d load balancers x %d "
                "backends, %d local ports%s"
                % (self.switches, self.ports, self.lbs, self.backends,
                   self.local,
                   ", %d ACLs a switch" % self.acls if self.acls else ""))

    @staticmethod
    def port_name(s, p):
        return "s%dp%d" % (s, p)

    @staticmethod
    def ip(s, p):
        return "10.%d.%d.%d" % (s // 200, s % 200, p + 10)

    def local_ports(self):
        return [self.port_name(i % self.switches, i // self.switches)
                for i in range(self.local)]

    def spare_ports(self, n):
        """Ports that are not local but on switches that are."""
        return [self.port_name(i % min(self.switches, self.local),
                               self.ports - 1 - i // self.switches)
                for i in range(n)]

    def last_port(self):
        return self.port_name(self.switches - 1, self.ports - 1)

    def microflow(self):
        """A packet from the first port to the last, through the router."""
        return ('inport == "%s" && eth.src == 02:00:00:00:00:00 && '
                'eth.dst == 02:01:00:00:00:00 && ip4.src == %s && '
                'ip4.dst == %s && ip.ttl == 64 && udp.dst == 53'
                % (self.port_name(0, 0), self.ip(0, 0),
                   self.ip(self.switches - 1, self.ports - 1)))

    def northbound(self):
        """The transaction that makes it."""
        ops, lrp, ls = [], [], []

        def insert(table, uuid, row):
            ops.append({"op": "insert", "table": table, "uuid-name": uuid,
                        "row": row})

        lbs = []
        for i in range(self.lbs):
            vip = "172.%d.%d.%d:80" % (16 + i // 40000, i // 200 % 200,
                                       i % 200 + 1)
            n = self.switches * self.ports
            spread = [(i * self.backends + k) * 7 % n
                      for k in range(self.backends)]
            backends = ",".join(
                "%s:8080" % self.ip(b // self.ports, b % self.ports)
                for b in spread)
            row = {"name": "lb%d" % i, "protocol": "tcp",
                   "vips": ovs_map({vip: backends})}
            if self.distributed:
                row["options"] = ovs_map({"distributed": "true"})
            insert("Load_Balancer", "lb%d" % i, row)
            lbs.append(["named-uuid", "lb%d" % i])
        for s in range(self.switches):
            lsp = []
            for p in range(self.ports):
                name = self.port_name(s, p)
                mac = "02:00:%02x:%02x:%02x:%02x" % (s >> 8, s & 255,
                                                     p >> 8, p & 255)
                insert("Logical_Switch_Port", name,
                       {"name": name,
                        "addresses": "%s %s" % (mac, self.ip(s, p))})
                lsp.append(["named-uuid", name])
            insert("Logical_Switch_Port", "s%dr" % s,
                   {"name": "s%dr" % s, "type": "router",
                    "addresses": "router",
                    "options": ovs_map({"router-port": "r%d" % s})})
            lsp.append(["named-uuid", "s%dr" % s])
            insert("Logical_Router_Port", "r%d" % s,
                   {"name": "r%d" % s,
                    "mac": "02:01:00:00:%02x:%02x" % (s >> 8, s & 255),
                    "networks": "10.%d.%d.1/24" % (s // 200, s % 200)})
            lrp.append(["named-uuid", "r%d" % s])
            insert("Logical_Switch", "ls%d" % s,
                   {"name": "ls%d" % s, "ports": ovs_set(lsp),
                    "load_balancer": ovs_set(lbs if s == 0 else [])})
            ls.append(s)
            if self.acls:
                self.add_acls(insert, s, lsp[:-1])
        insert("Logical_Router", "lr", {"name": "lr", "ports": ovs_set(lrp),
                                        "load_balancer": ovs_set(lbs)})
        return ops

    def southbound(self, sb):
        """Adds what other chassis would have written."""

    def add_acls(self, insert, s, ports):
        """ACLs for 'ports', those of switch 's': each lets some ports of the
        next switch reach some services."""
        acls = []
        insert("Address_Set", "as%d" % s, {
            "name": "as%d" % s,
            "addresses": ovs_set(self.ip((s + 1) % self.switches, p)
                                 for p in range(min(self.ports, 5)))})
        for i in range(self.acls):
            insert("ACL", "acl%d_%d" % (s, i), {
                "direction": "to-lport", "priority": 1000 + i,
                "action": "allow-related",
                "match": "outport == @pg%d && ip4.src == $as%d && "
                         "tcp.dst == {%d, %d}" % (s, s, 1000 + i, 2000 + i)})
            acls.append(["named-uuid", "acl%d_%d" % (s, i)])
        insert("Port_Group", "pg%d" % s, {
            "name": "pg%d" % s, "ports": ovs_set(ports),
            "acls": ovs_set(acls)})


def compile_scenario(scenario, top, release=INSTALLED):
    """Returns the path of the southbound database that northd makes."""
    d = Dir(os.path.join(top, "central-%s-%s" % (scenario.name,
                                                 release.version)), release)
    d.ovsdb_server("nb", release.nb_schema)
    d.ovsdb_server("sb", release.sb_schema)
    nb = Database(d.file("nb.sock"), "OVN_Northbound")
    nb.transact({"op": "insert", "table": "NB_Global", "row": {"nb_cfg": 1}})
    nb.transact(*scenario.northbound())
    d.daemon("northd", "ovn-northd", "--ovnnb-db=unix:" + d.file("nb.sock"),
             "--ovnsb-db=unix:" + d.file("sb.sock"))
    sb = Database(d.file("sb.sock"), "OVN_Southbound")

    def compiled():
        rows = sb.select("SB_Global", [], ["nb_cfg"])
        return rows and rows[0]["nb_cfg"] == 1
    wait_for("ovn-northd", compiled, 0.1)
    sb.transact({"op": "update", "table": "Port_Binding", "where": [],
                 "row": {"up": False}})
    scenario.southbound(sb)
    d.kill("northd")
    d.run("ovs-appctl", "-t", d.file("sb.ctl"), "ovsdb-server/compact")
    d.kill_all()
    return d.file("sb.db")


class Chassis:
    """A southbound server with a copy of a database, and one chassis.
    'config' is more of its configuration."""

    def __init__(self, top, label, program, sb_db, scenario, config=None,
                 release=INSTALLED):
        self.program = program
        self.scenario = scenario
        self.d = d = Dir(os.path.join(top, label), release)
        shutil.copy(sb_db, d.file("sb.db"))
        d.ovsdb_server("sb")
        d.ovsdb_server("db", release.ovs_schema)
        self.sb = Database(d.file("sb.sock"), "OVN_Southbound")
        vsctl = ("ovs-vsctl", "--no-wait")
        d.run(*vsctl, "init")
        keys = {"system-id": "hv1", "hostname": "hv1",
                "ovn-remote": "unix:" + d.file("sb.sock"),
                "ovn-encap-type": "geneve", "ovn-encap-ip": "192.168.100.1"}
        keys.update(config or {})
        d.run(*vsctl, "set", "open", ".",
              *("external-ids:%s=%s" % item for item in keys.items()))
        d.daemon("ovs-vswitchd", "ovs-vswitchd", "--enable-dummy=override",
                 "--disable-system", "unix:" + d.file("db.sock"))
        d.run("ovs-vsctl", "add-br", "br-int", "--", "set", "bridge",
              "br-int", "datapath_type=dummy", "fail-mode=secure")
        for port in scenario.local_ports():
            self.add_port(port)
        self.ovs = Database(d.file("db.sock"), "Open_vSwitch")

    def add_port(self, port):
        self.d.run("ovs-vsctl", "add-port", "br-int", port, "--", "set",
                   "interface", port, "type=dummy",
                   "external_ids:iface-id=" + port)

    def start(self):
        self.d.daemon("ovn-controller", self.program,
                      "unix:" + self.d.file("db.sock"))

    def status_kb(self, key, daemon="ovn-controller"):
        with open("/proc/%d/status" % self.d.pid(daemon),
                  encoding="ascii") as f:
            for line in f:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
        raise Failure("no %s" % key)

    def processor_time(self):
        """Seconds that the controller has used so far."""
        with open("/proc/%d/stat" % self.d.pid("ovn-controller"),
                  encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def processor_ns(self, daemon="ovn-controller"):
        """The same of 'daemon', more exactly, in nanoseconds."""
        ns = 0
        tasks = "/proc/%d/task" % self.d.pid(daemon)
        for task in os.listdir(tasks):
            with open(os.path.join(tasks, task, "schedstat"),
                      encoding="ascii") as f:
                ns += int(f.read().split()[0])
        return ns

    def flows(self):
        text = self.d.run("ovs-ofctl", "-O", "OpenFlow15", "dump-aggregate",
                          "br-int")
        return int(text.split("flow_count=")[1].split()[0])

    def installed(self, port):
        rows = self.ovs.select("Interface", [["name", "==", port]],
                               ["external_ids"])
        return bool(rows) and (["ovn-installed", "true"]
                               in rows[0]["external_ids"][1])

    def bound(self, port):
        rows = self.sb.select("Port_Binding", [["logical_port", "==", port]],
                              ["chassis"])
        return rows[0]["chassis"] != ["set", []]

    def nb_cfg_reported(self, n):
        rows = self.sb.select("Chassis_Private", [["name", "==", "hv1"]],
                              ["nb_cfg"])
        return bool(rows) and rows[0]["nb_cfg"] >= n

    def raise_nb_cfg(self):
        n = self.sb.select("SB_Global", [], ["nb_cfg"])[0]["nb_cfg"] + 1
        self.sb.transact({"op": "update", "table": "SB_Global", "where": [],
                          "row": {"nb_cfg": n}})
        return n

    def synchronise(self):
        n = self.raise_nb_cfg()
        start = time.monotonic()
        self.start()
        wait_for("ovn-installed", lambda: all(
            self.installed(p) for p in self.scenario.local_ports()), 0.02)
        return wait_for("nb_cfg", lambda: self.nb_cfg_reported(n),
                        0.01) - start

    def recompute(self):
        self.d.appctl("ovn-controller", "inc-engine/recompute")
        start = time.monotonic()
        n = self.raise_nb_cfg()
        return wait_for("nb_cfg", lambda: self.nb_cfg_reported(n)) - start

    def watch_answers(self):
        """Where ARP requests on the second switch come out, and answers to
        the first port of the first one."""
        self.pcaps = {}
        for port in (0, 0), (1, 0):
            self.pcaps[port] = self.d.file("answers-%d-%d.pcap" % port)
            self.d.run("ovs-vsctl", "set", "interface",
                       self.scenario.port_name(*port),
                       "options:tx_pcap=" + self.pcaps[port])
        self.pcap = self.pcaps[1, 0]
        self.switch = Rpc(self.d.file(
            "ovs-vswitchd.%d.ctl" % self.d.pid("ovs-vswitchd")))

    def answer(self, source):
        """Seconds until a packet has led to an ARP request."""
        src, dst = self.scenario.ip(0, 0), "10.0.1.250"
        frame = packets.frame("02:00:00:00:00:00", "02:01:00:00:00:00", src,
                              dst, packets.UDP,
                              packets.udp(src, dst, source, 7))
        before = os.path.getsize(self.pcap)
        start = time.monotonic()
        self.switch.call("netdev-dummy/receive",
                         self.scenario.port_name(0, 0), frame.hex())
        return wait_for("an ARP request", lambda: os.path.getsize(self.pcap)
                        > before, 0.0005) - start

    def answers(self, n):
        return sorted(self.answer(1000 + i) for i in range(n))

    def busy_answers(self, n):
        return self.during_recomputes(lambda: self.answers(n))

    def during_recomputes(self, function):
        """Calls 'function' while one recompute follows the other.  No process
        is started for each of them: whoever recomputes faster would have more
        of them take the time away from 'function'."""
        done = threading.Event()
        controller = Rpc(self.d.file("ovn-controller.%d.ctl" % self.d.pid(
            "ovn-controller")))

        def recompute():
            while not done.is_set():
                controller.call("inc-engine/recompute")

        thread = threading.Thread(target=recompute)
        thread.start()
        try:
            return function()
        finally:
            done.set()
            thread.join()
            controller.close()

    def bind(self, port):
        start = time.monotonic()
        self.add_port(port)
        return wait_for("ovn-installed",
                        lambda: self.installed(port)) - start

    def unbind(self, port):
        start = time.monotonic()
        self.d.run("ovs-vsctl", "del-port", "br-int", port)
        return wait_for("release", lambda: not self.bound(port)) - start

    def outage(self):
        """Seconds with less than 95% of the flows after a kill -9."""
        full = self.flows()
        self.d.kill("ovn-controller", signal.SIGKILL)
        n = self.raise_nb_cfg()
        self.start()
        low, last = 0.0, time.monotonic()
        deadline = last + TIMEOUT
        while time.monotonic() < deadline:
            flows, now = self.flows(), time.monotonic()
            if flows < full * 0.95:
                low += now - last
            elif self.nb_cfg_reported(n):
                return low
            last = now
            time.sleep(0.05)
        raise Failure("the switch was not filled again")
