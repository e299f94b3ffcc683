# SPDX-License-Identifier: Apache-2.0

# ovstest: the C tests, one program.
check_PROGRAMS += tests/ovstest
tests_ovstest_SOURCES = \
	tests/ovstest.c \
	tests/ovstest.h \
	tests/test-bench-lang.c \
	tests/test-daemon.c \
	tests/test-daemon.h \
	tests/test-flow-dump.c \
	tests/test-inc-proc-eng.c \
	tests/test-kernel-neighbors.c \
	tests/test-lb.c \
	tests/test-inputs.c \
	tests/test-lflow-sample.c \
	tests/test-ovn-actions.c \
	tests/test-ovn-check.c \
	tests/test-ofctrl.c \
	tests/test-ovn-exhaustive.c \
	tests/test-ovn-generate.c \
	tests/test-ovn-fuzz.c \
	tests/test-ovn-world.c \
	tests/test-ovn.c \
	tests/test-ovn.h
tests_ovstest_LDADD = \
	controller/libcontroller.la \
	lib/libovn.la \
	lib/libovnsb.la \
	lib/libvswitch.la \
	$(OVS_LIB)

# The Autotest suite: tests/testsuite.at, which lists the others in the order in
# which they run.
TESTSUITE_AT = tests/testsuite.at \
	$(shell sed -n 's/^m4_include(\[\(.*\)\])$$/\1/p' $(srcdir)/tests/testsuite.at)

TESTSUITE = $(srcdir)/tests/testsuite
EXTRA_DIST += \
	$(TESTSUITE) \
	$(TESTSUITE_AT) \
	tests/atlocal.in \
	tests/expr-stock.py \
	tests/expr/annotate.txt \
	tests/expr/errors.txt \
	tests/expr/flows.txt \
	tests/expr/later-26.03.txt \
	tests/expr/later.txt \
	tests/expr/lex.txt \
	tests/expr/normalize.txt \
	tests/expr/parse.txt \
	tests/expr/simplify.txt \
	$(srcdir)/tests/package.m4
MAINTAINERCLEANFILES += $(TESTSUITE) $(srcdir)/tests/package.m4
DISTCLEANFILES += tests/atconfig

# To run a part: make check TESTSUITEFLAGS='-j4 -k KEYWORD', or by number.
check-local: all-am $(check_PROGRAMS) $(check_FUZZERS) tests/atconfig tests/atlocal $(TESTSUITE)
	rm -f tests/skipped; bash '$(TESTSUITE)' -C tests $(TESTSUITEFLAGS)

# Other releases of OVN, for the tests that compare with them.  They are looked
# for in releases/ under the build directory.
RELEASES_SUITES = bookworm trixie sid
EXTRA_DIST += tests/releases/fetch tests/stream.py tests/listen.py tests/nat-matrix.py
.PHONY: releases
releases:
	bash '$(srcdir)/tests/releases/fetch' releases $(RELEASES_SUITES)

# The proofs about expressions, for more of them than "check" has time for.  A
# part of them: make check-long CHECK_LONG_OPS=flow
CHECK_LONG_OPS = convert simplify normalize flow
CHECK_LONG_PARALLEL = 2
.PHONY: check-long
check-long: $(check_PROGRAMS) check-sb-fuzz
	@for op in $(CHECK_LONG_OPS); do \
	  for args in '--bits=2 3' '--nvars=1 --svars=1 3' \
	    '--bits=1 --nvars=1 --svars=2 4' \
	    '--bits=1 --nvars=3 --svars=0 --relops===,<= 4' \
	    '--bits=1 --nvars=3 --svars=1 --relops=== 5'; do \
	    tests/ovstest test-ovn exhaustive --complete --operation=$$op \
	      --parallel=$(CHECK_LONG_PARALLEL) $$args || exit 1; \
	  done; \
	done; \
	echo "check-long: all of them keep their meaning"

# All configurations in pairs.  PAIRS_SEED chooses others.
.PHONY: check-long-pairs
check-long: check-long-pairs
check-long-pairs: all-am $(check_PROGRAMS) tests/atconfig tests/atlocal $(TESTSUITE)
	CHECK_LONG=yes bash '$(TESTSUITE)' -C tests -k pairs-long

# The whole corpus beside the stock controller of each release.
.PHONY: check-long-releases
check-long: check-long-releases
check-long-releases: all-am $(check_PROGRAMS) tests/atconfig tests/atlocal $(TESTSUITE) releases
	CHECK_LONG=yes bash '$(TESTSUITE)' -C tests -k releases-long

# Tests about what controllers write, with the role that ovn-northd gives to
# chassis.  (Chassis that run in a namespace of their own cannot come by SSL.)
RBAC_KEYWORDS = binding pinctrl multicast learn fdb age rows nb-cfg ecmp-nexthop \
	health-check gateway
.PHONY: check-rbac
check-rbac: all-am $(check_PROGRAMS) tests/atconfig tests/atlocal $(TESTSUITE)
	OVN_TEST_RBAC=yes bash '$(TESTSUITE)' -C tests \
	  $(RBAC_KEYWORDS:%=-k '%,!dynamic-routing') $(TESTSUITEFLAGS)

# A thousand random networks, by TRACE_RANDOM_FLAGS others.
.PHONY: check-long-trace
check-long: check-long-trace
check-long-trace: all-am $(check_PROGRAMS) tests/atconfig tests/atlocal $(TESTSUITE)
	CHECK_LONG=yes bash '$(TESTSUITE)' -C tests -k trace-random-long

# The southbound fuzzer, for as long as one likes.  Its directory stays.
SB_FUZZ_MUTATIONS = 1000000
SB_FUZZ_FLAGS = --keep-going
.PHONY: check-sb-fuzz
check-sb-fuzz: all
	$(PYTHON3) $(srcdir)/tests/ovn-sb-fuzz.py \
	  --controller=controller/ovn-controller \
	  --ovn-schemas='$(OVN_SCHEMADIR)' --ovs-schemas='$(OVS_SCHEMADIR)' \
	  --work=tests/sb-fuzz.dir --mutations=$(SB_FUZZ_MUTATIONS) \
	  $(SB_FUZZ_FLAGS)

OVN_CLEAN_LOCAL += clean-testsuite
clean-testsuite:
	test ! -f '$(TESTSUITE)' || bash '$(TESTSUITE)' -C tests --clean
	rm -rf tests/appctl

AUTOTEST = $(AUTOM4TE) --language=autotest
$(TESTSUITE): $(srcdir)/tests/package.m4 $(addprefix $(srcdir)/,$(TESTSUITE_AT))
	$(AM_V_GEN)$(AUTOTEST) -I '$(srcdir)' -I '$(srcdir)/tests' -o $@.tmp $@.at && mv $@.tmp $@

# Autotest wants to know what it is a test suite of.
$(srcdir)/tests/package.m4: $(top_srcdir)/configure.ac
	$(AM_V_GEN):;{ \
	  echo '# Signature of the package.'; \
	  echo 'm4_define([AT_PACKAGE_NAME], [$(PACKAGE_NAME)])'; \
	  echo 'm4_define([AT_PACKAGE_TARNAME], [$(PACKAGE_TARNAME)])'; \
	  echo 'm4_define([AT_PACKAGE_VERSION], [$(PACKAGE_VERSION)])'; \
	  echo 'm4_define([AT_PACKAGE_STRING], [$(PACKAGE_STRING)])'; \
	  echo 'm4_define([AT_PACKAGE_BUGREPORT], [$(PACKAGE_BUGREPORT)])'; \
	} > '$@'

# Benchmarks: figures, never a verdict.  make bench BENCHFLAGS=--help
dist_noinst_SCRIPTS += tests/bench/ovn-bench
EXTRA_DIST += tests/bench/bench_base.py tests/bench/remote_chassis.py
.PHONY: bench
bench: all
	$(PYTHON3) $(srcdir)/tests/bench/ovn-bench \
	  --ours controller/ovn-controller \
	  --ours-trace utilities/ovn-trace $(BENCHFLAGS)

# The language alone.
.PHONY: bench-lang
bench-lang: all tests/ovstest$(EXEEXT)
	$(PYTHON3) $(srcdir)/tests/bench/ovn-bench --scenario lang \
	  --ours controller/ovn-controller --ovstest tests/ovstest \
	  $(BENCHFLAGS)

# Run by the suite.
EXTRA_DIST += tests/flow-diff.py tests/actions-diff.py tests/actions-stock.in \
	tests/actions-later.in
EXTRA_DIST += tests/stock_faults.py tests/ovn-rows.py tests/port-types.py tests/show-rows.py tests/daemons.py tests/port-sec-random.py
EXTRA_DIST += tests/physical-table.py
EXTRA_DIST += tests/pinctrl-diff.py $(shell cd $(srcdir) && ls tests/pinctrl/*.py)
EXTRA_DIST += tests/ovn-pairs.py tests/pairs_packets.py tests/pairs_table.py
EXTRA_DIST += tests/manual-keys.py tests/manual-keys.txt \
	tests/manual-keys-later.txt
EXTRA_DIST += tests/ofctrl-random tests/ovn-random.py tests/packets.py
EXTRA_DIST += tests/ovn-sets.py
EXTRA_DIST += tests/trace-random.py tests/random_networks.py
EXTRA_DIST += tests/ovn-sb-fuzz.py \
	tests/sb-fuzz/driven.py \
	tests/sb-fuzz/moves.py \
	tests/sb-fuzz/ovsdb.py \
	tests/sb-fuzz/snapshot.py \
	tests/sb-fuzz/values.py \
	tests/sb-fuzz/world.py

# Northbound configurations that together use all of OVN.
EXTRA_DIST += tests/corpus.sh $(wildcard $(srcdir)/tests/corpus/*.conf)
EXTRA_DIST += tests/corpus-trace.sh \
	$(wildcard $(srcdir)/tests/corpus/*.trace) \
	tests/trace-actions.in tests/trace-actions-later.in tests/trace-diff.py tests/trace-switch.py
