#!/usr/bin/env bash
# Compiles the sink: `build.sh` as it is, `build.sh next` the next version of it.
set -euo pipefail
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-../../target/components}
case ${1:-} in
  "") features=() into=payments.wasm ;;
  next) features=(--features next) into=payments_next.wasm ;;
  *) echo "usage: $0 [next]" >&2; exit 2 ;;
esac
cargo build --quiet --locked --manifest-path sink/Cargo.toml --target wasm32-wasip2 --profile component \
  --target-dir "$target" "${features[@]}"
# In one step: `run --watch` may be looking.
cp "$target/wasm32-wasip2/component/wasm_sink_example_hot_swap.wasm" "$into.new"
mv "$into.new" "$into"
echo "$into"
