#! /usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Compares what ovn-trace says of a packet with what a switch says.

    trace-switch.py OVN-TRACE CHASSIS VSWITCHD-SOCKET < COMMANDS

COMMANDS has the words of a command line of ovn-trace a line, quoted for the
shell.  Each one whose packet comes from a network card of CHASSIS is traced
twice: by the program OVN-TRACE with --chassis, and by ovs-vswitchd with
ofproto/trace.  Compared are the ports where the packet, or copies of it, leave
the chassis, and what each of them looks like there.

On the chassis, network cards must have the names of their ports, physical
networks must lead to a port "lan", and tunnels to a port "wire".

Left out is what happens somewhere else than in the switch: in the controller,
which makes errors and asks for neighbors, and in the connection tracker, which
translates addresses.  Prints what was compared and what differs; exits with
status 1 if something does.
"""

import ipaddress
import re
import shlex
import subprocess
import sys

import daemons

# A packet is a dictionary with these keys, and those of FIELDS; "vlan" is None
# or a number.  The names are those of ovs-fields(7).  Each of FIELDS has its
# name in logical flows, and in the datapath's actions.
FIELDS = {
    'dl_src': ('eth.src', 'eth.src'),
    'dl_dst': ('eth.dst', 'eth.dst'),
    'nw_src': ('ip4.src', 'ipv4.src'),
    'nw_dst': ('ip4.dst', 'ipv4.dst'),
    'ipv6_src': ('ip6.src', 'ipv6.src'),
    'ipv6_dst': ('ip6.dst', 'ipv6.dst'),
    'nw_ttl': ('ip.ttl', 'ipv4.ttl', 'ipv6.hlimit'),
    'nw_tos': (None, 'ipv4.tos', 'ipv6.tclass'),
    'arp_op': ('arp.op', 'arp.op'),
    'arp_spa': ('arp.spa', 'arp.sip'),
    'arp_tpa': ('arp.tpa', 'arp.tip'),
    'arp_sha': ('arp.sha', 'arp.sha'),
    'arp_tha': ('arp.tha', 'arp.tha'),
    'tp_src': ('tcp.src', 'tcp.src', 'udp.src', 'sctp.src'),
    'tp_dst': ('tcp.dst', 'tcp.dst', 'udp.dst', 'sctp.dst'),
    'icmp_type': ('icmp4.type', 'icmp.type', 'icmpv6.type'),
    'icmp_code': ('icmp4.code', 'icmp.code', 'icmpv6.code'),
}
ADDRESSES = ('nw_src', 'nw_dst', 'arp_spa', 'arp_tpa', 'ipv6_src', 'ipv6_dst')
LOGICAL = {names[0]: name for name, names in FIELDS.items()}
LOGICAL['icmp6.type'] = 'icmp_type'
DATAPATH = {alias: name for name, names in FIELDS.items()
            for alias in names[1:]}


class Skip(Exception):
    """This packet cannot be compared."""


def normal(name, text):
    """A field's value."""
    if name in ADDRESSES:
        return str(ipaddress.ip_address(
            int(text, 16) if text.startswith('0x') else text))
    elif ':' in text:
        return text
    return int(text, 0)


def scalar(cell):
    """A cell of a database, a UUID as a string, None if it is empty."""
    if not isinstance(cell, list):
        return cell
    return cell[1] if cell[0] == 'uuid' else None


class Place:
    """Where ports are."""

    def __init__(self, chassis):
        def table(name, *columns):
            return [{column: scalar(value) for column, value in row.items()}
                    for row in daemons.rows('ovn-sbctl', name, columns)]

        self.here = chassis
        chassis_names = {row['_uuid']: row['name']
                         for row in table('Chassis', '_uuid', 'name')}
        self.ports = {
            row['logical_port']: row
            for row in table('Port_Binding', 'logical_port', 'type', 'tag',
                             'chassis', 'parent_port')}
        for row in self.ports.values():
            row['chassis'] = chassis_names.get(row['chassis'])

    def is_card_here(self, port):
        row = self.ports.get(port)
        return (row and not row['type'] and row['chassis'] == self.here
                and not row['parent_port'])

    def leaves_at(self, port, packet, eth_src):
        """Where a packet that is put out to a port leaves the chassis, or
        None if it does so elsewhere.  'eth_src', if any, is the Ethernet
        address that the physical network sees."""
        row = self.ports[port]
        if row['type'] == 'localnet':
            if row['tag'] and packet['vlan']:
                raise Skip('two VLANs')
            return 'lan', dict(packet, vlan=row['tag'] or packet['vlan'],
                               dl_src=eth_src or packet['dl_src'])
        elif row['type'] or row['parent_port']:
            raise Skip('to a %s port' % (row['type'] or 'container'))
        return (port, packet) if row['chassis'] == self.here else None


# What ovn-trace says.

def first_packet(line):
    """The packet in the notation of ovs-fields(7), from the first line, and
    the same as a dictionary."""
    words = [word for word in line[2:].strip().split(',')
             if not word.startswith(('reg14=', 'vlan_tci'))
             and not re.match('nd_.ll=00:00:00:00:00:00', word)]
    packet = {'vlan': None}
    for word in words:
        name, _, text = word.partition('=')
        if name in FIELDS:
            packet[name] = normal(name, text)
        elif name == 'dl_vlan':
            packet['vlan'] = int(text)
    # The switch does not take the short names with every protocol.
    protocol = words[0]
    if protocol.startswith(('tcp', 'udp', 'sctp')):
        words = [re.sub('^tp_', protocol.rstrip('6') + '_', word)
                 for word in words]
    elif protocol == 'icmp6':
        words = [re.sub('^icmp_', 'icmpv6_', word) for word in words]
    return ','.join(words), packet


def logical_outcome(text, place):
    """The outcome of a minimal trace: the packet that it starts with, in both
    forms, and a list of ports and packets."""
    lines = text.splitlines()
    flow, first = first_packet(lines[0])
    stack = [dict(first)]
    outcome = []
    eth_src = None
    for line in lines[1:]:
        line = line.strip()
        packet = stack[-1]
        match = re.match(r'/\* Leaves chassis "%s" .* (tunnel to .*)\. \*/'
                         % place.here, line)
        if match:
            outcome.append((match[1], dict(packet)))
        match = re.match(r'/\* On the physical network, eth.src is (\S*),',
                         line)
        if match:
            eth_src = match[1]
            continue
        if line.startswith(('/* Leaves', '*** port', 'ct_next', 'meter',
                            'reg', 'xreg', 'flags')) and line[-1] != '{':
            continue
        match = re.match(r'output\("(.*)"\);', line)
        if match:
            where = place.leaves_at(match[1], packet, eth_src)
            eth_src = None
            if where:
                outcome.append((where[0], dict(where[1])))
            continue
        if line == '};':
            stack.pop()
            continue
        if line.endswith('{'):
            if not line.startswith(('ct_next', 'clone')):
                raise Skip(line)
            stack.append(dict(packet))
            continue
        match = re.match(r'([a-z0-9.]+)(--|\[.*\])? ?= ?(.*);|(ip\.ttl)--;',
                         line)
        if match and match[4]:
            packet['nw_ttl'] -= 1
        elif match and match[1] in LOGICAL and not match[2]:
            packet[LOGICAL[match[1]]] = normal(LOGICAL[match[1]], match[3])
        elif match and match[1] == 'ip.dscp':
            packet['nw_tos'] = packet['nw_tos'] & 3 | int(match[3], 0) << 2
        else:
            raise Skip(line)
    return flow, first, outcome


# What the switch says.

def split(text):
    """The comma-separated words of 'text', which may have parentheses."""
    depth = start = 0
    for i, c in enumerate(text):
        depth += (c == '(') - (c == ')')
        if c == ',' and not depth:
            yield text[start:i]
            start = i + 1
    if text[start:]:
        yield text[start:]


def carry_out(actions, packet, passes, outcome):
    """Carries out the datapath's actions; 'passes' has those for each
    recirculation."""
    remote = None
    for action in split(actions):
        match = re.match(r'([^(]*)(?:\((.*)\))?$', action.strip(), re.S)
        name, args = match[1], match[2]
        if name == 'set':
            kind, values = re.match(r'(\w+)\((.*)\)$', args).groups()
            if kind == 'skb_priority':
                # The queue.
                continue
            for value in values.split(','):
                field, _, text = value.partition('=')
                if kind + '.' + field not in DATAPATH:
                    raise Skip(action)
                field = DATAPATH[kind + '.' + field]
                text, _, mask = text.partition('/')
                new = normal(field, text)
                if mask:
                    mask = int(mask, 0)
                    new = packet[field] & ~mask | new & mask
                packet[field] = new
        elif name == 'push_vlan':
            packet['vlan'] = int(re.search(r'vid=(\d+)', args)[1])
        elif name == 'pop_vlan':
            packet['vlan'] = None
        elif name == 'clone':
            carry_out(args, dict(packet), passes, outcome)
        elif name == 'tnl_push':
            remote = 'tunnel to ' + re.search(r'ipv4\(src=[^,]*,dst=([^,]*)',
                                              args)[1]
        elif name == 'recirc':
            carry_out(passes[int(args, 0)], dict(packet), passes, outcome)
        elif name == 'ct':
            if re.search(r'nat\((src|dst)=', args):
                raise Skip(action)
        elif name in ('ct_clear', 'drop', 'br-lan', 'userspace', 'meter'):
            # The controller gets copies of what it learns from.
            pass
        elif args is None:
            outcome.append((remote if remote and name == 'wire' else name,
                            dict(packet)))
        else:
            raise Skip(action)


def switch_outcome(vswitchd, flow, packet, port, ct_states):
    options = []
    for state in ct_states:
        options += ['--ct-next', state]
    text = daemons.call(vswitchd, 'ofproto/trace', '--names', *options,
                        'br-int', 'in_port="%s",%s' % (port, flow))
    passes = {0: None}
    now = 0
    for line in text.splitlines():
        match = re.match(r'recirc\((0x[0-9a-f]+)\)', line)
        if match:
            now = int(match[1], 0)
        elif line.startswith('Datapath actions: '):
            passes[now] = line[len('Datapath actions: '):]
    outcome = []
    carry_out(passes[0], packet, passes, outcome)
    return text, outcome


def describe(outcome):
    return sorted('%s: %s' % (where, ', '.join('%s=%s' % item for item in
                                               sorted(packet.items())
                                               if item[1] is not None))
                  for where, packet in outcome)


def main():
    program, chassis, vswitchd = sys.argv[1:]
    place = Place(chassis)
    n = n_skipped = n_different = 0
    for line in sys.stdin:
        words = shlex.split(line)
        match = re.search(r'inport == "([^"]*)"', words[-1])
        if not match or not place.is_card_here(match[1]):
            continue
        states = ['trk,' + word[len('--ct='):] for word in words
                  if word.startswith('--ct=')]
        words = [word for word in words
                 if word not in ('--all', '--detailed', '--summary')]
        trace = subprocess.run([program, '-vconsole:off', '--minimal',
                                '--chassis=' + chassis, *words],
                               capture_output=True, text=True)
        if trace.returncode:
            continue
        try:
            flow, packet, logical = logical_outcome(trace.stdout, place)
            text, physical = switch_outcome(vswitchd, flow, packet, match[1],
                                            states + ['trk,est'] * 8)
        except Skip as reason:
            print('not compared:', line.strip(), '#', reason)
            n_skipped += 1
            continue
        n += 1
        logical, physical = describe(logical), describe(physical)
        if logical != physical:
            n_different += 1
            print('ovn-trace', line.strip(), trace.stdout, text,
                  'ovn-trace:', *logical, 'switch:', *physical, sep='\n')
        else:
            print('same:', line.strip(), *logical, sep='\n    ')
    print('%d compared, %d different, %d not compared'
          % (n, n_different, n_skipped))
    return n_different > 0


if __name__ == '__main__':
    sys.exit(main())
