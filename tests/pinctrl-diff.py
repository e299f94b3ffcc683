#! /usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Packets beside stock: the same frames in, the same frames and rows out.

    pinctrl-diff.py [--case NAME]... [--list] DIR FILE

DIR/stock and DIR/ours are two deployments that pinctrl_deployments
(ovn-pinctrl-diff.at) has made: they differ in nothing but their controllers.
FILE is a file of cases, such as tests/pinctrl/neighbors.py:

    from pinctrl_diff import case
    import packets

    def network(side):
        "The network that all cases of the file use; called for each side."
        side.nb('ls-add sw0 -- lsp-add sw0 vm1 -- lsp-set-addresses vm1 "..."')
        side.vif('hv1', 'vm1')

    @case()
    def arp_for_the_router(side):
        side.send('vm1', packets.arp(...))

Each case is called for both sides, at the same time.  Then both are given time
to do what follows; and from each port the same frames must have come, byte for
byte and in the same order, and the rows that the case has asked for must be
the same.  Frames are counted from the beginning of the case.  A case in which
no frame comes out and no rows are compared is a mistake, unless it says
"silent=True".

A file may have a function ignored(frame): whether the frame is none of its
business, such as what the controller sends by itself when it likes.

What a case can say, in its decorator:

    masks=('ip-id',)      Fields that are free, by their names in MASKS; a file
                          may add to MASKS.
    unordered=True        The order of frames from a port is free.
    silent=True           Nothing comes out, on either side.
    differs='RFC 1234, 5.6: why'
                          Ours intends to differ.  The case then returns
                          nothing, but calls side.expect() for ours and for
                          stock (side.is_ours), which is what is compared.
    mended='26.03'        From this release of OVN on, stock does not differ in
                          what it is expected to be (side.is_right).

and with its side:

    side.nb('...'), side.sb('...'), side.vsctl('hv1', '...')
                          ovn-nbctl, ovn-sbctl, ovs-vsctl; return the output.
    side.sync()           Until the chassis have what the northbound database
                          says.
    side.vif(chassis, port, iface=None)  A network card, whose frames count.
    side.physical(chassis, network)      A physical network for localnet ports;
                          its port has the name CHASSIS-NETWORK.
    side.send(port, frame...)            Frames (bytes) arrive from the port.
    side.settle()         Until the controllers have handled what was sent.
    side.wait(port, n)    Until n frames have come from the port (or time is
                          up: the comparison tells).  For what takes time.
    side.received(port)   The frames so far, as bytes.
    side.rows(table, columns...)         To be compared, sorted.
    side.wait_for(function)              Until it returns true.
    side.restart(chassis) The controller, with its chassis registered.
    side.expect(what, value)             See "differs", or to compare what
                          is neither frame nor row.
"""

import argparse
import atexit
import concurrent.futures
import difflib
import importlib.util
import os
import re
import shlex
import struct
import subprocess
import sys
import time

import daemons

TIMEOUT = int(os.environ.get('OVN_TEST_TIMEOUT') or 60)
# Seconds in which a difference may go away.
PATIENCE = 10

# Frames that a dummy card's queue has room for.  It drops others, silently.
MAX_QUEUED = 100

# Named masks: why a field is free, and what makes frames equal that differ in
# nothing else.  A mask takes the Ethernet payload's offset into account.
MASKS = {}


def mask(name, why):
    """Adds a function of a frame (a bytearray, changed in place)."""
    def add(function):
        function.why = why
        MASKS[name] = function
        return function
    return add


def l3_offset(frame):
    """Where the IP header is, behind VLAN tags."""
    at = 12
    while frame[at:at + 2] in (b'\x81\x00', b'\x88\xa8'):
        at += 4
    return at + 2


@mask('ip-id', 'the identification of a packet that is not fragmented')
def mask_ip_id(frame):
    at = l3_offset(frame)
    if frame[at - 2:at] == b'\x08\x00':
        frame[at + 4:at + 6] = frame[at + 10:at + 12] = b'\0\0'


CASES = []
IGNORED = []                    # The function of that name, if any.


class Case:
    def __init__(self, function, masks, unordered, silent, differs, mended):
        self.function = function
        self.name = function.__name__
        self.masks = masks
        self.unordered = unordered
        self.silent = silent
        self.differs = differs
        self.mended = mended

    def is_mended(self, release):
        """Whether stock of 'release' no longer differs."""
        def numbers(text):
            return [int(n) for n in text.split('.')[:2]]
        return bool(self.mended and release
                    and numbers(release) >= numbers(self.mended))


def case(masks=(), unordered=False, silent=False, differs=None, mended=None):
    def add(function):
        CASES.append(Case(function, masks, unordered, silent, differs,
                          mended))
        return function
    return add


def vlan(frame, vid):
    """The frame with a VLAN tag."""
    return frame[:12] + struct.pack('!HH', 0x8100, vid) + frame[12:]


# ----------------------------------------------------------------------
# A deployment.

class Capture:
    """What comes out of an interface: a pcap file that grows."""

    def __init__(self, path):
        self.path = path
        self.at = 24            # Behind the file's header.
        self.frames = []

    def read(self):
        try:
            with open(self.path, 'rb') as f:
                f.seek(self.at)
                data = f.read()
        except FileNotFoundError:
            return self.frames
        at = 0
        while len(data) - at >= 16:
            size, = struct.unpack_from('=I', data, at + 8)
            if len(data) - at < 16 + size:
                break
            self.frames.append(data[at + 16:at + 16 + size])
            at += 16 + size
        self.at += at
        return self.frames

    def clear(self):
        self.read()
        self.frames = []


# The frame that settle() has controllers make an ICMP error of, by the action
# of a flow that is none: opcode ICMP, and an action that outputs it.
MARK_USERDATA = ('00.00.00.0a.00.00.00.00.'
                 '00.00.00.10.%s.ff.ff.00.00.00.00.00.00')
MARK = ('020000000002' '020000000001' '0800' '4500001c00000000401166cf'
        '0a0000010a000002' '%04x%04x00080000')


class Side:
    """One deployment."""

    def __init__(self, directory, name):
        self.name = name
        self.is_ours = self.is_right = name == 'ours'
        self.dir = os.path.join(directory, name)
        self.ports = {}         # name -> (chassis, iface)
        self.captures = {}      # name -> Capture
        self.n_sent = {}        # name -> frames, so far, and those that may...
        self.n_queued = {}      # ...still be in the card's queue.
        self.chassis = sorted(
            d for d in os.listdir(self.dir)
            if os.path.exists(os.path.join(self.dir, d, 'controller.pid')))
        self.daemons = {}
        self.marks = {}         # chassis -> (Capture, ofport)
        self.n_marks = 0
        self.wanted_rows = []
        self.expected = []

    # Commands.

    def environment(self, chassis=None):
        env = dict(os.environ)
        where = os.path.join(self.dir, chassis or 'central')
        for name in ('OVS_RUNDIR', 'OVS_DBDIR', 'OVS_LOGDIR', 'OVN_RUNDIR',
                     'OVN_LOGDIR'):
            env[name] = where
        for db in 'nb', 'sb':
            env['OVN_%s_DB' % db.upper()] = 'unix:%s/central/%s.sock' % (
                self.dir, db)
        return env

    def run(self, words, chassis=None):
        try:
            text = daemons.run(*words, env=self.environment(chassis))
        except daemons.Failure as e:
            raise daemons.Failure('%s: %s' % (self.name, e)) from e
        if '--wait=hv' in words:
            # The flows are there, but packets may still go by what the
            # datapath made of the old ones.
            for name in self.chassis:
                self.appctl(name, 'revalidator/purge', daemon='vswitchd')
        return text

    @staticmethod
    def words(text):
        return [word for t in text for word in shlex.split(t)]

    def nb(self, *text):
        return self.run(['ovn-nbctl', '--timeout=%d' % TIMEOUT]
                        + self.words(text))

    def sb(self, *text):
        return self.run(['ovn-sbctl', '--timeout=%d' % TIMEOUT]
                        + self.words(text))

    def vsctl(self, chassis, *text):
        return self.run(['ovs-vsctl', '--timeout=%d' % TIMEOUT]
                        + self.words(text), chassis)

    def ofctl(self, chassis, *words):
        return self.run(['ovs-ofctl', '-O', 'OpenFlow15'] + list(words),
                        chassis)

    def appctl(self, chassis, *words, daemon='controller'):
        """ovs-appctl to a daemon of a chassis."""
        if daemon == 'controller':
            with open('%s/%s/controller.pid' % (self.dir, chassis)) as f:
                path = '%s/%s/ovn-controller.%s.ctl' % (self.dir, chassis,
                                                        f.read().strip())
        else:
            path = '%s/%s/%s.ctl' % (self.dir, chassis, daemon)
        if path not in self.daemons:
            self.daemons[path] = daemons.Rpc(path)
        result, error = self.daemons[path].ask(*words)
        if error:
            raise daemons.Failure('%s: %s: %s' % (self.name, words, error))
        return result

    def wait_for(self, function, what='it'):
        end = time.monotonic() + TIMEOUT
        pause = .01
        while not function():
            if time.monotonic() > end:
                raise daemons.Failure('%s: no success in %d s: %s'
                                      % (self.name, TIMEOUT, what))
            time.sleep(pause)
            pause = min(pause * 1.5, .25)

    def sync(self):
        self.nb('--wait=hv sync')

    # Interfaces.

    def capture(self, name, chassis, iface):
        self.ports[name] = chassis, iface
        self.captures[name] = Capture('%s/%s/%s-tx.pcap'
                                      % (self.dir, chassis, iface))
        return 'options:tx_pcap=%s' % self.captures[name].path

    def vif(self, chassis, port, iface=None):
        iface = iface or port
        pcap = self.capture(port, chassis, iface)
        self.vsctl(chassis, 'add-port br-int %s -- set interface %s '
                   'external-ids:iface-id=%s %s' % (iface, iface, port, pcap))

    def del_vif(self, port):
        chassis, iface = self.ports.pop(port)
        self.captures.pop(port)
        self.n_sent.pop(port, None)
        self.n_queued.pop(port, None)
        self.vsctl(chassis, 'del-port br-int %s' % iface)

    def physical(self, chassis, network):
        name = '%s-%s' % (chassis, network)
        pcap = self.capture(name, chassis, name)
        old = self.vsctl(chassis, '--if-exists get open . '
                         'external-ids:ovn-bridge-mappings').strip().strip('"')
        new = ','.join([m for m in [old] if m]
                       + ['%s:br-%s' % (network, network)])
        self.vsctl(chassis, 'add-br br-%s -- add-port br-%s %s '
                   '-- set interface %s %s -- set open . '
                   'external-ids:ovn-bridge-mappings="%s"'
                   % (network, network, name, name, pcap, new))

    def up(self, *ports):
        """Waits until the ports are up."""
        for port in ports:
            self.wait_for(lambda p=port: self.nb('lsp-get-up %s' % p).strip()
                          == 'up', '%s is up' % port)

    def send(self, port, *frames):
        chassis, iface = self.ports[port]
        for i in range(0, len(frames), MAX_QUEUED):
            some = frames[i:i + MAX_QUEUED]
            if self.n_queued.get(port, 0) + len(some) > MAX_QUEUED:
                self.drain(chassis)
            self.appctl(chassis, 'netdev-dummy/receive', iface,
                        *[f.hex() for f in some], daemon='vswitchd')
            self.n_queued[port] = self.n_queued.get(port, 0) + len(some)
            self.n_sent[port] = self.n_sent.get(port, 0) + len(some)

    def drain(self, chassis):
        """Waits until the switch has taken all frames from the queues of its
        cards: it takes one at a time, between other things."""
        queued = [port for port, (where, _) in self.ports.items()
                  if where == chassis and self.n_queued.get(port)]

        def taken():
            text = self.appctl(chassis, 'dpctl/show', '-s', daemon='vswitchd')
            n = dict(re.findall(r'port \d+: (\S+).*\n\s+RX packets:(\d+)',
                                text))
            return all(int(n.get(self.ports[port][1], 0)) >= self.n_sent[port]
                       for port in queued)

        if queued:
            self.wait_for(taken, 'the switch takes what has been sent')
        for port in queued:
            self.n_queued[port] = 0

    def received(self, port):
        return list(self.captures[port].read())

    def n_received(self):
        return sum(len(c.read()) for c in self.captures.values())

    def wait(self, port, n=1):
        end = time.monotonic() + PATIENCE
        while len(self.received(port)) < n and time.monotonic() < end:
            time.sleep(.01)

    # Having everything handled.

    def packet_out(self, chassis, text):
        """Has the switch do so, by one ovs-ofctl that stays: marks are
        many."""
        ctl = '%s/%s/ofctl.ctl' % (self.dir, chassis)
        if not os.path.exists(ctl):
            pidfile = '%s/%s/ofctl.pid' % (self.dir, chassis)
            env = self.environment(chassis)
            env.pop('OVS_CTL_TIMEOUT', None)  # It stays.
            # It keeps the output open, so there must be no pipe.
            subprocess.run(['ovs-ofctl', '-O', 'OpenFlow15', '-vconsole:off',
                            '--detach', '--no-chdir', '--pidfile=' + pidfile,
                            '--unixctl=' + ctl, 'monitor', 'br-int'],
                           env=env, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=True)
            atexit.register(self.appctl, chassis, 'exit', daemon='ofctl')
        self.appctl(chassis, 'ofctl/packet-out', text, daemon='ofctl')

    def mark_port(self, chassis):
        if chassis not in self.marks:
            path = '%s/%s/mark-tx.pcap' % (self.dir, chassis)
            self.vsctl(chassis, 'add-port br-int mark -- set interface mark '
                       'options:tx_pcap=%s' % path)
            ofport = int(self.vsctl(chassis, 'wait-until interface mark '
                                    'ofport>0 -- get interface mark ofport'))
            self.marks[chassis] = Capture(path), ofport
        return self.marks[chassis]

    def mark(self, chassis):
        """Has the controller answer one more packet, and waits for it:
        packet-ins are handled in the order in which they come.  Those of
        frames come when the switch has taken them."""
        self.drain(chassis)
        capture, ofport = self.mark_port(chassis)
        self.n_marks = (self.n_marks + 1) & 0xffff
        number = struct.pack('!H', self.n_marks)
        port = '.'.join('%02x' % b for b in struct.pack('!I', ofport))
        self.packet_out(chassis, 'in_port=controller packet=%s '
                        'actions=controller(userdata=%s)'
                        % (MARK % (self.n_marks, 53), MARK_USERDATA % port))
        # The error quotes the packet from its IP header on.
        self.wait_for(lambda: any(f[62:64] == number for f in capture.read()),
                      'the controller of %s answers' % chassis)
        capture.clear()

    def settle(self):
        quiet = 0
        while quiet < 2:
            before = self.n_received()
            for chassis in self.chassis:
                self.mark(chassis)
            quiet = quiet + 1 if self.n_received() == before else 0

    def restart(self, chassis, *args):
        """Ends the controller and starts it again."""
        pidfile = '%s/%s/controller.pid' % (self.dir, chassis)
        with open(pidfile) as f:
            pid = f.read().strip()
        with open('/proc/%s/cmdline' % pid, 'rb') as f:
            words = [w.decode() for w in f.read().split(b'\0') if w]
        self.appctl(chassis, 'exit', *(args or ('--restart',)))
        self.wait_for(lambda: not os.path.exists(pidfile), 'it ends')
        self.run(words, chassis)
        self.sync()

    # What is compared.

    def rows(self, table, *columns):
        self.wanted_rows.append((table, columns))

    def get_rows(self, table, columns):
        text = self.sb('--format=csv --no-headings --columns=%s list %s'
                       % (','.join(columns), table))
        return sorted(text.splitlines())

    def expect(self, what, value):
        self.expected.append((what, value))

    def begin(self):
        for capture in self.captures.values():
            capture.clear()
        self.wanted_rows = []
        self.expected = []

    def outcome(self, case_):
        """What has come of the case: lines of text."""
        lines = ['%s: %s' % (what, value) for what, value in self.expected]
        if case_.differs:
            return lines
        for port in sorted(self.captures):
            frames = [masked(f, case_.masks) for f in self.received(port)
                      if not IGNORED or not IGNORED[0](f)]
            if case_.unordered:
                frames.sort()
            lines += ['%s %s' % (port, f.hex()) for f in frames]
        for table, columns in self.wanted_rows:
            lines += ['%s(%s) %s' % (table, ','.join(columns), row)
                      for row in self.get_rows(table, columns)]
        return lines


def masked(frame, masks):
    frame = bytearray(frame)
    for name in masks:
        MASKS[name](frame)
    return bytes(frame)


# ----------------------------------------------------------------------
# Cases.

class Runner:
    def __init__(self, directory, release=None):
        self.release = release
        self.sides = [Side(directory, 'stock'), Side(directory, 'ours')]
        self.pool = concurrent.futures.ThreadPoolExecutor(2)

    def both(self, function):
        return list(self.pool.map(function, self.sides))

    def prepare(self, module):
        def prepare(side):
            module.network(side)
            side.sync()
            ports = [p for p in side.ports
                     if side.nb('--bare --columns=name find '
                                'Logical_Switch_Port name=%s' % p).strip()]
            side.up(*ports)
            side.sync()
            side.settle()

        self.both(prepare)

    def run(self, case_):
        """Returns the differences, or what else is wrong."""
        def run(side):
            side.begin()
            side.is_right = side.is_ours or case_.is_mended(self.release)
            case_.function(side)
            side.settle()

        try:
            self.both(run)
        except (daemons.Failure, AssertionError) as e:
            return ['%s: %s' % (type(e).__name__, e)]
        end = time.monotonic() + PATIENCE
        while True:
            stock, ours = self.both(lambda s: s.outcome(case_))
            if (stock == ours or time.monotonic() > end
                    or case_.differs and not case_.is_mended(self.release)):
                break
            time.sleep(.1)
        return self.judge(case_, stock, ours)

    def judge(self, case_, stock, ours):
        if case_.differs and not case_.is_mended(self.release):
            if stock == ours:
                return ['ours does not differ (%s)' % case_.differs] + ours
            return []
        if stock != ours:
            return list(difflib.unified_diff(stock, ours, 'stock', 'ours',
                                             n=3, lineterm=''))
        if bool(ours) == case_.silent:
            return ['silence was %sexpected'
                    % ('' if case_.silent else 'not ')] + ours
        return []


def load(path):
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    # Under this name, cases find what is in here.
    sys.modules['pinctrl_diff'] = sys.modules[__name__]
    spec = importlib.util.spec_from_file_location('cases', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    parser = argparse.ArgumentParser(
        description='Compares what becomes of packets with stock.')
    parser.add_argument('--case', action='append', metavar='NAME')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--release', help='of OVN, which stock is')
    parser.add_argument('dir')
    parser.add_argument('file')
    args = parser.parse_args()

    module = load(args.file)
    if hasattr(module, 'ignored'):
        IGNORED.append(module.ignored)
    cases = [c for c in CASES if not args.case or c.name in args.case]
    if args.list or not cases:
        print('\n'.join(c.name for c in cases) or 'no such case')
        return 0 if args.list else 1

    runner = Runner(args.dir, args.release)
    runner.prepare(module)
    failed = 0
    for c in cases:
        problems = runner.run(c)
        print('%s: %s' % (c.name, 'DIFFERS' if problems else 'ok'))
        for line in problems:
            print('    ' + line)
        failed += bool(problems)
        sys.stdout.flush()
    print('%d cases, %d different' % (len(cases), failed))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
