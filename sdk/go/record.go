package wasmsink

import (
	"encoding/json"
	"strings"
)

// rowColumn has the text of a record.
const rowColumn = "row"

// whole is the plan that makes records of rows, the same for all batches.
var whole *Plan

// Records gives each row as a value of a type of yours, as encoding/json fills it from the row's JSON; T may be
// map[string]any. Simple, and slow beside [ReadColumn]: some 15 µs for a row.
//
// Where the type says any, a number is a [json.Number], with all its digits: float64 rounds integers beyond 2^53.
//
// A row that does not fit the type is an error of kind [Rejected]: the host makes a dead letter of it, if the sink
// returns it.
func Records[T any](batch *Batch) ([]T, error) {
	texts, err := jsonTexts(batch)
	if err != nil {
		return nil, err
	}
	return decode[T](texts)
}

func decode[T any](texts *Column[string]) ([]T, error) {
	records := make([]T, texts.Len())
	// One for all rows: making it takes longer than decoding a row.
	reader := strings.NewReader("")
	decoder := json.NewDecoder(reader)
	decoder.UseNumber()
	for row, text := range texts.All() {
		if text == nil {
			continue
		}
		reader.Reset(*text)
		if err := decoder.Decode(&records[row]); err != nil {
			return nil, Errorf(Rejected, "row %d as a %T: %w", row, records[row], err)
		}
	}
	return records, nil
}

// jsonTexts gives each row as the host writes it in JSON.
func jsonTexts(batch *Batch) (*Column[string], error) {
	if whole == nil {
		plan := NewPlan()
		if err := plan.JSON(rowColumn); err != nil {
			return nil, err
		}
		whole = plan
	}
	shaped, err := whole.Apply(batch)
	if err != nil {
		return nil, err
	}
	return ReadColumn[string](shaped, rowColumn)
}
