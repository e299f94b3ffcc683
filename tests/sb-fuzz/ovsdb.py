#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""JSON-RPC to the databases and daemons, and a copy of what a database holds.

RFC 7047 is spoken without a library in between: the fuzzer sends what a
library would not, and must see what the server says to it.
"""

import json
import re
import time

from daemons import Gone, Rpc

# Keys of the switch's Bridge.external_ids that say when, or how far.
STAMPS = ("ovn-nb-cfg", "ovn-nb-cfg-ts", "ovn-startup-ts")

NO_UUID = "00000000-0000-0000-0000-000000000000"
UUID_RE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_uuid(atom):
    return isinstance(atom, list) and len(atom) == 2 and atom[0] == "uuid"


def elements(datum):
    """The atoms of a set, or the pairs of a map, as a list."""
    if isinstance(datum, list) and datum and datum[0] in ("set", "map"):
        return datum[1]
    return [datum]


def atoms(datum):
    """All atoms of any datum."""
    if isinstance(datum, list) and datum and datum[0] == "map":
        for pair in datum[1]:
            yield from pair
    else:
        yield from elements(datum)


def without_stamps(datum):
    if isinstance(datum, list) and datum and datum[0] == "map":
        return ["map", [pair for pair in datum[1] if pair[0] not in STAMPS]]
    return datum


class Column:
    """The type of a column."""

    def __init__(self, json_type):
        if not isinstance(json_type, dict):
            json_type = {"key": json_type}
        self.key = self._base(json_type["key"])
        value = json_type.get("value")
        self.value = None if value is None else self._base(value)
        self.min = json_type.get("min", 1)
        most = json_type.get("max", 1)
        self.max = 1 << 30 if most == "unlimited" else most

    @staticmethod
    def _base(base):
        return base if isinstance(base, dict) else {"type": base}

    def ref(self):
        """(table, whether strong), or None."""
        for base in self.key, self.value:
            if base and "refTable" in base:
                return (base["refTable"],
                        base.get("refType", "strong") == "strong")
        return None

    def default(self):
        """What a new row has if nothing is said."""
        if self.value is not None or not self.min:
            return self.datum([])
        return {"string": "", "boolean": False, "uuid": ["uuid", NO_UUID]
                }.get(self.key["type"], 0)

    def datum(self, items):
        if self.value is not None:
            return ["map", [list(pair) for pair in items]]
        if self.min == self.max == 1:
            return items[0]
        return ["set", items]


class Table:
    def __init__(self, json_table, roots_are_named):
        self.columns = {name: Column(c["type"]) for name, c
                        in sorted(json_table["columns"].items())}
        self.is_root = json_table.get("isRoot", not roots_are_named)
        self.max_rows = json_table.get("maxRows", 1 << 30)
        self.indexes = json_table.get("indexes", [])


class Schema:
    def __init__(self, json_schema):
        self.json = json_schema
        roots_are_named = any(t.get("isRoot")
                              for t in json_schema["tables"].values())
        self.tables = {name: Table(t, roots_are_named) for name, t
                       in sorted(json_schema["tables"].items())}
        # table -> [(table, column, strong) that may refer to it]
        self.referrers = {name: [] for name in self.tables}
        for name, table in self.tables.items():
            for column, kind in table.columns.items():
                if kind.ref():
                    to, strong = kind.ref()
                    self.referrers[to].append((name, column, strong))


class Database:
    """A connection to a database server, and a copy of what is in there.

    'rows' is {table: {UUID: {column: datum}}}; 'changes' counts the changes
    that others have made, except to what 'ignored' has: {table: columns}."""

    def __init__(self, path, name, ignored):
        self.path, self.name, self.ignored = path, name, ignored
        self.rpc = None
        self.changes = 0
        self.expected = False
        self.recent = []        # The last changes by others.
        self.connect()

    def connect(self):
        if self.rpc:
            self.rpc.close()
        deadline = time.monotonic() + 30
        while True:
            try:
                self.rpc = Rpc(self.path, self._notified)
                self.schema = Schema(self.rpc.call("get_schema", self.name))
                requests = {t: {"columns": list(table.columns)}
                            for t, table in self.schema.tables.items()}
                result = self.rpc.call("monitor", self.name, self.name,
                                       requests)
                break
            except (Gone, ValueError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self.rows = {t: {} for t in self.schema.tables}
        self._update(result)
        self.changes += 1

    def close(self):
        self.rpc.close()

    def _notified(self, method, params):
        if method == "update":
            self._update(params[1])

    def _update(self, tables):
        for table, updates in tables.items():
            rows = self.rows[table]
            for uuid, update in updates.items():
                old, new = rows.get(uuid), update.get("new")
                if new is None:
                    rows.pop(uuid, None)
                else:
                    rows[uuid] = new
                self._count(table, uuid, old, new)

    def _count(self, table, uuid, old, new):
        ignored = self.ignored.get(table, ())
        changed = [c for c in (new or old or {}) if c not in ignored
                   and (not old or not new or without_stamps(old[c])
                        != without_stamps(new[c]))]
        if changed:
            self.changes += 1
            self.recent = self.recent[-40:] + [
                "%s %s %s" % (table, uuid, "deleted" if not new
                              else "inserted" if not old else
                              {c: (old[c], new[c]) for c in changed})]

    def poll(self, timeout=0):
        try:
            self.rpc.poll(timeout)
        except Gone:
            self.connect()

    def transact(self, operations):
        """The result, with an error at its end if there is one."""
        return self.rpc.call("transact", self.name, *operations)

    def apply(self, operations, limit=40):
        """Carries out 'operations', without those that the server refuses.
        Returns those that were carried out."""
        done = self._apply([(o, json.dumps(o)) for o in operations], limit)
        self.poll()
        return [o for o, _ in done]

    def _apply(self, operations, limit):
        """The same with pairs (operation, JSON)."""
        for _ in range(limit):
            if not operations:
                return []
            result = self.rpc.call_text("transact", [json.dumps(self.name)]
                                        + [text for _, text in operations])
            failed = [i for i, r in enumerate(result) if r and "error" in r]
            if not failed:
                return operations
            at = failed[0]
            if at < len(operations):
                operations = operations[:at] + operations[at + 1:]
                continue
            fewer = self._without(operations, result[at])
            if len(fewer) == len(operations):
                break
            operations = fewer
        if len(operations) == 1:
            return []
        half = len(operations) // 2
        return (self._apply(operations[:half], limit)
                + self._apply(operations[half:], limit))

    @staticmethod
    def _without(operations, error):
        """'operations' without the last one that has to do with rows that the
        error names."""
        named = UUID_RE.findall(error.get("details") or "")
        for uuid in named:
            for i in range(len(operations) - 1, -1, -1):
                if uuid in operations[i][1]:
                    return operations[:i] + operations[i + 1:]
        return operations


def insert(table, uuid, row):
    return {"op": "insert", "table": table, "uuid": uuid, "row": row}


def update(table, uuid, row):
    return {"op": "update", "table": table, "row": row,
            "where": [["_uuid", "==", ["uuid", uuid]]]}


def mutate(table, uuid, *mutations):
    return {"op": "mutate", "table": table, "mutations": list(mutations),
            "where": [["_uuid", "==", ["uuid", uuid]]]}


def delete(table, uuid):
    return {"op": "delete", "table": table,
            "where": [["_uuid", "==", ["uuid", uuid]]]}
