#!/usr/bin/env bash
# Installs Quix Streams, for `make bench` alone, and prints `quix=PATH`: the Python that has it.
TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$TESTS/servers/lib.sh"

WANTED=$TESTS/bench/quix_requirements.txt
QUIX=quix-$(sha256sum "$WANTED" | cut -c1-12)
install_quix() {
  python_venv "$1"
  "$1/bin/python" -m pip install --quiet --only-binary=:all: --requirement "$WANTED"
  "$1/bin/python" -c 'import quixstreams'
}
install_once "$QUIX" install_quix
echo "quix=$CACHE/$QUIX/bin/python"
