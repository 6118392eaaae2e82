//go:build wasip1

package abi

import "unsafe"

//go:wasmexport cabi_realloc
func cabiRealloc(old unsafe.Pointer, oldSize, _, size uintptr) unsafe.Pointer {
	return reallocate(old, oldSize, size)
}
