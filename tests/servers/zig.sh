# zig, which compiles sinks in C: from PyPI.
ZIG_VERSION=0.17.1
install_zig() {
  python_venv "$1/pip"
  "$1/pip/bin/python" -m pip install --quiet --only-binary=:all: --target "$1" "ziglang==$ZIG_VERSION"
  "$1/ziglang/zig" version
}
zig() { install_once "zig-$ZIG_VERSION" install_zig; }
zig_path() { echo "$CACHE/zig-$ZIG_VERSION/ziglang/zig"; }
