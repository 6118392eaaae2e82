// Package http sends rows to a web service, and asks it: the capability "http" of sink.toml.
package http

import (
	wasmsink "github.com/wasm-sink/wasm-sink/sdk/go"
	"github.com/wasm-sink/wasm-sink/sdk/go/internal/bridge"
	"github.com/wasm-sink/wasm-sink/sdk/go/internal/delivery"
	host "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_http_http"
)

// Service is a web service, as long as the instance lives. The connection has its address, its credentials, and how
// long to wait.
//
// The host sends again where the service is away, throttles or fails, and where that lasts, the epoch comes again: a
// service may get the same rows more than once, with the same key in the header Idempotency-Key as long as rows, path
// and body are the same.
type Service struct{ service *host.Service }

// Open names a service: connection is a role in [sink], "default" if there is one. Unknown role: Denied.
func Open(connection string) (*Service, error) {
	service, err := bridge.Value(host.ServiceOpen(connection))
	if err != nil {
		return nil, err
	}
	return &Service{service}, nil
}

// Send sends a request that carries these rows. Where the response is not OK, they are not delivered: send them in
// another way, Reject or Skip them, or return [Response.Err].
func (s *Service) Send(rows *wasmsink.Batch, request Request) (*Response, error) {
	theirs, to, err := request.forHost(Post)
	if err != nil {
		return nil, err
	}
	handle, err := bridge.Borrow(rows)
	if err != nil {
		return nil, err
	}
	response, err := bridge.Value(s.service.Send(handle, theirs))
	return responseOf(response, to, err)
}

// Post is [Service.Send] of a body of a type, such as "text/csv".
func (s *Service) Post(rows *wasmsink.Batch, path, contentType string, body []byte) (*Response, error) {
	return s.Send(rows, Request{Path: path, Headers: Headers{{"content-type", contentType}}, Body: body})
}

// PostJSON is [Service.Send] of a value, as encoding/json writes it.
func (s *Service) PostJSON(rows *wasmsink.Batch, path string, value any) (*Response, error) {
	request := Request{Path: path}
	if err := request.SetBody(value); err != nil {
		return nil, err
	}
	return s.Send(rows, request)
}

// Ask sends a request that carries no rows, to look something up.
func (s *Service) Ask(request Request) (*Response, error) {
	theirs, to, err := request.forHost(Get)
	if err != nil {
		return nil, err
	}
	response, err := bridge.Value(s.service.Ask(theirs))
	return responseOf(response, to, err)
}

// Get is [Service.Ask] of a path: "rates?base=EUR".
func (s *Service) Get(path string) (*Response, error) { return s.Ask(Request{Path: path}) }

// Delivery is how [Service.Deliver] sends rows.
type Delivery struct {
	// Method of the requests; Post if nothing is said.
	Method Method
	// Path and Headers of the requests, as in [Request].
	Path    string
	Headers Headers
	// AtMost so many rows are in a request; 0: all.
	AtMost int
	// Make gives the body for rows: []byte and string go as they are, anything else as JSON. nil: a JSON array of the
	// rows, as [wasmsink.Records] has them.
	Make func(rows *wasmsink.Batch) (any, error)
}

// Deliver sends rows until each is delivered or a dead letter. Where the service answers 413 (too much), 400 or 422
// (wrong), each half of the rows is sent by itself; a row that is refused alone is rejected, with status and beginning
// of the body as the reason. Any other status that is not OK is a [*StatusError].
func (s *Service) Deliver(rows *wasmsink.Batch, how Delivery) error {
	if how.AtMost < 0 {
		return wasmsink.Errorf(wasmsink.Invalid, "Delivery: AtMost is a number of rows, 0 or more, not %d", how.AtMost)
	}
	if _, err := bridge.Borrow(rows); err != nil {
		return err
	}
	bodyOf := how.Make
	if bodyOf == nil {
		bodyOf = arrayOf
	}
	way := delivery.Way[*wasmsink.Batch]{
		AtMost: how.AtMost,
		Reject: wasmsink.Reject,
		Send: func(part *wasmsink.Batch) (refusal string, err error) {
			body, err := bodyOf(part)
			if err != nil {
				return "", err
			}
			request := Request{Method: how.Method, Path: how.Path, Headers: how.Headers}
			if err := request.SetBody(body); err != nil {
				return "", err
			}
			response, err := s.Send(part, request)
			if err != nil {
				return "", err
			}
			return response.refusal()
		},
	}
	return way.Deliver(rows)
}
