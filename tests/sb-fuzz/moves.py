#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the fuzzer does to the databases.

Each class makes operations of the databases' protocol from the rows that there
are.  It does not carry them out: what is logged and tried again is what it has
made."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import packets                                              # noqa: E402
from ovsdb import (atoms, delete, elements, insert, is_uuid,  # noqa: E402
                   mutate, update)

# How often a table is chosen, 2 if not named.  Those that no controller reads
# are here for the server's sake only.
WEIGHTS = {"Port_Binding": 12, "Logical_Flow": 10, "Datapath_Binding": 4,
           "Multicast_Group": 4, "Load_Balancer": 4, "Chassis": 4,
           "Port_Group": 4, "Address_Set": 4, "Logical_DP_Group": 4,
           "HA_Chassis_Group": 3, "Encap": 3, "MAC_Binding": 3, "FDB": 3,
           "Connection": 0, "SSL": 0, "RBAC_Role": .2,
           "RBAC_Permission": .2, "SB_Global": 1}

# Columns that the fuzzer itself needs.
RESERVED = {"SB_Global": ("nb_cfg", "connections", "ssl")}

MOST_ROWS_WITH_ONE = 40         # That a deletion takes with it.


def new_uuid(rng):
    digits = "%032x" % rng.getrandbits(128)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20],
                     digits[20:]))


class Indexes:
    """What the indexes of database 'db' would say of operations.  The server
    refuses a transaction, all of it, if two rows would be the same."""

    def __init__(self, db):
        self.db = db
        self.rows = {}          # (table, UUID) -> columns
        self.owners = {}        # (table, index, values) -> UUID
        self.known = set()      # Tables.

    def _keys(self, table, row):
        columns = self.db.schema.tables[table].columns
        for index in self.db.schema.tables[table].indexes:
            yield (table, tuple(index), repr([
                row.get(c, columns[c].default()) for c in index]))

    def _learn(self, table):
        if table not in self.known:
            self.known.add(table)
            for uuid, row in self.db.rows[table].items():
                self._put(table, uuid, row)

    def _put(self, table, uuid, row):
        self._remove(table, uuid)
        self.rows[table, uuid] = row
        for key in self._keys(table, row):
            self.owners[key] = uuid

    def _remove(self, table, uuid):
        row = self.rows.pop((table, uuid), None)
        for key in self._keys(table, row) if row is not None else ():
            self.owners.pop(key, None)

    def _accept(self, operation):
        table = operation["table"]
        kind = operation["op"]
        if not self.db.schema.tables[table].indexes or kind == "mutate":
            return True
        self._learn(table)
        uuid = (operation["uuid"] if kind == "insert"
                else operation["where"][0][2][1])
        if kind == "delete":
            self._remove(table, uuid)
            return True
        row = dict(self.rows.get((table, uuid), {}), **operation["row"])
        if any(self.owners.get(key, uuid) != uuid
               for key in self._keys(table, row)):
            return False
        self._put(table, uuid, row)
        return True

    def accepted(self, operations):
        """Those that make no two rows the same."""
        result, refused = [], []
        for operation in operations:
            text = repr(operation) if refused else ""
            if any(uuid in text for uuid in refused):
                continue        # It refers to a row that is not there.
            if self._accept(operation):
                result.append(operation)
            elif operation["op"] == "insert":
                refused.append(operation["uuid"])
        return result


class Southbound:
    """Random operations for the southbound database 'db'.  'seed' are the rows
    that it had at the start."""

    def __init__(self, rng, db, values, seed):
        self.rng, self.db, self.values, self.seed = rng, db, values, seed
        self.now = {}           # UUID at the start -> UUID.
        self.inserted = {}      # table -> UUIDs, in this batch.

    def batch(self, n):
        """About 'n' operations, to be one transaction."""
        self.operations = []
        self.inserted = {}
        self.deleted = set()
        tables = [t for t in self.db.schema.tables if t in self.db.rows]
        weights = [WEIGHTS.get(t, 2) for t in tables]
        self.lists = {t: sorted(self.db.rows[t]) for t in tables}
        while len(self.operations) < n:
            self._one(self.rng.choices(tables, weights)[0])
        return Indexes(self.db).accepted(self.operations)

    def heal(self, ips):
        """Operations after which no other chassis has the encapsulations of
        ours: two that claim one address are in conflict until somebody mends
        it."""
        encaps = self.db.rows["Encap"]
        return [update("Encap", atom[1], {
                    "ip": "10.99.%d.%d" % (self.rng.randrange(256),
                                           self.rng.randrange(256))})
                for row in self.db.rows["Chassis"].values()
                if row["name"] != "hv1"
                for atom in elements(row["encaps"])
                if encaps[atom[1]]["ip"] in ips]

    def _one(self, name):
        rng = self.rng
        rows, seed = len(self.lists[name]), len(self.seed.get(name, ()))
        dice = rng.random()
        if dice < .25 and seed:
            self._restore(name, rng.choice(sorted(self.seed[name])))
        elif dice < (.40 if rows < 1.3 * seed + 8 else .27) and (
                not self._is_full(name)):
            self._insert(name)
        elif dice < (.55 if rows > .7 * seed + 1 else .43):
            self._delete(name)
        else:
            self._update(name)

    def _refer(self, table):
        """The UUID of a row of 'table', or of none."""
        rng = self.rng
        if table is None or rng.random() < .03:
            return new_uuid(rng)
        there = self.lists.get(table, [])
        new = self.inserted.get(table, [])
        if new and rng.random() < .3:
            return rng.choice(new)
        return rng.choice(there) if there else None

    def _row(self, table):
        there = self.lists[table]
        return self.rng.choice(there) if there else None

    def _datum(self, table, column, current=None):
        donor = self._row(table)
        return self.values.datum(
            table, column, self.db.schema.tables[table].columns[column],
            self._refer, current,
            donor and self.db.rows[table][donor].get(column))

    def _columns(self, table):
        return [c for c in self.db.schema.tables[table].columns
                if c not in RESERVED.get(table, ())]

    def _is_full(self, table):
        return (len(self.lists[table]) + len(self.inserted.get(table, ()))
                >= self.db.schema.tables[table].max_rows)

    def _insert(self, table):
        rng = self.rng
        row = {}
        donor = self._row(table)
        if donor and rng.random() < .7:
            row = {c: self.db.rows[table][donor][c]
                   for c in self._columns(table)}
            changed = rng.sample(sorted(row), min(len(row),
                                                  rng.randrange(1, 4)))
        else:
            changed = self._columns(table)
        for index in self.db.schema.tables[table].indexes:
            changed = list(changed) + [rng.choice(index)]
        for column in changed:
            datum = self._datum(table, column, row.get(column))
            if datum is not None:
                row[column] = datum
        uuid = new_uuid(rng)
        self.operations.append(insert(table, uuid, row))
        self.inserted.setdefault(table, []).append(uuid)
        if not self.db.schema.tables[table].is_root:
            self._adopt(table, uuid)

    def _adopt(self, table, uuid):
        """Has some row refer to one that nobody would keep otherwise."""
        parents = [(t, c) for t, c, strong in self.db.schema.referrers[table]
                   if strong and self.lists[t]]
        if not parents:
            return
        parent, column = self.rng.choice(parents)
        row = self._row(parent)
        kind = self.db.schema.tables[parent].columns[column]
        if kind.max > 1 and self.rng.random() < .5:
            self.operations.append(mutate(parent, row, [
                column, "insert", ["set", [["uuid", uuid]]]]))
        else:
            self.operations.append(update(parent, row,
                                          {column: ["uuid", uuid]}))

    def _update(self, table):
        uuid = self._row(table)
        if not uuid or uuid in self.deleted:
            return
        row = {}
        columns = self._columns(table)
        for column in self.rng.sample(columns, min(len(columns),
                                                   self.rng.choice(
                                                       (1, 1, 1, 2, 3)))):
            datum = self._datum(table, column,
                                self.db.rows[table][uuid].get(column))
            if datum is not None:
                row[column] = datum
        if row:
            self.operations.append(update(table, uuid, row))

    def _delete(self, table):
        uuid = self._row(table)
        if uuid:
            doomed = self._holders(table, uuid)
            if doomed is not None:
                for t, u in doomed:
                    self.deleted.add(u)
                    self.operations.append(delete(t, u))

    def _holders(self, table, uuid):
        """The row, and those that would not let it go, and so on; None if
        they are too many."""
        doomed = [(table, uuid)]
        for t, u in doomed:
            for parent, column, strong in self.db.schema.referrers[t]:
                if not strong:
                    continue
                for parent_uuid, row in self.db.rows[parent].items():
                    if (["uuid", u] in atoms(row[column])
                            and (parent, parent_uuid) not in doomed):
                        doomed.append((parent, parent_uuid))
                        if len(doomed) > MOST_ROWS_WITH_ONE:
                            return None
        return doomed

    def _current(self, table, uuid):
        """The row that has taken the place of one that there was at the start.
        A row is never inserted with the UUID of one that was deleted: there
        are versions of ovsdb-server that do not survive it."""
        uuid = self.now.get(uuid, uuid)
        if uuid in self.db.rows[table] or uuid in self.inserted.get(table, ()):
            return uuid
        for index in self.db.schema.tables[table].indexes:
            if len(index) == 1 and index[0] in self.seed[table].get(uuid, ()):
                value = self.seed[table][uuid][index[0]]
                for other, row in self.db.rows[table].items():
                    if row[index[0]] == value:
                        self.now[uuid] = other
                        return other
        return None

    def _as_now(self, table, column, datum):
        """'datum' with references to the rows of today."""
        to = self.db.schema.tables[table].columns[column].ref()
        if not to:
            return datum

        def current(atom):
            return (["uuid", self.now.get(atom[1], atom[1])] if is_uuid(atom)
                    else atom)
        kind = self.db.schema.tables[table].columns[column]
        if kind.value is not None:
            return ["map", [[current(k), current(v)] for k, v in datum[1]]]
        return kind.datum([current(a) for a in elements(datum)])

    def _restore(self, table, uuid, depth=0):
        """Has the row be as it was at the start."""
        if table not in self.db.rows or depth > 5:
            return
        seed = self.seed[table][uuid]
        columns = [c for c in self._columns(table) if c in seed]
        current = self._current(table, uuid)
        if current in self.inserted.get(table, ()) or current in self.deleted:
            return
        if not current and self._is_full(table):
            return
        if not current:
            self.now[uuid] = new_uuid(self.rng)
            self.inserted.setdefault(table, []).append(self.now[uuid])
            for column in columns:
                to = self.db.schema.tables[table].columns[column].ref()
                for atom in atoms(seed[column]):
                    if to and is_uuid(atom) and atom[1] in self.seed[to[0]]:
                        self._restore(to[0], atom[1], depth + 1)
        row = {c: self._as_now(table, c, seed[c]) for c in columns}
        if current:
            self.operations.append(update(table, current, row))
            return
        self.operations.append(insert(table, self.now[uuid], row))
        if self.db.schema.tables[table].is_root or depth:
            return
        for parent, column, strong in self.db.schema.referrers[table]:
            for parent_uuid, there in self.seed.get(parent, {}).items():
                if strong and ["uuid", uuid] in atoms(there[column]):
                    holder = self._current(parent, parent_uuid)
                    if holder:
                        self.operations.append(update(parent, holder, {
                            column: self._as_now(parent, column,
                                                 there[column])}))


class Local:
    """Random operations for the switch's database 'db', as somebody with
    ovs-vsctl would make them."""

    KEYS = {
        "ovn-bridge-mappings": ["phys:br-lan", "phys:br-phys", "phys:none",
                                "phys:br-lan,x:br-phys", "phys", ":", ",,,",
                                "phys:br-lan,phys:br-phys", "x:br-int"],
        "ovn-encap-type": ["geneve", "vxlan", "geneve,vxlan", "stt", "bad",
                           "geneve,geneve"],
        "ovn-encap-ip": ["192.168.0.1", "192.168.0.7", "192.168.0.1,10.9.9.9",
                         "fd00::99", "bad"],
        "ovn-monitor-all": ["true", "false", "odd"],
        "ovn-is-interconn": ["true", "false"],
        "ovn-chassis-mac-mappings": ["phys:aa:bb:cc:ee:00:01", "phys:bad",
                                     "x:aa:bb:cc:ee:00:02", "phys"],
        "ovn-encap-csum": ["true", "false", "odd"],
        "ovn-encap-tos": ["inherit", "0x10", "bad"],
        "ovn-cms-options": ["enable-chassis-as-gw", "a,b,c", ""],
        "ovn-transport-zones": ["tz1", "tz1,tz2", ""],
        "ovn-enable-lflow-cache": ["true", "false"],
        "ovn-enable-flow-based-tunnels": ["true", "false"],
        "ovn-set-local-ip": ["true", "false"],
        "ovn-lb-local": ["strict", "fallback", "off", "odd"],
        "ovn-openflow-probe-interval": ["0", "5", "-1", "99999999999"],
        "ovn-limit-lflow-cache": ["0", "100", "-1"],
        "hostname": ["hv1", "h\u00e9", ""],
        "garp-max-timeout-sec": ["1", "-1"],
        "arp-nd-max-timeout-sec": ["1", "-1"],
    }

    def __init__(self, rng, db, values, ports):
        self.rng, self.db, self.values = rng, db, values
        self.ports = ports      # Returns names of logical ports.
        self.count = 0

    def batch(self, n):
        operations = []
        while len(operations) < n:
            operations += self.rng.choice((
                self._add, self._add, self._remove, self._remove, self._rename,
                self._rename, self._interface, self._configure,
                self._tunnel, self._zone))() or []
        return operations

    def heal(self):
        """Operations after which there is an encapsulation: no controller
        registers without one."""
        uuid, row = next(iter(self.db.rows["Open_vSwitch"].items()))
        ids = dict(elements(row["external_ids"]))
        operations = []
        for key in "ovn-encap-ip", "ovn-encap-type":
            value = ids.get(key)
            if value == "bad" or value not in self.KEYS[key]:
                operations += [self._own("Open_vSwitch", uuid, key),
                               mutate("Open_vSwitch", uuid, [
                                   "external_ids", "insert",
                                   ["map", [[key, self.KEYS[key][0]]]]])]
        return operations

    def _bridge(self, name="br-int"):
        for uuid, row in self.db.rows["Bridge"].items():
            if row["name"] == name:
                return uuid, row
        return None, None

    def _interfaces(self):
        """Those of the integration bridge, but for its own: a list of (port's
        UUID, interface's UUID, interface)."""
        _, bridge = self._bridge()
        result = []
        for atom in elements(bridge["ports"]) if bridge else ():
            port = self.db.rows["Port"].get(atom[1])
            for i in elements(port["interfaces"]) if port else ():
                iface = self.db.rows["Interface"].get(i[1])
                if iface and iface["name"] != "br-int":
                    result.append((atom[1], i[1], iface))
        return sorted(result, key=lambda item: item[1])

    def _vifs(self):
        return [i for i in self._interfaces()
                if i[2]["type"] not in ("geneve", "vxlan", "stt", "patch")]

    def _ids(self):
        ids = [["iface-id", self.rng.choice(self.ports())
                if self.rng.random() < .85 else self.values.word()]]
        for key, choices in (("encap-ip", ["192.168.0.1", "1.1.1.1", "bad"]),
                             ("iface-id-ver", ["1", ""]),
                             ("attached-mac", ["02:00:00:00:00:01"]),
                             ("iface-status", ["active", "inactive"]),
                             ("ovn-installed", ["true", "false"]),
                             ("vm-id", self.values.names or ["x"])):
            if self.rng.random() < .06:
                ids.append([key, self.rng.choice(choices)])
        return ["map", ids]

    def _add(self):
        if len(self._vifs()) > 60:
            return self._remove()
        rng = self.rng
        bridge = self._bridge()[0]
        self.count += 1
        name = "v%d" % self.count
        if rng.random() < .1:
            name = name + self.values.word()[:20].replace("/", "")
        kind = rng.choice(["", "", "", "", "internal", "dummy", "patch",
                           "bad", "system"])
        iface, port = new_uuid(rng), new_uuid(rng)
        row = {"name": name, "type": kind, "external_ids": self._ids()}
        if rng.random() < .05:
            row["mtu_request"] = rng.choice((1500, 68, 9000))
        return [insert("Interface", iface, row),
                insert("Port", port, {"name": name,
                                      "interfaces": ["uuid", iface]}),
                mutate("Bridge", bridge, ["ports", "insert",
                                          ["set", [["uuid", port]]]])]

    def _remove(self):
        there = self._vifs()
        if not there:
            return None
        port = self.rng.choice(there)[0]
        return [mutate("Bridge", self._bridge()[0],
                       ["ports", "delete", ["set", [["uuid", port]]]])]

    def _rename(self):
        there = self._vifs()
        if not there:
            return None
        ids = self._ids() if self.rng.random() < .9 else ["map", []]
        return [update("Interface", self.rng.choice(there)[1],
                       {"external_ids": ids})]

    def _interface(self):
        there = self._vifs()
        if not there:
            return None
        port, uuid, _ = self.rng.choice(there)
        return self.rng.choice((
            [update("Interface", uuid, {"type": self.rng.choice(
                ["", "internal", "dummy", "bad"])})],
            [update("Interface", uuid, {"external_ids": ["map", [
                [self.values.word(), self.values.word()]]]})],
            [update("Port", port, {"external_ids": ["map", [
                ["ovn-localnet-port", self.values.name()]]]})],
            [update("Port", port, {"tag": self.rng.choice((["set", []], 7))})],
        ))

    def _configure(self):
        uuid = next(iter(self.db.rows["Open_vSwitch"]))
        key = self.rng.choice(sorted(self.KEYS))
        remove = [self._own("Open_vSwitch", uuid, key)]
        if key == "ovn-encap-ip" or self.rng.random() < .6:
            value = (self.rng.choice(self.KEYS[key])
                     if self.rng.random() < .95 else self.values.word())
            if key in ("ovn-encap-ip", "ovn-encap-type"):
                value = self.KEYS[key][0] if self.rng.random() < .5 else value
            remove.append(mutate("Open_vSwitch", uuid, [
                "external_ids", "insert", ["map", [[key, value]]]]))
        elif key == "ovn-encap-type":
            return None
        return remove

    @staticmethod
    def _own(table, uuid, key):
        return mutate(table, uuid, ["external_ids", "delete",
                                    ["set", [key]]])

    def _zone(self):
        uuid, bridge = self._bridge()
        if not uuid:
            return None
        keys = [k for k, _ in elements(bridge["external_ids"])
                if k.startswith("ct-zone-")]
        key = (self.rng.choice(keys) if keys and self.rng.random() < .8
               else "ct-zone-" + self.values.name())
        operations = [self._own("Bridge", uuid, key)]
        if self.rng.random() < .6:
            value = self.rng.choice(["0", "1", "2", "3", "17", "65535",
                                     "65536", "-1", "x", ""])
            operations.append(mutate("Bridge", uuid, [
                "external_ids", "insert", ["map", [[key, value]]]]))
        return operations

    def _tunnel(self):
        """Edits or removes a port that the controller has made."""
        tunnels = [i for i in self._interfaces()
                   if i[2]["type"] in ("geneve", "vxlan", "stt", "patch")]
        if not tunnels:
            return None
        port, uuid, iface = self.rng.choice(tunnels)
        if self.rng.random() < .3:
            return [mutate("Bridge", self._bridge()[0],
                           ["ports", "delete", ["set", [["uuid", port]]]])]
        if self.rng.random() < .5:
            where, row = "Interface", uuid
            column = self.rng.choice(("options", "external_ids"))
        else:
            where, row, column = "Port", port, "external_ids"
        items = list(elements(self.db.rows[where][row][column]))
        if items and self.rng.random() < .5:
            key = self.rng.choice(items)[0]
            return [mutate(where, row, [column, "delete", ["set", [key]]])]
        key = self.rng.choice(items)[0] if items else "remote_ip"
        value = self.rng.choice(["192.168.0.77", "flow", "x", "br-lan", "7"])
        return [mutate(where, row, [column, "delete", ["set", [key]]]),
                mutate(where, row, [column, "insert",
                                    ["map", [[key, value]]]])]


class Packets:
    """Random packets from the interfaces."""

    def __init__(self, rng, southbound, local):
        self.rng, self.sb, self.local = rng, southbound, local

    def some(self, n):
        """[(interface, packet in hexadecimal)]"""
        ifaces = [i[2]["name"] for i in self.local._vifs()]
        if not ifaces:
            return []
        return [(self.rng.choice(ifaces), self._packet().hex())
                for _ in range(n)]

    def _addresses(self, version):
        """A MAC and an IP address, as some port has them."""
        rng = self.rng
        rows = self.sb.rows.get("Port_Binding", {})
        words = []
        if rows:
            row = rows[rng.choice(sorted(rows))]
            for text in elements(row.get("mac", ["set", []])):
                words += str(text).split()
        macs = [w for w in words if w.count(":") == 5 and len(w) == 17
                and all(c in "0123456789abcdef:" for c in w)]
        eth = rng.choice(macs or ["02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff"])
        ip = ("10.%d.%d.%d" % (rng.randrange(60), rng.randrange(4),
                               rng.randrange(30)) if version == 4
              else "fd00:%d:%d::%d" % (rng.randrange(60), rng.randrange(4),
                                       rng.randrange(30)))
        for word in words:
            word = word.partition("/")[0]
            try:
                if len(packets.ip(word)) == (4 if version == 4 else 16):
                    ip = word
            except ValueError:
                pass
        return eth, ip

    def _packet(self):
        rng = self.rng
        version = rng.choice((4, 6))
        eth1, ip1 = self._addresses(version)
        eth2, ip2 = self._addresses(version)
        packet = rng.choice((self._neighbor, self._neighbor, self._l4,
                             self._l4, self._group, self._raw))(
            version, eth1, ip1, eth2, ip2)
        if rng.random() < .3:
            data = bytearray(packet)
            for _ in range(rng.choice((1, 2, 8))):
                data[rng.randrange(len(data))] = rng.randrange(256)
            packet = bytes(data)
        if rng.random() < .1:
            packet = packet[:rng.randrange(14, len(packet) + 1)]
        if rng.random() < .1:
            packet = packet[:12] + b"\x81\0\0\x01" + packet[12:]
        return packet

    def _neighbor(self, version, eth1, ip1, eth2, ip2):
        rng = self.rng
        if version == 4:
            return packets.arp(rng.choice((1, 2)), eth1,
                               rng.choice((eth2, "ff:ff:ff:ff:ff:ff")), eth1,
                               ip1, eth2, rng.choice((ip1, ip2)))
        if rng.random() < .5:
            return packets.solicit(eth1, ip1, ip2)
        return packets.advertise(eth1, eth2, ip1, ip2, ip1)

    def _l4(self, version, eth1, ip1, eth2, ip2):
        rng = self.rng
        proto = rng.choice((packets.TCP, packets.UDP, packets.SCTP, 99,
                            packets.ICMP if version == 4 else packets.ICMP6))
        sport = rng.choice((1000, 67, 68, 53, 546, 547, 3784))
        dport = rng.choice((80, 67, 68, 53, 546, 547, 3784, 8080))
        l4 = {packets.TCP: lambda: packets.tcp(ip1, ip2, rng.randrange(256),
                                               sport, dport),
              packets.UDP: lambda: packets.udp(ip1, ip2, sport, dport),
              packets.SCTP: lambda: packets.sctp(
                  packets.sctp_chunk(rng.randrange(16), bytes(16))),
              99: lambda: b"who knows",
              packets.ICMP: lambda: packets.icmp(ip1, ip2, rng.choice((8, 3))),
              packets.ICMP6: lambda: packets.icmp(ip1, ip2, rng.choice(
                  (128, 1, 133, 134, 135, 136)))}[proto]()
        return packets.frame(eth1, eth2, ip1, ip2, proto, l4,
                             rng.choice((64, 1, 0, 255)))

    def _group(self, version, eth1, ip1, _eth2, _ip2):
        """IGMP and MLD."""
        rng = self.rng
        if version == 4:
            kind = rng.choice((0x11, 0x12, 0x16, 0x17, 0x22))
            body = bytes([kind, 0, 0, 0]) + bytes([224, 0, 1,
                                                   rng.randrange(9)])
            body = (body[:2] + packets.csum(body).to_bytes(2, "big")
                    + body[4:])
            return packets.frame(eth1, "01:00:5e:00:01:01", ip1, "224.0.1.1",
                                 2, body, 1)
        body = bytes(4) + packets.ip("ff05::%d" % rng.randrange(9))
        return packets.frame(eth1, "33:33:00:00:00:16", ip1, "ff02::16",
                             packets.ICMP6,
                             packets.icmp(ip1, "ff02::16", rng.choice(
                                 (130, 131, 132, 143)), 0, body), 1)

    def _raw(self, version, eth1, _ip1, eth2, _ip2):
        kind = self.rng.choice((b"\x08\0", b"\x86\xdd", b"\x08\x06",
                                b"\x88\xcc", b"\0\0"))
        return (packets.mac(eth2) + packets.mac(eth1) + kind
                + bytes(self.rng.randrange(256)
                        for _ in range(self.rng.randrange(60))))
