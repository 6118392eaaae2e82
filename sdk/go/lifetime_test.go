package wasmsink

import (
	"testing"

	"github.com/wasm-sink/wasm-sink/sdk/go/internal/abi"
	types "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_sink_types"
)

func TestWhatACallIsFromIsKeptUntilItIsOver(t *testing.T) {
	defer endEpoch()
	// Somebody's that can be freed, or the host would not be asked once more; 0 needs no host for it.
	adopt(types.BatchFromOwnHandle(0))
	one, other := types.BatchFromOwnHandle(1), types.BatchFromOwnHandle(2)
	defer one.TakeHandle()
	defer other.TakeHandle()
	calls := 0
	call := func() batchOrError {
		calls++
		one.Handle()
		other.Handle()
		return abi.Err[*types.Batch](types.Error{Kind: types.ErrorKindInvalid, Message: "no such column"})
	}
	_, err := made(call, adopt(one), adopt(other))
	if err == nil || err.Error() != "no such column" || calls != 2 {
		t.Errorf("%d calls, %v", calls, err)
	}
}
