#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Compares what OVN's manuals say that there is with what becomes of it here.

usage: manual-keys.py SRCDIR [--mandir=DIR] [--sb-schema=FILE]
                      [--commands=STOCK,OURS] [--sb-dump=FILE]
                      [--later=all|some]

Things are keys of columns that are maps (from the manuals ovn-sb(5),
ovn-nb(5), ovn-controller(8) and ovs-vswitchd.conf.db(5)), columns of the
southbound database (from its schema), opcodes of packet-ins, and commands of
ovn-appctl (from what "list-commands" has printed for either controller).  With
--sb-dump, they are the keys that "ovsdb-client -f json dump" has found in a
southbound database instead: ovn-northd writes some that no manual mentions.

tests/manual-keys.txt says what becomes of each, tests/manual-keys-later.txt of
those of later releases, which may lack others: with --later=all, all that
the latter lists has to be there.  Whatever is neither there
nor, in case of a column or opcode, used by the controller is reported, and so
is what is there and not true.  Exit status: 0 if all is well, 1 if not, 77 if
there are no manuals."""

import argparse
import collections
import fnmatch
import glob
import gzip
import json
import os
import re
import sys

MANUALS = {'sb': 'man5/ovn-sb.5', 'nb': 'man5/ovn-nb.5',
           'vswitch': 'man5/ovs-vswitchd.conf.db.5',
           'controller': 'man8/ovn-controller.8'}
VERDICTS = ('read', 'northd', 'other', 'nothing', 'gap')

# A gap is made known there, hence its keys may be read there.
GAPS_C = 'controller/unsupported.c'
GAPS_RST = 'Documentation/topics/differences.rst'
# Sorts out the ports that have such keys, for GAPS_C.
RARE_PORTS_C = 'controller/inputs-sb-port.c'

Entry = collections.namedtuple('Entry', 'line verdict rest mentioned')


class NoManual(Exception):
    pass


def read_manual(mandir, name):
    """The source of a manual page, without changes of font."""
    path = os.path.join(mandir, name)
    if os.path.exists(path + '.gz'):
        with gzip.open(path + '.gz', 'rt') as f:
            text = f.read()
    elif os.path.exists(path):
        with open(path) as f:
            text = f.read()
    else:
        raise NoManual(f'{path}: no such manual (dpkg may have been told to '
                       f'leave manuals out)')
    text = re.sub(r'\\f[A-Z]', '', text)
    return text.replace(r'\-', '-').replace(r'\[char46]', '.')


def keys_of_schema_manual(where, text):
    """Things such as "sb Port_Binding options:peer"."""
    table = None
    for line in text.splitlines():
        if m := re.match(r'\.SH "(\w+) TABLE"', line):
            table = m[1]
        elif m := re.match(r'\.IP "(\w+) : (\S+): ', line):
            yield f'{where} {table} {m[1]}:{m[2]}'


def keys_of_controller_manual(text):
    """Those of the local database, and commands."""
    section = None
    after_tp = False
    for line in text.splitlines():
        if line.startswith('.SH '):
            section = line[4:].strip('"')
        elif after_tp and section == 'RUNTIME MANAGEMENT COMMANDS':
            yield 'appctl ' + line.split()[0]
        elif re.match('external[-_]ids:', line):
            m = re.search(r' in the (\w+(?: and \w+)*) table', line)
            tables = m[1].split(' and ') if m else ['Open_vSwitch']
            for key in re.findall(r'external[-_]ids:(\S+)', line):
                for table in tables:
                    yield f'vswitch {table} external_ids:{key}'
        after_tp = line.startswith('.TP')


def things_of_manuals(mandir):
    text = {k: read_manual(mandir, name) for k, name in MANUALS.items()}
    things = set()
    for where in 'sb', 'nb':
        things.update(keys_of_schema_manual(where, text[where]))
    things.update(keys_of_controller_manual(text['controller']))
    things.update(key for key in keys_of_schema_manual('vswitch',
                                                       text['vswitch'])
                  if ' external_ids:' in key)
    return things


def columns(schema):
    with open(schema) as f:
        tables = json.load(f)['tables']
    return {f'sb {table} {column}' for table in tables
            for column in tables[table]['columns']}


def commands(path):
    with open(path) as f:
        next(f)                 # "The available commands are:"
        return {'appctl ' + line.split()[0] for line in f if line.strip()}


def keys_of_dump(path):
    """The keys of options and the like, as opposed to VIPs and other data."""
    things = set()
    with open(path) as f:
        for line in f:
            table = json.loads(line)
            name = table['caption'].split()[0]
            for row in table['data']:
                for column, value in zip(table['headings'], row):
                    if column in ('options', 'other_config', 'external_ids',
                                  'tags'):
                        things.update(f'sb {name} {column}:{key}'
                                      for key, _ in value[1])
    return things


class Tree:
    """Our source."""

    def __init__(self, srcdir):
        self.srcdir = srcdir
        self.files = {}
        for pattern in 'controller/**/*.[ch]', 'lib/**/*.[ch]':
            for path in glob.glob(os.path.join(srcdir, pattern),
                                  recursive=True):
                with open(path) as f:
                    self.files[os.path.relpath(path, srcdir)] = f.read()
        with open(os.path.join(srcdir, GAPS_RST)) as f:
            self.rst = f.read()

    def uses_column(self, thing):
        _, table, column = thing.split()
        pattern = re.compile(rf'\bsbrec_{table.lower()}_(col|set|update|'
                             rf'add_clause|index_set)_{column}\b')
        return any(pattern.search(text) for name, text in self.files.items()
                   if name != GAPS_C)

    def opcodes(self):
        path = os.path.join(self.srcdir, 'include/ovn/action-opcodes.def')
        with open(path) as f:
            return {'opcode ' + name for name
                    in re.findall(r'^ACTION_OPCODE\((\w+),', f.read(), re.M)}

    def serves_opcode(self, thing):
        row = re.compile(rf'{{ ACTION_OPCODE_{thing.split()[1]},')
        return any(row.search(text) for name, text in self.files.items()
                   if name.startswith('controller/pinctrl/'))

    def uses(self, thing):
        """Whether a column, or an opcode, is used."""
        if thing.startswith('opcode '):
            return self.serves_opcode(thing)
        return (thing.startswith('sb ') and ':' not in thing
                and self.uses_column(thing))

    def has_literal(self, name, key):
        return f'"{key}"' in self.files[name]

    def readers(self, key):
        return [name for name in sorted(self.files)
                if name != GAPS_C and self.has_literal(name, key)]

    def gaps_that_differ(self):
        """Gaps that only one of GAPS_C and GAPS_RST tells of."""
        section = re.search(r'^What is not there yet\n=+\n(.*?)^=+$',
                            self.rst, re.M | re.S)[1]
        return (set(re.findall(r'^        \.name = "(.*)",$',
                               self.files[GAPS_C], re.M))
                ^ set(re.findall(r'^``(.*)``$', section, re.M)))

    def has_gap(self, gap):
        return (self.has_literal(GAPS_C, gap)
                and f'``{gap}``' in self.rst)


def read_entries(path, entries):
    """Adds to 'entries' those in the file.  Returns what is wrong."""
    errors = []
    mentioned = True
    with open(path) as f:
        for n, line in enumerate(f, 1):
            words = line.split()
            if not words or words[0].startswith('#'):
                continue
            if words == ['UNMENTIONED']:
                mentioned = False
                continue
            n_thing = 2 if words[0] in ('appctl', 'opcode') else 3
            thing = ' '.join(words[:n_thing])
            verdict, *rest = words[n_thing:] or [None]
            if verdict not in VERDICTS or bool(rest) == (verdict == 'read'):
                errors.append(f'line {n}: malformed')
            elif thing in entries:
                errors.append(f'line {n}: {thing} is there twice')
            else:
                entries[thing] = Entry(n, verdict, ' '.join(rest), mentioned)
    return errors


def find_entry(entries, thing):
    """The name of the entry for 'thing': its own goes before patterns."""
    if thing in entries:
        return thing
    return next((e for e in entries
                 if '*' in e and fnmatch.fnmatchcase(thing, e)), None)


def last_word(thing):
    """What 'thing' would be called in a string: a key, column or command."""
    return thing.split()[-1].split(':', 1)[-1]


def check_entry(tree, thing, entry):
    """What is wrong with what 'entry' says about 'thing', or None."""
    word = last_word(thing)
    if entry.verdict == 'read':
        # A column is named by a macro's argument.
        found = (tree.readers(word.rstrip('*')) if ':' in thing
                 else any(re.search(rf'\b{word}\b', text)
                          for text in tree.files.values()))
        return None if found else f'nobody has "{word}" (any more)'
    if entry.verdict == 'gap' and not tree.has_gap(entry.rest):
        return (f'there is no gap "{entry.rest}" in both {GAPS_C} and '
                f'{GAPS_RST} (any more)')
    if entry.verdict in ('gap', 'nothing'):
        # Shorter words mean something else, elsewhere.
        readers = [name for name in tree.readers(word)
                   if name.startswith('controller/')
                   and not (entry.verdict == 'gap' and name == RARE_PORTS_C)]
        if ':' in thing and re.search('[-_]', word) and readers:
            return f'{", ".join(readers)} has "{word}" by now'
        if (entry.verdict == 'nothing' or thing.startswith('opcode ')) \
                and tree.uses(thing):
            return 'it is used by now'
    return None


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('srcdir')
    ap.add_argument('--mandir', default='/usr/share/man')
    ap.add_argument('--sb-schema')
    ap.add_argument('--commands')
    ap.add_argument('--sb-dump')
    ap.add_argument('--later', choices=('all', 'some'))
    args = ap.parse_args()

    tree = Tree(args.srcdir)
    listed = os.path.join(args.srcdir, 'tests/manual-keys.txt')
    entries = {}
    errors = read_entries(listed, entries)
    if args.later:
        earlier = set(entries)
        errors += read_entries(listed.replace('.txt', '-later.txt'), entries)
        for name in earlier if args.later == 'all' else list(entries):
            entries[name] = entries[name]._replace(mentioned=None)
    try:
        things = things_of_manuals(args.mandir)
    except NoManual as e:
        print(e)
        return 77
    ours = set()
    if args.sb_schema:
        things |= columns(args.sb_schema)
    if args.commands:
        stock, ours = (commands(path) for path in args.commands.split(','))
        things |= stock
    else:
        things = {t for t in things if not t.startswith('appctl ')}
    if args.sb_dump:
        things = keys_of_dump(args.sb_dump) - things
    else:
        things |= tree.opcodes()

    used = set()
    for thing in sorted(things):
        name = find_entry(entries, thing)
        if name:
            used.add(name)
            error = check_entry(tree, thing, entries[name])
            if error:
                errors.append(f'line {entries[name].line}: {thing}: {error}')
        elif thing not in ours and not tree.uses(thing):
            where = ', '.join(tree.readers(last_word(thing))) or 'nowhere'
            errors.append(f'{thing}: not there (the word is used: {where})')

    errors.extend(f'line {entries[name].line}: {name}: no such thing'
                  for name in sorted(set(entries) - used)
                  if entries[name].mentioned == (not args.sb_dump))
    errors.extend(f'{gap}: not in both {GAPS_C} and {GAPS_RST}'
                  for gap in sorted(tree.gaps_that_differ()))
    for error in errors:
        print(f'tests/manual-keys.txt: {error}')
    print(f'{len(things)} things, {len(errors)} errors')
    return 1 if errors else 0


sys.exit(main())
