#!/bin/sh
# The RUSTC_WORKSPACE_WRAPPER of `make fuzz`: crates of this workspace, and no others, tell libFuzzer which way they
# took and what they compared. So the dependencies are those that `make test` has compiled. What runs while
# compiling, and what runs as a component, is left as it is. Cargo compiles nothing anew when this file changes.
case " $* " in
  *" --crate-type proc-macro "* | *" --crate-name build_script_"* | *" --target wasm32"*) exec "$@" ;;
  # What cargo asks of the compiler itself.
  *" --crate-name ___ "*) exec "$@" ;;
  # With less, much of what is compared to a constant is not told.
  *" runtime/core/"* | *" runtime/formats/"*) set -- "$@" -Copt-level=2 ;;
  # Of connectors only the settings are read, and to optimise them takes longer than anything else.
  *" runtime/connectors/"*) set -- "$@" -Copt-level=0 ;;
  *" --crate-name "*) ;;
  *) exec "$@" ;;
esac
exec "$@" -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares
