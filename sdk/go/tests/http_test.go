package tests

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	wasmsink "github.com/wasm-sink/wasm-sink/sdk/go"
	"github.com/wasm-sink/wasm-sink/sdk/go/http"
	"github.com/wasm-sink/wasm-sink/sdk/go/internal/delivery"
)

// rows stands for a batch.
type rows []int

func (r rows) RowCount() int { return len(r) }

func (r rows) Slice(offset, length int) (rows, error) { return r[offset : offset+length], nil }

func rowsOf(count int) rows {
	made := make(rows, count)
	for row := range made {
		made[row] = row
	}
	return made
}

// service answers as it is told, and keeps what it was sent and what was rejected.
type service struct {
	answer   func(rows) (string, error)
	sent     []rows
	rejected map[int]string
}

func (s *service) deliver(count, atMost int) error {
	s.sent, s.rejected = nil, map[int]string{}
	way := delivery.Way[rows]{
		AtMost: atMost,
		Send: func(part rows) (string, error) {
			s.sent = append(s.sent, part)
			return s.answer(part)
		},
		Reject: func(part rows, reason string) error {
			for _, row := range part {
				s.rejected[row] = reason
			}
			return nil
		},
	}
	return way.Deliver(rowsOf(count))
}

func TestRowsGoInParts(t *testing.T) {
	s := service{answer: func(rows) (string, error) { return "", nil }}
	for _, c := range []struct {
		count, atMost int
		sent          []rows
	}{
		{5, 2, []rows{{0, 1}, {2, 3}, {4}}},
		{3, 3, []rows{{0, 1, 2}}},
		{3, 0, []rows{{0, 1, 2}}},
		{0, 2, nil},
	} {
		if err := s.deliver(c.count, c.atMost); err != nil || !reflect.DeepEqual(s.sent, c.sent) {
			t.Errorf("%d rows, at most %d: %v, %v", c.count, c.atMost, s.sent, err)
		}
	}
}

func TestTooMuchGoesInHalves(t *testing.T) {
	s := service{answer: func(part rows) (string, error) {
		if len(part) > 2 {
			return "too much", nil
		}
		return "", nil
	}}
	want := []rows{{0, 1, 2, 3, 4, 5, 6}, {0, 1, 2}, {0}, {1, 2}, {3, 4, 5, 6}, {3, 4}, {5, 6}}
	if err := s.deliver(7, 0); err != nil || !reflect.DeepEqual(s.sent, want) || len(s.rejected) > 0 {
		t.Errorf("%v, %v, %v", s.sent, s.rejected, err)
	}
}

func TestARowThatIsRefusedAloneIsRejected(t *testing.T) {
	s := service{answer: func(part rows) (string, error) {
		for _, row := range part {
			if row == 5 {
				return "not 5", nil
			}
		}
		return "", nil
	}}
	if err := s.deliver(8, 3); err != nil || !reflect.DeepEqual(s.rejected, map[int]string{5: "not 5"}) {
		t.Errorf("%v, %v", s.rejected, err)
	}
	if want := []rows{{0, 1, 2}, {3, 4, 5}, {3}, {4, 5}, {4}, {5}, {6, 7}}; !reflect.DeepEqual(s.sent, want) {
		t.Errorf("%v", s.sent)
	}
}

func TestErrorsEndADelivery(t *testing.T) {
	away := &wasmsink.Error{Kind: wasmsink.Unavailable, Message: "away"}
	s := service{answer: func(part rows) (string, error) {
		if part[0] > 0 {
			return "", away
		}
		return "", nil
	}}
	if err := s.deliver(6, 2); err != error(away) || len(s.sent) != 2 {
		t.Errorf("%v, %v", s.sent, err)
	}
}

func TestHeadersAreFoundInAnyCase(t *testing.T) {
	headers := http.Headers{
		{Name: "content-type", Value: "a"}, {Name: "via", Value: "one"}, {Name: "via", Value: "two"},
	}
	if headers.Get("Content-Type") != "a" || headers.Get("VIA") != "one, two" || headers.Get("host") != "" {
		t.Error(headers)
	}
	if !headers.Has("CONTENT-TYPE") || headers.Has("host") || len(headers.All("Via")) != 2 {
		t.Error(headers)
	}
}

func TestBodiesSayOfWhatTypeTheyAre(t *testing.T) {
	for _, c := range []struct {
		value             any
		body, contentType string
	}{
		{[]byte{0}, "\x00", ""},
		{"größer", "größer", "text/plain; charset=utf-8"},
		{map[string]any{"a": nil, "b": "<ü>"}, `{"a":null,"b":"<ü>"}`, "application/json"},
		{json.RawMessage(`[1]`), `[1]`, "application/json"},
	} {
		var request http.Request
		if err := request.SetBody(c.value); err != nil {
			t.Fatal(err)
		}
		if string(request.Body) != c.body || request.Headers.Get("content-type") != c.contentType {
			t.Errorf("%q, %v", request.Body, request.Headers)
		}
	}
	own := http.Request{Headers: http.Headers{{Name: "Content-Type", Value: "application/x-mine"}}}
	if err := own.SetBody(1); err != nil || len(own.Headers) != 1 {
		t.Error(own.Headers, err)
	}
	if err := own.SetBody(math.NaN()); !errors.Is(err, wasmsink.Rejected) {
		t.Error(err)
	}
	if err := own.SetBody(func() {}); !errors.Is(err, wasmsink.Invalid) {
		t.Error(err)
	}
}

func TestOnly2xxIsOK(t *testing.T) {
	for _, status := range []int{200, 201, 204, 299} {
		if err := (&http.Response{Status: status}).Err(); err != nil {
			t.Error(err)
		}
	}
	for _, status := range []int{302, 304, 400, 404, 499} {
		err := (&http.Response{Status: status, Body: []byte("no")}).Err()
		var told *http.StatusError
		if !errors.As(err, &told) || told.Response.Status != status || !errors.Is(err, wasmsink.Rejected) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestMessagesAreOneShortLine(t *testing.T) {
	long := http.Response{Status: 409, Body: []byte("a\r\nb\x00" + strings.Repeat("x", 300))}
	if said := long.String(); said != "the service answered 409: a  b "+strings.Repeat("x", 195)+"…" {
		t.Error(said)
	}
	if said := (&http.Response{Status: 404, Body: []byte(" \n")}).String(); said != "the service answered 404" {
		t.Error(said)
	}
	if text := (&http.Response{Body: []byte("gr\xc3\xb6\xff")}).Text(); text != "grö\uFFFD" {
		t.Error(text)
	}
}

func TestJSONOfABody(t *testing.T) {
	var value []int
	if err := (&http.Response{Status: 200, Body: []byte("[1]")}).JSON(&value); err != nil || len(value) != 1 {
		t.Error(value, err)
	}
	for _, response := range []*http.Response{
		{Status: 200, Body: []byte("<html>")},
		{Status: 200, Body: []byte("[1]"), IsCut: true},
		{Status: 200, Body: []byte(`["a"]`)},
	} {
		if err := response.JSON(&value); !errors.Is(err, wasmsink.Rejected) || !strings.Contains(err.Error(), "200") {
			t.Error(err)
		}
	}
}
