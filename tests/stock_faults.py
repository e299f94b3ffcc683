#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Where the stock controller is wrong, and ours is not.

    stock_faults.py check DIFFERENCES.RST TEST.AT...

Comparisons with stock take stock for right, except in the places listed here
by name.  Any other difference is a failure.

To add one, put a Fault into FAULTS with

    name        one word
    reason      what says that stock is wrong: an RFC, a manual, a later fix
    documented  words of the paragraph about it in differences.rst

and what tells it from all other differences, at least one of

    stock_form  a function that takes a line of ours, which stock does not
                have, and returns what stock has in its place, or a list of
                what it may have, or None if the fault has nothing to do with
                that line
    times       how many lines of ours make up one of stock's by stock_form,
                if not one
    only_stock  a function that says whether a line of stock's, which ours does
                not have, is there by this fault
    only_ours   the same for a line that stock lacks

Lines of flow-diff.py are

    table=73, priority=90, cookie=0x1234abcd, MATCH actions=ACTIONS

with the free numbers replaced, and "group ..." and "meter ...".  Those of
actions-diff.py are what an action encodes as.  Make the functions as narrow as
the fault: replace(), without() and matching() make them from regular
expressions.

Then let a test show that the fault is there, with "--known NAME" (in Autotest,
"check_parity CHASSIS NAME..."): it fails if the comparison has not come by it.
"check" makes sure that each fault has such a test and is documented.
"""

import collections
import math
import re
import sys


def replace(pattern, by):
    """Stock has 'by' where ours has what matches 'pattern'."""
    compiled = re.compile(pattern)

    def stock_form(line):
        other = compiled.sub(by, line)
        return other if other != line else None
    return stock_form


def without(pattern):
    """Stock leaves out what matches 'pattern'."""
    return replace(pattern, '')


def matching(pattern):
    """Whether a line matches 'pattern' somewhere."""
    compiled = re.compile(pattern)
    return lambda line: compiled.search(line) is not None


def other_ethertype(line):
    """Stock pushes a VLAN header of the other type."""
    other = {'0x8100': '0x88a8', '0x88a8': '0x8100'}
    form = re.sub(r'(?<=push_vlan:)(?:0x8100|0x88a8)',
                  lambda m: other[m[0]], line)
    if form != line:
        return form if line.startswith('table=65,') else None
    # Where packets go: 0x8100 is not mentioned.
    form = line.replace('push_vlan(tpid=0x88a8,', 'push_vlan(')
    if form == line:
        form = line.replace('push_vlan(', 'push_vlan(tpid=0x88a8,')
    return form if form != line else None


def any_ethernet(line):
    """IGMP and MLD are of whatever Ethernet address; IGMP of whatever IP
    address, too."""
    if 'nw_proto=2' in line:
        form = line.replace(',dl_dst=01:00:00:00:00:00/01:00:00:00:00:00', '')
        form = form.replace(',nw_dst=224.0.0.0/4', '')
    elif re.search(r'icmp6,.*icmp_type=(?:130|131|132|143)\b', line):
        form = line.replace(',dl_dst=33:33:00:00:00:00/ff:ff:00:00:00:00', '')
    else:
        return None
    return form if form != line else None


def without_a_tunnel(line):
    """A multicast group without one of the chassis that it is sent to, or
    without the only one."""
    if re.match(r'table=39, priority=100, [^ ]* reg15=0x(?:8|c)[0-9a-f]{3},',
                line):
        return [line[:m.start()] + line[m.end():]
                for what in (r'\boutput:[^,]*,', TO_ONE_TUNNEL)
                for m in re.finditer(what, line)]
    return None


def without_in_port(line):
    """By a flow-based tunnel, in the next table, and not to where the packet
    has come from."""
    m = re.match(r'(table=44, .*actions=)push:NXM_OF_IN_PORT\[\],'
                 r'set_field:ANY->in_port,(.*->tun_dst,output:\d+,'
                 r'resubmit\(,4)5\),pop:NXM_OF_IN_PORT\[\]$', line)
    return m[1] + m[2] + '6)' if m else None


TO_ONE_TUNNEL = r'\bset_field:\w+/0xffffff->tun_id,' \
    r'(?:set_field:\w+->tun_metadata0,move:[^,]*,)?output:[^,]*,'


def next_table(line):
    """What tables "next" may go to: with 23.03 and 25.03, of the egress
    pipeline as many as the ingress pipeline has, to which the last ones that
    25.03 has room for do not count; 26.03 names the first one that is not
    there."""
    beyond = '"next" action cannot advance beyond table %d.'
    room = {
        beyond % 21: [beyond % 28,
                      *['resubmit(,%d)' % (42 + i) for i in range(22, 29)]],
        beyond % 18: [beyond % 29,
                      *['resubmit(,%d)' % (45 + i) for i in range(19, 30)]],
        'resubmit(,38)': [beyond % 29],
        'resubmit(,39)': [beyond % 29],
        beyond % 31: [beyond % 29],
        beyond % 15: [beyond % 16, beyond % 34],
        beyond % 33: [beyond % 34],
    }
    return room.get(line)


def never(line):
    """No line has to do with the fault in that way."""
    return None


Fault = collections.namedtuple(
    'Fault', 'name reason documented stock_form times only_stock only_ours',
    defaults=(never, 1, never, never))

FAULTS = (
    Fault(name='ip.dscp',
          reason='ovn-sb(5) has ip.dscp and ip.ecn among the fields that may '
                 'be matched; stock leaves them out of its flows.',
          documented='``ip.dscp`` and ``ip.ecn`` are matched.',
          stock_form=without(r',nw_(?:tos|ecn)=[^, ]*')),
    Fault(name='ct_commit-later',
          reason='ovn-sb(5) does not ask that ct_commit is the first action; '
                 'stock leaves it out if it is not.',
          documented='``ct_commit { ... }`` commits wherever it stands.',
          stock_form=replace(
              r'(?<= actions=)(.+?),ct\(commit,zone=NXM_NX_REG1[13]'
              r'\[0\.\.15\],nat\(src\),exec\([^)]*\)\)', r'\1')),
    Fault(name='vlan-ethertype',
          reason='ovn-nb(5): options:ethtype is about the VLAN headers of the '
                 'localnet port that has it; stock takes that of any localnet '
                 'port for all ports of the switch, containers too, '
                 'and "802.1ad", as later manuals have it, for 802.1Q.',
          documented='The VLAN header that a port adds is of the type that '
                     'its own ``options:ethtype`` says',
          stock_form=other_ethertype),
    Fault(name='next-table',
          reason='ovn-sb(5): next(pipeline=..., table=...) is about a table '
                 'of that pipeline; behind the last one, stock runs into the '
                 "chassis' own tables, until 26.03, which mends it.",
          documented='``next`` goes to no table that the pipeline does '
                     'not have',
          stock_form=next_table),
    Fault(name='igmp-group',
          reason='RFC 3376, RFC 3810: these go to a group; later OVN asks for '
                 'that.',
          documented='``igmp``, ``mldv1`` and ``mldv2`` ask for a group',
          stock_form=any_ethernet),
    Fault(name='ip6.mcast_rsvd',
          reason='Later OVN has the switch keep tries of IPv6 addresses, for '
                 'which a mask must not have a hole.',
          documented='``ip6.mcast_rsvd`` is sixteen flows',
          stock_form=replace(
              r'\bipv6_dst=ff0[0-9a-f]?::(?=[, ]|$)',
              'ipv6_dst=ff00::/fff0:ffff:ffff:ffff:ffff:ffff:ffff:ffff'),
          times=16),
    Fault(name='learned-cookie',
          reason='What a flow has taught is to end with the flow; stock has '
                 'all flows but those of hairpins teach with cookie 0, so '
                 'that it ends with the last of them.',
          documented='``learn()`` in tables 76 to 78 has a cookie',
          stock_form=without(r'(?<=,delete_learned),cookie=0x[0-9a-f]+')),
    Fault(name='nat-port-range',
          reason='Later OVN asks for random ports of a range, see nat() in '
                 'ovs-actions(7).',
          documented='The ports of an ``external_port_range`` are random',
          stock_form=replace(r'(\bnat\((?:src|dst)=[^()]*:\d+-\d+),random\)',
                             r'\1)')),
    Fault(name='port-sec-nd-hop-limit',
          reason='RFC 4861: neighbor discovery has the hop limit 255.',
          documented='Neighbor discovery is allowed with the hop limit 255',
          stock_form=replace(r'^(table=74, priority=90, .*\bnw_ttl=)255\b',
                             r'\g<1>225')),
    Fault(name='port-sec-nd-solicit',
          reason='ovn-nb(5): a host may not send neighbor discovery with an '
                 'inner source Ethernet address other than its own.',
          documented='A neighbor solicitation with the link-layer address of '
                     'another host is dropped',
          stock_form=replace(
              r'^(table=74, priority=80, .*\bicmp_type=135 actions=.*)0x1000'
              r'(/0x1000->reg10)$', r'\g<1>0\2')),
    Fault(name='port-sec-nd-element',
          reason='ovn-nb(5): each Ethernet address has its own IP addresses.',
          documented='what neighbor discovery may claim is a matter of the '
                     "packet's own Ethernet address",
          only_stock=matching(r'^table=74, priority=90, [^ ]* icmp6,reg14='
                              r'[^,]*,metadata=[^,]*,nw_ttl=2[25]5,'),
          only_ours=matching(r'^table=74, priority=90, [^ ]* icmp6,reg14='
                             r'[^,]*,metadata=[^,]*,dl_src=[^,]*,'
                             r'nw_ttl=255,')),
    Fault(name='ovn-installed-left',
          reason='ovn-controller(8): ovn-installed says that the flows of '
                 "the interface's port are there; stock leaves it when the "
                 'port is not bound to the interface any more.',
          documented='``ovn-installed`` goes when the interface has no port',
          stock_form=replace(r'^(Interface (?!.*ovn-installed).*'
                             r'external_ids=\{.*)\}$',
                             r'\1, ovn-installed=true}')),
    Fault(name='up-left',
          reason='ovn-sb(5): up says that the port has been claimed and that '
                 'its flows are there; stock leaves it, when the port is not '
                 'bound any more because of its new type.',
          documented='A port of any type that is released is marked down.',
          stock_form=replace(r'^(Port_Binding .*chassis none, up )False$',
                             r'\1True')),
    Fault(name='port-sec-rarp',
          reason='ovn-nb(5): RARP is not restricted.',
          documented='RARP is not restricted, as ovn-nb(5) says',
          only_ours=matching(r'^table=73, priority=90, [^ ]* rarp,reg14='
                             r'[^,]*,metadata=[^,]*,dl_src=[^, ]* actions=')),
    Fault(name='vrrp-nd',
          reason='ovn-nb(5): a VRRPv3 host may send neighbor discovery from '
                 'its physical MAC address, about those of virtual routers.',
          documented='Neighbor discovery of a virtual router may come from '
                     'the physical MAC address',
          only_ours=matching(r'^table=73, priority=90, [^ ]* icmp6,reg14='
                             r'[^,]*,metadata=[^,]*,dl_src=[^,]*,nw_ttl=255,'
                             r'icmp_type=13[56],icmp_code=0 ')),
    Fault(name='ct-orig-twice',
          reason='Once is enough.',
          documented='Tables 81 to 86 of 26.03 load what conntrack knows once',
          stock_form=replace(r'^(table=8[1236], .* actions=)(move:[^,]*)$',
                             r'\1\2,\2')),
    Fault(name='flow-based-vxlan',
          reason='ovn-architecture(7) has a bit in VXLAN tunnels that says '
                 'that a packet is for a multicast group; stock forgets about '
                 'it with flow-based tunnels.',
          documented='packets for multicast groups come by VXLAN, too',
          only_ours=matching(r'^table=0, priority=105, [^ ]* '
                             r'tun_id=0x800000/0x800000,in_port=')),
    Fault(name='flow-based-table',
          reason='Without flow-based tunnels, it is the next table that a '
                 'packet goes on in.',
          documented='a packet that has gone to another chassis goes on in '
                     'the next table',
          stock_form=replace(r'(->tun_dst,output:\d+,resubmit\(,4)5\)$',
                             r'\g<1>6)')),
    Fault(name='ct-state-save-table',
          reason='25.03.0 lacks the table that 25.03.1 has; a chassis cannot '
                 'tell them apart, and nothing there goes to it.',
          documented='Table 85 is there before any logical flow goes to it',
          only_ours=matching(r'^table=85, ')),
    Fault(name='nf-ipv6',
          reason='ovn-nb(5): what an ACL matches is redirected, IPv6 as well.',
          documented='IPv6 packets go back by the tunnel that they came by, '
                     'too',
          only_ours=matching(r'^table=46, priority=110, [^ ]* ipv6,'
                             r'reg10=0/0x1000000,.*ct\(table=46,')),
    Fault(name='flow-based-nf',
          reason='What a network function on another chassis is to see may '
                 'have come from there, through the same port.',
          documented='a packet may go back to the chassis that it has come '
                     'from',
          stock_form=without_in_port),
    Fault(name='nf-vxlan',
          reason='tun_metadata0 is a Geneve option, and nothing that comes by '
                 'VXLAN has the number that these flows match.',
          documented='no flows for what comes out of one that would send it '
                     'back by VXLAN',
          only_stock=matching(r'^table=46, priority=1(?:09|10), [^ ]* .*'
                              r'reg10=0x1000000/0x1000000,.*'
                              r'->tun_metadata0,output:')),
    Fault(name='ct-tcp-flags',
          reason='ovn-sb(5): tcp.flags is about flags of the packet; with '
                 'acl_ct_translation, stock leaves it out of its flows.',
          documented='With *options:acl_ct_translation* (26.03), '
                     '``tcp.flags`` is matched.',
          stock_form=replace(
              r'\btcp(6?)(,\S*),tcp_flags=[^, ]*(?= actions=)',
              lambda m: ('ipv6' if m[1] else 'ip') + m[2])),
    Fault(name='mcast-own-additional',
          reason='ovn-architecture(7): a multicast group is sent to each '
                 'hypervisor that has a member, and ovn-sb(5) gives '
                 'additional_chassis the meaning of chassis; stock leaves out '
                 'the other chassis of a port that is here.',
          documented='Of a multicast group, each chassis of a port gets its '
                     'copy',
          stock_form=without_a_tunnel,
          only_ours=matching(
              r'^table=39, [^ ]* [^ ]* reg15=0x(?:8|c)[0-9a-f]{3},metadata='
              r'\w+ actions=(?:set_field:\w+/0xffffff->tun_id,'
              r'(?:set_field:\w+->tun_metadata0,move:[^,]*,)?output:[^,]*,)+'
              r'resubmit\(,40\)$')),
    Fault(name='snat-ct-zone-lb',
          reason='ovn-sb(5): ct_dnat_in_czone translates back, so it is to '
                 'look where the connection is, which without snat-ct-zone '
                 'it does.',
          documented='``snat-ct-zone`` is the zone of all translations.',
          stock_form=replace(
              r'(?<=set_field:<)([^<>]+)_snat(?=>->reg11)|'
              r'(?<= -> ct\()((?:commit,)?zone=<[^>]*)_snat(?=>)',
              lambda m: (m[1] or m[2]) + '_dnat')),
    Fault(name='evpn-learned-for-ever',
          reason='What packets say of addresses must not pile up without end, '
                 'nor take the place of what the kernel has been told.',
          documented='MAC addresses that packets from a VTEP tell',
          stock_form=replace(
              r'table=87,hard_timeout=300,priority=140,delete_learned,'
              r'(cookie=<VTEP>),limit=8192,',
              r'table=87,priority=150,delete_learned,\1,')),
    Fault(name='evpn-flooded-on',
          reason='A VTEP sends what it floods to all others itself: '
                 'RFC 8365, section 7.2.',
          documented='What a VTEP has flooded is not passed on',
          only_ours=matching(
              r'^table=44, priority=130, .*reg14=0x80000000/0x80000000,'
              r'reg15=0x800')),
    Fault(name='evpn-flooded-twice',
          reason='A port is to get one copy of what is flooded.',
          documented='Ports here get what is flooded once',
          stock_form=replace(
              r'^(table=45, priority=50, cookie=0x0, .*reg15=0x800[014].*)'
              r'set_field:::->tun_ipv6_src,set_field:::->tun_ipv6_dst,'
              r'(.*?output:\d+),(set_field:0.0.0.0->tun_src)',
              r'\1\2,resubmit(,46),\3')),
    Fault(name='evpn-two-families',
          reason='A packet to a tunnel must not have the addresses of another '
                 'that it has come by.',
          documented='Packets to a VTEP have no addresses of the other family',
          stock_form=replace(
              r'^(table=45, priority=5[05], cookie=0x0, '
              r'.*(?:<VTEP |reg15=0x800[014],).*)'
              r'(?:set_field:::->tun_ipv6_src,set_field:::->tun_ipv6_dst,'
              r'|set_field:0.0.0.0->tun_src,set_field:0.0.0.0->tun_dst,)',
              r'\1')),
)


def stock_forms(line):
    """What stock may have in place of our 'line' by one or more faults:
    yields such lines and the faults."""
    forms = {line: ()}
    queue = [line]
    while queue:
        form = queue.pop()
        for fault in FAULTS:
            others = fault.stock_form(form) or ()
            for other in [others] if isinstance(others, str) else others:
                if other not in forms:
                    forms[other] = (*forms[form], fault)
                    queue.append(other)
                    yield other, forms[other]


def excuse(stock, ours):
    """Takes what the faults explain out of two Counters of lines that only
    one side has.  Returns the names of those faults."""
    seen = set()
    together = collections.defaultdict(list)
    for line in list(ours):
        for form, faults in stock_forms(line):
            if stock[form]:
                together[form, faults].append(line)
    for (form, faults), lines in together.items():
        times = math.prod(fault.times for fault in faults)
        n = min(stock[form], *[ours[line] for line in lines])
        if n and len(lines) == times:
            stock[form] -= n
            for line in lines:
                ours[line] -= n
            seen.update(fault.name for fault in faults)
    for fault in FAULTS:
        for lines, explains in ((stock, fault.only_stock),
                                (ours, fault.only_ours)):
            for line in [line for line, n in lines.items()
                         if n and explains(line)]:
                lines[line] = 0
                seen.add(fault.name)
    return seen


def pop_known(argv):
    """Takes "--known NAME" out of 'argv' and returns the names."""
    names = set()
    while '--known' in argv:
        i = argv.index('--known')
        name = argv[i + 1]
        if name not in [fault.name for fault in FAULTS]:
            sys.exit('"%s" is no known fault' % name)
        names.add(name)
        del argv[i:i + 2]
    return names


def report_unseen(known, seen):
    """Says which faults that were to be seen were not.  Returns whether there
    were any."""
    for name in sorted(known - seen):
        print('stock does not have the fault "%s" here' % name)
    return bool(known - seen)


def check(differences, tests):
    """Whether each fault is documented and has a test."""
    with open(differences) as f:
        documented = ' '.join(f.read().split())
    text = ''
    for test in tests:
        with open(test) as f:
            text += f.read().replace('\\\n', ' ')
    bad = 0
    for fault in FAULTS:
        if fault.documented not in documented:
            print('%s: not in %s' % (fault.name, differences))
            bad += 1
        if not re.search(r'(?:--known |check_parity .*|known=".*'
                         r'|RELEASE_CORPUS\([^()]*)\b%s\b'
                         % re.escape(fault.name), text):
            print('%s: no test looks for it' % fault.name)
            bad += 1
    return bad


if __name__ == '__main__':
    if len(sys.argv) < 4 or sys.argv[1] != 'check':
        sys.exit(__doc__)
    sys.exit(1 if check(sys.argv[2], sys.argv[3:]) else 0)
