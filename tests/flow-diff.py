#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Compares what two controllers have made of a switch, flow for flow.

    flow-diff.py [--known NAME]... A B

A, stock, and B, ours, are directories with what dump_switch (ovn-macros.at)
has written:

    flows    ovs-ofctl -O OpenFlow15 --no-stats dump-flows
    groups   ovs-ofctl -O OpenFlow15 dump-groups
    meters   ovs-ofctl -O OpenFlow15 dump-meters
    zones    the integration bridge's ct-zone-NAME=ZONE, one a line
    neighbors.before, neighbors.after
             ovn-sbctl --bare --columns=_uuid,mac list MAC_Binding, before
             and after the flows were dumped, if at all
    lflows   ovn-sbctl --format=csv --no-headings \\
                 --columns=_uuid,pipeline,table_id,priority,actions \\
                 list Logical_Flow, if at all

Table, priority, match, actions and cookie must be the same.  Numbers that a
controller is free to choose are replaced by what they stand for before that:
a group's or a meter's id by its content, a conntrack zone by its name, a
conjunction's id by its clauses.

So are the keys of remote VTEPs, by their addresses.  Cookies of EVPN's flows
are those of no row, and count for nothing.

What gateways announce is learned at any time: flows of rows of MAC_Binding
that were not there all the time, or have changed, do not count.

Where several logical flows have the same OpenFlow flow, it may have the cookie
of any of them.

The copies of one packet that leave by several ports, one right after the
other, may do so in any order: stock's is that of its rows.

Load balancers with the same backends share a group in stock's switch, and have
one each in ours.  So of the groups of load balancers that flows use and that
have the same content, one counts.

Prints what is only in A with a "-" in front, what is only in B with a "+",
and exits with status 1 if there is anything to print.

Differences that are faults of stock's do not count: see stock_faults.py.
Fails if there is none by the fault NAME.
"""

import collections
import csv
import hashlib
import os
import re
import sys

import stock_faults


def digest(lines):
    """A short name for what 'lines' say."""
    return hashlib.sha256('\n'.join(lines).encode()).hexdigest()[:12]


def read_lines(directory, name):
    try:
        with open(os.path.join(directory, name)) as f:
            return [line.strip() for line in f if line.strip()]
    except FileNotFoundError:
        return []


# A meter's id in the controller action of the actions that a controller
# action carries: the property, its length, the id.
NESTED_METER = r'(?<=\.00\.05\.00\.08)((?:\.[0-9a-f]{2}){4})(?=\.ff\.ff)'

Flow = collections.namedtuple('Flow', 'table priority cookie match actions')


def parse_flow(line):
    """One line of dump-flows."""
    head, actions = line.split(' actions=', 1)
    fields = {'table': '0', 'priority': '32768', 'cookie': '0x0'}
    match = []
    for field in re.split(r',\s*|\s+', head.strip()):
        key, _, value = field.partition('=')
        if key in fields:
            fields[key] = value
        elif field:
            match.append(field)
    return Flow(int(fields['table']), int(fields['priority']),
                int(fields['cookie'], 16), ','.join(match), actions)


# A copy to a VTEP.
TO_VTEP = r'set_field:[0-9a-f.:]+->tun_(?:ipv6_)?dst,output:\d+'


def name_vteps(flows):
    """Names the VTEPs of EVPN by where packets from them come from."""
    names = {}
    for flow in flows:
        key = re.search(r'set_field:(0x[89a-f][0-9a-f]{7})->reg14',
                        flow.actions)
        if flow.table == 0 and flow.priority == 1050 and key:
            names[key[1]] = '<VTEP %s>' % re.search(
                r'tun_(?:ipv6_)?src=([^,]+)', flow.match)[1]

    def name(text):
        return re.sub(r'\b0x[89a-f][0-9a-f]{7}\b',
                      lambda m: names.get(m[0], m[0]), text)

    def sort_copies(m):
        return ','.join(sorted(re.findall(TO_VTEP, m[0])))

    def is_evpn(flow):
        return ('<VTEP' in flow.match + flow.actions
                or ('->tun_id' in flow.actions
                    and re.search(r'reg15=0x800[014],', flow.match)
                    and '->tun_metadata0' not in flow.actions)
                or (flow.priority in (20, 200)
                    and flow.actions.endswith('set_field:0x40/0x40->reg10')))

    named = []
    for flow in flows:
        if names:
            flow = flow._replace(match=name(flow.match),
                                 actions=name(flow.actions))
        if is_evpn(flow):
            actions = re.sub('%s(?:,%s)+' % (TO_VTEP, TO_VTEP), sort_copies,
                             flow.actions)
            flow = flow._replace(cookie=0, actions=re.sub(
                r'\bcookie=0x[0-9a-f]+', 'cookie=<VTEP>', actions))
        named.append(flow)
    return named


class Switch:
    """What is in 'directory', with names in place of free numbers."""

    def __init__(self, directory):
        self.groups = self.read_groups(directory)
        self.meters = self.read_meters(directory)
        self.zones = self.read_zones(directory)
        flows = [parse_flow(line) for line in read_lines(directory, 'flows')
                 if ' actions=' in line]
        self.drop_duplicate_groups(flows)
        flows = [self.name_numbers(flow) for flow in flows]
        self.flows = name_vteps(self.name_conjunctions(flows))

    @staticmethod
    def read_groups(directory):
        groups = {}
        for line in read_lines(directory, 'groups'):
            m = re.match(r'group_id=(\d+),(.*)', line)
            if m:
                head, *buckets = m.group(2).split(',bucket=')
                groups[m.group(1)] = ','.join(
                    [head] + ['bucket=' + b for b in sorted(buckets)])
        return groups

    def drop_duplicate_groups(self, flows):
        """Leaves 'listed' with one for each content of a group that balances
        load and is in use, and with all others."""
        used = set(re.findall(r'\bgroup:(\d+)',
                              ' '.join(flow.actions for flow in flows)))
        self.listed = []
        seen = set()
        for number, group in self.groups.items():
            if number not in used or 'nat(dst=' not in group:
                self.listed.append(group)
            elif group not in seen:
                seen.add(group)
                self.listed.append(group)

    @staticmethod
    def read_meters(directory):
        meters = {}
        current = None
        for line in read_lines(directory, 'meters'):
            m = re.match(r'meter=(\d+)\s*(.*)', line)
            if m:
                current = m.group(1)
                meters[current] = m.group(2)
            elif current:
                meters[current] += ' ' + line
        return meters

    @staticmethod
    def read_zones(directory):
        zones = {}
        for line in read_lines(directory, 'zones'):
            m = re.match(r'(?:ct-zone-)?(.*?)\s*[= ]\s*"?(\d+)"?$', line)
            if m:
                zones[int(m.group(2))] = m.group(1)
        return zones

    def name_numbers(self, flow):
        def group(m):
            return 'group:<%s>' % self.groups.get(m.group(1),
                                                  'no group ' + m.group(1))

        def meter(m):
            return m.group(1) + '<%s>' % self.meters.get(
                m.group(2), 'no meter ' + m.group(2))

        def nested_meter(m):
            number = str(int(m.group(1).replace('.', ''), 16))
            return '<%s>' % self.meters.get(number, 'no meter ' + number)

        def zone(m):
            number = int(m.group(1), 0)
            if not number:
                return m.group(0)
            return 'set_field:<%s>%s->%s' % (
                self.zones.get(number, 'no zone %d' % number), m.group(2),
                m.group(3))

        actions = re.sub(r'group:(\d+)', group, flow.actions)
        actions = re.sub(r'(meter_id=|meter:)(\d+)', meter, actions)
        actions = re.sub(NESTED_METER, nested_meter, actions)
        actions = re.sub(r'set_field:(0x[0-9a-f]+|\d+)((?:/0xffff)?)'
                         r'->(reg1[123])\b', zone, actions)
        actions = re.sub(r'\boutput:\d+(?:,output:\d+)+', self.sort_outputs,
                         actions)
        return flow._replace(actions=actions)

    @staticmethod
    def sort_outputs(m):
        return ','.join(sorted(m.group(0).split(',')))

    @staticmethod
    def name_conjunctions(flows):
        """The same id may be in use once for each table and datapath."""
        def key(flow, conj_id):
            m = re.search(r'\bmetadata=(0x[0-9a-f]+)', flow.match)
            return flow.table, m.group(1) if m else None, int(conj_id)

        clauses = collections.defaultdict(list)
        for flow in flows:
            for conj_id, clause in re.findall(
                    r'conjunction\((\d+),(\d+/\d+)\)', flow.actions):
                clauses[key(flow, conj_id)].append(
                    '%s %d %s' % (clause, flow.priority, flow.match))
        for flow in flows:
            m = re.search(r'\bconj_id=(\d+)', flow.match)
            if m:
                clauses[key(flow, m.group(1))].append(
                    '%d %s %s' % (flow.priority, flow.actions,
                                  flow.match.replace(m.group(0), '')))
        names = {k: digest(sorted(v)) for k, v in clauses.items()}

        named = []
        for flow in flows:
            def name(conj_id):
                return names[key(flow, conj_id)]

            match = re.sub(r'\bconj_id=(\d+)',
                           lambda m: 'conj_id=' + name(m.group(1)),
                           flow.match)
            actions = flow.actions
            conjunctions = re.findall(r'conjunction\((\d+),(\d+/\d+)\)',
                                      actions)
            if conjunctions:
                actions = ','.join(sorted('conjunction(%s,%s)' % (name(i), c)
                                          for i, c in conjunctions))
            named.append(flow._replace(match=match, actions=actions))
        return named

    def lines(self, without=()):
        """Everything as text, one line a thing, but for flows with the cookies
        'without'."""
        flows = ['table=%d, priority=%d, cookie=0x%x, %s actions=%s'
                 % (f.table, f.priority, f.cookie, f.match, f.actions)
                 for f in sorted(self.flows) if f.cookie not in without]
        return (flows
                + sorted('group ' + g for g in self.listed)
                + sorted('meter ' + m for m in self.meters.values()))


def passing_neighbors(directories):
    """The cookies of rows of MAC_Binding that were not there all the time."""
    lists = []
    for directory in directories:
        for name in ('neighbors.before', 'neighbors.after'):
            if os.path.exists(os.path.join(directory, name)):
                words = ' '.join(read_lines(directory, name)).split()
                lists.append(set(zip(words[::2], words[1::2])))
    passing = set().union(*lists) - set.intersection(*lists) if lists else ()
    return {int(uuid.split('-')[0], 16) for uuid, _ in passing}


def logical_flows(directories):
    """What the logical flows with a cookie do: a dictionary."""
    do = {}
    for directory in directories:
        path = os.path.join(directory, 'lflows')
        if os.path.exists(path):
            with open(path, newline='') as f:
                for uuid, *what in csv.reader(f):
                    do['0x%x' % int(uuid.split('-')[0], 16)] = what
    return do


COOKIE = re.compile(r'cookie=(\w+)')


def excuse_cookies(only_a, only_b, do):
    """Takes flows out that differ only in which of two logical flows, which
    'do' the same, they are of."""
    def key(line):
        m = COOKIE.search(line)
        what = do.get(m[1]) if m and line.startswith('table=') else None
        return what and (COOKIE.sub('', line), *what)

    candidates = {key(line): line for line in only_b}
    for line in list(only_a):
        other = key(line) and candidates.get(key(line))
        if other:
            n = min(only_a[line], only_b[other])
            only_a[line] -= n
            only_b[other] -= n


def main(argv):
    known = stock_faults.pop_known(argv)
    if len(argv) != 3:
        sys.exit(__doc__)
    passing = passing_neighbors(argv[1:])
    a, b = (collections.Counter(Switch(d).lines(passing)) for d in argv[1:])
    only_a, only_b = a - b, b - a
    excuse_cookies(only_a, only_b, logical_flows(argv[1:]))
    seen = stock_faults.excuse(only_a, only_b)
    only_a, only_b = +only_a, +only_b
    for line in sorted(set(only_a) | set(only_b),
                       key=lambda s: (not s.startswith('table='),
                                      int(re.match(r'table=(\d+)', s)[1])
                                      if s.startswith('table=') else 0, s)):
        print('-' * bool(only_a[line]) + '+' * bool(only_b[line]), line)
    unseen = stock_faults.report_unseen(known, seen)
    sys.exit(1 if only_a or only_b or unseen else 0)


if __name__ == '__main__':
    main(sys.argv)
