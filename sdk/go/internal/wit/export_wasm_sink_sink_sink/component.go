// Package export_wasm_sink_sink_sink is what the generated exports call; its name is theirs.
package export_wasm_sink_sink_sink

import (
	"github.com/wasm-sink/wasm-sink/sdk/go/internal/abi"
	sink "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_sink_sink"
	types "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_sink_types"
)

// Component is what answers; set by package wasmsink.
var Component interface {
	ConfigSchema() string
	Validate(config string) []sink.Problem
	Open(config string) *types.Error
	Write(rows *types.Batch) *types.Error
	Flush() *types.Error
}

type result = abi.Result[abi.Unit, types.Error]

func told(err *types.Error) result {
	if err != nil {
		return abi.Err[abi.Unit](*err)
	}
	return abi.Ok[abi.Unit, types.Error](abi.Unit{})
}

// ConfigSchema is called by the host, as are all that follow.
func ConfigSchema() string { return Component.ConfigSchema() }

// Validate looks at a configuration.
func Validate(config string) []sink.Problem {
	abi.Unpin()
	return Component.Validate(config)
}

// Open makes the sink.
func Open(config string) result {
	abi.Unpin()
	return told(Component.Open(config))
}

// Write takes rows.
func Write(rows *types.Batch) result {
	abi.Unpin()
	return told(Component.Write(rows))
}

// Flush stages what is held.
func Flush() result { return told(Component.Flush()) }
