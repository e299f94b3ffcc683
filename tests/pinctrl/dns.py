# SPDX-License-Identifier: Apache-2.0

"""DNS requests beside stock: see pinctrl-diff.py."""

import struct

import packets
from pinctrl_diff import case, l3_offset, vlan

VM1 = '02:00:00:00:00:01'
SERVER = '02:00:00:00:00:53'

A, PTR, MX, AAAA, ANY, OPT = 1, 12, 15, 28, 255, 41
RD, CD, AD = 0x100, 0x10, 0x20
REVERSE = '11.0.0.10.in-addr.arpa'


def network(side):
    """A switch with two rows of DNS, and one with none."""
    for s in 0, 1:
        side.nb('ls-add sw%d -- lsp-add sw%d vm%d -- lsp-set-addresses vm%d '
                '"02:00:00:00:00:%02d 10.0.%d.11 fd0%d::11"'
                % ((s,) * 2 + (s + 1,) * 3 + (s,) * 2))
        side.vif('hv1', 'vm%d' % (s + 1))
    # What is not answered reaches the server.
    side.nb('lsp-add sw0 server -- lsp-set-addresses server '
            '"%s 10.0.0.53 fd00::53"' % SERVER)
    side.vif('hv1', 'server')
    side.nb('set Logical_Switch sw0 other_config:vlan-passthru=true')
    many = ' '.join('10.1.0.%d' % i for i in range(1, 7))
    hundred = ' '.join('10.2.0.%d' % i for i in range(100))
    rows = [
        {'vm1.ovn.org': '10.0.0.11 fd00::11', 'v4.ovn.org': '10.0.0.12',
         'v6.ovn.org': 'fd00::12', 'many.ovn.org': many + ' fd01::1 fd01::2',
         REVERSE: 'vm1.ovn.org'},
        {'other.example': '10.9.9.9', 'commas.example': '10.0.0.1,10.0.0.2',
         'UPPER.example': '10.0.0.3', 'partly.example': 'x 10.0.0.4',
         'twins.in-addr.arpa': 'a.example b.example',
         'hundred.example': hundred},
    ]
    for row in rows:
        records = ' '.join("'records:\"%s\"=\"%s\"'" % r for r in row.items())
        dns = side.nb('create DNS external_ids:x=y').strip()
        side.nb('set DNS %s %s' % (dns, records),
                '-- add Logical_Switch sw0 dns_records %s' % dns)


def name(text):
    return b''.join(bytes([len(label)]) + label.encode()
                    for label in text.split('.') if label) + b'\0'


def message(text, kind, flags=RD, counts=(1, 0, 0, 0), cls=1, more=b''):
    return (struct.pack('!6H', 0xabcd, flags, *counts) + name(text)
            + struct.pack('!HH', kind, cls) + more)


def edns(size=4096, version=0):
    return struct.pack('!BHHBBHH', 0, OPT, size, 0, version, 0, 0)


def request(payload, v6=False, src=VM1, net=0):
    ips = (('fd0%d::11' % net, 'fd00::53') if v6
           else ('10.0.%d.11' % net, '10.0.0.53'))
    return packets.frame(src, SERVER, *ips, packets.UDP,
                         packets.udp(*ips, 4444, 53, payload))


def reply(frame):
    """The DNS message in a frame."""
    at = l3_offset(frame)
    return frame[at + (40 if frame[at] >> 4 == 6 else 20) + 8:]


def ask(side, *args, **kwargs):
    side.send('vm1', request(message(*args, **kwargs)))


@case()
def questions(side):
    for text in 'vm1.ovn.org', 'v4.ovn.org', 'v6.ovn.org', 'many.ovn.org':
        for kind in A, AAAA, ANY, MX:
            ask(side, text, kind)


@case()
def over_ipv6(side):
    for text in 'vm1.ovn.org', 'many.ovn.org', 'nobody.ovn.org':
        for kind in A, AAAA, ANY:
            side.send('vm1', request(message(text, kind), v6=True))


@case()
def any_case(side):
    ask(side, 'vM1.oVn.ORG', A)
    ask(side, 'VM1.OVN.ORG', ANY)


@case()
def of_an_address(side):
    ask(side, REVERSE, PTR)
    ask(side, '12.0.0.10.in-addr.arpa', PTR)


@case()
def unknown_names(side):
    for text in ('', 'org', 'ovn.org', 'vm1', 'x.vm1.ovn.org', 'vm1.ovn.orgs',
                 '.'.join(['a'] * 127), 'b' * 63 + '.ovn.org'):
        ask(side, text, A)


@case()
def of_the_other_row(side):
    ask(side, 'other.example', A)


@case()
def switch_without_records(side):
    side.send('vm2', request(message('vm1.ovn.org', A), net=1,
                             src='02:00:00:00:00:02'))
    ask(side, 'vm1.ovn.org', A)


@case()
def with_a_tag(side):
    side.send('vm1', vlan(request(message('vm1.ovn.org', AAAA), v6=True), 7))


@case(differs='RFC 791: the length and the checksum behind a VLAN tag, too')
def over_ipv4_with_a_tag(side):
    side.send('vm1', request(message('vm1.ovn.org', A)),
              vlan(request(message('vm1.ovn.org', A)), 7))
    side.wait('vm1', 2)
    plain, tagged = side.received('vm1')
    if side.is_ours:
        assert tagged == vlan(plain, 7), (plain, tagged)
    side.expect('reply', tagged.hex())


@case()
def flags(side):
    ask(side, 'vm1.ovn.org', A, flags=0)
    ask(side, 'vm1.ovn.org', A, flags=RD | CD)


@case()
def no_questions(side):
    ask(side, 'vm1.ovn.org', A, flags=0x8180)
    ask(side, 'vm1.ovn.org', A, counts=(0, 0, 0, 0))
    # A version of EDNS that is not known.
    ask(side, 'vm1.ovn.org', A, counts=(1, 0, 0, 1), more=edns(version=1))


@case()
def malformed(side):
    whole = message('vm1.ovn.org', A)
    for n in range(len(whole)):
        side.send('vm1', request(whole[:n]))
    pointer = (whole[:12] + b'\x03vm1\xc0\x0c' + struct.pack('!HH', A, 1))
    long = (whole[:12] + b''.join(b'\x3f' + b'a' * 63 for _ in range(5))
            + b'\0' + struct.pack('!HH', A, 1))
    for payload in pointer, long:
        side.send('vm1', request(payload))


@case()
def records_come_and_go(side):
    dns = side.nb('create DNS records={"new.example"="10.0.0.99"}').strip()
    side.nb('--wait=hv add Logical_Switch sw0 dns_records %s' % dns)
    ask(side, 'new.example', A)
    side.settle()
    side.nb('--wait=hv set DNS %s records:new.example=10.0.0.98' % dns)
    ask(side, 'new.example', A)
    side.settle()
    side.nb('--wait=hv remove Logical_Switch sw0 dns_records %s' % dns)
    ask(side, 'new.example', A)


@case()
def after_a_restart(side):
    side.restart('hv1')
    ask(side, 'vm1.ovn.org', A)


def ours_says(side, wanted, *args, **kwargs):
    """Ours answers 'wanted' records (None: the server is asked); stock does
    what it does."""
    ask(side, *args, **kwargs)
    side.settle()
    answers = [reply(f) for f in side.received('vm1')]
    n = [struct.unpack_from('!H', a, 6)[0] for a in answers]
    if side.is_ours:
        assert n == ([] if wanted is None else [wanted]), n
        assert len(side.received('server')) == (wanted is None)
    side.expect('answers', [a.hex() for a in answers])
    return answers


@case(differs='ovn-nb(5), DNS: addresses may be separated by commas')
def commas(side):
    ours_says(side, 2, 'commas.example', A)


@case(differs='ovn-nb(5), DNS: and spaces; what is no address is left out')
def partly(side):
    ours_says(side, 1, 'partly.example', A)


@case(differs='RFC 4343: names in the database, too, without regard to case')
def upper(side):
    ours_says(side, 1, 'upper.example', A)


@case(differs='RFC 1035, 3.2.3: * asks for all records')
def any_of_an_address(side):
    ours_says(side, 1, REVERSE, ANY)


@case(differs='RFC 1035, 3.3.12: addresses are no domain names')
def pointer_of_a_name(side):
    ours_says(side, None, 'vm1.ovn.org', PTR)


@case(differs='RFC 1035, 3.3.12: a record has one name')
def two_pointers(side):
    ours_says(side, 2, 'twins.in-addr.arpa', PTR)


@case(differs='RFC 1035, 3.2.4: the class is that of the Internet')
def other_class(side):
    ours_says(side, None, 'vm1.ovn.org', A, cls=3)


@case(differs='RFC 1035, 4.1.1: inverse queries and the like are no questions')
def other_opcode(side):
    ours_says(side, None, 'vm1.ovn.org', A, flags=RD | 0x1000)


@case(differs='RFC 9619: a query has one question')
def two_questions(side):
    ours_says(side, None, 'vm1.ovn.org', A, counts=(2, 0, 0, 0),
              more=name('v4.ovn.org') + struct.pack('!HH', A, 1))


@case(differs='RFC 1035, 4.1.1: a response has flags of its own')
def flags_of_the_question(side):
    answer, = ours_says(side, 1, 'vm1.ovn.org', A, flags=RD | AD | 0x205)
    if side.is_ours:
        assert answer[2:4] == b'\x81\x00', answer.hex()


@case(differs='RFC 1035, 4.1: nothing follows behind the last record')
def trailing_bytes(side):
    ours_says(side, None, 'vm1.ovn.org', A, more=b'xxxx')


@case(differs='RFC 6891, 6.1.1: who asks with an OPT record gets one')
def with_edns(side):
    answers = ours_says(side, 1, 'vm1.ovn.org', A, counts=(1, 0, 0, 1),
                        more=edns())
    if side.is_ours:
        assert answers[0][-11:] == edns(1232), answers[0].hex()


def truncated(side, wanted, **kwargs):
    answers = ours_says(side, wanted, 'hundred.example', A, **kwargs)
    if side.is_ours:
        assert answers[0][2] & 2, answers[0].hex()


@case(differs='RFC 2181, 9: what is too long is truncated, and says so')
def too_long(side):
    # 12 bytes of header, 21 of question, 16 a record.
    truncated(side, 29)


@case(differs='RFC 6891, 6.2.5: as long as the sender can take')
def too_long_for_edns(side):
    truncated(side, 44, counts=(1, 0, 0, 1), more=edns(750))
