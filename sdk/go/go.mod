module github.com/wasm-sink/wasm-sink/sdk/go

go 1.24
