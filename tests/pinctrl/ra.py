# SPDX-License-Identifier: Apache-2.0

"""Router advertisements beside stock: see pinctrl-diff.py.

What a router sends by itself is not among the frames that are compared, since
nobody knows when: cases say what it is by periodic()."""

import time

import packets
from pinctrl_diff import case, l3_offset, vlan

ALL_HOSTS = '33:33:00:00:00:01'
ALL_ROUTERS = '33:33:00:00:00:02'

# Networks of a router's port, and what it advertises: by the number of its
# switch.
FULL = {'address_mode': 'slaac', 'mtu': '1400', 'router_preference': 'HIGH',
        'rdnss': 'fd00::53', 'dnssl': 'a.example,b.c.example',
        'route_info': 'HIGH-aef1::11/48,LOW-aef2::11/96,MEDIUM-::/0,'
                      'LOW-aef3::/64'}
PORTS = [
    (['fd00::1/64'], FULL),
    (['fd01::1/64'], {'address_mode': 'dhcpv6_stateful', 'mtu': '1500'}),
    (['fd02::1/64', 'fd12::1/64'], {'address_mode': 'dhcpv6_stateless',
                                    'router_preference': 'LOW'}),
    (['fd03::1/48', '10.3.0.1/24'], {'address_mode': 'slaac', 'mtu': '1000'}),
    (['10.4.0.1/24'], {'address_mode': 'dhcpv6_stateful'}),
    (['fd05::1/64'], {'address_mode': 'slaac',
                      'route_info': 'foo,HIGH-aef1::1,aef2::/48,'
                                    'LOW-aef3::/48'}),
    (['fd06::1/64'], {'address_mode': 'slaac', 'dnssl': 'a.example, b.org'}),
]


def vm_mac(n):
    return '02:00:00:00:00:%02x' % n


def lla(n):
    return 'fe80::ff:fe00:%x' % n


def add_switch(side, n, networks, config, router='lr0'):
    side.nb('ls-add sw%d -- lsp-add sw%d vm%d -- lsp-set-addresses vm%d %s'
            % (n, n, n, n, vm_mac(n)),
            '-- lrp-add %s %s-sw%d 02:00:00:00:ff:%02x %s'
            % (router, router, n, n, ' '.join(networks)),
            '-- lsp-add sw%d up%d -- lsp-set-type up%d router '
            '-- lsp-set-addresses up%d router '
            '-- lsp-set-options up%d router-port=%s-sw%d'
            % (n, n, n, n, n, router, n),
            '-- set Logical_Router_Port %s-sw%d '
            'ipv6_ra_configs:send_periodic=true '
            'ipv6_ra_configs:max_interval=4 ipv6_ra_configs:min_interval=3'
            % (router, n),
            '-- set Logical_Switch sw%d other_config:vlan-passthru=true' % n)
    for key, value in config.items():
        side.run(['ovn-nbctl', 'set', 'Logical_Router_Port',
                  '%s-sw%d' % (router, n),
                  'ipv6_ra_configs:%s="%s"' % (key, value)])
    side.vif('hv1', 'vm%d' % n)


def network(side):
    side.nb('lr-add lr0')
    for n, (networks, config) in enumerate(PORTS):
        add_switch(side, n, networks, config)
    # On the other chassis, and behind a router of one chassis.
    side.nb('lsp-add sw0 far -- lsp-set-addresses far 02:00:00:00:00:99')
    side.vif('hv2', 'far')
    side.nb('create Logical_Router name=gw options:chassis=hv1')
    add_switch(side, 20, ['fd20::1/64'], {'address_mode': 'slaac'}, 'gw')


def is_advert(frame):
    at = l3_offset(frame)
    return (frame[at - 2:at] == b'\x86\xdd' and frame[at + 6] == packets.ICMP6
            and frame[at + 40] == 134)


def ignored(frame):
    return (is_advert(frame) and frame[:6] == packets.mac(ALL_HOSTS)
            or frame[12:14] == b'\x86\xdd' and not is_advert(frame))


def solicit(n=0, src=None, options=None, hop_limit=255, code=0, body=bytes(4),
            tos=0):
    src = lla(n) if src is None else src
    if options is None:
        options = b'\1\1' + packets.mac(vm_mac(n))
    return packets.frame(vm_mac(n), ALL_ROUTERS, src, 'ff02::2',
                         packets.ICMP6,
                         packets.icmp(src, 'ff02::2', 133, code,
                                      body + options),
                         ttl=hop_limit, tos=tos)


def adverts(side, port, start=0):
    return [f for f in side.received(port)[start:]
            if is_advert(f) and ignored(f)]


def periodic(side, *ports):
    """What each port's router says by itself, from now on: the second one, as
    the first may have been under way."""
    start = {p: len(side.received(p)) for p in ports}
    for p in ports:
        side.wait_for(lambda p=p: len(adverts(side, p, start[p])) > 1,
                      'advertisements from ' + p)
    return {p: adverts(side, p, start[p])[1] for p in ports}


def expect_periodic(side, *ports):
    for port, frame in sorted(periodic(side, *ports).items()):
        side.expect(port, frame.hex())


def options(frame):
    """The options of an advertisement: type, and the rest."""
    at = l3_offset(frame) + 40 + 16
    found = []
    while at < len(frame):
        size = 8 * frame[at + 1]
        found.append((frame[at], frame[at + 2:at + size]))
        at += size
    return found


@case()
def by_itself(side):
    expect_periodic(side, *['vm%d' % n for n in (0, 1, 2, 3, 5, 20)],
                    'far')


@case()
def each_chassis_to_its_own(side):
    # Three intervals of three to four seconds.
    start = len(side.received('far'))
    side.wait_for(lambda: adverts(side, 'far', start), 'the first')
    began = time.monotonic()
    side.wait_for(lambda: len(adverts(side, 'far', start)) > 3, 'the next')
    side.expect('often', time.monotonic() - began < 8)


@case()
def when_asked(side):
    for n in (0, 1, 2, 3, 4, 5, 20):
        side.send('vm%d' % n, solicit(n))


@case()
def without_link_layer_address(side):
    side.send('vm0', solicit(options=b''))


@case()
def with_other_options(side):
    nonce = b'\x0e\1' + bytes(6)
    side.send('vm0', solicit(options=nonce + b'\1\1' + bytes(6)))
    side.send('vm0', solicit(options=b'\xfd\2' + bytes(14)))


@case()
def with_a_tag(side):
    side.send('vm0', vlan(solicit(), 7))


@case()
def with_a_traffic_class(side):
    side.send('vm0', solicit(tos=0xb8))


@case()
def without_a_network(side):
    # As long as another port says something three times.
    start = len(side.received('vm3'))
    n = len(side.received('vm4'))
    side.wait_for(lambda: len(adverts(side, 'vm3', start)) > 2, 'three')
    side.expect('advertisements', sorted({f.hex() for f in adverts(
        side, 'vm4', n)}))


def refused(side, *frames):
    """Ours does not answer; stock may."""
    for frame in frames:
        side.send('vm0', frame)
    side.settle()
    n = sum(is_advert(f) and not ignored(f) for f in side.received('vm0'))
    assert not side.is_ours or not n, n
    side.expect('answers', n)


@case(differs='RFC 4861, 6.1.1: an option is not empty, and all there')
def options_of_no_length(side):
    refused(side, solicit(options=b'\1\0' + bytes(6)),
            solicit(options=b'\1\2' + bytes(6)))


@case(differs='RFC 4861, 6.1.1: nobody has no link-layer address')
def from_nobody_with_an_address(side):
    refused(side, solicit(src='::'))


@case(differs='RFC 4861, 6.1.1: the checksum is right')
def wrong_checksum(side):
    frame = bytearray(solicit())
    frame[56] ^= 1
    refused(side, bytes(frame))


@case(silent=True)
def not_for_routers(side):
    side.send('vm0', solicit(hop_limit=254), solicit(code=1))


@case(differs='RFC 4861, 6.2.6: who has no address is answered by multicast',
      mended='25.03')
def from_nobody(side):
    start = len(side.received('vm0'))
    side.send('vm0', solicit(src='::', options=b''))
    side.settle()
    frames = [f for f in side.received('vm0')[start:] if is_advert(f)]
    if side.is_ours:
        answer = [f for f in frames if f[38:54] == packets.ip('ff02::1')
                  and f[:6] == packets.mac(ALL_HOSTS)]
        assert answer and options(answer[0]) == options(adverts(
            side, 'vm0')[0]), frames
    side.expect('to nobody', any(f[38:54] == bytes(16) for f in frames))


@case(differs='ovn-nb(5), ipv6_ra_configs:dnssl: "a.b.c, d.e.f"')
def names_with_a_space(side):
    side.send('vm6', solicit(6))
    frame = periodic(side, 'vm6')['vm6']
    side.wait_for(lambda: [f for f in side.received('vm6')
                           if is_advert(f) and not ignored(f)], 'an answer')
    answer, = [f for f in side.received('vm6')
               if is_advert(f) and not ignored(f)]
    lists = [dict(options(f))[31] for f in (frame, answer)]
    if side.is_ours:
        names = b'\1a\7example\0\1b\3org\0'
        assert lists == [bytes(2) + b'\xff' * 4 + names
                         + bytes(-len(names) % 8)] * 2, lists
    side.expect('lists', [v.hex() for v in lists])


@case()
def changes(side):
    side.nb('--wait=hv set Logical_Router_Port lr0-sw1 '
            'ipv6_ra_configs:address_mode=slaac ipv6_ra_configs:mtu=1280')
    expect_periodic(side, 'vm1')
    side.nb('--wait=hv lrp-set-enabled lr0-sw1 disabled')
    side.nb('--wait=hv lrp-set-enabled lr0-sw1 enabled')
    expect_periodic(side, 'vm1')
    side.nb('--wait=hv set Logical_Router_Port lr0-sw1 '
            'ipv6_ra_configs:send_periodic=false')
    side.send('vm1', solicit(1))


@case()
def after_a_restart(side):
    side.restart('hv1')
    side.send('vm0', solicit())
    expect_periodic(side, 'vm0', 'far')
