package wasmsink

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestRecordsKeepAllDigits(t *testing.T) {
	texts := ColumnOf("row", "utf8", []string{`{"id":9007199254740993,"more":[0.1]}`})
	texts.AppendNull()
	long := strings.Repeat("x", 10_000)
	texts.Append(`{"id":-9007199254740993,"name":"` + long + `"}`)
	maps, err := decode[map[string]any](texts)
	want := []map[string]any{
		{"id": json.Number("9007199254740993"), "more": []any{json.Number("0.1")}},
		nil,
		{"id": json.Number("-9007199254740993"), "name": long},
	}
	if err != nil || !reflect.DeepEqual(maps, want) {
		t.Error(maps, err)
	}
	type order struct {
		ID   int64
		More []float64
		Name string
	}
	orders, err := decode[order](texts)
	typed := []order{{9007199254740993, []float64{0.1}, ""}, {}, {-9007199254740993, nil, long}}
	if err != nil || !reflect.DeepEqual(orders, typed) {
		t.Error(orders, err)
	}
}

func TestARecordThatDoesNotFitIsRejected(t *testing.T) {
	texts := ColumnOf("row", "utf8", []string{`{"id":1}`, `{"id":"a"}`})
	_, err := decode[struct{ ID int }](texts)
	var told *json.UnmarshalTypeError
	if !errors.Is(err, Rejected) || !errors.As(err, &told) || !strings.HasPrefix(err.Error(), "row 1 as a struct") {
		t.Error(err)
	}
}
