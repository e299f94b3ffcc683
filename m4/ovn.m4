dnl SPDX-License-Identifier: Apache-2.0

dnl Checks used by configure.ac, in the order in which it uses them.

dnl OVN_CHECK_GNU_MAKE
dnl
dnl Building Open vSwitch inside our build directory uses a few features of GNU
dnl make.  Better to say so here than in a syntax error later.
AC_DEFUN([OVN_CHECK_GNU_MAKE],
  [AC_CACHE_CHECK([for GNU make], [ovn_cv_gnu_make],
     [AS_IF([${MAKE-make} --version 2>/dev/null | grep GNU >/dev/null],
        [ovn_cv_gnu_make=yes], [ovn_cv_gnu_make=no])])
   AS_IF([test "$ovn_cv_gnu_make" = no],
     [AC_MSG_ERROR([GNU make is needed to build ovn-local])])])

dnl OVN_CHECK_PYTHON3
dnl
dnl The system's python3 goes before any other that PATH may name first: the
dnl packages that the tests use are installed for that one.
AC_DEFUN([OVN_CHECK_PYTHON3],
  [AC_ARG_VAR([PYTHON3], [a Python 3 interpreter])
   AC_PATH_PROG([PYTHON3], [python3], [], [/usr/bin$PATH_SEPARATOR$PATH])
   AS_IF([test -z "$PYTHON3"],
     [AC_MSG_ERROR([python3 is needed to generate the database bindings])])])

dnl OVN_CHECK_RST2MAN
dnl
dnl The manual pages are written in reStructuredText.  Without its translator
dnl all else is still built.
AC_DEFUN([OVN_CHECK_RST2MAN],
  [AC_ARG_VAR([RST2MAN], [translator from reStructuredText to man pages])
   AC_PATH_PROGS([RST2MAN], [rst2man rst2man.py], [],
                 [/usr/bin$PATH_SEPARATOR$PATH])
   AS_IF([test -z "$RST2MAN"],
     [AC_MSG_WARN([no rst2man (package python3-docutils): no manual pages])])
   AM_CONDITIONAL([HAVE_RST2MAN], [test -n "$RST2MAN"])])

dnl OVN_CHECK_OVS
dnl
dnl Settles where libopenvswitch comes from.  Sets and substitutes:
dnl
dnl   OVS_SRCDIR    its source tree,
dnl   OVS_BUILDDIR  its build tree,
dnl   OVS_TARBALL   the tarball to unpack, or the tree to copy, when we build it
dnl                 ourselves: the package openvswitch-source has had either,
dnl   OVS_SUMMARY   one line for people.
dnl
dnl and the conditional BUILD_OVS.  A build directory without a source
dnl directory is taken to hold both.
AC_DEFUN([OVN_CHECK_OVS],
  [AC_ARG_WITH([ovs-source],
     [AS_HELP_STRING([--with-ovs-source=DIR],
        [Open vSwitch source tree (default: unpack openvswitch-source)])])
   AC_ARG_WITH([ovs-build],
     [AS_HELP_STRING([--with-ovs-build=DIR],
        [build tree of Open vSwitch in which libopenvswitch is built
         (default: build it under ovs/ in our build directory)])])
   AC_ARG_WITH([ovs-tarball],
     [AS_HELP_STRING([--with-ovs-tarball=FILE],
        [Open vSwitch source tarball (default: that of the package
         openvswitch-source, or its unpacked tree, in /usr/src/openvswitch)])])
   OVS_TARBALL=
   for ovn_dir in source build; do
     eval "ovn_value=\$with_ovs_$ovn_dir"
     AS_CASE([$ovn_value],
       [yes|no], [AC_MSG_ERROR([--with-ovs-$ovn_dir needs a directory])],
       [''], [],
       [ovn_abs=`cd "$ovn_value" 2>/dev/null && pwd`
        AS_IF([test -z "$ovn_abs"],
          [AC_MSG_ERROR([--with-ovs-$ovn_dir: no directory "$ovn_value"])])
        eval "with_ovs_$ovn_dir=\$ovn_abs"])
   done
   AC_MSG_CHECKING([where libopenvswitch comes from])
   AS_IF([test -n "$with_ovs_build"],
     [OVS_BUILDDIR=$with_ovs_build
      OVS_SRCDIR=${with_ovs_source-$with_ovs_build}
      OVS_SUMMARY="built in $OVS_BUILDDIR"
      AS_IF([test ! -e "$OVS_BUILDDIR/lib/libopenvswitch.la"],
        [AC_MSG_ERROR([no lib/libopenvswitch.la in $OVS_BUILDDIR])])],
     [test -n "$with_ovs_source"],
     [OVS_BUILDDIR=`pwd`/ovs/build
      OVS_SRCDIR=$with_ovs_source
      OVS_SUMMARY="$OVS_SRCDIR, to be built in ovs/build"],
     [OVS_BUILDDIR=`pwd`/ovs/build
      OVS_SRCDIR=`pwd`/ovs/source
      ovn_dir=/usr/src/openvswitch
      AS_IF([test -e $ovn_dir/lib/vswitch-idl.ann], [],
        [ovn_dir=$ovn_dir/openvswitch.tar.gz])
      OVS_TARBALL=${with_ovs_tarball-$ovn_dir}
      OVS_SUMMARY="$OVS_TARBALL, to be built in ovs/build"
      AS_IF([test ! -r "$OVS_TARBALL"],
        [AC_MSG_ERROR([$OVS_TARBALL not found.
Install the package openvswitch-source (utilities/install-deps installs all
that is needed), or name a source tree with --with-ovs-source=DIR.])])])
   AC_MSG_RESULT([$OVS_SUMMARY])
   AS_IF([test -z "$OVS_TARBALL" && test ! -e "$OVS_SRCDIR/lib/vswitch-idl.ann"],
     [AC_MSG_ERROR([$OVS_SRCDIR is no Open vSwitch source tree])])
   AC_SUBST([OVS_SRCDIR])
   AC_SUBST([OVS_BUILDDIR])
   AC_SUBST([OVS_TARBALL])
   AM_CONDITIONAL([BUILD_OVS], [test -z "$with_ovs_build"])
   AM_CONDITIONAL([UNPACK_OVS], [test -n "$OVS_TARBALL"])])

dnl OVN_CHECK_SCHEMAS
dnl
dnl Finds the schemas that the distribution's packages install, with which the
dnl tests start database servers.  Sets OVN_SCHEMADIR and OVS_SCHEMADIR.
AC_DEFUN([OVN_CHECK_SCHEMAS],
  [AC_ARG_WITH([ovn-schemas],
     [AS_HELP_STRING([--with-ovn-schemas=DIR],
        [directory with ovn-sb.ovsschema and ovn-nb.ovsschema, for the tests
         (default: /usr/share/ovn)])],
     [OVN_SCHEMADIR=$withval], [OVN_SCHEMADIR=/usr/share/ovn])
   AC_ARG_WITH([ovs-schemas],
     [AS_HELP_STRING([--with-ovs-schemas=DIR],
        [directory with vswitch.ovsschema, for the tests
         (default: /usr/share/openvswitch)])],
     [OVS_SCHEMADIR=$withval], [OVS_SCHEMADIR=/usr/share/openvswitch])
   AC_MSG_CHECKING([for the southbound schema])
   AS_IF([test -r "$OVN_SCHEMADIR/ovn-sb.ovsschema"],
     [AC_MSG_RESULT([$OVN_SCHEMADIR/ovn-sb.ovsschema])],
     [AC_MSG_RESULT([no])
      AC_MSG_ERROR([no ovn-sb.ovsschema in $OVN_SCHEMADIR.
Install the package ovn-central (utilities/install-deps installs all that is
needed), or name its directory with --with-ovn-schemas=DIR.])])
   AC_SUBST([OVN_SCHEMADIR])
   AC_SUBST([OVS_SCHEMADIR])])

dnl OVN_CHECK_DIRS
dnl
dnl The run-time directories are the distribution's, whatever the prefix is:
dnl the controller finds the switch, and operators find the controller, where
dnl the stock one has its files.
AC_DEFUN([OVN_CHECK_DIRS],
  [AC_ARG_WITH([rundir],
     [AS_HELP_STRING([--with-rundir=DIR],
        [pid files and control sockets (default: /var/run/ovn)])],
     [OVN_RUNDIR=$withval], [OVN_RUNDIR=/var/run/ovn])
   AC_ARG_WITH([logdir],
     [AS_HELP_STRING([--with-logdir=DIR], [logs (default: /var/log/ovn)])],
     [OVN_LOGDIR=$withval], [OVN_LOGDIR=/var/log/ovn])
   AC_ARG_WITH([ovn-sysconfdir],
     [AS_HELP_STRING([--with-ovn-sysconfdir=DIR],
        [certificates (default: /etc/ovn)])],
     [OVN_SYSCONFDIR=$withval], [OVN_SYSCONFDIR=/etc/ovn])
   AC_SUBST([OVN_RUNDIR])
   AC_SUBST([OVN_LOGDIR])
   AC_SUBST([OVN_SYSCONFDIR])])

dnl OVN_ENABLE_SANITIZERS
dnl
dnl --enable-sanitizers builds our own code with the address (and with it the
dnl leak) and the undefined-behavior sanitizer.
AC_DEFUN([OVN_ENABLE_SANITIZERS],
  [AC_ARG_ENABLE([sanitizers],
     [AS_HELP_STRING([--enable-sanitizers],
        [build with the address, leak and undefined-behavior sanitizers])])
   SANITIZER_CFLAGS=
   AS_IF([test "${enable_sanitizers-no}" = yes],
     [SANITIZER_CFLAGS="-fsanitize=address,undefined -fno-omit-frame-pointer"
      SANITIZER_CFLAGS="$SANITIZER_CFLAGS -fno-sanitize-recover=undefined"])
   AC_SUBST([SANITIZER_CFLAGS])
   AM_CONDITIONAL([SANITIZERS], [test -n "$SANITIZER_CFLAGS"])])

dnl OVN_CHECK_ALLOCATOR
dnl
dnl --with-allocator says with which malloc() the programs are linked that
dnl allocate the most.  Sanitizers have one of their own.
AC_DEFUN([OVN_CHECK_ALLOCATOR],
  [AC_REQUIRE([OVN_ENABLE_SANITIZERS])
   AC_ARG_WITH([allocator],
     [AS_HELP_STRING([--with-allocator=auto|tcmalloc|jemalloc|no],
        [malloc() of ovn-controller and ovn-trace: tcmalloc_minimal if it is
         there, a certain one, or that of the C library (default: auto)])],
     [], [with_allocator=auto])
   AS_CASE([$with_allocator],
     [yes], [with_allocator=auto],
     [auto|tcmalloc|jemalloc|no], [],
     [AC_MSG_ERROR([--with-allocator does not know "$with_allocator"])])
   AS_IF([test -n "$SANITIZER_CFLAGS"],
     [AS_CASE([$with_allocator],
        [auto], [with_allocator=no],
        [tcmalloc|jemalloc],
          [AC_MSG_ERROR([--enable-sanitizers needs --with-allocator=no])])])
   ALLOCATOR_CPPFLAGS=
   ALLOCATOR_LIBS=
   ALLOCATOR_SUMMARY=libc
   AS_IF([test $with_allocator = auto || test $with_allocator = tcmalloc],
     [AC_CHECK_HEADER([gperftools/malloc_extension_c.h],
        [AC_CHECK_LIB([tcmalloc_minimal], [MallocExtension_ReleaseFreeMemory],
           [ALLOCATOR_CPPFLAGS=-DOVN_TCMALLOC
            ALLOCATOR_LIBS=-ltcmalloc_minimal
            ALLOCATOR_SUMMARY=tcmalloc_minimal])])
      AS_IF([test $with_allocator = tcmalloc && test -z "$ALLOCATOR_LIBS"],
        [AC_MSG_ERROR([tcmalloc_minimal was not found (Debian: libgoogle-perftools-dev)])])])
   AS_IF([test $with_allocator = jemalloc],
     [AC_CHECK_HEADER([jemalloc/jemalloc.h],
        [AC_CHECK_LIB([jemalloc], [mallctl],
           [ALLOCATOR_CPPFLAGS=-DOVN_JEMALLOC
            ALLOCATOR_LIBS=-ljemalloc
            ALLOCATOR_SUMMARY=jemalloc])])
      AS_IF([test -z "$ALLOCATOR_LIBS"],
        [AC_MSG_ERROR([jemalloc was not found (Debian: libjemalloc-dev)])])])
   AC_SUBST([ALLOCATOR_CPPFLAGS])
   AC_SUBST([ALLOCATOR_LIBS])
   AC_SUBST([ALLOCATOR_SUMMARY])])

dnl OVN_CHECK_FUZZER
dnl
dnl Sets FUZZ_CC to a clang that has libFuzzer, or to "" if there is none.
AC_DEFUN([OVN_CHECK_FUZZER],
  [AC_ARG_VAR([FUZZ_CC], [clang, to build the fuzzers])
   AC_CHECK_PROGS([FUZZ_CC], [clang clang-14])
   AS_IF([test -n "$FUZZ_CC"],
     [AC_MSG_CHECKING([whether $FUZZ_CC has libFuzzer])
      cat > conftest.c <<'EOF'
#include <stddef.h>
int LLVMFuzzerTestOneInput(const unsigned char *, size_t);
int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    return p && n ? 0 : 0;
}
EOF
      AS_IF([$FUZZ_CC -fsanitize=fuzzer,address,undefined -o conftest \
                 conftest.c >&AS_MESSAGE_LOG_FD 2>&1],
        [AC_MSG_RESULT([yes])], [AC_MSG_RESULT([no]); FUZZ_CC=])
      rm -f conftest conftest.c])
   AM_CONDITIONAL([FUZZ], [test -n "$FUZZ_CC"])])

dnl OVN_CC_OPTION(OPTION)
dnl
dnl Adds OPTION to WARNING_CFLAGS if the compiler takes it.
AC_DEFUN([OVN_CC_OPTION],
  [AS_VAR_PUSHDEF([ovn_option], [ovn_cv_cc_$1])
   AC_CACHE_CHECK([whether $CC accepts $1], [ovn_option],
     [ovn_save_CFLAGS=$CFLAGS
      # Compilers ignore unknown -Wno-* options silently: ask for the -W form.
      CFLAGS="$CFLAGS -Werror m4_bpatsubst([$1], [-Wno-], [-W])"
      AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
        [AS_VAR_SET([ovn_option], [yes])], [AS_VAR_SET([ovn_option], [no])])
      CFLAGS=$ovn_save_CFLAGS])
   AS_VAR_IF([ovn_option], [yes], [WARNING_CFLAGS="$WARNING_CFLAGS $1"])
   AS_VAR_POPDEF([ovn_option])])

dnl OVN_ENABLE_WARNINGS
dnl
dnl Sets WARNING_CFLAGS.  Warnings are errors unless --disable-Werror says
dnl otherwise.
AC_DEFUN([OVN_ENABLE_WARNINGS],
  [AC_ARG_ENABLE([Werror],
     [AS_HELP_STRING([--disable-Werror],
        [do not turn compiler warnings into errors])])
   WARNING_CFLAGS=
   m4_foreach_w([ovn_flag],
     [-Wall -Wextra -Wno-sign-compare -Wpointer-arith -Wformat
      -Wformat-security -Wunused-parameter
      -Wstrict-prototypes -Wold-style-definition -Wmissing-prototypes
      -Wmissing-field-initializers -Wswitch-bool -Wlogical-not-parentheses
      -Wsizeof-array-argument -Wbool-compare -Wshift-negative-value
      -Wduplicated-cond -Wshadow -Wmultistatement-macros
      -Wcast-align -Wthread-safety -fno-strict-aliasing],
     [OVN_CC_OPTION(ovn_flag)])
   AS_IF([test "${enable_Werror-yes}" = yes],
     [WARNING_CFLAGS="$WARNING_CFLAGS -Werror"])
   AC_SUBST([WARNING_CFLAGS])])
