# The Node.js that builds sinks in JavaScript, with npm beside it: the one that is there, or one from PyPI where that is
# missing or too old.
NODE_VERSION=24.19.0
NODE_LEAST_MAJOR=20
node_is_recent() {
  local version
  version=$(node --version 2>/dev/null) && have npm || return 1
  version=${version#v}
  [ "${version%%.*}" -ge $NODE_LEAST_MAJOR ] 2>/dev/null
}
install_nodejs() { node_is_recent || install_once "nodejs-$NODE_VERSION" install_nodejs; }
nodejs_path() {
  if node_is_recent; then command -v node; else echo "$CACHE/nodejs-$NODE_VERSION/bin/node"; fi
}
