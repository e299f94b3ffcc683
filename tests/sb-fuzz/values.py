#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Values for columns: likely ones, unlikely ones, and hostile ones.

What a column may hold comes from the schema; what it is likely to hold from
the rows that there are."""

import re

from ovsdb import atoms, elements, is_uuid

WORDS = [
    "", " ", "0", "1", "-1", "true", "false", "\"", "'", "\\", "\n", "\t",
    "\x01\x02\x7f", "a b", "a\nb", "a\"b", "\u00e9\u20ac", "\U0001f600",
    "%s%n%d", "../../etc", "$as", "@pg", "{", "}", "{{{", ")", "((", ",", ";",
    "=", "a=b", "a=b,c=d", "[]", "nil", "none", "null", "::", "[::]", "::1",
    "[::1]:80", "0.0.0.0", "255.255.255.255", "1.2.3.4/33", "1.2.3.4/0",
    "10.0.0.0/24", "1.2.3.4:80", "1.2.3.4:99999", "1.2.3.4:0", "fe80::1/64",
    "fd00::1/129", "ff02::1", "224.0.0.1", "127.0.0.1", "ff:ff:ff:ff:ff:ff",
    "00:00:00:00:00:00", "01:00:5e:00:00:01", "02:00:00:00:00:01",
    "02:00:00:00:00:01 10.0.0.1", "02:00:00:00:00:01 10.0.0.1 fd00::1",
    "02:00:00:00:00:0", "unknown", "dynamic", "router", "unknown unknown",
    "18446744073709551616", "9223372036854775807", "-9223372036854775808",
    "4294967296", "4294967295", "2147483648", "65536", "65535", "32768",
    "4096", "4095", "1e9", "0x", "0xffffffffffffffff", "1.5", "nan", "^*",
    "a" * 300, "\u20ac" * 300, "tcp", "udp", "sctp", "icmp", "geneve", "vxlan",
    "stt", "gre", "next;", "output;", "drop;", "1 && ", "ip4 &&", "inport == ",
    "eth.src", "reg0", "xxreg0[0..31]", "ct.est", "outport = \"", "(1)",
]

# Parts of the language, to be put where they may or may not belong.
PIECES = [
    " && ", " || ", "!", "(", ")", "{", "}", ", ", "; ", " == ", " != ",
    " < ", " = ", "ip4", "ip6", "tcp", "udp.dst == 53", "icmp4.type == 8",
    "ip4.src == 10.0.0.0/8", "ip4.dst == {10.0.0.1, 10.0.0.2}",
    "eth.dst[40]", "ip.ttl", "arp.op == 1", "nd_ns", "ct.new", "ct.est",
    "reg0[3] == 1", "flags.loopback == 1", "1 <= tcp.dst <= 1000",
    "inport == \"x\"", "outport == @pg", "ip4.src == $as",
    "is_chassis_resident(\"x\")", "!is_chassis_resident(\"x\")",
    "next;", "next(pipeline=ingress,table=3);", "output;", "drop;",
    "ct_next;", "ct_commit { ct_mark.blocked = 1; };", "ct_snat;",
    "ct_dnat(10.0.0.1);", "ct_snat(10.0.0.1, 1000-2000);",
    "ct_lb_mark(backends=10.0.0.1:80,10.0.0.2:80);", "ct_lb_mark;",
    "ct_lb(backends=10.0.0.1);", "group(\"x\", \"y\");", "set_queue(10);",
    "log(name=\"a\", verdict=drop, meter=\"m\");", "set_meter(1000, 2000);",
    "reject { outport <-> inport; output; };", "ip.ttl--;",
    "select(reg0, 1=10, 2=20);", "fwd_group(liveness=true, \"x\", \"y\");",
    "put_arp(inport, arp.spa, arp.sha);", "get_fdb(eth.dst);",
    "reg0[4] = check_in_port_sec();", "reg0 = 1;", "eth.src <-> eth.dst;",
    "trigger_event(event = \"empty_lb_backends\", vip = \"10.0.0.1:80\", "
    "protocol = \"tcp\", load_balancer = \"12345678\");",
    "ct_lb_mark_local(backends=10.0.0.1:80,10.0.0.2:80);",
    "commit_ecmp_nh(ipv6 = \"false\", proto = \"tcp\");",
    "commit_lb_aff(vip = \"10.0.0.1:80\", backend = \"10.0.0.2:80\", "
    "proto = tcp, timeout = 10);", "chk_lb_hairpin();",
    "clone { outport = \"x\"; output; };", "check_pkt_larger(1500);",
    "sample(probability=65535,collector_set=1,obs_domain=1,obs_point=1);",
]

NUMBERS = [0, 1, 2, 3, 7, 255, 256, 4095, 4096, 32767, 32768, 65535, 65536,
           (1 << 24) - 1, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1,
           1 << 32, (1 << 63) - 1, -1, -(1 << 31), -(1 << 63)]

# What the rows of a new database do not show.
OPTIONS = {
    "Port_Binding": [
        "peer", "chassis-redirect-port", "always-redirect",
        "l3gateway-chassis",
        "l2gateway-chassis", "requested-chassis", "network_name",
        "distributed-port", "redirect-type", "qos_max_rate", "qos_burst",
        "qos_min_rate", "qdisc_queue_id", "activation-strategy",
        "nat-addresses",
        "virtual-ip", "virtual-parents", "iface-id-ver", "vlan-passthru",
        "localnet_learn_fdb", "exclude-lb-vips-from-garp", "mcast_flood",
        "mcast_flood_reports", "vtep-physical-switch", "vtep-logical-switch",
        "additional-chassis-activated", "ipv6_ra_send_periodic",
        "ipv6_ra_max_interval", "ipv6_ra_min_interval", "ipv6_ra_prefixes",
        "ipv6_ra_address_mode", "ipv6_ra_mtu", "ipv6_prefix_delegation",
        "ipv6_prefix", "gateway_mtu", "bfd-min-rx", "arp_proxy", "ethtype",
        "hostname", "router-port", "disable_garp_rarp", "reside-on-redirect-"
        "chassis", "vif-plug-type", "vif-plug-mtu-request"],
    "Datapath_Binding": [
        "logical-switch", "logical-router", "snat-ct-zone", "name", "name2",
        "interconn-ts", "always_learn_from_arp_request",
        "dynamic_neigh_routers", "ct-zone-limit"],
    "Chassis": [
        "ovn-bridge-mappings", "ovn-chassis-mac-mappings", "iface-types",
        "datapath-type", "is-interconn", "is-remote", "is-vtep",
        "ovn-monitor-all", "ovn-cms-options", "ovn-limit-lflow-cache",
        "port-up-notif", "ct-no-masked-label", "ovn-ct-lb-related"],
    "Load_Balancer": [
        "hairpin_snat_ip", "affinity_timeout", "distributed", "skip_snat",
        "hairpin_orig_tuple", "reject", "event", "add_route",
        "neighbor_responder", "lb_id"],
    "SB_Global": [
        "e2e_timestamp", "max_tunid", "northd_internal_version",
        "arp_ns_explicit_output", "vxlan_mode", "northd_probe_interval",
        "mac_prefix", "use_ct_inv_match", "ignore_lsp_down",
        "debug_drop_domain_id", "debug_drop_collector_set",
        "bfd-min-rx", "bfd-min-tx", "bfd-mult", "svc_monitor_mac",
        "lb_hairpin_use_ct_mark", "ipsec", "default_acl_drop"],
    "Encap": ["csum", "is_default", "remote_name", "dst_port", "tos"],
}

QUOTED = re.compile(r'"[^"]*"')
NUMBER = re.compile(r"\b\d+\b")


class Values:
    """Draws values with 'rng'.  'seed' are the rows at the start."""

    def __init__(self, rng, seed):
        self.rng = rng
        self.seen = {}          # (table, column) -> atoms
        self.keys = {}          # (table, column) -> keys of the map
        self.by_key = {}        # key of a map -> values
        self.names = set()
        for table, rows in sorted(seed.items()):
            for _, row in sorted(rows.items()):
                for column, datum in row.items():
                    self._learn(table, column, datum)
        for table, keys in OPTIONS.items():
            for column in "options", "other_config", "external_ids":
                self.keys.setdefault((table, column), set()).update(keys)
        self.seen = {k: sorted(v, key=repr) for k, v in self.seen.items()}
        self.keys = {k: sorted(v) for k, v in self.keys.items()}
        self.by_key = {k: sorted(v) for k, v in self.by_key.items()}
        self.names = sorted(self.names)
        # A column in two is drawn from as often as one with many values.
        self.texts = sorted(k for k, v in self.seen.items()
                            if any(isinstance(a, str) for a in v))

    def _learn(self, table, column, datum):
        if isinstance(datum, list) and datum and datum[0] == "map":
            for key, value in datum[1]:
                if isinstance(key, str):
                    self.keys.setdefault((table, column), set()).add(key)
                if isinstance(value, str):
                    self.by_key.setdefault(key, set()).add(value)
        for atom in atoms(datum):
            if not is_uuid(atom):
                self.seen.setdefault((table, column), set()).add(atom)
                if column in ("name", "logical_port", "parent_port",
                              "chassis_name") and isinstance(atom, str):
                    self.names.add(atom)

    def name(self):
        return (self.rng.choice(self.names) if self.names
                and self.rng.random() < .9 else self.word())

    def word(self):
        return self.rng.choice(WORDS)

    # Strings.

    def text(self, table, column, key=None):
        rng = self.rng
        known = self.by_key.get(key) if key is not None else None
        if not known:
            known = [a for a in self.seen.get((table, column), ())
                     if isinstance(a, str)]
        dice = rng.random()
        if known and dice < .35:
            return rng.choice(known)
        if known and dice < .65:
            return self.spoil(rng.choice(known), known)
        if dice < .8:
            return self.name()
        if dice < .88 and self.texts:
            return self.text_of(rng.choice(self.texts))
        if dice < .92:
            return str(self.integer({}))
        if dice < .93:
            return self.word() * rng.randrange(2, 200)
        return self.word()

    def text_of(self, where):
        return self.rng.choice([a for a in self.seen[where]
                                if isinstance(a, str)])

    def spoil(self, text, others):
        """'text' with changes."""
        rng = self.rng
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            text = rng.choice((self._rename, self._rename, self._renumber,
                               self._cut, self._double, self._put_in,
                               self._flip, self._cross))(text, others)
        return text[:5000]

    def _replace(self, text, pattern, new):
        found = list(pattern.finditer(text))
        if not found:
            return text
        m = self.rng.choice(found)
        return text[:m.start()] + new + text[m.end():]

    def _rename(self, text, _):
        return self._replace(text, QUOTED, '"%s"' % self.name())

    def _renumber(self, text, _):
        return self._replace(text, NUMBER, str(self.integer({})))

    def _place(self, text):
        """Two places in 'text', in order, at the borders of words or not."""
        if self.rng.random() < .7:
            places = [m.start() for m in re.finditer(r"\b", text)]
        else:
            places = range(len(text) + 1)
        places = places or [0]
        return sorted((self.rng.choice(places), self.rng.choice(places)))

    def _cut(self, text, _):
        a, b = self._place(text)
        return text[:a] + text[b:]

    def _double(self, text, _):
        a, b = self._place(text)
        return text[:b] + text[a:b][:200] + text[b:]

    def _put_in(self, text, _):
        a = self._place(text)[0]
        return text[:a] + self.rng.choice(PIECES + WORDS) + text[a:]

    def _flip(self, text, _):
        if not text:
            return text
        a = self.rng.randrange(len(text))
        bit = 1 << self.rng.randrange(7)
        return (text[:a] + chr(ord(text[a]) % 0xd700 ^ bit or 1)
                + text[a + 1:])

    def _cross(self, text, others):
        other = self.rng.choice(others)
        return text[:self._place(text)[0]] + other[self._place(other)[0]:]

    # Other atoms.

    def integer(self, base):
        rng = self.rng
        low = base.get("minInteger", -(1 << 63))
        high = base.get("maxInteger", (1 << 63) - 1)
        dice = rng.random()
        if dice < .2:
            value = rng.choice((low, high))
        elif dice < .6:
            value = rng.choice(NUMBERS)
        elif dice < .9:
            value = rng.randrange(64)
        else:
            value = rng.randrange(-(1 << 63), 1 << 63)
        return max(low, min(high, value))

    def _atom(self, table, column, base, key=None):
        rng = self.rng
        if "enum" in base:
            return rng.choice(elements(base["enum"]))
        seen = self.seen.get((table, column))
        kind = base["type"]
        if kind == "string":
            return self.text(table, column, key)
        if kind == "boolean":
            return rng.random() < .5
        if seen and rng.random() < .4:
            return rng.choice(seen)
        if kind == "integer":
            return self.integer(base)
        if kind == "real":
            return rng.choice([0, -1, 1.5, 1e300, -1e-300, 1e10])
        return None

    # Whole columns.

    def _item(self, table, column, kind, refer):
        """One element, or None."""
        if kind.value is not None:
            known = self.keys.get((table, column))
            if known and self.rng.random() < .8:
                key = self.rng.choice(known)
            else:
                key = self._atom(table, column, kind.key)
            return [key, self._atom(table, column, kind.value, key)]
        if kind.key["type"] == "uuid":
            uuid = refer(kind.key.get("refTable"))
            return uuid and ["uuid", uuid]
        return self._atom(table, column, kind.key)

    def datum(self, table, column, kind, refer, current=None, donor=None):
        """A value for the column.  'refer' returns the UUID of a row of a
        table; 'current' is what the column holds; 'donor' what it holds in
        another row."""
        rng = self.rng
        dice = rng.random()
        if donor is not None and dice < .25:
            return donor
        items = []
        if current is not None and dice < .7:
            items = list(elements(current))
            for _ in range(rng.choice((1, 1, 2))):
                if items and rng.random() < .4:
                    del items[rng.randrange(len(items))]
        if kind.max == 1:
            wanted = 1 if kind.min or rng.random() < .8 else 0
            items = []
        else:
            wanted = len(items) + rng.choice((0, 1, 1, 1, 2, 5))
        for _ in range(20):
            if wanted <= len(items):
                break
            item = self._item(table, column, kind, refer)
            if item is None or item == [None, None]:
                break
            items.append(item)
        items = self._distinct(items, kind)[:kind.max]
        return None if len(items) < kind.min else kind.datum(items)

    @staticmethod
    def _distinct(items, kind):
        result, keys = [], set()
        for item in items:
            key = repr(item[0] if kind.value is not None else item)
            if key not in keys:
                keys.add(key)
                result.append(item)
        return result
