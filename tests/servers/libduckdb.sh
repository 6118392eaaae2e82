# What every build with the feature `duckdb` links, not the tests alone: the shared library as it stands in
# the package for Node.js. Its version goes with that of the crate libduckdb-sys: 1.5.6 is 1.10506.
LIBDUCKDB_VERSION=1.5.6-r.1
libduckdb_platform() {
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) echo linux-x64 ;;
    Linux-aarch64) echo linux-arm64 ;;
    Darwin-arm64) echo darwin-arm64 ;;
    *) die "there is no libduckdb for $(uname -s) on $(uname -m): set DUCKDB_LIB_DIR to a folder with DuckDB 1.5.6" ;;
  esac
}
install_libduckdb() {
  need npm npm
  local package
  cd "$1"
  package=$(npm pack --silent "@duckdb/node-bindings-$(libduckdb_platform)@$LIBDUCKDB_VERSION")
  tar -xzf "$package"
  mv package/libduckdb.* package/LICENSE .
  rm -r package "$package"
}
libduckdb() { install_once "libduckdb-$LIBDUCKDB_VERSION" install_libduckdb; }
libduckdb_path() { echo "$CACHE/libduckdb-$LIBDUCKDB_VERSION"; }
