#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What packets and time change in the southbound database, at any moment.

Two looks at a database that is at rest differ if a packet arrives in between,
or if something was due.  That is no fault.  It is not taken for one if

- the row is of a kind that packets or time change, and
- the controller's own counters say that it has had cause to, meanwhile, and
- where the controller can be asked, it says what the row now says.
"""

import re
import socket

from ovsdb import elements

SHOWN = re.compile(r"^(\S+): packets=(\d+) \S+"
                   r"(?: results=(\d+) waiting=(\d+))?", re.M)
# Coverage counters of what time does.
TIMED = ("mac_age_poll", "pinctrl_mcast_expire", "pinctrl_mcast_evict")
# Whose flows have the row's UUID as their cookie.
WITH_FLOWS = ("MAC_Binding", "FDB")


def address(text):
    """As the controller writes it, or None."""
    for family in socket.AF_INET, socket.AF_INET6:
        try:
            text = socket.inet_ntop(family, socket.inet_pton(family, text))
            return text[7:] if text.startswith("::ffff:") and "." in text \
                else text
        except (OSError, ValueError, UnicodeError):
            pass
    return None


def service_name(row):
    """A Service_Monitor's, in "service-monitor/show"."""
    ip = address(row["ip"])
    protocol = (elements(row["protocol"]) or [""])[0]
    if not ip:
        return None
    return "%s: %s %s%s: " % (row["logical_port"], protocol,
                              "[%s]" % ip if ":" in ip else ip,
                              "" if protocol == "icmp"
                              else ":%d" % row["port"])


class Look:
    """What there is of such rows.  Causes count from when a Look is begun:
    the rows are taken later, by take_rows()."""

    def __init__(self, world):
        self.world = world
        self.counts = self._count()
        self.rows = {}

    def _count(self):
        counts = {}
        for name, packets, results, waiting in SHOWN.findall(
                self.world.controller("pinctrl/show")):
            counts[name, "packets"] = int(packets)
            counts[name, "results"] = int(results or 0)
            counts[name, "waiting"] = int(waiting or 0)
        for name in TIMED:
            counts[name] = int(self.world.controller("coverage/read-counter",
                                                     name))
        return counts

    def take_rows(self):
        self.rows = {table: dict(self.world.sb.rows.get(table, {}))
                     for table in ("MAC_Binding", "FDB", "IGMP_Group",
                                   "Controller_Event", "Service_Monitor",
                                   "BFD", "Port_Binding")}


class Changes:
    """What has changed since 'before', a Look.  If another process has taken
    over since, whose counters began with 0, 'last' is a Look at the former
    one's end."""

    def __init__(self, before, last=None):
        self.world = before.world
        self.now = Look(before.world)
        self.now.take_rows()
        self.before = before
        # Of each process: the counters at first, and at last.
        self.spans = ([(before.counts, last.counts), ({}, self.now.counts)]
                      if last else [(before.counts, self.now.counts)])
        self.shown = {}         # Command -> what it prints.

    def _grown(self, *what):
        return any(last.get(what, 0) > first.get(what, 0)
                   for first, last in self.spans)

    def _timed(self, name):
        return any(last[name] > first.get(name, 0)
                   for first, last in self.spans)

    def _has_written(self, service):
        return (self._grown(service, "results")
                or any(counts.get((service, "waiting"), 0) > 0
                       for span in self.spans for counts in span))

    def _show(self, command):
        if command not in self.shown:
            self.shown[command] = "\n" + self.world.controller(command)
        return self.shown[command]

    def _mac_binding(self, _old, _new, columns):
        # A controller that starts announces, and other routers learn of it.
        return (self._has_written("neighbor") or self._has_written("announce")
                or columns == {"timestamp"} and self._timed("mac_age_poll"))

    def _fdb(self, _old, _new, columns):
        return (self._has_written("fdb")
                or columns == {"timestamp"} and self._timed("mac_age_poll"))

    def _igmp_group(self, _old, _new, _columns):
        return (self._grown("mcast", "packets")
                or self._timed("pinctrl_mcast_expire")
                or self._timed("pinctrl_mcast_evict"))

    def _controller_event(self, old, _new, _columns):
        return not old and self._has_written("event")

    def _service_monitor(self, old, new, columns):
        if not old or not new or columns != {"status"}:
            return False
        name = service_name(new)
        status = (elements(new["status"]) or [""])[0]
        return (bool(name) and self._has_written("svc-check")
                and "\n%s%s\n" % (name, status)
                in self._show("service-monitor/show"))

    def _bfd(self, old, new, columns):
        if not old or not new or columns != {"status"}:
            return False
        name, to = new["logical_port"], address(new["dst_ip"])
        return (bool(to) and self._has_written("bfd")
                and re.search(r"\n%s: \S+ - %s: %s\n" % (
                    re.escape(name), re.escape(to),
                    re.escape(new["status"])), self._show("bfd/show"))
                is not None)

    def _port_binding(self, old, new, columns):
        return (bool(old and new) and new["type"] == "virtual"
                and columns <= {"chassis", "virtual_parent", "up"}
                and self._has_written("vport"))

    def marks(self):
        """Which text the lines about each of them contain; and whether there
        are any that change flows."""
        marks, flows = set(), False
        for table, rows in self.now.rows.items():
            before = self.before.rows[table]
            allowed = getattr(self, "_" + table.lower())
            for uuid in before.keys() | rows.keys():
                old, new = before.get(uuid), rows.get(uuid)
                if old == new:
                    continue
                columns = {c for c in (new or old)
                           if (old or {}).get(c) != (new or {}).get(c)}
                if not allowed(old, new, columns):
                    continue
                if old and new:
                    marks |= {"%s %s.%s: " % (table, uuid, c)
                              for c in columns}
                else:
                    marks.add("%s %s: " % (table, uuid))
                if table in WITH_FLOWS:
                    flows = True
                    marks.add("cookie=0x%x," % int(uuid[:8], 16))
        return marks, flows
