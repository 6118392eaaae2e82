// Command my-sink appends rows to a Delta table, each with a column `size` that says how large its amount is.
package main

import (
	_ "embed"
	"errors"
	"strings"
	"time"

	wasmsink "github.com/wasm-sink/wasm-sink/sdk/go"
	"github.com/wasm-sink/wasm-sink/sdk/go/delta"
)

//go:embed config.schema.json
var schema string

func init() { wasmsink.Register(schema, open) }

func main() {} // Never runs: the host calls the sink.

type config struct {
	TableName string  `json:"table_name"`
	Minimum   float64 `json:"minimum"`
}

// Validate finds what the schema cannot say.
func (c config) Validate() []wasmsink.Problem {
	if strings.HasPrefix(c.TableName, ".") {
		help := "write `" + strings.TrimLeft(c.TableName, ".") + "`"
		return []wasmsink.Problem{{Path: []string{"table_name"}, Message: "a table's name does not begin with a dot", Help: help}}
	}
	return nil
}

type sink struct {
	table   *delta.Table
	minimum float64
}

func open(config config) (*sink, error) {
	table, err := delta.Open("default", config.TableName)
	if err != nil {
		return nil, err
	}
	return &sink{table, config.Minimum}, nil
}

func (s *sink) Write(batch *wasmsink.Batch) error {
	wasmsink.CommitWithin(time.Second)
	amounts, err := wasmsink.ReadColumn[float64](batch, "amount")
	if errors.Is(err, wasmsink.Invalid) { // There is no such column, or it holds no numbers.
		return wasmsink.Reject(batch, err.Error())
	}
	if err != nil {
		return err
	}

	isBelow := make([]bool, batch.RowCount())
	sizes := wasmsink.NewColumn[string]("size", "utf8")
	for row, amount := range amounts.All() {
		if amount == nil {
			sizes.AppendNull()
			continue
		}
		isBelow[row] = *amount < s.minimum
		sizes.Append(size(*amount))
	}

	sized, err := batch.WithColumns(sizes)
	if err != nil {
		return err
	}
	below, rows, err := sized.Divide(isBelow)
	if err != nil {
		return err
	}
	if err := wasmsink.Reject(below, "amount below the minimum"); err != nil {
		return err
	}
	if err := s.table.Ensure(rows.Fields()); err != nil {
		return err
	}
	return s.table.Append(rows)
}

// Flush would stage what Write has held back, before the host commits; here nothing is.
func (s *sink) Flush() error { return nil }

func size(amount float64) string {
	switch {
	case amount < 100:
		return "small"
	case amount < 500:
		return "medium"
	}
	return "large"
}
