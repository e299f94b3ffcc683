#! /bin/sh
# SPDX-License-Identifier: Apache-2.0

# Generates "configure" and what it needs from the files under version
# control.  To be run once in a fresh clone; a release tarball comes with it
# done.
set -e
cd "$(dirname "$0")"
exec autoreconf --install --force "$@"
