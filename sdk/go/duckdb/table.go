// Package duckdb stages rows in tables of a DuckDB database: the capability "duckdb" of sink.toml.
package duckdb

import (
	wasmsink "github.com/wasm-sink/wasm-sink/sdk/go"
	"github.com/wasm-sink/wasm-sink/sdk/go/internal/bridge"
	host "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_duckdb_duckdb"
	types "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_sink_types"
)

// Table lives as long as the instance. A call that answers nil was accepted, and is not durable yet.
type Table struct{ table *host.Table }

// Open names a table: connection is a role in [sink], "default" if there is one; name is a table, or a
// schema and a table joined by a dot; a name with a dot in it stands in double quotes. DuckDB does not tell large letters
// from small ones.
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

// Ensure makes the table if it is missing; otherwise it adds the columns that it lacks.
func (t *Table) Ensure(fields []wasmsink.Field) error {
	there, err := t.Fields()
	if err != nil {
		return err
	}
	if there == nil {
		return t.Create(fields)
	}
	return t.AddColumns(fields)
}

// Create makes the table at once, without rows. Exists with these columns among others: no effect; with other types:
// Invalid.
func (t *Table) Create(fields []wasmsink.Field) error {
	return bridge.Done(t.table.Create(bridge.ToHost(fields)))
}

// AddColumns adds nullable columns at the end, in the epoch's transaction. Same name and a type that takes such values: no effect; other type: Invalid.
func (t *Table) AddColumns(fields []wasmsink.Field) error {
	return bridge.Done(t.table.AddColumns(bridge.ToHost(fields)))
}

// Append stages rows. Columns go by name; one that the rows lack gets its default; an unknown one, or a type that its column
// cannot take, is Invalid and names it. A value that does not fit: the host makes a dead letter of the row.
func (t *Table) Append(rows *wasmsink.Batch) error {
	return bridge.Append(rows, func(handle *types.Batch) bridge.Unit { return t.table.Append(handle) })
}

// Overwrite has the rows that stood here before this pipeline's first commit go with that commit. Once per pipeline and
// table, whoever asks how often; later: no effect.
func (t *Table) Overwrite() error { return bridge.Done(t.table.Overwrite()) }

// WidenColumns gives a column whose type takes not all values of the field's type one that takes those of both. Where
// there is none, and where there is no such column: no effect.
func (t *Table) WidenColumns(fields []wasmsink.Field) error {
	return bridge.Done(t.table.WidenColumns(bridge.ToHost(fields)))
}

// UpsertBy has a row take the place of the one with the same values in these columns, from now on; of several rows in an
// epoch the last one stays. None of them is null: the host makes dead letters of such rows. No column, or after rows of
// an epoch: Invalid.
func (t *Table) UpsertBy(keys ...string) error { return bridge.Done(t.table.UpsertBy(keys)) }
