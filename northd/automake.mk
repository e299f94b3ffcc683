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

# The central daemon beside ovn-northd.
bin_PROGRAMS += northd/ovn-lb-northd
northd_ovn_lb_northd_SOURCES = northd/ovn-lb-northd.c
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
