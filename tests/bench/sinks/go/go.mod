module bench

go 1.24

require github.com/wasm-sink/wasm-sink/sdk/go v0.1.0

// The SDK that belongs to the host: `wasm-sink build` writes it there.
replace github.com/wasm-sink/wasm-sink/sdk/go => ./build/sdk
