#! /usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""What has come to a collector of mirrored packets: a line for each kind of
ICMP packet in the pcap file, with its tunnel, the collector's address, and the
tunnel's key or index."""

import ipaddress
import struct
import sys

TEB, ERSPAN = 0x6558, 0x88be


def frames(path):
    with open(path, 'rb') as f:
        data = f.read()
    at = 24
    while at + 16 <= len(data):
        size, = struct.unpack_from('=I', data, at + 8)
        yield data[at + 16:at + 16 + size]
        at += 16 + size


def addresses(packet):
    return [str(ipaddress.ip_address(packet[i:i + 4])) for i in (12, 16)]


def describe(frame):
    """The outer packet is of IPv4, and its protocol GRE."""
    outer = frame[14:]
    gre = outer[4 * (outer[0] & 15):]
    flags, proto = struct.unpack_from('!HH', gre)
    at = 4 + 4 * bool(flags & 0x8000)
    key = 0
    if flags & 0x2000:
        key, = struct.unpack_from('!I', gre, at)
        at += 4
    at += 4 * bool(flags & 0x1000)
    if proto == ERSPAN:
        index, = struct.unpack_from('!I', gre, at + 4)
        key = index & 0xfffff
        at += 8
    elif proto != TEB:
        return None
    inner = gre[at:]
    if inner[12:14] != b'\x08\x00' or inner[23] != 1:
        return None
    packet = inner[14:]
    return '%s %s %d %s %d' % ('erspan' if proto == ERSPAN else 'gre',
                               addresses(outer)[1], key,
                               '>'.join(addresses(packet)), packet[20])


def main():
    kinds = {describe(frame) for frame in frames(sys.argv[1])}
    for line in sorted(kinds - {None}):
        print(line)


main()
