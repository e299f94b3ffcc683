# SPDX-License-Identifier: Apache-2.0

# Microflows over the corpus.
#
# corpus/NAME.trace beside corpus/NAME.conf has packets to be traced through
# that configuration, in the words below.
#
#     . tests/corpus-trace.sh
#     trace_list NAME...
#
# prints the words of one command line for ovn-trace a line, quoted for the
# shell.

. "${corpus_sh-$(dirname "${BASH_SOURCE-$0}")/corpus.sh}"

# trace [OPTION]... [DATAPATH] MICROFLOW: one command line.
trace () {
    printf '%q ' "$@"
    echo
}

# The following print a microflow.  SOURCE, VIA and HOST are N.X.HOST, as in
# corpus.sh.

# l2 PORT SOURCE VIA [MATCH]: from PORT, whose host is SOURCE, to the
# Ethernet address of VIA, which may also be an Ethernet address.
l2 () {
    local dst=$3
    case $dst in
        *:*) ;;
        *) dst=$(mac $3) ;;
    esac
    echo "inport == \"$1\" && eth.src == $(mac $2) && eth.dst == $dst${4:+ && $4}"
}

# v4 PORT SOURCE VIA HOST [MATCH]: IPv4 to HOST, or to an IP address.  Without
# MATCH, an ICMP echo request.
v4 () {
    local dst=$4
    case $dst in
        *.*.*.*) ;;
        *) dst=$(ip4 $4) ;;
    esac
    l2 $1 $2 $3 "ip4.src == $(ip4 $2) && ip4.dst == $dst && ip.ttl == 64 && ${5-icmp4.type == 8}"
}

# v6 PORT SOURCE VIA HOST [MATCH]
v6 () {
    local dst=$4
    case $dst in
        *:*) ;;
        *) dst=$(ip6 $4) ;;
    esac
    l2 $1 $2 $3 "ip6.src == $(ip6 $2) && ip6.dst == $dst && ip.ttl == 64 && ${5-icmp6.type == 128}"
}

# arp PORT SOURCE ADDRESS: who has the IPv4 address?
arp () {
    l2 $1 $2 ff:ff:ff:ff:ff:ff "arp.op == 1 && arp.sha == $(mac $2) && arp.spa == $(ip4 $2) && arp.tpa == $3"
}

# ns PORT SOURCE ADDRESS: who has the IPv6 address?
ns () {
    l2 $1 $2 33:33:ff:00:00:01 "ip6.src == $(ip6 $2) && ip6.dst == ff02::1:ff00:1 && ip.ttl == 255 && nd_ns && nd.target == $3 && nd.sll == $(mac $2)"
}

# outside PORT TO SOURCE HOST [MATCH]: IPv4 that comes from SOURCE, an IP
# address, outside of the configuration.
outside () {
    echo "inport == \"$1\" && eth.src == 02:99:00:00:00:01 && eth.dst == $2 && ip4.src == $3 && ip4.dst == $4 && ip.ttl == 64 && ${5-icmp4.type == 8}"
}

# udp SRC DST, tcp SRC DST, sctp SRC DST: ports.
udp () { echo "udp.src == $1 && udp.dst == $2"; }
tcp () { echo "tcp.src == $1 && tcp.dst == $2"; }
sctp () { echo "sctp.src == $1 && sctp.dst == $2"; }

# trace_list NAME...
trace_list () {
    local name
    for name; do
        test ! -e "$corpus_dir/$name.trace" || . "$corpus_dir/$name.trace"
    done
}
