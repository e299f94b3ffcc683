# SPDX-License-Identifier: Apache-2.0

"""What the configurations of ovn-pairs.py are made of.

Each configuration ("case") has a switch with port a, which it is about, on
hv1, and a VIF b; maybe a physical network, and a router to a second switch
with VIF x and to an outer switch.  hv1, hv2 and hv3 may have more to do in it,
or nothing: what all of them do is compared.

A factor is a table of functions, each of which adds to a case what one value
of the factor means.  To have a new feature tried with everything else, add
a value, or a factor; EXCLUDED says which pairs make no sense, or why stock is
no example.  The factor "host" is about the chassis themselves, which all
cases of a batch share.
"""

import collections
import re

HOSTS = ('hv1', 'hv2', 'hv3')

# The phases of a case: it is set up, changed, and changed back.
AT_FIRST, DOING, UNDOING = range(3)


class Op(collections.namedtuple('Op', 'kind args')):
    """A step of a phase.

        nb ARG...               a command of ovn-nbctl
        nb2 ARG...              the same in a second transaction
        sb ARG...               of ovn-sbctl, when northd is done with those
        row OPERATION           on the southbound database, as in RFC 7047,
                                after those
        vs CHASSIS ARG...       of ovs-vsctl
        map CHASSIS KEY NET BRIDGE
                                the chassis has NET=BRIDGE in the list KEY of
                                its external_ids; without BRIDGE, not any more
    """


class Case:
    def __init__(self, number, slot, choice):
        self.number, self.slot, self.choice = number, slot, choice
        self.name = 'c%d' % number
        self.phases = ([], [], [])
        self.phase = AT_FIRST
        self.made = {}          # Port -> the commands that make it.
        self.types = {}         # Port -> its type.
        self.on = {}            # Interface -> its chassis.
        self.bridges = set()
        self.tags = {}          # Port to a physical network -> its VLAN.
        self.routers = []
        self.keys = collections.Counter()
        self.tunnel_keys = {}   # Of switches, and of ports of switches.
        for factor, values in FACTORS.items():
            values[choice[factor]](self)

    def __str__(self):
        return '%s: %s' % (self.name, ', '.join(
            '%s=%s' % (k, v) for k, v in self.choice.items() if v != 'none'))

    def has(self, **kwargs):
        return all(self.choice[k].startswith(v) for k, v in kwargs.items())

    # Names and addresses.

    def n(self, what):
        return '%s-%s' % (self.name, what)

    def mac(self, host):
        return '02:%02x:00:00:%02x:%02x' % (self.slot, host >> 8, host & 255)

    def ip(self, net, host):
        return '10.%d.%d.%d' % (self.slot, net, host)

    def ip6(self, net, host):
        return 'fd00:%x:%x::%x' % (self.slot, net, host)

    def ext(self, host):
        return '172.16.%d.%d' % (self.slot, host)

    def ext6(self, host):
        return 'fd0f:%x::%x' % (self.slot, host)

    def addresses(self, net, host):
        return '%s %s %s' % (self.mac(net << 8 | host), self.ip(net, host),
                             self.ip6(net, host))

    # Steps.

    def op(self, kind, *args):
        self.phases[self.phase].append(Op(kind, args))

    def nb(self, *args):
        self.op('nb', *args)

    def nb_set(self, table, record, **columns):
        self.nb('set', table, record, *settings(columns))

    def lsp_set(self, what, **columns):
        """Of a port, kept for when it is made again."""
        command = ('set', 'Logical_Switch_Port', self.n(what),
                   *settings(columns))
        self.made[what].append(command)
        self.nb(*command)

    def change(self, do, undo):
        """Calls 'do' for the second phase and 'undo' for the third."""
        for self.phase, function in ((DOING, do), (UNDOING, undo)):
            function()
        self.phase = AT_FIRST

    # Parts.

    def dp_key(self):
        self.keys[''] += 1
        return self.slot * 16 + self.keys['']

    def row(self, op, table, column, value, **row):
        """Of those whose 'column' has 'value'."""
        self.op('row', {'op': op, 'table': table,
                        'where': [[column, '==', value]],
                        **({'row': row} if row else {})})

    def switch(self, what, **config):
        self.tunnel_keys[what] = self.dp_key()
        self.nb('ls-add', self.n(what))
        self.nb_set('Logical_Switch', self.n(what), other_config=dict(
            config, requested_tnl_key=self.tunnel_keys[what]))

    def router(self, what, **options):
        self.nb('lr-add', self.n(what))
        self.nb_set('Logical_Router', self.n(what), options=dict(
            options, requested_tnl_key=self.dp_key()))
        self.routers.append(what)

    def lsp(self, what, switch, *more, type='', addresses=None, options=None,
            **columns):
        """A port of a switch, of which 'more' are parent and tag."""
        self.keys[switch] += 1
        name = self.n(what)
        self.tunnel_keys[what] = self.keys[switch]
        self.made[what] = []
        self.types[what] = type
        if options and 'network_name' in options:
            self.tags[what] = columns.get('tag')
        self.made[what].append(('lsp-add', self.n(switch), name, *more))
        self.nb(*self.made[what][0])
        options = dict(options or {}, requested_tnl_key=self.keys[switch])
        self.lsp_set(what, type=type, options=options, **columns)
        if addresses:
            self.made[what].append(('lsp-set-addresses', name, addresses))
            self.nb(*self.made[what][-1])

    def vif(self, what, chassis, net=1, **ids):
        """A network card for port 'what' of the case."""
        name = self.n(what)
        if self.has(host='encap-ips') and chassis in ENCAP_IPS:
            ids.setdefault('encap_ip', ENCAP_IPS[chassis])
        self.on.setdefault(what, []).append(chassis)
        self.op('vs', chassis, 'add-port', 'br-int', name, '--', 'set',
                'interface', name, 'type=dummy',
                'options:tx_pcap={base}/%s/%s-tx.pcap' % (chassis, name),
                'external_ids:iface-id=' + name, *settings(
                    {'external_ids': ids} if ids else {}))

    def unplug(self, what, chassis):
        self.op('vs', chassis, 'del-port', 'br-int', self.n(what))

    def vm(self, what, switch, net, host, chassis=None):
        self.lsp(what, switch, addresses=self.addresses(net, host))
        if chassis:
            self.vif(what, chassis)

    def physical(self, net='phys', hosts=HOSTS):
        """A physical network that the chassis are on."""
        name = self.n(net)
        for chassis in hosts:
            if (chassis, name) not in self.bridges:
                self.bridges.add((chassis, name))
                nic = name + '-nic'
                self.op('vs', chassis, 'add-br', name, '--', 'add-port', name,
                        nic, '--', 'set', 'interface', nic, 'type=dummy',
                        'options:tx_pcap={base}/%s/%s-tx.pcap'
                        % (chassis, nic))
                self.map(chassis, 'ovn-bridge-mappings', name, name)
        return name

    def without_network(self):
        """The chassis that may get a physical network for the switch."""
        return ('hv3',) if self.has(localnet='partial') else HOSTS

    def map(self, chassis, key, net, bridge=None):
        self.op('map', chassis, key, net, bridge)

    def attach(self, router, switch, lrp, address, key, **options):
        """A router's port on a switch; returns the switch's port."""
        peer = '%s-%s' % (switch, router)
        self.lrp(router, lrp, address, key, **options)
        self.lsp(peer, switch, type='router', addresses='router',
                 options={'router_port': self.n(lrp)})
        return peer

    def lrp(self, router, lrp, address, key, **options):
        mac, *networks = address
        self.nb('lrp-add', self.n(router), self.n(lrp), mac, *networks)
        self.nb_set('Logical_Router_Port', self.n(lrp), options=dict(
            options, requested_tnl_key=key))

    def net_address(self, net, host=1):
        return (self.mac(net << 8 | host), self.ip(net, host) + '/24',
                self.ip6(net, host) + '/64')

    def is_on_several(self):
        """Whether a port is on several chassis, at times."""
        return (self.has(port='requested-two')
                or self.has(port='requested-other')
                or self.has(port='requested-rarp')
                or self.has(change='copy') or self.has(change='requested-two'))

    def packets(self):
        """(interface, fields).  Without packets to a group if that has members
        on several chassis, to some of which stock does not send them."""
        for iface, fields in self.all_packets():
            if not self.is_on_several() \
                    or not re.match('ff|33:33', fields['dl_dst']):
                yield iface, fields

    def all_packets(self):
        """A broadcast, packets to a host and to a load balancer from each
        interface, on whatever chassis it is."""
        for what in self.on:
            net, number = HOST[what]
            to_net, to = HOST['a' if what == 'b' else 'b']
            mac, ip = self.mac(net << 8 | number), self.ip(net, number)
            ip6 = self.ip6(net, number)
            next_hop = self.mac(net << 8 | (to if net == to_net else 1))
            yield self.n(what), arp(mac, ip, self.ip(net, 99))
            yield self.n(what), udp(mac, next_hop, ip, self.ip(to_net, to))
            yield self.n(what), udp(mac, next_hop, ip6, self.ip6(to_net, to))
            yield self.n(what), solicitation(mac, ip6, self.ip6(net, 1))
            if what in 'ab' and 'r' in self.routers:
                router = self.mac(0x101)
                yield self.n(what), udp(mac, router, ip, self.ip(2, 13))
                yield self.n(what), udp(mac, router, ip6, self.ip6(2, 13))
                if not self.has(learned='none'):
                    yield self.n(what), udp(mac, router, ip, self.ip(2, 99))
                    yield self.n(what), udp(mac, router, ip6,
                                            self.ip6(2, 99))
                    yield self.n(what), udp(mac, router, ip, '8.8.8.8')
            if self.has(learned='fdb'):
                yield self.n(what), udp(mac, self.learned_mac(), ip,
                                        self.ip(net, 98))
            for vip in self.vips():
                yield self.n(what), dict(udp(
                    mac, self.mac(net << 8 | 1), ip6 if ':' in vip else ip,
                    vip, 'udp' if ':' in vip else 'tcp'))
        for what, tag in self.tags.items():
            vlan = {'dl_vlan': str(tag)} if tag else {}
            mac = self.mac(0xa01)
            if what == 'p-ln':
                number = NAT_HOST.get(self.choice['nat'], 1)
                to = self.mac(0x800 + number if self.has(nat='distributed')
                              else 0x901)
                packets = [arp(mac, self.ext(200), self.ext(99)),
                           udp(mac, to, self.ext(200), self.ext(number)),
                           udp(mac, self.mac(0x901), self.ext6(200),
                               self.ext6(17))]
                packets += [udp(mac, self.mac(0x901), self.ext6(200)
                                if ':' in vip else self.ext(200), vip,
                                'udp' if ':' in vip else 'tcp')
                            for vip in self.vips()]
            else:
                packets = (arp(mac, self.ip(1, 200), self.ip(1, 99)),
                           udp(mac, self.mac(0x10c), self.ip(1, 200),
                               self.ip(1, 12)))
            for packet in packets:
                yield 'patch-br-int-to-' + self.n(what), dict(packet, **vlan)

    def vips(self):
        """Of the load balancer; a template's are of each chassis."""
        if self.has(lb='none'):
            return ()
        if self.has(lb='v6'):
            return ('fd30:%x::1' % self.slot,)
        return ['172.30.%d.%d' % (self.slot, i + 1)
                for i in range(3 if self.has(lb='template') else 1)]

    def learned_mac(self, which=0):
        return '0e:%02x:00:00:00:%02x' % (self.slot, which)

    def ha_group(self, what, *hosts):
        """An HA group; the first host is the most wanted."""
        group = self.n(what)
        self.nb('ha-chassis-group-add', group)
        for i, chassis in enumerate(hosts):
            self.nb('ha-chassis-group-add-chassis', group, chassis,
                    str(30 - 10 * i))

    def ha_column(self, table, record, group):
        name = '@' + self.n(record).replace('-', '_')
        command = ('--id=' + name, 'get', 'HA_Chassis_Group', self.n(group))
        use = ('set', table, self.n(record), 'ha_chassis_group=' + name)
        if table == 'Logical_Switch_Port':
            self.made[record] += [command, use]
        self.nb(*command)
        self.nb(*use)


# Net and host of the interfaces' ports.
HOST = {'a': (1, 11), 'par': (1, 10), 'b': (1, 12), 'x': (2, 13), 'y': (3, 11)}
# Second addresses of chassis, see HOST_KEYS.
ENCAP_IPS = {'hv2': '192.168.0.12', 'hv3': '192.168.0.13'}
# Hosts that NAT has on the outer switch.
NAT_HOST = {'snat': 10, 'dnat': 11, 'both': 12, 'distributed-a': 13,
            'distributed-b': 14, 'stateless': 15, 'range': 16}


def arp(mac, ip, target):
    return {'dl_src': mac, 'dl_dst': 'ff:ff:ff:ff:ff:ff', 'arp_op': '1',
            'arp_spa': ip, 'arp_tpa': target, 'arp_sha': mac}


def udp(mac, to_mac, ip, to, protocol='udp'):
    """Or TCP; with IPv4 or IPv6."""
    source, destination = (('ipv6_src', 'ipv6_dst') if ':' in ip else
                           ('nw_src', 'nw_dst'))
    return {'dl_src': mac, 'dl_dst': to_mac, source: ip, destination: to,
            'nw_ttl': '64', protocol + '_src': '1234', protocol + '_dst': '80'}


def solicitation(mac, ip, target):
    return {'dl_src': mac, 'dl_dst': '33:33:ff:00:00:01', 'ipv6_src': ip,
            'ipv6_dst': 'ff02::1:ff00:1', 'nw_ttl': '255',
            'icmpv6_type': '135', 'icmpv6_code': '0', 'nd_target': target,
            'nd_sll': mac}


def settings(columns):
    """Arguments of "set"; in names of keys, "_" is "-" unless written "__"."""
    args = []
    for column, value in columns.items():
        if isinstance(value, dict):
            args += ['%s:%s="%s"' % (column, option_name(k), v)
                     for k, v in value.items()]
        elif isinstance(value, str) and not value:
            args.append(column + '=""')
        else:
            args.append('%s=%s' % (column, value))
    return args


# Keys that have underscores in the manual, too.
UNDERSCORES = {
    'network_name', 'qos_max_rate', 'qos_min_rate', 'qos_burst',
    'mcast_flood', 'mcast_flood_reports', 'mcast_snoop', 'mcast_querier',
    'mcast_flood_unregistered', 'mcast_relay', 'mcast_eth_src',
    'mcast_ip4_src', 'arp_proxy', 'gateway_mtu', 'dynamic_neigh_routers',
    'always_learn_from_arp_request', 'lb_force_snat_ip',
    'dnat_force_snat_ip', 'skip_snat', 'affinity_timeout',
    'hairpin_snat_ip', 'server_id', 'server_mac', 'lease_time',
    'gateway_mtu_bypass', 'mac_binding_age_threshold', 'exclude_ips'}


def option_name(key):
    return key if key in UNDERSCORES else key.replace('_', '-')


def nothing(case):
    """A factor that a case does without."""


# ----------------------------------------------------------------------
# The switch itself.

def switch(**config):
    def add(case):
        passthru = case.has(localnet='passthru')
        case.switch('sw', **config, **({'vlan_passthru': 'true'}
                                       if passthru else {}))
    return add


SWITCH = {
    'none': switch(),
    'snoop': switch(mcast_snoop='true'),
    'flood': switch(mcast_snoop='true', mcast_flood_unregistered='true'),
    'querier': switch(mcast_snoop='true', mcast_querier='true',
                      mcast_eth_src='02:00:00:00:00:fe',
                      mcast_ip4_src='169.254.0.1'),
    'few-arps': switch(broadcast_arps_to_all_routers='false'),
}


# ----------------------------------------------------------------------
# Where the other VIF of the switch is.

def other(chassis):
    return lambda case: case.vm('b', 'sw', 1, 12, chassis)


OTHER = {
    'same': other('hv1'),
    'hv2': other('hv2'),
    'hv3': other('hv3'),
    'nowhere': other(None),
}


# ----------------------------------------------------------------------
# The physical networks of the switch.

def localnet(*ports):
    """Ports with tag, options and the chassis that are on their network."""
    def add(case):
        for i, (tag, options, hosts) in enumerate(ports):
            net = case.physical('phys%d' % i, hosts)
            case.lsp('ln%d' % i, 'sw', type='localnet', addresses='unknown',
                     options=dict(options, network_name=net),
                     **({'tag': tag} if tag else {}))
    return add


# A chassis may be on one of a switch's networks only.
LOCALNET = {
    'none': nothing,
    'untagged': localnet((0, {}, HOSTS)),
    'tagged': localnet((101, {}, HOSTS)),
    'passthru': localnet((0, {}, HOSTS)),
    'ethtype': localnet((102, {'ethtype': '802.11ad'}, HOSTS)),
    'two': localnet((0, {}, ('hv1', 'hv2')), (103, {}, ('hv3',))),
    'partial': localnet((104, {}, ('hv1', 'hv2'))),
}


# ----------------------------------------------------------------------
# The type of port a.

def type_vif(case):
    case.vm('a', 'sw', 1, 11, 'hv1')


def type_container(case):
    case.vm('par', 'sw', 1, 10, 'hv1')
    case.lsp('a', 'sw', case.n('par'), '42', addresses=case.addresses(1, 11))


def type_localport(case):
    case.lsp('a', 'sw', type='localport', addresses=case.addresses(1, 11))
    for chassis in HOSTS:
        case.vif('a', chassis)


def type_localnet(tag=None):
    def add(case):
        net = case.physical(hosts=case.without_network())
        case.lsp('a', 'sw', type='localnet', addresses='unknown',
                 options={'network_name': net},
                 **({'tag': tag} if tag else {}))
    return add


def type_l2gateway(case):
    net = case.physical()
    case.lsp('a', 'sw', type='l2gateway', addresses='unknown', tag=43,
             options={'network_name': net, 'l2gateway_chassis': 'hv1'})


def behind(case, **options):
    """A second router, with port a as its link to the switch."""
    case.router('q', **options)
    case.switch('t')
    case.lrp('q', 'q-a', case.net_address(1, 2), 1)
    case.lsp('a', 'sw', type='router', addresses='router',
             options={'router_port': case.n('q-a')})
    case.attach('q', 't', 'q-t', case.net_address(3), 2)
    case.vm('y', 't', 3, 11, 'hv2')


def type_router(case):
    behind(case)


def type_l3gateway(case):
    behind(case, chassis='hv1')


def type_gateway(case):
    behind(case)
    case.nb('lrp-set-gateway-chassis', case.n('q-a'), 'hv1', '20')
    case.nb('lrp-set-gateway-chassis', case.n('q-a'), 'hv2', '10')


def type_ha_gateway(case):
    behind(case)
    case.ha_group('ha-a', 'hv1', 'hv3')
    case.ha_column('Logical_Router_Port', 'q-a', 'ha-a')


def type_external(case):
    case.lsp('a', 'sw', type='external', addresses=case.addresses(1, 11))
    case.ha_group('ha-a', 'hv1', 'hv2')
    case.ha_column('Logical_Switch_Port', 'a', 'ha-a')


def type_virtual(case):
    case.lsp('a', 'sw', type='virtual', addresses=case.addresses(1, 11),
             options={'virtual_ip': case.ip(1, 11),
                      'virtual_parents': case.n('b')})


def type_vtep(case):
    case.lsp('a', 'sw', type='vtep', addresses='unknown',
             options={'vtep_physical_switch': 'ps',
                      'vtep_logical_switch': case.n('vtep')})
    case.op('sb', 'lsp-bind', case.n('a'), 'vtep')


def type_remote(case):
    case.lsp('a', 'sw', type='remote', addresses=case.addresses(1, 11))
    case.op('sb', 'lsp-bind', case.n('a'), 'remote')


TYPE = {
    'vif': type_vif,
    'container': type_container,
    'localport': type_localport,
    'localnet': type_localnet(),
    'localnet-tagged': type_localnet(44),
    'l2gateway': type_l2gateway,
    'router': type_router,
    'l3gateway': type_l3gateway,
    'gateway': type_gateway,
    'ha-gateway': type_ha_gateway,
    'external': type_external,
    'virtual': type_virtual,
    'vtep': type_vtep,
    'remote': type_remote,
}


# ----------------------------------------------------------------------
# Options of port a.

def options(**opts):
    return lambda case: case.lsp_set('a', options=opts)


def port_security(*forms):
    def add(case):
        case.lsp_set('a', port_security='[%s]' % ','.join(
            '"%s"' % form.format(mac=case.mac(0x10b), ip=case.ip(1, 11),
                                 net=case.ip(1, 0), ip6=case.ip6(1, 11))
            for form in forms))
    return add


def unknown(case):
    if case.types['a'] in ('', 'external', 'remote', 'localport'):
        case.lsp_set('a', addresses='["%s","unknown"]'
                     % case.addresses(1, 11))


def nat_addresses(case):
    case.lsp_set('a', options={'nat_addresses': 'router'})


def arp_proxy(case):
    case.lsp_set('a', options={'arp_proxy': case.ip(1, 77)})


def dhcp(case):
    name = '@' + case.n('dhcp').replace('-', '_')
    case.nb('--id=' + name, 'create', 'DHCP_Options',
            'cidr=%s/24' % case.ip(1, 0), *settings({'options': {
                'server_id': case.ip(1, 1), 'server_mac': case.mac(9),
                'lease_time': 3600, 'router': case.ip(1, 1)}}))
    case.nb('set', 'Logical_Switch_Port', case.n('a'),
            'dhcpv4_options=' + name)


def iface_option(**ids):
    """Of a's interface, and what goes with it in the database."""
    def add(case):
        for chassis in case.on.get('a', []):
            case.op('vs', chassis, 'set', 'interface', case.n('a'),
                    *settings({'external_ids': ids}))
        if 'iface_id_ver' in ids:
            case.lsp_set('a', options=ids)
    return add


PORT = {
    'none': nothing,
    'requested-here': options(requested_chassis='hv1'),
    'requested-there': options(requested_chassis='hv2'),
    'requested-two': options(requested_chassis='hv1,hv2'),
    'requested-other-two': options(requested_chassis='hv2,hv3'),
    'requested-rarp': options(requested_chassis='hv1,hv2',
                              activation_strategy='rarp'),
    'security-mac': port_security('{mac}'),
    'security-ip': port_security('{mac} {ip} {ip6}'),
    'security-net': port_security('{mac} {net}/24', '{mac} {ip6}/64'),
    'unknown': unknown,
    'disabled': lambda case: case.lsp_set('a', enabled='false'),
    'qos': options(qos_max_rate=1000000, qos_burst=2000000),
    'mcast-flood': options(mcast_flood='true'),
    'mcast-reports': options(mcast_flood_reports='true'),
    'arp-proxy': arp_proxy,
    'nat-addresses': nat_addresses,
    'dhcp': dhcp,
    'iface-id-ver': iface_option(iface_id_ver='v1'),
}


# ----------------------------------------------------------------------
# The router of the switch, and where its gateway is.

def router(*gateways, chassis=None, group=()):
    def add(case):
        case.router('r', **({'chassis': chassis} if chassis else {}))
        case.attach('r', 'sw', 'r-sw', case.net_address(1), 1)
        case.switch('s')
        case.attach('r', 's', 'r-s', case.net_address(2), 2)
        case.vm('x', 's', 2, 13, 'hv3')
        if not gateways and not chassis and not group:
            return
        case.switch('p')
        case.lsp('p-ln', 'p', type='localnet', addresses='unknown',
                 options={'network_name': case.physical('ext')})
        case.attach('r', 'p', 'r-p', (case.mac(0x901), case.ext(1) + '/24',
                                      case.ext6(1) + '/64'), 3)
        if group:
            case.ha_group('ha-r', *group)
            case.ha_column('Logical_Router_Port', 'r-p', 'ha-r')
        for i, host in enumerate(gateways):
            case.nb('lrp-set-gateway-chassis', case.n('r-p'), host,
                    str(30 - 10 * i))
        case.nb('lr-route-add', case.n('r'), '0.0.0.0/0', case.ext(254))
    return add


def two_gateways(case):
    """A second gateway port, on another chassis."""
    router('hv1')(case)
    case.switch('p2')
    case.attach('r', 'p2', 'r-p2', (case.mac(0x902), case.ip(9, 1) + '/24'), 4)
    case.op('nb2', 'lrp-set-gateway-chassis', case.n('r-p2'), 'hv2')


ROUTER = {
    'none': nothing,
    'plain': router(),
    'gw-hv1': router('hv1', 'hv2'),
    'gw-hv2': router('hv2', 'hv1'),
    'gw-hv3': router('hv3'),
    'ha-hv2': router(group=('hv2', 'hv1', 'hv3')),
    'gr-hv1': router(chassis='hv1'),
    'gr-hv3': router(chassis='hv3'),
    'gw-two': two_gateways,
}


def router_options(**opts):
    return lambda case: case.nb_set('Logical_Router', case.n('r'),
                                    options=opts)


def inner_port(**opts):
    return lambda case: case.nb_set('Logical_Router_Port', case.n('r-sw'),
                                    options=opts)


def outer_port(**opts):
    """Of the gateway's port, or of the other one if there is none."""
    def add(case):
        lrp = 'r-s' if case.has(router='plain') else 'r-p'
        case.nb_set('Logical_Router_Port', case.n(lrp), options=opts)
    return add


def ecmp(case):
    case.nb('--ecmp-symmetric-reply', 'lr-route-add', case.n('r'),
            '10.99.0.0/16', case.ip(2, 253))


def policy(case):
    case.nb('lr-policy-add', case.n('r'), '100', 'ip4.src == %s/24'
            % case.ip(1, 0), 'reroute', case.ip(2, 13))


def chassis_macs(case):
    """MACs of the chassis on the physical networks, in place of the router's,
    whose port is reached on each chassis."""
    for chassis, net in sorted(case.bridges):
        case.map(chassis, 'ovn-chassis-mac-mappings', net,
                 'aa:bb:cc:%02x:0%s:00' % (case.slot, chassis[2:]))


def router_advertisements(case):
    case.nb('set', 'Logical_Router_Port', case.n('r-sw'),
            'ipv6_ra_configs:address_mode=slaac')


def outer_vtep(case):
    """A VTEP gateway on the outer switch, because of which packets to the
    router's gateway port are not all sent to the gateway."""
    case.lsp('p-vtep', 'p', type='vtep', addresses='unknown',
             options={'vtep_physical_switch': 'ps',
                      'vtep_logical_switch': case.n('p-vtep')})
    case.op('sb', 'lsp-bind', case.n('p-vtep'), 'vtep')


ROUTER_OPTION = {
    'none': nothing,
    'snat-zone-0': router_options(snat_ct_zone=0),
    'snat-zone': router_options(snat_ct_zone=7),
    'dynamic-neigh': router_options(dynamic_neigh_routers='true'),
    'learn-less': router_options(always_learn_from_arp_request='false'),
    'relay': router_options(mcast_relay='true'),
    'force-lb': router_options(lb_force_snat_ip='router_ip'),
    'force-dnat': lambda case: case.nb_set(
        'Logical_Router', case.n('r'),
        options={'dnat_force_snat_ip': case.ext(99)}),
    'reside': inner_port(reside_on_redirect_chassis='true'),
    'bridged': outer_port(redirect_type='bridged'),
    'mtu': outer_port(gateway_mtu=1400),
    'mcast-flood': outer_port(mcast_flood='true'),
    'ecmp': ecmp,
    'policy': policy,
    'chassis-macs': chassis_macs,
    'ra': router_advertisements,
    'outer-vtep': outer_vtep,
}


# ----------------------------------------------------------------------
# NAT, load balancers, ACLs.

def nat(kind, host, inner, *more, flags=()):
    """'inner' is a function from the case to the inner address."""
    def add(case):
        case.nb(*flags, 'lr-nat-add', case.n('r'), kind, case.ext(host),
                inner(case), *(m.format(a=case.n('a'), b=case.n('b'),
                                        mac=case.mac(0x800 + host))
                               for m in more))
    return add


def host(n):
    return lambda case: case.ip(1, n)


def inner_net(case):
    return case.ip(1, 0) + '/24'


def nat_v6(case):
    case.nb('lr-nat-add', case.n('r'), 'dnat_and_snat',
            case.ext6(17), case.ip6(1, 11))


def nat_exempt(case):
    case.nb('create', 'Address_Set', 'name=' + case.name + 'ex',
            'addresses="%s"' % case.ext(200))
    nat('snat', 10, inner_net)(case)
    case.nb('lr-nat-update-ext-ip', case.n('r'), 'snat', inner_net(case),
            case.name + 'ex', '--is-exempted')


NAT = {
    'none': nothing,
    'snat': nat('snat', 10, inner_net),
    'dnat': nat('dnat', 11, host(11)),
    'both': nat('dnat_and_snat', 12, host(11)),
    'distributed-a': nat('dnat_and_snat', 13, host(11), '{a}', '{mac}'),
    'distributed-b': nat('dnat_and_snat', 14, host(12), '{b}', '{mac}'),
    'stateless': nat('dnat_and_snat', 15, host(11), flags=['--stateless']),
    'range': nat('snat', 16, inner_net, '2000-3000',
                 flags=['--portrange']),
    'v6': nat_v6,
}


def lb(*where, options=None, vip=None, flags=(), **columns):
    """The backends are on the switch of port a, and behind the router."""
    def add(case):
        name = case.n('lb')
        if not vip:
            case.nb(*flags, 'lb-add', name, '172.30.%d.1:80' % case.slot,
                    '%s:8080,%s:8080' % (case.ip(1, 12), case.ip(2, 13)),
                    'tcp')
        elif vip == 'v6':
            case.nb('lb-add', name, '[fd30:%x::1]:80' % case.slot,
                    '[%s]:8080' % case.ip6(1, 12), 'udp')
        elif vip == 'empty':
            case.nb(*flags, 'lb-add', name, '172.30.%d.1:80' % case.slot, '')
        if options or columns:
            case.nb_set('Load_Balancer', name, **columns, **(
                {'options': options} if options else {}))
        for w in where:
            if w == 'sw':
                case.nb('ls-lb-add', case.n('sw'), name)
            elif 'r' in case.routers:
                case.nb('lr-lb-add', case.n('r'), name)
    return add


def lb_template(case):
    name = case.n('lb')
    for i, chassis in enumerate(HOSTS):
        case.nb('set', 'Chassis_Template_Var', chassis,
                'variables:%svip="172.30.%d.%d"'
                % (case.name, case.slot, 1 + i),
                'variables:%sback="%s:8080"' % (case.name, case.ip(1, 12)))
    case.nb('--template', 'lb-add', name, '^%svip:80' % case.name,
            '^%sback' % case.name, 'tcp')
    case.nb('ls-lb-add', case.n('sw'), name)
    if 'r' in case.routers:
        case.nb('lr-lb-add', case.n('r'), name)


LB = {
    'none': nothing,
    'switch': lb('sw'),
    'router': lb('r'),
    'both': lb('sw', 'r'),
    'reject': lb('sw', 'r', vip='empty', flags=['--reject']),
    'affinity': lb('sw', 'r', options={'affinity_timeout': 60}),
    'hairpin': lb('sw', options={'hairpin_snat_ip': '172.31.0.1'}),
    'skip-snat': lb('r', options={'skip_snat': 'true'}),
    'hash': lb('sw', 'r', selection_fields='[ip_src,ip_dst]'),
    'v6': lb('sw', 'r', vip='v6'),
    'template': lb_template,
}


def acl(where, direction, match, verdict, *flags):
    def add(case):
        match_ = match.format(a=case.n('a'), b=case.n('b'),
                              pg=case.name + 'pg', set=case.name + 'as',
                              net=case.ip(1, 0))
        if where == 'pg':
            case.nb('pg-add', case.name + 'pg', case.n('a'), case.n('b'))
        if '{set}' in match:
            case.nb('create', 'Address_Set', 'name=%sas' % case.name,
                    'addresses="%s","%s"' % (case.ip(1, 11), case.ip(2, 13)))
        name = case.name + 'pg' if where == 'pg' else case.n('sw')
        if '--log' in flags:
            case.nb('--may-exist', 'meter-add', 'acl-meter', 'drop', '10',
                    'pktps')
        case.nb(*flags, 'acl-add', name, direction, '1001', match_, verdict)
    return add


ACL = {
    'none': nothing,
    'related': acl('pg', 'to-lport', 'outport == @{pg} && ip4 && tcp',
                   'allow-related'),
    'set': acl('sw', 'to-lport', 'ip4.src == $' + '{set} && udp', 'drop'),
    'reject': acl('sw', 'to-lport', 'udp.dst == 7', 'reject'),
    'log': acl('sw', 'from-lport', 'udp.dst == 9', 'drop', '--log',
               '--name=l', '--meter=acl-meter'),
    'stateless': acl('pg', 'from-lport', 'inport == @{pg} && tcp',
                     'allow-stateless'),
    'after-lb': acl('pg', 'from-lport', 'inport == @{pg} && tcp.dst == '
                    '{{81, 82}} && ip4.dst == {{10.7.0.1, 10.7.0.2}}',
                    'drop', '--apply-after-lb'),
    'port': acl('sw', 'to-lport', 'outport == "{a}" && udp.dst == 10',
                'drop'),
}


# ----------------------------------------------------------------------
# What was learned from packets, or might have been.  The addresses have MACs
# of their own, by which comparisons know the flows.

def mac_binding(net, ip, which, datapath='r'):
    """On the router's port that is on switch 'net', or on the inner one."""
    def add(case):
        port = case.n('r-' + (net if net in case.tunnel_keys else 's'))
        name = '@%s_%d' % (case.name, which)
        case.op('sb', '--id=' + name, 'get', 'Datapath_Binding',
                case.n(datapath))
        case.op('sb', 'create', 'MAC_Binding', 'logical_port=' + port,
                'ip="%s"' % ip(case), 'mac="%s"' % case.learned_mac(which),
                'datapath=' + name)
    return add


def learned(*functions):
    def add(case):
        for function in functions:
            function(case)
    return add


def static_binding(case):
    case.nb('static-mac-binding-add', case.n('r-s'), case.ip(2, 99),
            case.learned_mac(3))


def fdb(case):
    case.op('sb', 'create', 'FDB', 'mac="%s"' % case.learned_mac(),
            'dp_key=%d' % case.tunnel_keys['sw'],
            'port_key=%d' % case.tunnel_keys['b'])


LEARNED = {
    'none': nothing,
    'mac': learned(mac_binding('p', lambda case: case.ext(254), 0),
                   mac_binding('s', lambda case: case.ip(2, 99), 1)),
    'mac6': mac_binding('s', lambda case: case.ip6(2, 99), 2),
    'static': static_binding,
    'static-too': learned(static_binding, mac_binding(
        's', lambda case: case.ip(2, 99), 4)),
    # Its datapath is not its port's.
    'stray': mac_binding('s', lambda case: case.ip(2, 99), 5, 'sw'),
    'fdb': fdb,
}


def change_learned(case):
    """Other addresses, and then none."""
    def other():
        case.row('update', 'MAC_Binding', 'mac', case.learned_mac(1),
                 mac=case.learned_mac(11))
        case.row('update', 'FDB', 'mac', case.learned_mac(),
                 mac=case.learned_mac(10))

    def none():
        for which in 0, 2, 4, 5, 11:
            case.row('delete', 'MAC_Binding', 'mac', case.learned_mac(which))
        case.row('delete', 'FDB', 'mac', case.learned_mac(10))
        if case.has(learned='static'):
            case.nb('static-mac-binding-del', case.n('r-s'), case.ip(2, 99))
    case.change(other, none)


# ----------------------------------------------------------------------
# How the chassis are configured: external_ids of Open_vSwitch, for all cases
# at a time.

HOST_KEYS = {
    'none': {},
    'monitor-all': {host: {'ovn-monitor-all': 'true'} for host in HOSTS},
    'encap-ips': {host: {'ovn-encap-ip': '192.168.0.%s,%s' % (host[2:], ip)}
                  for host, ip in ENCAP_IPS.items()},
    'vxlan': {'hv3': {'ovn-encap-type': 'vxlan'}},
}


# ----------------------------------------------------------------------
# What changes while everything is bound, and is changed back.

def change_type(new, **new_options):
    def add(case):
        opts = dict(new_options)
        if 'network_name' in opts:
            opts['network_name'] = case.physical(
                hosts=case.without_network())
        if opts:
            case.lsp_set('a', options=opts)
            case.tags.setdefault('a', None)
        old = case.types['a']
        case.change(lambda: case.lsp_set('a', type=new),
                    lambda: case.lsp_set('a', type=old))
    return add


def change_tag(case):
    """Of a localnet port, or if there is none, of a port that has no use for
    it."""
    name = next((p for p in ('ln0', 'p-ln') if p in case.made), 'a')
    if case.types['a'] in ('localnet', 'l2gateway'):
        name = 'a'
    record = ('Logical_Switch_Port', case.n(name))
    case.change(lambda: case.nb('set', *record, 'tag=77'),
                lambda: case.nb('set', *record, 'tag=78'))


def change_rename(case):
    """The interfaces of a and b exchange their names."""
    def exchange(first, second):
        def do():
            for what, other_name in ((first, second), (second, first)):
                for chassis in case.on.get(what, []):
                    case.op('vs', chassis, 'set', 'interface', case.n(what),
                            'external_ids:iface-id=' + case.n(other_name))
        return do

    def back():
        for what in 'ab':
            for chassis in case.on.get(what, []):
                case.op('vs', chassis, 'set', 'interface', case.n(what),
                        'external_ids:iface-id=' + case.n(what))
    case.change(exchange('a', 'b'), back)


def change_delete(case):
    def back():
        for command in case.made['a']:
            case.nb(*command)
    case.change(lambda: case.nb('lsp-del', case.n('a')), back)


def first_vif(case):
    return next(what for what in ('a', 'par', 'b', 'y', 'x') if
                what in case.on) if case.on else None


def change_unplug(case):
    what = first_vif(case)
    if what:
        chassis = case.on[what][0]
        case.change(lambda: case.unplug(what, chassis),
                    lambda: case.vif(what, chassis))


def change_move(case):
    """To another chassis, and back."""
    what = first_vif(case)
    if what and len(case.on[what]) == 1:
        here = case.on[what][0]
        there = 'hv2' if here != 'hv2' else 'hv1'

        def move(old, new):
            def do():
                case.unplug(what, old)
                case.vif(what, new)
            return do
        case.change(move(here, there), move(there, here))


def change_copy(case):
    """A second interface for the port, on another chassis, as during a live
    migration."""
    what = first_vif(case)
    if what and len(case.on[what]) == 1:
        there = 'hv2' if case.on[what][0] != 'hv2' else 'hv3'
        case.change(
            lambda: (case.lsp_set(what, options={
                'requested_chassis': '%s,%s' % (case.on[what][0], there)}),
                     case.vif(what, there)),
            lambda: (case.lsp_set(what, options={
                'requested_chassis': there}),
                     case.unplug(what, case.on[what][0])))


def change_options(old=None, **opts):
    """Sets options, and removes them, or sets them to 'old'."""
    def add(case):
        names = [option_name(k) for k in opts]
        case.change(
            lambda: case.nb_set('Logical_Switch_Port', case.n('a'),
                                options=opts),
            lambda: case.nb_set('Logical_Switch_Port', case.n('a'),
                                options=old) if old else
            case.nb('remove', 'Logical_Switch_Port', case.n('a'), 'options',
                    *names))
    return add


def change_unmap(case):
    """hv1 leaves its physical networks."""
    nets = sorted(net for chassis, net in case.bridges if chassis == 'hv1')
    key = 'ovn-bridge-mappings'
    case.change(lambda: [case.map('hv1', key, net) for net in nets],
                lambda: [case.map('hv1', key, net, net) for net in nets])


def change_mac(case):
    """Of the router's port, and of VIF b."""
    def macs(host_number):
        def do():
            case.nb('lsp-set-addresses', case.n('b'), '%s %s' % (
                case.mac(host_number), case.ip(1, 12)))
            if 'r' in case.routers:
                case.nb('set', 'Logical_Router_Port', case.n('r-sw'),
                        'mac="%s"' % case.mac(host_number + 1))
        return do
    case.change(macs(0x700), macs(0x710))


def change_enabled(case):
    case.change(lambda: case.lsp_set('a', enabled='false'),
                lambda: case.lsp_set('a', enabled='true'))


def change_gateway(case):
    """Another chassis becomes the gateway."""
    if case.has(router='gr-'):
        old = case.choice['router'][3:]
        new = 'hv2'
        case.change(
            lambda: case.nb('set', 'Logical_Router', case.n('r'),
                            'options:chassis=' + new),
            lambda: case.nb('set', 'Logical_Router', case.n('r'),
                            'options:chassis=' + old))
    elif case.has(router='ha-'):
        case.change(
            lambda: case.nb('ha-chassis-group-add-chassis', case.n('ha-r'),
                            'hv1', '99'),
            lambda: case.nb('ha-chassis-group-remove-chassis',
                            case.n('ha-r'), 'hv1'))
    elif case.has(router='gw-'):
        case.change(
            lambda: case.nb('lrp-set-gateway-chassis', case.n('r-p'), 'hv3',
                            '99'),
            lambda: case.nb('lrp-set-gateway-chassis', case.n('r-p'), 'hv3',
                            '1'))


def change_no_gateway(case):
    """A distributed port becomes an ordinary one, and the other way round."""
    if case.has(router='gw-'):
        hosts = {'gw-hv2': 'hv2', 'gw-hv3': 'hv3'}
        chassis = hosts.get(case.choice['router'], 'hv1')
        case.change(
            lambda: case.nb('clear', 'Logical_Router_Port', case.n('r-p'),
                            'gateway_chassis'),
            lambda: case.nb('lrp-set-gateway-chassis', case.n('r-p'),
                            chassis))


def change_nat(case):
    case.change(lambda: case.nb('lr-nat-del', case.n('r')),
                lambda: NAT[case.choice['nat']](case))


def change_lb(case):
    """Another VIP, and other options; the switch loses it."""
    name = case.n('lb')
    case.change(
        lambda: case.nb('set', 'Load_Balancer', name,
                        'vips:"172.30.%d.2:81"="%s:81"'
                        % (case.slot, case.ip(1, 11)),
                        'options:hairpin_snat_ip=172.31.0.2'),
        lambda: (case.nb('--if-exists', 'ls-lb-del', case.n('sw'), name),
                 case.nb('remove', 'Load_Balancer', name, 'options',
                         'hairpin_snat_ip')))


def change_acl(case):
    where = case.n('sw')
    case.change(
        lambda: case.nb('acl-add', where, 'from-lport', '77',
                        'ip4.src == {10.1.2.3, 10.1.2.4}', 'drop'),
        lambda: case.nb('acl-del', where, 'from-lport', '77',
                        'ip4.src == {10.1.2.3, 10.1.2.4}'))


def change_detach(case):
    """The switch's link to its router goes, and comes back."""
    peer = 'sw-r'
    case.change(lambda: case.nb('lsp-del', case.n(peer)),
                lambda: [case.nb(*command) for command in case.made[peer]])


def change_iface(**ids):
    """An external id of a VIF's interface, set and removed."""
    def add(case):
        what = first_vif(case)
        if what:
            name, chassis = case.n(what), case.on[what][0]
            case.change(
                lambda: case.op('vs', chassis, 'set', 'interface', name,
                                *settings({'external_ids': ids})),
                lambda: case.op('vs', chassis, 'remove', 'interface', name,
                                'external_ids', *[option_name(k)
                                                  for k in ids]))
    return add


def change_localnet(case):
    """The switch gets a physical network, and loses it."""
    net = case.physical('new', case.without_network())

    def do():
        case.lsp('new', 'sw', type='localnet', addresses='unknown',
                 options={'network_name': net}, tag=99)
    case.change(do, lambda: case.nb('lsp-del', case.n('new')))


def change_passthru(case):
    record = ('Logical_Switch', case.n('sw'))
    case.change(
        lambda: case.nb('set', *record, 'other_config:vlan-passthru=true'),
        lambda: case.nb('remove', *record, 'other_config', 'vlan-passthru'))


CHANGE = {
    'none': nothing,
    'type-vif': change_type(''),
    'type-localnet': change_type('localnet', network_name=''),
    'type-l2gateway': change_type('l2gateway', network_name='',
                                  l2gateway_chassis='hv2'),
    'type-router': change_type('router'),
    'type-localport': change_type('localport'),
    'type-external': change_type('external'),
    'type-virtual': change_type('virtual'),
    'tag': change_tag,
    'rename': change_rename,
    'delete': change_delete,
    'unplug': change_unplug,
    'move': change_move,
    'copy': change_copy,
    'requested': change_options(requested_chassis='hv3'),
    'requested-two': change_options(requested_chassis='hv1,hv3',
                                    old={'requested_chassis': 'hv3,hv1'}),
    'mcast-flood': change_options(mcast_flood='true'),
    'unmap': change_unmap,
    'mac': change_mac,
    'enabled': change_enabled,
    'gateway': change_gateway,
    'no-gateway': change_no_gateway,
    'nat': change_nat,
    'lb': change_lb,
    'acl': change_acl,
    'detach': change_detach,
    'encap-ip': change_iface(encap_ip='192.168.9.9'),
    'iface-id-ver': change_iface(iface_id_ver='v2'),
    'localnet': change_localnet,
    'passthru': change_passthru,
    'learned': change_learned,
}

# In the order in which they are applied.
FACTORS = {
    'switch': SWITCH,
    'other': OTHER,
    'localnet': LOCALNET,
    'type': TYPE,
    'port': PORT,
    'router': ROUTER,
    'router-option': ROUTER_OPTION,
    'nat': NAT,
    'lb': LB,
    'acl': ACL,
    'learned': LEARNED,
    'host': {value: nothing for value in HOST_KEYS},
    'change': CHANGE,
}

# Pairs that are no configuration: factor, values, factor, values; "!" is all
# but the ones that follow.
EXCLUDED = (
    # What is not there, or stays as it is.
    ('learned', 'mac mac6 static static-too stray', 'router', 'none'),
    ('change', 'learned', 'learned', 'none'),
    ('nat', '! none', 'router', 'none'),
    ('router-option', '! none', 'router', 'none'),
    ('router-option', 'outer-vtep', 'router', 'none plain'),
    ('lb', 'router skip-snat', 'router', 'none'),
    # Of two gateway ports, ovn-northd takes the one whose UUID comes first
    # for load balancers.
    ('router', 'gw-two', 'lb', 'router both reject affinity skip-snat hash v6 '
     'template'),
    # On a router with a gateway port, stock's DNAT has another zone than its
    # answers are looked up in: ovn-sb(5), ct_dnat_in_czone.
    ('router-option', 'snat-zone snat-zone-0', 'router', 'gw-hv1 gw-hv2 '
     'gw-hv3 gw-two ha-hv2'),
    # Each chassis should have a mapping for one of the networks of a switch
    # only: ovn-nb(5), localnet.  Which one ports elsewhere are behind is free.
    ('localnet', 'untagged tagged passthru ethtype two',
     'type', 'localnet localnet-tagged'),
    ('localnet', 'untagged tagged passthru ethtype two',
     'change', 'localnet type-localnet'),
    ('type', 'localnet localnet-tagged', 'change', 'localnet'),
    # Localnet, localport and patch ports are on no chassis: ovn-sb(5),
    # Port_Binding.chassis.  Stock leaves them where they were, unless they
    # were VIFs.
    ('type', 'container l2gateway l3gateway', 'change',
     'type-localnet type-localport type-router'),
    ('type', 'container', 'change', 'type-l2gateway type-virtual'),
    # A container is where its parent is, also with several chassis, which
    # additional_chassis of ovn-sb(5) is for: stock has it on the first.
    ('type', 'container', 'change', 'copy'),
    # ovn-northd wants to delete the HA group of what was an external port,
    # which the port still refers to, and gets no further.
    ('type', 'external', 'change', 'type-localnet type-localport '
     'type-router'),
    ('type', 'container', 'change', 'type-external'),
    ('type', 'localnet localnet-tagged router gateway ha-gateway localport',
     'change', 'type-l2gateway'),
    ('change', 'type-l2gateway', 'port', 'requested-here'),
    # Stock puts packets from a router into a conntrack zone if there is an
    # interface for the router's port, which is no VIF: ovn-sb(5).
    ('type', 'router gateway ha-gateway', 'change', 'rename'),
    # In a recompute, stock forgets the port security of a localport.
    ('type', 'localport', 'port', 'security-mac security-ip security-net'),
    ('change', 'type-localport', 'port', 'security-mac security-ip '
     'security-net'),
    # Three chassis would have an interface for a VIF.
    ('type', 'localport', 'change', 'rename type-vif'),
    # Their chassis is somebody else's to say, after the change, too.  Stock
    # takes it for that of a localnet or patch port.
    ('type', 'vtep remote', 'change', 'type-l2gateway type-external'),
    ('type', 'vtep remote', 'change', 'type-localnet type-router'),
    # Stock ends with a failed assertion.
    ('type', 'external l2gateway', 'change', 'requested-two'),
    ('port', 'requested-two requested-other-two requested-rarp',
     'change', 'type-l2gateway'),
    # requested-chassis (ovn-nb(5)) is the chassis that may bind the port;
    # stock leaves them bound elsewhere, or some of their flows.
    ('type', 'external l2gateway container localport', 'change', 'requested'),
    ('type', 'container localport', 'port', 'requested-there requested-two '
     'requested-other-two'),
    ('type', 'container localport', 'change', 'requested-two'),
    # Stock has the switch on the l2gateway-chassis, where the port is not to
    # be bound and maybe nothing else is.
    ('type', 'l2gateway', 'port', 'requested-there requested-other-two'),
    ('change', 'type-localport', 'port', 'requested-there requested-two '
     'requested-other-two'),
    # These changes would be none.
    ('change', 'nat', 'nat', 'none'),
    ('change', 'lb', 'lb', 'none'),
    ('change', 'gateway', 'router', 'none plain'),
    # Stock leaves the ports of what was a gateway router bound to a chassis,
    # and sends its multicast there.
    ('change', 'no-gateway', 'router', 'none plain ha-hv2 gr-hv1 gr-hv3'),
    ('change', 'detach', 'router', 'none'),
    ('change', 'type-vif', 'type', 'vif container'),
    ('change', 'type-localnet', 'type', 'localnet localnet-tagged'),
    ('change', 'type-l2gateway', 'type', 'l2gateway'),
    ('change', 'type-router', 'type',
     'router l3gateway gateway ha-gateway'),
    ('change', 'type-localport', 'type', 'localport'),
    ('change', 'type-external', 'type', 'external'),
    ('change', 'type-virtual', 'type', 'virtual'),
)


def excluded_pairs():
    pairs = set()
    for f, values_f, g, values_g in EXCLUDED:
        for v in expand(f, values_f):
            for w in expand(g, values_g):
                pairs.add(((f, v), (g, w)))
                pairs.add(((g, w), (f, v)))
    return pairs


def expand(factor, text):
    words = text.split()
    if words[0] == '!':
        return [v for v in FACTORS[factor] if v not in words]
    unknown_words = [w for w in words if w not in FACTORS[factor]]
    assert not unknown_words, unknown_words
    return words
