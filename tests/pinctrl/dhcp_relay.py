# SPDX-License-Identifier: Apache-2.0

"""DHCP relayed by a router, beside stock: see pinctrl-diff.py."""

import ipaddress

import packets
from pinctrl.dhcp import (ACK, BROADCAST, DECLINE, DISCOVER, INFORM, NAK,
                          OFFER, RELEASE, REQUEST, message, opt)
from pinctrl_diff import CASES, case

# Only that file's words are wanted.
CASES.clear()

VM1 = '02:00:00:00:00:01'
SERVER = '02:00:00:00:00:11'
ROUTER0 = '02:00:00:00:ff:00'
ROUTER1 = '02:00:00:00:ff:01'
AGENT = '10.0.0.254'
SERVER_IP = '10.1.0.11'


def network(side):
    """vm1 on a switch whose router relays to vm11, behind another port."""
    side.nb('lr-add lr0')
    for s in 0, 1:
        side.nb('ls-add sw%d -- lrp-add lr0 lr0-sw%d 02:00:00:00:ff:0%d '
                '10.%d.0.254/24 '
                '-- lsp-add sw%d sw%d-lr0 -- lsp-set-type sw%d-lr0 router '
                '-- lsp-set-addresses sw%d-lr0 router '
                '-- lsp-set-options sw%d-lr0 router-port=lr0-sw%d'
                % ((s,) * 10))
    side.nb('lsp-add sw0 vm1 -- lsp-set-addresses vm1 "%s" '
            '-- lsp-add sw1 vm11 -- lsp-set-addresses vm11 "%s %s"'
            % (VM1, SERVER, SERVER_IP))
    side.nb('--id=@r create DHCP_Relay name=relay servers=%s '
            '-- set Logical_Router_Port lr0-sw0 dhcp_relay=@r '
            '-- set Logical_Switch sw0 other_config:dhcp_relay_port=sw0-lr0'
            % SERVER_IP)
    for vm in 'vm1', 'vm11':
        side.vif('hv1', vm)


def request(side, kind, *options, csum=True, l4=None, **fixed):
    """What vm1 broadcasts."""
    src, dst = '0.0.0.0', '255.255.255.255'
    l4 = l4 or packets.udp(src, dst, 68, 67, message(kind, *options, **fixed))
    if not csum:
        l4 = l4[:6] + b'\0\0' + l4[8:]
    side.send('vm1', packets.frame(VM1, BROADCAST, src, dst, packets.UDP, l4))


def reply(side, kind, *options, csum=True, server=SERVER_IP, giaddr=AGENT,
          yiaddr='10.0.0.7', **fixed):
    """What vm11 answers."""
    src, dst = SERVER_IP, AGENT
    fixed.setdefault('op', 2)
    l4 = packets.udp(src, dst, 67, 67, message(
        kind, opt(54, packets.ip(server)), *options, giaddr=giaddr,
        yiaddr=yiaddr, **fixed))
    if not csum:
        l4 = l4[:6] + b'\0\0' + l4[8:]
    side.send('vm11', packets.frame(SERVER, ROUTER1, src, dst, packets.UDP,
                                    l4))


@case()
def discover(side):
    request(side, DISCOVER)


@case()
def discover_without_checksum(side):
    request(side, DISCOVER, csum=False)


@case()
def discover_to_be_broadcast(side):
    request(side, DISCOVER, flags=0x8000)


@case()
def request_with_options(side):
    request(side, REQUEST, opt(50, packets.ip('10.0.0.7')),
            opt(54, packets.ip(SERVER_IP)), opt(12, b'host'))


@case()
def decline(side):
    request(side, DECLINE, opt(50, packets.ip('10.0.0.7')),
            opt(54, packets.ip(SERVER_IP)))


@case()
def release(side):
    request(side, RELEASE, ciaddr='10.0.0.7')


@case()
def inform(side):
    request(side, INFORM, ciaddr='10.0.0.7')


@case(silent=True)
def discover_relayed_before(side):
    request(side, DISCOVER, giaddr='10.9.9.9')


@case()
def discover_with_hops(side):
    for hops in 1, 15, 16:
        request(side, DISCOVER, hops=hops)


@case(differs='RFC 1542, 4.1.1: more than 16 hops are too many')
def discover_with_too_many_hops(side):
    for hops in 17, 255:
        request(side, DISCOVER, hops=hops)
    if not side.is_ours:
        side.wait('vm11', 2)
    side.settle()
    side.expect('relayed', len(side.received('vm11')))
    assert len(side.received('vm11')) == (0 if side.is_ours else 2)


@case(silent=True)
def discover_without_type(side):
    request(side, None)


@case(silent=True)
def discover_without_cookie(side):
    request(side, DISCOVER, magic=b'1234')


@case(silent=True)
def discover_of_another_hardware(side):
    request(side, DISCOVER, htype=6)


@case(silent=True)
def reply_from_the_clients_side(side):
    request(side, DISCOVER, op=2)


@case(silent=True)
def short_request(side):
    for n in 1, 200, 239, 240:
        request(side, DISCOVER, l4=packets.udp(
            '0.0.0.0', '255.255.255.255', 68, 67, message(DISCOVER)[:n]))


@case()
def offer(side):
    reply(side, OFFER)


@case()
def offer_without_checksum(side):
    reply(side, OFFER, csum=False)


@case()
def offer_to_be_broadcast(side):
    reply(side, OFFER, flags=0x8000)


@case()
def ack(side):
    reply(side, ACK, opt(51, b'\0\0\x0e\x10'), ciaddr='10.0.0.7')


def destination(side):
    """Where the only frame that vm1 has got is for."""
    side.wait('vm1')
    frame, = side.received('vm1')
    return str(ipaddress.ip_address(frame[30:34]))


@case(differs='RFC 2131, 4.3.2: a DHCPNAK is broadcast, not for 0.0.0.0')
def nak(side):
    reply(side, NAK, yiaddr='0.0.0.0')
    side.expect('for', destination(side))
    assert destination(side) == ('255.255.255.255' if side.is_ours
                                 else '0.0.0.0')


@case()
def nak_to_be_broadcast(side):
    reply(side, NAK, yiaddr='0.0.0.0', flags=0x8000)


@case(silent=True)
def offer_for_another_agent(side):
    reply(side, OFFER, giaddr='10.9.9.9')


@case(silent=True)
def offer_of_another_server(side):
    reply(side, OFFER, server='10.1.0.12')


@case(differs='RFC 2131, 4.1: what has no other address goes to ciaddr')
def ack_without_address(side):
    reply(side, ACK, yiaddr='0.0.0.0', ciaddr='10.0.0.8')
    side.expect('for', destination(side))
    assert destination(side) == ('10.0.0.8' if side.is_ours else '0.0.0.0')


@case(silent=True)
def offer_that_is_a_request(side):
    reply(side, OFFER, op=1)


@case(silent=True)
def offer_for_another_hardware(side):
    reply(side, OFFER, htype=6, hlen=16)


@case(silent=True)
def offer_without_cookie(side):
    reply(side, OFFER, magic=b'1234')
