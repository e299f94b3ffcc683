#! /usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Mirrors of a switch: a line for each row that br-int refers to, and one for
the tunnel that it leads to.  Reads the files mirror.*, tables in ovs-vsctl's
JSON, and has names in place of UUIDs."""

import json


def table(name):
    with open('mirror.' + name) as f:
        data = json.load(f)
    return [dict(zip(data['headings'], row)) for row in data['data']]


def members(value):
    """An OVSDB set's."""
    return value[1] if value[0] == 'set' else [value]


def main():
    ports = {row['_uuid'][1]: row for row in table('ports')}
    ifaces = {row['_uuid'][1]: row for row in table('ifaces')}
    rows = {row['_uuid'][1]: row for row in table('rows')}
    lines = []
    for _, uuid in members(table('bridge')[0]['mirrors']):
        row = rows[uuid]
        names = {column: sorted(ports[p]['name'] for _, p
                                in members(row[column]))
                 for column in ('output_port', 'select_src_port',
                                'select_dst_port')}
        spoilt = [c for c in ('select_vlan', 'output_vlan')
                  if members(row[c])] + ['all'] * row['select_all']
        if row['name'] == 'theirs':
            continue
        lines.append('%s %s %s select_src=%s select_dst=%s%s'
                     % (row['name'], dict(row['external_ids'][1]),
                        ' '.join(names['output_port']),
                        names['select_src_port'], names['select_dst_port'],
                        spoilt or ''))
    for port in ports.values():
        if not port['name'].startswith('ovn-m') \
                and not port['name'].startswith('ovn-bad'):
            continue
        iface = ifaces[members(port['interfaces'])[0][1]]
        lines.append('%s %s %s' % (port['name'], iface['type'],
                                   dict(sorted(iface['options'][1]))))
    print('\n'.join(sorted(lines)), end='\n' * bool(lines))


main()
