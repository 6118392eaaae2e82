package wasmsink

import (
	"time"

	deadletters "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_sink_dead_letters"
	hostepoch "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_sink_epoch"
)

// Reject makes dead letters of all rows of a batch, with one reason. They are committed with the epoch.
func Reject(rows *Batch, reason string) error {
	handle, err := rows.borrow()
	if err != nil || rows.RowCount() == 0 {
		return err
	}
	return done(deadletters.Reject(handle, printable(reason)))
}

// Skip says that so many rows are left out on purpose. An epoch that took rows but staged, rejected and skipped none
// fails.
func Skip(rows int, reason string) { hostepoch.Skip(uint32(max(rows, 0)), printable(reason)) }

// CommitWithin asks for a commit no later than this from now; 0 is after this Write. The earliest wish of an epoch
// counts, and the host's own limits may close it sooner.
func CommitWithin(limit time.Duration) { hostepoch.CommitWithin(milliseconds(limit)) }
