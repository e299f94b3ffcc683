# SPDX-License-Identifier: Apache-2.0

"""Errors, resets and aborts beside stock: see pinctrl-diff.py."""

import struct

import packets
from pinctrl_diff import case, vlan

VM1 = '02:00:00:00:00:01'
VM2 = '02:00:00:00:00:02'
VM11 = '02:00:00:00:00:11'
VM21 = '02:00:00:00:00:21'
ROUTER0 = '02:00:00:00:ff:00'
ROUTER1 = '02:00:00:00:ff:01'
ROUTER2 = '02:00:00:00:ff:02'
GATEWAY = '02:00:00:00:ff:09'
OUTSIDE = '02:00:00:00:00:99'
PHYSICAL = 'hv1-physnet'

# What a port of a gateway with this MTU is told to send at most: OVN leaves
# room for a tunnel.
MTU = 1000
DONT_FRAGMENT = 0x4000


def network(side):
    """Two switches on a router that is the gateway to a physical network with
    a small MTU, and one on a router that is none.  Ports 80 are rejected when
    packets leave vm1, ports 81 when they get to vm2, and so is all that gets
    to vm3."""
    side.physical('hv1', 'physnet')
    side.nb('lr-add lr0 -- lr-nat-add lr0 snat 172.16.0.9 10.1.0.0/24 '
            '-- lr-add lr1')
    for s, r in (0, 0), (1, 0), (2, 1):
        side.nb('ls-add sw%d -- lrp-add lr%d lr-sw%d 02:00:00:00:ff:0%d '
                '10.%d.0.254/24 fd0%d::fe/64 '
                '-- lsp-add sw%d sw%d-lr -- lsp-set-type sw%d-lr router '
                '-- lsp-set-addresses sw%d-lr router '
                '-- lsp-set-options sw%d-lr router-port=lr-sw%d'
                % (s, r, s, s, s, s, s, s, s, s, s, s))
    for s, vm in (0, 1), (0, 2), (0, 3), (1, 11), (2, 21):
        side.nb('lsp-add sw%d vm%d -- lsp-set-addresses vm%d '
                '"02:00:00:00:00:%02d 10.%d.0.%d fd0%d::%d"'
                % (s, vm, vm, vm, s, vm, s, vm))
    # Frames with VLAN tags go through the pipeline of sw0.
    side.nb('set Logical_Switch sw0 other_config:vlan-passthru=true')
    for direction, port, number in (('from', 'inport == "vm1"', 80),
                                    ('to', 'outport == "vm2"', 81)):
        for proto in 'tcp', 'udp', 'sctp':
            side.nb("acl-add sw0 %s-lport 100 '%s && %s.dst == %d' reject"
                    % (direction, port, proto, number))
    side.nb("acl-add sw0 to-lport 100 'outport == \"vm3\"' reject")
    side.nb('meter-add acl-rate drop 1 pktps 0')
    for name, port, meter in (('metered', 70, '--meter=acl-rate'),
                              ('free', 71, '')):
        side.nb("--log --name=%s --severity=info %s acl-add sw0 from-lport 200"
                " 'inport == \"vm1\" && udp.dst == %d' drop"
                % (name, meter, port))
    side.nb('ls-add ext -- lrp-add lr0 lr0-ext %s 172.16.0.1/24 fd09::1/64 '
            '-- lrp-set-gateway-chassis lr0-ext hv1 '
            '-- set Logical_Router_Port lr0-ext options:gateway_mtu=%d '
            '-- lsp-add ext ext-lr0 -- lsp-set-type ext-lr0 router '
            '-- lsp-set-addresses ext-lr0 router '
            '-- lsp-set-options ext-lr0 router-port=lr0-ext '
            '-- lsp-add ext ln -- lsp-set-type ln localnet '
            '-- lsp-set-addresses ln unknown '
            '-- lsp-set-options ln network_name=physnet'
            % (GATEWAY, MTU))
    for ip in '172.16.0.99', 'fd09::99':
        side.nb('static-mac-binding-add lr0-ext %s %s' % (ip, OUTSIDE))
    # Nobody is behind this address.
    side.nb('lb-add lb0 10.0.0.100:80 "" udp '
            '-- set Load_Balancer lb0 options:reject=true '
            '-- lb-add lb1 10.0.0.100:80 "" '
            '-- set Load_Balancer lb1 options:reject=true '
            '-- ls-lb-add sw1 lb0 -- ls-lb-add sw1 lb1')
    for vm in 'vm1', 'vm2', 'vm3', 'vm11', 'vm21':
        side.vif('hv1', vm)


def ignored(frame):
    """What a router announces about itself on a physical network."""
    return (frame[12:14] == b'\x08\x06' and frame[28:32] == frame[38:42]
            and frame[6:12] == packets.mac(GATEWAY))


# Who talks to whom.  eth_src, eth_dst, IPv4 addresses, IPv6 addresses.
ACL = VM1, VM2, ('10.0.0.1', '10.0.0.2'), ('fd00::1', 'fd00::2')
TAG = b'\x81\0\0\7'
INIT = packets.sctp_chunk(1, struct.pack('!IIHHI', 0xa1b2c3d4, 1000, 1, 1, 5))
DATA = packets.sctp_chunk(0, bytes(12) + b'data')


def addresses(version, src, dst):
    """Of machines, by (switch, number)."""
    form = '10.%d.0.%d' if version == 4 else 'fd0%d::%d'
    return form % src, form % dst


def icmp_of(version):
    return packets.ICMP if version == 4 else packets.ICMP6


def tcp(src, dst, flags=2, port=90, **kw):
    return packets.TCP, packets.tcp(src, dst, flags, dport=port, **kw)


def udp(src, dst, size=5, port=90):
    return packets.UDP, packets.udp(src, dst, dport=port,
                                    data=bytes(i & 0xff for i in range(size)))


def sctp(chunk, port=90):
    return packets.SCTP, packets.sctp(chunk, dport=port,
                                      tag=0 if chunk[0] == 1 else 0x11223344)


def echo(src, dst, size=10):
    version = 6 if ':' in src else 4
    return icmp_of(version), packets.icmp(
        src, dst, 8 if version == 4 else 128, 0,
        b'\x12\x34\0\1' + bytes(size))


# Rejected by ACLs.

def each_rejected(version, port):
    """The packets of vm1 to vm2 that are."""
    me, you = addresses(version, (0, 1), (0, 2))
    for l4 in (tcp(me, you, 2, port), tcp(me, you, 1, port),
               tcp(me, you, 4, port), tcp(me, you, 0x14, port),
               tcp(me, you, 0xc2, port),
               udp(me, you, 5, port), udp(me, you, 0, port),
               udp(me, you, 500, port), udp(me, you, 1300, port),
               sctp(INIT, port), sctp(DATA, port),
               sctp(packets.sctp_chunk(6), port)):
        yield packets.frame(VM1, VM2, me, you, *l4)
    yield packets.frame(VM1, VM2, me, you, *udp(me, you, 5, port), tos=0xb8,
                        ttl=3)


def add_rejected():
    """A case for each version and direction."""
    def add(version, port):
        def reject(side):
            for frame in each_rejected(version, port):
                side.send('vm1', frame)

        reject.__name__ = 'rejected_v%d_%d' % (version, port)
        case()(reject)

    for version in 4, 6:
        for port in 80, 81:
            add(version, port)


add_rejected()


@case()
def rejected_with_a_tag(side):
    for version in 4, 6:
        me, you = addresses(version, (0, 1), (0, 2))
        for port in 80, 81:
            side.send('vm1', vlan(packets.frame(VM1, VM2, me, you,
                                                *udp(me, you, 9, port)), 7))


@case(differs='IEEE 802.1Q, 6.8: a reset belongs to the VLAN of the segment')
def reset_with_a_tag(side):
    for version in 4, 6:
        me, you = addresses(version, (0, 1), (0, 2))
        for port in 80, 81:
            for l4 in tcp(me, you, 2, port), sctp(INIT, port):
                side.send('vm1', vlan(packets.frame(VM1, VM2, me, you, *l4),
                                      7))
    side.wait('vm1', 8)
    tagged = [f for f in side.received('vm1') if f[12:16] == TAG]
    side.expect('resets with the tag', len(tagged))
    assert len(tagged) == (8 if side.is_ours else 0)
    assert len(side.received('vm1')) == 8


@case(differs='RFC 4038, 4.2: mapped addresses are nobody on a network')
def rejected_from_a_mapped_address(side):
    me, you = '::ffff:10.0.0.1', 'fd00::2'
    side.send('vm1', packets.frame(VM1, VM2, me, you, *udp(me, you, 9, 80)))
    side.settle()
    side.expect('answers', len(side.received('vm1')))
    assert len(side.received('vm1')) == (0 if side.is_ours else 1)


@case()
def rejected_whatever_it_is(side):
    for version in 4, 6:
        me, you = addresses(version, (0, 1), (0, 3))
        for l4 in (echo(me, you), (99, b'who knows'), udp(me, you, 9),
                   tcp(me, you, 2)):
            side.send('vm1', packets.frame(VM1, '02:00:00:00:00:03', me, you,
                                           *l4))


@case()
def rejected_behind_a_router(side):
    for version in 4, 6:
        me, you = addresses(version, (1, 11), (0, 2))
        for l4 in tcp(me, you, 2, 81), udp(me, you, 9, 81), sctp(INIT, 81):
            side.send('vm11', packets.frame(VM11, ROUTER1, me, you, *l4))


@case()
def load_balancer_without_backends(side):
    me, you = '10.1.0.11', '10.0.0.100'
    for l4 in tcp(me, you, 2, 80), udp(me, you, 9, 80):
        side.send('vm11', packets.frame(VM11, ROUTER1, me, you, *l4))


# Errors of routers.

@case()
def hop_limit(side):
    for version in 4, 6:
        me, you = addresses(version, (0, 1), (1, 11))
        for l4 in (udp(me, you, 9), udp(me, you, 1300),
                   tcp(me, you, 2), echo(me, you), sctp(INIT)):
            side.send('vm1', packets.frame(VM1, ROUTER0, me, you, *l4, ttl=1))


@case()
def hop_limit_at_a_gateway(side):
    for me, you in ('172.16.0.99', '10.0.0.1'), ('fd09::99', 'fd00::1'):
        side.send(PHYSICAL, packets.frame(OUTSIDE, GATEWAY, me, you,
                                          *udp(me, you, 9), ttl=1))


@case()
def port_unreachable(side):
    for version in 4, 6:
        me, _ = addresses(version, (2, 21), (2, 21))
        you = '10.2.0.254' if version == 4 else 'fd02::fe'
        for l4 in (udp(me, you, 9), udp(me, you, 1300),
                   tcp(me, you, 2), (99, b'who knows'), sctp(INIT)):
            side.send('vm21', packets.frame(VM21, ROUTER2, me, you, *l4))


# Logs of ACLs.  Nothing comes out; what counts is in the log.

def n_logged(side, name):
    with open('%s/hv1/controller.log' % side.dir) as f:
        return sum('acl_log' in line and 'name="%s"' % name in line
                   for line in f)


@case()
def logs_at_the_rate_of_their_meter(side):
    n = 40
    for port in 70, 71:
        side.send('vm1', *[packets.frame(VM1, VM2, '10.0.0.1', '10.0.0.2',
                                         *udp('10.0.0.1', '10.0.0.2', i, port))
                           for i in range(n)])
    side.wait_for(lambda: n_logged(side, 'free') >= n, 'the log')
    side.expect('without a meter', n_logged(side, 'free'))
    side.expect('metered, some', 0 < n_logged(side, 'metered') <= n / 4)


# Larger than a gateway's MTU.

def outwards(version, l4, **kw):
    me = '10.0.0.1' if version == 4 else 'fd00::1'
    you = '172.16.0.99' if version == 4 else 'fd09::99'
    return packets.frame(VM1, ROUTER0, me, you, *l4(me, you),
                         **(dict(frag=DONT_FRAGMENT, **kw)
                            if version == 4 else kw))


@case()
def larger_than_a_gateways_mtu(side):
    for size in 940, 957, 958, 959, 960, 972, 973, 1100, 1400:
        side.send('vm1', outwards(4, lambda *a, n=size: udp(*a, n)))


@case()
def larger_than_a_gateways_mtu_v6(side):
    for size in 920, 937, 938, 939, 940, 952, 953, 1100, 1400:
        side.send('vm1', outwards(6, lambda *a, n=size: udp(*a, n)))


@case(unordered=True)
def larger_than_a_gateways_mtu_by_kinds(side):
    for version in 4, 6:
        for l4 in (lambda *a: tcp(*a, 0x10, data=bytes(1200)),
                   lambda *a: echo(*a, 1200),
                   lambda *a: (99, bytes(1200)),
                   lambda *a: sctp(packets.sctp_chunk(0, bytes(1200)))):
            side.send('vm1', outwards(version, l4))
            side.send('vm1', outwards(version, l4, ttl=5, tos=0x20))


@case()
def larger_than_a_gateways_mtu_behind_nat(side):
    me, you = '10.1.0.11', '172.16.0.99'
    side.send('vm11', packets.frame(VM11, ROUTER1, me, you,
                                    *udp(me, you, 1200), frag=DONT_FRAGMENT))


@case()
def larger_than_a_gateways_mtu_but_may_be_fragmented(side):
    me, you = '10.0.0.1', '172.16.0.99'
    side.send('vm1', packets.frame(VM1, ROUTER0, me, you, *udp(me, you, 1200)))


@case()
def larger_than_a_gateways_mtu_inwards(side):
    for me, you, kw in (('172.16.0.99', '10.0.0.1', {'frag': DONT_FRAGMENT}),
                        ('fd09::99', 'fd00::1', {})):
        for size in 900, 1200:
            side.send(PHYSICAL, packets.frame(OUTSIDE, GATEWAY, me, you,
                                              *udp(me, you, size), **kw))


@case()
def larger_than_a_gateways_mtu_for_itself(side):
    for me, you, kw in (('172.16.0.99', '172.16.0.1',
                         {'frag': DONT_FRAGMENT}),
                        ('fd09::99', 'fd09::1', {})):
        side.send(PHYSICAL, packets.frame(OUTSIDE, GATEWAY, me, you,
                                          *echo(me, you, 1200), **kw))
