#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The daemons of a chassis and of its southbound database."""

import json
import os
import shutil
import signal
import subprocess
import time

import daemons
import ovsdb

# What changes without anybody's doing, or is the fuzzer's own.
IGNORED_SB = {"SB_Global": ("nb_cfg",),
              "Chassis_Private": ("nb_cfg", "nb_cfg_timestamp"),
              "Chassis": ("nb_cfg",), "Connection": ("status",)}
IGNORED_OVS = {
    "Open_vSwitch": ("cur_cfg", "next_cfg", "statistics", "datapaths"),
    "Bridge": ("status", "rstp_status", "datapath_version", "datapath_id"),
    "Port": ("status", "statistics", "rstp_status", "rstp_statistics",
             "bond_active_slave", "mac"),
    "Interface": ("admin_state", "ifindex", "link_resets", "link_speed",
                  "link_state", "mac_in_use", "mtu", "statistics", "status",
                  "duplex", "error", "ofport", "lacp_current"),
    "Controller": ("status", "is_connected", "role"),
    "Manager": ("status", "is_connected"),
    "Mirror": ("statistics",),
    "Datapath": (), "CT_Zone": (),
}
COUNTERS = ["ofctrl_%s_%s" % (what, how) for what in ("flow", "group", "meter")
            for how in ("add", "modify", "delete")]
# Of these, how many the switch has refused.  They are offered again.
REFUSED = "ofctrl_refused"
# Counts for as long as there is something that waits for its time.
WAITING = ["binding_claim_postponed", "chassis_contest_postponed"]


class Failure(Exception):
    """Something that must not happen."""


class Doubtful(Failure):
    """One that may have to do with when things happened, or that is not the
    controller's."""


def sent(before, after):
    """What was sent between two values of World.counters(), unless that was
    because something is refused."""
    if before[REFUSED] != after[REFUSED]:
        return {}
    return {c: after[c] - before[c] for c in COUNTERS if after[c] != before[c]}


class World:
    """In 'directory', with the 'programs' {name: path} and 'schemas' {"sb",
    "nb", "ovs": path}."""

    def __init__(self, directory, programs, schemas):
        self.dir = os.path.abspath(directory)
        self.programs, self.schemas = programs, schemas
        self.processes = {}     # name -> Popen
        self.sb = self.ovs = None
        self.nb_cfg = 10 ** 12  # Beyond what rows get by chance.
        self.deadline = float(os.environ.get("OVN_TEST_TIMEOUT") or 120)
        for name in "central", "hv1":
            os.makedirs(self.path(name), exist_ok=True)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def environment(self, where="hv1"):
        env = dict(os.environ)
        for name in ("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVN_RUNDIR",
                     "OVN_LOGDIR"):
            env[name] = self.path(where)
        env["OVN_NB_DB"] = "unix:" + self.path("central", "nb.sock")
        env["OVN_SB_DB"] = "unix:" + self.path("central", "sb.sock")
        env["ASAN_OPTIONS"] = ("detect_leaks=1:quarantine_size_mb=16:log_path="
                               + self.path(where, "asan"))
        env["UBSAN_OPTIONS"] = ("print_stacktrace=1:log_path="
                                + self.path(where, "ubsan"))
        return env

    def run(self, *args):
        return self.run_all([args])[0]

    def run_all(self, commands):
        """What each of 'commands', which run at the same time, prints.  (On a
        busy machine they complain about that, too.)"""
        running = [(args, subprocess.Popen(args, stdout=subprocess.PIPE,
                                           stderr=subprocess.PIPE,
                                           env=self.environment()))
                   for args in commands]
        texts = [(args, process.communicate(), process.returncode)
                 for args, process in running]
        for args, (text, errors), status in texts:
            if status:
                raise Doubtful("%s: %s" % (" ".join(args)[:300], (
                    text + errors).decode(errors="replace")))
        return [text.decode(errors="replace") for _, (text, _), _ in texts]

    def ofctl(self, *commands):
        """The same, of ovs-ofctl about the integration bridge.  A switch that
        gets no processor time for a while closes new connections."""
        commands = [["ovs-ofctl", "-O", "OpenFlow15", "--names", "--no-stats",
                     command, "br-int"] for command in commands]
        deadline = time.monotonic() + self.deadline
        while True:
            try:
                return self.run_all(commands)
            except Doubtful:
                self.check_alive()
                if time.monotonic() > deadline:
                    raise

    # Processes.

    def start(self, where, name, program, *args):
        args = [program, "-vconsole:off",
                "--log-file=" + self.path(where, name + ".log"),
                "--pidfile=" + self.path(where, name + ".pid")] + list(args)
        if name != "controller":
            args.append("--unixctl=" + self.path(where, name + ".ctl"))
        with open(self.path(where, name + ".out"), "ab") as out:
            self.processes[name] = subprocess.Popen(
                args, cwd=self.path(where), env=self.environment(where),
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True)

    def stop(self, name, how=signal.SIGTERM):
        process = self.processes.pop(name, None)
        if process and process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def stop_all(self):
        for database in self.sb, self.ovs:
            if database:
                database.close()
        for name in ("controller", "northd", "vswitchd", "nb", "sb", "ovsdb"):
            self.stop(name, signal.SIGTERM if name == "controller"
                      else signal.SIGKILL)

    def wait(self, what, condition, step=0.01, why=None):
        """Until 'condition'.  'why', a function, says more if that does not
        come about."""
        deadline = time.monotonic() + self.deadline
        while not condition():
            if time.monotonic() > deadline:
                raise Doubtful("waited in vain: " + what
                               + (": " + why() if why else ""))
            time.sleep(step)

    def start_db(self, where, name):
        self.start(where, name, "ovsdb-server", "--remote=punix:"
                   + self.path(where, name + ".sock"),
                   self.path(where, name + ".db"))
        path = self.path(where, name + ".sock")

        def answers():
            try:
                daemons.Rpc(path).close()
                return True
            except daemons.Gone:
                return False
        self.wait("database " + name, answers)

    def start_vswitchd(self):
        # It says hundreds of lines for each change of its configuration.
        self.start("hv1", "vswitchd", "ovs-vswitchd", "--enable-dummy=system",
                   "-vfile:warn", "--disable-system",
                   "unix:" + self.path("hv1", "ovsdb.sock"))
        self.wait("vswitchd", lambda: os.path.exists(
            self.path("hv1", "br-int.mgmt")))
        for args in (("netdev-dummy/ip4addr", "br-phys", "192.168.0.1/24"),
                     ("ovs/route/add", "192.168.0.1/24", "br-phys")):
            def sent():
                try:
                    self.switch(*args)
                    return True
                except (ValueError, daemons.Gone):
                    return False
            self.wait("address of br-phys", sent)

    def switch(self, *args):
        return daemons.call(self.path("hv1", "vswitchd.ctl"), *args)

    def controller(self, *args):
        pid = self.processes["controller"].pid
        return daemons.call(self.path("hv1", "ovn-controller.%d.ctl" % pid),
                            *args)

    def start_controller(self):
        self.start("hv1", "controller", self.programs["controller"],
                   "unix:" + self.path("hv1", "ovsdb.sock"))

    def end_controller(self, how):
        """'how' is "TERM", "KILL", "exit" or "exit --restart"."""
        process = self.processes["controller"]
        if how == "KILL":
            process.kill()
        elif how == "TERM":
            process.terminate()
        else:
            def told():
                self.poll()
                try:
                    self.controller("exit", *how.split()[1:])
                except ValueError:
                    pass        # It has been told already.
                except daemons.Gone:
                    return process.poll() is not None
                return True
            self.wait("command socket", told)
        deadline = time.monotonic() + self.deadline
        while process.poll() is None:
            self.poll()
            if time.monotonic() > deadline:
                raise Doubtful("the controller does not end: " + how)
            time.sleep(0.005)
        del self.processes["controller"]
        wanted = {"KILL": -9, "TERM": -15}.get(how, 0)
        if process.returncode != wanted:
            raise Failure("exit status %d after %s" % (process.returncode,
                                                       how))

    # Starting.

    def make_seed(self, shell, names):
        """Databases with the configurations 'names', made by ovn-northd.
        'shell' is a script that loads its arguments."""
        os.makedirs(self.path("hv1"), exist_ok=True)
        for where, name, schema in (("central", "nb", "nb"),
                                    ("central", "sb", "sb"),
                                    ("hv1", "ovsdb", "ovs")):
            self.run("ovsdb-tool", "create", self.path(where, name + ".db"),
                     self.schemas[schema])
            self.start_db(where, name)
        os.symlink("ovsdb.sock", self.path("hv1", "db.sock"))
        self.run("ovs-vsctl", "--no-wait", "init")
        self.run("ovn-nbctl", "init")
        self.run("ovn-sbctl", "init")
        self.start("central", "northd", "ovn-northd",
                   "--ovnnb-db=unix:" + self.path("central", "nb.sock"),
                   "--ovnsb-db=unix:" + self.path("central", "sb.sock"))
        ids = ["external-ids:%s=%s" % item for item in (
            ("system-id", "hv1"), ("hostname", "hv1"),
            ("ovn-remote", "unix:" + self.path("central", "sb.sock")),
            ("ovn-encap-type", "geneve"), ("ovn-encap-ip", "192.168.0.1"),
            ("ovn-bridge-mappings", "phys:br-lan"),
            ("ovn-is-interconn", "true"),
            ("ovn-chassis-mac-mappings", "phys:aa:bb:cc:ee:00:01"))]
        self.run("ovs-vsctl", "--no-wait", "set", "Open_vSwitch", ".", *ids,
                 "--", "add-br", "br-int", "--", "set", "bridge", "br-int",
                 "fail-mode=secure", "other-config:disable-in-band=true",
                 "--", "add-br", "br-phys", "--", "set", "bridge", "br-phys",
                 "other-config:hwaddr=aa:bb:cc:00:00:01", "--", "add-br",
                 "br-lan")
        self.start_vswitchd()
        self.start_controller()
        self.connect()
        self.wait("registration", self._registered)
        self.run("bash", "-c", shell, "bash", self.dir, *names)
        self.run("ovn-nbctl", "--timeout=%d" % self.deadline, "--wait=hv",
                 "sync")
        for name in "northd", "nb":
            self.stop(name)
        self.settle(1.2)

    def _registered(self):
        self.poll()
        return any(r["name"] == "hv1"
                   for r in self.sb.rows["Chassis_Private"].values())

    def save(self, directory):
        os.makedirs(directory, exist_ok=True)
        for path in self.path("central", "sb.db"), self.path("hv1",
                                                             "ovsdb.db"):
            shutil.copy(path, directory)
        with open(os.path.join(directory, "path"), "w") as f:
            f.write(self.dir)

    def load(self, directory):
        """Starts with what has been saved in 'directory'."""
        shutil.copy(os.path.join(directory, "sb.db"), self.path("central"))
        shutil.copy(os.path.join(directory, "ovsdb.db"), self.path("hv1"))
        self.start_db("central", "sb")
        self.start_db("hv1", "ovsdb")
        if not os.path.lexists(self.path("hv1", "db.sock")):
            os.symlink("ovsdb.sock", self.path("hv1", "db.sock"))
        # A controller that does not understand the central leaves the switch
        # as it is, and of what is said here there is much not to understand.
        self.run("ovs-vsctl", "--no-wait", "set", "Open_vSwitch", ".",
                 "external-ids:ovn-force-takeover=true",
                 "external-ids:ovn-remote=unix:"
                 + self.path("central", "sb.sock"))
        self.start_vswitchd()
        self.connect()
        self.start_controller()

    def connect(self):
        self.sb = ovsdb.Database(self.path("central", "sb.sock"),
                                 "OVN_Southbound", IGNORED_SB)
        self.ovs = ovsdb.Database(self.path("hv1", "ovsdb.sock"),
                                  "Open_vSwitch", IGNORED_OVS)

    # Coming to rest.

    def poll(self):
        self.sb.poll()
        self.ovs.poll()

    def check_alive(self):
        for name, process in self.processes.items():
            status = process.poll()
            if status is not None:
                kind = Failure if name == "controller" else Doubtful
                raise kind("%s has ended with status %d" % (name, status))

    def _own_changes(self):
        """Changes in both databases, but for time stamps."""
        return self.sb.changes, self.ovs.changes

    def sync(self):
        """Waits until the controller has in the switch what both databases
        say now."""
        self.nb_cfg += 1
        want = self.nb_cfg
        ovs = next(iter(self.ovs.rows["Open_vSwitch"]))
        next_cfg = self.ovs.rows["Open_vSwitch"][ovs]["next_cfg"] + 1
        self.ovs.transact([ovsdb.update("Open_vSwitch", ovs,
                                        {"next_cfg": next_cfg})])

        def configured():
            self.check_alive()
            self.ovs.poll(.02)
            return all(r["cur_cfg"] >= next_cfg
                       for r in self.ovs.rows["Open_vSwitch"].values())
        self.wait("ovs-vswitchd", configured, 0)

        self.sb.poll()
        there = sorted(self.sb.rows["SB_Global"])
        if there:
            ask = ovsdb.update("SB_Global", there[0], {"nb_cfg": want})
        else:
            ask = {"op": "insert", "table": "SB_Global",
                   "row": {"nb_cfg": want}}
        self.sb.transact([ask])

        def answered():
            self.check_alive()
            self.sb.poll(.02)
            return any(r["name"] == "hv1" and r["nb_cfg"] == want
                       for r in self.sb.rows["Chassis_Private"].values())
        self.wait("nb_cfg", answered, 0, lambda: self._no_answer(want))
        self.poll()

    def _no_answer(self, want):
        """What is known of why there is no answer to nb_cfg 'want'."""
        said = {t: [r["nb_cfg"] for r in self.sb.rows.get(t, {}).values()
                    if t == "SB_Global" or r["name"] == "hv1"]
                for t in ("SB_Global", "Chassis_Private")}
        lines = ["asked for %d: %s" % (want, said)]
        for command in ("connection-status", "central-status", "debug/status",
                        "coverage/show"):
            try:
                lines.append("%s: %s" % (command, self.controller(command)))
            except (ValueError, daemons.Gone) as error:
                lines.append("%s: %r" % (command, error))
        return "\n".join(lines)

    def settle(self, quiet=0.0):
        """Waits until nothing changes any more, for 'quiet' seconds."""
        deadline = time.monotonic() + self.deadline
        calm_since = time.monotonic()
        last = None
        while True:
            self.sync()
            now = self._own_changes() + (self.counters(),)
            if now != last:
                last, calm_since = now, time.monotonic()
            elif time.monotonic() >= calm_since + quiet:
                return now
            if time.monotonic() > deadline:
                raise Doubtful("does not come to rest:\n%s" % "\n".join(
                    self.sb.recent[-20:] + self.ovs.recent[-20:]))
            if quiet:
                time.sleep(min(quiet, .1))

    def counters(self):
        """How many modifications the controller has sent, of each kind, and
        how often it has found that something has to wait."""
        pid = self.processes["controller"].pid
        try:
            rpc = daemons.Rpc(self.path("hv1", "ovn-controller.%d.ctl" % pid))
            try:
                return {c: int(rpc.call("coverage/read-counter", c))
                        for c in COUNTERS + [REFUSED] + WAITING}
            finally:
                rpc.close()
        except daemons.Gone:
            self.check_alive()
            raise

    def memory(self):
        """The controller's, in MB."""
        with open("/proc/%d/status" % self.processes["controller"].pid) as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) // 1024
        return 0

    # Other moves.

    def restart_sb(self):
        self.stop("sb", signal.SIGKILL)
        os.remove(self.path("central", "sb.sock"))
        self.start_db("central", "sb")
        self.sb.connect()

    def restart_switch(self):
        self.stop("vswitchd", signal.SIGKILL)
        self.start_vswitchd()

    def convert(self, schema):
        """Changes the southbound database's schema."""
        path = self.path("central", "convert.ovsschema")
        with open(path, "w") as f:
            json.dump(schema, f)
        before = self.sb.schema.json["tables"]
        self.run("ovsdb-client", "convert", "unix:"
                 + self.path("central", "sb.sock"), path)
        # Versions of ovsdb-server go on telling clients of the old schema in
        # database _Server: those ask for what is no more, and are refused.
        if any(set(t["columns"]) - set(schema["tables"].get(n, {}).get(
                "columns", ())) for n, t in before.items()):
            self.restart_sb()
        else:
            self.sb.connect()

    def reports(self):
        """What sanitizers have written, and assertions in the log."""
        found = []
        for name in sorted(os.listdir(self.path("hv1"))):
            path = self.path("hv1", name)
            if name.startswith(("asan.", "ubsan.")):
                with open(path, errors="replace") as f:
                    found.append("%s:\n%s" % (path, f.read()[:6000]))
            elif name in ("controller.log", "controller.out"):
                with open(path, errors="replace") as f:
                    found += [line for line in f
                              if "assertion" in line or "|EMER|" in line
                              or "Sanitizer" in line]
        return found
