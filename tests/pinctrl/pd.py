# SPDX-License-Identifier: Apache-2.0

"""Prefix delegation beside stock: see pinctrl-diff.py.

What a requesting router says to servers is not the same: ours follows RFC
8415.  So the messages are compared by what they ask for, and what comes of
the answers by the rows that are written."""

import re
import struct
import time

import packets
from pinctrl_diff import case

SERVER = '02:00:00:00:dd:01'
SERVER_IP = 'fe80::ff:fe00:dd01'
SERVER_DUID = b'\0\3\0\1' + packets.mac(SERVER)
INSIDE = '02:00:00:00:ff:01'
UPLINK = '02:00:00:00:ee:01'
UPLINK_IP = 'fe80::ff:fe00:ee01'
PREFIX = '2001:db8:3333::'

SOLICIT, ADVERTISE, REQUEST, RENEW, REBIND, REPLY = 1, 2, 3, 5, 6, 7
(CLIENT_ID, SERVER_ID, ORO, PREFERENCE, ELAPSED, STATUS, IA_PD, IA_PREFIX,
 SOL_MAX_RT) = 1, 2, 6, 7, 8, 13, 25, 26, 82


def network(side):
    """lr0 has its uplink on hv1 or hv2, and a machine on each behind it."""
    side.nb('lr-add lr0 -- ls-add sw0 -- ls-add public',
            '-- lrp-add lr0 lr0-sw0 %s 10.0.0.1/24' % INSIDE,
            '-- lsp-add sw0 sw0-lr0 -- lsp-set-type sw0-lr0 router '
            '-- lsp-set-addresses sw0-lr0 router '
            '-- lsp-set-options sw0-lr0 router-port=lr0-sw0',
            '-- set Logical_Router_Port lr0-sw0 '
            'ipv6_ra_configs:send_periodic=true '
            'ipv6_ra_configs:address_mode=slaac '
            'ipv6_ra_configs:max_interval=4 ipv6_ra_configs:min_interval=3',
            '-- lrp-add lr0 lr0-public %s 192.168.1.1/24 2001:db8::1/64'
            % UPLINK,
            '-- lrp-set-gateway-chassis lr0-public hv1 20',
            '-- lrp-set-gateway-chassis lr0-public hv2 10',
            '-- lsp-add public public-lr0 -- lsp-set-type public-lr0 router '
            '-- lsp-set-addresses public-lr0 router '
            '-- lsp-set-options public-lr0 router-port=lr0-public',
            '-- lsp-add public ln -- lsp-set-type ln localnet '
            '-- lsp-set-addresses ln unknown '
            '-- lsp-set-options ln network_name=ext')
    for i in 1, 2:
        side.nb('lsp-add sw0 vm%d -- lsp-set-addresses vm%d '
                '02:00:00:00:00:0%d' % (i, i, i))
        side.vif('hv%d' % i, 'vm%d' % i)
        side.physical('hv%d' % i, 'ext')
    # A gateway router, of hv1, which begins in a case of its own.
    side.nb('create Logical_Router name=gw options:chassis=hv1')
    for name, n in ('in', 1), ('out', 2):
        side.nb('ls-add gw-%s -- lrp-add gw gw-%s-port 02:00:00:00:dc:0%d '
                '10.%d.0.1/24' % (name, name, n, 100 + n),
                '-- lsp-add gw-%s gw-%s-up -- lsp-set-type gw-%s-up router '
                '-- lsp-set-addresses gw-%s-up router '
                '-- lsp-set-options gw-%s-up router-port=gw-%s-port'
                % ((name,) * 6))
    side.nb('lsp-add gw-out server -- lsp-set-addresses server unknown')
    side.vif('hv1', 'server')


def ignored(frame):
    return True                 # Cases say what counts.


def opt(code, value=b''):
    return struct.pack('!HH', code, len(value)) + value


def ia_prefix(prefix=PREFIX, length=56, preferred=1000, valid=2000):
    return opt(IA_PREFIX, struct.pack('!IIB', preferred, valid, length)
               + packets.ip(prefix))


def ia_pd(message, *inner, t1=500, t2=800, more=0):
    return opt(IA_PD, struct.pack('!III', message.iaid + more, t1, t2)
               + b''.join(inner))


class Message:
    """A message of the router, and the port it came from."""

    def __init__(self, port, frame):
        self.port = port
        self.frame = frame
        self.kind = frame[62]
        self.xid = frame[63:66]
        self.options = {}
        at = 66
        while at < len(frame):
            code, size = struct.unpack_from('!HH', frame, at)
            self.options.setdefault(code, frame[at + 4:at + 4 + size])
            at += 4 + size
        ia = self.options[IA_PD]
        self.iaid, self.t1, self.t2 = struct.unpack_from('!III', ia)
        self.prefix = ia[16:] if len(ia) > 16 else None

    def answer(self, side, *options, kind=None, xid=None, client=None,
               server=SERVER_DUID):
        """Sends a server's answer."""
        if kind is None:
            kind = ADVERTISE if self.kind == SOLICIT else REPLY
        client = self.options.get(CLIENT_ID) if client is None else client
        payload = (bytes([kind]) + (xid or self.xid)
                   + (opt(CLIENT_ID, client) if client else b'')
                   + (opt(SERVER_ID, server) if server else b'')
                   + b''.join(options))
        dst = packets.ipaddress.ip_address(self.frame[22:38])
        mac = ':'.join('%02x' % b for b in self.frame[6:12])
        side.send(self.port, packets.frame(
            SERVER, mac, SERVER_IP, str(dst), packets.UDP,
            packets.udp(SERVER_IP, str(dst), 547, 546, payload)))


def messages(side, *ports):
    return [Message(p, f) for p in ports or ('hv1-ext', 'hv2-ext')
            for f in side.received(p)
            if f[12:14] == b'\x86\xdd' and f[20] == packets.UDP
            and f[54:58] == struct.pack('!HH', 546, 547)]


# What next_message() has passed: by side and port, how many.
PASSED = {}


def skip(side, *ports):
    """What has come so far does not count."""
    for port in ports or ('hv1-ext', 'hv2-ext'):
        PASSED[side.name, port] = len(messages(side, port))


def next_message(side, *kinds, ports=('hv1-ext', 'hv2-ext')):
    """Waits for the next message of one of the kinds, and passes those before
    it."""
    found = []

    def look():
        for port in ports:
            key = side.name, port
            for m in messages(side, port)[PASSED[key]:]:
                PASSED[key] += 1
                if m.kind in kinds:
                    found.append(m)
                    return True
        return False
    side.wait_for(look, 'message %s' % (kinds,))
    return found[0]


def renewal(side, *kinds):
    """The same for what a timer is to bring about.  Stock's is late until
    something else wakes it up: None if that does not happen."""
    if side.is_ours:
        return next_message(side, *kinds)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        found = [m for m in messages(side) if m.kind in kinds]
        if found:
            return found[-1]
        time.sleep(.1)
    return None


def get_list(side, port='lr0-sw0'):
    return side.sb('--if-exists get Port_Binding %s options:ipv6_ra_pd_list'
                   % port).strip().strip('"')


def list_without_iaid(side, port='lr0-sw0'):
    """The IAID is a random number with stock."""
    return re.sub('^[0-9]+:', '', get_list(side, port))


def set_ports(side, wanted, router_port='lr0-sw0', uplink='lr0-public'):
    for port, option in (router_port, 'prefix'), (uplink,
                                                  'prefix_delegation'):
        side.nb('--wait=hv set Logical_Router_Port %s options:%s=%s'
                % (port, option, 'true' if wanted else 'false'))


def start(side):
    """A router that has nothing, and begins to ask."""
    set_ports(side, False)
    if get_list(side):
        side.sb('remove Port_Binding lr0-sw0 options ipv6_ra_pd_list')
    side.sync()
    skip(side)
    set_ports(side, True)


def exchange(side, offer=None, reply=None):
    """Until there has been a reply.  'offer' and 'reply' make options of the
    message that they answer."""
    def whole(m):
        return [ia_pd(m, ia_prefix())]

    while True:
        m = next_message(side, SOLICIT, REQUEST)
        if m.kind == SOLICIT:
            m.answer(side, *(offer or whole)(m))
        else:
            m.answer(side, *(reply or offer or whole)(m))
            if side.is_ours or writes(side):
                return m


def writes(side):
    """Whether stock writes something.  It does not if it has begun anew in
    the meantime, which may be at once."""
    end = time.monotonic() + 1
    while not get_list(side) and time.monotonic() < end:
        time.sleep(.05)
    return get_list(side) != ''


def delegated(side, prefix):
    side.wait_for(lambda: list_without_iaid(side) == prefix,
                  'the list is %s, not %s' % (prefix, get_list(side)))
    side.expect('list', list_without_iaid(side))


@case()
def a_prefix(side):
    start(side)
    exchange(side)
    delegated(side, PREFIX + '/56')
    # What ovn-northd makes of it.
    side.wait_for(lambda: PREFIX in side.nb(
        '--bare --columns=ipv6_prefix list Logical_Router_Port lr0-sw0'),
        'ovn-northd has it')


@case(differs='RFC 8415, 17, 18.2.1, 21.21: what a Solicit is')
def what_is_asked(side):
    start(side)
    m = next_message(side, SOLICIT)
    n = next_message(side, SOLICIT)
    if side.is_ours:
        # It lasts longer until the second one.
        assert m.xid == n.xid != bytes(3), (m.xid, n.xid)
        assert m.iaid == n.iaid > 0xffff
        assert m.options[ELAPSED] == bytes(2)
        assert struct.unpack('!H', n.options[ELAPSED])[0] >= 100
        assert m.options[ORO] == struct.pack('!H', SOL_MAX_RT)
        assert m.frame[:14] == (packets.mac('33:33:00:01:00:02')
                                + packets.mac(UPLINK) + b'\x86\xdd')
        assert m.frame[22:54] == packets.ip(UPLINK_IP) + packets.ip(
            'ff02::1:2')
        assert m.options[CLIENT_ID] == b'\0\3\0\1' + packets.mac(INSIDE)
        assert not m.t1 and not m.t2 and not m.prefix
    side.expect('first', m.frame.hex())


@case(differs='RFC 8415, 18.2.2: the request')
def what_is_requested(side):
    start(side)
    m = exchange(side)
    if side.is_ours:
        assert m.options[SERVER_ID] == SERVER_DUID
        assert m.prefix == ia_prefix(preferred=0, valid=0)[4:], m.prefix
    side.expect('request', m.frame.hex())


@case(differs='RFC 8415, 18.2.9: other servers have a second')
def best_offer(side):
    start(side)
    m = next_message(side, SOLICIT)
    other = SERVER_DUID[:-1] + b'\xee'
    m.answer(side, ia_pd(m, ia_prefix()))
    m.answer(side, opt(PREFERENCE, b'\5'), ia_pd(m, ia_prefix()),
             server=other)
    request = renewal(side, REQUEST)
    if side.is_ours:
        assert request.options[SERVER_ID] == other
    side.expect('request', request and request.frame.hex())


@case()
def no_prefix_available(side):
    start(side)
    m = next_message(side, SOLICIT)
    m.answer(side, ia_pd(m, opt(STATUS, b'\0\6none')))
    m = next_message(side, SOLICIT)
    m.answer(side, opt(STATUS, b'\0\6none'))
    next_message(side, SOLICIT)
    side.expect('list', get_list(side))


def refused(side, offer, **kwargs):
    """Such an offer is not one to ours: it goes on soliciting, and writes
    nothing; stock may."""
    start(side)
    kinds = []
    while not kinds or (not side.is_ours and not writes(side)):
        m = next_message(side, SOLICIT, REQUEST)
        m.answer(side, *offer(m), **kwargs)
        kinds.append(m.kind)
    if side.is_ours:
        kinds.append(next_message(side, SOLICIT, REQUEST).kind)
        assert kinds == [SOLICIT] * 2 and not get_list(side), kinds
    side.expect('what', list_without_iaid(side))


@case(differs='RFC 8415, 16.3: answers are for a client')
def for_nobody(side):
    refused(side, lambda m: [ia_pd(m, ia_prefix())], client=b'')


@case(differs='RFC 8415, 16.3: answers are for the client')
def for_another(side):
    refused(side, lambda m: [ia_pd(m, ia_prefix())],
            client=b'\0\3\0\1' + packets.mac(UPLINK))


@case(differs='RFC 8415, 16.3: and from a server')
def of_no_server(side):
    refused(side, lambda m: [ia_pd(m, ia_prefix())], server=b'')


@case(differs='RFC 8415, 16.1: and to the message')
def to_no_message(side):
    # To stock it is: transaction IDs are zero there.
    refused(side, lambda m: [ia_pd(m, ia_prefix())],
            xid=None if not side.is_ours else b'\0\0\1')


@case(differs='RFC 8415, 21.22: a prefix has 128 bits at most')
def too_long_a_prefix(side):
    refused(side, lambda m: [ia_pd(m, ia_prefix(length=129))])


@case(differs='RFC 8415, 21.22: a prefix is as long as it says')
def bits_behind_the_prefix(side):
    start(side)
    exchange(side, lambda m: [ia_pd(m, ia_prefix('2001:db8:3333:44::1'))])
    side.wait_for(lambda: get_list(side), 'a list')
    if side.is_ours:
        assert list_without_iaid(side) == '2001:db8:3333::/56'
    side.expect('list', list_without_iaid(side))


@case(differs='RFC 8415, 18.2.10.1: a lifetime of zero is none')
def no_longer_valid(side):
    start(side)
    exchange(side, None,
             lambda m: [ia_pd(m, ia_prefix(preferred=0, valid=0))])
    if side.is_ours:
        next_message(side, SOLICIT)
        assert not get_list(side), get_list(side)
    else:
        side.wait_for(lambda: get_list(side), 'stock writes')
    side.expect('list', list_without_iaid(side))


@case(differs='no RFC, but no reason to take the last of several either',
      mended='26.03')
def several_prefixes(side):
    start(side)
    exchange(side, lambda m: [ia_pd(
        m, ia_prefix(), ia_prefix('2001:db8:7777::', 60, 10, 20))])
    side.wait_for(lambda: get_list(side), 'a list')
    if side.is_ours:
        assert list_without_iaid(side) == PREFIX + '/56'
    side.expect('list', list_without_iaid(side))


@case(differs='RFC 8415, 18.2.4, 18.2.5, 7.6: when, and to whom')
def renewed_and_rebound(side):
    start(side)
    exchange(side, lambda m: [ia_pd(m, ia_prefix(preferred=50, valid=60),
                                    t1=3, t2=7)])
    began = time.monotonic()
    delegated(side, PREFIX + '/56')
    m = renewal(side, RENEW)
    n = renewal(side, REBIND)
    took = time.monotonic() - began
    if side.is_ours:
        assert 5 < took < 12, took
        assert m.options[SERVER_ID] == SERVER_DUID
        assert SERVER_ID not in n.options
        for x in m, n:
            assert x.prefix == ia_prefix(preferred=0, valid=0)[4:]
            assert x.options[ELAPSED] == bytes(2)
        # The answer to a Rebind is a lease like any other.
        n.answer(side, ia_pd(n, ia_prefix(), t1=2, t2=1000))
        m = next_message(side, RENEW)
        assert m.iaid == n.iaid and m.xid != n.xid
        # The server has forgotten it: it is asked again.
        m.answer(side, ia_pd(m, opt(STATUS, b'\0\3')))
        m = next_message(side, REQUEST)
        m.answer(side, ia_pd(m, ia_prefix('2001:db8:4444::')))
        delegated(side, '2001:db8:4444::/56')
    side.expect('rebind', n and n.frame.hex())


@case(differs='RFC 8415, 14.2: T1 and T2 of zero are up to the router')
def no_times(side):
    start(side)
    exchange(side, lambda m: [ia_pd(m, ia_prefix(preferred=8, valid=100),
                                    t1=0, t2=0)])
    began = time.monotonic()
    m = renewal(side, RENEW, REBIND)
    took = time.monotonic() - began
    if side.is_ours:
        assert m.kind == RENEW and 2.5 < took < 9, took
    side.expect('message', m and m.frame.hex())


@case(differs='RFC 8415, 18.2.10.1: who is not heard loses the prefix')
def runs_out(side):
    start(side)
    exchange(side, lambda m: [ia_pd(m, ia_prefix(preferred=5, valid=8),
                                    t1=2, t2=4)])
    side.wait_for(lambda: get_list(side), 'a list')
    if side.is_ours:
        next_message(side, SOLICIT)
        side.wait_for(lambda: not get_list(side), 'it is gone')
    else:
        renewal(side, REBIND)
    side.expect('list', list_without_iaid(side))


@case(differs='RFC 3633, 12.1: after a restart, a Rebind')
def after_a_restart(side):
    start(side)
    exchange(side)
    side.wait_for(lambda: get_list(side), 'a list')
    before = get_list(side)
    side.restart('hv1')
    m = next_message(side, SOLICIT, REBIND)
    if side.is_ours:
        assert m.kind == REBIND and m.prefix == ia_prefix(
            preferred=0, valid=0)[4:], m.kind
        assert m.iaid == int(before.split(':')[0])
        m.answer(side, ia_pd(m, ia_prefix(), t1=2, t2=1000))
        next_message(side, RENEW)
        assert get_list(side) == before
    side.expect('message', m.kind)


@case(differs='RFC 3633, 12.1: so does another chassis')
def failover(side):
    start(side)
    exchange(side)
    side.wait_for(lambda: get_list(side), 'a list')
    before = get_list(side)
    side.nb('--wait=hv lrp-set-gateway-chassis lr0-public hv2 30')
    m = next_message(side, SOLICIT, REBIND, ports=['hv2-ext'])
    if side.is_ours:
        assert m.kind == REBIND and m.iaid == int(before.split(':')[0])
        # Nobody answers: from the start, with the prefix that it had.
        m = next_message(side, SOLICIT, ports=['hv2-ext'])
        assert m.prefix == ia_prefix(preferred=0, valid=0)[4:]
        assert get_list(side) == before
        # The one that answers has another one.
        exchange(side, lambda m: [ia_pd(m, ia_prefix('2001:db8:5555::'))])
        delegated(side, '2001:db8:5555::/56')
    side.nb('--wait=hv lrp-set-gateway-chassis lr0-public hv2 10')
    side.expect('message', m.kind)


@case()
def gateway_router(side):
    skip(side, 'server')
    set_ports(side, True, 'gw-in-port', 'gw-out-port')
    m = next_message(side, SOLICIT, ports=['server'])
    m.answer(side, ia_pd(m, ia_prefix('2001:db8:6666::', 48)))
    m = next_message(side, REQUEST, ports=['server'])
    m.answer(side, ia_pd(m, ia_prefix('2001:db8:6666::', 48)))
    side.wait_for(lambda: get_list(side, 'gw-in-port'), 'a list')
    side.expect('list', list_without_iaid(side, 'gw-in-port'))


@case(differs='RFC 4862, 5.5.3 and RFC 3633, 12.1: what hosts are told')
def in_advertisements(side):
    start(side)
    exchange(side, lambda m: [ia_pd(m, ia_prefix(preferred=1000,
                                                 valid=2000))])
    side.wait_for(lambda: get_list(side), 'a list')

    def advertised(vm):
        """The last prefix that the machine has heard of: its length, its
        lifetimes and itself."""
        found = re.findall(b'(?s)\x03\x04(.)(.)(.{4})(.{4})\0{4}(.{16})',
                           b''.join(f for f in side.received(vm)
                                    if f[12:14] == b'\x86\xdd'
                                    and f[54] == 134))
        return found and found[-1]

    heard = {}
    if side.is_ours:
        want = packets.ip(PREFIX)
        for vm, valid in ('vm1', 2000), ('vm2', 12):
            side.wait_for(lambda vm=vm: advertised(vm)
                          and advertised(vm)[4] == want, 'advertisement')
            heard[vm] = advertised(vm)
            length, flags, lasts = heard[vm][:3]
            assert (length, flags) == (b'\x40', b'\xc0'), heard
            lasts, = struct.unpack('!I', lasts)
            assert valid - 60 < lasts <= valid, lasts
        assert struct.unpack('!I', heard['vm1'][3])[0] <= 1000
    side.expect('heard', heard or side.is_ours)


@case(differs='a port that is to have no prefix has none')
def no_longer_wanted(side):
    start(side)
    exchange(side)
    side.wait_for(lambda: get_list(side), 'a list')
    side.nb('--wait=hv set Logical_Router_Port lr0-sw0 options:prefix=false')
    if side.is_ours:
        side.wait_for(lambda: not get_list(side), 'it is gone')
    side.expect('list', list_without_iaid(side))
