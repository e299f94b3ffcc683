#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Packets for the tests of packet-ins.

Without arguments, prints the packets that ovn-pinctrl.at sends, a line each:
the port that sends it, a name, and the packet in hexadecimal.  Checksums are
right unless a packet's name says otherwise.

    packets.py judge STOCK OURS

judges what has come of the "crafted" packets, files of lines "PORT PACKET":
from ours, what RFCs ask for, and from stock, too, but for the faults that are
named.

The network is the one that pinctrl_network in ovn-pinctrl.at sets up.
"""

import collections
import ipaddress
import struct
import sys

ICMP, TCP, UDP, ICMP6, SCTP = 1, 6, 17, 58, 132

ROUTER0 = "02:00:00:00:ff:00"
ROUTER1 = "02:00:00:00:ff:01"
VM1 = "02:00:00:00:00:01"
VM2 = "02:00:00:00:00:02"
VM3 = "02:00:00:00:00:03"
VM11 = "02:00:00:00:01:01"


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ip(text):
    return ipaddress.ip_address(text).packed


def csum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def with_csum(src, dst, proto, l4, offset):
    """l4 with its checksum, at 'offset'."""
    pseudo = ip(src) + ip(dst)
    if len(pseudo) == 8:
        pseudo += struct.pack("!BBH", 0, proto, len(l4))
    else:
        pseudo += struct.pack("!II", len(l4), proto)
    if proto == ICMP:
        pseudo = b""
    value = csum(pseudo + l4)
    if proto == UDP and not value:
        value = 0xffff
    return l4[:offset] + struct.pack("!H", value) + l4[offset + 2:]


def frame(eth_src, eth_dst, src, dst, proto, l4, ttl=64, tos=0, frag=0,
          options=b""):
    """An IP packet, of the addresses' version."""
    src, dst = ip(src), ip(dst)
    eth = mac(eth_dst) + mac(eth_src)
    if len(src) == 4:
        header = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, tos,
                             20 + len(options) + len(l4), 0x1234, frag, ttl,
                             proto, 0) + src + dst + options
        header = header[:10] + struct.pack("!H", csum(header)) + header[12:]
        return eth + b"\x08\x00" + header + l4
    return (eth + b"\x86\xdd"
            + struct.pack("!IHBB", 0x60000000 | tos << 20, len(l4), proto,
                          ttl) + src + dst + l4)


def tcp(src, dst, flags, sport=1000, dport=80, seq=100, ack=0, data=b""):
    l4 = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 1000,
                     0, 0)
    return with_csum(src, dst, TCP, l4 + data, 16)


def udp(src, dst, sport=1000, dport=80, data=b"hello"):
    l4 = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    return with_csum(src, dst, UDP, l4, 6)


def sctp(chunk, sport=1000, dport=80, tag=0x11223344):
    l4 = struct.pack("!HHII", sport, dport, tag, 0) + chunk
    # The checksum is the one of SCTP that is little-endian.
    return l4[:8] + struct.pack("<I", crc32c(l4)) + l4[12:]


def sctp_chunk(kind, body=b"", flags=0):
    return struct.pack("!BBH", kind, flags, 4 + len(body)) + body


def icmp(src, dst, kind, code=0, body=b"\x12\x34\0\x01payload"):
    proto = ICMP6 if ":" in src else ICMP
    return with_csum(src, dst, proto,
                     struct.pack("!BBH", kind, code, 0) + body, 2)


def arp(op, eth_src, eth_dst, sha, spa, tha, tpa):
    return (mac(eth_dst) + mac(eth_src) + b"\x08\x06"
            + struct.pack("!HHBBH", 1, 0x800, 6, 4, op)
            + mac(sha) + ip(spa) + mac(tha) + ip(tpa))


def is_announcement(frame_):
    """Whether it is what a controller announces by itself, when it likes: RARP
    or gratuitous ARP, with or without a VLAN tag."""
    if frame_[12:14] in (b"\x81\x00", b"\x88\xa8"):
        frame_ = frame_[:12] + frame_[16:]
    if frame_[12:14] == b"\x80\x35":
        return True
    return (frame_[:6] == b"\xff" * 6
            and frame_[12:22] == bytes.fromhex("08060001080006040001")
            and frame_[22:28] == frame_[6:12] and not any(frame_[32:38])
            and frame_[28:32] == frame_[38:42])


def solicit(eth_src, src, target, eth_dst=None, dst=None, ttl=255,
            option=True, spoil=False):
    """A neighbor solicitation."""
    low = ip(target)[-3:]
    dst = dst or str(ipaddress.ip_address(
        ip("ff02::1:ff00:0")[:13] + low))
    eth_dst = eth_dst or "33:33:ff:" + ":".join("%02x" % b for b in low)
    body = bytes(4) + ip(target)
    if option:
        body += b"\x01\x01" + mac(eth_src)
    l4 = icmp(src, dst, 135, 0, body)
    if spoil:
        l4 = l4[:2] + bytes([l4[2] ^ 0xff]) + l4[3:]
    return frame(eth_src, eth_dst, src, dst, ICMP6, l4, ttl)


def advertise(eth_src, eth_dst, src, dst, target, flags=0x60000000,
              option=True, hw=None):
    """A neighbor advertisement."""
    body = struct.pack("!I", flags) + ip(target)
    if option:
        body += b"\x02\x01" + mac(hw or eth_src)
    return frame(eth_src, eth_dst, src, dst, ICMP6,
                 icmp(src, dst, 136, 0, body), 255)


def solicitations():
    me, router = "fd00::11", "fd00::1"
    yield "vm1", "nd-router", solicit(VM1, me, router)
    yield "vm1", "nd-router-unicast", solicit(VM1, me, router, ROUTER0, router)
    yield "vm1", "nd-router-no-option", solicit(VM1, me, router, option=False)
    yield "vm1", "nd-router-link-local", solicit(VM1, "fe80::ff:fe00:1",
                                                 "fe80::ff:fe00:ff00")
    yield "vm1", "nd-router-bad-checksum", solicit(VM1, me, router, spoil=True)
    yield "vm1", "nd-router-bad-hop-limit", solicit(VM1, me, router, ttl=64)
    yield "vm1", "nd-router-all-nodes", solicit(
        VM1, me, router, "33:33:00:00:00:01", "ff02::1")
    yield "vm1", "nd-port", solicit(VM1, me, "fd00::12")
    yield "vm1", "nd-port-unicast", solicit(VM1, me, "fd00::12", VM2,
                                            "fd00::12")
    yield "vm1", "nd-port-unknown", solicit(VM1, me, "fd00::77")
    yield "vm1", "nd-self", solicit(VM1, me, me)
    yield "vm11", "nd-router", solicit(VM11, "fd01::11", "fd01::1")
    yield "vm11", "nd-vip", solicit(VM11, "fd01::11", "fd01::100")


def rejected():
    """Packets that ACLs reject: to ports 80 when they leave vm1, and to ports
    81 when they get to vm2; to ports 82 in the switch that has a stateful
    ACL."""
    payload = bytes(range(256)) * 6
    for version, me, you in (("4", "10.0.0.11", "10.0.0.12"),
                             ("6", "fd00::11", "fd00::12")):
        for port in 80, 81:
            def send(name, proto, l4, **kw):
                return ("vm1", "reject%s-%d-%s" % (version, port, name),
                        frame(VM1, VM2, me, you, proto, l4, **kw))

            # Not those with ACK or data: see the documented differences.
            for name, flags in (("syn", 0x02), ("fin", 0x01), ("rst", 0x04),
                                ("rst-ack", 0x14), ("ece-cwr-syn", 0xc2)):
                yield send(name, TCP, tcp(me, you, flags, dport=port))
            yield send("tos", TCP, tcp(me, you, 2, dport=port), tos=0xb8,
                       ttl=17)
            yield send("udp", UDP, udp(me, you, dport=port))
            yield send("udp-empty", UDP, udp(me, you, dport=port, data=b""))
            yield send("udp-long", UDP,
                       udp(me, you, dport=port, data=payload[:1400]))
            yield send("udp-500", UDP,
                       udp(me, you, dport=port, data=payload[:500]))
            for name, chunk in (
                    ("init", sctp_chunk(1, struct.pack("!IIHHI", 0xa1b2c3d4,
                                                       1000, 1, 1, 5))),
                    ("data", sctp_chunk(0, bytes(12) + b"data")),
                    ("abort", sctp_chunk(6)),
                    ("cookie-echo", sctp_chunk(10, b"cooky123"))):
                tag = 0 if name == "init" else 0x11223344
                yield send("sctp-" + name, SCTP,
                           sctp(chunk, dport=port, tag=tag))
        echo, error = (8, 3) if version == "4" else (128, 1)
        proto = ICMP if version == "4" else ICMP6
        for name, kind in ("echo", echo), ("error", error):
            # To vm3, whatever it is.
            there = you[:-1] + "3"
            yield ("vm1", "reject%s-%s" % (version, name),
                   frame(VM1, VM3, me, there, proto,
                         icmp(me, there, kind)))
        yield ("vm1", "reject%s-proto" % version,
               frame(VM1, VM3, me, you[:-1] + "3", 99, b"who knows"))
    me, you = "10.0.0.11", "10.0.0.12"
    yield ("vm1", "reject4-options",
           frame(VM1, VM2, me, you, TCP, tcp(me, you, 2),
                 options=b"\x94\x04\0\0"))
    yield ("vm1", "reject4-options-udp",
           frame(VM1, VM2, me, you, UDP, udp(me, you),
                 options=b"\x94\x04\0\0"))
    yield ("vm1", "reject4-first-fragment",
           frame(VM1, VM2, me, you, UDP, udp(me, you, data=bytes(64)),
                 frag=0x2000))
    for version, me, you in (("4", "10.0.1.11", "10.0.1.12"),
                             ("6", "fd01::11", "fd01::12")):
        vm12 = "02:00:00:00:01:02"
        yield ("vm11", "reject%s-stateful-tcp" % version,
               frame(VM11, vm12, me, you, TCP, tcp(me, you, 2, dport=82)))
        yield ("vm11", "reject%s-stateful-udp" % version,
               frame(VM11, vm12, me, you, UDP, udp(me, you, dport=82)))
    # Through the router.
    for version, me, you in (("4", "10.0.1.11", "10.0.0.12"),
                             ("6", "fd01::11", "fd00::12")):
        yield ("vm11", "reject%s-routed-tcp" % version,
               frame(VM11, ROUTER1, me, you, TCP, tcp(me, you, 2, dport=81)))
        yield ("vm11", "reject%s-routed-udp" % version,
               frame(VM11, ROUTER1, me, you, UDP, udp(me, you, dport=81)))


def router_errors():
    """Packets that the router answers with an error."""
    for version, me, router, beyond in (
            ("4", "10.0.0.11", "10.0.0.1", "10.0.1.11"),
            ("6", "fd00::11", "fd00::1", "fd01::11")):
        def send(name, dst, proto, l4, **kw):
            return ("vm1", "router%s-%s" % (version, name),
                    frame(VM1, ROUTER0, me, dst, proto, l4, **kw))

        yield send("ttl-1", beyond, UDP, udp(me, beyond, dport=90), ttl=1)
        yield send("ttl-1-long", beyond, UDP,
                   udp(me, beyond, dport=90, data=bytes(1400)), ttl=1)
        yield send("ttl-1-tcp", beyond, TCP, tcp(me, beyond, 2, dport=90),
                   ttl=1)
        echo = 8 if version == "4" else 128
        yield send("ping", router, ICMP if version == "4" else ICMP6,
                   icmp(me, router, echo))
        yield send("udp", router, UDP, udp(me, router, dport=90))
        yield send("tcp-syn", router, TCP, tcp(me, router, 2, dport=90))
        yield send("proto", router, 99, b"who knows")
        yield send("sctp", router, SCTP,
                   sctp(sctp_chunk(1, struct.pack("!IIHHI", 0xa1b2c3d4, 1000,
                                                  1, 1, 5)), dport=90,
                        tag=0))
        nowhere = "10.77.0.1" if version == "4" else "fd77::1"
        yield send("no-route", nowhere, UDP, udp(me, nowhere, dport=90))


def learned():
    """Packets from which addresses are learned, and questions for them."""
    bc = "ff:ff:ff:ff:ff:ff"
    yield ("vm1", "arp-request-learned",
           arp(1, VM1, bc, VM1, "10.0.0.41", "0:0:0:0:0:0".replace(
               "0", "00"), "10.0.0.1"))
    yield ("vm1", "arp-reply-learned",
           arp(2, VM1, ROUTER0, "02:00:00:00:00:42", "10.0.0.42", ROUTER0,
               "10.0.0.1"))
    yield ("vm1", "arp-gratuitous",
           arp(1, VM1, bc, VM1, "10.0.0.43", bc, "10.0.0.43"))
    yield ("vm1", "na-learned",
           advertise(VM1, ROUTER0, "fd00::44", "fd00::1", "fd00::44"))
    yield ("vm1", "na-learned-other-hw",
           advertise(VM1, ROUTER0, "fd00::45", "fd00::1", "fd00::45",
                     hw="02:00:00:00:00:45"))
    yield ("vm1", "na-unsolicited",
           advertise(VM1, "33:33:00:00:00:01", "fd00::46", "ff02::1",
                     "fd00::46", 0x20000000))
    yield ("vm1", "na-no-option",
           advertise(VM1, ROUTER0, "fd00::47", "fd00::1", "fd00::47",
                     option=False))
    yield "vm1", "ns-learned", solicit(VM1, "fd00::48", "fd00::1")
    yield "vm1", "ns-learned-link-local", solicit(VM1, "fe80::77", "fd00::1")
    # As no packet-in tells when the last address has been written, the test
    # looks for this one.
    yield ("vm1", "na-last",
           advertise(VM1, ROUTER0, "fd00::49", "fd00::1", "fd00::49"))
    # vm3 is of unknown addresses: the switch learns.
    for i in range(2):
        src = "02:00:00:00:03:%02d" % i
        yield ("vm3", "fdb-%d" % i,
               frame(src, VM1, "10.0.0.5%d" % i, "10.0.0.11", UDP,
                     udp("10.0.0.5%d" % i, "10.0.0.11", 9, 9)))
    # Unknown next hops.
    me = "10.0.1.11"
    for name, dst in ("direct", "10.0.0.99"), ("route", "10.50.0.1"):
        yield ("vm11", "unknown4-" + name,
               frame(VM11, ROUTER1, me, dst, UDP, udp(me, dst)))
    me = "fd01::11"
    for name, dst in ("direct", "fd00::99"), ("route", "fd50::1"):
        yield ("vm11", "unknown6-" + name,
               frame(VM11, ROUTER1, me, dst, UDP, udp(me, dst)))


def groups():
    """Packets that claim that a neighbor is behind the Ethernet address of a
    group or of nobody, and one that does not."""
    for i, hw in enumerate(("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01",
                            "00:00:00:00:00:00", VM1)):
        yield ("vm1", "arp-%d" % i,
               arp(2, VM1, ROUTER0, hw, "10.0.0.6%d" % i, ROUTER0,
                   "10.0.0.1"))
        # (Zero would be as good as no address.)
        spa = "fd00::6%d" % i
        yield ("vm1", "na-%d" % i,
               advertise(VM1, ROUTER0, spa, "fd00::1", spa,
                         hw=hw.replace("00:00:00:00:00:00",
                                       "33:33:00:00:00:01")))


def cut(packet, n):
    """The packet with an IP length of 'n' bytes behind the IP header."""
    if packet[12:14] == b"\x08\x00":
        header = packet[14:16] + struct.pack("!H", 20 + n) + packet[18:24]
        rest = packet[26:34]
        return (packet[:14] + header + struct.pack("!H", csum(header + rest))
                + rest + packet[34:])
    return packet[:18] + struct.pack("!H", n) + packet[20:]


def extended(packet, *headers):
    """An IPv6 packet with extension headers: pairs of a number and what
    follows the number of the next one."""
    numbers = [number for number, _ in headers] + [packet[20]]
    chain = b"".join(bytes([following]) + body for following, (_, body)
                     in zip(numbers[1:], headers))
    length = struct.unpack("!H", packet[18:20])[0] + len(chain)
    return (packet[:18] + struct.pack("!H", length) + bytes(numbers[:1])
            + packet[21:54] + chain + packet[54:])


# What stock does otherwise with the crafted packets, and what says that it
# should not.  All are in differences.rst.
CRAFTED_FAULTS = {
    "icmp-about-error": "RFC 1122, 3.2.2, RFC 4443, 2.4 e: no errors about "
                        "errors; stock keeps quiet about type 3 of ICMP and "
                        "type 1 of ICMPv6 only",
    "group": "RFC 1122, 3.2.2 and 4.2.3.10, RFC 4443, 2.4 e, RFC 9260, 8.4: "
             "nothing about packets to groups",
    "sender": "the same: nothing to who is not one host",
    "sctp-silent": "RFC 9260, 8.4: some chunks are discarded silently",
    "fragment": "RFC 1122, 3.2.2: the first one is enough",
    "reset-numbers": "RFC 9293, 3.10.7.1: a reset is what the sender believes",
    "extension-header": "RFC 8200, 4: the upper-layer protocol is behind them",
    "dad": "RFC 4861, 7.2.4: who has no address yet is told by multicast",
}

# What a SYN with the sequence number 100 gets.
SYN_RESET = "reset 0 ack 101"

Crafted = collections.namedtuple("Crafted", "name packet answer fault",
                                 defaults=(None,))


def crafted_by_version(version):
    """Packets from vm1 to vm3, to which the switch rejects everything, with
    the answers that they should get, None for none."""
    v4 = version == 4
    me, you = ("10.0.0.11", "10.0.0.13") if v4 else ("fd00::11", "fd00::13")
    unreachable = "icmp 3/1" if v4 else "icmp 1/1"
    no_port = "icmp 3/3" if v4 else "icmp 1/4"
    ports = iter(range(2000 if v4 else 3000, 9999))
    icmp_proto = ICMP if v4 else ICMP6

    def one(name, proto, l4, answer, fault=None, src=me, dst=you, eth_dst=VM3,
            n=None, eth_src=VM1, **kw):
        packet = frame(eth_src, eth_dst, src, dst, proto, l4, **kw)
        return Crafted("%d-%s" % (version, name),
                       packet if n is None else cut(packet, n), answer, fault)

    # Errors about ICMP.
    for kind in (*range(14), 30, 31, 100, 127, 128, 129, 133, 137, 138, 200,
                 255):
        is_error = (kind in (3, 4, 5, 11, 12) if v4
                    else kind < 128 or kind == 137)
        said = kind == (3 if v4 else 1)
        yield one("icmp-%d" % kind, icmp_proto,
                  icmp(me, you, kind, kind % 5,
                       struct.pack("!I", next(ports))),
                  None if is_error else unreachable,
                  "icmp-about-error" if is_error and not said else None)
    # From nobody, to everybody.
    nobodies = (("0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1",
                 "255.255.255.255") if v4 else ("::", "::1", "ff02::1"))
    group, group_mac = (("224.1.1.1", "01:00:5e:01:01:01") if v4
                        else ("ff05::1", "33:33:00:00:00:01"))
    for name, fault, kw in (
            *(("from-" + nobody, "sender", {"src": nobody})
              for nobody in nobodies),
            ("from-group-mac", None, {"eth_src": "03:00:00:00:00:01"}),
            ("group", "group", {"dst": group, "eth_dst": group_mac}),
            ("group-by-ip", "group", {"dst": group}),
            ("broadcast", "group", {"eth_dst": "ff:ff:ff:ff:ff:ff"}),
            ("plain", None, {})):
        src, dst = kw.get("src", me), kw.get("dst", you)
        answers = (no_port, SYN_RESET, "abort 7 T") if name == "plain" else (
            None, None, None)
        port = next(ports)
        yield one("udp-" + name, UDP, udp(src, dst, port), answers[0], fault,
                  **kw)
        yield one("tcp-" + name, TCP, tcp(src, dst, 2, port), answers[1],
                  fault, **kw)
        yield one("sctp-" + name, SCTP, sctp(sctp_chunk(0, bytes(16)), port,
                                             tag=7), answers[2], fault, **kw)
    # Lengths that lie.
    for n in 0, 4, 7, 8, 13, 19, 20:
        port = next(ports)
        if n <= 13:
            yield one("udp-cut-%d" % n, UDP, udp(me, you, port), no_port, n=n)
        yield one("tcp-cut-%d" % n, TCP, tcp(me, you, 2, port),
                  SYN_RESET if n == 20 else None, n=n)
        yield one("icmp-cut-%d" % n, icmp_proto,
                  icmp(me, you, 8 if v4 else 128, 0,
                       struct.pack("!IQI", port, 0, 0)),
                  unreachable, n=n)
    for offset in 0, 4, 15:
        l4 = bytearray(tcp(me, you, 2, next(ports)))
        l4[12] = offset << 4
        yield one("tcp-offset-%d" % offset, TCP, bytes(l4),
                  None)
    # What a segment is answered with depends on what it says.
    for name, flags, data, answer in (
            ("data", 0, b"12345", "reset 0 ack 105"),
            ("syn-data", 0x02, b"12345", "reset 0 ack 106"),
            ("fin-data", 0x01, b"12345", "reset 0 ack 106"),
            ("ack", 0x10, b"", "reset 7777"),
            ("syn-ack", 0x12, b"", "reset 7777"),
            ("fin-ack", 0x11, b"", "reset 7777"),
            ("push-ack-data", 0x18, b"12345", "reset 7777"),
            ("rst-data", 0x04, b"12345", None),
            ("rst-ack", 0x14, b"", None)):
        yield one("tcp-" + name, TCP,
                  tcp(me, you, flags, next(ports), ack=7777, data=data),
                  answer, "reset-numbers" if answer else None)
    # SCTP: if an IP length cuts an INIT, it is answered with its own tag.
    init = struct.pack("!IIHHI", 0xa1b2c3d4, 1000, 1, 1, 5)
    for n in 0, 8, 11, 12, 14, 16, 18, 20, 24, 31, 32:
        port = next(ports)
        yield one("sctp-init-cut-%d" % n, SCTP,
                  sctp(sctp_chunk(1, init), port, tag=0),
                  "abort a1b2c3d4 -" if n >= 12 else None, n=n)
        yield one("sctp-data-cut-%d" % n, SCTP,
                  sctp(sctp_chunk(0, bytes(16)), next(ports), tag=9),
                  "abort 9 T" if n >= 12 else None, n=n)
    for n in 0, 2, 4, 8, 16, 19, 20:
        yield one("sctp-init-short-%d" % n, SCTP,
                  sctp(sctp_chunk(1, init)[:n], next(ports), tag=0),
                  "abort 0 T" if not n else
                  "abort a1b2c3d4 -" if n == 20 else None)
        yield one("sctp-data-short-%d" % n, SCTP,
                  sctp(sctp_chunk(0, bytes(16))[:n], next(ports), tag=9),
                  "abort 9 T")
    data = sctp_chunk(0, bytes(12) + b"data")
    stale = sctp_chunk(9, struct.pack("!HHI", 3, 8, 1000))
    for name, chunks, silent in (
            ("abort", sctp_chunk(6), True),
            ("data-abort", data + sctp_chunk(6), True),
            ("odd-abort", sctp_chunk(0, bytes(13)) + bytes(3) + sctp_chunk(6),
             True),
            ("length-0", struct.pack("!BBH", 0, 0, 0) + sctp_chunk(6), False),
            ("length-65535", struct.pack("!BBH", 0, 0, 65535) + sctp_chunk(6),
             False),
            ("shutdown-complete", sctp_chunk(14), True),
            ("cookie-ack", sctp_chunk(11), True),
            ("stale", stale, True), ("stale-short", stale[:4], False),
            ("error", sctp_chunk(9, struct.pack("!HHI", 6, 8, 0)), False),
            ("init-ack", sctp_chunk(2, init), False),
            ("shutdown", sctp_chunk(7, bytes(4)), False)):
        yield one("sctp-" + name, SCTP, sctp(chunks, next(ports), tag=9),
                  None if silent else "abort 9 T",
                  "sctp-silent" if silent and name != "abort" else None)


def numbered(packet, n):
    """The packet with 'n' for its identification or flow label, by which it
    is known again in quotations."""
    if packet[12:14] == b"\x08\x00":
        header = packet[14:18] + struct.pack("!H", n) + packet[20:24]
        rest = packet[26:34]
        return (packet[:14] + header + struct.pack("!H", csum(header + rest))
                + rest + packet[34:])
    return packet[:16] + struct.pack("!H", n) + packet[18:]


def crafted():
    """Packets that ask for trouble."""
    for n, c in enumerate(crafted_unnumbered(), 1):
        yield c._replace(packet=numbered(c.packet, n))


def crafted_unnumbered():
    yield from crafted_by_version(4)
    yield from crafted_by_version(6)
    me, you = "10.0.0.11", "10.0.0.13"
    for name, frag, answer in (("first", 0x2000, "icmp 3/3"),
                               ("later", 0x2005, None),
                               ("last", 0x0005, None)):
        yield Crafted("4-udp-fragment-" + name,
                      frame(VM1, VM3, me, you, UDP,
                            udp(me, you, 5000 + frag, data=bytes(64)),
                            frag=frag), answer,
                      None if answer else "fragment")
    me, you = "fd00::11", "fd00::13"
    hop, routing = (0, bytes(7)), (43, b"\0\0\0" + bytes(4))
    long = (60, b"\x05" + bytes(46))

    def fragment(offset):
        return 44, struct.pack("!BHI", 0, offset, 77)

    for i, (name, headers, answered) in enumerate((
            ("hop-by-hop", [hop], True), ("routing", [hop, routing], True),
            ("long", [long], True), ("first", [fragment(1)], True),
            ("atomic", [fragment(0)], True), ("later", [fragment(80)], False),
            ("ext-later", [hop, fragment(80)], False))):
        for proto, l4, answer in (
                (UDP, udp(me, you, 6000 + i), "icmp 1/4"),
                (TCP, tcp(me, you, 2, 6000 + i), SYN_RESET),
                (SCTP, sctp(sctp_chunk(0, bytes(16)), 6000 + i, tag=9),
                 "abort 9 T"),
                (ICMP6, icmp(me, you, 128, 0, struct.pack("!I", i)),
                 "icmp 1/1"),
                (ICMP6, icmp(me, you, 1, 0, struct.pack("!I", i)), None)):
            yield Crafted("6-%d-%s%s" % (proto, name, "" if answer
                                         else "-error"),
                          extended(frame(VM1, VM3, me, you, proto, l4),
                                   *headers), answer if answered else None,
                          "fragment" if not answered
                          else "extension-header" if proto == UDP else None)
    dad = solicit(VM1, "::", "fd00::12", option=False)
    yield Crafted("6-dad", dad, "advert 33:33:00:00:00:01 ff02::1 20", "dad")


def ip_parts(packet):
    """Protocol, addresses and what is behind the IP headers."""
    if packet[12:14] == b"\x08\x00":
        return packet[23], packet[26:30], packet[30:34], packet[34:]
    proto, rest = packet[20], packet[54:]
    while proto in (0, 43, 44, 60) and len(rest) >= 8:
        n = 8 if proto == 44 else 8 + 8 * rest[1]
        proto, rest = rest[0], rest[n:]
    return proto, packet[22:38], packet[38:54], rest


def is_answer(packet, answer):
    """Whether 'answer' is about 'packet'."""
    proto, _, _, l4 = ip_parts(packet)
    proto2, _, _, l42 = ip_parts(answer)
    if packet[12:14] != answer[12:14]:
        return False
    if proto == ICMP6 and l4[0] == 135:
        return proto2 == ICMP6 and l42[0] == 136 and l42[8:24] == l4[8:24]
    if proto2 in (ICMP, ICMP6):
        # The TTL and the checksum may have been changed on the way.
        start = 12 if packet[12:14] == b"\x08\x00" else 8
        quote, quoted = l42[8:], packet[14:]
        return (quote[:7] == quoted[:7]
                and quote[start:] == quoted[start:len(quote)])
    return proto == proto2 and l4[:4] == l42[2:4] + l42[:2]


def describe(packet, answer):
    """What an answer says; it must go back where the packet came from, and be
    right in itself."""
    proto, src, dst, l4 = ip_parts(answer)
    _, me, you, _ = ip_parts(packet)
    if proto == SCTP:
        bad = crc32c(l4[:8] + bytes(4) + l4[12:]) != struct.unpack(
            "<I", l4[8:12])[0]
        text = "abort %x %s" % (struct.unpack("!I", l4[4:8])[0],
                                "T" if l4[13] else "-")
    else:
        pseudo = (b"" if proto == ICMP else src + dst
                  + struct.pack("!II", len(l4), proto))
        bad = csum(pseudo + l4) != 0
        if proto == TCP:
            seq, ack = struct.unpack("!II", l4[4:12])
            text = ("reset %d" % seq if l4[13] == 4
                    else "reset %d ack %d" % (seq, ack) if l4[13] == 0x14
                    else "tcp")
        elif proto == ICMP6 and l4[0] == 136:
            return "advert %s %s %x" % (answer[:6].hex(":"),
                                        ipaddress.ip_address(dst), l4[4])
        else:
            text = "icmp %d/%d" % (l4[0], l4[1])
    if (src, dst) != (you, me):
        text += " astray"
    return text + " with a bad checksum" * bad


def judge(stock, ours):
    """Whether the answers to the crafted packets are right."""
    faults = set()
    n_bad = n = 0
    received = {}
    for who, name in ("stock", stock), ("ours", ours):
        with open(name) as f:
            received[who] = [bytes.fromhex(line.split()[1]) for line in f
                             if line.startswith("vm1 ")]
    for c in crafted():
        n += 1
        said = {who: [describe(c.packet, answer) for answer in answers
                      if is_answer(c.packet, answer)]
                for who, answers in received.items()}
        right = [c.answer] if c.answer else []
        if said["ours"] != right:
            print("%s: ours says %s, not %s" % (c.name, said["ours"], right))
            n_bad += 1
        if c.fault and said["stock"] != right:
            faults.add(c.fault)
        elif c.fault or said["stock"] != right:
            print("%s: stock says %s, ours %s, fault %s"
                  % (c.name, said["stock"], said["ours"], c.fault))
            n_bad += 1
    for fault in sorted(set(CRAFTED_FAULTS) - faults):
        print("stock does not have the fault", fault)
        n_bad += 1
    print("%d packets, %d bad" % (n, n_bad))
    return n_bad > 0


def announced():
    """What announces the addresses of virtual ports, from vm1 and vm2 on one
    chassis, vm4 on another, and vm3, who is no parent of theirs."""
    bc = "ff:ff:ff:ff:ff:ff"
    for n in 1, 2, 3, 4:
        vm = "02:00:00:00:00:0%d" % n
        yield ("vm%d" % n, "request",
               arp(1, vm, bc, vm, "10.0.0.50", bc, "10.0.0.50"))
        yield ("vm%d" % n, "reply",
               arp(2, vm, bc, vm, "10.0.0.50", bc, "10.0.0.50"))
        yield ("vm%d" % n, "question",
               arp(1, vm, bc, vm, "10.0.0.50", bc, "10.0.0.1"))
        yield ("vm%d" % n, "na",
               advertise(vm, "33:33:00:00:00:01", "fd00::50", "ff02::1",
                         "fd00::50", 0x20000000))
        yield ("vm%d" % n, "ns",
               solicit(vm, "::", "fd00::50", option=False))


GROUPS = {"nd": solicitations, "reject": rejected, "router": router_errors,
          "learn": learned,
          "groups": groups,
          "crafted": lambda: (("vm1", c.name, c.packet) for c in crafted()),
          "virtual": announced}


def main():
    if sys.argv[1:2] == ["judge"]:
        sys.exit(judge(*sys.argv[2:]))
    for name in sys.argv[1:] or GROUPS:
        for port, name, packet in GROUPS[name]():
            print(port, name, packet.hex())


if __name__ == "__main__":
    main()
