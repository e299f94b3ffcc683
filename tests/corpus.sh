# SPDX-License-Identifier: Apache-2.0

# The corpus: northbound configurations that together use all of OVN.
#
# Each file in corpus/ is one configuration, in the words below.  Its names
# and addresses are its own, so that any of them can be loaded together:
# configuration N has the networks 10.N.X.0/24, fd00:N:X::/64 and
# 172.16.N.0/24, and names that begin with its letters.  Only those whose
# names begin with "global-" set options of the whole deployment; each of
# these wants a deployment to itself.
#
#     . tests/corpus.sh
#     corpus_load NAME...
#
# loads configurations into the databases at $OVN_NB_DB and $OVN_SB_DB, which
# an ovn-northd serves, and binds their ports to the chassis hv1 and hv2.
# These are the ones that "corpus_chassis" has made in a test (see
# ovn-macros.at), with switches; elsewhere, e.g. for ovn-trace, hv1 and hv2 are
# mere rows in the southbound database, and so are the bindings.

corpus_dir=$(dirname "${BASH_SOURCE:-$0}")/corpus

# corpus_names [global]: the configurations that go together; with "global",
# those that do not.
corpus_names () {
    (cd "$corpus_dir" &&
     for name in *.conf; do
         case $1,$name in
             global,global-*|,[!g]*|,g[!l]*) echo "${name%.conf}" ;;
         esac
     done)
}

# ----------------------------------------------------------------------
# The words of a configuration.

# nb COMMAND...: one command of ovn-nbctl.  All those of a configuration, or
# up to the next "commit", are one transaction, so --id=@NAME names a row in all
# of them.
nb () {
    corpus_nb+=(-- "$@")
}

# commit: for what ovn-nbctl finds only when it is there.
commit () {
    test ${#corpus_nb[@]} = 0 || ovn-nbctl "${corpus_nb[@]:1}" > /dev/null ||
        corpus_failed=$name
    corpus_nb=()
}

# sb COMMAND...: commands of ovn-sbctl, one transaction, for rows that northd
# does not write.  They wait until northd is done.
sb () {
    corpus_sb+=("$(printf ' %q' "$@")")
}

# template CHASSIS NAME=VALUE...: template variables, which all configurations
# keep in the same row.
template () {
    local row chassis=$1
    shift
    row=$(ovn-nbctl --bare --columns=_uuid find Chassis_Template_Var \
              chassis=$chassis)
    if test -n "$row"; then
        nb set Chassis_Template_Var $row "${@/#/variables:}"
    else
        nb create Chassis_Template_Var chassis=$chassis "${@/#/variables:}"
    fi
}

# vif CHASSIS PORT...: the ports are on the chassis.
vif () {
    local chassis=$1 port
    shift
    for port; do
        corpus_vifs+=("$chassis $port")
    done
}

# mac N.X.HOST, ip4 N.X.HOST, ip6 N.X.HOST: addresses from the numbers of the
# configuration, of one of its networks, and of a host.
mac () {
    printf '02:%02d:00:00:%02d:%02d' ${1//./ }
}
ip4 () {
    echo 10.$1
}
ip6 () {
    printf 'fd00:%d:%d::%d' ${1//./ }
}

# vm SWITCH PORT N.X.HOST [CHASSIS]: a port with a MAC and two IP addresses.
vm () {
    nb lsp-add "$1" "$2"
    nb lsp-set-addresses "$2" "$(mac $3) $(ip4 $3) $(ip6 $3)"
    test -z "$4" || vif "$4" "$2"
}

# attach ROUTER SWITCH N.X [HOST]: connects the switch; the router's ports is
# ROUTER-SWITCH, with host number HOST (1) in network X.
attach () {
    local host=$3.${4-1}
    nb lrp-add "$1" "$1-$2" "$(mac $host)" "$(ip4 $host)/24" "$(ip6 $host)/64"
    attach_port "$1-$2" "$2"
}

# attach_port ROUTER-PORT SWITCH: the other end of a router's port; it is
# SWITCH-ROUTER, where the router's port is ROUTER-SWITCH.
attach_port () {
    local port=$2-${1%-"$2"}
    nb lsp-add "$2" "$port"
    nb lsp-set-type "$port" router
    nb lsp-set-addresses "$port" router
    nb lsp-set-options "$port" "router-port=$1"
}

# localnet SWITCH PORT [TAG]: connects the switch to the physical network.
localnet () {
    nb lsp-add "$1" "$2" ${3:+"" $3}
    nb lsp-set-type "$2" localnet
    nb lsp-set-addresses "$2" unknown
    nb lsp-set-options "$2" network_name=phys
}

# ----------------------------------------------------------------------
# Loading.

# corpus_load NAME...
corpus_load () {
    local name command n corpus_failed=
    corpus_sb=()
    corpus_vifs=()
    for name; do
        corpus_nb=()
        . "$corpus_dir/$name.conf"
        commit
        test -z "$corpus_failed" || {
            echo "$name: not loaded" >&2
            return 1
        }
    done
    ovn-nbctl --wait=sb sync || return 1
    corpus_bind || return 1
    for command in "${corpus_sb[@]}"; do
        eval "ovn-sbctl $command" > /dev/null || {
            echo "southbound command failed:$command" >&2
            return 1
        }
    done
}

# corpus_bind: binds the ports, through switches where there are some.
corpus_bind () {
    local chassis port vif
    local -A vsctl
    for chassis in hv1 hv2; do
        test -d "${ovn_base-none}/$chassis" ||
            ovn-sbctl --may-exist chassis-add $chassis geneve \
                192.168.0.${chassis#hv} || return 1
    done
    for vif in "${corpus_vifs[@]}"; do
        chassis=${vif% *}
        port=${vif#* }
        if test -d "${ovn_base-none}/$chassis"; then
            vsctl[$chassis]+=" -- add-port br-int $port"
            vsctl[$chassis]+=" -- set interface $port external-ids:iface-id=$port"
        else
            vsctl[sb]+=" -- --may-exist lsp-bind $port $chassis"
        fi
    done
    test -z "${vsctl[sb]}" || ovn-sbctl ${vsctl[sb]} || return 1
    for chassis in hv1 hv2; do
        test -z "${vsctl[$chassis]}" ||
            in_chassis $chassis ovs-vsctl ${vsctl[$chassis]} || return 1
    done
}

# corpus_up: are all that were bound up, and is each health check done that takes
# no more than seconds?  northd leaves out what is down, at whatever time.
corpus_up () {
    local down vif
    down=" $(ovn-nbctl --bare --columns=name find Logical_Switch_Port \
                 up=false type=\"\" |
             tr '\n' ' ')"
    for vif in "${corpus_vifs[@]}"; do
        case $down in
            *" ${vif#* } "*) echo "$vif is not up"; return 1 ;;
        esac
    done
    down=$(ovn-sbctl --bare --columns=logical_port find Service_Monitor \
               'options={}' 'status=[]')
    test -z "$down" || { echo "not judged yet:" $down; return 1; }
}

# corpus_chassis [CONTROLLER [CHASSIS...]]: in a test, the two chassis or those
# given, with controllers, ours or stock.  Each has a physical network of its
# own, so that nothing but the configuration comes from it.
corpus_chassis () {
    local chassis kind=${1-ours}
    test $# -gt 1 && shift || set -- hv1 hv2
    for chassis; do
        add_chassis $chassis
        check in_chassis $chassis ovs-vsctl add-br br-lan \
            -- set Open_vSwitch . external-ids:ovn-bridge-mappings=phys:br-lan \
            external-ids:ovn-is-interconn=true \
            external-ids:ovn-chassis-mac-mappings=phys:aa:bb:cc:ee:00:0${chassis#hv}
        start_controller $chassis $kind
    done
}
