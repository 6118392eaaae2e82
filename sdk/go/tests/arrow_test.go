// Package tests tries what needs no host. Streams in streams/ were written by another implementation of Arrow.
package tests

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wasm-sink/wasm-sink/sdk/go/internal/arrow"
)

func read(t *testing.T, name string) *arrow.Table {
	t.Helper()
	stream, err := os.ReadFile("streams/" + name + ".arrows")
	if err != nil {
		t.Fatal(err)
	}
	table, err := arrow.Read(stream)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func decimal(t *testing.T, text string) arrow.Decimal {
	t.Helper()
	d, err := arrow.ParseDecimal(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func date(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

// every has the type and the first and third value of each column; the second is null.
func every(t *testing.T) map[string][3]any {
	last := time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
	begin := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	clock := time.Hour + 2*time.Minute + 3*time.Second
	end := 23*time.Hour + 59*time.Minute + 59*time.Second
	object := func(country, score any) any { return map[string]any{"country": country, "score": score} }
	return map[string][3]any{
		"n":    {"null", nil, nil},
		"b":    {"boolean", true, false},
		"i8":   {"int8", int64(math.MinInt8), int64(math.MaxInt8)},
		"i16":  {"int16", int64(math.MinInt16), int64(math.MaxInt16)},
		"i32":  {"int32", int64(math.MinInt32), int64(math.MaxInt32)},
		"i64":  {"int64", int64(math.MinInt64), int64(math.MaxInt64)},
		"u8":   {"uint8", uint64(0), uint64(math.MaxUint8)},
		"u16":  {"uint16", uint64(0), uint64(math.MaxUint16)},
		"u32":  {"uint32", uint64(0), uint64(math.MaxUint32)},
		"u64":  {"uint64", uint64(0), uint64(math.MaxUint64)},
		"f16":  {"float16", 1.5, -0.25},
		"f32":  {"float32", 1.5, -0.25},
		"f64":  {"float64", 0.1, -1e300},
		"s":    {"utf8", "a", "größe"},
		"ls":   {"large_utf8", "a", ""},
		"x":    {"binary", []byte{0, 255}, []byte{}},
		"lx":   {"large_binary", []byte{1}, []byte{}},
		"fx":   {"fixed_size_binary(2)", []byte("ab"), []byte("cd")},
		"d32":  {"date32", date(2026, 3, 1), date(1969, 12, 31)},
		"d64":  {"date64", date(2026, 3, 1), date(1969, 12, 31)},
		"t32":  {"time32(ms)", clock + 4*time.Millisecond, end},
		"t64":  {"time64(us)", clock + 4*time.Microsecond, end},
		"ts":   {"timestamp(us,+00:00)", begin, last},
		"tn":   {"timestamp(ns)", begin, last},
		"du":   {"duration(ms)", time.Second, -24 * time.Hour},
		"de":   {"decimal(38,2)", decimal(t, "12.50"), decimal(t, "-"+strings.Repeat("9", 36)+".99")},
		"l":    {"list<utf8>", []any{"a", nil}, []any{}},
		"ll":   {"large_list<int32>", []any{int64(1), int64(2)}, []any{int64(3)}},
		"fl":   {"fixed_size_list<float32, 2>", []any{1.0, 2.0}, []any{3.0, 4.0}},
		"st":   {"struct<country: utf8, score: int32>", object("DE", int64(1)), object(nil, int64(2))},
		"m":    {"map<utf8, int64>", []arrow.Entry{{Key: "k", Value: int64(1)}}, []arrow.Entry{}},
		"deep": {"list<struct<tags: list<utf8>>>", []any{map[string]any{"tags": []any{"x"}}, nil}, []any{map[string]any{"tags": nil}}},
	}
}

func TestEveryTypeIsReadAndWritten(t *testing.T) {
	table := read(t, "every_type")
	expected := every(t)
	if len(table.Fields) != len(expected) {
		t.Fatalf("%d columns, not %d", len(table.Fields), len(expected))
	}
	again := arrow.Table{Fields: table.Fields, Rows: table.Rows}
	for i, field := range table.Fields {
		want := expected[field.Name]
		if field.Type.String() != want[0] {
			t.Errorf("%s is %s, not %v", field.Name, field.Type, want[0])
		}
		values, err := arrow.Values[any](table.Columns[i])
		if err != nil || !reflect.DeepEqual(values, []any{want[1], nil, want[2]}) {
			t.Errorf("%s: %#v, %v", field.Name, values, err)
		}
		parsed, err := arrow.Parse(field.Type.String())
		if err != nil {
			t.Error(err)
		}
		column, err := arrow.Make(parsed, values, nil)
		if err != nil {
			t.Fatalf("%s: %v", field.Name, err)
		}
		again.Columns = append(again.Columns, column)
	}
	stream := arrow.Write(&again)
	if path := os.Getenv("WRITE_STREAM"); path != "" {
		if err := os.WriteFile(path, stream, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	back, err := arrow.Read(stream)
	if err != nil {
		t.Fatal(err)
	}
	for i, field := range back.Fields {
		one, err := arrow.Values[any](table.Columns[i])
		other, err2 := arrow.Values[any](back.Columns[i])
		if err != nil || err2 != nil || !reflect.DeepEqual(one, other) {
			t.Errorf("%s: %v became %v, %v", field.Name, one, other, err2)
		}
	}
	if !reflect.DeepEqual(back.Fields, table.Fields) {
		t.Errorf("%v became %v", table.Fields, back.Fields)
	}
}

func TestNoRows(t *testing.T) {
	table := read(t, "no_rows")
	for i, field := range table.Fields {
		values, err := arrow.Values[any](table.Columns[i])
		if err != nil || len(values) != 0 {
			t.Errorf("%s: %v, %v", field.Name, values, err)
		}
	}
	schemaAlone := arrow.Write(&arrow.Table{Fields: table.Fields, Columns: nil})
	if _, err := arrow.Read(schemaAlone); err == nil {
		t.Error("columns without nodes were read")
	}
}

func TestWhatIsNotReadIsNamed(t *testing.T) {
	for name, says := range map[string]string{"interval": "`span` (interval)", "dictionary": "kind 2"} {
		stream, _ := os.ReadFile("streams/" + name + ".arrows")
		if _, err := arrow.Read(stream); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever bytes are changed or missing: an error or other values, but no panic.
func TestBrokenStreams(t *testing.T) {
	stream, err := os.ReadFile("streams/every_type.arrows")
	if err != nil {
		t.Fatal(err)
	}
	try := func(stream []byte) {
		table, err := arrow.Read(stream)
		if err != nil {
			return
		}
		for _, column := range table.Columns {
			_, _ = arrow.Values[any](column)
			_, _ = arrow.Values[string](column)
		}
	}
	for i := range stream {
		try(stream[:i])
		for _, change := range []byte{1, 0x80, 0xff} {
			broken := bytes.Clone(stream)
			broken[i] ^= change
			try(broken)
		}
	}
}

func TestTypedValues(t *testing.T) {
	table := read(t, "every_type")
	if values, err := arrow.Values[int64](table.Column("i8")); err != nil || values[2] != 127 {
		t.Error(values, err)
	}
	if values, err := arrow.Values[float64](table.Column("i32")); err != nil || values[2] != math.MaxInt32 {
		t.Error(values, err)
	}
	if values, err := arrow.Values[string](table.Column("s")); err != nil || values[2] != "größe" {
		t.Error(values, err)
	}
	if values, err := arrow.Values[[]any](table.Column("l")); err != nil || values[0][0] != "a" {
		t.Error(values, err)
	}
	mistyped := func(err error, says string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Error(err)
		}
	}
	_, err := arrow.Values[float64](table.Column("s"))
	mistyped(err, "is utf8, whose values are not read as float64: read them as string")
	_, err = arrow.Values[int8](table.Column("i16"))
	mistyped(err, "has -32768 in row 0, which does not fit int8")
	_, err = arrow.Values[int64](table.Column("u64"))
	mistyped(err, "has 18446744073709551615 in row 2")
	_, err = arrow.Values[uint64](table.Column("i64"))
	mistyped(err, "has -9223372036854775808 in row 0")
	_, err = arrow.Values[float64](table.Column("i64"))
	mistyped(err, "float64 rounds")
	_, err = arrow.Values[float64](table.Column("u64"))
	mistyped(err, "has a number in row 2 that float64 rounds: read it as uint64")
	_, err = arrow.Values[map[string]any](table.Column("l"))
	mistyped(err, "read them as []any")
}

func TestValuesThatDoNotFit(t *testing.T) {
	try := func(text string, value any, says string) {
		t.Helper()
		dataType, err := arrow.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = arrow.Make(dataType, []any{value}, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s of %v: %v", text, value, err)
		}
	}
	try("int8", 300, "row 0: 300 does not fit int8")
	try("uint8", -1, "-1 does not fit uint8")
	try("int64", "7", "a string makes no int64, which is made of int64")
	try("int64", json.Number("1.5"), "1.5 does not fit int64")
	try("int64", json.Number("9223372036854775808"), "does not fit int64")
	try("float64", json.Number("1e400"), "a json.Number makes no float64")
	try("int64", uint64(math.MaxUint64), "does not fit int64")
	try("int64", time.Second, "a time.Duration makes no int64")
	try("float32", 1e300, "does not fit float32")
	try("utf8", []byte("a"), "a []uint8 makes no utf8")
	try("utf8", "\xff", "no UTF-8")
	try("boolean", 1, "a int makes no boolean")
	try("date32", "2026-03-01", "made of time.Time")
	try("timestamp(ns)", time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), "does not fit timestamp(ns)")
	try("decimal(4,2)", decimal(t, "123.00"), "123.00 does not fit decimal(4,2)")
	try("decimal(4,1)", decimal(t, "0.25"), "does not fit")
	try("fixed_size_binary(2)", []byte{1}, "1 bytes are no")
	try("list<utf8 not null>", []any{nil}, "`item` is not null")
	try("struct<a: utf8>", map[string]any{"b": "c"}, "does not name")
	try("null", 1, "makes no null")
}

func TestNumbersOfJSONAreWrittenExactly(t *testing.T) {
	for text, want := range map[string]struct{ number, value any }{
		"int64":   {json.Number("-9223372036854775808"), int64(math.MinInt64)},
		"uint64":  {json.Number("18446744073709551615"), uint64(math.MaxUint64)},
		"float64": {json.Number("0.1"), 0.1},
	} {
		dataType, err := arrow.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		column, err := arrow.Make(dataType, []any{want.number}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if values, err := arrow.Values[any](column); err != nil || values[0] != want.value {
			t.Errorf("%s: %v, %v", text, values, err)
		}
	}
}

func TestTypesThatAreNone(t *testing.T) {
	for text, says := range map[string]string{
		"text":               "`text` is no type that values are written as",
		"timestamp(m)":       "`m` is no unit",
		"time32(us)":         "write `time64`",
		"list<utf8":          "`>` is missing",
		"utf8 utf8":          "left over",
		"decimal(39,2)":      "a number from 1 to 38",
		"struct<a utf8>":     "`:` is missing",
		"utf8_view":          "no type that values are written as",
		"struct<`a``: utf8>": "a backtick is missing",
		"":                   "no type",
		strings.Repeat("list<", 40) + "utf8" + strings.Repeat(">", 40): "nested more than 32",
	} {
		if _, err := arrow.Parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if odd, err := arrow.Parse("struct<`a``b c`: int32 not null>"); err != nil || odd.Children[0].Name != "a`b c" ||
		odd.String() != "struct<`a``b c`: int32 not null>" {
		t.Error(odd, err)
	}
}

func TestDecimals(t *testing.T) {
	for _, text := range []string{"0", "-1", "12.50", "-0.05", "99999999999999999999999999999999999999", "10000000000000000000", "18446744073709551616"} {
		if d := decimal(t, text); d.String() != text {
			t.Errorf("%s became %s", text, d)
		}
	}
	if decimal(t, "-12.25").Float64() != -12.25 {
		t.Error("not the nearest number")
	}
	for _, text := range []string{"", "-", "1e5", ".", strings.Repeat("9", 39)} {
		if d, err := arrow.ParseDecimal(text); err == nil {
			t.Errorf("%q became %s", text, d)
		}
	}
}
