// Package wasmsink is for writing components of wasm-sink in Go: an interface of two methods, and a call of [Register].
//
// A sink is an opinion about rows: how they are mapped, where they go, which are refused, when to commit. Connections,
// credentials, retries, the clock and the commit are the host's.
//
//	type sink struct{ table *delta.Table }
//
//	func open(config config) (*sink, error) {
//		table, err := delta.Open("default", config.Table)
//		return &sink{table}, err
//	}
//
//	func (s *sink) Write(batch *wasmsink.Batch) error {
//		if err := s.table.Ensure(batch.Fields()); err != nil {
//			return err
//		}
//		return s.table.Append(batch)
//	}
//
//	func (s *sink) Flush() error { return nil }
//
//	func init() { wasmsink.Register(schema, open) }
//
//	func main() {}
//
// The host may be called from the goroutine that Write was called on, and from no other. Others may compute, as long as
// they end before Write returns; a panic there cannot be caught and ends the instance.
package wasmsink

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Sink is what a component does with rows. One instance serves one task, one call at a time. After an error or a panic
// it is gone, and a fresh one is given the whole epoch again: what an instance remembers is a cache.
type Sink interface {
	// Write takes rows. They may be kept until Flush has returned. Each is staged, rejected or skipped by then.
	Write(batch *Batch) error
	// Flush stages all that is held; then the host commits.
	Flush() error
}

// Validator is what the type of a configuration may be, to find mistakes that the schema cannot. The host answers
// every call with Denied then.
type Validator interface {
	Validate() []Problem
}

// Problem is a mistake in the configuration.
type Problem struct {
	// Path as in the configuration: {"routes", "0", "table"}.
	Path []string
	// Message says what is wrong.
	Message string
	// Help says what to write instead; may be "".
	Help string
}

// Register makes the program a component, which is done in an init function of package main: the host calls the sink,
// and main never runs.
//
// schema is the JSON Schema of [sink.config], which the host checks first; "" is none. open makes the sink of its
// configuration, which encoding/json has put into a type of yours.
func Register[C any, S Sink](schema string, open func(config C) (S, error)) {
	if registered.open != nil {
		panic("wasmsink.Register is called twice: a component has one sink")
	}
	if open == nil {
		panic("wasmsink.Register needs a function that makes the sink")
	}
	registered.schema = schema
	registered.open = func(text string) (Sink, error) {
		config, err := parse[C](text)
		if err != nil {
			return nil, err
		}
		return open(config)
	}
	registered.validate = func(text string) []Problem {
		config, err := parse[C](text)
		if err != nil {
			return []Problem{{Message: err.Error()}}
		}
		if validator, is := any(config).(Validator); is {
			return validator.Validate()
		}
		if validator, is := any(&config).(Validator); is {
			return validator.Validate()
		}
		return nil
	}
}

// registered is the one sink of the component.
var registered struct {
	schema   string
	open     func(config string) (Sink, error)
	validate func(config string) []Problem
}

func parse[C any](text string) (config C, err error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&config); err != nil {
		return config, Errorf(Invalid, "[sink.config] does not go into %T: %w; make the type and config.schema.json agree",
			config, err)
	}
	return config, nil
}

// noSink is what is said where nothing was registered.
var noSink = fmt.Errorf("no sink is registered: call wasmsink.Register in an init function of package main " +
	"(main itself never runs)")
