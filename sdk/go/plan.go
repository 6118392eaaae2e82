package wasmsink

import (
	"github.com/wasm-sink/wasm-sink/sdk/go/internal/abi"
	types "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_sink_types"
)

// Mismatch is what becomes of a value that does not convert. Never a wrapped or truncated value.
type Mismatch uint8

// What can become of it.
const (
	// RejectRow makes a dead letter that names column and value; what a plan does if nothing is said.
	RejectRow Mismatch = iota
	// SetNull puts null there; where the column is not nullable, the row is rejected.
	SetNull
	// Fail has Apply answer Invalid.
	Fail
)

// Plan is the shape of rows, which the host gives them: select, rename, convert, dig into nested values. It is built
// once, for any input. Output columns stand in the order of the calls.
type Plan struct{ plan *types.Plan }

// NewPlan is empty. Make it once, not for each batch: the host keeps it as long as the instance lives.
func NewPlan() *Plan { return &Plan{types.MakePlan()} }

// OnMismatch says what becomes of values that do not convert.
func (p *Plan) OnMismatch(policy Mismatch) { p.plan.OnMismatch(types.Mismatch(policy)) }

// ColumnOption is what may be said of a column of a plan.
type ColumnOption func(*columnOptions)

type columnOptions struct {
	path     []string
	dataType abi.Option[string]
	isNeeded bool
}

// From says where the value stands: struct fields and list indexes. If nothing is said: the column of the same name.
func From(path ...string) ColumnOption {
	return func(options *columnOptions) { options.path = path }
}

// As casts the value to a type, such as "date32". If nothing is said: the type that is found, utf8 for nothing.
func As(dataType string) ColumnOption {
	return func(options *columnOptions) { options.dataType = some(dataType) }
}

// NotNull makes null a mismatch.
func NotNull() ColumnOption {
	return func(options *columnOptions) { options.isNeeded = true }
}

// Column adds one. A missing path gives null.
//
//	plan.Column("day", wasmsink.From("event", "at"), wasmsink.As("date32"))
func (p *Plan) Column(name string, options ...ColumnOption) error {
	said := columnOptions{path: []string{name}, dataType: abi.None[string]()}
	for _, option := range options {
		option(&said)
	}
	return done(p.plan.Column(name, said.path, said.dataType, !said.isNeeded))
}

// Metadata adds a column of "key", "topic", "partition", "offset", "timestamp", "headers", or of "all" as JSON text;
// null where the source has no such thing.
func (p *Plan) Metadata(name, key string) error { return done(p.plan.Metadata(name, key)) }

// JSON adds the value at a path as JSON text; without a path the whole record, without metadata.
func (p *Plan) JSON(name string, path ...string) error { return done(p.plan.Json(name, path)) }

// Rest adds all top-level columns that are not named here and not used as a whole by [Plan.Column].
func (p *Plan) Rest(without ...string) error { return done(p.plan.Rest(without)) }

// Apply shapes rows. Those that do not convert go to the dead letters, and the others come back.
func (p *Plan) Apply(rows *Batch) (*Batch, error) {
	handle, err := rows.borrow()
	if err != nil {
		return nil, err
	}
	return made(func() batchOrError { return p.plan.Apply(handle) }, rows)
}

func done(result abi.Result[abi.Unit, types.Error]) error {
	_, err := answered(result)
	return err
}
