# SPDX-License-Identifier: Apache-2.0

dist_noinst_SCRIPTS += \
	utilities/build-packages \
	utilities/checksource \
	utilities/install-deps \
	utilities/lint \
	utilities/merge-schemas \
	utilities/quickstart \
	utilities/quickstart-demo

# Sourced by scripts.
EXTRA_DIST += utilities/chroot-lib

bin_PROGRAMS += utilities/ovn-trace
utilities_ovn_trace_SOURCES = \
	utilities/ovn-trace.c \
	utilities/trace-actions-private.h \
	utilities/trace-actions.c \
	utilities/trace-actions.h \
	utilities/trace-chassis.c \
	utilities/trace-chassis.h \
	utilities/trace-ct.c \
	utilities/trace-db.c \
	utilities/trace-db.h \
	utilities/trace-flows.c \
	utilities/trace-flows.h \
	utilities/trace-lb.c \
	utilities/trace-lb.h \
	utilities/trace-lookup.c \
	utilities/trace-nested.c \
	utilities/trace-node.c \
	utilities/trace-node.h \
	utilities/trace-ovs.c \
	utilities/trace-ovs.h \
	utilities/trace-pipeline.c \
	utilities/trace-pipeline.h \
	utilities/trace-rows.c \
	utilities/trace-rows.h \
	utilities/trace-served.c \
	utilities/trace-served.h
utilities_ovn_trace_LDADD = \
	lib/libovn.la \
	lib/libovnsb.la \
	$(OVS_LIB) \
	$(ALLOCATOR_LIBS)

# A drop-in with which the distribution's service runs our controller.
# Installed where it has no effect: whoever wants that copies it, see
# README.rst.
nodist_pkgdata_DATA += utilities/ovn-local.conf
EXTRA_DIST += \
	utilities/lint-analyze.h \
	utilities/ovn-local.conf.in
CLEANFILES += utilities/ovn-local.conf

utilities/ovn-local.conf: utilities/ovn-local.conf.in Makefile
	$(AM_V_GEN)$(MKDIR_P) utilities && \
	sed 's,[@]bindir[@],$(bindir),' $(srcdir)/utilities/ovn-local.conf.in \
	  > $@.tmp && mv $@.tmp $@
