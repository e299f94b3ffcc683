# SPDX-License-Identifier: Apache-2.0

"""Multicast snooping beside stock: see pinctrl-diff.py."""

import json
import struct

import packets
from pinctrl_diff import case, mask, vlan

IS_IN, IS_EX, TO_IN, TO_EX, ALLOW, BLOCK = range(1, 7)
V1_REPORT, V2_REPORT, V2_LEAVE = 0x12, 0x16, 0x17
MLD_REPORT, MLD_DONE = 131, 132


def network(side):
    """Two switches that snoop, on a router that relays, each on two chassis,
    and a third one on a physical network.  vm5 gets all multicast, vm6 all
    reports."""
    side.physical('hv1', 'physnet')
    side.nb('lr-add lr0 -- set Logical_Router lr0 options:mcast_relay=true')
    for s in 0, 1, 2:
        side.nb('ls-add sw%d -- set Logical_Switch sw%d '
                'other_config:mcast_snoop=true '
                'other_config:mcast_querier=false '
                'other_config:vlan-passthru=true' % (s, s))
    for s in 0, 1:
        side.nb('lrp-add lr0 lr0-sw%d 02:00:00:00:ff:0%d 10.%d.0.254/24 '
                'fd0%d::ff/64 '
                '-- lsp-add sw%d sw%d-lr0 -- lsp-set-type sw%d-lr0 router '
                '-- lsp-set-addresses sw%d-lr0 router '
                '-- lsp-set-options sw%d-lr0 router-port=lr0-sw%d'
                % ((s,) * 10))
    side.nb('lsp-add sw2 ln -- lsp-set-type ln localnet '
            '-- lsp-set-addresses ln unknown '
            '-- lsp-set-options ln network_name=physnet')
    # An ovn-northd of 26.03 does not notice later that options are set.
    options = {5: 'mcast_flood=true', 6: 'mcast_flood_reports=true'}
    for n in 1, 2, 3, 4, 5, 6, 11, 12, 14, 21, 22:
        side.nb('lsp-add sw%d vm%d -- lsp-set-addresses vm%d "%s %s %s" '
                '-- lsp-set-options vm%d %s'
                % (n // 10, n, n, vm_mac(n), vm_ip(n), vm_ip(n, 6), n,
                   options.get(n, '')))
        side.vif('hv2' if n % 10 == 4 else 'hv1', 'vm%d' % n)


def ignored(frame):
    """Announcements of addresses on the physical network."""
    return frame[12:14] == b'\x08\x06' or (frame[12:14] == b'\x86\xdd'
                                           and frame[20] == packets.ICMP6)


# Frames.

def vm_mac(n):
    return '02:00:00:00:00:%02x' % n


def vm_ip(n, version=4):
    return ('10.%d.0.%d' if version == 4 else 'fd0%d::%d') % (n // 10, n % 10)


def group_mac(group):
    b = packets.ip(group)
    if len(b) == 4:
        return '01:00:5e:%02x:%02x:%02x' % (b[1] & 0x7f, b[2], b[3])
    return '33:33:%02x:%02x:%02x:%02x' % tuple(b[-4:])


def with_igmp_csum(l4):
    l4 = l4[:2] + bytes(2) + l4[4:]
    return l4[:2] + struct.pack('!H', packets.csum(l4)) + l4[4:]


def igmp(n, kind, group, dst=None, code=0, src=None, more=b'', l4=None,
         **kwargs):
    """A message of vm<n>; l4: in place of all of it."""
    dst = dst or {V2_LEAVE: '224.0.0.2', 0x11: '224.0.0.1'}.get(kind, group)
    if l4 is None:
        l4 = with_igmp_csum(struct.pack('!BBH', kind, code, 0)
                            + packets.ip(group) + more)
    return packets.frame(vm_mac(n), group_mac(dst), src or vm_ip(n), dst, 2,
                         l4, **dict({'ttl': 1}, **kwargs))


def records(*wanted):
    """(type, group[, sources[, words of auxiliary data]])..."""
    data = b''
    for kind, group, *rest in wanted:
        sources = rest[0] if rest else []
        aux = rest[1] if rest[1:] else 0
        data += (struct.pack('!BBH', kind, aux, len(sources))
                 + packets.ip(group) + b''.join(map(packets.ip, sources))
                 + b'\xaa' * 4 * aux)
    return data


def v3(n, *wanted, count=None, **kwargs):
    l4 = struct.pack('!BBHHH', 0x22, 0, 0, 0,
                     len(wanted) if count is None else count)
    return igmp(n, 0x22, '224.0.0.22',
                l4=with_igmp_csum(l4 + records(*wanted)), **kwargs)


def with_ip_version(frame, version):
    return frame[:14] + bytes([version << 4 | frame[14] & 15]) + frame[15:]


def query(n, group='0.0.0.0', code=10, **kwargs):
    return igmp(n, 0x11, group, dst=group if group != '0.0.0.0' else None,
                code=code, **kwargs)


ALERT = bytes.fromhex('3a00050200000100')


def mld(n, kind, group, dst=None, src=None, body=None, hbh=ALERT, ttl=1,
        spoil=False):
    dst = dst or {MLD_DONE: 'ff02::2'}.get(kind, group)
    src = src or 'fe80::%d' % n
    if body is None:
        body = bytes(4) + packets.ip(group)
    l4 = packets.icmp(src, dst, kind, 0, body)
    if spoil:
        l4 = l4[:2] + bytes([l4[2] ^ 0xff]) + l4[3:]
    return packets.frame(vm_mac(n), group_mac(dst), src, dst,
                         0 if hbh else packets.ICMP6, hbh + l4, ttl=ttl)


def mld2(n, *wanted, count=None, **kwargs):
    body = struct.pack('!HH', 0, len(wanted) if count is None else count)
    return mld(n, 143, 'ff02::16', body=body + records(*wanted), **kwargs)


def mld_query(n, group='::', more=b'', **kwargs):
    return mld(n, 130, group, dst='ff02::1' if group == '::' else group,
               body=struct.pack('!HH', 1000, 0) + packets.ip(group) + more,
               **kwargs)


def stream(n, group):
    src = vm_ip(n, 6 if ':' in group else 4)
    return packets.frame(vm_mac(n), group_mac(group), src, group, packets.UDP,
                         packets.udp(src, group), ttl=8)


# Rows.

def value(v):
    """Of a column, in JSON."""
    if isinstance(v, list) and v[0] == 'set':
        return [value(x) for x in v[1]]
    return v[1] if isinstance(v, list) and v[0] == 'uuid' else v


def table(side, *wanted):
    """Columns of tables, each (name, column...), as lists of rows."""
    words = ' -- '.join('--columns=%s list %s' % (','.join(columns), name)
                        for name, *columns in wanted)
    found = side.sb('--format=json %s' % words).splitlines()
    return [[[value(v) for v in row] for row in json.loads(text)['data']]
            for text in found]


def groups(side, routers=False):
    """The rows of IGMP_Group: switch, chassis, address, ports...  Without
    ports, there are no routers."""
    rows, ports, datapaths, chassis = table(
        side, ('IGMP_Group', 'datapath', 'chassis', 'address', 'ports'),
        ('Port_Binding', '_uuid', 'logical_port'),
        ('Datapath_Binding', '_uuid', 'external_ids'),
        ('Chassis', '_uuid', 'name'))
    port_names = dict(map(tuple, ports))
    dp_names = {uuid: dict(map(tuple, ids[1]))['name']
                for uuid, ids in datapaths}
    chassis_names = dict(map(tuple, chassis))
    result = []
    for dp, ch, address, row_ports in rows:
        if address == 'mrouters' and not row_ports and not routers:
            continue
        names = [row_ports] if isinstance(row_ports, str) else row_ports
        result.append(' '.join(
            [dp_names.get(dp, '-') if dp else '-',
             chassis_names.get(ch, '-') if ch else '-', address]
            + sorted(port_names.get(p, '-') for p in names)))
    return sorted(result)


def await_groups(side, *wanted, routers=False):
    """Waits until these are the rows, of both sides."""
    side.wait_for(lambda: groups(side, routers) == sorted(wanted),
                  'groups %s' % sorted(wanted))
    side.expect('groups', sorted(wanted))


def flush(side):
    """Nobody has learned anything."""
    side.sb('ip-multicast-flush sw0 -- ip-multicast-flush sw1 '
            '-- ip-multicast-flush sw2')
    side.wait_for(lambda: groups(side) == [], 'no groups')
    side.sync()


def group(*words, sw=0, hv=1):
    return ' '.join(('sw%d' % sw, 'hv%d' % hv) + words)


def learns(name, frames, *wanted, after=None):
    """A case: what comes of frames of vm1, and, if they are followed by
    others, of these."""
    def run(side):
        flush(side)
        side.send('vm1', *frames)
        await_groups(side, *wanted)
        if after:
            side.send('vm1', *after[0])
            await_groups(side, *after[1:])
    run.__name__ = name
    case()(run)


def differs(name, why, frames, stock, ours, forwarded):
    """A case in which other groups are learned, or another number of frames
    (stock, ours) comes out of vm6's port: of vm2, which nobody else sends
    to."""
    def run(side):
        flush(side)
        side.send('vm2', *frames)
        wanted = sorted(group(*words.split()) for words in
                        (ours if side.is_ours else stock))
        side.settle()
        side.wait_for(lambda: groups(side) == wanted, 'groups %s' % wanted)
        side.expect('groups', wanted)
        side.wait('vm6', forwarded[side.is_ours])
        assert len(side.received('vm6')) == forwarded[side.is_ours]
        side.expect('reports', len(side.received('vm6')))
    run.__name__ = name
    case(differs=why)(run)


# IGMP: what is learned.

learns('v1_report', [igmp(1, V1_REPORT, '239.1.0.1')],
       group('239.1.0.1', 'vm1'))
learns('v2_report_and_leave', [igmp(1, V2_REPORT, '239.1.0.1')],
       group('239.1.0.1', 'vm1'),
       after=[[igmp(1, V2_LEAVE, '239.1.0.1')]])
learns('v2_leave_of_another_group',
       [igmp(1, V2_REPORT, '239.1.0.1'), igmp(1, V2_LEAVE, '239.1.0.2')],
       group('239.1.0.1', 'vm1'))
learns('leave_of_nobody', [igmp(1, V2_LEAVE, '239.1.0.1')])
learns('report_with_router_alert',
       [igmp(1, V2_REPORT, '239.1.0.1', options=bytes.fromhex('94040000'))],
       group('239.1.0.1', 'vm1'))
learns('report_with_tag', [vlan(igmp(1, V2_REPORT, '239.1.0.1'), 7)],
       group('239.1.0.1', 'vm1'))
learns('report_with_padding', [igmp(1, V2_REPORT, '239.1.0.1') + bytes(18)],
       group('239.1.0.1', 'vm1'))
learns('report_with_more_behind_it',
       [igmp(1, V2_REPORT, '239.1.0.1', more=bytes(12))],
       group('239.1.0.1', 'vm1'))
learns('report_to_another_address',
       [igmp(1, V2_REPORT, '239.1.0.1', dst='239.1.0.2')],
       group('239.1.0.1', 'vm1'))
learns('report_of_nobody', [igmp(1, V2_REPORT, '239.1.0.1', src='0.0.0.0')],
       group('239.1.0.1', 'vm1'))
learns('report_with_ip_version_5',
       [with_ip_version(igmp(1, V2_REPORT, '239.1.0.1'), 5)],
       group('239.1.0.1', 'vm1'))
learns('report_with_ttl_2', [igmp(1, V2_REPORT, '239.1.0.1', ttl=2)],
       group('239.1.0.1', 'vm1'))
learns('link_local_group', [igmp(1, V2_REPORT, '224.0.0.251')],
       group('224.0.0.251', 'vm1'))
learns('source_specific_group', [igmp(1, V2_REPORT, '232.1.0.1')],
       group('232.1.0.1', 'vm1'))
learns('v3_change_to_exclude', [v3(1, (TO_EX, '239.1.0.1'))],
       group('239.1.0.1', 'vm1'),
       after=[[v3(1, (TO_IN, '239.1.0.1'))]])
learns('v3_is_exclude', [v3(1, (IS_EX, '239.1.0.1', ['10.9.9.9']))],
       group('239.1.0.1', 'vm1'),
       after=[[v3(1, (IS_IN, '239.1.0.1'))]])
learns('v3_is_include', [v3(1, (IS_IN, '239.1.0.1', ['10.9.9.9']))],
       group('239.1.0.1', 'vm1'))
learns('v3_change_to_include', [v3(1, (TO_IN, '239.1.0.1', ['10.9.9.9']))],
       group('239.1.0.1', 'vm1'))
learns('v3_allow', [v3(1, (ALLOW, '239.1.0.1', ['10.9.9.9', '10.9.9.8']))],
       group('239.1.0.1', 'vm1'))
learns('v3_block_of_a_listener',
       [v3(1, (TO_EX, '239.1.0.1')), v3(1, (BLOCK, '239.1.0.1',
                                            ['10.9.9.9']))],
       group('239.1.0.1', 'vm1'))
learns('v3_many_records',
       [v3(1, *[(TO_EX, '239.1.0.%d' % i, ['10.9.9.%d' % j
                                           for j in range(i)])
                for i in range(12)])],
       *[group('239.1.0.%d' % i, 'vm1') for i in range(12)])
learns('v3_joins_and_leaves',
       [v3(1, (TO_EX, '239.1.0.1')),
        v3(1, (TO_IN, '239.1.0.1'), (TO_EX, '239.1.0.2'))],
       group('239.1.0.2', 'vm1'))
learns('v3_more_records_than_counted',
       [v3(1, (TO_EX, '239.1.0.1'), (TO_EX, '239.1.0.2'), count=1)],
       group('239.1.0.1', 'vm1'))
learns('v3_no_records', [v3(1)])

# IGMP: what is not valid.

learns('igmp_bad_checksum', [igmp(1, 0, '239.1.0.1',
                                  l4=bytes.fromhex('16001234ef010001'))])
for size in 1, 4, 7:
    learns('igmp_of_%d_bytes' % size,
           [igmp(1, 0, '239.1.0.1',
                 l4=with_igmp_csum(bytes.fromhex('16000000ef010001')[:size])
                 if size >= 4 else b'\x16')])
learns('later_fragment', [igmp(1, V2_REPORT, '239.1.0.1', frag=0x10)])

differs('first_fragment', 'RFC 3376, 4: a message is a whole packet',
        [igmp(2, V2_REPORT, '239.1.0.1', frag=0x2000)],
        ['239.1.0.1 vm2'], [], (1, 0))
differs('v3_unknown_record', 'RFC 3376, 4.2.12: ignored, not what follows',
        [v3(2, (7, '239.1.0.1', ['10.9.9.9']), (TO_EX, '239.1.0.2'))],
        [], ['239.1.0.2 vm2'], (1, 1))
differs('v3_auxiliary_data', 'RFC 3376, 4.2.6: in words of 32 bits',
        [v3(2, (TO_EX, '239.1.0.1', [], 1), (TO_EX, '239.1.0.2'))],
        ['239.1.0.1 vm2'], ['239.1.0.1 vm2', '239.1.0.2 vm2'], (1, 1))
differs('v3_block_of_nobody',
        'RFC 3376, 6.4.2: who does not listen does not start to',
        [v3(2, (BLOCK, '239.1.0.1', ['10.9.9.9']), (ALLOW, '239.1.0.2'))],
        ['239.1.0.1 vm2', '239.1.0.2 vm2'], [], (1, 1))
differs('v3_record_breaks_off', 'RFC 3376, 4.2: not a whole message',
        [v3(2, (TO_EX, '239.1.0.1'), count=2)],
        ['239.1.0.1 vm2'], [], (1, 0))
differs('v3_sources_break_off', 'RFC 3376, 4.2: not a whole message',
        [igmp(2, 0, '224.0.0.22', l4=with_igmp_csum(
            bytes.fromhex('22000000''00000001''04000005''ef010001')))],
        ['239.1.0.1 vm2'], [], (1, 0))
differs('group_that_is_none', 'RFC 3376, 4.2.10: a multicast address',
        [v3(2, (TO_EX, '10.1.0.1'))], ['10.1.0.1 vm2'], [], (1, 0))
differs('v2_group_that_is_none', 'RFC 2236, 2.4: a group address',
        [igmp(2, V2_REPORT, '10.1.0.1', dst='239.1.0.1')],
        ['10.1.0.1 vm2'], [], (1, 0))
differs('igmp_of_another_type',
        'RFC 4541, 2.1.1: unrecognized messages are flooded',
        [igmp(2, 0x30, '239.1.0.1')], [], [], (0, 1))

# MLD.

learns('mld_report_and_done', [mld(1, MLD_REPORT, 'ff05::1')],
       group('ff05::1', 'vm1'), after=[[mld(1, MLD_DONE, 'ff05::1')]])
learns('mld_done_of_nobody', [mld(1, MLD_DONE, 'ff05::1')])
learns('mld_report_with_tag', [vlan(mld(1, MLD_REPORT, 'ff05::1'), 7)],
       group('ff05::1', 'vm1'))
learns('mld2_change_to_exclude', [mld2(1, (TO_EX, 'ff05::1'))],
       group('ff05::1', 'vm1'), after=[[mld2(1, (TO_IN, 'ff05::1'))]])
learns('mld2_is_exclude', [mld2(1, (IS_EX, 'ff05::1', ['fd00::99']))],
       group('ff05::1', 'vm1'), after=[[mld2(1, (IS_IN, 'ff05::1'))]])
learns('mld2_include', [mld2(1, (IS_IN, 'ff05::1', ['fd00::99']),
                             (TO_IN, 'ff05::2', ['fd00::99']),
                             (ALLOW, 'ff05::3', ['fd00::99']))],
       group('ff05::1', 'vm1'), group('ff05::2', 'vm1'),
       group('ff05::3', 'vm1'))
learns('mld2_of_the_unspecified_address',
       [mld2(1, (TO_EX, 'ff02::1:ff00:1'), src='::')],
       group('ff02::1:ff00:1', 'vm1'))
learns('mld2_unknown_record',
       [mld2(1, (7, 'ff05::1', ['fd00::99']), (TO_EX, 'ff05::2'))],
       group('ff05::2', 'vm1'))
learns('mld2_more_records_than_counted',
       [mld2(1, (TO_EX, 'ff05::1'), (TO_EX, 'ff05::2'), count=1)],
       group('ff05::1', 'vm1'))
learns('mld2_no_records', [mld2(1)])
learns('mld_bad_checksum', [mld(1, MLD_REPORT, 'ff05::1', spoil=True)])
learns('mld2_bad_checksum', [mld2(1, (TO_EX, 'ff05::1'), spoil=True)])

differs('mld2_auxiliary_data', 'RFC 3810, 5.2.6: in words of 32 bits',
        [mld2(2, (TO_EX, 'ff05::1', [], 1), (TO_EX, 'ff05::2'))],
        ['ff05::1 vm2'], ['ff05::1 vm2', 'ff05::2 vm2'], (1, 1))
differs('mld2_block_of_nobody',
        'RFC 3810, 7.4.2: who does not listen does not start to',
        [mld2(2, (BLOCK, 'ff05::1', ['fd00::99']))],
        ['ff05::1 vm2'], [], (1, 1))
differs('mld2_record_breaks_off', 'RFC 3810, 5.2: not a whole message',
        [mld2(2, (TO_EX, 'ff05::1'), count=2)], ['ff05::1 vm2'], [], (1, 0))
differs('mld2_group_that_is_none', 'RFC 3810, 5.2.10: a multicast address',
        [mld2(2, (TO_EX, 'fd00::1'))], ['fd00::1 vm2'], [], (1, 0))
differs('mld_without_router_alert', 'RFC 3810, 7.4: dropped',
        [mld(2, MLD_REPORT, 'ff05::1', hbh=b'')], ['ff05::1 vm2'], [],
        (1, 0))
differs('mld_with_another_option', 'RFC 3810, 7.4: dropped',
        [mld(2, MLD_REPORT, 'ff05::1',
             hbh=bytes.fromhex('3a00010400000000'))],
        ['ff05::1 vm2'], [], (1, 0))
differs('mld_with_hop_limit_255', 'RFC 3810, 7.4: dropped',
        [mld(2, MLD_REPORT, 'ff05::1', ttl=255)], ['ff05::1 vm2'], [],
        (1, 0))
differs('mld2_of_a_global_address', 'RFC 3810, 7.4: dropped',
        [mld2(2, (TO_EX, 'ff05::1'), src='fd00::2')], ['ff05::1 vm2'], [],
        (1, 0))


# Several ports, several chassis.

@case(unordered=True)
def several_ports(side):
    flush(side)
    for n in 1, 2, 3:
        side.send('vm%d' % n, igmp(n, V2_REPORT, '239.1.0.1'))
    await_groups(side, group('239.1.0.1', 'vm1', 'vm2', 'vm3'))
    side.send('vm2', igmp(2, V2_LEAVE, '239.1.0.1'))
    await_groups(side, group('239.1.0.1', 'vm1', 'vm3'))
    side.send('vm1', v3(1, (TO_IN, '239.1.0.1')))
    side.send('vm3', igmp(3, V2_LEAVE, '239.1.0.1'))
    await_groups(side)


@case(unordered=True)
def two_chassis(side):
    flush(side)
    for n in 1, 4:
        side.send('vm%d' % n, igmp(n, V2_REPORT, '239.1.0.1'),
                  mld(n, MLD_REPORT, 'ff05::1'))
    await_groups(side, group('239.1.0.1', 'vm1'), group('ff05::1', 'vm1'),
                 group('239.1.0.1', 'vm4', hv=2),
                 group('ff05::1', 'vm4', hv=2))
    side.sync()
    side.send('vm2', stream(2, '239.1.0.1'), stream(2, 'ff05::1'))
    side.wait('vm4', 2)
    side.settle()
    side.send('vm1', igmp(1, V2_LEAVE, '239.1.0.1'))
    await_groups(side, group('ff05::1', 'vm1'),
                 group('239.1.0.1', 'vm4', hv=2),
                 group('ff05::1', 'vm4', hv=2))
    side.sync()
    side.send('vm2', stream(2, '239.1.0.1'), stream(2, 'ff05::1'))
    side.wait('vm4', 4)


@case()
def columns_of_later_releases(side):
    flush(side)
    side.send('vm1', igmp(1, V1_REPORT, '239.1.0.1'),
              igmp(1, V2_REPORT, '239.1.0.2'), v3(1, (TO_EX, '239.1.0.3')),
              mld(1, MLD_REPORT, 'ff05::1'), mld2(1, (TO_EX, 'ff05::2')),
              v3(1, (TO_EX, '239.1.0.4')), igmp(1, V2_REPORT, '239.1.0.4'))
    await_groups(side, *[group('239.1.0.%d' % i, 'vm1')
                         for i in range(1, 5)],
                 *[group('ff05::%d' % i, 'vm1') for i in (1, 2)])
    names = 'address', 'protocol', 'chassis_name'
    rows = [dict(line.split(' : ') for line in row.splitlines())
            for row in side.sb('list IGMP_Group').split('\n\n') if row]
    side.expect('columns', sorted(
        [v.strip() for name in names for k, v in row.items()
         if k.strip() == name] for row in rows))


@case(unordered=True)
def same_group_on_two_switches(side):
    flush(side)
    side.send('vm1', igmp(1, V2_REPORT, '239.1.0.1'))
    side.send('vm21', igmp(21, V2_REPORT, '239.1.0.1'))
    await_groups(side, group('239.1.0.1', 'vm1'),
                 group('239.1.0.1', 'vm21', sw=2))


@case()
def only_listeners_get_the_stream(side):
    flush(side)
    side.send('vm1', igmp(1, V2_REPORT, '239.1.0.1'),
              mld2(1, (TO_EX, 'ff05::1')))
    await_groups(side, group('239.1.0.1', 'vm1'), group('ff05::1', 'vm1'))
    side.sync()
    side.send('vm2', stream(2, '239.1.0.1'), stream(2, '239.1.0.2'),
              stream(2, 'ff05::1'), stream(2, 'ff05::2'),
              vlan(stream(2, '239.1.0.1'), 7))
    side.wait('vm1', 3)


@case(unordered=True)
def leaving_stops_the_stream(side):
    flush(side)
    side.send('vm1', v3(1, (TO_EX, '239.1.0.1')))
    side.send('vm3', v3(3, (TO_EX, '239.1.0.1')))
    await_groups(side, group('239.1.0.1', 'vm1', 'vm3'))
    side.sync()
    side.send('vm2', stream(2, '239.1.0.1'))
    side.wait('vm1')
    side.send('vm1', v3(1, (TO_IN, '239.1.0.1')))
    await_groups(side, group('239.1.0.1', 'vm3'))
    side.sync()
    side.send('vm2', stream(2, '239.1.0.1'))
    side.wait('vm3', 2)


@case()
def sources_are_not_told_apart(side):
    """Who asks for some sources gets the others, too, and so do those who
    exclude them."""
    flush(side)
    side.send('vm1', v3(1, (ALLOW, '239.1.0.1', ['10.0.0.3'])),
              mld2(1, (TO_IN, 'ff05::1', ['fd00::3'])),
              v3(1, (TO_EX, '239.1.0.2', ['10.0.0.2'])))
    await_groups(side, group('239.1.0.1', 'vm1'), group('ff05::1', 'vm1'),
                 group('239.1.0.2', 'vm1'))
    side.sync()
    side.send('vm2', stream(2, '239.1.0.1'), stream(2, 'ff05::1'),
              stream(2, '239.1.0.2'))
    side.wait('vm1', 3)


@case(unordered=True)
def router_relays(side):
    flush(side)
    side.send('vm11', igmp(11, V2_REPORT, '239.1.0.1'),
              mld(11, MLD_REPORT, 'ff05::1'))
    side.send('vm14', igmp(14, V2_REPORT, '239.1.0.1'))
    await_groups(side, group('239.1.0.1', 'vm11', sw=1),
                 group('ff05::1', 'vm11', sw=1),
                 group('239.1.0.1', 'vm14', sw=1, hv=2))
    side.sync()
    side.send('vm2', stream(2, '239.1.0.1'), stream(2, 'ff05::1'),
              stream(2, '239.1.0.9'))
    side.wait('vm11', 2)
    side.wait('vm14')
    side.settle()
    side.send('vm11', igmp(11, V2_LEAVE, '239.1.0.1'))
    await_groups(side, group('ff05::1', 'vm11', sw=1),
                 group('239.1.0.1', 'vm14', sw=1, hv=2))
    side.sync()
    side.send('vm2', stream(2, '239.1.0.1'))
    side.wait('vm14', 2)


# Routers.

def routers(*names, sw=0, hv=1):
    return group('mrouters', *names, sw=sw, hv=hv)


def asks(name, frames):
    """A case: vm2 is a router that asks."""
    def run(side):
        flush(side)
        side.send('vm2', *frames)
        await_groups(side, routers('vm2'))
    run.__name__ = name
    case()(run)


TAIL = struct.pack('!BBH', 2, 125, 0)       # Of a query without sources.

asks('v1_query', [query(2, code=0)])
asks('v2_query', [query(2)])
asks('v3_query', [query(2, more=TAIL)])
asks('v2_query_of_a_group', [query(2, '239.1.0.1')])
asks('v3_query_of_sources',
     [query(2, '239.1.0.1', more=struct.pack('!BBH', 2, 125, 1)
            + packets.ip('10.9.9.9'))])
asks('query_with_tag', [vlan(query(2), 7)])
asks('mld_query', [mld_query(2)])
asks('mld2_query', [mld_query(2, more=TAIL)])
asks('mld_query_of_a_group', [mld_query(2, 'ff05::1')])
asks('two_queries', [query(2), mld_query(2, more=TAIL)])


@case()
def reports_go_to_routers(side):
    flush(side)
    side.send('vm2', query(2))
    await_groups(side, routers('vm2'))
    side.sync()
    side.send('vm1', igmp(1, V2_REPORT, '239.1.0.1'),
              v3(1, (TO_EX, '239.1.0.2')), mld(1, MLD_REPORT, 'ff05::1'),
              igmp(1, V2_LEAVE, '239.1.0.1'))
    side.wait('vm2', 4)
    side.send('vm4', igmp(4, V2_REPORT, '239.1.0.3'))
    await_groups(side, routers('vm2'), group('239.1.0.2', 'vm1'),
                 group('ff05::1', 'vm1'), group('239.1.0.3', 'vm4', hv=2))
    side.wait('vm2', 5)


@case()
def routers_get_streams(side):
    flush(side)
    side.send('vm2', query(2))
    await_groups(side, routers('vm2'))
    side.sync()
    side.send('vm1', igmp(1, V2_REPORT, '239.1.0.1'))
    await_groups(side, routers('vm2'), group('239.1.0.1', 'vm1'))
    side.sync()
    side.send('vm3', stream(3, '239.1.0.1'), stream(3, '239.1.0.2'))
    side.wait('vm2', 2)


@case()
def report_of_a_router(side):
    flush(side)
    side.send('vm2', query(2))
    await_groups(side, routers('vm2'))
    side.send('vm2', igmp(2, V2_REPORT, '239.1.0.1'))
    side.settle()
    await_groups(side, routers('vm2'))


@case()
def router_that_listens(side):
    flush(side)
    side.send('vm2', igmp(2, V2_REPORT, '239.1.0.1'), query(2))
    await_groups(side, routers('vm2'), group('239.1.0.1', 'vm2'))


@case(unordered=True)
def routers_on_two_chassis(side):
    flush(side)
    side.send('vm2', query(2))
    side.send('vm4', query(4))
    await_groups(side, routers('vm2'), routers('vm4', hv=2))
    side.sync()
    side.send('vm1', igmp(1, V2_REPORT, '239.1.0.1'))
    await_groups(side, routers('vm2'), routers('vm4', hv=2),
                 group('239.1.0.1', 'vm1'))
    side.wait('vm4', 2)


@case()
def router_on_the_physical_network(side):
    flush(side)
    side.send('hv1-physnet', query(29, src='10.2.0.99'))
    await_groups(side, routers('ln', sw=2))
    side.sync()
    side.send('vm21', igmp(21, V2_REPORT, '239.1.0.1'))
    await_groups(side, routers('ln', sw=2), group('239.1.0.1', 'vm21', sw=2))
    side.wait('hv1-physnet')
    side.sync()
    side.send('hv1-physnet', stream(29, '239.1.0.1'),
              stream(29, '239.1.0.2'))
    side.wait('vm21', 2)


@case()
def listener_on_the_physical_network(side):
    flush(side)
    side.send('hv1-physnet', igmp(29, V2_REPORT, '239.1.0.1'))
    await_groups(side, group('239.1.0.1', 'ln', sw=2))
    side.sync()
    side.send('vm21', stream(21, '239.1.0.1'), stream(21, '239.1.0.2'))
    side.wait('hv1-physnet')


differs('query_of_nobody',
        'RFC 4541, 2.1.1: a switch asks, no router is behind the port',
        [query(2, src='0.0.0.0')], ['mrouters vm2'], [], (1, 1))
differs('query_of_no_version', 'RFC 3376, 7.1: ignored',
        [query(2, more=bytes(2))], ['mrouters vm2'], [], (1, 0))
differs('mld_query_of_no_version', 'RFC 3810, 8.1: discarded',
        [mld_query(2, more=bytes(2))], ['mrouters vm2'], [], (1, 0))
differs('mld_query_without_router_alert', 'RFC 3810, 6.2: dropped',
        [mld_query(2, hbh=b'')], ['mrouters vm2'], [], (1, 0))
differs('query_of_a_group_that_is_none', 'RFC 3376, 4.1.3: a group address',
        [igmp(2, 0x11, '10.1.0.1', dst='224.0.0.1')], ['mrouters vm2'], [],
        (1, 0))


# Limits, configuration.

@case()
def table_size(side):
    flush(side)
    side.nb('set Logical_Switch sw0 other_config:mcast_table_size=20')
    side.sync()
    side.send('vm1', *[igmp(1, V2_REPORT, '239.1.0.%d' % i)
                       for i in range(25)])
    await_groups(side, *[group('239.1.0.%d' % i, 'vm1')
                         for i in range(5, 25)])
    # Who is heard of again is not the oldest.
    side.send('vm1', igmp(1, V2_REPORT, '239.1.0.5'),
              igmp(1, V2_REPORT, '239.1.0.30'))
    await_groups(side, group('239.1.0.5', 'vm1'), group('239.1.0.30', 'vm1'),
                 *[group('239.1.0.%d' % i, 'vm1') for i in range(7, 25)])
    side.nb('set Logical_Switch sw0 other_config:mcast_table_size=12')
    side.sync()
    await_groups(side, group('239.1.0.5', 'vm1'), group('239.1.0.30', 'vm1'),
                 *[group('239.1.0.%d' % i, 'vm1') for i in range(15, 25)])
    side.nb('remove Logical_Switch sw0 other_config mcast_table_size')
    side.sync()


@case(differs='ovn-sb(5): table_size limits the number of groups, below 10 '
      'as well')
def small_table(side):
    flush(side)
    side.nb('set Logical_Switch sw0 other_config:mcast_table_size=1')
    side.sync()
    side.send('vm1', *[igmp(1, V2_REPORT, '239.1.0.%d' % i)
                       for i in range(5)])
    side.settle()
    n = 1 if side.is_ours else 5
    side.wait_for(lambda: len(groups(side)) == n, 'groups')
    side.expect('groups', n)
    side.nb('remove Logical_Switch sw0 other_config mcast_table_size')
    side.sync()


@case()
def idle_listeners_are_forgotten(side):
    flush(side)
    side.nb('set Logical_Switch sw0 other_config:mcast_idle_timeout=15')
    side.sync()
    side.send('vm1', igmp(1, V2_REPORT, '239.1.0.1'),
              mld(1, MLD_REPORT, 'ff05::1'))
    await_groups(side, group('239.1.0.1', 'vm1'), group('ff05::1', 'vm1'))
    await_groups(side)
    side.nb('remove Logical_Switch sw0 other_config mcast_idle_timeout')
    side.sync()


@case(unordered=True)
def flush_command(side):
    flush(side)
    side.send('vm1', igmp(1, V2_REPORT, '239.1.0.1'))
    side.send('vm21', igmp(21, V2_REPORT, '239.1.0.2'))
    side.send('vm2', query(2))
    await_groups(side, routers('vm2'), group('239.1.0.1', 'vm1'),
                 group('239.1.0.2', 'vm21', sw=2))
    side.sb('ip-multicast-flush sw0')
    await_groups(side, group('239.1.0.2', 'vm21', sw=2))


@case()
def snooping_ends(side):
    flush(side)
    side.send('vm21', igmp(21, V2_REPORT, '239.1.0.1'))
    await_groups(side, group('239.1.0.1', 'vm21', sw=2))
    side.nb('set Logical_Switch sw2 other_config:mcast_snoop=false')
    side.sync()
    others = [group('mrouters', sw=s, hv=h) for s in (0, 1) for h in (1, 2)]
    await_groups(side, *others, routers=True)
    side.send('vm21', igmp(21, V2_REPORT, '239.1.0.1'))
    side.wait('vm22')
    await_groups(side, *others, routers=True)
    side.nb('set Logical_Switch sw2 other_config:mcast_snoop=true')
    side.sync()
    await_groups(side, group('mrouters', sw=2), *others, routers=True)
    side.send('vm21', igmp(21, V2_REPORT, '239.1.0.1'))
    await_groups(side, group('239.1.0.1', 'vm21', sw=2))


@case()
def rows_are_mended(side):
    flush(side)
    side.send('vm11', igmp(11, V2_REPORT, '239.1.0.1'))
    side.send('vm12', igmp(12, V2_REPORT, '239.1.0.2'))
    wanted = [group('239.1.0.1', 'vm11', sw=1),
              group('239.1.0.2', 'vm12', sw=1)]
    await_groups(side, *wanted)
    # One that nobody has learned.
    side.sb('create IGMP_Group address=239.9.9.9 chassis=%s datapath=%s'
            % (side.sb('--bare --columns=_uuid find Chassis '
                       'name=hv1').strip(),
               side.sb('--bare --columns=datapath find Port_Binding '
                       'logical_port=vm11').strip()))
    await_groups(side, *wanted)
    # Two that are deleted.
    side.sb('--all destroy IGMP_Group')
    await_groups(side, *wanted)
    await_groups(side, *wanted,
                 *[group('mrouters', sw=s, hv=h)
                   for s, h in ((0, 1), (0, 2), (1, 1), (1, 2), (2, 1))],
                 routers=True)
    # One that says something else.
    side.sb('clear IGMP_Group %s ports' % side.sb(
        '--bare --columns=_uuid find IGMP_Group address=239.1.0.1').strip())
    await_groups(side, *wanted)
    # One that is about something else.
    side.sb('set IGMP_Group %s address=239.1.0.3' % side.sb(
        '--bare --columns=_uuid find IGMP_Group address=239.1.0.1').strip())
    await_groups(side, *wanted)


@case(differs='groups are kept over a restart of the controller')
def restart(side):
    flush(side)
    side.send('vm1', igmp(1, V2_REPORT, '239.1.0.1'),
              mld(1, MLD_REPORT, 'ff05::1'))
    side.send('vm2', query(2))
    side.send('vm4', igmp(4, V2_REPORT, '239.1.0.1'))
    others = [group('239.1.0.1', 'vm4', hv=2)]
    ours = [group('239.1.0.1', 'vm1'), group('ff05::1', 'vm1'),
            routers('vm2')]
    await_groups(side, *ours, *others)
    side.restart('hv1')
    side.settle()
    wanted = sorted(others + (ours if side.is_ours else []))
    side.wait_for(lambda: groups(side) == wanted, 'groups')
    side.expect('after', wanted)
    # They are as good as any.
    side.send('vm1', igmp(1, V2_LEAVE, '239.1.0.1'))
    wanted = sorted(others + (ours[1:] if side.is_ours else []))
    side.wait_for(lambda: groups(side) == wanted, 'groups')
    side.expect('then', wanted)


# Queries.

@mask('query-rfc', 'what RFCs ask for and stock does not send: router alert '
      'and precedence (RFC 3376, 4), robustness and interval (4.1.6, 4.1.7; '
      'RFC 3810, 5.1.8, 5.1.9), the Ethernet address of ff02::1 (RFC 2464, '
      '7), and lengths and checksums that follow')
def mask_query_rfc(frame):
    if frame[12:14] == b'\x08\x00':
        l4 = 14 + (frame[14] & 15) * 4
        frame[:] = (frame[:14] + frame[18:24] + frame[26:34]
                    + frame[l4:l4 + 2] + frame[l4 + 4:l4 + 8]
                    + frame[l4 + 10:])
    else:
        frame[:] = frame[6:64] + frame[66:86] + frame[88:]


def querier(side, config):
    side.nb('set Logical_Switch sw2 other_config:mcast_querier=true '
            'other_config:mcast_query_interval=600 %s'
            % ' '.join('other_config:mcast_%s' % c for c in config.split()))
    side.sync()


def no_querier(side):
    side.nb('set Logical_Switch sw2 other_config:mcast_querier=false')
    for key in ('query_interval', 'eth_src', 'ip4_src', 'ip6_src',
                'query_max_response'):
        side.nb('remove Logical_Switch sw2 other_config mcast_%s' % key)
    side.sync()


ETH_SRC = 'eth_src=\\"02:00:00:00:99:01\\"'


# Before all others: ovn-northd does not take back what is unset later.
@case(silent=True)
def no_queries_without_addresses(side):
    flush(side)
    querier(side, ETH_SRC)
    side.settle()
    no_querier(side)


@case(masks=('query-rfc',))
def queries_of_both_versions(side):
    flush(side)
    querier(side, ETH_SRC + ' ip4_src=10.2.0.253 ip6_src=\\"fe80::99\\" '
            'query_max_response=2')
    side.wait('vm21', 2)
    side.wait('vm22', 2)
    no_querier(side)


@case(masks=('query-rfc',))
def queries_of_igmp(side):
    flush(side)
    querier(side, ETH_SRC + ' ip4_src=10.2.0.253')
    side.wait('vm21')
    side.wait('vm22')
    no_querier(side)


@case(masks=('query-rfc',))
def queries_of_mld(side):
    flush(side)
    querier(side, ETH_SRC + ' ip6_src=\\"fe80::99\\"')
    side.wait('vm21')
    side.wait('vm22')
    no_querier(side)


@case(masks=('query-rfc',), unordered=True)
def nobody_is_asked_when_one_leaves(side):
    """There are no queries about a group, or about sources."""
    flush(side)
    querier(side, ETH_SRC + ' ip4_src=10.2.0.253 ip6_src=\\"fe80::99\\"')
    for vm in 21, 22:
        side.send('vm%d' % vm, igmp(vm, V2_REPORT, '239.1.0.1'),
                  v3(vm, (TO_EX, '239.1.0.2')), mld(vm, MLD_REPORT, 'ff05::1'))
    await_groups(side, *[group(g, 'vm21', 'vm22', sw=2)
                         for g in ('239.1.0.1', '239.1.0.2', 'ff05::1')])
    side.sync()
    side.send('vm21', igmp(21, V2_LEAVE, '239.1.0.1'),
              v3(21, (BLOCK, '239.1.0.2', ['10.2.0.2'])),
              v3(21, (TO_IN, '239.1.0.2')), mld(21, MLD_DONE, 'ff05::1'))
    await_groups(side, *[group(g, 'vm22', sw=2)
                         for g in ('239.1.0.1', '239.1.0.2', 'ff05::1')])
    side.sync()
    side.send('vm22', stream(22, '239.1.0.1'))
    side.wait('vm21', 2)
    side.wait('vm22', 2)
    no_querier(side)


@case(differs='RFC 3376, 4 and 4.1, and RFC 3810, 5.1: option, robustness, '
      'interval')
def what_queries_say(side):
    flush(side)
    querier(side, ETH_SRC + ' ip4_src=10.2.0.253 ip6_src=\\"fe80::99\\" '
            'query_max_response=2 query_interval=3600')
    side.wait('vm21', 2)
    four, six = side.received('vm21')[:2]
    alert = four[34:38] == bytes.fromhex('94040000')
    side.expect('IGMP', (alert, four[15], four[-4:].hex()))
    side.expect('MLD', six[-4:].hex())
    if side.is_ours:
        assert six[:6] == packets.mac(group_mac('ff02::1'))
        assert alert and four[15] == 0xc0, four.hex()
        # Twice; 3,600 s, as nearly as a code can say: (16 + 12) << (4 + 3).
        assert four[-4:] == six[-4:] == bytes.fromhex('02cc0000')
    no_querier(side)
