# SPDX-License-Identifier: Apache-2.0

"""Health checks by ICMP beside stock, of OVN 26.03: see pinctrl-diff.py.

ovn-northd is paused: the rows of Service_Monitor are the cases' own.  The
identifier and the sequence number of an echo request are the controller's to
choose: they are masked, with the checksum over them.
"""

import packets
from pinctrl_diff import case, l3_offset

MONITOR = '0a:00:00:00:00:01'
MAC = '02:00:00:00:00:01'


def network(side):
    side.nb('ls-add sw0 -- lr-add lr0 '
            '-- lrp-add lr0 lr0-sw0 02:00:00:00:ff:00 10.0.0.1/24 fd00::1/64 '
            '-- lsp-add sw0 sw0-lr0 -- lsp-set-type sw0-lr0 router '
            '-- lsp-set-addresses sw0-lr0 router '
            '-- lsp-set-options sw0-lr0 router-port=lr0-sw0')
    side.nb('lsp-add sw0 vm1 -- lsp-set-addresses vm1 '
            '"%s 10.0.0.11 fd00::11"' % MAC)
    side.vif('hv1', 'vm1')
    # All that comes to the machine is to be dropped, but for probes.
    side.nb('acl-add sw0 to-lport 1000 ip drop')


def ignored(_):
    """Cases compare what they look at."""
    return True


class Service:
    """A row of Service_Monitor that asks vm1 for an echo."""

    def __init__(self, side, v6, **options):
        self.side = side
        self.v6 = v6
        self.ip = 'fd00::11' if v6 else '10.0.0.11'
        self.src = 'fd00::5' if v6 else '10.0.0.5'
        self.proto = packets.ICMP6 if v6 else packets.ICMP
        self.n_seen = len(self.frames())
        side.appctl('central', 'pause', daemon='northd')
        options = dict({'interval': 1, 'timeout': 1}, **options)
        self.row = side.sb(
            'create Service_Monitor logical_port=vm1 ip="\\"%s\\"" '
            'src_ip="\\"%s\\"" src_mac="\\"%s\\"" protocol=icmp port=0 '
            'type=logical-switch-port' % (self.ip, self.src, MONITOR),
            *(' options:%s=%d' % o for o in options.items())).strip()

    def frames(self):
        """The echo requests that have come."""
        return [f for f in self.side.received('vm1')
                if f[6:12] == packets.mac(MONITOR)
                and f[l3_offset(f)] >> 4 == (6 if self.v6 else 4)
                and f[l3_offset(f) + (6 if self.v6 else 9)] == self.proto]

    def l4(self, frame):
        return frame[l3_offset(frame) + (40 if self.v6 else 20):]

    def next(self):
        self.side.wait_for(lambda: len(self.frames()) > self.n_seen,
                           'an echo request')
        self.n_seen += 1
        frame = self.frames()[self.n_seen - 1]
        l4 = self.l4(frame)
        self.side.expect('probe', (frame[:len(frame) - len(l4)] + l4[:2]
                                   + l4[8:]).hex())
        return frame

    def answer(self, frame, change=0, kind=None):
        """Sends an echo reply, to an identifier that 'change' has changed."""
        l4 = self.l4(frame)
        echo = bytes([l4[4] ^ change]) + l4[5:]
        kind = kind or (129 if self.v6 else 0)
        self.side.send('vm1', packets.frame(
            MAC, MONITOR, self.ip, self.src, self.proto,
            packets.icmp(self.ip, self.src, kind, 0, echo)))

    def status(self):
        return self.side.sb('--bare get Service_Monitor %s status'
                            % self.row).strip()

    def becomes(self, status):
        self.side.wait_for(lambda: self.status() == status, status)
        self.side.expect('status', status)

    def end(self):
        self.side.sb('destroy Service_Monitor %s' % self.row)


@case(silent=False)
def works(side):
    for v6 in False, True:
        s = Service(side, v6)
        for _ in range(2):
            s.answer(s.next())
            s.becomes('online')
        s.end()


@case(silent=False)
def is_silent(side):
    for v6 in False, True:
        s = Service(side, v6)
        s.next()
        s.becomes('offline')
        s.next()
        s.end()


@case(silent=False)
def goes_and_comes(side):
    s = Service(side, False, failure_count=2)
    s.answer(s.next())
    s.becomes('online')
    s.next()
    s.becomes('offline')
    # Not one that is too late to be answered.
    s.n_seen = len(s.frames())
    s.answer(s.next())
    s.becomes('online')
    s.end()


@case(silent=False)
def answers_of_another_kind(side):
    """To another request, and a request."""
    for v6 in False, True:
        s = Service(side, v6)
        s.answer(s.next(), change=0xff)
        s.becomes('offline')
        s.end()
