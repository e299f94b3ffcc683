# SPDX-License-Identifier: Apache-2.0

"""DHCPv6 requests beside stock: see pinctrl-diff.py."""

import struct

import packets
from pinctrl_diff import case, vlan

VM1 = '02:00:00:00:00:01'
VM2 = '02:00:00:00:00:02'
VM3 = '02:00:00:00:00:03'
SERVER = '02:00:00:00:ff:01'
LLA = {VM1: 'fe80::ff:fe00:1', VM2: 'fe80::ff:fe00:2', VM3: 'fe80::ff:fe00:3'}
ALL = 'ff02::1:2'

(SOLICIT, ADVERTISE, REQUEST, CONFIRM, RENEW, REBIND, REPLY, RELEASE, DECLINE,
 RECONFIGURE, INFORMATION, RELAY_FORW) = range(1, 13)


def network(side):
    """vm1 has plain options, vm2 more, vm3 none of addresses."""
    side.nb('ls-add sw0')
    for i in 1, 2, 3:
        side.nb('lsp-add sw0 vm%d -- lsp-set-addresses vm%d '
                '"02:00:00:00:00:%02d fd00::1%d"' % ((i,) * 4))
    more = [('dns_server', '{fd00::53, fd00::54}')]
    for vm, options in (('vm1', []), ('vm2', more),
                        ('vm3', more + [('dhcpv6_stateless', 'true')])):
        dhcp = side.run(['ovn-nbctl', 'create', 'DHCP_Options',
                         'cidr="fd00::/64"',
                         'options:server_id="%s"' % SERVER]).strip()
        for key, value in options:
            side.run(['ovn-nbctl', 'set', 'DHCP_Options', dhcp,
                      'options:%s="%s"' % (key, value.replace('"', '\\"'))])
        side.nb('lsp-set-dhcpv6-options %s %s' % (vm, dhcp))
        side.vif('hv1', vm)
    side.nb('set Logical_Switch sw0 other_config:vlan-passthru=true')


def opt(code, value=b''):
    return struct.pack('!HH', code, len(value)) + value


def client_id(value=None):
    return opt(1, value if value is not None
               else b'\0\x03\0\x01' + packets.mac(VM1))


def server_id(value=None):
    return opt(2, value if value is not None
               else b'\0\x03\0\x01' + packets.mac(SERVER))


def ia_na(*options, iaid=7, t1=1000, t2=2000):
    return opt(3, struct.pack('!III', iaid, t1, t2) + b''.join(options))


def ia_addr(ip):
    return opt(5, packets.ip(ip) + struct.pack('!II', 100, 200))


def message(kind, *options, xid=0x123456):
    return struct.pack('!I', kind << 24 | xid) + b''.join(options)


def request(payload, eth_src=VM1, dst=ALL):
    src = LLA[eth_src]
    return packets.frame(eth_src, '33:33:00:01:00:02', src, dst, packets.UDP,
                         packets.udp(src, dst, 546, 547, payload))


def send(side, kind, *options, **kwargs):
    side.send('vm1', request(message(kind, *options, **kwargs)))


@case()
def solicit(side):
    send(side, SOLICIT, client_id(), ia_na())


@case()
def solicit_more_options(side):
    for vm, mac in ('vm2', VM2), ('vm3', VM3):
        for kind in SOLICIT, REQUEST, INFORMATION:
            side.send(vm, request(message(kind, client_id(), ia_na()), mac))


def add_cases_of_types():
    """Every type of message, with and without what it may need."""
    def add(kind, name, options):
        def function(side):
            send(side, kind, *options)
            # So that something comes of it.
            send(side, SOLICIT, client_id(), ia_na())
        function.__name__ = 'type_%d_%s' % (kind, name)
        case()(function)

    for kind in [k for k in range(0, 14) if k not in (RENEW, REBIND, RELEASE)]:
        add(kind, 'whole', [client_id(), server_id(),
                            ia_na(ia_addr('fd00::11'))])
        if kind < 10 or kind == INFORMATION:
            add(kind, 'without_association', [client_id(), server_id()])


add_cases_of_types()


@case(differs='RFC 8415, 18.3.4, 5 and 7: renewals and releases are answered')
def renewed_and_released(side):
    for kind in RENEW, REBIND, RELEASE:
        send(side, kind, client_id(), server_id(), ia_na(ia_addr('fd00::11')))
    side.settle()
    replies = [f[62:] for f in side.received('vm1')]
    if side.is_ours:
        assert [r[0] for r in replies] == [REPLY] * 3, replies
        assert ia_na(opt(5, packets.ip('fd00::11') + b'\xff' * 8),
                     t1=0xffffffff, t2=0xffffffff) in replies[0]
        assert replies[0] == replies[1], replies
        assert replies[2][4:] == client_id() + opt(13, bytes(2)) + server_id()
    side.expect('replies', [r.hex() for r in replies])


STOCK_TYPES = [k for k in range(1, 12) if k not in (RENEW, REBIND, RELEASE)]


@case()
def without_server_id(side):
    for kind in STOCK_TYPES:
        send(side, kind, client_id(), ia_na(ia_addr('fd00::11')))


@case()
def wrong_address(side):
    for kind in STOCK_TYPES:
        send(side, kind, client_id(), server_id(), ia_na(ia_addr('fd00::99')))


@case(differs='RFC 8415, 16.4: a message to another server is discarded')
def of_another_server(side):
    other = server_id(b'\0\x03\0\x01' + packets.mac(VM3))
    for kind in REQUEST, RENEW, RELEASE, DECLINE:
        send(side, kind, client_id(), other, ia_na(ia_addr('fd00::11')))
    side.settle()
    n = len(side.received('vm1'))
    assert not side.is_ours or not n
    side.expect('answers', n)


@case()
def without_client_id(side):
    for kind in STOCK_TYPES:
        send(side, kind, server_id(), ia_na())


@case()
def several_associations(side):
    send(side, SOLICIT, client_id(), ia_na(iaid=1), ia_na(iaid=2))
    send(side, SOLICIT, client_id(), opt(25, struct.pack('!III', 1, 0, 0)),
         ia_na())
    send(side, SOLICIT, client_id(), opt(4, struct.pack('!I', 5)))


@case()
def options_asked_for(side):
    send(side, SOLICIT, client_id(), opt(6, b'\0\x17\0\x18'), opt(8, b'\0\0'),
         ia_na())


@case()
def rapid_commit(side):
    send(side, SOLICIT, client_id(), opt(14), ia_na())


@case()
def identifiers(side):
    for value in (b'\0\x01\0\x01' + bytes(10), b'\0\x02' + bytes(20),
                  b'\0\x04' + bytes(16), b'\0\x03', b'', bytes(128)):
        send(side, SOLICIT, client_id(value), ia_na())


@case()
def order(side):
    send(side, SOLICIT, ia_na(), opt(8, b'\0\x10'), client_id())
    send(side, SOLICIT, client_id(), client_id(b'\0\x03\0\x01' + bytes(6)),
         ia_na())


@case()
def tagged(side):
    side.send('vm1', vlan(request(message(SOLICIT, client_id(), ia_na())), 7))


@case()
def malformed(side):
    whole = message(SOLICIT, client_id(), ia_na())
    for n in range(0, 18):
        side.send('vm1', request(whole[:n]))
    send(side, SOLICIT, client_id(), ia_na(), b'\0')
    send(side, SOLICIT, client_id(), ia_na(), b'\0\x08\0\xff')


@case()
def short_association(side):
    send(side, SOLICIT, client_id(), opt(3, bytes(3)))
    send(side, SOLICIT, client_id(), opt(3, bytes(11)))


@case(differs='RFC 8415, 21.1: an option is all in the message')
def association_that_breaks_off(side):
    whole = message(SOLICIT, client_id(), ia_na())
    for n in len(whole) - 1, len(whole) - 5:
        side.send('vm1', request(whole[:n]))
    side.settle()
    n = len(side.received('vm1'))
    assert not side.is_ours or not n
    side.expect('answers', n)


@case(differs='RFC 3646, 4: names as DNS has them, label by label')
def domain_search(side):
    uuid = side.nb('--bare --columns=dhcpv6_options list '
                   'Logical_Switch_Port vm2').strip()
    side.run(['ovn-nbctl', '--wait=hv', 'set', 'DHCP_Options', uuid,
              r'options:domain_search="\"a.example,b.example\""'])
    side.send('vm2', request(message(SOLICIT, client_id(), ia_na()), VM2))
    side.wait('vm2')
    frame, = side.received('vm2')
    if side.is_ours:
        want = opt(24, b'\1a\7example\0\1b\7example\0')
        assert want in frame, frame.hex()
    side.expect('reply', frame.hex())


@case()
def after_a_restart(side):
    side.restart('hv1')
    send(side, SOLICIT, client_id(), ia_na())
