# SPDX-License-Identifier: Apache-2.0

# The central daemon beside ovn-northd.
bin_PROGRAMS += northd/ovn-lb-northd
northd_ovn_lb_northd_SOURCES = \
	northd/lb-mappings.c \
	northd/lb-mappings.h \
	northd/ovn-lb-northd.c
northd_ovn_lb_northd_LDADD = \
	lib/libovn.la \
	lib/libovnnb.la \
	lib/libovnsb.la \
	$(OVS_LIB)

# Its service.  Installed where it has no effect: whoever wants it copies it,
# see README.rst.
nodist_pkgdata_DATA += northd/ovn-lb-northd.service
EXTRA_DIST += northd/ovn-lb-northd.service.in
CLEANFILES += northd/ovn-lb-northd.service

northd/ovn-lb-northd.service: northd/ovn-lb-northd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) northd && \
	sed -e 's,[@]bindir[@],$(bindir),' \
	  $(srcdir)/northd/ovn-lb-northd.service.in > $@.tmp && mv $@.tmp $@
