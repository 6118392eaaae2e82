package tests

import (
	"testing"

	"github.com/wasm-sink/wasm-sink/sdk/go/internal/arrow"
)

const benchRows = 10_000

func stream(b *testing.B) []byte {
	b.Helper()
	numbers, texts := make([]float64, benchRows), make([]string, benchRows)
	valid := make([]byte, benchRows/8)
	for row := range numbers {
		numbers[row], texts[row] = float64(row), "0123456789abcdef"
		if row%50 != 0 {
			valid[row>>3] |= 1 << (row & 7)
		}
	}
	table := arrow.Table{Rows: benchRows}
	for name, make := range map[string]func(arrow.DataType) (*arrow.Array, error){
		"float64": func(t arrow.DataType) (*arrow.Array, error) { return arrow.Make(t, numbers, valid) },
		"utf8":    func(t arrow.DataType) (*arrow.Array, error) { return arrow.Make(t, texts, nil) },
	} {
		dataType, err := arrow.Parse(name)
		if err != nil {
			b.Fatal(err)
		}
		column, err := make(dataType)
		if err != nil {
			b.Fatal(err)
		}
		table.Fields = append(table.Fields, arrow.Field{Name: name, Type: dataType, Nullable: true})
		table.Columns = append(table.Columns, column)
	}
	return arrow.Write(&table)
}

func values[T any](b *testing.B, name string) {
	bytes := stream(b)
	for b.Loop() {
		table, err := arrow.Read(bytes)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := arrow.Values[T](table.Column(name)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadNumbers(b *testing.B) { values[float64](b, "float64") }
func BenchmarkReadTexts(b *testing.B)   { values[string](b, "utf8") }
func BenchmarkReadAny(b *testing.B)     { values[any](b, "float64") }
func BenchmarkWrite(b *testing.B) {
	for b.Loop() {
		stream(b)
	}
}
