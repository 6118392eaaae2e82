//go:build wasip1

package wasmsink

// What the host calls.
import _ "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wit_exports"
