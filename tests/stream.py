#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""A stream of numbered datagrams, to see how many get lost.

    stream.py receive PORT FILE
    stream.py send ADDRESS PORT RATE FILE

The sender sends RATE datagrams a second until SIGTERM, and keeps the number of
them in FILE.  The receiver keeps there how many different ones have come, and
the number of the last one.  Both are lines of text that replace the last ones
whole, every tenth of a second.
"""

import os
import signal
import socket
import struct
import sys
import time


def keep(name, text):
    with open(name + '.new', 'w') as f:
        f.write(text + '\n')
    os.rename(name + '.new', name)


def receive(port, name):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    # Whoever waits for the processor must not be the one who loses packets.
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    s.bind(('::', port))
    s.settimeout(0.1)
    seen, last, kept = set(), 0, 0
    while True:
        if time.monotonic() - kept > 0.1:
            keep(name, '%d %d' % (len(seen), last))
            kept = time.monotonic()
        try:
            last, = struct.unpack('!Q', s.recv(100)[:8])
        except socket.timeout:
            continue
        seen.add(last)


def send(address, port, rate, name):
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET,
                      socket.SOCK_DGRAM)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    n, start, kept = 0, time.monotonic(), 0
    while not stop:
        now = time.monotonic()
        # A sender that was held up does not catch up all at once: a burst
        # would be lost in queues, which is not what is asked here.
        start = max(start, now - (n + 20) / rate)
        if now - start < n / rate:
            time.sleep(n / rate - (now - start))
            continue
        n += 1
        try:
            s.sendto(struct.pack('!Q', n) + bytes(24), (address, port))
        except OSError:
            pass                # It counts as sent, and is lost.
        if now - kept > 0.1:
            keep(name, str(n))
            kept = now
    keep(name, str(n))


def main(argv):
    if len(argv) == 4 and argv[1] == 'receive':
        receive(int(argv[2]), argv[3])
    elif len(argv) == 6 and argv[1] == 'send':
        send(argv[2], int(argv[3]), int(argv[4]), argv[5])
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main(sys.argv)
