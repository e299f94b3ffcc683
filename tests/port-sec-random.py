#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Random port security, and random packets.

    port-sec-random.py configure SEED N
    port-sec-random.py compare SEED N PACKETS TRACE-SOCKET VSWITCHD-SOCKET

"configure" gives N ports port security, p0, p1 and so on, of a logical switch
that has two other ports, "plain" and "sink".  "compare" asks ovn-trace and the
switch, by their control sockets, whether each of PACKETS may go from such a
port to "sink", or from "plain" to such a port, and decides by itself what
ovn-nb(5) says about that.  Prints where the three are not of one mind, and
exits with status 1 then.
"""

import copy
import ipaddress
import random
import re
import sys

import daemons

SINK, PLAIN = '02:00:00:00:ff:01', '02:00:00:00:ff:02'
SOLICIT, ADVERT = 135, 136


def lla(mac):
    """The link-local address that follows from an Ethernet address."""
    b = bytes.fromhex(mac.replace(':', ''))
    return ipaddress.ip_address(
        b'\xfe\x80' + bytes(6) + bytes([b[0] ^ 2]) + b[1:3] + b'\xff\xfe'
        + b[3:])


def random_ip(r, version, port):
    """An address, most often near the others of a port."""
    if version == 4:
        return ipaddress.ip_address(
            '10.%d.%d.%d' % (port, r.choice((0, 0, 1)),
                             r.choice((0, 1, 1, 2, 3, 77, 255))))
    return ipaddress.ip_address(
        'fd00:%x:%x::%x' % (port, r.choice((0, 0, 1)), r.choice((0, 1, 2, 3))))


class Element:
    def __init__(self, r, port, mac):
        self.mac = mac
        self.ips = {4: [], 6: []}
        words = [mac]
        if r.random() < .85:
            for version in r.choice(((4,), (6,), (4, 6), (4, 4), (6, 4, 6))):
                ip = ipaddress.ip_interface(
                    '%s/%d' % (random_ip(r, version, port),
                               r.choice((32, 32, 24, 16) if version == 4
                                        else (128, 128, 64, 48))))
                self.ips[version].append(ip)
                words.append(str(ip.ip) if ip.network.prefixlen
                             == ip.max_prefixlen and r.random() < .5
                             else str(ip))
        self.text = r.choice(('', ' ')) + ''.join(
            word + r.choice((' ', ',', ', ', '\t', ' ,'))
            for word in words[:-1]) + words[-1]
        if r.random() < .1:
            # What is behind a word that makes no sense does not count.
            self.text += r.choice((' ', ',')) + r.choice((
                'rubbish', '10.0.0.1/33', 'fd00::1/129', '1.2.3', mac)) + (
                    ' 0.0.0.0/0')

    def has(self, version, address):
        """Is the host allowed to use the address?"""
        for ip in self.ips[version]:
            whole = ip.network.network_address == ip.ip
            if address in ip.network if whole else address == ip.ip:
                return True
        return version == 6 and self.ips[6] and address == lla(self.mac)

    def any_ip(self):
        return not self.ips[4] and not self.ips[6]

    def receives(self, version, address):
        if self.any_ip():
            return True
        if not self.ips[version]:
            return False
        return (address.is_multicast or self.has(version, address)
                or str(address) == '255.255.255.255'
                or version == 4 and any(
                    ip.network.broadcast_address == address
                    for ip in self.ips[4]
                    if ip.network.prefixlen < 32))


class Port:
    def __init__(self, seed, number):
        r = random.Random('%s port %d' % (seed, number))
        self.number = number
        self.name = 'p%d' % number
        self.elements = [
            Element(r, number, '02:00:00:00:%02x:%02x' % (number, i))
            for i in range(r.choice((1, 1, 2, 3)))]
        if len(self.elements) == 3 and not any(
                e.any_ip() for e in self.elements):
            # The same Ethernet address once more.
            self.elements.append(Element(r, number, self.elements[0].mac))
            if self.elements[-1].any_ip():
                del self.elements[-1]
        # What is said about an Ethernet address twice adds up.
        self.hosts = {}
        for e in self.elements:
            host = self.hosts.setdefault(e.mac, copy.deepcopy(e))
            if host.text != e.text:
                for version in 4, 6:
                    host.ips[version] += e.ips[version]

    def configure(self):
        texts = ['"%s"' % e.text for e in self.elements]
        if self.number % 5 == 0:
            # Nor do elements without an Ethernet address.
            texts += ['"10.0.0.1"', '"rubbish"', '""']
        macs = sorted(set(e.mac for e in self.elements))
        daemons.nbctl(
            '--', 'lsp-add', 'sw0', self.name,
            '--', 'lsp-set-addresses', self.name, *macs,
            '--', 'set', 'Logical_Switch_Port', self.name,
            'port_security=' + ','.join(texts))


class Packet:
    """A packet by the names of logical flows, with Python's values."""

    def __init__(self, r, port, enters):
        macs = [e.mac for e in port.elements] + ['02:00:00:00:99:99']
        self.enters = enters
        self.src = r.choice(macs) if enters else PLAIN
        self.dst = SINK if enters else r.choice(macs[:-1])
        self.fields = {}
        kind = r.choice((self.ip4, self.ip4, self.ip6, self.ip6, self.arp,
                         self.nd, self.nd, self.nd, self.mld, self.dhcp,
                         self.rarp, self.other))
        kind(r, port, macs)

    def address(self, r, port, version, macs):
        """One that is on the port's lists, or nearly so."""
        listed = [ip for e in port.elements for ip in e.ips[version]]
        if version == 6 and r.random() < .3:
            return lla(r.choice(macs))
        if r.random() < .1:
            return ipaddress.ip_address(
                r.choice(('0.0.0.0', '255.255.255.255', '224.0.0.9')
                         if version == 4 else ('::', 'ff02::1', 'ff0e::5')))
        if listed and r.random() < .6:
            ip = r.choice(listed)
            return r.choice((ip.ip, ip.ip, ip.network.network_address,
                             ip.network.broadcast_address))
        return random_ip(r, version, port.number)

    def ip(self, r, port, version, macs, protocol):
        self.type = 0x800 if version == 4 else 0x86dd
        self.version = version
        self.protocol = protocol
        src = self.address(r, port, version, macs)
        dst = self.address(r, port, version, macs)
        self.ttl = 64
        self.ip_src, self.ip_dst = src, dst

    def ip4(self, r, port, macs):
        self.ip(r, port, 4, macs, 'udp')
        self.fields = {'udp.src': 1000, 'udp.dst': 2000}

    def ip6(self, r, port, macs):
        self.ip(r, port, 6, macs, 'udp')
        self.fields = {'udp.src': 1000, 'udp.dst': 2000}

    def dhcp(self, r, port, macs):
        self.ip4(r, port, macs)
        self.ip_src = ipaddress.ip_address('0.0.0.0')
        self.ip_dst = ipaddress.ip_address(
            r.choice(('255.255.255.255', '255.255.255.255', '10.0.0.1')))
        self.fields = {'udp.src': r.choice((68, 68, 67)),
                       'udp.dst': r.choice((67, 67, 68))}

    def icmp6(self, r, port, macs, icmp_type):
        self.ip(r, port, 6, macs, 'icmp6')
        self.icmp_type = icmp_type
        self.fields = {'icmp6.type': icmp_type, 'icmp6.code': 0}
        if r.random() < .4:
            self.ip_src = r.choice((lla(self.src),
                                    ipaddress.ip_address('::')))

    def nd(self, r, port, macs):
        self.icmp6(r, port, macs, r.choice((SOLICIT, ADVERT)))
        self.ttl = r.choice((255, 255, 255, 225, 64))
        if r.random() < .5:
            self.ip_dst = ipaddress.ip_address('ff02::1:ff00:1')
        if self.ttl == 255:
            self.target = self.address(r, port, 6, macs)
            self.link = r.choice(macs + ['00:00:00:00:00:00'])
            self.fields['nd.target'] = self.target
            self.fields['nd.sll' if self.icmp_type == SOLICIT
                        else 'nd.tll'] = self.link

    def mld(self, r, port, macs):
        self.icmp6(r, port, macs, r.choice((131, 143, 132, 133)))
        self.ttl = 1
        self.ip_dst = ipaddress.ip_address(r.choice(('ff02::16', 'ff05::2')))

    def arp(self, r, port, macs):
        self.type = 0x806
        self.spa = self.address(r, port, 4, macs)
        self.sha = r.choice(macs)
        self.fields = {'arp.op': r.choice((1, 2)), 'arp.spa': self.spa,
                       'arp.tpa': ipaddress.ip_address('10.9.9.9'),
                       'arp.sha': self.sha}

    def rarp(self, r, port, macs):
        self.type = 0x8035
        self.fields = {'rarp.op': 3, 'rarp.sha': r.choice(macs)}

    def other(self, r, port, macs):
        self.type = 0x8888

    def microflow(self, inport):
        """For ovn-trace."""
        terms = ['inport == "%s"' % inport, 'eth.src == ' + self.src,
                 'eth.dst == ' + self.dst]
        if self.type in (0x800, 0x86dd):
            terms += ['ip%d.src == %s' % (self.version, self.ip_src),
                      'ip%d.dst == %s' % (self.version, self.ip_dst),
                      'ip.ttl == %d' % self.ttl]
        else:
            terms.append('eth.type == %#x' % self.type)
        return ' && '.join(terms + ['%s == %s' % item
                                    for item in self.fields.items()])

    def flow(self, inport):
        """For ofproto/trace."""
        names = {'icmp6.type': 'icmpv6_type', 'icmp6.code': 'icmpv6_code',
                 'rarp.op': 'arp_op', 'rarp.sha': 'arp_sha'}
        terms = ['in_port="%s"' % inport, 'dl_src=' + self.src,
                 'dl_dst=' + self.dst]
        if self.type in (0x800, 0x86dd):
            v6 = self.type == 0x86dd
            terms += [self.protocol + ('6' if v6 and self.protocol == 'udp'
                                       else ''),
                      '%s_src=%s' % ('ipv6' if v6 else 'nw', self.ip_src),
                      '%s_dst=%s' % ('ipv6' if v6 else 'nw', self.ip_dst),
                      'nw_ttl=%d' % self.ttl]
        else:
            terms.append('dl_type=%#x' % self.type)
        return ','.join(terms + ['%s=%s' % (names.get(name, name.replace(
            '.', '_')), value) for name, value in self.fields.items()])

    # What ovn-nb(5) says.

    def nd_is_honest(self, e):
        if self.protocol != 'icmp6' or self.icmp_type not in (
                SOLICIT, ADVERT) or self.ttl != 255:
            return True
        if self.link not in ('00:00:00:00:00:00', e.mac):
            return False
        return (self.icmp_type == SOLICIT or e.any_ip()
                or e.has(6, self.target))

    def may_enter_by(self, e):
        if self.src != e.mac:
            return False
        if self.type == 0x806:
            return self.sha == e.mac and (e.any_ip() or e.has(4, self.spa))
        if self.type == 0x8035 or e.any_ip():
            return self.type not in (0x86dd,) or self.nd_is_honest(e)
        if self.type == 0x800:
            return e.has(4, self.ip_src) or (
                e.ips[4] and str(self.ip_src) == '0.0.0.0'
                and str(self.ip_dst) == '255.255.255.255'
                and list(self.fields.values()) == [68, 67])
        if self.type == 0x86dd and e.ips[6]:
            unspecified = (
                str(self.ip_src) == '::' and self.protocol == 'icmp6'
                and self.icmp_type in (SOLICIT, 131, 143)
                and str(self.ip_dst).startswith('ff02:'))
            return (unspecified or e.has(6, self.ip_src)) and (
                self.nd_is_honest(e))
        return False

    def may_leave_by(self, e):
        return self.dst == e.mac and (
            self.type not in (0x800, 0x86dd)
            or e.receives(self.version, self.ip_dst))

    def is_allowed(self, port):
        may = self.may_enter_by if self.enters else self.may_leave_by
        return any(may(host) for host in port.hosts.values())


def compare(seed, ports, n, trace, vswitchd):
    r = random.Random('%s packets' % seed)
    n_bad = 0
    allowed = {True: 0, False: 0}
    for _ in range(n):
        port = r.choice(ports)
        packet = Packet(r, port, r.random() < .7)
        from_, to = ((port.name, 'sink') if packet.enters
                     else ('plain', port.name))
        microflow, flow = packet.microflow(from_), packet.flow(from_)
        traced, error = trace.ask('trace', '--minimal', microflow)
        switched, error2 = vswitchd.ask('ofproto/trace', 'br-int',
                                        '--names', flow)
        if error or error2:
            print(microflow, flow, error, error2, sep='\n')
            n_bad += 1
            continue
        verdicts = (packet.is_allowed(port),
                    'output("%s");' % to in traced,
                    bool(re.search(r'^Datapath actions: .*\b%s\b' % to,
                                   switched, re.M)))
        allowed[verdicts[0]] += 1
        if len(set(map(bool, verdicts))) > 1:
            n_bad += 1
            print('%s: manual %s, ovn-trace %s, switch %s'
                  % (microflow, *verdicts))
            print(port.name, [e.text for e in port.elements])
    print('%d allowed, %d not, %d differ'
          % (allowed[True], allowed[False], n_bad))
    return n_bad or not all(allowed.values())


def main():
    if len(sys.argv) < 4 or sys.argv[1] not in ('configure', 'compare'):
        sys.exit(__doc__)
    command, seed, n, *rest = sys.argv[1:]
    ports = [Port(seed, i) for i in range(int(n))]
    if command == 'configure':
        for port in ports:
            port.configure()
        return 0
    return compare(seed, ports, int(rest[0]),
                   *(daemons.Rpc(path) for path in rest[1:]))


if __name__ == '__main__':
    sys.exit(1 if main() else 0)
