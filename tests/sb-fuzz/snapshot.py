#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a switch and two databases hold, so that it can be compared."""

import hashlib
import json
import re

from ovsdb import elements, is_uuid, without_stamps
from world import IGNORED_OVS, IGNORED_SB

# Rows that the controller may delete and make anew: what they are called.
NAMED_SB = {
    "Chassis": lambda r: r["name"],
    "Chassis_Private": lambda r: r["name"],
    "Encap": lambda r: "%s %s %s" % (r["type"], r["ip"],
                                     r.get("chassis_name")),
}
NAMED_OVS = {
    "Bridge": lambda r: r["name"],
    "Port": lambda r: r["name"],
    "Interface": lambda r: r["name"],
    "Mirror": lambda r: r["name"],
}

# Matches of flows that the switch itself adds and removes.
LEARNED = re.compile(r"_timeout=|table=(69|76|77|78|93|100|101|102),")
GROUP_ID = re.compile(r"\bgroup(?:_id=|:)(\d+)")
METER_ID = re.compile(r"\bmeter(?:_id)?[=:](\d+)")
PORT = re.compile(r'"ovn-(?:[^"\\]|\\.)*"')
# Where a packet came in, for a later table to know.
CAME_BY = re.compile(r"set_field:0x([0-9a-f]+)0000/0xffff0000->reg5\b")
# A whole register, or, for releases that keep something else in the upper
# half, the lower half of one.
ZONE = re.compile(r"(set_field:)0x([0-9a-f]+)((?:/0xffff)?->reg1[123]\b)")
CONJ_ID = re.compile(r"\bconj_id=(\d+)|\bconjunction\((\d+),")


def unquoted(text):
    """What ovs-ofctl has put between quotes, if it is what it looks like."""
    try:
        return json.loads(text)
    except ValueError:
        return text[1:-1]


def tunnels(database):
    """{name of a tunnel's port: what is at its other end}.  A name ends in a
    number that tells the tunnel from others whose chassis have names that
    begin alike: whichever comes first gets 0."""
    result, ends = {}, {}
    for row in sorted(database.rows.get("Port", {}).values(),
                      key=lambda r: r["name"]):
        end = dict(elements(row["external_ids"])).get("ovn-chassis-id")
        if end:
            n = ends[end] = ends.get(end, 0) + 1
            result[row["name"]] = "tunnel %d to %s" % (n, end)
    return result


class Rows:
    """The rows of a database, without what is ignored, and without the UUIDs
    of rows that have names.  'renamed' are other names for some."""

    def __init__(self, database, ignored, named, renamed):
        self.ignored, self.renamed = ignored, renamed
        # A row that changes is a new object.
        self.raw = {table: dict(there)
                    for table, there in database.rows.items()}
        self.labels = {}
        for table, name in named.items():
            for uuid, row in self.raw.get(table, {}).items():
                label = name(row)
                self.labels[uuid] = "%s %s" % (table,
                                               renamed.get(label, label))

    def _atom(self, a):
        if is_uuid(a):
            return self.labels.get(a[1], a[1])
        return self.renamed.get(a, a) if isinstance(a, str) else a

    def _datum(self, d):
        if isinstance(d, list) and d and d[0] == "map":
            return sorted((repr(self._atom(k)), repr(self._atom(v)))
                          for k, v in without_stamps(d)[1])
        return sorted(repr(self._atom(a)) for a in elements(d))

    def named(self, other=None):
        """{(table, row): {column: datum}}, except for what 'other' has too, in
        the same words."""
        if other and (self.labels, self.renamed) != (other.labels,
                                                     other.renamed):
            other = None
        return {(table, self.labels.get(uuid, uuid)):
                {c: self._datum(d) for c, d in row.items()
                 if c not in self.ignored.get(table, ())}
                for table, there in self.raw.items()
                for uuid, row in there.items()
                if not other or other.raw.get(table, {}).get(uuid) != row}


def _digest(text):
    return hashlib.sha1(text.encode()).hexdigest()[:10]


class Snapshot:
    def __init__(self, world):
        texts = world.ofctl("dump-flows", "dump-groups", "dump-meters")
        flows, self.groups, self.meters = [
            [line.strip() for line in text.splitlines()
             if "xid=" not in line] for text in texts]
        self.flows = [f for f in flows
                      if not LEARNED.search(f.partition(" actions=")[0])]
        self.tunnels = tunnels(world.ovs)
        self.sb = Rows(world.sb, IGNORED_SB, NAMED_SB, {})
        self.ovs = Rows(world.ovs, IGNORED_OVS, NAMED_OVS, self.tunnels)
        self.is_own = False
        self.chassis = sorted(u for u, r in world.sb.rows["Chassis"].items()
                              if r["name"] == "hv1")

    def without_foreign(self):
        """From now on, goes without what others have put into our rows, which
        a controller that removes its rows and makes them anew does not keep;
        and without the multicast groups that we have learned, if we had."""
        self.is_own = True
        self._without_zones()

    def named_rows(self, other):
        """The named rows of both databases, without those that 'other' has,
        too.  (Maybe not without all of them.)"""
        if not self.is_own:
            return self.sb.named(other.sb), self.ovs.named(other.ovs)
        return (self._own_sb(self.sb.named()), self._own_ovs(self.ovs.named()))

    @staticmethod
    def _own_sb(rows):
        rows = {(table, row): columns
                for (table, row), columns in rows.items()
                if table != "IGMP_Group"
                or columns.get("chassis") != [repr("Chassis hv1")]}
        for (table, row), columns in rows.items():
            if row.startswith("Chassis") or table == "Encap":
                columns.pop("new_column", None)
            if row in ("Chassis hv1", "Chassis_Private hv1"):
                for column in "external_ids", "vtep_logical_switches":
                    columns.pop(column, None)
                columns["other_config"] = []
            elif table == "Encap" and row.endswith(" hv1"):
                columns["options"] = []
        return rows

    @staticmethod
    def _own_ovs(rows):
        for (table, row), columns in rows.items():
            if row.startswith(("Port tunnel ", "Interface tunnel ")):
                columns.pop("external_ids")
            elif table == "Bridge":
                columns["external_ids"] = [
                    (key, "zone" if key.startswith("'ct-zone-") else value)
                    for key, value in columns["external_ids"]]
        return rows

    def _without_zones(self):
        """With what zones are for instead of their numbers, which a chassis
        whose ports are elsewhere for a while does not keep."""
        zones = {}              # Number -> names.
        for row in self.ovs.raw["Bridge"].values():
            for key, value in elements(row["external_ids"]):
                if key.startswith("ct-zone-"):
                    zones.setdefault(value, []).append(key)

        def named(m):
            number = str(int(m.group(2), 16))
            return (m.group(1) + " ".join(sorted(zones[number])) + m.group(3)
                    if number in zones else m.group(0))
        self.flows = [ZONE.sub(named, f) for f in self.flows]

    def without_ids(self):
        """Flows and groups in words that do not depend on what numbers groups,
        meters and conjunctions have got, nor on the UUID of our Chassis."""
        cookies = {"0x%x" % int(u[:8], 16) for u in self.chassis}
        meters = {}
        for line in self.meters:
            found = METER_ID.search(line)
            if found:
                meters[found.group(1)] = METER_ID.sub("meter", line, count=1)

        def meter(text):
            return METER_ID.sub(lambda m: "meter<%s>" % _digest(
                meters.get(m.group(1), m.group(1))), text)

        groups = {}
        for line in self.groups:
            found = GROUP_ID.search(line)
            if found:
                groups[found.group(1)] = meter(GROUP_ID.sub("", line, count=1))

        ports = {elements(row["ofport"])[0]: row["name"]
                 for row in self.ovs.raw["Interface"].values()
                 if elements(row["ofport"])}

        def came_by(m):
            name = ports.get(int(m.group(1), 16))
            return ("came by " + self.tunnels.get(name, name) if name
                    else m.group(0))

        def plain(flow):
            flow = CAME_BY.sub(came_by, flow)
            flow = GROUP_ID.sub(lambda m: "group<%s>" % _digest(
                groups.get(m.group(1), m.group(1))), meter(flow))
            flow = PORT.sub(lambda m: self.tunnels.get(
                unquoted(m.group(0)), m.group(0)), flow)
            cookie = flow.partition("cookie=")[2].partition(",")[0]
            return (flow.replace("cookie=" + cookie, "cookie=chassis", 1)
                    if cookie in cookies else flow)

        flows = self._without_conj_ids([plain(f) for f in self.flows])
        return flows, sorted(groups.values()), sorted(meters.values())

    @staticmethod
    def _without_conj_ids(flows):
        members = {}
        for flow in flows:
            for m in CONJ_ID.finditer(flow):
                members.setdefault(m.group(1) or m.group(2), []).append(
                    CONJ_ID.sub("conj", flow))
        names = {i: _digest("\n".join(sorted(m))) for i, m in members.items()}

        def named(m):
            return m.group(0).replace(m.group(1) or m.group(2),
                                      names[m.group(1) or m.group(2)], 1)

        result = []
        for flow in flows:
            flow = CONJ_ID.sub(named, flow)
            head, actions, tail = flow.partition(" actions=")
            if "conjunction(" in tail:
                tail = ",".join(sorted(tail.replace("),", ") ").split()))
            result.append(head + actions + tail)
        return sorted(result)


def _lines(old, new):
    old, new = set(old), set(new)
    return (["- " + x for x in sorted(old - new)]
            + ["+ " + x for x in sorted(new - old)])


def _rows(name, old, new):
    result = []
    for key in sorted(old.keys() | new.keys()):
        a, b = old.get(key), new.get(key)
        if a == b:
            continue
        if a is None or b is None:
            result.append("%s %s %s: %s" % ("-" if b is None else "+", name,
                                            " ".join(key), a or b))
        else:
            result += ["! %s %s.%s: %s -> %s" % (name, " ".join(key), c,
                                                 a.get(c), b.get(c))
                       for c in sorted(a.keys() | b.keys())
                       if a.get(c) != b.get(c)]
    return result


def difference(old, new, ids):
    """Lines that say how two snapshots differ.  'ids' says whether groups,
    meters and conjunctions must have the same numbers."""
    if ids:
        a = (sorted(old.flows), sorted(old.groups), sorted(old.meters))
        b = (sorted(new.flows), sorted(new.groups), sorted(new.meters))
    else:
        a, b = old.without_ids(), new.without_ids()
    result = []
    for x, y in zip(a, b):
        lines = _lines(x, y)
        if not lines and x != y:
            lines = ["! as many as %d and %d" % (len(x), len(y))]
        result += lines
    for name, before, after in zip(("SB", "OVS"), old.named_rows(new),
                                   new.named_rows(old)):
        result += _rows(name, before, after)
    return result
