# SPDX-License-Identifier: Apache-2.0

"""Neighbors beside stock: see pinctrl-diff.py."""

import packets
from pinctrl_diff import case, vlan

ROUTER0 = '02:00:00:00:ff:00'
ROUTER1 = '02:00:00:00:ff:01'
VM1 = '02:00:00:00:00:01'
VM3 = '02:00:00:00:00:03'
BROADCAST = 'ff:ff:ff:ff:ff:ff'
NOBODY = '00:00:00:00:00:00'


def network(side):
    """Two switches on a router.  vm3's addresses are unknown."""
    side.nb('lr-add lr0')
    for s in 0, 1:
        side.nb('ls-add sw%d -- lrp-add lr0 lr0-sw%d 02:00:00:00:ff:0%d '
                '10.0.%d.1/24 fd0%d::1/64 '
                '-- lsp-add sw%d sw%d-lr0 -- lsp-set-type sw%d-lr0 router '
                '-- lsp-set-addresses sw%d-lr0 router '
                '-- lsp-set-options sw%d-lr0 router-port=lr0-sw%d'
                % ((s,) * 11))
    for s, vm in (0, 1), (0, 2), (1, 11), (1, 12):
        side.nb('lsp-add sw%d vm%d -- lsp-set-addresses vm%d '
                '"02:00:00:00:00:%02d 10.0.%d.%d fd0%d::%d"'
                % (s, vm, vm, vm, s, vm + 10 if vm < 10 else vm, s,
                   vm + 10 if vm < 10 else vm))
    # Frames with VLAN tags go through the pipeline of sw0.
    side.nb('set Logical_Switch sw0 other_config:vlan-passthru=true')
    side.nb('lsp-add sw0 vm3 -- lsp-set-addresses vm3 unknown')
    for vm in 'vm1', 'vm2', 'vm3', 'vm11', 'vm12':
        side.vif('hv1', vm)


def forget(side):
    side.sb('--all destroy MAC_Binding -- --all destroy FDB')
    side.sync()


@case()
def arp_for_the_router(side):
    side.send('vm1', packets.arp(1, VM1, BROADCAST, VM1, '10.0.0.11', NOBODY,
                                 '10.0.0.1'))


@case()
def solicitation_for_the_router(side):
    side.send('vm1', packets.solicit(VM1, 'fd00::11', 'fd00::1'))


@case()
def solicitation_with_a_tag(side):
    side.send('vm1', vlan(packets.solicit(VM1, 'fd00::11', 'fd00::12'), 7))


@case()
def reply_is_learned(side):
    side.send('vm3', packets.arp(2, VM3, ROUTER0, VM3, '10.0.0.33', ROUTER0,
                                 '10.0.0.1'))
    side.rows('MAC_Binding', 'logical_port', 'ip', 'mac')
    side.wait_for(lambda: side.get_rows('MAC_Binding', ['ip']))
