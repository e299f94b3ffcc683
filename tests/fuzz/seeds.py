#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Seeds for the fuzzers: what ovn-northd writes, and what clients send.

    seeds.py extract DIR              (reads the database at OVN_SB_DB)
    seeds.py corpus OUT MAX FILE...
    seeds.py packets OUT CASES... < ENCODED
    seeds.py hex OUT FILE
    seeds.py dictionary ACTIONS_DEF < SYMTAB

"extract" puts every match and every action list of the southbound database's
logical flows into DIR/matches.txt and DIR/actions.txt, but of those that
differ in nothing but numbers, addresses and names only one, and of the ones
that are there already none again.  So it can be run for one database after
another: corpus-seeds does, for all configurations in tests/corpus.

"corpus" makes of each line of the FILEs, which are these or test vectors, a
file in the directory OUT, as libFuzzer wants it.  Lines that are longer than
MAX bytes, which libFuzzer would cut off anywhere, are cut between their terms
or actions.

"packets" makes files of the UDP payloads that the CASES send, which are names
of files in tests/pinctrl.  For DHCP, what an action says comes in front, as
fuzz-dhcp.c wants it: ENCODED is what "ovstest test-ovn parse-actions" makes of
actions.  For multicast, there are frames, and what is in them, as fuzz-mcast.c
wants it.

"hex" makes such a file of each line of FILE, which has bytes in hexadecimal.

"dictionary" prints the words of the language: those of actions, and the
symbols in the output of "ovstest test-ovn dump-symtab".
"""

import importlib.machinery
import importlib.util
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import daemons  # noqa: E402

with open(__file__) as this_file:
    LICENSE = ''.join(this_file.readlines()[1:2])
HEADER = LICENSE + """\
#
# Seeds for the fuzzers: written by ovn-northd, found by tests/fuzz/seeds.py.
"""


def shape(text):
    """What 'text' looks like: equal for texts that teach a fuzzer the same."""
    text = re.sub(r'"[^"]*"', '"s"', text)
    text = re.sub(r'[@$^][A-Za-z0-9_.]+', '$s', text)
    text = re.sub(r'[0-9a-f]*:[0-9a-f:.]*', 'X', text)
    text = re.sub(r'\b(0x[0-9a-f]+|[0-9][0-9./]*)\b', 'N', text)
    # Lists of any length.
    return re.sub(r'((?:N|X|"s"), ?)+', r'\1', text)


def lines(path):
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [line.rstrip('\n') for line in f
                if line.strip() and not line.startswith('#')]


def merge(path, texts):
    old = lines(path)
    found = {shape(text): text for text in sorted(texts, reverse=True)}
    found.update((shape(text), text) for text in reversed(old))
    with open(path, 'w') as f:
        f.write(HEADER)
        f.writelines(text + '\n' for text in sorted(found.values()))
    print('%s: %d texts, %d of them new' % (path, len(found),
                                            len(found) - len(old)))


def extract(directory):
    with daemons.Database(os.environ['OVN_SB_DB'], 'OVN_Southbound') as sb:
        rows = sb.select('Logical_Flow', [], ['match', 'actions'])
    for column, name in ('match', 'matches'), ('actions', 'actions'):
        merge(os.path.join(directory, name + '.txt'),
              {row[column].strip() for row in rows})


def pieces(text, size):
    """'text', cut where it can be so that no piece is longer than 'size'."""
    piece = ''
    for part in re.split(r'(?<=;) | && | \|\| ', text):
        joined = piece + (' ' if piece.endswith(';') else ' && ') + part
        if not piece:
            piece = part
        elif len(joined) <= size:
            piece = joined
        else:
            yield piece
            piece = part
    yield piece


def corpus(out, size, *files):
    os.makedirs(out, exist_ok=True)
    texts = {line.split(' => ')[0] for path in files for line in lines(path)}
    texts = {piece for text in texts for piece in (
        [text] if len(text) <= int(size) else pieces(text, int(size)))}
    for i, text in enumerate(sorted(texts)):
        with open(os.path.join(out, 'seed%04d' % i), 'w') as f:
            f.write(text)


# Packets.

class Enough(Exception):
    """What a case does next depends on answers."""


class Recorder:
    """In place of a deployment, for cases of tests/pinctrl: keeps what they
    send."""

    is_ours = False

    def __init__(self):
        self.frames = []

    def send(self, _port, *frames):
        self.frames += frames

    def received(self, _port):
        raise Enough

    @property
    def dir(self):
        """Of logs: there are none."""
        raise Enough

    def __getattr__(self, _name):
        return lambda *_args, **_kwargs: ''


def sent_by(cases):
    """The frames that the cases of a file of tests/pinctrl send."""
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    loader = importlib.machinery.SourceFileLoader(
        'pinctrl_diff', os.path.join(tests, 'pinctrl-diff.py'))
    diff = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(loader.name, loader))
    sys.modules[loader.name] = diff
    loader.exec_module(diff)
    diff.load(os.path.join(tests, 'pinctrl', cases + '.py'))
    recorder = Recorder()
    for case in diff.CASES:
        try:
            case.function(recorder)
        except Enough:
            pass
    return diff, recorder.frames


def payloads(cases):
    diff, frames = sent_by(cases)
    for frame in frames:
        at = diff.l3_offset(frame)
        yield frame[at + (40 if frame[at] >> 4 == 6 else 20) + 8:]


def multicast(cases):
    diff, frames = sent_by(cases)
    for frame in frames:
        at = diff.l3_offset(frame)
        yield b'\0' + frame
        if frame[at] >> 4 == 4:
            yield b'\1' + frame[at + (frame[at] & 15) * 4:]
        elif frame[at + 6] == 0:        # A hop-by-hop header of 8 bytes.
            yield b'\2' + frame[at + 48:]


def answered(cases):
    """Frames that come by each of the opcodes of fuzz-error.c, with an MTU or
    the addresses of a relay and its server in front."""
    _, frames = sent_by(cases)
    relay = bytes([10, 0, 0, 254, 10, 1, 0, 11])
    for frame in sorted(set(frames)):
        if cases == 'dhcp_relay':
            for opcode in 8, 9:
                yield bytes([opcode, len(relay)]) + relay + frame
        else:
            for opcode in range(8):
                mtu = bytes([0, 0, 5, 0x78])
                yield bytes([opcode, len(mtu)]) + mtu + frame[:300]


def configs(encoded, opcode):
    """What DHCP actions say, as userdata behind its two headers."""
    for text in re.findall(r'controller\(userdata=([0-9a-f.]+),pause\)',
                           encoded):
        data = bytes.fromhex(text.replace('.', ''))
        if data[3] == opcode and len(data) - 16 < 256:
            yield data[16:]


def packets(out, *names):
    os.makedirs(out, exist_ok=True)
    encoded = sys.stdin.read()
    found = set()
    for name in names:
        seeds_of = {'mcast': multicast, 'errors': answered,
                    'dhcp_relay': answered}.get(name, payloads)
        found_here = set(seeds_of(name))
        opcode = {'dhcp': 2, 'dhcpv6': 5}.get(name)
        if opcode:
            said = sorted(set(configs(encoded, opcode)), key=len)
            # The longest says most; each request need not meet each.
            found_here = {
                bytes([len(config)]) + config + payload
                for i, payload in enumerate(sorted(found_here))
                for config in (said[-1], said[i % len(said)])}
        found |= found_here
    for i, data in enumerate(sorted(found)):
        with open(os.path.join(out, 'seed%04d' % i), 'wb') as f:
            f.write(data)


def hex_lines(out, path):
    os.makedirs(out, exist_ok=True)
    for i, text in enumerate(lines(path)):
        with open(os.path.join(out, 'seed%04d' % i), 'wb') as f:
            f.write(bytes.fromhex(text))


PUNCTUATION = '''
== != <= >= && || <-> -- .. { } ( ) ; = 10.0.0.0/8 ::1 fe80::/64 0x10 1/1
00:00:00:00:00:01 $set1 @pg1 ^t lsp1 table= pipeline= egress ingress backends=
hash_fields= skip_snat force_snat childports= is_chassis_resident( offerip=
addr_mode slla prefix verdict= severity= collector_set= obs_point=$cookie vip
backend proto timeout event load_balancer protocol
'''


def dictionary(actions_def):
    with open(actions_def) as f:
        words = re.findall(r'^OVNACT\(\w+, "(.*)"\)$', f.read(), re.M)
    words += [line.split(' = ')[0] for line in sys.stdin.read().split('\n')]
    words += PUNCTUATION.split()
    for word in sorted(set(words) - {''}):
        print('"%s"' % word)


if __name__ == '__main__':
    {'extract': extract, 'corpus': corpus, 'hex': hex_lines,
     'packets': packets, 'dictionary': dictionary}[sys.argv[1]](*sys.argv[2:])
