package http

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	wasmsink "github.com/wasm-sink/wasm-sink/sdk/go"
	host "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_http_http"
)

// Response is what the service answered: every status but those with which the host sends again.
type Response struct {
	// Status of the answer.
	Status int
	// Headers, with names in lower case.
	Headers Headers
	// Body, decompressed.
	Body []byte
	// IsCut tells whether there was more than the connection's max_response_bytes.
	IsCut bool
	// to is the request, in messages.
	to string
}

func responseOf(theirs host.Response, to string, err error) (*Response, error) {
	if err != nil {
		return nil, err
	}
	response := &Response{Status: int(theirs.Status), Body: theirs.Body, IsCut: theirs.IsCut, to: to}
	for _, header := range theirs.Headers {
		response.Headers = append(response.Headers, Header(header))
	}
	return response, nil
}

// OK tells whether the status is 200 to 299: what was sent with rows is delivered.
func (r *Response) OK() bool { return r.Status >= 200 && r.Status <= 299 }

// Err is nil where the response is OK, and a [*StatusError] otherwise.
func (r *Response) Err() error {
	if r.OK() {
		return nil
	}
	return &StatusError{r}
}

// refusal is what the service has against the rows of the request. With these statuses it may mean some of them, or how
// many they are.
func (r *Response) refusal() (string, error) {
	switch r.Status {
	case 400, 413, 422:
		return r.String(), nil
	}
	return "", r.Err()
}

// Text is the body, as UTF-8; what is none becomes U+FFFD.
func (r *Response) Text() string { return strings.ToValidUTF8(string(r.Body), "\uFFFD") }

// JSON puts the body into a value, as encoding/json does. A body that does not fit, or was cut off, is an error of kind
// Rejected.
func (r *Response) JSON(into any) error {
	if r.IsCut {
		return wasmsink.Errorf(wasmsink.Rejected,
			"%v: the body is longer than the connection's max_response_bytes, and was cut off", r)
	}
	if err := json.Unmarshal(r.Body, into); err != nil {
		return wasmsink.Errorf(wasmsink.Rejected, "%v: the body does not go into %T: %w", r, into, err)
	}
	return nil
}

// firstCharacters of a body are in messages.
const firstCharacters = 200

// String is the status and the beginning of the body, on one line.
func (r *Response) String() string {
	text := []rune(r.Text())
	more := ""
	if len(text) > firstCharacters {
		text = text[:firstCharacters]
		more = "…"
	}
	if r.IsCut {
		more = "…"
	}
	shown := strings.TrimSpace(strings.Map(func(char rune) rune {
		if unicode.IsControl(char) {
			return ' '
		}
		return char
	}, string(text)))
	said := fmt.Sprintf("the service answered %d", r.Status)
	if r.to != "" {
		said += " to " + r.to
	}
	if shown != "" {
		said += ": " + shown + more
	}
	return said
}

// StatusError is a status that is not OK. It is of kind Rejected: a sink that returns it has the host look for the rows
// that are to blame.
type StatusError struct{ Response *Response }

// Error is the status and the beginning of the body.
func (e *StatusError) Error() string { return e.Response.String() }

// Unwrap gives the kind.
func (e *StatusError) Unwrap() error { return wasmsink.Rejected }
