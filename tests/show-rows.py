#! /usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""What controllers have written into a database, one row a line.

    show-rows.py sb     into the southbound database (OVN_SB_DB)
    show-rows.py ovs    into that of a chassis (OVS_RUNDIR)

References are names of what they refer to, so that rows that have been deleted
and created again look the same.
"""

import sys

import daemons


def read(command, table, columns):
    """The rows of 'table', as dictionaries of plain values."""
    for row in daemons.rows(command, table, columns):
        yield {column: plain(value) for column, value in row.items()}


def plain(value):
    """OVSDB's notation of sets and maps, without the notation."""
    if isinstance(value, list):
        kind, content = value
        if kind == "set":
            return sorted(plain(v) for v in content)
        if kind == "map":
            return dict(content)
        return content
    return value


def as_list(value):
    return value if isinstance(value, list) else [value]


def show(table, row, columns):
    words = [table]
    for column in columns:
        value = row[column]
        if isinstance(value, dict):
            value = ["%s=%s" % pair for pair in sorted(value.items())]
        words.append("%s=%s" % (column,
                                ",".join(str(v) for v in as_list(value))))
    return " ".join(words)


def sb_rows():
    def sb(table, *columns):
        return list(read("ovn-sbctl", table, columns))

    encaps = {}
    for row in sb("Encap", "_uuid", "type", "ip", "options", "chassis_name"):
        encaps[row["_uuid"]] = show("encap", row, (
            "type", "ip", "options", "chassis_name"))
    chassis = {}
    for row in sb("Chassis", "_uuid", "name", "hostname", "other_config",
                  "encaps", "transport_zones"):
        row["encaps"] = sorted(encaps.get(e, e)
                               for e in as_list(row["encaps"]))
        chassis[row["_uuid"]] = row["name"]
        yield show("Chassis", row, ("name", "hostname", "other_config",
                                    "encaps", "transport_zones"))
    for row in sb("Chassis_Private", "name", "chassis", "nb_cfg"):
        row["chassis"] = chassis.get(str(row["chassis"]), row["chassis"])
        yield show("Chassis_Private", row, ("name", "chassis", "nb_cfg"))
    for row in sb("Port_Binding", "logical_port", "type", "chassis", "encap",
                  "up", "virtual_parent", "additional_chassis",
                  "additional_encap"):
        for column in "chassis", "additional_chassis":
            row[column] = sorted(chassis.get(c, c)
                                 for c in as_list(row[column]))
        for column in "encap", "additional_encap":
            row[column] = sorted(encaps.get(e, e)
                                 for e in as_list(row[column]))
        yield show("Port_Binding", row, (
            "logical_port", "type", "chassis", "encap", "up",
            "virtual_parent", "additional_chassis", "additional_encap"))


def ovs_rows():
    def ovs(table, *columns):
        return list(read("ovs-vsctl", table, columns))

    # Whose name and whose interface's name a port has, is the same.
    names, queues = {}, {}
    for row in ovs("Queue", "_uuid", "external_ids", "other_config"):
        queues[row["_uuid"]] = show("queue", row, ("external_ids",
                                                   "other_config"))
    qoses = {}
    for row in ovs("QoS", "_uuid", "type", "queues", "external_ids"):
        row["queues"] = {k: queues.get(v[1], v)
                         for k, v in row["queues"].items()}
        qoses[row["_uuid"]] = show("qos", row, ("type", "queues",
                                                "external_ids"))
    for row in ovs("Port", "_uuid", "name", "external_ids", "qos"):
        row["qos"] = sorted(qoses.get(q, q) for q in as_list(row["qos"]))
        names[row["_uuid"]] = row["name"]
        yield show("Port", row, ("name", "external_ids", "qos"))
    prefixes = {row["_uuid"]: ",".join(as_list(row["prefixes"]))
                for row in ovs("Flow_Table", "_uuid", "prefixes")}
    for row in ovs("Bridge", "name", "ports", "external_ids", "fail_mode",
                   "flow_tables"):
        row["flow_tables"] = {k: prefixes.get(v[1], v)
                              for k, v in row["flow_tables"].items()}
        row["ports"] = sorted(names[p] for p in as_list(row["ports"]))
        row["external_ids"] = {k: v for k, v in row["external_ids"].items()
                               if not k.endswith("-ts")}
        yield show("Bridge", row, ("name", "ports", "external_ids",
                                   "fail_mode", "flow_tables"))
    for row in ovs("Interface", "name", "type", "options", "external_ids"):
        ids = row["external_ids"]
        if "ovn-installed-ts" in ids:
            ids["ovn-installed-ts"] = "SET"
        yield show("Interface", row, ("name", "type", "options",
                                      "external_ids"))
    for row in ovs("Open_vSwitch", "other_config", "datapaths"):
        row["datapaths"] = sorted(row["datapaths"])
        yield show("Open_vSwitch", row, ("other_config", "datapaths"))


if __name__ == "__main__":
    print("\n".join(sorted(sb_rows() if sys.argv[1] == "sb" else ovs_rows())))
