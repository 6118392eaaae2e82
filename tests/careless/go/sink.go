// Command careless is a sink with the mistakes that people make, one at a time: `wasm-sink test` has to find each.
//
// Rows have an `id` and a `name`.
package main

import (
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	wasmsink "github.com/wasm-sink/wasm-sink/sdk/go"
	"github.com/wasm-sink/wasm-sink/sdk/go/delta"
)

//go:embed config.schema.json
var schema string

func init() { wasmsink.Register(schema, open) }

func main() {}

type config struct {
	Mistake string `json:"mistake"`
}

type sink struct {
	mistake string
	table   *delta.Table
	isMade  bool
	held    *wasmsink.Batch
	rows    int
	ready   chan struct{}
}

func open(config config) (*sink, error) {
	table, err := delta.Open("default", "t")
	if err != nil {
		return nil, err
	}
	return &sink{mistake: config.Mistake, table: table, ready: make(chan struct{})}, nil
}

func (s *sink) Write(batch *wasmsink.Batch) error {
	switch s.mistake {
	case "swallows-errors":
		_ = s.append(batch)
		return nil
	case "panics-on-errors":
		if err := s.append(batch); err != nil {
			panic(err)
		}
		return nil
	case "loses-rows": // The second half of each batch.
		half, err := batch.Slice(0, batch.RowCount()/2)
		if err != nil {
			return err
		}
		return s.append(half)
	case "forgets-flush": // Holds the last batch back, and never lets go of it.
		before := s.held
		s.held = batch
		if before == nil {
			return nil
		}
		return s.append(before)
	case "takes-chance":
		chance := rand.Int64()
		return s.appendNumbered(batch, func(int) int64 { return chance })
	case "counts-rows": // Across epochs.
		before := s.rows
		s.rows += batch.RowCount()
		return s.appendNumbered(batch, func(row int) int64 { return int64(before + row) })
	case "keeps-batches": // From one epoch to the next.
		if s.held == nil {
			s.held = batch
		}
		s.rows += s.held.RowCount()
		if _, err := s.held.IPC(); err != nil {
			return err
		}
		return s.append(batch)
	case "panics-without-rows":
		if batch.RowCount() == 0 {
			panic("there are rows")
		}
		return s.append(batch)
	case "panics-on-nulls":
		ids, err := read(batch, "id")
		if err != nil {
			return err
		}
		alongside(func() {
			if ids != nil && ids.Nulls() > 0 {
				panic("every row has an id")
			}
		})
		return s.append(batch)
	case "needs-a-column":
		names, err := read(batch, "name")
		if err != nil {
			return err
		}
		alongside(func() {
			if names == nil {
				panic("every row has a name")
			}
		})
		return s.append(batch)
	case "is-slow": // Looks at each row once for each other row.
		ids, err := read(batch, "id")
		if err != nil {
			return err
		}
		if ids != nil && pairs(ids.Values()) < ids.Len() {
			panic("each id is equal to itself")
		}
		return s.append(batch)
	case "makes-tables-blindly": // Never asks whether the table is there.
		if !s.isMade {
			s.isMade = true
			if err := s.table.Create(batch.Fields()[:1]); err != nil {
				return err
			}
			if err := s.table.AddColumns(batch.Fields()); err != nil {
				return err
			}
		}
		return s.table.Append(batch)
	case "raises": // On the third row.
		ids, err := wasmsink.ReadColumn[int64](batch, "id")
		if err != nil {
			return err
		}
		return s.appendNumbered(batch, func(row int) int64 { return 100 / (ids.Values()[row] - 3) })
	case "returns-nonsense":
		return wasmsink.Errorf(wasmsink.Kind(42), "nonsense")
	case "blocks": // For nobody ever says that it is ready.
		<-s.ready
		return s.append(batch)
	case "sleeps":
		time.Sleep(time.Minute)
		return s.append(batch)
	case "prints":
		fmt.Println("rows:", batch.RowCount())
		return s.append(batch)
	case "opens-a-socket":
		statsd, err := net.Dial("tcp", "localhost:8125")
		if err != nil {
			return err
		}
		fmt.Fprint(statsd, "rows:1|c")
		return s.append(batch)
	}
	return s.append(batch)
}

// Flush has nothing to stage.
func (s *sink) Flush() error { return nil }

func (s *sink) append(batch *wasmsink.Batch) error {
	if err := s.table.Ensure(batch.Fields()); err != nil {
		return err
	}
	return s.table.Append(batch)
}

// appendNumbered appends rows with a column `number` more.
func (s *sink) appendNumbered(batch *wasmsink.Batch, number func(row int) int64) error {
	numbers := wasmsink.NewColumn[int64]("number", "int64").NotNull()
	for row := range batch.RowCount() {
		numbers.Append(number(row))
	}
	numbered, err := batch.WithColumns(numbers)
	if err != nil {
		return err
	}
	return s.append(numbered)
}

// alongside runs in a goroutine of its own, where a panic is beyond the SDK's reach: it ends the instance.
func alongside(work func()) {
	var group sync.WaitGroup
	group.Add(1)
	go func() {
		defer group.Done()
		work()
	}()
	group.Wait()
}

// read gives a column; nil where the rows have none of that name.
func read(batch *wasmsink.Batch, name string) (*wasmsink.Column[any], error) {
	column, err := wasmsink.ReadColumn[any](batch, name)
	if errors.Is(err, wasmsink.Invalid) {
		return nil, nil
	}
	return column, err
}

func pairs(ids []any) int {
	equal := 0
	for _, one := range ids {
		for _, other := range ids {
			if one == other {
				equal++
			}
		}
	}
	return equal
}
