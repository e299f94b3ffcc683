# SPDX-License-Identifier: Apache-2.0

"""A packet or two for each configuration of ovn-pairs.py.

Every network card of a configuration sends a broadcast, a neighbor
solicitation and packets to a host, of IPv4 and IPv6, to load balancers, and
to neighbors that are known; every physical network does the like, through the
patch port in br-int.
ofproto/trace says what the switch does with them, and, if that is a tunnel,
what the next chassis does.  Nothing is really sent, so that nothing is
learned.

A trace becomes lines: where a copy of the packet comes out and what has been
changed in it, and each use of conntrack, with the zone's name.  What goes to
the controller is left out.  A packet is not compared if only one side checks
its size (for the tunnel to a second chassis), or has learned its next hop's
MAC.
"""

import collections
import re

# Fields of the datapath's set() as ofproto/trace takes them.
FIELDS = {
    'eth.src': 'dl_src', 'eth.dst': 'dl_dst',
    'ipv4.src': 'nw_src', 'ipv4.dst': 'nw_dst', 'ipv4.ttl': 'nw_ttl',
    'ipv6.src': 'ipv6_src', 'ipv6.dst': 'ipv6_dst', 'ipv6.hlimit': 'nw_ttl',
    'udp.src': 'udp_src', 'udp.dst': 'udp_dst',
    'tcp.src': 'tcp_src', 'tcp.dst': 'tcp_dst',
    'arp.sip': 'arp_spa', 'arp.tip': 'arp_tpa', 'arp.op': 'arp_op',
    'arp.sha': 'arp_sha', 'arp.tha': 'arp_tha',
}
CHASSIS = {'192.168.0.1': 'hv1', '192.168.0.2': 'hv2', '192.168.0.3': 'hv3',
           '192.168.0.12': 'hv2', '192.168.0.13': 'hv3'}
# Tunnels that a packet may go through.
HOPS = 3
# The size of a packet is checked, or a MAC that was learned is found.
SPECIAL = re.compile(r'check_pkt_len|^ *66\. (?!No match)', re.M)


def split(actions):
    """Actions at the commas that are in no parentheses."""
    parts, depth = [''], 0
    for c in actions:
        depth += (c == '(') - (c == ')')
        if c == ',' and not depth:
            parts.append('')
        else:
            parts[-1] += c
    return [part.strip() for part in parts if part.strip()]


class Packet:
    def __init__(self, fields):
        self.before = dict(fields)
        self.fields = dict(fields)
        self.vlans = []

    def copy(self):
        other = Packet(self.before)
        other.fields = dict(self.fields)
        other.vlans = list(self.vlans)
        return other

    def set(self, args):
        kind, values = re.match(r'(\w+)\((.*)\)$', args, re.S).groups()
        for value in split(values):
            field, _, text = value.partition('=')
            field = kind + '.' + field
            self.fields[FIELDS.get(field, field)] = text.partition('/')[0]

    def changes(self):
        return ','.join(self.vlans + [
            '%s=%s' % item for item in sorted(self.fields.items())
            if self.before.get(item[0]) != item[1]])

    def flow(self):
        kind = next(k for k in ('arp', 'icmpv6', 'tcp', 'udp') for f in
                    self.fields if f.startswith(k + '_'))
        kind = kind.replace('icmpv6', 'icmp6')
        if 'ipv6_src' in self.fields and kind != 'icmp6':
            kind += '6'
        return ','.join([kind] + [
            '%s=%s' % (f, v) for f, v in self.fields.items() if '.' not in f])


class Trace:
    """What a switch does with a packet."""

    def __init__(self, text, packet, host):
        self.zones = host.zones
        self.networks = {iface for bridge, iface in host.ports
                         if bridge != 'br-int'}
        self.passes = collections.defaultdict(str)
        self.out = []           # Lines.
        self.tunneled = []      # (address, fields of the tunnel, Packet)
        now = '0x0'
        for line in text.splitlines():
            m = re.match(r'recirc\((0x[0-9a-f]+)\)', line)
            if m:
                now = m.group(1)
            elif line.startswith('Datapath actions: '):
                self.passes[now] = line[len('Datapath actions: '):]
        self.run(self.passes['0x0'], packet)

    def zone(self, m):
        return 'zone=<%s>' % self.zones.get(int(m.group(1)), 'no zone')

    def run(self, actions, packet):
        remote = None
        for action in split(actions):
            name, args = re.match(r'([^(]*)(?:\((.*)\))?$', action,
                                  re.S).groups()
            if name == 'set' and not args.startswith('skb_priority('):
                # Not the queue's number, which is ovn-northd's choice.
                packet.set(args)
            elif name == 'push_vlan':
                packet.vlans.insert(0, action)
            elif name == 'pop_vlan':
                packet.vlans.insert(0, action)
                if len(packet.vlans) > 1 and 'push' in packet.vlans[1]:
                    del packet.vlans[:2]
            elif name == 'clone':
                self.run(args, packet.copy())
            elif name == 'check_pkt_len':
                # Of "size=N,gt(ACTIONS),le(ACTIONS)" both.
                for branch in split(args)[1:]:
                    self.run(branch[3:-1], packet.copy())
            elif name == 'recirc':
                self.run(self.passes.pop(args, ''), packet.copy())
            elif name == 'ct':
                self.out.append(re.sub(r'zone=(\d+)', self.zone, action))
            elif name == 'tnl_push':
                remote = self.tunnel(args, packet)
            elif args is None and name not in ('ct_clear', 'drop'):
                if not remote:
                    self.output(name, packet)
                remote = None

    def output(self, port, packet):
        # The bridge of a physical network floods it.
        m = re.match(r'(c\d+-.*?)(?:-nic)?$', port) \
            if port in self.networks else None
        line = '%s [%s]' % ('network ' + m.group(1) if m else port,
                            packet.changes())
        if not m or line not in self.out[-1:]:
            self.out.append(line)

    def tunnel(self, args, packet):
        remote = re.search(r'ipv4\(src=[^,]*,dst=([^,]*)', args).group(1)
        vni = re.search(r'vni=(0x[0-9a-f]+)', args).group(1)
        fields = 'tun_id=' + vni
        m = re.search(r'options\(\{class=0x102,type=0x80,len=4,'
                      r'(0x[0-9a-f]+)\}', args)
        if m:
            fields += ',tun_metadata0=' + m.group(1)
        # Which of the addresses is in the flows.
        self.out.append('tunnel to %s, %s [%s]' % (
            CHASSIS.get(remote, remote), fields, packet.changes()))
        self.tunneled.append((remote, fields, packet.copy()))
        return remote


class Packets:
    """Lines of text, as of a Snapshot, about the packets of 'cases'."""

    flows = frozenset()

    def __init__(self, hosts, cases):
        self.hosts = hosts
        self.lines = {name + ' packets': collections.Counter()
                      for name in hosts}
        self.special = set()
        for host in hosts.values():
            # What physical networks' bridges have learned is chance.
            host.daemon.call('fdb/flush')
        for case in cases:
            for iface, fields in case.packets():
                for name, host in hosts.items():
                    port = host.ports.get(('br-int', iface))
                    if port:
                        packet = Packet(fields)
                        self.send(name, port, packet, '',
                                  '%s: %s' % (iface, packet.flow()))

    def send(self, name, port, packet, tunnel, what, hops=0):
        host = self.hosts[name]
        text, refusal = host.daemon.ask(
            'ofproto/trace', '--names', 'br-int', 'in_port=%s,%s%s' % (
                port, packet.flow(), tunnel))
        lines = self.lines[name + ' packets']
        if refusal is not None:
            lines['%s%s -> refused' % (what, tunnel)] += 1
            return
        for kind in SPECIAL.findall(text):
            self.special.add((name, what, tunnel, kind.strip()))
        trace = Trace(text, packet, host)
        for line in trace.out or ['drop']:
            lines['%s%s -> %s' % (what, tunnel, line)] += 1
        for remote, fields, copy in trace.tunneled if hops < HOPS else ():
            there = CHASSIS.get(remote)
            port = there and self.hosts[there].ports.get(
                ('br-int', 'ovn-%s-0' % name))
            if port:
                self.send(there, port, copy, ',' + fields,
                          what + ' from ' + name, hops + 1)
