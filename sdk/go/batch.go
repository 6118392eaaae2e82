package wasmsink

import (
	"slices"
	"unsafe"

	"github.com/wasm-sink/wasm-sink/sdk/go/internal/abi"
	"github.com/wasm-sink/wasm-sink/sdk/go/internal/arrow"
	types "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_sink_types"
)

// Field is one column of a schema.
type Field struct {
	// Name of the column; case counts.
	Name string
	// DataType is the text that pipeline.toml uses: "int64", "decimal(10,2)", "timestamp(us,+00:00)", "list<utf8>".
	DataType string
	// Nullable tells whether nulls are allowed.
	Nullable bool
}

// Span is where a batch came from: one partition of a source. Positions are opaque text.
type Span struct {
	// Source is its identity, Partition the part of it.
	Source, Partition string
	// First is the position before the first row, "" where the partition begins; Last that after the last row.
	First, Last string
}

// Part is the rows of a batch that have one value in a column.
type Part struct {
	// Value as text; nil for null.
	Value *string
	Rows  *Batch
}

// Batch is a handle to rows in the host's memory. They cannot be changed, and live until [Sink.Flush] has returned:
// what is to be kept for longer is copied out of them. Handles are freed by themselves.
type Batch struct {
	handle *types.Batch
	epoch  uint64
	rows   int
}

// RowCount is the number of rows, which may be 0.
func (b *Batch) RowCount() int {
	if b.rows < 0 {
		b.rows = int(b.mustBorrow().RowCount())
	}
	likelyRows = b.rows
	return b.rows
}

// Origin is where the rows are from; nil for those that came from [FromIPC] or [NewBatch].
func (b *Batch) Origin() *Span {
	origin := b.mustBorrow().Origin()
	if origin.IsNone() {
		return nil
	}
	span := Span(origin.Some())
	return &span
}

// SchemaID is equal for batches of equal schema in this instance; for caches.
func (b *Batch) SchemaID() uint32 { return b.mustBorrow().SchemaId() }

// Fields are the columns, in order.
func (b *Batch) Fields() []Field {
	fields := b.mustBorrow().Fields()
	ours := make([]Field, len(fields))
	for i, field := range fields {
		ours[i] = Field(field)
	}
	return ours
}

// Has tells whether there is a column of that name.
func (b *Batch) Has(column string) bool {
	return slices.ContainsFunc(b.Fields(), func(field Field) bool { return field.Name == column })
}

// Slice is so many rows from an offset on.
func (b *Batch) Slice(offset, length int) (*Batch, error) {
	if offset < 0 || length < 0 || offset+length > b.RowCount() {
		return nil, Errorf(Invalid, "Slice(%d, %d) of a batch of %d rows", offset, length, b.RowCount())
	}
	handle, err := b.borrow()
	if err != nil {
		return nil, err
	}
	return made(func() batchOrError { return handle.Slice(uint32(offset), uint32(length)) }, b)
}

// Filter keeps the rows that have true in the list, which has one for each row.
func (b *Batch) Filter(keep []bool) (*Batch, error) {
	handle, err := b.borrow()
	if err != nil {
		return nil, err
	}
	if len(keep) != b.RowCount() {
		return nil, Errorf(Invalid, "Filter got %d values for %d rows: one for each row is needed", len(keep), b.RowCount())
	}
	// A bool of Go is a byte, 0 or 1, which is what the contract wants.
	mask := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(keep))), len(keep))
	return made(func() batchOrError { return handle.Filter(mask) }, b)
}

// Divide is [Batch.Filter] both ways: the rows that have true in the list, and the others.
func (b *Batch) Divide(keep []bool) (kept, others *Batch, err error) {
	if kept, err = b.Filter(keep); err != nil {
		return nil, nil, err
	}
	opposite := make([]bool, len(keep))
	for row, is := range keep {
		opposite[row] = !is
	}
	others, err = b.Filter(opposite)
	return kept, others, err
}

// Split gives the rows for each value of a column, in order of first appearance.
func (b *Batch) Split(column string) ([]Part, error) {
	handle, err := b.borrow()
	if err != nil {
		return nil, err
	}
	split, err := answered(handle.Split(column))
	if err != nil {
		return nil, err
	}
	parts := make([]Part, len(split))
	for i, pair := range split {
		if pair.F0.IsSome() {
			value := pair.F0.Some()
			parts[i].Value = &value
		}
		parts[i].Rows = adopt(pair.F1)
	}
	return parts, nil
}

// WithColumns gives the same rows with these columns, which take the place of those of the same name, or come last.
// Each row remembers the record that it is from, which is not so for [NewBatch] alone.
func (b *Batch) WithColumns(columns ...AnyColumn) (*Batch, error) {
	if len(columns) == 0 {
		return b, nil
	}
	for _, column := range columns {
		if column.Len() != b.RowCount() {
			return nil, Errorf(Invalid, "column `%s` has %d values, the batch %d rows: append a value or a null for each row",
				column.Name(), column.Len(), b.RowCount())
		}
	}
	added, err := NewBatch(columns...)
	if err != nil {
		return nil, err
	}
	defer added.free()
	return b.WithColumnsOf(added)
}

// WithColumnsOf is [Batch.WithColumns] with those of another batch of as many rows.
func (b *Batch) WithColumnsOf(other *Batch) (*Batch, error) {
	handle, err := b.borrow()
	if err != nil {
		return nil, err
	}
	columns, err := other.borrow()
	if err != nil {
		return nil, err
	}
	return made(func() batchOrError { return handle.WithColumns(columns) }, b, other)
}

// IPC is the columns, all if none is named, as an Arrow IPC stream.
func (b *Batch) IPC(columns ...string) ([]byte, error) {
	handle, err := b.borrow()
	if err != nil {
		return nil, err
	}
	return answered(handle.Ipc(columns))
}

// FromIPC makes a batch of an Arrow IPC stream in the form that [Batch.IPC] gives.
func FromIPC(stream []byte) (*Batch, error) {
	return made(func() batchOrError { return types.BatchFromIpc(stream) })
}

// NewBatch makes a batch of columns of the same length.
func NewBatch(columns ...AnyColumn) (*Batch, error) {
	var table arrow.Table
	for i, column := range columns {
		field, array, err := column.encode()
		if err != nil {
			return nil, Errorf(Invalid, "column `%s`: %w", column.Name(), err)
		}
		if i > 0 && array.Len != table.Rows {
			return nil, Errorf(Invalid, "column `%s` has %d values, `%s` has %d",
				column.Name(), array.Len, columns[0].Name(), table.Rows)
		}
		table.Rows = array.Len
		table.Fields = append(table.Fields, field)
		table.Columns = append(table.Columns, array)
	}
	return FromIPC(arrow.Write(&table))
}

type batchOrError = abi.Result[*types.Batch, types.Error]

// answered makes of the contract's result the two values that Go knows.
func answered[T any](result abi.Result[T, types.Error]) (value T, err error) {
	if result.IsErr() {
		return value, failure(result.Err())
	}
	return result.Ok(), nil
}

func some[T any](value T) abi.Option[T] { return abi.Some(value) }
