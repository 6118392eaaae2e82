package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	wasmsink "github.com/wasm-sink/wasm-sink/sdk/go"
	"github.com/wasm-sink/wasm-sink/sdk/go/internal/bridge"
	host "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_http_http"
)

// Method is what is done at a path.
type Method string

// The methods.
const (
	Get    Method = "GET"
	Head   Method = "HEAD"
	Post   Method = "POST"
	Put    Method = "PUT"
	Patch  Method = "PATCH"
	Delete Method = "DELETE"
)

// methods in the order of the contract.
var methods = []Method{Get, Head, Post, Put, Patch, Delete}

// Header is a name with a value.
type Header struct{ Name, Value string }

// Headers may have a name several times.
type Headers []Header

// Get is the value of a header, by its name in whatever case, "" where there is none; of several, joined by commas.
func (h Headers) Get(name string) string { return strings.Join(h.All(name), ", ") }

// Has tells whether there is such a header.
func (h Headers) Has(name string) bool { return h.All(name) != nil }

// All is each of the values of a header.
func (h Headers) All(name string) (values []string) {
	for _, header := range h {
		if strings.EqualFold(header.Name, name) {
			values = append(values, header.Value)
		}
	}
	return values
}

// Request is what is sent.
type Request struct {
	// Method, if nothing is said, is Post with rows and Get without.
	Method Method
	// Path below the connection's address, with its query: "events?source=orders".
	Path string
	// Headers beside those of the connection. Credentials, lengths and the like are the host's to set.
	Headers Headers
	// Body as it is.
	Body []byte
}

// SetBody puts a value there: []byte and string as they are, anything else as encoding/json writes it. A header says of
// what type it is, unless one of the request's does.
func (r *Request) SetBody(value any) error {
	contentType := ""
	switch value := value.(type) {
	case []byte:
		r.Body = value
	case string:
		r.Body, contentType = []byte(value), "text/plain; charset=utf-8"
	default:
		body, err := marshal(value)
		if err != nil {
			return err
		}
		r.Body, contentType = body, "application/json"
	}
	if contentType != "" && !r.Headers.Has("content-type") {
		r.Headers = append(slices.Clip(r.Headers), Header{"content-type", contentType})
	}
	return nil
}

func marshal(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		kind := wasmsink.Invalid
		if unsupported := (*json.UnsupportedValueError)(nil); errors.As(err, &unsupported) {
			kind = wasmsink.Rejected
		}
		return nil, wasmsink.Errorf(kind, "what is to be sent has no form in JSON: %w", err)
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// forHost is the request as the contract has it, and what it is called in messages.
func (r *Request) forHost(otherwise Method) (theirs host.Request, to string, err error) {
	method := r.Method
	if method == "" {
		method = otherwise
	}
	number := slices.Index(methods, method)
	if number < 0 {
		return theirs, "", wasmsink.Errorf(wasmsink.Invalid, "Request: %q is no method: there are %v", method, methods)
	}
	theirs = host.Request{Method: host.Method(number), Path: r.Path, Body: r.Body}
	for _, header := range r.Headers {
		theirs.Headers = append(theirs.Headers, host.Header(header))
	}
	// The query may hold what is nobody else's business.
	place, _, _ := strings.Cut(r.Path, "?")
	return theirs, string(method) + " " + place, nil
}

// arrayOf is the rows as a JSON array, written by the host.
func arrayOf(rows *wasmsink.Batch) (any, error) {
	texts, err := bridge.Records(rows)
	if err != nil {
		return nil, err
	}
	return json.RawMessage("[" + strings.Join(texts, ",") + "]"), nil
}
