#!/bin/sh
# Writes host.h and host.c from the contract, with every capability: the linker leaves out what a sink does not use.
#   generated/generate.sh [path of wit-bindgen, 0.60]
set -e
here=$(cd "$(dirname "$0")" && pwd)
world=$(mktemp -d)
trap 'rm -r "$world"' EXIT
cp -r "$here/../../../wit/deps" "$world/deps"
cat > "$world/world.wit" <<'WIT'
package wasm-sink:sdk-c;
world host {
    include wasm-sink:sink/sink-component@0.1.0;
    import wasm-sink:delta/delta@0.1.0;
    import wasm-sink:duckdb/duckdb@0.1.0;
    import wasm-sink:http/http@0.1.0;
    import wasm-sink:kafka/kafka@0.1.0;
    import wasm-sink:postgres/postgres@0.1.0;
}
WIT
"${1:-wit-bindgen}" c "$world" --world host --no-object-file --out-dir "$here"
# The component's type is put in by `wasm-sink build`, with the capabilities of sink.toml, and by no object file.
sed -i '/Ensure that the \*_component_type.o/,$d; /__component_type_object_force_link/,$d' "$here/host.c"
