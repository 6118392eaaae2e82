// Command orders appends orders to a Delta table that is divided by day.
package main

import (
	_ "embed"
	"strings"
	"unicode/utf8"

	wasmsink "github.com/wasm-sink/wasm-sink/sdk/go"
	"github.com/wasm-sink/wasm-sink/sdk/go/delta"
)

//go:embed config.schema.json
var schema string

func init() { wasmsink.Register(schema, open) }

func main() {} // Never runs: the host calls the sink.

type config struct {
	TableName string `json:"table_name"`
}

type sink struct {
	table *delta.Table
	plan  *wasmsink.Plan
}

func open(config config) (*sink, error) {
	table, err := delta.Open("default", config.TableName)
	if err != nil {
		return nil, err
	}
	plan, err := newPlan()
	if err != nil {
		return nil, err
	}
	return &sink{table, plan}, nil
}

// newPlan is what the host does with an order. Its columns are those of the table, in their order: the region is the
// country until it is computed.
func newPlan() (*wasmsink.Plan, error) {
	plan := wasmsink.NewPlan()
	for _, column := range []struct{ name, from, dataType string }{
		{"id", "id", "int64"},
		{"at", "at", "timestamp(us,+00:00)"},
		{"day", "at", "date32"},
		{"country", "country", "utf8"},
		{"region", "country", "utf8"},
		{"email", "email", "utf8"},
		{"amount", "amount", "float64"},
	} {
		if err := plan.Column(column.name, wasmsink.From(column.from), wasmsink.As(column.dataType)); err != nil {
			return nil, err
		}
	}
	return plan, nil
}

func (s *sink) Write(batch *wasmsink.Batch) error {
	shaped, err := s.plan.Apply(batch)
	if err != nil {
		return err
	}
	finished, isNegative, err := finish(shaped)
	if err != nil {
		return err
	}
	negative, orders, err := finished.Divide(isNegative)
	if err != nil {
		return err
	}
	if err := wasmsink.Reject(negative, "negative amount"); err != nil {
		return err
	}
	if err := s.table.Ensure(orders.Fields(), "day"); err != nil {
		return err
	}
	return s.table.Append(orders)
}

// Flush has nothing to stage.
func (s *sink) Flush() error { return nil }

// finish computes what a plan cannot, and tells which orders have a negative amount.
func finish(shaped *wasmsink.Batch) (finished *wasmsink.Batch, isNegative []bool, err error) {
	columns, err := shaped.Read("country", "email", "amount")
	if err != nil {
		return nil, nil, err
	}
	countries, err := wasmsink.ReadColumn[string](columns, "country")
	if err != nil {
		return nil, nil, err
	}
	emails, err := wasmsink.ReadColumn[string](columns, "email")
	if err != nil {
		return nil, nil, err
	}
	amounts, err := wasmsink.ReadColumn[float64](columns, "amount")
	if err != nil {
		return nil, nil, err
	}
	regions := wasmsink.NewColumn[string]("region", "utf8")
	masked := wasmsink.NewColumn[string]("email", "utf8")
	isNegative = make([]bool, shaped.RowCount())
	for row := range isNegative {
		country, _ := countries.Get(row)
		regions.Append(region(country))
		if email, isThere := emails.Get(row); isThere {
			masked.Append(mask(email))
		} else {
			masked.AppendNull()
		}
		amount, _ := amounts.Get(row)
		isNegative[row] = amount < 0
	}
	finished, err = shaped.WithColumns(regions, masked)
	return finished, isNegative, err
}

var regions = map[string]string{
	"DE": "EU", "ES": "EU", "FR": "EU", "IT": "EU", "NL": "EU",
	"CA": "NA", "MX": "NA", "US": "NA",
	"AU": "APAC", "IN": "APAC", "JP": "APAC", "SG": "APAC",
}

func region(country string) string {
	if region, isKnown := regions[country]; isKnown {
		return region
	}
	return "other"
}

// mask keeps the first character of an address, and its domain.
func mask(email string) string {
	name, domain, _ := strings.Cut(email, "@")
	_, first := utf8.DecodeRuneInString(name)
	return name[:first] + "***@" + domain
}
