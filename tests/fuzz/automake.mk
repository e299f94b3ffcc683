# SPDX-License-Identifier: Apache-2.0

# Fuzzers for the language and for packets: see tests/fuzz/fuzz.h and
# Documentation/testing.rst.
#
# They are built from the library's sources by clang, whatever compiler the
# rest is built by, with the sanitizers and with what libFuzzer needs to see
# where a text leads.
#
#     make fuzz FUZZ_RUNS=1000000 FUZZ_PARTS='lex expr'
#
# The limit of an expression's size is low, so that texts reach it, and the
# biggest ones take no more time than many others.

FUZZ_CFLAGS = -std=gnu11 -g -O2 -Wall -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined -fno-omit-frame-pointer \
	-DEXPR_MAX_TERMS=256
FUZZ_COVERAGE = -fsanitize-coverage=inline-8bit-counters,pc-table
FUZZ_RUNS = 100000
FUZZ_PARTS = lex expr actions encode dns dhcp mcast bfd nd svc error

# The whole library, as an archive: a program has what it uses of it, and a file
# that is new there needs no mention here.
fuzz_sources = \
	tests/fuzz/fuzz.c \
	tests/test-ovn-check.c \
	tests/test-ovn-generate.c \
	tests/test-ovn-world.c
fuzz_library = $(filter %.c,$(lib_libovn_la_SOURCES))
fuzz_objects = $(fuzz_sources:%.c=tests/fuzz/obj/%.o)
fuzz_members = $(fuzz_library:%.c=tests/fuzz/obj/%.o)
fuzz_programs = $(FUZZ_PARTS:%=tests/fuzz/fuzz-%)

tests/fuzz/obj/%.o: $(srcdir)/%.c $(OVS_LIB)
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(FUZZ_CC) $(AM_CPPFLAGS) \
	  -I$(srcdir) -I$(srcdir)/controller -I$(srcdir)/tests \
	  $(FUZZ_CFLAGS) $(FUZZ_COVERAGE) \
	  -MMD -MP -c -o $@ $<
# libFuzzer need not look for new ways through what is not the library's.
tests/fuzz/obj/tests/test-ovn-check.o: FUZZ_COVERAGE =
tests/fuzz/obj/tests/test-ovn-world.o: FUZZ_COVERAGE =
-include $(fuzz_objects:.o=.d) $(fuzz_members:.o=.d)
-include tests/fuzz/obj/tests/fuzz/*.d

# Made anew, lest a file remain that the library has no more.
tests/fuzz/obj/libovn.a: $(fuzz_members)
	$(AM_V_AR)rm -f $@ && $(AR) cr $@ $(fuzz_members)

tests/fuzz/fuzz-%: tests/fuzz/obj/tests/fuzz/fuzz-%.o $(fuzz_objects) \
  tests/fuzz/obj/libovn.a
	$(AM_V_CCLD)$(LIBTOOL) $(AM_V_lt) --tag=CC --mode=link $(FUZZ_CC) \
	  $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $< $(fuzz_objects) \
	  tests/fuzz/obj/libovn.a $(OVS_LIB)
.SECONDARY: $(fuzz_objects) $(fuzz_members) \
  $(FUZZ_PARTS:%=tests/fuzz/obj/tests/fuzz/fuzz-%.o)

if FUZZ
check_FUZZERS = $(fuzz_programs)
endif

.PHONY: fuzz
fuzz: $(fuzz_programs) tests/ovstest$(EXEEXT)
	PYTHON3=$(PYTHON3) $(srcdir)/tests/fuzz/run-fuzz tests tests/fuzz/corpus \
	  $(FUZZ_RUNS) $(FUZZ_PARTS)

# What northd writes for the corpus of configurations, for the fuzzers.
.PHONY: fuzz-seeds
fuzz-seeds:
	PYTHON3=$(PYTHON3) $(srcdir)/tests/fuzz/corpus-seeds $(srcdir)/tests/fuzz

OVN_CLEAN_LOCAL += clean-fuzz
clean-fuzz:
	rm -rf tests/fuzz/obj tests/fuzz/corpus tests/fuzz/fuzz-*[!.]?

dist_noinst_SCRIPTS += \
	tests/fuzz/corpus-seeds \
	tests/fuzz/run-fuzz \
	tests/fuzz/seeds.py
EXTRA_DIST += \
	tests/fuzz/actions.txt \
	tests/fuzz/bfd.txt \
	tests/fuzz/found.txt \
	$(FUZZ_PARTS:%=tests/fuzz/fuzz-%.c) \
	tests/fuzz/fuzz.c \
	tests/fuzz/fuzz.h \
	tests/fuzz/matches.txt \
	tests/fuzz/nd.txt \
	tests/fuzz/svc.txt
