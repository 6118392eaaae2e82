//go:build wasip1

package abi

import "unsafe"

// line is where the adapter (sdk/adapter) joins what is printed piece by piece, as Go's own reports of a crash are.
var line [4096]byte

func init() { lendLine(unsafe.Pointer(&line), uint32(len(line))) }

//go:wasmimport wasi_snapshot_preview1 lend_line
//go:noescape
func lendLine(to unsafe.Pointer, length uint32)

// EndLine writes what was printed without an end of line.
//
//go:wasmimport wasi_snapshot_preview1 end_line
func EndLine()
