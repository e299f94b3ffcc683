#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Random networks: what ovn-trace says of packets, and what they do.

    trace-random.py [--seed N] [--first N] [--cases N] [--batch N] DIR

DIR is the directory of a central and of a chassis hv1 that are up: an
ovs-vswitchd on the dummy datapath, a controller, and a daemon of ovn-trace
behind DIR/hv1/trace.ctl.  The networks of random_networks.py are made, some at
a time.  Each of their packets is traced with --chassis=hv1 and all connections
new, and sent into the switch, whose userspace datapath really tracks
connections, translates, and picks backends.  Compared is where it comes out,
and as what:

    IFACE, LAN       a network card; the physical network
    TUNNEL ADDRESS   what is inside of a tunnel's packet

Where a load balancer has a choice, one trace for each backend says what can
come of the packet.  All of it has to come of it, and nothing else, when it is
sent again and again from other ports.

What the controller makes (replies of ICMP, ARP requests and so on) is compared
by its kind only.

Prints differences with both sides' reasons; exits with status 1 if there are
any.  A case can be had again by its seed and number.
"""

import argparse
import collections
import ipaddress
import os
import re
import shlex
import struct
import sys
import time

import daemons
import packets
import random_networks
from daemons import run

# How often a packet is sent whose backend can be any of several.
TRIES = 48
# How long what the controller makes may take, in seconds.
PATIENCE = float(os.environ.get('TRACE_PATIENCE') or 60)
VSWITCHD_MAC = 'aa:bb:cc:00:00:01'

# Fields of a packet, and their names in logical flows.
LOGICAL = {
    'eth.src': 'dl_src', 'eth.dst': 'dl_dst', 'ip4.src': 'nw_src',
    'ip4.dst': 'nw_dst', 'ip6.src': 'ipv6_src', 'ip6.dst': 'ipv6_dst',
    'ip.ttl': 'nw_ttl', 'arp.op': 'arp_op', 'arp.spa': 'arp_spa',
    'arp.tpa': 'arp_tpa', 'arp.sha': 'arp_sha', 'arp.tha': 'arp_tha',
    'tcp.src': 'tp_src', 'tcp.dst': 'tp_dst', 'udp.src': 'tp_src',
    'udp.dst': 'tp_dst', 'sctp.src': 'tp_src', 'sctp.dst': 'tp_dst',
    'icmp4.type': 'icmp_type', 'icmp4.code': 'icmp_code',
    'icmp6.type': 'icmp_type', 'icmp6.code': 'icmp_code',
    'nd.target': 'nd_target', 'nd.sll': 'nd_sll', 'nd.tll': 'nd_tll',
}
ADDRESSES = ('nw_src', 'nw_dst', 'ipv6_src', 'ipv6_dst', 'arp_spa', 'arp_tpa',
             'nd_target')
MACS = 'dl_src', 'dl_dst', 'arp_sha', 'arp_tha', 'nd_sll', 'nd_tll'
SEEN = ('vlan', 'dl_src', 'dl_dst', 'nw_src', 'nw_dst', 'ipv6_src', 'ipv6_dst',
        'nw_ttl', 'nw_tos', 'protocol', 'tp_dst', 'icmp_type',
        'icmp_code', 'arp_op', 'arp_spa', 'arp_tpa', 'arp_sha', 'arp_tha',
        'nd_target')
# What the controller makes in place of the packet, and its protocol.
MADE = {'arp': 'arp', 'nd_ns': 'nd', 'nd_na': 'nd', 'nd_na_router': 'nd',
        'icmp4': 'icmp', 'icmp4_error': 'icmp', 'icmp6': 'icmp',
        'icmp6_error': 'icmp', 'tcp_reset': 'tcp', 'sctp_abort': 'sctp',
        'reject': None}


class Skip(Exception):
    """This packet cannot be compared."""


def describe(where, packet):
    if packet.get('made'):
        return '%s: %s by the controller' % (where, packet['made'])
    return '%s: %s' % (where, ' '.join(
        '%s=%s' % (field, packet[field]) for field in SEEN
        if packet.get(field) is not None))


# Packets as bytes.

def encode(p):
    if p['protocol'] == 'arp':
        return packets.arp(p['arp_op'], p['dl_src'], p['dl_dst'],
                           p['arp_sha'], p['arp_spa'], p['arp_tha'],
                           p['arp_tpa'])
    src = p.get('nw_src') or p['ipv6_src']
    dst = p.get('nw_dst') or p['ipv6_dst']
    if p['protocol'] == 'nd':
        return packets.solicit(p['dl_src'], src, p['nd_target'], p['dl_dst'],
                               dst)
    if p['protocol'] == 'icmp':
        number = packets.ICMP6 if ':' in src else packets.ICMP
        l4 = packets.icmp(src, dst, p['icmp_type'], p['icmp_code'])
    elif p['protocol'] == 'tcp':
        number = packets.TCP
        l4 = packets.tcp(src, dst, 2, p['tp_src'], p['tp_dst'])
    elif p['protocol'] == 'udp':
        number = packets.UDP
        l4 = packets.udp(src, dst, p['tp_src'], p['tp_dst'])
    else:
        number = packets.SCTP
        l4 = packets.sctp(packets.sctp_chunk(1, bytes(16)), p['tp_src'],
                          p['tp_dst'], 0)
    return packets.frame(p['dl_src'], p['dl_dst'], src, dst, number, l4,
                         p['nw_ttl'], p['nw_tos'])


def with_vlan(data, vlan):
    return data[:12] + struct.pack('!HH', 0x8100, vlan) + data[12:]


def as_mac(data):
    return ':'.join('%02x' % byte for byte in data)


def decode(data):
    p = {'vlan': None, 'dl_dst': as_mac(data[:6]),
         'dl_src': as_mac(data[6:12])}
    eth_type, = struct.unpack('!H', data[12:14])
    data = data[14:]
    if eth_type == 0x8100:
        tci, eth_type = struct.unpack('!HH', data[:4])
        p['vlan'] = tci & 0xfff
        data = data[4:]
    if eth_type == 0x806:
        p['protocol'] = 'arp'
        p['arp_op'], = struct.unpack('!H', data[6:8])
        for field, at in ('arp_sha', 8), ('arp_tha', 18):
            p[field] = as_mac(data[at:at + 6])
        for field, at in ('arp_spa', 14), ('arp_tpa', 24):
            p[field] = str(ipaddress.ip_address(data[at:at + 4]))
        return p
    if eth_type == 0x800:
        number, l4 = data[9], data[(data[0] & 15) * 4:]
        p.update(nw_tos=data[1], nw_ttl=data[8])
        names, size, at = ('nw_src', 'nw_dst'), 4, 12
    elif eth_type == 0x86dd:
        number, l4 = data[6], data[40:]
        p.update(nw_tos=(data[0] & 15) << 4 | data[1] >> 4, nw_ttl=data[7])
        names, size, at = ('ipv6_src', 'ipv6_dst'), 16, 8
    else:
        p['protocol'] = hex(eth_type)
        return p
    for i, name in enumerate(names):
        p[name] = str(ipaddress.ip_address(
            data[at + i * size:at + (i + 1) * size]))
    if number in (packets.ICMP, packets.ICMP6):
        p.update(protocol='icmp', icmp_type=l4[0], icmp_code=l4[1])
        if number == packets.ICMP6 and l4[0] in (135, 136):
            p.update(protocol='nd', nd_target=str(
                ipaddress.ip_address(l4[8:24])))
    else:
        p['protocol'] = {packets.TCP: 'tcp', packets.UDP: 'udp',
                         packets.SCTP: 'sctp'}.get(number, str(number))
        p['tp_src'], p['tp_dst'] = struct.unpack('!HH', l4[:4])
        if number == packets.UDP and p['tp_dst'] == 6081:
            p['inside'] = l4[16 + (l4[8] & 63) * 4:]
    return p


def microflow(p):
    words = ['inport == "%s"' % p['inport'], 'eth.src == ' + p['dl_src'],
             'eth.dst == ' + p['dl_dst']]
    if p['protocol'] == 'arp':
        words += ['arp.%s == %s' % (name, p['arp_' + name])
                  for name in ('op', 'sha', 'spa', 'tha', 'tpa')]
        return ' && '.join(words)
    version = 'ip4' if 'nw_src' in p else 'ip6'
    names = ('nw_src', 'nw_dst') if version == 'ip4' else ('ipv6_src',
                                                           'ipv6_dst')
    words += ['%s.%s == %s' % (version, end, p[name])
              for end, name in zip(('src', 'dst'), names)]
    words.append('ip.ttl == %d' % p['nw_ttl'])
    if p['protocol'] == 'nd':
        words += ['nd_ns', 'nd.target == ' + p['nd_target'],
                  'nd.sll == ' + p['nd_sll']]
    elif p['protocol'] == 'icmp':
        icmp = 'icmp' + version[2]
        words += ['%s.type == %d' % (icmp, p['icmp_type']),
                  '%s.code == %d' % (icmp, p['icmp_code'])]
    else:
        words += ['%s.%s == %d' % (p['protocol'], end, p['tp_' + end])
                  for end in ('src', 'dst')]
        if p['protocol'] == 'tcp':
            words.append('tcp.flags == 2')
    return ' && '.join(words)


# What ovn-trace says.

class Trace:
    """The outcome of a trace in summary and minimal form."""

    IGNORED = re.compile(r'/\* Leaves|/\* On the'
                         r'|\*\*\* (port|there is|no backend|the sender)'
                         r'|meter|(x*reg\d|flags)|LOG: |sample\(|ct_clear')
    BLOCK = re.compile(r'(\w+)(?:\(([^()]*)\))?(?: /\*.*\*/)?(;| \{)$')

    def __init__(self, text, packet, here, network):
        self.text = text
        self.here, self.network = here, network
        self.outcome = []
        self.makes = False      # Does the controller make something?
        self.hairpins = 'ct_snat_to_vip;' in text
        self.is_local = ('ct_lb_mark_local(' in text
                         and 'any of them may be chosen' not in text)
        self.keeps = 'commit_lb_aff(' in text
        self.learns = bool(re.search(r'\bput_(arp|nd|fdb)\(', text))
        lines = text.splitlines()
        start = lines.index('# Minimal trace.')
        # An echo reply of the pipeline's own goes through conntrack.
        self.tracks_answer = bool(re.search(
            r'icmp(4\.type = 0|6\.type = 129);.* ct_(next|lb|dnat|snat)',
            ' '.join(lines[:start])))
        self.outputs, self.tunnels = self._ways(lines[:start])
        self.backends = {
            backend for line in lines[:start]
            for match in [re.search(r'backends=([^;]*?)(?:; |\))', line)]
            if match for backend in match[1].split(',')}
        stack = [dict(packet)]
        self.eth_src = None
        for line in lines[start + 1:]:
            self._line(line.strip(), stack)
        if 'tcp_reset {' in text and not any(
                packet.get('made') for _, packet in self.outcome):
            raise Skip('a reset of no connection, which conntrack judges')
        summary = ' '.join(lines[:start])
        if re.search(r'icmp[46] \{.*\bct_', summary) and not any(
                packet.get('made') for _, packet in self.outcome):
            raise Skip('an error, which conntrack judges')
        if sum(packet.get('made') == 'icmp'
               for _, packet in self.outcome) > 1:
            raise Skip('an error in zones that do not know its connection, '
                       'which conntrack judges')

    LEAVES = re.compile(r'/\* Leaves chassis "hv1" .* tunnel to (.*)\. \*/')

    class Block:
        """A block of the summary."""

        def __init__(self, parent=None, elsewhere=False, text=''):
            self.parent, self.elsewhere = parent, elsewhere
            self.is_group = text.startswith('multicast(')
            # A load balancer has chosen; the DSCP, if that has been set.
            self.balanced = parent.balanced if parent else False
            self.dscp = parent.dscp if parent else None
            # Copies of a group for ports of this chassis are made one after
            # the other, of the same packet; those for others come before.
            self.copy_dscp = None
            if parent and parent.is_group and not elsewhere:
                self.dscp = parent.copy_dscp or self.dscp

        def close(self):
            if self.parent.is_group and not self.elsewhere:
                self.parent.copy_dscp = self.dscp
            return self.parent

    @classmethod
    def _ways(cls, lines):
        """From the summary, two lists of (balanced, dscp): of each port where
        the packet comes out, None if that is on another chassis (behind a line
        "Leaves": one block after a tunnel, the second one after a physical
        network); and of each tunnel that is taken from here."""
        outputs, tunnels = [], []
        block = cls.Block()
        to_come = []            # Whether blocks to come are elsewhere...
        around = None           # ...within this one.
        for i, line in enumerate(lines):
            line = line.strip()
            if 'backends=' in line:
                block.balanced = True
            match = re.match(r'ip\.dscp = (\d+);', line)
            if match:
                block.dscp = int(match[1])
            if cls.LEAVES.match(line):
                tunnels.append((block.balanced, block.dscp))
            if line.endswith('{'):
                elsewhere = block.elsewhere
                if to_come and block == around:
                    elsewhere = to_come.pop(0) or elsewhere
                block = cls.Block(block, elsewhere, line)
            elif line == '};':
                block = block.close()
            elif line.startswith('/* Leaves'):
                to_come = [True] if 'tunnel' in line else [False, True]
                around = block
            elif line.startswith('/* output to'):
                if not lines[i + 1].strip().startswith('ingress('):
                    outputs.append(None if block.elsewhere
                                   else (block.balanced, block.dscp))
        return outputs, tunnels

    def _line(self, line, stack):
        packet = stack[-1]
        if line.startswith('*** no backend') and 'rejected' in line:
            raise Skip('a rejection without backends, which is told in words')
        match = self.LEAVES.match(line)
        if match:
            self._put('tunnel ' + match[1], packet, self.tunnels.pop(0))
            return
        match = re.match(r'/\* On the physical network, eth.src is (\S*),',
                         line)
        if match:
            self.eth_src = match[1]
            return
        match = re.match(r'output\("(.*)"\);', line)
        if match:
            self._output(match[1], packet)
            return
        if not line or line == '};':
            if line:
                stack.pop()
            return
        match = self.BLOCK.match(line)
        if match:
            self._block(match, stack)
            return
        match = re.match(r'([a-z0-9.]+)(\[.*\])? ?= ?(.*);|(ip\.ttl)--;', line)
        if match and match[4]:
            packet['nw_ttl'] -= 1
        elif match and match[1] in LOGICAL and not match[2]:
            self._set(packet, LOGICAL[match[1]], match[3])
        elif match and match[1] in ('ip.dscp', 'ip.proto'):
            pass
        elif not self.IGNORED.match(line):
            raise Skip(line)

    @staticmethod
    def _set(packet, field, text):
        if field in ADDRESSES:
            text = str(ipaddress.ip_address(
                int(text, 16) if text.startswith('0x') else text))
        elif field in MACS:
            if text.startswith('0x'):
                text = as_mac(int(text, 16).to_bytes(6, 'big'))
        else:
            text = int(text, 0)
        packet[field] = text

    def _block(self, match, stack):
        name, args, opens = match[1], match[2], match[3] == ' {'
        packet = dict(stack[-1])
        if name in MADE:
            packet['made'] = MADE[name] or (
                packet['protocol'] if packet['protocol'] in ('tcp', 'sctp')
                else 'icmp')
            self.makes = True
        elif name.startswith(('ct_snat', 'ct_dnat')) and args:
            for word in args.split(','):
                field, _, value = word.partition('=')
                if field not in LOGICAL:
                    raise Skip(match[0])
                self._set(packet, LOGICAL[field], value)
        elif not re.match(r'ct_|clone|drop', name):
            raise Skip(match[0])
        if opens:
            stack.append(packet)

    def _output(self, port, packet):
        eth_src, self.eth_src = self.eth_src, None
        if not self.outputs:
            raise Skip('the summary has no output to ' + port)
        way = self.outputs.pop(0)
        if not way:
            return
        for switch in self.network.switches:
            if port == switch.localnet:
                self._put('lan', dict(packet, vlan=switch.tag,
                                      dl_src=eth_src or packet['dl_src']), way)
                return
        if port in self.here:
            self._put(port, packet, way)

    def _put(self, where, packet, way):
        balanced, dscp = way
        packet = dict(packet, balanced=balanced)
        if dscp is not None and packet.get('nw_tos') is not None:
            packet['nw_tos'] = packet['nw_tos'] & 3 | dscp << 2
        # Of what many get, each chassis gets one copy.
        if not where.startswith('tunnel') or (
                (where, packet) not in self.outcome):
            self.outcome.append((where, packet))


# The deployment.

class Deployment:
    def __init__(self, directory):
        self.dir = directory
        self.switch = daemons.Rpc(directory + '/hv1/vswitchd.ctl')
        self.trace = daemons.Rpc(directory + '/hv1/trace.ctl')
        self.read = {}          # pcap file -> how much of it was read
        self.vifs = {}          # interface -> chassis, of this batch
        self.connected = {}

    def appctl(self, method, *words):
        result, error = self.switch.ask(method, *words)
        if error:
            raise Skip('%s: %s' % (method, error.strip()))
        return result

    def ask_trace(self, *words):
        result, error = self.trace.ask('trace', *words)
        if error:
            raise Skip(error.strip())
        return result

    def vsctl(self, *words):
        run('ovs-vsctl', '--timeout=60', *words)

    def set_up(self):
        """The chassis' surroundings: a physical network, and two other
        chassis that are nothing but addresses."""
        self.vsctl('add-br', 'br-lan', '--', 'add-port', 'br-lan', 'lan',
                   *self._records('lan'), '--', 'add-port', 'br-phys', 'spy',
                   *self._records('spy'), '--', 'add-br', 'br-sync', '--',
                   'add-port', 'br-sync', 'sync-in', *self._records('sync-in'),
                   '--', 'add-port', 'br-sync', 'sync-out',
                   *self._records('sync-out'),
                   '--', 'set', 'Open_vSwitch', '.',
                   'external_ids:ovn-bridge-mappings=lan:br-lan',
                   'external_ids:ovn-chassis-mac-mappings='
                   'lan:aa:bb:cc:ee:00:01')
        for n in 2, 3:
            run('ovn-sbctl', 'chassis-add', 'hv%d' % n, 'geneve',
                '192.168.0.%d' % n)
            self.appctl('tnl/arp/set', 'br-phys', '192.168.0.%d' % n,
                        'aa:bb:cc:00:00:%02x' % n)
        run('ovn-nbctl', 'create', 'Chassis_Template_Var', 'chassis=hv1')

    def _pcap(self, iface):
        return '%s/hv1/%s-tx.pcap' % (self.dir, iface)

    def _records(self, iface):
        return ('--', 'set', 'interface', iface, 'type=dummy',
                'options:tx_pcap=' + self._pcap(iface))

    def make(self, networks):
        """Replaces the networks that there are."""
        words = []
        for iface in self.vifs:
            words += ['--', 'del-port', iface]
        self.vifs = {}
        self._clear()
        for network in networks:
            for host in network.hosts():
                if host.chassis == 'hv1':
                    self.vifs[host.name] = 'hv1'
                    words += ['--', 'add-port', 'br-int', host.name,
                              *self._records(host.name),
                              'external_ids:iface-id=' + host.name]
        self.vsctl(*words)
        words = []
        for network in networks:
            for command in network.commands:
                words += ['--', *command]
        run('ovn-nbctl', '--timeout=60', '--wait=sb', *words)
        words = []
        for network in networks:
            for host in network.hosts():
                if host.chassis not in ('hv1', None):
                    words += ['--', 'lsp-bind', host.name, host.chassis]
        words += self._bind_gateways()
        if words:
            run('ovn-sbctl', '--timeout=60', *words)
        run('ovn-nbctl', '--timeout=90', '--wait=sb', 'sync')
        self._connect_lan(networks)

    def _port_numbers(self):
        """The OpenFlow ports that there are when all flows are there."""
        run('ovn-nbctl', '--timeout=90', '--wait=hv', 'sync')
        self.vsctl('add', 'Open_vSwitch', '.', 'external_ids', 'waited=yes')
        return dict(line.split(',') for line in run(
            'ovs-vsctl', '--format=csv', '--no-headings', '--data=bare',
            '--columns=name,ofport', 'list', 'Interface').split())

    def _connect_lan(self, networks):
        """The physical network's switch brings each VLAN to its networks."""
        numbers, before = self._port_numbers(), None
        while numbers != before:
            before, numbers = numbers, self._port_numbers()
        flows = []
        self.connected = {}     # Localnet port -> whether it is.
        for network in networks:
            for switch in network.switches:
                number = numbers.get('patch-%s-to-br-int' % switch.localnet)
                self.connected[switch.localnet] = number is not None
                if number:
                    flows.append('in_port=lan,dl_vlan=%d,actions=output:%s'
                                 % (switch.tag, number))
        flows.append('priority=1,actions=output:lan')
        run('ovs-ofctl', 'replace-flows',
            'unix:%s/hv1/br-lan.mgmt' % self.dir, '-',
            stdin='\n'.join(flows) + '\n')

    def _clear(self):
        """Removes all networks.  (Left to itself, ovn-northd 23.03 deletes
        datapaths that load balancers' groups still refer to, and fails.)"""
        northd = daemons.Rpc(self.dir + '/central/northd.ctl')
        northd.call('pause')
        for program, tables in (
                ('ovn-nbctl', ('Logical_Switch', 'Logical_Router',
                               'Load_Balancer', 'Port_Group', 'Address_Set',
                               'DHCP_Options', 'Static_MAC_Binding')),
                ('ovn-sbctl', ('Logical_Flow', 'Load_Balancer',
                               'Multicast_Group', 'IP_Multicast',
                               'IGMP_Group', 'Port_Group', 'MAC_Binding',
                               'FDB', 'Static_MAC_Binding', 'Port_Binding',
                               'HA_Chassis_Group', 'Service_Monitor',
                               'Logical_DP_Group', 'DNS',
                               'Datapath_Binding'))):
            words = []
            for table in tables:
                words += ['--', '--all', 'destroy', table]
            run(program, '--timeout=60', *words)
        northd.call('resume')

    @staticmethod
    def _bind_gateways():
        """What the controllers of the other chassis would do."""
        words = []
        text = run('ovn-sbctl', '--bare', '--columns=logical_port,options',
                   'find', 'Port_Binding', 'type=l3gateway')
        for block in text.split('\n\n'):
            lines = block.split('\n')
            match = re.search(r'l3gateway-chassis=(hv[23])', block)
            if match:
                words += ['--', 'lsp-bind', lines[0], match[1]]
        text = run('ovn-sbctl', '--format=csv', '--no-headings', '--columns='
                   'name,ha_chassis', 'list', 'HA_Chassis_Group')
        members = dict(line.split(',', 1) for line in run(
            'ovn-sbctl', '--format=csv', '--no-headings', '--data=bare',
            '--columns=_uuid,priority,chassis', 'list', 'HA_Chassis').split())
        chassis = dict(line.split(',') for line in run(
            'ovn-sbctl', '--format=csv', '--no-headings', '--data=bare',
            '--columns=_uuid,name', 'list', 'Chassis').split())
        for line in text.split('\n'):
            name, _, rest = line.partition(',')
            best = max((members[uuid].split(',') for uuid
                        in re.findall(r'[0-9a-f-]{36}', rest)),
                       key=lambda m: int(m[0]), default=None)
            if best and chassis.get(best[1]) not in (None, 'hv1'):
                words += ['--', 'lsp-bind', 'cr-' + name, chassis[best[1]]]
        return words

    # Packets.

    def _new(self, iface):
        """What has come out of an interface since the last time."""
        path = self._pcap(iface)
        if not os.path.exists(path):
            return
        with open(path, 'rb') as f:
            f.seek(self.read.get(path, 24))
            data = f.read()
        at = 0
        while at + 16 <= len(data):
            size, = struct.unpack('<I', data[at + 8:at + 12])
            frame = data[at + 16:at + 16 + size]
            yield frame
            at += 16 + size
        self.read[path] = self.read.get(path, 24) + at

    def outcome(self, sent):
        """Where something has come out since the last time, and as what, now
        that 'sent' has been sent."""
        found = []
        for iface in [*self.vifs, 'lan', 'spy']:
            for data in self._new(iface):
                packet = decode(data)
                where = iface
                if iface == 'spy':
                    if packet['dl_src'] != VSWITCHD_MAC or (
                            'inside' not in packet):
                        continue
                    where = 'tunnel ' + packet['nw_dst']
                    packet = decode(packet['inside'])
                if not self.is_own_accord(packet, sent):
                    found.append((where, packet))
        return found

    @staticmethod
    def is_own_accord(packet, sent):
        """Is it one that controllers or switches send by themselves: BFD in
        tunnels, an announcement?  A host announces itself, too, which counts
        where the controllers do not do that for it."""
        return (packet.get('tp_dst') == 3784
                or packet['protocol'] == '0x8035'  # RARP.
                or (packet['protocol'] == 'arp' and not packet.get('made')
                    and packet['arp_spa'] == packet['arp_tpa']
                    and (sent['is_announced']
                         or packet['arp_sha'] != sent['dl_src'])))

    def send(self, packet, forget=True):
        if forget:
            self.appctl('dpctl/flush-conntrack')
        data = encode(packet)
        if packet['vlan']:
            data = with_vlan(data, packet['vlan'])
        self.appctl('netdev-dummy/receive', packet['if'], data.hex())
        self.settle()

    def settle(self):
        """Waits until the switch has taken all packets that have been sent: in
        each turn of its main loop, it takes what all ports have, so that two
        more packets that have come through are proof of a whole turn."""
        for _ in range(2):
            self.appctl('netdev-dummy/receive', 'sync-in',
                        '020000000001' '020000000002' '9999' + '00' * 46)
            deadline = time.monotonic() + PATIENCE
            while not list(self._new('sync-out')):
                if time.monotonic() > deadline:
                    sys.exit('the switch takes no packets any more')
                time.sleep(0.0005)


def fits(expected, found):
    """Whether what was found is what was expected, both lists of (where,
    packet)."""
    left = list(found)
    for where, packet in sorted(expected, key=lambda e: 'made' in e[1]):
        for item in left:
            if item[0] == where and (
                    item[1]['protocol'] == packet['made']
                    if packet.get('made')
                    else describe(where, packet) == describe(*item)):
                left.remove(item)
                break
        else:
            return False
    return not left


class Case:
    """One packet of one network."""

    def __init__(self, deployment, network, packet):
        self.d, self.network, self.packet = deployment, network, packet
        # Controllers announce the hosts of a switch with a physical network.
        packet['is_announced'] = any(
            packet['inport'] == switch.localnet
            or switch.localnet and any(packet['inport'] == host.name
                                       for host in switch.hosts)
            for switch in network.switches)
        vip = packet.get('vip')
        self.vip = vip and vip['protocol'] in (packet['protocol'],
                                               None) and vip
        self.traces = []
        self.found = []
        self.skip = None

    def _targets(self):
        """Values of --lb-dst, with the backend as (address, port)."""
        yield None, None
        backends = self.vip['backends'] if self.vip else []
        if any(trace.is_local for trace in self.traces):
            # A distributed load balancer has those of the chassis, if any.
            here = {host.address(self.vip['version'])
                    for host in self.network.hosts()
                    if host.chassis == 'hv1'
                    and host.address(self.vip['version']) in host.known}
            backends = ([backend for backend in backends if backend[0] in here]
                        or backends)
        for ip, port in backends:
            yield (('[%s]:%d' if ':' in ip else '%s:%d') % (ip, port)
                   if port else ip), (ip, port)

    def expect(self):
        """Asks ovn-trace."""
        start = {field: self.packet.get(field) for field in SEEN}
        start['vlan'] = None
        for text, backend in self._targets():
            words = ['--summary', '--minimal', '--chassis=hv1']
            words += ['--ct=new'] * 12
            if text:
                words.append('--lb-dst=' + text)
            trace = Trace(self.d.ask_trace(*words, microflow(self.packet)),
                          start, self.d.vifs, self.network)
            if text and text not in trace.backends:
                continue
            for _, packet in trace.outcome if text else ():
                self._translate(packet, backend, trace.hairpins)
            trace.outcome = [item for item in trace.outcome
                             if not self.d.is_own_accord(item[1], self.packet)]
            self.traces.append(trace)
        if any(trace.backends for trace in self.traces):
            # The first one picked a backend, too.
            del self.traces[0]

    def _translate(self, packet, backend, hairpins):
        kind = 'nw_' if self.vip['version'] == 4 else 'ipv6_'
        if not packet.get('balanced', True):
            return              # Another chassis' load balancer will choose.
        if packet.get(kind + 'dst') == self.vip['ip']:
            packet[kind + 'dst'] = backend[0]
            if backend[1]:
                packet['tp_dst'] = backend[1]
            if hairpins:
                packet[kind + 'src'] = self.vip['hairpin']

    def _receive(self):
        """What comes of the packet, until it is one of what is expected."""
        deadline = time.monotonic() + PATIENCE
        found = self.d.outcome(self.packet)
        makes = any(trace.makes for trace in self.traces)
        while (makes and time.monotonic() < deadline
               and not self._which(found)):
            time.sleep(0.002)
            found += self.d.outcome(self.packet)
        if not makes and any(trace.learns for trace in self.traces):
            # Others have waited for what is learned.
            found = [item for item in found if item[1].get('protocol')
                     == self.packet['protocol']]
        return found

    def _which(self, found):
        return [i for i, trace in enumerate(self.traces)
                if fits(trace.outcome, found)]

    def run(self):
        """Returns None, or what is wrong."""
        if self.skip:
            raise self.skip
        if any(trace.tracks_answer for trace in self.traces):
            raise Skip('an answer, which is never a new connection')
        if not self.d.connected.get(self.packet['inport'], True):
            raise Skip('from a physical network that has no way in')
        if (any(trace.makes for trace in self.traces)
                and not all(trace.outcome for trace in self.traces)):
            raise Skip('by one backend nothing, by another something later')
        if any(trace.keeps for trace in self.traces):
            client = (self.vip['ip'], self.packet.get('nw_src')
                      or self.packet['ipv6_src'])
            if client in self.network.affinities:
                raise Skip('an affinity from before')
            self.network.affinities.add(client)
        self.d.outcome(self.packet)
        self.d.send(self.packet)
        self.found = self._receive()
        seen = set(self._which(self.found))
        if not seen:
            return 'does something else'
        all_kinds = set(range(len(self.traces)))
        # The ports of these count for nothing when a bucket is chosen.
        if (len(all_kinds) < 2 or self.vip['is_sticky']
                or self.packet['protocol'] in ('icmp', 'sctp')):
            return None
        ports = list(range(2000, 2000 + TRIES))
        while seen != all_kinds and ports:
            other = dict(self.packet, tp_src=ports.pop())
            again = Case(self.d, self.network, other)
            again.expect()
            self.d.send(other, False)
            self.found = again._receive()
            which = again._which(self.found)
            if not which:
                self.traces, self.packet = again.traces, other
                return 'does something else'
            seen.update(which)
        if seen != all_kinds:
            self.traces = [self.traces[i] for i in all_kinds - seen]
            return 'never does this'
        return None


def in_order(cases):
    """Those that teach nobody anything, then one that does: what is known of
    neighbors changes after it."""
    teaching = None
    for case in cases:
        try:
            case.expect()
        except Skip as reason:
            case.skip = reason
        if any(trace.learns for trace in case.traces):
            teaching = case
        else:
            yield case
    if teaching:
        yield teaching


def report(case, what):
    print('=== network %d: a packet %s' % (case.network.number, what))
    print(microflow(case.packet))
    for trace in case.traces:
        print('--- ovn-trace:', *[describe(*item) for item in trace.outcome],
              sep='\n    ')
    print('--- the switch:', *[describe(*item) for item in case.found],
          sep='\n    ')
    sys.stdout.flush()


def explain(case):
    """How it came to that."""
    for command in case.network.commands:
        print('ovn-nbctl', *map(shlex.quote, command))
    for trace in case.traces:
        print(trace.text)
    print(run('ovs-ofctl', '-O', 'OpenFlow15', 'dump-groups', 'br-int'))
    packet = case.packet
    data = encode(packet)
    if packet['vlan']:
        data = with_vlan(data, packet['vlan'])
    print(case.d.appctl('ofproto/trace', 'br-int', 'in_port=' + packet['if'],
                        data.hex())
          if packet['if'] != 'lan' else
          case.d.appctl('ofproto/trace', 'br-lan', 'in_port=lan', data.hex()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--first', type=int, default=1)
    parser.add_argument('--cases', type=int, default=100)
    parser.add_argument('--batch', type=int, default=20)
    parser.add_argument('--packets', type=int, default=8)
    parser.add_argument('--explain', action='store_true')
    parser.add_argument('directory')
    args = parser.parse_args()

    d = Deployment(args.directory)
    d.set_up()
    n = 0
    skipped = collections.Counter()
    different = 0
    last = args.first + args.cases
    for first in range(args.first, last, args.batch):
        networks = [random_networks.Network(args.seed, number) for number
                    in range(first, min(first + args.batch, last))]
        d.make(networks)
        for network in networks:
            todo = [Case(d, network, packet)
                    for packet in (network.packet()
                                   for _ in range(args.packets)) if packet]
            for case in in_order(todo):
                try:
                    what = case.run()
                    n += 1
                except Skip as reason:
                    skipped[str(reason)] += 1
                    continue
                if what:
                    different += 1
                    report(case, what)
                    if args.explain:
                        explain(case)
    for reason, times in skipped.most_common():
        print('not compared, %d times: %s' % (times, reason))
    print('%d packets compared, %d different, %d not compared'
          % (n, different, sum(skipped.values())))
    return different > 0


if __name__ == '__main__':
    sys.exit(main())
