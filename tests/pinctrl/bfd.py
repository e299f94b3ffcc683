# SPDX-License-Identifier: Apache-2.0

"""BFD sessions beside stock: see pinctrl-diff.py.

The controllers choose when they send, so cases wait for the frames that they
are about.  Stock may be silent for many seconds, so what comes of a packet is
seen by the answer to the poll that it contains.  What is free is masked: our
discriminator and the source port, which ovn-northd chooses, the checksum over
them, which must be right, and, but where a case is about it, the diagnostic
code.
"""

import struct
import time

import packets
from pinctrl_diff import case, l3_offset

NUDGE = 2                       # Seconds.

ADMIN_DOWN, DOWN, INIT, UP = range(4)
POLL, FINAL, AUTH, DEMAND, MULTIPOINT = 0x20, 0x10, 4, 2, 1
THEIRS = 77                     # Their discriminator.


def network(side):
    """Routers: lr0 is a gateway, lr1 has a gateway port, lr2 is on every
    chassis.  Their next hops are vm1, vm2 and vm3.  lr3 has a port on a
    physical network, for which hv1 and hv2 are gateways."""
    for i in range(4):
        side.nb('ls-add sw%d -- lr-add lr%d '
                '-- lrp-add lr%d lr%d-sw%d 02:00:00:00:ff:0%d '
                '10.%d.0.1/24 10.%d.7.1/24 fd0%d::1/64 '
                '-- lsp-add sw%d sw%d-lr%d -- lsp-set-type sw%d-lr%d router '
                '-- lsp-set-addresses sw%d-lr%d router '
                '-- lsp-set-options sw%d-lr%d router-port=lr%d-sw%d '
                % ((i,) * 20))
    for i in range(3):
        side.nb('lsp-add sw%d vm%d -- lsp-set-addresses vm%d '
                '"02:00:00:00:00:0%d 10.%d.0.11 10.%d.7.11 fd0%d::11"'
                % ((i,) + (i + 1,) * 3 + (i,) * 3))
        side.vif('hv1', 'vm%d' % (i + 1))
    for chassis in 'hv1', 'hv2':
        side.physical(chassis, 'physnet')
    side.nb('lsp-add sw3 ln -- lsp-set-type ln localnet '
            '-- lsp-set-addresses ln unknown '
            '-- lsp-set-options ln network_name=physnet '
            '-- lrp-set-gateway-chassis lr3-sw3 hv1 20 '
            '-- lrp-set-gateway-chassis lr3-sw3 hv2 10 '
            '-- static-mac-binding-add lr3-sw3 10.3.0.11 02:00:00:00:00:04 '
            '-- static-mac-binding-add lr3-sw3 fd03::11 02:00:00:00:00:04')
    side.nb('set Logical_Router lr0 options:chassis=hv1 '
            '-- lrp-set-gateway-chassis lr1-sw1 hv1')


def ignored(_):
    """Cases compare what they look at."""
    return True


def message(state, flags=0, mine=THEIRS, yours=0, diag=0, mult=50,
            min_tx=1000000, min_rx=1000000, version=1, length=24):
    return struct.pack('!BBBBIIIII', version << 5 | diag, state << 6 | flags,
                       mult, length, mine, yours, min_tx, min_rx, 0)


class Session:
    """A session with a next hop, and the next hop."""

    def __init__(self, side, v6=False, net=0, ip=None, min_tx=1000,
                 min_rx=1000, mult=3, vm=None):
        self.side = side
        self.v6 = v6
        self.vm = vm or 'vm%d' % (net + 1)
        self.lrp = 'lr%d-sw%d' % (net, net)
        self.lr = 'lr%d' % net
        self.mac = '02:00:00:00:00:0%d' % (net + 1)
        self.router = '02:00:00:00:ff:0%d' % net
        self.ip = ip or ('fd0%d::11' if v6 else '10.%d.0.11') % net
        self.router_ip = ('fd0%d::1' if v6 else '10.%d.0.1') % net
        self.n_seen = len(self.frames())
        self.clean_up()
        self.row = side.nb(
            'create BFD logical_port=%s dst_ip="\\"%s\\"" min_tx=%d min_rx=%d '
            'detect_mult=%d' % (self.lrp, self.ip, min_tx, min_rx,
                                mult)).strip()
        self.route()
        side.nb('--wait=hv sync')

    def clean_up(self):
        """After a case that has failed."""
        for row in self.side.nb('--bare --columns=_uuid find BFD '
                                + self.where()).split():
            self.side.nb('lr-route-del %s -- destroy BFD %s' % (self.lr, row))

    def route(self):
        self.side.nb('--bfd=%s lr-route-add %s %s %s %s'
                     % (self.row, self.lr, 'fd50::/64' if self.v6
                        else '10.50.0.0/16', self.ip, self.lrp))

    def end(self):
        self.side.nb('lr-route-del %s -- destroy BFD %s' % (self.lr, self.row))
        self.side.sync()

    def l4(self, frame):
        return l3_offset(frame) + (40 if self.v6 else 20)

    def is_ours(self, frame):
        l3 = frame[l3_offset(frame):]
        at = self.l4(frame)
        return (l3[0] >> 4 == (6 if self.v6 else 4)
                and l3[6 if self.v6 else 9] == packets.UDP
                and frame[at + 2:at + 4] == b'\x0e\xc8'
                and packets.ip(self.ip) in (l3[16:20], l3[24:40]))

    def frames(self):
        return [f for f in self.side.received(self.vm) if self.is_ours(f)]

    def content(self, frame):
        return frame[self.l4(frame) + 8:]

    def get(self, state=None, flags=0):
        """The next frame with a state, and flags."""
        def found():
            frames = self.frames()
            while self.n_seen < len(frames):
                self.n_seen += 1
                got = self.content(frames[self.n_seen - 1])[1]
                if ((state is None or got >> 6 == state)
                        and got & 0x3f == flags):
                    return True
            return False

        self.wait_for(found, 'a frame of state %s' % state)
        return self.frames()[self.n_seen - 1]

    def plain(self, frame):
        """Hexadecimal, without what is free."""
        at = self.l4(frame)
        l3, l4 = frame[l3_offset(frame):], frame[at:]
        src, dst = (l3[8:24], l3[24:40]) if self.v6 else (l3[12:16],
                                                          l3[16:20])
        pseudo = src + dst + struct.pack('!II', len(l4), packets.UDP)
        has_csum = any(l4[6:8])
        assert packets.csum(pseudo + l4) == 0 or not (self.v6 or has_csum)
        l4 = (bytes(2) + l4[2:6] + bytes(2)
              + bytes([l4[8] & 0xe0]) + l4[9:12] + bytes(4) + l4[16:])
        return '%s csum=%s' % ((frame[:at] + l4).hex(), has_csum)

    def expect(self, state, flags=0):
        frame = self.get(state, flags)
        self.side.expect('frame', self.plain(frame))
        return frame

    def ours(self):
        """Our discriminator."""
        return self.column('disc')

    def column(self, name):
        return int(self.side.sb('--bare --columns=%s find BFD %s'
                                % (name, self.where())))

    def where(self):
        return 'logical_port=%s dst_ip="\\"%s\\""' % (self.lrp, self.ip)

    def status(self):
        return self.side.sb('--bare --columns=status find BFD %s'
                            % self.where()).strip()

    def wait_for(self, function, what):
        """Stock may neither write what it knows, nor begin a session on the
        chassis that has become the gateway, until it has something to do."""
        nudge = time.monotonic() + NUDGE

        def nudging():
            nonlocal nudge
            if function():
                return True
            if not self.side.is_ours and time.monotonic() > nudge:
                nudge += NUDGE
                for chassis in self.side.chassis:
                    self.side.appctl(chassis, 'inc-engine/recompute')
            return False
        self.side.wait_for(nudging, what)

    def becomes(self, status):
        self.wait_for(lambda: self.status() == status, 'status %s' % status)
        self.side.expect('status', status)

    def send(self, *args, ttl=255, src=None, payload=None, **kwargs):
        src = src or self.ip
        l4 = packets.udp(src, self.router_ip, 50000, 3784,
                         payload or message(*args, **kwargs))
        self.side.send(self.vm, packets.frame(self.mac, self.router, src,
                                              self.router_ip, packets.UDP, l4,
                                              ttl))

    def ask(self, *args, **kwargs):
        """Sends a poll; returns the answer."""
        kwargs.setdefault('yours', self.ours())
        state, *flags = args
        self.send(state, POLL | (flags[0] if flags else 0), **kwargs)
        return self.get(None, FINAL)

    def tell(self, state, **kwargs):
        """The same, and the answer is compared."""
        self.side.expect('answer', self.plain(self.ask(state, **kwargs)))

    def come_up(self, **kwargs):
        self.get(DOWN)
        self.ask(INIT, **kwargs)
        self.becomes('up')


def both_versions(function):
    """Two cases: over IPv4, and over IPv6."""
    for version in 4, 6:
        def run(side, v6=version == 6):
            function(side, v6)

        run.__name__ = '%s_v%d' % (function.__name__, version)
        case()(run)


@both_versions
def comes_up(side, v6):
    s = Session(side, v6)
    s.becomes('down')
    s.expect(DOWN)
    s.tell(DOWN)
    s.becomes('init')
    s.tell(INIT)
    s.becomes('up')
    s.tell(UP)
    side.expect('rows', side.get_rows('BFD', ('logical_port', 'dst_ip',
                                              'status')))
    s.end()


@both_versions
def neighbor_is_ahead(side, v6):
    s = Session(side, v6)
    s.get(DOWN)
    s.tell(DOWN)
    s.becomes('init')
    s.tell(UP)
    s.becomes('up')
    s.end()


@both_versions
def neighbor_goes_down(side, v6):
    s = Session(side, v6)
    s.come_up()
    s.tell(DOWN)
    s.becomes('down')
    s.tell(DOWN)
    s.becomes('init')
    s.end()


@both_versions
def neighbor_is_switched_off(side, v6):
    s = Session(side, v6)
    s.come_up()
    s.send(ADMIN_DOWN, yours=s.ours(), diag=7)
    s.becomes('down')
    s.end()


@both_versions
def neighbor_is_silent(side, v6):
    s = Session(side, v6)
    start = time.monotonic()
    # Long enough for stock to be woken until it says that it is up.
    s.come_up(mult=8)
    s.becomes('down')
    side.expect('8 s', time.monotonic() - start > 7.5)
    s.end()


@both_versions
def on_a_gateway_port(side, v6):
    s = Session(side, v6, net=1)
    s.becomes('down')
    s.expect(DOWN)
    s.tell(DOWN)
    s.becomes('init')
    s.tell(UP)
    s.becomes('up')
    s.end()


@both_versions
def gateway_moves(side, v6):
    """The session begins anew on the other chassis, and ends on this one."""
    s = Session(side, v6, net=3, vm='hv1-physnet')
    s.come_up()
    for there, priority in ('hv2-physnet', 30), ('hv1-physnet', 10):
        here = s.vm
        side.nb('--wait=hv lrp-set-gateway-chassis lr3-sw3 hv2 %d' % priority)
        n = len(s.frames())
        s.vm = there
        s.n_seen = len(s.frames())
        s.expect(DOWN)
        s.tell(DOWN)
        s.becomes('init')
        s.tell(INIT)
        s.becomes('up')
        s.tell(UP)
        s.vm = here
        side.expect('more from here', len(s.frames()) - n)
        s.vm = there
    s.end()


@case()
def on_every_chassis(side):
    """A router port without a chassis has no session."""
    sessions = [Session(side, v6, net=2) for v6 in (False, True)]
    time.sleep(2)
    for s in sessions:
        side.expect('frames', len(s.frames()))
        side.expect('status', s.status())
        s.end()


@case()
def several_sessions(side):
    sessions = [Session(side, v6, net, mult=10 + net) for net in (0, 1)
                for v6 in (False, True)]
    for s in sessions:
        s.expect(DOWN)
    for s in sessions[1:]:
        s.tell(INIT)
    for s in sessions[2:]:
        s.tell(DOWN)
    for s, status in zip(sessions, ('down', 'up', 'down', 'down')):
        s.becomes(status)
    for s in sessions:
        s.end()


@case()
def strangers(side):
    """Another discriminator, another sender."""
    for v6 in False, True:
        s = Session(side, v6)
        s.get(DOWN)
        s.send(INIT, yours=s.ours() ^ 1)
        s.send(DOWN, src='fd00::12' if v6 else '10.0.0.12')
        side.settle()
        side.expect('status', s.status())
        s.end()


@case()
def malformed(side):
    for v6 in False, True:
        s = Session(side, v6)
        s.get(DOWN)
        ours = s.ours()
        s.send(DOWN, mine=0)
        s.send(INIT, MULTIPOINT, yours=ours)
        s.send(INIT)
        s.send(DOWN, mult=0)
        s.send(DOWN, version=0)
        s.send(DOWN, length=23)
        s.send(DOWN, length=25)
        s.send(INIT, AUTH, yours=ours)
        side.settle()
        side.expect('status', s.status())
        s.tell(INIT)
        s.becomes('up')
        s.end()


@case()
def session_ends(side):
    s = Session(side)
    s.come_up()
    s.end()
    n = len(s.frames())
    time.sleep(2.5)
    side.expect('frames', len(s.frames()) - n)


@case()
def survives_a_restart(side):
    s = Session(side)
    s.come_up()
    side.restart('hv1')
    side.expect('status', s.status())
    s.tell(DOWN)
    s.tell(UP)
    s.becomes('up')
    s.end()


@case(differs='RFC 5880, 6.8.6: the first packet is known by its source')
def first_packet(side):
    s = Session(side)
    s.get(DOWN)
    s.send(DOWN)
    side.settle()
    if side.is_ours:
        s.becomes('init')
    side.expect('status', s.status())
    s.end()


@case(differs='RFC 5880, 6.8.3: slowly, until it is up; changed by a poll')
def fast_session(side):
    s = Session(side, min_tx=200, min_rx=300)
    down = s.content(s.get(DOWN))
    if side.is_ours:
        assert struct.unpack_from('!II', down, 12) == (1000000, 300000)
        s.send(INIT, yours=s.ours())
        up = s.content(s.get(UP, POLL))
        assert struct.unpack_from('!II', up, 12) == (200000, 300000)
        s.send(UP, FINAL, yours=s.ours())
        s.get(UP)
    side.expect('down', down[12:].hex())
    s.end()


@case(differs='RFC 5880, 6.8.6: a packet that breaks off is none',
      mended='26.03')
def breaks_off(side):
    for v6 in False, True:
        s = Session(side, v6)
        s.get(DOWN)
        whole = message(INIT, yours=s.ours())
        for n in (1, 4, 12, 23):
            s.send(payload=whole[:n])
        side.settle()
        s.becomes('down' if side.is_right else 'up')
        s.end()


@case(differs='RFC 5880, 6.8.7: a change of state is sent at once')
def change_of_state(side):
    """The neighbor does not want to hear more than once in half a minute,
    for which stock lets it wait."""
    s = Session(side)
    s.get(DOWN)
    s.send(DOWN, min_rx=30000000, yours=s.ours())
    s.becomes('init')
    s.send(INIT, min_rx=30000000, yours=s.ours())
    s.becomes('up')
    if side.is_ours:
        s.get(UP)
    side.settle()
    side.expect('told', sum(s.content(f)[1] == UP << 6 for f in s.frames()))
    s.end()


@case(differs="the source is the address on the neighbor's network")
def source_address(side):
    s = Session(side, ip='10.0.7.11')
    frame = s.get(DOWN)
    source = packets.ip('10.0.7.1')
    if side.is_ours:
        assert frame[26:30] == source, frame.hex()
    side.expect('source', frame[26:30] == source)
    s.end()


@case(differs='RFC 5880, 6.8.1: the diagnostic code says why, and who has '
              'been silent is nobody')
def diagnostics(side):
    s = Session(side)
    s.come_up()
    told = s.content(s.ask(DOWN))
    if side.is_ours:
        assert told[0] & 0x1f == 3
        s.come_up(mult=2)
        s.becomes('down')
        s.n_seen = len(s.frames())
        silent = s.content(s.get(DOWN))
        assert silent[0] & 0x1f == 1 and silent[8:12] == bytes(4)
    side.expect('code', told[0])
    s.end()


@case()
def from_afar(side):
    """RFC 5881, 5: no packet that has crossed a router."""
    s = Session(side)
    s.get(DOWN)
    s.send(INIT, yours=s.ours(), ttl=254)
    side.settle()
    side.expect('status', s.status())
    s.end()


@case(differs="RFC 5880, 6.8.16: a neighbor is told that its route has gone")
def switched_off(side):
    s = Session(side)
    s.come_up()
    s.n_seen = len(s.frames())
    side.nb('--wait=hv lr-route-del lr0')
    s.becomes('admin_down')
    if side.is_ours:
        assert s.content(s.get(ADMIN_DOWN))[0] & 0x1f == 7
    time.sleep(3)
    side.expect('told', [s.content(f)[1] for f in s.frames()[s.n_seen - 1:]])
    # Long enough for anybody.
    n = len(s.frames())
    time.sleep(2)
    assert len(s.frames()) == n
    s.route()
    s.get(DOWN)
    s.end()


@case(differs='RFC 5880, 6.8.3: a change is confirmed by a poll')
def parameters_change(side):
    s = Session(side)
    s.come_up()
    s.n_seen = len(s.frames())
    side.nb('--wait=hv set BFD %s min_rx=2000 detect_mult=7' % s.row)
    polls = 0
    if side.is_ours:
        up = s.content(s.get(UP, POLL))
        assert up[2] == 7 and up[16:20] == b'\0\x1e\x84\x80', up.hex()
        s.send(UP, FINAL, yours=s.ours())
        polls += 1
    final = s.content(s.ask(UP))
    assert final[2:3] + final[16:20] == b'\7\0\x1e\x84\x80', final.hex()
    side.expect('polls', polls)
    s.end()
