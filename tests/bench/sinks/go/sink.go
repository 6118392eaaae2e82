// Command bench gives orders their region, and takes the names of those who ordered: work by handle, on columns, on
// records.
package main

import (
	_ "embed"
	"strings"
	"unicode/utf8"

	wasmsink "github.com/wasm-sink/wasm-sink/sdk/go"
)

//go:embed config.schema.json
var schema string

func init() { wasmsink.Register(schema, open) }

func main() {} // Never runs: the host calls the sink.

// minimum is what one order in a hundred is below: the generator has no negative amounts.
const minimum = 10

type config struct {
	Work string `json:"work"`
}

type sink struct {
	work string
	plan *wasmsink.Plan
	keep []bool
}

func open(config config) (*sink, error) {
	plan, err := newPlan()
	if err != nil {
		return nil, err
	}
	return &sink{work: config.Work, plan: plan}, nil
}

// newPlan is what the host does with an order: the region is the country until it is computed.
func newPlan() (*wasmsink.Plan, error) {
	plan := wasmsink.NewPlan()
	for _, column := range []struct {
		name     string
		from     []string
		dataType string
	}{
		{"id", []string{"id"}, "utf8"},
		{"at", []string{"at"}, "timestamp(us,+00:00)"},
		{"day", []string{"at"}, "date32"},
		{"country", []string{"detail", "country"}, "utf8"},
		{"region", []string{"detail", "country"}, "utf8"},
		{"user", []string{"user"}, "utf8"},
		{"amount", []string{"amount"}, "float64"},
	} {
		if err := plan.Column(column.name, wasmsink.From(column.from...), wasmsink.As(column.dataType)); err != nil {
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
	switch s.work {
	case "handle":
		return s.byHandle(shaped)
	case "columns":
		return finish(shaped, byColumns)
	default:
		return finish(shaped, byRows)
	}
}

// Flush has nothing to stage.
func (s *sink) Flush() error { return nil }

// byHandle takes all but each tenth row, and half of those.
func (s *sink) byHandle(shaped *wasmsink.Batch) error {
	rows := shaped.RowCount()
	if len(s.keep) != rows {
		s.keep = make([]bool, rows)
		for row := range s.keep {
			s.keep[row] = row%10 != 0
		}
	}
	kept, err := shaped.Filter(s.keep)
	if err != nil {
		return err
	}
	if _, err := kept.Slice(0, kept.RowCount()/2); err != nil {
		return err
	}
	wasmsink.Skip(rows, "measured")
	return nil
}

// computed is what was made of the orders of a batch.
type computed struct {
	regions, users *wasmsink.Column[string]
	isSmall        []bool
}

// finish puts it back, and divides small orders from the others.
func finish(shaped *wasmsink.Batch, compute func(*wasmsink.Batch, *computed) error) error {
	orders := computed{
		regions: wasmsink.NewColumn[string]("region", "utf8"),
		users:   wasmsink.NewColumn[string]("user", "utf8"),
		isSmall: make([]bool, shaped.RowCount()),
	}
	if err := compute(shaped, &orders); err != nil {
		return err
	}
	finished, err := shaped.WithColumns(orders.regions, orders.users)
	if err != nil {
		return err
	}
	small, others, err := finished.Divide(orders.isSmall)
	if err != nil {
		return err
	}
	wasmsink.Skip(small.RowCount(), "a small amount")
	wasmsink.Skip(others.RowCount(), "measured")
	return nil
}

func byColumns(shaped *wasmsink.Batch, orders *computed) error {
	columns, err := shaped.Read("country", "user", "amount")
	if err != nil {
		return err
	}
	countries, err := wasmsink.ReadColumn[string](columns, "country")
	if err != nil {
		return err
	}
	users, err := wasmsink.ReadColumn[string](columns, "user")
	if err != nil {
		return err
	}
	amounts, err := wasmsink.ReadColumn[float64](columns, "amount")
	if err != nil {
		return err
	}
	for row := range orders.isSmall {
		country, _ := countries.Get(row)
		orders.regions.Append(region(country))
		if user, isThere := users.Get(row); isThere {
			orders.users.Append(mask(user))
		} else {
			orders.users.AppendNull()
		}
		amount, isThere := amounts.Get(row)
		orders.isSmall[row] = isThere && amount < minimum
	}
	return nil
}

type order struct {
	Country string   `json:"country"`
	User    *string  `json:"user"`
	Amount  *float64 `json:"amount"`
}

func byRows(shaped *wasmsink.Batch, orders *computed) error {
	records, err := wasmsink.Records[order](shaped)
	if err != nil {
		return err
	}
	for row, order := range records {
		orders.regions.Append(region(order.Country))
		if order.User != nil {
			orders.users.Append(mask(*order.User))
		} else {
			orders.users.AppendNull()
		}
		orders.isSmall[row] = order.Amount != nil && *order.Amount < minimum
	}
	return nil
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

// mask keeps the first character of the name, and the number.
func mask(user string) string {
	name, number, _ := strings.Cut(user, "-")
	_, first := utf8.DecodeRuneInString(name)
	return name[:first] + "***-" + number
}
