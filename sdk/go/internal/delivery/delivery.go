// Package delivery sends rows to a service until each is delivered or rejected.
package delivery

// Rows is what is needed of a batch.
type Rows[R any] interface {
	RowCount() int
	Slice(offset, length int) (R, error)
}

// Way is how rows are sent and rejected.
type Way[R Rows[R]] struct {
	// AtMost so many rows are sent at once; 0: all.
	AtMost int
	// Send sends rows. refusal says why the service does not take them, "" where it does: some of them may be wrong, or
	// they are too many.
	Send func(rows R) (refusal string, err error)
	// Reject makes dead letters of rows.
	Reject func(rows R, reason string) error
}

// Deliver sends rows, and each half by itself where they are refused; a row that is refused alone is rejected.
func (w *Way[R]) Deliver(rows R) error {
	count := rows.RowCount()
	step := w.AtMost
	if step == 0 || step >= count {
		return w.deliver(rows, count)
	}
	for first := 0; first < count; first += step {
		if err := w.part(rows, first, min(step, count-first)); err != nil {
			return err
		}
	}
	return nil
}

func (w *Way[R]) deliver(rows R, count int) error {
	if count == 0 {
		return nil
	}
	refusal, err := w.Send(rows)
	switch {
	case err != nil || refusal == "":
		return err
	case count == 1:
		return w.Reject(rows, refusal)
	}
	half := count / 2
	if err := w.part(rows, 0, half); err != nil {
		return err
	}
	return w.part(rows, half, count-half)
}

func (w *Way[R]) part(rows R, offset, length int) error {
	part, err := rows.Slice(offset, length)
	if err != nil {
		return err
	}
	return w.deliver(part, length)
}
