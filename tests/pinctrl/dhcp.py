# SPDX-License-Identifier: Apache-2.0

"""DHCP requests beside stock: see pinctrl-diff.py."""

import struct

import packets
from pinctrl_diff import case, l3_offset, mask, vlan

VM1 = '02:00:00:00:00:01'
VM2 = '02:00:00:00:00:02'
VM3 = '02:00:00:00:00:03'
SERVER = '02:00:00:00:ff:01'
BROADCAST = 'ff:ff:ff:ff:ff:ff'

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
MAGIC = b'\x63\x82\x53\x63'


def network(side):
    """vm1 has plain options, vm2 every one, vm3 those of a boot server."""
    side.nb('ls-add sw0')
    for i in 1, 2, 3:
        side.nb('lsp-add sw0 vm%d -- lsp-set-addresses vm%d '
                '"02:00:00:00:00:%02d 10.0.0.1%d"' % ((i,) * 4))
    mandatory = ('options:server_id=10.0.0.1 options:server_mac=%s '
                 'options:lease_time=3600 options:router=10.0.0.1' % SERVER)
    every = [
        ('netmask', '255.255.0.0'), ('dns_server', '{8.8.8.8, 7.7.7.7}'),
        ('log_server', '10.0.0.2'), ('lpr_server', '10.0.0.3'),
        ('swap_server', '10.0.0.4'), ('policy_filter', '10.0.0.5'),
        ('router_solicitation', '10.0.0.6'), ('nis_server', '10.0.0.7'),
        ('ntp_server', '10.0.0.8'), ('netbios_name_server', '10.0.0.9'),
        ('classless_static_route',
         '{30.0.0.0/24,10.0.0.10, 0.0.0.0/0,10.0.0.1}'),
        ('ms_classless_static_route', '{30.0.0.0/24,10.0.0.10}'),
        ('next_server', '10.0.0.77'), ('ip_forward_enable', '1'),
        ('router_discovery', '0'), ('ethernet_encap', '1'),
        ('default_ttl', '64'), ('tcp_ttl', '63'), ('mtu', '1400'),
        ('T1', '1000'), ('T2', '2000'), ('arp_cache_timeout', '20'),
        ('tcp_keepalive_interval', '30'), ('netbios_node_type', '8'),
        ('wpad', '"http://w/p.dat"'), ('bootfile_name', '"boot.img"'),
        ('path_prefix', '"/p/"'),
        ('tftp_server_address', '{10.0.0.4,10.0.0.5}'),
        ('hostname', '"host"'), ('domain_name', '"ovn.example"'),
        ('broadcast_address', '10.0.255.255'),
        ('tftp_server', '"tftp.example"'),
        ('domain_search_list', '"a.example,b.a.example"'),
    ]
    boot = [('bootfile_name', '"boot.img"'),
            ('bootfile_name_alt', '"http://boot/ipxe"'),
            ('next_server', '10.0.0.88')]
    for vm, options in ('vm1', []), ('vm2', every), ('vm3', boot):
        dhcp = side.nb('create DHCP_Options cidr=10.0.0.0/24',
                       mandatory).strip()
        for key, value in options:
            side.run(['ovn-nbctl', 'set', 'DHCP_Options', dhcp,
                      'options:%s="%s"' % (key, value.replace('"', '\\"'))])
        side.nb('lsp-set-dhcpv4-options %s %s' % (vm, dhcp))
        side.vif('hv1', vm)
    side.nb('set Logical_Switch sw0 other_config:vlan-passthru=true')


def opt(code, value):
    return bytes([code, len(value)]) + value


def message(kind, *options, chaddr=VM1, op=1, htype=1, hlen=6, hops=0,
            flags=0, ciaddr='0.0.0.0', giaddr='0.0.0.0', magic=MAGIC,
            end=b'\xff', yiaddr='0.0.0.0', sname=b'', file=b''):
    head = struct.pack('!BBBBIHH', op, htype, hlen, hops, 0x12345678, 3, flags)
    head += packets.ip(ciaddr) + packets.ip(yiaddr) + bytes(4)
    head += packets.ip(giaddr) + packets.mac(chaddr) + bytes(10)
    head += sname.ljust(64, b'\0') + file.ljust(128, b'\0')
    kinds = opt(53, bytes([kind])) if kind is not None else b''
    return head + magic + kinds + b''.join(options) + end


def requested(ip):
    return opt(50, packets.ip(ip))


def server(ip):
    return opt(54, packets.ip(ip))


def request(payload, eth_src=VM1, src='0.0.0.0', dst='255.255.255.255',
            eth_dst=BROADCAST, sport=68, dport=67, **kwargs):
    return packets.frame(eth_src, eth_dst, src, dst, packets.UDP,
                         packets.udp(src, dst, sport, dport, payload),
                         **kwargs)


def send(side, *args, port='vm1', **kwargs):
    side.send(port, request(message(*args, **kwargs)))


def reply(frame):
    """The DHCP message in a frame, as header, message type and options."""
    at = l3_offset(frame)
    data = frame[at + 28:]
    options = {}
    i = 240
    while i < len(data) and data[i] != 255:
        if data[i]:
            options[data[i]] = data[i + 2:i + 2 + data[i + 1]]
            i += 1 + data[i + 1]
        i += 1
    return data, options


@mask('nak', 'RFC 2131, table 3 and 4.3.2: a DHCPNAK has the server '
      'identifier, and is broadcast')
def mask_nak(frame):
    at = l3_offset(frame)
    if len(frame) > at + 271 and frame[at + 268:at + 271] == b'\x35\x01\x06':
        del frame[at + 271:]
        for i in (2, 3, 10, 11, 16, 17, 18, 19, 24, 25):
            frame[at + i] = 0


@case()
def discover(side):
    send(side, DISCOVER)


@case()
def discover_every_option(side):
    side.send('vm2', request(message(DISCOVER, chaddr=VM2), eth_src=VM2))


@case()
def boot_server(side):
    side.send('vm3', request(message(DISCOVER, chaddr=VM3), eth_src=VM3))
    side.send('vm3', request(message(REQUEST, requested('10.0.0.13'),
                                     chaddr=VM3), eth_src=VM3))


@case()
def boot_server_for_ipxe(side):
    side.send('vm3', request(message(DISCOVER, opt(175, b'\x01\x02\x03'),
                                     chaddr=VM3), eth_src=VM3))


@case()
def parameters_asked_for(side):
    send(side, DISCOVER, opt(55, b'\x01\x03\x06'), opt(12, b'me'),
         opt(61, b'\x01' + packets.mac(VM1)), opt(57, b'\x05\xdc'))


@case()
def selecting(side):
    send(side, REQUEST, requested('10.0.0.11'), server('10.0.0.1'))


@case(differs='RFC 2131, 4.3.2: the client has chosen another server')
def selecting_another_server(side):
    send(side, REQUEST, requested('10.0.0.11'), server('10.0.0.2'))
    side.settle()
    n = len(side.received('vm1'))
    assert not side.is_ours or not n
    side.expect('answers', n)


@case(differs='RFC 2131, table 3 and 4.3.2: what a DHCPNAK is like')
def nak(side):
    send(side, REQUEST, requested('10.0.0.99'))
    side.wait('vm1')
    frame, = side.received('vm1')
    data, options = reply(frame)
    if side.is_ours:
        assert options == {53: b'\x06', 54: packets.ip('10.0.0.1')}, options
        assert frame[30:34] == b'\xff' * 4, frame.hex()
        assert data[16:24] == bytes(8), data.hex()
    side.expect('options', options)


@case()
def init_reboot(side):
    send(side, REQUEST, requested('10.0.0.11'))


@case(masks=('nak',))
def init_reboot_wrong_address(side):
    send(side, REQUEST, requested('10.0.0.99'))


@case(masks=('nak',))
def selecting_wrong_address(side):
    send(side, REQUEST, requested('10.0.0.99'), server('10.0.0.1'))


@case()
def renewing(side):
    side.send('vm1', request(message(REQUEST, ciaddr='10.0.0.11'),
                             src='10.0.0.11', dst='10.0.0.1',
                             eth_dst=SERVER))


@case(masks=('nak',))
def renewing_wrong_address(side):
    side.send('vm1', request(message(REQUEST, ciaddr='10.0.0.12'),
                             src='10.0.0.11', dst='10.0.0.1',
                             eth_dst=SERVER))


@case()
def rebinding(side):
    side.send('vm1', request(message(REQUEST, ciaddr='10.0.0.11'),
                             src='10.0.0.11'))


@case(masks=('nak',))
def without_any_address(side):
    send(side, REQUEST)


@case(masks=('nak',))
def both_addresses(side):
    send(side, REQUEST, requested('10.0.0.99'), ciaddr='10.0.0.11')
    send(side, REQUEST, requested('10.0.0.11'), ciaddr='10.0.0.99')


@case()
def decline(side):
    send(side, DECLINE, requested('10.0.0.11'), server('10.0.0.1'))


@case(silent=True)
def release(side):
    side.send('vm1', request(message(RELEASE, server('10.0.0.1'),
                                     ciaddr='10.0.0.11'),
                             src='10.0.0.11', dst='10.0.0.1',
                             eth_dst=SERVER))


@case()
def inform(side):
    side.send('vm1', request(message(INFORM, ciaddr='10.0.0.11'),
                             src='10.0.0.11'))
    side.send('vm1', request(message(INFORM, ciaddr='10.0.0.11'),
                             src='10.0.0.11', dst='10.0.0.1',
                             eth_dst=SERVER))


@case()
def inform_every_option(side):
    side.send('vm2', request(message(INFORM, ciaddr='10.0.0.12', chaddr=VM2),
                             eth_src=VM2, src='10.0.0.12'))


@case()
def inform_without_address(side):
    send(side, INFORM)


@case(masks=('nak',))
def broadcast_flag(side):
    for kind in DISCOVER, REQUEST:
        send(side, kind, requested('10.0.0.11'), flags=0x8000)
    send(side, REQUEST, requested('10.0.0.99'), flags=0x8000)


@case(masks=('nak',))
def relayed(side):
    for kind in DISCOVER, REQUEST:
        send(side, kind, requested('10.0.0.11'), giaddr='10.9.9.9', hops=1)
    send(side, REQUEST, requested('10.0.0.99'), giaddr='10.9.9.9', hops=1)


@case()
def another_client(side):
    send(side, DISCOVER, chaddr=VM2)


@case()
def with_a_tag(side):
    side.send('vm1', vlan(request(message(DISCOVER)), 7))


@case()
def padding(side):
    send(side, DISCOVER, bytes(7), opt(12, b'x'), bytes(3),
         end=b'\xff' + bytes(30))


@case()
def without_an_end(side):
    send(side, DISCOVER, end=b'')


@case()
def type_comes_late(side):
    send(side, None, bytes(2), opt(12, b'x'), opt(53, bytes([DISCOVER])))


@case()
def header_is_copied(side):
    send(side, DISCOVER, sname=b'some', file=b'thing', yiaddr='10.0.0.55',
         ciaddr='10.0.0.66', hops=3)


@case()
def no_requests(side):
    send(side, OFFER)
    send(side, ACK)
    send(side, NAK)
    send(side, 9)
    send(side, 0)
    send(side, None)
    send(side, DISCOVER, op=2)
    send(side, DISCOVER, magic=b'\0\0\0\0')
    send(side, DISCOVER, htype=6)
    send(side, DISCOVER, hlen=16)
    send(side, DISCOVER, hlen=255)


@case()
def malformed(side):
    whole = message(DISCOVER, requested('10.0.0.11'))
    for n in 0, 1, 27, 28, 43, 44, 235, 236, 239, 240, 241, 242:
        side.send('vm1', request(whole[:n]))
    for odd in (opt(53, b''), opt(53, b'\x01\x01'), opt(12, b'x')[:2],
                b'\x0c\xff', b'\x0c', opt(53, bytes([DISCOVER]))[:2],
                opt(53, bytes([DISCOVER])) + b'\x0c\xff',
                opt(53, bytes([DISCOVER])) + b'\x0c'):
        side.send('vm1', request(whole[:240] + odd))


@case(masks=('nak',))
def odd_addresses(side):
    for value in b'', b'\x0a', b'\x0a\0\0\x0b\x0a\0\0\x0b':
        send(side, REQUEST, opt(50, value))


@case(masks=('nak',))
def twice(side):
    send(side, DISCOVER, opt(53, bytes([REQUEST])))
    send(side, REQUEST, requested('10.0.0.11'), requested('10.0.0.99'))


@case()
def after_a_restart(side):
    side.restart('hv1')
    send(side, DISCOVER)


@case()
def options_that_change(side):
    uuid = side.nb('--bare --columns=dhcpv4_options list '
                   'Logical_Switch_Port vm1').strip()
    side.nb('--wait=hv set DHCP_Options %s options:mtu=1234' % uuid)
    send(side, DISCOVER)
    side.settle()
    side.nb('--wait=hv remove DHCP_Options %s options mtu' % uuid)
    send(side, DISCOVER)
