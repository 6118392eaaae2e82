package wasmsink

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	types "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_sink_types"
)

// Kind tells the host what to do about an error. It is an error itself, for [errors.Is]:
//
//	if errors.Is(err, wasmsink.Invalid) { … }
type Kind uint8

// The kinds of the contract.
const (
	// Other stops the pipeline; so does every error of a sink that is no [*Error].
	Other Kind = iota
	// Unavailable: destination or network is away. The epoch is written again.
	Unavailable
	// Throttled: slow down, for as long as RetryAfter says; then the epoch is written again.
	Throttled
	// Conflict: another writer was first. The host reloads, and the epoch is written again.
	Conflict
	// OutcomeUnknown: it may have happened. Only the host may settle this; never repeat the call.
	OutcomeUnknown
	// Rejected: these rows are to blame. The host looks for them one by one.
	Rejected
	// Denied: not granted, or called while the configuration is looked at. Stops the pipeline.
	Denied
	// Invalid: a misuse, a wrong name or type. Nothing was staged; it may be handled.
	Invalid
)

// String is the contract's word for the kind.
func (k Kind) String() string {
	words := [...]string{
		"other", "unavailable", "throttled", "conflict", "outcome-unknown", "rejected", "denied", "invalid",
	}
	if int(k) < len(words) {
		return words[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Error is the contract's word, too.
func (k Kind) Error() string { return k.String() }

// Error is what the host answers, and what a sink answers that wants something of the host. A sink that returns one,
// be it wrapped with %w, passes its kind on.
type Error struct {
	// Kind decides what the host does next.
	Kind Kind
	// Message is for a person: what happened, and what to do.
	Message string
	// RetryAfter is how long to wait; only with Throttled.
	RetryAfter time.Duration
	cause      error
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

// Is makes errors.Is(err, wasmsink.Unavailable) work.
func (e *Error) Is(target error) bool {
	kind, isKind := target.(Kind)
	return isKind && kind == e.Kind
}

// Unwrap is what [Errorf] was given with %w, without its kind.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.cause
}

// Errorf makes an error of a kind. What is wrapped with %w is found by [errors.Is] and [errors.As], but for its kind. If
// that is the same, RetryAfter is kept.
func Errorf(kind Kind, format string, args ...any) error {
	text := fmt.Errorf(format, args...)
	made := &Error{Kind: kind, Message: text.Error()}
	if cause := errors.Unwrap(text); cause != nil {
		made.cause = kindless{cause}
	} else if _, hasSeveral := text.(interface{ Unwrap() []error }); hasSeveral {
		made.cause = kindless{text}
	}
	var inner *Error
	if errors.As(text, &inner) && inner != nil && inner.Kind == kind {
		made.RetryAfter = inner.RetryAfter
	}
	return made
}

// kindless is an error that another one wraps, whose kind counts.
type kindless struct{ error }

// Is goes for all but kinds.
func (k kindless) Is(target error) bool {
	_, isKind := target.(Kind)
	return !isKind && errors.Is(k.error, target)
}

// As goes for all but kinds.
func (k kindless) As(target any) bool {
	_, isKind := target.(*Kind)
	return !isKind && errors.As(k.error, target)
}

// ThrottledFor asks the host to wait that long before it writes the epoch again.
func ThrottledFor(wait time.Duration, message string) error {
	return &Error{Kind: Throttled, Message: message, RetryAfter: wait}
}

// milliseconds of a duration, as the contract counts: at most 49 days.
func milliseconds(d time.Duration) uint32 {
	return uint32(min(max(d.Milliseconds(), 0), math.MaxUint32))
}

// failure is what the host answered.
func failure(e types.Error) error {
	retry := time.Duration(e.RetryAfterMs.SomeOr(0)) * time.Millisecond
	return &Error{Kind: Kind(e.Kind), Message: e.Message, RetryAfter: retry}
}

// answer is what the host is told.
func answer(err error) types.Error {
	told := types.Error{Kind: types.ErrorKind(Other), Message: printable(err.Error() + whyNot(err))}
	var ours *Error
	var kind Kind
	switch {
	case errors.As(err, &ours):
		kind = ours.Kind
		if kind == Throttled {
			told.RetryAfterMs = some(milliseconds(ours.RetryAfter))
		}
	case errors.As(err, &kind):
	}
	if kind > Invalid {
		told.Message = fmt.Sprintf("an error of %s, which is none of the kinds of wasmsink: %s", kind, told.Message)
		kind = Invalid
	}
	told.Kind = types.ErrorKind(kind)
	return told
}

// isNil tells a pointer without anything behind it: as an error it is not nil.
func isNil(err error) bool {
	ours, is := err.(*Error)
	return is && ours == nil
}

var errNil = Errorf(Invalid, "an error was returned that is a nil *wasmsink.Error, and thereby not nil: return nil "+
	"itself, from a function whose result is an error")

// ofTheSystem is what errors of files, processes and sockets have in common.
type ofTheSystem interface {
	error
	Timeout() bool
	Temporary() bool
}

// whyNot explains what Go says where there is no system: "Bad file number", "Connection refused".
func whyNot(err error) string {
	var system ofTheSystem
	if !errors.As(err, &system) || system.Timeout() {
		return ""
	}
	return ": a component has neither files nor network; rows leave by what sink.toml names, and requests by the " +
		"package http of the SDK"
}

// printable is a text that the host takes: a message may quote whatever stands in the rows.
func printable(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
