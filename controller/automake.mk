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

# All of the daemon but main(), so that the tests can link its rooms.
noinst_LTLIBRARIES += controller/libcontroller.la
controller_libcontroller_la_SOURCES = \
	controller/binding-commit.c \
	controller/binding.c \
	controller/binding.h \
	controller/br-int.c \
	controller/br-int.h \
	controller/chassis.c \
	controller/chassis.h \
	controller/commands.c \
	controller/commands.h \
	controller/ct-zone.c \
	controller/ct-zone.h \
	controller/desired-rows.c \
	controller/desired-rows.h \
	controller/egress-qos.c \
	controller/egress-qos.h \
	controller/encaps.c \
	controller/encaps.h \
	controller/flow-actions.c \
	controller/flow-actions.h \
	controller/flow-lesson.c \
	controller/flow-lesson.h \
	controller/flow-table.c \
	controller/flow-table.h \
	controller/group-stats.c \
	controller/group-stats.h \
	controller/group.c \
	controller/group.h \
	controller/idl-columns.c \
	controller/idl-columns.h \
	controller/idl-row.h \
	controller/if-status.c \
	controller/if-status.h \
	controller/inject-pkt.c \
	controller/inject-pkt.h \
	controller/inputs-ovs.c \
	controller/inputs-private.h \
	controller/inputs-sb-chassis.c \
	controller/inputs-sb-flow.c \
	controller/inputs-sb-lookup.c \
	controller/inputs-sb-named.c \
	controller/inputs-sb-port.c \
	controller/inputs-sb.c \
	controller/inputs.c \
	controller/inputs.h \
	controller/lb/affinity.c \
	controller/lb/affinity.h \
	controller/lb/config.c \
	controller/lb/config.h \
	controller/lb/hairpin.c \
	controller/lb/local.c \
	controller/lb/local.h \
	controller/lb/served-vips.c \
	controller/lb/served-vips.h \
	controller/lb/show.c \
	controller/lb/show.h \
	controller/lflow-conj-ids.c \
	controller/lflow-conj-ids.h \
	controller/lflow-env.c \
	controller/lflow-env.h \
	controller/lflow-sample.c \
	controller/lflow-sample.h \
	controller/lflow.c \
	controller/lflow.h \
	controller/local-datapath.c \
	controller/local-datapath.h \
	controller/ltable.c \
	controller/ltable.h \
	controller/ltables.h \
	controller/mac-bind.c \
	controller/meter.c \
	controller/meter.h \
	controller/module.h \
	controller/monitor.c \
	controller/monitor.h \
	controller/nb-cfg.c \
	controller/nb-cfg.h \
	controller/ofctrl.c \
	controller/ofctrl.h \
	controller/ovs-config.c \
	controller/ovs-config.h \
	controller/ovs-port.c \
	controller/ovs-port.h \
	controller/patch.c \
	controller/patch.h \
	controller/physical-actions.c \
	controller/physical-actions.h \
	controller/physical-mcast.c \
	controller/physical-port.c \
	controller/physical-tunnel.c \
	controller/physical.c \
	controller/physical.h \
	controller/pinctrl/acl-log.c \
	controller/pinctrl/activation.c \
	controller/pinctrl/error.c \
	controller/pinctrl/event.c \
	controller/pinctrl/learn.c \
	controller/pinctrl/neighbor.c \
	controller/pinctrl/pinctrl-private.h \
	controller/pinctrl/pinctrl.c \
	controller/pinctrl/pinctrl.h \
	controller/pinctrl/vport.c \
	controller/port-sec.c \
	controller/switch-entry.c \
	controller/switch-entry.h \
	controller/unit-log.c \
	controller/unit-log.h \
	controller/unsupported.c \
	controller/unsupported.h \
	controller/xid-queue.h

bin_PROGRAMS += controller/ovn-controller
controller_ovn_controller_SOURCES = controller/ovn-controller.c
controller_ovn_controller_LDADD = \
	controller/libcontroller.la \
	lib/libovn.la \
	lib/libovnsb.la \
	$(OVS_LIB)
