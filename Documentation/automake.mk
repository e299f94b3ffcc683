# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += \
	Documentation/conf.py \
	Documentation/howto/add-a-packet-in-service.rst \
	Documentation/howto/add-a-southbound-table.rst \
	Documentation/howto/add-a-test.rst \
	Documentation/howto/add-an-action.rst \
	Documentation/index.rst \
	Documentation/internals/release-process.rst \
	Documentation/internals/tests-of-rooms.rst \
	Documentation/ovn-controller.8.rst \
	Documentation/ovn-lb-northd.8.rst \
	Documentation/ovn-trace.8.rst \
	Documentation/quickstart.rst \
	Documentation/testing.rst \
	Documentation/topics/ct-lb-mark-local.rst \
	Documentation/topics/debugging-local-lb.rst \
	Documentation/topics/design.rst \
	Documentation/topics/differences.rst \
	Documentation/topics/distributed-routers.rst \
	Documentation/topics/engine.rst \
	Documentation/topics/evpn.rst \
	Documentation/topics/glossary.rst

# Manual pages are written in reStructuredText.
man_pages = \
	Documentation/ovn-controller.8 \
	Documentation/ovn-lb-northd.8 \
	Documentation/ovn-trace.8
if HAVE_RST2MAN
nodist_man_MANS = $(man_pages)
CLEANFILES += $(man_pages)
endif

Documentation/%.8: Documentation/%.8.rst
	$(AM_V_GEN)$(MKDIR_P) Documentation && \
	$(RST2MAN) --halt=warning $< > $@.tmp && mv $@.tmp $@

# The whole folder as a web site, for those who have Sphinx.
SPHINX_BUILD = sphinx-build
html-local:
	$(SPHINX_BUILD) -q -W --keep-going -b html '$(srcdir)/Documentation' \
	  Documentation/html
OVN_CLEAN_LOCAL += clean-html
clean-html:
	rm -rf Documentation/html
