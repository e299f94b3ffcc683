#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""A listener to a multicast group, and who sends to it.

    listen.py receive INTERFACE GROUP PORT FILE [SOURCE]
    listen.py send INTERFACE GROUP PORT N

The receiver keeps in FILE how many different datagrams have come, and leaves
the group at SIGTERM.  With SOURCE, it listens to that one only (IPv4).
"""

import os
import signal
import socket
import struct
import sys

IP_ADD_SOURCE_MEMBERSHIP = 39   # Linux.


def keep(name, n):
    with open(name + '.new', 'w') as f:
        f.write('%d\n' % n)
    os.rename(name + '.new', name)


def group_socket(group, port):
    family = socket.AF_INET6 if ':' in group else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if port:
        s.bind((group if family == socket.AF_INET else '::', port))
    return s


def join(s, group, index, source):
    if ':' in group:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                     socket.inet_pton(socket.AF_INET6, group)
                     + struct.pack('@I', index))
    elif source:
        s.setsockopt(socket.IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP,
                     socket.inet_aton(group) + socket.inet_aton('0.0.0.0')
                     + socket.inet_aton(source))
    else:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                     struct.pack('4s4si', socket.inet_aton(group),
                                 bytes(4), index))


def receive(interface, group, port, name, source=None):
    s = group_socket(group, int(port))
    join(s, group, socket.if_nametoindex(interface), source)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    seen = set()
    keep(name, 0)
    while True:
        seen.add(s.recv(100))
        keep(name, len(seen))


def send(interface, group, port, n):
    s = group_socket(group, 0)
    index = socket.if_nametoindex(interface)
    if ':' in group:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 8)
    else:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                     struct.pack('4s4si', bytes(4), bytes(4), index))
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
    for i in range(int(n)):
        s.sendto(b'%d %d' % (os.getpid(), i), (group, int(port)))


if __name__ == '__main__':
    {'receive': receive, 'send': send}[sys.argv[1]](*sys.argv[2:])
