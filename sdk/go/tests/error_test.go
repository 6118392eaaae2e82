package tests

import (
	"errors"
	"io"
	"strconv"
	"testing"
	"time"

	wasmsink "github.com/wasm-sink/wasm-sink/sdk/go"
	"github.com/wasm-sink/wasm-sink/sdk/go/http"
	component "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/export_wasm_sink_sink_sink"
)

func TestErrorfWraps(t *testing.T) {
	err := wasmsink.Errorf(wasmsink.Rejected, "row 1: %w", io.EOF)
	if err.Error() != "row 1: EOF" || !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if cause := errors.Unwrap(err); cause == nil || cause.Error() != "EOF" {
		t.Error(cause)
	}
	_, wrong := strconv.Atoi("a")
	several := wasmsink.Errorf(wasmsink.Rejected, "%w and %w", io.EOF, wrong)
	var told *strconv.NumError
	if !errors.Is(several, io.EOF) || !errors.As(several, &told) || told.Num != "a" {
		t.Error(several)
	}
	if errors.Unwrap(wasmsink.Errorf(wasmsink.Rejected, "%v", io.EOF)) != nil {
		t.Error("wrapped without being asked to")
	}
}

func TestTheOutermostKindCounts(t *testing.T) {
	inner := wasmsink.Errorf(wasmsink.Invalid, "no column: %w", io.EOF)
	outer := wasmsink.Errorf(wasmsink.Rejected, "row 1: %w", inner)
	if !errors.Is(outer, wasmsink.Rejected) || errors.Is(outer, wasmsink.Invalid) {
		t.Error("the kind of what is wrapped")
	}
	var told *wasmsink.Error
	if !errors.Is(outer, inner) || !errors.Is(outer, io.EOF) || !errors.As(outer, &told) || error(told) != outer {
		t.Error(told)
	}
	// This one has its kind by wrapping it.
	status := (&http.Response{Status: 404}).Err()
	outer = wasmsink.Errorf(wasmsink.Unavailable, "%w", status)
	var answered *http.StatusError
	if !errors.As(outer, &answered) || errors.Is(outer, wasmsink.Rejected) {
		t.Error(outer)
	}
	if kind := wasmsink.Other; errors.As(outer, &kind) {
		t.Error(kind)
	}
}

type failing struct{ err error }

func (f *failing) Write(*wasmsink.Batch) error { return f.err }
func (f *failing) Flush() error                { return f.err }

var sink = &failing{}

func init() { wasmsink.Register("", func(struct{}) (*failing, error) { return sink, nil }) }

// told is what the host gets to know of an error.
func told(t *testing.T, err error) (kind wasmsink.Kind, retryAfterMs uint32) {
	t.Helper()
	if err := component.Component.Open("{}"); err != nil {
		t.Fatal(err.Message)
	}
	sink.err = err
	answer := component.Component.Flush()
	if answer == nil || answer.Message != err.Error() {
		t.Fatal(answer)
	}
	return wasmsink.Kind(answer.Kind), answer.RetryAfterMs.SomeOr(0)
}

func TestAnotherKindHasNothingToWaitFor(t *testing.T) {
	throttled := wasmsink.ThrottledFor(time.Second, "slow down")
	var other *wasmsink.Error
	if !errors.As(wasmsink.Errorf(wasmsink.Unavailable, "%w", throttled), &other) || other.RetryAfter != 0 {
		t.Error(other)
	}
}

func TestTheHostIsToldHowLongToWait(t *testing.T) {
	throttled := wasmsink.ThrottledFor(3*time.Second, "slow down")
	for _, c := range []struct {
		err          error
		kind         wasmsink.Kind
		retryAfterMs uint32
	}{
		{throttled, wasmsink.Throttled, 3000},
		{wasmsink.Errorf(wasmsink.Throttled, "orders: %w", throttled), wasmsink.Throttled, 3000},
		{wasmsink.Errorf(wasmsink.Unavailable, "orders: %w", throttled), wasmsink.Unavailable, 0},
		{wasmsink.Errorf(wasmsink.Throttled, "orders: %w", wasmsink.Unavailable), wasmsink.Throttled, 0},
		{wasmsink.Errorf(wasmsink.Throttled, "orders: %w", (*wasmsink.Error)(nil)), wasmsink.Throttled, 0},
	} {
		if kind, retryAfterMs := told(t, c.err); kind != c.kind || retryAfterMs != c.retryAfterMs {
			t.Errorf("%v: %v, %d ms", c.err, kind, retryAfterMs)
		}
	}
}
