#! /usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Compares ours with the stock ovn-trace.

    trace-diff.py run STOCK OURS < COMMANDS
    trace-diff.py daemon STOCK-SOCKET OURS-SOCKET < COMMANDS
    trace-diff.py put < trace-actions.in
    trace-diff.py list < trace-actions.in
    trace-diff.py settle

COMMANDS has the words of a command line a line, quoted for the shell.  "run"
gives them to the programs STOCK and OURS, "daemon" to "trace" of the daemons
behind two control sockets.  What the two say is compared to the letter, and so
is the exit status; for the differences that are meant, see intended().  Prints
the others, and how many command lines there were; exits with status 1 if there
is a difference.

"put" writes a southbound database (at OVN_SB_DB) by hand, with a logical flow
for each line of actions; "list" prints a command for each of them, for packets
of several kinds in a switch and in a router.

"settle" changes what northd, which must have been stopped, has left to chance:
which of several logical flows of the same priority a packet matches.
"""

import difflib
import os
import re
import shlex
import subprocess
import sys

import daemons

# What stock says, on standard output and with exit status 0, of a packet that
# it does not trace.
REFUSALS = ('error parsing flow: ', 'unknown datapath ', 'unknown port ')
NO_PORT = 'microflow does not specify ingress port'


class Outcome:
    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err

    def lines(self):
        return ['status %d' % self.status,
                *self.out.splitlines(), *self.err.splitlines()]


# Later releases show the zone even if the logical flow does not name it.
ZONE = re.compile(r'^( *ct_(?:next|commit_nat))\(dnat\);$')


def without_zones(stock, ours):
    """The lines of 'stock', without zones where the same line of 'ours' has
    none."""
    return [ZONE.sub(r'\1;', a) if ZONE.sub(r'\1;', a) == b else a
            for a, b in zip(stock.lines(), ours.lines())]


def intended(stock, ours):
    """The differences that Documentation/topics/differences.rst tells of."""
    if (len(stock.lines()) == len(ours.lines())
            and without_zones(stock, ours) == ours.lines()):
        return True
    if stock.status < 0:
        # An assertion of stock's failed.
        return ours.status == 0 and ours.out.startswith('# ')
    if stock.out.startswith(NO_PORT):
        # OVN 23.03 traces it, and so do we.
        return ours.status == 0 and 'inport="(unnamed)"' in ours.out
    if stock.out.startswith(REFUSALS) and stock.status == 0:
        return (ours.status == 1 and ours.out == ''
                # A library before Open vSwitch 3.5 ends it with a newline.
                and ours.err.rstrip('\n')
                == 'ovn-trace: ' + stock.out.rstrip('\n'))
    return False


def run(program, words):
    process = subprocess.run([program, '-vconsole:off', *words],
                             capture_output=True, text=True, timeout=300)
    return Outcome(process.returncode, process.stdout,
                   re.sub(r'^/\S*/ovn-trace:', 'ovn-trace:', process.stderr,
                          flags=re.MULTILINE))


def trace_by(path):
    """A function that asks the daemon at that control socket for a trace."""
    daemon = daemons.Rpc(path)

    def trace(words):
        result, error = daemon.ask('trace', *words)
        return Outcome(1 if error else 0, result or '',
                       'ovn-trace: ' + error if error else '')
    return trace


def compare(trace_stock, trace_ours):
    n = n_different = n_intended = 0
    for line in sys.stdin:
        words = shlex.split(line)
        stock = trace_stock(words)
        ours = trace_ours(words)
        n += 1
        if stock.lines() == ours.lines():
            continue
        if intended(stock, ours):
            n_intended += 1
            continue
        n_different += 1
        print('ovn-trace', line.strip())
        print('\n'.join(difflib.unified_diff(
            stock.lines(), ours.lines(), 'stock', 'ours', n=2, lineterm='')))
    print('%d compared, %d differ as they should, %d otherwise'
          % (n, n_intended, n_different))
    return n_different > 0


def actions():
    """The lines of the file of actions: Ethernet source, match, actions."""
    match = '1'
    n = 0
    for line in sys.stdin:
        line = line.rstrip('\n')
        if line.startswith('# match '):
            match = line[len('# match '):]
        elif line and not line.startswith('#'):
            n += 1
            yield '00:00:00:00:%02x:%02x' % divmod(n, 256), match, line


# The datapaths of "put": name, kind and ports.  A port is named by its
# datapath's first letter.
DATAPATHS = (('sw0', 'logical-switch', ('s1', 's2', 's3')),
             ('lr0', 'logical-router', ('r1', 'r2')))

PACKETS = (
    'eth.dst == 02:00:00:00:00:02 && ip4.src == 10.0.0.1'
    ' && ip4.dst == 10.0.0.2 && ip.ttl == 64'
    ' && tcp.src == 1234 && tcp.dst == 80',
    'eth.dst == 02:00:00:00:00:02 && ip6.src == fd00::1'
    ' && ip6.dst == fd00::2 && ip.ttl == 64'
    ' && udp.src == 1234 && udp.dst == 80',
    'eth.dst == ff:ff:ff:ff:ff:ff && arp.op == 1 && arp.spa == 10.0.0.1'
    ' && arp.tpa == 10.0.0.2 && arp.sha == 02:00:00:00:00:01',
    'eth.dst == 02:00:00:00:00:02 && ip6.src == fd00::1'
    ' && ip6.dst == fd00::2 && nd_ns && nd.target == fd00::2'
    ' && nd.sll == 02:00:00:00:00:09',
    'eth.dst == 02:00:00:00:00:02 && ip4.src == 10.0.0.1'
    ' && ip4.dst == 10.0.0.2 && ip.ttl == 1 && sctp.dst == 9'
    ' && vlan.vid == 7',
)


def transact(*operations):
    return daemons.transact(os.environ['OVN_SB_DB'], 'OVN_Southbound',
                            *operations)


def put():
    operations = []

    def insert(table, uuid_name=None, **row):
        operations.append({'op': 'insert', 'table': table, 'row': row,
                           **({'uuid-name': uuid_name} if uuid_name
                              else {})})

    def ovs_map(**pairs):
        return ['map', [[k.replace('_', '-'), v] for k, v in pairs.items()]]

    for key, (name, kind, ports) in enumerate(DATAPATHS, 1):
        insert('Datapath_Binding', uuid_name=name, tunnel_key=key,
               external_ids=ovs_map(name=name, **{kind: '00000000-0000-0000-'
                                                  '0000-%012d' % key}))
        for i, port in enumerate(ports, 1):
            insert('Port_Binding', uuid_name=port, logical_port=port,
                   datapath=['named-uuid', name], tunnel_key=i)
        insert('Multicast_Group', name='mc', tunnel_key=32768,
               datapath=['named-uuid', name],
               ports=['set', [['named-uuid', port] for port in ports]])
        insert('MAC_Binding', logical_port=ports[0], ip='10.0.0.1',
               mac='02:00:00:00:00:01', datapath=['named-uuid', name])
        insert('MAC_Binding', logical_port=ports[0], ip='fd00::1',
               mac='02:00:00:00:00:09', datapath=['named-uuid', name])
    insert('FDB', mac='02:00:00:00:00:02', dp_key=1, port_key=2)
    for code, option in (0, 'offerip'), (3, 'router'):
        insert('DHCP_Options', name=option, code=code, type='ipv4')
    insert('DHCPv6_Options', name='ia_addr', code=5, type='ipv6')
    insert('DNS', records=ovs_map(vm='10.0.0.9'),
           datapaths=['named-uuid', 'sw0'])

    def flow(pipeline, table, priority, match, actions):
        for name, kind, ports in DATAPATHS:
            insert('Logical_Flow', logical_datapath=['named-uuid', name],
                   pipeline=pipeline, table_id=table, priority=priority,
                   match=match, actions=actions.replace('s2', ports[1]),
                   external_ids=ovs_map(
                       stage_name='%s_%s_%d' % (name, pipeline, table),
                       source='northd.c:%d' % (priority + table)))

    for eth_src, match, text in actions():
        flow('ingress', 0, 100, 'eth.src == %s && (%s)' % (eth_src, match),
             text)
    flow('ingress', 1, 5, '1', 'reg9 = 1; next;')
    flow('ingress', 2, 5, 'ct.est && reg0 == 0', 'reg9 = 2; next;')
    flow('ingress', 2, 0, '1', 'next;')
    flow('ingress', 3, 0, '1', 'outport = "s2"; output;')
    flow('egress', 0, 5, '1', 'reg1 = 5; next;')
    flow('egress', 1, 5, '1', 'output;')
    flow('egress', 3, 5, '1', 'output;')

    transact(*operations)


def list_commands():
    for eth_src, _, _ in actions():
        for name, _, ports in DATAPATHS:
            for packet in PACKETS:
                print('--all %s %s' % (name, shlex.quote(
                    'inport == "%s" && eth.src == %s && %s'
                    % (ports[0], eth_src, packet))))


# Stages, and the priorities in them, where several flows match some packets,
# though all of them do about the same.
UNSETTLED = (('ls_in_pre_acl', 110), ('ls_in_pre_lb', 110),
             ('ls_out_pre_acl', 110), ('ls_out_pre_lb', 110),
             ('lr_in_defrag', 100))


def settle():
    operations = []
    for row in transact({'op': 'select', 'table': 'Logical_Flow', 'where': [],
                         'columns': ['_uuid', 'priority', 'external_ids']}
                        )[0]['rows']:
        ids = dict(row['external_ids'][1])
        if (ids['stage-name'], row['priority']) in UNSETTLED:
            line = int(ids['source'].split(':')[1])
            operations.append({'op': 'update', 'table': 'Logical_Flow',
                               'where': [['_uuid', '==', row['_uuid']]],
                               'row': {'priority': line}})
    transact(*operations)


def main():
    command, *args = sys.argv[1:]
    if command == 'run':
        stock, ours = args
        return compare(lambda words: run(stock, words),
                       lambda words: run(ours, words))
    if command == 'daemon':
        return compare(*(trace_by(path) for path in args))
    return {'put': put, 'list': list_commands, 'settle': settle}[command]()


if __name__ == '__main__':
    sys.exit(main())
