# SPDX-License-Identifier: Apache-2.0

# The language, the engine, and what programs share.  It knows no database's
# schema and opens no socket.
noinst_LTLIBRARIES += lib/libovn.la
lib_libovn_la_SOURCES = \
	lib/actions-basic.c \
	lib/actions-ct.c \
	lib/actions-ct-orig.c \
	lib/actions-dhcp.c \
	lib/actions-dhcp-relay.c \
	lib/actions-lb.c \
	lib/actions-lookup.c \
	lib/actions-mac.c \
	lib/actions-nested.c \
	lib/actions-private.h \
	lib/actions-remote.c \
	lib/actions-report.c \
	lib/actions.c \
	lib/allocator.c \
	lib/allocator.h \
	lib/bfd-session.c \
	lib/bfd-session.h \
	lib/config-values.c \
	lib/config-values.h \
	lib/dialect.c \
	lib/dhcpv4.c \
	lib/dhcpv4.h \
	lib/dhcpv6-pd.c \
	lib/dhcpv6-pd.h \
	lib/dhcpv6.c \
	lib/dhcpv6.h \
	lib/dns.c \
	lib/dns.h \
	lib/encap.c \
	lib/encap.h \
	lib/expr-annotate.c \
	lib/expr-constant.c \
	lib/expr-evaluate.c \
	lib/expr-field.c \
	lib/expr-format.c \
	lib/expr-match.c \
	lib/expr-normalize.c \
	lib/expr-parse.c \
	lib/expr-private.h \
	lib/expr-sample.c \
	lib/expr-simplify.c \
	lib/expr-symtab.c \
	lib/expr-tree.c \
	lib/gen-opts.c \
	lib/inc-proc-cmd.c \
	lib/inc-proc-eng-private.h \
	lib/inc-proc-eng.c \
	lib/inc-proc-eng.h \
	lib/inc-proc-set.c \
	lib/ip-text.c \
	lib/ip-text.h \
	lib/lb.c \
	lib/lb.h \
	lib/lb-config.c \
	lib/lb-config.h \
	lib/lb-empty.c \
	lib/lb-empty.h \
	lib/lb-flow.c \
	lib/lb-flow.h \
	lib/lb-match.c \
	lib/lb-match.h \
	lib/lb-router.c \
	lib/lb-router.h \
	lib/lex.c \
	lib/logical-fields.c \
	lib/lport-addresses.c \
	lib/lport-addresses.h \
	lib/lport-source.c \
	lib/lport-source.h \
	lib/lport-type.c \
	lib/lport-type.h \
	lib/lport-way.c \
	lib/lport-way.h \
	lib/nd-ra.c \
	lib/nd-ra.h \
	lib/ovn-dirs.c \
	lib/ovn-dirs.h \
	lib/ovn-group.c \
	lib/ovs-compat.h \
	lib/packet-build.c \
	lib/packet-build.h \
	lib/mcast.c \
	lib/mcast.h \
	lib/neighbor.c \
	lib/neighbor.h \
	lib/port-sec.c \
	lib/port-sec.h \
	lib/problems.c \
	lib/problems.h \
	lib/put-actions.c \
	lib/put-actions.h \
	lib/sender-error.c \
	lib/sender-error.h \
	lib/string-array.c \
	lib/string-array.h \
	lib/svc-probe.c \
	lib/svc-probe.h \
	lib/wire.h

# What differs between releases of libopenvswitch: see lib/ovs-compat.h.
BUILT_SOURCES += lib/ovs-features.h
CLEANFILES += lib/ovs-features.h
EXTRA_DIST += build-aux/ovs-features
lib/ovs-features.h: $(top_srcdir)/build-aux/ovs-features $(OVS_STAMP)
	$(AM_V_GEN)$(MKDIR_P) lib && \
	sh '$(top_srcdir)/build-aux/ovs-features' \
	  $(CC) $(AM_CPPFLAGS) $(CPPFLAGS) -std=gnu11 $(CFLAGS) > $@.tmp && \
	  mv $@.tmp $@

# The databases' bindings, generated from schemas of ours, which have whatever
# the schema of any release has: see utilities/merge-schemas.  Libraries of
# their own, so that nothing in lib/ comes to depend on them by accident.  That
# of the switch's database takes the place of libopenvswitch's.
noinst_LTLIBRARIES += lib/libovnsb.la lib/libovnnb.la lib/libvswitch.la
nodist_lib_libvswitch_la_SOURCES = \
	lib/vswitch-idl.c \
	lib/vswitch-idl.h
lib_libvswitch_la_SOURCES =
nodist_lib_libovnsb_la_SOURCES = \
	lib/ovn-sb-idl.c \
	lib/ovn-sb-idl.h
lib_libovnsb_la_SOURCES =
nodist_lib_libovnnb_la_SOURCES = \
	lib/ovn-nb-idl.c \
	lib/ovn-nb-idl.h
lib_libovnnb_la_SOURCES =

idl_sources = \
	lib/ovn-nb-idl.c \
	lib/ovn-nb-idl.h \
	lib/ovn-sb-idl.c \
	lib/ovn-sb-idl.h \
	lib/vswitch-idl.c \
	lib/vswitch-idl.h
EXTRA_DIST += \
	lib/ovn-nb-idl.ann \
	lib/ovn-nb.ovsschema \
	lib/ovn-sb-idl.ann \
	lib/ovn-sb.ovsschema \
	lib/vswitch-idl.ann \
	lib/vswitch.ovsschema
BUILT_SOURCES += $(idl_sources)
CLEANFILES += \
	$(idl_sources) \
	lib/ovn-nb-idl.ovsidl \
	lib/ovn-sb-idl.ovsidl \
	lib/vswitch-idl.ovsidl

.SECONDARY: lib/ovn-nb-idl.ovsidl lib/ovn-sb-idl.ovsidl lib/vswitch-idl.ovsidl

OVSDB_IDLC = $(run_python) $(OVS_SRCDIR)/ovsdb/ovsdb-idlc.in

lib/%-idl.ovsidl: lib/%-idl.ann lib/%.ovsschema $(OVS_STAMP)
	$(AM_V_GEN)$(MKDIR_P) lib && \
	$(OVSDB_IDLC) annotate $(srcdir)/lib/$*.ovsschema \
	  $(srcdir)/lib/$*-idl.ann > $@.tmp && mv $@.tmp $@

lib/%-idl.h: lib/%-idl.ovsidl
	$(AM_V_GEN)$(OVSDB_IDLC) c-idl-header $< > $@.tmp && mv $@.tmp $@

lib/%-idl.c: lib/%-idl.ovsidl
	$(AM_V_GEN)$(OVSDB_IDLC) c-idl-source $< > $@.tmp && mv $@.tmp $@
