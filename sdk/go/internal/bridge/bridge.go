// Package bridge is what the packages of the capabilities need of the SDK's inside.
package bridge

import (
	"github.com/wasm-sink/wasm-sink/sdk/go/internal/abi"
	types "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_sink_types"
)

// Borrow gives the handle of a *wasmsink.Batch, Records each of its rows in JSON, and Failure makes a *wasmsink.Error. Set
// by package wasmsink.
var (
	Borrow  func(batch any) (*types.Batch, error)
	Records func(batch any) ([]string, error)
	Failure func(types.Error) error
)

// Unit is what the contract answers where it has nothing to say.
type Unit = abi.Result[abi.Unit, types.Error]

// Field is wasmsink.Field.
type Field interface {
	~struct {
		Name     string
		DataType string
		Nullable bool
	}
}

// Value makes of the contract's result the two values that Go knows.
func Value[T any](result abi.Result[T, types.Error]) (value T, err error) {
	if result.IsErr() {
		return value, Failure(result.Err())
	}
	return result.Ok(), nil
}

// Done is [Value] of a call that has none.
func Done(result Unit) error {
	_, err := Value(result)
	return err
}

// Append stages rows with a function that takes their handle.
func Append(rows any, stage func(*types.Batch) Unit) error {
	handle, err := Borrow(rows)
	if err != nil {
		return err
	}
	return Done(stage(handle))
}

// ToHost gives fields as the contract has them.
func ToHost[F Field](fields []F) []types.Field {
	theirs := make([]types.Field, len(fields))
	for i, field := range fields {
		theirs[i] = types.Field(field)
	}
	return theirs
}

// FromHost gives the fields of a table; nil where there is no table.
func FromHost[F Field](result abi.Result[abi.Option[[]types.Field], types.Error]) ([]F, error) {
	fields, err := Value(result)
	if err != nil || fields.IsNone() {
		return nil, err
	}
	ours := make([]F, len(fields.Some()))
	for i, field := range fields.Some() {
		ours[i] = F(field)
	}
	return ours, nil
}
