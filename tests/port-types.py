#! /usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Logical ports of every type that become ones of every other type.

    port-types.py before CHASSIS   each port is of a type that is bound
    port-types.py bound CHASSIS    are they all bound?
    port-types.py after CHASSIS    each has become another, all in one go
    port-types.py check CHASSIS    do both databases say so?
    port-types.py rows CHASSIS     what they say
    port-types.py detach CHASSIS   interfaces of what is no VIF lose their
                                   iface-id

Port FROM-TO, on a switch of its own, is of type FROM before and TO after.  An
interface of the chassis has its name as iface-id throughout.  OVN_NB_DB,
OVN_SB_DB and OVS_RUNDIR say where everything is.
"""

import sys

import daemons
from daemons import run

# The type and options of a port of each kind.
TYPES = {
    "vif": ("", {}),
    "container": ("", {}),
    "virtual": ("virtual", {"virtual-ip": "10.0.0.9",
                            "virtual-parents": "{port}-parent"}),
    "l2gateway": ("l2gateway", {"network_name": "phys",
                                "l2gateway-chassis": "{chassis}"}),
    "l3gateway": ("router", {"router-port": "{port}-gw"}),
    "external": ("external", {}),
    "patch": ("router", {"router-port": "{port}-lrp"}),
    "router": ("router", {}),
    "localnet": ("localnet", {"network_name": "phys"}),
    "localport": ("localport", {}),
    "vtep": ("vtep", {"vtep-physical-switch": "ps", "vtep-logical-switch":
                      "ls"}),
    "remote": ("remote", {}),
    "unheard-of": ("unheard-of", {}),
}
BOUND = ("vif", "container", "virtual", "l2gateway", "l3gateway", "external")
PORTS = [(a, b) for a in BOUND for b in TYPES if a != b]


def plain(value):
    """OVSDB's notation of sets and maps, without the notation."""
    if isinstance(value, list):
        kind, content = value
        if kind == "set":
            return " ".join(sorted(str(plain(v)) for v in content))
        if kind == "map":
            return {k: v for k, v in content}
        return content
    return value


def set_type(n, port, kind, chassis, group):
    words = {"port": port, "chassis": chassis}
    name, options = TYPES[kind]
    args = ["--", "set", "logical_switch_port", port, 'type="%s"' % name,
            "--", "lsp-set-options", port]
    args += ["%s=%s" % (k, v.format(**words)) for k, v in options.items()]
    args += ["--", "clear", "logical_switch_port", port, "parent_name", "tag",
             "tag_request", "ha_chassis_group"]
    if kind == "container":
        args += ["--", "set", "logical_switch_port", port,
                 "parent_name=%s-parent" % port, "tag_request=%d" % (n + 1)]
    elif kind == "external":
        args += ["--", "set", "logical_switch_port", port,
                 "ha_chassis_group=" + group]
    return args


def make(n, port, chassis):
    router, gateway = port + "-lr", port + "-gwr"
    mac = "00:00:00:%02x:00:0%d"
    return ["--", "ls-add", port + "-sw", "--", "lsp-add", port + "-sw", port,
            "--", "lsp-add", port + "-sw", port + "-parent",
            "--", "lr-add", router, "--", "lrp-add", router, port + "-lrp",
            mac % (n, 1), "10.0.0.1/24",
            "--", "lr-add", gateway,
            "--", "set", "logical_router", gateway,
            "options:chassis=" + chassis,
            "--", "lrp-add", gateway, port + "-gw", mac % (n, 2),
            "10.0.0.2/24"]


def attach(port):
    args = []
    for name in port, port + "-parent":
        args += ["--", "--may-exist", "add-port", "br-int", name,
                 "--", "set", "interface", name,
                 "external_ids:iface-id=" + name]
    return args


def before(chassis):
    args = []
    if not daemons.rows("ovn-nbctl", "HA_Chassis_Group", ["name"]):
        run("ovn-nbctl", "ha-chassis-group-add", "g", "--",
            "ha-chassis-group-add-chassis", "g", chassis, "10")
        for n, (a, b) in enumerate(PORTS):
            args += make(n, "%s-%s" % (a, b), chassis)
        run("ovn-nbctl", *args)
        args = []
        for a, b in PORTS:
            args += attach("%s-%s" % (a, b))
        run("ovs-vsctl", *args)
    change(0, chassis)
    for a, b in PORTS:
        if a == "virtual":
            run("ovn-sbctl", "--", "set", "Port_Binding", "%s-%s" % (a, b),
                "virtual_parent=%s-%s-parent" % (a, b))


def change(side, chassis):
    group = run("ovn-nbctl", "--bare", "--columns=_uuid", "list",
                "HA_Chassis_Group").strip()
    args = []
    for n, pair in enumerate(PORTS):
        port = "%s-%s" % pair
        args += set_type(n, port, pair[side], chassis, group)
        args += ["--", "lsp-set-addresses", port,
                 "02:00:00:%02x:00:0%d 10.0.0.%d" % (n, side, 3 + side)]
    run("ovn-nbctl", "--wait=sb", *args)


def read_rows(chassis):
    """Port -> (type, chassis, up, additional chassis, encap, virtual parent,
    the mark of its interface)."""
    names = {plain(row["_uuid"]): row["name"] for row in
             daemons.rows("ovn-sbctl", "Chassis", ["_uuid", "name"])}
    marks = {row["name"]: plain(row["external_ids"]).get("ovn-installed")
             for row in daemons.rows("ovs-vsctl", "Interface",
                                     ["name", "external_ids"])}
    bindings = {}
    columns = ["logical_port", "type", "chassis", "up", "additional_chassis",
               "encap", "virtual_parent"]
    for row in daemons.rows("ovn-sbctl", "Port_Binding", columns):
        port, kind, where, up, *rest = [plain(row[c]) for c in columns]
        bindings[port] = (kind, names.get(where), up == "True" or up is True,
                          *rest, marks.get(port))
    return bindings


def expected_row(kind, row_type, chassis):
    # If ovn-northd does not know the new type, it may leave the row's as it
    # was, but none of its options.
    if kind == "unheard-of" and not row_type:
        kind = "vif"
    bound = kind in BOUND and kind != "virtual"
    return (row_type, chassis if bound else None, bound, "", "", "",
            "true" if kind == "vif" else None)


def check(chassis):
    actual = read_rows(chassis)
    good = True
    for a, b in PORTS:
        port = "%s-%s" % (a, b)
        expected = expected_row(b, actual[port][0], chassis)
        if actual[port] != expected:
            print(port, "is", actual[port], "and not", expected)
            good = False
    return good


def main():
    command, chassis = sys.argv[1:]
    if command == "before":
        before(chassis)
    elif command == "after":
        change(1, chassis)
    elif command == "bound":
        actual = read_rows(chassis)
        sys.exit(any(actual["%s-%s" % pair][1] != chassis
                     for pair in PORTS))
    elif command == "detach":
        args = []
        for port, row in read_rows(chassis).items():
            if tuple(port.split("-", 1)) in PORTS and row[-1] != "true":
                args += ["--", "remove", "interface", port, "external_ids",
                         "iface-id"]
        run("ovs-vsctl", *args)
    elif command == "check":
        sys.exit(not check(chassis))
    else:
        for port, row in sorted(read_rows(chassis).items()):
            print(port, *row)


if __name__ == "__main__":
    main()
