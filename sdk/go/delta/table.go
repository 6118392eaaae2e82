// Package delta stages rows in tables of a Delta Lake: the capability "delta" of sink.toml.
package delta

import (
	wasmsink "github.com/wasm-sink/wasm-sink/sdk/go"
	"github.com/wasm-sink/wasm-sink/sdk/go/internal/bridge"
	host "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_delta_delta"
	types "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_sink_types"
)

// Table lives as long as the instance. A call that answers nil was accepted, and is not durable yet.
type Table struct{ table *host.Table }

// Open names a table: connection is a role in [sink], "default" if there is one; name is below the
// connection's path, "" for the path itself.
// Unknown role: Denied. A bad name: Invalid. A missing table is no error.
func Open(connection, name string) (*Table, error) {
	table, err := bridge.Value(host.TableOpen(connection, name))
	if err != nil {
		return nil, err
	}
	return &Table{table}, nil
}

// Fields are the columns as committed, plus what this instance has staged; nil: there is no table yet.
func (t *Table) Fields() ([]wasmsink.Field, error) {
	return bridge.FromHost[wasmsink.Field](t.table.Fields())
}

// Ensure makes the table if it is missing, divided by the values of some columns; otherwise it adds the columns that it
// lacks.
func (t *Table) Ensure(fields []wasmsink.Field, partitionBy ...string) error {
	there, err := t.Fields()
	if err != nil {
		return err
	}
	if there == nil {
		return t.Create(fields, partitionBy...)
	}
	return t.AddColumns(fields)
}

// Create makes the table by a commit of the host, before this epoch's files. Exists with the same columns: no effect;
// with others: Invalid.
func (t *Table) Create(fields []wasmsink.Field, partitionBy ...string) error {
	return bridge.Done(t.table.Create(bridge.ToHost(fields), partitionBy))
}

// AddColumns adds nullable columns at the end, before this epoch's files. Same name and a type that takes such values: no effect; other type: Invalid.
func (t *Table) AddColumns(fields []wasmsink.Field) error {
	return bridge.Done(t.table.AddColumns(bridge.ToHost(fields)))
}

// Append stages rows. Columns go by name; a missing nullable one is null; an unknown one, or another type, is Invalid and
// names it. Null in a non-nullable column: the host makes a dead letter of the row.
func (t *Table) Append(rows *wasmsink.Batch) error {
	return bridge.Append(rows, func(handle *types.Batch) bridge.Unit { return t.table.Append(handle) })
}

// Overwrite has the rows that stood here before this pipeline's first commit go with that commit. Once per pipeline and
// table, whoever asks how often; later: no effect.
func (t *Table) Overwrite() error { return bridge.Done(t.table.Overwrite()) }
