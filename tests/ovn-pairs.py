#! /usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Tries features in pairs: ours and stock make the same of them.

    ovn-pairs.py [OPTION]... DIR

DIR/stock and DIR/ours are two deployments that pairs_deployments
(ovn-pairs.at) has made: they differ in nothing but their controllers.  Both
get the same configurations, in which every two values of the factors in
pairs_table.py meet at least once.  They are chosen by the seed.  Each is set
up, changed, changed back, and removed, many at a time, each with addresses,
keys and names of its own.  After each step both deployments must have the
same flows, groups and meters in each switch, and the same rows in the
southbound and in the local databases.  And until they are removed, the same
becomes of a packet or two: see pairs_packets.py.

Where they differ, stock is asked for a recompute: what differs before and
after it is reported, for each configuration, except for what stock_faults.py
lists.  Lines with "-" are stock's, with "+" ours.  To see one again, alone:
--seed SEED --cases NUMBER, or --case with what it is made of.  --known NAME,
as of flow-diff.py, fails if there was no difference by that fault of stock's.
"""

import argparse
import collections
import concurrent.futures
import importlib.util
import os
import random
import re
import sys
import time
import zlib

import daemons
import pairs_packets
import pairs_table
import stock_faults
from daemons import Failure, run
from pairs_table import FACTORS, HOSTS

TIMEOUT = int(os.environ.get('OVN_TEST_TIMEOUT') or 60)
# Seconds in which a difference may go away.
PATIENCE = 8
PHASES = ('set up', 'change', 'change back', 'removal')


def load(name, file):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), file)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


flow_diff = load('flow_diff', 'flow-diff.py')


# ----------------------------------------------------------------------
# Pairs.

class Cover:
    """Choices of values in which all pairs meet.  Values are numbers here,
    those of one factor after those of the other."""

    def __init__(self, rng):
        self.rng = rng
        self.values = [(f, v) for f in FACTORS for v in FACTORS[f]]
        number = {value: i for i, value in enumerate(self.values)}
        self.factors = [[number[f, v] for v in FACTORS[f]] for f in FACTORS]
        self.factor = [list(FACTORS).index(f) for f, v in self.values]
        excluded = {frozenset((number[a], number[b]))
                    for a, b in pairs_table.excluded_pairs()}
        # Which values go with a value.
        self.fits = [{j for j in range(len(self.values))
                      if self.factor[i] != self.factor[j]
                      and frozenset((i, j)) not in excluded}
                     for i in range(len(self.values))]
        self.left = [set() for _ in self.values]
        for i, fits in enumerate(self.fits):
            for j in fits:
                if self.possible(i, j):
                    self.left[i].add(j)

    def possible(self, i, j):
        """Is there a value of each other factor that fits both?"""
        both = self.fits[i] & self.fits[j]
        return all(both & set(values)
                   for f, values in enumerate(self.factors)
                   if f not in (self.factor[i], self.factor[j]))

    def fill(self, chosen, rest):
        """Adds values of the factors 'rest' to 'chosen', those first that
        meet others for the first time.  None if it cannot be done."""
        if not rest:
            return chosen
        ways = [(-len(self.left[v] & chosen), self.rng.random(), v)
                for v in self.factors[rest[0]] if chosen <= self.fits[v]]
        for _, _, value in sorted(ways):
            filled = self.fill(chosen | {value}, rest[1:])
            if filled:
                return filled
        return None

    def gain(self, chosen):
        return sum(len(self.left[v] & chosen) for v in chosen)

    def candidate(self, i, j):
        rest = [f for f in range(len(self.factors))
                if f not in (self.factor[i], self.factor[j])]
        self.rng.shuffle(rest)
        return self.fill({i, j}, rest)

    def choices(self):
        """The choices, a dict each; those first that have the most pairs."""
        pairs = [(i, j) for i, left in enumerate(self.left)
                 for j in left if i < j]
        self.rng.shuffle(pairs)
        for i, j in pairs:
            if j not in self.left[i]:
                continue
            tries = [c for c in (self.candidate(i, j) for _ in range(4)) if c]
            if not tries:
                # What the one needs excludes what the other needs.
                continue
            best = max(tries, key=self.gain)
            for value in best:
                self.left[value] -= best
            yield dict(self.values[v] for v in sorted(best))


# ----------------------------------------------------------------------
# A deployment.

class Side:
    """One of the deployments."""

    def __init__(self, directory):
        self.dir = directory
        self.name = os.path.basename(directory)
        self.central = os.path.join(directory, 'central')
        self.env = dict(os.environ,
                        OVN_NB_DB='unix:%s/nb.sock' % self.central,
                        OVN_SB_DB='unix:%s/sb.sock' % self.central)
        self.maps = {(c, k): {} for c in HOSTS for k in
                     ('ovn-bridge-mappings', 'ovn-chassis-mac-mappings')}

    def chassis_env(self, chassis):
        where = os.path.join(self.dir, chassis)
        return dict(self.env, OVS_RUNDIR=where, OVS_DBDIR=where,
                    OVS_LOGDIR=where)

    def ctl(self, chassis, daemon, *args):
        if daemon == 'controller':
            with open(os.path.join(self.dir, chassis,
                                   'controller.pid')) as f:
                daemon = 'ovn-controller.%s' % f.read().strip()
        return daemons.call(os.path.join(self.dir, chassis, daemon + '.ctl'),
                            *args, timeout=TIMEOUT)

    def nbctl(self, *args):
        return run('ovn-nbctl', '--timeout=%d' % TIMEOUT, *args, env=self.env)

    def sbctl(self, *args):
        return run('ovn-sbctl', '--timeout=%d' % TIMEOUT, *args, env=self.env)

    def sync(self):
        """Until everything that is in the databases is in the switches.  The
        second time is for what the controllers have written."""
        try:
            self.nbctl('--wait=hv', 'sync')
            self.nbctl('--wait=hv', 'sync')
        except Failure:
            for chassis in HOSTS:
                self.ctl(chassis, 'controller', 'version')
            raise

    def apply(self, ops):
        """Does the steps 'ops'; returns when all is in the switches."""
        by_kind = collections.defaultdict(list)
        for op in ops:
            by_kind[op.kind].append(op.args)
        for kind in 'nb', 'nb2':
            if by_kind[kind]:
                self.nbctl('--wait=sb', *join(by_kind[kind]))
        if by_kind['sb']:
            self.sbctl(*join(by_kind['sb']))
        if by_kind['row']:
            daemons.transact(os.path.join(self.central, 'sb.sock'),
                             'OVN_Southbound', *[op for op, in by_kind['row']])
        for chassis, key, net, bridge in by_kind['map']:
            self.maps[chassis, key].pop(net, None)
            if bridge:
                self.maps[chassis, key][net] = bridge
        for chassis in HOSTS:
            commands = [[a.replace('{base}', self.dir) for a in args[1:]]
                        for args in by_kind['vs'] if args[0] == chassis]
            if by_kind['map']:
                commands += [self.map_command(chassis, key)
                             for c, key in self.maps if c == chassis]
            if commands:
                run('ovs-vsctl', '--timeout=%d' % TIMEOUT, *join(commands),
                    env=self.chassis_env(chassis))
        self.sync()

    def configure(self, keys):
        """{chassis: external_ids of Open_vSwitch}; what was set in that way
        before, and is not there, is as it was at first."""
        for chassis in HOSTS:
            ids = dict({'ovn-encap-ip': '192.168.0.' + chassis[2:],
                        'ovn-encap-type': 'geneve',
                        'ovn-monitor-all': 'false'}, **keys.get(chassis, {}))
            run('ovs-vsctl', 'set', 'Open_vSwitch', '.', *[
                'external_ids:%s="%s"' % item for item in ids.items()],
                env=self.chassis_env(chassis))
            for peer, ip in pairs_table.ENCAP_IPS.items():
                if peer != chassis:
                    self.ctl(chassis, 'vswitchd', 'tnl/arp/set', 'br-phys',
                             ip, 'aa:bb:cc:00:00:0' + peer[2:])
        self.sync()

    def map_command(self, chassis, key):
        pairs = self.maps[chassis, key]
        if not pairs:
            return ['remove', 'Open_vSwitch', '.', 'external_ids', key]
        return ['set', 'Open_vSwitch', '.', 'external_ids:%s="%s"' % (
            key, ','.join('%s:%s' % p for p in sorted(pairs.items())))]

    def remove_all(self, cases):
        tables = ('Logical_Switch', 'Logical_Router', 'Load_Balancer',
                  'Port_Group', 'Address_Set', 'DHCP_Options',
                  'Meter', 'Static_MAC_Binding')
        commands = [('--all', 'destroy', table) for table in tables]
        commands += [('clear', 'Chassis_Template_Var', c, 'variables')
                     for c in HOSTS]
        self.nbctl(*join(commands))
        self.nbctl('--wait=sb', '--all', 'destroy', 'HA_Chassis_Group')
        self.sbctl('--', *join([('--all', 'destroy', 'MAC_Binding'),
                                ('--all', 'destroy', 'FDB')]))
        for pairs in self.maps.values():
            pairs.clear()
        for chassis in HOSTS:
            env = self.chassis_env(chassis)
            commands = [self.map_command(chassis, key)
                        for c, key in self.maps if c == chassis]
            ports = run('ovs-vsctl', 'list-ports', 'br-int',
                        env=env).split()
            bridges = run('ovs-vsctl', 'list-br', env=env).split()
            commands += [['--if-exists', 'del-port', 'br-int', p]
                         for p in ports if re.match(r'c\d', p)]
            commands += [['del-br', b] for b in bridges
                         if re.match(r'c\d', b)]
            run('ovs-vsctl', *join(commands), env=env)
        self.sync()

    # Looking at it.

    def tables(self, path, database, *names):
        """{table: {uuid: row}}"""
        ops = [{'op': 'select', 'table': n, 'where': []} for n in names]
        result = daemons.transact(path, database, *ops)
        return {name: {row['_uuid'][1]: row for row in r['rows']}
                for name, r in zip(names, result)}

    def snapshot(self):
        return Snapshot(self)

    def packets(self, cases):
        hosts = {chassis: Host(self, chassis) for chassis in HOSTS}
        try:
            return pairs_packets.Packets(hosts, cases)
        finally:
            for host in hosts.values():
                host.daemon.close()


def join(commands):
    args = []
    for command in commands:
        args += ['--', *command]
    return args[1:]


class Host:
    """A chassis's switch, for packets."""

    def __init__(self, side, chassis):
        where = os.path.join(side.dir, chassis)
        ovs = side.tables(os.path.join(where, 'ovsdb.sock'), 'Open_vSwitch',
                          'Bridge', 'Port', 'Interface')
        self.ports = {
            (bridge['name'], ovs['Interface'][interface]['name']):
            ovs['Interface'][interface]['ofport']
            for bridge in ovs['Bridge'].values()
            for interface in of_bridge(ovs, bridge['name'])
            # Those that are in the switch.
            if ovs['Interface'][interface]['ofport'] not in (-1, ['set', []])}
        datapaths = side.tables(os.path.join(side.central, 'sb.sock'),
                                'OVN_Southbound', 'Datapath_Binding')
        names = {uuid: dict(row['external_ids'][1]).get('name', '?')
                 for uuid, row in datapaths['Datapath_Binding'].items()}
        ids = next(plain(b['external_ids']) for b in ovs['Bridge'].values()
                   if b['name'] == 'br-int')
        # By the last name of those that share it.
        self.zones = {zone: name for name, zone in sorted(
            (re.sub(r'[0-9a-f]{8}-[0-9a-f-]{27}',
                    lambda m: names.get(m.group(), m.group()),
                    key[len('ct-zone-'):]), int(value))
            for key, value in ids.items() if key.startswith('ct-zone-'))}
        self.daemon = daemons.Rpc(os.path.join(where, 'vswitchd.ctl'),
                                  timeout=TIMEOUT)


def of_bridge(ovs, name):
    """The UUIDs of a bridge's interfaces."""
    bridge = next(b for b in ovs['Bridge'].values() if b['name'] == name)
    return {interface for port in as_list(bridge['ports'])
            for interface in as_list(ovs['Port'][port]['interfaces'])}


# ----------------------------------------------------------------------
# What a deployment has.

SB_TABLES = ('Chassis', 'Encap', 'Datapath_Binding', 'Port_Binding',
             'Logical_Flow', 'Load_Balancer', 'MAC_Binding', 'FDB',
             'Static_MAC_Binding', 'HA_Chassis_Group', 'Gateway_Chassis',
             'Multicast_Group')
# Columns that are free; of tables that are not listed, nothing is compared.
SB_COMPARED = {
    'Chassis': ('_uuid', '_version', 'nb_cfg'),
    'Encap': ('_uuid', '_version'),
    'Port_Binding': ('_uuid', '_version', 'external_ids'),
}
# What later releases can do, and ours says that it can, too.
LATER_FEATURES = ('ct-commit-nat-v2', 'ct-commit-to-zone', 'ct-next-zone',
                  'ct-state-save', 'fdb-timestamp', 'ls-dpg-column',
                  'ovn-sample-with-registers')
# Of what is learned from packets, stock's announcements among them, only that
# is compared which is configured: get_mac_bind(), lookup_mac_bind(),
# lookup_fdb(), get_fdb().
LEARNED = re.compile(r' table=(66|67|71|72),')
OURS = re.compile(r'(?:=|set_field:)0e:')
OVS_TABLES = ('Bridge', 'Port', 'Interface', 'QoS', 'Queue')
OVS_COMPARED = {
    'Bridge': ('name', 'external_ids'),
    'Port': ('name', 'external_ids', 'tag', 'qos', 'interfaces'),
    'Interface': ('name', 'type', 'external_ids', 'options', 'ofport'),
}


# ovn-northd numbers the queues of a chassis in the order of UUIDs.
QUEUE = re.compile(r'(\bqdisc_queue_id=|\bset_queue[:(])\d+')
# Where OpenFlow port numbers are.
PORT = re.compile(r'(\bin_port=|\boutput:|\bmembers:)([0-9,]+)')
# What a packet is output to, and by which tunnel.
OUTPORT = re.compile(r'\breg15=0x\w+,metadata=0x\w+')
TUNNEL = re.compile(r'(\bovn-hv\d)-\d\b')


def as_list(value):
    value = plain(value)
    return value if isinstance(value, list) else [value]


def plain(value):
    """A column's value without OVSDB's notation."""
    if isinstance(value, list) and len(value) == 2:
        kind, content = value
        if kind == 'uuid':
            return content
        if kind == 'set':
            return [plain(v) for v in content]
        if kind == 'map':
            return {plain(k): plain(v) for k, v in content}
    return value


class Switch(flow_diff.Switch):
    """Without what depends on the order of UUIDs, which are others here."""

    @staticmethod
    def name_conjunctions(flows):
        """One conjunction is shared by all configurations: that of the
        chassis' MACs in table 0.  Its id does not count, nor does which of two
        routers' MACs replaces them."""
        def free(flow):
            if flow.table == 0 and 'conj' in flow.match + flow.actions:
                return flow._replace(
                    cookie=0, match=CONJUNCTION.sub(r'\1chassis', flow.match),
                    actions=ROUTER_MAC.sub('router', CONJUNCTION.sub(
                        r'\1chassis', flow.actions)))
            if flow.table in (39, 40) and 'reg15=0x8' in flow.match:
                return flow._replace(actions=in_order(flow.actions))
            return flow
        flows = [free(flow) for flow in
                 flow_diff.Switch.name_conjunctions(merge_clauses(flows))]
        # A multicast group without members here, or without tunnels to them,
        # which stock resubmits to.
        flows = [flow for flow in flows
                 if not re.match(r'set_field:0x8\w+->reg15'
                                 r'(?:,resubmit\(,40\))?$', flow.actions)]
        members = {flow.match for flow in flows if flow.table == 40}
        return [flow if flow.table != 39 or 'reg15=0x8' not in flow.match
                or flow.match in members
                else flow._replace(actions=re.sub(
                    r',resubmit\(,40\)$', '', flow.actions))
                for flow in flows]


def merge_clauses(flows):
    """Without clauses of three that are but one flow: what that matches may as
    well stand in the flows of the other two.  That is what is left of a port
    group's clause in stock when the flow of an external port on a standby
    chassis does not count (see irrelevant())."""
    def conjunction(flow):
        m = CONJ_ACTION.fullmatch(flow.actions) or CONJ_ID.search(flow.match)
        return (flow.table, re.search(r'\bmetadata=\w+', flow.match)[0],
                m[1]) if m and 'metadata' in flow.match else None

    def sorted_fields(fields):
        return ','.join(sorted(fields))

    parts = collections.defaultdict(list)
    for flow in flows:
        if conjunction(flow):
            parts[conjunction(flow)].append(flow)
    merged = [flow for flow in flows if not conjunction(flow)]
    for part in parts.values():
        clauses = collections.defaultdict(list)
        for flow in part:
            m = CONJ_ACTION.fullmatch(flow.actions)
            clauses[m and m[2]].append(flow)
        single = [clause for clause, its in clauses.items()
                  if clause and len(its) == 1]
        drop = single[0] if len(clauses) == 4 and len(single) == 1 else None
        fields = clauses[drop][0].match.split(',') if drop else []
        number = 0
        for clause in sorted(clauses, key=str):
            if clause and clause == drop:
                continue
            number += clause is not None
            for flow in clauses[clause]:
                match = sorted_fields(set(flow.match.split(',') + fields))
                merged.append(flow._replace(
                    match=match, actions=re.sub(
                        r'\d/3\)$', '%d/2)' % number, flow.actions)
                    if clause and drop else flow.actions))
    return merged


CONJ_ACTION = re.compile(r'conjunction\((\d+),(\d)/\d\)')
CONJ_ID = re.compile(r'\bconj_id=(\d+)')
CONJUNCTION = re.compile(r'(conj_id=|conjunction\()[0-9a-f]{12}')
ROUTER_MAC = re.compile(r'02:[0-9a-f]{2}:00:00:0[17]:[01][12](?=->eth_src)')


def in_order(actions):
    """A multicast group's actions with its members in order, each with its
    port's registers, of which the last value counts."""
    actions = OUTPUTS.sub(lambda m: ','.join(sorted(m.group().split(','))),
                          actions)
    *members, rest = MEMBER_END.sub(r'\1\n', actions).split('\n')
    # A zone that no member follows is of no use.
    rest = re.sub(r'set_field:<[^>]*>->reg13,', '', rest)
    return ','.join(sorted(one_value(m) for m in members) + [one_value(rest)])


OUTPUTS = re.compile(r'output:[^,]*(?:,output:[^,]*)+')
MEMBER_END = re.compile(r'(resubmit\(,41\)|output:[^,]*),')


def one_value(actions):
    words = actions.split(',')
    targets = [re.sub(r'.*->', '', w) if w.startswith('set_field:') else None
               for w in words]
    return ','.join(w for i, w in enumerate(words)
                    if not targets[i] or targets[i] not in targets[i + 1:])


class Snapshot:
    """Lines of text: {chassis or 'rows': Counter}."""

    # See pairs_packets.py.
    special = frozenset()

    def __init__(self, side):
        self.side = side
        self.cookies = {}
        self.names = {}
        path = os.path.join(side.central, 'sb.sock')
        tables = side.tables(path, 'OVN_Southbound', *SB_TABLES)
        self.learn_names(tables)
        # The cookies of logical flows.
        self.flows = {'0x%x' % number(self.names[uuid])
                      for uuid in tables['Logical_Flow']}
        self.is_irrelevant = self.irrelevant(tables)
        keys = {uuid: row['tunnel_key']
                for uuid, row in tables['Datapath_Binding'].items()}
        self.preferred = {
            'reg15=0x%x,metadata=0x%x' % (row['tunnel_key'],
                                          keys[row['datapath'][1]])
            for row in tables['Port_Binding'].values()
            if as_list(row['encap']) and not as_list(
                row['additional_chassis'])}
        for row in tables['Chassis'].values():
            row['other_config'] = {
                k: v for k, v in plain(row['other_config']).items()
                if k not in LATER_FEATURES}
        for row in tables['Port_Binding'].values():
            row['binding'] = '%s, chassis %s, up %s' % (
                row['type'] or 'vif',
                self.names.get(as_list(row['chassis'])[0], 'none')
                if as_list(row['chassis']) else 'none', row.pop('up'))
            del row['type'], row['chassis']
        self.lines = {'southbound': collections.Counter(
            line for table, skipped in SB_COMPARED.items()
            for uuid, row in tables[table].items()
            for line in self.row(self.names[uuid], row, [
                c for c in row if c not in skipped]))}
        for chassis in HOSTS:
            self.lines[chassis] = self.of_switch(chassis)

    @staticmethod
    def ports_in_flows(tables, port_type, register, second_on=None):
        """What a match has for ports of a type; with the UUID 'second_on' for
        those whose second chassis that is."""
        keys = {uuid: row['tunnel_key']
                for uuid, row in tables['Datapath_Binding'].items()}
        return {'%s=0x%x,metadata=0x%x' % (
            register, row['tunnel_key'], keys[row['datapath'][1]])
                for row in tables['Port_Binding'].values()
                if row['type'] == port_type and (
                    not second_on
                    or second_on in as_list(row['additional_chassis']))}

    def irrelevant(self, tables):
        """Flows that no packet comes by: about packets from external ports, or
        to one in the egress pipeline, which are their localnet port's there;
        stock has them on standby chassis, too.  To a localnet port whose
        network the chassis is not on: stock has them go to another network.
        Stock does without port security on the second chassis of a port."""
        second = {row['name']: self.ports_in_flows(tables, '', 'reg14', uuid)
                  | self.ports_in_flows(tables, '', 'reg15', uuid)
                  for uuid, row in tables['Chassis'].items()}
        external = (self.ports_in_flows(tables, 'external', 'reg14')
                    | self.ports_in_flows(tables, 'external', 'reg15'))
        localnet = self.ports_in_flows(tables, 'localnet', 'reg15')

        def test(line, chassis):
            m = re.search(r' table=(\d+), .*(reg1[45]=0x\w+,metadata=0x\w+)',
                          line)
            if not m:
                return False
            table = int(m.group(1))
            # Compared elsewhere: errors for packets that are too large for
            # the tunnel to a second chassis of a port.
            if table in (37, 38) and ('check_pkt_larger' in line
                                      or 'reg9=0x2/0x2' in line):
                return True
            if table in (73, 74, 75) and m.group(2) in second[chassis]:
                return True
            return (m.group(2) in external and table not in range(32, 42)
                    or table == 40 and m.group(2) in localnet
                    and line.endswith('->reg15,resubmit(,40)'))
        return test

    def learn_names(self, tables):
        def ext(row):
            return dict(row['external_ids'][1])
        flow = '%(pipeline)s %(table_id)s %(priority)s %(match)s ' \
            '%(actions)s'
        ways = {
            'Chassis': lambda r: r['name'],
            'Encap': lambda r: r['type'] + ' ' + r['ip'],
            'Datapath_Binding': lambda r: ext(r).get('name', '?'),
            'Port_Binding': lambda r: r['logical_port'],
            'Logical_Flow': lambda r: flow % r,
            'Load_Balancer': lambda r: r['name'],
            'MAC_Binding': lambda r: r['logical_port'] + ' ' + r['ip'],
            'Static_MAC_Binding': lambda r: r['logical_port'],
            'FDB': lambda r: r['mac'],
            'HA_Chassis_Group': lambda r: r['name'],
            'Gateway_Chassis': lambda r: r['name'],
        }
        for table, way in ways.items():
            for uuid, row in tables[table].items():
                self.names[uuid] = '%s %s' % (table, way(row))
        for uuid, row in tables['Multicast_Group'].items():
            self.names[uuid] = 'Multicast_Group %s %s' % (
                self.names.get(row['datapath'][1]), row['name'])
        self.names = {uuid: QUEUE.sub(r'\1N', name)
                      for uuid, name in self.names.items()}
        for uuid, name in self.names.items():
            self.cookies[int(uuid[:8], 16)] = name

    def row(self, name, row, columns):
        """Lines, one for each column."""
        def text(value):
            if isinstance(value, dict):
                return '{%s}' % ', '.join(
                    '%s=%s' % (k, text(v)) for k, v in sorted(value.items()))
            if isinstance(value, list):
                return '[%s]' % ', '.join(sorted(text(v) for v in value))
            return self.names.get(value, value) if isinstance(value, str) \
                else str(value)
        return ['%s %s=%s' % (name, c, QUEUE.sub(r'\1N', text(plain(row[c]))))
                for c in columns]

    def of_switch(self, chassis):
        side = self.side
        env = side.chassis_env(chassis)
        where = os.path.join(side.dir, chassis)
        ovs = side.tables(os.path.join(where, 'ovsdb.sock'), 'Open_vSwitch',
                          *OVS_TABLES)
        out = os.path.join(where, 'dump')
        os.makedirs(out, exist_ok=True)

        def write(name, text):
            with open(os.path.join(out, name), 'w') as f:
                f.write(text)
        flows = run('ovs-ofctl', '-O', 'OpenFlow15', '--no-stats',
                    '--no-names', 'dump-flows', 'br-int', env=env)
        flows = ''.join(line + '\n' for line in flows.splitlines()
                        if (not LEARNED.search(line) or OURS.search(line))
                        and not self.is_irrelevant(line, chassis))
        flows = QUEUE.sub(r'\1N', flows)
        flows = re.sub(r'cookie=0x([0-9a-f]+)', self.cookie, flows)
        ours = of_bridge(ovs, 'br-int')
        ports = {str(row['ofport']): row['name']
                 for row in ovs['Interface'].values()
                 if row['_uuid'][1] in ours}
        flows = PORT.sub(lambda m: m.group(1) + re.sub(
            r'\d+', lambda n: ports.get(n.group(0), n.group(0)),
            m.group(2)), flows)
        write('flows', ''.join(self.any_tunnel(line) + '\n'
                               for line in flows.splitlines()))
        for what in 'groups', 'meters':
            write(what, run('ovs-ofctl', '-O', 'OpenFlow15',
                            'dump-' + what, 'br-int', env=env))
        lines = []
        for table, columns in OVS_COMPARED.items():
            for uuid, row in ovs[table].items():
                self.local_row(ovs, table, row, lines, write)
        return collections.Counter(Switch(out).lines() + lines)

    def any_tunnel(self, line):
        """Which of several tunnels to a chassis is used is free, unless the
        port asks for one.  (Stock does not follow additional_encap.)"""
        m = OUTPORT.search(line)
        if m and m.group() not in self.preferred:
            line = TUNNEL.sub(r'\1', line)
        return line

    def cookie(self, match):
        """A flow's cookie, by what it is about: the same on both sides."""
        name = self.cookies.get(int(match.group(1), 16), match.group(1))
        return 'cookie=0x%x' % number(name)

    def local_row(self, ovs, table, row, lines, write):
        row = {c: plain(row[c]) for c in OVS_COMPARED[table]}
        ids = row['external_ids']
        for key in ('ovn-installed-ts', 'ovn-nb-cfg', 'ovn-nb-cfg-ts',
                    'ovn-startup-ts'):
            ids.pop(key, None)
        if table == 'Bridge':
            zones = {k: v for k, v in ids.items()
                     if k.startswith('ct-zone-')}
            row['external_ids'] = {k: v for k, v in ids.items()
                                   if k not in zones}
            zones = {re.sub(r'[0-9a-f]{8}-[0-9a-f-]{27}',
                            lambda m: self.names.get(m.group(0), m.group(0)),
                            k): v for k, v in zones.items()}
            if row['name'] == 'br-int':
                write('zones', ''.join('%s=%s\n' % z
                                       for z in sorted(zones.items())))
        if table == 'Port':
            row['interfaces'] = len(row['interfaces']) \
                if isinstance(row['interfaces'], list) else 1
            if row['qos']:
                row['qos'] = self.queues(ovs, row['qos'])
        if table == 'Interface':
            del row['ofport']
            row['options'] = {k: v for k, v in row['options'].items()
                              if 'pcap' not in k and 'stream' not in k}
        lines += self.row('%s %s' % (table, row.pop('name')), row, list(row))

    def queues(self, ovs, uuid):
        qos = ovs['QoS'].get(uuid)
        if not qos:
            return 'none'
        return [sorted(plain(ovs['Queue'][q]['other_config']).items())
                for q in plain(qos['queues']).values() if q in ovs['Queue']]


def number(name):
    return zlib.crc32(name.encode()) or 1


def compare(stock, ours, ignored, seen):
    """{place: (only stock's, only ours)}, without known faults, whose names go
    into 'seen'."""
    found = {}
    for host, packet, tunnel, _ in stock.special ^ ours.special:
        # What becomes of it there, and on the chassis that it goes on to.
        here = '%s%s -> ' % (packet, tunnel)
        then = '%s from %s' % (packet, host)
        for place, lines in [*stock.lines.items(), *ours.lines.items()]:
            for line in list(lines):
                if line.startswith(then) or (place == host + ' packets'
                                             and line.startswith(here)):
                    del lines[line]
    for place in stock.lines:
        a = stock.lines[place] - ours.lines[place]
        b = ours.lines[place] - stock.lines[place]
        # Of two logical flows that both sides have, a flow may be either's.
        flow_diff.excuse_cookies(
            a, b, dict.fromkeys(stock.flows & ours.flows, ('any',)))
        seen |= stock_faults.excuse(a, b)
        for line in ignored[place]:
            a.pop(line, None)
            b.pop(line, None)
        a, b = +a, +b
        if a or b:
            found[place] = (a, b)
    return found


def in_both(first, second):
    """Differences that are in both."""
    found = {}
    for place in first.keys() & second.keys():
        a, b = (x & y for x, y in zip(first[place], second[place]))
        if a or b:
            found[place] = (a, b)
    return found


# ----------------------------------------------------------------------
# Running it.

class Run:
    def __init__(self, args):
        self.args = args
        self.sides = [Side(os.path.join(args.dir, name))
                      for name in ('stock', 'ours')]
        self.pool = concurrent.futures.ThreadPoolExecutor(2)
        self.ignored = collections.defaultdict(set)
        self.failed = set()
        self.seen = set()
        self.incremental = 0

    def each(self, function):
        return list(self.pool.map(function, self.sides))

    def prepare(self):
        """Chassis that others look after."""
        def add(side):
            side.sbctl('--may-exist', 'chassis-add', 'remote', 'geneve',
                       '192.168.0.101', '--', 'set', 'Chassis', 'remote',
                       'other_config:is-remote=true', '--', '--may-exist',
                       'chassis-add', 'vtep', 'vxlan', '192.168.0.102')
            side.sync()
        self.each(add)

    def settle(self, look):
        """Compares what 'look' finds on each side, until nothing differs or
        patience ends; then once more after a recompute of stock's."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = compare(*self.each(look), self.ignored, self.seen)
            if not found:
                return {}
            if time.monotonic() > deadline:
                break
            self.each(Side.sync)
        for chassis in HOSTS:
            self.sides[0].ctl(chassis, 'controller', 'inc-engine/recompute')
        self.each(Side.sync)
        before, found = found, compare(*self.each(look),
                                       self.ignored, self.seen)
        found = in_both(before, found)
        if self.args.verbose and found != before:
            gone = [line for place, lines in before.items()
                    for line in set(lines[0] + lines[1])
                    - set(sum(found.get(place, ()), collections.Counter()))]
            print('    stock mended by a recompute: %d, e.g. %s'
                  % (len(gone), ''.join(gone[:1])))
        self.incremental += found != before
        return found

    def configure(self, keys):
        """Gives the chassis keys of their own, and those of before back to
        the others."""
        self.each(lambda side: side.configure(keys))

    def batch(self, cases):
        """Returns whether to go on with the next one."""
        host, = {case.choice['host'] for case in cases}
        self.configure(pairs_table.HOST_KEYS[host])
        for phase, name in enumerate(PHASES):
            if phase < len(cases[0].phases):
                ops = [op for case in cases for op in case.phases[phase]]
                self.each(lambda side: side.apply(ops))
            else:
                self.each(lambda side: side.remove_all(cases))
            started = time.monotonic()
            found = self.settle(Side.snapshot)
            if phase < len(cases[0].phases):
                found.update(self.settle(lambda side: side.packets(cases)))
            if self.args.verbose:
                print('%s compared in %.1f s' % (
                    name, time.monotonic() - started), flush=True)
            self.report(cases, name, found)
            if not self.args.keep_going and found:
                return False
        return True

    def report(self, cases, phase, found):
        """Says what differs, case by case, and not again."""
        by_case = collections.defaultdict(list)
        slots = {case.slot: case for case in cases}
        names = {case.name: case for case in cases}
        for place, (a, b) in found.items():
            for sign, counter in (('-', a), ('+', b)):
                for line in counter:
                    case = whose(line, slots, names)
                    by_case[case].append('%s %s %s' % (place, sign, line))
                    self.ignored[place].add(line)
        for case, lines in by_case.items():
            print('%s, %s:' % (case or 'no configuration', phase))
            self.failed.add(case)
            lines.sort(key=lambda line: line.split(' ', 2)[2])
            for line in lines[:self.args.lines]:
                print('    ' + line)
            if len(lines) > self.args.lines:
                print('    and %d more' % (len(lines) - self.args.lines))
        sys.stdout.flush()


def whose(line, slots, names):
    """The case that 'line' is about, by a name in it or by its datapath."""
    m = re.search(r'\b(c\d+)-', line)
    if m and m.group(1) in names:
        return names[m.group(1)]
    for m in re.finditer(r'(?:metadata=|set_field:)(0x[0-9a-f]+)', line):
        case = slots.get(int(m.group(1), 16) // 16)
        if case:
            return case
    m = re.search(r'\b(?:10\.|172\.\d+\.)(\d+)\.\d', line)
    return slots.get(int(m.group(1))) if m else None


def numbers(text):
    """"1-3,7" as a set."""
    chosen = set()
    for part in text.split(','):
        first, _, last = part.partition('-')
        chosen.update(range(int(first), int(last or first) + 1))
    return chosen


def choice(text):
    """One configuration, of which 'text' says what is not the default."""
    values = {f: 'same' if f == 'other' else
              'vif' if f == 'type' else 'none' for f in FACTORS}
    for part in text.split(','):
        factor, _, value = part.partition('=')
        if value not in FACTORS.get(factor, ()):
            raise argparse.ArgumentTypeError('no such value: ' + part)
        values[factor] = value
    return values


def main():
    known = stock_faults.pop_known(sys.argv)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--cases', type=numbers, help='e.g. 1-20,33')
    parser.add_argument('--case', type=choice, action='append',
                        metavar='FACTOR=VALUE,...', help='this one instead')
    parser.add_argument('--batch', type=int, default=40,
                        help='how many at a time')
    parser.add_argument('--lines', type=int, default=10,
                        help='how many differences of each to print')
    parser.add_argument('--list', action='store_true',
                        help='print the configurations, do nothing')
    parser.add_argument('--commands', action='store_true',
                        help='with --list, print their commands, too')
    parser.add_argument('--keep-going', action='store_true',
                        help='after a difference')
    parser.add_argument('--verbose', action='store_true')
    parser.add_argument('dir', metavar='DIR', nargs='?')
    args = parser.parse_args()

    choices = args.case or list(Cover(random.Random(args.seed)).choices())
    chosen = [i for i in range(1, len(choices) + 1)
              if not args.cases or i in args.cases]
    print('seed %d, %d of %d configurations'
          % (args.seed, len(chosen), len(choices)), flush=True)
    # Those of a batch share the chassis.
    by_host = [[i for i in chosen if choices[i - 1]['host'] == host]
               for host in FACTORS['host']]
    batches = [some[i:i + args.batch] for some in by_host
               for i in range(0, len(some), args.batch)]
    batches = [[pairs_table.Case(number, slot + 1, choices[number - 1])
                for slot, number in enumerate(batch)] for batch in batches]
    if args.list:
        for case in sum(batches, []):
            print(case)
            for phase, ops in zip(PHASES, case.phases):
                for op in ops if args.commands else ():
                    print('    %s: %s %s' % (phase, op.kind,
                                             ' '.join(map(str, op.args))))
        return 0
    run_ = Run(args)
    run_.prepare()
    for cases in batches:
        if not run_.batch(cases):
            break
    print('%d of %d configurations differ; stock mended %d steps by a '
          'recompute' % (len(run_.failed), len(chosen), run_.incremental))
    unseen = stock_faults.report_unseen(known, run_.seen)
    return 1 if run_.failed or unseen else 0


if __name__ == '__main__':
    sys.exit(main())
