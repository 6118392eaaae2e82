package wasmsink

import (
	"runtime"
	"weak"

	"github.com/wasm-sink/wasm-sink/sdk/go/internal/bridge"
	types "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_sink_types"
)

// Handles are freed here, and by no finalizer: the host may not be called at any time, for instance not while it asks
// for memory, and that is when the garbage collector runs.

// held is a handle that the host has not got back.
type held struct {
	handle *types.Batch
	batch  weak.Pointer[Batch]
}

// epoch is what lives until Flush has returned.
var epoch struct {
	number  uint64
	batches []held
	// sweepAt so many batches those that the sink has let go of are looked for.
	sweepAt int
}

// fewBatches are kept without looking which of them are needed.
const fewBatches = 4096

func adopt(handle *types.Batch) *Batch {
	if len(epoch.batches) >= max(epoch.sweepAt, fewBatches) {
		sweep()
	}
	b := &Batch{handle: handle, epoch: epoch.number, rows: -1}
	epoch.batches = append(epoch.batches, held{handle, weak.Make(b)})
	return b
}

// made adopts what a call of the host has made. What an instance holds of an epoch is limited: where the host
// refuses the call, and batches that the sink has let go of could be freed, it is asked once more. The call has but the
// handles of the batches that it is from, which the sink may have let go of, too: they are kept until it is over.
func made(call func() batchOrError, from ...*Batch) (*Batch, error) {
	defer runtime.KeepAlive(from)
	result := call()
	if result.IsErr() && Kind(result.Err().Kind) == Invalid && sweep() {
		result = call()
	}
	if result.IsErr() {
		return nil, failure(result.Err())
	}
	return adopt(result.Ok()), nil
}

// sweep frees what the sink has let go of, and tells whether there was any.
func sweep() bool {
	runtime.GC()
	kept := epoch.batches[:0]
	for _, held := range epoch.batches {
		if held.batch.Value() == nil {
			held.handle.Drop()
		} else {
			kept = append(kept, held)
		}
	}
	freed := len(epoch.batches) - len(kept)
	clear(epoch.batches[len(kept):])
	epoch.batches = kept
	epoch.sweepAt = 2 * len(kept)
	return freed > 0
}

// endEpoch frees all batches.
func endEpoch() {
	for _, held := range epoch.batches {
		held.handle.Drop()
	}
	clear(epoch.batches)
	epoch.batches = epoch.batches[:0]
	epoch.sweepAt = 0
	epoch.number++
}

// free drops a batch that nobody else has seen.
func (b *Batch) free() {
	last := len(epoch.batches) - 1
	for i := last; i >= 0; i-- {
		if held := epoch.batches[i]; held.handle == b.handle {
			held.handle.Drop()
			epoch.batches[i] = epoch.batches[last]
			epoch.batches = epoch.batches[:last]
			return
		}
	}
}

// borrow gives the handle for a call.
func (b *Batch) borrow() (*types.Batch, error) {
	if b == nil || b.handle == nil {
		return nil, Errorf(Invalid, "a batch that is nil: it comes from Write or from another batch")
	}
	if b.epoch != epoch.number {
		return nil, Errorf(Invalid, "a batch of an earlier epoch: batches live until Flush has returned; keep the "+
			"values that you need, not the batch")
	}
	return b.handle, nil
}

func (b *Batch) mustBorrow() *types.Batch {
	handle, err := b.borrow()
	if err != nil {
		panic(&misuse{err})
	}
	return handle
}

func init() {
	bridge.Borrow = func(batch any) (*types.Batch, error) { return batch.(*Batch).borrow() }
	bridge.Failure = failure
	bridge.Records = func(batch any) ([]string, error) {
		texts, err := jsonTexts(batch.(*Batch))
		if err != nil {
			return nil, err
		}
		return texts.Values(), nil
	}
}
