# SPDX-License-Identifier: Apache-2.0

"""Announcements beside stock: see pinctrl-diff.py.

They come by themselves, and again and again, so it is not the frames that are
compared, but who has announced what since when, on which network; and the
intervals, within bounds."""

import ipaddress
import struct
import time

import packets
from pinctrl_diff import case

# In seconds, between one's announcements.
INTERVALS = [2, 4, 8, 16]


def switch(side, name, *localnets):
    side.nb('ls-add %s' % name)
    for port, network, tag in localnets:
        side.nb('lsp-add %s %s %s -- lsp-set-type %s localnet '
                '-- lsp-set-addresses %s unknown '
                '-- lsp-set-options %s network_name=%s'
                % (name, port, '"" %s' % tag if tag else '', port, port, port,
                   network))


def machine(side, ls, name, *addresses):
    side.nb('lsp-add %s %s -- lsp-set-addresses %s %s'
            % (ls, name, name, ' '.join('"%s"' % a for a in addresses)))


def connect(side, lr, ls, mac, networks, options=''):
    side.nb('lrp-add %s %s-%s %s %s' % (lr, lr, ls, mac, networks),
            '-- lsp-add %s %s-%s -- lsp-set-type %s-%s router'
            % (ls, ls, lr, ls, lr),
            '-- lsp-set-addresses %s-%s router -- lsp-set-options %s-%s '
            'router-port=%s-%s %s' % (ls, lr, ls, lr, lr, ls, options))


def network(side):
    """Switch pub is in VLAN 7 of physnet, two is on two networks, plain on
    none.  lr0 and lr1 have gateways, gr1 and gr2 are gateway routers, lr2 and
    lr9 are on all chassis.  What a case is about comes in the case."""
    for hv in 'hv1', 'hv2':
        side.physical(hv, 'physnet')
        side.physical(hv, 'net2')
    switch(side, 'pub', ('ln', 'physnet', 7))
    switch(side, 'two', ('lna', 'physnet', None), ('lnb', 'net2', 9))
    switch(side, 'plain')
    for lr in 'lr0', 'lr1', 'lr2', 'lr9', 'gr1', 'gr2':
        side.nb('lr-add %s' % lr)
    side.nb('set Logical_Router gr1 options:chassis=hv1 '
            '-- set Logical_Router gr2 options:chassis=hv1 '
            '-- set Logical_Router lr9 '
            'options:always_learn_from_arp_request=false')
    connect(side, 'lr0', 'plain', '02:00:00:00:f0:00',
            '10.0.0.1/24 fd10::1/64')
    connect(side, 'lr0', 'pub', '02:00:00:00:f0:01',
            '172.16.0.1/24 fd00::1/64',
            'nat-addresses=router')
    connect(side, 'lr1', 'pub', '02:00:00:00:f1:01', '172.16.0.2/24')
    connect(side, 'lr2', 'pub', '02:00:00:00:f2:01', '172.16.0.3/24')
    connect(side, 'lr9', 'pub', '02:00:00:00:f9:01', '172.16.0.9/24')
    connect(side, 'gr1', 'pub', '02:00:00:00:f3:01', '172.16.0.4/24',
            'nat-addresses=router')
    connect(side, 'gr2', 'pub', '02:00:00:00:f4:01', '172.16.0.5/24',
            'nat-addresses="02:00:00:00:f4:01 172.16.0.131 172.16.0.132"')
    connect(side, 'gr2', 'two', '02:00:00:00:f4:02', '10.2.0.5/24',
            'nat-addresses=router')
    machine(side, 'pub', 'v1', '02:00:00:00:00:01 172.16.0.11')
    machine(side, 'pub', 'v2', '02:00:00:00:00:02 fd00::2')
    machine(side, 'pub', 'v3', 'unknown')
    machine(side, 'pub', 'v4', '02:00:00:00:00:04')
    machine(side, 'pub', 'v6')
    machine(side, 'pub', 'v8', '02:00:00:00:00:08 172.16.0.18 fd00::8')
    machine(side, 'plain', 'p1', '02:00:00:00:01:01 10.0.0.12')
    machine(side, 'two', 't1', '02:00:00:00:02:01 10.2.0.11')
    side.nb('lrp-set-gateway-chassis lr0-pub hv1 20 '
            '-- lrp-set-gateway-chassis lr0-pub hv2 10 '
            '-- lrp-set-gateway-chassis lr1-pub hv2 20 '
            '-- lr-nat-add lr0 snat 172.16.0.101 10.0.0.0/24 '
            '-- lr-nat-add lr0 dnat_and_snat 172.16.0.102 10.0.0.11 '
            '-- lr-nat-add lr0 dnat_and_snat 172.16.0.103 10.0.0.12 p1 '
            '02:00:00:00:f0:33 '
            '-- lb-add lb0 172.16.0.110:80 10.0.0.11:80 -- lr-lb-add lr0 lb0 '
            '-- lr-nat-add gr1 snat 172.16.0.121 10.0.0.0/24 '
            '-- lr-nat-add gr1 dnat_and_snat 172.16.0.122 10.0.0.11')
    # Nobody announces these.
    machine(side, 'pub', 'loc', '02:00:00:00:00:0a 172.16.0.20')
    side.nb('lsp-set-type loc localport '
            '-- lsp-add pub cont v1 5 '
            '-- lsp-set-addresses cont "02:00:00:00:00:0b 172.16.0.21" '
            '-- lsp-add pub virt -- lsp-set-type virt virtual '
            '-- lsp-set-options virt virtual-ip=172.16.0.22 '
            'virtual-parents=v1 '
            '-- lsp-set-addresses virt "02:00:00:00:00:01 172.16.0.22"')
    side.sync()
    for vif in 'v1', 'v2', 'v3', 'v4', 'v6', 'p1', 't1':
        side.vif('hv1', vif)
    side.vif('hv2', 'v8')
    side.vsctl('hv1', 'add-port br-int loc -- set interface loc '
               'external-ids:iface-id=loc')


def ignored(_):
    """Everything: see above."""
    return True


# ----------------------------------------------------------------------
# What has been heard.

def colons(octets):
    return ':'.join('%02x' % b for b in octets)


def describe(frame):
    """An announcement in words, None for another frame.  All of its bytes are
    looked at."""
    at = 12
    vlan = ''
    if frame[12:14] == b'\x81\x00':
        vlan = ' in VLAN %d' % struct.unpack('!H', frame[14:16])
        at = 16
    kind, body = frame[at:at + 2], frame[at + 2:]
    src = frame[6:12]
    broadcast = frame[:6] == b'\xff' * 6
    if (kind == b'\x08\x06' and broadcast and len(body) == 28
            and body[:14] == b'\0\1\x08\0\6\4\0\1' + src
            and body[18:24] == bytes(6) and body[14:18] == body[24:28]):
        what = ipaddress.ip_address(body[14:18])
    elif (kind == b'\x80\x35' and broadcast
          and body == (b'\0\1\x08\0\6\4\0\3' + src + bytes(4) + src
                       + bytes(4))):
        what = 'by RARP'
    elif (kind == b'\x86\xdd' and frame[:6] == b'\x33\x33\0\0\0\1'
          and body[6:8] == b'\x3a\xff' and body[40:42] == b'\x88\0'
          and body[24:40] == ipaddress.ip_address('ff02::1').packed
          and body[8:24] == body[48:64] and body[64:66] == b'\2\1'
          and body[66:72] == src):
        what = '%s flags %x' % (ipaddress.ip_address(body[8:24]), body[44])
    else:
        return None
    return '%s %s%s' % (colons(src), what, vlan)


def frames(side, port):
    """What has come, and when: pairs."""
    with open(side.captures[port].path, 'rb') as f:
        data = f.read()
    at = 24
    while len(data) - at >= 16:
        sec, usec, size = struct.unpack_from('=III', data, at)
        frame = data[at + 16:at + 16 + size]
        if len(frame) == size:
            yield sec + usec / 1e6, frame
        at += 16 + size


def heard(side, port, since=0.0, in_words=describe):
    """What announcements have come, and when: a dictionary.  Or other frames,
    for which 'in_words' returns not None, but what they are."""
    result = {}
    for when, frame in frames(side, port):
        what = in_words(frame)
        if what and when >= since:
            result.setdefault(what, []).append(when)
    return result


def has_heard(side, port, since, what, times=1):
    """Waits until somebody has announced 'what', so often."""
    side.wait_for(lambda: any(what in k and len(v) >= times
                              for k, v in heard(side, port, since).items()),
                  '%s announces %s' % (port, what))


def check_intervals(times, intervals):
    """A busy machine may be late with one, so that the next interval looks
    too short."""
    for first, second, interval in zip(times, times[1:], intervals):
        assert .6 * interval - .2 < second - first < interval + 2.5, times


PHYSICAL = 'hv1-physnet', 'hv2-physnet', 'hv1-net2', 'hv2-net2'


def compare(side, since, about='', ports=PHYSICAL):
    """Compares what has been announced with words 'about' in it."""
    for port in ports:
        side.expect(port, sorted(k for k in heard(side, port, since)
                                 if about in k))


def now():
    return time.time()


def silence(side, lr='lr0', chassis='hv1'):
    """Waits until whoever might have announced something by now would have
    done so twice: another address has been."""
    since = now()
    side.nb('--wait=hv lr-nat-add %s dnat_and_snat 172.16.0.199 10.0.0.199'
            % lr)
    has_heard(side, chassis + '-physnet', since, '172.16.0.199', 2)
    side.nb('--wait=hv lr-nat-del %s dnat_and_snat 172.16.0.199' % lr)


def has_additional(side, lport, chassis):
    uuid = side.sb('--bare --columns=_uuid find Chassis name=%s' % chassis)
    return uuid.strip() in side.sb('--bare --columns=additional_chassis find '
                                   'Port_Binding logical_port=%s' % lport)


def neighbors(side, *ips, but=None):
    """Compares the rows of MAC_Binding about 'ips', 'but' for one port's."""
    rows = [row for row in side.get_rows('MAC_Binding',
                                         ['ip', 'logical_port', 'mac'])
            if row.split(',')[0].strip('"') in ips
            and row.split(',')[1] != but]
    side.expect('MAC_Binding', rows)


# ----------------------------------------------------------------------
# Cases.

@case()
def what_is_there_is_announced(side):
    for port, what in (('hv1-physnet', '172.16.0.11'),
                       ('hv1-physnet', '172.16.0.102'),
                       ('hv1-physnet', '172.16.0.103'),
                       ('hv2-physnet', '172.16.0.18'),
                       ('hv2-physnet', '172.16.0.2 '),
                       ('hv1-net2', '10.2.0.11')):
        has_heard(side, port, 0, what, 3)
    compare(side, 0)
    # Other machines hear it, too.
    compare(side, 0, ports=('v3', 'v8', 't1', 'p1'))


@case()
def gateway_fails_over(side):
    since = now()
    side.nb('--wait=hv lrp-set-gateway-chassis lr0-pub hv2 30')
    for what in '172.16.0.1 ', '172.16.0.101', '172.16.0.102', '172.16.0.110':
        has_heard(side, 'hv2-physnet', since, what, 2)
    # From the new one only, and only these.
    since += 1
    compare(side, since, ':f0:01 ')
    neighbors(side, '172.16.0.1', '172.16.0.101')
    since = now()
    side.nb('--wait=hv lrp-set-gateway-chassis lr0-pub hv2 5')
    has_heard(side, 'hv1-physnet', since, '172.16.0.110', 2)
    compare(side, since + 1, ':f0:01 ')


@case()
def address_comes_and_goes_and_comes(side):
    for _ in range(2):
        since = now()
        side.nb('--wait=hv lr-nat-add lr0 dnat_and_snat 172.16.0.105 '
                '10.0.0.15')
        has_heard(side, 'hv1-physnet', since, '172.16.0.105', 1)
        compare(side, since, ' 172.16.0.105 ')
        neighbors(side, '172.16.0.105')
        side.nb('--wait=hv lr-nat-del lr0 dnat_and_snat 172.16.0.105')
    since = now()
    silence(side)
    compare(side, since, ' 172.16.0.105 ')
    assert not any(' 172.16.0.105 ' in k
                   for k in heard(side, 'hv1-physnet', since))


@case()
def load_balancer_comes(side):
    since = now()
    side.nb('--wait=hv lb-add lb1 172.16.0.111:80 10.0.0.11:80 '
            '-- lr-lb-add lr0 lb1 -- lr-lb-add gr1 lb1')
    has_heard(side, 'hv1-physnet', since, ':f0:01 172.16.0.111')
    has_heard(side, 'hv1-physnet', since, ':f3:01 172.16.0.111')
    compare(side, since, ' 172.16.0.111 ')
    side.nb('--wait=hv lb-del lb1')


@case()
def load_balancers_are_excluded(side):
    side.nb('--wait=hv set Logical_Switch_Port pub-lr0 '
            'options:exclude-lb-vips-from-garp=true')
    since = now()
    side.nb('--wait=hv lrp-set-gateway-chassis lr0-pub hv2 30')
    has_heard(side, 'hv2-physnet', since, '172.16.0.101', 2)
    compare(side, since + 1, ':f0:01 ')
    side.nb('--wait=hv lrp-set-gateway-chassis lr0-pub hv2 5 '
            '-- remove Logical_Switch_Port pub-lr0 options '
            'exclude-lb-vips-from-garp')


@case()
def distributed_address_follows_its_machine(side):
    side.del_vif('p1')
    side.sync()
    since = now()
    side.vif('hv2', 'p1')
    side.up('p1')
    has_heard(side, 'hv2-physnet', since, '172.16.0.103', 2)
    compare(side, since, ' 172.16.0.103 ')


@case()
def gateway_router_moves(side):
    since = now()
    side.nb('--wait=hv set Logical_Router gr1 options:chassis=hv2')
    has_heard(side, 'hv2-physnet', since, '172.16.0.122', 2)
    compare(side, since + 1, ':f3:01 ')


@case()
def machine_moves(side):
    side.del_vif('v8')
    side.sync()
    side.sb('--all destroy MAC_Binding')
    since = now()
    side.vif('hv1', 'v8', 'v8b')
    side.up('v8')
    has_heard(side, 'hv1-physnet', since, '172.16.0.18', 2)
    compare(side, since, ':00:08 ')
    # Stock's hv1 may still take gr1 for one of its routers.
    neighbors(side, '172.16.0.18', but='gr1-pub')


@case()
def machine_migrates_live(side):
    """It is on both chassis for a while; hv2 has yet to take over."""
    since = now()
    side.nb('lsp-set-options v8 requested-chassis=hv1,hv2')
    side.vif('hv2', 'v8', 'v8c')
    side.wait_for(lambda: has_additional(side, 'v8', 'hv2'), 'v8 is on hv2')
    side.sync()
    silence(side)
    compare(side, since, ':00:08 ', ports=['hv2-physnet'])
    assert not any(':00:08 ' in k for k in heard(side, 'hv2-physnet', since))
    since = now()
    side.nb('--wait=hv lsp-set-options v8 requested-chassis=hv2')
    has_heard(side, 'hv2-physnet', since, '172.16.0.18', 2)
    compare(side, since + 1, ':00:08 ')


@case()
def virtual_port_is_bound(side):
    """It announces itself; we do not repeat it."""
    since = now()
    side.send('v1', packets.arp(1, '02:00:00:00:00:01', 'ff:ff:ff:ff:ff:ff',
                                '02:00:00:00:00:01', '172.16.0.22',
                                '00:00:00:00:00:00', '172.16.0.22'))
    side.wait_for(lambda: side.sb('--bare --columns=chassis find Port_Binding '
                                  'logical_port=virt').strip(), 'virt is here')
    has_heard(side, 'hv1-physnet', since, '172.16.0.22')
    silence(side)
    for port in PHYSICAL:
        side.expect(port, [(k, len(v)) for k, v
                           in heard(side, port, since).items()
                           if ' 172.16.0.22 ' in k])


@case()
def network_goes_and_comes(side):
    """hv2 is not connected to it for a while."""
    mappings = side.vsctl('hv2', 'get open . external-ids:ovn-bridge-mappings')
    side.vsctl('hv2', 'remove open . external-ids ovn-bridge-mappings')
    side.sync()
    since = now()
    side.vsctl('hv2', 'set open . external-ids:ovn-bridge-mappings=%s'
               % mappings.strip())
    side.sync()
    has_heard(side, 'hv2-physnet', since, '172.16.0.18', 2)
    has_heard(side, 'hv2-physnet', since, '172.16.0.2 ', 2)
    compare(side, since, ports=['hv2-physnet'])


@case()
def controller_is_restarted(side):
    since = now()
    side.restart('hv2')
    has_heard(side, 'hv2-physnet', since, '172.16.0.18', 2)
    has_heard(side, 'hv2-physnet', since, '172.16.0.2 ', 2)
    has_heard(side, 'hv2-physnet', since, '172.16.0.103', 2)
    has_heard(side, 'hv2-physnet', since, '172.16.0.122', 2)
    compare(side, since, ports=['hv2-physnet'])


@case()
def switch_is_on_the_network_later(side):
    """A switch gets a localnet port when its machine has long been there."""
    switch(side, 'later')
    machine(side, 'later', 'v10', '02:00:00:00:00:10 172.16.0.40')
    side.vif('hv1', 'v10')
    side.up('v10')
    since = now()
    silence(side)
    compare(side, since, ':00:10 ')
    side.nb('--wait=hv lsp-add later lnl "" 8 -- lsp-set-type lnl localnet '
            '-- lsp-set-addresses lnl unknown '
            '-- lsp-set-options lnl network_name=physnet')
    has_heard(side, 'hv1-physnet', since, '172.16.0.40 in VLAN 8', 2)
    compare(side, since, ':00:10 ')


# ----------------------------------------------------------------------
# Where ours differs.

@case(differs='RFC 5227, 2.3: all of them')
def several_addresses(side):
    machine(side, 'pub', 'v5', '02:00:00:00:00:05 172.16.0.15 172.16.0.25',
            '02:00:00:00:00:55 fd00::5', 'unknown')
    side.sync()
    since = now()
    side.vif('hv1', 'v5')
    side.up('v5')
    has_heard(side, 'hv1-physnet', since, '172.16.0.15', 2)
    compare(side, since, ':00:05 ')
    compare(side, since, ':00:55 ')
    if side.is_ours:
        assert sorted(k for k in heard(side, 'hv1-physnet', since)
                      if '5 ' in k[15:18]) == [
            '02:00:00:00:00:05 172.16.0.15 in VLAN 7',
            '02:00:00:00:00:05 172.16.0.25 in VLAN 7',
            '02:00:00:00:00:55 by RARP in VLAN 7']


@case(differs='RFC 5227, 2.3: those that it gets later')
def address_changes(side):
    since = now()
    side.nb('--wait=hv lsp-set-addresses v1 "02:00:00:00:00:01 172.16.0.61"')
    silence(side)
    compare(side, since, ':00:01 ')
    if side.is_ours:
        assert '02:00:00:00:00:01 172.16.0.61 in VLAN 7' in heard(
            side, 'hv1-physnet', since)


@case(differs='RFC 4861, 7.2.6')
def ipv6_addresses_of_load_balancers(side):
    since = now()
    side.nb('--wait=hv lb-add lb6 [fd00::110]:80 [fd10::11]:80 '
            '-- lr-lb-add lr0 lb6')
    silence(side)
    compare(side, since, ' fd00::110 ')
    if side.is_ours:
        assert '02:00:00:00:f0:01 fd00::110 flags 20 in VLAN 7' in heard(
            side, 'hv1-physnet', since)
    side.nb('--wait=hv lb-del lb6')


# ----------------------------------------------------------------------
# How often.

@case()
def intervals(side):
    """One that has been announced since the beginning, by now more than five
    times if it ever is."""
    what = '02:00:00:00:00:02 by RARP in VLAN 7'
    side.wait_for(lambda: len(heard(side, 'hv1-physnet')[what]) >= 5,
                  'it has been announced five times')
    silence(side)
    times = heard(side, 'hv1-physnet')[what]
    assert len(times) == 1 + len(INTERVALS), times
    check_intervals(times, INTERVALS)
    side.expect('announced', len(times))


@case(differs='the new VLAN has not heard of anybody')
def vlan_changes(side):
    """That same port's switch is in another VLAN."""
    what = '02:00:00:00:00:02 by RARP in VLAN 6'
    since = now()
    side.nb('--wait=hv set Logical_Switch_Port ln tag_request=6')
    silence(side)
    compare(side, since, what)
    assert not side.is_ours or what in heard(side, 'hv1-physnet', since)
