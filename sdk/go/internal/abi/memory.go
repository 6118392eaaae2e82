package abi

import (
	"runtime"
	"unsafe"
)

// Handle is the number of a resource, until it is given back.
type Handle struct{ number int32 }

// MakeHandle takes a number from the host.
func MakeHandle(number int32) *Handle { return &Handle{number} }

// Use is the number, for a call.
func (h *Handle) Use() int32 {
	if h.number == 0 {
		panic("a handle that was given back")
	}
	return h.number
}

// Take is the number, for a call that gives it away.
func (h *Handle) Take() int32 {
	number := h.Use()
	h.number = 0
	return number
}

// TakeOrNil is [Handle.Take], and 0 where it was given away before.
func (h *Handle) TakeOrNil() int32 {
	number := h.number
	h.number = 0
	return number
}

// Set puts a number where there is none.
func (h *Handle) Set(number int32) { h.number = number }

// Allocate makes room that stays where it is until the pinner lets go of it.
func Allocate(pinner *runtime.Pinner, size, _ uintptr) unsafe.Pointer {
	if size == 0 {
		return nil
	}
	pointer := room(size)
	pinner.Pin(pointer)
	return pointer
}

// room is aligned to eight bytes, which is the most that the contract's types ask for.
func room(size uintptr) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(make([]uint64, max(size+7, 8)/8)))
}

// given is what the host has asked for and nothing else refers to, so that it is not collected.
var given []unsafe.Pointer

// Unpin lets go of what the host has asked for: the bindings refer to it now.
func Unpin() {
	clear(given)
	given = given[:0]
}

// reallocate makes room for what the host hands over.
func reallocate(old unsafe.Pointer, oldSize, size uintptr) unsafe.Pointer {
	pointer := room(size)
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(pointer), size), unsafe.Slice((*byte)(old), oldSize))
	}
	given = append(given, pointer)
	return pointer
}

// NoHost is the panic of a call of the host where there is none.
const NoHost = "the host was called, and there is none outside of a component: test what needs no host with `go test`, " +
	"and the rest with `wasm-sink test`"

// At is the pointer to where the host has put something.
func At(address uintptr) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(nil), address) }
