#!/usr/bin/env bash
# Installs what the tests need, once per machine, and says where it is:
#
#   tests/setup.sh [NAME...]     default: all; a NAME is a file of tests/servers
#
# Prints `NAME=PATH` lines on stdout, progress on stderr. The test harness calls this by itself, so
# that a single `cargo test` works too. A file NAME.sh has NAME, which installs, and NAME_path.
TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$TESTS/servers/lib.sh"

known=()
for file in "$TESTS"/servers/*.sh; do
  name=$(basename "$file" .sh)
  [ "$name" = lib ] && continue
  . "$file"
  known+=("$name")
done

[ $# -gt 0 ] || set -- "${known[@]}"
for tool in "$@"; do
  case " ${known[*]} " in
    *" $tool "*) "$tool"; echo "$tool=$("${tool}_path")" ;;
    *) die "I know ${known[*]}, not $tool" ;;
  esac
done
