#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Every type of port, in every role, on every sort of switch.

    physical-table.py write SOCKET UUID
    physical-table.py compare A B [--known FAULT]...

"write" fills the southbound database behind SOCKET, without an ovn-northd,
for a chassis hv1 whose row has UUID.  Each case is a logical switch (or a
router with a gateway port) of its own with the port in question, an interface
that makes it local, and multicast groups that have the port as a member, so
that the cases have nothing to do with one another, and one look at the switch
tells about all of them.  It writes two files: "names" has the tunnel key of
each datapath and which case it is, "ifaces" the interfaces that hv1 is to
have, with their iface-ids.

"compare" is flow-diff.py with the name of the case in front of each line.

Where there is a "+" in a role, the port has additional chassis; ">" separates
the chassis of a gateway port's group from that which has the port ("-": none
has it).
"""

import collections
import importlib
import os
import re
import sys

import daemons
import stock_faults

HERE = 'hv1'

# The other chassis with the types and addresses of their encaps.
CHASSIS = {
    'hv2': [('geneve', '192.168.0.2')],
    'hv3': [('vxlan', '192.168.0.3')],
    'hv4': [('geneve', '192.168.0.4'), ('geneve', '192.168.0.44')],
    'hv5': [('geneve', '192.168.0.5')],
    'az2': [('geneve', '192.168.0.99')],        # Another zone's.
}

# The switches: columns and options of their localnet ports.
SWITCHES = {
    'plain': [],
    'localnet': [{}],
    'tag': [{'tag': 7}],
    'two': [{}, {'tag': 8}],
    'unmapped': [{'network_name': 'nowhere'}],
    'passthru': [{'vlan-passthru': 'true'}],
    'tagpass': [{'tag': 7, 'vlan-passthru': 'true'}],
    'ethtype': [{'tag': 9, 'ethtype': '802.11ad'}],
}

ONE = ('-', 'hv1', 'hv2', 'hv3', 'hv4')
SEVERAL = ('hv1+hv2', 'hv2+hv1', 'hv2+hv3', 'hv1+hv2+hv3', 'hv2+hv1+hv3',
           'hv4+hv1', '-+hv1', '-+hv2', 'hv4+hv2')
PORTS = {
    'vif': ONE + SEVERAL,
    'rarp': ('hv1', 'hv2', 'hv1+hv2', 'hv2+hv1'),
    'container': ('hv1', 'hv2', 'hv3', 'hv1+hv2', 'hv2+hv3'),
    'localport': ('-', 'hv1'),
    'localnet': ('-',),
    'l2gateway': ('hv1', 'hv2', 'hv3'),
    'l2gateway-passthru': ('hv1',),
    'l2gateway-unmapped': ('hv1', 'hv2'),
    'vtep': ('-', 'hv2', 'hv3'),
    'virtual': ONE,
    'external': ONE,
    'remote': ('-', 'az2'),
    'patch': ('-',),
    'l3gateway': ('hv1', 'hv2', 'hv3'),
    'nonsense': ('-', 'hv2'),
}

# With a port that is on several chassis, and with others, on one switch.
TOGETHER = {
    'vif': ('hv1', 'hv2', 'hv3', 'hv4', '-', 'hv1+hv2', 'hv2+hv3', 'hv4+hv2',
            '-+hv2'),
    'container': ('hv1', 'hv2'),
    'localport': ('hv1',),
    'l2gateway': ('hv1', 'hv2'),
    'vtep': ('hv2', 'hv3'),
    'virtual': ('-', 'hv1', 'hv2'),
    'external': ('-', 'hv1', 'hv2'),
    'remote': ('-', 'az2'),
    'patch': ('-',),
    'l3gateway': ('hv2',),
    'nonsense': ('hv2',),
}
TOGETHER_WITH = ('hv1', 'hv1+hv2', 'hv2+hv1', 'hv2+hv3')

GATEWAYS = ('-', 'hv1', 'hv2', 'hv3', 'hv2>hv1', 'hv2>hv3', 'hv2>hv5',
            '->hv2', '->hv2>hv5')
REDIRECT_TYPES = (None, 'overlay', 'bridged')


def to_map(d):
    return ['map', [[k, v] for k, v in d.items()]]


def to_set(items):
    return ['set', list(items)]


class Writer:
    def __init__(self, here):
        self.ops = ['OVN_Southbound']
        self.names = []
        self.ifaces = []
        self.key = 0            # Of the last datapath.
        self.chassis = {HERE: ['uuid', here]}
        self.encaps = {HERE: []}
        for name, encaps in CHASSIS.items():
            self.encaps[name] = [
                self.insert('Encap', chassis_name=name, type=type_, ip=ip)
                for type_, ip in encaps]
            config = {'ovn-chassis-mac-mappings':
                      'physnet1:aa:bb:cc:dd:ee:0' + name[-1]}
            if name == 'az2':
                config['is-remote'] = 'true'
            self.chassis[name] = self.insert(
                'Chassis', name=name, encaps=to_set(self.encaps[name]),
                other_config=to_map(config))

    def insert(self, table, **row):
        name = 'row%d' % len(self.ops)
        self.ops.append({'op': 'insert', 'table': table, 'uuid-name': name,
                         'row': row})
        return ['named-uuid', name]

    def datapath(self, name, kind='logical-switch', **external_ids):
        self.key += 1
        self.names.append((self.key, name))
        external_ids[kind] = '00000000-0000-0000-0000-%012x' % self.key
        return self.insert('Datapath_Binding', tunnel_key=self.key,
                           external_ids=to_map(external_ids))

    def port(self, dp, name, key, type_='', options=(), **row):
        return self.insert('Port_Binding', datapath=dp, logical_port=name,
                           tunnel_key=key, type=type_, up=False,
                           options=to_map(dict(options)), **row)

    def vif(self, dp, name, key, type_='', **row):
        self.ifaces.append(name)
        return self.port(dp, name, key, type_, **row)

    def group(self, dp, name, key, ports):
        self.insert('Multicast_Group', datapath=dp, name=name, tunnel_key=key,
                    ports=to_set(ports))

    def mac(self, key, port=0):
        return to_set(['00:00:00:%02x:%02x:%02x 10.0.0.7'
                       % (port, key >> 8, key & 255)])

    def bound(self, role):
        """The columns that say where a port is, by itself."""
        main, *additional = role.split('+')
        row = {}
        if main != '-':
            row['chassis'] = self.chassis[main]
            if len(self.encaps[main]) > 1:
                row['encap'] = self.encaps[main][self.key % 2]
        if additional:
            row['additional_chassis'] = to_set(self.chassis[name]
                                               for name in additional)
        return row

    def requested(self, role):
        """The same, and that it should be there."""
        main, *additional = role.split('+')
        row = self.bound(role)
        if role != '-':
            row['options'] = {'requested-chassis': role.replace('+', ',')}
        if main != '-':
            row['requested_chassis'] = self.chassis[main]
        if additional:
            row['requested_additional_chassis'] = row['additional_chassis']
        return row

    def switch(self, name, sort):
        """A switch that is local, with an interface and localnet ports:
        returns it and the ports."""
        dp = self.datapath(name)
        ports = [self.vif(dp, 'a-' + name, 1, **self.requested(HERE))]
        return dp, ports + self.localnets(dp, name, sort)

    def localnets(self, dp, name, sort):
        ports = []
        for i, options in enumerate(SWITCHES[sort]):
            options = {'network_name': 'physnet1', **options}
            row = {'tag': options.pop('tag')} if 'tag' in options else {}
            ports.append(self.port(dp, 'ln%d-%s' % (i, name), 2 + i,
                                   'localnet', options, **row))
        return ports

    def patch(self, dp, name, key, type_, options=(), **row):
        """A port that leads to a router of its own."""
        router = self.datapath('router-' + name, 'logical-router')
        mac = to_set(['00:00:01:00:%02x:%02x 10.0.0.1/24'
                      % (self.key >> 8, self.key & 255)])
        peer = self.port(router, 'peer-' + name, 1, type_, mac=mac,
                         options={'peer': name, **dict(options)}, **row)
        self.group(router, '_MC_flood', 0x8000, [peer])
        return self.port(dp, name, key, type_,
                         {'peer': 'peer-' + name, **dict(options)}, **row)

    def ha_group(self, name, chassis):
        members = [self.insert('HA_Chassis', chassis=self.chassis[c],
                               priority=20 - i)
                   for i, c in enumerate(chassis)]
        return self.insert('HA_Chassis_Group', name=name,
                           ha_chassis=to_set(members))

    def add_port(self, dp, name, key, kind, role):
        """A port of 'kind' in 'role', with what it needs: returns them."""
        here = HERE in role
        vif = self.vif if here else self.port
        mac = self.mac(self.key, key)
        if kind in ('vif', 'rarp'):
            row = self.requested(role)
            if kind == 'rarp':
                row['options']['activation-strategy'] = 'rarp'
            return [vif(dp, name, key, mac=mac, **row)]
        if kind == 'container':
            parent = vif(dp, 'parent-' + name, key + 100,
                         **self.requested(role))
            return [parent, self.port(dp, name, key, tag=42,
                                      parent_port='parent-' + name,
                                      **self.bound(role))]
        if kind == 'localport':
            return [vif(dp, name, key, kind)]

        type_, _, variant = kind.partition('-')
        row = self.bound(role)
        options = {}
        if type_ in ('localnet', 'l2gateway'):
            options['network_name'] = ('nowhere' if variant == 'unmapped'
                                       else 'physnet1')
            if variant == 'passthru':
                options['vlan-passthru'] = 'true'
            if type_ == 'l2gateway':
                options['l2gateway-chassis'] = role
            else:
                row['tag'] = 77
        elif type_ == 'virtual':
            options['virtual-ip'] = '10.0.0.7'
            options['virtual-parents'] = 'a-' + name.partition('-')[2]
            row['virtual_parent'] = options['virtual-parents'] if here else ''
        elif type_ == 'external' and role != '-':
            row['ha_chassis_group'] = self.ha_group('ha-' + name, [role])
        elif type_ == 'l3gateway':
            options['l3gateway-chassis'] = role
        if type_ in ('patch', 'l3gateway'):
            return [self.patch(dp, name, key, type_, options, **row)]
        return [self.port(dp, name, key, type_, options, mac=mac, **row)]

    def case(self, kind, role, sort):
        name = '%s/%s/%s' % (kind, role, sort)
        dp, ports = self.switch(name, sort)
        more = self.add_port(dp, 'p-' + name, 5, kind, role)
        # Which tunnel to hv4 groups use is up to the controller.
        if 'hv4' not in role:
            self.group(dp, '_MC_flood', 0x8000, ports + more)
            self.group(dp, '_MC_unknown', 0x8001, more)
            self.group(dp, '_MC_mrouter_flood', 0x8003, more[-1:] + ports[:1])
            self.group(dp, '_MC_static', 0x8004, more[-1:] + ports[-1:])
            self.group(dp, '239.1.1.1', 0xc000, ports[1:] + more)

    def case_of_many(self, role, sort):
        name = 'together/%s/%s' % (role, sort)
        dp, ports = self.switch(name, sort)
        ports += self.add_port(dp, 'p-' + name, 9, 'vif', role)
        key = 10
        for kind, roles in TOGETHER.items():
            for other in roles:
                more = self.add_port(dp, 'p%d-%s' % (key, name), key, kind,
                                     other)
                key += 1
                if 'hv4' not in other:
                    ports += more
        self.group(dp, '_MC_flood', 0x8000, ports)

    def case_of_transit(self):
        """A transit switch between availability zones."""
        dp = self.datapath('transit', **{'interconn-ts': 'ts'})
        ports = [self.vif(dp, 'a-transit', 1, **self.requested(HERE)),
                 self.patch(dp, 'patch-transit', 2, 'patch')]
        ports += self.add_port(dp, 'p-transit', 5, 'remote', 'az2')
        self.group(dp, '_MC_flood', 0x8000, ports)

    def case_of_wrong_datapaths(self):
        """Rows that name a port, and a datapath that is not its own."""
        dp, ports = self.switch('wrong', 'plain')
        patch = self.patch(dp, 'p-wrong', 5, 'patch')
        self.group(dp, '_MC_flood', 0x8000, ports + [patch])
        other, other_ports = self.switch('wrong-too', 'plain')
        self.group(other, '_MC_flood', 0x8000, other_ports + ports)
        for table, ip in (('MAC_Binding', '10.0.0.51'),
                          ('Static_MAC_Binding', '10.0.0.52')):
            for datapath, ip in (dp, ip), (other, 'fd' + ip[-2:] + '::1'):
                self.insert(table, logical_port='peer-p-wrong', ip=ip,
                            mac='00:00:00:00:99:01', datapath=datapath)

    def case_of_gateway(self, role, sort, redirect_type):
        """A router between a switch here and one with a gateway port."""
        name = 'gateway/%s/%s/%s' % (role, sort, redirect_type)
        inside = self.datapath('inside-' + name)
        anchor = self.vif(inside, 'a-' + name, 1, **self.requested(HERE))
        outside = self.datapath('outside-' + name)
        ports = self.localnets(outside, name, sort)
        router = self.datapath(name, 'logical-router')
        mac = to_set(['00:00:02:00:%02x:%02x 10.0.1.1/24'
                      % (self.key >> 8, self.key & 255)])
        cr = 'cr-ro-' + name    # ovn-northd's names.
        pairs = (
            (router, 'ri-' + name, 1, inside, 'ir-' + name, 2, {}),
            (router, 'ro-' + name, 2, outside, 'or-' + name, 9,
             {'chassis-redirect-port': cr}))
        patches = []
        for r, r_name, r_key, s, s_name, s_key, options in pairs:
            patches.append((
                self.port(r, r_name, r_key, 'patch', mac=mac,
                          options={'peer': s_name, **options}),
                self.port(s, s_name, s_key, 'patch', {'peer': r_name})))

        has, *others = role.split('>')
        row = self.bound(has)
        group = [c for c in (has, *others) if c != '-']
        if group:
            row['ha_chassis_group'] = self.ha_group('ha-' + name, group)
        options = {'distributed-port': 'ro-' + name}
        if redirect_type:
            options['redirect-type'] = redirect_type
        port = self.port(router, cr, 3, 'chassisredirect', options, mac=mac,
                         **row)
        self.group(router, '_MC_flood', 0x8000,
                   [patches[0][0], patches[1][0], port])
        self.group(router, '_MC_unknown', 0x8001, [port])
        self.group(router, '_MC_static', 0x8004, [port, patches[0][0]])
        self.group(outside, '_MC_flood', 0x8000, ports + [patches[1][1]])
        self.group(inside, '_MC_flood', 0x8000, [anchor, patches[0][1]])

    def all_cases(self):
        for sort in SWITCHES:
            for kind, roles in PORTS.items():
                for role in roles:
                    self.case(kind, role, sort)
        for sort in ('plain', 'localnet', 'tag', 'unmapped', 'two'):
            for role in TOGETHER_WITH:
                self.case_of_many(role, sort)
        self.case_of_transit()
        self.case_of_wrong_datapaths()
        for sort in ('plain', 'localnet', 'tag', 'two', 'passthru'):
            for redirect_type in REDIRECT_TYPES:
                for role in GATEWAYS:
                    self.case_of_gateway(role, sort, redirect_type)


def write(path, here):
    writer = Writer(here)
    writer.all_cases()
    daemons.transact(path, *writer.ops)
    with open('names', 'w') as f:
        for key, name in writer.names:
            f.write('%#x %s\n' % (key, name))
    with open('ifaces', 'w') as f:
        for i, name in enumerate(writer.ifaces):
            f.write('v%d %s\n' % (i, name))


def is_left_out(line):
    """Is 'line' about what tunnels have no room for?  Stock has such flows
    only on switches with other ports elsewhere, with the cookie of one of
    those: see ovn-physical.at."""
    return re.match(r'table=37, .* actions=check_pkt_larger|'
                    r'table=38, .*\breg9=0x2/0x2\b', line)


def free_choice(name, line):
    """'line' without what a controller is free to choose: which of several
    localnet ports leads elsewhere, and whose cookie what several ports share
    has."""
    if 'conjunction(' in line or 'conj_id=' in line:
        line = re.sub(r', cookie=\S+|conj_id=\w+|(?<=conjunction\()\w+', '',
                      line)
    if name.endswith('/two') or '/two/' in name:
        line = re.sub(r'set_field:0x3(?=->reg15,resubmit\(,(?:40|65)\)$)',
                      'set_field:0x2', line)
    return line


def compare(argv):
    known = stock_faults.pop_known(argv)
    flow_diff = importlib.import_module('flow-diff')
    passing = flow_diff.passing_neighbors(argv)
    with open('names') as f:
        names = dict(line.rstrip('\n').split(' ', 1) for line in f)

    def lines(directory):
        for line in flow_diff.Switch(directory).lines(passing):
            m = re.search(r'\bmetadata=(0x\w+)|set_field:(0x\w+)->metadata',
                          line)
            name = names.get(m[1] or m[2], '?') if m else '?'
            if not is_left_out(line):
                yield free_choice(name, line), name

    where = {}
    counters = []
    for directory in argv:
        flows = list(lines(directory))
        where.update(flows)
        counters.append(collections.Counter(line for line, _ in flows))
    stock, ours = counters[0] - counters[1], counters[1] - counters[0]
    seen = stock_faults.excuse(stock, ours)
    for sign, counter in ('-', stock), ('+', ours):
        for line in sorted(+counter, key=lambda line: (where[line], line)):
            print(sign, where[line], line)
    unseen = stock_faults.report_unseen(known, seen)
    sys.exit(1 if +stock or +ours or unseen else 0)


def main(argv):
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    if len(argv) == 4 and argv[1] == 'write':
        write(argv[2], argv[3])
    elif len(argv) >= 4 and argv[1] == 'compare':
        compare(argv[2:])
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main(sys.argv)
