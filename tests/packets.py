#!/usr/bin/env python3
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at:
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""Packets for the tests of packet-ins.

Without arguments, prints the packets that ovn-pinctrl.at sends, a line each:
the port that sends it, a name, and the packet in hexadecimal.  Checksums are
right unless a packet's name says otherwise.

The network is the one that pinctrl_network in ovn-pinctrl.at sets up.
"""

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
    yield "vm1", "nd-port-dad", solicit(VM1, "::", "fd00::12", option=False)
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
                    ("shutdown-complete", sctp_chunk(14)),
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
    yield ("vm1", "reject4-broadcast",
           frame(VM1, "ff:ff:ff:ff:ff:ff", me, "10.0.0.255", UDP,
                 udp(me, "10.0.0.255")))
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
          "learn": learned, "virtual": announced}


def main():
    for name in sys.argv[1:] or GROUPS:
        for port, name, packet in GROUPS[name]():
            print(port, name, packet.hex())


if __name__ == "__main__":
    main()
