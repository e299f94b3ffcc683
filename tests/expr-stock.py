#!/usr/bin/env python3
#
# SPDX-License-Identifier: Apache-2.0

"""Compares our expression library with the stock controller.

usage:
  expr-stock.py insert FILE SB        adds each line of FILE as a logical flow
  expr-stock.py flows FILE FLOWS OURS compares a dump of the switch's flows
                                      with "test-ovn expr-to-flows"
  expr-stock.py errors FILE LOG       compares the controller's warnings with
                                      the messages in FILE (INPUT => MESSAGE)

Line N of FILE becomes a logical flow of table 20 with priority N, by which
its OpenFlow flows are recognized.  Conjunction ids, which each side is free to
choose, are compared by what belongs together.  Stock's known faults (see
stock_faults.py) do not count.
"""

import collections
import re
import sys

import daemons
import stock_faults

TABLE = 20
OPENFLOW_TABLE = 8 + TABLE


def read_lines(name):
    """The matches in a file of test vectors, and what is after "=>"."""
    with open(name) as f:
        lines = [line.rstrip("\n") for line in f]
    return [line.split(" => ", 1) for line in lines
            if line.strip() and not line.startswith("#")]


def insert(name, sb):
    with daemons.Database(sb, "OVN_Southbound") as db:
        datapath = db.select("Datapath_Binding", [], ["_uuid"])[0]["_uuid"]
        db.transact(*[
            {"op": "insert", "table": "Logical_Flow",
             "row": {"logical_datapath": datapath, "pipeline": "ingress",
                     "table_id": TABLE, "priority": i + 1, "match": line[0],
                     "actions": "drop;"}}
            for i, line in enumerate(read_lines(name))])


def group(matches):
    """Turns [(match, actions)] into a value that is equal for two lists iff
    they are the same flows up to conjunction ids."""
    plain = set()
    conjunctions = {}
    for match, actions in matches:
        m = re.search(r"conj_id=(\d+),?", match)
        clauses = re.findall(r"conjunction\((\d+), ?(\d+)/(\d+)\)", actions)
        if m:
            rest = match.replace(m.group(0), "").strip(",")
            conjunctions.setdefault(m.group(1), set()).add(("flow", rest))
        elif clauses:
            for conj_id, k, n in clauses:
                conjunctions.setdefault(conj_id, set()).add(
                    ("%s/%s" % (k, n), match))
        else:
            plain.add(match)
    return sorted(plain), sorted(sorted(c) for c in conjunctions.values())


def parse_dump(name):
    """Flows of the switch by priority."""
    flows = {}
    with open(name) as f:
        for line in f:
            m = re.search(r"table=(\d+), priority=(\d+),?(\S*) actions=(.*)",
                          line)
            if m and int(m.group(1)) == OPENFLOW_TABLE:
                match = re.sub(r",?metadata=0x[0-9a-f]+", "", m.group(3))
                flows.setdefault(int(m.group(2)), []).append(
                    (match.strip(","), m.group(4)))
    return flows


def parse_ours(name):
    """What expr-to-flows has printed for one expression.  It counts clauses
    from 0."""
    flows = []
    for line in open(name).read().splitlines():
        if line != "(no flows)":
            match, _, actions = line.partition(": conjunction")
            actions = re.sub(r"(\d+)/", lambda m: "%d/" % (int(m[1]) + 1),
                             "conjunction" + actions if actions else "")
            flows.append((match.strip(), actions))
    return flows


def excuse(stock, ours):
    """Stock's groups with the flows of ours where the difference between the
    two is but its known faults."""
    a, b = (collections.Counter(plain) for plain, _ in (stock, ours))
    only_a, only_b = a - b, b - a
    stock_faults.excuse(only_a, only_b)
    plain = ours[0] if not +only_a and not +only_b else stock[0]
    return plain, stock[1]


def compare_flows(name, dump, ours):
    stock = parse_dump(dump)
    n_bad = 0
    lines = read_lines(name)
    for i, line in enumerate(lines):
        a = group(stock.get(i + 1, []))
        b = group(parse_ours("%s.%d" % (ours, i + 1)))
        if a != b and excuse(a, b) != b:
            print("%s\n  stock: %s\n  ours:  %s" % (line[0], a, b))
            n_bad += 1
    print("%d expressions, %d differ" % (len(lines), n_bad))
    return n_bad == 0 and len(stock) > len(lines) / 2


def compare_errors(name, log):
    with open(log, errors="replace") as f:
        warnings = dict(re.findall(r'error parsing match "(.*)": (.*)$',
                                   f.read(), re.M))
    n_bad = 0
    lines = read_lines(name)
    for text, message in lines:
        if warnings.get(text) != message:
            print("%s\n  stock: %s\n  ours:  %s"
                  % (text, warnings.get(text), message))
            n_bad += 1
    print("%d messages, %d differ" % (len(lines), n_bad))
    return n_bad == 0


def main():
    commands = {"insert": insert, "flows": compare_flows,
                "errors": compare_errors}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    sys.exit(commands[sys.argv[1]](*sys.argv[2:]) is False)


if __name__ == "__main__":
    main()
