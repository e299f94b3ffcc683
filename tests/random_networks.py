# SPDX-License-Identifier: Apache-2.0

"""Random logical networks, and packets for them.

A network is what one seed and one number make of the features below.  It
shares nothing with other networks but names of chassis: those of several
numbers can be there at once.  Features do not know of each other, so that
anything meets anything.
"""

import ipaddress
import random

CHASSIS = 'hv1', 'hv2', 'hv3'
OUTSIDE_MAC = '02:99:00:00:00:01'
BROADCAST = 'ff:ff:ff:ff:ff:ff'


class Host:
    """A network card and what is behind it."""

    def __init__(self, name, switch, n, chassis):
        self.name, self.switch, self.n, self.chassis = name, switch, n, chassis
        self.mac = '02:%02x:%02x:00:%02x:%02x' % (
            switch.net.number >> 8, switch.net.number & 255, switch.n, n)
        self.ip = '10.%d.0.%d' % (switch.n, n)
        self.ip6 = 'fd00:%d::%d' % (switch.n, n)
        self.known = ()         # The addresses that the database knows of.

    def address(self, version):
        return self.ip if version == 4 else self.ip6


class Switch:
    def __init__(self, net, n):
        self.net, self.n = net, n
        self.name = '%ssw%d' % (net.prefix, n)
        self.hosts = []
        self.localnet = None
        self.routers = []       # (router, MAC, {version: address})


class Router:
    def __init__(self, net, n):
        self.net, self.n = net, n
        self.name = '%slr%d' % (net.prefix, n)
        self.gateway = None     # The chassis that it is on, if it is on one.
        self.outside = None     # The external switch.
        self.sources = set()    # What it translates when it leaves.
        self.external = {}      # version -> [addresses that it answers for]


class Network:
    """'commands' make it: words for ovn-nbctl."""

    def __init__(self, seed, number):
        self.rng = random.Random('%d %d' % (seed, number))
        self.number = number
        self.prefix = 'n%d-' % number
        self.commands = []
        self.affinities = set()  # (VIP, client): there may be one.
        self.switches, self.routers = [], []
        # No two rules share a priority: which one counts would be chance.
        self.priorities = list(range(100, 200))
        self.rng.shuffle(self.priorities)
        self.vips = []          # (address, port, protocol, backends, options)
        self._make()

    # Dice.

    def one_in(self, n):
        return self.rng.randrange(n) == 0

    def pick(self, *choices):
        return self.rng.choice(choices)

    def some(self, choices, least=0, most=None):
        choices = list(choices)
        n = self.rng.randint(least, min(len(choices), most or len(choices)))
        return self.rng.sample(choices, n)

    def do(self, *words):
        self.commands.append([str(word) for word in words])

    # What there is.

    def hosts(self):
        return [host for switch in self.switches for host in switch.hosts]

    def _make(self):
        for n in range(1, self.rng.randint(1, 3) + 1):
            self._make_switch(n)
        if len(self.switches) > 1 or not self.one_in(3):
            self._make_router(0, self.switches)
        self._make_sets()
        for switch in self.switches:
            for _ in range(self.rng.choice((0, 0, 1, 2, 4))):
                self._add_acl(switch.name, switch)
            if self.one_in(5):
                self._add_qos(switch)
        for n in range(self.rng.choice((0, 0, 1, 1, 2, 3))):
            self._make_lb(n)
        for router in self.routers:
            if router.outside:
                for _ in range(self.rng.choice((0, 1, 2, 3))):
                    self._add_nat(router)
            for _ in range(self.rng.choice((0, 0, 0, 1, 2))):
                self._add_policy(router)

    def _make_switch(self, n):
        switch = Switch(self, n)
        self.switches.append(switch)
        self.do('ls-add', switch.name)
        if self.one_in(3):
            self.do('set', 'Logical_Switch', switch.name,
                    'other_config:subnet=10.%d.0.0/24' % n,
                    'other_config:exclude_ips=10.%d.0.1' % n,
                    'other_config:ipv6_prefix=fd00:%d::' % n)
        for i in range(self.rng.randint(1, 4)):
            self._make_host(switch, 10 + i)
        if self.one_in(4):
            self._make_localnet(switch)

    def _make_host(self, switch, n):
        # One without a chassis is not plugged in.
        chassis = self.pick('hv1', 'hv1', 'hv1', 'hv2', 'hv3', None)
        host = Host('%ss%dp%d' % (self.prefix, switch.n, n), switch, n,
                    chassis)
        switch.hosts.append(host)
        both = '%s %s %s' % (host.mac, host.ip, host.ip6)
        addresses = self.pick(
            [both], [both], [both], [host.mac + ' ' + host.ip],
            [host.mac + ' ' + host.ip6], [host.mac], ['unknown'],
            [host.mac, 'unknown'],
            [both, '%s 10.%d.0.%d' % (host.mac, switch.n, n + 100)])
        self.do('lsp-add', switch.name, host.name)
        self.do('lsp-set-addresses', host.name, *addresses)
        host.known = ' '.join(addresses).split()
        net = '10.%d.0.0/24' % switch.n
        other = '10.%d.0.%d' % (switch.n, n + 100)
        security = self.pick(
            None, None, None, [host.mac], [both], [host.mac + ' ' + host.ip],
            ['%s %s,%s' % (host.mac, host.ip, other)],
            ['%s %s/24' % (host.mac, host.ip)], [host.mac + ' ' + net],
            [host.mac + ' ' + host.ip6], [host.mac + ' fd00:%d::/64'
                                          % switch.n],
            ['02:11:11:11:11:11', both], [both + ' fe80::1'])
        if security:
            self.do('lsp-set-port-security', host.name, *security)
        if self.one_in(20):
            self.do('lsp-set-enabled', host.name, 'disabled')
        if self.one_in(6):
            self.do('--id=@d%s' % host.name.replace('-', '_'), 'create',
                    'DHCP_Options', 'cidr=' + net,
                    'options:server_id=10.%d.0.1' % switch.n,
                    'options:server_mac=c0:00:00:00:00:01',
                    'options:lease_time=3600',
                    'options:router=10.%d.0.1' % switch.n, '--', 'set',
                    'Logical_Switch_Port', host.name,
                    'dhcpv4_options=@d%s' % host.name.replace('-', '_'))

    def _make_localnet(self, switch, tag=None):
        name = switch.name + '-ln'
        switch.localnet = name
        # No two localnet ports share a VLAN.
        switch.tag = 1 + (self.number * 8 + switch.n) % 4000
        self.do('lsp-add', switch.name, name, '', switch.tag)
        self.do('lsp-set-type', name, 'localnet')
        self.do('lsp-set-addresses', name, 'unknown')
        self.do('lsp-set-options', name, 'network_name=lan')

    def _join(self, router, switch, mac, *networks):
        lrp = '%s-%s' % (router.name, switch.name)
        lsp = '%s-%s' % (switch.name, router.name)
        self.do('lrp-add', router.name, lrp, mac, *networks)
        self.do('lsp-add', switch.name, lsp)
        self.do('lsp-set-type', lsp, 'router')
        self.do('lsp-set-addresses', lsp, 'router')
        self.do('lsp-set-options', lsp, 'router-port=' + lrp)
        switch.routers.append((router, mac, {
            ipaddress.ip_interface(n).version:
            str(ipaddress.ip_interface(n).ip) for n in networks}))
        return lrp

    def _make_router(self, n, switches):
        router = Router(self, n)
        self.routers.append(router)
        self.do('lr-add', router.name)
        if self.one_in(3):
            router.gateway = self.pick('hv1', 'hv1', 'hv2')
            self.do('set', 'Logical_Router', router.name,
                    'options:chassis=' + router.gateway)
        if self.one_in(2):
            self.do('set', 'Logical_Router', router.name,
                    'options:always_learn_from_arp_request=false')
        for switch in switches:
            mac = '02:%02x:%02x:01:%02x:%02x' % (
                self.number >> 8, self.number & 255, switch.n, n)
            networks = ['10.%d.0.1/24' % switch.n, 'fd00:%d::1/64' % switch.n]
            self._join(router, switch, mac, *self.pick(
                networks, networks, networks, networks[:1], networks[1:]))
        if not self.one_in(3):
            self._make_outside(router)

    def _make_outside(self, router):
        """A switch with a physical network, and a next hop there."""
        switch = Switch(self, 7)
        switch.name = self.prefix + 'out'
        self.do('ls-add', switch.name)
        self._make_localnet(switch)
        self.switches.append(switch)
        router.outside = switch
        mac = '02:%02x:%02x:02:00:%02x' % (self.number >> 8,
                                           self.number & 255, router.n)
        lrp = self._join(router, switch, mac, '172.16.0.1/24',
                         'fd16::1/64')
        if not router.gateway:
            # Of several, BFD says which are alive, and the other chassis here
            # are nothing but addresses.
            chassis = self.some(CHASSIS[:2], 1)[0]
            self.do('lrp-set-gateway-chassis', lrp, chassis, 20)
            if self.one_in(4):
                self.do('set', 'Logical_Router_Port', lrp,
                        'options:redirect-type='
                        + self.pick('overlay', 'bridged'))
        for network, hop in (('0.0.0.0/0', '172.16.0.254'),
                             ('::/0', 'fd16::fe')):
            self.do('lr-route-add', router.name, network, hop)
            self.do('static-mac-binding-add', lrp, hop, OUTSIDE_MAC)
        router.external = {4: ['172.16.0.1'], 6: ['fd16::1']}

    def _make_sets(self):
        hosts = self.hosts()
        for name, version in (('as4', 4), ('as6', 6)):
            members = [host.address(version)
                       for host in self.some(hosts, 0, 4)]
            self.do('create', 'Address_Set',
                    'name=' + self.prefix.replace('-', '_') + name,
                    *(['addresses=' + ','.join('"%s"' % m for m in members)]
                      if members else []))
        name = self.prefix.replace('-', '_') + 'pg'
        self.do('pg-add', name, *[host.name
                                  for host in self.some(hosts, 1, 4)])
        for _ in range(self.rng.choice((0, 0, 0, 1, 2))):
            self._add_acl(name, None)

    # Policy.

    def _match(self, switch, direction):
        underscored = self.prefix.replace('-', '_')
        field = 'outport' if direction == 'to-lport' else 'inport'
        host = self.rng.choice(self.hosts())
        parts = ['%s == @%spg' % (field, underscored)]
        if switch:
            parts = []
            if switch.hosts and self.one_in(2):
                parts.append('%s == "%s"' % (
                    field, self.rng.choice(switch.hosts).name))
        more = [
            'ip4', 'ip6', 'ip', 'tcp', 'udp', 'icmp4', 'tcp.dst == 80',
            'udp.dst == {53, 80}', 'tcp.dst == 1:1023', 'ip.ttl == 64',
            'ip4.src == ' + host.ip, 'ip6.src == ' + host.ip6,
            'ip4.dst == ' + host.ip, 'ip6.dst == {%s, fd00::99}' % host.ip6,
            'ip4.src == $%sas4' % underscored,
            'ip6.src == $%sas6' % underscored,
            'ip4.dst == $%sas4' % underscored,
            'ip4.src == $%spg_ip4' % underscored,
            'ip6.dst == $%spg_ip6' % underscored,
            'eth.src == ' + host.mac, 'ip4.dst != 10.1.0.0/24',
            'arp', 'nd', 'eth.mcast',
            'ip4.src == {10.1.0.0/24, 10.2.0.0/29} && tcp.dst == {80, 8080}',
            '(ip4 && udp.dst == 80) || (ip6 && tcp.dst == 80)', '1']
        return ' && '.join('(%s)' % part for part
                           in parts + self.some(more, 1, 2))

    def _add_acl(self, where, switch):
        direction = self.pick('to-lport', 'from-lport')
        flags = []
        if direction == 'from-lport' and self.one_in(4):
            flags.append('--apply-after-lb')
        if self.one_in(6):
            flags += ['--log', '--name=' + self.prefix + 'acl',
                      '--severity=' + self.pick('info', 'debug')]
        verdict = self.pick('allow', 'allow', 'allow-related',
                            'allow-related', 'allow-stateless', 'drop',
                            'drop', 'reject')
        if not switch:
            flags.append('--type=port-group')
        self.do(*flags, '--may-exist', 'acl-add', where, direction,
                self.priorities.pop(),
                self._match(switch, direction), verdict)

    def _add_qos(self, switch):
        self.do('--may-exist', 'qos-add', switch.name,
                self.pick('from-lport', 'to-lport'), 100,
                self.pick('ip4', 'ip6', 'tcp', 'ip4.src == 10.1.0.0/28'),
                'dscp=%d' % self.pick(10, 46))

    def _add_policy(self, router):
        switch = self.rng.choice(self.switches)
        match = self.pick('ip4.src == 10.%d.0.0/24' % switch.n,
                          'ip6.src == fd00:%d::/64' % switch.n,
                          'ip4.dst == 10.%d.0.10' % switch.n,
                          'ip4.src == 10.%d.0.10 && tcp.dst == 80' % switch.n)
        verdict = self.pick(['allow'], ['drop'], ['reroute', '172.16.0.254'])
        if verdict[0] == 'reroute' and (not router.outside or 'ip6' in match):
            verdict = ['allow']
        self.do('--may-exist', 'lr-policy-add', router.name,
                self.priorities.pop(), match, *verdict)

    def _add_nat(self, router):
        version = self.pick(4, 4, 6)
        hosts = [host for host in self.hosts()]
        host = self.rng.choice(hosts)
        outside = ('172.16.0.%d' if version == 4
                   else 'fd16::%d') % self.rng.randint(10, 19)
        kind = self.pick('snat', 'dnat', 'dnat_and_snat', 'dnat_and_snat')
        inside = host.address(version)
        words = []
        if kind == 'snat' and self.one_in(2):
            inside = ('10.%d.0.0/24' if version == 4
                      else 'fd00:%d::/64') % host.switch.n
        elif kind == 'dnat_and_snat' and not router.gateway and self.one_in(2):
            words = [host.name, '02:77:00:00:%02x:%02x'
                     % (self.number & 255, host.n)]
        # Of two translations of one source, any may be taken.
        if kind != 'dnat':
            if inside in router.sources:
                return
            router.sources.add(inside)
        self.do('--may-exist', 'lr-nat-add', router.name, kind, outside,
                inside, *words)
        router.external[version].append(outside)

    # Load balancers.

    def _make_lb(self, n):
        rng = self.rng
        name = '%slb%d' % (self.prefix, n)
        version = self.pick(4, 4, 6)
        protocol = self.pick('tcp', 'tcp', 'udp', 'sctp', None)
        # The userspace datapath translates addresses of SCTP, not ports.
        backend_port = 80 if protocol == 'sctp' else 8080
        vips = {}
        for i in range(rng.randint(1, 2)):
            vip = ('172.30.%d.%d' if version == 4
                   else 'fd30:%d::%d') % (n + 1, i + 1)
            backends = [host.address(version)
                        for host in self.some(self.hosts(), 0, 3)]
            if self.one_in(8):
                backends.append('10.9.9.9' if version == 4 else 'fd09::9')
            vips[vip] = backends
        words = ['--id=@lb%d_%d' % (self.number, n), 'create',
                 'Load_Balancer', 'name=' + name]
        if protocol:
            words.append('protocol=' + protocol)

        def with_port(ip, port):
            if not protocol:
                return ip
            return ('%s:%d' if version == 4 else '[%s]:%d') % (ip, port)
        words.append('vips={%s}' % ', '.join(
            '"%s"="%s"' % (with_port(vip, 80), ','.join(
                with_port(ip, backend_port) for ip in backends))
            for vip, backends in vips.items()))
        hairpin = '172.31.0.1' if version == 4 else 'fd31::1'
        options = self.some((
            'hairpin_snat_ip="%s"' % hairpin,
            'skip_snat=true', 'reject=true', 'add_route=true',
            'neighbor_responder=all', 'neighbor_responder=none',
            'affinity_timeout=60', 'distributed=true',
            'distributed=fallback', 'distributed=true'), 0, 3)
        options = {word.split('=')[0]: word for word in options}
        words += ['options:' + word for word in options.values()]
        selects = self.one_in(5)
        if selects:
            words.append('selection_fields=ip_src,ip_dst')
        for switch in self.some(self.switches, 0):
            words += ['--', 'add', 'Logical_Switch', switch.name,
                      'load_balancer', '@lb%d_%d' % (self.number, n)]
        for router in self.some(self.routers, 0):
            words += ['--', 'add', 'Logical_Router', router.name,
                      'load_balancer', '@lb%d_%d' % (self.number, n)]
            router.external[version] = router.external.get(version, [])
        self.do(*words)
        for vip, backends in vips.items():
            self.vips.append({'ip': vip, 'port': 80 if protocol else None,
                              'protocol': protocol, 'version': version,
                              'backends': [(ip, backend_port if protocol
                                            else None) for ip in backends],
                              'hairpin': hairpin if 'hairpin_snat_ip' in
                              options else vip,
                              # Goes by more, or less, than ports?
                              'is_sticky': (selects or protocol == 'sctp' or
                                            'affinity_timeout' in options)}
                             )

    # Packets.

    def _start(self):
        """Who sends: (interface, logical port, VLAN, Ethernet address,
        {version: address}, switch)."""
        here = [host for host in self.hosts() if host.chassis == 'hv1']
        outside = [switch for switch in self.switches if switch.localnet]
        if outside and (not here or self.one_in(4)):
            switch = self.rng.choice(outside)
            return ('lan', switch.localnet, switch.tag, OUTSIDE_MAC,
                    {4: '172.16.0.254', 6: 'fd16::fe'}, switch)
        if not here:
            return None
        host = self.rng.choice(here)
        return (host.name, host.name, None, host.mac,
                {4: host.ip, 6: host.ip6}, host.switch)

    def packet(self):
        """A packet, as a dictionary, or None if nobody can send one.  "if" is
        where it comes from, "inport" the logical port."""
        start = self._start()
        if not start:
            return None
        iface, inport, vlan, mac, ips, switch = start
        packet = {'if': iface, 'inport': inport, 'vlan': vlan,
                  'dl_src': mac if not self.one_in(15) else
                  '02:00:00:00:66:66'}
        version = self.pick(4, 4, 6)
        source = ips[version]
        if self.one_in(10):
            source = '10.1.0.77' if version == 4 else 'fd00:1::77'
        targets = [host.address(version) for host in self.hosts()]
        targets += [target for router in self.routers
                    for target in router.external.get(version, [])]
        targets += [addresses[version] for _, _, addresses in switch.routers
                    if version in addresses]
        targets += ['198.51.100.1' if version == 4 else '2001:db8::1',
                    '10.1.0.200' if version == 4 else 'fd00:1::200']
        vips = [vip for vip in self.vips if vip['version'] == version]
        target = self.rng.choice(targets)
        vip = None
        if vips and not self.one_in(3):
            vip = self.rng.choice(vips)
            target = vip['ip']
        if self.one_in(6):
            return self._ask(packet, version, source, target)
        packet['vip'] = vip
        packet['dl_dst'] = self._next_hop(switch, version, target)
        packet.update({'nw_src': source, 'nw_dst': target} if version == 4
                      else {'ipv6_src': source, 'ipv6_dst': target})
        packet['nw_ttl'] = 1 if self.one_in(20) else 64
        packet['nw_tos'] = 0
        protocol = vip and vip['protocol'] or self.pick(
            'tcp', 'tcp', 'udp', 'sctp', 'icmp')
        packet['protocol'] = protocol
        if protocol == 'icmp':
            packet.update(icmp_type=8 if version == 4 else 128, icmp_code=0)
        else:
            packet.update(tp_src=self.rng.randint(1024, 65535),
                          tp_dst=self.pick(80, 80, 80, 8080, 53, 9))
        return packet

    def _next_hop(self, switch, version, target):
        """The Ethernet address for 'target'."""
        if self.one_in(15):
            return self.pick('02:00:00:00:77:77', BROADCAST)
        for host in switch.hosts:
            if host.address(version) == target:
                return host.mac
        if switch.routers:
            return self.rng.choice(switch.routers)[1]
        hosts = self.hosts()
        return self.rng.choice(hosts).mac

    def _ask(self, packet, version, source, target):
        """Who has 'target'?"""
        if version == 4:
            packet.update(dl_dst=BROADCAST, arp_op=1, arp_spa=source,
                          arp_tpa=target, arp_sha=packet['dl_src'],
                          arp_tha='00:00:00:00:00:00', protocol='arp')
            return packet
        low = int(ipaddress.ip_address(target)) & 0xffffff
        packet.update(
            dl_dst='33:33:ff:%02x:%02x:%02x' % (low >> 16, low >> 8 & 255,
                                                low & 255),
            ipv6_src=source,
            ipv6_dst=str(ipaddress.ip_address(
                int(ipaddress.ip_address('ff02::1:ff00:0')) | low)),
            nw_ttl=255, nw_tos=0, icmp_type=135, icmp_code=0,
            nd_target=target, nd_sll=packet['dl_src'], protocol='nd')
        return packet
