# SPDX-License-Identifier: Apache-2.0

"""Neighbors beside stock: see pinctrl-diff.py."""

import time

import packets
from pinctrl_diff import case, vlan

ROUTER0 = '02:00:00:00:ff:00'
ROUTER1 = '02:00:00:00:ff:01'
VM1 = '02:00:00:00:00:01'
ROUTER2 = '02:00:00:00:ff:02'
GATEWAY = '02:00:00:00:ff:09'
VM3 = '02:00:00:00:00:03'
VM4 = '02:00:00:00:00:04'
VM5 = '02:00:00:00:00:05'
BROADCAST = 'ff:ff:ff:ff:ff:ff'
NOBODY = '00:00:00:00:00:00'


def network(side):
    """Two switches on a router, and a physical network that it is the gateway
    to.  vm3's addresses are unknown; the route to 10.50/16 and fd50::/64 is by
    a neighbor that is unknown, too."""
    side.physical('hv1', 'physnet')
    side.nb('lr-add lr0 -- lr-route-add lr0 10.50.0.0/16 10.0.0.98 '
            '-- lr-route-add lr0 fd50::/64 fd00::98')
    for s in 0, 1, 2:
        side.nb('ls-add sw%d -- lrp-add lr0 lr0-sw%d 02:00:00:00:ff:0%d '
                '10.%d.0.1/%d fd0%d::1/64 '
                '-- lsp-add sw%d sw%d-lr0 -- lsp-set-type sw%d-lr0 router '
                '-- lsp-set-addresses sw%d-lr0 router '
                '-- lsp-set-options sw%d-lr0 router-port=lr0-sw%d'
                % (s, s, s, s, 16 if s == 2 else 24, s, s, s, s, s, s, s))
    for s, vm in (0, 1), (0, 2), (1, 11), (1, 12):
        side.nb('lsp-add sw%d vm%d -- lsp-set-addresses vm%d '
                '"02:00:00:00:00:%02d 10.%d.0.%d fd0%d::%d"'
                % (s, vm, vm, vm, s, vm, s, vm))
    # Frames with VLAN tags go through the pipeline of sw0.
    side.nb('set Logical_Switch sw0 other_config:vlan-passthru=true')
    side.nb('lsp-add sw0 vm3 -- lsp-set-addresses vm3 unknown '
            '-- lsp-add sw2 vm21 -- lsp-set-addresses vm21 unknown')
    # Its port on the physical network is a gateway, here.
    side.nb('ls-add ext -- lrp-add lr0 lr0-ext 02:00:00:00:ff:09 '
            '172.16.0.1/24 fd09::1/64 '
            '-- lrp-set-gateway-chassis lr0-ext hv1 '
            '-- lsp-add ext ext-lr0 -- lsp-set-type ext-lr0 router '
            '-- lsp-set-addresses ext-lr0 router '
            '-- lsp-set-options ext-lr0 router-port=lr0-ext '
            '-- lsp-add ext ln -- lsp-set-type ln localnet '
            '-- lsp-set-addresses ln unknown '
            '-- lsp-set-options ln network_name=physnet '
            '-- lr-nat-add lr0 snat 172.16.0.9 10.1.0.0/24')
    for vm in 'vm1', 'vm2', 'vm3', 'vm11', 'vm12', 'vm21':
        side.vif('hv1', vm)


def ignored(frame):
    """What a router announces about itself on a physical network."""
    return (frame[12:14] == b'\x08\x06' and frame[28:32] == frame[38:42]
            and frame[6:12] == packets.mac(GATEWAY))


def forget(side):
    """Nothing is known about anybody."""
    side.sb('--all destroy MAC_Binding -- --all destroy FDB')
    side.sync()


def to(ip, port=80, data=b'hello', vm=1, source=1000):
    """What vm11 (or another one on sw1) sends to an address."""
    src = ('fd01::1%d' if ':' in ip else '10.1.0.1%d') % vm
    return packets.frame('02:00:00:00:00:1%d' % vm, ROUTER1, src, ip,
                         packets.UDP,
                         packets.udp(src, ip, source, port, data))


def reply(mac, ip, router=ROUTER0, router_ip='10.0.0.1'):
    return packets.arp(2, mac, router, mac, ip, router, router_ip)


def advertisement(mac, ip, router=ROUTER0, router_ip='fd00::1'):
    return packets.advertise(mac, router, ip, router_ip, ip)


def bindings(side):
    side.rows('MAC_Binding', 'logical_port', 'ip', 'mac')


def learned(side, n=1):
    side.wait_for(lambda: len(side.get_rows('MAC_Binding', ['ip'])) == n,
                  '%d addresses are known' % n)


# Answers.

@case()
def arp_for_the_router(side):
    side.send('vm1', packets.arp(1, VM1, BROADCAST, VM1, '10.0.0.1', NOBODY,
                                 '10.0.0.1'))


@case()
def solicitation_for_the_router(side):
    side.send('vm1', packets.solicit(VM1, 'fd00::1', 'fd00::1'))


@case()
def solicitation_for_a_port(side):
    side.send('vm1', packets.solicit(VM1, 'fd00::1', 'fd00::2'))


@case()
def solicitation_with_a_tag(side):
    side.send('vm1', vlan(packets.solicit(VM1, 'fd00::1', 'fd00::2'), 7))


@case()
def solicitation_of_the_unspecified_address(side):
    side.send('vm1', packets.solicit(VM1, '::', 'fd00::2', option=False))


# What is learned.

@case()
def reply_is_learned(side):
    forget(side)
    side.send('vm3', reply(VM3, '10.0.0.33'))
    learned(side)
    bindings(side)


@case()
def advertisement_is_learned(side):
    forget(side)
    side.send('vm3', advertisement(VM3, 'fd00::33'))
    learned(side)
    bindings(side)


@case()
def request_is_learned(side):
    forget(side)
    side.send('vm3', packets.arp(1, VM3, BROADCAST, VM3, '10.0.0.33', NOBODY,
                                 '10.0.0.1'))
    learned(side)
    bindings(side)


@case()
def neighbor_moves(side):
    forget(side)
    side.send('vm3', reply(VM3, '10.0.0.33'))
    learned(side)
    side.sync()
    side.send('vm3', reply(VM4, '10.0.0.33'))
    side.wait_for(lambda: VM4 in ''.join(side.get_rows('MAC_Binding',
                                                       ['mac'])))
    side.sync()
    bindings(side)
    side.send('vm11', to('10.0.0.33'))
    side.wait('vm3')


@case()
def requests_are_not_learned_if_not_wanted(side):
    forget(side)
    side.nb('set Logical_Router lr0 options:always_learn_from_arp_request='
            'false')
    side.sync()
    # Of somebody who is not known, and asks for somebody else.
    side.send('vm3', packets.arp(1, VM3, BROADCAST, VM3, '10.0.0.33', NOBODY,
                                 '10.0.0.44'))
    # For the router.
    side.send('vm3', packets.arp(1, VM4, BROADCAST, VM4, '10.0.0.34', NOBODY,
                                 '10.0.0.1'))
    side.settle()
    learned(side)
    # Of somebody who is known and has moved.
    side.send('vm3', packets.arp(1, VM3, BROADCAST, VM3, '10.0.0.34', NOBODY,
                                 '10.0.0.44'))
    side.wait_for(lambda: VM3 in ''.join(side.get_rows('MAC_Binding',
                                                       ['mac'])))
    bindings(side)
    side.nb('remove Logical_Router lr0 options always_learn_from_arp_request')
    side.sync()


@case()
def fdb(side):
    forget(side)
    side.send('vm3', packets.frame(VM3, VM5, '10.0.0.33', '10.0.0.55',
                                   packets.UDP,
                                   packets.udp('10.0.0.33', '10.0.0.55')))
    side.wait_for(lambda: side.get_rows('FDB', ['mac']))
    side.rows('FDB', 'mac', 'dp_key', 'port_key')


# Packets wait for their next hop.

@case()
def packet_waits_for_a_reply(side):
    forget(side)
    side.send('vm11', to('10.0.0.33'))
    side.wait('vm3')
    side.send('vm3', reply(VM3, '10.0.0.33'))
    side.wait('vm3', 2)
    learned(side)
    bindings(side)


@case()
def packet_waits_for_an_advertisement(side):
    forget(side)
    side.send('vm11', to('fd00::33'))
    side.wait('vm3')
    side.send('vm3', advertisement(VM3, 'fd00::33'))
    side.wait('vm3', 2)
    learned(side)
    bindings(side)


@case()
def packets_keep_their_order(side):
    forget(side)
    side.send('vm11', *[to('10.0.0.33', data=b'%d' % i) for i in range(3)])
    side.wait('vm3', 3)
    side.send('vm3', reply(VM3, '10.0.0.33'))
    side.wait('vm3', 6)
    learned(side)


@case()
def packet_waits_for_the_next_hop_of_a_route(side):
    forget(side)
    side.send('vm11', to('10.50.0.7'))
    side.wait('vm3')
    side.send('vm3', reply(VM3, '10.0.0.98'))
    side.wait('vm3', 2)
    learned(side)
    bindings(side)


@case()
def packet_waits_for_the_next_hop_of_an_ipv6_route(side):
    forget(side)
    side.send('vm11', to('fd50::7'))
    side.wait('vm3')
    side.send('vm3', advertisement(VM3, 'fd00::98'))
    side.wait('vm3', 2)
    learned(side)
    bindings(side)


@case()
def packet_waits_for_a_row_of_another_chassis(side):
    forget(side)
    side.send('vm11', to('10.0.0.33'))
    side.wait('vm3')
    side.settle()
    dp = side.sb('--bare --columns=_uuid find Datapath_Binding '
                 'external_ids:name=lr0').strip()
    side.sb('create MAC_Binding logical_port=lr0-sw0 ip=10.0.0.33 '
            'mac="%s" datapath=%s' % (VM3.replace(':', r'\:'), dp))
    side.wait('vm3', 2)


@case()
def packet_waits_behind_nat_at_a_gateway(side):
    forget(side)
    side.send('vm11', to('172.16.0.33'))
    side.wait('hv1-physnet')
    side.send('hv1-physnet', reply(VM3, '172.16.0.33', GATEWAY, '172.16.0.1'))
    side.wait('hv1-physnet', 2)
    bindings(side)


@case()
def packet_waits_at_a_gateway_ipv6(side):
    forget(side)
    side.send('vm11', to('fd09::33'))
    side.wait('hv1-physnet')
    side.send('hv1-physnet', advertisement(VM3, 'fd09::33', GATEWAY,
                                           'fd09::1'))
    side.wait('hv1-physnet', 2)
    bindings(side)


@case()
def nothing_waits_for_nobody(side):
    forget(side)
    side.send('vm11', to('10.0.0.34'))
    side.wait('vm3')
    side.send('vm3', reply(VM3, '10.0.0.33'))
    learned(side)


# First packets of connections.  Stock keeps four for each next hop.

N = 1000


@case(differs='no first packet of a connection is lost')
def thousand_connections_to_one_next_hop(side):
    def connect(n):
        send_handled(side, 'vm11', [to('10.0.0.33', source=2000 + i)
                                    for i in range(n)])
        side.send('vm3', reply(VM3, '10.0.0.33'))

    n = in_time(side, connect)
    wait_arrived(side, 'vm3', n if side.is_ours else 4)
    arrived = ports(side, 'vm3')
    side.expect('lost', n - len(arrived))
    if side.is_ours:
        check_all(side, arrived, n)
        assert arrived == sorted(arrived), 'out of order'


@case()
def thousand_connections_to_a_thousand_next_hops(side):
    def connect(n):
        send_handled(side, 'vm11', [to(hop(i), source=2000 + i)
                                    for i in range(n)])
        send_handled(side, 'vm21', [reply(VM3, hop(i), ROUTER2, '10.2.0.1')
                                    for i in range(n)])

    n = in_time(side, connect)
    wait_arrived(side, 'vm21', n)
    if side.is_ours:
        check_all(side, ports(side, 'vm21'), n)
    # In which order next hops are known is a matter of chance.
    side.begin()
    side.expect('sent', N)


def check_all(side, arrived, n):
    """Each of the packets has come, once."""
    missing = sorted(set(range(2000, 2000 + n)) - set(arrived))
    assert not missing and len(arrived) == n, (
        '%d of %d, missing: %s; %s'
        % (len(arrived), n, missing[:100],
           side.appctl('hv1', 'coverage/show')))


def in_time(side, connect):
    """Does it faster than packets are given up: they wait for 10 seconds."""
    n = N
    while True:
        forget(side)
        side.begin()
        begin = time.monotonic()
        connect(n)
        if time.monotonic() - begin < 8:
            print('%s: %d packets' % (side.name, n))
            return n
        # The machine is slow.
        n //= 2


def send_handled(side, port, frames):
    """Sends them no faster than the switch hands them to the controller, for
    which it keeps 100, of this and of what comes of it."""
    for i in range(0, len(frames), 25):
        side.send(port, *frames[i:i + 25])
        side.mark('hv1')


def hop(i):
    return '10.2.%d.%d' % (1 + i // 200, 10 + i % 200)


def ports(side, port):
    """The source ports of the UDP packets that have come, in order."""
    return [int.from_bytes(f[34:36], 'big') for f in side.received(port)
            if f[12:14] == b'\x08\x00']


def wait_arrived(side, port, n):
    end = time.monotonic() + 10
    while len(ports(side, port)) < n and time.monotonic() < end:
        time.sleep(.05)
