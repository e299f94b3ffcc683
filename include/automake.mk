# SPDX-License-Identifier: Apache-2.0

noinst_HEADERS += \
	include/ovn/action-opcodes.def \
	include/ovn/actions.def \
	include/ovn/actions.h \
	include/ovn/dialect.h \
	include/ovn/expr.h \
	include/ovn/gen-opts.h \
	include/ovn/group.h \
	include/ovn/lex.h \
	include/ovn/logical-fields.h
