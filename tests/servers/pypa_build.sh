# What makes packages for PyPI of sdk/python: the front end `build`, and the back end that its pyproject.toml names.
PYPA_BUILD_VERSION=1.6.1
FLIT_CORE_VERSION=4.2.0
PYPA_BUILD=pypa_build-$PYPA_BUILD_VERSION-$FLIT_CORE_VERSION
install_pypa_build() {
  python_venv "$1"
  "$1/bin/python" -m pip install --quiet --only-binary=:all: \
    "build==$PYPA_BUILD_VERSION" "flit_core==$FLIT_CORE_VERSION" packaging==26.4 pyproject_hooks==1.3.3
  "$1/bin/python" -m build --version
}
pypa_build() { install_once "$PYPA_BUILD" install_pypa_build; }
pypa_build_path() { echo "$CACHE/$PYPA_BUILD/bin/python"; }
