#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Connections through every kind of NAT, and what becomes of them.

    nat-matrix.py configure         makes the logical networks
    nat-matrix.py machines          "CHASSIS PORT MAC" lines
    nat-matrix.py addresses NS      what "ip -batch" is to do in there
    nat-matrix.py serve READY       answers, and makes READY when it does
    nat-matrix.py run PREFIX        makes all connections at once from the
                                    network namespaces PREFIXNAME; fails if
                                    one does not become what it should

Three routers have the same NAT rules, one for each host behind them: gr is a
gateway router on hv1; dr has a gateway port on hv1 or hv2; tw has two of
them, one on hv1 and one on hv2, with rules that name theirs.  Each has two
machines, a on hv1 and b on hv3, with the addresses of all hosts.  Host K of
router N is 10.N.0.K or fd0N::K, and has the external address 172.16.N.K or
fd16::N:K.  Outside is the namespace "net", with the peers A, B and C; lists
of external addresses have A.

Each connection is TCP with IPv4 and UDP with IPv6.  The answer says what the
other side sees: the address that was asked, from which one, and, if it is not
the client's own, from which port.  Some are to closed ports, for the errors.

What should become of a connection follows from what ovn-nb(5) says of the NAT
table: see seen() and the functions behind it.
"""

import collections
import ctypes
import errno
import fcntl
import json
import os
import selectors
import socket
import subprocess
import sys
import time

PORT = 8080
# Of rules with a range, from which ports of both directions come.
RANGE = range(8080, 8120)
PEERS = {'A': ('198.51.100.1', '2001:db8::1'),
         'B': ('198.51.100.2', '2001:db8::2'),
         'C': ('198.51.101.1', '2001:db8:1::1')}
ROUTERS = {'gr': 1, 'dr': 2, 'tw': 3}
CHASSIS = {'a': 'hv1', 'b': 'hv3'}

# What there is for a host, on one of the machines: the type of rule, if any;
# whether it has external_mac and logical_port, options:stateless, and a range
# of ports; "allowed" or "exempted" if it has a list of external addresses; and
# the network that its external address is in, which is that of one of the
# router's ports.
Rule = collections.namedtuple(
    'Rule', 'host machine type distributed stateless ports ext net',
    defaults=('', False, False, False, None, 16))

RULES = [
    # Hosts up to 63 have a rule for all of them; host 70 has none.
    Rule(11, 'a'), Rule(21, 'b'), Rule(70, 'b'),
    Rule(72, 'a', 'snat'), Rule(73, 'b', 'snat'),
    Rule(74, 'a', 'dnat'), Rule(75, 'b', 'dnat'),
    Rule(76, 'a', 'dnat_and_snat'), Rule(77, 'b', 'dnat_and_snat'),
    Rule(78, 'a', 'dnat_and_snat', distributed=True),
    Rule(79, 'b', 'dnat_and_snat', distributed=True),
    Rule(82, 'a', 'dnat_and_snat', stateless=True),
    Rule(83, 'b', 'dnat_and_snat', stateless=True),
    Rule(84, 'a', 'dnat_and_snat', distributed=True, stateless=True),
    Rule(85, 'b', 'dnat_and_snat', distributed=True, stateless=True),
    Rule(86, 'b', 'snat', ports=True),
    Rule(87, 'b', 'dnat', ports=True),
    Rule(88, 'b', 'dnat_and_snat', ports=True),
    Rule(90, 'b', 'snat', ext='allowed'),
    Rule(91, 'b', 'dnat', ext='allowed'),
    Rule(92, 'b', 'dnat_and_snat', ext='allowed'),
    Rule(93, 'b', 'dnat_and_snat', distributed=True, ext='allowed'),
    Rule(94, 'b', 'snat', ext='exempted'),
    Rule(95, 'b', 'dnat', ext='exempted'),
    Rule(96, 'b', 'dnat_and_snat', ext='exempted'),
    Rule(97, 'b', 'dnat_and_snat', distributed=True, ext='exempted'),
]
RULES_TW = [
    Rule(11, 'a'), Rule(21, 'b'),
    Rule(74, 'a', 'dnat'), Rule(75, 'b', 'dnat', net=17),
    Rule(76, 'a', 'dnat_and_snat', net=17), Rule(77, 'b', 'dnat_and_snat'),
    Rule(78, 'a', 'dnat_and_snat', distributed=True, net=17),
    Rule(79, 'b', 'dnat_and_snat', distributed=True),
    Rule(80, 'b', 'dnat_and_snat', distributed=True, net=17),
]


def rules(router):
    for rule in RULES_TW if router == 'tw' else RULES:
        yield rule._replace(distributed=rule.distributed and router != 'gr')


def inner(router, host, v6):
    n = ROUTERS[router]
    return 'fd0%d::%d' % (n, host) if v6 else '10.%d.0.%d' % (n, host)


def outer(router, host, v6, net=16):
    n = ROUTERS[router]
    return ('fd%d::%d:%d' % (net, n, host) if v6
            else '172.%d.%d.%d' % (net, n, host))


# ----------------------------------------------------------------------
# The logical networks.

def nbctl(commands):
    args = []
    for command in commands:
        args += ['--', *command]
    subprocess.run(['ovn-nbctl', *args[1:]], check=True,
                   stdout=subprocess.DEVNULL)


def attach(router, switch, n, *networks):
    """A port of a router on a switch."""
    lrp, lsp = '%s-%s' % (router, switch), '%s-%s' % (switch, router)
    yield 'lrp-add', router, lrp, lrp_mac(router, n), *networks
    yield 'lsp-add', switch, lsp
    yield 'lsp-set-type', lsp, 'router'
    yield 'lsp-set-addresses', lsp, 'router'
    yield 'lsp-set-options', lsp, 'router-port=' + lrp


def networks():
    for net in 16, 17:
        yield 'ls-add', 'pub%d' % net
        yield 'lsp-add', 'pub%d' % net, 'ln%d' % net
        yield 'lsp-set-type', 'ln%d' % net, 'localnet'
        yield 'lsp-set-addresses', 'ln%d' % net, 'unknown'
        yield 'lsp-set-options', 'ln%d' % net, 'network_name=phys%d' % net
    for i, family in enumerate('46'):
        yield ('create', 'Address_Set', 'name=peers' + family,
               'addresses="%s"' % PEERS['A'][i])
    for router, n in ROUTERS.items():
        switch = 'sw-' + router
        yield 'lr-add', router
        yield 'ls-add', switch
        yield from attach(router, switch, 0, '10.%d.0.1/24' % n,
                          'fd0%d::1/64' % n)
        for net in (16, 17) if router == 'tw' else (16,):
            yield from attach(router, 'pub%d' % net, net - 15,
                              outer(router, 1, False, net) + '/16',
                              outer(router, 1, True, net) + '/64')
        for machine in CHASSIS:
            name = '%s-%s' % (router, machine)
            yield 'lsp-add', switch, name
            yield ('lsp-set-addresses', name, ' '.join(
                [mac(router, machine)] + addresses(router, machine)))
        yield 'lr-route-add', router, '0.0.0.0/0', '172.16.0.254'
        yield 'lr-route-add', router, '::/0', 'fd16::fe'
    yield 'lr-route-add', 'tw', '198.51.101.0/24', '172.17.0.254'
    yield 'lr-route-add', 'tw', '2001:db8:1::/64', 'fd17::fe'
    yield 'set', 'Logical_Router', 'gr', 'options:chassis=hv1'
    for port, chassis, priority in (('dr-pub16', 'hv1', 30),
                                    ('dr-pub16', 'hv2', 20),
                                    ('tw-pub16', 'hv1', 30),
                                    ('tw-pub17', 'hv2', 30)):
        yield 'lrp-set-gateway-chassis', port, chassis, str(priority)


def nat_row(router, number, **columns):
    name = '@%s%d' % (router, number)
    yield ('--id=' + name, 'create', 'NAT',
           *('%s=%s' % (k.replace('__', ':'), v if v[0] == '@' else
                        '"%s"' % v) for k, v in columns.items()))
    yield 'add', 'Logical_Router', router, 'nat', name


def nat(router):
    ids = {}
    for family in '46':
        yield ('--id=@peers' + family, 'get', 'Address_Set', 'peers' + family)
    nets = (16, 17) if router == 'tw' else (16,)
    if router == 'tw':
        for net in nets:
            yield ('--id=@port%d' % net, 'get', 'Logical_Router_Port',
                   'tw-pub%d' % net)
            ids[net] = {'gateway_port': '@port%d' % net}
    for v6 in False, True:
        for net in nets:
            yield from nat_row(
                router, 1000 * v6 + 100 * net, type='snat',
                external_ip=outer(router, 2, v6, net),
                logical_ip=inner(router, 0, v6) + ('/122' if v6 else '/26'),
                **ids.get(net, {}))
        for rule in rules(router):
            if not rule.type:
                continue
            columns = {'type': rule.type,
                       'external_ip': outer(router, rule.host, v6, rule.net),
                       'logical_ip': inner(router, rule.host, v6)}
            if rule.distributed:
                columns['external_mac'] = external_mac(router, rule, v6)
                columns['logical_port'] = '%s-%s' % (router, rule.machine)
            if rule.stateless:
                columns['options__stateless'] = 'true'
            if rule.ports:
                columns['external_port_range'] = '%d-%d' % (
                    RANGE[0], RANGE[-1])
            if rule.ext:
                columns[rule.ext + '_ext_ips'] = '@peers' + '46'[v6]
            # One that says nothing goes by its external address.
            if rule.type != 'dnat':
                columns.update(ids.get(rule.net, {}))
            yield from nat_row(router, 1000 * v6 + rule.host, **columns)


def lrp_mac(router, n):
    return '02:00:00:00:ff:%d%d' % (ROUTERS[router], n)


def external_mac(router, rule, v6):
    return '02:00:00:0%d:%02d:%02d' % (v6, ROUTERS[router], rule.host)


def mac(router, machine):
    return '02:00:00:00:0%d:0%d' % (ROUTERS[router], 1 + (machine == 'b'))


def addresses(router, machine):
    return [inner(router, rule.host, v6) for rule in rules(router)
            if rule.machine == machine for v6 in (False, True)]


def configure():
    nbctl(networks())
    for router in ROUTERS:
        nbctl(nat(router))


def machines():
    for router in ROUTERS:
        for machine, chassis in CHASSIS.items():
            print(chassis, '%s-%s' % (router, machine), mac(router, machine))


def addresses_of(ns):
    """What "ip -batch" makes of a namespace."""
    if ns == 'net':
        for net in 16, 17:
            yield 'addr add 172.%d.0.254/16 dev eth%d' % (net, net)
            yield 'addr add fd%d::fe/64 dev eth%d nodad' % (net, net)
        for peer in PEERS.values():
            yield 'addr add %s/32 dev lo' % peer[0]
            yield 'addr add %s/128 dev lo' % peer[1]
        for address in PEERS['C']:
            yield 'rule add from %s lookup 17' % address
        for router, n in ROUTERS.items():
            for net, table in (16, 'main'), (17, 17):
                if net == 16 or router == 'tw':
                    yield ('route add 10.%d.0.0/24 via %s table %s'
                           % (n, outer(router, 1, False, net), table))
                    yield ('route add fd0%d::/64 via %s table %s'
                           % (n, outer(router, 1, True, net), table))
    else:
        router, machine = ns.split('-')
        for address in addresses(router, machine):
            yield 'addr add %s dev eth0 ' % address + (
                'nodad' if ':' in address else '')
        for v6 in False, True:
            gateway = inner(router, 1, v6)
            yield 'route add %s dev eth0' % gateway
            yield 'route add %s via %s' % ('::/0' if v6 else '0.0.0.0/0',
                                           gateway)


# ----------------------------------------------------------------------
# What is to become of connections.

# A connection from address 'source' in namespace 'ns' to 'address'; 'want' is
# what should come of it, "asked ADDRESS from ADDRESS [range]" or none.
NO_ANSWER = 'no answer'
REFUSED = os.strerror(errno.ECONNREFUSED)
CLOSED_PORT = 9
# A datagram to a closed port is answered by an ICMP error, which is to be
# translated back together with what it quotes.
Job = collections.namedtuple('Job', 'label ns source address want port',
                             defaults=(PORT,))


def peers(router, rule):
    if router == 'tw':
        return 'AC'
    return 'AB' if rule.ext else 'A'


def applies(rule, peer):
    """Whether the rule is about the peer."""
    return {None: True, 'allowed': peer == 'A',
            'exempted': peer != 'A'}[rule.ext]


def seen(router, rule, net, applied, v6):
    """As whom somebody sees the rule's host who is outside, on network 'net',
    if he is one whom the rule is about."""
    if not rule.type and rule.host < 64:
        return outer(router, 2, v6, net)
    if 'snat' not in rule.type or not applied or rule.net != net:
        return inner(router, rule.host, v6)
    return outer(router, rule.host, v6, net) + ' range' * rule.ports


def net_of(peer):
    return 17 if peer == 'C' else 16


def refused(rule):
    """Without state, nothing tells that what an error quotes is to be
    translated."""
    return NO_ANSWER if rule.stateless else REFUSED


def peer_jobs(router, rule, peer, v6):
    """To a peer, from it, and from it to the host's own address."""
    ns = '%s-%s' % (router, rule.machine)
    source, address = PEERS[peer][v6], inner(router, rule.host, v6)
    asked = 'asked %s from %s' % (address, source)
    as_whom = seen(router, rule, net_of(peer), applies(rule, peer), v6)
    name = '%s %s v%d' % (ns, label(rule), 6 if v6 else 4)
    yield Job('%s to %s' % (name, peer), ns, address, source,
              'asked %s from %s' % (source, as_whom))
    yield Job('%s to %s, closed' % (name, peer), ns, address, source,
              refused(rule), CLOSED_PORT)
    if rule.type:
        reached = ('dnat' in rule.type and applies(rule, peer)
                   and rule.net == net_of(peer))
        yield Job('%s from %s' % (name, peer), 'net', source,
                  outer(router, rule.host, v6, rule.net),
                  asked if reached else NO_ANSWER)
        if reached and not rule.ports:
            yield Job('%s from %s, closed' % (name, peer), 'net', source,
                      outer(router, rule.host, v6, rule.net), refused(rule),
                      CLOSED_PORT)
    # Where the answer would be translated, it is none to this question; the
    # userspace datapath of Open vSwitch 3.1 may abort then.
    if as_whom == address:
        yield Job('%s from %s, without NAT' % (name, peer), 'net', source,
                  address, asked)


def label(rule):
    words = ['%d' % rule.host, rule.type or 'none']
    words += ['distributed'] * rule.distributed
    words += ['stateless'] * rule.stateless + ['ports'] * rule.ports
    words += [rule.ext] * bool(rule.ext) + ['second'] * (rule.net == 17)
    return ' '.join(words)


def hairpin_job(router, rule, other, to, v6):
    """From a host behind a router to the external address of another one."""
    ns = '%s-%s' % (router, rule.machine)
    address = inner(router, rule.host, v6)
    as_whom = seen(router, rule, to.net, True, v6)
    # An answer to an inner address goes there directly, not to where it is to
    # be translated back, unless the router has no other place; nor does a
    # machine take packets from itself.
    if as_whom == address and (router != 'gr' or rule.machine == to.machine):
        want = NO_ANSWER
    else:
        want = 'asked %s from %s' % (inner(other, to.host, v6), as_whom)
    return Job('%s %s v%d to %s %s' % (ns, label(rule), 6 if v6 else 4, other,
                                       label(to)), ns, address,
               outer(other, to.host, v6, to.net), want)


def meets(router, rule, other, to):
    """Whether a hairpin from one rule's host to another's is tried."""
    if rule.ext or rule.ports or to.ext or to.ports or 'dnat' not in to.type:
        return False
    return other == router or (rule.host, to.host) == (79, 77)


def jobs():
    for v6 in False, True:
        for router in ROUTERS:
            for rule in rules(router):
                for peer in peers(router, rule):
                    yield from peer_jobs(router, rule, peer, v6)
                for other in ROUTERS:
                    for to in rules(other):
                        if meets(router, rule, other, to):
                            yield hairpin_job(router, rule, other, to, v6)


def neighbors():
    """Which Ethernet address answers for an external address."""
    for router in ROUTERS:
        for rule in rules(router):
            if 'dnat' in rule.type:
                for v6 in False, True:
                    yield (outer(router, rule.host, v6, rule.net),
                           external_mac(router, rule, v6)
                           if rule.distributed else
                           lrp_mac(router, rule.net - 15))


# ----------------------------------------------------------------------
# The network.

def serve(ready):
    """Says to whoever asks what is seen here."""
    selector = selectors.DefaultSelector()
    for port in RANGE:
        tcp = socket.create_server(('', port), backlog=128)
        selector.register(tcp, selectors.EVENT_READ, serve_tcp)
        udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        udp.bind(('::', port))
        selector.register(udp, selectors.EVENT_READ, serve_udp)
    open(ready, 'w').close()
    while True:
        for key, _ in selector.select():
            key.data(key.fileobj)


def serve_tcp(s):
    with s.accept()[0] as c:
        try:
            c.sendall(report(c.getsockname()[0], c.getpeername()))
        except OSError:
            pass


def serve_udp(s):
    """The answer comes from the address that was asked."""
    _, info, _, peer = s.recvmsg(100, 100)
    address = socket.inet_ntop(socket.AF_INET6, info[0][2][:16])
    s.sendmsg([report(address, peer)], info, 0, peer)


def report(name, peer):
    return json.dumps([name, peer[0], peer[1]]).encode()


class Client:
    """One connection."""

    def __init__(self, job, port):
        self.job, self.port = job, port
        v6 = ':' in job.address
        self.udp = v6 or job.port == CLOSED_PORT
        self.answer = None
        self.s = socket.socket(
            socket.AF_INET6 if v6 else socket.AF_INET,
            socket.SOCK_DGRAM if self.udp else socket.SOCK_STREAM)
        self.s.setblocking(False)
        self.s.bind((job.source, port))
        self.s.connect_ex((job.address, job.port))

    def send(self):
        if self.udp and not self.answer:
            try:
                self.s.send(b'who?')
            except OSError:
                pass            # An earlier one was refused.

    def receive(self):
        try:
            address, source, port = json.loads(self.s.recv(100))
        except OSError as e:
            self.answer = os.strerror(e.errno)
            return
        self.answer = 'asked %s from %s' % (address, source)
        if port != self.port:
            self.answer += ' range' if port in RANGE else ' port'


def ask(ns, first, some):
    """Prints what came of the jobs."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open('/run/netns/' + ns) as f:
        if libc.setns(f.fileno(), 0):
            sys.exit(os.strerror(ctypes.get_errno()))
    selector = selectors.DefaultSelector()
    clients = [Client(job, first + i) for i, job in enumerate(some)]
    for client in clients:
        selector.register(client.s, selectors.EVENT_READ, client)
    start = sent = time.monotonic()
    # What should not be answered has long enough for three attempts.  What
    # should be has as long as it takes.
    while True:
        now = time.monotonic()
        waiting = [c for c in clients if not c.answer]
        if now > start + 60 or not [c for c in waiting
                                    if c.job.want != NO_ANSWER
                                    or now < start + 4]:
            break
        if now >= sent:
            for client in waiting:
                client.send()
            sent = now + 0.5
        for key, _ in selector.select(0.1):
            key.data.receive()
            if key.data.answer:
                selector.unregister(key.fileobj)
    for client in clients:
        print(json.dumps([client.job.label, client.job.want,
                          client.answer or NO_ANSWER]))


def take_ports(n):
    """The first of N ports that nobody has used: see "ask" in
    system-distributed-lb.at."""
    with open('nat-matrix.port', 'a+') as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        f.seek(0)
        first = int(f.read() or 10000)
        f.truncate(0)
        f.write(str(first + n))
    return first


def run(prefix):
    of_ns = collections.defaultdict(list)
    for job in jobs():
        of_ns[job.ns].append(job)
    asking = []
    for ns, some in of_ns.items():
        first = take_ports(len(some))
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            os.dup2(writer, 1)
            ask(prefix + ns, first, some)
            sys.stdout.flush()
            os._exit(0)
        os.close(writer)
        asking.append(reader)
    results = [json.loads(line) for reader in asking for line in open(reader)]
    if len(results) != sum(map(len, of_ns.values())):
        sys.exit('only %d results' % len(results))
    macs = neighbors_of(prefix + 'net')
    results += [('neighbor ' + address, want, macs.get(address))
                for address, want in neighbors()]
    bad = [result for result in results if result[1] != result[2]]
    for what, want, got in bad:
        print('%s: %s, not %s' % (what, got, want))
    print('%d connections and neighbors, %d of them not as they should be'
          % (len(results), len(bad)))
    sys.exit(1 if bad else 0)


def neighbors_of(ns):
    text = subprocess.run(['ip', '-j', '-n', ns, 'neigh'], check=True,
                          stdout=subprocess.PIPE).stdout
    return {row['dst']: row.get('lladdr') for row in json.loads(text)}


def main(argv):
    if argv[1:] == ['configure']:
        configure()
    elif argv[1:] == ['machines']:
        machines()
    elif len(argv) == 3 and argv[1] == 'addresses':
        print('\n'.join(addresses_of(argv[2])))
    elif len(argv) == 3 and argv[1] == 'serve':
        serve(argv[2])
    elif len(argv) == 3 and argv[1] == 'run':
        run(argv[2])
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main(sys.argv)
