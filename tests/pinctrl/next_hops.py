# SPDX-License-Identifier: Apache-2.0

"""Questions to the next hops of ECMP routes with symmetric reply, beside
stock: see pinctrl-diff.py.

They come by themselves, and again and again, so it is not the frames that are
compared, but who has asked for whom since when, on which network; and the
intervals, within bounds."""

import ipaddress
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from announce import (check_intervals, colons, connect,  # noqa: E402
                      heard, ignored, machine, now, switch)
from pinctrl_diff import CASES, case  # noqa: E402

# Not those that were imported.
CASES.clear()
assert ignored

GR = '02:00:00:00:f1:01'
LR = '02:00:00:00:f0:01'
FIRST = GR + ' asks for 172.16.0.101'
SECOND = GR + ' asks for 172.16.0.102'
NETWORKS = 'hv1-physnet', 'hv2-physnet'


def network(side):
    """gr1 is a gateway router on pub, which is in VLAN 7 of physnet, and on
    plain, which is on no network; lr0 has a gateway port on pub."""
    for hv in 'hv1', 'hv2':
        side.physical(hv, 'physnet')
    switch(side, 'pub', ('ln', 'physnet', 7))
    switch(side, 'plain')
    side.nb('set NB_Global . options:ecmp_nexthop_monitor_enable=true '
            '-- lr-add lr0 -- lr-add gr1 '
            '-- set Logical_Router gr1 options:chassis=hv1')
    connect(side, 'lr0', 'pub', LR, '172.16.0.1/24')
    connect(side, 'gr1', 'pub', GR, '172.16.0.2/24 fd00::2/64')
    connect(side, 'gr1', 'plain', '02:00:00:00:f1:02', '172.17.0.2/24')
    side.nb('lrp-set-gateway-chassis lr0-pub hv1 20')
    machine(side, 'plain', 'v1', '02:00:00:00:00:01 172.17.0.11')
    machine(side, 'plain', 'v2', '02:00:00:00:00:02 172.17.0.12')
    side.sync()
    side.vif('hv1', 'v1')
    side.vif('hv2', 'v2')


def describe(frame):
    """A question, in words, None for another frame.  All of its bytes are
    looked at, but for checksums."""
    if frame[12:16] != b'\x81\x00\0\7':
        return None
    src, kind, body = frame[6:12], frame[16:18], frame[18:]
    if (kind == b'\x08\x06' and frame[:6] == b'\xff' * 6 and len(body) == 28
            and body[:14] == b'\0\1\x08\0\6\4\0\1' + src
            and body[18:24] == bytes(6) and body[14:18] != body[24:28]):
        what = ipaddress.ip_address(body[24:28])
    elif (kind == b'\x86\xdd' and body[6:8] == b'\x3a\xff'
          and body[40:42] == b'\x87\0' and len(body) == 72
          and frame[:6] == b'\x33\x33\xff' + body[61:64]
          and body[24:37] == ipaddress.ip_address('ff02::1:ff00:0').packed[:13]
          and body[37:40] == body[61:64]
          and body[64:72] == b'\1\1' + src):
        what = ipaddress.ip_address(body[48:64])
    else:
        return None
    return '%s asks for %s' % (colons(src), what)


def asked(side, port, since=0.0):
    """What has been asked, and when: a dictionary."""
    return heard(side, port, since, describe)


def wait_times(side, what, n, since, port='hv1-physnet'):
    def times():
        return asked(side, port, since).get(what, [])

    side.wait_for(lambda: len(times()) >= n, '%s %d times' % (what, n))
    return times()


def routes(side, router, prefix, *hops):
    side.nb('--wait=hv',
            *['-- --ecmp-symmetric-reply lr-route-add %s %s %s'
              % (router, prefix, hop) for hop in hops])


def answer(side, n):
    """Next hop 172.16.0.n has an Ethernet address."""
    mac, router = bytes([2, 0, 0, 0, 0xe0, n]), bytes.fromhex('02000000f101')
    side.send('hv1-physnet',
              router + mac + b'\x81\0\0\7\x08\6\0\1\x08\0\6\4\0\2'
              + mac + bytes([172, 16, 0, n]) + router + bytes([172, 16, 0, 2]))
    side.wait_for(lambda: colons(mac) in side.sb('--columns=mac list '
                                                 'ECMP_Nexthop'),
                  'ECMP_Nexthop of 172.16.0.%d has an Ethernet address' % n)


def set_cap(side, seconds):
    side.vsctl('hv1', 'set open . external-ids:arp-nd-max-timeout-sec=%d'
               % seconds if seconds else
               'remove open . external-ids arp-nd-max-timeout-sec')
    side.sync()


@case()
def intervals(side):
    since = now()
    routes(side, 'gr1', '10.5.0.0/16', '172.16.0.101', '172.16.0.102')
    routes(side, 'gr1', '10.6.0.0/16', '172.17.0.101', '172.17.0.102')
    # One whose address is known is asked, too.
    answer(side, 101)
    for what in FIRST, SECOND:
        check_intervals(wait_times(side, what, 5, since), [1, 2, 4, 8])
    # Not those that are on no physical network.
    for port in NETWORKS:
        side.expect(port, sorted(asked(side, port, since)))


@case()
def intervals_have_a_maximum(side):
    since = now()
    set_cap(side, 3)
    # They begin anew.
    check_intervals(wait_times(side, FIRST, 6, since), [1, 2, 3, 3, 3])
    since = now()
    set_cap(side, 0)
    check_intervals(wait_times(side, FIRST, 4, since), [1, 2, 4])
    side.expect('asked', sorted(asked(side, 'hv1-physnet', since)))


@case()
def next_hop_goes(side):
    side.nb('--wait=hv lr-route-del gr1 10.5.0.0/16 172.16.0.101')
    since = now()
    set_cap(side, 1)
    wait_times(side, SECOND, 3, since)
    side.expect('asked', sorted(asked(side, 'hv1-physnet', since)))


@case()
def router_moves(side):
    since = now()
    side.nb('--wait=hv set Logical_Router gr1 options:chassis=hv2')
    wait_times(side, SECOND, 2, since, 'hv2-physnet')
    since = now()
    wait_times(side, SECOND, 1, since, 'hv2-physnet')
    for port in NETWORKS:
        side.expect(port, sorted(asked(side, port, since)))
    side.nb('--wait=hv set Logical_Router gr1 options:chassis=hv1')


@case(differs='ovn-controller(8): ARP or ND packets are sent to resolve the '
              'addresses of ECMP next hops; 25.03 and 26.03 do so for gateway '
              'routers only')
def gateway_port(side):
    since = now()
    routes(side, 'lr0', '10.5.0.0/16', '172.16.0.103', '172.16.0.104')
    wait_times(side, SECOND, 3, since)
    questions = [what for what in sorted(asked(side, 'hv1-physnet', since))
                 if what.startswith(LR)]
    side.expect('asked', questions)
    if side.is_ours:
        assert questions == [LR + ' asks for 172.16.0.10%d' % n
                             for n in (3, 4)]


@case(differs='RFC 4861, 7.2.2: an IPv6 neighbor is asked by neighbor '
              'solicitations; 25.03 and 26.03 ask for 0.0.0.0 by ARP')
def ipv6(side):
    since = now()
    routes(side, 'gr1', 'fd05::/64', 'fd00::101', 'fd00::102')
    wait_times(side, GR + (' asks for fd00::101' if side.is_ours
                           else ' asks for 0.0.0.0'), 2, since)
    wait_times(side, SECOND, 2, since)
    questions = sorted(asked(side, 'hv1-physnet', since))
    side.expect('asked', questions)
    if side.is_ours:
        assert GR + ' asks for 0.0.0.0' not in questions
