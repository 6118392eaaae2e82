package wasmsink

import "encoding/json"

// rowColumn has the text of a record.
const rowColumn = "row"

// whole is the plan that makes records of rows, the same for all batches.
var whole *Plan

// Records gives each row as a value of a type of yours, as encoding/json fills it from the row's JSON; T may be
// map[string]any. Simple, and slow beside [ReadColumn]: some 15 µs for a row.
//
// A row that does not fit the type is an error of kind [Rejected]: the host makes a dead letter of it, if the sink
// returns it.
func Records[T any](batch *Batch) ([]T, error) {
	texts, err := jsonTexts(batch)
	if err != nil {
		return nil, err
	}
	records := make([]T, texts.Len())
	for row, text := range texts.All() {
		if text == nil {
			continue
		}
		if err := json.Unmarshal([]byte(*text), &records[row]); err != nil {
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
