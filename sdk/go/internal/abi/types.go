// Package abi is what the generated bindings stand on: the contract's types that Go has not, and memory that the host
// writes into.
package abi

// Option is a value, or none.
type Option[T any] struct {
	isSome bool
	value  T
}

// Tags, as the bindings compare them.
const (
	OptionNone uint8 = iota
	OptionSome
)

// Some is an option with a value.
func Some[T any](value T) Option[T] { return Option[T]{true, value} }

// None is an option without.
func None[T any]() Option[T] { return Option[T]{} }

// IsSome tells whether there is a value.
func (o Option[T]) IsSome() bool { return o.isSome }

// IsNone tells whether there is none.
func (o Option[T]) IsNone() bool { return !o.isSome }

// Some is the value, and zero where there is none.
func (o Option[T]) Some() T { return o.value }

// SomeOr is the value, or another.
func (o Option[T]) SomeOr(other T) T {
	if o.isSome {
		return o.value
	}
	return other
}

// Tag is [OptionSome] or [OptionNone].
func (o Option[T]) Tag() uint8 {
	if o.isSome {
		return OptionSome
	}
	return OptionNone
}

// Result is a value, or an error.
type Result[T, E any] struct {
	isErr bool
	value T
	err   E
}

// Tags, as the bindings compare them.
const (
	ResultOk uint8 = iota
	ResultErr
)

// Ok is a result with a value.
func Ok[T, E any](value T) Result[T, E] { return Result[T, E]{value: value} }

// Err is a result with an error.
func Err[T, E any](err E) Result[T, E] { return Result[T, E]{isErr: true, err: err} }

// IsErr tells whether it is an error.
func (r Result[T, E]) IsErr() bool { return r.isErr }

// IsOk tells whether it is a value.
func (r Result[T, E]) IsOk() bool { return !r.isErr }

// Ok is the value.
func (r Result[T, E]) Ok() T { return r.value }

// Err is the error.
func (r Result[T, E]) Err() E { return r.err }

// Tag is [ResultOk] or [ResultErr].
func (r Result[T, E]) Tag() uint8 {
	if r.isErr {
		return ResultErr
	}
	return ResultOk
}

// Unit is a value that says nothing.
type Unit struct{}

// Tuple2 is two values.
type Tuple2[T0, T1 any] struct {
	F0 T0
	F1 T1
}
