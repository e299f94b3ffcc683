# SPDX-License-Identifier: Apache-2.0

"""Health checks beside stock: see pinctrl-diff.py.

ovn-northd is paused: the rows of Service_Monitor are the cases' own, as
OVN 23.03's ovn-northd writes none for IPv6.  The controllers choose when they
probe, so cases look at the probes themselves; what is free in them, source
ports and sequence numbers with the checksums over them, is masked.
"""

import struct
import time

import packets
from pinctrl_diff import case, l3_offset

MONITOR = '0a:00:00:00:00:01'
SYN, RST, ACK = 2, 4, 16
FAST = {'interval': 1, 'timeout': 1}
SLOW = {'interval': 100, 'timeout': 100}


def network(side):
    """A switch with machines; vm4 has two Ethernet addresses, and vm5 is in
    vm1, behind VLAN 5."""
    side.nb('ls-add sw0 -- lr-add lr0 '
            '-- lrp-add lr0 lr0-sw0 02:00:00:00:ff:00 10.0.0.1/24 fd00::1/64 '
            '-- lsp-add sw0 sw0-lr0 -- lsp-set-type sw0-lr0 router '
            '-- lsp-set-addresses sw0-lr0 router '
            '-- lsp-set-options sw0-lr0 router-port=lr0-sw0')
    for i in range(1, 5):
        side.nb('lsp-add sw0 vm%d -- lsp-set-addresses vm%d '
                '"02:00:00:00:00:0%d 10.0.0.1%d fd00::1%d"' % ((i,) * 5))
        side.vif('hv1', 'vm%d' % i)
    side.nb('lsp-set-addresses vm4 "02:00:00:00:00:04 10.0.0.14" '
            '"02:00:00:00:00:44 10.0.0.44 fd00::44"')
    side.nb('lsp-add sw0 vm5 vm1 5 -- lsp-set-addresses vm5 '
            '"02:00:00:00:00:05 10.0.0.15 fd00::15"')
    # All that comes to a machine is to be dropped, but for probes.
    side.nb('acl-add sw0 to-lport 1000 ip drop')


def ignored(_):
    """Cases compare what they look at."""
    return True


class Service:
    """A row of Service_Monitor, and the machine that it is about."""

    def __init__(self, side, vm='vm1', v6=False, protocol='tcp', port=8080,
                 ip=None, options=None):
        self.side = side
        self.vm = vm
        self.v6 = v6
        self.tcp = protocol == 'tcp'
        self.proto = packets.TCP if self.tcp else packets.UDP
        self.port = port
        n = vm[2:]
        self.mac = '02:00:00:00:00:%02d' % int(n)
        self.ip = ip or ('fd00::1' if v6 else '10.0.0.1') + n
        self.src = 'fd00::5' if v6 else '10.0.0.5'
        self.n_seen = len(self.frames())
        options = FAST if options is None else options
        side.appctl('central', 'pause', daemon='northd')
        self.row = side.sb(
            'create Service_Monitor logical_port=%s ip="\\"%s\\"" '
            'src_ip="\\"%s\\"" src_mac="\\"%s\\"" protocol=%s port=%d'
            % (vm, self.ip, self.src, MONITOR, protocol, port),
            *(' options:%s=%d' % o for o in options.items())).strip()

    @property
    def iface(self):
        return 'vm1' if self.vm == 'vm5' else self.vm

    def frames(self):
        """What has come for the service."""
        return [f for f in self.side.received(self.iface)
                if f[6:12] == packets.mac(MONITOR) and self.is_for_us(f)]

    def is_for_us(self, frame):
        l3 = frame[l3_offset(frame):]
        return (l3[0] >> 4 == (6 if self.v6 else 4)
                and l3[6 if self.v6 else 9] == self.proto
                and packets.ip(self.ip) in (l3[16:20], l3[24:40])
                and struct.unpack_from('!H', frame, self.l4(frame) + 2)[0]
                == self.port)

    def l4(self, frame):
        return l3_offset(frame) + (40 if self.v6 else 20)

    def next(self):
        """The next frame."""
        self.side.wait_for(lambda: len(self.frames()) > self.n_seen,
                           'a frame for %s' % self.vm)
        self.n_seen += 1
        return self.frames()[self.n_seen - 1]

    def silent(self, seconds):
        time.sleep(seconds)
        return len(self.frames()) == self.n_seen

    def plain(self, frame):
        """Hexadecimal, without what is free.  The checksum is right."""
        l4, at = frame[self.l4(frame):], self.l4(frame)
        offset = 16 if self.tcp else 6
        right = packets.with_csum(self.src, self.ip, self.proto, l4[:offset]
                                  + bytes(2) + l4[offset + 2:], offset)
        assert l4 == right or (not self.tcp and not self.v6
                               and l4[6:8] == bytes(2)), l4.hex()
        has_csum = any(l4[offset:offset + 2])
        l4 = bytes(2) + l4[2:offset] + bytes(2) + l4[offset + 2:]
        if self.tcp:
            l4 = l4[:4] + bytes(4) + l4[8:]
        return '%s csum=%s' % ((frame[:at] + l4).hex(), has_csum)

    def fields(self, frame):
        """Source port and sequence number."""
        at = self.l4(frame)
        return struct.unpack_from('!HHI', frame, at)[::2]

    def send(self, proto, l4, src=None):
        frame = packets.frame(self.mac, MONITOR, src or self.ip, self.src,
                              proto, l4)
        if self.vm == 'vm5':
            frame = frame[:12] + b'\x81\0\0\x05' + frame[12:]
        self.side.send(self.iface, frame)

    def answer(self, frame, flags=SYN | ACK, ack=1, src=None, port=None,
               l4=None):
        """Sends an answer to a SYN."""
        sport, seq = self.fields(frame)
        l4 = l4 or packets.tcp(src or self.ip, self.src, flags,
                               port or self.port, sport, 5000,
                               (seq + ack) & 0xffffffff)
        self.send(packets.TCP, l4, src)

    def refuse(self, frame, kind=None, code=None, cut=None, quoted=None):
        """Sends an ICMP error."""
        l3 = quoted or frame[l3_offset(frame):]
        kind = kind or (1 if self.v6 else 3)
        code = code if code is not None else (4 if self.v6 else 3)
        self.send(packets.ICMP6 if self.v6 else packets.ICMP,
                  packets.icmp(self.ip, self.src, kind, code,
                               (bytes(4) + l3)[:cut]))

    def status(self):
        return self.side.sb('--bare get Service_Monitor %s status'
                            % self.row).strip()

    def becomes(self, status):
        self.side.wait_for(lambda: self.status() == status,
                           '%s is %s' % (self.vm, status))
        self.side.expect('status', status)

    def end(self):
        self.side.sb('destroy Service_Monitor %s' % self.row)


def both_versions(function):
    """Two cases: over IPv4, and over IPv6."""
    for version in 4, 6:
        def run(side, v6=version == 6):
            function(side, v6)

        run.__name__ = '%s_v%d' % (function.__name__, version)
        case(silent=False)(run)


@both_versions
def tcp_works(side, v6):
    s = Service(side, v6=v6)
    syn = s.next()
    side.expect('probe', s.plain(syn))
    s.answer(syn)
    side.expect('reset', s.plain(s.next()))
    s.becomes('online')
    # Again and again.
    for _ in range(2):
        syn = s.next()
        s.answer(syn)
        side.expect('reset', s.plain(s.next()))
    s.becomes('online')
    s.end()


@both_versions
def tcp_is_refused(side, v6):
    s = Service(side, v6=v6)
    syn = s.next()
    s.answer(syn, RST | ACK)
    s.becomes('offline')
    side.expect('probe', s.plain(s.next()))
    s.end()


@both_versions
def tcp_is_silent(side, v6):
    s = Service(side, v6=v6)
    side.expect('probe', s.plain(s.next()))
    s.becomes('offline')
    side.expect('probe', s.plain(s.next()))
    s.end()


@both_versions
def udp_is_silent(side, v6):
    s = Service(side, v6=v6, protocol='udp')
    side.expect('probe', s.plain(s.next()))
    s.becomes('online')
    side.expect('probe', s.plain(s.next()))
    s.end()


@both_versions
def udp_is_refused(side, v6):
    s = Service(side, v6=v6, protocol='udp')
    s.refuse(s.next())
    s.becomes('offline')
    probe = s.next()
    side.expect('probe', s.plain(probe))
    s.becomes('online')
    s.end()


@both_versions
def udp_is_refused_in_few_words(side, v6):
    """No more is quoted of the probe than must be."""
    s = Service(side, v6=v6, protocol='udp')
    s.refuse(s.next(), cut=4 + (40 if v6 else 20) + 8)
    s.becomes('offline')
    s.end()


@both_versions
def goes_and_comes(side, v6):
    s = Service(side, v6=v6)
    s.answer(s.next())
    s.next()
    s.becomes('online')
    s.next()
    s.becomes('offline')
    s.answer(s.next())
    s.next()
    s.becomes('online')
    s.answer(s.next(), RST | ACK)
    s.becomes('offline')
    s.end()


@both_versions
def counts(side, v6):
    s = Service(side, v6=v6, options=dict(FAST, success_count=3,
                                          failure_count=2))
    for i in range(3):
        s.answer(s.next())
        s.next()
        if i < 2:
            side.settle()
            side.expect('status', s.status())
    s.becomes('online')
    s.answer(s.next(), RST | ACK)
    side.settle()
    side.expect('status', s.status())
    s.answer(s.next(), RST | ACK)
    s.becomes('offline')
    s.end()


@case()
def without_options(side):
    s = Service(side, options={})
    start = time.monotonic()
    s.answer(s.next())
    s.next()
    s.becomes('online')
    s.next()
    side.expect('interval is 5 s', 4 < time.monotonic() - start < 7)
    s.becomes('offline')
    # Stock may notice only when the next interval is over.
    assert not side.is_ours or 7 < time.monotonic() - start < 12
    s.end()


@case()
def several_services(side):
    services = [Service(side, vm, v6, protocol, port, options=SLOW)
                for vm in ('vm1', 'vm2') for v6 in (False, True)
                for protocol, port in (('tcp', 80), ('tcp', 81), ('udp', 53))]
    for s in services:
        probe = s.next()
        side.expect('%s %s' % (s.vm, s.ip), s.plain(probe))
        if not s.tcp:
            s.refuse(probe)
        else:
            s.answer(probe, SYN | ACK if s.port == 80 else RST | ACK)
    for s in services:
        s.becomes('online' if s.port == 80 else 'offline')
    side.rows('Service_Monitor', 'ip', 'port', 'protocol', 'status')
    side.settle()
    rows = side.get_rows('Service_Monitor', ('ip', 'port', 'protocol',
                                             'status'))
    side.expect('rows', rows)
    for s in services:
        s.end()


@case()
def in_a_container(side):
    for v6 in False, True:
        s = Service(side, 'vm5', v6)
        syn = s.next()
        side.expect('probe', s.plain(syn))
        s.answer(syn)
        side.expect('reset', s.plain(s.next()))
        s.becomes('online')
        s.end()


@case()
def address_of_the_port(side):
    for ip in '10.0.0.14', '10.0.0.44', 'fd00::44':
        v6 = ':' in ip
        s = Service(side, 'vm4', v6, ip=ip, options=SLOW)
        side.expect('probe', s.plain(s.next()))
        s.end()
    for ip, v6 in ('10.0.0.99', False), ('fd00::99', True):
        s = Service(side, 'vm4', v6, ip=ip)
        side.expect('silent', s.silent(1.5))
        side.expect('status', s.status())
        s.end()


@case()
def answers_to_something_else(side):
    for v6 in False, True:
        s = Service(side, v6=v6)
        syn = s.next()
        s.answer(syn, port=8081)
        s.answer(syn, src='fd00::12' if v6 else '10.0.0.12')
        sport, seq = s.fields(syn)
        s.send(packets.TCP, packets.tcp(s.ip, s.src, SYN | ACK, s.port,
                                        sport ^ 1, 5000, seq + 1))
        s.becomes('offline')
        s.end()


@case()
def answers_of_another_kind(side):
    """An echo reply, another ICMP error, and what is too short."""
    for v6 in False, True:
        s = Service(side, v6=v6, protocol='udp',
                    options=dict(FAST, timeout=2))
        probe = s.next()
        s.refuse(probe, 129 if v6 else 11, 0)
        s.refuse(probe, cut=4)
        s.refuse(probe, cut=20)
        s.becomes('online')
        s.end()


@case()
def row_changes(side):
    s = Service(side)
    s.answer(s.next())
    s.next()
    s.becomes('online')
    side.sb('set Service_Monitor %s options:failure_count=3' % s.row)
    for _ in range(3):
        s.answer(s.next(), RST | ACK)
    s.becomes('offline')
    side.sb('set Service_Monitor %s options:failure_count=1' % s.row)
    s.answer(s.next())
    s.next()
    s.becomes('online')
    s.end()
    side.expect('silent', s.silent(2.5))


@case()
def port_comes_and_goes(side):
    s = Service(side, 'vm3')
    s.answer(s.next())
    s.next()
    s.becomes('online')
    side.vsctl('hv1', 'remove interface vm3 external_ids iface-id')
    side.wait_for(lambda: side.sb('--bare --columns=chassis find Port_Binding '
                                  'logical_port=vm3').strip() == '',
                  'vm3 is released')
    s.n_seen = len(s.frames())
    side.expect('silent', s.silent(2.5))
    side.expect('status', s.status())
    side.vsctl('hv1', 'set interface vm3 external_ids:iface-id=vm3')
    s.answer(s.next(), RST | ACK)
    s.becomes('offline')
    s.end()


@case(differs='RFC 9293, 3.10.7.1: a reset has the number that was asked for')
def number_of_the_reset(side):
    for v6 in False, True:
        s = Service(side, v6=v6)
        syn = s.next()
        s.answer(syn)
        n = s.fields(s.next())[1] - s.fields(syn)[1]
        if side.is_ours:
            assert n & 0xffffffff == 1, n
        side.expect('reset', n)
        s.end()


@case()
def number_of_the_answer(side):
    """What does not acknowledge the SYN is no answer to it."""
    s = Service(side, options=dict(FAST, timeout=3))
    syn = s.next()
    s.answer(syn, ack=2)
    s.answer(syn, RST, ack=2)
    side.settle()
    side.expect('status', s.status())
    s.answer(syn)
    s.becomes('online')
    s.end()


@case(differs='ovn-sb(5), Service_Monitor: after that many successful checks')
def counts_begin_anew(side):
    s = Service(side, options=dict(FAST, success_count=2, failure_count=2))
    for _ in range(3):
        s.answer(s.next())
        s.next()
    s.becomes('online')
    for _ in range(2):
        s.answer(s.next(), RST | ACK)
    s.becomes('offline')
    s.answer(s.next())
    s.next()
    side.settle()
    side.expect('status after one', s.status())
    if side.is_ours:
        assert s.status() == 'offline', s.status()
    s.answer(s.next())
    s.next()
    s.becomes('online')
    s.end()
