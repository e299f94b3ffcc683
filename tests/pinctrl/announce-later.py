# SPDX-License-Identifier: Apache-2.0

"""What later releases can be told about announcements, beside stock: see
pinctrl-diff.py, and announce.py."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from announce import (check_intervals, connect, has_heard,  # noqa: E402
                      heard, ignored, machine, now, silence, switch)
from pinctrl_diff import CASES, case  # noqa: E402

# Not those that were imported.
CASES.clear()
assert ignored


def network(side):
    side.physical('hv1', 'physnet')
    switch(side, 'pub', ('ln', 'physnet', 7))
    side.nb('lr-add lr0')
    connect(side, 'lr0', 'pub', '02:00:00:00:f0:01', '172.16.0.1/24',
            'nat-addresses=router')
    side.nb('lrp-set-gateway-chassis lr0-pub hv1 20')
    machine(side, 'pub', 'v1', '02:00:00:00:00:01 172.16.0.11')
    machine(side, 'pub', 'v2', '02:00:00:00:00:02')
    side.sync()
    side.vif('hv1', 'v1')
    side.vif('hv1', 'v2')


V1 = '02:00:00:00:00:01 172.16.0.11 in VLAN 7'
V2 = '02:00:00:00:00:02 by RARP in VLAN 7'


def wait_times(side, what, n, since=0):
    def times():
        return heard(side, 'hv1-physnet', since).get(what, [])

    side.wait_for(lambda: len(times()) >= n, '%s %d times' % (what, n))
    return times()


def set_cap(side, seconds):
    if seconds:
        side.vsctl('hv1', 'set open . external-ids:garp-max-timeout-sec=%d'
                   % seconds)
    else:
        side.vsctl('hv1', 'remove open . external-ids garp-max-timeout-sec')
    side.sync()


@case()
def intervals(side):
    check_intervals(wait_times(side, V2, 5), [1, 2, 4, 8])
    silence(side)
    side.expect('announced', len(heard(side, 'hv1-physnet')[V2]))


@case()
def intervals_have_a_maximum(side):
    since = now()
    set_cap(side, 3)
    # They begin anew, and do not end.
    check_intervals(wait_times(side, V1, 7, since), [1, 2, 3, 3, 3, 3])
    check_intervals(wait_times(side, V2, 7, since), [1, 2, 3, 3, 3, 3])
    # One that comes later.
    since = now()
    side.nb('--wait=hv lr-nat-add lr0 dnat_and_snat 172.16.0.3 10.0.0.3')
    check_intervals(
        wait_times(side, '02:00:00:00:f0:01 172.16.0.3 in VLAN 7', 6, since),
        [1, 2, 3, 3, 3])
    since = now()
    set_cap(side, 0)
    check_intervals(wait_times(side, V1, 5, since), [1, 2, 4, 8])
    silence(side)
    side.expect('announced', len(heard(side, 'hv1-physnet', since)[V1]))


@case()
def port_is_not_announced(side):
    side.del_vif('v1')
    side.nb('--wait=hv lsp-set-options v1 disable_garp_rarp=true')
    since = now()
    side.vif('hv1', 'v1')
    side.up('v1')
    silence(side)
    side.expect('announced', V1 in heard(side, 'hv1-physnet', since))
    side.nb('--wait=hv lsp-set-options v1')


@case()
def router_is_not_announced(side):
    side.nb('--wait=hv set Logical_Router lr0 options:disable_garp_rarp=true')
    side.nb('lr-add lr1')
    connect(side, 'lr1', 'pub', '02:00:00:00:f1:01', '172.16.0.2/24',
            'nat-addresses=router')
    since = now()
    side.nb('--wait=hv lrp-set-gateway-chassis lr1-pub hv1 20 '
            '-- lr-nat-add lr0 dnat_and_snat 172.16.0.4 10.0.0.4')
    silence(side, 'lr1')
    has_heard(side, 'hv1-physnet', since, '172.16.0.2 ', 1)
    side.expect('announced', sorted(k for k in heard(side, 'hv1-physnet',
                                                     since)
                                    if k.startswith('02:00:00:00:f')))
