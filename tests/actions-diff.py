#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Compares what the stock controller and our library make of actions.

    actions-diff.py words [RELEASE] < actions.def
    actions-diff.py put DATAPATH PIPELINE [METER] < actions-stock.in
    actions-diff.py diff [--known NAME]... [--release RELEASE]
                         FILE FLOWS GROUPS LOG < OURS

"words" prints a corpus in which each action's word is in all kinds of wrong
places, and with all kinds of arguments, a few of which are right.  (Not in
it are words that only we know or that came after RELEASE, and where stock
sends the switch what that refuses: other actions in "ct_commit { }", and a
"ct_commit" in "clone { }".)

"put" replaces the southbound database's (OVN_SB_DB) logical flows by one for
each line, in table 10 of PIPELINE of the logical switch or router DATAPATH,
with METER for what goes to the controller, and prints a JSON FILE.  "diff"
then compares FLOWS (ovs-ofctl dump-flows), GROUPS (ovn-appctl
group-table-list) and the messages in LOG with OURS, the output of
"parse-actions" for the same lines.

RELEASE, 23.03 if not given, is stock's.  Of texts with words that it does not
have yet, or does not have any more, only that is compared: it refuses them.

Ids of groups and meters stand for their content.  Prints the differences, and
exits with status 1 if there are any.  Those that are faults of stock's do not
count (see stock_faults.py); there must be some by the fault NAME.
"""

import json
import os
import re
import sys

import daemons
import stock_faults

# What may come after a word, as a statement and as the source of a value.
AFTER_VERB = [
    '', ';', '(', '()', '();', '(1);', '("x");', '(foo);', '(inport);',
    '(inport, eth.src);', '(1, 2);', '(1', '(,);', ' {', ' { ', ' { };',
    ' { foo; };', ' { output; }', ' { output; } next;', ' { next; }; next;',
    ' { reg0 = 1 };', ' { ct_mark = 1; };', ' = 1;', ' <-> reg0;', '[0] = 1;',
    ' next;', ', next;', '--;', '($x);', '(@x);']
AFTER_RESULT = [
    '', ';', '(', '();', '() next;', '(1);', '(1, 2);', '("x");', '(foo);',
    '(foo = 1);', '(inport);', '(eth.src);', '(inport, ip4.src);', '(,);',
    '(1', '($x);', '(@x);']
AROUND = [
    'reg0 = %s();', 'reg0[0..15] = %s(1);', 'inport = %s();',
    'ip.proto = %s();', 'reg0 <-> %s();', 'clone { %s(); };']
OUR_WORDS = ['ct_lb_mark_local']

# When what came since 23.03 did so, and when it went: regular expressions.
CAME = {
    r'\bmac_cache_use\b': '23.09',
    r'\bct_commit_nat ?\(': '24.03',
    r'\bct_commit_to_zone\b': '24.09',
    r'\bdhcp_relay_re(?:q|sp)_chk\b': '24.09',
    r'\bct_mark\.obs_': '24.09',
    r'\bobs_point ?= ?(?!(?!4294967296)\d+\b|\$cookie\b)': '24.09',
    r'\bct_label\.obs_': '24.09',
    r'\bct_next ?\(': '25.03',
    r'\bct_(?:nw|ip6|tp)_dst\b': '25.03',
    r'\bflood_remote\b': '25.03',
    r'\bselect\(values\b': '25.03',
    r'\b(?:ct_mark\.allow_established|ct_label\.acl_id)\b': '25.03',
    r'\bflags\.(?:unsnat_\w+|from_ctrl)\b': '25.03',
    r'\bverdict=pass\b': '25.03',
    r'\bct_state_save\b': '25.09',
    r'\b(?:ct_proto|mirror|get_remote_fdb|remote_outport)\b': '25.09',
    r'\bflags\.(?:network_id|igmp_loopback)\b': '25.09',
    r'\bct_lb_mark_local\b': '26.03',
    r'\bct_label\.(?:nf|nf_id|tun_if|tun_if_id)\b': '26.03',
    r'\bflags\.pkt_sampled\b': '26.03',
    r'\b(?:from|to)_evpn_vtep\b': '26.03',
}
WENT = {
    r'\bct_commit ?\(': '24.09',
    r'\bct_label\.(?:natted|blocked|skip_snat|force_snat)\b': '24.09',
    r'\bct_label\.ecmp_reply_port\b': '24.09',
}


def is_in(text, release):
    """Whether all of 'text' is of the language of 'release'."""
    return not (any(came > release and re.search(what, text)
                    for what, came in CAME.items())
                or any(went <= release and re.search(what, text)
                       for what, went in WENT.items()))


def words(release='23.03'):
    found = set(re.findall(r'^\s*OVNACT\(.*"([a-z][a-z0-9_.]*)"',
                           sys.stdin.read(), re.M))
    for line in all_words(sorted(found.difference(OUR_WORDS))):
        if is_in(line, release):
            print(line)


def all_words(found):
    for word in found:
        for after in AFTER_VERB:
            if word != 'ct_commit' or '{' not in after:
                yield word + after
        for after in AFTER_RESULT:
            yield 'reg0[0] = ' + word + after
        for around in AROUND:
            if word != 'ct_commit' or '{' not in around:
                yield around % word


def transact(*operations):
    return daemons.transact(os.environ['OVN_SB_DB'], 'OVN_Southbound',
                            *operations)


def put(name, pipeline, meter=None):
    rows, = transact({'op': 'select', 'table': 'Datapath_Binding',
                      'where': [], 'columns': ['_uuid', 'external_ids']})
    datapath, = [row['_uuid'] for row in rows['rows']
                 if ['name', name] in row['external_ids'][1]]
    match = '1'
    transact({'op': 'delete', 'table': 'Logical_Flow', 'where': []})
    operations = []
    texts = []
    for line in sys.stdin:
        line = line.rstrip('\n')
        if line.startswith('# match '):
            match = line[len('# match '):]
        elif line and not line.startswith('#'):
            texts.append(line)
            operations.append(
                {'op': 'insert', 'table': 'Logical_Flow',
                 'row': {'logical_datapath': datapath, 'pipeline': pipeline,
                         'table_id': 10, 'priority': len(texts),
                         'match': match, 'actions': line,
                         **({'controller_meter': meter} if meter else {})}})
    # All at once would be too long for a command line.
    uuids = []
    for i in range(0, len(operations), 100):
        uuids += [r['uuid'][1] for r in transact(*operations[i:i + 100])]
    print(json.dumps(list(zip(uuids, texts))))


def read_ours(f):
    """The lines of parse-actions' output below each input line, in order."""
    blocks = []
    for line in f:
        line = line.rstrip('\n')
        if line.startswith('    '):
            blocks[-1][1].append(line.strip())
        elif line and not line.startswith('#'):
            blocks.append((line, []))
    return blocks


def hide_ids(actions):
    """Those of groups and meters, and the cookies of what is learned."""
    actions = re.sub(r',delete_learned,cookie=0x[0-9a-f]+', ',delete_learned',
                     actions)
    return re.sub(r'\b(group:|meter:|meter_id=)\d+', r'\1N', actions)


def read_stock(flows, groups, log):
    by_cookie = {}
    for line in open(flows):
        m = re.search(r'cookie=0x([0-9a-f]+), .*actions=(.*)$', line)
        if m:
            by_cookie[m.group(1).zfill(8)] = m.group(2)
    by_group = {}
    for line in open(groups):
        name, _, number = line.strip().rpartition(': ')
        by_group[number] = name
    errors = {}
    for line in open(log):
        m = re.search(r'error parsing actions "(.*)$', line)
        if m:
            errors[m.group(1)] = True
    return by_cookie, by_group, errors


def stock_says(uuid, text, stock):
    """What stock installs, the group that it uses, or what it complains of."""
    by_cookie, by_group, errors = stock
    actions = by_cookie.get(uuid[:8])
    if actions is not None:
        m = re.search(r'\bgroup:(\d+)', actions)
        return hide_ids(actions), by_group[m.group(1)] if m else None
    for error in errors:
        if error.startswith(text + '": '):
            return error[len(text) + 3:], None
    return 'nothing', None


def we_say(lines):
    encoded = [line for line in lines if line.startswith('encodes as ')]
    group = [re.match(r'uses group: id\(\d+\), name\((.*)\)$', line).group(1)
             for line in lines if line.startswith('uses group: ')]
    if encoded:
        return (hide_ids(encoded[0][len('encodes as '):]),
                group[0] if group else None)
    return lines[0], None


def faults_between(theirs, mine):
    """The names of stock's faults that explain that it says what it says, or
    None."""
    for form, faults in stock_faults.stock_forms(mine[0]):
        if theirs == (form, mine[1]):
            return [fault.name for fault in faults]
    return None


def diff(*argv):
    argv = list(argv)
    known = stock_faults.pop_known(argv)
    release = '23.03'
    if '--release' in argv:
        i = argv.index('--release')
        release = argv[i + 1]
        del argv[i:i + 2]
    file, flows, groups, log = argv
    stock = read_stock(flows, groups, log)
    ours = read_ours(sys.stdin)
    seen = set()
    n_different = 0
    asked = json.load(open(file))
    assert [text for _, text in asked] == [text for text, _ in ours]
    for (uuid, text), (_, lines) in zip(asked, ours):
        theirs, mine = stock_says(uuid, text, stock), we_say(lines)
        if not is_in(text, release):
            if uuid[:8] in stock[0]:
                n_different += 1
                print('%s\n-   %s\n    is not in %s' % (text, theirs, release))
        elif theirs != mine:
            faults = faults_between(theirs, mine)
            if faults:
                seen.update(faults)
                continue
            n_different += 1
            print('%s\n-   %s\n+   %s' % (text, theirs, mine))
    unseen = stock_faults.report_unseen(known, seen)
    sys.exit(1 if n_different or unseen else 0)


if __name__ == '__main__':
    {'words': words, 'put': put, 'diff': diff}[sys.argv[1]](*sys.argv[2:])
