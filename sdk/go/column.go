package wasmsink

import (
	"bytes"
	"fmt"
	"iter"

	"github.com/wasm-sink/wasm-sink/sdk/go/internal/arrow"
)

// Decimal is an exact decimal number of up to 38 digits.
type Decimal = arrow.Decimal

// ParseDecimal reads a number such as "-12.50", whose scale is 2.
func ParseDecimal(text string) (Decimal, error) { return arrow.ParseDecimal(text) }

// Entry is a key of a map, with its value.
type Entry = arrow.Entry

// Column is a value of one type of Go, or null, for each row.
//
//	boolean                                 bool
//	int8 … int64, uint8 … uint64            every integer type that holds the values; float64 where it is exact
//	float16, float32, float64               float64; float32 if no wider
//	utf8, large_utf8                        string
//	binary, large_binary, fixed_size_binary []byte
//	date32, date64, timestamp               time.Time, read in UTC
//	time32, time64, duration                time.Duration; of a time since midnight
//	decimal                                 Decimal
//	list, fixed_size_list                   []any
//	struct                                  map[string]any
//	map                                     []Entry
//
// With any, numbers are int64, uint64 or float64, and null is nil; a json.Number, as [Records] gives it, is written as a
// number, too. A time that is written is cut to the unit of the type; what else does not fit is an error.
type Column[T any] struct {
	name     string
	dataType string
	isNeeded bool
	values   []T
	// valid has a bit for each value that is not null; nil: none is.
	valid []byte
}

// AnyColumn is a [Column] of whatever type.
type AnyColumn interface {
	// Name of the column.
	Name() string
	// Len is the number of values, nulls among them.
	Len() int
	encode() (arrow.Field, *arrow.Array, error)
}

// NewColumn is without values, which are appended; dataType is the contract's text, such as "utf8".
func NewColumn[T any](name, dataType string) *Column[T] {
	return &Column[T]{name: name, dataType: dataType, values: make([]T, 0, likelyRows)}
}

// likelyRows is how many rows the last batch had that was looked at: so many values are about to be appended.
var likelyRows int

// ColumnOf has these values and no nulls.
func ColumnOf[T any](name, dataType string, values []T) *Column[T] {
	return &Column[T]{name: name, dataType: dataType, values: values}
}

// Source is what columns are read from: a [*Batch], or [*Columns] where several are.
type Source interface {
	column(name string) (*arrow.Array, error)
}

// ReadColumn reads a column of a batch. One that is missing, or of another type, is [Invalid].
func ReadColumn[T any](from Source, name string) (*Column[T], error) {
	array, err := from.column(name)
	if err != nil {
		return nil, err
	}
	values, err := arrow.Values[T](array)
	if err != nil {
		return nil, Errorf(Invalid, "column `%s` %w", name, err)
	}
	likelyRows = array.Len
	column := ColumnOf(name, array.Type.String(), values)
	column.valid = array.Valid
	if array.Type.Kind == arrow.Null {
		column.valid = make([]byte, (array.Len+7)/8)
	}
	return column, nil
}

// Columns of a batch, copied out of the host.
type Columns struct{ table *arrow.Table }

// Read copies several columns at once, for [ReadColumn]; all if none is named.
func (b *Batch) Read(columns ...string) (*Columns, error) {
	stream, err := b.IPC(columns...)
	if err != nil {
		return nil, err
	}
	table, err := arrow.Read(stream)
	if err != nil {
		return nil, Errorf(Invalid, "the batch: %w", err)
	}
	return &Columns{table}, nil
}

func (b *Batch) column(name string) (*arrow.Array, error) {
	columns, err := b.Read(name)
	if err != nil {
		return nil, err
	}
	return columns.column(name)
}

func (c *Columns) column(name string) (*arrow.Array, error) {
	if array := c.table.Column(name); array != nil {
		return array, nil
	}
	return nil, Errorf(Invalid, "column `%s` was not read: name it in the call of Read", name)
}

// Name of the column.
func (c *Column[T]) Name() string { return c.name }

// DataType is the contract's text of its type.
func (c *Column[T]) DataType() string { return c.dataType }

// Len is the number of values, nulls among them.
func (c *Column[T]) Len() int { return len(c.values) }

// Get is the value of a row; isThere is false where it is null.
func (c *Column[T]) Get(row int) (value T, isThere bool) {
	if c.IsNull(row) {
		return value, false
	}
	return c.values[row], true
}

// IsNull tells whether a row has no value.
func (c *Column[T]) IsNull(row int) bool {
	return c.valid != nil && c.valid[row>>3]>>(row&7)&1 == 0
}

// Nulls counts them.
func (c *Column[T]) Nulls() int { return arrow.NullsOf(c.valid, len(c.values)) }

// Values of all rows; the zero value stands for null. The list is the column's own.
func (c *Column[T]) Values() []T { return c.values }

// All gives each row with its value; nil for null.
//
//	for row, amount := range amounts.All() { … }
func (c *Column[T]) All() iter.Seq2[int, *T] {
	return func(yield func(int, *T) bool) {
		for row := range c.values {
			value := &c.values[row]
			if c.IsNull(row) {
				value = nil
			}
			if !yield(row, value) {
				return
			}
		}
	}
}

// Append adds a row with a value.
func (c *Column[T]) Append(value T) {
	c.values = append(c.values, value)
	if c.valid != nil {
		c.mark(true)
	}
}

// AppendNull adds a row without one.
func (c *Column[T]) AppendNull() {
	if c.valid == nil {
		c.valid = bytes.Repeat([]byte{0xff}, (len(c.values)+7)/8)
	}
	var none T
	c.values = append(c.values, none)
	c.mark(false)
}

// mark says of the last row whether it has a value.
func (c *Column[T]) mark(isThere bool) {
	row := len(c.values) - 1
	if row>>3 == len(c.valid) {
		c.valid = append(c.valid, 0)
	}
	c.valid[row>>3] &^= 1 << (row & 7)
	if isThere {
		c.valid[row>>3] |= 1 << (row & 7)
	}
}

// NotNull makes a column that allows no nulls of this one.
func (c *Column[T]) NotNull() *Column[T] {
	c.isNeeded = true
	return c
}

func (c *Column[T]) encode() (field arrow.Field, array *arrow.Array, err error) {
	field = arrow.Field{Name: c.name, Nullable: !c.isNeeded}
	if field.Type, err = arrow.Parse(c.dataType); err != nil {
		return field, nil, err
	}
	if c.isNeeded && c.Nulls() > 0 {
		return field, nil, fmt.Errorf("it is NotNull, and there are %d nulls in it", c.Nulls())
	}
	array, err = arrow.Make(field.Type, c.values, c.valid)
	return field, array, err
}
