#!/usr/bin/env bash
# Installs what the tests need, once per machine, and says where it is:
#
#   tests/setup.sh [python] [versitygw]     default: all
#
# Prints `NAME=FOLDER` lines on stdout, progress on stderr. The test harness calls this by itself, so
# that a single `cargo test` works too.
TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$TESTS/servers/lib.sh"
. "$TESTS/servers/python.sh"
. "$TESTS/servers/versitygw.sh"

[ $# -gt 0 ] || set -- python versitygw
for tool in "$@"; do
  case $tool in
    python) python; echo "python=$CACHE/$PYTHON/bin/python" ;;
    versitygw) versitygw; echo "versitygw=$CACHE/$VERSITYGW/versitygw" ;;
    *) die "I know python and versitygw, not $tool" ;;
  esac
done
