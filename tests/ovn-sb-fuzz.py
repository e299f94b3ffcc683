#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile and random databases for the controller; nothing must come of it.

Starts a southbound database that ovn-northd has made from some of the
configurations in corpus/, a switch and a controller, and then changes rows of
all tables, and of the switch's database, at random, hundreds at a time, with
values that are likely, unlikely or nonsense.  In between there are packets,
new schemas, and restarts of the server, of the switch, and of the controller,
by signals and by commands.  Now and then it lets everything come to rest.
Then

- a recompute must change nothing in the switch or in either database, and send
  nothing to the switch;
- a controller that is started anew must find nothing to do;
- one that is started on an empty switch must arrive at the same;
- sanitizers and assertions must have had nothing to say.

A run is a number of episodes.  Each has a seed of its own, from which all that
it does follows, but for what the controller itself writes meanwhile.  What it
did is in DIR/episode-SEED/log: "--replay LOG" does it again, "--shrink LOG"
finds out how little of it suffices, and leaves that in LOG.short.
"""

import argparse
import copy
import json
import math
import os
import random
import shutil
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "sb-fuzz"))

import daemons                                              # noqa: E402
from driven import Changes, Look                            # noqa: E402
import moves                                                # noqa: E402
import ovsdb                                                # noqa: E402
from snapshot import Snapshot, difference                   # noqa: E402
from values import Values                                   # noqa: E402
from world import Doubtful, Failure, sent, World            # noqa: E402

LOAD = r"""
ovn_base=$1
shift
in_chassis () {
    shift
    "$@"
}
. %s/corpus.sh
corpus_load "$@"
"""

ENDS = ("TERM", "KILL", "exit", "exit --restart")
# What a run counts.  A check with a restart is both.
COUNTED = ("mutations", "packets", "checks", "restarts", "server-restarts",
           "switch-restarts", "converts")
MEMORY_MB = 250                 # More than at the start is a leak.


def programs(args):
    return {"controller": os.path.abspath(args.controller)}


def schemas(args):
    return {"sb": args.ovn_schemas + "/ovn-sb.ovsschema",
            "nb": args.ovn_schemas + "/ovn-nb.ovsschema",
            "ovs": args.ovs_schemas + "/vswitch.ovsschema"}


def configurations():
    """Those that go together."""
    return sorted(name[:-5] for name in os.listdir(os.path.join(HERE,
                                                                "corpus"))
                  if name.endswith(".conf")
                  and not name.startswith("global-"))


def seed_for(args, names):
    """A directory with databases that hold these configurations."""
    path = os.path.join(args.work, "seeds", "+".join(names))
    if not os.path.exists(os.path.join(path, "path")):
        work = os.path.join(args.work, "seeding")
        shutil.rmtree(work, ignore_errors=True)
        world = World(work, programs(args), schemas(args))
        try:
            world.make_seed(LOAD % HERE, names)
            world.save(path)
        finally:
            world.stop_all()
        shutil.rmtree(work)
    return path


class Run:
    """Carries out steps in a world, and checks it."""

    def __init__(self, args, directory, names):
        self.args, self.names = args, names
        shutil.rmtree(directory, ignore_errors=True)
        self.world = World(directory, programs(args), schemas(args))
        self.counts = dict.fromkeys(COUNTED, 0)
        self.first_memory = self.memory = 0

    def start(self):
        self.world.load(seed_for(self.args, self.names))
        self.world.settle()
        self.first_memory = self.world.memory()
        self.schema = self.world.sb.schema.json

    def finish(self):
        """Ends everything; the controller last words count, too."""
        try:
            if "controller" in self.world.processes:
                self.world.end_controller("exit")
            self._reports()
        finally:
            self.world.stop_all()

    def _reports(self):
        found = self.world.reports()
        if found:
            raise Failure("\n".join(found))

    def step(self, step):
        """Carries out 'step', and brings it down to what was possible."""
        (kind, what), = step.items()
        getattr(self, "_do_" + kind)(what, step)
        if "controller" in self.world.processes:
            try:
                self.world.check_alive()
            except Failure:
                self._reports()
                raise

    def _do_sb(self, operations, step):
        try:
            step["sb"] = self.world.sb.apply(operations)
        except daemons.Gone:
            # There are transactions that ovsdb-server does not survive.
            raise Doubtful("ovsdb-server has crashed")
        self.counts["mutations"] += len(step["sb"])

    def _do_ovs(self, operations, step):
        step["ovs"] = self.world.ovs.apply(operations)
        self.counts["mutations"] += len(step["ovs"])

    def _do_packets(self, packets, _step):
        for iface, packet in packets:
            try:
                self.world.switch("netdev-dummy/receive", iface, packet)
                self.counts["packets"] += 1
            except (ValueError, daemons.Gone):
                pass

    def _do_restart(self, what, _step):
        if what == "sb":
            self.counts["server-restarts"] += 1
            self.world.restart_sb()
        else:
            self.counts["switch-restarts"] += 1
            self.world.restart_switch()

    def _do_convert(self, schema, _step):
        self.counts["converts"] += 1
        self.world.convert(schema)

    def _do_end(self, how, _step):
        if "controller" in self.world.processes:
            self.world.end_controller(how)
            self._reports()

    def _do_start(self, _what, _step):
        if "controller" not in self.world.processes:
            self.world.start_controller()

    def _do_rest(self, seconds, _step):
        self.world.settle(seconds)

    # Checks.

    def _do_check(self, what, _step):
        try:
            self._check(what.get("how"), what.get("wipe", False))
        except Failure:
            self._reports()
            raise

    def _snapshot(self):
        return Snapshot(self.world)

    def _check(self, how, wipe):
        self._recompute()
        self._reports()
        if how:
            self._fresh(how, wipe)
            self._reports()
        self.counts["checks"] += 1
        self.memory = max(self.memory, self.world.memory())
        if self.world.memory() > self.first_memory + MEMORY_MB:
            raise Failure("%d MB of memory; at the start it was %d MB"
                          % (self.world.memory(), self.first_memory))

    @staticmethod
    def _without(lines, changes):
        """Those of 'lines' that are not about what packets and time have
        changed; and whether flows are among that."""
        marks, flows = changes.marks()
        return ([line for line in lines
                 if not any(mark in line for mark in marks)], flows)

    def _look(self):
        """What there is when all is at rest."""
        self.world.settle()
        look = Look(self.world)
        state = self.world.settle()
        look.take_rows()
        return state, look, self._snapshot()

    def _recompute(self):
        """Incremental equals recompute."""
        world = self.world
        state, look, before = self._look()
        world.controller("inc-engine/recompute")
        state_after = world.settle()
        after = self._snapshot()
        lines = difference(before, after, True)
        lines, learned = self._without(lines, Changes(look))
        messages = sent(state[2], state_after[2])
        if not lines and messages and not learned:
            lines = ["sent: %s" % messages]
        if lines:
            raise Doubtful("a recompute makes a difference:\n"
                           + "\n".join(lines))

    def _own_references(self):
        """Where rows refer to our Chassis, except for what a controller
        claims: ovn-northd would renew that."""
        own = {u for u, r in self.world.sb.rows["Chassis"].items()
               if r["name"] == "hv1"}
        return [(table, uuid, column)
                for table, column, strong
                in self.world.sb.schema.referrers["Chassis"]
                for uuid, row in self.world.sb.rows[table].items()
                for claimed in [("chassis", "additional_chassis")
                                if table == "Port_Binding" else ()]
                if column not in claimed and (
                    table != "Chassis_Private" or row["name"] != "hv1")
                and any(a[1] in own for a in ovsdb.elements(row[column]))]

    def _renew_references(self, references):
        """What ovn-northd does once our Chassis has another UUID."""
        world = self.world

        def known():
            world.check_alive()
            world.sb.poll(.02)
            return [u for u, r in world.sb.rows["Chassis"].items()
                    if r["name"] == "hv1"]
        world.wait("registration", known, 0)
        own = ["uuid", known()[0]]
        world.sb.apply([
            ovsdb.mutate(table, uuid, [column, "insert", ["set", [own]]])
            for table, uuid, column in references])

    def _release_what_nobody_wants(self):
        """A row that has us and others in additional_chassis is seen by us
        only if we have its interface or its datapath: no condition that the
        server could look up finds it.  What somebody has put there goes with
        our Chassis, and does not come back; what we want, we do put back."""
        own = [["uuid", u] for u, r in self.world.sb.rows["Chassis"].items()
               if r["name"] == "hv1"]
        self.world.sb.apply([
            ovsdb.mutate("Port_Binding", uuid, [
                "additional_chassis", "delete", ["set", own]])
            for uuid, row in self.world.sb.rows["Port_Binding"].items()
            if len(ovsdb.elements(row["additional_chassis"])) > 1
            and any(a in own
                    for a in ovsdb.elements(row["additional_chassis"]))])

    def _release_what_packets_claim(self):
        """Virtual ports are claimed by packets, and nothing else brings them
        back after an exit."""
        own = [["uuid", u] for u, r in self.world.sb.rows["Chassis"].items()
               if r["name"] == "hv1"]
        self.world.sb.apply([
            ovsdb.update("Port_Binding", uuid,
                         {"chassis": ["set", []],
                          "virtual_parent": ["set", []]})
            for uuid, row in self.world.sb.rows["Port_Binding"].items()
            if row["type"] == "virtual" and row["chassis"] in own])

    def _forget_encaps_without_chassis(self):
        """Nobody renews references to our encapsulations where our Chassis
        is not."""
        rows = self.world.sb.rows
        own = {u: [a[1] for a in ovsdb.elements(r["encaps"])]
               for u, r in rows["Chassis"].items() if r["name"] == "hv1"}
        encaps = {e for there in own.values() for e in there}
        self.world.sb.apply([
            ovsdb.update("Port_Binding", uuid, {column: ["set", [
                a for a in ovsdb.elements(row[column])
                if a[1] not in encaps]]})
            for uuid, row in rows["Port_Binding"].items()
            for column, chassis in (("encap", "chassis"),
                                    ("additional_encap",
                                     "additional_chassis"))
            if any(a[1] in encaps for a in ovsdb.elements(row[column]))
            and not any(a[1] in own for a in ovsdb.elements(row[chassis]))])

    def _fresh(self, how, wipe):
        """A controller that starts arrives at what this one has."""
        self.counts["restarts"] += 1
        world = self.world
        gone = how == "exit"
        if gone:
            self._release_what_packets_claim()
            self._release_what_nobody_wants()
            self._forget_encaps_without_chassis()
        _, look, before = self._look()
        references = self._own_references() if gone else []
        last = Look(world)
        world.end_controller(how)
        if wipe:
            for what in "del-flows", "del-groups", "del-meters":
                world.ofctl(what)
        world.start_controller()
        if gone:
            self._renew_references(references)
            before.without_foreign()
        # What takes its time may still be under way at first.
        for quiet in 0, .6, 1.2:
            state = world.settle(quiet)
            after = self._snapshot()
            if gone:
                after.without_foreign()
            lines = difference(before, after, not wipe and not gone)
            lines, learned = self._without(lines, Changes(look, last))
            if not lines:
                break
        messages = sent({c: 0 for c in state[2]}, state[2])
        if not lines and messages and not wipe and not gone and not learned:
            lines = ["sent: %s" % messages]
        if lines:
            raise Doubtful("%s and another controller%s make a difference:\n%s"
                           % (how, " on an empty switch" if wipe else "",
                              "\n".join(lines)))


class Fuzzer:
    """Draws steps."""

    def __init__(self, run, rng, batch, batches):
        """A transaction has up to 'batch' mutations, and there are between
        batches[0] and batches[1] of them from one full check to the next."""
        self.run, self.rng, self.batch = run, rng, batch
        self.batches = batches
        world = run.world
        seed = copy.deepcopy(world.sb.rows)
        values = Values(rng, seed)
        self.sb = moves.Southbound(rng, world.sb, values, seed)
        self.local = moves.Local(rng, world.ovs, values, self._ports)
        self.packets = moves.Packets(rng, world.sb, self.local)
        self.converted = False

    def _ports(self):
        rows = self.run.world.sb.rows.get("Port_Binding", {})
        return sorted(r["logical_port"] for r in rows.values()) or ["x"]

    def steps(self):
        """The steps up to, and with, the next full check."""
        rng = self.rng
        down = rng.random() < .08
        if down:
            yield {"end": rng.choice(ENDS)}
        left = int(self._between(*self.batches))
        while left > 0:
            dice = rng.random()
            if dice < .75:
                n = min(left, int(self._between(5, self.batch)) + 1)
                left -= n
                yield {"sb": self.sb.batch(n)}
            elif dice < .86:
                yield {"ovs": self.local.batch(rng.randrange(1, 12))}
            elif dice < .93:
                yield {"packets": self.packets.some(rng.randrange(1, 30))}
            elif dice < .94:
                yield {"restart": "sb"}
            elif dice < .943:
                yield {"restart": "switch"}
            elif dice < .95:
                yield {"convert": self._other_schema()}
            elif dice < .97 and not down:
                yield from self._heal()
                yield {"check": {}}
        if down:
            yield {"start": True}
        yield from self._heal()
        yield {"check": {"how": rng.choice(ENDS), "wipe": rng.random() < .3}}

    def _between(self, low, high):
        """A number whose magnitude may be any of those in between."""
        return math.exp(self.rng.uniform(math.log(low), math.log(high)))

    def _heal(self):
        self.run.world.poll()
        operations = self.local.heal()
        if operations:
            yield {"ovs": operations}
            self.run.world.poll()
        config = next(iter(self.run.world.ovs.rows["Open_vSwitch"].values()))
        ids = dict(ovsdb.elements(config["external_ids"]))
        operations = self.sb.heal(ids.get("ovn-encap-ip", "").split(","))
        if operations:
            yield {"sb": operations}

    def _other_schema(self):
        """The schema that there was at first, or one that is a bit newer or
        older."""
        rng = self.rng
        schema = copy.deepcopy(self.run.schema)
        if rng.random() < .4:
            return schema
        table = rng.choice(sorted(schema["tables"]))
        dice = rng.random()
        if dice < .5:
            schema["tables"][table]["columns"]["new_column"] = {
                "type": {"key": "string", "min": 0, "max": "unlimited"}}
        elif dice < .7:
            schema["tables"]["New_Table"] = {
                "columns": {"name": {"type": "string"}}, "isRoot": True}
        else:
            self._take_away(schema)
        return schema

    def _take_away(self, schema):
        """Removes a column or a table that an older schema does not have.  A
        controller needs those that it writes: the server refuses what names
        them, and all that goes with it."""
        what = self.rng.choice(
            (("Static_MAC_Binding", None), ("BFD", None),
             ("Load_Balancer", None), ("Chassis_Template_Var", None),
             ("Port_Binding", "port_security"),
             ("Port_Binding", "requested_chassis"),
             ("Port_Binding", "requested_additional_chassis"),
             ("Logical_Flow", "controller_meter"), ("Logical_Flow", "tags"),
             ("Load_Balancer", "datapath_group")))
        if what[1]:
            del schema["tables"][what[0]]["columns"][what[1]]
        else:
            del schema["tables"][what[0]]


def episode(args, seed, mutations):
    """One episode.  Returns its Run, and what has failed, or None."""
    rng = random.Random(seed)
    names = args.configurations or sorted(rng.sample(
        configurations(), min(args.number, len(configurations()))))
    directory = os.path.join(args.work, "episode-%d" % seed)
    print("seed %d: %s" % (seed, " ".join(names)), flush=True)
    run = Run(args, directory, names)
    failure = None
    try:
        run.start()
        with open(os.path.join(directory, "log"), "w") as log:
            print(json.dumps({"seed": seed, "configurations": names}),
                  file=log)
            fuzzer = Fuzzer(run, rng, args.batch, args.between)
            while run.counts["mutations"] < mutations:
                for step in fuzzer.steps():
                    # Before it is carried out, in case that it is the last.
                    where = log.tell()
                    print(json.dumps(step), file=log, flush=True)
                    run.step(step)
                    if "sb" in step or "ovs" in step:
                        log.seek(where)
                        log.truncate()
                        print(json.dumps(step), file=log, flush=True)
        run.finish()
    except Failure as f:
        failure = f
    finally:
        run.world.stop_all()
    if not failure and not args.keep:
        shutil.rmtree(directory)
    return run, failure


def read_log(path):
    with open(path) as log:
        lines = [json.loads(line) for line in log]
    return lines[0], lines[1:]


def replay(args, head, steps, directory=None):
    """Carries out 'steps'; what fails in them, or None."""
    directory = directory or os.path.join(args.work, "replay")
    run = Run(args, directory, head["configurations"])
    try:
        run.start()
        for step in steps:
            run.step(copy.deepcopy(step))
        run.finish()
    except Failure as failure:
        return str(failure)
    finally:
        run.world.stop_all()
    return None


def first_line(failure):
    return failure.split("\n", 1)[0]


def reduced(items, fails):
    """Few of 'items' for which still fails(items): delta debugging."""
    n = 2
    while len(items) >= 2:
        size = max(1, len(items) // n)
        for at in range(0, len(items), size):
            fewer = items[:at] + items[at + size:]
            if fewer and fails(fewer):
                items, n = fewer, max(2, n - 1)
                break
        else:
            if size == 1:
                break
            n = min(len(items), n * 2)
    return items


def shrink(args):
    head, steps = read_log(args.shrink)
    last = [s for s in steps if "check" in s][-1:]
    steps = [s for s in steps if s not in last or s is not steps[-1]]
    if args.tail:
        steps = steps[-args.tail:]
    wanted = None

    def fails(some):
        failure = replay(args, head, some + last)
        result = failure and (not wanted or first_line(failure) == wanted)
        print("%d steps, %d operations: %s" % (
            len(some), sum(len(next(iter(s.values()))) for s in some
                           if "sb" in s or "ovs" in s),
            first_line(failure) if failure else "nothing"), flush=True)
        if failure and result:
            with open(args.shrink + ".why", "w") as f:
                f.write(failure + "\n")
            with open(args.shrink + ".short", "w") as f:
                for line in [head] + some + last:
                    print(json.dumps(line), file=f)
        return result

    if not fails(steps):
        print("it does not fail again")
        return 1
    with open(args.shrink + ".why") as f:
        wanted = first_line(f.read())
    # Earlier checks are seldom of importance.
    fewer = [s for s in steps if "check" not in s]
    steps = fewer if len(fewer) < len(steps) and fails(fewer) else steps
    steps = reduced(steps, fails)
    singles = []
    for step in steps:
        (kind, what), = step.items()
        singles += ([{kind: [o]} for o in what] if kind in ("sb", "ovs",
                                                            "packets")
                    else [step])

    def joined(some):
        result = []
        for step in some:
            (kind, what), = step.items()
            if kind in ("sb", "ovs", "packets") and result and (
                    kind in result[-1]):
                result[-1][kind] = result[-1][kind] + what
            else:
                result.append(dict(step))
        return result
    if fails(joined(singles)):
        reduced(singles, lambda some: fails(joined(some)))
    print("left in %s.short" % args.shrink)
    return 0


def counts_for(failure, args, log):
    """Whether 'failure' is one."""
    if not isinstance(failure, Doubtful):
        return True
    return not args.crashes and (not args.confirm or bool(
        replay(args, *read_log(log))))


def in_words(counts):
    return ", ".join("%d %s" % (counts[what], what) for what in COUNTED)


def fuzz(args):
    started, failures, episodes = time.monotonic(), 0, 0
    clean = dict.fromkeys(COUNTED, 0)   # In episodes in which nothing failed.
    left = args.mutations
    seed = args.seed
    while left > 0:
        run, failure = episode(args, seed, min(args.episode, left))
        left -= max(1, run.counts["mutations"])
        if failure:
            log = os.path.join(args.work, "episode-%d" % seed, "log")
            print("FAILED (seed %d, after %s): %s" % (
                seed, in_words(run.counts), failure), flush=True)
            print("to shrink it: --work=%s --shrink=%s" % (args.work, log),
                  flush=True)
            if counts_for(failure, args, log):
                failures += 1
                if not args.keep_going:
                    break
            else:
                print("That does not count.", flush=True)
        else:
            episodes += 1
            for what in COUNTED:
                clean[what] += run.counts[what]
            print("%d episodes clean: %s; %.0f mutations a second; memory %d"
                  " MB, at most %d" % (
                      episodes, in_words(clean), clean["mutations"]
                      / (time.monotonic() - started), run.first_memory,
                      run.memory), flush=True)
        seed += 1
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--controller", required=True)
    parser.add_argument("--ovn-schemas", default="/usr/share/ovn")
    parser.add_argument("--ovs-schemas", default="/usr/share/openvswitch")
    parser.add_argument("--work", default="sb-fuzz.dir", metavar="DIR")
    parser.add_argument("--seed", type=int,
                        default=int.from_bytes(os.urandom(3), "big"))
    parser.add_argument("--mutations", type=int, default=10000)
    parser.add_argument("--episode", type=int, default=20000,
                        help="mutations in an episode")
    parser.add_argument("--batch", type=int, default=200,
                        help="mutations in a transaction, at most")
    parser.add_argument("--between", type=int, nargs=2, default=(100, 2000),
                        metavar=("MIN", "MAX"),
                        help="mutations from one full check to the next")
    parser.add_argument("--number", type=int, default=6,
                        help="of configurations in an episode")
    parser.add_argument("--configurations", nargs="*")
    parser.add_argument("--keep", action="store_true",
                        help="the directories of episodes that pass")
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("--confirm", action="store_true",
                        help="a difference counts if a replay shows one, too")
    parser.add_argument("--crashes", action="store_true",
                        help="only the controller's crashes, assertions and"
                        " sanitizers count")
    parser.add_argument("--replay", metavar="LOG")
    parser.add_argument("--shrink", metavar="LOG")
    parser.add_argument("--tail", type=int, metavar="N",
                        help="shrink the last N steps only")
    args = parser.parse_args()
    args.work = os.path.abspath(args.work)
    os.makedirs(args.work, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if args.replay:
        failure = replay(args, *read_log(args.replay))
        print(failure or "nothing fails")
        return 1 if failure else 0
    return shrink(args) if args.shrink else fuzz(args)


if __name__ == "__main__":
    sys.exit(main())
